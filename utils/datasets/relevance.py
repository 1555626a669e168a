"""Sentences and the images they fit: captions and truth beside the native files, and relevance for retrieval.

Three notions, all (m captions, n images) bool arrays for `metrics.retrieval`: `relevance` (every image that
the caption truly describes), `instance_relevance` (only the captioned image) and `category_relevance` (any
image of the same category, as the marine seed defines it or with its flaw mended).
"""

from __future__ import annotations

import json
import unicodedata
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .readers import LayoutError, Native, read_table, some
from .readers.common import field, four, items, parse_json, read_text

_NEEDED = (  # of every part of these lists in a line of truth
    ("objects", "kind", str), ("objects", "box_xyxy", list), ("captions", "caption", str), ("expressions", "sentence_id", int),
)  # fmt: skip


def captions(frame: pd.DataFrame) -> pd.DataFrame:
    """One row a caption: image_id, caption, level (coarse, medium, fine) and claims; both None if unknown."""
    rows = []
    for image_id, sentences, facts in zip(frame["image_id"], frame["captions"], frame["facts"], strict=True):
        known = {item["caption"]: item for item in (facts or {}).get("captions") or []}
        for sentence in sentences:
            item = known.get(sentence, {})
            rows.append((image_id, sentence, item.get("level"), item.get("claims")))
    return pd.DataFrame(rows, columns=["image_id", "caption", "level", "claims"], dtype=object)


def truth(frame: pd.DataFrame) -> list[dict[str, Any] | None]:
    """What is truly in each image, as ``reef.satisfies`` takes it; None for a photo of which nobody knows."""
    objects = [(facts or {}).get("objects") for facts in frame["facts"]]
    return [
        None if things is None else {"facts": facts, "objects": things}
        for facts, things in zip(frame["facts"], objects, strict=True)
    ]


def relevance(sentences: pd.DataFrame, frame: pd.DataFrame) -> np.ndarray:
    """Which images answer a caption: every image whose facts satisfy it.

    An image counts if it is the captioned one, if it carries an equal caption (case, spacing and a final stop
    aside), or if the caption's claims and the image's truth are known and `reef.satisfies` says so.

    Args:
        sentences: m rows as `captions` returns them.
        frame: manifest of the n gallery images; it may join several data sets.

    Returns:
        (m, n) bool.

    Raises:
        ValueError: an image_id stands twice in the gallery.
    """
    relevant = instance_relevance(sentences, frame) | _equal_captions(sentences, frame)
    claimed: dict[str, list[int]] = {}
    for i, claims in enumerate(sentences["claims"]):
        if claims is not None:
            claimed.setdefault(json.dumps(claims, sort_keys=True), []).append(i)
    truths = [(j, item) for j, item in enumerate(truth(frame)) if item is not None]
    if not claimed or not truths:
        return relevant
    from .. import reef

    for rows in claimed.values():
        claims = sentences["claims"].iloc[rows[0]]
        columns = [j for j, item in truths if reef.satisfies(claims, item)]
        relevant[np.ix_(rows, columns)] = True
    return relevant


def instance_relevance(sentences: pd.DataFrame, frame: pd.DataFrame) -> np.ndarray:
    """Only the captioned image answers a caption: (m, n) bool; an empty row if it is not in the gallery."""
    if frame["image_id"].duplicated().any():
        twice = frame["image_id"][frame["image_id"].duplicated()].iloc[0]
        raise ValueError(f"image_id {twice} stands twice in the gallery")
    columns = pd.Index(frame["image_id"]).get_indexer(list(sentences["image_id"]))
    relevant = np.zeros((len(sentences), len(frame)), dtype=bool)
    found = np.flatnonzero(columns >= 0)
    relevant[found, columns[found]] = True
    return relevant


