"""What a fine-tuning changed, query by query, in pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.plots.pictures import _Page
from utils.plots.style import GREY, PALE, RIGHT, WRONG, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def before_after(
    queries: Sequence[str], paths: Sequence[Any], wanted: Any, before: Any, after: Any, ranks: Any, k: int = 5
) -> Figure:
    """What a fine-tuning made of each query: the wanted image, and the best answers of both models.

    The wanted image is framed green; a better rank is green too, a worse one vermilion.

    Args:
        queries: q sentences.
        paths: n images.
        wanted: (q,) int, rows of the right images.
        before: (q, >= 1) int, rows of the base model's answers, best first.
        after: (q, >= 1) int, of the tuned model.
        ranks: (q, 2) int, rank of the wanted image before and after, 1 is best.
        k: answers a row at most.

    Raises:
        ValueError: shapes do not match, a row outside the images, or a rank below 1.
    """
    wanted, answers, ranks = _checked(len(queries), len(paths), (wanted, before, after, ranks), k)
    cell, gap, label = 1.3, 0.14, 0.33
    large, pitch = 2 * (cell + label), cell + label
    left = 0.12 + large + 0.4
    wide = left + max(2.4, answers.shape[2] * (cell + gap))  # a rank has room above one answer too
    texts = [wrapped(query, int(wide / 0.1), 3) for query in queries]
    heads = [0.23 * (text.count("\n") + 1) + 0.17 for text in texts]
    page, y = _Page(wide, sum(heads) + len(queries) * (large + 0.4) - 0.1), 0.14
    for i, (text, head) in enumerate(zip(texts, heads, strict=True)):
        if i:
            page.axes(0.12, y - 0.21, wide - 0.24, 0.012).spines[:].set_color(PALE)
        page.text(0.12, y, text, fontsize=11.5, fontweight="bold", va="top", linespacing=1.3)
        y += head
        page.framed(paths[wanted[i]], 0.12, y, large, RIGHT, 3.0)
        better = np.sign(ranks[i, 0] - ranks[i, 1])
        for row, (name, colour) in enumerate((("base", GREY), ("tuned", (GREY, RIGHT, WRONG)[better]))):
            look = {"color": colour, "fontweight": "bold", "va": "bottom"}
            page.text(left, y + row * pitch + label - 0.06, f"{name}: rank {ranks[i, row]:,}", **look)
            for j, answer in enumerate(answers[i, row]):
                frame = (RIGHT, 3.0) if answer == wanted[i] else (PALE, 1.0)
                page.framed(paths[answer], left + j * (cell + gap), y + row * pitch + label, cell, *frame)
        y += large + 0.4
    return page.fig


def _checked(q: int, n: int, given: Sequence[Any], k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wanted (q,), the answers of both models (q, 2, <= k) and ranks (q, 2) of `before_after`, or its errors."""
    wanted, before, after, ranks = (np.atleast_1d(np.asarray(array, dtype=int)) for array in given)
    shapes = f"wanted {wanted.shape}, before {before.shape}, after {after.shape}, ranks {ranks.shape}"
    before, after = before[..., :k], after[..., :k]
    fit = wanted.shape == before.shape[:1] == (q,) and before.shape == after.shape and ranks.shape == (q, 2)
    if not (fit and before.ndim == 2 and before.size):
        raise ValueError(f"{q} queries, {shapes}: wanted (q,), before and after (q, k) and ranks (q, 2) are needed")
    rows = np.concatenate([wanted, before.ravel(), after.ravel()])
    if rows.min() < 0 or rows.max() >= n or ranks.min() < 1:
        raise ValueError(f"rows {rows.min()} to {rows.max()} of {n} images, ranks from {ranks.min()}: 1 is the best")
    return wanted, np.stack([before, after], axis=1), ranks
