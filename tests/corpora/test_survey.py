"""A survey counts what is there and names what is wrong, with the first example."""

from pathlib import Path

import numpy as np
import pytest

from mien.corpora.survey import Problem, Survey, preview, refuse, survey
from mien.errors import TableError
from mien.tables import open_landmarks
from tests.emotion.tables import write_people, write_rows

KEYS = {"video_filename": ["a.mp4"] * 4, "frame_num": [0, 1, 2, 3], "emotion": ["Happy", "Sad"] * 2}


def surveyed(path: Path, points: np.ndarray, columns: dict[str, list]) -> Survey:
    return survey(open_landmarks(write_rows(path, points, columns)))


def problem(found: Survey, kind: str) -> Problem:
    return next(problem for problem in found.problems if problem.kind == kind)


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).uniform(0.2, 0.8, (4, 478, 3)).astype(np.float32)


@pytest.mark.parametrize("name", ["people.parquet", "people.csv"])
def test_a_whole_table_has_no_problems(tmp_path: Path, name: str) -> None:
    found = survey(open_landmarks(write_people(tmp_path / name)))
    assert found.problems == ()
    assert (found.rows, found.clips, len(found.subjects)) == (60, 12, 4)
    assert found.labels == {"Angry": 20, "Happy": 20, "Sad": 20}
    assert found.subjects_from == "the subject column"
    assert found.frames_a_clip == (5, 5.0, 5)
    refuse(found)


def test_it_says_that_random_frames_leak(tmp_path: Path) -> None:
    many = survey(open_landmarks(write_people(tmp_path / "a.parquet")))
    assert many.random_frames_leak
    assert "12 of 12 clips have more than one frame" in many.leakage_sentence()
    single = write_people(tmp_path / "b.parquet", clips_each=1, frames=1)
    assert not survey(open_landmarks(single)).random_frames_leak


def test_people_are_read_from_file_names(tmp_path: Path, points: np.ndarray) -> None:
    names = ["1001_DFA_ANG_XX.flv", "1001_DFA_SAD_XX.flv", "1002_DFA_SAD_XX.flv", "holiday.mp4"]
    found = surveyed(tmp_path / "t.parquet", points, KEYS | {"video_filename": names})
    assert found.subjects == {"1001": 2, "1002": 1}
    assert found.subjects_from == "file names"
    assert found.subjects_with_many_clips == 1
    assert problem(found, "no subject").count == 1


def test_a_subject_column_comes_before_file_names(tmp_path: Path, points: np.ndarray) -> None:
    names = ["1001_DFA_ANG_XX.flv"] * 4
    columns = KEYS | {"video_filename": names, "subject": ["ann", "ann", None, "ann"]}
    found = surveyed(tmp_path / "t.parquet", points, columns)
    assert found.subjects == {"1001": 1, "ann": 3}
    assert found.subjects_from == "both"


def test_spellings_become_one_vocabulary(tmp_path: Path, points: np.ndarray) -> None:
    columns = KEYS | {"emotion": ["ANG", "anger", "Happy", "  "]}
    found = surveyed(tmp_path / "t.parquet", points, columns)
    assert found.labels == {"Angry": 2, "Happy": 1}
    assert found.renamed == {"ANG": "Angry", "anger": "Angry"}
    assert found.rows_without_label == 1


def test_an_empty_row_has_no_face_and_is_no_error(tmp_path: Path, points: np.ndarray) -> None:
    points[2] = np.nan
    found = surveyed(tmp_path / "t.parquet", points, KEYS)
    assert found.rows_without_face == 1
    assert problem(found, "no face").first == "row 2, 'a.mp4' frame 2"
    refuse(found)


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        (np.nan, "partial face", "1 rows have some but not all of the 1,434 coordinates"),
        (np.inf, "infinite coordinate", "1 rows have an infinite coordinate"),
    ],
)
def test_half_a_face_is_refused(
    tmp_path: Path, points: np.ndarray, value: float, kind: str, words: str
) -> None:
    points[3, 7, 1] = value
    found = surveyed(tmp_path / "t.parquet", points, KEYS)
    assert problem(found, kind).first == "row 3, 'a.mp4' frame 3"
    with pytest.raises(TableError, match=words):
        refuse(found)


def test_a_repeated_frame_is_refused(tmp_path: Path, points: np.ndarray) -> None:
    found = surveyed(tmp_path / "t.parquet", points, KEYS | {"frame_num": [0, 1, 1, 1]})
    assert problem(found, "duplicate row").count == 2
    assert problem(found, "duplicate row").first == "row 2, 'a.mp4' frame 1"
    with pytest.raises(TableError, match="keep one row a frame"):
        refuse(found)


def test_two_faces_of_one_frame_are_no_repeat(tmp_path: Path, points: np.ndarray) -> None:
    columns = KEYS | {"frame_num": [0, 0, 1, 1], "face_id": [0, 1, 0, 1]}
    found = surveyed(tmp_path / "t.parquet", points, columns)
    assert not [p for p in found.problems if p.kind == "duplicate row"]
    columns["face_id"] = [0, 1, 1, 1]
    assert problem(surveyed(tmp_path / "u.parquet", points, columns), "duplicate row").count == 1


def test_skipped_frames_are_counted(tmp_path: Path, points: np.ndarray) -> None:
    found = surveyed(tmp_path / "t.parquet", points, KEYS | {"frame_num": [3, 0, 9, 4]})
    assert problem(found, "gap").count == 2
    assert found.missing_frames == 2 + 4


def test_one_class_is_refused(tmp_path: Path, points: np.ndarray) -> None:
    found = surveyed(tmp_path / "t.parquet", points, KEYS | {"emotion": ["Sad"] * 4})
    with pytest.raises(TableError, match=r"1 emotion .* \(first: 'Sad'\): add labelled clips"):
        refuse(found)


@pytest.mark.parametrize("label", ["Happy|Sad", "|", "Unknown"])
def test_a_label_that_predictions_could_not_tell_is_refused(
    tmp_path: Path, points: np.ndarray, label: str
) -> None:
    """Sets of labels are joined by |, and the answer may be unknown."""
    found = surveyed(tmp_path / "t.parquet", points, KEYS | {"emotion": ["Happy", label] * 2})
    assert problem(found, "ambiguous label").first == repr(label)
    with pytest.raises(TableError, match=r"1 labels hold '\|' or read 'unknown' .* another label"):
        refuse(found)


def test_a_table_without_any_face_is_refused(tmp_path: Path, points: np.ndarray) -> None:
    found = surveyed(tmp_path / "t.parquet", points * np.nan, KEYS)
    with pytest.raises(TableError, match="4 rows, none of which has a face"):
        refuse(found)


def test_names_that_lead_outside_and_mixed_clips_are_named(
    tmp_path: Path, points: np.ndarray
) -> None:
    names = ["../a.mp4", "b.mp4", "b.mp4", "/etc/c.mp4"]
    columns = KEYS | {"video_filename": names, "emotion": ["ANG", "Angry", "Sad", "Sad"]}
    found = surveyed(tmp_path / "t.parquet", points, columns)
    assert problem(found, "unsafe name").count == 2
    assert problem(found, "several labels").first == "'b.mp4'"


def test_the_preview_is_the_reference_s(tmp_path: Path) -> None:
    rows = preview(open_landmarks(write_people(tmp_path / "p.parquet")), rows=2)
    assert [*rows[0]] == ["video_filename", "frame_num", "emotion", "x_477", "y_477", "z_477"]
    assert len(rows) == 2
