"""The same by Ray Data on this machine: equal embeddings, workers and drivers that die, memory that stays flat."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from utils import config, scale
from utils.encoders.memory import Batches
from utils.encoders.preprocess import Preprocess
from utils.scale import cluster, shard

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install -r requirements-scale.txt"),
    pytest.mark.filterwarnings("ignore"),
]
os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",  # a token would be kept in the home folder; all is on loopback
    "RAY_raylet_start_wait_time_s": "120",
}
START = {
    "num_cpus": 2,
    "object_store_memory": 150 * 10**6,
    "include_dashboard": False,
    "_node_ip_address": "127.0.0.2",  # Ray takes 127.0.0.1 for the address of the machine, which tests do not reach
    "log_to_driver": False,
}


class Mean:
    """Embeds a photo by its mean colours; dies once where a file says so, and writes down what it encodes."""

    def __init__(self, notes=None, dies=False, most=10**9):
        self.fingerprint, self.name, self.dim, self.preprocessing = "a" * 64, "mean", 16, Preprocess(32, 32)
        self.notes, self.dies, self.most, self.encoded = notes, dies, most, 0

    def preprocess(self, image):
        return self.preprocessing(image)

    def encode_pixels(self, pixels):
        self.encoded += len(pixels)
        if self.dies and self.encoded > 40 and _first(self.notes / "died"):
            os.kill(os.getpid(), signal.SIGKILL)
        if self.notes:
            with open(self.notes / f"encoded-{os.getpid()}", "a") as file:
                file.write(f"{len(pixels)}\n")
        rows = torch.nn.functional.adaptive_avg_pool2d(pixels, (2, 2)).flatten(1)
        return torch.nn.functional.normalize(torch.cat([rows, torch.ones(len(rows), 4)], dim=1)).numpy()


def _first(path):
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def photos(folder, n):
    folder.mkdir(parents=True)
    for i in range(n):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(
            folder / f"{i:05d}.bmp"
        )
    return folder


@pytest.fixture(scope="module")
def ray():
    import ray

    home = tempfile.mkdtemp(prefix="ray")  # short, as the names of sockets must be
    ray.init(**START, _temp_dir=home)
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield ray
    ray.shutdown()
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(cluster, "PART", 8)


def by_id(archive):
    return dict(zip(archive.manifest()["image_id"], archive.vectors(np.arange(len(archive))), strict=True))


def same(one, other):
    assert set(one) == set(other)
    assert max(np.abs(one[name] - other[name]).max() for name in one) <= 1e-5


def test_embeddings_are_those_of_one_process_and_corrupt_photos_are_listed(ray, tmp_path):
    folder = photos(tmp_path / "photos", 90)
    (folder / "bad.png").write_bytes(b"no picture")
    local = scale.embed_archive(folder, Mean(), tmp_path / "local", shard_rows=20)
    done = scale.embed_archive(folder, Mean(), tmp_path / "ray", engine="ray", shard_rows=20)
    assert (done.encoded, done.failed) == (local.encoded, local.failed) == (90, 1)
    same(by_id(done.archive), by_id(local.archive))
    assert done.archive.failures().equals(local.archive.failures())


def test_waves_make_the_same_archive(ray, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "WAVE", 30)
    folder = photos(tmp_path / "photos", 50)
    done = scale.embed_archive(folder, Mean(), tmp_path / "ray", engine="ray", shard_rows=10, workers=1)
    same(by_id(done.archive), by_id(scale.embed_archive(folder, Mean(), tmp_path / "local").archive))


def test_a_worker_that_is_killed_leaves_every_photo_exactly_once(ray, tmp_path):
    folder = photos(tmp_path / "photos", 200)
    done = scale.embed_archive(folder, Mean(tmp_path, dies=True), tmp_path / "ray", engine="ray", shard_rows=50)
    assert (tmp_path / "died").exists()
    assert (done.encoded, len(done.archive)) == (200, 200)
    same(by_id(done.archive), by_id(scale.embed_archive(folder, Mean(), tmp_path / "local").archive))


def test_a_real_encoder_gives_the_same(ray, tmp_path):
    from utils import datasets, encoders

    frame = datasets.load("own_turtles").iloc[:48]
    encoder = encoders.load("clip-vit-openai", device="cpu", precision="fp32")
    local = scale.embed_archive(frame, encoder, tmp_path / "local", shard_rows=16)
    done = scale.embed_archive(frame, encoder, tmp_path / "ray", engine="ray", shard_rows=16)
    same(by_id(done.archive), by_id(local.archive))


def memory():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def most_memory(run):
    """The most bytes above those at the start that this process held while `run` ran."""
    most, end, start = [memory()], threading.Event(), memory()
    watch = threading.Thread(target=lambda: [most.append(memory()) for _ in iter(lambda: end.wait(0.02), True)])
    watch.start()
    run()
    end.set()
    watch.join()
    return max(most) - start


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc, which is not here")
def test_the_drivers_memory_stays_flat_while_the_archive_grows_tenfold(ray, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "WAVE", 800)
    monkeypatch.setattr(cluster, "PART", 25)

    def run(n):
        folder = photos(tmp_path / f"photos-{n}", n)
        return most_memory(
            lambda: scale.embed_archive(folder, Mean(), tmp_path / f"ray-{n}", engine="ray", shard_rows=100, workers=2)
        )

    run(100)  # what Ray itself needs, once
    small, large = run(150), run(1500)
    assert large <= small + 16 * 2**20, (small, large)  # the pixels alone would be 18 MB, in each of three shapes


@pytest.fixture
def home():
    folder = tempfile.mkdtemp(prefix="ray")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_a_driver_that_is_killed_leaves_whole_shards_and_the_rerun_encodes_the_rest(tmp_path, home):
    folder, notes = photos(tmp_path / "photos", 120), tmp_path / "notes"
    notes.mkdir()
    code = (  # as a notebook elsewhere does it: only this process has been told where the repository lies
        f"import os, signal, sys; sys.path[:0] = {[os.path.dirname(__file__), str(config.root())]!r}\n"
        "import ray, test_scale_ray as t\n"
        "from utils.scale import cluster, storage; cluster.PART = 8\n"
        f"init = ray.init; ray.init = lambda **how: init(**(how | t.START | {{'_temp_dir': {home!r}}}))\n"
        "ray.cloudpickle.register_pickle_by_value(t)\n"
        "own = storage.Place.commit\n"
        "def commit(self, name, data):\n"
        "    own(self, name, data)\n"
        "    if name.startswith('00000001-'): os.kill(os.getpid(), signal.SIGKILL)\n"
        "storage.Place.commit = commit\n"
        f"t.scale.embed_archive({str(folder)!r}, t.Mean(), {str(tmp_path / 'out')!r}, engine='ray', shard_rows=30)"
    )
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    asked = {"check": False, "capture_output": True, "text": True, "cwd": notes, "env": env}
    killed = subprocess.run([sys.executable, "-c", code], **asked)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    encoder = Mean(notes)
    done = scale.embed_archive(folder, encoder, tmp_path / "out", shard_rows=30)
    assert (encoder.encoded, done.known, len(done.archive)) == (60, 60, 120)


def test_a_part_is_the_same_whether_a_reader_or_the_actor_itself_has_read_it(tmp_path):
    folder = photos(tmp_path / "photos", 9)
    (folder / "bad.png").write_bytes(b"no picture")
    rows = [{"image_id": path.name, "path": str(path)} for path in sorted(folder.iterdir())]
    part = {"shard": 0, "part": 0, "rows": json.dumps([shard.line(row) for row in rows])}
    actor = cluster.Worker.__new__(cluster.Worker)
    actor.encoder, actor.batches = Mean(), Batches(4)
    actor.preprocess = actor.encoder.preprocess
    alone = actor(part)
    assert actor(cluster._read(part, actor.preprocess)) == alone
    assert [row["image_id"] for row in cluster._unpacked(alone).failures] == ["bad.png"]


def test_without_ray_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install -r requirements-scale\.txt"):
        scale.embed_archive(photos(tmp_path / "photos", 1), Mean(), tmp_path / "out", engine="ray")
    assert not (tmp_path / "out").exists()
