"""A stay's frames: faces that do what the script says, and reach the host as it says."""

from dataclasses import replace
from functools import cache
from itertools import islice

import numpy as np
import pytest

from mien.errors import InputError
from mien.face.blendshapes import BLENDSHAPE_NAMES, blendshapes
from mien.face.geometry import align, head_pose, to_pixels
from mien.recording.synthetic_stay import Stay, script
from mien.recording.synthetic_stay_arrival import TROUBLED, Arrival
from mien.recording.synthetic_stay_frames import FrameChunk, frames
from mien.recording.synthetic_stay_plan import Stretch

TOUR = (  # kind, from, to: 10 minutes of everything
    ("rest", 0, 120),
    ("speech", 120, 220),
    ("meal", 220, 300),
    ("sleep", 300, 400),
    ("rest", 400, 600),
)
SIGHTS = (
    ("dim", 50, 70, 8.0),
    ("occluded", 75, 90, 1.0),
    ("turned", 95, 110, 60.0),
    ("away", 420, 440, 1.0),
    ("lost", 450, 470, 1.0),
)
SHOWN = (("smile", 10, 20, 1.0), ("grimace", 30, 38, 7.0), ("distress", 500, 560, 9.0))


def tour(patient: int = 1, **changes: object) -> Stay:
    stay = script(5, 600 / 3600, patient=patient, start_hour=10)
    return replace(
        stay,
        activities=tuple(Stretch(*row) for row in TOUR),
        views=tuple(Stretch(*row) for row in SIGHTS),
        expressions=tuple(Stretch(*row) for row in SHOWN),
        postures=(),
        **changes,
    )


def whole(stay: Stay, hz: float = 10.0, minutes: int | None = None) -> FrameChunk:
    chunks = list(islice(frames(stay, hz), minutes))
    names = FrameChunk.__dataclass_fields__
    return FrameChunk(**{n: np.concatenate([getattr(c, n) for c in chunks]) for n in names})


@cache
def seen(patient: int) -> FrameChunk:
    return whole(tour(patient))


def between(made: FrameChunk, start_s: float, end_s: float) -> np.ndarray:
    """Rows of some time that have a face."""
    is_in = (made.time_s >= start_s) & (made.time_s < end_s)
    return np.flatnonzero(is_in & (made.presence > 0))


def pixels(made: FrameChunk, rows: np.ndarray) -> np.ndarray:
    return to_pixels(made.points[rows], width_px=640, height_px=480)


def shape(made: FrameChunk, start_s: float, end_s: float, name: str, every: int = 5) -> np.ndarray:
    """MediaPipe's own blendshape, mean of both sides, in every fifth frame of some time."""
    found = blendshapes(pixels(made, between(made, start_s, end_s)[::every]))
    return found[:, [i for i, full in enumerate(BLENDSHAPE_NAMES) if name in full]].mean(axis=1)


def test_the_same_stay_gives_the_same_bytes_and_another_patient_another_face() -> None:
    first, again, other = (whole(tour(patient), minutes=2) for patient in (1, 1, 2))
    for name in FrameChunk.__dataclass_fields__:
        assert getattr(first, name).tobytes() == getattr(again, name).tobytes()
    rests = [align(pixels(made, between(made, 0, 8))).points for made in (first, other)]
    assert np.abs(rests[0].mean(axis=0) - rests[1].mean(axis=0)).max() > 0.03


def test_a_minute_at_a_time_is_held() -> None:
    sizes = [len(chunk.time_s) for chunk in frames(tour(), 10)]
    assert len(sizes) in (10, 11) and max(sizes) <= 600


def test_faces_lie_in_the_frame_and_are_absent_as_nan_of_presence_0() -> None:
    made = seen(1)
    is_absent = made.presence == 0
    assert np.isnan(made.points[is_absent]).all()
    found = made.points[~is_absent]
    assert found.dtype == np.float32
    assert found[..., :2].min() >= 0 and found[..., :2].max() <= 1


def test_out_of_view_there_is_no_face_and_with_the_camera_lost_no_frame() -> None:
    made = seen(1)
    away = (made.time_s >= 420) & (made.time_s < 440)
    assert away.sum() == 200 and (made.presence[away] == 0).all()
    assert not ((made.time_s >= 450) & (made.time_s < 470)).any()
    assert len(made.time_s) == 5800
    assert np.array_equal(made.frame_num, np.arange(5800))


@pytest.mark.parametrize("patient", [1, 2, 3])
def test_a_sleeper_s_eyes_are_shut_and_the_head_is_still(patient: int) -> None:
    made = seen(patient)
    assert np.median(shape(made, 320, 390, "eyeBlink")) > 0.5
    assert np.median(shape(made, 0, 9, "eyeBlink")) < 0.45
    turned = {
        name: np.diff(
            head_pose(align(pixels(made, between(made, *when))).rotation)[:, 1], axis=0
        ).std()
        for name, when in {"sleep": (320, 390), "speech": (130, 210)}.items()
    }
    assert turned["sleep"] < 0.5 * turned["speech"]


