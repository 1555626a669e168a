"""Figures about captions: equal sentences said once, marks in colour, nothing on top of text, honest curves."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from drawing import drawn, texts

from utils import captions, plots
from utils.plots.captions import GREY, INK, WIDE

HOSTILE = r"$x$ _a_ $\frac{1}$ <b>"
LONG = "a juvenile green sea turtle with a net on its shell rests beside a bottle " * 70
MONSTERS = [HOSTILE, LONG, "W" * 5000, "🐢" * 40, "海龟" * 2500, "a\ud800\n\x00 " * 900, "﷽ Ằ g̷̢̛ ✓ ✗ |", "i " * 2500]
EMOJI = "ignore:Glyph:UserWarning"  # the face has no turtle and draws a box


@pytest.fixture
def gallery():
    rng = np.random.default_rng(0)
    shapes = [(6, 90), (90, 6), (1, 1), *((20 + 3 * i, 30) for i in range(9))]
    return [rng.integers(0, 255, (*shape, 3), dtype=np.uint8) for shape in shapes]


def apart(boxes):
    return not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def within(box, outer):
    return all(outer.contains(*corner) for corner in box.corners())


def parts(fig):
    """The places of all words, of all photographs, and of all cards."""
    fig.draw_without_rendering()
    pictures = [ax.get_window_extent() for ax in fig.axes if ax.images]
    return (
        [text.get_window_extent() for text in fig.texts],
        pictures,
        [ax.get_window_extent() for ax in fig.axes if not ax.images],
    )


def colours(fig, text):
    return [found.get_color() for found in fig.texts if found.get_text() == text]


# caption_stages


def test_every_stage_of_every_image_stands_beside_its_photograph_in_order(gallery):
    stages = {"BLIP": ["a1", "b1", "c1"], "cleaned": ["a2", "b2", "c2"], "truth": ["a3", "b3", "c3"]}
    fig = plots.caption_stages(gallery[3:6], stages)
    said = [name for i in "abc" for k, stage in enumerate(stages, 1) for name in (stage, f"{i}{k}")]
    assert [text.get_text() for text in fig.texts] == said
    words, pictures, cards = parts(fig)
    for i, (picture, card) in enumerate(zip(pictures, cards, strict=True)):
        own = words[6 * i : 6 * i + 6]
        assert within(picture, card) and all(within(word, card) and word.x0 > picture.x1 for word in own)
        assert [word.y0 for word in own] == sorted((word.y0 for word in own), reverse=True)
    assert cards[0].y0 == cards[1].y0 > cards[2].y1 and cards[0].x1 < cards[1].x0


def test_an_equal_sentence_is_said_once_and_an_empty_one_is_a_dash(gallery):
    stages = {"one": ["a turtle", ""], "two": ["a  turtle ", None], "three": ["", "a fish"], "four": ["a turtle"] * 2}
    fig = plots.caption_stages(gallery[:2], stages)
    first = ["one", "a turtle", "two", "as before", "three", "–", "four", "a turtle"]
    second = ["one", "–", "two", "–", "three", "a fish", "four", "a turtle"]
    assert texts(fig) == [*first, *second]
    assert set(colours(fig, "as before") + colours(fig, "–") + colours(fig, "one")) == {GREY}
    assert set(colours(fig, "a turtle")) == {INK}
    words = parts(fig)[0]
    assert words[2].y0 < words[3].y1 and words[3].y0 < words[2].y1 and words[2].x1 < words[3].x0, "beside its name"


def test_a_right_sentence_has_a_green_tick_and_a_wrong_one_a_vermilion_cross(gallery):
    stages = {"BLIP": ["a", "b", "c", "d"], "cleaned": ["a", "", "x", "y"]}
    marks = {"BLIP": [True, False, None, np.nan], "cleaned": np.array([False, False, True, True])}
    fig = plots.caption_stages(gallery[:4], stages, marks)
    expected = {"a": plots.RIGHT, "b": plots.WRONG, "c": INK, "d": INK, "x": plots.RIGHT, "y": plots.RIGHT}
    assert {text: colours(fig, text) for text in expected} == {text: [colour] for text, colour in expected.items()}
    assert colours(fig, "as before") == colours(fig, "–") == [plots.WRONG]
    assert colours(fig, "✓") == [plots.RIGHT] * 3 and colours(fig, "✗") == [plots.WRONG] * 3
    words, pictures, _ = parts(fig)
    assert apart([*words, *pictures])
    signs = [(text.get_position()[1], text.get_text()) for text in fig.texts]
    assert all((height, "✓") in signs for height, text in signs if text in ("a", "x", "y")), "the sign is on the line"


def test_columns_of_a_table_are_taken_by_position(gallery):
    table = pd.DataFrame({"path": gallery[3:6], "BLIP": ["a", "b", "c"], "right": [True, None, False]}, [2, 0, 7])
    fig = plots.caption_stages(table["path"], {"BLIP": table["BLIP"]}, {"BLIP": table["right"]})
    assert texts(fig) == ["BLIP", "a", "✓", "BLIP", "b", "BLIP", "c", "✗"]


def test_without_marks_there_is_no_sign_and_more_room(gallery):
    stages = {"BLIP": ["a turtle"]}
    left = [min(word.x0 for word in parts(plots.caption_stages(gallery[:1], stages, m))[0]) for m in (None, {})]
    marked = plots.caption_stages(gallery[:1], stages, {"BLIP": [None]})
    assert left[0] == left[1] < min(word.x0 for word in parts(marked)[0])
    assert texts(marked) == ["BLIP", "a turtle"]


@pytest.mark.filterwarnings(EMOJI)
@pytest.mark.parametrize(("columns", "dpi"), [(1, 72), (2, 90), (4, 110)])
def test_hostile_and_endless_sentences_stay_on_their_card_and_cover_nothing(gallery, columns, dpi):
    n = len(MONSTERS) if columns == 2 else 2
    stages = {"BLIP": MONSTERS[:n], "in other words " * 9: MONSTERS[-n:], "W" * 90: MONSTERS[:1] * n}
    fig = plots.caption_stages(gallery[:n], stages, {"BLIP": [True, False] * (n // 2)}, columns)
    fig.set_dpi(dpi)
    words, pictures, cards = parts(fig)
    assert apart(words) and apart(cards) and not any(word.overlaps(p) for word in words for p in pictures)
    assert all(any(within(word, card) for card in cards) for word in words) and fig.get_figwidth() <= WIDE + 1e-9
    assert all(within(card, fig.bbox) for card in cards) and drawn(fig, 40).std() > 0


def test_text_is_drawn_literally(gallery):
    fig = plots.caption_stages(gallery[:1], {"$s$ <i>": [HOSTILE]}, columns=1)
    assert texts(fig) == ["$s$ <i>", HOSTILE] and not any(text.get_parse_math() for text in fig.texts)
    assert drawn(fig).std() > 0


def test_a_long_sentence_ends_in_an_ellipsis_after_three_lines(gallery):
    fig = plots.caption_stages(gallery[:2], {"BLIP": [LONG, "short"]})
    name, *lines = texts(fig)[:4]
    assert name == "BLIP" and texts(fig)[4:] == ["BLIP", "short"]
    assert lines[-1].endswith("…") and LONG.startswith(" ".join(lines)[:-1])


def test_twelve_images_with_four_stages_fit_a_page(gallery):
    sentence = "an adult green turtle with a rope around its body is swimming over a reef"
    stages = {name: [f"{sentence} {name}"] * 12 for name in ("BLIP", "cleaned", "in other words", "truth")}
    fig = plots.caption_stages(gallery, stages)
    words, pictures, cards = parts(fig)
    assert len(pictures) == len(cards) == 12 and apart([*words, *pictures]) and apart(cards)
    assert fig.get_figwidth() == pytest.approx(WIDE) and fig.get_figheight() < 1.7 * WIDE


@pytest.mark.parametrize(
    ("n", "stages", "marks", "columns", "message"),
    [
        (0, {"BLIP": []}, None, 2, "0 images, 1 stages"),
        (2, {}, None, 2, "2 images, 0 stages"),
        (2, {"BLIP": ["a"] * 2}, None, 0, "0 columns"),
        (2, {"BLIP": ["a"] * 2}, None, 5, "5 columns"),
        (2, {"BLIP": ["a"] * 2, "truth": ["a"] * 3}, None, 2, "truth has 3 sentences"),
        (2, {"BLIP": ["a"] * 2}, {"BLIP": [True]}, 2, "BLIP has 1 marks"),
        (2, {"BLIP": ["a"] * 2}, {"truth": [True] * 2}, 2, "marks of truth; the stages are BLIP"),
    ],
)
def test_stages_that_do_not_fit_are_refused(gallery, n, stages, marks, columns, message):
    with pytest.raises(ValueError, match=message):
        plots.caption_stages(gallery[:n], stages, marks, columns)


# label_cost


@cache
def costs(shares=(0.05, 0.1, 0.2, 0.5), useful=True):
    risk = np.random.default_rng(0).random(400)
    wrong = np.random.default_rng(1).random(400) < 0.4 * risk**3
    order = np.argsort(-risk if useful else risk)
    return captions.label_cost(pd.DataFrame({"risk": risk[order]}), wrong[order], shares)


def line(fig, label):
    [found] = [line for line in fig.axes[0].lines if line.get_label().startswith(label)]
    return [(round(float(x), 9), round(float(y), 9)) for x, y in found.get_xydata()]


def claims(fig):
    return [text.get_text() for text in fig.axes[0].texts]


def test_the_curve_starts_with_nothing_goes_through_every_row_and_ends_with_everything():
    table = costs()
    fig = plots.label_cost(table[::-1], HOSTILE)
    rows = [(round(x, 9), round(y, 9)) for x, y in zip(table["share"], table["ranking"], strict=True)]
    assert line(fig, "this order") == [(0, 0), *rows, (1, 1)] and all(x == y for x, y in line(fig, "random"))
    [band] = fig.axes[0].collections
    corners = {(round(x, 9), round(y, 9)) for x, y in band.get_paths()[0].vertices}
    ends = zip(table["share"].repeat(2), table[["ci_low", "ci_high"]].to_numpy().ravel(), strict=True)
    assert {(round(x, 9), round(y, 9)) for x, y in ends} | {(0, 0), (1, 1)} == corners
    assert fig.axes[0].get_xlim() == fig.axes[0].get_ylim() == (0, 1) and drawn(fig).std() > 0
    assert {"0 %", "20 %", "100 %", HOSTILE, "captions read", "wrong captions found"} <= set(texts(fig))


def test_the_best_order_bends_where_it_has_found_all():
    table = costs()
    share = round(table["wrong"][0], 9)
    assert 0 < share < 0.5
    assert line(plots.label_cost(table), "best") == [(0, 0), (share, 1), (1, 1)]
    assert line(plots.label_cost(costs((0.5, 0.9))), "best") == [(0, 0), (share, 1), (1, 1)]


def test_the_value_after_a_tenth_is_said_if_it_is_known():
    table = costs()
    assert claims(plots.label_cost(table)) == [f"{100 * table['ranking'][1]:.0f} % found after 10 %"]
    assert claims(plots.label_cost(costs((0.05, 0.2)))) == []
    assert claims(plots.label_cost(costs((0.1, 1)))) == claims(plots.label_cost(table))


@pytest.mark.parametrize("useful", [True, False])
def test_the_value_hides_no_line_and_the_legend_stands_beside_the_axes(useful):
    from matplotlib.path import Path

    fig = plots.label_cost(costs(useful=useful), "title")
    fig.draw_without_rendering()
    [ax] = fig.axes
    [claim] = [text.get_window_extent() for text in ax.texts]
    curves = [Path(ax.transData.transform(found.get_xydata())) for found in ax.lines if len(found.get_xydata()) > 1]
    assert len(curves) == 4 and not any(curve.intersects_bbox(claim, filled=False) for curve in curves)
    legend = ax.get_legend().get_window_extent()
    assert legend.x0 > ax.get_window_extent().x1 and apart([legend, claim]) and within(claim, fig.bbox)


def test_a_table_that_lacks_something_says_what():
    with pytest.raises(ValueError, match="4 shares has no ci_low, wrong"):
        plots.label_cost(costs().drop(columns=["ci_low", "wrong"]))
    with pytest.raises(ValueError, match="0 shares"):
        plots.label_cost(costs()[:0])


def test_no_figure_is_left_on_pyplots_list(gallery):
    import matplotlib.pyplot as plt

    plots.caption_stages(gallery[:1], {"BLIP": ["a"]})
    plots.label_cost(costs())
    assert plt.get_fignums() == []
