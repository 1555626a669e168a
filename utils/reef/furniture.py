"""Things of a living room: sofa, dining table, potted plant, television. They face the viewer (+z)."""

from __future__ import annotations

import numpy as np

from utils.reef.solids import Solid, Texture, ball, box, limb, rod, rotation
from utils.reef.textures import PALETTE, mottled, striped, tint

DARK, STEEL, CHINA = (0.08, 0.08, 0.09), (0.62, 0.64, 0.67), (0.93, 0.93, 0.91)


def sofa(colour: str, rng: np.random.Generator) -> list[Solid]:
    """Two or three seats between round arms, with a bright cushion or two."""
    base = np.asarray(tint(rng, colour))
    cloth, shade = mottled(base, rng, 0.14, 1.2), mottled(base * 0.86, rng, 0.14, 1.2)
    seats = int(rng.integers(2, 4))
    half = 0.74 / seats
    parts = [box((0, -0.24, 0.02), (0.98, 0.13, 0.40), shade), box((0, 0.12, -0.34), (0.92, 0.36, 0.11), shade)]
    for i in range(seats):
        x = -0.74 + half * (2 * i + 1)
        parts += [
            box((x, -0.07, 0.08), (half - 0.012, 0.075, 0.36), cloth), ball((x, -0.02, 0.10), (half * 0.98, 0.075, 0.36), cloth),
            box((x, 0.24, -0.22), (half - 0.012, 0.22, 0.06), cloth, rotation(pitch=-0.15)), ball((x, 0.24, -0.16), (half * 0.96, 0.23, 0.09), cloth, rotation(pitch=-0.15)),
        ]  # fmt: skip
    for s in (-1, 1):
        parts += [
            box((0.87 * s, -0.10, 0.02), (0.125, 0.24, 0.41), cloth), rod((0.87 * s, 0.14, -0.40), (0.87 * s, 0.14, 0.44), 0.14, cloth),
            *[rod((0.85 * s, -0.48, z), (0.85 * s, -0.36, z), 0.05, (0.28, 0.17, 0.09), part="leg") for z in (-0.3, 0.34)],
        ]  # fmt: skip
    for x in rng.permutation([-0.56, 0.56])[: int(rng.integers(0, 3))]:
        name = str(rng.choice([c for c in PALETTE if c != colour]))
        pillow = (
            striped(tint(rng, name), CHINA, 0.12, rng) if rng.random() < 0.4 else mottled(tint(rng, name), rng, 0.1)
        )
        parts.append(ball((x, 0.17, 0.04), (0.21, 0.20, 0.085), pillow, rotation(pitch=-0.35, roll=0.35 * np.sign(x))))
    return parts


