"""Geometry of relations: loops over boxes as oracle, and what holds of every kind."""

import math

import numpy as np
import pytest

from utils.ground import geometry, space
from utils.ground.relations import Relation

WIDTH, HEIGHT = 200, 100
ROW = [[10, 40, 30, 60], [80, 40, 110, 70], [150, 40, 170, 60]]  # left, middle and larger, right
TO_ONE = ("left of", "right of", "above", "below", "beside", "behind", "in front of", "nearest", "farthest")
OWN = (
    *(("side", side, 1) for side in ("left", "right", "top", "bottom")),
    *(("rank", side, rank) for side in ("left", "right", "top", "bottom") for rank in (1, 2, 3)),
    *(("size", size, rank) for size in ("largest", "smallest", "tallest", "shortest", "widest", "narrowest") for rank in (1, 2)),
    *(("depth", depth, rank) for depth in ("front", "back") for rank in (1, 2)),
    ("middle", None, 1),
)  # fmt: skip


def fits(kind, *to, boxes=ROW, rank=1, denied=False, marks=(), same=None):
    return space.fits(Relation(kind, to, rank, denied), boxes, WIDTH, HEIGHT, marks, same)


def random_case(rng):
    """Boxes on a coarse grid, so that ties occur, the kind of each, and two landmarks' weights, some of them 0."""
    k = int(rng.integers(1, 8))
    low = rng.integers(0, 8, (k, 2)) * [20, 10]
    boxes = np.hstack([low, low + rng.integers(1, 5, (k, 2)) * [10, 10]]).astype(float)
    marks = [np.round(rng.random(k), 1) * (rng.random(k) < 0.7) for _ in range(2)]
    return boxes, rng.random(k) < 0.7, marks


# the oracle: one box after another, plain numbers


def step(x):
    return 1 / (1 + math.exp(-x)) if x > -500 else 0.0


def middle(box):
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def gap(a, b):
    return math.hypot(max(0, a[0] - b[2], b[0] - a[2]), max(0, a[1] - b[3], b[1] - a[3]))


def at_rank(keys, rank, count):
    """keys: (key, box) of those that count."""
    order = [i for _, i in sorted(keys)]
    return [1.0] * count if len(order) < rank else [float(i == order[rank - 1]) for i in range(count)]


def own_oracle(kind, to, rank, boxes, same):
    keys = []
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        wide, high = x1 - x0, y1 - y0
        key = {
            "left": x, "right": -x, "top": y, "bottom": -y, "largest": -wide * high, "smallest": wide * high,
            "tallest": -high, "shortest": high, "widest": -max(wide, high), "narrowest": wide,
            "front": -(y1 / HEIGHT + math.sqrt(wide * high / (WIDTH * HEIGHT))),
            "back": y1 / HEIGHT + math.sqrt(wide * high / (WIDTH * HEIGHT)),
        }[to]  # fmt: skip
        if same[i]:
            keys.append((round(key, 9), i))
    return at_rank(keys, rank, len(boxes))


def side_oracle(to, boxes):
    values = []
    for box in boxes:
        x, y = middle(box)
        share = {"left": x / WIDTH, "right": 1 - x / WIDTH, "top": y / HEIGHT, "bottom": 1 - y / HEIGHT}[to]
        values.append(step((geometry.HALF - share) / geometry.BLUR))
    return values


