"""Figures show what they are given: every picture, literal text, right and wrong apart, and small files."""

import io

import numpy as np
import pytest
from drawing import HOSTILE, drawn, texts
from PIL import Image

from utils import config, plots


@pytest.fixture
def cfg(tmp_path):
    return config.Config.from_env({"REEF_OUT": str(tmp_path)})


@pytest.fixture
def gallery():
    """Twelve noisy pictures of different shapes."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (60 + 7 * i, 90, 3), dtype=np.uint8) for i in range(12)]


def share(pixels, colour):
    """Share of pixels of exactly one #rrggbb colour."""
    return (pixels == [int(colour[i : i + 2], 16) for i in (1, 3, 5)]).all(-1).mean()


def answers(m, n=12, k=5):
    rng = np.random.default_rng(1)
    index = np.stack([rng.permutation(n)[:k] for _ in range(m)])
    return -np.sort(-rng.random((m, k)), axis=1), index


def test_a_figure_is_not_left_on_pyplots_list(gallery):
    import matplotlib.pyplot as plt

    plots.contact_sheet(gallery)
    plots.pr_curve({"clip": ([1.0, 0.5], [0.0, 1.0])})
    assert plt.get_fignums() == []


def test_a_contact_sheet_draws_every_picture_with_its_title(gallery):
    fig = plots.contact_sheet(gallery, [f"t{i}" for i in range(12)], columns=5, title="All")
    assert sum(len(ax.images) for ax in fig.axes) == 12
    assert {"All", "t0", "t11"} <= set(texts(fig))


def test_a_contact_sheet_reads_paths_arrays_and_pil_images(tmp_path):
    path = tmp_path / "grün ü.png"
    Image.new("L", (30, 20), 99).save(path)
    fig = plots.contact_sheet([path, str(path), Image.new("RGBA", (5, 9)), np.zeros((1, 7), np.uint8)])
    assert len(drawn(fig)) > 0


@pytest.mark.parametrize("titles", [["one"], ["a", "b", "c"]])
def test_a_contact_sheet_wants_one_title_an_image(gallery, titles):
    with pytest.raises(ValueError, match="2 images and"):
        plots.contact_sheet(gallery[:2], titles)


def test_a_contact_sheet_of_nothing_says_so():
    with pytest.raises(ValueError, match="0 images"):
        plots.contact_sheet([])


@pytest.mark.parametrize("draw", [plots.retrieval_grid, plots.search_poster])
def test_right_and_wrong_answers_are_marked_by_colour_and_by_sign(gallery, draw):
    scores, index = answers(2)
    relevant = np.zeros((2, 12), bool)
    relevant[0, index[0, :2]] = True
    words = " ".join(texts(draw(["a turtle", "a net"], gallery, scores, index, relevant)))
    assert (words.count("✓"), words.count("✗")) == (2, 8)
    everything_right = drawn(draw(["a turtle"], gallery, scores[:1], index[:1], np.ones((1, 12), bool)))
    everything_wrong = drawn(draw(["a turtle"], gallery, scores[:1], index[:1], np.zeros((1, 12), bool)))
    assert share(everything_right, plots.RIGHT) > 0 == share(everything_right, plots.WRONG)
    assert share(everything_wrong, plots.WRONG) > 0 == share(everything_wrong, plots.RIGHT)


@pytest.mark.parametrize("draw", [plots.retrieval_grid, plots.search_poster])
def test_scores_are_printed_and_unknown_relevance_claims_nothing(gallery, draw):
    scores, index = answers(1)
    words = texts(draw(["a turtle"], gallery, scores, index, k=3))
    assert [f"{score:.3f}" for score in scores[0, :3]] == [word for word in words if word.startswith("0.")]
    assert not any("✓" in word or "✗" in word for word in words)


@pytest.mark.parametrize("draw", [plots.retrieval_grid, plots.search_poster])
@pytest.mark.filterwarnings("ignore:Glyph")
def test_hostile_sentences_are_drawn_literally(gallery, draw):
    scores, index = answers(len(HOSTILE), k=2)
    fig = draw(HOSTILE, gallery, scores, index)
    assert drawn(fig).std() > 0
    assert {"$x$", "<b>bold</b>", r"$\frac{1}$", "(empty)"} <= set(texts(fig))


