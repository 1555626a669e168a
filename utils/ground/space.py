"""Space: how well boxes fit what a sentence says of where a thing is, by geometry alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from utils.ground.geometry import OWN, TO_THINGS, Picture, Row
from utils.ground.relations import Relation
from utils.metrics.checks import as_boxes

ROUNDING = 1e-6  # by which a sum of shares may be above 1
LATE = frozenset(("rank", "middle", "size", "depth", "nearest", "farthest"))  # count among what the others leave


def fits(
    relation: Relation,
    boxes_xyxy: ArrayLike,
    width: float,
    height: float,
    landmarks: Sequence[ArrayLike] = (),
    same: ArrayLike | None = None,
) -> Row:
    """How well each box fits a relation.

    With a landmark that is sure to be there (weight 1) the value is that of the best box to stand for it; the less sure
    it is, the nearer all values come to 1, so that a thing that was not found rules nothing out. A box is never its own
    landmark, and what is denied of a landmark is not said of that itself. A denied relation has 1 - value.

    Args:
        relation: of `relations.parse`.
        boxes_xyxy: (k, 4) px, with an area; k may be 0.
        width: of the picture, px.
        height: of the picture, px.
        landmarks: for each of `relation.landmarks` (k,) weights in [0, 1]: how far a box is what it names. None at all
            where they are not known.
        same: (k,) bool or weights in [0, 1]: how far a box is of the kind that is meant, by default all are. Ranks, sizes
            and other superlatives count among boxes with at least half of the greatest weight; other boxes have 0.

    Returns:
        (k,) float64 in [0, 1]; all 1 for an unknown kind, where no box is a landmark, and for a rank beyond the boxes.

    Raises:
        ValueError: boxes without area, a picture without, weights of another length or outside [0, 1].
    """
    boxes = as_boxes(boxes_xyxy, "boxes_xyxy")
    if not (0 < width < np.inf and 0 < height < np.inf):
        raise ValueError(f"the picture is {width} x {height}; give its width and height in pixels")
    marks = [_weights(weights, len(boxes), f"landmarks[{i}]") for i, weights in enumerate(landmarks)]
    kind = _weights(np.ones(len(boxes)) if same is None else same, len(boxes), "same")
    if not len(boxes):
        return np.zeros(0)
    short = min(width, height)
    corners = boxes / short
    middles, among = (corners[:, :2] + corners[:, 2:]) / 2, kind >= max(kind.max() / 2, np.finfo(float).tiny)
    picture = Picture(corners, middles, np.array([width, height]) / short, among)
    if relation.kind in TO_THINGS:
        if len(marks) != len(relation.to) or not min(mark.max() for mark in marks):
            return np.ones(len(boxes))
        return TO_THINGS[relation.kind](picture, relation, marks).clip(0, 1)
    value = OWN[relation.kind](picture, relation) if relation.kind in OWN else None
    if value is None:
        return np.ones(len(boxes))
    return 1 - value if relation.denied else value


def combined(
    relations: Sequence[Relation],
    boxes_xyxy: ArrayLike,
    width: float,
    height: float,
    landmarks: Sequence[Sequence[ArrayLike]] | None = None,
    same: ArrayLike | None = None,
) -> Row:
    """How well each box fits all relations: the product, where ranks and superlatives count among what the others leave.

    "The largest turtle on the left" is the largest of those on the left, in whatever order it is said.

    Args:
        relations: r of them; none gives all ones.
        boxes_xyxy, width, height, same: as in `fits`.
        landmarks: r rows, each as in `fits`; None: not known.

    Returns:
        (k,) float64 in [0, 1].

    Raises:
        ValueError: another number of rows than of relations, or as `fits`.
    """
    landmarks = [()] * len(relations) if landmarks is None else landmarks
    if len(landmarks) != len(relations):
        raise ValueError(f"{len(landmarks)} rows of landmarks for {len(relations)} relations; give one each")
    count = len(as_boxes(boxes_xyxy, "boxes_xyxy"))
    left, product = np.ones(count) if same is None else _weights(same, count, "same"), np.ones(count)
    for relation, marks in sorted(zip(relations, landmarks, strict=True), key=lambda pair: pair[0].kind in LATE):
        value = fits(relation, boxes_xyxy, width, height, marks, left)
        left, product = left * value, product * value
    return product


def _weights(values: ArrayLike, count: int, name: str) -> Row:
    values = np.asarray(values, np.float64)
    if values.shape != (count,) or not ((values >= 0) & (values <= 1 + ROUNDING)).all():
        held = f" and holds {values.min()} to {values.max()}" if values.size else ""
        raise ValueError(f"{name} has shape {values.shape}{held}; give {count} weights from 0 to 1, one a box")
    return values.clip(0, 1)
