"""mien evaluate: several recipes on the same people, and what files beside the table tell."""

import csv
import json
from pathlib import Path

import pytest

from mien.errors import InputError, LabelError
from mien.evaluation.results import load_results
from mien.workflows.evaluate import evaluate
from mien.workflows.simulate import simulate

EMOTIONS = ("Happy", "Neutral", "Surprise")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("people") / "people.parquet"
    simulate(path, people=6, clips_each=3, frames=6, emotions=EMOTIONS, seed=2)
    return path


def test_recipes_are_compared_on_the_same_people_and_each_has_a_report(
    table: Path, tmp_path: Path
) -> None:
    found = evaluate(table, recipe="facs, logistic", out=tmp_path / "e", folds=2, beside=())
    assert found.results.recipe == "facs" and list(found.others) == ["logistic"]
    assert found.results.comparison is not None
    lines = {line.recipe: line for line in found.results.comparison.lines}
    assert list(lines) == ["facs", "majority", "logistic"]
    assert lines["logistic"].difference is not None
    other = load_results(tmp_path / "e" / "logistic")
    assert other.honest is not None and found.results.honest is not None
    assert other.honest.held_out_people == found.results.honest.held_out_people
    assert other.honest.clips.accuracy.value == lines["logistic"].scores.accuracy.value
    evaluate(table, recipe=["facs"], out=tmp_path / "e", folds=2, beside=())  # replaces the former
    assert not (tmp_path / "e" / "logistic").exists()


def test_the_reference_s_recipe_stands_beside_unless_left_out(table: Path) -> None:
    found = evaluate(table, recipe="majority", folds=2)
    assert found.results.comparison is not None
    assert [line.recipe for line in found.results.comparison.lines] == ["majority", "seed"]
    assert found.others == {}


def test_folds_are_frozen_once_and_taken_again(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "folds.json"
    first = evaluate(table, recipe="facs", folds=3, seed=1, folds_file=path, beside=())
    kept = json.loads(path.read_text("utf-8"))
    assert len(kept["folds"]) == 3
    again = evaluate(table, recipe="facs", folds=5, seed=9, folds_file=path, beside=())
    assert first.results.honest is not None and again.results.honest is not None
    assert again.results.honest.folds == 3
    assert again.results.honest.held_out_people == first.results.honest.held_out_people
    assert sorted(kept["folds"][0]) == first.results.honest.held_out_people


def test_people_of_a_file_come_before_those_of_the_table(table: Path, tmp_path: Path) -> None:
    from mien.tables import read_landmarks

    clips = sorted(set(read_landmarks(table)["video_filename"].to_pylist()))
    path = tmp_path / "people.csv"
    with open(path, "w", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["video_filename", "subject"])
        writer.writerows([clip, f"twin {number % 2}"] for number, clip in enumerate(clips))
    found = evaluate(table, recipe="facs", subjects=path, beside=())
    assert found.results.table.people == 2
    assert found.results.table.people_from == "the subjects file"


def test_gaps_between_groups_of_people_are_told(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "actors.csv"
    rows = [f"{2001 + n},{25 + n},{'Male' if n % 2 else 'Female'},White,Not" for n in range(6)]
    path.write_text("\n".join(["ActorID,Age,Sex,Race,Ethnicity", *rows]) + "\n", "utf-8")
    found = evaluate(table, recipe="facs", demographics=path, folds=2, beside=())
    assert found.results.honest is not None and found.results.honest.measures is not None
    groups = {each.attribute: each for each in found.results.honest.measures.groups}
    assert set(groups) >= {"head turned", "sex", "age"}
    assert [group.people for group in groups["sex"].groups] == [3, 3]
    assert not any(group.is_claimed for group in groups["sex"].groups)  # of three, nothing
    assert found.results.honest.measures.anchors == []  # named alike, but no actors of CREMA-D


def test_a_file_beside_the_table_is_checked_before_the_table_is_read(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere.parquet"
    with pytest.raises((InputError, LabelError), match="votes.csv"):
        evaluate(nowhere, recipe="facs", crema_d_votes=tmp_path / "votes.csv")
    with pytest.raises(InputError, match="no recipe 'nope'|Input should be"):
        evaluate(nowhere, recipe="facs,nope")


def test_a_model_in_a_folder_of_a_recipe_s_name_is_not_replaced(
    table: Path, tmp_path: Path
) -> None:
    from mien.workflows.train import train

    train(table, out=tmp_path / "models" / "facs", recipe="facs", folds=2, beside=())
    with pytest.raises(InputError, match=r"facs holds 'model.json'"):
        evaluate(table, recipe="majority,facs", out=tmp_path / "models", folds=2, beside=())
    assert (tmp_path / "models" / "facs" / "model.onnx").is_file()


def test_demographics_of_other_people_are_refused(table: Path, tmp_path: Path) -> None:
    path = tmp_path / "actors.csv"
    path.write_text("ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,White,Not\n", "utf-8")
    with pytest.raises(InputError, match="name none of the 6 people"):
        evaluate(table, recipe="facs", demographics=path, folds=2, beside=())


def test_a_stopped_training_does_not_go_on_with_other_people_held_out(
    table: Path, tmp_path: Path
) -> None:
    from mien.workflows.train import train

    class Stopped(Exception):
        pass

    def stop(doing: str, done: int, total: int) -> None:
        if "People never seen: fold 2" in doing:
            raise Stopped

    asked = dict(recipe="mlp", epochs=1, hidden_units=8, folds=2, calibration="none", beside=())
    with pytest.raises(Stopped):
        train(table, out=tmp_path / "m", on_progress=stop, **asked)
    evaluate(table, recipe="facs", folds=2, seed=7, folds_file=tmp_path / "f.json", beside=())
    with pytest.raises(InputError, match="that was stopped had people"):
        train(table, out=tmp_path / "m", folds_file=tmp_path / "f.json", resume=True, **asked)


def test_enrolment_is_measured_of_the_recipes_that_are_named(table: Path, tmp_path: Path) -> None:
    found = evaluate(table, recipe="facs,seed", out=tmp_path / "e", folds=2, beside=(), enrol=True)
    assert found.results.enrolment is not None
    kept = load_results(tmp_path / "e").enrolment
    assert kept is not None
    assert kept.model_dump_json() == found.results.enrolment.model_dump_json()
    seed = found.others["seed"]
    assert seed.enrolment is None
    assert "enrolment was not measured: recipe seed sees where a face is" in seed.warnings[-1]
    with pytest.raises(InputError, match="enrol is for folds of people: leave it out"):
        evaluate(table, recipe="facs", split="time", enrol=True)


def test_what_is_learnt_on_people_set_aside_needs_people(table: Path) -> None:
    for asked in ({"balance": 0.5}, {"calibration": "isotonic"}):
        with pytest.raises(InputError, match="learnt on people: use the split subject"):
            evaluate(table, recipe="logistic", split="time", **asked)
