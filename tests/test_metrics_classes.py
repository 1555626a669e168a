"""Metrics of classes and of confidence: against scikit-learn, SciPy or a naive loop, by hand, and at their limits."""

from itertools import permutations, product

import numpy as np
import pytest

from utils import metrics


def label_cases(count, seed=0):
    """Random (y_true, y_pred, classes); in most of them some class is never true, or never predicted."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        n, classes = rng.integers(1, 40), int(rng.integers(1, 9))
        some = rng.choice(classes, rng.integers(1, classes + 1))
        yield rng.choice(some, n), rng.integers(0, classes, n), classes


def sure_cases(count, seed=0):
    """Random (confidence, right), every other one with ties, on edges of bins, float32 as well."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        n = rng.integers(1, 40)
        confidence = rng.integers(0, 6, n) / 5 if i % 2 else rng.random(n)
        yield confidence.astype([np.float64, np.float32][i % 3 == 0]), rng.random(n) < rng.random()


# confusions and recalls


@pytest.mark.parametrize("metric", [metrics.confusion, metrics.per_class])
@pytest.mark.parametrize(
    ("y_true", "y_pred", "classes", "message"),
    [
        ([], [], 3, r"y_true has shape \(0,\)"),
        ([0, 1], [0], 2, r"y_pred has shape \(1,\).* each of 2 rows"),
        ([[0, 1]], [[0, 1]], 2, r"y_true has shape \(1, 2\)"),
        ([0, 2], [0, 1], 2, "y_true holds .*2.*from 0 to 1"),
        ([0, 1], [0, -1], 2, "y_pred holds .*-1"),
        ([0, np.nan], [0, 1], 2, "y_true holds .*nan"),
        ([0, 1], [0, 0.5], 2, "y_pred holds .*0.5"),
    ],
)
def test_no_items_wrong_shapes_and_unknown_classes_are_refused(metric, y_true, y_pred, classes, message):
    with pytest.raises(ValueError, match=message):
        metric(y_true, y_pred, classes)


@pytest.mark.filterwarnings("ignore:A single label was found")
def test_confusions_equal_those_of_scikit_learn():
    from sklearn.metrics import confusion_matrix

    for y_true, y_pred, classes in label_cases(200):
        found = metrics.confusion(y_true, y_pred, classes)
        assert found.dtype == np.int64
        np.testing.assert_array_equal(found, confusion_matrix(y_true, y_pred, labels=range(classes)))


def test_recall_precision_and_f1_equal_scikit_learn_where_defined_and_are_nan_elsewhere():
    from sklearn.metrics import precision_recall_fscore_support

    absent = 0
    for y_true, y_pred, classes in label_cases(200, seed=1):
        theirs = precision_recall_fscore_support(y_true, y_pred, labels=range(classes), zero_division=np.nan)
        found = metrics.per_class(y_true, y_pred, classes)
        for name, expected in zip(("precision", "recall", "f1", "n"), theirs, strict=True):
            np.testing.assert_allclose(found[name], expected, err_msg=name)
        absent += int(np.isnan(found["recall"]).sum())
    assert absent > 100


def test_intervals_of_recall_are_those_of_wilson_and_nan_without_items():
    for y_true, y_pred, classes in label_cases(50, seed=2):
        found = metrics.per_class(y_true, y_pred, classes)
        for k in range(classes):
            own = y_pred[y_true == k] == k
            expected = [metrics.wilson(own)[end] for end in ("ci_low", "ci_high")] if own.size else [np.nan] * 2
            np.testing.assert_array_equal([found["ci_low"][k], found["ci_high"][k]], expected)


def test_means_over_classes_are_those_of_classification():
    rng = np.random.default_rng(0)
    for y_true, _, classes in label_cases(100, seed=3):
        prob = rng.dirichlet(np.ones(classes), len(y_true))
        own, whole = metrics.per_class(y_true, prob.argmax(axis=1), classes), metrics.classification(y_true, prob)
        assert np.nanmean(own["recall"]) == pytest.approx(whole["macro_accuracy"])
        assert np.nanmean(own["f1"]) == pytest.approx(whole["macro_f1"])


