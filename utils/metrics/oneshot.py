"""One-shot detection: windows of many pictures ranked by how much they look like one example.

Counted as for ArtMiner (Shen et al. 2019, "Discovering Visual Patterns in Art Collections"): a window is right if it
overlaps enough with an object that no better window has found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.metrics.boxes import iou
from utils.metrics.checks import as_boxes, as_matrix

WINDOW_SHARES = (0.25, 0.35, 0.5)


def windows(
    width: float, height: float, shares: Sequence[float] = WINDOW_SHARES, step: float = 0.5
) -> NDArray[np.float64]:
    """Square windows of several sizes that cover a picture evenly, the smallest first, row by row.

    Args:
        width, height: of the picture in px.
        shares: edges of the windows, as shares of the shorter side in (0, 1].
        step: between windows as a share of their edge, in (0, 1]; it shrinks until the last one ends at the border.

    Returns:
        (w, 4) float64 boxes_xyxy in px.

    Raises:
        ValueError: a side, share or step out of range, or no share.

    >>> windows(200, 100, shares=[1.0]).tolist()
    [[0.0, 0.0, 100.0, 100.0], [50.0, 0.0, 150.0, 100.0], [100.0, 0.0, 200.0, 100.0]]
    """
    if not min(width, height) > 0 or not shares or not all(0 < part <= 1 for part in (*shares, step)):
        raise ValueError(f"windows of {tuple(shares)}, step {step}, in {width} x {height} px: shares lie in (0, 1].")
    found = []
    for edge in sorted(set(shares)):
        edge *= min(width, height)
        across, down = (np.linspace(0, side - edge, _count(side - edge, step * edge)) for side in (width, height))
        corner = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
        found.append(np.hstack([corner, corner + edge]))
    return np.concatenate(found)


def _count(room: float, step: float) -> int:
    return 1 + int(np.ceil(room / step - 1e-9))


def strongest(scores: ArrayLike, boxes_xyxy: ArrayLike, overlap: float = 0.3) -> NDArray[np.bool_]:
    """Greedy non-maximum suppression for many queries at once: the best window stays, what overlaps with it goes.

    Args:
        scores: (m, w) float, of m queries; of equal windows the first stays.
        boxes_xyxy: (w, 4) float, the windows of one picture.
        overlap: IoU above which the weaker window goes, from 0.

    Returns:
        (m, w) bool, the windows that stay.

    Raises:
        ValueError: empty, misshapen, NaN or infinite input, or an overlap below 0.
    """
    scores, boxes = as_matrix(scores, "scores"), as_boxes(boxes_xyxy, "windows")
    near = iou(boxes[:, None], boxes) > overlap
    if len(near) != scores.shape[1] or not np.isfinite(scores).all() or not overlap >= 0:
        raise ValueError(f"scores {scores.shape}, {len(near)} windows, overlap {overlap}: finite scores, one a window.")
    np.fill_diagonal(near, True)
    left, kept = np.ones(scores.shape, bool), np.zeros(scores.shape, bool)
    while len(rows := np.flatnonzero(left.any(axis=1))):
        best = np.where(left[rows], scores[rows], -np.inf).argmax(axis=1)
        kept[rows, best] = True
        left[rows] &= ~near[best]
    return kept


def detection_ap(
    scores: ArrayLike,
    boxes_xyxy: ArrayLike,
    image_index: ArrayLike,
    truth: Mapping[int, ArrayLike],
    threshold: float = 0.3,
    ignored: Mapping[int, ArrayLike] | None = None,
) -> float:
    """Average precision of one query's windows of all pictures; objects that no window finds count as missed.

    The best window chooses first and takes, of the objects that are left, the one that it overlaps with most. Windows
    of equal score choose together, so that as many objects as possible are found, and count together, as in
    `average_precision`; their order says nothing.

    Args:
        scores: (w,) float, higher is better; there may be none.
        boxes_xyxy: (w, 4) float.
        image_index: (w,) int, the picture of each window.
        truth: picture -> (t, 4) boxes_xyxy of its objects, at least one in all.
        threshold: IoU from which an object is found, in (0, 1].
        ignored: picture -> boxes whose windows count neither way unless they find an object, such as the query's own.

    Returns:
        Area under the steps of precision over recall, in [0, 1].

    Raises:
        ValueError: misshapen, NaN or infinite input, no object, or a threshold out of range.

    >>> detection_ap([0.9, 0.8], [[0, 0, 2, 2], [4, 4, 6, 6]], [0, 1], {1: [[4, 4, 6, 6]]})
    0.5
    """
    scores, boxes, image_index = _windows(scores, boxes_xyxy, image_index)
    objects = {image: as_boxes(part, "objects") for image, part in truth.items()}
    total = sum(map(len, objects.values()))
    if not total or not 0 < threshold <= 1:
        raise ValueError(f"{total} objects, threshold {threshold}: give an object, and a threshold in (0, 1].")
    order = np.argsort(-scores, kind="stable")
    scores, boxes, image_index = scores[order], boxes[order], image_index[order]
    hit, counted = np.zeros(len(scores), bool), np.ones(len(scores), bool)
    for image, part in objects.items():
        rows = np.flatnonzero(image_index == image)
        hit[rows] = _claims(scores[rows], iou(boxes[rows, None], part), threshold)
    for image, part in (ignored or {}).items():
        rows = np.flatnonzero((image_index == image) & ~hit)
        counted[rows] = (iou(boxes[rows, None], np.reshape(part, (-1, 4))) < threshold).all(axis=1)
    return _area(scores[counted], hit[counted], total)


def _windows(scores: ArrayLike, boxes_xyxy: ArrayLike, image_index: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    scores, image_index = np.asarray(scores, np.float64), np.asarray(image_index)
    boxes = as_boxes(boxes_xyxy, "windows")
    if scores.ndim != 1 or boxes.shape != (len(scores), 4) or image_index.shape != scores.shape:
        shapes = f"scores {scores.shape}, boxes_xyxy {boxes.shape}, image_index {image_index.shape}"
        raise ValueError(f"{shapes}; they must be (w,), (w, 4) and (w,).")
    if not np.isfinite(scores).all():
        raise ValueError("scores hold NaN or infinite values; a ranking of them would be arbitrary.")
    return scores, boxes, image_index


def _claims(scores: NDArray, overlap: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Which windows find an object, best first: (w,) bool of falling scores and the overlap (w, t) with each object."""
    from scipy.optimize import linear_sum_assignment

    found, left = np.zeros(len(overlap), bool), np.ones(overlap.shape[1], bool)
    for rows in np.split(np.arange(len(scores)), np.flatnonzero(np.diff(scores)) + 1):
        part = overlap[rows] * left
        fits = part >= threshold
        if fits.any():
            row, column = linear_sum_assignment(fits * (len(rows) + part), maximize=True)
            row, column = row[fits[row, column]], column[fits[row, column]]
            found[rows[row]], left[column] = True, False
    return found


def _area(scores: NDArray, hit: NDArray[np.bool_], total: int) -> float:
    """Area under precision over recall of falling scores; recall's denominator is `total`."""
    last = np.append(scores[1:] != scores[:-1], True)[: len(scores)]
    right, said = np.cumsum(hit)[last], np.flatnonzero(last) + 1
    return float(np.diff(right, prepend=0) @ (right / said) / total)
