"""The program as a process: bytes, locales, pipes, terminals, Ctrl-C."""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import select
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest

from lookalike.cli.logs import ScreenHandler

pytestmark = pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX")

NAMES = [b"a b.png", "صورة.png".encode(), b"\xff\xfe.png", b"two\nlines.png", b"bell\x07.png"]
PRINTED = {
    b"photos/a b.png",
    "photos/صورة.png".encode(),
    b"photos/\xff\xfe.png",
    b"photos/two\\nlines.png",
    b"photos/bell\\x07.png",
}


@pytest.fixture
def oddly_named(lookalike, paint, encoder, tmp_path) -> Path:
    """Five pictures whose names are hard to print."""
    for number, name in enumerate(NAMES):
        paint(tmp_path / "photos" / os.fsdecode(name), (200, 10 * number, 0))
    assert lookalike("index", "photos", "--encoder", encoder).code == 0
    return tmp_path / "photos"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LC_ALL": "C"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"HOME": None, "TERM": None},
    ],
)
def test_a_pipe_gets_names_as_their_bytes_are_on_disk(process, oddly_named, environment):
    done = process("search", "photos/a b.png", "--gallery", "photos", environment=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert {line.split(b"  ")[-1] for line in done.stdout.splitlines()} == PRINTED


def test_json_has_the_exact_names(process, oddly_named):
    done = process("search", b"photos/\xff\xfe.png", "--gallery", "photos", "--json")
    paths = {os.fsencode(hit["path"]) for hit in json.loads(done.stdout)["hits"]}
    assert paths == {os.fsencode(oddly_named) + b"/" + name for name in NAMES}


def test_a_reader_that_has_seen_enough_is_no_failure(indexed, tmp_path):
    many = " ".join(["photos/red.png"] * 200)
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m lookalike search {many} --gallery photos | head -1;"
         "exit ${PIPESTATUS[0]}"],
        cwd=tmp_path, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"photos/red.png\n", b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_a_failure(indexed, tmp_path):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "lookalike", "info", "--gallery", "photos"],
            cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == b"lookalike: The output cannot be used: No space left on device.\n"


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("info --gallery photos >&-", 0),
        ("info --gallery nowhere 2>&-", 1),
        ("search - --gallery photos <&-", 2),
    ],
)
def test_streams_that_the_caller_closed_do_no_harm(indexed, tmp_path, typed, code):
    command = f"{sys.executable} -m lookalike {typed}"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == code
    assert b"Traceback" not in done.stderr


def test_a_home_folder_nobody_knows_is_an_ordinary_name(process):
    done = process("index", "~/photos", environment={"HOME": None})
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


# The program, with so much to do for each picture that it is met in the middle of its work.
SLOW = """
import time
from lookalike.__main__ import main
from lookalike.ingest import pipeline

def decode(*given, usual=pipeline.decode, **options):
    time.sleep(0.01)
    return usual(*given, **options)

pipeline.decode = decode
main()
"""


class Terminal:
    """A program that believes to run in a terminal; closed, and waited for, at the end."""

    def __init__(
        self, folder: Path, *words: str | Path, start: tuple[str, str] = ("-m", "lookalike")
    ) -> None:
        import pty

        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, *start, *words],
            cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip
        os.close(theirs)
        self.seen = b""

    def read_until(self, wanted: bytes, timeout_s: float = 120) -> bool:
        """Read on until something was shown; false where the program ended first."""
        end = time.monotonic() + timeout_s
        while wanted not in self.seen and time.monotonic() < end:
            if not select.select([self._ours], [], [], 0.1)[0]:
                continue
            try:
                data = os.read(self._ours, 65536)
            except OSError:  # the other side is closed
                return False
            if not data:
                return False
            self.seen += data
        return wanted in self.seen

    def finish(self) -> int:
        self.read_until(b"\0never shown")
        os.close(self._ours)
        return self.process.wait(timeout=60)


