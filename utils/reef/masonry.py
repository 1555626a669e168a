"""Masonry: walls with windows, drums, roofs, gables, towers, spires. What landmarks and villages are built of.

Windows, courses and bricks are painted by textures on few large solids, which keeps a building cheap to render.
"""

from __future__ import annotations

import numpy as np

from utils.reef.solids import Solid, Texture, ball, box, rod, rotation
from utils.reef.textures import dyed, lookup, noise

FOOT = -0.75  # where landmarks stand
PALE, YELLOW, GOLDEN, GREY = (0.83, 0.79, 0.69), (0.84, 0.72, 0.47), (0.78, 0.61, 0.36), (0.57, 0.56, 0.53)
LAWN, DARK = (0.27, 0.47, 0.17), (0.10, 0.09, 0.09)
GLASS, LEAD, SLATE = (0.15, 0.19, 0.24), (0.47, 0.53, 0.56), (0.33, 0.34, 0.38)


def weathered(colour, seed: int = 0, strength: float = 0.16, bands=None, period: float = 0.16) -> Texture:
    """Stone, slate or brick with stains; `bands` is a second colour laid in courses of `period`."""
    base, field = np.asarray(colour, np.float32), noise(seed % 6)
    other = None if bands is None else np.asarray(bands, np.float32)

    def texture(p):
        value = lookup(field, 0.5 * p[:, 0] + 0.31 * p[:, 2] + 0.13 * seed, 0.5 * p[:, 1])
        stain = 1 + strength * (2 * value - 1)
        if other is None:
            return dyed(base, stain), None
        return np.where(((p[:, 1] / period) % 1 < 0.36)[:, None], dyed(other, stain), dyed(base, stain)), None

    return texture


def _panes(u, v, cell, window, head: str, grow: float) -> np.ndarray:
    """Where a window, enlarged by `grow` in object units, covers a cell: u, v in [-0.5, 0.5], cell (width, height)."""
    x, y = np.abs(u) * cell[0], v * cell[1]
    half, top = window[0] * cell[0] / 2 + grow, window[1] * cell[1] / 2 + grow
    inside = (x < half) & (y > -top) & (y < top)
    if head == "square":
        return inside
    rise = half if head == "arch" else 1.6 * half
    above = np.maximum(y - (top - rise), 0) / rise
    curve = x**2 / half**2 + above**2 < 1 if head == "arch" else x / half < 1 - above**1.6
    return inside & curve


def pierced(stone: Texture, trim, cells, window=(0.45, 0.6), head: str = "square", glass=GLASS) -> Texture:
    """`stone` with windows. `cells(p)` gives u, v in bays and storeys and the (width, height) of one cell."""
    trim, glass = np.asarray(trim, np.float32), np.asarray(glass, np.float32)

    def texture(p):
        colour = stone(p)[0]
        u, v, cell, covered = cells(p)
        fu, fv = u % 1 - 0.5, v % 1 - 0.5
        frame = _panes(fu, fv, cell, window, head, 0.018) | (np.abs(fv) > 0.5 - 0.012 / cell[1])
        colour = np.where((frame & covered)[:, None], trim, colour)
        open_ = _panes(fu, fv, cell, window, head, 0.0) & covered
        bars = (np.abs(fu) * cell[0] < 0.007) | (np.abs(fv + 0.05) * cell[1] < 0.006)
        return np.where((open_ & ~bars)[:, None], glass, colour), None

    return texture


def wall(centre, halves, stone: Texture, bays: int = 5, floors: int = 2, trim=(0.88, 0.82, 0.70), window=(0.45, 0.6), head="square",
         glass=GLASS, **more) -> Solid:  # fmt: skip
    """A box with `floors` rows of windows all around, `bays` of them along x."""
    c, h = np.asarray(centre, np.float32), np.asarray(halves, np.float32)
    deep = max(1, round(bays * h[2] / h[0]))

    def cells(p):
        q = (p - c) / h
        side = np.abs(q[:, 0]) > np.abs(q[:, 2])
        u = np.where(side, (q[:, 2] + 1) / 2 * deep, (q[:, 0] + 1) / 2 * bays)
        return u, (q[:, 1] + 1) / 2 * floors, (2 * h[0] / bays, 2 * h[1] / floors), np.abs(q[:, 1]) < 0.995

    return box(centre, halves, pierced(stone, trim, cells, window, head, glass), **more)


def drum(base, top: float, radius: float, stone: Texture, bays: int = 12, floors: int = 1, trim=(0.88, 0.82, 0.70), window=(0.42, 0.62),
         head="arch", **more) -> Solid:  # fmt: skip
    """A round wall from `base` (x, y, z) up to the height `top`, windows all around."""
    x, y, z = base

    def cells(p):
        u = (np.arctan2(p[:, 2] - z, p[:, 0] - x) / (2 * np.pi) + 0.5) * bays
        return (
            u,
            (p[:, 1] - y) / (top - y) * floors,
            (2 * np.pi * radius / bays, (top - y) / floors),
            p[:, 1] < top - 1e-3,
        )

    return rod(base, (x, top, z), radius, pierced(stone, trim, cells, window, head), **more)


def ribbed(colour, ribs: int = 16, centre=(0.0, 0.0)) -> Texture:
    """The lead of a dome, lighter along its ribs."""
    base = np.asarray(colour, np.float32)

    def texture(p):
        turn = (np.arctan2(p[:, 2] - centre[1], p[:, 0] - centre[0]) / (2 * np.pi) * ribs) % 1
        return base * np.where(np.abs(turn - 0.5) < 0.10, 1.28, 1.0)[:, None], None

    return texture


