"""The figure of random frames: each with its landmarks, grouped by emotion.

The frames come here already masked and drawn; this module only sets them out.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from mien.errors import InputError
from mien.files import replacing

FIGURE_SUFFIXES = (".png", ".pdf")
UNLABELED, UNPREDICTED = "no label", "no prediction"

_PANEL_WIDTH_IN = 2.7
_LEAST_COLUMNS = 2  # room for the heading over a single panel
_GAP_IN = 0.16
_GROUP_IN = 0.30  # above each row of panels: the names of the groups
_TITLE_IN = 0.36  # above each panel: two lines
_ROW_HEAD_IN = _GROUP_IN + _TITLE_IN
_MARGIN_IN, _TOP_IN, _FOOTER_IN = 0.25, 0.75, 0.3
_LONGEST = 120  # characters of a name that are tried at all
_LABEL_CHARACTERS = 24
_INK, _FAINT = "#1f2530", "#5b6472"
# Okabe and Ito's colours, which the colour-blind can tell apart, darkened to be read as text.
_GROUP_COLORS = (
    *("#0072b2", "#c04f00", "#00795a", "#a6497e", "#8a6d00", "#2b7fae", "#6b6b6b", "#7a3fb0"),
)
_DPI = 150
_IMAGE_DPI = {".png": _DPI, ".pdf": 2 * _DPI}  # a PDF is looked at closely


@dataclass(frozen=True)
class Panel:
    """One frame of the figure. image: (H, W, 3) uint8 RGB, landmarks already drawn."""

    image: np.ndarray
    clip: str
    frame_num: int
    emotion: str | None
    predicted: str | None = None
    note: str = ""  # such as "no face found"


def sample_rows(count: int, *, size: int, random_state: int) -> np.ndarray:
    """Which of `count` rows to draw: (min(size, count),) int64, no row twice.

    The very rows that pandas' DataFrame.sample(n=size, random_state=random_state) takes.

    >>> sample_rows(379, size=4, random_state=26)
    array([142, 290, 159,  30])
    """
    generator = np.random.RandomState(random_state)  # pandas' own; default_rng would differ
    return generator.choice(count, size=min(size, count), replace=False)


def overlay_figure(
    panels: Sequence[Panel],
    *,
    out: str | Path,
    heading: str = "",
    footer: str = "",
    by_predicted: bool = False,
) -> Path:
    """Set panels out in groups, as set_out does, and write them as PNG or PDF.

    Returns the path. Raises InputError when there are no panels, or for another ending.
    """
    out = check_figure_path(out)
    with replacing(out) as temporary, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # drawn as a box
        figure = set_out(panels, heading=heading, footer=footer, by_predicted=by_predicted)
        figure.savefig(temporary, dpi=_IMAGE_DPI[out.suffix.lower()], metadata=_undated(out))
    return out


def set_out(
    panels: Sequence[Panel],
    *,
    heading: str = "",
    footer: str = "",
    by_predicted: bool = False,
    columns: int = 4,
) -> Figure:
    """A page of panels, sorted by emotion, each group under its name.

    by_predicted: group by the predicted label, and name the given one in the title.
    Raises InputError when there are no panels.
    """
    if not panels:
        raise InputError("no frame to draw: the table has no face in a clip that was found")
    grouped = _grouped(panels, by_predicted=by_predicted)
    columns = max(_LEAST_COLUMNS, min(columns, len(grouped)))
    ratio = float(np.median([panel.image.shape[0] / panel.image.shape[1] for panel in panels]))
    page = _Page.of(len(grouped), columns, _PANEL_WIDTH_IN * float(np.clip(ratio, 0.5, 1.5)))
    colors = _colors([name for name, _ in grouped])
    page.write((_MARGIN_IN, _MARGIN_IN + 0.15, page.text_in), heading, size=13, weight="bold")
    for row in range(-(-len(grouped) // columns)):
        cells = grouped[row * columns : (row + 1) * columns]
        _draw_groups(page, row, [name for name, _ in cells], colors)
        for column, (name, panel) in enumerate(cells):
            _draw_panel(page, row, column, panel, colors[name], by_predicted)
    foot_in = (_MARGIN_IN, page.height_in - 0.17, page.text_in)
    page.write(foot_in, footer, size=7.5, color=_FAINT)
    return page.figure


def check_figure_path(out: str | Path) -> Path:
    """The path, if its ending says a figure that can be written. Raises InputError."""
    out = Path(out)
    if out.suffix.lower() not in FIGURE_SUFFIXES:
        raise InputError(f"{out}: a figure ends in .png or .pdf")
    return out


def shortened(text: str, *, limit: int) -> str:
    """Text of at most `limit` characters, cut in the middle: both ends tell clips apart.

    Characters that cannot be printed, line breaks among them, become a question mark.

    >>> shortened("morning_2/1001_DFA_ANG_XX.flv", limit=17)
    'morning_…G_XX.flv'
    """
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    if len(text) <= limit:
        return text
    tail = (limit - 1) // 2
    return f"{text[: limit - 1 - tail]}…{text[-tail:]}"


def _grouped(panels: Sequence[Panel], *, by_predicted: bool) -> list[tuple[str, Panel]]:
    """(group, panel) sorted by group, those without one last, then by clip and frame."""
    named = [(panel.predicted if by_predicted else panel.emotion, panel) for panel in panels]
    named.sort(key=lambda pair: (pair[0] is None, pair[0] or "", pair[1].clip, pair[1].frame_num))
    unnamed = UNPREDICTED if by_predicted else UNLABELED
    return [(unnamed if name is None else name, panel) for name, panel in named]


@dataclass(frozen=True)
class _Page:
    """A figure measured in inches from its top left corner."""

    figure: Figure
    width_in: float
    height_in: float
    image_in: float  # height of a panel's image

    @classmethod
    def of(cls, count: int, columns: int, image_in: float) -> _Page:
        rows = -(-count // columns)
        width_in = 2 * _MARGIN_IN + columns * (_PANEL_WIDTH_IN + _GAP_IN) - _GAP_IN
        height_in = _TOP_IN + rows * (_ROW_HEAD_IN + image_in + _GAP_IN) + _FOOTER_IN
        figure = Figure(figsize=(width_in, height_in), dpi=_DPI, facecolor="white")
        FigureCanvasAgg(figure)
        return cls(figure, width_in, height_in, image_in)

    @property
    def text_in(self) -> float:
        return self.width_in - 2 * _MARGIN_IN

    def left_in(self, column: int) -> float:
        return _MARGIN_IN + column * (_PANEL_WIDTH_IN + _GAP_IN)

    def top_in(self, row: int) -> float:
        return _TOP_IN + row * (_ROW_HEAD_IN + self.image_in + _GAP_IN)

    def write(
        self,
        box_in: tuple[float, float, float],
        text: str,
        *,
        size: float,
        color: str = _INK,
        weight: str = "normal",
    ) -> None:
        """Plain text on one line, shortened to fit: a dollar sign in a label starts no formula.

        box_in: left edge, middle of the line, width.
        """
        left_in, middle_in, room_in = box_in
        line = self.figure.text(
            left_in / self.width_in,
            1 - middle_in / self.height_in,
            shortened(text, limit=_LONGEST),
            fontsize=size,
            color=color,
            fontweight=weight,
            verticalalignment="center",
            parse_math=False,
        )
        limit, width_in = len(line.get_text()), _width_in(line)
        while width_in > room_in and limit > 3:
            limit = max(3, min(limit - 1, int(limit * room_in / width_in)))
            line.set_text(shortened(text, limit=limit))
            width_in = _width_in(line)

    def add_line(self, left_in: float, right_in: float, top_in: float, color: str) -> None:
        y = 1 - top_in / self.height_in
        ends = [left_in / self.width_in, right_in / self.width_in]
        self.figure.add_artist(Line2D(ends, [y, y], linewidth=2, color=color))

    def add_image(self, image: np.ndarray, left_in: float, top_in: float, color: str) -> None:
        bottom = 1 - (top_in + self.image_in) / self.height_in
        size = (_PANEL_WIDTH_IN / self.width_in, self.image_in / self.height_in)
        axes = self.figure.add_axes((left_in / self.width_in, bottom, *size))
        axes.imshow(image, interpolation="antialiased")
        axes.set_anchor("NW")
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color=color, linewidth=1.5)


def _width_in(line: Text) -> float:
    return float(line.get_window_extent().width) / _DPI


def _colors(names: list[str]) -> dict[str, str]:
    distinct = list(dict.fromkeys(names))
    return {name: _GROUP_COLORS[i % len(_GROUP_COLORS)] for i, name in enumerate(distinct)}


def _runs(names: list[str]) -> Iterator[tuple[str, int, int]]:
    """(name, first column, last column) of neighbours in one group."""
    column = 0
    for name, members in groupby(names):
        count = len(list(members))
        yield name, column, column + count - 1
        column += count


def _draw_groups(page: _Page, row: int, names: list[str], colors: dict[str, str]) -> None:
    """A line over each group's panels in a row, and the group's name on it."""
    top_in = page.top_in(row)
    for name, first, last in _runs(names):
        left_in, right_in = page.left_in(first), page.left_in(last) + _PANEL_WIDTH_IN
        box_in = (left_in, top_in + 0.09, right_in - left_in)
        page.write(box_in, name, size=11, weight="bold", color=colors[name])
        page.add_line(left_in, right_in, top_in + 0.22, colors[name])


def _draw_panel(
    page: _Page, row: int, column: int, panel: Panel, color: str, by_predicted: bool
) -> None:
    left_in, top_in = page.left_in(column), page.top_in(row) + _GROUP_IN
    caption = _caption(panel, by_predicted)
    page.write((left_in, top_in + 0.09, _PANEL_WIDTH_IN), panel.clip, size=8.5)
    page.write((left_in, top_in + 0.24, _PANEL_WIDTH_IN), caption, size=8, color=_FAINT)
    page.add_image(panel.image, left_in, top_in + _TITLE_IN, color)


def _caption(panel: Panel, by_predicted: bool) -> str:
    label = (
        UNLABELED if panel.emotion is None else shortened(panel.emotion, limit=_LABEL_CHARACTERS)
    )
    if by_predicted and panel.emotion is not None:
        label = f"labelled {label}"
    return " · ".join(part for part in (f"frame {panel.frame_num}", label, panel.note) if part)


def _undated(out: Path) -> dict[str, None]:
    """Metadata without a date, so that the same frames give the same file."""
    return {"CreationDate": None} if out.suffix.lower() == ".pdf" else {"Software": None}
