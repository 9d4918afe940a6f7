"""simulate --stay: a table that any other verb can use, and the truth beside it."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import mien
from mien import cli
from mien.errors import InputError
from mien.recording.synthetic_stay import truth
from mien.recording.synthetic_stay_frames import frames
from mien.tables import open_landmarks, points_of, read_landmarks
from mien.workflows.inspect import inspect
from mien.workflows.simulate_stay import describe, simulate_stay

SHORT = {"hours": 0.05, "hz": 5.0}  # 900 frames


def test_a_stay_s_table_has_no_problems(tmp_path: Path) -> None:
    done = mien.simulate_stay(tmp_path / "stay.parquet", **SHORT, seed=3)
    found = inspect(done.table)
    assert found.problems == []
    assert found.survey.rows == done.rows == 900
    assert list(found.survey.subjects) == ["P0001"]
    assert found.survey.rows_without_face == done.rows_without_face


def test_the_table_holds_the_frames_bit_by_bit(tmp_path: Path) -> None:
    done = simulate_stay(tmp_path / "stay.parquet", **SHORT, seed=4, patient=7)
    table = read_landmarks(done.table)
    chunks = list(frames(done.stay, 5.0))
    assert points_of(table).tobytes() == np.concatenate([c.points for c in chunks]).tobytes()
    for name in ("time_s", "received_s", "frame_num", "presence"):
        made = np.concatenate([getattr(chunk, name) for chunk in chunks])
        assert np.array_equal(table.column(name).to_numpy(), made)
    assert set(table.column("subject").to_pylist()) == {"P0007"}


def test_the_truth_stands_beside_the_table(tmp_path: Path) -> None:
    done = simulate_stay(tmp_path / "stay.parquet", hours=0.2, hz=1.0)
    assert done.truth == tmp_path / "stay.truth.jsonl"
    rows = [json.loads(line) for line in done.truth.read_text("utf-8").splitlines()]
    assert rows == list(truth(done.stay))
    assert set(rows[0]) == {
        *("patient", "layer", "kind", "onset_s", "end_s", "strength", "is_event")
    }


def test_the_same_settings_write_the_same_files(tmp_path: Path) -> None:
    first, again = (simulate_stay(tmp_path / f"{name}.parquet", **SHORT, seed=5) for name in "ab")
    assert first.table.read_bytes() == again.table.read_bytes()
    assert first.truth.read_bytes() == again.truth.read_bytes()


def test_a_troubled_stay_has_doubles_that_inspect_names(tmp_path: Path) -> None:
    done = simulate_stay(tmp_path / "stay.parquet", **SHORT, is_troubled=True)
    assert done.rows > 900
    assert "repeat a (video_filename, frame_num" in inspect(done.table).problems[0]


def test_a_grimace_is_scaled_to_this_face(tmp_path: Path) -> None:
    done = simulate_stay(tmp_path / "a.parquet", hours=1, hz=1.0, seed=4)
    assert done.stay.grimaces
    assert len(done.stay.intensities) == len(done.stay.grimaces)


def test_the_table_says_that_nobody_in_it_is_real(tmp_path: Path) -> None:
    done = simulate_stay(tmp_path / "stay.parquet", **SHORT)
    told = open_landmarks(done.table).metadata
    assert told["is_synthetic"] is True and told["extractor"].startswith("mien-stay")
    assert told["settings"]["hz"] == 5 and told["settings"]["patient"] == 1
    assert "patient P0001, 0.05 h at 5 frames a second, 900 rows" in next(describe(done))


@pytest.mark.parametrize("taken", ["stay.parquet", "stay.truth.jsonl"])
def test_files_that_are_there_are_not_replaced_unasked(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("mine")
    with pytest.raises(InputError, match="exists: choose another name, or --overwrite"):
        simulate_stay(tmp_path / "stay.parquet", **SHORT)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
    assert simulate_stay(tmp_path / "stay.parquet", **SHORT, overwrite=True).rows == 900


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"hours": -1}, "hours must be above 0 and at most 744, got -1"),
        ({"hz": 500.0}, "frames a second must be 1 to 120, got 500"),
        ({"seed": -3}, "seed must be 0 or more, got -3"),
        ({"start_hour": 30}, "--start-hour must be 0 or more and below 24, got 30"),
        ({"episodes_per_hour": -1}, "--episodes must be 0 to 60, got -1"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_and_leaves_nothing(
    tmp_path: Path, chosen: dict, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        simulate_stay(tmp_path / "stay.parquet", **SHORT | chosen)
    assert list(tmp_path.iterdir()) == []


def test_a_stay_in_which_no_distress_was_drawn_says_why(tmp_path: Path) -> None:
    asked = simulate_stay(tmp_path / "a.parquet", **SHORT, episodes_per_hour=4)
    note = list(describe(asked))[-1]
    assert "no distress was drawn" in note and "never in the first 45 min" in note
    none = simulate_stay(tmp_path / "b.parquet", **SHORT, episodes_per_hour=0)
    assert not [line for line in describe(none) if line.startswith("note")]


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    def stop(doing: str, done: int, total: int) -> None:
        assert (doing, total) == ("simulating", 900)
        if done > 500:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_stay(tmp_path / "stay.parquet", **SHORT, on_progress=stop)
    assert list(tmp_path.iterdir()) == []


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["mien", "simulate", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_the_command_writes_both_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "s.parquet"
    assert run(monkeypatch, "--stay", "--hours", 0.02, "--patient", 3, "-o", out) == 0
    assert open_landmarks(out).metadata["settings"]["hz"] == 10
    assert "patient P0003, 0.02 h" in capsys.readouterr().out.replace("\n", " ")
    assert (tmp_path / "s.truth.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--stay", "--people", 3, "--dropout", 0], "--stay does not take --dropout, --people"),
        (["--hours", 3], "without --stay mien simulate does not take --hours"),
    ],
)
def test_options_of_the_other_kind_are_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list,
    said: str,
) -> None:
    assert run(monkeypatch, *words, "-o", tmp_path / "s.parquet") == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []
