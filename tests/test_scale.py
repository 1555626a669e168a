"""Archives of many photos by one process: shards that are whole or not there, runs that go on, bad input that is named."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import numpy as np
import pandas as pd
import pytest
import readme
import torch
from PIL import Image

from utils import scale, search
from utils.encoders.preprocess import Preprocess
from utils.scale import shard, stages, storage


class Mean:
    """Embeds a photo by its mean colours, and counts what it is asked for."""

    def __init__(self, fingerprint="a" * 64, name="mean", dim=16):
        self.fingerprint, self.name, self.dim, self.preprocessing = fingerprint, name, dim, Preprocess(8, 8)
        self.encoded = 0

    def preprocess(self, image):
        return self.preprocessing(image)

    def encode_pixels(self, pixels):
        self.encoded += len(pixels)
        rows = torch.nn.functional.adaptive_avg_pool2d(pixels, (2, 2)).flatten(1)
        rows = torch.cat([rows, torch.ones(len(rows), self.dim - rows.shape[1])], dim=1)
        return torch.nn.functional.normalize(rows).numpy().astype(np.float32)


def save(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (12, 10, 3), dtype=np.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    for i in range(23):
        save(tmp_path / "photos" / f"dive {i % 3}" / f"é {i:03d}.png", i)
    return tmp_path / "photos"


@pytest.fixture
def out(tmp_path):
    return tmp_path / "archive"


@pytest.fixture
def memory():
    fs = fsspec.filesystem("memory")
    yield fs
    fs.rm("/reef", recursive=True) if fs.exists("/reef") else None


def by_id(archive):
    frame = archive.manifest()
    return dict(zip(frame["image_id"], archive.vectors(np.arange(len(archive))), strict=True))


def expected(folder):
    encoder, rows = Mean(), {}
    for path in folder.rglob("*.png"):
        pixels = encoder.preprocess(Image.open(path).convert("RGB"))
        rows[path.relative_to(folder).as_posix()] = encoder.encode_pixels(pixels[None])[0]
    return rows


def same(found, wanted):
    assert set(found) == set(wanted)
    for name in wanted:
        np.testing.assert_allclose(found[name], wanted[name], atol=1e-6)


# what is written


@pytest.mark.parametrize("rows", [1, 5, 23, 100])
def test_every_photo_of_a_folder_stands_once_in_shards_of_the_size_asked_for(folder, out, rows):
    done = scale.embed_archive(folder, Mean(), out, shard_rows=rows, batch=3)
    assert (done.encoded, done.known, done.failed) == (23, 0, 0)
    assert [len(head) for head in done.archive.heads] == [min(rows, 23 - start) for start in range(0, 23, rows)]
    same(by_id(done.archive), expected(folder))


def test_sources_and_archives_may_lie_in_remote_storage(folder, memory):
    memory.put(str(folder), "/reef/photos", recursive=True)
    done = scale.embed_archive("memory://reef/photos", Mean(), "memory://reef/emb", shard_rows=10)
    same(by_id(done.archive), expected(folder))
    again = scale.embed_archive("memory://reef/photos", Mean(), "memory://reef/emb")
    assert (again.encoded, again.known) == (0, 23)
    assert not [name for name in memory.ls("/reef/emb", detail=False) if ".tmp" in name]


def test_a_shard_is_read_by_safetensors_itself_with_its_manifest(folder, out):
    from safetensors.numpy import load_file

    scale.embed_archive(folder, Mean(), out)
    (path,) = out.glob("*.safetensors")
    tensors = load_file(path)
    assert tensors["emb"].shape == (23, 16) and tensors["emb"].dtype == np.float32
    assert len(tensors["rows"].tobytes().splitlines()) == 23


def test_a_manifest_keeps_its_columns_and_odd_cells(folder, out):
    paths = sorted(folder.rglob("*.png"))[:3]
    frame = pd.DataFrame({"image_id": ["a", "b", "c"], "path": paths, "label": ["turtle", None, "net"]})
    frame["facts"] = [{"date": pd.Timestamp("2025-03-01"), "depth": np.float32(2)}, {"depth": float("nan")}, {}]
    found = scale.embed_archive(frame, Mean(), out).archive.manifest(np.array([2, 0]))
    assert list(found["label"]) == ["net", "turtle"]
    assert found["facts"][1] == {"date": "2025-03-01 00:00:00", "depth": 2.0}


def test_a_table_is_read_piece_by_piece_and_its_paths_start_beside_it(folder, out, monkeypatch):
    monkeypatch.setattr("utils.scale.source.AT_ONCE", 2)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    pd.DataFrame({"image_id": names, "path": names, "site": "north"}).to_csv(folder / "all.csv", index=False)
    archive = scale.embed_archive(folder / "all.csv", Mean(), out).archive
    same(by_id(archive), expected(folder))
    assert set(archive.manifest()["site"]) == {"north"}


def test_names_that_mean_something_to_a_url_or_are_no_unicode_are_names_like_others(tmp_path, out):
    odd = tmp_path / "photos" / "dive::1 #2 %20" / os.fsdecode(b"caf\xe9?.png")
    save(odd, 1)
    archive = scale.embed_archive(tmp_path / "photos", Mean(), out).archive
    (row,) = archive.manifest().to_dict("records")
    assert (row["path"], row["image_id"]) == (str(odd), odd.relative_to(tmp_path / "photos").as_posix())
    assert archive.positions([row["image_id"]]).tolist() == [0] and archive.failures().empty


@pytest.mark.parametrize("raises", [False, True])
def test_an_embedding_that_is_not_finite_is_listed_and_does_not_spoil_the_search(folder, out, raises):
    class Odd(Mean):  # one photo in the second half of the colours; encoders of the house raise for it
        def encode_pixels(self, pixels):
            odd = np.isclose(pixels.flatten(1).mean(dim=1).numpy(), self.hated)
            if raises and odd.any():
                raise FloatingPointError("a model gave NaN")
            return np.where(odd[:, None], np.float32(np.nan), super().encode_pixels(pixels))

    encoder, path = Odd(), sorted(folder.rglob("*.png"))[3]
    encoder.hated = float(encoder.preprocess(Image.open(path).convert("RGB")).mean())
    done = scale.embed_archive(folder, encoder, out, batch=4)
    assert (len(done.archive), done.failed) == (22, 1)
    (lost,) = done.archive.failures().to_dict("records")
    assert (lost["path"], lost["reason"]) == (str(path), "its embedding is not finite")


# runs that go on


def test_a_second_run_encodes_nothing_and_new_photos_alone_come_after(folder, out):
    first = scale.embed_archive(folder, Mean(), out, shard_rows=10)
    before = first.archive.vectors(np.arange(23))
    save(folder / "dive 0" / "a new one.png", 99)
    encoder = Mean()
    done = scale.embed_archive(folder, encoder, out, shard_rows=10)
    assert (encoder.encoded, done.encoded, done.known) == (1, 1, 23)
    np.testing.assert_array_equal(done.archive.vectors(np.arange(23)), before)
    same(by_id(done.archive), expected(folder))


class Dying(Mean):
    """Ends its process, as a kill does, after so many photos."""

    def __init__(self, most):
        super().__init__()
        self.most = most

    def encode_pixels(self, pixels):
        if self.encoded + len(pixels) > self.most:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode_pixels(pixels)


def test_a_killed_run_goes_on_with_what_is_missing_and_nothing_stands_twice(folder, out):
    code = (
        f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r}); import test_scale\n"
        f"test_scale.scale.embed_archive({str(folder)!r}, test_scale.Dying(13), {str(out)!r}, shard_rows=5, batch=2)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    (out / ".half.safetensors.0123.tmp").write_bytes(b"a write that was cut off")
    encoder = Mean()
    done = scale.embed_archive(folder, encoder, out, shard_rows=5, batch=2)
    assert (encoder.encoded, done.known) == (13, 10)
    same(by_id(done.archive), expected(folder))
    assert not list(out.glob("*.tmp")) + list(out.glob(".*.tmp"))


def test_corrupt_photos_are_listed_and_neither_fatal_nor_tried_again_unless_asked(folder, out):
    bad = folder / "dive 1" / "bad.png"
    bad.write_bytes(b"no picture")
    done = scale.embed_archive(folder, Mean(), out, batch=4)
    assert (done.encoded, done.failed) == (23, 1)
    listed = done.archive.failures()
    assert list(listed["image_id"]) == ["dive 1/bad.png"] and "not an image" in listed["reason"][0]
    assert str(bad) in listed["reason"][0]
    save(bad, 7)
    assert scale.embed_archive(folder, Mean(), out).encoded == 0
    again = scale.embed_archive(folder, Mean(), out, retry=True)
    assert (again.encoded, again.failed, len(again.archive.failures())) == (1, 0, 0)


def test_an_archive_of_corrupt_photos_alone_is_written_and_cannot_be_indexed(tmp_path, out):
    frame = pd.DataFrame({"image_id": ["a", "b"], "path": [tmp_path / "gone.jpg", tmp_path]})
    done = scale.embed_archive(frame, Mean(), out)
    assert (done.encoded, done.failed, len(done.archive)) == (0, 2, 0)
    with pytest.raises(ValueError, match="holds no photo that could be read"):
        scale.build_index(done.archive, tmp_path / "index")


def test_lost_storage_stops_the_run_and_marks_no_photo_as_bad(folder, out, monkeypatch):
    def lost(path):
        raise ConnectionResetError(errno.ECONNRESET, "reset by peer")

    monkeypatch.setattr(stages, "reached", lost)
    with pytest.raises(OSError, match=r"é .*storage failed while reading.*run again to go on"):
        scale.embed_archive(folder, Mean(), out)
    monkeypatch.undo()
    assert scale.embed_archive(folder, Mean(), out).encoded == 23


def test_what_could_not_be_read_is_tried_again_and_what_is_no_image_is_not(folder, out):
    paths = [*sorted(folder.rglob("*.png"))[:4], folder / "unplugged.png", folder / ("x" * 300), folder / "text.png"]
    paths[-1].write_text("no image")
    (folder / "loop").symlink_to(folder / "loop")
    paths += [paths[0] / "below a file.png", folder / "loop" / "a.png"]
    frame = pd.DataFrame({"image_id": [str(i) for i in range(9)], "path": paths})
    done = scale.embed_archive(frame, Mean(), out)
    assert (done.encoded, done.failed) == (4, 5)
    assert done.archive.failures().set_index("image_id")["lasts"].to_dict() == dict(
        zip("45678", [0, 0, 1, 0, 0], strict=True)
    )
    again = scale.embed_archive(frame, Mean(), out)
    assert (again.encoded, again.known, again.failed, len(again.archive.heads)) == (0, 5, 4, 1)
    save(paths[4], 1)
    assert scale.embed_archive(frame, Mean(), out).encoded == 1


def test_what_could_be_read_at_last_and_is_no_image_is_not_tried_again(folder, out):
    frame = pd.DataFrame({"image_id": ["a"], "path": [folder / "late.png"]})
    assert not scale.embed_archive(frame, Mean(), out).archive.failures()["lasts"][0]
    (folder / "late.png").write_text("no image")
    assert scale.embed_archive(frame, Mean(), out).archive.failures()["lasts"][0]
    assert scale.embed_archive(frame, Mean(), out).known == 1


def test_what_was_no_image_and_could_not_be_read_later_is_tried_again(folder, out):
    bad = folder / "bad.png"
    bad.write_text("no image")
    scale.embed_archive(folder, Mean(), out)
    rows = pd.DataFrame({"image_id": ["bad.png"], "path": [bad]})
    bad.unlink()
    assert scale.embed_archive(rows, Mean(), out, retry=True).failed == 1
    save(bad, 99)
    assert scale.embed_archive(folder, Mean(), out).encoded == 1


def test_memory_that_ends_while_a_photo_is_decoded_says_nothing_of_the_photo(folder, out, monkeypatch):
    def short(*args):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Image.Image, "load", short)
        patch.setattr(Image.Image, "convert", short)
        patch.setattr("PIL.ImageFile.ImageFile.load", short)
        with pytest.raises(MemoryError):
            scale.embed_archive(folder, Mean(), out)
    assert scale.embed_archive(folder, Mean(), out).encoded == 23


@pytest.mark.parametrize(("status", "one"), [(403, True), (410, True), (503, False)])
def test_a_server_that_refuses_a_photo_loses_it_and_one_that_fails_stops_the_run(folder, out, monkeypatch, status, one):
    class ClientResponseError(Exception):  # as of aiohttp: no OSError
        pass

    own = type(fsspec.filesystem("file")).cat_file

    def refuse(self, path, **kwargs):
        if path.endswith("é 003.png"):
            error = ClientResponseError("refused")
            error.status = status
            raise error
        return own(self, path, **kwargs)

    monkeypatch.setattr(type(fsspec.filesystem("file")), "cat_file", refuse)
    if one:
        assert scale.embed_archive(folder, Mean(), out).failed == 1
    else:
        with pytest.raises(OSError, match="storage failed while reading .*run again to go on"):
            scale.embed_archive(folder, Mean(), out)


def test_photos_that_come_while_a_run_is_under_way_wait_for_the_next_and_none_stands_twice(folder, out):
    class Meanwhile(Mean):
        def encode_pixels(self, pixels):
            for name in ("a", "é 000a", "z"):
                if not (folder / "dive 2" / f"{name}.png").exists():
                    save(folder / "dive 2" / f"{name}.png", 1)
            return super().encode_pixels(pixels)

    assert scale.embed_archive(folder, Meanwhile(), out, shard_rows=2, batch=2).encoded == 23
    assert scale.embed_archive(folder, Mean(), out).encoded == 3
    same(by_id(scale.open_archive(out)), expected(folder))


def test_folders_are_read_as_data_sets_read_them(folder, out, tmp_path):
    (folder / ".thumbnails").mkdir()
    save(folder / ".thumbnails" / "t.png", 1)
    save(tmp_path / "elsewhere" / "linked.png", 2)
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    found = set(scale.embed_archive(folder, Mean(), out).archive.manifest()["image_id"])
    assert len(found) == 24 and "link/linked.png" in found


def test_remote_folders_that_are_hidden_are_left_out(folder, memory):
    memory.put(str(folder), "/reef/photos", recursive=True)
    memory.pipe("/reef/photos/.trash/a.png", memory.cat(memory.find("/reef/photos")[0]))
    assert scale.embed_archive("memory://reef/photos", Mean(), "memory://reef/emb[1]").encoded == 23


def test_relative_paths_mean_the_same_from_elsewhere(folder, tmp_path, monkeypatch):
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.png")]
    pd.DataFrame({"image_id": names, "path": names}).to_csv(folder / "all.csv", index=False)
    monkeypatch.chdir(tmp_path)
    for source, out in (
        ("photos", "one"),
        ("photos/all.csv", "two"),
        (pd.DataFrame({"image_id": ["a"], "path": [f"photos/{names[0]}"]}), "three"),
    ):
        scale.embed_archive(source, Mean(), out)
        scale.build_index(out, f"{out}-index")
    monkeypatch.chdir("/")
    for name in ("one", "two", "three"):
        index = scale.open_index(tmp_path / f"{name}-index")
        Image.open(index.rows(np.arange(1))["path"][0]).close()
        assert index.update() == 0


def test_columns_of_a_table_keep_their_kinds_and_ids_their_zeros(folder, out):
    paths = sorted(folder.rglob("*.png"))[:3]
    lines = [
        "image_id,path,depth,light",
        *(f"00{i},{path},{i + 0.5},{'dim' if i else ''}," for i, path in enumerate(paths)),
    ]
    (folder / "all.csv").write_text("\ufeff" + "\n".join(lines))
    archive = scale.embed_archive(folder / "all.csv", Mean(), out).archive
    frame = archive.manifest()
    assert list(frame["image_id"]) == ["000", "001", "002"] and archive.failures().empty
    assert search.filter_mask(frame, depth=(1, None)).tolist() == [False, True, True]
    assert search.filter_mask(frame, light=None).tolist() == [True, False, False]


@pytest.mark.parametrize("row", [",a.png", "a,", " ,a.png"])
def test_rows_without_id_or_path_are_refused(tmp_path, out, row):
    (tmp_path / "all.csv").write_text(f"image_id,path\nx,y.png\n{row}\n")
    with pytest.raises(ValueError, match=r"all.csv has a row without (image_id|path): .*complete it or leave it out"):
        scale.embed_archive(tmp_path / "all.csv", Mean(), out)


def test_a_column_that_is_text_somewhere_is_text_in_every_piece(folder, out, monkeypatch):
    monkeypatch.setattr("utils.scale.source.AT_ONCE", 2)
    paths = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.png"))[:5]]
    table = {"image_id": paths, "path": paths, "transect": ["07", "12", "A1", "12", ""], "depth": [3, 4, 2.5, 1, None]}
    table["lit"] = [True, False, True, None, None]
    pd.DataFrame(table).to_csv(folder / "all.csv", index=False)
    found = scale.embed_archive(folder / "all.csv", Mean(), out).archive.manifest()
    assert list(found["transect"])[:4] == ["07", "12", "A1", "12"] and pd.isna(found["transect"][4])
    assert search.filter_mask(found, transect="12").tolist() == [False, True, False, True, False]
    assert list(found["depth"])[:4] == [3, 4, 2.5, 1]
    assert search.filter_mask(found, lit=True).tolist() == [True, False, True, False, False]


def test_a_row_with_a_cell_too_many_is_refused(folder, out):
    (folder / "all.csv").write_text("image_id,path,site\nx,x.png,reef, north\n")
    with pytest.raises(ValueError, match=r"all.csv is no CSV file .* put cells that hold a comma in quotes"):
        scale.embed_archive(folder / "all.csv", Mean(), out)


def test_photos_of_two_folders_under_one_name_are_refused_and_none_is_lost(tmp_path, out):
    """Cameras begin to count anew on each card."""
    for card, photos in {"a": 4, "b": 6}.items():
        for i in range(photos):
            save(tmp_path / card / f"GOPR{i:04d}.png", 10 * photos + i)
    scale.embed_archive(tmp_path / "a", Mean(), out)
    wrong = r"b/GOPR0000.png: its image_id 'GOPR0000.png' is that of a photo from another place .*\(4 are\); give ids that differ"
    with pytest.raises(ValueError, match=wrong):
        scale.embed_archive(tmp_path / "b", Mean(), out)
    assert len(scale.open_archive(out)) == 4
    whole = scale.embed_archive(tmp_path, Mean(), tmp_path / "both").archive
    same(by_id(whole), expected(tmp_path))


def test_what_is_no_image_is_no_reason_to_take_another_photo_for_it(tmp_path, out):
    save(tmp_path / "a" / "1.png", 1)
    (tmp_path / "a" / "2.png").write_text("no image")
    save(tmp_path / "b" / "2.png", 2)
    scale.embed_archive(tmp_path / "a", Mean(), out)
    with pytest.raises(ValueError, match="b/2.png: its image_id '2.png' is that of a photo from another place"):
        scale.embed_archive(tmp_path / "b", Mean(), out)


def test_photos_that_were_moved_are_known_if_one_says_so(folder, out):
    gone = pd.DataFrame({"image_id": ["x"], "path": ["/unplugged/x.png"]})
    scale.embed_archive(gone, Mean(), out)  # not had then, so that no path of it counts
    scale.embed_archive(folder, Mean(), out)
    moved = folder.rename(folder.with_name("moved"))
    with pytest.raises(ValueError, match=r"\(23 are\).*moved=True"):
        scale.embed_archive(moved, Mean(), out)
    save(moved / "new.png", 99)
    done = scale.embed_archive(moved, Mean(), out, moved=True)
    assert (done.encoded, done.known) == (1, 23)


def test_missing_cells_of_every_kind_and_dates_are_kept(folder, out):
    paths = sorted(folder.rglob("*.png"))[:2]
    frame = pd.DataFrame({"image_id": ["a", "b"], "path": paths, "depth": pd.array([1, None], dtype="Int64")})
    frame["facts"] = [{"at": np.datetime64("2025-03-01T00:00", "ns")}, {"at": np.datetime64("NaT")}]
    with pytest.raises(ValueError, match="the manifest has a row without image_id"):
        scale.embed_archive(frame.assign(image_id=pd.array(["a", None], dtype="string")), Mean(), out)
    found = scale.embed_archive(frame, Mean(), out).archive.manifest()
    assert found["depth"][0] == 1 and np.isnan(found["depth"][1])
    assert [facts["at"] for facts in found["facts"]] == ["2025-03-01T00:00:00.000000000", None]


@pytest.mark.skipif(sys.platform != "linux", reason="open maps are counted in /proc, which is not here")
def test_more_shards_than_files_may_be_open_are_searched(out, tmp_path, monkeypatch):
    monkeypatch.setattr("utils.scale.archive._most_open", lambda: 16)
    monkeypatch.setattr("utils.search.best.BLOCKS_AT_ONCE", 8)
    frame = pd.DataFrame({"image_id": [str(i) for i in range(60)], "path": [tmp_path / f"{i}.png" for i in range(60)]})
    for i, path in enumerate(frame["path"]):
        save(path, i)
    archive = scale.embed_archive(frame, Mean(), out, shard_rows=1).archive
    index, open_at_once, own = scale.build_index(archive, tmp_path / "index"), [], type(archive).emb

    def counted(self, number):
        open_at_once.append(Path("/proc/self/maps").read_text(errors="replace").count(str(out)))
        return own(self, number)

    monkeypatch.setattr(type(archive), "emb", counted)
    assert search.top_k(index.archive.vectors(np.arange(60)), index, k=1)[1][:, 0].tolist() == list(range(60))
    assert 8 < max(open_at_once) <= 16 + 8


def test_empty_ranges_are_not_asked_for(folder, memory, monkeypatch):
    def strict(self, path, start=None, end=None, **kwargs):
        assert start is None or start < end, "HTTP would answer with the whole file"
        return own(self, path, start=start, end=end, **kwargs)

    own = type(memory).cat_file
    monkeypatch.setattr(type(memory), "cat_file", strict)
    scale.embed_archive(folder, Mean(), "memory://reef/emb", shard_rows=10)
    again = scale.embed_archive(folder, Mean(), "memory://reef/emb", shard_rows=10)
    assert again.known == 23 and again.archive.failures().empty


def test_copies_of_a_remote_archive_are_of_that_archive(folder, memory, reef_out):
    first = scale.embed_archive(folder, Mean(), "memory://reef/emb").archive.vectors(np.arange(23))
    memory.rm("/reef/emb", recursive=True)

    class Other(Mean):
        def encode_pixels(self, pixels):
            return -super().encode_pixels(pixels)

    for fingerprint in "ab":
        again = scale.embed_archive(folder, Other(fingerprint * 64), "memory://reef/emb").archive
        np.testing.assert_allclose(again.vectors(np.arange(23)), -first, atol=1e-6)
        memory.rm("/reef/emb", recursive=True)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"model": "m", "fingerprint": "f", "dim": "x"}'])
def test_a_damaged_card_is_named(folder, out, text):
    scale.embed_archive(folder, Mean(), out)
    (out / "archive.json").write_text(text)
    with pytest.raises(ValueError, match=r"archive/archive\.json is damaged .*put back a copy"):
        scale.open_archive(out)


def test_a_renamed_shard_stays_a_shard(folder, out):
    scale.embed_archive(folder, Mean(), out)
    (path,) = out.glob("*.safetensors")
    path.rename(out / f"north-{path.name}")
    save(folder / "new.png", 5)
    assert scale.embed_archive(folder, Mean(), out).encoded == 1


@pytest.mark.parametrize("positions", [np.array([True, False]), np.array([[0, 1]]), [23], [-1], [0.5]])
def test_positions_that_are_none_are_refused(folder, out, positions):
    archive = scale.embed_archive(folder, Mean(), out).archive
    with pytest.raises(ValueError, match="give whole numbers"):
        archive.manifest(positions)


def test_a_manifest_of_nothing_has_its_columns_and_some_columns_are_enough(folder, out):
    archive = scale.embed_archive(folder, Mean(), out, shard_rows=10).archive
    assert list(archive.manifest(np.zeros(0, int)).columns) == ["image_id", "path"]
    assert archive.manifest(columns=["path"])["path"].tolist() == archive.manifest()["path"].tolist()


# bad input


def test_columns_asked_for_keep_their_kinds_and_unknown_ones_are_refused(folder, out):
    (folder / "odd.png").write_text("no image")
    paths = sorted(folder.rglob("*.png"))
    frame = pd.DataFrame({"image_id": [path.name for path in paths], "path": paths, "depth": 1.5, "facts": [{}] * 24})
    frame["even"] = np.arange(24) % 2 == 0
    archive = scale.embed_archive(frame, Mean(), out, shard_rows=1).archive  # one shard holds the failure alone
    table = archive.manifest(columns=["even", "depth"])
    assert [str(kind) for kind in table.dtypes] == ["bool", "float64"] and len(table) == 23
    for positions in (None, np.array([0])):
        with pytest.raises(ValueError, match=r"no column 'light': it has depth, even, facts, .* lies in facts"):
            archive.manifest(positions, columns=["even", "light"])
    more = pd.DataFrame({"image_id": ["x"], "path": [folder / "odder.png"], "light": "dim"})
    save(folder / "odder.png", 99)
    archive = scale.embed_archive(more, Mean(), out).archive  # a column that only some have is known everywhere
    assert archive.manifest(np.array([0, 23]), columns=["light"])["light"].fillna("").tolist() == ["", "dim"]
    assert archive.manifest(np.array([0]), columns=["light"])["light"].isna().all()


def test_storage_without_keys_is_said(memory, out, monkeypatch):
    class NoCredentialsError(Exception):
        pass

    def refuse(*args, **kwargs):
        raise NoCredentialsError("Unable to locate credentials")

    monkeypatch.setattr(type(memory), "info", refuse)
    with pytest.raises(OSError, match=r"memory://reef cannot be reached \(NoCredentialsError.*check the address"):
        scale.embed_archive("memory://reef", Mean(), out)


def test_storage_that_fails_is_not_taken_for_an_empty_one(folder, memory, monkeypatch):
    def lost(self, path, **kwargs):
        raise ConnectionResetError(errno.ECONNRESET, "reset by peer")

    scale.embed_archive(folder, Mean(), "memory://reef/emb")
    monkeypatch.setattr(type(memory), "info", lost)
    with pytest.raises(OSError, match="memory://reef/emb cannot be reached"):
        scale.open_archive("memory://reef/emb")


def test_a_url_that_pathlib_has_changed_is_refused(out):
    with pytest.raises(ValueError, match="s3:/reef/2025 seems to be a URL that pathlib has changed; give it as text"):
        scale.embed_archive(Path("s3://reef/2025"), Mean(), out)


def test_nothing_at_the_source_is_said(tmp_path, out):
    with pytest.raises(FileNotFoundError, match="gone: nothing is there"):
        scale.embed_archive(tmp_path / "gone", Mean(), out)
    with pytest.raises(ValueError, match="nowhere://photos: no storage that fsspec knows"):
        scale.embed_archive("nowhere://photos", Mean(), out)
    assert not out.exists()


def test_a_source_that_does_not_answer_is_said(out, memory, monkeypatch):
    def silent(*args, **kwargs):
        raise TimeoutError("no answer")

    monkeypatch.setattr(type(memory), "info", silent)
    with pytest.raises(OSError, match="memory://reef/photos cannot be reached"):
        scale.embed_archive("memory://reef/photos", Mean(), out)


def test_zero_photos_are_refused(tmp_path, out):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty holds no photo"):
        scale.embed_archive(tmp_path / "empty", Mean(), out)


def test_ids_that_stand_twice_are_refused_by_name_before_anything_is_written(folder, out):
    frame = pd.DataFrame({"image_id": ["a", "b", "b", "c", "c", "c"], "path": "x.jpg"})
    with pytest.raises(ValueError, match=r"image_id 'b' stands more than once \(2 ids do\)"):
        scale.embed_archive(frame, Mean(), out)
    assert not out.exists()


def test_a_table_without_the_columns_is_refused(tmp_path, out):
    (tmp_path / "all.csv").write_text("name,path\na,b\n")
    with pytest.raises(ValueError, match="all.csv has no column image_id; it has name, path"):
        scale.embed_archive(tmp_path / "all.csv", Mean(), out)
    (tmp_path / "all.csv").write_bytes(b"")
    with pytest.raises(ValueError, match="all.csv is no CSV file"):
        scale.embed_archive(tmp_path / "all.csv", Mean(), out)


def test_an_archive_of_another_model_is_refused_naming_both(folder, out):
    scale.embed_archive(folder, Mean(), out)
    with pytest.raises(ValueError, match=r"cannot be mixed.*mean \(aaaaaaaaaaaa\).*other \(bbbbbbbbbbbb\)"):
        scale.embed_archive(folder, Mean("b" * 64, "other"), out)


def test_a_shard_of_another_model_that_was_put_there_is_refused_naming_both(folder, out, tmp_path):
    scale.embed_archive(folder, Mean(), out)
    scale.embed_archive(folder, Mean("b" * 64, "other"), tmp_path / "second")
    (path,) = (tmp_path / "second").glob("*.safetensors")
    path.rename(out / "00000009-odd.safetensors")
    with pytest.raises(ValueError, match=r"00000009-odd.safetensors is of other \(b+\).* is of mean \(a+\)"):
        scale.open_archive(out)


def test_a_photo_in_two_shards_is_seen(folder, out):
    scale.embed_archive(folder, Mean(), out)
    (path,) = out.glob("*.safetensors")
    (out / "00000009-copy.safetensors").write_bytes(path.read_bytes())
    with pytest.raises(
        ValueError, match=r"holds 23 photos twice, in 00000000-\w+.safetensors, 00000009-copy.safetensors: two runs"
    ):
        scale.open_archive(out)


@pytest.mark.parametrize("size", [0, 5, 60, -1])
def test_a_shard_that_was_cut_short_is_named(folder, out, size):
    scale.embed_archive(folder, Mean(), out)
    (path,) = out.glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"\.safetensors is no whole shard"):
        scale.open_archive(out)


def test_a_folder_that_holds_other_tensors_is_left_alone(folder, out):
    out.mkdir()
    (out / "model.safetensors").write_bytes(b"x")
    with pytest.raises(ValueError, match="no archive of embeddings"):
        scale.embed_archive(folder, Mean(), out)
    assert {path.name for path in out.iterdir()} == {"model.safetensors", ".archive.lock"}


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_within_a_shard_leaves_whole_shards_and_the_rest_follows(folder, out, monkeypatch, number):
    from fsspec.implementations.local import LocalFileSystem

    own = LocalFileSystem.pipe_file

    def full(self, path, value, **kwargs):
        if "00000002-" in path:
            own(self, path, value[:100])
            raise OSError(number, "No space left on device")
        own(self, path, value, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(LocalFileSystem, "pipe_file", full)
        with pytest.raises(OSError, match="archive: the disk is full; make room and run again"):
            scale.embed_archive(folder, Mean(), out, shard_rows=5)
    assert len(list(out.glob("*.safetensors"))) == 2 and not list(out.glob(".*.tmp"))
    encoder = Mean()
    done = scale.embed_archive(folder, encoder, out, shard_rows=5)
    assert encoder.encoded == 13
    same(by_id(done.archive), expected(folder))


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_place_that_cannot_be_written_is_said(folder, out, monkeypatch, number, late):
    from fsspec.implementations.local import LocalFileSystem

    def closed(*args, **kwargs):
        raise OSError(number, os.strerror(number))  # what the system answers anyone but root

    monkeypatch.setattr(LocalFileSystem if late else Path, "makedirs" if late else "mkdir", closed)
    with pytest.raises(
        PermissionError, match="archive cannot be written; change its permissions or give another place"
    ):
        scale.embed_archive(folder, Mean(), out)


def test_a_file_where_the_archive_should_be_is_said(folder, tmp_path):
    (tmp_path / "file").write_text("")
    for out in ("file", "file/below"):
        with pytest.raises(NotADirectoryError, match=f"{out} is, or lies below, a file"):
            scale.embed_archive(folder, Mean(), tmp_path / out)


@pytest.mark.parametrize("odd", [{"engine": "spark"}, {"shard_rows": 0}, {"batch": 0}, {"batch": -1}, {"workers": 0}])
def test_unknown_engines_and_senseless_sizes_are_refused(folder, out, odd):
    with pytest.raises(ValueError, match="engines are"):
        scale.embed_archive(folder, Mean(), out, **odd)


def test_no_archive_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no archive of embeddings"):
        scale.open_archive(tmp_path)


def test_two_runs_at_once_are_refused(folder, out, monkeypatch):
    from utils import files

    with files.locked(out / "archive"), pytest.raises(TimeoutError, match="another process has been at it"):
        scale.embed_archive(folder, Mean(), out)


# parts


def test_memory_that_runs_out_halves_the_batches(folder, out):
    class Small(Mean):
        def encode_pixels(self, pixels):
            if len(pixels) > 3:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().encode_pixels(pixels)

    with pytest.warns(UserWarning, match="did not fit into memory"):
        done = scale.embed_archive(folder, Small(), out, batch=16)
    same(by_id(done.archive), expected(folder))


def test_photos_are_decoded_one_part_ahead_and_no_further():
    asked = []

    def parts():
        for number in range(5):
            asked.append(number)
            yield []

    flow = stages.decoded(parts(), None, 1)
    next(flow)
    time.sleep(0.05)
    assert asked == [0, 1]


def test_keys_follow_from_ids_alone():
    assert shard.keys(["a", "b"]).tolist() == [*shard.keys(["a"]), *shard.keys(["b"])]
    assert len(np.unique(shard.keys([str(i) for i in range(10_000)]))) == 10_000


def test_costs_are_in_proportion_and_nonsense_is_refused():
    one, ten = (scale.on_paper(n, 512, per_second=500, devices=4, price_hour=2, code_bytes=72) for n in (10**7, 10**8))
    assert {name: ten[name] / one[name] for name in one} == pytest.approx(dict.fromkeys(one, 10))
    assert one["device_hours"] == pytest.approx(10**7 / 500 / 3600) == 4 * one["hours"]
    assert np.isnan(scale.on_paper(10, 512, per_second=1)["price"])  # unknown, not free of charge
    for wrong in ({"per_second": 0}, {"per_second": 1, "code_bytes": -1}):
        with pytest.raises(ValueError, match="cannot be reckoned"):
            scale.on_paper(10, 512, **wrong)


def test_costs_go_on_from_the_largest_measured_size():
    costs = pd.Series([np.nan, 2.0, 8.0], index=[10**4, 10**5, 10**6])
    assert scale.prolonged(costs, [10**7, 10**8]) == pytest.approx([np.nan, 2, 8, 80, 800], nan_ok=True)
    for measured in ({}, {10: 0.0}, {0: 1.0}, {10: np.nan}, {1000: 1.0}):
        with pytest.raises(ValueError, match="give costs of sizes"):
            scale.prolonged(measured, [1000])


README = Path(scale.__file__).with_name("README.md")


def test_the_code_of_its_readme_runs(folder, tmp_path, monkeypatch):
    (tmp_path / "photos" / "dive 3").mkdir()
    (tmp_path / "photos" / "dive 1" / "é 001.png").rename(tmp_path / "photos" / "dive 3" / "0012.jpg")
    monkeypatch.chdir(tmp_path)
    first = readme.blocks("python", README.read_text(encoding="utf-8"))[0]
    exec(first, found := {})
    index = found["index"]
    shown = search.top_k(found["done"].archive.vectors(np.arange(1)), index, k=50)[1][0]
    assert len(index) == 23 and len(shown) == 22
    assert "dive 3/0012.jpg" not in set(index.rows(shown)["image_id"])


def test_a_missing_library_of_a_storage_is_named(monkeypatch):
    def missing(url):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(ImportError, match=r"s3://reef needs a library.*Install s3fs.*requirements-scale\.txt"):
        storage.Place("s3://reef")
