"""Pieces: indexes of FAISS over runs of shards; they only propose, cosines are taken from the shards."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from utils.scale import kinds

WIDEST = 64  # times the usual effort where a mask leaves few, as more of what is found is not allowed
LEAST = 256  # vectors that the 256 codes of a product quantiser can be learned from


def learned(kind: str, sample: np.ndarray, n: int) -> Any:
    """An empty index of FAISS that has learned lists, codes or ranges from a sample (s, d) float32 of n vectors."""
    import faiss

    if kind == "ivfpq" and len(sample) < LEAST:
        raise ValueError(
            f"an index of kind 'ivfpq' is learned from {LEAST} photos at least, not {len(sample)}: take 'flat'"
        )
    index = faiss.index_factory(sample.shape[1], kinds.recipe(kind, n, sample.shape[1]), faiss.METRIC_INNER_PRODUCT)
    if kind == "hnsw":
        index.hnsw.efConstruction = kinds.BUILD_EFFORT
    else:
        index.cp.min_points_per_centroid = index.pq.cp.min_points_per_centroid = 1  # a smaller archive says nothing
    index.train(sample)
    return index


def filled(empty: Any, blocks: Iterable[np.ndarray]) -> Any:
    """A copy of a learned index that holds blocks (n, d) float32."""
    import faiss

    index = faiss.clone_index(empty)
    for block in blocks:
        index.add(np.ascontiguousarray(block))
    return index


def write(index: Any, path: Path) -> None:
    """Writes an index to a file.

    Raises:
        OSError: it could not be written as a whole, as on a full disk.
    """
    import faiss

    try:
        faiss.write_index(index, str(path))
    except RuntimeError as error:
        raise OSError(f"{path} could not be written: is the disk full? Make room and run again") from error


def opened(path: Path, mapped: bool) -> Any:
    """An index from its file; with `mapped`, lists of IVF stay there and are mapped into memory.

    Raises:
        ValueError: damaged; names the file and says what to do.
    """
    import faiss

    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP if mapped else 0)
    except RuntimeError as error:
        raise ValueError(f"{path} is no whole index of FAISS; build it again by scale.build_index") from error


def proposed(
    index: Any, kind: str, queries: np.ndarray, count: int, mask: np.ndarray | None, effort: float
) -> tuple[np.ndarray, np.ndarray]:
    """The most promising rows of a piece: scores (m, c) float32 and rows (m, c) int64, -1 where there are no more.

    Args:
        count: rows wanted.
        mask: (n,) bool, rows of the piece that may be found.
        effort: times the usual one; more of it finds more and takes longer.
    """
    settings = _settings(index, kind, count, 1.0 if mask is None else float(mask.mean()), effort)
    if mask is not None:
        import faiss

        bits = np.packbits(mask, bitorder="little")
        settings.sel = faiss.IDSelectorBitmap(len(mask), faiss.swig_ptr(bits))
        settings.bits = bits  # the selector does not keep them
    return index.search(queries, min(count, index.ntotal), params=settings)


def _settings(index: Any, kind: str, count: int, allowed: float, effort: float) -> Any:
    """What FAISS is told of the effort, which is larger the fewer rows are allowed."""
    import faiss

    wider = min(WIDEST, 1 / max(allowed, 1e-9))
    if kind == "hnsw":
        return faiss.SearchParametersHNSW(efSearch=int(max(kinds.EFFORT * effort, count) * wider))
    probed = max(kinds.LEAST_PROBED, index.nlist * kinds.PROBED) * effort * wider
    return faiss.SearchParametersIVF(nprobe=max(1, round(min(index.nlist, probed))))
