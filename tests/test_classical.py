"""Features from before deep learning: each claim on drawn pictures."""

import json
import math
import warnings

import numpy as np
import pytest
from PIL import Image

from utils import classical, embed, files, metrics, search
from utils.classical import descriptors, encoder, matching, pictures, twostage

PLAIN = [classical.Hog(), classical.Lbp(size=64), classical.HsvHistogram(), classical.ShapeHistogram()]
KEYPOINTS = ("bow", "vlad", "orb")


def texture(seed, size=(96, 80)):
    """A picture full of keypoints: rectangles of random place, size and colour, the same for every size."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((80, 96, 3), np.uint8)
    for _ in range(60):
        x, y, width, height = rng.integers(0, (90, 74, 20, 20))
        pixels[y : y + height + 3, x : x + width + 3] = rng.integers(0, 256, 3)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)


def saved(folder, name, image):
    folder.mkdir(exist_ok=True)
    image.save(folder / name)
    return folder / name


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    return [saved(folder, f"{i}.png", texture(i)) for i in range(12)]


def learned(paths, seed=0):
    return {
        "eigen": classical.EigenImage.fit(paths, components=5, size=16, seed=seed),
        "bow": classical.BagOfWords.fit(paths, words=20, size=128, seed=seed),
        "vlad": classical.Vlad.fit(paths, words=4, size=128, descriptor="sift", seed=seed),
        "orb": classical.BagOfWords.fit(paths, words=10, size=128, descriptor="orb", seed=seed),
    }


@pytest.fixture(scope="module")
def fitted(paths):
    return learned(paths)


@pytest.fixture(scope="module")
def encoders(fitted):
    return {encoder.method: encoder for encoder in PLAIN} | fitted


METHODS = ["hog", "lbp", "hsv", "shape", "eigen", *KEYPOINTS]


# every encoder


@pytest.mark.parametrize("method", METHODS)
def test_an_encoder_serves_embed_and_search_like_clip(encoders, method, paths):
    encoder = encoders[method]
    emb = embed.images(encoder, paths, batch=5)
    assert emb.shape == (12, encoder.dim) and emb.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(emb, axis=1), 1, atol=1e-5)
    assert search.top_k(emb, emb, k=1)[1].ravel().tolist() == list(range(12))
    np.testing.assert_allclose(embed.images(encoder, paths[::-1], batch=1, cache=False), emb[::-1], atol=1e-6)
    pixels = encoder.preprocess(files.load_image(paths[0]))
    assert pixels.shape == (4, encoder.image_size, encoder.image_size)


@pytest.mark.parametrize("style", ["tight", "pad"])
def test_parts_of_pictures_are_embedded_too(encoders, style, paths):
    boxes = [(0, 0, 40, 30), (30, 20, 90, 75)]
    emb = embed.images(encoders["bow"], [(paths[0], box, style) for box in boxes])
    assert emb.shape == (2, 21) and emb[0] @ emb[1] < 0.99


def pictures_of_every_kind(folder):
    grey = texture(1).convert("L")
    made = {
        "one colour": Image.new("RGB", (40, 30), (30, 90, 200)),
        "black": Image.new("RGB", (40, 30)),
        "16 px": texture(2, (16, 16)),
        "1 px": Image.new("RGB", (1, 1), "red"),
        "grey": grey,
        "RGBA": texture(3).convert("RGBA"),
        "transparent": Image.new("RGBA", (20, 20), (0, 0, 0, 0)),
        "16 bit": Image.fromarray(np.asarray(grey).astype(np.uint16) * 256),
        "strip": texture(4, (600, 2)),
        "column": texture(4, (1, 300)),
        "two colours": Image.fromarray(np.repeat([[[0] * 3, [255] * 3]], 20, axis=0).repeat(10, 1).astype(np.uint8)),
    }
    return [saved(folder, f"{name}.png", image) for name, image in made.items()]


@pytest.mark.parametrize("method", METHODS)
def test_every_picture_gives_a_finite_unit_vector(encoders, method, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        emb = embed.images(encoders[method], pictures_of_every_kind(tmp_path / "odd"))
    assert np.isfinite(emb).all()
    np.testing.assert_allclose(np.linalg.norm(emb, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("method", ["hog", "shape", *KEYPOINTS])
def test_pictures_without_anything_are_alike_and_like_no_other(encoders, method, paths, tmp_path):
    plain = [saved(tmp_path / "plain", f"{c}.png", Image.new("RGB", (50, 40), c)) for c in ("red", "white", "black")]
    emb = embed.images(encoders[method], [*plain, *paths])
    np.testing.assert_array_equal(emb[:3], np.eye(emb.shape[1], dtype=np.float32)[[-1, -1, -1]])
    assert not emb[3:, -1].any()


@pytest.mark.parametrize("method", METHODS)
def test_copies_are_equal(encoders, method, paths, tmp_path):
    copies = [saved(tmp_path / "copies", f"{i}.bmp", files.load_image(paths[0])) for i in range(2)]
    emb = embed.images(encoders[method], [paths[0], *copies], cache=False)
    assert np.array_equal(emb[0], emb[1]) and np.array_equal(emb[0], emb[2])


@pytest.mark.parametrize("method", METHODS)
def test_a_saved_encoder_is_the_same_one(encoders, method, paths, tmp_path):
    encoder = encoders[method]
    encoder.save(tmp_path / "encoder.npz")
    again = classical.load(tmp_path / "encoder.npz")
    assert type(again) is type(encoder) and again.fingerprint == encoder.fingerprint and again.dim == encoder.dim
    np.testing.assert_array_equal(*(embed.images(e, paths[:3], cache=False) for e in (encoder, again)))
    assert [path.name for path in tmp_path.iterdir()] == ["encoder.npz"]


def test_a_fit_follows_its_seed_and_its_images(paths, fitted):
    same, other, fewer = learned(paths), learned(paths, seed=1), learned(paths[:-1])
    for method, first in fitted.items():
        assert same[method].fingerprint == first.fingerprint
        assert fewer[method].fingerprint != first.fingerprint
    assert other["bow"].fingerprint != fitted["bow"].fingerprint


def test_no_two_encoders_share_a_fingerprint(fitted):
    every = [*PLAIN, *fitted.values(), classical.Hog(bins=8), classical.Lbp(radii=2), classical.HsvHistogram(hues=8)]
    every += [classical.ShapeHistogram(moments=0.2), classical.Vlad(fitted["vlad"].centres, "rootsift", 128)]
    assert len({encoder.fingerprint for encoder in every}) == len(every)


def test_texts_are_refused(encoders):
    with pytest.raises(TypeError, match="hog sees pictures only"):
        embed.texts(encoders["hog"], ["a turtle"])


def test_no_picture_gives_no_row(encoders):
    import torch

    assert embed.images(encoders["hog"], []).shape == (0, encoders["hog"].dim)
    assert encoders["hog"].encode_pixels(torch.zeros(0, 4, 128, 128, dtype=torch.uint8)).shape == (0, 1765)


def damaged_archive(path):
    path.write_bytes(path.read_bytes()[:-60])


def not_an_archive(path):
    path.write_bytes(b"turtle")


def nothing_at_all(path):
    path.write_bytes(b"")


def objects(path):
    with open(path, "wb") as file:
        np.savez(file, about=np.array([{"method": "hog"}], object), allow_pickle=True)


def another_method(path):
    with open(path, "wb") as file:
        np.savez(file, about=np.array(json.dumps({"method": "sonar", "settings": {}, "fingerprint": ""})))


def other_centres(path):
    content = dict(np.load(path))
    with open(path, "wb") as file:
        np.savez(file, **content | {"centres": content["centres"] + 1})


def a_centre_less(path):
    content = dict(np.load(path))
    with open(path, "wb") as file:
        np.savez(file, **content | {"centres": content["centres"][1:]})


DAMAGE = [damaged_archive, not_an_archive, nothing_at_all, objects, another_method, other_centres, a_centre_less]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_damaged_encoder_is_refused_and_named(fitted, tmp_path, damage):
    fitted["bow"].save(tmp_path / "words.npz")
    damage(tmp_path / "words.npz")
    with pytest.raises(ValueError, match="words.npz: no classical encoder"):
        classical.load(tmp_path / "words.npz")


def test_an_encoder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.npz"):
        classical.load(tmp_path / "absent.npz")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: classical.Hog(size=20, cell=16), "20 px holds no block of 2 cells of 16 px"),
        (lambda: classical.Hog(bins=0), "bins is 0; give a whole number from 1 up"),
        (lambda: classical.Lbp(size=2.5), "size is 2.5; give a whole number"),
        (lambda: classical.HsvHistogram(hues=-1), "hues is -1"),
        (lambda: classical.ShapeHistogram(moments=1.5), "moments is 1.5; give a weight in"),
        (lambda: classical.Vlad(np.zeros((4, 5), np.float32)), r"centres \(4, 5\) do not belong to rootsift"),
        (
            lambda: classical.Vlad(np.zeros((4, 128), np.float32), "surf"),
            "unknown descriptor 'surf': choose sift, root",
        ),
        (lambda: classical.EigenImage(np.zeros(9), np.zeros((2, 9)), 4), "do not belong to pictures of 4 px"),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# pictures


def test_a_packed_picture_comes_out_as_it_went_in():
    for size, shape in (((96, 80), (53, 64, 3)), ((1, 1), (64, 64, 3)), ((500, 1), (1, 64, 3)), ((2, 90), (64, 1, 3))):
        scaling = classical.Scaling(64)
        picture = scaling.picture(texture(0, size))
        assert picture.shape == shape
        np.testing.assert_array_equal(pictures.unpacked(scaling(texture(0, size)).numpy()), picture)


def test_a_square_scaling_squeezes():
    assert classical.Scaling(32, square=True).picture(texture(0, (90, 10))).shape == (32, 32, 3)


def test_a_fit_names_the_image_that_cannot_be_read(paths, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    with pytest.raises(ValueError, match="broken.jpg"):
        classical.EigenImage.fit([*paths, broken], components=2)
    with pytest.raises(ValueError, match="at least one path"):
        classical.EigenImage.fit([], components=2)


# histograms


def test_hog_is_that_of_dalal_and_triggs_in_length_and_ignores_light():
    hog = classical.Hog(size=64, cell=8)
    dark = np.asarray(texture(0, (64, 64))) // 2
    one, half = hog.describe(dark * 2), hog.describe(dark)
    assert one.shape == (7 * 7 * 4 * 9,)
    np.testing.assert_allclose(encoder.unit_or_nothing(one[None]) @ encoder.unit_or_nothing(half[None]).T, 1, atol=1e-3)


def test_lbp_stays_the_same_when_the_picture_is_turned_or_brightened():
    lbp, picture = classical.Lbp(size=64), np.asarray(texture(0, (64, 64)).convert("L").convert("RGB")) // 2
    first = lbp.describe(picture)
    assert first.shape == (10 + 18 + 26,)
    np.testing.assert_allclose(lbp.describe(np.rot90(picture).copy()) @ first / 3, 1, atol=1e-3)
    np.testing.assert_allclose(lbp.describe(picture + 50) @ first / 3, 1, atol=1e-6)


def test_lbp_of_one_colour_knows_one_pattern_a_radius():
    assert np.count_nonzero(classical.Lbp().describe(np.full((30, 40, 3), 77, np.uint8))) == 3


def test_hsv_counts_pixels_as_a_loop_does():
    import colorsys

    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)
    hsv = classical.HsvHistogram(hues=4, saturations=2, values=2)
    counts = np.zeros((4, 2, 2))
    for r, g, b in picture.reshape(-1, 3) / 255:
        h, s, v = np.minimum(np.array(colorsys.rgb_to_hsv(r, g, b)) * (4, 2, 2), (3, 1, 1)).astype(int)
        counts[h if s else 0, s, v] += 1
    # OpenCV rounds hue to 256 steps, which may move a pixel over the edge of a bin
    assert np.abs(hsv.describe(picture) ** 2 * 63 - counts.ravel()).sum() <= 4


def test_grey_pictures_have_one_hue():
    warm, cold = (np.array([[[v + d, v, v - d] for v in range(40, 250, 5)]], np.uint8) for d in (1, -1))
    hsv = classical.HsvHistogram()
    np.testing.assert_allclose(hsv.describe(warm) @ hsv.describe(cold), 1, atol=0.05)


def bars(angle, size=120):
    """Stripes whose edges have their gradient at `angle` degrees, in a disc."""
    y, x = np.mgrid[:size, :size] - size / 2
    wave = np.sin((x * math.cos(math.radians(angle)) + y * math.sin(math.radians(angle))) / 3)
    inside = np.hypot(x, y) < size / 2 - 10
    return np.where(inside, 125 + 75 * np.tanh(3 * wave), 125).astype(np.uint8)[..., None].repeat(3, -1)


@pytest.mark.parametrize("angle", [0, 40, 90, 135])
def test_the_shape_histogram_peaks_at_the_direction_of_the_edges(angle):
    shape = classical.ShapeHistogram(bins=36, moments=0.0)
    assert np.argmax(shape.describe(bars(angle))) == angle // 5
    np.testing.assert_allclose(shape.describe(bars(angle)) @ shape.describe(255 - bars(angle)), 1, atol=0.02)


def test_moments_stay_the_same_when_a_shape_is_turned_and_the_seventh_turns_with_a_mirror():
    shape = classical.ShapeHistogram(moments=1.0)
    picture = np.zeros((120, 120, 3), np.uint8)
    picture[20:90, 30:50] = picture[70:90, 30:95] = picture[40:50, 40:75] = 255
    first, turned, mirrored = (shape.describe(p.copy()) for p in (picture, np.rot90(picture), picture[:, ::-1]))
    np.testing.assert_allclose(first, turned, atol=0.02)
    np.testing.assert_allclose(first[:-1], mirrored[:-1], atol=0.02)
    assert np.sign(first[-1]) == -np.sign(mirrored[-1]) != 0


# eigen-images


def test_eigen_images_are_the_components_that_numpy_finds(paths):
    found = classical.EigenImage.fit(paths, components=4, size=8)
    rows = np.stack([pictures.grey(classical.Scaling(8, True).picture(files.load_image(p))).ravel() for p in paths])
    rows = rows / 255 - (rows / 255).mean(axis=0)
    expected = np.linalg.svd(rows, full_matrices=False)[2][:4]
    np.testing.assert_allclose(np.abs((found.components * expected).sum(axis=1)), 1, atol=1e-4)


def test_too_few_images_or_pixels_for_the_components_are_named(paths):
    with pytest.raises(ValueError, match="3 images of 1024 pixels are too few for 4 components"):
        classical.EigenImage.fit(paths[:3], components=4)
    with pytest.raises(ValueError, match="12 images of 4 pixels are too few for 5 components"):
        classical.EigenImage.fit(paths, components=5, size=2)


@pytest.mark.parametrize("copies", [1, 4])
def test_eigen_images_of_one_picture_have_nothing_to_say(paths, copies):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = classical.EigenImage.fit([paths[0]] * copies, components=copies)
    emb = embed.images(alone, paths[:2])
    np.testing.assert_array_equal(emb, np.eye(alone.dim, dtype=np.float32)[[-1, -1]])


# words


def random_rows(n, d=128, seed=0):
    return np.random.default_rng(seed).random((n, d), dtype=np.float32)


def test_the_nearest_word_is_the_one_that_a_loop_finds():
    rows, centres = random_rows(50, 6), random_rows(9, 6, seed=1)
    expected = [min(range(9), key=lambda j: ((row - centres[j]) ** 2).sum()) for row in rows]
    assert descriptors.nearest(rows, centres).tolist() == expected
    assert descriptors.nearest(rows[:0], centres).shape == (0,)


def inertia(rows, centres):
    return ((rows - centres[descriptors.nearest(rows, centres)]) ** 2).sum()


def test_a_vocabulary_finds_clusters_that_lie_apart():
    corners = np.eye(8, dtype=np.float32)
    rows = corners[np.arange(400) % 8] + random_rows(400, 8) / 100
    centres = classical.vocabulary(rows, 8)
    assert centres.dtype == np.float32 and sorted(centres.argmax(axis=1)) == list(range(8))
    assert inertia(rows, centres) < 0.1


def test_a_step_of_lloyd_never_makes_it_worse_and_keeps_empty_words():
    rows, centres = random_rows(200, 6), np.vstack([random_rows(7, 6, seed=1), np.full((1, 6), 50, np.float32)])
    for _ in range(4):
        after = descriptors._lloyd(rows, centres)
        assert inertia(rows, after) <= inertia(rows, centres) * (1 + 1e-6)
        centres = after
    assert (centres[-1] == 50).all()


@pytest.mark.slow
def test_a_vocabulary_is_as_good_as_that_of_k_means_run_to_its_end():
    from sklearn.cluster import KMeans

    rng = np.random.default_rng(0)
    rows = (rng.random((200, 32))[rng.integers(0, 200, 20_000)] + rng.random((20_000, 32))).astype(np.float32)
    reference = KMeans(64, n_init=1, random_state=0).fit(rows)
    assert inertia(rows, classical.vocabulary(rows, 64)) <= 1.01 * reference.inertia_


def test_too_few_descriptors_for_the_words_are_named(tmp_path, paths):
    with pytest.raises(ValueError, match="5 descriptors cannot give 6 words"):
        classical.vocabulary(random_rows(5), 6)
    plain = saved(tmp_path, "plain.png", Image.new("RGB", (50, 50)))
    with pytest.raises(ValueError, match="0 descriptors cannot give 2 words"):
        classical.BagOfWords.fit([plain], words=2)
    with pytest.raises(ValueError, match="descriptors cannot give 9999 words"):
        classical.Vlad.fit(paths[:2], words=9999)


def test_a_vocabulary_of_equal_descriptors_has_equal_words(paths):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        centres = classical.vocabulary(np.ones((50, 4), np.float32), 3)
        same = classical.BagOfWords.fit([paths[0]] * 3, words=8, size=64)
    np.testing.assert_allclose(centres, 1)
    assert np.isfinite(embed.images(same, paths)).all()


def counted(bag, path):
    words = bag.seen(files.load_image(path)).words
    return np.bincount(words, minlength=len(bag.centres))


def test_a_bag_of_words_is_the_tf_idf_of_scikit_learn(paths, fitted):
    from sklearn.feature_extraction.text import TfidfTransformer

    counts = np.stack([counted(fitted["bow"], path) for path in paths])
    expected = TfidfTransformer().fit_transform(counts).toarray()
    np.testing.assert_allclose(embed.images(fitted["bow"], paths)[:, :-1], expected, atol=1e-5)


def test_vlad_is_what_a_loop_adds_up(paths, fitted):
    vlad, picture = fitted["vlad"], classical.Scaling(128).picture(files.load_image(paths[0]))
    sums = np.zeros((4, 128))
    for row in descriptors.vectors(descriptors.features(picture, "sift", 500).raw, "sift"):
        word = np.argmin(((row - vlad.centres) ** 2).sum(axis=1))
        sums[word] += row - vlad.centres[word]
    sums /= np.linalg.norm(sums, axis=1, keepdims=True)
    np.testing.assert_allclose(embed.images(vlad, [paths[0]])[0, :-1], sums.ravel() / 2, atol=1e-4)


def test_the_order_of_places_does_not_matter_to_a_bag(paths, fitted):
    half = files.load_image(paths[0]).resize((128, 107))
    left, right = half.crop((0, 0, 64, 107)), half.crop((64, 0, 128, 107))
    swapped = Image.new("RGB", half.size)
    swapped.paste(right, (0, 0))
    swapped.paste(left, (64, 0))
    one, other, different = (
        encoder.unit_or_nothing(fitted["bow"].describe(np.asarray(p))[None])[0]
        for p in (half, swapped, texture(99, (128, 107)))
    )
    assert one @ other > one @ different


def test_root_sift_has_the_hellinger_kernel_and_orb_hammings_distance():
    raw = np.random.default_rng(0).integers(0, 200, (5, 128), dtype=np.uint8)
    shares = raw / raw.sum(axis=1, keepdims=True)
    rows = descriptors.vectors(raw, "rootsift")
    np.testing.assert_allclose(rows @ rows.T, np.sqrt(shares) @ np.sqrt(shares).T, atol=1e-5)
    bits = descriptors.vectors(raw[:, :32], "orb")
    hamming = np.bitwise_count(raw[:, None, :32] ^ raw[:, :32]).sum(axis=-1)
    np.testing.assert_allclose(((bits[:, None] - bits) ** 2).sum(-1), hamming * 4 / 256, atol=1e-4)
    assert not descriptors.vectors(np.zeros((1, 128), np.uint8), "rootsift").any()


def test_seen_keypoints_lie_in_the_picture_as_it_is(fitted):
    lone = Image.new("RGB", (300, 200))
    lone.paste((255, 255, 255), (240, 40, 252, 52))
    seen = fitted["bow"].seen(lone)
    assert len(seen.points) == len(seen.words) > 0
    np.testing.assert_allclose(np.median(seen.points, axis=0), (245.5, 45.5), atol=8)


def test_a_vocabulary_can_be_learned_from_a_draw_of_descriptors(paths, fitted):
    some = [classical.BagOfWords.fit(paths, words=20, size=128, sample=60, seed=seed) for seed in (0, 0, 1)]
    assert some[0].fingerprint == some[1].fingerprint != some[2].fingerprint
    assert some[0].fingerprint != fitted["bow"].fingerprint


# matching


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """A picture, a photograph of it from the side, and others."""
    import cv2

    folder = tmp_path_factory.mktemp("scene")
    picture = np.asarray(texture(50, (300, 250)))
    corners = np.float32([[0, 0], [300, 0], [300, 250], [0, 250]])
    seen = np.float32([[50, 40], [330, 80], [310, 290], [70, 330]])
    homography = cv2.getPerspectiveTransform(corners, seen)
    photo = cv2.warpPerspective(picture, homography, (400, 360), borderValue=(90, 90, 90))
    files_ = [
        saved(folder, "picture.png", Image.fromarray(picture)),
        saved(folder, "photo.png", Image.fromarray(photo)),
    ]
    return [*files_, *(saved(folder, f"other{i}.png", texture(60 + i, (300, 250))) for i in range(4))], homography


@pytest.mark.parametrize("kind", classical.KINDS)
@pytest.mark.parametrize("ransac", [True, False])
def test_the_same_thing_from_the_side_scores_best(scene, kind, ransac):
    picture, photo, *others = scene[0]
    scores = classical.rerank(photo, [*others, picture], ransac=ransac, kind=kind)
    assert scores.dtype == np.float32 and scores.shape == (5,)
    assert scores[-1] > 3 * scores[:-1].max() and scores[-1] > 20


def test_inliers_lie_where_the_homography_puts_them(scene):
    (picture, photo, *_), homography = scene
    found = classical.matches(picture, photo)
    expected = np.column_stack([found.points_a, np.ones(len(found.points_a))]) @ homography.T
    away = np.linalg.norm(expected[:, :2] / expected[:, 2:] - found.points_b, axis=1)
    assert found.inliers.sum() > 20 and np.median(away[found.inliers]) < 1.5
    assert away[found.inliers].max() < 12 < away[~found.inliers].max(initial=99)
    assert found.inliers.sum() == classical.rerank(picture, [photo])[0]


def test_matches_are_those_of_opencv_that_pass_the_ratio_once_each(scene):
    import cv2

    one, other = matching._all(scene[0][:2], "sift", 512, 1000)
    rows = [descriptors.vectors(found.raw, "sift") for found in (one, other)]
    good = [a for a, b in cv2.BFMatcher(cv2.NORM_L2).knnMatch(*rows, k=2) if a.distance < 0.75 * b.distance]
    for place in (lambda match: tuple(other.points[match.trainIdx]), lambda match: tuple(one.points[match.queryIdx])):
        best = {}
        for match in sorted(good, key=lambda match: match.distance):
            best.setdefault(place(match), match)
        good = list(best.values())
    found = matching._pairs(one, other, 0.75, "sift")
    assert set(zip(*(part.tolist() for part in found), strict=True)) == {(m.queryIdx, m.trainIdx) for m in good}


def test_a_place_with_several_orientations_counts_once(scene):
    found = classical.matches(scene[0][0], scene[0][0])
    one, *_ = matching._all(scene[0][:1], "rootsift", 512, 1000)
    assert len(np.unique(one.points, axis=0)) < len(one.points), "the picture has such places"
    assert len(found.points_a) == len(np.unique(found.points_a, axis=0)) == len(np.unique(found.points_b, axis=0))


def test_the_same_call_gives_the_same_scores(scene):
    runs = []
    for _ in range(2):
        matching._found.cache_clear()
        runs.append(classical.rerank(scene[0][0], scene[0], size=256))
    np.testing.assert_array_equal(*runs)


def test_descriptors_are_kept_by_content(scene, tmp_path):
    matching._found.cache_clear()
    classical.rerank(scene[0][0], scene[0][1:], size=128)
    copy = tmp_path / "copy.png"
    copy.write_bytes(scene[0][1].read_bytes())
    before = matching._found.cache_info().misses
    first = classical.rerank(scene[0][0], [copy], size=128)
    assert before == 6 and matching._found.cache_info().misses == before
    copy.write_bytes(scene[0][2].read_bytes())
    assert classical.rerank(scene[0][0], [copy], size=128)[0] < first[0]


def test_pictures_without_keypoints_score_nothing(scene, tmp_path):
    plain = [saved(tmp_path, f"{size}.png", Image.new("RGB", (size, size), "blue")) for size in (1, 16, 90)]
    assert not classical.rerank(scene[0][0], plain).any() and not classical.rerank(plain[2], scene[0]).any()
    found = classical.matches(plain[0], scene[0][0])
    assert found.points_a.shape == found.points_b.shape == (0, 2) and found.inliers.shape == (0,)
    assert classical.rerank(scene[0][0], []).shape == (0,)


def test_grey_tiny_and_odd_pictures_can_be_matched(scene, tmp_path):
    scores = classical.rerank(scene[0][0], pictures_of_every_kind(tmp_path / "odd"), size=256)
    assert np.isfinite(scores).all() and (scores >= 0).all()


@pytest.mark.parametrize(("points", "expected"), [(0, 0), (3, 0), (8, None)])
def test_few_or_equal_points_have_no_homography_or_a_finite_one(points, expected):
    same = np.full((points, 2), 5, np.float32)
    inliers = matching._inliers(same, same, 512)
    assert inliers.shape == (points,) and (expected is None or inliers.sum() == expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"ratio": 0}, "ratio is 0"), ({"ratio": 1.2}, "ratio is 1.2"), ({"kind": "surf"}, "surf"), ({"size": 0}, "size")],
)
def test_settings_of_matching_are_checked(scene, options, message):
    with pytest.raises(ValueError, match=message):
        classical.rerank(scene[0][0], scene[0], **options)


def test_a_candidate_that_cannot_be_read_is_named(scene, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    with pytest.raises(ValueError, match="broken.jpg"):
        classical.rerank(scene[0][0], [broken])
    with pytest.raises(FileNotFoundError, match="absent.jpg"):
        classical.rerank(scene[0][0], [tmp_path / "absent.jpg"])


# two stages


def groups(counts, seed=0, spread=0.1, dim=6):
    """Points round a corner a class, in random order."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
    return np.eye(dim)[labels] + spread * rng.standard_normal((len(labels), dim)), np.array(list("abcdef"))[labels]


