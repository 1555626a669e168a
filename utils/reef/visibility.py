"""Visibility: what a photograph shows of each of its things. Boxes are float pixels, masks (h, w) bool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from utils.reef.scenes import Thing
    from utils.reef.solids import Layer

SEEN = 0.35  # the visible share from which captions speak of a thing
SEEN_PIXELS = 60  # and the area in pixels
_UNTOLD = ("above_bed", "individual", "close", "bend", "landed")  # attributes that are no truth to be told
_STATE_PIXELS = {"net": 40, "hook": 14, "rope": 30, "plastic": 24, "barnacles": 14, "stump": 8}


@dataclass
class Drawn:
    """A thing as it was drawn: `window` of the picture shows `patch` of its layer, `whole` is the layer's area."""

    thing: Thing
    layer: Layer
    window: tuple[slice, slice]
    patch: tuple[slice, slice]
    whole: float


def truth(drawn: Drawn, mine: np.ndarray, masks: bool) -> dict | None:
    """The dict that `scenes.photograph` gives for a thing whose visible pixels are `mine`; None where there are none."""
    thing, area = drawn.thing, int(mine.sum())
    if area == 0 or drawn.whole == 0:
        return None
    visible, found = area / drawn.whole, _parts(drawn, mine)
    corner = drawn.window[0].start, drawn.window[1].start
    counts = {name: int(mask.sum()) for name, mask in found.items()}
    parts = {name: mask for name, mask in found.items() if counts[name] >= 6}
    attributes = {k: v for k, v in thing.attributes.items() if k not in _UNTOLD}
    out = {
        "kind": thing.kind, "attributes": attributes, "states": _visible_states(thing, counts),
        "box_xyxy": _box(mine), "area": float(area), "visible": round(float(visible), 4),
        "seen": bool(visible >= SEEN and area >= SEEN_PIXELS), "segmentation": _outline(mine) if masks else [],
        "parts": {name: _box(mask, corner) for name, mask in parts.items()},
        "identity": thing.identity, "encounter": thing.encounter,
    }  # fmt: skip
    if masks:
        out["masks"] = {"whole": mine, **{name: _placed(mask, drawn, mine) for name, mask in parts.items()}}
    return out


def _parts(drawn: Drawn, mine: np.ndarray) -> dict[str, np.ndarray]:
    """Where each part is to be seen, in the thing's window of the picture."""
    ids = np.where(mine[drawn.window], drawn.layer.parts[drawn.patch], -1)
    present = set(np.unique(ids))
    return {name: ids == i for i, name in enumerate(drawn.layer.part_names) if i in present}


def _placed(mask: np.ndarray, drawn: Drawn, mine: np.ndarray) -> np.ndarray:
    whole = np.zeros_like(mine)
    whole[drawn.window] = mask
    return whole


def _visible_states(thing: Thing, counts: dict[str, int]) -> list[str]:
    """The states one can make out: each needs some pixels of its own, algae the shell, a missing flipper its stump."""
    seen = []
    for state in thing.states:
        part = "stump" if state == "missing flipper" else "shell" if state == "algae" else state
        if counts.get(part, 0) >= _STATE_PIXELS.get(part, 80):
            seen.append(state)
    return seen


def _box(mask: np.ndarray, corner: tuple[int, int] = (0, 0)) -> list[float]:
    """The box of a mask whose own corner lies at (row, column) of the picture."""
    rows, cols = np.flatnonzero(mask.any(1)) + corner[0], np.flatnonzero(mask.any(0)) + corner[1]
    return [float(cols[0]), float(rows[0]), float(cols[-1] + 1), float(rows[-1] + 1)]


def _outline(mask: np.ndarray) -> list[list[float]]:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_TC89_L1)
    return [[float(v) for v in c.reshape(-1)] for c in contours if len(c) >= 3]
