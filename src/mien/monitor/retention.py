"""Forgetting: a patient on request, everything before a day. The chain still verifies.

Erasure deletes what a patient's key stands in: their events, records, notifications, notes,
state and landmarks, their pseudonym's row, and those of the ward's events and notes that name
them (see `naming`), with all of a ward's record that does. What stays is the chain, random salts
gone, and a tombstone under a pseudonym that nothing leads to any more. What a database's own
backups, archives and replicas hold is not reached.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Insert,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    union,
    update,
)

from mien.errors import InputError, LogError
from mien.monitor import audit
from mien.monitor.audit import Head, Part
from mien.monitor.naming import is_named, is_named_in_state, is_word_in
from mien.monitor.schema import (
    at_work,
    chain,
    events,
    landmarks,
    notes,
    outbox,
    parts,
    records,
    snapshots,
    subjects,
)
from mien.monitor.snapshots import Snapshot, add_with_snapshot, check_moment, newest
from mien.monitor.verification import read_excuses
from mien.risk.events import WARD, Event
from mien.risk.lines import canonical_json

_OF_PATIENT = (events, notes, snapshots, records, outbox, landmarks, subjects)


def erase(
    connection: Connection,
    patient: str,
    *,
    who: str,
    why: str,
    time_ms: int,
    snapshot: Snapshot | None = None,
    after: Event | None = None,
) -> Head:
    """Erase a patient, and say so under their pseudonym.

    snapshot: the watch's state now, without them; needed while a restart would read of them.
    after: with a snapshot, the last event that the watch said before it.

    Raises InputError when a snapshot is needed, names the patient or comes without `after`;
    LogError when nothing is kept of them, or the log goes on after that event.
    """
    if patient == WARD:
        raise InputError("the ward is no patient: give the key of one")
    last = audit.lock(connection)
    if is_word_in([who, why], patient):
        raise InputError("who erases and why stays: neither may name the patient")
    if snapshot is not None:
        check_moment(connection, after)
    ward = sorted(set(_of_ward(connection, patient)))
    _check_restart(connection, patient, ward, snapshot)
    if not ward and not _is_kept(connection, patient):
        raise LogError(f"nothing is kept of patient {patient!r}")
    subject = audit.pseudonyms(connection, [patient])[patient]
    _delete_patient(connection, patient)
    _delete_of_ward(connection, patient, ward)
    connection.execute(update(parts).where(parts.c.subject == subject).values(salt=None))
    for position, part in ward:
        at = (parts.c.position == position) & (parts.c.part == part)
        connection.execute(update(parts).where(at).values(salt=None))
    tombstone = {
        "subject": subject,
        "to": last.position,
        "ward": ward,
        "last_seq": _unseen_seqs(connection),
        "who": who,
        "why": why,
    }
    return _bury(connection, tombstone, time_ms=time_ms, snapshot=snapshot)


def forget_before(connection: Connection, time_ms: int, *, who: str, now_ms: int) -> Head:
    """Forget what was written before a time of the host, and say so.

    Kept all the same: what a restart reads (the newest snapshot and what came after it), records
    that are not closed, messages that were not sent. The tombstone says which, so that nothing
    else may be missing. Landmarks of that time go too.
    """
    last = audit.lock(connection)
    connection.execute(delete(landmarks).where(landmarks.c.time_ms < time_ms))
    first_kept = connection.execute(
        select(func.min(chain.c.position)).where(chain.c.time_ms >= time_ms)
    ).scalar()
    upto = min(first_kept or last.position + 1, newest(connection)[0]) - 1
    if upto <= read_excuses(connection).forgotten_to:
        return last
    kept = _delete_not_at_work(connection, upto)
    tombstone = {
        "forgotten_to": upto,
        "kept": kept,
        "last_seq": _unseen_seqs(connection),
        "before_ms": time_ms,
        "who": who,
    }
    return _bury(connection, tombstone, time_ms=now_ms)


def _bury(
    connection: Connection,
    tombstone: Mapping[str, Any],
    *,
    time_ms: int,
    snapshot: Snapshot | None = None,
) -> Head:
    line = canonical_json(tombstone)
    content = [Part("tombstone", WARD, line)]
    head = add_with_snapshot(connection, "tombstone", content, snapshot, time_ms=time_ms)
    row = {"position": head.position, "part": 0, "patient": WARD, "line": line}
    connection.execute(insert(notes), row)
    return head


def _check_restart(
    connection: Connection, patient: str, ward: list[tuple[int, int]], snapshot: Snapshot | None
) -> None:
    """Whether a restart would read nothing of the patient."""
    if snapshot is not None:
        if patient in snapshot or any(
            is_named_in_state(text, patient) for text in snapshot.values()
        ):
            raise InputError(f"the snapshot is not without patient {patient!r}")
        return
    position, states = newest(connection)
    own = select(events.c.position).where(events.c.patient == patient, events.c.position > position)
    if (
        patient in states
        or any(is_named_in_state(text, patient) for text in states.values())
        or any(at > position for at, _ in ward)
        or connection.execute(own.limit(1)).first()
    ):
        raise InputError(
            f"a restart would read of patient {patient!r}: give a snapshot without them"
        )


def _is_kept(connection: Connection, patient: str) -> bool:
    asked = (select(table.c.patient).where(table.c.patient == patient) for table in _OF_PATIENT)
    return any(connection.execute(one.limit(1)).first() for one in asked)


def _of_ward(connection: Connection, patient: str) -> Iterator[tuple[int, int]]:
    """(position, part) of each of the ward's events and notes that names the patient.

    And of each change of a record that names them now: an earlier one is not how it stands, and
    might say for ever that it is open. The watch's next change of it writes it again.
    Not of tombstones, which nothing may take away: they name nobody whom they erased.
    """
    buried = select(chain.c.position).where(chain.c.what == "tombstone")
    tombstones = set(connection.execute(buried).scalars())
    for row in _naming(connection, events, patient):
        yield row.position, row.part
    for row in _naming(connection, notes, patient, is_word_in):
        if row.position not in tombstones:
            yield row.position, row.part
    named = {row.key for row in _naming(connection, records, patient)}
    changes = select(events).where(events.c.patient == WARD, events.c.kind == "RecordChanged")
    for row in connection.execute(changes) if named else ():
        if _record_key(row.line) in named:
            yield row.position, row.part


def _naming(
    connection: Connection,
    table: Table,
    patient: str,
    is_about: Callable[[Any, str], bool] = is_named,
) -> list[Any]:
    """The ward's rows of a table whose line is about the patient."""
    written = json.dumps(patient, ensure_ascii=False)[1:-1]
    asked = select(table).where(
        table.c.patient == WARD, table.c.line.contains(written, autoescape=True)
    )
    return [row for row in connection.execute(asked) if is_about(json.loads(row.line), patient)]


