"""A patient can be erased, and the rest still proves itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mien.errors import InputError, LogError, StoreError
from mien.monitor.journal import Journal
from mien.monitor.landmarks import Landmarks
from mien.monitor.naming import is_named, is_named_in_state
from mien.monitor.settings import JournalSettings
from mien.monitor.verification import Verified
from mien.risk import watch
from mien.risk.events import (
    WARD,
    BedAdded,
    Body,
    Event,
    Gathered,
    Notified,
    Nurse,
    Ordered,
    RosterSet,
    Tick,
)
from mien.risk.lines import to_line
from mien.risk.snapshots import to_parts
from tests.monitor.telling import Telling


def test_nothing_of_an_erased_patient_is_left_and_all_of_the_others_is(journal: Journal) -> None:
    telling = Telling()
    journal.append(telling.second("bed-1", "bed-12"), {WARD: '{"open":["bed-1/x/1"]}'})
    journal.append(telling.alert("bed-1") + telling.alert("bed-12"))
    roster = RosterSet((Nurse("ann", "nurse", ("bed-1", "bed-12")),))
    ward = telling(WARD, roster)
    before = journal.append([ward])
    journal.note({"who": "ann"}, time_ms=telling.now_ms, patient="bed-1")
    kept = list(journal.events("bed-12"))
    states = {WARD: "{}", "bed-12": "{}"}
    head = journal.erase(
        "bed-1", who="admin", why="asked to", time_ms=5000, snapshot=states, after=ward
    )
    assert journal.verify(before) == Verified(head)
    assert list(journal.events("bed-1")) == []
    assert list(journal.events("bed-12")) == kept
    assert [event.body for event in journal.events(WARD)] == [
        Tick(),
        Ordered(("bed-12/concern/2",)),
    ]
    assert [kept.record.patient for kept in journal.records(closed=True)] == ["bed-12"]
    assert [one.event.patient for one in journal.outbox.claim(now_ms=0)] == ["bed-12"]
    assert journal.resume() == ({WARD: "{}", "bed-12": "{}"}, [])


def test_no_byte_of_an_erased_patient_s_key_is_left_in_the_files(tmp_path: Path) -> None:
    telling, key = Telling(), "anna-4711"
    with Journal.open(tmp_path / "ward.db") as journal:
        said = telling.second(key) + telling.alert(key)
        journal.append(said, {WARD: key, key: "{}"})
        assert key.encode() in b"".join(file.read_bytes() for file in tmp_path.iterdir())
        journal.erase(
            key, who="admin", why="asked to", time_ms=5000, snapshot={WARD: "{}"}, after=said[-1]
        )
        assert key.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_an_erased_patient_who_comes_back_is_somebody_new(journal: Journal) -> None:
    telling = Telling()
    said = telling.second("bed-1")
    journal.append(said)
    journal.erase(
        "bed-1", who="admin", why="asked to", time_ms=5000, snapshot={WARD: "{}"}, after=said[-1]
    )
    again = Telling().second("bed-1")[1:]
    journal.append(again)
    assert list(journal.events("bed-1")) == again
    assert isinstance(journal.verify(), Verified)


@pytest.mark.parametrize("state", ['{"turn":["bed-1/concern/2"]}', '{"beds":{"bed-1":3}}', "bed-1"])
def test_what_a_restart_would_read_of_a_patient_is_not_left_there(
    tmp_path: Path, state: str
) -> None:
    telling = Telling()
    with Journal.open(tmp_path / "ward.db") as journal:
        said = telling.second("bed-1")
        head = journal.append(said, {WARD: state})
        with pytest.raises(InputError, match="a restart would read of patient 'bed-1': give"):
            journal.erase("bed-1", who="admin", why="asked", time_ms=1)
        with pytest.raises(InputError, match="the snapshot is not without patient 'bed-1'"):
            journal.erase(
                "bed-1", who="admin", why="asked", time_ms=1, snapshot={WARD: state}, after=said[-1]
            )
        assert journal.head() == head


def test_a_patient_whom_no_restart_knows_is_erased_beside_the_running_watch(
    journal: Journal,
) -> None:
    telling = Telling()
    journal.append(telling.second("bed-1", "bed-2"))
    journal.append(telling.second("bed-2"), {WARD: "{}", "bed-2": "{}"})
    after = telling.second("bed-2")
    journal.append(after)
    journal.erase("bed-1", who="admin", why="asked", time_ms=1)
    assert journal.resume() == ({WARD: "{}", "bed-2": "{}"}, after)


def test_an_erasure_names_nobody_and_needs_somebody(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "ward.db") as journal:
        journal.append(Telling().second("bed-1"), {WARD: "{}"})
        with pytest.raises(InputError, match="neither may name the patient"):
            journal.erase("bed-1", who="admin", why="bed-1 asked", time_ms=1)
        with pytest.raises(LogError, match="nothing is kept of patient 'bed-7'"):
            journal.erase("bed-7", who="admin", why="asked", time_ms=1)
        with pytest.raises(InputError, match="the ward is no patient"):
            journal.erase("", who="admin", why="asked", time_ms=1)


def test_landmarks_are_erased_and_forgotten_too(address: str) -> None:
    telling = Telling()
    with Journal.open(address, JournalSettings(keep_landmarks=True)) as journal:
        said = telling.second("bed-1", "bed-2")
        journal.append(said, {WARD: "{}"})
        frames = [Landmarks(bed, at, b"123") for bed in ("bed-1", "bed-2") for at in (1000, 2000)]
        journal.landmarks.keep(frames, now_ms=2000)
        journal.erase(
            "bed-1", who="admin", why="asked", time_ms=1, snapshot={WARD: "{}"}, after=said[-1]
        )
        assert journal.landmarks.read("bed-1", from_ms=0, to_ms=9000) == []
        journal.forget_before(2000, who="nightly", now_ms=telling.now_ms)
        assert journal.landmarks.read("bed-2", from_ms=0, to_ms=9000) == frames[3:]


def test_landmarks_alone_are_erased_as_well(address: str) -> None:
    with Journal.open(address, JournalSettings(keep_landmarks=True)) as journal:
        journal.landmarks.keep([Landmarks("bed-1", 1000, b"123")], now_ms=1000)
        journal.erase("bed-1", who="admin", why="asked", time_ms=1)
        assert journal.landmarks.read("bed-1", from_ms=0, to_ms=9000) == []
        assert isinstance(journal.verify(), Verified)
        with pytest.raises(LogError, match="nothing is kept"):
            journal.erase("bed-1", who="admin", why="asked", time_ms=1)


def test_a_bed_called_5_is_erased_and_what_only_looks_like_it_is_not(journal: Journal) -> None:
    telling = Telling()
    beds = ("5", "bed-a", "bed-b", "bed-c")
    said = [
        *telling.second(*beds),
        telling(WARD, RosterSet((Nurse("5", "nurse", ("bed-a",), place_m=5.0),))),
        telling(WARD, Gathered((("bed-a", "stalled"), ("bed-b", "stalled")), "LOW")),
        telling(WARD, Notified("/system/5", "LOW", "system", "at once: 5 beds: a 5, b", True)),
        telling(WARD, Notified("/system/5", "LOW", "system", "at once: 2 beds: 5, b", True)),
        telling(WARD, Gathered((("5", "stalled"), ("bed-b", "stalled")), "LOW")),
        telling(WARD, RosterSet((Nurse("ann", "nurse", ("5",)),))),
        telling(WARD, RosterSet((), (("5", 1.0),))),
        telling(WARD, Ordered(("5/concern/1",))),
    ]
    states = {WARD: '{"ward":{"term":{"unit":"good for 5 s"}}}', "bed-a": '{"tick_ms":5}'}
    journal.append(said)
    head = journal.note({"did": "looked for 5 s"}, time_ms=1, patient="bed-a")
    head = journal.erase("5", who="admin", why="asked", time_ms=1, snapshot=states, after=said[-1])
    assert [event for event in journal.events(WARD)] == [said[0], *said[5:8]]
    assert journal.outbox.pending() == 1
    assert journal.verify(head) == Verified(head)


def test_an_earlier_tombstone_stays_whatever_words_are_in_it(journal: Journal) -> None:
    said = Telling().second("bed-1", "5")
    journal.append(said)
    states = {WARD: "{}", "5": "{}"}
    journal.erase(
        "bed-1", who="admin", why="5 days ago", time_ms=1, snapshot=states, after=said[-1]
    )
    head = journal.erase(
        "5", who="admin", why="asked", time_ms=1, snapshot={WARD: "{}"}, after=said[-1]
    )
    assert journal.verify(head) == Verified(head)


def test_a_snapshot_of_an_earlier_moment_erases_nobody(journal: Journal) -> None:
    telling = Telling()
    first = telling.second("bed-1", "bed-2")
    journal.append(first, {WARD: "{}", "bed-1": "{}", "bed-2": "{}"})
    later = telling.second("bed-1", "bed-2")
    journal.append(later)
    states = {WARD: "{}", "bed-2": "{}"}
    with pytest.raises(LogError, match="the log goes on after that"):
        journal.erase("bed-1", who="a", why="b", time_ms=1, snapshot=states, after=first[-1])
    with pytest.raises(InputError, match="a snapshot of no moment"):
        journal.erase("bed-1", who="a", why="b", time_ms=1, snapshot=states)
    assert journal.resume()[1] == later
    journal.erase("bed-2", who="a", why="b", time_ms=1, snapshot={WARD: "{}"}, after=later[-1])
    journal.erase("bed-1", who="a", why="b", time_ms=1, snapshot={WARD: "{}"}, after=later[-1])
    assert journal.resume() == ({WARD: "{}"}, [])


def test_an_erasure_beside_a_reader_says_that_bytes_are_left(tmp_path: Path) -> None:
    path = tmp_path / "ward.db"
    with Journal.open(path, JournalSettings(busy_timeout_s=0.1)) as journal:
        said = Telling().second("anna-4711", "bed-2")
        journal.append(said)
        reading = journal.events("bed-2")
        next(reading)
        states = {WARD: "{}", "bed-2": "{}"}
        with pytest.raises(StoreError, match="somebody reads.* scrub again"):
            journal.erase("anna-4711", who="a", why="b", time_ms=1, snapshot=states, after=said[-1])
        assert list(journal.events("anna-4711")) == []
        reading.close()
        journal.scrub()
        assert b"anna-4711" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())


def test_whatever_of_the_ward_s_state_holds_a_patient_is_seen(tmp_path: Path) -> None:
    """A real ward with everything of a patient in it, and the same without them."""
    state, beds = watch.initial(watch.configured()), ("zz-9/x", "bed-2", "bed-3")

    def tell(patient: str, body: Body, at_ms: int) -> None:
        nonlocal state
        state, some = watch.advance(state, Event(patient, 0, at_ms, at_ms, "", body))
        said.extend(some)

    said: list[Event] = []
    nurse = Nurse("ann", "nurse", beds)
    tell(WARD, RosterSet((nurse,), tuple((bed, 1.0) for bed in beds)), 0)
    for bed in beds:
        tell(bed, BedAdded(), 0)
    for at_s in range(1, 60):
        tell(WARD, Tick(), 1000 * at_s)
    for event in said:
        if event.patient == WARD:
            line = to_line(event)
            assert is_named(json.loads(line), "zz-9/x") == ("zz-9/x" in line), line
    parts = to_parts(state)
    assert "zz-9/x" in parts[WARD] and is_named_in_state(parts[WARD], "zz-9/x")
    without = to_parts(watch.without_patient(state, "zz-9/x"))[WARD]
    assert is_named_in_state(without, "zz-9/x") == ("zz-9/x" in without)
