"""extract, train and predict open no connection: each attempt is refused, and none is made."""

import subprocess
import sys
from pathlib import Path

import pytest

REFUSE_AND_TELL = """
import socket, sys

def refuse(name):
    def call(*args, **kwargs):
        print("network:", name, args[1:], file=sys.stderr)
        raise OSError("the test refuses the network")
    return call

for name in ("connect", "connect_ex", "sendto", "sendmsg", "bind"):
    setattr(socket.socket, name, refuse(name))
for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection"):
    setattr(socket, name, refuse(name))
from mien.cli import main
main()
"""


def run_refused(*words: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", REFUSE_AND_TELL, *words], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert "network:" not in ran.stderr, ran.stderr


def in_empty_namespace(*words: str) -> subprocess.CompletedProcess[str]:
    """Run in a network namespace without any interface: native code is refused too."""
    command = ["unshare", "--map-root-user", "--net", sys.executable, "-m", "mien.cli", *words]
    return subprocess.run(command, capture_output=True, text=True)


def journey(run: object, sample: Path, folder: Path) -> None:
    table, model = str(folder / "t.parquet"), str(folder / "model")
    run("extract", str(sample), "-o", table)  # type: ignore[operator]
    run("train", table, "--recipe", "seed", "-o", model, "--epochs", "2")  # type: ignore[operator]
    run("predict", table, "--model", model, "-o", str(folder / "p.csv"))  # type: ignore[operator]


@pytest.mark.slow
def test_python_code_asks_for_no_connection(tmp_path: Path, clips: list[Path]) -> None:
    journey(run_refused, clips[0].parent, tmp_path)


@pytest.mark.slow
def test_all_works_where_there_is_no_network(tmp_path: Path, clips: list[Path]) -> None:
    if sys.platform != "linux" or in_empty_namespace("--version").returncode != 0:
        pytest.skip("needs Linux with user namespaces")

    def run(*words: str) -> None:
        ran = in_empty_namespace(*words)
        assert ran.returncode == 0, ran.stderr

    journey(run, clips[0].parent, tmp_path)
