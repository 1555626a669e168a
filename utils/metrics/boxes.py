"""Boxes: intersection over union, and grounding by one predicted box a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.metrics.checks import as_boxes, as_matrix


def iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of boxes_xyxy, (..., 4) each, broadcast against each other: (...) in [0, 1].

    A box without area (flat, inverted or NaN) overlaps with nothing. All against all: `iou(a[:, None], b)`.

    >>> float(iou([0, 0, 2, 2], [1, 0, 3, 2]).round(3))
    0.333
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape[-1:] != (4,) or b.shape[-1:] != (4,):
        raise ValueError(f"boxes have shapes {a.shape} and {b.shape}; the last axis must be x0, y0, x1, y1.")
    common = _area(np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:]))
    union = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - common
    return np.divide(common, union, out=np.zeros_like(union), where=common > 0)


def _area(low: NDArray, high: NDArray) -> NDArray[np.float64]:
    sides = np.nan_to_num(high - low, nan=0.0).clip(0)
    return sides[..., 0] * sides[..., 1]


def grounding(pred_boxes: Sequence, true_boxes: ArrayLike) -> dict[str, float]:
    """`acc@0.5` (share with IoU >= 0.5) and `mIoU` of one predicted box a sentence.

    Args:
        pred_boxes: n boxes_xyxy; None or NaN where nothing was found counts as IoU 0.
        true_boxes: (n, 4) boxes_xyxy with an area.

    Raises:
        ValueError: no boxes, unequal numbers, or a true box without area.
    """
    pred = np.array([[np.nan] * 4 if box is None else box for box in pred_boxes], np.float64).reshape(-1, 4)
    true = as_boxes(as_matrix(true_boxes, "true_boxes"), "true_boxes")
    if pred.shape != true.shape:
        raise ValueError(f"pred_boxes has shape {pred.shape}, true_boxes {true.shape}; both must be (n, 4).")
    overlap = iou(pred, true)
    return {"acc@0.5": float((overlap >= 0.5).mean()), "mIoU": float(overlap.mean())}
