"""The miniature DETR: RT-DETR from scratch on a small ResNet, exported as a transformers folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models import detectors
from models.task import export_to
from utils.detect.detectors import ask_detr

if TYPE_CHECKING:
    import torch

STRIDES = (8, 16, 32)
MOST = 10  # cells that may answer for one thing
RARE = -7.0  # logit with which every class begins in every cell


class Task(detectors.Detector):
    """Set prediction with Hungarian matching; the encoder's proposals learn from many cells a thing, as a YOLO does."""

    def build(self) -> torch.nn.Module:
        """`RTDetrForObjectDetection` with random weights, channels last, in the form that trains."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = trainable(empty(self.recipe["architecture"]))
        return model.to(memory_format=torch.channels_last)

    def batch(self, step: int, size: int, device: Any = "cpu") -> tuple[torch.Tensor, list[dict]]:
        """Pixels (B, 3, s, s) in [0, 1] and the labels as transformers wants them."""
        import torch

        pixels, labels, boxes = super().batch(step, size, device)
        answers = [{"class_labels": kinds, "boxes": box} for kinds, box in zip(labels, boxes, strict=True)]
        return pixels.contiguous(memory_format=torch.channels_last), answers

    def loss(self, model: torch.nn.Module, batch: tuple[torch.Tensor, list[dict]]) -> torch.Tensor:
        """RT-DETR's own loss of all decoder layers, and `dense_loss` in place of its one-to-one loss of the encoder."""
        pixels, labels = batch
        output = model(pixel_values=pixels, labels=labels)
        encoder = f"_aux_{model.config.decoder_layers - 1}"
        decoder = sum(value for name, value in output.loss_dict.items() if not name.endswith(encoder))
        dense = dense_loss(output.enc_outputs_class, output.enc_outputs_coord_logits.sigmoid(), labels)
        return decoder + self.recipe["loss"]["dense"] * dense

    def export(self, model: torch.nn.Module, out: Path) -> None:
        """Model in fp16 and image processor; each file appears whole or not at all."""
        from transformers import RTDetrImageProcessor

        architecture = self.recipe["architecture"]
        edge = {"height": architecture["image_size"], "width": architecture["image_size"]}
        export_to(out, frozen(model, architecture).half(), RTDetrImageProcessor(size=edge))

    @staticmethod
    def evaluate(out: Path, recipe: Mapping[str, Any], count: int, seed: int) -> list[dict[str, Any]]:
        """mAP50 through the folder's own model class, image processor and post-processing."""
        import torch
        from transformers import AutoImageProcessor, AutoModelForObjectDetection

        model = AutoModelForObjectDetection.from_pretrained(out, dtype=torch.float32).eval()
        processor = AutoImageProcessor.from_pretrained(out)
        return detectors.evaluate(lambda image: find(model, processor, image), count, seed)


def empty(architecture: Mapping[str, Any]) -> Any:
    """The exported class with weights of chance; `architecture` as in recipes.toml."""
    from transformers import RTDetrConfig, RTDetrForObjectDetection, RTDetrResNetConfig

    backbone, width = architecture["backbone"], architecture["width"]
    config = RTDetrConfig(
        backbone_config=RTDetrResNetConfig(
            embedding_size=backbone["stem"], hidden_sizes=backbone["widths"], depths=backbone["depths"],
            layer_type="basic", out_features=["stage2", "stage3", "stage4"],
        ),
        freeze_backbone_batch_norms=False, num_denoising=0, num_queries=architecture["queries"],
        feat_strides=STRIDES, encoder_in_channels=backbone["widths"][1:], decoder_in_channels=[width] * len(STRIDES),
        d_model=width, encoder_hidden_dim=width, hidden_expansion=0.5,
        encoder_layers=1, decoder_layers=architecture["layers"],
        encoder_attention_heads=architecture["heads"], decoder_attention_heads=architecture["heads"],
        encoder_ffn_dim=architecture["mlp"], decoder_ffn_dim=architecture["mlp"],
        id2label={label: name for name, label in detectors.LABELS.items()}, label2id=dict(detectors.LABELS),
    )  # fmt: skip
    return RTDetrForObjectDetection(config)


def trainable(model: Any) -> Any:
    """The form that learns from scratch: transformers begins batch normalisation near zero, which lets nothing pass."""
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.ones_(module.weight)
        elif isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    torch.nn.init.constant_(model.model.enc_score_head.bias, RARE)
    return model


