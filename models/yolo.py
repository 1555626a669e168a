"""The miniature YOLOs: ultralytics' own architecture and loss, our training loop, a checkpoint that `YOLO(path)` loads."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models import detectors
from models.packing import deflate
from utils import files
from utils.detect.detectors import ask_yolo, library

if TYPE_CHECKING:
    import torch


class Task(detectors.Detector):
    """A YOLO on ReefWorld's boxes: task-aligned assignment with box, class and distribution focal losses."""

    def build(self) -> torch.nn.Module:
        """`DetectionModel` of the recipe's YAML with random weights, channels last."""
        import torch

        library()
        from ultralytics.nn.tasks import DetectionModel, yaml_model_load

        architecture = self.recipe["architecture"]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            layout = yaml_model_load(architecture["yaml"]) | {"nc": len(detectors.LABELS)}
            model = DetectionModel(layout, verbose=False)
        model.names = {label: name for name, label in detectors.LABELS.items()}
        model.args = _Gains(**self.recipe["loss"])
        expect(model, architecture["image_size"])
        return model.to(memory_format=torch.channels_last)

    def batch(self, step: int, size: int, device: Any = "cpu") -> dict[str, torch.Tensor]:
        """A batch in ultralytics' form: img, cls (n, 1), bboxes (n, 4) and batch_idx (n,)."""
        import torch

        pixels, labels, boxes = super().batch(step, size, device)
        owner = torch.arange(len(labels), device=device).repeat_interleave(
            torch.tensor([len(kinds) for kinds in labels], device=device)
        )
        return {
            "img": pixels.contiguous(memory_format=torch.channels_last),
            "cls": torch.cat(labels)[:, None].float(), "bboxes": torch.cat(boxes), "batch_idx": owner.float(),
        }  # fmt: skip

    def loss(self, model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Sum of the three losses, a mean over the batch."""
        return model.loss(batch)[0].sum() / len(batch["img"])

    def export(self, model: torch.nn.Module, out: Path) -> None:
        """One ultralytics checkpoint in fp16, named like the slot's YAML family."""
        import torch

        model.criterion = None
        twin = copy.deepcopy(model).cpu().to(memory_format=torch.contiguous_format).half().eval()
        size = self.recipe["architecture"]["predict_size"]
        twin.args = {
            "task": "detect",
            "imgsz": size,
            "model": self.recipe["architecture"]["yaml"],
            **self.recipe["loss"],
        }
        for weight in twin.parameters():
            weight.requires_grad_(False)
        state = {
            "epoch": -1, "best_fitness": None, "model": twin, "ema": None, "updates": None, "optimizer": None,
            "train_args": twin.args, "date": date.today().isoformat(), "version": library().__version__,
            "license": "AGPL-3.0",
        }  # fmt: skip
        with files.atomic_write(out / checkpoint(self.recipe)) as temporary:
            torch.save(state, temporary)
            deflate(temporary)
            temporary.chmod(0o644)

    @staticmethod
    def evaluate(out: Path, recipe: Mapping[str, Any], count: int, seed: int) -> list[dict[str, Any]]:
        """mAP50 through `YOLO(path).predict`, see `detectors.evaluate`."""
        model = library().YOLO(out / checkpoint(recipe))
        return detectors.evaluate(lambda image: find(model, image), count, seed)


class _Gains:
    """The weights of the losses, as attributes: what ultralytics' criterion reads from `model.args`."""

    def __init__(self, box: float, cls: float, dfl: float):
        self.box, self.cls, self.dfl = box, cls, dfl


def checkpoint(recipe: Mapping[str, Any]) -> str:
    """Name of the file, such as "yolov8.pt" for yolov8n.yaml."""
    return Path(recipe["architecture"]["yaml"]).stem.rstrip("nsmlx") + ".pt"


def expect(model: torch.nn.Module, size: int) -> None:
    """Begin with the class scores of some five objects in a picture of `size` pixels, where ultralytics expects 640."""
    head = model.model[-1]
    for layers, stride in zip(head.cv3, head.stride, strict=True):
        layers[-1].bias.data[: head.nc] = math.log(5 / head.nc / (size / float(stride)) ** 2)


def find(model: Any, image: np.ndarray) -> detectors.Found:
    """What a loaded `ultralytics.YOLO` finds in an image (h, w, 3) uint8 RGB, down to a score of 0.001."""
    ((boxes, scores, labels),) = ask_yolo(model, [image], iou=0.6, most=100)
    return boxes, scores, [model.names[label] for label in labels]
