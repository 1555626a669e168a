"""Classification: an encoder that knows few words, clouds of points as classes, loops and scikit-learn as oracles."""

import math
import tomllib
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from utils import classify, config, datasets, encoders, metrics
from utils.classify import KNN, Conformal, LinearProbe, MiniBatchProbe, Taxonomy, TextProbe, TipAdapter
from utils.classify.choice import folds_of
from utils.classify.classes import spelling
from utils.datasets.readers.artphoto import EMOTIONS
from utils.reef import landmarks, layouts, looks, species
from utils.reef.species import SPECIES

NAMES = ["bass", "carp", "eel"]


class WordEncoder:
    """Looks like CLIP's text side: a text is the counts of its letters; a word is a token, and 8 are the context."""

    name, fingerprint, dim, context = "words", "e" * 64, 26, 8

    def __init__(self):
        self.truncated, self.texts = 0, []

    def tokenize(self, texts):
        self.truncated += sum(len(text.split()) > self.context for text in texts)
        return [text.split()[: self.context] for text in texts]

    def encode_texts(self, texts):
        self.texts += texts
        tokens = ["".join(row).lower() for row in self.tokenize(texts)]
        rows = np.array([[text.count(chr(97 + i)) for i in range(26)] for text in tokens], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def clouds(counts, seed=0, d=12, spread=0.5, names=NAMES):
    """Unit rows round a direction a class, the same directions for every seed, and their labels."""
    middles = unit(np.random.default_rng(99).normal(size=(len(names), d)))
    rng, codes = np.random.default_rng(seed), np.repeat(np.arange(len(names)), counts)
    order = rng.permutation(len(codes))
    rows = middles[codes] + spread * rng.normal(size=(len(codes), d))
    return unit(rows)[order], [names[i] for i in codes[order]]


def random_prob(rng, n, c):
    return rng.dirichlet(np.full(c, 0.5), n)


def frame_of(**splits):
    rows = [(label, split) for split, labels in splits.items() for label in labels]
    return pd.DataFrame(rows, columns=["label", "split"], dtype=object)


# classes


def test_classes_are_sorted_names_and_codes():
    names, codes = classify.check_labels(frame_of(train=["eel", "carp"], val=["carp", "eel"], test=["eel", "carp"]))
    assert names == ["carp", "eel"] and codes.tolist() == [1, 0, 0, 1, 1, 0] and codes.dtype == np.int64
    assert classify.codes_of(["eel", "bass"], NAMES).tolist() == [2, 0]
    with pytest.raises(ValueError, match="unknown labels: cod; the 3 classes are bass, carp, eel"):
        classify.codes_of(["eel", "cod"], NAMES)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Tilapia", "tilapia"),
        ("Big Head Carp", "Big_Head_Carp"),
        ("Big Head Carp", "BigHead-carp"),
        ("Rémora", "Remora"),
    ],
)
def test_a_species_spelled_differently_between_splits_is_named_with_both_spellings(one, other):
    frame = frame_of(train=[one, one, "eel"], val=[other, "eel"], test=[one, "eel"])
    with pytest.raises(ValueError, match=f"{other!r} \\(1 images in val\\) is spelled {one!r} elsewhere.*replace"):
        classify.check_labels(frame)
    fixed = frame.replace({"label": {other: one}})
    assert classify.check_labels(fixed).names == sorted([one, "eel"])


def test_the_expected_spelling_is_suggested_however_rare_it_is():
    frame = frame_of(train=["tilapia", "tilapia", "eel"], val=["Tilapia", "eel"])
    with pytest.raises(ValueError, match="'tilapia' \\(2 images in train\\) is spelled 'Tilapia' elsewhere"):
        classify.check_labels(frame, expected=["Tilapia", "eel"])
    with pytest.raises(ValueError, match="'Eel' .*is spelled 'eel'"):
        classify.check_labels(frame_of(train=["Eel", "carp"]), expected=["eel", "carp"])


def test_no_two_classes_of_a_data_set_are_spelled_alike():
    for names in (species.SPECIES, ["Silver Carp", "Silver Perch", "Silver Barb", "cat", "car"]):
        assert len({spelling(name) for name in names}) == len(names)


def test_one_class_only_is_refused():
    with pytest.raises(ValueError, match="all 3 images are of one class, 'eel'"):
        classify.check_labels(frame_of(train=["eel", "eel"], val=["eel"]))
    with pytest.raises(ValueError, match="all 4 images are of one class, 'eel'"):
        LinearProbe.fit(np.eye(4), ["eel"] * 4)


def test_a_class_that_train_lacks_is_an_error_that_guesses_the_spelling():
    with pytest.raises(ValueError, match=r"1 of 3 classes have no image in train: Tilapa \(is it 'Tilapia'\?\)"):
        classify.check_labels(frame_of(train=["Tilapia", "eel"], val=["Tilapa", "eel"], test=["Tilapia", "eel"]))
    with pytest.raises(ValueError, match="train: Tilapa. They"):  # which stands beside the other in one split
        classify.check_labels(frame_of(train=["Tilapia", "eel"], val=["eel"], test=["Tilapa", "Tilapia", "eel"]))
    with pytest.raises(ValueError, match="no image in train: bass. They cannot be learned"):
        classify.check_labels(frame_of(train=["carp", "eel"], test=["carp", "eel", "bass"]))


def test_a_class_that_another_split_lacks_is_named_in_a_warning():
    frame = frame_of(train=NAMES, val=NAMES, test=["carp", "eel"])
    with pytest.warns(UserWarning, match="1 of 3 classes have no image in test: bass. Nothing is measured"):
        assert classify.check_labels(frame).names == NAMES
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classify.check_labels(frame[frame["split"] != "test"])
        classify.check_labels(frame.assign(split=None))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (frame_of(train=["eel", None, ""]), "2 of 3 images have no label"),
        (frame_of(), "0 of 0 images"),
        (pd.DataFrame({"label": ["eel"]}), "missing columns: split"),
    ],
)
def test_frames_without_labels_are_refused(frame, message):
    with pytest.raises(ValueError, match=message):
        classify.check_labels(frame)


def test_a_split_that_is_not_there_is_named():
    frame = frame_of(train=["eel", "carp"], val=["eel", "carp"])
    assert classify.check_labels(frame, splits=["train", "val"]).names == ["carp", "eel"]
    with pytest.raises(ValueError, match="no image is in test: are the folders there"):
        classify.check_labels(frame, splits=["train", "val", "test"])


def test_an_empty_species_folder_is_named():
    with pytest.raises(ValueError, match="1 classes have no image in any split: Mullet. Are their folders empty"):
        classify.check_labels(frame_of(train=["eel", "carp"]), expected=["carp", "eel", "Mullet"])


def test_a_folder_of_fish_is_checked_as_it_is_read(tmp_path):
    from PIL import Image

    for folder in ("train/Tilapia", "train/Goby", "train/Mullet", "val/tilapia", "val/Goby"):
        (tmp_path / folder).mkdir(parents=True)
        if "Mullet" not in folder:
            Image.new("RGB", (8, 8)).save(tmp_path / folder / "a.png")
    (tmp_path / "train/Goby/broken.jpg").write_bytes(b"no image")
    with pytest.warns(UserWarning, match="1 of 5 images skipped: .*broken.jpg"):
        frame = datasets.load("fish31", root=tmp_path)
    frame["split"] = [facts["splits"]["published"] for facts in frame["facts"]]
    with pytest.raises(ValueError, match="spelled in several ways: .*'tilapia' \\(1 images in val\\)"):
        classify.check_labels(frame)
    frame["label"] = frame["label"].replace({"tilapia": "Tilapia"})
    with pytest.raises(ValueError, match="no image in any split: Mullet"):
        classify.check_labels(frame, expected=["Tilapia", "Goby", "Mullet"])


# prompts


def test_prompts_are_every_template_with_every_word():
    said = classify.wordings(["Gold_Fish", "eel"], ["a {}", "this is {}"], {"eel": ["dark eel", "unagi"]})
    assert said == [
        ["a Gold Fish", "this is Gold Fish"],
        ["a dark eel", "this is dark eel", "an unagi", "this is unagi"],
    ]


@pytest.mark.parametrize(
    ("word", "article"),
    [("eel", "an"), ("Indian Carp", "an"), ("unicorn", "a"), ("European eel", "a"), ("hour", "an"), ("house", "a"),
     ("one-eyed fish", "a"), ("unusual fish", "an"), ("umbrella", "an"), ("useful fish", "a"), ("usher", "an"), ("uninjured fish", "an")],
)  # fmt: skip
def test_an_article_is_the_one_that_the_word_asks_for(word, article):
    first, second = classify.wordings([word], ["a photo of a {}", "A {} at sea"])[0]
    assert first == f"a photo of {article} {word}" and second == f"{article.title()} {word} at sea"


