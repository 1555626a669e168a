"""Some of a picture's patches only, so that the steps of a vision transformer cost less (Li et al. 2023, FLIP)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from utils.encoders import Encoder


def only(tokens: torch.Tensor, kept: torch.Tensor | None) -> torch.Tensor:
    """Of tokens (B, 1 + p, d), the class before the patches, the class and the patches of `kept` (B, k); None: all."""
    import torch

    if kept is None:
        return tokens
    rows = torch.cat([torch.zeros_like(kept[:, :1]), kept + 1], 1)[..., None]
    return tokens.gather(1, rows.expand(-1, -1, tokens.shape[2]))


@contextmanager
def seen(encoder: Encoder, share: float) -> Iterator[None]:
    """Within, the image tower sees a random `share` of every picture's patches, drawn by torch's own generator.

    Args:
        encoder: a vision transformer of either format.
        share: in (0, 1]; 1 leaves everything as it is.

    Raises:
        ValueError: the image tower has no patches.
    """
    if share == 1.0:
        yield
        return
    import torch

    def draw(tokens: torch.Tensor) -> torch.Tensor:
        patches = tokens.shape[1] - 1
        order = torch.rand(len(tokens), patches, device=tokens.device).argsort(1)
        return only(tokens, order[:, : max(1, round(share * patches))])

    modules = dict(encoder.model.named_modules())
    found = next((name for name in modules if name.endswith(("vision_model.embeddings", "visual.ln_pre"))), None)
    if found is None:
        raise ValueError(f"the image tower of {encoder.name} has no patches to leave out: set `patches` to 1")
    hook = modules[found].register_forward_hook(lambda module, inputs, tokens: draw(tokens))
    try:
        yield
    finally:
        hook.remove()
