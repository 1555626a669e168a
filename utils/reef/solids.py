"""Solids: the clay of ReefWorld. A creature is a list of ellipsoids, boxes and cones, seen by parallel rays.

Every solid is a unit shape carried into object space by a 3 x 3 matrix and a centre. One ray a pixel is met with each
solid in closed form (a quadratic, or three slabs), the nearest surface wins, and what it leaves is colour, normal and
part: enough for shading, exact masks and exact occlusion, without a mesh.

Axes: x to the right, y up, z towards the viewer; an animal looks along +x. Angles are radians.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

Texture = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]
"""points (n, 3) in object space -> colours (n, 3) in [0, 1] and, where the surface has holes, keep (n,) bool."""


@dataclass(frozen=True)
class Solid:
    """One shape. `colour` is RGB in [0, 1] or a Texture; `gloss` in [0, 1]; `taper` is the cone's radius at y = +1."""

    shape: str
    centre: tuple[float, float, float]
    axes: np.ndarray
    colour: tuple[float, float, float] | Texture
    part: str = "body"
    gloss: float = 0.15
    taper: float = 1.0
    glow: float = 0.0
    opacity: float = 1.0


@dataclass
class Layer:
    """What one object leaves on the picture; arrays are (h, w) or (h, w, 3) float32, `origin` is its corner in pixels."""

    origin: tuple[int, int]
    rgb: np.ndarray
    alpha: np.ndarray
    parts: np.ndarray
    part_names: list[str] = field(default_factory=list)


