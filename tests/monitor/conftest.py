"""A store for each test: a file, and for the slow ones a PostgreSQL server too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.monitor.journal import Journal
from tests.monitor.hosts import Host
from tests.monitor.postgres import Server


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.remove()


@pytest.fixture(params=["file", pytest.param("server", marks=pytest.mark.slow)])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return str(tmp_path / "ward.db")
    server: Server = request.getfixturevalue("server")
    return server.new_database()


@pytest.fixture
def journal(address: str) -> Iterator[Journal]:
    with Journal.open(address) as journal:
        yield journal


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    host = Host(tmp_path / "ward.db")
    yield host
    host.kill()
