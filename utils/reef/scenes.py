"""Scenes: what stands where in one photograph, and the photograph itself with its exact truth.

`Scene` is the plan (drawn from a seed by `utils.reef.casting`), `photograph` turns it into pixels and truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from utils.reef import film, landing, overland, solids, underwater, visibility
from utils.reef.fishes import fish
from utils.reef.kinds import KINDS
from utils.reef.turtle import turtle

SUPERSAMPLE = 3
_AROUND = 1.5  # the ground of a spot in widths and heights of a photograph
STUDIOS: dict[str, Callable] = {}  # settings that are no photograph of sea or land: (scene, masks) -> as `photograph`


@dataclass
class Thing:
    """One thing of the plan.

    `x, y` is its middle as a share of width and height, `size` its half length as a share of the shorter side,
    `distance` in [0, 1] from near to far; angles are radians as in `solids.rotation`.
    """

    kind: str
    x: float
    y: float
    size: float
    seed: int
    attributes: dict = field(default_factory=dict)
    states: tuple[str, ...] = ()
    yaw: float = 0.0
    pitch: float = 0.1
    roll: float = 0.0
    distance: float = 0.3
    identity: str | None = None
    encounter: str | None = None


@dataclass
class Scene:
    """The plan of one photograph. `turbidity` in [0, 1], `depth` in metres, `grey` for black-and-white film.

    `spot` is the seed of the place: scenes of one spot share its water and show parts of one ground. By default every scene
    is a place of its own.
    """

    seed: int
    width: int
    height: int
    setting: str
    place: str
    light: str
    camera: str = "level"
    turbidity: float = 0.0
    depth: float = 0.0
    grey: bool = False
    things: list[Thing] = field(default_factory=list)
    facts: dict = field(default_factory=dict)
    spot: int | None = None


def photograph(scene: Scene, masks: bool = True) -> tuple[np.ndarray, list[dict]]:
    """Render a scene.

    Args:
        scene: the plan.
        masks: whether outlines are traced (they cost time and training has no use for them).

    Returns:
        image (height, width, 3) uint8 RGB, and one dict a thing that is in the picture: kind, attributes, states,
        box_xyxy (float pixels of its visible part), area, visible (share of it in view and not hidden), seen (bool:
        captions may speak of it), segmentation (polygons), parts {name: box_xyxy}, identity, encounter; with `masks`
        also masks {"whole" or part: (height, width) bool}.
    """
    if scene.setting in STUDIOS:
        return STUDIOS[scene.setting](scene, masks)
    rng = np.random.default_rng([scene.seed, 0xF07])
    place = rng if scene.spot is None else np.random.default_rng([scene.spot, 0xF07])
    water = underwater.water_colour(place, scene.depth, scene.turbidity)
    backdrop = _backdrop(rng, scene, water) if scene.spot is None else _part_of(place, rng, scene, water)
    picture = backdrop.astype(np.float32, copy=False)
    sun = _sun(rng, scene)
    cover = np.zeros(picture.shape[:2], np.int16) - 1
    drawn: list[visibility.Drawn] = []
    for thing in sorted(scene.things, key=lambda t: -t.distance):
        layer = _reduced(thing, scene, sun)
        window, patch = _window(layer, picture.shape)
        if patch is None:
            continue
        _cast_shadow(rng, picture, thing, scene, layer)
        rgb = (
            film.through_water(layer.rgb[patch], thing, scene, water)
            if scene.setting == "sea"
            else film.in_air(layer.rgb[patch], scene)
        )
        picture[window] += film.evenly(layer.alpha[patch]) * (rgb - picture[window])
        solid = layer.alpha[patch] > 0.5
        cover[window][solid] = len(drawn)
        drawn.append(visibility.Drawn(thing, layer, window, patch, float((layer.alpha > 0.5).sum())))
    image = film.exposed(rng, picture, scene)
    truths = [visibility.truth(d, cover == i, masks) for i, d in enumerate(drawn)]
    return image, [t for t in truths if t is not None]


def _backdrop(rng, scene: Scene, water) -> np.ndarray:
    if scene.setting == "landing":
        return landing.surface(rng, scene.height, scene.width, scene.place, scene.light)
    if scene.setting == "land":
        return overland.view(rng, scene.height, scene.width, scene.place, scene.light)
    return underwater.sea(
        rng, scene.height, scene.width, scene.place, scene.camera, water, scene.depth, scene.turbidity
    )


def _part_of(place, rng, scene: Scene, water) -> np.ndarray:
    """The part of the spot's ground that this photograph shows."""
    wide = replace(scene, width=round(_AROUND * scene.width), height=round(_AROUND * scene.height))
    x, y = int(rng.integers(wide.width - scene.width + 1)), int(rng.integers(wide.height - scene.height + 1))
    return _backdrop(place, wide, water)[y : y + scene.height, x : x + scene.width].copy()


def _sun(rng, scene: Scene) -> np.ndarray:
    side = rng.uniform(-0.5, 0.5) if scene.setting == "sea" else rng.uniform(-0.9, 0.9)
    sun = np.array([side, 0.9, rng.uniform(0.15, 0.7)])
    if scene.camera == "down":
        sun = np.array([side, 0.35, 0.9])
    return sun / np.linalg.norm(sun)


