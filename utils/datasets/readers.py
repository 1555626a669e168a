"""One reader per native layout: files on disk in, plain rows out.

A reader takes the root folder and returns a `Native`: the folder that holds the native files and one row
(dict) an image. It decodes no image and knows no profile; `registry.load` turns the rows into the manifest.
Every box is converted to ``box_xyxy``: [x0, y0, x1, y1], float pixels, 0-based, the far edge exclusive.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections import defaultdict
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


def sea_turtles(root: Path) -> Native:
    """SeaTurtleID2022: identity and date from metadata_splits.csv, masks of turtle, flipper and head as COCO.

    The published file sets ``iscrowd`` on every annotation because its masks are run-length encoded; here it
    says nothing about crowds and is not read as one. An encounter is one individual on one day.
    """
    inner = root / "turtles-data" / "data"
    base = inner if inner.is_dir() else root
    records = read_table(base / "metadata_splits.csv", ("id", "file_name", "identity", "date"))
    _, boxes = _read_coco(base / "annotations.json", crowds=False)
    return Native(base, [_turtle_row(base, record, boxes.get(record["id"], [])) for record in records])


def roboflow_turtles(root: Path) -> Native:
    """A Roboflow COCO export; the augmented copies of one upload share ``facts["source"]``."""
    folders = [folder for folder in (root / name for name in ("train", "valid", "val", "test")) if folder.is_dir()]
    rows = []
    for folder in folders or [root]:
        images, boxes = _read_coco(folder / "_annotations.coco.json")
        published = {"published": SPLITS[folder.name]} if folders else {}
        for key, image in images.items():
            file = (folder / image["file_name"]).relative_to(root).as_posix()
            source = re.sub(r"\.rf\.[0-9A-Za-z]+$", "", Path(file).stem)
            found = boxes.get(key, [])
            facts = {"splits": published, "source": source}
            rows.append(_row(root, file, label="turtle" if found else None, boxes=found, facts=facts))
    return Native(root, rows)


def own_turtles(root: Path) -> Native:
    """A plain folder of turtle photos, at any depth."""
    files, ignored = list_images(root)
    return Native(root, [_row(root, file, label="turtle") for file in files], ignored)


def coco(root: Path) -> Native:
    """COCO: every `<name>/` beside which instances_<name>.json and captions_<name>.json are found."""
    notes = root / "annotations" if (root / "annotations").is_dir() else root
    folders = [root / name for name in ("val2017", "train2017", "val2014", "train2014") if (root / name).is_dir()]
    if not folders:
        raise FileNotFoundError(f"{root / 'val2017'} is missing")
    rows = []
    for folder in folders:
        images, boxes = _read_coco(notes / f"instances_{folder.name}.json")
        more, captions = _read_coco_captions(notes / f"captions_{folder.name}.json")
        published = {"published": "val" if folder.name.startswith("val") else "train"}
        for key, image in {**more, **images}.items():
            file = f"{folder.name}/{image['file_name']}"
            found = {"boxes": boxes.get(key, []), "captions": captions.get(key, [])}
            rows.append(_row(root, file, facts={"splits": published}, **found))
    return Native(root, rows)


def image_folder(root: Path) -> Native:
    """Anyone's photos: the first folder below the root, or below a train/val/test folder, is the label."""
    files, ignored = list_images(root)
    rows = []
    for file in files:
        folders = list(Path(file).parts[:-1])
        split = SPLITS.get(folders[0].lower()) if folders else None
        label = next(iter(folders[1:] if split else folders), None)
        rows.append(_row(root, file, label=label, facts={"splits": {"published": split} if split else {}}))
    return Native(root, rows, ignored)


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


def _row(base: Path, file: str, **known: Any) -> dict[str, Any]:
    empty = {"label": None, "identity": None, "encounter": None, "boxes": [], "captions": [], "facts": {}}
    return {"file": file, "path": str(base / file), **empty, **known}


