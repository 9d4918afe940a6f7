"""Alert: one patient's conditions to records of their onsets, and to what people are told.

Records follow conditions, but for a pause, in which nothing follows. A patient's record opens on a
usable score whose newest second has a face: scores look back 10 s, so that they may still be given,
and high, when the face has just gone. A technical record opens on a tick, when the ward knows
whether it is one bed's or a system alert's (see system.py).
The ward has an Alert of its own, with patient "", for the one rule "system".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mien.risk import acts, conditions, evidence, records, system
from mien.risk.alert_state import Alert, Kept, Now, Technical, Told, newest, put, settled, tell
from mien.risk.conditions import Conditions, condition
from mien.risk.events import (
    WARD,
    Acknowledged,
    AudioPaused,
    Closed,
    Event,
    Evidence,
    Gathered,
    LevelChanged,
    Notified,
    Paused,
    Priority,
    Record,
    RecordChanged,
    Resumed,
    Said,
    Scored,
    SignalChanged,
    TechnicalChanged,
    Term,
    Tick,
    WindowClosed,
)
from mien.risk.records import Cause
from mien.risk.settings import WatchConfig, to_ms

RECORDED = ("concern-vitals", "concern", "sustained")  # patient's rules that have records


def initial(patient: str, *, tick_ms: int | None = None) -> Alert:
    """tick_ms: of the ward's last tick, which a bed that comes later has not heard."""
    return Alert(patient, Conditions(tick_ms=tick_ms), tick_ms=tick_ms)


def step(state: Alert, event: Event, config: WatchConfig) -> tuple[Alert, list[Said]]:
    """The patient's alerts after an event, and what there is to say, in order."""
    is_paused = state.pause is not None
    seen, said = conditions.step(state.conditions, event, config.settings, is_paused=is_paused)
    history = evidence.remember(state.history, event)
    state = replace(state, conditions=seen, history=history)
    now = Now(event, config, said)
    handle = _HANDLERS.get(type(event.body))
    if handle is not None:
        state = handle(state, now)
    if state.pause is None:
        state = _followed(state, now)
    return _shown(state, now), said


def open_records(state: Alert) -> tuple[Record, ...]:
    return tuple(kept.record for kept in state.records if not kept.record.is_closed)


def _shown(state: Alert, now: Now) -> Alert:
    level = conditions.level_of(state.conditions, is_paused=state.pause is not None)
    if level == state.level:
        return state
    now.say(LevelChanged(level))
    history = evidence.remember_level(state.history, now.time_ms, level)
    return replace(state, level=level, history=history)


# --- Technical conditions, the ward's "system" among them -------------------------------------


def _on_technical(state: Alert, now: Now) -> Alert:
    body = now.event.body
    assert isinstance(body, TechnicalChanged)
    if not body.is_present:
        return _without(state, body.rule)
    term = Term(body.rule, body.value, body.limit, 0, body.unit)
    return _with(state, body.rule, body.priority, term, now)


def _on_gathered(state: Alert, now: Now) -> Alert:
    """For a bed: which of its conditions are covered. For the ward: the system condition."""
    body = now.event.body
    assert isinstance(body, Gathered)
    if state.patient != WARD:
        mine = tuple(rule for patient, rule in body.members if patient == state.patient)
        return replace(state, covered=mine)
    term = system.term_of(body.members, now.config.settings.alerts)
    if term is None:
        return _without(state, "system")
    return _with(state, "system", body.priority, term, now)


def _without(state: Alert, rule: str) -> Alert:
    return replace(state, technical=tuple(t for t in state.technical if t.cause.rule != rule))


def _with(state: Alert, rule: str, priority: Priority, term: Term, now: Now) -> Alert:
    """Begun or risen. A rise keeps the onset."""
    old = next((t for t in state.technical if t.cause.rule == rule), None)
    if old is not None:
        new = Technical(replace(old.cause, priority=priority), old.since_ms, term)
    else:
        seq, tick_ms = now.event.seq, state.tick_ms
        cause = Cause(rule, priority, seq, now.time_ms, True, None, onset_tick_ms=tick_ms)
        new = Technical(cause, state.tick_ms or now.time_ms, term)
    return replace(state, technical=(*_without(state, rule).technical, new))


