"""A recording through the watch: what it finds, and each record explains itself."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mien.emotion.facs import FacsClassifier
from mien.errors import InputError, ModelError
from mien.monitor.journal import Journal
from mien.risk.events import (
    Event,
    LevelChanged,
    RecordChanged,
    Scored,
    SignalChanged,
    TechnicalChanged,
)
from mien.risk.lines import from_line
from mien.risk.settings import WatchSettings
from mien.risk.words import explained, moment
from mien.workflows.replay import replay
from mien.workflows.replay_frame import MeasuredFrame
from mien.workflows.replay_posterior import posterior
from tests.emotion.model_folders import save
from tests.risk.beds import concerned
from tests.workflows.stays import (
    EPISODE_S,
    LENGTH_S,
    looped,
)
from tests.workflows.telling import CONFIG, FACS, of, told, write_log


def test_an_episode_is_found_once_and_soon(log: list[Event]) -> None:
    opened = [(s, body.record.rule) for s, body in of(RecordChanged, log) if body.why == "opened"]
    assert [rule for _, rule in opened] == ["concern"]
    assert 20 <= opened[0][0] - EPISODE_S[0] <= 35
    seconds = [s for s, _ in of(Scored, log)]
    assert seconds == [float(s) for s in range(1, round(LENGTH_S) - 2)]


def test_a_log_says_what_its_recording_said(stay: Path, log: list[Event], tmp_path: Path) -> None:
    first, again = tmp_path / "first.jsonl", tmp_path / "again.jsonl"
    done = replay(stay, log=first, figure=tmp_path / "stay.png")
    assert [from_line(line) for line in first.read_text("utf-8").splitlines()] == log
    assert replay(first, log=again).records == done.records
    assert again.read_bytes() == first.read_bytes()
    assert (tmp_path / "stay.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "again.jsonl", "first.jsonl", "stay.png",
    ]  # fmt: skip


def test_a_log_under_other_settings_says_so_and_says_something_else(
    frames: list[MeasuredFrame], log: list[Event], tmp_path: Path
) -> None:
    path = write_log(log, tmp_path / "log.jsonl")
    notes: list[str] = []
    strict = WatchSettings(
        conditions=WatchSettings().conditions.model_copy(update={"concern_raise_s": 30.0})
    )
    done = replay(path, settings=strict, on_note=notes.append)
    assert len(notes) == 1 and "other settings" in notes[0]
    assert "without --baseline and --model as they were then" in notes[0]
    before = next(body for _, body in of(RecordChanged, log))
    assert done.records[0].onset_ms == before.record.onset_ms + 10_000


# --- No face -----------------------------------------------------------------------------------


def test_while_the_face_is_lost_it_is_told_in_time_and_no_patient_alert_opens(
    landmarks: pa.Table, tmp_path: Path
) -> None:
    table = looped(landmarks, tmp_path / "loop.parquet", [(60, True), (150, False), (60, True)])
    said: list[Event] = []
    done = replay(table, on_event=said.append)
    technical = [(s, b.rule, b.is_present, b.priority) for s, b in of(TechnicalChanged, said)]
    assert technical == [
        (90.0, "face-lost", True, "LOW"),
        (180.0, "face-lost", True, "MEDIUM"),
        (215.0, "face-lost", False, "NONE"),
    ]
    in_the_dark = [b for s, b in of(RecordChanged, said) if 60 < s <= 210 and b.why == "opened"]
    assert [body.record.rule for body in in_the_dark] == ["face-lost"]
    levels = dict(of(LevelChanged, said))
    assert [body.level for s, body in levels.items() if 60 < s < 210] == ["UNKNOWN"]
    signals = [(s, body.signal) for s, body in of(SignalChanged, said)]
    assert [signal for s, signal in signals if 60 < s < 211] == ["NO_SIGNAL"]
    assert all(b.score is None for s, b in of(Scored, said) if 66 <= s <= 210)
    counts = done.patients[0].frames
    assert counts is not None and (counts.frames, counts.without_face) == (2700, 1500)


def test_a_stream_that_stops_is_told_while_it_does(frames: list[MeasuredFrame]) -> None:
    cut = [frame for frame in frames if not 15_000 <= frame.time_ms < 90_000]
    technical = [(s, b.rule, b.priority) for s, b in of(TechnicalChanged, told(cut))]
    assert [rule for _, rule, _ in technical] == ["stalled"] * 3
    assert [priority for *_, priority in technical] == ["LOW", "MEDIUM", "NONE"]
    assert [s for s, *_ in technical][:2] == [24, 74]  # no window for 10 s, 60 s
    assert 95 <= technical[2][0] <= 98


# --- Records explain themselves ------------------------------------------------------------------


def test_a_record_says_why_it_is_from_its_log_alone(log: list[Event], tmp_path: Path) -> None:
    path = write_log(log, tmp_path / "log.jsonl")
    record = next(body.record for _, body in of(RecordChanged, log))
    text = "\n".join(replay(path, explain=record.key).explanation)
    for term in record.evidence.terms:
        assert f"  {term.name} " in text
    assert "counts from" in text and "absent" in text  # B, R and C while learning
    assert "clears when: score ≤ 3 and no single 3, for 30 s" in text
    assert "cannot know: Visible facial behaviour alone: not pain" in text
    assert CONFIG.settings_hash in text and FACS.digest in text
    with pytest.raises(InputError, match=f"no record 'x' in .*it has {record.key}"):
        replay(path, explain="x")


def test_a_record_that_came_back_tells_its_onset_s_evidence_and_that_of_its_return(
    tmp_path: Path,
) -> None:
    bed = concerned(score=5)
    bed.seconds(40, 0)
    bed.seconds(25, 6)
    said = [one for one in bed.said if isinstance(one[1], RecordChanged)]
    log = [Event(bed.patient, seq, at, at, "c", body) for seq, (at, body) in enumerate(said, 1)]
    record = bed.record()
    assert record.reopened == 1
    onset, back = (at for at, body in said if body.why in ("opened", "reopened"))
    lines = replay(write_log(log, tmp_path / "log.jsonl"), explain=record.key).explanation
    first = lines.index(f"evidence of the onset, {moment(onset)}:")
    second = lines.index(f"evidence as it came back, {moment(back)}:")
    assert lines[first + 1] == "score 5, 6 at its highest, the sum of:"
    assert lines[second + 1] == "score 6, the sum of:"
    assert first < second < [line[:11] for line in lines].index("clears when")
    alone = "\n".join(explained(record))  # as a store's keepers have it
    assert f"evidence as it came back, {moment(back)}:\nscore 6" in alone


def test_a_record_in_a_store_names_its_entry_in_the_audit_chain(
    frames: list[MeasuredFrame], tmp_path: Path
) -> None:
    store = tmp_path / "ward.db"
    with Journal.open(store) as journal:
        told(frames, journal)
        kept = journal.records(closed=True)[0]
    lines = replay(store=store, explain=kept.record.key).explanation
    assert lines[-1] == f"audit: entry {kept.head}"
    with pytest.raises(InputError, match="no store at"):
        replay(store=tmp_path / "nowhere.db", explain="x")


# --- The model -----------------------------------------------------------------------------------


def test_a_changed_model_changes_the_hash_on_the_alert(
    frames: list[MeasuredFrame], log: list[Event], tmp_path: Path
) -> None:
    labels = np.array(["Angry", "Fear", "Happy", "Neutral", "Sad"])
    rules = FacsClassifier().fit(np.zeros((5, 52)), labels)
    other = posterior(save(tmp_path / "model", rules, "blendshapes"))
    first, second = (
        next(body.record for _, body in of(RecordChanged, said))
        for said in (log, told(frames, asked=other))
    )
    assert first.onset_ms == second.onset_ms
    assert first.evidence.model_hash == FACS.digest
    assert second.evidence.model_hash == other.digest != FACS.digest
    assert first.evidence.settings_hash == second.evidence.settings_hash


def test_a_model_that_knows_no_negative_expression_or_looks_ahead_is_refused(
    stay: Path, tmp_path: Path
) -> None:
    rules = FacsClassifier().fit(np.zeros((2, 52)), np.array(["Happy", "Neutral"]))
    with pytest.raises(ModelError, match="none of Angry, Disgust, Fear, Sad"):
        replay(stay, model=save(tmp_path / "glad", rules, "blendshapes"))
    with pytest.raises(InputError, match="no model at"):
        replay(stay, model=tmp_path / "nowhere")