def test_only_an_article_before_the_class_changes():
    said = classify.wordings(["eel"], ["a {}", "a big {}", "pizza {}", "a photo of the {}"])[0]
    assert said == ["an eel", "a big eel", "pizza eel", "a photo of the eel"]


def test_definitions_are_said_as_they_are():
    text = "a feeling of {wonder} and under_scores, at the sight of 100 % {}"
    assert classify.wordings(["awe"], ("{}",), {"awe": text}) == [[text]]


@pytest.mark.parametrize("template", ["a photo", "a {} on a {}", "a {label}", "a {0}", "", "a { }"])
def test_a_template_without_one_place_is_named(template):
    with pytest.raises(ValueError, match="must have one place") as error:
        classify.class_embeddings(WordEncoder(), NAMES, ["a {}", template])
    assert repr(template) in str(error.value)


@pytest.mark.parametrize(
    ("labels", "templates", "words", "message"),
    [
        ([], ["{}"], None, "give at least one"),
        (["eel", "eel"], ["{}"], None, "each once"),
        (["eel"], [], None, "must have one place"),
        (["eel"], ["{}"], {"eal": "x"}, "words for eal, but the labels are eel"),
        (["eel"], ["{}"], {"eel": []}, "is said of eel"),
        (["eel"], ["{}"], {"eel": ["x", " "]}, "is said of eel"),
    ],
)
def test_what_cannot_be_said_is_refused(labels, templates, words, message):
    with pytest.raises(ValueError, match=message):
        classify.wordings(labels, templates, words)


def test_a_class_is_the_mean_direction_of_its_prompts():
    encoder, words = WordEncoder(), {"eel": ["long dark eel", "unagi"]}
    found = classify.class_embeddings(encoder, NAMES, ["a {}", "see the {} swim"], words)
    for row, prompts in zip(found, classify.wordings(NAMES, ["a {}", "see the {} swim"], words), strict=True):
        mean = np.mean([encoder.encode_texts([prompt])[0] for prompt in prompts], axis=0)
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-6)
    assert found.dtype == np.float32 and found.shape == (3, 26)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


def test_one_prompt_is_its_own_embedding_and_the_order_is_that_of_the_labels():
    encoder = WordEncoder()
    found = classify.class_embeddings(encoder, NAMES)
    expected = encoder.encode_texts([f"a photo of {text}" for text in ("a bass", "a carp", "an eel")])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    np.testing.assert_allclose(classify.class_embeddings(encoder, NAMES[::-1]), found[::-1])


def test_text_beyond_the_context_is_counted_once_and_its_classes_named():
    long = "a fish with " + "very " * 9 + "long barbels"
    for cache in (False, True, True):  # the third finds the second's embeddings
        encoder = WordEncoder()
        with pytest.warns(UserWarning, match="2 prompts are longer than the 8 tokens of words .* 1 classes: carp"):
            classify.class_embeddings(encoder, NAMES, ["a {}", "{}"], {"carp": long}, cache=cache)
        assert encoder.truncated == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classify.class_embeddings(encoder, NAMES)


def test_a_text_over_77_tokens_keeps_its_end_token():
    encoder = encoders.load("clip-vit-openai", device="cpu", precision="fp32")
    long = "sea turtle " * 60
    with pytest.warns(UserWarning, match="1 prompts are longer than the 77 tokens .*: awe"):
        emb = classify.class_embeddings(encoder, ["awe", "fear"], ["{}"], {"awe": long})
    assert encoder.truncated == 1 and np.isfinite(emb).all()
    (cut,), (short,) = encoder.tokenize([long]), encoder.tokenize(["a"])
    assert len(cut) == 77 and cut[-1] == short[-1]
    np.testing.assert_allclose(emb[0], encoder.encode_texts([long])[0], atol=1e-5)


def test_descriptions_say_what_a_class_looks_like():
    looks = {"Gold_Fish": ["a long tail", "is orange", "Often swims alone"], "eel": ["dark skin"]}
    said = classify.descriptions(["Gold_Fish"], looks)
    tails = ["has a long tail", "is orange", "Often swims alone"]
    assert said == {"Gold_Fish": [f"Gold Fish, which {tail}" for tail in tails]}
    assert classify.descriptions(["eel", "Gold_Fish"], looks, named=False) == looks
    assert classify.wordings(["Gold_Fish"], ["{}"], said) == list(said.values())
    with pytest.raises(KeyError, match="no looks are given for carp, bass"):
        classify.descriptions(["eel", "carp", "bass"], looks | {"bass": []})


# zero-shot


def test_zero_shot_is_the_softmax_of_scaled_cosines():
    rng = np.random.default_rng(0)
    for _ in range(50):
        images, texts, scale = unit(rng.normal(size=(7, 5))), unit(rng.normal(size=(4, 5))), rng.uniform(0.1, 100)
        prob = classify.zero_shot(images, texts, scale)
        for row, image in zip(prob, images, strict=True):
            odds = [math.exp(scale * float(image @ text)) for text in texts]
            np.testing.assert_allclose(row, np.array(odds) / sum(odds), rtol=1e-4, atol=1e-12)
        assert (prob.argmax(1) == (images @ texts.T).argmax(1)).all()
    assert np.isfinite(classify.softmax([[1e5, -1e5]])).all()


def test_labels_of_one_image_do_not_compete():
    images, texts = np.eye(3)[:2], unit(np.array([[1.0, 1, 0], [1, 0, 0]]))
    np.testing.assert_allclose(classify.cosines(images, texts), [[0.5**0.5, 1], [0.5**0.5, 0]], atol=1e-6)
    np.testing.assert_allclose(classify.cosines(images, texts[:1]), classify.cosines(images, texts)[:, :1])


@pytest.mark.parametrize(
    ("images", "texts", "scale", "message"),
    [
        (2 * np.eye(2), np.eye(2), 100, "image_emb.0. is not of unit length"),
        (np.eye(2), 0 * np.eye(2), 100, "class_emb.0. is not of unit length"),
        (np.eye(2), np.eye(3), 100, "different models"),
        (np.full((1, 2), np.nan), np.eye(2), 100, "NaN"),
        (np.eye(2)[:0], np.eye(2), 100, "shape"),
        (np.eye(2), np.eye(2), 0, "scale is 0"),
        (np.eye(2), np.eye(2), np.nan, "scale is nan"),
    ],
)
def test_bad_embeddings_are_refused(images, texts, scale, message):
    with pytest.raises(ValueError, match=message):
        classify.zero_shot(images, texts, scale)


def nll(scores, y, scale):
    prob = classify.softmax(scale * scores)
    return -np.log(prob[np.arange(len(y)), y]).mean()


def test_the_temperature_has_the_greatest_likelihood_of_a_fine_grid():
    rng = np.random.default_rng(1)
    for _ in range(40):
        scores = rng.uniform(-0.5, 0.5, (60, 4))
        true = rng.uniform(3, 20)
        y = np.array([rng.choice(4, p=row) for row in classify.softmax(true * scores)])
        found = classify.fit_temperature(scores, y)
        grid = np.geomspace(0.01, 1000, 400)
        assert nll(scores, y, found) <= min(nll(scores, y, scale) for scale in grid) + 1e-9


def test_the_temperature_finds_the_scale_that_made_the_labels():
    rng = np.random.default_rng(2)
    scores = rng.uniform(-1, 1, (20000, 5))
    prob = classify.softmax(12 * scores)
    y = (prob.cumsum(1) < rng.random((20000, 1))).sum(1)
    found = classify.fit_temperature(scores, y)
    assert found == pytest.approx(12, rel=0.03)
    honest, boastful = (metrics.classification(y, classify.softmax(s * scores))["ece"] for s in (found, 60))
    assert honest < 0.02 < 0.1 < boastful


def test_a_bound_that_is_hit_is_said():
    scores, y = np.eye(3), np.arange(3)
    with pytest.warns(UserWarning, match="at its bound 1000: .*3 images the scores are all but never wrong"):
        assert classify.fit_temperature(scores, y) == 1000
    with pytest.warns(UserWarning, match="bound 0.01: .*no better than chance"):
        assert classify.fit_temperature(-scores, y) == 0.01
    with pytest.warns(UserWarning, match="bound 20"):
        assert classify.fit_temperature(scores, y, bounds=(1, 20)) == 20


