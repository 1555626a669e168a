"""What speaks against a caption: CLIP is unsure of what it is about, or a detector sees another one."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from utils import report
from utils.captions import doubt, grammar


@pytest.fixture
def encoder(monkeypatch):
    """Sentences about turtles point one way, about dogs another, all else a third."""

    def texts(encoder, sentences):
        return np.array([[("turtle" in s), ("dog" in s), not ("turtle" in s or "dog" in s)] for s in sentences], float)

    monkeypatch.setattr(grammar.embed, "texts", texts)
    return SimpleNamespace(dim=3, model=SimpleNamespace(logit_scale=torch.tensor(np.log(10.0))))


def test_clip_is_sure_of_what_the_photograph_shows(encoder):
    captions = ["a turtle beside a dog", "a dog", "a turtle"]
    image_emb = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    sure = doubt.main_thing(captions, image_emb, encoder)
    assert sure[0] == sure[1] == pytest.approx(-np.log(1 + np.exp(-10))) and sure[2] == pytest.approx(sure[0] - 10)


def test_what_else_a_caption_claims_does_not_count(encoder):
    image_emb = np.array([[1.0, 0.0, 0.0]] * 2)
    short, long = doubt.main_thing(["a turtle", "a turtle with a dog and a chair"], image_emb, encoder)
    assert short == long


def test_a_caption_that_names_nothing_has_no_figure(encoder):
    sure = doubt.main_thing(["", "a turtle"], np.eye(2, 3), encoder)
    assert np.isnan(sure[0]) and sure[1] == 0.0
    assert np.isnan(doubt.main_thing(["under water"], np.eye(1, 3), encoder)).all()


def test_as_many_images_as_captions_are_needed(encoder):
    with pytest.raises(ValueError, match=r"shape \(3, 3\); give \(2, 3\)"):
        doubt.main_thing(["a turtle", "a dog"], np.eye(3), encoder)


def test_a_detector_disagrees_where_what_it_is_surest_of_is_not_named():
    captions = ["a turtle over sand", "a dog on a beach", "two red balls", "a reef"]
    assert doubt.disagrees(captions, ["turtle", "turtle", "sports ball", None]) == [False, True, False, False]


def test_other_words_for_a_thing_are_no_disagreement_with_an_encoder(encoder):
    assert doubt.disagrees(["a ship"], ["boat"]) == [True]
    assert doubt.disagrees(["a ship"], ["boat"], encoder) == [False]  # here all that is no turtle and no dog is alike
    assert doubt.disagrees(["a turtle"], ["dog"], encoder) == [True]


def test_a_place_said_first_is_not_what_a_caption_is_about(encoder):
    image_emb = np.array([[1.0, 0.0, 0.0]] * 2)
    told = doubt.main_thing(["a turtle swims among rocks", "among rocks, a turtle swims"], image_emb, encoder)
    assert told[0] == told[1]


def test_names_are_read_as_detectors_write_them_and_denied_things_are_not_named():
    captions = ["a turtle over sand", "three people on a beach", "a boat without a dog", "a crab", "a crab"]
    seen = ["Sea_Turtle", "people", "dog", " ", float("nan")]
    assert doubt.disagrees(captions, seen) == [False, False, True, False, False]


def test_one_name_a_caption_is_needed():
    with pytest.raises(ValueError, match="1 captions and 2 names"):
        doubt.disagrees(["a turtle"], ["turtle", None])


def test_thresholds_and_weights_follow_from_what_was_measured():
    measured = {(r["group"], r["method"], r["metric"]): r["value"] for r in report.read("review_signs")}
    right = {method: value for (group, method, metric), value in measured.items() if metric == "of these wrong"}
    assert max(right, key=right.get) == f"score {doubt.SURE}, cosine {doubt.NEAR}"
    queue = {method: value for (group, method, _), value in measured.items() if group == "queue"}
    signs = [value for method, value in queue.items() if method.endswith("alone") and method != "content alone"]
    assert queue["as in use"] > max(signs)
