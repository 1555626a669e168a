"""How far a classifier's confidence can be trusted, what abstaining gains, and what sets of names cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.plots.charts import DASHES, LIMIT, MARKERS, _chart, _errors, _legend
from utils.plots.style import COLOURS, GREY, INK, RIGHT, WRONG, figure, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

IDEAL = "as sure as right"
RISK = ("coverage", "accuracy")
PANEL = 2.0  # inches of a method's histogram


def reliability_diagram(
    series: Mapping[str, Mapping[str, Any]], ece: Mapping[str, float] | None = None, title: str = ""
) -> Figure:
    """Accuracy over confidence with 95 % intervals, the ideal as a diagonal; below, how many items each bin has.

    Args:
        series: name -> arrays of `metrics.reliability`, such as before and after temperature scaling.
        ece: name -> expected calibration error, printed in the legend.
        title: line above the diagram.

    Raises:
        ValueError: no series, or an array is missing.
    """
    keys = ("low", "high", "n", "confidence", "accuracy", "ci_low", "ci_high")
    series = _checked("reliability_diagram", series, keys)
    fig = figure(8.2, 6.2, layout="constrained")
    ax, below = fig.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    ax.plot([0, 1], [0, 1], color=GREY, label=IDEAL, zorder=1, **LIMIT)
    for i, (name, rows) in enumerate(series.items()):
        colour, some = COLOURS[i % len(COLOURS)], rows["n"] > 0
        mean, accuracy, low, high = (rows[key][some] for key in ("confidence", "accuracy", "ci_low", "ci_high"))
        label = wrapped(name, 26, 2) + (f"\nECE {ece[name]:.3f}" if ece and name in ece else "")
        look = {"color": colour, "marker": MARKERS[i % len(MARKERS)], "ms": 7, "mec": "white", "mew": 0.8}
        bars = {"elinewidth": 1.3, "capsize": 2.5, "lw": 1.8, "label": label}
        ax.errorbar(mean, accuracy, yerr=_errors(accuracy, low, high), **look, **bars)
        edges = np.append(rows["low"], rows["high"][-1])
        below.stairs(rows["n"], edges, color=colour, fill=True, alpha=0.25)
        below.stairs(rows["n"], edges, color=colour, lw=1.8)
    ax.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy")
    below.set(xlabel="confidence", ylabel="images")
    below.set_ylim(bottom=0)
    for part in (ax, below):
        part.grid(axis="y")
        part.tick_params(length=0, pad=6)
    ax.set_title(title, parse_math=False)
    _legend(ax)
    return fig


def risk_coverage(
    series: Mapping[str, Mapping[str, Any]],
    aurc: Mapping[str, float] | None = None,
    point: tuple[float, float, str] | None = None,
    title: str = "",
) -> Figure:
    """Accuracy of the answers over the share of images answered, when the least sure ones are left to a person.

    Args:
        series: name -> arrays of `metrics.selective`.
        aurc: name -> area under risk and coverage, printed in the legend (lower is better).
        point: (coverage, accuracy, label) of the chosen threshold.
        title: line above the chart.

    Raises:
        ValueError: no series, or an array is missing.
    """
    series = _checked("risk_coverage", series, RISK)
    fig, ax = _chart((8.2, 4.3), title, "share of images answered", "accuracy of the answers", "both")
    for i, (name, rows) in enumerate(series.items()):
        label = wrapped(name, 26, 2) + (f"\nAURC {aurc[name]:.3f}" if aurc and name in aurc else "")
        look = {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i % len(DASHES)], "label": label}
        ax.plot(rows["coverage"], rows["accuracy"], **look)
        ax.plot(1, rows["accuracy"][-1], MARKERS[i % len(MARKERS)], color=look["color"], ms=7, clip_on=False)
    if point is not None:
        coverage, accuracy, label = point
        ring = {"ms": 10, "mfc": "white", "mec": INK, "mew": 2, "zorder": 5}
        ax.plot(coverage, accuracy, "o", ls="", label=wrapped(label, 26, 3), clip_on=False, **ring)
    lowest = min(float(rows["accuracy"].min()) for rows in series.values())
    ax.set(xlim=(0, 1), ylim=(max(0, np.floor(10 * lowest - 0.5) / 10), 1.01))
    for axis in (ax.xaxis, ax.yaxis):
        _percent(axis)
    _legend(ax)
    return fig


def set_sizes(
    sizes: Mapping[str, Sequence[int]],
    reached: Mapping[str, Mapping[str, float]],
    promised: float = 0.9,
    most: int = 8,
    title: str = "",
) -> Figure:
    """How many names a conformal set has, a panel a method, with the promised coverage beside the reached one.

    Args:
        sizes: name -> (n,) int from 0, the size of each image's set.
        reached: name -> coverage (share of sets that hold the true name), ci_low and ci_high.
        promised: coverage that was asked for.
        most: larger sets share the last bar.
        title: line above the panels.

    Raises:
        ValueError: no method, an empty or negative size, or no coverage of a method.
    """
    rows = {name: np.asarray(values) for name, values in sizes.items()}
    bad = [name for name, own in rows.items() if not own.size or own.min() < 0 or name not in reached]
    if not rows or bad:
        raise ValueError(f"set_sizes: {', '.join(bad) if rows else 'no method'}; give sizes from 0, and the coverage")
    fig = figure(7.4, PANEL * len(rows) + 0.9, layout="constrained")
    fig.get_layout_engine().set(h_pad=0.08)
    axes = np.ravel(fig.subplots(len(rows), 1, sharex=True, sharey=True))
    last = min(most, max(int(own.max()) for own in rows.values()))
    for ax, (name, own) in zip(axes, rows.items(), strict=True):
        _histogram(ax, own, last)
        _promise(ax, name, own, reached[name], promised)
    over = any(own.max() > last for own in rows.values())
    axes[-1].set_xticks(range(last + 1), _size_names(last, over))
    axes[-1].set(xlabel="names in the set", xlim=(-0.6, last + 0.6))
    axes[0].set_ylim(top=1.16 * axes[0].get_ylim()[1])
    fig.supylabel("share of images", fontsize=11)
    if title:
        fig.suptitle(title, parse_math=False, fontsize=12.5, fontweight="bold", x=0.01, ha="left")
    return fig


def _histogram(ax: Axes, sizes: np.ndarray, last: int) -> None:
    """Shares of the sizes from 0 to `last`, which stands for all larger ones too."""
    share = np.bincount(sizes.clip(max=last).astype(int), minlength=last + 1) / len(sizes)
    ax.bar(range(last + 1), share, 0.78, color=[WRONG, COLOURS[0], *[COLOURS[4]] * last][: last + 1])
    for size in np.flatnonzero(share):
        text = "< 1 %" if share[size] < 0.01 else f"{100 * share[size]:.0f} %"
        ax.text(size, share[size], text, ha="center", va="bottom", fontsize=9.5)
    ax.grid(axis="y")
    ax.tick_params(length=0, pad=6)
    _percent(ax.yaxis)


def _size_names(last: int, over: bool) -> list[str]:
    below = {0: "empty", 1: "one name"}  # two lines everywhere, so that the numbers stand on one
    return [f"{size}{' +' * (over and size == last)}\n{below.get(size, ' ')}" for size in range(last + 1)]


def _promise(ax: Axes, name: str, sizes: np.ndarray, reached: Mapping[str, float], promised: float) -> None:
    """Name, mean size and coverage above the panel."""
    coverage, low, high = (reached[key] for key in ("coverage", "ci_low", "ci_high"))
    word, colour = ("✓", RIGHT) if high >= promised else ("✗", WRONG)
    ax.set_title(wrapped(name, 40, 1), parse_math=False, fontsize=11, pad=24)
    look = {"transform": ax.transAxes, "va": "bottom", "fontsize": 10}
    said = f"{word} {100 * promised:g} % promised, {100 * coverage:.1f} % reached ({100 * low:.1f} to {100 * high:.1f})"
    ax.text(0, 1.04, said, color=colour, fontweight="bold", **look)
    ax.text(1, 1.04, f"{sizes.mean():.2f} names on average", color=GREY, ha="right", **look)


def _checked(
    who: str, series: Mapping[str, Mapping[str, Any]], keys: Sequence[str]
) -> dict[str, dict[str, np.ndarray]]:
    if not series:
        raise ValueError(f"{who}: no series; give one at least")
    for name, rows in series.items():
        if missing := [key for key in keys if key not in rows or not np.size(rows[key])]:
            raise ValueError(f"{who}: {name} has no {', '.join(missing)}")
    return {name: {key: np.asarray(rows[key], dtype=float) for key in keys} for name, rows in series.items()}


def _percent(axis: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(1, 0, " %"))
