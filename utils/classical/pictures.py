"""Pictures of one scale for the classical encoders, and the tensor that carries pictures of any shape."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from utils import config, files

if TYPE_CHECKING:
    import torch
    from PIL import Image

T = TypeVar("T")
BICUBIC = 3


@dataclass(frozen=True)
class Scaling:
    """Brings a picture to one scale, smaller or larger.

    Attributes:
        size: px of the longer side, or of both.
        square: make both sides `size`, whatever the shape was; otherwise the shape stays.
        mean: colour in [0, 1] that fills up a crop of style "pad".
    """

    size: int
    square: bool = False
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)

    def picture(self, image: Image.Image) -> np.ndarray:
        """The scaled picture: (h, w, 3) uint8 RGB, sides from 1 px up."""
        factor = self.size / max(image.size)
        sides = [self.size if self.square else max(1, round(factor * side)) for side in image.size]
        return np.asarray(image.convert("RGB").resize(sides, BICUBIC, reducing_gap=3.0))

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """(4, size, size) uint8: RGB in the upper left, zeros elsewhere; the last channel is 255 where the picture is."""
        import torch

        picture = self.picture(image)
        height, width = picture.shape[:2]
        packed = np.zeros((4, self.size, self.size), np.uint8)
        packed[:3, :height, :width] = np.moveaxis(picture, -1, 0)
        packed[3, :height, :width] = 255
        return torch.from_numpy(packed)


def unpacked(pixels: np.ndarray) -> np.ndarray:
    """The picture (h, w, 3) uint8 within (4, size, size) uint8 of `Scaling`."""
    height, width = np.count_nonzero(pixels[3, :, 0]), np.count_nonzero(pixels[3, 0])
    return np.ascontiguousarray(np.moveaxis(pixels[:3, :height, :width], 0, -1))


def grey(picture: np.ndarray) -> np.ndarray:
    """(h, w) uint8 luminance of (h, w, 3) uint8 RGB."""
    import cv2

    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def mapped(function: Callable[[np.ndarray], T], paths: Sequence[str | Path], scaling: Scaling) -> list[T]:
    """`function` of every scaled picture, in order, by threads.

    Raises:
        ValueError: no path, or a file that is no image; names it.
    """
    paths = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    if not paths:
        raise ValueError("no image to learn from: give at least one path")
    return threaded(lambda path: function(scaling.picture(files.load_image(path))), paths)


def threaded(function: Callable[..., T], items: Sequence) -> list[T]:
    """`function` of every item, in order, by as many threads as the profile has for images.

    BLAS gets one thread each meanwhile: its own would wait busily for matrices and keep the others from working.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(config.load().budgets["embed"]["workers"]) as pool:
        return list(pool.map(function, items))
