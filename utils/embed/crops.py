"""How the part of a picture in a box is shown to an encoder: cut out, or marked within the whole picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

STYLES = ("tight", "pad", "context", "blur", "circle")
CONTEXT = 0.25  # of the box's sides, added on each side
BLUR = 0.1  # standard deviation, of the picture's longer side
LINE = 0.015  # width of the ellipse's line, of the picture's longer side
RED = (255, 0, 0)
Edges = tuple[int, int, int, int]


def recipe(style: str) -> str:
    """What a crop of this style follows from beside picture and box; another number makes another recipe."""
    told = {"context": CONTEXT, "blur": BLUR, "circle": LINE}
    return f"{style} {told[style]}" if style in told else style


def shown(image: Image.Image, box: np.ndarray, style: str, mean: Sequence[float]) -> Image.Image:
    """The box of a picture in a style of STYLES.

    Args:
        image: RGB, upright.
        box: (4,) float64, x0 y0 x1 y1 in px; rounded outwards to whole px and clipped to the picture.
        style: "tight" is the box alone. The others are squares with borders of the mean colour, which is about 0 after
            normalisation: "pad" the box; "context" the box with a quarter of its sides more on each side; "blur" the
            whole picture, blurred outside the box (Subramanian et al. 2022); "circle" the whole
            picture, with a red ellipse round the box (Shtedritski et al. 2023).
        mean: colour in [0, 1].

    Raises:
        ValueError: a box that is empty, inverted or outside the picture.
    """
    edges = _edges(image, box)
    if style in ("tight", "pad"):
        image = image.crop(edges)
    elif style == "context":
        image = image.crop(_grown(edges, image.size))
    else:
        image = (_blurred if style == "blur" else _circled)(image, edges)
    return image if style == "tight" else _square(image, mean)


def _edges(image: Image.Image, box: np.ndarray) -> Edges:
    x0, y0, x1, y1 = box.tolist()
    if not (x0 < x1 and y0 < y1 and min(x1, y1) > 0 and x0 < image.width and y0 < image.height):
        raise ValueError(
            f"box {tuple(box.tolist())} is empty or outside the image of {image.width} x {image.height} px"
        )
    start = math.floor(max(0, x0)), math.floor(max(0, y0))
    return (*start, math.ceil(min(image.width, x1)), math.ceil(min(image.height, y1)))


def _grown(edges: Edges, size: tuple[int, int]) -> Edges:
    x0, y0, x1, y1 = edges
    across, down = math.ceil(CONTEXT * (x1 - x0)), math.ceil(CONTEXT * (y1 - y0))
    return max(0, x0 - across), max(0, y0 - down), min(size[0], x1 + across), min(size[1], y1 + down)


def _blurred(image: Image.Image, edges: Edges) -> Image.Image:
    from PIL import ImageFilter

    blurred = image.filter(ImageFilter.GaussianBlur(BLUR * max(image.size)))
    blurred.paste(image.crop(edges), edges)
    return blurred


def _circled(image: Image.Image, edges: Edges) -> Image.Image:
    """The line runs outside of the box where the ellipse touches it, and hides as little of the thing as it can."""
    from PIL import ImageDraw

    (x0, y0, x1, y1), image = edges, image.copy()
    line = max(1, round(LINE * max(image.size)))
    ImageDraw.Draw(image).ellipse((x0 - line, y0 - line, x1 - 1 + line, y1 - 1 + line), outline=RED, width=line)
    return image


def _square(image: Image.Image, mean: Sequence[float]) -> Image.Image:
    from PIL import Image

    edge = max(image.size)
    square = Image.new("RGB", (edge, edge), tuple(round(255 * value) for value in mean))
    square.paste(image, ((edge - image.width) // 2, (edge - image.height) // 2))
    return square
