"""Sentences taken apart: subjects, denials and relations of general English, and of ReefWorld's expressions by their truth."""

import collections

import numpy as np
import pytest

from utils import datasets
from utils.captions import grammar
from utils.datasets import registry
from utils.datasets.relevance import read_truth
from utils.ground import language, relations, space, words
from utils.ground.relations import Relation
from utils.reef.denotation import denotes, pointed_at

LOOKS = ("colour", "species", "stage", "action", "facing", "state")  # conditions that no box tells


def to(kind, *phrases, rank=1, denied=False):
    return Relation(kind, phrases, rank, denied)


RELATIONS = {
    "woman": [],
    "man in blue shirt to the left of the woman": [to("left of", "woman")],
    "the second giraffe from the right": [to("rank", "right", rank=2)],
    "a zebra behind another zebra": [to("behind", "zebra")],
    "the pizza slice closest to the camera": [to("depth", "front")],
    "there is a black dog sitting next to a red chair": [to("beside", "red chair")],
    "a turtle that is swimming above the orange one": [to("above", "orange turtle")],
    "the man on the far right wearing glasses": [to("rank", "right")],
    "the bowl of soup in the front": [to("depth", "front")],
    "a cat lying on the bed between two pillows": [to("between", "pillow", "pillow")],
    "a plate between the fork and the knife": [to("between", "fork", "knife")],
    "the largest of the three elephants": [to("size", "largest")],
    "the bigger of the two dogs": [to("size", "largest")],
    "the second largest boat": [to("size", "largest", rank=2)],
    "the shortest giraffe": [to("size", "shortest")],
    "the man with the tallest hat": [],
    "the one on the left": [to("side", "left")],
    "second car from left": [to("rank", "left", rank=2)],
    "the third person counting from the left": [to("rank", "left", rank=3)],
    "third man in a suit from the left": [to("rank", "left", rank=3)],
    "the last horse on the right": [to("rank", "right")],
    "the second zebra from the front": [to("depth", "front", rank=2)],
    "the blue bus behind the red bus": [to("behind", "red bus")],
    "the man standing in front of the car": [to("in front of", "car")],
    "the left sheep": [to("side", "left")],
    "right side elephant": [to("side", "right")],
    "the bird in the upper left corner": [to("side", "top"), to("side", "left")],
    "the bird on the top right of the photo": [to("side", "top"), to("side", "right")],
    "the turtle on the left hand side of the picture": [to("side", "left")],
    "a turtle in the lower part of the image": [to("side", "bottom")],
    "the dog on the left of the two": [to("side", "left")],
    "the left most zebra": [to("rank", "left")],
    "topmost shelf": [to("rank", "top")],
    "the lowest kite": [to("rank", "bottom")],
    "the book on top": [to("rank", "top")],
    "a sandwich on top of another sandwich": [to("above", "sandwich")],
    "the horse that is furthest to the right of the picture": [to("rank", "right")],
    "the bananas all the way on the left": [to("rank", "left")],
    "the drinks can closest to the bottom of the picture": [to("rank", "bottom")],
    "the middle one": [to("middle")],
    "the cow in the middle of the group": [to("middle")],
    "a car in the middle of the road": [],
    "a horse farthest away": [to("depth", "back")],
    "the boy farthest from the camera": [to("depth", "back")],
    "the chair at the back": [to("depth", "back")],
    "the front zebra": [to("depth", "front")],
    "the back of the woman in a red dress": [],
    "the kid that is closest to the fence": [to("nearest", "fence")],
    "the chair nearest the window": [to("nearest", "window")],
    "the bear far from the river": [to("farthest", "river")],
    "the umbrella over the table": [to("above", "table")],
    "the kite higher than the tree": [to("above", "tree")],
    "a fish under the boat": [to("below", "boat")],
    "the couch to the right of the lamp and below the picture": [to("right of", "lamp"), to("below", "picture")],
    "the vase immediately to the left of the clock": [to("left of", "clock")],
    "the car on the left side of the bus": [to("left of", "bus")],
    "the dog beside the person in blue": [to("beside", "person in blue")],
    "a car parked by the fence": [to("beside", "fence")],
    "a girl held by her mother": [],
    "a turtle covered by a net": [],
    "man with a hat over his head": [],
    "the dog near the top of the stairs": [],
    "the right hand of the man": [],
    "dog not next to the black dog": [to("beside", "black dog", denied=True)],
    "a turtle that isn't near the boat": [to("beside", "boat", denied=True)],
    "a man who is not on the left": [to("side", "left", denied=True)],
    "a man on the left looking at a man on the right": [to("side", "left")],
    "the dog left of the other": [to("left of", "dog")],
    "Sea turtle, left of two others.": [to("left of", "sea turtle")],
}
TURNED = (
    "the dog facing left",
    "a truck heading to the right",
    "giraffe looking to the left",
    "the giraffe whose head is turned to the left",
    "a cat facing away to the right side",
    "a turtle with its head to the right",
    "the car pointing right",
)
SUBJECTS = {
    "There is a black dog sitting next to a red chair.": ("black dog sitting", "dog", "nsubj"),
    "This is a red car on the right.": ("red car", "car", "nsubj"),
    "a photo of a turtle with a net on its shell": ("turtle with a net on its shell", "turtle", "root"),
    "the back of the woman in a red dress": ("woman in a red dress", "woman", "root"),
    "the two people on the left": ("two people", "person", "root"),
    "the second brown dog from the left": ("brown dog", "dog", "root"),
    "third man in a suit from the left": ("man in a suit", "man", "root"),
    "the man on the far right wearing a red shirt": ("man wearing a red shirt", "man", "root"),
    "a turtle covered by a net": ("turtle covered by a net", "turtle", "root"),
    "the sea turtle with barnacles on it": ("sea turtle with barnacles on it", "sea turtle", "root"),
    "a turtle that is swimming above the orange one": ("turtle that is swimming", "turtle", "root"),
    "the plastic bag left of the tyres": ("plastic bag", "plastic bag", "root"),
    "the far left loggerhead turtle": ("loggerhead turtle", "loggerhead turtle", "root"),
    "the person who is to the left of the boat": ("person", "person", "root"),
    "person in the background facing left": ("person facing left", "person", "root"),
    "the bowl of soup in the front": ("bowl of soup", "bowl", "root"),
    "a kid in a red shirt, on the right of the photo, holding a ball": (
        "kid in a red shirt holding a ball",
        "kid",
        "nsubj",
    ),
    "a boy sitting on a bench to the left of a girl with a red hat": ("boy sitting on a bench", "boy", "root"),
    "three": ("three", "three", "sentence"),
    "left": ("left", "left", "sentence"),
}
DENIED = {
    "the chair that is not brown": ("brown chair",),
    "mug that isnt green": ("green mug",),
    "a turtle that is not swimming": ("swimming turtle",),
    "a person without a yellow shirt": ("person with a yellow shirt",),
    "a turtle with no rope around it": ("turtle with rope around it",),
    "a sea turtle free of any net": ("sea turtle with net",),
    "the woman not wearing a hat": ("woman wearing a hat",),
    "the cat without a collar left of the tv": ("cat with a collar",),
    "dog not next to the black dog": (),
}


