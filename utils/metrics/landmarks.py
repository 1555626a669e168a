"""Instance retrieval with junk: Oxford Buildings as first published, and by its revisited levels.

Philbin et al. 2007 mark images as good, ok and junk; Radenović et al. 2018 ("Revisiting Oxford and Paris")
as easy, hard and unclear, and ask three questions of one ranking. Junk is taken out of the ranking before anything is
counted. The lists good / ok / junk serve as easy / hard / unclear here: that is the revisited way to count, not the
revisited annotation, so figures on Oxford's own lists are no published ROxford figures.

The tie rule is that of `ranking`: a positive stands in the middle of the others of equal score. By trapezoids that is a
little less than the mean over their orders.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.metrics.checks import as_matrix, as_truth
from utils.metrics.ranking import KS, _check_ks, _row_places

LANDMARK_LEVELS = ("easy", "medium", "hard", "original")


def landmark_retrieval(
    scores: ArrayLike,
    good: ArrayLike,
    ok: ArrayLike,
    junk: ArrayLike,
    level: str = "medium",
    own: ArrayLike | None = None,
    ks: Sequence[int] = KS,
) -> dict[str, float]:
    """Means over the queries that have a positive; see `landmark_per_query` for the arguments and errors.

    Returns:
        `mAP`, `mP@k`, `n_queries` (those that count), `left_out` (those without a positive), `gallery_n`.

    >>> landmark_retrieval([[0.9, 0.8, 0.1]], [[0, 0, 1]], [[0, 0, 0]], [[1, 0, 0]], ks=(2,))["mAP"]  # the second of two
    0.25
    """
    each = landmark_per_query(scores, good, ok, junk, level, own, ks)
    counted, (queries, items) = len(each.pop("query")), np.shape(scores)
    return {
        **{f"m{name}": float(values.mean()) for name, values in each.items()},
        "n_queries": float(counted),
        "left_out": float(queries - counted),
        "gallery_n": float(items),
    }


def landmark_per_query(
    scores: ArrayLike,
    good: ArrayLike,
    ok: ArrayLike,
    junk: ArrayLike,
    level: str = "medium",
    own: ArrayLike | None = None,
    ks: Sequence[int] = KS,
) -> dict[str, NDArray]:
    """One value a query of each metric, for `bootstrap`; queries without a positive are left out.

    Args:
        scores: (m, n) float, higher is better.
        good, ok, junk: (m, n) bool, an image on one list at most; `marked` makes them of lists of names.
        level: "easy" finds the good and ignores ok and junk; "hard" finds the ok and ignores good and junk; "medium"
            finds both and ignores junk, as "original" does.
        own: (m, n) bool, the query's own picture where the gallery holds it. "original" goes by the lists; the other
            levels ignore it, for the revisited galleries hold no picture of a query.
        ks: whole numbers from 1.

    Returns:
        `query` (q,) int64, the rows that count; `AP` (q,) float64, the area under precision over recall by the
        trapezoid rule, as in Oxford's own program; `P@k` (q,) float64, where k is at most the last positive's place,
        as in the revisited program.

    Raises:
        ValueError: empty, misshapen or NaN input, an unknown level, a k below 1, an image on two lists, or no query
            with a positive.
    """
    _check_ks(ks)
    scores = as_matrix(scores, "scores")
    positive, ignored = _sides(level, *_lists(scores.shape, good, ok, junk, own))
    queries = np.flatnonzero(positive.any(axis=1))
    if not len(queries):
        raise ValueError(f"none of the {len(positive)} queries has a positive at level {level!r}.")
    places = [_row_places(scores[i, ~ignored[i]], positive[i, ~ignored[i]]) for i in queries]
    return {
        "query": queries,
        "AP": np.array([_trapezoids(row) for row in places]),
        **{f"P@{k}": np.array([_precision(row, k) for row in places]) for k in ks},
    }


def marked(names: Sequence[Sequence[Hashable]], image_ids: Sequence[Hashable]) -> NDArray[np.bool_]:
    """Which gallery images stand on each query's list: (m, n) bool, from m lists and the n names of the gallery.

    With the columns good, ok and junk of `datasets.queries` and `image_id` of the manifest.

    Raises:
        ValueError: a name that the gallery lacks (such a positive could never be found), or holds twice.
    """
    column = {name: j for j, name in enumerate(image_ids)}
    if len(column) < len(image_ids):
        raise ValueError(f"{len(image_ids) - len(column)} names stand twice in the gallery.")
    found = np.zeros((len(names), len(image_ids)), bool)
    for i, row in enumerate(names):
        if missing := [name for name in row if name not in column]:
            raise ValueError(f"{len(missing)} images on the list of query {i} (the first: {missing[0]}) are not there.")
        found[i, [column[name] for name in row]] = True
    return found


def _lists(shape: tuple[int, ...], *lists: ArrayLike | None) -> list[NDArray[np.bool_]]:
    """Good, ok, junk and own as bool, checked against the shape of the scores and against each other."""
    found = [np.zeros(shape, bool) if part is None else as_truth(part) for part in lists]
    if odd := [part.shape for part in found if part.shape != shape]:
        raise ValueError(f"scores has shape {shape}, a list {odd[0]}; they must be equal.")
    twice = np.argwhere(sum(part.astype(int) for part in found[:3]) > 1)
    if len(twice):
        raise ValueError(f"image {twice[0][1]} stands on two lists of query {twice[0][0]}; one must do.")
    return found


def _sides(level: str, good: NDArray, ok: NDArray, junk: NDArray, own: NDArray) -> tuple[NDArray, NDArray]:
    """What is to be found at a level, and what counts neither way."""
    if level not in LANDMARK_LEVELS:
        raise ValueError(f"unknown level {level!r}: choose from {', '.join(LANDMARK_LEVELS)}.")
    if level == "original":
        return good | ok, junk
    positive = {"easy": good, "medium": good | ok, "hard": ok}[level] & ~own
    return positive, (good | ok | junk | own) & ~positive


def _trapezoids(places: NDArray[np.float64]) -> float:
    """Average precision of positives at 1-based places, rising: before each of them and at it, halved."""
    found, before = np.arange(len(places)), places - 1
    earlier = np.divide(found, before, out=np.ones_like(before), where=before > 0)
    return float(np.mean(earlier + (found + 1) / places) / 2)


def _precision(places: NDArray[np.float64], k: int) -> float:
    last = min(float(places[-1]), k)
    return float((places <= last).sum() / last)
