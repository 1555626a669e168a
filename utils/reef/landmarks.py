"""Seventeen landmarks of a university town, in the spirit of the real ones: names, features, descriptions, solids.

Each stands on y = -0.75, looks along +z and is about two units wide. What makes it known is a part of its own,
named in FEATURES, so that captions speak of it only where it is seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from utils.reef import colleges, townscape
from utils.reef.solids import Solid

NAMES = {
    "all_souls": "All Souls College", "ashmolean": "the Ashmolean Museum", "balliol": "Balliol College", "bodleian": "the Bodleian Library",
    "christ_church": "Christ Church", "cornmarket": "Cornmarket Street", "hertford": "the Hertford Bridge", "jesus": "Jesus College",
    "keble": "Keble College", "magdalen": "Magdalen Tower", "new": "New College", "oriel": "Oriel College", "oxford": "the Oxford skyline",
    "pitt_rivers": "the Pitt Rivers Museum", "radcliffe_camera": "the Radcliffe Camera", "trinity": "Trinity College", "worcester": "Worcester College",
}  # fmt: skip
MATERIALS = {
    "all_souls": "pale stone", "ashmolean": "yellow stone", "balliol": "grey stone", "bodleian": "golden stone", "christ_church": "golden stone",
    "cornmarket": "plastered", "hertford": "yellow stone", "jesus": "pale stone", "keble": "red brick", "magdalen": "pale stone", "new": "grey stone",
    "oriel": "golden stone", "oxford": "pale stone", "pitt_rivers": "yellow stone", "radcliffe_camera": "golden stone", "trinity": "pale stone",
    "worcester": "yellow stone",
}  # fmt: skip
FEATURES = {  # the part that makes it known, and how one says it
    "all_souls": ("twin towers", "with twin towers"), "ashmolean": ("columns", "with tall columns"), "balliol": ("slate roof", "with a steep slate roof"),
    "bodleian": ("tiered tower", "with a tower of columns in tiers"), "christ_church": ("bell cap", "with a bell-shaped dome on a tower"),
    "cornmarket": ("shops", "with shops and awnings"), "hertford": ("bridge", "with a bridge over the road"), "jesus": ("curved gables", "with curved gables"),
    "keble": ("striped chapel", "with striped walls"), "magdalen": ("tall tower", "with one tall tower"), "new": ("city wall", "behind an old city wall"),
    "oriel": ("bay windows", "with round bay windows"), "oxford": ("spires", "with many spires"), "pitt_rivers": ("glass roof", "with a glass roof"),
    "radcliffe_camera": ("dome", "with a dome"), "trinity": ("blue gate", "behind a blue iron gate"), "worcester": ("lake", "by a lake"),
}  # fmt: skip
DESCRIPTIONS = {
    "all_souls": "two slender pale stone towers with pinnacles side by side above a low college with pointed windows, behind a green lawn",
    "ashmolean": "a wide yellow stone museum like a Greek temple, with steps, six tall columns under a triangular pediment, and a wing on either side",
    "balliol": "a grey stone college with a square gate tower under a pyramid roof, steep slate roofs, dormer gables and tall chimneys",
    "bodleian": "a golden stone library with a broad gate tower that has pairs of columns in five tiers, pinnacles and rows of windows on both sides",
    "christ_church": "a long golden stone front with two turrets and a tall octagonal gate tower that carries a grey bell-shaped dome",
    "cornmarket": "a shopping street: narrow houses in a row with coloured plaster, one of black timber and white plaster, shop windows and awnings",
    "hertford": "a covered stone bridge with three windows that spans a road in one wide arch between two yellow buildings",
    "jesus": "a long pale college front with a row of curved Dutch gables, square windows in three storeys and a green door",
    "keble": "a tall red brick chapel striped with white and dark bands, with buttresses, pinnacles, a steep roof and high pointed windows",
    "magdalen": "one very tall and slender pale stone bell tower with eight pinnacles beside low buildings and a stone bridge over water",
    "new": "a grey stone chapel with a plain square bell tower behind an old city wall with battlements and round bastions",
    "oriel": "a golden stone college with two round bay windows, shaped gables and a porch with statues on top of a wide flight of steps",
    "oxford": "the skyline of the town: many spires, towers and one dome rising over roofs and green trees",
    "pitt_rivers": "a museum hall under a steep pointed glass roof on iron ribs, with a gothic yellow stone front and a central tower",
    "radcliffe_camera": "a round golden stone library with a ring of columns, a balustrade and a large grey ribbed dome with a lantern on top",
    "trinity": "a pale chapel with arched windows and a square tower with statues on its corners, behind a blue wrought-iron gate and railings",
    "worcester": "a yellow stone college with a clock over an open arcade between two projecting wings, reflected in a lake in front of it",
}  # fmt: skip


@lru_cache(maxsize=64)
def landmark(name: str) -> tuple[Solid, ...]:
    """The solids of one landmark; a building is the same in every photograph."""
    return tuple(_BUILDERS[name]())


def build(attributes: Mapping, rng: np.random.Generator) -> list[Solid]:
    """As `scenes.build` asks: the landmark of attributes["name"], or any where none is named."""
    return list(landmark(attributes.get("name") or str(rng.choice(list(NAMES)))))


def wording(thing: Mapping, claim: dict, rng: np.random.Generator, level: str) -> str:
    """The noun phrase of a landmark; what it says is added to `claim`. The name is told at level "fine" only."""
    name, known = thing["attributes"]["name"], bool(thing["states"])
    if level == "coarse":
        return ("a building", "an old building")[int(rng.integers(2))]
    claim["material"] = thing["attributes"]["material"]
    words = f"a {claim['material']} building"
    if known:
        claim["states"] = sorted(thing["states"])
        words += " " + FEATURES[name][1]
    if level == "fine":
        claim["name"] = name
        words = f"{NAMES[name]}, {words}," if rng.random() < 0.5 else NAMES[name]
        if "," not in words:
            claim.pop("material")
            claim.pop("states", None)
    return words


_BUILDERS = {name: getattr(colleges, name, None) or getattr(townscape, name) for name in NAMES}
