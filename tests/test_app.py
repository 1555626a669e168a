"""The archive that answers: sentences, pictures, subtraction and filters, with a model that only knows colours."""

import re

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from utils.app import Archive
from utils.encoders.preprocess import Preprocess

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


class ColourEncoder:
    """Images and sentences lie where their colours point."""

    dim, context, fingerprint = 3, 4, "c" * 64

    def __init__(self):
        self.preprocessing, self.truncated = Preprocess(8, 8), 0

    def preprocess(self, image):
        return torch.from_numpy(np.asarray(image.resize((8, 8)), np.float32).transpose(2, 0, 1))

    def encode_pixels(self, pixels):
        return self._unit(pixels.mean(dim=(2, 3)).numpy())

    def tokenize(self, texts):
        self.truncated += sum(len(text.split()) > self.context for text in texts)

    def encode_texts(self, texts):
        self.tokenize(texts)
        return self._unit(np.array([np.sum([COLOURS[w] for w in t.split() if w in COLOURS], axis=0) for t in texts]))

    def _unit(self, rows):
        rows = rows.astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def frame(tmp_path, monkeypatch):
    monkeypatch.setenv("REEF_OUT", str(tmp_path / "out"))
    pictures = {"red": (250, 5, 5), "green": (5, 250, 5), "blue": (5, 5, 250), "purple": (200, 10, 200)}
    rows = []
    for i, (name, colour) in enumerate(pictures.items()):
        path = tmp_path / f"{name}.png"
        Image.new("RGB", (12, 10), colour).save(path)
        rows.append((f"p/{name}", str(path), "turtle" if i % 2 else "crab", {"light": "dim" if i < 2 else "bright"}))
    return pd.DataFrame(rows, columns=["image_id", "path", "category", "facts"], dtype=object)


@pytest.fixture
def archive(frame):
    return Archive(frame, ColourEncoder())


def names(answers):
    return [i.removeprefix("p/") for i in answers["image_id"]]


def test_a_sentence_finds_its_pictures_best_first(archive):
    answers = archive.ask("something blue", k=2)
    assert names(answers) == ["blue", "purple"]
    assert list(answers)[:2] == ["score", "image_id"] and list(answers.index) == [0, 1]
    assert answers["score"].is_monotonic_decreasing and answers["score"][0] == pytest.approx(1, abs=0.01)


def test_a_picture_finds_what_looks_like_it(archive, frame):
    assert names(archive.ask(image=frame["path"][3], k=1)) == ["purple"]


def test_sentence_and_picture_are_added(archive, frame):
    assert names(archive.ask("red", image=frame["path"][2], k=1)) == ["purple"]


def test_several_wordings_are_averaged(archive):
    assert names(archive.ask(["red", "blue"], k=1)) == ["purple"]


def test_minus_leads_away(archive):
    assert names(archive.ask("red blue", k=1)) == ["purple"]
    assert names(archive.ask("red blue", minus="blue", k=1)) == ["red"]


def test_a_query_that_cancels_itself_out_is_refused(archive):
    with pytest.raises(ValueError, match="zero"):
        archive.ask("red", minus="red")


def test_filters_look_at_columns_and_facts(archive):
    assert set(names(archive.ask("blue", category="turtle"))) == {"green", "purple"}
    assert set(names(archive.ask("blue", light="dim"))) == {"red", "green"}
    assert archive.ask("blue", light="night").empty
    with pytest.raises(ValueError, match=r"colour.*category"):
        archive.ask("blue", colour="red")


def test_more_answers_than_pictures_are_all_pictures(archive):
    assert len(archive) == 4 and len(archive.ask("red", k=50)) == 4
    assert len(archive.ask("red", k=50, category="turtle")) == 2


@pytest.mark.parametrize("query", [5, None, ["a turtle", 3]])
def test_a_query_that_is_no_sentence_is_named(archive, query):
    with pytest.raises(TypeError, match=f"list of sentences, not {re.escape(repr(query))}"):
        archive.ask(query)


@pytest.mark.parametrize("nothing", ["", "   ", [], ["", " "]])
def test_an_empty_query_says_what_to_give(archive, nothing):
    with pytest.raises(ValueError, match="type a sentence, give an image"):
        archive.ask(nothing)
    with pytest.raises(ValueError, match="empty"):
        archive.ask(nothing, minus="red")


def test_a_query_picture_that_is_none_is_named(archive, tmp_path):
    with pytest.raises(ValueError, match=r"gone\.png"):
        archive.ask(image=tmp_path / "gone.png")


def test_a_query_that_is_too_long_is_cut_with_a_warning(archive):
    with pytest.warns(UserWarning, match="longer than the model's 4 tokens"):
        assert names(archive.ask("red and now many more words", k=1)) == ["red"]


def test_a_corrupt_image_is_left_out_named_and_never_found(frame, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    broken = pd.concat([frame[:1], pd.DataFrame([{**frame.iloc[0], "image_id": "p/bad", "path": str(bad)}]), frame[1:]])
    with pytest.warns(UserWarning, match=r"1 images? left out: .*bad\.png"):
        archive = Archive(broken, ColourEncoder())
    assert len(archive) == 4
    for colour in COLOURS:
        assert names(archive.ask(colour, k=1)) == [colour]
    assert "bad" not in names(archive.ask("red", k=9))


def test_an_archive_without_a_readable_image_is_refused(frame, tmp_path):
    with pytest.raises(ValueError, match="no image that can be read"):
        Archive(frame[:0], ColourEncoder())
    (tmp_path / "bad.png").write_bytes(b"")
    bad = frame[:1].assign(path=str(tmp_path / "bad.png"))
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(ValueError, match="no image that can be read"),
    ):
        Archive(bad, ColourEncoder())


def test_show_draws_the_answers_and_says_when_there_are_none(archive, monkeypatch):
    from utils import plots

    drawn = []
    monkeypatch.setattr(plots, "search_poster", lambda *args, **more: drawn.append((args, more)))
    archive.show("blue", minus="green", k=2)
    (titles, paths, scores, index), more = drawn[0]
    assert titles == ["blue  − green"] and [p.rsplit("/", 1)[1] for p in paths] == ["blue.png", "purple.png"]
    assert scores.shape == index.shape == (1, 2) and more == {"k": 2}
    archive.show(image=paths[0], k=1)
    assert drawn[1][0][0] == ["like blue.png"]
    with pytest.raises(ValueError, match="no photograph passes"):
        archive.show("blue", light="night")


def test_the_answers_of_a_search_are_an_archive_that_can_be_searched(archive):
    narrowed = Archive(archive.ask("blue", k=2), archive.encoder)
    assert names(narrowed.ask("red", k=1)) == ["purple"]


def test_no_photograph_at_all_cannot_be_asked_for(archive):
    with pytest.raises(ValueError, match="k is 0; ask for at least one photograph"):
        archive.ask("red", k=0)
