"""The documentation is true: its snippets run, its names exist, nothing public is left out."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import io
import json
import re
import shlex
import sqlite3
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest

import lookalike
from lookalike import errors
from lookalike.cli.main import COMMANDS, program, run
from lookalike.demonstration import render_collection
from lookalike.encoders import EncoderCard
from lookalike.encoders.cards import card_from
from lookalike.gallery.catalog import SCHEMA
from lookalike.images import PICTURE_EXTENSIONS, Preprocessing

PROJECT = Path(__file__).resolve().parent.parent
PAGES = sorted([PROJECT / "README.md", PROJECT / "CHANGELOG.md", *(PROJECT / "docs").glob("*.md")])
TEXT = {page.relative_to(PROJECT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}

# Whose options the pages may name besides the program's own.
OTHER_PROGRAMS = [
    *(PROJECT / "src" / "lookalike" / "training").glob("*.py"),
    *(PROJECT / "bench").glob("*.py"),
    PROJECT / "docs" / "refresh_outputs.py",
]

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
CODE_LINE = re.compile(r"^(?:\$ )?((?:[^|\n]+ \| )?lookalike .*)$", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")


def refresh_outputs() -> ModuleType:
    place = PROJECT / "docs" / "refresh_outputs.py"
    spec = importlib.util.spec_from_file_location("refresh_outputs", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


REFRESH = refresh_outputs()

# What only a shell understands, and what leaves a file open in this process.
NEEDS_A_SHELL = re.compile(r"[|<>&;*$~]|--log-file")


class QuickPlayer(REFRESH.Player):  # type: ignore[misc, name-defined]
    """Runs the program's own commands in this process: dozens of starts take half a minute."""

    def shell(self, command: str) -> str | None:
        if not command.startswith("lookalike ") or NEEDS_A_SHELL.search(command):
            return super().shell(command)
        out = io.StringIO()
        with self.inside(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            self.status = run(shlex.split(command)[1:])
        return out.getvalue()


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Render what the pages search: their pictures, and others to search with."""
    folder = tmp_path_factory.mktemp("documentation")
    render_collection(folder / "collection", pictures=48)
    render_collection(folder / "others", pictures=48, seed=7)
    return folder / "collection", folder / "others"


def parts(text: str) -> tuple[str, str]:
    """Part a page into its fenced blocks and its prose."""
    return "\n".join(FENCED.findall(text)), FENCED.sub("", text)


def commands_in(text: str) -> list[str]:
    """Collect every call of the program that a page shows, in blocks or in its prose."""
    blocks, prose = parts(text)
    shown = CODE_LINE.findall(blocks.replace("\\\n", " "))
    shown += [code for code in INLINE.findall(prose) if code.startswith("lookalike ")]
    return [line[line.index("lookalike ") :].split(" | ")[0] for line in shown]


def options_of(command: click.Command) -> set[str]:
    names = {"-h", "--help"}
    for inner in getattr(command, "commands", {}).values():
        names |= options_of(inner)
    for parameter in command.params:
        names |= {*parameter.opts, *parameter.secondary_opts}
    return names


def command_named(name: str) -> click.Command:
    found = program.get_command(click.Context(program), name)  # type: ignore[attr-defined]
    assert found is not None
    return found


def anchors(text: str) -> set[str]:
    """Derive the names of a page's headings as GitHub does."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
        for heading in HEADING.findall(FENCED.sub("", text))
    }


@pytest.mark.parametrize("page", REFRESH.PAGES)
def test_every_snippet_runs(page, collections, tmp_path):
    home = tmp_path / "home"
    REFRESH.make_home(home, *collections)
    QuickPlayer(home).played(TEXT[page])


@pytest.mark.parametrize("page", [*REFRESH.PAGES, *REFRESH.FILLED_ONLY])
def test_numbers_of_the_encoder_come_from_its_card(page):
    assert REFRESH.filled(TEXT[page]) == TEXT[page], "run python docs/refresh_outputs.py"


def test_make_demo_announces_what_the_readme_shows():
    assert "Installing Lookalike into $(VENV) ..." in (PROJECT / "Makefile").read_text()


def test_a_failing_snippet_is_noticed(tmp_path):
    page = "```console\n$ false\n```\n"
    with pytest.raises(RuntimeError, match="ended with 1"):
        REFRESH.Player(tmp_path).played(page)


