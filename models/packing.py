"""Checkpoints of torch are zip archives; deflated, weights that are zero take no room, and torch reads them as before."""

from __future__ import annotations

import zipfile
from pathlib import Path

from utils import files


def deflate(path: Path) -> None:
    """Write the archive at `path` anew with every entry compressed; names, dates and bytes of the entries stay."""
    with (
        zipfile.ZipFile(path) as stored,
        files.atomic_write(path) as temporary,
        zipfile.ZipFile(temporary, "w") as packed,
    ):
        for entry in stored.infolist():
            content = stored.read(entry)
            packed.writestr(entry, content, zipfile.ZIP_DEFLATED, compresslevel=9)
