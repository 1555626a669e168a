"""Heat maps over pictures: where a model looks for what a sentence says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.plots.captions import _broken
from utils.plots.frames import PICK, SMALL, TRUTH, answer, fitted, key
from utils.plots.layers import _ground, _picture
from utils.plots.pictures import _Page
from utils.plots.style import GREY
from utils.plots.views import _ruler

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

MAP = "inferno"  # perceptually uniform
COLD, HOT = 0.35, 0.75  # share of the map in the colour of a cold and of a hot place; the rest is the picture
WIDE, GAP, CELL, LINE = 11.6, 0.14, 2.9, 0.175  # inches
TITLE = {"fontsize": 10, "linespacing": 1.2}
BAR = 1.6  # inches of the colour bar
READ = ("from the map", *PICK[1:])


def heat_overlay(image: Any, heat: Any, limits: tuple[float, float] | None = None) -> Image.Image:
    """The picture in grey with the heat over it, in the picture's size.

    Args:
        image: path, PIL image or array.
        heat: (h, w) float over the whole picture, of any size; enlarged bilinearly.
        limits: what the ends of the scale mean; by default the map's own least and greatest value. A map of one value is
            cold all over.

    Raises:
        ValueError: another shape, NaN or infinity, or limits that do not rise.
    """
    from PIL import Image

    picture, warm = _picture(image), _scaled(heat, limits)
    sized = Image.fromarray(warm.astype(np.float32)).resize(picture.size, Image.Resampling.BILINEAR)
    grey = np.asarray(picture.convert("L"), float)[..., None] / 255
    return Image.fromarray(np.round(255 * _mixed(np.clip(np.asarray(sized), 0, 1), grey)).astype(np.uint8))


def heat_panels(
    images: Sequence[Any],
    heats: Sequence[Any],
    titles: Sequence[str] | None = None,
    boxes: Sequence[tuple[Any, Any]] | None = None,
    columns: int = 4,
    limits: tuple[float, float] | None = None,
    peaks: bool = False,
    title: str | None = None,
) -> Figure:
    """Pictures with their heat, the true box and the box that was read off the map, and what the colours mean.

    Args:
        images: n images; one may stand there several times, for several methods or sentences.
        heats: n maps (h, w) float, as in `heat_overlay`.
        titles: n lines above the pictures.
        boxes: n pairs of the true box_xyxy and that of the map, in px of the picture; None for either.
        columns: pictures in a row.
        limits: as in `heat_overlay`; by default each map has its own scale.
        peaks: mark the hottest point of each map, as the pointing game counts it (of equals the first).
        title: line above all.

    Raises:
        ValueError: no image, not one of each an image, columns below 1, or as `heat_overlay`.
    """
    _check(images, {"heats": heats, "titles": titles, "boxes": boxes}, columns)
    n = len(images)
    columns, ruler, boxes = min(columns, n), _ruler(), boxes or [(None, None)] * n
    wide = min(CELL, (WIDE - GAP) / columns - GAP)
    pictures = [_picture(image) for image in images]
    sizes = [wide / max(picture.size) * np.array(picture.size) for picture in pictures]
    said = [_broken(ruler, text, wide, TITLE, 2) for text in titles] if titles else []
    head = LINE * (1 + max(text.count("\n") for text in said)) + 0.08 if said else 0
    high = [head + GAP + max(tall for _, tall in sizes[i : i + columns]) for i in range(0, n, columns)]
    starts = (0.5 if title else 0.12) + np.cumsum([0.0, *high])
    page = _Page(max(GAP + columns * (wide + GAP), 5.6), starts[-1] + 0.4)
    page.title(title, GAP)
    for i, picture in enumerate(pictures):
        x, y = GAP + i % columns * (wide + GAP), starts[i // columns]
        if said:
            page.text(x, y + head - 0.06, said[i], va="bottom", **TITLE)
        _panel(page, picture, heats[i], boxes[i], limits, peaks, (x, y + head, *sizes[i]))
    _foot(page, boxes, limits, peaks)
    return page.fig


def _check(images: Sequence[Any], given: Mapping[str, Sequence | None], columns: int) -> None:
    n = len(images)
    if not n or columns < 1 or any(own is not None and len(own) != n for own in given.values()):
        counts = ", ".join(f"{len(own)} {name}" for name, own in given.items() if own is not None)
        raise ValueError(f"heat_panels: {n} images, {counts}, {columns} columns; give one of each an image")


def _panel(
    page: _Page, picture: Image.Image, heat: Any, boxes: tuple[Any, Any], limits: Any, peak: bool, place: tuple
) -> None:
    ax = fitted(page, picture, *place)
    _ground(ax, heat_overlay(picture, heat, limits), 0)
    answer(ax, *boxes)
    if peak:
        warm = np.asarray(heat, float)
        row, column = np.unravel_index(int(warm.argmax()), warm.shape)
        x, y = (np.array([column, row]) + 0.5) * picture.size / np.array(warm.shape[::-1]) - 0.5
        for colour, size, width in (("black", 9, 4.0), ("white", 8, 2.0)):
            ax.plot(x, y, "x", color=colour, ms=size, mew=width, zorder=6)


def _foot(page: _Page, boxes: Sequence[tuple[Any, Any]], limits: tuple[float, float] | None, peaks: bool) -> None:
    """What colours, frames and crosses mean."""
    _scale(page, limits)
    kinds = [kind for j, kind in enumerate((TRUTH, READ)) if any(pair[j] is not None for pair in boxes)]
    if kinds:
        key(page, GAP + BAR + 1.5, page.height - 0.22, kinds)
    if peaks:
        x = GAP + BAR + 1.5 + (1.3 * len(kinds) + 0.3) * bool(kinds)
        page.text(x, page.height - 0.22, "✕ hottest point", va="center", **SMALL)


def _scale(page: _Page, limits: tuple[float, float] | None) -> None:
    """The colour bar at the lower left, as the colours look over a middle grey."""
    colours = _mixed(np.linspace(0, 1, 256)[None], np.full((1, 256, 1), 0.5))
    low, high = ("least", "most") if limits is None else (f"{limits[0]:g}", f"{limits[1]:g}")
    y, look = page.height - 0.22, {"va": "center", "color": GREY}
    page.text(GAP, y, low, **look, **SMALL)
    ax = page.axes(GAP + 0.42, y - 0.07, BAR, 0.14)
    ax.imshow(colours, extent=(0, BAR, 0, 0.14), aspect="auto")
    ax.axis("off")
    page.text(GAP + 0.5 + BAR, y, high, **look, **SMALL)


def _mixed(warm: np.ndarray, grey: np.ndarray) -> np.ndarray:
    """(h, w, 3) in [0, 1]: the colours of the heat (h, w) over a picture (h, w, 1), the more of them the hotter."""
    from matplotlib import colormaps

    share = (COLD + (HOT - COLD) * warm)[..., None]
    return share * colormaps[MAP](warm)[..., :3] + (1 - share) * grey


def _scaled(heat: Any, limits: tuple[float, float] | None) -> np.ndarray:
    """The heat in [0, 1]."""
    warm = np.asarray(heat, float)
    if warm.ndim != 2 or not warm.size or not np.isfinite(warm).all():
        raise ValueError(f"a heat map of shape {warm.shape}: give (h, w) finite numbers")
    low, high = (warm.min(), warm.max()) if limits is None else limits
    if limits is not None and not low < high:
        raise ValueError(f"limits {limits}: the first must be the smaller")
    return ((warm - low) / (high - low)).clip(0, 1) if low < high else np.zeros_like(warm)
