"""The review as one HTML page that needs nothing but itself; its button downloads the CSV that `read_csv` takes."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from utils import datasets, files
from utils.captions.sheet import COLUMNS, FORMULA, texts

SIDE = 320  # longest side of a thumbnail in pixels

PARTS = Path(__file__).parent  # review.html, review.css and review.js
PALETTE = PARTS.parent / "report" / "template" / "reef" / "palette.css"  # the colours of the exported reports


def to_html(queue: pd.DataFrame, path: str | Path, title: str = "Captions to review", most: int = 200) -> Path:
    """Writes the first captions of a queue as a page to correct them on: offline, and it keeps what is typed.

    The page's button downloads the CSV that `read_csv` takes; a tick "fine as it is" repeats the caption there as its
    own correction.

    Args:
        queue: as `review_queue` gives it.
        path: of the page; the CSV takes its name.
        title: the heading.
        most: captions on the page.

    Raises:
        ValueError: a column is missing, or `most` is below 1.
    """
    from jinja2 import Environment

    datasets.need(queue, "image_id", "path", "caption", "risk", "why", give="what review_queue returns")
    if most < 1:
        raise ValueError(f"most is {most}; show at least one caption")
    path, shown = Path(path), queue.head(most)
    rows = [dict(zip(COLUMNS, cells, strict=True)) for cells in texts(shown.assign(corrected="", note=""))]
    with ThreadPoolExecutor() as pool:
        pictures = list(pool.map(thumbnail, shown["path"]))
    seen = zip(rows, shown["risk"], shown["path"], pictures, strict=True)
    cards = [row | _card(row["caption"], *more) for row, *more in seen]
    page, style, script = ((PARTS / f"review.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = (
        Environment(autoescape=True)
        .from_string(page)
        .render(
            title=title,
            told=_told(len(shown), len(queue)),
            cards=cards,
            given=_given(rows, f"{path.stem}.csv"),
            style=PALETTE.read_text(encoding="utf-8") + style,
            script=script,
            policy=f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
        )
    )
    with files.atomic_write(path) as temporary:
        temporary.write_bytes(text.encode("utf-8", "replace"))
    return path


def _card(caption: str, risk: float, file: Any, picture: bytes | None) -> dict[str, Any]:
    """What a card shows beyond its row of the CSV."""
    source = picture and f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
    lines = min(12, 2 + len(caption) // 70)
    return {"risk": f"{risk:.2f}", "name": Path(str(file)).name, "picture": source, "rows": lines}


def _told(shown: int, total: int) -> str:
    if not total:
        return "There is nothing to review."
    what = f"{shown:,} captions" if shown > 1 else "One caption"
    return f"{what}{f' of {total:,}' if shown < total else ''}, the riskiest first."


def _given(rows: list[dict[str, str]], file: str) -> str:
    """The script's data as JSON that no HTML parser sees an end or a comment in."""
    captions = json.dumps([(row["image_id"], row["caption"]) for row in rows])
    key = f"review-{hashlib.sha256(captions.encode()).hexdigest()[:24]}"
    given = {"key": key, "file": file, "formula": FORMULA.pattern, "columns": COLUMNS, "rows": rows}
    return json.dumps(given).replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def thumbnail(path: Any, side: int = SIDE) -> bytes | None:
    """JPEG bytes of a photograph, at most `side` pixels long; None where it is missing or damaged."""
    from PIL import Image

    try:
        image = files.load_image(str(path))
    except files.ImageError:
        return None
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    image.save(data, "JPEG", quality=82, optimize=True)
    return data.getvalue()
