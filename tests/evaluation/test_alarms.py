"""Simulated patients through the whole watch and its variants."""

import pytest

from mien.errors import InputError
from mien.evaluation.alarm_bed import SECOND_MS, course, onsets, watched
from mien.evaluation.alarm_patients import (
    DEVELOPMENT,
    TEST,
    distressed,
    event_free,
    role_of,
)
from mien.evaluation.alarm_results import Variant
from mien.evaluation.alarm_variants import (
    NO_BASELINE,
    NO_DELAY,
    NO_HYSTERESIS,
    ablated,
    conditions_on,
    rescored,
)
from mien.evaluation.alarms import patients_of
from mien.recording.synthetic_stay_plan import Stretch
from mien.risk.events import Tick, WindowClosed
from mien.risk.settings import WatchSettings
from mien.risk.watch import configured
from tests.evaluation.alarm_streams import distress, patient, results, stay, windows

RULES = ("concern", "sustained", "watch")


def variants() -> dict[str, Variant]:
    return {one.name: one for one in results().ablated}


def test_no_patient_of_a_test_seed_is_a_development_patient() -> None:
    assert not set(DEVELOPMENT) & set(TEST)
    assert role_of(TEST.start) == "test"
    with pytest.raises(InputError, match="seed 60000 is neither"):
        role_of(60_000)


def test_nobody_is_watched_twice() -> None:
    every = event_free(1, 200, days_of_faces=3) + distressed(1, 30, of_faces=9)
    assert len({one.number for one in every}) == len(every)


def test_so_many_episodes_are_scripted_and_so_many_by_every_frame() -> None:
    plan = results().plan.model_copy(
        update={"days": 7, "days_of_faces": 2, "episodes": 25, "episodes_of_faces": 10}
    )
    every = patients_of(plan)
    days = [one for one in every if one.purpose == "days"]
    assert [one.source for one in days].count("faces") == 2
    assert len(days) == 7
    assert {one.source for one in every if one.purpose == "episodes"} == {"faces", "windows"}


def test_the_clock_s_ticks_come_between_windows_as_they_do_live() -> None:
    one = stay(minutes=1, views=(Stretch("lost", 20.0, 45.0),))
    config = configured()
    order = [
        (event.event_time_ms // SECOND_MS, type(event.body))
        for event in course(windows(one), patient="a", seconds=60, config=config)
    ]
    seconds = [second for second, kind in order if kind is Tick]
    assert seconds == list(range(1, 63))
    for place, (second, kind) in enumerate(order):
        if kind is WindowClosed and not 20 < second <= 45:  # told 2 s later, after that tick
            assert (second + 1, Tick) in order[:place]
            assert (second + 2, Tick) not in order[:place]
    gap = [second for second, kind in order if kind is WindowClosed and 20 < second <= 45]
    assert gap == list(range(21, 31))  # of a gap ten seconds are told, once it is over


def test_the_same_rules_on_the_same_scores_give_the_same_conditions() -> None:
    one = stay(distress(1900, 90, 8.5), distress(2300, 90, 4.9), minutes=41)
    said = windows(one, spread=1.0)
    seen = watched(said, patient="a", seconds=int(one.length_s), config=configured())
    again = conditions_on(seen, WatchSettings())
    anew = rescored(said, WatchSettings())
    assert onsets(seen.conditions, "concern")
    for rule in RULES:
        assert onsets(seen.conditions, rule) == onsets(again, rule) == onsets(anew, rule)


def test_each_variant_takes_away_one_rule() -> None:
    whole, without = WatchSettings(), ablated()
    assert without[NO_DELAY].conditions.concern_raise_s == 0
    assert without[NO_DELAY].conditions.concern_raise == whole.conditions.concern_raise
    assert without[NO_DELAY].conditions.concern_clear_s == whole.conditions.concern_clear_s
    assert without[NO_HYSTERESIS].conditions.concern_clear == whole.conditions.concern_raise - 1
    assert without[NO_HYSTERESIS].conditions.concern_clear_s == 0
    assert without[NO_HYSTERESIS].conditions.concern_raise_s == whole.conditions.concern_raise_s
    for name, settings in without.items():
        assert settings != whole, name


def test_without_a_delay_noise_raises_alarms() -> None:
    assert results().whole.false_mediums.value == 0
    assert variants()[NO_DELAY].more_false_mediums[1] > 0


def test_without_a_baseline_weaker_episodes_are_found_later() -> None:
    assert variants()[NO_BASELINE].later_s[1] > 10
    assert results().whole.weak.median_s < 45


def test_without_hysteresis_wavering_distress_raises_several_alarms() -> None:
    assert results().whole.alarms_wavering == 1
    assert variants()[NO_HYSTERESIS].alarms_wavering == 2.5  # three and two
    assert variants()[NO_HYSTERESIS].more_alarms_wavering[1] > 0


def test_episodes_are_found_within_the_times_that_are_asked_for() -> None:
    strong, weak = results().whole.strong, results().whole.weak
    assert strong.found.found == strong.found.count == weak.found.found == weak.found.count == 2
    assert strong.median_s <= 35
    assert weak.median_s <= 45


def test_a_bare_limit_on_the_same_days_fires_hundreds_of_times() -> None:
    assert results().free.bare_alarms.value > 300


def test_no_patient_s_record_opens_while_nobody_is_there() -> None:
    made = results().no_face
    assert made.opened >= 4
    assert made.without_face_in_the_second == 0


def test_the_same_seed_gives_the_same_patient() -> None:
    first, again, other = (patient(9, seed, minutes=40, spread=2) for seed in (0, 0, 1))
    assert first == again
    assert first.bare_alarms != other.bare_alarms
