"""Building of an index: a kind, what it learns from a sample, and a piece for every million photos."""

from __future__ import annotations

import glob
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from utils import config, files
from utils.scale import kinds, pieces
from utils.scale.archive import Archive, open_archive
from utils.scale.index import CARD, LEARNED, PIECE, REMOVED, Index, piece, runs
from utils.scale.storage import on_this_machine


def build_index(
    archive: Archive | str | Path, folder: str | Path, kind: str | None = None, recall: float | None = kinds.RECALL
) -> Index:
    """Builds an index over an archive as it is now; one that lies in `folder` is replaced when the new one is whole.

    What was removed from the replaced one stays removed, by its id.

    Args:
        archive: what `embed_archive` has written, or where.
        folder: on this machine, as FAISS maps its files into memory.
        kind: one of `scale.KINDS`; by default what `scale.choose` says for this many photos.
        recall: what `Index.calibrate` aims at in the end; None leaves it out, and the usual effort.

    Raises:
        ValueError: no photo, an unknown kind, a recall out of its range, fewer than 256 photos for "ivfpq", a folder that is
            a URL or holds something else.
        FileNotFoundError, NotADirectoryError, PermissionError, OSError: no archive, a folder that is a file or cannot be
            written, a full disk.
    """
    folder = on_this_machine(folder)
    archive = open_archive(archive.url if isinstance(archive, Archive) else archive)  # it may have grown
    kind = kind or kinds.choose(len(archive))
    kinds.check(kind)
    if recall is not None:
        kinds.check_recall(recall)
    if not len(archive):
        raise ValueError(f"{archive.url} holds no photo that could be read: there is nothing to search")
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; give a folder for the index")
    if folder.exists() and (strange := _strange(folder)):
        raise ValueError(f"{folder} holds something else than an index ({strange}); give another folder")
    shards = [[head.name, len(head)] for head in archive.heads]
    card: dict[str, Any] = {
        **{"kind": kind, "archive": archive.url, "about": archive.about, "shards": shards, "pieces": []},
        **{"built": len(archive), "effort": 1.0, "recall": 1.0 if kind == "flat" else None},
    }
    with files.locked(folder, wait=1.0), files.atomic_folder(folder, replace=folder.exists()) as temporary:
        _sweep(folder, temporary)
        if kind != "flat":
            empty = pieces.learned(kind, _sample(archive, kinds.sample_size(kind, len(archive))), len(archive))
            pieces.write(empty, temporary / LEARNED)
            card["pieces"] = [piece(temporary, archive, empty, *run) for run in runs(archive)]
        if (folder / REMOVED).is_file():
            shutil.copy2(folder / REMOVED, temporary / REMOVED)
        files.write_json(temporary / CARD, card)
    index = Index(folder, archive, card)
    if kind != "flat" and recall is not None:
        index.calibrate(recall)
    return index


def _strange(folder: Path) -> str | None:
    """The first name in a folder that no index has."""
    names = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    return next((name for name in names if name not in (CARD, LEARNED, REMOVED) and not PIECE.fullmatch(name)), None)


def _sweep(folder: Path, own: Path) -> None:
    """Takes away what builds that were killed have left beside a folder; its lock is held."""
    for left in folder.parent.glob(f"{glob.escape(own.name[:-8])}{'[a-z0-9_]' * 8}"):
        if left != own and left.is_dir() and not _strange(left):
            shutil.rmtree(left)


def _sample(archive: Archive, size: int) -> np.ndarray:
    rng = config.rng(config.load().seed, "scale", "sample")
    return archive.vectors(np.sort(rng.choice(len(archive), size, replace=False)))
