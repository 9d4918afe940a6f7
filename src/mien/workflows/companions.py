"""The files that may lie beside a table, and what they tell of its clips and people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mien.config import TrainSettings
from mien.corpora.frozen_folds import FrozenFolds, freeze_folds, read_folds, write_folds
from mien.corpora.index import LabelFile
from mien.corpora.subjects import read_subject_file
from mien.corpora.votes import read_demographics, read_votes
from mien.emotion.frames import LabelledFrames

if TYPE_CHECKING:
    from mien.evaluation.measures import Known


@dataclass(frozen=True)
class Companions:
    """What files beside a table tell of its clips and people."""

    known: Known
    subjects: LabelFile | None = None
    folds: FrozenFolds | None = None
    folds_to_write: Path | None = None

    @classmethod
    def read(
        cls,
        *,
        subjects: str | Path | None,
        folds_file: str | Path | None,
        demographics: str | Path | None,
        crema_d_votes: str | Path | None,
    ) -> Companions:
        """Read those that are given, before a table of gigabytes. Raises InputError, LabelError."""
        from mien.evaluation.measures import Known

        is_there = folds_file is not None and Path(folds_file).exists()
        return cls(
            Known(
                None if demographics is None else read_demographics(demographics),
                None if crema_d_votes is None else read_votes(crema_d_votes),
            ),
            None if subjects is None else read_subject_file(subjects),
            read_folds(folds_file) if folds_file is not None and is_there else None,
            Path(folds_file) if folds_file is not None and not is_there else None,
        )

    def folds_of(self, frames: LabelledFrames, settings: TrainSettings) -> FrozenFolds | None:
        """The folds to use, kept now if that was asked for; None: dealt anew."""
        if settings.split == "time" or len(frames.people) < 2:
            return None
        if self.folds_to_write is None:
            return self.folds
        dealt = freeze_folds(
            frames.labels,
            subjects=frames.subjects,
            folds=settings.folds,
            seed=settings.seed,
            table_sha256=frames.table_sha256,
        )
        write_folds(dealt, self.folds_to_write)
        return dealt
