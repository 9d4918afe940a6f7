"""Which rows of a landmark table an explanation looks at: all of a small one, else evenly some.

Shapes: N rows of the table, M rows looked at, K clips, P = 478 points. A clip is a track,
where a table tracks several faces.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from mien.corpora.cache import is_large, open_matrix
from mien.corpora.frame_size import frame_sizes_by_clip
from mien.corpora.labels import canonical_label
from mien.corpora.matrix import Matrix, read_matrix
from mien.corpora.problems import FACE, NO_FACE, Rows, find_problems
from mien.emotion.contract import Progress
from mien.errors import InputError, TableError
from mien.tables import POINT_COUNT, open_landmarks

# Problems for who learns, not for who explains.
NOT_NEEDED = ("too few classes", "ambiguous label")


@dataclass(frozen=True)
class Sample:
    """Rows of a table with a face, clip by clip and in each clip by frame."""

    points: np.ndarray  # (M, 478, 3) float32
    size_px: np.ndarray  # (M, 2)
    clip_of: np.ndarray  # (M,) into the clips
    frame_nums: np.ndarray  # (M,)
    names: list[str]  # K
    face_ids: list[int | None]
    subjects: list[str | None]
    labels: list[str | None]  # of mien's vocabulary
    frames_without_face: np.ndarray  # (K,)
    is_cropped: bool  # a clip asked for, or of a model of clips, is longer than may be taken
    table: str
    table_sha256: str
    rows_in_table: int
    rows_without_face: int
    clips_in_table: int  # those with a face

    @property
    def frame_labels(self) -> list[str | None]:
        """M labels, each frame's that of its clip."""
        return [self.labels[clip] for clip in self.clip_of]


def take_sample(
    table: str | Path,
    *,
    most_frames: int,
    whole_clips: bool,
    named: tuple[str, ...] = (),
    seed: int = 0,
    on_progress: Progress = lambda doing, done, total: None,
) -> Sample:
    """Read a table and take at most about `most_frames` of its frames with a face.

    whole_clips: some clips in all their frames, as a model of clips needs; else some frames
    of every clip, evenly over it. named: clips that are taken for certain, whole as far as
    most_frames goes. seed: of which clips, where not all are taken.
    Raises TableError for a table that breaks the contract or has no face, InputError for a
    clip that is not in it or has no face.
    """
    source = open_landmarks(table)
    matrix = (
        open_matrix(source, on_rows=lambda done, total: on_progress("reading", done, total or 0))
        if is_large(source)
        else read_matrix(source)
    )
    for problem in find_problems(matrix.rows):
        if problem.refuses and problem.kind not in NOT_NEEDED:
            raise TableError(f"{source.path}: {problem.sentence()}")
    stretches = _stretches(matrix.rows)
    wanted = _numbers(named, stretches, matrix.rows, source.path)
    take = _whole if whole_clips else _spread
    chosen = take([len(rows) for _, rows in stretches], most_frames, wanted, seed)
    return _sample(matrix, stretches, chosen, Path(source.path).name, most_frames, whole_clips)


_Stretch = tuple[tuple[int, int], np.ndarray]  # clip and face; its rows with a face, by frame


def _stretches(rows: Rows) -> list[_Stretch]:
    """Each clip's rows with a face, in the order of the clips' names in the table."""
    is_face = np.flatnonzero(rows.state == FACE)
    order = is_face[np.lexsort((rows.frame[is_face], rows.face[is_face], rows.clip[is_face]))]
    keys = np.stack([rows.clip[order], rows.face[order]])
    begins = np.flatnonzero((np.diff(keys, axis=1, prepend=-2) != 0).any(axis=0))
    return [
        ((int(keys[0, part_start]), int(keys[1, part_start])), part)
        for part_start, part in zip(begins, np.split(order, begins[1:]), strict=True)
    ]


def _numbers(
    named: tuple[str, ...], stretches: list[_Stretch], rows: Rows, path: Path
) -> list[int]:
    """Which stretches the named clips are; of several faces that with most frames."""
    found = []
    for name in named:
        own = [
            number
            for number, ((clip, _), _) in enumerate(stretches)
            if rows.clip_names[clip] == name
        ]
        if not own and name in rows.clip_names:
            raise InputError(f"clip {name!r} has no frame with a face: choose another clip")
        if not own:
            near = get_close_matches(name, rows.clip_names, n=1, cutoff=0.0)
            raise InputError(
                f"{path} has no clip {name!r}: give a video_filename as it stands there, "
                f"such as {near[0]!r}"
            )
        found.append(max(own, key=lambda number: len(stretches[number][1])))
    return list(dict.fromkeys(found))


