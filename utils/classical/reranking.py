"""Rankings ordered anew: the first pictures of each by the keypoints that they share with what asks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .matching import rerank


def reordered(
    scores: NDArray[np.float64],
    asked: Sequence[tuple[str | Path, Sequence[float] | None]],
    paths: Sequence[str | Path],
    first: int,
    hidden: NDArray[np.bool_] | None = None,
    **settings: Any,
) -> NDArray[np.float64]:
    """The first pictures of each ranking, ordered anew by `rerank`; the rest and ties keep their order.

    Args:
        scores: (m, n) float64, finite; of equal ones the first pictures count as better.
        asked: path and box_xyxy (or None) of each of m queries.
        paths: of n pictures.
        first: pictures to compare, from 1; all of fewer.
        hidden: (m, n) bool, pictures that are not compared with a query and are none of its first.
        settings: of `rerank`.

    Returns:
        (m, n) float64: 1 + matches for those compared, and a part of the old score in [0, 0.5] for all.

    Raises:
        ValueError: first below 1; as `rerank`.
    """
    if first < 1:
        raise ValueError(f"first is {first}; at least one picture can be compared")
    low, high = scores.min(axis=1, keepdims=True), scores.max(axis=1, keepdims=True)
    anew = (scores - low) / np.maximum(high - low, np.finfo(float).tiny) / 2
    for i, (path, box) in enumerate(asked):
        order = np.argsort(-scores[i], kind="stable")
        best = (order if hidden is None else order[~hidden[i, order]])[:first]
        anew[i, best] += 1 + rerank(path, [paths[j] for j in best], box=box, **settings)
    return anew
