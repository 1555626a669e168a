"""Gatherings: scenes in which a thing has others of its kind beside it, so that naming the kind does not point it out."""

from __future__ import annotations

import numpy as np

from utils.reef import casting, underwater
from utils.reef.kinds import KINDS
from utils.reef.scenes import Scene, Thing

SHAPES = ((208, 156), (208, 144), (176, 176), (156, 208))
LAND = {  # subjects and company of each place
    "street": (("car", "person", "bus", "bicycle", "dog", "car"), ("car", "bus", "person", "bicycle", "dog", "tree")),
    "beach": (("person", "boat", "kite", "ball", "dog"), ("person", "boat", "ball", "dog", "chair")),
    "park": (("person", "dog", "bicycle", "kite", "ball", "cat"), ("person", "dog", "tree", "ball", "bicycle")),
    "room": (("chair", "cat", "person", "ball", "dog"), ("chair", "person", "cat", "dog", "ball")),
    "kitchen": (("cup", "bottle", "cup", "chair", "cat"), ("cup", "bottle", "chair", "cat", "can")),
    "snow": (("person", "dog", "bus"), ("person", "dog", "tree", "house")),
    "hills": (("car", "kite", "person", "dog", "bicycle"), ("person", "house", "tree", "dog", "car")),
}
SWIMMERS = ("turtle", "jellyfish", "shark", "dolphin", "ray", "seal", "bag")
DWELLERS = ("turtle", "crab", "starfish", "octopus", "bottle", "tyre", "can")
FACING = ("car", "bus", "dog", "cat", "bicycle", "shark", "dolphin", "seal", "turtle")  # a head or a front is seen
TROUBLES = ("net", "rope", "plastic", "barnacles", "algae")
REACH = {  # half extents towards the sides, up and down, in half lengths
    "person": (0.42, 1.0, 1.0), "dog": (1.0, 0.8, 0.7), "cat": (1.0, 0.85, 0.7), "car": (1.0, 0.4, 0.5), "bus": (1.0, 0.45, 0.6),
    "boat": (1.1, 1.0, 0.45), "chair": (0.6, 1.0, 1.0), "cup": (0.75, 0.7, 0.7), "ball": (0.9, 0.9, 0.9), "bicycle": (1.05, 0.55, 0.78),
    "tree": (0.7, 1.0, 1.0), "house": (0.95, 1.0, 0.9), "kite": (0.6, 0.9, 2.1), "bottle": (0.95, 0.4, 0.4), "can": (0.85, 0.5, 0.5),
    "turtle": (1.5, 0.8, 0.8), "dolphin": (1.15, 0.6, 0.55), "shark": (1.2, 0.65, 0.45), "jellyfish": (0.75, 0.9, 1.1), "octopus": (1.0, 1.0, 0.6),
    "crab": (1.1, 0.9, 0.45), "starfish": (1.0, 0.8, 0.8), "seal": (1.15, 0.55, 0.55), "bag": (0.75, 0.9, 0.7), "tyre": (1.0, 0.95, 0.95),
    "ray": (1.1, 0.8, 0.8),
}  # fmt: skip
LEAST = 0.013  # of the picture that a thing's extent covers
_TRIES = 40


def referring_scene(seed: int, shape: tuple[int, int] | None = None) -> Scene:
    """A scene of two to four things of one kind, mostly with things of other kinds: 60 % on land, 40 % under water.

    The light is good and the water clear. What is seen from its side has the attribute facing ("left" or "right").
    """
    rng = np.random.default_rng([seed, 0x2EF])
    width, height = shape or SHAPES[rng.choice(4, p=[0.5, 0.2, 0.1, 0.2])]
    scene = _on_land(rng, seed, width, height) if rng.random() < 0.6 else _under_water(rng, seed, width, height)
    kinds = _cast(rng, scene)
    colours = {kind: _palette(rng, kind) for kind in kinds}
    crowd, line = len(kinds), _horizon(scene)
    for kind in kinds:
        thing = _thing(rng, scene, kind, colours[kind], crowd)
        for attempt in range(_TRIES):
            _place(rng, scene, thing, max(0.98**attempt, 0.7), line)
            if all(_clear(scene, thing, other) for other in scene.things):
                scene.things.append(thing)
                break
    return scene


