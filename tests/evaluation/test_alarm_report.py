"""Page, figures and text say what was measured, its level of evidence, and nothing else."""

import io
import json
import re

import pytest
from PIL import Image

from mien.config import INTENDED_USE
from mien.evaluation.alarm_figures import FIGURES, draw
from mien.evaluation.alarm_page import render
from mien.evaluation.alarm_results import EVIDENCE, AlarmResults, Elsewhere, Replays
from mien.evaluation.alarm_table import ELSEWHERE, NOT_HERE, rows
from mien.evaluation.alarm_text import details, summary
from mien.evaluation.alarms import gathered
from mien.workflows.evaluate_alarms import RESULT_FILES, write_result_files
from tests.evaluation.alarm_streams import patients, results


def without_days() -> AlarmResults:
    plan = results().plan.model_copy(update={"days": 0})
    return gathered(
        plan, [one for one in patients() if one.purpose == "episodes"], made_by="a test"
    )


def without_episodes() -> AlarmResults:
    plan = results().plan.model_copy(update={"episodes": 0})
    return gathered(plan, [one for one in patients() if one.purpose == "days"], made_by="a test")


def replayed(*, same: int) -> Replays:
    return Replays(streams=3, frames=9, alert_lines=5, records=2, same={"shuffled": same})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory):
    made = tmp_path_factory.mktemp("alarms")
    write_result_files(results(), made)
    return made


def test_the_folder_holds_page_numbers_and_figures(folder) -> None:
    assert {path.name for path in folder.iterdir()} == set(RESULT_FILES)
    for name in FIGURES:
        width, height = Image.open(io.BytesIO((folder / f"{name}.png").read_bytes())).size
        assert 900 < width < 1500
        assert 300 < height < 700


def test_the_page_says_what_it_is_worth_and_loads_nothing(folder) -> None:
    page = (folder / "alarms.html").read_text("utf-8")
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert text.count(INTENDED_USE) == 2
    assert f"Level of evidence: {EVIDENCE}" in text
    assert "These are development patients" in text
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "<script" not in page
    for word in ("pain score", "in pain", "nan"):
        assert word not in text


def test_the_page_of_test_patients_does_not_call_them_development_patients() -> None:
    plan = results().plan.model_copy(update={"role": "test", "seed": 50_000})
    page = render(results().model_copy(update={"plan": plan}), figures={})
    assert "simulated test patients of seed 50000" in page
    assert "development patients" not in page


def test_the_same_results_give_the_same_bytes() -> None:
    once, again = draw(results()), draw(results())
    assert once == again
    assert render(results(), figures=once) == render(results(), figures=again)


def test_every_measure_stands_beside_its_target() -> None:
    table = rows(results())
    assert {row.measure for row in table} >= set(ELSEWHERE)
    assert all(row.target and row.found for row in table)
    by_name = {row.measure: row for row in table}
    assert by_name["patient records opened while no face"].is_met
    assert by_name["technical alarm at 30 s of a lost face"].is_met
    assert by_name["false MEDIUM per patient-day, event-free"].is_met
    assert by_name["time to detect, P ≥ 6 → MEDIUM"].is_met
    assert not by_name["sensitivity, P ≥ 6 → MEDIUM"].is_met  # two of two prove little


def test_false_alarms_of_days_by_every_frame_count_by_themselves() -> None:
    whole = results().by_source["windows"]
    many = whole.false_mediums.model_copy(update={"value": 9.4})
    faces = whole.model_copy(update={"false_mediums": many})
    changed = results().model_copy(update={"by_source": {"windows": whole, "faces": faces}})
    row = next(row for row in rows(changed) if row.measure.startswith("false MEDIUM"))
    assert row.is_met is False
    assert "by every frame 9.40" in row.found


@pytest.mark.parametrize(("same", "is_met"), [(3, True), (2, False)])
def test_one_replay_that_differs_is_a_miss(same: int, is_met: bool) -> None:
    changed = results().model_copy(update={"replays": replayed(same=same)})
    row = next(row for row in rows(changed) if row.measure.startswith("replay"))
    assert row.is_met is is_met


def test_what_other_scripts_measure_is_told_from_their_files_or_said_to_be_missing() -> None:
    killed = {"benchmarks/watch_kills.py": Elsewhere(found="200 kills: 1 lost", is_met=False)}
    known = results().model_copy(update={"elsewhere": killed})
    told = {row.measure: row for row in rows(known) if row.measure in ELSEWHERE}
    assert told["200 random kill -9"].found == "200 kills: 1 lost"
    assert told.pop("200 random kill -9").is_met is False
    assert sum(NOT_HERE in row.found for row in told.values()) == len(told) == len(ELSEWHERE) - 1
    assert all(row.is_met is None for row in told.values())


@pytest.mark.parametrize("part", [without_days, without_episodes])
def test_what_was_not_measured_is_not_judged_and_not_drawn(part) -> None:
    made = part()
    undone = [row for row in rows(made) if row.is_met is None]
    assert len(undone) > len(ELSEWHERE) + 1
    page = render(made, figures=draw(made))
    assert "nan" not in re.sub(r"<style>.*</style>|base64,[^\"]*", "", page, flags=re.DOTALL)
    assert "nan" not in "\n".join([*summary(made), *details(made)])


def test_undefined_numbers_are_null_in_the_json(folder) -> None:
    write_result_files(without_days(), folder)
    found = json.loads((folder / "alarms.json").read_text("utf-8"))
    assert found["free"]["false_mediums"]["value"] is None
    assert AlarmResults.model_validate(found).evidence == EVIDENCE


def test_the_text_says_all_that_the_table_has() -> None:
    text = "\n".join(summary(results()))
    assert all(row.measure in text and row.target in text for row in rows(results()))
    assert "no patients" in text
