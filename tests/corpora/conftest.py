"""Web services on this computer."""

from collections.abc import Iterator

import pytest

from tests.corpora.public_servers import PublicServer


@pytest.fixture
def server() -> Iterator[PublicServer]:
    with PublicServer() as server:
        yield server
