"""Raw landmarks are not kept unless a ward says so, and then for a day."""

from __future__ import annotations

import numpy as np
import pytest

from mien.errors import InputError
from mien.monitor.journal import Journal
from mien.monitor.landmarks import Landmarks
from mien.monitor.settings import JournalSettings

HOUR_MS = 3600 * 1000


def frame(time_ms: int) -> Landmarks:
    return Landmarks("bed-1", time_ms, np.full((478, 3), time_ms, "<f4").tobytes())


def test_raw_landmarks_are_refused_by_default(journal: Journal) -> None:
    with pytest.raises(InputError, match="not kept: the setting keep_landmarks"):
        journal.landmarks.keep([frame(0)], now_ms=0)


def test_raw_landmarks_are_a_ring_of_a_day(address: str) -> None:
    with Journal.open(address, JournalSettings(keep_landmarks=True)) as journal:
        for hour in range(40):
            journal.landmarks.keep([frame(hour * HOUR_MS)], now_ms=hour * HOUR_MS)
        kept = journal.landmarks.read("bed-1", from_ms=0, to_ms=100 * HOUR_MS)
        assert kept == [frame(hour * HOUR_MS) for hour in range(15, 40)]
        journal.landmarks.prune(now_ms=100 * HOUR_MS)
        assert journal.landmarks.read("bed-1", from_ms=0, to_ms=100 * HOUR_MS) == []
        journal.landmarks.keep([frame(100 * HOUR_MS)], now_ms=100 * HOUR_MS)
    with Journal.open(address) as journal:  # switched off again
        journal.landmarks.prune(now_ms=0)
        assert journal.landmarks.read("bed-1", from_ms=0, to_ms=101 * HOUR_MS) == []
