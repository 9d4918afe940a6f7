"""The filter that quiets the points of one face."""

import json

import numpy as np

from mien.recording.smoothing import OneEuroFilter


def test_smoothing_quiets_a_still_face_and_follows_a_quick_one() -> None:
    rng = np.random.default_rng(0)
    face = rng.random((478, 3)).astype(np.float32) * 200
    still, quick = OneEuroFilter(), OneEuroFilter()
    noisy = [face + rng.normal(0, 0.05, face.shape).astype(np.float32) for _ in range(60)]
    smoothed = [still.smooth(points, i / 30) for i, points in enumerate(noisy)]
    assert np.std(smoothed[30:], axis=0).mean() < 0.5 * np.std(noisy[30:], axis=0).mean()
    moving = [face + np.float32(10 * i) for i in range(60)]
    followed = [quick.smooth(points, i / 30) for i, points in enumerate(moving)]
    assert np.abs(followed[-1] - moving[-1]).max() < 10  # less than one frame behind


def test_a_time_that_stands_still_gives_the_points_as_they_are() -> None:
    smoother = OneEuroFilter()
    points = np.ones((478, 3), np.float32)
    smoother.smooth(points, 1.0)
    assert np.array_equal(smoother.smooth(points * 9, 1.0), points * 9)


def test_rows_are_smoothed_as_frames_are_and_afresh_after_a_gap() -> None:
    rng = np.random.default_rng(0)
    points = rng.random((9, 478, 3)).astype(np.float32) * 200
    points[4] = np.nan
    times_s = [i / 30 for i in range(9)]
    expected = np.full_like(points, np.nan)
    for run in (range(4), range(5, 9)):
        smoother = OneEuroFilter()
        for row in run:
            expected[row] = smoother.smooth(points[row].copy(), times_s[row])
    rows, stopped = points.copy(), OneEuroFilter()
    stopped.smooth_rows(rows[:6], times_s[:6])
    taken_up = OneEuroFilter.restored(json.loads(json.dumps(stopped.state())))
    taken_up.smooth_rows(rows[6:], times_s[6:])
    assert np.array_equal(rows, expected, equal_nan=True)
    assert not np.array_equal(rows[8], points[8])
