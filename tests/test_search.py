"""Exact, stable top-k against a naive oracle; query algebra; filters on a manifest."""

import importlib.util

import numpy as np
import pandas as pd
import pytest

from utils import search
from utils.search import best

WITHOUT_FAISS = pytest.mark.skipif(importlib.util.find_spec("faiss") is None, reason="faiss is not installed")
ENGINES = ["torch", pytest.param("faiss", marks=WITHOUT_FAISS)]


def naive_top_k(queries, gallery, k, mask=None):
    """Sort all allowed items by falling score, then by index."""
    allowed = [j for j in range(len(gallery)) if mask is None or mask[j]]
    rows = []
    for query in queries:
        score = {j: sum(float(a) * float(b) for a, b in zip(query, gallery[j], strict=True)) for j in allowed}
        rows.append(sorted(allowed, key=lambda j: (-score[j], j))[:k])
    return rows


def cases(count):
    """Small whole numbers, whose products are exact in any order of summation and often tie."""
    rng = np.random.default_rng(0)
    for i in range(count):
        m, n, d = rng.integers(1, 5), rng.integers(1, 40), rng.integers(1, 4)
        low, high = [(-2, 3), (-1, 1), (0, 1), (-50, 50)][i % 4]  # mixed, never positive, all equal, distinct
        queries = np.abs(rng.integers(low, high, (m, d))) if i % 4 == 1 else rng.integers(low, high, (m, d))
        gallery = rng.integers(low, high, (n, d))
        mask = [None, rng.random(n) < 0.5, np.arange(n) == n - 1][i % 3]
        yield queries.astype(np.float32), gallery.astype(np.float32), int(rng.integers(1, 50)), mask


