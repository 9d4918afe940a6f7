"""Reading what was stored as JSON, strictly: nothing missing, nothing unknown, nothing odd."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mien.errors import ModelError


def members(stored: Any, wanted: Sequence[str], *, what: str) -> dict[str, Any]:
    """An object that has exactly the wanted keys. what: its name in an error.

    Raises ModelError naming the keys that are missing or unknown.

    >>> members({"kind": "temperature"}, ["kind", "scale"], what="calibration")
    Traceback (most recent call last):
    mien.errors.ModelError: calibration lacks scale: train the model again
    """
    if not isinstance(stored, dict):
        raise ModelError(f"{what} is {_shown(stored)}, wanted an object with {', '.join(wanted)}")
    if missing := [key for key in wanted if key not in stored]:
        raise ModelError(f"{what} lacks {', '.join(missing)}: train the model again")
    if unknown := sorted(str(key) for key in set(stored) - set(wanted)):
        raise ModelError(
            f"{what} has {_shown(', '.join(unknown))}, which this mien does not know: update mien"
        )
    return stored


def number(
    stored: Any, *, what: str, least: float = -math.inf, greatest: float = math.inf
) -> float:
    """A finite number from least to greatest. Raises ModelError."""
    is_number = isinstance(stored, (int, float)) and not isinstance(stored, bool)
    if not (is_number and abs(stored) <= 1e300 and least <= stored <= greatest):
        wanted = "a finite number"
        if math.isfinite(least) or math.isfinite(greatest):
            wanted = f"a number from {least:g} to {greatest:g}"
        raise ModelError(f"{what} is {_shown(stored)}, wanted {wanted}")
    return float(stored)


def whole_number(stored: Any, *, what: str) -> int:
    """A count: an integer of 0 or more. Raises ModelError."""
    if not isinstance(stored, int) or isinstance(stored, bool) or not 0 <= stored < 2**53:
        raise ModelError(f"{what} is {_shown(stored)}, wanted a whole number of 0 or more")
    return stored


def numbers(
    stored: Any,
    *,
    what: str,
    count: int | None = None,
    least: float = -math.inf,
    greatest: float = math.inf,
) -> tuple[float, ...]:
    """A list of finite numbers, `count` of them when it is given. Raises ModelError."""
    values = items(stored, what=what, count=count)
    return tuple(
        number(value, what=f"{what}[{index}]", least=least, greatest=greatest)
        for index, value in enumerate(values)
    )


def items(stored: Any, *, what: str, count: int | None = None) -> list[Any]:
    """A list, of `count` members when it is given. Raises ModelError."""
    if not isinstance(stored, list):
        raise ModelError(f"{what} is {_shown(stored)}, wanted a list")
    if count is not None and len(stored) != count:
        raise ModelError(f"{what} has {len(stored)} members, wanted {count}")
    return stored


def one_of(stored: Any, choices: Sequence[str], *, what: str) -> str:
    """One of the known words. Raises ModelError naming them."""
    if not isinstance(stored, str) or stored not in choices:
        raise ModelError(f"{what} is {_shown(stored)}; this mien knows {', '.join(choices)}")
    return stored


def _shown(value: Any) -> str:
    """A stranger's value in one short line."""
    if isinstance(value, int) and value.bit_length() > 64:
        return "a very large integer"
    text = " ".join((value if isinstance(value, str) else repr(value)).split())
    text = text if len(text) <= 60 else text[:59] + "…"
    return repr(text) if isinstance(value, str) else text
