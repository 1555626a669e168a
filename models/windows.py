"""Windows: parts of pictures, cut out, mirrored and recoloured a batch at once, and the boxes that stand in them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
KEPT = 0.30  # share of a box that a window must leave


def cut(
    images: torch.Tensor, reach: np.ndarray, centre: np.ndarray, size: int, ground: float | None = None
) -> tuple[torch.Tensor, np.ndarray]:
    """Cut a window out of every image, on the device where it lies.

    Args:
        images: (B, h, w, 3) uint8.
        reach, centre: (B, 2) each, for x and y, in coordinates that run from -1 to 1 over the image; a negative reach
            mirrors.
        size: edge of the result in pixels.
        ground: grey level in [0, 1] beyond the image; without it the edge is continued.

    Returns:
        (B, 3, size, size) float32 in [0, 1], and the windows for `through`: (B, 2, 2) float32, reach and centre.
    """
    import torch.nn.functional as F

    windows = np.stack([reach, centre], 2).astype(np.float32)
    theta = np.zeros((len(images), 2, 3), np.float32)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = reach[:, 0], reach[:, 1], centre
    grid = F.affine_grid(tensor(theta, images), (len(images), 3, size, size), align_corners=False)
    pixels = images.permute(0, 3, 1, 2).float().div_(255)
    if ground is None:
        return F.grid_sample(pixels, grid, padding_mode="border", align_corners=False), windows
    return F.grid_sample(pixels.sub_(ground), grid, align_corners=False).add_(ground), windows


def tensor(array: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    """The array as float32 on the device of `like`."""
    import torch

    return torch.as_tensor(np.asarray(array, np.float32), device=like.device)


def through(corners: np.ndarray, window: np.ndarray, side: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Boxes as they stand in a window of `cut`.

    Args:
        corners: (n, 4) boxes_xyxy as shares of the image.
        window: (2, 2) of one image.
        side: share of the window that both sides of a box must keep.

    Returns:
        (n, 4) float32 centre and size as shares of the window, cut off at its edge; and (n,) bool, which are left.
    """
    reach, centre = window[:, 0], window[:, 1]
    points = ((2 * corners.reshape(-1, 2, 2) - 1 - centre) / reach + 1) / 2
    low, high = points.min(1), points.max(1)
    whole = np.prod(high - low, 1)
    low, high = low.clip(0, 1), high.clip(0, 1)
    sides = high - low
    kept = (np.prod(sides, 1) >= KEPT * whole) & (sides.min(1) >= side)
    return np.concatenate([(low + high) / 2, sides], 1).astype(np.float32), kept


def recoloured(pixels: torch.Tensor, rng: np.random.Generator, options: Mapping[str, Any]) -> torch.Tensor:
    """Pixels (B, 3, s, s) under another light each: cast, saturation, contrast, brightness of `options`."""
    import torch

    matrix, offset = _colours(len(pixels), rng, options)
    shift = tensor(offset, pixels)[:, None, None]
    return torch.baddbmm(shift, tensor(matrix, pixels), pixels.flatten(2)).view_as(pixels)


def _colours(count: int, rng: np.random.Generator, options: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """(B, 3, 3) matrices and (B,) offsets: colour cast, then saturation or grey, contrast and brightness."""
    cast = np.exp(rng.normal(0, options["cast"], (count, 1, 3)))
    keep = 1 + rng.uniform(-options["saturation"], options["saturation"], count)
    keep[rng.random(count) < options["grey"]] = 0.0
    keep = keep[:, None, None]
    contrast = 1 + rng.uniform(-options["contrast"], options["contrast"], count)
    bright = rng.uniform(-options["brightness"], options["brightness"], count)
    matrix = (keep * np.eye(3) + (1 - keep) * np.array(LUMA)) * cast * contrast[:, None, None]
    return matrix, 0.5 * (1 - contrast) + bright
