"""A frame of a recording, between being measured and being told to the watch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.risk.events import Face


@dataclass(frozen=True, slots=True)
class MeasuredFrame:
    """A frame of a recording. Times are its patient's stream's; `where` is told in errors."""

    patient: str
    time_ms: int
    received_ms: int
    has_face: bool
    face: Face | None  # None too where an earlier run has measured it
    values: np.ndarray | None = None  # (F,) what the model sees of it
    where: str = ""
