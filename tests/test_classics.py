"""The program that compares old methods with CLIP: what each part of it records."""

import numpy as np
import pytest

from models import classics
from utils import bylabel, classical, datasets, report

KNOWN = {"HSV": classical.HsvHistogram(size=32), "HOG": classical.Hog(size=32)}


@pytest.fixture
def results():
    return report.Results("classics", split="all")


def recorded(results, **fields):
    return [r for r in results.records if all(r[name] == value for name, value in fields.items())]


def test_every_method_has_its_costs(results):
    classics.costs(results, KNOWN, {"HSV": 2.5}, list(datasets.load("cifar10")["path"])[:4])
    assert len(results.records) == 3 * len(KNOWN) and all(r["value"] >= 0 for r in results.records)
    assert [r["value"] for r in recorded(results, metric="to learn")] == [2.5, 0.0]
    dimensions = [KNOWN[name].dim for name in KNOWN]
    assert [r["value"] for r in recorded(results, metric="memory of a picture")] == [4 * dim for dim in dimensions]


def test_by_label_all_sizes_and_what_all_candidates_would_give_are_recorded(results, monkeypatch):
    monkeypatch.setattr(classics, "TWO_STAGES", ("HSV",))
    monkeypatch.setattr(classics, "SLOTS", {})
    monkeypatch.setattr(classics, "DRAWS", 2)
    parts = bylabel.parts(datasets.load("cifar10").groupby("split", sort=False).head(60))
    classics.by_label(results, KNOWN, "cifar10", parts)
    assert {r["gallery_n"] for r in results.records} == {10, 30}
    assert {r["method"] for r in results.records} == {"HSV, two stages", "all candidates"}
    assert all(r["value"] == 1 for r in recorded(results, method="all candidates", metric="recall"))


def test_by_example_an_image_of_another_label_is_wrong(results):
    frame = datasets.load("cifar10").groupby("split", sort=False).head(40)
    classics.by_example(results, KNOWN, "cifar10", frame)
    chance, *_ = recorded(results, method="chance")
    assert 0 < chance["value"] < 0.4 < 1 and {r["method"] for r in results.records} == {*KNOWN, "chance"}


@pytest.mark.slow
def test_copies_ask_for_their_own_originals(results, monkeypatch):
    monkeypatch.setattr(classics, "COPY_FINDERS", tuple(KNOWN))
    monkeypatch.setattr(classics, "COPIED", 3)
    classics.near_duplicates(results, KNOWN, list(datasets.load("sea_turtles")["path"])[:20])
    assert {(r["n"], r["gallery_n"]) for r in results.records} == {(3, 15)}
    assert recorded(results, method="HSV", metric="mirrored")[0]["value"] == 1, "a mirror changes no colour"
    assert recorded(results, method="HSV", metric="grey")[0]["value"] < 1, "a grey copy has no colour left"


@pytest.mark.slow
def test_one_shot_detection_stands_beside_chance(results, monkeypatch):
    gallery = datasets.load("brueghel")
    queries = datasets.queries("brueghel").head(2)
    wanted = {name for query in queries.itertuples() for name in [query.image_id, *query.boxes]}
    few = gallery[gallery["image_id"].isin(wanted)].reset_index(drop=True)
    monkeypatch.setattr(datasets, "load", lambda *_, **__: few)
    monkeypatch.setattr(datasets, "queries", lambda *_, **__: queries)
    monkeypatch.setattr(classics, "LOOKED", ("HSV",))
    classics.one_shot(results, KNOWN)
    reachable = [r["value"] for r in recorded(results, metric="reachable")]
    precision = [r["value"] for r in recorded(results, metric="AP")]
    assert reachable[0] == reachable[1] > 0 and np.less_equal(precision, reachable).all()
