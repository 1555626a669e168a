"""Eigen-images: principal components of small grey pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utils.classical.encoder import Classical, whole
from utils.classical.pictures import Scaling, grey, mapped

FLAT = 1e-10  # share of the largest variance below which a component is rounding


@dataclass(frozen=True, eq=False)
class EigenImage(Classical):
    """Projection of the grey picture on principal components of training pictures (Turk & Pentland 1991).

    Attributes:
        mean: (size^2,) float32, the mean picture, values in [0, 1].
        components: (k, size^2) float32, orthonormal; rows of zeros where the training pictures have no variance left.
        size: both sides of the picture in px.
    """

    mean: np.ndarray
    components: np.ndarray
    size: int = 32

    method = "eigen"
    square = True

    def __post_init__(self):
        whole(size=self.size)
        if self.mean.shape != (self.size**2,) or self.components.shape != (len(self.components), self.size**2):
            shapes = f"mean {self.mean.shape} and components {self.components.shape}"
            raise ValueError(f"{shapes} do not belong to pictures of {self.size} px")

    @classmethod
    def fit(cls, paths: Sequence[str | Path], components: int = 40, size: int = 32, seed: int = 0) -> EigenImage:
        """Learns from training images; the same seed gives the same components.

        Raises:
            ValueError: fewer images or pixels than components; an image that cannot be read.
        """
        from sklearn.decomposition import PCA

        whole(components=components, size=size)
        rows = np.stack(mapped(_values, paths, Scaling(size, square=True)))
        if min(rows.shape) < components:
            raise ValueError(f"{len(rows)} images of {rows.shape[1]} pixels are too few for {components} components")
        if not np.ptp(rows, axis=0).any():  # one picture only: PCA would divide by its variance
            return cls(rows[0], np.zeros((components, size**2), np.float32), size)
        pca = PCA(components, random_state=seed).fit(rows)
        varied = pca.explained_variance_ > FLAT * pca.explained_variance_[0]
        return cls(pca.mean_, np.where(varied[:, None], pca.components_, 0).astype(np.float32), size)

    def describe(self, picture: np.ndarray) -> np.ndarray:
        """(k,) float32; 0 for the mean picture."""
        return self.components @ (_values(picture) - self.mean)


def _values(picture: np.ndarray) -> np.ndarray:
    """Grey levels (h w,) float32 in [0, 1]."""
    return grey(picture).ravel().astype(np.float32) / 255