def gable(
    centre, half: float, height: float, stone, across: str = "x", thick: float = 0.03, curved: bool = False, **more
) -> Solid:
    """A triangle standing on `centre`, or with `curved` a Dutch gable; its width runs along `across`."""
    c, axis = np.asarray(centre, np.float32), 0 if across == "x" else 2

    def texture(p):
        u, v = np.abs(p[:, axis] - c[axis]) / half, (p[:, 1] - c[1]) / height
        edge = (
            np.where(v < 0.45, 1 - 0.35 * (v / 0.45) ** 2, 0.62 * np.sqrt(np.clip(1 - ((v - 0.45) / 0.55) ** 2, 0, 1)))
            if curved
            else 1 - v
        )
        colour = stone(p)[0] if callable(stone) else np.broadcast_to(np.asarray(stone, np.float32), (len(p), 3))
        return np.where((u > edge - 0.09)[:, None], colour * 1.12, colour), u < edge

    halves = (half, height / 2, thick) if across == "x" else (thick, height / 2, half)
    return box((c[0], c[1] + height / 2, c[2]), halves, texture, **more)


def roof(base, halves, height: float, colour, along: str = "x", ends=None, **more) -> list[Solid]:
    """A pitched roof on the rectangle `halves` (x, z) around `base`; `ends` is the stone of its two gables."""
    x, y, z = base
    hx, hz = halves
    span = hz if along == "x" else hx
    lean, slope = np.arctan2(height, span), np.hypot(height, span) / 2 * 1.06
    out = []
    for s in (-1, 1):
        if along == "x":
            out.append(
                box(
                    (x, y + height / 2, z + s * hz / 2),
                    (hx * 1.02, 0.02, slope),
                    colour,
                    rotation(pitch=s * lean),
                    **more,
                )
            )
        else:
            out.append(
                box(
                    (x + s * hx / 2, y + height / 2, z),
                    (slope, 0.02, hz * 1.02),
                    colour,
                    rotation(roll=-s * lean),
                    **more,
                )
            )
        if ends is not None:
            at = (x + s * hx * 0.97, y, z) if along == "x" else (x, y, z + s * hz * 0.97)
            out.append(gable(at, span, height, ends, "z" if along == "x" else "x", part=more.get("part", "body")))
    return out


def parapet(centre, halves, stone: Texture, teeth: int = 9, **more) -> Solid:
    """Battlements: a low box with gaps in its upper half, `teeth` of them along x."""
    c, h = np.asarray(centre, np.float32), np.asarray(halves, np.float32)
    deep = max(2, round(teeth * h[2] / h[0]))

    def texture(p):
        q = (p - c) / h
        side = np.abs(q[:, 0]) > np.abs(q[:, 2])
        u = np.where(side, (q[:, 2] + 1) / 2 * deep, (q[:, 0] + 1) / 2 * teeth)
        return stone(p)[0] * 1.05, (q[:, 1] < 0) | (np.abs(u % 1 - 0.5) < 0.28)

    return box(centre, halves, texture, **more)


def arcade(centre, halves, stone: Texture, arches: int, share: float = 0.62, foot: float = 0.0, **more) -> Solid:
    """A box through which `arches` round arches along x are cut; an arch is `share` of its bay wide and high."""
    c, h = np.asarray(centre, np.float32), np.asarray(halves, np.float32)

    def texture(p):
        q = (p - c) / h
        u, v = np.abs(((q[:, 0] + 1) / 2 * arches) % 1 - 0.5) * 2 / share, (q[:, 1] + 1) / 2
        spring = foot + (0.8 - foot) * 0.45
        gap = (v >= foot) & np.where(v < spring, u < 1, u**2 + ((v - spring) / (0.82 - spring)) ** 2 < 1)
        colour = np.where((gap | ((u < 1.16) & (v < 0.9)))[:, None], 1.12, 1.0) * stone(p)[0]
        return colour, ~gap

    return box(centre, halves, texture, **more)


def pinnacles(x: float, z: float, half: float, deep: float, y: float, height: float, stone, **more) -> list[Solid]:
    """Four slender spikes on the corners of a tower."""
    return [
        rod((x + sx * half, y - 0.04, z + sz * deep), (x + sx * half, y + height, z + sz * deep), 0.22 * height, stone, taper=0.06, **more)
        for sx in (-1, 1) for sz in (-1, 1)
    ]  # fmt: skip


def tower(
    x,
    z,
    half,
    base,
    top,
    stone: Texture,
    floors=3,
    bays=1,
    spikes=0.2,
    head="arch",
    trim=(0.88, 0.82, 0.70),
    window=(0.34, 0.55),
    **more,
):
    """A square tower with battlements and, where `spikes` > 0, pinnacles of that height: a list of solids."""
    middle = (base + top) / 2
    body = wall((x, middle, z), (half, (top - base) / 2, half), stone, bays, floors, trim, window, head, **more)
    crown = parapet((x, top + 0.03, z), (half * 1.06, 0.055, half * 1.06), stone, 4, **more)
    return [body, crown, *(pinnacles(x, z, half, half, top, spikes, stone, **more) if spikes else [])]


def spire(x: float, z: float, base: float, top: float, radius: float, stone, **more) -> Solid:
    """A steep cone."""
    return rod((x, base, z), (x, top, z), radius, stone, taper=0.03, **more)


def ogee(x: float, z: float, base: float, radius: float, height: float, colour=LEAD, **more) -> list[Solid]:
    """A bell-shaped cap with a ball on its tip."""
    return [
        ball((x, base, z), (radius, 0.5 * height, radius), ribbed(colour, 8, (x, z)), **more),
        rod((x, base + 0.34 * height, z), (x, base + height, z), 0.62 * radius, colour, taper=0.05, **more),
        ball((x, base + height, z), (0.1 * radius + 0.012,) * 3, (0.85, 0.68, 0.25), gloss=0.6, **more),
    ]
