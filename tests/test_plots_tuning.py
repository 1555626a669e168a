"""Figures about a fine-tuning: the best epochs ringed, one colour scale, right answers framed, nothing on top of text."""

import numpy as np
import pandas as pd
import pytest
from drawing import drawn, texts
from matplotlib.colors import to_hex

from utils import plots
from utils.plots.style import GREY

HOSTILE = r"$x$ _a_ $\frac{1}$ <b>"
LONG = "a juvenile green sea turtle with a net on its shell rests beside a bottle " * 4


def apart(boxes):
    return not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def extents(fig, found):
    fig.draw_without_rendering()
    return [text.get_window_extent() for text in found]


def frames(fig):
    """Colours of the frames of all pictures, in the order they were drawn."""
    return [to_hex(ax.spines["left"].get_edgecolor()) for ax in fig.axes if ax.images]


@pytest.fixture
def gallery():
    rng = np.random.default_rng(0)
    shapes = [(6, 90), (90, 6), (1, 1), *((20 + 3 * i, 30) for i in range(9))]
    return [rng.integers(0, 255, (*shape, 3), dtype=np.uint8) for shape in shapes]


def log(epochs, seed=0):
    rng = np.random.default_rng(seed)
    columns = ["rate", "loss", "validation loss", "turtle R@5", "all R@5", "seconds"]
    return pd.DataFrame(rng.random((epochs, 6)), columns=columns).assign(
        epoch=range(epochs), step=[7 * (i + 1) for i in range(epochs)]
    )


def rings(ax):
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in ax.lines if line.get_ms() == 12]


def test_the_best_epochs_are_ringed_with_their_values():
    table = log(9)
    fig = plots.training_curves(table)
    loss, recall = fig.axes
    lowest = table.loc[table["validation loss"].idxmin()]
    highest = [table.loc[table[column].idxmax()] for column in ("turtle R@5", "all R@5")]
    assert rings(loss) == [(lowest["step"], lowest["validation loss"])]
    assert rings(recall) == [(row["step"], row[c]) for row, c in zip(highest, ("turtle R@5", "all R@5"), strict=True)]
    assert {f"{lowest['validation loss']:.3f}", f"{highest[0]['turtle R@5']:.3f}"} <= set(texts(fig))
    assert {"training", "validation", "turtle", "all", "step"} <= set(texts(fig))


def test_the_first_of_equal_epochs_is_the_best():
    table = log(4).assign(**{"validation loss": 0.5, "all R@5": [0.1, 0.8, 0.8, 0.2]})
    loss, recall = plots.training_curves(table, {"validation loss": "a", "all R@5": "b"}).axes
    assert rings(loss) == [(7, 0.5)] and rings(recall) == [(14, 0.8)]


def test_only_named_columns_get_a_ring_and_names_are_literal():
    fig = plots.training_curves(log(5), {"all R@5": HOSTILE[:12]})
    assert [len(rings(ax)) for ax in fig.axes] == [0, 1]
    assert any(text.startswith(HOSTILE[:12] + "\n0.") for text in texts(fig)) and drawn(fig).std() > 0


@pytest.mark.parametrize(("epochs", "seed"), [(1, 0), (2, 1), (9, 5), (30, 2)])
def test_values_cover_neither_each_other_nor_a_ring_and_stay_within_the_axes(epochs, seed):
    best = {"validation loss": "best-loss", "turtle R@5": "best-turtle", "all R@5": "best-all"}
    fig = plots.training_curves(log(epochs, seed), best)
    for ax in fig.axes:
        boxes = extents(fig, ax.texts)
        centres = [ax.transData.transform(ring) for ring in rings(ax)]
        assert apart(boxes) and all(not box.contains(*centre) for box in boxes for centre in centres)
        assert all(ax.get_window_extent().contains(*corner) for box in boxes for corner in box.corners())
        [title] = [text for text in ax.get_children() if getattr(text, "get_text", str)() == ax.get_title("left")]
        assert apart([title.get_window_extent(), ax.get_legend().get_window_extent()])


