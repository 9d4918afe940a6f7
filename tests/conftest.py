"""Real recordings for the tests: the packaged clips, and broken ones made from them."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch's threads: the tests are many processes

import hypothesis
import pyarrow as pa
import pytest

from mien.tables import read_landmarks
from mien.workflows.extract import extract

hypothesis.settings.register_profile("untimed", deadline=None)  # machines are noisy
hypothesis.settings.load_profile("untimed")

SAMPLE = Path(__file__).parent.parent / "src" / "mien" / "corpora" / "sample"


@pytest.fixture(scope="session")
def clips() -> list[Path]:
    """The six packaged CREMA-D clips: 67, 70, 65, 56, 61 and 60 frames of 480x360."""
    return sorted(SAMPLE.glob("*.flv"))


@pytest.fixture(scope="session")
def landmarks_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The six clips, extracted once a test run."""
    table = tmp_path_factory.mktemp("landmarks") / "landmarks.parquet"
    return extract([SAMPLE], table).table


@pytest.fixture(scope="session")
def landmarks(landmarks_file: Path) -> pa.Table:
    return read_landmarks(landmarks_file)


@pytest.fixture
def broken(tmp_path: Path, clips: list[Path]) -> Path:
    """A folder with one good clip among files that cannot be read."""
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "good.flv").write_bytes(clips[3].read_bytes())
    (folder / "truncated.flv").write_bytes(clips[0].read_bytes()[:100_000])
    (folder / "zero.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("not a video")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a photo")
    return folder
