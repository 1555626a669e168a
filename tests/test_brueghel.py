"""Brueghel: one workshop, several hands and media; details that return, annotated as ArtMiner published them."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from utils import datasets, reef
from utils.reef import brushwork, language, motifs, paintings, scenes, vistas, world

IMAGES = 40


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return reef.write(
        "brueghel", tmp_path_factory.mktemp("reef") / "br", seed=3, workers=1, progress=False, images=IMAGES
    )


@pytest.fixture
def copy(root, tmp_path):
    return Path(shutil.copytree(root, tmp_path / "copy"))


def picture(medium="oil", hand="warm", seed=4):
    scene = paintings.composition(seed, 2, (120, 90), "village")
    return paintings.version(scene, 1, medium, hand)


def colourfulness(image):
    return float((image.max(2).astype(float) - image.min(2)).mean())


# motifs and hands


@pytest.mark.parametrize("name", motifs.NAMES)
def test_a_mirrored_motif_is_its_image_in_a_looking_glass(name):
    def mask(mirrored, yaw):
        attributes = {"name": name, "colour": motifs.COLOURS[name][0], "pattern": True, "mirrored": mirrored}
        scene = replace(
            picture(),
            setting="land",
            place="square",
            things=[scenes.Thing("motif", 0.5, 0.5, 0.3, 7, attributes, yaw=yaw)],
        )
        return scenes.photograph(scene)[1][0]["masks"]["whole"]

    plain, other = mask(False, 0.4), mask(True, -0.4)
    assert (plain ^ other[:, ::-1]).mean() < 0.01
    assert name in ("peasant", "church") or (plain ^ other).mean() > 0.005


def test_a_pattern_is_the_same_model_in_every_composition():
    found = {}
    for seed in range(12):
        for thing in paintings.composition(seed, 3).things:
            if thing.attributes["pattern"]:
                found.setdefault(thing.attributes["name"], set()).add((thing.seed, thing.yaw, thing.pitch))
    assert len(found) >= 8 and all(len(models) == 1 for models in found.values())
    assert len(motifs.PATTERNS) == 10


def test_media_and_hands_look_different():
    drawn = {m: world.record(picture(m), "a", "a.jpg", masks=False)[0] for m in brushwork.MEDIA}
    assert all(i.shape == (90, 120, 3) and i.dtype == np.uint8 for i in drawn.values())
    names = list(drawn)
    assert all(np.abs(drawn[a].astype(int) - drawn[b]).mean() > 5 for i, a in enumerate(names) for b in names[:i])
    by_hand = {
        h: colourfulness(world.record(picture("watercolour", h), "a", "a.jpg", masks=False)[0]) for h in brushwork.HANDS
    }
    assert (
        by_hand["silver"] < min(v for h, v in by_hand.items() if h != "silver")
        and by_hand["bright"] > by_hand["silver"] * 1.3
    )
    assert drawn["ink"].mean() > drawn["oil"].mean()  # bare paper


def test_the_same_painting_twice_is_the_same_bytes_and_masks_change_no_pixel():
    first, truth = world.record(picture("etching"), "a", "a.jpg")
    second, plain = world.record(picture("etching"), "a", "a.jpg", masks=False)
    assert (first == second).all() and [t["box_xyxy"] for t in truth["objects"]] == [
        t["box_xyxy"] for t in plain["objects"]
    ]
    assert "masks" in truth["objects"][0] and "masks" not in plain["objects"][0]


@pytest.mark.parametrize("place", vistas.PLACES)
def test_captions_of_paintings_hold_and_say_medium_and_hand(place):
    scene = paintings.version(paintings.composition(9, 2, (120, 90), place), 2, "ink", "sombre")
    _, truth = world.record(scene, "a", "a.jpg", masks=False)
    said = {c["level"]: c for c in truth["captions"]}
    assert all(language.satisfies(c["claims"], truth) for c in truth["captions"])
    assert said["coarse"]["caption"].startswith("a drawing of") and said["medium"]["caption"].startswith(
        "an ink drawing of"
    )
    assert said["fine"]["caption"].endswith("in reddish ink") and said["fine"]["claims"]["hand"] == "sombre"
    other = {**truth, "facts": {**truth["facts"], "medium": "oil", "work": "painting"}}
    assert not any(language.satisfies(c["claims"], other) for c in truth["captions"])


def test_a_version_keeps_the_patterns_and_may_move_mirror_and_recolour_them():
    scene = paintings.composition(4, 3)
    kept, changed = {t.attributes["name"] for t in scene.things if t.attributes["pattern"]}, 0
    for seed in range(8):
        copy = paintings.version(scene, seed, "oil", "bright")
        assert {t.attributes["name"] for t in copy.things if t.attributes["pattern"]} == kept
        changed += any(t.attributes["mirrored"] for t in copy.things)
    assert changed and not any(t.attributes["mirrored"] for t in scene.things)


# the files, the reader and the queries


def test_files_are_as_published(root):
    test, val = (json.loads((root / f"brueghel{part}.json").read_text()) for part in ("Test", "Val"))
    names = {p.name for p in (root / "Brueghel").iterdir()}
    assert len(names) == IMAGES and set(test) == set(val) <= set(motifs.PATTERNS)
    for motif, entries in test.items():
        assert len(entries) >= 2 and len(val[motif]) == 2
        for entry in entries:
            assert len(entry["gt"]) == len(entries) - 1 and entry["query"] not in entry["gt"]
            for name, (x0, y0, x1, y1) in [entry["query"], *entry["gt"]]:
                assert name in names and 0 <= x0 < x1 and 0 <= y0 < y1


def test_details_are_the_patterns_that_are_seen(root):
    frame = datasets.load("brueghel", root)
    assert frame.attrs["ignored"] == 0 and len(frame) == IMAGES
    for row in frame.to_dict("records"):
        seen = {
            t["attributes"]["name"]
            for t in row["facts"]["objects"]
            if t["attributes"]["pattern"] and t["visible"] >= 0.5
        }
        assert {box["label"] for box in row["boxes"]} <= seen


def test_versions_of_one_composition_are_never_divided(root):
    frame = datasets.load("brueghel", root)
    source = frame["facts"].map(lambda facts: facts["source"])
    assert source.nunique() < len(frame) and (frame.groupby(source)["split"].nunique() == 1).all()


def test_queries_find_the_other_pictures_of_a_motif(root):
    table = datasets.queries("brueghel", root)
    assert list(table.columns) == ["query_id", "label", "image_id", "path", "box_xyxy", "good", "ok", "junk", "boxes"]
    assert table["query_id"].is_unique and len(table) == sum(
        map(len, json.loads((root / "brueghelTest.json").read_text()).values())
    )
    for row in table.to_dict("records"):
        assert row["junk"] == [row["image_id"]] and row["ok"] == [] and row["image_id"] not in row["good"]
        assert set(row["good"]) == set(row["boxes"]) - {row["image_id"]} and Path(row["path"]).is_file()


def test_the_validation_queries_serve_where_the_others_are_missing(copy):
    (copy / "brueghelTest.json").unlink()
    table = datasets.queries("brueghel", copy)
    assert (table.groupby("label").size() == 2).all()
    (copy / "brueghelVal.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"brueghelTest\.json is missing.*ArtMiner"):
        datasets.load("brueghel", copy)


def test_a_file_name_is_taken_before_a_stem_and_two_of_one_name_are_refused(copy):
    entries = json.loads((copy / "brueghelTest.json").read_text())
    name = next(iter(entries.values()))[0]["query"][0]
    before = datasets.queries("brueghel", copy)
    shutil.copy(copy / "Brueghel" / name, copy / f"{name}.png")  # whose stem is that name
    assert before.equals(datasets.queries("brueghel", copy))
    shutil.copy(copy / "Brueghel" / name, copy / name)
    with pytest.raises(
        datasets.LayoutError, match=r"brueghelTest\.json: \w+: several images are called .*rename or remove"
    ):
        datasets.queries("brueghel", copy)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"cow": {}}, "'cow' must be a list"),
        ({"cow": [{"gt": []}]}, r"cow\[0\] has no key 'query'"),
        ({"cow": [{"query": ["a.jpg", [0, 0, 9]], "gt": []}]}, r"cow\[0\]\.query must be"),
        ({"cow": [{"query": ["a.jpg", [0, 0, 9, 9]], "gt": [["b.jpg", [5, 0, 5, 9]]]}]}, r"cow\[0\]\.gt\[0\] must be"),
        ({"cow": [{"query": ["a.jpg", [0, 0, 9, 9]], "gt": []}]}, r"cow_1: no image is called 'a\.jpg'"),
        ({"cow": [{"query": ["a.jpg", [0, 0, 10**400, 9]], "gt": []}]}, r"cow\[0\]\.query must be"),
        ([], "expected an object, found list"),
    ],
)
def test_broken_annotations_are_named(copy, value, message):
    (copy / "brueghelTest.json").write_text(json.dumps(value))
    (copy / "brueghelVal.json").unlink()
    with pytest.raises(datasets.LayoutError, match=r"brueghelTest\.json: " + message):
        datasets.queries("brueghel", copy)