@pytest.mark.parametrize(
    ("scores", "y", "bounds", "message"),
    [
        (np.eye(3), [0, 1], (1, 2), "y_true has shape .2,.; it must hold a class from 0 to 2 for each of 3 rows"),
        (np.eye(3), [0, 1, 3], (1, 2), "y_true holds .*3.*; it must hold a class from 0 to 2"),
        (np.full((1, 2), np.nan), [0], (1, 2), "NaN"),
        (np.zeros((0, 3)), [], (1, 2), "shape"),
        (np.eye(2), [0, 1], (2, 1), "bounds are"),
        (np.eye(2), [0, 1], (0, 1), "bounds are"),
    ],
)
def test_a_temperature_needs_scores_and_classes(scores, y, bounds, message):
    with pytest.raises(ValueError, match=message):
        classify.fit_temperature(scores, y, bounds)


# the choice of settings


def test_validation_images_are_the_one_fold():
    emb, labels = clouds(6)
    known = classify.Classes(NAMES, classify.codes_of(labels, NAMES))
    (fold,) = folds_of(emb, known, emb[:4], labels[:4])
    assert fold.emb is emb and (fold.val_emb == emb[:4]).all() and (fold.val_codes == known.codes[:4]).all()


def test_folds_are_stratified_seeded_and_share_no_row():
    emb, labels = clouds((10, 15, 20))
    known = classify.Classes(NAMES, classify.codes_of(labels, NAMES))
    folds = folds_of(emb, known, folds=5, seed=1)
    assert [np.bincount(fold.val_codes).tolist() for fold in folds] == [[2, 3, 4]] * 5
    held = np.concatenate([fold.val_emb for fold in folds])
    assert sorted(map(tuple, held)) == sorted(map(tuple, emb))
    for fold in folds:
        assert not set(map(tuple, fold.emb)) & set(map(tuple, fold.val_emb)) and len(fold.emb) == 36
    again, other = folds_of(emb, known, folds=5, seed=1), folds_of(emb, known, folds=5, seed=2)
    assert (again[0].val_emb == folds[0].val_emb).all() and not (other[0].val_emb == folds[0].val_emb).all()


@pytest.mark.parametrize("probe", [KNN, LinearProbe])
def test_too_few_images_for_the_folds_are_named(probe):
    emb, labels = clouds((3, 10, 10))
    with pytest.raises(ValueError, match=r"5 folds need 5 images of each class; fewer have bass \(3\)"):
        probe.fit(emb, labels)
    assert probe.fit(emb, labels, folds=3).classes == NAMES


@pytest.mark.parametrize("probe", [KNN, LinearProbe, MiniBatchProbe])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y, v, w: (x, y[:-1], v, w), "30 embeddings and 29 labels"),
        (lambda x, y, v, w: (x[:0], [], v, w), "at least one row"),
        (lambda x, y, v, w: (np.where(np.eye(30, 12) > 0, np.nan, x), y, v, w), "12 of 30 embeddings hold NaN"),
        (lambda x, y, v, w: (x, y, v, ["cod"] * len(w)), "unknown labels: cod"),
        (lambda x, y, v, w: (x, y, v, None), "belong together"),
        (lambda x, y, v, w: (x, y, unit(v[:, :5]), w), "emb has 12 dimensions, val_emb 5"),
        (lambda x, y, v, w: (x, ["eel"] * 30, v, w), "all 30 images are of one class"),
    ],
)
def test_probes_refuse_bad_rows(probe, change, message):
    emb, labels = clouds(10)
    with pytest.raises(ValueError, match=message):
        probe.fit(*change(emb, labels, *clouds(5, seed=1)))


# nearest neighbours


def knn_loop(emb, labels, image, k, temperature):
    near = sorted(range(len(emb)), key=lambda i: (-float(np.float32(emb[i]) @ np.float32(image)), i))[:k]
    votes = dict.fromkeys(sorted(set(labels)), 0.0)
    for i in near:
        votes[labels[i]] += math.exp(float(emb[i] @ image) / temperature)
    return np.array(list(votes.values())) / sum(votes.values())


def test_nearest_neighbours_vote_as_in_a_loop():
    rng = np.random.default_rng(3)
    for seed in range(60):
        emb, labels = clouds(rng.integers(4, 9, 3), seed=seed, d=4, spread=1.0)
        k, heat = int(rng.integers(1, 10)), float(rng.uniform(0.05, 0.5))
        probe = KNN.fit(emb, labels, emb[:5], labels[:5], ks=[k], temperatures=[heat])
        images = clouds(4, seed=1000 + seed, d=4)[0]
        expected = [knn_loop(emb, labels, image, k, heat) for image in images]
        np.testing.assert_allclose(probe.predict_proba(images), expected, atol=1e-4)


def test_one_neighbour_is_scikit_learns():
    from sklearn.neighbors import KNeighborsClassifier

    emb, labels = clouds(30, spread=1.0)
    images = clouds(30, seed=1, spread=1.0)[0]
    probe = KNN.fit(emb, labels, emb, labels, ks=[1])
    expected = KNeighborsClassifier(1).fit(emb, labels).predict_proba(images)
    np.testing.assert_allclose(probe.predict_proba(images), expected)


def test_k_and_temperature_are_the_best_of_the_grid_and_the_smoothest_of_equals():
    emb, labels = clouds((40, 12, 6), spread=0.9)
    val_emb, val_labels = clouds(20, seed=1, spread=0.9)
    probe, y = KNN.fit(emb, labels, val_emb, val_labels), classify.codes_of(val_labels, NAMES)
    by_hand = {}
    for k in (1, 3, 5, 10, 20, 50):
        for heat in (0.02, 0.07, 0.2):
            prob = KNN.fit(emb, labels, val_emb, val_labels, [k], [heat]).predict_proba(val_emb)
            by_hand[k, heat] = round(metrics.classification(y, prob)["macro_accuracy"], 9)
    best = max(by_hand.values())
    assert (probe.k, probe.temperature) == max(key for key, value in by_hand.items() if value == best)
    assert len(probe.searched) == 18 and probe.searched["macro_accuracy"].max() == pytest.approx(best)
    easy = KNN.fit(*clouds(10, spread=0.01), *clouds(5, seed=1, spread=0.01), ks=(1, 3, 5, 99))
    assert (easy.k, easy.temperature) == (5, 0.2)


@pytest.mark.parametrize(("ks", "heats"), [([0], [0.1]), ([99], [0.1]), ([1], [0.0]), ([1], []), ([], [0.1])])
def test_a_k_that_cannot_be_used_is_refused(ks, heats):
    with pytest.raises(ValueError, match="give k from 1 to 12 and temperatures above 0"):
        KNN.fit(*clouds(4), *clouds(2, seed=1), ks=ks, temperatures=heats)


def test_neighbours_need_rows_of_unit_length():
    emb, labels = clouds(6)
    with pytest.raises(ValueError, match="not of unit length"):
        KNN.fit(2 * emb, labels)
    with pytest.raises(ValueError, match="not of unit length"):
        KNN.fit(emb, labels).predict_proba(2 * emb)


# the linear probe


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("names", [NAMES, NAMES[:2]])
def test_the_linear_probe_is_scikit_learns(names, class_weight):
    from sklearn.linear_model import LogisticRegression

    emb, labels = clouds([30, 12, 6][: len(names)], names=names, spread=0.8)
    images = clouds(10, seed=1, names=names)[0]
    for strength in (0.01, 1.0):
        probe = LinearProbe.fit(emb, labels, strengths=[strength], class_weight=class_weight)
        expected = LogisticRegression(C=1 / strength, class_weight=class_weight, tol=1e-8, max_iter=5000).fit(
            emb, labels
        )
        np.testing.assert_allclose(probe.predict_proba(images), expected.predict_proba(images), atol=2e-3)
        assert probe.classes == list(expected.classes_) and probe.strength == strength and probe.searched.empty


def test_the_strength_is_the_best_on_validation_and_the_strongest_of_equals():
    emb, labels = clouds((40, 15, 5), spread=1.2)
    val_emb, val_labels = clouds(30, seed=1, spread=1.2)
    y = classify.codes_of(val_labels, NAMES)
    probe = LinearProbe.fit(emb, labels, val_emb, val_labels, strengths=(10, 1e-3, 0.1, 1))
    alone = [LinearProbe.fit(emb, labels, strengths=[s]).predict_proba(val_emb) for s in (10, 1, 0.1, 1e-3)]
    scores = [metrics.classification(y, prob)["macro_accuracy"] for prob in alone]
    assert probe.strength == (10, 1, 0.1, 1e-3)[int(np.argmax(scores))]
    np.testing.assert_allclose(probe.searched["macro_accuracy"], scores, atol=0.02)
    assert probe.searched["strength"].tolist() == [10, 1, 0.1, 1e-3]
    easy = LinearProbe.fit(*clouds(10, spread=0.01), *clouds(5, seed=1, spread=0.01))
    assert easy.strength == 10 and (easy.searched["macro_accuracy"] == 1).all()


