"""Real ``lookalike index`` processes, killed at random moments or told to stop."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.cli.output import counted
from lookalike.gallery import Gallery, KnownImage, Skipped, is_gallery
from lookalike.images import content_hash, open_source
from lookalike.ingest import add_images
from lookalike.ingest.planning import Plan, make_plan

INDEXING = [sys.executable, str(Path(__file__).with_name("indexing_process.py"))]
SMALL_COMMITS, USUAL_COMMITS = [*INDEXING, "small"], [*INDEXING, "usual"]
PLAIN = [sys.executable, "-m", "lookalike"]
KILLS = 64
PICTURES = 400
BROKEN = b"no picture"

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")


class Collection:
    """A folder that keeps changing, and what is in it."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        folder.mkdir()
        self.folder = folder
        self.files: dict[str, bytes] = {}
        self._chance = chance
        self._numbers = iter(range(10**6))

    def add(self, count: int) -> None:
        """Add pictures; one in fifty is broken, one in fifty a copy."""
        for _ in range(count):
            path = f"{self._chance.randint(0, 9)}/{next(self._numbers):05d}.png"
            copied = list(self.files.values())[-1:] if self._chance.random() < 0.02 else []
            self._write(path, copied[0] if copied else self._new())

    def disturb(self) -> None:
        """Add, change, rename, swap and delete a few."""
        self.add(self._chance.randint(10, 30))
        names = self._chance.sample(sorted(self.files), 25)
        for path in names[:5]:
            self._write(path, self._new())
        for path in names[5:10]:
            self._rename(path, f"moved/{next(self._numbers):05d}.png")
        for path in names[10:20]:
            del self.files[path]
            (self.folder / path).unlink()
        one, other = names[20:22]
        first, second = self.files[one], self.files[other]
        self._write(one, second)
        self._write(other, first)
        self._rename(names[22], names[23])

    def _new(self) -> bytes:
        number = next(self._numbers)
        return BROKEN + b"%d" % number if self._chance.random() < 0.02 else picture(number)

    def _write(self, path: str, data: bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(data)
        self.files[path] = data

    def _rename(self, old: str, new: str) -> None:
        (self.folder / new).parent.mkdir(exist_ok=True)
        os.replace(self.folder / old, self.folder / new)
        self.files[new] = self.files.pop(old)

    def contents(self) -> dict[str, str]:
        """Map each readable picture to its content's hash."""
        return {
            path: content_hash(data)
            for path, data in self.files.items()
            if not data.startswith(BROKEN)
        }


def picture(number: int) -> bytes:
    """Shade a colour of its own from light to dark, 64 x 48."""
    colour = np.random.default_rng(number).integers(20, 256, 3)
    shade = np.linspace(1, 0.5, 64)[None, :, None]
    pixels = np.broadcast_to(colour * shade, (48, 64, 3)).astype(np.uint8)
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def start(program: list[str], folder: Path, gallery: Path, encoder: str) -> subprocess.Popen[str]:
    """Start an index process whose log is read from its standard error."""
    options = ["--gallery", str(gallery), "--encoder", encoder, "--threads", "2", "-v"]
    command = [*program, "index", str(folder), *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, errors="replace"
    )


def acknowledged(line: str) -> int:
    """Read how many files a line of the log declares safe; 0 for other lines."""
    found = re.search(r": committed (\d+) files of ", line)
    return int(found[1]) if found and line.endswith("\n") else 0


def expected(gallery: Path, folder: Path) -> tuple[Plan, dict[str, int]]:
    """Plan the next run as it will itself, and note who is who before it."""
    known, skipped = {}, {}
    if is_gallery(gallery):
        with Gallery.open(gallery) as opened:
            for image in opened.images():
                known[image.path] = KnownImage(
                    image.image_id, image.size_bytes, image.mtime_ns, image.content_hash
                )
        # Asking a writer would tidy up what the next process has to find.
        with closing(sqlite3.connect(gallery / "catalog.sqlite")) as catalog:
            query = "SELECT path, source_id, path, size_bytes, mtime_ns, reason FROM skipped"
            skipped = {path: Skipped(*rest) for path, *rest in catalog.execute(query)}
    plan = make_plan(open_source(folder).scan(), known, skipped)
    return plan, {path: image.image_id for path, image in known.items()}


def killed(process: subprocess.Popen[str], *, goal: int, after_s: float) -> int:
    """Kill a process some time after it has declared ``goal`` files safe.

    Returns:
        How many files it had declared safe.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    safe, said = 0, []
    while safe < goal and (line := process.stderr.readline()):
        said.append(line)
        safe = max(safe, acknowledged(line))
    time.sleep(after_s)
    process.kill()
    said += process.stderr.readlines()
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()
    assert process.wait() == -signal.SIGKILL, "".join(said)
    return max(map(acknowledged, said), default=0)


def check_nothing_is_lost(
    gallery: Path, contents: dict[str, str], plan: Plan, ids: dict[str, int], safe: int
) -> None:
    """Check what was there before and what was declared safe since, and every invariant."""
    if not is_gallery(gallery):
        assert safe == 0
        return
    with Gallery.open(gallery) as opened:
        report = opened.verify()
        assert report.is_clean, report.problems
        images = {image.path: image for image in opened.images()}
    for path in plan.unchanged:
        assert images[path].image_id == ids[path]
    for path in [*plan.unchanged, *(ref.path for ref in plan.to_read[:safe])]:
        if path in contents:
            assert images[path].content_hash == contents[path]
        else:  # what turned unreadable is forgotten last of all
            assert path not in images or path in ids


def everything(gallery: Gallery) -> tuple[dict[str, str], np.ndarray]:
    """Read paths with contents, and the embeddings in the order of the paths."""
    images = sorted(gallery.images(), key=lambda image: image.path)
    rows = gallery.embeddings([image.image_id for image in images])
    return {image.path: image.content_hash for image in images}, rows


def test_no_kill_loses_what_was_declared_safe(
    tmp_path, encoder, encoder_name, aligned, monkeypatch
):
    monkeypatch.setenv("STAYS", "1")  # how many kills meet a process is no matter of chance
    chance = random.Random(2026)
    collection = Collection(tmp_path / "photos", chance)
    gallery = tmp_path / "gallery"
    collection.add(PICTURES)
    cut_short = 0
    for turn in range(KILLS):
        program = USUAL_COMMITS if turn % 4 == 3 else SMALL_COMMITS
        moment = ("start", "commit", "end")[turn % 3]
        plan, ids = expected(gallery, collection.folder)
        total = len(plan.to_read)
        goal = {"start": 0, "commit": chance.randint(1, total), "end": total}[moment]
        after_s = chance.uniform(0, {"start": 0.5, "commit": 0.02, "end": 0.06}[moment])
        process = start(program, collection.folder, gallery, encoder_name)
        safe = killed(process, goal=goal, after_s=after_s)
        cut_short += safe < total
        check_nothing_is_lost(gallery, collection.contents(), plan, ids, safe)
        collection.disturb()
    assert cut_short > 0  # as a rule two thirds; the others met the end of their work

    last = start(PLAIN, collection.folder, gallery, encoder_name)
    _, errors = last.communicate(timeout=300)
    assert last.returncode == 0, errors
    with (
        Gallery.open(gallery) as survivor,
        Gallery.create(tmp_path / "fresh", encoder.space) as fresh,
    ):
        add_images(fresh, collection.folder, encoder)
        aligned(survivor, encoder)
        assert survivor.verify().leftovers == ()
        contents, rows = everything(survivor)
        fresh_contents, fresh_rows = everything(fresh)
        assert contents == fresh_contents == collection.contents()
        np.testing.assert_array_equal(rows, fresh_rows)


def test_an_interrupted_process_says_so_and_the_next_goes_on(
    tmp_path, encoder, encoder_name, aligned, monkeypatch
):
    monkeypatch.setenv("PAUSE_S", "0.2")  # the signal comes while much is left to do
    collection = Collection(tmp_path / "photos", random.Random(1))
    collection.add(PICTURES)
    gallery = tmp_path / "gallery"
    process = start(SMALL_COMMITS, collection.folder, gallery, encoder_name)
    assert process.stderr is not None
    safe = 0
    while not safe and (line := process.stderr.readline()):
        safe = acknowledged(line)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "Traceback" not in errors
    with Gallery.open(gallery) as opened:
        kept = len(opened)
        assert f" {counted(kept, 'picture')} safe" in errors
        assert safe - 8 <= kept < len(collection.contents())
        aligned(opened, encoder)
    again = start(PLAIN, collection.folder, gallery, encoder_name)
    told, _ = again.communicate(timeout=300)
    assert again.returncode == 0
    assert re.search(rf"\badded +{len(collection.contents()) - kept}\b", told)
    assert re.search(rf"\bunchanged +{kept}\b", told)
