"""Under water: the colour of the sea, its beds, its surface from below, and the light in it.

Pictures are (h, w, 3) float32 in [0, 1]; a horizon is the row, as a share of the height, above which the floor is not
seen: 0 where the camera looks down.
"""

from __future__ import annotations

import cv2
import numpy as np

from utils.reef.floors import lay_floor
from utils.reef.textures import noise_patch, tint

BEDS = ("sand", "rocks", "seagrass", "a reef", "open water")
WATERS = {"blue": (0.05, 0.30, 0.52), "turquoise": (0.16, 0.55, 0.58), "green": (0.10, 0.33, 0.26), "grey": (0.30, 0.40, 0.42)}  # fmt: skip


def water_colour(rng: np.random.Generator, depth: float, turbidity: float) -> np.ndarray:
    """What the sea looks like where nothing is in it: RGB (3,), darker with depth, greener and greyer with turbidity."""
    names = ["blue", "turquoise", "green", "grey"]
    shares = np.array([0.38, 0.38, 0.05 + 0.35 * turbidity, 0.04 + 0.15 * turbidity])
    base = np.asarray(tint(rng, WATERS[names[rng.choice(4, p=shares / shares.sum())]], 0.10))
    return base * (1.55 - 0.030 * min(depth, 30)) * rng.uniform(0.9, 1.2)


def sea(
    rng: np.random.Generator,
    height: int,
    width: int,
    bed: str,
    camera: str,
    water: np.ndarray,
    depth: float,
    turbidity: float,
) -> np.ndarray:
    """Open water or a bed fading into it. camera: "level", "down" (bed fills the picture) or "up" (the bright surface)."""
    ramp = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    glow = np.clip(1.5 - depth / 25, 0.25, 1.2)
    picture = water * (1 + 0.9 * glow * (1 - ramp) ** 2 - 0.35 * ramp) * np.ones((height, width, 1), np.float32)
    if bed != "open water" and camera != "up":
        horizon = 0.0 if camera == "down" else rng.uniform(0.40, 0.72)
        picture = lay_floor(
            rng, picture, bed, horizon, fade=0.25 + 0.75 * turbidity, fade_to=picture, down=camera == "down"
        )
        if bed == "seagrass":
            _blades(rng, picture, horizon, water)
    if camera == "up" or (camera == "level" and depth < 8 and rng.random() < 0.6):
        picture = _surface(rng, picture, 0.55 if camera == "up" else rng.uniform(0.06, 0.20))
    picture *= (1 + 0.10 * (noise_patch(rng, height, width, 2.5, octaves=2) - 0.5))[..., None]
    return picture.astype(np.float32)


def _surface(rng, picture: np.ndarray, share: float) -> np.ndarray:
    """The underside of the surface: bright ripples in the upper part of the picture, and a sun."""
    height, width = picture.shape[:2]
    rows = max(int(share * height), 4)
    wave = noise_patch(rng, rows, width, (2.2, 0.7), octaves=5)
    shine = np.clip((wave - 0.42) * 3.2, 0, 1) * np.linspace(1, 0, rows)[:, None]
    out = picture.copy()
    out[:rows] += shine[..., None] * np.array([0.55, 0.62, 0.62], np.float32)
    if rng.random() < 0.5:
        y, x = np.mgrid[:height, :width].astype(np.float32)
        far = np.hypot(x - rng.uniform(0.2, 0.8) * width, y - rng.uniform(-0.05, 0.1) * height) / height
        out += (0.9 * np.exp(-((far / 0.16) ** 2)) + 0.35 * np.exp(-far / 0.25))[..., None].astype(np.float32)
    return out


def _blades(rng, picture: np.ndarray, horizon: float, water: np.ndarray) -> None:
    """Seagrass: bent blades from far to near, greener the nearer."""
    height, width = picture.shape[:2]
    for near in np.sort(rng.uniform(0.03, 1.0, 110)):
        foot = (horizon + (1 - horizon) * near) * height if horizon > 0 else rng.uniform(0, 1) * height
        x, tall, lean = (
            rng.uniform(-0.05, 1.05) * width,
            height * 0.30 * near * rng.uniform(0.4, 1.1),
            rng.normal(0, 0.35),
        )
        s = np.linspace(0, 1, 7)
        path = np.stack([x + lean * tall * s**2, foot - tall * s], 1)
        green = np.array([0.16, 0.36, 0.13]) * rng.uniform(0.6, 1.3)
        colour = (0.25 + 0.75 * near) * green + (0.75 - 0.75 * near) * water
        cv2.polylines(
            picture,
            [np.round(path * 8).astype(np.int32)],
            False,
            tuple(float(c) for c in colour),
            max(1, int(3 * near)),
            cv2.LINE_AA,
            shift=3,
        )


def caustics(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """The dancing net of light on shallow ground: (h, w) float32, mean about 1."""
    first, second = (noise_patch(rng, height, width, rng.uniform(0.7, 1.3), octaves=4) for _ in range(2))
    ridge = (1 - np.abs(2 * first - 1)) ** 7 + (1 - np.abs(2 * second - 1)) ** 7
    return (0.78 + 0.75 * cv2.GaussianBlur(ridge, (0, 0), 0.6)).astype(np.float32)


def shafts(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Slanting beams from the surface: (h, w) float32 in [0, 1]."""
    line = noise_patch(rng, 1, 3 * width, 1.2, octaves=5)[0]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    at = (x + rng.uniform(-0.9, 0.9) * y + width).astype(np.int32) % len(line)
    beams = np.clip((line[at] - 0.55) * 4, 0, 1) * (1 - y / height) ** 1.2
    return cv2.GaussianBlur(beams.astype(np.float32), (0, 0), 1.5)
