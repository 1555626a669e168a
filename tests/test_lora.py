"""The program of the LoRA adapters, and the ablations: smoke runs, and what their variants say they change."""

import numpy as np
import pandas as pd
import pytest
import torch

from models import ablations, judgement, lora, train, variants
from utils import encoders, finetune, report


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
