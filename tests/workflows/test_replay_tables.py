"""Whose rows they are, when, and what is usual for this person."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mien.emotion.sequence_classifier import ClipClassifier
from mien.errors import InputError, ModelError, TableError
from mien.face.features import FEATURE_SETS
from mien.risk.events import (
    Event,
    WindowClosed,
)
from mien.tables import read_landmarks, write_table
from mien.workflows.replay import replay
from mien.workflows.replay_frame import MeasuredFrame
from mien.workflows.replay_posterior import posterior
from tests.emotion.model_folders import save
from tests.workflows.stays import shuffled
from tests.workflows.telling import column, told


def test_clips_follow_one_another_with_the_stated_gap(landmarks_file: Path) -> None:
    notes: list[str] = []
    done = replay(landmarks_file, gap_s=8, on_note=notes.append)
    assert notes == ["1001: 6 clips, one after another, 8 s between them"]
    (one,) = done.patients
    assert one.patient == "1001" and one.frames.frames == 379
    assert one.length_s == pytest.approx(379 / 29.97 + 40 - 2, abs=2)


def test_each_subject_is_a_patient_alone(stay: Path, tmp_path: Path) -> None:
    rows = read_landmarks(stay).slice(0, 250)
    others = column(rows.slice(0, 100), "subject", ["other"] * 100)
    alone = write_table(rows, tmp_path / "alone.parquet")
    both = write_table(pa.concat_tables([others, rows]), tmp_path / "both.parquet")
    logs: list[list[Event]] = [[], [], []]
    replay(alone, on_event=logs[0].append)
    replay(both, patient="P0001", on_event=logs[1].append)
    done = replay(both, on_event=logs[2].append)
    assert logs[0] == logs[1]
    assert [one.patient for one in done.patients] == ["other", "P0001"]
    of_one = [[event for event in log if event.patient == "P0001"] for log in logs]
    assert of_one[0] == of_one[2] != []
    with pytest.raises(InputError, match="--log is of one patient, and .* has 2"):
        replay(both, log=tmp_path / "x.jsonl")
    with pytest.raises(InputError, match="no patient 'Ann'.*it has other, P0001"):
        replay(both, patient="Ann")


def test_a_table_that_names_nobody_is_whose_one_says(stay: Path, tmp_path: Path) -> None:
    rows = read_landmarks(stay).slice(0, 60).drop_columns(["subject"])
    few = write_table(rows, tmp_path / "few.parquet")
    assert replay(few).patients[0].patient == "patient"
    assert replay(few, patient="bed 3").patients[0].patient == "bed 3"


def test_an_earlier_recording_or_fewer_seconds_make_the_baseline(
    stay: Path, tmp_path: Path
) -> None:
    quick = replay(stay, baseline=10)
    assert quick.patients[0].is_baseline_ready
    assert quick.config.settings.appraisal.learn_s == 10
    terms = {term.name: term.value for term in quick.records[0].evidence.terms}
    assert terms["B"] is not None and terms["R"] is not None
    few = write_table(read_landmarks(stay).slice(0, 150), tmp_path / "few.parquet")
    both = replay(few, baseline=few)
    assert not both.patients[0].is_baseline_ready
    assert both.patients[0].frames.frames == 300
    assert both.patients[0].length_s == 27


def test_rows_without_times_take_the_frame_rate(stay: Path, tmp_path: Path) -> None:
    rows = read_landmarks(stay).slice(0, 100).drop_columns(["time_s", "received_s"])
    timeless = write_table(rows, tmp_path / "timeless.parquet")
    with pytest.raises(TableError, match=r"row 0 .*there is no time_s.*--fps"):
        replay(timeless)
    assert replay(timeless, fps=10).patients[0].length_s == 7


# --- Models of clips -----------------------------------------------------------------------------


def network(folder: Path, *, causal: bool) -> Path:
    """A model of clips that was hardly trained; what it says is its own all the same."""
    made = ClipClassifier(network="cnn", width=32, depth=1, epochs=1, causal=causal)
    clips = np.random.default_rng(0).normal(size=(6, 20, FEATURE_SETS["blendshapes"].value_count))
    made.fit(clips.astype(np.float32), np.array(["Angry", "Happy", "Sad"] * 2))
    return save(folder, made, "blendshapes", unit="clip", window=made.context_frames_)


def test_a_causal_model_of_clips_says_the_same_in_any_order(
    frames: list[MeasuredFrame], tmp_path: Path
) -> None:
    asked = posterior(network(tmp_path / "causal", causal=True))
    some = frames[:300]
    log = told(some, asked=asked)
    negative = [e.body.negative for e in log if isinstance(e.body, WindowClosed)]
    assert len({value for value in negative if value is not None}) > 5
    times_s = np.array([frame.time_ms for frame in some]) / 1000
    order = shuffled(times_s, np.random.default_rng(1), doubled=0.2)
    again = [e.body for e in told([some[row] for row in order], asked=asked)]
    assert [b.negative for b in again if isinstance(b, WindowClosed)] == negative


def test_a_model_that_looks_ahead_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="looks ahead, which a watch cannot: train it with --caus"):
        posterior(network(tmp_path / "ahead", causal=False))
