"""Variety: duplicates are asked again, warmer each time, until they differ; the rest keeps its group."""

import pytest

from utils.captions import paraphraser, vary


def speaks(monkeypatch, answer):
    """A model that gives `answer(caption, temperature)`; returns the temperatures that it was asked at."""
    asked = []

    def said(writer, captions, temperature, **way):
        asked.append(temperature)
        return [answer(caption, temperature) for caption in captions]

    monkeypatch.setattr(paraphraser, "said", said)
    return asked


def test_only_duplicates_are_asked_and_the_first_of_them_stays(monkeypatch):
    asked = speaks(monkeypatch, lambda caption, temperature: "sand with a crab")
    table = vary(["a crab on sand", "a dog", "a crab on sand"])
    assert list(table["caption"]) == ["a crab on sand", "a dog", "sand with a crab"]
    assert list(table["tries"]) == [0, 0, 1] and asked == [0.7] and table["group"].is_unique


def test_what_stays_a_duplicate_is_asked_warmer_each_time_and_keeps_its_group(monkeypatch):
    asked = speaks(monkeypatch, lambda caption, temperature: caption)
    table = vary(["a crab on sand"] * 2)
    assert asked == [0.7, 0.85, 1.0, 1.15, 1.3] and list(table["tries"]) == [0, 5]
    assert table["group"].nunique() == 1


def test_a_refused_paraphrase_is_told(monkeypatch):
    speaks(monkeypatch, lambda caption, temperature: "three boats")
    table = vary(["a crab on sand"] * 2, temperatures=[0.7])
    assert list(table["kept"]) == [True, False] and list(table["caption"]) == ["a crab on sand"] * 2


def test_the_miniature_makes_twenty_equal_captions_mostly_different():
    table = vary(["two orange cars in sunlight seen from above"] * 20)
    assert table["caption"].nunique() > 10 and (table["source"] == table["source"][0]).all()


def test_nothing_to_vary_asks_nothing(monkeypatch):
    asked = speaks(monkeypatch, lambda caption, temperature: pytest.fail("asked"))
    assert vary([]).empty and list(vary(["a", "b", "", ""])["tries"]) == [0] * 4 and not asked
