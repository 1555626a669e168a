"""What holds for the whole repository: layers, quick imports, no network, and nothing left lying about."""

import ast
import http.server
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from utils import config

ROOT = config.root()
LAYERS = [
    {"colab", "config", "files", "metrics", "losses", "search"},
    {"reef", "plots", "pretrained"},
    {"datasets", "encoders", "classical", "copies"},
    {"embed", "pooling", "cam"},
    {"captions", "detect", "speech"},
    {"finetune", "classify", "ground", "evaluate", "instances", "bylabel", "reidentify"},
    {"report", "scale", "ledger"},
    {"app"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
HEAVY = {
    *("torch", "torchvision", "transformers", "clip", "open_clip", "ultralytics", "spacy", "sklearn"),
    *("skimage", "matplotlib", "faiss", "peft", "pytorch_grad_cam", "IPython", "ipywidgets", "gradio"),
    *("ray", "fsspec"),
}
TORCH_MODULES = {"utils.finetune.lowrank"}  # hold classes of torch; who needs them imports them within a function
MOST_LINES = 300
MODULES = sorted((ROOT / "utils").rglob("*.py"))
UNFINISHED = re.compile(rf"\b({'|'.join(['TO' + 'DO', 'FIX' + 'ME', 'X' * 3, 'HA' + 'CK', 'W' + 'IP'])})\b")
MACHINE_PATH = re.compile(r"(?<![\w.~/\-}*])/(home|Users|root|work|mnt|tmp|var|opt)/\w")


def dotted(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imported(source, package):
    """Dotted names that a module's source imports anywhere, relative ones resolved against its package."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base = (*base, *node.module.split(".")) if node.module else base
            yield from ((*base, alias.name) for alias in node.names)


def forbidden(name, source, package):
    """Parts of utils that the module `name` must not import."""
    for target in imported(source, package):
        if target[0] != "utils" or len(target) < 2 or target[1] in (name, "*"):
            continue
        other = target[1]
        if other not in LEVEL or not (LEVEL[other] < LEVEL[name] or (name, other) == ("files", "config")):
            yield other


def test_every_module_has_a_layer():
    assert {dotted(path)[1] for path in MODULES if len(dotted(path)) > 1} <= set(LEVEL)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: ".".join(dotted(path)))
def test_a_module_imports_only_from_lower_layers(path):
    name = dotted(path)[1:2]
    package = dotted(path) if path.name == "__init__.py" else dotted(path)[:-1]
    source = path.read_text(encoding="utf-8")
    if not name:
        assert not [target for target in imported(source, package) if target[0] == "utils"]
    else:
        assert list(forbidden(name[0], source, package)) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("search", "from utils import embed"),
        ("search", "import utils.embed"),
        ("search", "from utils.embed import images"),
        ("search", "from . import embed"),
        ("search", "from .embed import images"),
        ("search", "def late():\n    from utils import embed"),
        ("search", "from utils import metrics"),
        ("config", "from utils import files"),
        ("embed", "from utils import unknown"),
    ],
)
def test_an_import_from_above_is_seen(name, source):
    assert list(forbidden(name, source, ("utils",)))


def test_an_import_from_above_is_seen_inside_a_package():
    assert list(forbidden("datasets", "from .. import embed", ("utils", "datasets"))) == ["embed"]
    assert list(forbidden("datasets", "from . import readers\nfrom .. import config", ("utils", "datasets"))) == []
    assert list(forbidden("files", "from . import config", ("utils",))) == []


def loaded_by(*names):
    """Modules that a fresh Python holds after importing these, beyond those of an empty start."""
    code = f"import sys; start = set(sys.modules); import {', '.join(names)}; print(*set(sys.modules) - start)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_importing_utils_loads_nothing_else():
    assert loaded_by("utils") == {"utils"}


def test_importing_every_module_loads_no_heavy_library():
    names = {".".join(dotted(path)) for path in MODULES if path.name != "__main__.py"} - TORCH_MODULES
    assert loaded_by(*names) & HEAVY == set()


@pytest.mark.parametrize("name", ["config", "files", "metrics", "search"])
def test_a_lowest_module_needs_numpy_at_most(name):
    assert loaded_by(f"utils.{name}") & (HEAVY | {"pandas", "PIL", "cv2", "scipy"}) == set()


def sources():
    """Files that a person wrote: no data, no results, no licence."""
    folders = ("utils", "tests", "models", "notebooks", ".ci", ".github")
    found = [path for path in ROOT.glob("*") if path.name not in ("LICENSE", "requirements.lock")]
    found += [path for folder in folders for path in (ROOT / folder).rglob("*")]
    kinds = {".py", ".toml", ".md", ".ipynb", ".txt", ".yml", ".yaml", ".cff", ".css", ".j2", ".json", ""}
    skipped = {"__pycache__", ".ipynb_checkpoints"}
    weights = {path for card in ROOT.glob("models/*/card.json") for path in card.parent.rglob("*")}
    written = (p for p in found if p.is_file() and p.suffix in kinds and not skipped & set(p.parts))
    return sorted(p for p in written if p not in weights or p.name in ("card.json", "README.md"))


def lines_with(pattern, paths):
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if pattern.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"


def without_examples():
    """Sources but for the test whose examples of bad notebooks hold what must not be there."""
    return [path for path in sources() if path.name != "test_notebooks.py"]


def test_no_source_names_a_path_of_one_machine():
    assert list(lines_with(MACHINE_PATH, without_examples())) == []


@pytest.mark.parametrize("path", ["home/me/data", "Users/me/reef", "tmp/x.png", "root/models"])
def test_a_path_of_one_machine_is_seen(path):
    assert MACHINE_PATH.search(f'open("/{path}")')
    assert not MACHINE_PATH.search(f"https://example.org/{path}")
    assert not MACHINE_PATH.search(f"../{path}")


def test_what_is_committed_stays_small():
    folders = ("models", "figures", "reports")
    size = {name: sum(path.stat().st_size for path in (ROOT / name).rglob("*") if path.is_file()) for name in folders}
    assert size["models"] <= 54 * 2**20, size
    assert size["figures"] + size["reports"] <= 12 * 2**20, size


def test_a_module_keeps_to_its_noun():
    """What has outgrown it becomes a package of the same name."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_nothing_is_left_unfinished():
    assert list(lines_with(UNFINISHED, sources())) == []


def test_nothing_loads_code_through_torch_hub():
    pattern = re.compile("torch" + r"\.hub|hub\." + "load")
    assert list(lines_with(pattern, without_examples())) == []


# no network


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.org"])
def test_only_loopback_can_be_reached(host):
    with pytest.raises(OSError, match=f"only loopback, not '{host}'"):
        socket.create_connection((host, 80), timeout=2)
    with pytest.raises(OSError, match="only loopback"):
        urllib.request.urlopen(f"http://{f'[{host}]' if ':' in host else host}/", timeout=2)


def test_datagrams_and_names_are_stopped_too():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plug:
        with pytest.raises(OSError, match="only loopback"):
            plug.sendto(b"x", ("192.0.2.1", 53))
        with pytest.raises(OSError, match="only loopback"):
            plug.connect(("192.0.2.1", 53))
    with pytest.raises(OSError, match="only loopback"):
        socket.gethostbyname("example.org")


def test_a_server_on_loopback_can_be_reached():
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(urllib.error.HTTPError, match="501"):
            urllib.request.urlopen(f"http://localhost:{server.server_port}/", timeout=5)


def test_other_python_processes_are_stopped_as_well(tmp_path):
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=2)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "only loopback" in done.stderr


def test_a_notebook_kernel_is_stopped_imports_utils_and_writes_elsewhere(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    code = (
        "import socket\nfrom utils import config\ntry:\n"
        "    socket.create_connection(('192.0.2.1', 80), timeout=2)\n"
        "except OSError as error:\n    print(config.load().figures_dir, error)"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    text = notebook.cells[0].outputs[0]["text"]
    assert "only loopback" in text
    assert str(Path(os.environ["REEF_OUT"])) in text


def test_output_goes_to_a_folder_of_this_test(reef_out, tmp_path):
    assert config.load().reports_dir == reef_out / "reports"
    assert reef_out.is_relative_to(tmp_path)
    assert not config.load().artifacts_dir.is_relative_to(ROOT)


def test_data_are_shared_by_all_tests(reef_data):
    assert config.load().data_dir == reef_data
