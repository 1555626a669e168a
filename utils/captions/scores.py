"""Captions against what people wrote, BLEU (by torchmetrics) and CIDEr-D, and against the picture, CLIPScore."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils import search

ORDERS, SIGMA = (1, 2, 3, 4), 6.0


def words(sentence: str) -> list[str]:
    """Lower-case words without punctuation; "turtle's" and "sea-bird" are one word each."""
    return re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", sentence.lower())


def bleu(candidates: Sequence[str], references: Sequence[Sequence[str]], order: int = 4) -> float:
    """BLEU of a corpus (Papineni et al. 2002), in [0, 1].

    Args:
        candidates: n captions.
        references: n lists of human captions, each with one at least.
        order: longest n-gram.

    Raises:
        ValueError: not as many lists as candidates, or an empty list.
    """
    from torchmetrics.functional.text import bleu_score

    _check(candidates, references)
    if not candidates:
        return 0.0
    lower = [[" ".join(words(text)) for text in own] for own in references]
    return float(bleu_score([" ".join(words(text)) for text in candidates], lower, n_gram=order))


def cider(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """CIDEr-D of each caption (Vedantam et al. 2015), (n,) float64 in [0, 10]; the mean is the corpus's figure.

    n-grams of one to four words are weighted by how rare they are among the images' references, so that the figure depends
    on the whole corpus (of a single image it is 0); words repeated beyond the reference do not count, and another length is penalised (sigma 6).

    Args:
        candidates: n captions.
        references: n lists of human captions, each with one at least.

    Raises:
        ValueError: as `bleu`.
    """
    _check(candidates, references)
    known = [[_grams(text) for text in own] for own in references]
    documents = Counter(gram for own in known for gram in {gram for grams in own for gram in grams})
    most = np.log(max(len(references), 1))
    weights = {gram: most - np.log(count) for gram, count in documents.items()}
    scores = [
        np.mean([_likeness(_grams(text), grams, weights, most) for grams in own])
        for text, own in zip(candidates, known, strict=True)
    ]
    return 10.0 * np.array(scores, np.float64)


def clip_score(image_emb: ArrayLike, text_emb: ArrayLike) -> NDArray[np.float64]:
    """CLIPScore of each caption (Hessel et al. 2021): 2.5 times the cosine, 0 where that is negative; (n,) float64 in [0, 2.5].

    Levels of two encoders do not compare, and a sentence that claims more tends to score lower.

    Args:
        image_emb: (n, d) float, unit length.
        text_emb: (n, d) float, unit length, of the captions of these images.

    Raises:
        ValueError: shapes differ, or a row is not of unit length (NaN is not); names the row.
    """
    image_emb, text_emb = np.asarray(image_emb, np.float64), np.asarray(text_emb, np.float64)
    if image_emb.shape != text_emb.shape or image_emb.ndim != 2:
        raise ValueError(
            f"image_emb {image_emb.shape} and text_emb {text_emb.shape}: give one row each for every caption"
        )
    search.check_unit(image_emb, "image_emb")
    search.check_unit(text_emb, "text_emb")
    return 2.5 * np.clip((image_emb * text_emb).sum(1), 0, None)


def _check(candidates: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    if any(isinstance(own, str) for own in references):
        raise ValueError(
            f"references hold a bare sentence; give a list of sentences for each of {len(candidates)} captions"
        )
    if len(candidates) != len(references) or not all(len(own) for own in references):
        raise ValueError(
            f"{len(candidates)} captions and {len(references)} lists of references, the shortest of "
            f"{min(map(len, references), default=0)}; give each caption a list with one reference at least"
        )


def _grams(sentence: str) -> Counter[tuple[str, ...]]:
    said = words(sentence)
    return Counter(tuple(said[i : i + n]) for n in ORDERS for i in range(len(said) - n + 1))


def _likeness(one: Counter, other: Counter, weights: dict[tuple[str, ...], float], most: float) -> float:
    """Mean over n of the clipped cosine of two sentences' weighted n-grams, times the penalty of their lengths."""
    lengths = [sum(count for gram, count in grams.items() if len(gram) == 2) for grams in (one, other)]
    total = 0.0
    for n in ORDERS:
        a, b = (
            {g: count * weights.get(g, most) for g, count in grams.items() if len(g) == n} for grams in (one, other)
        )
        norm = np.sqrt(sum(v * v for v in a.values()) * sum(v * v for v in b.values()))
        total += sum(min(a[g], b[g]) * b[g] for g in a.keys() & b.keys()) / norm if norm else 0.0
    return total / len(ORDERS) * float(np.exp(-((lengths[0] - lengths[1]) ** 2) / (2 * SIGMA**2)))
