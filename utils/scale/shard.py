"""Shard: some thousand photos with their embeddings in one safetensors file, so that one rename commits both.

Tensors: `emb` (n, d) float32, unit length; `rows`, n lines of JSON (the manifest) as bytes; `key` (n,) uint64, from
the ids, and `where`, the same from the paths; `failures`, lines of JSON with id, path, reason and whether it lasts.
Embeddings lie in the file as they do in memory, so that a search maps them and copies nothing, which no compressed table
allows.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

FORMAT = "reefclip-shard-2"
SUFFIX = ".safetensors"
TYPES = {"F32": np.float32, "U64": np.uint64, "U8": np.uint8}
MOST_HEAD = 2**20  # bytes
TENSORS = ("emb", "key", "where", "rows", "failures")
Row = dict[str, Any]


class Shard(NamedTuple):
    """Rows of the manifest with their embeddings (n, d) float32, and what failed: image_id, path, reason, lasts."""

    rows: list[Row]
    emb: np.ndarray
    failures: list[Row]


@dataclass(frozen=True)
class Head:
    """What a shard says of itself.

    Attributes:
        name: of the file.
        about: format, model and fingerprint.
        tensors: type, shape and first byte of each.
    """

    name: str
    about: dict[str, str]
    tensors: dict[str, tuple[type, tuple[int, ...], int]]

    def __len__(self) -> int:
        return self.tensors["emb"][1][0]

    def span(self, tensor: str) -> tuple[int, int]:
        """First byte of a tensor in the file, and the one after its last."""
        kind, shape, start = self.tensors[tensor]
        return start, start + math.prod(shape) * np.dtype(kind).itemsize


def packed(shard: Shard, about: Mapping[str, str]) -> bytes:
    """The file of a shard."""
    from safetensors.numpy import save

    tensors = {
        "emb": np.ascontiguousarray(shard.emb, np.float32),
        "key": keys([row["image_id"] for row in shard.rows]),
        "where": keys([row["path"] for row in shard.rows]),
        "rows": _lines(shard.rows),
        "failures": _lines(shard.failures),
    }
    return save(tensors, {"format": FORMAT, **about})


def head(name: str, size: int, read: Callable[[int, int], bytes]) -> Head:
    """Reads what a shard says of itself, and no more of it.

    Args:
        name: for messages.
        size: bytes of the file.
        read: gives the bytes from a first to before a last one.

    Raises:
        ValueError: cut short, or no shard of ours; names it and says what to do.
    """
    try:
        (length,) = struct.unpack("<Q", read(0, 8))
        if length > MOST_HEAD:
            raise ValueError("its head is too long")
        told = json.loads(read(8, 8 + length))
        about = told.pop("__metadata__")
        tensors = {
            key: (TYPES[t["dtype"]], tuple(t["shape"]), 8 + length + t["data_offsets"][0]) for key, t in told.items()
        }
        made = Head(name, about, tensors)
        if about["format"] != FORMAT or max(made.span(key)[1] for key in TENSORS) != size:
            raise ValueError("it is cut short, or of another kind")
    except (ValueError, KeyError, TypeError, struct.error) as error:
        advice = "take the file away and embed the archive again: only its photos are done anew"
        raise ValueError(f"{name} is no whole shard of embeddings ({error}); {advice}") from error
    return made


def values(found: Head, tensor: str, data: bytes) -> np.ndarray:
    """A tensor from its bytes."""
    kind, shape, _ = found.tensors[tensor]
    return np.frombuffer(data, kind).reshape(shape)


def listed(data: bytes) -> list[Row]:
    """Rows from lines of JSON."""
    return [json.loads(line) for line in data.splitlines()]


def keys(ids: Sequence[str]) -> np.ndarray:
    """Eight bytes that follow from each id or path, (n,) uint64: what is remembered of millions of photos."""
    digests = b"".join(
        hashlib.blake2b(str(name).encode(errors="surrogatepass"), digest_size=8).digest() for name in ids
    )
    return np.frombuffer(digests, np.uint64)


def places(asked: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Where each of the asked keys (k,) stands among the known ones (n,), (k,) int64; -1 for those that do not."""
    if not len(known):
        return np.full(len(asked), -1)
    order = np.argsort(known)
    at = order[np.minimum(np.searchsorted(known, asked, sorter=order), len(known) - 1)]
    return np.where(known[at] == asked, at, -1)


def line(row: Row) -> str:
    """A row as JSON in one line; NaN and NaT become null, numbers of NumPy plain ones, dates and paths text."""
    return json.dumps(_plain(row), ensure_ascii=True, allow_nan=False)


def _lines(rows: Sequence[Row]) -> np.ndarray:
    return np.frombuffer("\n".join(map(line, rows)).encode(), np.uint8)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, np.datetime64 | np.timedelta64):
        return None if np.isnat(value) else str(value)
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, str | bool | int):
        return value
    if type(value).__name__ == "NAType" or value != value:  # missing values of pandas; NaN and NaT
        return None
    return value if isinstance(value, float) and math.isfinite(value) else str(value)
