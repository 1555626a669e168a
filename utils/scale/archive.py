"""Archive: a folder of shards of one model, written by `embed_archive` and read by indexes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from utils import config
from utils.scale import shard
from utils.scale.shard import Head, Row
from utils.scale.storage import Place

if TYPE_CHECKING:
    import pandas as pd

CARD = "archive.json"
HANDS = 16  # requests at once while shards are opened
COLUMNS = ["image_id", "path"]  # that a manifest has, if it is empty


class Archive:
    """Embeddings of photos in shards; a position counts their rows, shard after shard in the order they were committed.

    Attributes:
        url: where it lies.
        about: model and fingerprint of the encoder, and `dim`, the length of an embedding.
        heads: what each shard says of itself.
        starts: (shards + 1,) int64, the position of the first row of each shard, and the number of all rows.
    """

    def __init__(self, place: Place, about: dict, heads: list[Head]):
        self.place, self.url, self.about, self.heads = place, place.url, about, heads
        self.starts = np.cumsum([0, *map(len, heads)])
        self._mapped: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return int(self.starts[-1])

    def emb(self, number: int) -> np.ndarray:
        """Embeddings of a shard, (n, d) float32: a memory map; of a remote archive that of a copy below `artifacts/`."""
        found = self._mapped.get(number)
        if found is None:
            head = self.heads[number]
            path = self.place.fetched(head.name, self._copies())
            kind, shape, start = head.tensors["emb"]
            while len(self._mapped) >= _most_open():
                self._mapped.pop(next(iter(self._mapped)), None)
            # "c" for copy on write: torch takes what may be written without copying it, and the file stays as it is
            found = np.memmap(path, kind, "c", start, shape) if len(head) else np.zeros(shape, kind)
            self._mapped[number] = found
        return found

    def vectors(self, positions: np.ndarray) -> np.ndarray:
        """Embeddings at positions (k,) int64: (k, d) float32."""
        positions = self._checked(positions)
        made, at = np.empty((len(positions), self.about["dim"]), np.float32), self._shards(positions)
        for number in np.unique(at):
            chosen = at == number
            made[chosen] = self.emb(number)[positions[chosen] - self.starts[number]]
        return made

    def keys(self, tensor: str = "key") -> np.ndarray:
        """Keys of all ids, (n,) uint64, in order of position; of their paths with tensor="where"."""
        found = [shard.values(head, tensor, self.place.read(head.name, *head.span(tensor))) for head in self.heads]
        return np.concatenate([np.zeros(0, np.uint64), *found])

    def manifest(self, positions: np.ndarray | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Rows of the manifest at positions (k,) int64, in their order; all of them by default.

        Args:
            positions: as a search returns them for one query.
            columns: only these, which needs less memory; facts that are no columns lie in "facts".

        Raises:
            ValueError: positions that are no whole numbers of rows in this archive, a column that no row has.
        """
        import pandas as pd

        if positions is None:
            parts = (self._rows(number, "rows") for number, head in enumerate(self.heads) if len(head))
            if columns is None:
                return _table(row for part in parts for row in part)
            tables, seen = [], set[str]()
            for part in parts:
                seen.update(*part)
                tables.append(_table(part, columns))
            self._check_columns(columns, seen)
            return pd.concat(tables, ignore_index=True) if tables else _table([], columns)
        positions = self._checked(positions)
        at, made = self._shards(positions), [dict[str, object]()] * len(positions)
        for number in np.unique(at):
            rows = self._rows(int(number), "rows")
            for i in np.flatnonzero(at == number):
                made[i] = rows[positions[i] - self.starts[number]]
        if made and not set(columns or ()) <= set().union(*made):
            self.manifest(columns=columns)  # says so where no other row has them either
        return _table(made, columns)

    def failures(self) -> pd.DataFrame:
        """Photos that could not be read or decoded, and were not later: image_id, path, reason, and whether it lasts.

        What lasts (no image) is not asked for again, unless with `retry`; what does not (not found) is, by the next run.
        """
        rows = [row for number in range(len(self.heads)) for row in self._rows(number, "failures")]
        latest = {row["image_id"]: row for row in rows}
        lost = ~np.isin(shard.keys(list(latest)), self.keys())
        return _table(
            [row for row, is_lost in zip(latest.values(), lost, strict=True) if is_lost], [*COLUMNS, "reason", "lasts"]
        )

    def positions(self, ids: Sequence[str]) -> np.ndarray:
        """Where photos stand, (k,) int64.

        Raises:
            ValueError: an id is not in the archive; names the first and counts the rest.
        """
        found = shard.places(shard.keys(ids), self.keys())
        missing = np.flatnonzero(found < 0)
        if len(missing):
            raise ValueError(f"{self.url} holds no photo {ids[missing[0]]!r} ({len(missing)} ids are not there)")
        return found

    def _rows(self, number: int, tensor: str) -> list[Row]:
        head = self.heads[number]
        return shard.listed(self.place.read(head.name, *head.span(tensor)))

    def _check_columns(self, columns: Sequence[str], seen: set[str]) -> None:
        if seen and (unknown := [name for name in columns if name not in seen]):
            advice = f"it has {', '.join(sorted(seen))}; what else is known of a photo lies in facts"
            raise ValueError(f"{self.url} has no column {', '.join(map(repr, unknown))}: {advice}")

    def _checked(self, positions: np.ndarray) -> np.ndarray:
        positions = np.asarray(positions)
        whole = positions.ndim == 1 and (np.issubdtype(positions.dtype, np.integer) or not len(positions))
        if not whole or (len(positions) and not 0 <= positions.min() <= positions.max() < len(self)):
            what = f"shape {positions.shape} and type {positions.dtype}"
            raise ValueError(f"positions of {what}; give whole numbers (k,) of the {len(self)} rows in {self.url}")
        return positions.astype(np.int64)

    def _shards(self, positions: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.starts, positions, side="right") - 1

    def _copies(self) -> Path:
        name = hashlib.sha256(f"{self.url} {self.about['fingerprint']}".encode()).hexdigest()[:16]
        return config.load().artifacts_dir / "scale" / name


