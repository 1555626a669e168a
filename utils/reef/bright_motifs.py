"""Bright motifs of `artphoto`: what is painted for amusement, excitement, awe and contentment.

A motif paints on a canvas (see `brush`) with five tones, (5, 3) float: dark, deep, middle, light, accent. It knows
nothing of the mood: its tones may be any.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from utils.reef.brush import disc, glow, person, ridge, shape, stroke, thing, wash

_PLAYFUL = ((0.90, 0.22, 0.20), (0.98, 0.75, 0.15), (0.25, 0.65, 0.35), (0.20, 0.45, 0.85), (0.92, 0.45, 0.65))
_CURL = ((0, 0.76), (0.12, 0.70), (0.26, 0.58), (0.38, 0.42), (0.50, 0.28), (0.64, 0.20), (0.76, 0.22), (0.84, 0.31), (0.85, 0.42), (0.80, 0.38), (0.74, 0.35), (0.70, 0.42), (0.70, 0.56), (0.78, 0.70), (1, 0.76), (1, 1.02), (0, 1.02))  # fmt: skip
_FACE = ((0, 0.80), (0.14, 0.76), (0.28, 0.66), (0.40, 0.50), (0.52, 0.36), (0.64, 0.27), (0.74, 0.27), (0.81, 0.33), (0.83, 0.41), (0.76, 0.36), (0.68, 0.38), (0.64, 0.48), (0.64, 0.62), (0.70, 0.76), (1, 0.82), (1, 1.02), (0, 1.02))  # fmt: skip


def _mixed(rng, tones) -> np.ndarray:
    """A colour of play, drawn towards the picture's own tones."""
    return 0.55 * np.asarray(_PLAYFUL[rng.integers(5)]) + 0.45 * tones[int(rng.integers(2, 5))]


def _balloons(c, rng, t) -> None:
    wash(c, rng, t[2], t[3])
    for _ in range(rng.integers(5, 12)):
        x, y, r = rng.uniform(0.08, 0.92), rng.uniform(0.12, 0.65), rng.uniform(0.06, 0.13)
        colour = _mixed(rng, t)
        stroke(c, [(x + 0.015 * np.sin(3 * k), y + r + 0.07 * k) for k in range(6)], t[1], 0.006)
        disc(c, (x, y), r, colour, 1.2)
        disc(c, (x, y + 1.25 * r), 0.2 * r, colour * 0.8)
        disc(c, (x - 0.25 * r, y - 0.45 * r), 0.22 * r, 0.5 + 0.5 * colour, 1.5, 20)


def _kites(c, rng, t) -> None:
    wash(c, rng, t[2], t[3])
    ridge(c, rng, 0.95, 0.12, t[1], 0.3, 2)
    for _ in range(rng.integers(20, 70)):  # confetti
        (x, y), a = rng.random(2), rng.uniform(0, np.pi)
        dx, dy = 0.014 * np.cos(a), 0.014 * np.sin(a)
        stroke(c, [(x - dx, y - dy), (x + dx, y + dy)], _mixed(rng, t), 0.016)
    for _ in range(rng.integers(1, 4)):
        turn = (rng.normal(0, 0.3), 0.1, rng.normal(0, 0.4))
        thing(c, rng, "kite", _mixed(rng, t), rng.uniform((0.15, 0.2), (0.85, 0.6)), rng.uniform(0.16, 0.28), turn)


def _balls(c, rng, t) -> None:
    wash(c, rng, t[3], t[2], 0.6)
    ridge(c, rng, 0.72, 0.02, 0.5 * t[2] + 0.5 * t[4], 0.2, 1)
    for _ in range(rng.integers(3, 7)):
        x, y, r = rng.uniform(0.1, 0.9), rng.uniform(0.25, 0.82), rng.uniform(0.09, 0.20)
        disc(c, (x, 0.90), 0.8 * r, 0.6 * t[2], 0.22)
        thing(c, rng, "ball", _mixed(rng, t), (x, y), r)


def _fairground(c, rng, t) -> None:
    wash(c, rng, t[1], t[3])
    middle, aspect = np.array([rng.uniform(0.35, 0.65), 0.47]), c.shape[1] / c.shape[0]
    reach = 0.36 * np.array([1 / max(aspect, 1), min(aspect, 1)])
    rim = [middle + reach * [np.cos(a), np.sin(a)] for a in np.linspace(0, 2 * np.pi, 41)]
    for s in (-1, 1):
        stroke(c, [middle, (middle[0] + 0.2 * s, 1.0)], t[0], 0.022)
    stroke(c, rim, t[3], 0.014)
    for k in range(0, 40, 4):
        stroke(c, [middle, rim[k]], t[3], 0.006)
        disc(c, rim[k] + [0, 0.035], 0.042, _mixed(rng, t))
    ridge(c, rng, 1.0, 0.1, t[0], 0.8, 6)
    for k in range(13):
        glow(c, (k / 12, 0.95), 0.03, t[4], 0.8)


