"""Oxford Buildings: landmarks that are themselves from every side, the ground truth as published, queries by picture."""

import importlib.util
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from utils import datasets, reef
from utils.datasets import readers
from utils.reef import landmarks, language, scenes, world
from utils.reef.landmark_scenes import landmark_scene
from utils.reef.layouts import oxford_buildings as layout

IMAGES = 102


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return reef.write(
        "oxford_buildings", tmp_path_factory.mktemp("reef") / "ob", seed=3, workers=1, progress=False, images=IMAGES
    )


@pytest.fixture
def copy(root, tmp_path):
    return Path(shutil.copytree(root, tmp_path / "copy"))


def lines(path):
    return path.read_text().splitlines()


# the landmarks


def test_every_landmark_has_a_name_a_feature_a_description_and_solids_that_carry_the_feature():
    for name in landmarks.NAMES:
        parts = {s.part for s in landmarks.landmark(name)}
        assert landmarks.FEATURES[name][0] in parts and name in landmarks.DESCRIPTIONS and name in landmarks.MATERIALS
    assert len(landmarks.NAMES) == 17 == len(set(landmarks.DESCRIPTIONS.values()))
    assert set(layout.QUERIED) < set(landmarks.NAMES)


def test_descriptions_fit_into_65_tokens_of_clip_and_do_not_tell_the_name():
    found = importlib.util.find_spec("clip")  # the module alone: importing the package takes seconds
    spec = importlib.util.spec_from_file_location("tokens", Path(found.origin).with_name("simple_tokenizer.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tokenizer = module.SimpleTokenizer()
    for name, words in landmarks.DESCRIPTIONS.items():
        assert len(tokenizer.encode(words)) <= 65
        assert name.replace("_", " ") not in words


def test_a_landmark_is_the_same_building_whatever_the_seed_and_another_landmark_is_not():
    def silhouette(name, seed):
        scene = landmark_scene(seed, name, (96, 96), "whole", "bright")
        thing = scene.things[0]
        thing.x, thing.y, thing.size, thing.yaw, thing.pitch, thing.roll = 0.5, 0.6, 0.35, 0.3, 0.1, 0.0
        scene.things = [thing]
        return scenes.photograph(scene)[1][0]["masks"]["whole"]

    def overlap(a, b):
        return (a & b).sum() / (a | b).sum()

    first = {name: silhouette(name, 1) for name in ("radcliffe_camera", "magdalen", "hertford", "ashmolean")}
    for name, mask in first.items():
        assert overlap(mask, silhouette(name, 2)) == 1.0
        assert all(overlap(mask, other) < 0.8 for key, other in first.items() if key != name)


@pytest.mark.parametrize(("view", "low", "high"), [("whole", 0.6, 1.0), ("part", 0.1, 0.97), ("hidden", 0.0, 0.75)])
def test_views_show_as_much_as_they_say(view, low, high):
    visible = []
    for seed in range(6):
        _, objects = scenes.photograph(landmark_scene(seed, "keble", (96, 96), view), masks=False)
        visible += [t["visible"] for t in objects if t["kind"] == "landmark"] or [0.0]
    assert low <= np.median(visible) <= high


def test_captions_tell_more_level_by_level_and_hold_for_their_image():
    for seed in range(12):
        _, truth = world.record(
            landmark_scene(seed, "radcliffe_camera", (96, 96), "whole", "bright"), "a", "a.jpg", masks=False
        )
        if not any(t["kind"] == "landmark" and t["seen"] for t in truth["objects"]):
            continue
        said = {c["level"]: c for c in truth["captions"]}
        assert all(language.satisfies(c["claims"], truth) for c in truth["captions"])
        assert "building" in said["coarse"]["caption"] and "Radcliffe" not in said["coarse"]["caption"]
        assert "golden stone building" in said["medium"]["caption"] and "Radcliffe" not in said["medium"]["caption"]
        assert "the Radcliffe Camera" in said["fine"]["caption"]


def test_a_feature_that_is_out_of_view_is_not_spoken_of():
    scene = landmark_scene(5, "radcliffe_camera", (96, 96), "whole", "bright")
    scene.things, scene.grey = scene.things[:1], False
    scene.things[0].size, scene.things[0].y = 0.7, -0.15
    _, truth = world.record(scene, "a", "a.jpg", ("medium",), masks=False)
    assert truth["objects"][0]["states"] == [] and truth["objects"][0]["seen"]
    assert "dome" not in truth["captions"][0]["caption"]
    scene.things[0].y = 0.6
    _, whole = world.record(scene, "a", "a.jpg", ("medium",), masks=False)
    assert "with a dome" in whole["captions"][0]["caption"]
    assert not language.satisfies(whole["captions"][0]["claims"], truth)


# the files


def test_files_are_as_published(root):
    names = [p.name for p in (root / "images").iterdir()]
    assert len(names) == IMAGES and all(re.fullmatch(r"[a-z_]+_\d{6}\.jpg", n) for n in names)
    truth = root / "gt_files_170407"
    assert {re.sub(r"_\d_\w+\.txt", "", p.name) for p in truth.iterdir()} == set(layout.QUERIED)
    assert len(list(truth.glob("*_query.txt"))) >= 0.8 * 5 * len(layout.QUERIED)
    for query in truth.glob("*_query.txt"):
        assert re.fullmatch(r"oxc1_[a-z_]+_\d{6}( \d+\.\d){4}", lines(query)[0])
        start = str(query).removesuffix("query.txt")
        good, ok, junk = (lines(Path(f"{start}{mark}.txt")) for mark in ("good", "ok", "junk"))
        assert lines(query)[0].split()[0].removeprefix("oxc1_") in good
        assert len({*good, *ok, *junk}) == len(good) + len(ok) + len(junk)


def test_the_lists_say_what_is_seen_and_not_what_the_file_is_called(root):
    frame = datasets.load("oxford_buildings", root)
    table = datasets.queries("oxford_buildings", root).drop_duplicates("label").set_index("label")
    for row in frame.to_dict("records"):
        shown = [t for t in row["facts"]["objects"] if t["kind"] == "landmark"]
        name = shown[0]["attributes"]["name"] if shown else None
        for label in layout.QUERIED:
            on = [mark for mark in ("good", "ok", "junk") if row["image_id"] in table.loc[label, mark]]
            assert bool(on) == (name == label)
            if on == ["good"]:
                assert shown[0]["visible"] >= layout.GOOD
            if on == ["ok"]:
                assert shown[0]["visible"] >= layout.OK


@pytest.mark.parametrize(
    ("visible", "area", "mark"),
    [(1.0, 900, "good"), (0.69, 900, "ok"), (1.0, 200, "ok"), (0.24, 900, "junk"), (1.0, 50, "junk")],
)
def test_grades(visible, area, mark):
    assert layout.grade({"visible": visible, "area": area}, {"width": 100, "height": 100}) == mark


def test_some_images_are_named_after_what_they_do_not_show():
    shots = layout.plan(3, 340)
    wrong = [
        s
        for s in shots
        if not any(
            t.kind == "landmark" and s.file.startswith(f"images/{t.attributes['name']}_") for t in s.scene.things
        )
    ]
    assert len(shots) == 340 and 5 <= len(wrong) <= 40


# the reader and the queries


def test_the_label_is_in_the_file_name_and_nothing_is_ignored(root):
    native = readers.oxford_buildings(root)
    assert native.ignored == 0 and {r["label"] for r in native.rows} == set(landmarks.NAMES)
    assert all(r["label"] == Path(r["file"]).stem.rsplit("_", 1)[0] for r in native.rows)
    frame = datasets.load("oxford_buildings", root)
    assert all(
        Path(path).name.startswith(f"{label}_") for path, label in zip(frame["path"], frame["label"], strict=True)
    )


def test_images_and_ground_truth_may_lie_flat(copy):
    for path in [*(copy / "images").iterdir(), *(copy / "gt_files_170407").iterdir()]:
        path.rename(copy / path.name)
    (copy / "images").rmdir(), (copy / "gt_files_170407").rmdir()
    (copy / "truth.jsonl").unlink(), (copy / "captions.csv").unlink()
    table = datasets.queries("oxford_buildings", copy)
    assert len(table) and table["image_id"].iloc[0].startswith("oxford_buildings/all_souls_")


def test_queries_point_at_the_landmark(root):
    table = datasets.queries("oxford_buildings", root)
    frame = datasets.load("oxford_buildings", root).set_index("image_id")
    assert table["query_id"].is_unique and set(table["label"]) == set(layout.QUERIED)
    for row in table.to_dict("records"):
        assert row["image_id"] in row["good"] and row["path"] == frame.loc[row["image_id"], "path"]
        assert all(i in frame.index for mark in ("good", "ok", "junk") for i in row[mark])
        true = next(t["box_xyxy"] for t in frame.loc[row["image_id"], "facts"]["objects"] if t["kind"] == "landmark")
        assert np.abs(np.subtract(true, row["box_xyxy"])).max() < 8


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("keble_1_query.txt", "oxc1_keble_000001 1 2 3", r"keble_1_query\.txt: line 1 must be"),
        ("keble_1_query.txt", "oxc1_keble_000001 9 2 3 nan", r"keble_1_query\.txt: line 1 must be"),
        ("keble_1_query.txt", "oxc1_nowhere_000001 1 2 3 4", r"keble_1_query\.txt: line 1: no image"),
        ("keble_1_ok.txt", "keble_000001 keble_000002", r"keble_1_ok\.txt: line 1 must be one image name"),
        ("keble_1_junk.txt", "\nnowhere_000009", r"keble_1_junk\.txt: line 2: no image"),
        ("keble_1_query.txt", "oxc1_kéble_000001 1 2 3 4", r"keble_1_query\.txt: not in UTF-8"),
        ("keble_1_good.txt", "kéble_000001", r"keble_1_good\.txt: not in UTF-8"),
    ],
)
def test_broken_ground_truth_is_named(copy, file, text, message):
    (copy / "gt_files_170407" / file).write_bytes(text.encode("latin-1"))
    with pytest.raises(datasets.LayoutError, match=message):
        datasets.queries("oxford_buildings", copy)


