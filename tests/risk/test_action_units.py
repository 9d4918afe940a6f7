"""Action units from a face, and P of them: low on neutral faces, high on grimaces."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.face.features import Faces
from mien.face.geometry import mirror
from mien.risk.action_units import (
    CLOSED,
    CLOSING,
    COUNTS_WITH,
    LEVELS,
    MEASURES,
    NEUTRAL,
    P_MOST,
    REGIONS,
    SOURCES,
    UNIT_TABLE,
    UNITS,
    action_units,
    p_of,
)
from mien.tables import points_of
from tests.risk.grimaces import SIZE_PX, STRONG, scaled, showing

PEOPLE = 24
intensities = st.floats(0, 5)
units = st.tuples(*[intensities] * len(UNITS))


def p_of_people(weights: dict[str, float]) -> np.ndarray:
    faces = Faces(showing(weights, people=PEOPLE), size_px=SIZE_PX)
    return np.array([p_of(row) for row in action_units(faces)])


def test_every_unit_says_how_well_it_is_measured_and_by_whom_it_is_defined() -> None:
    assert UNITS == ("au04", "au06", "au07", "au09", "au10", "au43")
    assert set(NEUTRAL) == set(MEASURES) and set(LEVELS) == set(CLOSING) == set(UNIT_TABLE)
    used = {name for unit in UNIT_TABLE.values() for name in unit.measures}
    assert used == set(MEASURES)
    for name, unit in UNIT_TABLE.items():
        assert unit.estimate.startswith(("well: ", "in part: ", "hardly: "))
        assert unit.sources and set(unit.sources) <= set(SOURCES)
        zero, full = LEVELS[name]
        assert zero <= zero + CLOSING[name] < full
    assert UNIT_TABLE["au06"].estimate.startswith("hardly")
    assert UNIT_TABLE["au09"].estimate.startswith("hardly")
    assert len(set(REGIONS)) == len(REGIONS)


@settings(deadline=None)
@given(units, st.booleans())
def test_p_is_the_sum_of_the_specification(unit: tuple[float, ...], is_speaking: bool) -> None:
    au04, au06, au07, au09, au10, au43 = unit
    found = p_of(unit, mouth_is_speaking=is_speaking)
    without_eyes = au04 + max(au06, au07) + (au09 if is_speaking else max(au09, au10))
    is_closed = au43 >= CLOSED and max(au04, au06, au07) >= COUNTS_WITH
    assert found == pytest.approx(without_eyes + int(is_closed))
    assert 0 <= found <= P_MOST


@settings(deadline=None)
@given(units, st.integers(0, 5), intensities)
def test_more_of_a_unit_never_lowers_p(unit: tuple[float, ...], place: int, more: float) -> None:
    raised = (*unit[:place], max(unit[place], more), *unit[place + 1 :])
    assert p_of(raised) >= p_of(unit)


def test_sleep_is_no_expression() -> None:
    assert p_of((0.9, 0.0, 0.9, 0.0, 0.0, 5.0)) == pytest.approx(1.8)
    asleep = p_of_people({"eyeBlink": 1.0})
    assert np.median(asleep) < 0.1
    assert asleep.max() < 2


def test_who_shuts_the_eyes_of_a_narrow_eyed_face_shows_no_more() -> None:
    """A lid that closes narrows the eye and raises the lower lid, as a squint does."""
    squint = list(UNITS).index("au07")
    narrow = Faces(showing({"eyeSquint": 0.35}, people=PEOPLE), size_px=SIZE_PX)
    shut = Faces(showing({"eyeSquint": 0.35, "eyeBlink": 1.0}, people=PEOPLE), size_px=SIZE_PX)
    more = action_units(shut)[:, squint] - action_units(narrow)[:, squint]
    assert np.median(more) < 0.5 and np.quantile(more, 0.9) < 1


def test_a_grimace_shows_in_p_and_the_more_the_stronger() -> None:
    levels = (0.0, 0.25, 0.5, 0.75, 1.0)
    shown = np.stack([p_of_people(scaled(STRONG, level, eyeBlink=level)) for level in levels])
    rest, strong = shown[0], shown[-1]
    assert (rest >= 2).mean() <= 0.05
    assert (strong >= 6).mean() >= 0.85
    assert (np.diff(np.median(shown, axis=1)) > 0).all()


def test_a_smile_is_no_grimace() -> None:
    smiling = p_of_people({"mouthSmile": 0.75, "eyeSquint": 0.2, "mouthLowerDown": 0.35})
    assert np.median(smiling) < 1
    assert (smiling >= 4).mean() <= 0.05


def test_a_smile_takes_nothing_from_a_grimace() -> None:
    grimace = p_of_people(scaled(STRONG, 0.8))
    with_smile = p_of_people(scaled(STRONG, 0.8, mouthSmile=0.6))
    assert np.median(with_smile) >= np.median(grimace)
    assert (with_smile - grimace).min() > -1


def test_a_real_neutral_face_that_speaks_stays_below_2_in_every_frame(landmarks: pa.Table) -> None:
    is_neutral = pc.match_substring(landmarks["video_filename"], "_NEU_")
    points = points_of(landmarks.filter(is_neutral))
    found = action_units(Faces(points, size_px=SIZE_PX))
    assert len(found) == 61
    assert max(p_of(row) for row in found) < 2


def test_a_mirrored_face_has_nearly_the_same_units() -> None:
    points = showing(scaled(STRONG, 0.8), people=4)
    one = action_units(Faces(points, size_px=SIZE_PX))
    other = action_units(Faces(mirror(points), size_px=SIZE_PX))
    assert np.abs(one - other).max() < 0.6  # the blendshape model is not symmetric itself


def test_no_face_has_no_units() -> None:
    assert np.isnan(action_units(Faces(np.full((1, 478, 3), np.nan), size_px=SIZE_PX))).all()
