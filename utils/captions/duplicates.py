"""Duplicates: which captions say the same, word by word or nearly, and how varied a set of captions is."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from utils import search
from utils.captions.clean import strings

ROWS_AT_ONCE, COLUMNS_AT_ONCE = 1024, 4096  # of a block of cosines: 16 MiB
ROUNDING = 1e-6  # float32 makes the cosine of a vector with itself a little less than 1
EXAMPLES = 3


def groups(sentences: Iterable[str], text_emb: ArrayLike | None = None, near: float = 0.97) -> NDArray[np.int64]:
    """Which sentences are duplicates of each other.

    Exact ones are equal, case, spacing and a final stop aside. Near ones have a cosine of at least `near`, and groups are
    connected through single links: a near b and b near c puts a beside c. The threshold is set by hand, as no two
    models spread their sentences alike: look at `table`.

    Args:
        sentences: n sentences.
        text_emb: (n, d) float, unit length; None: exact duplicates only.
        near: cosine in (0, 1].

    Returns:
        (n,) int64, equal where sentences are duplicates, from 0 in order of the first sentence of a group.

    Raises:
        ValueError: a sentence is no string, embeddings of another number, not finite or not of unit length, or `near`
            outside (0, 1].

    >>> groups(["A turtle.", "a crab", "a  turtle"]).tolist()
    [0, 1, 0]
    """
    if not 0 < near <= 1:
        raise ValueError(f"near is {near}; it is a cosine in (0, 1]")
    number = _numbered(plain(sentence) for sentence in strings(sentences))
    return number if text_emb is None else _linked(number, _checked(text_emb, len(number)), near)


def table(sentences: Iterable[str], text_emb: ArrayLike | None = None, near: float = 0.97) -> pd.DataFrame:
    """The groups of two or more sentences, the largest first; arguments and errors as of `groups`.

    Returns:
        group (its number in `groups`), size, kind ("exact" if all are equal but for case, spacing and a final stop, else
        "near"), examples (up to three different sentences of it, as they were given).
    """
    sentences = strings(sentences)
    members: dict[int, list[str]] = {}
    for number, sentence in zip(groups(sentences, text_emb, near).tolist(), sentences, strict=True):
        members.setdefault(number, []).append(sentence)
    rows = [
        (
            number,
            len(said),
            "exact" if len({plain(s) for s in said}) == 1 else "near",
            list(dict.fromkeys(said))[:EXAMPLES],
        )
        for number, said in members.items()
        if len(said) > 1
    ]
    rows.sort(key=lambda row: (-row[1], row[0]))
    return pd.DataFrame(rows, columns=["group", "size", "kind", "examples"])


def diversity(sentences: Iterable[str]) -> dict[str, float]:
    """How varied captions are.

    Returns:
        unique_rate (different sentences / sentences), distinct-1 and distinct-2 (different words, and pairs of words that
        follow each other in a sentence, / all words: Li et al. 2016, "A Diversity-Promoting Objective Function for
        Neural Conversation Models", section 5), mean_words (of a sentence), duplicates (sentences that say an earlier
        one again). Sentences and words are compared without case.

    Raises:
        ValueError: no sentence, or one that is no string.
    """
    sentences = strings(sentences)
    if not sentences:
        raise ValueError("no sentence was given, so there is nothing to measure")
    words = [re.findall(r"\w+(?:['’-]\w+)*", sentence.casefold()) for sentence in sentences]
    total = sum(map(len, words))
    single = {word for row in words for word in row}
    pairs = {pair for row in words for pair in itertools.pairwise(row)}
    unique = len({plain(sentence) for sentence in sentences})
    return {
        "unique_rate": unique / len(sentences),
        "distinct-1": len(single) / max(total, 1),
        "distinct-2": len(pairs) / max(total, 1),
        "mean_words": total / len(sentences),
        "duplicates": len(sentences) - unique,
    }


def plain(sentence: str) -> str:
    """What exact duplicates share: the sentence in one form of Unicode without case, runs of space and a final stop."""
    return " ".join(unicodedata.normalize("NFC", sentence).casefold().split()).rstrip(" .")


def _numbered(keys: Iterable) -> NDArray[np.int64]:
    """(n,) int64: equal keys have one number, in order of their first."""
    seen: dict = {}
    return np.array([seen.setdefault(key, len(seen)) for key in keys], np.int64)


def _checked(text_emb: ArrayLike, n: int) -> NDArray[np.float32]:
    rows = np.asarray(text_emb, np.float32)
    if rows.ndim != 2 or len(rows) != n:
        raise ValueError(f"text_emb has shape {rows.shape}; it must be ({n}, d), a row a sentence")
    search.check_unit(rows, "text_emb")
    return rows


def _linked(number: NDArray[np.int64], rows: NDArray[np.float32], near: float) -> NDArray[np.int64]:
    """Join the groups `number` (n,) of which two rows (n, d) have a cosine of at least `near`."""
    rows, first, same = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    roots = np.arange(number.max(initial=-1) + 1)
    _join(roots, number, number[first[same.ravel()]])
    of_row = number[first]
    for i, j in _blocks(len(rows)):
        one, other = roots[of_row[i]], roots[of_row[j]]
        apart = one[:, None] != other
        hits = np.nonzero((rows[i] @ rows[j].T >= near - ROUNDING) & apart)
        _join(roots, one[hits[0]], other[hits[1]])
    return _numbered(roots[number].tolist())


def _blocks(n: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the blocks of a square, of its upper half."""
    for i in range(0, n, ROWS_AT_ONCE):
        for j in range(i, n, COLUMNS_AT_ONCE):
            yield slice(i, i + ROWS_AT_ONCE), slice(j, j + COLUMNS_AT_ONCE)


def _join(roots: NDArray[np.int64], one: NDArray[np.int64], other: NDArray[np.int64]) -> None:
    """Join groups pair by pair, in place: `roots` (g,) holds the lowest group that each is joined to."""
    while len(one):
        one, other = roots[one], roots[other]
        apart = one != other
        one, other = one[apart], other[apart]
        np.minimum.at(roots, np.maximum(one, other), np.minimum(one, other))
        while (roots[roots] != roots).any():
            roots[:] = roots[roots]
