"""Rows of a manifest, lists of images, tables and JSON, with errors that name file and key."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

IMAGE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
COMPANIONS = frozenset({"captions.csv", "truth.jsonl"})
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}


class LayoutError(ValueError):
    """A native file is there, but not as its layout says; the message names the file and the key."""


class Native(NamedTuple):
    """What a reader found: the folder of the native files, a row an image, the number of other files."""

    base: Path
    rows: list[dict[str, Any]]
    ignored: int = 0


def row(base: Path, file: str, **known: Any) -> dict[str, Any]:
    """One row of a reader: `file` below `base`, what is known of it, and what every row has."""
    empty = {"label": None, "identity": None, "encounter": None, "boxes": [], "captions": [], "facts": {}}
    return {"file": file, "path": str(base / file), **empty, **known}


def list_images(root: Path) -> tuple[list[str], int]:
    """Image files below `root`, sorted, as POSIX paths; and the number of other files. No hidden ones."""
    images, others = [], 0
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if not name.startswith((".", "__MACOSX"))]
        for name in names:
            if name.startswith("."):
                continue
            if Path(name).suffix.lower() in IMAGE_SUFFIXES:
                images.append((Path(folder) / name).relative_to(root).as_posix())
            else:
                others += name not in COMPANIONS
    return sorted(images), others


def read_table(path: Path, required: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a CSV file as strings; a byte-order mark is accepted, a missing column is a `LayoutError`."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise LayoutError(f"{path}: not a CSV file in UTF-8 ({error})") from error
    for column in required:
        if column not in table.columns:
            raise LayoutError(f"{path}: the column '{column}' is missing; found {', '.join(table.columns)}")
    return table.to_dict("records")


def some(names: list[str], most: int = 10) -> str:
    """The first names of a list, for a message."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def read_json(path: Path) -> dict:
    """The object that a JSON file holds; anything else is a `LayoutError`."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise LayoutError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(content, dict):
        raise LayoutError(f"{path}: expected an object with the keys images and annotations, found a list or value")
    return content


def field(item: Any, key: str, path: Path, where: str) -> Any:
    """`item[key]`, or a `LayoutError` that says which key is missing where."""
    if not isinstance(item, dict) or key not in item:
        raise LayoutError(f"{path}: {where} has no key '{key}'")
    return item[key]


def items(content: dict, key: str, path: Path) -> list:
    """The list `content[key]` of a file."""
    found = field(content, key, path, "the file")
    if not isinstance(found, list):
        raise LayoutError(f"{path}: '{key}' must be a list, found {type(found).__name__}")
    return found


def to_xyxy(bbox: Any, path: Path, where: str) -> list[float] | None:
    """[x, y, width, height], or its text as some annotations have it, to [x0, y0, x1, y1]; None stays."""
    if bbox is None:
        return None
    try:
        x, y, width, height = (float(value) for value in (json.loads(bbox) if isinstance(bbox, str) else bbox))
    except (TypeError, ValueError) as error:
        raise LayoutError(f"{path}: {where} 'bbox' must be [x, y, width, height], found {bbox!r}") from error
    if not all(map(math.isfinite, (x, y, width, height))):
        raise LayoutError(f"{path}: {where} 'bbox' must be finite, found {bbox!r}")
    return [x, y, x + width, y + height]
