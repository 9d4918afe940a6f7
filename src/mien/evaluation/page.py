"""What the project's pages share: one file each, nothing is fetched, nothing is run.

Every name and label goes through Jinja's escaping.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import jinja2


def rendered(
    template: str,
    filters: Mapping[str, Any],
    facts: Mapping[str, Any],
    *,
    figures: Mapping[str, bytes],
) -> str:
    """A page from its template's name, functions and facts that it reads, PNG figures by name."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mien.evaluation", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= filters
    images = {name: _data_uri(png) for name, png in figures.items()}
    return environment.get_template(template).render(facts, figures=images)


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
