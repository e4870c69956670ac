"""Run what the documentation shows, and write down what it prints.

    python docs/refresh_outputs.py [--pictures 720] [--collection DIR] [--tests]

The pages mark by language what is real:

- ``console``: each line after ``$ `` is run by bash; the other lines are what it
  printed. A command must succeed, unless the next one is ``echo $?``.
- ``python``: run in order, all blocks of a page in one namespace.
- ``sql``: run on the catalog of ``photos``.
- ``text`` right after a ``python`` or ``sql`` block: what that printed.
- ``sh``: something to type that is not run here.

Text between ``<!-- begin NAME -->`` and ``<!-- end NAME -->`` comes from the card of
the encoder in the box. ``make demo`` is run as make runs it; its contact sheet becomes
the picture of the README. ``--tests`` also runs ``make test``, for its last line.

Each page is played in a home folder of its own, made by ``make_home``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import lookalike
from lookalike.demonstration import render_collection

PROJECT = Path(__file__).resolve().parent.parent
PAGES = (
    "README.md",
    "docs/guide.md",
    "docs/queries.md",
    "docs/encoders.md",
    "docs/evaluation.md",
    "docs/gallery-format.md",
    "docs/metrics.md",
)
FILLED_ONLY = ("docs/benchmarks.md",)
SHEET = PROJECT / "docs" / "images" / "demo-sheet.jpg"

# Whoever reads the pages has a home folder too; this one stands for it.
SHOWN_HOME = "/home/ada"

FENCE = re.compile(r"^```(\w*)$")
FILLED = re.compile(r"(<!-- begin ([\w-]+) -->\n).*?(<!-- end \2 -->)", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One fenced block: lines ``first`` to ``stop`` (exclusive) of a page, fences not included."""

    language: str
    first: int
    stop: int


def blocks_of(page: str) -> Iterator[Block]:
    """Find the fenced blocks of a page."""
    language, first = None, 0
    for number, line in enumerate(page.split("\n")):
        fence = FENCE.match(line)
        if fence is None:
            continue
        if language is None:
            language, first = fence[1], number + 1
        else:
            yield Block(language, first, number)
            language = None


def make_home(home: Path, collection: Path, others: Path) -> None:
    """Lay out what the pages work with.

    Args:
        home: A folder that is not there yet.
        collection: Rendered pictures, to become ``photos``.
        others: A collection of another seed: one of its pictures is the query.
    """
    home.mkdir(parents=True)
    ignored = shutil.ignore_patterns(".lookalike")
    shutil.copytree(collection, home / "photos", ignore=ignored)
    shutil.copytree(others / "sunset", home / "holiday")
    picture = sorted((others / "butterfly").iterdir())[0]
    lookalike.decode(str(picture)).image.save(home / "query.jpg", quality=90)
    (home / "favourites.txt").write_text(
        "# one path a line, seen from this file's folder\n"
        "photos/cup/cup-001.jpeg\nphotos/owl/owl-002.jpg\nphotos/boat/boat-001.jpg\n"
    )
    (home / "captions.csv").write_text(
        "file_name,title,stars\ncup-001.jpeg,A cup of tea,4\nowl-002.jpg,Night watch,5\n"
    )
    box = Path(str(resources.files("lookalike.encoders") / "builtin"))
    shutil.copy(box / "weights.onnx", home / "network.onnx")
    shutil.copy(box / "card.json", home / "network.json")
    (home / "lookalike").mkdir()
    (home / "lookalike" / ".venv").symlink_to(sys.prefix)


