"""mien evaluate takes a table, or --alarms; one line says what does not go together."""

import sys
from pathlib import Path

import pytest

from mien import cli


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """What the command says to words that it refuses."""

    def go(*words: object) -> str:
        monkeypatch.setattr(sys, "argv", ["mien", "evaluate", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 2
        return capsys.readouterr().err

    return go


def test_neither_a_table_nor_alarms_is_too_little(refused) -> None:
    assert refused() == "error: give a landmark table to evaluate recipes on, or --alarms\n"


def test_options_of_recipes_are_not_alarms(refused) -> None:
    assert "--alarms does not take --folds, --recipe" in refused(
        "--alarms", "--folds", "3", "--recipe", "svm"
    )
    assert "does not take landmarks.csv" in refused(Path("landmarks.csv"), "--alarms")


def test_options_of_alarms_are_not_of_recipes(refused) -> None:
    said = refused("landmarks.csv", "--days", "3")
    assert said == "error: without --alarms mien evaluate does not take --days\n"


def test_a_seed_whose_patients_nobody_knows_is_refused(refused) -> None:
    assert "neither a development seed" in refused("--alarms", "--seed", "99999")
