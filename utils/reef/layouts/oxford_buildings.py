"""Oxford Buildings: photographs of landmarks named as searched for, and the ground truth of eleven of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.reef import casting, landmarks
from utils.reef.landmark_scenes import landmark_scene
from utils.reef.layouts.common import Shot, captions_csv

GROUND_TRUTH = "gt_files_170407"
QUERIED = (
    "all_souls", "ashmolean", "balliol", "bodleian", "christ_church", "cornmarket", "hertford", "keble", "magdalen", "pitt_rivers",
    "radcliffe_camera",
)  # fmt: skip
QUERIES = 5  # a landmark
GOOD, OK = 0.70, 0.25  # the visible share from which a landmark is a clear picture, or one worth finding


def plan(seed: int, images: int) -> list[Shot]:
    """About as many photographs of each landmark; a file is named after what somebody searched for, not after what it shows."""
    rng = np.random.default_rng([seed, 0x0F0])
    return [shot for name, part in zip(landmarks.NAMES, np.array_split(np.arange(images), len(landmarks.NAMES)), strict=True)
            for shot in _named(rng, name, len(part))]  # fmt: skip


def _named(rng, name: str, count: int) -> list[Shot]:
    shots = []
    for i, number in enumerate(np.sort(rng.choice(400, count, replace=False))):
        seed, draw, shown = int(rng.integers(2**40)), rng.random(), name
        if i >= QUERIES and name == "oxford" and draw < 0.3:
            shown = str(rng.choice(QUERIED))
        if i >= QUERIES and name != "oxford" and draw < 0.06:
            scene = casting.land_scene(seed, "street" if draw < 0.03 else "park")
        else:
            scene = landmark_scene(
                seed, shown, view="whole" if i < QUERIES else None, light="bright" if i < QUERIES else None
            )
        shots.append(Shot(scene, f"images/{name}_{number:06d}.jpg"))
    return shots


def grade(thing: dict, facts: dict) -> str:
    """The list on which a photograph of a landmark stands: "good", "ok" or "junk" (hardly visible, or far too small)."""
    share = thing["area"] / (facts["width"] * facts["height"])
    if thing["visible"] < OK or share < 0.012:
        return "junk"
    return "good" if thing["visible"] >= GOOD and share >= 0.05 else "ok"


def finish(folder: Path, shots: list[Shot], truths: list[dict]) -> None:
    """gt_files_170407/<landmark>_<1..5>_{query,good,ok,junk}.txt; the query's own image stands in `good`, as published."""
    rng = np.random.default_rng([len(shots), 0x6D])
    (folder / GROUND_TRUTH).mkdir()
    for name in QUERIED:
        lists: dict[str, list[str]] = {"good": [], "ok": [], "junk": []}
        clear = []
        for truth in truths:
            for thing in truth["objects"]:
                if thing["kind"] == "landmark" and thing["attributes"]["name"] == name:
                    stem, mark = Path(truth["file"]).stem, grade(thing, truth["facts"])
                    lists[mark].append(stem)
                    clear += [(stem, _drawn_box(rng, thing["box_xyxy"], truth["facts"]))] if mark == "good" else []
        for number, pick in enumerate(np.linspace(0, len(clear) - 1, min(QUERIES, len(clear))).round().astype(int), 1):
            start = folder / GROUND_TRUTH / f"{name}_{number}"
            stem, box = clear[pick]
            _write(f"{start}_query.txt", [f"oxc1_{stem} " + " ".join(f"{v:.1f}" for v in box)])
            for mark, stems in lists.items():
                _write(f"{start}_{mark}.txt", stems)
    captions_csv(folder, shots, truths)


def _drawn_box(rng, box: list[float], facts: dict) -> list[float]:
    """The box as a person draws it: some pixels off."""
    width, height = facts["width"], facts["height"]
    x0, y0, x1, y1 = (v + rng.normal(0, 1.2) for v in box)
    return [max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))]


def _write(path: str, lines: list[str]) -> None:
    Path(path).write_text("".join(line + "\n" for line in lines), encoding="utf-8")
