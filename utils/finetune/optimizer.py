"""The optimizer of every training here: AdamW as CLIP was trained with it, and its learning rate over the steps."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

BETAS, EPSILON = (0.9, 0.98), 1e-6  # Radford et al. 2021, table 18


def adamw(weights: Iterable[torch.nn.Parameter], rate: float, decay: float) -> torch.optim.AdamW:
    """AdamW over `weights`; matrices decay, biases, norms and scales do not."""
    import torch

    weights = list(weights)
    matrices, others = ([weight for weight in weights if (weight.ndim > 1) == many] for many in (True, False))
    groups = [{"params": matrices, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=BETAS, eps=EPSILON, fused=True)


def learning_rate(number: int, steps: int, peak: float, warmup: float) -> float:
    """Of step `number` of `steps`: linear warm-up, then a cosine that would reach zero one step after the last.

    Args:
        number: from 0.
        steps: of the whole training.
        peak: the highest rate.
        warmup: share of the steps before the cosine.
    """
    warm = max(1, round(warmup * steps))
    if number < warm:
        return peak * (number + 1) / warm
    return peak * 0.5 * (1 + math.cos(math.pi * (number - warm) / max(1, steps - warm)))
