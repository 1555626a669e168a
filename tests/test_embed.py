"""Batched, cached embedding: with a counting stand-in for the model, and once with a real tiny one."""

import pickle
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from utils import embed, encoders, files
from utils.embed import crops, embedding, items, store
from utils.encoders.preprocess import Preprocess


class Counting:
    """Embeds an image by its mean colours and a text by its length, and counts what it is asked for."""

    def __init__(self, fingerprint="a" * 64):
        self.fingerprint, self.dim, self.preprocessing = (
            fingerprint,
            4,
            Preprocess(8, 8),
        )
        self.encoded, self.batches, self.truncated = 0, [], 0

    def preprocess(self, image):
        return self.preprocessing(image)

    def encode_pixels(self, pixels):
        self.encoded += len(pixels)
        self.batches.append(len(pixels))
        return self._unit(pixels.mean(dim=(2, 3)))

    def tokenize(self, texts):
        self.truncated += sum(len(text) > 20 for text in texts)

    def encode_texts(self, texts):
        self.tokenize(texts)
        self.encoded += len(texts)
        return self._unit(torch.tensor([[len(t), t.count("e"), 1.0] for t in texts]))

    def _unit(self, rows):
        rows = torch.cat([rows, torch.ones(len(rows), 1)], dim=1)
        return torch.nn.functional.normalize(rows).numpy().astype(np.float32)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("REEF_OUT", str(tmp_path / "out"))
    return tmp_path / "out" / "artifacts" / "embeddings"


def save(path, seed, size=(24, 16)):
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(colours).save(path)
    return path


@pytest.fixture
def paths(tmp_path):
    return [save(tmp_path / "photos" / f"bild {i} é.png", i) for i in range(10)]


def expected(items):
    return np.vstack([embed.images(Counting(), [item], cache=False) for item in items])


def test_rows_are_in_order_unit_float32_and_do_not_depend_on_the_batch(paths):
    mixed = [paths[3], *reversed(paths)]
    for batch in (1, 3, 64):
        emb = embed.images(Counting(), mixed, batch=batch, cache=False)
        assert emb.dtype == np.float32 and emb.shape == (11, 4)
        np.testing.assert_allclose(emb, expected(mixed), atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(emb, axis=1), 1, atol=1e-6)


def test_batches_have_the_size_that_was_asked_for(paths):
    encoder = Counting()
    embed.images(encoder, paths, batch=4)
    assert encoder.batches == [4, 4, 2]


def test_no_items_give_no_rows():
    assert embed.images(Counting(), []).shape == (0, 4)
    assert embed.texts(Counting(), []).shape == (0, 4)
    emb, index, failures = embed.readable(Counting(), [])
    assert emb.shape == (0, 4) and index.shape == (0,) and failures == {}


def test_duplicates_and_copies_under_another_name_are_encoded_once(paths, tmp_path):
    copy = tmp_path / "copy.png"
    copy.write_bytes(paths[0].read_bytes())
    encoder = Counting()
    emb = embed.images(encoder, [paths[0], str(paths[0]), copy, paths[1]])
    assert encoder.encoded == 2
    assert np.array_equal(emb[0], emb[1]) and np.array_equal(emb[0], emb[2]) and not np.array_equal(emb[0], emb[3])


def test_adding_one_image_encodes_one(paths):
    encoder = Counting()
    embed.images(encoder, paths[:9])
    embed.images(encoder, paths)
    assert encoder.encoded == 10
    np.testing.assert_array_equal(
        embed.images(encoder, paths[::-1]),
        embed.images(Counting("b" * 64), paths[::-1]),
    )
    assert encoder.encoded == 10


def test_the_key_changes_with_bytes_crop_and_encoder(paths):
    encoder, path = Counting(), paths[0]
    box = (2, 2, 10, 6)
    for item in [
        path,
        (path, box, "tight"),
        (path, box, "pad"),
        (path, (2, 2, 10, 7), "tight"),
    ] * 2:
        embed.images(encoder, [item])
    assert encoder.encoded == 4
    save(path, 99)
    embed.images(encoder, [path])
    assert encoder.encoded == 5
    other = Counting("c" * 64)
    embed.images(other, [path])
    assert other.encoded == 1


