"""Muon: an optimizer that moves every direction of a hidden matrix alike, with AdamW for all other weights."""

from __future__ import annotations

import re
from typing import Any

import torch

from utils.finetune.optimizer import BETAS, EPSILON, adamw

MOMENTUM = 0.95
HIDDEN = re.compile(r"\.layers?\.")  # in the names of weights inside the layers of a tower
QUINTIC = (3.4445, -4.7750, 2.0315)  # of the Newton-Schulz iteration (Jordan et al. 2024)


class Muon(torch.optim.AdamW):
    """Muon (Jordan et al. 2024) on the matrices of a model's layers, AdamW on everything else, with one learning rate.

    A step is made orthogonal and as long as AdamW's would be (Liu et al. 2025, "Muon is scalable for LLM training").
    In float32: `torch.optim.Muon` works in bfloat16, which older processors only emulate.

    Args:
        model: its matrices below a module `layer` or `layers` are Muon's.
        rate: learning rate of both.
        decay: weight decay of all matrices.
    """

    def __init__(self, model: torch.nn.Module, rate: float, decay: float):
        named = list(model.named_parameters())
        hidden = [weight for name, weight in named if weight.ndim == 2 and HIDDEN.search(name)]
        chosen = {id(weight) for weight in hidden}
        others = adamw((weight for _, weight in named if id(weight) not in chosen), rate, decay).param_groups
        groups = [{"params": hidden, "weight_decay": decay, "orthogonal": True}]
        groups += [{"params": g["params"], "weight_decay": g["weight_decay"], "orthogonal": False} for g in others]
        super().__init__(groups, lr=rate, betas=BETAS, eps=EPSILON, fused=True)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step of both; the gradients of Muon's matrices are used up."""
        for group in self.param_groups:
            for weight in group["params"] if group["orthogonal"] else ():
                if weight.grad is not None:
                    self._turn(weight, group)
        return super().step(closure)

    def _turn(self, weight: torch.nn.Parameter, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state |= {"step": torch.tensor(0.0), "momentum": torch.zeros_like(weight)}  # AdamW restores by its `step`
        state["step"] += 1
        state["momentum"].lerp_(weight.grad, 1 - MOMENTUM)
        direction = orthogonal(weight.grad.lerp(state["momentum"], MOMENTUM))
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(direction, alpha=-0.2 * group["lr"] * max(weight.shape) ** 0.5)
        weight.grad = None  # AdamW leaves alone what has none


def orthogonal(matrix: torch.Tensor, rounds: int = 5) -> torch.Tensor:
    """The matrix (m, n) with its singular values brought to about 1, by `rounds` Newton-Schulz iterations."""
    a, b, c = QUINTIC
    tall = len(matrix) > matrix.shape[1]
    found = matrix.T if tall else matrix
    found = found / (found.norm() + 1e-7)
    for _ in range(rounds):
        gram = found @ found.T
        found = a * found + (b * gram + c * gram @ gram) @ found
    return found.T if tall else found
