"""The variants of the fine-tuning that the ablations compare: what each changes in settings, in what learns, in the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from utils import captions, config, datasets, encoders, finetune
from utils.evaluate import turtle_of
from utils.finetune.adapters import METHODS

SLOT = "clip-vit-openai"
REFERENCE = finetune.Settings(
    epochs=1, steps=60, batch=64, share=0.5, detail=0.5, patches=0.5, weight=0.0, rate=3e-3,
    adaptation=finetune.Adaptation(dropout=0.0),
)  # fmt: skip
GENERATED = 12_000  # turtles, as many as the recipe's, so that none are made twice


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
    for rank in (1, 2, 8, 32):
        yield Variant("rank", str(rank), adaptation={"rank": rank, "alpha": 2.0 * rank})
    for towers in (("image",), ("text",), ("image", "text")):
        yield Variant("towers", " and ".join(towers), adaptation={"towers": towers})
    for share in (0.25, 0.5, 0.75):
        yield Variant("turtles in a batch", f"{share:.0%}", {"share": share})
    yield Variant("picture", "whole")
    yield Variant("picture", "crop of the turtle", data=cropped)
    for writer in WRITERS:
        yield Variant("captions of the turtles' archives", writer, data=partial(worded, writer=writer))
    for share in (0.25, 0.5):
        yield Variant("photographs to learn from", f"{share:.0%} of them", data=partial(part_of, share=share))
    yield Variant("photographs to learn from", "all of them")
    for count in (1000, 4000):
        yield Variant(
            "photographs to learn from", f"and {count:,} generated", data=partial(with_generated, count=count)
        )
    rare = partial(with_generated, count=1000, states=True)
    yield Variant("photographs to learn from", "and 1,000 generated with a state", data=rare)


def part_of(frame: pd.DataFrame, share: float) -> pd.DataFrame:
    """A share of the training images, the same for every seed."""
    learned = np.flatnonzero(frame["split"] == "train")
    left_out = config.rng(0, "ablation").permutation(learned)[round(share * len(learned)) :]
    return frame.drop(index=left_out)


def with_generated(frame: pd.DataFrame, count: int, states: bool = False) -> pd.DataFrame:
    """`count` generated photographs more, as they come or only those of a turtle in a state (net, hook, barnacles)."""
    made = datasets.generated(GENERATED)
    if states:
        made = made[[bool((turtle_of(facts) or {}).get("states")) for facts in made["facts"]]]
    return pd.concat([frame, made.head(count)], ignore_index=True)


def cropped(frame: pd.DataFrame) -> pd.DataFrame:
    """Training photographs of turtles cut to their largest turtle; all others, and all of validation, whole."""
    crops = datasets.crop_objects(frame[(frame["split"] == "train") & (frame["category"] == "turtle")], "turtle")
    area = [(x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in crops["box_xyxy"]]
    largest = crops.assign(area=area).sort_values("area").groupby("path").tail(1).set_index("path")["item"]
    return frame.assign(item=frame["path"].map(largest))


def worded(frame: pd.DataFrame, writer: str) -> pd.DataFrame:
    """Training photographs of the turtles' archives with sentences by one of WRITERS; COCO's have their own always.

    Photographs of which the writer has nothing to say are left out.
    """
    asked = frame[(frame["split"] == "train") & (frame["dataset"] != "coco")]
    told = pd.Series(WRITERS[writer](asked), asked.index)
    return frame.assign(captions=told.reindex(frame.index).where(frame.index.isin(asked.index), frame["captions"]))


def by_blip(frame: pd.DataFrame) -> list[list[str]]:
    """One caption a photograph, cleaned."""
    said = captions.clean(captions.caption(frame["path"]))["caption"]
    return [[sentence] if sentence else [] for sentence in said]


def by_blip_and_llama(frame: pd.DataFrame) -> list[list[str]]:
    """The caption, and what the pipeline of notebook 02 made of it."""
    said = by_blip(frame)
    other = captions.vary([own[0] if own else "" for own in said], encoder=encoders.load(SLOT))["caption"]
    return [list(dict.fromkeys([*own, text])) if own else [] for own, text in zip(said, other, strict=True)]


WRITERS = {
    "the true ones": lambda frame: list(frame["captions"]),
    "by labels": partial(captions.from_labels, each=3),
    "by BLIP": by_blip,
    "by BLIP and Llama": by_blip_and_llama,
}


def turtles_only(frame: pd.DataFrame) -> pd.DataFrame:
    """As the marine seed had it: turtles are a class, every other image is one of its own."""
    return frame.assign(category=frame["category"].where(frame["category"] == "turtle"))
