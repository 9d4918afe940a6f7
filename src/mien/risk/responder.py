"""Responder: a contract net that sends somebody, and somebody else when nobody comes.

A record of MEDIUM or HIGH that nobody has acknowledged is announced to those of a step; who bids
least gets it; refusal or time-out moves on. Steps: 0 assigned nurse, 1 buddy, 2 charge nurse and
unit display, 3 failsafe, which repeats until somebody acknowledges. A step without bidders is
passed over at once, so that an empty roster is at the failsafe on the first tick.
All of it runs on ticks, but for a refusal, which moves on at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from mien.risk import records
from mien.risk.bidding import (
    FAILSAFE,
    UNIT_DISPLAY,
    asked,
    everybody,
    is_on_shift,
    loads,
    offers,
    others,
)
from mien.risk.events import (
    Announced,
    Awarded,
    Bid,
    EscalationEnded,
    Event,
    NotDone,
    Ordered,
    Record,
    RecordChanged,
    Refused,
    RosterSet,
    Said,
    SignalChanged,
    Tick,
)
from mien.risk.settings import AlertSettings, to_ms


@dataclass(frozen=True, slots=True)
class Escalation:
    """Where the search for somebody stands. Times are the host's."""

    step: int
    to: tuple[str, ...]  # who has been sent, and "unit-display"
    due_ms: int  # without an answer until then, it moves on
    refused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Responder:
    """escalations: by record; None: needs somebody, and the next tick will ask."""

    escalations: Mapping[str, Escalation | None] = field(default_factory=dict)
    order: tuple[str, ...] = ()  # triage's
    roster: RosterSet = field(default_factory=lambda: RosterSet(()))
    paused: tuple[str, ...] = ()  # patients whose watch is paused
    tick_ms: int = 0


def initial() -> Responder:
    return Responder()


def without_patient(state: Responder, patient: str) -> Responder:
    """Without a patient who is gone, whose bed is nobody's."""

    def is_other(key: str) -> bool:
        return records.patient_of(key) != patient

    nurses = (
        replace(nurse, beds=tuple(bed for bed in nurse.beds if bed != patient))
        for nurse in state.roster.nurses
    )
    places = tuple(place for place in state.roster.bed_places_m if place[0] != patient)
    return replace(
        state,
        escalations={key: one for key, one in state.escalations.items() if is_other(key)},
        order=tuple(key for key in state.order if is_other(key)),
        roster=RosterSet(tuple(nurses), places),
        paused=tuple(other for other in state.paused if other != patient),
    )


def step(state: Responder, event: Event, settings: AlertSettings) -> tuple[Responder, list[Said]]:
    handle = _HANDLERS.get(type(event.body))
    return (state, []) if handle is None else handle(state, event, settings)


Stepped = tuple[Responder, list[Said]]


def _on_record(state: Responder, event: Event, settings: AlertSettings) -> Stepped:
    assert isinstance(event.body, RecordChanged)
    record = event.body.record
    is_known = record.key in state.escalations
    if records.escalates(record) == is_known:
        return state, []
    if not is_known:
        return _put(state, record.key, None), []
    was_asked = state.escalations[record.key] is not None
    rest = {key: one for key, one in state.escalations.items() if key != record.key}
    said: list[Said] = []
    if was_asked:
        said.append((event.event_time_ms, EscalationEnded(record.key, _why_ended(record))))
    return replace(state, escalations=rest), said


def _why_ended(record: Record) -> Literal["acknowledged", "closed", "cleared"]:
    if record.is_closed:
        return "closed"
    return "acknowledged" if record.acknowledged_by else "cleared"


def _put(state: Responder, key: str, one: Escalation | None) -> Responder:
    return replace(state, escalations={**state.escalations, key: one})


def _on_tick(state: Responder, event: Event, settings: AlertSettings) -> Stepped:
    """The most urgent first: it gets the nearest free hands."""
    now_ms = event.event_time_ms
    passed_ms, said = now_ms - state.tick_ms, list[Said]()
    state = replace(state, tick_ms=now_ms)
    for key in (*state.order, *sorted(set(state.escalations) - set(state.order))):
        if key not in state.escalations:
            continue
        one = state.escalations[key]
        if records.patient_of(key) in state.paused:
            if one is not None:
                state = _put(state, key, replace(one, due_ms=one.due_ms + passed_ms))
            continue
        state = _moved(state, key, one, settings, said)
    return state, said


def _moved(
    state: Responder, key: str, one: Escalation | None, settings: AlertSettings, said: list[Said]
) -> Responder:
    """One escalation at the present tick."""
    if one is None:
        return _asked_from(state, key, Escalation(-1, (), state.tick_ms), 0, settings, said)
    if one.step == FAILSAFE:
        return _repeated(state, key, one, settings, said)
    number, begun_ms, due_ms = one.step, 0, one.due_ms
    while due_ms <= state.tick_ms and number < FAILSAFE:  # a host that slept catches up
        number, begun_ms = number + 1, due_ms
        due_ms = begun_ms + _lasts_ms(number, settings)
    if number == one.step:
        return _put_right(state, key, one, settings, said)
    return _asked_from(state, key, replace(one, due_ms=begun_ms), number, settings, said)


