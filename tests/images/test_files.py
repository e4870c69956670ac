"""Reading files, hashing them, thumbnails, and what the room exports."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import lookalike.images
from lookalike.errors import ImageUnreadable, UsageError
from lookalike.images import content_hash, decode, read_file, thumbnail, thumbnail_jpeg


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"bytes" * 1000)
    assert read_file(str(tmp_path / "a")) == b"bytes" * 1000


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place, words in [
        (tmp_path / "gone", "it is not there"),
        (tmp_path, "it is a folder"),
        (tmp_path / "pipe", "it is a pipe, socket or device"),
        (Path("/dev/zero"), "it is a pipe, socket or device"),
        (tmp_path / "gone" / "a", "it is not there"),
        (tmp_path / ("n" * 300), "file name too long"),
    ]:
        with pytest.raises(ImageUnreadable, match=rf"Cannot read '{place}': {words}\."):
            read_file(str(place))
    with pytest.raises(ImageUnreadable, match="embedded null byte"):
        read_file("a\0b")


def test_a_forbidden_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(ImageUnreadable, match="its permissions forbid it"):
        read_file(str(tmp_path / "a"))


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with open(tmp_path / "disk.jpg", "wb") as file:
        file.truncate(2**30 + 1)
    with pytest.raises(ImageUnreadable, match="1073741825 bytes are more than"):
        read_file(str(tmp_path / "disk.jpg"))


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    gc.collect()  # what others left open is closed now, not in between
    before = set(os.listdir("/proc/self/fd"))
    for place in [tmp_path / "a", tmp_path, Path("/dev/zero")] * 3:
        try:
            read_file(str(place))
        except ImageUnreadable:
            continue
    assert set(os.listdir("/proc/self/fd")) <= before


def test_the_content_hash_is_blake2b_of_128_bits() -> None:
    # b2sum -l 128 of an empty file, and of the three bytes "abc".
    assert content_hash(b"") == "cae66941d9efbd404e4d88758ea67670"
    assert content_hash(b"abc") == "cf4ab791c62b8d2b2109c90275287816"


def test_a_thumbnail_fits_and_keeps_its_shape() -> None:
    picture = decode(np.zeros((50, 200), np.uint8))
    assert thumbnail(picture, 100).size == (100, 25)
    assert thumbnail(picture, 500).size == (200, 50)
    assert picture.image.size == (200, 50)


def test_a_thumbnail_is_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "a.jpg", exif=exif)
    assert thumbnail(decode(tmp_path / "a.jpg"), 30).size == (20, 30)


def test_a_thumbnail_jpeg_is_small_and_tells_nothing(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    Image.new("RGB", (400, 300), "red").save(tmp_path / "a.jpg", exif=exif, comment=b"secret")
    data = thumbnail_jpeg(decode(tmp_path / "a.jpg", shortest_side=64), 64)
    opened = Image.open(BytesIO(data))
    assert (opened.format, opened.size, opened.mode) == ("JPEG", (64, 48), "RGB")
    assert b"Canon" not in data
    assert b"secret" not in data
    assert len(data) < len(thumbnail_jpeg(decode(tmp_path / "a.jpg"), 64, quality=95))


def test_thumbnails_of_no_size_are_refused() -> None:
    picture = decode(np.zeros((5, 5), np.uint8))
    with pytest.raises(UsageError, match="at least 1 pixel"):
        thumbnail(picture, 0)
    with pytest.raises(UsageError, match="1 to 95"):
        thumbnail_jpeg(picture, 5, quality=100)


def test_every_export_is_there_and_sorted() -> None:
    assert lookalike.images.__all__ == sorted(lookalike.images.__all__)
    assert set(lookalike.images.__all__) <= set(dir(lookalike.images))
    for name in lookalike.images.__all__:
        assert getattr(lookalike.images, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'picture'"):
        _ = lookalike.images.picture


def test_listing_a_folder_waits_for_no_library() -> None:
    program = (
        "import sys; from lookalike.images import open_source; list(open_source('.').scan());"
        "sys.exit(bool({'PIL', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
