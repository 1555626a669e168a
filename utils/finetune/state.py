"""The state of a training as it lies in its folder, and whether a new one may go on from it."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STATE = "training.state"


def found(folder: Path, origin: Mapping[str, Any], resume: bool) -> dict[str, Any] | None:
    """What lies in the folder of a run; None if nothing does.

    Args:
        folder: of the run.
        origin: what the training is known by: base, data and settings.
        resume: whether it may go on.

    Raises:
        FileExistsError: there is a state and `resume` is not set.
        ValueError: it is damaged, or of other settings or data; the message names the difference.
    """
    import torch

    path = folder / STATE
    if not path.exists():
        return None
    if not resume:
        raise FileExistsError(f"{path}: a training lies here; go on with resume=True (--resume), or delete it")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        before = state["origin"]
    except (RuntimeError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} is damaged or no state of a training: delete it to begin anew") from error
    if changed := [
        f"{name}: {before.get(name)} there, {origin[name]} now" for name in origin if before.get(name) != origin[name]
    ]:
        raise ValueError(
            f"{path} is of another training ({'; '.join(changed)}): "
            "resume with the same settings and data, or train into another folder"
        )
    return state
