"""Facts of captions: each statement is judged alone, and what a caption leaves out is missed."""

import pytest

from utils import datasets
from utils.captions import facts
from utils.reef import reading


@pytest.fixture(scope="module")
def turtle():
    """A photograph of one turtle and its truth."""
    frame = datasets.load("sea_turtles")
    return next(truth for truth in datasets.truth(frame) if sum(t["seen"] for t in truth["objects"]) == 1)


def of(sentence, truth):
    return facts.compare(reading.read(sentence), truth)


@pytest.mark.parametrize("name", ["coco", "sea_turtles", "own_turtles"])
def test_the_worlds_own_captions_state_nothing_wrong(name):
    frame = datasets.load(name).iloc[::8]
    told = datasets.captions(frame)
    truths = dict(zip(frame["image_id"], datasets.truth(frame), strict=True))
    table = facts.judged(list(told["caption"]), [truths[name] for name in told["image_id"]])
    wrong = table[(table["measure"] != "recall") & (table["value"] == 0)]
    assert wrong.empty, wrong


def test_each_statement_is_judged_alone(turtle):
    [seen] = [thing for thing in turtle["objects"] if thing["seen"]]
    other = "adult" if seen["attributes"]["stage"] == "juvenile" else "juvenile"
    found = of(f"a {other} {seen['attributes']['species']} turtle with a red crab", turtle)
    assert found["turtle stage", "precision"] == [0.0] and found["turtle species", "precision"] == [1.0]
    assert found["kinds", "precision"] == [1.0, 0.0] and found["main kind", "recall"] == [1.0]
    assert found["all claims", "share"] == [0.0] and found["words", "precision"] == [1.0]


def test_one_of_two_states_is_true_and_several_are_two_at_least(turtle):
    [seen] = [thing for thing in turtle["objects"] if thing["seen"]]
    truth = turtle | {"objects": [seen | {"states": ["algae", "rope"]}]}
    assert of("a turtle tangled in a rope", truth)["all claims", "share"] == [1.0]
    assert of("a turtle with a net on its shell", truth)["all claims", "share"] == [0.0]
    assert of("several turtles", truth)["all claims", "share"] == [0.0]


def test_what_is_left_out_is_missed(turtle):
    found = of("a crab", turtle)
    assert found["main kind", "recall"] == [0.0] and found["turtle species", "recall"] == [0.0]
    assert found["place", "recall"] == [0.0] and found["place", "precision"] == []


def test_numbers_count_from_two_and_for_seen_kinds(turtle):
    assert of("three turtles and two boats", turtle)["counts", "precision"] == [0.0]
    assert of("a turtle", turtle)["counts", "precision"] == []


def test_the_summary_has_an_interval_for_each_fact(turtle):
    table = facts.summary(facts.judged(["a turtle", "a gribble of nothing", ""], [turtle] * 3))
    assert set(table.columns) == {"fact", "measure", "mean", "ci_low", "ci_high", "n"}
    words = table[(table["fact"] == "words")].iloc[0]
    assert words["n"] == 3 and 0 < words["mean"] < 1
    assert facts.summary(facts.judged([], [])).empty


def test_all_facts_together_and_caption_by_caption(turtle):
    [seen] = [thing for thing in turtle["objects"] if thing["seen"]]
    species = seen["attributes"]["species"]
    said = [f"a {species} turtle", f"a {species} turtle with a crab", "a crab", "hm", "a boat"]
    table = facts.judged(said, [turtle] * 4 + [None])
    each = facts.by_caption(table, 5)
    assert list(each["precision"]) == [1.0, pytest.approx(2 / 3), 0.0, 1.0, 1.0]
    # The fourth misses the turtle; of the last one's picture nobody knows.
    assert list(each["names wrong"]) == [0.0, 1.0, 1.0, 1.0, 0.0]
    assert list(each["all hold"]) == [1.0, 0.0, 0.0, 0.0, 1.0] and each["recall"][2] == 0.0
    found = facts.overall(table)
    assert found["precision"]["mean"] == pytest.approx(4 / 6) and found["all hold"]["mean"] == 0.25
    assert found["recall"]["ci_low"] <= found["recall"]["mean"] <= found["recall"]["ci_high"]


def test_photographs_of_one_animal_are_resampled_together(turtle):
    table = facts.judged(["a turtle", "a crab"] * 20, [turtle] * 40)
    alone, together = (facts.overall(table, groups)["precision"] for groups in (None, ["one"] * 40))
    assert alone["ci_low"] < together["ci_low"] == together["mean"] == alone["mean"]


def test_where_nothing_is_known_nothing_is_reported():
    with pytest.raises(ValueError, match="no precision to report"):
        facts.overall(facts.judged(["a turtle"], [None]))
    assert facts.by_caption(facts.judged([], []), 2)["precision"].tolist() == [1.0, 1.0]
