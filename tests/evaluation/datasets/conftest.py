"""A folder for data sets of its own for each test, and no network."""

from __future__ import annotations

import hashlib
import json
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lookalike.encoders.weights.reach import why_out_of_reach
from lookalike.evaluation.datasets import fetching, known, pulling

sys.path.insert(0, str(Path(__file__).parent))
from loopback_web import Web, running_web


@pytest.fixture(autouse=True)
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where data sets are kept during the test; empty."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LOOKALIKE_DATASETS", str(tmp_path / "datasets"))
    monkeypatch.delenv("LOOKALIKE_OFFLINE", raising=False)
    return tmp_path / "datasets"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give a server of this machine more time than those of the web: it may be a busy one."""
    monkeypatch.setattr(fetching, "why_out_of_reach", partial(why_out_of_reach, timeout_s=60.0))
    monkeypatch.setattr(pulling, "PROBE_S", 60.0)


@pytest.fixture
def closed_port() -> Iterator[str]:
    """An address at which nobody answers, and nobody else comes to meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def web() -> Iterator[Web]:
    """A server on this machine."""
    with running_web() as running:
        yield running


@pytest.fixture
def facts_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Replace what is known of a set by the facts of a small one."""

    def replace(name: str, files: list[Path], *, web: str = "", **changed: Any) -> None:
        entries = json.loads(known.FACTS.read_text(encoding="utf-8"))
        address = web or "http://127.0.0.1:9"
        for entry in entries:
            if entry["name"] == name:
                entry |= changed
                entry["variants"] = [[facts(file, address) for file in files]]
        (tmp_path / "facts.json").write_text(json.dumps(entries))
        monkeypatch.setattr(known, "FACTS", tmp_path / "facts.json")
        known.known_sets.cache_clear()

    yield replace
    known.known_sets.cache_clear()


def facts(file: Path, address: str) -> dict[str, Any]:
    return {
        "name": file.name,
        "size": file.stat().st_size,
        "md5": hashlib.md5(file.read_bytes()).hexdigest(),
        "addresses": [f"{address}/{file.name}"],
    }
