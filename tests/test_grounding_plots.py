"""Figures of grounding: proposals, crops, picks and truths as they are given, parses without crossings, heat as it is."""

from itertools import combinations

import drawing
import numpy as np
import pytest
from drawing import drawn, texts
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from utils.plots import frames, grounding, heat, parse
from utils.plots.grounding import Grounded
from utils.plots.style import RIGHT, WRONG

HOSTILE = [*drawing.HOSTILE, "long " * 60]


def noise(width=90, height=60, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


def row(k=3, **other):
    """k boxes side by side; the second is right, the first is picked."""
    boxes = [[20.0 * i, 5, 20 * i + 15, 40] for i in range(k)]
    given = {
        "image": noise(), "sentence": "the second one", "true_box": boxes[1] if k > 1 else [0, 0, 9, 9],
        "pick": boxes[0] if k else None, "boxes_xyxy": boxes, "labels": [f"kind{i}" for i in range(k)],
        "confidences": np.linspace(0.9, 0.1, k), "scores": np.linspace(0.5, 0.1, k),
    }  # fmt: skip
    return Grounded(**given | other)


def edges(fig):
    """(x0, y0, x1, y1, colour) of every frame of a box but its white border."""
    from matplotlib.colors import to_hex
    from matplotlib.patches import Rectangle

    found = [p for ax in fig.axes for p in ax.patches if isinstance(p, Rectangle) and not p.get_fill()]
    found = [
        (*p.get_xy(), p.get_x() + p.get_width(), p.get_y() + p.get_height(), to_hex(p.get_edgecolor())) for p in found
    ]
    return [edge for edge in found if edge[-1] != "#ffffff"]


# steps


def test_steps_show_every_proposal_its_crop_its_score_and_the_pick_beside_the_truth():
    fig = grounding.grounding_steps([row(), row(2)], score="probability")
    said = texts(fig)
    assert {
        "1 kind0 0.90",
        "2 kind1 0.50",
        "3 kind2 0.10",
        "0.50",
        "0.30",
        "0.10",
        "probability",
        "truth",
        "pick",
    } <= set(said)
    assert said.count("“the second one”") == 2 and said.count("✗ IoU 0.00") == 2
    assert sum(len(ax.images) for ax in fig.axes) == 2 * 2 + 3 + 2
    found = edges(fig)
    assert (19.5, 4.5, 34.5, 39.5, RIGHT) in found and (-0.5, 4.5, 14.5, 39.5, WRONG) in found
    assert drawn(fig).std() > 0


def test_the_bar_and_the_crop_of_the_pick_stand_out():
    from matplotlib.colors import to_hex

    fig = grounding.grounding_steps([row()])
    bars = [bar for ax in fig.axes for box in ax.containers for bar in box]
    assert [to_hex(bar.get_facecolor()) == WRONG for bar in bars] == [True, False, False]
    assert [bar.get_height() for bar in bars] == pytest.approx([0.5, 0.3, 0.1])


def test_a_right_pick_has_a_tick_and_both_frames():
    fig = grounding.grounding_steps([row(pick=[20, 5, 35, 40])])
    assert "✓ IoU 1.00" in texts(fig)
    assert [edge[-1] for edge in edges(fig)[-2:]] == [RIGHT, WRONG]


def test_of_many_crops_the_best_are_shown_in_their_order():
    scores = [0.1, 0.9, 0.2, 0.8, -0.001]
    fig = grounding.grounding_steps([row(5, scores=scores)], most=2)
    said = texts(fig)
    assert "score, the 2 best of 5" in said and {"0.90", "0.80"} <= set(said) and not {"0.20", "0.10"} & set(said)
    assert [text for text in said if text in "12345"] == ["2", "4"]
    assert "0.00" in texts(grounding.grounding_steps([row(5, scores=scores)])), "no -0.00"


def test_of_very_many_proposals_only_the_shown_ones_have_a_tag():
    said = texts(grounding.grounding_steps([row(13, image=noise(300))], most=3))
    assert [text.split()[0] for text in said if " kind" in text] == ["1", "2", "3"]


@pytest.mark.parametrize("pick", [None, [0, 0, 90, 60]])
def test_nothing_proposed_is_said(pick):
    fig = grounding.grounding_steps([row(0, pick=pick)])
    assert "no proposal" in texts(fig) and ("✗ no pick" in texts(fig)) == (pick is None)
    drawn(fig)


def test_scores_below_zero_and_of_zero_are_drawn():
    for scores in ([-0.5, -0.2, -0.1], [0, 0, 0], [-1, 0, 1]):
        fig = grounding.grounding_steps([row(scores=scores)])
        (ax,) = (ax for ax in fig.axes if ax.containers)
        heights = [bar.get_height() for box in ax.containers for bar in box]
        low, high = ax.get_ylim()
        assert heights == pytest.approx(scores) and low <= min(scores) and high > max(0, *scores)
        assert {f"{score:.2f}" for score in scores} <= {text.replace("−", "-") for text in texts(fig)}
        drawn(fig)


@pytest.mark.parametrize("box", [[-20, -20, 500, 500], [88, 58, 90, 60], [10, 10, 10.2, 10.2], [200, 200, 300, 300]])
def test_boxes_at_the_edge_and_beyond_are_cut_off(box):
    fig = grounding.grounding_steps([row(1, boxes_xyxy=[box], pick=box)])
    assert all(min(edge[:4]) >= -0.5 and edge[2] <= 89.5 and edge[3] <= 59.5 for edge in edges(fig))
    drawn(fig)


@pytest.mark.parametrize("size", [(1, 1), (600, 20), (20, 600)])
def test_pictures_of_any_shape_fit(size):
    fig = grounding.grounding_steps([row(2, image=noise(*size), true_box=[0, 0, 1, 1])])
    shown = [ax for ax in fig.axes if ax.images]
    assert len(shown) >= 2 and all(0 <= edge <= 1 for ax in shown for edge in ax.get_position().extents)
    assert drawn(fig).std() > 0


@pytest.mark.parametrize("text", HOSTILE)
def test_sentences_and_names_are_drawn_literally(text):
    fig = grounding.grounding_steps([row(1, sentence=text, labels=[text])], score=text)
    drawn(fig)
    if text in ("$x$", "<b>bold</b>"):
        assert f"“{text}”" in texts(fig) and f"1 {text} 0.90" in texts(fig)
    fig = grounding.grounding_gallery({text: [row(sentence=text)]})
    drawn(fig)
    if text in ("$x$", "<b>bold</b>"):
        assert texts(fig).count(text) == 2


@pytest.mark.parametrize(
    ("rows", "most", "message"),
    [
        ([], 3, "0 rows, 3 crops"),
        ([row()], 0, "1 rows, 0 crops"),
        ([row(labels=["a"])], 3, "3 boxes, 1 labels, 3 confidences and 3 scores for 'the second one'"),
    ],
)
def test_bad_steps_are_refused(rows, most, message):
    with pytest.raises(ValueError, match=message):
        grounding.grounding_steps(rows, most)


# gallery


def test_a_gallery_groups_by_cause_and_leaves_empty_groups_out():
    groups = {"wrong class": [row()] * 5, "no proposal": [], "loose box": [row(pick=[20, 5, 35, 20])]}
    fig = grounding.grounding_gallery(groups, columns=3)
    said = texts(fig)
    assert {"wrong class", "loose box"} <= set(said) and "no proposal" not in said
    assert said.count("the second one") == 6 and "✗ IoU 0.43" in said
    assert sum(len(ax.images) for ax in fig.axes) == 6
    assert [edge[-1] for edge in edges(fig)] == [RIGHT, WRONG] * 6


@pytest.mark.parametrize(("groups", "columns"), [({}, 3), ({"a": []}, 3), ({"a": [row()]}, 0)])
def test_a_bad_gallery_is_refused(groups, columns):
    with pytest.raises(ValueError, match="give one of each at least"):
        grounding.grounding_gallery(groups, columns)


# tags


def test_tags_stay_inside_and_do_not_cover_each_other_where_there_is_room():
    rng = np.random.default_rng(0)
    for _ in range(100):
        start = rng.random((3, 2)) * [70, 50]
        boxes, taken, size = np.hstack([start, start + 8]), [], np.array([20.0, 4.0])
        for box in boxes:
            taken.append(frames.free(box, size, taken, boxes, (100, 80)))
        for place in taken:
            assert (place >= 0).all() and (place[2:] <= (100, 80)).all()
        hidden = [
            np.prod((np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])).clip(0)) for a, b in combinations(taken, 2)
        ]
        assert sum(hidden) < 20, "a quarter of a tag at most"


