"""Paraphrases: other words by the seed, the source where a fact was changed, every sentence asked once."""

import pytest

from utils.captions import paraphraser, shelf
from utils.captions.paraphraser import paraphrase

CAPTIONS = [
    "two orange motorcycles on a street at night",
    "a sea turtle is swimming below a brown ray",
    "a red crab over sand",
]


def speaks(monkeypatch, *answers):
    """A model that gives these answers in turn; returns the list of what it was asked."""
    asked, left = [], iter(answers)
    monkeypatch.setattr(
        paraphraser, "said", lambda writer, captions, **way: [asked.append(c) or next(left) for c in captions]
    )
    return asked


def test_the_prompt_asserts_nothing_that_the_caption_does_not_say():
    [system, user] = paraphraser.chat("a red crab")
    assert "turtle" not in system["content"] + user["content"] and user["content"].endswith("a red crab")
    assert len(paraphraser.chat("a red crab", system="")) == 1


def test_the_miniature_finds_other_words_and_repeats_them_by_the_seed():
    first = paraphrase(CAPTIONS, cache=False, temperature=1.0)
    assert list(first["source"]) == CAPTIONS and (first["drawn"] != first["source"]).any()
    assert list(paraphrase(CAPTIONS, cache=False, temperature=1.0)["drawn"]) == list(first["drawn"])
    assert list(paraphrase(CAPTIONS, cache=False, temperature=1.0, seed=1)["drawn"]) != list(first["drawn"])


def test_a_changed_fact_brings_the_source_back(monkeypatch):
    speaks(monkeypatch, "at night, two orange motorcycles on a street", "a ray below a turtle", "")
    table = paraphrase(CAPTIONS)
    assert list(table["kept"]) == [True, False, False]
    assert list(table["caption"]) == ["at night, two orange motorcycles on a street", *CAPTIONS[1:]]
    assert table["changed"][1] and table["drawn"][1] == "a ray below a turtle"


def test_without_the_guard_every_answer_stands_but_an_empty_one(monkeypatch):
    speaks(monkeypatch, "a boat", "a ray", "")
    assert list(paraphrase(CAPTIONS, guard=False)["caption"]) == ["a boat", "a ray", CAPTIONS[2]]


def test_answers_are_kept_and_equal_sentences_have_answers_of_their_own(monkeypatch):
    asked = speaks(monkeypatch, "sand with a red crab", "a crab that is red on sand", "never")
    table = paraphrase([CAPTIONS[2], "", CAPTIONS[2]], guard=False)
    assert asked == [CAPTIONS[2]] * 2 and list(table["caption"]) == [
        "sand with a red crab",
        "",
        "a crab that is red on sand",
    ]
    again = paraphrase([CAPTIONS[2], CAPTIONS[2]], guard=False)
    assert len(asked) == 2 and list(again["caption"]) == ["sand with a red crab", "a crab that is red on sand"]
    assert list(paraphrase([CAPTIONS[2]] * 2, guard=False, temperature=0)["caption"]) == ["never"] * 2


@pytest.mark.parametrize("wrong", [{"temperature": -1.0}, {"most": 0}])
def test_settings_that_mean_nothing_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        paraphrase(CAPTIONS, **wrong)


def test_no_string_and_no_model_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"sentences\[1\] is None"):
        paraphrase(["a crab", None])
    with pytest.raises(FileNotFoundError, match="make models"):
        paraphrase(CAPTIONS, model=tmp_path / "nowhere")


def test_what_the_cache_holds_does_not_change_what_is_drawn():
    clean = list(paraphrase(CAPTIONS, temperature=1.0, guard=False, cache=False)["drawn"])
    paraphrase(CAPTIONS[:1], temperature=1.0, guard=False)
    assert list(paraphrase(CAPTIONS, temperature=1.0, guard=False)["drawn"]) == clean
    assert list(paraphrase(CAPTIONS, temperature=1.0, guard=False)["drawn"]) == clean


def test_equal_batches_draw_words_of_their_own():
    keys = shelf.drawn_keys(["a crab"] * 4, 2)
    assert len(set(keys)) == 4 and keys == shelf.drawn_keys(["a crab"] * 4, 2)
    assert shelf.parts(dict.fromkeys(keys[1:]), 2, drawn=True) == [{keys[1]: None}, {keys[2]: None, keys[3]: None}]