def test_without_the_cache_nothing_is_written_or_read(paths, cache):
    encoder = Counting()
    for _ in range(2):
        embed.images(encoder, paths, cache=False)
        embed.texts(encoder, ["net"], cache=False)
    assert encoder.encoded == 22 and not cache.exists()


def test_a_call_writes_one_file_and_leaves_no_other(paths, cache):
    embed.images(Counting(), paths)
    embed.images(Counting(), paths)
    assert [path.suffix for path in cache.rglob("*") if path.is_file()] == [".npz"]


def test_a_bad_image_is_named_and_the_others_are_kept(paths, tmp_path):
    broken, absent = tmp_path / "broken.jpg", tmp_path / "absent.jpg"
    broken.write_bytes(b"\xff\xd8\xff no image")
    items, encoder = [paths[0], broken, absent, paths[1]], Counting()
    with pytest.raises(ValueError, match="2 of 4 images .*broken.jpg.*absent.jpg"):
        embed.images(encoder, items)
    emb, index, failures = embed.readable(encoder, items)
    assert encoder.encoded == 2
    assert index.tolist() == [0, 3] and sorted(failures) == [1, 2] and "absent.jpg" in failures[2]
    np.testing.assert_allclose(emb, expected([paths[0], paths[1]]), atol=1e-6)


