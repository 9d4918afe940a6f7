"""The specification's table of what must be shown: each measure, its target and what was found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mien.evaluation.alarm_patients import WAVERS_S
from mien.evaluation.alarm_results import AlarmResults, Detection, Elsewhere, Replays, Variant
from mien.evaluation.alarm_statistics import Rate, Share

LEAST_SENSITIVITY = 0.95  # of Wilson's lower end
STRONG_MEDIAN_S, STRONG_SLOW_S, WEAK_MEDIAN_S = 35.0, 60.0, 45.0
MOST_FALSE, LEAST_BARE, LEAST_SCORED = 1.0, 300.0, 0.9  # a patient-day, a day, a share
WAVERS_MIN = (WAVERS_S[1] - WAVERS_S[0]) / 60
# What is measured elsewhere: measure -> (target, where).
ELSEWHERE = {
    "200 random kill -9": ("nothing lost, nothing twice", "benchmarks/watch_kills.py"),
    "50 beds x 30 Hz on two cores, one bed flooded at 10x": (
        "99th percentile to the commit < 250 ms; frame to screen ≤ 3.5 s; others < 1 s late",
        "benchmarks/watch_load.py",
    ),
    "escalation under races, empty rosters, restarts": (
        "failsafe always reached",
        "tests/risk/test_races.py",
    ),
    "audit log edited, reordered, cut short": ("detected, always", "tests/monitor/test_audit.py"),
    "FHIR output": ("all valid, codes too", "tests/monitor"),
}
NOT_HERE = "not measured here"


@dataclass(frozen=True)
class Row:
    """A measure. is_met None: nothing was measured."""

    measure: str
    target: str
    found: str
    is_met: bool | None

    @property
    def verdict(self) -> str:
        return {True: "met", False: "missed", None: "–"}[self.is_met]


def rows(results: AlarmResults) -> list[Row]:
    """Every row of the table, in its order."""
    return [
        *_sensitivity(results.whole),
        *_times(results.whole),
        *_false_alarms(results),
        *(_ablation(one, results.whole) for one in results.ablated),
        *_no_face(results),
        *_replays(results.replays),
        *_elsewhere(results.elsewhere),
    ]


def _sensitivity(whole: Variant) -> Iterator[Row]:
    target = f"Wilson lower bound ≥ {LEAST_SENSITIVITY:g}"
    for name, one in (("P ≥ 6 → MEDIUM", whole.strong), ("P 4-6 → at least LOW", whole.weak)):
        is_met = one.found.low >= LEAST_SENSITIVITY if one.found.count else None
        yield Row(f"sensitivity, {name}", target, share_text(one.found), is_met)


def _times(whole: Variant) -> Iterator[Row]:
    strong, weak = whole.strong, whole.weak
    is_met = strong.median_s <= STRONG_MEDIAN_S and strong.slow_s <= STRONG_SLOW_S
    yield Row(
        "time to detect, P ≥ 6 → MEDIUM",
        f"median ≤ {STRONG_MEDIAN_S:g} s, 95th percentile ≤ {STRONG_SLOW_S:g} s",
        time_text(strong),
        is_met if strong.found.found else None,
    )
    yield Row(
        "time to detect, P 4-6 → LOW",
        f"median ≤ {WEAK_MEDIAN_S:g} s",
        time_text(weak),
        weak.median_s <= WEAK_MEDIAN_S if weak.found.found else None,
    )


def _false_alarms(results: AlarmResults) -> Iterator[Row]:
    free = results.free
    has_days = free.days > 0
    rates = [free.false_mediums, *_by_every_frame(results)]
    worst = f"; worst tenth of {free.patients} patients {free.worst_tenth:.2f}" if has_days else ""
    by_frame = "".join(f"; by every frame {rate_text(rate)}" for rate in rates[1:])
    yield Row(
        "false MEDIUM per patient-day, event-free",
        f"≤ {MOST_FALSE:g}, by every frame too",
        rate_text(free.false_mediums) + worst + by_frame,
        all(rate.value <= MOST_FALSE for rate in rates) if has_days else None,
    )
    yield Row(
        "bare 2 SD alarm on the same days, a day",
        f"≥ {LEAST_BARE:g}",
        rate_text(free.bare_alarms),
        free.bare_alarms.value >= LEAST_BARE if has_days else None,
    )
    yield Row(
        "good time that is scored",
        f"≥ {100 * LEAST_SCORED:g} %",
        f"{100 * free.good_scored.value:.1f} %" if has_days else NOT_HERE,
        free.good_scored.value >= LEAST_SCORED if has_days else None,
    )


def _by_every_frame(results: AlarmResults) -> list[Rate]:
    """Of days that did not begin at windows, if there are any: these are like landmarks' in most
    patients, but the few whose faces mislead make the false alarms."""
    by_source = results.by_source
    if "faces" not in by_source or not by_source["faces"].false_mediums.days:
        return []
    return [by_source["faces"].false_mediums]


def _ablation(one: Variant, whole: Variant) -> Row:
    """Worse: in one thing at least, by more than chance over patients."""
    found = worse_in(one, whole)
    return Row(
        f"ablation: {one.name}", "visibly worse", "; ".join(found) or "not worse", bool(found)
    )


def worse_in(one: Variant, whole: Variant) -> list[str]:
    """In what a variant is worse than the whole, by more than chance over patients."""
    found = []
    if one.more_false_mediums[1] > 0:
        found.append(
            f"{one.false_mediums.value:.2f} false MEDIUM a day instead of "
            f"{whole.false_mediums.value:.2f}"
        )
    if one.more_alarms_wavering[1] > 0:
        found.append(
            f"{one.alarms_wavering:.2f} MEDIUM in {WAVERS_MIN:.0f} min of wavering distress "
            f"instead of {whole.alarms_wavering:.2f}"
        )
    if one.fewer_found[1] > 0:
        found.append(f"{100 * one.fewer_found[0]:.1f} % of episodes more missed")
    if one.later_s[1] > 0:
        found.append(f"found {one.later_s[0]:.1f} s later")
    return found


def _no_face(results: AlarmResults) -> Iterator[Row]:
    opened, lost = results.no_face, results.lost
    yield Row(
        "patient records opened while no face",
        "0",
        f"{opened.without_face_in_the_second} of {opened.opened:,} records",
        opened.without_face_in_the_second == 0 if opened.opened else None,
    )
    yield Row(
        "technical alarm at 30 s of a lost face",
        "100 %",
        share_text(lost.away),
        lost.away.value == 1 if lost.away.count else None,
    )


def _replays(replays: Replays | None) -> Iterator[Row]:
    name = "replay in order, shuffled within 2 s, duplicated, restarted half-way"
    target = "byte-identical alert log"
    if replays is None:
        yield Row(name, target, NOT_HERE, None)
        return
    told = ", ".join(f"{way} {count}" for way, count in replays.same.items())
    is_met = all(count == replays.streams for count in replays.same.values())
    yield Row(
        name,
        target,
        f"of {replays.streams} streams ({replays.frames:,} frames, {replays.records} records) "
        f"the same: {told}",
        is_met,
    )


def _elsewhere(known: dict[str, Elsewhere]) -> Iterator[Row]:
    for measure, (target, where) in ELSEWHERE.items():
        one = known.get(where, Elsewhere(found=f"{NOT_HERE}: see {where}"))
        yield Row(measure, target, one.found, one.is_met)


# --- Numbers in words --------------------------------------------------------


def share_text(one: Share) -> str:
    """
    >>> from mien.evaluation.alarm_statistics import share
    >>> share_text(share(148, 150))
    '148 of 150, 98.7 % (95.3-99.6)'
    """
    if not one.count:
        return NOT_HERE
    within = f"{100 * one.low:.1f}-{100 * one.high:.1f}"
    return f"{one.found:,} of {one.count:,}, {100 * one.value:.1f} % ({within})"


def rate_text(one: Rate) -> str:
    if not one.days:
        return NOT_HERE
    places = 2 if one.value < 10 else 0
    low, value, high = (f"{x:,.{places}f}" for x in (one.low, one.value, one.high))
    days = f"{one.days:.0f}" if one.days >= 10 else f"{one.days:.1f}"
    return f"{value} ({low}-{high}) in {days} patient-days"


def time_text(one: Detection) -> str:
    if not one.found.found:
        return "none found" if one.found.count else NOT_HERE
    return f"median {one.median_s:.1f} s, 95th percentile {one.slow_s:.1f} s"
