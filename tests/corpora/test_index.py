"""Labels reach the clips they are of, and no others."""

from pathlib import Path

import pytest

from mien.corpora.index import label_of, read_label_file
from mien.corpora.names import ClipLabel
from mien.errors import InputError, LabelError


@pytest.fixture
def labels(tmp_path: Path):
    """A function: the text or bytes of a label file to what was read of it."""

    def read(content: str | bytes):
        path = tmp_path / "labels.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_label_file(path)

    return read


def test_a_row_with_a_folder_labels_no_clip_of_that_name_in_another(labels) -> None:
    file = labels("file,emotion\nhappy/001.flv,happy\n")
    assert file.label_of("happy/001.flv") == ClipLabel("Happy")
    assert file.label_of("sad/001.flv") is None
    assert file.label_of("001.flv") is None


def test_a_row_without_a_folder_labels_the_clips_of_that_name_in_any(labels) -> None:
    file = labels("file,emotion\n001.flv,happy\n002,sad\n")
    assert file.label_of("a/b/001.flv") == file.label_of("001.flv") == ClipLabel("Happy")
    assert file.label_of("a/002.mp4") == ClipLabel("Sad")


def test_a_row_for_the_very_path_wins_over_one_for_the_name(labels) -> None:
    file = labels("file,emotion\n001.flv,happy\nsad/001.flv,sad\n")
    assert file.label_of("sad/001.flv") == ClipLabel("Sad")
    assert file.label_of("other/001.flv") == ClipLabel("Happy")


def test_a_path_needs_no_ending_and_may_have_backslashes(labels) -> None:
    file = labels("path,label\nhappy/001,happy\nsad\\002.flv,sad\n")
    assert file.label_of("happy/001.flv") == ClipLabel("Happy")
    assert file.label_of("sad/002.flv") == ClipLabel("Sad")
    assert file.label_of("sad/001.flv") is None


def test_a_name_without_ending_that_two_rows_share_is_refused_when_they_differ(labels) -> None:
    file = labels("file,emotion\na.mp4,happy\na.jpg,sad\nb.mp4,sad\nb.jpg,sad\n")
    assert file.label_of("x/a.jpg") == ClipLabel("Sad")
    assert file.label_of("b.flv") == ClipLabel("Sad")
    with pytest.raises(LabelError, match="several rows for 'a' with other labels"):
        file.label_of("a.flv")


@pytest.mark.parametrize("again", ["a/1.flv", "a\\1.flv", "./a/1.flv"])
def test_two_rows_that_contradict_each_other_name_the_clip_and_both_labels(
    labels, again: str
) -> None:
    with pytest.raises(LabelError, match="labels 'a/1.flv' both 'Happy' and 'Sad'"):
        labels(f"file,emotion\na/1.flv,happy\n{again},sad\n")


def test_two_people_for_one_clip_are_a_contradiction_too(labels) -> None:
    with pytest.raises(LabelError, match="'1.flv' both 'ann' and 'ben'"):
        labels("file,subject\n1.flv,ann\n1.flv,ben\n")


def test_rows_that_agree_or_complete_each_other_are_one(labels) -> None:
    file = labels("file,emotion,subject\n1.flv,happy,\n1.flv,joy,ann\n1.flv,,ann\n")
    assert file.label_of("1.flv") == ClipLabel("Happy", "ann")


@pytest.mark.parametrize(
    "header", ["video_filename,emotion,subject", " Clip ,EXPRESSION,ActorID", "IMAGE,Label,Person"]
)
def test_columns_go_by_several_names_in_any_case(labels, header: str) -> None:
    assert labels(f"{header}\n1.flv,ANG,7\n").label_of("1.flv") == ClipLabel("Angry", "7")


def test_a_byte_order_mark_and_windows_line_ends_are_read(labels) -> None:
    file = labels(b"\xef\xbb\xbffile,emotion\r\n1.flv,happy\r\n\r\n2.flv,sad")
    assert file.label_of("1.flv") == ClipLabel("Happy")
    assert file.label_of("2.flv") == ClipLabel("Sad")


def test_text_that_is_no_utf8_is_told_with_its_line(labels) -> None:
    with pytest.raises(LabelError, match="not UTF-8 in line 3: save it again as UTF-8"):
        labels("file,emotion\na.flv,sad\né.flv,happy\n".encode("latin-1"))


def test_a_quoted_name_may_hold_a_comma_and_a_line_end(labels) -> None:
    file = labels('file,emotion\n"a,b\nc.flv",happy\n')
    assert file.label_of("a,b\nc.flv") == ClipLabel("Happy")


def test_short_rows_long_rows_and_rows_without_a_clip_are_no_harm(labels) -> None:
    file = labels("file,emotion\n1.flv\n,happy\n2.flv,sad,more,yet more\n")
    assert file.label_of("1.flv") == ClipLabel()
    assert file.label_of("2.flv") == ClipLabel("Sad")


@pytest.mark.parametrize(
    ("content", "names"), [("", "none"), ("a,b\n", "a, b"), ("file,mood\n", "file, mood")]
)
def test_a_file_without_the_columns_says_which_it_has(labels, content: str, names: str) -> None:
    with pytest.raises(LabelError, match=f"has columns {names}; wanted one of video_filename"):
        labels(content)


@pytest.mark.parametrize(
    ("name", "said"), [("none.csv", "no label file at"), ("n" * 300 + ".csv", "cannot read .*: ")]
)
def test_no_label_file_says_so(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_label_file(tmp_path / name)


def test_what_the_file_leaves_out_the_clips_own_name_tells(labels) -> None:
    file = labels("file,emotion\n1027_IOM_HAP_XX.flv,sad\n")
    label = label_of("1027_IOM_HAP_XX.flv", file)
    assert (label.emotion, label.subject) == ("Sad", "1027")
    assert label_of("1028_IOM_HAP_XX.flv", file).emotion == "Happy"
