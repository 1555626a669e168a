"""Casting of single fish: landed ones from above on trays, boards, leaves and decks, and swimming ones under water.

`fish_scene` is for the mixture of all scenes, `fish_portrait` for fish31.
"""

from __future__ import annotations

import numpy as np

from utils.reef import casting
from utils.reef.landing import SURFACES
from utils.reef.scenes import Scene, Thing
from utils.reef.species import SPECIES, STAGES, Species

LANDED = 0.58  # the share of photographs that show a catch
FRAMED = (0.82, 1.0)  # share of the longer side that the fish of a portrait takes
_SHAPES = ((208, 156), (208, 140), (192, 192), (156, 208))
_SHARES = np.array([4, 3, 1, 1.5, 2, 3, 2.5, 3, 1.5, 2.5, 1.5])


def fish_scene(seed: int, species: str | None = None, shape: tuple[int, int] | None = None) -> Scene:
    """A photograph of one species: mostly one fish, now and then two or three.

    Args:
        seed: decides everything that is not given.
        species: a name of SPECIES.
        shape: (width, height) in pixels.
    """
    rng = np.random.default_rng([seed, 0xF15])
    known = SPECIES[species or str(rng.choice(list(SPECIES)))]
    width, height = shape or _SHAPES[rng.choice(4, p=[0.48, 0.24, 0.14, 0.14])]
    scene = _landing(rng, seed, width, height) if rng.random() < LANDED else _water(rng, seed, width, height)
    landed = scene.setting == "landing"
    fish = _catch(rng, scene, known) if landed else _swimmer(rng, scene, known)
    number = int(rng.choice([1, 2, 3], p=[0.82, 0.12, 0.06]))
    scene.things = _beside(rng, scene, known, fish, number)
    return scene


def fish_portrait(seed: int, species: str) -> Scene:
    """A photograph as the published set has them: the fish lies or swims level and fills the frame, mostly alone.

    Args:
        seed: decides everything else.
        species: a name of SPECIES.
    """
    rng = np.random.default_rng([seed, 0xF0C])
    width, height = _SHAPES[rng.choice(4, p=[0.50, 0.42, 0.06, 0.02])]
    landed = rng.random() < LANDED
    scene = _landing(rng, seed, width, height) if landed else _near(_water(rng, seed, width, height), rng)
    fish = (_catch if landed else _swimmer)(rng, scene, SPECIES[species])
    level = rng.normal(0, 0.07) if rng.random() < 0.93 else rng.normal(0, 0.5)
    upright = np.pi / 2 if landed and height > width else 0.0
    fish.yaw = (np.pi if np.cos(fish.yaw) < 0 else 0.0) + float(rng.normal(0, 0.16))
    fish.pitch, fish.roll = float(rng.normal(0.05, 0.08)), float(upright + level)
    fish.size = float(rng.uniform(*FRAMED)) * max(width, height) / min(width, height) / 2
    fish.x, fish.y = (float(rng.normal(0.5, 0.012)) for _ in range(2))
    scene.things = _beside(rng, scene, SPECIES[species], fish, int(rng.choice([1, 2, 3], p=[0.93, 0.05, 0.02])))
    return scene


def _near(scene: Scene, rng) -> Scene:
    """Clear and light enough for a portrait."""
    scene.camera, scene.light = "level", "bright" if rng.random() < 0.7 else "dim"
    scene.turbidity, scene.depth = min(scene.turbidity, float(rng.uniform(0.1, 0.3))), min(scene.depth, 8.0)
    return scene


def _landing(rng, seed: int, width: int, height: int) -> Scene:
    place = str(rng.choice(list(SURFACES), p=_SHARES / _SHARES.sum()))
    light = str(rng.choice(["bright", "dim"], p=[0.72, 0.28]))
    scene = Scene(seed, width, height, "landing", place, light, "down", grey=bool(rng.random() < 0.02))
    scene.facts = {"support": SURFACES[place]}
    return scene


def _water(rng, seed: int, width: int, height: int) -> Scene:
    """Water without its inhabitants, mostly seen level and never too murky to make out a fish."""
    scene = casting.sea_scene(seed, shape=(width, height), empty=True)
    if rng.random() < 0.75:
        scene.camera = "level"
    if scene.light == "dark" and rng.random() < 0.6:
        scene.light = "dim"
    scene.depth = min(scene.depth, float(rng.uniform(4, 16)))
    scene.turbidity = min(scene.turbidity, float(rng.uniform(0.25, 0.60 if scene.light == "bright" else 0.45)))
    scene.grey = bool(rng.random() < 0.02)
    scene.facts = {**scene.facts, "support": None}
    return scene


