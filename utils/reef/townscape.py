"""Townscape: library, museums, shops and skyline. Each stands on y = FOOT, looks along +z, two units wide."""

from __future__ import annotations

import numpy as np

from utils.reef.masonry import (
    DARK,
    FOOT,
    GOLDEN,
    GREY,
    LEAD,
    PALE,
    SLATE,
    YELLOW,
    drum,
    gable,
    parapet,
    pinnacles,
    ribbed,
    roof,
    spire,
    tower,
    wall,
    weathered,
)
from utils.reef.solids import Solid, ball, box, rod


def ashmolean() -> list[Solid]:
    """A temple front with six columns, a wing on either side."""
    stone, light, part = weathered(YELLOW, 2), weathered((0.90, 0.83, 0.66), 3), "columns"
    columns = [
        rod((x, -0.58, 0.36), (x, 0.12, 0.36), 0.058, light, taper=0.84, part=part) for x in np.linspace(-0.40, 0.40, 6)
    ]
    wings = [wall((s * 0.74, -0.31, 0), (0.27, 0.44, 0.36), stone, 3, 2, window=(0.40, 0.62)) for s in (-1, 1)]
    caps = [box((s * 0.74, 0.15, 0), (0.30, 0.045, 0.39), light) for s in (-1, 1)]
    return [
        wall((0, -0.28, 0), (0.48, 0.47, 0.22), weathered((0.62, 0.52, 0.34), 2), 5, 2), *wings, *caps, *columns,
        box((0, 0.17, 0.12), (0.52, 0.06, 0.30), light), *roof((0, 0.23, 0.12), (0.54, 0.30), 0.24, light, "z", ends=stone, part=part),
        *[box((0, -0.72 + 0.05 * i, 0.44 - 0.05 * i), (0.62 - 0.04 * i, 0.03, 0.14), light) for i in range(3)],
    ]  # fmt: skip


def bodleian() -> list[Solid]:
    """A gate tower with columns in five tiers."""
    stone, light, part = weathered(GOLDEN, 4), weathered((0.88, 0.74, 0.48), 5), "tiered tower"
    tiers = [
        rod((x, -0.70 + 0.32 * i, 0.31), (x, -0.43 + 0.32 * i, 0.31), 0.030, light, part=part)
        for i in range(5) for x in (-0.24, -0.17, 0.17, 0.24)
    ]  # fmt: skip
    belts = [box((0, -0.41 + 0.32 * i, 0.04), (0.30, 0.025, 0.29), light, part=part) for i in range(5)]
    return [
        wall((0, -0.27, -0.06), (1.0, 0.48, 0.24), stone, 9, 3, window=(0.52, 0.62)), parapet((0, 0.25, -0.06), (1.02, 0.05, 0.26), stone, 21),
        wall((0, 0.06, 0.02), (0.28, 0.81, 0.26), stone, 1, 5, window=(0.42, 0.66), part=part), *tiers, *belts,
        parapet((0, 0.92, 0.02), (0.30, 0.06, 0.28), stone, 5, part=part), *pinnacles(0, 0.02, 0.27, 0.25, 0.92, 0.28, light, part=part),
        *[p for x in np.linspace(-0.93, 0.93, 6) if abs(x) > 0.3 for p in (rod((x, 0.2, 0.18), (x, 0.50, 0.18), 0.045, light, taper=0.08),)],
        box((0, -0.60, 0.29), (0.11, 0.15, 0.012), DARK),
    ]  # fmt: skip


