"""What a page may say: the numbers of its record, as they are written for reading."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from mien.evaluation.results import Results

DECIMAL = re.compile(r"(?<![\d.])\d[\d,]*\.\d+(?![\d.])")


def decimals(text: str) -> set[str]:
    """Every number with a decimal point, such as 59.2; of a version's 3.11.7, nothing."""
    return set(DECIMAL.findall(text))


def tellable(results: Results) -> set[str]:
    """Every such number that the record gives, and the scores of knowing nothing."""
    found: set[str] = set()
    labels = len(results.splits[0].clips.labels)
    known = [1 / labels, 1 - 1 / labels, math.log(labels)]
    coverage = [s.coverage for split in results.splits for s in (split.frames, split.clips)]
    for leaf in [*_leaves(json.loads(results.model_dump_json())), *known, *coverage]:
        if isinstance(leaf, str):
            found |= decimals(leaf)
        elif isinstance(leaf, float) and not isinstance(leaf, bool):
            value = abs(leaf)
            found |= {f"{100 * value:.1f}", f"{value:.2f}", f"{value:.3f}", f"{value:.6f}"}
            found.add(str(value))
        elif leaf == 0 or leaf == 1:  # JSON may write 1.0 as 1
            found |= {f"{100 * leaf:.1f}", f"{leaf:.2f}", f"{leaf:.3f}"}
    return found


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    else:
        yield value
