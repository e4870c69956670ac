"""A disk that uploads have filled: pictures can still be removed, and others are taken again."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

pytest.importorskip("fastapi")

import serving
from lookalike.encoders import Encoder
from lookalike.errors import StorageFull, UsageError
from lookalike.gallery import Gallery
from lookalike.ingest import add_images
from lookalike.server.settings import ServerSettings
from lookalike.server.uploads import room
from lookalike.server.uploads.room import require_room
from uploading import GREEN, files_of, noisy, sent

if TYPE_CHECKING:
    from conftest import Reply, Served

own_settings, start = serving.own_settings, serving.start

MIB = 2**20


class Disk(NamedTuple):
    """What ``shutil.disk_usage`` tells."""

    total: int
    used: int
    free: int


@pytest.fixture
def small_gallery(tmp_path: Path, photos: Path, encoder: Encoder) -> Iterator[Gallery]:
    """The five colours on a disk of 4 MiB, in memory; skips where mounting is not allowed."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("mounting needs root")
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        with Gallery.create(disk / "g", encoder.space) as made:
            add_images(made, photos, encoder)
            yield made
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def filled(served: Served) -> Reply:
    """Send ever smaller pictures until not one more is taken; give the last answer."""
    seed = 0
    for side in (400, 100, 30):
        answer = sent(served, (f"{seed}.jpg", noisy(side, seed)))
        while answer.status == 201:
            seed += 1
            answer = sent(served, (f"{seed}.jpg", noisy(side, seed)))
    return answer


def test_of_a_disk_that_uploads_have_filled_pictures_can_be_removed(
    small_gallery: Gallery, serve_over: Callable[..., Served]
) -> None:
    served = serve_over(small_gallery, keep_free_bytes=MIB)
    refused = filled(served)
    before = len(files_of(served))
    removed = [served.delete(f"{served.base}/images/{number}") for number in (6, 7, 8, 9)]
    after = len(files_of(served))
    again = sent(served, ("0.jpg", noisy(400, 0)))

    assert refused.status == 507
    assert refused.json()["error"] == "StorageFull"
    assert "1.0 MiB stay so, since removing pictures needs some" in refused.json()["detail"]
    assert [answer.status for answer in removed] == [200, 200, 200, 200]
    assert after == before - 4
    assert again.status == 201
    assert small_gallery.verify().is_clean


@pytest.mark.parametrize("words", [("remove", "--id", "1", "--gallery"), ("compact",)])
def test_where_another_program_fills_the_disk_a_command_says_so_in_one_sentence(
    small_gallery: Gallery, words: tuple[str, ...]
) -> None:
    with small_gallery.writer() as writer:
        writer.commit(removed=[2])
    with open(small_gallery.path.parent / "filler", "wb", buffering=0) as file:
        for size in (65536, 512, 1):
            try:
                while file.write(b"x" * size):
                    pass
            except OSError:
                continue
    command = [sys.executable, "-m", "lookalike", *words, str(small_gallery.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 1
    assert done.stderr.startswith("lookalike: There is no room left to write to the gallery")
    assert done.stderr.count("\n") == 1
    assert len(small_gallery) == 4
    assert small_gallery.verify().is_clean


def test_uploads_are_refused_while_the_disk_is_too_full(
    serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(keep_free_bytes=MIB)
    with monkeypatch.context() as patched:
        patched.setattr(room.shutil, "disk_usage", lambda _: Disk(9 * MIB, 8 * MIB + 1, MIB - 1))
        refused = sent(served, ("green.png", GREEN))
        left = files_of(served)
        removed = served.delete(f"{served.base}/images/1")
        patched.setattr(room.shutil, "disk_usage", lambda _: Disk(9 * MIB, 8 * MIB, MIB))
        taken = sent(served, ("green.png", GREEN))

    assert (refused.status, removed.status, taken.status) == (507, 200, 201)
    assert left == []


@pytest.mark.parametrize(
    ("total", "keep", "wanted"),
    [(1000, None, 50), (100_000, None, 64), (1000, 70, 70), (100_000, 10, 10)],
)
def test_so_much_stays_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, total: int, keep: int | None, wanted: int
) -> None:
    kept = None if keep is None else keep * MIB

    def free(free_bytes: int) -> None:
        disk = Disk(total * MIB, total * MIB - free_bytes, free_bytes)
        monkeypatch.setattr(room.shutil, "disk_usage", lambda _: disk)

    free(wanted * MIB)
    require_room(tmp_path, kept)
    free(wanted * MIB - 1)
    with pytest.raises(StorageFull, match=rf"{wanted}\.0 MiB stay so"):
        require_room(tmp_path, kept)


def test_a_disk_that_does_not_tell_its_size_is_not_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: Disk(0, 0, 0))
    require_room(tmp_path, 10 * MIB)


def test_the_command_line_says_how_much_stays_free(gallery: Gallery, start: serving.Start) -> None:
    server = start(gallery.path, "--keep-free", "1000000TB")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    path = "/api/v1/galleries/colours/images"
    connection.request("POST", path, GREEN, {"Content-Type": "image/png"})
    answer = connection.getresponse()
    told = answer.read().decode()
    connection.close()

    assert answer.status == 507
    assert "stay so, since removing pictures needs some" in told


def test_nothing_is_no_amount_to_keep_free(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="keep_free_bytes is 0"):
        ServerSettings({"photos": tmp_path}, keep_free_bytes=0)
