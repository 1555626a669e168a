"""Casting: from a seed to the plan of a scene. What is met where, how often, in what light and from which side."""

from __future__ import annotations

import numpy as np

from utils.reef.kinds import ANIMALS, DEBRIS, KINDS
from utils.reef.overland import PLACES
from utils.reef.scenes import Scene, Thing
from utils.reef.turtle import SPECIES, STAGES, STATES
from utils.reef.underwater import BEDS

SITES = {  # depth in metres, clearest and murkiest water, usual beds
    "Blue Cove": ((2, 9), (0.02, 0.35), ("sand", "seagrass", "rocks")),
    "Coral Garden": ((4, 16), (0.02, 0.40), ("a reef", "sand", "open water")),
    "Harbour Mouth": ((3, 10), (0.35, 0.90), ("sand", "rocks", "open water")),
    "Seagrass Bay": ((1.5, 6), (0.10, 0.60), ("seagrass", "sand")),
    "Lantern Reef": ((12, 28), (0.05, 0.45), ("a reef", "rocks", "open water")),
    "Outer Bank": ((8, 25), (0.02, 0.30), ("open water", "rocks", "sand")),
}
ARCHIVE_COMPANY = 0.12  # the share of turtles in an archive that are not alone: most photographs show one animal
_SHAPES = ((208, 156), (208, 140), (192, 192), (156, 208))
_PLACE_KINDS = {  # what is often seen is named often
    "street": ("person", "car", "bus", "bicycle", "dog", "tree", "house", "car", "person", "truck", "motorbike", "train"),
    "room": ("person", "chair", "cat", "dog", "cup", "ball", "chair", "sofa", "table", "plant", "television"),
    "beach": ("person", "boat", "kite", "ball", "dog", "seabird", "boat", "airplane"),
    "park": ("person", "dog", "tree", "ball", "bicycle", "kite", "cat", "horse"), "snow": ("person", "dog", "house", "tree", "bus", "truck"),
    "kitchen": ("cup", "chair", "cat", "person", "bottle", "cup", "can", "table", "plant", "table"),
    "hills": ("house", "tree", "person", "kite", "dog", "car", "horse", "cow", "sheep", "cow", "sheep", "airplane", "train"),
    "bay": ("boat", "boat", "seabird", "boat", "airplane"),
}  # fmt: skip
_WILD = {"hills": ("deer",), "park": ("frog", "deer"), "snow": ("deer",)}  # what COCO has no category for
_FACING = ("crab", "mask", "starfish", "kite", "sofa", "television")  # the viewer, rather than to the side


def homes() -> dict[str, list[str]]:
    """Kinds that are met on land, each with the places where it belongs."""
    found: dict[str, list[str]] = {}
    for place, kinds in _PLACE_KINDS.items():
        for kind in dict.fromkeys(kinds + _WILD.get(place, ())):
            found.setdefault(kind, []).append(place)
    return found


def individual(seed: int, number: int) -> dict:
    """What stays the same in one turtle: species, markings; the stage of its first meeting."""
    rng = np.random.default_rng([seed, number, 0x1D])
    return {
        "species": str(rng.choice(list(SPECIES), p=[0.45, 0.35, 0.20])),
        "stage": str(rng.choice(list(STAGES), p=[0.10, 0.35, 0.55])),
        "individual": int(rng.integers(2**31)),
        "site": str(rng.choice(list(SITES))),
    }


def sea_scene(
    seed: int, site: str | None = None, subject: str | None = None, shape: tuple[int, int] | None = None, **fixed
) -> Scene:
    """A scene under water.

    Args:
        seed: decides everything that is not given.
        site: one of SITES.
        subject: "turtle", a kind, or None for whatever lives there; `empty=True` for water alone.
        shape: (width, height) in pixels.
        fixed: turtle=attributes, identity, encounter, states, empty, date, company (share of turtles not alone).
    """
    rng = np.random.default_rng([seed, 0x5CE])
    site = site or str(rng.choice(list(SITES)))
    depths, clear, beds = SITES[site]
    width, height = shape or _SHAPES[rng.choice(4, p=[0.45, 0.25, 0.15, 0.15])]
    camera = str(rng.choice(["level", "down", "up"], p=[0.60, 0.30, 0.10]))
    scene = Scene(
        seed, width, height, "sea", str(rng.choice(beds if rng.random() < 0.85 else BEDS)),
        str(rng.choice(["bright", "dim", "dark"], p=[0.68, 0.22, 0.10])), camera, float(rng.uniform(*clear)), float(rng.uniform(*depths)),
        bool(rng.random() < 0.04),
    )  # fmt: skip
    if scene.place == "open water" and camera == "down":
        scene.place = "sand"
    if fixed.get("empty"):
        things = []
    elif subject == "turtle":
        things = _turtle_and_company(rng, scene, fixed)
    else:
        things = _wildlife(rng, scene, subject)
    scene.things = things
    scene.facts = {"site": site, "date": fixed.get("date"), "encounter": fixed.get("encounter")}
    return scene


