"""What a newcomer has: the committed files in an empty folder, README's own code, the notebooks one by one."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import readme

ROOT = readme.ROOT
CODE = [code for code in readme.blocks("python") if not readme.belongs(code)]  # test_recipes.py has the others
DRY, APP = "make report PROFILE=full DRY=1", "make app FOLDER=my_photos"
TUNE = "python -m utils.finetune clip-vit-openai --out runs/first"
RUN = (DRY, APP, TUNE)
NOT_RUN = {
    "make report": "builds an environment for a quarter of an hour; test_make_report.py has its stages, and every notebook runs below",
    "make test": "it would run this file's siblings again",
    f"torchrun --nproc_per_node 4 -m utils.finetune {TUNE.split(maxsplit=3)[-1]}": "asks for four GPUs; test_finetune.py has two processes",
    'make report PROFILE=full DATA="--limit 500 --yes" WEIGHTS="--yes --open"': "needs the open network",
    "python3.11 -m venv .venv && .venv/bin/pip install -r requirements.lock": "needs the package registry",
    ".venv/bin/python -m utils.datasets && .venv/bin/python -m utils.report": "the same as make report",
    '.venv/bin/pytest -m "not slow and not real and not browser and not gpu and not network" && .venv/bin/pytest --nbmake notebooks/': "the same as make test",
}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The files that git tracks, or would track, in a folder of their own."""
    ask = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout, so nobody knows which files belong to it")
    folder = tmp_path_factory.mktemp("copy")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def home(copy, reef_data):
    """The copy with photographs of one's own in it, as README's code expects them."""
    from utils import datasets

    (copy / "my_photos").mkdir()
    paths = list(datasets.load("own_turtles")["path"][:12])
    for path in paths:
        shutil.copy2(path, copy / "my_photos")
    shutil.copy2(paths[0], copy / "dive.jpg")
    return copy


def settings(copy, **env):
    known = {k: v for k, v in os.environ.items() if not k.startswith("REEF_") and k != "PYTHONPATH"}
    known["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), known["PATH"]])
    known["PYTHONPATH"] = str(copy / "tests" / "offline")
    return known | {"REEF_DATA": os.environ["REEF_DATA"], "REEF_OUT": str(copy / "out"), "MPLBACKEND": "Agg"} | env


def run(copy, *command, **env):
    return subprocess.run(command, cwd=copy, env=settings(copy, **env), capture_output=True, text=True, timeout=600)


def everything(folder):
    """What is there, but for what Python compiles on its way."""
    return {path for path in folder.rglob("*") if "__pycache__" not in path.parts}


def of_make(line):
    """A line of make that takes the Python of these tests in place of an environment of its own."""
    return [*line.split(), f"BIN={Path(sys.executable).parent}", f"STAMP={sys.executable}"]


@pytest.mark.parametrize("code", CODE, ids=range(1, len(CODE) + 1))
def test_readme_code_runs_on_photographs_of_ones_own(home, code):
    done = run(home, sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr


def test_readme_code_writes_the_picture_that_it_names(home):
    assert (home / "why.png").stat().st_size > 10_000


def test_the_dry_run_of_the_full_profile_names_what_it_would_fetch(home):
    before = everything(home)
    done = run(home, *of_make(DRY), REEF_DATA=str(home / "elsewhere"), REEF_OUT="")
    assert done.returncode == 0, done.stderr
    assert "coco" in done.stdout and "clip-vit-openai" in done.stdout and "GB" in done.stdout
    assert everything(home) == before


def test_the_page_is_served_from_a_folder(home):
    """With the command of README, until it is interrupted."""
    with open(home / "app.log", "w+") as log:
        served = subprocess.Popen(of_make(APP), cwd=home, env=settings(home), stdout=log, stderr=log, start_new_session=True)  # fmt: skip
        try:
            ends = time.monotonic() + 300
            while not (said := re.search(r"Open (http://127\.0\.0\.1:\d+)", (home / "app.log").read_text())):
                assert served.poll() is None and time.monotonic() < ends, (home / "app.log").read_text()
                time.sleep(0.5)
            from urllib.request import urlopen

            assert urlopen(said[1], timeout=30).status == 200
        finally:
            os.killpg(served.pid, signal.SIGINT)
            try:
                served.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(served.pid, signal.SIGKILL)


def test_a_training_writes_a_model_that_opens(home):
    """README's command for one epoch of one archive, and the line that opens what it wrote."""
    less = ["--epochs", "1", "--data", "own_turtles", "--batch", "64"]
    done = run(home, *TUNE.split(), *less)
    assert done.returncode == 0, done.stderr[-3000:]
    code = 'from utils import encoders; print(encoders.load("runs/first/merged").dim)'
    assert code.split("; print(")[1].split(").dim")[0] + ")" in readme.TEXT
    assert run(home, sys.executable, "-c", code).stdout.strip().isdigit()


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb")))
def test_a_notebook_opened_alone_in_a_clean_copy_runs(copy, name):
    done = run(copy, sys.executable, "-m", "pytest", "-q", "--nbmake", f"notebooks/{name}.ipynb")
    assert done.returncode == 0, done.stdout[-3000:]


def test_make_lint_finds_no_wrong_type(copy):
    """Within a minute; ruff needs no test of its own."""
    began = time.monotonic()
    done = run(copy, sys.executable, "-m", "mypy")
    assert done.returncode == 0, done.stdout
    assert time.monotonic() - began < 60
