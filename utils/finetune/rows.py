"""What a training sees: rows of pixels and sentences, and the fixed gallery on which it is watched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from utils import config, datasets, losses, metrics
from utils.embed.items import picture
from utils.finetune import checks

if TYPE_CHECKING:
    import torch

    from utils.encoders import Encoder

KEEP_BYTES = 2 << 30  # a set whose pixels fit into so many bytes stays in memory


class Pixels:
    """Preprocessed images by row number, read in threads; a set that is small enough is read once."""

    def __init__(self, encoder: Encoder, frame: pd.DataFrame):
        items = frame["item"].where(frame["item"].notna(), frame["path"]) if "item" in frame else frame["path"]
        self._encoder, self._items = encoder, list(items)
        self._pool = ThreadPoolExecutor(config.load().budgets["embed"]["workers"])
        self._kept: dict[int, Future] = {}
        self._keep = len(self._items) * 12 * encoder.image_size**2 <= KEEP_BYTES

    def start(self, rows: Iterable[int]) -> list[Future]:
        """Begin to read rows."""
        started = []
        for row in map(int, rows):
            future = self._kept.get(row) or self._pool.submit(self._read, row)
            if self._keep:
                self._kept[row] = future
            started.append(future)
        return started

    def __call__(self, rows: Iterable[int]) -> torch.Tensor:
        """(b, 3, s, s) float32.

        Raises:
            files.ImageError: an image cannot be read; names it.
        """
        return stacked(self.start(rows))

    def _read(self, row: int) -> torch.Tensor:
        return self._encoder.preprocess(picture(self._items[row], self._encoder.preprocessing.mean))


def stacked(started: Sequence[Future]) -> torch.Tensor:
    """The images that `Pixels.start` reads, when all are there."""
    import torch

    return torch.stack([future.result() for future in started])


class Rows:
    """The training images with their sentences: in every epoch one of each image's sentences, drawn by the seed.

    The last one, with ReefWorld the most detailed, comes with the probability `detail` besides.
    """

    def __init__(self, encoder: Encoder, frame: pd.DataFrame, seed: int, labels: str, detail: float = 0.0):
        self.names = frame["image_id"].to_numpy()
        self.turtle = (frame["category"] == "turtle").to_numpy()
        self._captions = list(frame["captions"])
        self._pixels, self._encoder, self._seed = Pixels(encoder, frame), encoder, seed
        self._detail = detail
        self._labels = None if labels == "caption" else frame[labels].astype("category").cat.codes.to_numpy(np.int64)

    def __len__(self) -> int:
        return len(self.names)

    def sentences(self, rows: Sequence[int], epoch: int) -> list[str]:
        """The sentence of each row in this epoch."""
        rng = np.random.default_rng((self._seed, 1, epoch))
        draw, last = rng.random(len(self)), rng.random(len(self)) < self._detail
        return [self._captions[row][-1 if last[row] else int(draw[row] * len(self._captions[row]))] for row in rows]

    def wordings(self, rows: Sequence[int], epoch: int) -> np.ndarray:
        """(b,) int64, equal where the sentence is the same."""
        return np.unique(self.sentences(rows, epoch), return_inverse=True)[1]

    def labels(self, rows: Sequence[int], epoch: int) -> np.ndarray:
        """(b,) int64 for UniCL: equal where two images are alike, -1 where an image is like no other."""
        return self.wordings(rows, epoch) if self._labels is None else self._labels[rows]

    def ahead(self, batches: Iterable[np.ndarray], own, epoch: int) -> Iterator[tuple]:
        """For each global batch: its rows, and pixels (b, 3, s, s) and ids (b, longest) of `own(rows)`.

        The next batch is read while the present one is trained on.
        """
        waiting = None
        for rows in batches:
            ids = self._encoder._pad(self._encoder.tokenize(self.sentences(own(rows), epoch)))
            started = rows, self._pixels.start(own(rows)), ids
            if waiting:
                yield waiting[0], stacked(waiting[1]), waiting[2]
            waiting = started
        if waiting:
            yield waiting[0], stacked(waiting[1]), waiting[2]


def parts(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows that a training reads, "train" and "val": those that have a sentence.

    Raises:
        ValueError: no column captions or split, or captions that are no list of sentences; names the image.
    """
    checks.manifest(frame, ("captions", "split"))
    checks.sentences(frame)
    told = frame[frame["captions"].map(len) > 0]
    return {name: told[told["split"] == name].reset_index(drop=True) for name in ("train", "val")}


def digest(frame: pd.DataFrame) -> str:
    """Sixteen hexadecimal digits of what a training reads of a manifest; raises as `parts` does."""
    columns = ["image_id", "split", "category", "identity", "captions", *(["item"] if "item" in frame else [])]
    checks.manifest(frame, columns)
    read = pd.concat(parts(frame).values())[columns]
    return hashlib.sha256(read.to_json(orient="values").encode()).hexdigest()[:16]


class Gallery:
    """The validation images with the most detailed sentence of each; never drawn anew, so that epochs compare.

    Raises:
        ValueError: no turtle in it.
    """

    def __init__(self, encoder: Encoder, frame: pd.DataFrame, batch: int = 256):
        self._turtle = (frame["category"] == "turtle").to_numpy()
        if not self._turtle.any():
            raise ValueError(f"no turtle among the {len(frame)} validation images: the training cannot be watched")
        self._pixels, self._batch = Pixels(encoder, frame), batch
        asked = datasets.captions(frame).groupby("image_id", sort=False).tail(1)
        self._texts = list(asked["caption"])
        self._relevant = datasets.relevance(asked, frame)
        self._exact = datasets.instance_relevance(asked, frame)
        self._order = config.rng(0, "validation").permutation(len(frame))

    def measure(self, encoder: Encoder) -> dict[str, float]:
        """Validation loss (CLIP's, in fixed batches), R@5 of turtles (exact image) and of all (any fitting image)."""
        n = len(self._texts)
        blocks = [range(i, min(i + self._batch, n)) for i in range(0, n, self._batch)]
        image_emb = np.concatenate([encoder.encode_pixels(self._pixels(rows)) for rows in blocks])
        text_emb = encoder.encode_texts(self._texts)
        scores = text_emb @ image_emb.T
        return {
            "validation loss": self._loss(encoder, image_emb, text_emb),
            "turtle R@5": metrics.retrieval(scores[self._turtle], self._exact[self._turtle], ks=(5,))["R@5"],
            "all R@5": metrics.retrieval(scores, self._relevant, ks=(5,))["R@5"],
        }

    def _loss(self, encoder: Encoder, image_emb: np.ndarray, text_emb: np.ndarray) -> float:
        import torch

        scale, words = encoder.model.logit_scale.detach().cpu(), np.unique(self._texts, return_inverse=True)[1]
        total = 0.0
        for start in range(0, len(self._order), self._batch):
            rows = self._order[start : start + self._batch]
            same = torch.from_numpy(words[rows][:, None] == words[rows])
            images, texts = (torch.from_numpy(emb[rows]) for emb in (image_emb, text_emb))
            total += float(losses.clip(images, texts, scale, same)) * len(rows)
        return total / len(self._order)
