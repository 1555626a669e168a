"""Stages: a part of the photos is read and decoded, then encoded; both engines run these two."""

from __future__ import annotations

import errno
import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from utils import files
from utils.encoders.memory import Batches
from utils.scale.shard import Row, Shard
from utils.scale.storage import reached

if TYPE_CHECKING:
    from utils.embed.sources import ImageEncoder

OF_ONE_PHOTO = (
    *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.EIO),
    *(errno.ENAMETOOLONG, errno.ENOTDIR, errno.ELOOP),
)
AHEAD = 1  # parts decoded while one is encoded


class Lost(NamedTuple):
    """Why there is nothing of a photo, and whether that lasts: one that was read and is no image stays none."""

    reason: str
    lasts: bool


class Named(io.BytesIO):
    """Bytes of a photo that messages call by its path."""

    def __init__(self, data: bytes, path: str):
        super().__init__(data)
        self.path = path

    def __str__(self) -> str:
        return self.path


def decode(path: str, preprocess: Callable) -> Any:
    """The pixels of a photo, (3, height, width) float32; or a `Lost`, why they cannot be had.

    Raises:
        OSError: storage failed in a way that says nothing of this photo, as a lost network does.
    """
    try:
        fs, inside = reached(path)
        data = fs.cat_file(inside)
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # libraries of storage have errors of their own
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        if isinstance(error, FileNotFoundError | PermissionError | ValueError) or _of_one_photo(error):
            return Lost(f"{path}: cannot be read ({reason})", False)
        kept = "shards that are committed stay, run again to go on"
        raise OSError(f"{path}: storage failed while reading ({reason}); {kept}") from error
    try:
        return preprocess(files.load_image(Named(data, path)))  # type: ignore[arg-type]  # Pillow reads both
    except ValueError as error:  # files.ImageError is one
        if isinstance(error.__cause__, MemoryError):
            raise error.__cause__ from error
        return Lost(str(error) if path in str(error) else f"{path}: {error}", True)


def _of_one_photo(error: Exception) -> bool:
    """Whether an error says something of this photo alone, by its number or, from HTTP, its status."""
    return getattr(error, "errno", None) in OF_ONE_PHOTO or getattr(error, "status", None) in (401, 403, 404, 410)


def decoded(parts: Iterable[list[Row]], preprocess: Callable, workers: int) -> Iterator[tuple[list[Row], list[Any]]]:
    """Each part with what `decode` gives for its rows; threads are one part ahead."""
    with ThreadPoolExecutor(workers) as pool:
        coming: deque = deque()
        for part in parts:
            coming.append((part, [pool.submit(decode, row["path"], preprocess) for row in part]))
            if len(coming) > AHEAD:
                yield _finished(*coming.popleft())
        while coming:
            yield _finished(*coming.popleft())


def encoded(encoder: ImageEncoder, rows: Sequence[Row], pixels: Sequence[Any], batches: Batches) -> Shard:
    """Rows, embeddings and failures of a part; batches halve where memory runs out."""
    good = [(row, value) for row, value in zip(rows, pixels, strict=True) if not isinstance(value, Lost)]
    bad = [_failed(row, value) for row, value in zip(rows, pixels, strict=True) if isinstance(value, Lost)]
    parts = list(batches.over(lambda part: _embedded(encoder, part), [value for _, value in good]))
    emb = np.concatenate([np.zeros((0, encoder.dim), np.float32), *parts])
    finite = np.isfinite(emb).all(axis=1)  # one row that is not would spoil every search
    odd = Lost("its embedding is not finite", True)
    bad += [_failed(row, odd) for (row, _), fine in zip(good, finite, strict=True) if not fine]
    return Shard([row for (row, _), fine in zip(good, finite, strict=True) if fine], emb[finite], bad)


def _embedded(encoder: ImageEncoder, pixels: Sequence[Any]) -> np.ndarray:
    """Embeddings (n, d), NaN for a photo whose own is not finite."""
    import torch

    try:
        return encoder.encode_pixels(torch.stack(list(pixels)))
    except FloatingPointError:
        if len(pixels) == 1:
            return np.full((1, encoder.dim), np.nan, np.float32)
        return np.concatenate([_embedded(encoder, [one]) for one in pixels])


def joined(parts: Sequence[Shard]) -> Shard:
    """One shard of several parts, in order."""
    rows = [row for part in parts for row in part.rows]
    return Shard(rows, np.concatenate([part.emb for part in parts]), [row for part in parts for row in part.failures])


def _failed(row: Row, lost: Lost) -> Row:
    return {"image_id": row["image_id"], "path": row["path"], "reason": lost.reason, "lasts": lost.lasts}


def _finished(part: list[Row], waiting: list) -> tuple[list[Row], list[Any]]:
    return part, [future.result() for future in waiting]
