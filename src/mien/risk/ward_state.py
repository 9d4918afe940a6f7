"""All that is known of a ward, and what it is begun with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from mien.risk import (
    action_units,
    alerts,
    appraisal,
    conditions,
    evidence,
    responder,
    signal,
    system,
    terms,
    triage,
)
from mien.risk.alert_state import Alert
from mien.risk.appraisal import Appraisal
from mien.risk.events import WARD, Event, Gathered, StoreChanged
from mien.risk.lines import canonical_json
from mien.risk.responder import Responder
from mien.risk.settings import WatchConfig, WatchSettings
from mien.risk.signal import SignalState
from mien.risk.triage import Triage


@dataclass(frozen=True, slots=True)
class Bed:
    signal: SignalState
    appraisal: Appraisal
    alert: Alert
    seq: int = 0  # of the newest logged event


@dataclass(frozen=True, slots=True)
class Watch:
    """A ward. Its beds are never changed in place: one watch shares them with the next."""

    config: WatchConfig
    beds: Mapping[str, Bed]
    ward: Alert = field(default_factory=lambda: alerts.initial(WARD))
    triage: Triage = field(default_factory=triage.initial)
    responder: Responder = field(default_factory=responder.initial)
    gathered: Gathered = field(default_factory=lambda: Gathered((), "NONE"))  # as last told
    store: StoreChanged = field(default_factory=lambda: StoreChanged(is_failing=False))
    seq: int = 0  # of the newest of the ward's own events


def rules_hash() -> str:
    """The first 16 hexadecimal digits of a SHA-256 over the tables that are code, not settings."""
    units = action_units
    tables = {
        "conditions": [asdict(rule) for rule in conditions.RULES.values()],
        "clears": evidence.CLEARS_WHEN,
        "cannot_know": (evidence.CANNOT_KNOW, evidence.CANNOT_KNOW_TECHNICAL),
        "neutral": units.NEUTRAL,
        "units": {name: asdict(unit) for name, unit in units.UNIT_TABLE.items()},
        "levels": (units.LEVELS, units.CLOSING, units.LID_BEYOND),
        "p": (units.CURVE, units.CLOSED, units.COUNTS_WITH, units.P_MOST),
        "terms": sorted(terms.ON_THEIR_OWN),
    }
    return hashlib.sha256(canonical_json(tables).encode()).hexdigest()[:16]


def configured(settings: WatchSettings | None = None, *, model_hash: str = "") -> WatchConfig:
    """What a watch is begun with. model_hash: of the emotion model's folder; "": none is used."""
    return WatchConfig(settings or WatchSettings(), model_hash, rules_hash())


def initial(config: WatchConfig) -> Watch:
    """A ward without beds."""
    return Watch(config, {})


def reconfigured(state: Watch, config: WatchConfig) -> Watch:
    """From here on with other settings, another model or other rules; what was counted stays.

    Keep a snapshot of it at once: a log goes on from a state of its own settings alone.
    """
    return replace(state, config=config)


def new_bed(patient: str, state: Watch) -> Bed:
    """A bed that knows what holds for all of them."""
    begun = signal.initial()
    if state.store.is_failing:
        failing = Event(patient, 0, 0, 0, "", state.store)
        begun, _ = signal.step(begun, failing, state.config.settings)
    return Bed(begun, appraisal.initial(), alerts.initial(patient, tick_ms=state.ward.tick_ms))


def without_patient(state: Watch, patient: str) -> Watch:
    """The ward without one bed and all that was known of it; nothing is said."""
    members = tuple(member for member in state.gathered.members if member[0] != patient)
    return replace(
        state,
        beds={name: bed for name, bed in state.beds.items() if name != patient},
        ward=system.without_patient(state.ward, patient),
        triage=triage.without_patient(state.triage, patient),
        responder=responder.without_patient(state.responder, patient),
        gathered=replace(state.gathered, members=members),
    )
