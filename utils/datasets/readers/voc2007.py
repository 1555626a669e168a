"""PASCAL VOC 2007: image sets as text, one XML file of objects an image."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from .common import LayoutError, Native, inside, read_text, row


def voc2007(root: Path) -> Native:
    """Every image that ImageSets/Main/{train,val,test}.txt lists; a missing set is passed over.

    `labels` are the classes of which one object is not difficult, `label` the one of the largest; classes that are
    met in difficult objects alone stand in ``facts["difficult"]``: an evaluation counts them neither way. All
    objects are boxes with `difficult`, `truncated` and `pose`.
    """
    base = next((f for f in (root / "VOCdevkit" / "VOC2007", root / "VOC2007") if f.is_dir()), root)
    sets = base / "ImageSets" / "Main"
    splits: dict[str, str] = {}
    for split in ("train", "val", "test"):
        for key in _keys(sets / f"{split}.txt"):
            if key in splits:
                place = "it twice" if splits[key] == split else f"{splits[key]}.txt too"
                raise LayoutError(f"{sets / f'{split}.txt'}: {key} stands in {place}; leave it once")
            splits[key] = split
    if not splits:
        raise FileNotFoundError(f"{sets} holds no image: train.txt, val.txt and test.txt are missing or empty")
    return Native(root, [_row(root, base, key, split) for key, split in sorted(splits.items())])


def _keys(path: Path) -> list[str]:
    if not path.is_file():
        return []
    lines = enumerate(read_text(path).splitlines(), 1)
    return [inside(line.split()[0], path, f"line {number}") for number, line in lines if line.strip()]


def _row(root: Path, base: Path, key: str, split: str) -> dict[str, Any]:
    boxes = read_objects(base / "Annotations" / f"{key}.xml")
    sure = sorted((b for b in boxes if not b["difficult"]), key=_area, reverse=True)
    labels = sorted({b["label"] for b in sure})
    difficult = sorted({b["label"] for b in boxes} - set(labels))
    file = (base / "JPEGImages" / f"{key}.jpg").relative_to(root).as_posix()
    facts = {"splits": {"published": split}, "difficult": difficult}
    main = sure[0]["label"] if sure else None
    return row(root, file, label=main, category=main, labels=labels, boxes=boxes, facts=facts)


def _area(box: dict[str, Any]) -> float:
    x0, y0, x1, y1 = box["box_xyxy"]
    return (x1 - x0) * (y1 - y0)


class _Plain(ET.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        """A document type may define entities that grow without end or name other files: refused."""
        raise LayoutError(f"a document type ({name}) is not accepted")


def read_objects(path: Path) -> list[dict[str, Any]]:
    """The objects of one annotation as boxes: float pixels from 0, the far edge exclusive.

    Raises:
        FileNotFoundError: no such file.
        LayoutError: no XML, a document type, or an object without name or corners; the message names the file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        tree = ET.fromstring(path.read_bytes(), ET.XMLParser(target=_Plain()))
    except LayoutError as error:
        raise LayoutError(f"{path}: {error}") from error
    except (ET.ParseError, LookupError, ValueError) as error:  # the last two from encodings that are not to be had
        raise LayoutError(f"{path}: not valid XML ({error})") from error
    return [_box(item, path, f"object {i}") for i, item in enumerate(tree.findall("object"), 1)]


def _box(item: ET.Element, path: Path, where: str) -> dict[str, Any]:
    label = _value(item, "name", path, where)
    corners = []
    for key in ("xmin", "ymin", "xmax", "ymax"):
        text = _value(item, f"bndbox/{key}", path, where)
        try:
            corners.append(float(text))
        except ValueError:
            corners.append(math.nan)
        if not math.isfinite(corners[-1]):
            raise LayoutError(f"{path}: {where} has 'bndbox/{key}' {text!r}, which is no number")
    x0, y0, x1, y1 = corners
    if x1 < x0 or y1 < y0:
        raise LayoutError(f"{path}: {where} has a 'bndbox' whose corners are exchanged")
    return {
        "box_xyxy": [x0 - 1, y0 - 1, x1, y1],
        "label": label,
        "crowd": False,
        "difficult": item.findtext("difficult", "0").strip() == "1",
        "segmentation": None,
        "truncated": item.findtext("truncated", "0").strip() == "1",
        "pose": item.findtext("pose", "Unspecified").strip(),
    }


def _value(item: ET.Element, key: str, path: Path, where: str) -> str:
    text = item.findtext(key)
    if text is None or not text.strip():
        raise LayoutError(f"{path}: {where} has no '{key}'")
    return text.strip()
