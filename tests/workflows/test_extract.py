"""mien extract from end to end: real clips, broken ones, kills, labels and live cameras."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mien.errors import InputError, LabelError, TableError
from mien.recording.video import read_frames
from mien.tables import has_face, open_landmarks, points_of, read_landmarks
from mien.workflows.extract import extract
from tests.recording.videos import write_video


def test_the_six_clips_give_379_rows_in_the_public_schema(landmarks: pa.Table) -> None:
    assert landmarks.num_rows == 379
    assert landmarks.schema.names[:4] == ["video_filename", "frame_num", "emotion", "x_0"]
    clips = landmarks.column("video_filename").to_pylist()
    counts = [clips.count(clip) for clip in sorted(set(clips))]
    assert counts == [67, 70, 65, 56, 61, 60]
    assert set(landmarks.column("subject").to_pylist()) == {"1001"}
    assert set(landmarks.column("emotion").to_pylist()) == {
        "Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad",
    }  # fmt: skip
    assert has_face(points_of(landmarks)).all()
    assert landmarks.column("presence").to_numpy().min() > 0.99


def test_the_table_says_what_made_it(landmarks_file: Path) -> None:
    metadata = open_landmarks(landmarks_file).metadata
    assert metadata["schema_version"] == 1
    assert metadata["model_sha256"].startswith("64184e229b26")
    assert metadata["settings"]["faces"] == 1
    assert str(landmarks_file.parent) not in str(metadata)


@pytest.mark.slow
def test_several_workers_give_the_same_bytes(
    tmp_path: Path, clips: list[Path], landmarks_file: Path
) -> None:
    result = extract([clips[0].parent], tmp_path / "t.parquet", workers=2)
    assert result.table.read_bytes() == landmarks_file.read_bytes()


def test_a_second_run_redoes_nothing(tmp_path: Path, clips: list[Path]) -> None:
    out = tmp_path / "t.parquet"
    extract(clips[:1], out)
    before = out.stat().st_mtime_ns
    began: list[int] = []
    again = extract(clips[:1], out, on_start=lambda sources: began.append(len(sources)))
    assert began == [0] and again.kept_clips == 1 and again.rows == 67
    assert out.stat().st_mtime_ns == before


def test_new_clips_are_added_to_the_table(tmp_path: Path, clips: list[Path]) -> None:
    out = tmp_path / "t.parquet"
    extract(clips[:1], out)
    result = extract(clips[:2], out)
    assert (result.kept_clips, result.clips, result.rows) == (1, 2, 137)
    assert read_landmarks(out).num_rows == 137


def test_a_changed_file_is_done_again(tmp_path: Path, clips: list[Path]) -> None:
    video = tmp_path / "a.flv"
    video.write_bytes(clips[0].read_bytes())
    extract([video], tmp_path / "t.parquet")
    video.write_bytes(clips[1].read_bytes())
    assert extract([video], tmp_path / "t.parquet").rows == 70


def test_a_namesake_from_another_folder_replaces_nothing(tmp_path: Path, clips: list[Path]) -> None:
    for folder, clip in (("a", clips[0]), ("b", clips[1])):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.flv").write_bytes(clip.read_bytes())
    out = tmp_path / "t.parquet"
    extract([tmp_path / "a"], out)
    with pytest.raises(InputError, match=r"holds another x\.flv, from another folder"):
        extract([tmp_path / "b"], out)
    both = extract([tmp_path / "a", tmp_path / "b"], tmp_path / "both.parquet")
    names = read_landmarks(both.table, ["video_filename"]).column(0).to_pylist()
    assert (names.count("a/x.flv"), names.count("b/x.flv")) == (67, 70)


def test_other_settings_do_not_mix_in_one_table(tmp_path: Path, clips: list[Path]) -> None:
    extract(clips[3:4], tmp_path / "t.parquet")
    with pytest.raises(TableError, match="extracted with other settings"):
        extract(clips[3:4], tmp_path / "t.parquet", smooth=False)
    assert extract(clips[3:4], tmp_path / "t.parquet", smooth=False, overwrite=True).rows == 56


def test_a_table_of_someone_else_is_not_overwritten(tmp_path: Path, clips: list[Path]) -> None:
    out = tmp_path / "t.csv"
    extract(clips[3:4], out)
    before = out.read_bytes()
    with pytest.raises(TableError, match="--overwrite"):
        extract(clips[3:4], out)
    assert out.read_bytes() == before


def test_bad_recordings_are_named_and_the_rest_goes_on(broken: Path, tmp_path: Path) -> None:
    result = extract([broken], tmp_path / "t.parquet", workers=2)
    assert result.rows == 56
    assert set(result.failures) == {"photo.jpg", "text.mp4", "truncated.flv", "zero.mp4"}
    with open(result.failures_file, newline="") as handle:
        listed = {row["clip"]: row["reason"] for row in csv.DictReader(handle)}
    assert listed == result.failures
    assert set(os.listdir(tmp_path)) == {"broken", "t.parquet", "failures.csv"}


def test_mended_recordings_leave_the_list_of_failures(
    broken: Path, tmp_path: Path, clips: list[Path]
) -> None:
    extract([broken], tmp_path / "t.parquet")
    for name in ("photo.jpg", "text.mp4", "zero.mp4"):
        (broken / name).unlink()
    (broken / "truncated.flv").write_bytes(clips[0].read_bytes())
    result = extract([broken], tmp_path / "t.parquet")
    assert (result.failures, result.kept_clips, result.rows) == ({}, 1, 123)
    assert not (tmp_path / "failures.csv").exists()


def test_nothing_is_written_when_nothing_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    result = extract([tmp_path], tmp_path / "out" / "t.parquet")
    assert result.table is None and list(result.failures) == ["a.mp4"]
    assert os.listdir(tmp_path / "out") == ["failures.csv"]


def test_frames_without_a_face_are_null_rows(tmp_path: Path, clips: list[Path]) -> None:
    faces = [frame.image for frame in read_frames(clips[3])][:10]
    video = write_video(tmp_path / "a.mp4", [*faces, *[faces[0] * 0] * 10, *faces])
    table = read_landmarks(extract([video], tmp_path / "t.parquet").table)
    found = has_face(points_of(table))
    assert table.column("frame_num").to_pylist() == list(range(30))
    assert found.tolist() == [True] * 10 + [False] * 10 + [True] * 10
    assert (table.column("presence").to_numpy() == 0).tolist() == (~found).tolist()


def test_labels_and_subjects_come_from_a_csv(tmp_path: Path, clips: list[Path]) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("File,Emotion,Person\n1001_DFA_HAP_XX.flv,ANG,someone\n")
    table = read_landmarks(extract(clips[3:4], tmp_path / "t.parquet", labels=labels).table)
    assert set(table.column("emotion").to_pylist()) == {"Angry"}
    assert set(table.column("subject").to_pylist()) == {"someone"}


def test_a_label_file_that_cannot_be_used_says_why(tmp_path: Path, clips: list[Path]) -> None:
    (tmp_path / "labels.csv").write_text("a,b\n1,2\n")
    with pytest.raises(LabelError, match="has columns a, b; wanted one of video_filename"):
        extract(clips[:1], tmp_path / "t.parquet", labels=tmp_path / "labels.csv")
    assert os.listdir(tmp_path) == ["labels.csv"]


SMALL_PARTS = """
import mien.recording.extract
mien.recording.extract.PART_FRAMES = 20  # in the workers too: they import this file
if __name__ == "__main__":
    from mien.cli import main
    main()