# --- Records follow conditions ----------------------------------------------------------------


def _followed(state: Alert, now: Now) -> Alert:
    causes = {cause.rule: cause for cause in _causes(state)}
    present = [kept.record.rule for kept in state.records if kept.record.is_present]
    for rule in (*causes, *(rule for rule in present if rule not in causes)):
        at = newest(state, rule)
        if at is None or not state.records[at].record.is_present:
            state = _begun(state, at, causes[rule], now) if _may_open(state, rule, now) else state
        elif rule in causes:
            state = _continued(state, at, causes[rule], now)
        else:
            state = _cleared(state, at, now)
    return state


def _causes(state: Alert) -> list[Cause]:
    """Conditions that are present and have records, the highest first."""
    seen, scored = state.conditions, state.history.scored
    score = None if scored is None else scored.score
    found = []
    for rule in RECORDED:
        now = condition(seen, rule)
        if now.is_present:
            rank, tick_ms = conditions.RULES[rule].priority, now.onset_tick_ms
            onset = (now.onset_seq, now.onset_ms)
            found.append(Cause(rule, rank, *onset, seen.is_observed, score, tick_ms))
    return found + [technical.cause for technical in state.technical]


def _may_open(state: Alert, rule: str, now: Now) -> bool:
    if records.is_technical(rule):
        return isinstance(now.event.body, Tick) and rule not in state.covered
    is_usable = state.conditions.usable_ms == now.time_ms and not state.is_faceless
    return is_usable and isinstance(now.event.body, Scored)


def _begun(state: Alert, at: int | None, cause: Cause, now: Now) -> Alert:
    """A new record, or the old one again if it was there moments ago."""
    if at is not None and _is_back(state.records[at], cause, now):
        return _reopened(state, at, cause, now)
    record = records.opened(state.patient, cause, _explained(state, cause.rule, now))
    now.say(RecordChanged(record, "opened"))
    tell(state, record, "system" if state.patient == WARD else "raised", now)
    state = replace(state, records=(*state.records, Kept(record)))
    return _counted(state, record, now) if cause.rule == "concern" else state


def _is_back(kept: Kept, cause: Cause, now: Now) -> bool:
    within_ms = to_ms(now.config.settings.alerts.reopen_s)
    tick_ms = kept.cleared_tick_ms
    return records.can_reopen(kept.record, cause, within_ms=within_ms, cleared_tick_ms=tick_ms)


def _reopened(state: Alert, at: int, cause: Cause, now: Now) -> Alert:
    """Without a word to anybody, unless it is stronger than what they know."""
    kept = state.records[at]
    why = _more(kept.record, cause, now)
    record = records.reopened(kept.record, cause, _explained(state, cause.rule, now))
    if why is not None:
        record = records.unacknowledged(record)
    now.say(RecordChanged(record, "reopened"))
    if why is not None:
        tell(state, record, why, now)
    quiet_ms = max(kept.quiet_ms, state.tick_ms or 0)  # the 10 min of a reminder begin anew
    return put(state, at, Kept(record, quiet_ms))


def _more(record: Record, cause: Cause, now: Now) -> Told | None:
    """What has risen beyond that which was acknowledged; None: nothing."""
    if records.is_higher(cause.priority, record.priority):
        return "priority rose"
    by = now.config.settings.alerts.reopen_louder
    return "score rose" if records.is_louder(record, cause, by=by) else None


def _continued(state: Alert, at: int, cause: Cause, now: Now) -> Alert:
    """A record whose condition is still present: seen or not, and perhaps more than it was."""
    kept = state.records[at]
    record = records.scored(kept.record, cause.score)
    if record.is_observed != cause.is_observed:
        record = replace(record, is_observed=cause.is_observed)
        now.say(RecordChanged(record, "observed" if cause.is_observed else "held"))
    if records.is_higher(cause.priority, record.priority):
        explained = _explained(state, cause.rule, now)
        record = replace(record, priority=cause.priority, evidence=explained)
        record = records.unacknowledged(record)
        now.say(RecordChanged(record, "priority"))
        tell(state, record, "priority rose", now)
    return state if record is kept.record else put(state, at, replace(kept, record=record))


