"""Scores to conditions of the patient, by timers with hysteresis.

A condition is raised by a score that asks for it for long enough and cleared by one that, for long
enough, no longer does; scores between the two limits ask for neither. While the score is absent
the timers hold; after 10 s of that they start anew, and what is present is held, marked unobserved.

Time is the stream's own, but for the age of vitals, which is counted on the host's ticks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from mien.risk.events import (
    ConditionChanged,
    Event,
    Level,
    Priority,
    Said,
    Scored,
    SignalChanged,
    Tick,
    VitalsGiven,
)
from mien.risk.settings import ConditionSettings, WatchSettings, to_ms

HOP_MS = 1000  # scores come once a second: none speaks for more than its own


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the specification's table. Its limits are the settings that begin with its name."""

    name: str
    priority: Priority
    setting: str = ""  # prefix in ConditionSettings; "": not on a timer
    a_single_3_raises: bool = False
    barred_by: str = ""  # the rule that ends this one, and keeps it from beginning
    needs: str = ""  # the rule without which this one is not, beside a high NEWS2


CONCERN = Rule("concern", "MEDIUM", "concern", a_single_3_raises=True)
SUSTAINED = Rule("sustained", "LOW", "sustained", barred_by="concern")
WATCH = Rule("watch", "NONE", "watch")
WITH_VITALS = Rule("concern-vitals", "HIGH", needs="concern")
TIMED = (CONCERN, SUSTAINED, WATCH)  # in this order: what bars comes before what it bars
RULES: dict[str, Rule] = {rule.name: rule for rule in (*TIMED, WITH_VITALS)}
PLACES = {name: at for at, name in enumerate(RULES)}


@dataclass(frozen=True, slots=True)
class Condition:
    """One rule's state. for_ms: how long the score has asked for a change; None: it does not."""

    is_present: bool = False
    for_ms: int | None = None
    onset_seq: int = 0  # of the event that raised it
    onset_ms: int = 0
    onset_tick_ms: int | None = None  # the tick before it, host time


NOTHING_YET = SignalChanged("NO_SIGNAL")


@dataclass(frozen=True, slots=True)
class Conditions:
    """Those of one patient, with what the timers must remember."""

    each: tuple[Condition, ...] = (Condition(),) * len(RULES)  # in the order of RULES
    signal: SignalChanged = NOTHING_YET  # a score without a live signal is none
    is_observed: bool = False  # whether there was a usable score within 10 s
    scored_ms: int | None = None  # the newest score, usable or not
    usable_ms: int | None = None  # the newest usable score
    is_fresh: bool = False  # whether one came since the last tick
    fresh_tick_ms: int = 0  # the tick that followed the newest usable score
    news2: int | None = None
    news2_ms: int = 0  # when it was taken, host time
    tick_ms: int | None = None


Stepped = tuple[Conditions, list[Said]]


def initial() -> Conditions:
    return Conditions()


def step(
    state: Conditions, event: Event, settings: WatchSettings, *, is_paused: bool = False
) -> Stepped:
    """Conditions after an event, and their transitions.

    is_paused: nothing is said of the signal meanwhile, so that scores are judged by themselves.
    """
    if isinstance(event.body, Scored):
        return _on_scored(state, event, settings, is_live=is_paused or _is_live(state))
    handle = _HANDLERS.get(type(event.body))
    return (state, []) if handle is None else handle(state, event, settings)


def condition(state: Conditions, rule: str) -> Condition:
    return state.each[PLACES[rule]]


def level_of(state: Conditions, *, is_paused: bool) -> Level:
    """What the bed's colour says. Nothing seen, nothing said: UNKNOWN, never CALM."""
    if is_paused or not state.is_observed:
        return "UNKNOWN"
    present = {rule for rule in RULES if condition(state, rule).is_present}
    if "concern" in present:
        return "CONCERN"
    return "WATCH" if present & {"watch", "sustained"} else "CALM"


def _is_live(state: Conditions) -> bool:
    return state.signal.signal == "LIVE"


def _on_scored(
    state: Conditions, event: Event, settings: WatchSettings, *, is_live: bool
) -> Stepped:
    assert isinstance(event.body, Scored)
    if event.body.score is None or not is_live:
        return _absent(state, event, settings)
    return _usable(state, event, event.body.score, settings)


def _absent(state: Conditions, event: Event, settings: WatchSettings) -> Stepped:
    now_ms = event.event_time_ms
    since_ms = state.usable_ms
    state = replace(state, scored_ms=now_ms)
    if since_ms is None or now_ms - since_ms < to_ms(settings.appraisal.hold_s):
        return state, []
    return _unobserved(state, now_ms)


def _unobserved(state: Conditions, time_ms: int) -> Stepped:
    """Nothing usable for so long that what is present is held. Timers see to themselves."""
    if not state.is_observed:
        return state, []
    state = replace(state, is_observed=False)
    return state, _seen(state, time_ms)


def _seen(state: Conditions, time_ms: int) -> list[Said]:
    """What is present, told again since it is seen no longer, or again."""
    return [
        (time_ms, ConditionChanged(rule.name, True, rule.priority, state.is_observed))
        for rule in RULES.values()
        if condition(state, rule.name).is_present
    ]