def unit(rng, *shape):
    rows = rng.standard_normal(shape, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("chunk", [1, 3, 16, 65536])
def test_top_k_equals_a_naive_sort_with_ties_by_lower_index(engine, chunk):
    for queries, gallery, k, mask in cases(120):
        scores, index = search.top_k(queries, gallery, k, mask=mask, chunk=chunk, engine=engine)
        assert index.tolist() == naive_top_k(queries, gallery, k, mask)
        np.testing.assert_array_equal(scores, np.take_along_axis(queries @ gallery.T, index, axis=1))
        assert (scores.dtype, index.dtype) == (np.float32, np.int64)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_tie_across_the_edge_keeps_the_lowest_indices(engine):
    gallery = np.ones((5000, 4), np.float32)
    gallery[[4000, 70]] = 2.0
    index = search.top_k(np.ones((3, 4)), gallery, k=6, chunk=512, engine=engine)[1]
    assert index.tolist() == [[70, 4000, 0, 1, 2, 3]] * 3


def test_copies_of_one_photograph_come_in_order_of_their_index():
    rng = np.random.default_rng(0)
    gallery = unit(rng, 3000, 64)
    places = np.sort(rng.choice(3000, 40, replace=False))
    gallery[places] = gallery[places[0]]
    index = search.top_k(gallery[places[:1]], gallery, k=25, chunk=700)[1]
    assert index[0].tolist() == places[:25].tolist()


@pytest.mark.parametrize("engine", ENGINES)
def test_real_valued_scores_equal_numpy(engine):
    rng = np.random.default_rng(1)
    queries, gallery = unit(rng, 60, 32), unit(rng, 2000, 32)
    scores, index = search.top_k(queries, gallery, k=10, chunk=300, engine=engine)
    order = np.argsort(-(queries.astype(np.float64) @ gallery.T.astype(np.float64)), axis=1)[:, :10]
    np.testing.assert_array_equal(index, order)
    np.testing.assert_allclose(scores, np.take_along_axis(queries @ gallery.T, order, axis=1), atol=1e-6)


def test_all_scores_may_be_negative():
    scores, index = search.top_k([[1.0]], [[-0.9], [-0.1], [-0.5]], k=2)
    assert index.tolist() == [[1, 2]]
    assert (scores < 0).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_k_beyond_the_gallery_gives_as_many_columns_as_items(engine):
    assert search.top_k(np.eye(3), np.eye(3), k=100, engine=engine)[1].shape == (3, 3)
    mask = np.array([True, False, True])
    assert search.top_k(np.eye(3), np.eye(3), k=3, mask=mask, engine=engine)[1].tolist()[0] == [0, 2]


def test_a_mask_that_allows_nothing_gives_no_columns():
    scores, index = search.top_k(np.eye(2), np.eye(2), mask=np.zeros(2, bool))
    assert scores.shape == index.shape == (2, 0)


def test_the_order_of_the_gallery_changes_only_the_indices():
    rng = np.random.default_rng(2)
    queries, gallery, order = unit(rng, 5, 16), unit(rng, 400, 16), rng.permutation(400)
    straight, mixed = search.top_k(queries, gallery), search.top_k(queries, gallery[order])
    np.testing.assert_array_equal(order[mixed[1]], straight[1])


def test_a_read_only_memory_map_of_half_precision_is_searched_without_a_warning(tmp_path, recwarn):
    gallery = unit(np.random.default_rng(3), 500, 8).astype(np.float16)
    np.save(tmp_path / "gallery.npy", gallery)
    mapped = np.load(tmp_path / "gallery.npy", mmap_mode="r")
    index = search.top_k(gallery[:9], mapped, k=1, chunk=100)[1]
    expected = (gallery[:9].astype(np.float32) @ gallery.astype(np.float32).T).argmax(axis=1)
    assert index[:, 0].tolist() == expected.tolist()
    assert not recwarn.list


def test_many_queries_are_scored_in_smaller_chunks_with_the_same_result(monkeypatch):
    rng = np.random.default_rng(2)
    queries, gallery = rng.integers(-2, 3, (50, 4)), rng.integers(-2, 3, (90, 4))
    expected = search.top_k(queries, gallery, k=7)[1]
    sizes, plain = [], best._torch_chunk

    def watched(queries, rows, k):
        sizes.append(sum(map(len, rows)))
        return plain(queries, rows, k)

    monkeypatch.setattr(best, "SCORES_AT_ONCE", 50 * 20)
    monkeypatch.setattr(best, "_torch_chunk", watched)
    assert search.top_k(queries, gallery, k=7)[1].tolist() == expected.tolist()
    assert sizes == [20, 20, 20, 20, 10]


@pytest.mark.parametrize("chunk", [1, 7, 20, 45, 1000])
def test_blocks_are_searched_like_the_array_that_they_make(chunk):
    rng = np.random.default_rng(3)
    queries, gallery = rng.integers(-2, 3, (12, 4)), rng.integers(-2, 3, (90, 4)).astype(np.float32)
    blocks = np.split(gallery, [3, 4, 4, 30, 52, 60])  # one of them is empty
    expected = search.top_k(queries, gallery, k=9)
    for found, wanted in zip(search.top_k_of_blocks(queries, blocks, k=9, chunk=chunk), expected, strict=True):
        assert found.tolist() == wanted.tolist()


def test_no_blocks_hold_nothing_and_nonsense_is_refused():
    assert search.top_k_of_blocks([[1.0, 0.0]], [])[1].shape == (1, 0)
    with pytest.raises(ValueError, match="k is 0"):
        search.top_k_of_blocks([[1.0]], [np.ones((1, 1))], k=0)
    with pytest.raises(ValueError, match="NaN or infinite"):
        search.top_k_of_blocks([[np.nan]], [np.ones((1, 1))])
    with pytest.raises(ValueError, match="the gallery holds such values"):
        search.top_k_of_blocks([[1.0]], [np.array([[np.nan]])])


def test_arguments_are_left_as_they_were():
    rng = np.random.default_rng(4)
    queries, gallery = unit(rng, 3, 8), unit(rng, 50, 8)
    before = queries.copy(), gallery.copy()
    search.top_k(queries, gallery, mask=np.arange(50) % 2 == 0)
    search.compose([queries, gallery[0]], [gallery[1]])
    np.testing.assert_array_equal(queries, before[0])
    np.testing.assert_array_equal(gallery, before[1])


@pytest.mark.parametrize(
    ("queries", "gallery", "options", "message"),
    [
        (np.zeros((0, 2)), np.eye(2), {}, "queries has shape"),
        (np.eye(2), np.zeros((0, 2)), {}, "gallery has shape"),
        (np.ones(2), np.eye(2), {}, "queries has shape"),
        (np.eye(2), np.eye(3), {}, "2 dimensions, the gallery 3"),
        ([[np.nan, 1.0]], np.eye(2), {}, r"queries\[0\] holds NaN"),
        (np.eye(2), np.eye(2), {"k": 0}, "k is 0"),
        (np.eye(2), np.eye(2), {"chunk": 0}, "chunk 0"),
        (np.eye(2), np.eye(2), {"engine": "annoy"}, "'annoy'.*faiss"),
        (np.eye(2), np.eye(2), {"mask": np.ones(3, bool)}, "mask has shape"),
        (np.eye(2), np.eye(2), {"mask": np.array([0, 1])}, "mask has shape"),
    ],
)
def test_bad_input_is_refused(queries, gallery, options, message):
    with pytest.raises(ValueError, match=message):
        search.top_k(queries, gallery, **options)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 250, 499])
