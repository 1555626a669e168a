"""What every detector does, and how a YOLO and a DETR are asked."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from utils import config
from utils.encoders.memory import Batches

if TYPE_CHECKING:
    from PIL import Image

LEAST = 0.001  # score of a candidate
MOST = 300  # candidates of an image, those of best score
SAME = 0.9  # IoU above which two candidates of one class are one
RAW = 3000  # answers of a YOLO before copies are taken away
AT_ONCE = 16  # pictures in the model; half as many where memory runs out
THIN = 16  # times as long as wide, beyond which resizing would leave nothing of a strip
GREY = 114  # what ultralytics puts round a picture
SETTINGS = {
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
    "ULTRALYTICS_SAFE_LOAD": "true",
}
Raw = tuple[np.ndarray, np.ndarray, np.ndarray]  # boxes_xyxy (k, 4) float32, scores (k,) float32, labels (k,) int64


class Detector(ABC):
    """Finds things of its classes in pictures.

    Attributes:
        name: slot, published name, or name of the file or folder.
        classes: what it knows, by label.
        fingerprint: of the weights' content (a model of the hub: its name and commit) and of how it is asked.
        half: the kind of device in whose half precision it computes, such as "cuda"; "" in fp32.
    """

    def __init__(self, name: str, classes: Sequence[str], fingerprint: str, half: str = ""):
        self.name, self.classes, self.fingerprint, self.half = name, list(classes), fingerprint, half
        self._batches = Batches(AT_ONCE)

    def find(self, images: Sequence[Image.Image | np.ndarray]) -> list[Raw]:
        """Candidates in RGB pictures, all scores from 0.001 up; `detect.boxes` chooses among them.

        Pictures of one size go through the model together, and each as if it were alone.

        Args:
            images: (h, w, 3) uint8, or pictures as `files.load_image` gives them.

        Returns:
            For each picture boxes_xyxy (k, 4) float32 in pixels, within the picture and with an area; scores (k,)
            float32 in [0, 1], best first; labels (k,) int64. k is at most 300; of candidates of one class whose IoU is
            above 0.9 only the best is there.

        Raises:
            MemoryError: not even one picture fits into memory; says what to do.
        """
        pictures = [np.array(image) for image in images]  # copies, as transformers wants to write
        sizes: dict[tuple, list[int]] = {}
        for row, picture in enumerate(pictures):
            sizes.setdefault(picture.shape, []).append(row)
        found: dict[int, Raw] = {}
        for shape, rows in sizes.items():
            with lowered(self.half):
                parts = list(self._batches.over(self._ask, (_widened(pictures[row]) for row in rows)))
            answers = [answer for part in parts for answer in part]
            found |= {row: _tidy(answer, shape) for row, answer in zip(rows, answers, strict=True)}
        return [found[row] for row in range(len(pictures))]

    @abstractmethod
    def _ask(self, images: list[np.ndarray]) -> list[Raw]:
        """The model's own answers to pictures of one size."""


class Yolo(Detector):
    """An `ultralytics.YOLO`: a checkpoint, or an export, which takes one picture at a time."""

    def __init__(self, model: Any, one_by_one: bool, device: str | None, *facts: Any):
        super().__init__(*facts)
        self.model, self.one_by_one, self.device = model, one_by_one, device

    def _ask(self, images: list[np.ndarray]) -> list[Raw]:
        parts = [[image] for image in images] if self.one_by_one else [images]
        return [answer for part in parts for answer in ask_yolo(self.model, part, device=self.device)]


class Detr(Detector):
    """A detector of transformers with its image processor."""

    def __init__(self, model: Any, processor: Any, *facts: Any):
        super().__init__(*facts)
        self.model, self.processor = model, processor

    def _ask(self, images: list[np.ndarray]) -> list[Raw]:
        return ask_detr(self.model, self.processor, images)


def lowered(kind: str) -> AbstractContextManager:
    """Where matrix products and convolutions on this kind of device are of its half precision; "" changes nothing."""
    if not kind:
        return nullcontext()
    import torch

    return torch.autocast(kind)


