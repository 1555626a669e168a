"""BLEU and CIDEr-D give what the reference implementation of COCO's captioning challenge gives."""

import numpy as np
import pytest

from utils.captions import bleu, cider, clip_score
from utils.captions.scores import words

REFERENCES = [
    ["a turtle swims over sand", "a sea turtle above the sand", "one turtle in the sea"],
    ["two dogs run on a beach", "dogs are running at the beach"],
    ["a red bus on a street", "a bus in the city", "a big red bus"],
    ["a turtle with a net on its shell over sand"],
]
CANDIDATES = ["a turtle over the sand", "two dogs on the beach", "a red red bus on the street in the city", "a turtle"]


def test_cider_is_that_of_the_reference_implementation():
    expected = [1.29372759, 2.27506634, 1.78599216, 0.42237367]  # pycocoevalcap 1.2
    np.testing.assert_allclose(cider(CANDIDATES, REFERENCES), expected, rtol=1e-7)


@pytest.mark.parametrize(("order", "expected"), [(1, 0.72427588), (2, 0.56619250), (3, 0.33167211), (4, 0.0)])
def test_bleu_is_that_of_the_reference_implementation(order, expected):
    assert bleu(CANDIDATES, REFERENCES, order) == pytest.approx(
        expected, abs=1e-6
    )  # pycocoevalcap 1.2; order 4 there 4e-5, smoothed


def test_a_caption_that_is_its_only_reference_has_all_points():
    texts = ["a turtle over the white sand", "two dogs run on a beach", "a red bus on a street"]
    np.testing.assert_allclose(cider(texts, [[text] for text in texts]), 10.0)
    assert bleu(texts, [[text] for text in texts]) == pytest.approx(1.0)


def test_case_and_punctuation_do_not_count_and_words_keep_their_joints():
    assert words("A Turtle's net, on the sea-bed!") == ["a", "turtle's", "net", "on", "the", "sea-bed"]
    others = [["a dog"], ["two cats"]]
    loud, plain = cider(["A dog. ", "Two CATS!"], others), cider(["a dog", "two cats"], others)
    assert list(loud) == list(plain) and plain.min() > 0


def test_empty_captions_have_no_points_and_missing_references_are_named():
    assert list(cider(["", "🐢"], [["a dog"], ["a cat"]])) == [0.0, 0.0] and len(cider([], [])) == 0
    for score in (bleu, cider):
        with pytest.raises(ValueError, match="1 captions and 2 lists"):
            score(["a"], [["a"], ["b"]])
        with pytest.raises(ValueError, match="one reference at least"):
            score(["a"], [[]])
        with pytest.raises(ValueError, match="a bare sentence"):
            score(["a"], ["a dog"])


def test_clip_score_is_the_cosine_times_two_and_a_half_and_never_negative():
    image_emb = np.array([[1.0, 0.0], [0.6, 0.8], [1.0, 0.0]])
    text_emb = np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    np.testing.assert_allclose(clip_score(image_emb, text_emb), [2.5, 1.5, 0.0])
    with pytest.raises(ValueError, match=r"\(3, 2\) and text_emb \(1, 2\)"):
        clip_score(image_emb, text_emb[:1])


@pytest.mark.parametrize("side", ["image_emb", "text_emb"])
@pytest.mark.parametrize("row", [[0.0, 2.0], [0.0, 0.998], [0.0, 0.0], [np.nan, 1.0], [np.inf, 0.0]])
def test_clip_score_is_of_unit_rows_alone(side, row):
    sides = {"image_emb": np.eye(2), "text_emb": np.eye(2)}
    sides[side] = np.array([[1.0, 0.0], row])
    with pytest.raises(ValueError, match=rf"{side}\[1\] is not of unit length.* it has length"):
        clip_score(**sides)


def test_clip_score_takes_rows_that_rounding_left_off():
    rows = np.random.default_rng(0).normal(size=(50, 64))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    np.testing.assert_allclose(clip_score(rows, rows), 2.5, atol=0.01)
    assert clip_score(rows[:0], rows[:0]).shape == (0,)
