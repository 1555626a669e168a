"""The probe as the fish seed trained it: one linear layer, cross-entropy, mini-batches, a few epochs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from utils import config
from utils.classify.choice import folds_of
from utils.classify.classes import finite, rows_of
from utils.classify.zeroshot import softmax

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, eq=False)
class MiniBatchProbe:
    """A linear layer trained by Adam (Kingma and Ba 2015) for a fixed number of epochs; nothing is chosen.

    Attributes:
        classes: c names, sorted.
        weight, bias: (c, d) and (c,) float32.
        history: a row an epoch: epoch (from 1), train_loss, train_accuracy and, with validation images, val_loss and
            val_accuracy, all measured after the epoch.
    """

    classes: list[str]
    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    history: pd.DataFrame

    @classmethod
    def fit(
        cls,
        emb: ArrayLike,
        labels: Sequence[str],
        val_emb: ArrayLike | None = None,
        val_labels: Sequence[str] | None = None,
        epochs: int = 7,
        batch: int = 32,
        rate: float = 1e-3,
        seed: int = 0,
    ) -> MiniBatchProbe:
        """Train; PyTorch's own random state is left alone.

        Args:
            emb: (n, d) float, of training images.
            labels: n names.
            val_emb: (v, d) float, only looked at.
            val_labels: v names.
            epochs: passes over the training images, from 1; each in another order.
            batch: images at once, from 1; the last batch of an epoch may be smaller.
            rate: Adam's learning rate, above 0.
            seed: of the first weights and of the orders.

        Raises:
            ValueError: epochs or batch below 1, a rate that is not above 0 or so high that the loss is no number; as
                `rows_of`.
        """
        if epochs < 1 or batch < 1 or not rate > 0:
            raise ValueError(f"epochs {epochs}, batch {batch}, rate {rate}: the first two start at 1, the rate above 0")
        emb, known = rows_of(emb, labels)
        parts = {"train": (emb, known.codes)}
        if val_emb is not None or val_labels is not None:
            fold = folds_of(emb, known, val_emb, val_labels)[0]
            parts["val"] = (fold.val_emb, fold.val_codes)
        weight, bias, history = _trained(parts, len(known.names), epochs, batch, rate, seed)
        return cls(known.names, weight, bias, pd.DataFrame(history))

    def predict_proba(self, emb: ArrayLike) -> NDArray[np.float64]:
        """Probabilities (n, c) in the order of `classes`, for rows (n, d)."""
        emb = finite(emb)
        if emb.shape[1] != self.weight.shape[1]:
            raise ValueError(f"emb has {emb.shape[1]} dimensions; the probe has learned from {self.weight.shape[1]}")
        return softmax(emb @ self.weight.T + self.bias)


def _trained(
    parts: dict[str, tuple[NDArray, NDArray]], c: int, epochs: int, batch: int, rate: float, seed: int
) -> tuple[NDArray, NDArray, list[dict[str, float]]]:
    """Weight, bias and the history of training on the part "train"."""
    import torch

    tensors = {name: (torch.from_numpy(emb).float(), torch.from_numpy(codes)) for name, (emb, codes) in parts.items()}
    emb, codes = tensors["train"]
    rng, reach = config.rng(seed, "minibatch"), emb.shape[1] ** -0.5  # PyTorch's own start of a linear layer
    start = rng.uniform(-reach, reach, (c, emb.shape[1] + 1)).astype(np.float32)
    weight, bias = (torch.from_numpy(part.copy()).requires_grad_() for part in (start[:, 1:], start[:, 0]))
    adam, history = torch.optim.Adam([weight, bias], lr=rate), []
    for epoch in range(1, epochs + 1):
        for rows in torch.from_numpy(rng.permutation(len(emb))).split(batch):
            adam.zero_grad()
            _loss(emb[rows], codes[rows], weight, bias).backward()
            adam.step()
        history.append({"epoch": epoch, **_measured(tensors, weight, bias)})
        if not np.isfinite(history[-1]["train_loss"]):
            raise ValueError(f"the loss is {history[-1]['train_loss']} after epoch {epoch}: take a rate below {rate}")
    return weight.detach().numpy(), bias.detach().numpy(), history


def _loss(emb: torch.Tensor, codes: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.nn.functional.cross_entropy(emb @ weight.T + bias, codes)


def _measured(
    tensors: dict[str, tuple[torch.Tensor, torch.Tensor]], weight: torch.Tensor, bias: torch.Tensor
) -> dict[str, float]:
    """Loss and accuracy on each part."""
    found = {}
    for name, (emb, codes) in tensors.items():
        found[f"{name}_loss"] = float(_loss(emb, codes, weight.detach(), bias.detach()))
        guess = (emb @ weight.detach().T + bias.detach()).argmax(dim=1)
        found[f"{name}_accuracy"] = float((guess == codes).double().mean())
    return found
