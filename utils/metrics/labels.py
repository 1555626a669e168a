"""Detection by threshold, and classification with its calibration."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.metrics.checks import as_matrix, as_truth


def precision_recall(y_true: ArrayLike, score: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    """Precision and recall of the rule `score >= threshold` at every distinct score, from the highest down.

    Args:
        y_true: (n,) bool, at least one of them true.
        score: (n,) float, higher means true.

    Returns:
        precision, recall, threshold, each (t,) float with t distinct scores; recall rises to 1.

    Raises:
        ValueError: empty, misshapen or NaN input, or nothing true.
    """
    hits, said, threshold = _decisions(y_true, score)
    return hits / said, hits / hits[-1], threshold


def _decisions(y_true: ArrayLike, score: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    """Right and all items at or above each distinct score, from the highest down, and the scores."""
    if np.ndim(y_true) != 1 or np.shape(y_true) != np.shape(score):
        raise ValueError(f"y_true has shape {np.shape(y_true)}, score {np.shape(score)}; give two equal rows.")
    y_true, score = as_truth([y_true])[0], as_matrix([score], "score")[0]
    if not y_true.any():
        raise ValueError(f"none of the {len(y_true)} items of y_true is true; precision and recall need one.")
    threshold, group, size = np.unique(-score, return_inverse=True, return_counts=True)
    return np.cumsum(np.bincount(group, y_true)), np.cumsum(size), -threshold


def average_precision(y_true: ArrayLike, score: ArrayLike) -> float:
    """Area under the steps of precision over recall, in [0, 1]; items of equal score are decided together.

    Arguments and errors as in `precision_recall`. A random order gives about the share of positives.
    """
    precision, recall, _ = precision_recall(y_true, score)
    return float(np.diff(recall, prepend=0.0) @ precision)


def best_threshold(y_true: ArrayLike, score: ArrayLike) -> float:
    """The threshold whose rule `score >= threshold` has the greatest F1, the highest of equals.

    Arguments and errors as in `precision_recall`.
    """
    hits, said, threshold = _decisions(y_true, score)
    return float(threshold[np.argmax(2 * hits / (said + hits[-1]))])


def classification(y_true: ArrayLike, prob: ArrayLike, bins: int = 15) -> dict[str, float]:
    """Accuracy and calibration; equal probabilities rank the lower class first.

    Args:
        y_true: (n,) int in [0, c).
        prob: (n, c) float, each row sums to 1 (softmax, not cosines).
        bins: bins of confidence, equally wide.

    Returns:
        `accuracy`, `macro_accuracy` (mean recall of the classes in y_true), `macro_f1` (over the classes in
        y_true or among the predictions), `top5`, `ece` (Guo et al. 2017, equation 3).

    Raises:
        ValueError: empty, misshapen or NaN input, rows that are no probabilities, an unknown class.
    """
    prob, y_true = as_matrix(prob, "prob"), np.asarray(y_true)
    if y_true.shape != prob.shape[:1] or not np.isin(y_true, np.arange(prob.shape[1])).all():
        raise ValueError(f"y_true must hold a class from 0 to {prob.shape[1] - 1} for each of {len(prob)} rows.")
    y_true = y_true.astype(np.int64)
    if (prob < 0).any() or not np.allclose(prob.sum(axis=1), 1.0, atol=1e-3):
        raise ValueError("the rows of prob must be probabilities that sum to 1; take the softmax of scores first.")
    place = (np.argsort(-prob, axis=1, kind="stable") == y_true[:, None]).argmax(axis=1)
    guess, right = prob.argmax(axis=1), place == 0
    true_n, guess_n, right_n = (np.bincount(x, minlength=prob.shape[1]) for x in (y_true, guess, y_true[right]))
    seen = (true_n + guess_n) > 0
    return {
        "accuracy": float(right.mean()),
        "macro_accuracy": float((right_n[true_n > 0] / true_n[true_n > 0]).mean()),
        "macro_f1": float((2 * right_n[seen] / (true_n + guess_n)[seen]).mean()),
        "top5": float((place < 5).mean()),
        "ece": _calibration_error(prob.max(axis=1), right, bins),
    }


def _calibration_error(confidence: NDArray, right: NDArray, bins: int) -> float:
    group = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    return float(np.abs(np.bincount(group, right - confidence.astype(np.float64))).sum() / len(right))
