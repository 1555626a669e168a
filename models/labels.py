"""Labels: everything that can be said of a picture and of its patches, for heads that help an encoder to learn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

FACTS = (
    "scene", "place", "light", "camera", "clarity", "support",
    "motif", "palette", "emotion", "work", "medium", "hand",
)  # fmt: skip
ATTRIBUTES = ("colour", "species", "stage", "action", "name", "material")
RARE = 8  # what fewer training images show has no label of its own


def names(truth: Mapping) -> set[str]:
    """Everything that the head on the whole image shall find in a picture."""
    found = {f"{key} {truth['facts'][key]}" for key in FACTS if truth["facts"].get(key)}
    counts = Counter(thing["kind"] for thing in truth["objects"] if thing["seen"])
    found |= {f"{min(count, 4)} {kind}" for kind, count in counts.items()}
    return found.union(*(names_of(thing) for thing in truth["objects"] if thing["seen"]))


def names_of(thing: Mapping) -> set[str]:
    """What can be said of one thing: its kind, and attributes and states of that kind."""
    kind, attributes = thing["kind"], thing["attributes"]
    said = [attributes[key] for key in ATTRIBUTES if attributes.get(key)] + list(thing["states"])
    return {kind, *(f"{kind} {word}" for word in said)}


def covered(boxes: np.ndarray, grid: int) -> np.ndarray:
    """Which cells of a grid a box covers: half of the cell at least, or a quarter of the box.

    Args:
        boxes: (n, 4) centre and size as shares of the picture.
        grid: cells along an edge.

    Returns:
        (n, grid, grid) bool, rows first.
    """
    low, high = boxes[:, None, :2] - boxes[:, None, 2:] / 2, boxes[:, None, :2] + boxes[:, None, 2:] / 2
    edges = np.arange(grid)[None, :, None] / grid
    inside = (np.minimum(high, edges + 1 / grid) - np.maximum(low, edges)).clip(0)  # (n, grid, 2)
    area = inside[:, :, None, 1] * inside[:, None, :, 0]
    whole = np.prod(boxes[:, 2:], 1)[:, None, None]
    return (area >= 0.5 / grid**2) | ((area >= 0.25 * whole) & (area > 0))


def table(found: Sequence[set[str]]) -> np.ndarray:
    """(rows, names) bool: which of the names is true of each row; names true of fewer than `RARE` rows are left out."""
    least = min(RARE, 1 + len(found) // 100)
    counts = Counter(name for one in found for name in one)
    number = {name: i for i, name in enumerate(sorted(name for name, times in counts.items() if times >= least))}
    true = np.zeros((len(found), len(number)), bool)
    for row, one in enumerate(found):
        true[row, [number[name] for name in one if name in number]] = True
    return true
