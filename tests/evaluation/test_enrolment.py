"""What a person's own neutral face is worth is measured on other clips, and stands apart."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.config import TrainSettings
from mien.corpora.splits import Split
from mien.emotion.contract import find_recipe
from mien.emotion.enrolment import LEAST_FRAMES, facs_reference
from mien.emotion.fitting import Fitted, fit_one
from mien.emotion.frames import Computed, LabelledFrames, read_frames
from mien.evaluation.enrolment import Enrolling, reference_face, rest_faces
from mien.evaluation.evaluate import Evaluation, evaluate_frames
from mien.face.blendshapes import BLENDSHAPE_NAMES
from mien.face.features import FEATURE_SETS
from mien.tables import open_landmarks
from mien.workflows.simulate import simulate
from tests.emotion.tables import write_people, write_rows

FACS = TrainSettings(recipe="facs", folds=2, enrol=True)
SMILES = [BLENDSHAPE_NAMES.index(name) for name in ("mouthSmileLeft", "mouthSmileRight")]
EMOTIONS = ("Happy", "Neutral")


def seen(path: Path, recipe: str = "facs") -> LabelledFrames:
    frames = read_frames(open_landmarks(path), FEATURE_SETS["raw-points"])[0]
    return frames.seen_as(find_recipe(recipe).features)


def smiling(path: Path, **table: object) -> LabelledFrames:
    """People whose mouths rest in a smile, each in an own one; a Happy face smiles wider."""
    frames = seen(write_people(path, clips_each=4, emotions=EMOTIONS, **table))
    values = np.tile(facs_reference(), (len(frames.labels), 1))
    number = np.array([int(person[1:]) for person in frames.subjects])
    smile = 0.4 + 0.05 * number + np.where(frames.labels == "Happy", 0.35, 0.0)
    values[:, SMILES] += smile[:, None].astype(np.float32)
    return replace(frames, features=Computed(values))


def clips_of(path: Path, clips: Sequence[tuple[str, str, str, int]]) -> LabelledFrames:
    """Clips by name, person, label and frames; every face is another."""
    columns: dict[str, list] = {
        name: [] for name in ("video_filename", "subject", "emotion", "frame_num")
    }
    for name, person, label, frames in clips:
        for frame in range(frames):
            for column, value in zip(columns, (name, person, label, frame), strict=True):
                columns[column].append(value)
    points = np.random.default_rng(0).uniform(0.3, 0.7, (len(columns["subject"]), 478, 3))
    return seen(write_rows(path, points, columns))


def every_row(frames: LabelledFrames) -> np.ndarray:
    return np.arange(len(frames.labels))


def names(frames: LabelledFrames, clips: Sequence[int]) -> list[str]:
    return frames.clips.names[np.array(clips)].tolist()


def gain(found: Evaluation) -> tuple[float, float]:
    """Accuracy plainly and enrolled."""
    assert found.enrolment is not None
    plain, enrolled = (line.scores.accuracy.value for line in found.enrolment.compared.lines)
    return plain, enrolled


def test_who_rests_in_a_smile_is_answered_rightly_once_enrolled(tmp_path: Path) -> None:
    found = evaluate_frames(smiling(tmp_path / "p.parquet"), FACS)
    assert found.enrolment is not None
    assert gain(found) == (pytest.approx(8 / 12), 1.0)
    difference = found.enrolment.compared.lines[1].difference
    assert difference is not None
    assert difference.accuracy.low > 0
    assert difference.balanced_accuracy.value == pytest.approx(0.5)
    assert found.warnings == []


def test_no_clip_that_was_enrolled_from_is_scored(tmp_path: Path) -> None:
    frames = smiling(tmp_path / "p.parquet")
    found = evaluate_frames(frames, FACS).enrolment
    assert found is not None
    assert (found.clips_to_enrol, found.frames_to_enrol) == (4, 20)
    assert found.scored == {"Happy": 8, "Neutral": 4}  # of 8 and 8
    assert found.compared.count == 12
    fitted = Fitted(find_recipe("facs"), learnt(frames), None)
    enrolling = Enrolling(frames)
    enrolling.add(fitted, Split(every_row(frames), every_row(frames)))
    used = [clip for face in enrolling.faces.values() for clip in face.clips]
    asked = np.concatenate(enrolling.clip_ids)
    assert sorted(names(frames, used)) == [f"p{person}/c1.mp4" for person in range(4)]
    assert not set(used) & set(asked.tolist())
    assert len(used) + len(asked) == len(frames.clips.names)


def learnt(frames: LabelledFrames):
    return fit_one(find_recipe("facs"), FACS, frames, every_row(frames), by_person=True, run=None)


def test_clips_are_taken_by_name_until_they_give_frames_enough(tmp_path: Path) -> None:
    frames = clips_of(
        tmp_path / "t.parquet",
        [
            ("c.mp4", "ann", "Neutral", 9),
            ("b.mp4", "ann", "Neutral", LEAST_FRAMES - 3),
            ("a.mp4", "ann", "Neutral", 3),
            ("d.mp4", "bob", "Neutral", LEAST_FRAMES),
            ("e.mp4", "bob", "Happy", 1),
            ("f.mp4", "cyd", "Neutral", LEAST_FRAMES - 1),
            ("g.mp4", "cyd", "Happy", 9),
        ],
    )
    faces = rest_faces(frames, every_row(frames))
    assert {who: names(frames, face.clips) for who, face in faces.items()} == {
        "ann": ["a.mp4", "b.mp4"],
        "bob": ["d.mp4"],
    }
    own = frames.features[frames.subjects == "bob"][:LEAST_FRAMES]
    np.testing.assert_allclose(faces["bob"].values, np.median(own, axis=0), rtol=1e-6)


def test_who_has_no_clip_but_those_to_enrol_from_is_not_scored(tmp_path: Path) -> None:
    clips = [
        ("a.mp4", "ann", "Neutral", LEAST_FRAMES),
        ("b.mp4", "bob", "Neutral", 3),
        ("c.mp4", "bob", "Neutral", 3),
        *((f"{who}{clip}.mp4", who, clip, 6) for who in ("cyd", "dan") for clip in EMOTIONS),
    ]
    frames = clips_of(tmp_path / "t.parquet", clips)
    assert list(rest_faces(frames, every_row(frames))) == ["cyd", "dan"]
    found = evaluate_frames(frames, FACS).enrolment
    assert found is not None
    assert (found.people_held_out, found.compared.people) == (4, 2)
    assert found.scored == {"Happy": 2}


def test_a_frame_without_values_is_none_to_enrol_from(tmp_path: Path) -> None:
    frames = smiling(tmp_path / "p.parquet")
    values = frames.features[:]
    values[5] = np.nan  # the first of p0/c1.mp4: four are left, too few
    faces = rest_faces(replace(frames, features=Computed(values)), every_row(frames))
    assert names(frames, faces["p0"].clips) == ["p0/c1.mp4", "p0/c3.mp4"]
    assert faces["p0"].frames == 9


def test_a_clip_without_a_face_is_an_error_enrolled_or_not(tmp_path: Path) -> None:
    found = evaluate_frames(smiling(tmp_path / "p.parquet", faceless=range(10, 15)), FACS)
    assert found.enrolment is not None
    assert [line.unanswered for line in found.enrolment.compared.lines] == [1, 1]
    assert gain(found)[1] == pytest.approx(11 / 12)


def test_fewer_than_two_people_who_can_be_enrolled_are_not_measured(tmp_path: Path) -> None:
    frames = clips_of(
        tmp_path / "t.parquet",
        [
            ("a.mp4", "ann", "Neutral", 6),
            ("b.mp4", "ann", "Happy", 6),
            ("c.mp4", "bob", "Neutral", 2),
            ("d.mp4", "bob", "Happy", 6),
        ],
    )
    found = evaluate_frames(frames, FACS)
    assert found.enrolment is None
    assert found.warnings[-1].startswith("enrolment was not measured: it takes two or more people")


@pytest.mark.parametrize(
    ("recipe", "people", "words"),
    [
        ("seed", 4, "recipe seed sees where a face is, and enrolling would move it"),
        ("majority", 4, "recipe majority does not look at faces"),
        ("facs", 1, "nobody is held out"),
    ],
)
def test_where_it_cannot_be_measured_it_is_said_why(
    tmp_path: Path, recipe: str, people: int, words: str
) -> None:
    path = write_people(tmp_path / "p.parquet", people=people, emotions=EMOTIONS)
    quick = {"hidden_units": 4, "epochs": 1} if recipe == "seed" else {}
    settings = TrainSettings(recipe=recipe, folds=2, enrol=True, **quick)
    found = evaluate_frames(seen(path, recipe), settings)
    assert found.enrolment is None
    assert found.warnings[-1] == f"enrolment was not measured: {words}"


def test_people_are_moved_to_the_rest_of_those_learnt_from_and_for_facs_to_its_own(
    tmp_path: Path,
) -> None:
    frames = smiling(tmp_path / "p.parquet")
    rows = np.flatnonzero(frames.subjects != "p0")
    of_facs = reference_face(find_recipe("facs"), frames, rows)
    np.testing.assert_array_equal(of_facs, facs_reference())
    of_others = reference_face(find_recipe("logistic"), frames, rows)
    neutral = rows[frames.labels[rows] == "Neutral"]
    np.testing.assert_allclose(of_others, frames.features[neutral].mean(axis=0), rtol=1e-5)
    happy = rows[frames.labels[rows] == "Happy"]
    assert reference_face(find_recipe("logistic"), frames, happy) is None


@pytest.mark.parametrize(
    ("recipe", "quick"),
    [
        ("logistic", {"calibration": "none"}),
        ("cnn", {"epochs": 1, "hidden_units": 16, "calibration_folds": 2}),
    ],
)
def test_it_changes_no_other_number_needs_no_further_fit_and_comes_out_the_same_twice(
    tmp_path: Path, recipe: str, quick: dict
) -> None:
    path = tmp_path / "p.parquet"
    simulate(path, people=4, clips_each=6, frames=6, emotions=("Happy", "Neutral", "Sad"), seed=4)
    frames = seen(path, recipe)
    told: list[list[str]] = []

    def evaluated(**settings: bool) -> Evaluation:
        told.append([])
        chosen = TrainSettings(recipe=recipe, folds=2, **quick, **settings)
        return evaluate_frames(frames, chosen, on_progress=lambda *said: told[-1].append(str(said)))

    plain, enrolled, again = evaluated(), evaluated(enrol=True), evaluated(enrol=True)
    assert told[0] == told[1] == told[2]
    assert plain.enrolment is None
    assert plain.held_out is not None and enrolled.held_out is not None
    assert plain.held_out.result.model_dump_json() == enrolled.held_out.result.model_dump_json()
    assert enrolled.enrolment is not None and again.enrolment is not None
    assert enrolled.enrolment.compared.people == 4
    assert enrolled.enrolment.scored == {"Happy": 8, "Neutral": 4, "Sad": 8}
    assert enrolled.enrolment.model_dump_json() == again.enrolment.model_dump_json()
