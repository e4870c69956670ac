"""The files of the page: sent whole or packed, kept by browsers, and nothing beside them."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from lookalike.server import pagefiles

PAGE = Path(pagefiles.__file__).parent / "page"
SCRIPTS = sorted(PAGE.glob("*.js"))
MOST_LINES = 300


def test_start_page(served_once):
    answer = served_once.get("/")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


def test_unchanged_page_is_not_sent_again(served_once):
    tag = served_once.get("/").headers["etag"]
    answer = served_once.get("/", {"If-None-Match": f'"other", W/{tag}'})
    assert (answer.status, answer.body) == (304, b"")


def test_packed_where_the_browser_unpacks(served_once):
    plain = served_once.get("/page/main.js")
    packed = served_once.get("/page/main.js", {"Accept-Encoding": "br, gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["etag"] != plain.headers["etag"]
    refused = served_once.get("/page/main.js", {"Accept-Encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers


def test_named_files_are_kept_for_good(served_once):
    version = pagefiles.page_files().version
    kept = served_once.get(f"/page/{version}/main.js")
    assert "immutable" in kept.headers["cache-control"]
    # A page of an older server goes on, and asks each time.
    older = served_once.get("/page/v-000000000000/main.js")
    assert (older.body, older.headers["cache-control"]) == (kept.body, "no-cache")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("main.js", "text/javascript; charset=utf-8"),
        ("map/map.js", "text/javascript; charset=utf-8"),
        ("style/base.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
        ("app.webmanifest", "application/manifest+json"),
    ],
)
def test_types(served_once, name, kind):
    answer = served_once.get(f"/page/{name}")
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "../pagefiles.py", "..%2fpagefiles.py", "%2e%2e/settings.py", "//etc/passwd",
        "/etc/passwd", "style", "style/", "main.js/", "main.js%00.css", "v-x/../../app.py",
        "map/../main.js", "start.js", "",
    ],
)  # fmt: skip
def test_nothing_but_its_files(served_once, path):
    answer = served_once.request("GET", f"/page/{path}")
    assert answer.status == 404
    assert b"import" not in answer.body


def test_head_has_no_body(served_once):
    answer = served_once.request("HEAD", "/page/main.js")
    assert answer.body == b""
    assert int(answer.headers["content-length"]) == (PAGE / "main.js").stat().st_size


def test_nothing_inline_in_the_page():
    text = (PAGE / "index.html").read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"https?://", text)


def test_every_name_is_there():
    known = set(pagefiles.page_files().files)
    start = (PAGE / "index.html").read_text("utf-8")
    assert set(re.findall(r'"/page/(?:v/)?([^"]+)"', start)) <= known
    symbols = set(re.findall(r'<symbol id="i-([a-z]+)"', start))
    for script in SCRIPTS:
        text = script.read_text("utf-8")
        assert set(re.findall(r'(?:from |import\()"\./([^"]+)"', text)) <= known, script.name
        assert set(re.findall(r'late\("([^"]+)"', text)) <= known, script.name
        assert set(re.findall(r'(?:sign: |icon\()"([a-z]+)"', text)) <= symbols, script.name


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_short_and_say_what_they_are(script):
    lines = script.read_text("utf-8").splitlines()
    assert lines[0].startswith("// ")
    assert len(lines) <= MOST_LINES
    assert not any("innerHTML" in line or "eval(" in line for line in lines)
