"""Crops: the boxes of a manifest as a table of their own, one row a box, and whole pictures padded to squares."""

from __future__ import annotations

import pandas as pd


def whole(frame: pd.DataFrame, style: str = "pad") -> pd.DataFrame:
    """The manifest with a column `item` that pads every picture to a square, where CLIP's centre crop would cut its ends.

    Args:
        frame: a manifest of `load`; the sizes are read from its facts.
        style: of the crop; "tight" leaves the picture as it is.
    """
    rows = zip(frame["path"], frame["facts"], strict=True)
    items = [(path, [0.0, 0.0, float(facts["width"]), float(facts["height"])], style) for path, facts in rows]
    return frame.assign(item=pd.Series(items, index=frame.index, dtype=object))


def crop_objects(frame: pd.DataFrame, label: str, margin: float = 0.1, style: str = "tight") -> pd.DataFrame:
    """One row a box of `label` (case does not matter), ready for ``embed.images(encoder, crops["item"])``.

    Args:
        frame: a manifest of `load`.
        label: of the box, such as "turtle"; crowd boxes are left out.
        margin: fraction of the box's width and height added on every side, >= 0.
        style: of the crop, "tight" or "pad", handed on in `item`.

    Returns:
        The manifest's columns with image_id `<image_id>#<index of the box>`, label and boxes those of the one
        box, and two more: box_xyxy ([x0, y0, x1, y1] float pixels, with margin, inside the image) and item,
        the triple (path, box_xyxy, style). ``attrs["dropped"]`` counts the boxes without area inside the
        image.

    Raises:
        ValueError: margin < 0, or no image has a box of that label; the message lists the labels there are.
    """
    if margin < 0:
        raise ValueError(f"margin must be >= 0, found {margin}")
    rows, known, dropped = [], set(), 0
    for record in frame.to_dict("records"):
        for i, box in enumerate(record["boxes"]):
            known.add(box["label"])
            if box["label"].lower() != label.lower() or box["crowd"]:
                continue
            crop = _grow(box["box_xyxy"], margin, record["facts"]["width"], record["facts"]["height"])
            if crop is None:
                dropped += 1
                continue
            own = {"image_id": f"{record['image_id']}#{i}", "label": box["label"], "boxes": [box]}
            rows.append({**record, **own, "box_xyxy": crop, "item": (record["path"], crop, style)})
    if label.lower() not in {name.lower() for name in known}:
        raise ValueError(f"no box has the label '{label}'; labels here: {', '.join(sorted(known)) or 'none'}")
    crops = pd.DataFrame(rows, columns=[*frame.columns, "box_xyxy", "item"], dtype=object)
    crops.attrs = {**frame.attrs, "dropped": dropped}
    return crops


def _grow(box_xyxy: list[float], margin: float, width: int, height: int) -> list[float] | None:
    """The box inside the image and enlarged, or None if none of the box itself lies inside."""
    x0, y0, x1, y1 = box_xyxy
    if min(x1, width) <= max(x0, 0) or min(y1, height) <= max(y0, 0):
        return None
    dx, dy = margin * (x1 - x0), margin * (y1 - y0)
    return [max(x0 - dx, 0.0), max(y0 - dy, 0.0), min(x1 + dx, float(width)), min(y1 + dy, float(height))]
