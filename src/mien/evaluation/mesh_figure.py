"""A face's heat: how much each part of the mesh moved an answer, drawn on the canonical face.

Darker is more, on a scale that loses nothing in grey print and holds for the colour-blind: its
lightness falls all the way. The panels of one figure share the scale.

Shapes: P = 478 points. The face looks at the reader: the person's own left is on the right.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Polygon
from matplotlib.tri import Triangulation

from mien.errors import InputError, ShapeError
from mien.evaluation.canvas import DPI, INK, NAMES_LIMIT, SOFT, png
from mien.evaluation.overlay_figure import shortened
from mien.face.canonical import canonical_face, canonical_triangles
from mien.face.topology import LEFT_IRIS_CENTER, PARTS, RIGHT_IRIS_CENTER, points_of_part
from mien.tables import POINT_COUNT

HEAT = LinearSegmentedColormap.from_list(
    "mien heat", ["#f6f3ec", "#f4d9a8", "#e9a35f", "#cd6a3a", "#93362f", "#4a1526"]
)
COLUMNS = 4  # of panels in a row, at most
_PANEL_IN, _PANEL_HEIGHT_IN, _HEAD_IN, _BAR_IN = 2.2, 2.85, 0.55, 0.75
_FACE_IN = 2.0
_LEAST_WIDTH_IN = 3.4
_LONG_TITLE, _LINE_LIMIT = 14, 40  # characters: longer titles are set smaller, lines are cut
_LINE, _HALO = "#3c4043", "#ffffff"  # pale around dark, so that a line shows on any heat
_IRISES = (  # eye, centre and one point of the rim
    ("right eye", RIGHT_IRIS_CENTER, RIGHT_IRIS_CENTER + 1),
    ("left eye", LEFT_IRIS_CENTER, LEFT_IRIS_CENTER + 1),
)
_LEAST_SCALE = 1e-9  # where nothing moved an answer, everything is pale


@dataclass(frozen=True)
class HeatPanel:
    """One face of a figure."""

    title: str
    lines: tuple[str, ...]  # below the title, small
    heat: np.ndarray  # (478,) in the figure's unit; what is below 0 is as pale as 0


def mesh_figure(panels: Sequence[HeatPanel], *, unit: str, smooth: int = 1) -> bytes:
    """Faces side by side with one colour bar, as PNG.

    unit: of the heat, written at the bar. smooth: how often a point takes the mean of itself
    and its neighbours before it is drawn, without which single points look like noise.
    Raises InputError for no panel, ShapeError unless heat is (478,) and finite.
    """
    if not panels:
        raise InputError("no face to draw: give one panel or more")
    heats = [smoothed(_checked(panel.heat), times=smooth) for panel in panels]
    top = max(max(float(heat.max()) for heat in heats), _LEAST_SCALE)
    scale = Normalize(0, top)
    rows = -(-len(panels) // COLUMNS)
    columns = -(-len(panels) // rows)
    width_in, height_in = max(columns * _PANEL_IN, _LEAST_WIDTH_IN), rows * _PANEL_HEIGHT_IN
    height_in += _BAR_IN
    figure = Figure(figsize=(width_in, height_in), dpi=DPI)
    for place, (panel, heat) in enumerate(zip(panels, heats, strict=True)):
        row, column = divmod(place, columns)
        in_row = min(columns, len(panels) - row * columns)
        middle_in = width_in / 2 + (column - (in_row - 1) / 2) * _PANEL_IN
        top_in = height_in - row * _PANEL_HEIGHT_IN
        _write_head(figure, panel, middle_in / width_in, top_in)
        corner = (middle_in - _FACE_IN / 2) / width_in, (top_in - _PANEL_HEIGHT_IN) / height_in
        size = _FACE_IN / width_in, (_PANEL_HEIGHT_IN - _HEAD_IN) / height_in
        draw_face(figure.add_axes((*corner, *size)), heat, scale=scale)
    _draw_bar(figure, scale, unit)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # drawn as a box
        return png(figure)


def draw_face(axes: Axes, heat: np.ndarray, *, scale: Normalize) -> None:
    """The face from the front, coloured by heat (478,), with its parts in thin lines."""
    x, y = _front().T
    mesh = Triangulation(x, y, canonical_triangles())
    axes.tripcolor(mesh, np.clip(heat[: len(x)], 0, None), cmap=HEAT, norm=scale, shading="gouraud")
    axes.triplot(mesh, color="white", linewidth=0.25, alpha=0.35)
    for colour, width, alpha in ((_HALO, 1.5, 0.55), (_LINE, 0.6, 1.0)):
        axes.add_collection(
            LineCollection(
                _outlines(), colors=colour, linewidths=width, alpha=alpha, capstyle="round"
            )
        )
    for eye, center, rim in _IRISES:
        lids = Polygon(_drawn()[list(points_of_part(eye))], transform=axes.transData)
        radius = float(np.linalg.norm(_drawn()[rim] - _drawn()[center]))
        iris = Circle(tuple(_drawn()[center]), radius, fill=False, edgecolor=_LINE, linewidth=0.5)
        axes.add_patch(iris)
        iris.set_clip_path(lids)
    axes.set_aspect("equal")
    axes.set_axis_off()


def smoothed(heat: np.ndarray, *, times: int) -> np.ndarray:
    """(478,) each point's mean with its neighbours on the mesh, so many times over."""
    first, second = _edges()
    for _ in range(times):
        total, count = heat.astype(np.float64).copy(), np.ones(POINT_COUNT)
        for one, other in ((first, second), (second, first)):
            np.add.at(total, one, heat[other])
            np.add.at(count, one, 1)
        heat = total / count
    return heat


