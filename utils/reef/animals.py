"""The other animals of the sea, each about two units long and looking along +x."""

from __future__ import annotations

import numpy as np

from utils.reef.solids import Solid, ball, chain, limb, moved, rod, rotation
from utils.reef.textures import mottled, spotted, striped, tint, two_tone

DARK = (0.05, 0.05, 0.06)


def _eyes(x: float, y: float, z: float, size: float = 0.045) -> list[Solid]:
    return [ball((x, y, side * z), (size, size, size * 0.8), DARK, part="head", gloss=0.9) for side in (-1, 1)]


def _fin(root, tip, width: float, colour, thin=(0, 0, 1)) -> Solid:
    return rod(root, tip, width, colour, taper=0.12, flat=0.22, thin=thin, part="fin")


def dolphin(colour: str, rng: np.random.Generator) -> list[Solid]:
    """Spindle with a beak, a sickle of a dorsal fin and horizontal flukes."""
    back = tint(rng, (0.36, 0.41, 0.47))
    skin = two_tone(back, (0.82, 0.84, 0.85), rng, at=-0.08)
    bend = rng.uniform(-0.2, 0.2)
    return [
        ball((0.15, 0, 0), (0.78, 0.25, 0.24), skin, gloss=0.5),
        limb((-0.35, 0, 0), (-0.92, bend * 0.6, 0), 0.13, back, gloss=0.4),
        ball((0.75, 0.03, 0), (0.27, 0.19, 0.18), skin, gloss=0.5, part="head"),
        limb((0.88, -0.03, 0), (1.17, -0.07, 0), 0.065, skin, part="head"),
        _fin((0.02, 0.18, 0), (-0.22, 0.52, 0), 0.17, back),
        _fin((0.38, -0.12, 0.18), (0.10, -0.42, 0.42), 0.13, back),
        _fin((0.38, -0.12, -0.18), (0.10, -0.42, -0.42), 0.13, back),
        _fin((-0.86, bend * 0.55, 0), (-1.12, bend * 0.6, 0.34), 0.15, back, thin=(0, 1, 0)),
        _fin((-0.86, bend * 0.55, 0), (-1.12, bend * 0.6, -0.34), 0.15, back, thin=(0, 1, 0)),
        *_eyes(0.82, 0.04, 0.16, 0.03),
    ]


def shark(colour: str, rng: np.random.Generator) -> list[Solid]:
    """Pointed snout, tall dorsal fin, upright tail with a long upper lobe, gill slits."""
    back = tint(rng, (0.38, 0.42, 0.45))
    skin = two_tone(back, (0.86, 0.87, 0.86), rng, at=-0.06)
    sway = rng.uniform(-0.25, 0.25)
    gills = [
        rod((0.44 - 0.07 * i, 0.08, s * 0.215), (0.42 - 0.07 * i, -0.1, s * 0.215), 0.014, DARK)
        for i in range(4)
        for s in (-1, 1)
    ]
    return [
        ball((0.20, 0, 0), (0.80, 0.23, 0.22), skin, gloss=0.3),
        ball((0.78, 0.0, 0), (0.36, 0.13, 0.16), skin, gloss=0.3, part="head"),
        limb((-0.30, 0, 0), (-0.95, 0.02, sway * 0.5), 0.11, back),
        _fin((0.12, 0.17, 0), (-0.12, 0.62, 0), 0.20, back),
        _fin((-0.55, 0.08, 0), (-0.65, 0.22, 0), 0.07, back),
        _fin((0.38, -0.12, 0.15), (0.02, -0.30, 0.70), 0.17, back, thin=(0, 1, 0)),
        _fin((0.38, -0.12, -0.15), (0.02, -0.30, -0.70), 0.17, back, thin=(0, 1, 0)),
        _fin((-0.88, 0, sway * 0.5), (-1.22, 0.50, sway), 0.13, back),
        _fin((-0.88, 0, sway * 0.5), (-1.08, -0.27, sway), 0.10, back),
        *gills,
        *_eyes(0.86, 0.05, 0.13, 0.028),
    ]


