"""Dark motifs of `artphoto`: what is painted for anger, disgust, fear and sadness; made as the bright ones are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from utils.reef.brush import disc, glow, person, ridge, shape, stroke, thing, tree, veil, wash


def _jagged(c, rng, t) -> None:
    wash(c, rng, t[1], t[0], 1.0, 0.3)
    for _ in range(rng.integers(10, 22)):
        path = [rng.uniform(-0.1, 1.1, 2)]
        for _ in range(rng.integers(3, 7)):
            path.append(path[-1] + rng.choice([-1, 1], 2) * rng.uniform(0.05, 0.32, 2))
        stroke(c, path, t[rng.choice([0, 2, 4, 3], p=[0.3, 0.4, 0.2, 0.1])], rng.uniform(0.008, 0.06))


def _fire(c, rng, t) -> None:
    wash(c, rng, t[0], 0.5 * t[0] + 0.5 * t[1])
    glow(c, (0.5, 1.0), 0.4, t[2], 0.8)
    for colour, tall in ((t[1], 0.85), (t[2], 0.68), (t[4], 0.50), (t[3], 0.28)):
        for x in np.linspace(0.02, 0.98, 9) + rng.normal(0, 0.03, 9):
            top, lean, w = 1 - tall * rng.uniform(0.5, 1.1), rng.normal(0, 0.06), 0.11 * (0.5 + tall)
            tongue = ((x - w, 1.02), (x - 0.6 * w, 0.5 + 0.5 * top), (x + lean, top), (x + 0.5 * w, 0.45 + 0.55 * top))
            shape(c, [*tongue, (x + w, 1.02)], colour)
    for _ in range(50):
        disc(c, rng.uniform((0, 0), (1, 0.8)), rng.uniform(0.003, 0.008), t[4])


def _storm(c, rng, t) -> None:
    wash(c, rng, t[0], t[1], 1.0, 0.2)
    for share in 0.7 * rng.random(40):
        at, r = (rng.random(), rng.uniform(-0.05, 0.38)), rng.uniform(0.06, 0.16)
        disc(c, at, r, (1 - share) * t[0] + share * t[2], 0.5)
    for _ in range(rng.integers(1, 4)):
        path = [np.array([rng.uniform(0.15, 0.85), 0.25])]
        while path[-1][1] < 0.82:
            path.append(path[-1] + [rng.choice([-1, 1]) * rng.uniform(0.02, 0.09), rng.uniform(0.04, 0.12)])
            if len(path) % 3 == 0:
                stroke(c, [path[-1], path[-1] + [rng.normal(0, 0.1), 0.1]], t[4], 0.007)
        glow(c, path[len(path) // 2], 0.15, t[4], 0.5)
        stroke(c, path, 0.4 * t[3] + 0.6, 0.016)
    ridge(c, rng, 0.96, 0.13, 0.4 * t[0], 0.9, 4)


def _slime(c, rng, t) -> None:
    wash(c, rng, t[1], 0.5 * t[0] + 0.5 * t[4], 1.0, 0.35)
    for colour, low, n in ((t[2] * 0.7, 0.85, 9), (t[2], 0.65, 8), (0.5 * t[2] + 0.5 * t[3], 0.40, 6)):
        shape(c, [(0, 0), (1, 0), (1, 0.25 * low), (0, 0.22 * low)], colour)
        for x in rng.random(n):
            end, r = low * rng.uniform(0.4, 1), rng.uniform(0.025, 0.06)
            stroke(c, [(x, 0), (x, end)], colour, 1.7 * r)
            disc(c, (x, end), 1.15 * r, colour, 1.35)
            disc(c, (x - 0.3 * r, end - 0.2 * r), 0.25 * r, 0.4 * colour + 0.6, 1.6)
    for _ in range(25):
        p, r = rng.random(2), rng.uniform(0.01, 0.035)
        disc(c, p, r, t[1])
        disc(c, p - 0.2 * r, 0.6 * r, 0.6 * t[2] + 0.4 * t[3])


def _rotten_fruit(c, rng, t) -> None:
    wash(c, rng, t[1], t[3], 0.7, 0.2)
    ridge(c, rng, 0.70, 0.02, 0.6 * t[4] + 0.4 * t[0], 0.2, 1)
    for _ in range(rng.integers(2, 5)):
        at, r = rng.uniform((0.2, 0.5), (0.8, 0.78)), rng.uniform(0.11, 0.22)
        skin = rng.uniform(0.8, 1.1) * (0.5 * t[2] + 0.5 * t[4])
        disc(c, at + [0, 0.9 * r], 1.1 * r, 0.5 * t[0], 0.3)
        disc(c, at, r, skin, 0.92)
        disc(c, at - 0.25 * r, 0.5 * r, 1.15 * skin)
        stroke(c, [at - [0, 0.85 * r], at - [-0.2 * r, 1.25 * r]], t[0], 0.014)
        for p in at + rng.normal(0, 0.35 * r, (9, 2)):
            disc(c, p, r * rng.uniform(0.08, 0.26), (0.4 * t[0], 0.6 * t[1], t[3])[rng.integers(3)])
    for _ in range(rng.integers(7, 20)):
        _fly(c, rng.uniform((0.08, 0.1), (0.92, 0.85)), rng.uniform(0.010, 0.02))


def _fly(c, at, size: float) -> None:
    for s in (-1, 1):
        disc(c, (at[0] + 0.5 * s * size, at[1] - 0.3 * size), 0.7 * size, (0.55, 0.55, 0.52), 0.5, 30 * s)
    disc(c, at, 0.6 * size, (0.06, 0.06, 0.05), 1.4)


def _swamp(c, rng, t) -> None:
    wash(c, rng, t[2], t[1], 0.5, 0.2)
    for x in rng.random(5):
        tree(c, rng, (x, 0.55), rng.uniform(0.3, 0.6), 0.5 * t[0] + 0.3 * t[1], rng.normal(0, 0.2), 5)
    ridge(c, rng, 0.56, 0.02, t[1], 0.5, 5)
    for near in np.sort(rng.random(60)):
        colour = (0.6 * t[0] + 0.4 * t[4], t[2], 0.8 * t[1])[rng.integers(3)]
        disc(c, (rng.random(), 0.57 + 0.42 * near), 0.02 + 0.12 * near * rng.random(), colour, 0.25)
    for near in np.sort(rng.random(22)):
        at, r = np.array([rng.random(), 0.6 + 0.38 * near]), 0.006 + 0.022 * near
        disc(c, at, r, 0.5 * t[3] + 0.5 * t[2])
        disc(c, at + 0.1 * r, 0.75 * r, t[1])


def _eyes(c, rng, t) -> None:
    wash(c, rng, 0.5 * t[0], t[0], 1.0, 0.3)
    veil(c, rng, t[1], 0.5, 0.2)
    for _ in range(rng.integers(1, 8)):
        x, y, r = rng.uniform(0.12, 0.88), rng.uniform(0.15, 0.8), rng.uniform(0.02, 0.055)
        slant = rng.uniform(0, 25)
        for s in (-1, 1):
            at = (x + 1.6 * s * r, y)
            glow(c, at, 1.6 * r, t[4], 0.5)
            disc(c, at, r, 0.5 * t[4] + 0.5 * t[3], 0.62, s * slant)
            disc(c, at, 0.28 * r, (0, 0, 0), 2.0)


def _forest(c, rng, t) -> None:
    wash(c, rng, t[1], t[2], 0.8)
    glow(c, (rng.uniform(0.3, 0.7), 0.35), 0.14, t[3], 0.5)
    for k in range(3):
        colour = (0.55 - 0.25 * k) * t[2] + (0.4 + 0.2 * k) * t[0]
        for x in rng.uniform(-0.05, 1.05, 4 + k):
            tree(c, rng, (x, 0.80 + 0.09 * k), rng.uniform(0.8, 1.3), colour, rng.normal(0, 0.08), 5)
        veil(c, rng, 0.6 * t[2] + 0.4 * t[1], 0.45 - 0.1 * k, 0.45)
    ridge(c, rng, 0.99, 0.08, 0.5 * t[0], 0.6, 4)


def _corridor(c, rng, t) -> None:
    x, y = rng.uniform(0.35, 0.65), rng.uniform(0.40, 0.52)
    wash(c, rng, t[0], t[0], 1.0, 0.1)
    for k in np.linspace(1, 0.16, 9):
        lit, (left, right, top, low) = 0.8 * (1 - k), (x - x * k, x + (1 - x) * k, y - y * k, y + (1 - y) * k)
        shape(c, [(left, top), (right, top), (right, low), (left, low)], (1 - lit) * t[0] + lit * t[2])
    for corner in ((0, 0), (1, 0), (1, 1), (0, 1)):
        stroke(c, [corner, (x, y)], 0.5 * t[0], 0.012)
    glow(c, (x, y), 0.10, t[3], 0.9)
    shape(c, [(x - 0.03, y + 0.29), (x + 0.03, y + 0.29), (x + 0.14, 1.0), (x - 0.2, 1.0)], 0.25 * t[0])
    person(c, (x + rng.normal(0, 0.02), y + 0.30), rng.uniform(0.28, 0.5), 0.2 * t[0])
    veil(c, rng, t[1], 0.15, 0.5)


def _rain(c, rng, t) -> None:
    wash(c, rng, t[1], t[2], 0.8)
    ridge(c, rng, 0.78, 0.10, 0.5 * t[1] + 0.5 * t[2], 0.8, 5)
    ridge(c, rng, 0.84, 0.01, 0.6 * t[1] + 0.2 * t[0], 0.2, 1)
    x, size = rng.uniform(0.25, 0.75), rng.uniform(0.22, 0.30)
    disc(c, (x, 0.945), 0.8 * size, 0.5 * t[1], 0.16)
    at = (x, 0.94 - size * min(c.shape[:2]) / c.shape[0])
    thing(c, rng, "person", 0.6 * t[1], at, size, (rng.uniform(-3, 3), 0.05, rng.choice([-0.07, 0.07])))
    veil(c, rng, 0.7 * t[1], 0.45)
    slant = rng.uniform(-0.3, 0.3)
    for _ in range(rng.integers(90, 180)):
        p, long = rng.random(2), rng.uniform(0.04, 0.12)
        stroke(c, [p, (p[0] + slant * long, p[1] + long)], 0.5 * t[2] + 0.5 * t[3], 0.004)


def _wilted_flower(c, rng, t) -> None:
    wash(c, rng, t[2], t[1], 1.0, 0.2)
    ridge(c, rng, 0.86, 0.01, 0.6 * t[0] + 0.3 * t[1], 0.2, 1)
    x, s = rng.uniform(0.35, 0.65), rng.choice([-1, 1])
    bow = ((0, 0.86), (0.01, 0.60), (0.04, 0.40), (0.10, 0.33), (0.16, 0.38), (0.18, 0.46))
    stroke(c, [(x + s * dx, y) for dx, y in bow], 0.5 * t[0] + 0.3 * t[2], 0.018)
    head = np.array([x + 0.18 * s, 0.46])
    for a in rng.uniform(0.3, 2.8, 8):
        petal = head + [0.035 * np.cos(a), 0.05 * np.sin(a)]
        disc(c, petal, 0.030, rng.uniform(0.75, 1.1) * t[4], 2.0, 90 - 0.5 * np.degrees(a))
    disc(c, head, 0.035, t[0])
    for y, d in ((0.62, -1), (0.7, 1)):
        disc(c, (x + 0.05 * d, y + 0.05), 0.06, 0.5 * t[1] + 0.3 * t[0], 0.35, 50 * d)
    for _ in range(rng.integers(3, 7)):
        fallen = (x + rng.normal(0.1 * s, 0.12), rng.uniform(0.88, 0.95))
        disc(c, fallen, 0.022, 0.8 * t[4], 0.4, rng.uniform(0, 90))


def _bench(c, rng, t) -> None:
    wash(c, rng, t[2], t[3], 0.7)
    trunk = 0.8 * t[0] + 0.1 * t[2]
    tree(c, rng, (rng.choice([0.15, 0.85]), 0.80), rng.uniform(0.9, 1.3), trunk, rng.normal(0, 0.1), 6)
    ridge(c, rng, 0.79, 0.02, 0.7 * t[1] + 0.2 * t[2], 0.3, 1)
    x, y, k = rng.uniform(0.3, 0.6), 0.84, rng.uniform(0.8, 1.1)
    disc(c, (x + 0.13 * k, y + 0.06), 0.26 * k, 0.6 * t[1], 0.12)
    for d in (-0.13, -0.09, -0.045, 0.0):
        stroke(c, [(x, y + d * k), (x + 0.28 * k, y + d * k)], t[0], 0.024)
    for d in (0.02, 0.26):
        stroke(c, [(x + d * k, y - 0.13 * k), (x + d * k, y + 0.07)], 0.7 * t[0], 0.016)
    for _ in range(rng.integers(5, 25)):
        disc(c, rng.uniform((0, 0.3), (1, 1)), 0.012, 0.7 * t[4], 0.5, rng.uniform(0, 180))


DARK: dict[str, Callable] = {
    "jagged strokes": _jagged, "a fire": _fire, "a thunderstorm": _storm,
    "dripping slime": _slime, "flies on rotten fruit": _rotten_fruit, "a swamp": _swamp,
    "eyes in the dark": _eyes, "a forest in fog": _forest, "a figure in a corridor": _corridor,
    "a person in the rain": _rain, "a wilted flower": _wilted_flower, "an empty bench": _bench,
}  # fmt: skip
