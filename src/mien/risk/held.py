"""Frames of one bed, held until their second is complete: put in order, thinned, cut into seconds.

Frames come late, twice and out of order. They are held until the newest is 2 s past the end of
their second, so a second is the same whatever order they came in within that time. Of each tenth
of a second the earliest is kept, at once, so that a flood of frames holds no more than a trickle.

A stream has a clock, which may jump: a camera starts again in 1970, or is set right. Frames that
are far from all others are held apart, as another clock. When it goes on and the old one does
not, it is taken up. Frames that are sent again, as after a restart, are no other clock: they are
as old as before, or come faster than time goes. Time then goes on from where it was, never back:
what is counted in seconds downstream would else wait for days. `offset_ms` is what that adds to
the stream's own clock; how far that clock is off is told by the skew, measured on it alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from mien.risk.events import Event, Face, FrameMeasured, WindowClosed
from mien.risk.settings import SignalSettings, to_ms

SECOND_MS = 1000


@dataclass(frozen=True, slots=True)
class Frame:
    time_ms: int  # of the stream's clock, plus its offset
    skew_ms: int  # received minus the stream's own time
    face: Face | None


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of frames that are in no window. A double of a thinned frame is thinned."""

    thinned: int = 0  # not the earliest of their tenth of a second
    doubles: int = 0  # of the same time as the one that is kept
    late: int = 0  # behind the newest by more than is waited for, or of a clock set back
    ahead: int = 0  # far ahead: after a gap, or of another clock; some are taken up after all
    flooded: int = 0  # the oldest, when too many were held
    skipped_s: int = 0  # seconds of gaps that were jumped, no window for each
    clocks: int = 0  # how often a clock that was set back was taken up


@dataclass(frozen=True, slots=True)
class Rival:
    """Frames that do not fit, by the stream's own clock."""

    frames: tuple[Frame, ...]
    first_ms: int
    newest_ms: int
    begun_ms: int  # when the first to come was received


@dataclass(frozen=True, slots=True)
class Held:
    frames: tuple[Frame, ...] = ()  # by time, at most one of each tenth of a second
    newest_ms: int | None = None
    closed_ms: int | None = None  # the seconds before this are told
    skew_ms: int | None = None  # of the frame that came last
    offset_ms: int = 0
    empty_s: int = 0  # seconds without a frame that were told last, one after another
    rival: Rival | None = None
    counts: Counts = Counts()


def hold(held: Held, event: Event, settings: SignalSettings) -> Held:
    """One frame more. An event of another body is refused by a ValueError."""
    if not isinstance(event.body, FrameMeasured):
        raise ValueError(f"only frames are held, got {type(event.body).__name__}")
    own_ms = event.event_time_ms
    frame = Frame(own_ms + held.offset_ms, event.received_time_ms - own_ms, event.body.face)
    if held.newest_ms is not None:
        if frame.time_ms - held.newest_ms > to_ms(settings.clock_jump_s):
            return _ahead(held, frame, settings)
        if frame.time_ms < held.newest_ms - to_ms(settings.lateness_s):
            return _late(held, frame, settings)
    if held.closed_ms is not None and frame.time_ms < held.closed_ms:
        return _late(held, frame, settings)
    frames, counts = _with_frame(held.frames, frame, held.counts, settings)
    newest_ms = frame.time_ms if held.newest_ms is None else max(held.newest_ms, frame.time_ms)
    rival = held.rival
    held = Held(
        frames,
        newest_ms,
        held.closed_ms,
        frame.skew_ms,
        held.offset_ms,
        held.empty_s,
        counts=counts,
    )
    return held if rival is None else _with_fitting(held, rival, settings)


def _with_fitting(held: Held, rival: Rival, settings: SignalSettings) -> Held:
    """The other clock is forgotten, but for frames that only came before their elders."""
    frames, newest_ms, counts = held.frames, held.newest_ms or 0, held.counts
    for own in rival.frames:
        frame = replace(own, time_ms=own.time_ms + held.offset_ms)
        if 0 <= frame.time_ms - newest_ms <= to_ms(settings.clock_jump_s):
            frames, counts = _with_frame(frames, frame, counts, settings)
            newest_ms = frame.time_ms
    return replace(held, frames=frames, newest_ms=newest_ms, counts=counts)


def _with_frame(
    frames: tuple[Frame, ...], frame: Frame, counts: Counts, settings: SignalSettings
) -> tuple[tuple[Frame, ...], Counts]:
    """The frames with one more, in order. Of a tenth of a second the earliest stays."""
    slot = _slot(frame, settings)
    at = len(frames)
    while at and _slot(frames[at - 1], settings) > slot:
        at -= 1
    if at and _slot(frames[at - 1], settings) == slot:
        other = frames[at - 1]
        if other.time_ms == frame.time_ms:
            counts = replace(counts, doubles=counts.doubles + 1)
        else:
            counts = replace(counts, thinned=counts.thinned + 1)
        if not _goes_before(frame, other):
            return frames, counts
        return (*frames[: at - 1], frame, *frames[at:]), counts
    frames = (*frames[:at], frame, *frames[at:])
    if len(frames) > settings.held_most:
        return frames[1:], replace(counts, flooded=counts.flooded + 1)
    return frames, counts


