"""Every metric against a naive loop, an outside library, a case worked by hand, and its limits."""

import math
import time
from fractions import Fraction
from itertools import pairwise, permutations

import numpy as np
import pytest

from utils import metrics

KS = (1, 2, 5, 10)


def cases(count, seed=0):
    """Random (scores, relevant): continuous, tied, all negative or constant; at least one relevant a row."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        m, n = rng.integers(1, 6), rng.integers(1, 14)
        scores = [
            rng.normal(size=(m, n)),
            rng.integers(0, 4, (m, n)) / 4,
            -rng.integers(1, 5, (m, n)) / 8,
            np.full((m, n), -0.25),
        ][i % 4].astype([np.float32, np.float64][i % 2])
        relevant = rng.random((m, n)) < rng.choice([0.1, 0.4, 0.9])
        relevant[np.arange(m), rng.integers(0, n, m)] = True
        yield scores, relevant


def naive_places(scores, relevant):
    """Item by item: irrelevant ones above count 1, equal ones 1/2, and earlier relevant ones 1."""
    items = sorted((j for j in range(len(scores)) if relevant[j]), key=lambda j: -scores[j])
    places = []
    for before, j in enumerate(items):
        place = 1.0 + before
        for other in range(len(scores)):
            if not relevant[other]:
                place += 1.0 if scores[other] > scores[j] else 0.5 if scores[other] == scores[j] else 0.0
        places.append(place)
    return places


def naive_retrieval(scores, relevant, ks):
    rows = [naive_places(s, r) for s, r in zip(scores, relevant, strict=True)]
    first = [row[0] for row in rows]
    mean = lambda values: sum(values) / len(values)  # noqa: E731
    middle = sorted(first)[(len(first) - 1) // 2] + sorted(first)[len(first) // 2]
    found = {
        "mean_rank": mean(first), "median_rank": middle / 2, "MRR": mean([1 / place for place in first]),
        "mAP": mean([mean([(i + 1) / place for i, place in enumerate(row)]) for row in rows]),
        "n_queries": len(scores), "gallery_n": len(scores[0]),
    }  # fmt: skip
    for k in ks:
        found[f"R@{k}"] = mean([place <= k for place in first])
        found[f"recall@{k}"] = mean([mean([place <= k for place in row]) for row in rows])
    return found


# retrieval


def test_retrieval_equals_a_naive_loop():
    for scores, relevant in cases(400):
        assert metrics.retrieval(scores, relevant, KS) == pytest.approx(naive_retrieval(scores, relevant, KS))


def test_first_ranks_equal_a_naive_loop():
    for scores, relevant in cases(400, seed=1):
        naive = [naive_places(s, r)[0] for s, r in zip(scores, relevant, strict=True)]
        np.testing.assert_allclose(metrics.first_ranks(scores, relevant), naive)


def test_retrieval_equals_torchmetrics_on_shifted_scores():
    import torch
    from torchmetrics.functional.retrieval import (
        retrieval_average_precision,
        retrieval_hit_rate,
        retrieval_recall,
        retrieval_reciprocal_rank,
    )

    rng = np.random.default_rng(0)
    for _ in range(40):
        scores = rng.permuted(np.tile(np.linspace(-1, 1, 12), (4, 1)), axis=1)
        relevant = rng.random((4, 12)) < 0.3
        relevant[:, 0] = True
        rows = [(torch.tensor(s + 2), torch.tensor(r)) for s, r in zip(scores, relevant, strict=True)]
        theirs = {
            "MRR": np.mean([float(retrieval_reciprocal_rank(*row)) for row in rows]),
            "mAP": np.mean([float(retrieval_average_precision(*row)) for row in rows]),
            "R@5": np.mean([float(retrieval_hit_rate(*row, top_k=5)) for row in rows]),
            "recall@5": np.mean([float(retrieval_recall(*row, top_k=5)) for row in rows]),
        }
        ours = metrics.retrieval(scores, relevant)
        assert {name: ours[name] for name in theirs} == pytest.approx(theirs, abs=1e-6)


def test_retrieval_worked_by_hand():
    scores = [[0.9, 0.8, 0.1, -0.2], [-0.9, -0.2, -0.1, -0.5]]  # relevant at 2 and 4; at 2
    relevant = [[False, True, False, True], [False, True, False, False]]
    assert metrics.retrieval(scores, relevant, ks=(1, 2)) == {
        "R@1": 0.0, "recall@1": 0.0, "R@2": 1.0, "recall@2": 0.75, "mean_rank": 2.0, "median_rank": 2.0,
        "MRR": 0.5, "mAP": 0.5, "n_queries": 2.0, "gallery_n": 4.0,
    }  # fmt: skip


def test_a_tie_takes_the_middle_rank_wherever_the_relevant_item_stands():
    for place in range(5):
        relevant = np.arange(5)[None] == place
        assert metrics.first_ranks(np.zeros((1, 5)), relevant) == [3.0]


def test_relevant_items_of_equal_score_do_not_hinder_each_other():
    found = metrics.retrieval([[0.5, 0.5, 0.1]], [[True, True, False]], ks=(1, 2))
    assert (found["R@1"], found["recall@2"], found["mAP"]) == (1.0, 1.0, 1.0)


def test_a_perfect_model_scores_one():
    rng = np.random.default_rng(0)
    relevant = rng.random((30, 40)) < 0.2
    relevant[:, 0] = True
    found = metrics.retrieval(relevant - 2.0, relevant)
    assert found["R@1"] == found["MRR"] == found["mAP"] == found["mean_rank"] == 1.0


def test_one_relevant_item_makes_map_equal_mrr():
    for scores, relevant in cases(40):
        single = relevant & (relevant.cumsum(axis=1) == 1)
        found = metrics.retrieval(scores, single)
        assert found["mAP"] == pytest.approx(found["MRR"])


def test_the_order_of_queries_and_items_does_not_matter():
    rng = np.random.default_rng(0)
    for scores, relevant in cases(40):
        rows, columns = rng.permutation(len(scores)), rng.permutation(scores.shape[1])
        mixed = metrics.retrieval(scores[rows][:, columns], relevant[rows][:, columns])
        assert mixed == pytest.approx(metrics.retrieval(scores, relevant))


def test_k_beyond_the_gallery_counts_all_of_it():
    found = metrics.retrieval([[0.1, 0.2]], [[True, False]], ks=(50,))
    assert (found["R@50"], found["recall@50"]) == (1.0, 1.0)


def test_hit_rate_and_recall_differ_with_several_relevant_items():
    found = metrics.retrieval([[3, 2, 1, 0]], [[True, False, True, True]], ks=(1,))
    assert (found["R@1"], found["recall@1"]) == (1.0, pytest.approx(1 / 3))


def test_a_query_without_a_relevant_item_is_named_or_skipped():
    scores, relevant = np.eye(3), np.diag([True, False, True])
    with pytest.raises(ValueError, match="1 of 3 queries .*the first: 1"):
        metrics.retrieval(scores, relevant)
    assert metrics.retrieval(scores, relevant, no_relevant="skip")["n_queries"] == 2
    assert len(metrics.per_query(scores, relevant, no_relevant="skip")["AP"]) == 2
    with pytest.raises(ValueError, match="3 of 3 queries"):
        metrics.retrieval(scores, np.zeros((3, 3), bool), no_relevant="skip")
    with pytest.raises(ValueError, match="'ignore'"):
        metrics.retrieval(scores, relevant, no_relevant="ignore")


@pytest.mark.parametrize(
    ("scores", "relevant", "message"),
    [
        (np.zeros((0, 3)), np.zeros((0, 3), bool), "scores has shape"),
        (np.zeros((3, 0)), np.zeros((3, 0), bool), "scores has shape"),
        (np.zeros(3), np.ones(3, bool), "scores has shape"),
        ([[0.1, np.nan]], [[True, False]], r"scores\[0, 1\] is NaN"),
        ([[0.1, 0.2]], [[True, False, False]], "must be equal"),
        ([[0.1, 0.2]], [[0.5, 1.0]], "must be bool"),
    ],
    ids=["no query", "no item", "one axis", "NaN", "shapes", "grades"],
)
def test_bad_input_is_refused(scores, relevant, message):
    for metric in (metrics.retrieval, metrics.per_query, metrics.first_ranks):
        with pytest.raises(ValueError, match=message):
            metric(scores, relevant)


def test_k_starts_at_one():
    with pytest.raises(ValueError, match="ks is"):
        metrics.retrieval([[1.0]], [[True]], ks=(0, 1))
    with pytest.raises(ValueError, match="ks is"):
        metrics.chance([[True]], ks=(0, 1))


def test_retrieval_is_the_mean_of_what_per_query_gives():
    for scores, relevant in cases(40):
        each, found = metrics.per_query(scores, relevant, KS), metrics.retrieval(scores, relevant, KS)
        names = {"rank": "mean_rank", "RR": "MRR", "AP": "mAP"}
        for name, values in each.items():
            assert values.shape == (len(scores),)
            assert found[names.get(name, name)] == pytest.approx(values.mean())


# chance


def test_chance_is_the_mean_over_all_orders():
    for n, r in [(1, 1), (4, 1), (5, 2), (5, 5), (6, 3)]:
        relevant = np.arange(n) < r
        orders = {tuple(relevant[list(order)]) for order in permutations(range(n))}
        rows = [naive_retrieval([range(n, 0, -1)], [order], (1, 3, 10)) for order in orders]
        expected = metrics.chance(relevant[None], ks=(1, 3, 10))
        assert expected == pytest.approx({name: np.mean([row[name] for row in rows]) for name in expected})


def test_chance_of_a_hit_is_hypergeometric():
    n, counts, k = 4522, (1, 3, 504), 10
    relevant = np.array([np.arange(n) < r for r in counts])
    exact = [1 - Fraction(math.comb(n - r, k), math.comb(n, k)) for r in counts]
    assert metrics.chance(relevant, ks=(k,))[f"R@{k}"] == pytest.approx(float(sum(exact) / 3), rel=1e-12)


def test_a_random_model_has_chance_in_its_interval():
    rng = np.random.default_rng(0)
    relevant = rng.random((600, 80)) < 0.05
    relevant[:, 0] = True
    each, expected = metrics.per_query(rng.random((600, 80)), relevant), metrics.chance(relevant)
    names = {"mean_rank": "rank", "MRR": "RR", "mAP": "AP"}
    for name, value in expected.items():
        interval = metrics.bootstrap(each[names.get(name, name)])
        margin = 0.6 * (interval["ci_high"] - interval["ci_low"])  # six metrics, so a little wider than 95 %
        assert abs(interval["mean"] - value) < margin


def test_chance_needs_a_relevant_item():
    with pytest.raises(ValueError, match="no relevant item"):
        metrics.chance([[True, False], [False, False]])
    assert metrics.chance([[True, False], [False, False]], ks=(1,), no_relevant="skip")["R@1"] == 0.5


# nDCG


def naive_ndcg(scores, gains, k):
    """Mean over all orders that the ties allow."""
    dcg = lambda order: sum(gains[j] / math.log2(i + 2) for i, j in enumerate(order[:k]))  # noqa: E731
    falling = lambda order: all(scores[a] >= scores[b] for a, b in pairwise(order))  # noqa: E731
    orders = [order for order in permutations(range(len(scores))) if falling(order)]
    best = sorted(range(len(gains)), key=lambda j: -gains[j])
    return np.mean([dcg(order) for order in orders]) / dcg(best)


def test_ndcg_equals_the_mean_over_all_orders_of_ties():
    rng = np.random.default_rng(0)
    for i in range(200):
        n = rng.integers(1, 6)
        scores = rng.integers(-2, 1, n) if i % 2 else rng.normal(size=n)
        gains = rng.integers(0, 4, n) + (np.arange(n) == 0)
        k = [None, 1, 3, 20][i % 4]
        found = metrics.ndcg([scores], [gains], k)
        assert found == pytest.approx([naive_ndcg(scores, gains, k)])


def test_ndcg_equals_scikit_learn():
    from sklearn.metrics import ndcg_score

    rng = np.random.default_rng(0)
    for k in (None, 3):
        scores, gains = rng.integers(0, 5, (50, 9)) / 5, rng.integers(0, 4, (50, 9))
        gains[:, 0] = 3
        assert metrics.ndcg(scores, gains, k).mean() == pytest.approx(ndcg_score(gains, scores, k=k))


def test_ndcg_worked_by_hand():
    found = metrics.ndcg([[0.3, 0.2, 0.1]], [[1, 3, 0]])
    assert found == pytest.approx([(1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3))])


def test_ndcg_refuses_negative_gains_and_queries_without_any():
    with pytest.raises(ValueError, match="gains start at 0"):
        metrics.ndcg([[1.0, 2.0]], [[1.0, -1.0]])
    with pytest.raises(ValueError, match="no relevant item"):
        metrics.ndcg([[1.0, 2.0]], [[0.0, 0.0]])
    assert len(metrics.ndcg(np.eye(2), np.diag([1, 0]), no_relevant="skip")) == 1


# detection by threshold


def binary_cases(count):
    rng = np.random.default_rng(5)
    for i in range(count):
        n = rng.integers(1, 30)
        y = rng.random(n) < rng.choice([0.1, 0.5, 1.0])
        y[0] = True
        yield y, [rng.normal(size=n), -rng.integers(1, 4, n) / 4, np.zeros(n)][i % 3]


def naive_curve(y, score):
    for threshold in sorted(set(score), reverse=True):
        said = [s >= threshold for s in score]
        hits = sum(a and b for a, b in zip(said, y, strict=True))
        yield hits / sum(said), hits / sum(y), threshold


def test_precision_and_recall_equal_a_naive_loop():
    for y, score in binary_cases(200):
        ours = np.transpose(metrics.precision_recall(y, score))
        np.testing.assert_allclose(ours, list(naive_curve(y, score)))


def test_average_precision_equals_a_naive_loop_and_scikit_learn():
    from sklearn.metrics import average_precision_score

    for y, score in binary_cases(200):
        area, before = 0.0, 0.0
        for precision, recall, _ in naive_curve(y, score):
            area, before = area + (recall - before) * precision, recall
        assert metrics.average_precision(y, score) == pytest.approx(area)
        assert metrics.average_precision(y, score) == pytest.approx(average_precision_score(y, score))


def test_average_precision_worked_by_hand():
    assert metrics.average_precision([1, 0, 1, 0], [4, 3, 2, 1]) == pytest.approx((1 + 2 / 3) / 2)


def test_one_score_for_everything_has_the_share_of_positives_as_average_precision():
    assert metrics.average_precision([True, False, False, False], np.full(4, -0.3)) == 0.25


def test_the_best_threshold_has_the_greatest_f1_of_a_naive_loop():
    f1 = lambda p, r: 2 * p * r / (p + r) if p + r else 0.0  # noqa: E731
    for y, score in binary_cases(200):
        curve = list(naive_curve(y, score))
        best = max(f1(p, r) for p, r, _ in curve)
        chosen = metrics.best_threshold(y, score)
        assert chosen == next(t for p, r, t in curve if f1(p, r) == pytest.approx(best, abs=1e-12))


def test_a_threshold_that_separates_is_found():
    assert metrics.best_threshold([False, True, True, False], [-0.9, -0.1, -0.2, -0.3]) == -0.2


@pytest.mark.parametrize("metric", [metrics.precision_recall, metrics.average_precision, metrics.best_threshold])
@pytest.mark.parametrize(
    ("y", "score", "message"),
    [
        ([False, False], [0.1, 0.2], "none of the 2"),
        ([], [], "scores?|truth"),
        ([True], [np.nan], "NaN"),
        ([True, False], [0.1], "two equal rows"),
        ([2, 1], [0.1, 0.2], "must be bool"),
    ],
)
def test_detection_refuses_bad_input(metric, y, score, message):
    with pytest.raises(ValueError, match=message):
        metric(y, score)


# classification


def naive_classification(y, prob, bins=15):
    n, classes = prob.shape
    order = [sorted(range(classes), key=lambda c: (-row[c], c)) for row in prob]
    guess = [row[0] for row in order]
    recalls, f1 = [], []
    for c in range(classes):
        both = sum(a == c and b == c for a, b in zip(y, guess, strict=True))
        true, said = sum(a == c for a in y), sum(b == c for b in guess)
        recalls += [both / true] if true else []
        f1 += [2 * both / (true + said)] if true + said else []
    error = 0.0
    for b in range(bins):
        rows = [i for i in range(n) if b / bins < prob[i].max() <= (b + 1) / bins]
        if rows:
            sure, right = np.mean([prob[i].max() for i in rows]), np.mean([guess[i] == y[i] for i in rows])
            error += len(rows) / n * abs(sure - right)
    top5 = np.mean([y[i] in order[i][:5] for i in range(n)])
    accuracy = np.mean([a == b for a, b in zip(y, guess, strict=True)])
    return {
        "accuracy": accuracy, "macro_accuracy": np.mean(recalls), "macro_f1": np.mean(f1), "top5": top5,
        "ece": error,
    }  # fmt: skip


def test_classification_equals_a_naive_loop_and_scikit_learn():
    from sklearn.metrics import f1_score, recall_score

    rng = np.random.default_rng(0)
    for i in range(200):
        n, classes = rng.integers(1, 30), rng.integers(1, 9)
        prob = rng.dirichlet(np.full(classes, 0.5), n)
        if i % 2:  # ties
            prob = rng.integers(1, 3, (n, classes)).astype(float)
            prob /= prob.sum(axis=1, keepdims=True)
        y = rng.integers(0, classes, n)
        found = metrics.classification(y, prob)
        assert found == pytest.approx(naive_classification(y, prob))
        guess = prob.argmax(axis=1)
        assert found["macro_f1"] == pytest.approx(f1_score(y, guess, average="macro"))
        present = np.unique(y)
        assert found["macro_accuracy"] == pytest.approx(recall_score(y, guess, labels=present, average="macro"))


def test_classification_worked_by_hand():
    prob = [[0.9, 0.1], [0.8, 0.2], [0.6, 0.4], [0.7, 0.3]]
    found = metrics.classification([0, 0, 0, 1], prob)
    assert found == pytest.approx(
        {
            "accuracy": 0.75,
            "macro_accuracy": 0.5,
            "macro_f1": 3 / 7,
            "top5": 1.0,
            "ece": (0.1 + 0.2 + 0.4 + 0.7) / 4,
        }
    )


def test_a_sure_and_right_model_is_calibrated():
    found = metrics.classification(np.arange(4), np.eye(4))
    assert found == {"accuracy": 1.0, "macro_accuracy": 1.0, "macro_f1": 1.0, "top5": 1.0, "ece": 0.0}


@pytest.mark.parametrize(
    ("y", "prob", "message"),
    [
        ([0], [[3.0, -2.0]], "softmax"),
        ([0], [[0.2, 0.2]], "softmax"),
        ([2], [[0.5, 0.5]], "a class from 0 to 1"),
        ([-1], [[0.5, 0.5]], "a class from 0 to 1"),
        ([0.5], [[0.5, 0.5]], "a class from 0 to 1"),
        ([0, 1], [[0.5, 0.5]], "a class from 0 to 1"),
        ([0], [[np.nan, 1.0]], "NaN"),
        ([], np.zeros((0, 2)), "prob has shape"),
    ],
)
def test_classification_refuses_bad_input(y, prob, message):
    with pytest.raises(ValueError, match=message):
        metrics.classification(y, prob)


# boxes


def naive_iou(a, b):
    """Count unit squares of integer boxes."""
    cells = [
        {(x, y) for x in range(int(box[0]), int(box[2])) for y in range(int(box[1]), int(box[3]))} for box in (a, b)
    ]
    common, union = len(cells[0] & cells[1]), len(cells[0] | cells[1])
    return common / union if union else 0.0


def test_iou_equals_counted_squares_even_for_flat_and_inverted_boxes():
    rng = np.random.default_rng(0)
    a, b = rng.integers(-3, 8, (2, 400, 4))
    np.testing.assert_allclose(metrics.iou(a, b), [naive_iou(*pair) for pair in zip(a, b, strict=True)])


def test_iou_of_all_against_all_equals_torchvision():
    import torch
    from torchvision.ops import box_iou

    rng = np.random.default_rng(0)
    low = rng.uniform(-5, 5, (2, 40, 2))
    a, b = np.concatenate([low, low + rng.uniform(0.1, 6, low.shape)], axis=-1)
    theirs = box_iou(torch.tensor(a), torch.tensor(b)).numpy()
    np.testing.assert_allclose(metrics.iou(a[:, None], b), theirs, atol=1e-12)


def test_iou_worked_by_hand():
    assert metrics.iou([0, 0, 2, 2], [1, 1, 3, 3]) == pytest.approx(1 / 7)
    assert metrics.iou([0, 0, 2, 2], [0, 0, 2, 2]) == 1.0
    assert metrics.iou([0, 0, 2, 2], [2, 0, 4, 2]) == 0.0


@pytest.mark.parametrize("box", [[1, 1, 1, 5], [5, 5, 1, 1], [np.nan] * 4, [50, 50, 60, 60], [5, 0, 0, 5]])
def test_a_flat_inverted_missing_or_far_box_overlaps_with_nothing(box):
    assert metrics.iou(box, [0, 0, 10, 10]) == 0.0
    assert metrics.iou(box, box) == (1.0 if box[0] == 50 else 0.0)


def test_no_boxes_give_no_overlaps():
    assert metrics.iou(np.zeros((0, 4)), np.zeros((0, 4))).shape == (0,)
    assert metrics.iou(np.zeros((0, 1, 4)), np.zeros((5, 4))).shape == (0, 5)


def test_grounding_counts_a_box_of_exactly_one_half():
    found = metrics.grounding([[0, 0, 10, 5], [0, 0, 10, 4.9]], [[0, 0, 10, 10]] * 2)
    assert found == {"acc@0.5": 0.5, "mIoU": pytest.approx((0.5 + 0.49) / 2)}


def test_no_detection_counts_as_a_miss():
    found = metrics.grounding([None, [np.nan] * 4, [0, 0, 1, 1]], [[0, 0, 1, 1]] * 3)
    assert found == {"acc@0.5": pytest.approx(1 / 3), "mIoU": pytest.approx(1 / 3)}
    assert metrics.grounding([None], [[0, 0, 1, 1]]) == {"acc@0.5": 0.0, "mIoU": 0.0}


@pytest.mark.parametrize(
    ("pred", "true", "message"),
    [
        ([], np.zeros((0, 4)), "true_boxes has shape"),
        ([[0, 0, 1, 1]], [[0, 0, 1, 1]] * 2, r"\(1, 4\), true_boxes \(2, 4\)"),
        ([[0, 0, 1, 1]] * 2, [[0, 0, 1, 1], [3, 3, 1, 1]], r"true_boxes\[1\].*without area"),
        ([[0, 0, 1, 1]], [[0, 0, np.nan, 1]], "NaN"),
    ],
)
def test_grounding_refuses_bad_input(pred, true, message):
    with pytest.raises(ValueError, match=message):
        metrics.grounding(pred, true)


def test_boxes_need_four_numbers():
    with pytest.raises(ValueError, match="x0, y0, x1, y1"):
        metrics.iou([[0, 0, 1]], [[0, 0, 1]])


# bootstrap


def naive_bootstrap(values, groups, n, seed):
    """Draw group numbers as the fast code does, then collect the rows one by one."""
    names = list(dict.fromkeys(groups))
    draws = np.random.default_rng(seed).integers(0, len(names), (n, len(names)))
    means = []
    for row in draws:
        rows = [v for g in row for v, name in zip(values, groups, strict=True) if name == names[g]]
        means.append(sum(rows) / len(rows))
    low, high = np.percentile(means, [2.5, 97.5])
    return {"mean": sum(values) / len(values), "ci_low": low, "ci_high": high}


def test_the_bootstrap_equals_a_naive_loop_over_whole_groups():
    rng = np.random.default_rng(0)
    for seed in range(20):
        size = rng.integers(1, 25)
        values, groups = rng.normal(size=size), [f"t{g}" for g in rng.integers(0, 6, size)]
        naive = naive_bootstrap(values, groups, 50, seed)
        assert metrics.bootstrap(values, groups, n=50, seed=seed) == pytest.approx(naive)
        same = metrics.bootstrap(values, groups, n=50, seed=seed, statistic=np.mean)
        assert same == pytest.approx(naive)


def test_the_bootstrap_is_fixed_by_its_seed():
    values = np.random.default_rng(0).random(50)
    first, again, other = (metrics.bootstrap(values, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first["mean"] == other["mean"]
    assert first["ci_low"] != other["ci_low"]


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1.0, -7.7])
@pytest.mark.parametrize("groups", [None, np.arange(30) % 7])
def test_equal_values_have_an_interval_of_no_width(value, groups):
    found = metrics.bootstrap(np.full(30, value), groups)
    assert found == {"mean": value, "ci_low": value, "ci_high": value}


def test_rows_of_one_group_are_drawn_together():
    values, groups = np.repeat([0.0, 1.0], 500), np.repeat(["a", "b"], 500)
    assert metrics.bootstrap(values, groups) == {"mean": 0.5, "ci_low": 0.0, "ci_high": 1.0}
    single = metrics.bootstrap(values)
    assert single["ci_high"] - single["ci_low"] < 0.08


def test_rows_without_a_group_stand_alone():
    values = np.random.default_rng(0).random(40)
    assert metrics.bootstrap(values, [None] * 40) == metrics.bootstrap(values)
    assert metrics.bootstrap(values, [float("nan")] * 40) == metrics.bootstrap(values)


def test_the_interval_covers_the_truth_in_about_95_of_100_cases():
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(300):
        groups = np.repeat(np.arange(40), 5)
        values = rng.normal(size=40)[groups] + rng.normal(size=200)
        found = metrics.bootstrap(values, groups, n=400, seed=seed)
        covered += found["ci_low"] <= 0 <= found["ci_high"]
    assert 270 <= covered <= 297


def test_a_statistic_gets_whole_rows():
    rng = np.random.default_rng(0)
    y = rng.random(200) < 0.3
    rows = np.column_stack([y, y + rng.normal(size=200)])
    found = metrics.bootstrap(rows, statistic=lambda r: metrics.average_precision(r[:, 0], r[:, 1]), n=200)
    assert found["mean"] == metrics.average_precision(*rows.T)
    assert found["ci_low"] < found["mean"] < found["ci_high"]


def test_bool_values_are_shares():
    assert metrics.bootstrap(np.array([True, False]))["mean"] == 0.5


def test_2000_resamples_of_1000_values_are_quick():
    values = np.random.default_rng(0).random(1000)
    start = time.perf_counter()
    metrics.bootstrap(values)
    assert time.perf_counter() - start < 1.0  # 0.05 s where nothing else runs; a loop over resamples takes longer


def test_many_groups_are_drawn_in_blocks_with_the_same_result(monkeypatch):
    values = np.random.default_rng(0).random(30)
    whole = metrics.bootstrap(values, n=100)
    monkeypatch.setattr("utils.metrics.intervals.DRAWS_AT_ONCE", 70)
    assert metrics.bootstrap(values, n=100) == whole


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([], {}, "finite numbers"),
        ([1.0, np.nan], {}, "finite numbers"),
        ([1.0, np.inf], {}, "finite numbers"),
        ([[1.0, 2.0]], {}, "finite numbers"),
        ([1.0], {"n": 0}, "n from 1"),
        ([1.0, 2.0], {"groups": ["a"]}, "1 groups for 2 values"),
    ],
)
def test_the_bootstrap_refuses_bad_input(values, options, message):
    with pytest.raises(ValueError, match=message):
        metrics.bootstrap(values, **options)


def test_a_paired_difference_is_found_where_single_intervals_overlap():
    rng = np.random.default_rng(0)
    hard = rng.normal(size=300)
    a, b = hard + 0.1 + 0.2 * rng.normal(size=300), hard
    assert metrics.bootstrap(a)["ci_low"] < metrics.bootstrap(b)["ci_high"]
    found = metrics.paired_bootstrap(a, b)
    assert 0 < found["ci_low"] < found["mean"] < found["ci_high"]
    assert found["p"] == pytest.approx(2 / 2001)
    assert found["mean"] == pytest.approx((a - b).mean())


def test_no_difference_has_p_one_and_the_order_changes_only_the_sign():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 60))
    assert metrics.paired_bootstrap(a, a) == {"mean": 0.0, "ci_low": 0.0, "ci_high": 0.0, "p": 1.0}
    one, other = metrics.paired_bootstrap(a, b), metrics.paired_bootstrap(b, a)
    assert one["p"] == other["p"] > 0.01
    assert (one["ci_low"], one["mean"]) == pytest.approx((-other["ci_high"], -other["mean"]))


def test_groups_widen_a_paired_interval():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(10), 30)
    a = rng.normal(size=10)[groups] + 0.1 * rng.normal(size=300)
    widths = [
        found["ci_high"] - found["ci_low"]
        for found in (metrics.paired_bootstrap(a, np.zeros(300), names) for names in (None, groups))
    ]
    assert widths[1] > 2 * widths[0]


def test_pairs_must_match():
    with pytest.raises(ValueError, match="pairs"):
        metrics.paired_bootstrap([1.0, 2.0], [1.0])


# real embeddings


@pytest.mark.real
def test_published_clip_embeddings_give_the_known_recall(real_data):
    import pandas as pd

    folder = real_data / "clip_embeddings_flickr_pairs"
    image_emb, text_emb = (np.load(folder / f"{kind}_embeddings.npy") for kind in ("image", "text"))
    names, first, of_image = np.unique(
        pd.read_csv(folder / "metadata.csv")["image_id"], return_index=True, return_inverse=True
    )
    scores = text_emb @ image_emb[first].T
    relevant = of_image[:, None] == np.arange(len(names))
    to_image, to_text = metrics.retrieval(scores, relevant), metrics.retrieval(scores.T, relevant.T)
    known = {"R@1": 0.832, "R@5": 0.990, "R@10": 0.998}
    assert {name: to_image[name] for name in known} == pytest.approx(known, abs=1e-9)
    assert to_image["MRR"] == pytest.approx(0.900, abs=5e-4)
    assert to_text["R@1"] == pytest.approx(0.930, abs=1e-9)
    assert (to_image["n_queries"], to_image["gallery_n"]) == (500, 100)


@pytest.mark.parametrize(("hits", "trials"), [(0, 1), (2, 2), (8, 10), (0, 30), (17, 200)])
def test_the_wilson_interval_is_that_of_scipy(hits, trials):
    from scipy.stats import binomtest

    found = metrics.wilson(np.arange(trials) < hits)
    oracle = binomtest(hits, trials).proportion_ci(method="wilson")
    assert found["mean"] == hits / trials
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((oracle.low, oracle.high), abs=1e-9)


def test_a_share_of_no_trial_is_refused():
    with pytest.raises(ValueError, match="at least one trial"):
        metrics.wilson([])


def test_holm_multiplies_the_smallest_by_all_and_never_turns_the_order():
    assert list(metrics.holm([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert list(metrics.holm([0.5, 0.9])) == [1.0, 1.0] and not len(metrics.holm([]))
    with pytest.raises(ValueError, match="values in"):
        metrics.holm([0.2, 1.2])


def test_runs_that_differ_widen_the_interval_and_equal_ones_do_not():
    rng = np.random.default_rng(0)
    queries, names = rng.random(80), np.tile(np.arange(80), 3)
    runs = np.repeat(["a", "b", "c"], 80)
    equal, apart = np.tile(queries, 3), np.tile(queries, 3) + np.repeat([-0.2, 0.0, 0.2], 80)
    plain, same, wide = (
        metrics.bootstrap(equal, names),
        metrics.bootstrap(equal, names, runs=runs),
        metrics.bootstrap(apart, names, runs=runs),
    )
    assert same == pytest.approx(plain) and wide["mean"] == pytest.approx(plain["mean"])
    assert wide["ci_high"] - wide["ci_low"] > 1.5 * (same["ci_high"] - same["ci_low"])
    median = metrics.bootstrap(apart, names, statistic=np.median, runs=runs)
    assert median["ci_high"] - median["ci_low"] > 0.2


def test_two_methods_with_unlike_runs_are_seldom_called_different():
    found = 0
    for number in range(60):
        rng = np.random.default_rng(number)
        a, b = (np.clip(rng.random((3, 60)) + rng.normal(0, 0.1, (3, 1)), 0, 1) for _ in range(2))
        runs, names = np.repeat([0, 1, 2], 60), np.tile(np.arange(60), 3)
        plain, crossed = (
            metrics.paired_bootstrap(a.ravel(), b.ravel(), names, n=400, runs=given)["p"] < 0.05
            for given in (None, runs)
        )
        found += plain - crossed
    assert found > 10
