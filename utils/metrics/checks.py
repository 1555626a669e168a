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


def as_truth(relevant: ArrayLike) -> NDArray[np.bool_]:
    """Relevance as a filled (m, n) bool array, or a ValueError."""
    relevant = np.asarray(relevant)
    if relevant.ndim != 2 or not relevant.size or not (relevant.dtype == bool or np.isin(relevant, (0, 1)).all()):
        raise ValueError(f"truth of shape {relevant.shape} and type {relevant.dtype}; it must be bool, not empty.")
    return relevant.astype(bool)