def test_without_validation_images_folds_choose_the_same_every_time():
    emb, labels = clouds((20, 10, 10), spread=1.2)
    one, again, other = (LinearProbe.fit(emb, labels, seed=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(one.searched, again.searched)
    np.testing.assert_array_equal(one.weight, again.weight)
    assert not one.searched.equals(other.searched)


def test_folds_judge_rows_that_were_not_learned_from():
    emb, labels = clouds((20, 10, 10), spread=1.2)
    probe = KNN.fit(emb, labels, ks=[1], temperatures=[1])
    assert (probe.predict_proba(emb).argmax(1) == classify.codes_of(labels, NAMES)).all()
    assert probe.searched["accuracy"].item() < 0.9


def test_logit_adjustment_takes_the_log_prior_off():
    emb, labels = clouds((40, 15, 5), spread=1.0)
    images = clouds(20, seed=2, spread=1.0)[0]
    plain, adjusted = (LinearProbe.fit(emb, labels, strengths=[1], adjust=tau) for tau in (0, 0.7))
    np.testing.assert_allclose(plain.prior, np.array([40, 15, 5]) / 60)
    expected = plain.predict_proba(images) / plain.prior**0.7
    np.testing.assert_allclose(adjusted.predict_proba(images), expected / expected.sum(1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize("settings", [{"adjust": 1.0}, {"class_weight": "balanced"}])
def test_balancing_lifts_the_rare_class(settings):
    emb, labels = clouds((150, 40, 6), spread=0.9)
    images, truth = clouds(60, seed=1, spread=0.9)
    y = classify.codes_of(truth, NAMES)

    def recall(probe):
        return (probe.predict_proba(images).argmax(1) == y)[y == 2].mean()

    assert recall(LinearProbe.fit(emb, labels, strengths=[1], **settings)) > recall(LinearProbe.fit(emb, labels, strengths=[1])) + 0.1  # fmt: skip


def test_tau_is_chosen_on_validation_and_the_least_of_equals():
    emb, labels = clouds((150, 40, 6), spread=0.9)
    probe = LinearProbe.fit(emb, labels, *clouds(40, seed=1, spread=0.9), strengths=[1], adjust=(0, 0.5, 1))
    table = probe.searched.set_index("adjust")["macro_accuracy"]
    assert probe.adjust == table.idxmax() > 0 and table[probe.adjust] > table[0]
    easy = LinearProbe.fit(*clouds(10, spread=0.01), *clouds(5, seed=1, spread=0.01), strengths=[1], adjust=(1, 0, 0.5))
    assert easy.adjust == 0


def test_standardised_features_may_have_any_scale_and_a_constant():
    emb, labels = clouds(20, spread=0.8)
    images, truth = clouds(20, seed=1, spread=0.8)

    def stretched(rows):
        return np.hstack([rows * np.geomspace(1e-3, 1e3, 12) + 3, np.full((60, 1), 0.1)])

    plain, wide = (LinearProbe.fit(x, labels, standardise=True, strengths=[0.1]) for x in (emb, stretched(emb)))
    scale = (13 / 12) ** 0.5  # a constant feature counts among those that share the length of a row
    other = LinearProbe.fit(emb, labels, standardise=True, strengths=[0.1 * scale**2])
    np.testing.assert_allclose(wide.predict_proba(stretched(images)), other.predict_proba(images), atol=2e-3)
    shifted = stretched(images) + np.eye(13)[12] * 1e-9
    np.testing.assert_allclose(wide.predict_proba(shifted), wide.predict_proba(stretched(images)), atol=1e-6)
    assert metrics.classification(classify.codes_of(truth, NAMES), plain.predict_proba(images))["accuracy"] > 0.6


def test_standardised_features_are_scikit_learns_scaler_but_for_the_length_of_a_row():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    emb, labels = clouds((20, 10, 10), spread=0.8)
    images = clouds(20, seed=1, spread=0.8)[0]
    expected = make_pipeline(StandardScaler(), LogisticRegression(C=1 / 0.3 / 12, tol=1e-8, max_iter=5000))
    found = LinearProbe.fit(emb, labels, standardise=True, strengths=[0.3])
    np.testing.assert_allclose(found.predict_proba(images), expected.fit(emb, labels).predict_proba(images), atol=2e-3)


@pytest.mark.parametrize(
    "bad", [{"strengths": []}, {"strengths": [0]}, {"strengths": [-1, 1]}, {"adjust": ()}, {"class_weight": "fair"}]
)
def test_settings_that_make_no_sense_are_refused(bad):
    with pytest.raises(ValueError, match="strengths|class_weight"):
        LinearProbe.fit(*clouds(6), **bad)


@pytest.mark.parametrize("probe", [LinearProbe, MiniBatchProbe])
def test_a_probe_refuses_rows_of_another_model(probe):
    with pytest.raises(ValueError, match="emb has 5 dimensions; the probe has learned from 12"):
        probe.fit(*clouds(6)).predict_proba(np.ones((2, 5)))


# the seed's probe


def test_training_by_mini_batches_keeps_a_history_and_is_fixed_by_its_seed():
    import torch

    emb, labels = clouds((20, 15, 12))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    one, again, other = (MiniBatchProbe.fit(emb, labels, *clouds(8, seed=1), rate=0.01, seed=s) for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert one.history.columns.tolist() == ["epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy"]
    assert one.history["epoch"].tolist() == [1, 2, 3, 4, 5, 6, 7] and one.history["train_loss"].is_monotonic_decreasing
    pd.testing.assert_frame_equal(one.history, again.history)
    assert not np.array_equal(one.weight, other.weight)
    alone = MiniBatchProbe.fit(emb, labels, rate=0.01)
    np.testing.assert_array_equal(alone.weight, one.weight)
    assert list(alone.history) == ["epoch", "train_loss", "train_accuracy"]


def test_the_history_is_what_the_probe_scores():
    emb, labels = clouds(10)
    val_emb, val_labels = clouds(6, seed=1)
    probe = MiniBatchProbe.fit(emb, labels, val_emb, val_labels, epochs=3)
    for name, rows, own in (("train", emb, labels), ("val", val_emb, val_labels)):
        prob, y = probe.predict_proba(rows), classify.codes_of(own, NAMES)
        assert probe.history[f"{name}_loss"].iloc[-1] == pytest.approx(
            -np.log(prob[np.arange(len(y)), y]).mean(), rel=1e-4
        )
        assert probe.history[f"{name}_accuracy"].iloc[-1] == pytest.approx((prob.argmax(1) == y).mean())


def test_mini_batches_are_adam_on_a_linear_layer():
    """A batch of all rows leaves nothing to chance: PyTorch's own layer, from the same start, ends at the same place."""
    import torch

    emb, labels = clouds(8)
    start = MiniBatchProbe.fit(emb, labels, epochs=1, rate=1e-30, batch=24)
    layer = torch.nn.Linear(12, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(start.weight))
        layer.bias.copy_(torch.from_numpy(start.bias))
    adam, rows, codes = torch.optim.Adam(layer.parameters(), 0.05), torch.from_numpy(emb).float(), classify.codes_of(labels, NAMES)  # fmt: skip
    for _ in range(5):
        adam.zero_grad()
        torch.nn.functional.cross_entropy(layer(rows), torch.from_numpy(codes)).backward()
        adam.step()
    found = MiniBatchProbe.fit(emb, labels, epochs=5, rate=0.05, batch=24)
    np.testing.assert_allclose(found.weight, layer.weight.detach().numpy(), atol=1e-4)


def test_every_epoch_has_every_row_once_in_an_order_of_its_own(monkeypatch):
    from utils.classify import minibatch

    loss, batches = minibatch._loss, []
    monkeypatch.setattr(minibatch, "_loss", lambda emb, *rest: (batches.append(emb.numpy()), loss(emb, *rest))[1])
    emb, labels = clouds(5)
    MiniBatchProbe.fit(emb, labels, epochs=2, batch=4)
    batches = [rows for rows in batches if len(rows) < 15]  # the whole part is what an epoch is judged on
    assert [len(rows) for rows in batches] == [4, 4, 4, 3] * 2
    one, other = np.concatenate(batches[:4]), np.concatenate(batches[4:])
    assert not (one == other).all() and not (one == emb.astype(np.float32)).all()
    for order in (one, other):
        assert sorted(order.tolist()) == sorted(emb.astype(np.float32).tolist())


def test_long_training_by_mini_batches_separates_what_can_be_separated():
    probe = MiniBatchProbe.fit(*clouds(20, spread=0.1), epochs=60, rate=0.05, batch=7)
    images, truth = clouds(20, seed=1, spread=0.1)
    assert (probe.predict_proba(images).argmax(1) == classify.codes_of(truth, NAMES)).all()


@pytest.mark.parametrize("bad", [{"epochs": 0}, {"batch": 0}, {"rate": 0}, {"rate": float("nan")}])
def test_training_needs_epochs_batches_and_a_rate(bad):
    with pytest.raises(ValueError, match="the first two start at 1"):
        MiniBatchProbe.fit(*clouds(4), **bad)


def test_a_loss_that_is_no_number_stops():
    with pytest.raises(ValueError, match="the loss is .* after epoch .: take a rate below"):
        MiniBatchProbe.fit(*clouds(4), rate=3e37, batch=2)


# few shots


def test_a_draw_has_exactly_the_shots_of_each_class_and_grows():
    labels = clouds((16, 20, 40))[1]
    before = set()
    for shots in (1, 2, 4, 8, 16):
        rows = classify.draw(labels, shots, seed=3)
        assert [labels[i] for i in rows] == [name for name in NAMES for _ in range(shots)]
        assert len(set(rows)) == 3 * shots and before <= set(rows) and rows.dtype == np.int64
        before = set(rows.tolist())
    assert classify.draw(labels, 4, 3).tolist() == classify.draw(np.array(labels, object), 4, 3).tolist()
    assert classify.draw(labels, 4, 3).tolist() != classify.draw(labels, 4, 4).tolist()


def test_more_shots_than_images_name_the_classes_and_their_counts():
    with pytest.raises(ValueError, match=r"5 shots are asked of each class; fewer images have bass \(4\), eel \(2\)"):
        classify.draw(clouds((4, 5, 2))[1], 5)
    for shots in (0, -1):
        with pytest.raises(ValueError, match="give at least 1"):
            classify.draw(NAMES, shots)


def middles(d=12, names=NAMES):
    return unit(np.random.default_rng(99).normal(size=(len(names), d)))


def test_a_probe_that_is_pulled_hard_is_zero_shot_and_one_that_is_not_is_a_plain_probe():
    from sklearn.linear_model import LogisticRegression

    emb, labels = clouds((9, 6, 4), spread=1.0)
    images, texts = clouds(10, seed=1)[0], unit(middles() + 0.3)
    hard = TextProbe.fit(emb, labels, NAMES, texts, 20, pulls=[1e9])
    np.testing.assert_allclose(hard.predict_proba(images), classify.zero_shot(images, texts, 20), atol=1e-4)
    ridge = LogisticRegression(C=2.0, fit_intercept=False, tol=1e-8, max_iter=5000).fit(emb, labels)
    free = TextProbe.fit(emb, labels, NAMES, texts, 1e-9, pulls=[0.5])
    np.testing.assert_allclose(free.predict_proba(images), ridge.predict_proba(images), atol=1e-3)


def test_the_pulled_probe_is_at_the_minimum_of_its_loss():
    rng = np.random.default_rng(4)
    emb, labels = clouds((5, 4, 6), spread=1.0)
    y, texts = classify.codes_of(labels, NAMES), unit(middles() + 0.3)

    def loss(weight, pull):
        prob = classify.softmax(emb @ weight.T)
        return -np.log(prob[np.arange(len(y)), y]).sum() + pull / 2 * ((weight - 20 * texts) ** 2).sum()

    for pull in (0.1, 1, 10):
        weight = TextProbe.fit(emb, labels, NAMES, texts, 20, pulls=[pull]).weight
        assert all(loss(weight, pull) <= loss(weight + rng.normal(0, 0.3, weight.shape), pull) for _ in range(30))


def test_the_pull_is_chosen_on_validation_and_the_strongest_of_equals():
    emb, labels = clouds(8, spread=0.3)
    val, wrong = clouds(20, seed=1, spread=0.3), np.roll(middles(), 1, axis=0)
    right = TextProbe.fit(emb, labels, NAMES, middles(), 100, *clouds(9, seed=2, spread=0.01))
    misled = TextProbe.fit(emb, labels, NAMES, wrong, 10, *val)
    assert right.pull == 1000 and misled.pull < 1000
    y = classify.codes_of(val[1], NAMES)
    assert (classify.zero_shot(val[0], wrong, 10).argmax(1) == y).mean() < 0.2
    assert (misled.predict_proba(val[0]).argmax(1) == y).mean() > 0.8


def test_tip_adapter_is_the_papers_formula():
    rng = np.random.default_rng(5)
    for seed in range(30):
        emb, labels = clouds(rng.integers(1, 4, 3), seed=seed)
        images, texts = clouds(3, seed=100 + seed)[0], unit(rng.normal(size=(3, 12)))
        alpha, beta = rng.uniform(0.1, 3), rng.uniform(1, 8)
        tip = TipAdapter.fit(emb, labels, NAMES, texts, 30, emb, labels, [alpha], [beta])
        logits = np.array([[30 * (image @ text) for text in texts] for image in images])
        for i, image in enumerate(images):
            for key, label in zip(emb, labels, strict=True):
                logits[i, NAMES.index(label)] += alpha * math.exp(-beta * (1 - image @ key))
        np.testing.assert_allclose(tip.predict_proba(images), classify.softmax(logits), atol=1e-9)


def test_tip_adapter_chooses_on_validation_and_zero_shot_of_equals():
    emb, labels = clouds(8, spread=0.5)
    val, wrong = clouds(20, seed=1, spread=0.5), np.roll(middles(), 1, axis=0)
    easy = TipAdapter.fit(emb, labels, NAMES, middles(), 100, *clouds(9, seed=2, spread=0.01))
    misled = TipAdapter.fit(emb, labels, NAMES, wrong, 5, *val)
    assert (easy.alpha, easy.beta) == (0, 1) and misled.alpha > 0
    zero = misled.searched[misled.searched["alpha"] == 0]["macro_accuracy"].max()
    assert misled.searched["macro_accuracy"].max() > zero + 0.3
    assert metrics.classification(classify.codes_of(val[1], NAMES), misled.predict_proba(val[0]))["macro_accuracy"] == misled.searched["macro_accuracy"].max()  # fmt: skip


@pytest.mark.parametrize("method", [TextProbe, TipAdapter])
def test_methods_with_texts_refuse_what_does_not_fit(method):
    emb, labels = clouds(6)
    for texts, scale, message in (
        (middles()[:2], 10, "give \\(3, 12\\)"),
        (2 * middles(), 10, "class_emb.0. is not of unit length"),
        (middles(), 0, "scale 0"),
    ):
        with pytest.raises(ValueError, match=message):
            method.fit(emb, labels, NAMES, texts, scale)
    with pytest.raises(ValueError, match="emb.0. is not of unit length"):
        method.fit(3 * emb, labels, NAMES, middles())
    for bad in ({"pulls": [0]}, {"pulls": []}) if method is TextProbe else ({"alphas": [-1]}, {"betas": []}):
        with pytest.raises(ValueError, match="give at least one"):
            method.fit(emb, labels, NAMES, middles(), **bad)
    with pytest.raises(ValueError, match="emb has 4 dimensions"):
        method.fit(emb, labels, NAMES, middles()).predict_proba(np.eye(4))


@pytest.fixture(scope="module")
def task():
    train, val, test = clouds(16, spread=0.7), clouds(6, seed=1, spread=0.7), clouds((45, 30, 15), seed=2, spread=0.7)
    texts = unit(middles() + 0.25 * np.random.default_rng(6).normal(size=(3, 12)))
    return classify.Task(*train, *val, test[0], NAMES, texts, 10.0), test[1]


@pytest.fixture(scope="module")
def answers(task):
    own, truth = task
    return classify.answers(classify.methods(own), own.labels, truth, NAMES, shots=(1, 4, 16), seeds=(0, 1))


def test_a_curve_has_a_row_a_method_shots_and_seed(task, answers):
    own, truth = task
    curve = classify.curve(answers)
    assert list(curve) == ["method", "shots", "seed", "accuracy", "macro_accuracy"] and len(curve) == 5 * 3 * 2
    assert not curve.duplicated(["method", "shots", "seed"]).any()
    for row in curve.itertuples():
        part = answers[
            (answers["method"] == row.method) & (answers["shots"] == row.shots) & (answers["seed"] == row.seed)
        ]
        assert part["label"].tolist() == truth
        right = [a == b for a, b in zip(part["label"], part["guess"], strict=True)]
        recalls = [np.mean([r for r, name in zip(right, truth, strict=True) if name == own]) for own in NAMES]
        assert row.accuracy == pytest.approx(np.mean(right)) and row.macro_accuracy == pytest.approx(np.mean(recalls))
    zero = classify.zero_shot(own.test_emb, own.class_emb, 10).argmax(1) == classify.codes_of(truth, NAMES)
    assert set(curve.loc[curve["method"] == "zero-shot", "accuracy"].round(9)) == {round(float(zero.mean()), 9)}


def test_more_shots_help_and_a_text_start_helps_where_shots_are_few(answers):
    mean = classify.curve(answers).groupby(["method", "shots"])["accuracy"].mean()
    for name in ("nearest neighbours", "linear probe"):
        assert mean[name, 16] > mean[name, 1] + 0.05
    assert mean["probe from zero-shot", 1] > mean["linear probe", 1]
    assert mean["probe from zero-shot", 16] >= mean["zero-shot", 16] - 0.03


def test_one_shot_of_many_classes_needs_no_warning():
    names = [f"s{i:02d}" for i in range(31)]
    emb, labels = clouds(1, names=names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert LinearProbe.fit(emb, labels, emb, labels).classes == names


def test_any_method_can_join_the_curve_and_sees_the_same_draw(task):
    own, truth = task
    seen = {"one": [], "other": []}

    def perfect(rows, shots, seed):
        seen["one"].append((rows.tolist(), shots, seed))
        return np.eye(3)[classify.codes_of(truth, NAMES)]

    def first(rows, shots, seed):
        seen["other"].append((rows.tolist(), shots, seed))
        return np.eye(3)[np.zeros(len(truth), int)]

    found = classify.curve(classify.answers({"one": perfect, "other": first}, own.labels, truth, NAMES, (2, 3), (0, 7)))
    assert seen["one"] == seen["other"] and seen["one"][1] == (classify.draw(own.labels, 2, 7).tolist(), 2, 7)
    assert found.groupby("method")["macro_accuracy"].mean().to_dict() == pytest.approx({"one": 1, "other": 1 / 3})


def test_settings_are_chosen_on_no_more_validation_images_than_shots(task, monkeypatch):
    own, _ = task
    given = []
    fit = TextProbe.fit.__func__

    def watched(cls, *arguments, **named):
        given.append((len(arguments[0]), sorted(named["val_labels"])))
        return fit(cls, *arguments, **named)

    monkeypatch.setattr(TextProbe, "fit", classmethod(watched))
    for most_val in (4, None):
        method = classify.methods(own, most_val)["probe from zero-shot"]
        for shots in (2, 16):
            method(classify.draw(own.labels, shots), shots, 0)
    assert [(n, len(labels)) for n, labels in given] == [(6, 6), (48, 12), (6, 18), (48, 18)]
    assert given[0][1] == sorted(NAMES * 2)


def test_intervals_hold_the_mean_over_seeds(answers):
    found = classify.intervals(answers, n=200)
    curve = classify.curve(answers).groupby(["method", "shots"])[["accuracy", "macro_accuracy"]].mean()
    assert len(found) == 5 * 3 * 2 and set(found["n"]) == {90} and set(found["runs"]) == {2}
    for row in found.itertuples():
        assert row.value == pytest.approx(curve.loc[(row.method, row.shots), row.metric])
        assert row.ci_low <= row.value <= row.ci_high and row.ci_low < row.ci_high
    pd.testing.assert_frame_equal(found, classify.intervals(answers, n=200))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"methods": {}}, "0 methods"),
        ({"shots": ()}, "give some"),
        ({"seeds": ()}, "give some"),
        ({"test_labels": []}, "0 test images"),
        ({"test_labels": ["cod"]}, "unknown labels: cod"),
        ({"shots": (1, 9)}, r"9 shots .* bass \(2\)"),
        ({}, r"bad gives shape \(3, 2\); it must be \(1, 3\)"),
    ],
)
def test_a_curve_that_cannot_be_drawn_is_refused(change, message):
    given = {
        "methods": {"bad": lambda *_: np.ones((3, 2))},
        "labels": NAMES * 2,
        "test_labels": ["eel"],
        "classes": NAMES,
    }
    with pytest.raises(ValueError, match=message):
        classify.answers(**given | {"shots": (1,), "seeds": (0,)} | change)


# taxonomy

TREE = {
    "a": {"genus": "G1", "family": "F1", "order": "O1"},
    "b": {"genus": "G1", "family": "F1", "order": "O1"},
    "c": {"genus": "G2", "family": "F1", "order": "O1"},
    "d": {"genus": "G3", "family": "F2", "order": "O2"},
}


def test_rolling_up_sums_the_species_of_a_taxon():
    tree, prob = Taxonomy.of(TREE), np.array([[0.1, 0.2, 0.3, 0.4]])
    for rank, names, sums in (
        ("species", list("dcba"), [0.4, 0.3, 0.2, 0.1]),
        ("genus", ["G1", "G2", "G3"], [0.3, 0.3, 0.4]),
        ("family", ["F1", "F2"], [0.6, 0.4]),
        ("order", ["O1", "O2"], [0.6, 0.4]),
    ):
        found, own = tree.roll_up(prob[:, ::-1], list("dcba"), rank)
        assert own == names
        np.testing.assert_allclose(found, [sums])


def test_rolled_up_fish_sum_to_one_and_are_what_a_loop_adds():
    tree, names = classify.fish31_taxonomy(), sorted(species.SPECIES)
    prob = random_prob(np.random.default_rng(7), 40, 31)
    sizes = []
    for rank in classify.RANKS:
        found, taxa = tree.roll_up(prob, names, rank)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        sizes.append(len(taxa))
        for j, taxon in enumerate(taxa):
            own = [i for i, name in enumerate(names) if species.rolled_up(name, rank) == taxon]
            np.testing.assert_allclose(found[:, j], sum(prob[:, i] for i in own))
    assert sizes[0] == 31 and sizes == sorted(sizes, reverse=True) and sizes[-1] > 5


def test_accuracy_of_fish_rises_from_species_to_order():
    tree, names, rng = classify.fish31_taxonomy(), sorted(species.SPECIES), np.random.default_rng(8)
    for _ in range(30):
        prob, y = random_prob(rng, 60, 31), rng.integers(0, 31, 60)
        found = tree.accuracy(y, prob, names)
        assert list(found) == list(classify.RANKS) and sorted(found.values()) == list(found.values())
        assert found["species"] == np.mean(prob.argmax(1) == y)
        taxa = [species.rolled_up(name, "family") for name in names]
        assert found["family"] == np.mean([taxa[g] == taxa[t] for g, t in zip(prob.argmax(1), y, strict=True)])
        summed = tree.accuracy(y, prob, names, summed=True)
        rolled, orders = tree.roll_up(prob, names, "order")
        truth = [species.rolled_up(names[i], "order") for i in y]
        assert summed["order"] == np.mean([orders[i] == own for i, own in zip(rolled.argmax(1), truth, strict=True)])


def test_sums_may_be_right_where_the_best_species_is_not():
    tree, prob = Taxonomy.of(TREE), np.array([[0.3, 0.3, 0.0, 0.4]])
    assert tree.accuracy([0], prob, list("abcd")) == {"species": 0, "genus": 0, "family": 0, "order": 0}
    assert tree.accuracy([0], prob, list("abcd"), summed=True) == {"species": 0, "genus": 1, "family": 1, "order": 1}
    assert (
        tree.accuracy([3], prob, list("abcd"), summed=True)["genus"] < tree.accuracy([3], prob, list("abcd"))["genus"]
    )


def test_species_that_the_taxonomy_lacks_are_named():
    tree = classify.fish31_taxonomy()
    tree.check(sorted(species.SPECIES))
    with pytest.raises(ValueError, match=r"lacks 2 of 3 labels: Big_Head_Carp \(is it 'Big Head Carp'\?\), Cod"):
        tree.roll_up(np.ones((1, 3)) / 3, ["Big_Head_Carp", "Goby", "Cod"], "genus")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"b": {"genus": "G1", "family": "F2", "order": "O2"}}, "genus G1 in more than one family"),
        ({"c": {"genus": "G2", "family": "F1", "order": "O2"}}, "family F1 in more than one order"),
        ({"d": {"genus": "G3", "family": None, "order": "O2"}}, "lacks a rank of d"),
        ({"d": {"genus": "", "family": "F2", "order": "O2"}}, "lacks a rank of d"),
    ],
)
def test_a_taxonomy_that_is_no_tree_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Taxonomy.of(TREE | change)


