"""The host's loop: what is acknowledged is kept, what is dropped is counted, kills lose nothing."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mien.errors import InputError, LogError, StoreError
from mien.monitor.journal import Journal
from mien.monitor.pipeline import Pipeline
from mien.monitor.settings import JournalSettings, PipelineSettings
from mien.monitor.verification import Verified
from mien.risk import watch
from mien.risk.action_units import UNITS
from mien.risk.events import (
    WARD,
    Acknowledged,
    BedAdded,
    Body,
    Closed,
    Event,
    Face,
    FrameMeasured,
    Nurse,
    Paused,
    RecordChanged,
    RosterSet,
    Scored,
    StoreChanged,
    TechnicalChanged,
    Tick,
    VitalsGiven,
)
from mien.risk.lines import alert_log
from mien.risk.settings import AppraisalSettings, WatchSettings
from tests.risk.streams import CALM

START_MS = 1_700_000_000_000
CONFIG = watch.configured(model_hash="m")
GRIMACE = replace(
    CALM, action_units=tuple(4.0 if unit in ("au04", "au07") else 0.0 for unit in UNITS)
)
IMPATIENT = JournalSettings(busy_timeout_s=0.01)


class Host:
    """A host whose clock is moved by hand, and the beds' streams."""

    def __init__(self, path: Path, config=CONFIG, limits: PipelineSettings | None = None) -> None:
        self.path, self.config, self.limits = path, config, limits
        self.now_ms = START_MS
        self.back_ms = 0  # the host's clock is set back so far
        self.kept: list[Event] = []
        self.open()

    def open(self) -> None:
        self.journal = Journal.open(self.path, IMPATIENT)
        self.pipeline = Pipeline.open(
            self.journal,
            self.config,
            clock=lambda: self.now_ms - self.back_ms,
            steady=lambda: self.now_ms,
            settings=self.limits,
            on_kept=self.kept.extend,
        )

    def kill(self) -> None:
        """Nothing is written any more, and nothing but the file is left."""
        self.journal.close()

    def tenth(self, faces: dict[str, Face | None]) -> None:
        """A frame of each bed comes, .1 s after the one before."""
        for patient, face in faces.items():
            self.pipeline.offer(patient, face, time_ms=self.now_ms - 40)
        self.pipeline.turn()
        self.now_ms += 100

    def seconds(self, count: int, faces: dict[str, Face | None]) -> None:
        """Every half second what was said is written."""
        for tenth in range(10 * count):
            self.tenth(faces)
            if tenth % 5 == 4:
                self.pipeline.write()

    def log(self, *patients: str) -> str:
        logs = [alert_log(self.journal.events(patient)) for patient in (*patients, WARD)]
        return "".join(logs)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path / "ward.db")
    yield host
    host.kill()


def of(kind: type, events: list[Event]) -> list:
    return [event.body for event in events if isinstance(event.body, kind)]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process writes into the store and does not end."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_an_episode_at_a_bed_becomes_an_alert_on_the_disk(host: Host) -> None:
    host.seconds(10, {"a": CALM, "b": CALM})
    host.seconds(45, {"a": GRIMACE, "b": CALM})
    opened = [kept.record for kept in host.journal.records()]
    assert [(record.patient, record.rule) for record in opened] == [("a", "concern")]
    messages = host.journal.outbox.claim(now_ms=host.now_ms)
    assert {type(one.event.body).__name__ for one in messages} == {"Notified", "Awarded"}
    assert isinstance(host.journal.verify(), Verified)
    assert len(of(Tick, host.kept)) == 55
    assert host.pipeline.kept_to_ms("a") == START_MS + 52_000


