"""The model card of a merged model, in Hugging Face's form: what it is, how to load it, what it learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from utils import config, encoders, files
from utils.finetune.adapters import TENSORS, count, learning
from utils.finetune.rows import digest, parts
from utils.finetune.training import BEST, STATE

HEAD = """---
base_model: {published}
library_name: {library}
pipeline_tag: zero-shot-image-classification
license: {front}
---

# {slot}{tuned}

- Base: `{slot}`, fingerprint `{base}`.
- Learned: {learned}.
- Licence: {licence}.

## Loading

```python
from utils import encoders

encoder = encoders.load("./{name}")
```
"""
PIPELINE = """Or with transformers alone:

```python
from transformers import pipeline

classify = pipeline("zero-shot-image-classification", "./{name}")
classify("photo.jpg", candidate_labels=["turtle", "fishing net"], hypothesis_template="a photo of a {{}}")
```
"""


def is_export(folder: Path) -> bool:
    """Whether nothing would be lost: an empty folder, or a model with a card of `page` and no folder within."""
    inside = {path.name: path for path in folder.iterdir()} if folder.is_dir() else {"a file": folder}
    if not inside:
        return True
    ours = {"README.md", "model.safetensors"} <= inside.keys() and all(path.is_file() for path in inside.values())
    return ours and inside["README.md"].read_text(encoding="utf-8").startswith("---\nbase_model: ")


def page(encoder: encoders.Encoder, name: str, run: Path | None = None, frame: pd.DataFrame | None = None) -> str:
    """The card as Markdown. `name` is that of the model's folder; the others, and the errors, are those of `export`."""
    import torch

    if run and not run.is_dir():
        raise FileNotFoundError(f"{run} is no folder of a training: give the one that `train` wrote into")
    state = torch.load(run / STATE, map_location="cpu", weights_only=True) if run and (run / STATE).exists() else {}
    slot, own, origin = encoder.name, encoder.adaptation, state.get("origin", {})
    base = encoder.base if own else encoder.fingerprint
    if origin and (origin["base"], origin["adaptation"]) != (base, asdict(own) if own else None):
        raise ValueError(f"{run} is a training of another model than this {slot}: give the run that it comes from")
    licence, openai = _licence(slot, base), encoder.kind == "openai"
    head = HEAD.format(published=config.load().budgets["models"].get(slot, slot), slot=slot, tuned=", fine-tuned" if own else "", base=base, name=name,
                       library="clip" if openai else "transformers", front=licence.lower().removesuffix("-or-later") or "other",
                       learned=_learned(encoder), licence=licence or "the base model's licence applies")  # fmt: skip
    settings = [(key, value) for key, value in origin.items() if key not in ("base", "data", "adaptation")]
    told = _figures(encoder, run, state) if run and (run / "log.csv").exists() else ""
    parts = head, "" if openai else PIPELINE.format(name=name), _data(origin.get("data"), frame), told
    return "\n".join(filter(None, (*parts, _table("Settings", settings))))


def _licence(slot: str, base: str) -> str:
    """Of a miniature, as its card has it; "" where the base is any other model."""
    card = config.load().models_dir / slot / "card.json"
    own = card.exists() and encoders.load(card.parent, device="cpu", precision="fp32").fingerprint == base
    return files.read_json(card)["licence"] if own else ""


def _learned(encoder: encoders.Encoder) -> str:
    if not (chosen := encoder.adaptation):
        return "nothing, the model is as it was loaded"
    how, (own, of) = [chosen.method], count(encoder)
    if chosen.method == "lora":
        how += [f"rank {chosen.rank}", f"alpha {chosen.alpha:g}", f"matrices {' '.join(chosen.matrices)}"]
        how += [] if encoder.kind == "openai" else [f"dropout {chosen.dropout:g}"]
    return f"{', '.join(how)}; towers {' '.join(chosen.towers)}; {own:,} of {of:,} numbers"


def _data(known: str | None, frame: pd.DataFrame | None) -> str:
    if frame is None:
        return _table("Data", [("digest", known)] if known else [])
    if known not in (None, given := digest(frame)):
        raise ValueError(f"the training saw data {known}, and these are {given}: give the frame that it saw")
    rows = [
        (name, f"{len(p):,} images, {sum(p['category'] == 'turtle'):,} of turtles") for name, p in parts(frame).items()
    ]
    return _table("Data", [("digest", given), *rows])


def _figures(encoder: encoders.Encoder, run: Path, state: Mapping[str, Any]) -> str:
    """Of the epoch that left these very weights; "" where the run shows none."""
    from safetensors.torch import load_file

    log, own = pd.read_csv(run / "log.csv").rename(columns={"loss": "training loss"}), learning(encoder)
    best = [(run / name / TENSORS, (sign * log[column]).idxmax()) for name, column, sign in BEST]
    epochs = [(load_file(path), row) for path, row in best if path.exists()]
    for tensors, row in epochs + ([(state["learned"], state["epoch"] - 1)] if state else []):
        if tensors.keys() == own.keys() and all(own[name].cpu().equal(tensors[name]) for name in own):
            rows = [(name, f"{log[name][row]:.3f}") for name in ("training loss", *(column for _, column, _ in BEST))]
            return _table(f"Figures of epoch {row + 1} of {len(log)} (R@5 on the validation images)", rows)
    return ""


def _table(title: str, rows: Sequence[tuple[str, Any]]) -> str:
    lines = [f"| {key} | {value} |" for key, value in rows]
    return "\n".join([f"## {title}", "", "| | |", "| --- | --- |", *lines, ""]) if rows else ""
