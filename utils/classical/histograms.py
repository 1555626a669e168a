"""Encoders without training: gradients in cells (HOG), texture (LBP), colour (HSV), and shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utils.classical.encoder import Classical, whole
from utils.classical.pictures import grey

LEAST_MOMENT = 1e-10  # Hu moments below this count as 0


@dataclass(frozen=True)
class Hog(Classical):
    """Histograms of oriented gradients (Dalal & Triggs 2005), L2-Hys blocks, of each pixel's strongest channel.

    Attributes:
        size: both sides of the picture in px.
        cell: px of a cell's side.
        block: cells of a block's side.
        bins: orientations over 180 degrees.
    """

    size: int = 128
    cell: int = 16
    block: int = 2
    bins: int = 9

    method = "hog"
    square = True

    def __post_init__(self):
        whole(size=self.size, cell=self.cell, block=self.block, bins=self.bins)
        if self.size < self.cell * self.block:
            raise ValueError(f"a picture of {self.size} px holds no block of {self.block} cells of {self.cell} px")

    def describe(self, picture: np.ndarray) -> np.ndarray:
        """(((size // cell) - block + 1)^2 block^2 bins,) float64 >= 0; 0 for one colour."""
        from skimage.feature import hog

        cell, block = (self.cell, self.cell), (self.block, self.block)
        return hog(picture, self.bins, cell, block, block_norm="L2-Hys", channel_axis=-1)


@dataclass(frozen=True)
class Lbp(Classical):
    """Rotation-invariant uniform local binary patterns of several radii (Ojala et al. 2002).

    Radius r has 8 r points, so 8 r + 2 bins; the scalar product is the mean Bhattacharyya coefficient over the radii.

    Attributes:
        size: longer side of the picture in px.
        radii: 1 to this many px.
    """

    size: int = 128
    radii: int = 3

    method = "lbp"

    def __post_init__(self):
        whole(size=self.size, radii=self.radii)

    def describe(self, picture: np.ndarray) -> np.ndarray:
        """(sum of 8 r + 2,) float64: roots of the histograms, all of equal weight."""
        return np.concatenate([_patterns(grey(picture), radius) for radius in range(1, self.radii + 1)])


def _patterns(levels: np.ndarray, radius: int) -> np.ndarray:
    from skimage.feature import local_binary_pattern

    wide = np.pad(levels, radius, mode="edge")  # otherwise the border is compared with black
    codes = local_binary_pattern(wide, 8 * radius, radius, method="uniform")[radius:-radius, radius:-radius]
    return _rooted(np.bincount(codes.astype(np.int64).ravel(), minlength=8 * radius + 2))


@dataclass(frozen=True)
class HsvHistogram(Classical):
    """Joint histogram of hue, saturation and value (Swain & Ballard 1991); scalar product: Bhattacharyya coefficient.

    In the lowest bin of saturation, where hue is noise, all hues are one.

    Attributes:
        size: longer side of the picture in px.
        hues, saturations, values: bins.
    """

    size: int = 128
    hues: int = 16
    saturations: int = 4
    values: int = 4

    method = "hsv"

    def __post_init__(self):
        whole(size=self.size, hues=self.hues, saturations=self.saturations, values=self.values)

    def describe(self, picture: np.ndarray) -> np.ndarray:
        """(hues saturations values,) float64: roots of the shares of pixels."""
        import cv2

        bins = np.array([self.hues, self.saturations, self.values])
        hsv = cv2.cvtColor(picture, cv2.COLOR_RGB2HSV_FULL).reshape(-1, 3).astype(np.int64) * bins // 256
        hue = np.where(hsv[:, 1] == 0, 0, hsv[:, 0])
        index = (hue * self.saturations + hsv[:, 1]) * self.values + hsv[:, 2]
        return _rooted(np.bincount(index, minlength=bins.prod()))


@dataclass(frozen=True)
class ShapeHistogram(Classical):
    """Orientations of edges, as in Jain & Vailaya 1996, and the seven moments of Hu 1962 of the edge map.

    Edges are Canny's, with Otsu's threshold of the grey levels and its half. Orientations count modulo 180 degrees, so
    that dark on light equals light on dark. Moments h enter as sign(h) log(1 + |h| / 1e-10); they stay the same when the
    picture is turned, and mirroring changes the sign of the seventh.

    Attributes:
        size: longer side of the picture in px.
        bins: orientations over 180 degrees.
        moments: weight of the moments in the scalar product, in [0, 1]; the histogram has the rest.
    """

    size: int = 256
    bins: int = 36
    moments: float = 0.5

    method = "shape"

    def __post_init__(self):
        whole(size=self.size, bins=self.bins)
        if not 0 <= self.moments <= 1:
            raise ValueError(f"moments is {self.moments!r}; give a weight in [0, 1]")

    def describe(self, picture: np.ndarray) -> np.ndarray:
        """(bins + 7,) float64; 0 for a picture without edges."""
        import cv2

        edges, angles = _oriented(grey(picture))
        hu = cv2.HuMoments(cv2.moments(edges, binaryImage=True)).ravel()
        hu = np.sign(hu) * np.log1p(np.abs(hu) / LEAST_MOMENT)
        index = np.floor(angles / np.pi * self.bins + 0.5).astype(np.int64) % self.bins  # bin 0 is centred on 0 degrees
        histogram = _rooted(np.bincount(index, minlength=self.bins))
        parts = (1 - self.moments, histogram), (self.moments, hu / max(np.linalg.norm(hu), 1.0))
        return np.concatenate([np.sqrt(weight) * part for weight, part in parts])


def edges(picture: np.ndarray) -> np.ndarray:
    """The edge map (h, w) uint8, 255 on edges, that `ShapeHistogram` reads of a picture (h, w, 3) uint8."""
    return _oriented(grey(picture))[0]


def _oriented(levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edge map (h, w) uint8, and the gradient's angle in [0, pi) at each of its pixels."""
    import cv2

    smooth = cv2.GaussianBlur(levels, (5, 5), 1.0)
    threshold, _ = cv2.threshold(smooth, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    dx, dy = cv2.spatialGradient(smooth)
    edges = cv2.Canny(dx, dy, threshold / 2, threshold, L2gradient=True)
    on = edges > 0
    return edges, np.arctan2(dy[on].astype(np.float64), dx[on]) % np.pi


def _rooted(counts: np.ndarray) -> np.ndarray:
    """Roots of the shares, so that a scalar product is a Bhattacharyya coefficient; 0 where nothing was counted."""
    return np.sqrt(counts / max(1, counts.sum()))
