"""The bench: arms of fine-tuning do the same work, with memory and ratios of their own; so do ways to a vocabulary."""

import numpy as np
import pytest
import torch
from PIL import Image

from tests.bench import __main__ as bench
from tests.bench import classical, finetuning
from utils import report

SMALL = {"batch": 3, "layers": 1}


@pytest.fixture
def results():
    return report.Results("bench", dataset="generated")


@pytest.mark.slow
def test_all_arms_begin_at_the_same_loss():
    first = [arm(finetuning.clip_model(1), finetuning.pairs(3))() for arm in finetuning.ARMS.values()]
    assert np.ptp(first) < 1e-4, first


@pytest.mark.slow
def test_lora_learns_the_same_matrices_as_plain_peft_and_the_scale():
    counts = {}
    for name, arm in finetuning.ARMS.items():
        model = finetuning.clip_model(1)
        arm(model, finetuning.pairs(2))
        counts[name] = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
        total = sum(weight.numel() for weight in model.parameters())
    assert counts[finetuning.LORA] == counts[finetuning.PEFT] + 1
    assert counts[finetuning.FULL] > 0.99 * total


def test_every_text_ends_where_its_mask_does():
    batch = finetuning.pairs(50)
    ends = (batch["input_ids"] == finetuning.END).int().argmax(dim=1)
    assert torch.equal(ends + 1, batch["attention_mask"].sum(dim=1))
    assert ends.min() >= 7 and ends.max() < finetuning.TOKENS


@pytest.mark.slow
def test_the_counted_work_is_six_times_parameters_times_tokens():
    found = finetuning.on_gpu(batch=2, layers=1, steps=1, device="cpu")
    model = finetuning.clip_model(1)
    layers = {"vision": model.vision_model.encoder.layers, "text": model.text_model.encoder.layers}
    sizes = {name: sum(w.numel() for w in tower.parameters() if w.ndim > 1) for name, tower in layers.items()}
    patches = model.vision_model.embeddings.patch_embedding.weight.numel()
    # the pixels need no gradient, so that the first layer has two products, not three
    expected = 2 * (6 * (50 * sizes["vision"] + finetuning.TOKENS * sizes["text"]) + 4 * 49 * patches)
    assert found[finetuning.FULL]["flops"] == pytest.approx(expected, rel=0.02)
    assert 0.5 < found[finetuning.LORA]["flops"] / found[finetuning.FULL]["flops"] < 0.7


def test_ratios_are_of_lora_to_the_others(results, monkeypatch, capsys):
    rows = {
        finetuning.LORA: {"seconds": 3.0, "n": 9, "peak": 2000.0, "added": 500.0},
        finetuning.FULL: {"seconds": 4.0, "n": 9, "peak": 4000.0, "added": 2500.0},
        finetuning.PEFT: {"seconds": 6.0, "n": 9, "peak": 2500.0, "added": 700.0},
    }
    monkeypatch.setattr(finetuning, "run", lambda **sizes: rows)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    bench.step_speed(results)
    ratios = {row["metric"]: row["value"] for row in results.records if row["unit"] == "ratio"}
    assert ratios == {
        "time, ratio to full fine-tuning": 0.75,
        "time, ratio to plain peft": 0.5,
        "peak memory, ratio to full fine-tuning": 0.5,
        "memory added by training, ratio to full fine-tuning": 0.2,
    }
    assert len(results.records) == 3 * 3 + 4
    assert "there is no GPU" in capsys.readouterr().out


@pytest.mark.parametrize(("gpu", "share"), [("NVIDIA H200", 0.5), ("NVIDIA H100 80GB HBM3 MIG 1g.10gb", None)])
def test_utilisation_is_told_where_the_peak_is_known(results, monkeypatch, capsys, gpu, share):
    rows = {finetuning.LORA: {"seconds": 2.0, "flops": 989e12, "n": 4}}
    monkeypatch.setattr(finetuning, "on_gpu", lambda batch: rows)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: gpu)
    bench.gpu_speed(results, {"task": "fine-tuning speed"}, batch=8)
    found = {row["metric"]: row for row in results.records}
    assert found["time of a step"]["params"]["gpu"] == gpu
    assert found.get("model FLOPs utilisation", {}).get("value") == share
    assert ("left out" in capsys.readouterr().out) == (share is None)


@pytest.mark.slow
def test_an_arm_has_its_own_peak_of_memory():
    ballast = np.ones(2**28)  # 2.1 GB, which `ru_maxrss` of the arm's process would begin with
    row = finetuning.run(**SMALL, rounds=1, steps=1)[finetuning.LORA]
    del ballast
    assert row["n"] == 1 and row["seconds"] > 0
    assert 0 < row["added"] < row["peak"] < 2000


def test_ratios_of_a_vocabulary_are_to_k_means_run_to_its_end(results, monkeypatch, capsys):
    found = {
        "seconds": {classical.OURS: 2.0, classical.LLOYD: 8.0, classical.TWO_STAGES: 0.5},
        "inertia": {classical.OURS: 101.0, classical.LLOYD: 100.0},
        **{"n": 9, "words": 4, "gallery_n": 70},
    }
    monkeypatch.setattr(classical, "run", lambda **sizes: found)
    bench.classical_speed(results)
    ratios = {row["metric"]: row["value"] for row in results.records if row["unit"] == "ratio"}
    assert ratios == {
        "time, ratio to k-means run to its end": 0.25,
        "inertia, ratio to k-means run to its end": 1.01,
    }
    assert {(row["method"], row["value"], row["gallery_n"]) for row in results.records if row["unit"] == "s"} == {
        (classical.OURS, 2.0, None),
        (classical.LLOYD, 8.0, None),
        (classical.TWO_STAGES, 0.5, 70),
    }
    assert {row["dataset"] for row in results.records} == {"coco"}
    assert "0.500 s of 70 candidates" in capsys.readouterr().out


@pytest.mark.slow
def test_both_vocabularies_are_made_of_the_same_descriptors():
    found = classical.run(rows=3000, words=24, candidates=50, repeats=1)
    assert set(found["seconds"]) == {classical.OURS, classical.LLOYD, classical.TWO_STAGES}
    assert found["inertia"][classical.OURS] <= 1.05 * found["inertia"][classical.LLOYD]
    assert min(found["seconds"].values()) > 0


def test_inertia_is_what_scikit_learn_says_and_too_few_descriptors_are_named(tmp_path):
    from sklearn.cluster import KMeans

    rows = np.random.default_rng(0).random((300, 8), dtype=np.float32)
    means = KMeans(5, n_init=1, random_state=0).fit(rows)
    assert classical.inertia(rows, means.cluster_centers_) == pytest.approx(means.inertia_, rel=1e-4)
    Image.new("RGB", (40, 40)).save(tmp_path / "plain.png")
    with pytest.raises(ValueError, match="1 pictures hold 0 descriptors, not 5"):
        classical.sample([str(tmp_path / "plain.png")], 5)