"""


def start_extract(source: Path, out: Path, workers: int) -> subprocess.Popen[bytes]:
    script = source.with_name("small_parts.py")
    script.write_text(SMALL_PARTS)
    words = ["extract", str(source), "-o", str(out), "--workers", str(workers)]
    return subprocess.Popen(
        [sys.executable, str(script), *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        preexec_fn=_default_interrupt if os.name == "posix" else None,
    )


def _default_interrupt() -> None:
    """A shell starts background jobs with interrupts ignored, and the tests may be one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish_extract(source: Path, out: Path, workers: int) -> None:
    process = start_extract(source, out, workers)
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory: pytest.TempPathFactory, clips: list[Path]) -> Path:
    """12 seconds with a face, then none, then a face, in one file."""
    faces = [frame.image for clip in clips[:4] for frame in read_frames(clip)]
    images = [*faces, *[faces[0] * 0] * 40]
    return write_video(tmp_path_factory.mktemp("long") / "long.mp4", images)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_kills_at_any_moment_cost_nothing(
    tmp_path: Path, long_recording: Path, workers: int
) -> None:
    whole = extract([long_recording], tmp_path / "whole.parquet").table
    out = tmp_path / "t.parquet"
    rng = random.Random(workers)
    written: dict[Path, int] = {}
    for wanted_parts in (1, 4, 11):  # of 15
        process = start_extract(long_recording, out, workers)
        while len(list(tmp_path.glob(".t.parquet.parts/*/*.arrow"))) < wanted_parts:
            assert process.poll() is None
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        process.communicate()
        assert not out.exists()
        parts = {p: p.stat().st_mtime_ns for p in tmp_path.glob(".t.parquet.parts/*/*.arrow")}
        assert written.items() <= parts.items()  # nothing that was finished is done again
        written = parts
    time.sleep(1.5)  # workers notice that their parent is gone
    finish_extract(long_recording, out, workers)
    assert read_landmarks(out).equals(read_landmarks(whole))
    assert set(os.listdir(tmp_path)) == {"whole.parquet", "t.parquet"}


