"""What of a CLIP learns: LoRA, or for comparison everything, the projections, or the biases alone.

An adapter is kept as the tensors that learned, the logit scale among them (peft's own files leave it out), so that a
reloaded adapter gives the logits of the one that was saved.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils import files

if TYPE_CHECKING:
    import torch

    from utils.encoders import Encoder

METHODS = ("lora", "full", "projections", "biases")
TOWERS = ("image", "text")
MATRICES = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "out": "out_proj", "fc1": "fc1", "fc2": "fc2"}
PROJECTIONS = {"image": "visual_projection", "text": "text_projection"}
TENSORS, SETTINGS = "adapter.safetensors", "adapter.json"


@dataclass(frozen=True)
class Adaptation:
    """What learns. The logit scale always does.

    Attributes:
        method: "lora" (Hu et al. 2021), "full", "projections" (into the common space), or "biases" (BitFit, Zaken et
            al. 2022).
        rank, alpha, dropout: of LoRA; the product of the two matrices is multiplied by alpha / rank, and the input
            of the pair is dropped out (in OpenAI's format it is not).
        matrices: of LoRA; of "q", "k", "v", "out", "fc1", "fc2" and "projection".
        towers: "image", "text" or both.
        seed: of the random matrices.

    Raises:
        ValueError: an unknown method, matrix or tower, or a number out of range.
    """

    method: str = "lora"
    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.1
    matrices: tuple[str, ...] = ("q", "k", "v", "out", "projection")
    towers: tuple[str, ...] = TOWERS
    seed: int = 0

    def __post_init__(self):
        choices = ((self.method,), METHODS), (self.matrices, (*MATRICES, "projection")), (self.towers, TOWERS)
        for given, known in choices:
            if not given or set(given) - set(known):
                raise ValueError(f"{list(given)}: choose among {', '.join(known)}")
        if self.rank < 1 or not 0 <= self.dropout < 1:
            raise ValueError(f"rank {self.rank}, dropout {self.dropout}: give a rank from 1 and a dropout in [0, 1)")


def adaptation_of(table: Mapping[str, Any]) -> Adaptation:
    """From a table of TOML or JSON, which know lists only."""
    return Adaptation(**{name: tuple(value) if isinstance(value, list) else value for name, value in table.items()})


def adapt(encoder: Encoder, adaptation: Adaptation) -> Encoder:
    """Freeze a CLIP but for what `adaptation` names, in place. Until the first step it gives what it gave before.

    Args:
        encoder: from `encoders.load`, in fp32; of either format.
        adaptation: what learns.

    Returns:
        The same encoder; its `fingerprint` follows what learns, its `base` is the one it had before.

    Raises:
        ValueError: already adapted, not in fp32, or a tower in which nothing of that kind is found.
    """
    if encoder.adaptation:
        raise ValueError(f"{encoder.name} is adapted already: load it anew, or `merge` it first")
    if encoder.precision != "fp32":
        raise ValueError(f"{encoder.name} is in {encoder.precision}: load it with precision='fp32' to train it")
    base, free = encoder.fingerprint, [] if adaptation.method == "lora" else _free(encoder, adaptation)
    encoder.model.requires_grad_(False)
    if adaptation.method == "lora":
        _add_lora(encoder, adaptation)
    for name, weight in encoder.model.named_parameters():
        if name in free or name.endswith("logit_scale"):
            weight.requires_grad_(True)
    towers = {_tower(name) for name in learning(encoder)}
    if missing := [tower for tower in adaptation.towers if tower not in towers]:
        raise ValueError(f"nothing in the {missing[0]} tower of {encoder.name} fits {asdict(adaptation)}")
    encoder.adaptation, encoder.base = adaptation, base
    return encoder


def _add_lora(encoder: Encoder, adaptation: Adaptation) -> None:
    if encoder.kind == "openai":
        from utils.finetune import lowrank

        lowrank.add(encoder.model, adaptation, _tower)
        return
    import torch
    from peft import LoraConfig, get_peft_model

    ends = {MATRICES[matrix] for matrix in adaptation.matrices if matrix in MATRICES}
    if "projection" in adaptation.matrices:
        ends |= set(PROJECTIONS.values())
    names = [name for name, _ in encoder.model.named_modules()
             if name.rsplit(".", 1)[-1] in ends and _tower(name) in adaptation.towers]  # fmt: skip
    if not names:
        return
    settings = LoraConfig(
        r=adaptation.rank, lora_alpha=adaptation.alpha, lora_dropout=adaptation.dropout, target_modules=names
    )
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)  # peft asks by the old name
        torch.manual_seed(adaptation.seed)
        encoder.model = get_peft_model(encoder.model, settings).eval()


def _free(encoder: Encoder, adaptation: Adaptation) -> list[str]:
    """Names of the parameters that learn without LoRA."""
    names = [name for name, _ in encoder.model.named_parameters() if _tower(name) in adaptation.towers]
    if adaptation.method == "full":
        return names
    if adaptation.method == "biases":
        return [name for name in names if name.endswith("bias")]
    places = (*PROJECTIONS.values(), "visual.proj", "visual.attnpool.c_proj")
    return [name for name in names if name.removesuffix(".weight").removesuffix(".bias") in places]


def _tower(name: str) -> str:
    """Which tower a parameter or module belongs to, in either format; "" for the logit scale."""
    name = name.removeprefix("base_model.model.")
    if name == "logit_scale":
        return ""
    return "image" if name.startswith(("vision_model", "visual")) else "text"


def learning(encoder: Encoder) -> dict[str, torch.nn.Parameter]:
    """The parameters that learn, by name."""
    return {name: weight for name, weight in encoder.model.named_parameters() if weight.requires_grad}


def count(encoder: Encoder) -> tuple[int, int]:
    """How many numbers learn, and how many there are in all."""
    return sum(w.numel() for w in learning(encoder).values()), sum(w.numel() for w in encoder.model.parameters())


def save(encoder: Encoder, folder: str | Path, base: str) -> Path:
    """Write what learned as safetensors, with the settings that rebuild it.

    Args:
        encoder: adapted.
        folder: made if missing; each file appears whole or not at all.
        base: fingerprint of the encoder before it was adapted, which `load` asks for again.
    """
    from safetensors.torch import save_file

    folder = Path(folder)
    tensors = {name: weight.detach().cpu().contiguous() for name, weight in learning(encoder).items()}
    with files.atomic_write(folder / TENSORS) as temporary:
        save_file(tensors, temporary)
    files.write_json(folder / SETTINGS, {"base": base, "slot": encoder.name, "adaptation": asdict(encoder.adaptation)})
    return folder


def load(encoder: Encoder, folder: str | Path) -> Encoder:
    """Adapt a freshly loaded encoder as the one that was saved in `folder`, in place.

    Raises:
        ValueError: the adapter belongs to another model, or its file does not fit its settings.
        FileNotFoundError: there is no adapter in the folder.
    """
    import torch
    from safetensors.torch import load_file

    folder = Path(folder)
    if not (folder / SETTINGS).exists():
        raise FileNotFoundError(f"{folder} holds no adapter ({SETTINGS} is missing)")
    card = files.read_json(folder / SETTINGS)
    if card["base"] != encoder.fingerprint:
        raise ValueError(f"{folder} was trained on another model than this {encoder.name}: load {card['slot']} in fp32")
    adapt(encoder, adaptation_of(card["adaptation"]))
    saved, own = load_file(folder / TENSORS), learning(encoder)
    if saved.keys() != own.keys() or any(saved[name].shape != own[name].shape for name in own):
        raise ValueError(f"{folder / TENSORS} does not fit {SETTINGS} beside it: save the adapter again")
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(saved[name])
    return encoder
