"""Recipes on labelled frames: what is learnt from, what is answered, who calibrates."""

from pathlib import Path

import numpy as np
import pytest

from mien.config import TrainSettings
from mien.emotion.contract import find_recipe
from mien.emotion.fitting import answered, calibration_methods, fit_one, fit_rows, sequences
from mien.emotion.frames import Computed, LabelledFrames, read_frames
from mien.emotion.runs import FitRun
from mien.face.features import FEATURE_SETS
from mien.tables import open_landmarks
from mien.workflows.simulate import simulate

EMOTIONS = ("Happy", "Neutral", "Surprise")


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> LabelledFrames:
    """Nine synthetic people, six clips of 12 frames each."""
    path = tmp_path_factory.mktemp("people") / "people.parquet"
    simulate(path, people=9, clips_each=6, frames=12, emotions=EMOTIONS, seed=1)
    return read_frames(open_landmarks(path), FEATURE_SETS["raw-points"])[0]


def no_run(name: str) -> FitRun:
    return FitRun(name)


def test_a_clip_s_answer_is_the_mean_of_its_frames(frames: LabelledFrames) -> None:
    recipe = find_recipe("logistic")
    seen = frames.seen_as(FEATURE_SETS["gaze"])
    rows = np.arange(len(seen.labels))
    settings = TrainSettings(recipe="logistic", class_weight="none")
    model = recipe.build(settings, seen.classes)
    model.features = "gaze"  # type: ignore[attr-defined]
    model.fit(seen.features, seen.labels, rows=rows)
    asked = rows[::2]
    found = answered(recipe, model, seen, asked)
    assert found.frames.shape == (len(asked), 3)
    for clip, whole in zip(found.clip_ids, found.clips, strict=True):
        own = found.frames[seen.clip_of[asked] == clip]
        np.testing.assert_allclose(own.mean(axis=0), whole, atol=1e-6)


def test_a_recipe_of_clips_answers_each_frame_in_its_place(frames: LabelledFrames) -> None:
    recipe = find_recipe("cnn")
    seen = frames.seen_as(recipe.features)
    rows = np.random.default_rng(0).permutation(len(seen.labels))[:-40]  # mixed, some missing
    settings = TrainSettings(recipe="cnn", epochs=1, hidden_units=32)
    model = fit_one(recipe, settings, seen, rows, by_person=True, run=None)
    found = answered(recipe, model, seen, rows)
    clips, ids = sequences(seen, rows)
    np.testing.assert_array_equal(found.clip_ids, ids)
    np.testing.assert_allclose(found.clips, model.predict_proba(clips), atol=1e-6)
    number = 4
    own, places = clips.frames_of(number)
    scores = model.predict_frames(clips)[number]  # type: ignore[attr-defined]
    np.testing.assert_allclose(found.frames[own], scores[places], atol=1e-5)
    assert not np.isnan(found.frames).any()


