"""Grounding shown: what a detector proposes, how each crop scores, what was picked; and where it failed, by cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from utils.metrics import overlaps
from utils.plots.captions import _broken
from utils.plots.frames import SMALL, TAG, answer, fitted, key, tags
from utils.plots.layers import _ground, _picture
from utils.plots.pictures import _Page
from utils.plots.style import GREY, PALE, RIGHT, WRONG, wrapped
from utils.plots.views import _ruler

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

WIDE, GAP, CELL, HIGH = 11.6, 0.14, 3.05, 2.35  # inches of the page, between things, of a picture
TOP, HEAD, FOOT, LINE = 0.12, 0.42, 0.4, 0.175  # inches above all, of a heading, of the key, of a line
TITLE, VERDICT = {"fontsize": 12.5, "fontweight": "bold"}, {"fontsize": 10.5, "fontweight": "bold"}
RIGHT_FROM = 0.5  # IoU
MOST_TAGS = 12  # proposals in a picture


class Grounded(NamedTuple):
    """A sentence, the box that it means, and what was made of it.

    Attributes:
        image: image.
        sentence: expression.
        true_box: (4,) box_xyxy in px of the image.
        pick: (4,) box_xyxy that was answered, or None.
        boxes_xyxy: (k, 4) proposals.
        labels: k names of their classes.
        confidences: (k,) float, the detector's.
        scores: (k,) float, how well each fits the sentence.
    """

    image: Any
    sentence: str
    true_box: Any
    pick: Any
    boxes_xyxy: Any = ()
    labels: Sequence[str] = ()
    confidences: Sequence[float] = ()
    scores: Sequence[float] = ()

    @property
    def iou(self) -> float:
        """IoU of the pick with the truth, 0 where nothing was picked."""
        return float(overlaps([self.pick], [self.true_box])[0])


def grounding_steps(rows: Sequence[Grounded], most: int = 7, score: str = "score") -> Figure:
    """A row a sentence, step by step: all proposals, the crops with their scores as bars, and the pick beside the truth.

    Args:
        rows: of `Grounded`, with proposals.
        most: crops a row; where there are more, those of best score, which is said. Of more than 12 proposals these alone
            have a frame.
        score: what the bars show.

    Raises:
        ValueError: no row, `most` below 1, or not one label, confidence and score a proposal.
    """
    if not rows or most < 1:
        raise ValueError(f"grounding_steps: {len(rows)} rows, {most} crops; give one of each at least")
    for row in rows:
        _check(row)
    pitch = HEAD + HIGH + 0.2
    page = _Page(WIDE, TOP + pitch * len(rows) + FOOT)
    for i, row in enumerate(rows):
        _steps(page, row, TOP + pitch * i, most, score)
    key(page, GAP, page.height - FOOT / 2)
    return page.fig


def grounding_gallery(groups: Mapping[str, Sequence[Grounded]], columns: int = 4, lines: int = 3) -> Figure:
    """Pictures with the true box and the pick, the IoU and the sentence below, under the name of each group.

    Args:
        groups: name, such as the cause of a failure -> its examples; a group without any is left out.
        columns: pictures in a row.
        lines: of a sentence at most.

    Raises:
        ValueError: no example, or columns or lines below 1.
    """
    groups = {name: list(rows) for name, rows in groups.items() if len(rows)}
    if not groups or min(columns, lines) < 1:
        given = f"{len(groups)} groups with examples, {columns} columns, {lines} lines"
        raise ValueError(f"grounding_gallery: {given}; give one of each at least")
    ruler, columns = _ruler(), max(2, min(columns, max(map(len, groups.values()))))
    wide = min(CELL, (WIDE - GAP) / columns - GAP)
    high = wide * HIGH / CELL
    said = {name: [_broken(ruler, row.sentence, wide, SMALL, lines) for row in rows] for name, rows in groups.items()}
    pitch = {name: high + 0.46 + LINE * (1 + max(text.count("\n") for text in own)) for name, own in said.items()}
    deep = {name: HEAD + pitch[name] * -(-len(rows) // columns) for name, rows in groups.items()}
    page, y = _Page(GAP + columns * (wide + GAP), TOP + sum(deep.values()) + FOOT), TOP
    for name, rows in groups.items():
        page.text(GAP, y + 0.2, _broken(ruler, name, page.width - 2 * GAP, TITLE, 1), va="center", **TITLE)
        for i, (row, text) in enumerate(zip(rows, said[name], strict=True)):
            place = GAP + i % columns * (wide + GAP), y + HEAD + i // columns * pitch[name]
            _panel(page, row, text, *place, wide, high)
        y += deep[name]
    key(page, GAP, page.height - FOOT / 2)
    return page.fig


def _check(row: Grounded) -> None:
    given = len(row.boxes_xyxy), len(row.labels), len(row.confidences), len(row.scores)
    if len(set(given)) > 1:
        wrong = "{} boxes, {} labels, {} confidences and {} scores".format(*given)
        raise ValueError(f"{wrong} for {row.sentence!r}: give one of each a proposal")


def _steps(page: _Page, row: Grounded, y: float, most: int, name: str) -> None:
    picture, strip = _picture(row.image), WIDE - 2 * CELL - 4 * GAP
    said = _broken(_ruler(), f"“{row.sentence}”", WIDE - 2 * GAP - 1.9, TITLE, 1)
    page.text(GAP, y + 0.2, said, va="center", **TITLE)
    _verdict(page, row, WIDE - GAP, y + 0.2, "right")
    boxes, best = (
        np.asarray(row.boxes_xyxy, float).reshape(-1, 4),
        np.argsort(-np.asarray(row.scores, float), kind="stable"),
    )
    shown, y = np.sort(best[:most]), y + HEAD
    tagged = shown if len(boxes) > MOST_TAGS else range(len(boxes))
    ax = fitted(page, picture, GAP, y, CELL, HIGH)
    _ground(ax, picture, 0)
    texts = [f"{i + 1} {row.labels[i]} {row.confidences[i]:.2f}" for i in tagged]
    tags(ax, picture, boxes[list(tagged)], texts)
    if len(boxes):
        _crops(page, picture, row, shown, 2 * GAP + CELL, y, strip, name)
    else:
        look = {"color": GREY, "ha": "center", "va": "center"}
        page.text(2 * GAP + CELL + strip / 2, y + HIGH / 2, "no proposal", **look, **SMALL)
    ax = fitted(page, picture, 3 * GAP + CELL + strip, y, CELL, HIGH)
    _ground(ax, picture, 0.25)
    answer(ax, row.true_box, row.pick)


def _crops(
    page: _Page, picture: Image.Image, row: Grounded, shown: np.ndarray, x: float, y: float, wide: float, name: str
) -> None:
    """Crops in the order of their numbers, above each its score as a bar; the pick's in its colour."""
    scores, step = np.asarray(row.scores, float), min(0.95, wide / len(shown))
    side, left = step - 0.1, x + (wide - step * len(shown)) / 2
    high = HIGH - side - 0.32
    low, top = min(0.0, scores[shown].min()), max(0.0, scores[shown].max())
    ax = page.axes(left, y + 0.2, step * len(shown), high - 0.2)
    ax.axis("off")
    ax.set(ylim=(low, top + 0.18 * (top - low) + 1e-9))
    ax.axhline(0, color=GREY, lw=1)
    for j, i in enumerate(shown):
        picked = row.pick is not None and np.allclose(row.boxes_xyxy[i], row.pick)
        colour, line, weight = (WRONG, 2.6, "bold") if picked else (GREY, 1.0, "normal")
        middle = (j + 0.5) * step
        ax.bar(middle, scores[i], 0.62 * step, color=WRONG if picked else PALE, ec=colour, lw=0.8)
        number = f"{np.round(scores[i], 2) + 0.0:.2f}"  # no "-0.00"
        ax.text(middle, max(scores[i], 0.0), number, fontsize=8.5, ha="center", va="bottom", fontweight=weight)
        page.framed(_crop(picture, row.boxes_xyxy[i]), left + j * step + 0.05, y + high + 0.06, side, colour, line)
        page.text(left + middle, y + HIGH - 0.16, str(i + 1), ha="center", va="center", **TAG)
    more = f"{name}, the {len(shown)} best of {len(scores)}" if len(shown) < len(scores) else name
    page.text(x + wide / 2, y + 0.08, wrapped(more, 60, 1), color=GREY, ha="center", va="center", **SMALL)


