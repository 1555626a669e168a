"""The programs of the LoRA adapters, and the ablations: smoke runs, and what their variants say they change."""

import copy
import json
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from models import ablations, judgement, lora, species, train, variants
from models.pairs import SIDED
from utils import classify, datasets, embed, encoders, finetune, losses, metrics, report
from utils.encoders.preprocess import CLIP_MEAN, CLIP_STD
from utils.reef.species import SPECIES


@pytest.fixture(scope="module")
def frame():
    """Every twelfth image of each archive and split."""
    return lora.archive().iloc[::12].reset_index(drop=True)


@pytest.mark.slow
def test_the_adapters_of_all_seeds_are_trained_signed_and_measured(tmp_path):
    out = tmp_path / "lora-openai"
    card = train.train("lora-openai", out, tmp_path, smoke=True)
    folders = sorted(path.name for path in out.iterdir() if path.is_dir())
    assert folders == ["seed-0", "seed-1", "seed-2"] and len(card["sha256"]) == 9
    assert {figure["task"] for figure in card["figures"]} == {
        f"{task}, {name}" for task in ("turtle, exact image", "cat_all") for name in ("base", "tuned")
    }
    first, second = (
        finetune.load(encoders.load("clip-vit-openai", precision="fp32"), out / name) for name in folders[:2]
    )
    assert first.fingerprint != second.fingerprint
    again = train.train("lora-openai", out, tmp_path, smoke=True)  # finished runs are found, not made again
    assert again["sha256"] == card["sha256"]


def test_an_adapter_exported_half_way_lies_between_base_and_tuned(tmp_path):
    base, tuned = (encoders.load("clip-vit-openai", device="cpu", precision="fp32") for _ in range(2))
    finetune.adapt(tuned, finetune.Adaptation(rank=2))
    with torch.no_grad():
        for weight in finetune.learning(tuned).values():
            weight += 0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    finetune.save(tuned, tmp_path / "seed-0" / lora.BEST, base.fingerprint)
    (tmp_path / "seed-0" / "log.csv").write_text("epoch\n0\n")
    lora.export({tmp_path / "seed-0": 0.5}, tmp_path / "out", {"base": "clip-vit-openai"})
    half = finetune.load(encoders.load("clip-vit-openai", device="cpu", precision="fp32"), tmp_path / "out" / "seed-0")
    sentences = ["a turtle with a net", "two boats on a beach"]
    between = finetune.interpolate(base, tuned, 0.5).encode_texts(sentences)
    np.testing.assert_allclose(half.encode_texts(sentences), between, atol=2e-3)
    assert np.abs(between - base.encode_texts(sentences)).max() > 0.02


@pytest.mark.slow
def test_a_training_of_adapters_that_is_stopped_leaves_nothing_in_their_folder(tmp_path):
    assert train.train("lora-openai", tmp_path / "out", tmp_path, stop=lambda step: True, smoke=True) is None
    assert not (tmp_path / "out").exists()


def test_the_way_is_the_best_one_that_costs_little_elsewhere(monkeypatch):
    """Exact turtles rise with the way; `cat_all` loses 0.4 points each tenth after the first six."""
    frame = pd.DataFrame({"split": ["val"] * 4, "captions": [["a turtle"]] * 4})
    asked = {
        way: pd.DataFrame({"turtle": [True] * 1000, "exact": np.where(np.arange(1000) < 500 * way, 1, 99),
                           "cat_all": np.where(np.arange(1000) < 950 - max(0, 40 * (way - 0.6)), 1, 99)})
        for way in (0.0, *lora.WAYS)
    }  # fmt: skip
    monkeypatch.setattr(lora.encoders, "load", lambda *args, **options: 0.0)
    monkeypatch.setattr(lora.finetune, "load", lambda *args: 1.0)
    monkeypatch.setattr(lora.finetune, "interpolate", lambda base, tuned, way: way)
    monkeypatch.setattr(lora, "marine", lambda way, watched: asked[way])
    assert lora.best_way("any", None, frame) == 0.8
    monkeypatch.setattr(lora, "MOST_COST", -1.0)
    assert lora.best_way("any", None, frame) == 0.6


