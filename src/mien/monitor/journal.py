"""The watch's log, kept: append, go on after a restart, prove it, forget.

One transaction an append: the events, the alert records and notifications that follow from
them, the snapshot and the entry of the audit chain are all on the disk when it returns, or none
is. So acknowledge upstream what `append` returned for, and append again what it raised
StoreError for: what is there already is passed over.

    journal = Journal.open("ward.db")          # or postgresql://user@host/ward
    snapshot, events = journal.resume()
    head = journal.append(events_of_this_second)
    print(head)                                # keep it elsewhere
    print(journal.verify(head))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, insert, select

from mien.monitor import audit, entries, retention, verification
from mien.monitor.audit import Head, Part
from mien.monitor.landmarks import LandmarkRing
from mien.monitor.migrations import migrate
from mien.monitor.outbox import Outbox
from mien.monitor.schema import chain, events, notes, records
from mien.monitor.settings import JournalSettings
from mien.monitor.snapshots import Snapshot, add_with_snapshot, check_moment, newest
from mien.monitor.store import Store, open_store
from mien.monitor.verification import Broken, Verified
from mien.risk.events import WARD, Event, Record, RecordChanged
from mien.risk.lines import canonical_json, from_line


@dataclass(frozen=True, slots=True)
class KeptRecord:
    """An alert record as it is now, and the chain's entry that says so."""

    record: Record
    head: Head


class Journal:
    """An open journal. One process appends; any number reads, verifies and sends."""

    def __init__(self, store: Store, settings: JournalSettings) -> None:
        self._store = store
        self.outbox = Outbox(store, settings)
        self.landmarks = LandmarkRing(store, settings)

    @classmethod
    def open(cls, address: str | Path, settings: JournalSettings | None = None) -> Journal:
        """Open a journal, made or brought to this version where need be.

        address: a file of SQLite, or a PostgreSQL database as postgresql://user@host/name.

        Raises InputError for another address, StoreError, LogError for one that a newer mien
        wrote, MissingExtraError.
        """
        settings = settings or JournalSettings()
        store = open_store(address, busy_timeout_s=settings.busy_timeout_s)
        try:
            migrate(store)
        except BaseException:
            store.close()
            raise
        return cls(store, settings)

    def append(self, batch: Iterable[Event], snapshot: Snapshot | None = None) -> Head:
        """Write events, and the watch's state after them, in one transaction.

        What the log has already is passed over. Returns the chain's head.

        Raises LogError for an event that the log has with other content, a gap in a patient's
        numbers, a snapshot of another moment; StoreError.
        """
        return self.append_told([entries.told(event) for event in batch], snapshot)

    def append_told(self, told: Sequence[entries.Told], snapshot: Snapshot | None = None) -> Head:
        """As `append`, of events that are lines already."""
        with self._store.writing() as connection:
            head = audit.lock(connection)
            fresh = entries.unwritten(connection, told)
            if fresh or snapshot is not None:
                head = _write(connection, fresh, snapshot)
            if snapshot is not None and told:
                check_moment(connection, told[-1].event)
        return head

    def note(self, payload: Mapping[str, Any], *, time_ms: int, patient: str = WARD) -> Head:
        """Write into the chain what is no event of the watch: who logged in, who looked at whom.

        payload: JSON values, without personal data of a patient other than `patient`.
        """
        line = canonical_json(dict(payload))
        with self._store.writing() as connection:
            audit.lock(connection)
            subject = audit.pseudonyms(connection, [patient])[patient]
            head = audit.add(connection, "note", [Part("note", subject, line)], time_ms=time_ms)
            row = {"position": head.position, "part": 0, "patient": patient, "line": line}
            connection.execute(insert(notes), row)
        return head

    def resume(self) -> tuple[dict[str, str] | None, list[Event]]:
        """The newest snapshot, if any, and the events after it in their order."""
        with self._store.reading() as connection:
            position, states = newest(connection)
            asked = select(events.c.line).where(events.c.position > position)
            lines = connection.execute(asked.order_by(events.c.position, events.c.place)).scalars()
            return states or None, [from_line(line) for line in lines]

    def events(
        self, patient: str, *, kinds: Iterable[str] = (), from_ms: int = 0, to_ms: int = 2**63 - 1
    ) -> Iterator[Event]:
        """A patient's events of these kinds, all if none, whose event time is in [from, to)."""
        asked = select(events.c.line).where(
            events.c.patient == patient,
            events.c.event_time_ms >= from_ms,
            events.c.event_time_ms < to_ms,
        )
        if kinds := tuple(kinds):
            asked = asked.where(events.c.kind.in_(kinds))
        with self._store.reading() as connection:
            lines = connection.execution_options(yield_per=500).execute(
                asked.order_by(events.c.seq)
            )
            for line in lines.scalars():
                yield from_line(line)

    def records(self, *, patient: str | None = None, closed: bool = False) -> list[KeptRecord]:
        """Alert records as they are now, oldest first; closed ones too if asked."""
        asked = select(records.c.line, chain.c.position, chain.c.link).join_from(
            records, chain, records.c.position == chain.c.position
        )
        if patient is not None:
            asked = asked.where(records.c.patient == patient)
        if not closed:
            asked = asked.where(records.c.is_closed == 0)
        with self._store.reading() as connection:
            rows = connection.execute(asked).all()
        kept = [KeptRecord(_record(row.line), Head(row.position, row.link)) for row in rows]
        return sorted(kept, key=lambda one: (one.record.onset_ms, one.record.key))

    def head(self) -> Head:
        """Where the chain ends. Print it and keep it where this store's keepers cannot write."""
        with self._store.reading() as connection:
            return audit.head_of(connection)

    def verify(self, head: Head | None = None) -> Verified | Broken:
        """Whether the log is what was written; with a head kept elsewhere, all of it."""
        with self._store.reading() as connection:
            return verification.verify(connection, head)

    def erase(
        self,
        patient: str,
        *,
        who: str,
        why: str,
        time_ms: int,
        snapshot: Snapshot | None = None,
        after: Event | None = None,
    ) -> Head:
        """Erase all of a patient; see `retention.erase`.

        A StoreError that says "scrubbed" comes after it: all is erased, but the database's files
        still hold some of it. Call `scrub` until it goes well.
        """
        with self._store.writing() as connection:
            head = retention.erase(
                connection,
                patient,
                who=who,
                why=why,
                time_ms=time_ms,
                snapshot=snapshot,
                after=after,
            )
        self.scrub()
        return head

    def scrub(self) -> None:
        """Take what was deleted out of the database's files too; see `Store.scrub`."""
        self._store.scrub()

    def forget_before(self, time_ms: int, *, who: str, now_ms: int) -> Head:
        """Forget what was written before a time; see `retention.forget_before`.

        A StoreError that says "scrubbed" comes after it, as of `erase`.
        """
        with self._store.writing() as connection:
            head = retention.forget_before(connection, time_ms, who=who, now_ms=now_ms)
        self.scrub()
        return head

    def close(self) -> None:
        self._store.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


def _write(connection: Connection, fresh: list[entries.Told], snapshot: Snapshot | None) -> Head:
    shared = entries.shares(fresh)
    subject_of = audit.pseudonyms(connection, (share.patient for share in shared))
    heard_ms = max((one.event.received_time_ms for one in fresh), default=None)
    head = add_with_snapshot(
        connection, "events", entries.parts_of(shared, subject_of), snapshot, time_ms=heard_ms
    )
    if fresh:
        entries.write(connection, head.position, shared)
    return head


def _record(line: str) -> Record:
    body = from_line(line).body
    assert isinstance(body, RecordChanged)
    return body.record
