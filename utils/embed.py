"""Embeddings of images and sentences: batched, decoded ahead in threads, cached by content.

The cache lies in `artifacts/embeddings/<model>/`. A row is found by what it was made from: the encoder's
fingerprint (weights, adapters, preprocessing, precision), the sha256 of the file's bytes and the crop; names
and dates of files do not matter. Each call adds a new file of rows, atomically, so that several processes may
write at once.
"""

from __future__ import annotations

import hashlib
import math
import os
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from utils import config, files

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from utils.encoders import Encoder

Item = str | Path | tuple[str | Path, Sequence[float], str]
STYLES = ("tight", "pad")
SHARD_ROWS = 4096  # a long run that is killed loses no more than these
BAD_ITEM = (ValueError, OSError)  # files.ImageError is a ValueError


class Readable(NamedTuple):
    """Embeddings of the items that could be read: `emb[i]` belongs to `items[index[i]]`."""

    emb: np.ndarray
    index: np.ndarray
    failures: dict[int, str]


def images(
    encoder: Encoder,
    items: Sequence[Item],
    batch: int | None = None,
    cache: bool = True,
    progress: bool = False,
) -> np.ndarray:
    """Embeds images or parts of them.

    Args:
        items: paths, or one; or (path, box_xyxy, style) for a part, with the box in px of the upright image. Style
            "tight" crops the box, "pad" adds a border in the model's mean colour until it is square, so that
            the centre crop of the preprocessing loses nothing.
        batch: images at once; by default the profile's.
        cache: read and write the cache. A cache that cannot be written costs a warning, not the result.

    Returns:
        (n, d) float32, unit length, in the order of `items`; (0, d) for none.

    Raises:
        ValueError: naming the items that cannot be read. The others are in the cache by then; to go on
            without the bad ones use `readable`.
    """
    items = _listed(items)
    emb, _, failures = readable(encoder, items, batch, cache, progress)
    if failures:
        first = "; ".join(list(failures.values())[:3])
        raise ValueError(f"{len(failures)} of {len(items)} images cannot be embedded: {first}")
    return emb


def readable(
    encoder: Encoder,
    items: Sequence[Item],
    batch: int | None = None,
    cache: bool = True,
    progress: bool = False,
) -> Readable:
    """Like `images`, but leaves out bad items and says which.

    Returns:
        emb: (k, d) float32, unit length; index: (k,) int64, the positions of the good items in order;
        failures: position -> what is wrong, naming the file.
    """
    budget = config.load().budgets["embed"]
    workers, items = budget["workers"], _listed(items)
    keys = list(_ahead(_attempt(_item_key), items, workers, 8 * workers))
    store = _Store(encoder, cache)
    todo = {key: item for key, item in zip(keys, items, strict=True) if isinstance(key, bytes) and key not in store}

    def read(item: Item) -> torch.Tensor:
        return encoder.preprocess(_read(item, encoder.preprocessing.mean))

    size = batch or budget["batch"]
    decoded = _ahead(_attempt(read), todo.values(), workers, 2 * size)
    bad = _encode(encoder, store, zip(todo, _bar(decoded, len(todo), progress), strict=True), size)
    found = [bad.get(key, key) for key in keys]
    return Readable(
        store.rows([key for key in found if isinstance(key, bytes)]),
        np.array([i for i, key in enumerate(found) if isinstance(key, bytes)], np.int64),
        {i: _message(items[i], error) for i, error in enumerate(found) if isinstance(error, Exception)},
    )


def texts(encoder: Encoder, sentences: Sequence[str], cache: bool = True) -> np.ndarray:
    """Embeds sentences, "" included.

    Returns:
        (m, d) float32, unit length, in order; (0, d) for none. `encoder.truncated` counts the ones that were
        cut, the same for cached and for new ones.

    Raises:
        ValueError: a sentence is no string.
    """
    sentences = [sentences] if isinstance(sentences, str) else list(sentences)
    if odd := [sentence for sentence in sentences if not isinstance(sentence, str)]:
        raise ValueError(f"{len(odd)} of {len(sentences)} sentences are no strings, such as {odd[0]!r}")
    keys = [_digest("text", sentence.encode()) for sentence in sentences]
    store = _Store(encoder, cache)
    todo = {key: text for key, text in zip(keys, sentences, strict=True) if key not in store}
    encoder.tokenize(sorted(set(sentences) - set(todo.values())))  # counts the cut ones among the known
    if todo:
        store.add(list(todo), encoder.encode_texts(list(todo.values())))
        store.save()
    return store.rows(keys)


def _encode(encoder: Encoder, store: _Store, decoded: Iterable[tuple[bytes, Any]], size: int) -> dict:
    """Encodes (key, pixels or error) pairs in batches into the store; returns the errors by key."""
    import torch

    bad: dict[bytes, Exception] = {}
    try:
        while part := dict(islice(decoded, size)):
            bad |= {key: value for key, value in part.items() if isinstance(value, Exception)}
            good = {key: value for key, value in part.items() if key not in bad}
            if good:
                store.add(list(good), encoder.encode_pixels(torch.stack(list(good.values()))))
    finally:  # what an interrupted run has done is kept
        store.save()
    return bad


def _ahead(function: Callable, items: Iterable, workers: int, ahead: int) -> Iterator:
    """Yields function(item) in order while threads work on at most `ahead` further items."""
    rest = iter(items)
    with ThreadPoolExecutor(workers) as pool:
        queue = deque(pool.submit(function, item) for item in islice(rest, ahead))
        while queue:
            result = queue.popleft().result()
            queue.extend(pool.submit(function, item) for item in islice(rest, 1))
            yield result


