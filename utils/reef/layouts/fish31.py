"""Fish Dataset: FishImgDataset/{train,val,test}/<species>/<species> <number>.jpg.

The species are as unequal as in the published set. Its shares (66 % train, 13 % val, 21 % test) hold within a species as
far as its test part keeps LEAST_TEST images, without which its recall would have no interval worth the name.
"""

from __future__ import annotations

import numpy as np

from utils.reef.fish_scenes import fish_portrait
from utils.reef.layouts.common import Shot
from utils.reef.species import SPECIES

LEAST = 24  # images of a species where the set is large enough
LEAST_TEST = 5
_TEST, _VAL = 0.21, 0.13


def counts(images: int) -> dict[str, tuple[int, int, int]]:
    """Images for training, validation and test of every species, `images` in all.

    Raises:
        ValueError: fewer than three images a species.
    """
    if images < 3 * len(SPECIES):
        raise ValueError(f"{images} images of {len(SPECIES)} species; give at least {3 * len(SPECIES)}")
    weights = np.array([s.number for s in SPECIES.values()], float)
    least = min(LEAST, images // len(SPECIES))
    wanted = np.maximum(least, np.floor(weights / weights.sum() * images)).astype(int)
    while wanted.sum() > images:
        wanted[np.argmax(wanted - least * 1.2)] -= 1
    wanted[np.argmax(weights)] += images - wanted.sum()
    return {name: _parts(int(n)) for name, n in zip(SPECIES, wanted, strict=True)}


def _parts(n: int) -> tuple[int, int, int]:
    test = max(min(LEAST_TEST, n // 3), round(_TEST * n))
    val = max(1, round(_VAL * n))
    return n - val - test, val, test


def plan(seed: int, images: int) -> list[Shot]:
    """One Shot an image, species by species."""
    rng, shots = np.random.default_rng([seed, 0xF31]), []
    for name, parts in counts(images).items():
        numbers = iter(rng.permutation(sum(parts)) + 1)
        for part, count in zip(("train", "val", "test"), parts, strict=True):
            for _ in range(count):
                file = f"FishImgDataset/{part}/{name}/{name} {next(numbers)}.jpg"
                shots.append(Shot(fish_portrait(int(rng.integers(2**40)), name), file))
    return shots
