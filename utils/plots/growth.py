"""How costs grow with the size of an archive: what was measured, and how it may go on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.plots.charts import MARKERS
from utils.plots.style import COLOURS, GREY, figure, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.6, 4.4  # inches of a panel


def growth(
    sizes: Sequence[int],
    panels: Mapping[str, Mapping[str, Any]],
    measured: int | None = None,
    changes: Mapping[str, float] | None = None,
    xlabel: str = "",
) -> Figure:
    """Costs over size, a panel each, both axes logarithmic: measured values as marks, what is expected beyond dashed.

    Args:
        sizes: s numbers above 0, ascending.
        panels: label of the panel -> name of the method -> s values above 0, NaN where there is none. A method has the
            same colour in all panels.
        measured: how many of the sizes were measured, all by default; the others were reckoned.
        changes: name -> size at which a rule changes its answer: upright lines.
        xlabel: what the sizes count.

    Raises:
        ValueError: no panel or method, sizes that do not ascend from above 0, not one number a size, values not above 0.
    """
    from matplotlib.lines import Line2D

    sizes = np.asarray(sizes, dtype=float)
    drawn = {label: {name: np.asarray(v, float) for name, v in own.items()} for label, own in panels.items()}
    measured = len(sizes) if measured is None else measured
    _check(sizes, drawn, measured)
    names = list(dict.fromkeys(name for own in drawn.values() for name in own))
    fig = figure(WIDTH * len(drawn), HEIGHT, layout="constrained")
    for ax, (label, own) in zip(np.atleast_1d(fig.subplots(1, len(drawn))), drawn.items(), strict=True):
        ax.set(xscale="log", yscale="log", xlim=(sizes[0] / 1.5, sizes[-1] * 1.5))
        ax.set_title(wrapped(label, 44, 2), parse_math=False)
        ax.set_xlabel(xlabel, parse_math=False)
        ax.grid(axis="both")
        ax.tick_params(length=0, which="both", pad=6)
        for name, values in own.items():
            _line(ax, sizes, values, measured, names.index(name), name)
        _upright(ax, changes or {})
        _plain(ax)
    handles = {text: handle for ax in fig.axes for handle, text in zip(*ax.get_legend_handles_labels(), strict=True)}
    if measured < len(sizes):
        handles["reckoned"] = Line2D([], [], color=GREY, lw=2, ls="--")
    look = {"loc": "outside lower center", "ncols": min(5, len(handles))}
    for text in fig.legend(handles.values(), handles.keys(), **look).get_texts():
        text.set_parse_math(False)
    return fig


def _line(ax: Axes, sizes: np.ndarray, values: np.ndarray, measured: int, number: int, name: str) -> None:
    look = {"color": COLOURS[number % len(COLOURS)], "lw": 2}
    there = np.isfinite(values)
    known = there & (np.arange(len(sizes)) < measured)
    ax.plot(
        sizes[known], values[known], marker=MARKERS[number % len(MARKERS)], ms=7, label=wrapped(name, 24, 1), **look
    )
    beyond = there & ~known
    if known.any() and beyond.any():
        beyond[np.flatnonzero(known)[-1]] = True  # the dashed line begins where the other ends
        ax.plot(sizes[beyond], values[beyond], ls="--", **look)


def _upright(ax: Axes, changes: Mapping[str, float]) -> None:
    """Lines at sizes, named along themselves."""
    for name, size in changes.items():
        ax.axvline(size, color=GREY, lw=1.1, ls=":")
        text = {"rotation": 90, "ha": "right", "va": "top", "fontsize": 9, "color": GREY, "parse_math": False}
        ax.annotate(wrapped(name, 24, 1), (size, 1), (-2, -4), ("data", "axes fraction"), "offset points", **text)


def _plain(ax: Axes) -> None:
    """Numbers as people write them: 0.01, 10, 1,000; of sizes every second power of ten where there are many."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    for axis, most in ((ax.xaxis, 3), (ax.yaxis, 7)):
        axis.set_major_locator(LogLocator(10, numticks=most + 1))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _check(sizes: np.ndarray, panels: Mapping[str, Mapping[str, np.ndarray]], measured: int) -> None:
    if not panels or not all(panels.values()) or len(sizes) < 2 or not sizes[0] > 0 or not (np.diff(sizes) > 0).all():
        raise ValueError(f"growth: {len(panels)} panels, sizes {sizes.tolist()}; give a method each, sizes that ascend")
    if not 1 <= measured <= len(sizes):
        raise ValueError(f"growth: {measured} of {len(sizes)} sizes were measured; one at least was")
    for label, own in panels.items():
        for name, values in own.items():
            if values.shape != sizes.shape or (values <= 0).any():
                raise ValueError(f"growth: {name} in {label!r} has {values.tolist()}; give a number above 0 a size")