def _attempt(function: Callable) -> Callable:
    """Makes a bad item an exception that is returned, so that the others go on."""

    def attempt(item: Any) -> Any:
        try:
            return function(item)
        except BAD_ITEM as error:
            return error

    return attempt


def _bar(results: Iterator, total: int, progress: bool) -> Iterator:
    if not progress:
        return results
    from tqdm.auto import tqdm

    return iter(tqdm(results, total=total, desc="embedding", unit="image"))


def _listed(items: Sequence[Item]) -> list[Item]:
    return [items] if isinstance(items, (str, os.PathLike)) else list(items)


def _parts(item: Item) -> tuple[str | Path, np.ndarray | None, str]:
    """Path, box_xyxy (4,) float64 and style of an item; no box and "" for a whole image."""
    path, box, style = item if isinstance(item, tuple) and len(item) == 3 else (item, None, "")
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"{item!r} is neither a path nor (path, box_xyxy, style)")
    if path is item:
        return path, None, ""
    if style not in STYLES:
        raise ValueError(f"unknown crop style {style!r}: choose {' or '.join(STYLES)}")
    try:
        box = np.array([float(side) for side in box])
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"box {box!r} must be four numbers x0, y0, x1, y1") from error
    if box.shape != (4,):
        raise ValueError(f"box {box.tolist()} must be four numbers x0, y0, x1, y1")
    return path, box, style


def _message(item: Item, error: Exception) -> str:
    path, reason = str(item[0] if isinstance(item, tuple) and item else item), str(error)
    return reason if path in reason else f"{path}: {reason}"


def _item_key(item: Item) -> bytes:
    path, box, style = _parts(item)
    content = files.sha256(path).encode()
    return _digest("image", content) if box is None else _digest("image", content, style, box.tobytes())


def _digest(*parts: str | bytes) -> bytes:
    return hashlib.sha256(b"\0".join(p.encode() if isinstance(p, str) else p for p in parts)).digest()


def _read(item: Item, mean: Sequence[float]) -> Image.Image:
    path, box, style = _parts(item)
    image = files.load_image(path)
    if box is None:
        return image
    part = _cut(image, box)
    return part if style == "tight" else _pad(part, mean)


def _cut(image: Image.Image, box: np.ndarray) -> Image.Image:
    """Cuts box_xyxy out, rounded outwards to whole px and clipped to the image."""
    x0, y0, x1, y1 = box.tolist()
    if not (x0 < x1 and y0 < y1 and min(x1, y1) > 0 and x0 < image.width and y0 < image.height):
        raise ValueError(
            f"box {tuple(box.tolist())} is empty or outside the image of {image.width} x {image.height} px"
        )
    start = math.floor(max(0, x0)), math.floor(max(0, y0))
    return image.crop((*start, math.ceil(min(image.width, x1)), math.ceil(min(image.height, y1))))


def _pad(image: Image.Image, mean: Sequence[float]) -> Image.Image:
    """Centres the image on a square of the mean colour, which is about 0 after normalisation."""
    from PIL import Image

    edge = max(image.size)
    square = Image.new("RGB", (edge, edge), tuple(round(255 * value) for value in mean))
    square.paste(image, ((edge - image.width) // 2, (edge - image.height) // 2))
    return square


class _Store:
    """Embeddings by key, in npz files of one folder per encoder; without a cache, in memory only."""

    def __init__(self, encoder: Encoder, cache: bool):
        self.dim, self.known, self.fresh = encoder.dim, {}, {}
        self.folder = config.load().artifacts_dir / "embeddings" / encoder.fingerprint[:32] if cache else None
        for path in sorted(self.folder.glob("[!.]*.npz")) if cache else []:  # .name: still being written
            self.known |= self._load(path)

    def __contains__(self, key: bytes) -> bool:
        return key in self.known

    def add(self, keys: Sequence[bytes], emb: np.ndarray) -> None:
        self.fresh |= zip(keys, emb, strict=True)
        if len(self.fresh) >= SHARD_ROWS:
            self.save()

    def rows(self, keys: Sequence[bytes]) -> np.ndarray:
        return np.stack([self.known[key] for key in keys]) if keys else np.zeros((0, self.dim), np.float32)

    def save(self) -> None:
        """Writes the new rows to a file of their own."""
        fresh, self.fresh = self.fresh, {}
        self.known |= fresh
        if not (fresh and self.folder):
            return
        keys = np.frombuffer(b"".join(fresh), np.uint8).reshape(-1, 32)
        try:
            with (
                files.atomic_write(self.folder / f"{uuid.uuid4().hex}.npz") as path,
                open(path, "wb") as file,
            ):
                np.savez(file, keys=keys, emb=np.stack(list(fresh.values())))
        except OSError as error:
            warnings.warn(f"embeddings are not cached: {error}", stacklevel=4)

    def _load(self, path: Path) -> dict[bytes, np.ndarray]:
        try:
            with np.load(path, allow_pickle=False) as shard:
                keys, emb = shard["keys"], shard["emb"]
            if keys.dtype != np.uint8 or keys.shape != (len(emb), 32) or emb.shape[1:] != (self.dim,):
                raise ValueError("unexpected arrays")
            if emb.dtype != np.float32 or not np.isfinite(emb).all():
                raise ValueError("unexpected values")
        except (PermissionError, FileNotFoundError) as error:
            warnings.warn(f"cached embeddings cannot be read: {error}", stacklevel=5)
            return {}
        except Exception as error:  # noqa: BLE001  damaged bytes raise whatever zipfile and NumPy come upon
            warnings.warn(f"{path} is damaged and will be replaced: {error}", stacklevel=5)
            with suppress(OSError):  # a cache that is only read stays as it is
                path.unlink()
            return {}
        return dict(zip((key.tobytes() for key in keys), emb, strict=True))
