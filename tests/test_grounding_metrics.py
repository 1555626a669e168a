"""Grounding measured: right from which IoU, what proposals allow, kinds of sentences, crops, and causes of failures."""

import numpy as np
import pandas as pd
import pytest

from utils import detect, metrics
from utils.ground import failures
from utils.metrics import boxes

TRUE = [0, 0, 10, 10]


def random_boxes(rng, n, share_flat=0.0):
    start, size = rng.integers(0, 8, (n, 2)), rng.integers(1, 9, (n, 2))
    size[rng.random(n) < share_flat] = 0
    return np.hstack([start, start + size]).astype(float)


def naive_iou(a, b):
    """Counted in whole px."""
    inside = [{(x, y) for x in range(int(c[0]), int(c[2])) for y in range(int(c[1]), int(c[3]))} for c in (a, b)]
    union = len(inside[0] | inside[1])
    return len(inside[0] & inside[1]) / union if union else 0.0


# accuracy at several levels


def test_accuracies_and_the_mean_are_those_of_a_loop():
    rng = np.random.default_rng(0)
    for _ in range(100):
        n = int(rng.integers(1, 9))
        pred, true = random_boxes(rng, n, 0.2), random_boxes(rng, n)
        wanted = [naive_iou(*pair) for pair in zip(pred, true, strict=True)]
        assert boxes.overlaps(pred, true) == pytest.approx(wanted)
        found = boxes.grounding(pred, true, levels=(0.25, 0.5, 0.75))
        assert list(found) == ["acc@0.25", "acc@0.5", "acc@0.75", "mIoU"]
        for level in (0.25, 0.5, 0.75):
            assert found[f"acc@{level}"] == sum(value >= level for value in wanted) / n
        assert found["mIoU"] == pytest.approx(sum(wanted) / n)
        assert boxes.grounding(pred, true) == {key: found[key] for key in ("acc@0.5", "mIoU")}


@pytest.mark.parametrize(("level", "high"), [(0.25, 2.5), (0.5, 5), (0.75, 7.5)])
def test_a_box_of_exactly_the_level_is_right(level, high):
    pred = [[0, 0, 10, high], [0, 0, 10, high - 0.01], None]
    assert boxes.grounding(pred, [TRUE] * 3, levels=(level,))[f"acc@{level}"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("level", [0, -0.5, 1.01, np.nan])
def test_a_level_out_of_range_is_refused(level):
    with pytest.raises(ValueError, match="no level of IoU"):
        boxes.grounding([TRUE], [TRUE], levels=(level,))
    with pytest.raises(ValueError, match="no level of IoU"):
        boxes.proposal_recall([[TRUE]], [TRUE], at=level)


# proposals


def test_recall_of_proposals_is_that_of_a_loop():
    rng = np.random.default_rng(1)
    for _ in range(100):
        n = int(rng.integers(1, 7))
        true, several = random_boxes(rng, n), [random_boxes(rng, int(rng.integers(0, 4)), 0.2) for _ in range(n)]
        wanted = [max((naive_iou(b, t) for b in own), default=0.0) for own, t in zip(several, true, strict=True)]
        assert boxes.best_overlaps(several, true) == pytest.approx(wanted)
        assert boxes.proposal_recall(several, true) == sum(value >= 0.5 for value in wanted) / n
        assert boxes.proposal_recall(several, true, at=0.3) == sum(value >= 0.3 for value in wanted) / n


@pytest.mark.parametrize("none", [None, [], np.zeros((0, 4)), [[np.nan] * 4], [[3, 3, 3, 9]]])
def test_a_sentence_without_a_proposal_is_missed(none):
    assert boxes.best_overlaps([none, [TRUE]], [TRUE] * 2).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("several", "true", "message"),
    [
        ([[TRUE]], [TRUE] * 2, "1 sentences, but 2 true boxes"),
        ([], np.zeros((0, 4)), "true_boxes has shape"),
        ([[TRUE]], [[0, 0, 0, 5]], "without area"),
        ([[[0, 0, 5]]], [TRUE], "x0, y0, x1, y1"),
    ],
)
def test_bad_proposals_are_refused(several, true, message):
    with pytest.raises(ValueError, match=message):
        boxes.proposal_recall(several, true)


