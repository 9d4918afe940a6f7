"""Files become clips whose names are safe and their own."""

import os
from pathlib import Path

import pytest

from mien.errors import InputError
from mien.recording.sources import find_sources


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def names(*paths: Path) -> list[str]:
    return [source.clip for source in find_sources(paths)]


def test_a_clip_is_named_by_its_path_below_the_folder(tmp_path: Path) -> None:
    touch(*(tmp_path / name for name in ("b/x.mp4", "a/x.MP4", "p.jpg", "n.txt")))
    assert names(tmp_path) == ["a/x.MP4", "b/x.mp4", "p.jpg"]


def test_equal_names_in_two_folders_stay_two_clips(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "x.mp4", tmp_path / "b" / "x.mp4")
    assert names(tmp_path / "a", tmp_path / "b") == ["a/x.mp4", "b/x.mp4"]
    assert names(tmp_path / "a" / "x.mp4", tmp_path / "b") == ["a/x.mp4", "b/x.mp4"]


def test_files_given_by_name_need_no_known_ending(tmp_path: Path) -> None:
    touch(tmp_path / "x.weird", tmp_path / "y.mp4")
    assert names(tmp_path / "x.weird", tmp_path / "y.mp4") == ["x.weird", "y.mp4"]


def test_a_file_given_twice_is_one_clip(tmp_path: Path) -> None:
    touch(tmp_path / "x.mp4")
    assert len(find_sources([tmp_path, tmp_path])) == 1


def test_no_name_leads_out_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path / "x.mp4", tmp_path / "deep" / "y.mp4")
    monkeypatch.chdir(tmp_path / "deep")
    assert names(Path(".."), Path("y.mp4")) == ["deep/y.mp4", "x.mp4"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_is_no_unicode_becomes_one(tmp_path: Path) -> None:
    touch(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4")))
    assert names(tmp_path) == ["�.mp4"]


def test_a_missing_path_and_an_empty_folder_say_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file or folder at"):
        find_sources([tmp_path / "none"])
    with pytest.raises(InputError, match="no video or photo in"):
        find_sources([tmp_path])
    with pytest.raises(InputError, match="nothing to extract"):
        find_sources([])
