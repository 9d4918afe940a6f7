"""What cannot be replayed says why, and what to do; nothing is written."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mien.errors import InputError, LogError, TableError
from mien.monitor.journal import Journal
from mien.risk.events import Event, RecordChanged
from mien.risk.lines import alert_log
from mien.tables import read_landmarks, write_table
from mien.workflows.replay import replay
from mien.workflows.replay_frame import MeasuredFrame
from tests.workflows.stays import (
    without_faces,
)
from tests.workflows.telling import column, kept_in, told, write_log


def times(change: Callable[[np.ndarray], None]) -> Callable[[pa.Table], pa.Table]:
    def changed(table: pa.Table) -> pa.Table:
        found = table["time_s"].to_numpy().copy()
        change(found)
        return column(table, "time_s", found)

    return changed


def nan(times_s: np.ndarray) -> None:
    times_s[50] = np.nan


def back(times_s: np.ndarray) -> None:
    times_s[60:] -= 60


def far(times_s: np.ndarray) -> None:
    times_s[60:] += 1e6


def turn(times_s: np.ndarray) -> None:
    times_s[:] = times_s[::-1].copy()


def slow(times_s: np.ndarray) -> None:
    times_s *= 1000


def since_1970(times_s: np.ndarray) -> None:
    times_s[:] = 1.7e12 + 1000 * times_s


BAD = {
    "empty": (lambda t: t.slice(0, 0), "has no rows"),
    "nan": (times(nan), r"row 50 \(clip 'stay' frame 50\): time_s is null, NaN or infinite"),
    "reversed": (times(turn), r"clip 'stay': 79 of 100 rows are .* 2 s behind .*sort the rows"),
    "milliseconds": (times(slow), r"next are 100 s\. If times are in milliseconds, give"),
    "unix ms": (times(since_1970), r"row 0 .* is 17\d{11}, .*If times are in milliseconds"),
    "ns": (lambda t: column(t, "received_s", [1e17] * len(t)), "row 0 .*received_s is 1000"),
    "back": (times(back), r"clip 'stay' frame 6\d: time goes back by .*sort the rows"),
    "far": (times(far), r"clip 'stay' frame 60: 278 h after the frame before"),
    "faces": (lambda t: t.append_column("face_id", pa.array([i % 2 for i in range(len(t))])),
              "2 tracked faces.*--faces 1"),
    "partial": (lambda t: column(t, "x_5", [None] * len(t)), "some but not all coordinates"),
    "text": (lambda t: column(t, "received_s", ["soon"] * len(t)), "received_s is not of numbers"),
    "columns": (lambda t: t.drop_columns(["y_7"]), "lacks y_7"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_recording_that_cannot_be_replayed_says_why_and_writes_nothing(
    name: str, stay: Path, tmp_path: Path
) -> None:
    change, why = BAD[name]
    table = tmp_path / "bad.parquet"
    pq.write_table(change(read_landmarks(stay).slice(0, 100)), table)
    with pytest.raises(TableError, match=why):
        replay(table, log=tmp_path / "log.jsonl", figure=tmp_path / "stay.png")
    assert [path.name for path in tmp_path.iterdir()] == ["bad.parquet"]


@pytest.mark.parametrize("name", ["x" * 300, "Ann\0"])
def test_a_patient_s_name_that_no_log_could_be_read_with_is_refused(
    name: str, stay: Path, tmp_path: Path
) -> None:
    table = tmp_path / "bad.parquet"
    pq.write_table(column(read_landmarks(stay).slice(0, 100), "subject", [name] * 100), table)
    with pytest.raises(InputError, match="a patient '.*' who cannot be watched: a patient's key"):
        replay(table, log=tmp_path / "log.jsonl")
    assert not (tmp_path / "log.jsonl").exists()


def test_a_recording_without_any_face_is_refused(stay: Path, tmp_path: Path) -> None:
    table = without_faces(read_landmarks(stay).slice(0, 400), tmp_path / "dark.parquet")
    with pytest.raises(TableError, match="no frame of .* has a face"):
        replay(table, log=tmp_path / "log.jsonl")
    assert not (tmp_path / "log.jsonl").exists()


def test_a_log_that_is_none_is_refused_by_its_line(log: list[Event], tmp_path: Path) -> None:
    whole = write_log(log[:20], tmp_path / "log.jsonl")
    lines = whole.read_text("utf-8").splitlines()
    broken = tmp_path / "broken.jsonl"
    broken.write_text("\n".join([*lines[:5], lines[5][:-20]]), "utf-8")
    with pytest.raises(LogError, match="broken.jsonl line 6: not an event"):
        replay(broken)
    alerts = tmp_path / "alerts.jsonl"
    alerts.write_text(alert_log(log), "utf-8")
    with pytest.raises(LogError, match="holds no ticks or windows"):
        replay(alerts)
    with pytest.raises(InputError, match="cannot read"):
        replay(tmp_path / "nowhere.jsonl")


def spoilt(lines: list[str], name: str) -> list[str]:
    """A log with one thing wrong, which begins at about its middle."""
    middle = len(lines) // 2
    kind = '"kind":"Scored"' if name == "edited" else '"kind":"WindowClosed"'
    place = next(at for at in range(middle, len(lines)) if kind in lines[at])
    match name:
        case "a line less":
            return lines[:place] + lines[place + 1 :]
        case "no beginning":
            return lines[middle:]
        case "no end":
            return lines[: place + 1]
        case "edited":
            return [*lines[:place], lines[place].replace("0", "1", 1), *lines[place + 1 :]]
        case "twice":
            return lines + lines
        case _:
            return [*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("a line less", r"line \d+: seq \d+ of 'P0001' is missing, 1 event in all"),
        ("no beginning", r"line 1: seq 1 of .* is missing, \d+ events in all"),
        ("no end", "ends before all that follows from its last second"),
        ("edited", r"line \d+: the log has Scored \d+ of 'P0001' where this replay says another"),
    ],
)
def test_a_log_that_was_changed_is_replayed_with_a_note_and_into_no_store(
    log: list[Event], tmp_path: Path, name: str, why: str
) -> None:
    path = write_log(log, tmp_path / "log.jsonl")
    lines = spoilt(path.read_text("utf-8").splitlines(keepends=True), name)
    path.write_text("".join(lines), "utf-8")
    notes: list[str] = []
    replay(path, on_note=notes.append)
    assert len(notes) == 1
    assert re.search(why, notes[0]) and "Alerts may differ" in notes[0]
    with pytest.raises(LogError, match="goes only what is whole: leave out --store"):
        replay(path, store=tmp_path / "ward.db")


@pytest.mark.parametrize("name", ["twice", "swapped"])
def test_a_log_that_goes_back_is_refused_by_its_line(
    log: list[Event], tmp_path: Path, name: str
) -> None:
    path = write_log(log, tmp_path / "log.jsonl")
    lines = spoilt(path.read_text("utf-8").splitlines(keepends=True), name)
    path.write_text("".join(lines), "utf-8")
    with pytest.raises(LogError, match=r"line \d+: seq \d+ .* the log repeats or goes back"):
        replay(path)


def test_a_whole_log_has_no_notes(log: list[Event], tmp_path: Path) -> None:
    notes: list[str] = []
    replay(write_log(log, tmp_path / "log.jsonl"), on_note=notes.append)
    assert notes == []


def test_a_record_of_a_cut_log_is_explained_all_the_same(log: list[Event], tmp_path: Path) -> None:
    path = write_log(log, tmp_path / "log.jsonl")
    key = next(event.body.record.key for event in log if isinstance(event.body, RecordChanged))
    whole = replay(path, explain=key).explanation
    path.write_bytes(path.read_bytes()[:-30])
    assert replay(path, explain=key).explanation == whole
    with pytest.raises(LogError, match="not an event"):
        replay(path)


def test_the_truth_of_a_simulation_is_no_log(tmp_path: Path) -> None:
    for options in ({}, {"explain": "x"}):
        with pytest.raises(InputError, match="not an event log: replay the table .*stay.parquet"):
            replay(tmp_path / "stay.truth.jsonl", **options)


def test_a_name_that_nobody_has_is_told_before_anything_is(
    stay: Path, log: list[Event], tmp_path: Path
) -> None:
    said: list[Event] = []
    path = write_log(log, tmp_path / "log.jsonl")
    with pytest.raises(InputError, match=r"no patient 'NOBODY': it has P0001$"):
        replay(path, patient="NOBODY", on_event=said.append)
    with pytest.raises(InputError, match="no record 'x/concern/1' can be in .*P0001/concern/5310"):
        replay(stay, explain="x/concern/1", on_event=said.append)
    assert said == []


def test_a_picture_that_fails_at_the_end_leaves_the_log(log: list[Event], tmp_path: Path) -> None:
    path, again = write_log(log, tmp_path / "log.jsonl"), tmp_path / "again.jsonl"
    picture = tmp_path / "new" / "stay.png"

    def in_its_way(event: Event) -> None:
        picture.parent.touch()

    with pytest.raises(InputError, match="cannot write"):
        replay(path, log=again, figure=picture, on_event=in_its_way)
    assert again.read_bytes() == path.read_bytes()


def test_a_store_of_another_patient_is_refused(
    frames: list[MeasuredFrame], stay: Path, log: list[Event], tmp_path: Path
) -> None:
    """Its seconds would be before the store's last, and no alert of them would be said."""
    store = tmp_path / "ward.db"
    with Journal.open(store) as journal:
        told(frames[:300], journal)
    before = kept_in(store)
    other = [replace(event, patient=event.patient and "other") for event in log]
    for source in (with_patient(stay, tmp_path), write_log(other, tmp_path / "log.jsonl")):
        with pytest.raises(LogError, match="holds a replay of 'P0001', and this one has no such"):
            replay(source, store=store)
        assert kept_in(store) == before


