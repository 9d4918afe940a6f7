"""A stay on one page: index and own baseline, score, quality, the three axes, alerts.

Landscape A4. States differ by hatching and by a word in them, terms by hatching, alerts by number:
in grey print and for the colour-blind it says the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from mien.config import INTENDED_USE
from mien.evaluation.canvas import (
    BLUE,
    DPI,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    SOFT,
    VERMILION,
    drawable,
    plain,
    png,
)
from mien.evaluation.stay_bands import STATES, Look, draw_bands, shown
from mien.evaluation.stay_table import draw_table, table_share
from mien.evaluation.stay_trace import StayTrace
from mien.risk.action_units import CURVE
from mien.risk.events import Record
from mien.risk.settings import WatchConfig
from mien.risk.words import moment

A4_IN = (11.7, 8.27)
_TABLE = 3.2  # height of a full table; the score's plot has 2.1
_TICKS_S = (1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600)
_TICKS_MS = [1000 * s for s in _TICKS_S] + [86_400_000 * days for days in (1, 2, 7)]
_MOST_TICKS = 14
_NAME_LIMIT = 40  # characters of a patient's name
_NEAR = 0.012  # of the width: numbers of alerts nearer than this are one


TERM_LOOKS = {
    "P": Look(BLUE),
    "B": Look("#56b4e9", "///"),
    "E": Look(GREEN, "..."),
    "N": Look(GREY, "xxx"),
    "R": Look(ORANGE, "\\\\\\"),
    "C": Look(INK),
}
TERM_NAMES = {
    "P": "P index",
    "B": "B above own baseline",
    "E": "E last 5 min",
    "N": "N model, weak",
    "R": "R restless",
    "C": "C slow rise",
}


def stay_figure(trace: StayTrace, config: WatchConfig) -> bytes:
    """The page as PNG. Without a second that was appraised, its plots are empty."""
    figure = Figure(figsize=A4_IN, dpi=DPI)
    grid = figure.add_gridspec(
        5, 1, height_ratios=[3.0, 2.1, 1.0, 1.9, _TABLE * table_share(len(trace.records))],
        hspace=0.16, left=0.085, right=0.95, top=0.925, bottom=0.07,
    )  # fmt: skip
    index = figure.add_subplot(grid[0])
    plots = [index, *(figure.add_subplot(grid[row], sharex=index) for row in (1, 2, 3))]
    for axes in plots:
        plain(axes)
    edges = _edges_h(trace)
    _draw_index(plots[0], trace, edges, config)
    _draw_score(plots[1], trace, edges, config)
    _draw_quality(plots[2], trace, edges, config)
    draw_bands(plots[3], trace)
    numbered = list(enumerate(trace.records.values(), start=1))
    _mark_alerts(plots[0], numbered, max(trace.end_ms - (trace.begin_ms or 0), 1))
    _time_axis(plots, trace)
    draw_table(figure.add_subplot(grid[4]), numbered)
    _words(figure, trace, config)
    return png(figure)


def _edges_h(trace: StayTrace) -> np.ndarray:
    """(bins + 1,) in ms of the stream."""
    begin_ms = trace.begin_ms or 0
    return begin_ms + trace.bin_ms * np.arange(len(trace.bins) + 1)


def _column(trace: StayTrace, name: str) -> np.ndarray:
    """(bins,) float, NaN where nothing was measured."""
    values = [getattr(one, name) for one in trace.bins]
    return np.array([np.nan if value is None else value for value in values], float)


def _stairs(axes: Axes, values: np.ndarray, edges: np.ndarray, **style: Any) -> None:
    if len(values):
        axes.stairs(values, edges, baseline=None, **style)


def _draw_index(axes: Axes, trace: StayTrace, edges: np.ndarray, config: WatchConfig) -> None:
    """P against the limits from which it counts, and own baseline with 2 and 3 deviations."""
    p = _column(trace, "p_most")
    own = np.array([one.own or (np.nan, np.nan) for one in trace.bins]).reshape(-1, 2)
    if len(p):
        least, _ = config.settings.appraisal.b_limits
        steps = np.array([-least, 0, least])  # deviations are counted on levels, not on P
        levels = own[:, :1] + steps * own[:, 1:]
        below, median, usual = (np.maximum(levels, 0) ** CURVE).T
        middles = (edges[:-1] + edges[1:]) / 2
        axes.fill_between(
            middles, below, usual, color=GREEN, alpha=0.18,
            linewidth=0, label=f"own baseline ± {least:g} deviations", step="mid",
        )  # fmt: skip
        axes.plot(middles, median, color=GREEN, linestyle="--", linewidth=1.1, label="own median")
    for adds, limit in enumerate(config.settings.appraisal.p_limits, start=1):
        axes.axhline(limit, color=GREY, linestyle=":", linewidth=0.9, zorder=0)
        _at_right(axes, limit, f"adds {adds}")
    _stairs(axes, p, edges, color=BLUE, linewidth=1.1, label="index P, the highest of each moment")
    top = max(8.0, float(np.nanmax(p)) if np.isfinite(p).any() else 0.0)
    axes.set_ylim(0, 1.18 * top)
    axes.set_ylabel("pain-expression\nindex P (0-16)", fontsize=9)
    _legend(axes, columns=3)


def _draw_score(axes: Axes, trace: StayTrace, edges: np.ndarray, config: WatchConfig) -> None:
    """What each term adds, one on another, at the moment's highest score."""
    below = np.zeros(len(trace.bins))
    for name, look in TERM_LOOKS.items():
        added = np.array([dict(one.weights).get(name, 0) for one in trace.bins], float)
        if len(added):
            axes.stairs(
                below + added, edges, baseline=below, fill=True, facecolor=look.colour,
                hatch=look.hatch, edgecolor="white", linewidth=0, label=TERM_NAMES[name],
            )  # fmt: skip
            below = below + added
    limits = config.settings.conditions
    for name in ("watch", "sustained", "concern"):
        limit = getattr(limits, f"{name}_raise")
        axes.axhline(limit, color=GREY, linestyle=":", linewidth=0.9, zorder=0)
        _at_right(axes, limit, name)
    axes.set_ylim(0, max(7.0, float(below.max(initial=0)) + 2))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.set_ylabel("score and\nits terms", fontsize=9)
    if trace.bins:
        _legend(axes, columns=len(TERM_LOOKS))