def test_a_taxonomy_comes_from_a_frame_too_and_says_what_it_needs():
    table = pd.DataFrame(TREE).T.assign(author="L.")
    pd.testing.assert_frame_equal(Taxonomy.of(table).table, Taxonomy.of(TREE).table)
    with pytest.raises(ValueError, match="missing columns: order"):
        Taxonomy.of(table.drop(columns="order"))
    with pytest.raises(ValueError, match="labels twice: a"):
        Taxonomy.of(pd.concat([table, table[:1]]))
    with pytest.raises(ValueError, match="unknown rank 'phylum'"):
        Taxonomy.of(TREE).taxa(["a"], "phylum")
    with pytest.raises(ValueError, match="a column for each of 4 classes"):
        Taxonomy.of(TREE).roll_up(np.ones((1, 3)), list("abcd"), "genus")
    with pytest.raises(ValueError, match="y_true h.* it must hold a class from 0 to"):
        Taxonomy.of(TREE).accuracy([4], np.eye(4)[:1], list("abcd"))


# conformal prediction


def conformal_loop(prob, y, coverage, kind, image):
    """Which classes are at most as strange as the threshold, counted by hand."""

    def strange(row, label):
        if kind == "lac":
            return 1 - row[label]
        order = sorted(range(len(row)), key=lambda i: (-row[i], i))
        return sum(row[i] for i in order[: order.index(label) + 1])

    own = sorted(strange(row, label) for row, label in zip(prob, y, strict=True))
    place = next(k for k in range(1, len(own) + 1) if k / (len(own) + 1) >= coverage - 1e-12)
    return [strange(image, label) <= own[place - 1] + 1e-12 for label in range(len(image))]