def with_patient(stay: Path, folder: Path) -> Path:
    table = read_landmarks(stay).slice(0, 100)
    return write_table(column(table, "subject", ["other"] * 100), folder / "other.parquet")


def test_a_store_of_another_replay_is_refused(
    frames: list[MeasuredFrame], stay: Path, tmp_path: Path
) -> None:
    store = tmp_path / "ward.db"
    with Journal.open(store) as journal:
        told(frames[:300], journal)
    before = kept_in(store)
    with pytest.raises(LogError, match="other settings, another model"):
        replay(stay, store=store, baseline=30)
    assert kept_in(store) == before


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({}, "nothing to replay"),
        ({"source": "a.jsonl", "explain": "k", "log": "b.jsonl"}, "--log would stay empty"),
        ({"source": "a.jsonl", "explain": "k", "figure": "b.png"}, "--figure would stay empty"),
        ({"source": "a.jsonl", "explain": "k", "store": "b.db"}, "--store would stay empty"),
        ({"store": "b.db", "explain": "k", "log": "b.jsonl"}, "--log would stay empty"),
        ({"source": "rtsp://u:secretpw@h/x"}, "is a stream: mien extract it"),
        ({"source": "a.parquet", "log": "a.txt"}, "ends in .jsonl"),
        ({"source": "a.parquet", "figure": "a.pdf"}, "ends in .png"),
        ({"source": "a.parquet", "gap_s": -1}, "--gap must be 0 or more"),
        ({"source": "a.parquet", "baseline": 0}, "--baseline must be 1 or more"),
        ({"source": "nowhere.parquet"}, "no table at"),
        ({"source": "a.parquet", "threads": -1}, "--threads must be 1 or more, got -1"),
        ({"source": "a.parquet", "threads": 0}, "--threads must be 1 or more, got 0"),
        ({"source": "nowhere.jsonl", "figure": "/proc/x.png"}, "cannot write /proc/x.png"),
    ],
)
def test_wrong_use_is_told_at_once(options: dict, why: str) -> None:
    with pytest.raises(InputError, match=why) as raised:
        replay(**options)
    assert "secretpw" not in str(raised.value)


def test_a_store_is_no_recording_and_its_records_are_read_otherwise(tmp_path: Path) -> None:
    Journal.open(tmp_path / "ward.db").close()
    with pytest.raises(InputError, match=r"ward\.db is a store: --store .*ward\.db --explain KEY"):
        replay(tmp_path / "ward.db")


def test_a_folder_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder: give one landmark table"):
        replay(tmp_path)
