"""Captions of ReefWorld: they say what is seen and nothing else, and their claims decide relevance exactly."""

import itertools
import json
import re

import numpy as np
import pytest

from models.pairs import sentences
from utils import reef
from utils.reef import casting, landing, language, mixture, overland, turtle, underwater, world
from utils.reef.language import LEVELS, describe, relation, satisfies
from utils.reef.scenes import STUDIOS

TURTLE = {"species": "green", "stage": "adult", "action": "swimming"}


def thing(kind, box=(10.0, 10.0, 30.0, 30.0), seen=True, states=(), **attributes):
    attributes = {**TURTLE, **attributes} if kind == "turtle" else attributes
    area = (box[2] - box[0]) * (box[3] - box[1])
    return {"kind": kind, "attributes": attributes, "states": list(states), "box_xyxy": list(box), "area": area,
            "seen": seen}  # fmt: skip


def truth(*objects, **facts):
    facts = {"scene": "sea", "place": "sand", "light": "bright", "clarity": "clear", "camera": "level",
             "grey": False, **facts}  # fmt: skip
    return {"facts": facts, "objects": list(objects)}


def spoken(of, level, n=40):
    """n captions of one truth, each with a stream of its own."""
    return [describe(of, np.random.default_rng([9, i]), level) for i in range(n)]


def a(kind, count=1, **more):
    return {"things": [{"kind": kind, "count": count, **more}]}


def describes_itself(scene):
    """Whether its words are its own module's, and tested there."""
    kinds = {thing.kind for thing in scene.things}
    return scene.setting in STUDIOS or bool(kinds & {"specimen", *language.WORDINGS})


@pytest.fixture(scope="module")
def world_truths():
    """A hundred truths of all sorts, as they come back from a file."""
    scenes = [mixture.any_scene(seed, (96, 96)) for seed in range(9_100_000, 9_100_090)]
    scenes = [scene for scene in scenes if not describes_itself(scene)]
    scenes += [casting.sea_scene(9_200_000 + i, subject="turtle", shape=(128, 128)) for i in range(20)]
    return [json.loads(json.dumps(world.record(scene, "", "", masks=False)[1])) for scene in scenes]


@pytest.fixture(scope="module")
def all_captions(world_truths):
    """Pairs of truth and caption: five wordings a level."""
    rng = np.random.default_rng(0)
    return [
        (t, json.loads(json.dumps(describe(t, rng, level))))
        for t, level, _ in itertools.product(world_truths, LEVELS, range(5))
    ]


# the grammar and the world


def test_everything_that_can_be_met_has_words():
    assert set(language.NAMES) == {"turtle", *reef.KINDS}
    assert set(language.STATES) == set(turtle.STATES) and set(language.ACTIONS) == set(turtle.ACTIONS)
    assert set(language.PLACES) == {*underwater.BEDS, *overland.PLACES, *landing.SURFACES, "square"}
    assert set(language.LIGHT) == {"bright", "dim", "dark"}


def test_a_caption_is_true_of_its_own_image(world_truths, all_captions):
    assert len(all_captions) == 15 * len(world_truths) > 1100
    for own, caption in all_captions:
        assert satisfies(caption["claims"], own), caption


def test_claims_tell_images_apart(world_truths, all_captions):
    share = {level: [] for level in LEVELS}
    for own, caption in all_captions[::7]:
        share[caption["level"]].append(np.mean([satisfies(caption["claims"], t) for t in world_truths if t is not own]))
    coarse, medium, fine = (np.mean(share[level]) for level in LEVELS)
    assert 0.25 > coarse > medium > fine


def test_a_caption_says_all_that_it_claims(all_captions):
    for _, caption in all_captions:
        text, claims = caption["caption"], caption["claims"]
        for claim in claims.get("things", ()):
            one, many = zip(*language.NAMES[claim["kind"]], strict=True)
            assert any(name in text for name in (one if claim["count"] == 1 else many))
            assert claim["count"] == 1 or language.NUMBERS[claim["count"]] in text
            assert all(claim[key] in text for key in ("colour", "stage", "species") if key in claim)
            assert "action" not in claim or any(verb in text for verb in language.ACTIONS[claim["action"]])
            for state in claim.get("states", ()):
                assert any(phrase in text for phrase in language.STATES[state])
        words = {"place": language.PLACES, "light": language.LIGHT, "clarity": language.CLARITY}
        for key, phrases in {**words, "camera": language.CAMERA}.items():
            assert key not in claims or any(phrase in text for phrase in phrases[claims[key]])


def test_a_caption_names_nothing_that_is_not_seen(all_captions):
    phrases = sorted(sum(language.STATES.values(), ()), key=len, reverse=True)
    for own, caption in all_captions:
        text = caption["caption"]
        for phrase in phrases:  # "wrapped in a fishing net" is said of the turtle, and claimed as a state
            text = text.replace(phrase, "")
        seen = {o["kind"] for o in own["objects"] if o["seen"]}
        for kind, names in language.NAMES.items():
            heard = re.sub("(schools?|shoals?) of fish", "", text) if kind == "specimen" else text
            named = any(re.search(rf"\b{name}\b", heard) for name in sum(names, ()))
            assert not named or kind in seen, (kind, caption)
        said = {state for state, how in language.STATES.items() if any(p in caption["caption"] for p in how)}
        assert said <= {state for o in own["objects"] if o["seen"] for state in o["states"]}