def test_outputs_take_the_place_of_old_ones(tmp_path):
    page = "```console\n$ echo new\nold\n```\n\n```python\nprint(6 * 7)\n```\n\n```text\n41\n```\n"
    fresh = "```console\n$ echo new\nnew\n```\n\n```python\nprint(6 * 7)\n```\n\n```text\n42\n```\n"
    assert REFRESH.Player(tmp_path).played(page) == fresh


@pytest.mark.parametrize("name", lookalike.__all__)
def test_every_public_name_is_documented(name):
    assert f"`{name}`" in TEXT["docs/guide.md"]


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_documented(name):
    assert f"`{name}`" in TEXT["docs/guide.md"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name):
    pages = "README.md" if name == "demo" else "docs/guide.md"
    mentioned = f"lookalike {name}" in TEXT[pages]
    assert mentioned or (name == "demo" and "make demo" in TEXT[pages])


@pytest.mark.parametrize("page", TEXT)
def test_every_command_shown_exists_with_its_options(page):
    for shown in commands_in(TEXT[page]):
        words = shlex.split(shown, comments=True)[1:]
        name = next((word for word in words if not word.startswith("-")), None)
        if name is None:  # lookalike --help
            continue
        assert name in COMMANDS, f"{shown!r} in {page}"
        given = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        unknown = given - options_of(command_named(name))
        assert not unknown, f"{shown!r} in {page} names {unknown}"


@pytest.mark.parametrize("page", TEXT)
def test_every_option_named_in_the_prose_exists(page):
    known = {"--upgrade"}.union(*(options_of(command_named(name)) for name in COMMANDS))
    others = "\n".join(file.read_text(encoding="utf-8") for file in OTHER_PROGRAMS)
    for code in INLINE.findall(parts(TEXT[page])[1]):
        for option in OPTION.findall(code):
            assert option in known or f'"{option}"' in others, f"{option} in {page}"


@pytest.mark.parametrize("page", TEXT)
def test_every_link_leads_somewhere(page):
    for link in LINK.findall(parts(TEXT[page])[1]):
        if re.match(r"https?://", link):
            continue
        file, _, anchor = link.partition("#")
        place = (PROJECT / page).parent / file if file else PROJECT / page
        assert place.exists(), f"{link} in {page}"
        if anchor:
            assert anchor in anchors(place.read_text(encoding="utf-8")), f"{link} in {page}"


def test_modules_that_the_pages_run_exist():
    for text in TEXT.values():
        for module in re.findall(r"python -m (lookalike[\w.]*)", text):
            assert importlib.util.find_spec(module.rpartition(".")[0])
            assert (PROJECT / "src" / (module.replace(".", "/") + ".py")).exists()
        for script in re.findall(r"python ((?:bench|docs)/\w+\.py)", text):
            assert (PROJECT / script).exists()


def test_the_list_of_extensions_is_complete():
    [listed] = re.findall(r"`(\.jpg [^`]+)`", TEXT["docs/guide.md"])
    assert set(listed.split()) == PICTURE_EXTENSIONS


def test_the_card_that_is_shown_is_a_card():
    [shown] = re.findall(
        r"^```json\n(.*?)^```$", TEXT["docs/encoders.md"], re.DOTALL | re.MULTILINE
    )
    card = card_from(json.loads(shown))
    assert card.dim == 512
    assert card.preprocessing.resize == 256


@pytest.mark.parametrize("kind", [EncoderCard, Preprocessing])
def test_every_key_of_a_card_is_described(kind):
    for item in dataclasses.fields(kind):
        assert f"`{item.name}`" in TEXT["docs/encoders.md"]


def test_every_table_and_column_of_a_gallery_is_described():
    with contextlib.closing(sqlite3.connect(":memory:")) as catalog:
        catalog.executescript(SCHEMA)
        named = catalog.execute(
            "SELECT t.name, c.name FROM sqlite_master AS t, pragma_table_info(t.name) AS c "
            "WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'"
        ).fetchall()
    described = set(INLINE.findall(TEXT["docs/gallery-format.md"]))
    for heading in HEADING.findall(TEXT["docs/gallery-format.md"]):
        described |= set(heading.split(" and "))
    assert {name for pair in named for name in pair} <= described


def test_the_picture_of_the_readme_is_small():
    assert REFRESH.SHEET.stat().st_size < 200_000
