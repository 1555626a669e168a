"""Files: images decoded one way for everybody, hashes, and writes that happen wholly or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 80_000_000  # Pillow begins to warn at 89 million
NOT_WRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


class ImageError(ValueError):
    """An image that cannot be read; the message names the file and the reason."""


def load_image(path: str | Path, max_pixels: int = MAX_PIXELS) -> Image:
    """Decode an image in full: EXIF orientation applied, 16 bit scaled to 8, transparency laid on white, RGB.

    Args:
        path: any format that Pillow reads; of an animation the first picture.
        max_pixels: larger images are refused before they are decoded.

    Raises:
        ImageError: missing, empty, truncated, not an image, or too large; names the file.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.width * image.height > max_pixels:
                size = f"{image.width} x {image.height}"
                raise ImageError(f"{path}: {size} pixels are more than the limit of {max_pixels}; reduce it.")
            image.load()
            return upright(image)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(f"{path}: not an image (empty, damaged or of an unknown format).") from error
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error}).") from error
    except Exception as error:  # on damaged bytes the decoders raise whatever they come upon
        raise ImageError(f"{path}: the image is damaged ({error}).") from error


def upright(image: Image) -> Image:
    """A decoded picture as `load_image` gives it: EXIF orientation applied, transparency laid on white, RGB."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        return _eight_bit(image).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def _eight_bit(image: Image) -> Image:
    """Whole numbers count as 16 bit; fractions as [0, 1], or up to their maximum where that is larger."""
    import numpy as np
    from PIL import Image

    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    peak = 65535.0 if image.mode != "F" else max(values.max(), 1.0)
    return Image.fromarray((values.clip(0, peak) * (255.0 / peak) + 0.5).astype(np.uint8))


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sums(paths: Iterable[str | Path]) -> tuple[list[str], dict[str, str]]:
    """The sha256 of every file, "" for one that cannot be read, and by path what is wrong with those."""
    keys, bad = [], {}
    for path in paths:
        try:
            keys.append(sha256(path))
        except OSError as error:
            keys.append("")
            bad[str(path)] = f"{path}: cannot be read ({error.strerror or error})"
    return keys, bad


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder: it replaces `path` if the block ends well, else goes.

    The temporary name begins with a dot and keeps the suffix, from which many writers take the format.

    Raises:
        PermissionError: the folder cannot be written; names it and says what to do.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem[:40]}.{uuid.uuid4().hex[:12]}.tmp{path.suffix}")
    with _advice(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    usual = temporary.stat().st_mode & 0o777
    try:
        yield temporary
        temporary.chmod(usual)  # some writers keep their files to their owner
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | Path, replace: bool = False) -> Iterator[Path]:
    """Yield a temporary folder beside `path`: it takes that name if the block ends well, else it goes.

    Args:
        path: the folders above it are made.
        replace: put the new folder in the place of one that is there by then; otherwise that one stays, as when
            two processes make the same thing.

    Raises:
        PermissionError: the folder above cannot be written; names it and says what to do.
    """
    path = Path(path)
    with _advice(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name[:40]}-", dir=path.parent))
    older = temporary.with_name(f"{temporary.name}.old")
    try:
        yield temporary
        for file in (temporary, *temporary.rglob("*")):
            file.chmod(0o755 if file.is_dir() else 0o644)  # some writers keep their files to their owner
        if replace and path.exists():
            path.rename(older)
        try:
            temporary.rename(path)
        except OSError:
            if older.exists() and not path.exists():
                older.rename(path)
            if replace or not path.exists():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if path.exists():
            shutil.rmtree(older, ignore_errors=True)


@contextmanager
def _advice(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in NOT_WRITABLE:
            raise
        advice = "change its permissions, or set REEF_OUT or REEF_DATA to another folder"
        raise PermissionError(f"{folder}: the folder cannot be written; {advice}.") from error


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON readably, with sorted keys, and atomically.

    Raises:
        ValueError: a NaN or infinite number, which other readers refuse; names the file.
    """
    try:
        text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False, sort_keys=True)
    except ValueError as error:
        raise ValueError(f"{path}: cannot be written as JSON ({error}); store None instead.") from error
    with atomic_write(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read JSON.

    Raises:
        ValueError: not valid JSON; names the file and the place.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not valid JSON ({error}).") from error
