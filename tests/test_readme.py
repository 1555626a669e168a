"""README: what its tables name exists, and none of its code goes unrun."""

import importlib
import re

import pytest
import readme
import test_clean_copy as newcomer

ROOT = readme.ROOT
WHERE = readme.table("| what | notebook | function | test |")
ROWS = [row for row in WHERE if row[1]]


def words(cell):
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:40])
def test_what_a_row_names_exists(row):
    _, notebooks, functions, tests = row
    assert re.findall(r"\]\((.*?)\)", notebooks) and words(functions) and words(tests)
    for name in re.findall(r"\]\((.*?)\)", notebooks):
        assert (ROOT / name).is_file(), name
    for name in words(functions):
        module, _, function = f"utils.{name}".rpartition(".")
        assert callable(getattr(importlib.import_module(module), function)), name
    for name in words(tests):
        assert (ROOT / "tests" / name).is_file(), name


def test_all_five_projects_are_told_of():
    assert len(WHERE) - len(ROWS) == 5 and len(ROWS) >= 35


def test_the_table_is_rectangular():
    assert {len(row) for row in WHERE} == {4}


def test_every_notebook_has_a_row_with_its_time():
    rows = readme.table("| notebook | what one learns |")
    named = [re.search(r"\]\(notebooks/(.*?)\)", row[0])[1] for row in rows]
    assert named == sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert all(re.fullmatch(r"\d+ s", row[2]) for row in rows)


def test_every_folder_of_utils_stands_in_the_layout():
    (row,) = [row for row in readme.table("| folder | what |") if row[0] == "`utils/`"]
    named = " ".join(words(row[1])).split()
    there = [path for path in (ROOT / "utils").iterdir() if path.name[0].isalpha()]
    assert sorted(named) == sorted(p.stem for p in there if p.suffix == ".py" or (p / "__init__.py").is_file())


def test_every_line_of_shell_is_run_or_says_why_not():
    assert sorted(readme.commands()) == sorted([*newcomer.RUN, *newcomer.NOT_RUN])


def test_every_block_of_code_runs_as_it_stands_or_is_part_of_a_recipe():
    known = re.findall(r"^```(\w*)$", readme.TEXT, re.MULTILINE)
    assert set(known) <= {"", "python", "sh", "toml"}
    assert all(readme.belongs(code) for code in readme.blocks("toml"))
    assert len(newcomer.CODE) == sum(not readme.belongs(code) for code in readme.blocks("python")) == 3


def test_five_lines_search_your_own_photographs():
    lines = [line for line in newcomer.CODE[0].splitlines() if line]
    assert len(lines) == 5


def test_comments_are_no_commands():
    text = "```sh\nmake report   # all of it\n\n# in words\nmake test\n```\n\n```python\nmake()\n```\n"
    assert readme.commands(text) == ["make report", "make test"]
