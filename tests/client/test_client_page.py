"""The client's page is true: its snippets run against a server."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lookalike import Client
from lookalike.client import find_record
from lookalike.demonstration import render_collection

pytest.importorskip("fastapi")

PROJECT = Path(__file__).resolve().parent.parent.parent
PAGE = PROJECT / "docs" / "client.md"


@pytest.fixture
def refresh():
    """What plays pages."""
    spec = importlib.util.spec_from_file_location(
        "refresh_outputs", PROJECT / "docs" / "refresh_outputs.py"
    )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def home(refresh, tmp_path, monkeypatch):
    """A home folder whose photos are served where the client asks."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    render_collection(tmp_path / "collection", pictures=48)
    render_collection(tmp_path / "others", pictures=48, seed=7)
    refresh.make_home(tmp_path / "home", tmp_path / "collection", tmp_path / "others")
    photos = tmp_path / "home" / "photos"
    program = [sys.executable, "-m", "lookalike"]
    subprocess.run([*program, "index", str(photos), "-q"], check=True)
    with subprocess.Popen([*program, "serve", str(photos), "--port", "0", "-q"]) as server:
        until = time.monotonic() + 30
        while (record := find_record(photos / ".lookalike")) is None:
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.02)
        monkeypatch.setattr(Client.__init__, "__defaults__", (record.url,))
        yield tmp_path / "home"
        server.terminate()


def test_every_snippet_runs(refresh, home):
    played = refresh.Player(home).played(PAGE.read_text(encoding="utf-8"))
    assert "allowed of" in played
    assert "query.jpg: added" in played
    assert "cup-001.jpeg: already_there" in played
    assert "ImageNotInGallery" in played


def test_every_public_method_stands_on_the_page():
    page = PAGE.read_text(encoding="utf-8")
    for name in vars(Client):
        if not name.startswith("_") and name != "gallery":
            assert f"`{name}" in page or f"client.{name}(" in page, name