def test_what_is_said_is_told_to_nobody_before_it_is_kept(host: Host) -> None:
    host.seconds(10, {"a": CALM})
    before = len(host.kept)
    receipt = host.pipeline.tell("a", Paused("ann", "care", 60_000))
    for _ in range(20):
        host.tenth({"a": CALM})
    assert not receipt.done() and len(host.kept) == before
    host.pipeline.write()
    assert [type(event.body).__name__ for event in receipt.result(0)][:1] == ["Paused"]
    written = sum(1 for patient in ("a", WARD) for _ in host.journal.events(patient))
    assert written == len(host.kept) > before


def test_a_full_queue_drops_its_oldest_frames_and_counts_them(tmp_path: Path) -> None:
    host = Host(tmp_path / "ward.db", limits=PipelineSettings(queue_frames=20, beds_most=2))
    for at_ms in range(0, 5000, 100):
        host.pipeline.offer("a", CALM, time_ms=START_MS + at_ms)
    host.pipeline.offer("b", CALM, time_ms=START_MS)
    assert host.pipeline.queues.dropped == {"a": 30}
    host.pipeline.turn()
    assert host.pipeline.watch.beds["a"].signal.held.newest_ms == START_MS + 4900
    with pytest.raises(InputError, match="beds_most"):
        host.pipeline.offer("c", CALM, time_ms=START_MS)
    host.kill()


def test_acts_are_never_dropped_and_come_in_their_order(host: Host) -> None:
    host.seconds(1, {"a": CALM})
    receipts = [host.pipeline.tell("a", VitalsGiven(score % 20)) for score in range(500)]
    host.pipeline.turn()
    host.pipeline.write()
    scores = [receipt.result(0)[0].body.news2 for receipt in receipts]
    assert scores == [score % 20 for score in range(500)]
    kept = [event.body.news2 for event in host.journal.events("a", kinds=["VitalsGiven"])]
    assert kept == scores


def test_what_cannot_be_told_is_answered_with_the_reason(host: Host) -> None:
    host.pipeline.tell("a", BedAdded())
    receipt = host.pipeline.tell("a", RosterSet(()))
    acknowledged = host.pipeline.tell("a", Acknowledged("a/concern/1", "ann"))
    host.pipeline.turn()
    host.pipeline.write()
    with pytest.raises(LogError, match="ward's"):
        receipt.result(0)
    assert "no such open record" in acknowledged.result(0)[-1].body.why
    with pytest.raises(LogError, match="without a patient"):
        host.pipeline.offer("", CALM, time_ms=START_MS)


BAD_FRAMES: dict[str, tuple[str, Face | None, object]] = {
    "NaN": ("b", replace(CALM, yaw_deg=float("nan")), START_MS),
    "a unit without end": ("b", replace(CALM, action_units=(float("inf"),) * 6), START_MS),
    "a point that overflows": ("b", replace(CALM, points=(1e300,) * 44), START_MS),
    "two units": ("b", replace(CALM, action_units=(0.0, 0.0)), START_MS),
    "half a character": ("bed\ud800", CALM, START_MS),
    "NUL": ("bed\0", CALM, START_MS),
    "a time of no year": ("b", CALM, 2**70),
    "half a millisecond": ("b", CALM, 1.5),
}
BAD_ACTS: dict[str, tuple[str, Body, int | None]] = {
    "NEWS2 7.0": ("a", VitalsGiven(7.0), None),  # type: ignore[arg-type]
    "a pause of 600000.0 ms": ("a", Paused("Jo", "care", 600_000.0), None),  # type: ignore[arg-type]
    "an unknown reason": ("a", Paused("Jo", "bathroom", 1000), None),  # type: ignore[arg-type]
    "nobody": ("a", Acknowledged("k", None), None),  # type: ignore[arg-type]
    "half a character": ("a", Acknowledged("k", "\ud800"), None),
    "an unknown role": (WARD, RosterSet((Nurse("Jo", "doctor", ()),)), None),  # type: ignore[arg-type]
    "a place of NaN": (WARD, RosterSet((Nurse("Jo", "nurse", (), place_m=float("nan")),)), None),
    "an unknown outcome": ("a", Closed("k", "Jo", "bogus"), None),  # type: ignore[arg-type]
    "a bed with NUL": ("bed\0", VitalsGiven(3), None),
    "a time of no year": ("a", VitalsGiven(3), 2**70),
}


