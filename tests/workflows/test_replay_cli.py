"""mien replay as a command: lines as they come, whole files, one line for bad input."""

import sys
from pathlib import Path

import pytest

from mien import cli
from mien.risk.events import Event
from mien.tables import read_landmarks, write_table
from tests.workflows.telling import write_log


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


def test_states_and_alerts_are_a_line_each_with_the_stream_s_time(
    run, log: list[Event], tmp_path: Path
) -> None:
    source = write_log(log, tmp_path / "log.jsonl")
    words = ["--log", tmp_path / "again.jsonl", "--figure", tmp_path / "stay.png"]
    code, out, errors = run("replay", source, *words)
    assert (code, errors) == (0, "")
    lines = out.splitlines()
    assert " 0:00:01  P0001  signal LIVE" in lines
    assert any("MEDIUM on, opened, P0001/concern/" in line for line in lines)
    assert any("needs a bedside assessment: strong facial expression" in line for line in lines)
    assert lines[-2:] == [str(tmp_path / "again.jsonl"), str(tmp_path / "stay.png")]
    assert not [word for word in ("pain score", "in pain", "RASS", "depressed") if word in out]
    code, _, errors = run("replay", source, *words)
    assert code == 2 and errors.startswith("error: ") and "--overwrite" in errors
    assert run("replay", source, *words, "--overwrite")[0] == 0


def test_counts_of_frames_end_a_table_s_replay(run, stay: Path, tmp_path: Path) -> None:
    few = write_table(read_landmarks(stay).slice(0, 100), tmp_path / "few.parquet")
    code, out, _ = run("replay", few, "--store", tmp_path / "ward.db")
    assert code == 0
    assert "P0001: 100 frames, 0 without a face, 0 late, 0 doubled, 0 dropped" in out
    assert "0:00:07 watched (a second is watched 2 s after its end, the last never)" in out
    assert "fit for a score" not in out
    assert "was never ready" in out and "head of the store's log" in out
    code, out, errors = run("replay", few, "--store", tmp_path / "ward.db")
    assert code == 0 and "going on from there" in errors
    assert "signal LIVE" not in out  # it was said before


def test_a_recording_too_short_for_a_score_says_so(run, stay: Path, tmp_path: Path) -> None:
    few = write_table(read_landmarks(stay).slice(0, 50), tmp_path / "few.parquet")
    code, out, _ = run("replay", few)
    assert code == 0
    assert "note: no second of P0001 was fit for a score: too short" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to replay"),
        (["nowhere.parquet"], "no table at"),
        (["a.jsonl"], "cannot read"),
        (["a.jsonl", "--baseline", "neutral.parquet"], "a log has its own baseline"),
        (["nowhere.parquet", "--model", "nowhere"], "nowhere"),
        (["--explain", "x", "--store", "nowhere.db"], "no store at"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(
    run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, errors = run("replay", *words)
    assert (code, out) == (2, "")
    assert errors.startswith("error: ") and len(errors.strip().splitlines()) == 1
    assert said in errors
    assert not list(tmp_path.iterdir())
