"""Every figure of a report, as PNG bytes. Colours hold for the colour-blind and in grey print.

Drawn without pyplot: no window, no global state.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mien.evaluation.evaluate import SplitResult
from mien.evaluation.metrics import Score, Scores

BLUE, ORANGE, GREY, INK = "#0072b2", "#e69f00", "#9aa0a6", "#202124"  # Okabe and Ito's
COLOURS = {"majority": GREY, "random-frame": ORANGE, "subject": BLUE, "time": BLUE}
HATCHES = {"random-frame": "///"}
DPI = 160
NAMES_LIMIT = 24  # characters of a label on an axis


def loss_curve(history: Sequence[float], *, class_count: int) -> bytes:
    """Cross-entropy an epoch; dotted, the loss of knowing nothing, ln(classes)."""
    chance = math.log(class_count)
    figure, axes = _canvas(6.4, 3.2)
    epochs = range(1, len(history) + 1)
    axes.plot(epochs, history, color=BLUE, marker="o", markersize=3.5, linewidth=1.8)
    axes.axhline(chance, color=GREY, linestyle=":", linewidth=1.5)
    axes.annotate(
        "knowing nothing", (len(history), chance), xytext=(0, 4), textcoords="offset points",
        ha="right", color="#5f6368", fontsize=8,
    )  # fmt: skip
    axes.set_xlabel("epoch")
    axes.set_ylabel("cross-entropy on what was learnt from")
    axes.set_xlim(0.5, max(len(history), 1) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color="#e0e0e0", linewidth=0.8)
    return _png(figure)


def confusion_matrix(scores: Scores) -> bytes:
    """Share of each true label given each answer, with the counts; rows are the truth."""
    counts = np.array(scores.confusion)
    columns = [_short(label) for label in scores.labels]
    if counts[:, -1].any():
        columns.append("no face")
    else:
        counts = counts[:, :-1]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 1.7 + 0.78 * len(columns)
    figure, axes = _canvas(side + 0.6, 1.3 + 0.62 * len(scores.labels))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        count = int(counts[row, column])
        text = f"{100 * share:.0f} %\n{count:,}" if count else "0"
        colour = "white" if share > 0.55 else INK if count else GREY
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(columns)), columns, rotation=35, ha="right", parse_math=False)
    axes.set_yticks(range(len(scores.labels)), [_short(x) for x in scores.labels], parse_math=False)
    axes.set_xlabel("answered")
    axes.set_ylabel("labelled")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return _png(figure)


def score_bars(splits: Sequence[SplitResult]) -> bytes:
    """Accuracy, balanced accuracy and macro-F1 of each way of holding out, side by side."""
    names = {
        "accuracy": "accuracy",
        "balanced_accuracy": "balanced accuracy",
        "macro_f1": "macro-F1",
    }
    figure, axes = _canvas(7.2, 3.6)
    width = 0.8 / len(splits)
    for index, result in enumerate(splits):
        values = [getattr(result.frames, name) for name in names]
        offsets = np.arange(len(names)) + (index - (len(splits) - 1) / 2) * width
        _bars(axes, offsets, values, result, width)
    axes.set_xticks(range(len(names)), names.values())
    axes.set_ylim(0, 1.0)
    axes.set_ylabel("frames, with 95 % interval over people")
    axes.grid(axis="y", color="#e0e0e0", linewidth=0.8)
    axes.set_axisbelow(True)
    place = {"loc": "lower left", "bbox_to_anchor": (0, 1.07)}  # above: bars may be of any height
    axes.legend(frameon=False, fontsize=8, ncols=len(splits), borderaxespad=0, **place)
    return _png(figure)


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


def _canvas(width_in: float, height_in: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    return figure, axes


def _short(label: str) -> str:
    """A label for an axis: one line, not too long, and printable in any font."""
    text = " ".join(label.split())
    text = text.encode("ascii", "replace").decode() if not text.isprintable() else text
    return text if len(text) <= NAMES_LIMIT else text[: NAMES_LIMIT - 1] + "…"


def _png(figure: Figure) -> bytes:
    """The figure as PNG, without the date or the software's version in it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