def _delete_patient(connection: Connection, patient: str) -> None:
    for table in _OF_PATIENT:
        connection.execute(delete(table).where(table.c.patient == patient))


def _delete_of_ward(connection: Connection, patient: str, ward: Iterable[tuple[int, int]]) -> None:
    for position, part in ward:
        for table in (events, notes):
            at = (table.c.position == position) & (table.c.part == part)
            connection.execute(delete(table).where(at))
    for row in _naming(connection, outbox, patient):
        connection.execute(delete(outbox).where(outbox.c.key == row.key))
    for row in _naming(connection, records, patient):
        connection.execute(delete(records).where(records.c.key == row.key))


def _record_key(line: str) -> str:
    """Whose change a RecordChanged's line tells."""
    key: str = json.loads(line)["body"]["record"]["key"]
    return key


def _unseen_seqs(connection: Connection) -> dict[str, int]:
    """By subject, the last number of whose newest event is gone: nothing else says it."""
    is_there = (events.c.patient == subjects.c.patient) & (events.c.seq == subjects.c.last_seq)
    asked = select(subjects.c.subject, subjects.c.last_seq).where(
        subjects.c.last_seq > 0, ~select(events.c.seq).where(is_there).exists()
    )
    return {row.subject: row.last_seq for row in connection.execute(asked)}