def test_confusable_pairs_equal_a_naive_loop():
    for y_true, y_pred, classes in label_cases(200, seed=4):
        matrix = metrics.confusion(y_true, y_pred, classes)
        naive = []
        for i, j in product(range(classes), repeat=2):
            if i < j and (count := matrix[i][j] + matrix[j][i]):
                naive.append((-count, i, j, count / (sum(matrix[i]) + sum(matrix[j]))))
        expected = [(i, j, -count, share) for count, i, j, share in sorted(naive)[:4]]
        assert metrics.confusable(matrix, 4) == [pytest.approx(pair) for pair in expected]


def test_equally_confused_pairs_come_in_the_order_of_the_classes():
    pairs = metrics.confusable(np.ones((4, 4), int), n=3)
    assert [(pair.i, pair.j, pair.count, pair.share) for pair in pairs] == [(0, k, 2, 0.25) for k in (1, 2, 3)]


def test_a_perfect_matrix_confuses_nothing():
    assert metrics.confusable(np.diag([3, 0, 5])) == [] and metrics.confusable([[4]]) == []


@pytest.mark.parametrize(
    "matrix", [np.zeros((0, 0)), np.ones((2, 3)), [1, 2], [[1, -1], [0, 1]], [[0.5, 1], [1, np.nan]]]
)
def test_what_is_no_confusion_matrix_is_refused(matrix):
    with pytest.raises(ValueError, match="confusion ha|confusion holds"):
        metrics.confusable(matrix)


# two methods


def test_mcnemar_equals_the_binomial_test_of_scipy():
    from scipy.stats import binomtest

    rng = np.random.default_rng(0)
    for _ in range(300):
        n = rng.integers(1, 120)
        a, b = rng.random(n) < rng.random(), rng.random(n) < rng.random()
        found = metrics.mcnemar(a, b)
        only_a, only_b = sum(a & ~b), sum(b & ~a)
        expected = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
        assert found == {"only_a": only_a, "only_b": only_b, "p": pytest.approx(expected, rel=1e-9)}


def test_mcnemar_stays_exact_where_floats_would_overflow():
    from scipy.stats import binomtest

    a = np.arange(6000) < 2900
    assert metrics.mcnemar(a, ~a)["p"] == pytest.approx(binomtest(2900, 6000).pvalue, rel=1e-9)


def test_two_methods_that_never_differ_have_p_one():
    assert metrics.mcnemar([1, 0, 1], [1, 0, 1]) == {"only_a": 0, "only_b": 0, "p": 1.0}


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [([], [], "equal rows"), ([1, 0], [1], "two equal rows"), ([1, 2], [1, 0], "bool"), ([1, np.nan], [1, 0], "bool")],
)
def test_mcnemar_refuses_bad_input(a, b, message):
    with pytest.raises(ValueError, match=message):
        metrics.mcnemar(a, b)


# means in which every class counts the same


def test_macro_accuracy_equals_balanced_accuracy_of_scikit_learn():
    from sklearn.metrics import recall_score

    for y_true, y_pred, _ in label_cases(200, seed=5):
        expected = recall_score(y_true, y_pred, labels=np.unique(y_true), average="macro", zero_division=0)
        assert metrics.macro_accuracy(y_true, y_true == y_pred) == pytest.approx(expected)


def test_the_macro_interval_covers_the_truth_about_as_often_as_promised():
    rng, inside = np.random.default_rng(0), 0
    y_true = np.repeat(np.arange(8), [30, 12, 40, 25, 60, 30, 15, 20])
    truth = np.linspace(0.3, 0.9, 8)
    for seed in range(200):
        found = metrics.macro_bootstrap(y_true, rng.random(len(y_true)) < truth[y_true], n=200, seed=seed)
        inside += found["ci_low"] <= truth.mean() <= found["ci_high"]
    assert 0.89 <= inside / 200 <= 0.99


def test_a_rare_class_widens_the_macro_interval():
    right = np.tile([True, False], 100)
    width = lambda y: np.diff([metrics.macro_bootstrap(y, right)[end] for end in ("ci_low", "ci_high")])  # noqa: E731
    assert width(np.arange(200) < 4) > 2 * width(np.arange(200) < 100)


