"""Whether the log is what was written: every entry, its parts, and what follows from them.

Detected without a head: whatever was changed, moved, added or deleted, unless the whole chain
after it was made anew. With a head that was kept elsewhere: that too, and a log cut short.
Not covered are what changes by its nature (how often a notification was tried, when it was sent)
and the ring of landmarks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Row, Table, func, or_, select

from mien.monitor import audit
from mien.monitor.audit import GENESIS, Head
from mien.monitor.entries import Told, content_of, outbox_row, record_row
from mien.monitor.schema import chain, events, notes, outbox, parts, records, snapshots, subjects
from mien.risk.events import WARD
from mien.risk.lines import from_line

_BLOCK = 500  # entries looked at in one go


@dataclass(frozen=True, slots=True)
class Verified:
    """Every entry is as it was written, or erased by an entry that says so."""

    head: Head

    def __str__(self) -> str:
        return f"verified: {self.head.position} entries, head {self.head}"


@dataclass(frozen=True, slots=True)
class Broken:
    """The first place where the log is not what was written."""

    position: int
    why: str

    def __str__(self) -> str:
        return f"broken at entry {self.position}: {self.why}"


class _Fault(Exception):
    def __init__(self, position: int, why: str) -> None:
        super().__init__(why)
        self.broken = Broken(position, why)


@dataclass(frozen=True, slots=True)
class Excuses:
    """Which content may be gone: what the tombstones say, and snapshots before the newest."""

    forgotten_to: int = 0
    kept: frozenset[tuple[int, int]] = frozenset()  # of the parts up to there
    kept_entries: frozenset[int] = frozenset()  # that hold those
    erased_to: dict[str, int] = field(default_factory=dict)  # by subject
    erased_parts: frozenset[tuple[int, int]] = frozenset()
    last_seq: dict[str, int] = field(default_factory=dict)  # by subject, where its event is gone
    newest_snapshot: int = 0

    def excuse(self, part: Any) -> bool:
        if part.kind == "tombstone" or part.salt is not None:
            return False
        place = (part.position, part.part)
        return (
            (part.position <= self.forgotten_to and place not in self.kept)
            or part.position <= self.erased_to.get(part.subject, 0)
            or place in self.erased_parts
            or (part.kind == "snapshot" and part.position < self.newest_snapshot)
        )

    def excuse_entry(self, position: int) -> bool:
        """Whether not even an entry's parts need be there."""
        return position <= self.forgotten_to and position not in self.kept_entries


@dataclass(frozen=True, slots=True)
class _Content:
    patient: str
    text: str
    rows: tuple[Any, ...] = ()  # of events


@dataclass(slots=True)
class _Block:
    entries: list[Row]
    parts: dict[int, list[Row]]
    contents: dict[tuple[str, int, int], _Content]  # by table, position, part


@dataclass(slots=True)
class _Walk:
    """What is known all the way along, and what the events say that other tables must hold."""

    excuses: Excuses
    subject_of: dict[str, str]
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    outbox: dict[str, dict[str, Any]] = field(default_factory=dict)
    last_seq: dict[str, int] = field(default_factory=dict)


def verify(connection: Connection, head: Head | None = None) -> Verified | Broken:
    """Look at the whole log in one reading transaction."""
    try:
        return Verified(_walked(connection, head))
    except _Fault as fault:
        return fault.broken


def _walked(connection: Connection, head: Head | None) -> Head:
    people = connection.execute(select(subjects)).all()
    walk = _Walk(read_excuses(connection), {WARD: WARD} | {p.patient: p.subject for p in people})
    at, time_ms = Head(0, GENESIS), 0
    for block in _blocks(connection):
        for entry in block.entries:
            at = _next(at, time_ms, entry)
            time_ms = entry.time_ms
            _check_parts(entry, block, walk)
            if head is not None and head.position == at.position and head.link != at.link:
                raise _Fault(at.position, "another log: the head that was kept has another link")
        for table, position, _ in block.contents:
            raise _Fault(position, f"a row of {table} is in no part of its entry")
    _check_ends(connection, at, head)
    _check_table(connection, records, walk.records)
    _check_table(connection, outbox, walk.outbox)
    for person in people:
        _check_last_seq(person, walk, at)
    return at


def _next(at: Head, time_ms: int, entry: Row) -> Head:
    if entry.position != at.position + 1:
        raise _Fault(at.position + 1, "the entry is missing")
    link = audit.link_of(
        at.link,
        position=entry.position,
        time_ms=entry.time_ms,
        what=entry.what,
        digest=entry.digest,
    )
    if link != entry.link:
        raise _Fault(entry.position, "the entry does not follow from the one before it")
    if entry.time_ms < time_ms:
        raise _Fault(entry.position, "the entry is older than the one before it")
    return Head(entry.position, link)


def _check_parts(entry: Row, block: _Block, walk: _Walk) -> None:
    told = block.parts.pop(entry.position, [])
    if not told and entry.what != "tombstone" and walk.excuses.excuse_entry(entry.position):
        return
    digest = audit.digest_of_parts((part.kind, part.subject, part.digest) for part in told)
    if digest != entry.digest or [part.part for part in told] != list(range(len(told))):
        raise _Fault(entry.position, "its parts were changed, moved or deleted")
    for part in told:
        table = {"events": "events", "snapshot": "snapshots"}.get(part.kind, "notes")
        content = block.contents.pop((table, part.position, part.part), None)
        if content is not None:
            _check_content(part, content, walk)
        elif not walk.excuses.excuse(part):
            raise _Fault(entry.position, f"{_shown(part)} is gone, and no tombstone says why")


