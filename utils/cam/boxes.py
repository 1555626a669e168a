"""What a heat map points at: a box by a threshold, and whether its peak lies where it should."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils import metrics
from utils.metrics.checks import as_boxes


def box(heat: ArrayLike, threshold: float) -> NDArray[np.float64] | None:
    """The box round the heaviest connected part of a map (Zhou et al. 2016, who take the largest).

    Args:
        heat: (h, w) float in [0, 1].
        threshold: px of this heat or more belong to a part, those of none never do; px that touch at a corner are
            connected.

    Returns:
        box_xyxy (4,) in px, the far edge excluded, round the part with the greatest sum of heat, of equal ones the one
        that begins first row by row; None where no px is hot enough.

    Raises:
        ValueError: another shape, NaN, a value or threshold outside [0, 1].

    >>> box([[0, 0, 0.9], [0.3, 0, 0.8]], 0.5).tolist()
    [2.0, 0.0, 3.0, 2.0]
    """
    from scipy import ndimage

    heat = _checked(heat)
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold {threshold!r} is outside [0, 1]")
    parts, count = ndimage.label((heat >= threshold) & (heat > 0), np.ones((3, 3)))
    if not count:
        return None
    mass = np.bincount(parts.ravel(), heat.ravel(), count + 1)[1:]
    rows, columns = ndimage.find_objects(parts)[int(mass.argmax())]
    return np.array([columns.start, rows.start, columns.stop, rows.stop], np.float64)


def choose_threshold(heats: Sequence[ArrayLike], true_boxes: ArrayLike, thresholds: Sequence[float]) -> float:
    """The threshold of `box` with the greatest mean IoU; of equal ones the lowest.

    Args:
        heats: n maps (h, w) in [0, 1], of validation pictures.
        true_boxes: (n, 4) boxes_xyxy with an area.
        thresholds: in [0, 1].

    Raises:
        ValueError: no map, not one box a map, or no threshold; as `box`.
    """
    thresholds = sorted(float(threshold) for threshold in thresholds)
    if not thresholds:
        raise ValueError("no threshold to choose from: give one at least")
    scores = [metrics.grounding([box(heat, t) for heat in heats], true_boxes)["mIoU"] for t in thresholds]
    return thresholds[int(np.argmax(scores))]


def pointing(heats: Sequence[ArrayLike], boxes_xyxy: ArrayLike) -> NDArray[np.bool_]:
    """The pointing game: whether the hottest px of a map lies in the true box (Zhang et al. 2018), without a tolerance.

    Args:
        heats: n maps (h, w) in [0, 1]. Of equally hot px the first counts, row by row; a map that is 0 throughout points
            nowhere.
        boxes_xyxy: (n, 4) true boxes in px, with an area. A px lies inside where its middle does.

    Returns:
        (n,) bool.

    Raises:
        ValueError: not one box a map, a box without area, or a map with NaN, of another shape or range.
    """
    boxes = as_boxes(boxes_xyxy, "boxes_xyxy")
    if len(heats) != len(boxes):
        raise ValueError(f"{len(heats)} maps and {len(boxes)} boxes; give one box a map")
    hits = np.zeros(len(boxes), bool)
    for i, (heat, (x0, y0, x1, y1)) in enumerate(zip(map(_checked, heats), boxes, strict=True)):
        row, column = np.unravel_index(heat.argmax(), heat.shape)
        hits[i] = heat[row, column] > 0 and x0 <= column + 0.5 < x1 and y0 <= row + 0.5 < y1
    return hits


def _checked(heat: ArrayLike) -> NDArray:
    heat = np.asarray(heat, np.float64)
    if heat.ndim != 2 or not heat.size or not (heat.min() >= 0 and heat.max() <= 1):
        told = f"from {heat.min():g} to {heat.max():g}" if heat.size else "empty"
        raise ValueError(f"a heat map of shape {heat.shape}, {told}; it must be (h, w) with values in [0, 1]")
    return heat
