"""mien fetch on the command line: what it prints, its exit codes, its one-line errors."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien import cli
from mien.corpora import crema_d
from tests.corpora.public_servers import PublicServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PublicServer]:
    with PublicServer() as server:
        servers = (f"{server.address}/crema.git/info/lfs",)
        here = crema_d.Repository(f"{server.address}/raw", servers)
        monkeypatch.setattr(crema_d, "CREMA_D", here)
        yield server


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run the command in this process: exit code, output, errors."""

    def go(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["mien", "fetch", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return go


def test_the_table_s_licence_and_citation_are_printed(server: PublicServer, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    server.list_file("emotion_landmark_dataset.parquet", b"PAR1")
    command = [sys.executable, "-m", "mien.cli", "fetch", "-o", str(tmp_path)]
    environment = {**os.environ, "HF_ENDPOINT": server.address, "HF_TOKEN": "hf_S3CRET"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (tmp_path / "emotion_landmark_dataset.parquet").read_bytes() == b"PAR1"
    out = " ".join(ran.stdout.split())
    assert "licence: apache-2.0" in out and "cite: PSewmuthu. Optimized 478-Point" in out
    assert "cite: @misc{VideoEmotionDataset" in out
    assert "S3CRET" not in str(server.log)


def test_clips_that_are_not_there_end_with_3(run, server: PublicServer, tmp_path: Path) -> None:
    server.add_clip("1001_DFA_ANG_XX.flv", b"video")
    code, out, errors = run("--clips", "1001_DFA_ANG_XX", "1099_DFA_ANG_XX.flv", "-o", tmp_path)
    assert code == 3
    assert "1001_DFA_ANG_XX.flv: 0.0 MB, fetched" in out and "licence: ODbL 1.0" in out
    assert errors.startswith("failed: 1099_DFA_ANG_XX.flv: CREMA-D has no such clip: a name is")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["1001_DFA_ANG_XX"], "--clips NAME… takes names"),
        (["--clips"], "--clips NAME… takes names"),
        (["--clips", "../x"], "names no CREMA-D clip"),
        (["--clips", "1001_DFA_ANG_XX", "--csv"], "do not fit"),
    ],
)
def test_wrong_use_is_one_line_and_code_2(
    run, server: PublicServer, words: list[str], said: str
) -> None:
    code, out, errors = run(*words)
    assert (code, out) == (2, "") and server.log == []
    assert errors.startswith("error: ") and said in errors and errors.count("\n") == 1
