"""Files that are not what was indexed any more."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.encoders import Encoder
from lookalike.gallery import Gallery
from lookalike.ingest import add_images
from served_pictures import BLUE, IDS, address, halves, is_near, saved


def swapped(served: Any, name: str, put: Callable[[Path], Any]) -> Path:
    """Put something in the place of a file."""
    file: Path = served.photos / name
    file.unlink()
    put(file)
    return file


def test_a_file_that_is_gone(served: Any) -> None:
    swapped(served, "plain.jpg", lambda file: None)

    for what in ("/original", "/thumbnail"):
        reply = served.get(address(served, "plain.jpg", what))
        assert (reply.status, reply.json()["type"]) == (410, "/problems/file-gone")
        assert reply.json()["error"] == "ImageOutOfReach"
        assert reply.headers["cache-control"] == "no-store"
    assert served.get(address(served, "plain.jpg")).status == 200


def test_a_file_that_changed_is_shown_but_not_handed_out(served: Any) -> None:
    before = served.get(address(served, "deep.png", "/thumbnail?side=64"))
    other = saved(Image.new("RGB", (20, 20), BLUE), "PNG")
    swapped(served, "deep.png", lambda file: file.write_bytes(other))
    original = served.get(address(served, "deep.png", "/original"))
    shown = served.get(address(served, "deep.png", "/thumbnail?side=128"))

    assert (original.status, original.json()["type"]) == (409, "/problems/file-changed")
    assert (shown.status, shown.headers["lookalike-file"]) == (200, "changed")
    assert shown.headers["cache-control"] == "no-store"
    assert "etag" not in shown.headers
    assert is_near(Image.open(BytesIO(shown.body)).getpixel((9, 9)), BLUE)
    # It is never kept under the name of what was indexed.
    assert served.get(address(served, "deep.png", "/thumbnail?side=64")).body == before.body


def test_a_file_of_another_date_and_the_same_bytes_is_the_same(served: Any) -> None:
    os.utime(served.photos / "plain.jpg", (1, 1))
    original = served.get(address(served, "plain.jpg", "/original"))
    shown = served.get(address(served, "plain.jpg", "/thumbnail"))

    assert original.body == (served.photos / "plain.jpg").read_bytes()
    assert original.headers["last-modified"] == "Thu, 01 Jan 1970 00:00:01 GMT"
    assert "lookalike-file" not in shown.headers


def test_other_bytes_of_the_same_size_are_not_handed_out(served: Any) -> None:
    file = served.photos / "large.bmp"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)

    assert served.get(address(served, "large.bmp", "/original")).status == 409


@pytest.mark.skipif(not os.path.exists("/etc/passwd"), reason="needs a secret")
def test_a_link_to_a_secret_is_refused(served: Any) -> None:
    swapped(served, "plain.jpg", lambda file: file.symlink_to("/etc/passwd"))

    for what in ("/original", "/thumbnail"):
        reply = served.get(address(served, "plain.jpg", what))
        assert (reply.status, reply.json()["type"]) == (409, "/problems/file-changed")
        assert b"root" not in reply.body


def test_a_secret_of_the_same_size_and_date_is_refused(served: Any, tmp_path: Path) -> None:
    # Whoever may put pictures into the folder may know size and date of a file that only
    # the server can read, make a picture of both, and swap it for a link once it is indexed.
    facts = (served.photos / "plain.jpg").stat()
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * facts.st_size)
    os.utime(secret, ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    swapped(served, "plain.jpg", lambda file: file.symlink_to(secret))

    for what in ("/original", "/thumbnail"):
        assert served.get(address(served, "plain.jpg", what)).status == 409


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_holds_nobody_up(served: Any) -> None:
    swapped(served, "plain.jpg", os.mkfifo)

    for what in ("/original", "/thumbnail"):
        reply = served.get(address(served, "plain.jpg", what))
        assert (reply.status, reply.json()["type"]) == (409, "/problems/file-changed")


def test_a_folder_in_place_of_a_file(served: Any) -> None:
    swapped(served, "plain.jpg", Path.mkdir)

    assert served.get(address(served, "plain.jpg", "/original")).status == 409
    assert served.get(address(served, "plain.jpg", "/thumbnail")).status == 409


def test_a_link_that_was_indexed_is_followed(
    served: Any, gallery: Gallery, encoder: Encoder, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.png"
    elsewhere.write_bytes(saved(halves(24, 24), "PNG"))
    (served.photos / "linked.png").symlink_to(elsewhere)
    add_images(gallery, served.photos, encoder)
    image_id = gallery.page(1, newest_first=True)[0].image_id

    reply = served.get(f"{served.base}/images/{image_id}/original")
    assert reply.body == elsewhere.read_bytes()


def test_an_image_whose_embedding_was_imported_is_shown(served: Any, gallery: Gallery) -> None:
    # Nothing is known of its file but its name; the content hash may be anything.
    from lookalike.gallery import NewImage

    (served.photos / "imported.png").write_bytes(saved(halves(24, 24), "PNG"))
    (served.photos / "notes.txt").write_text("not for you")
    unknown = {"size_bytes": 0, "mtime_ns": 0, "width": 0, "height": 0, "format": ""}
    with gallery.writer() as writer:
        writer.commit(
            images=[
                NewImage(
                    1, name, content_hash=f'import:{name}"\r\nEvil: 1', embedding_row=row, **unknown
                )
                for row, name in enumerate(["imported.png", "notes.txt"])
            ],
            embeddings=np.eye(2, 3, dtype=np.float32),
        )
    picture, text = (image.image_id for image in gallery.page(2, after=10))

    original = served.get(f"{served.base}/images/{picture}/original")
    assert original.body == (served.photos / "imported.png").read_bytes()
    assert original.headers["content-type"] == "application/octet-stream"
    assert "evil" not in original.headers
    small = served.get(f"{served.base}/images/{picture}/thumbnail?v=import:imported.png")
    assert (small.status, small.headers["cache-control"]) == (200, "private, max-age=60")
    assert "etag" not in small.headers

    # A file that changes is another one, and nobody shows what it was.
    (served.photos / "imported.png").write_bytes(saved(Image.new("RGB", (24, 24)), "PNG"))
    after = served.get(f"{served.base}/images/{picture}/original")
    assert after.headers["etag"] != original.headers["etag"]
    assert served.get(f"{served.base}/images/{picture}/thumbnail").body != small.body

    assert served.get(f"{served.base}/images/{text}/original").status == 409
    assert served.get(f"{served.base}/images/{text}/thumbnail").status == 409


def test_the_hash_of_the_tests_is_the_catalogs(served: Any, gallery: Gallery) -> None:
    from lookalike.server.pictures.opening import KnownContents, open_catalogued

    record = gallery.image(IDS["large.bmp"])
    opened = open_catalogued(gallery, record)
    data = (served.photos / "large.bmp").read_bytes()

    assert KnownContents().content_hash(opened) == record.content_hash
    assert record.content_hash == hashlib.blake2b(data, digest_size=16).hexdigest()
    opened.close()
