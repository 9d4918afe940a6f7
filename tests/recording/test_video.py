"""Frames out of files: upright, timed, and an honest reason when they cannot be read."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from mien.errors import VideoError
from mien.recording.video import Position, expected_frames, read_frames, read_photo
from tests.recording.videos import turned, write_plain, write_video


@pytest.fixture(scope="module")
def images(clips: list[Path]) -> list[np.ndarray]:
    return [frame.image for frame in read_frames(clips[3])]


def test_every_frame_comes_in_order_with_its_time(clips: list[Path]) -> None:
    frames = list(read_frames(clips[0]))
    assert [frame.index for frame in frames] == list(range(67))
    assert frames[0].time_s == pytest.approx(0.027)
    assert np.diff([frame.time_s for frame in frames]) == pytest.approx(1 / 29.97, abs=0.001)
    assert frames[0].image.shape == (360, 480, 3)


@pytest.mark.parametrize("after", [0, 7, 30, 66])
def test_reading_goes_on_after_any_frame(clips: list[Path], after: int) -> None:
    whole = list(read_frames(clips[0]))
    position = Position(after, whole[after].time_s)
    rest = list(read_frames(clips[0], after=position))
    assert [frame.index for frame in rest] == list(range(after + 1, 67))
    for one, other in zip(rest, whole[after + 1 :], strict=True):
        assert one.time_s == other.time_s
        assert np.array_equal(one.image, other.image)


def test_reading_goes_on_after_a_seek(tmp_path: Path, images: list[np.ndarray]) -> None:
    path = write_video(tmp_path / "a.mp4", images, key_frame_every=5)
    whole = list(read_frames(path))
    rest = list(read_frames(path, after=Position(33, whole[33].time_s)))
    assert [(f.index, f.time_s) for f in rest] == [(f.index, f.time_s) for f in whole[34:]]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(rest, whole[34:], strict=True))


def test_a_variable_frame_rate_keeps_its_times(tmp_path: Path, images: list[np.ndarray]) -> None:
    times_s = [0, 0.04, 0.3, 0.31, 1.5, 1.517]
    path = write_video(tmp_path / "a.mkv", images[:6], times_s)
    assert [frame.time_s for frame in read_frames(path)] == pytest.approx(times_s, abs=1e-3)


def test_a_rotation_flag_turns_the_frames_upright(tmp_path: Path, images: list[np.ndarray]) -> None:
    lying = [np.rot90(image) for image in images[:3]]
    path = turned(write_video(tmp_path / "a.mp4", lying))
    upright = next(read_frames(path)).image
    assert upright.shape == images[0].shape
    assert np.abs(upright.astype(int) - images[0]).mean() < 6  # lossy encoding


def test_odd_sizes_and_a_single_frame_are_read(tmp_path: Path, images: list[np.ndarray]) -> None:
    path = write_video(tmp_path / "a.mkv", [images[0][:201, :303]])
    frames = list(read_frames(path))
    assert [frame.image.shape for frame in frames] == [(201, 303, 3)]


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.8, 0.95])
def test_a_truncated_flash_video_is_refused(
    tmp_path: Path, clips: list[Path], share: float
) -> None:
    content = clips[0].read_bytes()
    (tmp_path / "a.flv").write_bytes(content[: int(share * len(content))])
    with pytest.raises(VideoError, match="truncated|cut short"):
        list(read_frames(tmp_path / "a.flv"))


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi", "mov"])
@pytest.mark.parametrize("share", [0.4, 0.8])
def test_a_truncated_file_of_any_container_is_refused(
    tmp_path: Path, images: list[np.ndarray], ending: str, share: float
) -> None:
    path = write_video(tmp_path / f"a.{ending}", images)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(VideoError, match="truncated|cut short|damaged"):
        list(read_frames(path))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.mp4", b"", "empty"),
        ("a.mp4", b"not a video", "not a video"),
        ("a.flv", b"FLV\x01\x05" + b"\x00" * 30, "."),
        ("a.jpg", b"\xff\xd8\xff\xe0 no", "not a readable photo"),
        ("a.png", b"\x89PNG\r\n\x1a\n", "not a readable photo"),
    ],
)
def test_a_file_that_is_no_video_says_why(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=reason) as caught:
        list(read_frames(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_sound_alone_is_no_video(tmp_path: Path) -> None:
    import wave

    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\x00" * 16000)
    (tmp_path / "a.wav").rename(tmp_path / "a.mp4")
    with pytest.raises(VideoError, match="no video, only audio"):
        list(read_frames(tmp_path / "a.mp4"))


def test_a_photo_is_one_upright_frame(tmp_path: Path, images: list[np.ndarray]) -> None:
    lying = Image.fromarray(np.rot90(images[0]))
    exif = lying.getexif()
    exif[0x0112] = 6  # to be shown turned clockwise
    lying.save(tmp_path / "a.png", exif=exif)
    frames = list(read_frames(tmp_path / "a.png"))
    assert [(frame.index, frame.time_s) for frame in frames] == [(0, 0.0)]
    assert np.array_equal(frames[0].image, images[0])


def test_a_photo_cut_short_is_refused(tmp_path: Path, images: list[np.ndarray]) -> None:
    Image.fromarray(images[0]).save(tmp_path / "a.jpg")
    content = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(content[: len(content) // 2])
    with pytest.raises(VideoError, match="not a readable photo.*truncated"):
        read_photo(tmp_path / "a.jpg")


def test_the_number_of_frames_is_guessed_from_headers(clips: list[Path]) -> None:
    assert expected_frames(clips) == pytest.approx(379, abs=6)
    assert expected_frames(clips * 40) == pytest.approx(40 * 379, rel=0.05)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi", "mpg", "flv", "ts"])
@pytest.mark.parametrize("codec", ["mpeg4", "libx264", "mpeg2video"])
def test_reading_goes_on_after_any_frame_of_any_container(
    tmp_path: Path, images: list[np.ndarray], ending: str, codec: str
) -> None:
    """B-frames, equal millisecond stamps, stamps that go backwards or are missing."""
    try:
        path = write_plain(tmp_path / f"a.{ending}", images[:24], codec)
    except (av.error.FFmpegError, ValueError):
        assert (codec, ending) in {("mpeg2video", "flv"), ("mpeg4", "flv")}  # cannot be held
        return
    whole = list(read_frames(path))
    assert np.diff([frame.time_s for frame in whole]).min() > 0
    for frame in whole:
        position = Position(frame.index, frame.time_s, frame.is_exact)
        rest = list(read_frames(path, after=position))
        assert [(f.index, f.time_s) for f in rest] == [
            (f.index, f.time_s) for f in whole[frame.index + 1 :]
        ]
        if rest:
            assert np.array_equal(rest[0].image, whole[frame.index + 1].image)


def test_a_raw_stream_without_times_is_read(tmp_path: Path, images: list[np.ndarray]) -> None:
    path = write_plain(tmp_path / "a.h264", images[:10], "libx264")
    assert [frame.index for frame in read_frames(path)] == list(range(10))


@pytest.mark.parametrize(
    "text",
    ["ffconcat version 1.0\nfile other.mp4\n", "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n"],
)
def test_a_playlist_leads_nowhere(tmp_path: Path, images: list[np.ndarray], text: str) -> None:
    write_video(tmp_path / "other.mp4", images[:5])
    (tmp_path / "a.mp4").write_text(text)
    with pytest.raises(VideoError):
        list(read_frames(tmp_path / "a.mp4"))
