"""LoRA adapters: a CLIP miniature tuned to turtles on the training splits and on photographs generated for it.

The runs lie among the artifacts with their states, so that the same command goes on where it was cut off.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pandas as pd

from utils import config, datasets, encoders, finetune
from utils.evaluate import marine, of_ranks
from utils.finetune.adapters import SETTINGS, TENSORS

BEST = "best-turtle"


def settings_of(recipe: Mapping[str, Any], seed: int, smoke: bool = False) -> finetune.Settings:
    """The profile's, which were chosen on validation images, and the recipe's length."""
    usual = finetune.from_profile()
    table = recipe["budget"] | (recipe["smoke"]["budget"] if smoke else {})
    return replace(usual, **table, seed=seed, adaptation=replace(usual.adaptation, seed=seed))


def archive() -> pd.DataFrame:
    """The manifests of the archives that the notebooks search, joined."""
    return pd.concat([datasets.load(name) for name in datasets.ARCHIVE], ignore_index=True)


def material(recipe: Mapping[str, Any], smoke: bool = False) -> pd.DataFrame:
    """What a training is given: the archives, and `generated` photographs of other turtles."""
    if smoke:
        return archive().groupby(["dataset", "split"]).head(recipe["smoke"]["images"]).reset_index(drop=True)
    data = recipe["data"]
    return pd.concat([archive(), datasets.generated(data["generated"], data["seed"])], ignore_index=True)


def make_plan(recipe: Mapping[str, Any], smoke: bool) -> dict[str, Any]:
    """What is fixed for the trainings: their settings, all steps together and the number of images."""
    settings, learned = settings_of(recipe, 0, smoke), finetune.parts(material(recipe, smoke))["train"]
    batches = finetune.BalancedBatches(learned["category"] == "turtle", settings.batch, settings.share)
    steps = settings.epochs * len(batches) * len(recipe["data"]["seeds"])
    batch = {"batch": settings.batch, "steps": steps, "images": len(learned)}
    return {**asdict(settings), **batch, "precision": "fp32", "smoke": smoke}


def fit(
    recipe: Mapping[str, Any], plan: dict[str, Any], stop: Callable[[int], bool] = lambda step: False
) -> list[Path] | None:
    """Tune with every seed; the folders of the runs, None where `stop(step)` ended one. `plan` gets the seconds of all."""
    smoke, frame, runs, seconds = plan["smoke"], material(recipe, plan["smoke"]), [], 0.0
    for seed in recipe["data"]["seeds"]:
        settings = settings_of(recipe, seed, smoke)
        runs.append(config.load().artifacts_dir / "finetune" / f"{plan['slot']}{'-smoke' * smoke}" / f"seed-{seed}")
        encoder = encoders.load(recipe["base"], precision="fp32")
        log = finetune.train(encoder, frame, runs[-1], settings, resume=True, stop=stop)
        if len(log) < settings.epochs:
            return None
        seconds += float(log["seconds"].sum())
    plan["seconds"] = seconds
    return runs


def export(runs: list[Path], out: Path, recipe: Mapping[str, Any]) -> None:
    """Of every run the adapter with the best R@5 of turtles on the validation gallery, in fp16, and the log."""
    from safetensors.torch import load_file, save_file

    for run in runs:
        folder = out / run.name
        folder.mkdir(parents=True, exist_ok=True)
        tensors = load_file(run / BEST / TENSORS)
        save_file({name: weight.half() for name, weight in tensors.items()}, folder / TENSORS)
        shutil.copyfile(run / BEST / SETTINGS, folder / SETTINGS)
        shutil.copyfile(run / "log.csv", folder / "log.csv")


def evaluate(out: Path, recipe: Mapping[str, Any], count: int, seed: int) -> list[dict[str, Any]]:
    """What the adapters change on the test split, all seeds together, in the notebooks' gallery.

    At most `count` images of each data set and split take part; `seed` plays no part.
    """
    frame = archive().groupby(["dataset", "split"]).head(count)
    size = min(config.load().budgets["retrieval"]["gallery"], int((frame["split"] != "train").sum()))
    gallery = datasets.gallery(frame, n=size)
    base = marine(encoders.load(recipe["base"], precision="fp32"), gallery)
    adapters = [out / f"seed-{number}" for number in recipe["data"]["seeds"]]
    tuned = [
        marine(finetune.load(encoders.load(recipe["base"], precision="fp32"), folder), gallery) for folder in adapters
    ]
    found = []
    for name, asked in (("base", base), ("tuned", pd.concat(tuned))):
        found += _figures(f"turtle, exact image, {name}", asked[asked["turtle"]], "exact", len(gallery))
        found += _figures(f"cat_all, {name}", asked, "cat_all", len(gallery))
    return found


def _figures(task: str, asked: pd.DataFrame, column: str, size: int) -> list[dict[str, Any]]:
    table = of_ranks(asked[column], asked["group"])
    return [
        {"task": task, "metric": metric, "value": table[metric]["mean"], "ci_low": table[metric]["ci_low"],
         "ci_high": table[metric]["ci_high"], "n": asked["image_id"].nunique(), "gallery_n": size}
        for metric in ("R@1", "R@10", "median_rank")
    ]  # fmt: skip