def test_two_stages_label_candidates_that_lie_in_groups():
    train, labels = groups([20, 15, 30])
    candidates, truth = groups([40, 5, 25], seed=1)
    assert (classical.two_stage(train, labels, candidates) == truth).all()


def test_the_result_does_not_depend_on_the_order_of_candidates():
    train, labels = groups([20, 15, 30], spread=0.5)
    candidates, _ = groups([40, 5, 25], seed=1, spread=0.5)
    order = np.random.default_rng(3).permutation(70)
    first = classical.two_stage(train, labels, candidates)
    np.testing.assert_array_equal(classical.two_stage(train, labels, candidates[order]), first[order])


def test_clusters_are_paired_with_labels_by_the_bags_and_not_by_their_number():
    bags = [np.full((5, 2), corner, float) for corner in (0, 10, 20)]
    centres = np.array([[20, 20], [0, 0], [10, 10]])
    assert twostage._paired(bags, centres).tolist() == [2, 0, 1]
    assert twostage._paired(bags, centres[[0, 0, 1]]).tolist()[2] == 0


def test_pairing_is_the_best_of_all_permutations():
    from itertools import permutations

    rng = np.random.default_rng(0)
    for _ in range(20):
        bags, centres = rng.standard_normal((4, 6, 3)), rng.standard_normal((4, 3))
        nearest = [np.argmin(((bag[:, None] - centres) ** 2).sum(-1), axis=1) for bag in bags]
        counts = np.stack([np.bincount(row, minlength=4) for row in nearest])
        values = {order: counts[order, range(4)].sum() for order in permutations(range(4))}
        assert values[tuple(twostage._paired(bags, centres))] == max(values.values())


