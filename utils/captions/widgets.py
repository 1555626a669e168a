"""The review as a form in a notebook: one caption at a time, saved to the CSV at every step."""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import pandas as pd

from utils import config
from utils.captions.page import SIDE, thumbnail
from utils.captions.sheet import COLUMNS, read_csv, save, texts


def form(queue: pd.DataFrame, path: str | Path | None = None) -> Any:
    """The review as a form in a notebook: one caption at a time, saved to a CSV at every step.

    A file that is there already is gone on with.

    Args:
        queue: as `review_queue` gives it.
        path: of the CSV; by default captions_reviewed.csv among the artifacts.

    Raises:
        ValueError: an empty queue, or the file holds a review of other captions.
    """
    return _Form(queue, Path(path or config.load().artifacts_dir / "captions_reviewed.csv")).box


class _Form:
    """The controls and the answers so far."""

    def __init__(self, queue: pd.DataFrame, path: Path):
        import ipywidgets as widgets

        if queue.empty:
            raise ValueError("the queue is empty; there is nothing to review")
        self.rows, self.path, self.at = _resumed(queue, path), path, 0
        wide = {"width": "98%"}
        self.head, self.said = widgets.HTML(), widgets.HTML()
        self.picture = widgets.Image(format="jpeg", layout={"max_width": f"{SIDE}px", "object_fit": "contain"})
        self.missing = widgets.HTML()
        self.text = widgets.Textarea(rows=4, layout=wide)
        self.note = widgets.Text(placeholder="note (optional)", layout=wide)
        self.fine = widgets.Checkbox(description="fine as it is", indent=False)
        steps = (("previous", -1), ("next", 1), ("save", 0))
        buttons = [widgets.Button(description=name) for name, _ in steps]
        for button, (_, step) in zip(buttons, steps, strict=True):
            button.on_click(lambda _button, step=step: self.go(step))
        fields = widgets.VBox([self.text, self.note, self.fine, widgets.HBox(buttons), self.said])
        fields.layout.flex = "1 1 20rem"
        side = widgets.Box([self.picture, self.missing], layout={"flex": f"0 1 {SIDE}px"})
        row = widgets.HBox([side, fields], layout={"flex_flow": "row wrap", "grid_gap": "1rem"})
        self.box = widgets.VBox([self.head, row])
        self.show()

    def show(self) -> None:
        """Fills the controls with the caption at hand."""
        row = self.rows.iloc[self.at]
        why = html.escape(row["why"])
        self.head.value = f"<b>{self.at + 1} of {len(self.rows)}</b> · risk {row['risk']:.2f} · {why}"
        data, name = thumbnail(row["path"]), html.escape(Path(str(row["path"])).name)
        self.picture.value, self.picture.layout.display = data or b"", None if data else "none"
        self.missing.value = "" if data else f"{name} cannot be shown"
        self.fine.value = bool(row["caption"]) and row["corrected"] == row["caption"]
        self.text.value, self.note.value = row["corrected"] or row["caption"], row["note"]

    def go(self, step: int) -> None:
        """Takes the answer over, saves the file and moves on."""
        caption, typed = self.rows.at[self.at, "caption"], self.text.value
        changed = bool(typed.strip()) and typed != caption
        self.rows.at[self.at, "corrected"] = typed if changed else caption * self.fine.value
        self.rows.at[self.at, "note"] = self.note.value
        save(self.rows, self.path)
        looked = int(((self.rows["corrected"] != "") | (self.rows["note"] != "")).sum())
        self.said.value = f"{looked} of {len(self.rows)} looked at · saved to {html.escape(str(self.path))}"
        self.at = min(max(self.at + step, 0), len(self.rows) - 1)
        self.show()


def _resumed(queue: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The queue with what an earlier sitting left in the file."""
    cells = pd.DataFrame(texts(queue.assign(corrected="", note="")), columns=list(COLUMNS), dtype=object)
    rows = cells.assign(risk=list(queue["risk"]), path=list(queue["path"]))
    if not path.exists():
        return rows
    before = read_csv(path)
    keys = list(zip(rows["image_id"], rows["caption"], strict=True))
    answers = {(row.image_id, row.caption): row for row in before.itertuples(index=False)}
    if other := [key[0] for key in answers if key not in set(keys)]:
        raise ValueError(f"{path}: holds a review of other captions ({other[0]}); give another path")
    for i, key in enumerate(keys):
        if key in answers:
            rows.loc[i, ["corrected", "note"]] = [answers[key].corrected, answers[key].note]
    return rows
