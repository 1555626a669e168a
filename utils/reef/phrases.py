"""Phrases of referring expressions: nouns, postures, and what is said before or after the noun."""

from __future__ import annotations

import re

import numpy as np

NOUNS = {
    "person": ("person",), "dog": ("dog",), "cat": ("cat",), "car": ("car",), "bus": ("bus",), "boat": ("boat",),
    "chair": ("chair",), "cup": ("cup", "mug"), "ball": ("ball", "beach ball"), "bicycle": ("bicycle", "bike"), "kite": ("kite",),
    "bottle": ("bottle",), "can": ("can", "drinks can"), "turtle": ("turtle", "turtle", "sea turtle"), "dolphin": ("dolphin",), "shark": ("shark",),
    "ray": ("ray", "stingray"), "jellyfish": ("jellyfish",), "octopus": ("octopus",), "crab": ("crab",), "starfish": ("starfish", "sea star"),
    "seal": ("seal",), "bag": ("plastic bag", "bag"), "tyre": ("tyre", "old tyre"), "tree": ("tree",), "house": ("house",),
}  # fmt: skip
POSTURES = {  # true of every one of its kind in this world; "" where nothing is
    "person": "standing", "dog": "standing", "cat": "standing", "car": "parked", "bus": "parked", "boat": "floating", "chair": "", "cup": "standing",
    "ball": "lying", "bicycle": "parked", "kite": "flying", "bottle": "lying", "can": "lying", "turtle": "", "dolphin": "swimming", "shark": "swimming",
    "ray": "gliding", "jellyfish": "drifting", "octopus": "", "crab": "sitting", "starfish": "lying", "seal": "swimming", "bag": "drifting",
    "tyre": "lying",
}  # fmt: skip
SHIRT = ("in a {} shirt", "wearing a {} shirt", "in {}", "with a {} top on", "dressed in {}")
NO_SHIRT = ("who is not wearing {}", "not dressed in {}", "who is not in {}", "without a {} shirt")
NO_COLOUR = ("that is not {}", "that isn't {}", "which is not {}")
ACTIONS = {
    "swimming": ("that is swimming", "swimming along", "that swims", "swimming"),
    "resting": ("that is resting", "resting", "lying still", "taking a rest"),
    "surfacing": ("that is surfacing", "coming up to breathe", "going up for air"),
    "grazing": ("that is grazing", "grazing", "that is feeding with its head down", "feeding"),
}
DOING = {"swimming": "swimming", "resting": "resting", "surfacing": "surfacing", "grazing": "grazing"}
NO_ACTION = ("that is not {}", "that isn't {}", "which is not {}")
STATES = {
    "net": ("with a net on its shell", "wrapped in a fishing net", "caught in a net", "covered by a net"),
    "rope": ("with a rope around its body", "tangled in a rope", "with rope wound around it"),
    "plastic": ("with plastic in its mouth", "biting a piece of plastic", "chewing on plastic"),
    "barnacles": ("with barnacles on its shell", "carrying barnacles", "with barnacles on it"),
    "algae": ("with algae on its shell", "overgrown with algae", "with an overgrown shell"),
    "hook": ("with a hook in its mouth", "caught on a hook"),
    "missing flipper": ("with a missing flipper", "that has lost a flipper"),
}
NO_STATE = {
    "net": ("without a net", "that is free of any net", "with no net on it"),
    "rope": ("without a rope", "with no rope around it", "that is not tangled in rope"),
    "plastic": ("without plastic in its mouth", "that is not biting plastic"),
    "barnacles": ("without barnacles", "with no barnacles on its shell"),
    "algae": ("without algae on its shell", "that is not overgrown with algae"),
    "hook": ("without a hook in its mouth",),
    "missing flipper": ("that has all its flippers",),
}
SIDES = {
    "left": ("on the left", "on the left side", "on the left hand side of the picture", "to the left"),
    "right": ("on the right", "on the right side", "on the right hand side of the picture", "to the right"),
    "top": ("at the top", "near the top of the picture", "in the upper part of the picture"),
    "bottom": ("at the bottom", "near the bottom of the picture", "in the lower part of the picture"),
}
FIRST = {
    "left": ("leftmost", "far left"),
    "right": ("rightmost", "far right"),
    "top": ("highest", "topmost"),
    "bottom": ("lowest",),
}
FARTHEST = {
    "left": ("farthest to the left", "furthest left", "on the far left"),
    "right": ("farthest to the right", "furthest right", "on the far right"),
    "top": ("highest up", "closest to the top of the picture"),
    "bottom": ("lowest down", "closest to the bottom of the picture"),
}
FROM = {
    "left": ("from the left", "from left", "counting from the left"),
    "right": ("from the right", "from right", "counting from the right"),
    "top": ("from the top",),
    "bottom": ("from the bottom",),
}
RANKS = {2: "second", 3: "third"}
SIZES = {"largest": ("largest", "biggest"), "smallest": ("smallest",)}
COMPARED = {"largest": ("larger", "bigger"), "smallest": ("smaller",)}
DEPTH = {
    "front": ("closest to the camera", "in the foreground", "nearest to the camera", "in front"),
    "back": ("farthest from the camera", "in the background", "furthest away", "farthest back"),
}
RELATIONS = {
    "left of": ("to the left of {}", "left of {}", "on the left of {}"),
    "right of": ("to the right of {}", "right of {}", "on the right of {}"),
    "above": ("above {}", "over {}"),
    "below": ("below {}", "underneath {}", "beneath {}"),
    "beside": ("next to {}", "beside {}", "close beside {}"),
}
NOT_BESIDE = ("not next to {}", "that is not next to {}", "that isn't beside {}")
DISTANCE = {
    "nearest": ("closest to {}", "nearest to {}", "nearest {}"),
    "farthest": ("farthest from {}", "furthest away from {}"),
}
_VEHICLES, _PETS = ("car", "bus", "bicycle"), ("dog", "cat")


def facing(kind: str) -> tuple[str, ...]:
    """Ways to say which way it is turned, with a place for "left" or "right"."""
    if kind in _VEHICLES:
        return ("facing {}", "heading to the {}", "pointing to the {}", "facing to the {}")
    if kind in _PETS:
        return ("facing {}", "looking to the {}", "facing to the {}", "that is turned to the {}")
    if kind == "turtle":
        return ("facing {}", "turned to the {}", "with its head to the {}")
    return ("facing {}", "swimming to the {}", "heading {}", "that swims to the {}")


def pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    """One of the options."""
    return options[int(rng.integers(len(options)))]


def fill(rng: np.random.Generator, options: tuple[str, ...], word: str) -> str:
    """One of the options with its word put in, and the article that the word wants."""
    return re.sub(r"\ba (?=[aeio])", "an ", pick(rng, options).format(word))


def article(words: str) -> str:
    """The article `a` or `an` before the words."""
    return "an" if words[0] in "aeio" else "a"


def clean(raw: str) -> str:
    """A sentence as RefCOCOg cleans it: lower case, words of letters and digits, apart by one space."""
    return " ".join(re.sub(r"[^a-z0-9\s]", "", raw.lower().replace("-", " ")).split())
