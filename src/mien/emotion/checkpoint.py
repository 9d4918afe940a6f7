"""A model as a folder: weights.safetensors, model.onnx and model.json. No pickle.

Written whole or not at all; loaded strictly. Loading needs neither torch nor
scikit-learn.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load_file, save

import mien
from mien.emotion.calibration import Calibration
from mien.emotion.strict_json import members
from mien.errors import InputError, ModelError
from mien.face.features import feature_set
from mien.files import sha256

MODEL_VERSION = 2
CARD, WEIGHTS, GRAPH = "model.json", "weights.safetensors", "model.onnx"
NEUTRAL_REFERENCE = "neutral_reference"  # beside the weights, and none of them


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HeldOut(_Part):
    """Who the model never saw, and how that was chosen."""

    split: str  # "subject", "time" or "random-frame"
    people: list[str]  # empty unless split by subject
    frames: int
    clips: int


class TrainedOn(_Part):
    """The table that the model learnt from."""

    table: str  # its file name
    table_sha256: str
    frames: int
    clips: int
    people: int


class ModelCard(_Part):
    """model.json: everything that a reader of the model must agree on."""

    schema_version: int = MODEL_VERSION
    mien_version: str = mien.__version__
    git_sha: str | None
    recipe: str
    labels: list[str] = Field(min_length=2)  # in the order of the probabilities
    feature_set: str
    feature_version: int
    value_count: int
    unit: Literal["frame", "clip"] = "frame"  # what the graph takes: (N, F) or (K, T, F)
    # Of a causal model of clips: how many frames, the newest included, decide a frame's scores.
    # null: this frame alone, or for another model of clips all of them.
    window: int | None = Field(ge=1)
    calibration: dict[str, Any] | None  # {"frames": ..., "clips": ...}, see calibrations_of
    held_out: HeldOut
    trained_on: TrainedOn
    scores: dict[str, float | None]  # on who was held out; null: undefined
    settings: dict[str, Any]
    settings_digest: str
    files: dict[str, str] = {}  # name -> SHA-256, filled in by save_model


@dataclass(frozen=True)
class Calibrations:
    """What was learnt of a model's frames and of its clips; None: nothing."""

    frames: Calibration | None = None
    clips: Calibration | None = None


def calibrations_of(card: ModelCard) -> Calibrations:
    """The card's calibrations, read strictly. Raises ModelError naming what differs."""
    if card.calibration is None:
        return Calibrations()
    stored = members(card.calibration, ["frames", "clips"], what="calibration")
    found: dict[str, Calibration | None] = {}
    for unit, parameters in stored.items():
        try:
            found[unit] = (
                None
                if parameters is None
                else Calibration.from_json(parameters, labels=card.labels)
            )
        except ModelError as error:
            raise ModelError(f"of {unit}: {error}") from error
    return Calibrations(**found)


def save_model(
    folder: Path,
    card: ModelCard,
    *,
    weights: Mapping[str, np.ndarray],
    write_onnx: Callable[[Path], None],
    neutral_reference: np.ndarray | None = None,
) -> ModelCard:
    """Write a model's three files into an existing folder. Returns the card with their hashes.

    write_onnx: called with the path of the graph to write. neutral_reference: (F,) the mean
    of the Neutral frames that it learnt from, which enrolling a person's face needs.
    """
    stored = {name: np.ascontiguousarray(value) for name, value in weights.items()}
    if neutral_reference is not None:
        stored[NEUTRAL_REFERENCE] = np.ascontiguousarray(neutral_reference, np.float32)
    (folder / WEIGHTS).write_bytes(save(stored))
    write_onnx(folder / GRAPH)
    files = {name: sha256(folder / name) for name in (WEIGHTS, GRAPH)}
    card = card.model_copy(update={"files": files})
    text = json.dumps(card.model_dump(mode="json"), indent=2, allow_nan=False, ensure_ascii=False)
    (folder / CARD).write_text(text + "\n", encoding="utf-8")
    return card


def load_card(folder: str | Path) -> ModelCard:
    """Read and check a model folder: version, keys, hashes and features.

    Raises ModelError naming what differs; InputError when there is no such folder.
    """
    folder = Path(folder)
    card = _parse_card(folder)
    for name in (WEIGHTS, GRAPH):
        _check_file(folder / name, card.files.get(name))
    if sorted(card.files) != sorted((WEIGHTS, GRAPH)):
        raise ModelError(
            f"{folder / CARD}: files are {sorted(card.files)}, wanted {WEIGHTS}, {GRAPH}"
        )
    if len(set(card.labels)) != len(card.labels):
        raise ModelError(f"{folder / CARD}: a label is named twice in {card.labels}")
    features = feature_set(card.feature_set, version=card.feature_version)
    if features.value_count != card.value_count:
        raise ModelError(
            f"{folder / CARD}: {card.value_count} values a frame, but {features.name} "
            f"version {features.version} has {features.value_count}"
        )
    if card.window is not None and card.unit != "clip":
        raise ModelError(
            f"{folder / CARD}: a window of {card.window} frames, but a model of frames"
        )
    try:
        calibrations_of(card)
    except ModelError as error:
        raise ModelError(f"{folder / CARD}: {error}") from error
    return card