def test_macro_intervals_are_fixed_by_their_seed_and_hold_the_mean():
    rng = np.random.default_rng(1)
    y_true, right = rng.integers(0, 5, 80), rng.random(80) < 0.7
    found = metrics.macro_bootstrap(y_true, right, seed=3)
    assert found == metrics.macro_bootstrap(y_true, right, seed=3) != metrics.macro_bootstrap(y_true, right, seed=4)
    assert found["ci_low"] < found["mean"] == metrics.macro_accuracy(y_true, right) < found["ci_high"]


def test_a_method_does_not_differ_from_itself_and_a_better_one_does():
    rng = np.random.default_rng(2)
    y_true, a = rng.integers(0, 6, 300), rng.random(300) < 0.5
    same = metrics.paired_macro_bootstrap(y_true, a, a)
    assert same == {"mean": 0.0, "ci_low": 0.0, "ci_high": 0.0, "p": 1.0}
    better = a | (rng.random(300) < 0.4)
    found = metrics.paired_macro_bootstrap(y_true, better, a, n=500)
    gain = metrics.macro_accuracy(y_true, better) - metrics.macro_accuracy(y_true, a)
    assert found["mean"] == pytest.approx(gain) and found["ci_low"] > 0 and found["p"] == pytest.approx(2 / 501)
    back = metrics.paired_macro_bootstrap(y_true, a, better, n=500)
    assert (back["ci_low"], back["ci_high"]) == pytest.approx((-found["ci_high"], -found["ci_low"]))


@pytest.mark.parametrize(
    ("y_true", "right", "options", "message"),
    [
        ([], [], {}, "equal rows"),
        ([0, 1], [True], {}, "equal rows"),
        ([0, 1], [1.0, np.nan], {}, r"right\[1\]"),
        ([0, -1], [1, 0], {}, "from 0"),
        ([0.5, 1], [1, 0], {}, "from 0"),
        ([0, 1], [1, 0], {"n": 0}, "0 resamples"),
    ],
)
def test_macro_means_refuse_bad_input(y_true, right, options, message):
    for metric in (metrics.macro_bootstrap, metrics.macro_accuracy)[: 1 if options else 2]:
        with pytest.raises(ValueError, match=message):
            metric(y_true, right, **options)
    with pytest.raises(ValueError, match=message):
        metrics.paired_macro_bootstrap(y_true, right, right, **options)


# confidence


@pytest.mark.parametrize("metric", [metrics.reliability, metrics.selective, metrics.aurc])
@pytest.mark.parametrize(
    ("confidence", "right", "message"),
    [
        ([], [], "equal rows"),
        ([0.5], [True, False], "equal rows"),
        ([[0.5]], [[True]], "equal rows"),
        ([np.nan], [True], "NaN"),
        ([0.5], [2], "bool"),
    ],
)
def test_confidence_refuses_bad_input(metric, confidence, right, message):
    with pytest.raises(ValueError, match=message):
        metric(confidence, right)


def test_a_confidence_that_is_no_probability_and_no_bins_are_refused():
    for wrong in (1.5, -0.1):
        with pytest.raises(ValueError, match=f"confidence {wrong} is no probability"):
            metrics.reliability([0.5, wrong], [True, True])
    with pytest.raises(ValueError, match="0 bins"):
        metrics.reliability([0.5], [True], bins=0)


def test_reliability_equals_a_naive_loop_with_empty_bins():
    for confidence, right in sure_cases(200):
        found = metrics.reliability(confidence, right, bins=5)
        for b in range(5):
            own = [i for i, c in enumerate(confidence) if (b / 5 < c <= (b + 1) / 5) or (b == 0 and c == 0)]
            assert found["n"][b] == len(own) and (found["low"][b], found["high"][b]) == (b / 5, (b + 1) / 5)
            hits = right[own]
            expected = [confidence[own].mean(dtype=float), hits.mean()] if own else [np.nan] * 2
            expected += [metrics.wilson(hits)[end] if own else np.nan for end in ("ci_low", "ci_high")]
            names = ("confidence", "accuracy", "ci_low", "ci_high")
            assert [found[name][b] for name in names] == pytest.approx(expected, nan_ok=True)


def test_reliability_equals_the_calibration_curve_of_scikit_learn():
    from sklearn.calibration import calibration_curve

    for confidence, right in sure_cases(100, seed=1):
        found = metrics.reliability(confidence.astype(float), right, bins=7)
        accuracy, mean = calibration_curve(right, confidence.astype(float), n_bins=7)
        some = found["n"] > 0
        np.testing.assert_allclose(found["accuracy"][some], accuracy)
        np.testing.assert_allclose(found["confidence"][some], mean)


