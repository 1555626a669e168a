"""Image preprocessing of CLIP: resize, centre crop, normalise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from PIL import Image

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Preprocess:
    """Resize the shorter edge, crop the centre and normalise, as CLIP's own processors do.

    Attributes:
        resize: shorter edge in px after resizing.
        crop: edge of the square cut from the centre, at most `resize`.
        mean, std: per RGB channel, for values in [0, 1].
        resample: PIL's number of the filter; 3 is bicubic.
    """

    resize: int
    crop: int
    mean: tuple[float, float, float] = CLIP_MEAN
    std: tuple[float, float, float] = CLIP_STD
    resample: int = 3

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Returns the image as float32 (3, crop, crop), normalised."""
        import torch

        size = (self.crop, self.crop)
        small = image.resize(size, self.resample, box=self._box(*image.size), reducing_gap=3.0)
        # A table instead of torch arithmetic: workers that call torch would each start a pool of threads.
        pixels, table = np.asarray(small.convert("RGB")), self._table()
        return torch.from_numpy(np.stack([table[c][pixels[..., c]] for c in range(3)]))

    def _box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """The part of the image that the centre crop shows, in source px: only that part is resampled."""
        short = min(width, height)
        sides = [int(self.resize * side / short) for side in (width, height)]
        starts = [(side - self.crop) // 2 for side in sides]
        scales = [width / sides[0], height / sides[1]]
        x0, y0 = starts[0] * scales[0], starts[1] * scales[1]
        return (
            x0,
            y0,
            min(width, x0 + self.crop * scales[0]),
            min(height, y0 + self.crop * scales[1]),
        )

    def _table(self) -> np.ndarray:
        level = np.arange(256) / 255.0
        return ((level - np.array(self.mean)[:, None]) / np.array(self.std)[:, None]).astype(np.float32)
