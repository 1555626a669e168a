"""Instance retrieval and one-shot detection: drawn pictures, lists worked by hand, loops that do the same slowly."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from utils import classical, config, datasets, embed, instances, metrics, pooling

HSV = classical.HsvHistogram(size=32)
MOTIF = (40, 30)  # its size in px
A, B, C = [0, 0, 10, 10], [20, 20, 30, 30], [50, 50, 60, 60]


def texture(seed, size=(120, 90)):
    """Rectangles of random place, size and colour: full of keypoints."""
    rng = np.random.default_rng(seed)
    pixels = np.full((size[1], size[0], 3), rng.integers(60, 200, 3), np.uint8)
    for _ in range(40):
        x, y = rng.integers(0, size)
        width, height = rng.integers(3, 20, 2)
        pixels[y : y + height, x : x + width] = rng.integers(0, 256, 3)
    return Image.fromarray(pixels)


def boxed(x, y):
    return [float(x), float(y), float(x + MOTIF[0]), float(y + MOTIF[1])]


SHOWN = {0: [(10, 20)], 1: [(70, 50)], 2: [(30, 5)], 3: [], 4: []}  # picture -> where it shows the motif


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    folder, rows = tmp_path_factory.mktemp("gallery"), []
    for i, corners in SHOWN.items():
        picture = texture(i)
        for corner in corners:
            picture.paste(texture(99, MOTIF), corner)
        picture.save(folder / f"{i}.png")
        facts = {"width": picture.width, "height": picture.height}
        rows.append({"image_id": f"set/{i}.png", "path": str(folder / f"{i}.png"), "facts": facts})
    return pd.DataFrame(rows, dtype=object)


def query(gallery, image, box, name="motif_1", **lists):
    own = gallery["image_id"][image]
    others = {gallery["image_id"][i]: [boxed(*c) for c in corners] for i, corners in SHOWN.items() if corners}
    others.pop(own, None)
    found = {"good": sorted(others), "ok": [], "junk": [own], "boxes": others} | lists
    return {"query_id": name, "label": name.split("_")[0], "image_id": own, "path": gallery["path"][image],
            "box_xyxy": box, **found}  # fmt: skip


def table(*rows):
    return pd.DataFrame(rows, dtype=object)


@pytest.fixture(scope="module")
def queries(gallery):
    return table(query(gallery, 0, boxed(10, 20)), query(gallery, 1, boxed(70, 50), "motif_2"))


# asking


def test_the_box_is_asked_for_and_whole_pictures_answer(gallery, queries):
    scores = instances.ask(HSV, gallery, queries)
    crops = embed.images(HSV, [(row.path, row.box_xyxy, "tight") for row in queries.itertuples()])
    np.testing.assert_allclose(scores, crops @ embed.images(HSV, gallery["path"]).T, atol=1e-6)
    assert scores.shape == (2, 5) and scores.dtype == np.float32
    whole = instances.ask(HSV, gallery, queries.assign(box_xyxy=[[0, 0, 120, 90]] * 2))
    assert whole[0, 0] == pytest.approx(1, abs=1e-5) and np.abs(whole - scores).max() > 0.05


def test_whitening_changes_both_sides(gallery, queries):
    whitening = pooling.whiten(embed.images(HSV, gallery["path"]), 3)
    whole = queries.assign(box_xyxy=[[0, 0, 120, 90]] * 2)
    scores = instances.ask(HSV, gallery, whole, whitening=whitening)
    np.testing.assert_allclose(scores[[0, 1], [0, 1]], 1, atol=1e-5)
    assert np.abs(scores - instances.ask(HSV, gallery, whole)).max() > 0.1


def test_expansion_adds_the_nearest_other_pictures_and_never_the_own_one(gallery, queries):
    scores = instances.ask(HSV, gallery, queries, expansion={"alpha": 0, "n": 1})
    image_emb = embed.images(HSV, gallery["path"])
    for i, row in enumerate(queries.itertuples()):
        crop = embed.images(HSV, [(row.path, row.box_xyxy, "tight")])[0]
        near = max((j for j in range(5) if j != i), key=lambda j: image_emb[j] @ crop)
        mean = crop + image_emb[near]
        np.testing.assert_allclose(scores[i], image_emb @ mean / np.linalg.norm(mean), atol=1e-5)
    assert not np.allclose(instances.ask(HSV, gallery, queries, expansion={}), scores)


def test_a_picture_that_cannot_be_read_is_named_and_no_query_is_refused(gallery, queries, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match="broken.png"):
        instances.ask(HSV, gallery.assign(path=str(tmp_path / "broken.png")), queries)
    with pytest.raises(ValueError, match="queries has shape"):
        instances.ask(HSV, gallery, queries[:0])


# geometry


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """A picture of two halves, and a photo of each alone."""
    folder = tmp_path_factory.mktemp("halves")
    left, right = texture(50, (120, 120)), texture(51, (120, 120))
    both = Image.new("RGB", (240, 120))
    both.paste(left, (0, 0))
    both.paste(right, (120, 0))
    for name, picture in {"both": both, "left": left, "right": right}.items():
        picture.save(folder / f"{name}.png")
    return [folder / f"{name}.png" for name in ("both", "left", "right")]


def test_only_the_keypoints_in_the_box_are_matched(halves):
    both, *alone = halves
    left, right = (classical.rerank(both, alone, box=box) for box in ((0, 0, 120, 120), (120, 0, 240, 120)))
    assert left[0] > 20 > 3 * left[1] and right[1] > 20 > 3 * right[0]
    np.testing.assert_array_equal(classical.rerank(both, alone, box=(-5, 0, 999, 120)), classical.rerank(both, alone))
    tiny = classical.rerank(both, alone, box=(10.2, 10.2, 10.4, 10.4))
    assert np.isfinite(tiny).all() and tiny.max() < left[0]


def test_matches_of_a_box_lie_in_it_and_where_they_belong(halves):
    found = classical.matches(halves[0], halves[2], box=(120, 0, 240, 120))
    assert found.inliers.sum() > 20 and found.points_a[:, 0].min() >= 119
    away = found.points_a - [120, 0] - found.points_b
    assert np.abs(np.median(away[found.inliers], axis=0)).max() < 1


@pytest.mark.parametrize("box", [(50, 50, 50, 90), (90, 9, 10, 90), (500, 0, 600, 50), (0, 0, 5), (0, 0, np.nan, 9)])
def test_a_box_without_a_pixel_is_refused_and_the_file_named(halves, box):
    with pytest.raises(ValueError, match=r"both.png: box .* is empty or outside the image of 240 x 120 px"):
        classical.rerank(halves[0], halves[1:], box=box)


def test_matches_reorder_the_first_pictures_alone(gallery, queries, monkeypatch):
    asked = []

    def counted(path, candidates, box, ratio):
        asked.append((path, [gallery["path"].tolist().index(c) for c in candidates], box, ratio))
        return np.array([0, 7, 0], np.float32)

    monkeypatch.setattr("utils.classical.reranking.rerank", counted)
    scores = np.array([[0.9, 0.1, 0.5, 0.7, 0.3], [-0.2, -0.2, -0.9, -0.1, -0.2]])
    found = instances.reranked(scores, gallery, queries, first=3, ratio=0.8)
    assert np.argsort(-found, axis=1, kind="stable").tolist() == [[3, 0, 2, 4, 1], [0, 3, 1, 4, 2]]
    assert [(path, rows) for path, rows, *_ in asked] == [
        (queries["path"][0], [0, 3, 2]), (queries["path"][1], [3, 0, 1])
    ]  # fmt: skip
    assert asked[0][2:] == (boxed(10, 20), 0.8)


def test_reranking_finds_the_pictures_that_share_the_motif(gallery, queries):
    rng = np.random.default_rng(0)
    before = rng.normal(size=(2, 5))
    after = instances.reranked(before, gallery, queries, first=99)
    judged = instances.judged(after, gallery, queries, "medium", ks=(1,))
    assert judged["AP"].tolist() == [1, 1] and judged["P@1"].tolist() == [1, 1]
    unchanged = instances.reranked(np.zeros((2, 5)), gallery, queries, first=1, size=64)
    assert (np.diff(unchanged[:, 1:]) == 0).all()


# judging


def test_average_precision_a_query_worked_by_hand(gallery):
    ids = list(gallery["image_id"])
    lists = {"good": [ids[0], ids[1]], "ok": [ids[2]], "junk": [ids[3]]}
    asked = table(query(gallery, 0, boxed(10, 20), **lists), query(gallery, 4, boxed(0, 0), "other_1", **lists))
    scores = np.array([[0.5, 0.1, 0.4, 0.9, 0.3], [0.5, 0.1, 0.4, 0.9, 0.3]])
    medium = instances.judged(scores, gallery, asked, "medium", ks=(1,))
    # the first query's own picture is out: ok, nothing, good; of the second one: good, ok, good
    assert medium["AP"].tolist() == pytest.approx([(1 + (1 / 2 + 2 / 3) / 2) / 2, 1])
    original = instances.judged(scores, gallery, asked, "original", ks=(1,))
    assert original["AP"].tolist() == pytest.approx([(1 + 1 + (2 / 3 + 3 / 4) / 2) / 3] * 2)
    hard = instances.judged(scores, gallery, asked.assign(ok=[[], [ids[2]]]), "hard")
    assert hard["query_id"].tolist() == ["other_1"] and hard["label"].tolist() == ["other"]
    assert list(hard.columns) == ["query_id", "label", "AP", "P@1", "P@5", "P@10"]


def test_a_summary_resamples_labels_as_a_whole():
    one = pd.DataFrame({"label": ["a"] * 3 + ["b"], "AP": [1.0, 1, 1, 0], "objects": [3, 3, 3, 3]})
    found = instances.summary(one)
    assert list(found) == ["AP"]
    assert found["AP"] == metrics.bootstrap(one["AP"], one["label"])
    assert (found["AP"]["ci_low"], found["AP"]["ci_high"]) == (0, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s, g, q: (s[:1], g, q), r"scores \(1, 5\) of 2 queries and 5 items"),
        (lambda s, g, q: (s * np.nan, g, q), "finite"),
        (lambda s, g, q: (s, g, q, "simple"), "unknown level 'simple'"),
        (lambda s, g, q: (s[:, 1:], g[1:], q), "the first: set/0.png"),
        (lambda s, g, q: (s, g, q.assign(good=[[], []])), "none of the 2 queries has a positive"),
    ],
)
def test_what_cannot_be_judged_is_refused(gallery, queries, change, message):
    with pytest.raises(ValueError, match=message):
        instances.judged(*change(np.zeros((2, 5)), gallery, queries))


def test_reranking_refuses_what_does_not_fit(gallery, queries):
    with pytest.raises(ValueError, match="first is 0"):
        instances.reranked(np.zeros((2, 5)), gallery, queries, first=0)
    with pytest.raises(ValueError, match="of 2 queries and 5 items"):
        instances.reranked(np.zeros((5, 2)), gallery, queries)


# windows


@pytest.mark.parametrize(("width", "height"), [(224, 168), (100, 333), (50, 50), (7, 3)])
def test_windows_cover_a_picture_to_its_border_in_even_steps(width, height):
    for share, step in ((0.25, 0.5), (0.4, 1.0), (1.0, 0.3)):
        found, edge = metrics.windows(width, height, [share], step), share * min(width, height)
        np.testing.assert_allclose(found[:, 2:] - found[:, :2], edge)
        np.testing.assert_allclose([found.min(axis=0)[:2], found.max(axis=0)[2:]], [[0, 0], [width, height]])
        for axis in (0, 1):
            assert np.diff(np.unique(found[:, axis].round(9))).max(initial=0) <= step * edge + 1e-6
    assert len(metrics.windows(width, height, [0.5, 0.5])) == len(metrics.windows(width, height, [0.5]))


@pytest.mark.parametrize(
    "arguments", [(0, 5), (5, 5, []), (5, 5, [0.0]), (5, 5, [1.5]), (5, 5, [0.5], 0), (5, 5, [0.5], 2)]
)
def test_windows_that_make_no_sense_are_refused(arguments):
    with pytest.raises(ValueError, match="shares lie in"):
        metrics.windows(*arguments)


def random_boxes(rng, n, side=12):
    corner = rng.integers(0, side, (n, 2))
    return np.hstack([corner, corner + rng.integers(2, side, (n, 2))]).astype(float)


def suppressed(scores, boxes, overlap):
    """One query's windows that stay, found one by one."""
    kept = []
    for i in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
        if all(metrics.iou(boxes[i], boxes[j]) <= overlap for j in kept):
            kept.append(i)
    return sorted(kept)


