"""Colleges: landmarks with quadrangles, chapels, gates. Each stands on y = FOOT, looks along +z, two units wide."""

from __future__ import annotations

import numpy as np

from utils.reef.masonry import (
    DARK,
    FOOT,
    GREY,
    LAWN,
    LEAD,
    PALE,
    SLATE,
    YELLOW,
    arcade,
    drum,
    gable,
    ogee,
    parapet,
    pinnacles,
    roof,
    spire,
    tower,
    wall,
    weathered,
)
from utils.reef.solids import Solid, ball, box, rod


def all_souls() -> list[Solid]:
    """Twin towers of three stages over a front with pointed windows, a lawn before it."""
    stone, part = weathered(PALE, 1), "twin towers"
    towers = [s for x in (-0.30, 0.30) for s in _staged(x, stone, part)]
    return [
        wall((0, -0.45, -0.05), (1.0, 0.30, 0.22), stone, 9, 1, window=(0.42, 0.72), head="pointed"),
        parapet((0, -0.12, -0.05), (1.02, 0.05, 0.24), stone, 17), *towers,
        *[p for x in (-0.95, 0.95) for p in pinnacles(x, -0.05, 0.02, 0.2, -0.1, 0.16, stone)][::2],
        box((0, -0.76, 0.62), (1.05, 0.012, 0.42), weathered(LAWN, 2)),
    ]  # fmt: skip


def _staged(x: float, stone, part: str) -> list[Solid]:
    """One of Hawksmoor's towers: three stages, each smaller than the one below."""
    return [
        wall((x, -0.2, 0), (0.17, 0.55, 0.17), stone, 1, 3, window=(0.36, 0.6), head="pointed", part=part),
        wall((x, 0.52, 0), (0.135, 0.20, 0.135), stone, 1, 1, window=(0.5, 0.75), head="pointed", part=part),
        *pinnacles(x, 0, 0.155, 0.155, 0.33, 0.22, stone, part=part), *pinnacles(x, 0, 0.12, 0.12, 0.70, 0.30, stone, part=part),
        rod((x, 0.70, 0), (x, 0.90, 0), 0.10, stone, part=part), parapet((x, 0.35, 0), (0.18, 0.03, 0.18), stone, 4, part=part),
    ]  # fmt: skip


def balliol() -> list[Solid]:
    """A gate tower under a pyramid, steep slate roofs, chimneys."""
    stone, slate, part = weathered(GREY, 3), weathered(SLATE, 4, 0.25), "slate roof"
    gables = [s for x in (-0.80, -0.42, 0.44, 0.80) for s in (
        gable((x, -0.10, 0.27), 0.15, 0.34, stone, thick=0.05), *roof((x, -0.10, 0.12), (0.15, 0.16), 0.33, slate, "z", part=part))]  # fmt: skip
    return [
        wall((0, -0.43, 0), (1.0, 0.33, 0.26), stone, 9, 2, head="pointed"), *roof((0, -0.10, 0), (1.0, 0.28), 0.42, slate, ends=stone, part=part),
        *tower(0, 0.08, 0.23, FOOT, 0.42, stone, 3, 1, 0.0), rod((0, 0.44, 0.08), (0, 1.05, 0.08), 0.29, slate, taper=0.04, part=part),
        *tower(-0.25, 0.20, 0.07, FOOT, 0.52, stone, 4, 1, 0.0), spire(-0.25, 0.20, 0.55, 0.82, 0.10, slate, part=part), *gables,
        *[box((x, 0.38, -0.1), (0.045, 0.26, 0.06), weathered((0.50, 0.40, 0.33), 1)) for x in (-0.62, 0.30, 0.64)],
        box((0, -0.60, 0.32), (0.09, 0.15, 0.02), DARK),
    ]  # fmt: skip


def christ_church() -> list[Solid]:
    """A long low front and an octagonal tower under a bell-shaped cap."""
    stone, part = weathered((0.80, 0.64, 0.40), 5), "bell cap"
    turrets = [
        s
        for x in (-0.27, 0.27)
        for s in (drum((x, FOOT, 0.2), 0.22, 0.085, stone, 5, 4), *ogee(x, 0.2, 0.22, 0.10, 0.24))
    ]
    ends = [
        s
        for x in (-0.93, 0.93)
        for s in (drum((x, FOOT, 0.12), -0.05, 0.11, stone, 6, 3), *ogee(x, 0.12, -0.05, 0.12, 0.22))
    ]
    return [
        wall((0, -0.47, 0), (0.95, 0.28, 0.22), stone, 13, 2), parapet((0, -0.16, 0), (0.97, 0.045, 0.24), stone, 21),
        wall((0, -0.26, 0.05), (0.26, 0.49, 0.24), stone, 1, 2, window=(0.5, 0.72), head="pointed"), *turrets, *ends,
        drum((0, 0.2, 0.03), 0.66, 0.20, stone, 8, 1, window=(0.5, 0.75), head="pointed", part=part),
        *[spire(0.2 * np.cos(a), 0.03 + 0.2 * np.sin(a), 0.58, 0.84, 0.035, stone, part=part) for a in np.arange(8) * np.pi / 4 + 0.39],
        *ogee(0, 0.03, 0.68, 0.205, 0.58, part=part), box((0, -0.56, 0.30), (0.10, 0.19, 0.012), DARK),
    ]  # fmt: skip