def ray(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A flat kite of a body with beating wings and a whip of a tail."""
    back = tint(rng, {"brown": (0.42, 0.34, 0.22), "grey": (0.36, 0.39, 0.42)}.get(colour, colour))
    skin = (
        spotted(back, tuple(np.clip(np.asarray(back) * 1.6, 0, 1)), rng, 30, 0.05)
        if rng.random() < 0.5
        else mottled(back, rng)
    )
    beat = rng.uniform(-0.45, 0.45)
    wings = [
        rod(
            (0.05, 0, s * 0.15),
            (-0.12, 0.75 * np.sin(beat) * 0.8, s * 0.98),
            0.58,
            skin,
            taper=0.12,
            flat=0.10,
            thin=(0, 1, 0),
            part="wing",
        )
        for s in (-1, 1)
    ]
    tail = [(-0.45 - 0.22 * i, 0.04 * np.sin(i), 0.05 * np.sin(1.3 * i)) for i in range(6)]
    return [
        ball((0.05, 0.02, 0), (0.62, 0.14, 0.42), skin, gloss=0.3),
        *wings, *chain(tail, 0.05, back, taper=0.25), *_eyes(0.42, 0.13, 0.16, 0.05),
    ]  # fmt: skip


def jellyfish(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A glowing bell over frilled arms and trailing tentacles."""
    glass = tint(
        rng,
        {
            "pink": (0.92, 0.60, 0.72),
            "blue": (0.55, 0.70, 0.95),
            "white": (0.90, 0.92, 0.95),
            "orange": (0.95, 0.65, 0.35),
        }.get(colour, colour),
    )
    rim = tuple(np.clip(np.asarray(glass) * 0.75, 0, 1))
    pulse = rng.uniform(0.75, 1.15)
    solids = [
        ball(
            (0, 0.42, 0),
            (0.62 * pulse, 0.44 / pulse, 0.62 * pulse),
            striped(glass, rim, 0.30, rng, duty=0.7),
            gloss=0.5,
            glow=0.45,
            opacity=0.88,
        )
    ]
    solids += [ball((0, 0.22, 0), (0.60 * pulse, 0.12, 0.60 * pulse), rim, glow=0.4, opacity=0.8)]
    for angle in np.linspace(0, 2 * np.pi, 12, endpoint=False):
        foot, drift = np.array([np.cos(angle), 0, np.sin(angle)]) * 0.5 * pulse, rng.normal(0, 0.06, (6, 3))
        path = [
            foot * (1 - 0.06 * i) + [0.05 * np.sin(i + angle), 0.2 - 0.25 * i * rng.uniform(0.7, 1.1), 0] + drift[i]
            for i in range(6)
        ]
        solids += chain(path, 0.022, rim, taper=0.5, glow=0.4, part="tentacle")
    for k in range(4):
        path = [
            np.array([0.12 * np.cos(k * 1.6), 0.2 - 0.2 * i, 0.12 * np.sin(k * 1.6)]) + rng.normal(0, 0.05, 3)
            for i in range(5)
        ]
        solids += chain(path, 0.085, glass, taper=0.4, glow=0.4, part="arm")
    return solids


def octopus(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A bag of a mantle, two raised eyes and eight curling arms."""
    tone = tint(
        rng, {"red": (0.66, 0.22, 0.14), "orange": (0.80, 0.42, 0.18), "brown": (0.50, 0.33, 0.22)}.get(colour, colour)
    )
    skin = mottled(tone, rng, 0.55, 0.8)
    solids = [
        ball((-0.28, 0.55, 0), (0.42, 0.46, 0.36), skin, rotation(roll=0.5), gloss=0.35),
        ball((0.05, 0.22, 0), (0.28, 0.24, 0.27), skin, gloss=0.35, part="head"),
        *[ball((0.18, 0.40, s * 0.17), (0.09, 0.10, 0.08), (0.90, 0.82, 0.55), part="head") for s in (-1, 1)],
        *[ball((0.24, 0.41, s * 0.19), (0.05, 0.03, 0.06), DARK, part="head") for s in (-1, 1)],
    ]
    for k in range(8):
        angle, curl, reach = 2 * np.pi * k / 8 + rng.normal(0, 0.15), rng.uniform(-1.4, 1.4), rng.uniform(0.85, 1.15)
        path = [
            (
                0.12 + reach * s * np.cos(angle + curl * s * s),
                0.10 - 0.25 * s + 0.22 * np.sin(4 * s + k) * s,
                reach * s * np.sin(angle + curl * s * s),
            )
            for s in np.linspace(0, 1, 8)
        ]
        solids += chain(path, 0.13, skin, taper=0.22, part="arm")
    return solids


def crab(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A broad shield, stalked eyes, two big claws and eight jointed legs; it faces the viewer side on."""
    tone = tint(
        rng, {"red": (0.76, 0.20, 0.12), "orange": (0.88, 0.46, 0.14), "brown": (0.48, 0.34, 0.20)}.get(colour, colour)
    )
    shell = mottled(tone, rng, 0.3, 0.7)
    solids = [ball((0, 0.05, 0), (0.58, 0.24, 0.42), shell, gloss=0.5)]
    for s in (-1, 1):
        solids += [
            rod((s * 0.14, 0.2, 0.3), (s * 0.16, 0.42, 0.36), 0.03, tone),
            ball((s * 0.16, 0.45, 0.36), (0.06, 0.06, 0.06), DARK, gloss=0.9),
        ]
        raised = rng.uniform(0.0, 0.4)
        wrist = (s * 0.88, 0.12 + raised, 0.40)
        solids += [
            limb((s * 0.45, 0.0, 0.25), wrist, 0.10, shell, part="claw"),
            ball(
                (s * 0.98, 0.26 + raised, 0.46),
                (0.17, 0.24, 0.11),
                shell,
                rotation(roll=-s * 0.3),
                gloss=0.5,
                part="claw",
            ),
        ]
        solids += [
            limb((s * 0.92, 0.36 + raised, 0.46), (s * 0.84, 0.66 + raised, 0.46), 0.06, tone, part="claw"),
            limb((s * 1.02, 0.36 + raised, 0.46), (s * 1.10, 0.64 + raised, 0.46), 0.06, tone, part="claw"),
        ]
        for k in range(4):
            knee = (s * (0.85 + 0.05 * k), 0.14 + rng.normal(0, 0.05), 0.2 - 0.22 * k)
            solids += [
                limb((s * 0.45, 0, 0.15 - 0.12 * k), knee, 0.06, tone, part="leg"),
                limb(knee, (s * (1.08 + 0.03 * k), -0.38, 0.22 - 0.28 * k), 0.05, tone, part="leg"),
            ]
    return solids


def starfish(colour: str, rng: np.random.Generator) -> list[Solid]:
    """Five tapering arms with pale knobs, lying flat."""
    tone = tint(rng, colour)
    skin = mottled(tone, rng, 0.3, 0.9)
    knob = tuple(np.clip(np.asarray(tone) * 1.35 + 0.12, 0, 1))
    solids = [ball((0, 0.03, 0), (0.32, 0.17, 0.32), skin)]
    for angle in np.linspace(0, 2 * np.pi, 5, endpoint=False) + rng.uniform(0, 1.2):
        way = np.array([np.cos(angle), 0, np.sin(angle)])
        solids.append(
            rod(
                way * 0.12,
                way * rng.uniform(0.9, 1.05) + [0, -0.03, 0],
                0.26,
                skin,
                taper=0.28,
                flat=0.5,
                thin=(0, 1, 0),
                part="arm",
            )
        )
        solids += [
            ball(way * d + [0, 0.13 - 0.08 * d, 0], (0.045, 0.045, 0.045), knob) for d in (0.15, 0.35, 0.55, 0.75)
        ]
    return solids


def seal(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A plump spindle with a round dog-like head, whiskers and hind flippers held together."""
    coat = tint(rng, {"grey": (0.46, 0.46, 0.45), "brown": (0.40, 0.29, 0.20)}.get(colour, colour))
    fur = spotted(coat, tuple(np.asarray(coat) * 0.6), rng, 60, 0.05, axes=(0, 1))
    return [
        ball((0.05, 0, 0), (0.78, 0.34, 0.33), fur, gloss=0.35),
        ball((0.70, 0.10, 0), (0.27, 0.23, 0.23), mottled(coat, rng), gloss=0.35, part="head"),
        ball((0.92, 0.05, 0), (0.14, 0.11, 0.13), tuple(np.clip(np.asarray(coat) * 1.25, 0, 1)), part="head"),
        ball((1.05, 0.09, 0), (0.04, 0.035, 0.05), DARK, gloss=0.8, part="head"),
        *_eyes(0.86, 0.18, 0.15, 0.05),
        *[_fin((0.35, -0.22, s * 0.2), (0.12, -0.52, s * 0.45), 0.16, coat) for s in (-1, 1)],
        *[
            limb((-0.62, 0, s * 0.06), (-1.18, rng.normal(0, 0.06), s * 0.22), 0.13, coat, flat=0.4, part="fin")
            for s in (-1, 1)
        ],
    ]


def seabird(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A gull: white body, grey wings spread or folded, yellow bill."""
    white, grey = tint(rng, (0.93, 0.93, 0.92), 0.03), tint(rng, (0.55, 0.58, 0.62))
    lift = rng.uniform(-0.3, 0.7)
    wings = []
    for s in (-1, 1):
        bend, tip = np.array([0.05, 0.25 * lift + 0.12, s * 0.55]), np.array([-0.25, 0.55 * lift, s * 1.15])
        wings += [
            limb((0.1, 0.1, s * 0.1), bend, 0.20, grey, flat=0.22, thin=(0, 1, 0), part="wing"),
            limb(bend * 0.9, tip, 0.15, grey, flat=0.2, thin=(0, 1, 0), part="wing"),
        ]
        wings.append(limb(tip * 0.92, tip * 1.06, 0.07, DARK, flat=0.2, thin=(0, 1, 0), part="wing"))
    return [
        ball((0, 0, 0), (0.55, 0.22, 0.22), white),
        ball((0.52, 0.14, 0), (0.18, 0.16, 0.16), white, part="head"),
        limb((0.64, 0.12, 0), (0.86, 0.07, 0), 0.05, (0.93, 0.70, 0.12), part="head"),
        *_eyes(0.60, 0.18, 0.12, 0.03),
        _fin((-0.42, 0.02, 0), (-0.85, 0.03, 0), 0.12, white, thin=(0, 1, 0)),
        *wings,
    ]


def one_fish(colour: str, rng: np.random.Generator) -> list[Solid]:
    """An oval fish with a forked tail; stripes on some."""
    tone = tint(rng, (0.72, 0.76, 0.80) if colour == "silver" else colour)
    deep = rng.uniform(0.26, 0.48)
    skin = (
        striped(tone, tuple(np.asarray(tone) * 0.35), rng.uniform(0.25, 0.5), rng, duty=0.7)
        if rng.random() < 0.4
        else two_tone(tone, np.clip(np.asarray(tone) * 0.4 + 0.5, 0, 1), rng, soft=0.4)
    )
    return [
        ball((0.12, 0, 0), (0.75, deep, 0.17), skin, gloss=0.6),
        _fin((-0.52, 0, 0), (-1.05, 0.36, 0), 0.12, tone), _fin((-0.52, 0, 0), (-1.05, -0.36, 0), 0.12, tone),
        _fin((0.15, deep * 0.8, 0), (-0.30, deep + 0.18, 0), 0.20, tone), _fin((0.05, -deep * 0.8, 0), (-0.22, -deep - 0.14, 0), 0.14, tone),
        *_eyes(0.66, 0.08, 0.13, 0.06),
    ]  # fmt: skip


def fish_school(colour: str, rng: np.random.Generator) -> list[Solid]:
    """Nine to sixteen fish of one kind going one way."""
    model, solids = one_fish(colour, rng), []
    for _ in range(int(rng.integers(9, 17))):
        place = rng.uniform([-0.95, -0.6, -0.4], [0.95, 0.6, 0.4])
        solids += moved(
            model,
            by=place,
            turn=rotation(yaw=rng.normal(0, 0.2), roll=rng.normal(0, 0.12)),
            scale=rng.uniform(0.13, 0.2),
        )
    return solids
