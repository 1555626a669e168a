"""Methods compared on the same nested sets of candidates: how right they are, and what they cost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from utils import config, embed, metrics
from utils.bylabel.methods import Answer, Fitted, Method
from utils.bylabel.parts import Parts, mains, shown
from utils.bylabel.parts import labels as all_labels

SIZES = (10, 30, 100, 300, 1000)
METRICS = ("precision", "recall", "F1", "AP")
COSTS = ("fit_seconds", "index_seconds", "query_seconds", "image_bytes")


def measure(
    methods: Mapping[str, Method],
    parts: Parts,
    labels: Sequence[str] | None = None,
    sizes: Sequence[int] | None = None,
    draws: int = 10,
    seed: int = 0,
    cost: bool = False,
) -> pd.DataFrame:
    """Precision, recall and F1 of what each method retrieves, and AP of its ranking, by the number of candidates.

    Each draw orders the candidates anew; its sets are the first ones of that order, so that the smaller are parts of the
    larger, and all methods see the same. A label that a set does not show has no recall and gives no row for that set.

    Args:
        methods: by name, `TwoStage` and `Threshold`.
        parts: of `parts`.
        labels: the queries, which are also what two stages tell apart; by default all of `labels`. Candidates may show
            other ones.
        sizes: of the sets, from the number of labels, and from 2, up to all candidates; by default those of `SIZES`
            that fit.
        draws: orders of the candidates.
        seed: of orders and bags.
        cost: measure time as well, without the cache of embeddings.

    Returns:
        A row for each method, size, draw and label: `method`, `size`, `draw`, `label`, `positives` among the candidates,
        `retrieved`, `precision` (0 where nothing is retrieved), `recall`, `F1`, `AP`, `share` (of positives). With `cost`
        also `fit_seconds` (all that comes before the first candidate), `index_seconds` (an image), `query_seconds` (one
        label, of indexed candidates) and `image_bytes` (an embedding). What a library loads at its first call is part of
        `fit_seconds`; a second call tells the times without it.

    Raises:
        ValueError: no method or draw; an unknown label, the known ones are listed; a label that no candidate shows; a
            size out of range; sets that show no label; an image in two parts; as the methods.
    """
    if not methods or draws < 1:
        raise ValueError(f"{len(methods)} methods, {draws} draws: give at least one of each")
    labels = _asked(parts, labels)
    truth = shown(parts.candidates, labels)
    sizes = _fitting(sizes, len(labels), truth.shape[1])
    orders = [config.rng(seed, "candidates", draw).permutation(truth.shape[1]) for draw in range(draws)]
    if not any(truth[:, mixed[: sizes[-1]]].any() for mixed in orders):
        raise ValueError(f"none of {draws} sets of {sizes[-1]} candidates shows a label: take larger ones")
    rows = []
    for name, method in methods.items():
        fitted, emb, spent = _indexed(method, parts, labels, seed, cost)
        for draw, mixed in enumerate(orders):
            for chosen in (mixed[:size] for size in sizes):
                again = spent | ({"query_seconds": _time_of(fitted, labels, emb[chosen])} if cost else {})
                known = {"method": name, "size": len(chosen), "draw": draw}
                answer = fitted.answer(labels, emb[chosen])
                rows += [known | row | again for row in _judged(labels, truth[:, chosen], answer)]
    return pd.DataFrame(rows)


def summary(rows: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Means over labels and draws by method and size; intervals resample the labels, each with all its draws.

    They are wider than what tells two methods apart on the same rows: for that take `metrics.paired_bootstrap`.

    Args:
        rows: of `measure`.
        seed: of the bootstrap.

    Returns:
        method, size, metric, value, ci_low, ci_high, n (labels), and `everything`: the value of retrieving all
        candidates, in no order.
    """
    found = []
    for (method, size), part in rows.groupby(["method", "size"], sort=False):
        share = part["share"]
        plain = {"precision": share, "recall": share * 0 + 1, "F1": 2 * share / (1 + share), "AP": share}
        for metric in METRICS:
            value = metrics.bootstrap(part[metric], part["label"], seed=seed)
            value = {"value": value.pop("mean"), **value}
            more = {"n": part["label"].nunique(), "everything": plain[metric].mean()}
            found.append({"method": method, "size": size, "metric": metric, **value, **more})
    return pd.DataFrame(found)


def _asked(parts: Parts, labels: Sequence[str] | None) -> list[str]:
    """The labels after checking them and the parts."""
    ids = pd.concat([part["image_id"] for part in parts])
    if ids.duplicated().any():
        raise ValueError(f"{ids[ids.duplicated()].iloc[0]} stands twice: the three parts must have no image in common")
    labels = all_labels(parts) if labels is None else [labels] if isinstance(labels, str) else list(labels)
    known = mains(parts.train)
    if not labels or len(set(labels)) < len(labels) or (strange := [label for label in labels if label not in known]):
        what = f"unknown label {strange[0]!r}" if labels and len(set(labels)) == len(labels) else f"labels {labels}"
        raise ValueError(f"{what}: give different ones of those that training images have: {', '.join(known)}")
    if absent := [label for label, row in zip(labels, shown(parts.candidates, labels), strict=True) if not row.any()]:
        raise ValueError(f"no candidate shows {', '.join(absent)}: nothing can be retrieved")
    return labels


def _fitting(sizes: Sequence[int] | None, least: int, most: int) -> list[int]:
    """The sizes, rising, if there are as many candidates as that, and not fewer than clusters."""
    least = max(2, least)
    chosen = [size for size in SIZES if least <= size <= most] if sizes is None else sorted(set(sizes))
    if not chosen or chosen[0] < least or chosen[-1] > most:
        sizes = SIZES if sizes is None else tuple(sizes)
        raise ValueError(f"sets of {sizes} candidates: choose sizes from {least} (a cluster a label) to {most} (all)")
    return chosen


def _indexed(
    method: Method, parts: Parts, labels: Sequence[str], seed: int, cost: bool
) -> tuple[Fitted, NDArray, dict[str, Any]]:
    """The fitted method, the candidates' embeddings (n, d) float32, and what both cost, {} where nobody asked."""
    start = time.perf_counter()
    fitted = method.fit(parts, labels, seed=seed, cache=not cost)
    ready = time.perf_counter()
    emb = embed.images(fitted.encoder, list(parts.candidates["path"]), cache=not cost)
    each = (time.perf_counter() - ready) / len(emb)
    spent = {"fit_seconds": ready - start, "index_seconds": each, "image_bytes": emb[0].nbytes}
    return fitted, emb, spent if cost else {}


def _time_of(fitted: Fitted, labels: Sequence[str], emb: NDArray) -> float:
    """Median of three answers, after one that may load libraries."""
    spent = []
    for _ in range(4):
        start = time.perf_counter()
        fitted.answer(labels[:1], emb)
        spent.append(time.perf_counter() - start)
    return float(np.median(spent[1:]))


def _judged(labels: Sequence[str], truth: NDArray[np.bool_], answer: Answer) -> Iterator[dict[str, Any]]:
    """A row a label that is shown."""
    right = (truth & answer.found).sum(axis=1)
    for i in np.flatnonzero(truth.any(axis=1)):
        positives, retrieved = int(truth[i].sum()), int(answer.found[i].sum())
        yield {
            "label": labels[i],
            "positives": positives,
            "retrieved": retrieved,
            "precision": float(right[i] / max(retrieved, 1)),
            "recall": float(right[i] / positives),
            "F1": float(2 * right[i] / (positives + retrieved)),
            "AP": metrics.average_precision(truth[i], answer.scores[i]),
            "share": positives / truth.shape[1],
        }
