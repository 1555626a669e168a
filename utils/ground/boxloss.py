"""Losses between predicted and true boxes, (n, 4) in normalised cxcywh: distances, overlap, and their sums by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    Loss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

TINY = 1e-7  # keeps the share of nothing in nothing finite; far below the area of a pixel


def xyxy(boxes: torch.Tensor) -> torch.Tensor:
    """Boxes (..., 4) from centre, width and height to x0, y0, x1, y1."""
    import torch

    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def cxcywh(boxes: torch.Tensor) -> torch.Tensor:
    """Boxes (..., 4) from x0, y0, x1, y1 to centre, width and height."""
    import torch

    low, high = boxes[..., :2], boxes[..., 2:]
    return torch.cat([(low + high) / 2, high - low], dim=-1)


def mse(pred: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Mean squared difference over boxes and coordinates, the seed's loss.

    Args:
        pred: (n, 4) float, cxcywh in [0, 1].
        true: the same.

    Returns:
        Scalar, from 0.

    Raises:
        ValueError: no box, or shapes that are not both (n, 4).
    """
    _check(pred, true)
    return (pred - true).square().mean()


def l1(pred: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Absolute difference, summed over the four coordinates and averaged over boxes (Carion et al. 2020, DETR).

    Arguments and errors as of `mse`.
    """
    _check(pred, true)
    return (pred - true).abs().sum(dim=1).mean()


def iou_loss(pred: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """1 - IoU, averaged over boxes: in [0, 1].

    Boxes that do not overlap get no gradient from it, however near they are; alone it teaches nothing there. Take it
    beside a distance ("mse+iou"), or take `giou_loss`. Arguments and errors as of `mse`.
    """
    _check(pred, true)
    return (1 - _overlap(xyxy(pred), xyxy(true))[0]).mean()


def giou_loss(pred: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """1 - generalised IoU, averaged over boxes: in [0, 2] (Rezatofighi et al. 2019, algorithm 1).

    The share of the smallest enclosing box that neither of the two covers is added, so that boxes apart are pulled
    together. Arguments and errors as of `mse`.
    """
    import torch

    _check(pred, true)
    a, b = xyxy(pred), xyxy(true)
    overlap, union = _overlap(a, b)
    hull = _area(torch.minimum(a[:, :2], b[:, :2]), torch.maximum(a[:, 2:], b[:, 2:]))
    return (1 - overlap + (hull - union) / hull.clamp(min=TINY)).mean()


PARTS: dict[str, Loss] = {"mse": mse, "l1": l1, "iou": iou_loss, "giou": giou_loss}


def named(name: str) -> Loss:
    """The sum of the losses that a name joins by "+", all with weight 1: "mse", "mse+iou", "l1+giou" (TransVG).

    Returns:
        A function of pred and true, (n, 4) float cxcywh each, to a scalar.

    Raises:
        ValueError: an unknown part, or one that stands twice.
    """
    parts = name.split("+")
    if unknown := [part for part in parts if part not in PARTS]:
        raise ValueError(f"unknown loss {unknown[0]!r} in {name!r}: join some of {', '.join(PARTS)} by '+'")
    if len(set(parts)) < len(parts):
        raise ValueError(f"the loss {name!r} names a part twice: each counts once")
    return lambda pred, true: sum(PARTS[part](pred, true) for part in parts)


def _check(pred: torch.Tensor, true: torch.Tensor) -> None:
    if pred.shape != true.shape or pred.ndim != 2 or pred.shape[1] != 4 or not len(pred):
        shapes = f"{tuple(pred.shape)} and {tuple(true.shape)}"
        raise ValueError(f"boxes have shapes {shapes}; both must be (n, 4), n from 1")


def _overlap(a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """IoU and union (n,) of boxes in xyxy."""
    import torch

    common = _area(torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:]))
    union = _area(a[:, :2], a[:, 2:]) + _area(b[:, :2], b[:, 2:]) - common
    return common / union.clamp(min=TINY), union


def _area(low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    sides = (high - low).clamp(min=0)
    return sides[:, 0] * sides[:, 1]