# by kind of sentence


def test_a_table_by_kind_is_that_of_a_loop_and_its_intervals_draw_images():
    rng = np.random.default_rng(2)
    for _ in range(20):
        n = int(rng.integers(3, 40))
        overlap, images = rng.random(n), rng.integers(0, 6, n).tolist()
        by = [[None, np.nan, "order", "size", "state"][i] for i in rng.integers(0, 5, n)]
        rows = boxes.grounding_table(overlap, images, by)
        assert [row["bin"] for row in rows] == sorted({name for name in by if isinstance(name, str)})
        for row in rows:
            own = [i for i in range(n) if by[i] == row["bin"]]
            right = [overlap[i] >= 0.5 for i in own]
            assert row["value"] == pytest.approx(np.mean(right)) and row["n"] == len(own)
            assert row["mIoU"] == pytest.approx(np.mean([overlap[i] for i in own]))
            assert row["images"] == len({images[i] for i in own})
            drawn = metrics.bootstrap(right, [images[i] for i in own])
            assert (row["ci_low"], row["ci_high"]) == (drawn["ci_low"], drawn["ci_high"])


def test_sentences_of_one_image_widen_the_interval():
    overlap, by = np.repeat([1.0, 0.0] * 10, 8), ["x"] * 160
    width = {}
    for name, images in (("alike", np.repeat(np.arange(20), 8)), ("apart", np.arange(160))):
        row = boxes.grounding_table(overlap, images, by)[0]
        width[name] = row["ci_high"] - row["ci_low"]
    assert width["alike"] > 2 * width["apart"]


def test_bins_have_an_order_and_may_be_numbers():
    rows = boxes.grounding_table([1, 1, 0.4], ["a", "b", "c"], [10, 9, 10])
    assert [row["bin"] for row in rows] == [9, 10]
    rows = boxes.grounding_table([1, 1, 0.4], ["a", "b", "c"], ["few", "many", "few"], order=["many", "none", "few"])
    assert [(row["bin"], row["value"]) for row in rows] == [("many", 1.0), ("few", 0.5)]
    assert boxes.grounding_table([0.4], ["a"], ["x"], level=0.4)[0]["value"] == 1.0
    assert boxes.grounding_table([0.4], ["a"], [None]) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([], [], []), "not empty"),
        (([1.0], ["a", "b"], ["x"]), "equal rows"),
        (([1.2], ["a"], ["x"]), "overlap holds 1.2"),
        (([np.nan], ["a"], ["x"]), "overlap holds nan"),
    ],
)
def test_a_bad_table_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        boxes.grounding_table(*given)


# crops


def test_crops_are_compared_as_in_a_loop():
    rng = np.random.default_rng(3)
    for _ in range(50):
        pred, true = rng.normal(size=(2, int(rng.integers(1, 6)), 4)).astype(np.float32)
        found = boxes.crop_likeness(pred, true)
        for i, (p, t) in enumerate(zip(pred.tolist(), true.tolist(), strict=True)):
            dot, a, b = (sum(x * y for x, y in zip(*pair, strict=True)) for pair in ((p, t), (p, p), (t, t)))
            assert found["crop_cosine"][i] == pytest.approx(dot / (a * b) ** 0.5)
            assert found["crop_distance"][i] == pytest.approx(
                sum((x - y) ** 2 for x, y in zip(p, t, strict=True)) ** 0.5
            )


def test_of_unit_vectors_the_distance_says_what_the_cosine_says():
    emb = np.random.default_rng(4).normal(size=(2, 30, 5))
    found = boxes.crop_likeness(*(emb / np.linalg.norm(emb, axis=2, keepdims=True)))
    assert found["crop_distance"] == pytest.approx(np.sqrt(2 - 2 * found["crop_cosine"]))
    same = boxes.crop_likeness(emb[0], emb[0])
    assert same["crop_cosine"] == pytest.approx(1) and (same["crop_cosine"] <= 1).all()
    assert not same["crop_distance"].any()