def _put_right(
    state: Responder, key: str, one: Escalation, settings: AlertSettings, said: list[Said]
) -> Responder:
    """Those sent may have refused or gone off shift: then somebody else is asked at once."""
    is_anyone = any(is_on_shift(state.roster, who) for who in one.to if who not in one.refused)
    return state if is_anyone else _asked_from(state, key, one, one.step, settings, said)


def _asked_from(
    state: Responder,
    key: str,
    one: Escalation,
    first: int,
    settings: AlertSettings,
    said: list[Said],
) -> Responder:
    """Awarded at the first step from here on that has bidders, else at the failsafe."""
    patient, now_ms = records.patient_of(key), state.tick_ms
    for number in range(first, FAILSAFE):
        bidders = asked(state.roster, patient, number, one.refused)
        if number > one.step:
            bidders = others(bidders, one.to)
        if not bidders:
            continue
        in_hand = loads(each.to for each in state.escalations.values() if each is not None)
        bids = offers(bidders, patient, state.roster, in_hand, settings)
        said.append((now_ms, Announced(key, number)))
        said += [(now_ms, Bid(key, who, cost)) for cost, who in bids]
        to = (bids[0][1],) if number < 2 else (bids[0][1], UNIT_DISPLAY)
        return _awarded(state, key, one, number, to, settings, said)
    return _awarded(state, key, one, FAILSAFE, everybody(state.roster), settings, said)


def _awarded(
    state: Responder,
    key: str,
    one: Escalation,
    number: int,
    to: tuple[str, ...],
    settings: AlertSettings,
    said: list[Said],
) -> Responder:
    """A step keeps its end when somebody else is asked within it: refusals win no time."""
    due_ms, lasts_ms = one.due_ms, _lasts_ms(number, settings)
    if number != one.step:
        due_ms = min(one.due_ms, state.tick_ms) + lasts_ms
        due_ms = due_ms if due_ms > state.tick_ms else state.tick_ms + lasts_ms
    said.append((state.tick_ms, Awarded(key, to, number, is_failsafe=number == FAILSAFE)))
    return _put(state, key, Escalation(number, to, due_ms, one.refused))


def _lasts_ms(number: int, settings: AlertSettings) -> int:
    """How long a step waits for an answer."""
    buddy_ms, charge_ms = to_ms(settings.buddy_after_s), to_ms(settings.charge_after_s)
    repeat_ms = to_ms(settings.failsafe_every_s)
    return (buddy_ms, max(charge_ms - buddy_ms, 0), repeat_ms, repeat_ms)[number]


def _repeated(
    state: Responder, key: str, one: Escalation, settings: AlertSettings, said: list[Said]
) -> Responder:
    """Again after a while, and at once to somebody who has only now come on shift."""
    to = everybody(state.roster)
    is_due = one.due_ms <= state.tick_ms
    if not is_due and set(to) <= set(one.to):
        return state
    every_ms = _lasts_ms(FAILSAFE, settings)
    late = (state.tick_ms - one.due_ms) // every_ms + 1 if is_due else 0
    said.append((state.tick_ms, Awarded(key, to, FAILSAFE, is_failsafe=True)))
    return _put(state, key, replace(one, to=to, due_ms=one.due_ms + late * every_ms))


def _on_refused(state: Responder, event: Event, settings: AlertSettings) -> Stepped:
    act = event.body
    assert isinstance(act, Refused)
    one = state.escalations.get(act.record)
    is_theirs = records.patient_of(act.record) == event.patient
    why = _why_not(one if is_theirs else None, act.who)
    if one is None or why is not None:
        return state, [(event.event_time_ms, NotDone("Refused", act.record, act.who, why or ""))]
    one = replace(one, refused=(*one.refused, act.who))
    state = _put(state, act.record, one)
    said: list[Said] = []
    if records.patient_of(act.record) not in state.paused:
        state = _put_right(state, act.record, one, settings, said)
    return state, [(event.event_time_ms, body) for _, body in said]


def _why_not(one: Escalation | None, who: str) -> str | None:
    """The reason why a refusal does nothing; None: it may be done."""
    if one is None:
        return "nobody has been sent for this record"
    if who == UNIT_DISPLAY or who not in one.to:
        return "not sent for this record, or no longer"
    if one.step == FAILSAFE:
        return "the failsafe asks everybody: there is nobody to ask instead"
    if who in one.refused:
        return "already refused"
    return None


def _on_ordered(state: Responder, event: Event, settings: AlertSettings) -> Stepped:
    assert isinstance(event.body, Ordered)
    return replace(state, order=event.body.records), []


def _on_roster(state: Responder, event: Event, settings: AlertSettings) -> Stepped:
    assert isinstance(event.body, RosterSet)
    return replace(state, roster=event.body), []


def _on_signal(state: Responder, event: Event, settings: AlertSettings) -> Stepped:
    assert isinstance(event.body, SignalChanged)
    others = tuple(patient for patient in state.paused if patient != event.patient)
    if event.body.signal == "PAUSED":
        return replace(state, paused=tuple(sorted((*others, event.patient)))), []
    return (state, []) if others == state.paused else (replace(state, paused=others), [])


_HANDLERS: dict[type, Callable[[Responder, Event, AlertSettings], Stepped]] = {
    RecordChanged: _on_record,
    Ordered: _on_ordered,
    RosterSet: _on_roster,
    SignalChanged: _on_signal,
    Refused: _on_refused,
    Tick: _on_tick,
}
