"""Writers: ReefWorld on disk, each data set in its native layout with `truth.jsonl` and, where due, `captions.csv`.

A data set is photographed in parallel into a temporary folder that takes its final name at the end: what exists is whole.
"""

from __future__ import annotations

import inspect
import json
from numbers import Integral
from pathlib import Path

import cv2
import numpy as np

from utils.files import atomic_folder
from utils.reef.layouts import LAYOUTS
from utils.reef.layouts.common import Shot, run_lengths
from utils.reef.world import in_parallel, record

_MASKED = ("sea_turtles", "turtle_portraits")  # whose annotations hold masks
_STREAMS = {name: i for i, name in enumerate(LAYOUTS, 1)}


def write(
    name: str, root: str | Path, seed: int = 0, workers: int | None = None, progress: bool = True, **sizes: int
) -> Path:
    """Write the data set `name` below the folder `root`, unless it is there already.

    Args:
        name: a name in LAYOUTS.
        root: the data set's own folder; made whole or not at all.
        seed: of the world; the same seed gives the same bytes whatever the number of workers.
        workers: processes, by default one a core.
        progress: show a bar.
        sizes: `images`, and `individuals` for sea_turtles and turtle_portraits.

    Returns:
        The folder. Beside the native files stands truth.jsonl: one object a line with image_id, file, facts, objects
        and captions (caption, level, claims).

    Raises:
        ValueError: unknown name, or sizes that the data set does not take; the message lists the known ones.
        PermissionError: the folder above cannot be written.
    """
    if name not in LAYOUTS:
        raise ValueError(f"ReefWorld has no data set {name!r}; known: {', '.join(LAYOUTS)}")
    root = Path(root)
    if root.exists():
        return root
    plan, finish = LAYOUTS[name]
    known = [size for size in inspect.signature(plan).parameters if size != "seed"]
    if sizes.keys() != set(known) or not all(isinstance(size, Integral) and size >= 1 for size in sizes.values()):
        raise ValueError(f"{name} takes {' and '.join(known)}, whole numbers from 1 up; found {sizes or 'none'}")
    shots = plan(seed * 10 + _STREAMS[name], **sizes)
    with atomic_folder(root) as folder:
        truths = _photograph(name, folder, shots, workers, f"ReefWorld: {name}" if progress else None)
        finish(folder, shots, truths)
        for truth in truths:
            for thing in truth["objects"]:
                thing.pop("runs", None)
        _lines(folder / "truth.jsonl", truths)
    return root


def _photograph(name: str, folder: Path, shots: list[Shot], workers: int | None, progress: str | None) -> list[dict]:
    truths = []
    jobs = [(name, shot) for shot in shots]
    for shot, (jpeg, truth) in zip(shots, in_parallel(_take, jobs, workers, progress), strict=True):
        path = folder / shot.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg)
        truths.append(truth)
    return truths


def _take(job: tuple[str, Shot]) -> tuple[bytes, dict]:
    name, shot = job
    image, truth = record(shot.scene, f"{name}/{shot.file}", shot.file, shot.levels)
    if shot.gain != 1.0:
        image = np.clip(image.astype(np.float32) * shot.gain, 0, 255).astype(np.uint8)
    for thing in truth["objects"]:
        masks = thing.pop("masks")
        if name in _MASKED and thing["identity"]:
            thing["runs"] = {part: run_lengths(mask) for part, mask in masks.items()}
    quality = [] if shot.file.endswith(".png") else [cv2.IMWRITE_JPEG_QUALITY, 82 + shot.scene.seed % 12]
    return cv2.imencode(Path(shot.file).suffix.lower(), image[..., ::-1], quality)[1].tobytes(), truth


def _lines(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