def _delete_not_at_work(connection: Connection, upto: int) -> list[tuple[int, int]]:
    """Delete content up to an entry but what is still at work, and return that: (position, part).

    The parts at work may be more than a statement has room for: they stand in a table meanwhile.
    """
    at_work.create(connection)
    _find_at_work(connection, upto)
    _delete_upto(connection, upto)
    asked = select(at_work.c.position, at_work.c.part).order_by(at_work.c.position, at_work.c.part)
    kept = [(row.position, row.part) for row in connection.execute(asked)]
    at_work.drop(connection)
    return kept


def _delete_upto(connection: Connection, upto: int) -> None:
    """Content up to an entry, but tombstones and what is still at work; emptied entries' parts."""
    tombstones = select(chain.c.position).where(chain.c.what == "tombstone")
    at_entry = select(at_work.c.part).where(at_work.c.position == parts.c.position)
    is_emptied = parts.c.position.not_in(tombstones) & ~at_entry.exists()
    _delete(connection, notes, upto, notes.c.position.not_in(tombstones))
    _delete(connection, events, upto, ~_is_at_work(events))
    _delete(connection, parts, upto, is_emptied)
    unsalted = (parts.c.position <= upto) & at_entry.exists() & ~_is_at_work(parts)
    connection.execute(update(parts).where(unsalted).values(salt=None))
    for table in (records, outbox):
        _delete(connection, table, upto, ~select(events.c.seq).where(_same(table)).exists())
    kept = [select(table.c.patient) for table in (events, notes, snapshots)]
    connection.execute(delete(subjects).where(subjects.c.patient.not_in(union(*kept))))


def _find_at_work(connection: Connection, upto: int) -> None:
    """The parts up to an entry that records not closed and messages not sent stand on.

    And those that the records stand on which these parts speak of: of a record whose opening is
    kept for an old message, what closed it stays too, or it would seem to be missing.
    """
    for table, is_used in ((records, records.c.is_closed == 0), (outbox, outbox.c.state != "sent")):
        connection.execute(_stood_on(table, upto, is_used, step=0))
    step = 0
    while keys := _records_in(connection, step) - _records_at_work(connection):
        step += 1
        spoken_of = _stood_on(records, upto, records.c.key == bindparam("spoken_of"), step=step)
        connection.execute(spoken_of, [{"spoken_of": key} for key in keys])


def _stood_on(table: Table, upto: int, which: ColumnElement[bool], *, step: int) -> Insert:
    """Into the parts at work: those that some rows stand on, if they are not there already."""
    asked = select(events.c.position, events.c.part, literal(step, BigInteger)).distinct()
    asked = asked.where(_same(table), which, table.c.position <= upto, ~_is_at_work(events))
    return insert(at_work).from_select(["position", "part", "step"], asked)


def _records_in(connection: Connection, step: int) -> set[str]:
    """The keys of the records that the parts of a step speak of."""
    asked = select(events.c.line).where(
        events.c.kind == "RecordChanged",
        events.c.position == at_work.c.position,
        events.c.part == at_work.c.part,
        at_work.c.step == step,
    )
    return {_record_key(line) for line in connection.execute(asked).scalars()}


def _records_at_work(connection: Connection) -> set[str]:
    """The keys of the records that stand on parts at work."""
    asked = select(records.c.key).where(_same(records), _is_at_work(events))
    return set(connection.execute(asked).scalars())


def _is_at_work(table: Table) -> ColumnElement[bool]:
    at = (at_work.c.position == table.c.position) & (at_work.c.part == table.c.part)
    return select(at_work.c.part).where(at).exists()


def _same(table: Table) -> ColumnElement[bool]:
    """Whether a row stands on an event."""
    return (events.c.patient == table.c.patient) & (events.c.seq == table.c.seq)


def _delete(connection: Connection, table: Table, upto: int, which: ColumnElement[bool]) -> None:
    connection.execute(delete(table).where(table.c.position <= upto, which))
