"""Feature maps within the image tower of a CLIP encoder, of either native format."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from utils.encoders import Encoder


def layers(encoder: Encoder) -> tuple[str, ...]:
    """The layers whose map `feature_map` gives: "conv1" and "last" of a ViT, "stem", "stem-linear", "last" of a ResNet."""
    return tuple(LAYERS[_kind(encoder)])


def feature_map(encoder: Encoder, layer: str, pixels: torch.Tensor, stride: int | None = None) -> torch.Tensor:
    """The map of a layer, without a gradient.

    "conv1" is the patch embedding without positions; "stem" the first three convolutions of the ResNet, each with its
    BatchNorm and ReLU; "stem-linear" the same without any ReLU; "last" what CLIP pools: the ResNet's fourth stage, or
    the ViT's patch tokens after the final LayerNorm, which the class token passes too.

    Args:
        encoder: from `encoders.load`.
        layer: one of `layers(encoder)`.
        pixels: (n, 3, height, width) float, as `encoder.preprocess` makes them; of another size than the encoder's
            own where `resizable` says so.
        stride: step of the patches of "conv1" in px, by default their edge.

    Returns:
        (n, channels, h, w) float32, on the encoder's device.

    Raises:
        ValueError: a layer that the architecture lacks, a stride below 1 or for another layer.
    """
    import torch

    check(encoder, layer, stride)
    read, tower = LAYERS[_kind(encoder)][layer], _tower(encoder)
    pixels = pixels.to(encoder.device, _first(tower).weight.dtype)
    with torch.no_grad():
        return read(tower, pixels, **({} if stride is None else {"stride": stride})).float()


def check(encoder: Encoder, layer: str, stride: int | None = None) -> None:
    """Raises a ValueError unless the encoder has the layer, and the layer takes the stride."""
    if layer not in layers(encoder):
        raise ValueError(f"{encoder.name} has no layer {layer!r}: choose from {', '.join(layers(encoder))}")
    if stride is not None and (layer != "conv1" or stride < 1):
        raise ValueError(f"stride is {stride} for layer {layer!r}: only conv1 takes one, from 1")


def resizable(encoder: Encoder, layer: str) -> bool:
    """Whether a layer takes other input sizes: every convolution does, ViT tokens have one position for each patch."""
    return _kind(encoder) == "resnet" or layer == "conv1"


def least_edge(encoder: Encoder, layer: str) -> int:
    """The edge of the smallest input in px of which the layer's map has a cell; the only one where that is fixed."""
    if not resizable(encoder, layer):
        return encoder.image_size
    return {"conv1": _first(_tower(encoder)).kernel_size[0], "last": 32}.get(layer, 1)


def _kind(encoder: Encoder) -> str:
    if hasattr(encoder.model, "vision_model"):
        return "hugging-face"
    return "resnet" if hasattr(encoder.model.visual, "layer4") else "vit"


def _tower(encoder: Encoder) -> torch.nn.Module:
    return encoder.model.vision_model if _kind(encoder) == "hugging-face" else encoder.model.visual


def _first(tower: torch.nn.Module) -> torch.nn.Conv2d:
    return tower.conv1 if hasattr(tower, "conv1") else tower.embeddings.patch_embedding


def _patches(tower: torch.nn.Module, pixels: torch.Tensor, stride: int | None = None) -> torch.Tensor:
    import torch

    conv = _first(tower)
    return torch.nn.functional.conv2d(pixels, conv.weight, conv.bias, stride=stride or conv.stride)


def _hugging_face_tokens(tower: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    return _grid(tower.post_layernorm(tower(pixel_values=pixels).last_hidden_state[:, 1:]))


def _openai_tokens(tower: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    seen: list[torch.Tensor] = []
    hook = tower.transformer.register_forward_hook(lambda module, inputs, tokens: seen.append(tokens))
    try:
        tower(pixels)
    finally:
        hook.remove()
    return _grid(tower.ln_post(seen[0][1:].transpose(0, 1)))  # OpenAI's tokens are (length, batch, width)


def _grid(tokens: torch.Tensor) -> torch.Tensor:
    """(n, edge * edge, width) tokens, row by row of the picture, as a map."""
    edge = round(tokens.shape[1] ** 0.5)
    return tokens.transpose(1, 2).unflatten(2, (edge, edge))


def _stem(tower: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    for i in "123":
        pixels = getattr(tower, f"relu{i}")(_normed(tower, pixels, i))
    return pixels


def _linear_stem(tower: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    for i in "123":
        pixels = _normed(tower, pixels, i)
    return pixels


def _normed(tower: torch.nn.Module, pixels: torch.Tensor, i: str) -> torch.Tensor:
    return getattr(tower, f"bn{i}")(getattr(tower, f"conv{i}")(pixels))


def _fourth_stage(tower: torch.nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    found = tower.avgpool(_stem(tower, pixels))
    for i in "1234":
        found = getattr(tower, f"layer{i}")(found)
    return found


LAYERS: dict[str, dict[str, Callable]] = {
    "hugging-face": {"conv1": _patches, "last": _hugging_face_tokens},
    "vit": {"conv1": _patches, "last": _openai_tokens},
    "resnet": {"stem": _stem, "stem-linear": _linear_stem, "last": _fourth_stage},
}
