"""Signal quality, 0-1: how far what was measured of a face can be relied on."""

from __future__ import annotations

from collections.abc import Sequence

from mien.risk.events import WindowClosed
from mien.risk.settings import SignalSettings


def quality_of(windows: Sequence[WindowClosed], settings: SignalSettings) -> float:
    """The least of four shares over some seconds; usable at `usable_quality` and above.

    Of all frames, those with a face; of all frames, those with a face that is not turned too
    far; the frame rate, of that which is looked at; and steadiness, which is .5 at
    `jitter_limit` and 0 at twice that. No window and no frame: 0.

    windows: one a second. Returns 0-1.
    """
    frames = sum(window.frames for window in windows)
    if not frames:
        return 0.0
    return min(
        sum(window.with_face for window in windows) / frames,
        sum(window.in_pose for window in windows) / frames,
        frames / (settings.thin_hz * len(windows)),
        _steadiness(windows, settings.jitter_limit),
        1.0,
    )


def is_usable(windows: Sequence[WindowClosed], settings: SignalSettings) -> bool:
    """Whether a score may be given for these seconds."""
    return quality_of(windows, settings) >= settings.usable_quality


def _steadiness(windows: Sequence[WindowClosed], limit: float) -> float:
    """1 where no tremor could be measured: too few frames lower the other shares."""
    jitters = [window.jitter for window in windows if window.jitter is not None]
    if not jitters:
        return 1.0
    return max(0.0, 1 - sum(jitters) / len(jitters) / (2 * limit))
