"""model_card.md: what a model is, is for and is worth, from the numbers of the report.

Everything that the template prints is escaped for Markdown, unless the
template marks it as its own (`verbatim`): names and labels come from files.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

import jinja2

from mien.config import TrainSettings
from mien.emotion.contract import RECIPES
from mien.evaluation.report import FILTERS, facts
from mien.evaluation.results import Results
from mien.text import printable

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_MARKS = re.compile(r"([\\`*_{}\[\]#|~$^@]|(?<=www)\.|:(?=//))", re.IGNORECASE)
_TURNED = "head turned"  # a group of clips, not of people


class Verbatim(str):
    """Text that is Markdown already."""


def render_card(results: Results) -> str:
    """The card, as Markdown. Without a saved model it describes the evaluation."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mien.evaluation", "."),
        autoescape=False,  # finalize escapes: for Markdown, not for HTML
        finalize=escape,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters |= FILTERS | {"verbatim": Verbatim}
    recipe = RECIPES.get(results.recipe)
    text = environment.get_template("model_card.md.j2").render(
        facts(results),
        recipe=recipe,
        command=command(results),
        known_of_people=known_of_people(results),
    )
    return re.sub(r"\n{3,}", "\n\n", text)


def escape(value: Any) -> str:
    """Text as Markdown shows it letter by letter, on one line: no mark-up, no link, no cell.

    >>> escape("[a](http://x) | <b>")
    '\\\\[a\\\\](http\\\\://x) \\\\| &lt;b&gt;'
    """
    if isinstance(value, Verbatim):
        return value
    marked = _MARKS.sub(r"\\\1", printable(str(value)))
    return "".join(_ENTITIES.get(character, character) for character in marked)


def known_of_people(results: Results) -> list[str]:
    """The attributes of people, such as sex, that scores were compared by."""
    measures = results.honest.measures if results.honest else None
    groups = measures.groups if measures else []
    return [found.attribute for found in groups if found.attribute != _TURNED]


def command(results: Results) -> Verbatim:
    """The command that computes these numbers again; settings that are the default are left out."""
    words = [*results.made_by.split(), "TABLE"]
    for name, field in TrainSettings.model_fields.items():
        value = results.settings.get(name, field.default)
        if name == "recipe" or value != field.default:
            option = "--" + name.replace("_", "-")
            words += [option] if value is True else [option, shlex.quote(printable(str(value)))]
    if known_of_people(results):
        words += ["--demographics", "FILE"]
    if results.honest and results.honest.measures and results.honest.measures.raters:
        words += ["--crema-d-votes", "FILE"]
    return Verbatim(" ".join([*map(printable, words), "-o", "FOLDER"]))
