"""Duplicates among captions against a naive search, and how varied captions are."""

import itertools
import random

import numpy as np
import pytest

from utils import captions
from utils.captions import duplicates

HOSTILE = [
    "",
    " ",
    "...",
    "🐢",
    "\ud800",
    "=cmd()",
    "<b>a</b>",
    "سلحفاة",
    "a\nturtle",
    "x" * 5000,
    "x" * 5000 + ".",
    "A TURTLE .",
    "Straße",
    "STRASSE",
]


def unit(rows):
    rows = np.asarray(rows, np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def naive_groups(sentences, text_emb=None, near=0.97):
    """Join every pair that is exact or near, until nothing changes."""
    number = list(range(len(sentences)))
    same = [" ".join(s.casefold().split()).rstrip(" .") for s in sentences]
    for _ in sentences:
        for i, j in itertools.combinations(range(len(sentences)), 2):
            close = text_emb is not None and float(text_emb[i].astype(float) @ text_emb[j].astype(float)) >= near - 1e-6
            if same[i] == same[j] or close:
                number[i] = number[j] = min(number[i], number[j])
    order = list(dict.fromkeys(number))
    return [order.index(group) for group in number]


def angles(*degrees):
    """Unit vectors of a plane at these angles."""
    turns = np.deg2rad(degrees)
    return unit(np.stack([np.cos(turns), np.sin(turns)], axis=1))


# groups


def test_exact_duplicates_are_equal_but_for_case_spacing_and_a_final_stop():
    said = ["a turtle", "A turtle.", " a  TURTLE .", "a turtle!", "a, turtle", "turtle a", "cafe\u0301", "café"]
    assert captions.groups(said).tolist() == [0, 0, 0, 1, 2, 3, 4, 4]


@pytest.mark.parametrize(("rows", "columns"), [(1024, 4096), (3, 5), (1, 1), (7, 2)])
def test_groups_equal_a_naive_search_in_blocks_of_any_size(rows, columns, monkeypatch):
    monkeypatch.setattr(duplicates, "ROWS_AT_ONCE", rows)
    monkeypatch.setattr(duplicates, "COLUMNS_AT_ONCE", columns)
    rng = np.random.default_rng(0)
    for case in range(24):
        n = int(rng.integers(1, 15))
        said = [f"a thing {rng.integers(15)}" for _ in range(n)]
        text_emb = angles(*rng.integers(0, 36, n) * 10.0) if case % 2 else unit(rng.standard_normal((n, 3)))
        near = [0.97, 0.98, 0.9, np.cos(np.deg2rad(10.0))][case % 4]
        found = captions.groups(said, text_emb, near)
        assert found.tolist() == naive_groups(said, text_emb, near)
        assert found.dtype == np.int64


def test_near_ones_are_connected_through_single_links():
    chain = angles(0, 50, 10, 60, 20)
    assert captions.groups(list("abcde"), chain, near=0.98).tolist() == [0, 1, 0, 1, 0]


def test_an_exact_duplicate_links_what_is_near_either_of_the_two():
    said = ["a turtle", "a shell", "A turtle.", "a crab"]
    assert captions.groups(said, angles(0, 5, 90, 95)).tolist() == [0, 0, 0, 0]


def test_equal_vectors_are_near_at_a_cosine_of_one():
    rows = unit(np.random.default_rng(0).standard_normal((200, 512)))
    text_emb = np.concatenate([rows, rows])
    found = captions.groups([f"sentence {i}" for i in range(400)], text_emb, near=1.0)
    assert found.tolist() == [*range(200), *range(200)]


def test_groups_do_not_depend_on_the_order_of_the_sentences():
    rng = np.random.default_rng(3)
    text_emb = unit(rng.standard_normal((300, 4)))
    said = [f"a thing {i % 250}" for i in range(300)]
    found, order = captions.groups(said, text_emb, near=0.99), rng.permutation(300)
    shuffled = captions.groups([said[i] for i in order], text_emb[order], near=0.99)
    assert ((found[:, None] == found)[np.ix_(order, order)] == (shuffled[:, None] == shuffled)).all()
    assert 1 < len(set(found.tolist())) < 250


def test_groups_are_numbered_in_order_of_their_first_sentence():
    found = captions.groups(["c", "a", "c", "b", "a"])
    assert found.tolist() == [0, 1, 0, 2, 1]


def test_many_sentences_never_need_all_cosines_at_once(monkeypatch):
    """Blocks alone are multiplied: 6,000 sentences in blocks of at most 1,024 x 4,096."""
    sizes = []
    blocks = duplicates._blocks
    monkeypatch.setattr(duplicates, "_blocks", lambda n: [sizes.append((i, j)) or (i, j) for i, j in blocks(n)])
    text_emb = unit(np.random.default_rng(0).standard_normal((6000, 8)))
    text_emb[3000:] = text_emb[:3000] + 1e-4
    found = captions.groups([str(i) for i in range(6000)], unit(text_emb), near=0.9999)
    assert (found[3000:] == found[:3000]).all()
    assert len(sizes) > 6 and all(i.stop - i.start <= 1024 and j.stop - j.start <= 4096 for i, j in sizes)


def test_everything_near_everything_is_one_group_in_good_time():
    rng = np.random.default_rng(0)
    text_emb = unit(np.ones(16) + 1e-3 * rng.standard_normal((1500, 16)))
    assert set(captions.groups([str(i) for i in range(1500)], text_emb).tolist()) == {0}


def test_hostile_sentences_are_grouped_and_counted():
    found = captions.groups(HOSTILE)
    assert len(found) == len(HOSTILE)
    assert found[0] == found[1] == found[2]  # nothing, but for spacing and stops
    assert found[9] == found[10] and found[12] == found[13]


def test_no_sentence_gives_no_group():
    assert captions.groups([]).shape == (0,) and captions.groups([]).dtype == np.int64
    assert captions.groups([], np.zeros((0, 4))).shape == (0,)
    assert captions.groups(["a"], [[1.0]]).tolist() == [0]


@pytest.mark.parametrize(
    ("text_emb", "near", "message"),
    [
        ([[1.0, 0.0]], 0.9, r"must be \(2, d\)"),
        ([1.0, 0.0], 0.9, r"must be \(2, d\)"),
        ([[1.0, 0.0], [2.0, 0.0]], 0.9, r"text_emb\[1\] is not of unit length"),
        ([[1.0, 0.0], [np.nan, 0.0]], 0.9, r"text_emb\[1\] is not of unit length, or not finite"),
        ([[0.0, 0.0], [np.inf, 0.0]], 0.9, r"text_emb\[0\].*2 rows"),
        (None, 0.0, "near is 0.0"),
        (None, 1.1, "near is 1.1"),
        (None, float("nan"), "near is nan"),
    ],
)
def test_embeddings_and_thresholds_that_mean_nothing_are_refused(text_emb, near, message):
    with pytest.raises(ValueError, match=message):
        captions.groups(["a", "b"], text_emb, near)


@pytest.mark.parametrize("function", [captions.groups, captions.table, captions.diversity])
def test_what_is_no_string_is_named_with_its_position(function):
    with pytest.raises(ValueError, match=r"sentences\[1\] is None"):
        function(["a turtle", None])
    with pytest.raises(ValueError, match="give a list"):
        function("a turtle")


def test_the_embeddings_that_are_given_stay_as_they_are():
    text_emb = angles(30, 10, 20)
    before = text_emb.copy()
    captions.groups(["a", "b", "c"], text_emb)
    np.testing.assert_array_equal(text_emb, before)


# table


def test_the_table_lists_groups_of_two_or_more_the_largest_first():
    said = ["a crab", "a turtle", "A turtle.", "a ray", "one crab", "a turtle", "a turtle", "a dog", "a crab"]
    found = captions.table(said, angles(0, 90, 90, 180, 3, 90, 90, 270, 0))
    assert list(found.columns) == ["group", "size", "kind", "examples"]
    assert found.to_numpy().tolist() == [
        [1, 4, "exact", ["a turtle", "A turtle."]],
        [0, 3, "near", ["a crab", "one crab"]],
    ]


def test_the_table_agrees_with_the_groups():
    rng = random.Random(0)
    said = [f"a thing {rng.randint(0, 40)}{rng.choice(['', '.', ' '])}" for _ in range(120)]
    found, number = captions.table(said), captions.groups(said)
    assert dict(zip(found["group"], found["size"], strict=True)) == {
        group: int((number == group).sum()) for group in set(number.tolist()) if (number == group).sum() > 1
    }
    assert set(found["kind"]) == {"exact"}
    assert all(len(examples) <= 3 for examples in found["examples"])


def test_without_duplicates_the_table_is_empty():
    for found in (captions.table([]), captions.table(["a", "b"], angles(0, 90))):
        assert list(found.columns) == ["group", "size", "kind", "examples"] and not len(found)


# diversity


def naive_diversity(sentences):
    words = [sentence.casefold().replace(".", "").split() for sentence in sentences]
    every = [word for row in words for word in row]
    pairs = [(row[i], row[i + 1]) for row in words for i in range(len(row) - 1)]
    different = len({" ".join(row) for row in words})
    return {
        "unique_rate": different / len(sentences),
        "distinct-1": len(set(every)) / len(every),
        "distinct-2": len(set(pairs)) / len(every),
        "mean_words": len(every) / len(sentences),
        "duplicates": len(sentences) - different,
    }


def test_diversity_by_hand():
    assert captions.diversity(["a turtle", "A turtle.", "a turtle over a reef"]) == {
        "unique_rate": 2 / 3,
        "distinct-1": 4 / 9,
        "distinct-2": 4 / 9,  # a turtle, turtle over, over a, a reef; by words, as in the paper, not by pairs
        "mean_words": 3.0,
        "duplicates": 1,
    }


def test_diversity_equals_a_naive_count():
    rng = random.Random(0)
    for _ in range(100):
        said = [" ".join(rng.choices(["a", "A", "turtle", "on", "sand."], k=rng.randint(1, 6))) for _ in range(9)]
        said = [sentence.replace(". ", " ") for sentence in said]
        assert captions.diversity(said) == pytest.approx(naive_diversity(said))


def test_pairs_of_words_do_not_reach_into_the_next_sentence():
    assert captions.diversity(["a b", "c d"])["distinct-2"] == 2 / 4


def test_sentences_without_words_have_no_diversity_and_break_nothing():
    assert captions.diversity(["", "...", "🐢"]) == {
        "unique_rate": 2 / 3, "distinct-1": 0.0, "distinct-2": 0.0, "mean_words": 0.0, "duplicates": 1,
    }  # fmt: skip
    assert all(np.isfinite(list(captions.diversity(HOSTILE).values())))


def test_all_different_is_one_and_all_the_same_is_next_to_nothing():
    assert captions.diversity([f"w{i} v{i}" for i in range(50)])["unique_rate"] == 1.0
    same = captions.diversity(["a turtle"] * 50)
    assert (same["unique_rate"], same["duplicates"], same["distinct-1"]) == (1 / 50, 49, 2 / 100)


def test_nothing_to_measure_is_refused():
    with pytest.raises(ValueError, match="no sentence"):
        captions.diversity([])