def _reduced(thing: Thing, scene: Scene, sun: np.ndarray) -> solids.Layer:
    """Render a thing at two or three times the size and reduce it; the layer's origin is in picture pixels."""
    k = KINDS[thing.kind].samples if thing.kind in KINDS else SUPERSAMPLE
    scale = k * thing.size * min(scene.width, scene.height)
    at = (k * thing.x * scene.width, k * thing.y * scene.height)
    view = solids.rotation(thing.yaw, thing.pitch, thing.roll)
    body = build(thing)
    layer = solids.render(body, view, scale, at, sun, block=k)
    (x0, y0), (h, w) = layer.origin, layer.alpha.shape
    size = (w // k, h // k)
    if any(s.opacity < 1 for s in body):
        layer.rgb *= layer.alpha[..., None]
    alpha = cv2.resize(layer.alpha, size, interpolation=cv2.INTER_AREA)
    rgb = cv2.resize(layer.rgb, size, interpolation=cv2.INTER_AREA)
    rgb /= film.evenly(np.maximum(alpha, 1e-3))
    return solids.Layer((x0 // k, y0 // k), rgb, alpha, layer.parts[k // 2 :: k, k // 2 :: k], layer.part_names)


def build(thing: Thing) -> list[solids.Solid]:
    """The solids of a thing, from its kind, attributes, states and own seed."""
    rng = np.random.default_rng([thing.seed, 0xB0D])
    if thing.kind == "turtle":
        return turtle(thing.attributes, thing.states, rng)
    if thing.kind == "specimen":
        return fish(thing.attributes, rng)
    kind = KINDS[thing.kind]
    return kind.build(thing.attributes if kind.whole else thing.attributes.get("colour", ""), rng)


def _window(layer: solids.Layer, shape) -> tuple[tuple, tuple | None]:
    (x, y), (h, w) = layer.origin, layer.alpha.shape
    x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + w, shape[1]), min(y + h, shape[0])
    if x1 <= x0 or y1 <= y0:
        return (), None
    return (slice(y0, y1), slice(x0, x1)), (slice(y0 - y, y1 - y), slice(x0 - x, x1 - x))


def _cast_shadow(rng, picture, thing: Thing, scene: Scene, layer: solids.Layer) -> None:
    """A soft dark patch on the floor below what stands or hovers over it; what lies darkens its own outline."""
    if scene.setting == "landing":
        _contact_shadow(picture, scene, layer)
        return
    if scene.setting == "land" and KINDS[thing.kind].habit in ("surface", "air"):
        return
    if scene.place == "open water" or scene.camera == "up":
        return
    (x, y), (h, w) = layer.origin, layer.alpha.shape
    drop = 0.5 if scene.setting == "land" else thing.attributes.get("above_bed", 0.15)
    if scene.camera == "down":
        centre, reach = (x + w * 0.58, y + h * (0.6 + drop)), (0.42 * w, 0.40 * h)
    else:
        centre, reach = (
            (x + w / 2, y + h * (0.98 if scene.setting == "land" else 1.0 + 0.6 * drop)),
            (0.46 * w, max(0.07 * h, 2)),
        )
    strength = (0.45 if scene.light == "bright" else 0.28) * (1 - 0.7 * scene.turbidity)
    _soft_ellipse(picture, [int(c) for c in centre], [int(r) for r in reach], strength, max(1.2, 0.04 * w))


def _soft_ellipse(picture: np.ndarray, centre, reach, strength: float, soft: float) -> None:
    """Darken an ellipse by `strength`, its rim blurred over `soft` pixels."""
    (height, width), pad = picture.shape[:2], int(4 * soft) + 3
    x0, y0 = (max(c - r - pad, 0) for c, r in zip(centre, reach, strict=True))
    x1, y1 = (min(c + r + pad, n) for c, r, n in zip(centre, reach, (width, height), strict=True))
    if x1 > x0 and y1 > y0:
        mask = np.zeros((y1 - y0, x1 - x0), np.float32)
        cv2.ellipse(mask, (centre[0] - x0, centre[1] - y0), reach, 0, 0, 360, strength, -1)
        picture[y0:y1, x0:x1] *= film.evenly(1 - cv2.GaussianBlur(mask, (0, 0), soft))


def _contact_shadow(picture: np.ndarray, scene: Scene, layer: solids.Layer) -> None:
    near = max(1.5, 0.010 * min(picture.shape[:2]))
    pad = int(4 * near)
    below = solids.Layer((layer.origin[0] - pad + int(near), layer.origin[1] - pad + int(2 * near)), layer.rgb,
                         cv2.GaussianBlur(np.pad(layer.alpha, pad), (0, 0), 1.3 * near), layer.parts)  # fmt: skip
    window, patch = _window(below, picture.shape)
    if patch is not None:
        picture[window] *= film.evenly(1 - (0.62 if scene.light == "bright" else 0.42) * below.alpha[patch])
