"""Layouts: what each data set of ReefWorld holds (`plan`) and its native annotation files (`finish`), a module a layout.

`plan(seed, **sizes) -> list[Shot]`; `finish(folder, shots, truths)` writes the native files beside the photographs,
which lie there already. The order of LAYOUTS is part of every data set's seed: new ones go to the end.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from utils.reef.layouts import coco, refcocog, turtles
from utils.reef.layouts.common import Shot, captions_csv

LAYOUTS: dict[str, tuple[Callable[..., list[Shot]], Callable[[Path, list[Shot], list[dict]], None]]] = {
    "sea_turtles": (turtles.plan_sea_turtles, turtles.finish_sea_turtles),
    "roboflow_turtles": (turtles.plan_roboflow, turtles.finish_roboflow),
    "own_turtles": (turtles.plan_own, captions_csv),
    "coco": (coco.plan, coco.finish),
    "refcocog": (refcocog.plan, refcocog.finish),
}
