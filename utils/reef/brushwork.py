"""Brushwork: a picture turned into oil paint, watercolour, ink or etching, in the colours of one hand.

Pictures go in and come out as (h, w, 3) uint8 RGB.
"""

from __future__ import annotations

import cv2
import numpy as np

from utils.reef.textures import noise_patch

MEDIA = ("oil", "watercolour", "ink", "etching")
HANDS = {  # saturation, gamma, contrast, tint of lights, tint of shadows; ink; paper
    "warm": (0.95, 1.0, 1.05, (1.06, 0.99, 0.82), (1.10, 0.95, 0.72), (0.33, 0.19, 0.10), (0.95, 0.89, 0.76)),
    "silver": (0.48, 0.92, 0.92, (0.97, 1.00, 1.03), (0.88, 0.98, 1.10), (0.22, 0.25, 0.32), (0.92, 0.93, 0.92)),
    "bright": (1.45, 0.90, 1.14, (1.02, 1.00, 0.97), (0.98, 0.96, 1.04), (0.10, 0.10, 0.12), (0.98, 0.96, 0.90)),
    "sombre": (0.80, 1.20, 1.12, (1.00, 0.92, 0.74), (0.82, 0.76, 0.70), (0.42, 0.15, 0.09), (0.86, 0.78, 0.63)),
}


def stylise(picture: np.ndarray, figures: np.ndarray, medium: str, hand: str, rng: np.random.Generator) -> np.ndarray:
    """The picture in one of MEDIA by one of HANDS; `figures` (h, w) bool is what a pen would dwell on."""
    if medium in ("ink", "etching"):
        painted = (_ink if medium == "ink" else _etching)(picture, figures, hand, rng)
    else:
        painted = (_oil if medium == "oil" else _watercolour)(picture, hand, rng)
    return (np.clip(painted, 0, 1) * 255 + 0.5).astype(np.uint8)


def _toned(picture: np.ndarray, hand: str) -> np.ndarray:
    """The palette of the hand: float32 in [0, 1]."""
    saturation, gamma, contrast, lights, shadows, _, _ = HANDS[hand]
    value = picture.astype(np.float32) / 255
    grey = _grey(value)[..., None]
    value = np.clip(grey + saturation * (value - grey), 0, 1) ** np.float32(gamma)
    value = 0.5 + contrast * (value - 0.5)
    return value * (grey * np.float32(lights) + (1 - grey) * np.float32(shadows))


def _grey(value: np.ndarray) -> np.ndarray:
    return value @ np.float32([0.299, 0.587, 0.114])


def _oil(picture: np.ndarray, hand: str, rng) -> np.ndarray:
    """Strokes along the contours, broad ones first, on a toned ground; then the relief of the paint and varnish."""
    toned = np.clip(_toned(picture, hand), 0, 1)
    height, width = toned.shape[:2]
    soft = (cv2.GaussianBlur(toned, (0, 0), 0.8) * 255).astype(np.uint8)
    flow = cv2.GaussianBlur(_grey(toned), (0, 0), 2.2)
    angle = np.arctan2(cv2.Sobel(flow, cv2.CV_32F, 0, 1), cv2.Sobel(flow, cv2.CV_32F, 1, 0)) + np.pi / 2
    canvas = soft.copy()
    for step, length, thick, spread in ((6.0, 5.0, 4, 9), (3.0, 2.6, 2, 6)):
        x = (
            np.arange(0, width, step)[None]
            + rng.uniform(-2, 2, (int(np.ceil(height / step)), int(np.ceil(width / step))))
        ).ravel()
        y = (
            np.arange(0, height, step)[:, None]
            + rng.uniform(-2, 2, (int(np.ceil(height / step)), int(np.ceil(width / step))))
        ).ravel()
        xi, yi = np.clip(x, 0, width - 1).astype(int), np.clip(y, 0, height - 1).astype(int)
        dx, dy = length * np.cos(angle[yi, xi]), length * np.sin(angle[yi, xi])
        colour = np.clip(soft[yi, xi] + rng.normal(0, spread, (len(x), 1)), 0, 255)
        ends = np.stack([x - dx, y - dy, x + dx, y + dy], 1).astype(int).tolist()
        colour = colour.tolist()
        for i in rng.permutation(len(x)):
            x0, y0, x1, y1 = ends[i]
            cv2.line(canvas, (x0, y0), (x1, y1), colour[i], thick)
    paint = 0.72 * canvas.astype(np.float32) / 255 + 0.28 * toned
    relief = _grey(paint)
    paint = paint + 0.35 * (relief - np.roll(relief, (1, 1), (0, 1)))[..., None]
    weave = 0.012 * (np.sin(np.arange(width) * 2.1)[None] + np.sin(np.arange(height) * 2.1)[:, None])
    return paint + weave[..., None].astype(np.float32)


