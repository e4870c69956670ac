"""Disks that are full or read-only."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest


def test_a_gallery_on_a_read_only_disk_is_searched_but_not_changed(
    lookalike, indexed, small_disk, tmp_path
):
    disk = small_disk("size=4m")
    shutil.copytree(indexed, disk / "photos")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for words in ("search photos/red.png", "info", "verify"):
        assert lookalike(*words.split(), "--gallery", disk / "photos").code == 0
    for words in ("index", "compact", "remove disk/photos/red.png"):
        done = lookalike(*words.split(), "--gallery", disk / "photos")
        assert (done.code, done.out) == (1, "")
        assert "cannot be written (Read-only file system)" in done.err
        assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        "index photos --report disk/r.csv",
        "index photos --log-file disk/log",
        "search photos/red.png --gallery photos --sheet disk/s.jpg",
        "demo disk/demo",
    ],
)
def test_files_on_a_read_only_disk_are_wrong_usage(lookalike, indexed, small_disk, words):
    small_disk("size=1m,ro")
    done = lookalike(*words.split())
    assert (done.code, done.out) == (2, "")
    assert "read-only" in done.err.lower()


def fill(file: Path) -> None:
    """Write until the disk is full."""
    with open(file, "wb", buffering=0) as ballast, suppress(OSError):
        while ballast.write(bytes(4096)):
            continue


def test_a_full_disk_keeps_the_gallery_as_it_was(
    lookalike, photos, encoder, small_disk, paint, tmp_path
):
    disk = small_disk("size=1m")
    lookalike("index", photos, "--encoder", encoder, "--gallery", disk / "g")
    fill(disk / "ballast")
    for number in range(300):
        paint(tmp_path / "more" / f"{number} {'x' * 200}.png", (number % 256, 5, number // 256))
    done = lookalike("index", "more", "--gallery", disk / "g")
    assert done.code == 1
    assert "There is no room left" in done.err
    assert done.err.count("\n") == 1
    (disk / "ballast").unlink()
    assert lookalike("verify", "--gallery", disk / "g").out.startswith("clean: 4 images")


def test_no_room_for_a_new_gallery_leaves_nothing(lookalike, photos, encoder, small_disk):
    disk = small_disk("size=16k")
    done = lookalike("index", photos, "--encoder", encoder, "--gallery", disk / "g")
    assert done.code == 1
    assert "There is no room left" in done.err
    assert not list(disk.iterdir())


def test_a_sheet_that_does_not_fit_is_told_after_the_results(lookalike, indexed, small_disk):
    disk = small_disk("size=64k")
    done = lookalike("search", "--id", 1, "--gallery", indexed, "--sheet", disk / "s.bmp")
    assert done.code in {1, 2}
    assert len(done.out.splitlines()) == 4
    assert "No space left on device" in done.err
