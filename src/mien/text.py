"""Text from files and people, made fit to print."""

from __future__ import annotations


def printable(text: str) -> str:
    """Text that cannot steer a terminal: what is not printable is shown as its escape.

    >>> printable("calm\\x1b[2J")
    'calm\\\\x1b[2J'
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
