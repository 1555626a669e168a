"""Who is known and who asks: a database of named photographs and the queries put to it."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from utils import config, datasets

MADE = ("latest", "random")  # splits that are made here
NAMED = 5  # individuals or images that a warning names


class Parts(NamedTuple):
    """Two manifests without a common image: photographs of known individuals, and those to be named."""

    database: pd.DataFrame
    queries: pd.DataFrame


def from_folders(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy whose identity is the label, for a folder with one folder a turtle (`datasets.image_folder`)."""
    datasets.need(frame, "label")
    return frame.assign(identity=frame["label"])


def parts(frame: pd.DataFrame, split: str = "closed", unknown: float = 0.0, each: int = 2, seed: int = 0) -> Parts:
    """Divide a manifest into the database and the queries.

    Args:
        frame: a manifest with identities. For an encoder that was tuned on a part of it leave that part out first.
        split: a published one: its test images ask (its validation images where it has no test) all others. For
            SeaTurtleID2022 (Adam et al. 2024) "closed" (by time: every individual's last encounters ask), "open" (some
            individuals are in no other part) and "closed_random" (image by image, which divides encounters). Or one made
            here: "latest", the last encounter of each individual asks; "random", `each` drawn photographs of each do,
            for photographs whose encounters are not known: queries taken minutes after a photograph of the database
            are easy, so that its figures are not those of another day.
        unknown: of "latest" and "random", the share of individuals, drawn, that the database does not have: all their
            photographs ask.
        each: of "random"; one photograph always stays in the database.
        seed: of the draws, which do not depend on the order of the rows.

    Returns:
        database and queries, each sorted by image_id. Whoever has but one encounter (with "random" one photograph)
        stays in the database, and a warning says so, as of images that were left out because they have no identity,
        no date or no split.

    Raises:
        ValueError: no identity, one individual only, an unknown split, a share outside [0, 1), each below 1, or no
            query, or fewer than two individuals in the database.
    """
    if not 0 <= unknown < 1 or each < 1:
        raise ValueError(f"unknown is {unknown}, each {each}: give a share in [0, 1) and a number from 1")
    if unknown and split not in MADE:
        raise ValueError(f"unknown is {unknown}, but '{split}' says itself who is unknown: leave it, or take {MADE}")
    frame = _with_identity(frame)
    frame = _dated(frame) if split == "latest" else frame
    if split in MADE:
        asks = _absent(frame, unknown, seed)
        rest = frame[~asks]
        asks = asks | frame.index.isin((_latest(rest) if split == "latest" else _drawn(rest, each, seed)).index)
    else:
        frame, asks = _published(frame, split)
    return _checked(Parts(frame[~asks].reset_index(drop=True), frame[asks].reset_index(drop=True)), split)


def validation(test: Parts, unknown: float = 1 / 3, each: int = 2, seed: int = 0) -> Parts:
    """The same task made of the database alone, to choose on: no query of the test takes part.

    By time ("latest") where every photograph of the database has an encounter and a date, by draw ("random") otherwise.
    Its database is smaller than the one that the choice is for.

    Args:
        test: of `parts`.
        unknown: share of the database's individuals that become unknown, so that a threshold can be chosen.
        each: see `parts`.
        seed: of the draws.

    Raises:
        ValueError: as `parts`.
    """
    dated = test.database["encounter"].notna().all() and _dates(test.database).notna().all()
    return parts(test.database, "latest" if dated else "random", unknown, each, seed)


def _with_identity(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows with an identity in the order of image_id, numbered."""
    datasets.need(frame, "image_id", "path", "identity", "encounter", "facts")
    known = frame["identity"].notna()
    if not known.any():
        raise ValueError(
            "no image has an identity: if every turtle has a folder of its own, pass from_folders(frame), else set the "
            "column identity"
        )
    if not known.all():
        _warn("images have no identity and are left out", frame["image_id"][~known])
    frame = frame[known].sort_values("image_id").reset_index(drop=True)
    if frame["identity"].nunique() < 2:
        raise ValueError(f"all images show {frame['identity'][0]}: it takes two individuals to mistake one for another")
    return frame


def _dated(frame: pd.DataFrame) -> pd.DataFrame:
    dated = frame["encounter"].notna() & _dates(frame).notna()
    if not dated.any():
        raise ValueError("no image has an encounter and a date (facts): without them only split='random' can be made")
    if not dated.all():
        _warn("images have no encounter or no date and are left out", frame["image_id"][~dated])
    return frame[dated].reset_index(drop=True)


def _dates(frame: pd.DataFrame) -> pd.Series:
    return pd.Series([(facts or {}).get("date") for facts in frame["facts"]], index=frame.index, dtype=object)


def _absent(frame: pd.DataFrame, unknown: float, seed: int) -> NDArray[np.bool_]:
    """Which rows show individuals that the database shall not have."""
    names = sorted(frame["identity"].unique())
    drawn = config.rng(seed, "unknown individuals").permutation(len(names))[: round(unknown * len(names))]
    return frame["identity"].isin([names[i] for i in drawn]).to_numpy()


def _latest(frame: pd.DataFrame) -> pd.DataFrame:
    """The last encounter of each individual that has two or more."""
    last = frame.assign(date=_dates(frame)).groupby(["identity", "encounter"], sort=True)["date"].min().reset_index()
    last = last.sort_values(["identity", "date", "encounter"]).groupby("identity")["encounter"].agg(["last", "size"])
    if len(single := last.index[last["size"] < 2]):
        _warn("individuals have one encounter only and ask nothing", single)
    last = last["last"][last["size"] > 1]
    return frame[frame["encounter"] == frame["identity"].map(last)]


def _drawn(frame: pd.DataFrame, each: int, seed: int) -> pd.DataFrame:
    """`each` photographs of each individual, or all but one."""
    chosen, single = [frame[:0]], []
    for name, own in frame.groupby("identity"):
        mixed = config.rng(seed, "queries", str(name)).permutation(len(own))
        chosen.append(own.iloc[mixed[: min(each, len(own) - 1)]])
        single += [name] if len(own) < 2 else []
    if single:
        _warn("individuals have one photograph only and ask nothing", single)
    return pd.concat(chosen)


def _published(frame: pd.DataFrame, split: str) -> tuple[pd.DataFrame, NDArray[np.bool_]]:
    """The rows that have a published split, and which of them ask."""
    try:
        frame = datasets.resplit(frame, split)
    except ValueError as error:
        raise ValueError(f"{error}, latest") from error
    placed = frame["split"].notna()
    if not placed.all():
        _warn(f"images have no split '{split}' and are left out", frame["image_id"][~placed])
    frame = frame[placed]
    asking = "test" if (frame["split"] == "test").any() else "val"
    return frame, (frame["split"] == asking).to_numpy()


def _checked(found: Parts, split: str) -> Parts:
    if empty := [name for name, part in zip(Parts._fields, found, strict=True) if part.empty]:
        raise ValueError(f"split '{split}' leaves no image for: {', '.join(empty)}")
    if len(names := found.database["identity"].unique()) < 2:
        raise ValueError(f"split '{split}' leaves {names[0]} alone in the database: nobody to be mistaken for")
    return found


def _warn(what: str, names: Iterable) -> None:
    names = [str(name) for name in names]
    shown = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
    warnings.warn(f"{len(names)} {what}: {shown}", stacklevel=4)
