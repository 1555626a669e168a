"""Folders of images whose names say everything there is to say."""

from __future__ import annotations

from pathlib import Path

from .common import SPLITS, Native, list_images, row


def own_turtles(root: Path) -> Native:
    """A plain folder of turtle photos, at any depth."""
    files, ignored = list_images(root)
    return Native(root, [row(root, file, label="turtle") for file in files], ignored)


def image_folder(root: Path) -> Native:
    """Anyone's photos: the first folder below the root, or below a train/val/test folder, is the label."""
    files, ignored = list_images(root)
    rows = []
    for file in files:
        folders = list(Path(file).parts[:-1])
        split = SPLITS.get(folders[0].lower()) if folders else None
        label = next(iter(folders[1:] if split else folders), None)
        rows.append(row(root, file, label=label, facts={"splits": {"published": split} if split else {}}))
    return Native(root, rows, ignored)
