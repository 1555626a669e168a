"""COCO and what is written in its format: SeaTurtleID2022 and Roboflow exports."""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

from .common import ID, SPLITS, LayoutError, Native, field, inside, items, read_json, read_table, row, some, to_xyxy


def sea_turtles(root: Path) -> Native:
    """SeaTurtleID2022: identity and date from metadata_splits.csv, masks of turtle, flipper and head as COCO.

    The published file sets ``iscrowd`` on every annotation because its masks are run-length encoded; here it
    says nothing about crowds and is not read as one. An encounter is one individual on one day.
    """
    inner = root / "turtles-data" / "data"
    base = inner if inner.is_dir() else root
    records = read_table(base / "metadata_splits.csv", ("id", "file_name", "identity", "date"))
    _, boxes = read_coco(base / "annotations.json", crowds=False)
    return Native(base, [_turtle_row(base, record, boxes.get(record["id"], [])) for record in records])


def roboflow_turtles(root: Path) -> Native:
    """A Roboflow COCO export; the augmented copies of one upload share ``facts["source"]``."""
    folders = [folder for folder in (root / name for name in ("train", "valid", "val", "test")) if folder.is_dir()]
    rows = []
    for folder in folders or [root]:
        images, boxes = read_coco(folder / "_annotations.coco.json")
        published = {"published": SPLITS[folder.name]} if folders else {}
        for key, image in images.items():
            file = (folder / image["file_name"]).relative_to(root).as_posix()
            source = re.sub(r"\.rf\.[0-9A-Za-z]+$", "", Path(file).stem)
            found = boxes.get(key, [])
            facts = {"splits": published, "source": source}
            rows.append(row(root, file, label="turtle" if found else None, boxes=found, facts=facts))
    return Native(root, rows)


def coco(root: Path) -> Native:
    """COCO: every `<name>/` beside which instances_<name>.json and captions_<name>.json are found."""
    notes = root / "annotations" if (root / "annotations").is_dir() else root
    folders = [root / name for name in ("val2017", "train2017", "val2014", "train2014") if (root / name).is_dir()]
    if not folders:
        raise FileNotFoundError(f"{root / 'val2017'} is missing")
    rows = []
    for folder in folders:
        images, boxes = read_coco(notes / f"instances_{folder.name}.json")
        more, captions = read_coco_captions(notes / f"captions_{folder.name}.json")
        published = {"published": "val" if folder.name.startswith("val") else "train"}
        for key, image in {**more, **images}.items():
            file = f"{folder.name}/{image['file_name']}"
            found = {"boxes": boxes.get(key, []), "captions": captions.get(key, [])}
            rows.append(row(root, file, facts={"splits": published}, **found))
    return Native(root, rows)


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
    return row(
        base,
        inside(record["file_name"], base / "metadata_splits.csv", f"'file_name' of image {record['id']}"),
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


def listed_images(content: dict, path: Path) -> dict[str, dict]:
    """The list `images` of a COCO file by id, each with a file name below the folder of the images."""
    images: dict[str, dict] = {}
    for i, image in enumerate(items(content, "images", path)):
        key = str(field(image, "id", path, f"images[{i}]", *ID))
        inside(field(image, "file_name", path, f"images[{i}]", str), path, f"images[{i}] 'file_name'")
        if key in images:
            raise LayoutError(f"{path}: images[{i}] has 'id' {key}, as an image before it; give every image its own")
        images[key] = image
    return images


def category_names(content: dict, path: Path) -> dict[int | str, str]:
    """The names of a COCO file's categories by id."""
    listed = [(f"categories[{i}]", item) for i, item in enumerate(items(content, "categories", path))]
    return {field(item, "id", path, where, *ID): field(item, "name", path, where, str) for where, item in listed}


def read_coco(path: Path, crowds: bool = True) -> tuple[dict[str, dict], dict[str, list[dict]]]:
    """Images by id and boxes by image id of one COCO instances file; boxes without area are left out with a warning."""
    content = read_json(path)
    images, names = listed_images(content, path), category_names(content, path)
    boxes, flat = defaultdict(list), []
    for i, annotation in enumerate(items(content, "annotations", path)):
        where = f"annotations[{i}]"
        key = str(field(annotation, "image_id", path, where, *ID))
        category = field(annotation, "category_id", path, where, *ID)
        if key not in images:
            raise LayoutError(f"{path}: {where} has 'image_id' {key}, which 'images' does not list")
        if category not in names:
            raise LayoutError(f"{path}: {where} has 'category_id' {category}, which 'categories' does not list")
        box = to_xyxy(field(annotation, "bbox", path, where), path, where)
        if box is None:
            continue
        if box[0] < box[2] and box[1] < box[3]:
            boxes[key].append(_box(box, names[category], annotation, crowds))
        else:
            flat.append(where)
    if flat:
        warnings.warn(f"{path}: {len(flat)} boxes without area are left out: {some(flat)}", stacklevel=2)
    return images, boxes


def _box(box_xyxy: list[float], label: str, annotation: dict, crowds: bool) -> dict[str, Any]:
    return {
        "box_xyxy": box_xyxy,
        "label": label,
        "crowd": crowds and bool(annotation.get("iscrowd")),
        "difficult": False,
        "segmentation": annotation.get("segmentation") or None,
    }


def read_coco_captions(path: Path) -> tuple[dict[str, dict], dict[str, list[str]]]:
    """Images by id and captions by image id, in file order, stripped, empty ones left out."""
    content = read_json(path)
    captions = defaultdict(list)
    for i, annotation in enumerate(items(content, "annotations", path)):
        key = str(field(annotation, "image_id", path, f"annotations[{i}]", *ID))
        caption = field(annotation, "caption", path, f"annotations[{i}]", str).strip()
        if caption:
            captions[key].append(caption)
    return listed_images(content, path), captions