@pytest.mark.parametrize("kind", ["lac", "aps"])
def test_sets_are_those_of_a_loop(kind):
    rng = np.random.default_rng(9)
    for _ in range(60):
        n, c, coverage = int(rng.integers(20, 40)), int(rng.integers(2, 6)), float(rng.uniform(0.3, 0.95))
        prob, y, images = random_prob(rng, n, c), rng.integers(0, c, n), random_prob(rng, 8, c)
        found = Conformal.fit(prob, y, coverage, kind).sets(images)
        assert found.tolist() == [conformal_loop(prob, y, coverage, kind, image) for image in images]


@pytest.mark.parametrize("kind", ["lac", "aps"])
@pytest.mark.parametrize("by_class", [False, True])
def test_the_promise_is_kept_on_average(kind, by_class):
    rng, kept, own = np.random.default_rng(10), [], []
    for _ in range(150):
        truth = random_prob(rng, 300, 4)
        y = (truth.cumsum(1) < rng.random((300, 1))).sum(1).clip(max=3)
        prob = classify.softmax(3 * np.log(truth + 1e-9) + rng.normal(0, 1, truth.shape))  # too sure, and noisy
        sets = Conformal.fit(prob[:150], y[:150], 0.8, kind, by_class).sets(prob[150:])
        covered = sets[np.arange(150), y[150:]]
        kept.append(covered.mean())
        own.append([covered[y[150:] == i].mean() for i in range(4)])
    assert 0.79 < np.mean(kept) < (0.84 if by_class else 0.82)
    if by_class:
        assert (np.mean(own, axis=0) > 0.785).all()


