"""The settings of a training, with the marine seed's values as defaults where it has them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from utils import config
from utils.finetune.adapters import Adaptation, adaptation_of

LOSSES = ("combined", "siglip")
LABELS = ("category", "identity", "caption")


@dataclass(frozen=True)
class Settings:
    """Of one training.

    Attributes:
        epochs: at most; `patience` epochs without a better validation loss end it earlier (None: never).
        steps: of an epoch; None for as many as show every image.
        batch: global batch, of which `share` shows turtles; `chunk`: rows embedded at once, None for all.
        rate, decay: AdamW's; `warmup`: share of the steps before the cosine.
        loss: "combined" or "siglip"; `weight`: UniCL's share in "combined" (0 is CLIP's loss alone). SigLIP begins at
            scale 10 and bias -10, as in its paper, whatever the model's scale.
        labels: what makes two images alike for UniCL: "category", "identity" or "caption" (alike if worded alike).
        same_text: images of one and the same sentence are positives of each other.
        detail: probability that an image comes with its last sentence (with ReefWorld the most detailed); else one of all is drawn.
        patches: share of each image's patches that a step sees, in (0, 1]; below 1 for vision transformers only. In the
            last fifth of the epochs it is all of them.
        seed: of order, captions and dropout.
        adaptation: what learns.

    Raises:
        ValueError: a value out of range; the message names it.
    """

    epochs: int = 50
    steps: int | None = None
    batch: int = 256
    chunk: int | None = None
    share: float = 0.25
    rate: float = 3e-4
    decay: float = 4e-4
    warmup: float = 0.1
    loss: str = "combined"
    weight: float = 0.5
    labels: str = "category"
    same_text: bool = True
    detail: float = 0.0
    patches: float = 1.0
    patience: int | None = None
    seed: int = 0
    adaptation: Adaptation = field(default_factory=Adaptation)

    def __post_init__(self):
        if self.loss not in LOSSES or self.labels not in LABELS:
            raise ValueError(
                f"loss {self.loss!r}, labels {self.labels!r}: choose among {', '.join(LOSSES)} and {', '.join(LABELS)}"
            )
        for name in ("epochs", "steps", "batch", "chunk", "patience"):
            value, needed = getattr(self, name), name in ("epochs", "batch")
            if (value is None and needed) or (value is not None and (value < 1 or value != int(value))):
                raise ValueError(f"{name} is {value}; give a whole number, 1 or more")
        for name in ("rate", "decay"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; give a number from 0 up")
        for name in ("warmup", "weight", "detail"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give a share in [0, 1]")
        if not 0 < self.patches <= 1:
            raise ValueError(f"patches is {self.patches}; give the share that is seen, in (0, 1]")


def from_profile() -> Settings:
    """The profile's table `finetune`, with the configured seed."""
    cfg = config.load()
    table = dict(cfg.budgets["finetune"])
    return Settings(**table | {"seed": cfg.seed, "adaptation": adaptation_of(table.get("adaptation", {}))})
