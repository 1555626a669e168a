"""Few shots: drawing few images of each class, and the methods that learn from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from utils import config
from utils.classify.classes import codes_of, listed
from utils.classify.neighbours import KNN
from utils.classify.probes import LinearProbe
from utils.classify.text_probe import TextProbe
from utils.classify.tip_adapter import TipAdapter
from utils.classify.zeroshot import zero_shot

Method = Callable[[NDArray[np.int64], int, int], NDArray]
"""(rows of the training images drawn, shots, seed) -> probabilities (n_test, c)."""


class Task(NamedTuple):
    """What the methods of `methods` learn from; all embeddings float, unit length.

    Attributes:
        emb, labels: (n, d) and n names, of all training images.
        val_emb, val_labels: (v, d) and v names, to choose settings on.
        test_emb: (t, d).
        classes, class_emb: c names and their texts (c, d).
        scale: of the cosines to texts.
    """

    emb: NDArray
    labels: Sequence[str]
    val_emb: NDArray
    val_labels: Sequence[str]
    test_emb: NDArray
    classes: Sequence[str]
    class_emb: NDArray
    scale: float = 100.0


def draw(labels: Sequence[str], shots: int, seed: int = 0) -> NDArray[np.int64]:
    """Rows of exactly `shots` images of each class; those of fewer shots are among those of more.

    Args:
        labels: n names.
        shots: images of each class, from 1.
        seed: of the draw.

    Returns:
        (c * shots,) int64, class after class in the order of their names.

    Raises:
        ValueError: shots below 1, or more than a class has; names the classes and their counts.
    """
    rows = _some(labels, shots, seed, "shots")
    if few := [f"{name} ({len(own)})" for name, own in rows.items() if len(own) < shots]:
        raise ValueError(f"{shots} shots are asked of each class; fewer images have {listed(few)}")
    return np.concatenate(list(rows.values()))


def methods(task: Task, most_val: int | None = 4) -> dict[str, Method]:
    """Methods on embeddings, for `answers`; others, such as one that tunes the encoder, can be put beside them.

    Args:
        task: what they learn from.
        most_val: settings are chosen on as many validation images of each class as there are shots, and no more than
            this (Zhou et al. 2022, CoOp): a curve that chose on thousands would not be one of few shots. None takes all.

    Returns:
        name -> method: "zero-shot" (the same for any shots), "nearest neighbours", "linear probe", "probe from
        zero-shot" (`TextProbe`) and "Tip-Adapter".
    """
    labels, val_labels = np.array(list(task.labels)), np.array(list(task.val_labels))
    emb, val_emb = np.asarray(task.emb), np.asarray(task.val_emb)
    texts = (task.classes, task.class_emb, task.scale)
    by_text = zero_shot(task.test_emb, task.class_emb, task.scale)

    def fitted(fit: Callable, *texts) -> Method:
        def method(rows: NDArray[np.int64], shots: int, seed: int) -> NDArray:
            most = None if most_val is None else min(shots, most_val)
            val = np.concatenate(list(_some(val_labels, most, seed, "val").values()))
            chosen_on = {"val_emb": val_emb[val], "val_labels": val_labels[val].tolist()}
            probe = fit(emb[rows], labels[rows].tolist(), *texts, **chosen_on)
            return probe.predict_proba(task.test_emb)[:, codes_of(task.classes, probe.classes)]

        return method

    return {
        "zero-shot": lambda rows, shots, seed: by_text,
        "nearest neighbours": fitted(KNN.fit),
        "linear probe": fitted(LinearProbe.fit),
        "probe from zero-shot": fitted(TextProbe.fit, *texts),
        "Tip-Adapter": fitted(TipAdapter.fit, *texts),
    }


def _some(labels: Sequence[str], most: int | None, seed: int, name: str) -> dict[str, NDArray[np.int64]]:
    """Class -> at most so many of its rows, drawn."""
    if most is not None and most < 1:
        raise ValueError(f"{most} images of each class are asked for; give at least 1")
    labels = np.array(list(labels))
    rows = {str(label): np.flatnonzero(labels == label) for label in np.unique(labels)}
    return {label: config.rng(seed, name, label).permutation(own)[:most] for label, own in rows.items()}
