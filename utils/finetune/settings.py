"""The settings of a training, with the marine seed's values as defaults where it has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from utils import config
from utils.finetune.adapters import Adaptation, adaptation_of
from utils.finetune.checks import finite

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
        whole = "give a whole number, 1 or more"
        for name in ("epochs", "batch"):
            self._ask(name, lambda value: value >= 1 and value == int(value), whole)
        for name in ("steps", "chunk", "patience"):
            if getattr(self, name) is not None:
                self._ask(name, lambda value: value >= 1 and value == int(value), f"{whole}, or None")
        for name in ("rate", "decay"):
            self._ask(name, lambda value: value >= 0, "give a number from 0 up")
        for name in ("warmup", "weight", "detail"):
            self._ask(name, lambda value: 0 <= value <= 1, "give a share in [0, 1]")
        self._ask("share", lambda value: 0 < value < 1, "give the turtles' part of a batch, in (0, 1)")
        self._ask("patches", lambda value: 0 < value <= 1, "give the share that is seen, in (0, 1]")
        self._ask("seed", lambda value: value >= 0 and value == int(value), "give a whole number, 0 or more")
        if not isinstance(self.adaptation, Adaptation):
            raise ValueError(f"adaptation is {self.adaptation!r}; give a finetune.Adaptation")

    def _ask(self, name: str, fits: Callable[[Any], bool], advice: str) -> None:
        value = getattr(self, name)
        if not finite(value) or not fits(value):
            raise ValueError(f"{name} is {value!r}; {advice}")


def from_profile() -> Settings:
    """The profile's table `finetune`, with the configured seed."""
    cfg = config.load()
    table = dict(cfg.budgets["finetune"])
    return Settings(**table | {"seed": cfg.seed, "adaptation": adaptation_of(table.get("adaptation", {}))})
