"""Layers: which one of an image tower is explained, and its output as maps of channels over a grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from utils.encoders import Encoder

TOWERS = {"hugging-face": "vision_model.", "openai": "visual."}  # kind of the encoder -> where its image tower is
TOKENS_FIRST = "visual.transformer."  # OpenAI's transformer wants (tokens, batch, channels)


@dataclass(frozen=True)
class Layer:
    """A layer of an image tower by its name in the model; `batch_axis` is that of its output."""

    name: str
    batch_axis: int

    def grid(self, output: Any) -> torch.Tensor:
        """Its output as (n, channels, rows, columns): of tokens the class token, the first one, is left out.

        Raises:
            ValueError: the output has no place for each patch.
        """
        shape = getattr(output, "shape", ())
        if len(shape) == 4:
            return output
        side = math.isqrt(max(0, shape[1 - self.batch_axis] - 1)) if len(shape) == 3 else 0
        if not side or side**2 + 1 != shape[1 - self.batch_axis]:
            told = f"{tuple(shape)}" if shape else type(output).__name__
            raise ValueError(f"layer {self.name!r} gives {told}, no values for each patch: choose another")
        tokens = output.transpose(0, self.batch_axis)[:, 1:]
        return tokens.transpose(1, 2).reshape(len(tokens), -1, side, side)


def find(encoder: Encoder, name: str | None = None) -> Layer:
    """The layer called so, or the usual one: the last whose patches still differ in what they do to the embedding.

    That is the last block of a residual network, and of a transformer the norm before its last attention: behind it only
    the class token counts.

    Raises:
        ValueError: not an encoder of a known format, or no such layer in its image tower.
    """
    start = TOWERS.get(getattr(encoder, "kind", ""))
    if start is None:
        raise ValueError(f"{encoder!r} has no layers to explain: give a CLIP as `encoders.load` opens it")
    names = [module for module, _ in encoder.model.named_modules()]
    tower = next(module for module in names if f"{module}.".endswith(start))
    names = [module for module in names if module.startswith(f"{tower}.")]
    norms = [module for module in names if module.endswith((".layer_norm1", ".ln_1"))]
    usual = norms[-1] if norms else f"{tower}.layer4.{len(encoder.model.visual.layer4) - 1}"
    if name is None:
        return Layer(usual, int(usual.startswith(TOKENS_FIRST)))
    full = tower.removesuffix(start[:-1]) + name  # the model of an adapter wraps that of the tower
    found = next((module for module in (name, full) if module in names), None)
    if found is None:
        raise ValueError(f"unknown layer {name!r}: choose one of the image tower of {encoder.name}, such as {usual!r}")
    return Layer(found, int(found.startswith(TOKENS_FIRST)))
