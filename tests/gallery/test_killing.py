"""Writers killed without a chance to clean up."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lookalike.gallery import Gallery
from lookalike.vectors import EmbeddingSpace

SCRIPT = Path(__file__).with_name("dying_writer.py")
KILLS = 15

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")


def dies_at(gallery: Path, operation: str, step: str) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(gallery), operation, step],
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def paths(gallery: Gallery) -> list[str]:
    return [image.path for image in gallery.images()]


@pytest.mark.parametrize(
    "step",
    [
        "half-written segment",
        "before rename",
        "after rename",
        "segment written",
        "in transaction",
        "before commit",
    ],
)
def test_a_commit_killed_before_its_end_never_was(filled: Gallery, step: str) -> None:
    before = list(filled.images())
    dies_at(filled.path, "commit", step)
    assert list(filled.images()) == before
    report = filled.verify()
    assert report.is_clean
    assert len(report.leftovers) == 1
    filled.writer().close()
    assert filled.verify().leftovers == ()
    assert filled.verify().is_clean


def test_a_commit_killed_after_its_end_is_there(filled: Gallery) -> None:
    dies_at(filled.path, "commit", "after commit")
    assert paths(filled) == ["north.jpg", "between.jpg", "new.jpg"]
    assert filled.generation == 3
    assert filled.verify().is_clean
    assert filled.verify().leftovers == ()


@pytest.mark.parametrize(
    "step", ["before rename", "segment written", "in transaction", "before commit", "after commit"]
)
def test_a_killed_compaction_loses_nothing(filled: Gallery, step: str) -> None:
    with filled.writer() as writer:
        writer.commit(removed=[2])
    before = list(filled.images())
    rows = filled.embeddings([1, 3]).tolist()
    dies_at(filled.path, "compact", step)
    assert list(filled.images()) == before
    assert filled.embeddings([1, 3]).tolist() == rows
    assert filled.verify().is_clean
    filled.writer().close()
    assert filled.verify().leftovers == ()


@pytest.mark.parametrize("step", ["half-made catalog", "whole catalog"])
def test_a_killed_creation_can_be_repeated(
    tmp_path: Path, space: EmbeddingSpace, step: str
) -> None:
    dies_at(tmp_path / "g", "create", step)
    with Gallery.open_or_create(tmp_path / "g", space) as gallery:
        assert gallery.verify().is_clean
        assert gallery.verify().leftovers == ()


def test_kills_at_random_moments_lose_nothing_acknowledged(gallery: Gallery, photos: Path) -> None:
    with gallery.writer() as writer:
        writer.add_source("folder", str(photos))
    chance = random.Random(20)
    expected: set[str] = set()
    gone: set[str] = set()
    generation = gallery.generation
    for run in range(KILLS):
        for said in killed_loop(gallery.path, run, after_s=chance.uniform(0.0, 0.4)):
            assert said["generation"] > generation
            generation = said["generation"]
            expected |= set(said["added"])
            gone |= set(said["removed"])
        report = gallery.verify()
        assert report.problems == ()
        present = set(paths(gallery))
        missing = {path for path in expected - gone - present if not in_flight(path)}
        assert missing == set()
        assert present & gone == set()
        assert gallery.generation >= generation
    assert len(expected) > KILLS  # the loops came to commit something


def in_flight(path: str) -> bool:
    """Whether the change that was cut off may have renamed or removed this path."""
    return path.endswith(("moves", "goes"))


def killed_loop(gallery: Path, run: int, *, after_s: float) -> list[dict[str, object]]:
    """Let a writer commit, kill it some time after its first word, return all it said."""
    command = [sys.executable, str(SCRIPT), str(gallery), "loop", str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(after_s)
        process.kill()
        rest = process.stdout.read().splitlines(keepends=True)
    return [json.loads(line) for line in [first, *rest] if line.endswith(b"\n")]
