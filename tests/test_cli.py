"""The command: exit codes, one clear line for bad input, nothing half-written."""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mien import cli
from mien.corpora.cache import open_matrix
from mien.tables import POINT_COLUMNS, open_landmarks
from tests.emotion.tables import write_people


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run the command in this process: exit code, output, errors."""

    def go(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mien", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return go


@pytest.fixture
def frame(landmarks_file: Path) -> pd.DataFrame:
    return pd.read_parquet(landmarks_file)


def one_line(errors: str) -> bool:
    return errors.startswith("error: ") and len(errors.strip().splitlines()) == 1


BAD_TABLES = {
    "468 points": lambda f: f.drop(columns=[c for c in POINT_COLUMNS if int(c[2:]) >= 468]),
    "one nan": lambda f: f.assign(x_5=f.x_5.mask(f.index == 7)),
    "infinite": lambda f: f.assign(y_5=f.y_5.mask(f.index == 7, np.inf)),
    "one class": lambda f: f.assign(emotion="Happy"),
    "a set as label": lambda f: f.assign(emotion=f.emotion.replace("Happy", "Happy|Sad")),
    "duplicates": lambda f: pd.concat([f, f.iloc[:3]]),
    "no frames": lambda f: f.iloc[:0],
    "no labels": lambda f: f.assign(emotion=None),
    "text as points": lambda f: f.assign(z_1="x"),
    "no face at all": lambda f: f.assign(**dict.fromkeys(POINT_COLUMNS, np.nan)),
}


@pytest.mark.parametrize("name", BAD_TABLES)
@pytest.mark.parametrize("verb", ["train", "evaluate"])
def test_a_table_that_cannot_be_learnt_from_is_one_line_and_code_2(
    run, frame: pd.DataFrame, tmp_path: Path, verb: str, name: str
) -> None:
    BAD_TABLES[name](frame).to_parquet(tmp_path / "t.parquet", index=False)
    code, out, errors = run(verb, tmp_path / "t.parquet", "-o", tmp_path / "out")
    assert (code, out) == (2, "")
    assert one_line(errors), errors
    assert os.listdir(tmp_path) == ["t.parquet"]


@pytest.mark.parametrize("name", ["one nan", "infinite", "duplicates"])
def test_inspect_shows_a_broken_table_and_ends_with_3(
    run, frame: pd.DataFrame, tmp_path: Path, name: str
) -> None:
    BAD_TABLES[name](frame).to_parquet(tmp_path / "t.parquet", index=False)
    code, out, _ = run("inspect", tmp_path / "t.parquet")
    assert code == 3
    assert "Preview" in out and "Problems" in out and "1001_DFA_ANG_XX.flv" in out


def test_inspect_of_a_sound_table_ends_with_0(run, landmarks_file: Path) -> None:
    code, out, errors = run("inspect", landmarks_file)
    assert (code, errors) == (0, "")
    assert "x_477" in out and "would leak" in out


def test_broken_recordings_are_a_line_each_and_code_3(run, broken: Path, tmp_path: Path) -> None:
    code, out, errors = run("extract", broken, "-o", tmp_path / "t.parquet")
    assert code == 3
    assert "1 clip, 56 rows" in out
    lines = errors.strip().splitlines()
    assert len([line for line in lines if line.startswith("failed: ")]) == 4
    assert lines[-1].startswith("4 could not be read: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["extract"], "nothing to extract"),
        (["extract", "nowhere"], "no file or folder at"),
        (["extract", ".", "-o", "t.xlsx"], "ends in .parquet or .csv"),
        (["extract", ".", "--faces", "0"], "faces: "),
        (["extract", ".", "--workers", "0"], "workers must be 1 or more"),
        (["extract", ".", "--duration", "5"], "--duration is for a camera"),
        (["extract", ".", "--webcam", "0"], "--webcam stands alone"),
        (["extract", ".", "rtsp://u:secretpw@h/x"], "stands alone"),
        (["extract", "rtsp://u:secretpw@h/x", "-w", "2"], "leave out --workers"),
        (["extract", "rtsp://u:secretpw@h/x", "--cluster", "auto"], "leave out --cluster"),
        (["predict", "rtsp://u:secretpw@h/x", "--model", "m"], ""),
        (["inspect", "rtsp://u:secretpw@h/x"], "no table at"),
        (["inspect", "nowhere.parquet"], "no table at"),
        (["train", "nowhere.parquet"], "no table at"),
        (["train", "nowhere.parquet", "--recipe", "magic"], "recipe"),
        (["predict", "a.mp4", "--model", "nowhere"], "nowhere"),
        (["report", "nowhere"], "nowhere"),
        (["convert", "nowhere.parquet", "a.csv"], "no table at"),
        (["cache", "nowhere.parquet", "--clear"], "has no matrix in"),
        (["fetch", "1001_DFA_ANG_XX"], "mien fetch --clips NAME"),
        (["train", "nowhere.parquet", "--precision", "int3"], "precision"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, errors = run(*words)
    assert code == 2
    assert one_line(errors) and said in errors and "secretpw" not in errors
    assert os.listdir(tmp_path) == []


def test_cache_lists_verifies_and_clears(
    run, landmarks_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    table = tmp_path / "t.parquet"
    table.write_bytes(landmarks_file.read_bytes())
    assert run("cache")[1].startswith("0 matrices in")
    open_matrix(open_landmarks(table))
    code, out, _ = run("cache", "--verify")
    assert (code, "379" in out, "2.2 MB" in out) == (0, True, True)
    table.write_bytes(b"another")
    code, out, errors = run("cache", table, "--verify")
    assert code == 3 and "the table changed or is gone" in out
    assert errors.startswith("failed: differs: ") and "has other content" in errors
    assert "freed 2.2 MB" in run("cache", "--clear")[1]
    assert {path.suffix for path in (tmp_path / "cache").iterdir()} == {".lock"}


def test_a_folder_without_videos_is_one_line_and_code_2(run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    code, _, errors = run("extract", tmp_path, "-o", tmp_path / "t.parquet")
    assert code == 2 and one_line(errors) and "no video or photo in" in errors
    assert os.listdir(tmp_path) == ["notes.txt"]


@pytest.mark.parametrize("name", ["../up.flv", "/etc/passwd", "a/../../up.flv"])
def test_a_clip_name_that_leads_outside_is_refused(
    run, frame: pd.DataFrame, clips: list[Path], tmp_path: Path, name: str
) -> None:
    frame.assign(video_filename=name, frame_num=range(len(frame))).to_parquet(
        tmp_path / "t.parquet", index=False
    )
    words = ["overlay", tmp_path / "t.parquet", "--videos", clips[0].parent]
    code, _, errors = run(*words, "-o", tmp_path / "o.png")
    assert code == 2 and one_line(errors)
    assert os.listdir(tmp_path) == ["t.parquet"]


def test_a_hostile_label_is_text_in_the_report(run, frame: pd.DataFrame, tmp_path: Path) -> None:
    label = "<script>alert(1)</script>"
    frame.assign(emotion=frame.emotion.replace("Happy", label)).to_parquet(
        tmp_path / "t.parquet", index=False
    )
    code, out, _ = run("train", tmp_path / "t.parquet", "--split", "time", "-o", tmp_path / "m")
    assert code == 0
    page = (tmp_path / "m" / "report.html").read_text("utf-8")
    assert label not in page and "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_an_altered_model_is_one_line_and_code_2(run, landmarks_file: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    run("train", landmarks_file, "--split", "time", "--epochs", "1", "-o", model)
    graph = model / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    words = ["predict", landmarks_file, "--model", model, "-o", tmp_path / "p.csv"]
    code, _, errors = run(*words)
    assert code == 2 and one_line(errors) and "model.onnx" in errors
    assert not (tmp_path / "p.csv").exists()


def test_enrolment_is_an_option_and_is_reported_apart(run, tmp_path: Path) -> None:
    table = write_people(tmp_path / "t.parquet", clips_each=4, emotions=("Happy", "Neutral"))
    words = [table, "--recipe", "facs", "--folds", "2", "--beside", "", "--enrol"]
    for verb in ("evaluate", "train"):
        code, out, errors = run(verb, *words, "-o", tmp_path / verb)
        assert (code, errors) == (0, "")
        assert "Apart from all other scores" in out
        page = (tmp_path / verb / "report.html").read_text("utf-8")
        assert "With a person's own face at rest" in page


@pytest.mark.slow
def test_the_demo_ends_with_the_paths_of_table_figure_and_report(run, tmp_path: Path) -> None:
    code, out, errors = run("demo", "-o", tmp_path / "demo")
    assert code == 0, errors
    assert "leaky" in out and "People never seen" in out and "ODbL" in out
    assert "1001_DFA_HAP_XX.flv" in out and "of 6, facs" in out and "One actor is no measure" in out
    paths = [line.split(maxsplit=1)[1] for line in out.strip().splitlines()[-4:]]
    assert [Path(path).name for path in paths] == [
        "landmarks.parquet", "overlay.png", "model", "report.html",
    ]  # fmt: skip
    assert all(Path(path).exists() for path in paths)


def test_the_version_and_the_help_are_printed(run) -> None:
    assert run("--version")[:2] == (0, "mien 0.1.0\n")
    code, out, _ = run("--help")
    assert code == 0
    for verb in ("demo", "extract", "inspect", "overlay", "train", "evaluate", "predict", "report"):
        assert verb in out
    assert "Research use only" in out
