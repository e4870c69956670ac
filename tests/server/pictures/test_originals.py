"""Originals over HTTP: whole and in parts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from served_pictures import FILES, ODD, address, asking, until


def test_an_original_is_the_file(served: Any) -> None:
    for name in FILES:
        reply = served.get(address(served, name, "/original"))
        assert reply.status == 200
        assert reply.body == (served.photos / name).read_bytes()
        assert reply.headers["content-length"] == str(len(reply.body))
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in reply.headers["content-security-policy"]


def test_an_originals_kind_is_the_catalogs(served: Any) -> None:
    kinds = {
        "plain.jpg": "image/jpeg", "deep.png": "image/png", "large.bmp": "image/bmp",
        "scan.tif": "image/tiff", "old.ppm": "image/x-portable-anymap",
    }  # fmt: skip
    for name, kind in kinds.items():
        reply = served.get(address(served, name, "/original"))
        assert reply.headers["content-type"] == kind


def test_what_browsers_cannot_show_names_a_picture_that_they_can(served: Any) -> None:
    shown = served.get(address(served, "plain.jpg", "/original"))
    link = served.get(address(served, "scan.tif", "/original")).headers["link"]
    path = link[1 : link.index(">")]

    assert "link" not in shown.headers
    assert path == address(served, "scan.tif", "/thumbnail?side=2048")
    assert served.get(path).headers["content-type"] == "image/jpeg"


def test_an_original_is_named_for_whoever_saves_it(served: Any) -> None:
    inline = served.get(address(served, "plain.jpg", "/original"))
    odd = served.get(address(served, ODD, "/original?download=1"))

    assert inline.headers["content-disposition"] == (
        "inline; filename=\"plain.jpg\"; filename*=UTF-8''plain.jpg"
    )
    assert odd.headers["content-disposition"] == (
        "attachment; filename=\"odd ___.png\"; filename*=UTF-8''odd%20%22%EF%BF%BD%0A.png"
    )


PARTS: list[tuple[str, int, int | None]] = [
    ("bytes=0-0", 0, 1),
    ("bytes=10-19", 10, 20),
    ("bytes=10-", 10, None),
    ("bytes=-7", -7, None),
    ("bytes=-999999999", 0, None),
    ("bytes=5-999999999999", 5, None),
    ("BYTES = 3-4", 3, 5),
]


def test_a_part_of_an_original(served: Any) -> None:
    whole = (served.photos / "plain.jpg").read_bytes()
    for asked, start, stop in PARTS:
        reply = served.get(address(served, "plain.jpg", "/original"), {"Range": asked})
        first = start % len(whole) if start < 0 else start
        end = first + len(reply.body) - 1
        assert (reply.status, reply.body) == (206, whole[start:stop])
        assert reply.headers["content-range"] == f"bytes {first}-{end}/{len(whole)}"
        assert reply.headers["content-length"] == str(len(reply.body))


def test_a_part_that_is_not_there(served: Any) -> None:
    size = (served.photos / "plain.jpg").stat().st_size
    for asked in ("bytes=999999-", "bytes=-0", "bytes=9999999999999999999-"):
        reply = served.get(address(served, "plain.jpg", "/original"), {"Range": asked})
        assert reply.status == 416
        assert reply.headers["content-range"] == f"bytes */{size}"


SENSELESS = [
    "bytes=5-2", "bytes=-", "bytes=", "bytes", "bytes=a-b", "lines=1-2", "bytes=0-1,3-4", "-",
    "bytes=1--2", "bytes=" + "9" * 300 + "-",
]  # fmt: skip


def test_a_range_that_makes_no_sense_is_the_whole(served: Any) -> None:
    size = (served.photos / "plain.jpg").stat().st_size
    for asked in SENSELESS:
        reply = served.get(address(served, "plain.jpg", "/original"), {"Range": asked})
        assert (reply.status, len(reply.body)) == (200, size)


def test_a_part_is_only_given_of_the_state_that_was_meant(served: Any) -> None:
    path = address(served, "plain.jpg", "/original")
    whole = served.get(path)
    tag, modified = whole.headers["etag"], whole.headers["last-modified"]

    def asked(state: str) -> int:
        return served.get(path, {"Range": "bytes=0-3", "If-Range": state}).status

    assert [asked(tag), asked(modified)] == [206, 206]
    assert [asked('"other"'), asked("Sat, 01 Jan 2000 00:00:00 GMT")] == [200, 200]
    assert asked(f"W/{tag}") == 200  # only strong tags say that bytes are equal


def test_an_original_is_not_sent_twice(served: Any) -> None:
    path = address(served, "plain.jpg", "/original")
    first = served.get(path)
    same = {"If-None-Match": first.headers["etag"], "Range": "bytes=0-3"}

    assert served.get(path, same).status == 304
    assert served.get(path, {"If-None-Match": "*"}).status == 304
    assert served.get(path, {"If-None-Match": '"other"'}).status == 200
    since = {"If-Modified-Since": first.headers["last-modified"]}
    assert served.get(path, since).status == 304
    assert served.get(path, {"If-Modified-Since": "yesterday"}).status == 200


def test_the_head_of_an_original_has_no_body(served: Any) -> None:
    reply = served.request("HEAD", address(served, "large.bmp", "/original"))

    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["content-length"] == str((served.photos / "large.bmp").stat().st_size)


def open_files(path: Path) -> int:
    """Count the descriptors of this process that are open on a file."""
    count = 0
    for entry in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{entry}") == str(path)
        except OSError:
            continue
    return count


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_files_are_closed_whatever_becomes_of_an_answer(served: Any) -> None:
    path = address(served, "large.bmp", "/original")
    lines = [asking(served, path) for _ in range(5)]
    assert until(lambda: open_files(served.photos / "large.bmp") > 0)
    for line in lines:
        line.close()
    served.get(path)
    served.request("HEAD", path)
    served.get(path, {"If-None-Match": "*"})
    served.get(path, {"Range": "bytes=99999999-"})

    assert until(lambda: open_files(served.photos / "large.bmp") == 0)
