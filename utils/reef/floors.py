"""Floors: sand, rocks, streets and grass in perspective, fading with distance."""

from __future__ import annotations

import cv2
import numpy as np

from utils.reef.textures import noise, noise_patch, tint

_GROUND = {
    "sand": (0.78, 0.70, 0.54), "rocks": (0.42, 0.36, 0.28), "seagrass": (0.50, 0.50, 0.34), "a reef": (0.52, 0.40, 0.36),
    "street": (0.36, 0.36, 0.37), "beach": (0.86, 0.77, 0.58), "park": (0.30, 0.46, 0.16), "snow": (0.92, 0.93, 0.96), "hills": (0.42, 0.44, 0.20), "square": (0.62, 0.58, 0.51),
}  # fmt: skip


def lay_floor(rng, picture, ground: str, horizon: float, fade: float, fade_to, down: bool) -> np.ndarray:
    """Texture the rows below the horizon in perspective and let them fade with distance."""
    height, width = picture.shape[:2]
    first = int(horizon * height)
    rows = np.arange(first, height, dtype=np.float32)
    near = np.ones_like(rows) if down else np.clip((rows - first + 0.02 * height) / (height - first), 0.02, 1)
    value = _perspective_noise(rng, near, width, rng.uniform(0.5, 1.1))
    colour = np.asarray(tint(rng, _GROUND[ground], 0.08))
    if ground in ("sand", "beach", "seagrass") and rng.random() < 0.5:
        value = 0.55 * value + 0.45 * _ripples(rng, near, width)
    contrast = {"rocks": 1.7, "a reef": 1.5, "park": 1.0, "hills": 0.9}.get(ground, 0.55)
    shade = 1 + contrast * (value - 0.5)
    floor = cv2.merge([np.float32(c) * shade for c in colour])
    if ground == "a reef":
        patch = 2.2 * np.clip(_perspective_noise(rng, near, width, 0.7) - 0.55, 0, 1)
        coral = np.asarray(tint(rng, ["pink", "orange", "purple", "yellow"][rng.integers(4)])) - 0.45
        floor += cv2.merge([np.float32(c) * patch for c in coral])
    clear = (near ** (1.6 * fade))[:, None, None] * np.float32(1 - 0.55 * fade if down else 1)
    out = picture.copy()
    out[first:] += clear * (np.clip(floor, 0, 1, out=floor) - fade_to[first:])
    return out


def _perspective_noise(rng, near: np.ndarray, width: int, zoom: float) -> np.ndarray:
    """Noise on a plane seen at a slant: (rows, width) float32; `near` in (0, 1] is each row's nearness, all 1 from above."""
    tile, away = noise(int(rng.integers(6))), (1 / near)[:, None]
    along = len(near) * away if near[0] < 1 else np.arange(len(near), dtype=np.float32)[:, None]
    u = (np.arange(width, dtype=np.float32) - width / 2) * (away / zoom) + int(rng.integers(256))
    v = (along / zoom + int(rng.integers(256))) % 256
    u -= 256 * np.floor(u / 256)
    value = cv2.remap(tile, u, np.repeat(v, width, axis=1), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return 0.5 + (value - 0.5) * near[:, None] ** 0.5


def _ripples(rng, near: np.ndarray, width: int) -> np.ndarray:
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    run = 1 / near[:, None] if near[0] < 1 else np.linspace(0, 2.5, len(near))[:, None]
    bend = noise_patch(rng, len(near), width, 3.0, octaves=3)
    return 0.5 + 0.5 * np.sin(rng.uniform(12, 45) * run + rng.uniform(-4, 4) * x + 9 * bend)
