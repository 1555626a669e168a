"""How a method sees a picture: drawings in its px, to be shown by `seen_by`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from utils import files
from utils.plots.pictures import DOTS, _Page
from utils.plots.style import COLOURS, GREY, INK, PALE, PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from PIL import Image

    View = Callable[[Axes, Image.Image], None]  # draws in px of the RGB picture, the middle of the first px at 0

WORDS = COLOURS[:7]  # the last of COLOURS is the grey of what has none
LEVELS = (COLOURS[0], COLOURS[1], COLOURS[3], COLOURS[2])
CORNERS = ((-1, -1), (1, 1), (-1, 1), (1, -1))
WEAK = 0.06  # of the strongest stroke: weaker ones are not drawn


def keypoints(points: Any, words: Any = None, coloured: Sequence[int] | None = None) -> View:
    """Dots of one size where a method finds something, on the faded picture.

    Args:
        points: (k, 2) float, x and y in px of the picture; k may be 0.
        words: (k,) int, the visual word of each; seven colours start again, so two words may share one.
        coloured: only these words have a colour, in this order; the others are grey.

    Raises:
        ValueError: shapes do not match; in `seen_by`, a point outside the picture.
    """
    points, words = _pairs(points), np.zeros(len(points), int) if words is None else np.ravel(words).astype(int)
    if len(points) != len(words):
        raise ValueError(f"keypoints: {len(points)} points and {len(words)} words; give one word a point")
    known = range(words.max(initial=0) + 1) if coloured is None else coloured
    colours = {word: WORDS[i % len(WORDS)] for i, word in enumerate(known)}
    order = sorted(range(len(words)), key=lambda i: words[i] in colours)

    def draw(ax: Axes, picture: Image.Image) -> None:
        _ground(ax, picture, 0.45)
        _check_inside(points, picture)
        look = {"s": 10, "linewidths": 0.5, "edgecolors": "white", "clip_on": False}
        ax.scatter(*points[order].T, c=[colours.get(words[i], GREY) for i in order], **look)
        if not len(points):
            _nothing(ax, "no keypoint")

    return draw


def hog_glyphs(cells: Any) -> View:
    """Histograms of oriented gradients as strokes along the edges, longer and darker where they are stronger.

    Args:
        cells: (rows, columns, bins) float >= 0, of gradients from 0 to 180 degrees, y downwards, as skimage has them;
            they cover the whole picture, whatever its shape.

    Raises:
        ValueError: another shape, or a negative value.
    """
    cells = np.asarray(cells, dtype=float)
    if cells.ndim != 3 or not cells.size or not 0 <= cells.min() <= cells.max() < np.inf:
        raise ValueError(f"hog_glyphs: cells of shape {cells.shape}; give (rows, columns, bins) of values from 0")
    rows, columns, bins = cells.shape
    strength = cells.ravel() / max(cells.max(), 1e-12)
    angles = (np.arange(bins) + 0.5) * np.pi / bins + np.pi / 2  # an edge lies across its gradient
    y, x, k = (part.ravel() for part in np.indices(cells.shape))
    middle = np.stack([x, y], axis=1) + 0.5
    half = 0.47 * strength[:, None] * np.stack([np.cos(angles[k]), np.sin(angles[k])], axis=1)
    order = [i for i in np.argsort(strength, kind="stable") if strength[i] > WEAK]

    def draw(ax: Axes, picture: Image.Image) -> None:
        from matplotlib.collections import LineCollection

        ax.set_facecolor(PAPER)
        if not order:
            return _nothing(ax, "no gradient")
        scale = np.array(picture.size) / (columns, rows)
        strokes = np.stack([middle - half, middle + half], axis=1)[order] * scale - 0.5
        look = {"colors": INK, "alpha": 0.15 + 0.85 * strength[order], "linewidths": 0.5 + 1.0 * strength[order]}
        ax.add_collection(LineCollection(strokes, **look), autolim=False)

    return draw


def edge_map(edges: Any) -> View:
    """Edges as dark lines that stay visible when the map is made smaller.

    Args:
        edges: (h, w) bool, or numbers above 0 on an edge; it covers the whole picture.

    Raises:
        ValueError: another shape.
    """
    edges = np.asarray(edges) > 0
    if edges.ndim != 2 or not edges.size:
        raise ValueError(f"edge_map: edges of shape {edges.shape}; give (h, w)")

    def draw(ax: Axes, picture: Image.Image) -> None:
        from PIL import Image

        size = _dots(ax)
        level = Image.fromarray(255 * edges.astype(np.uint8)).resize(size, Image.Resampling.BOX)
        # A line of one px fills 1 / shrink of a dot.
        shrink = max(1.0, *(np.array(edges.shape[::-1]) / size))
        ink = Image.fromarray(np.clip(shrink * np.asarray(level, float), 0, 255).astype(np.uint8))
        _ground(ax, Image.composite(Image.new("RGB", size, INK), Image.new("RGB", size, PAPER), ink), 0)
        if not edges.any():
            _nothing(ax, "no edge")

    return draw


def colour_strip(histogram: Any) -> View:
    """A colour histogram as bars of its own colours: first greys, then hues; each as wide as its share.

    Args:
        histogram: (hues, saturations, values) float >= 0 over HSV, shares or counts; the lowest saturation is grey.

    Raises:
        ValueError: another shape, a negative value, or no count at all.
    """
    from matplotlib.colors import hsv_to_rgb

    shares = np.asarray(histogram, dtype=float)
    if shares.ndim != 3 or not shares.size or not shares.min() >= 0 or not 0 < shares.sum() < np.inf:
        raise ValueError(f"colour_strip: {shares.shape}; give (hues, saturations, values) from 0, not all of them 0")
    hue, saturation, value = (part.ravel() for part in np.indices(shares.shape))
    colours = np.stack([hue, saturation + 0.5, value + 0.5], axis=1) / shares.shape
    colours[saturation == 0, :2] = 0
    order = np.lexsort((value, saturation, hue, saturation > 0))
    ends = np.cumsum(shares.ravel()[order]) / shares.sum()

    def draw(ax: Axes, picture: Image.Image) -> None:
        width, height = picture.size
        widths = np.diff(ends, prepend=0) * width
        look = {"color": hsv_to_rgb(colours[order]), "align": "edge", "linewidth": 0, "antialiased": False}
        ax.bar(ends * width - widths - 0.5, height, widths, -0.5, **look)

    return draw


def patch_grid(n: int) -> View:
    """The n x n patches into which a ViT cuts the middle square of a picture; what lies outside is faded.

    Raises:
        ValueError: n below 1.
    """
    if n < 1:
        raise ValueError(f"patch_grid: {n} x {n} patches; give 1 at least")

    def draw(ax: Axes, picture: Image.Image) -> None:
        _ground(ax, picture, 0)
        width, height = picture.size
        lines = min(picture.size) * np.arange(n + 1) / n - 0.5
        x, y = lines + max(0, width - height) / 2, lines + max(0, height - width) / 2
        for span, (first, *_, last), edge in ((ax.axvspan, x, width), (ax.axhspan, y, height)):
            for start, end in ((-0.5, first), (last, edge - 0.5)):
                span(start, end, color=PAPER, alpha=0.75, lw=0)
        ax.hlines(y, x[0], x[-1], color="white", lw=1.3, clip_on=False)
        ax.vlines(x, y[0], y[-1], color="white", lw=1.3, clip_on=False)

    return draw


def region_boxes(boxes_xyxy: Any, size: tuple[int, int] | None = None) -> View:
    """Square regions of several sizes, a colour a size: the centres of all as dots, the edges of one of each size.

    Args:
        boxes_xyxy: (r, 4) float, as `pooling.regions` gives them, the far edge excluded.
        size: width and height of the map that the boxes lie in; None: px of the picture.

    Raises:
        ValueError: no box, another shape, a box or size without an area.
    """
    boxes = np.asarray(boxes_xyxy, dtype=float)
    if boxes.ndim != 2 or boxes.shape[1:] != (4,) or not len(boxes):
        raise ValueError(f"region_boxes: boxes of shape {boxes.shape}; give (r, 4), one at least")
    if not (boxes[:, :2] < boxes[:, 2:]).all() or min(size or (1, 1)) <= 0:
        raise ValueError(f"region_boxes: a box, or the map of {size}, has no area")
    edges = boxes[:, 2] - boxes[:, 0]

    def draw(ax: Axes, picture: Image.Image) -> None:
        _ground(ax, picture, 0.35)
        scale = np.tile(np.array(picture.size) / (size or picture.size), 2)
        for level, edge in enumerate(np.unique(edges)[::-1]):
            some = boxes[edges == edge] * scale - 0.5
            _level(ax, some, level)

    return draw


def _picture(image: Any) -> Image.Image:
    """A path, PIL image or array as RGB."""
    from PIL import Image

    if isinstance(image, (str, Path)):
        image = files.load_image(image)
    return (image if isinstance(image, Image.Image) else Image.fromarray(np.asarray(image))).convert("RGB")


def _axes(page: _Page, picture: Image.Image, x: float, y: float, w: float, h: float) -> Axes:
    """Axes in px of a picture that fills them."""
    ax = page.axes(x, y, w, h)
    ax.set(xlim=(-0.5, picture.width - 0.5), ylim=(picture.height - 0.5, -0.5))
    ax.spines[:].set(visible=True, color=PALE)
    return ax


def _ground(ax: Axes, picture: Image.Image, fade: float) -> None:
    """The picture over the whole axes; `fade` in [0, 1] takes colour and contrast."""
    from PIL import Image

    if fade:
        grey = Image.blend(picture, picture.convert("L").convert("RGB"), min(1, 2 * fade))
        picture = Image.blend(grey, Image.new("RGB", picture.size, "white"), fade)
    limits = (*ax.get_xlim(), *ax.get_ylim())
    ax.imshow(picture.resize(_dots(ax), Image.Resampling.LANCZOS), extent=limits, aspect="auto")


def _dots(ax: Axes) -> tuple[int, int]:
    """Width and height of axes in picture dots."""
    width, height = ax.bbox.size / ax.figure.dpi * DOTS
    return max(1, round(width)), max(1, round(height))


def _nothing(ax: Axes, text: str) -> None:
    ground = {"facecolor": PAPER, "edgecolor": "none", "pad": 2.5}
    ax.text(0.5, 0.5, text, transform=ax.transAxes, fontsize=9, color=GREY, ha="center", va="center", bbox=ground)


def _level(ax: Axes, boxes: np.ndarray, level: int) -> None:
    """The centres of boxes of one size in px of the axes, and the edges of the one in this level's corner."""
    from matplotlib.patches import Rectangle

    colour, middle = LEVELS[level % len(LEVELS)], (boxes[:, :2] + boxes[:, 2:]) / 2
    look = {"c": colour, "linewidths": 0.7, "edgecolors": "white", "zorder": 4 + level, "clip_on": False}
    ax.scatter(*middle.T, s=max(12, 42 - 15 * level), **look)
    x0, y0, x1, y1 = boxes[(middle @ CORNERS[level % len(CORNERS)]).argmax()]
    for edge, width in (("white", 3.6), (colour, 2.2)):
        ax.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, ec=edge, lw=width, zorder=3, clip_on=False))


def _pairs(points: Any) -> np.ndarray:
    points = np.asarray(points, dtype=float)
    if points.size and (points.ndim != 2 or points.shape[1] != 2):
        raise ValueError(f"points of shape {points.shape}; give (k, 2), x and y")
    return points.reshape(-1, 2)


def _check_inside(points: np.ndarray, picture: Image.Image) -> None:
    outside = ~((points >= -0.5) & (points <= np.array(picture.size) - 0.5)).all(axis=1)
    if outside.any():
        x, y = points[outside][0]
        raise ValueError(f"the point ({x:g}, {y:g}) lies outside a picture of {picture.width} x {picture.height} px")
