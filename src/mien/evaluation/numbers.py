"""Numbers as people read them: shares in per cent, differences in points, intervals beside."""

from __future__ import annotations

import math

from mien.evaluation.metrics import Score


def percent(value: float) -> str:
    """A share for reading. Undefined is a dash.

    >>> percent(.59233), percent(float("nan"))
    ('59.2 %', '–')
    """
    return "–" if math.isnan(value) else f"{100 * value:.1f} %"


def whole_percent(value: float) -> str:
    """A share that is a round one, such as a promise."""
    return f"{100 * value:.0f} %"


def interval(score: Score) -> str:
    """A score's 95 % interval, as in 56.5–61.6; nothing where it is undefined."""
    return "" if math.isnan(score.low) else f"{100 * score.low:.1f}–{100 * score.high:.1f}"


def percent_within(score: Score) -> str:
    """A score with its interval, as in 59.2 % (56.5–61.6)."""
    return (
        f"{percent(score.value)} ({interval(score)})" if interval(score) else percent(score.value)
    )


def points(value: float) -> str:
    """A difference in percentage points, signed. Undefined is a dash.

    >>> points(-.0524), points(.1)
    ('−5.2', '+10.0')
    """
    return "–" if math.isnan(value) else f"{100 * value:+.1f}".replace("-", "−")


def points_within(score: Score) -> str:
    """A difference's interval, as in −7.1 to −3.0; nothing where it is undefined."""
    return "" if math.isnan(score.low) else f"{points(score.low)} to {points(score.high)}"


def decimal(value: float) -> str:
    """A measure that is no share, or one that is given as a decimal by custom."""
    return "–" if math.isnan(value) else f"{value:.3f}".replace("-", "−")


def decimal_within(score: Score) -> str:
    """The interval of such a measure; nothing where it is undefined."""
    return "" if math.isnan(score.low) else f"{decimal(score.low)} to {decimal(score.high)}"


def within(text: str) -> str:
    """An interval in brackets; nothing without one."""
    return f" ({text})" if text else ""
