"""Intervals: bootstrap over groups, paired differences, and the Wilson interval of a share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

DRAWS_AT_ONCE = 4_000_000


def bootstrap(
    values: ArrayLike,
    groups: Sequence | None = None,
    n: int = 2000,
    seed: int = 0,
    statistic: Callable[[NDArray], float] | None = None,
    runs: Sequence | None = None,
) -> dict[str, float]:
    """The mean and its 95 % percentile interval, resampling whole groups (cluster bootstrap).

    With `runs` the trainings are resampled beside the groups, each by itself (Owen 2007, pigeonhole bootstrap), so that
    the interval also says how much another seed would change. Of three runs it sees a part of that only.

    Args:
        values: (v,) float or bool; with a `statistic` also (v, ...), for instance columns of truth and score.
        groups: (v,) names, such as identity; rows of one name are drawn together, None is a group by itself.
        n: resamples.
        seed: fixes the result.
        statistic: called on rows of `values` in place of the mean.
        runs: (v,) names of the training that each value comes from.

    Returns:
        `mean` (of the values themselves, or their statistic), `ci_low`, `ci_high`.

    Raises:
        ValueError: empty, NaN or infinite values, no resample, or groups of another length.

    >>> bootstrap([0.0, 1.0, 1.0], statistic=np.median)["mean"]
    1.0
    """
    drawn, mean = _resampled(values, groups, n, seed, statistic, runs)
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
    n, share, z2 = len(hits), float(hits.mean()), 1.959963984540054**2
    middle, reach = share + z2 / (2 * n), np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n)))
    low, high = ((middle + side * reach) / (1 + z2 / n) for side in (-1, 1))
    return {"mean": share, "ci_low": float(max(low, 0.0)), "ci_high": float(min(high, 1.0))}


def paired_bootstrap(
    a: ArrayLike,
    b: ArrayLike,
    groups: Sequence | None = None,
    n: int = 2000,
    seed: int = 0,
    runs: Sequence | None = None,
) -> dict[str, float]:
    """The mean of a - b on the same queries, its interval, and a two-sided p for "no difference".

    Args:
        a: (v,) float, one method's value for each query.
        b: (v,) float, the other's.
        groups: as in `bootstrap`.
        n: resamples.
        seed: fixes the result.
        runs: as in `bootstrap`.

    Returns:
        `mean`, `ci_low`, `ci_high`, `p` (twice the smaller share of resamples on one side of 0, at least
        2 / (n + 1)).
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape:
        raise ValueError(f"a has shape {a.shape}, b {b.shape}; they must be pairs.")
    drawn, mean = _resampled(a - b, groups, n, seed, runs=runs)
    low, high = np.quantile(drawn, (0.025, 0.975))
    side = 1 + min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))
    return {
        "mean": mean,
        "ci_low": float(low),
        "ci_high": float(high),
        "p": float(min(1.0, 2 * side / (n + 1))),
    }


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """P values adjusted for how many there are (Holm 1979): (v,) float in [0, 1], in the order given.

    Raises:
        ValueError: a value outside [0, 1].
    """
    p = np.asarray(p, np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p is {p.tolist()}; give a row of values in [0, 1].")
    order, left = np.argsort(p, kind="stable"), np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * left), 1.0)
    return adjusted


def _resampled(
    values: ArrayLike,
    groups: Sequence | None,
    n: int,
    seed: int,
    statistic: Callable | None = None,
    runs: Sequence | None = None,
) -> tuple[NDArray[np.float64], float]:
    values = np.asarray(values, np.float64)
    if not values.size or not np.isfinite(values).all() or (values.ndim != 1 and statistic is None) or n < 1:
        raise ValueError(f"{n} resamples of values {values.shape}: give a row of finite numbers and n from 1.")
    codes, lanes = (_group_codes(names, len(values)) for names in (groups, [0] * len(values) if runs is None else runs))
    wide = int(lanes.max()) + 1
    cells, size = codes * wide + lanes, (int(codes.max()) + 1) * wide
    draws = _draws(np.random.default_rng(seed), size // wide, n)
    others = np.random.default_rng((seed, 1))
    if statistic is not None:
        order, counts = np.argsort(cells, kind="stable"), np.bincount(cells, minlength=size)
        drawn = ((row, others.integers(0, wide, wide)) for rows in draws for row in rows)
        samples = (_members((row[:, None] * wide + own).ravel(), order, counts) for row, own in drawn)
        return np.array([statistic(values[rows]) for rows in samples]), float(statistic(values))
    base = values[0]  # taken out before summing, so that equal values give exactly equal means
    totals = np.bincount(cells, values - base, size).reshape(-1, wide)
    sizes = np.bincount(cells, minlength=size).astype(float).reshape(-1, wide)
    means = []
    for rows in draws:
        own = others.integers(0, wide, (len(rows), wide))
        times = (own[:, :, None] == np.arange(wide)).sum(axis=1)
        means.append((totals[rows].sum(axis=1) * times).sum(1) / (sizes[rows].sum(axis=1) * times).sum(1))
    return base + np.concatenate(means), float(base + totals.sum() / len(values))


def _members(cells: NDArray[np.int64], order: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the drawn cells, one cell after the other; `order` holds all rows by cell, `counts` how many each has."""
    own = counts[cells]
    ends = np.cumsum(own)
    first = np.cumsum(counts)[cells] - counts[cells]
    return order[np.repeat(first - (ends - own), own) + np.arange(ends[-1])]


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
