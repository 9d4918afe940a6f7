"""Who is in a clip: what is given on purpose comes before what a name suggests."""

from pathlib import Path

import numpy as np
import pytest

from mien.corpora.problems import Rows
from mien.corpora.subjects import read_subject_file, subjects_of, with_subjects
from mien.errors import InputError, LabelError

CREMA_D, RAVDESS = "1027_IOM_HAP_XX.flv", "Actor_12/01-01-05-02-01-01-12.mp4"


@pytest.fixture
def people(tmp_path: Path):
    """A function: the text of a subject file to what was read of it."""

    def read(content: str):
        path = tmp_path / "people.csv"
        path.write_text(content, "utf-8")
        return read_subject_file(path)

    return read


def test_names_of_crema_d_and_ravdess_tell_their_people() -> None:
    found = subjects_of([CREMA_D, RAVDESS, "holiday.mp4"])
    assert found.of_rows.tolist() == ["1027", "Actor_12", None]
    assert (found.from_names, found.from_column, found.from_csv, found.unknown) == (2, 0, 0, 1)


def test_the_column_comes_before_the_name_and_the_csv_before_both(people) -> None:
    clips = [CREMA_D, CREMA_D, "b.mp4", "c.mp4", "d.mp4"]
    column = [None, "col", "col", " ", float("nan")]
    assert subjects_of(clips, column=column).of_rows.tolist() == ["1027", "col", "col", None, None]
    found = subjects_of(clips, column=column, labels=people("clip,person\nb,ben\nc.mp4,cat\n"))
    assert found.of_rows.tolist() == ["1027", "col", "ben", "cat", None]
    assert (found.from_csv, found.from_column, found.from_names, found.unknown) == (2, 1, 1, 1)


def test_a_csv_that_names_none_of_the_clips_is_told(people) -> None:
    with pytest.raises(LabelError, match=r"names none of the 1 clips \(the first is 'a.mp4'\)"):
        subjects_of(["a.mp4"], labels=people("clip,person\nb.mp4,ben\n"))


def test_a_csv_without_people_is_told(people) -> None:
    with pytest.raises(LabelError, match="names nobody: wanted a clip column"):
        people("clip,emotion\na.mp4,happy\n")
    with pytest.raises(LabelError, match="names nobody"):
        people("clip,subject\na.mp4,\n")
    with pytest.raises(LabelError, match="'a.mp4' both 'ann' and 'ben'"):
        people("clip,subject\na.mp4,ann\na.mp4,ben\n")
    with pytest.raises(InputError, match="no label file at"):
        read_subject_file("nowhere.csv")


def test_a_column_of_another_length_is_refused() -> None:
    with pytest.raises(LabelError, match="1 people in the column for 2 rows"):
        subjects_of(["a", "b"], column=["ann"])


def test_a_table_s_rows_take_the_people_of_the_csv_and_keep_the_rest(people) -> None:
    rows = Rows(
        clip=np.array([0, 0, 1, 2, -1], np.int32),
        frame=np.arange(5),
        face=np.full(5, -1, np.int32),
        spelling=np.zeros(5, np.int32),
        subject=np.array([0, 0, 1, -1, -1], np.int32),
        state=np.zeros(5, np.int8),
        clip_names=["a.mp4", "b.mp4", "c.mp4"],
        spellings=["Happy"],
        people=["old", "zed"],
    )
    found = with_subjects(rows, people("clip,subject\na.mp4,ann\nc.mp4,cat\n"))
    named = [found.people[who] if who >= 0 else None for who in found.subject]
    assert named == ["ann", "ann", "zed", "cat", None]
    assert found.people == ["ann", "cat", "zed"] and found.subject.dtype == np.int32
    assert (found.clip == rows.clip).all() and rows.people == ["old", "zed"]