def test_what_a_killed_run_left_half_written_is_cleared(tmp_path: Path, clips: list[Path]) -> None:
    (tmp_path / ".t.parquet.4711.tmp.parquet").write_bytes(b"half")
    extract(clips[3:4], tmp_path / "t.parquet")
    assert os.listdir(tmp_path) == ["t.parquet"]


def test_a_file_that_changes_while_it_is_read_is_not_taken(
    tmp_path: Path, clips: list[Path]
) -> None:
    video = tmp_path / "a.flv"
    video.write_bytes(clips[0].read_bytes())

    def change(frames: int) -> None:
        os.utime(video, (1, 1))

    result = extract([video], tmp_path / "t.parquet", on_frames=change)
    assert "changed while it was read" in result.failures["a.flv"]
    assert extract([video], tmp_path / "t.parquet").rows == 67


def test_a_file_does_not_enter_a_table_under_two_names(tmp_path: Path, clips: list[Path]) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.flv").write_bytes(clips[3].read_bytes())
    extract([tmp_path / "a"], tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"a/x\.flv is in .* already, as x\.flv"):
        extract([tmp_path / "a", tmp_path / "b"], tmp_path / "t.parquet")


def test_a_later_label_file_changes_only_what_it_names(tmp_path: Path, clips: list[Path]) -> None:
    for name, clip, emotion in (("one.flv", clips[3], "Sad"), ("two.flv", clips[4], "Angry")):
        (tmp_path / name).write_bytes(clip.read_bytes())
        (tmp_path / f"{name}.csv").write_text(f"file,emotion,subject\n{name},{emotion},p{name}\n")
    extract([tmp_path / "one.flv"], tmp_path / "t.parquet", labels=tmp_path / "one.flv.csv")
    both = [tmp_path / "one.flv", tmp_path / "two.flv"]
    extract(both, tmp_path / "t.parquet", labels=tmp_path / "two.flv.csv")
    rows = read_landmarks(tmp_path / "t.parquet", ["video_filename", "emotion", "subject"])
    assert {tuple(row.values()) for row in rows.to_pylist()} == {
        ("one.flv", "Sad", "pone.flv"),
        ("two.flv", "Angry", "ptwo.flv"),
    }


def test_somebody_elses_failures_csv_is_left_alone(broken: Path, tmp_path: Path) -> None:
    own = tmp_path / "failures.csv"
    own.write_text("name,why\nx,y\n")
    result = extract([broken], tmp_path / "t.parquet")
    assert own.read_text() == "name,why\nx,y\n"
    assert result.failures_file == tmp_path / "t.parquet.failures.csv"


