"""LoRA on a few named images: the few-shot method that tunes the encoder itself (CLIP-LoRA, Zanella & Ben Ayed 2024)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from utils import config, embed, losses
from utils.embed.items import Item, picture
from utils.finetune.adapters import Adaptation, adapt, learning
from utils.finetune.optimizer import adamw, learning_rate
from utils.finetune.step import autocast_dtype, embedded

if TYPE_CHECKING:
    import torch

    from utils.encoders import Encoder


class NamedShots:
    """Tunes a fresh encoder on the images drawn, by the cross-entropy of image against names, and names the test images.

    It is a `classify.Method`: to be put beside those of `classify.methods`.

    Args:
        load: gives the untuned encoder in fp32, anew for every run.
        items: n training images, as of `embed.images`; those that are drawn are read for each run.
        labels: n names.
        test_items: t images.
        classes: c names, the order of the columns.
        template: of a name in a sentence.
        steps: of a run; each sees `batch` images.
        batch: images at once, half of them mirrored.
        rate: highest learning rate.
        adaptation: what learns, by default LoRA in both towers.

    Raises:
        ValueError: no image, not one label an image, a label that is no class, fewer than two classes or one twice, or a
            setting out of range.
    """

    def __init__(
        self,
        load: Callable[[], Encoder],
        items: Sequence[Item],
        labels: Sequence[str],
        test_items: Sequence[Item],
        classes: Sequence[str],
        template: str = "a photo of a {}",
        steps: int = 60,
        batch: int = 32,
        rate: float = 1e-3,
        adaptation: Adaptation | None = None,
    ):
        if not len(items) or len(items) != len(labels):
            raise ValueError(f"{len(items)} images and {len(labels)} labels: give some, and a label each")
        if len(set(classes)) < max(2, len(classes)) or set(labels) - set(classes):
            strange = sorted(set(labels) - set(classes))
            raise ValueError(
                f"{len(classes)} classes, labels beside them {strange[:5]}: name each class once, two at least"
            )
        if not (steps >= 1 and batch >= 1 and 0 < rate < np.inf) or template.count("{}") != 1:
            given = f"steps {steps}, batch {batch}, rate {rate}, template {template!r}"
            raise ValueError(f"{given}: give steps and batch from 1, a rate above 0, and one {{}} for the name")
        if adaptation is not None and adaptation.dropout:
            raise ValueError(f"dropout is {adaptation.dropout}: a few steps learn without; set it to 0")
        self.load, self.items, self.labels, self.test_items = load, list(items), list(labels), list(test_items)
        self.classes, self.sentences = list(classes), [template.replace("{}", name) for name in classes]
        self.steps, self.batch, self.rate = steps, batch, rate
        self.adaptation = adaptation or Adaptation(dropout=0.0)

    def __call__(self, rows: NDArray[np.int64], shots: int, seed: int) -> NDArray[np.float64]:
        """Probabilities (t, c) after learning from `rows` of the training images; on a CPU same rows and seed, same answer."""
        from scipy.special import softmax

        encoder = self.tuned(rows, seed)
        image_emb = embed.images(encoder, self.test_items, cache=False)
        cosine = image_emb @ encoder.encode_texts(self.sentences).T
        return softmax(encoder.scale * cosine.astype(np.float64), axis=1)

    def tuned(self, rows: NDArray[np.int64], seed: int) -> Encoder:
        """The encoder after learning from `rows`.

        Raises:
            FloatingPointError: the loss is not finite; says in which step.
        """
        import torch

        encoder = adapt(self.load(), self.adaptation)
        pixels = self._pixels(encoder, rows)
        target = torch.tensor([self.classes.index(self.labels[row]) for row in rows])
        ids, weights = encoder._pad(encoder.tokenize(self.sentences)), list(learning(encoder).values())
        optimizer, rng = adamw(weights, self.rate, 0.01), config.rng(seed, "named shots")
        for number in range(self.steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(number, self.steps, self.rate, 0.1)
            some = torch.from_numpy(rng.choice(len(rows), min(self.batch, len(rows)), replace=False))
            images, texts = embedded(encoder, _mirrored(pixels[some], rng), ids, autocast_dtype(encoder.device))
            scale = encoder.model.logit_scale.clamp(max=losses.LOG_MAX_SCALE).exp()
            loss = torch.nn.functional.cross_entropy(scale * images @ texts.T, target[some].to(images.device))
            if not torch.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss.item()} in step {number} of {self.steps}: lower the rate")
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
        return encoder

    def _pixels(self, encoder: Encoder, rows: NDArray[np.int64]) -> torch.Tensor:
        import torch

        def read(row: int) -> torch.Tensor:
            return encoder.preprocess(picture(self.items[row], encoder.preprocessing.mean))

        with ThreadPoolExecutor(config.load().budgets["embed"]["workers"]) as pool:
            return torch.stack(list(pool.map(read, rows)))


def _mirrored(pixels: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Each image, left and right changed or not."""
    import torch

    turned = torch.from_numpy(rng.random(len(pixels)) < 0.5)[:, None, None, None]
    return torch.where(turned, pixels.flip(-1), pixels)
