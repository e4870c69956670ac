"""A folder for data sets of its own for each test, and no network."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lookalike.evaluation.datasets import known

sys.path.insert(0, str(Path(__file__).parent))
from loopback_web import Web, running_web


@pytest.fixture(autouse=True)
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where data sets are kept during the test; empty."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LOOKALIKE_DATASETS", str(tmp_path / "datasets"))
    monkeypatch.delenv("LOOKALIKE_OFFLINE", raising=False)
    return tmp_path / "datasets"


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
