"""The host's loop, without a network: frames and people's acts in, what the watch says kept.

    pipeline = Pipeline.open(journal, config, clock=host_ms)
    pipeline.offer("bed 3", face, time_ms=stream_ms)         # from any thread; never waits
    receipt = pipeline.tell("bed 3", Acknowledged(key, "Jo"))
    with pipeline.running():                                 # two threads: machines, and disk
        said = receipt.result()                              # it is on the disk now
        pipeline.kept_to_ms("bed 3")                         # frames before need not be kept

Frames wait in a bounded queue a bed, acts in one that drops nothing. A turn takes both through
`advance`, with a tick for the host's second, and hands what was said to the Writer, which commits
it in groups. Only what is committed is acknowledged or told to on_kept; a screen that must show
that the store fails looks at `watch`. After a kill the state is rebuilt from the newest snapshot
and the log after it, and streams send again what came after `kept_to_ms`.

What no log could be read with again is refused where it comes in. Should a machine fail over a
frame all the same, the frame is counted in `failed` and everything else goes on. What stops a
thread is told to on_fault at once, and nothing is taken from then on.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Event as Signal
from threading import Lock, Thread

from mien.errors import LogError, StoreError
from mien.monitor import entries
from mien.monitor.bed_queues import BedQueues
from mien.monitor.entries import Told
from mien.monitor.host_clock import HostClock, steady_ms
from mien.monitor.journal import Journal
from mien.monitor.settings import PipelineSettings
from mien.monitor.writer import Batch, Receipt, Writer
from mien.risk.events import (
    WARD,
    Body,
    Event,
    Face,
    FrameMeasured,
    StoreChanged,
    Tick,
    WindowClosed,
)
from mien.risk.lines import as_read, check_face, check_header
from mien.risk.records import patient_of
from mien.risk.settings import WatchConfig
from mien.risk.snapshots import from_parts, to_parts
from mien.risk.watch import Watch, advance, gone_on, initial, reconfigured

SECOND_MS = 1000


class Pipeline:
    """A ward being watched. `turn` and `write` do all of it; `running` calls them in threads."""

    def __init__(
        self,
        journal: Journal,
        state: Watch,
        *,
        clock: HostClock,
        settings: PipelineSettings,
        on_kept: Callable[[Sequence[Event]], None],
        on_fault: Callable[[BaseException], None],
    ) -> None:
        """Use `open`. state: what the journal's log leads to."""
        self.watch = state
        self.settings = settings
        self.queues = BedQueues(frames_most=settings.queue_frames, beds_most=settings.beds_most)
        self.writer = Writer(journal, self._kept)
        self._clock = clock
        self._on_kept = on_kept
        self._on_fault = on_fault
        self.failed: dict[str, int] = {}  # frames that a machine failed over, by bed
        self.failure: Exception | None = None  # of the last of them
        self.fault: BaseException | None = None  # what stopped a thread; None: none is stopped
        self._lock = Lock()
        self._is_closed = False
        self._acts: deque[tuple[Event, Receipt]] = deque()
        self._tick_ms = state.ward.tick_ms
        self._snapshot_ms = clock()
        self._kept_to_ms = {
            patient: bed.signal.held.closed_ms - bed.signal.held.offset_ms
            for patient, bed in state.beds.items()
            if bed.signal.held.closed_ms is not None
        }
        self._work = Signal()
        self._is_over = False

    @classmethod
    def open(
        cls,
        journal: Journal,
        config: WatchConfig,
        *,
        clock: Callable[[], int],
        steady: Callable[[], int] = steady_ms,
        settings: PipelineSettings | None = None,
        on_kept: Callable[[Sequence[Event]], None] = lambda _: None,
        on_fault: Callable[[BaseException], None] = lambda _: None,
    ) -> Pipeline:
        """Begin a ward, or go on from what the journal holds.

        clock: the host's time, ms; steady: ms of a clock that cannot be set (see HostClock).
        on_kept: told of events once they are on the disk, in order.
        on_fault: told, once, of what stopped a thread: nobody is watched any more. Call for help.
        A changed config is taken up: beds stay, with their own baselines; what is said from
        then on has the new hash. Raises LogError where this version says something else than
        the log, StoreError.
        """
        state = _resumed(journal, config)
        return cls(
            journal,
            state,
            clock=HostClock(clock, steady, from_ms=state.ward.tick_ms or 0),
            settings=settings or PipelineSettings(),
            on_kept=on_kept,
            on_fault=on_fault,
        )

    # --- From outside, by any thread ---------------------------------------------------------

    def offer(self, patient: str, face: Face | None, *, time_ms: int) -> None:
        """A measured frame; None: no face in it. Never waits.

        Raises InputError: see BedQueues; LogError for what no log could be read with again, as
        NaN; StoreError once nothing is taken any more.
        """
        if self.fault is not None or self._is_closed:
            self._check_open()
        if not patient:
            raise LogError("a frame without a patient: say whose it is")
        try:
            check_header(patient, time_ms)
            check_face(face)
        except (ValueError, TypeError) as error:
            raise LogError(f"a frame of {str(patient)[:40]!a} that is none: {error}") from None
        body = FrameMeasured(face)
        frame = Event(patient, 0, time_ms, self._clock(), self.watch.config.hash, body)
        self.queues.offer(frame)
        self._work.set()

    def tell(self, patient: str, body: Body, *, time_ms: int | None = None) -> Receipt:
        """A person's act, vitals, the roster. time_ms: the host's if None.

        The receipt gives what was said to it once that is on the disk, or raises LogError for
        what cannot be told. Nothing is dropped.

        Raises LogError for what no log could be read with again and for an act on a record of
        another patient, StoreError once nothing is taken any more.
        """
        now_ms = self._clock()
        at_ms = now_ms if time_ms is None else time_ms
        receipt: Receipt = Receipt()
        event = as_read(Event(patient, 0, at_ms, now_ms, self.watch.config.hash, body))
        _check_own(patient, body)
        with self._lock:  # or it would come after the last turn
            self._check_open()
            self._acts.append((event, receipt))
        self._work.set()
        return receipt

    def _check_open(self) -> None:
        if self.fault is not None:
            raise StoreError(
                f"the watch has stopped ({type(self.fault).__name__}: {self.fault}): nothing is "
                "taken any more, start it again"
            ) from self.fault
        if self._is_closed:
            raise StoreError("the watch is closed: nothing is taken any more, open it again")

    def kept_to_ms(self, patient: str) -> int | None:
        """The end of the last second of a stream that is on the disk: earlier frames may go.

        By the stream's own clock, as frames are offered.
        """
        return self._kept_to_ms.get(patient)

    # --- One turn -----------------------------------------------------------------------------

    def turn(self) -> None:
        """Take in what waits, and the host's second. Does not touch the disk."""
        now_ms = self._clock()
        self._put(self._store_told(now_ms) + self._ticked(now_ms), now_ms)
        self._acted(now_ms)
        if self.writer.waiting < self.settings.unwritten_most:
            frames = self.queues.take(self.settings.frames_a_turn)
            self._put([one for frame in frames for one in self._framed(frame)], now_ms)
        is_due = now_ms - self._snapshot_ms >= 1000 * self.settings.snapshot_every_s
        if is_due and self.writer.error is None:
            self._snapshot_ms = now_ms
            self.writer.put(Batch([], now_ms, None, to_parts(self.watch)))

    def write(self) -> bool:
        """Commit what was said. False: the store fails, and what was said waits."""
        return self.writer.write()

    def _advanced(self, event: Event) -> list[Told]:
        """What was said, as lines. Where it cannot be written the watch is as it was before."""
        after, said = advance(self.watch, event)
        told = [entries.told(one) for one in said]
        self.watch = after
        return told

    def _framed(self, frame: Event) -> list[Told]:
        """One bed's odd frame stops neither the others nor the ward's seconds."""
        try:
            return self._advanced(frame)
        except Exception as error:
            self.failed[frame.patient] = self.failed.get(frame.patient, 0) + 1
            self.failure = error
            return []

    def _ticked(self, now_ms: int) -> list[Told]:
        """The newest second, once."""
        second_ms = now_ms // SECOND_MS * SECOND_MS
        if self._tick_ms is not None and second_ms <= self._tick_ms:
            return []
        self._tick_ms = second_ms
        return self._advanced(self._of_ward(Tick(), second_ms, now_ms))

    def _acted(self, now_ms: int) -> None:
        """Each act is a batch of its own, for its receipt."""
        while self._acts:
            event, receipt = self._acts.popleft()
            if not receipt.set_running_or_notify_cancel():
                continue
            try:
                said = self._advanced(event)
            except Exception as error:  # told to whoever waits for it; the others go on
                receipt.set_exception(error)
                continue
            self._put(said, now_ms, receipt)

    def _store_told(self, now_ms: int) -> list[Told]:
        """Failing: an attempt failed, or what was said has waited too long for its commit."""
        oldest_ms = self.writer.oldest_ms()
        is_slow = oldest_ms is not None and now_ms - oldest_ms > 1000 * self.settings.slow_store_s
        is_failing = self.writer.error is not None or is_slow
        if is_failing == self.watch.store.is_failing:
            return []
        return self._advanced(self._of_ward(StoreChanged(is_failing), now_ms, now_ms))

    def _of_ward(self, body: Body, time_ms: int, now_ms: int) -> Event:
        return Event(WARD, 0, time_ms, now_ms, self.watch.config.hash, body)

    def _put(self, said: list[Told], now_ms: int, receipt: Receipt | None = None) -> None:
        if said or receipt is not None:
            self.writer.put(Batch(said, now_ms, receipt))

    def _kept(self, said: Sequence[Event]) -> None:
        for event in said:
            if isinstance(event.body, WindowClosed):
                own_ms = event.event_time_ms - event.body.clock_offset_ms
                self._kept_to_ms[event.patient] = own_ms
        self._on_kept(said)

    # --- Threads ------------------------------------------------------------------------------

    @contextmanager
    def running(self) -> Iterator[Pipeline]:
        """Turn and write in two threads until the block ends; then a last commit, with a snapshot.

        However the block ends, nobody who told something is left without an answer. Raises what
        stopped a thread, or StoreError where the store fails at the end: see close.
        """
        self._is_over = self._is_closed = False
        threads = [
            Thread(target=self._until_over, args=(step,)) for step in (self._turns, self._writes)
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._is_over = True
            self._work.set()
            for thread in threads:
                thread.join()
            if self.fault is None:
                self.close()
        if self.fault is not None:
            raise self.fault

    def close(self) -> None:
        """Commit what was said, and the state after it, so that the next start reads little.

        Nothing is taken any more. Raises StoreError where the store fails, LogError where another
        process wrote into the log: whoever waits for a receipt is told the same. Streams send
        frames again; what people told has to be told again.
        """
        with self._lock:
            self._is_closed = True
        try:
            self.turn()
            self.writer.put(Batch([], self._clock(), None, to_parts(self.watch)))
            while self.writer.oldest_ms() is not None:
                if not self.write() and self.writer.error is not None:
                    raise self.writer.error
        except BaseException as error:
            self._disappoint(error)
            raise

    def _until_over(self, step: Callable[[], None]) -> None:
        try:
            while not self._is_over:
                step()
        except BaseException as error:  # raised by `running`, whose thread can, at its end
            self._stopped(error)

    def _stopped(self, error: BaseException) -> None:
        """The host hears of it now, whatever else goes wrong; then those who wait for receipts."""
        with self._lock:
            is_first = self.fault is None
            if is_first:
                self.fault = error
            self._is_over = True
        try:
            if is_first:
                self._on_fault(error)
        finally:
            self._disappoint(error)

    def _disappoint(self, error: BaseException) -> None:
        """Nobody waits for a receipt that will not come."""
        with self._lock:
            waiting = [receipt for _, receipt in self._acts]
            self._acts.clear()
        for receipt in waiting:
            if receipt.set_running_or_notify_cancel():  # who has gone away wants no answer
                receipt.set_exception(error)
        self.writer.disappoint(error)

    def _turns(self) -> None:
        self.turn()
        self._work.wait(self.settings.turn_s)
        self._work.clear()
        time.sleep(self.settings.turn_s / 2)  # frames come one by one: several a turn cost less

    def _writes(self) -> None:
        began_s = time.monotonic()
        went_well = self.write()
        wait_s = self.settings.turn_s if went_well else self.settings.retry_s
        time.sleep(max(0.0, wait_s - (time.monotonic() - began_s)))


def _check_own(patient: str, body: Body) -> None:
    """A record's key under another patient would stay when whom it names is erased."""
    record = getattr(body, "record", None)
    if patient != WARD and isinstance(record, str) and patient_of(record) != patient:
        raise LogError(f"record {record!r:.80} is none of {patient!r:.80}: tell whose it is")


def _resumed(journal: Journal, config: WatchConfig) -> Watch:
    """The state that the log leads to. A first snapshot says with which settings it begins."""
    snapshot, logged = journal.resume()
    if snapshot is None and logged:
        raise LogError("the journal has a log without a snapshot: a ward's begins with one")
    state = initial(config) if snapshot is None else from_parts(snapshot)
    state, lacking = gone_on(state, logged)
    if lacking:
        journal.append(lacking)
    if snapshot is None or state.config != config:
        state = reconfigured(state, config)
        journal.append([], to_parts(state))
    return state
