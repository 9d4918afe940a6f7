from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from rich.console import Console

from mien.errors import InputError, ShapeError
from mien.tables import landmark_batch, write_table
from mien.text import printable
from mien.workflows.inspect import Inspection, describe, inspect


def text_of(inspection: Inspection, *, width: int = 120) -> str:
    console = Console(width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(describe(inspection))
    return capture.get()


@pytest.fixture
def table_of(tmp_path: Path):
    """A function: points and other columns to a table; the name is by default a.flv."""

    def make(points: np.ndarray, **columns) -> Path:
        count = len(points)
        columns = {"video_filename": ["a.flv"] * count, "frame_num": range(count), **columns}
        columns = {name: list(values) for name, values in columns.items()}
        return write_table([landmark_batch(points, columns)], tmp_path / "table.parquet")

    return make


def faces(count: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, 478, 3), np.float32)


def test_the_six_clips_are_without_problems_and_warned_of_the_leak(landmarks_file: Path) -> None:
    inspection = inspect(landmarks_file)
    assert inspection.problems == []
    assert inspection.survey.rows == 379
    assert inspection.survey.labels == {
        "Angry": 67,
        "Disgust": 70,
        "Fear": 65,
        "Happy": 56,
        "Neutral": 61,
        "Sad": 60,
    }
    text = text_of(inspection)
    assert "a random-frame split would leak: 6 of 6 clips" in text
    assert "1 from the subject column: 1001" in text


def test_the_preview_is_the_references(landmarks_file: Path, landmarks: pa.Table) -> None:
    inspection = inspect(landmarks_file)
    assert list(inspection.preview[0]) == [
        "video_filename",
        "frame_num",
        "emotion",
        "x_477",
        "y_477",
        "z_477",
    ]
    assert len(inspection.preview) == 5
    text = text_of(inspection)
    for row in inspection.preview:
        assert f"{row['x_477']:.6f}" in text


def test_the_schema_and_the_files_maker_are_told(landmarks_file: Path) -> None:
    text = text_of(inspect(landmarks_file))
    assert "x_0 … z_477" in text
    assert "float32" in text
    for column in ("video_filename", "frame_num", "emotion", "subject", "time_s", "presence"):
        assert column in text
    assert "mien-facemesh" in text
    assert "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff" in text


def test_a_csv_says_that_its_maker_is_not_told(tmp_path: Path, landmarks: pa.Table) -> None:
    table = write_table(landmarks.slice(0, 3), tmp_path / "table.csv")
    assert "not told" in text_of(inspect(table))


def test_duplicates_gaps_in_points_and_infinities_are_problems(table_of) -> None:
    points = faces(6)
    points[1, 5] = np.nan
    points[2, 9, 1] = np.inf
    problems = inspect(table_of(points, frame_num=[0, 1, 2, 3, 4, 4])).problems
    assert len(problems) == 3
    assert any("some but not all of the 1,434" in text and "frame 1" in text for text in problems)
    assert any("infinite" in text and "frame 2" in text for text in problems)
    assert any("repeat" in text and "frame 4" in text for text in problems)


def test_a_clip_name_that_leads_outside_is_a_problem(table_of) -> None:
    (problem,) = inspect(table_of(faces(2), video_filename=["../a.flv", "b.flv"])).problems
    assert "lead outside" in problem


def test_frames_without_a_face_gaps_and_missing_labels_are_only_noted(table_of) -> None:
    points = faces(4)
    points[0] = np.nan
    inspection = inspect(table_of(points, frame_num=[0, 1, 5, 6]))
    assert inspection.problems == []
    notes = " ".join(inspection.notes)
    assert "1 rows have no face" in notes
    assert "gaps in frame_num" in notes
    assert "no emotion" in notes
    text = text_of(inspection)
    assert "1 (25.0 %)" in text
    assert "3 frame numbers skipped" in text
    assert "no row has an emotion" in text


def test_one_frame_a_clip_and_one_clip_a_person_does_not_leak(table_of) -> None:
    clips, people = ["a.jpg", "b.jpg"], ["ann", "ben"]
    table = table_of(
        faces(2), video_filename=clips, frame_num=[0, 0], subject=people, emotion=["Sad", "Happy"]
    )
    assert "would not leak" in text_of(inspect(table))


def test_spellings_of_a_label_are_counted_as_one_and_named(table_of) -> None:
    inspection = inspect(table_of(faces(3), emotion=["ANG", "Angry", "happiness"]))
    assert inspection.survey.labels == {"Angry": 2, "Happy": 1}
    assert "ANG → Angry" in text_of(inspection)


def test_an_extra_column_is_listed_as_kept(table_of) -> None:
    text = text_of(inspect(table_of(faces(2), site=["north", "south"])))
    assert "site" in text
    assert "kept as it is" in text


HOSTILE = ["[bold red]x[/bold red]", "[/]", "\x1b[2Jcleared", "<script>alert(1)</script>", "a\nb"]


@pytest.mark.parametrize("text", HOSTILE)
def test_any_text_in_names_and_labels_is_shown_and_steers_no_terminal(table_of, text: str) -> None:
    columns = dict(video_filename=[text] * 2, emotion=[text] * 2, subject=[text] * 2)
    shown = text_of(inspect(table_of(faces(2), **columns)), width=200)
    assert printable(text) in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("width", [30, 80, 200])
def test_a_narrow_terminal_breaks_nothing(landmarks_file: Path, width: int) -> None:
    text = text_of(inspect(landmarks_file), width=width)
    assert max(len(line) for line in text.splitlines()) <= width


def test_a_table_without_rows_is_told(tmp_path: Path, landmarks: pa.Table) -> None:
    empty = tmp_path / "empty.parquet"
    pa.parquet.write_table(landmarks.slice(0, 0), empty)
    inspection = inspect(empty)
    assert inspection.preview == []
    assert "0 (0.0 %)" in text_of(inspection)


def test_what_is_no_landmark_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no table at"):
        inspect(tmp_path / "absent.parquet")
    columns = {f"{axis}_{n}": [0.5] for n in range(468) for axis in "xyz"}
    small = pa.table({"video_filename": ["a"], "frame_num": [0], **columns})
    pa.parquet.write_table(small, tmp_path / "small.parquet")
    with pytest.raises(ShapeError, match="468 points a row, wanted 478"):
        inspect(tmp_path / "small.parquet")
