"""Which images are learned from, which choose a threshold, which are candidates, and the labels they show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from utils import config, datasets


class Parts(NamedTuple):
    """Three manifests without a common image: to learn from, to choose a threshold on, to retrieve from."""

    train: pd.DataFrame
    val: pd.DataFrame
    candidates: pd.DataFrame


def parts(frame: pd.DataFrame, each: int | None = None, seed: int = 0) -> Parts:
    """The splits of a manifest as `Parts`; with `each`, more candidates.

    Args:
        frame: a manifest with splits.
        each: keep so many training images of each label, drawn; the other ones become candidates, but for those that
            belong together with a kept one (`datasets.groups`). Not for encoders that were tuned on the training split.
        seed: of the draw, which does not depend on the order of the rows.

    Raises:
        ValueError: a part without images, or each below 1.
    """
    if each is not None and each < 1:
        raise ValueError(f"each is {each}; a label needs at least one training image")
    train, val, test = (frame[frame["split"] == name] for name in ("train", "val", "test"))
    if each is not None:
        group = datasets.groups(train)
        train, spare = bags(train, mains(train), each, seed), train
        test = pd.concat([test, spare[~group.isin(set(group[train.index]))]])
    found = Parts(*(part.sort_values("image_id").reset_index(drop=True) for part in (train, val, test)))
    if empty := [name for name, part in zip(Parts._fields, found, strict=True) if part.empty]:
        raise ValueError(f"{len(frame)} images leave none for: {', '.join(empty)}")
    return found


def labels(parts: Parts, n: int | None = None, seed: int = 0) -> list[str]:
    """Labels to be asked for, sorted: main labels of training images that a validation image and a candidate show.

    Args:
        parts: of `parts`.
        n: draw so many; None takes all.
        seed: of the draw.

    Raises:
        ValueError: fewer than n labels, or none.
    """
    known = mains(parts.train)
    there = shown(parts.val, known).any(axis=1) & shown(parts.candidates, known).any(axis=1)
    known = [label for label, both in zip(known, there, strict=True) if both]
    if not known or (n is not None and not 1 <= n <= len(known)):
        raise ValueError(f"{len(known)} labels are shown in all three parts; {'some' if n is None else n} are wanted")
    return known if n is None else sorted(config.rng(seed, "labels").permutation(known)[:n].tolist())


def mains(frame: pd.DataFrame) -> list[str]:
    """The main labels of a manifest's images, sorted."""
    return sorted(frame["label"].dropna().unique())


def shown(frame: pd.DataFrame, labels: Sequence[str]) -> NDArray[np.bool_]:
    """Which images show which labels, (q, n) bool: every label of an image counts, not the main one alone."""
    sets = [set(own or [main]) for own, main in zip(frame["labels"], frame["label"], strict=True)]
    return np.array([[label in own for own in sets] for label in labels], bool).reshape(len(labels), len(frame))


def bags(frame: pd.DataFrame, labels: Sequence[str], most: int | None, seed: int) -> pd.DataFrame:
    """`most` images of each label, drawn from those whose main label it is, or all where there are no more."""
    frame, drawn = frame.sort_values("image_id"), []
    for label in labels:
        part = frame[frame["label"] == label]
        drawn.append(part.iloc[config.rng(seed, "bag", label).permutation(len(part))[:most]])
    return pd.concat(drawn) if drawn else frame[:0]
