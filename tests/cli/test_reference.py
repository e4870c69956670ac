"""The written reference: complete, and as the program says it now."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import click
import pytest

from lookalike.cli.main import COMMANDS, program

DOCS = Path(__file__).parent.parent.parent / "docs"
ROOT = click.Context(program, info_name="lookalike")


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    """The script that writes the reference."""
    spec = importlib.util.spec_from_file_location(
        "make_cli_reference", DOCS / "make_cli_reference.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_fresh(maker):
    written = (DOCS / "cli.md").read_text(encoding="utf-8")
    assert written == maker.reference(), "docs/cli.md is stale: run make docs"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_and_every_option_what_it_is_for(name):
    command = program.get_command(ROOT, name)
    assert command.name == name
    assert command.help
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, f"lookalike {name} {option.opts[-1]} has no help"
            assert option.help.endswith(".")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_in_the_reference(name):
    written = (DOCS / "cli.md").read_text(encoding="utf-8")
    section = written.split(f"## lookalike {name}\n")[1].split("\n## ")[0]
    for option in program.get_command(ROOT, name).params:
        for word in option.opts + option.secondary_opts:
            assert word in section or not word.startswith("-")


@pytest.mark.parametrize("name", ["index", "search"])
def test_the_help_of_the_main_commands_ends_in_examples(lookalike, name):
    done = lookalike(name, "--help")
    examples = done.out.split("\nExamples:\n")[1].splitlines()
    assert len(examples) >= 4
    assert all(line.startswith("  ") and len(line) <= 90 for line in examples)


def test_no_command_has_the_libraries_it_may_not_need(process):
    done = process("index", "--help", environment={"PYTHONPROFILEIMPORTTIME": "1"})
    loaded = {line.split(b"|")[-1].strip() for line in done.stderr.splitlines()}
    assert b"numpy" in loaded
    assert not loaded & {b"faiss", b"rich", b"onnxruntime", b"pyarrow"}


def test_searching_begins_without_the_libraries_that_a_server_makes_needless(process):
    done = process("search", "--help", environment={"PYTHONPROFILEIMPORTTIME": "1"})
    loaded = {line.split(b"|")[-1].strip() for line in done.stderr.splitlines()}
    assert b"lookalike.cli.searching.remote" in loaded
    assert not loaded & {b"numpy", b"PIL", b"sqlite3", b"http.client", b"email", b"base64"}


def test_the_overview_needs_no_numpy(process):
    done = process("--help", environment={"PYTHONPROFILEIMPORTTIME": "1"})
    loaded = {line.split(b"|")[-1].strip() for line in done.stderr.splitlines()}
    assert b"click" in loaded
    assert b"numpy" not in loaded
