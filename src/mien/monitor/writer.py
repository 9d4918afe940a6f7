"""What the watch said, on its way to the disk: many events a commit, told on when they are there.

While the store fails, what was said waits, in its order; nothing of it is dropped, and nobody who
waits for a receipt gets one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock

from mien.errors import StoreError
from mien.monitor.audit import Head
from mien.monitor.entries import Told
from mien.monitor.journal import Journal
from mien.risk.events import Event

Receipt = Future[list[Event]]  # what was said to an act, once it is kept


@dataclass(frozen=True, slots=True)
class Batch:
    """What was said in one turn, or to one act. snapshot: the watch's state after it."""

    said: Sequence[Told]
    put_ms: int  # the host's time
    receipt: Receipt | None = None
    snapshot: Mapping[str, str] | None = None


class Writer:
    """One thread puts, another writes."""

    def __init__(self, journal: Journal, on_kept: Callable[[Sequence[Event]], None]) -> None:
        """on_kept: told, by the thread that writes, of events that are on the disk."""
        self._journal = journal
        self._on_kept = on_kept
        self._lock = Lock()
        self._batches: deque[Batch] = deque()
        self._events = 0
        self.error: StoreError | None = None  # of the last attempt; None: it went well
        self.head: Head | None = None  # where the audit chain ends
        self._ended: BaseException | None = None

    def put(self, batch: Batch) -> None:
        with self._lock:
            if self._ended is not None and batch.receipt is not None:
                batch.receipt.set_exception(self._ended)
                return
            self._batches.append(batch)
            self._events += len(batch.said)

    @property
    def waiting(self) -> int:
        """Events that are not known to be on the disk."""
        return self._events

    def oldest_ms(self) -> int | None:
        """When the batch that has waited longest was put; None: none waits."""
        with self._lock:
            return self._batches[0].put_ms if self._batches else None

    def write(self) -> bool:
        """Commit what waits, up to the next snapshot. Whether all went well.

        A store that fails is remembered in `error`; the same again may go well. Raises LogError
        for what can never be written: another process wrote into this log.
        """
        batches = self._next()
        if not batches:
            return self.error is None
        said = [event for batch in batches for event in batch.said]
        try:
            self.head = self._journal.append_told(said, batches[-1].snapshot)
        except StoreError as error:
            self.error = error
            return False
        self.error = None
        with self._lock:
            for _ in batches:
                self._batches.popleft()
            self._events -= len(said)
        self._tell(batches)
        return True

    def _tell(self, batches: Sequence[Batch]) -> None:
        """Receipts come whatever becomes of on_kept: it is kept."""
        try:
            self._on_kept([one.event for batch in batches for one in batch.said])
        finally:
            for batch in batches:
                if batch.receipt is not None:
                    batch.receipt.set_result([one.event for one in batch.said])

    def disappoint(self, error: BaseException) -> None:
        """Nothing will be written any more: whoever waits is told."""
        with self._lock:
            self._ended = error
            receipts = [one.receipt for one in self._batches if one.receipt is not None]
        for receipt in receipts:
            if not receipt.done():
                receipt.set_exception(error)

    def _next(self) -> list[Batch]:
        with self._lock:
            batches: list[Batch] = []
            for batch in self._batches:
                batches.append(batch)
                if batch.snapshot is not None:
                    break
            return batches
