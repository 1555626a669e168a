"""Tip-Adapter: zero-shot scores, and beside them the votes of a cache of few labelled images; nothing is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from utils import search
from utils.classify.choice import chosen, folds_of
from utils.classify.classes import finite, rows_of
from utils.classify.text_probe import text_rows
from utils.classify.zeroshot import softmax

ALPHAS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
BETAS = (1.0, 3.0, 5.5, 10.0, 30.0, 100.0)


@dataclass(frozen=True, eq=False)
class TipAdapter:
    """Tip-Adapter (Zhang et al. 2022) without its fine-tuned variant.

    Attributes:
        classes: c names, in the order given.
        keys, codes: the cache: (n, d) unit length, and (n,) int64.
        class_emb, scale: of the zero-shot scores.
        alpha: weight of the cache; 0 is zero-shot.
        beta: how near an image of the cache must be to count.
        searched: a row a setting that was tried: alpha, beta, accuracy, macro_accuracy.
    """

    classes: list[str]
    keys: NDArray[np.float64]
    codes: NDArray[np.int64]
    class_emb: NDArray[np.float64]
    scale: float
    alpha: float
    beta: float
    searched: pd.DataFrame

    @classmethod
    def fit(
        cls,
        emb: ArrayLike,
        labels: Sequence[str],
        classes: Sequence[str],
        class_emb: ArrayLike,
        scale: float = 100.0,
        val_emb: ArrayLike | None = None,
        val_labels: Sequence[str] | None = None,
        alphas: Sequence[float] = ALPHAS,
        betas: Sequence[float] = BETAS,
        folds: int = 5,
        seed: int = 0,
    ) -> TipAdapter:
        """Choose alpha and beta by macro accuracy; of equal ones the least alpha, then the least beta.

        Args:
            emb: (n, d) float, unit length, of the cached images.
            labels: n names among the classes.
            classes: c names.
            class_emb: (c, d) float, unit length.
            scale: of the cosines to the classes.
            val_emb: (v, d) float, to choose on; None cross-validates.
            val_labels: v names.
            alphas, betas: to choose from, not below 0.
            folds, seed: of the cross-validation.

        Raises:
            ValueError: rows that are not of unit length, shapes that do not fit, an alpha or beta below 0; as `rows_of`
                and `folds_of`.
        """
        emb, known = rows_of(emb, labels, classes)
        class_emb = text_rows(emb, known.names, class_emb, scale)
        settings = [{"alpha": alpha, "beta": beta} for alpha in sorted(set(alphas)) for beta in sorted(set(betas))]
        if not settings or min(settings[0].values()) < 0:
            raise ValueError(f"alphas {alphas}, betas {betas}: give at least one of each, none below 0")
        parts = folds_of(emb, known, val_emb, val_labels, folds, seed)
        logits = [scale * fold.val_emb @ class_emb.T for fold in parts]
        votes = {
            beta: [_votes(fold.val_emb, fold.emb, fold.codes, beta, len(class_emb)) for fold in parts] for beta in betas
        }
        probs = [
            [softmax(zero + s["alpha"] * vote) for zero, vote in zip(logits, votes[s["beta"]], strict=True)]
            for s in settings
        ]
        best, searched = chosen(settings, probs, parts)
        return cls(known.names, emb, known.codes, class_emb, scale, **best, searched=searched)

    def predict_proba(self, emb: ArrayLike) -> NDArray[np.float64]:
        """Probabilities (n, c) in the order of `classes`; rows (n, d) of unit length, or a ValueError."""
        emb = finite(emb)
        if emb.shape[1] != self.keys.shape[1]:
            raise ValueError(f"emb has {emb.shape[1]} dimensions; the cache has {self.keys.shape[1]}")
        search.check_unit(emb, "emb")
        votes = _votes(emb, self.keys, self.codes, self.beta, len(self.class_emb))
        return softmax(self.scale * emb @ self.class_emb.T + self.alpha * votes)


def _votes(emb: NDArray, keys: NDArray, codes: NDArray, beta: float, c: int) -> NDArray[np.float64]:
    """How much the cache speaks for each class, (n, c)."""
    return np.exp(-beta * (1 - emb @ keys.T)) @ np.eye(c)[codes]
