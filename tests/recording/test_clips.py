import os
from pathlib import Path

import pytest

from mien.errors import InputError
from mien.recording.clips import frames_at, resolve_clip


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A folder of videos, beside a file that no table may reach."""
    folder = tmp_path / "videos"
    (folder / "bed 3").mkdir(parents=True)
    (folder / "a.mp4").touch()
    (folder / "a..b.mp4").touch()
    (folder / "bed 3" / "b.mp4").touch()
    (tmp_path / "secret.mp4").touch()
    return folder


@pytest.mark.parametrize("name", ["a.mp4", "bed 3/b.mp4", "bed 3\\b.mp4", "a..b.mp4", "./a.mp4"])
def test_a_clip_below_the_folder_is_found(videos: Path, name: str) -> None:
    found = resolve_clip(videos, name)
    assert found is not None
    assert found.is_file()


@pytest.mark.parametrize("name", ["c.mp4", "bed 3", "bed 3/a.mp4", "x" * 5000, "a.mp4/b.mp4"])
def test_a_clip_that_the_folder_lacks_is_none(videos: Path, name: str) -> None:
    assert resolve_clip(videos, name) is None


@pytest.mark.parametrize(
    "name",
    [
        "../secret.mp4",
        "..\\secret.mp4",
        "bed 3/../../secret.mp4",
        "bed 3/../a.mp4",
        "/etc/passwd",
        "\\\\server\\share\\a.mp4",
        "\\secret.mp4",
        "C:\\secret.mp4",
        "C:secret.mp4",
    ],
)
def test_a_name_that_leads_outside_is_refused(videos: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"leads outside .* refused"):
        resolve_clip(videos, name)


def test_an_absolute_path_is_refused_even_into_the_folder(videos: Path) -> None:
    with pytest.raises(InputError, match="refused"):
        resolve_clip(videos, str(videos / "a.mp4"))


@pytest.mark.parametrize("name", ["", ".", "a\0b.mp4"])
def test_a_name_that_names_no_file_is_refused(videos: Path, name: str) -> None:
    with pytest.raises(InputError, match="wanted a path below"):
        resolve_clip(videos, name)


def test_a_link_that_leads_outside_is_refused(videos: Path) -> None:
    os.symlink(videos.parent / "secret.mp4", videos / "link.mp4")
    os.symlink(videos.parent, videos / "up")
    for name in ("link.mp4", "up/secret.mp4"):
        with pytest.raises(InputError, match="a link that leads outside"):
            resolve_clip(videos, name)


def test_a_link_within_the_folder_and_a_linked_folder_are_fine(videos: Path) -> None:
    os.symlink(videos / "a.mp4", videos / "same.mp4")
    os.symlink(videos, videos.parent / "alias")
    assert resolve_clip(videos, "same.mp4") == videos / "same.mp4"
    assert resolve_clip(videos.parent / "alias", "a.mp4") is not None


def test_a_link_in_a_circle_is_missing(videos: Path) -> None:
    os.symlink(videos / "loop.mp4", videos / "loop.mp4")
    assert resolve_clip(videos, "loop.mp4") is None


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no folder of videos at .*nowhere"):
        resolve_clip(tmp_path / "nowhere", "a.mp4")


def test_the_wanted_frames_come_in_order_and_those_beyond_the_end_do_not(clips) -> None:
    frames = list(frames_at(clips[0], indices=[40, 3, 3, 500]))
    assert [frame.index for frame in frames] == [3, 40]
    assert frames[0].image.shape == (360, 480, 3)


def test_decoding_stops_after_the_last_wanted_frame(tmp_path: Path, clips) -> None:
    cut = tmp_path / "cut.flv"
    cut.write_bytes(clips[0].read_bytes()[:150_000])
    assert [frame.index for frame in frames_at(cut, indices={0, 5})] == [0, 5]


def test_no_frame_wanted_is_no_frame_read(tmp_path: Path) -> None:
    assert list(frames_at(tmp_path / "absent.mp4", indices=[])) == []
