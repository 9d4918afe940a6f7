"""The answers of all folds, put together.

Shapes: M clips asked about, C labels.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mien.corpora.splits import Split
from mien.emotion.fitting import Answered, Fitted
from mien.emotion.frames import LabelledFrames
from mien.evaluation.answers import Answers
from mien.evaluation.clips_asked import clip_answers, clips_asked


@dataclass
class Pool:
    """The answers of all folds, in the folds' order."""

    frames: list[np.ndarray] = field(default_factory=list)
    clip_ids: list[np.ndarray] = field(default_factory=list)
    clips: list[np.ndarray] = field(default_factory=list)
    sets: list[np.ndarray] = field(default_factory=list)
    class_sets: list[np.ndarray] = field(default_factory=list)

    def add(self, fitted: Fitted, found: Answered) -> None:
        """Take a fold's own probabilities, calibrated if its model is."""
        if fitted.calibrations is not None:
            found = fitted.calibrations.read(found)
            self.sets.append(fitted.calibrations.clips.marginal.sets(found.clips))
            self.class_sets.append(fitted.calibrations.clips.class_conditional.sets(found.clips))
        self.frames.append(found.frames)
        self.clip_ids.append(found.clip_ids)
        self.clips.append(found.clips)

    @property
    def is_calibrated(self) -> bool:
        """Whether every fold's model was."""
        return len(self.sets) == len(self.clips)

    def pooled(self, frames: LabelledFrames, folds: list[Split], *, by_person: bool) -> Pooled:
        """What was answered of every clip that is asked about."""
        asked = clips_asked(frames, folds, by_person=by_person)
        place = np.searchsorted(asked, np.concatenate(self.clip_ids))
        probabilities = np.full((len(asked), len(frames.classes)), np.nan)
        probabilities[place] = np.concatenate(self.clips)

        def placed(sets: list[np.ndarray]) -> np.ndarray | None:
            if not self.is_calibrated:
                return None
            found = np.zeros(probabilities.shape, bool)
            found[place] = np.concatenate(sets)
            return found

        return Pooled(
            asked,
            clip_answers(frames, asked, probabilities),
            placed(self.sets),
            placed(self.class_sets),
        )


@dataclass(frozen=True)
class Pooled:
    """Every clip that is asked about, and what was answered."""

    asked: np.ndarray  # (M,) numbers of clips, ascending
    answers: Answers  # NaN where there was no face
    sets: np.ndarray | None  # (M, C) bool; None unless every fold was calibrated
    class_sets: np.ndarray | None
