"""What the detectors share: boxes of the training set, augmentation that keeps them, and mAP on fresh scenes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.task import Task, rows_of, scenes
from models.windows import cut, recoloured, through
from utils import metrics, reef
from utils.metrics.detection import match, mean_average_precision
from utils.reef import gatherings
from utils.reef.kinds import ANIMALS, DEBRIS, LAND
from utils.reef.layouts.refcocog import CATEGORIES
from utils.reef.world import in_parallel

if TYPE_CHECKING:
    import torch

SETTINGS = ("sea", "land")
NAMES = {kind: CATEGORIES[kind][1] for kind in ("turtle", *ANIMALS, *DEBRIS, *LAND)}  # as RefCOCOg has them
LABELS = {name: label for label, name in enumerate(NAMES.values())}
LEAST_AREA, LEAST_VISIBLE = 40.0, 0.25  # pixels; share of the thing
LARGE, PLAIN = 0.01, 0.5  # share of the picture; share of the thing that is visible
SIDE = 4.0  # pixels that both sides of a box must keep in a crop
GREY = 114 / 255  # round the picture, as ultralytics has it
Found = tuple[np.ndarray, np.ndarray, list[str]]  # boxes_xyxy (n, 4), scores (n,), names of the categories


class Detector(Task):
    """Photographs with boxes, drawn batch by batch; a subclass brings model, loss and native format.

    Only scenes of sea and land count whose things all have a category. Things of which next to nothing is seen are no
    targets.
    """

    def __init__(self, recipe: Mapping[str, Any], folder: Path, seed: int = 0):
        super().__init__(recipe, folder, seed)
        self.images, truths = scenes(folder)
        self.rows = np.array([row for row, truth in enumerate(truths) if usable(truth)], np.int64)
        if not len(self.rows):
            raise ValueError(f"{folder}: no scene of {' or '.join(SETTINGS)} whose things all have a category")
        edge = np.float32(self.images.shape[1])
        self.targets = [(labels, boxes / edge) for labels, boxes in map(targets, (truths[row] for row in self.rows))]
        self.size = len(self.rows)

    def batch(self, step: int, size: int, device: Any = "cpu") -> tuple[torch.Tensor, list, list]:
        """Pixels (B, 3, s, s) float32 in [0, 1]; for each image labels (n,) int64 and boxes (n, 4) float32.

        Boxes are centre and size as shares of the picture. The recipe's share of the batch are mosaics.
        """
        import torch

        rows = rows_of(step, size, self.size, self.seed)
        rng = np.random.default_rng((self.seed, 1, step))
        edge = self.recipe["architecture"]["image_size"]
        mosaics = round(self.recipe["augment"]["mosaic"] * len(rows))
        pixels, labels, boxes = self._views(rows[rng.permutation(len(rows))[mosaics:]], edge, rng, device)
        if mosaics:
            tiles = self._views(rng.integers(0, self.size, 4 * mosaics), edge // 2, rng, device)
            more = mosaic(*tiles)
            pixels, labels, boxes = torch.cat([pixels, more[0]]), labels + more[1], boxes + more[2]
        return pixels, labels, boxes

    def _views(
        self, rows: np.ndarray, edge: int, rng: np.random.Generator, device: Any
    ) -> tuple[torch.Tensor, list, list]:
        import torch

        images = torch.from_numpy(self.images[self.rows[rows]]).to(device)
        pixels, windows = augment(images, edge, rng, self.recipe["augment"])
        labels, boxes = [], []
        for row, window in zip(rows, windows, strict=True):
            kinds, corners = self.targets[row]
            moved, kept = through(corners, window, SIDE / edge)
            labels.append(torch.from_numpy(kinds[kept]).to(device))
            boxes.append(torch.from_numpy(moved[kept]).to(device))
        return pixels, labels, boxes


def mosaic(
    pixels: torch.Tensor, labels: list[torch.Tensor], boxes: list[torch.Tensor]
) -> tuple[torch.Tensor, list[torch.Tensor], list[torch.Tensor]]:
    """Every four views side by side as one of twice the edge (Bochkovskiy et al., YOLOv4, 2020); see `Detector.batch`."""
    import torch

    count, _, edge, _ = pixels.shape
    corners = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 1]], device=pixels.device)
    moved = [torch.cat([box[:, :2] + corners[i % 4], box[:, 2:]], 1) / 2 for i, box in enumerate(boxes)]
    quads = range(0, count, 4)
    joined = pixels.view(-1, 2, 2, 3, edge, edge).permute(0, 3, 1, 4, 2, 5).reshape(-1, 3, 2 * edge, 2 * edge)
    return joined, [torch.cat(labels[i : i + 4]) for i in quads], [torch.cat(moved[i : i + 4]) for i in quads]


def usable(truth: Mapping[str, Any]) -> bool:
    """Whether the scene is one of sea or land and every thing in it has a category."""
    return truth["facts"]["scene"] in SETTINGS and all(thing["kind"] in NAMES for thing in truth["objects"])


def targets(truth: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) int64 and boxes_xyxy (n, 4) float32 in pixels of what can be seen well enough to be learned."""
    seen = [t for t in truth["objects"] if t["visible"] >= LEAST_VISIBLE and t["area"] >= LEAST_AREA]
    labels = [LABELS[NAMES[thing["kind"]]] for thing in seen]
    return np.array(labels, np.int64), np.array([thing["box_xyxy"] for thing in seen], np.float32).reshape(-1, 4)