def test_captions_read_well(all_captions):
    for _, caption in all_captions:
        text = caption["caption"]
        assert text == text.strip() and "  " not in text and text == text.lower()
        assert not re.search(r"\ba [aeio]|\ban [^aeio]|\b(\w+) \1\b", text), text


def test_a_state_in_a_caption_is_a_state_in_its_claims(all_captions):
    for _, caption in all_captions:
        said = {s for s, how in language.STATES.items() if any(p in caption["caption"] for p in how)}
        assert said == {s for claim in caption["claims"].get("things", ()) for s in claim.get("states", ())}


# levels of detail


def test_fine_captions_name_stage_species_and_all_states_and_coarser_ones_none():
    of = truth(thing("turtle", stage="juvenile", species="hawksbill", states=("net", "hook")))
    for caption in spoken(of, "fine"):
        assert "a juvenile hawksbill" in caption["caption"]
        assert caption["claims"]["things"][0]["states"] == ["hook", "net"]
    for caption in spoken(of, "coarse") + spoken(of, "medium"):
        assert not re.search("juvenile|hawksbill|net|hook", caption["caption"])
        assert not {"stage", "species", "states"} & set(caption["claims"]["things"][0])


def lessons(kind):
    """Truths of training scenes that show a kind."""
    seeds = [s for s in range(60_000, 60_200) if any(t.kind == kind for t in mixture.any_scene(s).things)]
    return [world._lesson(seed)[1] for seed in seeds[:8]]


def test_general_pretraining_never_reads_stage_species_or_state_of_a_turtle():
    told = 0
    for truth in lessons("turtle"):
        for text in sentences(truth, frozenset()):
            told += "turtle" in text
            assert not any(phrase in text for phrase in sum(language.STATES.values(), ()))
            assert not re.search(r"hatchling|juvenile|adult|loggerhead|hawksbill|green (sea )?turtle", text)
    assert told >= 8


def test_general_pretraining_reads_the_species_of_fish_it_may_know_and_no_other():
    truths = lessons("specimen")
    met = {t["attributes"]["species"] for truth in truths for t in truth["objects"] if t["kind"] == "specimen"}
    known = frozenset(sorted(met)[::2])
    read = " ".join(text for truth in truths for text in sentences(truth, known))
    assert any(name in read for name in known)
    assert not any(name in read for name in met - known)


def test_general_pretraining_reads_fine_captions_of_all_else():
    for truth in lessons("house"):
        if not any(t["kind"] in ("turtle", "specimen") for t in truth["objects"]):
            assert len(sentences(truth, frozenset())) == 7


# counts, colours, articles


@pytest.mark.parametrize(("count", "words"), [(1, "a dog"), (2, "two dogs"), (3, "three dogs"), (5, "five dogs")])
def test_counts_are_said_in_words(count, words):
    of = truth(*[thing("dog") for _ in range(count)], scene="land", place="park")
    for caption in spoken(of, "coarse"):
        assert caption["caption"] == words and caption["claims"]["things"] == [{"kind": "dog", "count": count}]


def test_one_means_at_least_one_and_larger_counts_are_exact():
    for n in range(5):
        crowd = truth(*[thing("crab") for _ in range(n)])
        assert satisfies(a("crab"), crowd) == (n >= 1)
        assert satisfies(a("crab", 2), crowd) == (n == 2)
        assert satisfies(a("crab", 3), crowd) == (n == 3)


def test_things_that_are_not_seen_do_not_count():
    of = truth(thing("crab"), thing("crab", seen=False))
    assert satisfies(a("crab"), of) and not satisfies(a("crab", 2), of)
    assert all(c["claims"]["things"] == [{"kind": "crab", "count": 1}] for c in spoken(of, "coarse"))


def test_a_colour_is_said_of_several_things_only_if_all_have_it():
    same = truth(thing("cup", colour="red"), thing("cup", colour="red"), scene="land", place="kitchen")
    mixed = truth(thing("cup", colour="red"), thing("cup", colour="blue"), scene="land", place="kitchen")
    assert all("two red" in c["caption"] for c in spoken(same, "medium"))
    assert not any("red" in c["caption"] or "blue" in c["caption"] for c in spoken(mixed, "medium"))
    assert satisfies(a("cup", 2, colour="red"), same) and not satisfies(a("cup", 2, colour="red"), mixed)


def test_black_and_white_pictures_have_no_colours_to_speak_of():
    of = truth(thing("bottle", colour="green"), grey=True)
    for level in LEVELS:
        assert not any("green" in c["caption"] for c in spoken(of, level))
    assert satisfies(a("bottle"), of) and not satisfies(a("bottle", colour="green"), of)
    assert of["objects"][0]["attributes"] == {"colour": "green"}


