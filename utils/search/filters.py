"""Filters: which rows of a manifest may be found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd


def filter_mask(frame: pd.DataFrame, **conditions: Any) -> NDArray[np.bool_]:
    """Which rows of a manifest fulfil every condition, (n,) bool, for `top_k`.

    A condition names a column or, where there is no such column, a fact. Its value is a single value, a list
    or set of alternatives, or a tuple (low, high), both included and None for open. A cell that holds a list
    (labels, captions) fulfils a condition if one of its elements does. What is unknown fulfils none, but is
    found by None.

    Example:
        filter_mask(frame, label="turtle", light=["dim", "dark"], turbidity=(0.5, None), split="test")

    Raises:
        ValueError: unknown name (the message lists the known ones), or a range that cannot be compared.
    """
    mask = np.ones(len(frame), bool)
    for name, wanted in conditions.items():
        cells = _cells(frame, name)
        try:
            mask &= np.array([_fulfils(cell, wanted) for cell in cells], bool)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}={wanted!r} cannot be compared with what {name} holds ({error}).") from error
    return mask


def _cells(frame: pd.DataFrame, name: str) -> Sequence[Any]:
    if name in frame.columns:
        return list(frame[name])
    facts = [cell if isinstance(cell, dict) else {} for cell in (frame["facts"] if "facts" in frame.columns else [])]
    known = {key for cell in facts for key in cell}
    if name not in known:
        raise ValueError(
            f"no column or fact {name!r}; columns: {', '.join(map(str, frame.columns))}; "
            f"facts: {', '.join(sorted(known)) or 'none'}."
        )
    return [cell.get(name) for cell in facts]


def _fulfils(cell: Any, wanted: Any) -> bool:
    if isinstance(cell, list | set):
        return any(_fulfils(element, wanted) for element in cell)
    unknown = cell is None or cell != cell
    if wanted is None or unknown:
        return wanted is None and unknown
    if isinstance(wanted, tuple):
        low, high = wanted
        return (low is None or cell >= low) and (high is None or cell <= high)
    return cell in wanted if isinstance(wanted, list | set | frozenset) else bool(cell == wanted)