def test_two_equal_recalls_keep_their_values_apart():
    fig = plots.training_curves(log(3).assign(**{"turtle R@5": [0.1, 0.9, 0.5], "all R@5": [0.2, 0.9, 0.4]}))
    assert apart(extents(fig, fig.axes[1].texts))


def test_a_column_without_values_gets_no_ring():
    fig = plots.training_curves(log(3).assign(**{"turtle R@5": np.nan}))
    assert len(rings(fig.axes[1])) == 1 and drawn(fig).std() > 0


def test_a_log_that_lacks_something_says_what():
    with pytest.raises(ValueError, match="turtle R@5"):
        plots.training_curves(log(2).drop(columns="turtle R@5"))
    with pytest.raises(ValueError, match="0 epochs"):
        plots.training_curves(log(2)[:0])
    with pytest.raises(ValueError, match="recall"):
        plots.training_curves(log(2), {"recall": "best"})


def pair(n):
    return np.random.default_rng(2).normal(0.2, 0.2, (2, n, n))


@pytest.mark.parametrize("n", [1, 2, 12])
def test_a_similarity_pair_shares_one_colour_scale_and_frames_the_right_pairs(gallery, n):
    from matplotlib.patches import Rectangle

    before, after = pair(n)
    fig = plots.similarity_pair(before, after, ["a turtle"] * n, gallery[:n])
    maps = [ax for ax in fig.axes if ax.images and ax.images[0].get_array().ndim == 2]
    assert [np.array_equal(ax.images[0].get_array(), x) for ax, x in zip(maps, (before, after), strict=True)] == [
        True
    ] * 2
    assert {ax.images[0].get_clim() for ax in maps} == {
        (min(before.min(), after.min()), max(before.max(), after.max()))
    }
    cell = maps[0].get_xlim()[1] / n
    for ax in maps:
        corners = [patch.get_xy() for patch in ax.patches if isinstance(patch, Rectangle)]
        assert [(int(x / cell), n - 1 - int(y / cell)) for x, y in corners] == [(i, i) for i in range(n)]
    assert {"base", "tuned", "cosine similarity"} <= set(texts(fig)) and drawn(fig).std() > 0
    assert f"{before[0, 0]:z.2f}".replace("-", "−") in texts(fig)


@pytest.mark.parametrize("n", [1, 3, 12])
def test_long_captions_are_wrapped_and_overlap_nothing(gallery, n):
    captions = [f"{i} {HOSTILE} {LONG}" for i in range(n)]
    fig = plots.similarity_pair(*pair(n), captions, gallery[:n], names=("base $x$", LONG))
    extents(fig, fig.texts)
    shown = [text for text in fig.texts if HOSTILE[:3] in text.get_text()]
    assert len([text for text in shown if text.get_text().endswith("…")]) == n
    pictures = [ax.get_window_extent() for ax in fig.axes]
    words = [text.get_window_extent() for text in fig.texts]
    assert apart(words) and not any(word.overlaps(picture) for word in words for picture in pictures)
    assert all(word.x0 >= 0 and word.x1 <= fig.bbox.x1 for word in words) and drawn(fig).std() > 0


def test_pairs_that_do_not_fit_are_refused(gallery):
    before, after = pair(3)
    for wrong in (
        (before[:2], after, ["a"] * 3, gallery[:3]),
        (before, after, ["a"] * 2, gallery[:3]),
        (before, after, ["a"] * 3, gallery[:2]),
        (np.zeros((13, 13)), np.zeros((13, 13)), ["a"] * 13, [gallery[0]] * 13),
        (np.zeros((0, 0)), np.zeros((0, 0)), [], []),
    ):
        with pytest.raises(ValueError, match=r"before \(\d+, \d+\), after \(\d+, \d+\), \d+ captions, \d+ images"):
            plots.similarity_pair(*wrong)
    with pytest.raises(ValueError, match="finite"):
        plots.similarity_pair(before, np.full((3, 3), np.nan), ["a"] * 3, gallery[:3])


