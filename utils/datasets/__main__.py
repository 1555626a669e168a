"""`python -m utils.datasets`: makes or finds every data set of the profile, one line each (`make data`)."""

from __future__ import annotations

import time

from utils import config, datasets


def main() -> None:
    """Load each data set once; what is missing is made, or the error says how to get it."""
    for name in config.load().budgets["datasets"]:
        begun = time.perf_counter()
        frame = datasets.load(name)
        print(f"{name:<20} {len(frame):>6,} images {time.perf_counter() - begun:6.1f} s", flush=True)


if __name__ == "__main__":
    main()
