"""Changed copies of photographs: what each change does, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from utils import copies, files


@pytest.fixture
def photograph():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 10, 3)).astype(np.uint8)
    return Image.fromarray(pixels).resize((100, 60), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(("change", "size"), [("smaller", (50, 30)), ("cropped", (60, 36)), ("turned", (100, 60))])
def test_a_copy_has_its_size(photograph, change, size):
    assert copies.CHANGES[change](photograph).size == size


def test_a_crop_is_the_middle(photograph):
    assert np.array_equal(copies.cropped(photograph), np.asarray(photograph)[12:48, 20:80])


def test_a_mirror_exchanges_left_and_right(photograph):
    assert np.array_equal(copies.mirrored(photograph), np.asarray(photograph)[:, ::-1])


def test_a_darker_copy_has_two_fifths_of_the_light(photograph):
    assert np.mean(copies.darker(photograph)) == pytest.approx(0.4 * np.mean(photograph), abs=1)


def test_a_grey_copy_has_no_colour(photograph):
    red, green, blue = np.moveaxis(np.asarray(copies.grey(photograph)), -1, 0)
    assert np.array_equal(red, green) and np.array_equal(green, blue)


@pytest.mark.parametrize("change", copies.CHANGES)
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1)])
def test_the_smallest_picture_is_changed_too(change, size):
    assert min(copies.CHANGES[change](Image.new("RGB", size)).size) >= 1


def test_every_photograph_has_a_copy_of_every_change(photograph, tmp_path):
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        photograph.save(path)
    made = copies.make(paths, tmp_path / "copies")
    assert list(made["change"]) == [name for name in copies.CHANGES for _ in paths]
    assert list(made["source"]) == [str(path) for path in paths] * len(copies.CHANGES)
    assert all(files.load_image(path).mode == "RGB" for path in made["path"])
    assert {str(path) for path in (tmp_path / "copies").iterdir()} == set(made["path"])


def test_a_picture_that_cannot_be_read_is_named_and_leaves_no_copy(tmp_path):
    (tmp_path / "torn.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"torn\.jpg"):
        copies.make([tmp_path / "torn.jpg"], tmp_path / "copies")
    assert not list((tmp_path / "copies").glob("*"))


@pytest.mark.parametrize(("paths", "changes"), [([], copies.CHANGES), (["a.jpg"], {})])
def test_nothing_to_change_is_refused(paths, changes, tmp_path):
    with pytest.raises(ValueError, match="at least"):
        copies.make(paths, tmp_path, changes)


def test_one_photograph_is_enough_and_the_same_call_replaces_its_copies(photograph, tmp_path):
    photograph.save(tmp_path / "a.png")
    for _ in range(2):
        made = copies.make(str(tmp_path / "a.png"), tmp_path / "copies")
    assert len(made) == len(list((tmp_path / "copies").iterdir())) == len(copies.CHANGES)