def test_the_lift_is_a_ratio_over_all_seeds_with_its_interval():
    ranks = np.tile([4.0, 9.0, 20.0, 40.0], 30)
    about = {
        "turtle": True,
        "group": np.arange(120) // 2,
        "run": np.repeat([0, 1, 2], 40),
        "image_id": np.arange(120) % 40,
    }
    before = pd.DataFrame({"exact": ranks, **about})
    results = report.Results("any", dataset="any", split="test", gallery_n=9)
    judgement.lift(results, "CLIP", {"base": before, "tuned": before.assign(exact=ranks / 2)})
    hits, median = results.records
    assert hits["value"] == 1.5 and hits["ci_low"] <= 1.5 <= hits["ci_high"] and hits["n"] == 40
    assert (median["value"], median["ci_low"], median["ci_high"]) == (0.5, 0.5, 0.5)


def test_every_variant_differs_from_the_reference_in_what_it_says():
    rates = dict.fromkeys(finetune.adapters.METHODS, variants.REFERENCE.rate)
    lines = list(variants.variants(rates))
    assert len({(line.group, line.name) for line in lines}) == len(lines)
    known = {(line.group, line.name): line.settings_of(0) for line in lines}
    assert known["loss", "CLIP"] == variants.REFERENCE == known["rank", "8"]
    assert known["rank", "2"].adaptation.rank == 2 and known["rank", "2"].adaptation.alpha == 4.0
    assert {key for key, value in known.items() if value == variants.REFERENCE} >= {
        ("towers", "image and text"), ("what learns", "lora"), ("picture", "whole"),
    }  # fmt: skip


def test_a_share_of_the_photographs_leaves_validation_as_it_is(frame):
    part = variants.part_of(frame, 0.25)
    sizes = part["split"].value_counts()
    assert sizes["train"] == round(0.25 * (frame["split"] == "train").sum())
    assert sizes["val"] == (frame["split"] == "val").sum()


def test_turtles_only_makes_every_other_image_a_class_of_its_own(frame):
    mended = variants.turtles_only(frame)
    assert set(mended["category"].dropna()) == {"turtle"} and (mended["split"] == frame["split"]).all()
    rows = finetune.rows.Rows(encoders.load("clip-vit-openai", precision="fp32"), mended, 0, "category")
    labels = rows.labels(range(len(mended)), 0)
    assert set(labels[mended["category"].isna()]) == {-1}


def test_crops_are_of_training_turtles_alone(frame):
    cut = variants.cropped(frame)
    seen = cut["item"].notna()
    assert seen.any() and set(cut["split"][seen]) == {"train"} and set(cut["category"][seen]) == {"turtle"}
    assert all(item[0] == path for item, path in zip(cut["item"][seen], cut["path"][seen], strict=True))


def test_what_stands_in_two_groups_is_run_once(frame, monkeypatch):
    asked = []

    def noted(work, jobs, **options):
        asked.extend(jobs)
        return [{"rate": line.settings_of(seed).rate, "seed": seed} for line, seed in jobs]

    monkeypatch.setattr(ablations, "in_parallel", noted)
    lines = [variants.Variant("a", "x"), variants.Variant("b", "y"), variants.Variant("b", "z", {"rate": 1e-3})]
    found = ablations.runs_of(lines, frame, (0, 1))
    assert len(asked) == 4 and found[0] == found[1]
    assert [run["rate"] for run in found[2]] == [1e-3, 1e-3] and [run["seed"] for run in found[2]] == [0, 1]


def test_other_sentences_are_given_to_the_turtles_training_photographs_alone(frame):
    same, told = (variants.worded(frame, writer) for writer in ("the true ones", "by labels"))
    assert list(same["captions"]) == list(frame["captions"])
    changed = told["captions"] != frame["captions"]
    assert set(told["split"][changed]) == {"train"} and "coco" not in set(told["dataset"][changed])
    mine = (frame["split"] == "train") & (frame["dataset"] != "coco")
    assert changed[mine].all() and told["captions"][mine].map(len).between(0, 3).all()