def open_archive(url: str | Path) -> Archive:
    """Opens what `embed_archive` has written.

    Raises:
        FileNotFoundError: there is no archive.
        ValueError: a shard is damaged, is of another model, or holds a photo that another one holds; names them.
    """
    place = Place(url)
    if not place.has(CARD):
        raise FileNotFoundError(f"{url} holds no archive of embeddings ({CARD}); make it by scale.embed_archive")
    archive = Archive(place, _card(place), list(_heads(place)))
    for head in archive.heads:
        _check_model(f"{place.url}/{head.name}", head.about, place.url, archive.about)
    _check_once(archive)
    return archive


def begun(url: str | Path, about: dict) -> Archive:
    """The archive at a place, which is begun if there is none.

    Raises:
        ValueError: it is of another model; names both. Others as in `open_archive`.
    """
    place = Place(url)
    if not place.has(CARD):
        if place.names(shard.SUFFIX):
            raise ValueError(f"{url} holds files {shard.SUFFIX} that are no archive of embeddings; give another folder")
        place.commit(CARD, json.dumps(about, indent=1).encode())
    _check_model(place.url, _card(place), "this run", about)
    return open_archive(url)


def _heads(place: Place) -> Iterator[Head]:
    def opened(name: str) -> Head:
        return shard.head(f"{place.url}/{name}", place.size(name), lambda *span: place.read(name, *span))

    with ThreadPoolExecutor(HANDS) as pool:
        for name, head in zip(names := place.names(shard.SUFFIX), pool.map(opened, names), strict=True):
            yield Head(name, head.about, head.tensors)


def _card(place: Place) -> dict:
    try:
        about = json.loads(place.read(CARD))
        return {"model": str(about["model"]), "fingerprint": str(about["fingerprint"]), "dim": int(about["dim"])}
    except (ValueError, KeyError, TypeError) as error:
        advice = "put back a copy of it, or take the whole folder away and embed again"
        raise ValueError(f"{place.url}/{CARD} is damaged ({type(error).__name__}: {error}); {advice}") from error


def _check_once(archive: Archive) -> None:
    keys = archive.keys()
    ordered = np.sort(keys)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(twice):
        at = np.unique(archive._shards(np.flatnonzero(np.isin(keys, twice))))
        names = ", ".join(archive.heads[number].name for number in at[:4])
        advice = "two runs wrote at once, or a shard was copied; take the younger ones away"
        raise ValueError(f"{archive.url} holds {len(twice)} photos twice, in {names}: {advice}")


def _table(rows: Iterable[Row], columns: Sequence[str] | None = None) -> pd.DataFrame:
    import pandas as pd

    rows = list(rows)
    return pd.DataFrame(rows, columns=columns if columns is not None else (None if rows else COLUMNS))


def _most_open() -> int:
    """How many shards may be mapped at once: a quarter of the files that a process may open, as each map holds one."""
    try:
        import resource
    except ImportError:  # Windows
        return 256
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 2**12 if soft == resource.RLIM_INFINITY else max(16, min(2**12, soft // 4))


def _check_model(one: str, own: dict, other: str, theirs: dict) -> None:
    if own["fingerprint"] != theirs["fingerprint"]:
        texts = [
            f"{name} is of {about['model']} ({about['fingerprint'][:12]})"
            for name, about in ((one, own), (other, theirs))
        ]
        advice = "weights, preprocessing and precision must be the same; give another folder or the other model"
        raise ValueError(f"embeddings of two models cannot be mixed: {', '.join(texts)}; {advice}")
