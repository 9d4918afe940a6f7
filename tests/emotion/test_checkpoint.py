"""A model folder is whole or absent, and refused when anything in it differs."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mien.emotion.checkpoint import (
    Calibrations,
    calibrations_of,
    load_card,
    load_neutral_reference,
    load_weights,
    replacing_folder,
)
from mien.emotion.facs import FacsClassifier
from mien.emotion.prediction import load_model
from mien.errors import InputError, ModelError
from tests.emotion.model_folders import calibration, save

OWN = ("model.json",)


@pytest.fixture
def model(trained, tmp_path: Path) -> Path:
    return shutil.copytree(trained.folder, tmp_path / "model")


def change_card(model: Path, **changes: object) -> None:
    card = json.loads((model / "model.json").read_text("utf-8"))
    card |= changes
    (model / "model.json").write_text(json.dumps({k: v for k, v in card.items() if v != "gone"}))


def test_a_model_folder_says_what_it_is(model: Path) -> None:
    card = load_card(model)
    assert card.labels == ["Angry", "Happy", "Sad"]
    assert (card.feature_set, card.feature_version, card.value_count) == ("raw-points", 1, 1434)
    assert (card.unit, card.window) == ("frame", None)
    assert card.held_out.split == "subject"
    assert len(card.held_out.people) == 2
    assert card.held_out.frames + card.trained_on.frames == 58
    assert set(load_weights(model)) == {"0.weight", "0.bias", "2.weight", "2.bias"}


def test_nothing_in_a_model_folder_is_a_pickle(model: Path) -> None:
    for path in model.iterdir():
        assert path.suffix in (".json", ".onnx", ".safetensors", ".png", ".html", ".md")


@pytest.mark.parametrize("name", ["weights.safetensors", "model.onnx"])
def test_an_altered_file_is_refused(model: Path, name: str) -> None:
    content = bytearray((model / name).read_bytes())
    content[-1] ^= 1
    (model / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name} was altered: its SHA-256 is"):
        load_model(model)


@pytest.mark.parametrize("name", ["weights.safetensors", "model.onnx"])
def test_a_missing_file_is_refused(model: Path, name: str) -> None:
    (model / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing"):
        load_model(model)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema_version": 1}, "version 1, this mien reads 2; it is older: train the model again"),
        ({"schema_version": 3}, "schema version 3, this mien reads 2; it is newer: update mien"),
        ({"unit": "gone"}, "lacks unit"),
        ({"unit": "film"}, "unit: Input should be 'frame' or 'clip', got 'film'"),
        ({"unit": "clip"}, "model.json says features of 1434 values a frame of a clip"),
        ({"window": 0}, "window: Input should be greater than or equal to 1, got 0"),
        ({"window": 60}, "a window of 60 frames, but a model of frames"),
        ({"calibration": {}}, "calibration lacks frames, clips: train the model again"),
        ({"calibration": {"frames": None, "clips": {}}}, "of clips: calibration lacks labels"),
        ({"calibration": {"frames": 1, "clips": None}}, "of frames: calibration is 1, wanted"),
        ({"schema_version": "gone"}, "has no schema_version"),
        ({"mood": 1, "aura": 2}, "has aura, mood, which this mien does not know"),
        ({"calibration": "gone"}, "lacks calibration"),
        ({"feature_set": "gait"}, "wants features 'gait'; this mien has raw-points"),
        ({"feature_version": 2}, "'raw-points' version 2; this mien has version 1"),
        ({"value_count": 1404}, "1404 values a frame, but raw-points version 1 has 1434"),
        ({"labels": ["Angry", "Happy"]}, "model.json names 2 labels: Angry, Happy"),
        ({"labels": ["Angry", "Angry", "Sad"]}, "a label is named twice"),
        ({"labels": "Angry"}, "labels: Input should be a valid list"),
        ({"files": {}}, "model.json says nothing"),
    ],
)
def test_a_model_that_differs_is_refused_by_name(model: Path, changes: dict, words: str) -> None:
    change_card(model, **changes)
    with pytest.raises(ModelError) as caught:
        load_model(model)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_calibrations_of_frames_and_of_clips_come_back(model: Path) -> None:
    labels = ["Angry", "Happy", "Sad"]
    learnt = calibration(labels)
    change_card(model, calibration={"frames": None, "clips": learnt.to_json()})
    found = calibrations_of(load_card(model))
    assert (found.frames, found.clips) == (None, learnt)
    change_card(model, calibration=None)
    assert calibrations_of(load_card(model)) == Calibrations(None, None)


def test_another_models_calibration_is_refused(model: Path) -> None:
    learnt = calibration(["Angry", "Happy"]).to_json()
    change_card(model, calibration={"frames": learnt, "clips": None})
    with pytest.raises(ModelError, match="of frames: calibration is for labels .*the same model"):
        load_card(model)


def test_the_neutral_reference_lies_beside_the_weights_and_is_none_of_them(tmp_path: Path) -> None:
    reference = np.arange(52, dtype=np.float64)
    facs = FacsClassifier().fit(np.empty((0, 52)), np.array(["Happy", "Sad"]))
    with_one = save(tmp_path / "one", facs, "blendshapes", neutral_reference=reference)
    without = save(tmp_path / "none", facs, "blendshapes")
    found = load_neutral_reference(with_one)
    assert found is not None and found.dtype == np.float32
    np.testing.assert_array_equal(found, reference)
    assert load_neutral_reference(without) is None
    assert load_weights(with_one).keys() == load_weights(without).keys() == facs.weights().keys()


@pytest.mark.parametrize("reference", [np.zeros(51), np.full(52, np.nan)])
def test_a_neutral_reference_that_does_not_fit_is_refused(
    tmp_path: Path, reference: np.ndarray
) -> None:
    facs = FacsClassifier().fit(np.empty((0, 52)), np.array(["Happy", "Sad"]))
    folder = save(tmp_path / "model", facs, "blendshapes", neutral_reference=reference)
    with pytest.raises(ModelError, match=r"neutral_reference is \(5.,\), wanted \(52,\) finite"):
        load_model(folder)


def test_a_card_that_is_no_json_is_refused(model: Path) -> None:
    (model / "model.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(model)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model at"):
        load_model(tmp_path)


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        replacing_folder(tmp_path / "model", own_files=OWN) as folder,
    ):
        (folder / "model.json").write_text("half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_an_older_result_is_replaced_as_a_whole(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with replacing_folder(tmp_path / "model", own_files=("old", "new")) as folder:
            (folder / text).write_text(text)
    assert [p.name for p in (tmp_path / "model").iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_failure_leaves_the_older_result(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "model", own_files=OWN) as folder:
        (folder / "model.json").write_text("old")
    with (
        pytest.raises(ZeroDivisionError),
        replacing_folder(tmp_path / "model", own_files=OWN) as folder,
    ):
        raise ZeroDivisionError
    assert (tmp_path / "model" / "model.json").read_text() == "old"


def test_a_run_killed_between_the_two_moves_loses_nothing(tmp_path: Path) -> None:
    aside = tmp_path / ".model.old"
    aside.mkdir()
    (aside / "model.json").write_text("old")
    with (
        pytest.raises(ZeroDivisionError),
        replacing_folder(tmp_path / "model", own_files=OWN) as folder,
    ):
        raise ZeroDivisionError
    assert not folder.exists()
    assert (tmp_path / "model" / "model.json").read_text() == "old"


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("years of work")
    with (
        pytest.raises(InputError, match=r"holds 'thesis.docx', which mien did not write there"),
        replacing_folder(tmp_path, own_files=OWN),
    ):
        pass
    assert (tmp_path / "thesis.docx").read_text() == "years of work"


def test_a_file_is_no_folder_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("a file")
    with (
        pytest.raises(InputError, match="is not a folder"),
        replacing_folder(tmp_path / "model", own_files=OWN),
    ):
        pass
