"""Sea turtles: one body plan, three species, three life stages, and a shell and face that belong to one individual."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from utils.reef.solids import Solid, ball, chain, limb, moved, rod, rotation
from utils.reef.textures import baked, cells, mesh, mottled, noise, overgrown, rayed, tint

SPECIES = {  # shell, seam of the shell, skin, seam of the face
    "green": ((0.42, 0.36, 0.20), (0.66, 0.60, 0.36), (0.38, 0.37, 0.28), (0.82, 0.79, 0.62)),
    "loggerhead": ((0.46, 0.26, 0.15), (0.62, 0.44, 0.26), (0.52, 0.37, 0.22), (0.86, 0.72, 0.46)),
    "hawksbill": ((0.50, 0.29, 0.10), (0.20, 0.12, 0.07), (0.26, 0.21, 0.17), (0.84, 0.74, 0.52)),
}
STAGES = {"hatchling": 0.45, "juvenile": 0.75, "adult": 1.0}
STATES = ("net", "hook", "rope", "plastic", "barnacles", "algae", "missing flipper")
RAYS = 0.3  # how strong the rays on scutes are, see `textures.rayed`
ACTIONS = ("swimming", "resting", "surfacing", "grazing")


@lru_cache(maxsize=512)
def markings(individual: int) -> dict:
    """What an individual keeps for life: scutes, scales, tones and proportions, from its own seed.

    `rays` and `flippers` come last, as only portraits show them.
    """
    rng = np.random.default_rng([individual, 0x5EA])
    spine = np.stack([np.linspace(0.78, -0.85, 5), rng.normal(0, 0.03, 5)], 1)
    side = np.stack([np.linspace(0.62, -0.72, 4), np.full(4, 0.42)], 1)
    rim = [(np.cos(a) * 0.98 - 0.02, np.sin(a) * 0.78) for a in np.linspace(-2.9, 2.9, 22)]
    scutes = np.concatenate([spine, side, side * [1, -1], rim]) + rng.normal(0, 0.045, (35, 2))
    face = rng.uniform([0.85, -0.30], [1.65, 0.30], (26, 2))
    return {
        "scutes": scutes,
        "scute_tones": np.exp(rng.normal(0, 0.18, (35, 1))) * np.exp(rng.normal(0, 0.035, (35, 3))),
        "face": face,
        "face_tones": np.exp(rng.normal(-0.15, 0.22, (26, 1))),
        "shell_shift": rng.normal(0, 0.025, 3) + rng.normal(0, 0.04),
        "skin_shift": rng.normal(0, 0.03, 3),
        "height": rng.uniform(0.36, 0.48),
        "breadth": rng.uniform(0.72, 0.86),
        "head": rng.uniform(0.92, 1.12),
        "grain": int(rng.integers(6)),
        "rays": np.stack([rng.normal(0, 0.5, (35, 6)), rng.uniform(0, 2 * np.pi, (35, 6))], 2),
        "flippers": rng.uniform([-1.5, 0.3], [1.1, 1.7], (60, 2)),
    }


def turtle(attributes: Mapping, states: tuple[str, ...], rng: np.random.Generator) -> list[Solid]:
    """Build a turtle, its shell about 2 units long, head towards +x.

    Args:
        attributes: species, stage, action, individual (int, its markings); close (bool): with what is its own only from
            near by, rays on the scutes and the scales of its flippers.
        states: any of STATES.
        rng: pose and accidents of this photograph.
    """
    individual, young = int(attributes["individual"]), attributes["stage"] == "hatchling"
    close = bool(attributes.get("close"))
    marks = markings(individual)
    _, _, skin, pale = _tones(individual, attributes["species"], young)
    carapace = _carapace(individual, attributes["species"], young, close)
    carapace = overgrown(carapace, rng) if "algae" in states else carapace
    height, breadth = marks["height"], marks["breadth"]
    head = marks["head"] * (1.35 if young else 1.0)
    belly = tint(rng, (0.85, 0.80, 0.62), 0.05)
    scaly = _face(individual, attributes["species"], young)
    solids = [
        ball((0.10, 0.04, 0), (0.90, height, breadth), carapace, gloss=0.22, part="shell"),
        ball((-0.42, 0.0, 0), (0.62, height * 0.72, breadth * 0.74), carapace, gloss=0.22, part="shell"),
        ball((0.02, -0.14, 0), (0.93, height * 0.58, breadth * 0.92), belly),
        ball((0.98, -0.02, 0), (0.32, 0.19, 0.21), mottled(skin * 0.95, rng), part="head"),
    ]
    dip = (
        -0.35
        if attributes["action"] == "grazing"
        else 0.18
        if attributes["action"] == "surfacing"
        else rng.normal(0, 0.07)
    )
    solids += _head(scaly, skin, pale, head, dip, rng)
    solids += _flippers(marks, skin, pale, attributes["action"], "missing flipper" in states, rng, close)
    solids.append(rod((-0.95, -0.05, 0), (-1.18, -0.08, rng.normal(0, 0.03)), 0.07, tuple(skin), taper=0.2))
    return solids + _troubles(states, height, breadth, dip, rng)


def _tones(individual: int, species: str, young: bool) -> list[np.ndarray]:
    """Shell, seam, skin and face-seam colours of an individual; hatchlings are dark."""
    marks = markings(individual)
    shell, seam, skin, pale = (np.asarray(c) for c in SPECIES[species])
    shell, skin = np.clip(shell + marks["shell_shift"], 0.05, 1), np.clip(skin + marks["skin_shift"], 0.05, 1)
    return [shell * 0.55, seam * 0.6, skin * 0.55, pale] if young else [shell, seam, skin, pale]


@lru_cache(maxsize=512)
def _carapace(individual: int, species: str, young: bool, close: bool = False):
    marks = markings(individual)
    shell, seam, _, _ = _tones(individual, species, young)
    field = noise(marks["grain"])
    rays = rayed(marks["scutes"], marks["rays"], RAYS) if close else None

    def fine(p):
        value = field[(p[:, 2] * 150).astype(int) % 256, (p[:, 0] * 150).astype(int) % 256]
        value = (0.62 + 0.76 * value)[:, None]
        return value if rays is None else value * rays(p)[0], None

    texture = cells(marks["scutes"], shell * marks["scute_tones"], seam, (0, 2), 0.055, fine)
    return baked(texture, (0, 2), (-1.1, -0.95), (1.1, 0.95), 448 if close else 224)


@lru_cache(maxsize=512)
def _face(individual: int, species: str, young: bool):
    marks = markings(individual)
    _, _, skin, pale = _tones(individual, species, young)
    texture = cells(marks["face"], skin * marks["face_tones"], pale, (0, 2), 0.05)
    return baked(texture, (0, 2), (0.8, -0.35), (1.75, 0.35), 96)


def _head(scaly, skin, pale, size: float, dip: float, rng) -> list[Solid]:
    eye = (0.06, 0.05, 0.05)
    parts = [
        ball((1.28, 0.05, 0), (0.31, 0.215, 0.22), scaly, gloss=0.25),
        ball((1.50, -0.03, 0), (0.15, 0.125, 0.125), tuple(np.clip(pale * 0.8, 0, 1)), gloss=0.3),
        ball((1.42, 0.09, 0.165), (0.055, 0.055, 0.045), eye, gloss=0.9),
        ball((1.42, 0.09, -0.165), (0.055, 0.055, 0.045), eye, gloss=0.9),
    ]
    parts = [Solid(**{**s.__dict__, "part": "head"}) for s in parts]
    nod = rotation(yaw=rng.normal(0, 0.12)) @ _tilt(dip)
    neck = np.array([1.02, 0.0, 0.0])
    return moved(moved(parts, by=-neck * size, scale=size), by=neck, turn=nod)


def _tilt(angle: float) -> np.ndarray:
    """Nose up by `angle`: a turn about z in object space."""
    return rotation(roll=angle)


def _flippers(marks, skin, pale, action: str, missing: bool, rng, close: bool) -> list[Solid]:
    solids: list[Solid] = []
    stroke = rng.uniform(-0.75, 0.75) if action in ("swimming", "surfacing") else rng.uniform(-0.35, -0.1)
    sweep = rng.uniform(0.1, 0.9) if action in ("swimming", "surfacing") else rng.uniform(0.4, 1.3)
    lost = rng.choice([-1, 1]) if missing else 0
    spots = marks["flippers"] if close else rng.uniform([-1.5, 0.3], [1.1, 1.7], (60, 2))
    scales = baked(
        cells(spots, np.tile(skin * 0.8, (60, 1)), tuple(pale * 0.8), (0, 2), 0.05), (0, 2), (-1.6, 0.2), (1.2, 1.8), 96
    )

    def scaly(p):
        return scales(np.abs(p) * np.array([0, 0, 1], np.float32) + p * np.array([1, 1, 0], np.float32))

    for side in (-1, 1):
        if side == lost:
            solids.append(
                ball(
                    (0.60, -0.06, side * 0.60),
                    (0.13, 0.09, 0.12),
                    tuple(np.clip(skin * 1.1 + [0.12, 0.0, 0.0], 0, 1)),
                    part="stump",
                )
            )
            continue
        beat = stroke + rng.normal(0, 0.08)
        lift, out = np.sin(beat), np.cos(beat)
        shoulder = np.array([0.62, -0.06, side * 0.48])
        elbow = shoulder + [0.34 - 0.25 * sweep, 0.42 * lift, side * 0.46 * out]
        tip = elbow + [-0.15 - 0.75 * sweep * 0.9, 0.62 * lift, side * (0.72 - 0.3 * sweep) * out]
        solids += [
            limb(shoulder, elbow, 0.22, scaly, part="flipper", flat=0.40, thin=(0, out, -side * lift)),
            limb(
                elbow - 0.15 * (tip - elbow), tip, 0.20, scaly, part="flipper", flat=0.26, thin=(0, out, -side * lift)
            ),
        ]
        hip, foot = (
            np.array([-0.72, -0.10, side * 0.36]),
            np.array([-1.25, -0.14 + rng.normal(0, 0.06), side * rng.uniform(0.4, 0.7)]),
        )
        solids.append(limb(hip, foot, 0.17, scaly, part="flipper", flat=0.35, thin=(0, 1, 0)))
    return solids


def _troubles(states, height: float, breadth: float, dip: float, rng) -> list[Solid]:
    mouth = np.array([1.62, -0.06 + 0.55 * dip, 0.0])
    solids: list[Solid] = []
    if "net" in states:
        solids += _net(height, breadth, rng)
    if "hook" in states:
        solids += _hook(mouth, rng)
    if "rope" in states:
        solids += _rope(height, breadth, rng)
    if "plastic" in states:
        solids += _plastic(mouth, rng)
    if "barnacles" in states:
        solids += _barnacles(height, breadth, rng)
    return solids


def _net(height: float, breadth: float, rng) -> list[Solid]:
    colour = tint(
        rng, [(0.10, 0.72, 0.55), (0.92, 0.92, 0.86), (0.95, 0.45, 0.10), (0.15, 0.35, 0.85)][rng.integers(4)], 0.05
    )
    threads = mesh(colour, rng.uniform(0.24, 0.32), 0.12)
    drape = rotation(roll=rng.uniform(-0.2, 0.2))
    solids = [ball((0.0, 0.07, 0), (1.02, height + 0.09, breadth + 0.09), threads, part="net", glow=0.25)]
    for side in (-1, 1):
        solids.append(ball((-0.75, -0.08, side * 0.5), (0.75, 0.05, 0.45), threads, drape, part="net", glow=0.25))
    return solids


def _hook(mouth, rng) -> list[Solid]:
    """A fishing hook below the mouth, larger than life so that it is seen, and its line."""
    steel, out = (0.88, 0.90, 0.93), rng.uniform(0.9, 1.1)
    bend = [
        mouth + out * np.array([0.30 * np.sin(a) + 0.02, 0.24 * np.cos(a) - 0.22, 0.10])
        for a in np.linspace(0.3, 4.4, 12)
    ]
    line = [bend[0] + np.array([0.25 * s, 1.1 * s + 0.3 * s * s, 0.1 * s]) for s in np.linspace(0, 1.2, 5)]
    return chain(bend, 0.045, steel, part="hook", gloss=0.9, glow=0.4) + chain(
        line, 0.022, (0.94, 0.95, 0.9), part="hook", glow=0.6
    )


def _rope(height: float, breadth: float, rng) -> list[Solid]:
    colour = tint(rng, ["orange", "blue", "yellow", "red"][rng.integers(4)], 0.05)
    lean = rng.uniform(-0.2, 0.2)
    ring = [
        np.array([0.35 + lean * np.sin(a), 0.02 + (height + 0.05) * np.sin(a), (breadth + 0.05) * np.cos(a)])
        for a in np.linspace(0, 2 * np.pi, 25)
    ]
    tail = [ring[6] + np.array([-0.45 * s, 0.15 * np.sin(3 * s), 0.35 * s]) for s in np.linspace(0, 3.0, 14)]
    return chain(ring, 0.062, colour, part="rope", glow=0.2) + chain(tail, 0.055, colour, part="rope", glow=0.2)


def _plastic(mouth, rng) -> list[Solid]:
    colour = tint(rng, (0.93, 0.95, 0.97), 0.03)
    sheet = [
        ball(mouth + [0.12 + 0.16 * i, -0.06 * i + rng.normal(0, 0.05), rng.normal(0, 0.08)], (0.20, 0.17, 0.20), colour,
             rotation(*rng.uniform(-1, 1, 3)), part="plastic", gloss=0.7, glow=0.35, opacity=0.85)
        for i in range(4)
    ]  # fmt: skip
    return sheet


def _barnacles(height: float, breadth: float, rng) -> list[Solid]:
    solids = []
    for _ in range(rng.integers(9, 17)):
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.85)
        x, z = 0.05 + 0.85 * reach * np.cos(angle), breadth * reach * np.sin(angle)
        y = 0.04 + height * np.sqrt(max(1 - reach**2, 0.02))
        size = rng.uniform(0.05, 0.09)
        solids.append(
            rod((x, y - 0.05, z), (x, y + size, z), size, (0.90, 0.88, 0.82), taper=0.45, part="barnacles", glow=0.15)
        )
    return solids