def test_a_gallery_with_nan_is_refused_wherever_it_stands(engine, bad, place):
    gallery = unit(np.random.default_rng(5), 500, 8)
    gallery[place, 3] = bad
    with pytest.raises(ValueError, match="NaN or infinite"):
        search.top_k(np.abs(gallery[1:20:3]), gallery, k=2, chunk=64, engine=engine)


def test_scores_are_all_dot_products():
    rng = np.random.default_rng(6)
    queries, gallery = unit(rng, 3, 8), unit(rng, 5, 8)
    found = search.scores(queries, gallery.astype(np.float64))
    assert (found.shape, found.dtype) == ((3, 5), np.float32)
    np.testing.assert_allclose(found, [[q @ g for g in gallery] for q in queries], atol=1e-6)
    with pytest.raises(ValueError, match=r"gallery\[1\]"):
        search.scores(np.eye(2), [[1.0, 0.0], [np.nan, 0.0]])


# query algebra


def test_a_single_part_is_only_normalised():
    np.testing.assert_allclose(search.compose([[3.0, 4.0]]), [[0.6, 0.8]], rtol=1e-6)


def test_parts_count_alike_whatever_their_length():
    np.testing.assert_allclose(search.compose([[9.0, 0.0], [0.0, 0.1]]), [[0.5**0.5] * 2], rtol=1e-6)


def test_wordings_are_normalised_averaged_and_normalised_again():
    rng = np.random.default_rng(0)
    wordings = rng.normal(size=(3, 6)) * [[1.0], [5.0], [0.1]]
    mean = np.mean([row / np.linalg.norm(row) for row in wordings], axis=0)
    np.testing.assert_allclose(search.compose([wordings])[0], mean / np.linalg.norm(mean), rtol=1e-5)


def test_many_wordings_weigh_as_much_as_one_picture():
    words, picture = np.tile([1.0, 0.0], (8, 1)), np.array([0.0, 1.0])
    np.testing.assert_allclose(search.compose([words, picture]), [[0.5**0.5] * 2], rtol=1e-6)


def test_subtracting_a_part_moves_away_from_it():
    rng = np.random.default_rng(0)
    turtle, net = unit(rng, 2, 16)
    both = search.compose([turtle], [net])
    assert both @ net < search.compose([turtle]) @ net
    assert np.linalg.norm(both) == pytest.approx(1.0)
    assert (both.shape, both.dtype) == ((1, 16), np.float32)


def test_weights_go_to_plus_then_minus():
    found = search.compose([[1, 0, 0], [0, 1, 0]], [[0, 0, 1]], weights=[3, 2, 6])
    np.testing.assert_allclose(found, np.array([[3, 2, -6]]) / 7, rtol=1e-6)


