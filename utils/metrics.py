"""Metrics on arrays (NumPy only): retrieval, detection, classification, boxes, bootstrap intervals.

Fractions lie in [0, 1] and are never rounded. The tie rule of all retrieval metrics: a relevant item stands
in the middle of the irrelevant items of equal score, and relevant items do not hinder each other. So a model
that gives one score to everything ends in the middle of the gallery, however its sort orders ties.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

KS = (1, 5, 10)
DRAWS_AT_ONCE = 4_000_000


def retrieval(
    scores: ArrayLike, relevant: ArrayLike, ks: Sequence[int] = KS, no_relevant: str = "raise"
) -> dict[str, float]:
    """Means over the queries; see `per_query` for the arguments and errors.

    Returns:
        `R@k` (hit rate: queries with a relevant item among the first k), `recall@k` (relevant items among
        the first k), `mean_rank` and `median_rank` (1-based, of the first relevant item), `MRR`, `mAP`,
        `n_queries` (those that count), `gallery_n`.

    >>> retrieval([[0.9, 0.1, 0.5]], [[False, False, True]], ks=(1, 2))["R@2"]
    1.0
    """
    each = per_query(scores, relevant, ks, no_relevant)
    rank, reciprocal, precision = (each.pop(name) for name in ("rank", "RR", "AP"))
    return {
        **{name: float(values.mean()) for name, values in each.items()},
        "mean_rank": float(rank.mean()),
        "median_rank": float(np.median(rank)),
        "MRR": float(reciprocal.mean()),
        "mAP": float(precision.mean()),
        "n_queries": float(len(rank)),
        "gallery_n": float(np.shape(scores)[1]),
    }


def per_query(
    scores: ArrayLike, relevant: ArrayLike, ks: Sequence[int] = KS, no_relevant: str = "raise"
) -> dict[str, NDArray[np.float64]]:
    """One value a query of each metric, for `bootstrap`.

    Args:
        scores: (m, n) float, higher is better; m queries, n gallery items.
        relevant: (m, n) bool.
        ks: whole numbers from 1; beyond n they count the whole gallery.
        no_relevant: "raise" or "skip" (leave out) queries without a relevant item.

    Returns:
        `rank`, `RR`, `AP` and `R@k`, `recall@k` for each k, each (m,) float64; with "skip" only the queries
        of `relevant.any(axis=1)`, so groups for `bootstrap` are taken from these.

    Raises:
        ValueError: empty, misshapen or NaN input, a k below 1, or a query without a relevant item.
    """
    _check_ks(ks)
    places = _places(scores, relevant, no_relevant)
    first = np.array([row[0] for row in places])
    each = {
        "rank": first,
        "RR": 1.0 / first,
        "AP": np.array([np.mean(np.arange(1, len(row) + 1) / row) for row in places]),
    }
    for k in ks:
        each[f"R@{k}"] = (first <= k).astype(float)
        each[f"recall@{k}"] = np.array([np.mean(row <= k) for row in places])
    return each


def first_ranks(scores: ArrayLike, relevant: ArrayLike, no_relevant: str = "raise") -> NDArray[np.float64]:
    """Rank of each query's first relevant item: 1 + irrelevant items above it + half of those equal to it.

    Arguments and errors as in `per_query`; returns (m,) float64, 1 at best.

    >>> first_ranks([[0.9, 0.5, 0.5]], [[False, True, False]])
    array([2.5])
    """
    return np.array([row[0] for row in _places(scores, relevant, no_relevant)])


def _places(scores: ArrayLike, relevant: ArrayLike, no_relevant: str) -> list[NDArray[np.float64]]:
    """Places of each query's relevant items: the j-th is at j + irrelevant above + half of those equal."""
    scores, relevant = _matrix(scores, "scores"), _truth(relevant)
    if scores.shape != relevant.shape:
        raise ValueError(f"scores has shape {scores.shape}, relevant {relevant.shape}; they must be equal.")
    rows = _answerable(relevant.any(axis=1), no_relevant)
    return [_row_places(scores[i], relevant[i]) for i in rows]


def _row_places(scores: NDArray, relevant: NDArray[np.bool_]) -> NDArray[np.float64]:
    good, bad = np.sort(-scores[relevant]), np.sort(-scores[~relevant])
    around = np.searchsorted(bad, good, "left") + np.searchsorted(bad, good, "right")
    return np.arange(1, len(good) + 1) + around / 2