def test_a_tag_moves_away_from_one_that_is_there():
    box, size = np.array([40.0, 40, 60, 60]), np.array([20.0, 5.0])
    first = frames.free(box, size, [], box[None], (100, 100))
    assert first.tolist() == [40, 35, 60, 40]
    assert frames.free(box, size, [first], box[None], (100, 100)).tolist() == [40, 60, 60, 65]
    assert frames.free(np.array([40.0, 0, 60, 99]), size, [], box[None], (100, 100))[1] >= 0


# parses


def tree(words, heads, **other):
    return parse.parse_tree(words, ["X"] * len(words), heads, [f"r{i}" for i in range(len(words))], **other)


def test_a_tree_shows_words_tags_and_a_labelled_arc_for_each_head():
    fig = parse.parse_tree(
        ["a", "turtle", "swims"], ["DET", "NOUN", "VERB"], [1, 2, 2], ["det", "nsubj", "ROOT"], marked=[1], title="T"
    )
    assert {"a", "turtle", "swims", "DET", "NOUN", "VERB · root", "det", "nsubj", "T"} == set(texts(fig))
    assert len(arcs(fig)) == 2
    looks = {text.get_text(): text for text in fig.axes[0].texts}
    assert looks["turtle"].get_color() != looks["swims"].get_color()


