"""The ward's state as text: going on from it is going on.

A text a bed, under its patient's name, and one for the ward, under "", so that a patient's can be
erased alone once `without_patient` has taken them out of the ward's too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from pydantic import TypeAdapter, ValidationError

from mien.errors import LogError
from mien.risk.alert_state import Alert
from mien.risk.events import WARD, Gathered, StoreChanged
from mien.risk.lines import canonical_json
from mien.risk.responder import Responder
from mien.risk.settings import WatchConfig, WatchSettings
from mien.risk.triage import Triage
from mien.risk.ward_state import Bed, Watch


@dataclass(frozen=True, slots=True)
class _Ward:
    """All of a Watch but its beds."""

    settings: WatchSettings
    model_hash: str
    rules_hash: str
    ward: Alert
    triage: Triage
    responder: Responder
    gathered: Gathered
    store: StoreChanged
    seq: int


@cache
def _ward_reader() -> TypeAdapter[_Ward]:
    return TypeAdapter(_Ward)


@cache
def _bed_reader() -> TypeAdapter[Bed]:
    return TypeAdapter(Bed)


def to_parts(state: Watch) -> dict[str, str]:
    """By patient, and "" for the ward: canonical JSON."""
    config = state.config
    ward = {
        "settings": config.settings.model_dump(mode="json"),
        "model_hash": config.model_hash,
        "rules_hash": config.rules_hash,
        "ward": state.ward,
        "triage": state.triage,
        "responder": state.responder,
        "gathered": state.gathered,
        "store": state.store,
        "seq": state.seq,
    }
    beds = {patient: canonical_json(state.beds[patient]) for patient in sorted(state.beds)}
    return {WARD: canonical_json(ward), **beds}


def from_parts(parts: Mapping[str, str]) -> Watch:
    """The watch of such texts. Raises LogError for texts that are none."""
    if WARD not in parts:
        raise LogError("the ward's own part of the snapshot is missing: it has the name ''")
    try:
        ward = _ward_reader().validate_json(parts[WARD])
        beds = {
            patient: _bed_reader().validate_json(text)
            for patient, text in parts.items()
            if patient != WARD
        }
    except ValidationError as error:
        raise LogError(f"not a snapshot of this version's watch: {_first_of(error)}") from None
    return Watch(
        config=WatchConfig(ward.settings, ward.model_hash, ward.rules_hash),
        beds=beds,
        ward=ward.ward,
        triage=ward.triage,
        responder=ward.responder,
        gathered=ward.gathered,
        store=ward.store,
        seq=ward.seq,
    )


def to_snapshot(state: Watch) -> str:
    """All of it as one line of canonical JSON."""
    return canonical_json(to_parts(state))


def from_snapshot(text: str) -> Watch:
    """The watch of such a line. Raises LogError for a line that is none."""
    try:
        parts = json.loads(text)
    except ValueError as error:
        raise LogError(f"not a snapshot of the watch: {text[:80]!r} ({error})") from None
    if not isinstance(parts, dict) or not all(isinstance(part, str) for part in parts.values()):
        raise LogError(f"not a snapshot of the watch: {text[:80]!r}")
    return from_parts(parts)


def _first_of(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