def _horizon(scene: Scene) -> float:
    """The row, as a share of the height, at which the land's photograph will have its horizon."""
    rng = np.random.default_rng([scene.seed, 0xF07])
    underwater.water_colour(rng, scene.depth, scene.turbidity)
    return float(rng.uniform(0.30, 0.62))


def _on_land(rng, seed: int, width: int, height: int) -> Scene:
    place = str(rng.choice(list(LAND), p=[0.24, 0.17, 0.19, 0.13, 0.13, 0.06, 0.08]))
    light = str(rng.choice(["bright", "dim"], p=[0.85, 0.15]))
    return Scene(seed, width, height, "land", place, light)


def _under_water(rng, seed: int, width: int, height: int) -> Scene:
    place = str(rng.choice(["sand", "rocks", "seagrass", "a reef", "open water"], p=[0.36, 0.14, 0.10, 0.12, 0.28]))
    camera = "down" if place == "sand" and rng.random() < 0.35 else "level"
    site = str(rng.choice(["Blue Cove", "Coral Garden", "Outer Bank"]))
    turbidity, depth = float(rng.uniform(0.02, 0.22)), float(rng.uniform(2, 9))
    scene = Scene(seed, width, height, "sea", place, "bright", camera, turbidity, depth)
    scene.facts = {"site": site}
    return scene


def _cast(rng, scene: Scene) -> list[str]:
    """Kinds in the order in which they take their places: the subject two to four times, then its company."""
    if scene.setting == "land":
        subjects, company = LAND[scene.place]
    else:
        subjects = company = SWIMMERS if scene.place == "open water" else DWELLERS + SWIMMERS[1:]
    subject = "turtle" if scene.setting == "sea" and rng.random() < 0.4 else str(rng.choice(subjects))
    kinds = [subject] * int(rng.choice([2, 3, 4], p=[0.42, 0.38, 0.20]))
    others = [kind for kind in dict.fromkeys(company) if kind != subject]
    for kind in rng.choice(others, int(rng.choice([0, 1, 2], p=[0.15, 0.60, 0.25])), replace=False):
        kinds += [str(kind)] * (2 if len(kinds) < 4 and rng.random() < 0.25 else 1)
    return kinds


def _palette(rng, kind: str) -> list[str]:
    """Two or three of the kind's colours, so that some are shared."""
    colours = KINDS[kind].colours if kind in KINDS else ()
    return [str(c) for c in rng.choice(colours, min(len(colours), int(rng.integers(2, 4))), replace=False)]


def _thing(rng, scene: Scene, kind: str, colours: list[str], crowd: int) -> Thing:
    small = {2: 0.85, 3: 0.72, 4: 0.64}.get(crowd, 0.58)
    if kind == "turtle":
        states = (str(rng.choice(TROUBLES)),) if rng.random() < 0.55 else ()
        thing = casting._turtle(rng, scene, {"small": True, "states": states})
        if scene.place == "open water" and thing.attributes["action"] in ("resting", "grazing"):
            thing.attributes["action"] = "swimming"
        thing.size = float(rng.uniform(0.14, 0.24)) * (0.75 if thing.attributes["stage"] == "hatchling" else 1.0)
    else:
        thing = casting._placed(rng, scene, kind)
        thing.size = KINDS[kind].size / 2 * small * float(rng.uniform(0.82, 1.25))
        if colours:
            thing.attributes["colour"] = str(rng.choice(colours))
    if scene.setting == "land" and kind in ("bottle", "can"):
        thing.pitch = float(rng.uniform(0.1, 0.4))
    if kind == "person":
        thing.yaw = float(rng.normal(0, 0.35)) + (np.pi if rng.random() < 0.4 else 0.0)
    thing.distance = float(np.clip(thing.distance, 0.05, 0.45)) if scene.setting == "sea" else thing.distance
    _turn(rng, scene, thing)
    return thing


