"""Ablations of the fine-tuning: what each choice is worth, at one small budget, over three seeds.

`python models/ablations.py` trains what is missing, a variant after the other (each run is kept below the artifacts, so
that the program may be cut off), and writes reports/results/lora_ablations.json. Everything is judged on validation
images; the test split is left alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:
    sys.path.insert(0, str(HERE.parent))

from models import cards, lora  # noqa: E402
from utils import config, datasets, encoders, files, finetune, ledger, metrics, report  # noqa: E402
from utils.evaluate import marine, turtle_of  # noqa: E402
from utils.finetune.adapters import METHODS  # noqa: E402

SLOT, SEEDS, TASK = "clip-vit-openai", (0, 1, 2), "LoRA ablation"
REFERENCE = finetune.Settings(
    epochs=1, steps=60, batch=64, share=0.5, detail=0.5, patches=0.5, weight=0.0, rate=3e-3,
    adaptation=finetune.Adaptation(dropout=0.0),
)  # fmt: skip
RATES = (3e-4, 1e-3, 3e-3, 1e-2)  # each way to learn is given its best one of these, by the first seed
GENERATED = 12_000  # turtles, as many as the recipe's, so that none are made twice
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25)  # of the way from the base to the tuned model


def own(frame: pd.DataFrame) -> pd.DataFrame:
    """The archives alone, without generated photographs."""
    return frame


@dataclass(frozen=True)
class Variant:
    """A line of the table: what differs from the reference, in the settings, in what learns, or in the data."""

    group: str
    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    adaptation: Mapping[str, Any] = field(default_factory=dict)
    data: Callable[[pd.DataFrame], pd.DataFrame] = own

    def settings_of(self, seed: int) -> finetune.Settings:
        adaptation = replace(REFERENCE.adaptation, seed=seed, **self.adaptation)
        return replace(REFERENCE, **{"seed": seed, "adaptation": adaptation} | self.settings)


def variants(rates: Mapping[str, float]) -> Iterator[Variant]:
    """All of them, group by group; the reference stands in several groups. `rates`: the best rate of each method."""
    half = {"weight": 0.5}
    yield Variant("loss", "CLIP")
    yield Variant("loss", "half UniCL", half)
    yield Variant("loss", "UniCL", {"weight": 1.0})
    yield Variant("loss", "SigLIP", {"loss": "siglip"})
    for labels, name in (("category", "category"), ("identity", "individual"), ("caption", "caption")):
        yield Variant("label of half UniCL", name, half | {"labels": labels})
    yield Variant("classes of half UniCL", "every kind", half)
    yield Variant("classes of half UniCL", "turtles only", half, data=turtles_only)
    for method in METHODS:
        yield Variant("what learns", method, {"rate": rates[method]}, {"method": method})
    for rank in (1, 2, 4, 8, 16, 32):
        yield Variant("rank", str(rank), adaptation={"rank": rank, "alpha": 2.0 * rank})
    for towers in (("image",), ("text",), ("image", "text")):
        yield Variant("towers", " and ".join(towers), adaptation={"towers": towers})
    for share in (0.25, 0.5, 0.75):
        yield Variant("turtles in a batch", f"{share:.0%}", {"share": share})
    yield Variant("picture", "whole")
    yield Variant("picture", "crop of the turtle", data=cropped)
    for share in (0.25, 0.5, 1.0):
        yield Variant("photographs to learn from", f"{share:.0%} of them", data=part_of(share))
    for count in (1000, 4000):
        yield Variant("photographs to learn from", f"and {count:,} generated", data=with_generated(count))
    yield Variant("photographs to learn from", "and 1,000 generated with a state", data=with_generated(1000, True))


def part_of(share: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """A share of the training images, the same for every seed."""

    def chosen(frame: pd.DataFrame) -> pd.DataFrame:
        learned = np.flatnonzero(frame["split"] == "train")
        left_out = config.rng(0, "ablation").permutation(learned)[round(share * len(learned)) :]
        return frame.drop(index=left_out)

    return own if share == 1.0 else chosen


def with_generated(count: int, states: bool = False) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """`count` generated photographs more, as they come or only those of a turtle in a state (net, hook, barnacles)."""

    def chosen(frame: pd.DataFrame) -> pd.DataFrame:
        made = datasets.generated(GENERATED)
        if states:
            made = made[[bool((turtle_of(facts) or {}).get("states")) for facts in made["facts"]]]
        return pd.concat([frame, made.head(count)], ignore_index=True)

    return chosen


def cropped(frame: pd.DataFrame) -> pd.DataFrame:
    """Training photographs of turtles cut to their largest turtle; all others, and all of validation, whole."""
    crops = datasets.crop_objects(frame[(frame["split"] == "train") & (frame["category"] == "turtle")], "turtle")
    area = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in crops["box_xyxy"]]
    largest = crops.assign(area=area).sort_values("area").groupby("path").tail(1).set_index("path")["item"]
    return frame.assign(item=frame["path"].map(largest))


def turtles_only(frame: pd.DataFrame) -> pd.DataFrame:
    """As the marine seed had it: turtles are a class, every other image is one of its own."""
    return frame.assign(category=frame["category"].where(frame["category"] == "turtle"))


def ranks(encoder: encoders.Encoder, frame: pd.DataFrame) -> pd.DataFrame:
    """`evaluate.marine` on the validation images, asked of one another."""
    return marine(encoder, frame[frame["split"] == "val"].assign(split="test").reset_index(drop=True))


def run(variant: Variant, seed: int, frame: pd.DataFrame) -> dict[str, Any]:
    """Train and judge one variant with one seed, or find it done: ranks, how many numbers learned, seconds."""
    settings, given = variant.settings_of(seed), variant.data(frame)
    encoder = encoders.load(SLOT, precision="fp32")
    asked = {"settings": asdict(settings), "base": encoder.fingerprint}
    asked |= {"learned": finetune.digest(given), "judged": finetune.digest(frame)}
    key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:12]
    folder = config.load().artifacts_dir / "ablations" / key
    if not (folder / "ranks.json").exists():
        log = finetune.train(encoder, given, folder, settings, resume=True, progress=False)
        asked_of = ranks(encoder, frame)
        found = {"learning": finetune.count(encoder)[0], "seconds": float(log["seconds"].sum())}
        files.write_json(folder / "ranks.json", found | {"ranks": asked_of.to_dict("list")})
    return files.read_json(folder / "ranks.json")


def best_rates(frame: pd.DataFrame) -> dict[str, float]:
    """For each way to learn the rate that finds most exact turtles within ten, by the first seed."""
    found = {}
    for method in METHODS:
        tried = {rate: run(Variant("rate", "", {"rate": rate}, {"method": method}), 0, frame) for rate in RATES}
        found[method] = max(tried, key=lambda rate: hits(tried[rate]["ranks"], "exact", True).mean())
    return found


def hits(asked: Mapping[str, list], column: str, turtle: bool | None) -> np.ndarray:
    """(m,) whether the query found within ten what it should; `turtle` chooses among the queries, None takes all."""
    chosen = np.ones(len(asked["turtle"]), bool) if turtle is None else np.array(asked["turtle"]) == turtle
    return np.array(asked[column])[chosen] <= 10


MEASURES = {"turtle exact R@10": ("exact", True), "cat_all R@10": ("cat_all", None), "others R@10": ("exact", False)}


def write(found: Mapping[tuple[str, str], list[dict]], rates: Mapping[str, float], frame: pd.DataFrame) -> Path:
    """Three measures of every variant, all seeds together, and how far the first lies above the reference's."""
    about = {"dataset": "all four", "split": "val", "model": SLOT, "gallery_n": int((frame["split"] == "val").sum())}
    results = report.Results("lora_ablations", task=TASK, **about)
    base = ranks(encoders.load(SLOT, precision="fp32"), frame).to_dict("list")
    lines = {("base", "not tuned"): [{"ranks": base, "learning": 0, "seconds": 0.0}], **found}
    reference = found["loss", "CLIP"]
    for (group, name), runs in lines.items():
        params = {"seeds": len(runs), "learning": runs[0]["learning"], "seconds": np.mean([r["seconds"] for r in runs])}
        params |= {"rate": rates[name]} if group == "what learns" else {}
        for metric, (column, turtle) in MEASURES.items():
            value, drawn = pooled(runs, column, turtle)
            results.add(
                metric,
                metrics.bootstrap(value, **drawn),
                group=group,
                method=name,
                params=params,
                n=len(value) // len(runs),
            )
        if len(runs) == len(reference):
            (value, drawn), (before, _) = (pooled(each, "exact", True) for each in (runs, reference))
            change = metrics.paired_bootstrap(value, before, **drawn)
            results.add("difference", change, group=group, method=name, params=params, n=len(value) // len(runs))
    _interpolation(results, frame)
    return results.write()


def pooled(runs: list[dict], column: str, turtle: bool | None) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Hits of all seeds one after the other; and of each the individual and the seed, which a bootstrap resamples."""
    asked = [run["ranks"] for run in runs]
    values = np.concatenate([hits(each, column, turtle) for each in asked])
    chosen = np.ones(len(asked[0]["turtle"]), bool) if turtle is None else np.array(asked[0]["turtle"]) == turtle
    groups = np.array(asked[0]["group"])[chosen]
    return values, {"groups": np.tile(groups, len(asked)), "runs": np.repeat(np.arange(len(asked)), len(groups))}


def _interpolation(results: report.Results, frame: pd.DataFrame) -> None:
    """Between the base and the adapter of the first seed: what is gained on turtles, what is lost elsewhere.

    The committed adapter lies some of the way back already, as its card says; shares are of the whole way.
    """
    base, tuned = (encoders.load(SLOT, precision="fp32") for _ in range(2))
    folder = config.load().models_dir / "lora-openai"
    finetune.load(tuned, folder / "seed-0")
    way = cards.read_card(folder)["recipe"]["training"]["ways"][0]
    for share in SHARES:
        between = finetune.interpolate(base, tuned, share / way)
        asked = [{"ranks": ranks(between, frame).to_dict("list")}]
        about = {"group": "between base and tuned", "method": f"{share:.2f}"}
        for metric, (column, turtle) in MEASURES.items():
            value, drawn = pooled(asked, column, turtle)
            results.add(metric, metrics.bootstrap(value, **drawn), **about, n=len(value))
        other = ledger.zero_shot("cifar10")(between)
        named = metrics.bootstrap(other["value"], other["group"])
        results.add("CIFAR-10 accuracy", named, **about | {"dataset": "cifar10", "split": "test"}, n=len(other))


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Run the ablations of the fine-tuning, and write their results.")
    parser.add_argument("--only", metavar="GROUP", help="train the variants of this group and write nothing")
    options = parser.parse_args(arguments)
    frame = lora.archive()
    rates = best_rates(frame)
    lines = [variant for variant in variants(rates) if options.only in (None, variant.group)]
    if not lines:
        parser.error(
            f"no group {options.only!r}; there are {', '.join(dict.fromkeys(v.group for v in variants(rates)))}"
        )
    found = {}
    for variant in lines:
        found[variant.group, variant.name] = [run(variant, seed, frame) for seed in SEEDS]
        print(f"{variant.group}: {variant.name}", file=sys.stderr)
    if not options.only:
        print(f"written: {write(found, rates, frame)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
