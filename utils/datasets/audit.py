"""Leak audit: what two splits share that they should not.

Exact copies are found by SHA-256. Near copies are found in two steps: candidates whose 64-bit difference
hashes differ in few bits, kept if their 32 x 32 grey thumbnails correlate, since photos of open water share a
gradient and so a hash without sharing anything else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from .readers import some
from .splits import links_of

KINDS = ("exact", "near", "identity", "encounter", "source")
THUMB = 32
PAIR = ["image_a", "image_b", "split_a", "split_b", "bits", "correlation"]


@dataclass(frozen=True)
class Audit:
    """The result of `audit`.

    Attributes:
        tables: by kind. "exact" and "near": one row a pair of images in two splits (image_a, image_b,
            split_a, split_b, bits that differ, correlation). "identity", "encounter" and "source": one row a
            name in two or more splits (dataset, name, splits, images).
        missing: one row a category that a split lacks (dataset, category, split).
        skipped: image_id and reason for images that could not be read, so were not compared.
        images: number of images audited.
    """

    tables: dict[str, pd.DataFrame]
    missing: pd.DataFrame
    skipped: list[tuple[str, str]] = field(default_factory=list)
    images: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """Leaks by kind: pairs for "exact" and "near", names for the others."""
        return {kind: len(self.tables[kind]) for kind in KINDS}

    @property
    def clean(self) -> bool:
        """True if nothing is shared across splits."""
        return not any(self.counts.values())

    def report(self) -> str:
        """The findings as Markdown: a table of counts, then what was found by name."""
        lines = [f"Leak audit of {self.images} images", ""]
        lines += ["| shared across splits | found | such as |", "|---|--:|---|"]
        for kind in KINDS:
            lines.append(f"| {kind} | {len(self.tables[kind])} | {some(self._examples(kind), 2)} |")
        for (dataset, split), rows in self.missing.groupby(["dataset", "split"]):
            lines += ["", f"{dataset}: {split} has no {some(list(rows['category']))}."]
        if self.skipped:
            unread = some([f"{image_id} ({reason})" for image_id, reason in self.skipped])
            lines += ["", f"{len(self.skipped)} images could not be read: {unread}."]
        return "\n".join(lines) + "\n"

    def _examples(self, kind: str) -> list[str]:
        table = self.tables[kind]
        if kind in ("exact", "near"):
            return [f"{a} = {b}" for a, b in zip(table["image_a"], table["image_b"], strict=True)]
        return [f"{name} in {splits}" for name, splits in zip(table["name"], table["splits"], strict=True)]


def audit(frame: pd.DataFrame, bits: int = 10, correlation: float = 0.9) -> Audit:
    """Look for images, individuals, encounters and sources that stand in more than one split.

    The two thresholds are set by hand. tests/test_audit.py plants copies that were compressed, halved, darkened or made
    grey. Two different photos of one scene may pass too: look at the pairs.

    Args:
        frame: a manifest with its `split` column; rows without a split leak nothing.
        bits: near copies differ in at most so many of the 64 bits of their hashes.
        correlation: and their thumbnails correlate at least so much, in [-1, 1].
    """
    prints, skipped = _fingerprints(frame)
    rows = frame.iloc[[i for i, *_ in prints]]
    exact, near = _copies(rows, prints, bits, correlation)
    shared = _shared(frame)
    return Audit({"exact": exact, "near": near, **shared}, _missing(frame), skipped, len(frame))


def difference_hash(thumb: np.ndarray) -> np.ndarray:
    """64-bit difference hash of grey thumbnails: is each cell of an 8 x 9 grid brighter than the next?

    Args:
        thumb: (n, 32, 32), any real type.

    Returns:
        (n, 8) uint8, 64 bits a row.
    """
    wide = np.stack([part.mean(axis=2) for part in np.array_split(thumb.astype(np.float32), 9, axis=2)], axis=2)
    grid = wide.reshape(len(thumb), 8, THUMB // 8, 9).mean(axis=2)
    return np.packbits((grid[:, :, :-1] > grid[:, :, 1:]).reshape(len(thumb), 64), axis=1)


def near_pairs(hashes: np.ndarray, bits: int, chunk: int = 512) -> Iterator[tuple[int, int, int]]:
    """All (i, j, distance) with i < j and at most `bits` different bits; hashes: (n, 8) uint8."""
    words = np.ascontiguousarray(hashes).view(np.uint64).ravel()
    for start in range(0, len(words), chunk):
        block = words[start : start + chunk, None] ^ words[None, start:]
        distance = np.bitwise_count(block)
        for i, j in np.argwhere(distance <= bits):
            if i < j:
                yield start + int(i), start + int(j), int(distance[i, j])


def _fingerprints(frame: pd.DataFrame) -> tuple[list[tuple[int, str, np.ndarray]], list[tuple[str, str]]]:
    """(row number, SHA-256, thumbnail) of every readable image, and what was unreadable."""
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(_fingerprint, frame["path"]))
    prints = [(i, *item) for i, item in enumerate(found) if not isinstance(item, str)]
    skipped = [(frame["image_id"].iloc[i], item) for i, item in enumerate(found) if isinstance(item, str)]
    return prints, skipped


def _fingerprint(path: str) -> tuple[str, np.ndarray] | str:
    from PIL import Image, ImageOps

    from .. import files

    try:
        with Image.open(path) as image:
            # A JPEG is decoded at the smallest scale that still serves.
            image.draft("L", (4 * THUMB, 4 * THUMB))
            grey = ImageOps.exif_transpose(image).convert("L").resize((THUMB, THUMB), Image.Resampling.BOX)
        return files.sha256(path), np.asarray(grey)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return str(error) or type(error).__name__


def _copies(
    rows: pd.DataFrame, prints: list[tuple[int, str, np.ndarray]], bits: int, correlation: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    tables: dict[bool, list[list]] = {True: [], False: []}
    if prints:
        ids, splits = list(rows["image_id"]), list(rows["split"])
        digests = [digest for _, digest, _ in prints]
        thumbs = np.stack([thumb for *_, thumb in prints])
        units = _standardise(thumbs)
        for i, j, distance in near_pairs(difference_hash(thumbs), bits):
            if splits[i] == splits[j] or splits[i] is None or splits[j] is None:
                continue
            same, alike = digests[i] == digests[j], float(units[i] @ units[j])
            if same or alike >= correlation:
                tables[same].append([ids[i], ids[j], splits[i], splits[j], distance, alike])
    return pd.DataFrame(tables[True], columns=PAIR), pd.DataFrame(tables[False], columns=PAIR)


def _standardise(thumbs: np.ndarray) -> np.ndarray:
    """(n, 32, 32) to (n, 1024) float32 of length 1 (flat ones 0), so that products are correlations.

    What a quadratic surface explains is taken out first: two lamps in dark water are not two copies.
    """
    flat = thumbs.reshape(len(thumbs), -1).astype(np.float32)
    y, x = np.mgrid[-1 : 1 : THUMB * 1j, -1 : 1 : THUMB * 1j].reshape(2, -1)
    surface, _ = np.linalg.qr(np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1))
    flat -= ((flat @ surface) @ surface.T).astype(np.float32)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return flat / np.where(length > 1e-3, length, np.inf)


def _shared(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Names of each kind that stand in several splits."""
    members: dict[tuple, list[str]] = defaultdict(list)
    for row in frame.to_dict("records"):
        for link in links_of(row) if row["split"] is not None else ():
            members[link].append(row["split"])
    found = defaultdict(list)
    for (kind, dataset, name), splits in sorted(members.items()):
        if len(set(splits)) > 1:
            found[kind].append([dataset, name, ", ".join(sorted(set(splits))), len(splits)])
    columns = ["dataset", "name", "splits", "images"]
    return {kind: pd.DataFrame(found[kind], columns=columns) for kind in ("identity", "encounter", "source")}


def _missing(frame: pd.DataFrame) -> pd.DataFrame:
    """Categories of a data set that one of its splits lacks."""
    known = frame[frame["split"].notna() & frame["category"].notna()]
    rows = []
    for dataset, part in known.groupby("dataset"):
        for split in sorted(set(part["split"])):
            lacking = set(part["category"]) - set(part["category"][part["split"] == split])
            rows += [[dataset, category, split] for category in sorted(lacking)]
    return pd.DataFrame(rows, columns=["dataset", "category", "split"])
