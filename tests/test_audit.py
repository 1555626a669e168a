"""The leak audit finds what is planted, and nothing else."""

import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageEnhance

from utils import datasets
from utils.datasets.audit import difference_hash, near_pairs


def photo(path, seed, size=(160, 120)):
    """A smooth random scene: noise at 8 x 6 enlarged, so that it survives compression as a photo does."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    small.resize(size, Image.Resampling.BICUBIC).save(path, quality=92)
    return path


def manifest(paths, split, **columns):
    rows = [dict.fromkeys(datasets.COLUMNS) | {"path": str(path), "image_id": f"d/{path.name}"} for path in paths]
    frame = pd.DataFrame(rows, columns=list(datasets.COLUMNS), dtype=object)
    frame["dataset"], frame["facts"] = "d", [{} for _ in rows]
    return frame.assign(split=pd.Series(split, dtype=object), **columns)


@pytest.fixture
def album(tmp_path):
    return [photo(tmp_path / f"{i:02d}.jpg", i) for i in range(30)]


def test_different_photos_leak_nothing(album):
    found = datasets.audit(manifest(album, ["train", "val", "test"] * 10))
    assert found.clean
    assert set(found.counts.values()) == {0}


def test_a_planted_copy_is_found_by_its_bytes(album, tmp_path):
    copy = shutil.copy(album[3], tmp_path / "copy.jpg")
    found = datasets.audit(manifest([*album, tmp_path / "copy.jpg"], ["train"] * 30 + ["test"]))
    assert copy.name == "copy.jpg"
    assert found.counts == {"exact": 1, "near": 0, "identity": 0, "encounter": 0, "source": 0}
    assert list(found.tables["exact"].loc[0, ["image_a", "image_b"]]) == ["d/03.jpg", "d/copy.jpg"]
    assert "d/03.jpg = d/copy.jpg" in found.report()


CHANGES = {
    "compressed": lambda image, path: image.save(path, quality=40),
    "halved": lambda image, path: image.resize((80, 60)).save(path),
    "darkened": lambda image, path: ImageEnhance.Brightness(image).enhance(0.7).save(path),
    "greyed": lambda image, path: image.convert("L").save(path),
    "as png": lambda image, path: image.save(path, "PNG"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_near_copy_is_found(album, tmp_path, change):
    change(Image.open(album[7]), tmp_path / "near.jpg")
    found = datasets.audit(manifest([*album, tmp_path / "near.jpg"], ["train"] * 30 + ["val"]))
    assert (found.counts["exact"], found.counts["near"]) == (0, 1)
    assert list(found.tables["near"].loc[0, ["image_a", "image_b"]]) == ["d/07.jpg", "d/near.jpg"]


def test_a_copy_within_one_split_or_without_a_split_is_no_leak(album, tmp_path):
    for name in ("same.jpg", "none.jpg"):
        shutil.copy(album[0], tmp_path / name)
    paths = [*album, tmp_path / "same.jpg", tmp_path / "none.jpg"]
    assert datasets.audit(manifest(paths, ["train"] * 31 + [None])).clean


def test_two_plain_colours_are_no_copies(tmp_path):
    paths = []
    for name, colour in {"blue.png": (0, 60, 160), "green.png": (0, 140, 90)}.items():
        paths.append(tmp_path / name)
        Image.new("RGB", (64, 48), colour).save(paths[-1])
    assert datasets.audit(manifest(paths, ["train", "test"])).clean


def test_shared_individuals_encounters_and_sources_are_named(album):
    frame = manifest(album[:4], ["train", "test", "train", "val"], identity=["a", "a", "b", "c"])
    frame["encounter"] = ["a/1", "a/2", "b/1", "b/1"]
    frame["facts"] = [{"source": "x"}, {"source": "x"}, {}, {}]
    found = datasets.audit(frame)
    assert (found.counts["identity"], found.counts["encounter"], found.counts["source"]) == (1, 1, 1)
    assert found.tables["identity"].values.tolist() == [["d", "a", "test, train", 2]]
    assert found.tables["encounter"].values.tolist() == [["d", "b/1", "train, val", 2]]
    assert "a in test, train" in found.report()


def test_the_default_split_is_clean_where_the_random_one_leaks(album):
    who = [f"t{i // 5}" for i in range(30)]
    frame = manifest(album, [None] * 30, identity=who, encounter=[f"{name}/1" for name in who])
    assert datasets.audit(datasets.resplit(frame)).clean
    leaky = datasets.audit(datasets.resplit(frame, "random")).counts
    assert leaky["identity"] > 0 and leaky["encounter"] > 0


def test_a_category_that_a_split_lacks_is_reported(album):
    frame = manifest(album[:4], ["train", "train", "test", "test"], category=["dog", "cat", "dog", "dog"])
    found = datasets.audit(frame)
    assert found.missing.values.tolist() == [["d", "cat", "test"]]
    assert "d: test has no cat." in found.report()


def test_an_unreadable_image_is_named_and_the_rest_compared(album, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8 cut")
    shutil.copy(album[0], tmp_path / "copy.jpg")
    paths = [tmp_path / "bad.jpg", *album, tmp_path / "copy.jpg"]
    found = datasets.audit(manifest(paths, ["train"] * 31 + ["test"]))
    assert [image_id for image_id, _ in found.skipped] == ["d/bad.jpg"]
    assert found.counts["exact"] == 1
    assert "1 images could not be read: d/bad.jpg" in found.report()


def test_an_empty_frame_is_clean():
    assert datasets.audit(manifest([], [])).clean


@pytest.mark.parametrize("seed", range(20))
def test_near_pairs_equal_the_naive_count(seed):
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 256, (40, 8), dtype=np.uint8)
    hashes[rng.integers(0, 40, 10)] = hashes[0] ^ np.uint8(1)
    naive = [
        (i, j, bits)
        for i in range(40)
        for j in range(i + 1, 40)
        if (bits := sum(bin(int(a) ^ int(b)).count("1") for a, b in zip(hashes[i], hashes[j], strict=True))) <= 24
    ]
    assert sorted(near_pairs(hashes, 24, chunk=7)) == naive


def test_the_difference_hash_reads_falling_brightness_from_left_to_right():
    falling = np.broadcast_to(np.arange(32)[::-1], (1, 32, 32))
    assert difference_hash(falling).tolist() == [[255] * 8]
    assert difference_hash(falling[:, :, ::-1]).tolist() == [[0] * 8]
    assert difference_hash(np.zeros((3, 32, 32))).shape == (3, 8)


def test_two_lamps_in_dark_water_are_not_two_copies(tmp_path):
    y, x = np.mgrid[-1:1:96j, -1:1:128j]
    lamp = 150 * np.exp(-(x**2 + y**2) / 0.5)
    for name, (cx, cy) in {"left.png": (-0.4, -0.2), "right.png": (0.3, 0.3)}.items():
        thing = 60 * ((np.abs(x - cx) < 0.2) & (np.abs(y - cy) < 0.12))
        Image.fromarray((lamp + thing).astype(np.uint8)).convert("RGB").save(tmp_path / name)
    found = datasets.audit(manifest(sorted(tmp_path.glob("*.png")), ["train", "test"]), bits=64)
    assert found.clean
