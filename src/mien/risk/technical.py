"""Technical conditions of one bed: what is wrong with seeing it, from windows and from ticks.

Face lost, not observable and clock skew are counted in seconds of the stream, window by window.
Stalled and store failing are counted in seconds of the host, tick by tick, since a stream that
has stopped has no seconds. A condition's priority rises while it lasts and never falls.

| rule | begins | ends |
|---|---|---|
| face-lost | no face for 30 s: LOW, 120 s: MEDIUM | usable for 5 s |
| not-observable | a face, unusable, for 120 s: LOW | usable for 5 s |
| clock-skew | 30 s median above 2 s for 30 s: LOW | 1 s or less for 30 s |
| stalled | no window for 10 s: LOW, 60 s: MEDIUM | windows for 5 s |
| store-failing | for 10 s: LOW, 60 s: MEDIUM | works for 5 s |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import median_low

from mien.risk.events import PRIORITIES, Priority, Said, TechnicalChanged, WindowClosed
from mien.risk.quality import is_usable
from mien.risk.settings import SignalSettings, to_ms

Present = tuple[tuple[str, Priority], ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """Counted in windows, a second each."""

    usable_s: int = 0
    faceless_s: int = 0
    unusable_s: int = 0  # with a face now and then, since it was last usable for long
    skews_ms: tuple[int | None, ...] = ()  # of the last 30 windows
    skewed_s: int = 0
    unskewed_s: int = 0


@dataclass(frozen=True, slots=True)
class Host:
    """Counted in ticks. None: not so, or not since a tick was."""

    tick_ms: int | None = None
    heard_ms: int | None = None  # the first tick after the newest window that has frames
    flows_ms: int | None = None  # since when windows have come without a pause to notice
    is_heard: bool = False  # such a window came since the last tick
    is_failing: bool = False  # the store
    store_ms: int | None = None  # the first tick since it is as it is


@dataclass(frozen=True, slots=True)
class Technical:
    watched: Watched = Watched()
    host: Host = Host()
    present: Present = ()

    def is_present(self, rule: str) -> bool:
        return any(name == rule for name, _ in self.present)


def after_window(
    state: Technical, end_ms: int, window: WindowClosed, settings: SignalSettings
) -> tuple[Technical, list[Said]]:
    """The conditions that are counted in windows, one window later."""
    watched = _watched(state, window, settings)
    host = replace(state.host, is_heard=True) if window.frames else state.host
    said: list[Said] = []
    present = state.present
    for found in (
        _face_lost(watched, settings),
        _not_observable(watched, state, settings),
        _clock_skew(watched, settings),
    ):
        present = _after(present, found, end_ms, said)
    return Technical(watched, host, present), said


def after_tick(
    state: Technical, now_ms: int, settings: SignalSettings
) -> tuple[Technical, list[Said]]:
    """The conditions that are counted in the host's seconds."""
    host = _ticked(state.host, now_ms, settings)
    said: list[Said] = []
    present = _after(state.present, _stalled(host, now_ms, settings), now_ms, said)
    present = _after(present, _store_failing(host, now_ms, settings), now_ms, said)
    return Technical(state.watched, host, present), said


def after_store(state: Technical, *, is_failing: bool) -> Technical:
    """The store fails, or works again; how long is counted from the next tick."""
    if state.host.is_failing == is_failing:
        return state
    return replace(state, host=replace(state.host, is_failing=is_failing, store_ms=None))


def is_greyed(host: Host, settings: SignalSettings) -> bool:
    """What is shown is old: no window, or a store that keeps none, for 3 s."""
    return is_silent(host, settings) or (
        host.is_failing and _since(host.store_ms, host.tick_ms) >= to_ms(settings.grey_after_s)
    )


def is_silent(host: Host, settings: SignalSettings) -> bool:
    return not host.is_heard and _since(host.heard_ms, host.tick_ms) >= to_ms(settings.grey_after_s)


# --- Counting ----------------------------------------------------------------


def _watched(state: Technical, window: WindowClosed, settings: SignalSettings) -> Watched:
    """A window without frames says nothing of the face, nor does one with a face in few frames,
    which may be a picture on the wall: what was counted is held."""
    old = state.watched
    usable_s = old.usable_s + 1 if is_usable((window,), settings) else 0
    faceless_s, unusable_s = old.faceless_s, old.unusable_s
    if window.frames:
        faceless_s += window.with_face == 0
        faceless_s *= 2 * window.with_face < window.frames
        unusable_s += usable_s == 0
    if usable_s >= settings.recovered_after_s or faceless_s >= settings.face_lost_low_s:
        unusable_s = 0
    skews = (*old.skews_ms, window.skew_ms)[-round(settings.skew_median_s) :]
    skew_ms = median_of(skews)
    skewed_s, unskewed_s = old.skewed_s, old.unskewed_s
    if skew_ms is not None:
        skewed_s = skewed_s + 1 if abs(skew_ms) > to_ms(settings.skew_limit_s) else 0
        unskewed_s = unskewed_s + 1 if abs(skew_ms) <= to_ms(settings.skew_clear_s) else 0
    return Watched(usable_s, faceless_s, unusable_s, skews, skewed_s, unskewed_s)


