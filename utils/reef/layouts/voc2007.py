"""PASCAL VOC 2007: everyday photographs, twenty classes, boxes as XML and image sets as text."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from utils.reef import casting
from utils.reef.layouts.common import Shot, captions_csv

KINDS = {  # the world's kind: the class as published, and where it is met
    "airplane": ("aeroplane", ("hills", "beach", "bay")), "bicycle": ("bicycle", ("street", "park")), "seabird": ("bird", ("bay", "beach")),
    "boat": ("boat", ("bay", "bay", "beach")), "bottle": ("bottle", ("kitchen", "room")), "bus": ("bus", ("street", "snow")),
    "car": ("car", ("street", "hills")), "cat": ("cat", ("room", "park", "kitchen")), "chair": ("chair", ("room", "kitchen")),
    "cow": ("cow", ("hills",)), "table": ("diningtable", ("room", "kitchen")), "dog": ("dog", ("park", "beach", "room")),
    "horse": ("horse", ("hills", "park")), "motorbike": ("motorbike", ("street",)), "person": ("person", ("street", "beach", "park", "room")),
    "plant": ("pottedplant", ("room", "kitchen")), "sheep": ("sheep", ("hills",)), "sofa": ("sofa", ("room",)),
    "train": ("train", ("hills", "street")), "television": ("tvmonitor", ("room",)),
}  # fmt: skip
CLASSES = tuple(sorted(name for name, _ in KINDS.values()))
HIDDEN, TINY = 0.40, 90  # below this visible share or this area in pixels an object is difficult
_SETS = ("train", "val", "test", "test", "test")


def plan(seed: int, images: int) -> list[Shot]:
    """Every class is the subject of as many photographs as any other, in each of the sets: three fifths are the test."""
    rng = np.random.default_rng([seed, 0x70C])
    subjects, shots = list(KINDS), []
    for i in range(images):
        kind = subjects[i % 20]
        place = str(rng.choice(KINDS[kind][1]))
        scene = casting.land_scene(int(rng.integers(2**40)), place, subject=kind, wild=False)
        shots.append((scene, _SETS[(i + i // 20) % 5]))
    return [
        Shot(shots[k][0], f"VOCdevkit/VOC2007/JPEGImages/{i:06d}.jpg", extra={"split": shots[k][1]})
        for i, k in enumerate(rng.permutation(images), 1)
    ]


def finish(folder: Path, shots: list[Shot], truths: list[dict]) -> None:
    """Write Annotations, ImageSets/Main and the captions."""
    base = folder / "VOCdevkit" / "VOC2007"
    (base / "Annotations").mkdir()
    found: dict[str, list[tuple[str, dict[str, int]]]] = {"train": [], "val": [], "test": []}
    for shot, truth in zip(shots, truths, strict=True):
        objects = [_object(thing, shot) for thing in truth["objects"] if thing["kind"] in KINDS]
        key = Path(shot.file).stem
        tree = _annotation(Path(shot.file).name, shot.scene, objects)
        ET.indent(tree, "\t")
        (base / "Annotations" / f"{key}.xml").write_text(ET.tostring(tree, encoding="unicode") + "\n", encoding="utf-8")
        found[shot.extra["split"]].append((key, _marks(objects)))
    found["trainval"] = sorted(found["train"] + found["val"], key=lambda item: item[0])
    _image_sets(base / "ImageSets" / "Main", found)
    captions_csv(folder, shots, truths)


def _object(thing: dict, shot: Shot) -> dict:
    """What the XML says of a thing; corners count pixels from 1 and belong to the box."""
    x0, y0, x1, y1 = thing["box_xyxy"]
    width, height = shot.scene.width, shot.scene.height
    return {
        "name": KINDS[thing["kind"]][0],
        "pose": _pose(thing["kind"], shot.scene.things),
        "truncated": int(x0 <= 0 or y0 <= 0 or x1 >= width or y1 >= height),
        "difficult": int(thing["visible"] < HIDDEN or thing["area"] < TINY),
        "bndbox": {"xmin": int(x0) + 1, "ymin": int(y0) + 1, "xmax": int(x1), "ymax": int(y1)},
    }


def _pose(kind: str, things: list) -> str:
    """Where the only thing of its kind looks; of several, and of what has no front, nobody says."""
    same = [t for t in things if t.kind == kind]
    if len(same) != 1 or kind in ("bottle", "plant", "table", "chair"):
        return "Unspecified"
    ahead = np.array([np.cos(same[0].yaw), -np.sin(same[0].yaw)])  # x to the right, z towards the viewer
    if kind in ("sofa", "television", "person"):
        ahead = np.array([np.sin(same[0].yaw), np.cos(same[0].yaw)])
    if abs(ahead[0]) > 0.7:
        return "Right" if ahead[0] > 0 else "Left"
    return "Frontal" if ahead[1] > 0 else "Rear"


def _annotation(file: str, scene, objects: list[dict]) -> ET.Element:
    content = {
        "folder": "VOC2007", "filename": file, "source": {"database": "The VOC2007 Database", "annotation": "PASCAL VOC2007", "image": "ReefWorld"},
        "size": {"width": scene.width, "height": scene.height, "depth": 3}, "segmented": 0,
    }  # fmt: skip
    root = _element("annotation", content)
    root.extend(_element("object", thing) for thing in objects)
    return root


def _element(tag: str, content: object) -> ET.Element:
    element = ET.Element(tag)
    if isinstance(content, dict):
        element.extend(_element(key, value) for key, value in content.items())
    else:
        element.text = str(content)
    return element


def _marks(objects: list[dict]) -> dict[str, int]:
    """1 where a class is there, 0 where only difficult ones are, -1 where it is not."""
    marks = dict.fromkeys(CLASSES, -1)
    for thing in objects:
        marks[thing["name"]] = max(marks[thing["name"]], 1 - thing["difficult"])
    return marks


def _image_sets(folder: Path, found: dict[str, list[tuple[str, dict[str, int]]]]) -> None:
    folder.mkdir(parents=True)
    for split, rows in found.items():
        (folder / f"{split}.txt").write_text("".join(f"{key}\n" for key, _ in rows), encoding="utf-8")
        for name in CLASSES:
            lines = "".join(f"{key} {marks[name]:2d}\n" for key, marks in rows)
            (folder / f"{name}_{split}.txt").write_text(lines, encoding="utf-8")
