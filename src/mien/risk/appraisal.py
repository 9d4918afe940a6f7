"""The Appraisal machine: one patient's windows to a score a second, with the reasons for it.

Features look back 10 s. Seconds in which no window came count as windows without a frame, those
before a stream began too: quality then says by itself when there is too little to go by, and the
first score comes once 6 of 10 s were seen. Below that quality nothing is remembered either:
what is kept over minutes (E, N, C, own baseline) takes in usable seconds alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from mien.risk.action_units import REGIONS
from mien.risk.baseline import OwnBaseline, Spread, learn, level, moved_most
from mien.risk.events import (
    Baseline,
    BaselineChanged,
    ConditionChanged,
    Event,
    LearningRestarted,
    Said,
    Scored,
    SignalChanged,
    WindowClosed,
)
from mien.risk.filters import Cusum, add_to_cusum, forward, without_block
from mien.risk.quality import quality_of
from mien.risk.settings import AppraisalSettings, WatchSettings
from mien.risk.terms import Measured, has_single_3, rounded, score_of, terms_of

NOTHING_SEEN = WindowClosed(
    frames=0,
    with_face=0,
    in_pose=0,
    jitter=None,
    skew_ms=None,
    action_units=None,
    mouth_is_speaking=False,
    p=None,
    r=None,
    negative=None,
    regions=None,
)


@dataclass(frozen=True, slots=True)
class Expressions:
    """The last minutes, a bit a second, the newest lowest. Each number has at most 300 bits."""

    usable: int = 0
    expressive: int = 0


@dataclass(frozen=True, slots=True)
class Negative:
    """The hidden state behind the model's posterior, and for how long it was likely."""

    probability: float = 0.5
    likely_s: int = 0
    seen_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Rise:
    """The slow sum of P, and when and at what level it fired."""

    cusum: Cusum = field(default_factory=Cusum)
    fed_ms: int | None = None
    fired_ms: int | None = None
    fired_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Appraisal:
    """What is remembered of one patient. Bounded: no day makes it larger than an hour."""

    at_ms: int | None = None  # the end of the newest window
    recent: tuple[WindowClosed, ...] = ()  # one of each of the last 10 s, oldest first
    own: OwnBaseline = field(default_factory=OwnBaseline)
    expressions: Expressions = Expressions()
    negative: Negative = Negative()
    rise: Rise = Rise()
    has_concern: bool = False
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class Features:
    """Of the last 10 s. p None: not usable, for its quality or since no face was measured."""

    quality: float
    p: float | None
    r: float | None


def initial() -> Appraisal:
    return Appraisal()


def step(state: Appraisal, event: Event, settings: WatchSettings) -> tuple[Appraisal, list[Said]]:
    """One event of this patient. Windows are scored; a window not after the last one is a double.

    Nothing is learnt while Concern is present or the watch is paused: what is seen then is not
    what is usual.
    """
    match event.body:
        case WindowClosed():
            if state.at_ms is not None and event.event_time_ms <= state.at_ms:
                return state, []
            return _window_scored(state, event.event_time_ms, event.body, settings)
        case ConditionChanged(rule="concern", is_present=is_present):
            return replace(state, has_concern=is_present), []
        case SignalChanged(signal=signal):
            return replace(state, is_paused=signal == "PAUSED"), []
        case LearningRestarted():
            return learn_anew(state, event.event_time_ms)
    return state, []


def learn_anew(state: Appraisal, at_ms: int) -> tuple[Appraisal, list[Said]]:
    """Forget what is usual, and the slow sum that was counted from it."""
    forgotten = replace(state, own=OwnBaseline(), rise=Rise())
    return forgotten, [(at_ms, BaselineChanged("LEARNING"))]


