"""The parametric face and its processes: what is fitted is there, and moves as it should."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.face.blendshapes import BLENDSHAPE_NAMES, blendshapes
from mien.face.geometry import align, head_pose, mirror, to_pixels
from mien.face.topology import REGIONS
from mien.recording.synthetic import Scenario, clips
from mien.recording.synthetic_face import (
    DRIFTS,
    STATISTICS_PATH,
    face_statistics,
    filmed,
    lid_opening,
    rest_face,
    shown,
)
from mien.recording.synthetic_motion import (
    autoregression,
    blendshape_vector,
    blinks,
    course,
    speech,
    wander,
    with_lids,
)
from mien.tables import points_of

FPS = 29.97
UPPER_LIDS, LOWER_LIDS = [159, 386], [145, 374]


def still(rest: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    """(T, 478, 3) a face that looks straight ahead and shows these blendshapes."""
    frames = len(shapes)
    return shown(
        rest,
        blendshapes=shapes,
        pose_rad=np.zeros((frames, 3)),
        drift=np.zeros((frames, DRIFTS)),
    )


def test_the_packaged_statistics_are_small_and_hold_no_pickle() -> None:
    assert STATISTICS_PATH.stat().st_size < 600_000
    with np.load(STATISTICS_PATH, allow_pickle=False) as stored:
        assert set(stored.files) == set(face_statistics().__dataclass_fields__)
        rows = {name: len(stored[name]) for name in stored.files}
    assert max(rows.values()) == 478  # directions and points: no row a person or a photograph


def test_the_average_face_is_its_own_mirror_image() -> None:
    mean = face_statistics().mean
    assert np.abs(mirror(mean, width=0) - mean).max() < 1e-3


def test_identity_is_mirrored_as_often_as_not() -> None:
    """Each way to differ is symmetric or the reverse: no side of the face is the rule."""
    for direction in face_statistics().identity[:10]:
        turned = mirror(direction, width=0)
        likeness = (turned * direction).sum() / (direction**2).sum()
        assert abs(likeness) > 0.9


@pytest.mark.parametrize(
    "name",
    "browDown browInnerUp browOuterUp eyeBlink eyeSquint jawOpen mouthFrown mouthLowerDown "
    "mouthPress mouthRollUpper mouthSmile mouthStretch".split(),
)
def test_a_blendshape_of_the_parametric_face_is_mediapipe_s(name: str) -> None:
    """What the face is told to show, MediaPipe's model sees, and less of anything else."""
    weights = blendshape_vector({name: 0.5})
    faces = still(face_statistics().mean, np.outer([0, 1], weights))
    rise = np.diff(blendshapes(faces), axis=0)[0]
    assert (rise[weights > 0] > 0.25).all()
    assert np.abs(rise[weights == 0]).max() < rise[weights > 0].min()


def test_a_dead_blendshape_moves_nothing() -> None:
    dead = [BLENDSHAPE_NAMES.index(name) for name in ("cheekPuff", "noseSneerLeft", "_neutral")]
    assert not face_statistics().expression[dead].any()


@given(
    yaw=st.floats(-0.6, 0.6),
    pitch=st.floats(-0.4, 0.4),
    roll=st.floats(-0.5, 0.5),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=30)
def test_a_filmed_head_is_held_as_it_was_told(
    yaw: float, pitch: float, roll: float, seed: int
) -> None:
    rest = rest_face(np.random.default_rng(seed))
    pose = np.array([[yaw, pitch, roll]])
    filmed_px = filmed(
        rest[None], pose_rad=pose, scale_px=np.array([60.0]), centre_px=np.array([[240.0, 180.0]])
    )
    found = align(filmed_px)
    own = align(rest[None])
    assert np.abs(found.points - own.points).max() < 1e-3
    assert found.scale_px / own.scale_px == pytest.approx(60, rel=1e-4)
    assert filmed_px.mean(axis=1)[0] == pytest.approx([240, 180, 0], abs=1e-3)
    if not head_pose(own.rotation).any():
        assert head_pose(found.rotation)[0] == pytest.approx(pose[0], abs=1e-3)


@pytest.mark.parametrize("memory_frames", [0.5, 3.0, 12.0])
def test_wandering_has_one_spread_from_the_first_frame_to_the_last(memory_frames: float) -> None:
    random = np.random.default_rng(0)
    memory = np.full(4000, memory_frames)
    smooth = wander(random, 30, memory_frames=memory)
    rough = autoregression(random, 30, memory_frames=memory_frames, width=4000)
    for moved in (smooth, rough):
        assert moved.std(axis=1) == pytest.approx(np.ones(30), abs=0.06)
    forwards, backwards = (
        (m[:-1] ** 3 * m[1:]).mean() for m in (smooth, smooth[::-1])
    )  # an odd moment, which the direction of time would change
    assert forwards == pytest.approx(backwards, abs=0.1)