def left_on_screen(seen: bytes) -> str:
    """Play the few control sequences that a bar uses, as a terminal does."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", seen.decode()):
        if part == "\r":
            column = 0
        elif part == "\n":
            row += 1
            lines += [""] * (row >= len(lines))
        elif re.fullmatch(r"\x1b\[\d*A", part):
            row -= int(part[2:-1] or 1)
        elif part == "\x1b[2K":
            lines[row] = ""
        elif not part.startswith("\x1b"):
            lines[row] = lines[row][:column].ljust(column) + part + lines[row][column + len(part) :]
            column += len(part)
    return "\n".join(lines)


def test_the_bar_shows_rate_and_bottleneck_and_leaves_nothing_behind(photos, encoder, tmp_path):
    terminal = Terminal(tmp_path, "index", photos, "--encoder", encoder)
    assert terminal.finish() == 0
    assert b"4/4" in terminal.seen
    assert b"pictures/s" in terminal.seen
    assert b"bottleneck: " in terminal.seen
    assert left_on_screen(terminal.seen).startswith("4 pictures in photos/.lookalike\n  added")
    assert terminal.seen.rindex(b"\x1b[?25h") > terminal.seen.rindex(b"\x1b[?25l")


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_keeps_what_is_done_and_the_next_run_goes_on(
    lookalike, paint, encoder, tmp_path, sent, code
):
    words = ["index", "many", "--encoder", encoder, "--threads", "1"]
    paint(tmp_path / "many" / "first.png", (99, 99, 99))
    lookalike(*words)
    for number in range(2000):
        paint(tmp_path / "many" / f"{number}.png", (number % 256, number // 256, 7))
    terminal = Terminal(tmp_path, *words, start=("-c", SLOW))
    assert terminal.read_until(b"bottleneck: ")
    terminal.process.send_signal(sent)
    assert terminal.finish() == code
    screen = left_on_screen(terminal.seen).strip()
    told = re.fullmatch(
        r"lookalike: Interrupted with ([\d,]+) pictures? safe in the gallery .*: "
        r"the same command goes on from there\.", screen,
    )  # fmt: skip
    assert told, screen
    kept = int(told[1].replace(",", ""))
    assert 1 <= kept < 2001
    assert lookalike("verify", "--gallery", "many").code == 0
    again = lookalike(*words).out
    assert f"  added      {2001 - kept:5,}\n" in again


def test_ctrl_c_while_the_program_is_loaded_is_one_line(process, tmp_path):
    (tmp_path / "early").mkdir()
    (tmp_path / "early" / "click.py").write_text("raise KeyboardInterrupt")
    done = process("info", environment={"PYTHONPATH": str(tmp_path / "early")})
    assert (done.returncode, done.stderr) == (130, b"lookalike: Interrupted.\n")


def test_ctrl_c_that_a_library_calls_a_failed_import_is_one_line(process, photos, tmp_path):
    (tmp_path / "early").mkdir()
    (tmp_path / "early" / "onnxruntime.py").write_text(
        "try:\n    raise KeyboardInterrupt\nexcept KeyboardInterrupt as error:\n"
        "    raise ImportError('initialization failed') from error\n"
    )
    done = process("index", photos, environment={"PYTHONPATH": str(tmp_path / "early")})
    assert (done.returncode, done.stderr) == (130, b"lookalike: Interrupted.\n")


def test_the_entry_point_is_light():
    program = "import sys, lookalike.__main__; print('click' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ran.stdout == b"False\n"
    settings = (Path(__file__).parent.parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert '[project.scripts]\nlookalike = "lookalike.__main__:main"\n' in settings


def test_garbage_is_collected_from_when_the_command_is_loaded(tmp_path, lookalike):
    """Of the program alone: who runs a command in a process of their own has their own ways."""
    (tmp_path / "demo.py").write_text(
        "import click, gc\n"
        "before = gc.isenabled()\n"
        "def show(): print(before, gc.isenabled(), gc.get_freeze_count() > 0)\n"
        "command = click.command()(show)"
    )
    program = (
        "import sys, lookalike.cli, lookalike.__main__\n"
        f"lookalike.cli.__path__.insert(0, {str(tmp_path)!r})\n"
        "sys.argv = ['lookalike', 'demo']\n"
        "lookalike.__main__.main()"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ran.stdout.split() == [b"False", b"True", b"True"]
    frozen = gc.get_freeze_count()
    assert lookalike("info", "--help").code == 0
    assert gc.get_freeze_count() == frozen


def test_python_dash_m_runs_the_same_program(process):
    done = process("--version")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"lookalike, version ")


def test_a_log_whose_screen_is_gone_stops_nothing(monkeypatch):
    class Gone(StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    ScreenHandler().handle(logging.makeLogRecord({"msg": "a picture was left out"}))