def arcs(fig):
    from matplotlib.patches import PathPatch

    return [patch.get_path().vertices for patch in fig.axes[0].patches if isinstance(patch, PathPatch)]


def random_heads(rng, n):
    """Heads of a random projective tree, its root last in its own span."""
    heads = list(range(n))

    def hang(low, high):
        root = int(rng.integers(low, high))
        for start, end in ((low, root), (root + 1, high)):
            while start < end:
                stop = int(rng.integers(start, end)) + 1
                heads[hang(start, stop)] = root
                start = stop
        return root

    hang(0, n)
    return heads


def test_arcs_of_a_projective_tree_do_not_cross_and_labels_do_not_overlap():
    rng = np.random.default_rng(1)
    for _ in range(15):
        n = int(rng.integers(2, 13))
        fig = tree(["word" * int(rng.integers(1, 4)) for _ in range(n)], random_heads(rng, n))
        ends = [(path[0, 0], path[-1, 0], path[:, 1].max()) for path in arcs(fig)]
        assert len(ends) == n - 1
        for (a0, a1, a), (b0, b1, b) in combinations(ends, 2):
            inside, around = a0 > b0 and a1 < b1 and a < b, b0 > a0 and b1 < a1 and b < a
            assert a1 < b0 or b1 < a0 or inside or around
        drawing = FigureCanvasAgg(fig).get_renderer()
        places = [text.get_window_extent(drawing) for text in fig.axes[0].texts]
        assert not any(one.overlaps(other) for one, other in combinations(places, 2))


def test_crossing_arcs_stand_at_different_heights():
    low, high = (path[:, 1].max() for path in arcs(tree(["a", "b", "c", "d"], [2, 3, 2, 3])))
    assert high - low > 0.3


def test_one_word_is_a_tree():
    assert set(texts(tree(["turtle"], [0], title="a title that is much too long for one word"))) >= {
        "turtle",
        "X · root",
    }


@pytest.mark.parametrize("text", [*HOSTILE, "x" * 200])
def test_words_are_drawn_literally(text):
    fig = parse.parse_tree([text, "b"], ["X", text], [1, 1], [text, text], title=text)
    drawn(fig)
    if text in ("$x$", "<b>bold</b>"):
        assert texts(fig).count(text) == 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (([], [], [], []), "0 words"),
        ((["a"], ["X"], [0], []), "0 labels"),
        ((["a"], ["X"], [1], ["r"]), "position 1, but 1 words"),
        ((["a"], ["X"], [0], ["r"], [-1]), "position -1"),
    ],
)
def test_a_bad_tree_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        parse.parse_tree(*given)