def test_the_bag_has_its_size_and_follows_the_seed():
    rows = np.arange(50)
    first = twostage._drawn(rows, 10, 0, 0)
    assert len(set(first)) == 10 and np.array_equal(first, twostage._drawn(rows, 10, 0, 0))
    assert not np.array_equal(first, twostage._drawn(rows, 10, 1, 0))
    assert not np.array_equal(first, twostage._drawn(rows, 10, 0, 1))
    assert len(twostage._drawn(rows, 99, 0, 0)) == len(twostage._drawn(rows, None, 0, 0)) == 50


def test_equal_candidates_get_one_known_label_without_a_warning():
    train, labels = groups([20, 15, 30])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assigned = classical.two_stage(train, labels, np.repeat(train[:1], 8, axis=0))
    assert set(assigned) == {labels[0]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"candidates": np.zeros((1, 6))}, "1 candidates cannot form clusters for 3 labels"),
        ({"candidates": np.zeros((2, 6))}, "2 candidates cannot form clusters for 3 labels"),
        ({"candidates": np.zeros((9, 5))}, "do not fit"),
        ({"candidates": np.full((9, 6), np.nan)}, "candidate features .* without NaN"),
        ({"candidates": np.zeros(6)}, "candidate features"),
        ({"labels": ["a"] * 3}, "do not fit"),
        ({"labels": [np.nan] * 15}, "has no label"),
        ({"labels": [None] * 15}, "has no label"),
        ({"bag": 0}, "bag is 0"),
    ],
)
def test_what_cannot_be_clustered_is_refused(change, message):
    train, labels = groups([5, 5, 5])
    given = {"labels": labels, "candidates": train, "bag": 10} | change
    with pytest.raises(ValueError, match=message):
        classical.two_stage(train, given["labels"], given["candidates"], bag=given["bag"])


