"""Embedding of an archive: what is missing in shards, one after the other, by this process or by a cluster."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from utils import config, files
from utils.encoders.memory import Batches
from utils.scale import shard, source, stages
from utils.scale.archive import Archive, begun, open_archive
from utils.scale.shard import Row, Shard
from utils.scale.storage import Place, writing

if TYPE_CHECKING:
    import pandas as pd

    from utils.embed.sources import ImageEncoder

ENGINES = ("local", "ray")
NUMBER = re.compile(r"\d+")  # that names of shards begin with
AT_ONCE = 1024  # rows whose keys are compared
SHARD_ROWS = 8192  # photos; 16 MB of 512 numbers each, and at most the work that a killed run loses
Engine = Callable[[Iterator[list[Row]]], Iterator[Shard]]


class Done(NamedTuple):
    """What a run did: photos encoded now, known from earlier runs, and those looked at now that failed."""

    archive: Archive
    encoded: int
    known: int
    failed: int


def embed_archive(
    source_: Any,
    encoder: ImageEncoder,
    out: str | Path,
    engine: str = "local",
    *,
    shard_rows: int = SHARD_ROWS,
    batch: int | None = None,
    workers: int | None = None,
    retry: bool = False,
    moved: bool = False,
    progress: bool = False,
) -> Done:
    """Embeds the photos that `out` does not hold yet, shard by shard: a run that was killed goes on where it stopped.

    A photo is known by its id; one whose pixels changed needs another id, and so does one that is named like a photo of
    another folder. Photos that cannot be read are listed and tried again by the next run, those that are no image are
    not; `Archive.failures` shows them. One process writes an archive at a time: on this machine a lock sees to it. Some
    tens of bytes a photo are held in memory, and what is under way.

    Args:
        source_: manifest, CSV file or folder (see `source.photos`), the latter two by path or URL.
        encoder: its fingerprint is kept; another one is refused later. With "ray" it is sent to the workers, and moved to
            their GPUs where the cluster has some.
        out: folder of the archive, by path or URL of fsspec (`s3://...`).
        engine: "local", or "ray" for Ray Data on the cluster that `ray.init` or RAY_ADDRESS names, else on this machine.
        shard_rows: photos of a shard.
        batch: images encoded at once, by default the profile's; fewer where memory is short.
        workers: threads that decode ("local") or processes that encode ("ray"), by default as many as the profile says
            or as the cluster has GPUs, else cores.
        retry: also try again what was no image in earlier runs.
        moved: the photos lie elsewhere than in earlier runs; the archive keeps their old paths.
        progress: show a bar.

    Raises:
        FileNotFoundError, PermissionError, OSError: the source is not there, `out` cannot be written or is full.
        ValueError: no photos, ids that stand twice, a known id with another path (unless `moved`), an archive of another
            model, an unknown engine, sizes below 1.
        ImportError: "ray" where Ray is not installed; says how to install it.
    """
    if engine not in ENGINES or any(size is not None and size < 1 for size in (shard_rows, batch, workers)):
        raise ValueError(
            f"engine {engine!r}, sizes {shard_rows}, {batch}, {workers}: engines are {ENGINES}, sizes from 1"
        )
    rows, budget = source.photos(source_), config.load().budgets["embed"]
    about = {"model": str(getattr(encoder, "name", "")), "fingerprint": encoder.fingerprint, "dim": encoder.dim}
    run = _engine(engine, encoder, batch or budget["batch"], workers)
    keys, places = source.distinct(rows, str(source_) if isinstance(source_, str | Path) else "the manifest")
    with _alone(out):
        archive = begun(out, about)
        lost = archive.failures()
        skipped = lost[lost["lasts"].astype(bool) & (not retry)]
        known = np.concatenate([archive.keys(), shard.keys(skipped["image_id"])])
        if not moved and len(known):
            where = np.concatenate([archive.keys("where"), shard.keys(skipped["path"])])
            _check_places(rows, shard.places(keys, known), places, where, archive.url)
        missing = np.setdiff1d(keys, known)
        plans = _cut(_chosen(rows(), missing), shard_rows)
        encoded, failed = _commit(archive, lost, _bar(run(plans), len(missing), progress))
    return Done(open_archive(out), encoded, len(keys) - len(missing), failed)


def _check_places(rows: source.Rows, at: np.ndarray, places: np.ndarray, where: np.ndarray, url: str) -> None:
    """Refuses a known id with another path: cameras begin to count anew on each card, and none of two photos is lost.

    Args:
        rows: of the source.
        at: (n,) int64, where each row's id stands among the known ones, or -1.
        places: (n,) uint64, the keys of their paths.
        where: (k,) uint64, the keys of the paths that are known.
        url: of the archive.
    """
    other = np.flatnonzero((at >= 0) & (where[at] != places))
    if len(other):
        row = next(islice(rows(), int(other[0]), None))
        what = f"its image_id {row['image_id']!r} is that of a photo from another place in {url} ({len(other)} are)"
        advice = "give ids that differ, as by embedding the folder above both; if photos were moved, pass moved=True"
        raise ValueError(f"{row['path']}: {what}; {advice}")


def _engine(name: str, encoder: ImageEncoder, batch: int, workers: int | None) -> Engine:
    if name == "ray":
        from utils.scale import cluster

        return cluster.engine(encoder, batch, workers)
    batches, threads = Batches(batch), workers or config.load().budgets["embed"]["workers"]

    def run(plans: Iterator[list[Row]]) -> Iterator[Shard]:
        for plan in plans:
            parts = stages.decoded(_cut(iter(plan), batch), encoder.preprocess, threads)
            yield stages.joined([stages.encoded(encoder, *part, batches) for part in parts])

    return run


def _commit(archive: Archive, lost: pd.DataFrame, shards: Iterable[Shard]) -> tuple[int, int]:
    """Writes shards as they come, after those that are there; how many photos were encoded, how many failed."""
    encoded = failed = 0
    about = {key: str(value) for key, value in archive.about.items()}
    listed = {(row.image_id, row.lasts) for row in lost.itertuples()}
    number = 1 + max((int(found[0]) for head in archive.heads if (found := NUMBER.match(head.name))), default=-1)
    for made in shards:
        encoded, failed = encoded + len(made.rows), failed + len(made.failures)
        if made.rows or not listed.issuperset((row["image_id"], row["lasts"]) for row in made.failures):
            archive.place.commit(f"{number:08d}-{uuid.uuid4().hex[:16]}{shard.SUFFIX}", shard.packed(made, about))
            number += 1
    return encoded, failed


def _chosen(rows: Iterator[Row], wanted: np.ndarray) -> Iterator[Row]:
    """Rows whose key is in `wanted`, sorted; what came to the source since it was counted waits for the next run."""
    while part := list(islice(rows, AT_ONCE)):
        keys = shard.keys([row["image_id"] for row in part])
        at = np.minimum(np.searchsorted(wanted, keys), max(len(wanted) - 1, 0))
        for row, found in zip(part, wanted[at] == keys if len(wanted) else np.zeros(len(part), bool), strict=True):
            if found:
                yield row


def _cut(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while part := list(islice(rows, size)):
        yield part


@contextmanager
def _alone(out: str | Path) -> Iterator[None]:
    """A context that only one process of this machine is in for a local archive."""
    place = Place(out)
    if not place.local:
        yield
        return
    with ExitStack() as stack:
        with writing(place.url):
            place.local.mkdir(parents=True, exist_ok=True)
            stack.enter_context(files.locked(place.local / "archive", wait=1.0))
            for left in place.local.glob(f".*{shard.SUFFIX}.*.tmp"):  # of a run that was killed while writing
                left.unlink()
        yield


def _bar(shards: Iterator[Shard], total: int, progress: bool) -> Iterator[Shard]:
    if not progress:
        yield from shards
        return
    from tqdm.auto import tqdm

    with tqdm(total=int(total), desc="embedding", unit="image") as bar:
        for made in shards:
            yield made
            bar.update(len(made.rows) + len(made.failures))
