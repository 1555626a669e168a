"""What carries people and goods further: airplane, truck, train, motorbike. Each is about two units long, front at +x."""

from __future__ import annotations

import numpy as np

from utils.reef.solids import Solid, ball, box, chain, limb, rod, rotation
from utils.reef.textures import mottled, tint

DARK, STEEL, GLASS, LAMP = (0.08, 0.08, 0.09), (0.62, 0.64, 0.67), (0.30, 0.42, 0.52), (0.98, 0.95, 0.75)


def _wheel(x: float, y: float, z: float, radius: float, half: float = 0.07) -> list[Solid]:
    return [
        rod((x, y, z - half), (x, y, z + half), radius, DARK, part="wheel"),
        rod((x, y, z - half - 0.01), (x, y, z + half + 0.01), 0.55 * radius, STEEL, part="wheel"),
        rod((x, y, z - half - 0.02), (x, y, z + half + 0.02), 0.20 * radius, DARK, part="wheel"),
    ]


def airplane(colour: str, rng: np.random.Generator) -> list[Solid]:
    """An airliner with jets below swept wings, or a small plane with a propeller."""
    paint = tint(rng, colour)
    trim = tint(rng, ["blue", "red", "orange", "green"][rng.integers(4)] if colour in ("white", "grey") else "white")
    return _airliner(paint, trim) if rng.random() < 0.65 else _propeller(paint, trim)


def _airliner(paint, trim) -> list[Solid]:
    parts = [
        ball((0, 0, 0), (1.0, 0.145, 0.145), paint, gloss=0.5), rod((-0.62, 0, 0), (0.66, 0, 0), 0.135, paint, gloss=0.5),
        ball((0.84, 0.055, 0), (0.075, 0.045, 0.10), GLASS, gloss=0.9),
        rod((-0.70, 0.06, 0), (-1.00, 0.55, 0), 0.20, trim, taper=0.5, flat=0.12, gloss=0.4, part="tail"),
        ball((0, 0.005, 0), (0.93, 0.03, 0.147), trim, gloss=0.4),
    ]  # fmt: skip
    for s in (-1, 1):
        parts += [
            rod((0.16, -0.06, 0.08 * s), (-0.32, 0.10, 1.02 * s), 0.30, paint, taper=0.32, flat=0.13, thin=(0, 1, 0), gloss=0.4, part="wing"),
            rod((-0.32, 0.10, 1.0 * s), (-0.40, 0.24, 1.05 * s), 0.085, trim, taper=0.5, flat=0.2, part="wing"),
            rod((-0.80, 0.06, 0.05 * s), (-0.98, 0.10, 0.40 * s), 0.13, paint, taper=0.5, flat=0.12, thin=(0, 1, 0), part="tail"),
            rod((0.22, -0.15, 0.40 * s), (-0.10, -0.15, 0.40 * s), 0.085, trim, taper=0.8, gloss=0.4, part="engine"),
            rod((0.222, -0.15, 0.40 * s), (0.215, -0.15, 0.40 * s), 0.065, DARK, part="engine"),
        ]  # fmt: skip
    windows = [box((x, 0.055, 0), (0.018, 0.022, 0.1345), GLASS, gloss=0.8) for x in np.linspace(-0.58, 0.66, 13)]
    return parts + windows


def _propeller(paint, trim) -> list[Solid]:
    parts = [
        ball((0.12, 0, 0), (0.70, 0.19, 0.17), paint, gloss=0.5), rod((0.1, 0, 0), (-0.98, 0.07, 0), 0.17, paint, taper=0.28, gloss=0.4),
        rod((0.45, -0.01, 0), (0.80, -0.01, 0), 0.155, paint, taper=0.72, gloss=0.5), ball((0.84, -0.01, 0), (0.08, 0.07, 0.07), trim),
        ball((0.20, 0.14, 0), (0.30, 0.15, 0.14), GLASS, gloss=0.9), box((0.18, 0.22, 0), (0.12, 0.075, 0.13), GLASS, gloss=0.8),
        rod((-0.80, 0.08, 0), (-0.98, 0.46, 0), 0.19, trim, taper=0.55, flat=0.12, part="tail"),
        rod((0.87, -0.01, 0), (0.88, -0.01, 0), 0.40, (0.75, 0.75, 0.75), opacity=0.28, part="engine"),
        rod((0.88, -0.38, 0.06), (0.88, 0.36, -0.06), 0.035, DARK, flat=0.4, part="engine"),
        ball((0, -0.02, 0), (0.78, 0.045, 0.175), trim),
    ]  # fmt: skip
    for s in (-1, 1):
        parts += [
            rod((0.22, 0.30, 0), (0.16, 0.34, 1.05 * s), 0.23, paint, taper=0.72, flat=0.10, thin=(0, 1, 0), gloss=0.4, part="wing"),
            rod((0.16, -0.12, 0.14 * s), (0.18, 0.30, 0.55 * s), 0.018, STEEL, part="wing"),
            rod((-0.86, 0.10, 0.02 * s), (-0.92, 0.12, 0.42 * s), 0.14, trim, taper=0.7, flat=0.12, thin=(0, 1, 0), part="tail"),
            rod((0.28, -0.12, 0.12 * s), (0.28, -0.36, 0.28 * s), 0.025, STEEL, part="wheel"),
            rod((0.28, -0.40, 0.25 * s), (0.28, -0.40, 0.33 * s), 0.09, DARK, part="wheel"),
        ]  # fmt: skip
    return parts


