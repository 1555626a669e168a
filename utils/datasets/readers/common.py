"""Rows of a manifest, lists of images, tables and JSON, with errors that name file and key."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import reprlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

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
ID = (int, str)
_WORDS = {str: "text", int: "a whole number", list: "a list", dict: "an object"}


class LayoutError(ValueError):
    """A native file is there, but not as its layout says; the message names the file and the key."""


class Native(NamedTuple):
    """What a reader found: the folder of the native files, a row an image, the number of other files."""

    base: Path
    rows: list[dict[str, Any]]
    ignored: int = 0


def row(base: Path, file: str, **known: Any) -> dict[str, Any]:
    """One row of a reader: `file` below `base`, what is known of it, and what every row has."""
    unknown = dict.fromkeys(("label", "identity", "encounter"))
    empty: dict[str, Any] = {**unknown, "boxes": [], "captions": [], "facts": {}}
    return {"file": file, "path": str(base / file), **empty, **known}


def list_images(root: Path) -> tuple[list[str], int]:
    """Image files below `root`, sorted, as POSIX paths; and the number of other files. No hidden ones."""
    images, others = [], 0
    for folder, names in folders(root):
        for name in names:
            if name.startswith("."):
                continue
            if Path(name).suffix.lower() in IMAGE_SUFFIXES:
                images.append((Path(folder) / name).relative_to(root).as_posix())
            else:
                others += name not in COMPANIONS
    return sorted(images), others


def folders(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Every folder that is not hidden and its files; links are followed, and no folder is met twice."""
    seen, links = {str(folder) for folder in root.resolve().parents}, [str(root)]
    for link in links:  # grows below: folders that lie in the root come before those that are only linked to
        for folder, subfolders, names in os.walk(link):
            real = os.path.realpath(folder)
            subfolders[:] = sorted(name for name in subfolders if not name.startswith((".", "__MACOSX")))
            if real in seen:
                subfolders.clear()
                continue
            seen.add(real)
            links += [path for path in (os.path.join(folder, name) for name in subfolders) if os.path.islink(path)]
            yield folder, names


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, a byte-order mark left out; other bytes are a `LayoutError`."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LayoutError(f"{path}: not in UTF-8 ({error}); save it in that encoding") from error


def read_table(path: Path, required: tuple[str, ...]) -> list[dict[str, str]]:
    """Rows of a CSV file as strings; a missing column and a row of another length are `LayoutError`s."""
    lines = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    rows, begun = [], 1
    try:
        for cells in lines:
            if len(cells) > 1 or "".join(cells).strip():
                rows.append((begun, cells))
            begun = lines.line_num + 1
    except csv.Error as error:
        raise LayoutError(f"{path}: line {begun} is not CSV ({error})") from error
    header = rows[0][1] if rows else []
    for column in required:
        if header.count(column) != 1:
            fault = "stands twice" if column in header else "is missing"
            raise LayoutError(f"{path}: the column '{column}' {fault}; found {', '.join(header) or 'nothing'}")
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            counts = f"{len(cells)} fields, the header {len(header)}"
            raise LayoutError(f"{path}: line {line} has {counts}; put a text with a comma in double quotes")
    return [dict(zip(header, cells, strict=True)) for _, cells in rows[1:]]


def some(names: list[str], most: int = 10) -> str:
    """The first names of a list, for a message."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def read_json(path: Path) -> dict:
    """The object that a JSON file holds; anything else is a `LayoutError`."""
    return parse_json(read_text(path), str(path))


def parse_json(text: str, where: str) -> dict:
    """The object that a text holds as JSON, or a `LayoutError` that says where there is none."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LayoutError(f"{where}: not valid JSON ({error})") from error
    if not isinstance(content, dict):
        raise LayoutError(f"{where}: expected an object, found {type(content).__name__}")
    return content


def field(item: Any, key: str, path: Path, where: str, *kinds: type) -> Any:
    """`item[key]`, or a `LayoutError` that says which key is missing where, or is of none of the `kinds`."""
    if not isinstance(item, dict) or key not in item:
        raise LayoutError(f"{path}: {where} has no key '{key}'")
    value = item[key]
    if kinds and not isinstance(value, kinds):
        wanted, found = " or ".join(_WORDS[kind] for kind in kinds), type(value).__name__
        raise LayoutError(f"{path}: {where}: '{key}' must be {wanted}, found {found} {reprlib.repr(value)}")
    return value


def items(content: dict, key: str, path: Path, where: str = "the file") -> list:
    """The list `content[key]` of a file."""
    return field(content, key, path, where, list)


def inside(name: str, path: Path, where: str) -> str:
    """The file name that `path` gives for an image; one that leads out of the images' folder is a `LayoutError`."""
    if not name or Path(name).is_absolute() or ".." in Path(name).parts:
        raise LayoutError(f"{path}: {where} must name a file below the images' folder, found {name!r}")
    return name


def four(values: Any) -> list[float]:
    """Four finite numbers, or a ValueError."""
    try:
        numbers = [float(value) for value in values]
    except (TypeError, OverflowError) as error:
        raise ValueError(str(error)) from error
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise ValueError("four finite numbers are needed")
    return numbers


def to_xyxy(bbox: Any, path: Path, where: str) -> list[float] | None:
    """[x, y, width, height], or its text as some annotations have it, to [x0, y0, x1, y1]; None stays."""
    if bbox is None:
        return None
    try:
        x, y, width, height = four(json.loads(bbox) if isinstance(bbox, str) else bbox)
        if min(width, height) < 0:
            raise ValueError("width and height must be >= 0")
        return four([x, y, x + width, y + height])
    except (ValueError, RecursionError) as error:
        found = reprlib.repr(bbox)
        raise LayoutError(f"{path}: {where} 'bbox' must be [x, y, width, height], found {found} ({error})") from error
