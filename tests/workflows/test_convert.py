"""convert: the same rows in another file, whole or not at all."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mien.errors import InputError, ShapeError, TableError
from mien.tables import (
    POINT_COLUMNS,
    landmark_batch,
    open_landmarks,
    points_of,
    read_landmarks,
    write_table,
)
from mien.workflows import convert as module
from mien.workflows.convert import Converted, convert, describe

METADATA = {"extractor": "x 1", "settings": {"faces": 1}, "clips": {"a.flv": {"size": 3}}}
HOSTILE = [
    "NA",
    "null",
    "nan",
    '"',
    '""quoted"" twice',
    "a,b",
    "two\nlines",
    "dos\r\nlines",
    "; DROP TABLE faces; --",
    "=cmd()",
    "'",
    "\\n",
    "  spaces  ",
    "\ttab",
    "ünï 😀",
    "true",
]


def random_points(count: int, *, seed: int = 0) -> np.ndarray:
    """(count, 478, 3) float32 of any finite size, -0 and the smallest among them."""
    bits = np.random.default_rng(seed).integers(0, 1 << 32, (count, 478, 3), np.uint32)
    values = bits.view(np.float32)
    values[~np.isfinite(values)] = -0.0
    return values


def rows(
    points: np.ndarray | None = None, *, absent: tuple[int, ...] = (2,), **columns: object
) -> pa.RecordBatch:
    points = random_points(len(HOSTILE)) if points is None else points
    points[list(absent)] = np.nan
    count = len(points)
    named = {
        "video_filename": [f"clip{row // 3}.flv" for row in range(count)],
        "frame_num": list(range(count)),
        "emotion": ["Happy" if row % 2 else None for row in range(count)],
        "presence": np.linspace(0, 1, count, dtype=np.float32),
    }
    return landmark_batch(points, named | columns)


def as_public(path: Path, batch: pa.RecordBatch, **options: object) -> Path:
    """A table as the public data set has it: float64, snappy, no metadata of mien's."""
    wide = [
        batch.column(name).cast(pa.float64()) if name in POINT_COLUMNS else batch.column(name)
        for name in batch.schema.names
    ]
    pq.write_table(pa.table(wide, names=batch.schema.names), path, **options)
    return path


def bits_of(path: Path) -> list[object]:
    """A table's every value, so that -0 is not 0."""
    read = read_landmarks(path)
    others = read.drop_columns(POINT_COLUMNS).to_pylist()
    return [points_of(read).tobytes(), read.column("x_0").null_count, others, read.schema.names]


def test_parquet_to_csv_and_back_is_the_same_to_the_bit(tmp_path: Path) -> None:
    first = write_table([rows(subject=HOSTILE, note=HOSTILE)], tmp_path / "a.parquet")
    convert(first, tmp_path / "b.csv")
    convert(tmp_path / "b.csv", tmp_path / "c.parquet")
    assert bits_of(tmp_path / "b.csv") == bits_of(first)
    assert bits_of(tmp_path / "c.parquet") == bits_of(first)


def test_a_csv_gives_every_float32_back(tmp_path: Path) -> None:
    points = random_points(150, seed=1)  # 215,100 of the 4 billion, and the odd ones
    smallest, largest = np.float32(1e-45), np.finfo(np.float32).max
    near = np.nextafter(np.float32(2.0) ** np.arange(-140, 128, dtype=np.float32), np.float32(0))
    odd = np.concatenate([near, -near, [smallest, -smallest, largest, -largest, -0.0, 0.1, 1 / 3]])
    points[0].flat[: len(odd)] = odd
    table = write_table([rows(points, absent=())], tmp_path / "a.parquet")
    read = points_of(read_landmarks(convert(table, tmp_path / "b.csv").path))
    assert np.array_equal(read.view(np.uint32), points.view(np.uint32))


def test_text_that_looks_like_something_else_stays_text(tmp_path: Path) -> None:
    batch = rows(video_filename=HOSTILE, subject=HOSTILE, note=HOSTILE)
    table = write_table([batch], tmp_path / "a.parquet")
    convert(table, tmp_path / "b.csv")
    read = read_landmarks(tmp_path / "b.csv")
    for name in ("video_filename", "subject", "note"):
        assert read.column(name).to_pylist() == HOSTILE


