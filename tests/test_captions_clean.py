"""Cleaning of captions: what each rule mends, that nothing is lost, and that all of it can be undone."""

import itertools
import random
import unicodedata

import numpy as np
import pandas as pd
import pytest

from utils import captions
from utils.captions import clean as cleaned
from utils.captions.clean import CONTEXT, FLAGS, RULES, loops, not_english, shorten, spacing, words_and_marks
from utils.reef import paraphrase

HOSTILE = [
    "", " ", "\n\t\r\x0b", "...", " . , ! ", "-", "—", "\u200b\u200d\ufeff", "\x00\x07", "\ud800", "a", "The", "🐢", "🐢🐢 🐢", "👩‍👩‍👧 and a turtle",
    "a turtle\nover\r\nsand", "tur\u200btle", "tur\u200dtle", "سلحفاة تسبح في البحر", "\u202ea turtle\u202c over sand", "צב ים שוחה",
    "=cmd()", "=HYPERLINK(\"x\")", "@SUM(A1)", "<b>a turtle</b>", "<script>alert('turtle')</script>", "&lt;turtle&gt;", "a\\nturtle", "%s {} {0}",
    "x" * 5000, "turtle " * 60, "海龟" * 2500, "a turtle over the " * 30, "🐢" * 500, "a b " * 100, " ," * 100, "the " * 100,
    "\u0958\u212a\u037e", "e\u0301\u200d\u0301", "a\u0301" * 200, "'", "\"a turtle\"", "NULL", "nan", "1 2 3", "1 1 1", "\ufffd", "a｡ turtle",
]  # fmt: skip
BITS = [
    "a", "A", "the", "THE", "over", "OVER", "on", "sand", "turtle", "Turtle", "caretta", "Caretta", "1", "2.5", "and", "with", "IN", "🐢", "و", "海龟",
    " ", "  ", "\n", "\u2028", "\x00", "\ud800", "\u200d", "\u200b", "\u202e", "\ufe0f", "e\u0301", "\u0301", "\u212a", "\u037e", "\u0958", "é",
    ".", ",", "?", "!", "...", "…", "-", "–", " - ", ":", ";", "(", ")", "'", "<b>", "=", "x" * 90, "海" * 60,
]  # fmt: skip


def characters(sentence):
    return len(sentence) + 2


def hostile(count, seed=0):
    """Sentences made of bits that are hard to clean, short and long, with and without spaces."""
    rng = random.Random(seed)
    for _ in range(count):
        size, gaps = rng.choice([2, 4, 8, 20, 120]), rng.choice([0.2, 0.6, 0.9])
        yield "".join(rng.choice(BITS) + " " * (rng.random() < gaps) for _ in range(rng.randint(0, size)))


def one(sentence, **settings):
    """Caption, rules and flag of one sentence."""
    return tuple(captions.clean([sentence], **settings)[["caption", "rules", "flag"]].to_numpy()[0])


# each rule


@pytest.mark.parametrize(
    ("raw", "caption", "rule"),
    [
        ("  a \t turtle\n", "a turtle", "spacing"),
        ("a turtle , swimming .", "a turtle, swimming.", "spacing"),
        ("a turtle ...", "a turtle...", "spacing"),
        ("a tur\u200btle\x00", "a turtle", "spacing"),
        ("cafe\u0301", "café", "spacing"),
        ("cafe\u200d\u0301", "café", "spacing"),
        ("\u202ea turtle\u202c", "a turtle", "spacing"),
        ("a a turtle turtle", "a turtle", "repeats"),
        ("The the turtle", "The turtle", "repeats"),
        ("a turtle, turtle.", "a turtle.", "repeats"),
        ("caretta caretta caretta", "caretta caretta", "repeats"),
        ("on the sand on the sand on the sand", "on the sand", "loops"),
        ("a turtle on the sand, on the sand, on the sand.", "a turtle on the sand.", "loops"),
        ("There is a turtle. There is a turtle.", "There is a turtle.", "loops"),
        ("a b c d e f a b c d e f", "a b c d e f", "loops"),
        ("a turtle and a turtle and a turtle", "a turtle and a turtle", "loops"),
        ("x y x y z x y z", "x y z", "loops"),
        ("a turtle swimming over the", "a turtle swimming", "fragment"),
        ("a turtle swimming over", "a turtle swimming", "fragment"),
        ("a turtle swimming over the.", "a turtle swimming.", "fragment"),
        ("a turtle, and the", "a turtle", "fragment"),
        ("a turtle - with its", "a turtle", "fragment"),
        ("It is a turtle. The", "It is a turtle.", "fragment"),
        ("A TURTLE OVER THE", "A TURTLE", "fragment"),
        ("a person with a hat on the", "a person with a hat", "fragment"),
    ],
)
def test_a_rule_mends_what_it_is_for_and_says_so(raw, caption, rule):
    assert one(raw) == (caption, (rule,), None)


