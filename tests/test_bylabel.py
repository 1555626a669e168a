"""Retrieval by a label: pictures of one or two colours, an encoder that knows colours and their names, and loops."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from utils import bylabel, classical, config, datasets, embed, metrics

COLOURS = {"red": (250, 20, 20), "green": (20, 250, 20), "deep_blue": (20, 20, 250)}
HSV = classical.HsvHistogram(values=1, size=16)  # blind to how bright a picture is


class ColourEncoder:
    """Looks like CLIP: a picture is its mean colour, a text the colours that it names."""

    name, fingerprint, dim, image_size = "colours", "c" * 64, 3, 8
    preprocessing = SimpleNamespace(mean=(0.5, 0.5, 0.5))

    def __init__(self):
        self.texts = []

    def preprocess(self, image):
        import torch

        return torch.from_numpy(np.asarray(image.resize((8, 8)), np.float32).transpose(2, 0, 1).copy())

    def encode_pixels(self, pixels):
        rows = pixels.numpy().mean(axis=(2, 3))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def tokenize(self, texts):
        return [[] for _ in texts]

    def encode_texts(self, texts):
        self.texts += texts
        said = {name.replace("_", " "): colour for name, colour in COLOURS.items()}
        rows = np.array([sum((np.array(c) for n, c in said.items() if n in text), np.zeros(3)) + 1 for text in texts])
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def painted(path, names, rng):
    """A picture whose stripes have the colours, the first one's the widest."""
    pixels = np.zeros((24, 24, 3))
    pixels[:] = COLOURS[names[0]]
    for i, name in enumerate(names[1:]):
        pixels[16 + 4 * i : 20 + 4 * i] = COLOURS[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(
        (pixels * rng.uniform(0.7, 1) + rng.uniform(0, 5, pixels.shape)).clip(0, 255).astype(np.uint8)
    ).save(path)


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    """40 pictures of each colour in three splits."""
    folder, rng, rows = tmp_path_factory.mktemp("colours"), np.random.default_rng(0), []
    for i in range(120):
        label, split = list(COLOURS)[i % 3], ("train", "val", "test")[(i // 3) % 5 - 2 if (i // 3) % 5 > 2 else 0]
        painted(folder / f"{i:03d}.png", [label], rng)
        rows.append({"image_id": f"{i:03d}", "path": str(folder / f"{i:03d}.png"), "dataset": "colours", "label": label,
                     "labels": [label], "category": label, "identity": None, "encounter": None, "split": split,
                     "captions": [], "boxes": [], "facts": {}})  # fmt: skip
    return pd.DataFrame(rows, dtype=object)


@pytest.fixture(scope="module")
def parts(frame):
    return bylabel.parts(frame)


# parts and labels


def test_parts_are_the_splits_and_each_makes_more_candidates(frame):
    plain, more = bylabel.parts(frame), bylabel.parts(frame, each=4)
    assert [len(part) for part in plain] == [72, 24, 24] and [len(part) for part in more] == [12, 24, 84]
    assert more.train["label"].value_counts().tolist() == [4, 4, 4]
    assert not set(more.train["image_id"]) & set(more.candidates["image_id"])
    mixed = bylabel.parts(frame.sample(frac=1, random_state=0), each=4)
    assert all(one.equals(other) for one, other in zip(mixed, more, strict=True))
    assert not bylabel.parts(frame, each=4, seed=1).train.equals(more.train)


def test_relatives_of_a_training_image_are_no_candidates(frame):
    train = frame["split"] == "train"
    known = frame.assign(identity=[f"t{i // 6}" if kept else None for i, kept in enumerate(train)])
    found = bylabel.parts(known, each=2)
    assert not set(found.candidates["identity"].dropna()) & set(found.train["identity"])
    assert len(found.candidates) < len(bylabel.parts(frame, each=2).candidates)


@pytest.mark.parametrize(
    ("change", "each", "message"),
    [
        (lambda f: f[f["split"] != "val"], None, "images leave none for: val"),
        (lambda f: f[f["split"] == "train"], None, "none for: val, candidates"),
        (lambda f: f.assign(label=None), 5, "none for: train"),
        (lambda f: f, 0, "each is 0"),
    ],
)
def test_parts_without_images_are_named(frame, change, each, message):
    with pytest.raises(ValueError, match=message):
        bylabel.parts(change(frame), each)


def test_labels_are_those_of_all_three_parts(parts):
    assert bylabel.labels(parts) == ["deep_blue", "green", "red"]
    some = parts._replace(val=parts.val[parts.val["label"] != "red"])
    assert bylabel.labels(some) == ["deep_blue", "green"]
    two = [bylabel.labels(parts, 2, seed) for seed in range(9)]
    assert two == [bylabel.labels(parts, 2, seed) for seed in range(9)]
    assert all(len(set(row)) == 2 and row == sorted(row) for row in two) and len(set(map(tuple, two))) > 1
    for wrong in (parts._replace(train=parts.train.assign(label=None)), parts._replace(val=parts.val[:0])):
        with pytest.raises(ValueError, match="0 labels are shown in all three parts; some are wanted"):
            bylabel.labels(wrong)
    with pytest.raises(ValueError, match="3 labels are shown in all three parts; 4 are wanted"):
        bylabel.labels(parts, 4)


def test_every_label_of_an_image_is_shown():
    several = pd.DataFrame({"label": ["a", "b", None], "labels": [["a", "b"], [], []]}, dtype=object)
    assert bylabel.shown(several, ["b", "c", "a"]).tolist() == [[True, True, False], [False] * 3, [True, False, False]]
    assert bylabel.shown(several, []).shape == (0, 3)


@pytest.mark.parametrize(("name", "several"), [("cifar10", False), ("voc2007", True), ("coco", True)])
def test_data_sets_have_parts_and_labels(name, several):
    found = bylabel.parts(datasets.load(name), each=10)
    labels = bylabel.labels(found)
    truth = bylabel.shown(found.candidates, labels)
    assert len(labels) >= 10 and truth.any(axis=1).all()
    assert (truth.sum(axis=0) > 1).any() == several
    assert found.train["label"].value_counts().max() == 10


# the two methods


def test_colours_are_retrieved_by_both(parts):
    methods = {"two stages": bylabel.TwoStage(HSV), "threshold": bylabel.Threshold(ColourEncoder())}
    rows = bylabel.measure(methods, parts, sizes=(6, 24), draws=3)
    assert (rows[["precision", "recall", "F1", "AP"]] == 1).all().all()
    assert rows["method"].unique().tolist() == list(methods) and rows["size"].unique().tolist() == [6, 24]
    assert set(rows.loc[rows["size"] == 24, "positives"]) == {8}
    pd.testing.assert_frame_equal(rows, bylabel.measure(methods, parts, sizes=(24, 6), draws=3))


def test_the_bag_comes_from_training_images_of_that_main_label(parts, monkeypatch):
    given = []

    def stages(features, names, candidates, bag):
        given.append((features, names, bag))
        return np.array(["red"] * len(candidates))

    monkeypatch.setattr(classical, "two_stage", stages)
    fitted = bylabel.TwoStage(HSV, bag=4).fit(parts, ["red", "green"])
    answer = fitted.answer(["green", "red"], embed.images(HSV, parts.candidates["path"]))
    features, names, bag = given[0]
    assert names == ["red"] * 4 + ["green"] * 4 and bag is None
    train_emb = {label: embed.images(HSV, part["path"]) for label, part in parts.train.groupby("label")}
    assert all((train_emb[name] == row).all(axis=1).any() for name, row in zip(names, features, strict=True))
    assert answer.found.tolist() == [[False] * 24, [True] * 24] and not answer.scores[0].any()
    everything = bylabel.TwoStage(HSV, bag=None).fit(parts, ["red"])
    everything.answer(["red"], embed.images(HSV, parts.candidates["path"]))
    assert len(given[1][1]) == 24


def test_what_is_in_the_cluster_comes_first_and_near_its_mean(parts):
    fitted = bylabel.TwoStage(HSV).fit(parts, list(COLOURS))
    emb = embed.images(HSV, parts.candidates["path"])
    found, scores = fitted.answer(list(COLOURS), emb)
    for row, score in zip(found, scores, strict=True):
        mean = emb[row].mean(axis=0)
        assert score[row].min() > score[~row].max()
        np.testing.assert_allclose(score[row] - 3, emb[row] @ mean / np.linalg.norm(mean), atol=1e-5)


def test_an_encoder_is_learned_from_the_training_images(parts):
    seen = []

    def learn(paths):
        seen.append(paths)
        return classical.EigenImage.fit(paths, components=3, size=8)

    fitted = bylabel.TwoStage(learn).fit(parts, ["red", "green"])
    assert seen == [list(parts.train["path"])] and fitted.encoder.method == "eigen"


def test_the_threshold_is_the_best_of_the_validation_images(parts):
    encoder, labels = ColourEncoder(), ["red", "green"]
    fitted = bylabel.Threshold(encoder).fit(parts, labels)
    text_emb, val_emb = (
        embed.texts(encoder, [f"a photo of a {x}" for x in labels]),
        embed.images(encoder, parts.val["path"]),
    )
    truth = np.array([[label == own for own in parts.val["label"]] for label in labels])
    best = metrics.best_threshold(truth.ravel(), (text_emb @ val_emb.T).clip(-1, 1).ravel())
    emb = np.linspace(0, 1, 50)[:, None] * (text_emb[1] - text_emb[0]) + text_emb[0]
    emb /= np.linalg.norm(emb, axis=1, keepdims=True)
    found, scores = fitted.answer(["green"], emb)
    np.testing.assert_allclose(scores, text_emb[1:] @ emb.T, atol=1e-6)
    np.testing.assert_array_equal(found, scores >= best)
    assert found.any() and not found.all()


def test_prompts_take_templates_and_words(parts):
    encoder = ColourEncoder()
    method = bylabel.Threshold(encoder, ["a {}", "some {} thing"], {"green": "leafy green"})
    method.fit(parts, ["green", "deep_blue"])
    assert encoder.texts == ["a leafy green", "some leafy green thing", "a deep blue", "some deep blue thing"]
    with pytest.raises(ValueError, match="no validation image shows red"):
        method.fit(parts._replace(val=parts.val[parts.val["label"] == "green"]), ["red"])


# measuring


class Guess:
    """Retrieves at random, and remembers which pictures it was asked about."""

    def __init__(self, seed):
        self.rng, self.sets = np.random.default_rng(seed), []

    def fit(self, parts, labels, seed=0, cache=True):
        return bylabel.Fitted(HSV, self.answer)

    def answer(self, asked, emb):
        self.sets.append(emb)
        return bylabel.Answer(self.rng.random((len(asked), len(emb))) < 0.5, self.rng.random((len(asked), len(emb))))


def test_smaller_sets_are_parts_of_larger_ones_and_the_same_for_all(parts):
    one, other = Guess(0), Guess(1)
    rows = bylabel.measure({"one": one, "other": other}, parts, sizes=(3, 7, 24), draws=2)
    for a, b in zip(one.sets, other.sets, strict=True):
        np.testing.assert_array_equal(a, b)
    for small, middle, large in (one.sets[:3], one.sets[3:]):
        np.testing.assert_array_equal(middle[:3], small)
        np.testing.assert_array_equal(large[:7], middle)
    assert not np.array_equal(one.sets[2], one.sets[5])
    keys = [part[["size", "draw", "label"]].to_numpy().tolist() for _, part in rows.groupby("method")]
    assert keys[0] == keys[1]


def test_rows_are_what_a_loop_counts(parts):
    class Remembering(Guess):
        def answer(self, asked, emb):
            self.last = super().answer(asked, emb)
            return self.last

    for seed in range(40):
        guess = Remembering(seed)
        rows = bylabel.measure({"guess": guess}, parts, sizes=(5,), draws=1, seed=seed)
        order = config.rng(seed, "candidates", 0).permutation(24)[:5]
        own = [parts.candidates["label"][j] for j in order]
        expected = []
        for i, label in enumerate(bylabel.labels(parts)):
            found = [name for name, f in zip(own, guess.last.found[i], strict=True) if f]
            if label not in own:
                continue
            right, said, shown = found.count(label), len(found), own.count(label)
            places = sorted(range(5), key=lambda j: -guess.last.scores[i, j])
            hits = [own[j] == label for j in places]
            ap = sum(sum(hits[: j + 1]) / (j + 1) for j in range(5) if hits[j]) / shown
            precision, recall = right / said if said else 0, right / shown
            f1 = 2 * precision * recall / (precision + recall) if right else 0
            expected.append([label, shown, said, precision, recall, f1, ap, shown / 5])
        columns = ["label", "positives", "retrieved", "precision", "recall", "F1", "AP", "share"]
        found = rows[columns].to_numpy().tolist()
        assert [row[:3] for row in found] == [row[:3] for row in expected]
        np.testing.assert_allclose([r[3:] for r in found], [r[3:] for r in expected])


def test_images_with_several_labels_count_for_each(tmp_path):
    rng, rows = np.random.default_rng(0), []
    for i in range(30):
        names = [["red"], ["green"], ["red", "green"]][i % 3]
        painted(tmp_path / f"{i}.png", names, rng)
        rows.append({"image_id": f"{i:02d}", "path": str(tmp_path / f"{i}.png"), "label": names[0], "labels": names,
                     "split": ("train", "val", "test")[i // 10]})  # fmt: skip
    found = bylabel.parts(pd.DataFrame(rows, dtype=object))
    rows = bylabel.measure({"threshold": bylabel.Threshold(ColourEncoder())}, found, sizes=(10,), draws=1)
    assert rows["positives"].tolist() == [7, 7] and rows["label"].tolist() == ["green", "red"]
    assert rows["share"].sum() > 1 and (rows["AP"] == 1).all()


def test_costs_are_measured_on_request_without_the_cache(parts, reef_out):
    encoder = ColourEncoder()
    methods = {"two stages": bylabel.TwoStage(lambda paths: HSV), "threshold": bylabel.Threshold(encoder)}
    rows = bylabel.measure(methods, parts, sizes=(12, 24), draws=2, cost=True)
    assert set(bylabel.COSTS) <= set(rows) and not (reef_out / "artifacts").exists()
    assert (rows[list(bylabel.COSTS)] > 0).all().all()
    assert rows.groupby("method")["image_bytes"].first().to_dict() == {"two stages": 4 * HSV.dim, "threshold": 12}
    assert rows.groupby("method")["fit_seconds"].nunique().eq(1).all()
    assert len(encoder.texts) == 3 + 4 * (4 + 3), "four sets: four timed answers of one label, and one of all three"
    plain = bylabel.measure(methods, parts, sizes=(12, 24), draws=2)
    assert not set(bylabel.COSTS) & set(plain)
    pd.testing.assert_frame_equal(plain, rows.drop(columns=list(bylabel.COSTS)))


def test_a_summary_has_an_interval_of_labels_and_the_value_of_retrieving_everything(parts):
    rows = bylabel.measure({"guess": Guess(0)}, parts, sizes=(6, 24), draws=4)
    found = bylabel.summary(rows)
    assert found[["size", "metric"]].to_numpy().tolist() == [[s, m] for s in (6, 24) for m in bylabel.METRICS]
    for row in found.itertuples():
        part = rows[rows["size"] == row.size]
        assert row.value == pytest.approx(part[row.metric].mean()) and row.ci_low <= row.value <= row.ci_high
        assert row.n == part["label"].nunique()
    last = found[found["size"] == 24].set_index("metric")["everything"]
    assert last.to_dict() == pytest.approx({"precision": 1 / 3, "recall": 1, "F1": 1 / 2, "AP": 1 / 3})


def retrieve(parts, **options):
    return bylabel.measure({"two stages": bylabel.TwoStage(HSV)}, parts, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": ["red", "shark"]}, "unknown label 'shark': .* deep_blue, green, red"),
        ({"labels": []}, r"labels \[\]: give different ones"),
        ({"labels": ["red", "red"]}, "give different ones"),
        ({"sizes": (1,)}, r"sets of \(1,\) candidates: choose sizes from 3 \(a cluster a label\) to 24"),
        ({"sizes": (2, 24)}, "choose sizes from 3"),
        ({"sizes": (10, 25)}, "to 24"),
        ({"sizes": ()}, "choose sizes"),
        ({"labels": ["red"], "sizes": (1,)}, "choose sizes from 2"),
        ({"draws": 0}, "1 methods, 0 draws"),
    ],
)
def test_questions_that_make_no_sense_are_refused(parts, options, message):
    with pytest.raises(ValueError, match=message):
        retrieve(parts, **options)


def test_one_label_may_stand_alone(parts):
    assert set(retrieve(parts, labels="red", sizes=(24,), draws=1)["label"]) == {"red"}


@pytest.mark.parametrize(
    ("options", "message"), [((type(HSV),), "is a class"), ((HSV, 0), "bag is 0"), ((HSV, -1), "bag is -1")]
)
def test_a_class_and_an_empty_bag_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        bylabel.TwoStage(*options)


def test_parts_that_make_no_sense_are_refused(parts):
    with pytest.raises(ValueError, match="no candidate shows red: nothing can be retrieved"):
        retrieve(parts._replace(candidates=parts.candidates[parts.candidates["label"] != "red"]), labels=["red"])
    with pytest.raises(ValueError, match="001 stands twice: the three parts"):
        retrieve(parts._replace(candidates=pd.concat([parts.candidates, parts.train[1:2]])))
    two = parts.candidates[:2].assign(labels=[["red", "green"], ["deep_blue"]])
    with pytest.raises(ValueError, match="choose sizes from 3 .* to 2 "):
        retrieve(parts._replace(candidates=two))
    rare = parts.candidates.assign(labels=[["red"]] + [["other"]] * 23)
    with pytest.raises(ValueError, match="none of 1 sets of 2 candidates shows a label"):
        [retrieve(parts._replace(candidates=rare), labels=["red"], sizes=(2,), draws=1, seed=s) for s in range(9)]


def test_too_few_descriptors_for_the_words_are_named(parts):
    few = bylabel.TwoStage(lambda paths: classical.BagOfWords.fit(paths[:2], words=5000, size=24))
    with pytest.raises(ValueError, match="descriptors cannot give 5000 words"):
        bylabel.measure({"bag of words": few}, parts)


def test_any_folder_of_photos_will_do(tmp_path):
    rng = np.random.default_rng(1)
    for label in COLOURS:
        for i in range(12):
            painted(tmp_path / "mine" / label / f"{i}.png", [label], rng)
    found = bylabel.parts(datasets.image_folder(tmp_path / "mine"), each=3)
    everything = len(found.candidates)
    rows = bylabel.measure({"two stages": bylabel.TwoStage(HSV)}, found, sizes=(everything,), draws=2)
    assert everything > 10 and rows["share"].sum() == 2 and rows["AP"].mean() == 1
    assert bylabel.measure({"two stages": bylabel.TwoStage(HSV)}, found)["size"].unique().tolist() == [10]
