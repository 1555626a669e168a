"""Photographs under a wrong name, beside what they were taken for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from utils.plots.captions import _broken
from utils.plots.pictures import _Page
from utils.plots.style import GREY, PALE, RIGHT, WRONG
from utils.plots.views import _ruler

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GAP = 0.12  # inches
TITLE, HEAD = {"fontsize": 12, "fontweight": "bold"}, {"fontsize": 10.5, "fontweight": "bold"}
SMALL = {"fontsize": 9, "color": GREY}


class Misnamed(NamedTuple):
    """A photograph under a wrong name, and what training images it lies near.

    Attributes:
        photo: image.
        truth: its class.
        called: the class it was given.
        near_truth: (image, similarity) of the nearest training images of `truth`, nearest first.
        near_called: the same of `called`.
        confidence: probability of `called`.
    """

    photo: Any
    truth: str
    called: str
    near_truth: Sequence[tuple[Any, float]]
    near_called: Sequence[tuple[Any, float]]
    confidence: float | None = None


def confused_pairs(rows: Sequence[Misnamed], k: int = 4) -> Figure:
    """Misnamed photographs, each beside its nearest training images of the right class and of the one it was given.

    Args:
        rows: of `Misnamed`, such as one for each of the most confused pairs.
        k: neighbours of a class at most.

    Raises:
        ValueError: no photograph, one without any neighbour, or k below 1.
    """
    if not rows or k < 1 or not all(len(row.near_truth) and len(row.near_called) for row in rows):
        raise ValueError(f"confused_pairs: {len(rows)} photographs, k {k}; give one, with a neighbour of each class")
    k = min(k, max(max(len(row.near_truth), len(row.near_called)) for row in rows))
    cell, label, foot, head, ruler = 1.2, 0.3, 0.22, 0.42, _ruler()
    strip = label + cell + foot
    large, pitch = 2 * strip - label - foot, 2 * strip + head + 0.2
    left = GAP + large + 0.35
    page = _Page(max(left + k * (cell + GAP), left + 3.2), pitch * len(rows))
    for i, row in enumerate(rows):
        y = i * pitch + 0.1
        sure = "" if row.confidence is None else f" ({100 * row.confidence:.0f} % sure)"
        text = _broken(ruler, f"{row.truth}, called {row.called}{sure}", page.width - 2 * GAP, TITLE, 1)
        page.text(GAP, y + 0.16, text, va="center", **TITLE)
        y += head
        page.framed(row.photo, GAP, y + label, large, WRONG, 3.0)
        for name, near, colour in ((row.truth, row.near_truth, RIGHT), (row.called, row.near_called, WRONG)):
            said = _broken(ruler, f"nearest {name}", page.width - left - GAP, HEAD, 1)
            page.text(left, y + label - 0.07, said, color=colour, va="bottom", **HEAD)
            for j, (image, score) in enumerate(near[:k]):
                x = left + j * (cell + GAP)
                page.framed(image, x, y + label, cell, colour, 1.6)
                page.text(x + cell / 2, y + label + cell + 0.05, f"{score:.2f}", ha="center", va="top", **SMALL)
            y += strip
        if i:
            page.axes(GAP, i * pitch, page.width - 2 * GAP, 0.012).spines[:].set_color(PALE)
    return page.fig
