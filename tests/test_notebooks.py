"""Every notebook has the house's anatomy, and the checker itself sees each thing that could be wrong."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FOLDERS = "home|root|Users|tmp|work|content|mnt|opt|var|data|usr"
ABSOLUTE = re.compile(rf"""(?<=["'`(\s=])(?:/(?:{FOLDERS})\b|[A-Z]:\\|~/)""")
SECRET = re.compile(
    r"hf_\w{16,}|gh[pousr]_\w{20,}|github_pat_\w+|sk-[\w-]{20,}|AKIA[0-9A-Z]{16}|AIza[\w-]{30,}"
    r"|BEGIN \w* ?PRIVATE KEY|(?i:(?:token|api_?key|secret|password)\s*=\s*[\"'][^\"']+[\"'])"
)
MOST_LINES, MEAN_LINES, DEF_LINES = 16, 8, 10


def source(cells, kind):
    return [cell.source for cell in cells if cell.cell_type == kind]


def trees(cells):
    """Syntax trees of the code cells, IPython's own syntax translated first."""
    from IPython.core.inputtransformer2 import TransformerManager

    return [ast.parse(TransformerManager().transform_cell(code)) for code in source(cells, "code")]


def nodes(cells, *kinds):
    return [node for tree in trees(cells) for node in ast.walk(tree) if isinstance(node, kinds)]


def parameters(cells):
    return [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]


def check_opening(cells):
    """Title, badge, and what a reader wants to know before running anything."""
    text = "\n".join(source(cells[:4], "markdown"))
    if not cells or cells[0].cell_type != "markdown" or not cells[0].source.startswith("# "):
        yield "the first cell is not a title"
    if not re.search(r"\[!\[.*?\]\(.*?\)\]\(https://colab\.research\.google\.com/", text):
        yield "no Colab badge"
    for what, pattern in {
        "the question": r"\bquestion\b",
        "what goes in": r"\b(goes|comes) in\b|\binput\b",
        "what comes out": r"\b(comes|goes) out\b|\boutput\b",
        "the time on a CPU": r"\bCPU\b",
        "the time on a T4": r"\bT4\b",
    }.items():
        if not re.search(pattern, text, re.IGNORECASE):
            yield f"the opening does not say {what}"


def check_bootstrap(cells):
    """The first code cell lets the notebook work alone; imports and versions come before the parameters."""
    code = source(cells, "code")
    if not code or "sys.path" not in code[0] or "google.colab" not in code[0]:
        yield "the first code cell is not the bootstrap (sys.path, google.colab)"
    tagged = parameters(cells)
    early = source(cells[: cells.index(tagged[0])], "code") if tagged else code
    if not any("import" in text and "utils" in text for text in early):
        yield "utils is not imported before the parameters"
    if not any("version" in text for text in early):
        yield "no versions are shown before the parameters"


def check_parameters(cells):
    """One tagged cell of plain names, one of them the seed, each used later."""
    tagged = parameters(cells)
    if len(tagged) != 1:
        yield f"{len(tagged)} cells tagged parameters, not one"
        return
    statements = ast.parse(tagged[0].source).body
    names = [t.id for s in statements if isinstance(s, ast.Assign) for t in s.targets if isinstance(t, ast.Name)]
    names += [s.target.id for s in statements if isinstance(s, ast.AnnAssign)]
    if not names or len(statements) != len(names):
        yield "the parameters cell holds something else than assignments to names"
    if "seed" not in map(str.lower, names):
        yield "no seed among the parameters"
    later = cells[cells.index(tagged[0]) + 1 :]
    used = {node.id for node in nodes(later, ast.Name)}
    yield from (f"parameter {name} is used nowhere" for name in names if name not in used)


def check_ending(cells):
    """Takeaways, then a link to the next notebook or, after the last, to the reports."""
    text = source(cells, "markdown")
    if not any(re.search(r"^## Takeaways\s*$", cell, re.MULTILINE) for cell in text):
        yield 'no section "## Takeaways"'
    last = cells[-1].source if cells and cells[-1].cell_type == "markdown" else ""
    if not re.search(r"\]\([\w./-]+\)", last):
        yield "the last cell links to no next page"


def check_outputs(cells):
    if any(cell.get("outputs") or cell.get("execution_count") for cell in cells):
        yield "committed with outputs or execution counts"


def check_balance(cells):
    """About half prose; short code cells."""
    share = len(source(cells, "markdown")) / max(len(cells), 1)
    if not 0.38 <= share <= 0.65:
        yield f"{share:.0%} of the cells are prose, not about half"
    lines = [len(code.strip().splitlines()) for code in source(cells, "code")]
    if max(lines, default=0) > MOST_LINES:
        yield f"a code cell of {max(lines)} lines"
    if lines and sum(lines) / len(lines) > MEAN_LINES:
        yield f"code cells have {sum(lines) / len(lines):.1f} lines on average"


def check_code(cells):
    """No classes, at most one small helper, nothing of a machine, no secret, no question for the profile."""
    helpers = nodes(cells, ast.FunctionDef, ast.AsyncFunctionDef)
    if nodes(cells, ast.ClassDef):
        yield "defines a class"
    if len(helpers) > 1 or any(node.end_lineno - node.lineno >= DEF_LINES for node in helpers):
        yield f"defines {', '.join(node.name for node in helpers)}: what deserves a name lives in utils/"
    text = "\n".join(cell.source for cell in cells)
    if found := ABSOLUTE.search("\n" + "\n".join(source(cells, "code"))):
        yield f"an absolute path: {found[0]}"
    if "torch.hub" in text:
        yield "torch.hub"
    if SECRET.search(text):
        yield "something that looks like a secret"
    tests = [node.test for node in nodes(cells, ast.If, ast.IfExp, ast.While, ast.Assert)]
    for node in [*tests, *nodes(cells, ast.Compare, ast.Match)]:
        if re.search(r"profile", ast.unparse(node), re.IGNORECASE):
            yield "asks which profile it is in"
            return


CHECKS = (
    check_opening, check_bootstrap, check_parameters, check_ending, check_outputs, check_balance, check_code,
)  # fmt: skip


def problems(cells):
    return [problem for check in CHECKS for problem in check(cells)]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_the_anatomy_of_the_house(path, check):
    assert list(check(nbformat.read(path, as_version=4).cells)) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_between_notebooks_lead_somewhere(path):
    text = "\n".join(source(nbformat.read(path, as_version=4).cells, "markdown"))
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_leads_to_the_one_after_it(path):
    after = NOTEBOOKS[NOTEBOOKS.index(path) + 1 :]
    last = nbformat.read(path, as_version=4).cells[-1].source
    assert not after or f"]({after[0].name})" in last


def good():
    """The cells of a notebook without a fault."""
    md, py = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    colab = "https://colab.research.google.com"
    badge = f"[![Open in Colab]({colab}/badge.svg)]({colab}/github/a)"
    opening = "- **The question.** Which?\n- **What goes in.** a\n- **What comes out.** b\n- CPU 1 s, T4 1 s"
    tagged = py("seed = 0\nTOP = 5", metadata={"tags": ["parameters"]})
    return [
        md(f"# Title\n\n{badge}\n\n{opening}"),
        py("import sys\nsys.path.insert(0, '..')\nif 'google.colab' in sys.modules:\n    !pip install x"),
        py("from utils import config\nprint('version 1', config.load().profile)"),
        md("## Parameters"),
        tagged,
        md("## Result"),
        py("print(seed, TOP)"),
        md("## Takeaways\n\n- one"),
        md("Next: [two](02_two.ipynb)"),
    ]


def changed(place, old, new):
    def change(cells):
        assert old in cells[place].source
        cells[place].source = cells[place].source.replace(old, new)

    return change


def test_a_good_notebook_has_no_problem():
    assert problems(good()) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (changed(0, "# Title", "Title"), "the first cell is not a title"),
        (changed(0, "](https://colab.research.google.com/github", "](https://elsewhere"), "no Colab badge"),
        (changed(0, "question", "topic"), "the opening does not say the question"),
        (changed(0, "goes in", "a"), "the opening does not say what goes in"),
        (changed(0, "comes out", "b"), "the opening does not say what comes out"),
        (changed(0, "CPU", ""), "the opening does not say the time on a CPU"),
        (changed(0, "T4", ""), "the opening does not say the time on a T4"),
        (changed(1, "sys.path", "sys.argv"), "the first code cell is not the bootstrap"),
        (changed(2, "utils", "elsewhere"), "utils is not imported"),
        (changed(2, "version", ""), "no versions"),
        (lambda cells: cells[4].metadata.clear(), "0 cells tagged parameters"),
        (lambda cells: cells[6].metadata.update(tags=["parameters"]), "2 cells tagged parameters"),
        (changed(4, "TOP = 5", "print(5)"), "something else than assignments"),
        (changed(4, "seed = 0", "start = 0"), "no seed"),
        (changed(6, ", TOP", ""), "parameter TOP is used nowhere"),
        (changed(7, "## Takeaways", "## End"), "no section"),
        (changed(8, "[two](02_two.ipynb)", "two"), "links to no next page"),
        (lambda cells: cells[6].update(execution_count=3), "committed with outputs"),
        (lambda cells: cells[6].update(outputs=[{"output_type": "stream"}]), "committed with outputs"),
        (lambda cells: cells.extend(cells[6:7] * 8), "of the cells are prose"),
        (changed(6, "print", "1\n" * 17 + "print"), "a code cell of 18 lines"),
        (changed(6, "print", "class A: pass\nprint"), "defines a class"),
        (changed(6, "print", "def f(): pass\ndef g(): pass\nprint"), "defines f, g"),
        (changed(6, "print", "def f():\n" + "    1\n" * 10 + "print"), "defines f"),
        (changed(6, "seed", "'/home/me/a.jpg'"), "an absolute path"),
        (changed(6, "seed", r"'C:\\a.jpg'"), "an absolute path"),
        (changed(6, "print", "torch.hub.load('x')\nprint"), "torch.hub"),
        (changed(6, "print", "token = 'abcdef'\nprint"), "looks like a secret"),
        (changed(5, "Result", "hf_" + "a1" * 12), "looks like a secret"),
        (changed(6, "print", "if cfg.profile == 'full': pass\nprint"), "asks which profile"),
        (changed(6, "seed", "1 if PROFILE else 2"), "asks which profile"),
    ],
)
def test_the_checker_sees_each_fault(change, problem):
    cells = good()
    change(cells)
    assert any(problem in found for found in problems(cells))
