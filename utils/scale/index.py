"""Index: what `search.top_k` asks in place of an array; pieces over runs of shards, searched one by one and merged.

HNSW and IVF-PQ propose, and the exact cosines of what they propose come from the shards, so that scores are those of a
flat search; equal ones among them stand in order of their position. How much has to be proposed depends on the archive, so
it is measured there. Photos are added as further pieces, removed by a mark.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from utils import config, files, search
from utils.scale import kinds, pieces, shard
from utils.scale.archive import Archive, open_archive
from utils.scale.storage import on_this_machine

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

CARD, LEARNED, REMOVED = "index.json", "learned.faiss", "removed.npy"
PIECE = re.compile(r"piece-\d{8}\.faiss")
EXACT = 20_000  # allowed photos up to which their vectors are read instead
ASKED, NEAREST = 64, 10  # photos of its own that an index is calibrated by, and answers to each that count
OUTGROWN = 2  # times the photos that it was built from


class Index:
    """An index over the first shards of an archive.

    Attributes:
        kind: one of `scale.KINDS`.
        archive: whose shards it searches.
        dim: length of an embedding.
        effort: of a search, times the usual one; more finds more and takes longer.
        recall: share of the ten nearest that this effort found when the index was calibrated; NaN if it was not.
    """

    _removed: np.ndarray | None

    def __init__(self, folder: Path, archive: Archive, card: dict[str, Any]):
        self.folder, self.archive, self.dim = folder, archive, archive.about["dim"]
        self._take(card)

    def __len__(self) -> int:
        return int(self.archive.starts[len(self._card["shards"])])

    def top_k(self, queries: np.ndarray, k: int, mask: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The k best photos of each query; call it through `search.top_k`, which checks what it is given.

        Returns:
            scores (m, k') float32, falling: exact dot products; positions (m, k') int64.
        """
        mask = self._allowed(mask)
        count = len(self) if mask is None else int(mask.sum())
        k = min(k, count)
        if not k:
            return np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
        if self.kind == "flat" or count <= max(k, EXACT):
            return self._exact(queries, k, mask)
        found = self._proposals(queries, max(4 * k, kinds.CANDIDATES[self.kind]), mask)
        scores, index = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
        for row, positions in enumerate(found):
            best = self._ranked(queries[row], positions, k)
            if len(best[1]) < k:
                best = tuple(part[0] for part in self._exact(queries[row : row + 1], k, mask))
            scores[row], index[row] = best
        return scores, index

    def rows(self, positions: np.ndarray) -> pd.DataFrame:
        """Rows of the manifest at positions (k,), in their order: what was found for one query."""
        return self.archive.manifest(positions)

    def manifest(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Rows of all photos of the index, removed ones included, for `search.filter_mask`; or these columns of them."""
        return self.archive.manifest(columns=columns).iloc[: len(self)]

    def remove(self, ids: Sequence[str]) -> int:
        """Marks photos as removed: for this index, those opened later and those that are built in its place.

        Returns:
            How many are marked by now. The marks lie in `removed.npy`; without that file all photos are back.

        Raises:
            ValueError: an id is not in the archive; nothing is marked then.
        """
        if isinstance(ids, str):
            raise ValueError(f"remove({ids!r}): give a list of ids")
        ids = list(ids)
        self.archive.positions(ids)
        with files.locked(self.folder):
            marks = np.union1d(_marks(self.folder), shard.keys(ids))
            with files.atomic_write(self.folder / REMOVED) as path, open(path, "wb") as file:
                np.save(file, marks)
        self._removed = self._marked()
        return len(marks)

    def calibrate(self, recall: float = kinds.RECALL, queries: ArrayLike | None = None) -> float:
        """Doubles the effort until enough is found, and keeps it with the index; every vector is read for that.

        Args:
            recall: share of the ten exact nearest that is enough, above 0 and up to 1.
            queries: (m, d) float32 of unit length, such as the index will be asked; by default 64 photos of its own.
                Sentences lie apart from photos: for them give embeddings of some.

        Returns:
            The share found; where it is less than asked, there is a warning.

        Raises:
            ValueError: recall out of its range, queries that do not fit.
        """
        kinds.check_recall(recall)
        own, k = None, NEAREST
        if queries is None:
            rng = config.rng(config.load().seed, "scale", "calibrate")
            own, k = rng.choice(len(self), min(ASKED, len(self)), replace=False), NEAREST + 1  # each finds itself
            queries = self.archive.vectors(own)
        exact = Index(self.folder, self.archive, self._card | {"kind": "flat", "pieces": []})
        nearest, tried = search.top_k(queries, exact, k)[1], dict[float, float]()
        for effort in kinds.EFFORTS:
            self.effort = effort
            tried[effort] = _share(search.top_k(queries, self, k)[1], nearest, own)
            if tried[effort] >= recall:
                break
        self.effort = max(tried, key=lambda effort: tried[effort])
        self.recall = tried[self.effort]
        if self.recall < recall:
            reached = f"{self.recall:.3f} of the nearest photos with {self.effort:g} times the usual effort"
            advice = f"not {recall}; an index of kind 'flat' finds all"
            warnings.warn(f"{self.folder} finds {reached}, {advice}", stacklevel=2)
        with files.locked(self.folder):
            card = files.read_json(self.folder / CARD)
            files.write_json(self.folder / CARD, card | {"effort": self.effort, "recall": self.recall})
        return self.recall

    def update(self) -> int:
        """Adds the shards that came to the archive since, as pieces of their own; returns how many photos came.

        What was learned when the index was built stays, so photos from other places are found less well: `calibrate` after
        many of them. There is a warning where the index has outgrown what it was built from.

        Raises:
            ValueError: shards that the index was built from are gone or changed; as in `open_index`.
        """
        with files.locked(self.folder):
            before, archive = len(self), open_archive(self.archive.url)
            card = files.read_json(self.folder / CARD)  # another process may have updated it, or built it anew
            _check_built_from(self.folder, card, archive)
            first = len(card["shards"])
            card |= {"archive": archive.url, "shards": [[head.name, len(head)] for head in archive.heads]}
            if len(archive.heads) > first and card["kind"] != "flat":
                empty = pieces.opened(self.folder / LEARNED, mapped=False)
                card["pieces"] += [piece(self.folder, archive, empty, *run) for run in runs(archive, first)]
            files.write_json(self.folder / CARD, card)
            self.archive = archive
            self._take(card)
        built, best = card["built"], kinds.choose(len(self))
        if best not in (self.kind, kinds.choose(built)) or (self.kind != "flat" and len(self) > OUTGROWN * built):
            advice = f"build it anew by scale.build_index, which learns from all of them (by default as {best!r})"
            warnings.warn(
                f"{self.folder} was built from {built:,} photos and holds {len(self):,}: {advice}", stacklevel=2
            )
        return len(self) - before

    def _take(self, card: dict[str, Any]) -> None:
        self._card, self.kind = card, str(card["kind"])
        self.effort, self.recall = float(card["effort"]), float("nan" if card["recall"] is None else card["recall"])
        files_of = [self.folder / piece["file"] for piece in card["pieces"]]
        self._pieces = [pieces.opened(path, mapped=self.kind == "ivfpq") for path in files_of]
        self._removed = self._marked()

    def _marked(self) -> np.ndarray | None:
        """Which photos are removed, (n,) bool; None where none is."""
        marks = _marks(self.folder)
        return np.isin(self.archive.keys()[: len(self)], marks) if len(marks) else None

    def _allowed(self, mask: np.ndarray | None) -> np.ndarray | None:
        if self._removed is None:
            return mask
        return ~self._removed if mask is None else mask & ~self._removed

    def _exact(self, queries: np.ndarray, k: int, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Shard by shard, the best of each merged into the best of all; earlier ones come first among equals."""
        scores, index = search.top_k_of_blocks(queries, self._blocks(mask), k)
        return scores, index if mask is None else np.flatnonzero(mask)[index]

    def _blocks(self, mask: np.ndarray | None) -> Iterator[np.ndarray]:
        """Embeddings of each shard, of allowed photos alone."""
        for number in range(len(self._card["shards"])):
            own = None if mask is None else mask[slice(*self.archive.starts[number : number + 2])]
            if own is None or own.any():
                yield self.archive.emb(number) if own is None or own.all() else self.archive.emb(number)[own]

    def _proposals(self, queries: np.ndarray, count: int, mask: np.ndarray | None) -> list[np.ndarray]:
        """Positions that all pieces together find most promising, for each query."""
        scores, rows = [], []
        for told, own in zip(self._card["pieces"], self._pieces, strict=True):
            start, stop = self.archive.starts[told["first"]], self.archive.starts[told["last"]]
            part = None if mask is None else mask[start:stop]
            if start < stop and (part is None or part.any()):
                score, row = pieces.proposed(own, self.kind, queries, count, part, self.effort)
                scores.append(np.where(row < 0, -np.inf, score))
                rows.append(np.where(row < 0, -1, row + start))
        best = np.argsort(-np.hstack(scores), axis=1, kind="stable")[:, :count]
        found = np.take_along_axis(np.hstack(rows), best, axis=1)
        return [np.sort(row[row >= 0]) for row in found]

    def _ranked(self, query: np.ndarray, positions: np.ndarray, k: int) -> tuple[Any, Any]:
        exact = self.archive.vectors(positions) @ query
        best = np.argsort(-exact, kind="stable")[:k]
        return exact[best], positions[best]


def open_index(folder: str | Path, archive: str | Path | None = None) -> Index:
    """Opens what `build_index` has written.

    Args:
        folder: of the index.
        archive: where the archive lies now, if it was moved.

    Raises:
        FileNotFoundError: there is no index, or its archive is gone.
        ValueError: the archive is of another model, or has lost or changed shards that the index was built from; the folder
            is a URL.
    """
    folder = on_this_machine(folder)
    if not (folder / CARD).is_file():
        raise FileNotFoundError(f"{folder} holds no index ({CARD}); build it by scale.build_index")
    card = files.read_json(folder / CARD)
    try:
        own = open_archive(archive or card["archive"])
    except FileNotFoundError as error:
        advice = "give its place: open_index(folder, archive=...)"
        at = archive or card["archive"]
        raise FileNotFoundError(f"{folder}: the archive of this index is not at {at}; {advice}") from error
    _check_built_from(folder, card, own)
    return Index(folder, own, card)


def _check_built_from(folder: Path, card: dict[str, Any], own: Archive) -> None:
    if own.about["fingerprint"] != card["about"]["fingerprint"]:
        names = f"{card['about']['model']} ({card['about']['fingerprint'][:12]})"
        theirs = f"{own.about['model']} ({own.about['fingerprint'][:12]})"
        raise ValueError(f"{folder} was built from embeddings of {names}, but {own.url} holds those of {theirs}")
    if [[head.name, len(head)] for head in own.heads[: len(card["shards"])]] != card["shards"]:
        raise ValueError(f"{folder} was built from other shards than {own.url} holds now; build it again")


def runs(archive: Archive, first: int = 0) -> Iterator[tuple[int, int]]:
    """Runs of shards, from a first to before a last one, of about `kinds.PIECE_ROWS` photos."""
    while first < len(archive.heads):
        last = int(np.searchsorted(archive.starts, archive.starts[first] + kinds.PIECE_ROWS, side="right")) - 1
        yield first, max(first + 1, last)
        first = max(first + 1, last)


def piece(folder: Path, archive: Archive, empty: Any, first: int, last: int) -> dict[str, Any]:
    """Writes the piece over shards from `first` to before `last`, and returns what the index notes of it."""
    name = f"piece-{first:08d}.faiss"
    made = pieces.filled(empty, (archive.emb(number) for number in range(first, last) if len(archive.heads[number])))
    with files.atomic_write(folder / name) as path:
        pieces.write(made, path)
    return {"file": name, "first": first, "last": last}


def _share(found: np.ndarray, nearest: np.ndarray, own: np.ndarray | None) -> float:
    """How many of the nearest (m, k) were found (m, k), as a share; but for each query's own position."""
    hits = (nearest[:, :, None] == found[:, None, :]).any(axis=2)
    counted = np.ones(hits.shape, bool) if own is None else nearest != own[:, None]
    return float(hits[counted].mean()) if counted.any() else 1.0


def _marks(folder: Path) -> np.ndarray:
    """Keys of removed photos, (r,) uint64."""
    path = folder / REMOVED
    return np.load(path, allow_pickle=False) if path.is_file() else np.zeros(0, np.uint64)
