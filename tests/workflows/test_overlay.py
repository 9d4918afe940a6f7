import os
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from mien.errors import InputError, TableError, VideoError
from mien.recording.drawing import MASK_RGB
from mien.recording.video import read_frames
from mien.tables import landmark_batch, points_of, write_table
from mien.workflows.overlay import overlay


@pytest.fixture(scope="module")
def videos(clips: list[Path]) -> Path:
    return clips[0].parent


@pytest.fixture
def photo_table(tmp_path: Path, landmarks: pa.Table):
    """A function: rows of (clip, frame, emotion, points) to a table. No points: a real face."""
    real = points_of(landmarks.slice(0, 1))[0]

    def make(rows, name: str = "table.parquet") -> Path:
        points = np.stack([real if row[3] is None else row[3] for row in rows])
        names = ("video_filename", "frame_num", "emotion")
        columns = {key: [row[n] for row in rows] for n, key in enumerate(names)}
        batch = landmark_batch(points, columns)
        return write_table([batch], tmp_path / name)

    return make


NO_FACE = np.full((478, 3), np.nan, np.float32)


def test_the_six_clips_become_one_figure_of_sixteen_frames(
    landmarks_file: Path, videos: Path, tmp_path: Path
) -> None:
    result = overlay(landmarks_file, videos=videos, out=tmp_path / "overlay.png")
    assert result.is_complete
    assert (result.frames, result.candidates) == (16, 379)
    with Image.open(tmp_path / "overlay.png") as image:
        assert image.width > 1500
        colors = image.convert("RGB").getcolors(maxcolors=1 << 24)
    assert MASK_RGB in {color for _, color in colors or []}


@pytest.mark.slow
def test_the_frames_are_those_that_pandas_samples_from_rows_with_a_face(
    landmarks: pa.Table, videos: Path, tmp_path: Path
) -> None:
    points = points_of(landmarks)
    points[::3] = np.nan
    columns = {name: landmarks[name].to_pylist() for name in ("video_filename", "frame_num")}
    table = write_table([landmark_batch(points, columns)], tmp_path / "gaps.parquet")
    result = overlay(table, videos=videos, out=tmp_path / "overlay.png")
    frame = pd.read_parquet(table)
    expected = frame[frame.x_0.notna()].sample(n=16, random_state=26)
    assert result.drawn == list(zip(expected.video_filename, expected.frame_num, strict=True))


def test_parquet_and_csv_give_the_same_figure(
    landmarks: pa.Table, videos: Path, tmp_path: Path
) -> None:
    table = write_table(landmarks.slice(0, 30), tmp_path / "table.csv")
    other = write_table(landmarks.slice(0, 30), tmp_path / "other.parquet")
    figures = [tmp_path / "a.png", tmp_path / "b.png"]
    for source, figure in zip((table, other), figures, strict=True):
        overlay(source, videos=videos, out=figure, frames=2)
    assert figures[0].read_bytes() == figures[1].read_bytes()


