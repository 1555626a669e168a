"""A small fusion of a picture's patches with a sentence, after TransVG (Deng et al. 2021)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from utils import embed, pooling
from utils.ground.heads import Head, seeded

if TYPE_CHECKING:
    import torch

    from utils.encoders import Encoder

LAYER = "last"
SPREAD = 0.02  # of learned tokens and positions at the start, as in BERT and ViT


class Patches:
    """Gives `embed.images` the patch tokens of a frozen encoder in place of an embedding, so that they are cached alike.

    Attributes:
        tokens, channels: (h * w) and width of a token of the layer that CLIP pools, see `pooling.feature_map`.
        dim: of a row, tokens times channels.
    """

    def __init__(self, encoder: Encoder):
        import torch

        self.encoder, self.preprocessing, self.image_size = encoder, encoder.preprocessing, encoder.image_size
        self.name, self.preprocess = f"{encoder.name} patches", encoder.preprocess
        blank = torch.zeros(1, 3, self.image_size, self.image_size)
        self.channels, self.tokens = pooling.feature_map(encoder, LAYER, blank).flatten(2).shape[1:]
        self.dim = self.tokens * self.channels

    @property
    def fingerprint(self) -> str:
        """Changes with the encoder's."""
        return hashlib.sha256(f"patches {LAYER} {self.encoder.fingerprint}".encode()).hexdigest()

    def encode_pixels(self, pixels: torch.Tensor) -> NDArray[np.float32]:
        """The tokens of pixels (n, 3, image_size, image_size), row by row of the picture: (n, dim) float32."""
        found = pooling.feature_map(self.encoder, LAYER, pixels).flatten(2)
        return found.transpose(1, 2).flatten(1).cpu().numpy()


def patches(encoder: Encoder, items: Sequence[embed.Item], progress: bool = False) -> NDArray[np.float32]:
    """Patch tokens of pictures or parts of them, cached by content.

    They are long: give each picture once, and say through `Inputs.of` which sentence belongs to which.

    Args:
        encoder: a CLIP; of a ViT the tokens after its last norm, of a ResNet the cells of its last map.
        items: as of `embed.images`; with style "pad" nothing of a picture is cut off.
        progress: show a bar.

    Returns:
        (m, tokens, channels) float32, tokens row by row of the picture.

    Raises:
        ValueError: as of `embed.images`.
    """
    source = Patches(encoder)
    return embed.images(source, items, progress=progress).reshape(-1, source.tokens, source.channels)


class Fusion(Head):
    """A learned box token looks at patch tokens and a sentence's token through a transformer, then says a box.

    TransVG with one token for the sentence, frozen features, and a linear head.

    Args:
        tokens: of a picture.
        channels: of each.
        dim_text: length of a sentence's embedding.
        width: of the transformer.
        heads: of its attention, a divisor of width.
        layers: of the encoder.
        dropout: within its layers, in [0, 1).
        seed: of the first weights.

    Raises:
        ValueError: a number below 1, a width that heads do not divide, or a dropout out of range.
    """

    def __init__(
        self,
        tokens: int,
        channels: int,
        dim_text: int,
        width: int = 128,
        heads: int = 4,
        layers: int = 2,
        dropout: float = 0.1,
        seed: int = 0,
    ):
        if min(tokens, channels, dim_text, width, heads, layers) < 1 or width % heads or not 0 <= dropout < 1:
            sizes = f"tokens {tokens}, channels {channels}, dim_text {dim_text}, layers {layers}, dropout {dropout}"
            raise ValueError(
                f"{sizes}, width {width}, heads {heads}: from 1, heads a divisor of width, dropout below 1"
            )
        self.image_shape, self.dim_text = (tokens, channels), dim_text
        with seeded(seed, "fusion"):
            self.net = _net(tokens, channels, dim_text, width, heads, layers, dropout)
        self._scaled(channels, dim_text)

    def _logits(self, image: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        import torch

        net = self.net
        box = net["learned"]["box"].expand(len(image), 1, -1)
        seen = torch.cat([box, net["text"](text)[:, None], net["image"](image)], dim=1) + net["learned"]["positions"]
        for layer in net["layers"][:-1]:
            seen = layer(seen)
        return net["out"](_first(net["layers"][-1], seen))


def _first(layer: torch.nn.TransformerEncoderLayer, seen: torch.Tensor) -> torch.Tensor:
    """What a layer makes of the first token, (n, width): the others, which nobody reads after it, cost most of its time."""
    normed = layer.norm1(seen)
    token = seen[:, 0] + layer.dropout1(layer.self_attn(normed[:, :1], normed, normed, need_weights=False)[0][:, 0])
    inner = layer.dropout(layer.activation(layer.linear1(layer.norm2(token))))
    return token + layer.dropout2(layer.linear2(inner))


def _net(
    tokens: int, channels: int, dim_text: int, width: int, heads: int, layers: int, dropout: float
) -> torch.nn.ModuleDict:
    """Projections to one width, the box token, positions of all tokens, the layers (norms first) and the last norm."""
    from torch import nn, randn

    def layer() -> nn.Module:
        shape = {"dim_feedforward": 2 * width, "dropout": dropout, "activation": "relu"}
        return nn.TransformerEncoderLayer(width, heads, **shape, batch_first=True, norm_first=True)

    learned = {"box": randn(1, 1, width) * SPREAD, "positions": randn(1, tokens + 2, width) * SPREAD}
    return nn.ModuleDict(
        {
            "image": nn.Linear(channels, width),
            "text": nn.Linear(dim_text, width),
            "learned": nn.ParameterDict({name: nn.Parameter(values) for name, values in learned.items()}),
            "layers": nn.ModuleList([layer() for _ in range(layers)]),
            "out": nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4)),
        }
    )
