"""What operators read of a server that runs: lines of text or JSON, and a file that is rotated."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import signal
import sys
import time
from datetime import datetime
from typing import Any

import pytest

import serving
from lookalike.cli.json_log import JsonFormatter, lines_of
from lookalike.cli.logs import set_up_logging
from lookalike.client.records import find_record

pytest.importorskip("uvicorn")

if os.name != "posix":
    pytest.skip("signals as POSIX has them", allow_module_level=True)

# Fixtures of both files that start servers.
own_settings, start = serving.own_settings, serving.start

ODD = 'a\nb\r\x00\x1b[31m\x7f\u2028\u202e\udcff"}{'


def lines_in(text: str) -> list[dict[str, Any]]:
    """Read lines of JSON, each of which is one object."""
    told = [json.loads(line) for line in text.splitlines()]
    assert all(isinstance(one, dict) for one in told)
    return told


def formatted(message: str, *values: object, **extra: object) -> str:
    record = logging.makeLogRecord(
        {"name": "lookalike.x", "levelname": "WARNING", "msg": message, "args": values, **extra}
    )
    return JsonFormatter().format(record)


def test_whatever_a_message_holds_it_is_one_line_of_plain_json():
    line = formatted("Left out %s", ODD)
    assert line.isascii()
    assert line.isprintable()
    told = json.loads(line)
    assert told["level"] == "warning"
    assert told["message"] == "Left out " + ODD.replace("\udcff", "\\udcff")
    assert datetime.fromisoformat(told["time"]).utcoffset() is not None


def test_a_traceback_stays_in_its_line():
    try:
        raise ValueError(ODD)
    except ValueError:
        line = formatted("It broke", exc_info=sys.exc_info())
    assert line.isprintable()
    assert json.loads(line)["traceback"].startswith("Traceback")


def test_a_server_writes_json_wherever_it_writes(start, indexed, tmp_path):
    server = start(indexed, "--log-format", "json", "--log-file", tmp_path / "log.json")
    assert server.told["message"].startswith("Serving photos (4 pictures) at http://127.0.0.1:")
    assert server.told["level"] == "info"
    server.get("/api/v1/galleries/photos/search?image_id=1&where=secret")
    server.get("/nothing%0A{}")
    code, out, err = server.stop()
    assert (code, out) == (0, "")
    access, nothing, stopping = lines_in(err)
    assert list(access) == [
        "time", "level", "client", "token", "method", "route", "status", "duration_ms", "bytes",
    ]  # fmt: skip
    assert (access["client"], access["token"], access["method"]) == ("127.0.0.1", None, "GET")
    assert access["route"] == "/api/v1/galleries/photos/search"
    assert access["status"] == 400
    assert nothing["route"] is None
    assert stopping["message"].startswith("Stopping")
    kept = lines_in((tmp_path / "log.json").read_text())
    told = [one.get("message") for one in kept]
    assert server.told["message"] in told
    assert stopping["message"] in told
    assert access["route"] in [one.get("route") for one in kept]
    assert "secret" not in err + json.dumps(kept)


def test_why_it_does_not_start_is_json_as_well(lookalike, tmp_path):
    done = lookalike("serve", tmp_path / "nothing", "--log-format", "json")
    assert done.code == 1
    [told] = lines_in(done.err)
    assert told["level"] == "error"
    assert "nothing" in told["message"]
    wrong = lookalike("serve", tmp_path, "--watch", "--read-only", "--log-format", "json")
    assert wrong.code == 2
    assert lines_in(wrong.err)[0]["message"].startswith("--watch takes changes")


@pytest.mark.parametrize("form", ["text", "json"])
def test_odd_requests_cannot_break_a_line(start, indexed, form):
    server = start(indexed, "--log-format", form)
    for line in (
        b"GET /a%0D%0A2026-01-01T00:00:00+00:00%20fake HTTP/1.1",
        b"GET /api/v1/galleries/photos%0Afake/search HTTP/1.1",
        b"GET /api/v1/galleries/photos/images/1%0Afake HTTP/1.1",
        b"GET /api/v1/galleries/%22%7Dfake%7B/images/1%E2%80%A8 HTTP/1.1",
        b"MKCALENDAR /healthz HTTP/1.1",
        b"F\xc3\xa4KE /healthz HTTP/1.1",
    ):
        head = (
            b"Host: localhost\r\nX-Forwarded-For: fake\t\xe2\x80\xa8\x85fake\r\nConnection: close"
        )
        server.send(line + b"\r\n" + head + b"\r\n\r\n")
    lines = server.stop()[2].splitlines()
    assert "fake" not in str(lines)
    assert len(lines) == 6, "five requests, the last of which was none, and the end"
    shown = r"\d{4}-\d\d-\d\dT\S+ - - [A-Z]+ \S+ \d+ [\d.]+ ms \d+ bytes"
    for line in lines[:5]:
        assert json.loads(line)["client"] is None if form == "json" else re.fullmatch(shown, line)


def test_the_file_of_the_log_may_be_copied_and_emptied(start, indexed, tmp_path):
    """As logrotate's copytruncate does: what comes afterwards begins the file again."""
    log = tmp_path / "log.txt"
    server = start(indexed, "--log-file", log)
    for _ in range(5):
        server.get("/healthz")
    until = time.monotonic() + 60  # a line is written when the answer has gone out
    while log.read_text().count("GET /healthz") < 5:
        assert time.monotonic() < until
        time.sleep(0.01)
    shutil.copy(log, tmp_path / "log.txt.1")
    os.truncate(log, 0)
    server.get("/readyz")
    server.stop()
    assert (tmp_path / "log.txt.1").read_text().count("GET /healthz") == 5
    told = log.read_text()
    assert "\0" not in told
    assert told.count("GET /readyz") == 1
    assert "GET /healthz" not in told


