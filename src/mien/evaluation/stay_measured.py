"""A stay's windows the long way: every frame's landmarks, measured, told to the Signal machine."""

from __future__ import annotations

from collections.abc import Iterator

from mien.recording.synthetic_stay import Stay
from mien.recording.synthetic_stay_frames import SIZE_PX, FrameChunk, frames
from mien.risk import signal
from mien.risk.events import Event, FrameMeasured, Said, WindowClosed
from mien.risk.measured import faces_of
from mien.risk.settings import WatchSettings

_MS = 1000


def measured_events(stay: Stay, *, hz: float = 10.0, config_hash: str = "") -> Iterator[Event]:
    """Each frame as it comes to the watch, in the order in which the host gets them."""
    for chunk in frames(stay, hz):
        yield from _measured(chunk, stay.patient, config_hash)


def measured_windows(
    stay: Stay, *, hz: float = 10.0, settings: WatchSettings | None = None
) -> Iterator[Said]:
    """(end_ms, WindowClosed) of each second, by the watch's own code. About 600 frames a second.

    >>> from mien.recording.synthetic_stay import script
    >>> [(at, window.frames) for at, window in measured_windows(script(1, 5 / 3600), hz=10)]
    [(1000, 10), (2000, 10)]
    """
    settings = settings or WatchSettings()
    state = signal.initial()
    for event in measured_events(stay, hz=hz):
        state, said = signal.step(state, event, settings)
        for at_ms, body in said:
            if isinstance(body, WindowClosed):
                yield at_ms, body


def _measured(chunk: FrameChunk, patient: str, config_hash: str) -> Iterator[Event]:
    faces = faces_of(chunk.points, size_px=SIZE_PX, presence=chunk.presence)
    times_ms = (chunk.time_s * _MS).round().astype(int).tolist()
    received_ms = (chunk.received_s * _MS).round().astype(int).tolist()
    for face, at_ms, came_ms in zip(faces, times_ms, received_ms, strict=True):
        yield Event(patient, 0, at_ms, came_ms, config_hash, FrameMeasured(face))
