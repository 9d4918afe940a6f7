"""What alarms are worth, as PNG: how soon, at what price, without which rule, for which patient."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import (
    FixedLocator,
    FuncFormatter,
    MaxNLocator,
    NullLocator,
    PercentFormatter,
)

from mien.evaluation.alarm_measures import GOOD_SHARE, WEAK_P, Episode
from mien.evaluation.alarm_results import AlarmResults, Variant, to_be_found
from mien.evaluation.alarm_statistics import DAY_S, WORST_SHARE
from mien.evaluation.alarm_table import MOST_FALSE, STRONG_SLOW_S, WEAK_MEDIAN_S
from mien.evaluation.alarm_variants import WHOLE
from mien.evaluation.canvas import (
    BLUE,
    FAINT,
    GREY,
    INK,
    ORANGE,
    SOFT,
    VERMILION,
    canvas,
    canvases,
    png,
)
from mien.risk.settings import ConditionSettings

FIGURES = ("detection", "tradeoff", "ablations", "patients")
SHOWN_S = 150.0  # of an episode
_RARE = 0.01  # a day: below, an axis of powers of ten ends
_AS_SPECIFIED = ConditionSettings()


def draw(results: AlarmResults) -> dict[str, bytes]:
    """Every figure by name; none of what was not measured."""
    figures = {}
    episodes = to_be_found(results.patients)
    if episodes:
        figures["detection"] = detection_times(episodes)
    if results.free.days:
        figures["patients"] = by_patient(results)
    if episodes and results.free.days:
        figures["tradeoff"] = tradeoff(results)
        figures["ablations"] = ablations(results)
    return figures


def detection_times(episodes: Sequence[Episode]) -> bytes:
    """Share of episodes that people have been told of, by seconds since their onset."""
    figure, axes = canvas(6.6, 3.4)
    lines = (
        (True, "P of 6 or more: MEDIUM", BLUE, "-", STRONG_SLOW_S),
        (False, "P of 4 to 6: LOW or more", VERMILION, "--", WEAK_MEDIAN_S),
    )
    for is_strong, name, colour, dashes, target_s in lines:
        some = [e for e in episodes if e.is_strong == is_strong and e.strength >= WEAK_P]
        seen = [e for e in some if e.seen_share >= GOOD_SHARE]
        if not seen:
            continue
        times = sorted(s for e in seen if (s := e.found_s(WHOLE)) is not None)
        shares = np.arange(len(times) + 1) / len(seen)
        axes.step(
            [0, *times, SHOWN_S], [*shares, shares[-1]], where="post", color=colour,
            linestyle=dashes, linewidth=2, label=f"{name}, {len(seen):,} episodes",
        )  # fmt: skip
        share = 0.95 if is_strong else 0.5
        axes.plot(target_s, share, marker="v", color=colour, markersize=8, clip_on=False)
    axes.set_xlim(0, SHOWN_S)
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("seconds since an episode began")
    axes.set_ylabel("episodes told of")
    axes.grid(color=FAINT, linewidth=0.8)
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    return png(figure)


def tradeoff(results: AlarmResults) -> bytes:
    """Sensitivity against false alarms, as Concern's limit and its delay are moved."""
    figure, both = canvases(8.6, 3.7, columns=2, sharey=True, sharex=True)
    limits = [f"{one.name.split()[-1]}" for one in results.limits]
    delays = [one.name.removeprefix("after ") for one in results.delays]
    _curve(both[0], results.limits, limits, f"{_AS_SPECIFIED.concern_raise}")
    _curve(both[1], results.delays, delays, f"{_AS_SPECIFIED.concern_raise_s:g} s")
    _false_axis(both, [one.false_mediums.value for one in (*results.limits, *results.delays)])
    both[0].set_title("score that raises Concern", fontsize=10, loc="left")
    both[1].set_title("for how long", fontsize=10, loc="left")
    both[0].set_ylabel("episodes with a MEDIUM alarm")
    both[0].legend(frameon=False, fontsize=8.5, loc="lower right")
    return png(figure)


def _curve(axes: Axes, variants: Sequence[Variant], names: Sequence[str], chosen: str) -> None:
    rates = [max(one.false_mediums.value, _RARE) for one in variants]
    for is_strong, name, colour, marker, dashes in (
        (True, "P of 6 or more", BLUE, "o", "-"),
        (False, "P of 4 to 6", VERMILION, "s", "--"),
    ):
        found = [_mediums(one, is_strong=is_strong) for one in variants]
        axes.plot(
            rates, found, color=colour, marker=marker, linestyle=dashes, markersize=5,
            linewidth=1.6, label=name,
        )  # fmt: skip
        at = names.index(chosen)
        axes.plot(rates[at], found[at], marker="o", markersize=13, mfc="none", mec=INK, mew=1.6)
        if is_strong:
            _named_points(axes, rates, found, names, first=at)
    axes.set_ylim(-0.03, 1.12)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(color=FAINT, linewidth=0.8)


