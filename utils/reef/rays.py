"""Rays: where parallel rays meet balls, rods and boxes, and the light that comes back along them.

A ball and the side of a rod are quadrics, a box and the caps of a rod are slabs, so each is met in closed form. Space
is the camera's, in pixels from the object's origin: x to the right, y up, z towards the viewer. Solid `i` has the faces
3 i, 3 i + 1 and 3 i + 2: of a box one an axis, of a rod the side and the cap, of a ball the first alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from utils.reef.solids import Solid

_XY1 = np.array([0, 1, 3])


@dataclass(frozen=True)
class Bodies:
    """`n` solids as a camera sees them; all arrays float32, affine forms stand over (x, y, 1) from the solid's centre.

    Attributes:
        shapes: their names.
        centre, reach: (n, 3) each, the middle and the half size along the axes of the camera.
        chord: (n, 3), z of the middle of the chord that a quadric cuts from a ray.
        spread: (n, 3, 3), the quadratic form that gives the square of half that chord's length, negative where none is.
        halved: (n,), 0, or where a cone is seen within its own angle the side (-1, 1) on which its real half lies.
        slabs, spans: (n, 3, 3) and (n, 3), z where a ray leaves each slab towards the viewer, and how long it is inside.
        turn, shift: (3 n, 3, 3) and (3 n, 3), the normal of a face at p is turn @ p + shift, of any length.
    """

    shapes: list[str]
    centre: np.ndarray
    reach: np.ndarray
    chord: np.ndarray
    spread: np.ndarray
    halved: np.ndarray
    slabs: np.ndarray
    spans: np.ndarray
    turn: np.ndarray
    shift: np.ndarray

    @classmethod
    def seen(cls, solids: Sequence[Solid], camera: np.ndarray) -> Bodies:
        """Carry solids from object space to the camera by a (3, 3) matrix, a rotation times pixels a unit."""
        shapes = [s.shape for s in solids]
        ball, box, rod = (np.array([s == shape for s in shapes]) for shape in ("ball", "box", "rod"))
        taper = np.array([s.taper for s in solids])
        centre = np.array([s.centre for s in solids], float) @ camera.T
        axes = camera @ np.array([s.axes for s in solids], float)
        inverse = np.linalg.inv(axes)

        form = _quadrics(inverse, taper, ball)
        depth = form[:, 2, 2]
        depth = np.where(np.abs(depth) > 1e-9, depth, 1e-9)[:, None]
        chord = -form[:, 2, _XY1] / depth
        spread = chord[:, :, None] * chord[:, None] - form[:, _XY1][..., _XY1] / depth[..., None]
        step = np.where(np.abs(inverse[..., 2]) > 1e-9, inverse[..., 2], 1e-9)
        slabs = np.concatenate([-inverse[..., :2] / step[..., None], 1 / np.abs(step)[..., None]], 2)
        halved = np.where(depth[:, 0] < 0, np.sign((taper - 1) * step[:, 1]), 0)
        chord[:, 2] += centre[:, 2]
        slabs[..., 2] += centre[:, 2:]

        turn, shift = np.zeros((len(shapes), 3, 3, 3)), np.sign(step)[..., None] * inverse
        turn[~box, 0] = form[~box, :3, :3]
        shift[~box, 0] = form[~box, :3, 3] - np.einsum("nij,nj->ni", turn[~box, 0], centre[~box])
        turn, shift, reach = turn.reshape(-1, 3, 3), shift.reshape(-1, 3), _reach(axes, taper, ball, rod)
        arrays = (centre, reach, chord, spread, halved, slabs, 2 / np.abs(step), turn, shift)
        return cls(shapes, *(a.astype(np.float32) for a in arrays))

    def meet(self, index: int, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | int]:
        """Where the rays x (w,), y (h,) meet a solid.

        Returns:
            Where a ray enters it and, but for a ball, leaves it: z, (h, w) float32, NaN or in the wrong order where it
            does neither; and the face it enters, (h, w) int8 in 0..2 or the 0 of a ball.
        """
        x, y = x - self.centre[index, 0], y - self.centre[index, 1]
        if self.shapes[index] == "box":
            return self._meet_box(index, x, y)
        chord, root = self.chord[index], _quadratic(self.spread[index], x, y)
        np.sqrt(root, out=root)
        near = _affine(chord, x, y)
        if self.shapes[index] == "ball":
            return np.add(near, root, out=near), None, 0
        far = near - root
        near += root
        if self.halved[index]:
            near, far = (far, np.float32(-np.inf)) if self.halved[index] < 0 else (np.float32(np.inf), near)
        cap = _affine(self.slabs[index, 1], x, y)
        face = (cap < near).view(np.int8)
        return np.minimum(near, cap), np.maximum(far, cap - self.spans[index, 1]), face

    def _meet_box(self, index: int, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        first, second, third = (_affine(slab, x, y) for slab in self.slabs[index])
        spans = self.spans[index]
        leave = np.maximum(first - spans[0], second - spans[1])
        np.maximum(leave, third - spans[2], out=leave)
        face = (second < first).view(np.int8)
        enter = np.minimum(first, second, out=first)
        np.copyto(face, 2, where=third < enter)
        return np.minimum(enter, third, out=enter), leave, face


def shade(colour: np.ndarray, normal: np.ndarray, light: np.ndarray, gloss: np.ndarray, glow: np.ndarray) -> np.ndarray:
    """Soft daylight: a wrapped lambert term, brighter from above, a highlight, darker where the surface turns away.

    Args:
        colour: (3, n) float32 in [0, 1], overwritten.
        normal: (3, n) float32 of any length.
        light: (3,), the direction towards the light.
        gloss: (n,) float32 in [0, 1], as `glow`, which is light of its own.

    Returns:
        colour (3, n) in [0, 1].
    """
    half = light + np.array([0, 0, 1.0])
    towards = np.array([light, half / np.sqrt(half @ half), (0, 1, 0), (0, 0, 1)], np.float32)
    length = np.einsum("in,in->n", normal, normal)
    lambert, eighth, above, edge = (towards @ normal) / np.sqrt(np.maximum(length, 1e-18, out=length), out=length)
    lit = 0.80 * np.clip(0.35 + 0.65 * lambert, 0, 1)
    lit += 0.32 * (0.72 + 0.28 * above)
    lit *= 0.75 + 0.25 * np.maximum(edge, 0)
    lit = glow + (1 - glow) * lit
    for _ in range(3):  # the cosine to the eighth; its cube is the highlight, and no slow power is needed
        eighth = np.maximum(eighth, 0) ** 2
    colour *= lit
    colour += gloss * eighth * eighth * eighth
    return np.clip(colour, 0, 1, out=colour)


def _reach(axes: np.ndarray, taper: np.ndarray, ball: np.ndarray, rod: np.ndarray) -> np.ndarray:
    across = np.hypot(axes[..., 0], axes[..., 2]) * np.maximum(1.0, taper)[:, None]
    reach = np.where(rod[:, None], np.abs(axes[..., 1]) + across, np.abs(axes).sum(2))
    return np.where(ball[:, None], np.sqrt((axes**2).sum(2)), reach)


def _quadrics(inverse: np.ndarray, taper: np.ndarray, ball: np.ndarray) -> np.ndarray:
    """Symmetric forms (n, 4, 4) over (x, y, z, 1) from the centre, negative within a ball or the cone of a rod."""
    forms = np.zeros((len(taper), 4, 4))  # the three axes of the solid, and its radius
    forms[:, :3, :3] = inverse
    forms[~ball, 3] = np.append((taper[~ball] - 1)[:, None] * inverse[~ball, 1], (taper[~ball] + 1)[:, None], 1) / 2
    forms[ball, 3, 3] = 1
    sign = np.array([1.0, 0.0, 1.0, -1.0]) + ball[:, None] * [0.0, 1.0, 0.0, 0.0]
    return (forms.transpose(0, 2, 1) * sign[:, None]) @ forms


def _affine(form: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.add.outer(form[1] * y + form[2], form[0] * x)


def _quadratic(form: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    out = np.multiply.outer(2 * form[0, 1] * y, x)
    out += (form[0, 0] * x + 2 * form[0, 2]) * x
    out += ((form[1, 1] * y + 2 * form[1, 2]) * y + form[2, 2])[:, None]
    return out
