"""How methods see a picture, matches, clusters, what quality costs, and a chart of questions: what is drawn, and where."""

import numpy as np
import pandas as pd
import pytest
from drawing import drawn, texts
from matplotlib.colors import hsv_to_rgb, to_hex
from matplotlib.patches import FancyBboxPatch
from matplotlib.text import Text
from PIL import Image

from utils import plots, pooling
from utils.plots import labels, trade
from utils.plots.style import GREY

HOSTILE = r"$x$ _a_ $\frac{1}$ <b>"
LONG = "a juvenile green sea turtle with a net on its shell " * 9


@pytest.fixture
def gallery():
    """Pictures of odd shapes: flat, upright, tiny and grey."""
    rng = np.random.default_rng(0)
    shapes = [(40, 60, 3), (60, 40, 3), (16, 16), (6, 90, 3), (90, 6, 3)]
    return [rng.integers(0, 255, shape, dtype=np.uint8) for shape in shapes]


def said(fig):
    """Every text of a figure, in one line each."""
    return [" ".join(text.split()) for text in texts(fig)]


def apart(boxes):
    return not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def within(box, outer):
    return all(outer.contains(*corner) for corner in box.corners())


def seen(view, size=(60, 40)):
    """The axes in which a view of a picture of this size is drawn, in px of the picture."""
    return plots.seen_by(Image.new("RGB", size, "#808080"), {"view": view}).axes[1]


def place(artist, size=(60, 40)):
    """Centre of the place of a drawn point as a share of the picture, from above left."""
    x, y = artist
    return (x + 0.5) / size[0], (y + 0.5) / size[1]


# seen_by


def test_every_method_has_a_column_and_every_image_a_row(gallery):
    views = {"A": gallery[:3], "B": [plots.patch_grid(3)] * 3}
    fig = plots.seen_by(gallery[:3], views, ["one", "two", HOSTILE])
    fig.draw_without_rendering()
    assert said(fig) == ["picture", "A", "B", "one", "two", HOSTILE]
    cells = np.array([[(ax.bbox.x0 + ax.bbox.x1) / 2, (ax.bbox.y0 + ax.bbox.y1) / 2] for ax in fig.axes])
    cells = cells.reshape(3, 3, 2)
    assert np.allclose(cells[..., 0], cells[:1, :, 0]) and (np.diff(cells[0, :, 0]) > 0).all()
    assert np.allclose(cells[..., 1], cells[:, :1, 1]) and (np.diff(cells[:, 0, 1]) < 0).all()
    boxes = [ax.get_window_extent() for ax in fig.axes] + [text.get_window_extent() for text in fig.texts]
    assert apart(boxes) and all(within(box, fig.bbox) for box in boxes)


def test_a_cell_has_the_shape_of_its_picture(gallery):
    fig = plots.seen_by(gallery, {"same": gallery, "hog": [plots.hog_glyphs(np.ones((2, 2, 9)))] * len(gallery)})
    for i, image in enumerate(gallery):
        for ax in fig.axes[3 * i : 3 * i + 3]:
            shape = ax.bbox.height / ax.bbox.width
            assert shape == pytest.approx(image.shape[0] / image.shape[1], rel=0.01)
    assert drawn(fig).std() > 0


def test_one_image_needs_no_lists_and_paths_and_tables_are_read(gallery, tmp_path):
    path = tmp_path / "grün.png"
    Image.fromarray(gallery[0]).save(path)
    assert len(plots.seen_by(path, {"A": plots.patch_grid(2), "B": gallery[1]}).axes) == 3
    table = pd.DataFrame({"path": [path, str(path)], "view": [plots.patch_grid(2), Image.new("L", (9, 9))]}, [7, 3])
    assert len(plots.seen_by(table["path"], {"A": table["view"]}).axes) == 4


def test_long_and_hostile_names_stay_in_their_places(gallery):
    views = {name: [gallery[2]] * 2 for name in (LONG, "W" * 60, HOSTILE, "d", "e", "f")}
    fig = plots.seen_by(gallery[:2], views, [LONG, "W" * 90])
    fig.draw_without_rendering()
    words = [text.get_window_extent() for text in fig.texts if text.get_text()]
    assert apart([*words, *(ax.get_window_extent() for ax in fig.axes)])
    assert all(within(word, fig.bbox) for word in words)
    assert HOSTILE in said(fig)