def _turtle_row(base: Path, record: dict[str, str], boxes: list[dict]) -> dict[str, Any]:
    date = record["date"][:10].replace(":", "-") or None
    identity = record["identity"] or None
    splits = {
        name: _published(base / "metadata_splits.csv", f"split_{name}", record[f"split_{name}"])
        for name in ("closed", "closed_random", "open")
        if record.get(f"split_{name}")
    }
    if "closed" in splits:
        splits["published"] = splits["closed"]
    extra = {key: record[key] for key in ("timestamp", "clarity") if record.get(key)}
    encounter = f"{identity}/{date}" if identity and date else None
    facts = {"date": date, "splits": splits, **extra}
    return _row(
        base,
        record["file_name"],
        label="turtle",
        identity=identity,
        encounter=encounter,
        boxes=boxes,
        facts=facts,
    )


def _published(path: Path, column: str, value: str) -> str:
    if value not in SPLITS:
        raise LayoutError(f"{path}: column '{column}' holds '{value}', not train, valid or test")
    return SPLITS[value]


def _read_json(path: Path) -> dict:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise LayoutError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(content, dict):
        raise LayoutError(f"{path}: expected an object with the keys images and annotations, found a list or value")
    return content


def _field(item: Any, key: str, path: Path, where: str) -> Any:
    if not isinstance(item, dict) or key not in item:
        raise LayoutError(f"{path}: {where} has no key '{key}'")
    return item[key]


def _items(content: dict, key: str, path: Path) -> list:
    items = _field(content, key, path, "the file")
    if not isinstance(items, list):
        raise LayoutError(f"{path}: '{key}' must be a list, found {type(items).__name__}")
    return items


def _images(content: dict, path: Path) -> dict[str, dict]:
    images = {}
    for i, image in enumerate(_items(content, "images", path)):
        _field(image, "file_name", path, f"images[{i}]")
        images[str(_field(image, "id", path, f"images[{i}]"))] = image
    return images


def _read_coco(path: Path, crowds: bool = True) -> tuple[dict[str, dict], dict[str, list[dict]]]:
    """Images by id and boxes by image id of one COCO instances file."""
    content = _read_json(path)
    images, boxes = _images(content, path), defaultdict(list)
    names = {}
    for i, category in enumerate(_items(content, "categories", path)):
        names[_field(category, "id", path, f"categories[{i}]")] = _field(category, "name", path, f"categories[{i}]")
    for i, annotation in enumerate(_items(content, "annotations", path)):
        where = f"annotations[{i}]"
        key = str(_field(annotation, "image_id", path, where))
        category = _field(annotation, "category_id", path, where)
        if key not in images:
            raise LayoutError(f"{path}: {where} has 'image_id' {key}, which 'images' does not list")
        if category not in names:
            raise LayoutError(f"{path}: {where} has 'category_id' {category}, which 'categories' does not list")
        box = _to_xyxy(_field(annotation, "bbox", path, where), path, where)
        if box is not None:
            boxes[key].append(_box(box, names[category], annotation, crowds))
    return images, boxes


def _box(box_xyxy: list[float], label: str, annotation: dict, crowds: bool) -> dict[str, Any]:
    return {
        "box_xyxy": box_xyxy,
        "label": label,
        "crowd": crowds and bool(annotation.get("iscrowd")),
        "difficult": False,
        "segmentation": annotation.get("segmentation") or None,
    }


def _to_xyxy(bbox: Any, path: Path, where: str) -> list[float] | None:
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


def _read_coco_captions(path: Path) -> tuple[dict[str, dict], dict[str, list[str]]]:
    """Images by id and captions by image id, in file order, stripped, empty ones left out."""
    content = _read_json(path)
    captions = defaultdict(list)
    for i, annotation in enumerate(_items(content, "annotations", path)):
        key = str(_field(annotation, "image_id", path, f"annotations[{i}]"))
        caption = str(_field(annotation, "caption", path, f"annotations[{i}]")).strip()
        if caption:
            captions[key].append(caption)
    return _images(content, path), captions
