"""The manifest: one table, a row an image, of native rows, the captions and truth beside them, and image sizes."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd

from .readers import LayoutError, Native, some
from .relevance import read_captions, read_truth

# Where pyarrow is installed pandas would keep strings in Arrow, which refuses file names that are not UTF-8.
pd.set_option("mode.string_storage", "python")

COLUMNS = (
    "image_id", "path", "dataset", "category", "label", "labels",
    "identity", "encounter", "split", "captions", "boxes", "facts",
)  # fmt: skip
FACTS = ("date", "site", "light", "turbidity", "width", "height", "splits", "source", "objects", "captions")


def need(frame: pd.DataFrame, *columns: str, give: str = "") -> None:
    """Ask a frame for its columns.

    Args:
        frame: a manifest, or another table of images or captions.
        columns: names.
        give: what to give instead, for the message.

    Raises:
        ValueError: some are missing; lists them and those that are there.
    """
    if missing := [name for name in columns if name not in frame]:
        found = ", ".join(map(str, frame.columns)) or "none"
        raise ValueError(f"missing columns: {', '.join(missing)}; found {found}{give and f'. Give {give}'}")


def read(name: str, root: Path, reader: Callable[[Path], Native], verify: bool = False) -> pd.DataFrame:
    """Read the native files below `root` into a manifest whose `split` is still None.

    Args:
        name: of the data set; "image_folder" goes by the folder's name in the manifest, and its truth is not looked for.
        root: the folder of the native files.
        reader: of their layout.
        verify: decode every image in full instead of reading its header.

    Returns:
        One row an image, sorted by image_id, columns `COLUMNS`, absent values None. ``frame.attrs`` as of `load`.

    Raises:
        ValueError: no image could be read.
        FileNotFoundError: a native file is missing, or there are no images.
        LayoutError: a native file is malformed, or lists an image twice.
    """
    native = reader(root)
    words = read_captions(native)
    truths = {} if name == "image_folder" else read_truth(native.base)
    if not native.rows:
        raise FileNotFoundError(f"{root} holds no images")
    dataset = root.resolve().name if name == "image_folder" else name
    rows, skipped = [], []
    for row, (size, reason) in zip(native.rows, _probe(native.rows, verify), strict=True):
        if size is not None:
            rows.append(_record(dataset, row, size, words.get(row["file"], []), truths.get(row["file"])))
        else:
            skipped.append({"path": row["path"], "reason": reason})
    _report_skipped(root, skipped, len(native.rows))
    # Object columns keep None where pandas would otherwise put NaN.
    frame = pd.DataFrame(sorted(rows, key=lambda row: row["image_id"]), columns=list(COLUMNS), dtype=object)
    twice = frame["image_id"][frame["image_id"].duplicated()]
    if len(twice):
        raise LayoutError(f"{root}: {twice.iloc[0]} is listed twice")
    frame.attrs = {"skipped": skipped, "ignored": native.ignored}
    return frame


def _record(dataset: str, row: dict, size: tuple[int, int], words: list[str], truth: dict | None) -> dict[str, Any]:
    """One manifest row: native values first, ReefWorld's truth where the layout is silent.

    A reader that gives a category keeps it and its own label; else the largest thing of the truth is both.
    """
    truth = truth or {}
    kinds = _kinds(row, truth.get("objects"))
    own = row.get("category")
    category = own or ("turtle" if "turtle" in kinds else next(iter(kinds), None))
    main = next((thing for thing in _by_area(truth.get("objects") or []) if thing["kind"] == category), {})
    known = {"width": size[0], "height": size[1]} | {key: truth.get(key) for key in ("objects", "captions")}
    return {
        "image_id": f"{dataset}/{row['file']}",
        "path": row["path"],
        "dataset": dataset,
        "category": category,
        "label": category if "objects" in truth and not own else row["label"] or category,
        "labels": row.get("labels") if "labels" in row else [own] if own else sorted(set(kinds)),
        "identity": row["identity"] or main.get("identity"),
        "encounter": row["encounter"] or main.get("encounter"),
        "split": None,
        "captions": row["captions"] or words,
        "boxes": row["boxes"],
        "facts": {**dict.fromkeys(FACTS), **truth.get("facts", {}), **row["facts"], **known},
    }


def _kinds(row: dict, objects: list[dict] | None) -> list[str]:
    """Kinds in the picture, the largest first, crowds last; else the reader's label."""
    if objects is not None:
        return [thing["kind"] for thing in _by_area(objects) if thing.get("seen", True)]
    if row["label"] is not None:
        return [row["label"]]
    return [box["label"] for box in sorted(_by_area(row["boxes"]), key=lambda box: box["crowd"])]


def _by_area(things: list[dict]) -> list[dict]:
    def area(thing: dict) -> float:
        x0, y0, x1, y1 = thing["box_xyxy"]
        return (x1 - x0) * (y1 - y0)

    return sorted(things, key=area, reverse=True)


def _probe(rows: list[dict], verify: bool) -> list[tuple[tuple[int, int] | None, str | None]]:
    """(width, height) as shown, or the reason why the file cannot be read, for every row."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda row: _size(Path(row["path"]), verify), rows))


def _size(path: Path, verify: bool) -> tuple[tuple[int, int] | None, str | None]:
    from PIL import Image

    if not path.is_file():
        return None, "no such file"
    try:
        if verify:
            from .. import files

            return files.load_image(path).size, None
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
            return (image.size[::-1] if turned else image.size), None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return None, str(error) or type(error).__name__


def _report_skipped(root: Path, skipped: list[dict[str, str]], total: int) -> None:
    if not skipped:
        return
    named = some([f"{item['path']} ({item['reason']})" for item in skipped])
    message = f"{root}: {len(skipped)} of {total} images skipped: {named}"
    if len(skipped) == total:
        raise ValueError(message)
    warnings.warn(message, stacklevel=2)