def _panel(page: _Page, row: Grounded, said: str, x: float, y: float, wide: float, high: float) -> None:
    picture = _picture(row.image)
    ax = fitted(page, picture, x, y, wide, high)
    _ground(ax, picture, 0)
    answer(ax, row.true_box, row.pick)
    _verdict(page, row, x, y + high + 0.15)
    page.text(x, y + high + 0.28, said, va="top", linespacing=1.25, **SMALL)


def _verdict(page: _Page, row: Grounded, x: float, y: float, ha: str = "left") -> None:
    """Tick or cross, and the IoU."""
    good = row.iou >= RIGHT_FROM
    said = "no pick" if row.pick is None else f"IoU {row.iou:.2f}"
    page.text(x, y, f"{'✓' if good else '✗'} {said}", color=RIGHT if good else WRONG, va="center", ha=ha, **VERDICT)


def _crop(picture: Image.Image, box: Any) -> Image.Image:
    """The part in a box, rounded outwards and inside the picture, one px at least."""
    edge = np.array(picture.size)
    corners = np.asarray(box, float).reshape(2, 2)
    start = np.clip(np.floor(corners[0]), 0, edge - 1).astype(int)
    end = np.maximum(np.clip(np.ceil(corners[1]), 0, edge).astype(int), start + 1)
    return picture.crop((*start.tolist(), *end.tolist()))
