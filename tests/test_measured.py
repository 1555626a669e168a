"""Results that take too long for a notebook: nothing of another profile stands in for them, and who makes them is said."""

import ast
import json

import nbformat
import pytest

from utils import config, report
from utils.config import Config
from utils.report import cards, measured

ROOT = config.root()
COMMITTED = ROOT / "reports" / "results"


@pytest.fixture
def cfg(tmp_path):
    """The configuration of a profile that writes into a folder of this test."""
    return lambda profile: Config.from_env({"REEF_PROFILE": profile, "REEF_OUT": str(tmp_path / "out")})


def written(cfg, name, value=0.5, **more):
    results = report.Results(name, cfg, dataset="coco", n=3)
    results.add("AP", value, task="presence", **more)
    results.write()
    return results.records


def test_what_is_committed_answers_in_its_own_profile_only(cfg):
    assert {item["profile"] for item in report.read("classics", cfg("embedded"))} == {"embedded"}
    with pytest.raises(
        report.NotMeasured, match=r"profile full: classics\.json, which `REEF_PROFILE=full python models/cl"
    ):
        report.read("classics", cfg("full"))


def test_ones_own_come_before_the_committed(cfg):
    for profile in ("embedded", "full"):
        records = written(cfg(profile), "classics")
        assert report.read("classics", cfg(profile)) == [{"notebook": "classics"} | item for item in records]


def test_numbers_of_another_profile_in_ones_own_folder_are_not_shown(cfg):
    written(cfg("embedded"), "classics")
    with pytest.raises(report.NotMeasured):
        report.read("classics", cfg("full"))
    written(cfg("full"), "classics")
    assert len(report.read("classics", cfg("embedded"))) > 1  # those that are committed


def test_a_notebook_that_has_not_run_is_named(cfg):
    with pytest.raises(
        FileNotFoundError, match=r"09_nothing\.json, which the notebook 09_nothing writes\. Run it first"
    ):
        report.read("09_nothing", cfg("embedded"))


def test_records_are_narrowed_by_their_fields(cfg):
    own = cfg("embedded")
    results = report.Results("03_x", own, dataset="coco", n=3)
    for task, metric in (("a", "AP"), ("a", "F1"), ("b", "AP")):
        results.add(metric, 0.5, task=task)
    results.write()
    read = lambda **only: [(item["task"], item["metric"]) for item in report.read("03_x", own, **only)]  # noqa: E731
    assert read(task="a") == [("a", "AP"), ("a", "F1")] and read(task="a", metric="F1") == [("a", "F1")]
    assert read(split=None) == read() and read(task="c") == []
    with pytest.raises(ValueError, match=r"unknown fields \['tasks'\]; the fields are notebook, task"):
        read(tasks="a")


def test_where_nothing_is_measured_a_line_says_so_and_the_notebook_goes_on(cfg, monkeypatch):
    said = []
    monkeypatch.setattr("IPython.display.display", said.append)
    with report.if_measured():
        report.read("pointing", cfg("full"))
        raise AssertionError("not reached")
    (line,) = said
    assert "pointing.json, which `REEF_PROFILE=full python models/pointing.py` writes" in line.data


def test_what_is_measured_is_shown_and_other_faults_are_not_hidden(cfg):
    with report.if_measured():
        found = report.read("classics", cfg("embedded"))
    assert found
    with pytest.raises(FileNotFoundError, match="other"), report.if_measured():
        raise FileNotFoundError("other")


def test_who_makes_each_committed_result_is_known():
    notebooks = {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    made = {path.stem for path in COMMITTED.glob("*.json") if "header" in json.loads(path.read_text(encoding="utf-8"))}
    assert made - notebooks - {cards.NAME} <= set(measured.PROGRAMS)  # the cards are the report's own


@pytest.mark.parametrize("name", sorted(measured.PROGRAMS))
def test_a_program_writes_the_results_of_its_name(name):
    program = measured.PROGRAMS[name].split()[-1]
    path = ROOT / (program if program.endswith(".py") else f"{program.replace('.', '/')}.py")
    path = path if path.is_file() else path.with_suffix("") / "__main__.py"
    assert f'"{name}"' in path.read_text(encoding="utf-8")


def unguarded(code):
    """Lines that read the results of a program, outside a block that is skipped where there are none."""
    tree = ast.parse(code)
    blocks = [
        node for node in ast.walk(tree) if isinstance(node, ast.With) and "report.if_measured()" in ast.unparse(node)
    ]
    safe = {id(node) for block in blocks for part in block.body for node in ast.walk(part)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "report.read" and id(node) not in safe:
            yield from (node.lineno for name in node.args if getattr(name, "value", None) in measured.PROGRAMS)


def test_a_reading_outside_is_seen():
    assert list(unguarded('report.read("classics", task="a")')) == [1]
    assert list(unguarded('with report.if_measured():\n    report.read("classics")\nreport.read("03_x")')) == []


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_goes_on_without_the_results_of_programs(path):
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert [line for code in cells if "report.read(" in code for line in unguarded(code)] == []


@pytest.mark.parametrize("path", sorted((ROOT / "reports").glob("*.html")), ids=lambda path: path.stem)
def test_in_what_is_committed_nothing_is_left_out(path):
    assert "Not measured in the profile" not in path.read_text(encoding="utf-8")
