"""Vistas: the world landscapes that old masters set their figures in, brown before, green between, blue beyond.

Pictures are (h, w, 3) float32 in [0, 1].
"""

from __future__ import annotations

import cv2
import numpy as np

from utils.reef.textures import noise_patch, tint

PLACES = ("village", "river", "winter", "valley")
_GROUND = {  # far, middle, near
    "village": ((0.54, 0.66, 0.58), (0.62, 0.61, 0.34), (0.56, 0.43, 0.26)), "valley": ((0.48, 0.62, 0.62), (0.47, 0.58, 0.31), (0.44, 0.38, 0.21)),
    "river": ((0.50, 0.62, 0.62), (0.52, 0.62, 0.58), (0.48, 0.42, 0.24)), "winter": ((0.76, 0.82, 0.82), (0.70, 0.77, 0.76), (0.78, 0.79, 0.74)),
}  # fmt: skip


def view(rng: np.random.Generator, height: int, width: int, place: str, light: str) -> np.ndarray:
    """A high horizon, hills or mountains beyond, and the ground of `place`, one of PLACES."""
    horizon = int(rng.uniform(0.28, 0.38) * height)
    picture = _sky(rng, height, width, place, light)
    _hills(rng, picture, horizon, place)
    _ground(rng, picture, horizon, place)
    if place == "river":
        _water(rng, picture, horizon)
    elif place == "winter":
        _banks(rng, picture, horizon)
    else:
        _path(rng, picture, horizon)
    _hamlet(rng, picture, horizon, place)
    return np.clip(picture, 0, 1)


def _sky(rng, height: int, width: int, place: str, light: str) -> np.ndarray:
    high, low = (
        ((0.55, 0.64, 0.62), (0.88, 0.86, 0.74)) if place == "winter" else ((0.42, 0.60, 0.74), (0.95, 0.90, 0.74))
    )
    ramp = np.clip(np.linspace(0, 2.4, height, dtype=np.float32), 0, 1)[:, None, None]
    sky = (1 - ramp) * np.asarray(tint(rng, high), np.float32) + ramp * np.asarray(tint(rng, low, 0.03), np.float32)
    cloud = np.clip((noise_patch(rng, height, width, (2.0, 0.9)) - 0.5) * 2.6, 0, 0.9)[..., None]
    sky = (1 - cloud) * sky + cloud * np.float32([0.93, 0.91, 0.86])
    return sky.astype(np.float32) * {"bright": 1.0, "dim": 0.84, "dark": 0.55}[light]


def _hills(rng, picture: np.ndarray, horizon: int, place: str) -> None:
    height, width = picture.shape[:2]
    rows = np.arange(height)[:, None]
    rise = {"valley": 0.26, "winter": 0.07, "river": 0.12, "village": 0.10}[place]
    for layer, colour in enumerate(((0.58, 0.70, 0.78), (0.45, 0.60, 0.68), (0.36, 0.52, 0.50))):
        line = noise_patch(rng, 1, width, rng.uniform(0.9, 2.2) + layer)[0]
        top = horizon - (line * (1.15 - 0.35 * layer) * rise + 0.01) * height
        inside = (rows >= top[None]) & (rows <= horizon)
        shade = 0.9 + 0.25 * noise_patch(rng, height, width, 1.2)[..., None]
        snow = 1.25 if place == "winter" else 1.0
        picture[inside] = (np.clip(np.asarray(tint(rng, colour, 0.04)) * snow, 0, 0.93) * shade)[inside]


def _ground(rng, picture: np.ndarray, horizon: int, place: str) -> None:
    height, width = picture.shape[:2]
    t = np.linspace(0, 1, height - horizon, dtype=np.float32)
    far, middle, near = (np.asarray(tint(rng, c, 0.05)) for c in _GROUND[place])
    colour = np.stack([np.interp(t, (0, 0.3, 0.85), (far[i], middle[i], near[i])) for i in range(3)], axis=1)[:, None]
    grain = noise_patch(rng, height - horizon, width, (2.6, 0.55))
    fine = noise_patch(rng, height - horizon, width, (0.8, 0.3))
    picture[horizon:] = colour * (0.66 + 0.45 * grain + 0.25 * fine * t[:, None])[..., None]