# heat


def test_heat_lies_where_it_is_and_keeps_the_size_of_the_picture():
    warm = np.zeros((3, 4))
    warm[0, 3] = 2.0
    shown = heat.heat_overlay(noise(80, 60), warm)
    assert shown.size == (80, 60) and shown.mode == "RGB"
    pixels = np.asarray(shown, float).sum(axis=2)
    assert pixels[:10, 70:].mean() > 1.5 * pixels[40:, :40].mean()
    hue = np.ptp(np.asarray(shown, float), axis=2)
    assert hue[:10, 70:].mean() > 50 and hue[40:, :40].mean() < 10, "cold places are nearly grey"


def test_the_scale_is_the_maps_own_unless_limits_are_given():
    picture, warm = noise(), np.random.default_rng(0).random((7, 7))
    own = np.asarray(heat.heat_overlay(picture, warm))
    assert np.array_equal(own, np.asarray(heat.heat_overlay(picture, 3 * warm - 1)))
    assert not np.array_equal(own, np.asarray(heat.heat_overlay(picture, warm / 2, limits=(0, 1))))
    cold = np.asarray(heat.heat_overlay(picture, np.full((2, 2), 5.0)))
    assert np.array_equal(cold, np.asarray(heat.heat_overlay(picture, np.zeros((2, 2)), limits=(0, 1))))
    beyond = heat.heat_overlay(picture, [[0, 9]], limits=(0, 1))
    assert np.array_equal(np.asarray(beyond), np.asarray(heat.heat_overlay(picture, [[0, 1]], limits=(0, 1))))


def test_the_colours_grow_lighter_all_the_way():
    ramp = np.array(colormaps[heat.MAP](np.linspace(0, 1, 64)))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(ramp) > 0).all()
    steps = heat._mixed(np.linspace(0, 1, 64)[None], np.full((1, 64, 1), 0.3))[0] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(steps[20:]) > 0).all()


def test_panels_show_boxes_titles_and_what_colours_mean():
    pairs = [([0, 0, 9, 9], [5, 5, 20, 20]), (None, None), ([1, 1, 8, 8], None)]
    fig = heat.heat_panels([noise()] * 3, [np.eye(4)] * 3, ["$a$", "b", "c"], pairs, columns=2, peaks=True, title="T")
    assert {"$a$", "b", "c", "T", "least", "most", "truth", "from the map", "✕ hottest point"} == set(texts(fig))
    assert [edge[-1] for edge in edges(fig)] == [RIGHT, WRONG, RIGHT]
    assert sum(len(ax.images) for ax in fig.axes) == 3 + 1
    drawn(fig)


def test_panels_without_boxes_have_no_key_to_them():
    fig = heat.heat_panels([Image.new("L", (30, 90))], [[[0.0, 0.5]]], limits=(0, 0.5))
    assert set(texts(fig)) == {"0", "0.5"}
    drawn(fig)


def test_the_hottest_point_is_the_middle_of_its_cell():
    warm = np.zeros((2, 3))
    warm[1, 2] = warm[1, 1] = 1
    fig = heat.heat_panels([noise(90, 60)], [warm], peaks=True)
    crosses = [line.get_xydata()[0].tolist() for ax in fig.axes for line in ax.lines if line.get_marker() == "x"]
    assert crosses == [[44.5, 44.5]] * 2


@pytest.mark.parametrize(
    ("warm", "limits", "message"),
    [
        (np.zeros(4), None, "shape"),
        (np.zeros((0, 4)), None, "shape"),
        ([[0, np.nan]], None, "finite"),
        ([[0, 1]], (1, 1), r"limits \(1, 1\)"),
    ],
)
def test_bad_heat_is_refused(warm, limits, message):
    with pytest.raises(ValueError, match=message):
        heat.heat_overlay(noise(), warm, limits)


@pytest.mark.parametrize("other", [{"titles": ["a"]}, {"boxes": []}, {"heats": []}, {"columns": 0}, {"images": []}])
def test_bad_panels_are_refused(other):
    with pytest.raises(ValueError, match="give one of each an image"):
        heat.heat_panels(**{"images": [noise()] * 2, "heats": [np.eye(2)] * 2} | other)