@pytest.mark.parametrize(
    ("pred", "true", "message"),
    [
        (np.ones((2, 3)), np.ones((1, 3)), r"\(2, 3\), true_emb \(1, 3\)"),
        (np.ones((0, 3)), np.ones((0, 3)), "pred_emb has shape"),
        ([[1.0, 0], [0, 0]], np.ones((2, 2)), "row 1 holds an embedding of length 0"),
        ([[np.nan, 0]], np.ones((1, 2)), "NaN"),
    ],
)
def test_bad_crops_are_refused(pred, true, message):
    with pytest.raises(ValueError, match=message):
        boxes.crop_likeness(pred, true)


# causes

OTHER, THIRD, NEAR = [20, 0, 30, 10], [40, 0, 50, 10], [0, 0, 10, 3]


@pytest.mark.parametrize(
    ("pick", "proposals", "label", "related", "why"),
    [
        ([0, 0, 10, 5], [TRUE], "cat", True, ""),  # of IoU 0.5 exactly; what it is called does not matter
        (OTHER, [OTHER, THIRD], "dog", True, "no proposal"),
        (OTHER, [], "dog", True, "no proposal"),
        (None, [TRUE], "", False, "no proposal"),
        ([np.nan] * 4, None, "", False, "no proposal"),
        (NEAR, [NEAR], "dog", False, "no proposal"),
        (OTHER, [OTHER, TRUE], "cat", True, "wrong class"),
        (NEAR, [NEAR, TRUE], "cat", True, "wrong class"),
        (NEAR, [NEAR, TRUE], "dog", True, "loose box"),
        (NEAR, None, "dog", True, "loose box"),
        (NEAR, None, "", True, "loose box"),
        (OTHER, [OTHER, TRUE], "Dog ", True, "relation ignored"),
        (OTHER, [OTHER, TRUE], "dog", False, "wrong instance"),
        (OTHER, None, "dog", False, "wrong instance"),
    ],
)
def test_the_first_cause_that_holds_is_named(pick, proposals, label, related, why):
    assert failures.cause(pick, TRUE, proposals, label, "dog", related) == why


def test_names_of_two_words_are_one_class():
    assert failures.cause(OTHER, TRUE, None, "fishing_net", "Fishing net", True) == "relation ignored"


def test_how_loose_a_box_may_be_is_a_setting():
    assert failures.cause(NEAR, TRUE, None, "dog", "dog", True, loose=0.31) == "relation ignored"
    with pytest.raises(ValueError, match=r"loose is 0.6"):
        failures.cause(NEAR, TRUE, None, "dog", "dog", True, loose=0.6)


def test_every_failure_has_a_cause_and_no_right_answer_has():
    rng = np.random.default_rng(5)
    n = 800
    pred, true = random_boxes(rng, n), random_boxes(rng, n)
    several = [random_boxes(rng, 3) for _ in range(n)]
    found = failures.causes(pred, true, several, rng.choice(["a", "b"], n), ["a"] * n, rng.random(n) < 0.5)
    for why, overlap, best in zip(found, boxes.overlaps(pred, true), boxes.best_overlaps(several, true), strict=True):
        assert (why == "") == (overlap >= 0.5)
        assert (why == "no proposal") == (overlap < 0.5 and best < 0.5)
    assert set(found) == {"", *failures.CAUSES}
    with pytest.raises(ValueError, match="give one a sentence"):
        failures.causes(pred, true, several[1:], ["a"] * n, ["a"] * n, [False] * n)


def test_what_is_really_in_a_box_counts_more_than_what_it_is_called():
    things = [{"box_xyxy": OTHER, "label": "cat"}, {"box_xyxy": TRUE, "label": "dog"}]
    assert failures.label_at([0, 0, 10, 9], things, "rock") == "dog"
    assert failures.label_at(NEAR, things, "rock") == "rock"
    assert failures.label_at(None, things) == "" and failures.label_at(TRUE, [], "rock") == "rock"
    assert failures.label_at(TRUE, [{"box_xyxy": TRUE, "label": "first"}, things[1]]) == "first"


