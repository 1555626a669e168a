"""What is said of the classes of a data set: names in plain English, descriptions, looks."""

from __future__ import annotations

import copy
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from utils import datasets
from utils.reef import landmarks, looks, species


def said(dataset: str, what: str = "names") -> dict[str, Any]:
    """Label -> what to say in its place, for `words` of `class_embeddings`.

    Args:
        dataset: a name in `datasets.DATASETS`.
        what: "names", "descriptions" (a sentence each), or "looks" (descriptors, for `descriptions`).

    Returns:
        A dict that may lack labels of which nothing else is said; {} for a data set whose labels are words already.

    Raises:
        KeyError: an unknown data set, or nothing of that kind is known of it; lists what is.
    """
    known = _known()
    if (dataset, what) not in known and (what != "names" or dataset not in datasets.DATASETS):
        ways = ", ".join(f"{way} of {name}" for name, way in known)
        raise KeyError(f"no {what} are known of {dataset!r}; there are {ways}")
    return copy.deepcopy(known.get((dataset, what), {}))


@cache
def _known() -> dict[tuple[str, str], dict[str, Any]]:
    written = tomllib.loads(Path(__file__).with_name("said.toml").read_text(encoding="utf-8"))
    known = {(name, what): said for name, table in written.items() for what, said in table.items()}
    known["oxford_buildings", "names"] = landmarks.NAMES
    known["oxford_buildings", "descriptions"] = landmarks.DESCRIPTIONS
    known["fish31", "looks"] = {name: looks.looks(name) for name in species.SPECIES}
    return known
