"""Input checks that all metrics share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def as_matrix(values: ArrayLike, name: str) -> NDArray:
    """Values as a filled (m, n) float array without NaN; a ValueError calls them `name`."""
    values = np.asarray(values)
    if not np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float64)
    if values.ndim != 2 or not values.size:
        raise ValueError(f"{name} has shape {values.shape}; it must have two axes and no empty one.")
    if np.isnan(values).any():
        row, column = np.argwhere(np.isnan(values))[0]
        raise ValueError(f"{name}[{row}, {column}] is NaN; a ranking of it would be arbitrary.")
    return values


def as_boxes(boxes_xyxy: ArrayLike, name: str) -> NDArray[np.float64]:
    """Boxes (n, 4) float64 with an area, or none at all; a ValueError calls them `name`."""
    boxes = np.asarray(boxes_xyxy, np.float64)
    boxes = boxes.reshape(-1, 4) if not boxes.size else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"{name} has shape {boxes.shape}; boxes_xyxy are (n, 4).")
    flat = np.flatnonzero(~(np.isfinite(boxes).all(axis=1) & (boxes[:, :2] < boxes[:, 2:]).all(axis=1)))
    if len(flat):
        raise ValueError(f"{name}[{flat[0]}] is {boxes[flat[0]].tolist()}, without area; x0 < x1, y0 < y1.")
    return boxes


def as_truth(relevant: ArrayLike) -> NDArray[np.bool_]:
    """Relevance as a filled (m, n) bool array, or a ValueError."""
    relevant = np.asarray(relevant)
    if relevant.ndim != 2 or not relevant.size or not (relevant.dtype == bool or np.isin(relevant, (0, 1)).all()):
        raise ValueError(f"truth of shape {relevant.shape} and type {relevant.dtype}; it must be bool, not empty.")
    return relevant.astype(bool)


def as_classes(classes: ArrayLike, n_classes: int, name: str, items: int | None = None) -> NDArray[np.int64]:
    """Classes (items,) int64 from 0 to n_classes - 1, one at least; a ValueError calls them `name`."""
    classes = np.asarray(classes)
    known = np.isin(classes, np.arange(n_classes))
    if classes.ndim != 1 or not classes.size or classes.size != (items or classes.size) or not known.all():
        wrong = f"has shape {classes.shape}" if known.all() else f"holds {classes[~known][0]!r}"
        each = "each item" if items is None else f"each of {items} rows"
        raise ValueError(f"{name} {wrong}; it must hold a class from 0 to {n_classes - 1} for {each}, one at least.")
    return classes.astype(np.int64)


def as_probabilities(prob: ArrayLike) -> NDArray:
    """Probabilities (n, c) float whose rows sum to 1, or a ValueError."""
    prob = as_matrix(prob, "prob")
    if (prob < 0).any() or not np.allclose(prob.sum(axis=1), 1.0, atol=1e-3):
        raise ValueError("the rows of prob must be probabilities that sum to 1; take the softmax of scores first.")
    return prob


def as_rows(**rows: ArrayLike) -> None:
    """A ValueError if the named rows are not filled, with one axis, and equally long."""
    shapes = [np.shape(row) for row in rows.values()]
    if len(shapes[0]) != 1 or not shapes[0][0] or len(set(shapes)) > 1:
        given = ", ".join(f"{name} has shape {shape}" for name, shape in zip(rows, shapes, strict=True))
        raise ValueError(f"{given}; give {('one', 'two', 'three')[len(rows) - 1]} equal rows, not empty.")
