"""The kernel probe: scikit-learn's kernel ridge as oracle, ways that help and ways that do not."""

import numpy as np
import pytest

from utils import classify, metrics
from utils.classify import KernelProbe

NAMES = ["bass", "carp", "eel"]
pytestmark = pytest.mark.filterwarnings("ignore:the scale stays at its bound:UserWarning")  # rings are easy


def rings(n, seed=0):
    """Two ways to look at n images: rows on rings, one a class, which no plane parts; and rows of pure noise."""
    rng = np.random.default_rng(seed)
    codes = np.arange(n) % len(NAMES)
    angle, radius = rng.uniform(0, 2 * np.pi, n), 1.0 + codes + 0.1 * rng.normal(size=n)
    looks = {"noise": rng.normal(size=(n, 4)), "rings": radius[:, None] * np.c_[np.cos(angle), np.sin(angle)]}
    return looks, [NAMES[code] for code in codes], codes


def test_one_way_is_scikit_learns_kernel_ridge():
    from sklearn.kernel_ridge import KernelRidge

    for seed in range(20):
        looks, labels, codes = rings(45, seed)
        width, strength = float(np.random.default_rng(seed).uniform(0.5, 2)), 0.1 * (1 + seed % 3)
        probe = KernelProbe.fit({"rings": looks["rings"]}, labels, (width,), (strength,))
        apart = ((looks["rings"][:, None] - looks["rings"]) ** 2).sum(-1)
        typical = np.median(apart[~np.eye(len(apart), dtype=bool)])
        oracle = KernelRidge(kernel="rbf", gamma=width / typical, alpha=strength)
        oracle.fit(looks["rings"], 2 * np.eye(3)[codes] - 1)
        fresh = rings(9, 100 + seed)[0]["rings"]
        expected = classify.softmax(probe.scale * oracle.predict(fresh))
        np.testing.assert_allclose(probe.predict_proba({"rings": fresh}), expected, atol=1e-8)