@pytest.mark.parametrize(
    ("n", "views", "names", "message"),
    [
        (0, {"A": []}, None, "0 images and 1 methods"),
        (2, {}, None, "2 images and 0 methods"),
        (2, {"A": [1, 2], "B": [1]}, None, "2 images, but B has 1"),
        (2, {"A": [1, 2]}, ["one"], "names has 1"),
    ],
)
def test_views_that_do_not_fit_the_images_are_refused(gallery, n, views, names, message):
    with pytest.raises(ValueError, match=message):
        plots.seen_by(gallery[:n], views, names)


# the views


def test_a_keypoint_lies_where_it_is_and_has_the_colour_of_its_word():
    [dots] = seen(plots.keypoints([(0, 0), (59, 39), (30, 20)], [4, 5, 4])).collections
    assert dots.get_offsets().tolist() == [[0, 0], [59, 39], [30, 20]]
    first, other, same = (to_hex(colour) for colour in dots.get_facecolors())
    assert first == same != other and {first, other} <= set(plots.COLOURS[:7])


def test_only_chosen_words_are_coloured_and_lie_on_top():
    [dots] = seen(plots.keypoints([(1, 1), (2, 2), (3, 3)], [9, 7, 8], coloured=[9, 8])).collections
    found = dict(zip(dots.get_offsets()[:, 0].tolist(), map(to_hex, dots.get_facecolors()), strict=True))
    assert found == {2: GREY, 1: plots.COLOURS[0], 3: plots.COLOURS[1]} and next(iter(found)) == 2


def test_what_a_method_does_not_find_is_said():
    assert [text.get_text() for text in seen(plots.keypoints([], [])).texts] == ["no keypoint"]
    assert [text.get_text() for text in seen(plots.hog_glyphs(np.zeros((2, 2, 9)))).texts] == ["no gradient"]
    assert [text.get_text() for text in seen(plots.edge_map(np.zeros((5, 5)))).texts] == ["no edge"]
    assert not seen(plots.keypoints([(1, 1)])).texts and not seen(plots.edge_map(np.eye(5))).texts


def test_a_stroke_lies_along_the_edge_in_its_cell_as_skimage_counts():
    from skimage.feature import hog

    picture = np.zeros((40, 40), np.uint8)
    picture[:, 30:] = 255  # an upright edge
    cells = hog(picture, 8, (20, 20), (1, 1), feature_vector=False)[:, :, 0, 0]
    [strokes] = seen(plots.hog_glyphs(cells * [[[0], [1]], [[0], [0]]]), (80, 40)).collections
    start, end = strokes.get_segments()[-1]  # the strongest is drawn last
    assert place((start + end) / 2, (80, 40)) == pytest.approx((0.75, 0.25))
    across, down = np.abs(end - start) / (2, 1)  # the picture is twice as wide as the cells are
    assert down > 4 * across


def test_the_stronger_stroke_is_the_longer_one():
    [strokes] = seen(plots.hog_glyphs([[[1, 0, 0.5, 0.01]]])).collections
    length = [np.hypot(*(end - start) / (60, 40)) for start, end in strokes.get_segments()]
    assert length == pytest.approx([0.47, 0.94])


