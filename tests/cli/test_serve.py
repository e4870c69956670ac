"""The server as a process: ready, stopped, refused."""

from __future__ import annotations

import http.client
import importlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import lookalike as package
import serving
from lookalike.cli.extras import install_line
from lookalike.client.records import find_record

pytest.importorskip("uvicorn")

if os.name != "posix":
    pytest.skip("signals as POSIX has them", allow_module_level=True)

# Fixtures of both files that start servers.
own_settings, start = serving.own_settings, serving.start


def form(*pictures: bytes) -> tuple[bytes, str]:
    body = b""
    for number, data in enumerate(pictures):
        name = f'name="picture"; filename="p{number}.png"'
        body += f"--mark\r\nContent-Disposition: form-data; {name}\r\n\r\n".encode()
        body += data + b"\r\n"
    return body + b"--mark--\r\n", "multipart/form-data; boundary=mark"


def picture(number: int) -> bytes:
    stream = BytesIO()
    Image.new("RGB", (16, 16), (number % 256, number // 256, 9)).save(stream, "PNG")
    return stream.getvalue()


def test_one_line_says_where_and_then_it_answers(start, indexed):
    server = start(indexed)
    assert server.line == f"Serving photos (4 pictures) at http://127.0.0.1:{server.port}"
    assert server.get("/healthz")[0] == 200
    [listed] = json.loads(server.get("/api/v1/galleries")[1])["galleries"]
    assert listed["images"] == 4
    code, out, err = server.stop()
    assert code == 0
    assert out == ""
    lines = err.splitlines()
    when = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"
    shown = rf"{when} 127\.0\.0\.1 - GET /healthz 200 [\d.]+ ms \d+ bytes"
    assert re.fullmatch(shown, lines[0])
    assert lines[-1].startswith("Stopping: what runs is finished.")


def test_ctrl_c_ends_it_cleanly_too(start, indexed):
    assert start(indexed).stop(signal.SIGINT)[0] == 0


def test_a_terminal_that_is_closed_ends_it_cleanly_too(start, indexed):
    assert start(indexed).stop(signal.SIGHUP)[0] == 0


def test_a_screen_that_goes_away_is_no_reason_to_fail(start, indexed):
    server = start(indexed)
    assert server.process.stderr is not None
    server.process.stderr.close()
    for _ in range(3):
        assert server.get("/healthz")[0] == 200
    server.process.stderr = None
    assert server.stop()[0] == 0


def test_quiet_is_quiet(start, indexed, tmp_path):
    # It says nothing, so wait for its record instead.
    words = [sys.executable, "-m", "lookalike", "serve", indexed, "--port", "0", "-q"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        until = time.monotonic() + 60
        while (record := find_record(indexed / ".lookalike")) is None:
            assert time.monotonic() < until
            time.sleep(0.05)
        connection = http.client.HTTPConnection(record.url.removeprefix("http://"), timeout=60)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        connection.close()
        process.terminate()
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (0, b"", b"")


def test_the_log_file_has_the_requests_whatever_the_screen_shows(start, indexed, tmp_path):
    server = start(indexed, "--log-file", tmp_path / "log.txt", "-v")
    server.get("/api/v1/galleries/photos/search?image_id=1&where=secret")
    err = server.stop()[2]
    told = (tmp_path / "log.txt").read_text()
    for text in (told, err):
        assert text.count("GET /api/v1/galleries/photos/search") == 1
        assert "secret" not in text


@pytest.mark.parametrize(("option", "shown"), [("--no-open", 0), ("-v", 1)])
def test_small_pictures_are_shown_with_v_alone(start, indexed, option, shown):
    server = start(indexed, option)
    server.get("/api/v1/galleries/photos/images/1/thumbnail")
    server.get("/api/v1/galleries/photos/images/99/thumbnail")
    err = server.stop()[2]
    assert err.count("images/1/thumbnail 200") == shown
    assert err.count("images/99/thumbnail 404") == 1, "what fails is told"


def test_the_log_tells_the_asker_that_a_proxy_names(start, indexed):
    server = start(indexed)
    server.get("/healthz", **{"X-Forwarded-For": "192.0.2.7"})
    server.get("/healthz", **{"X-Forwarded-For": "nobody knows"})
    lines = server.stop()[2].splitlines()
    assert " 192.0.2.7 - GET /healthz " in lines[0]
    assert " - - GET /healthz " in lines[1]


def test_a_server_is_found_while_it_runs(start, indexed):
    server = start(indexed)
    record = find_record(indexed / ".lookalike")
    assert record is not None
    assert record.url == f"http://127.0.0.1:{server.port}"
    assert record.pid == server.process.pid
    status, _ = server.get("/api/v1/galleries", Authorization=f"Bearer {record.token}")
    assert status == 200
    assert server.stop()[0] == 0
    assert find_record(indexed / ".lookalike") is None


def test_several_galleries_have_names(start, indexed, lookalike, paint, encoder, tmp_path):
    paint(tmp_path / "other" / "a.png", (1, 2, 3))
    assert lookalike("index", tmp_path / "other", "--encoder", encoder).code == 0
    server = start(indexed, "--gallery", f"second={tmp_path / 'other'}")
    assert server.line.startswith("Serving photos (4 pictures) and second (1 picture) at http://")
    listed = json.loads(server.get("/api/v1/galleries")[1])["galleries"]
    assert [one["name"] for one in listed if one["is_default"]] == ["photos"], "typed first"


def test_the_first_gallery_that_was_typed_is_the_default(start, indexed, lookalike, paint, encoder):
    for name in ("b", "c"):
        paint(indexed.parent / name / "a.png", (1, 2, 3))
        assert lookalike("index", indexed.parent / name, "--encoder", encoder).code == 0
    server = start("--watch", "--gallery", "x=c", "--rescan", "5s", "photos", "--gallery=a=b")
    told = server.line.partition(" at ")[0]
    assert told == "Serving x (1 picture), photos (4 pictures) and a (1 picture)"


def test_a_request_that_runs_is_finished_and_nothing_new_is_taken(start, indexed):
    server = start(indexed)
    body, kind = form(*[picture(number) for number in range(30)])
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", "/api/v1/galleries/photos/images?wait=50")
    connection.putheader("Content-Type", kind)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    connection.send(body[:1000])
    until_under_way(server, 1)
    server.process.send_signal(signal.SIGTERM)
    until_nothing_new_is_taken(server)
    connection.send(body[1000:])
    answer = connection.getresponse()
    told: dict[str, Any] = json.loads(answer.read())
    assert answer.status in {200, 201, 202}, told
    connection.close()
    server.process.communicate(timeout=120)
    assert server.process.returncode == 0
    # What was received is kept: it is in the gallery now, or soon after the next start.
    again = start(indexed)
    until = time.monotonic() + 60
    images = 0
    while images < 34 and time.monotonic() < until:
        images = json.loads(again.get("/api/v1/galleries")[1])["galleries"][0]["images"]
        time.sleep(0.05)
    assert images == 34


def until_under_way(server, requests):
    """Wait until a server has begun to answer so many requests."""
    until = time.monotonic() + 60
    told = f"lookalike_requests_under_way {requests + 1}.0"  # with the one that asks
    while told not in server.get("/metrics")[1].decode():
        assert time.monotonic() < until
        time.sleep(0.02)


def until_nothing_new_is_taken(server):
    """Wait until a server that was sent a signal has heeded it."""
    until = time.monotonic() + 60
    with suppress(ConnectionError):
        while time.monotonic() < until:
            socket.create_connection(("127.0.0.1", server.port), timeout=60).close()
            time.sleep(0.02)
        pytest.fail("it takes on and on")


def test_listeners_to_events_do_not_hold_the_end_up(start, indexed):
    server = start(indexed)
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        path = "/api/v1/galleries/photos/events"
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert b"200 OK" in line.recv(4096)
        code, _, err = server.stop()
        read = b""
        while piece := line.recv(4096):
            read += piece
    assert code == 0
    assert read.endswith(b"0\r\n\r\n"), "ended, not broken off"
    assert "Traceback" not in err


def test_a_body_that_does_not_go_on_does_not_hold_the_end_up(start, indexed):
    from lookalike.server.safety.bodies import LAST_S

    server = start(indexed)
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        path = "/api/v1/galleries/photos/images"
        kind = "Content-Type: multipart/form-data; boundary=mark\r\nContent-Length: 100000"
        line.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{kind}\r\n\r\n".encode())
        line.sendall(form(picture(1))[0][:60])
        until_under_way(server, 1)
        begun = time.monotonic()
        code, _, err = server.stop()
        answer = line.recv(4096)
    assert code == 0
    assert time.monotonic() - begun > 4
    assert LAST_S <= 5, "a killer waits ten seconds"
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"send it again" in answer
    assert "Traceback" not in err


def test_a_second_signal_ends_it_at_once(start, indexed):
    server = start(indexed)
    with socket.create_connection(("127.0.0.1", server.port)) as line:
        # A request whose body never comes would be waited for.
        path = "/api/v1/galleries/photos/search"
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        line.sendall(f"{head}Content-Length: 10\r\n\r\n".encode())
        until_under_way(server, 1)
        server.process.send_signal(signal.SIGTERM)
        until_nothing_new_is_taken(server)
        server.process.send_signal(signal.SIGTERM)
        server.process.communicate(timeout=60)
    assert server.process.returncode == 130
    assert find_record(indexed / ".lookalike") is None


def test_all_addresses_need_a_token_and_then_have_it(start, indexed, lookalike):
    token = lookalike("tokens", "add", "phone").out.strip()
    server = start(indexed, "--host", "0.0.0.0")
    assert server.get("/api/v1/galleries")[0] == 401
    assert server.get("/api/v1/galleries", Authorization=f"Bearer {token}")[0] == 200
    assert server.get("/healthz", Host="any.example")[0] == 200
    lookalike("tokens", "remove", "phone")
    assert server.get("/api/v1/galleries", Authorization=f"Bearer {token}")[0] == 401
    code, _, err = server.stop()
    assert code == 0
    told = err.splitlines()[0]
    assert told.startswith("Others reach it at http://")
    assert f"http://{socket.gethostname()}:{server.port}" in told
    assert "0.0.0.0" not in told


def test_names_that_were_given_are_what_others_open():
    from lookalike.server.running import addresses_for_others
    from lookalike.server.settings import ServerSettings

    galleries = {"g": Path("g")}
    names = ("photos.example.org", "photos")
    here = ServerSettings(galleries, host="::", port=80, hosts=names)
    assert addresses_for_others(here) == ["http://photos.example.org:80", "http://photos:80"]
    assert addresses_for_others(ServerSettings(galleries)) == [], "this machine only"


def test_a_port_that_is_taken_is_told(lookalike, indexed):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = lookalike("serve", indexed, "--port", port)
    assert done.code == 2
    assert f"The port {port} of 127.0.0.1 is taken by another program" in done.err
    assert done.out == ""


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("serve", 1, "There is no gallery in"),
        ("serve nowhere", 1, "There is no gallery at"),
        ("serve photos --host 0.0.0.0", 2, "without a token anybody could ask"),
        ("serve photos --host ::", 2, "without a token anybody could ask"),
        ("serve photos --host localhost.example", 2, "without a token anybody could ask"),
        ("serve photos --host 192.0.2.1", 2, "without a token anybody could ask"),
        ("serve photos --token-file none.json", 2, "There is no token in"),
        ("serve photos --host 0.0.0.0 --token-file none.json", 2, "There is no token in"),
        ("serve photos --token-file bad.json", 2, "no file of tokens"),
        ("serve photos --host 127.0.0.77x", 2, "without a token"),
        ("serve photos --port 70000", 2, "70000 is more than 65535"),
        ("serve photos --port x", 2, "no whole number"),
        ("serve photos --origin *", 2, "The origin '*' is none"),
        ("serve photos --host-name http://a", 2, "is no name of a server"),
        ("serve photos --rate -1", 2, "--rate is -1: give a number of requests a second, or 0 for"),
        ("serve photos --rate nan", 2, "--rate is nan"),
        ("serve photos --rate inf", 2, "--rate is inf"),
        ("serve photos --max-upload 0MB", 2, "is nothing"),
        ("serve photos --window-ms -1", 2, "window_ms"),
        ("serve --gallery photos", 2, "names no folder"),
        ("serve --gallery UPPER=photos", 2, "cannot stand in an address"),
        ("serve --gallery a=photos --gallery a=bad.gallery", 2, "would be called 'a'"),
        ("serve photos --gallery photos=bad.gallery", 2, "would be called 'photos'"),
        ("serve photos photos", 2, "is named twice"),
        ("serve photos --gallery second=photos/.lookalike", 2, "is named twice"),
        ("serve photos --read-only --watch", 2, "leave one of them out"),
        ("serve bad.gallery", 1, "damaged"),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence(lookalike, indexed, tmp_path, words, code, said):
    (tmp_path / "bad.json").write_text("{}")
    bad = tmp_path / "bad.gallery"
    bad.mkdir()
    (bad / "catalog.sqlite").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    done = lookalike(*words.split(), *([] if "--port" in words else ["--port", "0"]))
    assert said in done.err
    assert done.code == code
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err


def forget_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the server's modules imported anew, and those that were there back in the end."""
    # Importing anew sets the package's attribute as well.
    monkeypatch.setattr(package, "server", importlib.import_module("lookalike.server"))
    for name in [name for name in sys.modules if name.startswith("lookalike.server")]:
        monkeypatch.delitem(sys.modules, name)


def test_without_its_libraries_the_server_says_what_to_install(lookalike, indexed, monkeypatch):
    forget_the_server(monkeypatch)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    done = lookalike("serve", indexed)
    assert done.code == 1
    assert install_line("server") in done.err


@pytest.mark.parametrize("name", ["lookalike.server.running", "lookalike.server.settings"])
def test_a_part_of_the_server_itself_is_nothing_to_install(lookalike, indexed, monkeypatch, name):
    forget_the_server(monkeypatch)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=name):
        lookalike("serve", indexed)


# --- what stands in deploy/

DEPLOY = Path(__file__).parent.parent.parent / "deploy"


def lines_of(name: str) -> str:
    """Read a file of the folder, lines that go on in the next one joined."""
    return (DEPLOY / name).read_text(encoding="utf-8").replace("\\\n", " ")


def instruction(name: str) -> list[str]:
    """Read the last list of words behind an instruction of the Dockerfile."""
    found = re.findall(rf"\b{name} (\[.*\])$", lines_of("Dockerfile"), re.MULTILINE)
    words: list[str] = json.loads(found[-1])
    return words


def test_what_the_container_and_the_unit_start_is_understood():
    from lookalike.cli.main import program

    [unit] = re.findall(r"^ExecStart=\S+ (.*)$", lines_of("lookalike.service"), re.MULTILINE)
    for words in (instruction("CMD"), unit.split()):
        command = program.get_command(None, words[0])
        context = command.make_context(words[0], words[1:])
        assert context.params["watch"]
    assert instruction("ENTRYPOINT") == ["lookalike"]


def test_the_container_tells_whether_the_server_is_well(start, indexed):
    [check] = re.findall(r"HEALTHCHECK .*CMD (\[.*\])", lines_of("Dockerfile"))
    _, *words = json.loads(check)
    server = start(indexed)
    words[-1] = words[-1].replace("8080", str(server.port))
    until = time.monotonic() + 60
    while subprocess.run([sys.executable, *words], check=False).returncode:
        assert time.monotonic() < until
        time.sleep(0.2)
    server.stop()
    gone = subprocess.run([sys.executable, *words], check=False, capture_output=True)
    assert gone.returncode == 1


def test_the_container_gets_what_it_is_built_of():
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", lines_of("Dockerfile"), re.MULTILINE)
    allowed = lines_of("Dockerfile.dockerignore").split()
    settings = (DEPLOY.parent / "pyproject.toml").read_text(encoding="utf-8")
    [released] = re.findall(r"targets\.sdist\]\ninclude = (.*)", settings)
    for word in " ".join(copied).split():
        assert (DEPLOY.parent / word).exists()
        assert f"!{word}" in allowed
        assert f'"{word}"' in released or word == "pyproject.toml", "it is released with them"
    assert '"deploy"' in released


def commands_of(name: str) -> list[list[str]]:
    """Read the commands in the first comment of a file, each as its words."""
    head = re.split(r"^(?!#)", lines_of(name), maxsplit=1, flags=re.MULTILINE)[0]
    lines = re.findall(r"^#   (.*)$", head.replace(" #  ", " "), re.MULTILINE)
    return [shlex.split(line) for line in lines]


@pytest.mark.parametrize(
    ("name", "programs", "commands"),
    [
        ("compose.yaml", {"cd", "mkdir", "printf", "docker"}, ["tokens", "index"]),
        (
            "lookalike.service",
            {"useradd", "python3", "/opt/lookalike/bin/pip", "install", "runuser", "cp",
             "systemctl"},
            ["index"],
        ),
    ],
)  # fmt: skip
def test_what_is_to_be_typed_needs_nothing_else_and_is_understood(name, programs, commands):
    from lookalike.cli.main import program

    lines = commands_of(name)
    assert {words[0] for words in lines} == programs, "Lookalike is not installed beside them"
    own = [
        words[place + 1 :]
        for words in lines
        if words[0] in {"docker", "runuser"}
        for place, word in enumerate(words)
        if Path(word).name == "lookalike" and words[place - 1] != "-u"
    ]
    assert [words[0] for words in own] == commands
    for words in own:
        command: Any = program.get_command(None, words[0])  # type: ignore[arg-type]
        if words[0] == "tokens":
            command, words = command.commands[words[1]], words[1:]
        assert command.make_context(words[0], words[1:]).params


def test_the_numbers_of_a_server_are_those_that_its_page_names(start, indexed):
    server = start(indexed)
    told = server.get("/metrics")[1].decode()
    found = set(re.findall(r"^# TYPE (lookalike_\w+)", told, re.MULTILINE))
    page = (DEPLOY.parent / "docs" / "serving.md").read_text(encoding="utf-8")
    assert found == set(re.findall(r"`(lookalike_\w+)`", page))


def test_nothing_is_installed_from_an_index_that_does_not_have_it():
    told = [DEPLOY / name for name in ("compose.yaml", "lookalike.service", "Dockerfile")]
    told += [DEPLOY.parent / "docs" / name for name in ("serving.md", "watching.md")]
    for file in told:
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"pip install .*lookalike\[", text), file