def frozen(model: Any, architecture: Mapping[str, Any]) -> Any:
    """A copy on the CPU in the exported form, which computes the same as `model` in evaluation."""
    result = empty(architecture)
    result.load_state_dict(model.state_dict())
    return result.eval()


def dense_loss(logits: torch.Tensor, boxes: torch.Tensor, labels: list[dict]) -> torch.Tensor:
    """Classes and boxes of the encoder's cells, many cells a thing (task-aligned assignment, Feng et al. 2021).

    Args:
        logits: (B, cells, classes), level by level from fine to coarse, each row by row.
        boxes: (B, cells, 4) centre and size.
        labels: `class_labels` (n,) and `boxes` (n, 4) for each image.
    """
    import torch

    logits, boxes = logits.float(), boxes.float()
    answer = torch.zeros_like(logits)
    found, wanted, weight = [boxes[:0, 0]], [boxes[:0, 0]], [boxes[:0, 0, 0]]
    for row, score, box, label in zip(answer, logits.detach().sigmoid(), boxes, labels, strict=True):
        if len(label["boxes"]):
            quality, owner = assign(score[:, label["class_labels"]].T, box.detach(), label["boxes"])
            taken = quality > 0
            row[taken, label["class_labels"][owner[taken]]] = quality[taken]
            found.append(box[taken])
            wanted.append(label["boxes"][owner[taken]])
            weight.append(quality[taken])
    found, wanted, weight = torch.cat(found), torch.cat(wanted), torch.cat(weight)
    kinds = torch.nn.functional.binary_cross_entropy_with_logits(logits, answer, reduction="sum")
    distance = 5 * (found - wanted).abs().sum(-1) + 2 * (1 - overlap(found, wanted)[1])  # RT-DETR's weights
    return (kinds + (weight * distance).sum()) / weight.sum().clamp(min=1)


def assign(scores: torch.Tensor, boxes: torch.Tensor, things: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How well each cell of an image suits the thing that it answers for, 0 where none, and which thing that is.

    Args:
        scores: (things, cells) of the thing's class.
        boxes: (cells, 4) predicted.
        things: (things, 4).

    Returns:
        (cells,) float and (cells,) int64.
    """
    import torch

    middle, cell = cells(boxes)
    inside = ((middle - things[:, None, :2]).abs() < (things[:, None, 2:] / 2).clamp(min=cell / 2)).all(-1)
    shared = overlap(boxes, things[:, None])[0] * inside
    fit = scores.sqrt() * shared**4
    fit = fit * (fit >= fit.topk(min(MOST, fit.shape[1]), 1).values[:, -1:])
    owner = torch.where(fit > 0, shared, -1).argmax(0)
    fit = fit * (owner == torch.arange(len(things), device=fit.device)[:, None])
    best = fit.amax(1, keepdim=True).clamp(min=1e-12)
    return (fit / best * (shared * (fit > 0)).amax(1, keepdim=True)).amax(0), owner


def cells(boxes: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Centres (cells, 2) of the cells of a square picture to which `boxes` belong, and the side of the smallest."""
    import torch

    parts = [STRIDES[-1] // stride for stride in STRIDES]
    coarse = round((len(boxes) / sum(part**2 for part in parts)) ** 0.5)
    lines = [(torch.arange(part * coarse, device=boxes.device) + 0.5) / (part * coarse) for part in parts]
    grids = [torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).reshape(-1, 2) for line in lines]
    return torch.cat(grids), 1 / (parts[0] * coarse)


def overlap(first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """IoU and generalised IoU (Rezatofighi et al. 2019) of boxes (..., 4) as centre and size."""
    import torch

    low, high = ([box[..., :2] + sign * box[..., 2:] / 2 for box in (first, second)] for sign in (-1, 1))
    shared = (torch.minimum(*high) - torch.maximum(*low)).clamp(min=0).prod(-1)
    union = first[..., 2:].prod(-1) + second[..., 2:].prod(-1) - shared
    hull = (torch.maximum(*high) - torch.minimum(*low)).prod(-1)
    return shared / union, shared / union - (hull - union) / hull


def find(model: Any, processor: Any, image: np.ndarray) -> detectors.Found:
    """What a loaded model finds in an image (h, w, 3) uint8 RGB, down to a score of 0.001."""
    ((boxes, scores, labels),) = ask_detr(model, processor, [image])
    return boxes, scores, [model.config.id2label[label] for label in labels]
