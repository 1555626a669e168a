"""Figures of a miniature: a mean over sentences, pictures or things, with its bootstrap interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from utils import metrics


def figure(task: str, metric: str, values: Sequence[float], groups: Sequence[int] | None = None) -> dict[str, Any]:
    """A record of a mean: task, metric, value, ci_low, ci_high, n; nothing at all is known of an empty one.

    Args:
        task: what was asked.
        metric: what is counted.
        values: one number in [0, 1] each.
        groups: what is resampled as a whole, such as the picture that several things stand in.
    """
    if not len(values):
        return {"task": task, "metric": metric, "value": 0.0, "ci_low": 0.0, "ci_high": 1.0, "n": 0}
    interval = metrics.bootstrap(np.asarray(values, float), groups=None if groups is None else np.asarray(groups))
    record = {
        "value": float(np.mean(values)),
        "ci_low": float(interval["ci_low"]),
        "ci_high": float(interval["ci_high"]),
    }
    return {"task": task, "metric": metric, **record, "n": len(values)}
