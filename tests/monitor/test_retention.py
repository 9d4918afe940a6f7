"""A patient can be erased and an age forgotten, and the rest still proves itself."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.event import listen

from mien.errors import InputError, LogError, StoreError
from mien.monitor.journal import Journal
from mien.monitor.landmarks import Landmarks
from mien.monitor.naming import is_named, is_named_in_state
from mien.monitor.settings import JournalSettings
from mien.monitor.verification import Broken, Verified
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
from tests.monitor.postgres import Server
from tests.monitor.telling import Telling

DAY_MS = 24 * 3600 * 1000


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


def fill(journal: Journal, telling: Telling, days: int) -> None:
    """A second a day, with a snapshot of all."""
    for _ in range(days):
        telling.now_ms += DAY_MS - 1000
        journal.append(telling.second("bed-1", "bed-2"), {WARD: "{}", "bed-1": "", "bed-2": ""})


def test_what_is_older_than_a_day_is_forgotten_and_the_rest_is_not(journal: Journal) -> None:
    telling = Telling()
    fill(journal, telling, 5)
    before = journal.head()
    head = journal.forget_before(3 * DAY_MS, who="nightly", now_ms=telling.now_ms)
    assert [event.event_time_ms // DAY_MS for event in journal.events("bed-1")] == [3, 4, 5]
    assert journal.verify(before) == Verified(head)
    assert journal.forget_before(3 * DAY_MS, who="nightly", now_ms=telling.now_ms) == head
    fill(journal, telling, 1)  # whose numbers go on
    assert isinstance(journal.verify(head), Verified)


def test_what_a_restart_needs_is_never_forgotten(journal: Journal) -> None:
    telling = Telling()
    batches = [telling.second("bed-1") for _ in range(3)]
    head = journal.append(batches[0])
    assert journal.forget_before(DAY_MS, who="nightly", now_ms=DAY_MS) == head
    journal.append(batches[1], {WARD: "{}"})
    journal.append(batches[2])
    journal.forget_before(DAY_MS, who="nightly", now_ms=DAY_MS)
    assert journal.resume() == ({WARD: "{}"}, batches[2])
    assert list(journal.events("bed-1")) == [batches[1][1], batches[2][1]]


def test_an_open_record_and_an_unsent_message_outlive_their_day(journal: Journal) -> None:
    telling = Telling()
    fill(journal, telling, 1)
    journal.append(telling.alert("bed-1") + telling.alert("bed-2", is_closed=True))
    fill(journal, telling, 2)
    (opened,) = journal.records()
    day_3 = 3 * DAY_MS
    journal.forget_before(day_3, who="nightly", now_ms=telling.now_ms)
    assert journal.records() == [opened]
    assert [len(list(journal.events(bed))) for bed in ("bed-1", "bed-2")] == [3, 3]
    for delivery in journal.outbox.claim(now_ms=telling.now_ms):
        journal.outbox.sent(delivery, now_ms=telling.now_ms)
    journal.append(telling.closing(opened.record))
    fill(journal, telling, 1)
    journal.forget_before(4 * DAY_MS, who="nightly", now_ms=telling.now_ms)
    assert journal.records(closed=True) == []
    assert isinstance(journal.verify(), Verified)


DEEDS = {
    "its messages": "DELETE FROM outbox",
    "its records": "DELETE FROM records",
    "its events too": """
        CREATE TEMP TABLE old AS SELECT DISTINCT position, part FROM events
            WHERE position < (SELECT min(position) FROM snapshots);
        UPDATE audit_parts SET salt = NULL WHERE (position, part) IN (SELECT * FROM old);
        DELETE FROM outbox; DELETE FROM records;
        DELETE FROM events WHERE (position, part) IN (SELECT * FROM old)""",
    "its parts too": """
        CREATE TEMP TABLE old AS SELECT DISTINCT position FROM events
            WHERE position < (SELECT min(position) FROM snapshots);
        DELETE FROM outbox; DELETE FROM records;
        DELETE FROM events WHERE position IN (SELECT * FROM old);
        DELETE FROM audit_parts WHERE position IN (SELECT * FROM old)""",
    "the ward's last number": "UPDATE subjects SET last_seq = last_seq + 1000 WHERE patient = ''",
    "a bed's last number": "UPDATE subjects SET last_seq = last_seq + 1000 WHERE patient = 'bed-1'",
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("then", ["nothing", "an erasure"])
def test_what_is_kept_of_a_forgotten_day_cannot_be_taken_away_unseen(
    tmp_path: Path, deed: str, then: str
) -> None:
    telling = Telling()
    with Journal.open(tmp_path / "ward.db") as journal:
        fill(journal, telling, 1)
        journal.append(telling.alert("bed-1") + telling.second("bed-2"))
        fill(journal, telling, 2)
        head = journal.forget_before(3 * DAY_MS, who="nightly", now_ms=telling.now_ms)
        if then == "an erasure":  # the ward's last event goes with it
            last = telling(WARD, Ordered(("bed-2/concern/1",)))
            journal.append([last])
            states = {WARD: "{}", "bed-1": ""}
            head = journal.erase("bed-2", who="a", why="b", time_ms=1, snapshot=states, after=last)
        assert journal.verify(head) == Verified(head)
        assert journal.records() and journal.outbox.pending()
    with closing(sqlite3.connect(tmp_path / "ward.db")) as other:
        other.executescript(DEEDS[deed])
    with Journal.open(tmp_path / "ward.db") as journal:
        assert isinstance(journal.verify(head), Broken)


def test_a_record_that_closed_stays_while_a_message_of_its_opening_is_not_sent(
    journal: Journal,
) -> None:
    telling = Telling()
    fill(journal, telling, 1)
    alert = telling.alert("bed-1")
    journal.append(alert)
    journal.append(telling.second("bed-1") + telling.closing(alert[0].body.record))
    fill(journal, telling, 2)
    journal.forget_before(3 * DAY_MS, who="nightly", now_ms=telling.now_ms)
    assert isinstance(journal.verify(), Verified)
    assert [one.record.is_closed for one in journal.records(closed=True)] == [True]
    for delivery in journal.outbox.claim(now_ms=telling.now_ms):
        journal.outbox.sent(delivery, now_ms=telling.now_ms)
    fill(journal, telling, 1)
    journal.forget_before(4 * DAY_MS, who="nightly", now_ms=telling.now_ms)
    assert journal.records(closed=True) == []
    assert isinstance(journal.verify(), Verified)


def test_the_last_number_of_a_patient_whose_events_are_forgotten_is_not_raised(
    tmp_path: Path,
) -> None:
    telling = Telling()
    with Journal.open(tmp_path / "ward.db") as journal:
        journal.append(telling.second("bed-2"))
        fill(journal, telling, 1)
        telling.now_ms += 3 * DAY_MS
        journal.append(telling.second(), {WARD: "{}", "bed-2": "{}"})
        head = journal.forget_before(2 * DAY_MS, who="nightly", now_ms=telling.now_ms)
        assert list(journal.events("bed-2")) == []
        assert journal.verify(head) == Verified(head)
    with closing(sqlite3.connect(tmp_path / "ward.db", isolation_level=None)) as other:
        other.execute("UPDATE subjects SET last_seq = 7 WHERE patient = 'bed-2'")
    with Journal.open(tmp_path / "ward.db") as journal:
        assert isinstance(journal.verify(head), Broken)


def test_a_patient_who_was_long_away_goes_on_with_the_next_number(journal: Journal) -> None:
    telling = Telling()
    journal.append(telling.alert("bed-2"))  # whose message is not sent
    away = telling.second("bed-2")
    journal.append(away)
    for _ in range(3):
        telling.now_ms += DAY_MS
        journal.append(telling.second("bed-1"), {WARD: "{}", "bed-2": "{}"})
    journal.forget_before(telling.now_ms, who="nightly", now_ms=telling.now_ms)
    assert [event.seq for event in journal.events("bed-2")] == [1, 2]
    back = telling.second("bed-2")
    journal.append(back)
    assert list(journal.events("bed-2"))[2:] == back[1:]
    with pytest.raises(LogError, match="event 3 of 'bed-2' was forgotten, and comes again"):
        journal.append(away[1:])
    assert isinstance(journal.verify(), Verified)


@pytest.mark.parametrize("is_closed", [False, True])
def test_more_is_kept_of_a_forgotten_day_than_a_statement_has_room_for(
    tmp_path: Path, is_closed: bool
) -> None:
    """SQLite's builds differ in how many values a statement takes: here it takes a hundred."""
    telling, beds = Telling(), [f"bed-{number}" for number in range(60)]
    with Journal.open(tmp_path / "ward.db") as journal:
        journal.scrub()  # so that the next connection is a new one
        listen(
            journal._store.engine,
            "connect",
            lambda driver, _: driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 100),
        )
        opened = {bed: telling.alert(bed) for bed in beds}
        journal.append([event for said in opened.values() for event in said])
        if is_closed:  # after their messages, which are not sent
            closing = [telling.closing(opened[bed][0].body.record) for bed in beds]
            journal.append([event for said in closing for event in said])
        fill(journal, telling, 2)
        head = journal.forget_before(2 * DAY_MS, who="nightly", now_ms=telling.now_ms)
        kept = {one.record.patient: one.record.is_closed for one in journal.records(closed=True)}
        assert kept == dict.fromkeys(beds, is_closed)
        assert journal.outbox.pending() == len(beds)
        assert journal.verify(head) == Verified(head)
        for delivery in journal.outbox.claim(now_ms=0, limit=60):
            journal.outbox.sent(delivery, now_ms=0)
        fill(journal, telling, 1)
        journal.forget_before(3 * DAY_MS, who="nightly", now_ms=telling.now_ms)
        assert len(journal.records(closed=True)) == (0 if is_closed else 60)
        assert isinstance(journal.verify(head), Verified)


MANY = """
    INSERT INTO audit_parts SELECT 1, n, 'events', 's', 'd', '' FROM generate_series(9, 33008) n;
    INSERT INTO events SELECT 1, n, n, 'b-' || n, 1, 'RecordChanged', 0,
        '{"body":{"record":{"key":"' || n || '"}}}' FROM generate_series(9, 33008) n;
    INSERT INTO records SELECT n, 'b-' || n, 1, 1, 0, '{}' FROM generate_series(9, 33008) n;
    INSERT INTO outbox SELECT n, 'b-' || n, 1, 1, 1, '{}', 'pending', 0, 0
        FROM generate_series(9, 33008) n
"""


@pytest.mark.slow
def test_more_is_kept_of_a_forgotten_day_than_a_server_takes_values(server: Server) -> None:
    """Two values a part, of which PostgreSQL takes 65,535."""
    address, telling = server.new_database(), Telling()
    with Journal.open(address) as journal:
        journal.append(telling.alert("bed-1"))
        with psycopg.connect(address) as other:
            other.execute(MANY)
        fill(journal, telling, 2)
        journal.forget_before(2 * DAY_MS, who="nightly", now_ms=telling.now_ms)
        assert journal.outbox.pending() == 33_001


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
