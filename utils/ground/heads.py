"""Heads that regress a box from frozen CLIP features, and boxes within the square that CLIP sees."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from utils import config, datasets

if TYPE_CHECKING:
    import torch

    from utils import embed

HIDDEN = (512, 256, 128)
VANISHED = 1e-6  # a feature whose spread is below this is constant


def to_square(boxes_xyxy: ArrayLike, sizes: ArrayLike) -> NDArray[np.float64]:
    """Boxes of pictures as boxes of the squares that the crop style "pad" makes of them.

    The picture lies in the middle of its square, a whole px nearer to the start where the border is odd.

    Args:
        boxes_xyxy: (n, 4), x0, y0, x1, y1 in px.
        sizes: (n, 2), width and height of each picture in px.

    Returns:
        (n, 4) float64, cxcywh as fractions of the square's edge; in [0, 1] for a box inside its picture.

    Raises:
        ValueError: other shapes, values that are not finite, or a size that is not above 0.
    """
    boxes, (edge, border, _) = _boxes(boxes_xyxy), _squares(sizes, len(np.asarray(boxes_xyxy)))
    low, high = (boxes[:, :2] + border) / edge, (boxes[:, 2:] + border) / edge
    return np.hstack([(low + high) / 2, high - low])


def from_square(boxes_cxcywh: ArrayLike, sizes: ArrayLike) -> NDArray[np.float64]:
    """Boxes of squares as boxes of the pictures within them: the inverse of `to_square`, clipped to the picture.

    Args:
        boxes_cxcywh: (n, 4), fractions of the square's edge.
        sizes: (n, 2), width and height of each picture in px.

    Returns:
        (n, 4) float64, x0, y0, x1, y1 in px. A box that lies wholly in the border has no area.

    Raises:
        ValueError: as of `to_square`.
    """
    boxes, (edge, border, sizes) = _boxes(boxes_cxcywh), _squares(sizes, len(np.asarray(boxes_cxcywh)))
    centre, half = boxes[:, :2] * edge, boxes[:, 2:] * edge / 2
    corners = [(corner - border).clip(0, sizes) for corner in (centre - half, centre + half)]
    return np.hstack(corners)


def _boxes(boxes: ArrayLike) -> NDArray[np.float64]:
    boxes = np.asarray(boxes, np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or not np.isfinite(boxes).all():
        raise ValueError(f"boxes of shape {boxes.shape}: give (n, 4) finite numbers, not NaN")
    return boxes


def _squares(sizes: ArrayLike, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Edge (n, 1) and border (n, 2) before the picture, as `embed` pads, and the sizes as floats."""
    sizes = np.asarray(sizes, np.float64)
    if sizes.shape != (n, 2) or not (np.isfinite(sizes) & (sizes > 0)).all():
        raise ValueError(f"sizes of shape {sizes.shape} for {n} boxes: give width and height above 0 for each")
    edge = sizes.max(axis=1, keepdims=True)
    return edge, (edge - sizes) // 2, sizes


class Asked(NamedTuple):
    """What n sentences ask for.

    Attributes:
        items: the m distinct pictures, whole and padded to squares, for `embed.images` or `fusion.patches`.
        of: (n,) int64, the picture of each sentence.
        targets: (n, 4) float64, the true boxes within the squares, see `to_square`.
        sizes: (n, 2) float64, width and height of each sentence's picture in px.
    """

    items: list[embed.Item]
    of: NDArray[np.int64]
    targets: NDArray[np.float64]
    sizes: NDArray[np.float64]


def asked(words: pd.DataFrame) -> Asked:
    """What rows of `datasets.expressions` ask for; pictures in the order of their first sentence."""
    items = datasets.whole(words.drop_duplicates("path"))["item"].tolist()
    sizes = np.array([(facts["width"], facts["height"]) for facts in words["facts"]], np.float64).reshape(-1, 2)
    boxes = np.array(words["box_xyxy"].tolist(), np.float64).reshape(-1, 4)
    return Asked(items, pd.factorize(words["path"])[0].astype(np.int64), to_square(boxes, sizes), sizes)


@contextmanager
def seeded(seed: int, *names: str) -> Iterator[None]:
    """Within, PyTorch draws from a stream of this seed and name; its own random state is left alone."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(int(config.rng(seed, "ground", *names).integers(2**31)))
        yield


class Head(ABC):
    """What every head shares: features brought to mean 0 and spread 1 as in training, and a box out of a sigmoid.

    Attributes:
        net: the torch module: weights, means and spreads.
        image_shape: of what it takes for a picture: (d,), or (tokens, channels).
        dim_text: length of a sentence's embedding.
    """

    net: torch.nn.Module
    image_shape: tuple[int, ...]
    dim_text: int

    def __call__(self, image: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Boxes (n, 4) in normalised cxcywh, each in (0, 1), from features of n pictures and n sentences."""
        net = self.net
        image = (image - net.image_mean) / net.image_spread
        return self._logits(image, (text - net.text_mean) / net.text_spread).sigmoid()

    def standardise(self, image: NDArray, text: NDArray) -> None:
        """Take means and spreads from training rows: (m, ..., c) of pictures, (n, d) of sentences."""
        import torch

        for name, rows in (("image", image), ("text", text)):
            rows = rows.reshape(-1, rows.shape[-1])
            mean, spread = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
            for kind, values in (("mean", mean), ("spread", np.where(spread > VANISHED, spread, 1.0))):
                getattr(self.net, f"{name}_{kind}").copy_(torch.from_numpy(values))

    @abstractmethod
    def _logits(self, image: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """Boxes before the sigmoid, of standardised inputs."""

    def _scaled(self, dim_image: int, dim_text: int) -> None:
        """Gives the net its means and spreads, which change nothing yet."""
        import torch

        for name, dim in (("image", dim_image), ("text", dim_text)):
            self.net.register_buffer(f"{name}_mean", torch.zeros(dim))
            self.net.register_buffer(f"{name}_spread", torch.ones(dim))


class MlpHead(Head):
    """The seed's head: a picture's and a sentence's embedding, joined, through a perceptron with ReLU.

    Args:
        dim_in: length of both embeddings together; of one encoder, so each is half of it.
        hidden: widths of the layers before the last one, which has 4.
        seed: of the first weights.

    Raises:
        ValueError: an odd dim_in, or a width below 1.
    """

    def __init__(self, dim_in: int, hidden: Sequence[int] = HIDDEN, seed: int = 0):
        import torch

        if dim_in < 2 or dim_in % 2 or min(hidden, default=1) < 1:
            raise ValueError(f"dim_in {dim_in}, hidden {tuple(hidden)}: twice an embedding's length, widths from 1")
        widths, layers = [dim_in, *hidden], []
        with seeded(seed, "mlp"):
            for before, after in pairwise(widths):
                layers += [torch.nn.Linear(before, after), torch.nn.ReLU()]
            self.net = torch.nn.Sequential(*layers, torch.nn.Linear(widths[-1], 4))
        self.dim_text = dim_in // 2
        self.image_shape = (self.dim_text,)
        self._scaled(self.dim_text, self.dim_text)

    def _logits(self, image: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        import torch

        return self.net(torch.cat([image, text], dim=1))
