"""The journal that a replay writes into; an extra, for few need it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mien.errors import missing_extra

if TYPE_CHECKING:
    from mien.monitor.journal import Journal


def open_store(address: str) -> Journal:
    """Raises MissingExtraError where there is no SQLAlchemy."""
    try:
        from mien.monitor.journal import Journal
    except ModuleNotFoundError as error:
        raise missing_extra("a replay with --store", "monitor", error.name or "it") from error
    return Journal.open(address)
