"""Retrieval of images by a label in two stages, by clusters round bags of features; and by CLIP with a threshold."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils import config, search

TIE = 1e-6  # weight of distances where the bags fall alike


def two_stage(
    features_train: ArrayLike,
    labels_train: Sequence[str],
    features_candidates: ArrayLike,
    bag: int | None = 10,
    seed: int = 0,
) -> NDArray:
    """Gives every candidate the label of its cluster.

    A bag of training images is drawn from each class; the bags' means are the start of k-means over the candidates, with
    as many clusters as labels. Clusters and labels are then paired one to one, so that most of the bags' images lie in
    the cluster of their own label (Hungarian method); the number of a cluster says nothing.

    Args:
        features_train: (t, d) float, from training images.
        labels_train: t labels.
        features_candidates: (n, d) float.
        bag: images of a class, drawn; fewer where a class has fewer; None takes all.
        seed: of the draw.

    Returns:
        (n,) labels, of the type of `labels_train`. A label may be left without candidates where fewer of these differ
        than there are labels.

    Raises:
        ValueError: one candidate, fewer candidates than labels, no label or one that is missing, shapes that do not fit, NaN, a bag below 1.
    """
    features_train, candidates = _finite(features_train, "training"), _finite(features_candidates, "candidate")
    labels = np.asarray(labels_train)
    _check_labels(labels)
    known = np.unique(labels)
    _check(features_train, labels, known, candidates, bag)
    rows = [_drawn(np.flatnonzero(labels == label), bag, seed, i) for i, label in enumerate(known)]
    bags = [features_train[row] for row in rows]
    cluster, centres = _clustered(candidates, np.stack([part.mean(axis=0) for part in bags]))
    return known[_paired(bags, centres)][cluster]


def retrieved(label: str, assigned: ArrayLike, known: Sequence[str]) -> NDArray[np.bool_]:
    """Which candidates a label retrieves.

    Args:
        label: one of `known`.
        assigned: (n,) labels of `two_stage`.
        known: the labels of the training images.

    Returns:
        (n,) bool.

    Raises:
        ValueError: unknown label; the message lists the known ones.
    """
    if label not in (names := sorted(set(known))):
        raise ValueError(f"unknown label {label!r}; known labels: {', '.join(map(str, names))}")
    return np.asarray(assigned) == label


def threshold_retrieval(text_emb: ArrayLike, image_emb: ArrayLike, threshold: float) -> NDArray[np.bool_]:
    """Which images are as similar to a text as a threshold, or more.

    Args:
        text_emb: (m, d) float, unit length.
        image_emb: (n, d) float, unit length.
        threshold: cosine in [-1, 1], such as `metrics.best_threshold` finds on validation images.

    Returns:
        (m, n) bool.

    Raises:
        ValueError: embeddings that are not of unit length, threshold out of range; others as in `search.scores`.
    """
    if not -1 <= threshold <= 1:
        raise ValueError(f"threshold is {threshold!r}; cosines lie in [-1, 1]")
    scores = search.scores(text_emb, image_emb)
    search.check_unit(text_emb, "text_emb")
    search.check_unit(image_emb, "image_emb")
    return scores >= threshold


def _check_labels(labels: NDArray) -> None:
    if any(label is None or label != label for label in labels.ravel().tolist()):
        raise ValueError("a training image has no label: leave it out")


def _check(features: NDArray, labels: NDArray, known: NDArray, candidates: NDArray, bag: int | None) -> None:
    if labels.shape != (len(features),) or not len(labels) or features.shape[1] != candidates.shape[1]:
        raise ValueError(f"features {features.shape}, labels {labels.shape}, candidates {candidates.shape} do not fit")
    if len(candidates) < max(2, len(known)):
        raise ValueError(f"{len(candidates)} candidates cannot form clusters for {len(known)} labels: give more")
    if bag is not None and bag < 1:
        raise ValueError(f"bag is {bag!r}; it holds at least one image")


def _finite(features: ArrayLike, name: str) -> NDArray[np.float64]:
    rows = np.asarray(features, np.float64)
    if rows.ndim != 2 or not np.isfinite(rows).all():
        raise ValueError(f"{name} features have shape {rows.shape}; they must be (rows, dimensions) without NaN")
    return rows


def _drawn(rows: NDArray, bag: int | None, seed: int, place: int) -> NDArray:
    """`bag` of the rows of a class, in order."""
    if bag is None or len(rows) <= bag:
        return rows
    return np.sort(config.rng(seed, "bag", place).choice(rows, bag, replace=False))


def _clustered(candidates: NDArray, start: NDArray) -> tuple[NDArray, NDArray]:
    """Cluster (n,) of each candidate and the centres (k, d)."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # equal candidates: some clusters stay empty
        means = KMeans(len(start), init=start, n_init=1, random_state=0).fit(candidates)
    return means.labels_, means.cluster_centers_


def _paired(bags: Sequence[NDArray], centres: NDArray) -> NDArray:
    """Label (k,) of each cluster: the pairing that holds the largest shares of bags, of equal ones the nearer."""
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist

    distances = [cdist(part, centres) for part in bags]
    shares = np.stack([np.bincount(part.argmin(axis=1), minlength=len(centres)) / len(part) for part in distances])
    away = np.stack([part.mean(axis=0) for part in distances])
    label, cluster = linear_sum_assignment(shares - TIE * away / max(away.max(), TIE), maximize=True)
    return label[np.argsort(cluster)]