def test_one_candidate_and_one_label_are_no_clusters_either():
    with pytest.raises(ValueError, match="1 candidates cannot form clusters for 1 labels"):
        classical.two_stage(np.eye(2), ["a", "a"], np.zeros((1, 2)))


def test_a_label_retrieves_its_cluster_and_an_unknown_one_lists_the_known():
    assigned = np.array(["a", "b", "a"])
    assert classical.retrieved("a", assigned, ["b", "a", "c"]).tolist() == [True, False, True]
    assert not classical.retrieved("c", assigned, ["b", "a", "c"]).any()
    with pytest.raises(ValueError, match="unknown label 'shark'; known labels: a, b, c"):
        classical.retrieved("shark", assigned, ["b", "a", "c"])


# a threshold on cosines


def test_a_threshold_retrieves_what_is_as_similar_or_more():
    text, image = np.eye(2), np.array([[1, 0], [0.6, 0.8], [0, 1]])
    found = classical.threshold_retrieval(text, image, 0.6)
    assert found.dtype == bool and found.tolist() == [[True, True, False], [False, True, True]]


@pytest.mark.parametrize("threshold", [5.5, -1.1, math.nan])
def test_a_threshold_that_is_no_cosine_is_refused(threshold):
    with pytest.raises(ValueError, match="cosines lie in"):
        classical.threshold_retrieval(np.eye(2), np.eye(2), threshold)


def test_embeddings_that_are_not_normalised_are_refused():
    with pytest.raises(ValueError, match=r"image_emb\[0\] is not of unit length.* it has length 3 "):
        classical.threshold_retrieval(np.eye(2), 3 * np.eye(2), 0.5)


def test_the_threshold_of_the_best_f1_retrieves_by_the_same_rule():
    rng = np.random.default_rng(0)
    for _ in range(50):
        text, image = (encoder.unit_or_nothing(rng.standard_normal((n, 2))) for n in (3, 8))
        relevant = rng.random((3, 8)) < 0.4
        relevant[0, 0] = True

        def f1(threshold, text=text, image=image, relevant=relevant):
            found = classical.threshold_retrieval(text, image, threshold)
            return 2 * (found & relevant).sum() / (found.sum() + relevant.sum())

        scores = search.scores(text, image).clip(-1, 1)
        best = max(map(f1, scores.ravel()))
        assert f1(metrics.best_threshold(relevant.ravel(), scores.ravel())) == best
