"""Servers that answer as a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from canned_server import Canned


@pytest.fixture
def canned() -> Iterator[Callable[..., Canned]]:
    made: list[Canned] = []

    def make(*connections: list[bytes]) -> Canned:
        made.append(Canned(*connections))
        return made[-1]

    yield make
    for server in made:
        server.close()
