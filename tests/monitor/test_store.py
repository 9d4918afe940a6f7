"""A store that fails says so, holds nothing half-written, and takes the same again."""

from __future__ import annotations

import resource
import sqlite3
import stat
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Timer

import psycopg
import pytest

from mien.errors import InputError, MissingExtraError, StoreError
from mien.monitor.journal import Journal
from mien.monitor.settings import JournalSettings
from mien.monitor.store import open_store
from mien.monitor.verification import Verified
from tests.monitor.postgres import Server
from tests.monitor.telling import Telling

HASTY = JournalSettings(busy_timeout_s=0.2)


@contextmanager
def no_room_on_the_disk(path: Path) -> Iterator[None]:
    """No file may grow beyond what this one has now."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = sum(file.stat().st_size for file in path.parent.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_told_and_the_same_batch_goes_in_later(tmp_path: Path) -> None:
    telling = Telling()
    with Journal.open(tmp_path / "ward.db") as journal:
        head = journal.append(telling.second("bed-1"))
        batch = telling.second(*(f"bed-{n}" for n in range(2, 900)))
        with no_room_on_the_disk(tmp_path / "ward.db"):
            with pytest.raises(StoreError, match="ward.db cannot be written now: .* half-written"):
                journal.append(batch)
            assert journal.head() == head
        journal.append(batch)
        assert journal.resume()[1][2:] == batch
        assert isinstance(journal.verify(head), Verified)


def test_a_locked_file_is_told_and_the_same_batch_goes_in_later(tmp_path: Path) -> None:
    telling = Telling()
    with Journal.open(tmp_path / "ward.db", HASTY) as journal:
        batch = telling.second("bed-1")
        with closing(sqlite3.connect(tmp_path / "ward.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="cannot be written now: database is locked"):
                journal.append(batch)
            assert journal.resume() == (None, [])  # reading goes on
        journal.append(batch)
        assert journal.resume()[1] == batch


@pytest.mark.slow
def test_a_locked_database_is_told_and_the_same_batch_goes_in_later(server: Server) -> None:
    address = server.new_database()
    telling = Telling()
    with Journal.open(address, HASTY) as journal:
        batch = telling.second("bed-1")
        with psycopg.connect(address) as other:
            other.execute("SELECT * FROM meta FOR UPDATE")
            with pytest.raises(StoreError, match="cannot be written now: .* lock timeout"):
                journal.append(batch)
        journal.append(batch)
        assert journal.resume()[1] == batch


@pytest.mark.slow
def test_a_lost_connection_is_told_and_the_same_batch_goes_in_later(server: Server) -> None:
    address = server.new_database()
    telling = Telling()
    with Journal.open(address, HASTY) as journal:
        head = journal.append(telling.second("bed-1"))
        batch = telling.second("bed-1")
        server.stop()
        for _ in range(2):
            with pytest.raises(StoreError, match="cannot be written now"):
                journal.append(batch)
        with pytest.raises(StoreError, match="cannot be read now"):
            journal.verify()
        server.start()
        journal.append(batch)
        assert journal.resume()[1][2:] == batch
        assert isinstance(journal.verify(head), Verified)


@pytest.mark.slow
def test_a_connection_lost_in_the_middle_of_writing_leaves_nothing(server: Server) -> None:
    address = server.new_database()
    with Journal.open(address) as journal:
        head = journal.append(Telling().second("bed-1"))
    with (
        closing(open_store(address)) as store,
        pytest.raises(StoreError, match="terminating connection"),
        store.writing() as connection,
    ):
        connection.exec_driver_sql("DELETE FROM events")
        with psycopg.connect(address, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        connection.exec_driver_sql("SELECT 1")
    with Journal.open(address) as journal:
        assert journal.verify() == Verified(head)


@pytest.mark.slow
def test_what_fails_after_a_scrubbing_that_failed_leaves_nothing(server: Server) -> None:
    address = server.new_database()
    with Journal.open(address, HASTY) as journal:
        head = journal.append(Telling().second("bed-1"))
        with psycopg.connect(address) as other:
            other.execute("LOCK TABLE audit IN SHARE UPDATE EXCLUSIVE MODE")  # as a VACUUM does
            with pytest.raises(StoreError, match="cannot be scrubbed now: .* lock timeout"):
                journal.scrub()
        with pytest.raises(ZeroDivisionError), journal._store.writing() as connection:
            assert not connection.connection.driver_connection.autocommit
            connection.exec_driver_sql("DELETE FROM events")
            raise ZeroDivisionError
        assert journal.verify() == Verified(head)


@pytest.mark.slow
def test_a_batch_that_fails_in_its_middle_after_a_scrubbing_that_failed_goes_in_later(
    server: Server,
) -> None:
    address = server.new_database()
    telling = Telling()
    with Journal.open(address, HASTY) as journal:
        journal.append(telling.second("bed-1"))
        batch = telling.second("bed-1")
        with psycopg.connect(address) as other:
            other.execute("LOCK TABLE audit IN SHARE UPDATE EXCLUSIVE MODE")
            with pytest.raises(StoreError, match="cannot be scrubbed now"):
                journal.scrub()
        with psycopg.connect(address) as other:
            other.execute("LOCK TABLE events IN SHARE MODE")  # after the chain's entry
            with pytest.raises(StoreError, match="cannot be written now"):
                journal.append(batch)
        head = journal.append(batch)
        assert head.position == 2
        assert journal.verify() == Verified(head)


def test_a_scrubbing_leaves_no_connection_behind(address: str) -> None:
    with Journal.open(address) as journal:
        for _ in range(20):  # more than the pool has
            journal.scrub()
        assert journal.append(Telling().second("bed-1")).position == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "holding",
    [
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT * FROM meta",
        "DECLARE held CURSOR FOR SELECT * FROM meta",
        "INSERT INTO meta VALUES ('x', 'y')",
    ],
)
def test_rows_that_another_s_view_keeps_are_told_and_freed_later(
    server: Server, holding: str
) -> None:
    address = server.new_database()
    with Journal.open(address, HASTY) as journal:
        journal.append(Telling().second("bed-1"))
        journal.scrub()
        with psycopg.connect(address) as other:
            other.execute(holding)
            journal.note({"who": "ann"}, time_ms=0)  # it began before this
            with pytest.raises(StoreError, match="somebody reads .* in the tables, .* scrub again"):
                journal.scrub()
            other.rollback()
        journal.scrub()


@pytest.mark.slow
def test_a_scrubbing_waits_for_those_who_are_nearly_done(server: Server) -> None:
    address = server.new_database()
    with Journal.open(address) as journal, psycopg.connect(address) as other:
        other.execute("DECLARE held CURSOR FOR SELECT * FROM meta")
        journal.append(Telling().second("bed-1"))
        ending = Timer(0.3, other.rollback)
        ending.start()
        journal.scrub()
        ending.join()


@pytest.mark.slow
def test_readers_of_another_database_keep_nothing(server: Server) -> None:
    with (
        Journal.open(server.new_database(), HASTY) as journal,
        psycopg.connect(server.new_database()) as other,
    ):
        other.execute("DECLARE held CURSOR FOR SELECT * FROM pg_class")
        journal.append(Telling().second("bed-1"))
        journal.scrub()


@pytest.mark.slow
def test_a_commit_is_on_the_disk_whatever_the_server_is_set_to(server: Server) -> None:
    address = server.new_database()
    with psycopg.connect(address, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    with closing(open_store(address)) as store, store.writing() as connection:
        shown = connection.exec_driver_sql("SHOW synchronous_commit").scalar()
    assert shown == "on"


def test_a_commit_is_on_the_disk_and_the_file_its_owner_s(tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "ward.db")) as store, store.reading() as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]
        assert found == ["wal", 2, 1, 1]
        modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        assert modes == {0o600}


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x" * 4096)
    with pytest.raises(InputError, match=r"notes\.txt is no store of the watch: choose another"):
        Journal.open(tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "x" * 4096


def test_a_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "lab.db")) as other:
        other.execute("CREATE TABLE events (mine TEXT)")
    before = (tmp_path / "lab.db").read_bytes()
    with pytest.raises(InputError, match=r"lab\.db is a database of something else"):
        Journal.open(tmp_path / "lab.db")
    assert (tmp_path / "lab.db").read_bytes() == before


def test_a_store_that_was_cut_short_is_called_damaged(tmp_path: Path) -> None:
    Journal.open(tmp_path / "ward.db").close()
    whole = (tmp_path / "ward.db").read_bytes()
    (tmp_path / "ward.db").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match="it is damaged: restore a copy"):
        Journal.open(tmp_path / "ward.db")


def test_the_folder_of_a_store_is_made_and_one_that_cannot_be_is_named(tmp_path: Path) -> None:
    Journal.open(tmp_path / "new" / "ward.db").close()
    assert (tmp_path / "new" / "ward.db").exists()
    with pytest.raises(StoreError, match=r"cannot write .*ward\.db/ward\.db"):
        Journal.open(tmp_path / "new" / "ward.db" / "ward.db")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("mysql://nurse:secret@host/ward", "a journal is the path of a file or postgresql://"),
        ("sqlite://", "a journal in memory would be lost"),
        ("sqlite:///:memory:", "a journal in memory would be lost"),
        ("postgresql://nurse:secret@host:port/ward", "a journal is the path of a file or"),
    ],
)
def test_other_addresses_are_refused_without_their_passwords(address: str, why: str) -> None:
    with pytest.raises(InputError, match=why) as told:
        Journal.open(address)
    assert "secret" not in str(told.value)


def test_a_server_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(StoreError, match="postgresql://127.0.0.1:9/ward cannot be") as told:
        Journal.open("postgresql://nurse:secret@127.0.0.1:9/ward?password=secret")
    assert "secret" not in str(told.value)


def test_a_driver_that_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(
        MissingExtraError, match=r"needs psycopg, .* pip install 'mien\[postgres\]'"
    ):
        Journal.open("postgresql://host/ward")


def test_a_file_s_address_may_be_written_as_sqlite(tmp_path: Path) -> None:
    batch = Telling().second("bed-1")
    with Journal.open(f"sqlite:///{tmp_path}/ward.db") as journal:
        journal.append(batch)
    with Journal.open(tmp_path / "ward.db") as journal:
        assert journal.resume()[1] == batch


def test_notes_and_events_written_at_once_make_one_chain(address: str) -> None:
    with Journal.open(address) as journal:

        def note(number: int) -> None:
            journal.note({"number": number}, time_ms=number, patient=f"bed-{number % 3}")

        telling = Telling()
        with ThreadPoolExecutor(3) as pool:
            noted = [pool.submit(note, number) for number in range(12)]
            for _ in range(8):
                journal.append(telling.second("bed-0", "bed-1"))
        for one in noted:
            one.result()
        assert journal.verify() == Verified(journal.head())
        assert journal.head().position == 20