def ndcg(
    scores: ArrayLike, gains: ArrayLike, k: int | None = None, no_relevant: str = "raise"
) -> NDArray[np.float64]:
    """Normalised discounted cumulative gain of each query (Järvelin and Kekäläinen 2002), linear in the gain.

    Items of equal score share their mean gain: the expected value over their orders (McSherry and Najork
    2008, section 3).

    Args:
        scores: (m, n) float, higher is better.
        gains: (m, n) float from 0, graded relevance.
        k: count the first k items only.
        no_relevant: "raise" or "skip" queries whose gains are all 0.

    Returns:
        (m,) float64 in [0, 1].

    Raises:
        ValueError: as `per_query`, and for a negative gain.
    """
    scores, gains = _matrix(scores, "scores"), _matrix(gains, "gains")
    k = scores.shape[1] if k is None else k
    if scores.shape != gains.shape or (gains < 0).any() or k < 1:
        raise ValueError(
            f"scores {scores.shape}, gains {gains.shape} from {gains.min()} and k {k}: shapes must agree, "
            "gains start at 0 and k at 1."
        )
    place = np.arange(1, scores.shape[1] + 1)
    discount = np.where(place <= k, 1.0 / np.log2(place + 1), 0.0)
    rows = _answerable((gains > 0).any(axis=1), no_relevant)
    found = np.array([_shared(scores[i], gains[i]) @ discount for i in rows])
    return found / (-np.sort(-gains[rows], axis=1) @ discount)


def _shared(scores: NDArray, gains: NDArray) -> NDArray[np.float64]:
    """Gains in order of falling score, each replaced by the mean of its ties."""
    _, group, size = np.unique(-scores, return_inverse=True, return_counts=True)
    return np.repeat(np.bincount(group, gains) / size, size)


def chance(relevant: ArrayLike, ks: Sequence[int] = KS, no_relevant: str = "raise") -> dict[str, float]:
    """Exact expected values of `R@k`, `recall@k`, `mean_rank`, `MRR` and `mAP` if the gallery were shuffled.

    With r relevant items among n, none is among the first p with probability C(n - r, p) / C(n, p).

    Args:
        relevant: (m, n) bool.
        ks: as in `per_query`.
        no_relevant: as in `per_query`.
    """
    _check_ks(ks)
    relevant = _truth(relevant)
    n = relevant.shape[1]
    queries = _answerable(relevant.any(axis=1), no_relevant)
    counts, times = np.unique(relevant[queries].sum(axis=1), return_counts=True)
    found = [_chance_of(int(count), n, ks) for count in counts]
    return {name: float(np.average([row[name] for row in found], weights=times)) for name in found[0]}


def _chance_of(r: int, n: int, ks: Sequence[int]) -> dict[str, float]:
    place = np.arange(1, n + 1)
    missed = np.cumprod((n - r - place + 1).clip(0) / (n - place + 1))  # nothing relevant up to this place
    first_here = -np.diff(missed, prepend=1.0)
    density = (r - 1) / (n - 1) if n > 1 else 0.0
    return {
        **{f"R@{k}": 1.0 - missed[min(k, n) - 1] for k in ks},
        **{f"recall@{k}": min(k, n) / n for k in ks},
        "mean_rank": (n + 1) / (r + 1),
        "MRR": float((first_here / place).sum()),
        "mAP": float(((1 - density) / place + density).mean()),
    }


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
        raise ValueError(
            f"y_true has shape {np.shape(y_true)}, score {np.shape(score)}; give two equal rows."
        )
    y_true, score = _truth([y_true])[0], _matrix([score], "score")[0]
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
    prob, y_true = _matrix(prob, "prob"), np.asarray(y_true)
    if y_true.shape != prob.shape[:1] or not np.isin(y_true, np.arange(prob.shape[1])).all():
        raise ValueError(
            f"y_true must hold a class from 0 to {prob.shape[1] - 1} for each of {len(prob)} rows."
        )
    y_true = y_true.astype(np.int64)
    if (prob < 0).any() or not np.allclose(prob.sum(axis=1), 1.0, atol=1e-3):
        raise ValueError(
            "the rows of prob must be probabilities that sum to 1; take the softmax of scores first."
        )
    place = (np.argsort(-prob, axis=1, kind="stable") == y_true[:, None]).argmax(axis=1)
    guess, right = prob.argmax(axis=1), place == 0
    true_n, guess_n, right_n = (
        np.bincount(x, minlength=prob.shape[1]) for x in (y_true, guess, y_true[right])
    )
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


def iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of boxes_xyxy, (..., 4) each, broadcast against each other: (...) in [0, 1].

    A box without area (flat, inverted or NaN) overlaps with nothing. All against all: `iou(a[:, None], b)`.

    >>> float(iou([0, 0, 2, 2], [1, 0, 3, 2]).round(3))
    0.333
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape[-1:] != (4,) or b.shape[-1:] != (4,):
        raise ValueError(f"boxes have shapes {a.shape} and {b.shape}; the last axis must be x0, y0, x1, y1.")
    common = _area(np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:]))
    union = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - common
    return np.divide(common, union, out=np.zeros_like(union), where=common > 0)


def _area(low: NDArray, high: NDArray) -> NDArray[np.float64]:
    sides = np.nan_to_num(high - low, nan=0.0).clip(0)
    return sides[..., 0] * sides[..., 1]


def grounding(pred_boxes: Sequence, true_boxes: ArrayLike) -> dict[str, float]:
    """`acc@0.5` (share with IoU >= 0.5) and `mIoU` of one predicted box a sentence.

    Args:
        pred_boxes: n boxes_xyxy; None or NaN where nothing was found counts as IoU 0.
        true_boxes: (n, 4) boxes_xyxy with an area.

    Raises:
        ValueError: no boxes, unequal numbers, or a true box without area.
    """
    pred = np.array([[np.nan] * 4 if box is None else box for box in pred_boxes], np.float64).reshape(-1, 4)
    true = _matrix(true_boxes, "true_boxes")
    if pred.shape != true.shape:
        raise ValueError(f"pred_boxes has shape {pred.shape}, true_boxes {true.shape}; both must be (n, 4).")
    flat = np.flatnonzero(_area(true[:, :2], true[:, 2:]) <= 0)
    if len(flat):
        raise ValueError(
            f"true_boxes[{flat[0]}] is {true[flat[0]].tolist()}, without area; x0 < x1, y0 < y1."
        )
    overlap = iou(pred, true)
    return {"acc@0.5": float((overlap >= 0.5).mean()), "mIoU": float(overlap.mean())}


def bootstrap(
    values: ArrayLike,
    groups: Sequence | None = None,
    n: int = 2000,
    seed: int = 0,
    statistic: Callable[[NDArray], float] | None = None,
) -> dict[str, float]:
    """The mean and its 95 % percentile interval, resampling whole groups (cluster bootstrap).

    Args:
        values: (v,) float or bool; with a `statistic` also (v, ...), for instance columns of truth and score.
        groups: (v,) names, such as identity; rows of one name are drawn together, None is a group by itself.
        n: resamples.
        seed: fixes the result.
        statistic: called on rows of `values` in place of the mean.

    Returns:
        `mean` (of the values themselves, or their statistic), `ci_low`, `ci_high`.

    Raises:
        ValueError: empty, NaN or infinite values, no resample, or groups of another length.

    >>> bootstrap([0.0, 1.0, 1.0], statistic=np.median)["mean"]
    1.0
    """
    drawn, mean = _resampled(values, groups, n, seed, statistic)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return {"mean": mean, "ci_low": float(low), "ci_high": float(high)}


def wilson(hits: ArrayLike) -> dict[str, float]:
    """The share of hits and its 95 % score interval (Wilson 1927), which is honest for few trials and for 0 or all.

    Args:
        hits: (v,) bool or 0 and 1.

    Returns:
        `mean`, `ci_low`, `ci_high`.

    Raises:
        ValueError: no trial.

    >>> wilson([1, 1])["ci_low"] < 0.5
    True
    """
    hits = np.asarray(hits, np.float64)
    if hits.ndim != 1 or not hits.size:
        raise ValueError(f"hits has shape {hits.shape}; it must be a row of at least one trial.")
    n, share, z2 = len(hits), float(hits.mean()), 1.959964**2
    middle, reach = share + z2 / (2 * n), np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n)))
    low, high = ((middle + side * reach) / (1 + z2 / n) for side in (-1, 1))
    return {"mean": share, "ci_low": float(max(low, 0.0)), "ci_high": float(min(high, 1.0))}


