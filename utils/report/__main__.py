"""`make report`: runs the notebooks in order, writes their pages, the tables and the contents."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from utils import config, report


def main(names: list[str]) -> int:
    """Exports the named notebooks (or all), then writes tables and contents; 1 where a notebook failed."""
    cfg, root = config.load(), config.root()
    notebooks = sorted((root / "notebooks").glob("[0-9]*.ipynb"))
    chosen = [path for path in notebooks if not names or path.stem in names]
    if missing := sorted(set(names) - {path.stem for path in chosen}):
        print(
            f"no such notebook: {', '.join(missing)}; there are {', '.join(path.stem for path in notebooks)}",
            file=sys.stderr,
        )
        return 2
    for notebook in chosen:
        begun = time.perf_counter()
        print(f"{notebook.stem:<28}", end="", flush=True)
        try:
            page = report.export(notebook, cfg)
        except report.ExportError as error:
            print(f"failed after {time.perf_counter() - begun:.1f} s\n{error}", file=sys.stderr)
            return 1
        print(f"{time.perf_counter() - begun:7.1f} s {page.stat().st_size / 2**20:6.2f} MB", flush=True)
    report.write_readme(notebooks, cfg)
    report.write_index(notebooks, cfg)
    readme = root / "README.md"
    if readme.is_file() and cfg.reports_dir == root / "reports":
        report.update_tables(Path(readme), cfg)
    print(f"written below {cfg.reports_dir}: open index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
