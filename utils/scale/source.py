"""Source: the photos of an archive as rows of a manifest, one after the other, never all of them at once."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from utils.datasets.readers import IMAGE_SUFFIXES
from utils.datasets.readers.common import folders
from utils.scale.shard import Row, keys
from utils.scale.storage import Place, answering

if TYPE_CHECKING:
    import pandas as pd

AT_ONCE = 10_000  # rows of a table

Rows = Callable[[], Iterator[Row]]


def photos(source: Any) -> Rows:
    """What gives the rows of a source, anew at each call; each has `image_id` and `path`.

    Args:
        source: a manifest (DataFrame with image_id and path); or the path or URL of a CSV file with these columns, read
            piece by piece, whose relative paths start at its folder; or of a folder, whose photos have as id their path
            below it (so of two folders that belong together give the one above).

    Raises:
        FileNotFoundError: there is nothing; OSError: it does not answer; ValueError: a table without the columns, or a
            row without id or path. All name the source.
    """
    if hasattr(source, "columns"):
        _check_columns(source.columns, "the manifest")
        return partial(_of_frame, source)
    place = Place(source)
    place.fs.invalidate_cache()
    try:
        with answering(str(source)):
            kind = place.fs.info(place.path)["type"]
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(f"{source}: nothing is there; give a folder of photos or a CSV file") from error
    return partial(_of_folder, place) if kind == "directory" else partial(_of_table, place, _texts(place))


def distinct(rows: Rows, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The keys of all ids and of their paths, (n,) uint64 each, in the order of the rows.

    Raises:
        ValueError: no photo, or an id that stands twice; names the first of them and counts the rest.
    """
    both = np.fromiter((keys([row["image_id"], row["path"]]) for row in rows()), np.dtype((np.uint64, 2)))
    found = both[:, 0]
    if not len(found):
        raise ValueError(f"{name} holds no photo ({', '.join(sorted(IMAGE_SUFFIXES))} are looked for in folders)")
    ordered = np.sort(found)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if len(twice):
        asked = (row["image_id"] for row in rows())
        first = next(image_id for image_id in asked if keys([image_id])[0] in twice)
        raise ValueError(f"{name}: image_id {first!r} stands more than once ({len(twice)} ids do); make ids distinct")
    return found, both[:, 1]


def _of_frame(frame: pd.DataFrame, name: str = "the manifest") -> Iterator[Row]:
    import pandas as pd

    names = list(frame.columns)
    for cells in frame.itertuples(index=False, name=None):
        row = dict(zip(names, cells, strict=True))
        for column in ("image_id", "path"):
            if pd.isna(row[column]) or not str(row[column]).strip():
                raise ValueError(f"{name} has a row without {column}: {row}; complete it or leave it out")
        path = str(row["path"])
        yield row | {"image_id": str(row["image_id"]), "path": path if "://" in path else os.path.abspath(path)}


def _of_folder(place: Place) -> Iterator[Row]:
    for folder, names in folders(place.local) if place.local else _remote_folders(place):
        for name in sorted(names):
            if name.lower().endswith(tuple(IMAGE_SUFFIXES)) and not name.startswith("."):
                path = f"{folder.rstrip('/')}/{name}"
                whole = path if place.local else place.fs.unstrip_protocol(path)
                yield {"image_id": path[len(place.path) :].lstrip("/"), "path": whole}


def _remote_folders(place: Place) -> Iterator[tuple[str, list[str]]]:
    """Every folder that is not hidden and the names of its files."""
    for folder, below, names in place.fs.walk(place.path, on_error="raise"):
        below[:] = [name for name in below if not name.startswith(".")]
        yield folder, names


def _of_table(place: Place, texts: list[str]) -> Iterator[Row]:
    for piece in _pieces(place, texts):
        yield from _of_frame(piece.assign(path=[_beside(place, path) for path in piece["path"]]), place.url)


def _pieces(place: Place, texts: list[str]) -> Iterator[pd.DataFrame]:
    """A CSV file in pieces; ids, paths and the columns `texts` are text."""
    import pandas as pd

    as_they_stand = {"image_id": str, "path": str}  # 007 and NA are ids
    how = {"converters": as_they_stand, "dtype": dict.fromkeys(texts, str), "index_col": False, "low_memory": False}
    with place.fs.open(place.path, "rb", compression="infer") as file:
        try:
            for piece in pd.read_csv(file, chunksize=AT_ONCE, **how):
                _check_columns(piece.columns, place.url)
                yield piece
        except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError, pd.errors.ParserWarning) as error:
            cells = isinstance(error, pd.errors.ParserError | pd.errors.ParserWarning)
            advice = "; put cells that hold a comma in quotes" if cells else ""
            raise ValueError(f"{place.url} is no CSV file with image_id and path ({error}){advice}") from error


def _texts(place: Place) -> list[str]:
    """Columns of a CSV file that are text somewhere: read so everywhere, lest one piece has 7 and another "07".

    Reads the whole file; a row with more cells than there are columns is refused, as one would be lost.
    """
    import pandas as pd

    kinds: dict[str, set[str]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        for piece in _pieces(place, []):
            for name, values in piece.drop(columns=["image_id", "path"]).items():
                if len(values := values.dropna()):
                    kind = pd.api.types.infer_dtype(values)
                    kinds.setdefault(str(name), set()).add("number" if kind in ("integer", "floating") else kind)
    return [name for name, found in kinds.items() if len(found) > 1]


def _beside(place: Place, path: str) -> str:
    """A relative path of a table, seen from the table's folder; nothing stays nothing."""
    if not isinstance(path, str) or not path or "://" in path or os.path.isabs(path):
        return path
    whole = f"{place.path.rpartition('/')[0]}/{path}"
    return whole if place.local else place.fs.unstrip_protocol(whole)


def _check_columns(columns: Any, name: str) -> None:
    if missing := {"image_id", "path"} - set(columns):
        raise ValueError(f"{name} has no column {' and '.join(sorted(missing))}; it has {', '.join(map(str, columns))}")
