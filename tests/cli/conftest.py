"""A tiny encoder, a few plain pictures, and two ways to run the program."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from lookalike.cli.main import run

sys.path.insert(0, str(Path(__file__).parent.parent))
from networks import write_mean_colour

# The encoder's embedding is the mean colour times (1, 2, 4), at unit length.
OPTIONS = "?size=8&resize=8&mean=0&std=1&output=embedding"
RED, GREEN, BLUE, YELLOW = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)


@dataclass(frozen=True)
class Outcome:
    """What one run of the program did."""

    code: int
    out: str
    err: str


Program = Callable[..., Outcome]
Paint = Callable[..., Path]


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of the mean-colour encoder."""
    return f"onnx:{write_mean_colour(tmp_path_factory.mktemp('encoder') / 'net.onnx')}{OPTIONS}"


@pytest.fixture
def paint() -> Paint:
    """Write a picture of one colour."""

    def write(file: Path, colour: tuple[int, int, int]) -> Path:
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 8), colour).save(os.fsencode(file), format="PNG")
        return file

    return write


@pytest.fixture
def photos(tmp_path: Path, paint: Paint) -> Path:
    """Four pictures; the current folder is above them."""
    for name, colour in [("red", RED), ("green", GREEN), ("blue", BLUE), ("yellow", YELLOW)]:
        paint(tmp_path / "photos" / f"{name}.png", colour)
    return tmp_path / "photos"


@pytest.fixture
def lookalike(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Program:
    """Run a command in this process, in the test's folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging, "raiseExceptions", True)

    def call(*words: str | Path | int) -> Outcome:
        capsys.readouterr()
        code = run([str(word) for word in words])
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return call


@pytest.fixture
def indexed(lookalike: Program, photos: Path, encoder: str) -> Path:
    """The four pictures in a gallery inside their folder."""
    assert lookalike("index", photos, "--encoder", encoder).code == 0
    return photos


@pytest.fixture
def process(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run a command as a process of its own, in the test's folder; output stays bytes."""

    def call(
        *words: str | bytes | Path, environment: dict[str, str | None] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        wanted = {**os.environ, **(environment or {})}
        return subprocess.run(
            [sys.executable, "-m", "lookalike", *words],
            cwd=tmp_path,
            env={name: value for name, value in wanted.items() if value is not None},
            capture_output=True,
            check=False,
            timeout=120,
        )

    return call


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a small file system in memory; skips where that is not allowed."""
    place = tmp_path / "disk"

    def mount(options: str) -> Path:
        place.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if os.name != "posix" or os.geteuid() != 0:
            pytest.skip("mounting needs root")
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("mounting is not allowed here")
        return place

    yield mount
    if os.path.ismount(place):
        subprocess.run(["umount", "--lazy", str(place)], check=True)
