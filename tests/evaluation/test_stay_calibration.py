"""A simulated patient grimaces as far as the watch must measure."""

import numpy as np
import pytest

from mien.evaluation.stay_calibration import LEVELS, calibrated, p_of_levels
from mien.evaluation.stay_measured import measured_windows
from mien.recording.synthetic_stay import Stay, script
from tests.evaluation.stays import held


def p_while_held(stay: Stay) -> list[float]:
    """Median P of each grimace, by the watch's own windows, from 10 s after its begin."""
    ends_s, p = zip(*((at / 1000, one.p) for at, one in measured_windows(stay)), strict=True)
    found = []
    for one in stay.grimaces:
        is_held = (np.array(ends_s) > one.start_s + 10) & (np.array(ends_s) < one.end_s - 5)
        found.append(float(np.median([x for x, held in zip(p, is_held, strict=True) if held])))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("patient", range(1, 7))
def test_through_landmarks_and_the_watch_a_grimace_measures_what_is_meant(patient: int) -> None:
    stay = calibrated(held(patient, strengths=(5.0, 8.0)))
    moderate, strong = p_while_held(stay)
    assert 4 <= moderate < 6
    if stay.grimaces[1].strength > 6:  # this face can
        assert strong >= 6


def test_more_intensity_is_more_p_and_the_face_at_rest_has_little() -> None:
    for patient in range(6):
        (curve,) = p_of_levels(held(patient, strengths=(5.0,)), np.array([20.0]))
        assert len(curve) == len(LEVELS)
        assert (np.diff(curve) >= 0).all() and curve[-1] > 4.5


def test_no_face_is_asked_for_more_than_it_can() -> None:
    for patient in range(12):
        stay = calibrated(held(patient, strengths=(5.0, 16.0)))
        moderate, strong = (one.strength for one in stay.grimaces)
        assert 4 <= moderate < 6
        assert strong <= 5 or strong >= 6.8
        assert all(0 < far <= LEVELS[-1] for far in stay.intensities)


def test_a_stay_without_grimaces_stays_as_it_is() -> None:
    stay = script(1, 0.1, episodes_per_hour=0, grimaces_per_hour=0)
    assert calibrated(stay).expressions == stay.expressions
