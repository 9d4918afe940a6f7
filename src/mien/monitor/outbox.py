"""Messages on their way out: each delivered at least once, with a key to know doubles by.

A message is a notification (Notified), or that escalation has come to somebody (Awarded, whose
`to` says whom).

A sender claims some, sends them, and says how it went. One that dies says nothing: after the
lease another takes over. Time is passed in; nothing is ever given up.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select, update

from mien.files import redacted
from mien.monitor.schema import outbox
from mien.monitor.settings import JournalSettings
from mien.monitor.store import Store
from mien.risk.events import Event
from mien.risk.lines import from_line
from mien.text import printable


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message to be sent now. key: the same however often it is tried."""

    key: str
    event: Event  # of a Notified, or an Awarded
    attempt: int  # from 1


class Outbox:
    """The messages of a journal. Several senders may share it, in several processes."""

    def __init__(self, store: Store, settings: JournalSettings) -> None:
        self._store = store
        self._settings = settings

    def claim(self, *, now_ms: int, limit: int = 10) -> list[Delivery]:
        """Take what is due, most urgent first, then oldest; nobody else gets it for the lease."""
        due = (
            select(outbox.c.key, outbox.c.line, outbox.c.attempts)
            .where(outbox.c.state == "pending", outbox.c.due_ms <= now_ms)
            .order_by(outbox.c.rank.desc(), outbox.c.position, outbox.c.seq)
            .limit(limit)
            .with_for_update(skip_locked=True)  # SQLite has one writer anyway
        )
        until_ms = now_ms + round(self._settings.lease_s * 1000)
        with self._store.writing() as connection:
            rows = connection.execute(due).all()
            if rows:
                taken = update(outbox).where(outbox.c.key.in_([row.key for row in rows]))
                connection.execute(taken.values(attempts=outbox.c.attempts + 1, due_ms=until_ms))
        return [Delivery(row.key, from_line(row.line), row.attempts + 1) for row in rows]

    def sent(self, delivery: Delivery, *, now_ms: int) -> None:
        """It reached its receiver, whoever claimed it since."""
        done = update(outbox).where(outbox.c.key == delivery.key, outbox.c.state == "pending")
        with self._store.writing() as connection:
            connection.execute(done.values(state="sent", sent_ms=now_ms, error=None))

    def failed(self, delivery: Delivery, *, now_ms: int, error: str) -> None:
        """It did not: due again after a wait that doubles, unless another sender has it by now."""
        again = update(outbox).where(
            outbox.c.key == delivery.key,
            outbox.c.state == "pending",
            outbox.c.attempts == delivery.attempt,
        )
        due_ms = now_ms + self._wait_ms(delivery.attempt)
        with self._store.writing() as connection:
            connection.execute(again.values(due_ms=due_ms, error=printable(redacted(error))[:200]))

    def pending(self) -> int:
        """How many are not known to have reached their receiver."""
        waiting = select(func.count()).where(outbox.c.state == "pending")
        with self._store.reading() as connection:
            return connection.execute(waiting).scalar_one()

    def _wait_ms(self, attempt: int) -> int:
        doubled_s = self._settings.retry_first_s * 2 ** min(attempt - 1, 60)
        return round(1000 * min(doubled_s, self._settings.retry_most_s))