def _fireworks(c, rng, t) -> None:
    wash(c, rng, t[0], t[1])
    for _ in range(rng.integers(3, 7)):
        x, y, r = rng.uniform(0.12, 0.88), rng.uniform(0.12, 0.6), rng.uniform(0.12, 0.30)
        colour, rays = 0.5 * _mixed(rng, t) + 0.5 * t[4], int(rng.integers(14, 30))
        glow(c, (x, y), 0.5 * r, colour, 0.7)
        for a in np.linspace(0, 2 * np.pi, rays) + rng.normal(0, 0.08, rays):
            dx, dy = r * rng.uniform(0.7, 1.1) * np.array([np.cos(a), np.sin(a)])
            path = [(x + k * dx, y + k * dy + 0.10 * r * k * k) for k in (0.2, 0.5, 0.8, 1.0)]
            stroke(c, path, 1.2 * colour, 0.008)
            disc(c, path[-1], 0.010, t[3])
    ridge(c, rng, 1.02, 0.14, 0.5 * t[0], 1.0, 7)


def _speeding_car(c, rng, t) -> None:
    wash(c, rng, t[1], t[2])
    slope, at = rng.uniform(0.12, 0.35), (rng.uniform(0.45, 0.65), 0.55)
    for _ in range(60):
        x, y, long = rng.uniform(-0.3, 1), rng.uniform(-0.2, 1.2), rng.uniform(0.1, 0.6)
        ends = [(x, y + slope * (1 - x)), (x + long, y + slope * (1 - x - long))]
        stroke(c, ends, t[int(rng.integers(5))], rng.uniform(0.004, 0.03))
    for _ in range(14):
        y = at[1] + rng.uniform(-0.16, 0.2)
        stroke(c, [(at[0] - 0.25, y), (at[0] - rng.uniform(0.5, 0.9), y + slope * 0.5)], t[3], 0.008)
    thing(c, rng, "car", t[4], at, 0.36, (0.35, 0.25, 0.9 * slope))


def _wave(c, rng, t) -> None:
    wash(c, rng, t[3], 0.5 * t[2] + 0.5 * t[3], 0.7)
    flip, lift = rng.random() < 0.5, rng.uniform(-0.03, 0.12)
    for outline, colour in ((_CURL, t[1]), (_FACE, 0.55 * t[1] + 0.45 * t[2])):
        crest = np.array(outline) * [1, 0.95] + [0, lift]
        crest[:, 0] = 1 - crest[:, 0] if flip else crest[:, 0]
        shape(c, crest, colour)
    edge = crest[:-3]
    for k in range(6):
        stroke(c, edge[2 : 9 - k] + [0.0, 0.05 + 0.06 * k], 0.5 * t[2] + 0.3 * t[3] * (k % 2), 0.007)
    for x, y in edge[rng.integers(2, len(edge), 160)] + rng.normal(0, 0.022, (160, 2)) - [0, 0.01]:
        disc(c, (x, y), rng.uniform(0.004, 0.022), 0.25 + 0.75 * t[3])
    for k, colour in enumerate((0.5 * t[1] + 0.3 * t[2], 0.7 * t[1] + 0.3 * t[0])):
        ridge(c, rng, 0.94 + 0.06 * k, 0.09, colour, 0.3, 3)


def _mountains(c, rng, t) -> None:
    wash(c, rng, t[1], t[3], 0.75)
    glow(c, (rng.uniform(0.2, 0.8), 0.5), 0.25, t[4], 0.7)
    for k, foot in enumerate((0.72, 0.82, 0.93)):
        far = 0.30 * (2 - k)
        colour = (1 - far) * (0.5 * t[0] + 0.5 * t[1]) + far * t[3]
        ridge(c, rng, foot, 0.46 - 0.13 * k, colour, 1.0, rng.uniform(1.5, 3.5))
    ridge(c, rng, 0.98, 0.06, 0.6 * t[0], 0.4, 1)
    person(c, (rng.uniform(0.2, 0.8), 0.955), rng.uniform(0.08, 0.12), 0.3 * t[0])


def _starry_sky(c, rng, t) -> None:
    wash(c, rng, 0.6 * t[0], t[1])
    a, b = rng.uniform(0.0, 0.4), rng.uniform(0.2, 0.6)
    for x in np.linspace(0, 1, 7):
        glow(c, (x, a + b * x), 0.12, t[2], 0.25)
    for x, y in rng.random((200, 2)):
        y = y if rng.random() < 0.5 else a + b * x + 0.18 * (y - 0.5)
        disc(c, (x, y), rng.choice([0.002, 0.004, 0.007], p=[0.7, 0.25, 0.05]), t[3] * rng.uniform(0.6, 1))
    ridge(c, rng, 0.98, rng.uniform(0.1, 0.25), 0.35 * t[0], 0.8, 2)
    if rng.random() < 0.5:
        person(c, (rng.uniform(0.2, 0.8), 0.97), 0.12, 0.15 * t[0])