def cornmarket() -> list[Solid]:
    """Five houses in a row with shop windows and awnings."""
    part, out = "shops", []
    plaster = [(0.86, 0.60, 0.50), (0.93, 0.91, 0.84), (0.62, 0.74, 0.78), (0.91, 0.80, 0.50), (0.72, 0.40, 0.33)]
    awning = [(0.75, 0.12, 0.12), (0.12, 0.35, 0.22), (0.88, 0.62, 0.12), (0.14, 0.22, 0.50), (0.35, 0.12, 0.30)]
    for i, (x, tall) in enumerate(zip(np.linspace(-0.8, 0.8, 5), (0.30, 0.52, 0.20, 0.44, 0.34), strict=True)):
        stone = _timbered(plaster[i]) if i == 1 else weathered(plaster[i], i, 0.08)
        out += [
            wall((x, (tall - 0.36) / 2, 0), (0.198, (tall + 0.36) / 2, 0.26), stone, 2, 3, (0.95, 0.94, 0.9), (0.46, 0.58)),
            wall((x, -0.56, 0.01), (0.19, 0.19, 0.27), weathered(awning[i], i), 2, 1, (0.95, 0.9, 0.8), (0.82, 0.72), glass=(0.80, 0.78, 0.62), part=part),
            box((x, -0.34, 0.36), (0.185, 0.03, 0.12), _canvas(awning[i]), part=part),
            *(roof((x, tall, 0), (0.2, 0.27), 0.30, weathered((0.48, 0.25, 0.18), i), "z", ends=stone) if i % 2 else
              roof((x, tall, 0), (0.2, 0.27), 0.18, weathered(SLATE, i))),
        ]  # fmt: skip
    return out


def _timbered(plaster):
    """White plaster between black beams."""
    light = weathered(plaster, 0, 0.06)

    def texture(p):
        u, v = (p[:, 0] / 0.11) % 1, (p[:, 1] / 0.17) % 1
        beam = (u < 0.2) | (v < 0.16) | (np.abs(u - v) < 0.09)
        return np.where(beam[:, None], np.float32(0.11), light(p)[0]), None

    return texture


def _canvas(colour):
    def texture(p):
        return np.where(((p[:, 0] / 0.07) % 1 < 0.5)[:, None], np.float32(0.93), np.asarray(colour, np.float32)), None

    return texture


def oxford() -> list[Solid]:
    """Spires, towers and a dome over roofs and trees."""
    stone, part = weathered(PALE, 4), "spires"
    spires = [
        (-0.88, 0.05, 0.30, 0.06),
        (-0.55, 0.30, 0.62, 0.09),
        (-0.05, 0.55, 1.10, 0.12),
        (0.33, 0.15, 0.50, 0.07),
        (0.90, 0.20, 0.70, 0.09),
    ]
    out = [s for x, base, top, r in spires for s in (
        wall((x, (FOOT + base) / 2, -0.1), (r, (base - FOOT) / 2, r), stone, 1, 4, window=(0.4, 0.5), head="pointed", part=part),
        spire(x, -0.1, base, top, r * 1.05, weathered((0.72, 0.69, 0.62), 2), part=part), *pinnacles(x, -0.1, r, r, base, 0.13, stone, part=part))]  # fmt: skip
    roofs = [s for i, x in enumerate(np.linspace(-0.9, 0.9, 6)) for s in (
        wall((x, -0.58, 0.2), (0.17, 0.17, 0.14), weathered([PALE, YELLOW, GREY][i % 3], i), 2, 1), *roof((x, -0.41, 0.2), (0.18, 0.16), 0.18, weathered(SLATE, i)))]  # fmt: skip
    trees = [ball((x, -0.68, 0.45), (0.20, 0.13 + 0.04 * (i % 3), 0.12), weathered((0.16, 0.33 + 0.03 * (i % 2), 0.12), i, 0.45))
             for i, x in enumerate(np.linspace(-0.95, 0.95, 8))]  # fmt: skip
    return [
        *out, *roofs, *trees, drum((0.60, FOOT, -0.1), 0.10, 0.22, stone, 10, 2), ball((0.60, 0.10, -0.1), (0.21, 0.22, 0.21), ribbed(LEAD, 12, (0.6, -0.1))),
        rod((0.60, 0.30, -0.1), (0.60, 0.46, -0.1), 0.045, stone), *tower(-0.33, -0.1, 0.11, FOOT, 0.42, stone, 4, 1, 0.14),
    ]  # fmt: skip


