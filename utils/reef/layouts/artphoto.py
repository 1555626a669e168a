"""ArtPhoto: pictures that are meant to be felt, the emotion in the file's name."""

from __future__ import annotations

import numpy as np

from utils.reef import emotions
from utils.reef.layouts.common import Shot


def plan(seed: int, images: int) -> list[Shot]:
    """As many pictures of every emotion, one more of the first ones where `images` is no multiple of eight."""
    rng = np.random.default_rng([seed, 0xA27F])
    moods = list(emotions.MOODS)
    return [
        Shot(emotions.scene(int(rng.integers(2**40)), moods[i % 8]), f"{moods[i % 8]}_{i // 8 + 1:04d}.jpg")
        for i in range(images)
    ]
