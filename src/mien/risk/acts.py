"""What people do about alerts: acknowledge, close, pause the watch or its sound.

An act that cannot be done changes nothing and is answered with the reason.
"""

from __future__ import annotations

from dataclasses import replace

from mien.risk import records
from mien.risk.alert_state import Alert, Now, Pause, find, put, settled
from mien.risk.events import (
    Acknowledged,
    AudioPaused,
    Closed,
    Paused,
    RecordChanged,
    Resumed,
    SignalChanged,
)
from mien.risk.settings import to_ms


def on_acknowledged(state: Alert, now: Now) -> Alert:
    act = now.event.body
    assert isinstance(act, Acknowledged)
    at = find(state, act.record)
    why = records.why_not_acknowledge(None if at is None else state.records[at].record, act.who)
    if at is None or why is not None:
        now.cannot(act.record, why or records.UNKNOWN)
        return state
    kept = state.records[at]
    record = records.acknowledged(kept.record, act.who, now.time_ms)
    now.say(RecordChanged(record, "acknowledged"))
    kept = replace(kept, record=record, quiet_ms=now.time_ms)
    return settled(put(state, at, kept), at, now)


def on_closed(state: Alert, now: Now) -> Alert:
    """A record that a person closed is gone from here; the log has it."""
    act = now.event.body
    assert isinstance(act, Closed)
    at = find(state, act.record)
    why = records.why_not_close(None if at is None else state.records[at].record, act)
    if at is None or why is not None:
        now.cannot(act.record, why or records.UNKNOWN)
        return state
    record = records.closed(state.records[at].record, act, now.time_ms)
    now.say(RecordChanged(record, "closed"))
    return replace(state, records=(*state.records[:at], *state.records[at + 1 :]))


def on_paused(state: Alert, now: Now) -> Alert:
    """Paused again while paused moves the end, though never past 30 min from the beginning."""
    act = now.event.body
    assert isinstance(act, Paused)
    since_ms = now.time_ms if state.pause is None else state.pause.since_ms
    latest_ms = since_ms + to_ms(now.config.settings.alerts.pause_most_s)
    pause = Pause(since_ms, min(now.time_ms + act.duration_ms, latest_ms), is_shown=True)
    if state.pause is None:
        now.say(SignalChanged("PAUSED"))
        state = _held(state, now)
    return replace(state, pause=pause)


def _held(state: Alert, now: Now) -> Alert:
    for at, kept in enumerate(state.records):
        if kept.record.is_present and kept.record.is_observed:
            record = replace(kept.record, is_observed=False)
            now.say(RecordChanged(record, "held"))
            state = put(state, at, replace(kept, record=record))
    return state


def on_resumed(state: Alert, now: Now) -> Alert:
    assert isinstance(now.event.body, Resumed)
    if state.pause is None:
        now.cannot("", "the watch is not paused")
        return state
    return resumed(state, now)


def resumed(state: Alert, now: Now) -> Alert:
    """Watching again, with what the signal is by now."""
    if state.pause is not None and state.pause.is_shown:
        now.say(state.conditions.signal)
    return replace(state, pause=None)


def on_signal(state: Alert, now: Now) -> Alert:
    """Signal is silent in a pause: what it says then is its end, and needs no saying twice."""
    if state.pause is None:
        return state
    return replace(state, pause=replace(state.pause, is_shown=False))


def on_audio_paused(state: Alert, now: Now) -> Alert:
    assert isinstance(now.event.body, AudioPaused)
    until_ms = now.time_ms + to_ms(now.config.settings.alerts.audio_pause_s)
    return replace(state, audio_until_ms=until_ms)
