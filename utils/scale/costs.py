"""Costs of an archive on paper: what so many photos need, from rates that were measured or assumed elsewhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

F32 = 4  # bytes


def on_paper(
    frames: int,
    dim: int,
    per_second: float,
    devices: int = 1,
    price_hour: float = math.nan,
    row_bytes: float = 200.0,
    code_bytes: float = 0.0,
) -> dict[str, float]:
    """What `frames` photos need, in proportion to their number.

    Args:
        frames: photos.
        dim: length of an embedding, float32.
        per_second: images a second that one device encodes.
        devices: that work side by side, without loss.
        price_hour: of one device, in any currency; unless it is known, the price is NaN.
        row_bytes: of a photo's row in the manifest.
        code_bytes: of a photo in the index beside its embedding.

    Returns:
        device_hours, hours (by the clock), price, shards_gb and index_gb (10^9 bytes).

    Raises:
        ValueError: a number that cannot be: no device, a rate of zero, fewer than no frames.

    >>> round(on_paper(3_600_000, dim=512, per_second=1000, devices=2, price_hour=2.0)["hours"], 3)
    0.5
    """
    negative = any(number < 0 for number in (frames, price_hour, row_bytes, code_bytes))
    if negative or dim < 1 or per_second <= 0 or devices < 1:
        raise ValueError(
            f"{frames} frames, {dim} numbers, {per_second} images/s on {devices} devices cannot be reckoned"
        )
    device_hours = frames / per_second / 3600
    return {
        "device_hours": device_hours,
        "hours": device_hours / devices,
        "price": device_hours * price_hour,
        "shards_gb": frames * (F32 * dim + row_bytes) / 1e9,
        "index_gb": frames * code_bytes / 1e9,
    }


def prolonged(measured: Mapping[float, float], beyond: Sequence[float]) -> list[float]:
    """Measured costs, then what they become at larger sizes: in proportion to the largest measured one.

    So it is with indexes beyond one piece (2**20 photos): pieces are built one after the other, and a query asks each.

    Args:
        measured: size -> cost, both above 0; a dict or a pandas Series. Costs that are NaN stay so.
        beyond: larger sizes.

    Raises:
        ValueError: no size with a cost, a number that is not above 0, or a size that is not larger.

    >>> prolonged({100: 5.0, 1000: 50.0}, [10_000])
    [5.0, 50.0, 500.0]
    """
    known = sorted((size, cost) for size, cost in measured.items() if not math.isnan(cost))
    if not known or min(map(min, known)) <= 0 or min(beyond, default=math.inf) <= known[-1][0]:
        raise ValueError(f"{list(beyond)} from {known}: give costs of sizes, all above 0, and larger sizes to reckon")
    size, cost = known[-1]
    return [value for _, value in measured.items()] + [cost * larger / size for larger in beyond]