def load_weights(folder: str | Path) -> dict[str, np.ndarray]:
    """The weights by name, checked as load_card checks them."""
    load_card(folder)
    try:
        stored = load_file(Path(folder) / WEIGHTS)
    except SafetensorError as error:
        raise ModelError(f"{Path(folder) / WEIGHTS} cannot be read: {error}") from error
    return {name: value for name, value in stored.items() if name != NEUTRAL_REFERENCE}


def load_neutral_reference(folder: str | Path) -> np.ndarray | None:
    """(F,) float32, what save_model was given; None when it was given nothing.

    The folder must have been checked by load_card. Raises ModelError when it does not fit.
    """
    path = Path(folder) / WEIGHTS
    try:
        with safe_open(path, framework="numpy") as stored:
            if NEUTRAL_REFERENCE not in stored.keys():  # noqa: SIM118, it is no mapping
                return None
            found: np.ndarray = stored.get_tensor(NEUTRAL_REFERENCE)
    except SafetensorError as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    wanted = (_parse_card(Path(folder)).value_count,)
    if found.shape != wanted or not np.isfinite(found).all():
        raise ModelError(
            f"{path}: {NEUTRAL_REFERENCE} is {found.shape}, wanted {wanted} finite values: "
            "train the model again"
        )
    return found.astype(np.float32, copy=False)


def check_free(folder: str | Path, *, own_files: Iterable[str]) -> Path:
    """The folder, if a result may be written there.

    An earlier result of mien is replaced; anything else is left alone.
    own_files: the names that a result may have. Raises InputError.
    """
    folder = Path(folder)
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InputError(f"{folder} is not a folder: give the name of a new one")
    strangers = sorted({path.name for path in _contents(folder)} - set(own_files))
    if strangers:
        raise InputError(
            f"{folder} holds {strangers[0]!r}, which mien did not write there: give a new folder"
        )
    return folder


@contextmanager
def replacing_folder(folder: str | Path, *, own_files: Iterable[str]) -> Iterator[Path]:
    """Give a temporary folder beside `folder`; move it there when the block ends well.

    What was there is moved aside first and comes back if the move fails, so
    the name always ends with the old result or the new one, never a mixture.
    Raises InputError as check_free does, and when the place cannot be written.
    """
    folder = Path(os.path.abspath(folder))
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        _restore(folder)
        check_free(folder, own_files=own_files)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        _flush(temporary)
        _swap(folder, temporary)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def own_git_sha() -> str | None:
    """The commit of mien's own checkout, "-dirty" when changed since; None when installed."""
    root = Path(mien.__file__).resolve().parents[2]
    if not ((root / ".git").exists() and (root / "src" / "mien").is_dir()):
        return None
    command = [
        "git",
        "-C",
        str(root),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=40",
        "--exclude=*",
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def _parse_card(folder: Path) -> ModelCard:
    path = folder / CARD
    if not path.is_file():
        raise InputError(f"no model at {folder}: a model is a folder with {CARD}, see mien train")
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error
    version = stored.get("schema_version") if isinstance(stored, dict) else None
    if not isinstance(version, int):
        raise ModelError(f"{path} has no schema_version: it is not a model's")
    if version != MODEL_VERSION:
        age = "newer: update mien" if version > MODEL_VERSION else "older: train the model again"
        raise ModelError(
            f"{path} has schema version {version}, this mien reads {MODEL_VERSION}; it is {age}"
        )
    _check_keys(path, stored)
    try:
        return ModelCard.model_validate(stored, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"{path}: {key}: {first['msg']}, got {first['input']!r}") from error


def _check_keys(path: Path, stored: dict[str, Any]) -> None:
    wanted = set(ModelCard.model_fields)
    if missing := sorted(wanted - set(stored)):
        raise ModelError(f"{path} lacks {', '.join(missing)}: train the model again")
    if unknown := sorted(set(stored) - wanted):
        raise ModelError(
            f"{path} has {', '.join(unknown)}, which this mien does not know: update mien"
        )


def _check_file(path: Path, expected: str | None) -> None:
    if not path.is_file():
        raise ModelError(f"{path} is missing: the model folder is not whole")
    found = sha256(path)
    if found != expected:
        raise ModelError(
            f"{path} was altered: its SHA-256 is {found[:12]}…, {CARD} says "
            f"{(expected or 'nothing')[:12]}…: copy the model again"
        )


def _contents(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _aside(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def _restore(folder: Path) -> None:
    """Bring back what a run that was killed between the two moves had moved aside."""
    if _aside(folder).exists() and not folder.exists():
        os.replace(_aside(folder), folder)


def _swap(folder: Path, temporary: Path) -> None:
    aside = _aside(folder)
    shutil.rmtree(aside, ignore_errors=True)
    if folder.exists():
        os.replace(folder, aside)
    try:
        os.replace(temporary, folder)
    except OSError:
        _restore(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _flush(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb+") as handle:
                os.fsync(handle.fileno())