@pytest.mark.parametrize("patient", [1, 2, 3])
def test_a_turned_head_is_turned_beyond_35_degrees(patient: int) -> None:
    rows = between(seen(patient), 97, 108)
    yaw = np.degrees(head_pose(align(pixels(seen(patient), rows)).rotation)[:, 0])
    assert np.median(yaw) == pytest.approx(60, abs=8)


@pytest.mark.parametrize("patient", [1, 2, 3])
def test_a_mouth_that_speaks_moves_at_2_to_8_hz_and_one_at_rest_does_not(patient: int) -> None:
    made = whole(tour(patient), hz=20, minutes=3)
    power = {}
    for name, when in {"speech": (130, 162), "rest": (0, 9)}.items():
        rows = between(made, *when)
        aligned = align(pixels(made, rows)).points
        gap = np.linalg.norm(aligned[:, 13, :2] - aligned[:, 14, :2], axis=1)
        hz = np.fft.rfftfreq(len(gap), 1 / 20)
        spectrum = np.abs(np.fft.rfft(gap - gap.mean())) ** 2 / len(gap) ** 2
        power[name] = spectrum[(hz >= 2) & (hz < 8)].sum()
    assert power["speech"] > 20 * power["rest"]


@pytest.mark.parametrize("patient", [1, 2, 3])
def test_distress_lowers_brows_narrows_eyes_and_lifts_the_lip(patient: int) -> None:
    made = seen(patient)
    for name in ("browDown", "eyeSquint", "mouthUpperUp"):
        assert shape(made, 505, 555, name).mean() > shape(made, 400, 419, name).mean() + 0.02


def test_bad_light_and_a_hand_make_points_tremble_and_faces_lapse() -> None:
    made = seen(1)
    stable = [6, 33, 263, 10]

    def trembling(start_s: float, end_s: float) -> float:
        points = align(pixels(made, between(made, start_s, end_s))).points[:, stable]
        return float(np.median(np.abs(np.diff(points, axis=0))))

    def lapses(start_s: float, end_s: float) -> float:
        is_in = (made.time_s >= start_s) & (made.time_s < end_s)
        return float((made.presence[is_in] == 0).mean())

    assert trembling(50, 70) > 3 * trembling(20, 30)
    assert lapses(50, 70) > 0.05 and lapses(75, 90) > 0.05
    assert lapses(0, 45) < 0.03


def test_undisturbed_frames_come_in_order_within_a_twentieth_of_a_second() -> None:
    for hz in (10, 30):
        made = whole(tour(), hz=hz, minutes=2)
        assert (np.diff(made.time_s) > 0).all() and (np.diff(made.received_s) > 0).all()
        waited_s = made.received_s - made.time_s
        assert waited_s.min() > 0 and waited_s.max() < 0.05


def test_troubled_frames_are_late_doubled_and_shuffled_but_else_the_same() -> None:
    calm = seen(1)
    made = whole(tour(arrival=replace(TROUBLED, very_late_share=0.005)))
    assert (np.diff(made.received_s) >= 0).all()
    assert (np.diff(made.time_s) < 0).any()
    first = np.unique(made.frame_num, return_index=True)[1]
    assert made.points[first].tobytes() == calm.points.tobytes()
    assert np.array_equal(made.time_s[first], calm.time_s)
    assert 10 <= len(made.time_s) - len(calm.time_s) <= 60
    late_s = made.received_s - made.time_s - TROUBLED.offset_s
    assert 0.003 < (late_s > 0.5).mean() < 0.05
    assert 2.2 < late_s.max() < 8


def test_doubles_are_exact() -> None:
    made = whole(tour(arrival=Arrival(twice_share=0.05)), minutes=2)
    order = np.argsort(made.frame_num, kind="stable")
    again = np.flatnonzero(np.diff(made.frame_num[order]) == 0)
    assert len(again) > 50
    for name in ("points", "time_s", "presence"):
        values = getattr(made, name)
        assert values[order[again]].tobytes() == values[order[again + 1]].tobytes()


def test_a_host_s_clock_runs_apart_by_offset_and_drift() -> None:
    made = whole(tour(arrival=Arrival(offset_s=3, drift_ppm=1000)))
    skew_s = made.received_s - made.time_s
    assert skew_s[0] == pytest.approx(3, abs=0.05)
    assert skew_s[-1] == pytest.approx(3.6, abs=0.05)


@pytest.mark.parametrize("hz", [0.5, 200, float("nan")])
def test_a_rate_that_cannot_be_is_refused(hz: float) -> None:
    with pytest.raises(InputError, match="frames a second must be 1 to 120, got"):
        next(frames(script(1, 1), hz))
