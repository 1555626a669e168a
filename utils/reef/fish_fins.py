"""Fins of fish: those on the middle line painted as one flat sheet, the paired ones as fans.

Shares and lengths are of the standard length; the sheet is (rows, columns, 3) float32 RGB with a mask.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from utils.reef.fish_skins import PIXELS, Shape
from utils.reef.species import Species

_EDGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # how far the rays of a tail reach, from lower to upper lobe
    "forked": lambda v: 0.40 + 0.60 * np.abs(v) ** 1.3,
    "emarginate": lambda v: 0.74 + 0.26 * v**2,
    "truncate": lambda v: 0.95 + 0.05 * np.cos(v * 3),
    "rounded": lambda v: np.sqrt(1 - 0.62 * v**2),
    "pointed": lambda v: 1 - 0.85 * np.abs(v),
    "crescent": lambda v: 0.62 + 0.22 * v**2 - 0.16 * v,
}
_HEIGHTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # of a fin along its base, from front to end
    "soft": lambda u: np.interp(u, [0, 0.18, 0.35, 0.7, 1], [0.15, 1, 0.92, 0.55, 0.35]),
    "thread": lambda u: np.interp(u, [0, 0.2, 0.5, 0.85, 1], [0.1, 1, 0.62, 0.42, 0.75]),
    "long": lambda u: np.interp(u, [0, 0.12, 0.3, 0.8, 1], [0.2, 1, 0.85, 0.62, 0.45]),
    "even": lambda u: np.interp(u, [0, 0.1, 0.5, 0.9, 1], [0.2, 0.75, 1, 0.95, 0.5]),
    "rise": lambda u: np.interp(u, [0, 0.2, 0.7, 0.95, 1], [0.15, 0.5, 1, 0.9, 0.3]),
    "round": lambda u: np.sqrt(np.clip(1 - (1.75 * u - 0.95) ** 2, 0.05, 1)),
    "sail": lambda u: np.interp(u, [0, 0.1, 0.4, 0.8, 1], [0.3, 1, 0.95, 0.75, 0.5]),
    "spiny": lambda u: np.interp(u, [0, 0.15, 0.4, 0.8, 1], [0.4, 0.85, 1, 0.7, 0.45]) * (1 - 0.35 * ((u * 9) % 1)),
}


def sheet(
    species: Species, shape: Shape, colour, spread: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float]:
    """Dorsal, anal and tail fin in the plane that halves the fish.

    Args:
        species: whose fins.
        shape: the outline they stand on.
        colour: RGB in [0, 1].
        spread: how far the fins are raised, from 0 (folded) to 1.
        rng: of this individual.

    Returns:
        RGB (rows, columns, 3), mask (rows, columns) bool and the height in lengths of row 0; the columns go on beyond
        the tail base with the same PIXELS a length.
    """
    tallest = max([f[2] for f in species.dorsal + species.anal] + [0.02])
    high = shape.top + tallest + 0.01
    low = min(float((shape.mid - shape.half).min()) - tallest, -species.tail[2]) - 0.01
    high = max(high, species.tail[2] + 0.01)
    size = (int((high - low) * PIXELS) + 1, int((1 + species.tail[1]) * PIXELS) + 2)
    rgb, mask = np.zeros((*size, 3), np.float32), np.zeros(size, np.uint8)
    brush = _Brush(rgb, mask, high, np.asarray(colour, np.float32))
    for side, fins in ((1, species.dorsal), (-1, species.anal)):
        for fin in fins:
            _raise(brush, shape, fin, side, spread)
    _tail(brush, species, shape, 0.62 + 0.38 * spread)
    for name, *how in species.pattern:
        if name in ("finspots", "tailbars"):
            _mark(brush, name, how[0], rng)
    return np.clip(rgb, 0, 1), mask > 0, high


class _Brush:
    """Paints one fin at a time: its outline filled, its rays as lines."""

    def __init__(self, rgb: np.ndarray, mask: np.ndarray, high: float, colour: np.ndarray) -> None:
        self.rgb, self.mask, self.high, self.colour = rgb, mask, high, colour

    def pixels(self, points: np.ndarray) -> np.ndarray:
        at = np.stack([points[:, 0] * PIXELS, (self.high - points[:, 1]) * PIXELS], 1)
        return np.round(at * 8).astype(np.int32)

    def fin(self, roots: np.ndarray, tips: np.ndarray, rays: int, spines: bool = False) -> None:
        outline = self.pixels(np.concatenate([roots, tips[::-1]]))
        cv2.fillPoly(self.mask, [outline], 1, shift=3)
        cv2.fillPoly(self.rgb, [outline], tuple(map(float, self.colour)), cv2.LINE_AA, shift=3)
        for i in np.linspace(0, len(roots) - 1, rays).astype(int):
            ray = self.pixels(np.stack([roots[i], tips[i]]))
            tone = self.colour * (0.62 if spines else 0.74)
            cv2.polylines(self.rgb, [ray], False, tuple(map(float, tone)), 1, cv2.LINE_AA, shift=3)
        edge = self.pixels(tips)
        cv2.polylines(self.rgb, [edge], False, tuple(map(float, 0.70 * self.colour)), 2, cv2.LINE_AA, shift=3)


def _raise(brush: _Brush, shape: Shape, fin, side: int, spread: float) -> None:
    start, end, height, kind = fin
    u = np.linspace(0, 1, 46)
    s = start + (end - start) * u
    column = np.clip((s * (PIXELS - 1)).astype(int), 0, PIXELS - 1)
    foot = shape.mid[column] + side * 0.86 * shape.half[column]
    tall = height * _HEIGHTS[kind](u)
    rise = tall * (0.45 + 0.55 * spread) + 0.14 * shape.half[column]
    lean = tall * (0.45 + 0.55 * (1 - spread))
    brush.fin(
        np.stack([s, foot], 1),
        np.stack([s + lean, foot + side * rise], 1),
        int(8 + 40 * (end - start)),
        kind == "spiny",
    )


def _tail(brush: _Brush, species: Species, shape: Shape, open_: float) -> None:
    kind, long, span = species.tail
    v = np.linspace(-1, 1, 61)
    roots = np.stack([np.full_like(v, 0.965), shape.mid[-1] + 0.9 * v * shape.half[-1]], 1)
    tips = np.stack([0.99 + long * _EDGES[kind](v), shape.mid[-1] + v * span * open_], 1)
    brush.fin(roots, tips, 17)


def _mark(brush: _Brush, name: str, colour, rng) -> None:
    rows, columns = brush.mask.shape
    if name == "tailbars":
        x = np.arange(columns)
        share = 0.45 * ((x % 11) < 4) * (x > 0.99 * PIXELS)
        share = np.broadcast_to(share, brush.mask.shape)
    else:
        share = np.zeros((rows, columns), np.float32)
        for _ in range(150):
            at = (int(rng.uniform(0.2, 1) * columns), int(rng.uniform(0, rows)))
            cv2.circle(share, at, int(rng.integers(2, 5)), 0.6, -1, cv2.LINE_AA)
    brush.rgb[:] = brush.rgb * (1 - share[..., None]) + np.asarray(colour, np.float32) * share[..., None]


def fan(colour, rays: int = 7) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """A paired fin: (along, across) in [0, 1] x [-1, 1] to colour and whether there is skin."""
    colour = np.asarray(colour, np.float32)

    def paint(q):
        wide = 0.22 + 0.70 * np.sin(np.clip(q[:, 0], 0, 1) * 2.2)
        place = q[:, 1] / np.maximum(wide, 0.05)
        keep = (np.abs(place) < 1) & (q[:, 0] < 1 - 0.35 * place**2)
        ray = np.abs((place * rays / 2) % 1 - 0.5) < 0.14
        return colour * (1.0 - 0.30 * ray - 0.15 * q[:, 0])[:, None], keep

    return paint