def test_by_class_the_rare_and_hard_class_is_covered_too():
    rng = np.random.default_rng(11)
    y = np.repeat([0, 1], [900, 100])
    first = np.where(y == 0, rng.uniform(0.6, 1, 1000), rng.uniform(0.3, 0.9, 1000))
    prob, part = np.column_stack([first, 1 - first]), rng.permutation(1000)
    cal, new = part[:500], part[500:]

    def rare(by_class):
        sets = Conformal.fit(prob[cal], y[cal], 0.9, by_class=by_class).sets(prob[new])
        return sets[np.arange(500), y[new]][y[new] == 1].mean()

    assert rare(False) < 0.7 < 0.8 < rare(True)


def test_the_place_of_the_threshold_is_exact():
    """100 * 0.55 and 0.9 / (1 - 0.9) are a little more than whole numbers as floats."""
    first = np.arange(1, 100) / 100
    prob = np.column_stack([1 - first, first])
    assert Conformal.fit(prob, np.zeros(99, int), 0.55).threshold.tolist() == pytest.approx([0.55, 0.55])
    assert [classify.needed(x) for x in (0.5, 0.8, 0.9, 0.95, 0.99)] == [1, 4, 9, 19, 99]
    for coverage in np.arange(0.01, 1, 0.01):
        need = classify.needed(coverage)
        Conformal.fit(prob[:need], np.zeros(need, int), coverage)
        assert need == 1 or (need - 1) / need < coverage


def test_too_few_calibration_images_say_how_many_are_needed():
    prob = np.tile([0.5, 0.3, 0.2], (8, 1))
    with pytest.raises(ValueError, match="coverage of 0.9 needs at least 9 calibration images and there are 8"):
        Conformal.fit(prob, np.zeros(8, int))
    with pytest.raises(
        ValueError, match="needs at least 4 calibration images of each class: class 1 has 3, class 2 has 0"
    ):
        Conformal.fit(prob, [0] * 5 + [1] * 3, 0.8, by_class=True)


def test_sets_grow_with_the_promise():
    rng = np.random.default_rng(12)
    prob, y = random_prob(rng, 200, 5), rng.integers(0, 5, 200)
    for kind in ("lac", "aps"):
        low, high = (Conformal.fit(prob, y, coverage, kind).sets(prob) for coverage in (0.6, 0.9))
        assert (low <= high).all() and low.sum() < high.sum()


def test_equal_probabilities_rank_the_lower_class_first():
    aps = Conformal("aps", 0.9, np.full(3, 0.7))
    assert aps.sets([[1 / 3, 1 / 3, 1 / 3]]).tolist() == [[True, True, False]]
    many = Conformal("aps", 0.9, np.full(40, 0.7)).sets(np.full((1, 40), 1 / 40))  # few values are sorted stably anyway
    assert many.tolist() == [[True] * 28 + [False] * 12]


def test_rows_that_sum_to_one_but_for_rounding_have_the_same_sets():
    rng = np.random.default_rng(13)
    prob, images, y = random_prob(rng, 50, 4), random_prob(rng, 50, 4), rng.integers(0, 4, 50)
    for kind in ("lac", "aps"):
        plain = Conformal.fit(prob, y, 0.9, kind).sets(images)
        off = Conformal.fit(prob * 0.9995, y, 0.9, kind).sets(images * rng.uniform(0.9992, 1.0008, (50, 1)))
        np.testing.assert_array_equal(off, plain)


def test_the_monitor_answers_where_one_class_is_left():
    sets = np.array([[1, 0, 0], [0, 0, 1], [1, 1, 0], [0, 0, 0]], bool)
    assert classify.monitor(sets).tolist() == [0, 2, classify.ABSTAIN, classify.ABSTAIN]
    found = classify.measured(sets, [0, 1, 1, 1])
    wilson = metrics.wilson([1, 0, 1, 0])
    assert found == {"coverage": 0.5, "ci_low": wilson["ci_low"], "ci_high": wilson["ci_high"], "mean_size": 1.0,
                     "empty": 0.25, "answered": 0.5, "right": 0.25}  # fmt: skip


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p, y: Conformal.fit(p, y, kind="raps"), "choose one of lac, aps"),
        (lambda p, y: Conformal.fit(p, y, 1.0), "a share below 1"),
        (lambda p, y: Conformal.fit(p, y, 0.0), "a share below 1"),
        (lambda p, y: Conformal.fit(2 * p, y), "sum to 1; take the softmax"),
        (lambda p, y: Conformal.fit(p, y[:-1]), "y_true has shape .*it must hold a class from 0 to"),
        (lambda p, y: Conformal.fit(p, y + 1), "y_true holds .*it must hold a class from 0 to"),
        (lambda p, y: Conformal.fit(p * np.nan, y), "NaN"),
        (lambda p, y: Conformal.fit(p[:0], y[:0]), "shape"),
        (lambda p, y: Conformal.fit(p, y).sets(np.ones((1, 1))), "prob has 1 classes; the sets were fitted for 2"),
        (lambda p, y: classify.measured(p, y), "they must be \\(images, classes\\) bool"),
        (lambda p, y: classify.monitor(p[:0] > 0), "they must be"),
    ],
)
def test_conformal_prediction_needs_probabilities_and_classes(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.full((20, 2), 0.5), np.tile([0, 1], 10))