def _watercolour(picture: np.ndarray, hand: str, rng) -> np.ndarray:
    """Flat washes with dark rims, grain, and paper left bare at the edges."""
    toned = np.clip(_toned(picture, hand), 0, 1)
    height, width = toned.shape[:2]
    wash = cv2.bilateralFilter(cv2.GaussianBlur(toned, (0, 0), 0.6), 5, 0.16, 3)
    levels = 6.0
    wash = 0.45 * wash + 0.55 * np.floor(wash * levels + 0.5) / levels
    grey = _grey(cv2.GaussianBlur(wash, (0, 0), 0.8))
    rim = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    paper = np.float32(HANDS[hand][6])
    grain = 0.9 + 0.2 * noise_patch(rng, height, width, 0.5)[..., None]
    lifted = paper * (1 - 0.86 * (1 - wash)) * grain - 0.16 * np.clip(rim, 0, 1)[..., None]
    y, x = np.minimum(np.arange(height), np.arange(height)[::-1]), np.minimum(np.arange(width), np.arange(width)[::-1])
    edge = np.minimum(y[:, None], x[None]) + 9 * (noise_patch(rng, height, width, 1.2) - 0.55)
    cover = np.clip((edge - 2.0) / 3.5, 0, 1)[..., None]
    return cover * lifted + (1 - cover) * paper * (0.96 + 0.06 * grain)


def _lines(grey: np.ndarray, strength: float = 26.0) -> np.ndarray:
    """Contours as a pen would draw them: (h, w) float32 in [0, 1], 1 where there is ink."""
    fine = cv2.GaussianBlur(grey, (0, 0), 0.55) - cv2.GaussianBlur(grey, (0, 0), 1.5)
    return np.clip(-strength * fine - 0.30, 0, 1)


def _drawn(picture: np.ndarray, figures: np.ndarray) -> np.ndarray:
    """What a draughtsman sees: (h, w) float32 in [0, 1], all that lies behind the figures lighter than it is."""
    grey = _grey(picture.astype(np.float32) / 255)
    dark, light = np.quantile(grey, (0.02, 0.90))
    grey = np.clip((grey - dark) / max(light - dark, 0.1), 0, 1)
    front = cv2.GaussianBlur(figures.astype(np.float32), (0, 0), 0.7)
    return grey + (1 - grey) * 0.38 * (1 - front) - 0.10 * front * (1 - grey)


def _ink(picture: np.ndarray, figures: np.ndarray, hand: str, rng) -> np.ndarray:
    """Pen and wash: contours and three tones of diluted ink on tinted paper."""
    grey = _drawn(picture, figures)
    height, width = grey.shape
    soft = cv2.GaussianBlur(grey, (0, 0), 1.6) + 0.10 * (noise_patch(rng, height, width, 1.5) - 0.5)
    tone = np.select([soft < 0.22, soft < 0.38, soft < 0.55], [0.55, 0.34, 0.15], 0.0).astype(np.float32)
    tone = cv2.GaussianBlur(tone, (0, 0), 0.6)
    ink = np.clip(0.95 * _lines(grey, 20.0) + tone, 0, 1)[..., None]
    paper = np.float32(HANDS[hand][6]) * (0.95 + 0.08 * noise_patch(rng, height, width, 0.7))[..., None]
    return paper * (1 - ink) + np.float32(HANDS[hand][5]) * ink


def _etching(picture: np.ndarray, figures: np.ndarray, hand: str, rng) -> np.ndarray:
    """Hatching: one set of lines a tone, crossed where it is darker, with contours."""
    drawn = _drawn(picture, figures)
    grey = cv2.GaussianBlur(drawn, (0, 0), 0.9)
    height, width = grey.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    wobble = 2.2 * noise_patch(rng, height, width, 2.5)
    ink = _lines(drawn, 16.0)
    for tone, turn, period in ((0.80, 0.05, 4.0), (0.50, 0.75, 3.4), (0.34, -0.75, 3.2), (0.18, 1.50, 2.8)):
        wave = np.sin((x * np.cos(turn) + y * np.sin(turn)) * (2 * np.pi / period) + wobble)
        ink = np.maximum(ink, 0.9 * np.clip(1.6 * wave - 0.35, 0, 1) * np.clip((tone - grey) * 7, 0, 1))
    paper = np.float32(HANDS[hand][6]) * (0.97 + 0.05 * noise_patch(rng, height, width, 0.6))[..., None]
    ink = ink[..., None]
    return paper * (1 - ink) + 0.6 * np.float32(HANDS[hand][5]) * ink
