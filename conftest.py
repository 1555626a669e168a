"""For tests and notebooks alike, kernels included: nothing reaches the network or writes into the tree."""

import os
import runpy
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent
OFFLINE = ROOT / "tests" / "offline"


def pytest_configure(config):
    runpy.run_path(str(OFFLINE / "sitecustomize.py"))
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([str(OFFLINE), str(ROOT), *filter(None, inherited)]))
    if not os.environ.get("REEF_OUT"):
        os.environ["REEF_OUT"] = tempfile.mkdtemp(prefix="reef-out-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop("REEF_OUT"), ignore_errors=True))
    os.environ.setdefault("YOLO_CONFIG_DIR", os.environ["REEF_OUT"])
    if os.environ.get("REEF_NETWORK") != "1":
        os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", YOLO_OFFLINE="true")
