"""What TensorBoard shows of a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def events(folder: Path, step: int, on: bool = True) -> Iterator[Callable[[dict[str, float]], None]]:
    """Yield a function that writes a line of the log; what an earlier run wrote beyond `step` is no longer shown."""
    if not on:
        yield lambda line: None
        return
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(folder), purge_step=step + 1 if step else None) as writer:

        def write(line: dict[str, float]) -> None:
            for name in line.keys() - {"epoch", "step"}:
                writer.add_scalar(name, line[name], line["step"])

        yield write
