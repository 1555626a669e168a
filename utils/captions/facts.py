"""Captions against ReefWorld's exact truth: which of the facts they state hold, and which of those to be seen they state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from utils import metrics
from utils.reef import language, reading

ATTRIBUTES = ("stage", "species", "action")  # of turtles
VIEW = ("place", "clarity", "light")  # of the whole picture
COLUMNS = ["row", "fact", "measure", "value"]


def judged(sentences: Sequence[str], truths: Sequence[Mapping]) -> pd.DataFrame:
    """Every statement and every truth that a caption should state, right (1) or wrong (0).

    Args:
        sentences: n captions.
        truths: n dicts with `objects` and `facts`, or None where nobody knows, as `datasets.truth` gives them.

    Returns:
        One row a judgement: row (of the caption), fact, measure ("precision", "recall" or "share"), value. See `compare`.
    """
    found = [
        (row, *key, value)
        for row, (sentence, truth) in enumerate(zip(sentences, truths, strict=True))
        if truth is not None
        for key, values in compare(reading.read(sentence), truth).items()
        for value in values
    ]
    return pd.DataFrame(found, columns=COLUMNS)


def summary(judgements: pd.DataFrame, groups: Sequence[str] | None = None) -> pd.DataFrame:
    """Mean of each fact and measure with its interval: fact, measure, mean, ci_low, ci_high, n (judgements).

    Args:
        judgements: of `judged`.
        groups: a name a caption, such as the individual on its photograph; resampled as a whole. None: captions are.
    """
    rows = []
    for (fact, measure), part in judgements.groupby(["fact", "measure"], sort=False):
        rows.append({"fact": fact, "measure": measure, **_interval(part, groups), "n": len(part)})
    return pd.DataFrame(rows, columns=["fact", "measure", "mean", "ci_low", "ci_high", "n"])


def overall(judgements: pd.DataFrame, groups: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """All facts together: "precision" and "recall" of facts, and "all hold", the share of captions without a wrong one.

    Raises:
        ValueError: nothing was judged.
    """
    parts = {"precision": _of_facts(judgements, "precision"), "recall": _of_facts(judgements, "recall")}
    parts["all hold"] = judgements[judgements["fact"] == "all claims"]
    if empty := [name for name, part in parts.items() if part.empty]:
        raise ValueError(
            f"no {empty[0]} to report: none of the captions has a photograph of known truth, or none states a fact"
        )
    return {name: _interval(part, groups) for name, part in parts.items()}


def by_caption(judgements: pd.DataFrame, n: int) -> pd.DataFrame:
    """A row for each of n captions: precision (1 where it states nothing), recall, "all hold" and "names wrong".

    The last is 1 where a caption misses the main kind of its picture, or names a kind that is not there.
    """
    kinds = judgements[judgements["fact"].isin(["main kind", "kinds"])]
    named = kinds[(kinds["fact"] == "main kind") | (kinds["measure"] == "precision")]
    parts = {
        "precision": _of_facts(judgements, "precision").groupby("row")["value"].mean(),
        "recall": _of_facts(judgements, "recall").groupby("row")["value"].mean(),
        "all hold": judgements[judgements["fact"] == "all claims"].groupby("row")["value"].min(),
        "names wrong": 1 - named.groupby("row")["value"].min(),
    }
    table = pd.DataFrame({name: part.reindex(range(n)) for name, part in parts.items()})
    return table.fillna({"precision": 1.0, "recall": 1.0, "all hold": 1.0, "names wrong": 0.0})


def _interval(part: pd.DataFrame, groups: Sequence[str] | None) -> dict[str, float]:
    rows = part["row"].to_numpy(int)
    return metrics.bootstrap(
        part["value"].to_numpy(float), rows if groups is None else np.asarray(groups, object)[rows]
    )


def _of_facts(judgements: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Those of one measure, without whether the words are known."""
    return judgements[(judgements["measure"] == measure) & (judgements["fact"] != "words")]