def _at_right(axes: Axes, limit: float, name: str) -> None:
    """What a dotted line is."""
    axes.annotate(
        name, (1, limit), xycoords=("axes fraction", "data"), xytext=(3, 0),
        textcoords="offset points", fontsize=6.5, color=SOFT, va="center",
    )  # fmt: skip


def _legend(axes: Axes, *, columns: int) -> None:
    """In a corner, over what is drawn there; none where nothing is."""
    if not axes.get_legend_handles_labels()[0]:
        return
    axes.legend(
        loc="upper right", fontsize=7.5, ncols=columns, borderaxespad=0.1, frameon=True,
        framealpha=0.85, edgecolor="none", handlelength=1.6, columnspacing=1.2,
    )  # fmt: skip


def _draw_quality(axes: Axes, trace: StayTrace, edges: np.ndarray, config: WatchConfig) -> None:
    limit = config.settings.signal.usable_quality
    quality = _column(trace, "quality_least")
    _stairs(axes, quality, edges, color=INK, linewidth=0.9)
    axes.axhline(limit, color=VERMILION, linestyle="--", linewidth=1.0)
    axes.annotate(
        "below:\nno score", (1, limit), xycoords=("axes fraction", "data"), xytext=(4, 0),
        textcoords="offset points", fontsize=7, color=VERMILION, va="center",
    )  # fmt: skip
    axes.set_ylim(0, 1.05)
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel("signal\nquality", fontsize=9)


def _mark_alerts(axes: Axes, numbered: list[tuple[int, Record]], length_ms: int) -> None:
    """A number over the index where an alert began; one for all that lie too near together."""
    groups: list[list[tuple[int, Record]]] = []
    for number, record in numbered:
        axes.axvline(record.onset_ms, color=VERMILION, linewidth=0.6, alpha=0.6, zorder=0)
        near_ms = _NEAR * length_ms
        if groups and record.onset_ms - groups[-1][-1][1].onset_ms < near_ms:
            groups[-1].append((number, record))
        else:
            groups.append([(number, record)])
    for group in groups:
        (first, record), (last, _) = group[0], group[-1]
        axes.annotate(
            str(first) if first == last else f"{first}-{last}", (record.onset_ms, 1.0),
            xycoords=("data", "axes fraction"), ha="center", va="bottom", fontsize=7,
            color=VERMILION, annotation_clip=False,
        )  # fmt: skip


def _time_axis(plots: list[Axes], trace: StayTrace) -> None:
    begin_ms, end_ms = trace.begin_ms or 0, max(trace.end_ms, (trace.begin_ms or 0) + 1000)
    fits = (step for step in _TICKS_MS if (end_ms - begin_ms) / step <= _MOST_TICKS)
    step_ms = next(fits, _TICKS_MS[-1])
    first_ms = -(-begin_ms // step_ms) * step_ms
    plots[0].set_xlim(begin_ms, end_ms)
    for axes in plots:
        axes.xaxis.set_major_locator(FixedLocator(list(range(first_ms, end_ms + 1, step_ms))))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda ms, _: moment(round(ms))))
        axes.grid(axis="x", color=FAINT, linewidth=0.7)
        axes.tick_params(axis="x", labelbottom=axes is plots[-1], labelsize=8)


def _words(figure: Figure, trace: StayTrace, config: WatchConfig) -> None:
    begin_ms = trace.begin_ms or 0
    length = moment(max(trace.end_ms - begin_ms, 0))
    figure.text(
        0.012, 0.965, f"Stay of {_name(trace.patient)}: {length}, from {moment(begin_ms)}",
        fontsize=12, color=INK, weight="bold", parse_math=False,
    )  # fmt: skip
    model = config.model_hash or "none"
    figure.text(
        0.985, 0.967, f"settings {config.settings_hash}  rules {config.rules_hash}  model {model}",
        fontsize=7, color=SOFT, ha="right",
    )  # fmt: skip
    figure.legend(
        handles=[
            Patch(facecolor=look.colour, hatch=look.hatch, edgecolor="white", label=names)
            for look, names in _looks()
        ],
        loc="lower left", bbox_to_anchor=(0.008, 0.036), ncols=len(STATES), fontsize=6.8,
        frameon=False, handlelength=1.8, columnspacing=1.1, borderaxespad=0,
    )  # fmt: skip
    figure.text(0.012, 0.012, _wrapped(INTENDED_USE), fontsize=6.2, color=SOFT, va="bottom")


def _looks() -> list[tuple[Look, str]]:
    """What bands look like, and the states that look so."""
    looks: dict[Look, list[str]] = {}
    for name, look in STATES.items():
        looks.setdefault(look, []).append(shown(name))
    return [(look, ", ".join(names)) for look, names in looks.items()]


def _name(patient: str) -> str:
    """Of a patient, as much as there is room for."""
    text = drawable(patient)
    return text if len(text) <= _NAME_LIMIT else text[: _NAME_LIMIT - 1] + "…"


def _wrapped(text: str) -> str:
    half = text.rfind(" ", 0, len(text) // 2 + 20)
    return f"{text[:half]}\n{text[half + 1 :]}"
