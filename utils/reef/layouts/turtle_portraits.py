"""A catalogue of turtle portraits in the layout of SeaTurtleID2022: individuals on two or three days, from above."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np

from utils.reef import casting
from utils.reef.layouts import turtles
from utils.reef.layouts.common import Shot, random_name
from utils.reef.portraits import meeting, portrait

DAYS, PHOTOS = (2, 3), (2, 3)  # fewest and most: days of an individual, photographs of a day
STRANGERS = 4  # every fourth individual is unknown in the open split


def plan(seed: int, individuals: int, images: int) -> list[Shot]:
    """Individuals on two or three days each, two or three portraits a day, `images` in all.

    Raises:
        ValueError: fewer than four images an individual, or more than nine.
    """
    least, most = (days * photos for days, photos in zip(DAYS, PHOTOS, strict=True))
    if not least * individuals <= images <= most * individuals:
        raise ValueError(f"{images} portraits of {individuals} individuals; give {least} to {most} of each")
    rng = np.random.default_rng([seed, 0xCA7])
    middle = sum(PHOTOS) / 2
    days = _dealt(rng, round(images / middle), individuals, *DAYS)
    photos = iter(_dealt(rng, images, int(days.sum()), *PHOTOS).tolist())
    return [
        shot
        for number, count in enumerate(days.tolist())
        for shot in _portraits(seed, number, [next(photos) for _ in range(count)])
    ]


def _dealt(rng, total: int, among: int, least: int, most: int) -> np.ndarray:
    """Numbers (among,) from `least` to `most`, neighbours, that sum to `total` as far as they can."""
    more = int(np.clip(total - least * among, 0, (most - least) * among))
    return least + (rng.permutation(among) < more).astype(int)


def _portraits(seed: int, number: int, photos: list[int]) -> list[Shot]:
    """All photographs of one individual: how many on each of its days."""
    rng = np.random.default_rng([seed, number, 0xCA7])
    turtle = casting.individual(seed, number)
    home, identity, day = turtle.pop("site"), f"p{number + 1:03d}", date(2015, 1, 1) + timedelta(int(rng.integers(900)))
    if turtle["stage"] == "hatchling":  # nobody keeps hatchlings in a catalogue
        turtle["stage"] = "juvenile"
    shots = []
    for i, count in enumerate(photos):
        site = home if rng.random() < 0.7 else str(rng.choice(list(casting.SITES)))
        met = meeting(int(rng.integers(2**40)), site, str(day), f"{identity}/{day}")
        turtle["action"] = str(rng.choice(["swimming", "resting"], p=[0.7, 0.3]))
        extra = {"identity": identity, "date": day, "meeting": i, "meetings": len(photos)}
        for _ in range(count):
            scene = portrait(int(rng.integers(2**40)), met, turtle, identity)
            shots.append(Shot(scene, f"images/{identity}/{random_name(rng)}.JPG", extra=extra))
        day += timedelta(int(rng.integers(20, 700)))
    return shots


def finish(folder: Path, shots: list[Shot], truths: list[dict]) -> None:
    """The files of `sea_turtles`."""
    turtles.finish_sea_turtles(folder, shots, truths, STRANGERS)
