"""Figures about a fine-tuning: its curves, pairs, map, and answers before and after."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.plots.charts import MARKERS, _legend
from utils.plots.pictures import _Page
from utils.plots.style import COLOURS, GREY, INK, PALE, PAPER, RIGHT, figure, wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage
    from matplotlib.path import Path
    from matplotlib.transforms import Bbox

PANELS = {
    "Loss": {"loss": "training", "validation loss": "validation"},
    "R@5 on the validation gallery": {"turtle R@5": "turtle", "all R@5": "all"},
}
BEST = {"validation loss": "", "turtle R@5": "", "all R@5": ""}
PLACES = ((0, 10), (0, -10), (9, 6), (9, -6), (-9, 6), (-9, -6), (0, -17), (0, 17))  # points from ring to value
MOST_PAIRS = 12
GROUPS, OTHER = (*COLOURS[:7], INK), "other"  # the last of COLOURS is the grey of what has no group


def training_curves(log: pd.DataFrame, best: Mapping[str, str] | None = None) -> Figure:
    """Losses and R@5 over the steps, a point an epoch, a ring round each best epoch (the first of equals).

    Args:
        log: a row an epoch: step, loss, validation loss, turtle R@5, all R@5 (fractions in [0, 1]).
        best: which of these columns get a ring -> name of that epoch, such as {"all R@5": "best-all"}; None: the
            validation loss and both R@5, without names.

    Raises:
        ValueError: no row, or a column is missing.
    """
    best, drawn = BEST if best is None else best, [column for lines in PANELS.values() for column in lines]
    if missing := [column for column in ("step", *drawn) if column not in log.columns or not len(log)]:
        raise ValueError(f"a log of {len(log)} epochs has no {', '.join(missing)}")
    if unknown := sorted(set(best) - set(drawn)):
        raise ValueError(f"best names {', '.join(unknown)}; drawn are {', '.join(drawn)}")
    log, fig = log.reset_index(drop=True), figure(11.6, 4.1, layout="constrained")
    fig.get_layout_engine().set(wspace=0.06)
    axes = fig.subplots(1, len(PANELS))
    for panel, (ax, (title, lines)) in enumerate(zip(axes, PANELS.items(), strict=True)):
        _curves(ax, log, title, lines, 2 * panel)
    fig.draw_without_rendering()  # so that the layout is settled and free places can be found
    for ax, lines in zip(axes, PANELS.values(), strict=True):
        _rings(ax, log, lines, best)
    return fig


def similarity_pair(
    before: Any, after: Any, captions: Sequence[str], paths: Sequence[Any], names: tuple[str, str] = ("base", "tuned")
) -> Figure:
    """Every sentence against every image under two models, on one colour scale, the right pairs framed.

    Args:
        before: (n, n) float, cosine of sentence (row) and image (column), n at most 12; pair i is right.
        after: (n, n) float, of the other model.
        captions: n sentences.
        paths: n images.
        names: of the two models.

    Raises:
        ValueError: shapes do not match, a score is not finite, or too many pairs.
    """
    before, after, n = np.asarray(before, dtype=float), np.asarray(after, dtype=float), len(captions)
    if not before.shape == after.shape == (n, n) or len(paths) != n or not 1 <= n <= MOST_PAIRS:
        given = f"before {before.shape}, after {after.shape}, {n} captions, {len(paths)} images"
        raise ValueError(f"{given}: two (n, n) arrays, n captions and n images are needed, n from 1 to {MOST_PAIRS}")
    if not np.isfinite([before, after]).all():
        raise ValueError("before or after holds a score that is not finite")
    cell, side, gap, head = min(0.95, max(0.56, 4.2 / n)), 3.75, 0.5, 0.5
    wide, top = n * cell, head + cell + 0.06
    page = _Page(side + 2 * wide + gap + 1.0, top + wide + 0.55)
    for i, caption in enumerate(captions):
        look = {"fontsize": 8.5, "ha": "right", "va": "center", "linespacing": 1.2}
        page.text(side - 0.12, top + (i + 0.5) * cell, wrapped(caption, 58, int((cell - 0.06) / 0.155)), **look)
    limits = (min(before.min(), after.min()), max(before.max(), after.max()))
    for x, scores, name in zip((side, side + wide + gap), (before, after), names, strict=True):
        page.text(x, 0.27, wrapped(name, int((wide + gap) / 0.14), 1), fontsize=12.5, fontweight="bold", va="center")
        for i, path in enumerate(paths):
            page.framed(path, x + i * cell + 0.03, head, cell - 0.06)
        shown = _heat_map(page.axes(x, top, wide, wide), scores, cell, limits)
        others = scores[~np.eye(n, dtype=bool)]
        means = f"right pairs {scores.trace() / n:.3f}" + (f"\nothers {others.mean():.3f}" if n > 1 else "")
        page.text(x, top + wide + 0.1, means, fontsize=9.5, color=GREY, va="top", linespacing=1.35)
    beside = page.axes(side + 2 * wide + gap + 0.15, top, 0.16, wide)
    page.fig.colorbar(shown, cax=beside, label="cosine similarity").outline.set_visible(False)
    beside.tick_params(length=0, labelsize=9)
    return page.fig


def embedding_map(xy: Mapping[str, tuple[Any, Any]], image_groups: Sequence[str], text_groups: Sequence[str]) -> Figure:
    """Images (dots) and sentences (triangles) in the plane, a panel a model, coloured by group.

    Args:
        xy: model -> ((n, 2) float of the images, (m, 2) float of the sentences), without unit.
        image_groups: n names; the eight most frequent of both kinds get a colour, the rest is "other".
        text_groups: m names.

    Raises:
        ValueError: no model, or shapes do not match.
    """
    groups = [[str(name) for name in names] for names in (image_groups, text_groups)]
    if not xy:
        raise ValueError("embedding_map: no model to draw")
    for name, pair in xy.items():
        if [np.shape(points) for points in pair] != [(len(names), 2) for names in groups]:
            given = f"{name}: {' and '.join(str(np.shape(points)) for points in pair)}"
            raise ValueError(f"{given}, but {len(groups[0])} image groups and {len(groups[1])} text groups")
    counts = Counter(name for names in groups for name in names)
    named = [name for name, _ in counts.most_common() if name != OTHER]
    colours = dict(zip(named, GROUPS, strict=False))
    if len(counts) > len(colours):
        colours[OTHER] = GREY
    fig = figure(4.6 * len(xy) + 2.4, 4.7, layout="constrained")
    axes = np.ravel(fig.subplots(1, len(xy)))
    for ax, (name, pair) in zip(axes, xy.items(), strict=True):
        ax.set_title(wrapped(name, 40, 1), parse_math=False)
        ax.set(xticks=[], yticks=[], box_aspect=1)
        ax.spines[:].set(visible=True, color=PALE)
        for points, names, marker in zip(pair, groups, "o^", strict=True):
            _cloud(ax, np.asarray(points), [colours.get(group, GREY) for group in names], marker)
    shapes = [("image", "o", INK), ("sentence", "^", INK)]
    for name, marker, colour in shapes + [(name, "s", colour) for name, colour in colours.items()]:
        axes[-1].plot(
            [], [], marker, color=colour, ms=8, mec="white", label=" " + wrapped(name, 26, 2).replace("\n", "\n ")
        )
    _legend(axes[-1])
    return fig


def _curves(ax: Axes, log: pd.DataFrame, title: str, lines: Mapping[str, str], first: int) -> None:
    from matplotlib.ticker import MaxNLocator

    for i, (column, label) in enumerate(lines.items(), first):
        ax.plot(log["step"], log[column], color=COLOURS[i], marker=MARKERS[i], ms=4.5, label=label)
    ax.set(xlabel="step", xlim=(0, 1.1 * max(log["step"].max(), 1)))
    ax.set_title(title)
    ax.margins(y=0.28)
    ax.set_ylim(bottom=max(0, ax.get_ylim()[0]))
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.grid(axis="y")
    ax.tick_params(length=0, pad=6)
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1.02), ncols=len(lines), borderpad=0)


def _rings(ax: Axes, log: pd.DataFrame, columns: Iterable[str], best: Mapping[str, str]) -> None:
    """Rings round the best epochs, with values that hide as little as they can."""
    from matplotlib.path import Path
    from matplotlib.transforms import Bbox

    pixels = {column: ax.transData.transform(log[["step", column]]) for column in columns}
    signed = {column: log[column] * (-1 if "loss" in column else 1) for column in columns if column in best}
    rows = {column: values.idxmax() for column, values in signed.items() if values.notna().any()}
    rings = [pixels[column][row] for column, row in rows.items()]
    # What must not be hidden, rings and values, is there many times: places are judged by the boxes that they overlap.
    boxes = [Bbox([at, at]).padded(9) for at in [*np.concatenate([*pixels.values()]), *50 * rings]]
    for column, row in rows.items():
        point = (log["step"][row], log[column][row])
        ax.plot(*point, "o", ms=12, mfc="none", mec=INK, mew=1.6, zorder=5)
        boxes += 50 * [_value(ax, point, best[column], [Path(line) for line in pixels.values()], boxes)]


def _value(ax: Axes, point: tuple[float, float], name: str, lines: Sequence[Path], boxes: Sequence[Bbox]) -> Bbox:
    """Writes name and value beside a point, where they hide least of lines and boxes; returns their own box."""
    text = (f"{wrapped(name, 24, 1)}\n" if name else "") + f"{point[1]:.3f}"
    look = {"fontweight": "bold", "fontsize": 10, "parse_math": False, "zorder": 6, "in_layout": False}
    value, inside = ax.annotate(text, point, (0, 0), textcoords="offset points", **look), ax.get_window_extent()

    def placed(place: tuple[int, int]) -> Bbox:
        ha, va = ("center", "left", "right")[np.sign(place[0])], ("center", "bottom", "top")[np.sign(place[1])]
        value.set(position=place, ha=ha, va=va)
        return value.get_window_extent().padded(4)

    def hidden(place: tuple[int, int]) -> int:
        box = placed(place)
        outside = not all(inside.contains(*corner) for corner in box.corners())
        crossed = sum(line.intersects_bbox(box, filled=False) for line in lines)
        return 10**4 * outside + 3 * crossed + box.count_overlaps(boxes)

    return placed(min(PLACES, key=hidden))


def _heat_map(ax: Axes, scores: np.ndarray, cell: float, limits: tuple[float, float]) -> AxesImage:
    """(n, n) scores with their values, in axes of n x n cells, the diagonal framed."""
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Rectangle

    n, steps = len(scores), ((0, PAPER), (0.5, COLOURS[4]), (0.8, COLOURS[0]), (1, INK))
    ramp = LinearSegmentedColormap.from_list("sea", steps)
    shown = ax.imshow(scores, ramp, vmin=limits[0], vmax=limits[1], extent=(0, n * cell, 0, n * cell))
    for (i, j), score in np.ndenumerate(scores):
        colour = "white" if shown.norm(score) > 0.65 else INK
        look = {"fontsize": 9, "ha": "center", "va": "center_baseline", "color": colour}
        ax.text((j + 0.5) * cell, (n - i - 0.5) * cell, f"{score:z.2f}".replace("-", "−"), **look)
    for i in range(n):
        corner = (i * cell + 0.02, (n - 1 - i) * cell + 0.02)
        ax.add_patch(Rectangle(corner, cell - 0.04, cell - 0.04, fill=False, ec=RIGHT, lw=2.6))
    ax.spines[:].set_visible(False)
    return shown


def _cloud(ax: Axes, points: np.ndarray, colours: Sequence[str], marker: str) -> None:
    """Points in a fixed random order, so that no group hides the others; those without a group lie below."""
    order = np.random.default_rng(0).permutation(len(points))
    order = sorted(order, key=lambda i: colours[i] != GREY)
    size = {"o": 26, "^": 52}[marker] * np.clip((300 / max(len(points), 1)) ** 0.5, 0.35, 1)
    look = {"marker": marker, "linewidths": 0.4, "edgecolors": "white", "alpha": 0.9}
    ax.scatter(*points[order].T, size, [colours[i] for i in order], **look)
