"""Building of an index: a kind, what it learns from a sample, and a piece for every million photos."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from utils import config, files
from utils.scale import kinds, pieces
from utils.scale.archive import Archive, open_archive
from utils.scale.index import CARD, LEARNED, REMOVED, Index, piece, runs


def build_index(archive: Archive | str | Path, folder: str | Path, kind: str | None = None) -> Index:
    """Builds an index over an archive as it is now; one that lies in `folder` is replaced when the new one is whole.

    What was removed from the replaced one stays removed, by its id.

    Args:
        archive: what `embed_archive` has written, or where.
        folder: on this machine, as FAISS maps its files into memory.
        kind: one of `scale.KINDS`; by default what `scale.choose` says for this many photos.

    Raises:
        ValueError: no photo, an unknown kind, fewer than 256 photos for "ivfpq", a folder that holds something else.
        FileNotFoundError, NotADirectoryError, PermissionError, OSError: no archive, a folder that is a file or cannot be
            written, a full disk.
    """
    archive = archive if isinstance(archive, Archive) else open_archive(archive)
    folder = Path(folder).expanduser()
    kind = kind or kinds.choose(len(archive))
    kinds.check(kind)
    if not len(archive):
        raise ValueError(f"{archive.url} holds no photo that could be read: there is nothing to search")
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; give a folder for the index")
    if folder.exists() and not (folder / CARD).is_file() and any(folder.iterdir()):
        raise ValueError(f"{folder} holds something else than an index; give another folder")
    shards = [[head.name, len(head)] for head in archive.heads]
    card = {"kind": kind, "archive": archive.url, "about": archive.about, "shards": shards, "pieces": []}
    with files.locked(folder, wait=1.0), files.atomic_folder(folder, replace=folder.exists()) as temporary:
        if kind != "flat":
            empty = pieces.learned(kind, _sample(archive, kinds.sample_size(kind, len(archive))), len(archive))
            pieces.write(empty, temporary / LEARNED)
            card["pieces"] = [piece(temporary, archive, empty, *run) for run in runs(archive)]
        if (folder / REMOVED).is_file():
            shutil.copy2(folder / REMOVED, temporary / REMOVED)
        files.write_json(temporary / CARD, card)
    return Index(folder, archive)


def _sample(archive: Archive, size: int) -> np.ndarray:
    rng = config.rng(config.load().seed, "scale", "sample")
    return archive.vectors(np.sort(rng.choice(len(archive), size, replace=False)))