def _mediums(one: Variant, *, is_strong: bool) -> float:
    return one.strong_mediums.value if is_strong else one.weak_mediums.value


def _named_points(
    axes: Axes, rates: Sequence[float], found: Sequence[float], names: Sequence[str], *, first: int
) -> None:
    """Names where there is room for them, that of the chosen one in any case."""
    named: list[tuple[float, float]] = []
    for at in sorted(range(len(names)), key=lambda one: (one != first, one)):
        place = math.log10(rates[at]), found[at]
        if any(abs(place[0] - x) < 0.35 and abs(place[1] - y) < 0.12 for x, y in named):
            continue
        named.append(place)
        axes.annotate(
            names[at], (rates[at], found[at]), xytext=(0, 10), textcoords="offset points",
            ha="center", fontsize=8.5, color=INK if at == first else SOFT,
            fontweight="bold" if at == first else "normal",
        )  # fmt: skip


def _false_axis(both: Sequence[Axes], rates: Sequence[float]) -> None:
    """Powers of ten; the leftmost stands for none, or hardly any."""
    top = math.ceil(math.log10(max(*rates, 2 * MOST_FALSE)))
    ticks = [10.0**power for power in range(round(math.log10(_RARE)), top + 1)]
    for axes in both:
        axes.set_xscale("log")
        axes.set_xlim(_RARE / 1.6, 10**top * 1.3)
        axes.xaxis.set_major_locator(FixedLocator(ticks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(
            FuncFormatter(lambda x, _: f"≤ {x:g}" if x == _RARE else f"{x:g}")
        )
        axes.axvline(MOST_FALSE, color=GREY, linestyle=":", linewidth=1.4)
        axes.set_xlabel("false MEDIUM a patient-day")


def ablations(results: AlarmResults) -> bytes:
    """The whole and what is left without a rule: false alarms, alarms an episode, misses."""
    every = [results.whole, *results.ablated]
    panels = (
        ("false MEDIUM a patient-day", [one.false_mediums.value for one in every], "{:.2f}"),
        ("MEDIUM while distress wavers", [one.alarms_wavering for one in every], "{:.2f}"),
        ("weak episodes missed", [1 - one.weak.found.value for one in every], "{:.0%}"),
    )
    figure, made = canvases(8.6, 2.5, columns=3, sharey=True)
    for axes, (title, values, form) in zip(made, panels, strict=True):
        shown = [0 if math.isnan(value) else value for value in values]
        bars = axes.barh(
            range(len(every)), shown, height=0.62, edgecolor="white",
            color=[BLUE] + [ORANGE] * len(results.ablated),
        )  # fmt: skip
        for bar in list(bars)[1:]:
            bar.set_hatch("///")
        for place, (value, width) in enumerate(zip(values, shown, strict=True)):
            said = "–" if math.isnan(value) else form.format(value).replace("%", " %")
            axes.text(width, place, f" {said}", va="center", fontsize=8.5, color=INK)
        axes.set_xlim(0, 1.3 * max(*shown, 1e-3))
        axes.set_title(title, fontsize=9.5, loc="left")
        axes.xaxis.set_major_locator(NullLocator())
        axes.spines["bottom"].set_visible(False)
    made[0].set_yticks(range(len(every)), [one.name for one in every])
    made[0].invert_yaxis()
    return png(figure)


def by_patient(results: AlarmResults) -> bytes:
    """False MEDIUM a day of each patient, fewest first; the worst tenth apart."""
    free = [who for who in results.patients if who.purpose == "days"]
    rates = np.sort([who.mediums[WHOLE] / who.length_s * DAY_S for who in free])
    worst = max(1, round(WORST_SHARE * len(rates)))
    figure, axes = canvas(6.6, 2.8)
    colours = [BLUE] * (len(rates) - worst) + [ORANGE] * worst
    bars = axes.bar(range(1, len(rates) + 1), rates, width=0.85, color=colours)
    for bar in list(bars)[-worst:]:
        bar.set_hatch("///")
        bar.set_edgecolor("white")
    axes.axhline(MOST_FALSE, color=GREY, linestyle=":", linewidth=1.4)
    axes.annotate(
        "at most one in the mean", (0.5, MOST_FALSE), xytext=(2, 3), textcoords="offset points",
        fontsize=8, color=SOFT,
    )  # fmt: skip
    axes.annotate(
        f"worst tenth: {results.free.worst_tenth:.1f} a day", (len(rates) + 0.5, rates[-1]),
        xytext=(0, 4), textcoords="offset points", ha="right", fontsize=8.5, color=INK,
    )  # fmt: skip
    axes.set_xlim(0.4, len(rates) + 0.6)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(0, max(float(rates[-1]), 1.5 * MOST_FALSE) * 1.18)
    axes.set_xlabel("patients, an event-free day each")
    axes.set_ylabel("false MEDIUM a day")
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    return png(figure)
