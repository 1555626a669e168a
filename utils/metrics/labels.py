"""Detection by threshold, classification with its calibration, and labels of which an item has several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.metrics.checks import as_classes, as_matrix, as_probabilities, as_rows, as_truth
from utils.metrics.confidence import at_or_above, calibration_error


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
    as_rows(y_true=y_true, score=score)
    y_true, score = as_truth([y_true])[0], as_matrix([score], "score")[0]
    if not y_true.any():
        raise ValueError(f"none of the {len(y_true)} items of y_true is true; precision and recall need one.")
    return at_or_above(y_true, score)


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
    prob = as_probabilities(prob)
    y_true = as_classes(y_true, prob.shape[1], "y_true", len(prob))
    place = _places(y_true, prob)
    guess, right = prob.argmax(axis=1), place == 0
    true_n, guess_n, right_n = (np.bincount(x, minlength=prob.shape[1]) for x in (y_true, guess, y_true[right]))
    seen = (true_n + guess_n) > 0
    return {
        "accuracy": float(right.mean()),
        "macro_accuracy": float((right_n[true_n > 0] / true_n[true_n > 0]).mean()),
        "macro_f1": float((2 * right_n[seen] / (true_n + guess_n)[seen]).mean()),
        "top5": float((place < 5).mean()),
        "ece": calibration_error(prob.max(axis=1), right, bins),
    }


def top_accuracy(y_true: ArrayLike, scores: ArrayLike, ks: Sequence[int] = (1, 5)) -> dict[str, float]:
    """Share of items whose class is among the k of highest score; equal scores rank the lower class first.

    Args:
        y_true: (n,) int in [0, c).
        scores: (n, c) float, probabilities or cosines.
        ks: how many classes count; from c on all do.

    Returns:
        `top1`, `top5` ... as `ks` names them.

    Raises:
        ValueError: empty, misshapen or NaN input, an unknown class, or a k below 1.
    """
    scores = as_matrix(scores, "scores")
    if min(ks, default=0) < 1:
        raise ValueError(f"ks is {tuple(ks)}; give whole numbers from 1.")
    place = _places(as_classes(y_true, scores.shape[1], "y_true", len(scores)), scores)
    return {f"top{k}": float((place < k).mean()) for k in ks}


def proper_scores(y_true: ArrayLike, prob: ArrayLike) -> dict[str, float]:
    """Scores that the true probabilities minimise, so that right and calibrated both count.

    Args:
        y_true: (n,) int in [0, c).
        prob: (n, c) float, each row sums to 1.

    Returns:
        `brier` (Brier 1950: mean of the squared distance to the one-hot truth, in [0, 2]), `nll` (mean negative
        logarithm of the true class's probability, which counts as 2**-52 where it is less).

    Raises:
        ValueError: as `classification`.
    """
    prob = as_probabilities(prob).astype(np.float64)
    y_true = as_classes(y_true, prob.shape[1], "y_true", len(prob))
    own = prob[np.arange(len(prob)), y_true]
    brier = (prob**2).sum(axis=1) - 2 * own + 1
    return {"brier": float(brier.mean()), "nll": float(-np.log(own.clip(np.finfo(np.float64).eps, 1)).mean())}


def multilabel_ap(truth: ArrayLike, scores: ArrayLike, difficult: ArrayLike | None = None) -> dict:
    """`average_precision` of every class where an item may have several, and its mean (mAP).

    Args:
        truth: (n, c) bool, which classes an item shows.
        scores: (n, c) float, higher means shown.
        difficult: (n, c) bool, where an item does not count for a class, neither for nor against it.

    Returns:
        `ap` (c,) float64, NaN for a class without a positive that counts; `mAP` over the others; `left_out`, how many
        classes have NaN.

    Raises:
        ValueError: empty, misshapen or NaN input, or no class with a positive.
    """
    truth, scores = as_truth(truth), as_matrix(scores, "scores")
    counts = np.ones_like(truth) if difficult is None else ~as_truth(difficult)
    if not truth.shape == scores.shape == counts.shape:
        raise ValueError(f"truth has shape {truth.shape}, scores {scores.shape}, difficult {counts.shape}; give equal.")
    if not (filled := (truth & counts).any(axis=0)).any():
        raise ValueError(f"none of {len(filled)} classes has a positive that counts; a mean of nothing is undefined.")
    ap = np.full(len(filled), np.nan)
    for k in np.flatnonzero(filled):
        ap[k] = average_precision(truth[counts[:, k], k], scores[counts[:, k], k])
    return {"ap": ap, "mAP": float(ap[filled].mean()), "left_out": int((~filled).sum())}


def _places(y_true: NDArray[np.int64], scores: NDArray) -> NDArray[np.int64]:
    """(n,) how many classes rank before the true one."""
    return (np.argsort(-scores, axis=1, kind="stable") == y_true[:, None]).argmax(axis=1)
