"""Captioning: the sentences of a captioner in its own format, and how far they are true of the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.figures import figure
from utils.captions.captioner import said
from utils.captions.language_models import opened
from utils.reef import language, reading


def captions(folder: Path, images: Sequence[np.ndarray], batch: int = 50) -> list[str]:
    """A caption of the most likely words for each of n images (h, w, 3) uint8, by the files in `folder`."""
    writer, asked = opened(folder, "blip"), {"beams": 1, "temperature": None, "prompt": "", "most": 48}
    parts = [list(images[start : start + batch]) for start in range(0, len(images), batch)]
    return [text for part in parts for text in said(writer, part, asked)]


def judge(said: Sequence[str], truths: Sequence[Mapping]) -> list[dict[str, Any]]:
    """What captions say against what is seen.

    "main kind, recall": the picture's turtles, else its largest kind, are named. "kinds, precision": named kinds that
    are seen. "colours, precision": coloured things of a seen kind of which one has that colour. "turtle states":
    precision over all named states in pictures with a turtle, and recall over all seen ones in pictures with exactly one
    (the world's captions only count several). "all claims, share": every fact of the sentence holds.
    """
    tallies: dict[tuple[str, str], tuple[list[float], list[int]]] = {
        key: ([], []) for key in (
            ("main kind", "recall"), ("kinds", "precision"), ("colours", "precision"), ("turtle states", "precision"),
            ("turtle states", "recall"), ("all claims", "share"),
        )
    }  # fmt: skip
    for row, (sentence, truth) in enumerate(zip(said, truths, strict=True)):
        for key, values in compare(reading.read(sentence), truth).items():
            tallies[key][0].extend(values)
            tallies[key][1].extend([row] * len(values))
    return [figure(*key, values, groups) for key, (values, groups) in tallies.items()]


def compare(claims: Mapping, truth: Mapping) -> dict[tuple[str, str], list[float]]:
    """Right (1) or wrong (0) for each thing that a caption says or should say; keys as in `judge`."""
    seen = [thing for thing in truth["objects"] if thing["seen"]]
    things = claims.get("things", [])
    kinds, named = {thing["kind"] for thing in seen}, [thing["kind"] for thing in things]
    turtles = [thing for thing in seen if thing["kind"] == "turtle"]
    has = {state for thing in turtles for state in thing["states"]}
    says = {state for thing in things if thing["kind"] == "turtle" for state in thing.get("states", ())}
    groups = language._groups(seen)
    exact = [{**thing, "count": thing["count"] if isinstance(thing["count"], int) else 1} for thing in things]
    whole = "unknown" not in claims and language.satisfies({**claims, "things": exact}, truth)
    return {
        ("main kind", "recall"): [float(groups[0][0]["kind"] in named)] if groups else [],
        ("kinds", "precision"): [float(kind in kinds) for kind in named],
        ("colours", "precision"): [float(any(t["kind"] == thing["kind"] and t["attributes"].get("colour") == thing["colour"] for t in seen))
                                   for thing in things if "colour" in thing and thing["kind"] in kinds],
        ("turtle states", "precision"): [float(state in has) for state in sorted(says)] if turtles else [],
        ("turtle states", "recall"): [float(state in says) for state in sorted(has)] if len(turtles) == 1 else [],
        ("all claims", "share"): [float(whole)],
    }  # fmt: skip