def test_calibration_never_asks_a_model_about_somebody_it_learnt_from(
    frames: LabelledFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mien.emotion import fitting

    seen = frames.seen_as(FEATURE_SETS["blendshapes"])
    learnt: list[set[str]] = []
    asked: list[set[str]] = []
    fit, answer = fitting.fit_one, fitting.answered

    def noted_fit(recipe, settings, frames, rows, **more):
        learnt.append(set(frames.subjects[rows]))
        return fit(recipe, settings, frames, rows, **more)

    def noted_answer(recipe, estimator, frames, rows):
        asked.append(set(frames.subjects[rows]))
        return answer(recipe, estimator, frames, rows)

    monkeypatch.setattr(fitting, "fit_one", noted_fit)
    monkeypatch.setattr(fitting, "answered", noted_answer)
    rows = np.flatnonzero(seen.subjects != seen.people[0])
    settings = TrainSettings(recipe="facs", calibration="temperature", calibration_folds=4)
    fitted = fit_rows(
        find_recipe("facs"), settings, seen, rows, by_person=True, fit_of=no_run
    )  # rules learn nothing, but are calibrated when that is asked for
    assert fitted.calibrations is not None
    assert len(learnt) == 5 and len(asked) == 4
    for fold in range(4):
        assert not learnt[fold] & asked[fold]
    assert set.union(*asked) == set(seen.people[1:]) == learnt[-1]
    assert fitted.calibrations.clips.people == 8


def test_frames_and_clips_are_calibrated_apart(frames: LabelledFrames) -> None:
    recipe = find_recipe("facs")
    seen = frames.seen_as(recipe.features)
    rows = np.arange(len(seen.labels))
    settings = TrainSettings(recipe="facs", calibration="temperature")
    fitted = fit_rows(recipe, settings, seen, rows, by_person=True, fit_of=no_run)
    assert fitted.calibrations is not None
    assert fitted.calibrations.frames.rows == len(rows)
    assert fitted.calibrations.clips.rows == len(seen.clips.names)
    read = fitted.calibrations.read(fitted.raw(seen, rows))
    np.testing.assert_allclose(read.clips.sum(axis=1), 1, atol=1e-6)


def test_what_is_calibrated_is_the_recipe_s_own_choice_unless_told() -> None:
    def methods(recipe: str, people: int = 499, **more: object) -> tuple[str, ...]:
        return calibration_methods(
            find_recipe(recipe), TrainSettings(recipe=recipe, **more), people=people
        )

    assert methods("seed") == ()
    assert methods("svm") == ("temperature",)
    assert methods("svm", people=500) == ("isotonic",)
    assert methods("svm", people=500, calibration="temperature") == ("temperature",)
    assert methods("blend", people=500) == ("temperature",)
    assert methods("svm", calibration="none") == ()
    assert methods("svm", balance=0.5) == ("temperature", "log-prior")
    assert methods("seed", calibration="isotonic") == ("isotonic",)
    assert methods("facs", balance=0.5) == ("log-prior",)


def test_dear_features_are_computed_once_and_are_the_same(frames: LabelledFrames) -> None:
    seen = frames.seen_as(FEATURE_SETS["blendshapes"])
    assert isinstance(seen.features, Computed)
    plain = frames.points.of(FEATURE_SETS["blendshapes"])
    rows = np.array([5, 0, 17])
    np.testing.assert_array_equal(seen.features[rows], plain[rows])
    np.testing.assert_array_equal(seen.features.some(rows)[1:], plain[rows[1:]])


def test_values_that_memory_should_not_hold_lie_in_a_file_that_goes(
    frames: LabelledFrames, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path))
    monkeypatch.setattr("mien.emotion.frames._KEPT_BYTES", 0)
    seen = frames.seen_as(FEATURE_SETS["blendshapes"])
    np.testing.assert_array_equal(
        seen.features[:3], frames.points.of(FEATURE_SETS["blendshapes"])[:3]
    )
    assert list(tmp_path.iterdir()) == []  # nameless from the start


def test_a_face_whose_points_lie_in_one_place_is_told_not_learnt(frames: LabelledFrames) -> None:
    from dataclasses import replace

    from mien.errors import InputError

    seen = frames.seen_as(FEATURE_SETS["expression"])
    values = np.array(seen.features)
    values[7] = np.nan
    flat = replace(seen, features=Computed(values))
    rows = np.arange(len(values))
    for name in ("logistic", "mlp"):
        settings = TrainSettings(recipe=name, calibration="none")
        with pytest.raises(InputError, match="all of its points lie in one place: empty"):
            fit_one(find_recipe(name), settings, flat, rows, by_person=True, run=None)
    rules = frames.seen_as(FEATURE_SETS["blendshapes"])
    values = np.array(rules.features)
    values[7] = np.nan
    flat = replace(rules, features=Computed(values))
    model = fit_one(find_recipe("facs"), TrainSettings(recipe="facs"), flat, rows,
                    by_person=True, run=None)  # fmt: skip
    assert not np.isnan(answered(find_recipe("facs"), model, flat, rows).clips).any()


def test_two_people_of_whom_one_shows_one_label_give_no_calibration(
    frames: LabelledFrames,
) -> None:
    seen = frames.seen_as(FEATURE_SETS["blendshapes"])
    first, second = seen.people[:2]
    only = seen.labels == "Happy"
    rows = np.flatnonzero((seen.subjects == first) | ((seen.subjects == second) & only))
    settings = TrainSettings(recipe="facs", calibration="temperature")
    fitted = fit_rows(find_recipe("facs"), settings, seen, rows, by_person=True, fit_of=no_run)
    assert fitted.calibrations is None
