"""The rules of `facs` as arrays: what its evidence, its graph and a model folder are made of.

Shapes: B = 52 blendshapes, K channels (blendshapes with their sides averaged), U action
units, R variants of rules, C labels.
"""

from __future__ import annotations

import numpy as np

from mien.emotion.facs_rules import ACTION_UNITS, AGAINST, LABELS, LEVELS, RULES, Rule
from mien.face.blendshapes import BLENDSHAPE_NAMES

NEUTRAL_EVIDENCE = 0.15  # what a rule must exceed
TOLERANCE = 0.1  # keeps a unit that was not seen from silencing its rule altogether
AGAINST_SHARE = 0.5  # of the strongest unit that speaks against a label
TEMPERATURE = 0.05  # of the softmax: evidence this much larger is e times as likely

UNIT_PLACES = {unit.number: place for place, unit in enumerate(ACTION_UNITS)}
SMILE = UNIT_PLACES[12]
VARIANTS: tuple[tuple[Rule, tuple[int, ...]], ...] = tuple(
    (rule, variant) for rule in RULES for variant in rule.variants
)
_CHANNELS = tuple(LEVELS)


def _tables() -> dict[str, np.ndarray]:
    """The rules and levels as arrays.

    sides: (52, K) what averages left and right; zero, span: (K,) of each channel;
    shown_by: (U, 2) the channels of each unit; less_smile: (U,) 1 where AU12 is taken off;
    variants: (R, U) shares, each row adding up to 1; speaks_for: (R,) the label's place;
    against: (C, U) 1 where a unit speaks against a label; constants: (4,).
    """
    sides = np.zeros((len(BLENDSHAPE_NAMES), len(_CHANNELS)))
    for place, channel in enumerate(_CHANNELS):
        names = [n for n in BLENDSHAPE_NAMES if n in (channel, f"{channel}Left", f"{channel}Right")]
        sides[[BLENDSHAPE_NAMES.index(name) for name in names], place] = 1 / len(names)
    variants = np.zeros((len(VARIANTS), len(ACTION_UNITS)))
    for row, (_, numbers) in zip(variants, VARIANTS, strict=True):
        row[[UNIT_PLACES[number] for number in numbers]] = 1 / len(numbers)
    against = np.zeros((len(LABELS), len(ACTION_UNITS)))
    for label, numbers in AGAINST.items():
        against[LABELS.index(label), [UNIT_PLACES[number] for number in numbers]] = 1
    levels = np.array(list(LEVELS.values()))
    return {
        "sides": sides,
        "zero": levels[:, 0],
        "span": levels[:, 1] - levels[:, 0],
        "shown_by": np.array(
            [[_CHANNELS.index(u.blendshapes[s]) for s in (0, -1)] for u in ACTION_UNITS]
        ),
        "less_smile": np.array([float(unit.number in (9, 10)) for unit in ACTION_UNITS]),
        "variants": variants,
        "speaks_for": np.array([LABELS.index(rule.label) for rule, _ in VARIANTS]),
        "against": against,
        "constants": np.array([NEUTRAL_EVIDENCE, TOLERANCE, AGAINST_SHARE, TEMPERATURE]),
    }


TABLES = _tables()
