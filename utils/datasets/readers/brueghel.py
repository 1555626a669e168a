"""Brueghel with ArtMiner's annotations: near-duplicate details in the paintings of one workshop.

brueghelTest.json and brueghelVal.json hold {motif: [{"query": [file name, box], "gt": [[file name, box], ...]}, ...]},
a box being [x0, y0, x1, y1] in pixels; in the first every detail is a query, in the second two of each motif.
"""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Any

from .common import LayoutError, Native, field, four, list_images, read_json, row

ANNOTATIONS = ("brueghelTest.json", "brueghelVal.json")
Detail = tuple[str, list[float]]


def brueghel(root: Path) -> Native:
    """Images at any depth; their boxes are all annotated details, labelled by motif."""
    files, ignored = list_images(root)
    present = [name for name in ANNOTATIONS if (root / name).is_file()]
    boxes: dict[str, list[dict]] = {}
    for file in present or ANNOTATIONS[:1]:
        for query in brueghel_queries(root, file):
            for name, box in [query["detail"], *query["gt"]]:
                found = {
                    "box_xyxy": box,
                    "label": query["label"],
                    "crowd": False,
                    "difficult": False,
                    "segmentation": None,
                }
                if found not in boxes.setdefault(name, []):
                    boxes[name].append(found)
    return Native(
        root, [row(root, file, boxes=boxes.get(Path(file).name, [])) for file in files], ignored - len(present)
    )


def brueghel_queries(root: Path, file: str | None = None) -> list[dict[str, Any]]:
    """One dict a query: query_id, label, detail (file name, box), gt (a list of the same), source (the file).

    Args:
        root: the folder of the annotations.
        file: one of ANNOTATIONS; by default the first that is there.

    Raises:
        FileNotFoundError: there is no annotation file.
        LayoutError: an entry is not as published; the message names file and entry.
    """
    path = root / (file or next((name for name in ANNOTATIONS if (root / name).is_file()), ANNOTATIONS[0]))
    queries = []
    for label, entries in read_json(path).items():
        if not isinstance(entries, list):
            raise LayoutError(f"{path}: '{label}' must be a list, found {type(entries).__name__}")
        for i, entry in enumerate(entries):
            where = f"{label}[{i}]"
            others = field(entry, "gt", path, where)
            if not isinstance(others, list):
                raise LayoutError(f"{path}: {where}.gt must be a list, found {type(others).__name__}")
            queries.append({
                "query_id": f"{label}_{i + 1}", "label": label, "detail": _detail(field(entry, "query", path, where), path, f"{where}.query"),
                "gt": [_detail(other, path, f"{where}.gt[{j}]") for j, other in enumerate(others)], "source": path,
            })  # fmt: skip
    return queries


def _detail(value: Any, path: Path, where: str) -> Detail:
    try:
        name, box = value
        box = four(box)
        if not isinstance(name, str) or box[2] <= box[0] or box[3] <= box[1]:
            raise ValueError("no detail")
    except (TypeError, ValueError) as error:
        found = reprlib.repr(value)
        raise LayoutError(f"{path}: {where} must be [file name, [x0, y0, x1, y1]], found {found}") from error
    return name, box
