"""A store of any older version is brought to this one; one of a newer is refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy import Connection, inspect

from mien.errors import LogError
from mien.monitor.journal import Journal
from mien.monitor.migrations import STEPS, VERSION, migrate, version_of
from mien.monitor.schema import METADATA
from mien.monitor.settings import JournalSettings
from mien.monitor.store import open_store
from mien.monitor.verification import Verified
from mien.risk.events import WARD
from tests.monitor.telling import Telling


@pytest.mark.parametrize("version", range(1, VERSION + 1))
def test_a_log_of_an_older_version_is_kept_whole(address: str, version: int) -> None:
    telling = Telling()
    with closing(open_store(address)) as store:
        migrate(store, STEPS[:version])
        old = Journal(store, JournalSettings())
        old.append(telling.second("bed-1"), {WARD: "{}"})
        head = old.append(after := telling.alert("bed-1"))
    with Journal.open(address) as journal:
        assert journal.verify(head) == Verified(head)
        assert journal.resume() == ({WARD: "{}"}, after)
        assert journal.outbox.pending() == len(journal.records()) == 1
        journal.landmarks.prune(now_ms=0)


@pytest.mark.parametrize("version", [1, 2])
def test_messages_of_an_older_version_get_keys_that_never_come_again(
    address: str, version: int
) -> None:
    telling = Telling()
    with closing(open_store(address)) as store:
        migrate(store, STEPS[:version])
        old = Journal(store, JournalSettings())
        old.append(telling.alert("bed-1"))
        head = old.append(telling.alert("bed-2"))
        (sent,) = old.outbox.claim(now_ms=0, limit=1)
        old.outbox.sent(sent, now_ms=0)
        with store.writing() as connection:  # as they were named then
            connection.exec_driver_sql("UPDATE outbox SET key = patient || '/' || seq")
    with Journal.open(address) as journal:
        assert journal.verify() == Verified(head)
        (left,) = journal.outbox.claim(now_ms=0)
        assert left.event.patient == "bed-2" and "bed-2" not in left.key
        journal.outbox.sent(left, now_ms=0)
        assert journal.outbox.pending() == 0


def test_the_tables_are_those_that_queries_name(address: str) -> None:
    Journal.open(address).close()
    with closing(open_store(address)) as store, store.reading() as connection:
        found = inspect(connection)
        assert set(found.get_table_names()) == set(METADATA.tables)
        for name, table in METADATA.tables.items():
            columns = {column["name"]: column["nullable"] for column in found.get_columns(name)}
            assert columns == {column.name: column.nullable for column in table.columns}
            keys = found.get_pk_constraint(name)["constrained_columns"]
            assert keys == [column.name for column in table.primary_key]


def half_a_step(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE half (x TEXT)")
    raise RuntimeError("in the middle")


def test_a_step_that_fails_leaves_the_version_before_it(address: str) -> None:
    with closing(open_store(address)) as store:
        migrate(store, STEPS[:1])
        with pytest.raises(RuntimeError, match="in the middle"):
            migrate(store, (STEPS[0], half_a_step))
        with store.reading() as connection:
            assert version_of(connection) == 1
            assert "half" not in inspect(connection).get_table_names()
    Journal.open(address).close()


def test_a_log_of_a_newer_version_is_refused_and_untouched(address: str) -> None:
    with closing(open_store(address)) as store:
        migrate(store, (*STEPS, lambda connection: None))
    with pytest.raises(LogError, match=f"has version {VERSION + 1} .* knows up to {VERSION}"):
        Journal.open(address)


def test_several_that_start_at_once_make_the_tables_once(address: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for journal in pool.map(lambda _: Journal.open(address), range(4)):
            journal.close()
    with Journal.open(address) as journal:
        assert isinstance(journal.verify(), Verified)
