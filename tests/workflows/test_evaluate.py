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
