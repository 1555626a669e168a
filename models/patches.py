"""Which patches of a picture a step of pretraining sees, by the plan (Li et al. 2023, FLIP)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch


def kept(
    recipe: Mapping[str, Any], plan: Mapping[str, Any], step: int, count: int, rng: np.random.Generator, device: Any
) -> torch.Tensor | None:
    """Numbers of the patches that stay, (count, kept) int64 ascending, or None for all.

    The recipe's `patches` says which share stays, and until which share of the planned steps.
    """
    import torch

    drop = recipe.get("patches")
    if not drop or step >= drop["until"] * plan.get("steps", 0):
        return None
    patches = (recipe["architecture"]["image_size"] // recipe["architecture"]["vision"]["patch"]) ** 2
    order = rng.random((count, patches)).argsort(1)
    return torch.from_numpy(np.sort(order[:, : round(drop["keep"] * patches)], 1)).to(device)