def _sunbeams(c, rng, t) -> None:
    wash(c, rng, t[1], t[2])
    sun, beams = (rng.uniform(0.25, 0.75), rng.uniform(0.12, 0.3)), np.zeros_like(c)
    for a in rng.uniform(0.3, 2.84, 9):
        shape(beams, [sun, *((sun[0] + 1.6 * np.cos(a + d), sun[1] + 1.6 * np.sin(a + d)) for d in (-0.05, 0.05))], (1, 1, 1))  # fmt: skip
    c += 0.32 * beams * (t[3].astype(np.float32) - 0.5 * c)
    glow(c, sun, 0.14, t[3], 1.0)
    for x, y in zip(rng.random(14), sun[1] + rng.normal(0, 0.06, 14), strict=True):
        disc(c, (x, y), rng.uniform(0.06, 0.14), 0.6 * t[2] + 0.4 * t[3] * rng.uniform(0.6, 1), 0.4)
    glow(c, sun, 0.06, t[3], 0.9)
    ridge(c, rng, 0.95, 0.10, 0.7 * t[1], 0.3, 2)


def _meadow(c, rng, t) -> None:
    wash(c, rng, 0.3 * t[1] + 0.7 * t[3], t[3], 0.5, 0.06)
    glow(c, (rng.uniform(0.1, 0.9), 0.25), 0.12, t[4], 0.5)
    for k, colour in enumerate((0.5 * t[2] + 0.5 * t[3], t[2], 0.5 * t[1] + 0.5 * t[2])):
        ridge(c, rng, 0.62 + 0.13 * k, 0.12, colour, 0.15, rng.uniform(1, 2))
    for near in np.sort(rng.random(120) ** 0.7):
        x, y = rng.random(), 0.74 + 0.26 * near
        stroke(c, [(x, y), (x + rng.normal(0, 0.008), y - 0.07 * near)], t[1], 0.006)
        if rng.random() < 0.5:
            disc(c, (x, y - 0.07 * near), 0.006 + 0.013 * near, (t[4], t[3], _mixed(rng, t))[rng.integers(3)])


def _lake(c, rng, t) -> None:
    h = c.shape[0]
    wash(c, rng, t[2], t[3], 0.5, 0.06)
    glow(c, (rng.uniform(0.2, 0.8), 0.30), 0.09, t[4], 0.8)
    ridge(c, rng, 0.54, rng.uniform(0.14, 0.28), 0.5 * t[1] + 0.5 * t[2], 0.5, rng.uniform(1.3, 2.6))
    ridge(c, rng, 0.54, 0.07, t[1], 0.7, 4)
    shore = int(0.52 * h)
    mirror = c[shore - 1 :: -1][: h - shore].copy()
    c[shore:] = 0.35 * t[2]
    c[shore : shore + len(mirror)] = 0.74 * mirror + 0.18 * t[2].astype(np.float32)
    for _ in range(16):
        x, y = rng.uniform(0, 0.8), rng.uniform(0.56, 0.98)
        stroke(c, [(x, y), (x + rng.uniform(0.05, 0.25), y)], 0.5 * t[2] + 0.5 * t[3], 0.004)


def _boat(c, rng, t) -> None:
    wash(c, rng, 0.6 * t[1] + 0.4 * t[2], t[3], 0.6, 0.06)
    sun, shore = (rng.uniform(0.25, 0.75), rng.uniform(0.38, 0.52)), int(0.58 * c.shape[0])
    glow(c, sun, 0.22, t[4], 0.7)
    disc(c, sun, 0.07, 0.3 * t[4] + 0.7 * t[3])
    near = np.linspace(0, 1, len(c) - shore)[:, None, None]
    c[shore:] = (1 - near) * (0.6 * t[2] + 0.4 * t[4]) + near * t[1]
    for k in range(30):
        x, y = sun[0] + rng.normal(0, 0.02 + 0.003 * k), 0.59 + 0.013 * k
        stroke(c, [(x - 0.05, y), (x + 0.05, y)], 0.4 * t[4] + 0.6 * t[3], 0.006)
    turn = (rng.choice([0.3, 2.8]), 0.05, 0)
    thing(c, rng, "boat", 0.8 * t[0], (rng.uniform(0.25, 0.75), 0.62), rng.uniform(0.14, 0.26), turn)


BRIGHT: dict[str, Callable] = {
    "balloons": _balloons, "kites in the sky": _kites, "bouncing balls": _balls, "a fairground wheel": _fairground,
    "fireworks": _fireworks, "a speeding car": _speeding_car, "breaking waves": _wave,
    "a person before high mountains": _mountains, "a starry sky": _starry_sky, "sunbeams through clouds": _sunbeams,
    "a meadow in flower": _meadow, "a still lake": _lake, "a boat at sunset": _boat,
}  # fmt: skip
