"""One step of contrastive training, exact at any batch size: in chunks where memory is short, over processes where there are many.

A contrastive loss needs the embeddings of the whole batch at once, but not their graphs. So the towers embed chunk by
chunk, the loss is taken of all embeddings together, and its gradient is handed back to each chunk, which is embedded
once more with the same random numbers (gradient caching, Gao et al. 2021). With several processes each gathers
everybody's embeddings, takes the same loss, and keeps the gradient of its own rows; gradients of the weights are then
added up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from utils.encoders import Encoder

Embed = Callable[[Any, Any], "tuple[torch.Tensor, torch.Tensor]"]


def backward(
    embed: Embed,
    chunks: Sequence[tuple[Any, Any]],
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    scale: Callable[[torch.Tensor], torch.Tensor] = lambda value: value,
) -> float:
    """Add the gradient of `loss` over the global batch to the weights behind `embed`.

    Args:
        embed: (pixels, ids) of a chunk -> image and text embeddings (b, d) of unit length.
        chunks: this process's rows of the batch, cut to what fits the memory; a single chunk is embedded once only.
        loss: (B, d) image and text embeddings of all processes -> scalar.
        scale: multiplies the loss before its gradient is taken, as a `GradScaler` does.

    Returns:
        The loss. Every process takes the whole of it, so weights that `loss` itself holds (the logit scale) have the
        same gradient everywhere: name them as `shared` in `reduce_gradients`.

    Raises:
        FloatingPointError: the loss is not finite; nothing was added then.
    """
    import torch

    once, states, kept = len(chunks) == 1, [], []
    with torch.set_grad_enabled(once):
        for chunk in chunks:
            states.append(_random_state())
            kept.append(embed(*chunk))
    image_emb, text_emb = (torch.cat(side) for side in zip(*kept, strict=True))
    leaves = [side.detach().requires_grad_() for side in (image_emb, text_emb)]
    value = loss(*(gather(leaf) for leaf in leaves))
    if not torch.isfinite(value):
        raise FloatingPointError(f"the loss is {float(value.detach())}")
    scale(value).backward()
    gradients = [leaf.grad for leaf in leaves]
    if once:
        _hand_back((image_emb, text_emb), gradients)
        return float(value.detach())
    after, sizes = _random_state(), [len(images) for images, _ in kept]
    for chunk, state, *own in zip(chunks, states, *(g.split(sizes) for g in gradients), strict=True):
        _set_random_state(state)
        _hand_back(embed(*chunk), own)
    _set_random_state(after)
    return float(value.detach())


def _hand_back(embeddings: Sequence[torch.Tensor], gradients: Sequence[torch.Tensor]) -> None:
    """Through the towers that learn; where one does not, its embeddings have no graph."""
    import torch

    learning = [pair for pair in zip(embeddings, gradients, strict=True) if pair[0].requires_grad]
    torch.autograd.backward(*zip(*learning, strict=True))


def drop_out(encoder: Encoder, on: bool) -> None:
    """Nothing but dropout knows training from use here: batch normalisation keeps the statistics that it has."""
    import torch

    for module in encoder.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.train(on)


def embedded(
    encoder: Encoder, pixels: torch.Tensor, ids: torch.Tensor, dtype: torch.dtype | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Image and text embeddings (b, d) float32 of unit length, with their graph, computed in `dtype` where one is given."""
    import torch
    from torch.nn.functional import normalize

    device = encoder.device
    with torch.autocast(torch.device(device).type, dtype, enabled=dtype is not None):
        images, texts = encoder._image_features(pixels.to(device)), encoder._text_features(ids.to(device))
    return normalize(images.float(), dim=-1), normalize(texts.float(), dim=-1)


def autocast_dtype(device: str) -> torch.dtype | None:
    """bf16 on a GPU that computes in it, fp16 on an older one, None (float32) elsewhere."""
    import torch

    if not str(device).startswith("cuda"):
        return None
    return torch.bfloat16 if torch.cuda.get_device_capability()[0] >= 8 else torch.float16


def gather(own: torch.Tensor) -> torch.Tensor:
    """The rows (b, d) of all processes, in the order of their numbers: (world b, d); gradients flow to the own rows."""
    import torch
    from torch import distributed

    rank, world = processes()
    if world == 1:
        return own
    rows = [torch.empty_like(own) for _ in range(world)]
    distributed.all_gather(rows, own.detach().contiguous())
    rows[rank] = own
    return torch.cat(rows)


def reduce_gradients(weights: Sequence[torch.Tensor], shared: Sequence[torch.Tensor] = ()) -> None:
    """Add the gradients of all processes; those of `shared`, the same everywhere, are averaged so that they stay so."""
    import torch
    from torch import distributed

    world = processes()[1]
    if world == 1:
        return
    same = {id(weight) for weight in shared}
    given = [weight for weight in weights if weight.grad is not None]
    flat = torch.cat([weight.grad.flatten() / (world if id(weight) in same else 1) for weight in given])
    distributed.all_reduce(flat)
    for weight, total in zip(given, flat.split([weight.numel() for weight in given]), strict=True):
        weight.grad.copy_(total.view_as(weight))


def processes() -> tuple[int, int]:
    """Number of this process and of all: as `torchrun` started them, or (0, 1)."""
    from torch import distributed

    if not (distributed.is_available() and distributed.is_initialized()):
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def from_first(value: Any) -> Any:
    """What process 0 holds, in every process."""
    from torch import distributed

    if processes()[1] == 1:
        return value
    box = [value]
    distributed.broadcast_object_list(box, src=0)
    return box[0]


def _random_state() -> Any:
    import torch

    return torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []


def _set_random_state(state: Any) -> None:
    import torch

    torch.set_rng_state(state[0])
    if state[1]:
        torch.cuda.set_rng_state_all(state[1])
