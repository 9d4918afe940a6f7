"""Labels of clips: from a CSV file, or else from the file names of known corpora."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mien.corpora.csv_rows import text_of
from mien.corpora.labels import canonical_label
from mien.corpora.names import ClipLabel, label_from_name
from mien.errors import LabelError

CLIP_COLUMNS = ("video_filename", "file", "filename", "clip", "path", "video", "image")
EMOTION_COLUMNS = ("emotion", "label", "expression")
SUBJECT_COLUMNS = ("subject", "person", "actor", "actorid", "participant")


@dataclass(frozen=True)
class LabelFile:
    """Labels by clip path, with and without its ending.

    A row without a folder labels the clips of that name in any folder; a row
    with a folder labels the clip in that folder alone.
    """

    path: Path
    by_name: Mapping[str, ClipLabel | None]  # None where names that share the key differ

    def label_of(self, clip: str) -> ClipLabel | None:
        """The label of a clip; None when the file does not name it.

        Raises LabelError when only the name without its ending matches and it is ambiguous.
        """
        name = PurePosixPath(clip).name
        for key in (clip, _without_ending(clip), name, _without_ending(name)):
            if key in self.by_name:
                label = self.by_name[key]
                if label is None:
                    raise LabelError(
                        f"{self.path} has several rows for {key!r} with other labels: "
                        "name the clips by their path below the folder, with the ending"
                    )
                return label
        return None


def read_label_file(path: str | Path) -> LabelFile:
    """Read a CSV of labels: a column for the clip, one for the emotion, the subject or both.

    Column names, in any case: one of CLIP_COLUMNS, EMOTION_COLUMNS, SUBJECT_COLUMNS.
    Raises InputError when there is no such file, LabelError when it cannot be used
    or gives one clip two labels.
    """
    path = Path(path)
    try:
        reader = csv.DictReader(io.StringIO(text_of(path, what="label file"), newline=""))
        columns = _columns(reader.fieldnames or [], path)
        rows = [_row(row, columns) for row in reader]
    except csv.Error as error:
        raise LabelError(f"{path} cannot be read as CSV: {error}") from error
    return LabelFile(path, _keyed(_merged([row for row in rows if row[0]], path)))


def label_of(clip: str, labels: LabelFile | None = None) -> ClipLabel:
    """What is known of a clip: the label file first, then the file's own name."""
    named = label_from_name(clip)
    given = labels.label_of(clip) if labels else None
    if given is None:
        return named
    return ClipLabel(given.emotion or named.emotion, given.subject or named.subject, named.corpus)


def _columns(names: Sequence[str], path: Path) -> tuple[str, str | None, str | None]:
    by_lower = {name.strip().lower(): name for name in names}
    clip, emotion, subject = (
        next((by_lower[name] for name in known if name in by_lower), None)
        for known in (CLIP_COLUMNS, EMOTION_COLUMNS, SUBJECT_COLUMNS)
    )
    if clip is None or (emotion is None and subject is None):
        raise LabelError(
            f"{path} has columns {', '.join(names) or 'none'}; wanted one of "
            f"{', '.join(CLIP_COLUMNS)} and an emotion or subject column"
        )
    return clip, emotion, subject


def _row(row: dict[str, str], columns: tuple[str, str | None, str | None]) -> tuple[str, ClipLabel]:
    clip, emotion, subject = (
        (row.get(column) or "").strip() if column else "" for column in columns
    )
    return clip, ClipLabel(canonical_label(emotion) if emotion else None, subject or None)


def _merged(rows: list[tuple[str, ClipLabel]], path: Path) -> dict[str, ClipLabel]:
    """One label a clip: what one row leaves out another may tell, but none contradict."""
    merged: dict[str, ClipLabel] = {}
    for name, label in rows:
        clip = str(PurePosixPath(name.replace("\\", "/")))
        known = merged.get(clip, ClipLabel())
        for said, says in ((known.emotion, label.emotion), (known.subject, label.subject)):
            if said and says and said != says:
                raise LabelError(f"{path} labels {clip!r} both {said!r} and {says!r}: keep one row")
        merged[clip] = ClipLabel(known.emotion or label.emotion, known.subject or label.subject)
    return merged


def _keyed(labels: dict[str, ClipLabel]) -> dict[str, ClipLabel | None]:
    keyed: dict[str, ClipLabel | None] = {}
    for clip, label in labels.items():
        key = _without_ending(clip)
        keyed[key] = label if keyed.get(key, label) == label else None
    return {**keyed, **labels}


def _without_ending(clip: str) -> str:
    path = PurePosixPath(clip)
    return str(path.with_suffix("")) if path.name else clip
