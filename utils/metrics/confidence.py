"""Confidence: how well it tells the share of right answers, and what abstaining where it is low gains."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.metrics.checks import as_matrix, as_rows, as_truth
from utils.metrics.intervals import wilson

NO_SHARE = {"mean": np.nan, "ci_low": np.nan, "ci_high": np.nan}


def reliability(confidence: ArrayLike, right: ArrayLike, bins: int = 15) -> dict[str, NDArray]:
    """Accuracy by confidence, in the bins of `ece` in `classification`: the points of a reliability diagram.

    Args:
        confidence: (n,) float in [0, 1], the probability of the predicted class.
        right: (n,) bool, whether that class is the true one.
        bins: equally wide; a value on an edge belongs to the lower bin.

    Returns:
        Arrays (bins,): `low`, `high` (edges), `n`, `confidence` (mean), `accuracy`, and its 95 % Wilson interval
        `ci_low`, `ci_high`. A bin without items has n 0, and NaN but for its edges.

    Raises:
        ValueError: empty, misshapen or NaN input, a confidence outside [0, 1], or no bin.
    """
    confidence, right = _checked(confidence, right)
    if (outside := ~((confidence >= 0) & (confidence <= 1))).any():
        raise ValueError(f"confidence {confidence[outside][0]} is no probability; take the softmax of scores first.")
    group, edges = bin_of(confidence, bins), np.arange(bins + 1) / bins
    n, accuracy, low, high = shares(right, group, bins)
    total = np.bincount(group, confidence, bins)
    mean = np.divide(total, n, out=np.full(bins, np.nan), where=n > 0)
    means = {"confidence": mean, "accuracy": accuracy, "ci_low": low, "ci_high": high}
    return {"low": edges[:-1], "high": edges[1:], "n": n, **means}


def calibration_error(confidence: NDArray, right: NDArray, bins: int) -> float:
    """Expected calibration error (Guo et al. 2017, equation 3) of checked rows as in `reliability`."""
    gap = np.bincount(bin_of(confidence, bins), right - confidence.astype(np.float64))
    return float(np.abs(gap).sum() / len(right))


def selective(confidence: ArrayLike, right: ArrayLike) -> dict[str, NDArray]:
    """What is kept and how right it is under the rule "answer if confidence >= threshold" (Geifman & El-Yaniv 2017).

    Args:
        confidence: (n,) float, higher is surer; it need not be a probability.
        right: (n,) bool, whether the answer is right.

    Returns:
        Arrays (t,), one value a distinct confidence, from the highest down: `threshold`, `coverage` (share kept, rises
        to 1), `n` kept, `accuracy` of the kept; 1 - accuracy is the risk.

    Raises:
        ValueError: empty, misshapen or NaN input.
    """
    confidence, right = _checked(confidence, right)
    hits, kept, threshold = at_or_above(right, confidence)
    return {"threshold": threshold, "coverage": kept / len(right), "n": kept, "accuracy": hits / kept}


def aurc(confidence: ArrayLike, right: ArrayLike) -> float:
    """Area under the risk-coverage curve (Geifman et al. 2019, section 2): the mean risk over all shares kept.

    In [0, 1], lower is better; a confidence that tells nothing has the error rate. Items of equal confidence count as
    in the mean over all their orders. Arguments and errors as in `selective`.
    """
    confidence, right = _checked(confidence, right)
    hits, kept, _ = at_or_above(right, confidence)
    place = np.arange(1, len(right) + 1)
    return float((1 - np.interp(place, np.append(0, kept), np.append(0, hits)) / place).mean())


def bin_of(confidence: NDArray, bins: int) -> NDArray[np.int64]:
    """(n,) int in [0, bins): the bin ]i / bins, (i + 1) / bins] of each confidence, 0 in the first."""
    if bins < 1:
        raise ValueError(f"{bins} bins of confidence; give 1 at least.")
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)


def at_or_above(right: NDArray, score: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Right and all items at or above each distinct score, from the highest down, and the scores."""
    threshold, group, size = np.unique(-score, return_inverse=True, return_counts=True)
    return np.cumsum(np.bincount(group, right)), np.cumsum(size), -threshold


def shares(right: NDArray[np.bool_], group: NDArray[np.int64], groups: int) -> tuple[NDArray, ...]:
    """n, share of right items, and its Wilson interval by group, (groups,) each; NaN where a group has no item."""
    rows = [right[group == k] for k in range(groups)]
    found = [wilson(row) if row.size else NO_SHARE for row in rows]
    return np.array([row.size for row in rows]), *(np.array([row[key] for row in found]) for key in NO_SHARE)


def _checked(confidence: ArrayLike, right: ArrayLike) -> tuple[NDArray, NDArray[np.bool_]]:
    as_rows(confidence=confidence, right=right)
    return as_matrix([confidence], "confidence")[0], as_truth([right])[0]
