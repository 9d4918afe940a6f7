"""How a stream's frames reach the host: late, twice, out of order, by a clock that is wrong.

The stream's clock is the script's. The host's runs apart from it by an offset and a drift.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mien.errors import InputError

_TRAVEL_S = (0.02, 0.04)  # an undisturbed frame's way: at 30 a second none overtakes another


@dataclass(frozen=True)
class Arrival:
    """What goes wrong on the way. All shares are of frames. Raises InputError when it cannot be."""

    offset_s: float = 0.0  # the host's clock less the stream's, at the start
    drift_ppm: float = 0.0  # how much faster the host's clock runs
    late_share: float = 0.0  # frames up to 2 s late
    very_late_share: float = 0.0  # frames 2 to 6 s late
    twice_share: float = 0.0  # frames that come again, the same in all but received_s
    shuffle_s: float = 0.0  # every frame is up to so late

    def __post_init__(self) -> None:
        for name in ("late_share", "very_late_share", "twice_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{name} is a share from 0 to 1, got {getattr(self, name)}")
        if not 0 <= self.shuffle_s < math.inf:
            raise InputError(f"shuffle_s must be 0 or more, got {self.shuffle_s}")

    @property
    def longest_s(self) -> float:
        """After so long every frame has come."""
        late_s = VERY_LATE_S[1] if self.very_late_share else LATE_S[1] if self.late_share else 0.0
        again_s = AGAIN_S[1] if self.twice_share else 0.0
        return self.shuffle_s + late_s + again_s + 1.0


LATE_S, VERY_LATE_S, AGAIN_S = (0.2, 1.8), (2.2, 6.0), (0.05, 1.0)
IN_ORDER = Arrival()
TROUBLED = Arrival(
    offset_s=0.4,
    drift_ppm=20.0,
    late_share=0.01,
    very_late_share=0.001,
    twice_share=0.005,
    shuffle_s=0.25,
)


def arrivals(
    random: np.random.Generator, times_s: np.ndarray, arrival: Arrival
) -> tuple[np.ndarray, np.ndarray]:
    """Which frames come, and when by the stream's clock: (M,) indices and (M,) s, unordered.

    times_s: (T,). M is T and a frame more for each that comes twice.
    """
    frames = len(times_s)
    way_s = random.uniform(*_TRAVEL_S, frames)
    way_s += random.uniform(0, 1, frames) * arrival.shuffle_s
    chance = random.random(frames)
    late, very = random.uniform(*LATE_S, frames), random.uniform(*VERY_LATE_S, frames)
    is_very = chance < arrival.very_late_share
    is_late = ~is_very & (chance < arrival.very_late_share + arrival.late_share)
    way_s += np.where(is_very, very, np.where(is_late, late, 0.0))
    again = np.flatnonzero(random.random(frames) < arrival.twice_share)
    again_s = random.uniform(*AGAIN_S, len(again))
    which = np.concatenate([np.arange(frames), again])
    when_s = times_s + way_s
    return which, np.concatenate([when_s, when_s[again] + again_s])


def host_clock(times_s: np.ndarray, arrival: Arrival) -> np.ndarray:
    """Times of the stream's clock as the host's shows them."""
    return times_s * (1 + arrival.drift_ppm * 1e-6) + arrival.offset_s