def test_float64_becomes_float32_and_the_largest_rounding_is_told(tmp_path: Path) -> None:
    points = np.random.default_rng(0).random((5, 478, 3))
    columns = [pa.array(column) for column in points.reshape(5, -1).T]
    keys = [pa.array(["a.flv"] * 5), pa.array(range(5)), pa.array(["Sad"] * 5)]
    names = ["video_filename", "frame_num", "emotion", *POINT_COLUMNS]
    pq.write_table(pa.table([*keys, *columns], names=names), tmp_path / "a.parquet")
    done = convert(tmp_path / "a.parquet", tmp_path / "b.parquet")
    assert done.largest_rounding == np.abs(points - points.astype(np.float32)).max()
    assert done.types["z_477"] == ("float64", "float32")
    assert pq.read_schema(done.path).field("x_0").type == pa.float32()
    assert np.array_equal(points_of(read_landmarks(done.path)), points.astype(np.float32))


def test_float64_that_holds_float32_loses_nothing_and_takes_less(tmp_path: Path) -> None:
    points = np.random.default_rng(0).random((200, 478, 3), np.float32)
    table = as_public(tmp_path / "a.parquet", rows(points))
    done = convert(table, tmp_path / "b.parquet")
    assert done.largest_rounding == 0
    assert bits_of(done.path) == bits_of(table)
    assert (done.rows, done.bytes_before) == (200, table.stat().st_size)
    assert done.bytes_after == done.path.stat().st_size < done.bytes_before / 1.5
    column = pq.read_metadata(done.path).row_group(0).column(3)
    assert (column.compression, "BYTE_STREAM_SPLIT" in column.encodings) == ("ZSTD", True)


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_extra_columns_follow_the_contracts_in_its_order(tmp_path: Path, ending: str) -> None:
    batch = rows(note=HOSTILE, score=np.arange(16) / 7, subject=["p"] * 16)
    shuffled = sorted(batch.schema.names, key=lambda name: name[::-1])
    table = pa.Table.from_batches([batch]).select(shuffled)
    pq.write_table(table, tmp_path / "a.parquet")
    read = read_landmarks(convert(tmp_path / "a.parquet", tmp_path / f"b.{ending}").path)
    last = ["subject", "presence"] + [name for name in shuffled if name in ("note", "score")]
    names = ["video_filename", "frame_num", "emotion", *POINT_COLUMNS, *last]
    assert read.schema.names == names
    assert read.column("score").to_pylist() == table.column("score").to_pylist()


@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_a_row_without_a_face_stays_null(tmp_path: Path, ending: str) -> None:
    table = as_public(tmp_path / "a.parquet", rows(absent=(0, 5)))
    read = read_landmarks(convert(table, tmp_path / f"b.{ending}").path)
    assert {read.column(name).null_count for name in POINT_COLUMNS} == {2}
    assert read.column("x_0").is_null().to_pylist().index(True) == 0


def test_what_the_table_tells_of_its_making_is_kept(tmp_path: Path) -> None:
    table = write_table([rows()], tmp_path / "a.parquet", metadata=METADATA)
    done = convert(table, tmp_path / "b.parquet")
    assert open_landmarks(done.path).metadata == {"schema_version": 1, **METADATA}
    assert done.metadata_left_out == ()


def test_a_csv_cannot_hold_it_and_that_is_told(tmp_path: Path) -> None:
    table = write_table([rows()], tmp_path / "a.parquet", metadata=METADATA)
    done = convert(table, tmp_path / "b.csv")
    assert done.metadata_left_out == ("extractor", "settings", "clips")
    assert "left out, for a CSV has no metadata: extractor, settings, clips" in describe(done)


def test_rows_of_large_groups_go_through_files_and_are_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = rows(random_points(50), note=[f"n{row}" for row in range(50)])
    table = as_public(tmp_path / "a.parquet", batch, row_group_size=20)
    whole = bits_of(convert(table, tmp_path / "whole.parquet").path)
    monkeypatch.setattr(module, "BAND_BYTES", 100_000)
    monkeypatch.setattr(module, "BATCH_ROWS", 7)
    assert len(module._bands(open_landmarks(table))) > 2
    done = convert(table, tmp_path / "bands.parquet")
    assert bits_of(done.path) == whole == bits_of(table)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.parquet",
        "bands.parquet",
        "whole.parquet",
    ]


