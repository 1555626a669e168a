"""Individuals that the database does not have: a threshold on the best score, and what it gets right."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from utils import metrics


def auroc(known: ArrayLike, score: ArrayLike) -> float:
    """How often a query of a known individual scores higher than one of an unknown, ties half; 0.5 by chance.

    Args:
        known: (q,) bool, some of each kind.
        score: (q,) float.

    Raises:
        ValueError: NaN, unequal lengths, or queries of one kind only.
    """
    known, score = _both(known, score)
    low = np.sort(score[~known])
    below = np.searchsorted(low, score[known], "left") + np.searchsorted(low, score[known], "right")
    return float(below.mean() / 2 / len(low))


def threshold(table: pd.DataFrame) -> float:
    """The score from which a query counts as known that separates known and unknown queries best.

    Best is the mean of the shares of known queries kept and of unknown ones rejected (balanced accuracy); of equally
    good thresholds the highest one.

    Args:
        table: of `judged`, of validation queries (`validation`) rather than of the test's.

    Raises:
        ValueError: as `auroc`.
    """
    known, score = _both(table["known"], table["score"])
    steps = np.append(np.unique(score), np.inf)[::-1]
    low, high = (np.searchsorted(np.sort(score[side]), steps, "left") for side in (~known, known))
    # whole numbers, so that equally good ones are equal: rejected / unknown + kept / known over one denominator
    worth = low * known.sum() + (known.sum() - high) * (~known).sum()
    return float(steps[np.argmax(worth)])


def answered(table: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """The table with `answer` (the named individual, None from below the threshold) and `right` (bool).

    A known query is right if it is answered and top1, an unknown one if it is rejected.
    """
    if np.isnan(threshold):
        raise ValueError("the threshold is NaN: take that of `threshold`")
    kept = (table["score"] >= threshold).to_numpy()
    known = table["known"].to_numpy(bool)
    right = np.where(known, kept & (table["top1"].to_numpy(float) == 1), ~kept)
    answer = pd.Series(table["named"].to_numpy(object), table.index, object).where(kept, None)
    return table.assign(answer=answer, right=right.astype(bool))


def rejection(table: pd.DataFrame, threshold: float, seed: int = 0, n: int = 2000) -> dict[str, dict[str, float]]:
    """How well known individuals are named and unknown ones turned away, each with an interval.

    Args:
        table: of `judged`, with queries of both kinds.
        threshold: of `threshold` on other queries.
        seed: of the bootstrap, which resamples whole individuals.
        n: resamples.

    Returns:
        `AUROC` of known against unknown; `BAKS` and `BAUS`, the balanced accuracies on known and on unknown samples
        (the mean over individuals of the share of their queries that `answered` calls right), and `open`, their
        geometric mean, as in AnimalCLEF 2025 and the package wildlife-datasets; `kept` and `rejected`, the shares of
        known queries that are answered, rightly or not, and of unknown ones that are not. Each {"mean", "ci_low",
        "ci_high"}. A resample without one of the two kinds counts as 0.5 for AUROC and 0 for `open`.

    Raises:
        ValueError: as `auroc`; a threshold that is NaN.
    """
    known, score = _both(table["known"], table["score"])
    table = answered(table, threshold)
    shares = table.groupby(["identity", "known"], sort=True)["right"].mean().reset_index()
    right, side = shares["right"].to_numpy(float), shares["known"].to_numpy(bool)
    said, who = table["answer"].notna().to_numpy(), table["identity"].to_numpy(object)
    return {
        "AUROC": metrics.bootstrap(np.column_stack([known, score]), who, seed=seed, n=n, statistic=_auroc),
        "BAKS": metrics.bootstrap(right[side], seed=seed, n=n),
        "BAUS": metrics.bootstrap(right[~side], seed=seed, n=n),
        "open": metrics.bootstrap(np.column_stack([side, right]), seed=seed, n=n, statistic=_geometric),
        "kept": metrics.bootstrap(said[known], who[known], seed=seed, n=n),
        "rejected": metrics.bootstrap(~said[~known], who[~known], seed=seed, n=n),
    }


def _both(known: ArrayLike, score: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Equal rows without NaN, some known and some not, or a ValueError."""
    known, score = np.asarray(known, bool), np.asarray(score, np.float64)
    if known.ndim != 1 or known.shape != score.shape or np.isnan(score).any():
        raise ValueError(f"known {known.shape} and score {score.shape}: give two equal rows without NaN")
    if known.all() or not known.any():
        kind = "known" if known.any() else "unknown"
        raise ValueError(f"all {len(known)} queries are of {kind} individuals: rejecting takes queries of both kinds")
    return known, score


def _auroc(rows: NDArray) -> float:
    known = rows[:, 0] > 0
    return auroc(known, rows[:, 1]) if 0 < known.sum() < len(known) else 0.5


def _geometric(rows: NDArray) -> float:
    known = rows[:, 0] > 0
    return float(np.sqrt(rows[known, 1].mean() * rows[~known, 1].mean())) if 0 < known.sum() < len(known) else 0.0
