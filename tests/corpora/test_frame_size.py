"""One rule says how large a frame was."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mien.corpora.frame_size import (
    UNKNOWN_SIZE_PX,
    frame_sizes,
    frame_sizes_by_clip,
    frame_sizes_of,
    is_size_known,
)
from mien.corpora.matrix import map_matrix, write_points, write_rows
from mien.corpora.problems import Rows
from mien.corpora.survey import SURVEY_COLUMNS, Surveyor
from mien.tables import landmark_batch, open_landmarks, write_table

CREMA_D, OTHER = "a/1001_DFA_ANG_XX.flv", "holiday.mp4"


def test_a_row_s_own_size_comes_first() -> None:
    found = frame_sizes([CREMA_D, OTHER], width_px=[640, 1920], height_px=[480, 1080])
    assert found.tolist() == [[640, 480], [1920, 1080]]


def test_a_clip_named_like_crema_d_s_has_their_size() -> None:
    assert frame_sizes([CREMA_D]).tolist() == [[480, 360]]


def test_any_other_clip_is_taken_for_a_square_and_this_can_be_told() -> None:
    found = frame_sizes([OTHER, CREMA_D, None])
    assert found.tolist() == [list(UNKNOWN_SIZE_PX), [480, 360], list(UNKNOWN_SIZE_PX)]
    assert is_size_known(found).tolist() == [False, True, False]
    assert UNKNOWN_SIZE_PX[0] == UNKNOWN_SIZE_PX[1]


def test_a_size_that_is_missing_in_part_does_not_count() -> None:
    found = frame_sizes(
        [CREMA_D, OTHER, OTHER, OTHER],
        width_px=[np.nan, 0, 640, 640],
        height_px=[480, 480, np.nan, -1],
    )
    assert found.tolist() == [[480, 360], [1, 1], [1, 1], [1, 1]]


def test_no_rows_have_no_sizes() -> None:
    assert frame_sizes([]).shape == (0, 2)


def test_rows_of_a_table_give_the_columns_they_have() -> None:
    columns = {"video_filename": [OTHER, CREMA_D], "width_px": pa.array([640, None], pa.int32())}
    assert frame_sizes_of(pa.RecordBatch.from_pydict(columns)).tolist() == [[1, 1], [480, 360]]
    columns["height_px"] = pa.array([480, None], pa.int32())
    assert frame_sizes_of(pa.table(columns)).tolist() == [[640, 480], [480, 360]]


def test_rows_that_are_numbers_find_the_size_of_their_clip() -> None:
    clip_of = np.array([1, 0, -1, 2])
    sizes = [[640, 480], None, [1920, 1080]]
    found = frame_sizes_by_clip(["a.mp4", CREMA_D, "b.mp4"], sizes_px=sizes, clip_of=clip_of)
    assert found.tolist() == [[480, 360], [640, 480], [1, 1], [1920, 1080]]
    unsized = frame_sizes_by_clip([OTHER, CREMA_D], sizes_px=[], clip_of=np.array([1, 0]))
    assert unsized.tolist() == [[480, 360], [1, 1]]


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_matrix_remembers_the_size_of_each_clip(tmp_path: Path, suffix: str) -> None:
    """A row without a size, such as one without a face, takes its clip's."""
    keys = {
        "video_filename": ["a.mp4", "a.mp4", "b.mp4", "c.mp4"],
        "frame_num": [0, 1, 0, 0],
        "width_px": [None, 640, 1920, None],
        "height_px": [None, 480, 1080, None],
    }
    rows = landmark_batch(np.full((4, 478, 3), 0.5, np.float32), keys)
    source = open_landmarks(write_table([rows], tmp_path / f"a{suffix}"))
    points = tmp_path / "points.f32"
    surveyor = write_points(source, points, lambda done, total: None)
    write_rows(surveyor, tmp_path / "rows.arrow")
    found = map_matrix(tmp_path, sha256="").rows
    assert found.clip_sizes_px == [[640, 480], [1920, 1080], None]


def test_a_survey_without_sizes_knows_none(landmarks: pa.Table) -> None:
    surveyor = Surveyor()
    columns = [name for name in SURVEY_COLUMNS if name not in ("width_px", "height_px")]
    for batch in landmarks.select([c for c in columns if c in landmarks.schema.names]).to_batches():
        surveyor.add_keys(batch)
    rows: Rows = surveyor.rows()
    assert rows.clip_sizes_px == [None] * 6
