"""`mien replay --explain`: a record's reasons, from its own record alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mien.errors import InputError
from mien.risk.events import Evidence, Record, RecordChanged
from mien.risk.words import explained
from mien.workflows.replay_log import read_log
from mien.workflows.replay_store import open_store

if TYPE_CHECKING:
    from mien.monitor.journal import Journal

_SHOWN = 8  # keys that an error tells
_EVER_MS = -(2**62)  # before any stay


def explain_log(path: str | Path, key: str) -> list[str]:
    """Of a record as it is last in a log, and as it was at its onset. The log may be cut.

    Raises InputError for a key that is not there.
    """
    found: dict[str, Record] = {}
    at_onsets: dict[str, Evidence | None] = {}
    for _, event in read_log(path, may_be_cut=True):
        if isinstance(event.body, RecordChanged):
            record = event.body.record
            found[record.key] = record
            if event.body.why == "opened":
                at_onsets[record.key] = record.evidence
    record = record_of(found.values(), key, path)
    return list(explained(record, at_onsets.get(key)))


def explain_store(address: str, key: str) -> list[str]:
    """Of a record as it is in a store, and the audit chain's entry that says so."""
    if "://" not in address and not Path(address).exists():
        raise InputError(f"no store at {address}: a replay with --store writes one")
    with open_store(address) as journal:
        kept = journal.records(closed=True)
        record = record_of((one.record for one in kept), key, address)
        at_onset = _at_onset(journal, record)
    head = next(one.head for one in kept if one.record.key == key)
    return [*explained(record, at_onset), f"audit: entry {head}"]


def _at_onset(journal: Journal, record: Record) -> Evidence | None:
    """What a record opened with; None where the events of that time are kept no more."""
    for event in journal.events(record.patient, kinds=["RecordChanged"], from_ms=_EVER_MS):
        body = event.body
        if isinstance(body, RecordChanged) and body.record.key == record.key:
            return body.record.evidence if body.why == "opened" else None
    return None


def explain_replayed(
    records: Iterable[Record], at_onsets: Mapping[str, Evidence], key: str, source: str | Path
) -> Iterator[str]:
    yield from explained(record_of(records, key, source), at_onsets.get(key))


def record_of(records: Iterable[Record], key: str, where: str | Path) -> Record:
    """The record of a key. Raises InputError, naming those that there are."""
    by_key = {record.key: record for record in records}
    if key in by_key:
        return by_key[key]
    names = sorted(by_key, key=lambda name: by_key[name].onset_ms)
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    has = f"it has {', '.join(names[:_SHOWN])}{more}" if names else "it has none"
    raise InputError(f"no record {key!r} in {where}: {has}")
