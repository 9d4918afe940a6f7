"""Figures of how far answers can be believed, as PNG bytes.

Reliability, risk and coverage, prediction sets, groups of people, recipes side
by side. Whiskers are 95 % intervals over people; hollow marks stand for too few
people to claim anything.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from mien.evaluation.canvas import (
    BLUE,
    FAINT,
    GREY,
    INK,
    SERIES,
    SOFT,
    canvas,
    canvases,
    png,
    short,
)
from mien.evaluation.comparison import Comparison, Measures
from mien.evaluation.fairness import LEAST_PEOPLE, GroupScores
from mien.evaluation.metrics import Score
from mien.evaluation.reliability import Reliability
from mien.evaluation.selective import CoverageScore, Selective, SetScores

SHOWN_COVERAGE = 0.7  # the one written beside the curve


def reliability_diagram(found: Reliability) -> bytes:
    """Share right against confidence, bin by bin, over how many answers there are of each."""
    figure, (axes, below) = canvases(
        4.8, 5.2, rows=2, sharex=True, gridspec_kw={"height_ratios": [4, 1]}
    )
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.3)
    axes.annotate(
        "as sure as right", (0.0, 0.0), xytext=(2, 7), textcoords="offset points", rotation=45,
        rotation_mode="anchor", color=SOFT, fontsize=8,
    )  # fmt: skip
    filled = [each for each in found.bins if each.count]
    for each in filled:
        _mark(
            axes, each.confidence, each.accuracy, colour=BLUE, marker="o", upright=True,
            is_hollow=each.people < LEAST_PEOPLE,
        )  # fmt: skip
    middles = [(each.low + each.high) / 2 for each in found.bins]
    shares = [each.count / max(found.count, 1) for each in found.bins]
    width = 0.92 * (found.bins[0].high - found.bins[0].low)
    below.bar(middles, shares, width, color=BLUE, edgecolor="white", linewidth=0.6)
    axes.set_ylim(-0.02, 1.02)
    axes.set_ylabel(f"{found.unit} answered rightly")
    absent = f"; {found.unanswered:,} without an answer left out" if found.unanswered else ""
    axes.set_title(f"ECE {_text(found.ece)}{absent}", fontsize=9, color=INK, loc="left")
    below.set_ylabel("share")
    below.set_xlabel("confidence: probability of the likeliest label")
    below.set_xlim(-0.02, 1.02)
    for each_axes in (axes, below):
        each_axes.yaxis.set_major_formatter(FuncFormatter(_percent))
        each_axes.grid(color=FAINT, linewidth=0.8)
    below.xaxis.set_major_formatter(FuncFormatter(_percent))
    return png(figure)


def risk_coverage_curve(curves: Mapping[str, Selective]) -> bytes:
    """Share wrong among the surest answers, as more of them are given. The first has its band."""
    figure, axes = canvas(6.4, 3.8)
    for index, ((name, found), (colour, marker, dashes)) in enumerate(
        zip(curves.items(), _series(len(curves)), strict=True)
    ):
        coverage = [point.coverage for point in found.curve]
        axes.plot(
            coverage, [1 - point.accuracy.value for point in found.curve], color=colour,
            linestyle=dashes, linewidth=1.8, label=_curve_label(name, found), marker=marker,
            markersize=4, markevery=(2 + index, 8),
        )  # fmt: skip
        if index == 0:
            low = [1 - point.accuracy.high for point in found.curve]
            high = [1 - point.accuracy.low for point in found.curve]
            axes.fill_between(coverage, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.axvline(SHOWN_COVERAGE, color=GREY, linestyle=":", linewidth=1.2, zorder=0)
    unit = next(iter(curves.values())).unit if curves else "answers"
    axes.set_xlabel(f"coverage: share of {unit} answered, the surest first")
    axes.set_ylabel("risk: share of those wrong")
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter(FuncFormatter(_percent))
    axes.yaxis.set_major_formatter(FuncFormatter(_percent))
    axes.grid(color=FAINT, linewidth=0.8)
    _legend_above(axes)
    return png(figure)


def set_sizes(found: Sequence[SetScores]) -> bytes:
    """How many labels the sets hold, and how often they hold each true label."""
    labels = [short(line.label) for line in found[0].per_label]
    figure, (left, right) = canvases(
        9.0, max(3.2, 1.4 + 0.34 * len(labels)), columns=2, gridspec_kw={"width_ratios": [1, 1]}
    )
    _size_bars(left, found)
    rows = np.arange(len(labels) + 1)
    for index, (each, style) in enumerate(zip(found, _series(len(found)), strict=True)):
        shift = 0.24 * (index - (len(found) - 1) / 2)
        scores = [each.coverage, *(line.coverage for line in each.per_label)]
        people = [each.people, *(line.people for line in each.per_label)]
        for row, score, behind in zip(rows, scores, people, strict=True):
            _mark(
                right, row + shift, score, colour=style[0], marker=style[1], upright=False,
                is_hollow=behind < LEAST_PEOPLE,
            )  # fmt: skip
    right.axvline(found[0].promised, color=GREY, linestyle="--", linewidth=1.3, zorder=0)
    people = [found[0].people, *(line.people for line in found[0].per_label)]
    names = [f"{name} ({n:,})" for name, n in zip(["all", *labels], people, strict=True)]
    right.set_yticks(rows, names, parse_math=False)
    right.invert_yaxis()
    right.set_xlim(-0.02, 1.02)
    right.xaxis.set_major_formatter(FuncFormatter(_percent))
    right.set_xlabel("sets that hold the true label (people)")
    right.grid(axis="x", color=FAINT, linewidth=0.8)
    return png(figure)


def group_gaps(found: Sequence[GroupScores]) -> bytes:
    """Accuracy of each group of people, attribute by attribute, with how many people it has."""
    heights = [len(each.groups) for each in found]
    figure, every = canvases(
        6.4, 0.7 + sum(0.34 * height + 0.42 for height in heights), rows=len(found), sharex=True,
        gridspec_kw={"height_ratios": [height + 0.6 for height in heights]},
    )  # fmt: skip
    for axes, each in zip(every, found, strict=True):
        for row, group in enumerate(each.groups):
            _mark(
                axes, row, group.accuracy, colour=BLUE, marker="o", upright=False,
                is_hollow=not group.is_claimed,
            )  # fmt: skip
        names = [f"{short(group.group)} ({group.people:,})" for group in each.groups]
        axes.set_yticks(range(len(names)), names, parse_math=False)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_title(_gap_title(each), fontsize=9, color=INK, loc="left", parse_math=False)
        axes.xaxis.set_major_formatter(FuncFormatter(_percent))
        axes.grid(axis="x", color=FAINT, linewidth=0.8)
    every[-1].set_xlabel(f"{found[0].unit} answered rightly (people in the group)")
    return png(figure)


def recipe_comparison(found: Comparison) -> bytes:
    """Each recipe's scores, and beside them how far they lie from the first recipe's."""
    measures = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy"}
    if 0 < len(found.common_labels) < len(found.labels):
        measures["balanced_common"] = f"balanced over {len(found.common_labels)} labels"
    figure, (left, right) = canvases(
        9.0, 1.5 + 0.52 * len(found.lines), columns=2, sharey=True,
        gridspec_kw={"width_ratios": [1.15, 1]},
    )  # fmt: skip
    for index, ((measure, title), style) in enumerate(
        zip(measures.items(), _series(len(measures)), strict=True)
    ):
        shift = 0.22 * (index - (len(measures) - 1) / 2)
        left.plot([], [], color=style[0], marker=style[1], linestyle="", label=title)
        for row, line in enumerate(found.lines):
            pairs: list[tuple[Axes, Measures | None]] = [
                (left, line.scores), (right, line.difference),
            ]  # fmt: skip
            for axes, scores in pairs:
                if scores is not None:
                    score = getattr(scores, measure)
                    _mark(axes, row + shift, score, colour=style[0], marker=style[1])
    names = [short(line.recipe) for line in found.lines]
    left.set_yticks(range(len(names)), names, parse_math=False)
    left.set_ylim(len(names) - 0.5, -0.5)
    left.set_xlim(0, 1)
    right.axvline(0, color=GREY, linestyle="--", linewidth=1.3, zorder=0)
    left.set_xlabel(f"{found.unit}, {found.people:,} people")
    right.set_xlabel(f"difference from {names[0]}", parse_math=False)
    for axes in (left, right):
        axes.grid(axis="x", color=FAINT, linewidth=0.8)
    _legend_above(left, columns=3)
    return png(figure)


def _mark(
    axes: Axes,
    place: float,
    score: Score,
    *,
    colour: str,
    marker: str,
    upright: bool = False,
    is_hollow: bool = False,
) -> None:
    """A score and its interval; nothing where it is undefined."""
    if math.isnan(score.value):
        return
    if not math.isnan(score.low):
        ends = [score.low, score.high]
        line = ([place, place], ends) if upright else (ends, [place, place])
        axes.plot(*line, color=colour, linewidth=1.4, solid_capstyle="butt", zorder=2)
    point = (place, score.value) if upright else (score.value, place)
    axes.plot(
        *point, marker=marker, markersize=5.5, linestyle="", color=colour, zorder=3,
        markerfacecolor="white" if is_hollow else colour,
    )  # fmt: skip


def _size_bars(axes: Axes, found: Sequence[SetScores]) -> None:
    width = 0.8 / len(found)
    sizes = np.arange(len(found[0].sizes))
    hatches = (None, "///", "...", "xxx", "---", "+++")
    for index, (each, style) in enumerate(zip(found, _series(len(found)), strict=True)):
        shares = np.array(each.sizes) / max(each.count, 1)
        offsets = sizes + (index - (len(found) - 1) / 2) * width
        size = "–" if math.isnan(each.mean_size.value) else f"{each.mean_size.value:.2f}"
        axes.bar(
            offsets, shares, 0.92 * width, color=style[0], edgecolor="white", linewidth=0.6,
            hatch=hatches[index % len(hatches)],
            label=f"{short(each.kind)}: {size} labels on average",
        )  # fmt: skip
    axes.set_xticks(sizes)
    axes.set_xlabel("labels in the set; 1 is an answer, else unknown")
    axes.set_ylabel(f"share of {found[0].unit}")
    axes.yaxis.set_major_formatter(FuncFormatter(_percent))
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    _legend_above(axes, columns=1)


def _gap_title(found: GroupScores) -> str:
    gap = found.accuracy_gap
    if gap.best is None or gap.worst is None:
        return f"{short(found.attribute)}: too few people in the groups for a claim"
    return (
        f"{short(found.attribute)}: {short(gap.best)} above {short(gap.worst)} by "
        f"{_text(gap.value)}"
    )


def _curve_label(name: str, found: Selective) -> str:
    at = _point_at(found, SHOWN_COVERAGE)
    if at is None or math.isnan(at.accuracy.value):
        return short(name)
    return f"{short(name)}: {100 * at.accuracy.value:.1f} % right at {100 * at.coverage:.0f} %"


def _point_at(found: Selective, coverage: float) -> CoverageScore | None:
    return next((each for each in found.curve if math.isclose(each.coverage, coverage)), None)


def _text(score: Score) -> str:
    if math.isnan(score.value):
        return "–"
    text = f"{score.value:.3f}"
    return text if math.isnan(score.low) else f"{text} ({score.low:.3f} to {score.high:.3f})"


def _percent(share: float, _position: int) -> str:
    return f"{100 * share:.0f} %"


def _series(count: int) -> list[tuple]:
    return [SERIES[index % len(SERIES)] for index in range(count)]


def _legend_above(axes: Axes, *, columns: int = 2) -> None:
    axes.legend(
        frameon=False, fontsize=8, ncols=columns, borderaxespad=0, loc="lower left",
        bbox_to_anchor=(0, 1.02),
    )  # fmt: skip