@pytest.mark.parametrize(
    ("plus", "minus", "weights", "message"),
    [
        ([], [], None, "give parts"),
        ([[0.0, 0.0]], [], None, "part 0 is zero"),
        ([[1.0, 0.0]], [[2.0, 0.0]], None, "the sum is zero"),
        ([[[1.0, 0.0], [-1.0, 0.0]]], [], None, "part 0 is zero"),
        ([[1.0, 0.0]], [], [0.0], "the sum is zero"),
        ([[1.0, 0.0], [1.0, 0.0, 0.0]], [], None, "of one length"),
        ([[1.0, 0.0]], [], [1.0, 2.0], "a weight each"),
        ([[np.nan, 0.0]], [], None, "without NaN"),
        ([[]], [], None, "part 0 has shape"),
    ],
)
def test_algebra_that_leaves_nothing_is_refused(plus, minus, weights, message):
    with pytest.raises(ValueError, match=message):
        search.compose(plus, minus, weights)


def test_text_and_image_together_find_what_neither_finds_alone():
    gallery = np.array([[1, 0, 0], [0, 1, 0], [0.7, 0.7, 0], [0, 0, 1]])
    index = search.top_k(search.compose([gallery[0], gallery[1]]), gallery, k=1)[1]
    assert index.tolist() == [[2]]


# filters

FRAME = pd.DataFrame(
    {
        "label": ["turtle", "turtle", "shark", None],
        "labels": [["turtle", "net"], ["turtle"], ["shark"], []],
        "split": ["test", "train", "test", "test"],
        "identity": ["t1", None, None, float("nan")],
        "facts": [
            {"light": "dim", "turbidity": 0.7, "date": "2020-05-01", "label": "never read"},
            {"light": "night", "turbidity": 0.2, "date": "2021-07-09"},
            {"light": "dim", "turbidity": None},
            None,
        ],
    }
)


@pytest.mark.parametrize(
    ("conditions", "rows"),
    [
        ({}, [0, 1, 2, 3]),
        ({"label": "turtle"}, [0, 1]),
        ({"light": "dim"}, [0, 2]),
        ({"light": "dim", "label": "turtle"}, [0]),
        ({"light": ["dim", "night"], "split": "test"}, [0, 2]),
        ({"light": {"night"}}, [1]),
        ({"turbidity": (0.5, None)}, [0]),
        ({"turbidity": (None, 0.7)}, [0, 1]),
        ({"turbidity": (0.2, 0.2)}, [1]),
        ({"turbidity": (None, None)}, [0, 1]),
        ({"date": ("2021-01-01", None)}, [1]),
        ({"labels": "net"}, [0]),
        ({"labels": ["net", "shark"]}, [0, 2]),
        ({"identity": None}, [1, 2, 3]),
        ({"turbidity": None}, [2, 3]),
        ({"label": "whale"}, []),
    ],
    ids=str,
)
def test_a_filter_keeps_the_rows_that_fulfil_every_condition(conditions, rows):
    mask = search.filter_mask(FRAME, **conditions)
    assert mask.dtype == bool
    assert np.flatnonzero(mask).tolist() == rows


def test_an_unknown_name_lists_columns_and_facts():
    with pytest.raises(ValueError, match="'colour'; columns: label, .*; facts: date, label, light, turbidity"):
        search.filter_mask(FRAME, colour="green")
    with pytest.raises(ValueError, match="facts: none"):
        search.filter_mask(FRAME[["label"]], light="dim")


@pytest.mark.parametrize("wanted", [(0.5, None), (1, 2, 3)])
def test_a_range_that_cannot_be_compared_is_named(wanted):
    with pytest.raises(ValueError, match="light=.*cannot be compared"):
        search.filter_mask(FRAME, light=wanted)


def test_a_filter_and_a_search_fit_together():
    mask = search.filter_mask(FRAME, split="test")
    index = search.top_k(np.ones((1, 2)), np.ones((4, 2)), mask=mask)[1]
    assert index.tolist() == [[0, 2, 3]]


@pytest.mark.slow
def test_a_large_gallery_is_searched_about_as_fast_as_by_the_fastest_plain_way():
    from tests.bench import topk

    seconds = topk.run(items=100_000)["seconds"]
    ours = seconds.pop("search.top_k")
    assert ours < 1.25 * min(seconds.values()), (ours, seconds)