def _cleared(state: Alert, at: int, now: Now) -> Alert:
    kept = state.records[at]
    record = records.cleared(kept.record, now.time_ms)
    now.say(RecordChanged(record, "cleared"))
    is_own_clock = isinstance(now.event.body, Scored | TechnicalChanged | Gathered)
    tick_ms = None if is_own_clock else state.tick_ms
    kept = replace(kept, record=record, cleared_tick_ms=tick_ms)
    return settled(put(state, at, kept), at, now)


def _explained(state: Alert, rule: str, now: Now) -> Evidence:
    if records.is_technical(rule):
        terms = tuple(t.term for t in state.technical if t.cause.rule == rule)
    else:
        terms = evidence.patient_terms(rule, state.history, state.conditions, now.config)
    return evidence.evidence_of(rule, state.history, terms, now.time_ms, now.config)


def _counted(state: Alert, record: Record, now: Now) -> Alert:
    """One MEDIUM more; too many in a day are a reason to review limits, and to drop none."""
    alerts, at_ms = now.config.settings.alerts, record.onset_ms
    day_ms = to_ms(alerts.review_s)
    mediums = (*(ms for ms in state.mediums_ms if ms > at_ms - day_ms), at_ms)
    state = replace(state, mediums_ms=mediums)
    is_advised = state.advised_ms is not None and at_ms - state.advised_ms < day_ms
    if len(mediums) <= alerts.review_count or is_advised:
        return state
    text = f"review limits: {len(mediums)} MEDIUM alerts within {alerts.review_s / 3600:g} h"
    now.say(Notified(record.key, "NONE", "advisory", text, is_audible=False))
    return replace(state, advised_ms=at_ms)


def _on_window(state: Alert, now: Now) -> Alert:
    body = now.event.body
    assert isinstance(body, WindowClosed)
    is_faceless = not body.with_face
    return state if state.is_faceless == is_faceless else replace(state, is_faceless=is_faceless)


# --- Ticks ------------------------------------------------------------------------------------


def _on_tick(state: Alert, now: Now) -> Alert:
    """Pauses end by themselves, silences too; reminders; what closed itself is forgotten."""
    state = replace(state, tick_ms=now.time_ms)
    if state.audio_until_ms is not None and now.time_ms >= state.audio_until_ms:
        state = replace(state, audio_until_ms=None)
    if state.pause is not None and now.time_ms >= state.pause.until_ms:
        state = acts.resumed(state, now)
    if state.pause is None:
        state = _reminded(state, now)
    return _forgotten(state, now)


def _reminded(state: Alert, now: Now) -> Alert:
    """Acknowledged, and still there after 10 min."""
    due_ms = now.time_ms - to_ms(now.config.settings.alerts.remind_s)
    for at, kept in enumerate(state.records):
        if records.is_reminded_of(kept.record) and kept.quiet_ms <= due_ms:
            tell(state, kept.record, "still present", now)
            state = put(state, at, replace(kept, quiet_ms=now.time_ms))
    return state


def _forgotten(state: Alert, now: Now) -> Alert:
    """Without the records that closed themselves so long ago that they cannot open again."""
    before_ms = now.time_ms - 2 * to_ms(now.config.settings.alerts.reopen_s)
    kept_on = tuple(k for k in state.records if k.closed_ms is None or k.closed_ms >= before_ms)
    return state if len(kept_on) == len(state.records) else replace(state, records=kept_on)


_HANDLERS: dict[type, Callable[[Alert, Now], Alert]] = {
    TechnicalChanged: _on_technical,
    Gathered: _on_gathered,
    Tick: _on_tick,
    WindowClosed: _on_window,
    Acknowledged: acts.on_acknowledged,
    Closed: acts.on_closed,
    Paused: acts.on_paused,
    Resumed: acts.on_resumed,
    AudioPaused: acts.on_audio_paused,
    SignalChanged: acts.on_signal,
}