def test_suppression_of_many_queries_is_that_of_a_loop():
    rng = np.random.default_rng(0)
    for _ in range(100):
        m, w, overlap = rng.integers(1, 4), rng.integers(1, 12), rng.choice([0.0, 0.3, 0.6, 1.0])
        scores, boxes = rng.integers(-3, 3, (m, w)) / 2, random_boxes(rng, w)
        kept = metrics.strongest(scores, boxes, overlap)
        assert [np.flatnonzero(row).tolist() for row in kept] == [suppressed(row, boxes, overlap) for row in scores]


@pytest.mark.parametrize(
    ("scores", "boxes", "overlap"),
    [([[1.0]], [A, A], 0.3), ([[-np.inf]], [A], 0.3), ([[1.0]], [A], -1), ([[1.0]], [A], np.nan)],
)
def test_suppression_refuses_what_does_not_fit(scores, boxes, overlap):
    with pytest.raises(ValueError, match="finite scores, one a window"):
        metrics.strongest(scores, boxes, overlap)


# one-shot detection


@pytest.mark.parametrize(
    ("windows", "images", "truth", "expected"),
    [
        ([A, B], [0, 0], {0: [A, B]}, 1),
        ([C, A, B], [0, 0, 0], {0: [A, B]}, (1 / 2 + 2 / 3) / 2),
        ([A, A, B], [0, 0, 0], {0: [A, B]}, (1 + 2 / 3) / 2),  # the same object twice
        ([A, B], [0, 1], {0: [A], 1: [A]}, 1 / 2),  # right place, other picture
        ([A], [0], {0: [A, B], 3: [C, C]}, 1 / 4),  # three are missed
        ([[0, 0, 10, 3]], [0], {0: [A]}, 1),  # just enough
        ([[0, 0, 10, 2.9]], [0], {0: [A]}, 0),
        ([[0, 0, 8, 10], A], [0, 0], {0: [A, [0, 0, 7, 10]]}, 1),  # the first takes what fits it better
        ([], [], {0: [A]}, 0),
    ],
)
def test_detections_worked_by_hand(windows, images, truth, expected):
    scores = -np.arange(len(windows), dtype=float)
    assert metrics.detection_ap(scores, windows, images, truth) == pytest.approx(expected)