@pytest.mark.parametrize("bad", BAD_FRAMES)
def test_a_frame_that_no_log_could_hold_is_refused_and_the_others_go_on(
    host: Host, bad: str
) -> None:
    patient, face, time_ms = BAD_FRAMES[bad]
    with pytest.raises(LogError, match="a frame of .* that is none"):
        host.pipeline.offer(patient, face, time_ms=time_ms)  # type: ignore[arg-type]
    host.seconds(4, {"a": CALM})
    assert of(Scored, host.kept) and set(host.pipeline.watch.beds) == {"a"}


@pytest.mark.parametrize("bad", BAD_ACTS)
def test_an_act_that_no_log_could_be_read_with_again_is_refused(host: Host, bad: str) -> None:
    patient, body, time_ms = BAD_ACTS[bad]
    host.seconds(2, {"a": CALM})
    with pytest.raises(LogError):
        host.pipeline.tell(patient, body, time_ms=time_ms)
    host.seconds(2, {"a": CALM})
    host.kill()
    host.open()
    assert isinstance(host.journal.verify(), Verified)


def test_a_frame_that_a_machine_fails_over_is_counted_and_nothing_else_stops(host: Host) -> None:
    nonsense = replace(CALM, points=("x",) * 44)  # type: ignore[arg-type]
    for at_ms in range(START_MS - 5000, START_MS, 100):  # past the check of offer
        frame = Event("a", 0, at_ms, at_ms, "", FrameMeasured(nonsense))
        host.pipeline.queues.offer(frame)
    host.seconds(4, {"b": CALM})
    assert host.pipeline.failed["a"] > 0 and host.pipeline.failure is not None
    assert len(of(Tick, host.kept)) == 4 and of(Scored, host.kept)
    assert host.pipeline.fault is None


def test_what_stops_the_watch_is_told_at_once_and_nothing_is_taken_any_more(host: Host) -> None:
    faults: list[BaseException] = []
    stopped = threading.Event()

    def on_kept(said: object) -> None:
        raise RuntimeError("the screen is gone")

    def on_fault(fault: BaseException) -> None:
        faults.append(fault)
        stopped.set()

    host.kill()
    with Journal.open(host.path) as journal:
        pipeline = Pipeline.open(
            journal, CONFIG, clock=lambda: START_MS, on_kept=on_kept, on_fault=on_fault
        )
        with pytest.raises(RuntimeError, match="the screen is gone"), pipeline.running():
            assert stopped.wait(30)
            assert faults == [pipeline.fault]
            with pytest.raises(StoreError, match="the watch has stopped"):
                pipeline.tell("a", VitalsGiven(3))
            with pytest.raises(StoreError, match="the watch has stopped"):
                pipeline.offer("a", CALM, time_ms=START_MS)
    host.open()


def test_after_its_end_nobody_waits_for_a_watch_in_vain(host: Host) -> None:
    receipt = host.pipeline.tell("a", VitalsGiven(3))
    host.pipeline.close()
    assert receipt.done()
    with pytest.raises(StoreError, match="the watch is closed"):
        host.pipeline.tell("a", VitalsGiven(3))
    with pytest.raises(StoreError, match="the watch is closed"):
        host.pipeline.offer("a", CALM, time_ms=START_MS)