def category_relevance(sentences: pd.DataFrame, frame: pd.DataFrame, definition: str = "mended") -> np.ndarray:
    """Any image of the captioned image's category answers a caption, (m, n) bool.

    "seed" repeats the marine seed's code: all turtle photos are one category, every other image is a category
    of its own, so its `cat_all` joins category retrieval for turtles with instance retrieval for the rest.
    "mended" gives every image its category; an image with several kinds in it answers to each of them.

    Args:
        sentences: m rows as `captions` returns them; their images must be in `frame`.
        frame: manifest of the n gallery images.
        definition: "seed" or "mended".

    Raises:
        ValueError: an unknown definition, or a caption whose image, and so its category, is not in `frame`.
    """
    if definition not in ("seed", "mended"):
        raise ValueError(f"unknown definition '{definition}'; known: seed, mended")
    relevant = instance_relevance(sentences, frame)
    if not relevant.any(axis=1).all():
        absent = sentences["image_id"].iloc[int(np.flatnonzero(~relevant.any(axis=1))[0])]
        raise ValueError(f"the captioned image {absent} is not in the gallery, so its category is unknown")
    kinds = frame["category"].to_numpy()[relevant.argmax(axis=1)] if len(sentences) else np.array([])
    for kind in {kind for kind in kinds if kind is not None and (definition == "mended" or kind == "turtle")}:
        relevant[np.ix_(kinds == kind, _shows(frame, kind, definition))] = True
    return relevant


def _shows(frame: pd.DataFrame, kind: str, definition: str) -> np.ndarray:
    main = (frame["category"] == kind).to_numpy(dtype=bool)
    if definition == "seed":
        return main
    return main | np.array([kind in labels for labels in frame["labels"]], dtype=bool)


def _equal_captions(sentences: pd.DataFrame, frame: pd.DataFrame) -> np.ndarray:
    carriers: dict[str, set[int]] = {}
    for j, texts in enumerate(frame["captions"]):
        for text in texts:
            carriers.setdefault(_plain(text), set()).add(j)
    equal = np.zeros((len(sentences), len(frame)), dtype=bool)
    for i, text in enumerate(sentences["caption"]):
        equal[i, list(carriers.get(_plain(text), ()))] = True
    return equal


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(" .")


def read_captions(native: Native) -> dict[str, list[str]]:
    """Captions by file from captions.csv, {} without one.

    Its image_id may be the manifest's image_id, the file's path below the root, its name or its stem. Rows
    that fit no image, or several, are counted and named in a warning.
    """
    path = native.base / "captions.csv"
    if not path.is_file():
        return {}
    keys: dict[str, set[str]] = {}
    for row in native.rows:
        file = Path(row["file"])
        for key in {row["file"], file.with_suffix("").as_posix(), file.name, file.stem}:
            keys.setdefault(unicodedata.normalize("NFC", key), set()).add(row["file"])
    words: dict[str, list[str]] = {}
    lost = []
    for record in read_table(path, ("image_id", "caption")):
        key = unicodedata.normalize("NFC", record["image_id"].strip())
        files = keys.get(key) or keys.get(key.partition("/")[2], set())
        if len(files) != 1:
            lost.append(record["image_id"])
        elif record["caption"].strip():
            words.setdefault(next(iter(files)), []).append(record["caption"].strip())
    if lost:
        warnings.warn(f"{path}: {len(lost)} rows fit no image, or several: {some(lost)}", stacklevel=2)
    return words


def read_truth(base: Path) -> dict[str, dict[str, Any]]:
    """ReefWorld's truth by file from truth.jsonl, {} for real photos."""
    path = base / "truth.jsonl"
    if not path.is_file():
        return {}
    truths = {}
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            item = parse_json(line, f"{path}: line {number}")
            _check(item, path, f"line {number}")
            truths[item["file"]] = item
    return truths


def _check(item: dict, path: Path, line: str) -> None:
    """A `LayoutError` unless a line of truth has what the manifest needs; lists may be absent or None."""
    field(item, "file", path, line, str)
    field({"facts": {}, **item}, "facts", path, line, dict)
    for key, name, kind in _NEEDED:
        for i, part in enumerate(items(item, key, path, line) if item.get(key) is not None else ()):
            field(part, name, path, f"{line} {key}[{i}]", kind)
    for i, thing in enumerate(item.get("objects") or ()):
        try:
            four(thing["box_xyxy"])
        except ValueError as error:
            raise LayoutError(f"{path}: {line} objects[{i}]: 'box_xyxy' must be four finite numbers") from error
