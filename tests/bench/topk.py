"""Exact top-10 of 100 queries among a million vectors: `search.top_k` against the three usual ways."""

import numpy as np
import torch

from tests.bench import medians
from utils import search

K = 10


def run(items: int = 1_000_000, dim: int = 512, queries: int = 100, repeats: int = 3) -> dict[str, object]:
    """Returns seconds by way; every way must find the same items."""
    import faiss

    gallery, query = unit_rows(items, dim, seed=0), unit_rows(queries, dim, seed=1)
    index = faiss.IndexFlatIP(dim)
    index.add(gallery)
    ways = {
        "search.top_k": lambda: search.top_k(query, gallery, k=K)[1],
        "torch matmul + topk": lambda: torch_top_k(query, gallery),
        "numpy argpartition": lambda: numpy_top_k(query, gallery),
        "faiss flat": lambda: index.search(query, K)[1],
    }
    found = {name: way() for name, way in ways.items()}
    agreement = {name: float((rows == found["search.top_k"]).mean()) for name, rows in found.items()}
    if min(agreement.values()) < 0.99:  # near-ties may change places between the ways of rounding
        raise AssertionError(f"the ways disagree: {agreement}")
    return {"seconds": medians(ways, repeats), "n": queries, "gallery_n": items}


def unit_rows(n: int, dim: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, dim), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def torch_top_k(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    scores = torch.from_numpy(query) @ torch.from_numpy(gallery).T
    return scores.topk(K, dim=1).indices.numpy()


def numpy_top_k(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    scores = query @ gallery.T
    best = np.argpartition(-scores, K, axis=1)[:, :K]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
    return np.take_along_axis(best, order, axis=1)
