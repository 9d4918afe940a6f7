"""The database under the journal: SQLite in a file, or PostgreSQL by address.

Every block of `Store.writing` is one transaction, on the disk when the block is left. What the
database refuses (disk full, locked, connection lost) becomes StoreError, and nothing of the
block is kept; after a connection lost while committing it may be kept whole. Either way the
caller does the same again.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from math import ceil
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as NoConnectionLeft

from mien.errors import InputError, StoreError, missing_extra
from mien.files import is_address, is_sqlite, redacted

# Of all that may keep dead rows in a PostgreSQL database, what began before a transaction's number.
_OLDER = """
    WITH holders AS (
        SELECT unnest(ARRAY[backend_xid, backend_xmin]) AS number FROM pg_stat_activity
        WHERE pid <> pg_backend_pid() AND coalesce(datname, current_database()) = current_database()
        UNION ALL SELECT xmin FROM pg_replication_slots
        UNION ALL SELECT transaction FROM pg_prepared_xacts WHERE database = current_database()
    ) SELECT count(*) FROM holders WHERE age(number) > age(CAST(%s AS xid))
"""
_LOOK_AGAIN_S = 0.05


class Store:
    """An open database. Threads may share it; each block takes a connection of its own."""

    def __init__(self, engine: Engine, shown: str, *, busy_timeout_s: float) -> None:
        self.shown = shown  # without credentials
        self._busy_timeout_s = busy_timeout_s
        self.engine = engine
        self._is_file = engine.dialect.name == "sqlite"  # whose readers see one moment anyway
        one_moment = {} if self._is_file else {"isolation_level": "REPEATABLE READ"}
        self._readers = engine.execution_options(**one_moment)
        self._writers = engine.execution_options(writes=True)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction. Raises StoreError when it cannot be begun, done or committed."""
        with self._errors("written"), self._writers.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A view of one moment, whatever is written meanwhile. Raises StoreError."""
        with self._errors("read"), self._readers.connect() as connection:
            yield connection

    def scrub(self) -> None:
        """Take what was deleted out of the files too, as far as the database can.

        SQLite overwrites it. PostgreSQL frees it, and its bytes are on the disk until something
        else is written there. Raises StoreError while a reader still looks at what was there
        before: then some of it is not even free.
        """
        with self._errors("scrubbed"), closing(self.engine.raw_connection()) as connection:
            driver = connection.driver_connection
            connection.detach()  # its odd mode ends with it: the pool never has it again
            is_held = (
                _truncate_wal(driver) if self._is_file else _vacuum(driver, self._busy_timeout_s)
            )
        if is_held:
            place = "in the -wal file" if self._is_file else "in the tables, not even free"
            raise StoreError(
                f"the watch's store {self.shown} cannot be scrubbed now: somebody reads what was "
                f"there before. It is deleted, but its bytes are still {place}: end the reading "
                "and scrub again"
            )

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _errors(self, done: str) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            raise StoreError(
                f"the watch's store {self.shown} was written by another at the same moment: "
                f"nothing of this was kept, try again ({_reason(error)})"
            ) from error
        except (DBAPIError, NoConnectionLeft, self.engine.dialect.loaded_dbapi.Error) as error:
            reason = _reason(error)
            remedy = "put it right and do the same again"
            if "malformed" in reason or "not a database" in reason:
                remedy = "it is damaged: restore a copy of it"
            raise StoreError(
                f"the watch's store {self.shown} cannot be {done} now: {reason}. "
                f"Nothing is half-written: {remedy}"
            ) from error


def open_store(address: str | Path, *, busy_timeout_s: float = 5.0) -> Store:
    """Open a store: the path of a file, or the address of a PostgreSQL database.

    A file that is not there is made, its folder too, for its owner's eyes only.

    Raises InputError for another kind of address and for a file of something else,
    MissingExtraError without PostgreSQL's driver.
    """
    url = _url(address)
    if url.get_backend_name() == "sqlite":
        return _open_file(Path(url.database or ""), busy_timeout_s)
    return _open_server(url, busy_timeout_s)


def _url(address: str | Path) -> URL:
    if not is_address(address):
        return URL.create("sqlite", database=str(address))
    try:
        url = make_url(str(address))
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.get_backend_name() not in ("sqlite", "postgresql"):
        raise InputError(
            f"a journal is the path of a file or postgresql://..., got {redacted(str(address))}"
        )
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise InputError("a journal in memory would be lost: give the path of a file")
    return url


def _check_is_store(path: Path) -> None:
    """Nothing is written into a file of something else. Raises InputError."""
    if path.stat().st_size and not is_sqlite(path):
        raise InputError(f"{path} is no store of the watch: choose another name")
    try:
        read_only = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(read_only, uri=True)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error:
        return  # locked or damaged: told when it is used
    if tables and "audit_parts" not in tables:
        raise InputError(f"{path} is a database of something else: choose another name")


def _open_file(path: Path, busy_timeout_s: float) -> Store:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        _check_is_store(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from error
    engine = create_engine(URL.create("sqlite", database=str(path)))

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: object) -> None:
        connection.isolation_level = None  # transactions begin below, not in the driver
        connection.execute(f"PRAGMA busy_timeout = {round(busy_timeout_s * 1000)}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a commit is on the disk
        connection.execute("PRAGMA fullfsync = ON")  # on Apple's disks too
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return Store(engine, str(path), busy_timeout_s=busy_timeout_s)


def _open_server(url: URL, busy_timeout_s: float) -> Store:
    limit_ms = round(busy_timeout_s * 1000)
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_pre_ping=True,  # a connection lost while idle is replaced
            connect_args={
                "connect_timeout": max(2, ceil(busy_timeout_s)),
                "tcp_user_timeout": limit_ms,
            },
        )
    except ModuleNotFoundError as error:
        raise missing_extra("a journal in PostgreSQL", "postgres", "psycopg") from error

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: object) -> None:
        connection.execute(f"SET lock_timeout = {limit_ms}")
        connection.execute(  # a commit is on the disk, whatever the server's default
            "SELECT set_config('synchronous_commit', 'on', false) "
            "WHERE current_setting('synchronous_commit') IN ('off', 'local')"
        )
        connection.commit()

    shown = URL.create("postgresql", host=url.host, port=url.port, database=url.database)
    return Store(engine, shown.render_as_string(), busy_timeout_s=busy_timeout_s)


def _truncate_wal(connection: Any) -> bool:
    """Whether a reader keeps SQLite from it."""
    ((is_busy, _, _),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return bool(is_busy)


def _vacuum(connection: Any, wait_s: float) -> bool:
    """Free PostgreSQL's dead rows; whether something that began before may keep some.

    It is looked for before: what begins later keeps nothing that was dead by then, and what
    ended meanwhile might not be seen any more.
    """
    connection.autocommit = True  # VACUUM takes no transaction around it
    (upto,) = connection.execute(
        "SELECT pg_snapshot_xmax(pg_current_snapshot())::xid::text"
    ).fetchone()
    until_s = time.monotonic() + wait_s
    while (is_held := _is_held(connection, upto)) and time.monotonic() < until_s:
        time.sleep(_LOOK_AGAIN_S)
    connection.execute("VACUUM (INDEX_CLEANUP ON)")  # by itself it may leave few keys in an index
    return is_held


def _is_held(connection: Any, upto: str) -> bool:
    (count,) = connection.execute(_OLDER, (upto,)).fetchone()
    return bool(count)


def _reason(error: Exception) -> str:
    """The database's own words, without statement, values or credentials."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return redacted(str(cause).strip().partition("\n")[0])
