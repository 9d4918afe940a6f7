"""The landmark table: what is written is read, and what breaks the contract is named."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.errors import InputError, ShapeError, TableError
from mien.tables import (
    POINT_COLUMNS,
    TableWriter,
    has_face,
    landmark_batch,
    open_landmarks,
    points_of,
    read_landmarks,
    write_table,
)


def rows(count: int = 5, *, absent: tuple[int, ...] = (2,)) -> pa.RecordBatch:
    points = np.random.default_rng(0).random((count, 478, 3), np.float32)
    points[list(absent)] = np.nan
    return landmark_batch(
        points,
        {
            "video_filename": [f"clip{i // 3}.flv" for i in range(count)],
            "frame_num": [i % 3 for i in range(count)],
            "emotion": ["Happy", None] * (count // 2) + ["Sad"] * (count % 2),
            "time_s": np.arange(count) / 30,
            "note": [f"extra {i}" for i in range(count)],
        },
    )


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_what_is_written_is_read(tmp_path: Path, ending: str) -> None:
    batch = rows()
    path = write_table([batch], tmp_path / f"t.{ending}")
    read = read_landmarks(path)
    assert read.schema.names == batch.schema.names
    assert np.array_equal(points_of(read), points_of(batch), equal_nan=True)
    assert read.column("emotion").to_pylist() == batch.column("emotion").to_pylist()
    assert read.column("note").to_pylist() == batch.column("note").to_pylist()


def test_no_face_is_null_in_the_file_and_nan_in_the_array(tmp_path: Path) -> None:
    path = write_table([rows()], tmp_path / "t.parquet")
    stored = pq.read_table(path)
    assert [stored.column(name).null_count for name in ("x_0", "z_477")] == [1, 1]
    assert has_face(points_of(stored)).tolist() == [True, True, False, True, True]


def test_the_public_data_sets_float64_and_any_column_order_are_read(tmp_path: Path) -> None:
    table = pa.Table.from_batches([rows()])
    names = sorted(table.schema.names, key=lambda name: name[::-1])
    wide = [
        table.column(name).cast(pa.float64() if name in POINT_COLUMNS else table.column(name).type)
        for name in names
    ]
    pq.write_table(pa.table(wide, names=names), tmp_path / "t.parquet")
    read = read_landmarks(tmp_path / "t.parquet")
    assert read.schema.field("x_0").type == pa.float32()
    assert np.array_equal(points_of(read), points_of(table), equal_nan=True)


def test_a_table_through_pandas_is_still_the_table(tmp_path: Path) -> None:
    frame = pa.Table.from_batches([rows()]).to_pandas()
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    for name in ("t.parquet", "t.csv"):
        read = points_of(read_landmarks(tmp_path / name))
        assert np.allclose(read, points_of(rows()), atol=1e-7, equal_nan=True)
        assert isinstance(frame, pd.DataFrame)


@settings(deadline=None, max_examples=9)
@given(batch_rows=st.integers(1, 9))
def test_batches_of_any_size_are_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, batch_rows: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "batches.csv"
    if not path.exists():
        write_table([rows(7)], path)
    batches = list(open_landmarks(path).batches(["frame_num"], batch_rows=batch_rows))
    assert [value for b in batches for value in b.column(0).to_pylist()] == [0, 1, 2, 0, 1, 2, 0]
    assert max(b.num_rows for b in batches) <= batch_rows


def test_metadata_and_schema_version_come_back(tmp_path: Path) -> None:
    write_table([rows()], tmp_path / "t.parquet", metadata={"extractor": "x"})
    assert open_landmarks(tmp_path / "t.parquet").metadata == {
        "schema_version": 1,
        "extractor": "x",
    }


def with_columns(path: Path, **changed: object) -> Path:
    frame = pa.Table.from_batches([rows(absent=())]).to_pandas()
    for name, values in changed.items():
        frame[name] = values
    frame.to_parquet(path)
    return path


def test_468_points_are_refused_with_the_reason(tmp_path: Path) -> None:
    table = pa.Table.from_batches([rows()])
    iris = [f"{axis}_{point}" for point in range(468, 478) for axis in "xyz"]
    pq.write_table(table.drop_columns(iris), tmp_path / "t.parquet")
    with pytest.raises(ShapeError, match="468 points a row, wanted 478.*without irises"):
        open_landmarks(tmp_path / "t.parquet")


def test_missing_columns_are_named(tmp_path: Path) -> None:
    table = pa.Table.from_batches([rows()]).drop_columns(["frame_num", "y_7"])
    pq.write_table(table, tmp_path / "t.parquet")
    with pytest.raises(TableError, match="lacks frame_num, y_7 "):
        open_landmarks(tmp_path / "t.parquet")


def test_a_wrong_type_is_named(tmp_path: Path) -> None:
    path = with_columns(tmp_path / "t.parquet", x_3=["a"] * 5)
    with pytest.raises(TableError, match=r"column x_3 is (large_)?string, wanted float"):
        open_landmarks(path)


def test_a_value_that_does_not_fit_is_named(tmp_path: Path) -> None:
    path = with_columns(tmp_path / "t.parquet", frame_num=[0.5] * 5)
    with pytest.raises(TableError, match="column frame_num"):
        read_landmarks(path)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("content", [b"", b"PAR1 but no more", b"\x00\xff" * 100])
def test_a_file_that_is_no_table_is_one_line(tmp_path: Path, ending: str, content: bytes) -> None:
    path = tmp_path / f"t.{ending}"
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"t\.(parquet|csv)") as caught:
        open_landmarks(path)
    assert "\n" not in str(caught.value)


def test_no_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no table at"):
        open_landmarks(tmp_path / "t.parquet")


def test_points_of_another_shape_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"got \(2, 468, 3\)"):
        landmark_batch(np.zeros((2, 468, 3)), {})


def test_an_error_while_writing_leaves_the_old_table(tmp_path: Path) -> None:
    path = write_table([rows()], tmp_path / "t.parquet")
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="half-way"), TableWriter(path) as writer:
        writer.write(rows())
        raise RuntimeError("half-way")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.parquet"]


def test_a_table_without_rows_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no rows"):
        write_table([], tmp_path / "t.parquet")
    assert not list(tmp_path.iterdir())


HEADER = ",".join(["video_filename", "frame_num", "emotion", *POINT_COLUMNS, "subject", "note"])


def csv_of(path: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path.write_bytes("".join(f"{line}\n" for line in (HEADER, *lines)).encode(encoding))
    return path


def csv_row(clip: str, *, point: str = "0.5", subject: str = "", note: str = "") -> str:
    return ",".join([clip, "0", "", *[point] * len(POINT_COLUMNS), subject, note])


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n\n"])
def test_a_csv_of_a_header_alone_is_an_empty_table(tmp_path: Path, end: str) -> None:
    (tmp_path / "t.csv").write_bytes((HEADER + end).encode())
    read = read_landmarks(tmp_path / "t.csv")
    assert (read.num_rows, points_of(read).shape) == (0, (0, 478, 3))
    assert read.schema.names == HEADER.split(",")[:-2] + ["subject", "note"]
    assert sum(b.num_rows for b in open_landmarks(tmp_path / "t.csv").batches(["emotion"])) == 0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "latin-1"])
def test_a_csv_in_another_encoding_is_one_line(tmp_path: Path, encoding: str) -> None:
    path = csv_of(tmp_path / "t.csv", csv_row("é.flv"), encoding=encoding)
    with pytest.raises(TableError, match=r"t.csv cannot be read as CSV.*(UTF-8|UTF8)") as caught:
        open_landmarks(path)
    assert "\n" not in str(caught.value)


def test_a_column_name_in_another_encoding_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(f"{HEADER},caf\xe9\n".encode("latin-1"))
    with pytest.raises(TableError, match="save it as UTF-8"):
        open_landmarks(tmp_path / "t.csv")


def test_a_person_called_na_has_a_name_and_an_empty_cell_has_none(tmp_path: Path) -> None:
    names = ["NA", '"NA"', "null", "nan", "NaN", "", '""']
    lines = [csv_row(name or "x", subject=name, note=name) for name in names]
    read = read_landmarks(csv_of(tmp_path / "t.csv", *lines))
    wanted = ["NA", "NA", "null", "nan", "NaN", None, None]
    assert read.column("subject").to_pylist() == read.column("note").to_pylist() == wanted
    assert read.column("video_filename").to_pylist()[:5] == wanted[:5]


def test_a_column_of_nothing_but_na_is_text(tmp_path: Path) -> None:
    path = csv_of(tmp_path / "t.csv", *[csv_row("a.flv", subject="NA", note="NA")] * 2)
    read = read_landmarks(path)
    assert read.column("subject").to_pylist() == read.column("note").to_pylist() == ["NA", "NA"]


@pytest.mark.parametrize("point", ["", "NaN", "nan", "NA", "null", '""'])
def test_a_point_that_is_not_there_is_null_however_it_is_written(
    tmp_path: Path, point: str
) -> None:
    lines = csv_row("a.flv"), csv_row("b.flv", point=point)
    read = read_landmarks(csv_of(tmp_path / "t.csv", *lines))
    assert read.column("z_477").null_count == 1
    assert has_face(points_of(read)).tolist() == [True, False]


@pytest.mark.parametrize("stored", [b"[1]", b"null", b"no json", b"\xff"])
def test_metadata_that_is_not_miens_is_none(tmp_path: Path, stored: bytes) -> None:
    table = pa.Table.from_batches([rows()]).replace_schema_metadata({"mien": stored})
    pq.write_table(table, tmp_path / "t.parquet")
    assert open_landmarks(tmp_path / "t.parquet").metadata == {}


def test_a_name_that_is_too_long_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no table at .*: File name too long"):
        open_landmarks(tmp_path / ("n" * 300))


@pytest.mark.parametrize("kind", [str, Path])
def test_an_address_is_no_table_and_its_password_is_not_shown(kind: type) -> None:
    with pytest.raises(InputError, match="no table at rtsp://host/bed: give") as caught:
        open_landmarks(kind("rtsp://nurse:secret@host/bed"))
    assert "secret" not in str(caught.value)


def test_text_of_several_lines_is_read_across_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.tables.CSV_BLOCK_BYTES", 100_000)
    notes = [f"{i}\n" * 9000 for i in range(30)]
    batch = landmark_batch(
        np.zeros((30, 478, 3)),
        {"video_filename": ["a\nb.flv"] * 30, "frame_num": range(30), "note": notes},
    )
    read = read_landmarks(write_table([batch], tmp_path / "t.csv"))
    assert read.column("note").to_pylist() == notes


@pytest.mark.parametrize("name", ["empty.parquet", "cut.parquet", "empty.csv"])
def test_a_file_that_is_empty_or_cut_is_to_be_written_again(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"PAR1" if name.startswith("cut") else b"")
    with pytest.raises(TableError, match="empty or was cut short .*: write or copy it again"):
        open_landmarks(tmp_path / name)
