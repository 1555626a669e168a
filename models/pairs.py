"""Contrastive pretraining, whatever the format of the model: pairs of image and caption, drawn batch by batch.

Every random choice of a batch is a function of the seed and the step alone, so a resumed training sees exactly the
batches that an uninterrupted one sees.
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models import patches, retrieval
from models.task import Task, rows_of, scenes
from models.windows import cut, recoloured, tensor
from utils import losses
from utils.encoders.preprocess import CLIP_MEAN, CLIP_STD

if TYPE_CHECKING:
    import torch

SIDED = re.compile(r"\b(left|right)", re.IGNORECASE)


def sentences(truth: Mapping[str, Any], known: frozenset[str]) -> list[str]:
    """The captions of a scene that general pretraining may read.

    Fine captions of turtles (stage, species, states) are left out, and species of fish but the few that are `known`.
    """
    return [caption["caption"] for caption in truth["captions"] if _general(caption["claims"], known)]


def _general(claims: Mapping[str, Any], known: frozenset[str]) -> bool:
    things = claims.get("things", ())
    if any(thing["kind"] == "turtle" and thing.keys() & {"stage", "species", "states"} for thing in things):
        return False
    return all(thing["species"] in known for thing in things if "species" in thing)


class Pairs(Task):
    """Images with captions and the contrastive loss; a subclass brings tokenizer, model and native format.

    A subclass sets `ids` (token ids of every text of `distinct`), `prompts` (ids of the recipe's prompts), `articles`
    (ids of "a" and "an") and `pad`, and defines `features`.
    """

    pad: int
    context: int

    def __init__(self, recipe: Mapping[str, Any], folder: Path, seed: int = 0):
        super().__init__(recipe, folder, seed)
        self.images, truths = scenes(folder)
        known = frozenset(recipe["data"].get("known_species", ()))
        self.captions = [sentences(truth, known) for truth in truths]
        self.size = len(self.images)
        self.distinct = sorted({caption for captions in self.captions for caption in captions})
        number = {caption: index for index, caption in enumerate(self.distinct)}
        self.numbers = [[number[caption] for caption in captions] for captions in self.captions]
        self.sided = np.array([bool(SIDED.search(caption)) for caption in self.distinct])

    @abstractmethod
    def features(self, model: Any, pixels: torch.Tensor, ids: torch.Tensor, kept: Any) -> tuple:
        """Unit float32 embeddings (B, d) of pixels (B, 3, s, s) and of token ids (B, length)."""

    def batch(self, step: int, size: int, device: Any = "cpu") -> tuple:
        """Pixels (B, 3, s, s) float32, ids (B, longest) int64, positives (B, B) bool, patches kept or None."""
        import torch

        rows = rows_of(step, size, self.size, self.seed)
        rng = np.random.default_rng((self.seed, 1, step))
        chosen = np.array([self.numbers[row][rng.integers(len(self.numbers[row]))] for row in rows])
        pixels = torch.from_numpy(self.images[rows]).to(device)
        edge = self.recipe["architecture"]["image_size"]
        pixels = augment(pixels, ~self.sided[chosen], edge, rng, self.recipe["augment"])
        same = torch.from_numpy(chosen[:, None] == chosen[None, :])
        ids, kept = self._ids(chosen, rng), patches.kept(self.recipe, self.plan, step, len(rows), rng, device)
        return pixels, ids.to(device), same.to(device), kept

    def _ids(self, chosen: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        import torch

        rows = [self.ids[number] for number in chosen]
        for index in np.flatnonzero(rng.random(len(rows)) < self.recipe["data"]["prompt_share"]):
            prompt = self.prompts[rng.integers(len(self.prompts))]
            if rows[index][1] in self.articles and len(rows[index]) + len(prompt) <= self.context:
                rows[index] = rows[index][:1] + prompt + rows[index][1:]
        padded = np.full((len(rows), max(map(len, rows))), self.pad, np.int64)
        for row, tokens in zip(padded, rows, strict=True):
            row[: len(tokens)] = tokens
        return torch.from_numpy(padded)

    def loss(self, model: Any, batch: tuple) -> torch.Tensor:
        """Symmetric InfoNCE; equal captions are positives of each other."""
        pixels, ids, positives, kept = batch
        image_emb, text_emb = self.features(model, pixels, ids, kept)
        return losses.clip(image_emb, text_emb, model.logit_scale, positives)

    def after_step(self, model: Any) -> None:
        """The scale stays between 1 and 100."""
        model.logit_scale.data.clamp_(0.0, losses.LOG_MAX_SCALE)

    def log(self, model: Any) -> dict[str, float]:
        """The scale."""
        return {"scale": round(math.exp(float(model.logit_scale.detach())), 2)}

    @staticmethod
    def evaluate(out: Path, recipe: Mapping[str, Any], count: int, seed: int) -> list[dict[str, Any]]:
        """Retrieval figures, see `retrieval.evaluate`."""
        return retrieval.evaluate(out, count, seed)


def augment(
    images: torch.Tensor, flip: np.ndarray, size: int, rng: np.random.Generator, options: Mapping[str, Any]
) -> torch.Tensor:
    """Crop, mirror, recolour, blur and spoil a batch at once, on the device where it lies.

    Args:
        images: (B, h, w, 3) uint8.
        flip: (B,) bool, whether the image may be mirrored (not if its caption says left or right).
        size: edge of the result in pixels.
        rng: the batch's own generator.
        options: table `augment` of recipes.toml.

    Returns:
        (B, 3, size, size) float32, normalised with CLIP's mean and deviation.
    """
    return views(images, flip, size, rng, options)[0]


def views(
    images: torch.Tensor, flip: np.ndarray, size: int, rng: np.random.Generator, options: Mapping[str, Any]
) -> tuple[torch.Tensor, np.ndarray]:
    """As `augment`, with the windows that were cut out.

    Returns:
        Pixels, and windows (B, 2, 2) float32 for `windows.through`.
    """
    count = len(images)
    area, stretch = rng.uniform(*options["area"], count), np.exp(rng.uniform(-0.15, 0.15, count))
    reach = np.minimum(np.sqrt(np.stack([area * stretch, area / stretch], 1)), 1.0)
    centre = rng.uniform(-1, 1, (count, 2)) * (1 - reach)
    reach[:, 0] *= np.where(flip & (rng.random(count) < 0.5), -1.0, 1.0)
    pixels, windows = cut(images, reach, centre, size)
    return _spoil(pixels, rng, options), windows


def _spoil(pixels: torch.Tensor, rng: np.random.Generator, options: Mapping[str, Any]) -> torch.Tensor:
    """Recolour, blur or sharpen, add noise, and normalise pixels (B, 3, s, s) in [0, 1]."""
    import torch
    import torch.nn.functional as F

    count, pixels = len(pixels), recoloured(pixels, rng, options)
    strength = np.where(rng.random(count) < options["blur"], rng.uniform(0, 1, count), 0.0)
    strength -= np.where(rng.random(count) < options["sharpen"], rng.uniform(0, 0.6, count), 0.0)
    touched = torch.from_numpy(np.flatnonzero(strength)).to(pixels.device)
    soft = F.avg_pool2d(pixels[touched], 3, 1, 1, count_include_pad=False)
    pixels[touched] = pixels[touched].lerp(soft, tensor(strength, pixels)[touched, None, None, None])
    noisy = torch.from_numpy(np.flatnonzero(rng.random(count) < options["noise"])).to(pixels.device)
    level = tensor(rng.uniform(0, options["noise_level"], len(noisy)), pixels)
    noise = rng.standard_normal((len(noisy), *pixels.shape[1:]), dtype=np.float32)
    pixels[noisy] += tensor(noise, pixels) * level[:, None, None, None]
    mean, std = (tensor(values, pixels)[:, None, None] for values in (CLIP_MEAN, CLIP_STD))
    return pixels.clamp_(0, 1).sub_(mean).div_(std)
