"""The linear probe: how far one layer on a frozen encoder's embeddings tells classes apart."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from utils.classify.choice import Fold, chosen, folds_of, one_thread
from utils.classify.classes import finite, rows_of
from utils.classify.zeroshot import softmax

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
MOST_STEPS = 5000
TOLERANCE = 1e-5  # scikit-learn's own stops early where the penalty is weak
VANISHED = 1e-9  # a feature whose spread is a smaller share of the others' is constant


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """Multinomial logistic regression, with a correction for rare classes (Menon et al. 2021, post hoc).

    Attributes:
        classes: c names, sorted.
        mean, spread: (d,), taken from the features and divided by; the spread is 1 where they are not standardised.
        weight, bias: (c, d) and (c,), of the features after that.
        prior: (c,) share of each class in training.
        strength, adjust: as chosen.
        searched: a row a setting that was tried: strength, adjust, accuracy, macro_accuracy; empty for one setting.
    """

    classes: list[str]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    prior: NDArray[np.float64]
    strength: float
    adjust: float
    searched: pd.DataFrame

    @classmethod
    def fit(
        cls,
        emb: ArrayLike,
        labels: Sequence[str],
        val_emb: ArrayLike | None = None,
        val_labels: Sequence[str] | None = None,
        strengths: Sequence[float] = STRENGTHS,
        class_weight: str | None = None,
        adjust: float | Sequence[float] = 0.0,
        standardise: bool = False,
        folds: int = 5,
        seed: int = 0,
    ) -> LinearProbe:
        """Learn by L-BFGS; choose by macro accuracy, of equal settings the strongest, then the least adjusted.

        Args:
            emb: (n, d) float, of training images.
            labels: n names.
            val_emb: (v, d) float, to choose on; None cross-validates.
            val_labels: v names.
            strengths: to choose from: the L2 penalty is strength / 2 times the squared weights, beside the sum of the
                cross-entropies (scikit-learn's C is 1 / strength).
            class_weight: "balanced" lets every class weigh the same in the loss.
            adjust: tau, or several to choose from: tau times the log of a class's share in training is taken from
                its logit. 0 leaves the probabilities, 1 makes classes compete as if all were as frequent.
            standardise: give every feature the same spread first, 1 / sqrt(d): rows are then about of unit length, so
                that strengths keep their meaning.
            folds, seed: of the cross-validation.

        Raises:
            ValueError: a strength that is not above 0, no strength or tau; as `rows_of` and `folds_of`.
        """
        emb, known = rows_of(emb, labels)
        strengths, taus = sorted(set(strengths), reverse=True), sorted(set(np.atleast_1d(adjust).tolist()), key=abs)
        if not strengths or strengths[-1] <= 0 or not taus:
            raise ValueError(f"strengths {strengths}, adjust {taus}: give at least one of each, strengths above 0")
        settings = [{"strength": strength, "adjust": tau} for strength in strengths for tau in taus]
        best, searched = settings[0], pd.DataFrame()
        if len(settings) > 1:
            parts = folds_of(emb, known, val_emb, val_labels, folds, seed)
            sweeps = [_sweep(fold, known.names, strengths, taus, class_weight, standardise) for fold in parts]
            best, searched = chosen(settings, list(zip(*sweeps, strict=True)), parts)
        whole = Fold(emb, known.codes, emb, known.codes)
        probe = next(_path(whole, known.names, [best["strength"]], class_weight, standardise))
        return cls(**probe | best, searched=searched)

    def predict_proba(self, emb: ArrayLike) -> NDArray[np.float64]:
        """Probabilities (n, c) in the order of `classes`, for rows (n, d)."""
        emb = finite(emb)
        if emb.shape[1] != len(self.mean):
            raise ValueError(f"emb has {emb.shape[1]} dimensions; the probe has learned from {len(self.mean)}")
        logits = (emb - self.mean) / self.spread @ self.weight.T + self.bias
        return softmax(logits - self.adjust * np.log(self.prior))


def _sweep(
    fold: Fold, names: list[str], strengths: list[float], taus: list[float], class_weight: str | None, standardise: bool
) -> list[NDArray[np.float64]]:
    """Probabilities of a fold's held-out rows for each strength, and for each tau within it."""
    paths = zip(strengths, _path(fold, names, strengths, class_weight, standardise), strict=True)
    probes = (
        LinearProbe(**learned, strength=strength, adjust=tau, searched=pd.DataFrame())
        for strength, learned in paths
        for tau in taus
    )
    return [probe.predict_proba(fold.val_emb) for probe in probes]


def _path(
    fold: Fold, names: list[str], strengths: list[float], class_weight: str | None, standardise: bool
) -> Iterator[dict[str, Any]]:
    """What a probe has learned from a fold at each strength, falling: each starts from the one before, to be quick."""
    from sklearn.linear_model import LogisticRegression

    mean, spread, size = _scaling(fold.emb, standardise)
    rows, prior = (fold.emb - mean) / spread / size, np.bincount(fold.codes, minlength=len(names)) / len(fold.codes)
    model = LogisticRegression(class_weight=class_weight, max_iter=MOST_STEPS, tol=TOLERANCE, warm_start=True)
    for strength in strengths:
        with warnings.catch_warnings(), one_thread():
            warnings.filterwarnings("ignore", "The number of unique classes")  # one shot of many classes
            model.set_params(C=size**2 / strength).fit(rows, fold.codes)
        weight, bias = model.coef_ / size, model.intercept_.copy()
        if len(names) == 2:  # scikit-learn keeps the second class's alone
            weight, bias = np.vstack([0 * weight, weight]), np.append(0.0, bias)
        yield {"classes": names, "weight": weight, "bias": bias, "mean": mean, "spread": spread, "prior": prior}


def _scaling(emb: NDArray, standardise: bool) -> tuple[NDArray, NDArray, float]:
    """Mean and spread (d,) of features, and the size that they have after that.

    Rows of mean 0 and size 1 have the same optimum, as the penalty is on neither bias nor mean, but are there far sooner.
    """
    mean, own = emb.mean(axis=0), emb.std(axis=0)
    size = float(np.sqrt((own**2).mean())) or 1.0
    if not standardise:
        return mean, np.ones_like(own), size
    own[own < VANISHED * size] = size  # a constant says nothing, and its rounding must not
    return mean, own * len(own) ** 0.5, len(own) ** -0.5
