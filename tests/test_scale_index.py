"""Indexes over shards: `search.top_k` serves all kinds alike, filters and removals hold, and nothing needs a rebuild."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from utils import scale, search
from utils.scale import archive, kinds, pieces, shard
from utils.scale.storage import Place

DIM = 16
ABOUT = {"model": "made", "fingerprint": "a" * 64, "dim": DIM}


def unit(n, seed):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((12, DIM))[rng.integers(0, 12, n)] + 0.4 * rng.standard_normal((n, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def commit(place, number, emb, first=0):
    rows = [{"image_id": f"p{first + i}", "path": f"p{first + i}.jpg", "even": i % 2 == 0} for i in range(len(emb))]
    about = {key: str(value) for key, value in ABOUT.items()}
    place.commit(f"{number:08d}-x.safetensors", shard.packed(shard.Shard(rows, emb, []), about))


@pytest.fixture
def emb():
    return unit(1100, 0)


@pytest.fixture
def stored(tmp_path, emb):
    archive.begun(tmp_path / "emb", ABOUT)
    for number, first in enumerate(range(0, 1100, 300)):
        commit(Place(tmp_path / "emb"), number, emb[first : first + 300], first)
    return scale.open_archive(tmp_path / "emb")


@pytest.fixture
def approximate(monkeypatch):
    """Small galleries are searched as large ones are."""
    monkeypatch.setattr("utils.scale.index.EXACT", 0)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """An archive with an index of each kind; to learn the codes of a product quantiser takes seconds."""
    home, patch = tmp_path_factory.mktemp("built"), pytest.MonkeyPatch()
    archive.begun(home / "emb", ABOUT)
    for number, first in enumerate(range(0, 1100, 300)):
        commit(Place(home / "emb"), number, unit(1100, 0)[first : first + 300], first)
    patch.setattr(kinds, "PIECE_ROWS", 600)
    for kind in scale.KINDS:
        scale.build_index(home / "emb", home / kind, kind)
    patch.undo()
    return home


@pytest.fixture(params=scale.KINDS)
def index(request, built, tmp_path, approximate):
    shutil.copytree(built / "emb", tmp_path / "emb")
    shutil.copytree(built / request.param, tmp_path / "index")
    return reopened(tmp_path)


def reopened(folder):
    return scale.open_index(folder / "index", folder / "emb")


def recall(found, truth):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, truth, strict=True)])


def test_every_kind_finds_what_exact_search_finds_with_exact_scores(index, emb):
    queries = unit(40, 1)
    scores, found = search.top_k(queries, index, k=10)
    wanted = search.top_k(queries, emb, k=10)
    assert scores.dtype == np.float32 and found.dtype == np.int64 and found.shape == (40, 10)
    assert recall(found, wanted[1]) >= (1.0 if index.kind == "flat" else 0.95)
    np.testing.assert_allclose(scores, np.take_along_axis(queries @ emb.T, found, axis=1), atol=1e-6)
    assert (np.diff(scores, axis=1) <= 0).all()


def test_pieces_cover_runs_of_shards(index):
    spans = [(piece["first"], piece["last"]) for piece in index._card["pieces"]]
    assert spans == ([] if index.kind == "flat" else [(0, 2), (2, 4)])


@pytest.mark.parametrize("share", [0.5, 0.05])
def test_a_mask_lets_only_what_it_allows_be_found(index, emb, share):
    mask = np.random.default_rng(2).random(1100) < share
    queries = unit(30, 3)
    found = search.top_k(queries, index, k=5, mask=mask)[1]
    assert mask[found].all()
    assert recall(found, search.top_k(queries, emb, k=5, mask=mask)[1]) >= 0.95


def test_there_are_as_many_columns_as_allowed_photos(index):
    few = np.zeros(1100, bool)
    few[[7, 1000]] = True
    assert np.sort(search.top_k(unit(3, 4), index, k=5, mask=few)[1]).tolist() == [[7, 1000]] * 3
    assert search.top_k(unit(3, 4), index, mask=np.zeros(1100, bool))[1].shape == (3, 0)
    assert search.top_k(unit(2, 4), index, k=5000)[1].shape == (2, 1100)


def test_where_proposals_are_too_few_the_vectors_are_read(index, monkeypatch, emb):
    monkeypatch.setattr(
        pieces, "proposed", lambda *asked: (np.zeros((len(asked[2]), 1)), np.full((len(asked[2]), 1), -1))
    )
    queries = unit(3, 5)
    np.testing.assert_array_equal(search.top_k(queries, index, k=4)[1], search.top_k(queries, emb, k=4)[1])


def test_removed_photos_are_not_found_now_or_later(index, tmp_path):
    query = unit(1, 6)
    first = search.top_k(query, index, k=3)[1][0]
    assert index.remove(index.rows(first)["image_id"]) == 3
    for searched in (index, reopened(tmp_path)):
        assert not set(search.top_k(query, searched, k=50)[1][0]) & set(first)
    assert index.remove(["p5"]) in (3, 4)
    with pytest.raises(ValueError, match=r"holds no photo 'gone' \(1 ids are not there\)"):
        index.remove(["p1", "gone"])


def test_removed_photos_stay_removed_when_they_come_later_and_when_the_index_is_built_anew(index, tmp_path, emb):
    commit(Place(tmp_path / "emb"), 9, unit(3, 7), first=2000)
    one, other = reopened(tmp_path), reopened(tmp_path)
    assert (one.remove(["p2001"]), other.remove(["p5"])) == (1, 2)
    other.update()
    again = scale.build_index(tmp_path / "emb", tmp_path / "index", index.kind)
    for searched in (other, again, reopened(tmp_path)):
        found = search.top_k(np.stack([emb[5], unit(3, 7)[1]]), searched, k=20)[1]
        assert not {5, 1101} & set(found.ravel())
    with pytest.raises(ValueError, match=r"remove\('p11'\): give a list"):
        other.remove("p11")


def test_an_index_that_another_process_has_updated_is_read_before_it_is_updated_again(index, tmp_path):
    one, other = reopened(tmp_path), reopened(tmp_path)
    for number, searched in ((9, one), (10, other), (11, one)):
        commit(Place(tmp_path / "emb"), number, unit(30, number), first=1000 * number)
        assert searched.update() == 30 + 30 * (number > 9)
    for searched in (one, reopened(tmp_path)):
        found = search.top_k(unit(30, 10)[:4], searched, k=5)[1]
        assert found[:, 0].tolist() == [1130, 1131, 1132, 1133] and all(len(set(row)) == 5 for row in found.tolist())


def test_shards_of_failures_alone_change_nothing(index, tmp_path):
    about = {key: str(value) for key, value in ABOUT.items()}
    lost = {"image_id": "gone", "path": "gone.jpg", "reason": "cannot be read", "lasts": False}
    empty = shard.Shard([], np.zeros((0, DIM), np.float32), [lost])
    Place(tmp_path / "emb").commit("00000009-x.safetensors", shard.packed(empty, about))
    queries = unit(5, 1)
    before = search.top_k(queries, index, k=5)[1]
    assert index.update() == 0
    for searched in (index, reopened(tmp_path)):
        np.testing.assert_array_equal(search.top_k(queries, searched, k=5)[1], before)


def test_what_comes_is_added_in_pieces_too(index, tmp_path, monkeypatch):
    monkeypatch.setattr(kinds, "PIECE_ROWS", 60)
    for number in (9, 10, 11):
        commit(Place(tmp_path / "emb"), number, unit(30, number), first=1000 * number)
    index.update()
    spans = [(piece["first"], piece["last"]) for piece in index._card["pieces"][2:]]
    assert spans == ([] if index.kind == "flat" else [(4, 6), (6, 7)])


def test_an_update_after_shards_were_taken_away_is_refused_and_changes_nothing(index, tmp_path):
    (tmp_path / "emb" / "00000001-x.safetensors").unlink()
    commit(Place(tmp_path / "emb"), 9, unit(3, 7), first=2000)
    before = (tmp_path / "index" / "index.json").read_bytes()
    with pytest.raises(ValueError, match="built from other shards than"):
        index.update()
    assert (tmp_path / "index" / "index.json").read_bytes() == before and len(index) == 1100


def test_masks_are_those_of_the_index_though_its_archive_grew(index, tmp_path):
    commit(Place(tmp_path / "emb"), 9, unit(3, 7), first=2000)
    newer = reopened(tmp_path)
    with pytest.raises(ValueError, match=r"it must be \(1100,\) bool \(index.manifest\(\)\)"):
        search.top_k(unit(1, 1), newer, mask=np.ones(1103, bool))
    assert search.filter_mask(newer.manifest(columns=["even"]), even=True).sum() == 550


def test_photos_that_came_are_added_without_a_rebuild(index, emb, tmp_path):
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "index").glob("piece-*")}
    index.remove(["p3"])
    new = unit(50, 7)
    commit(Place(tmp_path / "emb"), 9, new, first=2000)
    assert (index.update(), index.update(), len(index)) == (50, 0, 1150)
    for searched in (index, reopened(tmp_path)):
        found = search.top_k(new[:5], searched, k=1)[1][:, 0]
        assert found.tolist() == [1100, 1101, 1102, 1103, 1104]
        assert list(searched.rows(found)["image_id"]) == [f"p{2000 + i}" for i in range(5)]
        assert 3 not in search.top_k(emb[3:4], searched, k=5)[1]
    assert before.items() <= {p.name: p.stat().st_mtime_ns for p in (tmp_path / "index").glob("piece-*")}.items()


def test_equal_scores_stand_in_order_of_position(stored, tmp_path, approximate):
    same = np.repeat(unit(1, 8), 400, axis=0)
    archive.begun(tmp_path / "same", ABOUT)
    for number in range(2):
        commit(Place(tmp_path / "same"), number, same[:200], first=200 * number)
    index = scale.build_index(tmp_path / "same", tmp_path / "flat", "flat")
    assert search.top_k(same[:1], index, k=5)[1].tolist() == [[0, 1, 2, 3, 4]]


def test_a_filter_comes_from_the_manifest(index):
    mask = search.filter_mask(index.archive.manifest(), even=True)
    assert index.rows(search.top_k(unit(1, 9), index, mask=mask)[1][0])["even"].all()


@pytest.mark.parametrize(
    ("queries", "options", "message"),
    [
        (np.zeros((0, DIM)), {}, "queries has shape"),
        (np.ones((1, 3)), {}, "queries have 3 dimensions, the gallery 16"),
        (np.full((1, DIM), np.nan), {}, "NaN or infinite"),
        (np.ones((1, DIM)), {"k": 0}, "k is 0"),
        (np.ones((1, DIM)), {"mask": np.ones(7, bool)}, r"it must be \(1100,\) bool"),
    ],
)
def test_queries_are_checked_as_for_arrays(index, queries, options, message):
    with pytest.raises(ValueError, match=message):
        search.top_k(queries, index, **options)


# building and opening


def test_the_rule_goes_from_exact_to_quick_to_small():
    sizes = [1, kinds.FLAT_MOST, kinds.FLAT_MOST + 1, kinds.HNSW_MOST, kinds.HNSW_MOST + 1, 10**8]
    assert [scale.choose(n) for n in sizes] == ["flat", "flat", "hnsw", "hnsw", "ivfpq", "ivfpq"]


def test_the_kind_follows_from_the_rule_where_none_is_asked_for(stored, tmp_path, monkeypatch):
    assert scale.build_index(stored, tmp_path / "a").kind == "flat"
    monkeypatch.setattr(kinds, "FLAT_MOST", 1000)
    assert scale.build_index(stored, tmp_path / "b").kind == "hnsw"


def test_lists_of_ivf_stay_on_disk(built):
    import faiss

    index = scale.open_index(built / "ivfpq")
    lists = faiss.downcast_InvertedLists(faiss.extract_index_ivf(index._pieces[0]).invlists)
    assert isinstance(lists, faiss.OnDiskInvertedLists)


def test_an_archive_in_remote_storage_is_fetched_once_and_searched(emb, tmp_path, approximate, monkeypatch):
    fs, fetched = Place("memory://far").fs, []
    own = type(fs).get_file
    monkeypatch.setattr(
        type(fs), "get_file", lambda self, *asked, **more: (fetched.append(asked), own(self, *asked, **more))
    )
    archive.begun("memory://far/emb", ABOUT)
    commit(Place("memory://far/emb"), 0, emb[:500])
    index = scale.build_index("memory://far/emb", tmp_path / "index", "hnsw")
    assert recall(search.top_k(emb[:20], index, k=1)[1], np.arange(20)[:, None]) >= 0.95
    search.top_k(emb[:5], scale.open_index(tmp_path / "index"), k=1)
    assert len(fetched) == 1
    Place("memory://far").fs.rm("/far", recursive=True)


def test_unknown_kinds_too_few_photos_and_strange_folders_are_refused(stored, tmp_path):
    with pytest.raises(ValueError, match="kind 'lsh': kinds are flat, hnsw, ivfpq"):
        scale.build_index(stored, tmp_path / "index", "lsh")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("years")
    with pytest.raises(ValueError, match="other holds something else than an index"):
        scale.build_index(stored, tmp_path / "other")
    archive.begun(tmp_path / "few", ABOUT)
    commit(Place(tmp_path / "few"), 0, unit(100, 1))
    with pytest.raises(ValueError, match="256 photos at least, not 100: take 'flat'"):
        scale.build_index(tmp_path / "few", tmp_path / "index", "ivfpq")
    assert not (tmp_path / "index").exists()


@pytest.mark.slow
def test_a_calibrated_index_finds_what_was_asked_for(built, tmp_path, approximate, monkeypatch):
    """A quarter of the lists holds too little of what has no clusters; the effort found is kept."""
    monkeypatch.setattr(kinds, "LEAST_PROBED", 1)
    archive.begun(tmp_path / "emb", ABOUT)
    rows = np.random.default_rng(3).standard_normal((3000, DIM)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    commit(Place(tmp_path / "emb"), 0, rows)
    usual = scale.build_index(tmp_path / "emb", tmp_path / "usual", "ivfpq", recall=None)
    index = scale.build_index(tmp_path / "emb", tmp_path / "index", "ivfpq")
    assert (
        (usual.effort, index.effort) == (1, reopened(tmp_path).effort) and index.effort > 1 and np.isnan(usual.recall)
    )
    queries = np.random.default_rng(4).standard_normal((200, DIM)).astype(np.float32)
    truth = search.top_k(queries, rows, k=10)[1]
    found = {which: recall(search.top_k(queries, which, k=10)[1], truth) for which in (usual, index)}
    assert found[usual] < 0.8 and found[index] > 0.9 and reopened(tmp_path).recall == index.recall >= 0.95
    assert usual.calibrate(0.5) < 0.95 and usual.effort < index.effort
    assert usual.calibrate(0.9, queries[:30]) >= 0.9


def test_what_an_index_cannot_reach_is_said(index, monkeypatch):
    if index.kind == "flat":
        assert index.calibrate(1.0) == index.recall == 1.0
        return
    monkeypatch.setattr(scale.Index, "_proposals", lambda self, queries, *_: [np.arange(20)] * len(queries))
    with pytest.warns(
        UserWarning, match=r"finds 0\.\d+ of the nearest photos .* not 1.0; an index of kind 'flat' finds all"
    ):
        assert index.calibrate(1.0) < 1
    for wrong, message in (
        ({"recall": 1.5}, "recall is 1.5"),
        ({"queries": np.ones((1, 3))}, "queries have 3 dimensions"),
    ):
        with pytest.raises(ValueError, match=message):
            index.calibrate(**wrong)


def test_an_index_that_has_outgrown_what_it_learned_from_says_so(index, tmp_path):
    commit(Place(tmp_path / "emb"), 9, unit(1101, 7), first=2000)
    if index.kind == "flat":
        assert index.update() == 1101
    else:
        with pytest.warns(UserWarning, match=r"built from 1,100 photos and holds 2,201: build it anew .*as 'flat'"):
            index.update()


def test_a_flat_index_says_when_the_rule_would_take_another(stored, tmp_path, monkeypatch):
    monkeypatch.setattr(kinds, "FLAT_MOST", 1100)
    index = scale.build_index(stored, tmp_path / "index")
    commit(Place(tmp_path / "emb"), 9, unit(1, 7), first=2000)
    with pytest.warns(UserWarning, match="by default as 'hnsw'"):
        index.update()


def test_an_index_is_built_over_what_the_archive_holds_by_now(stored, tmp_path):
    commit(Place(tmp_path / "emb"), 9, unit(5, 7), first=2000)
    assert len(stored) == 1100 and len(scale.build_index(stored, tmp_path / "index")) == 1105


def test_an_index_that_is_updated_while_it_is_opened_is_one_or_the_other(index, tmp_path, monkeypatch, emb):
    own = scale.open_archive

    def meanwhile(url):
        found = own(url)
        monkeypatch.setattr("utils.scale.index.open_archive", own)
        commit(Place(tmp_path / "emb"), 9, unit(50, 7), first=2000)
        index.update()
        return found

    monkeypatch.setattr("utils.scale.index.open_archive", meanwhile)
    opened = reopened(tmp_path)
    assert (len(opened), len(index)) == (1100, 1150)
    assert search.top_k(emb[:5], opened, k=1)[1][:, 0].tolist() == [0, 1, 2, 3, 4]


def test_what_killed_builds_have_left_goes_and_nothing_else(stored, tmp_path):
    left, others = tmp_path / ".index-6a1witsh", [tmp_path / ".index-notes123", tmp_path / ".index2-6a1witsh"]
    for folder in (left, *others):
        folder.mkdir()
    (left / "piece-00000000.faiss").write_bytes(b"half")
    (others[0] / "thesis.txt").write_text("years")
    scale.build_index(stored, tmp_path / "index")
    assert not left.exists() and all(folder.exists() for folder in others)


@pytest.mark.parametrize("folder", ["s3://reef/index", Path("s3:/reef/index")])
def test_an_index_lies_on_this_machine(stored, folder):
    for call in (lambda: scale.build_index(stored, folder), lambda: scale.open_index(folder)):
        with pytest.raises(ValueError, match="is a URL, but an index lies on this machine"):
            call()


def test_an_archive_within_the_folder_of_an_index_is_not_taken_away_with_it(tmp_path):
    archive.begun(tmp_path / "index" / "emb", ABOUT)
    commit(Place(tmp_path / "index" / "emb"), 0, unit(10, 1))
    (tmp_path / "index" / "index.json").write_text("{}")
    with pytest.raises(ValueError, match=r"index holds something else than an index \(emb\)"):
        scale.build_index(tmp_path / "index" / "emb", tmp_path / "index")
    assert len(scale.open_archive(tmp_path / "index" / "emb")) == 10


def test_an_index_of_another_archive_is_refused_naming_both(stored, tmp_path, emb):
    scale.build_index(stored, tmp_path / "index")
    archive.begun(tmp_path / "other", ABOUT | {"model": "other", "fingerprint": "b" * 64})
    with pytest.raises(ValueError, match=r"of made \(a+\), but .*other holds those of other \(b+\)"):
        scale.open_index(tmp_path / "index", tmp_path / "other")
    (tmp_path / "emb" / "00000001-x.safetensors").unlink()
    with pytest.raises(ValueError, match="built from other shards"):
        scale.open_index(tmp_path / "index")


def test_an_archive_that_was_moved_is_asked_for_and_remembered(stored, tmp_path):
    scale.build_index(stored, tmp_path / "index")
    (tmp_path / "emb").rename(tmp_path / "moved")
    with pytest.raises(FileNotFoundError, match=r"the archive of this index is not at .*open_index\(folder, archive="):
        scale.open_index(tmp_path / "index")
    scale.open_index(tmp_path / "index", tmp_path / "moved").update()
    assert len(scale.open_index(tmp_path / "index")) == 1100


def test_an_index_where_a_file_is_and_one_that_cannot_be_written_are_named(stored, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="file is a file; give a folder"):
        scale.build_index(stored, tmp_path / "file")

    def full(*args):
        raise RuntimeError("Error: 'ret == (size)' failed: write error")

    monkeypatch.setattr("faiss.write_index", full)
    with pytest.raises(OSError, match="could not be written: is the disk full"):
        scale.build_index(stored, tmp_path / "index", "hnsw")
    assert not (tmp_path / "index").exists()


def test_no_index_and_a_damaged_one_are_named(stored, tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no index"):
        scale.open_index(tmp_path)
    scale.build_index(stored, tmp_path / "index", "hnsw")
    (piece,) = (tmp_path / "index").glob("piece-*")
    piece.write_bytes(piece.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"piece-00000000.faiss is no whole index"):
        scale.open_index(tmp_path / "index")
