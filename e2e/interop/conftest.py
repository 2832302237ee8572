"""The server of a file of tests.

It must never outlive them.
"""

from collections.abc import Iterator

import pytest

from server import Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server()
    yield started
    assert started.stop() == 0, "SIGTERM ends the server with 0"