def rotation(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Turn about y (yaw), then tip the top towards the viewer (pitch), then turn in the picture plane (roll): (3, 3)."""
    cy, sy, cp, sp, cr, sr = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch), np.cos(roll), np.sin(roll)
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    about_z = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


def ball(centre, radii, colour, turn: np.ndarray | None = None, **more) -> Solid:
    """Ellipsoid with half axes `radii` (3,), turned by a rotation matrix."""
    return Solid("ball", tuple(centre), _axes(radii, turn), colour, **more)


def box(centre, halves, colour, turn: np.ndarray | None = None, **more) -> Solid:
    """Box with half edges `halves` (3,), turned by a rotation matrix."""
    return Solid("box", tuple(centre), _axes(halves, turn), colour, **more)


def rod(
    start, end, radius: float, colour, taper: float = 1.0, flat: float = 1.0, thin=(0.0, 0.0, 1.0), **more
) -> Solid:
    """Cylinder from start to end; the radius goes to `taper * radius` at the end, `flat` squeezes it along `thin`."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    along = (end - start) / 2
    y = along / (_length(along) or 1e-6)
    thin = np.asarray(thin, float)
    z = thin - y * (y @ thin)
    if _length(z) < 1e-3:
        z = _cross(y, (1.0, 0.0, 0.0) if abs(y[0]) < 0.9 else (0.0, 1.0, 0.0))
    z = z / _length(z)
    axes = np.column_stack([_cross(y, z) * radius, along, z * radius * flat])
    return Solid("rod", tuple((start + end) / 2), axes, colour, taper=taper, **more)


def limb(start, end, width: float, colour, flat: float = 1.0, **more) -> Solid:
    """Ellipsoid from start to end, `width` is its half width, `flat` squeezes it along `thin`."""
    solid = rod(start, end, width, colour, flat=flat, **more)
    return replace(solid, shape="ball", axes=solid.axes * np.array([1.0, 1.08, 1.0]))


def chain(points: Sequence, radius: float, colour, taper: float = 1.0, **more) -> list[Solid]:
    """A rope of limbs through the points, its radius going to `taper * radius` at the end."""
    points, n = [np.asarray(p, float) for p in points], len(points) - 1
    radii = [radius * (1 + (taper - 1) * i / max(n - 1, 1)) for i in range(n)]
    return [limb(*_overlap(points[i], points[i + 1]), radii[i], colour, **more) for i in range(n)]


def moved(
    solids: Sequence[Solid], by=(0.0, 0.0, 0.0), turn: np.ndarray | None = None, scale: float = 1.0
) -> list[Solid]:
    """The same solids turned, scaled and shifted as one."""
    turn = np.eye(3) if turn is None else turn
    return [
        replace(s, centre=tuple(scale * turn @ np.asarray(s.centre) + np.asarray(by)), axes=scale * turn @ s.axes)
        for s in solids
    ]


def render(
    solids: Sequence[Solid], view: np.ndarray, scale: float, at: tuple[float, float], light: np.ndarray
) -> Layer:
    """Draw the solids.

    Args:
        solids: in object space.
        view: (3, 3) rotation from object space to the camera.
        scale: pixels a unit.
        at: (x, y) pixel of the object's origin.
        light: (3,) unit vector towards the light, in camera space.

    Returns:
        A Layer with straight (not premultiplied) colour.
    """
    solids = sorted(solids, key=lambda s: s.opacity < 1.0)  # what one can see through is drawn last
    boxes = [_extent(s, view, scale, at) for s in solids]
    x0, y0 = (int(np.floor(min(b[i] for b in boxes))) - 1 for i in (0, 1))
    x1, y1 = (int(np.ceil(max(b[i] for b in boxes))) + 1 for i in (2, 3))
    shape = (y1 - y0, x1 - x0)
    names = sorted({s.part for s in solids})
    depth = np.full(shape, -np.inf, np.float32)
    rgb, alpha = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
    layer = Layer((x0, y0), rgb, alpha, np.full(shape, -1, np.int16), names)
    for solid, (bx0, by0, bx1, by1) in zip(solids, boxes, strict=True):
        rows = slice(max(int(by0) - y0, 0), min(int(np.ceil(by1)) - y0 + 1, shape[0]))
        cols = slice(max(int(bx0) - x0, 0), min(int(np.ceil(bx1)) - x0 + 1, shape[1]))
        _draw(solid, view, scale, (at[0] - x0, at[1] - y0), light, (rows, cols), depth, layer)
    return layer


def _length(v: np.ndarray) -> float:
    return math.sqrt(v @ v)


def _cross(a, b) -> np.ndarray:
    """The cross product of two vectors; NumPy's own takes ten times as long for three numbers."""
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def _overlap(start: np.ndarray, end: np.ndarray, share: float = 0.35) -> tuple[np.ndarray, np.ndarray]:
    """The stretch lengthened at both ends, so that the links of a chain grow together."""
    return start - share * (end - start), end + share * (end - start)


def _axes(radii, turn: np.ndarray | None) -> np.ndarray:
    return (np.eye(3) if turn is None else turn) * np.asarray(radii, float)


def _extent(solid: Solid, view: np.ndarray, scale: float, at: tuple[float, float]) -> tuple[float, float, float, float]:
    centre, axes = scale * view @ np.asarray(solid.centre), scale * view @ solid.axes
    reach = np.linalg.norm(axes, axis=1) if solid.shape == "ball" else np.abs(axes).sum(1)
    if solid.shape == "rod":
        reach = np.abs(axes[:, 1]) + max(1.0, solid.taper) * np.hypot(axes[:, 0], axes[:, 2])
    x, y = at[0] + centre[0], at[1] - centre[1]
    return x - reach[0], y - reach[1], x + reach[0], y + reach[1]


def _draw(solid, view, scale, at, light, window: tuple[slice, slice], depth, layer: Layer) -> None:
    """Meet the rays of one window with one solid and write into the layer what is nearer than what stands there."""
    centre, axes = scale * view @ np.asarray(solid.centre), scale * view @ solid.axes
    inverse = np.linalg.inv(axes).astype(np.float32)
    (rows, cols), width = window, depth.shape[1]
    x = np.arange(cols.start, cols.stop, dtype=np.float32) + 0.5 - np.float32(at[0] + centre[0])
    y = np.float32(at[1] - centre[1]) - np.arange(rows.start, rows.stop, dtype=np.float32) - 0.5
    t, hit, normal_of = _MEET[solid.shape](x, y, inverse, solid.taper)
    z = t + np.float32(centre[2])
    hit &= z > depth[window]
    rays = np.flatnonzero(hit)
    if not len(rays):
        return
    row, column = np.divmod(rays, len(x))
    local = np.stack([x[column], y[row], t.ravel()[rays]], axis=1) @ inverse.T
    normal = normal_of(local, rays) @ inverse
    normal /= np.sqrt(np.maximum(np.einsum("ij,ij->i", normal, normal), 1e-18))[:, None]
    colour, keep = _colour(solid, local)
    colour = _shade(colour, normal, light, solid.gloss, solid.glow)
    pixels = (row + rows.start) * width + column + cols.start
    if keep is not None:
        pixels, rays, colour = pixels[keep], rays[keep], colour[keep]
    rgb, alpha = layer.rgb.reshape(-1, 3), layer.alpha.reshape(-1)
    if solid.opacity < 1.0:
        colour = solid.opacity * colour + (1 - solid.opacity) * rgb[pixels]
        alpha[pixels] = solid.opacity + (1 - solid.opacity) * alpha[pixels]
    else:
        depth.reshape(-1)[pixels] = z.ravel()[rays]
        alpha[pixels] = 1.0
    rgb[pixels] = colour
    layer.parts.reshape(-1)[pixels] = layer.part_names.index(solid.part)


def _colour(solid: Solid, local: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    if not callable(solid.colour):
        return np.broadcast_to(np.asarray(solid.colour, np.float32), (len(local), 3)), None
    return solid.colour(local @ solid.axes.T.astype(np.float32) + np.asarray(solid.centre, np.float32))


def _shade(colour, normal, light, gloss: float, glow: float) -> np.ndarray:
    """Soft daylight: a wrapped lambert term, brighter from above, a highlight, darker where the surface turns away."""
    lambert = np.clip(0.35 + 0.65 * (normal @ light.astype(np.float32)), 0, 1)
    sky = 0.72 + 0.28 * normal[:, 1]
    edge = 0.75 + 0.25 * np.clip(normal[:, 2], 0, 1)
    lit = (glow + (1 - glow) * (0.32 * sky + 0.80 * lambert) * edge)[:, None] * colour
    half = light + np.array([0, 0, 1.0])
    eighth = np.clip(normal @ (half / np.linalg.norm(half)).astype(np.float32), 0, 1) ** 2
    eighth *= eighth
    eighth *= eighth  # the cosine to the eighth; its cube is the highlight, and no slow power is needed
    lit += (gloss * eighth * eighth * eighth)[:, None]
    return np.clip(lit, 0, 1, out=lit).astype(np.float32, copy=False)


def _starts(x: np.ndarray, y: np.ndarray, inverse: np.ndarray) -> list[np.ndarray]:
    """Where each ray crosses the plane z = 0 of the camera, in the solid's own space: three arrays (h, w)."""
    return [inverse[i, 0] * x[None, :] + inverse[i, 1] * y[:, None] for i in range(3)]


def _meet_ball(x, y, inverse, _taper):
    """|inverse (x, y, t)| = 1 is a quadratic in t whose discriminant is one in x and y, so no ray is carried over."""
    q = inverse.T @ inverse
    a = q[2, 2]
    inside = ((q[0, 2] ** 2 - a * q[0, 0]) * x**2 + a) + ((q[1, 2] ** 2 - a * q[1, 1]) * y**2)[:, None]
    inside += np.outer(2 * (q[0, 2] * q[1, 2] - a * q[0, 1]) * y, x)
    hit = inside > 0
    t = np.sqrt(np.maximum(inside, 0, out=inside), out=inside)
    t -= q[0, 2] * x
    t -= (q[1, 2] * y)[:, None]
    return np.divide(t, a, out=t), hit, lambda local, rays: local


def _meet_box(x, y, inverse, _taper):
    start, step = _starts(x, y, inverse), inverse[:, 2]
    safe = np.where(np.abs(step) < 1e-9, 1e-9, step)
    ends = [((1 - s) / d, (-1 - s) / d) for s, d in zip(start, safe, strict=True)]
    leave = np.stack([np.maximum(*e) for e in ends])
    enter = np.stack([np.minimum(*e) for e in ends]).max(0)
    t, side = leave.min(0), leave.argmin(0)

    def normal_of(local, rays):
        out = np.zeros_like(local)
        rows, axis = np.arange(len(local)), side.ravel()[rays]
        out[rows, axis] = np.sign(local[rows, axis])
        return out

    return t, t > enter, normal_of


def _meet_rod(x, y, inverse, taper: float):
    """Cone r(y) = m + k y between its caps y = -1 (radius 1) and y = +1 (radius taper)."""
    start, step = _starts(x, y, inverse), inverse[:, 2]
    m, k = (1 + taper) / 2, (taper - 1) / 2
    radius, slope = m + k * start[1], k * step[1]
    a = step[0] ** 2 + step[2] ** 2 - slope**2
    a = a if abs(a) > 1e-9 else 1e-9
    b = start[0] * step[0] + start[2] * step[2] - radius * slope
    c = start[0] ** 2 + start[2] ** 2 - radius**2
    inside = b * b - a * c
    root = np.sqrt(np.maximum(inside, 0))
    t = np.full_like(root, -np.inf)
    for meets in ((-b + root) / a, (-b - root) / a):  # the nearer one may lie beyond the caps, where the cone goes on
        between = (inside > 0) & (np.abs(start[1] + step[1] * meets) <= 1)
        t = np.where(between, np.maximum(t, meets), t)
    side = np.isfinite(t)
    cap = 1.0 if step[1] > 0 else -1.0
    if abs(step[1]) > 1e-9:
        t_cap = (cap - start[1]) / step[1]
        on_cap = (start[0] + step[0] * t_cap) ** 2 + (start[2] + step[2] * t_cap) ** 2 <= (m + k * cap) ** 2
        nearer = on_cap & (t_cap > t)
        t, side = np.where(nearer, t_cap, t), side | nearer
    else:
        nearer = np.zeros_like(side)

    def normal_of(local, rays):
        out = np.stack([local[:, 0], -k * (m + k * local[:, 1]), local[:, 2]], axis=1)
        out[nearer.ravel()[rays]] = (0.0, cap, 0.0)
        return out

    return np.where(np.isfinite(t), t, 0), side, normal_of


_MEET = {"ball": _meet_ball, "box": _meet_box, "rod": _meet_rod}
