"""Figures made of photographs: contact sheet, retrieval grid, search poster."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from utils import files
from utils.plots.style import COLOURS, GREY, INK, PALE, PAPER, RIGHT, SERIF, WRONG, figure, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL import Image

DOTS = 160  # picture dots an inch: a little more than a saved figure has


def contact_sheet(
    images: Sequence[Any],
    titles: Sequence[str] | None = None,
    columns: int = 6,
    title: str | None = None,
    lines: int = 2,
) -> Figure:
    """Images in rows of `columns`, each whole in a square cell, with at most `lines` lines of text below each.

    Raises:
        ValueError: no images, or not one title an image.
    """
    if not len(images) or (titles is not None and len(titles) != len(images)):
        given = "no titles" if titles is None else f"{len(titles)} titles"
        raise ValueError(f"contact_sheet: {len(images)} images and {given}; it needs images, and one title each")
    below = [] if titles is None else [wrapped(text, 24, lines) for text in titles]
    lines = max((text.count("\n") + 1 for text in below), default=0)
    cell, gap, caption, top = 1.7, 0.12, 0.16 * lines + 0.04, 0.5 if title else 0.12
    columns = min(columns, len(images))
    rows = math.ceil(len(images) / columns)
    page = _Page(columns * (cell + gap) + gap, top + rows * (cell + caption + gap))
    page.title(title, gap)
    for i, image in enumerate(images):
        x, y = gap + i % columns * (cell + gap), top + i // columns * (cell + caption + gap)
        page.framed(image, x, y, cell)
        if below:
            page.text(x, y + cell + 0.05, below[i], fontsize=8.5, color=GREY, va="top")
    return page.fig


def boxed(image: Any, boxes_xyxy: Sequence[Sequence[float]], colours: Sequence[str] = COLOURS) -> Image.Image:
    """The image with a frame round each box, in the colours' order.

    Args:
        image: path, PIL image or (h, w, 3) array.
        boxes_xyxy: (n, 4) pixels of the image.
        colours: names or hex values; they start again when there are more boxes.
    """
    from PIL import Image, ImageDraw

    if isinstance(image, (str, Path)):
        image = files.load_image(image)
    picture = image.copy() if isinstance(image, Image.Image) else Image.fromarray(np.asarray(image))
    zoom = max(1, round(480 / max(picture.size)))  # small pictures are enlarged, so that a frame stays thin
    picture = picture.convert("RGB").resize((zoom * picture.width, zoom * picture.height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for i, box in enumerate(boxes_xyxy):
        x0, y0, x1, y1 = (round(zoom * value) for value in box)
        draw.rectangle(
            (x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=colours[i % len(colours)], width=max(2, 2 * zoom)
        )
    return picture


def retrieval_grid(
    queries: Sequence[Any],
    gallery: Sequence[Any],
    scores: Any,
    index: Any,
    relevant: Any = None,
    k: int = 6,
    title: str | None = None,
) -> Figure:
    """One row a query, its best images from left to right, scores below.

    Right answers are framed green with a tick, wrong ones vermilion with a cross.

    Args:
        queries: m sentences, or m images that ask (Path or picture; a string is a sentence).
        gallery: n images.
        scores: (m, >= 1) float, as `search.top_k` returns them.
        index: (m, >= 1) int, rows of the gallery.
        relevant: (m, n) bool, or None where right and wrong are not known (grey frames).
        k: images a row at most.
        title: line above the grid.

    Raises:
        ValueError: shapes do not match.
    """
    scores, index, marks = _answers(queries, scores, index, relevant, k)
    cell, gap, foot, side, top = 1.45, 0.16, 0.27, 2.35, 0.55 if title else 0.12
    pitch = cell + foot + gap
    page = _Page(side + index.shape[1] * (cell + gap) + 0.1, top + len(queries) * pitch)
    page.title(title, 0.12)
    for (i, j), mark in np.ndenumerate(marks):
        x, y = side + j * (cell + gap), top + i * pitch
        if j == 0:
            _query(page, queries[i], y, cell)
        colour = {"✓": RIGHT, "✗": WRONG}.get(mark, GREY)
        page.framed(gallery[index[i, j]], x, y, cell, colour, 3.0 if mark else 1.0)
        score = f"{mark} {scores[i, j]:.3f}".strip()
        look = {"fontsize": 9.5, "fontweight": "bold", "ha": "center", "va": "top"}
        page.text(x + cell / 2, y + cell + 0.07, score, color=colour, **look)
    return page.fig


def _query(page: _Page, query: Any, y: float, cell: float) -> None:
    """What asks, at the left of its row."""
    if isinstance(query, str):
        page.text(0.12, y + cell / 2, wrapped(query, 24, 7), fontsize=10.5, va="center", linespacing=1.35)
    else:
        page.framed(query, 0.35, y, cell, GREY, 1.0)


def search_poster(
    queries: Sequence[str], gallery: Sequence[Any], scores: Any, index: Any, relevant: Any = None, k: int = 6
) -> Figure:
    """The picture of a search: every sentence in a search box, its best images in a strip below it.

    Arguments and errors as in `retrieval_grid`; with `relevant` each image carries a small tick or cross.
    """
    scores, index, marks = _answers(queries, scores, index, relevant, k)
    w, h, gap, margin, pitch = 1.84, 1.42, 0.14, 0.42, 2.62
    wide = index.shape[1] * (w + gap) - gap
    page = _Page(wide + 2 * margin, margin + len(queries) * pitch - 0.08, PAPER)
    for (i, j), mark in np.ndenumerate(marks):
        x, y = margin + j * (w + gap), margin + i * pitch
        if j == 0:
            page.search_box(x, y, wide, queries[i])
        page.card(gallery[index[i, j]], x, y + 0.7, w, h, mark)
        score = f"{scores[i, j]:.3f}"
        page.text(x + w / 2, y + h + 0.76, score, fontsize=9, color=GREY, ha="center", va="top")
    return page.fig


def _answers(queries: Sequence[str], scores: Any, index: Any, relevant: Any, k: int) -> tuple[Any, Any, Any]:
    """Checked (m, k) scores and gallery rows, and (m, k) marks: tick, cross, or nothing where unknown."""
    scores, index = np.atleast_2d(scores)[:, :k], np.atleast_2d(index)[:, :k]
    if not index.size or scores.shape != index.shape or len(scores) != len(queries):
        shapes = f"scores {scores.shape} and index {index.shape}"
        raise ValueError(f"{len(queries)} queries, {shapes}: one row of scores and of index a query is needed")
    if relevant is None:
        return scores, index, np.full(index.shape, "")
    right = np.take_along_axis(np.atleast_2d(relevant).astype(bool), index, axis=1)
    return scores, index, np.where(right, "✓", "✗")


class _Page:
    """A figure addressed in inches from its upper left corner."""

    def __init__(self, width: float, height: float, ground: str = "white"):
        from matplotlib.patches import Rectangle

        self.width, self.height = width, height
        self.fig = figure(width, height, facecolor=ground)
        # An artist of full size keeps the margins where a front end crops the figure to its content.
        self.fig.add_artist(Rectangle((0, 0), 1, 1, transform=self.fig.transFigure, color=ground, lw=0, zorder=-9))

    def axes(self, x: float, y: float, w: float, h: float) -> Axes:
        """Axes without ticks whose data units are inches, origin below left."""
        place = (x / self.width, 1 - (y + h) / self.height, w / self.width, h / self.height)
        ax = self.fig.add_axes(place)
        ax.set(xticks=[], yticks=[], xlim=(0, w), ylim=(0, h))
        return ax

    def text(self, x: float, y: float, text: str, **look: Any) -> None:
        self.fig.text(x / self.width, 1 - y / self.height, text, parse_math=False, **look)

    def title(self, text: str | None, x: float) -> None:
        if text:
            self.text(x, 0.27, text, fontsize=13, fontweight="bold", va="center")

    def framed(self, image: Any, x: float, y: float, side: float, frame: str = PALE, line: float = 1.0) -> None:
        """The whole image in a square with a frame."""
        ax = self.axes(x, y, side, side)
        ax.imshow(_pixels(image, side, side), extent=(0, side, 0, side))
        for spine in ax.spines.values():
            spine.set(visible=True, color=frame, linewidth=line)

    def card(self, image: Any, x: float, y: float, w: float, h: float, mark: str) -> None:
        """The image cropped to w x h with round corners and a small badge below right."""
        from matplotlib.patches import FancyBboxPatch

        ax = self.axes(x, y, w, h)
        ax.axis("off")
        shown = ax.imshow(_pixels(image, w, h, cover=True), extent=(0, w, 0, h))
        inner = {"boxstyle": "round,pad=0.09", "transform": ax.transData}
        shown.set_clip_path(FancyBboxPatch((0.09, 0.09), w - 0.18, h - 0.18, **inner))
        if mark:
            ax.plot(w - 0.2, 0.2, "o", ms=15, mfc=RIGHT if mark == "✓" else WRONG, mec="white", mew=1.4)
            look = {"fontsize": 8.5, "fontweight": "bold", "ha": "center", "va": "center_baseline"}
            ax.text(w - 0.2, 0.2, mark, color="white", **look)

    def search_box(self, x: float, y: float, most: float, text: str) -> None:
        """A sentence with a magnifying glass in a rounded box of at most `most` inches."""
        from matplotlib.patches import Circle, FancyBboxPatch

        line, taken = _fitted(wrapped(text, 300, 1), most - 1.0)
        ax = self.axes(x, y, taken + 1.0, 0.52)
        ax.axis("off")
        look = {"boxstyle": "round,pad=0.245", "fc": "white", "ec": "#cfd8df", "lw": 1.2}
        ax.add_patch(FancyBboxPatch((0.26, 0.26), taken + 0.48, 0.001, **look))
        ax.add_patch(Circle((0.33, 0.285), 0.075, fill=False, ec=COLOURS[0], lw=2.0))
        ax.plot([0.385, 0.455], [0.228, 0.158], color=COLOURS[0], lw=2.4, solid_capstyle="round")
        words = {"fontsize": 17, "family": SERIF, "color": INK, "va": "center_baseline"}
        ax.text(0.62, 0.262, line, parse_math=False, **words)


def _pixels(image: Any, w: float, h: float, cover: bool = False) -> np.ndarray:
    """(h, w, 3) uint8 at DOTS an inch: the whole image on pale ground, or with `cover` cropped to fill."""
    from PIL import Image, ImageOps

    if isinstance(image, (str, Path)):
        image = files.load_image(image)
    picture = image if isinstance(image, Image.Image) else Image.fromarray(np.asarray(image))
    picture, size, way = picture.convert("RGB"), (round(w * DOTS), round(h * DOTS)), Image.Resampling.LANCZOS
    return np.asarray(ImageOps.fit(picture, size, way) if cover else ImageOps.pad(picture, size, way, PAPER))


def _fitted(text: str, inches: float) -> tuple[str, float]:
    """Text cut with an ellipsis to a width in inches in the poster's serif face, and the width it takes."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    def width(line: str) -> float:
        # TextPath has no switch for formulas as Text has; an escaped dollar is a dollar.
        path = TextPath((0, 0), line.replace("$", r"\$"), size=17, prop=FontProperties(family=SERIF))
        return path.get_extents().width / 72

    while (taken := width(text)) > inches:
        text = text[: min(len(text) - 2, int(len(text) * inches / taken))].rstrip() + "…"
    return text, taken