def test_shares_are_of_the_failures_and_draw_images():
    found = ["", "wrong class", "wrong class", "no proposal", ""]
    table = failures.shares(found, ["a", "a", "b", "c", "d"])
    assert table["bin"].tolist() == list(failures.CAUSES) and table["value"].sum() == pytest.approx(1)
    row = table.set_index("bin").loc["wrong class"]
    assert (row["value"], row["n"], row["of_all"]) == (pytest.approx(2 / 3), 2, 0.4)
    drawn = metrics.bootstrap([1, 1, 0], ["a", "b", "c"])
    assert (row["ci_low"], row["ci_high"]) == (drawn["ci_low"], drawn["ci_high"])
    assert failures.shares(["", ""], ["a", "b"]).empty


@pytest.mark.parametrize(
    ("found", "message"), [([""], "1 causes, 2 images"), (["bad luck", ""], "unknown cause 'bad luck'")]
)
def test_bad_causes_are_refused(found, message):
    with pytest.raises(ValueError, match=message):
        failures.shares(found, ["a", "b"])


@pytest.fixture
def told():
    """Three answers, their words, candidates and manifest; the index is not that of the words."""
    facts = {"decides": "order", "rivals": 1}
    words = pd.DataFrame({
        "sentence_id": [7, 8, 9], "image_id": ["i", "i", "j"], "path": ["i.jpg", "i.jpg", "j.jpg"], "category": "dog",
        "box_xyxy": [TRUE, OTHER, TRUE], "facts": [facts, {"rivals": 1}, facts],
    })  # fmt: skip
    answers = pd.DataFrame({
        "sentence_id": [9, 7, 8], "image_id": ["j", "i", "i"], "path": ["j.jpg", "i.jpg", "i.jpg"],
        "box_xyxy": [[0, 0, 60, 60], OTHER, OTHER], "label": ["", "bush", "dog"],
    }, index=[5, 3, 4])  # fmt: skip
    found = {
        "i.jpg": detect.Found(np.array([TRUE, OTHER], np.float32), np.ones(2), ["dog", "bush"]),
        "j": detect.Found(),
    }
    frame = pd.DataFrame({"image_id": ["i", "j"], "boxes": [[{"box_xyxy": OTHER, "label": "dog"}], []]})
    return answers, words, found, frame


def test_answers_are_judged_beside_their_truth(told):
    answers, words, found, frame = told
    table = failures.judged(answers, words, found, [False, True, True], frame)
    assert table.index.tolist() == [5, 3, 4] and table["true_box"].tolist() == [TRUE, TRUE, OTHER]
    assert table["cause"].tolist() == ["no proposal", "relation ignored", ""]
    assert table["iou"].tolist() == pytest.approx([100 / 3600, 0, 1]) and table["best"].tolist() == [0, 1, 1]
    assert table["decides"].tolist() == ["order", "order", None] and table["rivals"].tolist() == [1, 1, 1]
    assert failures.judged(answers, words, found, [False, True, True])["cause"].tolist()[1] == "wrong class"


def test_a_method_without_candidates_is_judged_too(told):
    answers, words, _, frame = told
    table = failures.judged(answers, words, None, [False, True, True], frame)
    assert table["cause"].tolist() == ["wrong instance", "relation ignored", ""] and table["best"].isna().all()


def test_answers_without_truth_or_candidates_are_named(told):
    answers, words, found, _ = told
    with pytest.raises(ValueError, match="lack 1 answered sentences, such as 9"):
        failures.judged(answers, words[:2], found, [True] * 3)
    with pytest.raises(ValueError, match=r"no candidates are given for j.jpg"):
        failures.judged(answers, words, {"i.jpg": found["i.jpg"]}, [True] * 3)
