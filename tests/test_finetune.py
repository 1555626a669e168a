"""Fine-tuning: what learns, in which batches, by which gradient, and what stays when a run is cut off."""

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import multiprocessing

from utils import encoders, finetune, losses
from utils.finetune import Adaptation, BalancedBatches, Settings, step
from utils.finetune.optimizer import learning_rate

SMALL = Settings(epochs=3, batch=8, rate=3e-3, adaptation=Adaptation(rank=4))


@pytest.fixture
def encoder():
    return encoders.load("clip-vit-openai", device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    """Twenty-four plain pictures; a third shows turtles; the last eight are for validation."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    rows = []
    for i in range(24):
        path = folder / f"{i:02d}.png"
        Image.fromarray(np.full((60, 80, 3), rng.integers(0, 255, 3), np.uint8)).save(path)
        kind = "turtle" if i % 3 == 0 else ("boat", "cup")[i % 2]
        captions = [f"a {kind}", f"a {kind} of number {i}"]
        split = "train" if i < 16 else "val"
        rows.append({"image_id": f"own/{i}", "path": str(path), "category": kind, "identity": None, "split": split,
                     "captions": captions, "facts": {}})  # fmt: skip
    return pd.DataFrame(rows)


def embeddings(encoder):
    pixels = torch.randn(5, 3, encoder.image_size, encoder.image_size, generator=torch.Generator().manual_seed(1))
    return encoder.encode_pixels(pixels), encoder.encode_texts(["a turtle", "a net", "two boats on a beach"])


# batches


@pytest.mark.parametrize(("turtles", "others", "size"), [(5, 40, 8), (40, 5, 8), (1, 9, 10), (30, 90, 16)])
def test_every_batch_holds_its_share_and_every_row_is_seen(turtles, others, size):
    group = np.random.default_rng(0).permutation([True] * turtles + [False] * others)
    batches = BalancedBatches(group, size, share=0.25)
    for number in range(3):
        found = list(batches.epoch(number))
        assert len(found) == len(batches)
        assert {len(rows) for rows in found} == {size}
        assert {int(group[rows].sum()) for rows in found} == {max(1, round(size / 4))}
        assert set(np.concatenate(found)) == set(range(turtles + others))


def test_epochs_differ_and_repeat_by_the_seed():
    group = np.arange(40) % 4 == 0
    first, again, later, other = (
        np.concatenate(list(BalancedBatches(group, 8, seed=seed).epoch(number)))
        for seed, number in ((0, 0), (0, 0), (0, 1), (1, 0))
    )
    assert (first == again).all()
    assert (first != later).any()
    assert (first != other).any()


def test_the_rows_of_all_processes_are_the_batch():
    group = np.arange(40) % 4 == 0
    whole = BalancedBatches(group, 8)
    four = [BalancedBatches(group, 8, rank=rank, world=4) for rank in range(4)]
    for rows, *same in zip(whole.epoch(2), *(one.epoch(2) for one in four), strict=True):
        assert all((rows == other).all() for other in same)
        assert (np.concatenate([one.own(rows) for one in four]) == rows).all()


@pytest.mark.parametrize(
    ("group", "options", "said"),
    [
        ([False] * 9, {"size": 4}, "no turtle"),
        ([True] * 9, {"size": 4}, "beside the group"),
        ([True] + [False] * 8, {"size": 16}, "at most the 9 rows"),
        ([True] + [False] * 8, {"size": 6, "world": 4}, "among 4 processes"),
        ([True] + [False] * 8, {"size": 4, "share": 1.0}, "share is 1.0"),
    ],
)
def test_impossible_batches_are_named(group, options, said):
    with pytest.raises(ValueError, match=said):
        BalancedBatches(group, **options)


# one step


class Towers(torch.nn.Module):
    """Two linear towers with dropout, and a scale."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.image, self.text = torch.nn.Linear(6, 4).double(), torch.nn.Linear(5, 4).double()
        self.drop, self.logit_scale = torch.nn.Dropout(0.3), torch.nn.Parameter(torch.tensor(1.5))

    def forward(self, pixels, ids):
        sides = self.image(self.drop(pixels)), self.text(self.drop(ids))
        return tuple(torch.nn.functional.normalize(side, dim=-1) for side in sides)

    def loss(self, images, texts):
        labels = torch.tensor([0, 0, 1, -1, -1, 1, 2, 3])
        return losses.combined(images, texts, self.logit_scale, labels)


def gradients(model):
    return torch.cat([weight.grad.flatten().double() for weight in model.parameters()])


def batch(size=8):
    generator = torch.Generator().manual_seed(3)
    return torch.randn(size, 6, generator=generator).double(), torch.randn(size, 5, generator=generator).double()


@pytest.mark.parametrize("size", [1, 3, 4])
def test_the_gradient_of_parts_is_that_of_the_whole_batch(size):
    pixels, ids = batch()
    parts = list(zip(pixels.split(size), ids.split(size), strict=True))
    whole, cached = Towers(), Towers()
    torch.manual_seed(7)
    value = whole.loss(*(torch.cat(side) for side in zip(*(whole(*part) for part in parts), strict=True)))
    value.backward()
    torch.manual_seed(7)
    assert step.backward(cached, parts, cached.loss) == pytest.approx(value.item(), rel=1e-6)
    assert torch.allclose(gradients(whole), gradients(cached), rtol=1e-4, atol=1e-6)


def test_a_loss_that_is_not_finite_adds_no_gradient():
    model = Towers()
    pixels, ids = batch()
    pixels[2] = float("nan")
    with pytest.raises(FloatingPointError, match="nan"):
        step.backward(model, [(pixels, ids)], model.loss)
    assert all(weight.grad is None for weight in model.parameters())


def _process(rank, address, folder):
    torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=2)
    model = Towers().eval()
    part = tuple(side[4 * rank : 4 * rank + 4] for side in batch())
    value = step.backward(model, [part], model.loss)
    step.reduce_gradients(list(model.parameters()), shared=[model.logit_scale])
    torch.save((value, gradients(model)), Path(folder) / f"{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_take_the_step_of_one(tmp_path):
    multiprocessing.spawn(_process, ((tmp_path / "meet").as_uri(), str(tmp_path)), nprocs=2)
    model = Towers().eval()
    value = step.backward(model, [batch()], model.loss)
    for rank in range(2):
        other, gradient = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert other == pytest.approx(value, rel=1e-6)
        assert torch.allclose(gradients(model), gradient, rtol=1e-5, atol=1e-7)


# what learns


@pytest.mark.parametrize("slot", ["clip-vit-openai", "clip-rn50"])
def test_an_adapter_changes_nothing_before_it_learns(slot):
    encoder = encoders.load(slot, device="cpu", precision="fp32")
    before = embeddings(encoder)
    finetune.adapt(encoder, Adaptation())
    for new, old in zip(embeddings(encoder), before, strict=True):
        assert np.allclose(new, old, atol=1e-6)


def test_lora_learns_few_numbers_and_the_scale(encoder):
    finetune.adapt(encoder, Adaptation())
    learning, everything = finetune.count(encoder)
    names = set(finetune.learning(encoder))
    assert 0.01 < learning / everything < 0.06
    assert any(name.endswith("logit_scale") for name in names)
    assert all("lora_" in name or name.endswith("logit_scale") for name in names)
    places = {name.split(".lora_")[0].rsplit(".", 1)[-1] for name in names if "lora_" in name}
    assert places == {"q_proj", "k_proj", "v_proj", "out_proj", "visual_projection", "text_projection"}


@pytest.mark.parametrize(
    ("options", "places"),
    [
        ({"towers": ("image",), "matrices": ("q",)}, r"vision_model.*q_proj.lora_[AB].default.weight"),
        ({"matrices": ("v", "projection")}, r"(.*v_proj|(visual|text)_projection).lora_[AB].default.weight"),
        ({"matrices": ("fc1", "fc2")}, r".*mlp.fc[12].lora_[AB].default.weight"),
        ({"method": "projections"}, r"(visual|text)_projection.weight"),
        ({"method": "biases", "towers": ("text",)}, r"text_model.*bias"),
    ],
)
def test_the_place_of_learning_can_be_chosen(encoder, options, places):
    finetune.adapt(encoder, Adaptation(**options))
    names = {name.removeprefix("base_model.model.") for name in finetune.learning(encoder)} - {"logit_scale"}
    assert names
    assert all(re.fullmatch(places, name) for name in names)


def test_all_of_a_model_can_learn(encoder):
    finetune.adapt(encoder, Adaptation(method="full"))
    learning, everything = finetune.count(encoder)
    assert learning == everything


def openai_vit(folder):
    """A tiny ViT in OpenAI's format with random weights."""
    from clip.model import CLIP

    torch.manual_seed(0)
    model = CLIP(32, 32, 2, 64, 16, 77, 49408, 64, 1, 2)
    model.load_state_dict({name: weight.float() for name, weight in model.state_dict().items()})
    torch.save(model.float().state_dict(), folder / "vit.pt")
    return encoders.load(folder / "vit.pt", device="cpu", precision="fp32")


@pytest.mark.parametrize("tower", ["image", "text"])
@pytest.mark.parametrize("matrix", ["q", "k", "v", "out", "fc1", "fc2", "projection"])
def test_in_openais_format_a_matrix_of_a_tower_learns_alone(tmp_path, tower, matrix):
    encoder = openai_vit(tmp_path)
    before = embeddings(encoder)
    shaken(encoder, Adaptation(towers=(tower,), matrices=(matrix,)))
    changed = [not np.allclose(new, old, atol=1e-5) for new, old in zip(embeddings(encoder), before, strict=True)]
    assert changed == [tower == "image", tower == "text"]


def test_only_the_chosen_block_of_a_fused_weight_changes(tmp_path):
    encoder = openai_vit(tmp_path)
    attention = encoder.model.transformer.resblocks[0].attn
    before = attention.in_proj_weight.detach().clone()
    shaken(encoder, Adaptation(towers=("text",), matrices=("k",)))
    changed = [not torch.equal(*pair) for pair in zip(attention.in_proj_weight.chunk(3), before.chunk(3), strict=True)]
    assert changed == [False, True, False]


@pytest.mark.parametrize("slot", ["clip-vit-openai", "clip-rn50"])
def test_using_a_tuned_model_leaves_it_as_it_is(slot):
    encoder = shaken(encoders.load(slot, device="cpu", precision="fp32"), Adaptation())
    fingerprint = encoder.fingerprint
    first, second = embeddings(encoder), embeddings(encoder)
    assert encoder.fingerprint == fingerprint
    assert all((new == old).all() for new, old in zip(first, second, strict=True))


def test_a_tower_without_such_a_place_is_named():
    encoder = encoders.load("clip-rn50", device="cpu", precision="fp32")
    with pytest.raises(ValueError, match="nothing in the image tower of clip-rn50"):
        finetune.adapt(encoder, Adaptation(matrices=("fc1",)))


@pytest.mark.parametrize(
    ("options", "said"),
    [({"method": "magic"}, "magic"), ({"towers": ()}, "image, text"), ({"matrices": ("w",)}, "'w'"), ({"rank": 0}, "rank 0")],
)  # fmt: skip
def test_unknown_places_are_named(options, said):
    with pytest.raises(ValueError, match=said):
        Adaptation(**options)


def test_an_adapted_encoder_is_not_adapted_twice(encoder):
    finetune.adapt(encoder, Adaptation())
    with pytest.raises(ValueError, match="adapted already"):
        finetune.adapt(encoder, Adaptation())


def shaken(encoder, adaptation):
    """Adapted, and every number that learns a little off."""
    finetune.adapt(encoder, adaptation)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in finetune.learning(encoder).values():
            weight.add_(torch.randn(weight.shape, generator=generator) * 0.02)
    return encoder


@pytest.mark.parametrize("slot", ["clip-vit-openai", "clip-rn50"])
@pytest.mark.parametrize("method", ["lora", "biases", "projections", "full"])
def test_a_reloaded_adapter_gives_the_same_logits(slot, method, tmp_path):
    base = encoders.load(slot, device="cpu", precision="fp32")
    fingerprint = base.fingerprint
    tuned = shaken(base, Adaptation(method=method))
    finetune.save(tuned, tmp_path, fingerprint)
    again = finetune.load(encoders.load(slot, device="cpu", precision="fp32"), tmp_path)
    assert torch.equal(again.model.logit_scale, tuned.model.logit_scale)
    for new, old in zip(embeddings(again), embeddings(tuned), strict=True):
        assert (new == old).all()


def test_an_adapter_of_another_model_is_refused(encoder, tmp_path):
    finetune.save(shaken(encoder, Adaptation()), tmp_path, "of another model")
    with pytest.raises(ValueError, match="trained on another model"):
        finetune.load(encoders.load("clip-vit-openai", precision="fp32"), tmp_path)
    with pytest.raises(FileNotFoundError, match="holds no adapter"):
        finetune.load(encoders.load("clip-vit-openai", precision="fp32"), tmp_path / "nowhere")


@pytest.mark.parametrize("slot", ["clip-vit-openai", "clip-rn50"])
def test_the_merged_model_is_loaded_like_any_other(slot, tmp_path):
    tuned = shaken(encoders.load(slot, device="cpu", precision="fp32"), Adaptation())
    before = embeddings(tuned)
    merged = encoders.load(finetune.export(tuned, tmp_path / "merged"), device="cpu", precision="fp32")
    assert not any("lora" in name or "parametrizations" in name for name in merged.model.state_dict())
    for new, old in zip(embeddings(merged), before, strict=True):
        assert np.allclose(new, old, atol=1e-5)
    for new, old in zip(embeddings(tuned), before, strict=True):
        assert (new == old).all(), "merging left the adapted encoder as it was"


# the run


@pytest.mark.parametrize("loss", ["combined", "siglip"])
def test_the_loss_falls_and_the_base_stays(encoder, frame, tmp_path, loss):
    base = {name: weight.clone() for name, weight in encoder.model.state_dict().items()}
    log = finetune.train(encoder, frame, tmp_path, replace(SMALL, loss=loss, epochs=4), progress=False)
    assert log["loss"].iloc[-1] < log["loss"].iloc[0]
    merged = {name.replace("base_model.model.", "").replace("base_layer.", ""): weight
              for name, weight in encoder.model.state_dict().items()}  # fmt: skip
    assert all((merged[name] == weight).all() for name, weight in base.items() if name != "logit_scale")
    assert {path.name for path in tmp_path.iterdir()} >= {
        "log.csv", "training.state", "events", "best-loss", "best-turtle", "best-all",
    }  # fmt: skip


def test_a_resumed_run_ends_where_the_uninterrupted_one_does(frame, tmp_path, monkeypatch):
    def fresh():
        return encoders.load("clip-vit-openai", device="cpu", precision="fp32")

    whole = finetune.train(fresh(), frame, tmp_path / "whole", SMALL, progress=False)
    with monkeypatch.context() as patch:
        patch.setattr(finetune.Run, "_stale", lambda run: run.epoch >= 1)
        finetune.train(fresh(), frame, tmp_path / "parts", SMALL, progress=False)
    torch.manual_seed(99)
    parts = finetune.train(fresh(), frame, tmp_path / "parts", SMALL, resume=True, progress=False)
    timed = ["seconds"]
    pd.testing.assert_frame_equal(parts.drop(columns=timed), whole.drop(columns=timed), check_exact=True)


def test_a_run_is_resumed_with_its_own_settings_only(encoder, frame, tmp_path):
    finetune.train(encoder, frame, tmp_path, replace(SMALL, epochs=1), progress=False)
    again = encoders.load("clip-vit-openai", precision="fp32")
    with pytest.raises(FileExistsError, match="resume=True"):
        finetune.train(again, frame, tmp_path, SMALL)
    again = encoders.load("clip-vit-openai", precision="fp32")
    with pytest.raises(ValueError, match="epochs: 1 there, 3 now"):
        finetune.train(again, frame, tmp_path, SMALL, resume=True)
    again = encoders.load("clip-vit-openai", precision="fp32")
    with pytest.raises(ValueError, match="data: .* there"):
        finetune.train(again, frame.iloc[1:], tmp_path, replace(SMALL, epochs=1), resume=True)


def test_a_gradient_that_is_not_finite_changes_nothing(encoder, frame, tmp_path, monkeypatch):
    run = finetune.Run(encoder, frame, tmp_path, SMALL)
    before = {name: weight.detach().clone() for name, weight in finetune.learning(encoder).items()}
    monkeypatch.setattr(step, "reduce_gradients", lambda weights, shared: weights[0].grad.fill_(float("inf")))
    with pytest.raises(FloatingPointError, match="gradient's norm is inf in step 0"):
        run.fit(progress=False)
    assert all(torch.equal(weight, before[name]) for name, weight in finetune.learning(encoder).items())


@pytest.mark.parametrize(
    "wrong", [{"loss": "hinge"}, {"labels": "colour"}, {"epochs": 0}, {"chunk": 0}, {"warmup": 1.5}]
)
def test_wrong_settings_are_named(wrong):
    with pytest.raises(ValueError, match=str(*wrong.values())):
        Settings(**wrong)


def test_the_cosine_ends_at_the_real_last_step(encoder, frame, tmp_path):
    log = finetune.train(encoder, frame, tmp_path, SMALL, progress=False)
    steps = int(log["step"].iloc[-1])
    assert log["rate"].iloc[-1] == learning_rate(steps - 1, steps, SMALL.rate, SMALL.warmup)
    rates = [learning_rate(number, 10, 1.0, 0.2) for number in range(11)]
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates[3:] == sorted(rates[3:], reverse=True)
    assert rates[10] == pytest.approx(0.0)


def test_a_broken_step_names_its_images_and_leaves_the_last_state(encoder, frame, tmp_path, monkeypatch):
    real = step.backward

    def breaks(*args):
        if (tmp_path / "training.state").exists():
            raise FloatingPointError("the loss is nan")
        return real(*args)

    monkeypatch.setattr(step, "backward", breaks)
    with pytest.raises(FloatingPointError, match=r"nan in step 3, in a batch of 8 with own/\d+.*after 1 epochs stays"):
        finetune.train(encoder, frame, tmp_path, SMALL, progress=False)
    assert torch.load(tmp_path / "training.state", weights_only=True)["epoch"] == 1


def test_a_killed_write_leaves_the_state_before(encoder, frame, tmp_path, monkeypatch):
    finetune.train(encoder, frame, tmp_path, replace(SMALL, epochs=1), progress=False)
    before = (tmp_path / "training.state").read_bytes()

    def dies(state, path):
        Path(path).write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", dies)
    run = finetune.Run(encoders.load("clip-vit-openai", precision="fp32"), frame, tmp_path,
                       replace(SMALL, epochs=1), resume=True)  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        run._keep(run.log[-1])
    assert (tmp_path / "training.state").read_bytes() == before


def test_batch_statistics_stay_while_dropout_works(frame, tmp_path):
    encoder = encoders.load("clip-rn50", device="cpu", precision="fp32")
    before = {name: value.clone() for name, value in encoder.model.named_buffers() if "running" in name}
    finetune.train(encoder, frame, tmp_path, replace(SMALL, epochs=1), progress=False)
    after = dict(encoder.model.named_buffers())
    assert before
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_early_stopping_counts_epochs_without_a_better_loss(encoder, frame, tmp_path):
    run = finetune.Run(encoder, frame, tmp_path, replace(SMALL, patience=2), resume=False)
    for value, stale in ((3.0, False), (2.0, False), (2.5, False), (2.1, True)):
        run.log.append({"validation loss": value})
        assert run._stale() == stale


def test_a_class_of_one_image_is_like_no_other(encoder, frame, tmp_path):
    alone = frame.copy()
    alone.loc[1, "category"] = "walrus"
    log = finetune.train(encoder, alone, tmp_path, replace(SMALL, epochs=1), progress=False)
    assert np.isfinite(log["loss"]).all()


def test_a_training_set_without_turtles_is_refused(encoder, frame, tmp_path):
    with pytest.raises(ValueError, match="no turtle"):
        finetune.train(encoder, frame[(frame["category"] != "turtle") | (frame["split"] == "val")], tmp_path, SMALL)
    assert not os.listdir(tmp_path)
