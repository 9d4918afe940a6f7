"""A small table with a known answer, and one model trained on it."""

from pathlib import Path

import pytest

from mien.workflows.train import Trained, train
from tests.emotion.tables import write_people


@pytest.fixture(scope="session")
def people_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four people, three clips of five frames each, three emotions; rows 2 and 59 faceless."""
    path = tmp_path_factory.mktemp("people") / "people.parquet"
    return write_people(path, faceless=(2, 59))


@pytest.fixture(scope="session")
def trained(people_table: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    out = tmp_path_factory.mktemp("trained") / "model"
    return train(people_table, out=out, folds=2, hidden_units=8, epochs=5)
