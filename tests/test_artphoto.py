"""ArtPhoto: the emotion is in the file's name, felt in the picture more often than not, and claimed only when named."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from utils import datasets, reef
from utils.datasets.readers import LayoutError, artphoto
from utils.datasets.readers.artphoto import EMOTIONS
from utils.reef import emotions, language
from utils.reef.scenes import Scene


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("reef") / "artphoto"
    return reef.write("artphoto", root, seed=1, workers=1, progress=False, images=24)


def picture(motif, palette, seed=0, size=48, strength=1.0):
    facts = {"emotion": "awe", "motif": motif, "palette": palette, "strength": strength}
    image, objects = emotions.paint(Scene(seed, size, size, "artphoto", "a picture", "bright", facts=facts))
    assert objects == []
    return image


def test_files_are_named_as_published_and_every_emotion_is_as_frequent(made):
    frame = datasets.load("artphoto", root=made)
    assert sorted(i.split("/")[1] for i in frame["image_id"]) == sorted(f"{e}_{n:04d}.jpg" for e in EMOTIONS for n in (1, 2, 3))  # fmt: skip
    assert list(frame["label"]) == list(frame["category"]) == [i.split("/")[1].split("_")[0] for i in frame["image_id"]]
    assert all(f["emotion"] == label for f, label in zip(frame["facts"], frame["label"], strict=True))


def test_reader_and_world_name_the_same_emotions():
    assert tuple(emotions.MOODS) == EMOTIONS


def test_captions_are_true_and_only_the_fine_one_names_the_mood(made):
    frame = datasets.load("artphoto", root=made)
    known = dict(zip(frame["image_id"], datasets.truth(frame), strict=True))
    captions = datasets.captions(frame)
    assert Counter(captions["level"]) == {"coarse": 24, "medium": 24, "fine": 24}
    for row in captions.itertuples():
        truth = known[row.image_id]
        assert reef.satisfies(row.claims, truth), row.caption
        assert ("emotion" in row.claims) == (row.level == "fine") and ("palette" in row.claims) == (row.level != "coarse")  # fmt: skip
        other = {**truth, "facts": {**truth["facts"], "emotion": "none"}}
        assert reef.satisfies(row.claims, other) == (row.level != "fine")


def test_a_caption_says_what_it_claims():
    for seed in range(40):
        facts = {"scene": "artphoto", **emotions.scene(seed, EMOTIONS[seed % 8]).facts}
        for level in language.LEVELS:
            said = emotions.describe({"facts": facts}, np.random.default_rng(seed), level)["caption"]
            assert facts["motif"] in said and (facts["palette"] in said) == (level != "coarse")
            mood = any(said.startswith(word) for word in emotions.MOODS[facts["emotion"]].words)
            assert mood == (level == "fine")


@pytest.mark.parametrize("motif", list(emotions.MOTIFS))
def test_a_motif_can_be_painted_in_any_colours(motif):
    cold, warm = picture(motif, "black and blue"), picture(motif, "red and black")
    assert cold.dtype == np.uint8 and cold.shape == (48, 48, 3) and cold.std() > 4
    assert np.array_equal(cold, picture(motif, "black and blue"))
    assert not np.array_equal(cold, picture(motif, "black and blue", seed=1))
    red = [image[..., 0].mean() - image[..., 2].mean() for image in (cold, warm)]
    assert red[1] > red[0] + 5


def test_weak_pictures_are_greyer():
    def colourful(strength):
        images = [picture("a fire", "red and black", s, strength=strength).astype(float) for s in range(4)]
        return np.mean([np.ptp(image, axis=2).mean() for image in images])

    assert colourful(0.4) < 0.8 * colourful(1.0)


def test_neither_motif_nor_palette_is_the_property_of_a_mood():
    scenes = [emotions.scene(seed, EMOTIONS[seed % 8]) for seed in range(2400)]
    facts = [scene.facts for scene in scenes]
    borrowed = np.mean([f["motif"] not in emotions.MOODS[f["emotion"]].motifs for f in facts])
    assert 0.10 < borrowed < 0.16
    moods = {motif: {f["emotion"] for f in facts if f["motif"] == motif} for motif in emotions.MOTIFS}
    assert min(map(len, moods.values())) >= 2
    shared = Counter(p for mood in emotions.MOODS.values() for p in mood.palettes)
    assert set(shared) == set(emotions.PALETTES) and sum(n > 1 for n in shared.values()) >= 4


def test_colour_tells_something_of_the_mood_but_not_all():
    def features(emotion, seed):
        scene = emotions.scene(seed, emotion)
        scene.width, scene.height = 48, 36
        image = emotions.paint(scene)[0].astype(float)
        return np.concatenate([image.mean((0, 1)), image.std((0, 1)), np.diff(image.mean(0), axis=0).std(0)])

    table = np.array([[features(e, 100 * k + i) for i in range(14)] for k, e in enumerate(EMOTIONS)])
    table = (table - table.mean((0, 1))) / table.std((0, 1))
    centres = table[:, :8].mean(1)
    guess = ((table[:, 8:, None] - centres) ** 2).sum(-1).argmin(-1)
    right = (guess == np.arange(8)[:, None]).mean()
    assert 2 / 8 < right < 0.9


def test_labels_come_from_names_and_other_pictures_are_ignored(tmp_path):
    (tmp_path / "deep").mkdir()
    names = ("awe_0001.jpg", "Sad-12.PNG", "deep/fear 3.jpg", "anger7.jpeg", "sadness_0001.jpg", "abstract_0002.jpg")
    for name in names:
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    native = artphoto(tmp_path)
    assert {r["file"]: r["label"] for r in native.rows} == {
        "awe_0001.jpg": "awe",
        "Sad-12.PNG": "sad",
        "deep/fear 3.jpg": "fear",
        "anger7.jpeg": "anger",
    }
    assert native.ignored == 2


def test_a_folder_without_any_emotion_is_no_such_data_set(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "IMG_0001.jpg")
    with pytest.raises(LayoutError, match=r"no file's name begins with an emotion.*IMG_0001"):
        datasets.load("artphoto", root=tmp_path)


@pytest.mark.real
def test_real_faces_of_seven_emotions_are_read_as_a_folder(real_data):
    frame = datasets.image_folder(real_data / "fer2013")
    assert set(frame["label"]) == {"angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"}
    assert len(frame) == 1050 and not frame.attrs["skipped"]
    assert {f["splits"]["published"] for f in frame["facts"]} == {"train", "test"}
