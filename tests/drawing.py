"""What tests of figures share: strings that are hard to draw, those that a figure draws, and its pixels."""

import io

import numpy as np
from PIL import Image

HOSTILE = [
    "$x$",
    "<b>bold</b>",
    r"$\frac{1}$",
    "a_b ^ % # & { }",
    "two\nlines\tand a \x00 byte",
    "",
    "🐢 naïve",
]


def texts(fig):
    """Every string that a figure draws."""
    from matplotlib.text import Text

    return [text.get_text() for text in fig.findobj(Text) if text.get_text()]


def drawn(fig, dpi=60):
    """(h, w, 3) uint8 pixels of a figure; drawing also shows that no text breaks the layout."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=dpi)
    return np.asarray(Image.open(buffer).convert("RGB"))
