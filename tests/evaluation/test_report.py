"""The report is one page that fetches nothing and runs nothing."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mien.config import INTENDED_USE
from mien.evaluation.figures import confusion_matrix, loss_curve, score_bars
from mien.evaluation.report import gap_text, render
from mien.evaluation.results import Results, load_results, write_results
from mien.workflows.evaluate import evaluate
from tests.emotion.tables import write_people

PNG = b"\x89PNG\r\n\x1a\n"
SCRIPT = "<script>alert('x')</script>"


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    table = tmp_path_factory.mktemp("t") / "people.parquet"
    write_people(table, emotions=("Happy", "Sad", SCRIPT), faceless=range(5))
    return evaluate(table, folds=2, hidden_units=4, epochs=2).results


@pytest.fixture(scope="module")
def html(results: Results) -> str:
    return render(results, figures={"scores": PNG, "overlay": PNG})


def test_a_script_in_a_label_is_text(html: str) -> None:
    page = Page(html)
    assert "script" not in page.tags
    assert SCRIPT in page.text
    assert "<script" not in html


def test_hostile_names_are_text_wherever_they_stand(results: Results) -> None:
    hostile = '"><img src=x onerror=alert(1)>{{ 7*7 }}'
    table = results.table.model_copy(
        update={
            "name": hostile,
            "preview": [{"video_filename": hostile, "frame_num": 0, "emotion": None, "x_477": 0.5}],
            "problems": [hostile],
            "renamed": {hostile: hostile},
        }
    )
    splits = [s.model_copy(update={"held_out_people": [hostile]}) for s in results.splits]
    changed = results.model_copy(update={"table": table, "splits": splits, "warnings": [hostile]})
    page = Page(render(changed, figures={}))
    assert page.text.count(hostile) >= 7
    assert "49" not in re.findall(r"onerror=alert\(1\)>(\d+)", page.text)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "img" not in page.tags


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


def test_it_says_what_it_is_for_and_what_it_found(html: str, results: Results) -> None:
    text = Page(html).text
    assert INTENDED_USE in text
    for split in results.splits:
        assert split.title in text
    for words in ("leaky", "The gap", "x_477", results.table.sha256, results.settings_digest):
        assert words in text
    assert "Only the score on people never seen says what to expect of somebody new." in text


def test_it_tells_no_host_and_no_path(html: str, results: Results, tmp_path: Path) -> None:
    import platform

    stored = write_results(results, tmp_path).read_text("utf-8")
    for text in (html, stored):
        assert str(Path.home()) + "/" not in text
        assert "/tmp/" not in text
        assert not platform.node() or platform.node() not in text


def test_the_record_gives_the_same_page_again(results: Results, tmp_path: Path) -> None:
    write_results(results, tmp_path)
    assert render(load_results(tmp_path), figures={}) == render(results, figures={})


@pytest.mark.filterwarnings("error")
def test_figures_are_pictures_whatever_the_labels(results: Results) -> None:
    shown = results.splits[-1]
    labels = ["$x_", "a" * 300, "line\nbreak"]
    odd = shown.frames.model_copy(update={"labels": labels})
    for png in (
        confusion_matrix(odd),
        confusion_matrix(shown.clips),
        score_bars(results.splits),
        loss_curve([2.0], class_count=3),
    ):
        assert png.startswith(PNG)
        assert len(png) > 2000


def test_a_figure_is_the_same_each_time(results: Results) -> None:
    assert score_bars(results.splits) == score_bars(results.splits)


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (0.2, "That much of the random-frame score comes from having learnt"),
        (0.0, "The gap is small here"),
        (-0.2, "The random-frame score is not the higher one here"),
    ],
)
def test_the_gap_is_explained_as_it_is(results: Results, gap: float, words: str) -> None:
    assert words in " ".join(gap_text(results.model_copy(update={"gap": gap})))
