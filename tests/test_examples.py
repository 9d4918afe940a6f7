"""The gallery runs, in its order, from one empty folder."""

import subprocess
import sys
from pathlib import Path

import pytest

import mien

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("[0-9][0-9]_*.py"))


@pytest.mark.slow
def test_the_gallery_runs_in_order(tmp_path: Path) -> None:
    for example in EXAMPLES:
        ran = subprocess.run(
            [sys.executable, "-W", "error", str(example)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, f"{example.name}: {ran.stderr}"
        assert ran.stdout.strip(), f"{example.name} prints nothing"
        assert not ran.stderr, f"{example.name}: {ran.stderr}"


def test_every_verb_of_the_library_has_an_example() -> None:
    code = "\n".join(path.read_text("utf-8") for path in EXAMPLES)
    live_or_whole = {"record", "demo"}  # a camera; the examples together
    verbs = set(mien.__all__) - {"__version__"} - live_or_whole
    assert not [verb for verb in verbs if f"mien.{verb}(" not in code]
