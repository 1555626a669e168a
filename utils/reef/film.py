"""Film: what lies between a scene and its file, water and air, the lens and the sensor.

Pictures are (h, w, 3) float32, in [0, 1] where nothing shines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from utils.reef import underwater

if TYPE_CHECKING:
    from utils.reef.scenes import Scene, Thing


def through_water(rgb: np.ndarray, thing: Thing, scene: Scene, water: np.ndarray) -> np.ndarray:
    """Red goes first: attenuation by channel with depth and distance, and the water's own light scattered in."""
    way = 0.30 + 1.3 * thing.distance
    loss = np.array([0.42, 0.16, 0.13]) * way + np.array([0.018, 0.006, 0.005]) * min(scene.depth, 25)
    loss = loss * (0.5 + 0.8 * scene.turbidity)
    haze = 1 - np.exp(-way * (0.12 + 1.15 * scene.turbidity**1.4))
    ambient = 0.78 + 0.22 * np.clip(water * 1.6, 0, 1)
    width = rgb.shape[1]
    lit = rgb * _across((1 - haze) * np.exp(-loss) * ambient * 1.2, width)
    return np.add(lit, _across(haze * np.clip(water * 1.15, 0, 1), width), out=lit)


def in_air(rgb: np.ndarray, scene: Scene) -> np.ndarray:
    """The light of the day."""
    return rgb * {"bright": 1.08, "dim": 0.85, "dark": 0.42}[scene.light]


def exposed(rng, picture: np.ndarray, scene: Scene) -> np.ndarray:
    """The file of a finished picture, which is overwritten: caustics, beams, snow, lamp, lens, sensor; uint8."""
    height, width = picture.shape[:2]
    if scene.setting == "sea":
        picture = _water_light(rng, picture, scene)
    if rng.random() < 0.5:
        y, x = (np.linspace(-1, 1, n, dtype=np.float32) ** 2 for n in (height, width))
        picture *= evenly(1 - np.float32(rng.uniform(0, 0.35) / 2) * np.add.outer(y, x))
    picture *= _across(rng.normal(1, 0.03, 3) * rng.uniform(0.88, 1.12), width)
    picture = cv2.pow(np.clip(picture, 0, 1, out=picture), rng.uniform(0.85, 1.2))
    blur = rng.choice([0, 0, 0.5, 0.9], p=[0.4, 0.2, 0.3, 0.1]) * (height / 180)
    picture = cv2.GaussianBlur(picture, (0, 0), blur) if blur else picture
    strength = np.float32(rng.uniform(0.004, 0.022))
    picture += strength * rng.standard_normal(picture.shape, np.float32)
    if scene.grey:
        picture = evenly(picture @ np.float32([0.299, 0.587, 0.114]))
    picture = np.clip(picture, 0, 1, out=picture)
    picture *= 255
    picture += 0.5
    return picture.astype(np.uint8)


def evenly(value: np.ndarray) -> np.ndarray:
    """The same number (h, w) float32 for all three channels: (h, w, 3); NumPy is slow where it must repeat it."""
    return cv2.merge((value, value, value))


def _across(colour: np.ndarray, width: int) -> np.ndarray:
    """A colour (3,) for every column: (width, 3) float32, which NumPy takes row by row instead of number by number."""
    return np.tile(np.asarray(colour, np.float32), (width, 1))


def _water_light(rng, picture: np.ndarray, scene: Scene) -> np.ndarray:
    height, width = picture.shape[:2]
    if scene.light == "bright" and scene.depth < 9 and scene.place != "open water":
        web = underwater.caustics(rng, height, width)
        share = np.float32(rng.uniform(0.3, 1.0) * (1 - scene.turbidity))
        if scene.camera == "level":
            share = share * np.linspace(0.3, 1, height, dtype=np.float32)[:, None]
        picture *= evenly(1 - share + share * web)
    if scene.light == "bright" and scene.camera != "down" and rng.random() < 0.45:
        beams = np.float32(rng.uniform(0.08, 0.25)) * underwater.shafts(rng, height, width)
        picture += cv2.merge((0.8 * beams, beams, beams))
    _marine_snow(rng, picture, scene)
    if scene.light == "dim":
        picture *= 0.62
    elif scene.light == "dark":
        at, soft = rng.normal(0, 0.15, 2), rng.uniform(0.35, 0.6)
        x, y = (np.exp(-((np.linspace(-1, 1, n) - a) ** 2) / soft) for n, a in zip((width, height), at, strict=True))
        picture *= evenly(0.10 + 1.15 * np.outer(y, x).astype(np.float32))
        picture *= _across([1.05, 0.95, 0.85], width)
    return picture


def _marine_snow(rng, picture: np.ndarray, scene: Scene) -> None:
    height, width = picture.shape[:2]
    flakes = np.zeros((height, width), np.float32)
    count = int(rng.poisson(3 + 90 * scene.turbidity**1.5))
    if count:
        flakes[rng.integers(0, height, count), rng.integers(0, width, count)] = rng.uniform(0.5, 3.0, count)
        flakes = cv2.GaussianBlur(flakes, (0, 0), rng.uniform(0.6, 1.2))
        picture += evenly(0.8 * np.minimum(flakes, 0.5))
