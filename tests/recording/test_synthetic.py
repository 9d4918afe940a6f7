"""Synthetic people: who they are follows from the seed, and they behave like people."""

from collections.abc import Sequence
from functools import cache
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mien.corpora.names import label_from_name
from mien.errors import InputError
from mien.face.blendshapes import BLENDSHAPE_NAMES, blendshapes
from mien.face.geometry import align, to_pixels
from mien.recording.synthetic import (
    CREMA_D_EMOTIONS,
    FIRST_ACTOR,
    LEVELS,
    Scenario,
    SyntheticClip,
    clips,
)
from mien.recording.synthetic_manner import MOTION_PAIR, PROTOTYPES


def pixels(clip: SyntheticClip, scenario: Scenario) -> np.ndarray:
    return to_pixels(clip.points, width_px=scenario.width_px, height_px=scenario.height_px)


def bytes_of(made: Sequence[SyntheticClip]) -> list[tuple]:
    return [(c.name, c.label, c.points.tobytes(), c.presence.tobytes()) for c in made]


@pytest.mark.parametrize("kind", ["emotions", "motion-pair"])
def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_faces(kind: str) -> None:
    first, again, other = (
        list(clips(Scenario(people=2, clips_each=2, frames=20, kind=kind, seed=seed)))
        for seed in (3, 3, 4)
    )
    assert bytes_of(first) == bytes_of(again)
    assert not any(np.array_equal(a.points, b.points) for a, b in zip(first, other, strict=True))


def test_more_people_and_more_clips_leave_the_others_as_they_were() -> None:
    few = list(clips(Scenario(people=2, clips_each=3, frames=12)))
    many = list(clips(Scenario(people=4, clips_each=8, frames=12)))
    kept = [clip for clip in many if clip.name in {one.name for one in few}]
    assert bytes_of(few) == bytes_of(kept)


def test_clips_are_named_and_labelled_like_crema_d_s_but_of_actors_it_does_not_have() -> None:
    made = list(clips(Scenario(people=2, clips_each=100, frames=1)))
    assert len({clip.name for clip in made}) == 200
    for clip in made:
        told = label_from_name(clip.name)
        assert (told.emotion, told.subject) == (clip.label, clip.subject)
        assert int(clip.subject) >= FIRST_ACTOR > 1091
        assert clip.name.endswith("_XX.flv") or clip.label != "Neutral"
    assert {clip.name[-6:-4] for clip in made} == set(LEVELS)


def test_each_emotion_is_shown_as_often_as_the_others() -> None:
    for scenario in (
        Scenario(people=1, clips_each=12, frames=1),
        Scenario(people=6, clips_each=2, frames=1),
    ):
        labels = [clip.label for clip in clips(scenario)]
        assert {labels.count(label) for label in CREMA_D_EMOTIONS} == {2}


@given(
    width_px=st.integers(16, 2000),
    height_px=st.integers(16, 2000),
    frames=st.integers(1, 9),
    turn_deg=st.floats(0, 40),
    fps=st.floats(1, 120),
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(["emotions", "motion-pair"]),
)
@settings(deadline=None, max_examples=25)
def test_the_face_stays_in_the_frame_whatever_the_frame(seed: int, **chosen: object) -> None:
    scenario = Scenario(people=1, clips_each=1, dropout=0, seed=seed, **chosen)
    (clip,) = clips(scenario)
    assert clip.points.shape == (scenario.frames, 478, 3)
    assert clip.points.dtype == np.float32
    assert clip.points[..., :2].min() >= 0 and clip.points[..., :2].max() <= 1
    assert np.abs(clip.points[..., 2].mean(axis=1)).max() < 1e-4
    assert np.allclose(np.diff(clip.times_s), 1 / scenario.fps)


def test_frames_without_a_face_are_nan_and_of_presence_0_and_come_in_runs() -> None:
    scenario = Scenario(people=30, clips_each=6, frames=50, dropout=0.1, seed=1)
    presence = []
    for clip in clips(scenario):
        is_absent = clip.presence == 0
        assert np.isnan(clip.points[is_absent]).all()
        assert np.isfinite(clip.points[~is_absent]).all()
        assert (clip.presence[~is_absent] > 0.9).all()
        presence.append(clip.presence)
    absent = np.array(presence) == 0
    assert absent.mean() == pytest.approx(0.1, abs=0.04)
    after_absent = absent[:, 1:][absent[:, :-1]]
    assert after_absent.mean() > 0.7  # by itself a frame would be absent one time in ten


