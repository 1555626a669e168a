"""Animals of field and pond: horse, cow, sheep, deer, frog. Each is about two units long and looks along +x."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from utils.reef.solids import Solid, Texture, ball, chain, limb, moved, rod
from utils.reef.textures import mottled, noise, tint, two_tone

EYE, HOOF, HORN = (0.05, 0.04, 0.04), (0.13, 0.10, 0.09), (0.78, 0.72, 0.58)


def _patched(coat, patch, rng: np.random.Generator, share: float) -> Texture:
    """A coat with large irregular patches of another colour over about `share` of it."""
    base, field, shift = mottled(coat, rng, 0.12), noise(int(rng.integers(6)), octaves=3), rng.random(2)
    level, patch = np.quantile(field, 1 - share), np.asarray(patch, np.float32)

    def texture(p):
        u = ((0.40 * p[:, 0] + 0.17 * p[:, 2] + shift[0]) * 256).astype(np.int32) % 256
        v = ((0.40 * p[:, 1] + 0.28 * p[:, 2] + shift[1]) * 256).astype(np.int32) % 256
        return np.where((field[v, u] > level)[:, None], patch, base(p)[0]), None

    return texture


def _trunk(coat: Texture, depth: float, length: float = 0.62) -> list[Solid]:
    """Barrel, chest and rump, grown together."""
    return [
        ball((0, 0.10, 0), (length, depth, 0.24), coat),
        ball((0.60 * length, 0.13, 0), (0.30, depth + 0.01, 0.215), coat),
        ball((-0.62 * length, 0.15, 0), (0.32, depth, 0.235), coat),
    ]


def _legs(rng, coat, xs: Sequence[float], ground: float, width: float, shank=None) -> list[Solid]:
    """Four legs with knees and hoofs; a walking animal sets them apart."""
    parts, walk = [], rng.uniform(0.02, 0.16)
    for x, back in ((xs[0], -1), (xs[1], 1)):
        for side in (-1, 1):
            step = walk * side * back
            z, knee = 0.14 * side, 0.45 * ground
            middle, foot = (x + 0.5 * step - 0.03 * back, knee, z), (x + step, ground + 0.07, z)
            parts += [
                limb((x, 0.16, 0.8 * z), middle, 1.45 * width, coat, part="leg"),
                limb((middle[0], knee + 0.08, z), foot, 0.78 * width, shank or coat, part="leg"),
                rod((foot[0] + 0.02, ground, z), (foot[0], ground + 0.10, z), 0.95 * width, HOOF, taper=0.72, part="leg"),
            ]  # fmt: skip
    return parts


def _face(head, nose, width: float, coat, muzzle, rng) -> list[Solid]:
    """Skull, muzzle, nostrils and eyes between the points `head` and `nose`."""
    head, nose = np.asarray(head, float), np.asarray(nose, float)
    along = nose - head
    parts = [
        ball(head, (1.15 * width, 1.05 * width, width), coat, part="head"),
        limb(head - 0.1 * along, nose, 0.86 * width, coat, part="head"),
        ball(nose - 0.10 * along, (0.80 * width, 0.72 * width, 0.74 * width), muzzle, part="head"),
    ]
    for side in (-1, 1):
        parts += [
            ball(head + 0.16 * along + [0, 0.42 * width, 0.82 * side * width], 0.24 * width * np.ones(3), EYE, gloss=0.9, part="head"),
            ball(nose + [0.26 * width, 0.12 * width, 0.36 * side * width], 0.16 * width * np.ones(3), HOOF, part="head"),
        ]  # fmt: skip
    return parts


def _ears(head, coat, out: float, up: float, width: float) -> list[Solid]:
    """A pair of ears that stand `out` to the sides and `up`."""
    head = np.asarray(head, float)
    return [
        limb(head + [0, 0.3 * up, side * 0.1 * out], head + [-0.04, up, side * out], width, coat, flat=0.5, thin=(1, 0, 0), part="head")
        for side in (-1, 1)
    ]  # fmt: skip


def horse(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A long neck with a mane, a flowing tail; some graze."""
    base = np.asarray(tint(rng, colour if colour != "brown" else (0.45, 0.25, 0.12)))
    coat = mottled(base, rng, 0.22, 0.5)
    dark = tuple(base * (0.30 if colour in ("brown", "black") else 0.55)) if colour != "white" else (0.80, 0.78, 0.72)
    grazing = rng.random() < 0.25
    poll, nose = ((1.00, -0.22, 0), (1.12, -0.66, 0)) if grazing else ((0.86, 0.66, 0), (1.20, 0.36, 0))
    mane = [
        np.array([0.36, 0.42, 0]),
        (np.array([0.30, 0.44, 0]) + poll) / 2 + [-0.04, 0.10, 0],
        np.asarray(poll) + [-0.04, 0.12, 0],
    ]
    parts = [
        *_trunk(coat, 0.27),
        limb((0.38, 0.20, 0), poll, 0.165, coat),
        limb((0.42, 0.10, 0), (np.asarray(poll) + (0.42, 0.10, 0)) / 2, 0.19, coat),
        *_face(poll, nose, 0.115, coat, tuple(base * 0.6), rng),
        *_ears(np.asarray(poll) + [-0.03, 0.06, 0], coat, 0.07, 0.20, 0.045),
        *chain(mane, 0.085, dark, flat=0.6),
        *chain([(-0.62, 0.24, 0), (-0.80, 0.10, 0.02), (-0.86, -0.22, 0.04), (-0.80, -0.52, 0.03)], 0.085, dark, taper=0.75, part="tail"),
        *_legs(rng, coat, (-0.46, 0.42), -0.98, 0.072, dark if colour == "brown" else None),
    ]  # fmt: skip
    if rng.random() < 0.4:
        parts.append(limb(np.asarray(poll) + [0.09, 0.06, 0], np.asarray(nose) + [0.06, 0.06, 0], 0.045, (0.9, 0.88, 0.84), part="head"))  # fmt: skip
    return parts