def test_windows_on_the_query_itself_count_neither_way():
    windows, scores = [A, B, C], [0.9, 0.8, 0.7]
    assert metrics.detection_ap(scores, windows, [0, 0, 0], {0: [C]}) == pytest.approx(1 / 3)
    assert metrics.detection_ap(scores, windows, [0, 0, 0], {0: [C]}, ignored={0: [A]}) == 1 / 2
    assert metrics.detection_ap(scores, windows, [0, 0, 0], {0: [C]}, ignored={0: [A, C], 1: [B]}) == 1 / 2


def area(scores, boxes, images, truth, threshold, ignored):
    """Precision over recall at every distinct score, each from its own matching, best first."""
    total, points = sum(map(len, truth.values())), [(0.0, 1.0)]
    for least in sorted(set(scores), reverse=True):
        left, right, wrong = {image: list(part) for image, part in truth.items()}, 0, 0
        for i in sorted(range(len(scores)), key=lambda i: (-scores[i], i)):
            if scores[i] < least:
                break
            fits = [metrics.iou(boxes[i], box) for box in left.get(images[i], [])]
            if fits and max(fits) >= threshold:
                left[images[i]].pop(int(np.argmax(fits)))
                right += 1
            elif all(metrics.iou(boxes[i], box) < threshold for box in ignored.get(images[i], [])):
                wrong += 1
        if right + wrong:
            points.append((right / total, right / (right + wrong)))
    return sum((r - before) * p for (before, _), (r, p) in pairwise(points))


