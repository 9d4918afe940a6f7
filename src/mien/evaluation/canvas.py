"""What every figure of a report shares: colours, paper, labels. Drawn without pyplot.

Colours hold for the colour-blind (Okabe and Ito's) and differ in grey print;
where two lines share a figure, marker, dashes or hatching tell them apart too.
"""

from __future__ import annotations

import io
from functools import cache
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

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


def drawable(text: str) -> str:
    """One line that the figures' font can draw: other characters by their numbers.

    Two names that differ still do, and matplotlib has nothing to warn of.

    >>> drawable("M\\u00fcller\\n\\u5c71")
    'M\u00fcller \\\\u5c71'
    """
    drawn = _drawn()
    return "".join(
        one if ord(one) in drawn and one.isprintable() else one.encode("unicode_escape").decode()
        for one in " ".join(text.split())
    )


@cache
def _drawn() -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties())).get_charmap())


def short(label: str) -> str:
    """A label for an axis: one line, not too long, and drawable."""
    text = drawable(label)
    return text if len(text) <= NAMES_LIMIT else text[: NAMES_LIMIT - 1] + "…"


def png(figure: Figure) -> bytes:
    """The figure as PNG, without the date or the software's version in it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
