"""A record: what became of one onset of one condition. Its transitions, and the acts it refuses.

| | record unacknowledged | acknowledged |
|---|---|---|
| condition present | `on` | `ack` |
| condition absent | `latched` | `off` |

An acknowledgement silences; it closes nothing while the condition is present. A LOW or technical
record that is `off` closes by itself; the others close with an outcome that a person gives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mien.risk.events import (
    PRIORITIES,
    TECHNICAL_RULES,
    WARD_RULES,
    Closed,
    Evidence,
    Priority,
    Record,
)

MOST = {"cpot": 8, "nrs": 10}  # the scales' own highest values
TOLD_ONCE = ("not-observable",)  # then display only
UNKNOWN = "no such open record"


@dataclass(frozen=True, slots=True)
class Cause:
    """A condition that is present, as its record sees it."""

    rule: str
    priority: Priority
    onset_seq: int
    onset_ms: int
    is_observed: bool
    score: int | None
    onset_tick_ms: int | None = None  # the same onset by the host's clock; None: no tick yet


def key_of(patient: str, cause: Cause) -> str:
    return f"{patient}/{cause.rule}/{cause.onset_seq}"


def patient_of(key: str) -> str:
    """Whose record it is: a patient's name may have strokes in it, a rule's has none.

    >>> patient_of("ward 3/bed 2/concern/17")
    'ward 3/bed 2'
    """
    return key.rsplit("/", 2)[0]


def is_higher(priority: Priority, than: Priority) -> bool:
    return PRIORITIES.index(priority) > PRIORITIES.index(than)


def is_technical(rule: str) -> bool:
    return rule in TECHNICAL_RULES or rule in WARD_RULES


def escalates(record: Record) -> bool:
    """Whether somebody must be sent until one acknowledges.

    A latched record of a patient escalates: nobody has looked. A technical condition that is over
    needs nobody at the bed.
    """
    if record.is_closed or record.acknowledged_by or not is_higher(record.priority, "LOW"):
        return False
    return record.is_present or not is_technical(record.rule)


def opened(patient: str, cause: Cause, evidence: Evidence) -> Record:
    return Record(
        key=key_of(patient, cause),
        patient=patient,
        rule=cause.rule,
        priority=cause.priority,
        onset_ms=cause.onset_ms,
        is_present=True,
        is_observed=cause.is_observed,
        acknowledged_by=None,
        acknowledged_ms=None,
        cleared_ms=None,
        is_closed=False,
        outcome=None,
        closed_by=None,
        cpot=None,
        nrs=None,
        reopened=0,
        score=cause.score,
        evidence=evidence,
    )


def is_reminded_of(record: Record) -> bool:
    """Whether silence about it ends after a while."""
    is_silenced = record.is_present and record.acknowledged_by is not None
    return is_silenced and record.rule not in TOLD_ONCE


def can_reopen(
    record: Record, cause: Cause, *, within_ms: int, cleared_tick_ms: int | None = None
) -> bool:
    """Whether this onset is the old one back. What a person closed stays closed.

    cleared_tick_ms: host time of a clearing that did not come by the clock of the rule's onsets;
    None: it did. The stream's clock and the host's may be hours apart: neither is taken from the
    other.
    """
    if record.closed_by is not None or record.cleared_ms is None:
        return False
    if cleared_tick_ms is None or cause.onset_tick_ms is None:
        return cause.onset_ms - record.cleared_ms <= within_ms
    return cause.onset_tick_ms - cleared_tick_ms <= within_ms


def is_louder(record: Record, cause: Cause, *, by: int) -> bool:
    """Whether the score is so much higher that the old acknowledgement does not cover it."""
    if record.score is None or cause.score is None:
        return False
    return cause.score >= record.score + by


def reopened(record: Record, cause: Cause, evidence: Evidence) -> Record:
    """Present again, as acknowledged as it was."""
    again = replace(
        record,
        priority=cause.priority,
        is_present=True,
        is_observed=cause.is_observed,
        cleared_ms=None,
        is_closed=False,
        reopened=record.reopened + 1,
        evidence=evidence,
    )
    return scored(again, cause.score)


def scored(record: Record, score: int | None) -> Record:
    """With the highest score while it was present."""
    if score is None or (record.score is not None and score <= record.score):
        return record
    return replace(record, score=score)


def acknowledged(record: Record, who: str, time_ms: int) -> Record:
    return replace(record, acknowledged_by=who, acknowledged_ms=time_ms)


def unacknowledged(record: Record) -> Record:
    """It has become more than what was acknowledged."""
    return replace(record, acknowledged_by=None, acknowledged_ms=None)


def cleared(record: Record, time_ms: int) -> Record:
    return replace(record, is_present=False, is_observed=True, cleared_ms=time_ms)


def closes_by_itself(record: Record) -> bool:
    is_minor = record.priority == "LOW" or is_technical(record.rule)
    return record.shown == "off" and is_minor and not record.is_closed


def closed(record: Record, act: Closed, time_ms: int) -> Record:
    """Closed by a person, whose outcome is an acknowledgement too."""
    if record.acknowledged_by is None:
        record = acknowledged(record, act.who, time_ms)
    return replace(
        record,
        is_closed=True,
        outcome=act.outcome,
        closed_by=act.who,
        cpot=act.cpot,
        nrs=act.nrs,
    )


def why_not_acknowledge(record: Record | None, who: str) -> str | None:
    """The reason why this acknowledgement does nothing; None: it may be done."""
    if not who:
        return "an acknowledgement needs a name"
    if record is None or record.is_closed:
        return UNKNOWN
    if record.acknowledged_by:
        return f"already acknowledged by {record.acknowledged_by}"
    return None


def why_not_close(record: Record | None, act: Closed) -> str | None:
    """The reason why this closing does nothing; None: it may be done."""
    if not act.who:
        return "closing needs a name"
    if record is None or record.is_closed:
        return UNKNOWN
    if record.is_present:
        return "the condition is still present: acknowledge it, close it when it has ended"
    for name, most in MOST.items():
        given: int | None = getattr(act, name)
        if given is not None and not 0 <= given <= most:
            return f"{name.upper()} is 0-{most}, got {given}"
    return None
