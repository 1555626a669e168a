"""Splits: nothing that belongs together is divided, proportions hold, and row order does not matter."""

import numpy as np
import pandas as pd
import pytest

from utils import datasets
from utils.datasets.splits import FRACTIONS, NAMES


def manifest(rows):
    """Rows as dicts of any manifest columns; the rest is None."""
    empty = dict.fromkeys(datasets.COLUMNS) | {
        "dataset": "d",
        "facts": {},
        "labels": [],
        "boxes": [],
        "captions": [],
    }
    filled = [empty | {"image_id": f"d/{i:05d}.jpg"} | row for i, row in enumerate(rows)]
    return pd.DataFrame(filled, columns=list(datasets.COLUMNS), dtype=object)


def herd(individuals=72, seed=0):
    """Photos of individuals, each met on several days at one of three sites, as unevenly as in the field."""
    rng = np.random.default_rng(seed)
    rows = []
    for who in range(individuals):
        site = ["reef", "bay", "harbour"][who % 3]
        for day in range(rng.integers(1, 6)):
            for _ in range(rng.integers(1, 8)):
                row = {"identity": f"t{who:03d}", "encounter": f"t{who:03d}/{day}", "category": "turtle"}
                rows.append(row | {"facts": {"site": site}})
    return manifest(rows)


def shares(split):
    return np.array([(split == name).mean() for name in NAMES])


@pytest.mark.parametrize("seed", range(5))
def test_no_individual_or_encounter_is_divided(seed):
    frame = herd().assign(split=lambda frame: datasets.split_by_group(frame, seed))
    assert frame.groupby("identity")["split"].nunique().max() == 1
    assert frame.groupby("encounter")["split"].nunique().max() == 1


def test_the_random_split_divides_most_individuals():
    frame = datasets.resplit(herd(), "random")
    assert (frame.groupby("identity")["split"].nunique() > 1).mean() > 0.5


@pytest.mark.parametrize("seed", range(5))
def test_proportions_are_met_within_one_group(seed):
    frame = herd()
    largest = frame["identity"].value_counts().max()
    off = np.abs(shares(datasets.split_by_group(frame, seed)) - FRACTIONS) * len(frame)
    assert off.max() <= largest
    assert np.abs(shares(datasets.random_split(frame, seed)) - FRACTIONS).max() * len(frame) <= 1


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("fact", ["category", "site"])
def test_every_category_and_site_is_spread_in_proportion(fact, seed):
    sizes = {"dog": 100, "cat": 40, "kite": 10}
    names = np.repeat(list(sizes), list(sizes.values()))
    rows = [{"category": name} if fact == "category" else {"facts": {"site": name}} for name in names]
    split = datasets.split_by_group(manifest(rows), seed)
    for name, n in sizes.items():
        assert np.abs(shares(split[names == name]) - FRACTIONS).max() * n <= 1.01


@pytest.mark.parametrize("by", ["individual", "random"])
def test_row_order_does_not_matter(by):
    frame = herd()
    shuffled = frame.sample(frac=1, random_state=3)
    first = datasets.resplit(frame, by, seed=1).set_index("image_id")["split"]
    second = datasets.resplit(shuffled, by, seed=1).set_index("image_id")["split"]
    assert first.equals(second[first.index])


@pytest.mark.parametrize("frame", [herd(), manifest([{}] * 100)], ids=["several sites", "one stratum"])
def test_the_seed_decides(frame):
    same = datasets.split_by_group(frame, 1) == datasets.split_by_group(frame, 1)
    other = datasets.split_by_group(frame, 1) == datasets.split_by_group(frame, 2)
    assert same.all() and not other.all()


def test_augmented_copies_of_one_source_stay_together():
    frame = manifest([{"facts": {"source": f"img{i // 3}"}} for i in range(90)])
    frame = datasets.resplit(frame)
    assert frame.groupby(frame["facts"].map(lambda facts: facts["source"]))["split"].nunique().max() == 1
    assert np.abs(shares(frame["split"]) - FRACTIONS).max() * 90 <= 3


def test_a_chain_of_shared_individuals_is_one_group():
    two = {"facts": {"objects": [{"identity": "a"}, {"identity": "b", "encounter": None}]}}
    rows = [{"identity": "a"}, two, {"identity": "b"}, {"identity": "c"}, {}]
    assert list(datasets.groups(manifest(rows))) == ["d/00000.jpg"] * 3 + ["d/00003.jpg", "d/00004.jpg"]


def test_equal_names_in_two_data_sets_are_two_groups():
    frame = manifest([{"identity": "t001"}, {"identity": "t001", "dataset": "e"}])
    assert datasets.groups(frame).nunique() == 2


def test_published_splits_are_found_by_name_and_absent_ones_stay_none():
    rows = [
        {"facts": {"splits": {"closed": "train", "open": "test"}}},
        {"facts": {"splits": {"closed": "val"}}},
        {},
    ]
    frame = manifest(rows)
    assert list(datasets.resplit(frame, "closed")["split"]) == ["train", "val", None]
    assert list(datasets.resplit(frame, "open")["split"]) == ["test", None, None]
    with pytest.raises(ValueError, match=r"unknown split 'published'; known here: individual, random, closed, open"):
        datasets.resplit(frame, "published")


def test_resplit_leaves_the_frame_it_was_given_alone():
    frame = herd()
    datasets.resplit(frame, "random")
    assert frame["split"].isna().all()


def test_fractions_may_leave_a_split_out_but_must_sum_to_one():
    frame = herd()
    assert set(datasets.split_by_group(frame, fractions=(0.5, 0.0, 0.5))) == {"train", "test"}
    with pytest.raises(ValueError, match=r"sum to 1"):
        datasets.split_by_group(frame, fractions=(0.7, 0.2, 0.2))


def test_one_image_and_none_are_split_too():
    assert list(datasets.split_by_group(manifest([{}]))) == ["train"]
    assert datasets.split_by_group(manifest([])).empty
