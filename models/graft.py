"""Grafting: the image tower of a CLIP as the beginning of another model's encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

QUICK = 1.702  # of OpenAI's activation, see clip_vit


def from_clip(vision: Any, tower: Any, pixels: torch.Tensor) -> None:
    """Write the first layers of a CLIP image tower into BLIP's encoder of the same width, in place.

    BLIP has no norm before its first layer. CLIP's is folded into the embeddings with the mean deviation that it has on
    `pixels`; patches of another size take the kernel's interpolation.
    """
    import torch
    from torch.nn.functional import interpolate

    new, old = vision.embeddings, tower.embeddings
    norm = tower.pre_layrnorm
    with torch.no_grad():
        deviation = old(pixels).std(-1, unbiased=False)
        share = norm.weight / deviation[:, 1:].mean()
        edge = new.patch_size
        kernel = interpolate(old.patch_embedding.weight, (edge, edge), mode="bicubic") * (old.patch_size / edge) ** 2
        position = old.position_embedding.weight
        new.patch_embedding.weight.copy_((kernel - kernel.mean(0)) * share[:, None, None, None])
        new.patch_embedding.bias.zero_()
        patches = position[1:] - position[1:].mean(-1, keepdim=True)
        if len(patches) + 1 == new.position_embedding.shape[1]:
            new.position_embedding[0, 1:].copy_(patches * share + norm.bias)
        new.position_embedding[0, 0].zero_()
        new.class_embedding[0, 0].copy_(norm(old.class_embedding + position[0]))
        for mine, other in zip(vision.encoder.layers, tower.encoder.layers, strict=False):
            attention = other.self_attn
            for part in ("weight", "bias"):
                fused = torch.cat([getattr(getattr(attention, f"{x}_proj"), part) for x in "qkv"])
                getattr(mine.self_attn.qkv, part).copy_(fused)
            mine.self_attn.projection.load_state_dict(attention.out_proj.state_dict())
            for name in ("layer_norm1", "layer_norm2", "mlp"):
                getattr(mine, name).load_state_dict(getattr(other, name).state_dict())
            mine.mlp.fc1.weight.mul_(QUICK)  # quick GELU is SiLU with a factor
            mine.mlp.fc1.bias.mul_(QUICK)
            mine.mlp.fc2.weight.div_(QUICK)
