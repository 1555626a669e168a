"""The best items of a gallery for each query: exact over arrays and blocks, or as an index answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

ENGINES = ("auto", "torch", "faiss")
SCORES_AT_ONCE = 2**25  # 128 MiB, however many queries there are
BLOCKS_AT_ONCE = 64  # a block may be a memory map, which holds a file open


@runtime_checkable
class Index(Protocol):
    """A gallery that searches itself, such as an index over shards (`scale.open_index`)."""

    dim: int

    def __len__(self) -> int:
        """How many items there are, removed ones included."""

    def top_k(
        self, queries: NDArray[np.float32], k: int, mask: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """What the function `top_k` returns for checked queries (m, d) and a checked mask (n,)."""


def top_k(
    queries: ArrayLike,
    gallery: ArrayLike | Index,
    k: int = 10,
    mask: ArrayLike | None = None,
    chunk: int = 65536,
    engine: str = "auto",
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The k best gallery items of each query by dot product: exact, and equal scores in order of their index.

    "auto" is torch at every size: on a million items `make bench` finds it no slower than NumPy, plain torch and FAISS
    flat, and it reads the gallery where it lies, so that FAISS would save no memory either.

    Args:
        queries: (m, d) float; unit length makes the scores cosines.
        gallery: (n, d) float; a memory map stays on disk, one chunk is read at a time. Or an `Index`, which may be
            approximate: it says how it searches, so that chunk and engine do not count.
        k: items wanted; there are fewer columns where fewer items are allowed, none if the mask allows none.
        mask: (n,) bool, the items that may be found.
        chunk: gallery rows scored at once, fewer where there are many queries.
        engine: "auto", "torch" or "faiss".

    Returns:
        scores (m, k') float32, falling; index (m, k') int64 into `gallery`.

    Raises:
        ValueError: no query, no item, shapes that do not fit, NaN or infinite values, k or chunk below 1.

    >>> top_k([[1.0, 0.0]], [[0.6, 0.8], [1.0, 0.0], [0.6, 0.8]], k=3)[1].tolist()
    [[1, 0, 2]]
    """
    if isinstance(gallery, Index):
        return _asked(gallery, queries, k, mask)
    queries, gallery = _pair(queries, gallery)
    if k < 1 or chunk < 1 or engine not in ENGINES:
        raise ValueError(f"k is {k}, chunk {chunk}, engine {engine!r}; k and chunk start at 1, engines are {ENGINES}.")
    allowed = None if mask is None else np.flatnonzero(_checked_mask(mask, len(gallery)))
    count = len(gallery) if allowed is None else len(allowed)
    k = min(k, count)
    if not k:
        return np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
    chunk = max(1, min(chunk, SCORES_AT_ONCE // len(queries)))
    best = _faiss_chunk if engine == "faiss" else _torch_chunk
    scores, index = _merged(queries, _chunks(gallery, allowed, chunk), k, best)
    return scores, index if allowed is None else allowed[index]


def top_k_of_blocks(
    queries: ArrayLike, blocks: Iterable[NDArray], k: int = 10, chunk: int = 65536
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """`top_k` over a gallery that comes in blocks (n_i, d), such as shards: the index counts the rows of all of them.

    Scores, not rows, are joined to chunks before the best are taken, so that many small blocks cost no more than one.

    >>> top_k_of_blocks([[1.0, 0.0]], [np.array([[0.6, 0.8]]), np.array([[1.0, 0.0]])], k=1)[1].tolist()
    [[1]]
    """
    queries = np.require(queries, np.float32, ["C", "W"])
    _check_rows(queries, "queries")
    _check_finite(queries, "queries")
    if k < 1 or chunk < 1:
        raise ValueError(f"k is {k}, chunk {chunk}; both start at 1.")
    return _merged(queries, _joined(blocks, max(1, min(chunk, SCORES_AT_ONCE // len(queries)))), k, _torch_chunk)


def scores(queries: ArrayLike, gallery: ArrayLike) -> NDArray[np.float32]:
    """All dot products, (m, n) float32 for (m, d) queries and (n, d) items; errors as in `top_k`."""
    queries, gallery = _pair(queries, gallery)
    _check_finite(gallery, "gallery")
    return queries @ gallery.astype(np.float32, copy=False).T


def _asked(index: Index, queries: ArrayLike, k: int, mask: ArrayLike | None) -> tuple[NDArray, NDArray]:
    """The answer of an index to what was checked as for an array."""
    queries = _pair(queries, np.empty((1, index.dim), np.float32))[0]
    if k < 1:
        raise ValueError(f"k is {k}; it starts at 1.")
    return index.top_k(queries, k, None if mask is None else _checked_mask(mask, len(index), " (index.manifest())"))


def _pair(queries: ArrayLike, gallery: ArrayLike) -> tuple[NDArray[np.float32], NDArray]:
    queries, gallery = np.require(queries, np.float32, ["C", "W"]), np.asarray(gallery)
    _check_rows(queries, "queries")
    _check_rows(gallery, "gallery")
    if queries.shape[1] != gallery.shape[1]:
        raise ValueError(
            f"queries have {queries.shape[1]} dimensions, the gallery {gallery.shape[1]}: different models?"
        )
    _check_finite(queries, "queries")
    return queries, gallery


def _check_rows(array: NDArray, name: str) -> None:
    if array.ndim != 2 or not array.size:
        raise ValueError(f"{name} has shape {array.shape}; it must be (rows, dimensions) with at least one row.")


def _check_finite(rows: NDArray, name: str) -> None:
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise ValueError(f"{name}[{bad[0]}] holds NaN or infinite values ({len(bad)} rows do); leave such rows out.")


def _checked_mask(mask: ArrayLike, n: int, of: str = "") -> NDArray[np.bool_]:
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape != (n,):
        raise ValueError(f"mask has shape {mask.shape} and type {mask.dtype}; it must be ({n},) bool{of}.")
    return mask


def _chunks(
    gallery: NDArray, allowed: NDArray[np.int64] | None, size: int
) -> Iterator[tuple[int, list[NDArray[np.float32]]]]:
    """Start and rows of each chunk of allowed items, copied only where torch cannot take them as they are."""
    for start in range(0, len(gallery) if allowed is None else len(allowed), size):
        rows = slice(start, start + size) if allowed is None else allowed[start : start + size]
        yield start, [np.require(gallery[rows], np.float32, ["C", "W"])]


def _joined(blocks: Iterable[NDArray], size: int) -> Iterator[tuple[int, list[NDArray[np.float32]]]]:
    """Start and rows of each chunk: neighbouring blocks together, none longer than `size`."""
    start, taken, rows = 0, 0, list[NDArray]()
    for _, (part,) in (chunk for block in blocks for chunk in _chunks(block, None, size)):
        if taken + len(part) > size or len(rows) == BLOCKS_AT_ONCE:
            yield start, rows
            start, taken, rows = start + taken, 0, []
        rows.append(part)
        taken += len(part)
    if rows:
        yield start, rows


def _merged(
    queries: NDArray, chunks: Iterator[tuple[int, list[NDArray]]], k: int, best: Any
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The best of all chunks; as earlier chunks hold lower indices, a stable order keeps ties right."""
    values, index = np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
    for start, rows in chunks:
        found = best(queries, rows, min(k, sum(map(len, rows))))
        # topk ranks NaN first, so this sees it without a pass over the gallery
        if not np.isfinite(found[0]).all():
            raise ValueError("scores are NaN or infinite: the gallery holds such values; leave their rows out.")
        values, index = np.hstack([values, found[0]]), np.hstack([index, found[1] + start])
        order = np.argsort(-values, axis=1, kind="stable")[:, :k]
        values, index = (np.take_along_axis(array, order, axis=1) for array in (values, index))
    return values, index


def _torch_chunk(queries: NDArray, rows: list[NDArray], k: int) -> tuple[NDArray, NDArray]:
    """`topk` with one more than asked: only where that one equals the last can a tie reach over the edge."""
    import torch

    products, start = torch.empty(len(queries), sum(map(len, rows))), 0
    for part in rows:
        torch.mm(torch.from_numpy(queries), torch.from_numpy(part).T, out=products[:, start : start + len(part)])
        start += len(part)
    values, index = (found.numpy() for found in products.topk(min(k + 1, products.shape[1]), dim=1))
    if values.shape[1] > k:
        for i in np.flatnonzero(values[:, k] == values[:, k - 1]):
            index[i, :k] = _first_k(products[i].numpy(), values[i, k - 1], k)
    index = np.sort(index[:, :k], axis=1)
    values = np.take_along_axis(products.numpy(), index, axis=1)
    return values, index


def _first_k(row: NDArray, edge: float, k: int) -> NDArray[np.int64]:
    """Indices of everything above the edge, filled up with the lowest ones at the edge."""
    return np.concatenate([np.flatnonzero(row > edge), np.flatnonzero(row == edge)])[:k]


def _faiss_chunk(queries: NDArray, parts: list[NDArray], k: int) -> tuple[NDArray, NDArray]:
    """FAISS flat; it orders ties as it likes, so queries with a tie at the edge are asked again by torch."""
    import faiss

    (rows,) = parts
    _check_finite(rows, "gallery")  # a heap never takes NaN up
    values, index = faiss.knn(queries, rows, min(k + 1, len(rows)), metric=faiss.METRIC_INNER_PRODUCT)
    tied = np.flatnonzero(values[:, k] == values[:, k - 1]) if values.shape[1] > k else []
    order = np.argsort(index[:, :k], axis=1)
    values, index = (np.take_along_axis(array, order, axis=1) for array in (values[:, :k], index[:, :k]))
    if len(tied):
        values[tied], index[tied] = _torch_chunk(queries[tied], parts, k)
    return values, index