def _turtle_and_company(rng, scene: Scene, fixed: dict) -> list[Thing]:
    things, company = [_turtle(rng, scene, fixed)], fixed.get("company", ARCHIVE_COMPANY)
    if rng.random() < 0.18 * company:
        other = individual(int(rng.integers(2**31)), 0)
        other.pop("site")
        things.append(_turtle(rng, scene, {"turtle": other, "small": True}))
    for _ in range(rng.choice([0, 1, 2], p=[1 - company, 0.73 * company, 0.27 * company])):
        kind = str(rng.choice(DEBRIS if rng.random() < 0.45 else ANIMALS))
        things.append(_placed(rng, scene, kind, small=True))
    return _apart(rng, things, scene)


def _turtle(rng, scene: Scene, fixed: dict) -> Thing:
    attributes = dict(
        fixed.get("turtle") or {k: v for k, v in individual(int(rng.integers(2**31)), 0).items() if k != "site"}
    )
    actions = {"swimming": 0.55, "resting": 0.18, "surfacing": 0.10, "grazing": 0.17}
    if scene.place == "open water" or scene.camera == "up":
        actions = {"swimming": 0.75, "surfacing": 0.25}
    if scene.camera == "down":
        actions.pop("surfacing", None)
    shares = np.array(list(actions.values()))
    action = str(rng.choice(list(actions), p=shares / shares.sum()))
    states = fixed.get("states")
    if states is None:
        states = tuple(str(s) for s in rng.choice(STATES, rng.choice([0, 1, 2], p=[0.52, 0.42, 0.06]), replace=False))
    big = rng.uniform(0.16, 0.34) if not fixed.get("small") else rng.uniform(0.10, 0.18)
    if rng.random() < 0.15 and not fixed.get("small"):
        big = rng.uniform(0.34, 0.55)
    size = big * (0.55 + 0.45 * STAGES[attributes["stage"]])
    on_bed = action in ("resting", "grazing")
    x, y = (
        rng.uniform(0.30, 0.70),
        rng.uniform(0.62, 0.78) if on_bed else 0.2 if action == "surfacing" else rng.uniform(0.32, 0.66),
    )
    attributes["action"] = action
    attributes["above_bed"] = 0.02 if on_bed else float(rng.uniform(0.1, 0.5))
    turn = {"level": rng.uniform(0.02, 0.45), "down": rng.uniform(0.75, 1.45), "up": rng.uniform(-0.75, -0.15)}[
        scene.camera
    ]
    lean = rng.uniform(0.1, 0.5) if action == "surfacing" else rng.normal(0, 0.22)
    yaw = _heading(rng)
    roll = (
        rng.uniform(-np.pi, np.pi)
        if scene.camera == "down" and not on_bed
        else lean * (1 if abs(yaw) < np.pi / 2 else -1)
    )
    return Thing(
        "turtle", x, y, size, int(rng.integers(2**31)), attributes, states, yaw, float(turn), float(roll),
        float(np.clip(0.75 - 1.8 * size + rng.normal(0, 0.12), 0.02, 0.95)), fixed.get("identity"), fixed.get("encounter"),
    )  # fmt: skip


def _heading(rng) -> float:
    """Mostly side on, to the left or the right, now and then towards the camera."""
    side = rng.normal(0, 0.45) if rng.random() < 0.8 else -rng.uniform(0.8, 1.7)
    return float(side if rng.random() < 0.5 else np.pi - side)


def _wildlife(rng, scene: Scene, subject: str | None) -> list[Thing]:
    kinds = [subject] if subject else [str(rng.choice(ANIMALS if rng.random() < 0.55 else DEBRIS))]
    if rng.random() < 0.30:
        kinds *= int(rng.choice([2, 3], p=[0.7, 0.3]))
    while rng.random() < 0.35 and len(kinds) < 4:
        kinds.append(str(rng.choice(ANIMALS + DEBRIS)))
    return _apart(rng, [_placed(rng, scene, k, small=len(kinds) > 2) for k in kinds], scene)