def test_speech_moves_the_mouth_at_two_to_eight_hertz_and_only_while_it_lasts() -> None:
    times_s = np.arange(240) / FPS
    power = np.zeros(121)
    for seed in range(40):
        moved = speech(np.random.default_rng(seed), times_s, start_s=1.0, stop_s=7.0)
        jaw = moved[:, BLENDSHAPE_NAMES.index("jawOpen")]
        assert not moved[times_s < 1.0].any() and not moved[times_s > 7.3].any()
        assert (moved >= 0).all()
        power += np.abs(np.fft.rfft(jaw - jaw.mean())) ** 2
    hertz = np.fft.rfftfreq(240, 1 / FPS)
    assert power[(hertz > 1.5) & (hertz < 8)].sum() > 3 * power[hertz > 8].sum()
    assert power[(hertz > 2) & (hertz < 4)].mean() > 10 * power[(hertz > 8) & (hertz < 12)].mean()


def test_people_blink_as_often_as_they_should_and_shut_faster_than_they_open() -> None:
    times_s = np.arange(0, 400, 1 / 100)
    shut = blinks(np.random.default_rng(0), times_s, rate_hz=0.3)
    begins = np.flatnonzero((shut[1:] > 0.5) & (shut[:-1] <= 0.5))
    assert len(begins) == pytest.approx(120, rel=0.2)  # some overlap
    assert (np.diff(shut) > 0).sum() < 0.7 * (np.diff(shut) < 0).sum()


@given(seed=st.integers(0, 300), squint=st.floats(0, 1))
@settings(deadline=None, max_examples=40)
def test_lids_meet_in_a_blink_and_never_cross(seed: int, squint: float) -> None:
    rest = rest_face(np.random.default_rng(seed))
    moved = np.stack([blendshape_vector({"eyeSquint": squint})] * 3)
    shapes = with_lids(moved, np.array([0.0, 0.5, 1.0]), opening=lid_opening(rest))
    faces = still(rest, shapes)
    gap = (faces[:, LOWER_LIDS, 1] - faces[:, UPPER_LIDS, 1]).mean(axis=1)
    assert gap[0] >= gap[1] >= gap[2] > -0.03
    assert gap[2] < 0.06


def test_an_expression_comes_stays_and_goes() -> None:
    times_s = np.arange(100) / 30
    one = {"onset_s": 0.5, "rise_s": 0.3, "offset_s": 2.0, "fall_s": 0.6}
    shape = course(times_s, **{name: np.array([value]) for name, value in one.items()})[:, 0]
    assert not shape[times_s <= 0.5].any()
    assert (shape[(times_s >= 0.81) & (times_s <= 2.0)] == 1).all()
    assert not shape[times_s > 2.61].any()
    assert (np.diff(shape[times_s < 1.5]) >= 0).all() and (np.diff(shape[times_s > 1.5]) <= 0).all()


def test_a_synthetic_forehead_trembles_as_much_as_a_real_one(landmarks: pa.Table) -> None:
    names = landmarks.column("video_filename").to_numpy(zero_copy_only=False)
    real_px = to_pixels(points_of(landmarks), width_px=480, height_px=360)
    real = [real_px[names == name] for name in dict.fromkeys(names)]
    scenario = Scenario(people=6, clips_each=3, frames=63, dropout=0)
    made = [to_pixels(c.points, width_px=480, height_px=360) for c in clips(scenario)]
    real_speed, made_speed = (median_speed(one, "forehead") for one in (real, made))
    assert 0.6 < made_speed / real_speed < 1.7
    real_speed, made_speed = (median_speed(one, "mouth") for one in (real, made))
    assert 0.6 < made_speed / real_speed < 1.7
    assert real_speed > 2 * median_speed(real, "forehead")  # so the two are not one law


def median_speed(moved: list[np.ndarray], region: str) -> float:
    """Of a region's points within the aligned face, eye distances a frame."""
    own = [align(points).points[:, list(REGIONS[region]), :2] for points in moved]
    return float(np.median([np.linalg.norm(np.diff(p, axis=0), axis=-1).mean() for p in own]))


@pytest.mark.parametrize("noise", [0.5, 2.0])
def test_the_forehead_trembles_in_proportion_to_the_noise(noise: float) -> None:
    still_face, usual, asked = (tremor_of_forehead(n) for n in (0.0, 1.0, noise))
    assert still_face < 0.7 * usual
    assert (asked**2 - still_face**2) / (usual**2 - still_face**2) == pytest.approx(
        noise**2, rel=0.1
    )


def tremor_of_forehead(noise: float) -> float:
    """What of a forehead's movement is too quick to be movement."""
    scenario = Scenario(people=2, frames=63, dropout=0, emotions=("Neutral",), noise=noise)
    made = [to_pixels(c.points, width_px=480, height_px=360) for c in clips(scenario)]
    own = np.array([align(points).points[:, list(REGIONS["forehead"])] for points in made])
    return float(np.diff(own, n=4, axis=1).std())
