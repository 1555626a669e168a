"""LoRA on bare weights, for OpenAI's CLIP: it fuses q, k and v in one parameter and keeps its projections as parameters.

A parametrization adds the product of two small matrices whenever the weight is read, so that the weight itself is
never written to. (peft would merge and unmerge at every forward, which moves frozen weights by rounding.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch.nn.utils import parametrize

if TYPE_CHECKING:
    from utils.finetune.adapters import Adaptation

FUSED = ("q", "k", "v")  # the three blocks of rows of in_proj_weight


class LowRank(torch.nn.Module):
    """weight (m, n) -> weight + alpha / rank up (m, rank) down (rank, n); of `blocks` equal blocks of rows only the chosen.

    At the start `up` is zero, so nothing changes.
    """

    def __init__(self, weight: torch.Tensor, rank: int, alpha: float, blocks: int = 1, chosen: Sequence[int] = (0,)):
        super().__init__()
        rows, columns = weight.shape[0] // blocks, weight.shape[1]
        self.factor, self.blocks, self.chosen = alpha / rank, blocks, tuple(chosen)
        self.lora_down = torch.nn.Parameter(torch.empty(len(self.chosen), rank, columns, device=weight.device))
        self.lora_up = torch.nn.Parameter(torch.zeros(len(self.chosen), rows, rank, device=weight.device))
        torch.nn.init.kaiming_uniform_(self.lora_down, a=5**0.5)

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight as it is used."""
        added = self.factor * self.lora_up @ self.lora_down
        if self.blocks == 1:
            return weight + added[0]
        blocks = list(weight.chunk(self.blocks))
        for place, delta in zip(self.chosen, added, strict=True):
            blocks[place] = blocks[place] + delta
        return torch.cat(blocks)


def add(model: torch.nn.Module, adaptation: Adaptation, tower_of) -> int:
    """Put a `LowRank` on every weight that `adaptation` names; returns how many.

    Args:
        model: `clip.model.CLIP`, ViT or ResNet; of a ResNet's image tower the attention pool alone has such weights.
        adaptation: its dropout has no place here, since the input of the pair is not seen.
        tower_of: name of a parameter -> "image", "text" or "".
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(adaptation.seed)
        found = places(model, adaptation, tower_of)
        for name, blocks, chosen in found:
            path, _, attribute = name.rpartition(".")
            module = model.get_submodule(path)
            weight = getattr(module, attribute)
            low_rank = LowRank(weight, adaptation.rank, adaptation.alpha, blocks, chosen)
            parametrize.register_parametrization(module, attribute, low_rank)
    return len(found)


def places(model: torch.nn.Module, adaptation: Adaptation, tower_of) -> list[tuple[str, int, tuple[int, ...]]]:
    """Name of a weight that `adaptation` names, its number of blocks and the chosen ones; arguments as of `add`."""
    fused = tuple(i for i, matrix in enumerate(FUSED) if matrix in adaptation.matrices)
    single = {"attn.out_proj.weight": "out", "mlp.c_fc.weight": "fc1", "mlp.c_proj.weight": "fc2",
              "attnpool.q_proj.weight": "q", "attnpool.k_proj.weight": "k", "attnpool.v_proj.weight": "v",
              "attnpool.c_proj.weight": "projection"}  # fmt: skip
    found = []
    for name in (name for name, _ in model.named_parameters() if tower_of(name) in adaptation.towers):
        matrix = next((matrix for end, matrix in single.items() if name.endswith(f".{end}")), None)
        if name in ("text_projection", "visual.proj"):
            matrix = "projection"
        if name.endswith("attn.in_proj_weight") and fused:
            found.append((name, len(FUSED), fused))
        elif matrix in adaptation.matrices:
            found.append((name, 1, (0,)))
    return found


def merged(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The state of a plain model that computes the same: the sums in the place of the weights."""
    state = {name: tensor for name, tensor in model.state_dict().items() if "parametrizations." not in name}
    for path, module in model.named_modules():
        for attribute in getattr(module, "parametrizations", {}):
            state[f"{path}.{attribute}" if path else attribute] = getattr(module, attribute)
    return {name: tensor.detach().clone().contiguous() for name, tensor in state.items()}
