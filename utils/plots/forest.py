"""A forest plot: many variants in groups, each a dot with its interval, beside the levels that they are held against."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from utils.plots.style import COLOURS, GREY, INK, figure, wrapped

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

ROW, HEAD = 0.27, 0.42  # inches of a variant, and of the heading of a group


def forest(table: pd.DataFrame, levels: Mapping[str, float] | None = None, xlabel: str = "") -> Figure:
    """Dots with 95 % intervals, group below group.

    Args:
        table: columns group, name, value, ci_low and ci_high, a row a variant; groups and names in this order.
        levels: name -> value, drawn as lines through all groups (at most three).
        xlabel: what is measured.

    Raises:
        ValueError: no row, or more than three levels.
    """
    if table.empty or len(levels or {}) > 3:
        raise ValueError(
            f"forest: {len(table)} variants and {len(levels or {})} levels; give one to three levels, or none"
        )
    groups = dict(list(table.groupby("group", sort=False)))
    tall = ROW * len(table) + HEAD * len(groups)
    fig = figure(8.6, tall + 1.1)
    ax = fig.add_axes((0.34, 0.62 / (tall + 1.1), 0.56, tall / (tall + 1.1)))
    y = 0.0
    for name, rows in groups.items():
        y += HEAD
        ax.text(
            -0.58,
            y - 0.1,
            wrapped(name, 60, 1),
            transform=ax.get_yaxis_transform(),
            fontweight="bold",
            parse_math=False,
        )
        for row in rows.itertuples():
            y += ROW
            _variant(ax, row, y - ROW / 2 + 0.05)
    ax.set(ylim=(y + 0.15, 0.1), xlabel=xlabel, yticks=[])
    for (name, value), colour in zip((levels or {}).items(), (GREY, COLOURS[0], COLOURS[1]), strict=False):
        ax.axvline(value, color=colour, lw=1.5, ls=(0, (4, 2)), zorder=1, label=f"{name} {value:.3f}")
    if levels:
        ax.legend(loc="lower right", bbox_to_anchor=(1.12, 1.0), ncols=len(levels), borderpad=0)
    ax.grid(axis="x")
    ax.tick_params(length=0, pad=6)
    ax.spines[["left"]].set_visible(False)
    return fig


def _variant(ax, row, y: float) -> None:
    ax.plot([row.ci_low, row.ci_high], [y, y], color=COLOURS[4], lw=3.2, solid_capstyle="round", zorder=2)
    ax.plot(row.value, y, "o", color=INK, ms=6, zorder=3)
    across = ax.get_yaxis_transform()
    ax.text(
        -0.02, y, wrapped(row.name, 34, 1), transform=across, ha="right", va="center", fontsize=10.5, parse_math=False
    )
    ax.text(1.02, y, f"{row.value:.3f}", transform=across, va="center", fontsize=10, fontweight="bold")