def _slot(frame: Frame, settings: SignalSettings) -> int:
    return int(frame.time_ms * settings.thin_hz // SECOND_MS)


def _goes_before(one: Frame, other: Frame) -> bool:
    """The earlier; of doubles the one that was received first, and of two at once always one."""
    if one.time_ms != other.time_ms:
        return one.time_ms < other.time_ms
    if one.skew_ms != other.skew_ms:
        return one.skew_ms < other.skew_ms
    return repr(one.face) < repr(other.face)


def _late(held: Held, frame: Frame, settings: SignalSettings) -> Held:
    """Dropped and counted; unless another clock has begun, which only more frames can tell."""
    held = replace(held, counts=replace(held.counts, late=held.counts.late + 1))
    is_as_old_as_ever = held.skew_ms is not None and abs(frame.skew_ms - held.skew_ms) <= to_ms(
        settings.clock_jump_s
    )
    if is_as_old_as_ever:
        return held
    rival = _joined(held, frame, settings)
    host_ms = frame.time_ms - held.offset_ms + frame.skew_ms - rival.begun_ms
    if not _goes_on(rival, settings) or host_ms < to_ms(settings.clock_taken_s):
        return replace(held, rival=rival)
    counts = replace(held.counts, clocks=held.counts.clocks + 1)
    return _taken_up(replace(held, counts=counts), rival)


def _ahead(held: Held, frame: Frame, settings: SignalSettings) -> Held:
    """After a gap, of another clock, or an error. After a gap none is lost by waiting, since
    its second would not be complete any sooner."""
    held = replace(held, counts=replace(held.counts, ahead=held.counts.ahead + 1))
    rival = _joined(held, frame, settings)
    return _taken_up(held, rival) if _goes_on(rival, settings) else replace(held, rival=rival)


def _joined(held: Held, frame: Frame, settings: SignalSettings) -> Rival:
    """The other clock with one frame more; a new one if it does not fit that either."""
    own, rival = replace(frame, time_ms=frame.time_ms - held.offset_ms), held.rival
    if rival is None or abs(own.time_ms - rival.newest_ms) > to_ms(settings.clock_jump_s):
        return Rival((own,), own.time_ms, own.time_ms, own.time_ms + own.skew_ms)
    frames, _ = _with_frame(rival.frames, own, held.counts, settings)
    first_ms, newest_ms = min(rival.first_ms, own.time_ms), max(rival.newest_ms, own.time_ms)
    return Rival(frames, first_ms, newest_ms, rival.begun_ms)


def _goes_on(rival: Rival, settings: SignalSettings) -> bool:
    return rival.newest_ms - rival.first_ms >= to_ms(settings.lateness_s)


def _taken_up(held: Held, rival: Rival) -> Held:
    """Go on with the other clock, at its own time where that is not in what was already told.

    Else time goes on by the host's clock, from when its first frame was received.
    """
    first = rival.frames[0]
    offset_ms, begin_ms = 0, _begin_ms(held)
    if begin_ms is not None and first.time_ms < begin_ms:
        host_ms = first.time_ms + first.skew_ms
        offset_ms = _second(max(host_ms, begin_ms)) - _second(first.time_ms)
    moved = tuple(replace(one, time_ms=one.time_ms + offset_ms) for one in rival.frames)
    before = tuple(one for one in held.frames if one.time_ms < moved[0].time_ms)
    return replace(
        held,
        frames=before + moved,
        newest_ms=rival.newest_ms + offset_ms,
        skew_ms=moved[-1].skew_ms,
        offset_ms=offset_ms,
        rival=None,
    )


def _begin_ms(held: Held) -> int | None:
    """The first whole second that another clock may begin with; None: any."""
    if held.closed_ms is None:
        return None
    last_ms = held.frames[-1].time_ms if held.frames else held.closed_ms - 1
    return _second(last_ms) + SECOND_MS


def _second(time_ms: int) -> int:
    return time_ms // SECOND_MS * SECOND_MS


def told(held: Held, end_ms: int, window: WindowClosed) -> Held:
    """As after a second that was told before a restart."""
    return replace(
        held,
        frames=tuple(frame for frame in held.frames if frame.time_ms >= end_ms),
        newest_ms=end_ms if held.newest_ms is None else max(held.newest_ms, end_ms),
        closed_ms=end_ms,
        skew_ms=held.skew_ms if window.skew_ms is None else window.skew_ms,
        offset_ms=window.clock_offset_ms,
        empty_s=0 if window.frames else held.empty_s + 1,
    )


def cut(held: Held, settings: SignalSettings) -> tuple[Held, list[tuple[int, tuple[Frame, ...]]]]:
    """The seconds that are complete: their ends and frames, in order.

    A second without a frame, while later ones came, has none. After `longest_gap_s` of them the
    rest of a gap is jumped.
    """
    if held.newest_ms is None or not held.frames:
        return held, []
    watermark_ms = held.newest_ms - to_ms(settings.lateness_s)
    end_ms = _second(held.frames[0].time_ms if held.closed_ms is None else held.closed_ms)
    frames, counts, empty_s = held.frames, held.counts, held.empty_s
    seconds: list[tuple[int, tuple[Frame, ...]]] = []
    while end_ms + SECOND_MS <= watermark_ms:
        next_ms = _second(frames[0].time_ms if frames else watermark_ms)
        if next_ms > end_ms and empty_s >= settings.longest_gap_s:
            counts = replace(counts, skipped_s=counts.skipped_s + (next_ms - end_ms) // SECOND_MS)
            end_ms = next_ms
            continue
        end_ms += SECOND_MS
        inside = tuple(frame for frame in frames if frame.time_ms < end_ms)
        frames = frames[len(inside) :]
        empty_s = 0 if inside else empty_s + 1
        seconds.append((end_ms, inside))
    if not seconds and counts is held.counts:
        return held, []
    held = replace(held, frames=frames, closed_ms=end_ms, empty_s=empty_s, counts=counts)
    return held, seconds