def test_hostile_names_in_charts_are_drawn_literally():
    name = r"$\frac{1}$ <b>"
    bars = plots.bars_with_intervals([name], [1], [1], [1], title=name, xlabel=name)
    bins = plots.breakdown([name], {name: ([1], [1], [1])}, title=name, xlabel=name, ylabel=name)
    curve = plots.pr_curve({name: ([1, 0], [0, 1])}, point=(0.5, 0.5, name), title=name)
    pair = plots.histograms([0, 1], [0, 1], (name, name), title=name, xlabel=name)
    for fig in (
        bars,
        bins,
        curve,
        pair,
        plots.contact_sheet([np.zeros((3, 3), np.uint8)], [name], title=name),
    ):
        assert drawn(fig).std() > 0 and any(name in text for text in texts(fig))


def test_a_long_sentence_stays_inside_its_row_and_its_box(gallery):
    sentence = "a juvenile green turtle with a net on its shell rests beside a bottle " * 9
    scores, index = answers(1, k=3)
    [wrapped] = [text for text in texts(plots.retrieval_grid([sentence], gallery, scores, index)) if "net" in text]
    assert wrapped.count("\n") == 6 and wrapped.endswith("…") and max(map(len, wrapped.split("\n"))) <= 24
    fig = plots.search_poster([sentence], gallery, scores, index)
    fig.draw_without_rendering()
    [text] = [text for ax in fig.axes for text in ax.texts if "net" in text.get_text()]
    assert text.get_window_extent().x1 < text.axes.get_window_extent().x1


@pytest.mark.parametrize("draw", [plots.retrieval_grid, plots.search_poster])
def test_answers_that_do_not_fit_the_queries_are_refused(gallery, draw):
    scores, index = answers(2)
    with pytest.raises(ValueError, match="3 queries"):
        draw(["a", "b", "c"], gallery, scores, index)
    with pytest.raises(ValueError, match="0 queries"):
        draw([], gallery, np.zeros((0, 5)), np.zeros((0, 5), int))


def test_bars_print_values_and_intervals_and_chance():
    fig = plots.bars_with_intervals(["a $x$", "b"], [0.5, 0.25], [0.4, None], [0.7, None], chance=[0.1, 0.2])
    [ax] = fig.axes
    assert {"0.500", "0.250", "a $x$", "chance"} <= set(texts(fig))
    ends = [segment[:, 0] for segment in ax.collections[0].get_segments()]
    assert np.allclose(ends, [[0.4, 0.7], [0.25, 0.25]])
    assert ax.get_xlim()[1] > 0.7 and drawn(fig).std() > 0


@pytest.mark.parametrize("kind", ["bar", "line"])
def test_a_breakdown_shows_series_bins_and_counts(kind):
    series = {"turtle": ([0.8, 0.4], [0.7, 0.3], [0.9, 0.5]), "$x$": ([0.2, 0.1], [None] * 2, [None] * 2)}
    fig = plots.breakdown(["clear", "turbid"], series, counts=[1200, 7], kind=kind, chance=0.05, title="By light")
    assert {"turtle", "$x$", "chance", "clear\nn = 1,200", "turbid\nn = 7"} <= set(texts(fig))
    assert fig.axes[0].get_ylim()[0] == 0 and drawn(fig).std() > 0


def test_a_breakdown_knows_two_kinds():
    with pytest.raises(ValueError, match="pie"):
        plots.breakdown(["a"], {"b": ([1], [1], [1])}, kind="pie")


def test_a_pr_curve_prints_average_precision_and_chance():
    fig = plots.pr_curve({"clip": ([1, 0.6], [0, 1], [0.5])}, {"clip": 0.91234}, 0.3, (0.5, 0.8, "threshold"))
    assert {"clip   AP 0.912", "chance   0.300", "threshold"} <= set(texts(fig)) and drawn(fig).std() > 0


