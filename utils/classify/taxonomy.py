"""The taxonomy of classes: what a probability of species says about genera, families and orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from utils import datasets
from utils.classify.classes import finite, listed, spelling
from utils.metrics.checks import as_classes
from utils.reef import species

RANKS = species.RANKS


@dataclass(frozen=True, eq=False)
class Taxonomy:
    """Which genus, family and order each label belongs to.

    Attributes:
        table: index label, columns genus, family, order.
    """

    table: pd.DataFrame

    @classmethod
    def of(cls, source: pd.DataFrame | Mapping[str, Mapping[str, str]]) -> Taxonomy:
        """Of a frame with the labels as index, or of label -> {"genus", "family", "order"}; more columns do not matter.

        Raises:
            ValueError: a missing column or cell, a label that stands twice, a genus in two families or a family in two
                orders; names it.
        """
        table = source if isinstance(source, pd.DataFrame) else pd.DataFrame.from_dict(dict(source), orient="index")
        datasets.need(table, *RANKS[1:], give="genus, family and order of every label")
        table = table[list(RANKS[1:])]
        if twice := sorted(set(table.index[table.index.duplicated()])):
            raise ValueError(f"the taxonomy has these labels twice: {listed(twice)}")
        if len(gaps := table.index[table.isna().any(axis=1) | (table == "").any(axis=1)]):
            raise ValueError(f"the taxonomy lacks a rank of {listed(gaps)}")
        for lower, upper in pairwise(RANKS[1:]):
            homes = table.groupby(lower)[upper].nunique()
            if len(split := homes.index[homes > 1]):
                raise ValueError(f"the taxonomy has {lower} {listed(split)} in more than one {upper}")
        return cls(table)

    def check(self, labels: Sequence[str]) -> None:
        """Ask that every label is known.

        Raises:
            ValueError: some are not; names them, and what they may be in another spelling.
        """
        known = {spelling(str(name)): name for name in self.table.index}
        missing = [label for label in labels if label not in self.table.index]
        if missing:
            near = (known.get(spelling(label)) for label in missing)
            hints = [f"{label} (is it {name!r}?)" if name else label for label, name in zip(missing, near, strict=True)]
            raise ValueError(f"the taxonomy lacks {len(missing)} of {len(labels)} labels: {listed(hints)}")

    def taxa(self, labels: Sequence[str], rank: str) -> list[str]:
        """What each label belongs to at a rank; at "species" the label itself.

        Raises:
            ValueError: an unknown rank or label.
        """
        if rank not in RANKS:
            raise ValueError(f"unknown rank {rank!r}; known: {', '.join(RANKS)}")
        self.check(labels)
        return list(labels) if rank == "species" else list(self.table.loc[list(labels), rank])

    def roll_up(self, prob: ArrayLike, classes: Sequence[str], rank: str) -> tuple[NDArray[np.float64], list[str]]:
        """The probability of each taxon: the sum over its species.

        Args:
            prob: (n, c) float, each row sums to 1.
            classes: c labels.
            rank: one of `RANKS`.

        Returns:
            (n, t) float64 whose rows sum to what they did, and the names of the t taxa, sorted; at "species" nothing
            changes, the order included.

        Raises:
            ValueError: an unknown rank or label, another number of columns than classes.
        """
        prob, own = finite(prob), self.taxa(classes, rank)
        if prob.shape[1] != len(own):
            raise ValueError(f"prob has shape {prob.shape}; it must have a column for each of {len(own)} classes")
        names = list(classes) if rank == "species" else sorted(set(own))
        return prob @ (np.array(own)[:, None] == np.array(names)).astype(np.float64), names

    def accuracy(
        self, y_true: ArrayLike, prob: ArrayLike, classes: Sequence[str], summed: bool = False
    ) -> dict[str, float]:
        """How often the answer is right at each rank.

        Args:
            y_true: (n,) int, places in `classes`.
            prob: (n, c) float.
            classes: c labels.
            summed: answer with the taxon of the greatest summed probability. By default it is that of the most probable
                species: who is right about the species is then right about all ranks, which sums do not promise.

        Returns:
            rank -> share in [0, 1], from species to order.

        Raises:
            ValueError: as `roll_up`, no image, or a class that does not exist.
        """
        prob, found = finite(prob), {}
        y_true = as_classes(y_true, len(classes), "y_true", len(prob))
        for rank in RANKS:
            rolled, names = self.roll_up(prob, classes, rank)
            own = np.array(self.taxa(classes, rank))
            guess = np.array(names)[rolled.argmax(axis=1)] if summed else own[prob.argmax(axis=1)]
            found[rank] = float((guess == own[y_true]).mean())
        return found


def fish31_taxonomy() -> Taxonomy:
    """The taxonomy of the 31 bony fish of fish31 (Eschmeyer's Catalog of Fishes), by their folder names."""
    return Taxonomy.of(species.TAXONOMY)
