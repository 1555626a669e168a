"""What a training asks of what it is given, before anything is changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from utils import datasets

COLUMNS = ("image_id", "path", "category", "identity", "split", "captions", "facts")


def finite(value: Any) -> bool:
    """Whether a value is a number, neither NaN nor infinite; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def manifest(frame: pd.DataFrame, columns: Sequence[str] = COLUMNS) -> None:
    """Ask for the columns of a manifest that a training reads; errors as of `datasets.need`."""
    datasets.need(frame, *columns, give="manifests, as of `datasets.load`")


def sentences(frame: pd.DataFrame) -> None:
    """Ask that every row has a list of sentences, which may be empty.

    Raises:
        ValueError: a row has something else, such as a bare sentence, None or NaN; names its image_id.
    """
    names = frame.get("image_id", frame.index)
    for name, said in zip(names, frame["captions"], strict=True):
        listed = isinstance(said, (Sequence, np.ndarray)) and not isinstance(said, (str, bytes))
        if not listed or not all(isinstance(sentence, str) for sentence in said):
            raise ValueError(f"captions of {name} are {said!r:.60}; give a list of sentences, [] where there is none")


def folder(path: Path) -> None:
    """Ask that a path can be a folder.

    Raises:
        NotADirectoryError: it is a file, or lies below one; names the file.
    """
    there = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not there.is_dir():
        raise NotADirectoryError(f"{there} is a file: give another folder for the training, or move the file away")
