"""Boxes: intersection over union, and grounding by one predicted box a sentence, its proposals and its crops."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.metrics.checks import as_boxes, as_matrix, as_rows
from utils.metrics.intervals import bootstrap

Boxes = Sequence[ArrayLike | None]


def iou(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """Intersection over union of boxes_xyxy, (..., 4) each, broadcast against each other: (...) in [0, 1].

    A box without area (flat, inverted or NaN) overlaps with nothing. All against all: `iou(a[:, None], b)`.

    >>> float(iou([0, 0, 2, 2], [1, 0, 3, 2]).round(3))
    0.333
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape[-1:] != (4,) or b.shape[-1:] != (4,):
        raise ValueError(f"boxes have shapes {a.shape} and {b.shape}; the last axis must be x0, y0, x1, y1.")
    common = _area(np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:]))
    union = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - common
    return np.divide(common, union, out=np.zeros_like(union), where=common > 0)


def _area(low: NDArray, high: NDArray) -> NDArray[np.float64]:
    sides = np.nan_to_num(high - low, nan=0.0).clip(0)
    return sides[..., 0] * sides[..., 1]


def overlaps(pred_boxes: Boxes, true_boxes: ArrayLike) -> NDArray[np.float64]:
    """IoU of each predicted box with the true one of its sentence, (n,) in [0, 1].

    Args:
        pred_boxes: n boxes_xyxy; None or NaN where nothing was found counts as IoU 0.
        true_boxes: (n, 4) boxes_xyxy with an area.

    Raises:
        ValueError: no boxes, unequal numbers, or a true box without area.
    """
    pred = np.array([[np.nan] * 4 if box is None else box for box in pred_boxes], np.float64).reshape(-1, 4)
    true = as_boxes(as_matrix(true_boxes, "true_boxes"), "true_boxes")
    if pred.shape != true.shape:
        raise ValueError(f"pred_boxes has shape {pred.shape}, true_boxes {true.shape}; both must be (n, 4).")
    return iou(pred, true)


def grounding(pred_boxes: Boxes, true_boxes: ArrayLike, levels: Sequence[float] = (0.5,)) -> dict[str, float]:
    """`acc@0.5` (share with IoU >= 0.5) and `mIoU` of one predicted box a sentence.

    A box of exactly 0.5 is right, as in MDETR and CLIP-VG; ReCLIP counts those above 0.5 only.

    Args:
        pred_boxes: n boxes_xyxy; None or NaN where nothing was found counts as IoU 0.
        true_boxes: (n, 4) boxes_xyxy with an area.
        levels: IoU in (0, 1], an accuracy each: of (0.25, 0.5, 0.75) `acc@0.25`, `acc@0.5` and `acc@0.75`.

    Raises:
        ValueError: no boxes, unequal numbers, a true box without area, or a level out of range.
    """
    overlap = overlaps(pred_boxes, true_boxes)
    found = {f"acc@{level:g}": float((overlap >= _level(level)).mean()) for level in levels}
    return found | {"mIoU": float(overlap.mean())}


def best_overlaps(boxes_by_sentence: Boxes, true_boxes: ArrayLike) -> NDArray[np.float64]:
    """The IoU that the best of a sentence's proposals has with the true box, (n,) in [0, 1].

    Args:
        boxes_by_sentence: n times (k, 4) boxes_xyxy; None or no box is IoU 0.
        true_boxes: (n, 4) boxes_xyxy with an area.

    Raises:
        ValueError: as `overlaps`, or proposals of another shape.
    """
    true = as_boxes(as_matrix(true_boxes, "true_boxes"), "true_boxes")
    if len(boxes_by_sentence) != len(true):
        raise ValueError(
            f"proposals for {len(boxes_by_sentence)} sentences, but {len(true)} true boxes; give one each."
        )
    several = (np.zeros((0, 4)) if boxes is None else np.asarray(boxes, np.float64) for boxes in boxes_by_sentence)
    several = (boxes if boxes.size else boxes.reshape(-1, 4) for boxes in several)
    return np.array([iou(boxes, box).max(initial=0.0) for boxes, box in zip(several, true, strict=True)])