def test_what_is_kept_of_a_stream_is_told_by_its_own_clock(host: Host) -> None:
    def stream(back_ms: int, seconds: int) -> None:
        for tenth in range(10 * seconds):
            host.pipeline.offer("a", CALM, time_ms=host.now_ms - back_ms)
            host.pipeline.turn()
            host.now_ms += 100
            if tenth % 5 == 4:
                host.pipeline.write()

    stream(0, 10)
    stream(3_600_000, 30)
    own_ms = host.now_ms - 3_600_000
    for _ in range(2):
        kept_ms = host.pipeline.kept_to_ms("a")
        assert kept_ms is not None and own_ms - 5000 <= kept_ms <= own_ms
        host.kill()
        host.open()  # a restart counts them as before


def test_a_store_that_fails_is_told_and_nothing_of_that_time_is_lost(host: Host) -> None:
    host.seconds(10, {"a": CALM})
    kept = len(host.kept)
    with locked(host.path):
        host.seconds(12, {"a": CALM})
        receipt = host.pipeline.tell("a", VitalsGiven(3))
        host.tenth({"a": CALM})
        assert host.pipeline.watch.store.is_failing
        assert len(host.kept) == kept and not receipt.done()
    host.seconds(8, {"a": CALM})
    assert receipt.done() and not host.pipeline.watch.store.is_failing
    assert [body.is_failing for body in of(StoreChanged, host.kept)] == [True, False]
    rules = [(b.rule, b.is_present) for b in of(TechnicalChanged, host.kept)]
    assert rules == [("store-failing", True), ("store-failing", False)]
    seqs = [event.seq for event in host.journal.events("a")]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(of(Scored, host.kept)) == 28


def test_while_too_much_waits_for_the_store_frames_wait_and_ticks_go_on(tmp_path: Path) -> None:
    limits = PipelineSettings(queue_frames=20, unwritten_most=50)
    host = Host(tmp_path / "ward.db", limits=limits)
    host.seconds(5, {"a": CALM})
    with locked(host.path):
        for _ in range(40):
            host.seconds(1, {"a": CALM})
            assert len(host.pipeline.queues) <= 20
    assert host.pipeline.queues.dropped["a"] > 100
    host.seconds(3, {"a": CALM})
    assert len(of(Tick, host.kept)) == 48
    host.kill()


def test_a_clock_that_is_set_back_brings_no_second_twice_and_stops_none(host: Host) -> None:
    host.seconds(5, {"a": CALM})
    host.back_ms = 3_600_000
    host.seconds(5, {"a": CALM})
    ticks = [event.event_time_ms for event in host.kept if isinstance(event.body, Tick)]
    assert ticks == sorted(set(ticks))
    assert len(ticks) == 10


def test_after_a_restart_a_clock_that_was_set_back_goes_on_from_the_log(host: Host) -> None:
    host.seconds(5, {"a": CALM})
    host.kill()
    host.back_ms = 3_600_000
    host.open()
    host.seconds(5, {"a": CALM})
    ticks = [event.event_time_ms for event in host.kept if isinstance(event.body, Tick)]
    assert len(ticks) == len(set(ticks)) >= 9


SCRIPT = [CALM] * 12 + [GRIMACE] * 35 + [None] * 35 + [CALM] * 10  # a face each second


