"""How the watch's log is kept. None of it changes an alert, so none is in the alerts' hash."""

from __future__ import annotations

from pydantic import Field

from mien.config import Settings


class JournalSettings(Settings):
    """The store of the watch's log, and how notifications leave it."""

    busy_timeout_s: float = Field(
        default=5.0, gt=0, description="a store locked by another for so long is failing"
    )
    lease_s: float = Field(
        default=30.0,
        gt=0,
        description="a notification that was taken to be sent, and of which nothing is heard for "
        "so long, is sent again",
    )
    retry_first_s: float = Field(
        default=1.0, gt=0, description="first wait after a failed sending; each next is doubled"
    )
    retry_most_s: float = Field(
        default=60.0, gt=0, description="longest wait: nothing is ever given up"
    )
    keep_landmarks: bool = Field(
        default=False, description="keep raw landmarks for a while: a face can be drawn from them"
    )
    landmarks_s: float = Field(
        default=86400.0, gt=0, description="raw landmarks older than this are deleted"
    )


class PipelineSettings(Settings):
    """The host's loop: how long it waits, and how much may wait for it."""

    queue_frames: int = Field(
        default=300,
        ge=1,
        description="frames of a bed that wait; beyond, the oldest is dropped and counted: 10 s "
        "of 30 a second",
    )
    beds_most: int = Field(default=200, ge=1, description="beds of a ward: each takes memory")
    frames_a_turn: int = Field(
        default=32, ge=1, description="frames of a bed that are taken before the next bed's"
    )
    turn_s: float = Field(
        default=0.02, gt=0, description="the loop rests so long, and commits are so far apart"
    )
    retry_s: float = Field(default=0.5, gt=0, description="between attempts while the store fails")
    slow_store_s: float = Field(
        default=2.0, gt=0, description="a commit that takes longer is a store that fails"
    )
    unwritten_most: int = Field(
        default=50_000,
        ge=1,
        description="events that wait for a failing store before frames wait too: 100 MB",
    )
    snapshot_every_s: float = Field(
        default=300.0,
        gt=0,
        description="the whole state is written so often: a restart reads the log since",
    )