def test_the_file_of_the_log_may_be_renamed(start, indexed, tmp_path):
    """As logrotate does unless it is told otherwise: what comes afterwards is in a new file."""
    log = tmp_path / "log.txt"
    server = start(indexed, "--log-file", log)
    log.rename(tmp_path / "log.txt.1")
    server.get("/readyz")
    server.stop()
    assert log.read_text().count("GET /readyz") == 1
    assert log.read_text().count("Stopping") == 1
    kept = (tmp_path / "log.txt.1").read_text()
    assert "Serving photos" in kept
    assert "GET /readyz" not in kept


@pytest.fixture
def logged(tmp_path):
    """Log to a file as commands do; gives what reads it."""
    (tmp_path / "logs").mkdir()
    library = logging.getLogger("lookalike")
    before = library.handlers, library.level, logging.raiseExceptions
    set_up_logging(0, str(tmp_path / "logs" / "log"))
    yield (tmp_path / "logs" / "log").read_text
    for handler in library.handlers:
        handler.close()
    library.handlers, library.level, logging.raiseExceptions = before


def test_a_log_without_a_place_to_write_to_stops_nothing(logged, tmp_path):
    log = logging.getLogger("lookalike.access")
    log.info("first")
    (tmp_path / "logs").rename(tmp_path / "old")
    log.info("second")
    log.info("third")
    (tmp_path / "logs").mkdir()
    log.info("fourth")
    assert re.findall("first|second|third|fourth", logged()) == ["fourth"]
    assert (tmp_path / "old" / "log").read_text().count("first") == 1


def test_whatever_a_message_holds_it_is_one_line_of_text(logged):
    logging.getLogger("lookalike.x").warning("Left out %s", ODD)
    [line] = logged().splitlines()
    assert line.isprintable()
    assert line.endswith(r"""Left out a\nb\r\x00\x1b[31m\x7f\u2028\u202e\udcff"}{""")


def test_no_line_of_a_traceback_looks_like_a_message(logged):
    try:
        raise ValueError("2026-01-01 fake" + ODD)
    except ValueError:
        logging.getLogger("lookalike.x").exception("It broke")
    head, *lines = logged().splitlines()
    assert head.endswith("It broke")
    assert lines[0] == "    Traceback (most recent call last):"
    assert lines[-1].startswith(r"    b\r\x00\x1b[31m")
    assert all(line.startswith("    ") and line.isprintable() for line in lines)


def test_a_full_disk_under_the_log_breaks_no_line(small_disk, monkeypatch):
    place = small_disk("size=32k")
    log = logging.getLogger("lookalike.access")
    monkeypatch.setattr(logging, "raiseExceptions", True)
    before = logging.getLogger("lookalike").handlers
    set_up_logging(0, str(place / "log"))
    try:
        with lines_of("json"):
            (place / "other").write_bytes(bytes(16 * 1024))
            for number in range(400):
                log.info("line %d", number)
            assert os.statvfs(place).f_bavail == 0
            (place / "other").unlink()
            log.info("line 400")
    finally:
        for handler in logging.getLogger("lookalike").handlers:
            handler.close()
        logging.getLogger("lookalike").handlers = before
    told = [one["message"] for one in lines_in((place / "log").read_text())]
    assert (told[0], told[-1]) == ("line 0", "line 400")
    assert len(told) < 401, "some had no room"


# --- two servers of one gallery


def test_a_second_server_of_a_gallery_is_told_of_the_first(start, indexed, lookalike):
    first = start(indexed)
    second = start(indexed)
    assert first.get("/healthz")[0] == second.get("/healthz")[0] == 200
    gallery = indexed / ".lookalike"
    assert find_record(gallery).pid == second.process.pid, "the newer one is asked"
    second.process.kill()
    second.process.wait()
    assert find_record(gallery).pid == first.process.pid
    assert lookalike("search", "--gallery", indexed, "--id", "1").code == 0
    third = start(indexed)
    said = third.stop(signal.SIGTERM)[2].splitlines()
    url = f"http://127.0.0.1:{first.port}"
    assert said[0] == (
        f"photos is served by another server, too, at {url} (process {first.process.pid}): both "
        "answer, and 'lookalike search' asks this one."
    )
    assert find_record(gallery).pid == first.process.pid
    assert "served by another" not in first.stop()[2]


def test_a_port_that_a_server_of_the_gallery_has_is_told_as_its(start, indexed, lookalike):
    server = start(indexed)
    again = lookalike("serve", indexed, "--port", str(server.port))
    assert again.code == 2
    assert f"served already, at http://127.0.0.1:{server.port} (process " in again.err
