"""Captioning: the sentences of a captioner in its own format, and how far they are true of the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.figures import figure
from utils.captions.captioner import said
from utils.captions.facts import judged
from utils.captions.language_models import opened


def captions(folder: Path, images: Sequence[np.ndarray], batch: int = 50) -> list[str]:
    """A caption of the most likely words for each of n images (h, w, 3) uint8, by the files in `folder`."""
    writer, asked = opened(folder, "blip"), {"beams": 1, "temperature": None, "prompt": "", "most": 48}
    parts = [list(images[start : start + batch]) for start in range(0, len(images), batch)]
    return [text for part in parts for text in said(writer, part, asked)]


SHOWN = (
    ("main kind", "recall"), ("kinds", "precision"), ("colours", "precision"), ("turtle states", "precision"),
    ("turtle states", "recall"), ("all claims", "share"),
)  # fmt: skip


def judge(said: Sequence[str], truths: Sequence[Mapping]) -> list[dict[str, Any]]:
    """What captions say against what is seen: the facts SHOWN of `utils.captions.facts.compare`."""
    found = judged(said, truths)
    chosen = {key: found[(found["fact"] == key[0]) & (found["measure"] == key[1])] for key in SHOWN}
    return [figure(*key, list(part["value"]), list(part["row"])) for key, part in chosen.items()]
