"""What every layout needs: the photograph to take, captions beside it, boxes and masks as COCO writes them."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from utils.reef.scenes import Scene

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@dataclass
class Shot:
    """One photograph to take: its plan, its file below the root, and what its layout wants to know besides."""

    scene: Scene
    file: str
    levels: tuple[str, ...] = ("coarse", "medium", "fine")
    extra: dict = field(default_factory=dict)
    gain: float = 1.0


def captions_csv(folder: Path, shots: list[Shot], truths: list[dict]) -> None:
    """Captions of a layout that has no place for them, beside its native files."""
    with open(folder / "captions.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["image_id", "caption", "source"])
        table.writerows([truth["image_id"], c["caption"], "ReefWorld"] for truth in truths for c in truth["captions"])


def dump(path: Path, value: dict) -> None:
    """Write JSON; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def xywh(box: list[float]) -> list[float]:
    """[x0, y0, x1, y1] as COCO's [x, y, width, height]."""
    return [box[0], box[1], box[2] - box[0], box[3] - box[1]]


def run_lengths(mask: np.ndarray) -> dict:
    """COCO's uncompressed run-length encoding of a mask (h, w) bool: {"size": [h, w], "counts": [zeros, ones, ...]}."""
    flat = np.concatenate([[False], mask.flatten(order="F")])
    edges = np.concatenate([np.flatnonzero(flat[1:] != flat[:-1]), [mask.size]])
    return {"size": list(mask.shape), "counts": [int(c) for c in np.diff(edges, prepend=0)]}


def random_name(rng: np.random.Generator, length: int = 10) -> str:
    """Letters without meaning, as the names of the published turtle photos."""
    return "".join(_LETTERS[i] for i in rng.integers(0, len(_LETTERS), length))