def truck(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A cab and behind it a box, a tipper with its load, or a tank."""
    paint, load = tint(rng, colour), int(rng.choice(3, p=[0.5, 0.3, 0.2]))
    parts = [
        box((0.72, 0.02, 0), (0.27, 0.33, 0.36), paint, gloss=0.5), box((0.62, 0.33, 0), (0.17, 0.07, 0.33), paint, gloss=0.4),
        box((0.975, 0.15, 0), (0.03, 0.14, 0.31), GLASS, gloss=0.9), box((0.76, 0.15, 0), (0.15, 0.12, 0.367), GLASS, gloss=0.8),
        box((0.99, -0.13, 0), (0.02, 0.07, 0.22), DARK), box((0.99, -0.29, 0), (0.03, 0.05, 0.36), STEEL),
        *[ball((1.0, -0.16, z), (0.03, 0.055, 0.06), LAMP, glow=0.6) for z in (-0.29, 0.29)],
        *[box((0.93, 0.12, 0.43 * s), (0.03, 0.09, 0.03), DARK) for s in (-1, 1)],
        box((-0.10, -0.30, 0), (0.88, 0.05, 0.24), DARK),
        *[w for x in (-0.72, -0.38, 0.68) for z in (-0.32, 0.32) for w in _wheel(x, -0.40, z, 0.19)],
    ]  # fmt: skip
    if load == 0:
        cover = tint(rng, [(0.90, 0.90, 0.88), colour, (0.72, 0.72, 0.70)][rng.integers(3)])
        ribs = [box((x, 0.14, 0), (0.012, 0.385, 0.405), tuple(0.82 * np.asarray(cover))) for x in np.linspace(-0.92, 0.30, 7)]  # fmt: skip
        return [*parts, box((-0.30, 0.14, 0), (0.66, 0.40, 0.40), cover, gloss=0.3), *ribs, box((-0.30, -0.08, 0), (0.662, 0.035, 0.407), paint)]  # fmt: skip
    if load == 1:
        sand = mottled(tint(rng, (0.62, 0.50, 0.32)), rng, 0.4, 1.5)
        heap = [ball((x, 0.13, 0), (0.36, r, 0.31), sand) for x, r in ((-0.62, 0.16), (-0.28, 0.24), (0.04, 0.15))]
        walls = [box((-0.30, -0.03, 0.37 * s), (0.64, 0.21, 0.03), paint, gloss=0.3) for s in (-1, 1)]
        ends = [box((x, -0.01, 0), (0.03, 0.23, 0.40), paint, gloss=0.3) for x in (-0.94, 0.34)]
        ribs = [box((x, -0.03, 0), (0.03, 0.20, 0.415), tuple(0.8 * np.asarray(paint))) for x in (-0.72, -0.30, 0.12)]
        return [*parts, box((-0.30, -0.20, 0), (0.64, 0.06, 0.39), paint), *walls, *ends, *ribs, *heap]
    tank = [rod((-0.95, 0.06, 0), (0.36, 0.06, 0), 0.33, (0.80, 0.82, 0.84), gloss=0.9), ball((-0.95, 0.06, 0), (0.07, 0.33, 0.33), (0.72, 0.74, 0.76), gloss=0.9)]  # fmt: skip
    bands = [rod((x, 0.06, 0), (x + 0.05, 0.06, 0), 0.34, paint) for x in (-0.80, -0.32, 0.16)]
    return [*parts, *tank, *bands]


def train(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A steam engine with its wagon or a railcar with a rounded nose, on a piece of track."""
    paint = tint(rng, colour)
    sleepers = [box((x, -0.44, 0), (0.045, 0.03, 0.40), (0.30, 0.22, 0.15), part="track") for x in np.linspace(-1.15, 1.15, 11)]  # fmt: skip
    rails = [box((0, -0.39, 0.26 * s), (1.22, 0.025, 0.022), (0.48, 0.44, 0.42), part="track") for s in (-1, 1)]
    return (_steam(paint, rng) if rng.random() < 0.4 else _railcar(paint, rng)) + sleepers + rails


def _railcar(paint, rng) -> list[Solid]:
    stripe = tint(rng, ["white", "yellow", "black"][rng.integers(3)])
    parts = [
        box((-0.08, 0.02, 0), (1.02, 0.27, 0.29), paint, gloss=0.5), ball((0.92, -0.02, 0), (0.26, 0.29, 0.288), paint, gloss=0.6),
        rod((-1.10, 0.24, 0), (0.92, 0.24, 0), 0.285, (0.60, 0.61, 0.62), flat=0.30, thin=(0, 1, 0)),
        box((-0.08, -0.13, 0), (1.023, 0.035, 0.293), stripe), ball((1.02, 0.09, 0), (0.15, 0.125, 0.23), GLASS, gloss=0.9),
        box((-0.08, -0.28, 0), (1.0, 0.07, 0.24), DARK), box((-0.10, 0.02, 0), (0.022, 0.28, 0.296), DARK),
        *[ball((1.12, -0.13, z), (0.05, 0.05, 0.05), LAMP, glow=0.7) for z in (-0.16, 0.16)],
        *[box((x, 0.085, 0), (0.085, 0.09, 0.2945), GLASS, gloss=0.8) for x in (-0.92, -0.70, -0.28, 0.08, 0.30, 0.52)],
        *[box((x, 0.0, 0), (0.055, 0.20, 0.296), tuple(0.7 * np.asarray(paint))) for x in (-0.49, 0.72)],
        *[w for x in (-0.88, -0.62, 0.36, 0.62) for z in (-0.26, 0.26) for w in _wheel(x, -0.28, z, 0.10, 0.03)],
    ]  # fmt: skip
    if rng.random() < 0.5:
        parts += [rod((-0.3, 0.31, 0), (-0.12, 0.50, 0), 0.015, DARK), rod((-0.12, 0.50, 0), (-0.32, 0.62, 0), 0.015, DARK), rod((-0.32, 0.62, -0.16), (-0.32, 0.62, 0.16), 0.018, DARK)]  # fmt: skip
    return parts


def _steam(paint, rng) -> list[Solid]:
    brass, black = (0.80, 0.62, 0.22), (0.12, 0.12, 0.13)
    parts = [
        rod((0.02, 0.08, 0), (0.98, 0.08, 0), 0.205, paint, gloss=0.6), rod((0.80, 0.08, 0), (1.04, 0.08, 0), 0.215, black, gloss=0.5),
        *[rod((x, 0.08, 0), (x + 0.025, 0.08, 0), 0.213, brass, gloss=0.8) for x in (0.22, 0.42, 0.62)],
        rod((0.90, 0.24, 0), (0.90, 0.60, 0), 0.075, black, taper=1.35), ball((0.46, 0.30, 0), (0.085, 0.12, 0.085), brass, gloss=0.9),
        ball((1.06, 0.20, 0), (0.05, 0.06, 0.06), LAMP, glow=0.7), box((-0.12, 0.14, 0), (0.20, 0.36, 0.28), paint, gloss=0.4),
        box((-0.12, 0.53, 0), (0.26, 0.035, 0.33), black), box((-0.12, 0.30, 0), (0.12, 0.12, 0.285), GLASS, gloss=0.8),
        box((0.45, -0.19, 0), (0.66, 0.07, 0.24), black), rod((1.06, -0.18, 0), (1.20, -0.34, 0), 0.26, (0.55, 0.12, 0.10), flat=0.3, thin=(0.7, 0.7, 0)),
        box((-0.72, 0.06, 0), (0.36, 0.24, 0.27), paint, gloss=0.4), box((-0.72, -0.22, 0), (0.36, 0.05, 0.22), black), box((-0.40, -0.22, 0), (0.1, 0.03, 0.05), DARK),
        *[ball((x, 0.30, 0), (0.17, 0.09, 0.20), mottled((0.10, 0.10, 0.11), rng, 0.5, 2)) for x in (-0.88, -0.72, -0.56)],
        *[w for x, r in ((-0.94, 0.12), (-0.54, 0.12), (0.0, 0.17), (0.36, 0.17), (0.72, 0.17)) for z in (-0.25, 0.25) for w in _wheel(x, r - 0.37, z, r, 0.025)],
        *[rod((0.0, -0.22, 0.29 * s), (0.74, -0.22, 0.29 * s), 0.022, STEEL, gloss=0.8) for s in (-1, 1)],
    ]  # fmt: skip
    grey = rng.uniform(0.78, 0.95)
    puffs = [ball((0.88 - 0.17 * i, 0.70 + 0.085 * i, 0), (0.10 + 0.035 * i) * np.ones(3), (grey, grey, grey), opacity=0.75 - 0.1 * i, part="smoke") for i in range(5)]  # fmt: skip
    return parts + puffs


def motorbike(colour: str, rng: np.random.Generator) -> list[Solid]:
    """Two fat tyres, an engine between them, a tank in its colour, seat, exhaust and handlebar."""
    paint, chrome = tint(rng, colour), (0.74, 0.75, 0.78)
    parts = []
    for x in (-0.66, 0.70):
        tyre = [(x + 0.31 * np.cos(a), -0.30 + 0.31 * np.sin(a), 0) for a in np.linspace(0, 2 * np.pi, 15)]
        spokes = [rod((x, -0.30, 0), (x + 0.27 * np.cos(a), -0.30 + 0.27 * np.sin(a), 0), 0.022, chrome, part="wheel") for a in np.linspace(0, 2 * np.pi, 8)[:-1]]  # fmt: skip
        parts += [*chain(tyre, 0.078, DARK, part="wheel"), *spokes, rod((x, -0.30, -0.07), (x, -0.30, 0.07), 0.085, chrome, part="wheel")]  # fmt: skip
    parts += [
        ball((0.16, 0.24, 0), (0.34, 0.16, 0.17), paint, rotation(roll=0.18), gloss=0.8), box((-0.02, -0.20, 0), (0.24, 0.17, 0.14), (0.30, 0.30, 0.32), gloss=0.5),
        *[box((0.06, -0.02 - 0.055 * i, 0), (0.17, 0.016, 0.16), chrome, gloss=0.7) for i in range(4)],
        ball((-0.34, 0.20, 0), (0.38, 0.085, 0.15), DARK, gloss=0.4), limb((-0.45, 0.24, 0), (-0.86, 0.26, 0), 0.11, paint, flat=1.2, gloss=0.7),
        limb((-0.98, 0.10, 0), (-0.48, 0.16, 0), 0.085, paint, gloss=0.7), ball((-0.92, 0.19, 0), (0.05, 0.05, 0.08), (0.85, 0.08, 0.08), glow=0.5),
        *[rod((0.70, -0.30, 0.08 * s), (0.42, 0.42, 0.08 * s), 0.032, chrome, gloss=0.8) for s in (-1, 1)],
        limb((0.44, 0.08, 0), (0.98, -0.02, 0), 0.10, paint, flat=1.0, gloss=0.7), ball((0.55, 0.32, 0), (0.11, 0.12, 0.12), chrome, gloss=0.8),
        ball((0.625, 0.32, 0), (0.05, 0.095, 0.095), LAMP, glow=0.6), rod((0.38, 0.47, -0.34), (0.38, 0.47, 0.34), 0.028, DARK),
        *[rod((0.38, 0.47, 0.24 * s), (0.30, 0.47, 0.38 * s), 0.045, DARK) for s in (-1, 1)], *[ball((0.42, 0.60, 0.30 * s), (0.03, 0.06, 0.07), chrome, gloss=0.8) for s in (-1, 1)],
        *[rod((-0.66, -0.30, 0.10 * s), (-0.10, -0.16, 0.10 * s), 0.035, (0.25, 0.25, 0.27)) for s in (-1, 1)], rod((-0.62, -0.24, 0.10), (-0.36, 0.16, 0.10), 0.045, chrome),
        *[rod((0.10, -0.32, 0.17 * s), (-0.86, -0.24, 0.19 * s), 0.05, chrome, taper=1.35, gloss=0.9) for s in (-1, 1)], rod((0.05, -0.05, 0), (0.44, 0.34, 0), 0.05, DARK),
    ]  # fmt: skip
    if rng.random() < 0.35:
        parts.append(limb((0.50, 0.40, 0), (0.36, 0.80, 0), 0.19, (0.62, 0.72, 0.78), flat=0.15, thin=(1, 0.3, 0), opacity=0.5))  # fmt: skip
    return parts