@pytest.mark.parametrize(
    "sentence",
    [
        "a turtle", "A turtle.", "two bottles and a cat", "side by side", "A Caretta caretta on a beach", "caretta caretta", "a mahi mahi",
        "a photo of Rattus rattus", "room 10 10", "10 20 10 20", "a turtle. Turtle shells are hard", "🐢 🐢", "a turtle seen from above",
        "a ray seen from above above rocks", "a turtle swims along along with a seal", "what is it made of?", "a crab in Portland, OR", "Terminal A",
        "a person with a white shirt on", "a dog looks on", "A man dives in.", "the lamp is on", "a boat sails by", "a ratio of 3:1", "at .5 m",
        "a a-b", "turtle's turtles", "👩‍👩‍👧 on a beach", "<b>a turtle</b>", "=cmd()", "🐢",
    ],
)  # fmt: skip
def test_what_is_right_stays_as_it_is(sentence):
    assert one(sentence) == (sentence, (), None)


def test_rules_are_named_in_the_order_in_which_they_were_applied():
    raw = "a  turtle turtle on the sand on the sand over the"
    assert one(raw) == ("a turtle on the sand", ("spacing", "repeats", "loops", "fragment"), None)
    assert tuple(RULES) == ("spacing", "repeats", "loops", "fragment", "length")


def test_captions_of_the_made_world_are_clean():
    said = paraphrase.captions(seed=900, count=90)
    said += [other for _, other in paraphrase.pairs(seed=1900, count=20) if " on on " not in other]
    table = captions.clean(said)
    assert table["caption"].tolist() == said
    assert not table["rules"].map(len).any() and table["flag"].isna().all()


def test_a_phrase_is_repeated_nowhere_and_no_word_is_lost():
    rng = random.Random(1)
    for _ in range(200):
        words = [rng.choice("abc") for _ in range(rng.randint(1, 25))]
        left = loops(" ".join(words)).split()
        spans = [(left[i : i + k], left[i + k : i + 2 * k]) for k in range(2, 7) for i in range(len(left) - 2 * k + 1)]
        assert not any(first == second for first, second in spans)
        assert set(left) == set(words)
        naive = any(
            words[i : i + k] == words[i + k : i + 2 * k] for k in range(2, 7) for i in range(len(words) - 2 * k + 1)
        )
        assert (left != words) == naive


# length


def test_a_long_sentence_ends_at_its_last_clause():
    raw = "a turtle swims over a reef, two divers follow it, and there are many more words in it than anyone wanted"
    assert one(raw, most=18) == ("a turtle swims over a reef, two divers follow it", ("length",), None)


def test_without_a_late_clause_it_ends_at_a_word_that_can_end_it():
    raw = "here, a turtle swims over a reef of many colours and beside two divers"
    assert one(raw, most=14) == ("here, a turtle swims over a reef of many colours", ("length",), None)


def test_a_sentence_without_spaces_ends_at_a_character():
    caption, rules, flag = one("海龟" * 100, length=characters)
    assert (len(caption), rules, flag) == (CONTEXT - 2, ("length",), "not English")


def test_what_fits_exactly_is_kept_and_one_more_is_cut():
    words = [f"word{i}" for i in range(CONTEXT - 2)]
    assert one(" ".join(words))[1] == ()
    assert one(" ".join([*words, "more"])) == (" ".join(words), ("length",), None)