@pytest.mark.slow
def test_a_run_of_an_ablation_is_kept_and_found_again(tmp_path, frame, monkeypatch):
    variant = variants.Variant("rank", "2", {"steps": 1, "batch": 8}, {"rank": 2})
    first = ablations.run(variant, 0, frame)
    monkeypatch.setattr(finetune, "train", lambda *args, **options: pytest.fail("trained again"))
    assert ablations.run(variant, 0, frame) == first and first["learning"] > 0
    value, drawn = ablations.pooled([first, first], "exact", True)
    turtles = (frame["category"] == "turtle") & (frame["split"] == "val")
    assert len(value) == len(drawn["groups"]) == len(drawn["runs"]) == 2 * turtles.sum()


# the names of fish

FISH = {"Blue Tang": (40, 90, 220), "Gold Fish": (240, 150, 40), "Green Puffer": (60, 190, 70)}
FIGURE = {"task": "species, tuned", "metric": "accuracy", "value": 0.5, "ci_low": 0.1, "ci_high": 0.9, "n": 9}


def squares(folder):
    """Five squares of one colour for each of three species, and three captions each, as `species.Task.gather` leaves them."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in FISH for _ in range(5)]
    np.save(folder / "images.npy", np.stack([np.full((112, 112, 3), FISH[name], np.uint8) for name in names]))
    truths = [
        {"captions": ["a fish", f"a fish like {i}", f"an adult {name} of number {i}"], "species": name}
        for i, name in enumerate(names)
    ]
    (folder / "truth.jsonl").write_text("\n".join(map(json.dumps, truths)) + "\n", encoding="utf-8")
    return folder


def fish_recipe(**data):
    """The real recipe with a smaller adapter and batch."""
    recipe = copy.deepcopy(train.recipes()["lora-fish"])
    recipe["adaptation"]["rank"] = 2
    recipe["data"] |= data
    recipe["smoke"] |= {"steps": 3, "batch": 4}
    return recipe


@pytest.fixture(scope="module")
def fish_folder(tmp_path_factory):
    return squares(tmp_path_factory.mktemp("fish"))


@pytest.fixture
def fish(fish_folder):
    """A task that is not built: its encoder is the base."""
    task = species.Task(fish_recipe(), fish_folder)
    task.encoder.place("cpu", "fp32")
    return task


def same(first, second):
    *tensors, patches = zip(first, second, strict=True)
    return [one.shape == other.shape and torch.equal(one, other) for one, other in tensors] + [patches[0] == patches[1]]


def test_a_batch_of_fish_is_a_function_of_seed_and_step_alone(fish, fish_folder):
    first = fish.batch(3, 8)
    torch.manual_seed(1)
    fish.batch(4, 8)
    assert all(same(first, fish.batch(3, 8)))
    assert all(same(first, species.Task(fish_recipe(), fish_folder).batch(3, 8)))
    other_seed = species.Task(fish_recipe(), fish_folder, seed=1)
    for other in (fish.batch(4, 8), other_seed.batch(3, 8)):
        pixels, *_, patches = same(first, other)
        assert not pixels and not patches


def test_pixels_sentences_and_labels_of_a_batch_are_of_the_same_fish(fish):
    fish.recipe["augment"] = dict.fromkeys(fish.recipe["augment"], 0.0) | {"area": [1.0, 1.0]}
    fish.recipe["data"] |= {"names": 0.5, "detail": 1.0}  # both sentences name the species
    colours = torch.tensor([FISH[str(name)] for name in fish.species]) / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (CLIP_MEAN, CLIP_STD))
    for step in range(3):
        pixels, ids, labels, _, _ = fish.batch(step, 8)
        assert pixels.shape == (8, 3, fish.encoder.image_size, fish.encoder.image_size)
        shown = (pixels * std + mean).mean((2, 3))
        assert torch.equal(torch.cdist(shown, colours).argmin(1), labels)
        texts = fish.encoder.tokenizer.batch_decode(ids, skip_special_tokens=True)
        for text, label in zip(texts, labels, strict=True):
            assert fish.species[label].lower() in text.lower()


def test_an_epoch_shows_every_fish_once(fish):
    fish.recipe["data"] |= {"names": 0.0, "detail": 1.0}  # the last caption tells the image by its number
    texts = [text for step in range(3) for text in fish.batch(step, 5)[1].tolist()]
    assert len({tuple(number for number in text if number != fish.encoder.pad_token) for text in texts}) == 15


def test_equal_sentences_are_positives_of_each_other_and_others_are_not(fish):
    fish.recipe["data"]["names"] = 1.0
    _, ids, _, positives, _ = fish.batch(0, 15)
    assert torch.equal(positives, (ids[:, None] == ids).all(-1)) and 15 < positives.sum() < 225


@pytest.mark.parametrize(("names", "detail"), [(0.0, 0.0), (0.3, 0.8), (0.7, 0.0), (0.0, 1.0), (1.0, 0.5)])
def test_the_bare_name_and_the_most_detailed_caption_are_said_as_often_as_asked(fish, names, detail):
    fish.recipe["data"] |= {"names": names, "detail": detail}
    rng, row = np.random.default_rng(0), 7
    bare = {template.format("Gold Fish") for template in species.NAMES}
    said = Counter(fish._sentence(row, rng) for _ in range(3000))
    expected = dict.fromkeys(bare, names / len(bare))
    for i, caption in enumerate(fish.captions[row]):
        expected[caption] = (1 - names) * ((1 - detail) / 3 + detail * (i == 2))
    assert said.keys() <= expected.keys()
    for sentence, share in expected.items():
        assert abs(said[sentence] / 3000 - share) <= 4 * (share * (1 - share) / 3000) ** 0.5


def test_some_patches_are_seen_at_first_and_all_of_them_later(fish):
    fish.recipe["patches"], fish.plan = {"keep": 0.25, "until": 0.6}, {"steps": 10}
    assert [fish.batch(step, 4)[4][0] for step in range(4, 8)] == [0.25, 0.25, 1.0, 1.0]


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_the_loss_falls_as_images_and_names_agree(fish, weight):
    fish.recipe["loss"]["weight"], fish.recipe["data"]["names"] = weight, 1.0
    batch = fish.batch(0, 12)
    own, model = torch.eye(3)[batch[2]], SimpleNamespace(logit_scale=torch.tensor(3.0))
    noise = 0.2 * torch.randn(2, *own.shape, generator=torch.Generator().manual_seed(0))  # no two fish are quite alike
    image_emb, found = torch.nn.functional.normalize(own + noise[0], dim=1), []
    for texts in (own, torch.ones_like(own), own.roll(1, 1)):  # agree, say nothing, disagree
        text_emb = torch.nn.functional.normalize(texts + noise[1], dim=1)
        fish.encoder._image_features = lambda pixels: 5 * image_emb  # lengths do not count
        fish.encoder._text_features = lambda ids, text_emb=text_emb: 0.1 * text_emb
        found.append(fish.loss(model, batch).item())
        expected = losses.combined(image_emb, text_emb, model.logit_scale, batch[2], weight, batch[3])
        assert found[-1] == pytest.approx(expected.item())
    assert found[0] < found[1] < found[2]


def test_the_loss_of_a_batch_is_the_same_each_time_and_leaves_the_random_numbers_alone(fish):
    fish.plan = {"steps": 10}
    batch, model = fish.batch(0, 4), fish.build()
    before = torch.get_rng_state()
    first = fish.loss(model, batch).item()
    assert torch.equal(torch.get_rng_state(), before)
    assert fish.loss(model, batch).item() == first
    assert fish.loss(model, (*batch[:4], (0.5, 12345))).item() != first  # other patches
    assert fish.loss(model, (*batch[:4], (1.0, 12345))).item() == fish.loss(model, (*batch[:4], (1.0, 1))).item()


def test_the_adapter_begins_as_the_base_and_its_scale_stays_below_one_hundred(fish):
    base = fish.encoder.encode_texts(list(FISH))
    model = fish.build()
    np.testing.assert_array_equal(fish.encoder.encode_texts(list(FISH)), base)
    assert finetune.learning(fish.encoder) and model is fish.encoder.model
    for value in (9.0, -1.0):
        model.logit_scale.data.fill_(value)
        fish.after_step(model)
        assert model.logit_scale.item() == pytest.approx(min(max(value, 0.0), losses.LOG_MAX_SCALE))


def test_the_exported_adapter_is_loaded_and_changes_the_encoder(fish, tmp_path):
    model = fish.build()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in finetune.learning(fish.encoder).values():
            weight += 0.02 * torch.randn(weight.shape, generator=generator)
    fish.export(model, tmp_path / "out")
    tensors = load_file(tmp_path / "out" / finetune.adapters.TENSORS)
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float16}
    base, again = (encoders.load("clip-vit-openai", device="cpu", precision="fp32") for _ in range(2))
    finetune.load(again, tmp_path / "out")
    pixels = fish.batch(0, 4)[0]
    for told in (lambda encoder: encoder.encode_texts(list(FISH)), lambda encoder: encoder.encode_pixels(pixels)):
        np.testing.assert_allclose(told(again), told(fish.encoder), atol=2e-3)
        assert np.abs(told(again) - told(base)).max() > 0.02


def test_the_real_adapter_fits_its_slot(fish_folder, tmp_path):
    recipe = train.recipes()["lora-fish"]
    task = species.Task(recipe, fish_folder)
    task.export(task.build(), tmp_path)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert size < recipe["max_bytes"] - 20_000  # room for the curve of the loss


@pytest.fixture
def fish_program(fish_folder, monkeypatch):
    """The training program on the squares, with figures that cost nothing."""
    monkeypatch.setattr(train, "recipe_of", lambda slot: fish_recipe())
    monkeypatch.setattr(species.Task, "gather", staticmethod(lambda recipe, data, count: fish_folder))
    monkeypatch.setattr(species.Task, "evaluate", staticmethod(lambda out, recipe, count, seed: [FIGURE]))


def test_a_training_of_fish_that_was_stopped_goes_on_to_the_same_adapter(fish_program, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    card = train.train("lora-fish", whole, tmp_path, smoke=True)
    assert train.train("lora-fish", parts, tmp_path, stop=lambda step: step == 2, smoke=True) is None
    assert not (parts / "adapter.json").exists()
    resumed = train.train("lora-fish", parts, tmp_path, smoke=True, resume=True)
    assert resumed["sha256"] == card["sha256"] and card["figures"] == [FIGURE]
    assert card["sha256"].keys() == {"adapter.json", "adapter.safetensors", "training.jsonl"}
    assert card["examples"] == 12 and card["headline"] == ["accuracy"]
    lines = [json.loads(line) for line in (whole / "training.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [0, 1, 2] and len({line["loss"] for line in lines}) > 1


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """Six generated photographs, three wide and three high, of two species that follow no order; how often they were made."""
    rows, made = [], []
    for i, name in enumerate(["Gold Fish", "Blue Tang", "Gold Fish", "Gold Fish", "Blue Tang", "Gold Fish"]):
        path, size = tmp_path / f"{i}.png", (60, 20) if i % 2 else (20, 60)
        Image.new("RGB", size, FISH[name]).save(path)
        facts = {"width": size[0], "height": size[1]}
        rows.append({"path": str(path), "label": name, "captions": ["a fish", f"fish {i}"], "facts": facts})
    monkeypatch.setattr(datasets, "generated", lambda *asked: made.append(asked) or pd.DataFrame(rows))
    return made


def test_photographs_are_gathered_once_as_squares_that_hold_them_whole(photographs, tmp_path):
    recipe = fish_recipe(edge=30)
    folder = species.Task.gather(recipe, tmp_path, 6)
    assert species.Task.gather(recipe, tmp_path, 6) == folder
    assert photographs == [(6, "fish31", recipe["data"]["seed"])]
    task = species.Task(recipe, folder)
    assert task.images.shape == (6, 30, 30, 3) and task.captions == [["a fish", f"fish {i}"] for i in range(6)]
    assert [task.species[label] for label in task.labels[:3]] == ["Gold Fish", "Blue Tang", "Gold Fish"]
    for i, image in enumerate(task.images):
        along = image.transpose(1, 0, 2) if i % 2 else image  # the picture stands upright in the middle third
        colour = FISH[task.species[task.labels[i]]]
        assert np.abs(along[:, 13:17].astype(int) - colour).max() <= 2  # up to both ends
        assert np.abs(along[:, [0, 1, -2, -1]] - 255 * np.array(CLIP_MEAN)).max() <= 2
    others = fish_recipe(edge=31), fish_recipe(edge=30, seed=72)
    assert len({folder, *(species.Task.gather(other, tmp_path, 6) for other in others)}) == 3


def test_base_and_tuned_model_are_judged_by_how_often_they_name_the_fish(photographs, monkeypatch):
    colour = {name: np.eye(2, dtype=np.float32)[i] for i, name in enumerate(("Blue Tang", "Gold Fish"))}
    shown = ["Gold Fish", "Blue Tang", "Gold Fish", "Gold Fish", "Blue Tang", "Gold Fish"]
    monkeypatch.setattr(encoders, "load", lambda *args, **options: "base")
    monkeypatch.setattr(finetune, "load", lambda encoder, folder: f"{encoder} tuned by {folder}")
    monkeypatch.setattr(classify, "class_embeddings", lambda who, names: np.stack([colour[name] for name in names]))
    looked = []

    def images(who, items):
        looked.append((who, len(items), {style for _, _, style in items}))
        return np.stack([colour[name if who == "base tuned by out" else "Gold Fish"] for name in shown])

    monkeypatch.setattr(embed, "images", images)
    base, tuned = species.Task.evaluate("out", fish_recipe(), 6, 91)
    assert photographs == [(6, "fish31", 91)]
    assert looked == [("base", 6, {"pad"}), ("base tuned by out", 6, {"pad"})]
    for found, state, right in ((base, "base", [1, 0, 1, 1, 0, 1]), (tuned, "tuned", [1] * 6)):
        share = metrics.wilson(right)
        assert found == {"task": f"species, {state}", "metric": "accuracy", "value": share["mean"],
                         "ci_low": share["ci_low"], "ci_high": share["ci_high"], "n": 6}  # fmt: skip


@pytest.mark.slow
def test_the_adapter_of_fish_is_trained_signed_and_measured(tmp_path):
    out = tmp_path / "lora-fish"
    card = train.train("lora-fish", out, tmp_path, smoke=True)
    recipe = train.recipe_of("lora-fish")
    assert card["sha256"].keys() == {"adapter.json", "adapter.safetensors", "training.jsonl"}
    assert [(figure["task"], figure["n"]) for figure in card["figures"]] == [
        (f"species, {state}", recipe["smoke"]["evaluation_images"]) for state in ("base", "tuned")
    ]
    base, tuned = (encoders.load("clip-vit-openai", device="cpu", precision="fp32") for _ in range(2))
    assert finetune.load(tuned, out).fingerprint != base.fingerprint
    task = species.Task(recipe, species.Task.gather(recipe, tmp_path, recipe["smoke"]["images"]))
    assert task.size == recipe["smoke"]["images"] and list(task.species) == sorted(SPECIES)
    assert not any(
        SIDED.search(caption) for captions in task.captions for caption in captions
    )  # so all may be mirrored
