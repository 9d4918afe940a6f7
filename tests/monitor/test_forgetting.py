"""An age can be forgotten, all but what is still at work, and the rest still proves itself."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.event import listen

from mien.errors import LogError
from mien.monitor.journal import Journal
from mien.monitor.verification import Broken, Verified
from mien.risk.events import WARD, Ordered
from tests.monitor.postgres import Server
from tests.monitor.telling import Telling

DAY_MS = 24 * 3600 * 1000


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
