"""Selections exported over HTTP: archives, lists and contact sheets."""

from __future__ import annotations

import csv
import os
import socket
import threading
import time
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from lookalike.encoders import Encoder
from lookalike.gallery import Gallery
from lookalike.images import open_source
from lookalike.ingest import add_images
from lookalike.server.pictures.names import UniqueNames, numbered, safe_name
from served_pictures import BLUE, FILES, IDS, ODD, RED, is_near, until


def exported(served: Any, form: str, *names: str) -> Any:
    wanted = {"image_ids": [IDS[name] for name in names or FILES], "form": form}
    return served.post(f"{served.base}/export", wanted)


def test_an_archive_holds_the_files_as_they_are(served: Any) -> None:
    reply = exported(served, "zip")

    assert reply.headers["content-type"] == "application/zip"
    assert reply.headers["content-disposition"] == 'attachment; filename="colours.zip"'
    with ZipFile(BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "clear.png", "cmyk.jpg", "copy.jpg", "deep.png", "large.bmp", "odd ___.png",
            "old.ppm", "plain.jpg", "scan.tif", "turned.jpg",
        ]  # fmt: skip
        for name, info in zip(FILES, archive.infolist(), strict=True):
            assert archive.read(info) == (served.photos / name).read_bytes()
            assert info.compress_type == 0
            assert abs(time.mktime((*info.date_time, 0, 0, -1)) - time.time()) < 600


@pytest.mark.parametrize("form", ["csv", "txt", "json", "sheet"])
def test_lists_say_how_many_are_missing(served: Any, form: str) -> None:
    wanted = {"image_ids": [IDS["deep.png"], 77, 78], "form": form}
    some = served.post(f"{served.base}/export", wanted)
    none = exported(served, form, "deep.png")

    assert some.headers["lookalike-missing"] == "2"
    assert "lookalike-missing" not in none.headers


def test_what_is_missing_is_named_in_the_archive(served: Any) -> None:
    (served.photos / "plain.jpg").unlink()
    (served.photos / "scan.tif").write_bytes(b"other")
    wanted = {"image_ids": [IDS["plain.jpg"], IDS["deep.png"], IDS["scan.tif"], 77]}
    reply = served.post(f"{served.base}/export", wanted)

    with ZipFile(BytesIO(reply.body)) as archive:
        assert archive.namelist() == ["deep.png", "MISSING.txt"]
        lines = archive.read("MISSING.txt").decode().splitlines()
    assert lines[0] == "Not in this archive:"
    assert lines[1] == "image 77: It is not in the gallery."
    assert lines[2].startswith("plain.jpg: The file of image 8 is not there")
    assert lines[3].startswith("scan.tif: The file of image 9 is not the one that was indexed")


def test_files_of_one_name_get_numbers(served: Any, gallery: Gallery, encoder: Encoder) -> None:
    for folder in ("a", "B"):
        (served.photos / folder).mkdir()
        for number, name in enumerate(("plain.jpg", "PLAIN.JPG", "missing.TXT.png")):
            colour = (50, 60 + number, 70 + ord(folder))
            Image.new("RGB", (9, 9), colour).save(served.photos / folder / name, "PNG")
    add_images(gallery, served.photos, encoder)
    new = [IDS["plain.jpg"], *(image.image_id for image in gallery.page(9, after=10))]
    reply = served.post(f"{served.base}/export", {"image_ids": new, "form": "zip"})

    with ZipFile(BytesIO(reply.body)) as archive:
        assert archive.namelist() == [
            "plain.jpg", "PLAIN (2).JPG", "missing.TXT.png", "plain (3).jpg",
            "PLAIN (4).JPG", "missing.TXT (2).png", "plain (5).jpg",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("cat.jpg", "cat.jpg"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\evil.exe", "C__evil.exe"),
        ("con.png", "_con.png"),
        ("..", "picture"),
        ("", "picture"),
        ("trailing. ", "trailing"),
        ("a\x00b\nc", "a_b_c"),
        ("gpj.\u202egpj.exe", "gpj._gpj.exe"),
        ("Ü" * 200 + ".jpg", "Ü" * 88 + ".jpg"),
        ("." + "x" * 500, None),
    ],
)
def test_a_name_is_safe_everywhere(name: str, safe: str | None) -> None:
    found = safe_name(name)

    assert safe is None or found == safe
    assert 0 < len(found.encode()) <= 180
    assert not set(found) & set("/\\:\n\0")


def test_many_files_of_one_name_are_numbered_without_trying_all_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried = list[int]()

    def noted(name: str, number: int) -> str:
        tried.append(number)
        return numbered(name, number)

    monkeypatch.setattr("lookalike.server.pictures.names.numbered", noted)
    names = UniqueNames("MISSING.txt")
    given = {names.name("missing.TXT") for _ in range(1000)}

    assert len(given) == 1000
    assert "missing.TXT" not in given
    assert len(tried) == 1000