# what is said of the classes of a data set

LABELS = {
    "cifar10": set(layouts.cifar10.CLASSES),
    "voc2007": set(layouts.voc2007.CLASSES),
    "artphoto": set(EMOTIONS),
    "oxford_buildings": set(landmarks.NAMES),
    "fish31": set(SPECIES),
}
WRITTEN = tomllib.loads((config.root() / "utils" / "classify" / "said.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", LABELS)
def test_words_are_said_of_labels_that_the_data_set_has(name):
    if name in ("artphoto", "oxford_buildings", "fish31"):  # whose labels stand in the names of files or folders
        files = [Path(shot.file) for shot in layouts.LAYOUTS[name][0](0, 100)]
        told = {file.parent.name if name == "fish31" else file.stem.rpartition("_")[0] for file in files}
        assert told == LABELS[name]
    for what in ("names", *WRITTEN.get(name, ())):
        assert classify.said(name, what).keys() <= LABELS[name]
    assert {what: classify.said(name, what) for what in WRITTEN.get(name, ())} == WRITTEN.get(name, {})


def test_every_data_set_of_said_toml_is_known_and_no_two_of_its_labels_are_called_the_same():
    assert WRITTEN.keys() <= LABELS.keys() <= datasets.DATASETS.keys()
    for name, labels in LABELS.items():
        names = classify.said(name)
        assert len({names.get(label, label) for label in labels}) == len(labels)
        assert [prompt for [prompt] in classify.wordings(sorted(labels), ["{}"], names)] == [
            names.get(label, label) for label in sorted(labels)
        ]


def test_plain_names_stand_for_labels_that_nobody_would_say():
    assert classify.said("cifar10") == {"automobile": "car"}
    assert classify.said("voc2007")["tvmonitor"] == "television" and classify.said("artphoto") == {"sad": "sadness"}
    assert classify.said("oxford_buildings")["ashmolean"] == "the Ashmolean Museum"
    assert classify.said("fish31") == {}


@pytest.mark.parametrize(
    ("name", "what"), [("artphoto", "descriptions"), ("oxford_buildings", "descriptions"), ("fish31", "looks")]
)
def test_every_label_is_described_and_no_two_sentences_are_the_same(name, what):
    said = classify.said(name, what)
    assert said.keys() == LABELS[name] and all(said.values())
    if what == "descriptions":
        assert all(isinstance(text, str) and len(text.split()) > 5 for text in said.values())
        assert len(set(said.values())) == len(said)


@pytest.mark.parametrize(("name", "what"), [("cifar10", "looks"), ("fish31", "descriptions"), ("artphoto", "nmaes")])
def test_an_unknown_kind_of_words_lists_what_there_is(name, what):
    with pytest.raises(
        KeyError, match=f"no {what} are known of '{name}'; there are names of cifar10, .*looks of fish31"
    ):
        classify.said(name, what)


def test_what_a_caller_does_to_the_words_stays_with_the_caller():
    for name, what in (("oxford_buildings", "names"), ("artphoto", "descriptions")):
        before = classify.said(name, what)
        classify.said(name, what).clear()
        assert classify.said(name, what) == before != {}
    assert landmarks.NAMES


@pytest.fixture(scope="module", params=["clip-vit-openai", "clip-rn50"])
def reader(request):
    """An encoder with the miniature's own tokenizer, and one with OpenAI's."""
    return encoders.load(request.param, device="cpu", precision="fp32")


@pytest.mark.parametrize("name", ["artphoto", "oxford_buildings", "fish31"])
def test_all_that_is_said_of_a_class_fits_the_context(reader, name):
    assert reader.context == 77
    said = (
        classify.descriptions(sorted(SPECIES), classify.said(name, "looks"))
        if name == "fish31"
        else classify.said(name, "descriptions")
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        emb = classify.class_embeddings(reader, sorted(said), ["{}"], said, cache=False)
    assert reader.truncated == 0 and emb.shape == (len(said), reader.dim)
    rows = reader.tokenize([text for texts in said.values() for text in ([texts] if isinstance(texts, str) else texts)])
    assert max(map(len, rows)) <= 77


# what a species looks like


def test_every_species_has_looks_that_agree_with_its_table():
    for name, one in SPECIES.items():
        colours, build, *more = looks.looks(name)
        assert colours.startswith("is ") and set(colours.removeprefix("is ").split(" or ")) == set(one.morphs)
        steps = [words for depth, words in looks.BUILD if one.depth < depth]
        assert build == (steps[0] if steps else looks.ROUND)
        tail = {"forked", "rounded", "pointed", "crescent"} & {one.tail[0]}
        assert {look for look in more if "tail" in look} == {looks.TAILS[shape] for shape in tail}
        assert ("whiskers" in more) == bool(one.barbels)
        marks = {looks.MARKS[kind] for kind, *_ in one.pattern if kind in looks.MARKS}
        assert marks == {look for look in more if "tail" not in look and look != "whiskers"}
        assert len(set(more)) == len(more)


def test_what_everybody_knows_of_a_species_is_said():
    assert looks.looks("Knifefish") == ["is silver or grey", "a slender body", "a pointed tail", "ringed eyespots"]
    assert "a body like a snake" in looks.looks("Freshwater Eel") and "whiskers" in looks.looks("Catfish")
    assert "dark spots" in looks.looks("Green Spotted Puffer") and "a body like glass" in looks.looks("Glass Perchlet")


def test_every_word_for_a_mark_or_a_tail_is_said_of_some_species():
    said = {look for name in SPECIES for look in looks.looks(name)}
    assert said >= {*looks.MARKS.values(), *looks.TAILS.values(), looks.ROUND, *(words for _, words in looks.BUILD)}


def test_looks_make_sentences():
    said = classify.descriptions(["Knifefish"], classify.said("fish31", "looks"))
    assert said["Knifefish"][:2] == ["Knifefish, which is silver or grey", "Knifefish, which has a slender body"]
    for texts in classify.descriptions(list(SPECIES), classify.said("fish31", "looks")).values():
        assert all(text.count(" has ") + text.count(" is ") == 1 for text in texts)


def test_an_unknown_species_lists_those_there_are():
    with pytest.raises(ValueError, match="unknown species 'Cod'; known: .*Knifefish"):
        looks.looks("Cod")


# the nearest training images of a class


def test_the_nearest_are_those_of_a_loop():
    rng = np.random.default_rng(14)
    for _ in range(200):
        n, k = int(rng.integers(1, 30)), int(rng.integers(1, 8))
        emb, query = unit(rng.normal(size=(n, 5))), unit(rng.normal(size=(1, 5)))[0]
        labels = [NAMES[i] for i in rng.integers(0, 3, n)]
        own = [(i, sum(a * b for a, b in zip(emb[i], query, strict=True))) for i in range(n) if labels[i] == labels[0]]
        expected = sorted(own, key=lambda pair: -pair[1])[:k]
        found = classify.nearest(query, emb, labels, labels[0], k)
        assert [row for row, _ in found] == [row for row, _ in expected]
        assert [cosine for _, cosine in found] == pytest.approx([cosine for _, cosine in expected])
        assert all(type(row) is int and type(cosine) is float for row, cosine in found)


def test_of_equally_near_images_the_first_come_first_and_no_other_class_comes_at_all():
    emb = np.eye(3)[[0, 1, 0, 0, 2, 0] * 5]  # numpy sorts a few values stably anyway
    labels = pd.Series([*["eel", "eel", "carp", "eel", "eel", "eel"] * 5], index=range(30, 0, -1))
    found = classify.nearest(np.eye(3)[0], emb, labels, "eel", 15)
    assert found == [(i, 1.0) for i in range(30) if i % 6 in (0, 3, 5)]
    assert len(classify.nearest(np.eye(3)[0], emb, labels, "carp")) == 4
    assert len(classify.nearest(np.eye(3)[0], emb, labels, "carp", 99)) == 5


def test_a_class_without_an_image_has_no_nearest():
    for labels in (["eel", "carp"], []):
        with pytest.raises(ValueError, match="no training image is labelled 'cod'"):
            classify.nearest(np.eye(2)[0], np.eye(2)[: len(labels)], labels, "cod")
