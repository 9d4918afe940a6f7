"""`mien replay --explain`: a record's reasons, from its own record alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from mien.errors import InputError
from mien.risk.events import Record, RecordChanged
from mien.risk.words import explained
from mien.workflows.replay_log import read_log
from mien.workflows.replay_store import open_store

_SHOWN = 8  # keys that an error tells


def explain_log(path: str | Path, key: str) -> list[str]:
    """Of a record as it is last in a log. Raises InputError for a key that is not there."""
    found: dict[str, Record] = {}
    for event in read_log(path):
        if isinstance(event.body, RecordChanged):
            found[event.body.record.key] = event.body.record
    return list(explained(record_of(found.values(), key, path)))


def explain_store(address: str, key: str) -> list[str]:
    """Of a record as it is in a store, and the audit chain's entry that says so."""
    if "://" not in address and not Path(address).exists():
        raise InputError(f"no store at {address}: a replay with --store writes one")
    with open_store(address) as journal:
        kept = journal.records(closed=True)
    record = record_of((one.record for one in kept), key, address)
    head = next(one.head for one in kept if one.record.key == key)
    return [*explained(record), f"audit: entry {head}"]


def explain_replayed(records: Iterable[Record], key: str, source: str | Path) -> Iterator[str]:
    yield from explained(record_of(records, key, source))


def record_of(records: Iterable[Record], key: str, where: str | Path) -> Record:
    """The record of a key. Raises InputError, naming those that there are."""
    by_key = {record.key: record for record in records}
    if key in by_key:
        return by_key[key]
    names = sorted(by_key, key=lambda name: by_key[name].onset_ms)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    has = f"it has {', '.join(names[:_SHOWN])}{more}" if names else "it has none"
    raise InputError(f"no record {key!r} in {where}: {has}")
