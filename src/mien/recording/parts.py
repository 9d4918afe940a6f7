"""Finished pieces of an extraction, kept beside the table until it is whole.

A clip's rows lie in numbered Arrow files of a folder of its own. Each is
written whole or not at all and carries what is needed to go on after it: the
last frame and the tracker's state. So an interrupt, a kill or a full disk
costs one piece at most, in the middle of a long recording too. They are not
flushed, for speed; a checksum tells one that a power cut damaged.

Points in a part are (rows, 478, 3) float32 fractions of the frame, NaN for no face.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mien.files import replacing
from mien.recording.smoothing import OneEuroFilter
from mien.recording.tracking import TrackedFace
from mien.recording.video import Frame, Position
from mien.tables import POINT_COUNT

_METADATA_KEY = b"mien.part"
_POINTS = pa.list_(pa.float32(), 3 * POINT_COUNT)
_BLOCK_ROWS = 128
_COLUMNS = {
    "frame_num": pa.int64(),
    "time_s": pa.float64(),
    "width_px": pa.int32(),
    "height_px": pa.int32(),
    "presence": pa.float32(),
    "face_id": pa.int32(),
}


class Rows:
    """Rows gathered for the next part.

    Points go into blocks made beforehand: thousands of small arrays kept between
    the frames' large ones would leave holes in memory, half a megabyte a frame.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._values: list[tuple[Any, ...]] = []
        self._blocks: list[np.ndarray] = []

    def add(self, frame: Frame, faces: list[TrackedFace]) -> None:
        """One row a face; one row of NaN when there is none."""
        height, width = frame.image.shape[:2]
        self.frames += 1
        place = (frame.index, frame.time_s, width, height)
        for face in faces:
            self._append(face.points, (*place, face.presence, face.face_id))
        if not faces:
            self._append(np.nan, (*place, 0.0, None))

    def _append(self, points: np.ndarray | float, values: tuple[Any, ...]) -> None:
        row = len(self._values) % _BLOCK_ROWS
        if row == 0:
            self._blocks.append(np.empty((_BLOCK_ROWS, POINT_COUNT, 3), np.float32))
        self._blocks[-1][row] = points
        self._values.append(values)

    def table(self, smoother: OneEuroFilter | None = None) -> pa.Table:
        """The whole rows: an interrupt may have come in the middle of the last.

        smoother: applied here and not frame by frame, when its code would have to be
        fetched into the core's cache each time.
        """
        columns = list(zip(*self._values, strict=True)) or [()] * len(_COLUMNS)
        points = np.concatenate([np.empty((0, POINT_COUNT, 3), np.float32), *self._blocks])
        points = points[: len(self._values)]
        if smoother is not None:
            smoother.smooth_rows(points, columns[1])
        width, height = np.array(columns[2]), np.array(columns[3])
        points *= (1 / np.stack([width, height, width], axis=-1)).astype(np.float32)[:, None]
        lists = pa.FixedSizeListArray.from_arrays(pa.array(points.ravel()), type=_POINTS)
        arrays = [
            pa.array(values, kind) for values, kind in zip(columns, _COLUMNS.values(), strict=True)
        ]
        return pa.table([*arrays, lists], names=[*_COLUMNS, "points"])


@dataclass(frozen=True)
class ClipParts:
    """The parts of one clip. `key` says what they were made from and how."""

    folder: Path
    key: dict[str, Any]

    @classmethod
    def of(cls, parts_folder: Path, key: dict[str, Any]) -> ClipParts:
        name = hashlib.sha256(key["clip"].encode()).hexdigest()[:24]
        return cls(parts_folder / name, key)

    def last(self) -> dict[str, Any] | None:
        """What the last part says; None when there is none or it was made otherwise.

        Parts of another file or of other settings are removed.
        """
        said = None
        for number, path in enumerate(self._paths()):
            said = _said(path)
            if said is None or said["key"] != self.key or said["number"] != number:
                self.remove()
                return None
        return said

    def write(self, table: pa.Table, *, last: Position, state: dict[str, Any], final: bool) -> None:
        """Add a part. Raises InputError when the disk is full."""
        number = len(self._paths())
        said = {
            "key": self.key,
            "number": number,
            "checksum": _checksum(table),
            "last": [last.index, last.time_s, last.is_exact],
            "state": state,
            "final": final,
        }
        table = table.replace_schema_metadata({_METADATA_KEY: json.dumps(said)})
        with (
            replacing(self.folder / f"{number:06d}.arrow", flush=False) as path,
            pa.OSFile(str(path), "wb") as sink,
            pa.ipc.new_file(sink, table.schema) as writer,
        ):
            writer.write_table(table)

    def tables(self) -> Iterator[pa.Table]:
        """The rows, part by part."""
        for path in self._paths():
            with pa.memory_map(str(path)) as source:
                yield pa.ipc.open_file(source).read_all()

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("??????.arrow")) if self.folder.is_dir() else []


def points_in(part: pa.Table) -> np.ndarray:
    """The points of a part: (rows, 478, 3) float32."""
    return _values(part, "points").reshape(-1, POINT_COUNT, 3)


def left_behind(parts_folder: Path) -> list[ClipParts]:
    """Every clip that has parts here, as its own last part describes it."""
    found = []
    for folder in sorted(parts_folder.glob("*/")) if parts_folder.is_dir() else []:
        first = next(iter(sorted(folder.glob("??????.arrow"))), None)
        said = _said(first) if first else None
        if said is not None:
            parts = ClipParts(folder, said["key"])
            found += [parts] if parts.last() is not None else []
    return found


def _said(path: Path) -> dict[str, Any] | None:
    """What a part says of itself; None when it is damaged."""
    try:
        with pa.OSFile(str(path), "rb") as source:
            table = pa.ipc.open_file(source).read_all()
        said = dict(json.loads(table.schema.metadata[_METADATA_KEY]))
    except (pa.ArrowInvalid, OSError, KeyError, TypeError, json.JSONDecodeError):
        return None
    return said if said.get("checksum") == _checksum(table) else None


def _checksum(table: pa.Table) -> int:
    return zlib.crc32(_values(table, "points").data, zlib.crc32(_values(table, "time_s").data))


def _values(part: pa.Table, name: str) -> np.ndarray:
    """A column's numbers in one row; not copied, since a part is one batch."""
    arrays = [
        (chunk.flatten() if pa.types.is_fixed_size_list(chunk.type) else chunk).to_numpy()
        for chunk in part.column(name).chunks
    ]
    return arrays[0] if len(arrays) == 1 else np.concatenate([np.empty(0, np.float32), *arrays])
