"""Frames laid out as clips, and clips as they might also have been filmed."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.emotion.clip_augmentation import ClipAugmentation, point_columns, stretched
from mien.emotion.sequences import PaddedClips, Sequences, clips_of
from mien.errors import InputError, ShapeError
from mien.face.features import FEATURE_SETS

VALUES = 3


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames of a few clips in any order, some numbers missing: features, clips, numbers."""
    keys = draw(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 12)), min_size=1, max_size=25))
    shuffled = draw(st.permutations(sorted(keys)))
    clip_of, frame_nums = np.array(shuffled).T
    features = (clip_of * 100 + frame_nums)[:, None] + np.array([0, 0.25, 0.5])
    return features.astype(np.float32), clip_of, frame_nums


@given(tables())
def test_each_frame_lies_in_its_place_and_missing_ones_are_nan(table) -> None:
    features, clip_of, frame_nums = table
    sequences = Sequences(features, clip_of=clip_of, frame_nums=frame_nums)
    laid = sequences[:]
    assert laid.shape == sequences.shape and laid.dtype == np.float32
    seen = 0
    for clip in range(len(sequences)):
        own = frame_nums[clip_of == clip]
        for place in range(sequences.shape[1]):
            if len(own) and own.min() + place in own:
                assert laid[clip, place, 0] == clip * 100 + own.min() + place
                seen += 1
            else:
                assert np.isnan(laid[clip, place]).all()
    assert seen == len(features)


@given(tables(), st.data())
def test_any_clips_in_any_order_are_those_of_the_whole(table, data) -> None:
    features, clip_of, frame_nums = table
    sequences = Sequences(features, clip_of=clip_of, frame_nums=frame_nums, clip_count=4)
    chosen = np.array(data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=6)))
    found, whole = sequences[chosen], sequences[:][chosen]
    longest = sequences.lengths[chosen].max()
    np.testing.assert_array_equal(found, whole[:, :longest])
    assert np.isnan(whole[:, longest:]).all()
    np.testing.assert_array_equal(sequences.some(chosen)[:], found)
    np.testing.assert_array_equal(PaddedClips(sequences[:])[chosen], found)


@given(tables(), st.integers(1, 6), st.integers(0, 1000))
def test_what_is_drawn_is_a_stretch_of_the_clip_and_not_too_long(table, most, seed) -> None:
    features, clip_of, frame_nums = table
    sequences = Sequences(features, clip_of=clip_of, frame_nums=frame_nums, max_frames=most)
    clips = np.arange(len(sequences))
    for source in (sequences, PaddedClips(sequences[:], max_frames=most)):
        drawn = source.drawn(clips, np.random.default_rng(seed))
        again = source.drawn(clips, np.random.default_rng(seed))
        np.testing.assert_array_equal(drawn, again)
        assert drawn.shape[1] == min(most, sequences.shape[1])
        for clip, found in enumerate(drawn):
            whole = np.concatenate([sequences[:][clip], np.full((most, VALUES), np.nan)])
            assert any(
                np.array_equal(whole[start : start + len(found)], found, equal_nan=True)
                for start in range(max(1, sequences.lengths[clip] - most + 1))
            )


def test_crops_reach_every_part_of_a_long_clip() -> None:
    features = np.arange(40, dtype=np.float32)[:, None]
    sequences = Sequences(
        features, clip_of=np.zeros(40, int), frame_nums=np.arange(40), max_frames=10
    )
    random = np.random.default_rng(0)
    starts = {float(sequences.drawn(np.array([0]), random)[0, 0, 0]) for _ in range(400)}
    assert starts == set(range(31))
    assert sequences[[0]].shape == (1, 40, 1)  # but a prediction is of the whole


def test_frames_are_placed_by_time_when_times_are_known() -> None:
    """Fifteen frames a second take every other place of thirty; a lapse leaves a gap."""
    times_s = np.array([2.0, 2 + 1 / 15, 2 + 2 / 15, 2 + 6 / 15])
    sequences = Sequences(
        np.arange(4, dtype=np.float32)[:, None],
        clip_of=np.zeros(4, int),
        frame_nums=np.arange(4),
        times_s=times_s,
    )
    held = np.flatnonzero(~np.isnan(sequences[:][0, :, 0]))
    assert held.tolist() == [0, 2, 4, 12]