def test_bands_of_other_batch_lengths_stay_side_by_side() -> None:
    def band(name: str, *lengths: int) -> object:
        values = pa.array(range(sum(lengths)))
        starts = np.cumsum([0, *lengths[:-1]]).tolist()
        for start, length in zip(starts, lengths, strict=True):
            yield pa.record_batch({name: values.slice(start, length)})

    bands = [band("a", 3, 0, 4, 3), band("b", 5, 5), band("c", 1, 9)]
    table = pa.Table.from_batches(module._side_by_side(bands))
    assert table.to_pydict() == {name: list(range(10)) for name in "abc"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_one_huge_row_group_does_not_fill_the_memory(tmp_path: Path) -> None:
    values, count = np.random.default_rng(0).random(61_500, np.float32).astype(np.float64), 60_000
    keys = [pa.repeat("a.flv", count), pa.array(range(count)), pa.repeat("Sad", count)]
    points = [pa.array(values[start : start + count]) for start in range(len(POINT_COLUMNS))]
    names = ["video_filename", "frame_num", "emotion", *POINT_COLUMNS]
    table = pa.table([*keys, *points], names=names)
    pq.write_table(table, tmp_path / "a.parquet", use_dictionary=False)
    script = (
        "import sys; from mien.workflows.convert import convert; convert(*sys.argv[1:]); "
        "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    words = [sys.executable, "-c", script, tmp_path / "a.parquet", tmp_path / "b.parquet"]
    told = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    peak_mb = int(told.split()[1]) / 1024
    assert peak_mb < 850, "the group alone is 690 MB of values; its pages, twice that"
    assert pq.read_table(tmp_path / "b.parquet", columns=["z_477"])[0].to_numpy() == pytest.approx(
        values[1433 : 1433 + count]
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which Linux has")
def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = as_public(tmp_path / "a.parquet", rows())
    monkeypatch.setattr(module, "BAND_BYTES", 100_000)
    full = lambda dir: open("/dev/full", "w+b", 0)  # noqa: E731, SIM115
    monkeypatch.setattr(module.tempfile, "TemporaryFile", full)
    with pytest.raises(InputError, match=r"cannot write .*b.parquet: No space left on device"):
        convert(table, tmp_path / "b.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]


def test_a_table_that_is_there_is_kept_unless_asked(tmp_path: Path) -> None:
    table = write_table([rows()], tmp_path / "a.parquet")
    (tmp_path / "b.csv").write_text("precious")
    with pytest.raises(InputError, match=r"b.csv exists: choose another name, or --overwrite"):
        convert(table, tmp_path / "b.csv")
    assert (tmp_path / "b.csv").read_text() == "precious"
    assert convert(table, tmp_path / "b.csv", overwrite=True).rows == 16


def test_a_table_is_not_converted_onto_itself(tmp_path: Path) -> None:
    table = write_table([rows()], tmp_path / "a.parquet")
    before = table.read_bytes()
    (tmp_path / "linked.parquet").symlink_to(table)
    (tmp_path / "hard.parquet").hardlink_to(table)
    for name in ("a.parquet", "./a.parquet", "linked.parquet", "hard.parquet"):
        with pytest.raises(InputError, match="is the table itself: give"):
            convert(table, tmp_path / name, overwrite=True)
    assert table.read_bytes() == before


def damaged(path: Path) -> Path:
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 5000] = b"\xff" * 5000
    path.write_bytes(content)
    return path


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-4000])
    return path


@pytest.mark.parametrize("harm", [cut, damaged])
@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("band_bytes", [1 << 28, 100_000])
def test_a_table_that_breaks_off_gives_one_line_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: object, ending: str, band_bytes: int
) -> None:
    monkeypatch.setattr(module, "BAND_BYTES", band_bytes)
    table = harm(write_table([rows()], tmp_path / f"a.{ending}"))
    for out in ("b.parquet", "b.csv"):
        with pytest.raises(TableError, match=rf"a.{ending} cannot be read") as caught:
            convert(table, tmp_path / out)
        assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [table.name]


