"""Variety: duplicates are said in other words until they differ, and what still does not goes to review."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from utils import embed
from utils.captions import duplicates
from utils.captions.clean import strings
from utils.captions.paraphraser import paraphrase

if TYPE_CHECKING:
    from utils.encoders import Encoder

TEMPERATURES = (0.7, 0.85, 1.0, 1.15, 1.3)  # of the first to the last try


def vary(
    sentences: Sequence[str],
    model: str | Path = "llama",
    encoder: Encoder | None = None,
    near: float = 0.97,
    temperatures: Sequence[float] = TEMPERATURES,
    seed: int = 0,
    guard: bool = True,
) -> pd.DataFrame:
    """Captions of which none says what another does: all but the first of a group of duplicates are paraphrased.

    Args:
        sentences: n captions.
        model: as in `paraphrase`.
        encoder: a CLIP; with one near duplicates count too, and the guard knows other words for a thing.
        near: cosine from which two sentences are near duplicates.
        temperatures: one a try.
        seed: of the drawing.
        guard: refuse paraphrases that change a fact.

    Returns:
        One row a sentence: source, caption, tries (how often it was asked again), kept (False where the last try was
        refused), group (equal numbers are duplicates still: they belong before a person).
    """
    sources = strings(sentences)
    captions, tries, kept = list(sources), np.zeros(len(sources), np.int64), np.ones(len(sources), bool)
    for number, temperature in enumerate(temperatures):
        doubles = np.flatnonzero(_later(_groups(captions, encoder, near)))
        doubles = [row for row in doubles if sources[row].strip()]
        if not doubles:
            break
        asked = [sources[row] for row in doubles]
        said = paraphrase(asked, model, temperature, seed + number, guard, encoder)
        for row, text, stands in zip(doubles, said["caption"], said["kept"], strict=True):
            captions[row], kept[row] = text, stands
            tries[row] += 1
    found = {"source": sources, "caption": captions, "tries": tries, "kept": kept}
    return pd.DataFrame(found | {"group": _groups(captions, encoder, near)})


def _groups(captions: list[str], encoder: Encoder | None, near: float) -> np.ndarray:
    return duplicates.groups(captions, None if encoder is None else embed.texts(encoder, captions), near)


def _later(groups: np.ndarray) -> np.ndarray:
    """(n,) bool, all but the first of each group."""
    later = np.ones(len(groups), bool)
    later[np.unique(groups, return_index=True)[1]] = False
    return later