def test_the_calibration_error_of_classification_is_the_mean_gap_of_the_bins():
    rng = np.random.default_rng(0)
    for bins in (1, 4, 15, 40) * 40:
        n, classes = rng.integers(1, 60), rng.integers(2, 7)
        prob, y = rng.dirichlet(np.full(classes, 0.4), n), rng.integers(0, classes, n)
        rows = metrics.reliability(prob.max(axis=1), prob.argmax(axis=1) == y, bins)
        gap = np.nansum(rows["n"] * np.abs(rows["accuracy"] - rows["confidence"])) / n
        assert metrics.classification(y, prob, bins)["ece"] == pytest.approx(gap)


def test_what_is_kept_equals_a_naive_loop():
    for confidence, right in sure_cases(200, seed=2):
        found = metrics.selective(confidence, right)
        levels = sorted(set(confidence.tolist()), reverse=True)
        assert found["threshold"].tolist() == levels and found["coverage"][-1] == 1.0
        for i, level in enumerate(levels):
            kept = confidence >= level
            values = [found[name][i] for name in ("n", "coverage", "accuracy")]
            assert values == pytest.approx([kept.sum(), kept.mean(), right[kept].mean()])


def naive_aurc(right):
    """Of rows in order, the surest first."""
    return np.mean([np.mean([not hit for hit in right[: i + 1]]) for i in range(len(right))])


def test_the_area_under_risk_and_coverage_equals_a_naive_loop():
    rng = np.random.default_rng(0)
    for _ in range(200):
        n = rng.integers(1, 40)
        confidence, right = rng.permutation(n) / n, rng.random(n) < 0.6
        assert metrics.aurc(confidence, right) == pytest.approx(naive_aurc(right[np.argsort(-confidence)]))


def test_ties_count_as_the_mean_over_all_their_orders():
    rng = np.random.default_rng(1)
    for _ in range(20):
        confidence, right = rng.integers(0, 3, 6) / 4, rng.random(6) < 0.5
        orders = [order for order in permutations(range(6)) if (np.diff(confidence[list(order)]) <= 0).all()]
        assert metrics.aurc(confidence, right) == pytest.approx(np.mean([naive_aurc(right[list(o)]) for o in orders]))


def test_a_confidence_that_tells_nothing_has_the_error_rate_and_a_perfect_one_less():
    right = np.array([True, True, True, False])
    assert metrics.aurc(np.full(4, 0.7), right) == 0.25
    assert metrics.aurc([0.9, 0.8, 0.7, 0.1], right) == 0.0625 < metrics.aurc([0.1, 0.7, 0.8, 0.9], right)


# scores of all classes


def test_top_accuracy_equals_a_naive_loop_with_ties_and_scikit_learn_without():
    from sklearn.metrics import top_k_accuracy_score

    rng = np.random.default_rng(0)
    for i in range(200):
        n, classes = rng.integers(1, 30), int(rng.integers(3, 9))
        scores = rng.integers(0, 4, (n, classes)) / 4 if i % 2 else rng.normal(size=(n, classes))
        y = rng.integers(0, classes - 1, n)  # the last class is never true
        found = metrics.top_accuracy(y, scores, ks=(1, 2, 50))
        order = [sorted(range(classes), key=lambda c, row=row: (-row[c], c)) for row in scores]
        naive = {f"top{k}": np.mean([y[j] in order[j][:k] for j in range(n)]) for k in (1, 2)}
        assert found == pytest.approx({**naive, "top50": 1.0})
        if not i % 2:
            assert found["top2"] == pytest.approx(top_k_accuracy_score(y, scores, k=2, labels=range(classes)))


def test_brier_and_log_loss_equal_scikit_learn():
    from sklearn.metrics import log_loss

    rng = np.random.default_rng(0)
    for i in range(200):
        n, classes = rng.integers(1, 30), int(rng.integers(2, 9))
        prob, y = rng.dirichlet(np.full(classes, 0.5), n), rng.integers(0, classes, n)
        if i % 4 == 0:  # sure, and often wrong
            prob = np.eye(classes)[rng.integers(0, classes, n)]
        found = metrics.proper_scores(y, prob)
        assert found["nll"] == pytest.approx(log_loss(y, prob, labels=range(classes)))
        naive = np.mean([sum((p - (c == y[j])) ** 2 for c, p in enumerate(row)) for j, row in enumerate(prob)])
        assert found["brier"] == pytest.approx(naive)


