"""mien.record: cameras and streams, which cannot be read twice."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.recording.video import read_frames
from mien.tables import has_face, points_of, read_landmarks
from mien.workflows.extract import record
from tests.recording.rtsp_camera import RtspCamera


@pytest.mark.slow
def test_a_camera_that_hangs_up_is_called_again_and_its_password_stays_nowhere(
    tmp_path: Path, clips: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    images = [frame.image for frame in read_frames(clips[4])]
    told: list[str] = []
    with RtspCamera(images, user="nurse", password="hunter2pw", frames_a_connection=20) as camera:
        address = f"rtsp://nurse:hunter2pw@127.0.0.1:{camera.port}/bed3"
        result = record(address, tmp_path / "t.parquet", duration_s=4.0, on_event=told.append)
        with pytest.raises(SystemExit) as ended:
            _run_cli(
                ["extract", address.replace("hunter2", "wrong"), "-o", str(tmp_path / "u.csv")]
            )
        assert camera.connections >= 2
    assert ended.value.code == 3
    assert result.rows > 25 and any("connecting again" in text for text in told)
    table = read_landmarks(result.table)
    name = table.column("video_filename")[0].as_py()
    assert name.startswith(f"127.0.0.1-{camera.port}/bed3/")
    assert np.diff(table.column("time_s").to_numpy()).min() > 0
    printed = capsys.readouterr()
    everything = [*told, printed.out, printed.err, *map(str, result.failures.values())]
    for path in tmp_path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"hunter2" not in content and b"wrongpw" not in content, path
    assert not any("hunter2" in text or "wrongpw" in text for text in everything)
    assert "127.0.0.1" in printed.err and "401" in printed.err


def _run_cli(words: list[str]) -> None:
    from mien import cli

    previous, sys.argv = sys.argv, ["mien", *words]
    try:
        cli.main()
    finally:
        sys.argv = previous


def test_a_webcam_that_stops_keeps_what_it_gave(
    tmp_path: Path, clips: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = cv2.VideoCapture  # OpenCV reads a file through the same class as a camera
    monkeypatch.setattr(cv2, "VideoCapture", lambda number: opened(str(clips[3])))
    result = record(0, tmp_path / "t.parquet")
    assert "camera 0 stopped after 56 frames" in next(iter(result.failures.values()))
    table = read_landmarks(result.table)
    assert table.num_rows == 56 and has_face(points_of(table)).all()
    assert table.column("video_filename")[0].as_py().startswith("webcam-0/")


def test_a_missing_webcam_says_so(tmp_path: Path) -> None:
    result = record(97, tmp_path / "t.parquet")
    assert result.table is None
    assert "no camera 97" in next(iter(result.failures.values()))