def solid(path, left, right, size=(20, 10)):
    image = Image.new("RGB", size, left)
    image.paste(right, (size[0] // 2, 0, *size))
    image.save(path)
    return path


def test_a_tight_box_sees_its_own_part_only(tmp_path):
    path = solid(tmp_path / "two.png", "red", "blue")
    plain = {colour: solid(tmp_path / f"{colour}.png", colour, colour) for colour in ("red", "blue")}
    emb = embed.images(
        Counting(),
        [
            (path, (-5, 0, 10, 10), "tight"),
            (path, np.array([10, 0, 99, 10.0]), "tight"),
        ],
    )
    np.testing.assert_allclose(emb, expected([plain["red"], plain["blue"]]), atol=1e-6)


def test_a_padded_box_shows_the_whole_part_on_the_mean_colour(tmp_path):
    seen = []
    encoder = Counting()
    encoder.preprocess = lambda image: seen.append(image) or encoder.preprocessing(image)
    embed.images(encoder, [(solid(tmp_path / "two.png", "red", "blue"), (0, 4, 20, 9), "pad")])
    (square,) = seen
    assert square.size == (20, 20)
    assert square.getpixel((0, 0)) == (123, 117, 104)  # 255 * CLIP's mean
    assert square.getpixel((0, 9)) == (255, 0, 0) and square.getpixel((19, 9)) == (
        0,
        0,
        255,
    )


@pytest.mark.parametrize("kind", [str, Path])
def test_one_path_alone_is_one_image(paths, kind):
    np.testing.assert_array_equal(embed.images(Counting(), kind(paths[0])), embed.images(Counting(), paths[:1]))
    emb, index, failures = embed.readable(Counting(), kind(paths[0].with_name("absent.png")))
    assert emb.shape == (0, 4) and len(index) == 0 and "absent.png" in failures[0]


@pytest.mark.parametrize(
    "item", [5, None, 2.5, b"a.png", (), ("a.png",), ("a.png", (0, 0, 9, 9)), ["a.png"], (5, (0, 0, 9, 9), "pad")]
)
def test_what_is_no_path_is_named_and_no_file_is_opened(paths, item):
    with pytest.raises(ValueError, match=r"1 of 2 images .* is neither a path nor \(path, box_xyxy, style\)"):
        embed.images(Counting(), [paths[0], item])
    assert list(embed.readable(Counting(), [item, paths[0]]).failures) == [0]


@pytest.mark.parametrize(
    "box", [None, 5, "wide", (1, 2, 3), (1, 2, 3, 4, 5), (1, 2, None, 4), (0, 0, 10**400, 9), [[1], [2], [3], [4]]]
)
def test_a_box_that_is_not_four_numbers_is_named(paths, box):
    with pytest.raises(ValueError, match="bild 0 é.png.*box .* must be four numbers"):
        embed.images(Counting(), [(paths[0], box, "tight")])


@pytest.mark.parametrize("style", [None, 5, "", ["tight"]])
def test_a_style_of_another_type_is_named(paths, style):
    with pytest.raises(ValueError, match="bild 0 é.png: unknown crop style .*: choose tight or pad"):
        embed.images(Counting(), [(paths[0], (0, 0, 9, 9), style)])


def test_items_of_a_table_are_counted_by_place_and_not_by_index(paths):
    items = pd.Series([paths[0], paths[0].with_name("absent.png")], index=[7, 9])
    assert "absent.png" in embed.readable(Counting(), items).failures[1]


@pytest.mark.parametrize("sentences", [["net", None], [5, "net"], ["net", float("nan")], ["net", b"net"]])
def test_a_sentence_that_is_no_string_is_named(sentences):
    with pytest.raises(ValueError, match="1 of 2 sentences are no strings, such as"):
        embed.texts(Counting(), sentences)


@pytest.mark.parametrize(
    "box",
    [(5, 5, 5, 9), (9, 0, 3, 9), (50, 0, 60, 9), (-9, 0, -1, 9), (np.nan, 0, 9, 9)],
)
def test_an_empty_or_outside_box_is_named(paths, box):
    with pytest.raises(ValueError, match="bild 0 é.png.*box"):
        embed.images(Counting(), [(paths[0], box, "tight")])


def test_an_unknown_crop_style_is_named(paths):
    with pytest.raises(ValueError, match="unknown crop style 'loose'"):
        embed.images(Counting(), [(paths[0], (0, 0, 9, 9), "loose")])


def shown(path, box, style):
    """The picture that an encoder is given, as (height, width, 3); padding is (0, 128, 255)."""
    return np.asarray(items.picture((path, box, style), (0.0, 128 / 255, 1.0))).astype(int)


PADDING = [0, 128, 255]


def test_context_shows_a_quarter_more_on_each_side_within_the_image(tmp_path):
    image = Image.new("RGB", (40, 20), "white")
    image.paste("red", (10, 8, 18, 12))
    image.save(tmp_path / "a.png")
    square = shown(tmp_path / "a.png", (10, 8, 18, 12), "context")
    assert square.shape == (12, 12, 3)  # two px more left and right, one above and below, and three of padding
    expected = np.full((12, 12, 3), 255)
    expected[:3] = expected[9:] = PADDING
    expected[4:8, 2:10] = [255, 0, 0]
    np.testing.assert_array_equal(square, expected)
    corner = shown(tmp_path / "a.png", (-9, -9, 4, 4), "context")
    assert corner.shape == (5, 5, 3) and (corner == 255).all(), "the box is clipped before it grows"


def test_blur_leaves_the_box_sharp_and_nothing_else(tmp_path):
    stripes = np.zeros((20, 40, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "a.png")
    square = shown(tmp_path / "a.png", (10, 5, 20, 15), "blur")
    assert square.shape == (40, 40, 3) and (square[:10] == PADDING).all() and (square[30:] == PADDING).all()
    inner = square[10:30]
    np.testing.assert_array_equal(inner[5:15, 10:20], stripes[5:15, 10:20])
    outside = np.ones((20, 40), bool)
    outside[5:15, 10:20] = False
    assert inner[outside].min() > 80 and inner[outside].max() < 175, "no stripe is left"


@pytest.mark.parametrize(("size", "reach"), [((40, 20), 16), ((400, 200), 160)])
def test_blur_is_as_wide_as_the_image_is_large(tmp_path, size, reach):
    solid(tmp_path / "two.png", "black", "white", size)
    row = shown(tmp_path / "two.png", (0, 0, 1, 1), "blur")[size[0] // 2, :, 0]
    assert 2 < row[size[0] // 2 - reach // 4] < 100 < row[size[0] // 2 + reach // 8] < 253


def test_circle_draws_a_red_ellipse_round_the_box_and_hides_nothing_of_its_middle(tmp_path):
    Image.new("RGB", (200, 100), "white").save(tmp_path / "a.png")
    square = shown(tmp_path / "a.png", (60, 30, 120, 70), "circle")
    assert square.shape == (200, 200, 3) and (square[:50] == PADDING).all() and (square[150:] == PADDING).all()
    red = (square[50:150] == [255, 0, 0]).all(axis=2)
    rows, columns = np.nonzero(red)
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (57, 122, 27, 72), "three px outside the box"
    assert red[50, 57:60].all() and not red[50, 60:120].any() and red[50, 120:123].all()
    assert not red[30:70, 60:120][8:32, 12:48].any() and not red[30, 60], "its corners lie outside the ellipse"
    assert (square[50:150][~red] == 255).all()


@pytest.mark.parametrize("style", crops.STYLES)
def test_every_style_is_a_square_but_the_tight_one_and_takes_a_box_of_one_pixel(tmp_path, style):
    path = solid(tmp_path / "two.png", "red", "blue", (30, 10))
    assert shown(path, (4, 2, 14, 6), style).shape[:2] == {"tight": (4, 10), "pad": (10, 10)}.get(
        style, (16, 16) if style == "context" else (30, 30)
    )
    for box in ((29, 9, 30, 10), (0, 0, 1, 1), (4.2, 3.1, 4.3, 3.2), (-5, -5, 99, 99), (0, 0, np.inf, np.inf)):
        pixels = shown(path, box, style)
        assert pixels.shape[0] == pixels.shape[1] or style == "tight"
    one = Image.new("L", (1, 1), 77)
    one.save(tmp_path / "one.png")
    pixels = shown(tmp_path / "one.png", (0, 0, 1, 1), style)
    assert pixels.shape == (1, 1, 3) and (style == "circle" or (pixels == 77).all())
    for box in ((5, 5, 5, 9), (9, 0, 3, 9), (50, 0, 60, 9), (-9, 0, -1, 9), (np.nan, 0, 9, 9)):
        with pytest.raises(ValueError, match="two.png: box .* is empty or outside the image of 30 x 10 px"):
            embed.images(Counting(), [(path, box, style)])


@pytest.mark.parametrize("style", crops.STYLES)
@pytest.mark.parametrize("kind", ["EXIF", "RGBA", "L", "P"])
def test_every_style_fits_turned_transparent_and_grey_images(tmp_path, style, kind):
    upright = Image.new("RGB", (30, 12), "white")
    upright.paste((102, 102, 102), (20, 2, 28, 6))
    upright.save(tmp_path / "plain.png")
    path = tmp_path / f"{kind}.png"
    if kind == "EXIF":
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned clockwise
        upright.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    elif kind == "RGBA":
        see_through = upright.convert("RGBA")
        see_through.paste((0, 0, 0, 0), (0, 0, 8, 8))  # which shows as white
        see_through.save(path)
    else:
        upright.convert(kind).save(path)
    box = (20, 2, 28, 6)
    np.testing.assert_array_equal(shown(path, box, style), shown(tmp_path / "plain.png", box, style))


def test_another_width_of_a_style_is_another_crop(paths, monkeypatch):
    box = (2, 2, 10, 6)
    before = {style: items.key_of((paths[0], box, style)) for style in crops.STYLES}
    assert len(set(before.values())) == len(crops.STYLES)
    for name in ("CONTEXT", "BLUR", "LINE"):
        monkeypatch.setattr(crops, name, 0.3)
    after = {style: items.key_of((paths[0], box, style)) for style in crops.STYLES}
    assert [style for style in crops.STYLES if before[style] != after[style]] == ["context", "blur", "circle"]


def truncate(path):
    path.write_bytes(path.read_bytes()[:-40])


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)


def empty(path):
    path.write_bytes(b"")


class Payload:
    """Writes a file when it is unpickled."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def plain_pickle(path):
    path.write_bytes(pickle.dumps(Payload(path.with_name("harmed"))))


def array_of_objects(path):
    objects = np.array([Payload(path.with_name("harmed"))], dtype=object)
    with open(path, "wb") as file:
        np.savez(file, keys=objects, emb=objects, allow_pickle=True)


def bare_array(path):
    with open(path, "wb") as file:
        np.save(file, np.zeros(3))


def wrong_width(path):
    with open(path, "wb") as file:
        np.savez(file, keys=np.zeros((2, 32), np.uint8), emb=np.ones((2, 3), np.float32))


DAMAGE = [
    truncate,
    flip_a_bit,
    empty,
    plain_pickle,
    array_of_objects,
    bare_array,
    wrong_width,
]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_reported_recomputed_and_replaced(paths, cache, damage):
    first = embed.images(Counting(), paths)
    (shard,) = cache.rglob("*.npz")
    damage(shard)
    encoder = Counting()
    with pytest.warns(UserWarning, match="damaged"):
        np.testing.assert_array_equal(embed.images(encoder, paths), first)
    assert encoder.encoded == 10 and not shard.exists() and not list(cache.rglob("harmed"))
    (replaced,) = cache.rglob("*.npz")
    assert zipfile.ZipFile(replaced).testzip() is None
    embed.images(encoder, paths)
    assert encoder.encoded == 10


def test_a_file_that_another_process_is_writing_is_left_alone(paths, cache, recwarn):
    embed.images(Counting(), paths[:1])
    (shard,) = cache.rglob("*.npz")
    with files.atomic_write(shard.with_name("other.npz")) as half:
        half.write_bytes(shard.read_bytes()[:50])
        embed.images(Counting(), paths[:2])
        assert half.exists() and not recwarn.list


def test_a_damaged_file_that_cannot_be_removed_is_ignored(paths, cache, monkeypatch):
    embed.images(Counting(), paths)
    (shard,) = cache.rglob("*.npz")
    truncate(shard)

    def refuse(path, missing_ok=False):
        raise PermissionError(f"{path}: read-only")

    monkeypatch.setattr(Path, "unlink", refuse)
    monkeypatch.setattr(store.Store, "save", lambda store: store.known.update(store.fresh))
    with pytest.warns(UserWarning, match="damaged"):
        assert embed.images(Counting(), paths).shape == (10, 4)
    assert shard.exists()


def test_rows_that_are_not_finite_are_not_believed(paths, cache):
    embed.images(Counting(), paths)
    (shard,) = cache.rglob("*.npz")
    keys = np.load(shard)["keys"]
    with open(shard, "wb") as file:
        np.savez(file, keys=keys, emb=np.full((10, 4), np.nan, np.float32))
    with pytest.warns(UserWarning, match="damaged"):
        assert np.isfinite(embed.images(Counting(), paths)).all()


def test_an_interrupted_run_keeps_what_it_has_done(paths):
    encoder = Counting()
    whole = encoder.encode_pixels
    encoder.encode_pixels = lambda pixels: (
        whole(pixels) if encoder.encoded < 6 else (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        embed.images(encoder, paths, batch=3)
    again = Counting()
    embed.images(again, paths, batch=3)
    assert (encoder.encoded, again.encoded) == (6, 4)


def test_a_long_run_is_saved_on_the_way(paths, cache, monkeypatch):
    monkeypatch.setattr(store, "SHARD_ROWS", 4)
    embed.images(Counting(), paths, batch=2)
    assert len(list(cache.rglob("*.npz"))) == 3
    encoder = Counting()
    embed.images(encoder, paths)
    assert encoder.encoded == 0


def test_a_cache_that_cannot_be_written_costs_a_warning_not_the_result(paths, cache):
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="not cached"):
        emb = embed.images(Counting(), paths)
    np.testing.assert_allclose(emb, expected(paths), atol=1e-6)


def test_many_writers_at_once_leave_only_whole_files(paths, cache):
    encoders_ = [Counting() for _ in range(8)]
    threads = [
        threading.Thread(target=embed.images, args=(encoder, paths[i % 3 : i % 3 + 6]))
        for i, encoder in enumerate(encoders_)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(zipfile.ZipFile(shard).testzip() is None for shard in cache.rglob("*.npz"))
    encoder = Counting()
    np.testing.assert_allclose(embed.images(encoder, paths[:8]), expected(paths[:8]), atol=1e-6)
    assert encoder.encoded == 0


def test_decoding_runs_ahead_of_encoding_but_not_without_bound():
    drawn = []
    items = (drawn.append(i) or i for i in range(100))
    results = embedding._ahead(lambda i: i * i, items, workers=2, ahead=5)
    assert next(results) == 0
    assert len(drawn) == 6
    assert list(results) == [i * i for i in range(1, 100)]


def test_texts_are_cached_in_order_and_counted_alike_when_known(cache):
    encoder, long = Counting(), "a sentence that is far too long"
    sentences = ["turtle", "", long, "turtle", "Océan 🐢"]
    first = embed.texts(encoder, sentences)
    assert (encoder.encoded, encoder.truncated) == (4, 1)
    np.testing.assert_array_equal(embed.texts(encoder, sentences[::-1]), first[::-1])
    assert (encoder.encoded, encoder.truncated) == (4, 2)
    assert np.array_equal(first[0], first[3]) and first.dtype == np.float32
    assert embed.texts(encoder, "turtle").shape == (1, 4)


def test_a_text_and_an_image_never_share_a_row(paths):
    encoder = Counting()
    embed.images(encoder, paths[:1])
    embed.texts(encoder, [files.sha256(paths[0])])
    assert encoder.encoded == 2


def test_a_progress_bar_is_shown_on_demand(paths, capsys):
    embed.images(Counting(), paths, progress=True)
    assert "10/10" in capsys.readouterr().err
    embed.images(Counting("b" * 64), paths)
    assert capsys.readouterr().err == ""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    from clip.model import CLIP

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("models") / "vit.pt"
    torch.save(CLIP(16, 64, 2, 64, 16, 77, 49408, 64, 1, 1).state_dict(), path)
    return path


def test_a_real_encoder_gives_the_same_rows_for_every_batch_size(tiny, tmp_path):
    items = [save(tmp_path / f"{i}.jpg", i, (90 + i, 70)) for i in range(9)]
    encoder = encoders.load(tiny, "cpu", "fp32")
    one, many = (embed.images(encoder, items, batch=batch, cache=False) for batch in (1, 64))
    np.testing.assert_allclose(one, many, atol=1e-5)
    direct = encoder.encode_pixels(torch.stack([encoder.preprocess(Image.open(path)) for path in items]))
    np.testing.assert_allclose(many, direct, atol=1e-5)


def test_another_precision_has_its_own_rows(tiny, paths):
    full, low = (embed.images(encoders.load(tiny, "cpu", precision), paths) for precision in ("fp32", "bf16"))
    assert not np.array_equal(full, low)
    assert (full * low).sum(axis=1).min() > 0.99


WRITER = """
import sys
from utils import embed, encoders, files
embed.images(encoders.load(sys.argv[1], "cpu", "fp32"), sys.argv[2:])
"""


@pytest.mark.slow
def test_two_processes_may_write_at_once(tiny, paths, cache):
    command = [sys.executable, "-c", WRITER, str(tiny)]
    root = Path(embed.__file__).parents[2]
    running = [subprocess.Popen(command + [str(p) for p in part], cwd=root) for part in (paths[:7], paths[3:])]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    encoder = encoders.load(tiny, "cpu", "fp32")
    encoder.encode_pixels = None  # everything is there: nothing may be encoded
    assert embed.images(encoder, paths).shape == (10, 16)
