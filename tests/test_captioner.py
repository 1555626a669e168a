"""Captions by BLIP: said once, found again, the same by the seed, and no photograph lost for a bad neighbour."""

from pathlib import Path

import pytest
from PIL import Image

from utils import datasets
from utils.captions import captioner, language_models
from utils.captions.captioner import caption
from utils.captions.shelf import Shelf


@pytest.fixture(scope="module")
def photos():
    return list(datasets.load("own_turtles")["path"][:3])


@pytest.fixture
def nobody(monkeypatch):
    """From now on no model says a word."""
    monkeypatch.setattr(captioner, "said", lambda *given: pytest.fail("captioned again"))


def test_a_photograph_is_captioned_once_wherever_it_lies(photos, tmp_path, request):
    said = caption(photos)
    assert all(sentence.startswith(("a ", "an ", "two ")) or len(sentence.split()) > 2 for sentence in said)
    copy = tmp_path / "renamed.jpg"
    copy.write_bytes(Path(photos[1]).read_bytes())
    request.getfixturevalue("nobody")
    assert caption([copy, photos[0]]) == [said[1], said[0]] and caption(photos[2]) == [said[2]]


def test_other_settings_are_other_captions(photos):
    greedy = caption(photos[:1], beams=1, most=4)
    assert len(greedy[0].split()) <= 4
    assert caption(photos[:1], beams=1)[0].startswith(greedy[0])


def test_drawn_captions_repeat_by_the_seed(photos):
    first = caption(photos, temperature=1.5, cache=False)
    assert caption(photos, temperature=1.5, cache=False) == first
    assert caption(photos, temperature=1.5, seed=1, cache=False) != first


def test_a_prompt_begins_every_caption(photos):
    assert caption(photos[:1], prompt="a photo of", beams=1)[0].startswith("a photo of")


def test_a_bad_photograph_is_named_and_the_others_are_kept(photos, tmp_path, request):
    broken, gone = tmp_path / "broken.jpg", tmp_path / "gone.jpg"
    broken.write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"2 of 3 images have no caption: .*gone.jpg.*broken.jpg"):
        caption([photos[0], broken, gone])
    request.getfixturevalue("nobody")
    with pytest.warns(UserWarning, match="no caption"):
        kept = caption([photos[0], gone], skip=True)
    assert kept[0] and kept[1] == ""


def test_a_run_that_was_killed_goes_on_where_it_was(photos, monkeypatch):
    monkeypatch.setattr(captioner, "said", lambda writer, images, asked, seed: ["a turtle"] * len(images))
    monkeypatch.setattr("utils.captions.shelf.SHELF_ROWS", 1)
    caption(photos[:2])
    asked = []
    monkeypatch.setattr(captioner, "said", lambda writer, images, *rest: asked.append(len(images)) or ["a fish"])
    assert caption(photos) == ["a turtle", "a turtle", "a fish"] and asked == [1]


def test_a_damaged_page_of_the_cache_is_left_out_and_named():
    shelf = Shelf("captions", "model", {})
    shelf.add({"k": "a turtle"})
    shelf.save()
    assert Shelf("captions", "model", {}).get("k") == "a turtle" and "k" not in Shelf("captions", "other", {})
    [page] = shelf._folder.glob("*.jsonl")
    page.write_text('{"key": "k"\n')
    with pytest.warns(UserWarning, match="is damaged"):
        assert "k" not in Shelf("captions", "model", {})


@pytest.mark.parametrize("wrong", [{"beams": 0}, {"temperature": 0.0}, {"most": 0}])
def test_settings_that_mean_nothing_are_named(photos, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        caption(photos, **wrong)


def test_a_model_that_is_not_there_says_how_to_get_it(photos, tmp_path):
    with pytest.raises(FileNotFoundError, match="make models"):
        caption(photos, model=tmp_path / "nowhere")


def test_a_model_of_another_kind_is_refused(photos):
    from utils import config

    with pytest.raises(ValueError, match="captions need BLIP"):
        caption(photos, model=config.load().models_dir / "clip-vit-openai")
    with pytest.raises(ValueError, match="has no chat template"):
        language_models.opened(config.load().models_dir / "clip-vit-openai", "llama")


def test_an_empty_list_has_no_captions_and_a_grey_picture_has_one(tmp_path):
    Image.new("L", (40, 30), 128).save(tmp_path / "grey.png")
    assert caption([]) == [] and len(caption(tmp_path / "grey.png")) == 1


def test_a_gated_model_names_the_licence_and_an_open_model(monkeypatch):
    def refused(source):
        raise OSError("You are trying to access a gated repo.")

    monkeypatch.setattr(language_models, "_chat", refused)
    with pytest.raises(PermissionError, match="licence to be accepted.*name an open model"):
        language_models.opened("some/gated-model", "llama")
