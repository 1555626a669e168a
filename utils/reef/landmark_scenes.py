"""Casting of landmarks: from which side, how near, in what light, and who stands in front."""

from __future__ import annotations

import numpy as np

from utils.reef.landmarks import FEATURES, MATERIALS, NAMES, landmark
from utils.reef.masonry import FOOT
from utils.reef.scenes import Scene, Thing

VIEWS = {"whole": 0.58, "part": 0.22, "far": 0.08, "hidden": 0.12}
_SHAPES = ((208, 156), (156, 208), (208, 140), (192, 192))
_GREEN = ("all_souls", "keble", "magdalen", "new", "oxford", "trinity", "worcester")
_COMPANY = {  # kind: half length as a share of the shorter side when near, its foot in units, colours
    "person": (0.20, 1.0, ("red", "blue", "green", "white", "black", "yellow")), "car": (0.26, 0.45, ("red", "blue", "white", "black")),
    "bus": (0.50, 0.55, ("red", "blue", "green")), "bicycle": (0.17, 0.78, ("red", "blue", "black", "green")), "tree": (0.34, 1.0, ()),
}  # fmt: skip
_IN_FRONT = {
    "square": ("person", "person", "bicycle", "tree"),
    "street": ("person", "car", "bus", "bicycle", "person"),
    "park": ("tree", "person", "tree"),
}


def landmark_scene(
    seed: int, name: str | None = None, shape: tuple[int, int] | None = None, view: str | None = None, light: str | None = None
) -> Scene:  # fmt: skip
    """A photograph of a landmark.

    Args:
        seed: decides everything that is not given.
        name: one of `landmarks.NAMES`.
        shape: (width, height) in pixels.
        view: "whole", "part" (near, cut by the frame), "far" (small) or "hidden" (mostly behind others or out of view).
        light: "bright", "dim" or "dark".
    """
    rng = np.random.default_rng([seed, 0x0F5])
    name = name or str(rng.choice(list(NAMES)))
    view = view or str(rng.choice(list(VIEWS), p=list(VIEWS.values())))
    width, height = shape or _SHAPES[rng.choice(4, p=[0.45, 0.20, 0.15, 0.20])]
    light = light or str(rng.choice(["bright", "dim", "dark"], p=[0.70, 0.20, 0.10]))
    scene = Scene(seed, width, height, "land", _place(rng, name), light)
    main = _main(rng, scene, name, view)
    count = int(rng.poisson({"whole": 1.3, "part": 0.8, "far": 1.6, "hidden": 0.6}[view]))
    scene.things = [main] + [
        _company(rng, scene, str(rng.choice(_IN_FRONT[scene.place]))) for _ in range(min(count, 4))
    ]
    if view == "hidden" and abs(main.x - 0.5) <= 0.5:
        scene.things += _screen(rng, scene, main)
    return scene


def _place(rng, name: str) -> str:
    if name in _GREEN:
        return "park" if rng.random() < 0.65 else "square"
    return "street" if rng.random() < (0.5 if name in ("cornmarket", "hertford") else 0.12) else "square"


def top_of(name: str) -> float:
    """The height of a landmark's highest point in object units; its foot is at `FOOT`."""
    return max(
        s.centre[1] + float(np.abs(s.axes[1]).sum() if s.shape == "box" else np.linalg.norm(s.axes[1]))
        for s in landmark(name)
    )


def _main(rng, scene: Scene, name: str, view: str) -> Thing:
    short, foot = min(scene.width, scene.height), rng.uniform(0.78, 0.90)
    room = min((foot - 0.04) * scene.height / (top_of(name) - FOOT), 0.46 * scene.width) / short
    scale, x = {
        "whole": (rng.uniform(0.72, 1.0), rng.uniform(0.42, 0.58)), "part": (rng.uniform(1.25, 1.9), rng.uniform(0.15, 0.85)),
        "far": (rng.uniform(0.16, 0.30), rng.uniform(0.2, 0.8)), "hidden": (rng.uniform(0.6, 1.0), rng.uniform(0.25, 0.75)),
    }[view]  # fmt: skip
    size = room * scale
    if view == "whole" and scale < 0.9:
        x = rng.uniform(0.35, 0.65)
    if view == "far":
        foot = rng.uniform(0.66, 0.72)
    if view == "part":
        foot = rng.uniform(0.80, 0.80 + 0.30 * scale)
    if view == "hidden" and rng.random() < 0.4:
        x = float(rng.choice([-1, 1])) * (0.5 + 0.75 * size * short / scene.width) + 0.5
    yaw = rng.normal(0, 0.42) if rng.random() < 0.88 else rng.uniform(-1.2, 1.2)
    y = foot + FOOT * size * short / scene.height
    return Thing("landmark", float(x), float(y), float(size), scene.seed % 2**31, {"name": name, "material": MATERIALS[name]}, (FEATURES[name][0],),
                 float(yaw), float(rng.uniform(0.02, 0.24)), float(rng.normal(0, 0.012)), 0.9)  # fmt: skip


def _company(rng, scene: Scene, kind: str, near: float | None = None, x: float | None = None) -> Thing:
    """Somebody or something on the ground in front, larger the nearer."""
    largest, feet, colours = _COMPANY[kind]
    near = rng.uniform(0.2, 0.9) if near is None else near
    size = largest * (0.35 + 0.65 * near) * rng.uniform(0.85, 1.15)
    y = 0.74 + 0.24 * near - feet * size * min(scene.width, scene.height) / scene.height
    side = rng.uniform(0, 0.34) if rng.random() < 0.5 else rng.uniform(0.66, 1)
    yaw = rng.normal(0, 0.3) + (np.pi if rng.random() < 0.5 else 0.0)
    attributes = {"colour": str(rng.choice(colours))} if colours else {}
    return Thing(kind, float(side if x is None else x), float(y), float(size), int(rng.integers(2**31)), attributes, (), float(yaw),
                 float(rng.uniform(0.03, 0.2)), 0.0, 0.7 - 0.6 * near)  # fmt: skip


def _screen(rng, scene: Scene, main: Thing) -> list[Thing]:
    """What hides a landmark: large trees or a bus right before it."""
    kinds = ("bus",) if scene.place == "street" and rng.random() < 0.5 else ("tree", "tree", "tree")
    reach = main.size * min(scene.width, scene.height) / scene.width
    things = [_company(rng, scene, k, 1.0, main.x + reach * s) for k, s in zip(kinds, (0.0, -0.6, 0.65), strict=False)]
    for thing in things:
        thing.size, thing.y = (
            float(max(thing.size, 0.85 * main.size) * rng.uniform(1.0, 1.35)),
            main.y + float(rng.uniform(-0.03, 0.05)),
        )
    return things