def test_equal_scores_still_make_a_pair(gallery):
    assert drawn(plots.similarity_pair(np.ones((2, 2)), np.ones((2, 2)), ["a", "b"], gallery[:2])).std() > 0


def test_a_map_has_a_panel_a_model_without_ticks_and_one_legend():
    images, sentences = np.random.default_rng(3).normal(size=(2, 6, 2))
    fig = plots.embedding_map({HOSTILE: (images, sentences), "tuned": (images, sentences)}, [HOSTILE] * 6, ["_b"] * 6)
    assert [len(ax.get_xticks()) + len(ax.get_yticks()) for ax in fig.axes] == [0, 0]
    assert [ax.get_legend() is not None for ax in fig.axes] == [False, True]
    entries = [text.get_text().strip() for text in fig.axes[1].get_legend().get_texts()]
    assert entries == ["image", "sentence", HOSTILE, "_b"] and HOSTILE in texts(fig) and drawn(fig).std() > 0
    for ax in fig.axes:
        dots, triangles = (np.sort(cloud.get_offsets(), axis=0) for cloud in ax.collections)
        assert np.array_equal(dots, np.sort(images, axis=0)) and np.array_equal(triangles, np.sort(sentences, axis=0))


def test_a_point_keeps_the_colour_of_its_group_and_the_rarest_are_grey():
    groups = [f"g{i}" for i in range(10) for _ in range(20 - i)] + ["other"] * 30
    xy = np.column_stack([np.arange(len(groups)), np.zeros(len(groups))])
    fig = plots.embedding_map({"base": (xy, np.zeros((0, 2)))}, groups, [])
    dots = fig.axes[0].collections[0]
    colour = {groups[int(x)]: to_hex(c) for (x, _), c in zip(dots.get_offsets(), dots.get_facecolors(), strict=True)}
    legend = fig.axes[0].get_legend()
    names = [text.get_text().strip() for text in legend.get_texts()]
    handles = dict(zip(names, (to_hex(handle.get_color()) for handle in legend.legend_handles), strict=True))
    assert names == ["image", "sentence", *(f"g{i}" for i in range(8)), "other"]
    assert {name: handles[name if name in names else "other"] for name in colour} == colour
    assert len(set(colour.values())) == 9 and colour["g8"] == colour["g9"] == colour["other"] == GREY


def test_a_map_that_does_not_fit_its_groups_is_refused():
    with pytest.raises(ValueError, match=r"tuned: \(3, 2\) and \(2, 3\), but 3 image groups and 2 text groups"):
        plots.embedding_map({"tuned": (np.zeros((3, 2)), np.zeros((2, 3)))}, ["a"] * 3, ["a"] * 2)
    with pytest.raises(ValueError, match="no model"):
        plots.embedding_map({}, [], [])


BEFORE, AFTER = [[1, 2, 3], [4, 0, 1]], [[2, 0, 5], [1, 2, 3]]


def test_the_wanted_image_is_framed_wherever_it_appears(gallery):
    fig = plots.before_after(["a", "b"], gallery, [0, 4], BEFORE, AFTER, [[34, 2], [1, 1200]])
    right = [colour == plots.RIGHT for colour in frames(fig)]
    assert right == [True, *[False] * 3, False, True, False, True, True, *[False] * 5]
    assert {"base: rank 34", "tuned: rank 2", "base: rank 1", "tuned: rank 1,200"} <= set(texts(fig))


def test_a_better_rank_is_green_and_a_worse_one_vermilion(gallery):
    fig = plots.before_after(["a"] * 3, gallery, [0] * 3, [[0]] * 3, [[0]] * 3, [[3, 2], [2, 3], [7, 7]])
    assert [t.get_color() for t in fig.texts if "tuned" in t.get_text()] == [plots.RIGHT, plots.WRONG, GREY]
    assert {t.get_color() for t in fig.texts if "base" in t.get_text()} == {GREY}


