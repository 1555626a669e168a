"""Images are decoded whole or refused by name; files are written whole or not at all."""

import errno
import hashlib
import json
import os
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from utils import files

CORNERS = np.array([[[250, 5, 5], [5, 250, 5]], [[5, 5, 250], [250, 250, 250]]], np.uint8).repeat(8, 0).repeat(8, 1)
WHITE = (255, 255, 255)


def saved(path, array, **options):
    Image.fromarray(array).save(path, **options)
    return path


def pixel(path, at=(0, 0)):
    image = files.load_image(path)
    assert image.mode == "RGB"
    return image.getpixel(at)


# What a viewer must do to show the stored rows upright (EXIF 2.32, tag 0x0112), undone.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_exif_orientation_is_applied(tmp_path, orientation, suffix):
    upright = CORNERS[:12]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = np.ascontiguousarray(STORED[orientation](upright))
    path = saved(tmp_path / f"turned.{suffix}", stored, exif=exif, quality=95)
    shown = np.asarray(files.load_image(path), int)
    assert shown.shape == upright.shape
    centres = (slice(4, None, 7), slice(4, None, 8))
    assert np.abs(shown[centres] - upright[centres]).max() < 40


def test_grey_becomes_rgb(tmp_path):
    assert pixel(saved(tmp_path / "l.png", np.full((2, 2), 70, np.uint8))) == (70, 70, 70)


def test_black_and_white_becomes_rgb(tmp_path):
    Image.new("1", (2, 2), 1).save(tmp_path / "bit.png")
    assert pixel(tmp_path / "bit.png") == WHITE


def test_a_palette_becomes_its_colours(tmp_path):
    Image.fromarray(CORNERS).quantize(8).save(tmp_path / "p.png")
    assert np.abs(np.subtract(pixel(tmp_path / "p.png"), CORNERS[0, 0])).max() < 12


@pytest.mark.parametrize(("mode", "clear"), [("RGBA", (9, 9, 9, 0)), ("LA", (9, 0))])
def test_what_is_transparent_becomes_white(tmp_path, mode, clear):
    Image.new(mode, (2, 2), clear).save(tmp_path / "clear.png")
    assert pixel(tmp_path / "clear.png") == WHITE


def test_half_transparent_black_becomes_middle_grey(tmp_path):
    Image.new("RGBA", (1, 1), (0, 0, 0, 128)).save(tmp_path / "half.png")
    assert pixel(tmp_path / "half.png") == (127, 127, 127)


def test_a_palette_colour_may_be_transparent(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 0, 0])
    image.putdata([0, 1])
    image.save(tmp_path / "p.png", transparency=0)
    assert pixel(tmp_path / "p.png") == WHITE
    assert pixel(tmp_path / "p.png", (1, 0)) == (200, 0, 0)


def test_cmyk_becomes_rgb(tmp_path):
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "ink.jpg", quality=95)
    red, green, blue = pixel(tmp_path / "ink.jpg")
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize(("value", "shown"), [(0, 0), (255, 1), (32768, 128), (65535, 255)])
def test_sixteen_bits_are_scaled_to_eight(tmp_path, suffix, value, shown):
    path = saved(tmp_path / f"deep.{suffix}", np.full((2, 2), value, np.uint16))
    assert pixel(path) == (shown,) * 3


def test_sixteen_bits_are_turned_upright_too(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "deep.png", np.zeros((2, 5), np.uint16), exif=exif)
    assert files.load_image(path).size == (2, 5)


@pytest.mark.parametrize(("value", "shown"), [(0.5, 128), (1.0, 255), (-1.0, 0), (np.nan, 0)])
def test_fractions_lie_between_black_and_white(tmp_path, value, shown):
    path = saved(tmp_path / "float.tif", np.full((2, 2), value, np.float32))
    assert pixel(path) == (shown,) * 3


def test_the_first_picture_of_an_animation_is_taken(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "wave.gif", save_all=True, append_images=frames[1:])
    assert pixel(tmp_path / "wave.gif") == (255, 0, 0)


@pytest.mark.parametrize("size", [(1, 1), (10_000, 10), (10, 10_000)])
def test_odd_sizes_are_fine(tmp_path, size):
    Image.new("RGB", size).save(tmp_path / "odd.png")
    assert files.load_image(tmp_path / "odd.png").size == size


