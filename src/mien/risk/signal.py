"""The Signal machine: one bed's frames and ticks to windows, the state of its signal, and what
is wrong with it.

Goes in: FrameMeasured, Tick, Paused, Resumed, StoreChanged. Comes out: WindowClosed, SignalChanged,
TechnicalChanged. Windows come at the stream's time; what ticks bring comes at the host's.

A WindowClosed that goes in is one of the log's, while a state is rebuilt after a restart: the
state is then what it was when that window came out, but for frames that were still held. What is
said to it is in the log already. A window that this machine said itself must not be given back.

PAUSED is the Alert machine's word. Signal is silent between a pause and its end, though it goes
on looking, and then says what has changed meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from mien.risk.events import (
    Event,
    FrameMeasured,
    Paused,
    Resumed,
    Said,
    Signal,
    SignalChanged,
    StoreChanged,
    Tick,
    WindowClosed,
)
from mien.risk.held import Held, cut, hold, told
from mien.risk.quality import is_usable
from mien.risk.second import Smoothed, window_of
from mien.risk.settings import SignalSettings, WatchSettings, to_ms
from mien.risk.technical import (
    Technical,
    after_store,
    after_tick,
    after_window,
    is_greyed,
    is_silent,
)

RECENT_S = 10  # seconds that quality looks back, as the score's does
_A_FACE_S = 3  # a face so long ago is one that is there, though unusable


@dataclass(frozen=True, slots=True)
class Pause:
    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class SignalState:
    """What is remembered of one bed: at most `held_most` frames, twice, and some dozen numbers."""

    held: Held = field(default_factory=Held)
    recent: tuple[WindowClosed, ...] = ()  # of the last 10 s, oldest first
    smoothed: Smoothed | None = None
    technical: Technical = field(default_factory=Technical)
    pause: Pause | None = None
    said: SignalChanged | None = None  # what was last said of the signal


def initial() -> SignalState:
    return SignalState()


def step(
    state: SignalState, event: Event, settings: WatchSettings
) -> tuple[SignalState, list[Said]]:
    """One event of this bed, or a tick of the ward. Others change nothing."""
    now_ms = event.event_time_ms
    match event.body:
        case FrameMeasured():
            return _framed(state, event, settings)
        case Tick():
            return _ticked(state, now_ms, settings)
        case WindowClosed() as window:
            return _restored(state, now_ms, window, settings)
        case StoreChanged(is_failing=is_failing):
            technical = after_store(state.technical, is_failing=is_failing)
            return replace(state, technical=technical), []
        case Paused(duration_ms=duration_ms):
            return replace(state, pause=_paused(state, now_ms, duration_ms, settings)), []
        case Resumed():
            return _told(replace(state, pause=None), now_ms, settings.signal)
    return state, []


def _framed(
    state: SignalState, event: Event, settings: WatchSettings
) -> tuple[SignalState, list[Said]]:
    held, seconds = cut(hold(state.held, event, settings.signal), settings.signal)
    state = SignalState(
        held, state.recent, state.smoothed, state.technical, state.pause, state.said
    )
    said: list[Said] = []
    for end_ms, frames in seconds:
        before = state.recent[-1] if state.recent else None
        window = window_of(end_ms, frames, before, state.smoothed, settings, state.held.offset_ms)
        state, more = _windowed(state, end_ms, window, settings.signal)
        said += [(end_ms, window), *more]
    return state, said


def _restored(
    state: SignalState, end_ms: int, window: WindowClosed, settings: WatchSettings
) -> tuple[SignalState, list[Said]]:
    held = state.held
    if held.closed_ms is not None and end_ms <= held.closed_ms:
        return state, []
    state = replace(state, held=told(held, end_ms, window))
    return _windowed(state, end_ms, window, settings.signal)


def _windowed(
    state: SignalState, end_ms: int, window: WindowClosed, settings: SignalSettings
) -> tuple[SignalState, list[Said]]:
    """All that follows from one more window."""
    units = window.action_units
    technical, said = after_window(state.technical, end_ms, window, settings)
    state = replace(
        state,
        recent=(*state.recent, window)[-RECENT_S:],
        smoothed=state.smoothed if units is None else Smoothed(end_ms, units),
        technical=technical,
    )
    state, changed = _told(state, end_ms, settings)
    return state, changed + said


def _ticked(
    state: SignalState, now_ms: int, settings: WatchSettings
) -> tuple[SignalState, list[Said]]:
    technical, said = after_tick(state.technical, now_ms, settings.signal)
    is_over = state.pause is not None and now_ms >= state.pause.until_ms
    pause = None if is_over else state.pause
    state, changed = _told(
        replace(state, technical=technical, pause=pause), now_ms, settings.signal
    )
    return state, changed + said


def _paused(state: SignalState, now_ms: int, duration_ms: int, settings: WatchSettings) -> Pause:
    """As the Alert machine has it: paused again, the end moves, but not past 30 min in all."""
    since_ms = now_ms if state.pause is None else state.pause.since_ms
    latest_ms = since_ms + to_ms(settings.alerts.pause_most_s)
    return Pause(since_ms, min(now_ms + duration_ms, latest_ms))


def _told(
    state: SignalState, at_ms: int, settings: SignalSettings
) -> tuple[SignalState, list[Said]]:
    """What there is to say of the signal, if it is not what was said last."""
    now = SignalChanged(signal_of(state, settings), is_greyed(state.technical.host, settings))
    if now == state.said or state.pause is not None:
        return state, []
    return replace(state, said=now), [(at_ms, now)]


def signal_of(state: SignalState, settings: SignalSettings) -> Signal:
    """LIVE, or a face that is not usable, or none; by the quality that scores are given by."""
    if is_silent(state.technical.host, settings) or not state.recent:
        return "NO_SIGNAL"
    if is_usable(state.recent, settings):
        return "LIVE"
    has_face = any(window.with_face for window in state.recent[-_A_FACE_S:])
    return "NOT_OBSERVABLE" if has_face else "NO_SIGNAL"