@pytest.fixture(scope="module")
def frame():
    """Validation sentences of ReefWorld with what they claim."""
    frame = datasets.expressions("refcocog")
    frame = frame[frame["split"] == "val"]
    return frame.assign(said=language.read(list(frame["sentence"])))


@pytest.fixture(scope="module")
def truths():
    return read_truth(registry.locate("refcocog"))


@pytest.mark.parametrize("sentence", RELATIONS)
def test_relations_of_general_english_are_read(sentence):
    assert list(language.read([sentence])[0].relations) == RELATIONS[sentence]


@pytest.mark.parametrize("sentence", TURNED)
def test_the_direction_of_a_body_is_no_place(sentence):
    said = language.read([sentence])[0]
    assert said.relations == () and said.subject == sentence.removeprefix("the ").removeprefix("a ")


@pytest.mark.parametrize("sentence", SUBJECTS)
def test_the_subject_keeps_its_looks_and_loses_its_place(sentence):
    said = language.read([sentence])[0]
    assert (said.subject, said.noun, said.stage) == SUBJECTS[sentence]


@pytest.mark.parametrize("sentence", DENIED)
def test_what_is_denied_is_turned_into_what_it_is_not(sentence):
    said = language.read([sentence])[0]
    assert said.denied == DENIED[sentence]
    assert said.subject == said.noun


