"""Weather over any photograph: fog, falling snow and turbid water, to see whether a map holds out.

As the common corruptions of Hendrycks and Dietterich (2019), in any strength. Light is lost and scattered in with the way
that it goes (Koschmieder 1924; Jaffe 1990); how far things are is not known, so it is taken from their height in the
picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from utils import config
from utils.cam import framing
from utils.reef.textures import noise_patch
from utils.reef.underwater import WATERS

if TYPE_CHECKING:
    from PIL import Image

AIR, FLAKE = (0.84, 0.86, 0.88), (0.96, 0.97, 1.0)
WATER_LOSS = (2.2, 1.1, 1.0)  # of red, green and blue along the whole way through the most turbid water


def weather(image: Any, kind: str, strength: float, seed: int = 0) -> Image.Image:
    """A picture in bad weather.

    Args:
        image: a path, PIL image or (h, w, 3) uint8 array.
        kind: "fog", "snow" (flakes that fall, and a paler picture) or "turbidity" (green water, particles, blur).
        strength: in [0, 1]; 0 leaves every px as it is. A stronger one of the same seed has the same clouds and more.
        seed: of clouds and flakes.

    Raises:
        ValueError: unknown kind, or a strength outside [0, 1].
    """
    from PIL import Image

    if kind not in KINDS:
        raise ValueError(f"unknown weather {kind!r}; choose one of {', '.join(KINDS)}")
    if not 0 <= strength <= 1:
        raise ValueError(f"strength {strength!r} is outside [0, 1]")
    picture = framing.opened(image)
    if strength == 0:
        return picture.copy()
    rgb = np.asarray(picture, np.float32) / 255
    out = _KINDS[kind](config.rng(seed, "weather", kind), rgb, float(strength))
    return Image.fromarray((255 * out + 0.5).clip(0, 255).astype(np.uint8))


def _fog(rng: np.random.Generator, rgb: NDArray, strength: float) -> NDArray:
    seen = np.exp(-3.2 * strength * _way(rng, *rgb.shape[:2]))
    return rgb * seen + np.float32(AIR) * (1 - seen)


def _snow(rng: np.random.Generator, rgb: NDArray, strength: float) -> NDArray:
    pale = rgb + 0.35 * strength * (np.float32(FLAKE) - rgb)
    height, width = rgb.shape[:2]
    lean, share = rng.uniform(-0.6, 0.6), np.zeros((height, width), np.float32)
    for size, count in ((0.004, 900), (0.008, 350), (0.016, 90)):
        share = np.maximum(share, _flakes(rng, height, width, strength, size, count, lean))
    return pale + share[..., None] * (np.float32(FLAKE) - pale)


def _turbidity(rng: np.random.Generator, rgb: NDArray, strength: float) -> NDArray:
    import cv2

    height, width = rgb.shape[:2]
    way = _way(rng, height, width)
    blurred = cv2.GaussianBlur(rgb, (0, 0), 0.2 + 0.012 * strength * max(height, width))
    soft = rgb + strength * (blurred - rgb)
    seen = np.exp(-strength * way * np.float32(WATER_LOSS)) * np.exp(-1.6 * strength * way)
    veil = 1.2 * np.float32(WATERS["green"]) * (1 - np.exp(-2.2 * strength * way))
    grains = _flakes(rng, height, width, strength, 0.003, 500, 0.0)
    return soft * seen + veil + 0.35 * grains[..., None]


_KINDS = {"fog": _fog, "snow": _snow, "turbidity": _turbidity}
KINDS = tuple(_KINDS)


def _way(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """The way of the light in [0, 1], longer at the top and through clouds: (h, w, 1)."""
    slope = np.linspace(1.0, 0.45, height, dtype=np.float32)[:, None]
    clouds = noise_patch(rng, height, width, max(height, width) / 200, octaves=4)
    return (slope * (0.6 + 0.4 * clouds))[..., None].astype(np.float32)


def _flakes(
    rng: np.random.Generator, height: int, width: int, strength: float, size: float, count: int, lean: float
) -> NDArray[np.float32]:
    """Soft streaks, `size` as a share of the longer side, `lean` sideways a step down: (h, w) float32 in [0, 1]."""
    import cv2

    radius, out = max(0.4, size * max(height, width) / 2), np.zeros((height, width), np.float32)
    spots = rng.random((count, 2)) * (height, width)
    bright = rng.uniform(0.6, 1.0, count).astype(np.float32)
    some = slice(round(strength * count))
    at = spots[some].astype(int)
    np.maximum.at(out, (at[:, 0], at[:, 1]), bright[some])
    reach = int(np.ceil(3 * radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    shape = np.exp(-(((x - lean * y) / radius) ** 2 + (0.6 * y / radius) ** 2)).astype(np.float32)
    return cv2.filter2D(out, -1, shape, borderType=cv2.BORDER_CONSTANT).clip(0, 1)
