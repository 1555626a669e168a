"""Life on land: people, pets, vehicles, furniture, houses. Each thing is about two units across."""

from __future__ import annotations

import numpy as np

from utils.reef.solids import Solid, ball, box, chain, limb, rod, rotation
from utils.reef.textures import mottled, striped, tint

DARK, STEEL, GLASS = (0.07, 0.07, 0.08), (0.62, 0.64, 0.67), (0.42, 0.55, 0.64)


def _wheel(x: float, y: float, z: float, radius: float) -> list[Solid]:
    return [
        rod((x, y, z - 0.09), (x, y, z + 0.09), radius, DARK, part="wheel"),
        rod((x, y, z - 0.10), (x, y, z + 0.10), radius * 0.5, STEEL, part="wheel"),
    ]


def person(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A standing or walking person, two units tall, with a shirt of the named colour."""
    skin = tint(rng, [(0.91, 0.74, 0.62), (0.72, 0.52, 0.38), (0.45, 0.30, 0.21)][rng.integers(3)])
    shirt, trousers = (
        mottled(tint(rng, colour), rng, 0.15),
        tint(rng, [(0.16, 0.20, 0.38), (0.20, 0.20, 0.21), (0.62, 0.55, 0.42)][rng.integers(3)]),
    )
    hair = tint(rng, [(0.12, 0.09, 0.07), (0.35, 0.22, 0.12), (0.75, 0.60, 0.32), (0.5, 0.5, 0.5)][rng.integers(4)])
    stride, swing = rng.uniform(0, 0.32), rng.uniform(-0.35, 0.35)
    parts = [
        ball((0, 0.30, 0), (0.25, 0.40, 0.16), shirt, part="torso"), ball((0, -0.08, 0), (0.21, 0.18, 0.15), trousers, part="torso"),
        ball((0, 0.85, 0), (0.135, 0.17, 0.14), skin, part="head"), ball((-0.01, 0.92, -0.03), (0.15, 0.13, 0.15), hair, part="head"),
        rod((0, 0.62, 0), (0, 0.76, 0), 0.07, skin, part="head"),
    ]  # fmt: skip
    for s in (-1, 1):
        hand = (s * 0.36 + swing * 0.3, -0.02 + abs(swing) * 0.8 * (s > 0), s * swing * 0.3 + 0.08)
        elbow = (s * 0.32, 0.28, 0.02)
        parts += [
            limb((s * 0.22, 0.58, 0), elbow, 0.085, shirt, part="arm"),
            limb(elbow, hand, 0.065, skin, part="arm"),
        ]
        knee, foot = (
            (s * 0.10 + s * stride * 0.4, -0.50, s * stride * 0.4),
            (s * 0.10 + s * stride * 0.6, -0.93, s * stride * 0.2),
        )
        parts += [
            limb((s * 0.11, -0.08, 0), knee, 0.115, trousers, part="leg"),
            limb(knee, foot, 0.09, trousers, part="leg"),
            ball((foot[0], -0.97, foot[2] + 0.07), (0.08, 0.05, 0.15), DARK, part="leg"),
        ]
    return parts


def _quadruped(coat, rng, ears: str, muzzle: float, tail: list) -> list[Solid]:
    fur = mottled(coat, rng, 0.28, 0.6)
    dark = tuple(np.asarray(coat) * 0.55)
    turn, parts = rng.uniform(-0.5, 0.5), []
    head = np.array([0.72, 0.48, 0.1 * turn])
    parts += [
        ball((-0.05, 0.08, 0), (0.62, 0.27, 0.24), fur),
        limb((0.42, 0.16, 0), head, 0.17, fur),
        ball(head, (0.23, 0.21, 0.20), fur, part="head"),
    ]
    parts += [
        limb(head + [0.1, -0.05, 0.02], head + [0.12 + muzzle, -0.09, 0.04 * turn], 0.10, fur, part="head"),
        ball(head + [0.14 + muzzle, -0.07, 0.04 * turn], (0.045, 0.04, 0.045), DARK, part="head"),
    ]
    for s in (-1, 1):
        parts.append(ball(head + [0.15, 0.07, s * 0.12], (0.035, 0.04, 0.035), DARK, gloss=0.9, part="head"))
        if ears == "pointed":
            parts.append(
                rod(
                    head + [-0.02, 0.12, s * 0.13],
                    head + [-0.03, 0.36, s * 0.17],
                    0.10,
                    dark,
                    taper=0.1,
                    flat=0.5,
                    part="head",
                )
            )
        else:
            parts.append(
                limb(head + [-0.03, 0.15, s * 0.17], head + [-0.05, -0.15, s * 0.24], 0.09, dark, flat=0.4, part="head")
            )
        for x in (-0.45, 0.32):
            step = rng.uniform(-0.14, 0.14)
            parts += [
                limb((x, 0.02, s * 0.15), (x + step * 0.5, -0.34, s * 0.16), 0.10, fur, part="leg"),
                limb((x + step * 0.5, -0.30, s * 0.16), (x + step, -0.66, s * 0.16), 0.065, fur, part="leg"),
                ball((x + step + 0.04, -0.68, s * 0.16), (0.10, 0.05, 0.07), dark, part="leg"),
            ]
    return parts + chain(tail, 0.065, fur, taper=0.6, part="tail")


def dog(colour: str, rng: np.random.Generator) -> list[Solid]:
    """Hanging ears, a long muzzle, the tail up."""
    return _quadruped(
        tint(rng, colour), rng, "hanging", 0.20, [(-0.62, 0.18, 0), (-0.82, 0.34, 0.02), (-0.92, 0.58, 0.05)]
    )


def cat(colour: str, rng: np.random.Generator) -> list[Solid]:
    """Pointed ears, a short muzzle, a long curved tail."""
    return _quadruped(
        tint(rng, colour),
        rng,
        "pointed",
        0.03,
        [(-0.62, 0.12, 0), (-0.9, 0.05, 0.1), (-1.08, 0.22, 0.14), (-1.1, 0.55, 0.12), (-0.98, 0.72, 0.1)],
    )


def car(colour: str, rng: np.random.Generator) -> list[Solid]:
    """Body, cabin with windows, wheels, lamps."""
    paint = tint(rng, colour)
    lamps = [
        ball((s, -0.08, z), (0.04, 0.07, 0.08), lamp, glow=0.6)
        for s, lamp in ((0.99, (0.98, 0.95, 0.75)), (-0.99, (0.8, 0.1, 0.1)))
        for z in (-0.28, 0.28)
    ]
    return [
        box((0, -0.10, 0), (0.98, 0.17, 0.42), paint, gloss=0.6), ball((0, 0.0, 0), (0.99, 0.20, 0.43), paint, gloss=0.7),
        box((-0.08, 0.20, 0), (0.48, 0.16, 0.36), paint, gloss=0.5), box((-0.08, 0.21, 0), (0.44, 0.11, 0.375), GLASS, gloss=0.8),
        box((0.41, 0.18, 0), (0.06, 0.13, 0.33), GLASS, rotation(roll=0.5), gloss=0.8), box((-0.58, 0.18, 0), (0.06, 0.13, 0.33), GLASS, rotation(roll=-0.5), gloss=0.8),
        box((-0.08, 0.21, 0), (0.03, 0.13, 0.385), paint),
        *[w for x in (-0.58, 0.60) for z in (-0.38, 0.38) for w in _wheel(x, -0.27, z, 0.20)], *lamps,
    ]  # fmt: skip


def bus(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A long box with a row of windows."""
    paint = tint(rng, colour)
    windows = [box((x, 0.16, 0), (0.105, 0.14, 0.392), GLASS, gloss=0.8) for x in np.linspace(-0.82, 0.62, 7)]
    stripe = box((0, -0.10, 0), (1.003, 0.04, 0.395), tint(rng, (0.92, 0.92, 0.9), 0.03))
    return [box((0, 0.02, 0), (1.0, 0.40, 0.38), paint, gloss=0.4), *windows, stripe, box((0.93, 0.14, 0), (0.075, 0.20, 0.34), GLASS, gloss=0.8),
            *[w for x in (-0.6, 0.6) for z in (-0.34, 0.34) for w in _wheel(x, -0.40, z, 0.18)]]  # fmt: skip


def boat(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A hull with a cabin, or with a mast and sail."""
    hull = striped(tint(rng, colour), (0.93, 0.93, 0.92), 2.0, rng, axis=1)
    parts = [
        ball((0, -0.16, 0), (1.0, 0.28, 0.36), tint(rng, colour), gloss=0.5),
        box((0, -0.02, 0), (0.80, 0.08, 0.30), hull),
        rod((0.68, -0.06, 0), (1.12, 0.12, 0), 0.18, tint(rng, colour), taper=0.1),
    ]
    if rng.random() < 0.5:
        sail = tint(rng, (0.94, 0.93, 0.88), 0.03)
        return parts + [
            rod((0.05, 0, 0), (0.05, 1.25, 0), 0.03, (0.45, 0.30, 0.18)),
            rod((-0.30, 0.14, 0), (0.0, 1.15, 0), 0.40, sail, taper=0.05, flat=0.08),
            rod((0.35, 0.14, 0), (0.10, 1.0, 0), 0.22, sail, taper=0.05, flat=0.08),
        ]
    return parts + [
        box((-0.15, 0.20, 0), (0.34, 0.17, 0.22), (0.93, 0.93, 0.91)),
        box((-0.15, 0.23, 0), (0.30, 0.08, 0.23), GLASS, gloss=0.8),
        rod((-0.3, 0.36, 0), (-0.3, 0.7, 0), 0.02, STEEL),
    ]


def chair(colour: str, rng: np.random.Generator) -> list[Solid]:
    """Four legs, a seat and a back of slats."""
    wood = mottled(tint(rng, colour), rng, 0.2, 0.5)
    legs = [rod((x, -0.95, z), (x, -0.05, z), 0.06, wood, part="leg") for x in (-0.45, 0.45) for z in (-0.42, 0.42)]
    back = [rod((-0.45, 0, z), (-0.55, 1.0, z), 0.06, wood) for z in (-0.42, 0.42)]
    slats = [box((-0.49 - 0.02 * i, 0.35 + 0.25 * i, 0), (0.03, 0.07, 0.42), wood) for i in range(3)]
    return [box((0, 0, 0), (0.52, 0.07, 0.50), wood), *legs, *back, *slats]


def cup(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A mug with a handle and coffee in it."""
    glaze = tint(rng, colour)
    handle = [(0.55 + 0.33 * np.sin(a), 0.36 * np.cos(a), 0) for a in np.linspace(0.2, 2.95, 8)]
    return [
        rod((0, -0.65, 0), (0, 0.65, 0), 0.50, glaze, taper=1.15, gloss=0.7),
        rod((0, 0.60, 0), (0, 0.66, 0), 0.52, (0.20, 0.11, 0.06), gloss=0.4),
        *chain(handle, 0.085, glaze, gloss=0.7),
    ]


def ball_toy(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A beach ball in two colours."""
    return [
        ball(
            (0, 0, 0),
            (0.9, 0.9, 0.9),
            striped(tint(rng, colour), (0.94, 0.94, 0.92), 0.9, rng, duty=0.6),
            rotation(*rng.uniform(-1, 1, 3)),
            gloss=0.6,
        )
    ]


def bicycle(colour: str, rng: np.random.Generator) -> list[Solid]:
    """Two spoked wheels, a diamond frame, handlebar and saddle."""
    paint, parts = tint(rng, colour), []
    for x in (-0.62, 0.62):
        rim = [(x + 0.42 * np.cos(a), -0.35 + 0.42 * np.sin(a), 0) for a in np.linspace(0, 2 * np.pi, 25)]
        spokes = [
            rod((x, -0.35, 0), (x + 0.41 * np.cos(a), -0.35 + 0.41 * np.sin(a), 0), 0.012, STEEL)
            for a in np.linspace(0, 2 * np.pi, 9)[:-1]
        ]
        parts += chain(rim, 0.042, DARK, part="wheel") + spokes
    tubes = [
        ((-0.62, -0.35), (-0.08, -0.35)),
        ((-0.08, -0.35), (0.42, 0.22)),
        ((-0.22, 0.20), (0.42, 0.22)),
        ((-0.22, 0.30), (-0.08, -0.35)),
        ((-0.62, -0.35), (-0.22, 0.20)),
        ((0.62, -0.35), (0.38, 0.42)),
    ]
    parts += [rod((*a, 0), (*b, 0), 0.045, paint, gloss=0.6) for a, b in tubes]
    return parts + [
        rod((0.40, 0.42, -0.25), (0.40, 0.42, 0.25), 0.035, DARK),
        ball((-0.24, 0.34, 0), (0.17, 0.05, 0.09), DARK),
    ]


def tree(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A broad crown of leaf clumps, or a conifer of stacked cones."""
    bark, leaf = mottled((0.32, 0.22, 0.13), rng), mottled(tint(rng, (0.17, 0.40, 0.12), 0.2), rng, 0.75, 0.9)
    if rng.random() < 0.35:
        return [
            rod((0, -1, 0), (0, -0.5, 0), 0.10, bark),
            *[
                rod((0, -0.7 + 0.42 * i, 0), (0, 0.05 + 0.42 * i, 0), 0.62 - 0.14 * i, leaf, taper=0.08)
                for i in range(4)
            ],
        ]
    crown = [
        ball(rng.normal(0, 1, 3) * [0.36, 0.24, 0.3] + [0, 0.42, 0], rng.uniform(0.28, 0.46, 3), leaf) for _ in range(9)
    ]
    return [rod((0, -1, 0), (0, 0.2, 0), 0.13, bark, taper=0.6), *crown]


def house(colour: str, rng: np.random.Generator) -> list[Solid]:
    """Walls, a pitched roof, windows and a door."""
    wall, roof = (
        mottled(tint(rng, colour), rng, 0.15, 0.6),
        striped(tint(rng, (0.45, 0.20, 0.14), 0.15), (0.30, 0.14, 0.10), 0.12, rng, axis=1),
    )
    windows = [box((x, y, 0), (0.11, 0.13, 0.56), GLASS, gloss=0.6) for x in (-0.55, 0.0, 0.55) for y in (0.08, -0.45)][
        : int(rng.integers(4, 7))
    ]
    slope = [box((0, 0.58, s * 0.30), (0.98, 0.035, 0.44), roof, rotation(pitch=s * 0.72)) for s in (-1, 1)]
    gables = [rod((x, 0.30, 0), (x, 0.83, 0), 0.55, wall, taper=0.05, flat=0.06, thin=(1, 0, 0)) for x in (-0.86, 0.86)]
    return [
        box((0, -0.25, 0), (0.88, 0.60, 0.54), wall),
        *slope,
        *gables,
        *windows,
        box((0.26, -0.58, 0), (0.12, 0.27, 0.56), (0.35, 0.20, 0.12)),
        box((-0.45, 0.85, 0), (0.08, 0.22, 0.08), (0.45, 0.25, 0.2)),
    ]


def kite(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A diamond with a cross of sticks and a tail of bows."""
    cloth, other = tint(rng, colour), tint(rng, ["yellow", "white", "red", "blue"][rng.integers(4)])
    halves = [
        rod((0, 0, s * 0.01), (0, s * 0.85, 0), 0.55, c, taper=0.02, flat=0.03) for s, c in ((1, cloth), (-1, other))
    ]
    tail = [(0.18 * np.sin(1.4 * i), -0.85 - 0.17 * i, 0) for i in range(8)]
    bows = [box((*tail[i][:2], 0.02), (0.09, 0.05, 0.02), cloth, rotation(roll=0.4 * i)) for i in (2, 4, 6)]
    return [
        *halves,
        rod((0, -0.85, 0.03), (0, 0.85, 0.03), 0.02, DARK),
        rod((-0.52, 0, 0.03), (0.52, 0, 0.03), 0.02, DARK),
        *chain(tail, 0.02, DARK),
        *bows,
    ]
