"""A record of Concern in which nothing has happened yet."""

from typing import Any

from mien.risk.events import Record


def record(patient: str = "a", seq: int = 1, **changed: Any) -> Record:
    plain: dict[str, Any] = {
        "key": f"{patient}/concern/{seq}",
        "patient": patient,
        "rule": "concern",
        "priority": "MEDIUM",
        "onset_ms": 0,
        "is_present": True,
        "is_observed": True,
        "acknowledged_by": None,
        "acknowledged_ms": None,
        "cleared_ms": None,
        "is_closed": False,
        "outcome": None,
        "closed_by": None,
        "cpot": None,
        "nrs": None,
        "reopened": 0,
        "score": 5,
        "evidence": None,
    }
    return Record(**(plain | changed))
