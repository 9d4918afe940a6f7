"""simulate: a table that any other verb can use, whole or not at all."""

from pathlib import Path

import numpy as np
import pytest

from mien.errors import InputError
from mien.recording.synthetic import Scenario, clips
from mien.tables import COLUMN_TYPES, open_landmarks, points_of, read_landmarks
from mien.workflows import simulate as module
from mien.workflows.inspect import inspect
from mien.workflows.simulate import describe, simulate

SMALL = {"people": 3, "clips_each": 4, "frames": 20}  # each emotion twice


def test_a_simulated_table_has_no_problems(tmp_path: Path) -> None:
    done = simulate(tmp_path / "people.parquet", **SMALL, dropout=0.2, seed=3)
    found = inspect(done.table)
    assert found.problems == []
    assert found.survey.rows == done.rows == 240
    assert found.survey.rows_without_face == done.rows_without_face > 0
    assert found.survey.subjects_from == "the subject column"
    assert sorted(found.survey.subjects) == ["2001", "2002", "2003"]
    assert found.survey.clips == 12 and found.survey.missing_frames == 0
    assert found.survey.labels == {label: 20 * count for label, count in done.clips.items()}


def test_the_table_holds_the_clips_bit_by_bit(tmp_path: Path) -> None:
    done = simulate(tmp_path / "people.parquet", **SMALL, dropout=0.1, fps=25.0, width_px=640)
    table = read_landmarks(done.table)
    made = list(clips(Scenario(**SMALL, dropout=0.1, fps=25.0, width_px=640)))
    points = np.concatenate([clip.points for clip in made])
    assert points_of(table).tobytes() == points.tobytes()
    assert set(table.column_names) == set(COLUMN_TYPES) - {"face_id"}
    assert table.column("video_filename").to_pylist() == [c.name for c in made for _ in range(20)]
    assert table.column("frame_num").to_pylist() == [*range(20)] * 12
    assert table.column("time_s").to_pylist()[:3] == [0, 0.04, 0.08]
    assert set(table.column("width_px").to_pylist()) == {640}
    absent = np.isnan(points).all(axis=(1, 2))
    presence = table.column("presence").to_numpy()
    assert ((presence == 0) == absent).all()


def test_the_same_settings_write_the_same_file(tmp_path: Path) -> None:
    first, again = (simulate(tmp_path / f"{n}.parquet", **SMALL, seed=5).table for n in "ab")
    assert first.read_bytes() == again.read_bytes()


def test_the_table_says_that_nobody_in_it_is_real(tmp_path: Path) -> None:
    done = simulate(tmp_path / "people.parquet", **SMALL, kind="motion-pair", seed=2)
    told = open_landmarks(done.table).metadata
    assert told["is_synthetic"] is True
    assert told["extractor"].startswith("mien-synthetic")
    assert told["settings"]["kind"] == "motion-pair" and told["settings"]["seed"] == 2
    assert "no single frame tells the pair apart: only motion does" in [*describe(done)]


def test_csv_is_written_as_well(tmp_path: Path) -> None:
    done = simulate(tmp_path / "people.csv", people=1, clips_each=2, frames=5)
    assert inspect(done.table).survey.rows == 10


def test_batches_do_not_change_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = simulate(tmp_path / "whole.parquet", **SMALL).table
    monkeypatch.setattr(module, "BATCH_ROWS", 1)
    pieces = simulate(tmp_path / "pieces.parquet", **SMALL).table
    assert read_landmarks(whole).equals(read_landmarks(pieces))


def test_progress_counts_clips(tmp_path: Path) -> None:
    told = []
    simulate(tmp_path / "people.parquet", **SMALL, on_progress=lambda *said: told.append(said))
    assert told == [("simulating", done, 12) for done in range(1, 13)]


def test_an_interrupt_leaves_nothing(tmp_path: Path) -> None:
    def stop(doing: str, done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "people.parquet", **SMALL, on_progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_is_there_is_not_replaced_unasked(tmp_path: Path) -> None:
    out = tmp_path / "people.parquet"
    out.write_text("mine")
    with pytest.raises(InputError, match=r"people\.parquet exists: choose another name, or --over"):
        simulate(out, **SMALL)
    assert out.read_text() == "mine"
    assert simulate(out, **SMALL, overwrite=True).rows == 240


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"peple": 3}, "peple: no such setting of a simulation, which has people, clips_each"),
        ({"kind": "ward"}, "kind must be one of"),
        ({"emotions": ["Bored"]}, "got Bored"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_before_anything_is_written(
    tmp_path: Path, chosen: dict, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        simulate(tmp_path / "people.parquet", **chosen)
    assert list(tmp_path.iterdir()) == []
