"""What a miniature can do: figures on fresh pictures of ReefWorld, its card, and the table of all cards.

The pictures come from a seed that neither the training nor any data set uses.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from utils import files, metrics, reef

KS = (1, 5, 10)
LICENCE = "AGPL-3.0-or-later"
UNSIGNED = {"card.json", "README.md", "checkpoint.pt", "checkpoint.pt.part"}
BEGIN, END = "<!-- miniatures: begin -->", "<!-- miniatures: end -->"
INTRODUCTION = f"""# Miniatures

A small model of the same class and format as every published one that the notebooks use, trained from scratch
on ReefWorld by `make models`. The table is written by `python models/train.py --table` from the cards.

{BEGIN}
{END}
"""


@dataclass(frozen=True)
class Query:
    """A sentence, what it claims, and the row of the image that it was written for."""

    caption: str
    claims: dict[str, Any]
    row: int


def queries(truths: Sequence[dict], level: str, seed: int = 0, kind: str | None = None) -> list[Query]:
    """One sentence of a level of detail an image, drawn by the seed, where the image has one.

    Args:
        truths: records as in truth.jsonl.
        level: "coarse", "medium" or "fine".
        seed: of the draw.
        kind: only images with such an object, and only sentences that name it.
    """
    rng = np.random.default_rng(seed)
    found = []
    for row, truth in enumerate(truths):
        if kind and kind not in {item["kind"] for item in truth["objects"]}:
            continue
        fitting = [c for c in truth["captions"] if c["level"] == level and (not kind or kind in c["caption"].lower())]
        if fitting:
            drawn = fitting[rng.integers(len(fitting))]
            found.append(Query(drawn["caption"], drawn["claims"], row))
    return found


def relevance(asked: Sequence[Query], truths: Sequence[dict]) -> np.ndarray:
    """(m, n) bool: every image whose facts satisfy the sentence is relevant, its own image always."""
    rows: dict[str, np.ndarray] = {}
    for query in asked:
        if query.caption not in rows:
            rows[query.caption] = np.array([reef.satisfies(query.claims, truth) for truth in truths], bool)
    relevant = np.stack([rows[query.caption] for query in asked])
    return relevant | own_image(asked, len(truths))


def own_image(asked: Sequence[Query], gallery: int) -> np.ndarray:
    """(m, gallery) bool: only the image that the sentence was written for is relevant."""
    relevant = np.zeros((len(asked), gallery), bool)
    relevant[np.arange(len(asked)), [query.row for query in asked]] = True
    return relevant


def hit_rates(task: str, scores: np.ndarray, relevant: np.ndarray, groups: Sequence[Any]) -> list[dict[str, Any]]:
    """Records of R@k (hit rate) with bootstrap intervals over whole groups, and the value at chance."""
    ranks = metrics.first_ranks(scores, relevant)
    chance = metrics.chance(relevant, KS)
    records = []
    for k in KS:
        interval = metrics.bootstrap(ranks <= k, groups=np.asarray(groups))
        records.append({
            "task": task, "metric": f"R@{k}", "value": float((ranks <= k).mean()),
            "ci_low": float(interval["ci_low"]), "ci_high": float(interval["ci_high"]),
            "chance": float(chance[f"R@{k}"]), "n": len(scores), "gallery_n": scores.shape[1],
            "mean_positives": float(relevant.sum(1).mean()),
        })  # fmt: skip
    return records


def evaluate(folder: Path, count: int, seed: int) -> list[dict[str, Any]]:
    """Records of the committed files in `folder` on `count` fresh images.

    "coarse": one coarse sentence an image, relevant is every image whose facts satisfy it, intervals over
    distinct sentences. "fine turtle, exact image": one fine sentence for each image with a turtle, relevant
    is that image alone.
    """
    truths, images = reef.evaluation_set(count, seed)
    coarse, fine = queries(truths, "coarse", seed), queries(truths, "fine", seed, kind="turtle")
    image_emb = encode_images(folder, images)
    records = []
    for task, asked, relevant, groups in (
        ("coarse", coarse, relevance(coarse, truths), [query.caption for query in coarse]),
        ("fine turtle, exact image", fine, own_image(fine, len(truths)), [query.row for query in fine]),
    ):
        text_emb = encode_texts(folder, [query.caption for query in asked])
        records += hit_rates(task, text_emb @ image_emb.T, relevant, groups)
    return records


def encode_images(folder: Path, images: np.ndarray, batch: int = 100) -> np.ndarray:
    """(n, h, w, 3) uint8 to (n, d) float32 of unit length, through the folder's own image processor."""
    import torch
    from transformers import AutoImageProcessor, CLIPModel

    from models.clip_vit import encode_pixels

    model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
    processor = AutoImageProcessor.from_pretrained(folder)
    with torch.inference_mode():
        parts = [
            encode_pixels(model, processor(list(images[start : start + batch]), return_tensors="pt")["pixel_values"])
            for start in range(0, len(images), batch)
        ]
    return torch.cat(parts).numpy()