def test_several_ways_are_the_mean_of_their_kernels():
    from sklearn.kernel_ridge import KernelRidge

    rng, codes = np.random.default_rng(3), np.arange(160) % 4
    looks = {n: (part + 0.25 * rng.normal(size=160))[:, None] for n, part in (("a", codes // 2), ("b", codes % 2))}
    probe = KernelProbe.fit(looks, list(map(str, codes)))
    apart = {way: (rows - rows.T) ** 2 for way, rows in looks.items()}
    off = ~np.eye(160, dtype=bool)
    kernel = np.mean([np.exp(-probe.width * own / np.median(own[off])) for own in apart.values()], axis=0)
    oracle = KernelRidge(kernel="precomputed", alpha=probe.strength).fit(kernel, 2 * np.eye(4)[codes] - 1)
    expected = classify.softmax(probe.scale * oracle.predict(kernel))
    np.testing.assert_allclose(probe.predict_proba(looks), expected, atol=1e-8)


def test_rows_far_from_the_origin_are_told_apart_as_near_it():
    looks, labels, _ = rings(90, seed=7)
    near = KernelProbe.fit({"rings": looks["rings"]}, labels, (1.0,), (0.1,))
    far = KernelProbe.fit({"rings": looks["rings"] + 1e4}, labels, (1.0,), (0.1,))
    fresh = rings(9, seed=8)[0]["rings"]
    expected = near.predict_proba({"rings": fresh})
    np.testing.assert_allclose(far.predict_proba({"rings": fresh + 1e4}), expected, atol=1e-4)


def test_a_hopeless_task_is_learned_all_the_same():
    rows = np.random.default_rng(2).normal(size=(4, 2))
    probe = KernelProbe.fit({"a": rows}, ["eel", "carp", "eel", "carp"], folds=2)
    assert list(probe.rows) == ["a"]


def test_rings_are_told_apart_where_a_linear_probe_cannot():
    looks, labels, _ = rings(150)
    fresh, _, codes = rings(90, seed=1)
    linear = classify.LinearProbe.fit(looks["rings"], labels).predict_proba(fresh["rings"])
    kernel = KernelProbe.fit(looks, labels).predict_proba(fresh)
    found = [metrics.classification(codes, prob)["macro_accuracy"] for prob in (linear, kernel)]
    assert found[0] < 0.6 and found[1] > 0.95


def test_a_way_of_noise_is_left_out_and_need_not_be_given():
    looks, labels, _ = rings(150)
    probe = KernelProbe.fit(looks, labels)
    assert list(probe.rows) == ["rings"]
    assert set(map(tuple, probe.searched["ways"])) == {("noise",), ("rings",), ("rings", "noise")}
    fresh = rings(9, seed=2)[0]
    np.testing.assert_array_equal(probe.predict_proba({"rings": fresh["rings"]}), probe.predict_proba(fresh))


def test_ways_that_know_different_things_are_joined():
    rng = np.random.default_rng(3)
    codes = np.arange(160) % 4
    halves = [(part + 0.25 * rng.normal(size=160))[:, None] for part in (codes // 2, codes % 2)]
    looks = {"first": halves[0], "second": halves[1]}
    probe = KernelProbe.fit(looks, list(map(str, codes)))
    assert set(probe.rows) == {"first", "second"}
    alone = probe.searched[probe.searched["ways"].map(len) == 1]["macro_accuracy"].max()
    assert probe.searched["macro_accuracy"].max() > 1.5 * alone


def test_the_best_setting_of_those_tried_is_taken():
    looks, labels, _ = rings(90, seed=4)
    probe = KernelProbe.fit(looks, labels)
    best = probe.searched.loc[probe.searched["macro_accuracy"].idxmax()]
    taken = probe.searched[(probe.searched["width"] == probe.width) & (probe.searched["strength"] == probe.strength)]
    assert taken["macro_accuracy"].max() == best["macro_accuracy"]


def test_the_scale_makes_probabilities_more_honest():
    looks, labels, codes = rings(600, seed=5)
    hard = {name: rows + 0.4 * np.random.default_rng(6).normal(size=rows.shape) for name, rows in looks.items()}
    probe = KernelProbe.fit({name: rows[:300] for name, rows in hard.items()}, labels[:300])
    prob = probe.predict_proba({name: rows[300:] for name, rows in hard.items()})
    bare = classify.softmax(np.log(prob) / probe.scale)
    after, before = (metrics.classification(codes[300:], each)["ece"] for each in (prob, bare))
    assert after < 0.5 * before
    np.testing.assert_allclose(prob.sum(axis=1), 1)


def test_an_image_far_from_all_others_is_nobodys():
    looks, labels, _ = rings(60)
    prob = KernelProbe.fit({"rings": looks["rings"]}, labels).predict_proba({"rings": [[1e6, 1e6]]})
    np.testing.assert_allclose(prob, 1 / 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"looks": {}}, "0 ways"),
        ({"widths": ()}, "give one of each at least"),
        ({"widths": (np.nan,)}, "numbers above 0"),
        ({"strengths": (0.1, 0.0)}, "numbers above 0"),
        ({"looks": {"a": np.eye(9), "b": np.eye(8)}}, "by 'b': 8 embeddings and 9 labels"),
        ({"looks": {"a": np.full((9, 2), np.nan)}}, "NaN"),
        ({"looks": {"a": np.full((9, 512), 0.7)}}, "by 'a' most images are alike"),
        ({"labels": ["eel"] * 9}, "all 9 images are of one class"),
        ({"folds": 4}, r"4 folds need 4 images of each class; fewer have bass \(3\)"),
    ],
)
def test_what_cannot_be_learned_is_refused(change, message):
    given = {"looks": {"a": np.eye(9)}, "labels": NAMES * 3, "folds": 3} | change
    with pytest.raises(ValueError, match=message):
        KernelProbe.fit(given.pop("looks"), given.pop("labels"), **given)


@pytest.mark.parametrize(
    ("looks", "message"),
    [
        ({"noise": np.ones((2, 4))}, "looks lack rings; the probe needs rings"),
        ({"rings": np.ones((2, 3))}, "rings has 3 dimensions; the probe has learned from 2"),
        ({"rings": np.ones((0, 2))}, "at least one row"),
    ],
)
def test_images_that_do_not_fit_the_probe_are_refused(looks, message):
    train, labels, _ = rings(60)
    probe = KernelProbe.fit({"rings": train["rings"]}, labels)
    with pytest.raises(ValueError, match=message):
        probe.predict_proba(looks)


def test_ways_must_show_the_same_images():
    rng = np.random.default_rng(3)
    codes = np.arange(160) % 4
    looks = {n: (part + 0.25 * rng.normal(size=160))[:, None] for n, part in (("a", codes // 2), ("b", codes % 2))}
    probe = KernelProbe.fit(looks, list(map(str, codes)))
    with pytest.raises(ValueError, match="ways differ in their number of images"):
        probe.predict_proba({"a": looks["a"][:2], "b": looks["b"][:3]})
