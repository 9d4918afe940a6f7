"""Files become clips whose names are safe and their own."""

import errno
import os
from pathlib import Path

import pytest

from mien.corpora.survey import leads_outside
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
def test_names_that_are_no_unicode_become_some_and_stay_two_clips(tmp_path: Path) -> None:
    files = [Path(os.fsdecode(os.fsencode(tmp_path) + end)) for end in (b"/\xff.mp4", b"/\xfe.mp4")]
    touch(*files)
    sources = find_sources([tmp_path])
    assert {source.clip: source.path for source in sources} == dict(
        zip(["%FF.mp4", "%FE.mp4"], files, strict=True)
    )
    assert not any(leads_outside(source.clip) for source in sources)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_two_files_of_one_clip_name_are_refused(tmp_path: Path) -> None:
    touch(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.mp4")), tmp_path / "%FF.mp4")
    with pytest.raises(InputError, match=r"two files would be the clip '%FF.mp4'.*rename one"):
        find_sources([tmp_path])


def test_a_missing_path_and_an_empty_folder_say_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file or folder at"):
        find_sources([tmp_path / "none"])
    with pytest.raises(InputError, match="no video or photo in"):
        find_sources([tmp_path])
    with pytest.raises(InputError, match="nothing to extract"):
        find_sources([])


def test_one_path_alone_is_that_path(tmp_path: Path) -> None:
    touch(tmp_path / "x.mp4")
    assert find_sources(tmp_path) == find_sources(str(tmp_path)) == find_sources([tmp_path])


@pytest.mark.parametrize("address", ["rtsp://nurse:secret@host/bed", "rtsp:/nurse:secret@host/bed"])
@pytest.mark.parametrize("kind", [str, Path])
def test_an_address_is_no_file_and_its_password_is_not_shown(address: str, kind: type) -> None:
    with pytest.raises(InputError) as caught:
        find_sources(["x.mp4", kind(address)])
    assert str(caught.value) == "rtsp://host/bed is a stream: give it alone to mien extract"


def test_a_folder_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path / "x.mp4", tmp_path / "closed" / "y.mp4")
    scan = os.scandir

    def refusing(path: str):
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(InputError, match=r"cannot read folder .*closed: Permission denied"):
        find_sources([tmp_path])


def test_linked_folders_are_followed_once_and_loops_end(tmp_path: Path) -> None:
    touch(tmp_path / "far" / "y.mp4", tmp_path / "given" / "z" / "x.mp4")
    for link, target in {"a": "z", "back": "", "far": "../far", "far2": "../far"}.items():
        (tmp_path / "given" / link).symlink_to(tmp_path / "given" / target)
    assert names(tmp_path / "given") == ["far/y.mp4", "z/x.mp4"]
    assert names(tmp_path / "given" / "a") == ["x.mp4"]


def test_a_broken_link_is_a_clip_that_fails_later(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").symlink_to("nowhere.mp4")
    (tmp_path / "y.mp4").symlink_to("y.mp4")
    assert names(tmp_path / "x.mp4", tmp_path / "y.mp4") == ["x.mp4", "y.mp4"]


def test_paths_on_several_drives_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(paths: object) -> str:
        raise ValueError("Paths don't have the same drive")

    touch(tmp_path / "x.mp4")
    monkeypatch.setattr(os.path, "commonpath", refuse)
    with pytest.raises(InputError, match="extract each drive into its own table"):
        find_sources([tmp_path])


def test_a_path_that_the_system_refuses_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="cannot read .*File name too long"):
        find_sources([tmp_path / ("n" * 300)])
    with pytest.raises(InputError, match="no file or folder at"):
        find_sources([tmp_path / "a\0b"])

    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(InputError, match="cannot read .*x.mp4: Permission denied"):
        find_sources([tmp_path / "x.mp4"])
