"""The report is one page that fetches nothing, runs nothing and says what the record says."""

import json
import math
import platform
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mien.config import INTENDED_USE
from mien.corpora.crema_d import HUMAN_ANCHORS
from mien.evaluation.metrics import Score
from mien.evaluation.numbers import percent
from mien.evaluation.report import FIGURES, render
from mien.evaluation.results import METRICS, Results, load_results, write_results
from mien.workflows.evaluate import FIGURE_NAMES
from mien.workflows.report import report
from tests.evaluation.conftest import SCRIPT
from tests.evaluation.told import decimals, tellable

PNG = b"\x89PNG\r\n\x1a\n"
ALWAYS = (
    "Scores side by side",
    "Label by label",
    "The data",
    "Who was held out",
    "How it was made",
)
MEASURED = (
    "Scores side by side",
    "Recipes compared",
    "Label by label",
    "What is taken for what",
    "How far the probabilities can be believed",
    "Saying “unknown”",
    "Gaps between groups",
    "Beside human raters",
    "The data",
    "Who was held out",
    "How it was made",
)


class Page(HTMLParser):
    """Tags, attributes, headings and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.headings: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self.text += " "

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] == ["style"]:
            return
        self.text += data
        if self.tags[-1:] == ["h2"] and data.strip():
            self.headings.append(data)
            self.tags.append("read")


@pytest.fixture(scope="module")
def html(hostile: Results) -> str:
    return render(hostile, figures={"scores": PNG, "overlay": PNG})


@pytest.fixture(scope="module")
def measured(crema_d: Results) -> Page:
    return Page(render(crema_d, figures=dict.fromkeys(FIGURES, PNG)))


def test_a_script_in_a_label_is_text(html: str) -> None:
    page = Page(html)
    assert "script" not in page.tags
    assert SCRIPT in page.text
    assert "<script" not in html


def test_hostile_names_are_text_wherever_they_stand(crema_d: Results) -> None:
    name = '"><img src=x onerror=alert(1)>{{ 7*7 }}'
    page = Page(render(renamed(crema_d, name), figures={}))
    assert page.text.count(name) >= 20
    assert "49" not in re.findall(r"onerror=alert\(1\)>(\d+)", page.text)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "img" not in page.tags


def renamed(results: Results, name: str) -> Results:
    """The record with that name for everything that a file, a person or a setting names."""
    record = json.loads(results.model_dump_json())
    kept = {"split", "schema_version", "made_by", "unit", "calibration", "title", "explanation"}

    def change(value: object, key: str = "") -> object:
        if isinstance(value, dict):
            free = key in ("labels", "renamed", "settings")
            return {
                name if free and k == next(iter(value)) else k: change(v, k)
                for k, v in value.items()
            }
        if isinstance(value, list):
            return [change(each, key) for each in value]
        return name if isinstance(value, str) and key not in kept else value

    changed = change(record)
    assert isinstance(changed, dict)
    changed["saved_split"] = None
    changed["table"]["renamed"] = {name: name}
    changed["table"]["problems"] = changed["warnings"] = [name]
    return Results.model_validate(changed)


def test_nothing_is_fetched_or_run(html: str) -> None:
    page = Page(html)
    policy = dict(page.attributes)["content"]
    assert not set(page.tags) & {"script", "link", "iframe", "object", "embed", "form", "base"}
    policies = [v for n, v in page.attributes if n == "content" and v and "default-src" in v]
    assert policies
    assert policies[0].startswith("default-src 'none'; img-src data:")
    assert policy is not None
    sources = [value or "" for name, value in page.attributes if name in ("src", "href")]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "http:" not in html
    assert "https:" not in html


def test_it_says_what_it_is_for_and_what_it_found(html: str, hostile: Results) -> None:
    text = Page(html).text
    assert INTENDED_USE in text
    for split in hostile.splits:
        assert split.title in text
    for words in ("leaky", "The gap", "x_477", hostile.table.sha256, hostile.settings_digest):
        assert words in text
    assert "Only the score on people never seen says what to expect of somebody new." in text


def test_all_that_was_measured_is_shown_in_this_order(measured: Page) -> None:
    assert tuple(measured.headings) == MEASURED
    assert measured.tags.count("img") == len(FIGURES)


def test_what_has_nothing_to_show_is_left_out(one_person: Results) -> None:
    page = Page(render(one_person, figures={}))
    assert tuple(page.headings) == ALWAYS
    assert "nan" not in page.text.split()
    assert "None" not in page.text


def test_every_number_on_the_page_is_the_record_s(
    measured: Page, crema_d: Results, one_person: Results
) -> None:
    pages = {measured.text: crema_d, Page(render(one_person, figures={})).text: one_person}
    for text, results in pages.items():
        assert len(decimals(text)) > 20
        assert decimals(text) <= tellable(results)


def scores(results: Results) -> Iterator[Score]:
    """Every score with an interval that a reader should find."""
    honest = results.honest
    assert honest is not None and honest.measures is not None and results.comparison is not None
    for split in results.splits:
        for unit in (split.clips, split.frames):
            yield from (unit.accuracy, unit.balanced_accuracy, unit.macro_f1)
    for line in results.comparison.lines:
        yield from (line.scores.accuracy, line.scores.macro_f1)
    found = honest.measures
    yield from (point.accuracy for point in found.selective.at)
    for group in (group for by in found.groups for group in by.groups):
        yield from (group.accuracy, group.balanced_accuracy)
    assert found.sets is not None
    yield from (found.sets.coverage, *(line.coverage for line in found.sets.per_label))


def test_every_score_of_the_record_is_on_the_page(measured: Page, crema_d: Results) -> None:
    for score in scores(crema_d):
        assert percent(score.value) in measured.text
        if not math.isnan(score.low):
            assert f"{100 * score.low:.1f}–{100 * score.high:.1f}" in measured.text
    found = crema_d.honest.measures
    for value in (found.reliability.ece, found.reliability.brier, found.reliability.log_loss):
        assert f"{value.value:.3f}" in measured.text
    assert f"{found.sets.mean_size.value:.2f}" in measured.text


def test_sets_are_said_to_keep_no_promise_label_by_label(crema_d: Results) -> None:
    honest = crema_d.honest
    lines = honest.measures.sets.per_label
    poor = lines[0].coverage.model_copy(update={"value": 0.125})
    rich = [line.coverage.model_copy(update={"value": 0.95}) for line in lines]
    for kept, words in (
        ([poor, *rich[1:]], "not label by label. Below 90 % here: Angry (12.5 % of 23, 23 people)"),
        (rich, "Here every label reaches 90 %, which is more than they promise."),
    ):
        changed = [
            line.model_copy(update={"coverage": held})
            for line, held in zip(lines, kept, strict=True)
        ]
        sets = honest.measures.sets.model_copy(update={"per_label": changed})
        assert words in Page(render(with_measures(crema_d, sets=sets), figures={})).text


def test_nothing_is_claimed_of_a_group_of_few_people(measured: Page, crema_d: Results) -> None:
    by_sex = next(by for by in crema_d.honest.measures.groups if by.attribute == "sex")
    assert [(group.group, group.people) for group in by_sex.groups] == [("Female", 21), ("Male", 3)]
    assert "too few people" in measured.text
    assert "Fewer than two groups have 20 people, so nothing is claimed of a gap." in measured.text


def test_human_raters_stand_beside_crema_d_alone(measured: Page, html: str) -> None:
    for anchor in HUMAN_ANCHORS:
        assert anchor.name in measured.text
        assert anchor.source in measured.text
        assert anchor.name not in html
    assert "On 70 clips with raters' votes (0 of them tied; 2 have no votes)" in measured.text


def test_without_calibration_there_are_no_sets(crema_d: Results) -> None:
    changed = with_measures(crema_d, sets=None, class_sets=None, calibration="none")
    text = Page(render(changed, figures={})).text
    assert "this model always answers the likeliest label" in text
    assert "they were not calibrated" in text
    assert "Such sets keep their promise" not in text


def with_measures(results: Results, **changes: object) -> Results:
    honest = results.honest
    assert honest is not None and honest.measures is not None
    measures = honest.measures.model_copy(update=changes)
    changed = honest.model_copy(update={"measures": measures})
    return results.model_copy(update={"splits": [*results.splits[:-1], changed]})


def test_enrolment_stands_apart_with_what_it_needs(enrolled: Results, crema_d: Results) -> None:
    page = Page(render(enrolled, figures={}))
    assert page.headings[-4] == "With a person's own face at rest"
    assert "Apart from all other scores, for it needs a recording of each person's" in page.text
    assert "compare with each other and with nothing else on this page" in page.text
    assert f"{SCRIPT} 4, Happy 8." in page.text
    assert "That leaves no Neutral clip to score." in page.text
    assert "script" not in page.tags
    assert decimals(page.text) <= tellable(enrolled)
    found = enrolled.enrolment
    assert found is not None
    for line in found.compared.lines:
        assert percent(line.scores.balanced_accuracy.value) in page.text
    assert "own face at rest" not in Page(render(crema_d, figures={})).text


@pytest.mark.parametrize("name", ["report.html", "model_card.md", METRICS])
def test_it_tells_no_host_and_no_path(crema_d_folder: Path, name: str) -> None:
    """Neither of the table, of the files beside it, nor of where it was written."""
    text = (crema_d_folder / name).read_text("utf-8")
    assert "acted.parquet" in text
    assert crema_d_folder.parent.name not in text
    host = re.escape(platform.node() or "no name")
    assert not re.search(rf"\b{host}\b", re.sub(r"data:image/png;base64,[^\"]*", "", text))


def test_the_record_gives_the_same_page_again(crema_d: Results, tmp_path: Path) -> None:
    write_results(crema_d, tmp_path)
    assert render(load_results(tmp_path), figures={}) == render(crema_d, figures={})


def test_page_and_card_are_written_again_from_the_folder_alone(crema_d_folder: Path) -> None:
    pages = [crema_d_folder / name for name in ("report.html", "model_card.md")]
    before = [page.read_text("utf-8") for page in pages]
    assert before[0].count("data:image/png") == len(list(crema_d_folder.glob("*.png"))) > 5
    for page in pages:
        page.write_text("lost", encoding="utf-8")
    assert report(crema_d_folder) == pages[0]
    assert [page.read_text("utf-8") for page in pages] == before


def test_a_page_elsewhere_leaves_the_folder_as_it_is(crema_d_folder: Path, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in crema_d_folder.iterdir()}
    page = report(crema_d_folder, out=tmp_path / "page.html")
    assert page.read_text("utf-8") == (crema_d_folder / "report.html").read_text("utf-8")
    assert {path: path.stat().st_mtime_ns for path in crema_d_folder.iterdir()} == before
    assert sorted(tmp_path.iterdir()) == [page]


def test_every_figure_that_is_written_has_its_place_on_the_page() -> None:
    assert FIGURES == FIGURE_NAMES
