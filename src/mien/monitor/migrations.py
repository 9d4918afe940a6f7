"""The journal's tables from version to version: forward only, each step one transaction.

A step is what was done to the tables then, and never changes; `schema` is what they are now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from sqlalchemy import Connection, inspect, select, text

from mien.errors import LogError
from mien.monitor.schema import meta
from mien.monitor.store import Store

_LOCK = 0x6D69656E  # "mien": two that start at once migrate one after the other
_BYTES = {"sqlite": "BLOB", "postgresql": "BYTEA"}

_JOURNAL = """
CREATE TABLE meta (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL);
CREATE TABLE subjects (
  patient TEXT PRIMARY KEY NOT NULL, subject TEXT NOT NULL UNIQUE, last_seq BIGINT NOT NULL);
CREATE TABLE audit (
  position BIGINT PRIMARY KEY NOT NULL, time_ms BIGINT NOT NULL, what TEXT NOT NULL,
  digest TEXT NOT NULL, link TEXT NOT NULL);
CREATE TABLE audit_parts (
  position BIGINT NOT NULL REFERENCES audit, part BIGINT NOT NULL, kind TEXT NOT NULL,
  subject TEXT NOT NULL, digest TEXT NOT NULL, salt TEXT, PRIMARY KEY (position, part));
CREATE TABLE events (
  position BIGINT NOT NULL, place BIGINT NOT NULL, part BIGINT NOT NULL, patient TEXT NOT NULL,
  seq BIGINT NOT NULL, kind TEXT NOT NULL, event_time_ms BIGINT NOT NULL, line TEXT NOT NULL,
  PRIMARY KEY (position, place), UNIQUE (patient, seq),
  FOREIGN KEY (position, part) REFERENCES audit_parts (position, part));
CREATE INDEX events_by_time ON events (patient, event_time_ms);
CREATE TABLE notes (
  position BIGINT NOT NULL, part BIGINT NOT NULL, patient TEXT NOT NULL, line TEXT NOT NULL,
  PRIMARY KEY (position, part),
  FOREIGN KEY (position, part) REFERENCES audit_parts (position, part));
CREATE INDEX notes_of_patient ON notes (patient);
CREATE TABLE snapshots (
  position BIGINT NOT NULL, part BIGINT NOT NULL, patient TEXT NOT NULL, text TEXT NOT NULL,
  PRIMARY KEY (position, part),
  FOREIGN KEY (position, part) REFERENCES audit_parts (position, part));
CREATE TABLE records (
  key TEXT PRIMARY KEY NOT NULL, patient TEXT NOT NULL, seq BIGINT NOT NULL,
  position BIGINT NOT NULL REFERENCES audit, is_closed BIGINT NOT NULL, line TEXT NOT NULL);
CREATE INDEX records_of_patient ON records (patient);
CREATE TABLE outbox (
  key TEXT PRIMARY KEY NOT NULL, patient TEXT NOT NULL, seq BIGINT NOT NULL,
  position BIGINT NOT NULL REFERENCES audit, rank BIGINT NOT NULL, line TEXT NOT NULL,
  state TEXT NOT NULL, attempts BIGINT NOT NULL, due_ms BIGINT NOT NULL, sent_ms BIGINT,
  error TEXT);
CREATE INDEX outbox_in_order ON outbox (state, rank, position);
CREATE INDEX outbox_of_patient ON outbox (patient)
"""
_LANDMARKS = """
CREATE TABLE landmarks (
  patient TEXT NOT NULL, time_ms BIGINT NOT NULL, points {bytes} NOT NULL,
  PRIMARY KEY (patient, time_ms));
CREATE INDEX landmarks_by_time ON landmarks (time_ms)
"""

Step = Callable[[Connection], None]


def _run(script: str) -> Step:
    def step(connection: Connection) -> None:
        for statement in script.format(bytes=_BYTES[connection.dialect.name]).split(";"):
            connection.exec_driver_sql(statement)

    return step


def _keys_that_never_come_again(connection: Connection) -> None:
    """Messages were patient/seq, and are a digest of their entry and line."""
    rows = connection.execute(text("SELECT key, position, line FROM outbox")).all()
    named = text("UPDATE outbox SET key = :new WHERE key = :old")
    for key, position, line in rows:
        new = hashlib.sha256(f"{position}:{line}".encode()).hexdigest()[:32]
        connection.execute(named, {"old": key, "new": new})


STEPS: tuple[Step, ...] = (  # version 1, 2, ...
    _run(_JOURNAL),
    _run(_LANDMARKS),
    _keys_that_never_come_again,
)
VERSION = len(STEPS)


def migrate(store: Store, steps: tuple[Step, ...] = STEPS) -> None:
    """Bring a store, empty or of any older version, to the version of these steps.

    A step that fails leaves the version before it.

    Raises LogError for a store that a newer mien wrote.
    """
    while True:
        with store.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            version = version_of(connection)
            if version > len(steps):
                raise LogError(
                    f"{store.shown} has version {version} of the journal's tables, this mien "
                    f"knows up to {len(steps)}: a newer mien wrote it, and it takes one to read it"
                )
            if version == len(steps):
                return
            steps[version](connection)
            connection.execute(meta.delete())
            connection.execute(meta.insert(), {"name": "schema", "value": str(version + 1)})


def version_of(connection: Connection) -> int:
    """The version of the tables in a store; 0 where there are none."""
    if not inspect(connection).has_table(meta.name):
        return 0
    return int(connection.execute(select(meta.c.value).where(meta.c.name == "schema")).scalar_one())