def _spread(
    lengths: list[int], most_frames: int, wanted: list[int], seed: int
) -> dict[int, np.ndarray]:
    """Clip number -> which of its frames: evenly over each clip, and as many of each."""
    clips = np.arange(len(lengths))
    if len(clips) > most_frames:
        clips = np.sort(np.random.default_rng(seed).permutation(clips)[:most_frames])
    share = _share(np.array(lengths)[clips], most_frames)
    taken = {int(clip): _evenly(lengths[clip], share) for clip in clips}
    taken |= {clip: _evenly(lengths[clip], most_frames) for clip in wanted}
    return dict(sorted(taken.items()))


def _whole(
    lengths: list[int], most_frames: int, wanted: list[int], seed: int
) -> dict[int, np.ndarray]:
    """Clip number -> all of its frames, or the middle most_frames of a longer one."""
    order = np.random.default_rng(seed).permutation(len(lengths)).tolist()
    taken: dict[int, np.ndarray] = {}
    held = 0
    for clip in dict.fromkeys([*wanted, *order]):
        length = min(lengths[clip], most_frames)
        if clip not in wanted and held + length > most_frames and taken:
            continue
        start = (lengths[clip] - length) // 2
        taken[clip] = np.arange(start, start + length)
        held += length
    return dict(sorted(taken.items()))


def _share(lengths: np.ndarray, most: int) -> int:
    """The largest number of frames to take of each clip, so that all are no more than most."""
    low, high = 1, max(int(lengths.max(initial=1)), 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (
            (middle, high) if np.minimum(lengths, middle).sum() <= most else (low, middle - 1)
        )
    return low


def _evenly(length: int, count: int) -> np.ndarray:
    """Places of at most `count` of a clip's frames, as far apart as can be."""
    count = min(length, count)
    return ((np.arange(count) + 0.5) * length / count).astype(np.int64)


def _sample(
    matrix: Matrix,
    stretches: list[_Stretch],
    chosen: dict[int, np.ndarray],
    table: str,
    most_frames: int,
    whole_clips: bool,
) -> Sample:
    rows = matrix.rows
    parts = [stretches[clip][1][places] for clip, places in chosen.items()]
    taken = np.concatenate(parts)
    keys = [stretches[clip][0] for clip in chosen]
    sizes: Any = frame_sizes_by_clip(
        rows.clip_names, sizes_px=rows.clip_sizes_px, clip_of=rows.clip[taken]
    )
    vocabulary = [canonical_label(text) for text in rows.spellings]
    return Sample(
        points=np.asarray(matrix.points[taken]).reshape(-1, POINT_COUNT, 3),
        size_px=sizes,
        clip_of=np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
        frame_nums=rows.frame[taken],
        names=[rows.clip_names[clip] for clip, _ in keys],
        face_ids=[None if face < 0 else face for _, face in keys],
        subjects=[_commonest(rows.subject[part], rows.people) for part in parts],
        labels=[_commonest(rows.spelling[part], vocabulary) for part in parts],
        frames_without_face=_absent(rows, keys),
        is_cropped=whole_clips and any(len(stretches[clip][1]) > most_frames for clip in chosen),
        table=table,
        table_sha256=matrix.sha256,
        rows_in_table=len(rows),
        rows_without_face=int((rows.state == NO_FACE).sum()),
        clips_in_table=len(stretches),
    )


def _commonest(numbers: np.ndarray, names: list[str]) -> str | None:
    known = numbers[numbers >= 0]
    return names[int(np.bincount(known).argmax())] if len(known) else None


def _absent(rows: Rows, keys: list[tuple[int, int]]) -> np.ndarray:
    """(K,) rows of each clip without a face."""
    absent = np.flatnonzero(rows.state == NO_FACE)
    pairs, counts = np.unique(
        np.stack([rows.clip[absent], rows.face[absent]]), axis=1, return_counts=True
    )
    count_of = {(int(a), int(b)): int(n) for (a, b), n in zip(pairs.T, counts, strict=True)}
    return np.array([count_of.get(key, 0) for key in keys])