def test_what_is_meant_is_not_itself_denied():
    said = language.read(["no dog on the left"])[0]
    assert (said.noun, said.denied, said.relations) == ("dog", (), (to("side", "left"),))


def test_a_side_or_rank_is_read_on_all_four_sides():
    for side in ("left", "right", "top", "bottom"):
        plain, rank = language.read([f"a kite at the {side} of the picture", f"the third kite from the {side}"])
        assert plain.relations == (to("side", side),) and rank.relations == (to("rank", side, rank=3),)


def test_what_is_said_of_a_landmark_is_not_said_of_the_subject():
    """Where the parser hangs "on the left" on the man, the dog may be anywhere."""
    from spacy.tokens import Doc

    vocab = grammar.pipeline().vocab
    text = ["the", "dog", "beside", "the", "man", "on", "the", "left"]
    for head, wanted in ((4, [to("beside", "man")]), (1, [to("beside", "man"), to("side", "left")])):
        doc = Doc(
            vocab,
            words=text,
            pos=["DET", "NOUN", "ADP", "DET", "NOUN", "ADP", "DET", "NOUN"],
            tags=["DT", "NN", "IN", "DT", "NN", "IN", "DT", "NN"],
            heads=[1, 1, 1, 4, 2, head, 7, 5],
            deps=["det", "ROOT", "prep", "det", "pobj", "prep", "det", "pobj"],
        )
        assert list(relations.parse(doc)) == wanted


def test_landmarks_are_the_phrases_of_relations_to_things():
    for sentence, found in RELATIONS.items():
        for relation in found:
            own = relation.kind in ("side", "rank", "size", "depth", "middle")
            assert relation.landmarks == (() if own else relation.to), sentence


def test_every_word_of_the_table_is_read():
    for size, said in words.TABLE["sizes"].items():
        for word in said.split():
            assert relations.parse(grammar.parsed([f"the {word} turtle"])[0]) == (to("size", size),)
    for rank, said in enumerate(words.TABLE["ranks"][1:], 2):
        for word in said.split():
            assert language.read([f"the {word} turtle from the left"])[0].relations == (to("rank", "left", rank=rank),)


# ReefWorld's own sentences


def claimed(claims):
    """(kind, about or number of landmarks, rank, denied) of what a sentence claims of places."""
    for claim in claims["where"]:
        by, value, denied = claim["by"], claim.get("is", claim.get("not")), "not" in claim
        if by in ("side", "size", "depth"):
            yield by, value, 1, denied
        elif by == "first":
            yield "rank", claim["from"], claim["rank"], denied
        elif by not in LOOKS:
            count = {"middle": 0, "between": 2}.get(by, 1)
            yield value if by == "relation" else by, count, 1, denied


def read_as(said):
    for r in said.relations:
        about = r.to[0] if r.kind in ("side", "rank", "size", "depth") else len(r.landmarks)
        yield r.kind, about, r.rank, r.denied


