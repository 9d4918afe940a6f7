"""Raw landmarks of the last 24 h, where a ward switched that on. Off by default: a face can be
drawn from them. They stand in no log and no chain, and go by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from mien.errors import InputError
from mien.monitor.schema import landmarks
from mien.monitor.settings import JournalSettings
from mien.monitor.store import Store


@dataclass(frozen=True, slots=True)
class Landmarks:
    """The points of one frame."""

    patient: str
    time_ms: int  # the host's, one frame a patient each
    points: bytes  # 478 x 3 float32, little-endian, as in the landmark table


class LandmarkRing:
    """The ring of a journal."""

    def __init__(self, store: Store, settings: JournalSettings) -> None:
        self._store = store
        self._settings = settings

    def keep(self, frames: Sequence[Landmarks], *, now_ms: int) -> None:
        """Add frames and delete what is too old. Raises InputError unless it is switched on."""
        if not self._settings.keep_landmarks:
            raise InputError("raw landmarks are not kept: the setting keep_landmarks allows it")
        rows = [
            {"patient": one.patient, "time_ms": one.time_ms, "points": one.points} for one in frames
        ]
        with self._store.writing() as connection:
            if rows:
                connection.execute(insert(landmarks), rows)
            self._prune(connection, now_ms)

    def prune(self, *, now_ms: int) -> None:
        """Delete what is too old; all, where the ring is switched off."""
        with self._store.writing() as connection:
            self._prune(connection, now_ms)

    def read(self, patient: str, *, from_ms: int, to_ms: int) -> list[Landmarks]:
        """A patient's frames of [from, to), oldest first."""
        asked = select(landmarks).where(
            landmarks.c.patient == patient,
            landmarks.c.time_ms >= from_ms,
            landmarks.c.time_ms < to_ms,
        )
        with self._store.reading() as connection:
            rows = connection.execute(asked.order_by(landmarks.c.time_ms)).all()
        return [Landmarks(row.patient, row.time_ms, row.points) for row in rows]

    def _prune(self, connection: Connection, now_ms: int) -> None:
        old = delete(landmarks)
        if self._settings.keep_landmarks:
            old = old.where(landmarks.c.time_ms < now_ms - round(self._settings.landmarks_s * 1000))
        connection.execute(old)
