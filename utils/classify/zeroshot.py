"""Zero-shot: the probability of each class from cosines to its text, and the scale that makes it honest."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils import search
from utils.classify.classes import finite
from utils.metrics.checks import as_classes

BOUNDS = (0.01, 1000.0)


def cosines(image_emb: ArrayLike, class_emb: ArrayLike) -> NDArray[np.float32]:
    """Scores of images that may show several classes at once (VOC): the cosine to each, and nothing else.

    A softmax would let the classes of one image compete, which they must not.

    Args:
        image_emb: (n, d) float, unit length.
        class_emb: (c, d) float, unit length, of `class_embeddings`.

    Returns:
        (n, c) float32 in [-1, 1].

    Raises:
        ValueError: rows that are not of unit length, or as `search.scores`.
    """
    scores = search.scores(image_emb, class_emb)
    search.check_unit(np.asarray(image_emb), "image_emb")
    search.check_unit(np.asarray(class_emb), "class_emb")
    return scores.clip(-1, 1)


def zero_shot(image_emb: ArrayLike, class_emb: ArrayLike, scale: float = 100.0) -> NDArray[np.float64]:
    """Probability of each class: softmax of the scaled cosines (Radford et al. 2021, figure 3).

    Args:
        image_emb: (n, d) float, unit length.
        class_emb: (c, d) float, unit length.
        scale: of the cosines: the model's own (100 in the published ones), or that of `fit_temperature`. It changes how
            sure an answer is, not which it is.

    Returns:
        (n, c) float64, rows sum to 1.

    Raises:
        ValueError: as `cosines`, or a scale that is not above 0.
    """
    if not 0 < scale < np.inf:
        raise ValueError(f"scale is {scale}; it must be above 0")
    return softmax(scale * cosines(image_emb, class_emb).astype(np.float64))


def fit_temperature(scores: ArrayLike, y_true: ArrayLike, bounds: tuple[float, float] = BOUNDS) -> float:
    """The scale (1 / temperature) that gives the true classes the greatest likelihood (Guo et al. 2017, section 4.2).

    The likelihood has one maximum in the scale, so that the root of its slope is it.

    Args:
        scores: (n, c) float, cosines or logits, of validation images.
        y_true: (n,) int in [0, c).
        bounds: least and greatest scale; where the maximum lies beyond, the bound is returned with a warning.

    Raises:
        ValueError: empty, misshapen or infinite scores, an unknown class, bounds that are not rising from above 0.
    """
    from scipy.optimize import brentq

    scores = finite(scores)
    y_true = as_classes(y_true, scores.shape[1], "y_true", len(scores))
    low, high = bounds
    if not 0 < low < high < np.inf:
        raise ValueError(f"bounds are {bounds}; give two rising numbers above 0")
    apart = scores - scores[np.arange(len(scores)), y_true][:, None]

    def slope(scale: float) -> float:
        return float((softmax(scale * apart) * apart).sum(axis=1).mean())

    if slope(low) >= 0 or slope(high) <= 0:
        bound, why = (low, "no better than chance") if slope(low) >= 0 else (high, "all but never wrong")
        warnings.warn(
            f"the scale stays at its bound {bound:g}: on these {len(scores)} images the scores are {why}", stacklevel=2
        )
        return float(bound)
    return float(brentq(slope, low, high))


def softmax(logits: ArrayLike) -> NDArray[np.float64]:
    """Rows (n, c) as probabilities, float64, safe for large values."""
    logits = np.asarray(logits, np.float64)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)
