"""Every error that mien raises on purpose, each with the exit code it becomes.

A message says what came, what was wanted and what to do, in one line.
"""

from __future__ import annotations


class MienError(Exception):
    """Base of all: something that the caller can put right."""

    exit_code = 2


class InputError(MienError):
    """A path, option or value that cannot be used as given."""


class VideoError(InputError):
    """A recording that cannot be opened or read to its end."""


class LabelError(InputError):
    """A label file that cannot be used."""


class TableError(InputError):
    """A landmark table that breaks the contract of docs/data.md."""


class ShapeError(TableError):
    """Points that are not 478 x 3."""


class ModelError(InputError):
    """A model folder that is altered, newer, or made for other features."""


class LogError(InputError):
    """An event log of the watch that cannot be read, or was altered."""


class StoreError(MienError):
    """A store that cannot be read or written at the moment: put it right, do the same again."""


class MissingExtraError(MienError):
    """A verb whose optional packages are not installed."""


def missing_extra(verb: str, extra: str, package: str) -> MissingExtraError:
    """The error for a verb that needs an extra which is not installed.

    >>> str(missing_extra("mien train", "train", "torch"))
    "mien train needs torch, which is not installed: pip install 'mien[train]'"
    """
    return MissingExtraError(
        f"{verb} needs {package}, which is not installed: pip install 'mien[{extra}]'"
    )
