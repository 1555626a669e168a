"""What a random order of the photographs reaches, exactly: not all individuals have equally many."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

NODES = 256


def top_chance(own: int, others: Sequence[int], k: int = 1) -> float:
    """The probability that an individual is among the first k, each ranked by its first photograph in a random order.

    Give every photograph a uniform time; the first one of an individual with r comes when u = (1 - time)^r, itself
    uniform, has fallen that far, and one with s photographs came before with probability 1 - u^(s / r). How many came
    before is a sum of independent events, whose distribution is averaged over u by Gauss and Legendre's rule.

    Args:
        own: photographs of the individual, from 1.
        others: (m - 1,) photographs of each other one, from 1.
        k: places.

    Returns:
        In [0, 1]; for k = 1 own / (own + sum(others)), for equally many photographs k / m.

    Raises:
        ValueError: a number below 1.

    >>> round(top_chance(2, [1, 1], 1), 6), round(top_chance(1, [1, 1, 1], 2), 6)
    (0.5, 0.5)
    """
    if own < 1 or k < 1 or min(others, default=1) < 1:
        raise ValueError(f"own {own}, others {list(others)}, k {k}: all are counted from 1")
    if k == 1 or k > len(others):
        return own / (own + sum(others)) if k == 1 else 1.0
    return _first(own, tuple(sorted(others)), k)


@lru_cache(maxsize=4096)
def _first(own: int, others: tuple[int, ...], k: int) -> float:
    node, weight = np.polynomial.legendre.leggauss(NODES)
    ahead = np.zeros((k, NODES))  # how likely 0 to k - 1 of the others came before
    ahead[0] = 1.0
    for size in others:
        late = ((1 + node) / 2) ** (size / own)
        ahead[1:] = ahead[1:] * late + ahead[:-1] * (1 - late)
        ahead[0] *= late
    return float(ahead.sum(axis=0) @ weight / 2)
