"""The guard: each kind of changed fact is named, other words for the same thing pass."""

import pytest

from utils import encoders
from utils.captions import grammar, guard


@pytest.fixture(scope="module")
def encoder():
    return encoders.load("clip-vit-openai", device="cpu", precision="fp32")


@pytest.mark.parametrize(
    ("source", "other", "said"),
    [
        ("a turtle over sand", "a turtle over sand with a boat", ["added boat"]),
        ("a turtle with a net over sand", "a turtle over sand", ["lost net"]),
        ("two turtles over sand", "three turtles over sand", ["turtle: 2 became 3"]),
        ("a red crab over sand", "a blue crab over sand", ["crab: red became blue"]),
        ("a red crab over sand", "a crab over sand", ["crab: red became no colour"]),
        ("a turtle with a net", "a turtle without a net", ["net: denied"]),
        ("a turtle below a ray", "a ray below a turtle", ["ray above turtle turned round"]),
        ("a diver holds a turtle", "a turtle holds a diver", ["diver holds turtle turned round"]),
        ("a turtle eats over a reef", "a turtle swims over a reef", ["action: eat became swim"]),
        ("a turtle tangled in a net", "a turtle beside a net", ["caught: tangled became nothing"]),
        ("a young turtle over sand", "an old turtle over sand", ["age: young became adult"]),
        ("a turtle in murky water", "a turtle in clear water", ["water: murky became clear"]),
    ],
)
def test_a_changed_fact_is_named(source, other, said):
    assert guard.changes([source], [other]) == [said]


@pytest.mark.parametrize(
    ("source", "other"),
    [
        ("two orange motorcycles on a street", "on a street, two orange motorcycles"),
        ("a turtle below a ray", "a ray above a turtle"),
        ("a green bus on a street", "a bus that is green on a street"),
        ("a turtle over sand", "a photo of a turtle over sand"),
        ("a grey seal over sand", "a gray seal over sand"),
        ("a turtle is swimming over sand", "a turtle glides over sand"),
        ("a red crab and a blue crab", "a blue crab and a red crab"),
        ("two turtles over sand", "a pair of turtles over sand"),
        ("the bus on the street is green", "a green bus on the street"),
    ],
)
def test_the_same_facts_in_another_order_are_no_change(source, other):
    assert guard.changes([source], [other]) == [[]]


def test_another_word_for_a_thing_passes_with_an_encoder_alone(encoder):
    pair = ["a red truck on a street"], ["a red lorry on a street"]
    assert guard.changes(*pair) == [["lost truck", "added lorry"]]
    assert guard.changes(*pair, encoder, near=(0.6, 0.5)) == [[]]
    [said] = guard.changes(["a red truck on a street"], ["a red crab on a street"], encoder, near=(0.6, 0.5))
    assert said[:2] == ["lost truck", "added crab"]


def test_sentences_far_from_each_other_are_told_by_the_whole(encoder):
    [said] = guard.changes(["a dog"], ["three fish under water in the dark"], encoder)
    assert said[-1].startswith("the whole (cosine")


def test_every_source_needs_another():
    with pytest.raises(ValueError, match="1 sources and 2 others"):
        guard.changes(["a"], ["a", "b"])
    assert guard.changes([], []) == []


def test_things_have_number_colour_and_denial():
    [doc] = grammar.parsed(["a photo of two grey dogs without a ball in the park"])
    dogs, ball, park = grammar.things(doc)
    assert (dogs.noun, dogs.count, dogs.colours) == ("dog", 2, {"grey"})
    assert (ball.noun, ball.denied) == ("ball", True) and not dogs.denied and park.noun == "park"


@pytest.mark.parametrize(
    ("many", "one"),
    [("dogs", "dog"), ("boxes", "box"), ("buses", "bus"), ("beaches", "beach"), ("bodies", "body"), ("people", "person"),
     ("fish", "fish"), ("grass", "grass"), ("octopus", "octopus"), ("octopuses", "octopus"), ("jellyfish", "jellyfish")],
)  # fmt: skip
def test_nouns_are_compared_in_the_singular(many, one):
    assert grammar.singular(many) == one


def test_hostile_sentences_are_parsed():
    odd = ["", "🐢" * 50, "<script>alert(1)</script>", "=1+1", "a " * 3000, "سلحفاة في البحر"]
    assert len(grammar.parsed(odd)) == len(guard.changes(odd, odd)) == len(odd)


def test_a_pipeline_that_is_not_there_says_how_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="make models"):
        grammar.pipeline(str(tmp_path / "nowhere"))