def test_clips_that_are_missing_are_named_and_skipped(
    landmarks_file: Path, clips: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "some"
    folder.mkdir()
    for clip in clips[:2]:
        shutil.copy(clip, folder)
    result = overlay(landmarks_file, videos=folder, out=tmp_path / "overlay.png", frames=3)
    assert result.missing_clips == [clip.name for clip in clips[2:]]
    assert not result.is_complete
    assert result.candidates == 67 + 70
    assert result.frames == 3


def test_a_folder_without_any_of_the_clips_is_an_error(
    landmarks_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"none of the table's 6 clips is in .*1001_DFA_ANG_XX"):
        overlay(landmarks_file, videos=tmp_path, out=tmp_path / "overlay.png")
    assert not list(tmp_path.iterdir())


def test_a_clip_that_cannot_be_read_and_a_frame_beyond_the_end_are_named(
    photo_table, clips: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(clips[0], folder / "good.flv")
    (folder / "text.mp4").write_text("not a video")
    (folder / "zero.mp4").touch()
    names = ("good.flv", 3), ("good.flv", 4000), ("text.mp4", 0), ("zero.mp4", 0)
    table = photo_table([(*name, "Angry", None) for name in names])
    result = overlay(table, videos=folder, out=tmp_path / "overlay.png")
    assert result.frames == 1
    assert set(result.failures) == {"good.flv", "text.mp4", "zero.mp4"}
    assert result.failures["good.flv"] == "it ends before frame 4000 of the table"
    assert "0 bytes" in result.failures["zero.mp4"]


def test_no_figure_is_written_when_no_frame_can_be_read(photo_table, tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "zero.mp4").touch()
    with pytest.raises(InputError, match=r"none of the 1 frames could be read; zero\.mp4: "):
        overlay(photo_table([("zero.mp4", 0, "Sad", None)]), videos=folder, out=tmp_path / "o.png")
    assert not (tmp_path / "o.png").exists()


@pytest.mark.parametrize("name", ["../secret.flv", "/etc/passwd", "C:\\secret.flv", "link.flv"])
def test_a_table_cannot_open_a_file_outside_the_folder(
    photo_table, clips: list[Path], tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(clips[0], tmp_path / "secret.flv")
    shutil.copy(clips[0], folder / "good.flv")
    os.symlink(tmp_path / "secret.flv", folder / "link.flv")
    table = photo_table([("good.flv", 0, "Sad", None), (name, 0, "Sad", None)])
    with pytest.raises(InputError, match="outside"):
        overlay(table, videos=folder, out=tmp_path / "overlay.png")
    with pytest.raises(InputError, match="outside"):
        overlay(table, videos=folder, video=tmp_path / "overlay.mp4", clip=name)
    assert not list(tmp_path.glob("overlay.*"))


def test_photos_are_drawn_as_their_own_frame_0(
    photo_table, clips: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(next(read_frames(clips[0])).image).save(folder / "a.jpg")
    result = overlay(
        photo_table([("a.jpg", 0, "Angry", None)]), videos=folder, out=tmp_path / "o.pdf"
    )
    assert result.frames == 1


def test_a_table_without_faces_or_labels_says_so(photo_table, videos: Path, tmp_path: Path) -> None:
    name = "1001_DFA_ANG_XX.flv"
    with pytest.raises(InputError, match=r"no row of the clips in .* has a face"):
        overlay(photo_table([(name, 0, None, NO_FACE)]), videos=videos, out=tmp_path / "o.png")
    unlabeled = photo_table([(name, 0, None, None), (name, 1, None, None)])
    assert overlay(unlabeled, videos=videos, out=tmp_path / "o.png").frames == 2


@pytest.mark.slow
def test_predictions_group_the_frames(landmarks_file: Path, videos: Path, tmp_path: Path) -> None:
    keys = pd.read_parquet(landmarks_file, columns=["video_filename", "frame_num"])
    keys["predicted"] = np.where(keys.frame_num % 2, "odd $x$", "even <script>")
    keys.to_parquet(tmp_path / "predictions.parquet")
    keys.to_csv(tmp_path / "predictions.csv", index=False)
    figures = []
    for ending in ("parquet", "csv"):
        out = tmp_path / f"{ending}.png"
        overlay(
            landmarks_file,
            videos=videos,
            out=out,
            frames=3,
            predictions=tmp_path / f"predictions.{ending}",
        )
        figures.append(out.read_bytes())
    assert figures[0] == figures[1]


def test_predictions_that_do_not_fit_are_refused(
    landmarks_file: Path, videos: Path, tmp_path: Path
) -> None:
    wrong = pd.DataFrame({"video_filename": ["z.flv"], "frame_num": [0], "label": ["Sad"]})
    wrong.to_csv(tmp_path / "wrong.csv", index=False)
    wrong.rename(columns={"label": "predicted"}).to_csv(tmp_path / "others.csv", index=False)
    (tmp_path / "text.parquet").write_text("no table")
    for name, sentence in (
        ("absent.csv", "no predictions at"),
        ("wrong.csv", "it lacks predicted"),
        ("others.csv", "the predictions name none of the frames"),
        ("text.parquet", "cannot be read as predictions"),
    ):
        with pytest.raises(InputError, match=sentence):
            overlay(
                landmarks_file,
                videos=videos,
                out=tmp_path / "o.png",
                frames=1,
                predictions=tmp_path / name,
            )


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "nothing to draw"),
        ({"out": "a.jpg"}, r"ends in \.png or \.pdf"),
        ({"video": "a.gif"}, r"ends in \.mp4"),
        ({"out": "a.png", "frames": 0}, "frames must be 1 or more, got 0"),
        ({"out": "a.png", "random_state": -1}, "random_state must be from 0"),
        ({"out": "a.png", "mask": "off"}, "mask is 'off', wanted one of fill, blur, none"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused(
    landmarks_file: Path, videos: Path, options: dict, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        overlay(landmarks_file, videos=videos, **options)


def test_a_whole_clip_becomes_a_masked_video_at_the_same_times(
    landmarks_file: Path, clips: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "overlay.mp4"
    result = overlay(landmarks_file, videos=clips[0].parent, video=out, clip=clips[3].name)
    assert (result.video, result.frames) == (out, 56)
    before, after = list(read_frames(clips[3])), list(read_frames(out))
    assert len(after) == 56
    for one, other in zip(before, after, strict=True):
        assert other.time_s == pytest.approx(one.time_s, abs=1e-3)
        assert other.image.shape == one.image.shape
    with av.open(str(out)) as container:
        assert container.streams.video[0].codec.name in ("h264", "mpeg4")
    face = np.s_[130:150, 200:240]
    dark = np.abs(after[30].image[face].astype(int) - MASK_RGB).max(axis=2) < 30
    assert dark.mean() > 0.4
    assert np.abs(before[30].image[face].astype(int) - MASK_RGB).max(axis=2).min() > 30


def mostly_masked(image: np.ndarray) -> float:
    return float((np.abs(image.astype(int) - MASK_RGB).max(axis=2) < 12).mean())


def test_a_frame_of_the_video_without_a_face_or_a_row_is_hidden_whole(
    landmarks: pa.Table, clips: list[Path], tmp_path: Path
) -> None:
    rows = landmarks.slice(0, 67)
    points = points_of(rows)
    points[10:20] = np.nan
    columns = {name: rows[name].to_pylist() for name in ("video_filename", "frame_num")}
    batch = landmark_batch(points, columns)
    table = write_table([batch.slice(0, 40), batch.slice(50)], tmp_path / "gaps.parquet")
    overlay(table, videos=clips[0].parent, video=tmp_path / "o.mp4")
    share = [mostly_masked(frame.image) for frame in read_frames(tmp_path / "o.mp4")]
    hidden = [index for index, value in enumerate(share) if value > 0.9]
    assert hidden == [*range(10, 20), *range(40, 50)]


def test_odd_sizes_and_uneven_times_are_kept(photo_table, tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    times_ms = [0, 40, 50, 200, 1200]
    with av.open(str(folder / "odd.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 101, 75, "bgr0"
        for time_ms in times_ms:
            picture = av.VideoFrame.from_ndarray(np.zeros((75, 101, 3), np.uint8), format="rgb24")
            picture.pts, picture.time_base = time_ms, Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    table = photo_table([("odd.mkv", n, "Sad", None) for n in range(5)])
    overlay(table, videos=folder, video=tmp_path / "o.mp4", mask="blur")
    before, after = list(read_frames(folder / "odd.mkv")), list(read_frames(tmp_path / "o.mp4"))
    assert [round(f.time_s, 3) for f in after] == [round(f.time_s, 3) for f in before]
    assert after[0].image.shape == (76, 102, 3)


def test_the_clip_of_a_video_must_be_named_when_there_are_several(
    landmarks_file: Path, videos: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no clip was named for the video: .* has 1001_DFA_ANG"):
        overlay(landmarks_file, videos=videos, video=tmp_path / "o.mp4")
    with pytest.raises(InputError, match=r"no clip 'b\.flv'"):
        overlay(landmarks_file, videos=videos, video=tmp_path / "o.mp4", clip="b.flv")


def test_rows_out_of_order_are_refused_and_leave_no_video(
    photo_table, videos: Path, tmp_path: Path
) -> None:
    name = "1001_DFA_ANG_XX.flv"
    table = photo_table([(name, n, "Sad", None) for n in (0, 2, 1)])
    with pytest.raises(TableError, match=r"not in the order of their frames \(1 after 2\): sort"):
        overlay(table, videos=videos, video=tmp_path / "o.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["table.parquet"]


def test_a_clip_that_is_cut_short_leaves_no_video(
    photo_table, clips: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "cut.flv").write_bytes(clips[0].read_bytes()[:100_000])
    table = photo_table([("cut.flv", 0, "Sad", None)])
    with pytest.raises(VideoError, match=r"cut\.flv: "):
        overlay(table, videos=folder, video=tmp_path / "o.mp4")
    assert not list(tmp_path.glob("*o.mp4*"))


def test_a_recording_is_never_written_over(photo_table, clips: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    shutil.copy(clips[0], folder / "a.mp4")
    Image.fromarray(next(read_frames(clips[0])).image).save(folder / "a.png")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    table = photo_table([("a.mp4", 0, "Sad", None), ("a.png", 0, "Sad", None)])
    with pytest.raises(InputError, match="is a recording of this table"):
        overlay(table, videos=folder, video=folder / "a.mp4", clip="a.mp4")
    with pytest.raises(InputError, match="is a recording of this table"):
        overlay(table, videos=folder, out=folder / "a.png")
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_rows_without_a_frame_number_are_not_drawn(
    photo_table, videos: Path, tmp_path: Path
) -> None:
    name = "1001_DFA_ANG_XX.flv"
    table = photo_table([(name, None, "Sad", None), (name, 1, "Sad", None)])
    result = overlay(table, videos=videos, out=tmp_path / "o.png", video=tmp_path / "o.mp4")
    assert result.drawn == [(name, 1)]
    hidden = [mostly_masked(frame.image) > 0.9 for frame in read_frames(tmp_path / "o.mp4")]
    assert [index for index, is_hidden in enumerate(hidden) if not is_hidden] == [1]
