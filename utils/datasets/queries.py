"""Queries by picture: a box in one image, and the images that show the same thing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from . import registry
from .readers import LayoutError, some
from .readers.brueghel import brueghel_queries
from .readers.oxford_buildings import MARKS, oxford_queries

COLUMNS = ("query_id", "label", "image_id", "path", "box_xyxy", "good", "ok", "junk", "boxes")


def queries(name: str, root: str | Path | None = None) -> pd.DataFrame:
    """The published queries of an instance retrieval data set, made first as by `load` if it is missing.

    Args:
        name: "oxford_buildings" or "brueghel".
        root: the folder of the native files; by default `<data_dir>/<name>`.

    Returns:
        One row a query: query_id, label, image_id and path of its image, box_xyxy ([x0, y0, x1, y1] float pixels), and
        lists of image_id: good and ok are to be found, junk counts neither way. `boxes` is {image_id: list of box_xyxy}
        of what is to be found where that is published, else empty. Oxford's query image stands in its own `good`, as
        published; Brueghel's is `junk`, unless it shows the motif a second time, which then is in `boxes` alone.

    Raises:
        ValueError: a data set without queries; the message lists those that have some.
        FileNotFoundError: as `load`, or one of a query's lists is missing.
        LayoutError: an entry is malformed or names no image, or several; the message names file and line or entry.
    """
    if name not in QUERIES:
        raise ValueError(f"the data set '{name}' has no queries; known: {', '.join(QUERIES)}")
    root = registry.locate(name) if root is None else Path(root)
    rows = QUERIES[name](root, _Images(registry.load(name, root)))
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


class _Images:
    """image_id and path by file name, else by stem; unreadable images are known, and left out of the lists."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.names: dict[str, list[tuple[str, str]]] = {}
        self.stems: dict[str, list[tuple[str, str]]] = {}
        for image_id, path in zip(frame["image_id"], frame["path"], strict=True):
            self.names.setdefault(Path(path).name, []).append((image_id, path))
            self.stems.setdefault(Path(path).stem, []).append((image_id, path))
        self.skipped = {
            key for item in frame.attrs["skipped"] for key in (Path(item["path"]).name, Path(item["path"]).stem)
        }

    def find(self, name: str, where: str) -> tuple[str, str] | None:
        found = self.names.get(name) or self.stems.get(name, [])
        if not found and name not in self.skipped:
            raise LayoutError(f"{where}: no image is called {name!r}")
        if len(found) > 1:
            named = some([image_id for image_id, _ in found], 3)
            raise LayoutError(f"{where}: several images are called {name!r} ({named}); rename or remove all but one")
        return found[0] if found else None


def _oxford(root: Path, images: _Images) -> list[dict[str, Any]]:
    rows = []
    for query in oxford_queries(root):
        own = images.find(query["stem"], f"{query['source']}: line 1")
        if own is None:
            continue
        lists = {}
        for mark in MARKS:
            path = query["source"].with_name(f"{query['query_id']}_{mark}.txt")
            found = [images.find(stem, f"{path}: line {number}") for number, stem in query[mark]]
            lists[mark] = [image[0] for image in found if image]
        rows.append({**_start(query, own), "box_xyxy": query["box_xyxy"], **lists, "boxes": {}})
    return rows


def _brueghel(root: Path, images: _Images) -> list[dict[str, Any]]:
    rows = []
    for query in brueghel_queries(root):
        name, box = query["detail"]
        own = images.find(name, f"{query['source']}: {query['query_id']}")
        if own is None:
            continue
        boxes: dict[str, list[list[float]]] = {}
        for other, place in query["gt"]:
            found = images.find(other, f"{query['source']}: {query['query_id']}")
            if found:
                boxes.setdefault(found[0], []).append(place)
        good = sorted(boxes.keys() - {own[0]})
        rows.append({**_start(query, own), "box_xyxy": box, "good": good, "ok": [], "junk": [own[0]], "boxes": boxes})
    return rows


def _start(query: dict[str, Any], image: tuple[str, str]) -> dict[str, Any]:
    return {"query_id": query["query_id"], "label": query["label"], "image_id": image[0], "path": image[1]}


QUERIES: dict[str, Callable[[Path, _Images], list[dict[str, Any]]]] = {
    "oxford_buildings": _oxford,
    "brueghel": _brueghel,
}