@pytest.mark.parametrize("name", ["schildkröte 海龟 🐢.jpg", "with  spaces .jpg", f"{'long' * 60}.jpg"])
def test_any_file_name_is_fine(tmp_path, name):
    folder = tmp_path / "ümlaut und space" / ("deep" * 30)
    folder.mkdir(parents=True)
    assert files.load_image(saved(folder / name, CORNERS)).size == (16, 16)


def test_a_path_may_be_a_string(tmp_path):
    assert files.load_image(str(saved(tmp_path / "a.png", CORNERS))).size == (16, 16)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "gif"])
@pytest.mark.parametrize("kept", [0.95, 0.5, 0.1])
def test_a_truncated_image_is_refused_by_name(tmp_path, suffix, kept):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    path = saved(tmp_path / f"cut.{suffix}", noise)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(files.ImageError, match=f"cut.{suffix}"):
        files.load_image(path)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\xff\xd8\xff\xe0", bytes(100)])
def test_what_is_no_image_is_refused_by_name(tmp_path, content):
    (tmp_path / "fake.jpg").write_bytes(content)
    with pytest.raises(files.ImageError, match=r"fake\.jpg"):
        files.load_image(tmp_path / "fake.jpg")


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path):
    with pytest.raises(files.ImageError, match="nowhere.jpg.*No such file"):
        files.load_image(tmp_path / "nowhere.jpg")
    with pytest.raises(files.ImageError, match=tmp_path.name):
        files.load_image(tmp_path)


@pytest.mark.filterwarnings("ignore:.*:UserWarning:PIL")
def test_random_damage_is_an_image_error_or_an_image(tmp_path):
    rng = np.random.default_rng(0)
    for suffix in ("jpg", "png", "tif", "gif"):
        whole = saved(tmp_path / f"whole.{suffix}", CORNERS).read_bytes()
        for _ in range(40):
            damaged = bytearray(whole)
            for place in rng.integers(0, len(whole), 6):
                damaged[place] = rng.integers(256)
            (tmp_path / "damaged").write_bytes(damaged)
            try:
                image = files.load_image(tmp_path / "damaged", max_pixels=10_000)
            except files.ImageError:
                continue
            assert image.mode == "RGB"


def test_too_many_pixels_are_refused_before_decoding(tmp_path):
    Image.new("L", (300, 100)).save(tmp_path / "big.png")
    with pytest.raises(files.ImageError, match=r"big\.png: 300 x 100 pixels.*29999"):
        files.load_image(tmp_path / "big.png", max_pixels=29_999)
    assert files.load_image(tmp_path / "big.png", max_pixels=30_000).size == (300, 100)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [9_500, 14_000])
def test_a_decompression_bomb_is_refused(tmp_path, side):
    Image.new("1", (side, side)).save(tmp_path / "bomb.png")
    with pytest.raises(files.ImageError, match=r"bomb\.png.*(pixels|decompression bomb)"):
        files.load_image(tmp_path / "bomb.png")