@pytest.mark.parametrize("edge", [20, 2000])
def test_a_line_of_one_pixel_stays_dark_however_large_the_map_is(edge):
    edges = np.zeros((edge, edge))
    edges[edge // 2] = 1
    [shown] = seen(plots.edge_map(edges), (50, 50)).images
    dark = np.asarray(shown.get_array()).min(axis=2) < 60
    assert dark.all(axis=1).sum() >= 1 and dark.mean() < 0.1


def test_bars_of_colours_are_as_wide_as_their_shares_and_grey_comes_first():
    counts = np.zeros((4, 2, 2))
    counts[2, 1, 1], counts[3, 0, 0], counts[0, 1, 0] = 2, 1, 1
    bars = [bar for bar in seen(plots.colour_strip(counts)).patches if bar.get_width()]
    assert [bar.get_width() for bar in bars] == pytest.approx([15, 15, 30])
    assert [bar.get_x() for bar in bars] == pytest.approx([-0.5, 14.5, 29.5])
    expected = [hsv_to_rgb(colour) for colour in ((0, 0, 0.25), (0, 0.75, 0.25), (0.5, 0.75, 0.75))]
    assert np.allclose([bar.get_facecolor()[:3] for bar in bars], expected)


@pytest.mark.parametrize(("size", "corner"), [((60, 40), (10, 0)), ((40, 60), (0, 10)), ((16, 16), (0, 0))])
def test_patches_cut_the_middle_square(size, corner):
    level, upright = seen(plots.patch_grid(4), size).collections
    lines = np.array(level.get_segments()), np.array(upright.get_segments())
    edge = min(size)
    assert lines[1][:, 0, 0] + 0.5 == pytest.approx(corner[0] + edge * np.arange(5) / 4)
    assert lines[0][:, 0, 1] + 0.5 == pytest.approx(corner[1] + edge * np.arange(5) / 4)


def test_every_region_has_a_centre_and_every_size_one_frame():
    boxes = pooling.regions(12, 8, 3)
    ax = seen(plots.region_boxes(boxes, (12, 8)))
    centres = np.concatenate([dots.get_offsets() for dots in ax.collections])
    expected = (boxes[:, :2] + boxes[:, 2:]) / 2 * 5 - 0.5
    assert sorted(map(tuple, np.asarray(centres).tolist())) == sorted(map(tuple, expected.tolist()))
    widths = sorted({round(frame.get_width(), 9) for frame in ax.patches})
    assert widths == sorted({5.0 * (x1 - x0) for x0, _, x1, _ in boxes}) and len(ax.patches) == 2 * len(widths)
    colours = {to_hex(dots.get_facecolor()[0]) for dots in ax.collections}
    assert len(colours) == len(ax.collections) == 3


@pytest.mark.parametrize(
    ("make", "given", "message"),
    [
        (plots.keypoints, ([(1, 2)], [1, 2]), "1 points and 2 words"),
        (plots.keypoints, ([(1, 2, 3)],), r"\(1, 3\)"),
        (plots.hog_glyphs, (np.ones((2, 2)),), r"\(2, 2\)"),
        (plots.hog_glyphs, (-np.ones((2, 2, 2)),), "values from 0"),
        (plots.hog_glyphs, (np.full((2, 2, 2), np.nan),), "values from 0"),
        (plots.edge_map, (np.ones((2, 2, 3)),), r"\(2, 2, 3\)"),
        (plots.colour_strip, (np.ones((2, 2)),), r"\(2, 2\)"),
        (plots.colour_strip, (np.zeros((2, 2, 2)),), "not all of them 0"),
        (plots.patch_grid, (0,), "0 x 0"),
        (plots.region_boxes, ([],), "one at least"),
        (plots.region_boxes, ([(0, 1, 2)],), r"\(1, 3\)"),
    ],
)
def test_views_that_cannot_be_drawn_say_what_is_wrong(make, given, message):
    with pytest.raises(ValueError, match=message):
        make(*given)


def test_a_keypoint_outside_the_picture_is_refused():
    with pytest.raises(ValueError, match=r"\(60, 3\) lies outside a picture of 60 x 40"):
        seen(plots.keypoints([(5, 5), (60, 3)]))


# matched


def lines_of(fig, colour):
    """Ends of the lines of a colour, (k, 2, 2) in inches from above left."""
    found = [part for part in fig.axes[-1].collections if hasattr(part, "get_segments")]
    [segments] = [part.get_segments() for part in found if to_hex(part.get_colors()[0]) == colour]
    return segments


def test_a_line_joins_the_two_places_of_a_match(gallery):
    fig = plots.matched(gallery[0], gallery[1], [(0, 0), (59, 39)], [(39, 59), (0, 0)], [True, False], ("a", HOSTILE))
    fig.draw_without_rendering()
    high = fig.get_figheight()
    for colour, i, ends in ((plots.RIGHT, 0, ((0, 0), (39, 59))), (plots.WRONG, 1, ((59, 39), (0, 0)))):
        [line] = lines_of(fig, colour)
        for end, ax, point in zip(line, fig.axes[:2], ends, strict=True):
            inches = ax.transData.transform(point) / fig.dpi
            assert end == pytest.approx((inches[0], high - inches[1])), i
    assert said(fig) == ["a", HOSTILE, "1 of 2 matches are inliers", "1 outlier"]
    assert fig.axes[0].bbox.height == pytest.approx(fig.axes[1].bbox.height) and drawn(fig).std() > 0


def test_of_many_matches_all_have_dots_and_some_have_lines(gallery):
    rng = np.random.default_rng(0)
    points = rng.random((300, 2)) * 15
    fig = plots.matched(gallery[2], gallery[2], points, points, np.arange(300) % 3 > 0)
    assert {"200 of 300 matches are inliers", "100 outliers"} <= set(texts(fig))
    assert 20 < len(lines_of(fig, plots.RIGHT)) <= 40 and 20 < len(lines_of(fig, plots.WRONG)) <= 40
    dots = [part for part in fig.axes[-1].collections if not hasattr(part, "get_segments")]
    assert sorted(len(part.get_offsets()) for part in dots) == [200, 400]


def test_no_match_is_said(gallery):
    fig = plots.matched(gallery[4], gallery[0], [], [], [], ("W" * 50, LONG))
    assert "no match" in texts(fig) and drawn(fig).std() > 0
    words = [text.get_window_extent() for text in fig.texts]
    assert apart(words) and all(within(word, fig.bbox) for word in words)


@pytest.mark.parametrize(
    ("points_a", "points_b", "inliers", "message"),
    [
        ([(1, 1)], [(1, 1), (2, 2)], [True], "1 and 2 points, 1 inliers"),
        ([(1, 1)], [(1, 1)], [], "0 inliers"),
        ([1, 1], [(1, 1)], [True], r"\(2,\)"),
        ([(1, 1)], [(1, 16)], [True], r"\(1, 16\) lies outside a picture of 16 x 16"),
    ],
)
def test_matches_that_do_not_fit_are_refused(gallery, points_a, points_b, inliers, message):
    with pytest.raises(ValueError, match=message):
        plots.matched(gallery[0], gallery[2], points_a, points_b, inliers)


# cluster_grid


def test_clusters_are_rows_with_their_first_images_and_their_sizes():
    images = [Image.new("RGB", (8, 8), (10 * i, 0, 0)) for i in range(20)]
    table = pd.Series(images, range(100, 120))
    fig = plots.cluster_grid(table, [np.arange(12)[::-1], [], [15]], columns=4, names=["far", HOSTILE, "one"])
    shown = [int(np.median(np.asarray(ax.images[0].get_array())[..., 0])) for ax in fig.axes]
    assert shown == [110, 100, 90, 80, 150]
    assert said(fig) == ["far", "12 images", HOSTILE, "0 images", "–", "one", "1 image"]
    fig.draw_without_rendering()
    boxes = [ax.get_window_extent() for ax in fig.axes] + [text.get_window_extent() for text in fig.texts]
    assert apart(boxes) and all(within(box, fig.bbox) for box in boxes) and drawn(fig).std() > 0


def test_rows_and_columns_are_bounded_and_the_rest_is_counted(gallery):
    fig = plots.cluster_grid(gallery, [[0, 1], [2], [3, 4]], columns=1, rows=2)
    assert len(fig.axes) == 2
    assert texts(fig) == ["cluster 1", "2 images", "cluster 2", "1 image", "2 of 3 clusters"]
    assert "–" in texts(plots.cluster_grid(gallery, [[]]))


@pytest.mark.parametrize(
    ("members", "options", "message"),
    [
        ([], {}, "0 clusters"),
        ([[0]], {"names": ["a", "b"]}, "1 clusters, 2 names"),
        ([[0]], {"columns": 0}, "0 columns"),
        ([[0]], {"rows": 0}, "0 rows"),
        ([[0], [5]], {}, "members from 0 to 5, but 5 images"),
        ([[-1]], {}, "members from -1"),
    ],
)
def test_clusters_that_do_not_fit_are_refused(gallery, members, options, message):
    with pytest.raises(ValueError, match=message):
        plots.cluster_grid(gallery, members, **options)


# trade_off


def methods(n, seed=0, spread=1.0):
    rng = np.random.default_rng(seed)
    value = 0.5 + spread * (rng.random(n) - 0.5)
    return pd.DataFrame(
        {
            "method": [f"method {i} with words" for i in range(n)],
            "family": np.array(["classical", "early features", "CLIP"])[np.arange(n) % 3],
            "cost": 10 ** (spread * rng.uniform(-3, 2, n)),
            "value": value,
            "ci_low": value - 0.03,
            "ci_high": value + 0.04,
        }
    )


def names_of(fig):
    return [text for text in fig.axes[0].texts if text.get_text()]


def dots_of(fig):
    """The dots of the methods in px of the screen."""
    ax = fig.axes[0]
    data = np.concatenate([line.get_xydata() for line in ax.lines if line.get_marker() != "None"])
    return ax.transData.transform(data)


@pytest.mark.parametrize(("n", "spread"), [(1, 1.0), (16, 0.3), (8, 0.0)])
def test_every_method_is_named_and_no_name_hides_a_dot_or_a_name(n, spread):
    fig = plots.trade_off(methods(n, spread=spread), "s", "mAP", "title")
    assert drawn(fig, 60).std() > 0
    fig.set_dpi(100)
    fig.draw_without_rendering()
    names = names_of(fig)
    assert sorted(" ".join(name.get_text().split()) for name in names) == sorted(methods(n)["method"])
    boxes = [Text.get_window_extent(name) for name in names]
    inside = fig.axes[0].get_window_extent().padded(1)
    assert apart(boxes) and all(within(box, inside) for box in boxes)
    assert not any(box.contains(*dot) for box in boxes for dot in dots_of(fig))


def test_the_same_table_gives_the_same_places():
    places = [[name.get_position() for name in names_of(plots.trade_off(methods(6, spread=0.1)))] for _ in range(2)]
    assert places[0] == places[1]


def test_a_name_far_from_its_dot_has_a_line_to_it_and_a_near_one_none():
    names = names_of(plots.trade_off(methods(7, spread=0.0)))
    lines = [name.arrow_patch is not None for name in names]
    near = labels.RINGS[labels.NEAR] + 0.1
    assert lines == [np.hypot(*name.get_position()) > near for name in names] and any(lines)
    assert all(name.arrow_patch is None for name in names_of(plots.trade_off(methods(3))))


def test_families_have_colours_and_intervals_are_drawn():
    table = methods(6)
    table.loc[0, ["ci_low", "ci_high"]] = None
    ax = plots.trade_off(table).axes[0]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["classical", "early features", "CLIP", "best for its cost"]
    colours = {line.get_label(): line.get_color() for line in ax.lines}
    assert [colours[name] for name in legend[:3]] == list(plots.COLOURS[:3])
    ends = {tuple(np.round(bar[:, 1], 9)) for bars in ax.collections for bar in bars.get_segments()}
    known = table.dropna()
    assert set(zip(known["ci_low"].round(9), known["ci_high"].round(9), strict=True)) <= ends


def front_by_hand(table):
    rows = list(zip(table["cost"], table["value"], strict=True))
    return sorted({(c, v) for c, v in rows if not any((a <= c and b > v) or (a < c and b == v) for a, b in rows)})


@pytest.mark.parametrize("seed", range(2))
def test_the_line_joins_the_methods_that_nothing_beats(seed):
    table = methods(12, seed)
    table[["cost", "value"]] = np.random.default_rng(seed).integers(1, 5, (12, 2))  # with ties
    assert sorted(map(tuple, trade._front(table["cost"], table["value"]).tolist())) == front_by_hand(table)
    [line] = [line for line in plots.trade_off(table).axes[0].lines if line.get_label() == "best for its cost"]
    steps = line.get_xydata()
    assert (np.diff(steps, axis=0) >= 0).all() and (np.diff(steps, axis=0) == 0).any(axis=1).all()
    assert set(front_by_hand(table)) <= set(map(tuple, steps.tolist()))


@pytest.mark.parametrize("costs", [(3, 3), (0.06, 0.07), (1, 30), (0.001, 5000)])
def test_the_axis_of_costs_has_plain_numbers(costs):
    table = methods(2).assign(cost=costs)
    fig = plots.trade_off(table)
    low, high = fig.axes[0].get_xlim()
    labels = [text.get_text() for text in fig.axes[0].get_xticklabels() if low <= text.get_position()[0] <= high]
    assert len(labels) > 1 and not any("10^" in label or "e" in label for label in labels)
    values = [float(label.replace(",", "")) for label in labels]
    assert values == sorted(set(values))


def test_text_in_charts_is_literal():
    table = methods(3).assign(method=HOSTILE, family=HOSTILE)
    size = plots.curves_by_size([1, 2], {HOSTILE: ([0, 1],) * 3}, None, HOSTILE, HOSTILE, HOSTILE)
    for fig in (plots.trade_off(table, HOSTILE, HOSTILE, HOSTILE), size, plots.decision_chart(HOSTILE, HOSTILE)):
        assert drawn(fig).std() > 0 and any("$x$" in text for text in texts(fig))


def test_a_table_that_cannot_be_drawn_says_why():
    with pytest.raises(ValueError, match="3 methods has no family, ci_high"):
        plots.trade_off(methods(3).drop(columns=["family", "ci_high"]))
    with pytest.raises(ValueError, match="no row"):
        plots.trade_off(methods(3)[:0])
    for column, value in (("cost", 0), ("cost", np.nan), ("value", np.inf)):
        table = methods(3)
        table.loc[1, column] = value
        with pytest.raises(ValueError, match="method 1 with words costs"):
            plots.trade_off(table)


# curves_by_size

SIZES = [10, 50, 100, 1000]


def test_curves_have_bands_and_their_names_stand_beside_their_ends_in_order():
    low, high = [0.1, 0.2, 0.3, 0.4], [0.3, 0.4, 0.5, 0.6]
    series = {"up": (np.mean([low, high], axis=0), low, high), "down": ([0.9, 0.8, np.nan, np.nan],) * 3}
    fig = plots.curves_by_size(SIZES, series, [0.1, 0.02, 0.01, 0.001], "candidates", "F1", "title")
    fig.draw_without_rendering()
    [ax] = fig.axes
    assert ax.get_xscale() == "log" and ax.get_xlim() == (10, 1000) and ax.get_ylim()[0] == 0
    assert np.allclose(ax.lines[0].get_xydata(), np.stack([SIZES, series["up"][0]], axis=1))
    corners = {tuple(corner) for corner in ax.collections[0].get_paths()[0].vertices.tolist()}
    assert {*zip(SIZES, low, strict=True), *zip(SIZES, high, strict=True)} <= corners
    assert [text.get_text() for text in ax.texts] == ["chance", "up", "down"]
    boxes = [text.get_window_extent() for text in ax.texts]
    assert [box.y0 for box in boxes] == sorted(box.y0 for box in boxes)
    assert [text.get_color() for text in ax.texts] == [GREY, *plots.COLOURS[:2]]
    for text, value in zip(ax.texts[1:], (0.5, 0.8), strict=True):
        box, height = text.get_window_extent(), ax.transData.transform((10, value))[1]
        assert box.y0 < height < box.y1 and box.x0 > ax.bbox.x1


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_names_of_equal_curves_lie_apart(level):
    series = {f"curve {i}": ([level] * 4,) * 3 for i in range(7)}
    fig = plots.curves_by_size(SIZES, series)
    assert drawn(fig).std() > 0
    boxes = [text.get_window_extent() for text in fig.axes[0].texts]
    assert apart(boxes) and all(box.y0 >= fig.axes[0].bbox.y0 - 1 for box in boxes)


@pytest.mark.parametrize(
    ("sizes", "series", "message"),
    [
        ([], {"a": ([], [], [])}, r"sizes \[\]"),
        ([1, 2], {}, "0 series"),
        ([0, 2], {"a": ([1, 2],) * 3}, "ascend from above 0"),
        ([2, 1], {"a": ([1, 2],) * 3}, "ascend from above 0"),
        ([1, 2], {"a": ([1, 2], [1, 2], [1])}, r"a has \(2,\), \(2,\), \(1,\) for 2 sizes"),
        ([1, 2], {"a": ([np.nan] * 2,) * 3}, "not only NaN"),
    ],
)
def test_curves_that_cannot_be_drawn_are_refused(sizes, series, message):
    with pytest.raises(ValueError, match=message):
        plots.curves_by_size(sizes, series)


# decision_chart

TREE = (
    "Do you ask with a sentence?",
    {
        "yes": "CLIP",
        "no": (
            "The very same object, from a similar side?",
            {
                "yes": ("SIFT", "it says where"),
                "perhaps": "both",
                "no": ("Is colour enough?", {"yes": "HSV", "no": LONG}),
            },
        ),
    },
)


def boxes_of(fig):
    return [patch.get_window_extent() for patch in fig.findobj(FancyBboxPatch) if type(patch) is FancyBboxPatch]


def box_of(fig, start):
    """The box that holds the text that starts so."""
    [text] = [text for text in fig.axes[0].texts if text.get_text().startswith(start)]
    [box] = [box for box in boxes_of(fig) if within(text.get_window_extent(), box)]
    return box


def test_questions_lead_from_left_to_right_in_the_order_of_their_replies():
    fig = plots.decision_chart(TREE, "title")
    fig.draw_without_rendering()
    starts = ("Do you", "CLIP", "The very", "SIFT", "both", "Is colour", "HSV", "a juvenile")
    boxes = {start: box_of(fig, start) for start in starts}
    assert len(boxes_of(fig)) == len(boxes) and apart(list(boxes.values()))
    columns = [["Do you"], ["CLIP", "The very"], ["SIFT", "both", "Is colour"], ["HSV", "a juvenile"]]
    edges = [{round(boxes[start].x0) for start in column} for column in columns]
    assert all(len(edge) == 1 for edge in edges) and edges == sorted(edges, key=min)
    for column in columns:
        heights = [boxes[start].y0 for start in column]
        assert heights == sorted(heights, reverse=True)
    assert within(boxes["SIFT"], fig.bbox) and "it says where" in texts(fig) and "title" in texts(fig)


def test_every_reply_stands_at_its_arrow_and_every_arrow_ends_at_a_box():
    fig = plots.decision_chart(TREE)
    fig.draw_without_rendering()
    [ax] = fig.axes
    replies = [text for text in ax.texts if text.get_text() in ("yes", "no", "perhaps")]
    heads = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    assert [text.get_text() for text in replies] == ["yes", "yes", "perhaps", "yes", "no", "no", "no"]
    middles = [(box.x0, (box.y0 + box.y1) / 2) for box in boxes_of(fig)]
    for head, reply in zip(heads, replies, strict=True):
        x, y = ax.transData.transform(head.xy)
        assert any(np.hypot(x - a, y - b) < 1 for a, b in middles)
        words = reply.get_window_extent()
        assert y < words.y0 < y + 15 and words.x1 < x


def test_answers_look_different_from_questions():
    fig = plots.decision_chart(("Which?", {"a": "A", "b": "B"}))
    looks = [to_hex(patch.get_edgecolor()) for patch in fig.findobj(FancyBboxPatch) if type(patch) is FancyBboxPatch]
    assert looks == [GREY, plots.COLOURS[0], plots.COLOURS[0]]


def test_endless_texts_and_replies_stay_in_their_places():
    tree = (LONG, {LONG: (LONG, {"yes": ("W" * 90, LONG), "no": HOSTILE}), "no": (LONG, {"y": "a", "W" * 40: "b"})})
    fig = plots.decision_chart(tree)
    fig.draw_without_rendering()
    boxes, words = boxes_of(fig), [text for text in fig.axes[0].texts if text.get_text()]
    extents = [Text.get_window_extent(word) for word in words]
    assert apart(boxes) and apart(extents) and all(within(extent, fig.bbox) for extent in extents)
    inside = [sum(within(extent, box) for box in boxes) for extent in extents]
    assert sum(inside) == len(boxes) + 1, "every text in its box, and one has a reason"
    assert fig.get_figwidth() < 12


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (("Why?", {"yes": "A"}), "two replies at least"),
        (("Why?", {}), "two replies at least"),
        (3, "3 is no answer"),
        (("Why?", {"yes": "A", "no": None}), "None is no answer"),
        (("Why?", {"yes": "A", "no": " "}), "empty text"),
        (("Why?", {"yes": "A", "": "B"}), "empty text or reply"),
        (
            (
                "a",
                {
                    "y": (
                        "b",
                        {"y": ("c", {"y": ("d", {"y": ("e", {"y": "f", "n": "g"}), "n": "g"}), "n": "g"}), "n": "g"},
                    ),
                    "n": "g",
                },
            ),
            "6 boxes in a row",
        ),
    ],
)
def test_what_is_no_tree_is_refused(tree, message):
    with pytest.raises(ValueError, match=message):
        plots.decision_chart(tree)


def test_no_figure_is_left_on_pyplots_list(gallery):
    import matplotlib.pyplot as plt

    plots.seen_by(gallery[0], {"A": plots.patch_grid(2)})
    plots.decision_chart(TREE)
    plots.trade_off(methods(2))
    assert plt.get_fignums() == []
