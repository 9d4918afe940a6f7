"""The Appraisal machine: windows in, a score a second with its reasons out."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.risk.action_units import CURVE, REGIONS
from mien.risk.appraisal import Appraisal, initial, quantile, step
from mien.risk.baseline import level
from mien.risk.events import (
    BaselineChanged,
    Body,
    ConditionChanged,
    LearningRestarted,
    SignalChanged,
    Tick,
    WindowClosed,
)
from tests.risk.windows import (
    NO_FACE,
    QUICK,
    SETTINGS,
    STILL,
    TURNED,
    event,
    feed,
    ready,
    scores,
    terms,
    told,
    window,
)

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


def raised(p: float, deviations: float) -> float:
    """P so far above a usual one, where the face is still enough for the least deviation."""
    return float((level(p) + deviations * SETTINGS.appraisal.least_deviation) ** CURVE)


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
    for deviations, weight in ((1.9, 0), (2.1, 1), (3.1, 2)):
        above = scores(feed(state, [window(raised(4.0, deviations))] * 10, QUICK)[1])[-1]
        assert terms(above)["B"].value == pytest.approx(deviations, abs=0.03)
        assert (terms(above)["B"].weight, above.baseline) == (weight, "READY")


def test_the_same_move_is_as_many_deviations_whatever_the_face_has_at_rest() -> None:
    """Units grow as the power 1.5 of a move, as far as there is one unit."""
    for rest in (0.0, 1.0, 3.5):
        moved = (rest ** (2 / 3) + 1.2) ** 1.5
        found = scores(feed(ready(rest), [window(moved)] * 10, QUICK)[1])[-1]
        assert terms(found)["B"].value == pytest.approx(2.4, abs=0.03)


def test_a_strong_face_that_is_usual_for_this_person_is_no_single_three() -> None:
    state = ready(7.0)
    usual = scores(feed(state, [window(7.0)] * 10, QUICK)[1])[-1]
    assert terms(usual)["P"].weight == 3 and not usual.has_single_3
    above = scores(feed(state, [window(raised(7.0, 2.1))] * 10, QUICK)[1])[-1]
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


def test_what_is_usual_is_no_expression_once_it_is_known() -> None:
    def share(state: Appraisal, p: float) -> float | None:
        return terms(scores(feed(state, [window(p)] * 300, QUICK)[1])[-1])["E"].value

    known = told(ready(2.0), CONCERN)  # so that nothing more is learnt
    assert share(known, 2.0) == 0.0
    assert share(known, raised(2.0, 1.7)) == 0.0 and share(known, 4.0) == 1.0
    quiet = told(ready(1.0), CONCERN)
    assert share(quiet, raised(1.0, 1.9)) == 0.0 and share(quiet, raised(1.0, 2.1)) == 1.0
    calm = told(ready(0.0), CONCERN)
    assert share(calm, 1.99) == 0.0 and share(calm, 2.0) == 1.0


def test_what_counted_while_nothing_was_known_of_the_usual_is_forgotten_with_that() -> None:
    learning, _ = feed(initial(), [window(3.0)] * 1800)
    assert not learning.own.is_ready and learning.expressions.expressive
    known, said = feed(learning, [window(3.0)] * 300)
    assert [body for _, body in said if isinstance(body, BaselineChanged)]
    shares = [terms(scored)["E"].value for scored in scores(said)]
    assert shares[0] == 1.0 and shares[60] is None and shares[-1] == 0.0


@pytest.mark.parametrize("rest", [0.0, 2.0, 3.0, 3.7])
def test_whatever_is_usual_a_lasting_p_of_4_is_a_low_and_of_6_a_medium(rest: float) -> None:
    limits = SETTINGS.conditions
    for p, least in ((4.0, limits.sustained_raise), (6.0, limits.concern_raise)):
        known, _ = feed(ready(rest), [window(rest)] * 300, QUICK)
        found = scores(feed(told(known, CONCERN), [window(p)] * 180, QUICK)[1])
        assert min(scored.score or 0 for scored in found[110:]) >= least


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
    risen = window(raised(2.0, 1.8))
    found = scores(feed(state, [risen] * 420 + [window(2.0)] * 900, QUICK)[1])
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
    found = scores(feed(state, [window(raised(2.0, 1.8))] * 200, QUICK)[1])
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
    risen = raised(2.0, 1.8)
    state, _ = feed(state, [window(risen)] * 500, QUICK)
    assert state.rise.fired_ms is not None
    asked = event(LearningRestarted("ann"), 999_000)
    anew, said = step(state, asked, QUICK)
    assert said == [(999_000, BaselineChanged("LEARNING"))]
    assert anew.own == initial().own and anew.rise == initial().rise
    last = scores(feed(anew, [window(risen)], QUICK)[1])[-1]
    assert last.baseline == "LEARNING" and terms(last)["P"].value == pytest.approx(risen)
    assert terms(last)["E"].value is not None  # what needs no baseline goes on