@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
def test_windows_of_equal_score_find_as_many_objects_as_they_can_in_any_order(order):
    boxes = np.array([[3, 0, 13, 10], [-3, 0, 7, 10]])[order]  # the first fits both objects, the second one of them
    assert metrics.detection_ap([0.5, 0.5], boxes, [0, 0], {0: [[0, 0, 10, 10], [7, 0, 17, 10]]}) == 1.0


def test_scores_of_small_whole_numbers_are_numbers():
    boxes = [[0, 0, 2, 2], [4, 4, 6, 6]]
    assert metrics.detection_ap(np.array([9, 0], np.uint8), boxes, [0, 0], {0: [[0, 0, 2, 2]]}) == 1.0


def test_the_order_of_places_says_nothing(gallery, queries):
    places = instances.places(gallery)
    scores = np.random.default_rng(0).random((len(queries), len(places)))
    mixed = np.random.default_rng(1).permutation(len(places))
    anew = instances.spotted(scores[:, mixed], places.iloc[mixed].reset_index(drop=True), gallery, queries)
    assert anew.equals(instances.spotted(scores, places, gallery, queries))


def test_detection_is_what_a_loop_counts():
    rng = np.random.default_rng(0)
    for _ in range(120):
        w, pictures, threshold = rng.integers(0, 15), rng.integers(1, 4), rng.choice([0.3, 0.5])
        boxes, images = random_boxes(rng, w), rng.integers(0, pictures, w)
        scores = rng.integers(-4, 4, w) / 2 if rng.random() < 0.5 else rng.normal(size=w)
        truth = {i: random_boxes(rng, rng.integers(1, 4)) for i in range(pictures)}
        ignored = {0: random_boxes(rng, 1)} if rng.random() < 0.5 else {}
        found = metrics.detection_ap(scores, boxes, images, truth, threshold, ignored)
        assert found == pytest.approx(area(scores.tolist(), boxes, images, truth, threshold, ignored))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], [A], [0], {}), "0 objects"),
        (([1.0], [A], [0], {0: []}), "0 objects"),
        (([np.nan], [A], [0], {0: [A]}), "NaN"),
        (([1.0], [[np.nan, 0, 1, 1]], [0], {0: [A]}), r"windows\[0\] is .*without area"),
        (([1.0], [A], [0], {0: [[2, 2, 0, 0]]}), r"objects\[0\] is .*without area"),
        (([1.0], [A], [0], {0: [*A, *A]}), r"objects has shape \(8,\)"),
        (([1.0, 2.0], [A], [0], {0: [A]}), "must be"),
        (([1.0], [A], [0, 1], {0: [A]}), "must be"),
        (([1.0], [A], [0], {0: [A]}, 0), "threshold 0"),
    ],
)
def test_detections_that_cannot_be_judged_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        metrics.detection_ap(*arguments)