def test_histograms_are_shares_of_their_own_group():
    fig = plots.histograms([0.1, 0.1, 0.9, 0.9], [0.1] * 100, threshold=0.5, bins=2)
    heights = [patch.get_data().values for patch in fig.axes[0].patches]
    assert np.allclose(heights[0], [0.5, 0.5]) and np.allclose(heights[2], [1, 0])
    assert "threshold  0.500" in texts(fig)


def test_equal_scores_still_make_a_histogram():
    assert drawn(plots.histograms([0.3, 0.3], [0.3])).std() > 0


@pytest.mark.parametrize("name", ["sheet", "sheet.jpg"])
def test_a_saved_figure_keeps_its_limit_and_is_the_same_every_time(gallery, cfg, name):
    fig = plots.contact_sheet(gallery[:2], columns=2)
    path = plots.save_figure(fig, name, cfg, max_kb=30)
    first = path.read_bytes()
    assert path == cfg.figures_dir / ("sheet.jpg" if name.endswith("jpg") else "sheet.png")
    assert len(first) <= 30 * 1024 and min(Image.open(path).size) > 100
    assert plots.save_figure(fig, name, cfg, max_kb=30).read_bytes() == first
    assert list(cfg.figures_dir.iterdir()) == [path]


def test_a_note_stands_once_below_everything_and_enlarges_the_picture(cfg):
    fig = plots.histograms([0.5, 0.6], [0.1, 0.2])
    bare = Image.open(plots.save_figure(fig, "chart", cfg)).size
    for _ in range(2):
        noted = Image.open(plots.save_figure(fig, "chart", cfg, note="profile embedded · a $ and _x_")).size
    assert noted[0] == bare[0] and bare[1] < noted[1] < bare[1] + 60
    assert [text.get_text() for text in fig.texts] == ["profile embedded · a $ and _x_"]


def test_a_picture_below_the_limit_is_kept_exactly(gallery):
    picture = Image.fromarray(gallery[0])
    assert np.array_equal(Image.open(io.BytesIO(plots.encoded(picture, "PNG", 10**6))), gallery[0])


def test_a_picture_above_the_limit_loses_colours_before_it_loses_pixels(gallery):
    picture = Image.fromarray(np.kron(gallery[0], np.ones((4, 4, 1), np.uint8)))
    whole = len(plots.encoded(picture, "PNG", 10**9))
    fewer = Image.open(io.BytesIO(plots.encoded(picture, "PNG", whole - 1)))
    tiny = plots.encoded(picture, "PNG", 3000)
    assert (fewer.mode, fewer.size) == ("P", picture.size)
    assert len(tiny) <= 3000 and max(Image.open(io.BytesIO(tiny)).size) < max(picture.size)


def test_a_box_frames_its_pixels_and_leaves_the_image_as_it_was():
    image = np.zeros((120, 160, 3), np.uint8)
    framed = np.asarray(plots.boxed(image, [(20, 30, 60, 90), (100, 10, 150, 50)], ["#ff0000", "#00ff00"]))
    zoom = framed.shape[0] // 120
    assert framed.shape == (zoom * 120, zoom * 160, 3) and not image.any()
    for box, channel in (((20, 30, 60, 90), 0), ((100, 10, 150, 50), 1)):
        rows, columns = np.nonzero(framed[..., channel] > 200)
        found = [columns.min() / zoom, rows.min() / zoom, (columns.max() + 1) / zoom, (rows.max() + 1) / zoom]
        assert found == pytest.approx(box, abs=0.5)
    assert framed[zoom * 60, zoom * 40].tolist() == [0, 0, 0]


def test_an_image_can_ask_in_a_grid(tmp_path):
    picture = Image.new("RGB", (40, 30), (10, 200, 30))
    fig = plots.retrieval_grid([picture], [picture, picture], [[0.9, 0.8]], [[1, 0]])
    assert len(fig.axes) == len(plots.retrieval_grid(["green"], [picture, picture], [[0.9, 0.8]], [[1, 0]]).axes) + 1