def compare(claims: Mapping, truth: Mapping) -> dict[tuple[str, str], list[float]]:
    """Right (1) or wrong (0) for each thing that a caption says or should say.

    "main kind, recall": the picture's turtles, else its largest kind, are named. "kinds, precision": named kinds that
    are seen; "recall": seen kinds that are named. "counts": numbers from two up, of kinds that are seen. "colours": coloured
    things of a seen kind of which one has that colour. "turtle states": precision over all named states in pictures with a
    turtle, recall over all seen ones in pictures with exactly one (the world's captions only count several); so also the
    "turtle stage", "species" and "action". "place", "clarity" and "light" are those of the picture. "words, precision":
    whether every word means something. "all claims, share": every fact of the sentence holds and
    every word means something.
    """
    seen = [thing for thing in truth["objects"] if thing["seen"]]
    things = claims.get("things", [])
    kinds, named = {thing["kind"] for thing in seen}, [thing["kind"] for thing in things]
    groups = language._groups(seen)
    whole = "unknown" not in claims and language.satisfies({**claims, "things": []}, truth)
    whole = whole and all(_holds(thing, seen) for thing in things)
    return {
        ("main kind", "recall"): [float(groups[0][0]["kind"] in named)] if groups else [],
        ("kinds", "precision"): [float(kind in kinds) for kind in named],
        ("kinds", "recall"): [float(kind in named) for kind in sorted(kinds)],
        ("counts", "precision"): _counts(things, seen),
        ("colours", "precision"): _colours(things, seen),
        **_of_turtles(things, seen),
        **_of_the_view(claims, truth["facts"]),
        ("words", "precision"): [float("unknown" not in claims)],
        ("all claims", "share"): [float(whole)],
    }


def _holds(said: Mapping, seen: list) -> bool:
    """Whether so many things are seen of which all holds that is said; a turtle may have more states than are named."""
    named = said.keys() - {"kind", "count", "states"}
    fitting = sum(
        thing["kind"] == said["kind"]
        and all(thing["attributes"].get(key) == said[key] for key in named)
        and (set(said.get("states", ())) <= set(thing["states"]) if said.get("states") != [] else not thing["states"])
        for thing in seen
    )
    count = said["count"]
    return fitting >= 1 if count == 1 else fitting == count if isinstance(count, int) else fitting >= 2


def _counts(things: list, seen: list) -> list[float]:
    numbers = {kind: sum(thing["kind"] == kind for thing in seen) for kind in {thing["kind"] for thing in seen}}
    said = [
        (thing["kind"], thing["count"]) for thing in things if isinstance(thing["count"], int) and thing["count"] > 1
    ]
    return [float(numbers[kind] == count) for kind, count in said if kind in numbers]


def _colours(things: list, seen: list) -> list[float]:
    kinds = {thing["kind"] for thing in seen}
    return [
        float(any(t["kind"] == thing["kind"] and t["attributes"].get("colour") == thing["colour"] for t in seen))
        for thing in things
        if "colour" in thing and thing["kind"] in kinds
    ]


def _of_turtles(things: list, seen: list) -> dict[tuple[str, str], list[float]]:
    """States and attributes that are said of turtles, in pictures that show one; recall in pictures that show just one."""
    turtles = [thing for thing in seen if thing["kind"] == "turtle"]
    said = [thing for thing in things if thing["kind"] == "turtle"]
    has = {"states": {state for thing in turtles for state in thing["states"]}}
    says = {"states": {state for thing in said for state in thing.get("states", ())}}
    for name in ATTRIBUTES:
        has[name] = {thing["attributes"][name] for thing in turtles if name in thing["attributes"]}
        says[name] = {thing[name] for thing in said if name in thing}
    found = {}
    for name in has:
        found[f"turtle {name}", "precision"] = [float(v in has[name]) for v in sorted(says[name])] if turtles else []
        found[f"turtle {name}", "recall"] = (
            [float(v in says[name]) for v in sorted(has[name])] if len(turtles) == 1 else []
        )
    return found


def _of_the_view(claims: Mapping, facts: Mapping) -> dict[tuple[str, str], list[float]]:
    found = {}
    for name in VIEW:
        truly = facts.get(name)
        found[name, "precision"] = [float(claims[name] == truly)] if name in claims and truly is not None else []
        found[name, "recall"] = [float(claims.get(name) == truly)] if truly is not None else []
    return found
