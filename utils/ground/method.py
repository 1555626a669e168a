"""How boxes are held against a sentence: what is read of it, how they are shown, and what else counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from utils.embed.crops import STYLES

TEXTS = ("sentence", "subject", "both")


@dataclass(frozen=True)
class Method:
    """A way to ground a sentence without training.

    Attributes:
        text: what is compared with the crops: the "sentence", its "subject" alone ("black dog"), or "both", the mean.
        crops: styles of `embed.images`, one or several, whose scores are averaged; a lone name is one.
        prompt: what is said to the encoder, with {} for the text.
        gate: least cosine of the subject's noun with the name of a class, by the encoder's texts, from which on only
            boxes of this class count; a class that the noun itself names counts in any case. None: all boxes count.
        relations: boxes are weighed by how they fit what the sentence says of place, order, size and other things.
        alike: with relations, "the second brown dog" is looked for among the dogs that look brown, not among all dogs.
        denied: what the sentence denies ("without a net") is taken off the scores.
        contrast: the sentences of a picture compete for its boxes. Transductive: an ablation, no method for use.

    Raises:
        ValueError: a value that is not one of these; names it.
    """

    text: str = "sentence"
    crops: str | Sequence[str] = ("pad",)
    prompt: str = "{}"
    gate: float | None = None
    relations: bool = False
    alike: bool = False
    denied: bool = False
    contrast: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "crops", (self.crops,) if isinstance(self.crops, str) else tuple(self.crops))
        if self.text not in TEXTS:
            raise ValueError(f"text {self.text!r} is unknown: choose {', '.join(TEXTS)}")
        if not self.crops or len(set(self.crops)) < len(self.crops) or not set(self.crops) <= set(STYLES):
            raise ValueError(f"crops {self.crops}: give one or more of {', '.join(STYLES)}, each once")
        if not isinstance(self.prompt, str) or self.prompt.count("{}") != 1:
            raise ValueError(f"the prompt {self.prompt!r} must have one place {{}} for the text, as 'a photo of {{}}'")
        if self.gate is not None and not _is_cosine(self.gate):
            raise ValueError(f"gate {self.gate!r} must be a cosine in [-1, 1], or None for no gate")
        for name in ("relations", "alike", "denied", "contrast"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"{name} is {getattr(self, name)!r}; it must be True or False")

    @property
    def reads(self) -> bool:
        """Whether the grammar of the sentence matters."""
        return self.text != "sentence" or self.gate is not None or self.relations or self.denied


def _is_cosine(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.fabs(value) <= 1
