"""What every figure of a report shares: colours, paper, labels. Drawn without pyplot.

Colours hold for the colour-blind (Okabe and Ito's) and differ in grey print;
where two lines share a figure, marker, dashes or hatching tell them apart too.
"""

from __future__ import annotations

import io
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, VERMILION = "#0072b2", "#e69f00", "#009e73", "#d55e00"
GREY, FAINT, INK, SOFT = "#9aa0a6", "#e0e0e0", "#202124", "#5f6368"
SERIES = (
    (BLUE, "o", "-"),
    (VERMILION, "s", "--"),
    (GREEN, "^", "-."),
    (ORANGE, "D", ":"),
    (INK, "v", (0, (5, 1, 1, 1, 1, 1))),
    (GREY, "P", (0, (1, 3))),
)  # colour, marker, dashes
DPI = 160
NAMES_LIMIT = 24  # characters of a label on an axis


def canvas(width_in: float, height_in: float) -> tuple[Figure, Axes]:
    """A figure with one plot."""
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    plain(axes)
    return figure, axes


def canvases(
    width_in: float, height_in: float, *, rows: int = 1, columns: int = 1, **options: Any
) -> tuple[Figure, list[Axes]]:
    """A figure with several plots. options: of Figure.subplots."""
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, layout="constrained")
    made = figure.subplots(rows, columns, squeeze=False, **options).ravel().tolist()
    for axes in made:
        plain(axes)
    return figure, made


def plain(axes: Axes) -> None:
    """Two spines, small figures."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    axes.set_axisbelow(True)


def short(label: str) -> str:
    """A label for an axis: one line, not too long, and printable in any font."""
    text = " ".join(label.split())
    text = text.encode("ascii", "replace").decode() if not text.isprintable() else text
    return text if len(text) <= NAMES_LIMIT else text[: NAMES_LIMIT - 1] + "…"


def png(figure: Figure) -> bytes:
    """The figure as PNG, without the date or the software's version in it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
