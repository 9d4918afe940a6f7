"""The watch in words: a line for each transition, and a record that explains itself.

In the words that the specification allows: an index of expression, a deviation from this person's
own baseline, the need of a bedside assessment. Nothing here says pain, emotion or risk.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from mien.risk.action_units import P_MOST
from mien.risk.events import (
    BaselineChanged,
    Event,
    Evidence,
    Gathered,
    LevelChanged,
    NotDone,
    Notified,
    Record,
    RecordChanged,
    SignalChanged,
    Term,
)
from mien.risk.evidence import TERMS, TITLES, text_of
from mien.risk.records import is_technical

LONGEST_STAY_MS = 1000 * 3_600_000  # a clock beyond this counts from 1970
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799  # of the years that dates can have, 1-9999
BLOCKS = "▁▂▃▄▅▆▇█"
_TOLD_ANEW = ("opened", "reopened", "priority")
_SPARK_SECONDS = 4


def moment(time_ms: int) -> str:
    """A time as people read it: hours of the stream, or the date where its clock has one.

    A time beyond the calendar is its last second or its first.

    >>> moment(3_725_000), moment(1_700_000_000_000)
    ('1:02:05', '2023-11-14 22:13:20')
    """
    if abs(time_ms) >= LONGEST_STAY_MS:
        second = min(max(time_ms // 1000, _FIRST_S), _LAST_S)
        date = _EPOCH + timedelta(seconds=second)
        return date.replace(tzinfo=None).isoformat(" ")
    sign, seconds = ("-", -time_ms // 1000) if time_ms < 0 else ("", time_ms // 1000)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def line_of(event: Event) -> str | None:
    """A transition as one line; None: nothing that people look at."""
    what = _what(event)
    patient = event.patient or "ward"
    return None if what is None else f"{moment(event.event_time_ms):>8}  {patient}  {what}"


def _what(event: Event) -> str | None:
    match event.body:
        case SignalChanged(signal=signal, is_greyed=is_greyed):
            return f"signal {signal}{', what is shown is old' if is_greyed else ''}"
        case BaselineChanged(baseline=baseline):
            return f"baseline {baseline}"
        case LevelChanged(level=level):
            return f"level {level}"
        case RecordChanged(record=record, why=why):
            told = f": {text_of(record)}" if why in _TOLD_ANEW else ""
            return f"{record.priority} {record.shown}, {why}, {record.key}{told}"
        case Notified(why="still present" | "advisory", text=text, record=record, priority=rank):
            return f"{rank} again, {record}: {text}"
        case Gathered(members=members):
            return f"technical at once: {len({bed for bed, _ in members})} beds"
        case NotDone(act=act, why=why):
            return f"{act} was not done: {why}"
    return None


# --- A record explains itself ----------------------------------------------------------------


def explained(record: Record, at_onset: Evidence | None = None) -> Iterator[str]:
    """A record's reasons, from itself alone: terms, values, limits, what clears it.

    at_onset: what it opened with, which a record that came back, or rose, has no more.
    """
    title = TITLES[record.rule]
    yield f"{record.key}: {title}, {record.priority}, {record.shown}, {_fate(record)}"
    yield f"onset {moment(record.onset_ms)}, {_lasted(record)}"
    if record.evidence is None:
        yield "no evidence was kept with it"
        return
    if at_onset is not None and at_onset != record.evidence:
        yield f"evidence of the onset{_as_of(at_onset)}:"
        yield from _seen(record, at_onset)
    if at_onset is not None or record.reopened:
        yield from _later(record, record.evidence, at_onset)
    yield from _seen(record, record.evidence)
    yield from _bounds(record.evidence)


def _later(record: Record, evidence: Evidence, at_onset: Evidence | None) -> Iterator[str]:
    """Of which moment the record's last evidence is, where it is not of the onset."""
    if evidence != at_onset:
        why = "as it came back" if record.reopened else "as more was there"
        yield f"evidence {why}{_as_of(evidence)}:"


