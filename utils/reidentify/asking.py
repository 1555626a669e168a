"""Scores of queries against the photographs of the database: by an encoder's cosines, by matched keypoints."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from utils import classical, datasets, embed, pooling, search
from utils.reidentify.judging import fitting, hidden
from utils.reidentify.parts import Parts

if TYPE_CHECKING:
    from utils.encoders import Encoder

STYLE = "pad"  # so that a model's centre crop loses nothing of a long turtle


def items(frame: pd.DataFrame, box: str | None = None, margin: float = 0.1, style: str = STYLE) -> list[embed.Item]:
    """What `embed.images` takes for each image: its path, or the largest of its boxes of a label.

    Args:
        frame: a manifest.
        box: a label of boxes, such as "turtle" or "head"; None for whole pictures.
        margin: around the box, see `datasets.crop_objects`.
        style: of the crop.

    Returns:
        An item a row; a picture without such a box stays whole, and a warning counts these.

    Raises:
        ValueError: no picture has such a box; the message lists the labels there are.
    """
    if box is None:
        return list(frame["path"])
    crops = datasets.crop_objects(frame, box, margin, style)
    sides = np.stack(list(crops["box_xyxy"]))
    crops = crops.assign(area=(sides[:, 2] - sides[:, 0]) * (sides[:, 3] - sides[:, 1]))
    crops = crops.sort_values("area", ascending=False, kind="stable")
    of = {
        name.rpartition("#")[0]: item for name, item in zip(crops["image_id"][::-1], crops["item"][::-1], strict=True)
    }
    if whole := [name for name in frame["image_id"] if name not in of]:
        warnings.warn(f"{len(whole)} pictures without a box '{box}' stay whole, such as {whole[0]}", stacklevel=2)
    return [of.get(name, path) for name, path in zip(frame["image_id"], frame["path"], strict=True)]


def by_embedding(
    encoder: Encoder | classical.Classical | pooling.Early | pooling.MultiScale,
    parts: Parts,
    box: str | None = None,
    margin: float = 0.1,
    style: str = STYLE,
) -> NDArray[np.float32]:
    """Cosines (q, n) float32 of the q queries and the n photographs of the database.

    Args:
        encoder: of images.
        parts: of `parts` or `validation`.
        box: compare the largest box of this label in place of the whole picture, on both sides.
        margin: see `items`.
        style: see `items`.

    Raises:
        ValueError: images that cannot be read, named; as `items`.
    """
    asked, known = (embed.images(encoder, items(part, box, margin, style)) for part in (parts.queries, parts.database))
    return search.scores(asked, known)


def by_keypoints(
    parts: Parts,
    scores: NDArray | None = None,
    first: int = 50,
    box: str | None = None,
    margin: float = 0.1,
    **settings: Any,
) -> NDArray[np.float64]:
    """Keypoints that a query and a photograph share (`classical.rerank`): inliers rank first, then the old scores.

    Args:
        parts: of `parts` or `validation`.
        scores: (q, n) float, such as cosines: the first photographs of each query by these are compared, those of its
            own encounter not among them. By default all photographs are.
        first: photographs to compare, from 1.
        box: keypoints of the query's largest box of this label alone; the database is looked at whole.
        margin: see `items`.
        settings: of `classical.rerank`: ratio, ransac, kind, size, most.

    Returns:
        (q, n) float64: 1 + inliers for those compared, and for all a part of the old score in [0, 0.5]; photographs of
        the query's own encounter have that part alone.

    Raises:
        ValueError: shapes that differ, NaN, first below 1; as `items` and `classical.rerank`.
    """
    paths = list(parts.database["path"])
    if scores is None:
        scores, first = np.zeros((len(parts.queries), len(paths))), len(paths) if first > 0 else first
    asked = [item[:2] if isinstance(item, tuple) else (item, None) for item in items(parts.queries, box, margin)]
    return classical.reordered(fitting(scores, parts), asked, paths, first, hidden(parts), **settings)
