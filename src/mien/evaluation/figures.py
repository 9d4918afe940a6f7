"""The figures of a record, and among them those of right and wrong: scores, confusion, loss.

As PNG bytes. Those of how far answers can be believed are in answer_figures.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mien.evaluation.answer_figures import (
    group_gaps,
    recipe_comparison,
    reliability_diagram,
    risk_coverage_curve,
    set_sizes,
)
from mien.evaluation.answer_sentences import own_class_sets
from mien.evaluation.canvas import BLUE, FAINT, GREY, INK, ORANGE, SOFT, canvas, png, short
from mien.evaluation.measures import Measures
from mien.evaluation.metrics import Score, Scores
from mien.evaluation.results import Results
from mien.evaluation.split_result import SplitResult

COLOURS = {"majority": GREY, "random-frame": ORANGE, "subject": BLUE, "time": BLUE}
HATCHES = {"random-frame": "///"}


def draw(results: Results) -> dict[str, bytes]:
    """Every figure by name (report.FIGURES, without the overlay); none of what was not measured."""
    shown = results.honest or results.splits[1]
    figures = {
        "scores": score_bars(results.splits),
        "confusion_frames": confusion_matrix(shown.frames),
    }
    if shown.clips.confusion != shown.frames.confusion:
        figures["confusion_clips"] = confusion_matrix(shown.clips)
    if results.comparison is not None and len(results.comparison.lines) > 1:
        figures["recipes"] = recipe_comparison(results.comparison)
    if results.loss_history:
        figures["loss"] = loss_curve(results.loss_history, class_count=len(shown.frames.labels))
    return figures | (_draw_measures(shown.measures, results.recipe) if shown.measures else {})


def _draw_measures(found: Measures, recipe: str) -> dict[str, bytes]:
    figures = {"risk_coverage": risk_coverage_curve({recipe: found.selective})}
    if found.reliability.count:
        figures["reliability"] = reliability_diagram(found.reliability)
    if found.sets is not None:
        own = [found.class_sets] if found.class_sets and own_class_sets(found) else []
        figures["set_sizes"] = set_sizes([found.sets, *own])
    if found.groups:
        figures["gaps"] = group_gaps(found.groups)
    return figures


def loss_curve(history: Sequence[float], *, class_count: int) -> bytes:
    """Cross-entropy an epoch; dotted, the loss of knowing nothing, ln(classes)."""
    chance = math.log(class_count)
    figure, axes = canvas(6.4, 3.2)
    epochs = range(1, len(history) + 1)
    axes.plot(epochs, history, color=BLUE, marker="o", markersize=3.5, linewidth=1.8)
    axes.axhline(chance, color=GREY, linestyle=":", linewidth=1.5)
    axes.annotate(
        "knowing nothing", (len(history), chance), xytext=(0, 4), textcoords="offset points",
        ha="right", color=SOFT, fontsize=8,
    )  # fmt: skip
    axes.set_xlabel("epoch")
    axes.set_ylabel("cross-entropy on what was learnt from")
    axes.set_xlim(0.5, max(len(history), 1) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    return png(figure)


def confusion_matrix(scores: Scores) -> bytes:
    """Share of each true label given each answer, with the counts; rows are the truth."""
    counts = np.array(scores.confusion)
    columns = [short(label) for label in scores.labels]
    if counts[:, -1].any():
        columns.append("no face")
    else:
        counts = counts[:, :-1]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 1.7 + 0.78 * len(columns)
    figure, axes = canvas(side + 0.6, 1.3 + 0.62 * len(scores.labels))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        count = int(counts[row, column])
        text = f"{100 * share:.0f} %\n{count:,}" if count else "0"
        colour = "white" if share > 0.55 else INK if count else GREY
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(columns)), columns, rotation=35, ha="right", parse_math=False)
    axes.set_yticks(range(len(scores.labels)), [short(x) for x in scores.labels], parse_math=False)
    axes.set_xlabel("answered")
    axes.set_ylabel("labelled")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return png(figure)


def score_bars(splits: Sequence[SplitResult]) -> bytes:
    """Accuracy, balanced accuracy and macro-F1 of each way of holding out, side by side.

    Bars are of clips; a diamond is the same of frames, where that is another number.
    """
    names = {
        "accuracy": "accuracy",
        "balanced_accuracy": "balanced accuracy",
        "macro_f1": "macro-F1",
    }
    figure, axes = canvas(7.2, 3.6)
    width, has_frames = 0.8 / len(splits), False
    for index, result in enumerate(splits):
        values = [getattr(result.clips, name) for name in names]
        offsets = np.arange(len(names)) + (index - (len(splits) - 1) / 2) * width
        _bars(axes, offsets, values, result, width)
        if result.frames.confusion != result.clips.confusion:
            frames = [getattr(result.frames, name).value for name in names]
            axes.plot(
                offsets - 0.3 * width, frames, linestyle="", marker="D", markersize=5, zorder=3,
                color="white", markeredgecolor=INK, label=None if has_frames else "frames",
            )  # fmt: skip
            has_frames = True
    axes.set_xticks(range(len(names)), names.values())
    axes.set_ylim(0, 1.0)
    axes.set_ylabel("clips, with 95 % interval over people")
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1.07)}  # above: bars may be of any height
    axes.legend(frameon=False, fontsize=8, ncols=4, borderaxespad=0, **place)
    return png(figure)


def _bars(
    axes: Axes, offsets: np.ndarray, values: Sequence[Score], result: SplitResult, width: float
) -> None:
    heights = [0 if math.isnan(score.value) else score.value for score in values]
    axes.bar(
        offsets, heights, width * 0.92, label=result.title, color=COLOURS[result.split],
        hatch=HATCHES.get(result.split), edgecolor="white", linewidth=0.6,
    )  # fmt: skip
    for offset, score in zip(offsets, values, strict=True):
        if math.isnan(score.value):
            axes.text(offset, 0.01, "–", ha="center", va="bottom", fontsize=8)
            continue
        top = score.value
        if not math.isnan(score.low):
            below, above = max(score.value - score.low, 0), max(score.high - score.value, 0)
            axes.errorbar(
                offset, score.value, [[below], [above]], color=INK, capsize=2.5, linewidth=1.1
            )
            top = max(top, score.high)
        axes.text(offset, top + 0.015, f"{score.value:.2f}", ha="center", fontsize=8, color=INK)