def pitt_rivers() -> list[Solid]:
    """A gothic front with a tower under two glazed roofs."""
    stone, part = weathered((0.83, 0.72, 0.50), 5), "glass roof"
    banded = weathered((0.83, 0.72, 0.50), 5, bands=(0.70, 0.42, 0.30), period=0.3)
    return [
        wall((0, -0.42, 0), (1.0, 0.33, 0.42), banded, 9, 2, window=(0.46, 0.62), head="pointed"),
        *roof((-0.56, -0.09, 0), (0.42, 0.42), 0.62, _glazed(), ends=stone, part=part), *roof((0.56, -0.09, 0), (0.42, 0.42), 0.62, _glazed(), ends=stone, part=part),
        *tower(0, 0.26, 0.20, FOOT, 0.45, banded, 3, 1, 0.0), spire(0, 0.26, 0.47, 1.0, 0.23, weathered((0.36, 0.38, 0.44), 2, bands=(0.55, 0.45, 0.40), period=0.2)),
        gable((0, -0.30, 0.48), 0.15, 0.24, stone), box((0, -0.56, 0.475), (0.09, 0.19, 0.012), DARK),
    ]  # fmt: skip


def _glazed():
    """Panes of glass between iron ribs."""

    def texture(p):
        rib = ((p[:, 0] / 0.105) % 1 < 0.16) | (((p[:, 1] - 0.04) / 0.125) % 1 < 0.13)
        shine = (
            0.85
            + 0.3 * (((p[:, 0] / 0.105).astype(np.int32) * 7 + (p[:, 1] / 0.125).astype(np.int32) * 3) % 5)[:, None] / 5
        )
        return np.where(rib[:, None], np.float32([0.13, 0.20, 0.22]), np.float32([0.50, 0.76, 0.82]) * shine), None

    return texture


def radcliffe_camera() -> list[Solid]:
    """A rotunda: rough base, paired columns, ribbed dome, lantern."""
    stone, light, part = weathered((0.80, 0.66, 0.42), 0), weathered((0.90, 0.79, 0.56), 1), "dome"
    ring = np.arange(24) // 2 * np.pi / 6 + np.where(np.arange(24) % 2, 0.09, -0.09)
    columns = [
        rod((0.69 * np.cos(a), -0.32, 0.69 * np.sin(a)), (0.69 * np.cos(a), 0.14, 0.69 * np.sin(a)), 0.040, light)
        for a in ring
        if np.sin(a) > -0.5
    ]
    return [
        drum((0, FOOT, 0), -0.35, 0.78, weathered((0.70, 0.57, 0.37), 3, 0.2), 12, 1, window=(0.42, 0.74)), rod((0, -0.36, 0), (0, -0.31, 0), 0.80, light),
        drum((0, -0.32, 0), 0.14, 0.62, stone, 24, 1, window=(0.46, 0.74)), *columns, rod((0, 0.13, 0), (0, 0.22, 0), 0.76, light),
        rod((0, 0.22, 0), (0, 0.28, 0), 0.72, weathered((0.66, 0.56, 0.40), 2)), drum((0, 0.2, 0), 0.44, 0.53, stone, 12, 1, window=(0.40, 0.62)),
        ball((0, 0.44, 0), (0.53, 0.46, 0.53), ribbed(LEAD, 16), gloss=0.3, part=part), rod((0, 0.86, 0), (0, 1.03, 0), 0.10, light, part=part),
        ball((0, 1.04, 0), (0.10, 0.09, 0.10), LEAD, part=part), rod((0, 1.1, 0), (0, 1.22, 0), 0.02, LEAD, taper=0.2, part=part),
    ]  # fmt: skip
