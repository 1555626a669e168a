"""The miniature DETR: deformable DETR from scratch on a small ResNet, exported as a transformers folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models import detectors

if TYPE_CHECKING:
    import torch

MEAN = (0.485, 0.456, 0.406)  # of DETR's image processor
STD = (0.229, 0.224, 0.225)
INNER = 0.7  # share of a box whose cells the dense head answers for
PRIOR = -4.6  # logit of 0.01


class Task(detectors.Detector):
    """Set prediction with Hungarian matching, and while it trains a dense head that teaches the backbone."""

    def build(self) -> torch.nn.Module:
        """`DeformableDetrForObjectDetection` with random weights, channels last, in the form that trains."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = trainable(empty(self.recipe["architecture"]))
            on_a_grid(model, *self.recipe["architecture"]["grid"])
        return model.to(memory_format=torch.channels_last)

    def batch(self, step: int, size: int, device: Any = "cpu") -> tuple[torch.Tensor, list[dict]]:
        """Normalised pixels (B, 3, s, s) and the labels as transformers wants them."""
        import torch

        pixels, labels, boxes = super().batch(step, size, device)
        mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (MEAN, STD))
        answers = [{"class_labels": kinds, "boxes": box} for kinds, box in zip(labels, boxes, strict=True)]
        pixels = pixels.sub_(mean).div_(std)
        return pixels.contiguous(memory_format=torch.channels_last), answers

    def loss(self, model: torch.nn.Module, batch: tuple[torch.Tensor, list[dict]]) -> torch.Tensor:
        """Deformable DETR's own loss, and the dense head's."""
        pixels, labels = batch
        output = model(pixel_values=pixels, labels=labels)
        logits = model.dense(output.encoder_last_hidden_state)
        coarse = logits.shape[1] // 5  # the other level has half the stride, so four times the cells
        dense = sum(dense_loss(level, labels) for level in logits.split([4 * coarse, coarse], 1))
        return output.loss + self.recipe["loss"]["dense"] * dense

    def export(self, model: torch.nn.Module, out: Path) -> None:
        """Model in fp16 and image processor; each file appears whole or not at all."""
        from transformers import DeformableDetrImageProcessor

        architecture = self.recipe["architecture"]
        edge = {"height": architecture["image_size"], "width": architecture["image_size"]}
        with tempfile.TemporaryDirectory(dir=out, prefix=".export-") as temporary:
            frozen(model, architecture).half().save_pretrained(temporary)
            DeformableDetrImageProcessor(size=edge, image_mean=MEAN, image_std=STD).save_pretrained(temporary)
            for path in sorted(Path(temporary).iterdir()):
                path.chmod(0o644)  # safetensors writes for its owner alone
                os.replace(path, out / path.name)

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
    from transformers import DeformableDetrConfig, DeformableDetrForObjectDetection, ResNetConfig

    backbone, layers = architecture["backbone"], architecture["layers"]
    stages = len(backbone["widths"])
    config = DeformableDetrConfig(
        use_timm_backbone=False, use_pretrained_backbone=False, backbone=None,
        backbone_config=ResNetConfig(
            embedding_size=backbone["stem"], hidden_sizes=backbone["widths"], depths=backbone["depths"],
            layer_type="basic", out_features=[f"stage{stages - 1}", f"stage{stages}"],
        ),
        num_feature_levels=2, with_box_refine=True, disable_custom_kernels=True, auxiliary_loss=True, dropout=0.0,
        num_queries=int(np.prod(architecture["grid"])), d_model=architecture["width"],
        encoder_layers=layers["encoder"], decoder_layers=layers["decoder"],
        encoder_attention_heads=architecture["heads"], decoder_attention_heads=architecture["heads"],
        encoder_ffn_dim=architecture["mlp"], decoder_ffn_dim=architecture["mlp"],
        id2label={label: name for name, label in detectors.LABELS.items()}, label2id=dict(detectors.LABELS),
    )  # fmt: skip
    return DeformableDetrForObjectDetection(config)


