"""The mixture: scenes of every sort that the world has, as general pretraining and its judges see them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from utils.reef import casting, emotions, fish_scenes, gatherings, landmark_scenes, paintings
from utils.reef.kinds import ANIMALS, DEBRIS
from utils.reef.scenes import Scene

SHARES = {
    "turtle": 0.20, "wildlife": 0.20, "water": 0.02, "place": 0.10, "thing": 0.14, "gathering": 0.14, "fish": 0.07,
    "landmark": 0.05, "painting": 0.04, "emotion": 0.04,
}  # fmt: skip
HOMES = casting.homes()


def any_scene(seed: int, shape: tuple[int, int] | None = None, company: float = 0.55) -> Scene:
    """A scene of a sort drawn by SHARES; `company` is the share of turtles that are not alone."""
    rng = np.random.default_rng([seed, 0xA2])
    sort = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    return scene_of(sort, seed, shape, company)


def scene_of(sort: str, seed: int, shape: tuple[int, int] | None = None, company: float = 0.55) -> Scene:
    """A scene of one sort.

    Args:
        sort: a key of SHARES. "place" is what COCO shows, "thing" a land scene with a given subject, frogs included.
        seed: decides everything that is not given.
        shape: (width, height) in pixels.
        company: see `any_scene`.
    """
    rng = np.random.default_rng([seed, 0xA3])
    match sort:
        case "turtle":
            return casting.sea_scene(seed, subject="turtle", shape=shape, company=company)
        case "wildlife":
            return casting.sea_scene(seed, subject=str(rng.choice(ANIMALS + DEBRIS)), shape=shape)
        case "water":
            return casting.sea_scene(seed, shape=shape, empty=True)
        case "place":
            return casting.land_scene(seed, shape=shape)
        case "thing":
            kind = str(rng.choice(list(HOMES)))
            return casting.land_scene(seed, str(rng.choice(HOMES[kind])), shape, kind)
        case "gathering":
            return gatherings.referring_scene(seed, shape)
        case "fish":
            return fish_scenes.fish_scene(seed, shape=shape)
        case "landmark":
            return landmark_scenes.landmark_scene(seed, shape=shape)
        case "painting":
            plan = paintings.composition(seed, shape=shape)
            return paintings.version(
                plan, seed, str(rng.choice(list(paintings.WORKS))), str(rng.choice(list(paintings.STYLES)))
            )
        case "emotion":
            plan = emotions.scene(seed, str(rng.choice(list(emotions.MOODS))))
            return replace(plan, width=shape[0], height=shape[1]) if shape else plan
    raise ValueError(f"no scenes of sort {sort!r}; known: {', '.join(SHARES)}")