def hertford() -> list[Solid]:
    """A covered bridge in one arch between two houses."""
    stone, light, part = weathered(YELLOW, 0), weathered((0.88, 0.80, 0.62), 1), "bridge"
    ends = [s for side in (-1, 1) for s in (
        wall((side * 0.86, -0.18, -0.04), (0.30, 0.57, 0.34), stone, 2, 3, window=(0.42, 0.62)), box((side * 0.86, 0.41, -0.04), (0.33, 0.035, 0.37), light),
        *roof((side * 0.86, 0.44, -0.04), (0.30, 0.34), 0.22, weathered(SLATE, 2)))]  # fmt: skip
    return [
        *ends, arcade((0, -0.27, 0.03), (0.60, 0.48, 0.15), light, 1, 0.94, part=part),
        wall((0, 0.31, 0.03), (0.58, 0.15, 0.14), stone, 5, 1, window=(0.66, 0.74), head="arch", trim=(0.93, 0.88, 0.76), part=part),
        box((0, 0.14, 0.03), (0.60, 0.025, 0.17), light, part=part), box((0, 0.47, 0.03), (0.60, 0.025, 0.17), light, part=part),
        gable((0, 0.49, 0.16), 0.20, 0.20, light, curved=True, part=part), *roof((0, 0.48, 0.03), (0.58, 0.15), 0.12, LEAD, part=part),
    ]  # fmt: skip


def jesus() -> list[Solid]:
    """Three storeys under a row of curved gables, a green door."""
    stone, part = weathered((0.86, 0.80, 0.64), 1, 0.10), "curved gables"
    return [
        wall((0, -0.32, 0), (1.0, 0.43, 0.28), stone, 11, 3, window=(0.60, 0.50), trim=(0.95, 0.92, 0.84)),
        *[gable((x, 0.10, 0.27), 0.19, 0.44, stone, curved=True, thick=0.04, part=part) for x in np.linspace(-0.8, 0.8, 5)],
        *[box((x, 0.21, 0.312), (0.05, 0.06, 0.006), (0.15, 0.18, 0.22), part=part) for x in np.linspace(-0.8, 0.8, 5)],
        *roof((0, 0.10, -0.05), (1.0, 0.24), 0.30, weathered((0.42, 0.37, 0.34), 3)), box((0, -0.58, 0.285), (0.10, 0.17, 0.015), (0.10, 0.33, 0.22)),
        box((0, -0.38, 0.29), (0.16, 0.035, 0.03), stone),
        *[box((x, 0.42, -0.1), (0.035, 0.16, 0.05), stone) for x in (-0.6, -0.2, 0.2, 0.6)],
    ]  # fmt: skip


def keble() -> list[Solid]:
    """A striped brick chapel between buttresses."""
    part = "striped chapel"
    brick = weathered((0.66, 0.22, 0.15), 2, 0.14, bands=(0.88, 0.80, 0.66), period=0.15)
    dark = weathered((0.60, 0.20, 0.14), 2, 0.14, bands=(0.30, 0.27, 0.30), period=0.11)
    buttresses = [s for x in np.linspace(-0.86, 0.58, 5) for s in (
        box((x, -0.20, 0.30), (0.045, 0.55, 0.07), dark, part=part), spire(x, 0.30, 0.33, 0.72, 0.07, brick, part=part))]  # fmt: skip
    return [
        wall((-0.14, -0.16, 0), (0.80, 0.59, 0.27), brick, 4, 1, (0.90, 0.84, 0.70), (0.36, 0.62), "pointed", part=part), *buttresses,
        *roof((-0.14, 0.43, 0), (0.80, 0.28), 0.46, weathered((0.30, 0.30, 0.34), 1, bands=(0.42, 0.40, 0.42), period=0.2), ends=brick, part=part),
        spire(-0.14, 0, 0.86, 1.2, 0.05, LEAD), wall((0.83, -0.42, 0.05), (0.22, 0.33, 0.3), dark, 2, 2, window=(0.4, 0.6), head="pointed"),
        *roof((0.83, -0.09, 0.05), (0.22, 0.3), 0.26, weathered(SLATE, 2), "z", ends=dark),
    ]  # fmt: skip