def trainable(model: Any) -> Any:
    """The form that learns: all weights free, true batch normalisation, scores that begin low, a dense head.

    transformers freezes the convolutions of a ResNet and replaces its batch normalisation by fixed statistics, which
    suits a pretrained backbone only.
    """
    import torch

    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child).__name__.endswith("FrozenBatchNorm2d"):
                setattr(module, name, torch.nn.BatchNorm2d(len(child.weight)))
    for weight in model.parameters():
        weight.requires_grad_(True)
    for module in model.model.backbone.modules():
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    model.dense = torch.nn.Linear(model.config.d_model, model.config.num_labels)
    torch.nn.init.constant_(model.dense.bias, PRIOR)
    for head in model.class_embed:
        torch.nn.init.constant_(head.bias, PRIOR)
    return model


def on_a_grid(model: Any, columns: int, rows: int) -> None:
    """Let the queries begin with boxes a quarter of the picture wide and high, each at its own place of a grid.

    By chance they would all begin near the middle, and a short training would be spent on parting them.
    """
    import torch

    x, y = torch.meshgrid((torch.arange(columns) + 0.5) / columns, (torch.arange(rows) + 0.5) / rows, indexing="xy")
    places = torch.stack([x, y], -1).reshape(-1, 2).logit()
    with torch.no_grad():
        place = model.model.query_position_embeddings.weight.normal_()[:, : model.config.d_model]
        model.model.reference_points.weight.copy_((torch.linalg.pinv(place) @ places).T)
        model.model.reference_points.bias.zero_()
        for heads in (model.bbox_embed, model.model.decoder.bbox_embed):
            for head in heads:
                head.layers[-1].weight.zero_()
                head.layers[-1].bias.zero_()
            heads[0].layers[-1].bias.copy_(torch.tensor([0.5, 0.5, 0.25, 0.25]).logit())


def frozen(model: Any, architecture: Mapping[str, Any]) -> Any:
    """A copy on the CPU in the exported form, which computes the same as `model` in evaluation."""
    result = empty(architecture)
    weights = {name: weight for name, weight in model.state_dict().items() if not name.startswith("dense.")}
    result.load_state_dict(weights)
    return result.eval()


def dense_loss(logits: torch.Tensor, labels: list[dict]) -> torch.Tensor:
    """Focal loss (Lin et al. 2017) of the kinds at every cell of a square grid; the smallest box owns a cell.

    Args:
        logits: (B, g * g, classes), row by row.
        labels: `class_labels` (n,) and `boxes` (n, 4) for each image.
    """
    import torch

    answer = torch.zeros_like(logits)
    edge = round(logits.shape[1] ** 0.5)
    line = (torch.arange(edge, device=logits.device) + 0.5) / edge
    cells = torch.stack(torch.meshgrid(line, line, indexing="ij"), -1).flip(-1).reshape(-1, 1, 2)
    for row, label in zip(answer, labels, strict=True):
        if len(label["boxes"]):
            centre, sides = label["boxes"][:, :2], label["boxes"][:, 2:]
            inside = ((cells - centre).abs() < (INNER * sides / 2).clamp(min=0.5 / edge)).all(-1)
            area = torch.where(inside, sides.prod(-1), torch.inf)
            taken = inside.any(1)
            row[taken, label["class_labels"][area.argmin(1)[taken]]] = 1.0
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, answer, reduction="none")
    probability = logits.sigmoid()
    missed = torch.where(answer > 0, 1 - probability, probability)
    weight = torch.where(answer > 0, 0.25, 0.75) * missed**2
    return (weight * entropy).sum() / answer.sum().clamp(min=1)


def find(model: Any, processor: Any, image: np.ndarray) -> detectors.Found:
    """What a loaded model finds in an image (h, w, 3) uint8 RGB, down to a score of 0.001."""
    import torch

    with torch.inference_mode():
        output = model(**processor(image, return_tensors="pt"))
    found = processor.post_process_object_detection(output, threshold=0.001, target_sizes=[image.shape[:2]])[0]
    names = [model.config.id2label[int(label)] for label in found["labels"]]
    return found["boxes"].numpy(), found["scores"].numpy(), names
