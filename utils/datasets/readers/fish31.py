"""The Fish Dataset: a folder a split, a folder a species."""

from __future__ import annotations

from pathlib import Path

from .common import SPLITS, Native, list_images, row


def fish31(root: Path) -> Native:
    """FishImgDataset/{train,val,test}/<species>/, or the same without the outer folder: species are the labels.

    What lies elsewhere is ignored and counted.

    Raises:
        FileNotFoundError: there is no folder of a split.
    """
    outer = Path("FishImgDataset") if (root / "FishImgDataset").is_dir() else Path()
    parts = [p.name for p in (root / outer).iterdir() if p.is_dir() and p.name.lower() in SPLITS]
    if not parts:
        raise FileNotFoundError(f"{root / outer} has no folder train, val or test")
    files, ignored = list_images(root)
    rows = []
    for file in files:
        split, label, *below = _folders(Path(file), outer)
        if split in parts and below:
            published = {"splits": {"published": SPLITS[split.lower()]}}
            rows.append(row(root, file, category="fish", label=label, facts=published))
    return Native(root, rows, ignored + len(files) - len(rows))


def _folders(file: Path, outer: Path) -> tuple[str, ...]:
    """The parts of a file's path below the outer folder, at least two."""
    inside = file.relative_to(outer).parts if file.is_relative_to(outer) else ()
    return inside if len(inside) > 1 else ("", "")
