"""CIFAR-10's Python batches, unpacked once into files because everything else here works with paths."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ... import config, files
from . import pickles
from .common import LayoutError, Native, field, items, list_images, row

TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
UNPACKED = "unpacked"


def cifar10(root: Path) -> Native:
    """One image a row of the batches; the label is the class's published name ("automobile", "ship").

    The images lie in `<root>/unpacked/{train,test}/<class>/<number>.png`, where the number counts the rows of the
    split. They are written at the first reading, whole or not at all; where the root cannot be written into, into
    the folder of artifacts, and a warning says so. Once unpacked, the batches are read no more.
    """
    folder = root / UNPACKED
    if not folder.is_dir():
        native = root / "cifar-10-batches-py" if (root / "cifar-10-batches-py").is_dir() else root
        folder = _unpack(native, folder)
    rows = []
    for file in list_images(folder)[0]:
        split, label = _place(folder, file)
        known = {
            "label": label,
            "category": label,
            "facts": {"splits": {"published": split}},
            "path": str(folder / file),
        }
        rows.append(row(root, f"{UNPACKED}/{file}", **known))
    return Native(root, rows)


def _place(folder: Path, file: str) -> tuple[str, str]:
    """Split and class of an unpacked file."""
    split, *rest = Path(file).parts
    if split not in ("train", "test") or len(rest) != 2:
        raise LayoutError(f"{folder / file} lies outside {{train,test}}/<class>/; move it, or remove {folder}")
    return split, rest[0]


def _unpack(native: Path, folder: Path) -> Path:
    """The folder of the images: `folder`, or one among the artifacts where that cannot be made."""
    paths = [native / name for name in ("batches.meta", *TRAIN, "test_batch")]
    for path in paths:
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing")
    try:
        return _write(native, folder)
    except PermissionError:
        stamps = [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
        key = hashlib.sha256(repr(stamps).encode()).hexdigest()[:16]
        other = config.load().artifacts_dir / "cifar10" / key
    if not other.is_dir():
        warnings.warn(f"{folder} cannot be written; the images are unpacked into {other}", stacklevel=2)
        _write(native, other)
    return other


def _write(native: Path, folder: Path) -> Path:
    """Every image of the batches as a PNG below `folder`, which appears when all are there."""
    from PIL import Image

    with files.atomic_folder(folder) as temporary:
        for file, image in _images(native):
            path = temporary / file
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path, compress_level=1)
    return folder


def _images(native: Path) -> Iterator[tuple[str, np.ndarray]]:
    """File and (32, 32, 3) uint8 RGB of every row, training batches first."""
    names = _names(native / "batches.meta")
    for split, batches in (("train", TRAIN), ("test", ("test_batch",))):
        number = 0
        for batch in batches:
            data, labels = _batch(native / batch, len(names))
            for pixels, label in zip(data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels, strict=True):
                yield f"{split}/{names[label]}/{number:05d}.png", np.ascontiguousarray(pixels)
                number += 1


def _names(path: Path) -> list[str]:
    names = [_text(name) for name in items(_content(path), "label_names", path)]
    for name in names:
        if not name or Path(name).name != name or name.startswith("."):
            raise LayoutError(f"{path}: 'label_names' holds {name!r}, which names no folder")
    return names


def _batch(path: Path, classes: int) -> tuple[np.ndarray, list[int]]:
    content = _content(path)
    data, labels = field(content, "data", path, "the file"), field(content, "labels", path, "the file")
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3072:
        found = f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
        raise LayoutError(f"{path}: 'data' must be (n, 3072) uint8, found {found}")
    if not isinstance(labels, list) or len(labels) != len(data):
        raise LayoutError(f"{path}: 'labels' must be a list of {len(data)} numbers, one a row of 'data'")
    if not all(isinstance(label, int) and 0 <= label < classes for label in labels):
        raise LayoutError(f"{path}: 'labels' must lie between 0 and {classes - 1}, as batches.meta names the classes")
    return data, labels


def _content(path: Path) -> dict[str, Any]:
    """The dictionary of a batch; its keys are bytes where Python 3 wrote it."""
    content = pickles.load(path, arrays=True)
    if not isinstance(content, dict):
        raise LayoutError(f"{path}: expected a dictionary, found {type(content).__name__}")
    return {_text(key): value for key, value in content.items()}


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
