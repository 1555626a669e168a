"""Kinds of indexes over an archive, and the rule that says which to take; notebook 09 shows the curves behind it."""

from __future__ import annotations

import math

KINDS = ("flat", "hnsw", "ivfpq")
FLAT_MOST = 50_000  # photos; beyond, reading every vector takes too long for one query
HNSW_MOST = 200_000  # photos; beyond, its graph takes too long to build and too much memory
LINKS, BUILD_EFFORT, EFFORT = 32, 64, 64  # of HNSW
PROBED = 1 / 16  # of the lists of IVF, and
LEAST_PROBED = 64  # lists
EFFORTS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)  # times the usual effort, tried until enough is found
RECALL = 0.95  # of the ten most similar photos, which is enough
CANDIDATES = {"hnsw": 64, "ivfpq": 256}  # whose exact cosines are taken from the shards
PIECE_ROWS = 2**20  # photos of a piece of an index; built one after the other, so that memory holds one
PER_LIST = 50  # vectors that a list is learned from
DIMENSIONS = 8  # that share a byte of a product quantiser


def choose(n: int) -> str:
    """The kind for n photos: "flat" is exact, "hnsw" quick and large, "ivfpq" small and quick to build."""
    if n <= FLAT_MOST:
        return "flat"
    return "hnsw" if n <= HNSW_MOST else "ivfpq"


def lists(n: int) -> int:
    """How many lists IVF cuts a piece into: four times the root of its vectors, but enough vectors to learn each from."""
    n = min(n, PIECE_ROWS)
    return max(1, min(round(4 * math.sqrt(n)), n // PER_LIST))


def recipe(kind: str, n: int, dim: int) -> str:
    """What FAISS's factory builds for n vectors (n, dim)."""
    if kind == "hnsw":
        return f"HNSW{LINKS},SQ8"
    most = max(1, dim // DIMENSIONS)
    codes = next(count for count in range(most, 0, -1) if dim % count == 0)
    return f"IVF{lists(n)},PQ{codes}x8np"  # np: no order of the codes is learned, which takes longest and serves no one here


def sample_size(kind: str, n: int) -> int:
    """How many vectors an index of n learns from."""
    return min(n, max(10_000, PER_LIST * lists(n)) if kind == "ivfpq" else 10_000)


def check(kind: str) -> None:
    """Refuses unknown kinds by ValueError."""
    if kind not in KINDS:
        raise ValueError(f"index of kind {kind!r}: kinds are {', '.join(KINDS)}")


def check_recall(recall: float) -> None:
    """Refuses what is no share of photos by ValueError."""
    if not 0 < recall <= 1:
        raise ValueError(f"recall is {recall}; give a share above 0 and up to 1")
