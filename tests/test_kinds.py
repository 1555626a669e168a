"""The kinds of field, road and living room: their size and stand, their colours, and where they are met."""

import numpy as np
import pytest

from utils.reef import casting, language, solids
from utils.reef.kinds import KINDS
from utils.reef.layouts.coco import COCO_CATEGORIES
from utils.reef.overland import PLACES
from utils.reef.scenes import photograph

NEW = ("horse", "cow", "sheep", "deer", "frog", "airplane", "truck", "train", "motorbike", "sofa", "table", "plant", "television")  # fmt: skip
PUBLISHED = {"airplane": (5, "airplane"), "train": (7, "train"), "truck": (8, "truck"), "motorbike": (4, "motorcycle"), "horse": (19, "horse"), "sheep": (20, "sheep"), "cow": (21, "cow"), "sofa": (63, "couch"), "plant": (64, "potted plant"), "table": (67, "dining table"), "television": (72, "tv")}  # fmt: skip
LIGHT = np.array([0.3, 0.8, 0.5]) / np.linalg.norm([0.3, 0.8, 0.5])


def drawn(kind, seed, colour=None, scale=40.0):
    """A thing from the side: its layer with the origin of its own axes at pixel (0, 0)."""
    spec = KINDS[kind]
    colour = colour or (spec.colours[0] if spec.colours else "")
    return solids.render(spec.build(colour, np.random.default_rng(seed)), np.eye(3), scale, (0.0, 0.0), LIGHT)


def mean_colour(layer):
    return layer.rgb[layer.alpha > 0.5].mean(0)


@pytest.mark.parametrize("kind", NEW)
def test_a_thing_is_about_two_units_across_and_stands_on_its_foot(kind):
    lows = []
    for seed in range(8):
        layer = drawn(kind, seed)
        rows, cols = np.nonzero(layer.alpha > 0.5)
        assert 1.2 < max(np.ptp(rows), np.ptp(cols)) / 40 < 2.7
        lows.append((rows.max() + layer.origin[1]) / 40)
    if KINDS[kind].habit != "air":
        assert abs(np.median(lows) - KINDS[kind].foot) < 0.08


@pytest.mark.parametrize("kind", NEW)
def test_one_seed_is_one_thing_and_seeds_differ(kind):
    one, again, other = drawn(kind, 3), drawn(kind, 3), drawn(kind, 4)
    assert np.array_equal(one.rgb, again.rgb)
    assert one.rgb.shape != other.rgb.shape or not np.array_equal(one.rgb, other.rgb)


@pytest.mark.parametrize("kind", [k for k in NEW if KINDS[k].colours])
def test_the_named_colour_is_seen(kind):
    means = {c: np.mean([mean_colour(drawn(kind, s, c, 12.0)) for s in range(5)], axis=0) for c in KINDS[kind].colours}
    brightness = {c: m.mean() for c, m in means.items()}
    for colour, (r, g, b) in means.items():
        others = np.mean([m for c, m in means.items() if c != colour], axis=0)
        channel = {"red": 0, "green": 1, "blue": 2}.get(colour)
        if channel is not None:
            own, rest = (r, g, b)[channel] - (r + g + b) / 3, others[channel] - others.mean()
            assert own > rest, colour
        if colour == "white":
            assert brightness["white"] > 0.9 * max(brightness.values())
        if colour == "black":
            assert brightness["black"] < 1.1 * min(brightness.values())


def test_every_thing_of_a_place_has_words_and_every_place_things():
    assert set(casting._PLACE_KINDS) == set(PLACES)
    met = {kind for kinds in (*casting._PLACE_KINDS.values(), *casting._WILD.values()) for kind in kinds}
    assert met <= set(KINDS) & set(language.NAMES) and set(NEW) <= met


def test_coco_knows_the_new_kinds_by_their_published_ids():
    assert {k: COCO_CATEGORIES[k][:2] for k in PUBLISHED} == PUBLISHED
    ids = [category[0] for category in COCO_CATEGORIES.values()]
    assert len(set(ids)) == len(ids) and not {"deer", "frog"} & set(COCO_CATEGORIES)


def test_what_coco_has_no_category_for_is_met_only_where_it_may_be():
    tame = {t.kind for seed in range(400) for t in casting.land_scene(seed, wild=False).things}
    wild = {t.kind for seed in range(400) for t in casting.land_scene(seed).things}
    assert not {"deer", "frog"} & tame and {"deer", "frog"} <= wild


@pytest.mark.parametrize("kind", NEW)
def test_a_subject_is_shown_for_certain(kind):
    for seed in range(20):
        assert casting.land_scene(seed, "hills", subject=kind).things[0].kind == kind


def test_airplanes_fly_and_boats_lie_on_the_water():
    for seed in range(60):
        plane = casting.land_scene(seed, "bay", subject="airplane").things[0]
        assert plane.y < 0.5 and plane.size < 1.0
    boats = [casting.land_scene(seed, "bay", subject="boat").things[0].y for seed in range(60)]
    assert np.mean(np.array(boats) > 0.5) > 0.7


def test_a_sofa_shows_its_front():
    turns = [casting.land_scene(seed, "room", subject="sofa").things[0].yaw for seed in range(40)]
    assert np.mean(np.abs(turns) < np.pi / 2) > 0.95


def test_a_bay_is_water_below_and_sky_above():
    scene = casting.land_scene(5, "bay", (96, 96))
    scene.things, scene.grey, scene.light = [], False, "bright"
    image = photograph(scene, masks=False)[0].astype(float)
    assert (image[80:, :, 2] > image[80:, :, 0] + 15).mean() > 0.95
    assert image[:20].mean() > image[80:].mean()