def _usable(state: Conditions, event: Event, score: int, settings: WatchSettings) -> Stepped:
    now_ms = event.event_time_ms
    hold_ms = to_ms(settings.appraisal.hold_s)
    if state.usable_ms is not None and now_ms - HOP_MS - state.usable_ms >= hold_ms:
        state = replace(state, each=tuple(replace(one, for_ms=None) for one in state.each))
    hop_ms = HOP_MS if state.scored_ms is None else min(now_ms - state.scored_ms, HOP_MS)
    was_observed = state.is_observed
    state = replace(state, is_observed=True, is_fresh=True, scored_ms=now_ms, usable_ms=now_ms)
    said = [] if was_observed else _seen(state, now_ms)
    for rule in TIMED:
        state = _timed(state, rule, event, hop_ms, settings.conditions, said)
    return _with_vitals(state, event, settings.conditions, said)


def _timed(
    state: Conditions,
    rule: Rule,
    event: Event,
    hop_ms: int,
    settings: ConditionSettings,
    said: list[Said],
) -> Conditions:
    """One rule's timer a second on; what it says is added to `said`."""
    assert isinstance(event.body, Scored) and event.body.score is not None
    now = condition(state, rule.name)
    if rule.barred_by and condition(state, rule.barred_by).is_present:
        return _set(state, rule, False, event, said)
    asks = (_asks_to_clear if now.is_present else _asks_to_raise)(event.body, rule, settings)
    if not asks:
        return state if now.for_ms is None else _put(state, rule, replace(now, for_ms=None))
    for_ms = 0 if now.for_ms is None else now.for_ms + hop_ms
    change = "clear" if now.is_present else "raise"
    if for_ms >= to_ms(getattr(settings, f"{rule.setting}_{change}_s")):
        return _set(state, rule, not now.is_present, event, said)
    return _put(state, rule, replace(now, for_ms=for_ms))


def _asks_to_raise(scored: Scored, rule: Rule, settings: ConditionSettings) -> bool:
    assert scored.score is not None
    limit: int = getattr(settings, f"{rule.setting}_raise")
    return scored.score >= limit or (rule.a_single_3_raises and scored.has_single_3)


def _asks_to_clear(scored: Scored, rule: Rule, settings: ConditionSettings) -> bool:
    assert scored.score is not None
    limit: int = getattr(settings, f"{rule.setting}_clear")
    return scored.score <= limit and not (rule.a_single_3_raises and scored.has_single_3)


def _set(
    state: Conditions, rule: Rule, is_present: bool, event: Event, said: list[Said]
) -> Conditions:
    """The rule as present or absent, its timer at rest; says so if that is a change."""
    now = condition(state, rule.name)
    if now.is_present == is_present:
        return state if now.for_ms is None else _put(state, rule, replace(now, for_ms=None))
    said.append((event.event_time_ms, ConditionChanged(rule.name, is_present, rule.priority)))
    if not is_present:
        return _put(state, rule, Condition())
    begun = Condition(True, None, event.seq, event.event_time_ms, state.tick_ms)
    return _put(state, rule, begun)


def _put(state: Conditions, rule: Rule, changed: Condition) -> Conditions:
    at = PLACES[rule.name]
    return replace(state, each=(*state.each[:at], changed, *state.each[at + 1 :]))


def _with_vitals(
    state: Conditions, event: Event, settings: ConditionSettings, said: list[Said]
) -> Stepped:
    """Ends at once with either of its two; begins only while the patient is seen."""
    wanted = condition(state, "concern").is_present and _is_high(state, settings)
    if wanted and not isinstance(event.body, Scored):
        wanted = condition(state, WITH_VITALS.name).is_present
    return _set(state, WITH_VITALS, wanted, event, said), said


def _is_high(state: Conditions, settings: ConditionSettings) -> bool:
    """Whether there is a NEWS2 of 7 or more that is under 4 h old, by the host's ticks."""
    if state.news2 is None or state.tick_ms is None:
        return False
    age_ms = state.tick_ms - state.news2_ms
    return state.news2 >= settings.news2_from and age_ms < to_ms(settings.news2_age_s)


def _on_vitals(state: Conditions, event: Event, settings: WatchSettings) -> Stepped:
    """The newest by when it was taken counts; one dated in the future was taken now."""
    assert isinstance(event.body, VitalsGiven)
    taken_ms = event.event_time_ms
    if state.tick_ms is not None:
        taken_ms = min(taken_ms, state.tick_ms + HOP_MS)
    if state.news2 is not None and taken_ms < state.news2_ms:
        return state, []
    state = replace(state, news2=event.body.news2, news2_ms=taken_ms)
    return _with_vitals(state, event, settings.conditions, [])


def _on_tick(state: Conditions, event: Event, settings: WatchSettings) -> Stepped:
    """A stream that has stopped says nothing, not even that: its silence shows on ticks."""
    now_ms = event.event_time_ms
    fresh_ms = now_ms if state.is_fresh else state.fresh_tick_ms
    state = replace(state, tick_ms=now_ms, is_fresh=False, fresh_tick_ms=fresh_ms)
    said: list[Said] = []
    if now_ms - fresh_ms >= to_ms(settings.appraisal.hold_s):
        state, said = _unobserved(state, now_ms)
    return _with_vitals(state, event, settings.conditions, said)


def _on_signal(state: Conditions, event: Event, settings: WatchSettings) -> Stepped:
    assert isinstance(event.body, SignalChanged)
    return replace(state, signal=event.body), []


_HANDLERS: dict[type, Callable[[Conditions, Event, WatchSettings], Stepped]] = {
    VitalsGiven: _on_vitals,
    Tick: _on_tick,
    SignalChanged: _on_signal,
}
