"""Events as rows of one entry: what is new in a batch, its parts, and what follows from it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from mien.errors import LogError
from mien.monitor.audit import Part
from mien.monitor.schema import events, outbox, records, subjects
from mien.risk.events import LARGEST, PRIORITIES, WARD, Awarded, Event, Notified, RecordChanged
from mien.risk.lines import canonical_json, to_line


@dataclass(frozen=True, slots=True)
class Told:
    """An event and its line."""

    event: Event
    line: str


def told(event: Event) -> Told:
    """Raises LogError for what no log can hold: a frame, NaN, a text that is no text."""
    try:
        line = to_line(event)
        line.encode()
    except (ValueError, TypeError) as error:
        raise LogError(f"event {name_of(event)} cannot be written: {error}") from None
    if not 1 <= event.seq <= LARGEST:
        raise LogError(f"event {name_of(event)} has no number from 1: frames are not logged")
    if "\0" in event.patient:
        raise LogError(f"event {name_of(event)}: a patient's key has no NUL in it")
    if max(abs(event.event_time_ms), abs(event.received_time_ms)) > LARGEST:
        raise LogError(f"event {name_of(event)} is of no time that can be written")
    return Told(event, line)


def name_of(event: Event) -> str:
    return f"{event.seq} of {ascii(event.patient) if event.patient else 'the ward'}"


def unwritten(connection: Connection, batch: Sequence[Told]) -> list[Told]:
    """The events of a batch that the log does not have yet.

    Raises LogError for an event that it has with other content, and where numbers are missing.
    """
    highest = _last_seqs(connection, {one.event.patient for one in batch})
    fresh: dict[tuple[str, int], Told] = {}
    again = []
    for one in batch:
        patient, seq = one.event.patient, one.event.seq
        last = highest.get(patient, 0)
        if seq <= last:
            again.append(one)
            continue
        if last and seq != last + 1:
            raise LogError(f"event {name_of(one.event)} came after {last}: some are missing")
        fresh[patient, seq] = one
        highest[patient] = seq
    for one in again:
        _same(connection, one, fresh.get((one.event.patient, one.event.seq)))
    return list(fresh.values())


def _last_seqs(connection: Connection, patients: set[str]) -> dict[str, int]:
    asked = select(subjects.c.patient, subjects.c.last_seq).where(subjects.c.patient.in_(patients))
    return {row.patient: row.last_seq for row in connection.execute(asked)}


def _same(connection: Connection, one: Told, fresh: Told | None) -> None:
    if fresh is None:
        asked = select(events.c.line).where(
            events.c.patient == one.event.patient, events.c.seq == one.event.seq
        )
        line = connection.execute(asked).scalar()
    else:
        line = fresh.line
    if line is None:
        raise LogError(f"event {name_of(one.event)} was forgotten, and comes again")
    if line != one.line:
        raise LogError(f"event {name_of(one.event)} is in the log with other content")


@dataclass(frozen=True, slots=True)
class Share:
    """One part's share of a batch: (place in the entry, event)."""

    patient: str
    rows: tuple[tuple[int, Told], ...]


def shares(batch: Iterable[Told]) -> list[Share]:
    """A patient's events together; each of the ward's alone, since it may name several patients."""
    of_patient: dict[str, list[tuple[int, Told]]] = {}
    of_ward = []
    for place, one in enumerate(batch):
        if one.event.patient == WARD:
            of_ward.append(Share(WARD, ((place, one),)))
        else:
            of_patient.setdefault(one.event.patient, []).append((place, one))
    return [Share(patient, tuple(rows)) for patient, rows in of_patient.items()] + of_ward


def content_of(rows: Iterable[tuple[int, str]]) -> str:
    """What a part's digest is of. rows: (place, line) in the order of places."""
    return canonical_json([list(row) for row in rows])


def parts_of(shared: Iterable[Share], subject_of: dict[str, str]) -> list[Part]:
    return [
        Part(
            "events",
            subject_of[share.patient],
            content_of((place, one.line) for place, one in share.rows),
        )
        for share in shared
    ]


def write(connection: Connection, position: int, shared: Sequence[Share]) -> None:
    """The rows of an entry's events, the records and notifications that follow from them."""
    rows = [
        event_row(one, position=position, part=part, place=place)
        for part, share in enumerate(shared)
        for place, one in share.rows
    ]
    connection.execute(insert(events), rows)
    last = {row["patient"]: row["seq"] for row in rows}
    connection.execute(
        update(subjects).where(subjects.c.patient == bindparam("who")),
        [{"who": patient, "last_seq": seq} for patient, seq in last.items()],
    )
    in_order = [one for _, one in sorted(row for share in shared for row in share.rows)]
    changed = {row["key"]: row for one in in_order if (row := record_row(one, position))}
    if changed:
        connection.execute(delete(records).where(records.c.key.in_(changed)))
        connection.execute(insert(records), list(changed.values()))
    if due := [row for one in in_order if (row := outbox_row(one, position))]:
        fresh = {"state": "pending", "attempts": 0, "due_ms": 0}
        connection.execute(insert(outbox), [row | fresh for row in due])


def event_row(one: Told, *, position: int, part: int, place: int) -> dict[str, Any]:
    return {
        "position": position,
        "place": place,
        "part": part,
        "patient": one.event.patient,
        "seq": one.event.seq,
        "kind": type(one.event.body).__name__,
        "event_time_ms": one.event.event_time_ms,
        "line": one.line,
    }


def record_row(one: Told, position: int) -> dict[str, Any] | None:
    """The row of an alert record as it is after an event; None: the event changes none."""
    if not isinstance(one.event.body, RecordChanged):
        return None
    record = one.event.body.record
    return {"key": record.key, "is_closed": int(record.is_closed), **_source(one, position)}


def outbox_row(one: Told, position: int) -> dict[str, Any] | None:
    """What of a message's row never changes; None: the event is none.

    Awards are messages too: whom escalation has come to must hear of it. They are of a MEDIUM at
    least; the failsafe's go before all, since nobody has come.
    """
    match one.event.body:
        case Notified(priority=priority):
            rank = PRIORITIES.index(priority)
        case Awarded(is_failsafe=is_failsafe):
            rank = PRIORITIES.index("HIGH" if is_failsafe else "MEDIUM")
        case _:
            return None
    return {"key": message_key(one.line, position), "rank": rank, **_source(one, position)}


def message_key(line: str, position: int) -> str:
    """What receivers know a message's doubles by. line: its event's; position: of its entry.

    Entries are never numbered again, while an erased patient's events are. It is a digest, since
    receivers keep it: whose the message was is not to be read from it.
    """
    return hashlib.sha256(f"{position}:{line}".encode()).hexdigest()[:32]


def _source(one: Told, position: int) -> dict[str, Any]:
    return {
        "patient": one.event.patient,
        "seq": one.event.seq,
        "position": position,
        "line": one.line,
    }
