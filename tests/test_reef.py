"""ReefWorld: solids against ray marching, photographs and their truth, and the same world from the same seed."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from utils import reef
from utils.reef import casting, mixture, solids, world
from utils.reef.kinds import ANIMALS, DEBRIS
from utils.reef.scenes import Scene, Thing, photograph
from utils.reef.turtle import SPECIES, STATES, _carapace, _face, markings, turtle
from utils.reef.visibility import SEEN

LIGHT = np.array([0.3, 0.9, 0.3])


def sea(*things, size=120, seed=3, **more):
    return Scene(seed, size, size, "sea", "sand", "bright", turbidity=0.05, depth=4.0, things=list(things), **more)


def room(*things, size=120, seed=3):
    return Scene(seed, size, size, "land", "room", "bright", things=list(things))


def ball(x=0.5, y=0.5, size=0.4, distance=0.3, colour="red"):
    """The beach ball, a sphere: its radius is 0.9 of its size."""
    return Thing("ball", x, y, size, 1, {"colour": colour}, distance=distance)


def a_turtle(states=(), pitch=0.7, size=0.26, x=0.5, individual=7, seed=5, **more):
    attributes = {"species": "green", "stage": "adult", "individual": individual, "action": "swimming"}
    return Thing("turtle", x, 0.5, size, seed, attributes, tuple(states), 0.1, pitch, 0.0, **more)


def truth_of(kind, objects):
    return next(o for o in objects if o["kind"] == kind)


def seen_states(*things, size=240):
    objects = photograph(sea(*things, size=size), masks=False)[1]
    return truth_of("turtle", objects)["states"]


# solids


def marched(solid, size=28, steps=500):
    """Which pixels a solid covers, by walking along every ray and asking at each step whether it is inside."""
    x = np.arange(size) + 0.5 - size / 2
    grid = np.stack(np.meshgrid(x, -x, np.linspace(-size, size, steps), indexing="xy"), axis=-1) / 8.0
    p = (grid - np.asarray(solid.centre)) @ np.linalg.inv(solid.axes).T
    if solid.shape == "ball":
        inside = (p**2).sum(-1) <= 1
    elif solid.shape == "box":
        inside = (np.abs(p) <= 1).all(-1)
    else:
        radius = (1 + solid.taper) / 2 + (solid.taper - 1) / 2 * p[..., 1]
        inside = (np.abs(p[..., 1]) <= 1) & (p[..., 0] ** 2 + p[..., 2] ** 2 <= radius**2)
    return inside.any(2)


@pytest.mark.parametrize("case", range(12))
def test_rays_meet_a_solid_where_marching_finds_it(case):
    rng = np.random.default_rng(case)
    turn = solids.rotation(*rng.uniform(-3, 3, 3))
    centre, halves = rng.uniform(-0.3, 0.3, 3), rng.uniform(0.3, 0.9, 3)
    solid = [
        solids.ball(centre, halves, (1, 1, 1), turn),
        solids.box(centre, halves, (1, 1, 1), turn),
        solids.rod(-turn[0] * 0.8, turn[1] * 0.7, 0.5, (1, 1, 1), taper=float(rng.choice([0.1, 1.0, 1.3]))),
    ][case % 3]
    layer = solids.render([solid], np.eye(3), 8.0, (14.0, 14.0), LIGHT)
    found = np.zeros((28, 28), bool)
    rows, cols = np.nonzero(layer.alpha)
    found[rows + layer.origin[1], cols + layer.origin[0]] = True
    expected = marched(solid)
    assert expected.sum() > 30
    assert (found != expected).sum() <= 4  # steps are finite, so the outline may differ by a pixel or two


def test_the_nearer_solid_hides_the_farther_whatever_their_order():
    near, far = (solids.ball((0, 0, z), (1, 1, 1), (1, 1, 1), part=part) for z, part in ((2, "near"), (-2, "far")))
    for pair in ([near, far], [far, near]):
        layer = solids.render(pair, np.eye(3), 10.0, (0.0, 0.0), LIGHT)
        assert set(np.unique(layer.parts)) == {-1, layer.part_names.index("near")}


def test_of_two_flush_surfaces_the_first_is_seen():
    pair = [solids.box((0.2 * i, 0, 0), (1, 1, 1), (1, 1, 1), part=part) for i, part in enumerate(("first", "second"))]
    layer = solids.render(pair, solids.rotation(0.3, 0.2), 20.0, (0.0, 0.0), LIGHT)
    first = solids.render(pair[:1], solids.rotation(0.3, 0.2), 20.0, (0.0, 0.0), LIGHT)
    assert (layer.parts == layer.part_names.index("first")).sum() >= (first.alpha > 0).sum()


def test_a_layer_in_blocks_holds_the_same_pixels_at_multiples_of_the_block():
    bare, blocked = (
        solids.render([solids.ball((0.3, 0.2, 0), (1, 1, 1), (1, 0, 0))], np.eye(3), 9.7, (-31.4, 7.7), LIGHT, block=k)
        for k in (1, 3)
    )
    assert not any(n % 3 for n in (*blocked.origin, *blocked.alpha.shape))
    x, y = np.array(bare.origin) - blocked.origin
    height, width = bare.alpha.shape
    assert np.array_equal(blocked.alpha[y : y + height, x : x + width], bare.alpha)
    assert blocked.alpha.sum() == bare.alpha.sum()


def test_a_solid_keeps_its_area_beyond_the_left_and_upper_edge():
    def area(at):
        return solids.render([solids.ball((0, 0, 0), (1, 1, 1), (1, 1, 1))], np.eye(3), 10.5, at, LIGHT).alpha.sum()

    assert area((-40.3, -30.3)) == area((40.7, 30.7))


def test_rotations_keep_lengths_and_hands():
    for angles in np.random.default_rng(0).uniform(-4, 4, (50, 3)):
        turn = solids.rotation(*angles)
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(turn) == pytest.approx(1)


# photographs and their truth


def test_a_seed_fixes_every_pixel_and_every_word():
    first, again, other = (world.record(mixture.any_scene(seed, (96, 96)), "i", "f") for seed in (11, 11, 12))
    assert np.array_equal(first[0], again[0])
    for truth in (first[1], again[1]):
        for thing in truth["objects"]:
            thing.pop("masks")
    assert json.dumps(first[1]) == json.dumps(again[1])
    assert not np.array_equal(first[0], other[0])


def test_tracing_masks_changes_no_pixel():
    scene = mixture.any_scene(21, (96, 96))
    assert np.array_equal(photograph(scene, masks=True)[0], photograph(scene, masks=False)[0])


@pytest.mark.parametrize("kind", reef.KINDS)
def test_every_kind_is_drawn_and_seen(kind):
    colours = reef.KINDS[kind].colours
    thing = Thing(kind, 0.5, 0.5, 0.3, 4, {"colour": colours[0]} if colours else {}, pitch=0.6)
    scene = sea(thing) if reef.KINDS[kind].group != "land" else room(thing)
    image, [truth] = photograph(scene)
    without, _ = photograph(replace(scene, things=[]))
    assert image.shape == (120, 120, 3) and image.dtype == np.uint8
    assert truth["kind"] == kind and truth["seen"] and truth["visible"] > 0.9
    changed = np.abs(image.astype(float) - without).mean(2)
    mask = truth["masks"]["whole"]
    assert changed[mask].mean() > 6 and changed[mask].mean() > 2 * changed[~mask].mean()


def test_mask_box_area_and_outline_agree():
    checked = 0
    for seed in (2, 5, 8, 13, 17, 30):
        scene = casting.sea_scene(seed, subject="turtle", shape=(160, 120))
        _, objects = photograph(scene)
        for thing in objects:
            mask, checked = thing["masks"]["whole"], checked + 1
            points = [(x, y) for y in range(120) for x in range(160) if mask[y, x]]
            xs, ys = [p[0] for p in points], [p[1] for p in points]
            assert thing["box_xyxy"] == [min(xs), min(ys), max(xs) + 1, max(ys) + 1]
            assert thing["area"] == len(points)
            filled = np.zeros(mask.shape, np.uint8)
            for outline in thing["segmentation"]:
                cv2.fillPoly(filled, [np.array(outline, np.int32).reshape(-1, 2)], 1)
            if thing["area"] > 100:
                reach = cv2.dilate(filled, np.ones((5, 5), np.uint8)) > 0
                assert mask[reach].sum() >= 0.97 * mask.sum()
            for name, box in thing["parts"].items():
                part = thing["masks"][name]
                assert part.sum() >= 6 and not (part & ~mask).any()
                rows, cols = np.nonzero(part)
                assert box == [cols.min(), rows.min(), cols.max() + 1, rows.max() + 1]
        together = sum((o["masks"]["whole"].astype(int) for o in objects), np.zeros((120, 160), int))
        assert together.max() <= 1
    assert checked >= 6


@pytest.mark.parametrize("order", [1, -1])
def test_the_visible_share_is_what_the_nearer_thing_leaves(order):
    behind, before = (
        ball(size=0.4, distance=0.9),
        Thing("cup", 0.5, 0.5, 0.2, 1, {"colour": "blue"}, distance=0.1),
    )
    alone = photograph(room(behind))[1][0]
    _, objects = photograph(room(*[behind, before][::order]))
    cup, hidden = truth_of("cup", objects), truth_of("ball", objects)
    assert cup["visible"] == 1.0
    assert hidden["area"] == alone["area"] - cup["area"]
    assert hidden["visible"] == pytest.approx(1 - cup["area"] / alone["area"], abs=1e-3)
    assert alone["area"] == pytest.approx(np.pi * (0.36 * 120) ** 2, rel=0.02)


def test_the_edge_of_the_picture_hides_too():
    [half] = photograph(room(ball(x=0.0, size=0.3)), masks=False)[1]
    assert half["visible"] == pytest.approx(0.5, abs=0.02) and half["box_xyxy"][0] == 0


def test_what_is_wholly_hidden_or_outside_is_not_in_the_truth():
    hidden, before = Thing("cup", 0.5, 0.5, 0.05, 1, {"colour": "red"}, distance=0.9), ball(distance=0.1)
    _, objects = photograph(room(hidden, before, ball(x=3.0)), masks=False)
    assert [o["kind"] for o in objects] == ["ball"] and objects[0]["visible"] == 1.0


def test_a_thing_that_is_mostly_hidden_is_not_seen():
    almost = Thing("cup", 0.5, 0.5, 0.42, 1, {"colour": "white"}, distance=0.9)
    _, objects = photograph(room(almost, ball(size=0.36, distance=0.1)), masks=False)
    cup = truth_of("cup", objects)
    assert 0 < cup["visible"] < SEEN and not cup["seen"] and truth_of("ball", objects)["seen"]


# turtles


@pytest.mark.parametrize("state", STATES)
def test_a_state_in_view_is_reported_and_no_other(state):
    assert seen_states(a_turtle([state], pitch=1.4)) == [state]


def test_a_turtle_without_troubles_has_no_states():
    assert seen_states(a_turtle()) == []


@pytest.mark.parametrize(("state", "size"), [("algae", 0.07), ("barnacles", 0.26)])
def test_what_grows_on_the_shell_is_not_reported_from_below(state, size):
    assert seen_states(a_turtle([state], pitch=0.7, size=size)) == [state]
    assert seen_states(a_turtle([state], pitch=-1.5, size=size)) == []


@pytest.mark.parametrize("state", ["net", "rope"])
def test_a_state_behind_another_thing_is_not_reported(state):
    cover = Thing("bag", 0.5, 0.5, 0.45, 2, {"colour": "blue"}, distance=0.0)
    assert seen_states(a_turtle([state], size=0.16, distance=0.9)) == [state]
    assert [o["kind"] for o in photograph(sea(a_turtle([state], size=0.16, distance=0.9), cover), False)[1]] == ["bag"]


def test_a_lost_flipper_on_the_far_side_is_not_reported():
    near, far = ([seen_states(a_turtle(["missing flipper"], pitch=p, seed=s)) for s in range(8)] for p in (1.4, 0.2))
    assert near == [["missing flipper"]] * 8
    assert [] in far and ["missing flipper"] in far


@pytest.mark.parametrize("state", ["hook", "plastic"])
def test_what_hangs_from_the_mouth_is_not_reported_when_the_head_is_outside(state):
    assert seen_states(a_turtle([state], x=1.0)) == []


def test_a_far_turtle_shows_no_details():
    assert seen_states(a_turtle(["hook", "barnacles", "missing flipper"], size=0.02)) == []


def test_an_individual_keeps_its_shell_and_face_and_no_other_has_them():
    points = np.random.default_rng(0).uniform([0.85, 0, -0.3], [1.65, 0, 0.3], (400, 3)).astype(np.float32)
    for pattern, place in ((_carapace, points - [0.9, 0, 0]), (_face, points)):
        pattern.cache_clear()
        markings.cache_clear()
        first = pattern(7, "green", False)(place)[0]
        pattern.cache_clear()
        markings.cache_clear()
        assert np.array_equal(first, pattern(7, "green", False)(place)[0])
        assert np.abs(first - pattern(8, "green", False)(place)[0]).mean() > 0.02


def test_two_photographs_of_an_individual_differ_in_pose_but_not_in_build():
    attributes = a_turtle().attributes
    one, two = (turtle(attributes, (), np.random.default_rng(seed)) for seed in (1, 2))
    assert np.array_equal(one[0].axes, two[0].axes) and one[0].colour is two[0].colour
    assert not all(np.array_equal(a.axes, b.axes) for a, b in zip(one, two, strict=True))


def test_the_individuals_of_a_data_set_are_all_different_turtles():
    turtles = [casting.individual(0, number) for number in range(200)]
    assert turtles == [casting.individual(0, number) for number in range(200)]
    assert len({t["individual"] for t in turtles}) == 200
    assert {t["species"] for t in turtles} == set(SPECIES)


# the world's doors


def test_scenes_of_every_sort_come_in_the_stated_shares():
    scenes = [mixture.any_scene(seed, (96, 96)) for seed in range(1200)]
    settings = [scene.setting for scene in scenes]
    for setting, sort in (("painting", "painting"), ("artphoto", "emotion")):
        assert np.mean([s == setting for s in settings]) == pytest.approx(mixture.SHARES[sort], abs=0.02)
    empty = [s.setting == "sea" and not s.things for s in scenes]
    assert np.mean(empty) == pytest.approx(mixture.SHARES["water"], abs=0.02)
    kinds = {thing.kind for scene in scenes for thing in scene.things}
    assert kinds == {"turtle", "specimen", "landmark", "motif", *ANIMALS, *DEBRIS, *mixture.HOMES}


def test_every_sort_of_scene_is_photographed_and_an_unknown_one_lists_the_known():
    for sort in mixture.SHARES:
        image, truth = world.record(mixture.scene_of(sort, 3, (96, 96)), "", "", masks=False)
        assert image.shape == (96, 96, 3) and image.std() > 2 and len(truth["captions"]) == 3
        assert all(reef.satisfies(caption["claims"], truth) for caption in truth["captions"])
    with pytest.raises(ValueError, match="no scenes of sort 'dream'; known: turtle"):
        mixture.scene_of("dream", 3)


def test_facts_say_what_the_scene_was_and_land_has_no_water():
    facts = world.record(casting.sea_scene(4, "Blue Cove", "crab", (96, 96), date="2023-05-01"), "", "")[1]["facts"]
    assert (facts["scene"], facts["site"], facts["date"]) == ("sea", "Blue Cove", "2023-05-01")
    assert (facts["width"], facts["height"]) == (96, 96) and 0.02 <= facts["turbidity"] <= 0.35
    land = world.record(casting.land_scene(4, shape=(96, 96)), "", "")[1]["facts"]
    assert land["scene"] == "land" and land["turbidity"] is land["depth"] is land["clarity"] is None


def test_black_and_white_film_has_no_colour():
    image, _ = photograph(sea(a_turtle(), grey=True), masks=False)
    assert (image[..., 0] == image[..., 1]).all() and (image[..., 1] == image[..., 2]).all() and image.std() > 5


def test_a_far_turtle_fades_in_murky_water_and_night_is_dark():
    def shot(seed, things=True, **change):
        scene = replace(sea(a_turtle(distance=0.8), seed=seed), **change)
        return photograph(scene if things else replace(scene, things=[]), False)[0].astype(float)

    def contrast(**change):
        return np.mean([np.abs(shot(s, **change) - shot(s, False, **change)).mean() for s in range(4)])

    assert contrast(turbidity=0.9) < 0.7 * contrast()
    assert shot(1, light="dark").mean() < shot(1, light="dim").mean() < shot(1).mean()


def test_training_scenes_lie_in_files_that_are_left_as_they_are(tmp_path):
    folder = reef.training_set(tmp_path / "scenes", 3, seed=50, workers=1)
    images = np.load(folder / "images.npy")
    lines = [json.loads(line) for line in (folder / "truth.jsonl").read_text().splitlines()]
    for i in range(3):
        image, truth = world._lesson(50 + i)
        assert np.array_equal(images[i], image) and lines[i] == json.loads(json.dumps(truth))
    before = {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.iterdir()}
    assert set(before) == {"images.npy", "truth.jsonl"}
    reef.training_set(tmp_path / "scenes", 3, seed=50, workers=1)
    assert before == {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.iterdir()}


def test_an_evaluation_set_gives_truths_and_images_of_its_seeds():
    truths, images = reef.evaluation_set(2, 900, workers=1)
    assert images.shape == (2, 192, 192, 3) and [t["image_id"] for t in truths] == ["900", "901"]
    assert [[c["level"] for c in t["captions"]] for t in truths] == [["coarse", "medium", "fine"]] * 2
