"""ArtPhoto: the emotion stands in the name of the file."""

from __future__ import annotations

import re
from pathlib import Path

from .common import LayoutError, Native, list_images, row, some

EMOTIONS = ("amusement", "anger", "awe", "contentment", "disgust", "excitement", "fear", "sad")


def artphoto(root: Path) -> Native:
    """Pictures at any depth named `<emotion>_<number>`, such as amusement_0001.jpg.

    The label is the emotion. Pictures whose names begin with none of `EMOTIONS` are counted as ignored, as the
    published archive lies beside others; where no name does, the layout is wrong.
    """
    files, ignored = list_images(root)
    rows = []
    for file in files:
        word = re.split(r"[_\-\s\d.]", Path(file).name.lower(), maxsplit=1)[0]
        if word in EMOTIONS:
            rows.append(row(root, file, label=word, category=word, facts={"emotion": word}))
    if files and not rows:
        raise LayoutError(
            f"{root}: no file's name begins with an emotion ({', '.join(EMOTIONS)}); found {some(files, 3)}"
        )
    return Native(root, rows, ignored + len(files) - len(rows))