def fit_to(places, gallery, queries):
    """Scores of someone who knows: how well each window fits a box to be found."""
    boxes, rows = np.stack(list(places["box_xyxy"])), places["image"].to_numpy()
    scores = np.zeros((len(queries), len(places)))
    for i, marks in enumerate(queries["boxes"]):
        for j, image_id in enumerate(gallery["image_id"]):
            for box in marks.get(image_id, []):
                scores[i, rows == j] = np.maximum(scores[i, rows == j], metrics.iou(boxes[rows == j], box))
    return scores


def test_who_knows_where_finds_everything_that_a_window_fits(gallery, queries):
    places = instances.places(gallery, shares=(0.3, 0.4))
    found = instances.spotted(fit_to(places, gallery, queries), places, gallery, queries)
    assert found[["AP", "objects", "reachable"]].to_numpy().tolist() == [[1, 2, 1]] * 2
    half = instances.spotted(fit_to(places, gallery, queries), places, gallery, queries, threshold=0.95)
    assert (half["AP"] == 0).all() and (half["reachable"] == 0).all()


def test_the_own_picture_is_left_out_unless_it_shows_the_motif_again(gallery):
    again = {"boxes": {"set/0.png": [boxed(60, 40)], "set/1.png": [boxed(70, 50)]}}
    asked = table(query(gallery, 0, boxed(10, 20)), query(gallery, 0, boxed(10, 20), "motif_2", **again))
    places = instances.places(gallery, shares=(0.4,), step=0.25)
    boxes = np.stack(list(places["box_xyxy"]))
    on_itself = (places["image"] == 0).to_numpy() * 9 * (metrics.iou(boxes, boxed(10, 20)) >= instances.FOUND)
    scores = fit_to(places, gallery, asked)
    found = instances.spotted(scores + on_itself, places, gallery, asked)
    assert found["AP"].tolist() == [1, 1] and found["objects"].tolist() == [2, 2]
    elsewhere = (places["image"] == 0).to_numpy() * metrics.iou(boxes, boxed(80, 0)) * 9
    apart = instances.spotted(scores + elsewhere, places, gallery, asked)
    assert apart["AP"][0] == 1 and apart["AP"][1] < 1


