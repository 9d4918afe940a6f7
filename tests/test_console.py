"""What is printed is plain: no name steers the terminal, no failure shows a trace."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from mien import cli, console
from mien.tables import write_table
from mien.workflows.evaluate import evaluate
from mien.workflows.overlay import OverlayResult
from tests.emotion.tables import write_people

HOSTILE = "[red]a[/] :smile: \x1b[2J\nb\r\\[/]"
SHOWN = "[red]a[/] :smile: \\x1b[2J\\nb\\r\\[/]"


@pytest.mark.parametrize("stream", ["out", "err"])
def test_any_text_is_printed_as_it_is_and_control_characters_as_escapes(
    capsys: pytest.CaptureFixture[str], stream: str
) -> None:
    {"out": console.say, "err": console.warn}[stream](HOSTILE)
    assert getattr(capsys.readouterr(), stream) == SHOWN + "\n"


def test_a_failure_and_an_error_are_one_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    console.failed(HOSTILE, HOSTILE)
    console.error(HOSTILE)
    assert capsys.readouterr().err == f"failed: {SHOWN}: {SHOWN}\nerror: {SHOWN}\n"


@pytest.mark.parametrize("hurry_s", [0.0, 60.0])
def test_without_a_terminal_long_work_says_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, hurry_s: float
) -> None:
    monkeypatch.setattr(console, "LINE_EVERY_S", hurry_s)
    with console.StepProgress() as steps, console.FrameProgress() as frames:
        steps(HOSTILE, 3, 12)
        steps("of nothing", 0, 0)
        frames._shown_s -= 1
        frames.advance(1200)
    said = capsys.readouterr().err.splitlines()
    if hurry_s:
        assert said == []
    else:
        assert said[:2] == [f"{SHOWN}: 25%", "of nothing: 0%"]
        assert said[2].startswith("extracting: 1,200 frames, ") and len(said) == 3


def test_a_skipped_clip_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    result = OverlayResult(missing_clips=[HOSTILE])
    console.show_overlay(result)
    assert capsys.readouterr().err == f"skipped: {SHOWN}: not in the folder of videos\n"


def test_recipes_are_compared_and_probabilities_judged_on_people_never_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_people(tmp_path / "p.parquet", people=6, frames=2)
    results = evaluate(table, recipe="logistic", folds=2, beside=()).results
    console.show_scores(results)
    printed = capsys.readouterr().out
    start = printed.index("On the same clips; below, differences from logistic:")
    compared, judged = printed[start:].rstrip().rsplit("\n\n", 1)
    assert [line.split()[0] for line in compared.split("\n")[2:4]] == ["logistic", "majority"]
    assert results.honest is not None
    found = results.honest.measures
    assert found is not None
    assert found.sets is not None
    ece, sets = judged.split("\n")
    assert ece.startswith(f"Probabilities (temperature): ECE {found.reliability.ece.value:.3f}")
    assert sets.startswith(f"90 % sets hold the true label {100 * found.sets.coverage.value:.1f} %")
    assert f"with {found.sets.mean_size.value:.2f} labels on average" in sets
    surest = next(point.accuracy for point in found.selective.at if point.coverage == 0.7)
    assert f"the surest 70 % of clips, it is right {100 * surest.value:.1f} %" in sets


def test_enrolment_is_printed_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = write_people(tmp_path / "p.parquet", clips_each=4, emotions=("Happy", "Neutral"))
    results = evaluate(table, recipe="facs", folds=2, beside=(), enrol=True).results
    console.show_scores(results)
    apart = capsys.readouterr().out.rstrip().rsplit("\n\n", 1)[1].split("\n")
    assert apart[0].startswith("Apart from all other scores, for it needs a recording")
    assert apart[1].startswith("Of 4 people held out 4 have 5 or more Neutral frames")
    assert "of their other 12 clips are answered rightly; without, " in apart[2]


def test_where_nobody_is_held_out_nothing_is_compared_or_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_people(tmp_path / "p.parquet", people=1)
    console.show_scores(evaluate(table, hidden_units=4, epochs=1).results)
    printed = capsys.readouterr().out
    assert "End of each clip, label by label" in printed
    assert printed.rstrip().endswith("a moment later.")
    assert "ECE" not in printed


@pytest.fixture
def end(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """A function: an error that escapes a verb to the exit code and what is printed."""

    def go(error: BaseException) -> tuple[object, str]:
        def app() -> None:
            raise error

        monkeypatch.setattr(cli.base, "app", app)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return ended.value.code, printed.out + printed.err

    return go


def test_an_error_of_the_system_is_one_line_with_code_2(end) -> None:
    error = OSError(28, "No space left on device", "/data/t.parquet")
    assert end(error) == (2, "error: /data/t.parquet: No space left on device\n")
    assert end(OSError("odd\nnews")) == (2, "error: odd news\n")
    assert end(OSError()) == (2, "error: OSError\n")


def test_an_error_of_the_system_shows_no_password(end) -> None:
    code, printed = end(OSError(5, "Input/output error", "rtsp://nurse:secret@camera/bed3"))
    assert (code, printed) == (2, "error: rtsp://camera/bed3: Input/output error\n")


def test_a_reader_that_has_enough_ends_the_command_quietly(end) -> None:
    assert end(BrokenPipeError(32, "Broken pipe"))[1] == ""


@pytest.fixture
def table(tmp_path: Path, landmarks: pa.Table) -> Path:
    names = pa.array(["clip–é\x1b[2J.flv"] * 3)
    return write_table(
        landmarks.slice(0, 3).set_column(0, "video_filename", names), tmp_path / "t.parquet"
    )


def mien(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    words = (sys.executable, "-m", "mien.cli", *map(str, words))
    return subprocess.run(words, stderr=subprocess.PIPE, text=True, **options)


def test_a_terminal_that_knows_no_unicode_gets_escapes(table: Path) -> None:
    ran = mien(
        "inspect",
        table,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "COLUMNS": "200"},
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "clip\\u2013\\xe9\\x1b[2J.flv" in ran.stdout


def test_a_closed_pipe_prints_no_trace(table: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert mien("inspect", table, stdout=writing).stderr == ""
    finally:
        os.close(writing)
