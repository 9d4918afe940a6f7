"""Where a patient's key stands in what is kept: by the meaning of fields, not by looking alike.

A bed may be called "5", and "good for 5 s" is not about it. Only where people write, in free
notes and in the record that an act is for, a key is looked for in any text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from mien.risk.events import PATIENT_RULES, TECHNICAL_RULES, WARD_RULES

# Acts, and the answer to one that was not done: their record is what somebody typed.
_ACTS = ("Acknowledged", "Refused", "Closed", "NotDone")
_RULES = "|".join((*PATIENT_RULES, *TECHNICAL_RULES, *WARD_RULES))
_AFTER_PATIENT = re.compile(rf"/(?:{_RULES})/\d+\Z")  # of a record's key as it ought to be
# Fields whose texts are one of a few words, a person's name or a sentence, never a patient's key.
_OTHER_WORDS = frozenset(
    (
        *("kind", "act", "why", "rule", "priority", "level", "signal", "baseline", "outcome"),
        *("reason", "role", "name", "who", "to", "buddy_of", "acknowledged_by", "closed_by"),
        *("config_hash", "model_hash", "rules_hash", "settings_hash", "settings"),
        *("clears_when", "cannot_know"),
    )
)
_LISTS = frozenset(("unit", "text"))  # of a system alert: "3 beds: A, B, C"
_PAIRS = frozenset(("members", "bed_places_m"))  # (patient, something of theirs)
_BY_PATIENT = frozenset(("beds",))  # whose fields are patients


def is_named(value: Any, patient: str, field: str = "") -> bool:
    """Whether a value of an event or of the watch's state is about a patient.

    value: JSON. A field that is not known here may hold a key: better too much than too little.

    >>> is_named({"records": ["5/concern/17"]}, "5"), is_named({"text": "good for 5 s"}, "5")
    (True, False)
    >>> is_named({"kind": "Acknowledged", "body": {"record": "bed 5/concern"}}, "5")
    True
    >>> is_named({"text": "technical at once: 3 beds: 3, 7, 9"}, "7")
    True
    """
    if isinstance(value, str):
        return _is_of(value, patient, field)
    if isinstance(value, Mapping):
        is_field = any(_is_key(name, patient) for name in value)
        is_field |= field in _BY_PATIENT and patient in value
        is_field |= _is_typed(value, patient)
        return is_field or any(is_named(one, patient, name) for name, one in value.items())
    if not isinstance(value, list):
        return False
    if field in _PAIRS:
        return any(isinstance(pair, list) and pair[:1] == [patient] for pair in value)
    return any(is_named(one, patient, field) for one in value)


def is_named_in_state(text: str, patient: str) -> bool:
    """Whether a part of a snapshot is about a patient; of one that is no JSON, any word counts."""
    try:
        return is_named(json.loads(text), patient)
    except ValueError:
        return is_word_in(text, patient)


def is_word_in(value: Any, patient: str) -> bool:
    """Whether a patient's key stands in any text of a JSON value, as a whole word.

    >>> is_word_in({"did": "looked at bed-3"}, "bed-3"), is_word_in(["bed-31"], "bed-3")
    (True, False)
    """
    if isinstance(value, str):
        return bool(re.search(rf"(?<![\w-]){re.escape(patient)}(?![\w-])", value))
    if isinstance(value, Mapping):
        value = list(value.values())
    return isinstance(value, list) and any(is_word_in(one, patient) for one in value)


def _is_of(text: str, patient: str, field: str) -> bool:
    if field in _LISTS:
        listed = text.partition("beds: ")[2]
        return f", {patient}, " in f", {listed}, "
    return field not in _OTHER_WORDS and (text == patient or _is_key(text, patient))


def _is_typed(event: Mapping[str, Any], patient: str) -> bool:
    """Whether an act is for a record that names the patient, however the key is misspelt."""
    if event.get("kind") not in _ACTS:
        return False
    body = event.get("body")
    record = body.get("record") if isinstance(body, Mapping) else None
    return isinstance(record, str) and is_word_in(_AFTER_PATIENT.sub("", record), patient)


def _is_key(text: str, patient: str) -> bool:
    """Whether it is the key of a patient's record: patient/rule/seq."""
    return text.startswith(f"{patient}/") and text.count("/", len(patient) + 1) == 1