def test_sha256_is_that_of_the_bytes(tmp_path):
    content = os.urandom(300_000)
    (tmp_path / "bytes").write_bytes(content)
    assert files.sha256(tmp_path / "bytes") == hashlib.sha256(content).hexdigest()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole_and_its_folders_are_made(tmp_path):
    target = tmp_path / "a" / "b" / "table.csv"
    with files.atomic_write(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
        assert temporary.parent == target.parent
        assert temporary.suffix == ".csv"
        assert temporary.name.startswith(".")
    assert target.read_text() == "half"
    assert names(target.parent) == ["table.csv"]


def test_a_failure_keeps_the_old_file_and_leaves_nothing_else(tmp_path):
    target = tmp_path / "table.csv"
    target.write_text("old")
    with pytest.raises(RuntimeError, match="stop"), files.atomic_write(target) as temporary:
        temporary.write_text("ne")
        raise RuntimeError("stop")
    assert target.read_text() == "old"
    assert names(tmp_path) == ["table.csv"]


def test_a_full_disk_keeps_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "table.json"
    files.write_json(target, [1])

    def full(*_args, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        files.write_json(target, [2])
    assert files.read_json(target) == [1]
    assert names(tmp_path) == ["table.json"]


def test_two_writers_do_not_meet(tmp_path):
    target = tmp_path / "table.csv"
    with files.atomic_write(target) as first, files.atomic_write(target) as second:
        assert first != second
        first.write_text("first")
        second.write_text("second")
    assert target.read_text() == "first"
    assert names(tmp_path) == ["table.csv"]


def test_a_written_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    with files.atomic_write(tmp_path / "ours") as temporary:
        temporary.write_text("")
    ours, usual = (stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("ours", "usual"))
    assert ours == usual


def test_a_name_of_full_length_can_be_written(tmp_path):
    target = tmp_path / f"{'n' * 250}.txt"
    with files.atomic_write(target) as temporary:
        temporary.write_text("long")
    assert target.read_text() == "long"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_read_only_folder_says_which_and_what_to_do(tmp_path, monkeypatch, number):
    def refuse(*_args, **_options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "touch", refuse)
    with (
        pytest.raises(PermissionError, match=f"{tmp_path.name}: .*cannot be written.*REEF_OUT"),
        files.atomic_write(tmp_path / "table.csv"),
    ):
        pytest.fail("the block must not begin")


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_write_permission_says_so(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="cannot be written"):
        files.write_json(tmp_path / "new" / "table.json", {})


def test_json_is_readable_sorted_and_ends_with_a_new_line(tmp_path):
    files.write_json(tmp_path / "a.json", {"b": [1, None], "a": "Schildkröte"})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text.index('"a"') < text.index('"b"')
    assert "Schildkröte" in text
    assert text.endswith("}\n")
    assert text.count("\n") > 3
    assert files.read_json(tmp_path / "a.json") == {"a": "Schildkröte", "b": [1, None]} == json.loads(text)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_nan_is_not_written(tmp_path, number):
    with pytest.raises(ValueError, match=r"a\.json"):
        files.write_json(tmp_path / "a.json", {"value": number})
    assert names(tmp_path) == []


@pytest.mark.parametrize("content", [b"{", b"", b'{"a": 1} x', b"\xff\xfe"])
def test_invalid_json_is_named(tmp_path, content):
    (tmp_path / "broken.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.json: not valid JSON"):
        files.read_json(tmp_path / "broken.json")


# folders


def test_a_folder_appears_when_it_is_whole(tmp_path):
    with files.atomic_folder(tmp_path / "a" / "made") as folder:
        (folder / "one.txt").write_text("1")
        assert not (tmp_path / "a" / "made").exists()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["made"]
    assert (tmp_path / "a" / "made" / "one.txt").read_text() == "1"


@pytest.mark.parametrize("replace", [False, True])
def test_a_broken_block_leaves_the_older_folder(tmp_path, replace):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "old.txt").touch()
    with pytest.raises(KeyboardInterrupt), files.atomic_folder(tmp_path / "made", replace=replace) as folder:
        (folder / "half.txt").touch()
        raise KeyboardInterrupt
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["made", "made/old.txt"]


@pytest.mark.parametrize(("replace", "stays"), [(False, "old.txt"), (True, "new.txt")])
def test_a_folder_that_is_there_by_then_stays_or_is_replaced(tmp_path, replace, stays):
    with files.atomic_folder(tmp_path / "made", replace=replace) as folder:
        (folder / "new.txt").touch()
        (tmp_path / "made").mkdir()
        (tmp_path / "made" / "old.txt").touch()
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["made", f"made/{stays}"]


def test_a_folder_whose_new_one_cannot_be_put_in_place_comes_back(tmp_path, monkeypatch):
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "old.txt").touch()
    rename = Path.rename

    def refuses(path, target):
        if Path(target) == tmp_path / "made" and not path.name.endswith(".old"):
            raise OSError(5, "a scanner holds the folder")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuses)
    with pytest.raises(OSError, match="scanner"), files.atomic_folder(tmp_path / "made", replace=True) as folder:
        (folder / "new.txt").touch()
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*"))] == ["made", "made/old.txt"]


def test_what_a_writer_kept_to_its_owner_is_opened_to_all(tmp_path):
    with files.atomic_folder(tmp_path / "made") as folder, files.atomic_write(tmp_path / "file") as temporary:
        (folder / "one.txt").touch(mode=0o600)
        temporary.chmod(0o600)
    assert (tmp_path / "made" / "one.txt").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "file").stat().st_mode & 0o044


def test_sums_are_of_all_files_that_can_be_read_and_name_the_others(tmp_path):
    (tmp_path / "a.txt").write_text("turtle")
    keys, bad = files.sums([tmp_path / "a.txt", tmp_path / "b.txt"])
    assert keys == [files.sha256(tmp_path / "a.txt"), ""]
    assert list(bad) == [str(tmp_path / "b.txt")] and "No such file" in bad[str(tmp_path / "b.txt")]
