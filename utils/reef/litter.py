"""Litter: what people lose in the sea. Each thing is about two units across."""

from __future__ import annotations

import numpy as np

from utils.reef.solids import Solid, ball, chain, rod, rotation
from utils.reef.textures import mesh, mottled, striped, tint

STEEL = (0.62, 0.64, 0.67)


def bag(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A thin plastic bag, billowing, with two handles."""
    film = mottled(tint(rng, colour, 0.04), rng, 0.30, 0.7)
    body = [
        ball(
            (rng.normal(0, 0.10), -0.1 + 0.16 * i, rng.normal(0, 0.08)),
            (0.62 - 0.07 * i, 0.42, 0.34),
            film,
            rotation(roll=rng.normal(0, 0.3)),
            gloss=0.7,
            glow=0.25,
        )
        for i in range(3)
    ]
    handles = [
        chain(
            [
                (s * 0.25 - 0.14, 0.45, 0),
                (s * 0.25 - 0.16, 0.85, 0.05),
                (s * 0.25 + 0.14, 0.88, 0),
                (s * 0.25 + 0.15, 0.45, 0),
            ],
            0.06,
            film,
            glow=0.25,
        )
        for s in (-1, 1)
    ]
    return body + handles[0] + handles[1]


def bottle(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A drinks bottle lying along x, with a label and a cap."""
    glass = tint(rng, {"white": (0.80, 0.86, 0.88)}.get(colour, colour))
    cap = tint(rng, ["red", "blue", "white", "yellow"][rng.integers(4)])
    return [
        rod((-0.95, 0, 0), (0.30, 0, 0), 0.32, glass, gloss=0.9, glow=0.1), rod((0.30, 0, 0), (0.62, 0, 0), 0.32, glass, taper=0.38, gloss=0.9),
        rod((0.62, 0, 0), (0.86, 0, 0), 0.12, glass, gloss=0.9), rod((0.84, 0, 0), (0.98, 0, 0), 0.14, cap),
        rod((-0.55, 0, 0), (0.05, 0, 0), 0.327, tint(rng, (0.93, 0.93, 0.90), 0.03), part="label"),
    ]  # fmt: skip


def net(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A ghost net: crumpled sheets of mesh with cork floats."""
    threads = mesh(tint(rng, colour, 0.05), 0.18, 0.13, axes=(0, 1), slant=0.3)
    sheets = [
        ball(
            rng.uniform(-0.35, 0.35, 3) * [1, 0.6, 0.6],
            rng.uniform([0.5, 0.35, 0.2], [0.8, 0.55, 0.4]),
            threads,
            rotation(roll=rng.uniform(-0.6, 0.6)),
            glow=0.25,
        )
        for _ in range(4)
    ]
    floats = [
        ball((x, 0.55 + rng.normal(0, 0.08), 0.2), (0.11, 0.09, 0.09), tint(rng, "orange"))
        for x in np.linspace(-0.7, 0.7, 5)
    ]
    return sheets + floats


def can(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A drinks can lying along x."""
    paint = striped(tint(rng, colour), tint(rng, (0.9, 0.9, 0.88), 0.03), 1.3, rng, duty=0.75)
    return [
        rod((-0.75, 0, 0), (0.72, 0, 0), 0.42, paint, gloss=0.8),
        rod((0.72, 0, 0), (0.82, 0, 0), 0.42, STEEL, taper=0.85, gloss=0.9),
        rod((-0.85, 0, 0), (-0.75, 0, 0), 0.36, STEEL, taper=1.15, gloss=0.9),
    ]


def tyre(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A car tyre: a ring of fat links with tread."""
    rubber = striped((0.10, 0.10, 0.11), (0.19, 0.19, 0.19), 0.12, rng)
    ring = [(0.72 * np.cos(a), 0.72 * np.sin(a), 0) for a in np.linspace(0, 2 * np.pi, 19)]
    return chain(ring, 0.28, rubber, gloss=0.3)


def rope(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A loose tangle of rope."""
    steps = np.linspace(0, 2 * np.pi * rng.uniform(2.0, 2.8), 34)
    path = [
        (0.85 * np.cos(a) * (1 - 0.012 * i) + 0.2 * np.sin(2.3 * a), 0.08 * np.sin(3.1 * a), 0.7 * np.sin(1.23 * a))
        for i, a in enumerate(steps)
    ]
    return chain(path, 0.075, tint(rng, colour), glow=0.1)


def straw(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A striped drinking straw with a bend."""
    paint = striped(tint(rng, colour), (0.95, 0.95, 0.93), 0.26, rng)
    return [
        rod((-1.0, -0.12, 0), (0.45, 0.0, 0), 0.085, paint, glow=0.1),
        rod((0.45, 0.0, 0), (0.95, 0.42, 0), 0.085, paint, glow=0.1),
    ]


def mask(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A surgical mask with pleats and two ear loops."""
    cloth = striped(
        tint(rng, colour, 0.05), tuple(np.asarray(tint(rng, colour, 0.02)) * 0.8), 0.20, rng, axis=1, duty=0.75
    )
    loops = []
    for s in (-1, 1):
        loops += chain(
            [(s * 0.66, 0.36, 0), (s * 1.0, 0.25, 0), (s * 1.0, -0.25, 0), (s * 0.66, -0.36, 0)],
            0.035,
            (0.93, 0.93, 0.93),
        )
    return [ball((0, 0, 0), (0.74, 0.50, 0.22), cloth, glow=0.15), *loops]
