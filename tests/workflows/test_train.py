"""train and evaluate end to end: what they write, and what they refuse."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

import mien.workflows.evaluate
from mien.config import TrainSettings
from mien.corpora import cache
from mien.emotion.checkpoint import load_card
from mien.errors import InputError, MienError, MissingExtraError, TableError
from mien.workflows.evaluate import evaluate
from mien.workflows.predict import predict
from mien.workflows.report import report
from mien.workflows.train import Trained, train
from tests.emotion.tables import write_people, write_rows

QUICK = {"folds": 2, "hidden_units": 4, "epochs": 2}
PNG = b"\x89PNG\r\n\x1a\n not really"


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_people(tmp_path_factory.mktemp("table") / "people.parquet", faceless=(2,))


@pytest.fixture(scope="module")
def trained(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    out = tmp_path_factory.mktemp("out") / "deep" / "model"
    return train(table, out=out, overlay_png=PNG, **QUICK)


def test_one_folder_holds_the_model_the_numbers_and_the_report(trained: Trained) -> None:
    assert sorted(os.listdir(trained.folder)) == [
        "confusion_clips.png", "confusion_frames.png", "gaps.png", "loss.png", "metrics.json",
        "model.json", "model.onnx", "model_card.md", "overlay.png", "recipes.png",
        "reliability.png", "report.html", "risk_coverage.png", "scores.png",
        "weights.safetensors",
    ]  # fmt: skip
    assert trained.report.is_file()
    assert sorted(os.listdir(trained.folder.parent)) == ["model"]


def test_the_model_s_card_and_the_metrics_agree(trained: Trained) -> None:
    card = json.loads((trained.folder / "model.json").read_text("utf-8"))
    metrics = json.loads((trained.folder / "metrics.json").read_text("utf-8"))
    honest = metrics["splits"][-1]
    assert metrics["weights_sha256"] == card["files"]["weights.safetensors"]
    assert card["held_out"]["people"] == honest["held_out_people"]
    assert card["scores"]["frames_accuracy"] == honest["frames"]["accuracy"]["value"]
    assert card["trained_on"]["table_sha256"] == metrics["table"]["sha256"]
    assert card["settings"] == TrainSettings(**QUICK).model_dump()
    assert len(metrics["loss_history"]) == 2


def test_training_twice_gives_the_same_weights(
    table: Path, trained: Trained, tmp_path: Path
) -> None:
    again = train(table, out=tmp_path / "again", **QUICK)
    assert again.results.weights_sha256 == trained.results.weights_sha256
    for split, before in zip(again.results.splits, trained.results.splits, strict=True):
        assert split.model_dump_json() == before.model_dump_json()


def test_the_report_can_be_written_again(trained: Trained, tmp_path: Path) -> None:
    again = report(trained.folder, out=tmp_path / "again.html")
    assert again.read_text("utf-8") == trained.report.read_text("utf-8")


def test_a_report_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no metrics.json in"):
        report(tmp_path)
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(InputError, match="evaluate again with this mien"):
        report(tmp_path)


@pytest.mark.parametrize("split", ["time", "random-frame"])
def test_the_saved_model_is_of_the_split_that_was_asked_for(
    table: Path, tmp_path: Path, split: str
) -> None:
    done = train(table, out=tmp_path / "model", split=split, **QUICK)
    card = json.loads((done.folder / "model.json").read_text("utf-8"))
    assert card["held_out"]["split"] == done.results.saved_split == split
    assert card["held_out"]["people"] == []


def test_one_person_trains_with_a_warning(tmp_path: Path) -> None:
    table = write_people(tmp_path / "one.parquet", people=1)
    done = train(table, out=tmp_path / "model", **QUICK)
    assert done.results.saved_split == "time"
    assert "nobody can be held out" in done.results.warnings[0]
    assert "Neither score says what to expect of somebody new" in done.report.read_text("utf-8")


def test_an_evaluation_is_written_only_where_asked(table: Path, tmp_path: Path) -> None:
    assert evaluate(table, **QUICK).folder is None
    done = evaluate(table, out=tmp_path / "results", **QUICK)
    assert "model.json" not in os.listdir(tmp_path / "results")
    assert done.report == tmp_path / "results" / "report.html"
    assert report(tmp_path / "results") == done.report


def broken(points: np.ndarray, columns: dict, kind: str) -> tuple[np.ndarray, dict]:
    if kind == "one class":
        columns["emotion"] = ["Sad"] * len(points)
    if kind == "duplicate rows":
        columns["frame_num"] = [0] * len(points)
    if kind == "no face":
        points = points * np.nan
    if kind in ("nan", "inf"):
        points[5, 9, 0] = np.nan if kind == "nan" else np.inf
    return points, columns


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("nan", "some but not all of the 1,434 coordinates"),
        ("inf", "have an infinite coordinate"),
        ("one class", "emotion among the rows with a face, wanted two or more"),
        ("duplicate rows", "repeat a (video_filename, frame_num, face_id)"),
        ("no face", "none of which has a face"),
    ],
)
def test_a_bad_table_is_one_line_and_leaves_nothing(tmp_path: Path, kind: str, words: str) -> None:
    points = np.random.default_rng(0).uniform(0.2, 0.8, (8, 478, 3))
    columns = {
        "video_filename": ["a"] * 4 + ["b"] * 4,
        "frame_num": [0, 1, 2, 3] * 2,
        "emotion": ["Sad", "Happy"] * 4,
    }
    table = write_rows(tmp_path / "bad.parquet", *broken(points, columns, kind))
    with pytest.raises(TableError) as caught:
        train(table, out=tmp_path / "model", **QUICK)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2
    assert os.listdir(tmp_path) == ["bad.parquet"]


def test_a_folder_of_other_things_is_refused_before_any_work(table: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds 'notes.txt'"):
        train(table, out=tmp_path, on_progress=lambda *_: pytest.fail("it began"))
    assert os.listdir(tmp_path) == ["notes.txt"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"epochs": 0}, "epochs: "), ({"batch": 3}, "batch: "), ({"recipe": "sed"}, "recipe: ")],
)
def test_a_bad_setting_is_named(table: Path, tmp_path: Path, settings: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        train(table, out=tmp_path / "model", **settings)


def test_without_the_extra_it_says_which_to_install(
    table: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(mien.workflows.evaluate, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"torch, .* pip install 'mien\[train\]'"):
        train(table, out=tmp_path / "model")


def test_a_crash_while_writing_leaves_the_older_model(
    table: Path, trained: Trained, monkeypatch
) -> None:
    before = {path.name: path.read_bytes() for path in trained.folder.iterdir()}

    def full_disk(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(mien.workflows.train, "write_result_files", full_disk)
        with pytest.raises(MienError, match="No space left on device"):
            train(table, out=trained.folder, **QUICK)
    assert {path.name: path.read_bytes() for path in trained.folder.iterdir()} == before
    assert ".model.training" in os.listdir(trained.folder.parent)  # what was trained: --resume
    told: list[int] = []
    train(
        table,
        out=trained.folder,
        resume=True,
        on_progress=lambda doing, done, total: told.append(done % QUICK["epochs"]),
        **QUICK,
    )
    assert set(told[1:]) == {0}  # fits are taken as finished: no epoch of theirs is run again
    left = sorted(os.listdir(trained.folder.parent))
    assert left == ["model"]


def test_what_a_stopped_training_left_is_dropped_aloud(table: Path, tmp_path: Path) -> None:
    left = tmp_path / ".model.training" / "subject-1.safetensors"
    left.parent.mkdir()
    left.write_bytes(b"x")
    notes: list[str] = []
    train(table, out=tmp_path / "model", on_note=notes.append, **QUICK)
    assert len(notes) == 1 and "--resume would go on from it" in notes[0]


def test_the_current_folder_is_refused_before_the_table_is_read(
    table: Path, tmp_path: Path, monkeypatch
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="which mien did not write there"):
        train(table, out=".", **QUICK)
    with pytest.raises(InputError, match="finds no CUDA GPU|device"):
        train(table, out="model", device="cuda" if not torch.cuda.is_available() else "x", **QUICK)
    with pytest.raises(InputError, match="leave it out with the split time"):
        train(table, out="model", split="time", max_folds=1, **QUICK)


def test_fewer_folds_are_fitted_when_asked_and_it_says_so(table: Path, tmp_path: Path) -> None:
    result = train(table, out=tmp_path / "m", max_folds=1, folds=4, hidden_units=4, epochs=2)
    honest = result.results.splits[-1]
    assert (honest.folds, honest.held_out) == (1, len(honest.held_out_people) * 15)
    assert any("1 of 4 person-disjoint folds fitted" in note for note in result.results.warnings)


def test_recipe_mlp_learns_in_small_batches(tmp_path: Path) -> None:
    table = write_people(tmp_path / "t.parquet", frames=20, faceless=(2,))
    result = train(table, out=tmp_path / "m", recipe="mlp", split="time", epochs=40, batch_rows=16)
    scores = {split.split: split.frames.accuracy.value for split in result.results.splits}
    assert scores["time"] > 0.45  # chance is .33: two of 1,434 values tell, the rest is noise
    predicted = predict([table], model=result.folder, out=tmp_path / "p.parquet")
    assert predicted.frames_without_face == 1  # the graph takes values that are not standardised


def test_a_large_table_trains_from_its_matrix_as_a_small_one_from_memory(
    table: Path, trained: Trained, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(cache, "_LARGE_BYTES", 0)
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    again = train(table, out=tmp_path / "again", **QUICK)
    assert [entry.table for entry in cache.entries()] == [table]
    assert again.results.weights_sha256 == trained.results.weights_sha256


TO_BE_KILLED = """
import sys
from mien.corpora import cache
from mien.emotion import runs
import mien.evaluation.evaluate, mien.emotion.mlp
cache._LARGE_BYTES = runs.SAVE_EVERY_S = 0
from mien.workflows.train import train
print("begin", flush=True)
train(sys.argv[1], out=sys.argv[2], resume=True, folds=2, hidden_units=16, epochs=60)
print("end", flush=True)
"""
KILLS = int(os.environ.get("MIEN_KILLS", 5))


@pytest.mark.slow
def test_killed_at_any_moment_of_reading_and_training_it_ends_with_the_same_model(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    table = write_people(tmp_path / "people.parquet", people=6, frames=40)
    whole = train(table, out=tmp_path / "whole", folds=2, hidden_units=16, epochs=60)
    words = [sys.executable, "-c", TO_BE_KILLED, str(table), str(tmp_path / "model")]
    moments = random.Random(0)
    ended = 0
    for number in range(KILLS):
        running = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert running.stdout is not None
        assert running.stdout.readline() == "begin\n"
        time.sleep(moments.uniform(0, 2.5))
        running.send_signal(signal.SIGKILL)
        ended += "end" in running.communicate()[0]
        folder = tmp_path / "model"
        assert not folder.exists() or load_card(folder).recipe == "seed"  # whole or absent
        if number % 3 == 2:
            cache.clear()  # so that building is killed as well
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.stdout == "begin\nend\n", result.stderr
    print(f"{KILLS} kills, {ended} of them after the end")
    for name in ("weights.safetensors", "model.onnx"):
        assert (tmp_path / "model" / name).read_bytes() == (whole.folder / name).read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["cache", "model", "people.parquet", "whole"]
