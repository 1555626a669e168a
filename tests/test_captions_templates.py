"""Template captions: they say nothing that is untrue, or that the row does not know."""

import re

import numpy as np
import pandas as pd
import pytest

from utils import captions, datasets, reef
from utils.captions.templates import ABOVE_WATER, ACTIONS, article, plural

NAMES = {
    "a net": "a fishing net",
    "nets": "fishing nets",
    "a plant": "a potted plant",
    "plants": "potted plants",
}  # as ReefWorld calls them
SEA = {"scene": "sea"}


@pytest.fixture(scope="module", params=["roboflow_turtles", "fish31", "coco"])
def world(request):
    """Up to 150 rows of a data set of ReefWorld, spread over it, and four captions each."""
    frame = datasets.load(request.param)
    frame = frame.iloc[:: max(1, len(frame) // 150)].reset_index(drop=True)
    return frame, captions.from_labels(frame, seed=5, each=4)


def row(**cells):
    return pd.DataFrame([{"image_id": "x/1.jpg", **cells}], dtype=object)


def said(each=5000, **cells):
    """All captions that a row allows."""
    return set(captions.from_labels(row(**cells), each=each)[0])


def box(label, crowd=False):
    return {"box_xyxy": [0.0, 0.0, 1.0, 1.0], "label": label, "crowd": crowd}


def claims(sentence, facts):
    """What a caption states as ReefWorld reads it, but for site and date, which are no words of that world."""
    if facts["site"]:
        sentence = sentence.replace(f" at {facts['site']}", "")
    if facts["date"]:
        year, month = facts["date"].split("-")[:2]
        sentence = sentence.replace(f" in {pd.Timestamp(int(year), int(month), 1).month_name()} {year}", "")
    for name, known in NAMES.items():
        sentence = re.sub(rf"\b{name}\b", known, sentence)
    stated = reef.read(sentence)
    for thing in stated["things"]:
        if thing["kind"] == "specimen" and "fish" in {other["kind"] for other in facts["objects"]}:
            thing["kind"] = "fish"  # of a school of fish one may say "a fish"
    return stated


# truth


def test_every_caption_is_read_and_true_of_its_picture(world):
    frame, made = world
    for facts, sentences in zip(frame["facts"], made, strict=True):
        for sentence in sentences:
            stated = claims(sentence, facts)
            assert "unknown" not in stated and stated["things"], sentence
            assert reef.satisfies(stated, boxed(stated, facts)), (sentence, stated)


def boxed(stated, facts):
    """The truth to judge by: things that are counted have a box, so they are there, be they hidden or not."""
    counted = {thing["kind"] for thing in stated["things"] if thing["count"] != 1}
    return {"facts": facts, "objects": [o | {"seen": o["seen"] or o["kind"] in counted} for o in facts["objects"]]}


def test_numbers_are_those_of_boxes_and_rarely_count_what_is_hidden(world):
    frame, made = world
    hidden, counted = 0, 0
    for boxes, facts, sentences in zip(frame["boxes"], frame["facts"], made, strict=True):
        for sentence in sentences:
            for thing in claims(sentence, facts)["things"]:
                if thing["count"] != 1:
                    kind = thing["kind"]
                    assert thing["count"] == sum(box["label"] == kind for box in boxes)
                    hidden += thing["count"] != sum(o["seen"] and o["kind"] == kind for o in facts["objects"])
                    counted += 1
    assert hidden <= 0.05 * counted


def test_only_kinds_that_the_row_names_are_said_and_of_them_nothing_but_name_and_number(world):
    frame, made = world
    for (_, cells), sentences in zip(frame.iterrows(), made, strict=True):
        known = {"specimen", *cells["labels"]} if "fish" in cells["labels"] else set(cells["labels"])
        for sentence in sentences:
            stated = claims(sentence, cells["facts"])
            assert {thing["kind"] for thing in stated["things"]} <= known
            assert all(thing.keys() <= {"kind", "count", "species"} for thing in stated["things"])
            assert {thing["species"] for thing in stated["things"] if "species" in thing} <= {cells["label"]}
            assert stated.keys() <= {"things", "scene", "light", "clarity"}


def test_every_picture_of_the_world_gets_as_many_different_captions_as_asked_for(world):
    _, made = world
    assert all(len(sentences) == len(set(sentences)) == 4 for sentences in made)


def test_captions_of_the_world_need_no_cleaning(world):
    _, made = world
    table = captions.clean([sentence for sentences in made for sentence in sentences])
    assert not table["rules"].map(len).any() and table["flag"].isna().all()


def test_a_false_caption_would_be_seen(world):
    """The judge above is no rubber stamp: the captions of other pictures are often untrue."""
    frame, made = world
    others = [*made[7:], *made[:7]]
    judged = [
        reef.satisfies(reef.read(sentence), {"facts": facts, "objects": facts["objects"]})
        for facts, sentences in zip(frame["facts"], others, strict=True)
        for sentence in sentences
    ]
    assert np.mean(judged) < 0.9


# what is said


def test_a_label_alone_gives_the_kind_and_neutral_words():
    assert said(label="octopus") == {
        "an octopus", "a photo of an octopus", "a picture of an octopus", "an image of an octopus", "there is an octopus", "we see an octopus",
    }  # fmt: skip


def test_label_and_category_are_both_names():
    assert {"a Bangus", "a fish"} < said(label="Bangus", category="fish", labels=["fish"])


def test_other_labels_keep_it_company():
    found = said(label="turtle", category="turtle", labels=["crab", "net", "seal", "turtle"])
    assert {"a turtle", "a turtle and a crab", "a turtle, a crab and a seal"} < found
    assert all("turtle" in sentence for sentence in found)
    assert max(sentence.count(" a ") for sentence in found) <= 4  # "a photo of a turtle, a crab and a seal"


def test_labels_alone_are_enough():
    assert {"a crab", "a crab and a seal"} < said(labels=["crab", "seal"])


@pytest.mark.parametrize(
    ("boxes", "sentence"),
    [
        ([], "a turtle"),
        ([box("flipper"), box("flipper")], "a turtle"),
        ([box("turtle")], "a turtle"),
        ([box("turtle")] * 2, "two turtles"),
        ([box("turtle")] * 5, "five turtles"),
        ([box("turtle")] * 6, "several turtles"),
        ([box("turtle"), box("turtle", crowd=True)], "a turtle"),
        (None, "a turtle"),
    ],
)
def test_a_number_is_that_of_the_boxes(boxes, sentence):
    found = said(label="turtle", boxes=boxes)
    assert sentence in found and len(found) == len(ACTIONS)
    assert (f"there {'is' if sentence == 'a turtle' else 'are'} {sentence}") in found


@pytest.mark.parametrize(
    ("facts", "phrases"),
    [
        ({}, []),
        (None, []),
        ({"light": "dim"}, ["in dim light"]),
        ({"light": "dark"}, ["in the dark"]),
        ({"light": "bright"}, ["in bright light"]),
        ({"light": "odd"}, []),
        ({"light": 0.3}, []),
        ({"site": "Blue Cove"}, ["at Blue Cove"]),
        ({"site": " Blue\nCove "}, ["at Blue Cove"]),
        ({"site": ""}, []),
        ({"site": 12}, []),
        ({"site": "12"}, []),
        ({"date": "2023-06-27"}, ["in June 2023"]),
        ({"date": "2023:06:27 10:00:00"}, ["in June 2023"]),
        ({"date": pd.Timestamp("2023-06-27")}, ["in June 2023"]),
        ({"date": "2023-06"}, ["in June 2023"]),
        ({"date": "2023"}, ["in 2023"]),
        ({"date": "2023-13-01"}, []),
        ({"date": "20230627"}, []),
        ({"date": "yesterday"}, []),
        ({"date": None}, []),
        ({"date": float("nan")}, []),
        ({"turbidity": 0.1}, ["in clear water"]),
        ({"turbidity": np.float32(0.1)}, ["in clear water"]),
        ({"turbidity": 0.4}, []),
        ({"turbidity": 0.9}, ["in murky water"]),
        ({"turbidity": 12.0}, []),  # in another unit
        ({"turbidity": "0.1"}, []),
        ({"turbidity": float("nan")}, []),
        ({"turbidity": 0.1, "clarity": None}, []),
        ({"clarity": "murky"}, ["in murky water"]),
        ({"clarity": ["murky"]}, []),
        ({"scene": "land"}, []),
        (SEA, ["in the sea", "under water"]),
        ({"depth": 4, "colour": "red", "objects": [{"kind": "crab"}]}, []),
    ],
    ids=str,
)
def test_a_context_is_a_fact(facts, phrases):
    found = said(label="turtle", facts=facts)
    assert {sentence.removeprefix("a turtle").strip() for sentence in found if sentence.startswith("a turtle")} == {
        "",
        *phrases,
    }
    assert len(found) == len(ACTIONS) * (1 + len(phrases))


def test_contexts_are_joined_in_one_order():
    facts = {**SEA, "turbidity": 0.1, "light": "dim", "site": "Blue Cove", "date": "2023-06-27"}
    found = said(label="turtle", facts=facts)
    assert "there is a turtle in clear water in dim light at Blue Cove in June 2023" in found
    assert not [sentence for sentence in found if "sea" in sentence and "water" in sentence]
    assert len(found) == len(ACTIONS) * 4 * 2 * 2 * 2


@pytest.mark.parametrize("label", sorted(ABOVE_WATER))
def test_what_floats_or_flies_is_not_under_water(label):
    for cells in ({"label": label}, {"label": "turtle", "labels": ["turtle", label]}, {"label": f"old_{label}"}):
        assert not [sentence for sentence in said(facts=SEA, **cells) if "under water" in sentence]


@pytest.mark.parametrize(
    "label", [None, "", "  ", "\n", "_", "12", "2023_06", "...", "🐢", float("nan"), 3, ["turtle"]]
)
def test_an_empty_label_gives_no_caption(label):
    assert captions.from_labels(row(label=label, category=label, labels=[], facts=SEA)) == [[]]
    assert captions.from_labels(row(label=label, labels=None)) == [[]]
    assert captions.from_labels(row(labels=[label])) == [[]]


@pytest.mark.parametrize("dataset", ["artphoto", "brueghel", "oxford_buildings"])
def test_labels_that_are_no_things_in_the_picture_give_no_caption(dataset):
    assert captions.from_labels(row(dataset=dataset, label="fear", labels=["fear"])) == [[]]


@pytest.mark.parametrize(
    ("label", "sentence"),
    [
        ("sea_turtle", "a sea turtle"),
        (" green  turtle\n", "a green turtle"),
        ("tur\u200btle", "a turtle"),
        ("<b>turtle</b>", "a <b>turtle</b>"),
        ("{}", None),
        ("{x}", "a {x}"),
        ("%s", "a %s"),
        ("海龟", "a 海龟"),
        ("سلحفاة", "a سلحفاة"),
        ("🐢 turtle", "a 🐢 turtle"),
        ("seagrass", "seagrass"),
        ("scissors", "scissors"),
    ],
)
def test_a_label_becomes_words(label, sentence):
    found = said(label=label)
    assert (sentence in found) if sentence else not found
    assert len(found) in (0, len(ACTIONS))


def test_the_same_name_twice_gives_no_caption_twice():
    made = captions.from_labels(row(label="sea_turtle", category="sea turtle"), each=100)[0]
    assert len(made) == len(set(made)) == len(ACTIONS)


# grammar


@pytest.mark.parametrize(
    "words",
    [
        "a turtle", "an octopus", "an eel", "an urchin", "an umbrella", "an anemone", "an island", "a unicorn", "a uniform", "a European eel",
        "a eucalyptus", "a one-eyed fish", "a useful net", "an hour glass", "an honest fish", "a horse", "a UFO", "an X-ray", "a TV monitor",
        "an unidentified fish", "an unnamed ray", "an 8", "an 18", "an 80", "a 1", "an Indo-Pacific Tarpon", "a yacht", "an F", "a Bangus", "an Eel",
    ],
)  # fmt: skip
def test_the_article_goes_by_the_sound(words):
    wanted, noun = words.split(" ", 1)
    assert article(noun) == wanted


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("turtle", "turtles"), ("sea star", "sea stars"), ("octopus", "octopuses"), ("bus", "buses"), ("box", "boxes"), ("bench", "benches"),
        ("brush", "brushes"), ("person", "people"), ("sheep", "sheep"), ("Grass Carp", "Grass Carp"), ("Mouse", "Mice"), ("Goby", "Gobies"),
        ("ray", "rays"), ("wine glass", "wine glasses"), ("jellyfish", "jellyfish"), ("knife", "knives"), ("Fisher Person", "Fisher People"),
    ],
)  # fmt: skip
def test_several_of_a_noun(one, many):
    assert plural(one) == many