def test_frames_stay_on_disk_until_they_are_asked_for(tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    features.tofile(tmp_path / "features")
    mapped = np.memmap(tmp_path / "features", np.float32, "r", shape=(50, 4))
    order = np.random.default_rng(1).permutation(50)
    sequences = Sequences(mapped, clip_of=order // 10, frame_nums=order % 10)
    np.testing.assert_array_equal(sequences[[3]][0], features[np.argsort(order)[30:40]])


def test_frames_that_cannot_be_placed_are_refused() -> None:
    features = np.zeros((2, 1), np.float32)
    clip_of = np.zeros(2, int)
    with pytest.raises(InputError, match="clip 0 has frame 7 twice"):
        Sequences(features, clip_of=clip_of, frame_nums=np.array([7, 7]))
    with pytest.raises(InputError, match="clip number -1 is below 0"):
        Sequences(features, clip_of=clip_of - 1, frame_nums=np.arange(2))
    with pytest.raises(InputError, match="2 frames over 2000001 places: frame numbers must count"):
        Sequences(features, clip_of=clip_of, frame_nums=np.array([0, 2_000_000]))
    with pytest.raises(ShapeError, match="2 frames have 1 clip numbers, 2 frame numbers and no"):
        Sequences(features, clip_of=clip_of[:1], frame_nums=np.arange(2))
    with pytest.raises(ShapeError, match=r"clips must be \(clips, frames, values\), got \(2, 1\)"):
        clips_of(features)


def a_clip(random: np.random.Generator, *, clips: int = 6, frames: int = 20) -> np.ndarray:
    values = random.normal(size=(clips, frames, 4)).astype(np.float32)
    values[:, 3] = np.nan
    values[0, 12:] = np.nan
    return values


def test_augmentation_is_the_seed_s_and_leaves_what_it_was_given() -> None:
    values = a_clip(np.random.default_rng(0))
    before = values.copy()
    augment = ClipAugmentation(mirror=np.negative, columns=np.array([[0, 1], [2, 3]]))
    first, again, other = (augment(values, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first.shape != other.shape or not np.array_equal(first, other, equal_nan=True)
    np.testing.assert_array_equal(values, before)
    assert first.dtype == np.float32 and first.shape[1] <= 1.2 * 20


STILL = dict(turn_rad=0, scale=0, identity=0, noise=0, stretch=0, lost=0)


def test_augmentation_without_any_step_changes_nothing() -> None:
    values = a_clip(np.random.default_rng(0))
    augment = ClipAugmentation(columns=np.array([[0, 1]]), **STILL)
    np.testing.assert_allclose(augment(values, np.random.default_rng(0)), values, atol=1e-6)


def test_about_half_of_the_clips_are_mirrored() -> None:
    values = np.ones((400, 2, 1), np.float32)
    found = ClipAugmentation(mirror=np.negative, **STILL)(values, np.random.default_rng(0))
    assert 150 < (found[:, 0, 0] == -1).sum() < 250
    assert (found[:, 0] == found[:, 1]).all()  # a clip is mirrored whole


def test_points_that_are_turned_keep_their_distances() -> None:
    values = a_clip(np.random.default_rng(0))
    columns = np.array([[0, 1], [2, 3]])
    turned = ClipAugmentation(columns=columns, **(STILL | dict(turn_rad=0.5)))(
        values, np.random.default_rng(0)
    )

    def distances(clips: np.ndarray) -> np.ndarray:
        points = clips[:, :, columns]
        return np.linalg.norm(points[:, :, 0] - points[:, :, 1], axis=2)

    np.testing.assert_allclose(distances(turned), distances(values), atol=1e-5)
    assert np.nanmax(abs(turned - values)) > 0.1


def test_lost_frames_are_one_stretch_and_never_all() -> None:
    values = np.zeros((300, 10, 2), np.float32)
    values[:100, 1:] = np.nan  # one frame with a face: it stays
    found = ClipAugmentation(**(STILL | dict(lost=0.9)))(values, np.random.default_rng(0))
    is_present = ~np.isnan(found[:, :, 0])
    assert is_present.any(axis=1).all()
    lost = ~is_present[100:]
    assert (np.diff(lost.astype(int), axis=1, prepend=0, append=0) == 1).sum(axis=1).max() == 1
    assert 0.3 < lost.any(axis=1).mean() < 0.6


@settings(deadline=None)
@given(st.integers(0, 1000), st.floats(0.5, 2))
def test_a_stretched_clip_keeps_its_ends_and_its_line(seed: int, factor: float) -> None:
    """On a straight line every value between is on the line as well."""
    random = np.random.default_rng(seed)
    length = int(random.integers(2, 15))
    line = np.full((1, 15, 1), np.nan, np.float32)
    line[0, :length, 0] = np.linspace(-1, 1, length)
    found = stretched(line, np.array([factor]))
    assert found.shape[1] == round(length * factor)
    if found.shape[1] > 1:
        expected = np.linspace(-1, 1, found.shape[1])
        np.testing.assert_allclose(found[0, :, 0], expected, atol=1e-6)


def test_a_clip_that_is_not_stretched_is_the_same() -> None:
    values = a_clip(np.random.default_rng(0))
    np.testing.assert_allclose(stretched(values, np.ones(6)), values, atol=1e-6)


def test_points_of_a_feature_set_are_found_by_name() -> None:
    names = FEATURE_SETS["motion-blendshapes"].names
    columns = point_columns(names)
    assert len(columns) > 50
    for x, y in columns:
        assert names[x].replace("_x_", "_y_") == names[y]
    assert len(point_columns(FEATURE_SETS["blendshapes"].names)) == 0
