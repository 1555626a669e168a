"""Pseudo-queries: each crop captioned once, its caption held against the sentence, alone or beside the image's score."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from utils import config
from utils.captions import captioner, language_models
from utils.captions.shelf import Shelf
from utils.ground import pseudo

COLOURS = {"red": (250, 20, 20), "green": (20, 250, 20), "blue": (20, 20, 250)}


def says(picture):
    """ "a red thing" of a picture whose middle is red."""
    pixel = np.array(picture.getpixel((picture.width // 2, picture.height // 2)), float)
    return f"a {min(COLOURS, key=lambda name: np.abs(pixel - COLOURS[name]).sum())} thing"


class Counting:
    """A captioner that remembers how many pictures it was shown at once."""

    def __init__(self):
        self.batches = []

    def __call__(self, pictures):
        self.batches.append(len(pictures))
        return [says(picture) for picture in pictures]


class Words:
    """A text tower that knows colours; nothing else is near anything."""

    name, fingerprint, dim, truncated = "words", "w" * 64, 4, 0

    def tokenize(self, texts):
        return [[] for _ in texts]

    def encode_texts(self, texts):
        self.asked = [*getattr(self, "asked", []), *texts]
        rows = np.array([[0.1, *(float(name in text) for name in COLOURS)] for text in texts], np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def items(tmp_path):
    """Three crops of one picture: red, green, blue."""
    pixels = np.zeros((20, 60, 3), np.uint8)
    for i, colour in enumerate(COLOURS.values()):
        pixels[:, 20 * i : 20 * i + 20] = colour
    Image.fromarray(pixels).save(tmp_path / "x.png")
    return [(tmp_path / "x.png", [20 * i, 0, 20 * i + 20, 20], "pad") for i in range(3)]


@pytest.fixture
def blip(monkeypatch):
    """BLIP replaced by `says`; what it was asked."""
    asked = []
    writer = SimpleNamespace(fingerprint="blip")
    for module in (language_models, captioner):
        monkeypatch.setattr(module, "opened", lambda model, kind: writer)

    def said(writer, pictures, given, seed=0):
        asked.append((len(pictures), given))
        return [says(picture) for picture in pictures]

    monkeypatch.setattr(captioner, "said", said)
    return asked


# captions of crops


def test_each_crop_is_captioned_once_in_the_order_given(items):
    fake = Counting()
    said = pseudo.captioned([items[2], items[0], items[2], items[1]], fake)
    assert said == ["a blue thing", "a red thing", "a blue thing", "a green thing"]
    assert sum(fake.batches) == 3


def test_crops_go_in_batches_of_the_profile(items):
    fake, size = Counting(), config.load().budgets["captions"]["batch"]
    boxes = [(items[0][0], [i / 8, 0, 20 + i / 8, 20], "tight") for i in range(size + 3)]
    assert len(pseudo.captioned(boxes, fake)) == size + 3 and fake.batches == [size, 3]
    assert pseudo.captioned([], fake) == [] and len(fake.batches) == 2


def test_whole_pictures_and_a_lone_path_are_items_too(items):
    assert pseudo.captioned(items[0][0], Counting()) == ["a green thing"]


def test_captions_of_blip_are_found_again_by_content_box_style_and_settings(items, blip, tmp_path):
    assert pseudo.described(items) == ["a red thing", "a green thing", "a blue thing"]
    assert blip == [(3, {"beams": 3, "temperature": None, "prompt": "", "most": 24})]
    copy = tmp_path / "copy.png"
    copy.write_bytes(items[0][0].read_bytes())
    assert pseudo.described([(copy, *items[1][1:])]) == ["a green thing"] and len(blip) == 1
    pseudo.described([(copy, items[1][1], "tight"), (copy, [20, 0, 40, 19], "pad"), items[0]])
    assert [count for count, _ in blip] == [3, 2]
    for other in ({"beams": 1}, {"most": 4}, {"prompt": "a photo of"}, {"cache": False}):
        pseudo.described(items[:1], **other)
    assert [count for count, _ in blip] == [3, 2, 1, 1, 1, 1]


def test_captions_of_crops_and_of_photographs_lie_apart(items, blip):
    assert captioner.caption([items[0][0]], beams=3, most=24) == ["a green thing"]
    pseudo.described([items[0][0]])
    assert len(blip) == 2


def test_bad_crops_are_named_and_the_others_kept(items, blip, tmp_path):
    outside, gone = (items[0][0], [99, 0, 120, 20], "pad"), (tmp_path / "gone.png", [0, 0, 5, 5], "pad")
    with pytest.raises(ValueError, match=r"2 of 3 crops have no caption: .*gone\.png.*x\.png.*empty or outside"):
        pseudo.described([outside, items[0], gone])
    assert pseudo.described(items[:1]) == ["a red thing"] and len(blip) == 1
    with pytest.raises(ValueError, match="unknown crop style"):
        pseudo.captioned([(items[0][0], [0, 0, 5, 5], "round")], Counting())


def test_what_an_interrupted_run_has_captioned_is_kept(items):
    size = config.load().budgets["captions"]["batch"]
    boxes = [(items[0][0], [i / 8, 0, 20 + i / 8, 20], "tight") for i in range(size + 1)]

    def tired(pictures):
        if len(pictures) < size:
            raise KeyboardInterrupt
        return [says(picture) for picture in pictures]

    with pytest.raises(KeyboardInterrupt):
        pseudo.captioned(boxes, tired, Shelf("captions", "tired", {}))
    fake = Counting()
    pseudo.captioned(boxes, fake, Shelf("captions", "tired", {}))
    assert fake.batches == [1]


def test_a_captioner_gives_one_caption_a_crop(items):
    with pytest.raises(ValueError, match="1 captions for 3 crops"):
        pseudo.captioned(items, lambda pictures: ["one"])
    for bad in ({"beams": 0}, {"most": 0}):
        with pytest.raises(ValueError, match="give numbers above 0"):
            pseudo.described(items, **bad)


# text to text


def test_the_caption_that_says_the_same_comes_nearest():
    captions = [["a red thing", "a blue thing"], [], ["a green thing", "a red thing", "a red thing"]]
    encoder = Words()
    found = pseudo.similarity(encoder, captions, ["the red one", "the blue one", "what is green"])
    assert [row.shape for row in found] == [(2,), (0,), (3,)] and all(row.dtype == np.float32 for row in found)
    assert found[0].argmax() == 0 and found[2].argmax() == 0 and found[2][1] == found[2][2]
    assert len(encoder.asked) == len(set(encoder.asked)) == 6, "each text once"


def test_similarities_are_cosines():
    rng, names = np.random.default_rng(0), list(COLOURS)
    for _ in range(20):
        sentences = [" ".join(rng.choice(names, 2)) for _ in range(3)]
        captions = [[" ".join(rng.choice(names, 2)) for _ in range(int(rng.integers(0, 4)))] for _ in sentences]
        found = pseudo.similarity(Words(), captions, sentences)
        for own, said, row in zip(captions, sentences, found, strict=True):
            wanted = [float((Words().encode_texts([text]) @ Words().encode_texts([said]).T)[0, 0]) for text in own]
            assert row == pytest.approx(wanted, abs=1e-6)


def test_similarity_wants_captions_for_each_sentence():
    with pytest.raises(ValueError, match="captions for 1 sentences, but 2 sentences"):
        pseudo.similarity(Words(), [["a"]], ["a", "b"])
    assert pseudo.similarity(Words(), [], []) == []


# beside the image


@pytest.mark.parametrize(("weight", "best"), [(0, 0), (0.1, 0), (1, 1), (np.inf, 1)])
def test_the_weight_goes_from_the_image_alone_to_the_caption_alone(weight, best):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = pseudo.added([0.3, 0.2, 0.1], [0.5, 0.9, 0.0], weight)
    assert found.argmax() == best and found.dtype == np.float64
    if weight in (0, np.inf):
        assert found.tolist() == ([0.3, 0.2, 0.1] if weight == 0 else [0.5, 0.9, 0.0])


def test_no_candidate_has_no_score():
    assert pseudo.added([], [], 0.5).shape == (0,)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([1, 2], [1], 1), r"image_scores \(2,\), caption_scores \(1,\)"),
        (([[1]], [[1]], 1), "a candidate"),
        (([1], [1], -0.1), "weight is -0.1"),
        (([1], [1], np.nan), "weight is nan"),
    ],
)
def test_bad_scores_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        pseudo.added(*given)
