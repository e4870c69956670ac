"""Pictures that mean harm, sent to a running server: nothing breaks, and nothing is lost."""

from __future__ import annotations

import io
import struct
import tarfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

Serve = Callable[..., Any]


def png_head(width: int, height: int) -> bytes:
    """Write a PNG whose header announces a size, and whose pixels are a few zeros."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 1000)
    mark = b"\x89PNG\r\n\x1a\n"
    return mark + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def bomb(side: int) -> bytes:
    """Write a whole PNG of so many zero pixels a side: small to send, large to decode."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    packer = zlib.compressobj(9)
    row = b"\0" * (1 + side // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    mark = b"\x89PNG\r\n\x1a\n"
    return mark + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def peak_mib() -> float:
    """Return the most memory that this process has held."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def search_with(here: Any, data: bytes) -> Any:
    return here.post(f"{here.base}/search?k=3", body=data, kind="image/png")


def add(here: Any, *files: tuple[str, bytes]) -> Any:
    form = [("picture", name, data) for name, data in files]
    return here.post_form(f"{here.base}/images?wait=60", form)


def settled(here: Any, reply: Any) -> dict[str, Any]:
    """Wait until a job has ended."""
    job: dict[str, Any] = reply.json()
    job = job.get("job", job)
    until = time.monotonic() + 60
    while job["state"] in {"waiting", "running"} and time.monotonic() < until:
        time.sleep(0.05)
        job = here.get(f"/api/v1/jobs/{job['job_id']}").json()
    return job


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("side", [8000, 30_000])
def test_a_decompression_bomb_is_refused_by_its_header(served, side):
    data = bomb(side)  # 30,000 squared are 900 million pixels in about 110 kB
    assert len(data) < 200_000
    before = peak_mib()
    refused = search_with(served, data)
    assert refused.status == 422
    assert refused.json()["error"] == "ImageTooLarge"
    added = add(served, ("bomb.png", data))
    assert added.status == 422
    assert "pixels are more than" in added.body.decode()
    assert peak_mib() - before < 60
    assert served.get(served.base).json()["images"] == 5


@pytest.mark.parametrize("size", [(2**31 - 1, 2**31 - 1), (50_000_001, 1), (1, 60_000_000)])
def test_a_header_that_announces_too_much_is_enough(served, size):
    refused = search_with(served, png_head(*size))
    assert refused.status == 422
    assert refused.json()["error"] in {"ImageTooLarge", "ImageUnreadable"}


STRANGERS = {
    "empty": b"", "text": b"hello", "zeros": b"\0" * 5000, "svg": b"<svg onload=alert(1)/>",
    "html": b"<html><script>alert(1)</script>", "pdf": b"%PDF-1.7\n", "zip": b"PK\x03\x04",
    "half": png_head(10, 10)[:40], "no pixels": png_head(10, 10), "mark": b"\x89PNG\r\n\x1a\n",
    "jpeg": b"\xff\xd8\xff" + b"\xff" * 3000, "gif": b"GIF89a" + b"\xff" * 50,
    "tiff": b"II*\0\xff\xff\xff\xff", "ppm": b"P6 99999 99999 255 ", "webp": b"RIFF\0\0\0\0WEBP",
    "bmp": b"BM" + b"\xff" * 60, "heic": b"\0\0\0\x18ftypheic" + b"\0" * 40,
}  # fmt: skip


@pytest.mark.parametrize("name", STRANGERS)
def test_what_is_no_picture_is_refused_in_a_sentence(served, name):
    refused = search_with(served, STRANGERS[name])
    assert refused.status in {400, 422}
    assert refused.headers["content-type"] == "application/problem+json"
    assert len(refused.json()["detail"]) > 20


def test_strangers_among_pictures_are_named_and_the_rest_is_added(served):
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (9, 9), (1, 200, 3)).save(stream, "PNG")
    files = [(f"{name}.png", data) for name, data in STRANGERS.items() if data]
    job = settled(served, add(served, *files, ("good.png", stream.getvalue())))
    assert job["state"] == "done"
    assert served.get(served.base).json()["images"] == 6


NAMES = [
    "../../evil.png", "/etc/cron.d/evil.png", "..\\..\\evil.png", "C:\\evil.png", "..", ".",
    "a/../../evil.png", "evil\0.png", "evil\n.png", "\u202egnp.live", "CON.png", "x" * 300 + ".png",
    ".htaccess", "-rf.png", "%2e%2e%2fevil.png", "$(touch evil).png", "ev;il.png",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_of_uploads_lead_nowhere(served, tmp_path, name):
    from PIL import Image

    stream = io.BytesIO()
    Image.new("RGB", (9, 9), (1, 200, 3)).save(stream, "PNG")
    before = {file for file in tmp_path.rglob("*") if "colours.gallery" not in str(file)}
    reply = add(served, (name.replace("\n", "%0A").replace("\0", "%00"), stream.getvalue()))
    assert reply.status < 500
    settled(served, reply) if reply.status < 400 else None
    uploads = served.gallery.path / "uploads"
    made = [file for file in uploads.rglob("*") if file.is_file() and file.name != "lock"]
    for file in made:
        assert uploads.resolve() in file.resolve().parents
        assert not any(ord(letter) < 32 for letter in file.name)
    assert {file for file in tmp_path.rglob("*") if "colours.gallery" not in str(file)} == before


def part(disposition: str, data: bytes = b"", more: bytes = b"") -> bytes:
    head = f"--x\r\nContent-Disposition: form-data; {disposition}\r\n".encode()
    return head + more + b"\r\n" + data + b"\r\n"


PICTURE = part('name="picture"; filename="a.png"', png_head(9, 9))
FORMS = {
    "thousands of fields": (b"".join(part(f'name="f{n}"', b"1") for n in range(5000)), 413),
    "thousands of pictures": (PICTURE * 5000, 413),
    "a huge field": (part('name="query"', b" " * 2_000_000), 413),
    "a huge file of no picture": (part('name="photo"; filename="a"', b"\xff" * 2_000_000), 413),
    "a huge header": (part('name="picture"', more=b"A: " + b"b" * 100_000 + b"\r\n"), 400),
    "thousands of headers": (part('name="picture"', more=b"A: b\r\n" * 20_000), 400),
    "a huge name": (part(f'name="{"n" * 15_000}"', b"1"), 400),
    "no name": (part("filename=a.png", b"1"), 400),
    "no headers": (b"--x\r\n\r\n1\r\n", 400),
    "half a picture": (PICTURE[:-40], 400),
    "no end": (PICTURE + b"--x", 400),
    "another boundary": (PICTURE.replace(b"--x", b"--y"), 400),
    "a field twice": (part('name="a"', b"1") * 2, 400),
    "no text": (part('name="a"', b"\xff\xfe"), 400),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("where", ["search", "images?wait=9"])
def test_forms_that_mean_harm_are_refused_wherever_they_go(served, name, where):
    body, status = FORMS[name]
    end = b"" if name in {"half a picture", "no end"} else b"--x--\r\n"
    kind = "multipart/form-data; boundary=x"
    refused = served.post(f"{served.base}/{where}", body=body + end, kind=kind)
    assert (refused.status, refused.headers["content-type"]) == (status, "application/problem+json")
    assert len(refused.json()["detail"]) < 700
    assert not list((served.gallery.path / "uploads").rglob("*.png"))
    assert served.get("/readyz").status == 200


@pytest.mark.shared
def test_every_hostile_picture_is_searched_with_or_refused(served, shared):
    told: dict[int, int] = {}
    with tarfile.open(shared / "data" / "hostile-images.tar") as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is None:
                continue
            reply = search_with(served, stream.read())
            told[reply.status] = told.get(reply.status, 0) + 1
            assert reply.status in {200, 400, 422}, (member.name, reply.body[:300])
            assert reply.json()
    print(told)  # noqa: T201, shown with -s
    assert told[200] > 50
    assert told[422] > 10


@pytest.mark.shared
def test_every_hostile_picture_is_added_or_named(served, shared):
    files = []
    with tarfile.open(shared / "data" / "hostile-images.tar") as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is not None and member.size:
                files.append((Path(member.name).name, stream.read()))
    batches = [files[start : start + 50] for start in range(0, len(files), 50)]
    for batch in batches:
        job = settled(served, add(served, *batch))
        assert job["state"] == "done", job
    assert served.get("/readyz").status == 200
    assert served.get(served.base).json()["images"] > 5
    assert served.gallery.verify().is_clean