def test_windows_of_colours_find_a_motif_of_its_own_colours(tmp_path):
    rows, corners = [], [(0, 0), (60, 30), (30, 60), (90, 0)]
    for i, corner in enumerate(corners):
        picture = Image.new("RGB", (120, 90), (90, 120, 90 + i))
        picture.paste((250, 40, 30), (*corner, corner[0] + 30, corner[1] + 30))
        picture.save(tmp_path / f"{i}.png")
        facts = {"width": 120, "height": 90}
        rows.append({"image_id": f"{i}", "path": str(tmp_path / f"{i}.png"), "facts": facts})
    pictures = pd.DataFrame(rows, dtype=object)
    boxes = [[float(x), float(y), x + 30.0, y + 30.0] for x, y in corners]
    marks = {"good": ["1", "2", "3"], "boxes": {f"{i}": [boxes[i]] for i in (1, 2, 3)}}
    asked = table(query(pictures, 0, boxes[0], **marks))
    places = instances.places(pictures, shares=(1 / 3,))
    found = instances.spotted(instances.look(HSV, places, asked), places, pictures, asked)
    assert found["AP"].tolist() == [1] and found["reachable"].tolist() == [1]
    assert found["objects"].dtype.kind == "i"


def test_queries_without_boxes_and_missing_pictures_are_named(gallery, queries):
    places = instances.places(gallery, shares=(0.5,))
    scores = np.zeros((2, len(places)))
    with pytest.raises(ValueError, match="query motif_1 cannot be judged: it has no boxes"):
        instances.spotted(scores, places, gallery, queries.assign(boxes=[{}, {}]))
    with pytest.raises(ValueError, match="its picture set/1.png is not in the gallery"):
        instances.spotted(scores, places, gallery.assign(image_id=[f"other/{i}" for i in range(5)]), queries)
    with pytest.raises(ValueError, match="of 2 queries"):
        instances.spotted(scores[:, 1:], places, gallery, queries)
    with pytest.raises(ValueError, match="no picture"):
        instances.places(gallery[:0])


# the published queries


@pytest.mark.parametrize(("name", "levels"), [("oxford_buildings", metrics.LANDMARK_LEVELS), ("brueghel", ["medium"])])
def test_the_published_queries_are_judged(name, levels):
    queries, gallery = datasets.queries(name), datasets.load(name)
    chance = config.rng(0, name).random((len(queries), len(gallery)))
    for level in levels:
        found = instances.summary(instances.judged(chance, gallery, queries, level))
        assert 0 < found["AP"]["ci_low"] <= found["AP"]["mean"] <= found["AP"]["ci_high"] < 0.35


def test_windows_reach_the_published_details():
    queries, gallery = datasets.queries("brueghel")[::30].reset_index(drop=True), datasets.load("brueghel")
    places = instances.places(gallery)
    found = instances.spotted(fit_to(places, gallery, queries), places, gallery, queries)
    assert (found["AP"] <= found["reachable"] + 1e-9).all() and found["reachable"].mean() > 0.9
    chance = config.rng(0, "chance").random((len(queries), len(places)))
    assert instances.spotted(chance, places, gallery, queries)["AP"].mean() < 0.1 < 0.8 < found["AP"].mean()
