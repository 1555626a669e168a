"""Conformal prediction: sets of classes that hold the true one as often as promised, and a monitor that may abstain."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.classify.classes import finite, listed
from utils.metrics import wilson
from utils.metrics.checks import as_classes, as_probabilities

KINDS = ("lac", "aps")
ABSTAIN = -1


@dataclass(frozen=True, eq=False)
class Conformal:
    """Split conformal prediction: the promise holds for new images drawn like the calibration images, on average.

    Attributes:
        kind: "lac" scores a class by 1 - its probability, which gives the smallest sets (Sadinle et al. 2019); "aps" by
            the probability of all classes down to it, which adapts the sets to how hard an image is (Romano et al.
            2020). The APS of the paper takes a random part of the class's own probability off: its sets are smaller
            and cover exactly as promised, but one image gets another set each time. Here nothing is drawn, so that
            sets are on the safe side.
        coverage: as promised.
        threshold: (c,) greatest score of a class within a set; the same for all, unless it was fitted by class.
    """

    kind: str
    coverage: float
    threshold: NDArray[np.float64]

    @classmethod
    def fit(
        cls, prob: ArrayLike, y_true: ArrayLike, coverage: float = 0.9, kind: str = "lac", by_class: bool = False
    ) -> Conformal:
        """Take the threshold from images that neither training nor a choice has seen.

        Args:
            prob: (n, c) float, rows sum to 1.
            y_true: (n,) int in [0, c).
            coverage: share of sets that shall hold the true class, between 0 and 1.
            kind: one of `KINDS`.
            by_class: keep the promise for each class by itself (Mondrian; Vovk 2012), from its own images alone.

        Raises:
            ValueError: an unknown kind, a coverage that is no share, rows that are no probabilities, an unknown class,
                or too few images (of a class, by class) for the coverage; says how many are needed.
        """
        prob = _checked(prob)
        y_true = as_classes(y_true, prob.shape[1], "y_true", len(prob))
        if kind not in KINDS or not 0 < coverage < 1:
            raise ValueError(
                f"kind {kind!r}, coverage {coverage}: choose one of {', '.join(KINDS)}, and a share below 1"
            )
        own, c = _scores(prob, kind)[np.arange(len(prob)), y_true], prob.shape[1]
        parts, need = [own[y_true == i] for i in range(c)] if by_class else [own] * c, needed(coverage)
        if few := [f"class {i} has {len(part)}" for i, part in enumerate(parts) if len(part) < need]:
            what = f"of each class: {listed(few)}" if by_class else f"and there are {len(own)}"
            raise ValueError(f"a coverage of {coverage} needs at least {need} calibration images {what}")
        return cls(kind, coverage, np.array([_quantile(part, coverage) for part in parts]))

    def sets(self, prob: ArrayLike) -> NDArray[np.bool_]:
        """Which classes may be the true one, (n, c) bool; a set may be empty, where nothing is probable enough.

        Raises:
            ValueError: rows that are no probabilities, or another number of classes.
        """
        prob = _checked(prob)
        if prob.shape[1] != len(self.threshold):
            raise ValueError(f"prob has {prob.shape[1]} classes; the sets were fitted for {len(self.threshold)}")
        return _scores(prob, self.kind) <= self.threshold


def needed(coverage: float) -> int:
    """Fewest calibration images with which a coverage can be promised.

    >>> needed(0.9)
    9
    """
    return math.ceil(round(coverage / (1 - coverage), 9))


def monitor(sets: ArrayLike) -> NDArray[np.int64]:
    """The catch monitor: the class of each set of exactly one, and `ABSTAIN` (-1) for a person to decide, (n,) int64."""
    sets = _as_sets(sets)
    return np.where(sets.sum(axis=1) == 1, sets.argmax(axis=1), ABSTAIN)


def measured(sets: ArrayLike, y_true: ArrayLike) -> dict[str, float]:
    """What sets keep of their promise, and what it costs.

    Args:
        sets: (n, c) bool.
        y_true: (n,) int in [0, c).

    Returns:
        `coverage` (sets that hold the true class) with its Wilson interval `ci_low`, `ci_high`; `mean_size`; `empty`,
        `answered` (sets of one class), `right` (of one class, the true one), as shares of all images.

    Raises:
        ValueError: no set, misshapen sets, an unknown class.
    """
    sets = _as_sets(sets)
    y_true = as_classes(y_true, sets.shape[1], "y_true", len(sets))
    covered, size, answer = sets[np.arange(len(sets)), y_true], sets.sum(axis=1), monitor(sets)
    interval = wilson(covered)
    return {
        "coverage": interval.pop("mean"),
        **interval,
        "mean_size": float(size.mean()),
        "empty": float((size == 0).mean()),
        "answered": float((answer != ABSTAIN).mean()),
        "right": float((answer == y_true).mean()),
    }


def _scores(prob: NDArray, kind: str) -> NDArray[np.float64]:
    """How strange each class would be, (n, c); equal probabilities rank the lower class first."""
    if kind == "lac":
        return 1 - prob
    order = np.argsort(-prob, axis=1, kind="stable")
    scores = np.empty_like(prob)
    np.put_along_axis(scores, order, np.take_along_axis(prob, order, axis=1).cumsum(axis=1), axis=1)
    return scores.round(9)  # sums of a whole row differ in their last digit, and a threshold of 1 must hold them all


def _quantile(scores: NDArray, coverage: float) -> float:
    """The ceil((n + 1) coverage)-th smallest score, which n + 1 exchangeable ones reach as often as promised."""
    place = math.ceil(round((len(scores) + 1) * coverage, 9))  # 100 * 0.55 is 55.00000000000001
    return float(np.sort(scores)[place - 1])


def _checked(prob: ArrayLike) -> NDArray[np.float64]:
    prob = as_probabilities(finite(prob))
    return prob / prob.sum(axis=1, keepdims=True)


def _as_sets(sets: ArrayLike) -> NDArray[np.bool_]:
    sets = np.asarray(sets)
    if sets.ndim != 2 or not sets.size or sets.dtype != bool:
        raise ValueError(f"sets have shape {sets.shape} and type {sets.dtype}; they must be (images, classes) bool")
    return sets