# drawing


def test_captions_depend_on_seed_and_image_alone(world):
    frame, made = world
    order = np.random.default_rng(0).permutation(len(frame))[:60]
    assert captions.from_labels(frame.iloc[order], seed=5, each=4) == [made[i] for i in order]
    assert captions.from_labels(frame.iloc[order], seed=6, each=4) != [made[i] for i in order]


def test_images_with_equal_labels_get_various_captions():
    frame = pd.DataFrame({"image_id": [f"x/{i}.jpg" for i in range(300)], "label": "turtle"})
    made = [sentences[0] for sentences in captions.from_labels(frame)]
    assert set(made) == said(label="turtle")
    assert min(made.count(sentence) for sentence in set(made)) > 300 / len(ACTIONS) / 2


def test_there_are_never_more_captions_than_ways_to_say_it():
    assert [len(captions.from_labels(row(label="turtle"), each=each)[0]) for each in (1, 3, 6, 7, 1000)] == [
        1,
        3,
        6,
        6,
        6,
    ]


@pytest.mark.parametrize("seed", [-1, 2**70, 0])
def test_any_whole_number_is_a_seed(seed):
    assert len(captions.from_labels(row(label="turtle"), seed=seed)[0]) == 1


@pytest.mark.parametrize("each", [0, -3])
def test_no_caption_a_row_is_refused(each):
    with pytest.raises(ValueError, match=f"each is {each}"):
        captions.from_labels(row(label="turtle"), each=each)


def test_a_frame_without_image_id_lists_its_columns():
    with pytest.raises(ValueError, match="no column image_id; its columns: label"):
        captions.from_labels(pd.DataFrame({"label": ["turtle"]}))


def test_no_row_gives_no_list():
    assert captions.from_labels(row(label="turtle").iloc[:0]) == []
