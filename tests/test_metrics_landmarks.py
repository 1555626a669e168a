"""Retrieval with junk, against lists worked by hand and a loop that walks down the ranking as Oxford's program does."""

import numpy as np
import pytest

from utils import metrics

LEVELS = metrics.LANDMARK_LEVELS


def lists(*rows, n):
    """(1, n) bool for each row of places."""
    return [np.isin(np.arange(n), row)[None] for row in rows]


def ranking(n):
    """Scores whose order is the gallery's."""
    return np.arange(n, 0, -1.0)[None]


def walked(order, positive, ignored):
    """Area under precision over recall, image by image down one ranking without ties."""
    total, found, shown, area, recall, precision = sum(positive), 0, 0, 0.0, 0.0, 1.0
    for j in order:
        if ignored[j]:
            continue
        shown, found = shown + 1, found + bool(positive[j])
        area += (found / total - recall) * (precision + found / shown) / 2
        recall, precision = found / total, found / shown
    return area


def shown(order, positive, ignored, k):
    """Share of positives among the first k, or down to the last positive where that comes earlier."""
    left = [bool(positive[j]) for j in order if not ignored[j]]
    last = max(place for place, hit in enumerate(left, 1) if hit)
    return sum(left[: min(k, last)]) / min(k, last)


def cases(count, seed=0):
    """Random (scores, good, ok, junk, own): an image on one list at most, some lists empty, no ties."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        m, n = rng.integers(1, 5), rng.integers(3, 16)
        mark = rng.choice(4, (m, n), p=rng.dirichlet((1, 1, 1, 2)))
        mark[0, :3] = (0, 1, 3)  # one query that every level counts
        own = (np.arange(n) == rng.integers(3, n + 1, (m, 1))).astype(bool)
        yield rng.permuted(np.tile(np.linspace(-1, 1, n), (m, 1)), axis=1), *(mark == i for i in range(3)), own


def expected(level, good, ok, junk, own):
    """Positives and what is ignored, as the revisited paper puts it in words."""
    positive = {"easy": good, "hard": ok}.get(level, good | ok)
    ignored = {"easy": junk | ok, "hard": junk | good}.get(level, junk)
    return (positive, ignored) if level == "original" else (positive & ~own, ignored | own)


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_equals_a_walk_down_the_ranking(level):
    for scores, good, ok, junk, own in cases(250):
        each = metrics.landmark_per_query(scores, good, ok, junk, level, own, ks=(1, 2, 5))
        positive, ignored = expected(level, good, ok, junk, own)
        orders = np.argsort(-scores, axis=1)
        assert list(each["query"]) == [i for i in range(len(scores)) if positive[i].any()]
        rows = [(orders[i], positive[i], ignored[i]) for i in each["query"]]
        np.testing.assert_allclose(each["AP"], [walked(*row) for row in rows])
        for k in (1, 2, 5):
            np.testing.assert_allclose(each[f"P@{k}"], [shown(*row, k) for row in rows])


def test_average_precision_worked_by_hand():
    good, ok, junk = lists([1, 4], [2], [0, 3], n=6)  # without junk: good, ok, good, nothing
    found = {
        level: metrics.landmark_retrieval(ranking(6), good, ok, junk, level, ks=(1, 2, 10))
        for level in ("easy", "medium", "hard")
    }
    assert [found[level]["mAP"] for level in found] == pytest.approx([1, 1, 1])
    good, ok, junk = lists([2], [4], [0], n=6)  # without junk: nothing, good, nothing, ok, nothing
    easy, medium, hard = (
        metrics.landmark_retrieval(ranking(6), good, ok, junk, level, ks=(1, 2, 10))
        for level in ("easy", "medium", "hard")
    )
    assert easy["mAP"] == pytest.approx((0 + 1 / 2) / 2)
    assert medium["mAP"] == pytest.approx(((0 + 1 / 2) / 2 + (1 / 3 + 2 / 4) / 2) / 2)
    assert hard["mAP"] == pytest.approx((0 + 1 / 3) / 2)  # the good one in front of it is gone
    assert (medium["mP@1"], medium["mP@2"], medium["mP@10"]) == (0, 1 / 2, 2 / 4)  # nothing counts behind the last
    assert metrics.landmark_retrieval(ranking(6), good, ok, junk, "original") == metrics.landmark_retrieval(
        ranking(6), good, ok, junk, "medium"
    )


def test_junk_is_out_of_the_ranking_wherever_it_stands():
    rng = np.random.default_rng(0)
    for scores, good, ok, junk, _ in cases(60, seed=1):
        moved = np.where(junk, rng.normal(0, 5, junk.shape), scores)
        one, other = (metrics.landmark_retrieval(s, good, ok, junk) for s in (scores, moved))
        assert one == other


def test_the_query_s_own_picture_counts_at_the_original_level_only():
    good, ok, junk, own = lists([0, 2], [], [], [0], n=3)
    found = {
        level: metrics.landmark_retrieval(ranking(3), good, ok, junk, level, own) for level in ("original", "easy")
    }
    assert found["original"]["mP@1"] == 1 and found["easy"]["mP@1"] == 0
    assert found["easy"]["mAP"] == pytest.approx((0 + 1 / 2) / 2)


def test_queries_without_a_positive_are_left_out_and_counted():
    scores, nothing = np.vstack([ranking(3)] * 3), np.zeros((3, 3), bool)
    good = np.array([[1, 0, 0], [0, 0, 0], [0, 1, 0]])
    found = metrics.landmark_retrieval(scores, good, nothing, nothing, "easy", ks=(1,))
    assert found == {"mAP": (1 + 1 / 4) / 2, "mP@1": 0.5, "n_queries": 2, "left_out": 1, "gallery_n": 3}
    assert metrics.landmark_per_query(scores, good, nothing, nothing, "easy")["query"].tolist() == [0, 2]
    with pytest.raises(ValueError, match="none of the 3 queries has a positive at level 'hard'"):
        metrics.landmark_retrieval(scores, good, nothing, nothing, "hard")


def test_a_perfect_ranking_scores_one_and_the_order_of_the_gallery_does_not_matter():
    rng = np.random.default_rng(0)
    for scores, good, ok, junk, own in cases(60, seed=2):
        mixed = rng.permutation(scores.shape[1])
        for level in LEVELS:
            perfect = metrics.landmark_retrieval(good + ok + scores / 4, good, ok, junk, level, own, ks=(1, 5))
            assert {perfect[name] for name in ("mAP", "mP@1", "mP@5")} == {1.0}
            plain, shuffled = (
                metrics.landmark_retrieval(*(part[:, order] for part in (scores, good, ok, junk)), level)
                for order in (slice(None), mixed)
            )
            assert plain == pytest.approx(shuffled)


def test_equal_scores_leave_a_positive_in_the_middle_of_the_others():
    for place in range(5):
        good, none = lists([place], [], n=5)
        each = metrics.landmark_per_query(np.zeros((1, 5)), good, none, none, "easy")
        assert each["AP"] == pytest.approx((0 + 1 / 3) / 2)  # as if third of five


def test_lists_of_names_become_marks_on_the_gallery():
    assert metrics.marked([["b", "a"], []], ["a", "b", "c"]).tolist() == [[True, True, False], [False] * 3]
    with pytest.raises(ValueError, match=r"1 images on the list of query 1 \(the first: x\)"):
        metrics.marked([["a"], ["a", "x"]], ["a", "b"])
    with pytest.raises(ValueError, match="1 names stand twice"):
        metrics.marked([["a"]], ["a", "a"])


ROW, NONE = np.zeros((1, 3)), np.zeros((1, 3), bool)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.zeros((0, 3)), NONE, NONE, NONE), "scores has shape"),
        (([[0.1, np.nan, 0]], NONE, NONE, NONE), r"scores\[0, 1\] is NaN"),
        ((ROW, NONE[:, :2], NONE, NONE), r"\(1, 3\), a list \(1, 2\)"),
        ((ROW, [[0, 1, 0]], [[0, 1, 0]], NONE), "image 1 stands on two lists of query 0"),
        ((ROW, [[0, 0.5, 0]], NONE, NONE), "must be bool"),
        ((ROW, [[1, 0, 0]], NONE, NONE, "simple"), "'simple': choose from easy, medium, hard, original"),
        ((ROW, [[1, 0, 0]], NONE, NONE, "easy", None, (0,)), "ks is"),
        ((ROW, [[1, 0, 0]], NONE, NONE, "easy", [[1, 0, 0]]), "none of the 1 queries"),
    ],
    ids=["empty", "NaN", "shape", "two lists", "grades", "level", "k", "own picture alone"],
)
def test_bad_input_is_refused(arguments, message):
    for metric in (metrics.landmark_retrieval, metrics.landmark_per_query):
        with pytest.raises(ValueError, match=message):
            metric(*arguments)


@pytest.mark.parametrize("name", ["oxford_buildings", "brueghel"])
def test_the_published_queries_fit(name):
    from utils import datasets

    queries, ids = datasets.queries(name), list(datasets.load(name)["image_id"])
    good, ok, junk = (metrics.marked(queries[mark], ids) for mark in ("good", "ok", "junk"))
    own = metrics.marked([[image_id] for image_id in queries["image_id"]], ids)
    levels = LEVELS if ok.any() else ("original", "easy")
    found = {level: metrics.landmark_retrieval(good - 0.1 * own, good, ok, junk, level, own) for level in levels}
    assert found["easy"]["mAP"] == 1 and found["easy"]["gallery_n"] == len(ids)
    assert found["original"]["n_queries"] == len(queries)
    if "hard" in found:
        assert found["hard"]["mAP"] < found["medium"]["mAP"] < 1