def watched(path: Path, stops: set[int]) -> str:
    """The alert log of the script, killed after some tenths of a second."""
    host = Host(path, limits=PipelineSettings(snapshot_every_s=7))
    sent: list[tuple[int, Face | None]] = []
    for tenth in range(10 * len(SCRIPT)):
        sent.append((host.now_ms, SCRIPT[tenth // 10]))
        host.tenth({"a": SCRIPT[tenth // 10]})
        if tenth % 7 == 0:  # what is not written when it is killed is said again
            host.pipeline.write()
        if tenth in stops:
            host.kill()
            host.open()
            kept_to_ms = host.pipeline.kept_to_ms("a") or 0
            for at_ms, face in sent:
                if at_ms - 40 >= kept_to_ms:
                    host.pipeline.offer("a", face, time_ms=at_ms - 40)
    host.pipeline.close()
    log = host.log("a")
    assert isinstance(host.journal.verify(), Verified)
    host.kill()
    return log


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    log = watched(tmp_path_factory.mktemp("whole") / "ward.db", set())
    assert "concern" in log and "face-lost" in log
    return log


@settings(max_examples=5, phases=[Phase.generate], deadline=None)
@given(stops=st.sets(st.integers(0, 10 * len(SCRIPT) - 1), min_size=1, max_size=3))
def test_a_killed_host_goes_on_as_if_it_had_not_been(
    tmp_path_factory: pytest.TempPathFactory, whole: str, stops: set[int]
) -> None:
    assert watched(tmp_path_factory.mktemp("killed") / "ward.db", stops) == whole


def test_changed_settings_are_taken_up_and_the_beds_stay(host: Host) -> None:
    host.seconds(12, {"a": CALM})
    learnt_s = host.pipeline.watch.beds["a"].appraisal.own.learnt_s
    host.pipeline.close()
    host.kill()
    host.config = watch.configured(
        WatchSettings(appraisal=AppraisalSettings(p_limits=(1.0, 2.0, 3.0))), model_hash="m"
    )
    for _ in range(2):  # the second start reads what the first wrote
        host.open()
        assert host.pipeline.watch.beds["a"].appraisal.own.learnt_s == learnt_s > 0
        assert host.pipeline.watch.config == host.config
        host.kill()
    host.open()
    host.seconds(1, {"a": CALM})
    hashes = [event.config_hash for event in host.journal.events("a")]
    assert sorted(set(hashes), key=hashes.index) == [CONFIG.hash, host.config.hash]


def test_two_threads_do_the_same_and_end_with_a_snapshot(tmp_path: Path) -> None:
    import time

    kept: list[Event] = []
    with Journal.open(tmp_path / "ward.db") as journal:
        pipeline = Pipeline.open(
            journal, CONFIG, clock=lambda: time.time_ns() // 1_000_000, on_kept=kept.extend
        )
        begin_ms = time.time_ns() // 1_000_000
        with pipeline.running():
            for frame in range(60):  # 6 s of a stream, in a moment
                pipeline.offer("a", CALM, time_ms=begin_ms + 100 * frame)
            pipeline.tell("a", BedAdded())
            receipt = pipeline.tell("a", Paused("ann", "meal", 60_000))
            assert Paused("ann", "meal", 60_000) in of(Paused, receipt.result(30))
            deadline_s = time.monotonic() + 30
            while not of(Scored, kept) and time.monotonic() < deadline_s:
                time.sleep(0.01)
        assert of(Scored, kept)
        snapshot, after = journal.resume()
        assert snapshot is not None and after == []
        assert journal.verify(pipeline.writer.head) == Verified(pipeline.writer.head)


def test_a_log_that_another_process_wrote_into_ends_the_loop_and_is_told(tmp_path: Path) -> None:
    host = Host(tmp_path / "ward.db")
    host.seconds(3, {"a": CALM})
    other = Host(tmp_path / "ward.db")
    other.now_ms = host.now_ms
    other.seconds(2, {"a": GRIMACE})
    with pytest.raises(LogError, match="other content"), host.pipeline.running():
        receipt = host.pipeline.tell("a", VitalsGiven(3))
        with pytest.raises(LogError, match="other content"):
            receipt.result(30)
    host.kill()
    other.kill()


def test_a_log_without_its_first_snapshot_is_refused(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "ward.db") as journal:
        journal.append([Event(WARD, 1, 0, 0, CONFIG.hash, Tick())])
        with pytest.raises(LogError, match="without a snapshot"):
            Pipeline.open(journal, CONFIG, clock=lambda: 0)


def test_alerts_of_a_kept_log_name_the_records_that_were_opened(host: Host) -> None:
    host.seconds(45, {"a": GRIMACE})
    keys = {body.record.key for body in of(RecordChanged, host.kept)}
    assert keys == {kept.record.key for kept in host.journal.records(closed=True)}