def magdalen() -> list[Solid]:
    """One slender bell tower, low buildings, a bridge over water."""
    stone, part = weathered(PALE, 3), "tall tower"
    edges = [
        rod((x, 1.0, z), (x, 1.34, z), 0.05, stone, taper=0.06, part=part)
        for x in (-0.57, -0.38, -0.19)
        for z in (-0.14, 0.20)
    ]
    ribs = [box((x, 0.12, z), (0.04, 0.88, 0.04), stone, part=part) for x in (-0.585, -0.175) for z in (-0.15, 0.21)]
    return [
        wall((-0.38, 0.12, 0.03), (0.20, 0.87, 0.18), stone, 1, 4, window=(0.40, 0.62), head="pointed", part=part), *ribs, *edges,
        parapet((-0.38, 1.03, 0.03), (0.22, 0.06, 0.20), stone, 5, part=part), wall((0.30, -0.50, -0.02), (0.66, 0.25, 0.2), stone, 7, 1, head="pointed"),
        parapet((0.30, -0.22, -0.02), (0.67, 0.04, 0.21), stone, 15), *roof((0.3, -0.24, -0.06), (0.6, 0.16), 0.16, weathered(SLATE, 1)),
        box((0.1, -0.755, 0.55), (1.05, 0.015, 0.32), weathered((0.30, 0.42, 0.46), 4, 0.3), gloss=0.6),
        arcade((0.38, -0.67, 0.52), (0.72, 0.13, 0.07), stone, 4, 0.8),
    ]  # fmt: skip


def new() -> list[Solid]:
    """A chapel and a plain tower behind a wall with bastions."""
    stone, old, part = weathered((0.62, 0.61, 0.57), 4), weathered((0.47, 0.45, 0.41), 0, 0.34), "city wall"
    bastions = [s for x in (-0.72, 0.0, 0.72) for s in (
        rod((x, FOOT, 0.45), (x, -0.26, 0.45), 0.15, old, part=part), parapet((x, -0.23, 0.45), (0.13, 0.05, 0.13), old, 3, part=part))]  # fmt: skip
    return [
        box((0, -0.56, 0.42), (1.05, 0.19, 0.05), old, part=part), parapet((0, -0.34, 0.42), (1.05, 0.055, 0.05), old, 19, part=part), *bastions,
        wall((0.18, -0.15, -0.1), (0.78, 0.60, 0.22), stone, 6, 1, window=(0.44, 0.56), head="pointed"), parapet((0.18, 0.49, -0.1), (0.80, 0.05, 0.24), stone, 17),
        *[s for x in np.linspace(-0.55, 0.9, 6) for s in pinnacles(x, 0.12, 0.001, 0.001, 0.48, 0.24, stone)[:1]],
        *tower(-0.74, -0.2, 0.21, FOOT, 0.92, stone, 3, 1, 0.0, window=(0.30, 0.40)),
    ]  # fmt: skip


def oriel() -> list[Solid]:
    """Two round bays and a porch on a flight of steps."""
    stone, light, part = weathered((0.82, 0.62, 0.33), 2), weathered((0.92, 0.80, 0.56), 1), "bay windows"
    bays = [s for x in (-0.58, 0.58) for s in (
        drum((x, FOOT, 0.26), 0.28, 0.20, stone, 10, 3, (0.95, 0.86, 0.66), (0.66, 0.62), "square", part=part),
        rod((x, 0.28, 0.26), (x, 0.33, 0.26), 0.22, light, part=part), gable((x, 0.28, 0.06), 0.26, 0.42, stone, curved=True, thick=0.1))]  # fmt: skip
    porch = [rod((x, -0.52, 0.46), (x, -0.12, 0.46), 0.032, light) for x in (-0.17, 0.17)]
    statues = [
        s
        for x in (-0.09, 0.09)
        for s in (
            rod((x, 0.16, 0.30), (x, 0.36, 0.30), 0.05, light, taper=0.6),
            ball((x, 0.40, 0.30), (0.035,) * 3, light),
        )
    ]
    return [
        wall((0, -0.24, 0), (0.98, 0.51, 0.24), stone, 9, 3, window=(0.5, 0.55)), parapet((0, 0.29, 0), (1.0, 0.045, 0.26), stone, 25), *bays, *porch, *statues,
        box((0, -0.28, 0.26), (0.22, 0.24, 0.03), DARK), box((0, -0.09, 0.36), (0.23, 0.035, 0.14), light), box((0, 0.07, 0.27), (0.16, 0.13, 0.03), light),
        gable((0, 0.32, 0.2), 0.22, 0.38, stone, curved=True),
        *[box((0, -0.72 + 0.055 * i, 0.62 - 0.06 * i), (0.34, 0.032, 0.16), light) for i in range(4)],
    ]  # fmt: skip


