"""Cluster: the same stages by Ray Data; actors encode, this process commits.

An actor has a GPU, and readers on the cores around decode for it; or it has a core, and decodes for itself, as there is
nothing to win by carrying pictures from core to core. Ray runs a part again whose worker died, and parts are put together
by their number, so each photo is written once. Only what is under way passes through this process: a wave of rows on the
way out, embeddings on the way back.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from utils import config
from utils.encoders import Encoder
from utils.encoders.memory import Batches
from utils.scale import shard, stages
from utils.scale.shard import Row, Shard

if TYPE_CHECKING:
    from utils.embed.sources import ImageEncoder

PART = 64  # photos that travel together: 38 MB of pixels at 224 x 224
WAVE = 2**20  # photos that are told to the cluster at once
STORE = 300 * 10**6  # bytes of Ray's object store where we start it, which /dev/shm or /tmp must hold


def engine(encoder: ImageEncoder, batch: int, workers: int | None) -> Callable[[Iterator[list[Row]]], Iterator[Shard]]:
    """What turns lists of rows into shards on the cluster, in the order in which they are finished.

    Raises:
        ImportError: Ray is not installed.
    """
    ray = started()
    has = ray.cluster_resources()
    gpus = int(has.get("GPU", 0)) if isinstance(encoder, Encoder) else 0
    most = gpus or int(has.get("CPU", 1))
    sent, count = ray.put(encoder), min(workers or most, most)
    preprocess = encoder.preprocessing if isinstance(encoder, Encoder) else encoder.preprocess

    def run(plans: Iterator[list[Row]]) -> Iterator[Shard]:
        for first in plans:
            wave = [first, *islice(plans, max(1, WAVE // len(first)) - 1)]
            yield from _wave(wave, sent, preprocess, batch, count, gpus > 0)

    return run


def started() -> Any:
    """Ray, connected to the cluster of RAY_ADDRESS or `ray.init`, or running on this machine."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ImportError('engine="ray" needs Ray: pip install -r requirements-scale.txt') from error
    if not ray.is_initialized():
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        known = (str(config.root()), os.environ.get("PYTHONPATH"))  # workers import us, too
        path = os.pathsep.join(filter(None, known))
        if os.environ.get("RAY_ADDRESS"):
            ray.init(runtime_env={"env_vars": {"PYTHONPATH": path}})
        else:
            os.environ["PYTHONPATH"] = path
            ray.init(address="local", include_dashboard=False, object_store_memory=STORE)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    return ray


def _wave(
    plans: list[list[Row]], encoder: Any, preprocess: Callable, batch: int, count: int, on_gpu: bool
) -> Iterator[Shard]:
    """Shards of these lists, each as soon as its parts are back."""
    import ray

    parts = [
        {
            "shard": number,
            "part": first // PART,
            "rows": json.dumps([shard.line(row) for row in plan[first : first + PART]]),
        }
        for number, plan in enumerate(plans)
        for first in range(0, len(plan), PART)
    ]
    flow = ray.data.from_items(parts, override_num_blocks=len(parts))
    if on_gpu:
        flow = flow.map(_read, fn_kwargs={"preprocess": preprocess}, num_cpus=1)
    flow = flow.map(
        Worker,
        fn_constructor_args=(encoder, preprocess, batch),
        compute=ray.data.ActorPoolStrategy(size=count),
        num_cpus=0 if on_gpu else 1,
        num_gpus=1 if on_gpu else 0,
    )
    waiting: dict[int, dict[int, Shard]] = {}
    for row in flow.iter_rows():
        own = waiting.setdefault(row["shard"], {})
        own[row["part"]] = _unpacked(row)
        if len(own) == -(-len(plans[row["shard"]]) // PART):
            yield stages.joined([part for _, part in sorted(waiting.pop(row["shard"]).items())])


def _read(row: dict[str, Any], preprocess: Callable) -> dict[str, Any]:
    """Reads and decodes a part; pixels travel as bytes, which every version of Ray and Arrow carries."""
    rows = [json.loads(line) for line in json.loads(row["rows"])]
    pixels = [stages.decode(one["path"], preprocess) for one in rows]
    good = [value.numpy() for value in pixels if not isinstance(value, stages.Lost)]
    lost = [value if isinstance(value, stages.Lost) else None for value in pixels]
    stacked = np.stack(good) if good else np.zeros((0, 0), np.float32)
    told = {"shape": stacked.shape, "dtype": str(stacked.dtype), "lost": lost}
    return row | {"pixels": stacked.tobytes(), "told": json.dumps(told)}


class Worker:
    """Encodes parts, one after the other, with a model that is loaded once; reads those that nobody has read."""

    def __init__(self, encoder: Any, preprocess: Callable, batch: int):
        import ray

        self.encoder, self.preprocess = ray.get(encoder), preprocess
        if ray.get_gpu_ids():
            self.encoder.place("cuda", self.encoder.precision)
        self.batches = Batches(batch)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Takes a part as `_wave` makes it, or as `_read` gives it."""
        import torch

        row = row if "pixels" in row else _read(row, self.preprocess)
        rows, told = [json.loads(line) for line in json.loads(row["rows"])], json.loads(row["told"])
        stacked = np.frombuffer(row["pixels"], told["dtype"]).reshape(told["shape"])
        good = iter(torch.from_numpy(stacked.copy()))
        pixels = [next(good) if lost is None else stages.Lost(*lost) for lost in told["lost"]]
        made = stages.encoded(self.encoder, rows, pixels, self.batches)
        back = {"rows": made.rows, "failures": made.failures, "dim": self.encoder.dim}
        return {"shard": row["shard"], "part": row["part"], "emb": made.emb.tobytes(), "back": json.dumps(back)}


def _unpacked(row: dict[str, Any]) -> Shard:
    back = json.loads(row["back"])
    return Shard(back["rows"], np.frombuffer(row["emb"], np.float32).reshape(-1, back["dim"]), back["failures"])
