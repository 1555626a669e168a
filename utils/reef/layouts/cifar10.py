"""CIFAR-10: one thing on 32 x 32 pixels, ten classes, packed into Python batches as published."""

from __future__ import annotations

import pickle
from pathlib import Path

import cv2
import numpy as np

from utils.reef import casting
from utils.reef.layouts.common import Shot, captions_csv
from utils.reef.scenes import Scene

PIXELS, TAKEN = 32, 64  # as stored, and as photographed before
CLASSES = {  # in the published order: the world's kind and where it is met
    "airplane": ("airplane", ("bay", "hills", "street", "beach")), "automobile": ("car", ("street", "street", "hills", "snow")),
    "bird": ("seabird", ("bay", "bay", "beach", "snow")), "cat": ("cat", ("room", "park", "kitchen", "street")),
    "deer": ("deer", ("hills", "snow", "park")), "dog": ("dog", ("park", "beach", "room", "snow", "street")),
    "frog": ("frog", ("park", "hills", "beach")), "horse": ("horse", ("hills", "park", "beach")),
    "ship": ("boat", ("bay", "bay", "beach")), "truck": ("truck", ("street", "street", "snow", "hills")),
}  # fmt: skip
_SIZES = {"seabird": 0.44, "frog": 0.44, "horse": 0.40, "deer": 0.40}


def plan(seed: int, images: int) -> list[Shot]:
    """Two thirds for training, the rest for the test; every class as often as any other."""
    rng = np.random.default_rng([seed, 0xC1FA])
    names, shots = list(CLASSES), []
    for i in range(images):
        label = names[i % 10]
        split = "train" if i // 10 < round(2 * images / 30) else "test"
        scene = close_up(int(rng.integers(2**40)), label)
        shots.append(Shot(scene, f"shots/{i:05d}.png", extra={"label": label, "split": split}))
    return [shots[i] for i in rng.permutation(len(shots))]


def close_up(seed: int, label: str) -> Scene:
    """One thing of a class, large and near the middle of a square picture."""
    rng = np.random.default_rng([seed, 0xC105])
    kind, places = CLASSES[label]
    scene = casting.land_scene(seed, str(rng.choice(places)), (TAKEN, TAKEN), kind)
    thing = scene.things[0]
    thing.size = float(_SIZES.get(kind, 0.43) * rng.uniform(0.72, 1.18))
    thing.x, thing.y = float(rng.normal(0.5, 0.045)), float(rng.normal(0.51, 0.04))
    if kind not in ("seabird", "airplane"):
        thing.pitch = float(rng.uniform(0.05, 0.6))
    if kind == "airplane" and rng.random() < 0.3:
        thing.pitch, thing.roll = float(rng.uniform(0.8, 1.4)), float(rng.uniform(-3, 3))
    scene.things, scene.grey = [thing], False
    return scene


def finish(folder: Path, shots: list[Shot], truths: list[dict]) -> None:
    """Reduce the photographs, pack them into batches and write truth and captions for the files unpacked from them."""
    native = folder / "cifar-10-batches-py"
    native.mkdir()
    names, counted = list(CLASSES), {"train": 0, "test": 0}
    taken: dict[str, list[tuple[np.ndarray, int, str]]] = {"train": [], "test": []}
    for shot, truth in zip(shots, truths, strict=True):
        label, split = shot.extra["label"], shot.extra["split"]
        image = cv2.resize(cv2.imread(str(folder / shot.file)), (PIXELS, PIXELS), interpolation=cv2.INTER_AREA)
        name = f"{CLASSES[label][0]}_s_{shot.scene.seed % 10**6:06d}.png"
        taken[split].append((image[..., ::-1].transpose(2, 0, 1).ravel(), names.index(label), name))
        _reduced(truth, f"unpacked/{split}/{label}/{counted[split]:05d}.png")
        counted[split] += 1
        (folder / shot.file).unlink()
    (folder / "shots").rmdir()
    for i, part in enumerate(np.array_split(np.arange(counted["train"]), 5), 1):
        _batch(native / f"data_batch_{i}", f"training batch {i} of 5", [taken["train"][k] for k in part])
    _batch(native / "test_batch", "testing batch 1 of 1", taken["test"])
    meta = {b"num_cases_per_batch": counted["train"] // 5, b"label_names": [n.encode() for n in names], b"num_vis": 3072}  # fmt: skip
    _dump(native / "batches.meta", meta)
    captions_csv(folder, shots, truths)


def _reduced(truth: dict, file: str) -> None:
    """The truth of the photograph as that of the small picture in `file`."""
    k = PIXELS / TAKEN
    truth["image_id"], truth["file"] = f"cifar10/{file}", file
    truth["facts"] |= {"width": PIXELS, "height": PIXELS}
    for thing in truth["objects"]:
        thing["box_xyxy"] = [k * v for v in thing["box_xyxy"]]
        thing["area"] *= k * k
        thing["segmentation"] = [[k * v for v in outline] for outline in thing["segmentation"]]
        thing["parts"] = {name: [k * v for v in box] for name, box in thing["parts"].items()}


def _batch(path: Path, title: str, rows: list[tuple[np.ndarray, int, str]]) -> None:
    data = np.array([row[0] for row in rows], np.uint8).reshape(len(rows), 3 * PIXELS**2)
    labels, files = [row[1] for row in rows], [row[2].encode() for row in rows]
    _dump(path, {b"batch_label": title.encode(), b"labels": labels, b"data": data, b"filenames": files})


def _dump(path: Path, content: dict) -> None:
    path.write_bytes(pickle.dumps(content, protocol=2))