@pytest.mark.parametrize("k", [1, 2, 9])
def test_at_most_k_answers_stand_in_a_row(gallery, k):
    assert len(frames(plots.before_after(["a", "b"], gallery, [0, 4], BEFORE, AFTER, [[1, 1]] * 2, k))) == 2 + 4 * min(
        k, 3
    )


@pytest.mark.parametrize("k", [1, 3])
def test_long_and_hostile_queries_are_literal_and_cover_nothing(gallery, k):
    fig = plots.before_after([HOSTILE, LONG], gallery, [0, 4], BEFORE, AFTER, [[10**6, 10**6]] * 2, k)
    words, pictures = extents(fig, fig.texts), [ax.get_window_extent() for ax in fig.axes]
    assert apart(words) and apart(pictures) and not any(word.overlaps(p) for word in words for p in pictures)
    assert all(word.x1 <= fig.bbox.x1 for word in words) and HOSTILE in " ".join(texts(fig)[:9]).replace("\n", " ")
    assert drawn(fig).std() > 0


@pytest.mark.parametrize(
    ("wanted", "before", "after", "ranks", "message"),
    [
        ([0], BEFORE, AFTER, [[1, 1]] * 2, r"wanted \(1,\)"),
        ([0, 4], BEFORE[:1], AFTER, [[1, 1]] * 2, r"before \(1, 3\)"),
        ([0, 4], BEFORE, [[1], [2]], [[1, 1]] * 2, r"after \(2, 1\)"),
        ([0, 4], BEFORE, AFTER, [1, 1], r"ranks \(2,\)"),
        ([0, 4], 3, 3, [[1, 1]] * 2, "2 queries"),
        ([0, 12], BEFORE, AFTER, [[1, 1]] * 2, "0 to 12 of 12 images"),
        ([0, -1], BEFORE, AFTER, [[1, 1]] * 2, "-1 to 5"),
        ([0, 4], BEFORE, AFTER, [[0, 1]] * 2, "ranks from 0"),
    ],
)
def test_answers_that_do_not_fit_are_refused(gallery, wanted, before, after, ranks, message):
    with pytest.raises(ValueError, match=message):
        plots.before_after(["a", "b"], gallery, wanted, before, after, ranks)


def test_no_query_is_refused(gallery):
    with pytest.raises(ValueError, match="0 queries"):
        plots.before_after([], gallery, [], np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 2)))


def test_no_figure_is_left_on_pyplots_list(gallery):
    import matplotlib.pyplot as plt

    plots.training_curves(log(2))
    plots.before_after(["a"], gallery, [0], [[0]], [[0]], [[1, 1]])
    assert plt.get_fignums() == []


# forest


def variants(names):
    rows = [(group, name, 0.1 * i, 0.1 * i - 0.05, 0.1 * i + 0.05) for i, (group, name) in enumerate(names, 1)]
    return pd.DataFrame(rows, columns=["group", "name", "value", "ci_low", "ci_high"])


def test_a_forest_shows_every_group_once_and_every_variant_with_its_value():
    fig = plots.forest(variants([("loss", "CLIP"), ("loss", "$half$ a_b"), ("rank", "8")]), {"base": 0.2})
    said = [text.get_text() for text in fig.axes[0].texts]
    assert said.count("loss") == said.count("rank") == 1 and {"CLIP", "$half$ a_b", "8", "0.100", "0.300"} <= set(said)
    assert [text.get_text() for text in fig.axes[0].get_legend().get_texts()] == ["base 0.200"]


def test_the_lines_of_a_forest_do_not_overlap():
    fig = plots.forest(variants([(f"group {i // 4}", f"a variant with a long name, number {i}") for i in range(12)]))
    fig.draw_without_rendering()
    boxes = [text.get_window_extent() for text in fig.axes[0].texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_a_forest_without_variants_is_refused():
    with pytest.raises(ValueError, match="0 variants"):
        plots.forest(variants([]))