def test_tokens_are_counted_by_the_function_that_is_given():
    """As with an encoder, whose `tokenize` never returns more than its context."""
    tokenize = lambda sentence: list(sentence.encode())[:30]  # noqa: E731
    caption = one("a turtle swims over a reef of many colours", most=29, length=lambda s: len(tokenize(s)))[0]
    assert caption == "a turtle swims over a reef"


@pytest.mark.parametrize(("most", "length"), [(2, None), (0, None), (-1, None), (7, lambda s: 7)])
def test_a_limit_below_one_word_is_refused(most, length):
    with pytest.raises(ValueError, match=f"most is {most}.*no word fits"):
        captions.clean(["a turtle"], most=most, length=length)


# nothing is lost


@pytest.mark.parametrize(("most", "length"), [(CONTEXT, None), (10, None), (20, characters), (3, characters)])
def test_cleaning_twice_is_cleaning_once_and_everything_fits(most, length):
    said = [*HOSTILE, *hostile(60, seed=most)]
    table = captions.clean(said, most, length)
    again = captions.clean(table["caption"], most, length)
    assert again["caption"].tolist() == table["caption"].tolist()
    assert not again["rules"].map(len).any()
    assert again["flag"].tolist() == table["flag"].tolist()
    assert max(map(length or words_and_marks, table["caption"])) <= most


def test_nothing_is_lost_that_is_not_counted():
    said = [*HOSTILE, *hostile(150)]
    table = captions.clean(said)
    assert table["raw"].tolist() == said
    for raw, caption, rules, flag in table.itertuples(index=False):
        assert (raw != caption) == bool(rules)
        assert set(rules) <= set(RULES)
        assert caption == unicodedata.normalize("NFC", caption) == caption.strip()
        assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in caption)
        if not any(c.isalnum() or unicodedata.category(c) == "So" for c in caption):
            assert flag == "empty"


@pytest.mark.parametrize("left_out", [(), *[(name,) for name in RULES], ("spacing", "length"), tuple(RULES)])
def test_a_rule_can_be_undone_exactly(left_out):
    said = [*HOSTILE, *hostile(40, seed=3)]
    table = captions.clean(said)
    expected = []
    for sentence in said:
        for name in [name for name in RULES if name not in left_out]:
            sentence = RULES[name](sentence)
        expected.append(sentence)
    assert captions.undo(table, left_out) == expected


def test_undone_rules_leave_the_sentence_as_it_was_given():
    table = captions.clean(HOSTILE)
    assert captions.undo(table) == HOSTILE
    assert captions.undo(table, []) == table["caption"].tolist()
    untouched = [i for i, rules in enumerate(table["rules"]) if "repeats" not in rules]
    without = captions.undo(table, "repeats")
    assert [without[i] for i in untouched] == [table["caption"][i] for i in untouched]


def test_undo_counts_as_clean_did():
    table = captions.clean(["a turtle over over sand and other things"], most=8, length=lambda s: len(s.split()) + 2)
    assert captions.undo(table, "repeats", 8, lambda s: len(s.split()) + 2) == ["a turtle over over sand"]


def test_an_unknown_rule_lists_the_known_ones():
    with pytest.raises(ValueError, match="'spelling'; known: spacing, repeats, loops, fragment, length"):
        captions.undo(captions.clean(["a turtle"]), ["spelling"])


def test_a_table_that_clean_did_not_make_is_named():
    with pytest.raises(ValueError, match="missing columns: raw; found "):
        captions.undo(pd.DataFrame())
    with pytest.raises(ValueError, match="missing columns: raw, rules, flag; found caption"):
        captions.counts(pd.DataFrame({"caption": ["a turtle"]}))
    with pytest.raises(ValueError, match=r"sentences\[1\] is nan, no string"):
        captions.undo(pd.DataFrame({"raw": ["a turtle", float("nan")]}))


# flags


