"""The linear probe that starts from words: class embeddings are its first weights, and pull it back towards them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from utils import search
from utils.classify.choice import chosen, folds_of, one_thread
from utils.classify.classes import finite, rows_of
from utils.classify.zeroshot import softmax

PULLS = (1e-2, 1e-1, 1.0, 10.0, 100.0, 1000.0)
MOST_STEPS = 500


@dataclass(frozen=True, eq=False)
class TextProbe:
    """Logistic regression whose L2 penalty is on the way from the text weights, not from 0.

    As a constraint of few-shot learning: Silva-Rodríguez et al. 2024 (CLAP). The stronger the pull, the
    nearer to zero-shot; without any it is a plain probe without bias.

    Attributes:
        classes: c names, in the order given.
        weight: (c, d) of logits.
        pull: as chosen.
        searched: a row a pull that was tried: pull, accuracy, macro_accuracy; empty for one pull.
    """

    classes: list[str]
    weight: NDArray[np.float64]
    pull: float
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
        pulls: Sequence[float] = PULLS,
        folds: int = 5,
        seed: int = 0,
    ) -> TextProbe:
        """Learn by L-BFGS; choose the pull by macro accuracy, of equal ones the strongest.

        Args:
            emb: (n, d) float, unit length, of training images.
            labels: n names among the classes; one without images keeps about its text.
            classes: c names.
            class_emb: (c, d) float, unit length.
            scale: of the cosines: the start is scale * class_emb.
            val_emb: (v, d) float, to choose on; None cross-validates.
            val_labels: v names.
            pulls: to choose from: the penalty is pull / 2 times the squared way from the start, beside the sum of the
                cross-entropies.
            folds, seed: of the cross-validation.

        Raises:
            ValueError: rows that are not of unit length, shapes that do not fit, a pull or scale that is not above 0; as
                `rows_of` and `folds_of`.
        """
        emb, known = rows_of(emb, labels, classes)
        start = scale * text_rows(emb, known.names, class_emb, scale)
        pulls = sorted(set(pulls), reverse=True)
        if not pulls or pulls[-1] <= 0:
            raise ValueError(f"pulls {pulls}: give at least one, each above 0")
        best, searched = {"pull": pulls[0]}, pd.DataFrame()
        if len(pulls) > 1:
            parts, settings = folds_of(emb, known, val_emb, val_labels, folds, seed), [{"pull": pull} for pull in pulls]
            paths = [(fold, _path(fold.emb, fold.codes, start, pulls)) for fold in parts]
            probs = [[softmax(fold.val_emb @ weight.T) for weight in path] for fold, path in paths]
            best, searched = chosen(settings, list(zip(*probs, strict=True)), parts)
        weight = _path(emb, known.codes, start, [best["pull"]])[0]
        return cls(known.names, weight, best["pull"], searched)

    def predict_proba(self, emb: ArrayLike) -> NDArray[np.float64]:
        """Probabilities (n, c) in the order of `classes`, for rows (n, d)."""
        emb = finite(emb)
        if emb.shape[1] != self.weight.shape[1]:
            raise ValueError(f"emb has {emb.shape[1]} dimensions; the probe has learned from {self.weight.shape[1]}")
        return softmax(emb @ self.weight.T)


def text_rows(emb: NDArray, names: Sequence[str], class_emb: ArrayLike, scale: float) -> NDArray[np.float64]:
    """Class embeddings as float64 rows, after a check that they fit names, images and a scale above 0.

    Raises:
        ValueError: they do not, or images or classes are not of unit length.
    """
    class_emb = finite(class_emb)
    if class_emb.shape != (len(names), emb.shape[1]) or not 0 < scale < np.inf:
        raise ValueError(f"class_emb {class_emb.shape}, scale {scale}: give ({len(names)}, {emb.shape[1]}), above 0")
    search.check_unit(emb, "emb")
    search.check_unit(class_emb, "class_emb")
    return class_emb


def _path(emb: NDArray, codes: NDArray, start: NDArray, pulls: Sequence[float]) -> list[NDArray[np.float64]]:
    """Weights (c, d) for each pull, falling; each starts from the one before, to be quick."""
    from scipy.optimize import minimize

    truth = np.eye(len(start))[codes]

    def loss(way: NDArray, pull: float) -> tuple[float, NDArray]:
        way = way.reshape(start.shape)
        prob = softmax(emb @ (start + way).T)
        surprise = -np.log(np.maximum(prob[np.arange(len(codes)), codes], np.finfo(float).tiny)).sum()
        return surprise + pull / 2 * (way**2).sum(), ((prob - truth).T @ emb + pull * way).ravel()

    ways = [np.zeros(start.size)]
    for pull in pulls:
        with one_thread():
            found = minimize(loss, ways[-1], (pull,), "L-BFGS-B", jac=True, options={"maxiter": MOST_STEPS})
        ways.append(found.x)
    return [start + way.reshape(start.shape) for way in ways[1:]]