@pytest.mark.parametrize("dropout", [0.5, 0.95])
def test_the_share_of_frames_without_a_face_is_the_one_asked_for(dropout: float) -> None:
    scenario = Scenario(people=2, clips_each=1, frames=1500, dropout=dropout, seed=1)
    absent = np.concatenate([clip.presence == 0 for clip in clips(scenario)])
    assert absent.mean() == pytest.approx(dropout, abs=0.1)


def test_without_dropout_every_frame_has_a_face() -> None:
    assert all(np.isfinite(c.points).all() for c in clips(Scenario(people=3, frames=30, dropout=0)))


EXPECTED = {  # what moves first, by FACS: Du, Tao & Martinez 2014
    "Angry": "browDown",
    "Disgust": "mouthUpperUp",
    "Fear": "mouthStretch",
    "Happy": "mouthSmile",
    "Sad": "mouthFrown",
    "Surprise": "browInnerUp",
}


@cache
def shapes_by_label() -> dict[str, np.ndarray]:
    """Label -> (clips, 52) MediaPipe's own blendshapes in the middle of clips of 25 people."""
    scenario = Scenario(
        people=25, clips_each=7, frames=60, dropout=0, seed=5, emotions=tuple(PROTOTYPES)
    )
    found: dict[str, list] = {label: [] for label in scenario.labels}
    for clip in clips(scenario):
        found[clip.label].append(blendshapes(pixels(clip, scenario)[24:32:4]).mean(axis=0))
    return {label: np.array(shapes) for label, shapes in found.items()}


def side_mean(shapes: np.ndarray, name: str) -> np.ndarray:
    sides = [i for i, full in enumerate(BLENDSHAPE_NAMES) if full.startswith(name)]
    return shapes[:, sides].mean(axis=1)


@pytest.mark.parametrize(("label", "name"), EXPECTED.items())
def test_an_emotion_moves_what_facs_says_in_mediapipe_s_own_blendshapes(
    label: str, name: str
) -> None:
    shown, neutral = (side_mean(shapes_by_label()[one], name) for one in (label, "Neutral"))
    rise = shown - neutral  # of the same people
    assert rise.mean() > 0.08
    assert (rise > 0).mean() > 0.6


def test_a_neutral_face_hardly_shows_an_expression() -> None:
    neutral = shapes_by_label()["Neutral"]
    for label, name in EXPECTED.items():
        shown = side_mean(shapes_by_label()[label], name)
        assert side_mean(neutral, name).mean() < 0.6 * shown.mean()


def test_people_differ_more_than_a_person_s_clips_do() -> None:
    scenario = Scenario(people=12, clips_each=4, frames=8, dropout=0, emotions=("Neutral",), seed=2)
    faces = [align(pixels(clip, scenario)).points.mean(axis=0) for clip in clips(scenario)]
    by_person = np.array(faces).reshape(12, 4, -1)
    within = by_person.std(axis=1, ddof=1).mean()
    between = by_person.mean(axis=1).std(axis=0, ddof=1).mean()
    assert between > 1.3 * within


def frames_of(scenario: Scenario, every: slice) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Aligned points (N, 1434), labels and people of some frames of each clip."""
    points, labels, people = [], [], []
    for clip in clips(scenario):
        some = align(pixels(clip, scenario)[every]).points
        points.append(some.reshape(len(some), -1))
        labels += [clip.label] * len(some)
        people += [clip.subject] * len(some)
    return np.concatenate(points), np.array(labels), np.array(people)


def held_out_accuracy(points: np.ndarray, labels: np.ndarray, people: np.ndarray) -> float:
    """Of a logistic regression on the last third of the people."""
    is_held_out = people >= np.unique(people)[2 * len(np.unique(people)) // 3]
    model = make_pipeline(
        PCA(100, random_state=0), StandardScaler(), LogisticRegression(C=0.05, max_iter=500)
    )
    model.fit(points[~is_held_out], labels[~is_held_out])
    return float(model.score(points[is_held_out], labels[is_held_out]))


def test_frames_of_strangers_are_neither_easy_nor_hopeless() -> None:
    scenario = Scenario(people=45, clips_each=6, dropout=0, seed=4)
    accuracy = held_out_accuracy(*frames_of(scenario, slice(4, None, 14)))
    assert 0.4 < accuracy < 0.8  # chance is .17


@pytest.mark.slow
def test_a_plain_model_of_frames_scores_what_it_does_on_real_corpora() -> None:
    scenario = Scenario(people=150, clips_each=12, dropout=0, seed=4)
    accuracy = held_out_accuracy(*frames_of(scenario, slice(4, None, 14)))
    assert 0.6 < accuracy < 0.8


@pytest.mark.parametrize("seed", [0, 7])
def test_clips_of_the_motion_pair_are_each_other_played_backwards(seed: int) -> None:
    """So in law one emotion is the other's time reversal: every clip has its twin."""
    settings_ = {"people": 2, "clips_each": 4, "frames": 40, "seed": seed, "dropout": 0.1}
    one = clips(Scenario(kind="motion-pair", emotions=MOTION_PAIR, **settings_))
    twin = clips(Scenario(kind="motion-pair", emotions=MOTION_PAIR[::-1], **settings_))
    for a, b in zip(one, twin, strict=True):
        assert {a.label, b.label} == set(MOTION_PAIR)
        assert a.points.tobytes() == np.ascontiguousarray(b.points[::-1]).tobytes()
        assert a.presence.tobytes() == np.ascontiguousarray(b.presence[::-1]).tobytes()
        assert a.times_s.tobytes() == b.times_s.tobytes()