def test_a_person_wears_the_colour():
    of = truth(thing("person", colour="orange"), scene="land", place="street")
    captions = spoken(of, "fine")
    assert all("a person in an orange shirt" in c["caption"] for c in captions)
    assert not any("orange" in c["caption"] for c in spoken(of, "medium"))


@pytest.mark.parametrize(
    ("of", "start"),
    [
        (thing("octopus", colour="red"), "a red octopus"),
        (thing("octopus"), "an octopus"),
        (thing("bag", colour="orange"), "an orange "),
        (thing("turtle", stage="adult"), "an adult green"),
        (thing("turtle", stage="hatchling"), "a hatchling green"),
    ],
)
def test_articles_fit_the_next_word(of, start):
    assert all(c["caption"].startswith(start) for c in spoken(truth(of), "fine"))


# states, facts, negation


def test_claimed_states_must_be_all_of_them():
    def holds(claimed, states):
        return satisfies(a("turtle", states=claimed), truth(thing("turtle", states=states)))

    assert holds(["hook", "net"], ["net", "hook"]) and holds([], [])
    assert not holds(["net"], ["net", "hook"]) and not holds([], ["net"]) and not holds(["net"], [])


def test_a_claim_must_hold_for_one_thing_at_once():
    two = truth(thing("turtle", stage="adult", states=("net",)), thing("turtle", stage="juvenile"))
    assert satisfies(a("turtle", stage="adult", states=["net"]), two)
    assert not satisfies(a("turtle", stage="juvenile", states=["net"]), two)


@pytest.mark.parametrize(
    ("key", "other"),
    [("scene", "land"), ("place", "rocks"), ("light", "dark"), ("clarity", None), ("camera", "up")],
)
def test_a_claimed_fact_must_be_the_images_own(key, other):
    of = truth(thing("turtle"))
    claims = {**a("turtle"), key: of["facts"][key]}
    assert satisfies(claims, of) and not satisfies(claims, truth(thing("turtle"), **{key: other}))


def test_nothing_is_true_of_empty_water_only():
    empty, hidden, busy = truth(), truth(thing("crab", seen=False)), truth(thing("can"))
    for level in LEVELS:
        for caption in spoken(empty, level):
            assert caption["claims"]["nothing"] is True and re.search("nothing|empty|without", caption["caption"])
            assert satisfies(caption["claims"], hidden) and not satisfies(caption["claims"], busy)
            assert not satisfies(caption["claims"], truth(scene="land", place="park"))


def test_water_is_clear_or_murky_at_the_limits_of_the_words():
    assert [language.clarity(t) for t in (0.0, 0.299, 0.30, 0.499, 0.50, 1.0)] == ["clear", "clear", None, None,
                                                                                 "murky", "murky"]  # fmt: skip
    assert not any("water" in c["caption"] for c in spoken(truth(thing("crab"), clarity=None), "fine"))
    assert all("in clear water" in c["caption"] for c in spoken(truth(thing("crab")), "fine"))


# relations


def test_relations_follow_the_middles_of_the_boxes():
    middle = [40.0, 40.0, 60.0, 60.0]
    places = {"left of": (-30, 10), "right of": (30, -10), "above": (10, -30), "below": (-10, 30)}
    for word, (dx, dy) in places.items():
        assert relation([40 + dx, 40 + dy, 60 + dx, 60 + dy], middle) == word


def test_each_relation_has_its_opposite_the_other_way_round():
    opposite = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
    for first, second in np.random.default_rng(0).uniform(0, 100, (300, 2, 4)):
        assert relation(list(second), list(first)) == opposite[relation(list(first), list(second))]


def test_left_is_not_right_and_both_are_beside():
    left, right = thing("turtle", (0, 40, 20, 60)), thing("can", (70, 40, 90, 60))
    of, mirrored = (
        truth(left, right),
        truth({**left, "box_xyxy": right["box_xyxy"]}, {**right, "box_xyxy": [0, 40, 20, 60]}),
    )
    for image, word, wrong in ((of, "left of", "right of"), (mirrored, "right of", "left of")):
        assert satisfies({"relation": ["turtle", word, "can"]}, image)
        assert satisfies({"relation": ["can", wrong, "turtle"]}, image)
        assert satisfies({"relation": ["turtle", "beside", "can"]}, image)
        assert not satisfies({"relation": ["turtle", wrong, "can"]}, image)
        assert not satisfies({"relation": ["turtle", "above", "can"]}, image)
    said = {c["claims"]["relation"][1] for c in spoken(of, "fine") if "relation" in c["claims"]}
    assert said == {"left of", "beside"}


def test_a_relation_needs_two_different_things():
    assert not satisfies({"relation": ["can", "left of", "can"]}, truth(thing("can")))
    two = truth(thing("can", (0, 0, 9, 9)), thing("can", (50, 0, 59, 9)))
    assert satisfies({"relation": ["can", "left of", "can"]}, two)
    assert not satisfies({"relation": ["can", "above", "can"]}, two)
