"""The host's loop refuses what no log could hold, and tells what stops it."""

import threading
from dataclasses import replace

import pytest

from mien.errors import LogError, StoreError
from mien.monitor.journal import Journal
from mien.monitor.pipeline import Pipeline
from mien.monitor.verification import Verified
from mien.risk.events import (
    WARD,
    Acknowledged,
    BedAdded,
    Body,
    Closed,
    Event,
    Face,
    FrameMeasured,
    NotDone,
    Nurse,
    Paused,
    Refused,
    RosterSet,
    Scored,
    Tick,
    VitalsGiven,
)
from tests.monitor.hosts import CONFIG, START_MS, Host, locked, of
from tests.risk.streams import CALM


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
    "a key longer than an index of a store": ("b" * 4000, CALM, START_MS),
    "a time of no year": ("b", CALM, 2**70),
    "half a millisecond": ("b", CALM, 1.5),
}
BAD_ACTS: dict[str, tuple[str, Body, int | None]] = {
    "NEWS2 7.0": ("a", VitalsGiven(7.0), None),  # type: ignore[arg-type]
    "a pause of 600000.0 ms": ("a", Paused("Jo", "care", 600_000.0), None),  # type: ignore[arg-type]
    "an unknown reason": ("a", Paused("Jo", "bathroom", 1000), None),  # type: ignore[arg-type]
    "nobody": ("a", Acknowledged("a/k", None), None),  # type: ignore[arg-type]
    "half a character": ("a", Acknowledged("a/k", "\ud800"), None),
    "an unknown role": (WARD, RosterSet((Nurse("Jo", "doctor", ()),)), None),  # type: ignore[arg-type]
    "a place of NaN": (WARD, RosterSet((Nurse("Jo", "nurse", (), place_m=float("nan")),)), None),
    "an unknown outcome": ("a", Closed("a/k", "Jo", "bogus"), None),  # type: ignore[arg-type]
    "a bed with NUL": ("bed\0", VitalsGiven(3), None),
    "a key longer than an index of a store": ("ä" * 129, VitalsGiven(3), None),
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


@pytest.mark.parametrize("record", ["b/concern/17", "aa/concern/17", "a/b/concern/17", "b", ""])
@pytest.mark.parametrize("act", [Acknowledged, Refused])
def test_an_act_on_a_record_of_another_patient_is_refused(
    host: Host, act: type[Acknowledged], record: str
) -> None:
    """Under this one it would be kept when the other is erased."""
    host.seconds(2, {"a": CALM, "b": CALM})
    with pytest.raises(LogError, match="none of 'a'"):
        host.pipeline.tell("a", act(record, "Jo"))
    answered = host.pipeline.tell("a", act("a/concern/17", "Jo"))
    host.seconds(2, {"a": CALM})
    assert any(isinstance(one.body, NotDone) for one in answered.result(0))


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


def test_who_has_gone_away_keeps_no_fault_from_being_told(host: Host) -> None:
    faults: list[BaseException] = []
    host.kill()
    with Journal.open(host.path) as journal:
        pipeline = Pipeline.open(journal, CONFIG, clock=lambda: START_MS, on_fault=faults.append)
        gone = pipeline.tell("a", VitalsGiven(3))
        assert gone.cancel()
        waits = pipeline.tell("a", VitalsGiven(4))

        def fails() -> None:
            raise RuntimeError("a machine failed")

        pipeline.turn = fails  # type: ignore[method-assign]
        with pytest.raises(RuntimeError, match="a machine failed"), pipeline.running():
            assert str(waits.exception(30)) == "a machine failed"
        assert faults == [pipeline.fault]
    host.open()


def test_a_store_that_fails_at_the_end_is_told_to_whoever_waits(host: Host) -> None:
    host.seconds(1, {"a": CALM})
    with locked(host.path):
        with pytest.raises(StoreError, match="cannot be written"), host.pipeline.running():
            receipt = host.pipeline.tell("a", VitalsGiven(3))
        with pytest.raises(StoreError, match="cannot be written"):
            receipt.result(0)


def test_a_block_that_is_broken_off_ends_with_a_commit_too(host: Host) -> None:
    with pytest.raises(KeyboardInterrupt), host.pipeline.running():
        receipt = host.pipeline.tell("a", VitalsGiven(3))
        raise KeyboardInterrupt
    assert of(VitalsGiven, receipt.result(0)) == [VitalsGiven(3)]
    snapshot, after = host.journal.resume()
    assert snapshot is not None and "a" in snapshot and after == []
    with pytest.raises(StoreError, match="the watch is closed"):
        host.pipeline.offer("a", CALM, time_ms=START_MS)
