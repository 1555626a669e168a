"""What every classical encoder does: the protocol of CLIP's image side, a fingerprint of its content, a file."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from utils import files
from utils.classical.pictures import Scaling, threaded, unpacked

if TYPE_CHECKING:
    import torch
    from PIL import Image

VERSION = 1  # to raise where the same settings come to mean other numbers: cached rows depend on it
VANISHED = 1e-6  # a feature vector shorter than this is rounding
METHODS: dict[str, type[Classical]] = {}


class Classical(ABC):
    """An image encoder without a text side, for `embed.images`; its subclasses are frozen dataclasses.

    The last axis of an embedding is 1 for a picture that has nothing to describe (such as one without keypoints) and 0
    for all others: such pictures are equal to each other and orthogonal to the rest.

    Attributes:
        method: its name, also in files.
        square: whether pictures are squeezed to a square, for features that depend on place.
        size: longer side of the pictures that it sees, in px.
    """

    method: ClassVar[str]
    square: ClassVar[bool] = False
    size: int

    def __init_subclass__(cls, **options: Any):
        super().__init_subclass__(**options)
        if "method" in vars(cls):
            METHODS[cls.method] = cls

    @abstractmethod
    def describe(self, picture: np.ndarray) -> np.ndarray:
        """Features (dim - 1,) of a scaled picture (h, w, 3) uint8; their length does not matter, 0 is nothing."""

    @property
    def name(self) -> str:
        """The method's."""
        return self.method

    @property
    def image_size(self) -> int:
        """Edge in px of what `preprocess` gives."""
        return self.size

    @cached_property
    def preprocessing(self) -> Scaling:
        """How a picture is scaled."""
        return Scaling(self.size, self.square)

    @cached_property
    def dim(self) -> int:
        """Length of an embedding."""
        return len(self.describe(np.zeros((self.size, self.size, 3), np.uint8))) + 1

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the method, its settings and what it has learned."""
        settings = [VERSION, self.method, self._settings, asdict(self.preprocessing)]
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
        for name, array in self._arrays.items():
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        """The scaled picture packed as (4, size, size) uint8, see `Scaling`."""
        return self.preprocessing(image)

    def encode_pixels(self, pixels: torch.Tensor) -> np.ndarray:
        """Embeds pixels (n, 4, size, size) uint8, made by `preprocess`: float32 (n, dim), unit length."""
        rows = threaded(lambda packed: self.describe(unpacked(packed)), pixels.numpy())
        return unit_or_nothing(np.stack(rows)) if rows else np.zeros((0, self.dim), np.float32)

    def tokenize(self, texts: Sequence[str]) -> None:
        """There are no texts for it.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"{self.name} sees pictures only: compare its embeddings of images with each other")

    def save(self, path: str | Path) -> None:
        """Writes settings and arrays as npz, atomically; `load` reads them."""
        about = json.dumps({"method": self.method, "settings": self._settings, "fingerprint": self.fingerprint})
        with files.atomic_write(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, about=np.array(about), **self._arrays)

    @property
    def _arrays(self) -> dict[str, np.ndarray]:
        return {name: value for name, value in self._values() if isinstance(value, np.ndarray)}

    @property
    def _settings(self) -> dict[str, int | float | str]:
        return {name: value for name, value in self._values() if not isinstance(value, np.ndarray)}

    def _values(self) -> list[tuple[str, Any]]:
        return [(field.name, getattr(self, field.name)) for field in fields(self)]  # type: ignore[arg-type]  # subclasses are


def load(path: str | Path) -> Classical:
    """Reads an encoder that was saved; nothing in the file is run.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged or no encoder of this package; names it.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = dict(content)
        about = json.loads(str(arrays.pop("about")))
        encoder = METHODS[about["method"]](**about["settings"], **arrays)
        if encoder.fingerprint != about["fingerprint"]:
            raise ValueError("its content is not what was saved, or another version saved it")
    except OSError:
        raise
    except Exception as error:  # damaged bytes raise whatever zipfile and NumPy come upon
        raise ValueError(f"{path}: no classical encoder can be read ({error})") from error
    return encoder


def unit_or_nothing(rows: np.ndarray) -> np.ndarray:
    """(n, d) features -> (n, d + 1) float32 of unit length; the last axis is that of rows that vanish."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    nothing = lengths < VANISHED
    return np.hstack([np.where(nothing, 0, rows) / np.where(nothing, 1, lengths), nothing]).astype(np.float32)


def whole(least: int = 1, **numbers: int) -> None:
    """Checks settings.

    Raises:
        ValueError: one that is no whole number from `least` up; names it.
    """
    for name, number in numbers.items():
        if not isinstance(number, (int, np.integer)) or number < least:
            raise ValueError(f"{name} is {number!r}; give a whole number from {least} up")