def test_lists_name_the_images_in_the_order_asked_for(served: Any, gallery: Gallery) -> None:
    told = exported(served, "json", "scan.tif", "clear.png").json()
    table = exported(served, "csv", "scan.tif", ODD).body.decode("utf-8", "surrogateescape")
    rows = list(csv.DictReader(StringIO(table, newline="")))

    assert [image["image_id"] for image in told["images"]] == [9, 1]
    assert told["images"][0] == served.get(f"{served.base}/images/9").json()
    assert [row["image_id"] for row in rows] == ["9", "6"]
    assert rows[0]["metadata.ending"] == "tif"
    assert rows[1]["path"] == str(served.photos / ODD)
    assert (rows[0]["width"], rows[0]["format"]) == ("30", "TIFF")


def test_a_list_of_files_can_be_indexed(served: Any, tmp_path: Path) -> None:
    for names in (("scan.tif", "clear.png"), ("scan.tif", ODD)):
        file = tmp_path / "list.txt"
        file.write_bytes(exported(served, "txt", *names).body)
        found = [reference.path for reference in open_source(file).scan()]
        assert found == [str(served.photos / name) for name in names]


def test_a_sheet_shows_the_pictures(served: Any) -> None:
    (served.photos / "deep.png").unlink()
    reply = exported(served, "sheet", "turned.jpg", "deep.png")
    sheet = Image.open(BytesIO(reply.body))

    assert reply.headers["content-type"] == "image/jpeg"
    # Two tiles of 176 pixels, 12 apart; 34 below for the words. The first shows 40 x 60.
    assert sheet.size == (12 + 2 * (176 + 12), 12 + 176 + 34 + 12)
    assert is_near(sheet.getpixel((12 + 88, 12 + 58 + 15)), RED)
    assert is_near(sheet.getpixel((12 + 88, 12 + 58 + 45)), BLUE)
    assert np.asarray(sheet)[12:188, 200:376].min() > 90  # faint words, no picture


def test_a_sheet_shows_no_other_picture_in_place_of_one(served: Any) -> None:
    before = Image.open(BytesIO(exported(served, "sheet", "clear.png", "plain.jpg").body))
    os.replace(served.photos / "cmyk.jpg", served.photos / "plain.jpg")
    after = Image.open(BytesIO(exported(served, "sheet", "clear.png", "plain.jpg").body))

    assert np.asarray(before)[12:188, 200:376].min() < 10
    assert np.asarray(after)[12:188, 200:376].min() > 90  # faint words, no picture


def test_too_many_for_a_sheet(served: Any) -> None:
    wanted = {"image_ids": list(range(1, 302)), "form": "sheet"}
    reply = served.post(f"{served.base}/export", wanted)

    assert reply.status == 400
    assert "301 pictures were asked for, and 300 fit on a sheet" in reply.json()["detail"]


def test_nothing_that_is_there_was_asked_for(served: Any) -> None:
    reply = served.post(f"{served.base}/export", {"image_ids": [77, 78], "form": "zip"})

    assert (reply.status, reply.json()["error"]) == (404, "ImageNotInGallery")


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_an_archive_nobody_takes_is_not_finished(served: Any) -> None:
    file = served.photos / "large.bmp"
    body = b'{"image_ids": [5, 8], "form": "zip"}'
    with socket.create_connection((served.host, served.port)) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.sendall(
            f"POST {served.base}/export HTTP/1.1\r\nHost: {served.host}:{served.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        assert line.recv(15) == b"HTTP/1.1 200 OK"

    def is_open() -> bool:
        links = []
        for entry in os.listdir("/proc/self/fd"):
            try:
                links.append(os.readlink(f"/proc/self/fd/{entry}"))
            except OSError:
                continue
        return str(file) in links

    def stays_closed() -> bool:
        for _ in range(20):  # at first it is not open yet
            if is_open():
                return False
            time.sleep(0.01)
        return True

    assert until(stays_closed)


def test_sheets_nobody_waits_for_are_not_begun(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lookalike.server.routes import exporting

    begun: list[int] = []
    may_go_on = threading.Event()

    def slow(gallery: Gallery, records: Any, contents: Any) -> bytes:
        begun.append(len(records))
        assert may_go_on.wait(90)
        return b""

    monkeypatch.setattr(exporting, "sheet_jpeg", slow)
    pool = served.app.state.pictures.exporting
    submitted: list[Any] = []
    submit = pool.submit

    def noted(*work: Any) -> Any:
        submitted.append(submit(*work))
        return submitted[-1]

    monkeypatch.setattr(pool, "submit", noted)
    lines = [asking_for_a_sheet(served) for _ in range(6)]
    assert until(lambda: len(begun) == 2 and len(submitted) == 6)
    for line in lines:
        line.close()
    assert until(lambda: sum(future.cancelled() for future in submitted) == 4)
    may_go_on.set()

    assert exported(served, "csv").status == 200
    assert len(begun) == 2


def asking_for_a_sheet(served: Any) -> socket.socket:
    """Ask for a sheet without waiting for it."""
    body = b'{"image_ids": [5, 8], "form": "sheet"}'
    line = socket.create_connection((served.host, served.port))
    line.sendall(
        f"POST {served.base}/export HTTP/1.1\r\nHost: {served.host}:{served.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    return line
