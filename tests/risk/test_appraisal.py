"""The Appraisal machine: windows in, a score a second with its reasons out."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from mien.risk.action_units import REGIONS
from mien.risk.appraisal import Appraisal, initial, quantile, step
from mien.risk.events import (
    BaselineChanged,
    Body,
    ConditionChanged,
    Event,
    LearningRestarted,
    Said,
    Scored,
    SignalChanged,
    Term,
    Tick,
    WindowClosed,
    to_line,
)
from mien.risk.quality import quality_of
from mien.risk.settings import AppraisalSettings, WatchSettings

SETTINGS = WatchSettings()
QUICK = WatchSettings(appraisal=AppraisalSettings(learn_s=60))  # a baseline after a minute
STILL = tuple(0.1 * place for place in range(len(REGIONS)))

Fed = tuple[Appraisal, list[Said]]


def window(p: float | None = 0.0, **changed: object) -> WindowClosed:
    good = WindowClosed(10, 10, 10, 0.0, 0, (0.0,) * 6, False, p, 0.1, None, STILL)
    return replace(good, **changed)  # type: ignore[arg-type]


TURNED = window(None, in_pose=0, r=None, action_units=None, regions=None)  # a face, unusable
NO_FACE = replace(TURNED, with_face=0, jitter=None)


def event(body: Body, at_ms: int) -> Event:
    return Event("a", 1, at_ms, at_ms, "c", body)


def feed(
    state: Appraisal,
    windows: Iterable[WindowClosed],
    rules: WatchSettings = SETTINGS,
    *,
    after_s: int = 0,
) -> Fed:
    """One window a second, the first `after_s` seconds later than next."""
    said: list[Said] = []
    at_ms = (state.at_ms or 0) + 1000 * after_s
    for body in windows:
        at_ms += 1000
        state, new = step(state, event(body, at_ms), rules)
        said += new
    return state, said


def told(state: Appraisal, body: Body, rules: WatchSettings = SETTINGS) -> Appraisal:
    return step(state, event(body, state.at_ms or 0), rules)[0]


def scores(said: list[Said]) -> list[Scored]:
    return [body for _, body in said if isinstance(body, Scored)]


def terms(scored: Scored) -> dict[str, Term]:
    return {term.name: term for term in scored.terms}


def ready(p: float = 0.0, rules: WatchSettings = QUICK, **changed: object) -> Appraisal:
    state, _ = feed(initial(), [window(p, **changed)] * 65, rules)
    assert state.own.is_ready
    return state


# --- When there is a score ----------------------------------------------------


def test_the_first_score_comes_once_six_of_ten_seconds_were_seen() -> None:
    _, said = feed(initial(), [window(3.0)] * 10)
    assert [score.score for score in scores(said)] == [None] * 5 + [1] * 5
    assert [score.quality for score in scores(said)][:6] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


def test_an_absent_score_has_no_terms_and_is_not_zero() -> None:
    state, _ = feed(initial(), [window(9.0)] * 10)
    _, said = feed(state, [NO_FACE] * 10)
    last = scores(said)[-1]
    assert (last.score, last.terms, last.has_single_3) == (None, (), False)
    assert last.quality == 0


def test_seconds_without_a_face_are_left_out_of_the_features_not_counted_as_calm() -> None:
    state, _ = feed(initial(), [window(6.0)] * 10)
    _, said = feed(state, [NO_FACE] * 4)
    assert [terms(score)["P"].value for score in scores(said)] == [6.0] * 4
    _, said = feed(state, [NO_FACE] * 5)
    assert scores(said)[-1].score is None


def test_seconds_that_never_came_count_as_seconds_without_a_frame() -> None:
    state, _ = feed(initial(), [window(6.0)] * 10)
    jumped = feed(state, [window(6.0)] * 8, after_s=5)
    empty = replace(NO_FACE, frames=0, skew_ms=None)
    padded = feed(feed(state, [empty] * 5)[0], [window(6.0)] * 8)
    assert jumped[1] == padded[1]
    # But for the first seconds of the gap, which were usable by what came before them.
    assert padded[0].own.learnt_s == jumped[0].own.learnt_s + 4
    assert replace(jumped[0], own=padded[0].own) == padded[0]
    assert scores(jumped[1])[0].score is None and scores(jumped[1])[-1].score is not None


def test_after_a_day_without_a_stream_the_first_score_is_of_what_is_seen_now() -> None:
    state, _ = feed(initial(), [window(9.0)] * 200)
    _, said = feed(state, [window(0.0)] * 10, after_s=86_400)
    found = scores(said)
    assert [score.score for score in found] == [None] * 5 + [0] * 5
    assert terms(found[-1])["E"].value is None


def test_a_window_that_is_told_twice_or_late_changes_nothing() -> None:
    state, _ = feed(initial(), [window(6.0)] * 10)
    assert state.at_ms is not None
    for at_ms in (state.at_ms, state.at_ms - 3000):
        assert step(state, event(window(0.0), at_ms), SETTINGS) == (state, [])


def test_events_that_are_not_the_machines_own_change_nothing() -> None:
    state, _ = feed(initial(), [window(6.0)] * 10)
    sustained = ConditionChanged("sustained", True, "LOW")
    for body in (Tick(), sustained, SignalChanged("LIVE")):
        assert step(state, event(body, 99_000), SETTINGS) == (state, [])


# --- Terms, from windows ------------------------------------------------------


@given(st.lists(st.floats(0, 16), min_size=1, max_size=12), st.floats(0.01, 0.99))
def test_the_upper_quartile_is_numpys(values: list[float], share: float) -> None:
    assert quantile(values, share) == pytest.approx(np.quantile(values, share))


def test_a_grimace_of_two_seconds_is_not_the_upper_quartile_of_ten() -> None:
    state, _ = feed(initial(), [window(0.0)] * 10)
    _, said = feed(state, [window(12.0)] * 2 + [window(0.0)] * 8)
    assert max(score.score or 0 for score in scores(said)) == 0
    _, said = feed(state, [window(12.0)] * 4)
    assert scores(said)[-1].score == 3


def test_while_learning_the_terms_of_own_baseline_are_absent_and_the_score_says_so() -> None:
    _, said = feed(initial(), [window(7.0, r=5.0)] * 100)
    last = scores(said)[-1]
    assert last.baseline == "LEARNING"
    assert [terms(last)[name].value for name in "BRC"] == [None] * 3
    assert [terms(last)[name].weight for name in "BRC"] == [0] * 3
    assert last.has_single_3 and last.regions == ()


def test_what_is_above_own_baseline_counts_and_what_is_usual_does_not() -> None:
    state = ready(4.0)
    usual = scores(feed(state, [window(4.0)] * 10, QUICK)[1])[-1]
    assert (terms(usual)["P"].weight, terms(usual)["B"].weight) == (2, 0)
    above = scores(feed(state, [window(5.5)] * 10, QUICK)[1])[-1]
    assert terms(above)["B"].value == 3.0  # 1.5 above, in deviations of at least .5
    assert (terms(above)["B"].weight, above.baseline) == (2, "READY")


def test_a_strong_face_that_is_usual_for_this_person_is_no_single_three() -> None:
    state = ready(7.0)
    usual = scores(feed(state, [window(7.0)] * 10, QUICK)[1])[-1]
    assert terms(usual)["P"].weight == 3 and not usual.has_single_3
    above = scores(feed(state, [window(8.0)] * 10, QUICK)[1])[-1]
    assert above.has_single_3


def test_restlessness_counts_against_own_baseline() -> None:
    state = ready(r=0.1)
    for r, weight in ((0.3, 0), (0.45, 1), (0.75, 2)):
        found = scores(feed(state, [window(r=r)] * 10, QUICK)[1])[-1]
        assert terms(found)["R"].weight == weight, r
    unmeasured = scores(feed(state, [window(r=None)] * 10, QUICK)[1])[-1]
    assert terms(unmeasured)["R"].value is None and unmeasured.score == 0


def test_expression_needs_two_usable_minutes_of_the_last_five() -> None:
    def share(windows: list[WindowClosed]) -> float | None:
        return terms(scores(feed(initial(), windows)[1])[-1])["E"].value

    # The first 5 s of a stream are not usable yet.
    assert share([window(3.0)] * 124) is None
    assert share([window(3.0)] * 125) == 1.0
    assert share([window(3.0)] * 5 + [window(0.0)] * 300) == 0.0
    assert share([window(2.0)] * 130) == 1.0 and share([window(1.99)] * 130) == 0.0
    assert share([window(0.0)] * 270 + [window(3.0)] * 30) == pytest.approx(0.1, abs=0.01)
    # A gap: of its last 5 min only 60 + 54 s were usable, then 60 + 60.
    broken = [window(0.0)] * 200 + [NO_FACE] * 180
    assert share(broken + [window(3.0)] * 65) is None
    assert share(broken + [window(3.0)] * 125) == 1.0


def negative_weights(windows: Iterable[WindowClosed]) -> list[int | None]:
    """The weights of N; None: absent, or no score."""
    found = [terms(scored).get("N") for scored in scores(feed(initial(), windows)[1])]
    return [None if term is None or term.value is None else term.weight for term in found]


PAUSED = SignalChanged("PAUSED")
CONCERN = ConditionChanged("concern", True, "MEDIUM")
NEGATIVE, POSITIVE = window(2.0, negative=0.9), window(2.0, negative=0.1)


def test_a_negative_state_counts_from_its_thirtieth_second() -> None:
    weights = negative_weights([POSITIVE] * 10 + [NEGATIVE] * 60)
    first = weights.index(1)
    assert 39 <= first <= 43  # the state turns within a few seconds
    assert set(weights[first:]) == {1}


def test_one_second_otherwise_does_not_end_a_negative_state() -> None:
    weights = negative_weights([NEGATIVE] * 40 + [POSITIVE] + [NEGATIVE] * 10)
    assert set(weights[36:]) == {1}


def test_without_a_model_the_negative_state_is_absent() -> None:
    assert set(negative_weights([window(2.0)] * 60)) == {None}


UNKNOWN = window(2.0, negative=None)  # a good face, of which the model said nothing


@pytest.mark.parametrize(("gap_s", "weight"), [(0, 1), (4, 1), (9, 1), (10, 0), (12, 0)])
def test_a_negative_state_is_held_over_a_short_gap_and_lost_over_a_long_one(
    gap_s: int, weight: int
) -> None:
    weights = negative_weights([NEGATIVE] * 40 + [UNKNOWN] * gap_s + [NEGATIVE])
    assert weights[-1] == weight
    assert weights[-2] == (None if gap_s >= 10 else 1)  # within the gap


def test_a_probability_of_just_one_half_is_a_negative_state() -> None:
    assert negative_weights([window(2.0, negative=0.5)] * 40)[-1] == 1


def test_what_was_known_of_a_negative_state_fades_over_a_gap() -> None:
    state, _ = feed(initial(), [NEGATIVE] * 40)
    known = state.negative.probability
    for jump_s in (0, 30, 300):
        after, _ = feed(state, [replace(NO_FACE, frames=0)], after_s=jump_s)
        faded = 0.5 + (known - 0.5) * 0.98 ** (jump_s + 1)
        assert after.negative.probability == pytest.approx(faded)


def test_a_slow_rise_fires_and_counts_for_ten_minutes() -> None:
    state = told(ready(2.0), CONCERN)  # so that nothing more is learnt
    # 1.8 deviations: each minute is 1.3 above the allowance, and the seventh reaches 8.
    found = scores(feed(state, [window(2.9)] * 420 + [window(2.0)] * 900, QUICK)[1])
    fired = [second for second, scored in enumerate(found, 1) if terms(scored)["C"].weight]
    assert fired == list(range(420, 1020))
    value = terms(found[430])["C"].value
    assert value is not None and value == pytest.approx(9.1, abs=0.2)


def test_a_pause_feeds_no_sum() -> None:
    state = told(told(ready(2.0), CONCERN), PAUSED)
    state, _ = feed(state, [window(9.0)] * 130, QUICK)
    assert state.rise == initial().rise


def test_a_person_who_talks_as_much_as_before_does_not_rise() -> None:
    talking = [window(4.0)] * 20 + [window(0.0)] * 40
    state, _ = feed(initial(), talking * 31)
    assert state.own.is_ready
    found = scores(feed(state, talking * 120)[1])
    assert max(terms(scored)["C"].value or 0 for scored in found) < 1


def test_the_sum_of_a_rise_is_seen_while_it_grows() -> None:
    state = told(ready(2.0), CONCERN)
    found = scores(feed(state, [window(2.9)] * 200, QUICK)[1])
    values = [terms(scored)["C"].value or 0.0 for scored in found]
    assert values == sorted(values) and 3 < values[-1] < 8


def test_a_minute_that_is_broken_off_is_not_part_of_the_sum() -> None:
    state = told(ready(2.0), CONCERN)
    for _ in range(4):
        state, _ = feed(state, [window(2.9)] * 50 + [NO_FACE] * 30, QUICK)
    assert state.rise.cusum.level == 0 and state.rise.cusum.block_count > 0


@given(st.integers(0, 4), st.floats(0, 5), st.booleans())
@settings(deadline=None, max_examples=20)
def test_a_smile_never_subtracts(unit: int, smile: float, is_speaking: bool) -> None:
    """What else a face does, P apart, is not looked at."""
    units = tuple(smile if place == unit else 0.0 for place in range(6))
    plain = feed(initial(), [window(5.0)] * 20)[1]
    smiling = [window(5.0, action_units=units, mouth_is_speaking=is_speaking)] * 20
    assert feed(initial(), smiling)[1] == plain


def test_the_regions_that_moved_most_are_named_beside_a_score_only() -> None:
    state = ready()
    moved = tuple(
        place + (0.2 if name == "left brow" else 0.0)
        for place, name in zip(STILL, REGIONS, strict=True)
    )
    raised = scores(feed(state, [window(5.0, regions=moved)] * 10, QUICK)[1])[-1]
    assert raised.regions[0][0] == "left brow" and len(raised.regions) == 3
    unmeasured = ready(regions=None)
    assert scores(feed(unmeasured, [window(5.0, regions=None)] * 9, QUICK)[1])[-1].regions == ()
    calm = scores(feed(state, [window(0.0, regions=moved)] * 10, QUICK)[1])[-1]
    assert calm.score == 0 and calm.regions == ()


# --- Learning -----------------------------------------------------------------


def test_a_baseline_is_ready_after_thirty_usable_minutes_and_is_said_to_be_once() -> None:
    state, said = feed(initial(), [window(1.0)] * 1804)
    assert not state.own.is_ready
    state, said = feed(state, [window(1.0)] * 5)
    changes = [(at, body) for at, body in said if isinstance(body, BaselineChanged)]
    assert changes == [(1_805_000, BaselineChanged("READY"))]  # 5 s were not usable
    assert [scored.baseline for scored in scores(said)] == ["LEARNING"] + ["READY"] * 4


def test_unusable_seconds_are_not_learnt() -> None:
    state, _ = feed(initial(), [window(1.0)] * 15)
    known = state.own.learnt_s
    state, _ = feed(state, [TURNED] * 100)
    assert state.own.learnt_s == known + 4  # until quality fell below .6


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        (
            CONCERN,
            ConditionChanged("concern", False, "MEDIUM"),
        ),
        (PAUSED, SignalChanged("LIVE")),
    ],
)
def test_nothing_is_learnt_while_concern_is_present_or_the_watch_is_paused(
    begins: Body, ends: Body
) -> None:
    state = ready()
    held, said = feed(told(state, begins), [window(9.0)] * 300, QUICK)
    assert held.own == state.own
    assert all(scored.score is not None for scored in scores(said))  # it is scored all the same
    assert feed(told(held, ends), [window(9.0)], QUICK)[0].own != state.own


def test_learning_anew_forgets_the_baseline_and_the_sum_counted_from_it() -> None:
    state = told(ready(2.0), CONCERN)
    state, _ = feed(state, [window(2.9)] * 500, QUICK)
    assert state.rise.fired_ms is not None
    asked = event(LearningRestarted("ann"), 999_000)
    anew, said = step(state, asked, QUICK)
    assert said == [(999_000, BaselineChanged("LEARNING"))]
    assert anew.own == initial().own and anew.rise == initial().rise
    last = scores(feed(anew, [window(2.9)], QUICK)[1])[-1]
    assert last.baseline == "LEARNING" and terms(last)["P"].value == 2.9
    assert terms(last)["E"].value is not None  # what needs no baseline goes on


# --- Laws ---------------------------------------------------------------------


@st.composite
def any_windows(draw: st.DrawFn) -> WindowClosed:
    frames = draw(st.sampled_from([0, 3, 8, 10, 10, 10, 10]))
    with_face = draw(st.sampled_from([frames, frames, frames, frames // 2, 0]))
    in_pose = draw(st.sampled_from([with_face, with_face, with_face, with_face // 2, 0]))
    is_seen = in_pose > 0
    return WindowClosed(
        frames=frames,
        with_face=with_face,
        in_pose=in_pose,
        jitter=draw(st.sampled_from([0.0, 0.005])) if with_face else None,
        skew_ms=0,
        action_units=(0.0,) * 6 if is_seen else None,
        mouth_is_speaking=draw(st.booleans()),
        p=draw(st.floats(0, 16)) if is_seen else None,
        r=draw(st.none() | st.floats(0, 5)) if is_seen else None,
        negative=draw(st.none() | st.floats(0, 1)) if is_seen else None,
        regions=STILL if is_seen else None,
    )


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """Stretches of one window each, with jumps in time, and what else the machine reads."""
    found: list[Event] = []
    at_ms = 0
    others = st.sampled_from(
        [
            CONCERN,
            ConditionChanged("concern", False, "MEDIUM"),
            SignalChanged("PAUSED"),
            SignalChanged("LIVE"),
            LearningRestarted("ann"),
        ]
    )
    for _ in range(draw(st.integers(1, 12))):
        body = draw(any_windows())
        for _ in range(draw(st.integers(1, 40))):
            at_ms += 1000
            found.append(event(body, at_ms))
        at_ms += 1000 * draw(st.sampled_from([0, 0, 0, 1, 5, 30, 400]))
        if draw(st.booleans()):
            found.append(event(draw(others), at_ms))
    return found


VERY_QUICK = WatchSettings(appraisal=AppraisalSettings(learn_s=20, e_least_s=20, c_block_s=5))


def run(state: Appraisal, stream: Iterable[Event]) -> Fed:
    said: list[Said] = []
    for one in stream:
        state, new = step(state, one, VERY_QUICK)
        said += new
    return state, said


def lines(said: list[Said]) -> str:
    return "\n".join(to_line(event(body, at_ms)) for at_ms, body in said)


@given(streams())
@settings(deadline=None, max_examples=40)
def test_a_score_is_absent_exactly_when_quality_is_too_low_and_else_the_sum_of_its_terms(
    stream: list[Event],
) -> None:
    _, said = run(initial(), stream)
    windows = [one for one in stream if isinstance(one.body, WindowClosed)]
    assert len(scores(said)) == len(windows)
    for scored in scores(said):
        assert (scored.score is None) == (scored.quality < 0.6)
        if scored.score is not None:
            assert scored.score == sum(term.weight for term in scored.terms)
            is_ready = scored.baseline == "READY"
            assert is_ready == (terms(scored)["B"].value is not None)


@given(streams())
@settings(deadline=None, max_examples=40)
def test_quality_is_that_of_the_last_ten_seconds_windows_or_none(stream: list[Event]) -> None:
    state, by_time = initial(), {}
    empty = replace(NO_FACE, frames=0, skew_ms=None)
    for one in stream:
        state, said = step(state, one, VERY_QUICK)
        if isinstance(one.body, WindowClosed):
            by_time[one.event_time_ms] = one.body
            last = range(one.event_time_ms - 9000, one.event_time_ms + 1, 1000)
            wanted = quality_of([by_time.get(at, empty) for at in last], SETTINGS.signal)
            assert scores(said)[0].quality == pytest.approx(wanted, abs=1e-6)


@given(streams(), st.data())
@settings(deadline=None, max_examples=40)
def test_the_same_windows_give_the_same_bytes_through_a_restart_too(
    stream: list[Event], data: st.DataObject
) -> None:
    adapter = TypeAdapter(Appraisal)
    whole = lines(run(initial(), stream)[1])
    assert lines(run(initial(), stream)[1]) == whole
    cut = data.draw(st.integers(0, len(stream)))
    half, before = run(initial(), stream[:cut])
    again = adapter.validate_json(adapter.dump_json(half))
    assert again == half
    assert lines(before + run(again, stream[cut:])[1]) == whole


@given(streams())
@settings(deadline=None, max_examples=30)
def test_a_step_leaves_the_state_it_was_given_as_it_was(stream: list[Event]) -> None:
    adapter, state = TypeAdapter(Appraisal), initial()
    for one in stream:
        before = adapter.dump_json(state)
        after, _ = step(state, one, VERY_QUICK)
        assert adapter.dump_json(state) == before
        state = after


def a_day(seed: int) -> Iterator[WindowClosed]:
    """86,400 windows: rest and expressions, restlessness, a turned head, a face that goes."""
    chance = np.random.default_rng(seed)
    kinds = chance.choice(4, size=1440, p=[0.8, 0.1, 0.05, 0.05])
    for kind in kinds:
        p = np.clip(chance.normal([0.5, 5.0, 0, 0][kind], 0.6, 60), 0, 16).round(4).tolist()
        r = chance.gamma(2, 0.05, 60).round(4).tolist()
        negative = chance.beta(2, 5, 60).round(4).tolist()
        moved = (chance.normal(0, 0.01, (60, len(REGIONS))) + STILL).round(4).tolist()
        for second in range(60):
            if kind >= 2:
                yield TURNED if kind == 2 else NO_FACE
                continue
            yield window(
                p[second], r=r[second], negative=negative[second], regions=tuple(moved[second])
            )


@pytest.mark.slow
def test_a_day_takes_bounded_memory_and_little_time(capsys: pytest.CaptureFixture[str]) -> None:
    state, adapter, sizes, spent_s = initial(), TypeAdapter(Appraisal), [], 0.0
    windows = list(a_day(0))
    for start in range(0, len(windows), 3600):
        began = time.process_time()
        state, _ = feed(state, windows[start : start + 3600])
        spent_s += time.process_time() - began
        sizes.append(len(adapter.dump_json(state)))
    with capsys.disabled():
        each_us = 1e6 * spent_s / len(windows)
        print(f"\n{len(windows)} windows: {each_us:.0f} µs each, state {max(sizes)} bytes of JSON")
    assert max(sizes) < 64_000
    assert sizes[-1] < 1.5 * sizes[2]  # no longer than after three hours
    assert each_us < 1000