def library() -> Any:
    """The package ultralytics, told before its first import what it may do.

    It stays off the network and out of the home folder, installs nothing, keeps quiet, and refuses a checkpoint that
    holds other classes than those of models.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    if "YOLO_CONFIG_DIR" not in os.environ:
        settings = config.load().artifacts_dir / "ultralytics"
        settings.mkdir(parents=True, exist_ok=True)
        os.environ["YOLO_CONFIG_DIR"] = str(settings)
    from PIL import Image

    opened = Image.open
    import ultralytics

    Image.open = opened  # it puts its own there, for all of the process
    _safe()
    return ultralytics


def _safe() -> None:
    """Whoever imported ultralytics before, and whatever the environment says: checkpoints open without running code.

    Raises:
        ImportError: this version of ultralytics, or of torch, cannot do that.
    """
    from ultralytics.nn import tasks

    if not getattr(getattr(tasks, "_SafeLoad", None), "SUPPORTED", False):
        raise ImportError(
            "checkpoints could run code with these versions: pip install -U 'ultralytics>=8.4' 'torch>=2.6'"
        )
    tasks.SAFE_LOAD = True  # it reads the environment once, at its first import


def ask_yolo(model: Any, images: Sequence[np.ndarray], iou: float = 1.0, most: int = RAW, **options: Any) -> list[Raw]:
    """What an `ultralytics.YOLO` finds in pictures (h, w, 3) uint8 RGB, down to a score of 0.001.

    Args:
        model: opened through `library()`.
        images: of one size, otherwise the answer to one depends on the others.
        iou: above which it drops boxes itself; 1 keeps them all.
        most: answers to a picture.
        options: others of `predict`.
    """
    bgr = [np.ascontiguousarray(image[..., ::-1]) for image in images]
    results = model.predict(bgr, conf=LEAST, iou=iou, max_det=most, verbose=False, **options)
    parts = [(result.boxes.xyxy, result.boxes.conf, result.boxes.cls) for result in results]
    return [_raw(*part) for part in parts]


def ask_detr(model: Any, processor: Any, images: Sequence[np.ndarray]) -> list[Raw]:
    """What a detector of transformers finds in pictures (h, w, 3) uint8 RGB of one size, down to a score of 0.001."""
    import torch

    given = processor(images=list(images), input_data_format="channels_last", return_tensors="pt")
    with torch.inference_mode():
        output = model(**given.to(model.device))
    output.logits, output.pred_boxes = output.logits.float(), output.pred_boxes.float()  # places are finer than fp16
    sizes = [image.shape[:2] for image in images]
    results = processor.post_process_object_detection(output, threshold=LEAST, target_sizes=sizes)
    return [_raw(result["boxes"], result["scores"], result["labels"]) for result in results]


def kept(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, iou: float) -> np.ndarray:
    """Rows that class-wise non-maximum suppression keeps, best first, of equal scores the earlier first: (k,) int64."""
    import torch
    from torchvision.ops import batched_nms

    rows = batched_nms(*(torch.from_numpy(np.ascontiguousarray(part)) for part in (boxes, scores, labels)), iou)
    rows = np.sort(rows.numpy())
    return rows[np.argsort(-scores[rows], kind="stable")]


def _raw(boxes: Any, scores: Any, labels: Any) -> Raw:
    boxes, scores, labels = (part.detach().float().cpu().numpy() for part in (boxes, scores, labels))
    return boxes.astype(np.float32).reshape(-1, 4), scores.astype(np.float32), labels.astype(np.int64)


def _widened(image: np.ndarray) -> np.ndarray:
    """A strip with grey beneath or to the right of it; boxes stay where they are."""
    height, width = image.shape[:2]
    least = -(-max(height, width) // THIN)
    below, right = max(0, least - height), max(0, least - width)
    if not (below or right):
        return image
    return np.pad(image, ((0, below), (0, right), (0, 0)), constant_values=GREY)


def _tidy(raw: Raw, shape: tuple) -> Raw:
    boxes, scores, labels = raw
    boxes = boxes.clip(0, np.array([shape[1], shape[0]] * 2, np.float32))
    real = (boxes[:, :2] < boxes[:, 2:]).all(1) & (scores >= LEAST)
    boxes, scores, labels = boxes[real], scores[real], labels[real]
    best = kept(boxes, scores, labels, SAME)[:MOST]
    return boxes[best], scores[best], labels[best]
