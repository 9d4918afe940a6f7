"""The watch with one of its rules taken away, and with Concern's limit or delay moved.

Conditions are begun and ended anew on scores that the whole watch gave, so that nothing else
differs; without a baseline the scores are given anew as well. An alarm that has none of this, a
bare threshold on the same signal, stands beside.

Shapes: N seconds of a stay, each by its end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from mien.evaluation.alarm_bed import ABSENT, SECOND_MS, Change, Seen
from mien.risk import appraisal, conditions
from mien.risk.events import Body, ConditionChanged, Event, Said, Scored, SignalChanged
from mien.risk.settings import ConditionSettings, WatchSettings

WHOLE, NO_DELAY, NO_HYSTERESIS, NO_BASELINE = "whole", "no delay", "no hysteresis", "no baseline"
RULES = ("watch", "sustained", "concern")
NEVER_S = 1e12
LIMITS = (2, 3, 4, 5, 6, 7, 8, 9)  # scores from which Concern is raised, 5 as specified
DELAYS_S = (0.0, 5.0, 10.0, 20.0, 30.0, 45.0)  # for so long, 20 as specified
BARE_DEVIATIONS = 2.0
LEARNS_S = 1800  # of usable seconds, as the watch does


def ablated() -> dict[str, WatchSettings]:
    """Each rule taken away from the specified settings, the others left as they are.

    Delay is what a condition must last before it is raised; hysteresis is all that keeps it from
    ending as soon as the score is below the limit that raised it: a lower limit, for half a minute.
    """
    whole = WatchSettings()
    at_once = {f"{rule}_raise_s": 0.0 for rule in RULES}
    one_limit = {f"{rule}_clear": getattr(whole.conditions, f"{rule}_raise") - 1 for rule in RULES}
    one_limit |= {f"{rule}_clear_s": 0.0 for rule in RULES}
    return {
        NO_DELAY: with_conditions(at_once),
        NO_HYSTERESIS: with_conditions(one_limit),
        NO_BASELINE: WatchSettings(
            appraisal=whole.appraisal.model_copy(update={"learn_s": NEVER_S})
        ),
    }


def limited(limit: int) -> WatchSettings:
    """Concern from another score on; the distance to its clearing stays."""
    whole = ConditionSettings()
    apart = whole.concern_raise - whole.concern_clear
    return with_conditions({"concern_raise": limit, "concern_clear": max(limit - apart, 0)})


def delayed(raise_s: float) -> WatchSettings:
    """Concern after another delay."""
    return with_conditions({"concern_raise_s": raise_s})


def with_conditions(changed: Mapping[str, float]) -> WatchSettings:
    return WatchSettings(conditions=ConditionSettings().model_copy(update=dict(changed)))


def single_3_raises(limit: int) -> bool:
    """A single 3 stands for a score of 5: where more is asked, it is not enough by itself."""
    return limit <= ConditionSettings().concern_raise


def conditions_on(
    seen: Seen, settings: WatchSettings, *, with_single_3: bool = True
) -> tuple[Change, ...]:
    """What other settings make of the scores that were given.

    While nothing is present and no timer runs, seconds that ask for nothing change nothing: they
    are passed over, which is most of a day.
    """
    single = seen.has_single_3 & with_single_3
    least = min(getattr(settings.conditions, f"{rule}_raise") for rule in RULES)
    asks = (seen.score >= least) | single
    state, found, second = _begun(settings), list[Change](), 0
    while second < len(asks):
        if _is_at_rest(state) and not asks[second]:
            ahead = asks[second:]
            second += int(ahead.argmax()) if ahead.any() else len(ahead)
            continue
        score = int(seen.score[second])
        scored = Scored(None if score == ABSENT else score, (), bool(single[second]), 1.0, "READY")
        second += 1
        state, said = conditions.step(state, _event(second * SECOND_MS, scored), settings)
        found += changes_of(said)
    return tuple(found)


def rescored(windows: Iterable[Said], settings: WatchSettings) -> tuple[Change, ...]:
    """What other settings make of the windows, from the appraisal on."""
    timers, state, found = _begun(settings), appraisal.initial(), list[Change]()
    for at_ms, window in windows:
        state, said = appraisal.step(state, _event(at_ms, window), settings)
        for when_ms, body in said:
            if not isinstance(body, Scored):
                continue
            timers, changed = conditions.step(timers, _event(when_ms, body), settings)
            found += changes_of(changed)
            for one_ms, change in changed:
                state, _ = appraisal.step(state, _event(one_ms, change), settings)
    return tuple(found)


def changes_of(said: Iterable[Said]) -> list[Change]:
    return [
        Change(at_ms / SECOND_MS, body.rule, body.is_present, body.priority)
        for at_ms, body in said
        if isinstance(body, ConditionChanged)
    ]


def bare_alarms(p: np.ndarray, *, deviations: float = BARE_DEVIATIONS) -> int:
    """How often a bare limit is passed: the mean and 2 standard deviations of P's first half hour.

    p: (N,) of single seconds, NaN where there is none; across such a gap the alarm goes on.
    """
    usable = p[~np.isnan(p)]
    if len(usable) <= LEARNS_S:
        return 0
    known = usable[:LEARNS_S]
    is_high = usable[LEARNS_S:] > known.mean() + deviations * known.std()
    return int((is_high & ~np.concatenate([[False], is_high[:-1]])).sum())


def _begun(settings: WatchSettings) -> conditions.Conditions:
    """The signal is live throughout: a score that is absent says enough."""
    live = _event(0, SignalChanged("LIVE"))
    return conditions.step(conditions.initial(), live, settings)[0]


def _is_at_rest(state: conditions.Conditions) -> bool:
    return all(one.for_ms is None and not one.is_present for one in state.each)


def _event(at_ms: int, body: Body) -> Event:
    return Event("", 0, at_ms, at_ms, "", body)
