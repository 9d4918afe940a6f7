"""A stay with an episode, as a table and measured once for all tests that tell it to a watch."""

from pathlib import Path

import pytest

from mien.risk.events import Event
from mien.tables import open_landmarks
from mien.workflows.replay_clips import open_recording
from mien.workflows.replay_frame import MeasuredFrame
from mien.workflows.replay_rows import measured
from tests.workflows.stays import write_stay
from tests.workflows.telling import FACS, told


@pytest.fixture(scope="session")
def stay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_stay(tmp_path_factory.mktemp("stay") / "stay.parquet")


@pytest.fixture(scope="session")
def frames(stay: Path) -> list[MeasuredFrame]:
    recording = open_recording(open_landmarks(stay))
    return [one for some in measured(recording, FACS, threads=1) for one in some]


@pytest.fixture(scope="session")
def log(frames: list[MeasuredFrame]) -> list[Event]:
    """All that is said to it."""
    return told(frames)
