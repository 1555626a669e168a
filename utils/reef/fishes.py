"""Fishes: one single fish as solids, from its species and life stage.

The body is a row of elliptic cones along a middle line that may bend; its skin is painted flat and wrapped around it.
About two units long from snout to tail fin, looking along +x.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from utils.reef.fish_fins import fan, sheet
from utils.reef.fish_skins import PIXELS, Shape, skin
from utils.reef.solids import Solid, ball, chain
from utils.reef.species import SPECIES, STAGES, Species
from utils.reef.textures import tint

LENGTH = 1.95
_KNOTS = (0, 0.025, 0.06, 0.12, 0.25, 0.40, 0.55, 0.72, 0.88, 1.0)
_PLANS = {  # back and belly as shares of the depth, half width over half depth, and how thick the body is along it
    "carp": ((0.03, 0.12, 0.21, 0.33, 0.49, 0.55, 0.52, 0.40, 0.25, 0.19), (0.05, 0.12, 0.18, 0.26, 0.38, 0.45, 0.44, 0.33, 0.20, 0.17), 0.46),
    "torpedo": ((0.02, 0.11, 0.20, 0.32, 0.46, 0.52, 0.49, 0.37, 0.22, 0.16), (0.04, 0.14, 0.22, 0.32, 0.44, 0.48, 0.45, 0.34, 0.20, 0.15), 0.58),
    "perch": ((0.03, 0.12, 0.21, 0.35, 0.55, 0.58, 0.51, 0.36, 0.21, 0.18), (0.05, 0.14, 0.20, 0.28, 0.38, 0.42, 0.39, 0.28, 0.16, 0.14), 0.48),
    "cichlid": ((0.04, 0.15, 0.25, 0.40, 0.56, 0.59, 0.53, 0.38, 0.20, 0.17), (0.06, 0.16, 0.23, 0.31, 0.40, 0.41, 0.38, 0.27, 0.15, 0.13), 0.42),
    "gourami": ((0.04, 0.10, 0.17, 0.27, 0.43, 0.50, 0.48, 0.36, 0.20, 0.13), (0.06, 0.15, 0.23, 0.34, 0.48, 0.50, 0.44, 0.31, 0.17, 0.12), 0.34),
    "disc": ((0.03, 0.12, 0.20, 0.36, 0.56, 0.58, 0.52, 0.36, 0.15, 0.10), (0.05, 0.12, 0.18, 0.27, 0.39, 0.42, 0.39, 0.29, 0.13, 0.09), 0.32),
    "snakehead": ((0.10, 0.22, 0.31, 0.40, 0.48, 0.50, 0.49, 0.45, 0.37, 0.29), (0.14, 0.25, 0.32, 0.40, 0.48, 0.50, 0.48, 0.41, 0.32, 0.27), 0.92),
    "goby": ((0.10, 0.24, 0.35, 0.45, 0.50, 0.50, 0.46, 0.39, 0.31, 0.26), (0.14, 0.26, 0.34, 0.42, 0.49, 0.50, 0.46, 0.37, 0.28, 0.24), 0.95),
    "catfish": ((0.12, 0.25, 0.34, 0.41, 0.48, 0.50, 0.47, 0.40, 0.30, 0.22), (0.14, 0.24, 0.30, 0.38, 0.48, 0.50, 0.45, 0.36, 0.26, 0.20), 0.85),
    "shark": ((0.06, 0.16, 0.25, 0.36, 0.50, 0.51, 0.45, 0.34, 0.22, 0.18), (0.08, 0.18, 0.27, 0.38, 0.49, 0.49, 0.43, 0.31, 0.19, 0.16), 0.62),
    "eel": ((0.12, 0.26, 0.35, 0.42, 0.48, 0.50, 0.49, 0.42, 0.27, 0.10), (0.14, 0.24, 0.32, 0.42, 0.50, 0.50, 0.48, 0.40, 0.26, 0.10), 0.95),
    "knife": ((0.03, 0.08, 0.12, 0.20, 0.48, 0.54, 0.42, 0.25, 0.11, 0.03), (0.07, 0.15, 0.21, 0.29, 0.42, 0.46, 0.44, 0.33, 0.18, 0.03), 0.36),
    "puffer": ((0.08, 0.18, 0.28, 0.41, 0.53, 0.52, 0.44, 0.30, 0.18, 0.14), (0.10, 0.18, 0.27, 0.39, 0.48, 0.47, 0.39, 0.25, 0.14, 0.11), 0.85),
    "pipe": ((0.24, 0.22, 0.20, 0.24, 0.52, 0.50, 0.42, 0.30, 0.20, 0.14), (0.22, 0.20, 0.19, 0.24, 0.48, 0.50, 0.36, 0.26, 0.18, 0.13), 0.95),
    "livebearer": ((0.10, 0.18, 0.25, 0.33, 0.42, 0.46, 0.42, 0.33, 0.28, 0.26), (0.10, 0.20, 0.30, 0.42, 0.54, 0.56, 0.42, 0.28, 0.24, 0.22), 0.58),
    "pleco": ((0.08, 0.24, 0.36, 0.52, 0.64, 0.62, 0.50, 0.37, 0.27, 0.24), (0.10, 0.20, 0.25, 0.29, 0.33, 0.34, 0.31, 0.26, 0.20, 0.18), 1.15),
}  # fmt: skip
_THICK = (0.30, 0.50, 0.68, 0.85, 1.0, 1.0, 0.90, 0.70, 0.42, 0.22)


def any_fish(colour: str, rng: np.random.Generator) -> list[Solid]:
    """A fish of any species; the form of a builder of `utils.reef.kinds`."""
    return fish({"colour": colour}, rng)


def fish(attributes: Mapping, rng: np.random.Generator) -> list[Solid]:
    """The solids of a fish.

    Args:
        attributes: species (a name of SPECIES), stage (of STAGES), colour (a morph of the species); what is missing is
            drawn. `bend` in [-1, 1] curves the body, `landed` folds the fins.
        rng: of the individual: proportions, markings, faded or not, fins raised or folded.
    """
    species = SPECIES[attributes.get("species") or str(rng.choice(list(SPECIES)))]
    stage = attributes.get("stage") or str(rng.choice(list(STAGES)))
    colours = species.morphs.get(attributes.get("colour", "")) or next(iter(species.morphs.values()))
    young = stage == "juvenile"
    shape = outline(species, young, rng)
    painted = skin(species, shape, colours, stage, rng.beta(1.6, 2.2) * 0.75, rng)
    fins = tint(rng, species.fin, 0.045)
    spread = rng.uniform(0.0, 0.8) if attributes.get("landed") else rng.uniform(0.45, 1.0)
    spine = _spine(species, attributes.get("bend", 0.0), bool(attributes.get("landed")))
    body = _Body(species, shape, painted, spine)
    return [
        *body.cones(), *body.sheets(*sheet(species, shape, fins, spread, rng)), *_paired(body, 0.5 * np.asarray(fins) + 0.45 * np.asarray(colours[1]), rng),
        *_eyes(body, 1.32 if young else 1.0), *_whiskers(body, rng),
    ]  # fmt: skip


def outline(species: Species, young: bool, rng: np.random.Generator) -> Shape:
    """The outline of an individual: fat or lean, and slimmer with a larger head when it is young."""
    back, belly, thick = _PLANS[species.plan]
    depth = species.depth * float(np.clip(rng.normal(0.91 if young else 1.0, 0.065), 0.80, 1.18))
    s = np.linspace(0, 1, PIXELS) ** (1.10 if young else 1.0)
    top, bottom = (_smooth(np.interp(s, _KNOTS, side)) * depth for side in (back, belly))
    bottom = bottom * (1 + rng.uniform(-0.08, 0.14) * np.exp(-(((s - 0.42) / 0.2) ** 2)))
    half = (top + bottom) / 2
    wide = half.max() * thick * np.minimum(np.interp(s, _KNOTS, _THICK), 1.25 * half / half.max())
    return Shape(*(a.astype(np.float32) for a in ((top - bottom) / 2, half, wide)))


def _smooth(curve: np.ndarray) -> np.ndarray:
    kernel = np.hanning(31)
    return np.convolve(np.pad(curve, 15, mode="reflect", reflect_type="odd"), kernel / kernel.sum(), mode="valid")


@dataclass(frozen=True)
class _Spine:
    """The middle line: places (n, 3), normals towards the back (n, 3) and to the side (n, 3) at shares `s` (n,)."""

    s: np.ndarray
    place: np.ndarray
    up: np.ndarray
    side: np.ndarray
    length: float


def _spine(species: Species, bend: float, landed: bool) -> _Spine:
    """From the snout beyond the tail base; a swimmer sways from side to side, one that lies bends as it was put down."""
    length, eel = LENGTH / (1 + species.tail[1]), species.plan == "eel"
    s = np.concatenate([np.linspace(0, 0.12, 5)[:-1], np.linspace(0.12, 1, 24 if eel else 15 if bend else 10)])
    s = np.concatenate([s, 1 + species.tail[1] * np.array([0.35, 0.7, 1.05])])
    angle = bend * species.bend * 2.2 * np.sin((s - 0.15) * (7.5 if eel else 3.6)) * np.clip(s / 0.3, 0.2, 1)
    step = np.diff(s)[:, None] * length
    zero, cosine, sine = np.zeros_like(s), np.cos(angle), np.sin(angle)
    flat = landed or eel
    ahead = np.stack([-cosine, sine, zero] if flat else [-cosine, zero, sine], 1)
    place = np.concatenate([np.zeros((1, 3)), np.cumsum(step * (ahead[1:] + ahead[:-1]) / 2, 0)])
    up = np.stack([sine, cosine, zero] if flat else [zero, zero + 1, zero], 1)
    side = np.stack([zero, zero, zero + 1] if flat else [sine, zero, cosine], 1)
    middle = (place.max(0) + place.min(0)) / 2
    return _Spine(s, place - middle, up, side, length)


class _Body:
    """An outline and a skin along a spine."""

    def __init__(self, species: Species, shape: Shape, painted: np.ndarray, spine: _Spine) -> None:
        self.species, self.shape, self.painted, self.spine = species, shape, painted, spine
        self.straight = bool(np.ptp(spine.place[:, 1]) + np.ptp(spine.place[:, 2]) < 1e-6)

    def at(self, s: float, t: float, side: float = 0.0) -> np.ndarray:
        """A point on the flank: `t` from belly -1 to back 1; `side` 1, -1, or 0 for the middle plane."""
        p, up, out = self.frame(s)
        i = int(np.clip(s, 0, 1) * (PIXELS - 1))
        depth = self.shape.wide[i] * math.sqrt(max(0.0, 1 - t * t)) * side
        return p + self.spine.length * ((self.shape.mid[i] + t * self.shape.half[i]) * up + depth * out)

    def frame(self, s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        spine = self.spine
        return tuple(np.array([np.interp(s, spine.s, v[:, k]) for k in range(3)]) for v in (spine.place, spine.up, spine.side))  # fmt: skip

    def cones(self) -> list[Solid]:
        """The body, cut where the spine has its places."""
        shape, spine, solids = self.shape, self.spine, []
        for i in range(int(np.searchsorted(spine.s, 1.0))):
            a, b = (min(int(spine.s[k] * (PIXELS - 1)), PIXELS - 1) for k in (i, i + 1))
            ends = [spine.place[k] + spine.length * shape.mid[c] * spine.up[k] for k, c in ((i, a), (i + 1, b))]
            up, side = (spine.up[i] + spine.up[i + 1]) / 2, (spine.side[i] + spine.side[i + 1]) / 2
            flat = (shape.wide[a] + shape.wide[b]) / (shape.half[a] + shape.half[b])
            tall = spine.length * max(shape.half[a], 1e-3)
            along = (ends[1] - ends[0]) / 2 * (1.0 if self.straight else 1.04)
            axes = np.column_stack([up * tall, along, side * tall * flat])
            solids.append(self._cone(axes, (ends[0] + ends[1]) / 2, spine.s[i], spine.s[i + 1], shape.half[b] / max(shape.half[a], 1e-3)))  # fmt: skip
        return solids

    def _cone(self, axes, centre, first: float, last: float, taper: float) -> Solid:
        inverse = np.linalg.inv(axes).T.astype(np.float32)
        centre32, shape, painted = centre.astype(np.float32), self.shape, self.painted

        def texture(p):
            local = (p - centre32) @ inverse
            radius = np.maximum((1 + taper) / 2 + (taper - 1) / 2 * local[:, 1], 1e-3)
            t = np.clip(local[:, 0] / radius, -1, 1)
            column = np.clip((first + (last - first) * (local[:, 1] + 1) / 2) * PIXELS, 0, PIXELS - 1).astype(np.int32)
            row = ((shape.top - shape.mid[column] - t * shape.half[column]) * PIXELS).astype(np.int32)
            return painted[np.clip(row, 0, len(painted) - 1), column], None

        part = "head" if last <= self.species.head + 0.02 else "body"
        return Solid("rod", tuple(centre), axes, texture, part, self.species.gloss, taper, 0.06, self.species.glass)

    def sheets(self, rgb: np.ndarray, mask: np.ndarray, high: float) -> list[Solid]:
        """The fins of the middle line: a flat sheet each, or strips between two places of the spine where it bends."""
        spine, pictures = self.spine, []
        if self.straight:
            boxes = cv2.connectedComponentsWithStats(mask.astype(np.uint8))[2][1:, :4]
            pictures = [(x, x + w, y, y + h) for x, y, w, h in boxes if w * h > 8]
        else:
            for first, last in pairwise(np.minimum(spine.s * PIXELS, mask.shape[1])):
                rows = np.flatnonzero(mask[:, int(first) : int(last) + 1].any(1))
                if len(rows):
                    pictures.append((first, last, rows[0], rows[-1] + 1))
        return [self._strip(rgb, mask, high, *picture) for picture in pictures]

    def _strip(self, rgb, mask, high: float, left: float, right: float, top: int, bottom: int) -> Solid:
        """One window of the painted fins as a thin box."""
        (start, up, side), (end, up_end, side_end) = self.frame(left / PIXELS), self.frame(right / PIXELS)
        up, side, length = (up + up_end) / 2, (side + side_end) / 2, self.spine.length
        centre = (start + end) / 2 + length * (high - (top + bottom) / 2 / PIXELS) * up
        axes = np.column_stack(
            [
                up * length * (bottom - top) / 2 / PIXELS,
                (end - start) / 2 * (1.0 if self.straight else 1.06),
                side * 0.006,
            ]
        )
        inverse, at = np.linalg.inv(axes).T.astype(np.float32), centre.astype(np.float32)

        def texture(p):
            local = (p - at) @ inverse
            column = (left + (right - left) * (local[:, 1] + 1) / 2).astype(np.int32)
            row = (top + (bottom - top) * (1 - local[:, 0]) / 2).astype(np.int32)
            row, column = np.clip(row, 0, len(rgb) - 1), np.clip(column, 0, rgb.shape[1] - 1)
            return rgb[row, column], mask[row, column]

        return Solid("box", tuple(centre), axes, texture, "fin", 0.08, glow=0.15)


def _paired(body: _Body, colour, rng) -> list[Solid]:
    """Pectoral and pelvic fins, laid back along the flank or held out."""
    species, solids, length = body.species, [], body.spine.length
    out, droop = rng.uniform(0.15, 0.75), rng.uniform(0.25, 0.75)
    wanted = [(species.head + 0.015, -0.35, species.pectoral, 0.85, 0.42)]
    if species.pelvic:
        wanted.append((species.pelvic, -0.80, 0.72 * species.pectoral, 1.2, 0.40))
    for s, t, long, down, wide in wanted:
        _, up, lateral = body.frame(s)
        ahead = np.cross(up, lateral)
        for side in (1, -1):
            along = -ahead - down * droop * up + out * side * lateral
            along = along / np.linalg.norm(along)
            across = np.cross(along, side * lateral)
            across = across / np.linalg.norm(across)
            root = body.at(s, t, 0.97 * side)
            axes = np.column_stack(
                [along * long * length / 2, across * long * length * wide, np.cross(along, across) * 0.006]
            )
            solids.append(_fan(axes, root + along * long * length / 2, colour))
    return solids


def _fan(axes, centre, colour) -> Solid:
    inverse, at, paint = np.linalg.inv(axes).T.astype(np.float32), centre.astype(np.float32), fan(colour)

    def texture(p):
        local = (p - at) @ inverse
        return paint(np.stack([(local[:, 0] + 1) / 2, local[:, 1]], 1))

    return Solid("box", tuple(centre), axes, texture, "fin", 0.08, glow=0.15)


def _eyes(body: _Body, larger: float) -> list[Solid]:
    radius, s, t = body.species.eye
    radius, iris = radius * larger * body.spine.length, np.asarray(body.species.iris, np.float32)
    solids = []
    for side in (1, -1):
        centre = body.at(s, t, 0.93 * side)
        _, up, lateral = body.frame(s)
        turn = np.column_stack([np.cross(up, lateral), up, lateral])
        solids.append(
            ball(
                centre, (radius, radius, 0.45 * radius), _gaze(centre, radius, iris, turn), turn, part="eye", gloss=0.9
            )
        )
    return solids


def _gaze(centre, radius: float, iris, turn):
    """A black pupil in a bright iris with a dark rim."""
    at, flat = centre.astype(np.float32), turn[:, :2].astype(np.float32)

    def texture(p):
        far = np.linalg.norm((p - at) @ flat, axis=1) / radius
        ring = np.where((far > 0.88)[:, None], 0.45 * iris, iris)
        return np.where((far < 0.55)[:, None], np.float32(0.03), ring), None

    return texture


def _whiskers(body: _Body, rng) -> list[Solid]:
    """Barbels of catfish, the free rays of a threadfin, the feelers of a gourami."""
    length, solids, species = body.spine.length, [], body.species
    for k in range(species.barbels):
        for side in (1, -1):
            root = body.at(0.035 + 0.01 * k, -0.35 + 0.3 * k, side)
            away = np.array([0.35 - 0.35 * k, -0.45 + 0.40 * k, 0.55 * side]) * rng.uniform(0.7, 1.2)
            solids += _feeler(root, away, rng.uniform(0.16, 0.26) * length, 0.009, tint(rng, (0.25, 0.21, 0.17)))
    rays = {"pectoral": (4, species.head, -0.85, 0.26), "pelvic": (1, 0.34, -0.95, 0.55)}.get(species.filaments, (0, 0, 0, 0))  # fmt: skip
    for k in range(rays[0]):
        for side in (1, -1):
            away = np.array([-1.0, -0.25 - 0.22 * k, 0.10 * side])
            solids += _feeler(body.at(rays[1], rays[2], side), away, rays[3] * length * rng.uniform(0.8, 1.1), 0.007, (0.82, 0.78, 0.62))  # fmt: skip
    return solids


def _feeler(root, away, long: float, thick: float, colour) -> list[Solid]:
    away = away / np.linalg.norm(away) * long / 3
    droop = np.array([-0.10, -0.14, 0.0]) * long
    return chain([root + i * away + (i / 3) ** 2 * droop for i in range(4)], thick, colour, taper=0.5, part="barbel")
