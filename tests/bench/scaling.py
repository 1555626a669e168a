"""Cost against size: `python -m tests.bench.scaling` writes reports/results/scale.json, which notebook 09 shows.

Recall@10 against latency of each kind of index, build time and bytes, on clustered vectors of 512 numbers; and how many
photos a second both engines encode.
"""

import argparse
import statistics
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from tests.bench import embedding, medians, topk
from utils import encoders, report, scale, search
from utils.scale import archive, index, shard
from utils.scale.storage import Place

DIM, K, QUERIES, PER_CLUSTER, SPREAD = 512, 10, 100, 50, 1.0
SIZES = (10_000, 100_000, 1_000_000)
EFFORTS = {"hnsw": (1, 2, 4, 8), "ivfpq": (0.25, 1, 2, 4, 8)}  # times the usual one, beside the calibrated one
CHOSEN = "as chosen"
SHARD = 8192
ENCODING = "encoding by engine"
PLAIN_MOST = 1_000_000  # vectors that are also held in memory, for the plain ways


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scaling", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="vectors; 10,000,000 need 25 GB of disk")
    parser.add_argument("--hnsw-most", type=int, default=SIZES[-1], help="vectors up to which HNSW is built")
    parser.add_argument("--photos", type=int, default=512, help="that both engines encode; 0 leaves them out")
    parser.add_argument("--note", help="of what else the machine does, kept with each record")
    parser.add_argument("--dry", action="store_true", help="nothing written: does it run?")
    asked = parser.parse_args()
    if 0 < asked.photos < 64:
        parser.error(f"--photos {asked.photos}: 64 at least, as time counts from the first shard of 32 to the last")
    params = {"threads": torch.get_num_threads()} | ({"note": asked.note} if asked.note else {})
    results = report.Results("scale", dataset="generated", params=params)
    index.EXACT = 0  # so that small archives show what their kind does
    keep(results, asked.sizes, bool(asked.photos))
    for n in asked.sizes:
        searching(results, n, [kind for kind in scale.KINDS if kind != "hnsw" or n <= asked.hnsw_most])
        _save(results, asked.dry)
    if asked.photos:
        encoding(results, asked.photos)
        _save(results, asked.dry)


def keep(results: report.Results, sizes: list[int], photos: bool) -> None:
    """Takes over the earlier records of what is not measured now."""
    try:
        earlier = report.read("scale")
    except report.NotMeasured:
        return
    for record in earlier:
        if record["gallery_n"] not in sizes and not (photos and record["task"] == ENCODING):
            results.add(**{name: record[name] for name in report.FIELDS})


def searching(results: report.Results, n: int, tried: list[str]) -> None:
    """Records of every kind over n vectors, each setting of its effort by itself."""
    with tempfile.TemporaryDirectory() as folder:
        queries, stored = generated(Path(folder) / "emb", n)
        size = sum(path.stat().st_size for path in (Path(folder) / "emb").iterdir())
        common = {"task": "search by size", "gallery_n": n, "n": QUERIES}
        results.add("bytes a photo", size / n, unit="bytes", method="shards", **common)
        truth = None
        for kind in tried:
            start = time.perf_counter()
            own = scale.build_index(stored, Path(folder) / kind, kind)
            built = time.perf_counter() - start
            size = sum(path.stat().st_size for path in (Path(folder) / kind).glob("piece-*"))
            truth = search.top_k(queries, own, K)[1] if kind == "flat" else truth
            common["method"] = kind
            results.add("time to build", built, unit="s", **common)
            results.add("bytes a photo", size / n, unit="bytes", **common)
            print(f"{n:>10,} {kind:6} built in {built:8.1f} s   {size / n:7.1f} bytes a photo", flush=True)
            chosen = own.effort
            for effort in sorted({chosen, *EFFORTS.get(kind, ())}):
                group = CHOSEN if effort == chosen else f"effort {effort:g}"
                curve(results, own, queries, truth, effort, common | {"group": group})
            own.effort = chosen
            if kind == "flat" and n <= PLAIN_MOST:
                against_plain(results, own, queries, dict(common))