def test_relations_agree_with_what_the_world_claims(frame):
    right, all_of = collections.Counter(), collections.Counter()
    for said, facts in zip(frame["said"], frame["facts"], strict=True):
        claims = sorted(claimed(facts["claims"]), key=str)
        for kind in {kind for kind, *_ in claims} or {"none"}:
            right[kind] += claims == sorted(read_as(said), key=str)
            all_of[kind] += 1
    assert len(all_of) >= 10 and sum(all_of.values()) >= 300
    assert sum(right.values()) / sum(all_of.values()) >= 0.98
    assert {kind for kind in all_of if right[kind] / all_of[kind] < 0.9} == set()


def test_nouns_agree_with_the_worlds(frame):
    """Where the world's noun is a part of the one that is read: "loggerhead turtle"."""
    found = [f["noun"].endswith(s.noun) or s.noun.endswith(f["noun"]) for s, f in zip(frame["said"], frame["facts"], strict=True)]  # fmt: skip
    assert np.mean(found) >= 0.98


def test_what_is_read_points_at_the_thing_that_is_meant(frame, truths):
    """With true boxes, looks and landmarks, against picking one of those that look so at random."""
    hits, chance = [], []
    for row in frame.itertuples():
        if row.said.relations:
            truth = truths.get(row.image_id) or truths[row.image_id.partition("/")[2]]
            picked, share = pointed(row.said, row.facts["claims"], truth)
            hits.append(np.allclose(picked, row.box_xyxy, atol=1))
            chance.append(share)
    assert len(hits) >= 150
    assert np.mean(hits) >= 0.97 > 2 * np.mean(chance)


def pointed(said, claims, truth):
    """The box that the relations choose, and the chance of a choice among what looks as it is said."""
    rows = [i for i, thing in enumerate(truth["objects"]) if thing["seen"]]
    boxes = np.array([truth["objects"][i]["box_xyxy"] for i in rows], float)
    looks = {**claims, "where": [claim for claim in claims["where"] if claim["by"] in LOOKS]}
    same = np.isin(rows, list(denotes(looks, truth, doubt=True))).astype(float)
    told = iter(claim["to"] for claim in claims["where"] if "to" in claim)
    marks = []
    for relation in said.relations:
        things = next(told) if relation.landmarks else []
        things = [things] if isinstance(things, dict) else things
        marks.append([np.array([float(i == pointed_at(thing, truth)) for i in rows]) for thing in things])
    size = truth["facts"]["width"], truth["facts"]["height"]
    return boxes[np.argmax(space.combined(said.relations, boxes, *size, marks, same) * same)], 1 / same.sum()


# edges and bad input


@pytest.mark.parametrize("empty", ["", "   ", "...", "\n"])
def test_a_sentence_without_a_word_is_named(empty):
    with pytest.raises(ValueError, match="sentence 1 is .*without a word"):
        language.read(["a dog", empty])


@pytest.mark.parametrize(
    "sentence",
    ["the", "A", "swimming", "not", "without", "été 🐢", "🐢 a", "  two   blanks ", "!!!b!!!", "İstanbul left of the dog", "one of one of one", "by"],
)  # fmt: skip
def test_odd_sentences_have_a_subject(sentence):
    said = language.read([sentence])[0]
    assert said.sentence == sentence and said.subject.strip() and said.noun.strip()


@pytest.mark.parametrize("sentence", ["the dog beside the man and " * 60, "a turtle is left of the boat. " * 60, "word " * 300, "not " * 300, "of the back " * 100])  # fmt: skip
def test_three_hundred_words_are_read(sentence):
    said = language.read([sentence])[0]
    assert said.subject and said.noun and len(said.relations) <= 60


def test_no_sentences_are_no_answers():
    assert language.read([]) == []


def test_a_batch_is_read_as_one_by_one(frame):
    some = list(frame["sentence"][:40])
    assert language.read(some) == [language.read([sentence])[0] for sentence in some]


def test_a_missing_pipeline_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="no spaCy pipeline"):
        language.read(["a dog"], str(tmp_path / "none"))
