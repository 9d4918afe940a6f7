"""A stay's script: what is promised of it, and that it follows from the seed."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.errors import InputError
from mien.recording.synthetic_stay import (
    ACTIVITIES,
    EXPRESSIONS,
    VIEWS,
    Stay,
    event_free,
    script,
    truth,
)
from mien.recording.synthetic_stay_arrival import Arrival
from mien.recording.synthetic_stay_plan import Stretch, merged, painted, without

LAYERS = ("activities", "expressions", "postures", "views")
stays = st.builds(
    script,
    st.integers(0, 2**32),
    st.floats(0.05, 30),
    patient=st.integers(0, 9999),
    start_hour=st.floats(0, 30),
    episodes_per_hour=st.floats(0, 6),
    grimaces_per_hour=st.floats(0, 20),
)
stretches = st.lists(
    st.builds(Stretch, st.just("a"), st.floats(0, 99), st.floats(0, 99)), max_size=8
)


def kinds(stay: Stay, layer: str) -> set[str]:
    return {one.kind for one in getattr(stay, layer)}


@given(stays)
@settings(deadline=None, max_examples=20)
def test_layers_are_in_order_within_the_stay_and_never_over_each_other(stay: Stay) -> None:
    for layer in LAYERS:
        found = getattr(stay, layer)
        assert all(0 <= one.start_s < one.end_s <= stay.length_s for one in found)
        assert all(one.end_s <= other.start_s for one, other in pairwise(found))
    assert stay.activities[0].start_s == 0 and stay.activities[-1].end_s == stay.length_s
    assert all(one.end_s == other.start_s for one, other in pairwise(stay.activities))


@given(stays)
@settings(deadline=None, max_examples=20)
def test_distress_is_long_seen_well_and_by_somebody_awake(stay: Stay) -> None:
    for episode in stay.distress:
        assert episode.length_s >= 45 - 1e-6
        assert episode.start_s >= 2700
        assert 4 < episode.strength < 6 or episode.strength >= 6
        for one in stay.views:
            assert one.end_s <= episode.start_s - 60 or one.start_s >= episode.end_s + 60
        for one in stay.activities:
            is_apart = one.end_s <= episode.start_s or one.start_s >= episode.end_s
            assert is_apart or one.kind == "rest"


@given(stays)
@settings(deadline=None, max_examples=20)
def test_a_grimace_that_is_no_event_lasts_10_s_at_most(stay: Stay) -> None:
    brief = [one for one in stay.expressions if one.kind == "grimace"]
    assert all(one.length_s <= 10 + 1e-6 for one in brief)


def test_a_script_follows_from_seed_and_patient() -> None:
    assert script(3, 24) == script(3, 24)
    assert script(3, 24) != script(4, 24)
    assert script(3, 24).activities != script(3, 24, patient=2).activities


@pytest.mark.parametrize("patient", range(8))
def test_an_event_free_day_has_all_that_is_no_event(patient: int) -> None:
    day = script(1, 24, patient=patient, episodes_per_hour=0)
    assert day.distress == ()
    assert kinds(day, "activities") == set(ACTIVITIES)
    assert kinds(day, "expressions") == {"smile", "grimace"}
    assert {"turned", "occluded"} <= kinds(day, "views")
    assert len(day.postures) > 20


def test_a_week_has_everything() -> None:
    week = script(1, 24 * 7)
    assert kinds(week, "expressions") == set(EXPRESSIONS)
    assert kinds(week, "views") == set(VIEWS)
    strengths = [one.strength for one in week.distress]
    assert any(p >= 6 for p in strengths) and any(4 <= p < 6 for p in strengths)


def test_as_much_distress_as_asked_for() -> None:
    found = [len(script(seed, 48, episodes_per_hour=2).distress) for seed in range(5)]
    assert 0.85 * 96 < sum(found) / 5 < 1.15 * 96


def test_people_sleep_at_night() -> None:
    for patient in range(10):
        night = script(1, 4, patient=patient, start_hour=24)
        asleep_s = sum(one.length_s for one in night.activities if one.kind == "sleep")
        assert asleep_s > 0.75 * night.length_s


def test_the_truth_tells_every_stretch_by_its_onset() -> None:
    stay = script(2, 12, episodes_per_hour=2)
    rows = list(truth(stay))
    assert len(rows) == sum(len(getattr(stay, layer)) for layer in LAYERS)
    assert [row["onset_s"] for row in rows] == sorted(row["onset_s"] for row in rows)
    assert {row["patient"] for row in rows} == {"P0001"}
    events = [row for row in rows if row["is_event"]]
    assert [row["onset_s"] for row in events] == [round(e.start_s, 3) for e in stay.distress]
    assert all(row["strength"] >= 4 for row in events)


def test_without_its_events_a_stay_is_the_same_but_event_free() -> None:
    stay = script(2, 12, episodes_per_hour=2)
    calm = event_free(stay)
    assert stay.distress and not calm.distress
    assert calm.views == stay.views


@given(stretches, st.floats(0, 99), st.floats(0, 99))
def test_what_is_cut_out_of_a_layer_is_gone_and_nothing_else(
    some: list[Stretch], start_s: float, end_s: float
) -> None:
    layer = merged((), [one for one in some if one.length_s > 0], apart_s=0)
    kept = without(layer, start_s, max(start_s, end_s))
    for time_s in (x + 0.5 for x in range(99)):
        is_cut = start_s <= time_s < end_s
        before = any(one.start_s <= time_s < one.end_s for one in layer)
        assert any(one.start_s <= time_s < one.end_s for one in kept) == (before and not is_cut)


def test_what_is_painted_is_on_top() -> None:
    layer = painted((Stretch("a", 0, 10),), Stretch("b", 4, 6))
    assert layer == (Stretch("a", 0, 4), Stretch("b", 4, 6), Stretch("a", 6, 10))


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"hours": 0}, "hours must be above 0 and at most 744, got 0"),
        ({"hours": 1000}, "hours must be above 0 and at most 744, got 1000"),
        ({"episodes_per_hour": -1}, "episodes_per_hour must be 0 or more, got -1"),
        ({"start_hour": float("nan")}, "start_hour must be 0 or more, got nan"),
        ({"seed": -1}, "seed must be 0 or more, got -1"),
    ],
)
def test_a_stay_that_cannot_be_is_refused(chosen: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        script(**{"seed": 1, "hours": 1.0} | chosen)


def test_a_way_to_the_host_that_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match="late_share is a share from 0 to 1, got 2"):
        Arrival(late_share=2)
    with pytest.raises(InputError, match="shuffle_s must be 0 or more, got -1"):
        Arrival(shuffle_s=-1)
