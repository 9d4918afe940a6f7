"""One patient's recording on its way to the watch: put in order, answered by the model, ticked."""

from __future__ import annotations

from collections.abc import Iterable

from mien.risk.settings import WatchConfig
from mien.workflows.replay_frame import MeasuredFrame
from mien.workflows.replay_order import Course, FrameCounts, InOrder
from mien.workflows.replay_posterior import BLOCK_MS, Answers, Posterior
from mien.workflows.replay_ward import Ward


class Bedside:
    """A patient alone in a ward, so that nobody's alerts depend on who else is in the table."""

    def __init__(self, patient: str, ward: Ward, posterior: Posterior, config: WatchConfig) -> None:
        bed = ward.state.beds.get(patient)
        self.ward = ward
        self.from_ms = None if bed is None else bed.signal.held.closed_ms
        self._is_context_needed = posterior.context_frames > 0
        self._order = InOrder(config.settings.signal)
        self._answers = Answers(posterior)
        self._course = Course(
            config.hash, after_tick_ms=ward.state.ward.tick_ms, from_ms=self.from_ms
        )

    @property
    def known_to_ms(self) -> int | None:
        """Frames before this need not be measured: what follows from them is in the log."""
        if self.from_ms is None or self._is_context_needed:
            return None
        return self.from_ms // BLOCK_MS * BLOCK_MS

    @property
    def counts(self) -> FrameCounts:
        return self._order.counts

    def frame(self, frame: MeasuredFrame) -> None:
        for due in self._order.add(frame):
            self._tell(self._answers.add(due))

    def end(self) -> None:
        """The recording is over: what was held is told, and the last second's tick."""
        for due in self._order.rest():
            self._tell(self._answers.add(due))
        self._tell(self._answers.rest())
        for event in self._course.end():
            self.ward.tell(event)
        self.ward.commit()

    def _tell(self, frames: Iterable[MeasuredFrame]) -> None:
        for frame in frames:
            for event in self._course.through(frame):
                self.ward.tell(event)
