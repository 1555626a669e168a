"""Encoders of local descriptors by a vocabulary: bag of visual words and VLAD. Where a keypoint lies is ignored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from utils import config
from utils.classical.descriptors import KINDS, check, features, nearest, vectors, vocabulary
from utils.classical.encoder import Classical, whole
from utils.classical.pictures import Scaling, mapped

if TYPE_CHECKING:
    from PIL import Image


class Seen(NamedTuple):
    """Keypoints (k, 2) float32 as x, y in px of the picture that was given, and the word (k,) int64 of each."""

    points: np.ndarray
    words: np.ndarray


class _Words(Classical):
    """What has centres (words, d) float32 and reads descriptors of a kind, about `most` of a picture of `size` px."""

    centres: np.ndarray
    descriptor: str
    most: int

    def __post_init__(self):
        check(self.descriptor)
        whole(size=self.size, most=self.most)
        if self.centres.shape != (len(self.centres), KINDS[self.descriptor]) or not len(self.centres):
            raise ValueError(f"centres {self.centres.shape} do not belong to {self.descriptor}")
        if not np.isfinite(self.centres).all():
            raise ValueError("centres hold NaN or infinite values: learn them anew with fit")

    def seen(self, image: Image.Image) -> Seen:
        """Keypoints of an RGB picture of any size and their words, to be drawn."""
        picture = self.preprocessing.picture(image)
        found = features(picture, self.descriptor, self.most)
        scale = np.array(image.size) / np.array(picture.shape[1::-1])
        points = (found.points + 0.5) * scale - 0.5
        return Seen(points.astype(np.float32), nearest(vectors(found.raw, self.descriptor), self.centres))

    def _assigned(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Descriptors (k, d) float32 of a scaled picture and their words (k,) int64."""
        rows = vectors(features(picture, self.descriptor, self.most).raw, self.descriptor)
        return rows, nearest(rows, self.centres)


@dataclass(frozen=True, eq=False)
class BagOfWords(_Words):
    """Counts of visual words, weighted by TF-IDF (Sivic & Zisserman 2003).

    The weight of a word that d of n training images show is log((1 + n) / (1 + d)) + 1, as in scikit-learn: a word that
    all of them show still counts.

    Attributes:
        centres: (words, d) float32.
        idf: (words,) float32, weights.
        descriptor: "sift", "rootsift" or "orb".
        size: longer side of the picture in px.
        most: keypoints of a picture.
    """

    centres: np.ndarray
    idf: np.ndarray
    descriptor: str = "rootsift"
    size: int = 256
    most: int = 500

    method = "bow"

    def __post_init__(self):
        super().__post_init__()
        if self.idf.shape != (len(self.centres),):
            raise ValueError(f"{len(self.centres)} words have weights of shape {self.idf.shape}")

    @classmethod
    def fit(
        cls,
        paths: Sequence[str | Path],
        words: int = 256,
        descriptor: str = "rootsift",
        size: int = 256,
        most: int = 500,
        sample: int = 200_000,
        seed: int = 0,
    ) -> BagOfWords:
        """Learns vocabulary and weights from training images.

        Args:
            paths: of the images; the order matters where descriptors are drawn.
            words: of the vocabulary.
            descriptor: "sift", "rootsift" or "orb".
            size: longer side of the picture in px.
            most: keypoints of a picture.
            sample: descriptors drawn for the vocabulary, if there are more.
            seed: the same one gives the same encoder.

        Raises:
            ValueError: fewer descriptors than words, both named; an image that cannot be read.
        """
        raws = _described(paths, descriptor, size, most)
        centres = vocabulary(_drawn(raws, descriptor, sample, seed), words, seed)
        shown = sum(np.isin(np.arange(words), nearest(vectors(raw, descriptor), centres)) for raw in raws)
        idf = np.log((1 + len(raws)) / (1 + shown)) + 1
        return cls(centres, idf.astype(np.float32), descriptor, size, most)

    def describe(self, picture: np.ndarray) -> np.ndarray:
        """(words,) float32 >= 0; 0 without keypoints."""
        return np.bincount(self._assigned(picture)[1], minlength=len(self.centres)) * self.idf


@dataclass(frozen=True, eq=False)
class Vlad(_Words):
    """Sums of the descriptors' differences to their words (Jégou et al. 2010), each of unit length.

    That every word counts alike ("intra-normalisation") is Arandjelovic & Zisserman 2013.

    Attributes:
        centres: (words, d) float32.
        descriptor: "sift", "rootsift" or "orb".
        size: longer side of the picture in px.
        most: keypoints of a picture.
    """

    centres: np.ndarray
    descriptor: str = "rootsift"
    size: int = 256
    most: int = 500

    method = "vlad"

    @classmethod
    def fit(
        cls,
        paths: Sequence[str | Path],
        words: int = 64,
        descriptor: str = "rootsift",
        size: int = 256,
        most: int = 500,
        sample: int = 200_000,
        seed: int = 0,
    ) -> Vlad:
        """Learns a vocabulary from training images; arguments and errors as in `BagOfWords.fit`."""
        raws = _described(paths, descriptor, size, most)
        return cls(vocabulary(_drawn(raws, descriptor, sample, seed), words, seed), descriptor, size, most)

    def describe(self, picture: np.ndarray) -> np.ndarray:
        """(words d,) float32; 0 without keypoints."""
        rows, words = self._assigned(picture)
        sums = np.zeros_like(self.centres)
        np.add.at(sums, words, rows - self.centres[words])
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return (sums / np.where(lengths > 0, lengths, 1)).ravel()


def _described(paths: Sequence[str | Path], descriptor: str, size: int, most: int) -> list[np.ndarray]:
    """Raw descriptors of each image."""
    check(descriptor)
    whole(size=size, most=most)
    return [found.raw for found in mapped(partial(features, kind=descriptor, most=most), paths, Scaling(size))]


def _drawn(raws: Sequence[np.ndarray], descriptor: str, sample: int, seed: int) -> np.ndarray:
    """Descriptors (n, d) float32 of all images, or `sample` of them."""
    raw = np.concatenate(raws)
    if len(raw) > sample:
        raw = raw[np.sort(config.rng(seed, "descriptors").choice(len(raw), sample, replace=False))]
    return vectors(raw, descriptor)
