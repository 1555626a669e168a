"""The card of a miniature, for programs (card.json) and for people (README.md), and the table of all cards."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from utils import files
from utils.encoders.placement import hardware

LICENCE = "AGPL-3.0-or-later"
UNSIGNED = {"card.json", "README.md", "training.state"}
RECORDED = {"adaptation", "architecture", "loss", "data", "augment", "patches", "budget"}
BEGIN, END = "<!-- miniatures: begin -->", "<!-- miniatures: end -->"
INTRODUCTION = f"""# Miniatures

A small model of the same class and format as every published one that the notebooks use, trained on ReefWorld by
`models/train.py`. Where one went on from an earlier miniature, the table adds up what both have seen and the card names
it. `make models` makes a missing one from scratch; `python models/train.py --table` writes the table from the cards.

{BEGIN}
{END}
"""


def write_card(
    folder: Path,
    slot: str,
    recipe: Mapping[str, Any],
    state: Mapping[str, Any],
    figures: list[dict],
    device: str,
) -> dict[str, Any]:
    """Write `card.json` (with the sha256 of every other file) and the same for people, `README.md`.

    What a killed export leaves (hidden files and folders, `*.part`) belongs to no miniature and is not signed.

    Raises:
        ValueError: if the folder is larger than the recipe allows.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and _signed(path.relative_to(folder)))
    size = sum(path.stat().st_size for path in paths)
    if size > recipe["max_bytes"]:
        raise ValueError(f"{folder} has {size} bytes, {slot} may have {recipe['max_bytes']}: make the model smaller")
    plan, known = state["plan"], recipe.keys() & RECORDED
    card = {
        "slot": slot, "about": recipe["about"], "format": recipe["format"], "licence": LICENCE,
        "recipe": {key: recipe[key] for key in sorted(known)} | {"training": plan},
        "examples": plan["steps"] * plan["batch"], "minutes": round(state["seconds"] / 60, 1),
        "machine": {"processor": hardware(), "device": device, "precision": plan["precision"]},
        "headline": recipe["headline"], "figures": figures, "limits": recipe["limits"], "bytes": size,
        "sha256": {path.relative_to(folder).as_posix(): files.sha256(path) for path in paths},
    }  # fmt: skip
    _write(folder, card)
    return card


def _signed(path: Path) -> bool:
    leftover = path.suffix == ".part" or any(part.startswith(".") for part in path.parts)
    return path.name not in UNSIGNED and not leftover


def read_card(folder: Path) -> dict[str, Any]:
    """The card of a finished miniature.

    Raises:
        FileNotFoundError: if there is none in `folder`; says what to do.
    """
    if not (folder / "card.json").exists():
        raise FileNotFoundError(f"{folder} has no card.json, so no finished miniature: name the folder of another one, "
                                "or make it first with `python models/train.py SLOT`")  # fmt: skip
    return files.read_json(folder / "card.json")


def renew_card(folder: Path, recipe: Mapping[str, Any], figures: list[dict] | None = None) -> dict[str, Any]:
    """Put the recipe's words of today into the card of a finished miniature, and `figures` if they were taken anew.

    Raises:
        FileNotFoundError: see `read_card`.
    """
    card = read_card(folder)
    card |= {key: recipe[key] for key in ("about", "format", "headline", "limits")}
    card |= {} if figures is None else {"figures": figures}
    _write(folder, card)
    return card


def lineage(folder: Path) -> list[dict[str, Any]]:
    """What the finished miniature in `folder` has seen, its own beginnings first: slot, examples, minutes, processor.

    Raises:
        FileNotFoundError: see `read_card`.
    """
    card = read_card(folder)
    own = {key: card[key] for key in ("slot", "examples", "minutes")} | {"processor": card["machine"]["processor"]}
    return [*card["recipe"]["training"].get("start", []), own]


def _write(folder: Path, card: Mapping[str, Any]) -> None:
    files.write_json(folder / "card.json", card)
    with files.atomic_write(folder / "README.md") as temporary:
        Path(temporary).write_text(model_card(card), encoding="utf-8")


def model_card(card: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    plan, machine = card["recipe"]["training"], card["machine"]
    read = plan.get("sentences")
    seen = f"{read:,} annotated sentences" if read else f"{plan['images']:,} scenes of ReefWorld"
    notes = [
        f"started from {before['slot']} ({before['examples']:,} examples, {before['minutes']:.0f} min on {before['processor']})"
        for before in plan.get("start", [])
    ]
    notes += [f"replanned from {', '.join(plan['replanned'])}"] if plan.get("replanned") else []
    rows = [
        f"| {f['task']} | {f['metric']} | {f['value']:.3f} | {f['ci_low']:.3f} to {f['ci_high']:.3f} "
        f"| {_or_empty(f.get('chance'), '.3f')} | {f['n']} | {_or_empty(f.get('gallery_n'), 'd')} "
        f"| {_or_empty(f.get('mean_positives'), '.1f')} |"
        for f in card["figures"]
    ]
    return "\n".join([
        "---", f"license: {LICENCE.lower().removesuffix('-or-later')}", "---", "", f"# {card['slot']}", "", card["about"], "",
        f"- Format: {card['format']}, {card['bytes'] / 1e6:.1f} MB.",
        f"- Data: {seen} (seed {card['recipe']['data']['seed']}); "
        f"{card['examples']:,} examples seen.",
        f"- Training: {plan['steps']:,} steps of {plan['batch']}, rate {plan['rate']}{''.join('; ' + n for n in notes)}, "
        f"{card['minutes']} minutes on {machine['processor']} ({machine['device']}, {machine['precision']}).",
        *(["- `training.jsonl` is the curve of the loss."] if "training.jsonl" in card["sha256"] else []),
        "- `card.json` holds the whole recipe and every file's sha256.",
        f"- Licence: {LICENCE}.", "", "## Figures", "",
        "| Task | Metric | Value | 95 % interval | Chance | n | Gallery | Positives a query |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |", *rows, "", "## Limits", "",
        *(f"- {limit}" for limit in card["limits"]), "",
    ])  # fmt: skip


def _or_empty(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def table(models_dir: Path) -> str:
    """All cards below `models_dir` as one Markdown table."""
    lines = ["| Slot | Class and format | Size | Figures [95 % interval] | Examples | Time |",
             "| --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for path in sorted(models_dir.glob("*/card.json")):
        card = files.read_json(path)
        figures = "; ".join(
            f"{f['task']} {f['metric']} {f['value']:.2f} [{f['ci_low']:.2f}, {f['ci_high']:.2f}]"
            for f in card["figures"] if f["metric"] in card["headline"]
        )  # fmt: skip
        steps = [*card["recipe"]["training"].get("start", []), card]
        examples, minutes = (" + ".join(format(step[key], form) for step in steps)
                             for key, form in (("examples", ",d"), ("minutes", ".0f")))  # fmt: skip
        lines.append(f"| `{card['slot']}` | {card['format']} | {card['bytes'] / 1e6:.1f} MB | {figures} "
                     f"| {examples} | {minutes} min |")  # fmt: skip
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
