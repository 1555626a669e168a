"""The style sheet, the empty figure, text that stays literal, and writing a figure to disk."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils import config, files

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

INK, GREY, PALE, PAPER = "#1b2a38", "#6b7a88", "#e6ebef", "#f6f8fa"
RIGHT, WRONG = "#009e73", "#d55e00"
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c6d31", "#6b7a88")
SERIF = ("STIXGeneral", "DejaVu Sans")
SHEET = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "text.color": INK,
    "axes.titlesize": 12.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.labelsize": 11,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 1.0,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 10.5,
    "lines.linewidth": 2.2,
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.dpi": 150,
}


def style() -> None:
    """Sets the house style for this process; every function of this package calls it itself."""
    import matplotlib as mpl
    from cycler import cycler

    mpl.rcParams.update(SHEET)
    mpl.rcParams["axes.prop_cycle"] = cycler(color=COLOURS)


def figure(width: float, height: float, **options: Any) -> Figure:
    """An empty figure of width x height inches, not kept by pyplot (which would show it a second time)."""
    import matplotlib.pyplot as plt

    style()
    fig = plt.figure(figsize=(width, height), **options)
    plt.close(fig)
    return fig


def wrapped(text: str, width: int, lines: int) -> str:
    """Text in at most `lines` lines of `width` characters; control characters are shown as blanks."""
    clean = "".join(c if c.isprintable() else " " for c in str(text))
    rows = textwrap.wrap(clean, width) or ["(empty)"]
    if len(rows) <= lines:
        return "\n".join(rows)
    return "\n".join([*rows[: lines - 1], rows[lines - 1][: width - 1].rstrip() + "…"])


def save_figure(
    fig: Figure, name: str, cfg: config.Config | None = None, max_kb: int = 56, note: str | None = None
) -> Path:
    """Writes figures/<name>.png, or .jpg where `name` ends so (best for photographs), without dates inside.

    Args:
        fig: a figure; it stays as it is, but for the note.
        name: file name without folder; the suffix .png may be left out.
        max_kb: a larger picture first loses colours (PNG only: 256 stay), then pixels.
        note: small line below the figure: the data, model and profile behind it (see `report.Results.note`).

    Returns:
        The path written.
    """
    from PIL import Image

    kind = Path(name).suffix
    path = (cfg or config.load()).figures_dir / (name if kind in (".png", ".jpg") else f"{name}.png")
    if note:
        _set_note(fig, note)
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", bbox_inches="tight", pad_inches=0.08, metadata={"Software": None})
    picture = Image.open(buffer).convert("RGB")
    with files.atomic_write(path) as temporary:
        Path(temporary).write_bytes(encoded(picture, "JPEG" if kind == ".jpg" else "PNG", max_kb * 1024))
    return path


def _set_note(fig: Figure, note: str) -> None:
    """The line below everything that the figure holds, in the place of an earlier one."""
    for text in [text for text in fig.texts if text.get_gid() == "note"]:
        text.remove()
    fig.draw_without_rendering()  # so that the layout is settled
    box, (width, height) = fig.get_tightbbox(), fig.get_size_inches()
    look = {"fontsize": 8.5, "color": GREY, "va": "top", "parse_math": False, "gid": "note"}
    fig.text(box.x0 / width, (box.y0 - 0.12) / height, note, **look)


def encoded(picture: Image.Image, form: str, limit: int) -> bytes:
    """RGB picture -> bytes of a "PNG" or "JPEG" of at most `limit` bytes, made smaller as far as needed."""
    from PIL import Image

    scale = 1.0
    while True:
        size = tuple(max(1, round(side * scale)) for side in picture.size)
        small = picture if scale == 1 else picture.resize(size, Image.Resampling.LANCZOS)
        fewer = Image.Quantize.FASTOCTREE  # half the bytes of a chart that the median cut takes, at the same look
        for image in (small, small.quantize(256, fewer)) if form == "PNG" else (small,):
            buffer = io.BytesIO()
            image.save(buffer, form, optimize=True, quality=82)
            if buffer.tell() <= limit or max(size) == 1:
                return buffer.getvalue()
        scale *= min(0.95, (limit / buffer.tell()) ** 0.5)