def trinity() -> list[Solid]:
    """A chapel with statues on its tower, blue railings before it."""
    stone, light, part = weathered((0.87, 0.82, 0.70), 1), weathered((0.94, 0.90, 0.80), 2), "blue gate"
    statues = [s for x in (0.33, 0.71) for z in (-0.29, 0.09) for s in (
        rod((x, 0.64, z), (x, 0.82, z), 0.05, light, taper=0.6), ball((x, 0.86, z), (0.035,) * 3, light))]  # fmt: skip
    posts = [
        s
        for x in (-0.95, -0.42, 0.42, 0.95)
        for s in (box((x, -0.50, 0.55), (0.055, 0.25, 0.055), light), ball((x, -0.20, 0.55), (0.06,) * 3, light))
    ]
    return [
        wall((-0.30, -0.24, -0.1), (0.62, 0.51, 0.24), stone, 4, 1, (0.95, 0.91, 0.80), (0.40, 0.66), "arch"), box((-0.30, 0.29, -0.1), (0.65, 0.035, 0.27), light),
        *tower(0.52, -0.1, 0.21, FOOT, 0.58, stone, 3, 1, 0.0, window=(0.40, 0.60)), box((0.52, 0.60, -0.1), (0.24, 0.035, 0.24), light), *statues, *posts,
        *[rod((x, 0.32, 0.12), (x, 0.44, 0.12), 0.045, light, taper=0.5) for x in np.linspace(-0.85, 0.25, 5)],
        box((0, -0.53, 0.55), (0.92, 0.22, 0.012), _railing(), part=part), gable((0, -0.31, 0.55), 0.36, 0.26, _railing(), curved=True, thick=0.012, part=part),
    ]  # fmt: skip


def _railing():
    """Blue bars of wrought iron; what lies between them is half seen."""

    def texture(p):
        bar = ((p[:, 0] / 0.075) % 1 < 0.42) | (((p[:, 1] + 0.02) / 0.2) % 1 < 0.16)
        return np.where(bar[:, None], np.float32([0.10, 0.26, 0.62]), np.float32([0.36, 0.42, 0.50])), bar

    return texture


def worcester() -> list[Solid]:
    """A clock over an arcade between two wings, a lake before it."""
    stone, light, part = weathered((0.85, 0.74, 0.50), 3), weathered((0.93, 0.85, 0.65), 2), "lake"
    wings = [s for side in (-1, 1) for s in (
        wall((side * 0.78, -0.23, 0.10), (0.24, 0.52, 0.36), stone, 3, 3, window=(0.40, 0.58)), box((side * 0.78, 0.31, 0.10), (0.26, 0.03, 0.38), light),
        gable((side * 0.78, 0.33, 0.44), 0.24, 0.17, stone, thick=0.03))]  # fmt: skip
    clock = [rod((0, 0.44, 0.0), (0, 0.44, 0.05), 0.115, light), rod((0, 0.44, 0.0), (0, 0.44, 0.06), 0.09, _dial())]
    return [
        box((0, -0.42, -0.22), (0.56, 0.33, 0.05), (0.26, 0.22, 0.17)), arcade((0, -0.52, 0.0), (0.56, 0.23, 0.05), light, 5, 0.72), *wings,
        wall((0, 0.0, -0.08), (0.56, 0.30, 0.12), stone, 5, 1, window=(0.38, 0.60), head="arch"), box((0, 0.31, -0.08), (0.58, 0.03, 0.14), light),
        gable((0, 0.33, 0.0), 0.30, 0.30, stone, thick=0.02), *clock, box((0, -0.74, 0.50), (1.06, 0.012, 0.06), weathered(LAWN, 1)),
        box((0, -0.78, 0.86), (1.06, 0.012, 0.50), _water(), gloss=0.7, part=part),
    ]  # fmt: skip


def _dial():
    """A white face with two hands."""

    def texture(p):
        x, y = p[:, 0], p[:, 1] - 0.44
        hand = ((np.abs(x) < 0.012) & (y > 0) & (y < 0.075)) | ((np.abs(y) < 0.012) & (x > 0) & (x < 0.055))
        return np.where(
            (hand | (np.hypot(x, y) > 0.08))[:, None], np.float32([0.15, 0.16, 0.30]), np.float32(0.95)
        ), None

    return texture


def _water():
    def texture(p):
        wave = 0.5 + 0.5 * np.sin(70 * p[:, 2] + 5 * np.sin(6 * p[:, 0]))
        return np.float32([0.25, 0.40, 0.48]) * (0.75 + 0.55 * wave[:, None]), None

    return texture