def cow(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A deep barrel with patches, short horns, an udder, a tuft at the end of the tail."""
    base = tint(rng, colour if colour != "brown" else (0.50, 0.27, 0.13))
    patch, share = ((0.12, 0.10, 0.09), 0.40) if colour == "white" else ((0.90, 0.88, 0.84), 0.30)
    coat = _patched(base, patch, rng, share if rng.random() < 0.85 else 0.04)
    head = np.array([0.88, 0.34, 0.0]) if rng.random() < 0.65 else np.array([0.94, -0.18, 0.0])
    nose, pink = head + [0.27, -0.22, 0], (0.80, 0.58, 0.52)
    horns = [
        rod(head + [-0.02, 0.12, 0.10 * s], head + [0.03, 0.27, 0.22 * s], 0.035, HORN, taper=0.2, part="head")
        for s in (-1, 1)
    ]
    return [
        *_trunk(coat, 0.33, 0.70), ball((-0.02, 0.26, 0), (0.66, 0.17, 0.19), coat),
        limb((0.42, 0.20, 0), head, 0.20, coat), *_face(head, nose, 0.155, coat, pink, rng), *horns,
        *_ears(head + [-0.04, 0.03, 0], base, 0.27, 0.06, 0.06),
        ball((-0.34, -0.24, 0), (0.17, 0.13, 0.14), pink),
        *chain([(-0.74, 0.30, 0), (-0.86, 0.05, 0.03), (-0.86, -0.25, 0.05)], 0.035, coat, part="tail"),
        ball((-0.86, -0.36, 0.05), (0.055, 0.13, 0.055), (0.14, 0.10, 0.08), part="tail"),
        *_legs(rng, coat, (-0.50, 0.46), -0.82, 0.088),
    ]  # fmt: skip


def sheep(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A cloud of wool on thin legs, the face dark or white."""
    wool = mottled(tint(rng, {"white": (0.90, 0.87, 0.79)}.get(colour, colour)), rng, 0.30, 1.4)
    bare = tint(rng, (0.12, 0.10, 0.10) if colour == "black" or rng.random() < 0.55 else (0.86, 0.80, 0.72))
    tufts = []
    for k in range(30):  # a spiral over the ellipsoid of the body
        height = 1 - 2 * (k + 0.5) / 30
        around, ring = 2.39996 * k, np.sqrt(1 - height**2)
        place = np.array([0.56 * ring * np.cos(around), 0.10 + 0.33 * height, 0.31 * ring * np.sin(around)])
        tufts.append(ball(place + rng.normal(0, 0.02, 3), rng.uniform(0.17, 0.22) * np.ones(3), wool))
    head = np.array([0.72, 0.30, 0.0]) if rng.random() < 0.7 else np.array([0.76, -0.22, 0.0])
    return [
        ball((0, 0.10, 0), (0.62, 0.38, 0.34), wool), *tufts, limb((0.45, 0.15, 0), head, 0.17, wool),
        *_face(head, head + [0.25, -0.20, 0], 0.125, bare, bare, rng), *_ears(head + [-0.03, 0.02, 0], bare, 0.27, 0.02, 0.055),
        *[ball(head + d, (0.12, 0.10, 0.12), wool, part="head") for d in ([-0.06, 0.11, 0.05], [-0.06, 0.12, -0.05], [0.0, 0.14, 0])],
        limb((-0.66, 0.18, 0), (-0.80, -0.08, 0), 0.09, wool, part="tail"),
        *_legs(rng, bare, (-0.36, 0.36), -0.74, 0.055),
    ]  # fmt: skip


def deer(colour: str, rng: np.random.Generator) -> list[Solid]:
    """Slender and red-brown with a pale belly; stags carry antlers, hinds do not."""
    base = tint(rng, [(0.52, 0.30, 0.14), (0.43, 0.27, 0.15), (0.60, 0.38, 0.20)][rng.integers(3)], 0.1)
    coat = two_tone(base, (0.80, 0.70, 0.56), rng, at=-0.08, soft=0.14)
    upper = mottled(base, rng, 0.2, 0.5)
    poll = np.array([0.82, 0.74, 0.0])
    parts = [
        *_trunk(coat, 0.22, 0.58),
        limb((0.40, 0.14, 0), poll, 0.115, upper), limb((0.40, 0.06, 0), (0.64, 0.42, 0), 0.14, upper),
        *_face(poll, poll + [0.27, -0.16, 0], 0.098, upper, (0.22, 0.14, 0.10), rng),
        *_ears(poll + [-0.05, 0.02, 0], base, 0.22, 0.17, 0.065),
        ball((-0.66, 0.16, 0), (0.07, 0.14, 0.09), (0.92, 0.89, 0.82), part="tail"),
        limb((-0.64, 0.28, 0), (-0.74, 0.10, 0), 0.05, base, part="tail"),
        *_legs(rng, upper, (-0.42, 0.38), -0.98, 0.055),
    ]  # fmt: skip
    if rng.random() < 0.7:
        spread, tall = rng.uniform(0.8, 1.15), rng.uniform(0.85, 1.1)
        for s in (-1, 1):
            beam = [poll + np.array([x, y * tall, s * z * spread]) for x, y, z in ((-0.02, 0.08, 0.05), (-0.16, 0.28, 0.18), (-0.14, 0.52, 0.32), (0.0, 0.72, 0.34))]  # fmt: skip
            tines = [(beam[1], [0.20, 0.10, 0.03]), (beam[2], [0.20, 0.09, 0.06]), (beam[2], [-0.12, 0.18, 0.02])]
            parts += chain(beam, 0.034, HORN, taper=0.7, part="antler")
            parts += [
                rod(a, a + np.array([x, y, s * z]), 0.028, HORN, taper=0.3, part="antler") for a, (x, y, z) in tines
            ]
    return moved(parts, by=(0, -0.12, 0), scale=0.86)


def frog(colour: str, rng: np.random.Generator) -> list[Solid]:
    """It sits: a broad head with bulging eyes, folded hind legs, a pale throat."""
    base = np.asarray(tint(rng, {"green": (0.27, 0.56, 0.12), "brown": (0.47, 0.33, 0.16)}.get(colour, colour), 0.12))
    skin = _patched(base, base * 0.55, rng, 0.28)
    coat, pale = two_tone(base, (0.86, 0.85, 0.62), rng, at=-0.10, soft=0.22), (0.88, 0.86, 0.64)
    parts = [
        ball((-0.22, 0.0, 0), (0.62, 0.36, 0.46), skin, np.array([[0.91, -0.41, 0], [0.41, 0.91, 0], [0, 0, 1.0]]), gloss=0.4),
        ball((0.40, 0.22, 0), (0.44, 0.25, 0.42), coat, gloss=0.4, part="head"),
        ball((0.28, -0.02, 0), (0.36, 0.30, 0.36), pale),
    ]  # fmt: skip
    for s in (-1, 1):
        eye = np.array([0.38, 0.46, 0.27 * s])
        parts += [
            ball(eye, (0.155, 0.155, 0.135), skin, gloss=0.4, part="head"),
            ball(eye + [0.05, 0.03, 0.055 * s], (0.115, 0.115, 0.10), (0.88, 0.68, 0.12), gloss=0.8, part="head"),
            ball(eye + [0.085, 0.035, 0.10 * s], (0.085, 0.052, 0.065), EYE, gloss=0.9, part="head"),
            limb((-0.62, -0.18, 0.34 * s), (0.12, 0.02, 0.56 * s), 0.185, skin, gloss=0.4, part="leg"),
            limb((0.14, -0.02, 0.56 * s), (-0.58, -0.36, 0.56 * s), 0.115, skin, gloss=0.4, part="leg"),
            limb((-0.66, -0.38, 0.54 * s), (0.02, -0.46, 0.66 * s), 0.07, skin, flat=1.6, thin=(0, 0, 1), gloss=0.4, part="leg"),
            limb((0.34, -0.02, 0.34 * s), (0.44, -0.36, 0.44 * s), 0.095, skin, gloss=0.4, part="leg"),
            *[limb((0.42, -0.40, 0.44 * s), (0.68, -0.46, (0.44 + d) * s), 0.05, skin, gloss=0.4, part="leg") for d in (-0.12, 0.02, 0.16)],
            *[limb((-0.02, -0.44, 0.64 * s), (0.22, -0.47, (0.66 + d) * s), 0.045, skin, part="leg") for d in (-0.08, 0.08, 0.22)],
        ]  # fmt: skip
    mouth = [
        (0.40 + 0.445 * np.cos(a), 0.15 + 0.02 * np.cos(2 * a), 0.425 * np.sin(a)) for a in np.linspace(-1.25, 1.25, 9)
    ]
    return parts + chain(mouth, 0.018, tuple(base * 0.35), part="head")