def table(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A dining table, long or round, laid with plates, glasses and fruit."""
    wood = mottled(tint(rng, colour), rng, 0.25, 0.7)
    if rng.random() < 0.35:
        parts = [
            rod((0, 0.0, 0), (0, 0.07, 0), 0.92, wood, gloss=0.3), rod((0, -0.66, 0), (0, 0.0, 0), 0.09, wood, part="leg"),
            *[limb((0, -0.52, 0), (0.46 * np.cos(a), -0.72, 0.46 * np.sin(a)), 0.06, wood, part="leg") for a in (0.3, 2.4, 4.5)],
        ]  # fmt: skip
        seats = [(0.56, 0.15), (-0.56, 0.15), (0.0, 0.60), (0.0, -0.58)]
    else:
        parts = [
            box((0, 0.035, 0), (1.0, 0.04, 0.56), wood, gloss=0.3), box((0, -0.045, 0), (0.88, 0.045, 0.46), wood),
            *[box((x, -0.38, z), (0.055, 0.36, 0.055), wood, part="leg") for x in (-0.88, 0.88) for z in (-0.46, 0.46)],
        ]  # fmt: skip
        seats = [(0.52, 0.30), (-0.52, 0.30), (0.52, -0.30), (-0.52, -0.30)]
    if rng.random() < 0.35:
        cloth = striped(tint(rng, ["white", "blue", "red", "yellow"][rng.integers(4)]), CHINA, 0.2, rng)
        parts.append(box((0, 0.078, 0), (0.28, 0.006, 0.565), cloth))
    for x, z in seats[: int(rng.integers(2, 5))]:
        parts += [
            rod((x, 0.075, z), (x, 0.10, z), 0.15, CHINA, taper=1.15, gloss=0.6), rod((x, 0.10, z), (x, 0.105, z), 0.10, (0.80, 0.80, 0.78)),
            rod((x + 0.23, 0.075, z), (x + 0.23, 0.25, z), 0.055, (0.72, 0.84, 0.88), taper=1.2, gloss=0.9, opacity=0.6),
        ]  # fmt: skip
    return parts + _centrepiece(rng)


def _centrepiece(rng) -> list[Solid]:
    """A bowl of fruit or a vase of flowers in the middle of the table."""
    glaze = tint(rng, ["blue", "white", "green", "orange"][rng.integers(4)])
    if rng.random() < 0.55:
        fruit = [
            ball(
                (0.09 * np.cos(a), 0.23 + 0.06 * (i % 2), 0.09 * np.sin(a)),
                0.075 * np.ones(3),
                tint(rng, ["red", "yellow", "orange", "green"][i % 4]),
                gloss=0.5,
            )
            for i, a in enumerate(np.linspace(0, 5.2, 6))
        ]
        return [rod((0, 0.08, 0), (0, 0.21, 0), 0.10, glaze, taper=1.9, gloss=0.6), *fruit]
    stems = []
    for a in np.linspace(0, 2 * np.pi, 7)[:-1]:
        tip = np.array([0.16 * np.cos(a), 0.56 + 0.07 * np.cos(3 * a), 0.16 * np.sin(a)])
        stems += [rod((0, 0.26, 0), tip, 0.014, (0.20, 0.42, 0.14)), ball(tip, 0.065 * np.ones(3), tint(rng, ["red", "yellow", "pink"][rng.integers(3)]))]  # fmt: skip
    return [rod((0, 0.08, 0), (0, 0.30, 0), 0.09, glaze, taper=0.7, gloss=0.7), *stems]


def plant(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A pot of clay or glaze with broad leaves, long blades, a bush in flower, or a cactus."""
    glaze = tint(rng, [(0.70, 0.36, 0.22), (0.70, 0.36, 0.22), CHINA, (0.20, 0.35, 0.50), (0.25, 0.25, 0.26)][rng.integers(5)], 0.1)  # fmt: skip
    pot = [
        rod((0, -1.0, 0), (0, -0.42, 0), 0.30, glaze, taper=1.35, gloss=0.3, part="pot"), rod((0, -0.46, 0), (0, -0.34, 0), 0.45, glaze, gloss=0.3, part="pot"),
        rod((0, -0.36, 0), (0, -0.335, 0), 0.39, (0.20, 0.14, 0.09), part="pot"),
    ]  # fmt: skip
    leaf = tint(rng, [(0.16, 0.42, 0.13), (0.24, 0.50, 0.16), (0.13, 0.36, 0.20)][rng.integers(3)], 0.15)
    return pot + (_broad, _blades, _bush, _cactus)[rng.choice(4, p=[0.36, 0.24, 0.26, 0.14])](leaf, rng)


def _broad(leaf, rng) -> list[Solid]:
    parts = []
    for i in range(11):
        a, rise = 2.4 * i + rng.normal(0, 0.2), 0.15 + 0.085 * i
        out = np.array([np.cos(a), 0, np.sin(a)]) * (0.62 - 0.035 * i)
        knee, tip = np.array([0, rise, 0]) + 0.55 * out, np.array([0, rise + rng.uniform(-0.15, 0.12), 0]) + 1.35 * out
        shade = mottled(np.asarray(leaf) * rng.uniform(0.75, 1.25), rng, 0.25, 0.8)
        parts += [rod((0, -0.36, 0), knee, 0.022, (0.28, 0.36, 0.14)), limb(knee, tip, 0.20, shade, flat=0.14, thin=(0, 1, 0.25), gloss=0.35)]  # fmt: skip
    return parts


def _blades(leaf, rng) -> list[Solid]:
    parts = []
    for i in range(16):
        a, lean = 2.4 * i, rng.uniform(0.12, 0.75)
        way, tall = np.array([np.cos(a), 0, np.sin(a)]) * lean, rng.uniform(0.85, 1.3) - 0.55 * lean
        points = [
            np.array([0, -0.36, 0]) + 0.05 * way,
            0.35 * way + [0, 0.45 * tall - 0.3, 0],
            way + [0, tall - 0.36, 0],
        ]
        shade = tuple(np.asarray(leaf) * rng.uniform(0.75, 1.3))
        parts += [
            rod(points[0], points[1], 0.055, shade, flat=0.4),
            rod(points[1], points[2], 0.055, shade, taper=0.1, flat=0.4),
        ]
    return parts


def _bush(leaf, rng) -> list[Solid]:
    flower = tint(rng, ["red", "pink", "yellow", "white", "purple"][rng.integers(5)])
    green = mottled(leaf, rng, 0.7, 1.6)
    parts = [rod((0, -0.36, 0), (0, 0.05, 0), 0.05, (0.35, 0.25, 0.14))]
    for i in range(26):
        height = 1 - 2 * (i + 0.5) / 26
        way = np.array([np.sqrt(1 - height**2) * np.cos(2.4 * i), height, np.sqrt(1 - height**2) * np.sin(2.4 * i)])
        middle = np.array([0, 0.28, 0]) + way * [0.42, 0.44, 0.42]
        parts.append(ball(middle, rng.uniform(0.13, 0.21, 3), green))
        if i % 2:
            parts.append(ball(middle + way * 0.16, 0.07 * np.ones(3), flower, gloss=0.3))
    return parts


def _cactus(leaf, rng) -> list[Solid]:
    skin = striped(tuple(np.asarray(leaf) * 1.1), tuple(np.asarray(leaf) * 0.6), 0.09, rng)
    parts = [
        limb((0, -0.40, 0), (0, 0.95, 0), 0.22, skin),
        ball((0, 0.92, 0.06), (0.09, 0.07, 0.09), tint(rng, "pink")),
    ]
    for s in (-1, 1):
        low = rng.uniform(0.0, 0.3)
        parts += [limb((0, low, 0), (0.44 * s, low + 0.05, 0), 0.11, skin), limb((0.42 * s, low, 0), (0.44 * s, low + 0.5, 0), 0.11, skin)]  # fmt: skip
    return parts


def _broadcast(rng: np.random.Generator) -> Texture:
    """What is on: a landscape, a test card, or a ball game; over x, y of the screen."""
    show = int(rng.integers(3))
    colours = np.array([(0.85, 0.85, 0.85), (0.8, 0.75, 0.1), (0.1, 0.7, 0.75), (0.12, 0.65, 0.15), (0.7, 0.12, 0.65), (0.75, 0.1, 0.1), (0.1, 0.15, 0.75)], np.float32)  # fmt: skip
    sky, land = np.asarray(tint(rng, (0.35, 0.62, 0.92), 0.2), np.float32), np.asarray(tint(rng, (0.20, 0.45, 0.18), 0.2), np.float32)  # fmt: skip
    at, wave = rng.uniform(-0.4, 0.4, 2), rng.uniform(2, 5)

    def texture(p):
        x, y = p[:, 0:1], p[:, 1:2]
        if show == 0:
            return colours[np.clip(((p[:, 0] + 0.9) / 1.8 * 7).astype(int), 0, 6)], None
        hill = (0.16 * np.sin(wave * x + 6 * at[0]) + 0.02) if show == 1 else 0.32
        out = np.where(y > hill, sky if show == 1 else (0.45, 0.30, 0.28), land * (1 if show == 1 else 1.4))
        round_ = (x - at[0]) ** 2 + (y - 0.15 - 0.2 * at[1]) ** 2 < 0.011
        return np.where(round_, (0.98, 0.92, 0.65) if show == 1 else (0.95, 0.95, 0.93), out).astype(np.float32), None

    return texture


def television(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A flat screen on a pedestal, or an old set in a case with knobs, legs and an aerial."""
    show = _broadcast(rng)
    case = tint(rng, colour)
    if rng.random() < 0.65:
        return [
            box((0, 0.12, 0), (1.0, 0.59, 0.045), case, gloss=0.5), box((0, 0.13, 0.03), (0.95, 0.53, 0.02), show, glow=0.75),
            box((0, -0.55, 0), (0.09, 0.12, 0.035), case), box((0, -0.68, 0.02), (0.46, 0.025, 0.20), case, gloss=0.5),
        ]  # fmt: skip
    wood = mottled(tint(rng, (0.42, 0.25, 0.12)) if colour == "brown" else case, rng, 0.2, 0.6)
    return [
        box((0, 0.10, -0.08), (0.95, 0.58, 0.36), wood), box((-0.17, 0.12, 0.285), (0.68, 0.48, 0.01), DARK),
        box((-0.17, 0.12, 0.29), (0.60, 0.41, 0.015), show, glow=0.7), box((0.72, 0.12, 0.285), (0.17, 0.48, 0.01), (0.70, 0.66, 0.56)),
        *[rod((0.72, y, 0.28), (0.72, y, 0.36), 0.085, DARK) for y in (0.42, 0.16)], *[box((0.72, -0.08 - 0.07 * i, 0.298), (0.12, 0.015, 0.01), DARK) for i in range(4)],
        *[rod((0.7 * s, -0.45, z), (0.82 * s, -0.80, z), 0.05, (0.25, 0.15, 0.08), taper=0.6, part="leg") for s in (-1, 1) for z in (-0.3, 0.15)],
        *[rod((0, 0.66, -0.1), (0.45 * s, 1.10, -0.1), 0.016, STEEL) for s in (-1, 1)], ball((0, 0.68, -0.1), (0.10, 0.06, 0.10), DARK),
    ]  # fmt: skip
