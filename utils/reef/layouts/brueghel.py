"""Brueghel: paintings of one workshop and the details that return in them, annotated as ArtMiner published them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from utils.reef import brushwork, paintings
from utils.reef.layouts.common import Shot, captions_csv, dump
from utils.reef.scenes import Scene

FOLDER = "Brueghel"
TOWNS = (
    "Amsterdam", "Antwerp", "Basel", "Berlin", "Bruges", "Brussels", "Budapest", "Cologne", "Dresden", "Edinburgh", "Florence", "Ghent",
    "Haarlem", "Leiden", "Lisbon", "London", "Lyon", "Madrid", "Milan", "Munich", "Naples", "Oslo", "Paris", "Prague", "Rome", "Stockholm",
    "The Hague", "Turin", "Utrecht", "Vienna", "Warsaw", "Zurich",
)  # fmt: skip
_TITLES = {
    "village": "Village Road",
    "valley": "Mountain Landscape",
    "river": "River Landscape",
    "winter": "Winter Landscape",
}
_SEEN, _PIXELS = 0.5, 150  # a detail is annotated if this share of it, and this area, is to be seen


def plan(seed: int, images: int) -> list[Shot]:
    """Compositions, each in one to five versions by different hands and in different media."""
    rng = np.random.default_rng([seed, 0xB8])
    shots: list[Shot] = []
    taken: set[str] = set()
    while len(shots) < images:
        scene = paintings.composition(int(rng.integers(2**40)))
        title = _title(scene, taken)
        copies = int(rng.choice([1, 2, 3, 4, 5], p=[0.30, 0.25, 0.20, 0.15, 0.10]))
        for town in sorted(rng.choice(TOWNS, copies, replace=False)):
            medium = str(rng.choice(brushwork.MEDIA, p=[0.50, 0.20, 0.15, 0.15]))
            copy = paintings.version(scene, int(rng.integers(2**40)), medium, str(rng.choice(list(brushwork.HANDS))))
            shots.append(Shot(copy, f"{FOLDER}/{title} ({town}).jpg"))
    return shots[:images]


def _title(scene: Scene, taken: set[str]) -> str:
    """What the picture shows, and a number if another composition is called so already."""
    plain = f"{_TITLES[scene.place]} with {scene.things[0].attributes['name'].title()}"
    title, number = plain, 2
    while title in taken:
        title, number = f"{plain} {number}", number + 1
    taken.add(title)
    return title


def finish(folder: Path, shots: list[Shot], truths: list[dict]) -> None:
    """brueghelTest.json: every annotated detail is a query once, the others of its motif are its `gt`; brueghelVal.json: two a motif."""
    details: dict[str, list[list]] = {}
    for truth in truths:
        for thing in truth["objects"]:
            if thing["attributes"]["pattern"] and thing["visible"] >= _SEEN and thing["area"] >= _PIXELS:
                box = [round(v) for v in thing["box_xyxy"]]
                details.setdefault(thing["attributes"]["name"], []).append([Path(truth["file"]).name, box])
    details = {name: found for name, found in sorted(details.items()) if len(found) > 1}
    queries = {
        name: [{"query": q, "gt": [d for d in found if d is not q]} for q in found] for name, found in details.items()
    }
    dump(folder / "brueghelTest.json", queries)
    dump(folder / "brueghelVal.json", {name: [items[0], items[len(items) // 2]] for name, items in queries.items()})
    captions_csv(folder, shots, truths)