def _turn(rng, scene: Scene, thing: Thing) -> None:
    """Side on, with the side in its attributes, where a front is seen and the camera looks level."""
    if thing.kind not in FACING or scene.camera == "down" or (thing.kind != "bicycle" and rng.random() < 0.1):
        return
    right = rng.random() < 0.5
    thing.yaw = float(rng.uniform(-0.45, 0.45)) + (0.0 if right else np.pi)
    thing.roll = float(np.clip(thing.roll, -0.3, 0.3)) if scene.setting == "sea" else 0.0
    thing.attributes["facing"] = "right" if right else "left"


def _place(rng, scene: Scene, thing: Thing, shrink: float, horizon: float) -> None:
    """Where its kind belongs: feet on the ground and larger the nearer, boats at the horizon, kites in the sky."""
    side, up, down = REACH[thing.kind]
    short = min(scene.width, scene.height)
    size = thing.size * shrink
    least = float(np.sqrt(LEAST * scene.width * scene.height / (2 * side * (up + down)))) / short
    habit = _habit(scene, thing)
    if habit == "ground":
        near, back = float(rng.uniform(0.15, 1.0)), max(0.60, horizon + 0.05)
        size = max(size * (0.66 + 0.6 * near), least)
        thing.y = back + (0.97 - back) * near - KINDS[thing.kind].foot * size * short / scene.height
        thing.distance = 1 - near
    else:
        low, high = {"surface": (horizon - 0.13, horizon - 0.05), "air": (0.16, 0.4), "bed": (0.62, 0.88), "top": (0.16, 0.26), "down": (0.12, 0.88)}.get(
            habit, (0.16, 0.78)
        )  # fmt: skip
        thing.y = float(rng.uniform(low, high))
        if habit in ("bed", "down"):
            size *= 0.8 + 0.4 * (thing.y - low) / (high - low)
        size = max(size, least)
    edge_x, top, bottom = side * size * short / scene.width, up * size * short / scene.height, down * size * short / scene.height  # fmt: skip
    thing.x = float(rng.uniform(min(edge_x + 0.01, 0.5), max(0.99 - edge_x, 0.5)))
    thing.y = float(np.clip(thing.y, min(top + 0.01, 0.5), max(0.99 - bottom, 0.5)))
    thing.size = float(size)
    if thing.kind == "boat":
        thing.y, thing.distance = horizon - bottom + float(rng.uniform(-0.07, 0.0)), 0.9


def _habit(scene: Scene, thing: Thing) -> str:
    action = thing.attributes.get("action")
    if scene.setting == "sea" and scene.camera == "down":
        return "down"
    if action:
        return {"resting": "bed", "grazing": "bed", "surfacing": "top"}.get(action, "water")
    habit = KINDS[thing.kind].habit
    if scene.setting == "land" and habit in ("table", "bed"):
        return "ground"
    return habit


def _clear(scene: Scene, thing: Thing, other: Thing) -> bool:
    """Whether the two hide next to nothing of each other."""
    a, b = _extent(scene, thing), _extent(scene, other)
    across = min(a[2], b[2]) - max(a[0], b[0])
    along = min(a[3], b[3]) - max(a[1], b[1])
    if across <= 0 or along <= 0:
        return True
    smaller = min((c[2] - c[0]) * (c[3] - c[1]) for c in (a, b))
    return across * along < 0.06 * smaller


def _extent(scene: Scene, thing: Thing) -> tuple[float, float, float, float]:
    side, up, down = REACH[thing.kind]
    if scene.camera == "down":
        side = up = down = max(side, up, down) * 0.9
    short = min(scene.width, scene.height) * thing.size
    x, y = thing.x * scene.width, thing.y * scene.height
    return x - side * short, y - up * short, x + side * short, y + down * short
