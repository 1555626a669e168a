"""What a slot's module tells the training program: its data, model, batches, loss, export and figures."""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.finetune.optimizer import learning_rate

if TYPE_CHECKING:
    import torch


def recipes() -> dict[str, Any]:
    """All tables of recipes.toml: `vocabulary` beside one table a slot; what a slot is `like` it takes over first."""
    tables = tomllib.loads(Path(__file__).with_name("recipes.toml").read_text(encoding="utf-8"))
    return {name: _over(tables[table["like"]], table) if "like" in table else table for name, table in tables.items()}


def _over(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(table)
    for key, value in changes.items():
        merged[key] = _over(merged[key], value) if isinstance(value, dict) and key in merged else value
    return merged


def scenes(folder: Path) -> tuple[np.ndarray, list[dict]]:
    """The training set in `folder`: images (n, s, s, 3) uint8, memory-mapped, and their truths, in order.

    Raises:
        ValueError: a file is damaged, or the two do not belong together.
    """
    try:
        images = np.load(folder / "images.npy", mmap_mode="r")
        truths = [json.loads(line) for line in (folder / "truth.jsonl").read_text(encoding="utf-8").splitlines()]
        told = all(truth["captions"] for truth in truths)
    except (ValueError, EOFError, KeyError, TypeError) as error:
        raise ValueError(f"{folder}: damaged ({error!r}), delete the folder to make it again") from error
    if len(truths) != len(images) or not told:
        raise ValueError(
            f"{folder}: {len(images)} images, {len(truths)} truths; every image needs a line with at least one "
            "caption. Delete the folder to make it again"
        )
    return images, truths


def export_to(out: Path, *parts: Any) -> None:
    """Save all `parts` (what has transformers' `save_pretrained`) into the folder `out`; each file appears whole."""
    with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as temporary:
        for part in parts:
            part.save_pretrained(temporary)
        for path in sorted(Path(temporary).iterdir()):
            path.chmod(0o644)  # safetensors writes for its owner alone
            os.replace(path, out / path.name)


def rows_of(step: int, size: int, count: int, seed: int) -> np.ndarray:
    """Row numbers (size,) of batch number `step`: every epoch shows each of `count` rows once, shuffled anew."""
    size = min(size, count)
    epoch, place = divmod(step, count // size)
    order = np.random.default_rng((seed, 0, epoch)).permutation(count)
    return np.sort(order[place * size : (place + 1) * size])


class Task(ABC):
    """A slot in training. `plan` is set before the first batch: slot, steps, batch, rate, precision and the rest.

    Args:
        recipe: the slot's table of recipes.toml.
        folder: the training set, see `scenes`.
        seed: of order, choices and augmentation.

    Attributes:
        size: number of training examples.
    """

    size: int
    plan: Mapping[str, Any]

    def __init__(self, recipe: Mapping[str, Any], folder: Path, seed: int = 0):
        self.recipe, self.folder, self.seed, self.plan = recipe, folder, seed, {}

    @staticmethod
    def gather(recipe: Mapping[str, Any], data: Path, count: int) -> Path:
        """The folder of the training set below `data`, made if missing: `count` scenes of the recipe's seed."""
        from utils import reef

        folder = data / f"scenes-{recipe['data']['seed']}-{count}"
        return reef.training_set(folder, count, recipe["data"]["seed"], workers=os.cpu_count() or 1)

    @abstractmethod
    def build(self) -> torch.nn.Module:
        """The model with seeded random weights."""

    def begin(self, model: torch.nn.Module, folder: Path) -> None:
        """Take over what fits from the finished miniature in `folder`."""
        raise ValueError(f"{self.recipe['module']} cannot start from another model such as {folder}")

    @abstractmethod
    def batch(self, step: int, size: int, device: Any = "cpu") -> Any:
        """Batch number `step`; a function of seed and step alone, so that a resumed training sees the same."""

    @abstractmethod
    def loss(self, model: torch.nn.Module, batch: Any) -> torch.Tensor:
        """Scalar."""

    def rate(self, step: int, plan: Mapping[str, Any]) -> float:
        """Learning rate of a step: a warm-up and a cosine over all steps of the plan."""
        return learning_rate(step, plan["steps"], plan["rate"], plan["warmup"])

    def after_step(self, model: torch.nn.Module) -> None:  # noqa: B027  a hook that most leave alone
        """Called after every update."""

    def log(self, model: torch.nn.Module) -> dict[str, float]:
        """What the curve holds beside the loss."""
        return {}

    @abstractmethod
    def export(self, model: torch.nn.Module, out: Path) -> None:
        """Write the native files into `out`; each appears whole or not at all."""

    @staticmethod
    @abstractmethod
    def evaluate(out: Path, recipe: Mapping[str, Any], count: int, seed: int) -> list[dict[str, Any]]:
        """Figures of the files in `out` on `count` fresh scenes: task, metric, value, ci_low, ci_high, n and more."""
