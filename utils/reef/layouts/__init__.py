"""Layouts: what each data set of ReefWorld holds (`plan`) and its native annotation files (`finish`), a module a layout.

`plan(seed, **sizes) -> list[Shot]`; `finish(folder, shots, truths)` writes the native files beside the photographs,
which lie there already. The order of LAYOUTS is part of every data set's seed: new ones go to the end.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from utils.reef.layouts import (
    artphoto,
    brueghel,
    cifar10,
    coco,
    fish31,
    oxford_buildings,
    refcocog,
    turtle_portraits,
    turtles,
    voc2007,
)
from utils.reef.layouts.common import Shot, captions_csv

LAYOUTS: dict[str, tuple[Callable[..., list[Shot]], Callable[[Path, list[Shot], list[dict]], None]]] = {
    "sea_turtles": (turtles.plan_sea_turtles, turtles.finish_sea_turtles),
    "roboflow_turtles": (turtles.plan_roboflow, turtles.finish_roboflow),
    "own_turtles": (turtles.plan_own, captions_csv),
    "coco": (coco.plan, coco.finish),
    "refcocog": (refcocog.plan, refcocog.finish),
    "fish31": (fish31.plan, captions_csv),
    "cifar10": (cifar10.plan, cifar10.finish),
    "voc2007": (voc2007.plan, voc2007.finish),
    "artphoto": (artphoto.plan, captions_csv),
    "oxford_buildings": (oxford_buildings.plan, oxford_buildings.finish),
    "brueghel": (brueghel.plan, brueghel.finish),
    "turtle_portraits": (turtle_portraits.plan, turtle_portraits.finish),
}