@dataclass
class Player:
    """Plays one page in a home folder.

    Attributes:
        home: The folder.
        pictures: How many pictures ``make demo`` renders; 0 leaves it out.
        collection: Such pictures, rendered before: the same bytes, sooner.
        with_tests: Whether ``make test`` is run.
    """

    home: Path
    pictures: int = 0
    collection: Path | None = None
    with_tests: bool = False
    folder: Path = field(init=False)
    status: int = 0
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "documentation"})

    def __post_init__(self) -> None:
        self.folder = self.home

    def played(self, page: str) -> str:
        """Run a page's blocks in order; return the page with what they print now."""
        lines = page.split("\n")
        fresh: list[str] = []
        copied = 0
        printed: str | None = None
        end = -2
        for block in blocks_of(page):
            body = lines[block.first : block.stop]
            fresh += lines[copied : block.first]
            if (
                block.language == "text"
                and printed is not None
                and self._follows(lines, end, block)
            ):
                body = printed.rstrip("\n").split("\n")
            printed = None
            if block.language == "console":
                body = self.console(body)
            elif block.language == "python":
                printed, end = self.python("\n" * block.first + "\n".join(body)), block.stop
            elif block.language == "sql":
                printed, end = self.sql("\n".join(body)), block.stop
            fresh += body
            copied = block.stop
        return "\n".join(fresh + lines[copied:])

    @staticmethod
    def _follows(lines: Sequence[str], end: int, block: Block) -> bool:
        return not "".join(lines[end + 1 : block.first - 1]).strip()

    def console(self, body: Sequence[str]) -> list[str]:
        """Run the commands of one block; return them with what they print."""
        commands = [line for line in body if line.startswith("$ ")]
        fresh: list[str] = []
        for number, line in enumerate(commands):
            kept = self._kept(body, line)
            printed = self.shell(line.removeprefix("$ "))
            may_fail = commands[number + 1 : number + 2] == ["$ echo $?"]
            if self.status and not may_fail:
                raise RuntimeError(f"{line!r} ended with {self.status}:\n{printed}")
            fresh.append(line)
            fresh += kept if printed is None else self.tidied(printed)
        return fresh

    @staticmethod
    def _kept(body: Sequence[str], command: str) -> list[str]:
        """Return what the page says that a command printed."""
        kept: list[str] = []
        for line in body[list(body).index(command) + 1 :]:
            if line.startswith("$ "):
                break
            kept.append(line)
        return kept

    def tidied(self, printed: str) -> list[str]:
        """Put the reader's home in the place of this one."""
        text = printed.replace(str(self.home), SHOWN_HOME).rstrip("\n")
        return [line.rstrip() for line in text.split("\n")] if text else []

    def shell(self, command: str) -> str | None:
        """Run a command where the last one left off; None where it is left out."""
        if command == "make demo":
            return self.demonstration()
        if command == "make test":
            return last_line_of_tests() if self.with_tests else None
        script = f"(exit {self.status})\n{command}\nprintf '\\0%s\\0%s' $? \"$PWD\""
        run = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        printed, status, folder = run.stdout.decode(errors="replace").rsplit("\0", 2)
        self.status, self.folder = int(status), Path(folder)
        return printed

    def environment(self) -> dict[str, str]:
        """Build the environment of a user with the program on the search path."""
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        return {**os.environ, "HOME": str(self.home), "PATH": programs, "COLUMNS": "100"}

    def demonstration(self) -> str | None:
        """Do what ``make demo`` does in a fresh checkout; keep its contact sheet."""
        if not self.pictures:
            return None
        announced = "Installing Lookalike into .venv ...\n"
        checkout = self.home / "lookalike"
        if self.collection is not None:
            ignored = shutil.ignore_patterns(".lookalike")
            shutil.copytree(self.collection, checkout / "demo" / "pictures", ignore=ignored)
        command = [".venv/bin/lookalike", "demo", "demo", "--pictures", str(self.pictures)]
        programs = os.pathsep.join(
            folder
            for folder in os.environ.get("PATH", "").split(os.pathsep)
            if not (Path(folder) / "lookalike").exists()
        )
        run = subprocess.run(
            command,
            cwd=checkout,
            env={**os.environ, "HOME": str(self.home), "PATH": programs},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        self.status = run.returncode
        return announced + run.stdout.decode()

    def python(self, code: str) -> str:
        """Run a block in the page's namespace; return what it prints."""
        out = io.StringIO()
        with self.inside(), contextlib.redirect_stdout(out):
            exec(compile(code, "documentation", "exec"), self.names)
        return out.getvalue().replace(str(self.home), SHOWN_HOME)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Work in the current folder, with the home folder as HOME."""
        folder, home = Path.cwd(), os.environ.get("HOME")
        os.chdir(self.folder)
        os.environ["HOME"] = str(self.home)
        try:
            yield
        finally:
            os.chdir(folder)
            if home is None:
                del os.environ["HOME"]
            else:
                os.environ["HOME"] = home

    def sql(self, query: str) -> str:
        """Ask the catalog of ``photos``; rows as the sqlite3 program prints them."""
        catalog = self.home / "photos" / ".lookalike" / "catalog.sqlite"
        with contextlib.closing(sqlite3.connect(f"{catalog.as_uri()}?mode=ro", uri=True)) as opened:
            rows = opened.execute(query).fetchall()
        return "\n".join(
            "|".join("" if value is None else str(value) for value in row) for row in rows
        )


def last_line_of_tests() -> str:
    """Run the core's tests and return pytest's last line."""
    run = subprocess.run(["make", "test"], cwd=PROJECT, capture_output=True, text=True, check=True)
    return "...\n" + run.stdout.strip().split("\n")[-1].strip("= ")


def filled(page: str) -> str:
    """Fill in what the card of the encoder in the box says."""
    card = json.loads(
        resources.files("lookalike.encoders").joinpath("builtin/card.json").read_text()
    )
    texts = {
        "encoder-quality": encoder_quality(card),
        "encoder-facts": encoder_facts(card),
        "encoder-commands": encoder_commands(card),
    }
    return FILLED.sub(lambda found: f"{found[1]}{texts[found[2]]}\n{found[3]}", page)


def encoder_quality(card: dict[str, Any]) -> str:
    """Lay the measured quality out beside the teacher's."""
    lines = [
        "| pictures | n | mAP | teacher's mAP | share | precision@1 | teacher's precision@1 |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    titles = {
        "caltech101-eval": "Caltech-101, 101 classes",
        "grocery-eval": "Grocery Store, fruit and vegetables",
        "clothing-eval": "Clothing, 10 classes",
    }
    for name, row in card["measured"]["retrieval"].items():
        own, teacher = row["mean_average_precision"], row["teacher_mean_average_precision"]
        lines.append(
            f"| {titles.get(name, name)} | {row['pictures']} | {own:.4f} | {teacher:.4f} "
            f"| {own / teacher:.2f} | {row['precision_at_1']:.4f} "
            f"| {row['teacher_precision_at_1']:.4f} |"
        )
    return "\n".join(lines)


def encoder_facts(card: dict[str, Any]) -> str:
    """Say what it is and what it costs."""
    measured, size = card["measured"], card["preprocessing"]["size"]
    return (
        f"{card['parameters'] / 1e6:.1f} million parameters in {card['size_bytes'] / 1e6:.1f} MB, "
        f"{size} x {size} pixels in, {card['dim']} numbers out; "
        f"{measured['ms_per_picture_one_thread']:.1f} ms a picture on one thread "
        f"({measured['machine']})."
    )


def encoder_commands(card: dict[str, Any]) -> str:
    """Show the commands that made the weights."""
    return "\n".join(["```sh", *card["recipe"]["commands"], "```"])


def keep_sheet(home: Path) -> None:
    """Make the demonstration's contact sheet the picture of the README."""
    from PIL import Image

    SHEET.parent.mkdir(exist_ok=True)
    with Image.open(home / "lookalike" / "demo" / "sheet.jpg") as sheet:
        sheet.save(SHEET, quality=80, optimize=True)


def main() -> None:
    """Refresh all pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=720, help="how many to render")
    parser.add_argument("--collection", type=Path, help="render to here, or use what lies there")
    parser.add_argument("--tests", action="store_true", help="run make test, for its last line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        collection, others = options.collection or Path(work, "collection"), Path(work, "others")
        render_collection(collection, pictures=options.pictures)
        render_collection(others, pictures=120, seed=7)
        for name in PAGES:
            home = Path(work, Path(name).stem, "home")
            make_home(home, collection, others)
            player = Player(
                home, pictures=options.pictures, collection=collection, with_tests=options.tests
            )
            place = PROJECT / name
            sys.stderr.write(f"{name} ...\n")
            place.write_text(filled(player.played(place.read_text("utf-8"))), "utf-8")
            if (home / "lookalike" / "demo").exists():
                keep_sheet(home)
    for name in FILLED_ONLY:
        place = PROJECT / name
        place.write_text(filled(place.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