def against_plain(results, flat, queries, common) -> None:
    """All queries at once: shards one by one and merged, against the plain ways over one matrix in memory."""
    import faiss

    gallery = flat.archive.vectors(np.arange(len(flat)))
    ways = {
        "flat": lambda: search.top_k(queries, flat, K),
        "torch matmul + topk": lambda: topk.torch_top_k(queries, gallery),
        "faiss flat": lambda: faiss.knn(queries, gallery, K, metric=faiss.METRIC_INNER_PRODUCT),
    }
    seconds = medians(ways, max(3, min(51, 500_000 // len(gallery))))  # quick ways are timed more often
    ratio = min(time for name, time in seconds.items() if name != "flat") / seconds["flat"]
    results.add("ratio to the fastest plain way", ratio, unit="ratio", **common)
    print(f"{'':18}flat is {ratio:.2f} x the fastest plain way", flush=True)


def curve(results, own, queries, truth, effort, common) -> None:
    """One point of a curve: recall of the exact first ten, and milliseconds of a single query."""
    own.effort, found, times = effort, [], []
    for query in queries:
        start = time.perf_counter()
        found.append(search.top_k(query[None], own, K)[1][0])
        times.append(time.perf_counter() - start)
    start = time.perf_counter()
    search.top_k(queries, own, K)
    together = (time.perf_counter() - start) / len(queries)
    recall = float(np.mean([len(set(a) & set(b)) / K for a, b in zip(found, truth, strict=True)]))
    results.add("recall@10", recall, **common)
    results.add("time of a query", 1e3 * statistics.median(times), unit="ms", **common)
    results.add("time of a query among many", 1e3 * together, unit="ms", **common)
    print(f"{'':18}{common['group']:12} recall@10 {recall:.3f}   {1e3 * statistics.median(times):8.2f} ms", flush=True)


def generated(folder: Path, n: int) -> tuple[np.ndarray, scale.Archive]:
    """An archive of n clustered unit vectors, and queries from the same clusters; written shard by shard."""
    centres = _unit(np.random.default_rng(0), max(16, n // PER_CLUSTER))
    about = {"model": "generated", "fingerprint": f"{n:064d}", "dim": DIM}
    archive.begun(folder, about)
    for number, first in enumerate(range(0, n, SHARD)):
        emb = _near(centres, np.random.default_rng([1, number]), min(SHARD, n - first))
        rows = [{"image_id": str(first + i), "path": f"{first + i}.jpg"} for i in range(len(emb))]
        told = {key: str(value) for key, value in about.items()}
        Place(folder).commit(f"{number:08d}-x{shard.SUFFIX}", shard.packed(shard.Shard(rows, emb, []), told))
    return _near(centres, np.random.default_rng(2), QUERIES), scale.open_archive(folder)


def _unit(rng: np.random.Generator, n: int) -> np.ndarray:
    rows = rng.standard_normal((n, DIM), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _near(centres: np.ndarray, rng: np.random.Generator, n: int) -> np.ndarray:
    rows = centres[rng.integers(0, len(centres), n)] + SPREAD * _unit(rng, n)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def encoding(results: report.Results, n: int) -> None:
    """Photos a second by engine, counted from the first shard to the last, so that starting a cluster does not count."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "photos").mkdir()
        embedding.write_photos(Path(folder) / "photos", n)
        _, weights = embedding.clip_loop()
        torch.save(weights, Path(folder) / "vit-b-32.pt")
        encoder = encoders.load(Path(folder) / "vit-b-32.pt", device="cpu", precision="fp32")
        rates = {}
        for engine in ("local", "ray"):
            if engine == "ray" and find_spec("ray") is None:
                print("ray is left out: it is not installed")
                continue
            out = Path(folder) / engine
            scale.embed_archive(Path(folder) / "photos", encoder, out, engine=engine, shard_rows=32, batch=32)
            ends = sorted(path.stat().st_mtime for path in out.glob(f"*{shard.SUFFIX}"))
            rates[engine] = (n - 32) / (ends[-1] - ends[0])
            common = {"task": ENCODING, "method": engine, "n": n, "model": "ViT-B/32, random weights"}
            results.add("throughput", rates[engine], unit="images/s", **common)
            print(f"{engine:6} {rates[engine]:7.1f} images/s")
        if len(rates) == 2:
            results.add("ratio to local", rates["ray"] / rates["local"], unit="ratio", **common)


def _save(results: report.Results, dry: bool) -> None:
    """Writes the records from the smallest archive to the largest, whenever each was measured."""
    if not dry:
        ordered = report.Results("scale", dataset="generated")
        for record in sorted(results.records, key=lambda record: record["gallery_n"] or float("inf")):
            ordered.add(**{name: record[name] for name in report.FIELDS})
        print(f"written to {ordered.write()}", flush=True)


if __name__ == "__main__":
    main()
