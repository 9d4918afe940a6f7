"""mien evaluate --alarms: from simulated patients to a report."""

import json
from pathlib import Path

import pytest

import mien
from mien.errors import InputError
from mien.evaluation.alarm_patients import TEST
from mien.workflows.alarm_replays import WAYS, replays
from mien.workflows.evaluate_alarms import PAGE

FEW = {"days": 0, "episodes": 0, "vanishing": 2, "wavering": 1, "replays": 0}


def test_patients_who_leave_the_view_have_no_record_while_they_are_gone(tmp_path: Path) -> None:
    done = mien.evaluate_alarms(**FEW, out=tmp_path / "alarms")
    assert done.report == tmp_path / "alarms" / PAGE
    assert done.results.no_face.opened > 0
    assert done.results.no_face.without_face_in_the_second == 0
    assert done.results.lost.away.value == 1
    stored = json.loads((tmp_path / "alarms" / "alarms.json").read_text("utf-8"))
    assert stored["plan"]["vanishing"] == 2


def test_the_same_seed_gives_the_same_report_whatever_the_workers(tmp_path: Path) -> None:
    one = FEW | {"wavering": 0}
    for name, workers in (("alone", 1), ("two", 2)):
        mien.evaluate_alarms(**one, out=tmp_path / name, workers=workers)
    first, second = ((tmp_path / name / PAGE).read_bytes() for name in ("alone", "two"))
    assert first == second


def test_a_stopped_evaluation_goes_on_and_gives_the_same_report(tmp_path: Path) -> None:
    def stop(doing: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    asked = FEW | {"vanishing": 3, "wavering": 0}
    with pytest.raises(KeyboardInterrupt):
        mien.evaluate_alarms(**asked, out=tmp_path / "stopped", on_progress=stop)
    told: list[int] = []
    mien.evaluate_alarms(
        **asked, out=tmp_path / "stopped", on_progress=lambda doing, done, total: told.append(done)
    )
    mien.evaluate_alarms(**asked, out=tmp_path / "whole")
    assert told == [2, 3]  # the first is not watched again
    first, second = ((tmp_path / name / PAGE).read_bytes() for name in ("stopped", "whole"))
    assert first == second


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"days": -1}, "days must be 0 or more, got -1"),
        ({"days": 1, "days_of_faces": 2}, "days_of_faces is part of days: at most 1"),
        ({"seed": TEST.stop}, "neither a development seed"),
        ({"workers": 0}, "workers must be 1 or more"),
        (FEW | {"vanishing": 0, "wavering": 0}, "nobody to watch"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anybody_is_watched(
    asked: dict[str, int], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        mien.evaluate_alarms(**asked)


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match=r"thesis\.txt"):
        mien.evaluate_alarms(**FEW, out=tmp_path)


@pytest.mark.slow
def test_streams_told_in_any_order_or_restarted_give_the_same_alerts() -> None:
    found = replays(0, 2)
    assert found.same == dict.fromkeys(WAYS, 2)
    assert found.records >= 4  # distress, an empty bed, a stream that stopped


@pytest.mark.slow
def test_a_day_and_its_episodes_meet_what_is_asked_for() -> None:
    found = mien.evaluate_alarms(days=1, episodes=8, vanishing=0, wavering=0, replays=0).results
    assert found.free.days == 1
    assert found.whole.strong.found.value == 1
    assert found.free.good_scored.value > 0.9