def paired_bootstrap(
    a: ArrayLike, b: ArrayLike, groups: Sequence | None = None, n: int = 2000, seed: int = 0
) -> dict[str, float]:
    """The mean of a - b on the same queries, its interval, and a two-sided p for "no difference".

    Args:
        a: (v,) float, one method's value for each query.
        b: (v,) float, the other's.
        groups: as in `bootstrap`.
        n: resamples.
        seed: fixes the result.

    Returns:
        `mean`, `ci_low`, `ci_high`, `p` (twice the smaller share of resamples on one side of 0, at least
        2 / (n + 1)).
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        raise ValueError(f"a has shape {a.shape}, b {b.shape}; they must be pairs.")
    drawn, mean = _resampled(a - b, groups, n, seed)
    low, high = np.quantile(drawn, (0.025, 0.975))
    side = 1 + min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))
    return {
        "mean": mean,
        "ci_low": float(low),
        "ci_high": float(high),
        "p": float(min(1.0, 2 * side / (n + 1))),
    }


def _resampled(
    values: ArrayLike, groups: Sequence | None, n: int, seed: int, statistic: Callable | None = None
) -> tuple[NDArray[np.float64], float]:
    values = np.asarray(values, np.float64)
    if not values.size or not np.isfinite(values).all() or (values.ndim != 1 and statistic is None) or n < 1:
        raise ValueError(
            f"{n} resamples of values {values.shape}: give a row of finite numbers and n from 1."
        )
    codes = _group_codes(groups, len(values))
    draws = _draws(np.random.default_rng(seed), codes.max() + 1, n)
    if statistic is not None:
        members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
        samples = (np.concatenate([members[g] for g in row]) for rows in draws for row in rows)
        return np.array([statistic(values[rows]) for rows in samples]), float(statistic(values))
    base = values[0]  # taken out before summing, so that equal values give exactly equal means
    totals, sizes = np.bincount(codes, values - base), np.bincount(codes).astype(float)
    means = np.concatenate([totals[rows].sum(axis=1) / sizes[rows].sum(axis=1) for rows in draws])
    return base + means, float(base + totals.sum() / len(values))


def _draws(rng: np.random.Generator, groups: int, n: int) -> Iterator[NDArray[np.int64]]:
    """Rows of `groups` group numbers with replacement, n in all, in blocks that bound the memory."""
    block = max(1, DRAWS_AT_ONCE // groups)
    for start in range(0, n, block):
        yield rng.integers(0, groups, (min(block, n - start), groups))


def _group_codes(groups: Sequence | None, size: int) -> NDArray[np.int64]:
    if groups is None:
        return np.arange(size)
    if len(groups) != size:
        raise ValueError(f"there are {len(groups)} groups for {size} values; give one each.")
    known: dict = {}
    names = ((i,) if name is None or name != name else name for i, name in enumerate(groups))
    return np.array([known.setdefault(name, len(known)) for name in names])


def _matrix(values: ArrayLike, name: str) -> NDArray:
    values = np.asarray(values)
    if not np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float64)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"{name} has shape {values.shape}; it must have two axes and no empty one.")
    if np.isnan(values).any():
        row, column = np.argwhere(np.isnan(values))[0]
        raise ValueError(f"{name}[{row}, {column}] is NaN; a ranking of it would be arbitrary.")
    return values


def _truth(relevant: ArrayLike) -> NDArray[np.bool_]:
    relevant = np.asarray(relevant)
    if (
        relevant.ndim != 2
        or not relevant.size
        or not (relevant.dtype == bool or np.isin(relevant, (0, 1)).all())
    ):
        raise ValueError(
            f"truth of shape {relevant.shape} and type {relevant.dtype}; it must be bool, not empty."
        )
    return relevant.astype(bool)


def _check_ks(ks: Sequence[int]) -> None:
    if min(ks, default=1) < 1:
        raise ValueError(f"ks is {tuple(ks)}; each k must be 1 or more.")


def _answerable(known: NDArray[np.bool_], no_relevant: str) -> NDArray[np.int64]:
    if no_relevant not in ("raise", "skip"):
        raise ValueError(f"no_relevant is {no_relevant!r}; choose raise or skip.")
    rows = np.flatnonzero(known)
    if len(rows) < len(known) and (no_relevant == "raise" or not len(rows)):
        missing = np.flatnonzero(~known)
        raise ValueError(
            f"{len(missing)} of {len(known)} queries (the first: {missing[0]}) have no relevant item; leave "
            "them out or pass no_relevant='skip'."
        )
    return rows
