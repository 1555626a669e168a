"""Charts: bars with intervals, results by bin, precision-recall, two histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.plots.style import COLOURS, GREY, INK, WRONG, figure, wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "osD^vPX*"
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))
LIMIT = {"linestyle": (0, (4, 2)), "linewidth": 1.6}
CHANCE = "chance"
MANY = 20  # bars, from which on they stand closer


def bars_with_intervals(
    labels: Sequence[str],
    values: Any,
    low: Any,
    high: Any,
    chance: Any = None,
    xlabel: str = "",
    title: str = "",
    digits: int = 3,
) -> Figure:
    """Horizontal bars with values and 95 % intervals.

    Args:
        labels: n names.
        values: (n,) float.
        low: (n,) lower ends; NaN or None where there is none.
        high: (n,) upper ends.
        chance: the level of a random answer, one number or one a bar: dashed marks.
        xlabel: what is measured.
        title: line above the chart.
        digits: decimals printed.
    """
    values, error = np.asarray(values, dtype=float), _errors(values, low, high)
    row = 0.52 if len(labels) <= MANY else 0.33  # inches
    fig, ax = _chart((8.2, 1.25 + row * len(labels)), title, xlabel, "", "x")
    y = np.arange(len(labels))[::-1]
    ax.barh(y, values, 0.62, color=COLOURS[4])
    if error.any():
        ax.errorbar(values, y, xerr=error, fmt="none", ecolor=INK, elinewidth=1.6, capsize=3.5)
    if chance is not None:
        level = np.broadcast_to(np.asarray(chance, dtype=float), values.shape)
        ax.vlines(level, y - 0.4, y + 0.4, color=WRONG, linestyle=(0, (3, 1.5)), linewidth=2, label=CHANCE)
        ax.legend(loc="lower right", bbox_to_anchor=(1, 1), borderpad=0)
    span = max(float((values + error[1]).max()), 1e-9)
    for row, value, up in zip(y, values, error[1], strict=True):
        place = (value + up + 0.015 * span, row)
        ax.annotate(f"{value:.{digits}f}", place, va="center", fontweight="bold", fontsize=10)
    ax.set_xlim(min(0, float((values - error[0]).min())), 1.12 * span)
    ax.set_ylim(-0.6, len(labels) - 0.4)
    _names(ax.yaxis, y, [wrapped(label, 34, 2) for label in labels])
    return fig


def bars_by_bin(table: pd.DataFrame, chance: Any = None, xlabel: str = "", title: str = "") -> Figure:
    """`bars_with_intervals` of a table with the columns bin, value, ci_low, ci_high and n."""
    labels = [f"{name} (n = {n})" for name, n in zip(table["bin"], table["n"], strict=True)]
    return bars_with_intervals(labels, table["value"], table["ci_low"], table["ci_high"], chance, xlabel, title)


def breakdown(
    bins: Sequence[str],
    series: Mapping[str, tuple[Any, Any, Any]],
    counts: Sequence[int] | None = None,
    kind: str = "bar",
    chance: float | None = None,
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
) -> Figure:
    """A result by bin, one colour a series, with 95 % intervals.

    Args:
        bins: names of the bins, in order.
        series: name -> (values, low, high), one number a bin each.
        counts: items a bin, printed under its name.
        kind: "bar" for kinds, "line" for bins in a natural order.
        chance: level of a random answer, a dashed line.
        xlabel: what the bins are.
        ylabel: what is measured.
        title: line above the chart.
    """
    if kind not in ("bar", "line"):
        raise ValueError(f'kind must be "bar" or "line", not {kind!r}')
    wide = min(max(6.4, 1.15 * len(bins) * (1 + 0.25 * len(series))), 14)
    fig, ax = _chart((wide, 4.2), title, xlabel, ylabel, "y")
    x, width = np.arange(len(bins)), 0.8 / len(series)
    for i, (name, (values, low, high)) in enumerate(series.items()):
        shift, colour = i - (len(series) - 1) / 2, COLOURS[i % len(COLOURS)]
        bars = {"yerr": _errors(values, low, high), "capsize": 3, "elinewidth": 1.5}
        if kind == "bar":
            ax.bar(x + shift * width, values, width * 0.9, color=colour, label=name)
            ax.errorbar(x + shift * width, values, fmt="none", ecolor=INK, **bars)
        else:
            marker = MARKERS[i % len(MARKERS)]
            ax.errorbar(x + shift * 0.06, values, color=colour, marker=marker, ms=7, label=name, **bars)
    if chance is not None:
        ax.axhline(chance, color=GREY, label=CHANCE, **LIMIT)
    under = [""] * len(bins) if counts is None else [f"\nn = {count:,}" for count in counts]
    _names(ax.xaxis, x, [wrapped(name, 16, 2) + n for name, n in zip(bins, under, strict=True)])
    ax.set_xlim(-0.6, len(bins) - 0.4)
    if min(np.min(values) for values, _, _ in series.values()) >= 0:
        ax.set_ylim(bottom=0)
    _legend(ax)
    return fig


def pr_curve(
    curves: Mapping[str, Sequence[Any]],
    ap: Mapping[str, float] | None = None,
    chance: float | None = None,
    point: tuple[float, float, str] | None = None,
    title: str = "",
) -> Figure:
    """Precision over recall, one curve a method.

    Args:
        curves: name -> (precision, recall, ...); further items such as thresholds are not used.
        ap: name -> average precision, printed in the legend.
        chance: share of positives, the precision of a random order.
        point: (recall, precision, label) of the chosen threshold.
        title: line above the chart.
    """
    fig, ax = _chart((7.8, 4.4), title, "recall", "precision", "both")
    for i, (name, (precision, recall, *_)) in enumerate(curves.items()):
        label = wrapped(name, 30, 3) + (f"   AP {ap[name]:.3f}" if ap and name in ap else "")
        colour, dash = COLOURS[i % len(COLOURS)], DASHES[i % len(DASHES)]
        ax.plot(recall, precision, color=colour, linestyle=dash, label=label)
    if chance is not None:
        ax.axhline(chance, color=GREY, label=f"{CHANCE}   {chance:.3f}", **LIMIT)
    if point is not None:
        recall, precision, label = point
        ring = {"ms": 9, "mfc": "white", "mec": INK, "mew": 2, "zorder": 5}
        ax.plot(recall, precision, "o", label=wrapped(label, 30, 3), **ring)
    ax.set(xlim=(0, 1.01), ylim=(0, 1.03))
    _legend(ax)
    return fig


def histograms(
    positive: Any,
    negative: Any,
    names: tuple[str, str] = ("turtle", "no turtle"),
    threshold: float | None = None,
    xlabel: str = "cosine similarity",
    title: str = "",
    bins: int = 40,
) -> Figure:
    """How two groups of scores lie to each other, as shares of their own group.

    Args:
        positive: (p,) float.
        negative: (q,) float.
        names: of the two groups.
        threshold: a dashed line.
        xlabel: what the scores are.
        title: line above the chart.
        bins: number of equal bins over both groups.
    """
    fig, ax = _chart((7.8, 3.8), title, xlabel, "share of the group", "y")
    edges = np.histogram_bin_edges(np.concatenate([np.ravel(positive), np.ravel(negative)]), bins)
    for values, name, colour in ((positive, names[0], COLOURS[0]), (negative, names[1], COLOURS[1])):
        share = np.histogram(values, edges)[0] / max(len(values), 1)
        ax.stairs(share, edges, fill=True, color=colour, alpha=0.35)
        ax.stairs(share, edges, color=colour, linewidth=1.8, label=f"{name}  (n = {len(values):,})")
    if threshold is not None:
        ax.axvline(threshold, color=INK, label=f"threshold  {threshold:.3f}", **LIMIT)
    ax.set_ylim(bottom=0)
    _legend(ax)
    return fig


def _chart(size: tuple[float, float], title: str, xlabel: str, ylabel: str, grid: str) -> tuple[Figure, Axes]:
    fig = figure(*size, layout="constrained")
    ax = fig.add_subplot()
    ax.set_title(title, parse_math=False)
    ax.set_xlabel(xlabel, parse_math=False)
    ax.set_ylabel(ylabel, parse_math=False)
    ax.grid(axis=grid)
    ax.tick_params(length=0, pad=6)
    return fig, ax


def _legend(ax: Axes) -> None:
    """Legend beside the axes, where it hides nothing; chance stands last."""
    handles, labels = ax.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: labels[i].startswith(CHANCE))
    entries = [handles[i] for i in order], [labels[i] for i in order]
    for text in ax.legend(*entries, loc="upper left", bbox_to_anchor=(1.01, 1.0)).get_texts():
        text.set_parse_math(False)


def _names(axis: Any, positions: Any, names: Sequence[str]) -> None:
    axis.set_ticks(positions, names)
    for text in axis.get_ticklabels():
        text.set_parse_math(False)


def _errors(value: Any, low: Any, high: Any) -> np.ndarray:
    """(2, n) distances from the values to their interval ends; an unknown end (None or NaN) gives 0."""
    value, low, high = (np.asarray(a, dtype=float) for a in (value, low, high))
    return np.nan_to_num(np.clip([value - low, high - value], 0, None))
