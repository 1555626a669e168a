"""Queries: unit vectors, and several of them as one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

UNIT = 1e-3  # how far from 1 the length of an embedding may be
VANISHED = 1e-6  # a sum of unit vectors shorter than this is rounding, not a direction


def check_unit(emb: NDArray, name: str) -> None:
    """Ask that all rows (n, d) have unit length, within 1e-3.

    Raises:
        ValueError: one has not (NaN has not); names the first and tells how many there are.
    """
    lengths = np.linalg.norm(emb, axis=1)
    wrong = np.flatnonzero(~(np.abs(lengths - 1) <= UNIT))
    if len(wrong):
        which, length = f"{name}[{wrong[0]}]", f"{lengths[wrong[0]]:.4g}"
        raise ValueError(
            f"{which} is not of unit length, or not finite: it has length {length} ({len(wrong)} rows are not)"
        )


def compose(
    plus: Sequence[ArrayLike], minus: Sequence[ArrayLike] = (), weights: Sequence[float] | None = None
) -> NDArray[np.float32]:
    """Query algebra: one query from texts and images, as a weighted sum of unit vectors.

    Args:
        plus: what to look for; each a (d,) embedding, or (p, d) embeddings of several wordings of one thing,
            which are normalised, averaged and normalised again.
        minus: what to stay away from, likewise.
        weights: one for each item of plus, then of minus (1 by default).

    Returns:
        (1, d) float32, unit length.

    Raises:
        ValueError: nothing given, unequal lengths, NaN, or parts that cancel each other out.

    >>> compose([[1, 0, 0], [0, 1, 0]], minus=[[0, 1, 0]]).tolist()
    [[1.0, 0.0, 0.0]]
    """
    parts = [_direction(item, f"part {i}") for i, item in enumerate([*plus, *minus])]
    shares = np.ones(len(parts)) if weights is None else np.asarray(weights, np.float64)
    if not parts or len({part.size for part in parts}) > 1 or shares.shape != (len(parts),):
        shapes = [part.shape for part in parts]
        raise ValueError(
            f"parts of shapes {shapes} with {shares.size} weights; give parts of one length, a weight each."
        )
    signs = np.repeat([1.0, -1.0], [len(plus), len(minus)])
    return _direction((shares * signs) @ np.stack(parts), "the sum")[None].astype(np.float32)


def _direction(vectors: ArrayLike, name: str) -> NDArray[np.float64]:
    """Mean direction of (d,) or (p, d) vectors."""
    rows = np.atleast_2d(np.asarray(vectors, np.float64))
    if rows.ndim != 2 or not rows.size or not np.isfinite(rows).all():
        raise ValueError(f"{name} has shape {np.shape(vectors)}; it must be (d,) or (p, d), filled, without NaN.")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    mean = (rows / np.maximum(lengths, VANISHED)).mean(axis=0) if len(rows) > 1 else rows[0]
    length = np.linalg.norm(mean)
    if min(length, lengths.min()) < VANISHED:
        raise ValueError(f"{name} is zero: nothing is left to look for; change the words or the weights.")
    return mean / length
