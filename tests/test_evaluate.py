"""From embeddings to figures: retrieval tables, presence of turtles, breakdowns and the colour baseline."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from utils import embed, evaluate, metrics

SCORES = np.array([[0.9, 0.1, 0.5], [0.2, 0.3, 0.1], [0.4, 0.6, 0.5]])
RELEVANT = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 1]], bool)


def paint(path, colour):
    Image.new("RGB", (20, 12), colour).save(path)
    return str(path)


def turtle(area, states=(), seen=True, kind="turtle"):
    return {"kind": kind, "area": area, "states": list(states), "seen": seen}


def facts(*objects, turbidity=0.1, light="bright"):
    return {"width": 100, "height": 100, "turbidity": turbidity, "light": light, "objects": list(objects)}


# retrieval


class Told:
    """An encoder whose embeddings are told by file name and sentence."""

    def __init__(self, known):
        self.known = known

    def images(self, encoder, paths):
        return np.array([self.known[path] for path in paths], np.float32)

    def texts(self, encoder, sentences):
        return np.array([self.known[sentence] for sentence in sentences], np.float32)


def test_the_marine_table_asks_each_test_image_its_most_detailed_caption(monkeypatch):
    rows = [("t1", "turtle", "test", ["a turtle", "a big turtle"]), ("t2", "turtle", "val", ["a turtle"]),
            ("b1", "boat", "test", ["a boat"]), ("b2", "boat", "val", ["two boats"])]  # fmt: skip
    columns = ["image_id", "category", "split", "captions"]
    gallery = pd.DataFrame(rows, columns=columns).assign(path=lambda f: f["image_id"], identity=None, facts=None)
    gallery["labels"] = gallery["category"].map(lambda kind: [kind])
    known = {"t1": [0.8, 0.6], "t2": [1, 0], "b1": [0, 1], "b2": [-1, 0], "a big turtle": [1, 0], "a boat": [-1, 0]}
    told = Told(known)
    monkeypatch.setattr(embed, "images", told.images)
    monkeypatch.setattr(embed, "texts", told.texts)
    asked = evaluate.marine(None, gallery).set_index("image_id")
    assert list(asked["caption"]) == ["a big turtle", "a boat"]
    assert list(asked["turtle"]) == [True, False]
    assert asked.loc["t1", ["cat_all", "mended", "exact"]].tolist() == [1, 1, 2]
    assert asked.loc["b1", ["cat_all", "mended", "exact"]].tolist() == [2, 1, 2]


def test_ranks_make_a_table_with_intervals():
    table = evaluate.of_ranks([1, 2, 7, 30])
    assert {name: row["mean"] for name, row in table.items()} == {
        "R@1": 0.25, "R@5": 0.5, "R@10": 0.75, "mean_rank": 10.0, "median_rank": 4.5,
    }  # fmt: skip


def test_the_table_holds_the_figures_of_the_metrics_with_intervals_around_them():
    table = evaluate.retrieval(SCORES, RELEVANT)
    plain = metrics.retrieval(SCORES, RELEVANT)
    assert set(table) == {"R@1", "R@5", "R@10", "MRR", "mAP", "mean_rank", "median_rank"}
    for name, row in table.items():
        assert row["mean"] == pytest.approx(plain[name])
        assert row["ci_low"] <= row["mean"] <= row["ci_high"]
    assert table["MRR"]["mean"] == pytest.approx((1 + 1 / 2 + 1 / 2) / 3)


def test_groups_are_resampled_as_a_whole():
    scores, relevant = np.repeat(SCORES, 8, axis=0), np.repeat(RELEVANT, 8, axis=0)
    alone, together = (
        evaluate.retrieval(scores, relevant, g)["R@1"] for g in (None, list("a" * 8 + "b" * 8 + "c" * 8))
    )
    assert alone["mean"] == together["mean"]
    assert together["ci_high"] - together["ci_low"] > alone["ci_high"] - alone["ci_low"]


# presence


def test_a_perfect_reader_guesses_among_the_images_that_fit():
    relevant = np.array([[True] * 20, [True, *[False] * 19]])
    assert evaluate.ceiling(relevant) == {"R@1": (1 / 20 + 1) / 2, "R@5": (5 / 20 + 1) / 2, "R@10": 0.75}


def test_presence_is_the_cosine_to_the_mean_wording():
    rng = np.random.default_rng(0)
    images, texts = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in rng.normal(size=(2, 5, 8)))
    mean = texts.mean(0)
    expected = [float(image @ mean) / np.linalg.norm(mean) for image in images]
    np.testing.assert_allclose(evaluate.presence_scores(images, texts), expected, atol=1e-6)


def test_wordings_that_cancel_each_other_are_refused():
    with pytest.raises(ValueError, match="zero"):
        evaluate.presence_scores(np.eye(2), np.array([[1.0, 0.0], [-1.0, 0.0]]))


def test_presence_is_average_precision_and_knows_perfect_and_chance():
    present = np.array([True, False] * 100)
    rng = np.random.default_rng(1)
    perfect = evaluate.presence(present + 0.1 * rng.random(200), present)
    assert list(perfect.values()) == pytest.approx([1, 1, 1])
    blind = evaluate.presence(np.zeros(200), present)
    assert blind["mean"] == 0.5 and blind["ci_low"] < 0.5 < blind["ci_high"]
    score = rng.random(200)
    guess = evaluate.presence(score, present)
    assert guess["mean"] == metrics.average_precision(present, score)
    assert guess["ci_low"] < 0.5 < guess["ci_high"]


def test_one_turtle_among_few_photographs_has_a_wide_interval_and_none_is_refused():
    one = evaluate.presence(np.arange(6.0), np.arange(6) == 5)
    assert one == {"mean": 1.0, "ci_low": 0.0, "ci_high": 1.0}
    with pytest.raises(ValueError, match="none of the 6 images"):
        evaluate.presence(np.arange(6.0), np.zeros(6, bool))


def test_the_colour_baseline_is_green_and_blue_less_twice_red(tmp_path):
    colours = {"sea": (10, 120, 200), "grey": (90, 90, 90), "fire": (250, 40, 20)}
    paths = [paint(tmp_path / f"{name}.png", colour) for name, colour in colours.items()]
    np.testing.assert_allclose(evaluate.colour_baseline(paths), [300, 0, -440])


@pytest.fixture
def photos(tmp_path):
    """Six turtles in blue, two of one individual, and six others in red."""
    rows = []
    for i in range(12):
        path = paint(tmp_path / f"{i}.png", (10 + i, 100, 200) if i < 6 else (200 + i, 60, 40))
        rows.append((f"p/{i}", path, "turtle" if i < 6 else "dog", "t001" if i < 2 else None))
    return pd.DataFrame(rows, columns=["image_id", "path", "category", "identity"], dtype=object)


def test_presence_in_photographs_puts_the_baseline_beside_the_model(photos, monkeypatch):
    asked = []
    rows = np.array([[1.0, 0.0]] * 6 + [[0.0, 1.0]] * 6, np.float32)
    monkeypatch.setattr(embed, "images", lambda encoder, items: rows)

    def texts(encoder, sentences):
        asked.extend(sentences)
        return rows[[0] if sentences == evaluate.PHOTO_QUERIES else [6]]

    monkeypatch.setattr(embed, "texts", texts)
    result = evaluate.presence_in_photographs(None, photos)
    assert asked == [*evaluate.PHOTO_QUERIES, *evaluate.PHOTO_AGAINST]
    assert result["chance"] == 0.5 and result["AP"]["mean"] == result["colour"]["mean"] == 1.0
    np.testing.assert_allclose(result["score"], np.repeat([0.5**0.5, -(0.5**0.5)], 6), rtol=1e-6)


def test_on_greyscale_copies_colour_is_blind_and_the_model_sees_no_colour(photos, monkeypatch):
    seen = []

    def preprocess(image):
        import torch

        pixels = np.asarray(image, np.float32)
        seen.append(bool((pixels == pixels[..., :1]).all()))
        return torch.from_numpy(pixels.transpose(2, 0, 1))

    def encode_pixels(pixels):
        dark = (pixels.mean(dim=(1, 2, 3)) < 90).numpy()
        return np.stack([dark, ~dark], 1).astype(np.float32)

    encoder = SimpleNamespace(preprocess=preprocess, encode_pixels=encode_pixels)
    monkeypatch.setattr(embed, "texts", lambda encoder, texts: np.eye(2, dtype=np.float32)[[int(len(texts) > 2)]])
    result = evaluate.presence_in_photographs(encoder, photos, grey=True)
    assert seen == [True] * 12
    assert result["colour"]["mean"] == result["chance"] == 0.5
    assert result["score"].shape == (12,)


# naming


@pytest.mark.parametrize("classes", [2, 7, 31])
def test_naming_is_counted_with_the_intervals_of_its_accuracies(classes):
    rng = np.random.default_rng(classes)
    y_true, prob = rng.integers(0, classes, 90), rng.dirichlet(np.full(classes, 0.3), 90)
    prob[:40] = prob[:40] / 2 + np.eye(classes)[y_true[:40]] / 2  # some are right
    found, plain = evaluate.naming(y_true, prob), metrics.classification(y_true, prob)
    right = np.array([int(row.argmax()) == label for row, label in zip(prob, y_true, strict=True)])
    assert found["accuracy"] == metrics.wilson(right)
    assert found["macro_accuracy"] == metrics.macro_bootstrap(y_true, right)
    assert {key: found[key] for key in ("macro_f1", "top5", "ece")} == {
        key: plain[key] for key in ("macro_f1", "top5", "ece")
    }
    assert found.keys() == plain.keys() and 0 < right.mean() < 1
    for name in ("accuracy", "macro_accuracy"):
        assert found[name]["mean"] == pytest.approx(plain[name])
        assert found[name]["ci_low"] < found[name]["mean"] < found[name]["ci_high"]


def test_a_rare_class_counts_as_much_as_a_common_one_in_the_macro_accuracy():
    y_true = np.repeat([0, 1], [18, 2])
    found = evaluate.naming(y_true, np.tile([0.9, 0.1], (20, 1)))
    assert found["accuracy"]["mean"] == 0.9 and found["macro_accuracy"]["mean"] == 0.5


def test_the_truth_may_be_a_list_and_equal_probabilities_name_the_lower_class():
    found = evaluate.naming([0, 1, 1], [[0.5, 0.5], [0.5, 0.5], [0.2, 0.8]])
    assert found["accuracy"]["mean"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("y_true", "prob", "message"),
    [
        ([0, 2], np.eye(2), "y_true"),
        ([0], np.eye(2), "y_true"),
        ([0, 1], 2 * np.eye(2), "sum to 1"),
        ([0, 1], np.eye(2) * np.nan, "NaN"),
        ([], np.zeros((0, 2)), "prob"),
    ],
)
def test_names_without_probabilities_or_classes_are_refused(y_true, prob, message):
    with pytest.raises(ValueError, match=message):
        evaluate.naming(np.array(y_true, int), prob)


# breakdowns


def test_bins_have_their_own_means_in_the_order_asked_for():
    values, bins = np.array([1.0, 0.0, 1.0, 1.0, 0.0]), ["murky", "murky", "clear", None, "clear"]
    table = evaluate.by_bin(values, bins, ["murky", "clear", "hazy"])
    assert (
        list(table["bin"]) == ["murky", "clear"] and list(table["value"]) == [0.5, 0.5] and list(table["n"]) == [2, 2]
    )
    assert list(evaluate.by_bin(values, bins)["bin"]) == ["clear", "murky"]
    assert ((table["ci_low"] <= table["value"]) & (table["value"] <= table["ci_high"])).all()


def test_no_bins_give_an_empty_table_with_its_columns():
    table = evaluate.by_bin(np.ones(2), [None, None])
    assert table.empty and list(table) == ["bin", "value", "ci_low", "ci_high", "n"]


def test_the_turtle_of_an_image_is_the_largest_that_is_seen():
    of = facts(turtle(50), turtle(80), turtle(900, seen=False), turtle(500, kind="shark"))
    assert evaluate.turtle_of(of)["area"] == 80
    assert evaluate.turtle_of(facts(turtle(900, seen=False))) is None
    assert evaluate.turtle_of({"objects": None}) is None


def test_bins_of_a_turtle_photo_say_water_light_size_and_state():
    of = [
        facts(turtle(399, ["net", "hook"]), turbidity=0.29),
        facts(turtle(400), turbidity=0.30, light="dim"),
        facts(turtle(1500, ["rope"]), turbidity=0.5),
        facts(turbidity=None, light=None),
    ]
    table = evaluate.turtle_bins(pd.DataFrame({"facts": of}))
    assert list(table["water"]) == ["clear", "hazy", "murky", None]
    assert list(table["light"]) == ["bright", "dim", "bright", None]
    assert list(table["size"]) == ["small (< 4 %)", "middle", "large (> 15 %)", None]
    assert list(table["state"]) == ["net", "free", "rope", None]


def test_a_kind_is_judged_by_how_well_its_name_sorts_its_images_to_the_front():
    image_emb = np.eye(2, dtype=np.float32)[[0, 0, 0, 1, 1]]
    labels = [["crab"], ["crab", "net"], ["crab"], ["net"], []]
    table = evaluate.by_kind(
        image_emb, labels, lambda sentences: image_emb[[0 if "crab" in sentences[0] else 3]], least=2
    )
    assert list(table["bin"]) == ["crab", "net"] and list(table["n"]) == [3, 2]
    assert table["value"][0] == 1.0 and table["value"][1] < 1.0
    assert list(table["chance"]) == [0.6, 0.4]