def test_no_single_frame_tells_the_motion_pair_apart() -> None:
    scenario = Scenario(people=36, clips_each=6, kind="motion-pair", dropout=0, seed=4)
    accuracy = held_out_accuracy(*frames_of(scenario, slice(4, None, 14)))
    assert 0.4 < accuracy < 0.6


def test_motion_tells_the_pair_apart() -> None:
    """The face changes most where it comes (Angry) or where it goes (Sad)."""
    scenario = Scenario(people=20, clips_each=4, kind="motion-pair", dropout=0, seed=9)
    right = [is_front_loaded(pixels(c, scenario)) == (c.label == "Angry") for c in clips(scenario)]
    assert np.mean(right) > 0.8


def is_front_loaded(points_px: np.ndarray) -> bool:
    """Whether brows and lids are furthest from how they begin and end early in the clip."""
    upper = list(range(46, 56)) + list(range(276, 286)) + [65, 66, 105, 107, 295, 296, 334, 336]
    own = align(points_px).points[:, upper].reshape(len(points_px), -1)
    ends = np.concatenate([own[:5], own[-5:]]).mean(axis=0)
    away = np.linalg.norm(own - ends, axis=1)
    middle = (np.arange(len(away)) * away**4).sum() / (away**4).sum()
    return bool(middle < (len(away) - 1) / 2)


def test_a_third_label_of_the_motion_pair_shows_nothing() -> None:
    scenario = Scenario(
        people=8, clips_each=3, kind="motion-pair", emotions=(*MOTION_PAIR, "Neutral"), dropout=0
    )
    brows = {label: [] for label in scenario.labels}
    for clip in clips(scenario):
        brows[clip.label].append(side_mean(blendshapes(pixels(clip, scenario)[::5]), "browDown"))
    spread = {label: np.mean([np.std(one) for one in found]) for label, found in brows.items()}
    assert spread["Neutral"] < 0.7 * min(spread[label] for label in MOTION_PAIR)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"people": 0}, "people must be 1 or more, got 0"),
        ({"people": 8000}, "people must be 7,999 or fewer, got 8,000"),
        ({"clips_each": 5000}, "clips_each must be 4,056 or fewer for 6 emotions, got 5,000"),
        ({"frames": 0}, "frames must be 1 or more, got 0"),
        ({"fps": 0.0}, "fps must be above 0, got 0.0"),
        ({"fps": float("nan")}, "fps must be above 0, got nan"),
        ({"dropout": 1.0}, "dropout is a share of frames from 0 to below 1, got 1.0"),
        ({"noise": -1.0}, "noise must be 0 or more, got -1.0"),
        ({"kind": "ward"}, "kind must be one of emotions, motion-pair, got 'ward'"),
        ({"emotions": ("Bored",)}, "must be some of .*, each once, got Bored"),
        ({"emotions": ()}, "each once, got none"),
        ({"emotions": ("Sad", "Sad")}, "each once, got Sad, Sad"),
        ({"kind": "motion-pair", "emotions": ("Happy",)}, "some of Angry, Sad, Neutral"),
    ],
)
def test_a_scenario_that_cannot_be_is_refused_in_words(chosen: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Scenario(**chosen)


def test_clips_are_made_one_at_a_time() -> None:
    huge = Scenario(people=7999, clips_each=4000, frames=10)
    assert [clip.subject for clip in islice(clips(huge), 3)] == ["2001"] * 3
