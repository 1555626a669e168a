"""Scenes: what stands where in one photograph, and the photograph itself with its exact truth.

`Scene` is the plan (drawn from a seed by `utils.reef.casting`), `photograph` turns it into pixels and truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np

from utils.reef import landing, overland, solids, underwater
from utils.reef.fishes import fish
from utils.reef.kinds import KINDS
from utils.reef.turtle import turtle

SUPERSAMPLE = 3
SEEN = 0.35  # the visible share from which captions speak of a thing
SEEN_PIXELS = 60  # and the area in pixels
STUDIOS: dict[str, Callable] = {}  # settings that are no photograph of sea or land: (scene, masks) -> as `photograph`
_STATE_PIXELS = {"net": 40, "hook": 14, "rope": 30, "plastic": 24, "barnacles": 14, "stump": 8}


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
    """The plan of one photograph. `turbidity` in [0, 1], `depth` in metres, `grey` for black-and-white film."""

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
    water = underwater.water_colour(rng, scene.depth, scene.turbidity)
    picture = _backdrop(rng, scene, water)
    sun = _sun(rng, scene)
    cover = np.zeros(picture.shape[:2], np.int16) - 1
    drawn: list[tuple[Thing, np.ndarray, float, solids.Layer]] = []
    for thing in sorted(scene.things, key=lambda t: -t.distance):
        layer = _reduced(thing, scene, sun)
        window, patch = _window(layer, picture.shape)
        if patch is None:
            continue
        _cast_shadow(rng, picture, thing, scene, layer)
        rgb = (
            _through_water(layer.rgb[patch], thing, scene, water)
            if scene.setting == "sea"
            else _in_air(layer.rgb[patch], scene)
        )
        alpha = layer.alpha[patch][..., None]
        picture[window] = picture[window] * (1 - alpha) + rgb * alpha
        solid = layer.alpha[patch] > 0.5
        cover[window][solid] = len(drawn)
        drawn.append((thing, (window, patch), float((layer.alpha > 0.5).sum()), layer))
    image = _film(rng, picture, scene)
    truths = [_truth(i, d, cover, masks) for i, d in enumerate(drawn)]
    return image, [t for t in truths if t is not None]


def _backdrop(rng, scene: Scene, water) -> np.ndarray:
    if scene.setting == "landing":
        return landing.surface(rng, scene.height, scene.width, scene.place, scene.light)
    if scene.setting == "land":
        return overland.view(rng, scene.height, scene.width, scene.place, scene.light)
    return underwater.sea(
        rng, scene.height, scene.width, scene.place, scene.camera, water, scene.depth, scene.turbidity
    )


def _sun(rng, scene: Scene) -> np.ndarray:
    side = rng.uniform(-0.5, 0.5) if scene.setting == "sea" else rng.uniform(-0.9, 0.9)
    sun = np.array([side, 0.9, rng.uniform(0.15, 0.7)])
    if scene.camera == "down":
        sun = np.array([side, 0.35, 0.9])
    return sun / np.linalg.norm(sun)


def _reduced(thing: Thing, scene: Scene, sun: np.ndarray) -> solids.Layer:
    """Render a thing at three times the size and reduce it; the layer's origin is in picture pixels."""
    k = KINDS[thing.kind].samples if thing.kind in KINDS else SUPERSAMPLE
    scale = k * thing.size * min(scene.width, scene.height)
    at = (k * thing.x * scene.width, k * thing.y * scene.height)
    view = solids.rotation(thing.yaw, thing.pitch, thing.roll)
    layer = solids.render(build(thing), view, scale, at, sun)
    (x0, y0), (h, w) = layer.origin, layer.alpha.shape
    left, top = x0 % k, y0 % k
    pad = ((top, -(h + top) % k), (left, -(w + left) % k))
    size = ((w + left + pad[1][1]) // k, (h + top + pad[0][1]) // k)
    alpha = cv2.resize(np.pad(layer.alpha, pad), size, interpolation=cv2.INTER_AREA)
    rgb = cv2.resize(np.pad(layer.rgb * layer.alpha[..., None], (*pad, (0, 0))), size, interpolation=cv2.INTER_AREA)
    rgb = rgb / np.maximum(alpha, 1e-3)[..., None]
    parts = np.pad(layer.parts, pad, constant_values=-1)[k // 2 :: k, k // 2 :: k]
    return solids.Layer(((x0 - left) // k, (y0 - top) // k), rgb, alpha, parts, layer.part_names)


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
    mask = np.zeros(picture.shape[:2], np.float32)
    cv2.ellipse(mask, (int(centre[0]), int(centre[1])), (int(reach[0]), int(reach[1])), 0, 0, 360, 1.0, -1)
    strength = (0.45 if scene.light == "bright" else 0.28) * (1 - 0.7 * scene.turbidity)
    picture *= 1 - strength * cv2.GaussianBlur(mask, (0, 0), max(1.2, 0.04 * w))[..., None]


def _contact_shadow(picture: np.ndarray, scene: Scene, layer: solids.Layer) -> None:
    near = max(1.5, 0.010 * min(picture.shape[:2]))
    pad = int(4 * near)
    below = solids.Layer((layer.origin[0] - pad + int(near), layer.origin[1] - pad + int(2 * near)), layer.rgb,
                         cv2.GaussianBlur(np.pad(layer.alpha, pad), (0, 0), 1.3 * near), layer.parts)  # fmt: skip
    window, patch = _window(below, picture.shape)
    if patch is not None:
        picture[window] *= 1 - (0.62 if scene.light == "bright" else 0.42) * below.alpha[patch][..., None]


def _through_water(rgb: np.ndarray, thing: Thing, scene: Scene, water: np.ndarray) -> np.ndarray:
    """Red goes first: attenuation by channel with depth and distance, and the water's own light scattered in."""
    way = 0.30 + 1.3 * thing.distance
    loss = np.array([0.42, 0.16, 0.13]) * way + np.array([0.018, 0.006, 0.005]) * min(scene.depth, 25)
    loss = loss * (0.5 + 0.8 * scene.turbidity)
    haze = 1 - np.exp(-way * (0.12 + 1.15 * scene.turbidity**1.4))
    ambient = 0.78 + 0.22 * np.clip(water * 1.6, 0, 1)
    lit = rgb * np.exp(-loss).astype(np.float32) * ambient.astype(np.float32) * 1.2
    return (1 - haze) * lit + haze * np.clip(water * 1.15, 0, 1).astype(np.float32)


def _in_air(rgb: np.ndarray, scene: Scene) -> np.ndarray:
    return rgb * {"bright": 1.08, "dim": 0.85, "dark": 0.42}[scene.light]


def _film(rng, picture: np.ndarray, scene: Scene) -> np.ndarray:
    """What lies between the scene and the file: caustics, beams, snow, lamp, lens, sensor."""
    height, width = picture.shape[:2]
    if scene.setting == "sea":
        picture = _water_light(rng, picture, scene)
    if rng.random() < 0.5:
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        picture = picture * (1 - rng.uniform(0, 0.35) * (x**2 + y**2) / 2)[..., None]
    picture = picture * rng.normal(1, 0.03, 3) * rng.uniform(0.88, 1.12)
    picture = np.clip(picture, 0, 1).astype(np.float32) ** np.float32(rng.uniform(0.85, 1.2))
    blur = rng.choice([0, 0, 0.5, 0.9], p=[0.4, 0.2, 0.3, 0.1]) * (height / 180)
    picture = cv2.GaussianBlur(picture, (0, 0), blur) if blur else picture
    picture = picture + rng.uniform(0.004, 0.022) * rng.standard_normal(picture.shape, np.float32)
    if scene.grey:
        picture = np.repeat((picture @ np.array([0.299, 0.587, 0.114]))[..., None], 3, axis=2)
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def _water_light(rng, picture: np.ndarray, scene: Scene) -> np.ndarray:
    height, width = picture.shape[:2]
    if scene.light == "bright" and scene.depth < 9 and scene.place != "open water":
        web = underwater.caustics(rng, height, width)[..., None]
        share = (
            rng.uniform(0.3, 1.0)
            * (1 - scene.turbidity)
            * (np.linspace(0.3, 1, height)[:, None, None] if scene.camera == "level" else 1)
        )
        picture = picture * (1 - share + share * web)
    if scene.light == "bright" and scene.camera != "down" and rng.random() < 0.45:
        picture = picture + rng.uniform(0.08, 0.25) * underwater.shafts(rng, height, width)[..., None] * np.array(
            [0.8, 1.0, 1.0]
        )
    picture = _marine_snow(rng, picture, scene)
    if scene.light == "dim":
        return picture * 0.62
    if scene.light == "dark":
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        lamp = np.exp(-(((x - rng.normal(0, 0.15)) ** 2 + (y - rng.normal(0, 0.15)) ** 2) / rng.uniform(0.35, 0.6)))
        return picture * (0.10 + 1.15 * lamp)[..., None] * np.array([1.05, 0.95, 0.85])
    return picture


def _marine_snow(rng, picture: np.ndarray, scene: Scene) -> np.ndarray:
    height, width = picture.shape[:2]
    flakes = np.zeros((height, width), np.float32)
    count = int(rng.poisson(3 + 90 * scene.turbidity**1.5))
    if count:
        flakes[rng.integers(0, height, count), rng.integers(0, width, count)] = rng.uniform(0.5, 3.0, count)
        flakes = cv2.GaussianBlur(flakes, (0, 0), rng.uniform(0.6, 1.2))
    return picture + np.clip(flakes, 0, 0.5)[..., None] * 0.8


def _truth(index: int, drawn, cover: np.ndarray, masks: bool) -> dict | None:
    thing, (window, patch), whole, layer = drawn
    mine = cover == index
    area = int(mine.sum())
    if area == 0 or whole == 0:
        return None
    visible = area / whole
    parts = _parts(layer, window, patch, mine)
    counts = {name: n for name, (n, _) in parts.items()}
    attributes = {k: v for k, v in thing.attributes.items() if k not in ("above_bed", "individual", "bend", "landed")}
    truth = {
        "kind": thing.kind, "attributes": attributes, "states": _visible_states(thing, counts),
        "box_xyxy": _box(mine), "area": float(area), "visible": round(float(visible), 4),
        "seen": bool(visible >= SEEN and area >= SEEN_PIXELS), "segmentation": _outline(mine) if masks else [],
        "parts": {name: box for name, (n, box) in parts.items() if n >= 6}, "identity": thing.identity, "encounter": thing.encounter,
    }  # fmt: skip
    if masks:
        truth["masks"] = {
            "whole": mine,
            **{name: _part_mask(layer, window, patch, mine, name) for name in truth["parts"]},
        }
    return truth


def _parts(layer: solids.Layer, window, patch, mine: np.ndarray) -> dict[str, tuple[int, list[float]]]:
    out = {}
    ids = np.where(mine[window], layer.parts[patch], -1)
    for i, name in enumerate(layer.part_names):
        found = ids == i
        if found.any():
            x0, y0, x1, y1 = _box(found)
            dx, dy = window[1].start, window[0].start
            out[name] = (int(found.sum()), [x0 + dx, y0 + dy, x1 + dx, y1 + dy])
    return out


def _part_mask(layer: solids.Layer, window, patch, mine: np.ndarray, name: str) -> np.ndarray:
    mask = np.zeros_like(mine)
    mask[window] = mine[window] & (layer.parts[patch] == layer.part_names.index(name))
    return mask


def _visible_states(thing: Thing, counts: dict[str, int]) -> list[str]:
    """The states one can make out: each needs some pixels of its own, algae the shell, a missing flipper its stump."""
    seen = []
    for state in thing.states:
        part = "stump" if state == "missing flipper" else "shell" if state == "algae" else state
        if counts.get(part, 0) >= _STATE_PIXELS.get(part, 80):
            seen.append(state)
    return seen


def _box(mask: np.ndarray) -> list[float]:
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return [float(cols[0]), float(rows[0]), float(cols[-1] + 1), float(rows[-1] + 1)]


def _outline(mask: np.ndarray) -> list[list[float]]:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_TC89_L1)
    return [[float(v) for v in c.reshape(-1)] for c in contours if len(c) >= 3]