@pytest.mark.parametrize(
    "sentence", ["", "   ", "...", "—", "' ' '", "\x00", "\u200b", "a", "the", "over the", "$ + ="]
)
def test_what_says_nothing_is_flagged_and_kept(sentence):
    table = captions.clean([sentence, "a turtle"])
    assert table["flag"].tolist() == ["empty", None]
    assert table["raw"][0] == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "海龟在海里游泳", "カメが泳いでいる", "سلحفاة تسبح في البحر",
        "צב ים שוחה", "черепаха плывёт", "a χελώνα στη θάλασσα",
    ],
)  # fmt: skip
def test_other_scripts_are_flagged_and_kept(sentence):
    assert one(sentence)[2] == "not English"
    assert captions.clean([sentence])["raw"][0] == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "green turtle swimming underwater", "Two bottles.", "turtle", "a turtle 海龟 swims", "a café in Málaga", "two turtles near Île de la Réunion",
        "São Tomé turtles resting at noon", "white van parked on snow", "a turtle in sand", "🐢", "42", "a turtle by El Niño in La Paz",
    ],
)  # fmt: skip
def test_english_is_not_flagged(sentence):
    assert one(sentence)[2] is None


def test_other_languages_in_latin_letters_pass_as_the_docstring_says():
    assert not not_english("une tortue nage près du récif")
    assert not not_english("divers off La Jolla in El Salvador")


# counts


def test_counts_are_those_of_a_loop_over_the_rows():
    table = captions.clean([*HOSTILE, *hostile(100, seed=5)])
    found = captions.counts(table)
    assert found["name"].tolist() == [*RULES, *FLAGS]
    for name, count, share, before, after in found.itertuples(index=False):
        rows = [row for row in table.itertuples() if name in row.rules or row.flag == name]
        assert (count, share) == (len(rows), len(rows) / len(table))
        assert (before, after) in [(row.raw, row.caption) for row in rows]
        fewest = min(len(row.rules) for row in rows)
        assert any((row.raw, len(row.rules)) == (before, fewest) for row in rows)


def test_rules_and_flags_without_a_case_are_listed_too():
    found = captions.counts(captions.clean(["a turtle"]))
    assert found["count"].tolist() == [0] * (len(RULES) + len(FLAGS))
    assert all(value is None for value in (*found["before"], *found["after"]))


def test_no_sentence_gives_an_empty_table():
    table = captions.clean([])
    assert list(table.columns) == ["raw", "caption", "rules", "flag"] and not len(table)
    assert captions.undo(table) == []
    assert captions.counts(table)["share"].tolist() == [0.0] * (len(RULES) + len(FLAGS))


# input


@pytest.mark.parametrize("wrong", [None, float("nan"), 7, b"a turtle", ["a turtle"], np.nan])
def test_what_is_no_string_is_named_with_its_position(wrong):
    with pytest.raises(ValueError, match=r"sentences\[2\] is .*no string") as error:
        captions.clean(["a turtle", "a crab", wrong])
    assert repr(wrong) in str(error.value)


def test_one_string_in_the_place_of_a_list_is_refused():
    with pytest.raises(ValueError, match="give a list of sentences"):
        captions.clean("a turtle")


@pytest.mark.parametrize("kind", [list, tuple, iter, np.array])
def test_any_iterable_of_strings_is_taken(kind):
    assert captions.clean(kind(["a  turtle", "a crab"]))["caption"].tolist() == ["a turtle", "a crab"]


def test_a_long_sentence_is_cleaned_in_time_that_grows_with_its_length():
    """5,000 characters a sentence: quadratic rules would take minutes here."""
    said = ["a turtle over the sand " * 220, "x " * 2500, "turtle" * 830, ", " * 2500] * 5
    assert len(captions.clean(said)) == 20


@pytest.mark.parametrize("rule", ["spacing", "repeats", "loops", "fragment", "length"])
def test_a_rule_alone_changes_nothing_the_second_time(rule):
    for sentence in itertools.chain(HOSTILE, hostile(50, seed=8)):
        once = RULES[rule](spacing(sentence))
        assert RULES[rule](once) == once


def test_the_rules_can_be_used_alone():
    assert cleaned is captions.clean
    assert shorten("a turtle over a reef", most=5) == "a turtle"
