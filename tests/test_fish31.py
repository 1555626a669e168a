"""fish31: 31 species that are related as in life, drawn one by one, written and read as the published Fish Dataset."""

import itertools
import json

import numpy as np
import pytest

from utils import datasets, reef
from utils.reef import fish_scenes, fishes, language, layouts, scenes, species, world
from utils.reef.landing import SURFACES
from utils.reef.layouts import fish31
from utils.reef.species import LOOK_ALIKE, SPECIES, STAGES, TAXONOMY, rolled_up

IMAGES = 93


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The smallest set: three photographs of every species."""
    root = tmp_path_factory.mktemp("fish") / "fish31"
    return reef.write("fish31", root, seed=2, workers=1, progress=False, images=IMAGES)


@pytest.fixture(scope="module")
def frame(made):
    return datasets.load("fish31", root=made)


@pytest.fixture(scope="module")
def truths(made):
    return [json.loads(line) for line in (made / "truth.jsonl").read_text().splitlines()]


def swatch(name, stage="adult", seed=5, **more):
    """One fish from the side on a tray."""
    attributes = {"species": name, "stage": stage, **more}
    fish = scenes.Thing("specimen", 0.5, 0.5, 0.5, seed, attributes)
    scene = scenes.Scene(seed, 160, 110, "landing", "white tray", "bright", "down", things=[fish])
    return scenes.photograph(scene)


# species


def test_there_are_31_species_and_each_taxon_has_one_parent():
    assert len(SPECIES) == 31 and list(TAXONOMY) == list(SPECIES)
    assert len({(s.genus, s.epithet) for s in SPECIES.values()}) == 31
    for low, high in itertools.pairwise(species.RANKS):
        parents = {}
        for taxa in TAXONOMY.values():
            assert parents.setdefault(taxa[low], taxa[high]) == taxa[high]
    assert [len({t[rank] for t in TAXONOMY.values()}) for rank in species.RANKS] == [31, 29, 24, 17]


@pytest.mark.parametrize(
    ("pair", "shared"),
    [
        (("Mudfish", "Snakehead"), "genus"),
        (("Big Head Carp", "Silver Carp"), "genus"),
        (("Grass Carp", "Silver Carp"), "family"),
        (("Tilapia", "Jaguar Gapote"), "family"),
        (("Gold Fish", "Grass Carp"), "order"),
        (("Catfish", "Janitor Fish"), "order"),
        (("Tenpounder", "Indo-Pacific Tarpon"), "order"),
        (("Gourami", "Climbing Perch"), "order"),
        (("Mudfish", "Goby"), None),
        (("Perch", "Silver Perch"), None),
    ],
)
def test_kin_meet_at_the_rank_that_they_share(pair, shared):
    same = [rank for rank in species.RANKS if rolled_up(pair[0], rank) == rolled_up(pair[1], rank)]
    assert (same[0] if same else None) == shared


def test_unknown_taxa_and_ranks_are_named():
    with pytest.raises(ValueError, match=r"'Shark'.*Bangus"):
        rolled_up("Shark", "genus")
    with pytest.raises(ValueError, match=r"'class'.*genus, family, order"):
        rolled_up("Goby", "class")


def test_look_alikes_are_alike_in_outline():
    def outline(name):
        found = [fishes.outline(SPECIES[name], False, np.random.default_rng(i)) for i in range(4)]
        return np.mean([np.concatenate([f.mid, f.half]) for f in found], axis=0)

    curves = {name: outline(name) for name in SPECIES}
    far = {pair: np.abs(curves[pair[0]] - curves[pair[1]]).mean() for pair in itertools.combinations(SPECIES, 2)}
    usual = np.median(list(far.values()))
    assert {pair: far[tuple(sorted(pair))] for pair in LOOK_ALIKE if far[tuple(sorted(pair))] > 0.5 * usual} == {}


# one fish


def test_young_fish_have_larger_eyes():
    shares = {}
    for stage in STAGES:
        [fish] = swatch("Tilapia", stage)[1]
        shares[stage] = fish["masks"]["eye"].sum() / fish["area"]
    assert shares["juvenile"] > 1.3 * shares["adult"]


def test_the_colour_of_a_morph_is_that_of_the_fish():
    def mean(colour):
        image, [fish] = swatch("Gold Fish", colour=colour)
        return image[fish["masks"]["body"]].mean(0)

    assert mean("white").min() > mean("orange").min() + 40 and mean("orange")[0] > mean("orange")[2] + 60
    assert mean("red")[1] < mean("orange")[1]


def test_two_fish_of_a_species_differ_and_one_stays_itself():
    first, again, other = (swatch("Scat Fish", seed=s)[0] for s in (5, 5, 6))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_catfish_have_barbels_and_grass_carp_have_none():
    assert "barbel" in swatch("Catfish")[1][0]["parts"] and "barbel" not in swatch("Grass Carp")[1][0]["parts"]


# casting


def test_a_seed_decides_the_scene():
    assert fish_scenes.fish_scene(3) == fish_scenes.fish_scene(3) != fish_scenes.fish_scene(4)


def test_fish_are_landed_and_swim_alone_and_together_at_both_stages():
    cast = [fish_scenes.fish_scene(i, "Mullet", (96, 96)) for i in range(300)]
    assert np.mean([s.setting == "landing" for s in cast]) == pytest.approx(fish_scenes.LANDED, abs=0.08)
    assert {s.place for s in cast if s.setting == "landing"} == set(SURFACES)
    assert {s.setting for s in cast} == {"landing", "sea"}
    assert {len(s.things) for s in cast} == {1, 2, 3} and all((s.width, s.height) == (96, 96) for s in cast)
    assert {t.attributes["stage"] for s in cast for t in s.things} == set(STAGES)
    assert {t.attributes["species"] for s in cast for t in s.things} == {"Mullet"}


def test_a_portrait_is_decided_by_its_seed_and_as_published_alone_level_and_framed():
    cast = [fish_scenes.fish_portrait(i, "Mullet") for i in range(300)]
    assert fish_scenes.fish_portrait(3, "Mullet") == cast[3] != cast[4]
    assert np.mean([len(s.things) == 1 for s in cast]) > 0.85
    turned = [abs(t.roll) % np.pi for s in cast if s.width >= s.height for t in s.things[:1]]
    assert np.mean(np.minimum(turned, np.pi - np.array(turned)) < 0.25) > 0.85
    long = [2 * s.things[0].size * min(s.width, s.height) / max(s.width, s.height) for s in cast if len(s.things) == 1]
    assert fish_scenes.FRAMED[0] <= min(long) and max(long) <= fish_scenes.FRAMED[1]
    water = [s for s in cast if s.setting == "sea"]
    assert max(s.turbidity for s in water) <= 0.3 and {s.light for s in water} == {"bright", "dim"}


def test_a_fish_fills_its_photograph_as_in_the_published_set(truths):
    share = []
    for truth in truths:
        x0, y0, x1, y1 = max((o for o in truth["objects"] if o["seen"]), key=lambda o: o["area"])["box_xyxy"]
        share.append(max(x1 - x0, y1 - y0) / max(truth["facts"]["width"], truth["facts"]["height"]))
    assert np.median(share) > 0.75, np.round(np.quantile(share, (0.1, 0.5, 0.9)), 2)


def test_every_photograph_shows_its_species(truths):
    for truth in truths:
        seen = [o for o in truth["objects"] if o["seen"]]
        assert seen and {o["attributes"]["species"] for o in seen} == {truth["file"].split("/")[2]}
        assert max(o["visible"] for o in seen) > 0.6
        assert all(set(o["attributes"]) == {"species", "stage", "colour"} for o in seen)


# captions


def test_captions_are_true_and_only_fine_ones_name_species_and_stage(truths):
    for truth in truths:
        for caption in truth["captions"]:
            assert reef.satisfies(caption["claims"], truth), caption
            [claim] = caption["claims"]["things"]
            named = [name for name in SPECIES if name in caption["caption"]]
            assert bool(named) == (caption["level"] == "fine") == ("species" in claim) == ("stage" in claim)
            if named:
                assert claim["species"] in named and claim["stage"] in caption["caption"] and "colour" not in claim
            else:
                assert "fish" in caption["caption"]


def test_captions_say_where_the_fish_lies():
    scene = next(s for s in (fish_scenes.fish_scene(i, "Grass Carp") for i in range(99)) if s.place == "blue tray" and len(s.things) == 1)  # fmt: skip
    scene.grey, truth = False, world.record(scene, "", "", masks=False)[1]
    said = {level: {world.describe(truth, np.random.default_rng(i), level)["caption"] for i in range(40)} for level in language.LEVELS}  # fmt: skip
    assert said["coarse"] == {"a fish", "a fish on a tray"}
    colour, stage = (truth["objects"][0]["attributes"][key] for key in ("colour", "stage"))
    assert any(c.startswith(f"a {colour} fish on a blue tray") for c in said["medium"])
    article = "an" if stage == "adult" else "a"
    assert all(c.startswith(f"{article} {stage} Grass Carp on a blue tray") for c in said["fine"])


# the set on disk


def test_the_set_is_unequal_and_every_species_can_be_tested():
    parts = fish31.counts(1200)
    sizes = {name: sum(n) for name, n in parts.items()}
    assert sum(sizes.values()) == 1200 and max(sizes, key=sizes.get) == "Grass Carp"
    assert sizes["Grass Carp"] > 5 * sizes["Mudfish"]
    assert min(test for *_, test in parts.values()) >= fish31.LEAST_TEST
    assert min(val for _, val, _ in parts.values()) >= 3 and min(train for train, *_ in parts.values()) >= 14
    train, val, test = np.sum(list(parts.values()), axis=0) / 1200
    assert (train, val, test) == pytest.approx((0.66, 0.13, 0.21), abs=0.01)


@pytest.mark.parametrize("images", [93, 100, 500, 1200, 4000])
def test_counts_are_exact_whatever_the_size(images):
    parts = fish31.counts(images)
    assert sum(map(sum, parts.values())) == images and min(map(min, parts.values())) >= 1


def test_too_few_images_are_refused():
    with pytest.raises(ValueError, match="92 images of 31 species; give at least 93"):
        layouts.LAYOUTS["fish31"][0](1, images=92)


def test_the_reader_reads_what_the_writer_writes(made, frame, truths):
    assert len(frame) == IMAGES and not frame.attrs["skipped"] and not frame.attrs["ignored"]
    for row in frame.to_dict("records"):
        _, outer, split, name, file = row["image_id"].split("/")
        assert outer == "FishImgDataset" and file.startswith(f"{name} ")
        assert (row["category"], row["label"], row["labels"]) == ("fish", name, ["fish"])
        assert row["facts"]["splits"] == {"published": split}
    assert frame.groupby("label").size().eq(3).all() and set(frame["label"]) == set(SPECIES)
    words = {t["image_id"]: [c["caption"] for c in t["captions"]] for t in truths}
    assert dict(zip(frame["image_id"], frame["captions"], strict=True)) == words
    assert (made / "captions.csv").is_file()


def test_the_outer_folder_may_be_the_root(made, frame):
    inner = datasets.load("fish31", root=made / "FishImgDataset")
    assert list(inner["label"]) == list(frame["label"]) and set(inner["category"]) == {"fish"}
    assert [f["splits"] for f in inner["facts"]] == [f["splits"] for f in frame["facts"]]


def test_images_outside_the_layout_are_counted_not_read(made, tmp_path):
    photo = next(made.rglob("*.jpg")).read_bytes()
    for file in ("train/Goby/1.jpg", "Valid/Goby/2.jpg", "train/stray.jpg", "other/Goby/3.jpg", "cover.jpg"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(photo)
    found = datasets.load("fish31", root=tmp_path)
    assert [f["splits"]["published"] for f in found["facts"]] == ["val", "train"] and found.attrs["ignored"] == 3


def test_a_folder_without_splits_says_what_is_expected(tmp_path):
    (tmp_path / "Goby").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no folder train, val or test.*FishImgDataset"):
        datasets.load("fish31", root=tmp_path)


@pytest.mark.real
def test_the_published_folders_are_read_and_their_species_are_ours(real_data):
    root = real_data / "fish31"
    if not root.is_dir():
        pytest.skip(f"no Fish Dataset at {root}")
    found = datasets.load("fish31", root=root)
    assert set(found["label"]) == set(SPECIES) and set(found["category"]) == {"fish"}
    assert len(found) > 31 and {f["splits"]["published"] for f in found["facts"]} <= {"train", "val", "test"}
