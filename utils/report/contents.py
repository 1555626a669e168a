"""The pages around the exported notebooks: reports/index.html and reports/README.md."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from utils import config, files
from utils.report.page import compressed
from utils.report.records import read
from utils.report.tables import literal, marked, update_tables

QUESTION = re.compile(r"(the )?question\W+", re.IGNORECASE)
SAVED = re.compile(r"save_figure\([^)]*?,\s*(?:name\s*=\s*)?[\"']([\w.-]+)[\"']", re.DOTALL)


def figures_of(notebook: Path, cfg: config.Config) -> list[Path]:
    """Figures that the notebook's code saves and that exist, in the order of the code."""
    import nbformat

    code = "\n".join(cell.source for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code")
    paths = [cfg.figures_dir / (name if Path(name).suffix else f"{name}.png") for name in SAVED.findall(code)]
    return [path for path in dict.fromkeys(paths) if path.is_file()]


def _about(notebook: Path) -> tuple[str, str]:
    """Title of a notebook, and its question: the first paragraph, list item or row that begins so."""
    import nbformat
    from bs4 import BeautifulSoup
    from nbconvert.filters import markdown2html

    cells = [cell.source for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "markdown"]
    soup = BeautifulSoup(markdown2html("\n\n".join(cells[:4])), "html.parser")
    lines = [" ".join(tag.get_text(" ").split()) for tag in soup.select("p, li, tr")]
    asked = next((line for line in lines if QUESTION.match(line)), next(filter(None, lines), ""))
    title = soup.h1.get_text().removesuffix("¶").strip() if soup.h1 else notebook.stem
    return title, QUESTION.sub("", asked).replace(" .", ".").replace(" ,", ",")


def write_index(notebooks: Sequence[Path], cfg: config.Config) -> Path:
    """Writes reports/index.html: a card for every notebook that has a page: question and first figure."""
    from jinja2 import Environment, FileSystemLoader

    cards = []
    for notebook in notebooks:
        if (cfg.reports_dir / f"{notebook.stem}.html").is_file():
            title, question = _about(notebook)
            picture = next((_thumbnail(path) for path in figures_of(notebook, cfg)), None)
            cards.append({"name": notebook.stem, "title": title, "question": question, "picture": picture})
    loader = FileSystemLoader(Path(__file__).parent / "template" / "reef")
    environment = Environment(loader=loader, autoescape=True)
    page = environment.get_template("contents.html.j2").render(cards=cards, profile=cfg.profile)
    path = cfg.reports_dir / "index.html"
    with files.atomic_write(path) as temporary:
        Path(temporary).write_text(page, encoding="utf-8")
    return path


def _thumbnail(path: Path) -> str:
    kind, data = compressed(path.read_bytes(), quality=78, side=640)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def write_readme(notebooks: Sequence[Path], cfg: config.Config) -> Path:
    """Writes reports/README.md: for every notebook its question, its tables and its figures."""
    path = cfg.reports_dir / "README.md"
    text = [
        "# Results\n",
        "Written by `make report` from `reports/results/*.json`; numbers are changed there, not here.",
    ]
    for notebook in notebooks:
        title, question = _about(notebook)
        text += [
            f"\n## {title}\n",
            f"{question}\n",
            f"Whole report: [{notebook.stem}.html]({notebook.stem}.html)",
        ]
        text += [line for name, words in _tables(notebook.stem, cfg) for line in _section(name, words)]
        for figure in figures_of(notebook, cfg):
            link = Path(os.path.relpath(figure, path.parent)).as_posix()
            text.append(f"\n![{figure.stem.replace('_', ' ')}]({link})")
    with files.atomic_write(path) as temporary:
        Path(temporary).write_text("\n".join(text) + "\n", encoding="utf-8")
    update_tables(path, cfg)
    return path


def _tables(name: str, cfg: config.Config) -> list[tuple[str, dict[str, Any]]]:
    """(task, filters) of the tables of one notebook, in the order of its records."""
    there = read(name, cfg) if (cfg.reports_dir / "results" / f"{name}.json").is_file() else []
    pairs = dict.fromkeys((item["task"], item["group"]) for item in there)
    return [(task, {"notebook": name, "group": group}) for task, group in pairs]


def _section(task: str, filters: dict[str, Any]) -> list[str]:
    group = filters["group"]
    words = " ".join(f'{key}="{value}"' for key, value in filters.items())
    heading = literal(task) if group is None else f"{literal(task)}: {literal(group)}"
    return [f"\n### {heading}\n", f"<!-- table:{marked(task)} {words} -->", "<!-- /table -->"]
