"""How many photographs a species needs: every few-shot method, LoRA among them; notebook 05 shows what this writes.

`python models/few_shots.py` writes reports/results/fish_few_shots.json. Settings of the methods on embeddings are chosen on
as many validation photographs as there are shots, four at most; LoRA's learning rate once for each encoder, with four shots.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))

from utils import classify, datasets, embed, encoders, finetune, metrics, report  # noqa: E402

DATASET, SEED = "fish31", 0
LOADERS = {
    "specialist": partial(finetune.specialist, "fish"),
    "general CLIP": partial(encoders.load, "clip-vit-openai", precision="fp32"),
}
RATES, TRIED = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2), 4  # LoRA's rates, tried with so many shots
STEPS = 30  # of LoRA, each on up to 32 images


def main() -> int:
    """Measure every method and write the results."""
    frame = datasets.resplit(datasets.load(DATASET, seed=SEED), "published")
    frame = datasets.whole(frame)
    names, _ = classify.check_labels(frame)
    parts = {split: frame[frame["split"] == split] for split in ("train", "val", "test")}
    results = report.Results("fish_few_shots", dataset=DATASET, split="test", n=len(parts["test"]), unit="fraction")
    for who, load in LOADERS.items():
        methods = classify.methods(task_of(load(), parts, names))
        rate = best_rate(load, parts, names)
        methods["LoRA"] = shots_of(load, parts, names, "test", rate)
        answered = classify.answers(methods, list(parts["train"]["label"]), list(parts["test"]["label"]), names)
        add(results, who, rate, classify.intervals(answered))
    print(f"written: {results.write()}")
    return 0


def task_of(encoder: encoders.Encoder, parts: dict[str, pd.DataFrame], names: list[str]) -> classify.Task:
    """What the methods on embeddings learn from."""
    emb = {split: embed.images(encoder, list(part["item"])) for split, part in parts.items()}
    labels = {split: list(part["label"]) for split, part in parts.items()}
    texts = classify.class_embeddings(encoder, names)
    known = (emb["train"], labels["train"], emb["val"], labels["val"], emb["test"])
    return classify.Task(*known, names, texts, encoder.scale)


def shots_of(
    load: Callable[[], encoders.Encoder], parts: dict[str, pd.DataFrame], names: list[str], split: str, rate: float
) -> finetune.NamedShots:
    """LoRA on the training images, asked about those of a split."""
    train, asked = parts["train"], parts[split]
    items, labels = list(train["item"]), list(train["label"])
    return finetune.NamedShots(load, items, labels, list(asked["item"]), names, steps=STEPS, rate=rate)


def best_rate(load: Callable[[], encoders.Encoder], parts: dict[str, pd.DataFrame], names: list[str]) -> float:
    """The learning rate of the best macro accuracy on validation images, of equal ones the lowest."""
    few = classify.draw(list(parts["val"]["label"]), TRIED, SEED)
    some = parts | {"val": parts["val"].iloc[few]}
    rows = classify.draw(list(parts["train"]["label"]), TRIED, SEED)
    truth, found = classify.codes_of(list(some["val"]["label"]), names), {}
    for rate in RATES:
        prob = shots_of(load, some, names, "val", rate)(rows, TRIED, SEED)
        found[rate] = metrics.classification(truth, prob)["macro_accuracy"]
        print(f"LoRA at {rate:g}: {found[rate]:.3f} on validation images", file=sys.stderr)
    return RATES[int(np.argmax(list(found.values())))]


def add(results: report.Results, who: str, rate: float, table: pd.DataFrame) -> None:
    """One record a method, number of shots and metric."""
    for row in table.to_dict("records"):
        value = {"mean": row["value"], "ci_low": row["ci_low"], "ci_high": row["ci_high"]}
        about = {"task": "few shots", "model": who, "method": row["method"], "params": {"shots": row["shots"]}}
        if row["method"] == "LoRA":
            about["params"] |= {"rate": rate}
        results.add(row["metric"], value, **about)


if __name__ == "__main__":
    sys.exit(main())