def _as_of(evidence: Evidence) -> str:
    """The second of the newest score that it knows."""
    newest_ms = evidence.before[-1][0] if evidence.before else None
    return "" if newest_ms is None else f", {moment(int(newest_ms))}"


def _fate(record: Record) -> str:
    parts = ["closed" if record.is_closed else "open"]
    if record.acknowledged_by:
        at = moment(record.acknowledged_ms or 0)
        parts.append(f"acknowledged by {record.acknowledged_by} at {at}")
    else:
        parts.append("nobody has acknowledged it")
    if record.outcome:
        parts.append(f"outcome {record.outcome}")
    if record.reopened:
        parts.append(f"came back within 5 min {_times(record.reopened)}")
    return ", ".join(parts)


def _lasted(record: Record) -> str:
    if record.cleared_ms is None:
        unseen = "" if record.is_observed else ", held while nothing is seen"
        return f"still present when the log ends{unseen}"
    breaks = ", with breaks" if record.reopened else ""
    return f"present for {(record.cleared_ms - record.onset_ms) / 1000:g} s{breaks}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _seen(record: Record, evidence: Evidence) -> Iterator[str]:
    if is_technical(record.rule):
        for term in evidence.terms:
            yield f"seen: {_number(term.value)} {term.unit}, counts from {_number(term.limit)}"
    else:
        yield from _reasons(record, evidence)
    yield f"signal quality then {evidence.quality:.2f} (0-1)"
    if evidence.levels:
        levels = ", ".join(f"{level} from {moment(ms)}" for ms, level in evidence.levels)
        yield f"levels of the 5 min before: {levels}"


def _bounds(evidence: Evidence) -> Iterator[str]:
    yield f"clears when: {evidence.clears_when}"
    yield f"cannot know: {evidence.cannot_know}"
    model = evidence.model_hash or "none"
    yield f"made with settings {evidence.settings_hash}, rules {evidence.rules_hash}, model {model}"


def _reasons(record: Record, evidence: Evidence) -> Iterator[str]:
    highest = "" if record.score == evidence.score else f", {record.score} at its highest"
    yield f"score {evidence.score}{highest}, the sum of:"
    yield from table_of(evidence.terms)
    if evidence.baseline == "LEARNING":
        yield "own baseline LEARNING: B, R and C are absent"
    if evidence.regions:
        moved = ", ".join(f"{name} {by:.1f}" for name, by in evidence.regions)
        yield f"moved most against own baseline, in deviations: {moved}"
    course = _course(evidence)
    if course:
        yield f"P of the {len(evidence.before)} s before, 0-{P_MOST:g}: {course}"


def table_of(terms: tuple[Term, ...]) -> Iterator[str]:
    """Terms as lines of one width: name, value, from where it counts, what it adds."""
    for term in terms:
        counted = f"counts from {_number(term.limit):>5}, adds {term.weight}"
        name = TERMS.get(term.name)
        what = term.unit if name is None else f"{name} [{term.unit}]"
        if name is not None and not term.weight and _is_reached(term):
            what += ": not for long enough, or nothing to add it to"
        yield f"  {term.name:5} {_number(term.value):>7}, {counted}  {what}"


def _is_reached(term: Term) -> bool:
    return term.value is not None and term.limit is not None and term.value >= term.limit


def _number(value: float | None) -> str:
    """
    >>> _number(None), _number(2.0), _number(0.123456)
    ('absent', '2', '0.123')
    """
    return "absent" if value is None else f"{value:.3g}"


def _course(evidence: Evidence) -> str:
    """P of the two minutes before as blocks, each the highest of four seconds; "·": not seen."""
    values = [row[1] for row in evidence.before]
    parts = []
    for start in range(0, len(values), _SPARK_SECONDS):
        known = [value for value in values[start : start + _SPARK_SECONDS] if value is not None]
        share = max(known) / P_MOST if known else 0.0
        parts.append(BLOCKS[min(int(share * len(BLOCKS)), len(BLOCKS) - 1)] if known else "·")
    return "".join(parts)
