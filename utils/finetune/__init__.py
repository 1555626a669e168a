"""Fine-tuning of CLIP on marine pairs: LoRA, balanced batches, contrastive losses, runs that can be resumed.

`train(encoder, frame, folder)` does it all; `load(encoder, folder / "best-turtle")` gives a tuned encoder, `export`
writes it merged, in the format that `encoders.load` takes. On several GPUs: `torchrun -m utils.finetune`.
"""

from utils.finetune.adapters import Adaptation, adapt, count, learning
from utils.finetune.batches import BalancedBatches
from utils.finetune.merging import export, interpolate, merge
from utils.finetune.named import NamedShots
from utils.finetune.rows import digest, parts
from utils.finetune.settings import Settings, from_profile
from utils.finetune.slots import specialist, tuned
from utils.finetune.stored import load, save
from utils.finetune.training import Run, train

__all__ = [
    "Adaptation", "BalancedBatches", "NamedShots", "Run", "Settings",
    "adapt", "count", "digest", "export", "from_profile", "interpolate", "learning", "load", "merge", "parts", "save", "specialist", "train", "tuned",
]  # fmt: skip