def encode_texts(folder: Path, sentences: Sequence[str]) -> np.ndarray:
    """Sentences to (m, d) float32 of unit length, through the folder's own tokenizer."""
    import torch
    from transformers import AutoTokenizer, CLIPModel

    from models.clip_vit import encode_ids

    model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(list(sentences), padding=True, truncation=True, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        return encode_ids(model, ids).numpy()


def write_card(
    folder: Path,
    slot: str,
    recipe: Mapping[str, Any],
    state: Mapping[str, Any],
    figures: list[dict],
    device: str,
) -> dict[str, Any]:
    """Write `card.json` (with the sha256 of every other file) and the same for people, `README.md`.

    Raises:
        ValueError: if the folder is larger than the recipe allows.
    """
    paths = sorted(path for path in folder.iterdir() if path.is_file() and path.name not in UNSIGNED)
    size = sum(path.stat().st_size for path in paths)
    if size > recipe["max_bytes"]:
        raise ValueError(f"{folder} has {size} bytes, {slot} may have {recipe['max_bytes']}: make the model smaller")
    plan = state["plan"]
    card = {
        "slot": slot, "about": recipe["about"], "format": recipe["format"], "licence": LICENCE,
        "recipe": {key: recipe[key] for key in ("architecture", "data", "augment")} | {"training": plan},
        "pairs": plan["steps"] * plan["batch"], "minutes": round(state["seconds"] / 60, 1),
        "machine": {"processor": processor(), "device": device, "precision": plan["precision"]},
        "figures": figures, "limits": recipe["limits"], "bytes": size,
        "sha256": {path.name: files.sha256(path) for path in paths},
    }  # fmt: skip
    _write(folder, card)
    return card


def renew_card(folder: Path, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Measure a finished miniature again, on the world as it is now, and write the figures into its card."""
    card = files.read_json(folder / "card.json")
    data = recipe["data"]
    card["figures"] = evaluate(folder, data["evaluation_images"], data["evaluation_seed"])
    card["recipe"]["data"], card["limits"] = data, recipe["limits"]
    _write(folder, card)
    return card


def _write(folder: Path, card: Mapping[str, Any]) -> None:
    files.write_json(folder / "card.json", card)
    with files.atomic_write(folder / "README.md") as temporary:
        Path(temporary).write_text(model_card(card), encoding="utf-8")


def processor() -> str:
    """The processor's name, as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.processor() or platform.machine()


def model_card(card: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    plan, data, machine = card["recipe"]["training"], card["recipe"]["data"], card["machine"]
    replanned = f"; replanned from {', '.join(plan['replanned'])}" if plan.get("replanned") else ""
    rows = [
        f"| {f['task']} | {f['metric']} | {f['value']:.3f} | {f['ci_low']:.3f} to {f['ci_high']:.3f} "
        f"| {f['chance']:.3f} | {f['n']} | {f['gallery_n']} | {f['mean_positives']:.1f} |"
        for f in card["figures"]
    ]
    return "\n".join([
        "---", f"license: {LICENCE.lower()}", "---", "", f"# {card['slot']}", "", card["about"], "",
        f"- Format: {card['format']}, {card['bytes'] / 1e6:.1f} MB.",
        f"- Data: {plan['images']:,} images of ReefWorld (seed {data['seed']}) with their captions; "
        f"{card['pairs']:,} pairs seen.",
        f"- Training: {plan['steps']:,} steps of {plan['batch']} pairs, AdamW, cosine from {plan['rate']}{replanned}, "
        f"{card['minutes']} minutes on {machine['processor']} ({machine['device']}, {machine['precision']}).",
        "- `training.jsonl` is the curve of the loss, `card.json` the whole recipe and every file's sha256.",
        f"- Licence: {LICENCE}.", "", "## Figures", "",
        "| Task | Metric | Value | 95 % interval | Chance | Queries | Gallery | Positives a query |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |", *rows, "", "## Limits", "",
        *(f"- {limit}" for limit in card["limits"]), "",
    ])  # fmt: skip


def table(models_dir: Path) -> str:
    """All cards below `models_dir` as one Markdown table."""
    lines = ["| Slot | Class and format | Size | R@10 [95 % interval] | Pairs | Time |",
             "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for path in sorted(models_dir.glob("*/card.json")):
        card = files.read_json(path)
        figures = "; ".join(
            f"{f['task']} {f['value']:.2f} [{f['ci_low']:.2f}, {f['ci_high']:.2f}]"
            for f in card["figures"] if f["metric"] == "R@10"
        )  # fmt: skip
        lines.append(f"| `{card['slot']}` | {card['format']} | {card['bytes'] / 1e6:.1f} MB | {figures} "
                     f"| {card['pairs']:,} | {card['minutes']:.0f} min |")  # fmt: skip
    return "\n".join(lines)


def update_table(models_dir: Path) -> None:
    """Write the table between its markers in `models_dir/README.md`, which is made if missing.

    Raises:
        ValueError: if the page has lost its markers.
    """
    path = models_dir / "README.md"
    page = path.read_text(encoding="utf-8") if path.exists() else INTRODUCTION
    if not 0 <= page.find(BEGIN) < page.find(END):
        raise ValueError(f"{path}: put the lines {BEGIN} and {END} back where the table belongs")
    before, rest = page.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    with files.atomic_write(path) as temporary:
        Path(temporary).write_text(f"{before}{BEGIN}\n{table(models_dir)}\n{END}{after}", encoding="utf-8")
