"""Photographs of other seeds: to learn from, painted by somebody else, and as small fresh tests."""

import pytest
from PIL import Image

from utils import config, datasets


def test_generated_turtles_are_to_learn_from_and_others_than_the_data_sets():
    made, known = datasets.generated(12, seed=5), datasets.load("sea_turtles")
    assert len(made) == 12 and set(made["split"]) == {"train"} and set(made["category"]) == {"turtle"}
    assert not set(made["image_id"]) & set(known["image_id"]) and not set(made["identity"]) & set(known["identity"])
    assert all(captions and facts["objects"] for captions, facts in zip(made["captions"], made["facts"], strict=True))
    assert list(datasets.generated(12, seed=5)["image_id"]) == list(made["image_id"])


def test_the_seed_of_the_data_sets_is_refused():
    for make in (datasets.generated, datasets.fresh_test):
        with pytest.raises(ValueError, match="seed 0 is that of the data sets"):
            make(0) if make is datasets.fresh_test else make(3, seed=0)


def test_a_painter_is_given_the_most_detailed_sentences_once():
    asked = []

    def paint(sentences):
        asked.extend(sentences)
        return [Image.new("RGB", (64, 48), "navy") for _ in sentences]

    made = datasets.generated(5, seed=5, paint=paint, batch=2)
    told = [captions[-1] for captions in datasets.generated(5, seed=5)["captions"]]
    assert asked == told and list(made["captions"]) == [[sentence] for sentence in told]
    assert set(made["split"]) == {"train"} and set(made["category"]) == {"turtle"}
    datasets.generated(5, seed=5, paint=paint, batch=2)
    assert len(asked) == 5


def test_another_painter_paints_anew_and_the_labels_are_those_of_the_sentences():
    def painter(colour):
        return lambda sentences: [Image.new("RGB", (64, 48), colour) for _ in sentences]

    red, blue = (datasets.generated(3, "coco", 5, painter(colour), colour) for colour in ("red", "blue"))
    assert Image.open(red["path"][0]).getpixel((5, 5))[0] > 200 > Image.open(blue["path"][0]).getpixel((5, 5))[0]
    assert list(red["category"]) == list(datasets.generated(3, "coco", 5)["category"]) and "turtle" not in set(
        red["category"]
    )
    assert list(red["captions"]) == [[captions[-1]] for captions in datasets.generated(3, "coco", 5)["captions"]]


def test_a_painter_that_leaves_a_sentence_out_leaves_nothing_behind():
    with pytest.raises(ValueError, match="returned 1 images for 2 sentences"):
        datasets.generated(4, seed=5, paint=lambda sentences: [Image.new("RGB", (8, 8))], batch=2)
    assert not list((config.load().artifacts_dir / "training").glob("painted*"))


def test_a_fresh_test_has_so_many_turtles_and_is_all_test():
    gallery = datasets.fresh_test(5, turtles=4, others=6)
    assert len(gallery) == 10 and (gallery["category"] == "turtle").sum() == 4 and set(gallery["split"]) == {"test"}
    assert gallery["image_id"].str.startswith("generated/").all() and gallery["captions"].map(len).min() > 0