def proposal_recall(boxes_by_sentence: Boxes, true_boxes: ArrayLike, at: float = 0.5) -> float:
    """The share of sentences with a proposal of IoU >= `at`: what no choice among the proposals can exceed.

    Arguments and errors as in `best_overlaps`; `at` is in (0, 1].
    """
    return float((best_overlaps(boxes_by_sentence, true_boxes) >= _level(at)).mean())


def grounding_table(
    overlap: ArrayLike,
    images: Sequence,
    by: Sequence,
    order: Sequence | None = None,
    level: float = 0.5,
    seed: int = 0,
) -> list[dict]:
    """The accuracy of each kind of sentence, its 95 % interval by a bootstrap of whole images.

    A bin of one image, or with all or none right, has an interval without width: there `n` and `images` say how little it
    means.

    Args:
        overlap: (n,) IoU of each sentence, of `overlaps`.
        images: n names; the sentences of one image are drawn together.
        by: n bins, such as what decides a sentence or how many rivals there are; None or NaN belongs to no bin.
        order: of the bins; by default sorted. An empty bin is left out.
        level: least IoU of a right answer, in (0, 1].
        seed: of the bootstrap.

    Returns:
        A row a bin, ready for `pandas.DataFrame` and `plots.bars_by_bin`: bin, value (accuracy), ci_low, ci_high, mIoU,
        n (sentences), images.

    Raises:
        ValueError: lengths differ, no sentence, an overlap outside [0, 1], or a level out of range.
    """
    overlap, images, by = np.asarray(overlap, np.float64), _row(images), _row(by)
    as_rows(overlap=overlap, images=images, by=by)
    if not ((overlap >= 0) & (overlap <= 1)).all():
        raise ValueError(f"overlap holds {overlap[~((overlap >= 0) & (overlap <= 1))][0]}; IoU is in [0, 1].")
    right, rows = overlap >= _level(level), []
    for name in sorted({name for name in by if name is not None and name == name}) if order is None else order:
        own = np.array([other == name for other in by])
        if own.any():
            found = bootstrap(right[own], images[own], seed=seed)
            rest = {"mIoU": float(overlap[own].mean()), "n": int(own.sum()), "images": len(set(images[own]))}
            rows.append({"bin": name, "value": found.pop("mean"), **found, **rest})
    return rows


def crop_likeness(pred_emb: ArrayLike, true_emb: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """How much the picked crop looks like the true one to an encoder, sentence by sentence.

    Args:
        pred_emb: (n, d) float, embeddings of the picked crops.
        true_emb: (n, d) float, of the true boxes' crops.

    Returns:
        `crop_cosine` (n,) in [-1, 1] and `crop_distance` (n,), Euclidean, of the embeddings as they are given; of those
        of unit length it is in [0, 2] and says the same as the cosine.

    Raises:
        ValueError: shapes differ, none, NaN, or an embedding of length 0.
    """
    pred, true = (
        as_matrix(emb, name).astype(np.float64) for emb, name in ((pred_emb, "pred_emb"), (true_emb, "true_emb"))
    )
    if pred.shape != true.shape:
        raise ValueError(f"pred_emb has shape {pred.shape}, true_emb {true.shape}; give a crop of both a sentence.")
    lengths = np.linalg.norm(pred, axis=1) * np.linalg.norm(true, axis=1)
    if not lengths.all():
        raise ValueError(
            f"row {int(np.flatnonzero(lengths == 0)[0])} holds an embedding of length 0; it has no cosine."
        )
    cosine = ((pred * true).sum(axis=1) / lengths).clip(-1, 1)
    return {"crop_cosine": cosine, "crop_distance": np.linalg.norm(pred - true, axis=1)}


def _row(names: Sequence) -> NDArray[np.object_]:
    """Names as a row, whatever they are."""
    row = np.empty(len(names), object)
    row[:] = list(names)
    return row


def _level(level: float) -> float:
    if not 0 < level <= 1:
        raise ValueError(f"{level} is no level of IoU; give one in (0, 1].")
    return level
