"""The host's loop: what is acknowledged is kept, what is dropped is counted, kills lose nothing."""

from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from mien.errors import InputError, LogError
from mien.monitor.journal import Journal
from mien.monitor.pipeline import Pipeline
from mien.monitor.settings import PipelineSettings
from mien.monitor.verification import Verified
from mien.risk import watch
from mien.risk.events import (
    WARD,
    BedAdded,
    Event,
    Face,
    Paused,
    RecordChanged,
    Scored,
    StoreChanged,
    TechnicalChanged,
    Tick,
    VitalsGiven,
)
from mien.risk.settings import AppraisalSettings, WatchSettings
from tests.monitor.hosts import CONFIG, GRIMACE, START_MS, Host, locked, of
from tests.risk.streams import CALM


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


def watched(path: Path, stops: set[int], snapshot_every_s: float = 7, back_ms: int = 0) -> str:
    """The alert log of the script, killed after some tenths of a second.

    back_ms: so far is the stream's clock set back after six seconds.
    """
    host = Host(path, limits=PipelineSettings(snapshot_every_s=snapshot_every_s))
    sent: list[tuple[int, Face | None]] = []
    for tenth in range(10 * len(SCRIPT)):
        host.stream_back_ms = back_ms if tenth >= 60 else 0
        sent.append((host.stream_ms, SCRIPT[tenth // 10]))
        host.tenth({"a": SCRIPT[tenth // 10]})
        if tenth % 7 == 0:  # what is not written when it is killed is said again
            host.pipeline.write()
        if tenth in stops:
            host.kill()
            host.open()
            kept_to_ms = host.pipeline.kept_to_ms("a") or 0
            for at_ms, face in sent[60 if back_ms else 0 :]:
                if at_ms >= kept_to_ms:
                    host.pipeline.offer("a", face, time_ms=at_ms)
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


def test_a_host_killed_long_after_its_snapshot_knows_the_stream_s_clock(tmp_path: Path) -> None:
    back_ms, whole = 3_600_000, tmp_path / "whole.db"
    killed = watched(tmp_path / "killed.db", {385}, 20, back_ms)
    assert "concern" in killed
    assert killed == watched(whole, set(), 20, back_ms)


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
