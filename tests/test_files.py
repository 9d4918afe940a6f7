"""Files whole or absent; addresses without their secrets."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.errors import InputError
from mien.files import is_address, redacted, replacing, take_lock, without_credentials

WORD = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789", min_size=6, max_size=12)


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ValueError), replacing(path) as temporary:
        temporary.write_text("new")
        raise ValueError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"), replacing(tmp_path / "file" / "a"):
        pass


def test_a_lock_is_held_by_one_at_a_time_and_both_refusals_are_told(tmp_path: Path) -> None:
    words = {"busy": "another is writing: wait for it", "cannot": "cannot write there"}
    lock = take_lock(tmp_path / "parts" / "lock", **words)
    with pytest.raises(InputError, match="another is writing: wait for it"):
        take_lock(tmp_path / "parts" / "lock", **words)
    lock.release()
    take_lock(tmp_path / "parts" / "lock", **words).release()
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write there: "):
        take_lock(tmp_path / "file" / "lock", **words)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No space left"), replacing(tmp_path / "a") as temporary:
        temporary.symlink_to("/dev/full")
        with open(temporary, "w") as handle:
            handle.write("x" * 100_000)


@given(user=WORD, password=WORD, host=WORD, token=WORD)
def test_no_part_of_a_credential_survives(user: str, password: str, host: str, token: str) -> None:
    address = f"rtsp://{user}:{password}@{host.lower()}.example:8554/x?user={user}&pwd={token}"
    for text in (without_credentials(address), redacted(f"cannot open '{address}': refused")):
        assert f"rtsp://{host.lower()}.example:8554/x" in text
        assert "@" not in text and "?" not in text


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://nurse:S3CRET@h/x",
        "rtsp://nurse:S3/CRET@h/x",
        "rtsp://nurse:S3#CRET@h/x",
        "rtsp://nurse:S3?CRET@h/x",
        "rtsp://nurse:[S3CRET]@h/x",
        "rtsp://nurse:S3'CRET\"<@h/x",
        "rtsp://nurse:S3 CRET@h/x",
        "rtsp://nurse:S3\u2100CRET@h/x",
        "rtsp:/nurse:S3CRET@h/x",
        "rtsp://h/user=nurse&password=S3CRET/x",
        "rtsp://h/x;password=S3CRET",
        "rtsp://h/x?pwd=S3CRET",
    ],
)
def test_a_camera_s_password_is_cut_wherever_it_stands(address: str) -> None:
    assert is_address(address) and is_address(Path(address))
    for text in (without_credentials(address), redacted(f"cannot open {address}")):
        assert "S3" not in text and "CRET" not in text and "nurse" not in text
        assert "rtsp://h" in text
