"""The model card says what the record says, and no name in it is mark-up."""

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from mien.config import INTENDED_USE, TrainSettings
from mien.evaluation.model_card import command, escape, render_card
from mien.evaluation.results import Results
from mien.text import printable
from tests.evaluation.conftest import SCRIPT
from tests.evaluation.test_report import renamed
from tests.evaluation.told import decimals, tellable

SECTIONS = (
    "Intended use",
    "What it is",
    "Data",
    "Who was held out",
    "Scores",
    "Calibration",
    "Saying “unknown”",
    "Gaps between groups",
    "Beside human raters",
    "What it cannot know",
    "How to reproduce",
)
HOSTILE = (
    "[a](http://evil.example/x) ![b](//evil.example) <img src=x onerror=alert(1)> "
    "| cell |\n# head\n\n- item\n```\n`code` *strong* _soft_ &amp; $x$ {{ 7*7 }} </div>"
)


def parsed(card: str) -> list[Token]:
    """What a reader with tables and HTML sees of it."""
    blocks = MarkdownIt("commonmark", {"html": True}).enable("table").parse(card)
    return [token for block in blocks for token in (block, *(block.children or []))]


def shown(card: str) -> str:
    """Its text, letter by letter."""
    kinds = ("text", "code_inline", "fence", "html_inline", "html_block")
    return "\n".join(token.content for token in parsed(card) if token.type in kinds)


def headings(card: str, tag: str = "h2") -> tuple[str, ...]:
    tokens = MarkdownIt("commonmark").enable("table").parse(card)
    places = [i for i, token in enumerate(tokens) if token.type == "heading_open"]
    return tuple(tokens[i + 1].content for i in places if tokens[i].tag == tag)


def test_it_has_its_sections_in_order(crema_d: Results) -> None:
    assert headings(render_card(crema_d)) == SECTIONS


def test_sections_with_nothing_to_say_are_left_out(one_person: Results) -> None:
    card = render_card(one_person)
    missing = {"Calibration", "Saying “unknown”", "Gaps between groups", "Beside human raters"}
    assert headings(card) == tuple(name for name in SECTIONS if name not in missing)
    assert "How it does on people whom it has not seen: nobody was held out." in card
    assert not re.search(r"\b(nan|None)\b", card)


def test_every_number_in_it_is_the_record_s(crema_d: Results, one_person: Results) -> None:
    for results in (crema_d, one_person):
        card = shown(render_card(results))
        assert len(decimals(card)) > 5
        assert decimals(card) <= tellable(results)


def test_it_says_what_it_is_for_and_what_it_cannot_know(crema_d: Results) -> None:
    card = shown(render_card(crema_d))
    assert INTENDED_USE in card
    assert "Labels are acted intent or a rater's opinion, never felt emotion." in card
    assert "What a person feels." in card
    for fact in (crema_d.table.sha256, crema_d.settings_digest, "not label by label"):
        assert fact in card


def test_gaps_that_nobody_could_measure_are_said_to_be_unknown(
    crema_d: Results, hostile: Results
) -> None:
    assert "other than by sex, age, race, ethnicity" in render_card(crema_d)
    assert "the table does not say who is who" in render_card(hostile)


def test_tables_have_the_same_number_of_cells_in_every_row(
    crema_d: Results, hostile: Results
) -> None:
    for results in (crema_d, hostile, renamed(crema_d, HOSTILE)):
        cells, tables = 0, 0
        for token in parsed(render_card(results)):
            if token.type in ("tr_open", "table_open"):
                cells = 0
                tables += token.type == "table_open"
            cells += token.type in ("th_open", "td_open")
        assert tables >= 3
        lines = [line for line in render_card(results).split("\n") if line.startswith("|")]
        bars = [len(re.findall(r"(?<!\\)\|", line)) for line in lines]
        rules = [i for i, line in enumerate(lines) if line.startswith("|---")]
        for here, after in zip(rules, [*rules[1:], len(lines) + 1], strict=True):
            assert len(set(bars[here - 1 : after - 1])) == 1


def test_hostile_names_are_text_wherever_they_stand(crema_d: Results) -> None:
    card = render_card(renamed(crema_d, HOSTILE))
    plain = {token.type for token in parsed(render_card(crema_d))}
    assert {token.type for token in parsed(card)} <= plain
    assert headings(card) == SECTIONS
    assert shown(card).count(printable(HOSTILE)) >= 10


def test_enrolment_stands_apart_and_the_command_asks_for_it(enrolled: Results) -> None:
    card = render_card(enrolled)
    named = "With a person's own face at rest"
    assert headings(card)[-3:] == (named, "What it cannot know", "How to reproduce")
    assert decimals(shown(card)) <= tellable(enrolled)
    assert " --enrol " in command(enrolled)
    rows = [line for line in card.split("\n") if line.startswith(("| not known", "| taken off"))]
    assert [row.count("|") for row in rows] == [6, 6]


def test_a_script_in_a_label_is_text(hostile: Results) -> None:
    card = render_card(hostile)
    assert "<script" not in card
    assert SCRIPT in shown(card)


@given(st.text())
def test_any_name_reads_as_it_is_and_is_nothing_else(name: str) -> None:
    tokens = parsed(f"Table “{escape(name)}” ends.")
    assert {token.type for token in tokens} <= {
        "paragraph_open", "inline", "text", "paragraph_close",
    }  # fmt: skip
    assert (
        "".join(t.content for t in tokens if t.type == "text") == f"Table “{printable(name)}” ends."
    )


@pytest.mark.parametrize("address", ["http://a.b/c", "https://a.b", "www.a.b", "me@a.b"])
def test_an_address_in_a_name_becomes_no_link(address: str) -> None:
    """Some readers link bare addresses: none is left in one piece."""
    assert address not in escape(address)


def test_without_a_saved_model_it_describes_the_evaluation(crema_d: Results) -> None:
    saved = crema_d.model_copy(
        update={"saved_split": "subject", "made_by": "mien train", "weights_sha256": "ab" * 32}
    )
    card, of_model = render_card(crema_d), render_card(saved)
    assert headings(card, "h1") == ("Evaluation card: recipe logistic on acted.parquet",)
    assert "**Saved** is no model" in card
    assert headings(of_model, "h1") == ("Model card: recipe logistic on acted.parquet",)
    assert "**Saved** is the model of the first fold of “People never seen”." in of_model
    assert "ab" * 32 in of_model


def test_the_command_gives_the_settings_back(crema_d: Results) -> None:
    verb, *words = shlex.split(command(crema_d))[1:]
    assert (verb, words[0], words[-2:]) == ("evaluate", "TABLE", ["-o", "FOLDER"])
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert options.pop("--demographics") == options.pop("--crema-d-votes") == "FILE"
    settings = {
        name[2:].replace("-", "_"): value for name, value in options.items() if name != "-o"
    }
    assert TrainSettings.model_validate(settings) == TrainSettings(**crema_d.settings)
