"""``lookalike search`` where a server has the gallery open: quick, and never different."""

from __future__ import annotations

import http.server
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import pytest

import lookalike as library
from lookalike.cli.searching import local, remote
from lookalike.client import ServerRecord, find_record, remove_record, write_record

pytest.importorskip("fastapi")

HEAVY = ("numpy", "PIL", "faiss", "onnxruntime", "sqlite3", "http.client", "lookalike.search.query")

USUAL_S = remote.TIMEOUT_S

TABLE = """\
   1   1.000  photos/yellow.png
   2   0.894  photos/green.png
   3   0.447  photos/red.png
   4   0.000  photos/blue.png
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Do without a server's answer only where a test wants that, however busy the machine is."""
    monkeypatch.setattr(remote, "TIMEOUT_S", 60.0)


@pytest.fixture
def process(tmp_path):
    """Run a command as a process of its own, as patient."""
    program = (
        "from lookalike.cli.searching import remote; remote.TIMEOUT_S = 60.0; "
        "from lookalike.__main__ import main; main()"
    )

    def call(*words, environment=None):
        command = [sys.executable, "-c", program, *words]
        wanted = {**os.environ, **(environment or {})}
        return subprocess.run(command, cwd=tmp_path, env=wanted, capture_output=True, timeout=120)

    return call


@pytest.fixture
def served(indexed):
    """A server of the four pictures, a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lookalike", "serve", str(indexed), "--port", "0", "-q"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    while (record := find_record(indexed / ".lookalike")) is None:
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < until, "the server did not start"
        time.sleep(0.02)
    yield SimpleNamespace(process=process, record=record)
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()


class Silent(http.server.BaseHTTPRequestHandler):
    """Answers as it was told to."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.paths.append(self.path)
        self.wfile.write(self.server.said)

    def log_message(self, *_):
        pass


@pytest.fixture
def pretending(indexed):
    """A server that says whatever it is told to say."""
    with http.server.HTTPServer(("127.0.0.1", 0), Silent) as server:
        server.paths, server.said = [], b""
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        server.record = ServerRecord(
            f"http://127.0.0.1:{server.server_port}",
            os.path.realpath(indexed / ".lookalike"),
            "photos",
            os.getpid(),
            "secret",
            library.__version__,
        )
        write_record(server.record)
        yield server
        remove_record(server.record)
        server.shutdown()
        thread.join()


def test_the_server_answers_with_what_python_has_alone(served, indexed, tmp_path):
    program = (
        "import sys; from lookalike.cli.main import run; "
        "from lookalike.cli.searching import remote; remote.TIMEOUT_S = 60.0; "
        f"code = run(['search', 'photos/yellow.png', '--gallery', {str(indexed)!r}]); "
        f"print(code, sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path
    )
    assert (ran.stdout, ran.stderr) == (f"{TABLE}0 []\n", "")


def test_it_is_not_asked_where_that_is_forbidden(served, lookalike, indexed, monkeypatch):
    monkeypatch.setattr(remote, "posted", None)
    done = lookalike("search", "photos/yellow.png", "--gallery", indexed, "--no-daemon")
    assert (done.code, done.out) == (0, TABLE)


@pytest.mark.parametrize(
    "words", [["--exact"], ["--device", "cpu"], ["--backend", "onnx"], ["--sheet", "s.png"]]
)
def test_what_only_this_process_can_do_it_does(pretending, lookalike, indexed, words):
    done = lookalike("search", "photos/yellow.png", "--gallery", indexed, *words)
    assert (done.code, pretending.paths) == (0, [])
    assert done.out == TABLE


def test_several_pictures_are_one_request(served, lookalike, indexed, monkeypatch):
    words = ["search", "photos/red.png", "photos/blue.png", "-k", 2, "--gallery", indexed]
    expected = lookalike(*words, "--no-daemon")
    monkeypatch.setattr(local, "search_here", None)
    assert lookalike(*words) == expected
    assert "photos/blue.png\n   1   1.000  photos/blue.png" in expected.out


def test_a_picture_that_is_piped_in(served, lookalike, indexed, monkeypatch):
    data = (indexed / "yellow.png").read_bytes()

    def piped(*words):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        return lookalike("search", "-", "--gallery", indexed, "--exclude-self", "--json", *words)

    expected = piped("--no-daemon")
    monkeypatch.setattr(local, "search_here", None)
    assert piped() == expected
    assert json.loads(expected.out)["asked"]["parts"] == [{"picture": "-"}]


def test_a_piped_picture_is_not_lost_with_the_server(pretending, lookalike, indexed, monkeypatch):
    data = (indexed / "yellow.png").read_bytes()
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    done = lookalike("search", "-", "--gallery", indexed)
    assert (done.out, done.err) == (TABLE, "")
    assert pretending.paths == ["/api/v1/galleries/photos/search"]


