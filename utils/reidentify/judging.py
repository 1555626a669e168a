"""From scores of photographs to scores of individuals, and how right they are, a row a query."""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from utils import metrics
from utils.reidentify.chance import top_chance
from utils.reidentify.parts import Parts

METRICS = ("top1", "top5", "AP")


def hidden(parts: Parts) -> NDArray[np.bool_]:
    """Which photographs are no answer to which query, (q, n) bool: those of its own encounter."""
    asked, known = (part["encounter"].to_numpy(object) for part in (parts.queries, parts.database))
    return (asked[:, None] == known) & parts.queries["encounter"].notna().to_numpy()[:, None]


def best_of(scores: ArrayLike, names: ArrayLike) -> tuple[NDArray[np.float64], list[str]]:
    """The score of each individual: that of its best photograph (so the first one is the nearest neighbour's).

    Args:
        scores: (q, n) float, -inf for what is no answer.
        names: (n,) the individual on each photograph.

    Returns:
        (q, m) float64, -inf for individuals without an answer, and the m individuals, sorted.
    """
    scores, names = np.asarray(scores, np.float64), np.asarray(names, object)
    known = sorted(set(names))
    return np.stack([scores[:, names == name].max(axis=1) for name in known], axis=1), known


def judged(scores: ArrayLike, parts: Parts, hide: bool = True) -> pd.DataFrame:
    """What each query is answered, and how right that is.

    Ties take the middle rank, as in `metrics.per_query`: a right individual whose score another one has too is not top1.

    Args:
        scores: (q, n) float, higher is better.
        parts: of `parts` or `validation`.
        hide: whether photographs of the query's own encounter are no answer. False shows what they give away.

    Returns:
        A row a query: query_id, identity, encounter, known (bool: the database has the individual), named (the best
        individual, of equals the first by name), score (its), rank (float from 1, of the right individual among all),
        top1, top5 (float, 0 or 1), AP (over photographs); these four NaN where known is false. For chance levels
        photos (int, answers that there are), own (those of the right individual), individuals, luck1 and luck5 (what
        photographs in a random order reach). Queries of individuals that the database knows from their own encounter
        only cannot be judged and are left out, with a warning that counts and names them.

    Raises:
        ValueError: shapes that differ, NaN or infinite scores, or no query that can be judged.
    """
    scores, dark = fitting(scores, parts), hidden(parts) if hide else np.zeros(np.shape(scores), bool)
    names, asked = (part["identity"].to_numpy(object) for part in (parts.database, parts.queries))
    same = asked[:, None] == names
    kept = _answerable(same, dark, parts)
    scores, same, dark, asked = np.where(dark, -np.inf, scores)[kept], (same & ~dark)[kept], dark[kept], asked[kept]
    each, individuals = best_of(scores, names)
    about = parts.queries[["image_id", "identity", "encounter"]].iloc[np.flatnonzero(kept)].reset_index(drop=True)
    about = about.rename(columns={"image_id": "query_id"}).assign(
        known=same.any(axis=1), named=[individuals[i] for i in each.argmax(axis=1)], score=each.max(axis=1)
    )
    sizes = np.stack([(~dark)[:, names == name].sum(axis=1) for name in individuals], axis=1)
    return about.assign(**_right(scores, same, each, asked[:, None] == np.array(individuals, object), sizes))


def summary(table: pd.DataFrame, seed: int = 0) -> dict[str, dict[str, float]]:
    """top1, top5 and mAP of the known queries, each with its interval and its chance level.

    Args:
        table: of `judged`.
        seed: of the bootstrap, which resamples whole individuals.

    Returns:
        metric -> {"mean", "ci_low", "ci_high", "chance"}: chance is what a random order of the photographs is expected
        to reach, exactly. Where individuals have unlike many photographs it lies above 1 / individuals.

    Raises:
        ValueError: no query is of a known individual.
    """
    rows = table[table["known"]]
    if rows.empty:
        raise ValueError(f"none of {len(table)} queries shows an individual that the database has")
    found = {name: metrics.bootstrap(rows[name], rows["identity"], seed=seed) for name in METRICS}
    shuffled = [_shuffled(own, photos) for own, photos in zip(rows["own"], rows["photos"], strict=True)]
    luck = (rows["luck1"].mean(), rows["luck5"].mean(), np.mean(shuffled))
    named = zip(("top1", "top5", "mAP"), METRICS, luck, strict=True)
    return {name: found[column] | {"chance": float(chance)} for name, column, chance in named}


def fitting(scores: ArrayLike, parts: Parts) -> NDArray[np.float64]:
    """Scores as finite (q, n) float64 of these parts, or a ValueError."""
    scores, shape = np.asarray(scores, np.float64), (len(parts.queries), len(parts.database))
    if scores.shape != shape or not np.isfinite(scores).all():
        raise ValueError(f"scores {scores.shape} of {shape[0]} queries and {shape[1]} photographs: finite, one a pair")
    return scores


def _answerable(same: NDArray[np.bool_], dark: NDArray[np.bool_], parts: Parts) -> NDArray[np.bool_]:
    """Which queries can be judged: the database has others to answer, and the right individual not from today only."""
    own = same.any(axis=1) & ~(same & ~dark).any(axis=1)
    lost = own | dark.all(axis=1)
    if lost.all():
        raise ValueError(f"none of {len(lost)} queries can be judged: the database has their own encounters only")
    if lost.any():
        who = ", ".join(sorted(map(str, parts.queries["identity"][lost].unique()))[:5])
        warnings.warn(f"{lost.sum()} queries are left out, known from their own encounter only: {who}", stacklevel=3)
    return ~lost


def _right(scores: NDArray, same: NDArray, each: NDArray, right: NDArray, sizes: NDArray) -> dict[str, NDArray]:
    """The columns that compare with the truth: `same` (q, n) and `right` (q, m) bool, `sizes` (q, m) photographs."""
    known = same.any(axis=1)
    columns = {name: np.full(len(same), np.nan) for name in ("rank", *METRICS, "luck1", "luck5")}
    if known.any():
        of_individuals = metrics.per_query(each[known], right[known], (1, 5))
        columns["rank"][known] = of_individuals["rank"]
        columns["top1"][known], columns["top5"][known] = of_individuals["R@1"], of_individuals["R@5"]
        columns["AP"][known] = metrics.per_query(scores[known], same[known], ())["AP"]
    for i in np.flatnonzero(known):
        others = sizes[i][~right[i] & (sizes[i] > 0)].tolist()
        for k in (1, 5):
            columns[f"luck{k}"][i] = top_chance(int(same[i].sum()), others, k)
    counts = {"photos": sizes.sum(axis=1), "own": same.sum(axis=1), "individuals": (sizes > 0).sum(axis=1)}
    return columns | counts


@lru_cache(maxsize=4096)
def _shuffled(own: int, photos: int) -> float:
    """The expected average precision of `own` relevant among `photos` in a random order."""
    return metrics.chance([np.arange(photos) < own], ())["mAP"]