CRASHING_WORKER = """
import os, sys
import mien.recording.extract as module
read = module.read_frames

def read_or_die(path, **options):
    if path.name == "kills.flv":
        os.kill(os.getpid(), 9)
    return read(path, **options)

module.read_frames = read_or_die  # in the workers too: they import this file
if __name__ == "__main__":
    from mien.cli import main
    main()
"""


@pytest.mark.slow
def test_a_recording_that_kills_its_worker_is_named_and_the_rest_goes_on(
    tmp_path: Path, clips: list[Path]
) -> None:
    (tmp_path / "v").mkdir()
    for name, clip in (("kills.flv", clips[0]), ("b.flv", clips[3]), ("z.flv", clips[4])):
        (tmp_path / "v" / name).write_bytes(clip.read_bytes())
    (tmp_path / "script.py").write_text(CRASHING_WORKER)
    words = ["script.py", "extract", "v", "-o", "t.parquet", "-w", "2"]
    ran = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 3
    assert "failed: kills.flv: the decoder crashed on it, twice" in ran.stderr
    assert "2 clips, 117 rows" in ran.stdout


@pytest.mark.slow
def test_a_script_without_a_main_guard_is_told_so(tmp_path: Path, clips: list[Path]) -> None:
    (tmp_path / "script.py").write_text(
        f"import mien\nmien.extract([{str(clips[0].parent)!r}], 't.parquet', workers=2)\n"
    )
    ran = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 1
    assert (
        ran.stderr.strip()
        .splitlines()[-1]
        .startswith("mien.errors.InputError: the worker processes could not start")
    )
    assert not (tmp_path / "t.parquet").exists()


@pytest.mark.slow
def test_an_interrupt_says_how_to_go_on(tmp_path: Path, long_recording: Path) -> None:
    process = start_extract(long_recording, tmp_path / "t.parquet", 2)
    while not list(tmp_path.glob(".t.parquet.parts/*/*.arrow")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"run the same command again" in errors and b"Traceback" not in errors
    finish_extract(long_recording, tmp_path / "t.parquet", 2)


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_next_run_goes_on(
    tmp_path: Path, clips: list[Path]
) -> None:
    resource = pytest.importorskip("resource")
    command = [sys.executable, "-m", "mien.cli", "extract", str(clips[0].parent), "-o", "t.parquet"]

    def limited() -> None:  # a file may grow to 1 MB: pieces fit, the table does not
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    ran = subprocess.run(command, cwd=tmp_path, preexec_fn=limited, capture_output=True, text=True)
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: cannot write t.parquet: ") and "Trace" not in ran.stderr
    assert os.listdir(tmp_path) == [".t.parquet.parts"]
    assert len(list(tmp_path.glob(".t.parquet.parts/*/*.arrow"))) == 6
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert os.listdir(tmp_path) == ["t.parquet"]
    assert read_landmarks(tmp_path / "t.parquet").num_rows == 379


def test_two_runs_on_one_table_do_not_meet(tmp_path: Path, clips: list[Path]) -> None:
    seen = []

    def meet(_: object) -> None:
        with pytest.raises(InputError, match="another mien extract is writing"):
            extract(clips[3:4], tmp_path / "t.parquet")
        seen.append(True)

    extract(clips[3:4], tmp_path / "t.parquet", on_start=meet)
    assert seen


def test_several_faces_have_rows_and_numbers_of_their_own(
    tmp_path: Path, clips: list[Path]
) -> None:
    pairs = zip(read_frames(clips[3]), read_frames(clips[4]), strict=False)
    heads = [np.hstack([a.image[:, 120:360], b.image[:, 120:360]]) for a, b in pairs]
    video = write_video(tmp_path / "two.mp4", heads[:12])
    table = read_landmarks(extract([video], tmp_path / "t.parquet", faces=2).table)
    assert table.column("face_id").to_pylist() == [0, 1] * 12
    left = points_of(table)[:, :, 0].mean(axis=1) < 0.5
    assert len({bool(side) for side in left[::2]}) == 1  # a number stays on its side