ODD_NAMES = (b"~", b"~nobody", b"a\nb.png", b"caf\xe9.png", b"*.png", b"- x.png", b"x" * 250)


def test_odd_names_print_as_ever(served, process, indexed, tmp_path):
    data = (indexed / "yellow.png").read_bytes()
    for name in ODD_NAMES:
        (tmp_path / os.fsdecode(name)).write_bytes(data)
        words = [b"./" + name, "--gallery", str(indexed), "--json", "--explain"]
        expected = process("search", *words, "--no-daemon")
        found = process("search", *words)
        assert (found.stdout, found.stderr) == (expected.stdout, expected.stderr), name
        assert expected.returncode == found.returncode == 0


def test_the_home_folder_is_the_users(served, process, indexed, tmp_path):
    words = ["search", "~/photos/yellow.png", "--gallery", str(indexed), "--json"]
    home = {"HOME": str(tmp_path)}
    expected = process(*words, "--no-daemon", environment=home)
    assert process(*words, environment=home).stdout == expected.stdout
    assert json.loads(expected.stdout)["query"] == f"{tmp_path}/photos/yellow.png"


def test_what_was_added_a_moment_ago_is_found(served, lookalike, indexed, paint):
    paint(indexed / "olive.png", (100, 100, 0))
    assert lookalike("index", indexed).code == 0
    found = lookalike("search", "photos/yellow.png", "-k", 2, "--gallery", indexed)
    assert found.out.splitlines()[1] == "   2   1.000  photos/olive.png"


def test_a_server_that_was_killed_is_not_missed(served, lookalike, indexed):
    served.process.kill()
    served.process.wait()
    assert lookalike("search", "photos/yellow.png", "--gallery", indexed).out == TABLE
    assert find_record(indexed / ".lookalike") is None


def test_a_server_that_stands_still_is_given_up(served, lookalike, indexed, monkeypatch):
    monkeypatch.setattr(remote, "TIMEOUT_S", 0.3)
    served.process.send_signal(signal.SIGSTOP)
    done = lookalike("search", "photos/yellow.png", "--gallery", indexed)
    assert (done.code, done.out) == (0, TABLE)
    url = served.record.url
    assert done.err == f"lookalike: The server at {url} does not answer: searching here.\n"
    quiet = lookalike("search", "photos/yellow.png", "--gallery", indexed, "-q")
    assert (quiet.code, quiet.out, quiet.err) == (0, TABLE, "")


def test_a_hung_server_costs_seconds_not_ten(monkeypatch):
    monkeypatch.setattr(remote, "TIMEOUT_S", USUAL_S)
    asked = []
    monkeypatch.setattr(remote, "posted", lambda url, body, **given: asked.append(given) or {})
    record = SimpleNamespace(url="http://127.0.0.1:1", name="photos", token="secret")
    remote.answers_of(record, [{}])
    with suppress(KeyError):
        remote.answers_of(record, [{}] * 5)
    assert [given["timeout_s"] for given in asked] == [2.5, 3.5]


def test_a_port_where_nobody_listens_any_more(pretending, lookalike, indexed):
    remove_record(pretending.record)
    write_record(replace(pretending.record, url="http://127.0.0.1:1"))
    done = lookalike("search", "photos/yellow.png", "--gallery", indexed)
    assert (done.out, done.err) == (TABLE, "")


def test_an_older_server_is_not_asked(pretending, lookalike, indexed):
    write_record(replace(pretending.record, version="0.0.1"))
    assert lookalike("search", "photos/yellow.png", "--gallery", indexed).out == TABLE
    assert pretending.paths == []


SAYINGS = {
    "nothing": b"",
    "no HTTP": b"hello\r\n\r\n",
    "a page": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<h1>",
    "a failure": b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}",
    "half an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{",
    "no length": b"HTTP/1.1 200 OK\r\n\r\n{}",
    "a list": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
    "something else": b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"hits":[1]}',
    "an answer without what was asked": b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"hits":[]}',
}


@pytest.mark.parametrize("said", SAYINGS.values(), ids=SAYINGS)
def test_whatever_is_no_answer_is_searched_here(pretending, lookalike, indexed, said):
    pretending.said = said
    done = lookalike("search", "photos/yellow.png", "--gallery", indexed)
    assert (done.code, done.out, done.err) == (0, TABLE, "")
    assert len(pretending.paths) == 1


def test_v_tells_that_the_server_did_not_answer(pretending, lookalike, indexed):
    done = lookalike("search", "photos/yellow.png", "--gallery", indexed, "-v")
    assert done.out == TABLE
    assert "a running server did not answer: it broke off" in done.err


def test_an_error_is_told_in_the_words_of_this_process(served, lookalike, indexed):
    words = ["search", "photos/none.png", "--gallery", indexed]
    assert lookalike(*words) == lookalike(*words, "--no-daemon")
    assert lookalike(*words).code == 1