def _water(rng, picture: np.ndarray, horizon: int) -> None:
    height, width = picture.shape[:2]
    bank = (0.70 + 0.10 * noise_patch(rng, 1, width, 3.0)[0]) * height
    rows = np.arange(height)[:, None]
    inside = (rows > horizon + 0.03 * height) & (rows < bank[None])
    wave = 0.86 + 0.28 * noise_patch(rng, height, width, (3.5, 0.25))[..., None]
    mirror = picture[np.clip(2 * horizon - np.arange(height), 0, height - 1)]
    picture[inside] = ((0.55 * mirror + 0.45 * np.float32([0.48, 0.60, 0.64])) * wave)[inside]


def _banks(rng, picture: np.ndarray, horizon: int) -> None:
    """Snow at the edge of the ice, and the scratches of skates on it."""
    height, width = picture.shape[:2]
    for side in (0, 1):
        x = np.arange(width) if side == 0 else width - np.arange(width)
        edge = horizon + (height - horizon) * np.clip(
            0.16 + 0.9 * (0.34 - x / width) + 0.3 * (noise_patch(rng, 1, width, 2.0)[0] - 0.5), 0, 1
        )
        snow = (np.arange(height)[:, None] < edge[None]) & (np.arange(height)[:, None] >= horizon)
        picture[snow] = (
            np.float32([0.90, 0.91, 0.88]) * (0.86 + 0.2 * noise_patch(rng, height, width, 1.0))[..., None]
        )[snow]
    for _ in range(26):
        x, y = rng.uniform(0, width), rng.uniform(horizon + 0.2 * height, height)
        reach = rng.uniform(0.03, 0.12) * width
        cv2.line(
            picture,
            (int(x - reach), int(y)),
            (int(x + reach), int(y + rng.normal(0, 2))),
            (0.58, 0.66, 0.68),
            1,
            cv2.LINE_AA,
        )


def _path(rng, picture: np.ndarray, horizon: int) -> None:
    height, width = picture.shape[:2]
    t = np.linspace(0, 1, 14)
    middle = width * (rng.uniform(0.3, 0.7) + 0.16 * np.sin(rng.uniform(2, 5) * t + rng.uniform(0, 6)))
    rows, wide = horizon + (height - horizon) * t**1.3, width * (0.01 + 0.10 * t)
    outline = np.concatenate([np.stack([middle - wide, rows], 1), np.stack([middle + wide, rows], 1)[::-1]])
    mask = cv2.GaussianBlur(
        cv2.fillPoly(np.zeros((height, width), np.float32), [outline.astype(np.int32)], 1.0), (0, 0), 2.0
    )
    earth = np.float32([0.72, 0.60, 0.40]) * (0.75 + 0.45 * noise_patch(rng, height, width, (2.0, 0.5)))[..., None]
    picture += 0.75 * mask[..., None] * (earth - picture)


def _hamlet(rng, picture: np.ndarray, horizon: int, place: str) -> None:
    """Far roofs, a far steeple and clumps of trees along the horizon."""
    height, width = picture.shape[:2]
    depth = np.sort(rng.uniform(0, 1, int(rng.integers(16, 30))) ** 2) * (0.06 if place == "river" else 0.24)
    for below in depth:
        x, y = int(rng.uniform(0, width)), horizon + int(below * height)
        size = max(2, int((rng.uniform(0.012, 0.026) + 0.10 * below) * height))
        draw = rng.random()
        if draw < 0.66:
            leaf = tint(rng, (0.45, 0.44, 0.40) if place == "winter" else (0.24, 0.38, 0.24), 0.15)
            cv2.ellipse(picture, (x, y - size), (size, int(1.3 * size)), 0, 0, 360, leaf, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(picture, (x - size, y - size), (x + size, y), tint(rng, (0.72, 0.62, 0.50)), -1)
            peak = 3 * size if draw > 0.92 else 2 * size
            cv2.fillPoly(
                picture,
                [np.array([(x - size - 1, y - size), (x + size + 1, y - size), (x, y - peak)])],
                tint(rng, (0.50, 0.34, 0.26)),
                cv2.LINE_AA,
            )