def _placed(rng, scene: Scene, kind: str, small: bool = False) -> Thing:
    """Put a kind where it belongs in this scene and turn it as it would be seen."""
    spec = KINDS[kind]
    size = spec.size / 2 * rng.uniform(0.7, 1.35) * (0.68 if small else 1.0)
    bed = scene.setting == "sea" and scene.place != "open water" and scene.camera != "up"
    habit = "water" if spec.habit == "bed" and not bed else spec.habit
    y = {
        "water": rng.uniform(0.22, 0.72), "bed": rng.uniform(0.72, 0.88) if scene.camera == "level" else rng.uniform(0.25, 0.8),
        "surface": rng.uniform(0.12, 0.22), "ground": rng.uniform(0.45, 0.72), "table": rng.uniform(0.55, 0.85), "air": rng.uniform(0.12, 0.35),
    }[habit]  # fmt: skip
    pitch = {"level": rng.uniform(0.0, 0.35), "down": rng.uniform(0.7, 1.4), "up": rng.uniform(-0.6, -0.1)}[
        scene.camera
    ]
    if spec.flat and scene.camera == "level":
        pitch = rng.uniform(0.45, 1.0)
    if kind in ("crab", "mask", "bag", "kite", "person", "jellyfish", "octopus"):
        pitch = min(pitch, 0.55)
    roll = rng.normal(0, 0.12) if scene.setting == "land" or habit == "water" else rng.normal(0, 0.3)
    if scene.camera == "down" and kind not in ("jellyfish", "crab", "octopus"):
        roll = rng.uniform(-np.pi, np.pi)
    if spec.habit in ("ground", "table"):
        roll, pitch = 0.0, rng.uniform(0.05, 0.4)
    if kind == "airplane":
        pitch = rng.uniform(0.15, 0.55) * rng.choice([-1, 1])
    attributes = {"colour": str(rng.choice(spec.colours))} if spec.colours else {}
    yaw = rng.normal(0, 0.35) if kind in _FACING else _heading(rng)
    return Thing(kind, float(rng.uniform(0.18, 0.82)), float(y), float(size), int(rng.integers(2**31)), attributes, (), yaw, float(pitch), float(roll),
                 float(np.clip(0.8 - 1.5 * size + rng.normal(0, 0.15), 0.02, 0.95)))  # fmt: skip


def _apart(rng, things: list[Thing], scene: Scene) -> list[Thing]:
    """Move things until they cover one another little; the first stays where it is."""
    for i, thing in enumerate(things[1:], 1):
        for _ in range(12):
            far = [
                np.hypot((thing.x - o.x) * scene.width, (thing.y - o.y) * scene.height) / min(scene.width, scene.height)
                for o in things[:i]
            ]
            if all(f > 0.8 * (thing.size + o.size) for f, o in zip(far, things, strict=False)):
                break
            thing.x = float(rng.uniform(0.12, 0.88))
            thing.y = float(np.clip(thing.y + rng.normal(0, 0.06), 0.12, 0.9))
    return things


def land_scene(
    seed: int,
    place: str | None = None,
    shape: tuple[int, int] | None = None,
    subject: str | None = None,
    wild: bool = True,
) -> Scene:
    """A scene on land, as the photographs of COCO show it.

    Args:
        seed: decides everything that is not given.
        place: one of `overland.PLACES`.
        shape: (width, height) in pixels.
        subject: the kind that is shown for certain, or None for whatever belongs to the place.
        wild: whether frogs and deer may be met.
    """
    rng = np.random.default_rng([seed, 0x1A2D])
    place = place or str(rng.choice(PLACES))
    width, height = shape or _SHAPES[rng.choice(4, p=[0.40, 0.25, 0.15, 0.20])]
    indoors = place in ("room", "kitchen")
    light = str(rng.choice(["bright", "dim", "dark"], p=[0.70, 0.20, 0.10]))
    scene = Scene(seed, width, height, "land", place, light, grey=bool(rng.random() < 0.05))
    here = _PLACE_KINDS[place] + (_WILD.get(place, ()) if wild else ())
    kinds = [subject or str(rng.choice(here))]
    if rng.random() < 0.30:
        kinds *= int(rng.choice([2, 3], p=[0.75, 0.25]))
    while rng.random() < 0.45 and len(kinds) < 4:
        kinds.append(str(rng.choice(here)))
    close = len(kinds) == 1 and rng.random() < 0.5
    things = [_placed(rng, scene, k, small=len(kinds) > 2) for k in kinds]
    for thing in things:
        _stand(rng, thing, scene, close, indoors)
    scene.things = _apart(rng, things, scene)
    return scene


def _stand(rng, thing: Thing, scene: Scene, close: bool, indoors: bool) -> None:
    """Feet on the ground, larger the nearer; sometimes one close-up fills the picture."""
    spec = KINDS[thing.kind]
    if close:
        thing.size, thing.y, thing.x = (
            thing.size * rng.uniform(1.3, 2.2),
            rng.uniform(0.45, 0.65),
            rng.uniform(0.35, 0.65),
        )
        if thing.kind == "airplane":
            thing.y -= 0.18
        return
    if spec.habit in ("ground", "table", "bed"):
        near = rng.uniform(0.25, 1.0)
        thing.size *= (0.55 + 0.75 * near) * (1.15 if indoors else 1.0)
        foot = 0.60 + 0.36 * near
        thing.y = foot - spec.foot * thing.size * min(scene.width, scene.height) / scene.height
        thing.distance = 1 - near
    elif thing.kind == "boat":
        thing.y, thing.distance, thing.size = rng.uniform(0.33, 0.5), 0.9, thing.size * rng.uniform(0.5, 0.9)
    if scene.place == "bay" and spec.habit == "surface":
        thing.y = rng.uniform(0.58, 0.74)
