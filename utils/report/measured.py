"""Numbers that take too long for a notebook, and what a notebook does where nobody has measured them yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from utils.config import Config

PROGRAMS = {  # results that no notebook writes, and what does
    "bench": "python -m tests.bench",
    "classics": "python models/classics.py",
    "fish_few_shots": "python models/few_shots.py",
    "grounding": "python models/grounding.py",
    "lora_ablations": "python models/ablations.py",
    "lora_adapters": "python models/judgement.py",
    "pointing": "python models/pointing.py",
    "protocols": "python models/protocols.py",
    "review_signs": "python models/signs.py",
    "scale": "python -m tests.bench.scaling",
}


class NotMeasured(FileNotFoundError):
    """Results that nobody has measured in this profile; the message says what measures them."""


def lacking(name: str, cfg: Config) -> NotMeasured:
    """The error for results of this name, without records in the folder of `cfg` or among those committed."""
    what = f"`REEF_PROFILE={cfg.profile} {PROGRAMS[name]}`" if name in PROGRAMS else f"the notebook {name}"
    return NotMeasured(f"Not measured in the profile {cfg.profile}: {name}.json, which {what} writes. Run it first.")


@contextmanager
def if_measured() -> Iterator[None]:
    """In a notebook: what stands below is skipped where its results are not measured, and a line says what would do it.

    Example:
        ```python
        with if_measured():
            display(Markdown(table(read("classics"))))
        ```
    """
    from IPython.display import Markdown, display

    try:
        yield
    except NotMeasured as lack:
        display(Markdown(f"*{lack}*"))