@pytest.mark.parametrize("band_bytes", [1 << 28, 100_000])
def test_a_conversion_that_is_stopped_leaves_the_old_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, band_bytes: int
) -> None:
    monkeypatch.setattr(module, "BAND_BYTES", band_bytes)
    table = write_table([rows()], tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_text("old")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(table, tmp_path / "b.parquet", overwrite=True, on_progress=stop)
    assert (tmp_path / "b.parquet").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.parquet", "b.parquet"]


@pytest.mark.parametrize("ending", ["parquet", "csv"])
@pytest.mark.parametrize("band_bytes", [1 << 28, 100_000])
def test_progress_rises_to_all_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, band_bytes: int
) -> None:
    monkeypatch.setattr(module, "BAND_BYTES", band_bytes)
    monkeypatch.setattr(module, "BATCH_ROWS", 5)
    table = write_table([rows()], tmp_path / f"a.{ending}")
    steps: list[tuple[str, int, int]] = []
    convert(table, tmp_path / "b.parquet", on_progress=lambda *step: steps.append(step))
    for doing in {step[0] for step in steps}:
        done = [step[1] for step in steps if step[0] == doing]
        totals = {step[2] for step in steps if step[0] == doing}
        assert done == sorted(done) and len(totals) == 1
        assert done[-1] == pytest.approx(totals.pop(), rel=0.1)
    written = {step[2] for step in steps if step[0] == "writing the table"}
    assert written == {16 if ending == "parquet" else table.stat().st_size}


def test_a_table_that_is_small_already_says_so_and_is_written(tmp_path: Path) -> None:
    table = write_table([rows()], tmp_path / "a.parquet")
    done = convert(table, tmp_path / "b.parquet")
    assert done.was_compact and bits_of(done.path) == bits_of(table)
    assert "there was nothing to save" in "\n".join(describe(done))
    wide = convert(as_public(tmp_path / "c.parquet", rows()), tmp_path / "d.parquet")
    assert not wide.was_compact and "nothing" not in "\n".join(describe(wide))


def test_what_a_csv_cannot_hold_is_named_before_anything_is_written(tmp_path: Path) -> None:
    table = write_table([rows(tags=[["a"]] * 16)], tmp_path / "a.parquet")
    with pytest.raises(TableError, match=r"column tags is list<.*a CSV cannot hold: drop it"):
        convert(table, tmp_path / "b.csv")
    assert not (tmp_path / "b.csv").exists()
    kept = convert(table, tmp_path / "b.parquet").path
    assert read_landmarks(kept).column("tags").to_pylist() == [["a"]] * 16


def test_a_category_of_pandas_is_text_in_a_csv(tmp_path: Path) -> None:
    frame = pa.Table.from_batches([rows(note=["p", "q"] * 8)]).to_pandas()
    frame["note"], frame["emotion"] = (
        frame["note"].astype("category"),
        frame["emotion"].astype("category"),
    )
    frame.to_parquet(tmp_path / "a.parquet")
    read = read_landmarks(convert(tmp_path / "a.parquet", tmp_path / "b.csv").path)
    assert read.column("note").to_pylist() == ["p", "q"] * 8
    assert read.column("emotion").to_pylist() == [None, "Happy"] * 8


def test_what_is_no_landmark_table_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    with pytest.raises((TableError, ShapeError), match="is no landmark table"):
        convert(tmp_path / "a.parquet", tmp_path / "b.csv")
    with pytest.raises(InputError, match="ends in .parquet or .csv"):
        convert(write_table([rows()], tmp_path / "c.parquet"), tmp_path / "b.txt")


def test_a_conversion_is_told_in_a_few_lines() -> None:
    types = dict.fromkeys(POINT_COLUMNS, ("float64", "float32")) | {"width_px": ("int64", "int32")}
    done = Converted(
        path=Path("small.parquet"),
        rows=556_000,
        bytes_before=4_620_000_000,
        bytes_after=2_310_000_000,
        types=types,
        largest_rounding=3e-8,
        was_compact=False,
        metadata_left_out=(),
    )
    assert list(describe(done)) == [
        "small.parquet: 556,000 rows, 4.6 GB → 2.3 GB, 50.0% saved",
        "x_0 … z_477: float64 → float32",
        "width_px: int64 → int32",
        "largest rounding of a value: 3.0e-08",
    ]