def augment(
    images: torch.Tensor, size: int, rng: np.random.Generator, options: Mapping[str, Any]
) -> tuple[torch.Tensor, np.ndarray]:
    """Zoom in or out, shift, stretch, mirror and recolour a batch at once, on the device where it lies.

    Args:
        images: (B, h, w, 3) uint8.
        size: edge of the result in pixels.
        rng: the batch's own generator.
        options: table `augment` of recipes.toml.

    Returns:
        (B, 3, size, size) float32 in [0, 1], and windows (B, 2, 2) float32 for `windows.through`.
    """
    count = len(images)
    zoom = np.exp(rng.uniform(*np.log(options["zoom"]), (count, 1)))
    stretch = np.exp(rng.uniform(-options["stretch"], options["stretch"], (count, 1)) * [1, -1] / 2)
    reach = stretch / zoom
    centre = rng.uniform(-1, 1, (count, 2)) * np.abs(1 - reach)
    reach[:, 0] *= np.where(rng.random(count) < options["mirror"], -1.0, 1.0)
    pixels, windows = cut(images, reach, centre, size, GREY)
    return recoloured(pixels, rng, options).clamp_(0, 1), windows


def fresh_scenes(count: int, seed: int, workers: int | None = None) -> tuple[list[dict], list[np.ndarray]]:
    """Truths and images (h, w, 3) uint8 of `count` gatherings from `seed` onwards, on which detectors are judged."""
    scenes = list(in_parallel(_judged, list(range(seed, seed + count)), workers, "evaluation images"))
    return [truth for truth, _ in scenes], [image for _, image in scenes]


def _judged(seed: int) -> tuple[dict, np.ndarray]:
    image, truth = reef.record(gatherings.referring_scene(seed), str(seed), "", masks=False)
    return truth, image


def evaluate(
    detect: Callable[[np.ndarray], Found], count: int, seed: int, draws: int = 1000, workers: int | None = None
) -> list[dict[str, Any]]:
    """mAP50 of a detector on `count` fresh scenes of the sort that RefCOCOg shows, with intervals over images.

    Args:
        detect: image (h, w, 3) uint8 RGB to what is found, down to low scores.
        count: number of scenes.
        seed: of the first one.
        draws: resamples.
        workers: processes that make the scenes, by default one a core.

    Returns:
        Two figures: of objects that cover at least 1 % of the picture and are at least half visible (others need not
        be found), and of all objects.
    """
    truths, images = fresh_scenes(count, seed, workers)
    return figures([detect(image) for image in images], truths, draws)


def figures(found: Sequence[Found], truths: Sequence[Mapping[str, Any]], draws: int = 1000) -> list[dict[str, Any]]:
    """The figures of `evaluate` from what was found in the images of `truths`."""
    label = dict(LABELS)
    detections = [
        (boxes, scores, np.array([label.setdefault(name, len(label)) for name in names], np.int64))
        for boxes, scores, names in found
    ]
    records = []
    for task, counts in (("objects of 1 % of the picture, half visible", _plain), ("all objects", _any)):
        objects = [_objects(truth, counts) for truth in truths]
        matches = match(detections, objects, len(label))

        def statistic(rows: np.ndarray, matches=matches) -> float:
            return mean_average_precision(matches, rows)

        interval = metrics.bootstrap(np.arange(len(truths)), n=draws, statistic=statistic)
        records.append({
            "task": task, "metric": "mAP50", "value": interval["mean"],
            "ci_low": interval["ci_low"], "ci_high": interval["ci_high"],
            "n": len(truths), "objects": int(matches.objects.sum()),
        })  # fmt: skip
    return records


def _objects(truth: Mapping[str, Any], counts: Callable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes_xyxy (m, 4), labels (m,) and whether each must be found (m,)."""
    things = truth["objects"]
    boxes = np.array([thing["box_xyxy"] for thing in things], np.float64).reshape(-1, 4)
    labels = np.array([LABELS[NAMES[thing["kind"]]] for thing in things], np.int64)
    return boxes, labels, np.array([counts(thing, truth["facts"]) for thing in things], bool)


def _plain(thing: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    return thing["visible"] >= PLAIN and thing["area"] >= LARGE * facts["width"] * facts["height"]


def _any(thing: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    return True
