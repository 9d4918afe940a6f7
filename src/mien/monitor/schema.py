"""The tables of the journal, as queries name them. `migrations` makes them.

Where a patient's key may stand: `patient` columns, lines and texts. Everything that is never
deleted (the chain) or outlives its content (its parts) holds a random pseudonym at most.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, Text

METADATA = MetaData()


def _table(name: str, *columns: Column) -> Table:
    return Table(name, METADATA, *columns)


def _key(name: str) -> Column:
    return Column(name, Text, primary_key=True)


def _text(name: str, *, nullable: bool = False) -> Column:
    return Column(name, Text, nullable=nullable)


def _number(name: str, *, nullable: bool = False, primary_key: bool = False) -> Column:
    return Column(name, BigInteger, nullable=nullable, primary_key=primary_key, autoincrement=False)


meta = _table("meta", _key("name"), _text("value"))

subjects = _table(  # who the chain's pseudonyms are; erasure deletes the row
    "subjects",
    _key("patient"),
    _text("subject"),
    _number("last_seq"),  # of their events, forgotten ones too; 0: none yet
)
chain = _table(  # an entry a commit, never changed, never deleted
    "audit",
    _number("position", primary_key=True),
    _number("time_ms"),  # the host's
    _text("what"),  # events, note, tombstone
    _text("digest"),  # of its parts
    _text("link"),  # of the link before and of all the above
)
parts = _table(  # what an entry holds: a part a patient, so that one can be erased
    "audit_parts",
    _number("position", primary_key=True),
    _number("part", primary_key=True),
    _text("kind"),  # events, snapshot, note, tombstone
    _text("subject"),
    _text("digest"),  # of the content, keyed with the salt
    _text("salt", nullable=True),  # None: erased
)
events = _table(  # the watch's log
    "events",
    _number("position", primary_key=True),
    _number("place", primary_key=True),  # within the entry
    _number("part"),
    _text("patient"),
    _number("seq"),  # unique with the patient
    _text("kind"),
    _number("event_time_ms"),
    _text("line"),  # canonical JSON
)
notes = _table(  # who looked, who logged in, what was erased
    "notes",
    _number("position", primary_key=True),
    _number("part", primary_key=True),
    _text("patient"),
    _text("line"),  # canonical JSON
)
snapshots = _table(  # the watch's state, newest only, a row a patient
    "snapshots",
    _number("position", primary_key=True),
    _number("part", primary_key=True),
    _text("patient"),
    _text("text"),
)
records = _table(  # each alert record's newest state, from its last RecordChanged
    "records",
    _key("key"),
    _text("patient"),
    _number("seq"),
    _number("position"),
    _number("is_closed"),  # 0 or 1
    _text("line"),
)
outbox = _table(  # a row a message, written with its record
    "outbox",
    _key("key"),  # entries.message_key, which never comes again: receivers know doubles by it
    _text("patient"),
    _number("seq"),
    _number("position"),
    _number("rank"),  # of the priority, most urgent highest
    _text("line"),
    _text("state"),  # pending, sent
    _number("attempts"),
    _number("due_ms"),  # not to be taken before
    _number("sent_ms", nullable=True),
    _text("error", nullable=True),
)
at_work = Table(  # while an age is forgotten: the parts of it that stay
    "at_work",
    MetaData(),
    _number("position", primary_key=True),
    _number("part", primary_key=True),
    _number("step"),  # 0: in use; from 1: what those of the step before speak of
    prefixes=["TEMPORARY"],
)
landmarks = _table(  # the ring of raw points, empty unless switched on
    "landmarks",
    _key("patient"),
    _number("time_ms", primary_key=True),
    Column("points", LargeBinary, nullable=False),
)
