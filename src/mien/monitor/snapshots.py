"""The watch's state kept beside its log, a text a patient, so that a restart reads little.

Only the newest is kept. Its parts stand in the audit chain: a state that was edited is found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from mien.errors import InputError, LogError
from mien.monitor import audit
from mien.monitor.audit import Head, Part, What
from mien.monitor.entries import name_of
from mien.monitor.schema import events, parts, snapshots
from mien.risk.events import Event

Snapshot = Mapping[str, str]  # by patient, "" for the ward: what the watch goes on from


def add_with_snapshot(
    connection: Connection,
    what: What,
    content: Sequence[Part],
    snapshot: Snapshot | None,
    *,
    time_ms: int | None,
) -> Head:
    """Add an entry to the chain with a snapshot in it, which takes the place of the one before."""
    if snapshot is None:
        return audit.add(connection, what, content, time_ms=time_ms)
    if not snapshot:
        raise LogError("a snapshot of nothing: a restart could not go on from it")
    subject_of = audit.pseudonyms(connection, snapshot)
    states = [Part("snapshot", subject_of[patient], text) for patient, text in snapshot.items()]
    _delete_old(connection)
    head = audit.add(connection, what, [*content, *states], time_ms=time_ms)
    rows = [
        {"position": head.position, "part": part, "patient": patient, "text": text}
        for part, (patient, text) in enumerate(snapshot.items(), start=len(content))
    ]
    connection.execute(insert(snapshots), rows)
    return head


def newest(connection: Connection) -> tuple[int, dict[str, str]]:
    """(position, state by patient) of the snapshot that is kept; (0, {}) where there is none."""
    rows = connection.execute(select(snapshots).order_by(snapshots.c.part)).all()
    return (rows[0].position if rows else 0), {row.patient: row.text for row in rows}


def check_moment(connection: Connection, last: Event | None) -> None:
    """Whether an event is the log's last: a snapshot stands for all that came before it.

    It may be erased since, if a snapshot was written then and nothing after that. Raises
    InputError where there is a log and no event is given, LogError.
    """
    asked = select(events.c.position, events.c.patient, events.c.seq)
    in_order = asked.order_by(events.c.position.desc(), events.c.place.desc())
    newest_row = connection.execute(in_order.limit(1)).first()
    if newest_row is None:
        return
    if last is None:
        raise InputError("a snapshot of no moment: give the last event that was said before it")
    if (newest_row.patient, newest_row.seq) == (last.patient, last.seq):
        return
    own = asked.where(events.c.patient == last.patient, events.c.seq == last.seq)
    is_erased = connection.execute(own).first() is None
    if not is_erased or newest(connection)[0] <= newest_row.position:
        raise LogError(
            f"the snapshot is of the moment after event {name_of(last)}, "
            "but the log goes on after that"
        )


def _delete_old(connection: Connection) -> None:
    old = connection.execute(select(snapshots.c.position).distinct()).scalars().all()
    connection.execute(delete(snapshots))
    is_state = parts.c.position.in_(old) & (parts.c.kind == "snapshot")
    connection.execute(update(parts).where(is_state).values(salt=None))