def middle_oracle(boxes, same):
    rows = [i for i in range(len(boxes)) if same[i]]
    if len(rows) < 3:
        off = [max(abs(middle(b)[0] / WIDTH - 0.5), abs(middle(b)[1] / HEIGHT - 0.5)) for b in boxes]
        return [max(0.0, 1 - 2 * o) for o in off]
    spread = [max(middle(boxes[i])[a] for i in rows) - min(middle(boxes[i])[a] for i in rows) for a in (0, 1)]
    axis = int(spread[1] > 2 * spread[0])
    order = sorted(rows, key=lambda i: (middle(boxes[i])[axis], i))
    both = {order[(len(order) - 1) // 2], order[len(order) // 2]}
    return [float(i in both) for i in range(len(boxes))]


def pair_value(kind, i, j, boxes, same):
    a, b = ([v / min(WIDTH, HEIGHT) for v in boxes[row]] for row in (i, j))
    (x, y), (u, v) = middle(a), middle(b)
    if kind in ("nearest", "farthest"):
        sign = 1 if kind == "nearest" else -1
        keys = []
        for row in range(len(boxes)):
            if row != j and same[row]:
                c = [value / min(WIDTH, HEIGHT) for value in boxes[row]]
                keys.append((round(sign * (math.dist(middle(c), (u, v)) + gap(c, b)), 9), row))
        return float(bool(keys) and min(keys)[1] == i)
    close = step((geometry.NEAR - gap(a, b)) / geometry.FADE)
    if kind == "beside":
        shared = max(0, min(a[3], b[3]) - max(a[1], b[1])) / min(a[3] - a[1], b[3] - b[1])
        return close * (0.6 + 0.4 * shared)
    if kind in ("behind", "in front of"):
        lower = b[3] - a[3] if kind == "behind" else a[3] - b[3]
        return step(lower / geometry.SURE) * close
    ahead = {"left of": u - x, "right of": x - u, "above": v - y, "below": y - v}[kind]
    aside = abs(v - y) if kind in ("left of", "right of") else abs(u - x)
    return step(ahead / geometry.SURE) * (0.5 + 0.5 * min(1, max(0, ahead / max(aside, 1e-9))))


def to_one_oracle(kind, boxes, weights, same, denied):
    if not max(weights):
        return [1.0] * len(boxes)
    values = []
    for i in range(len(boxes)):
        best = max([weights[j] * pair_value(kind, i, j, boxes, same) for j in range(len(boxes)) if j != i], default=0)
        values.append((1 - best) * (1 - weights[i]) if denied else 1 - max(weights) + best)
    return values


def between_oracle(boxes, first, second):
    if not max(first) or not max(second):
        return [1.0] * len(boxes)
    sure = 0.0
    values = [0.0] * len(boxes)
    for a in range(len(boxes)):
        for b in range(len(boxes)):
            (x, y), (u, v) = ([c / min(WIDTH, HEIGHT) for c in middle(boxes[row])] for row in (a, b))
            length = (u - x) ** 2 + (v - y) ** 2
            if a == b or not length or not first[a] * second[b]:
                continue
            sure = max(sure, first[a] * second[b])
            for i in range(len(boxes)):
                p, q = (c / min(WIDTH, HEIGHT) for c in middle(boxes[i]))
                along = ((p - x) * (u - x) + (q - y) * (v - y)) / length
                aside = abs((u - x) * (q - y) - (v - y) * (p - x)) / math.sqrt(length)
                inside = min(1, max(0, min(along, 1 - along) / 0.2)) * math.exp(-((aside / geometry.SPREAD) ** 2))
                if i not in (a, b):
                    values[i] = max(values[i], first[a] * second[b] * inside)
    return [1 - sure + value for value in values]


@pytest.mark.parametrize(("kind", "to", "rank"), OWN)
def test_a_relation_of_boxes_alone_agrees_with_loops(kind, to, rank):
    rng = np.random.default_rng([1, OWN.index((kind, to, rank))])
    for _ in range(100):
        boxes, same, _ = random_case(rng)
        if kind == "side":
            wanted = side_oracle(to, boxes)
        else:
            wanted = middle_oracle(boxes, same) if kind == "middle" else own_oracle(kind, to, rank, boxes, same)
        found = fits(kind, *([to] if to else ()), boxes=boxes, rank=rank, same=same)
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, wanted, atol=1e-9)


@pytest.mark.parametrize("denied", [False, True])
@pytest.mark.parametrize("kind", TO_ONE)
def test_a_relation_to_another_thing_agrees_with_loops(kind, denied):
    rng = np.random.default_rng([2, TO_ONE.index(kind), denied])
    for _ in range(100):
        boxes, same, (weights, _) = random_case(rng)
        found = fits(kind, "x", boxes=boxes, marks=[weights], same=same, denied=denied)
        np.testing.assert_allclose(found, to_one_oracle(kind, boxes, weights, same, denied), atol=1e-9)


def test_between_agrees_with_loops():
    rng = np.random.default_rng(3)
    for _ in range(300):
        boxes, _, marks = random_case(rng)
        np.testing.assert_allclose(
            fits("between", "x", "y", boxes=boxes, marks=marks), between_oracle(boxes, *marks), atol=1e-9
        )


def test_all_kinds_stay_between_0_and_1_and_do_not_depend_on_the_order_of_boxes():
    rng = np.random.default_rng(4)
    for _ in range(100):
        boxes, same, marks = random_case(rng)
        boxes = boxes + rng.random(boxes.shape)  # without ties
        order = rng.permutation(len(boxes))
        for kind, to in [(kind, ("x",)) for kind in TO_ONE] + [(kind, (to,) if to else ()) for kind, to, _ in OWN]:
            given = marks[:1] if to == ("x",) else ()
            found = fits(kind, *to, boxes=boxes, marks=given, same=same)
            assert ((found >= 0) & (found <= 1)).all()
            mixed = fits(kind, *to, boxes=boxes[order], marks=[m[order] for m in given], same=same[order])
            np.testing.assert_allclose(mixed, found[order], atol=1e-12)


# what words mean


def test_a_side_falls_off_smoothly_and_a_rank_does_not():
    side = fits("side", "left")
    assert side[0] > 0.95 > side[1] > 0.2 > side[2] > 0
    assert fits("rank", "left").tolist() == [1, 0, 0] and fits("rank", "left", rank=3).tolist() == [0, 0, 1]
    assert fits("rank", "right").tolist() == [0, 0, 1] and fits("middle").tolist() == [0, 1, 0]
    assert fits("size", "largest").tolist() == [0, 1, 0] and fits("depth", "front").tolist() == [0, 1, 0]


def test_only_boxes_of_the_kind_are_counted():
    assert fits("rank", "left", same=[False, True, True]).tolist() == [0, 1, 0]
    assert fits("size", "largest", same=[0.9, 0.2, 0.5]).tolist() == [1, 0, 0]
    assert fits("nearest", "x", marks=[[0, 0, 1]], same=[True, False, True]).tolist() == [1, 0, 0]


def test_of_equal_boxes_the_first_is_before_the_other():
    twins = [ROW[0], ROW[0], ROW[1]]
    assert fits("rank", "left", boxes=twins).tolist() == [1, 0, 0]
    assert fits("rank", "left", boxes=twins, rank=2).tolist() == [0, 1, 0]
    assert fits("size", "smallest", boxes=twins).tolist() == [1, 0, 0]


def test_a_rank_beyond_the_boxes_says_nothing():
    assert fits("rank", "left", rank=4).tolist() == [1, 1, 1]
    assert fits("rank", "left", same=np.zeros(3)).tolist() == [1, 1, 1]
    assert fits("rank", "left", rank=4, denied=True).tolist() == [1, 1, 1]


@pytest.mark.parametrize("kind", TO_ONE)
@pytest.mark.parametrize("denied", [False, True])
def test_a_box_is_never_its_own_landmark(kind, denied):
    assert fits(kind, "x", boxes=ROW[:1], marks=[[1.0]], denied=denied).tolist() == [0]
    assert fits(kind, "x", marks=[[0, 1, 0]], denied=denied)[1] == 0


@pytest.mark.parametrize("denied", [False, True])
def test_a_landmark_that_is_not_there_rules_nothing_out(denied):
    for kind in TO_ONE:
        assert fits(kind, "x", marks=[np.zeros(3)], denied=denied).tolist() == [1, 1, 1]
        assert fits(kind, "x", denied=denied).tolist() == [1, 1, 1]
        faint, sure = (fits(kind, "x", marks=[[0, weight, 0]], denied=denied) for weight in (1e-3, 1))
        assert (faint > 0.99).all() and sure.min() < 0.5
    assert fits("between", "x", "y", marks=[[1, 0, 0], [0, 0, 0]], denied=denied).tolist() == [1, 1, 1]
    assert fits("facing", "left", denied=denied).tolist() == [1, 1, 1]


def test_what_is_denied_is_one_minus_the_value():
    for kind, to, rank in OWN:
        plain, denied = (fits(kind, *([to] if to else ()), rank=rank, denied=d) for d in (False, True))
        np.testing.assert_allclose(plain + denied, 1)
    beside = [fits("beside", "x", marks=[[1, 0, 0]], denied=d) for d in (False, True)]
    np.testing.assert_allclose((beside[0] + beside[1])[1:], 1)
    between = fits("between", "x", "y", marks=[[1, 0, 0], [0, 0, 1]], denied=True)
    assert between[1] < 0.1 and between[[0, 2]].tolist() == [1, 1]


def test_between_two_things_of_one_name():
    both = [1.0, 0.0, 1.0]
    assert fits("between", "bus", "bus", marks=[both, both]).argmax() == 1
    assert fits("between", "bus", "bus", marks=[[1, 0, 0], [1, 0, 0]]).tolist() == [1, 1, 1]  # one thing alone


def test_more_than_one_relation_multiplies():
    relations = [Relation("side", ("left",)), Relation("beside", ("x",))]
    marks = [(), ([0, 1.0, 0],)]
    found = space.combined(relations, ROW, WIDTH, HEIGHT, marks)
    wanted = fits("side", "left") * fits("beside", "x", marks=marks[1])
    np.testing.assert_allclose(found, wanted)
    assert space.combined([], ROW, WIDTH, HEIGHT).tolist() == [1, 1, 1]


@pytest.mark.parametrize("turned", [False, True])
def test_a_superlative_counts_among_what_the_other_relations_leave(turned):
    boxes = [[10, 40, 30, 60], [40, 30, 70, 60], [120, 20, 180, 90]]  # the largest of all is on the right
    relations = [Relation("size", ("largest",)), Relation("side", ("left",))][:: -1 if turned else 1]
    assert space.combined(relations, boxes, WIDTH, HEIGHT).argmax() == 1
    assert fits("size", "largest", boxes=boxes).argmax() == 2


# edges and bad input


def test_no_boxes_have_no_values():
    for relation in (Relation("side", ("left",)), Relation("middle"), Relation("beside", ("x",))):
        assert space.fits(relation, np.zeros((0, 4)), 10, 10, [[]] if relation.landmarks else ()).shape == (0,)
        assert space.combined([relation], [], 10, 10).shape == (0,)


def test_shares_that_sum_to_a_little_more_than_1_are_taken():
    assert fits("beside", "x", marks=[np.array([1 + 1e-7, 0, 0])]).max() <= 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": [[0, 0, 0, 5]]}, "without area"),
        ({"boxes": [[0, 0, math.nan, 5]]}, "without area"),
        ({"boxes": [[0, 0, 5]]}, "boxes_xyxy"),
        ({"marks": [[0, 1]]}, r"landmarks\[0\] has shape \(2,\).*give 3 weights"),
        ({"marks": [[0, 1, 2.0]]}, "holds 0.0 to 2.0"),
        ({"marks": [[0, math.nan, 0]]}, "landmarks"),
        ({"same": [-0.5, 1, 1]}, "same has shape"),
        ({"same": [True]}, "same has shape"),
    ],
)
def test_bad_input_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        fits("beside", "x", **{"marks": [[0, 0, 1]], **change})


@pytest.mark.parametrize("size", [(0, 10), (10, -1), (math.nan, 10), (10, math.inf)])
def test_a_picture_has_a_size(size):
    with pytest.raises(ValueError, match="give its width and height"):
        space.fits(Relation("middle"), ROW, *size)


def test_each_relation_has_its_landmarks():
    with pytest.raises(ValueError, match="1 rows of landmarks for 2 relations"):
        space.combined([Relation("middle"), Relation("beside", ("x",))], ROW, WIDTH, HEIGHT, [()])
