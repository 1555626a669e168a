"""Emotions: pictures that want to be felt, told by motif, tones and line, and what can be said of them.

A mood has motifs and palettes of its own, but none of them is its property: palettes are shared, weak pictures are
muted, and about one picture in eight borrows the motif of a neighbouring mood.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from utils.reef.bright_motifs import BRIGHT
from utils.reef.dark_motifs import DARK
from utils.reef.scenes import Scene

MOTIFS = BRIGHT | DARK
BORROWED = 0.13  # the share of pictures whose motif is that of a neighbouring mood
PALETTES = {  # dark, deep, middle, light, accent
    "warm and bright colours": ((0.55, 0.16, 0.10), (0.90, 0.36, 0.12), (0.98, 0.66, 0.20), (1.00, 0.90, 0.62), (0.20, 0.55, 0.80)),
    "candy colours": ((0.45, 0.15, 0.45), (0.90, 0.35, 0.58), (0.55, 0.78, 0.92), (1.00, 0.93, 0.90), (0.98, 0.80, 0.25)),
    "blue and yellow": ((0.08, 0.22, 0.50), (0.20, 0.50, 0.85), (0.55, 0.78, 0.95), (0.97, 0.95, 0.85), (0.98, 0.80, 0.15)),
    "neon colours": ((0.06, 0.03, 0.15), (0.35, 0.05, 0.55), (0.95, 0.10, 0.60), (0.98, 0.95, 0.70), (0.10, 0.90, 0.85)),
    "orange and purple": ((0.16, 0.06, 0.25), (0.48, 0.14, 0.45), (0.93, 0.40, 0.20), (1.00, 0.85, 0.50), (0.98, 0.65, 0.10)),
    "blue and gold": ((0.07, 0.13, 0.28), (0.18, 0.36, 0.62), (0.52, 0.68, 0.82), (0.98, 0.90, 0.66), (0.95, 0.72, 0.25)),
    "purple and pink": ((0.12, 0.08, 0.28), (0.36, 0.22, 0.52), (0.72, 0.48, 0.70), (0.98, 0.84, 0.84), (0.98, 0.62, 0.50)),
    "green and gold": ((0.13, 0.24, 0.10), (0.30, 0.46, 0.18), (0.62, 0.70, 0.30), (0.98, 0.93, 0.70), (0.93, 0.72, 0.25)),
    "soft pastels": ((0.36, 0.42, 0.48), (0.58, 0.70, 0.70), (0.80, 0.82, 0.72), (0.98, 0.95, 0.88), (0.95, 0.72, 0.66)),
    "red and black": ((0.05, 0.02, 0.02), (0.38, 0.03, 0.04), (0.78, 0.08, 0.06), (0.95, 0.55, 0.35), (1.00, 0.25, 0.08)),
    "black and orange": ((0.06, 0.04, 0.03), (0.32, 0.12, 0.03), (0.85, 0.36, 0.04), (1.00, 0.78, 0.35), (0.98, 0.55, 0.10)),
    "dark red and grey": ((0.14, 0.10, 0.10), (0.38, 0.16, 0.15), (0.52, 0.45, 0.44), (0.80, 0.74, 0.70), (0.72, 0.08, 0.10)),
    "sickly green and brown": ((0.15, 0.13, 0.05), (0.34, 0.33, 0.08), (0.52, 0.55, 0.14), (0.78, 0.78, 0.42), (0.45, 0.28, 0.12)),
    "mustard and olive": ((0.20, 0.17, 0.06), (0.42, 0.36, 0.10), (0.66, 0.56, 0.16), (0.86, 0.80, 0.52), (0.36, 0.45, 0.15)),
    "purple and green": ((0.16, 0.08, 0.18), (0.36, 0.20, 0.36), (0.42, 0.50, 0.22), (0.74, 0.78, 0.50), (0.62, 0.25, 0.45)),
    "black and blue": ((0.01, 0.02, 0.05), (0.04, 0.07, 0.16), (0.12, 0.20, 0.34), (0.50, 0.62, 0.75), (0.85, 0.85, 0.55)),
    "black and grey": ((0.03, 0.03, 0.04), (0.14, 0.14, 0.16), (0.34, 0.35, 0.37), (0.72, 0.73, 0.75), (0.85, 0.83, 0.78)),
    "blue and grey": ((0.14, 0.18, 0.25), (0.28, 0.35, 0.44), (0.48, 0.55, 0.62), (0.78, 0.82, 0.86), (0.36, 0.46, 0.66)),
    "faded brown": ((0.18, 0.15, 0.13), (0.36, 0.31, 0.27), (0.56, 0.51, 0.46), (0.82, 0.78, 0.72), (0.60, 0.38, 0.30)),
}  # fmt: skip


@dataclass(frozen=True)
class Mood:
    """What a mood is called in a sentence, its motifs and palettes (the commonest first), its neighbours."""

    words: tuple[str, ...]
    motifs: tuple[str, ...]
    palettes: tuple[str, ...]
    neighbours: tuple[str, ...]


MOODS = {
    "amusement": Mood(("an amusing", "a cheerful"), ("balloons", "kites in the sky", "bouncing balls", "a fairground wheel"), ("warm and bright colours", "candy colours", "blue and yellow"), ("excitement", "contentment")),
    "anger": Mood(("an angry", "a furious"), ("jagged strokes", "a fire", "a thunderstorm"), ("red and black", "black and orange", "dark red and grey"), ("fear", "excitement", "disgust")),
    "awe": Mood(("an awe-inspiring", "a majestic"), ("a person before high mountains", "a starry sky", "sunbeams through clouds"), ("blue and gold", "purple and pink", "blue and grey"), ("contentment", "fear")),
    "contentment": Mood(("a peaceful", "a contented"), ("a meadow in flower", "a still lake", "a boat at sunset"), ("green and gold", "soft pastels", "blue and gold"), ("awe", "amusement", "sad")),
    "disgust": Mood(("a disgusting", "a revolting"), ("dripping slime", "flies on rotten fruit", "a swamp"), ("sickly green and brown", "mustard and olive", "purple and green"), ("fear", "anger")),
    "excitement": Mood(("an exciting", "a thrilling"), ("fireworks", "a speeding car", "breaking waves"), ("neon colours", "orange and purple", "warm and bright colours"), ("amusement", "awe")),
    "fear": Mood(("a frightening", "a scary"), ("eyes in the dark", "a forest in fog", "a figure in a corridor"), ("black and blue", "black and grey", "red and black"), ("sad", "awe", "anger")),
    "sad": Mood(("a sad", "a sorrowful"), ("a person in the rain", "a wilted flower", "an empty bench"), ("blue and grey", "black and grey", "faded brown"), ("contentment", "fear")),
}  # fmt: skip


def scene(seed: int, emotion: str) -> Scene:
    """The plan of one picture: facts emotion, motif, palette and `strength`, in [0.35, 1], how plainly it speaks."""
    rng = np.random.default_rng([seed, 0xE0])
    mood, width, height = MOODS[emotion], *((208, 156), (192, 192), (156, 208))[rng.choice(3, p=[0.6, 0.2, 0.2])]
    source = MOODS[str(rng.choice(mood.neighbours))] if rng.random() < BORROWED else mood
    facts = {
        "emotion": emotion,
        "motif": str(rng.choice(source.motifs)),
        "palette": str(rng.choice(mood.palettes, p=[0.5, 0.3, 0.2])),
        "strength": round(float(1 - 0.65 * rng.beta(1.1, 2.4)), 3),
    }
    return Scene(seed, width, height, "artphoto", "a picture", "bright", facts=facts)


def paint(scene: Scene, masks: bool = True) -> tuple[np.ndarray, list[dict]]:
    """The picture (height, width, 3) uint8 RGB and no objects: what it holds is a motif, not things."""
    rng = np.random.default_rng([scene.seed, 0xA27])
    facts = scene.facts
    tones = _tones(rng, facts["palette"], facts["strength"])
    canvas = np.zeros((2 * scene.height, 2 * scene.width, 3), np.float32)
    MOTIFS[facts["motif"]](canvas, rng, tones)
    canvas = cv2.resize(np.clip(canvas, 0, 1), (scene.width, scene.height), interpolation=cv2.INTER_AREA)
    return _developed(rng, canvas, facts["strength"]), []


def _tones(rng: np.random.Generator, palette: str, strength: float) -> np.ndarray:
    """The five tones of a palette, shaken a little and drawn towards grey where the picture is weak."""
    tones = np.asarray(PALETTES[palette]) * rng.normal(1, 0.06, (1, 3)) + rng.normal(0, 0.025, (5, 3))
    grey = tones.mean(1, keepdims=True)
    muted = 0.75 * (1 - strength)
    return np.clip((1 - muted) * tones + muted * (0.7 * grey + 0.15), 0, 1)


def _developed(rng: np.random.Generator, picture: np.ndarray, strength: float) -> np.ndarray:
    """Contrast, a vignette and grain: (h, w, 3) uint8."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    picture = 0.5 + (picture - 0.5) * (0.80 + 0.25 * strength)
    picture = picture * (1 - rng.uniform(0, 0.3) * (x**2 + y**2) / 2)[..., None] * rng.uniform(0.9, 1.1)
    blur = rng.choice([0.0, 0.6, 1.0], p=[0.6, 0.3, 0.1])
    picture = cv2.GaussianBlur(picture, (0, 0), blur) if blur else picture
    picture = picture + rng.uniform(0.006, 0.03) * rng.standard_normal(picture.shape)
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def describe(truth: Mapping, rng: np.random.Generator, level: str) -> dict:
    """One caption of a picture: {"caption", "level", "claims"}; coarse the motif, medium its colours, fine its mood."""
    facts = truth["facts"]
    claims = {"scene": facts["scene"], "motif": facts["motif"]}
    kind, of = ("picture", "photo", "painting")[int(rng.integers(3))], facts["motif"]
    if level == "coarse":
        return {"caption": f"a {kind} of {of}", "level": level, "claims": claims}
    claims["palette"] = facts["palette"]
    if level == "medium":
        text = (f"{of} in {facts['palette']}", f"a {kind} of {of} in {facts['palette']}")[int(rng.integers(2))]
        return {"caption": text, "level": level, "claims": claims}
    claims["emotion"] = facts["emotion"]
    words = MOODS[facts["emotion"]].words
    word = words[int(rng.integers(len(words)))]
    return {"caption": f"{word} {kind} of {of} in {facts['palette']}", "level": level, "claims": claims}
