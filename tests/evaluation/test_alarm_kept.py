"""Patients watched before a stop are not watched again; nothing else is taken for them."""

from pathlib import Path

import pytest

from mien.errors import InputError
from mien.evaluation.alarm_kept import keeping, kept_path
from mien.evaluation.alarm_measures import Watched
from mien.evaluation.alarm_patients import Asked
from tests.evaluation.alarm_streams import patients


def asked(one: Watched, **other: object) -> Asked:
    number = int(one.patient[1:])
    known = {"purpose": one.purpose, "source": one.source, "hours": one.length_s / 3600}
    return Asked(0, number, **(known | other))


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A report that was stopped after two patients."""
    out = tmp_path / "alarms"
    with pytest.raises(KeyboardInterrupt), keeping(out, seed=0) as kept:
        for one in patients()[:2]:
            kept.add(one)
        raise KeyboardInterrupt
    return out


def test_after_a_stop_those_that_were_watched_are_there(stopped: Path) -> None:
    first, second, third = patients()[:3]
    with keeping(stopped, seed=0) as kept:
        assert kept.of(asked(first)) == first
        assert kept.of(asked(second)) == second
        assert kept.of(asked(third)) is None
        kept.add(third)
    assert not list(stopped.parent.iterdir())  # the report is there: nothing is kept beside it


def test_stopped_twice_all_of_them_are_there(stopped: Path) -> None:
    with pytest.raises(KeyboardInterrupt), keeping(stopped, seed=0) as kept:
        kept.add(patients()[2])
        raise KeyboardInterrupt
    with keeping(stopped, seed=0) as kept:
        assert [kept.of(asked(one)) for one in patients()[:3]] == list(patients()[:3])


def test_a_patient_of_another_kind_is_watched_anew(stopped: Path) -> None:
    one = patients()[0]
    with keeping(stopped, seed=0) as kept:
        assert kept.of(asked(one, source="faces")) is None
        assert kept.of(asked(one, purpose="wavering")) is None
        assert kept.of(asked(one, hours=30.0)) is None


def test_patients_of_another_seed_are_not_taken(stopped: Path) -> None:
    with keeping(stopped, seed=1) as kept:
        assert kept.of(asked(patients()[0])) is None


@pytest.mark.parametrize("keep", [0, 1, 50, -2, -40])
def test_a_file_that_was_cut_off_gives_the_whole_lines_of_it(stopped: Path, keep: int) -> None:
    path = kept_path(stopped)
    path.write_bytes(path.read_bytes()[:keep])
    with keeping(stopped, seed=0) as kept:
        found = [kept.of(asked(one)) for one in patients()[:2]]
    assert found == ([None, None] if keep >= 0 else [patients()[0], None])


def test_two_processes_do_not_make_the_same_report(stopped: Path) -> None:
    with (
        keeping(stopped, seed=0),
        pytest.raises(InputError, match="another process is making"),
        keeping(stopped, seed=0),
    ):
        pass
