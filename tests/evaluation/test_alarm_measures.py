"""What is found, missed and false, counted by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from mien.evaluation.alarm_bed import Change, onsets
from mien.evaluation.alarm_measures import found_after_s, good_seconds, watched
from mien.evaluation.alarm_results import detection, free_days, lost_faces, variant
from mien.evaluation.alarm_statistics import rate, share, worst_tenth
from mien.evaluation.alarm_variants import WHOLE, bare_alarms
from mien.recording.synthetic_stay_plan import Stretch
from tests.evaluation.alarm_streams import distress, patients, seen, stay

EPISODE = distress(2000.0, 60.0, 8.0)


def raised(at_s: float, rule: str = "concern", priority: str = "MEDIUM") -> Change:
    return Change(at_s, rule, True, priority)


@given(st.integers(1, 2000), st.data())
def test_a_share_has_the_interval_of_wilson_as_scipy_has_it(
    count: int, data: st.DataObject
) -> None:
    found = data.draw(st.integers(0, count))
    made = share(found, count)
    theirs = binomtest(found, count).proportion_ci(0.95, method="wilson")
    assert (made.low, made.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    assert 0 <= made.low <= made.value <= made.high <= 1


def test_of_150_episodes_two_may_be_missed_and_three_may_not() -> None:
    assert share(148, 150).low > 0.95 > share(147, 150).low


def test_a_share_of_none_is_undefined() -> None:
    assert math.isnan(share(0, 0).value)


@pytest.mark.parametrize(
    ("at_s", "after_s"),
    [
        (1999.0, None),  # it was there before
        (2000.0, 2.0),
        (2030.0, 32.0),
        (2073.0, 75.0),  # told 15 s after its end
        (2074.0, None),  # told 16 s after its end
    ],
)
def test_an_episode_is_credited_from_its_onset_until_15_s_after_its_end(
    at_s: float, after_s: float | None
) -> None:
    assert found_after_s(EPISODE, [raised(at_s)], ("concern",)) == after_s


def test_what_is_told_again_has_not_begun_again() -> None:
    before = [raised(1000.0), Change(1500.0, "concern", True, "MEDIUM"), raised(2010.0)]
    assert onsets(before, "concern") == [1000.0]
    assert found_after_s(EPISODE, before, ("concern",)) is None
    again = [before[0], Change(1600.0, "concern", False, "MEDIUM"), before[2]]
    assert onsets(again, "concern") == [1000.0, 2010.0]


def test_a_low_alarm_finds_a_weak_episode_and_no_strong_one() -> None:
    low = [raised(2040.0, "sustained", "LOW")]
    for p, is_found in ((8.0, False), (5.0, True)):
        one = stay(distress(2000.0, 60.0, p))
        counts = watched(one, seen(3600), {WHOLE: low}, source="windows", purpose="episodes",
                         bare=0)  # fmt: skip
        made = detection(counts.episodes, WHOLE, is_strong=p >= 6)
        assert (made.found.found, made.found.count) == (int(is_found), 1)


def test_a_machine_that_never_alarms_finds_nothing_and_is_never_wrong() -> None:
    found = watched(stay(EPISODE), seen(3600), {WHOLE: ()}, source="windows", purpose="episodes",
                    bare=0)  # fmt: skip
    nothing = watched(stay(patient=2), seen(3600), {WHOLE: ()}, source="windows", purpose="days",
                      bare=0)  # fmt: skip
    made = variant([found, nothing], WHOLE)
    assert made.strong.found.value == 0
    assert (made.false_mediums.value, made.worst_tenth) == (0, 0)
    assert made.false_mediums.high == pytest.approx(3.689 * 24, rel=0.01)  # an hour proves little
    assert free_days([found, nothing]).patients == 1


def test_an_alarm_that_is_always_on_finds_nothing() -> None:
    always = watched(stay(EPISODE), seen(3600), {WHOLE: (raised(5.0),)}, source="windows",
                     purpose="episodes", bare=0)  # fmt: skip
    made = detection(always.episodes, WHOLE, is_strong=True)
    assert (made.found.found, made.already_on) == (0, 1)
    assert always.mediums[WHOLE] == 1


def test_an_episode_that_was_not_well_seen_is_left_out() -> None:
    hidden = watched(stay(EPISODE), seen(3600, scored=False), {WHOLE: ()}, source="windows",
                     purpose="episodes", bare=0)  # fmt: skip
    made = detection(hidden.episodes, WHOLE, is_strong=True)
    assert (made.found.count, made.not_well_seen) == (0, 1)


def test_a_brief_grimace_is_no_episode() -> None:
    brief = stay(Stretch("grimace", 100.0, 108.0, 8.0), distress(2000.0, 44.0, 8.0))
    counts = watched(brief, seen(3600), {WHOLE: ()}, source="windows", purpose="days", bare=0)
    assert counts.episodes == []


def test_good_time_is_when_nothing_is_in_the_way() -> None:
    good = good_seconds(stay(minutes=1, views=(Stretch("dim", 10.5, 12.2),)))
    assert np.flatnonzero(~good).tolist() == [10, 11, 12]


def test_lost_faces_are_told_at_30_s_and_streams_at_10() -> None:
    made = lost_faces(patients())
    assert made.away.count == made.away_long.count == made.stalled.count == 2
    assert made.away.value == made.away_long.value == made.stalled.value == 1


def test_a_lost_face_that_is_told_a_second_too_late_is_not_told() -> None:
    one = stay(views=(Stretch("away", 100.0, 200.0),))
    for at_s, told in ((130.0, 1), (131.0, 0)):
        said = seen(3600)
        late = type(said)(**{**said.__dict__, "technical": (raised(at_s, "face-lost", "LOW"),)})
        counts = watched(one, late, {WHOLE: ()}, source="windows", purpose="days", bare=0)
        assert lost_faces([counts]).away.found == told


def test_the_worst_tenth_is_a_mean_over_whole_patients() -> None:
    day = 86_400.0
    assert worst_tenth([0] * 18 + [4, 6], [day] * 20) == 5
    assert worst_tenth([1, 3], [day, day / 2]) == 6


def test_a_rate_s_interval_is_over_patients_not_over_alarms() -> None:
    day = [86_400.0] * 10
    alike, of_one = rate([1] * 10, day), rate([10] + [0] * 9, day)
    assert alike.value == of_one.value == 1
    assert alike.high - alike.low < 0.01 < of_one.high - of_one.low


def test_a_bare_limit_fires_as_often_as_it_is_passed() -> None:
    known = np.tile([0.0, 1.0], 900)  # mean and deviation .5: the limit is 1.5
    assert bare_alarms(np.concatenate([known, [2, 2, 0, 2, 1.4, 1.6]])) == 3
    assert bare_alarms(np.concatenate([known, [2, np.nan, 2]])) == 1
    assert bare_alarms(known) == 0