def test_two_images_of_one_name_are_not_told_apart_by_chance(copy):
    name = lines(copy / "gt_files_170407" / "keble_1_good.txt")[0]
    (copy / "more").mkdir()
    shutil.copy(copy / "images" / f"{name}.jpg", copy / "more" / f"{name}.jpg")
    with pytest.raises(datasets.LayoutError, match=rf"\.txt: line \d+: several images are called '{name}' \("):
        datasets.queries("oxford_buildings", copy)


def test_a_missing_list_and_a_missing_folder_are_named(copy):
    (copy / "gt_files_170407" / "keble_1_ok.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"keble_1_ok\.txt is missing"):
        datasets.load("oxford_buildings", copy)
    shutil.rmtree(copy / "gt_files_170407")
    with pytest.raises(FileNotFoundError, match="gt_files_170407 is missing.*gt_files_170407"):
        datasets.load("oxford_buildings", copy)


def test_a_name_without_a_number_is_refused(copy):
    shutil.copy(next((copy / "images").iterdir()), copy / "images" / "holiday.jpg")
    with pytest.raises(datasets.LayoutError, match=r"holiday\.jpg.*landmark"):
        datasets.load("oxford_buildings", copy)


def test_other_data_sets_have_no_queries():
    with pytest.raises(ValueError, match="no queries; known: oxford_buildings, brueghel"):
        datasets.queries("coco")
