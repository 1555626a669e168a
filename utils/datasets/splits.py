"""Splits: which images train, validate and test.

The default split keeps together whatever belongs together: all photos of one individual, of one encounter,
and all augmented copies of one upload. It is stratified by category and site, fixed by its seed, and does not
depend on the order of the rows: groups are ordered by a hash of their name, and dealt to the splits by
proportion.
"""

from __future__ import annotations

import hashlib
from collections import Counter

import pandas as pd

NAMES = ("train", "val", "test")
FRACTIONS = (0.7, 0.2, 0.1)


def resplit(
    frame: pd.DataFrame,
    by: str = "individual",
    seed: int = 0,
    fractions: tuple[float, float, float] = FRACTIONS,
) -> pd.DataFrame:
    """A copy of the manifest with another `split` column.

    Args:
        frame: a manifest of `load`, or several joined.
        by: "individual", the default split; "random", image by image, which leaks individuals and encounters
            and is kept to show by how much; or a split published with the data: "published", and for
            sea_turtles and turtle_portraits "closed" (by time, the same as "published"), "closed_random" and
            "open" (unseen individuals in val and test).
        seed: of "individual" and "random".
        fractions: of train, val and test for "individual" and "random".

    Raises:
        ValueError: an unknown name; the message lists the names these images have.
    """
    if by == "individual":
        split = split_by_group(frame, seed, fractions)
    elif by == "random":
        split = random_split(frame, seed, fractions)
    else:
        split = _published(frame, by)
    return frame.assign(split=split.astype(object))


def split_by_group(frame: pd.DataFrame, seed: int = 0, fractions: tuple[float, float, float] = FRACTIONS) -> pd.Series:
    """One of `NAMES` for every row; no group of `groups` is divided."""
    return _deal(frame, groups(frame), seed, fractions)


def random_split(frame: pd.DataFrame, seed: int = 0, fractions: tuple[float, float, float] = FRACTIONS) -> pd.Series:
    """One of `NAMES` for every row, image by image: leaks what `split_by_group` keeps together."""
    return _deal(frame, frame["image_id"], seed, fractions)


def groups(frame: pd.DataFrame) -> pd.Series:
    """For every row the name of its group: rows linked, also through others, by individual, encounter or source.

    Names of different data sets never meet. The name is the smallest image_id of the group.
    """
    parent: dict[tuple, tuple] = {}

    def find(node: tuple) -> tuple:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    links = [links_of(row) for row in frame.to_dict("records")]
    for image_id, keys in zip(frame["image_id"], links, strict=True):
        for key in keys:
            parent[find(key)] = find(("image", image_id))
    roots = [find(("image", image_id)) for image_id in frame["image_id"]]
    names: dict[tuple, str] = {}
    for root, image_id in zip(roots, frame["image_id"], strict=True):
        names[root] = min(image_id, names.get(root, image_id))
    return pd.Series([names[root] for root in roots], index=frame.index, dtype=object)


def links_of(row: dict) -> set[tuple[str, str, str]]:
    """(kind, data set, name) of everything that ties this image to others."""
    facts = row["facts"] or {}
    ties = {("source", facts.get("source"))}
    for thing in (row, *(facts.get("objects") or [])):
        ties |= {(kind, thing.get(kind)) for kind in ("identity", "encounter")}
    return {(kind, row["dataset"], name) for kind, name in ties if name is not None}


def _deal(frame: pd.DataFrame, group: pd.Series, seed: int, fractions: tuple[float, float, float]) -> pd.Series:
    """Deal whole groups to the splits, stratum after stratum, by Sainte-Lague's rule.

    Each group goes where (images so far + half of its own) / fraction is smallest. Neighbours in the order
    share a stratum, so every stratum is spread in proportion and the totals miss theirs by about one group at
    most.
    """
    if len(fractions) != len(NAMES) or min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-9:
        raise ValueError(f"fractions of {', '.join(NAMES)} must be >= 0 and sum to 1, found {fractions}")
    size, stratum = Counter(group), _strata(frame, group)
    order = sorted(size, key=lambda name: (_hash(seed, stratum[name]), _hash(seed, name)))
    open_splits = [(name, fraction) for name, fraction in zip(NAMES, fractions, strict=True) if fraction > 0]
    filled, chosen = dict.fromkeys(NAMES, 0), {}
    for name in order:
        half = size[name] / 2
        chosen[name] = min(open_splits, key=lambda item: (filled[item[0]] + half) / item[1])[0]
        filled[chosen[name]] += size[name]
    return pd.Series([chosen[name] for name in group], index=frame.index, dtype=object)


def _strata(frame: pd.DataFrame, group: pd.Series) -> dict[str, str]:
    """The commonest (data set, category, site) of each group, the smallest name if several are."""
    votes: dict[str, Counter] = {}
    for name, row in zip(group, frame.to_dict("records"), strict=True):
        site = (row["facts"] or {}).get("site")
        votes.setdefault(name, Counter())[f"{row['dataset']}|{row['category']}|{site}"] += 1
    return {name: min(counts, key=lambda text: (-counts[text], text)) for name, counts in votes.items()}


def _hash(seed: int, name: str) -> bytes:
    # surrogates stand for the bytes of a file's name that are not UTF-8
    return hashlib.blake2b(f"{seed}|{name}".encode(errors="surrogatepass"), digest_size=8).digest()


def _published(frame: pd.DataFrame, by: str) -> pd.Series:
    published = [(facts or {}).get("splits") or {} for facts in frame["facts"]]
    known = sorted({name for splits in published for name in splits})
    if by not in known:
        raise ValueError(f"unknown split '{by}'; known here: {', '.join(['individual', 'random', *known])}")
    return pd.Series([splits.get(by) for splits in published], index=frame.index, dtype=object)
