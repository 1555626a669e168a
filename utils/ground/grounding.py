"""One picture, one sentence: the box that is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from utils import detect, encoders
from utils.ground.candidates import proposals, scenes
from utils.ground.method import Method
from utils.ground.pipeline import weigh

if TYPE_CHECKING:
    from utils.encoders import Encoder


@dataclass(frozen=True)
class Grounding:
    """What a sentence means in a picture.

    Attributes:
        box_xyxy: x0, y0, x1, y1 in px of the upright picture.
        score: its probability among the candidates; 0 of a whole picture.
        candidates: all boxes with their probabilities, best first, of equal ones the one the detector is surer of.
        whole: nothing was found, and the box is the whole picture.
        label: class of the box by the detector; "" of a whole picture.
        subject: what the sentence is about; "" where only the whole sentence counts.
        truncated: number of texts that were longer than the encoder reads, and lost their ends.
    """

    box_xyxy: list[float]
    score: float
    candidates: detect.Found
    whole: bool
    label: str
    subject: str
    truncated: int


def ground(
    image: str | Path,
    sentence: str,
    detector: str | Path | detect.Detector = "yolov8",
    encoder: str | Path | Encoder = "clip-vit-openai",
    text: str = "sentence",
    crop: str | Sequence[str] = "pad",
    confidence: float = 0.25,
    iou: float = 0.7,
    **method: Any,
) -> Grounding:
    """The box of a picture that a sentence means.

    Args:
        image: file of the picture.
        sentence: such as "the turtle left of the boat".
        detector: of `detect.load`, or what that takes.
        encoder: of `encoders.load`, or what that takes.
        text: "sentence", "subject" or "both".
        crop: style, or several, of `embed.images`.
        confidence, iou: as in `detect.boxes`.
        method: others of `Method`, such as relations=True.

    Raises:
        ValueError: an empty sentence, a picture that is missing or cannot be read, or an unknown setting.
    """
    how = Method(text=text, crops=crop, **method)
    words = pd.DataFrame({"sentence_id": [0], "image_id": [str(image)], "path": [str(image)], "sentence": [sentence]})
    detector = detector if isinstance(detector, detect.Detector) else detect.load(detector)
    encoder = encoders.load(encoder) if isinstance(encoder, (str, Path)) else encoder
    found = proposals(words, detector, confidence, iou)
    words, built = scenes(words, found)
    before = encoder.truncated
    (one,) = weigh(words, built, encoder, how, detector.classes)
    told = one.told()
    return Grounding(
        **{name: told[name] for name in ("box_xyxy", "score", "whole", "label", "subject")},
        candidates=_best_first(one.scene.found, one.shares),
        truncated=encoder.truncated - before,
    )


def _best_first(found: detect.Found, shares: np.ndarray) -> detect.Found:
    order = np.argsort(-shares[: len(found)], kind="stable")
    labels = [found.labels[place] for place in order]
    return detect.Found(found.boxes_xyxy[order], shares[order].astype(np.float32), labels)
