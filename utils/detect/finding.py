"""Boxes in photographs: candidates kept by content, so that another threshold costs nothing; and the true boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from utils import config, files
from utils.detect.detectors import LEAST, MOST, SAME, Detector, Raw, kept
from utils.embed.store import Store

if TYPE_CHECKING:
    import pandas as pd

BATCH = 16  # images in memory
SAVED = 256  # a run that is killed loses no more than these


@dataclass(frozen=True)
class Found:
    """What was found in a picture, best first; its length is the number of things.

    Attributes:
        boxes_xyxy: (k, 4) float32, pixels of the upright picture as `files.load_image` gives it.
        scores: (k,) float32 in [0, 1].
        labels: k names of classes.
    """

    boxes_xyxy: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    scores: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    labels: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.labels)


class _Rows(NamedTuple):
    """What `Store` asks for: a row is the candidates of an image, x0 y0 x1 y1 score label each, then zeros."""

    fingerprint: str
    dim: int = 6 * MOST


def boxes(
    detector: Detector,
    paths: Sequence[str | Path],
    confidence: float = 0.25,
    iou: float = 0.7,
    most: int = 100,
    cache: bool = True,
    progress: bool = False,
) -> list[Found]:
    """Things in photographs, by the same rules whichever the detector.

    All candidates of a score from 0.001 up are kept below `artifacts/detections`, by the file's content and the
    detector, so that calls with another confidence, iou or most do not run the model.

    Args:
        detector: of `load`.
        paths: n image files, or one.
        confidence: least score, in [0.001, 1].
        iou: of two boxes of one class that overlap by more only the better stays (greedy non-maximum suppression); in
            [0, 0.9], as candidates that overlap by more than 0.9 are one already.
        most: things in a picture, 1 to 300.
        cache: read and write the kept candidates.
        progress: show a bar.

    Returns:
        n times what was found; nothing is boxes of shape (0, 4).

    Raises:
        ValueError: images that cannot be read, named (the others are kept by then), or a setting out of range.
    """
    if not (LEAST <= confidence <= 1 and 0 <= iou <= SAME and 1 <= most <= MOST):
        wanted = f"give confidence in [{LEAST}, 1], iou in [0, {SAME}], most in [1, {MOST}]"
        raise ValueError(f"confidence {confidence}, iou {iou}, most {most}: {wanted}")
    paths = [paths] if isinstance(paths, (str, Path)) else list(paths)
    store = Store(_Rows(detector.fingerprint), cache, "detections")
    sums, bad = files.sums(paths)
    keys = [bytes.fromhex(key) for key in sums]
    todo = {key: path for path, key in zip(paths, keys, strict=True) if key and key not in store}
    try:
        for found, failed in _searched(detector, todo, progress):
            store.add(list(found), np.stack([_packed(raw) for raw in found.values()]) if found else np.zeros((0, 0)))
            bad |= failed
            if len(store.fresh) >= SAVED:
                store.save()
    finally:  # what an interrupted run has done is kept
        store.save()
    if bad:
        raise ValueError(f"{len(bad)} of {len(paths)} images have no boxes: {'; '.join(list(bad.values())[:3])}")
    return [_chosen(detector, row, confidence, iou, most) for row in store.rows(keys)]


def truth(frame: pd.DataFrame) -> list[Found]:
    """The boxes of a manifest as if a perfect detector had found them: score 1, in the manifest's order.

    Boxes round a crowd are left out. What is measured with these is the upper bound of every detector.
    """
    return [_true([box for box in boxes or [] if not box.get("crowd")]) for boxes in frame["boxes"]]


def _true(things: list[dict]) -> Found:
    corners = np.array([thing["box_xyxy"] for thing in things], np.float32).reshape(-1, 4)
    return Found(corners, np.ones(len(things), np.float32), [thing["label"] for thing in things])


def _searched(
    detector: Detector, todo: dict[bytes, str | Path], progress: bool
) -> Iterator[tuple[dict[bytes, Raw], dict[str, str]]]:
    """Batch by batch: candidates by key, and what could not be read by path."""
    from tqdm.auto import tqdm

    items = list(todo.items())
    with (
        ThreadPoolExecutor(config.load().budgets["embed"]["workers"]) as pool,
        tqdm(total=len(items), disable=not progress, unit="image", desc="detecting") as bar,
    ):
        for start in range(0, len(items), BATCH):
            part = items[start : start + BATCH]
            pictures = list(pool.map(_picture, (path for _, path in part)))
            bad = {str(path): read for (_, path), read in zip(part, pictures, strict=True) if isinstance(read, str)}
            good = {key: read for (key, _), read in zip(part, pictures, strict=True) if not isinstance(read, str)}
            yield dict(zip(good, detector.find(list(good.values())), strict=True)), bad
            bar.update(len(part))


def _picture(path: str | Path) -> np.ndarray | str:
    """Pixels (h, w, 3) uint8, or what is wrong with the file."""
    try:
        return np.asarray(files.load_image(path))
    except (ValueError, OSError) as error:
        return str(error) if str(path) in str(error) else f"{path}: {error}"


def _packed(raw: Raw) -> np.ndarray:
    row = np.zeros((MOST, 6), np.float32)
    row[: len(raw[0])] = np.column_stack(raw)
    return row.ravel()


def _chosen(detector: Detector, row: np.ndarray, confidence: float, iou: float, most: int) -> Found:
    rows = row.reshape(MOST, 6)
    rows = rows[rows[:, 4] >= np.float32(confidence)]
    corners, scores, labels = rows[:, :4], rows[:, 4], rows[:, 5].astype(np.int64)
    best = kept(corners, scores, labels, iou)[:most]
    return Found(corners[best], scores[best], [detector.classes[label] for label in labels[best]])
