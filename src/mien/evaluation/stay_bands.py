"""The three axes of a stay and its alerts as bands: each state has a hatching and a word in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from matplotlib.axes import Axes

from mien.evaluation.canvas import INK, ORANGE, SOFT, VERMILION
from mien.evaluation.stay_trace import StayTrace

_LEAST_LABEL = 0.035  # of the width, for a word in a band


@dataclass(frozen=True)
class Look:
    colour: str
    hatch: str = ""
    ink: str = INK


STATES = {
    "LIVE": Look("#d7e9f5"),
    "NOT_OBSERVABLE": Look("#f6dfa9", "///"),
    "NO_SIGNAL": Look("#8b9096", "xxx", "white"),
    "PAUSED": Look("#dcdcdc", "..."),
    "LEARNING": Look("#f1f1f1", "///"),
    "READY": Look("#d7e9f5"),
    "CALM": Look("#d7e9f5"),
    "WATCH": Look(ORANGE, "//"),
    "CONCERN": Look(VERMILION, "", "white"),
    "UNKNOWN": Look("#8b9096", "xxx", "white"),
}
AXES = {"level": "level", "signal": "signal", "baseline": "own baseline"}
PRIORITY_LOOKS = {
    "LOW": Look("#f6dfa9"),
    "MEDIUM": Look(ORANGE, "//"),
    "HIGH": Look(VERMILION, "", "white"),
}


def draw_bands(axes: Axes, trace: StayTrace) -> None:
    """The three axes and the alerts, each a band of states with a word in it."""
    begin_ms, end_ms = trace.begin_ms or 0, max(trace.end_ms, (trace.begin_ms or 0) + 1000)
    rows = [*AXES.values(), "alerts"]
    for row, name in enumerate(AXES):
        for from_ms, to_ms, state in _stretches(trace.changes[name], begin_ms, end_ms):
            _band(axes, row, from_ms, to_ms, STATES[state], state, end_ms - begin_ms)
    for number, record in enumerate(trace.records.values(), start=1):
        from_ms = max(record.onset_ms, begin_ms)
        to_ms = min(record.cleared_ms or end_ms, end_ms)
        look = PRIORITY_LOOKS.get(record.priority, STATES["PAUSED"])
        row_now = len(AXES)
        _band(axes, row_now, from_ms, to_ms, look, str(number), end_ms - begin_ms)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), rows)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _stretches(
    changes: list[tuple[int, str]], begin_ms: int, end_ms: int
) -> Iterator[tuple[int, int, str]]:
    """(from, to, state) within the stay."""
    times = [*(time_ms for time_ms, _ in changes[1:]), end_ms]
    for (from_ms, state), to_ms in zip(changes, times, strict=True):
        from_ms, to_ms = max(from_ms, begin_ms), min(to_ms, end_ms)
        if to_ms > from_ms:
            yield from_ms, to_ms, state


def _band(
    axes: Axes, row: int, from_ms: int, to_ms: int, look: Look, word: str, length_ms: int
) -> None:
    least_ms = 0.0015 * length_ms  # a stroke that can be seen
    width_ms = max(to_ms - from_ms, least_ms)
    axes.barh(
        row, width_ms, left=from_ms, height=0.72, color=look.colour, hatch=look.hatch,
        edgecolor="white" if look.hatch else SOFT, linewidth=0.0 if look.hatch else 0.3,
    )  # fmt: skip
    is_number = word.isdigit()
    needed = _LEAST_LABEL * (0.25 if is_number else len(word) / 4)
    if width_ms / length_ms >= needed:
        behind = {"facecolor": look.colour, "edgecolor": "none", "pad": 0.8}
        axes.text(
            from_ms + width_ms / 2, row, shown(word), ha="center", va="center",
            fontsize=7, color=look.ink, clip_on=True,
            bbox=behind if look.hatch else None,
        )  # fmt: skip


def shown(state: str) -> str:
    return state.replace("_", " ")