def median_of(skews: tuple[int | None, ...]) -> int | None:
    """
    >>> median_of((None, 40, 9000, 50)), median_of((None,))
    (50, None)
    """
    known = [skew for skew in skews if skew is not None]
    return median_low(known) if known else None


def _ticked(old: Host, now_ms: int, settings: SignalSettings) -> Host:
    """A host whose clock goes back begins to count anew."""
    is_first = old.tick_ms is None or now_ms < old.tick_ms
    heard_ms = now_ms if old.is_heard or is_first else old.heard_ms
    store_ms = now_ms if old.store_ms is None or is_first else old.store_ms
    host = Host(now_ms, heard_ms, old.flows_ms, False, old.is_failing, store_ms)
    if is_silent(host, settings):
        return replace(host, flows_ms=None)
    if old.is_heard and (old.flows_ms is None or is_first):
        return replace(host, flows_ms=now_ms)
    return host


def _since(begin_ms: int | None, now_ms: int | None) -> int:
    return 0 if begin_ms is None or now_ms is None else now_ms - begin_ms


# --- What begins, rises and ends ---------------------------------------------


@dataclass(frozen=True, slots=True)
class _Found:
    """How a condition stands: what it has reached, or that it is over, or neither."""

    rule: str
    priority: Priority  # NONE: nothing reached
    is_over: bool
    value: float | None
    limit: float | None
    unit: str = "s"


def _after(present: Present, found: _Found, at_ms: int, said: list[Said]) -> Present:
    """The conditions that are present now. What changed is added to `said`."""
    old: Priority = dict(present).get(found.rule, "NONE")
    new = max(old, found.priority, key=PRIORITIES.index)
    if found.is_over and found.priority == "NONE":
        new = "NONE"
    if new == old:
        return present
    changed = TechnicalChanged(found.rule, new != "NONE", new, found.value, found.limit, found.unit)
    said.append((at_ms, changed))
    others = tuple(pair for pair in present if pair[0] != found.rule)
    return others if new == "NONE" else (*others, (found.rule, new))


def _graded(
    rule: str, value_s: float, low_s: float, medium_s: float | None, *, is_over: bool
) -> _Found:
    value_s = float(value_s)  # as it is read back from a log
    if medium_s is not None and value_s >= medium_s:
        return _Found(rule, "MEDIUM", is_over, value_s, medium_s)
    return _Found(rule, "LOW" if value_s >= low_s else "NONE", is_over, value_s, low_s)


def _face_lost(watched: Watched, settings: SignalSettings) -> _Found:
    return _graded(
        "face-lost",
        watched.faceless_s,
        settings.face_lost_low_s,
        settings.face_lost_medium_s,
        is_over=watched.usable_s >= settings.recovered_after_s,
    )


def _not_observable(watched: Watched, state: Technical, settings: SignalSettings) -> _Found:
    """Not while the face is lost: that is told already."""
    unusable_s = 0 if state.is_present("face-lost") else watched.unusable_s
    is_over = watched.usable_s >= settings.recovered_after_s
    return _graded("not-observable", unusable_s, settings.not_observable_s, None, is_over=is_over)


def _clock_skew(watched: Watched, settings: SignalSettings) -> _Found:
    skew_ms = median_of(watched.skews_ms)
    return _Found(
        "clock-skew",
        "LOW" if watched.skewed_s >= settings.skew_for_s else "NONE",
        watched.unskewed_s >= settings.skew_for_s,
        None if skew_ms is None else skew_ms / 1000,
        settings.skew_limit_s,
    )


def _stalled(host: Host, now_ms: int, settings: SignalSettings) -> _Found:
    flows_s = -1.0 if host.flows_ms is None else _since(host.flows_ms, now_ms) / 1000
    return _graded(
        "stalled",
        _since(host.heard_ms, now_ms) / 1000,
        settings.stalled_low_s,
        settings.stalled_medium_s,
        is_over=flows_s >= settings.recovered_after_s,
    )


def _store_failing(host: Host, now_ms: int, settings: SignalSettings) -> _Found:
    lasts_s = _since(host.store_ms, now_ms) / 1000
    return _graded(
        "store-failing",
        lasts_s if host.is_failing else 0.0,
        settings.stalled_low_s,
        settings.stalled_medium_s,
        is_over=not host.is_failing and lasts_s >= settings.recovered_after_s,
    )