def _check_content(part: Row, content: _Content, walk: _Walk) -> None:
    if part.salt is None or audit.digest_of(part.salt, content.text) != part.digest:
        raise _Fault(part.position, f"{_shown(part)} was changed")
    if walk.subject_of.get(content.patient) != part.subject:
        raise _Fault(part.position, f"{_shown(part)} stands under another patient")
    for row in content.rows:
        event = json.loads(row.line)
        columns = (row.patient, row.seq, row.kind, row.event_time_ms)
        if columns != tuple(event[n] for n in ("patient", "seq", "kind", "event_time_ms")):
            raise _Fault(part.position, f"event {row.place} stands under another name")
        walk.last_seq[row.patient] = row.seq
        if row.kind in ("RecordChanged", "Notified", "Awarded"):
            _expect(Told(from_line(row.line), row.line), part.position, walk)


def _expect(one: Told, position: int, walk: _Walk) -> None:
    if record := record_row(one, position):
        walk.records[record["key"]] = record
    if notification := outbox_row(one, position):
        walk.outbox[notification["key"]] = notification


def _shown(part: Row) -> str:
    return f"part {part.part} ({part.kind})"


def _check_ends(connection: Connection, at: Head, head: Head | None) -> None:
    if head is not None and head.position > at.position:
        raise _Fault(
            at.position + 1, f"cut short: {head.position} entries were written, {at.position} are"
        )
    for table in (chain, parts, events, notes, snapshots):
        position = table.c.position
        asked = select(func.max(position)).where(or_(position < 1, position > at.position))
        if (stray := connection.execute(asked).scalar()) is not None:
            raise _Fault(stray, f"a row of {table.name} is in no entry")


def _check_last_seq(person: Row, walk: _Walk, at: Head) -> None:
    """Where the last event is forgotten or erased, the tombstone says its number."""
    told = walk.excuses.last_seq.get(person.subject, 0)
    if max(told, walk.last_seq.get(person.patient, 0)) != person.last_seq:
        raise _Fault(at.position, f"the last number of {person.patient!a} was changed")


def _check_table(connection: Connection, table: Table, wanted: dict[str, dict[str, Any]]) -> None:
    """Whether a table that follows from the events holds what they say, and no more."""
    for row in connection.execute(select(table)).mappings():
        said = wanted.pop(row["key"], None)
        if said is None or said != {name: row[name] for name in said}:
            raise _Fault(row["position"], f"{table.name}: {row['key']!a} is not what was said")
    for key, said in wanted.items():
        raise _Fault(said["position"], f"{table.name}: {key!a} is missing")


def read_excuses(connection: Connection) -> Excuses:
    """What the tombstones say; one that was changed says nothing."""
    newest = select(func.max(parts.c.position)).where(parts.c.kind == "snapshot")
    excuses = Excuses(newest_snapshot=connection.execute(newest).scalar() or 0)
    for told in _tombstones(connection):
        with suppress(ValueError, KeyError, TypeError):  # none of ours
            excuses = _with_tombstone(excuses, told)
    return excuses


def _with_tombstone(excuses: Excuses, told: dict[str, Any]) -> Excuses:
    """Each is of all before it: of two that forget, the later says what is kept."""
    excuses = replace(excuses, last_seq=excuses.last_seq | told["last_seq"])
    if "subject" in told:
        return replace(
            excuses,
            erased_to=excuses.erased_to | {told["subject"]: told["to"]},
            erased_parts=excuses.erased_parts | _places(told["ward"]),
        )
    kept = _places(told["kept"])
    entries = frozenset(position for position, _ in kept)
    return replace(excuses, forgotten_to=told["forgotten_to"], kept=kept, kept_entries=entries)


def _places(told: list[list[int]]) -> frozenset[tuple[int, int]]:
    return frozenset((position, part) for position, part in told)


def _tombstones(connection: Connection) -> Iterator[dict[str, Any]]:
    """What those say that are as they were written, oldest first."""
    at_its_part = (notes.c.position == parts.c.position) & (notes.c.part == parts.c.part)
    asked = select(parts.c.digest, parts.c.salt, notes.c.line).select_from(
        parts.join(notes, at_its_part)
    )
    asked = asked.where(parts.c.kind == "tombstone").order_by(parts.c.position)
    for row in connection.execute(asked).all():
        if row.salt is not None and audit.digest_of(row.salt, row.line) == row.digest:
            yield json.loads(row.line)


def _blocks(connection: Connection) -> Iterator[_Block]:
    after = 0
    while entries := _rows(connection, chain, after, limit=_BLOCK):
        upto = entries[-1].position
        block = _Block(list(entries), {}, {})
        for part in _rows(connection, parts, after, upto, parts.c.part):
            block.parts.setdefault(part.position, []).append(part)
        for row in _rows(connection, notes, after, upto):
            block.contents["notes", row.position, row.part] = _Content(row.patient, row.line)
        for row in _rows(connection, snapshots, after, upto):
            block.contents["snapshots", row.position, row.part] = _Content(row.patient, row.text)
        _add_events(block, _rows(connection, events, after, upto, events.c.place))
        yield block
        after = upto


def _rows(
    connection: Connection,
    table: Table,
    after: int,
    upto: int | None = None,
    then: Any = None,
    limit: int | None = None,
) -> list[Row]:
    asked = select(table).where(table.c.position > after).order_by(table.c.position).limit(limit)
    if upto is not None:
        asked = asked.where(table.c.position <= upto)
    return list(connection.execute(asked if then is None else asked.order_by(then)))


def _add_events(block: _Block, rows: list[Row]) -> None:
    grouped: dict[tuple[int, int], list[Row]] = {}
    for row in rows:
        grouped.setdefault((row.position, row.part), []).append(row)
    for (position, part), group in grouped.items():
        text = content_of((row.place, row.line) for row in group)
        block.contents["events", position, part] = _Content(group[0].patient, text, tuple(group))
