"""The adapters of all seeds, judged: test split, fresh small tests, and the ledger of what was lost elsewhere.

`python models/judgement.py` writes reports/results/lora_adapters.json, which notebook 04 shows. The notebook itself asks
the first seed only, and finds the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))

from models import lora  # noqa: E402
from utils import datasets, encoders, finetune, ledger, metrics, report  # noqa: E402
from utils.evaluate import KS, of_ranks  # noqa: E402

SLOTS = {"CLIP OpenAI": "clip-vit-openai", "CLIP LAION": "clip-vit-laion"}
SEEDS = (0, 1, 2)
FRESH = (101, 102, 103)  # seeds of small tests that nothing was chosen on
EXACT, OTHERS = "exact instance, turtles", "exact instance, others"
GROUPS = {"category (cat_all)": "cat_all", EXACT: "exact", OTHERS: "exact"}  # the first two as the published figures


def main() -> int:
    """Judge the adapters of both slots and write the results."""
    gallery = datasets.gallery(lora.archive())
    results = report.Results("lora_adapters", dataset="all four", split="test", gallery_n=len(gallery))
    small = [datasets.fresh_test(seed) for seed in FRESH]
    for name, slot in SLOTS.items():
        base = encoders.load(slot, precision="fp32")
        tuned = [finetune.merge(finetune.tuned(slot, seed)[0]) for seed in SEEDS]
        asked = lora.asked_of(base, tuned, [gallery])
        for group in GROUPS:
            levels(results, name, group, asked, "tuning", ("R@1", "R@5", "R@10", "mean_rank", "median_rank"))
            differences(results, name, group, asked)
        lift(results, name, asked)
        fresh = {"gallery_n": len(small[0]), "params": {"galleries": len(small)}}
        levels(
            results, name, EXACT, lora.asked_of(base, tuned, small), "fresh test", ("R@1", "R@10", "mean_rank"), **fresh
        )
        forgotten(results, name, base, tuned)
    print(f"written: {results.write()}")
    return 0


def chosen(asked: pd.DataFrame, group: str) -> pd.DataFrame:
    """The queries of a group: those of turtles, those of all other images, or all."""
    return asked[asked["turtle"] == (group == EXACT)] if group in (EXACT, OTHERS) else asked


def levels(
    results: report.Results, name: str, group: str, asked: dict[str, pd.DataFrame], task: str, shown: tuple, **about
) -> None:
    """Recall and ranks of base and tuned, all seeds together."""
    for state, each in asked.items():
        rows = chosen(each, group)
        found = of_ranks(rows[GROUPS[group]], rows["group"], rows["run"])
        about |= {"task": task, "group": group, "model": f"{name}, {state}", "n": rows["image_id"].nunique()}
        for metric in shown:
            unit = "rank" if "rank" in metric else "fraction"
            results.add(metric.replace("_", " "), found[metric], unit=unit, **about)


def differences(results: report.Results, name: str, group: str, asked: dict[str, pd.DataFrame]) -> None:
    """Tuned minus base of the same queries, and the p of "no difference"."""
    rows, column = {state: chosen(each, group) for state, each in asked.items()}, GROUPS[group]
    for k in KS:
        after, before = ((rows[state][column] <= k).to_numpy(float) for state in ("tuned", "base"))
        change = metrics.paired_bootstrap(after, before, rows["tuned"]["group"], runs=rows["tuned"]["run"])
        about = {"task": "paired", "group": group, "model": name, "n": rows["tuned"]["image_id"].nunique()}
        results.add(f"R@{k}, difference", {key: change[key] for key in ("mean", "ci_low", "ci_high")}, **about)
        results.add(f"R@{k}, p", change["p"], **about)


def lift(results: report.Results, name: str, asked: dict[str, pd.DataFrame]) -> None:
    """How many times as often the exact turtle is found within ten, and how far its median rank falls."""
    after, before = (chosen(asked[state], EXACT) for state in ("tuned", "base"))
    pairs = np.column_stack([after["exact"], before["exact"]])
    ratios = {
        "R@10, tuned / base": lambda ranks: np.divide(*(ranks <= 10).mean(0)),
        "median rank, tuned / base": lambda ranks: np.divide(*np.median(ranks, 0)),
    }
    about = {"task": "lift", "group": EXACT, "model": name, "unit": "ratio", "n": after["image_id"].nunique()}
    for metric, ratio in ratios.items():
        results.add(metric, metrics.bootstrap(pairs, after["group"], statistic=ratio, runs=after["run"]), **about)


def forgotten(results: report.Results, name: str, base: encoders.Encoder, tuned: list[encoders.Encoder]) -> None:
    """Every task of the ledger, all seeds together."""
    for task in ledger.TASKS:
        before = ledger.score(base, task)
        after = pd.concat([ledger.score(encoder, task).assign(run=run) for run, encoder in enumerate(tuned)])
        values = after["value"], np.tile(before["value"], len(tuned))
        change = metrics.paired_bootstrap(*values, after["group"].to_numpy(), runs=after["run"].to_numpy())
        about = {"task": "ledger", "group": task, "model": name, "n": len(before), "dataset": "see group"}
        about |= {"split": "val and test", "gallery_n": None} if "zero-shot" in task else {}
        about |= {"split": "all", "gallery_n": None} if "by example" in task else {}
        results.add("base", float(before["value"].mean()), **about)
        results.add("tuned", float(after["value"].mean()), **about)
        results.add("difference", {key: change[key] for key in ("mean", "ci_low", "ci_high")}, **about)


if __name__ == "__main__":
    raise SystemExit(main())
