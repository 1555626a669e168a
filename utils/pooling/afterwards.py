"""What instance retrieval does with embeddings: whitening, query expansion, clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils import search
from utils.pooling.pools import unit

FLAT = 1e-10  # a smaller share of the variance is rounding, no direction


@dataclass(frozen=True)
class Whitening:
    """A centre and directions of equal variance; made by `whiten`.

    Attributes:
        mean: (d,) float64.
        axes: (dim, d) float64, principal directions over the standard deviation along them.
    """

    mean: NDArray[np.float64]
    axes: NDArray[np.float64]

    def apply(self, emb: ArrayLike) -> NDArray[np.float32]:
        """Embeddings (n, d) as (n, dim) float32 of unit length; one that equals the mean becomes the diagonal.

        Raises:
            ValueError: embeddings of another length, NaN or infinite values.
        """
        emb = np.asarray(emb, np.float64)
        if emb.ndim != 2 or emb.shape[1] != len(self.mean) or not np.isfinite(emb).all():
            own = f"(n, {len(self.mean)}) finite values"
            raise ValueError(f"emb has shape {emb.shape}; the whitening was learned on {own}.")
        return unit((emb - self.mean) @ self.axes.T)


def whiten(train_emb: ArrayLike, dim: int) -> Whitening:
    """Learns PCA whitening (Jégou and Chum 2012) on images that are in no test: a validation or training part.

    Directions along which the training rows do not vary (PCA of few different images) count nothing.

    Args:
        train_emb: (n, d) float.
        dim: components to keep.

    Raises:
        ValueError: fewer rows or dimensions than components, no component, equal rows, NaN or infinite values.
    """
    train_emb = _rows(train_emb)
    rows, dimensions = train_emb.shape
    if not 1 <= dim <= min(rows, dimensions):
        raise ValueError(f"{dim} components of {rows} training rows with {dimensions} dimensions: 1 to the lesser.")
    pca = _pca(train_emb, dim)
    variance = pca.explained_variance_
    if not variance[0] > FLAT * (train_emb**2).mean():
        raise ValueError(f"the {rows} training rows are equal: there is nothing to whiten.")
    deviation = np.where(variance > FLAT * variance[0], np.sqrt(variance), np.inf)
    return Whitening(pca.mean_, pca.components_ / deviation[:, None])


def expand(query_emb: ArrayLike, image_emb: ArrayLike, alpha: float = 3.0, n: int = 10) -> NDArray[np.float32]:
    """Alpha query expansion (Radenović et al. 2018, "Fine-tuning CNN"): the query and its n nearest images, averaged.

    An image weighs its cosine to the power alpha, a negative cosine nothing; with alpha 0 all weigh as much as the query.
    Of equal images the first ones of the gallery are taken.

    Args:
        query_emb: (m, d) float, unit length.
        image_emb: (g, d) float, unit length.
        alpha: from 0.
        n: images, at most those of the gallery; from 1.

    Returns:
        (m, d) float32, unit length.

    Raises:
        ValueError: alpha below 0; and as `search.top_k`.
    """
    if not 0 <= alpha < np.inf:
        raise ValueError(f"alpha is {alpha}; it must be 0 or more.")
    cosine, index = search.top_k(query_emb, image_emb, n)
    weight = np.where(cosine > 0, cosine.clip(0).astype(np.float64) ** alpha, 0)
    near = np.asarray(image_emb, np.float64)[index]
    return unit(np.asarray(query_emb, np.float64) + (weight[..., None] * near).sum(axis=1))


class Clusters(NamedTuple):
    """Images by cluster.

    Attributes:
        labels: (n,) int64, the cluster of each image.
        members: for each cluster the rows of its images, (s,) int64, nearest to the centre first.
    """

    labels: NDArray[np.int64]
    members: list[NDArray[np.int64]]


def clusters(emb: ArrayLike, k: int, dim: int = 100, seed: int = 0) -> Clusters:
    """PCA, then k-means from ten starts of k-means++ (scikit-learn, n_init=10); the best of them is kept.

    Args:
        emb: (n, d) float.
        k: clusters.
        dim: components of the PCA; where rows or dimensions are fewer, all of them, which changes no distance.
        seed: fixes the starts.

    Raises:
        ValueError: fewer different images than clusters, k or dim below 1, NaN or infinite values.
    """
    from sklearn.cluster import KMeans

    emb = _rows(emb)
    different = len(np.unique(emb, axis=0))
    if not 1 <= k <= different or dim < 1:
        raise ValueError(f"{k} clusters of {len(emb)} images, {different} of them different, after {dim} components.")
    reduced = _pca(emb, min(dim, *emb.shape)).transform(emb)
    found = KMeans(k, n_init=10, random_state=seed).fit(reduced)
    labels, distance = found.labels_.astype(np.int64), found.transform(reduced)
    order = [distance[:, i].argsort(kind="stable") for i in range(k)]
    return Clusters(labels, [rows[labels[rows] == i] for i, rows in enumerate(order)])


def _pca(emb: NDArray[np.float64], dim: int):
    from sklearn.decomposition import PCA

    with np.errstate(invalid="ignore"):  # shares of a variance of 0, which nobody reads
        return PCA(dim, svd_solver="full").fit(emb)


def _rows(emb: ArrayLike) -> NDArray[np.float64]:
    emb = np.asarray(emb, np.float64)
    if emb.ndim != 2 or not emb.size or not np.isfinite(emb).all():
        raise ValueError(f"embeddings of shape {emb.shape}; they must be finite, with rows and columns.")
    return emb