def _cast(rng, known: Species, landed: bool) -> dict:
    """What is true of every fish of one photograph."""
    shares = np.array([0.62 if i == 0 else 0.38 / max(len(known.morphs) - 1, 1) for i in range(len(known.morphs))])
    return {
        "species": known.name,
        "stage": str(rng.choice(list(STAGES), p=[0.32, 0.68])),
        "colour": str(rng.choice(list(known.morphs), p=shares / shares.sum())),
        "landed": landed,
    }


def _catch(rng, scene: Scene, known: Species) -> Thing:
    attributes = _cast(rng, known, True)
    reach = scene.width / min(scene.width, scene.height)
    turn = rng.normal(0, 0.20) if rng.random() < 0.72 else rng.uniform(-np.pi, np.pi)
    if scene.height > scene.width and rng.random() < 0.7:
        turn, reach = turn + np.pi / 2, scene.height / scene.width
    room = 0.43 * min(
        reach, 1.0 / max(abs(np.sin(turn)), 0.6) if abs(np.sin(turn)) > 0.5 and scene.width >= scene.height else reach
    )
    size = room * rng.uniform(0.68, 1.05) * (0.86 if attributes["stage"] == "juvenile" else 1.0)
    attributes["bend"] = float(np.clip(rng.normal(0, 0.45), -1, 1)) if known.bend > 0.15 or rng.random() < 0.3 else 0.0
    y = 0.42 if scene.facts["support"] == "scale" else 0.5
    yaw = rng.normal(0, 0.12) + (np.pi if rng.random() < 0.5 else 0.0)
    return Thing(
        "specimen", float(rng.normal(0.5, 0.025)), float(rng.normal(y, 0.03)), float(size), int(rng.integers(2**31)),
        attributes, (), float(yaw), float(rng.normal(0.0, 0.12)), float(turn), 0.2,
    )  # fmt: skip


def _swimmer(rng, scene: Scene, known: Species) -> Thing:
    attributes = {
        **_cast(rng, known, False),
        "bend": float(rng.choice([0, rng.uniform(-1, 1)], p=[0.35, 0.65])),
        "above_bed": float(rng.uniform(0.15, 0.6)),
    }
    reach = min(scene.width / min(scene.width, scene.height), 1.25)
    size = 0.42 * reach * rng.uniform(0.65, 1.1) * (0.80 if attributes["stage"] == "juvenile" else 1.0)
    pitch = {"level": rng.normal(0.10, 0.14), "down": rng.uniform(0.5, 1.0), "up": rng.uniform(-0.6, -0.2)}[
        scene.camera
    ]
    yaw = rng.normal(0, 0.38) + (np.pi if rng.random() < 0.5 else 0.0)
    return Thing(
        "specimen", float(rng.uniform(0.40, 0.60)), float(rng.uniform(0.36, 0.62)), float(size), int(rng.integers(2**31)),
        attributes, (), float(yaw), float(pitch), float(rng.normal(0, 0.16)), float(np.clip(0.55 - size + rng.normal(0, 0.08), 0.02, 0.6)),
    )  # fmt: skip


def _beside(rng, scene: Scene, known: Species, first: Thing, number: int) -> list[Thing]:
    """More of the same catch or shoal, side by side across the body; all smaller, so that they fit."""
    if number == 1:
        return [first]
    shrink = {2: 0.82, 3: 0.68}[number] * (0.80 if known.depth > 0.3 else 1.0)
    gap = first.size * shrink * (known.depth * 1.75 + 0.16) * min(scene.width, scene.height)
    across = (
        np.array([-np.sin(first.roll), -np.cos(first.roll)]) if scene.setting == "landing" else np.array([0.5, 1.0])
    )
    things = []
    for i in range(number):
        off = (i - (number - 1) / 2) * gap * across + rng.normal(0, 0.05 * gap, 2)
        things.append(Thing(
            "specimen", first.x + off[0] / scene.width, first.y + off[1] / scene.height, first.size * shrink * float(rng.uniform(0.9, 1.08)), int(rng.integers(2**31)),
            dict(first.attributes), (), first.yaw + float(rng.normal(0, 0.08)), first.pitch, first.roll + float(rng.normal(0, 0.08)), first.distance + 0.01 * i,
        ))  # fmt: skip
    return things