@cache
def _outlines() -> list[np.ndarray]:
    """The parts' lines as (n, 2) on paper; irises and the nose's bridge are drawn otherwise."""
    kept = [c for name, part in PARTS.items() if "iris" not in name for c in part]
    return [
        _drawn()[[*contour.points, *contour.points[: int(contour.is_closed)]]]
        for contour in kept
        if contour != PARTS["nose"][0]
    ]


@cache
def _edges() -> tuple[np.ndarray, np.ndarray]:
    """Each edge of the mesh once, as two columns of points."""
    corners = canonical_triangles()
    pairs = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [2, 0]]])
    first, second = np.unique(np.sort(pairs, axis=1), axis=0).T
    return first, second


@cache
def _drawn() -> np.ndarray:
    """(478, 2) the canonical face on paper: y up."""
    return canonical_face()[:, :2] * np.array([1, -1])


@cache
def _front() -> np.ndarray:
    """(468, 2) of the mesh's own points: those of the irises belong to no triangle."""
    return _drawn()[: canonical_triangles().max() + 1]


def _checked(heat: np.ndarray) -> np.ndarray:
    if heat.shape != (POINT_COUNT,) or not np.isfinite(heat).all():
        raise ShapeError(
            f"heat must be ({POINT_COUNT},) finite numbers, one a point, got {heat.shape} with "
            f"{int((~np.isfinite(heat)).sum())} that are not finite"
        )
    return heat


def _write_head(figure: Figure, panel: HeatPanel, middle: float, top_in: float) -> None:
    title = shortened(panel.title, limit=NAMES_LIMIT)
    rows: Iterable[tuple[str, float, str, str]] = [
        (title, 10.5 if len(title) <= _LONG_TITLE else 8.5, INK, "bold"),
        *((shortened(line, limit=_LINE_LIMIT), 7.5, SOFT, "normal") for line in panel.lines),
    ]
    down_in = 0.13
    for text, size, colour, weight in rows:
        place = middle, (top_in - down_in) / figure.get_figheight()
        figure.text(
            *place, text, size=size, color=colour, weight=weight, ha="center", va="center",
            parse_math=False,
        )  # fmt: skip
        down_in += 0.16


def _draw_bar(figure: Figure, scale: Normalize, unit: str) -> None:
    width = min(3.0 / figure.get_figwidth(), 0.86)
    place = ((1 - width) / 2, 0.44 / figure.get_figheight(), width, 0.1 / figure.get_figheight())
    bar = figure.colorbar(
        ScalarMappable(scale, HEAT), cax=figure.add_axes(place), orientation="horizontal"
    )
    bar.outline.set_linewidth(0.4)
    bar.ax.tick_params(labelsize=7.5, length=2, width=0.5)
    bar.set_label(unit, size=8, color=INK)