def _window_scored(
    state: Appraisal, at_ms: int, window: WindowClosed, settings: WatchSettings
) -> tuple[Appraisal, list[Said]]:
    rules = settings.appraisal
    passed = 1 if state.at_ms is None else max(1, (at_ms - state.at_ms) // 1000)
    recent = _with_window(state.recent, window, passed, _seconds(rules.feature_s))
    features = features_of(recent, settings)
    seen = NOTHING_SEEN if features.p is None else window
    state = Appraisal(
        at_ms=at_ms,
        recent=recent,
        own=state.own,
        expressions=_expressions_after(state.expressions, seen.p, state.own.p, passed, rules),
        negative=_negative_after(state.negative, seen, at_ms, passed, rules),
        rise=_rise_after(state, features.p, at_ms, rules),
        has_concern=state.has_concern,
        is_paused=state.is_paused,
    )
    said: list[Said] = [(at_ms, _scored(state, features, rules))]
    if features.p is None or state.has_concern or state.is_paused:
        return state, said
    own = learn(state.own, features.p, features.r, window.regions, rules)
    if own.is_ready and not state.own.is_ready:
        said.append((at_ms, BaselineChanged("READY")))
        state = replace(state, expressions=Expressions())  # what was usual counted among them
    return _with_own(state, own), said


def _with_own(state: Appraisal, own: OwnBaseline) -> Appraisal:
    """As dataclasses.replace, which takes several times as long, once a second and bed."""
    return Appraisal(
        state.at_ms,
        state.recent,
        own,
        state.expressions,
        state.negative,
        state.rise,
        state.has_concern,
        state.is_paused,
    )


def _with_window(
    recent: tuple[WindowClosed, ...], window: WindowClosed, passed: int, count: int
) -> tuple[WindowClosed, ...]:
    """One of each of the last `count` seconds; those that had none are filled in."""
    missing = (NOTHING_SEEN,) * min(passed - 1, count)
    known = recent or (NOTHING_SEEN,) * count
    return (*known, *missing, window)[-count:]


def features_of(recent: tuple[WindowClosed, ...], settings: WatchSettings) -> Features:
    """Quality, and the upper quartile of P and R over the windows in which there is one."""
    quality = rounded(quality_of(recent, settings.signal))
    if quality < settings.signal.usable_quality:
        return Features(quality, None, None)
    share = settings.appraisal.quantile
    return Features(
        quality=quality,
        p=quantile([window.p for window in recent if window.p is not None], share),
        r=quantile([window.r for window in recent if window.r is not None], share),
    )


def quantile(values: Iterable[float], share: float) -> float | None:
    """As numpy's: between the two nearest, in proportion. None of nothing.

    >>> quantile([0.0, 4.0, 1.0], 0.75)
    2.5
    """
    rising = sorted(values)
    if not rising:
        return None
    below, part = divmod(share * (len(rising) - 1), 1)
    low = rising[int(below)]
    return low + part * (rising[int(below) + 1] - low) if part else low


def _expressions_after(
    known: Expressions, p: float | None, own: Spread | None, passed: int, rules: AppraisalSettings
) -> Expressions:
    kept = (1 << _seconds(rules.e_over_s)) - 1
    shift = min(passed, kept.bit_length())
    return Expressions(
        ((known.usable << shift) | (p is not None)) & kept,
        ((known.expressive << shift) | _is_expressive(p, own, rules)) & kept,
    )


def _is_expressive(p: float | None, own: Spread | None, rules: AppraisalSettings) -> bool:
    """Whether there is much of P, and more than this face has at rest where that is known."""
    if p is None or p < rules.e_p:
        return False
    if own is None or p >= rules.e_strong_p:
        return True
    return rounded(own.deviations(level(p))) >= rules.e_deviations


def _share(known: Expressions, rules: AppraisalSettings) -> float | None:
    usable_s = known.usable.bit_count()
    return known.expressive.bit_count() / usable_s if usable_s >= rules.e_least_s else None


def _negative_after(
    known: Negative, seen: WindowClosed, at_ms: int, passed: int, rules: AppraisalSettings
) -> Negative:
    """Unseen seconds let the probability fade. The time it was likely is held, then lost."""
    probability = forward(known.probability, seen.negative, stay=rules.n_stay, seconds=passed)
    if seen.negative is None:
        return Negative(probability, known.likely_s, known.seen_ms)
    held_s = 0 if _is_stale(known.seen_ms, at_ms - 1000, rules) else known.likely_s
    is_likely = rounded(probability) >= rules.n_from
    return Negative(probability, held_s + 1 if is_likely else 0, at_ms)


def _is_stale(seen_ms: int | None, at_ms: int, rules: AppraisalSettings) -> bool:
    return seen_ms is None or at_ms - seen_ms >= 1000 * rules.hold_s


def _rise_after(state: Appraisal, p: float | None, at_ms: int, rules: AppraisalSettings) -> Rise:
    """A minute that is broken off for 10 s is begun anew; the sum itself waits."""
    rise, own = state.rise, state.own.p_means
    if p is None or own is None or state.is_paused:
        return rise
    is_broken = _is_stale(rise.fed_ms, at_ms - 1000, rules)
    cusum, fired_at = add_to_cusum(
        without_block(rise.cusum) if is_broken else rise.cusum,
        own.deviations(level(p)),
        block=_seconds(rules.c_block_s),
        k=rules.c_k,
        h=rules.c_h,
    )
    if fired_at is not None:
        return Rise(cusum, at_ms, at_ms, fired_at)
    return Rise(cusum, at_ms, rise.fired_ms, rise.fired_at)


def _scored(state: Appraisal, features: Features, rules: AppraisalSettings) -> Scored:
    baseline: Baseline = "READY" if state.own.is_ready else "LEARNING"
    if features.p is None:
        return Scored(None, (), False, features.quality, baseline)
    terms = terms_of(_measured(state, features, rules), rules)
    score = score_of(terms)
    return Scored(
        score=score,
        terms=terms,
        has_single_3=has_single_3(terms, is_learning=not state.own.is_ready),
        quality=features.quality,
        baseline=baseline,
        regions=_moved(state, rules) if score else (),
    )


def _moved(state: Appraisal, rules: AppraisalSettings) -> tuple[tuple[str, float], ...]:
    rows = [window.regions for window in state.recent if window.regions is not None]
    means = tuple(sum(column) / len(rows) for column in zip(*rows, strict=True))
    return moved_most(state.own, means, REGIONS, rules)


def _measured(state: Appraisal, features: Features, rules: AppraisalSettings) -> Measured:
    own, rise, at_ms = state.own, state.rise, state.at_ms or 0
    is_unseen = _is_stale(state.negative.seen_ms, at_ms, rules)
    has_fired = rise.fired_ms is not None and at_ms - rise.fired_ms < 1000 * rules.c_lasts_s
    return Measured(
        p=features.p,
        p_above=None if features.p is None else _above(own.p, level(features.p)),
        expressive_share=_share(state.expressions, rules),
        negative=None if is_unseen else state.negative.probability,
        negative_s=state.negative.likely_s,
        r_above=_above(own.r, features.r),
        risen=(rise.fired_at if has_fired else rise.cusum.level) if own.is_ready else None,
        has_fired=has_fired,
    )


def _above(own: Spread | None, value: float | None) -> float | None:
    return None if own is None or value is None else own.deviations(value)


def _seconds(setting_s: float) -> int:
    return max(1, round(setting_s))