def test_a_sure_and_right_model_loses_nothing():
    assert metrics.proper_scores(np.arange(3), np.eye(3)) == {"brier": 0.0, "nll": 0.0}


@pytest.mark.parametrize(
    ("metric", "y", "scores", "message"),
    [
        (metrics.top_accuracy, [], np.zeros((0, 3)), "scores has shape"),
        (metrics.top_accuracy, [3], [[0.1, 0.2, 0.3]], "y_true holds .*3"),
        (metrics.top_accuracy, [0], [[0.1, np.nan]], "NaN"),
        (metrics.top_accuracy, [0, 1], [[0.1, 0.2]], "each of 1 rows"),
        (metrics.proper_scores, [], np.zeros((0, 3)), "prob has shape"),
        (metrics.proper_scores, [0], [[0.3, 0.3]], "softmax"),
        (metrics.proper_scores, [2], [[0.5, 0.5]], "y_true holds .*2"),
    ],
)
def test_scores_of_classes_refuse_bad_input(metric, y, scores, message):
    with pytest.raises(ValueError, match=message):
        metric(y, scores)


@pytest.mark.parametrize("ks", [(), (0, 1)])
def test_top_accuracy_needs_a_k_from_one(ks):
    with pytest.raises(ValueError, match="ks is"):
        metrics.top_accuracy([0], [[0.5, 0.5]], ks)


# several labels


def several_cases(count, seed=0):
    """Random (truth, scores, difficult); a third of the classes has no positive, some only difficult ones."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        n, classes = rng.integers(2, 20), rng.integers(1, 7)
        truth = rng.random((n, classes)) < 0.4
        truth[:, rng.random(classes) < 0.3] = False
        truth[0, 0] = True
        scores = rng.integers(0, 5, (n, classes)) / 4 if i % 2 else rng.normal(size=(n, classes))
        difficult = rng.random((n, classes)) < 0.3
        difficult[0, 0] = False
        yield truth, scores, difficult


def test_multilabel_ap_equals_scikit_learn_class_by_class():
    from sklearn.metrics import average_precision_score

    left_out = 0
    for truth, scores, difficult in several_cases(200):
        found = metrics.multilabel_ap(truth, scores, difficult)
        for k in range(truth.shape[1]):
            easy = ~difficult[:, k]
            if truth[easy, k].any():
                assert found["ap"][k] == pytest.approx(average_precision_score(truth[easy, k], scores[easy, k]))
            else:
                assert np.isnan(found["ap"][k])
        assert found["mAP"] == pytest.approx(np.nanmean(found["ap"]))
        assert found["left_out"] == np.isnan(found["ap"]).sum()
        left_out += found["left_out"]
    assert left_out > 50


def test_an_item_that_is_difficult_counts_neither_way():
    truth, scores = [[True], [False], [True]], [[0.1], [0.9], [0.5]]
    assert metrics.multilabel_ap(truth, scores, [[False], [True], [False]])["mAP"] == 1.0
    assert metrics.multilabel_ap(truth, scores, [[True], [False], [False]])["mAP"] == 0.5
    assert metrics.multilabel_ap(truth, scores)["mAP"] == pytest.approx((1 / 2 + 2 / 3) / 2)


@pytest.mark.parametrize(
    ("truth", "scores", "difficult", "message"),
    [
        (np.zeros((0, 3), bool), np.zeros((0, 3)), None, "truth of shape"),
        ([[True, False]], [[0.1]], None, "truth has shape"),
        ([[True]], [[0.1]], [[False, False]], r"difficult \(1, 2\)"),
        ([[True]], [[np.nan]], None, "NaN"),
        ([[False, False]], [[0.1, 0.2]], None, "none of 2 classes"),
        ([[True]], [[0.1]], [[True]], "none of 1 classes"),
        ([[2]], [[0.1]], None, "bool"),
    ],
)
def test_multilabel_ap_refuses_bad_input(truth, scores, difficult, message):
    with pytest.raises(ValueError, match=message):
        metrics.multilabel_ap(truth, scores, difficult)
