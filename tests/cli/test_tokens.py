"""Tokens on the command line: made, listed, withdrawn."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from lookalike.server.safety.tokens import TokenFile


@pytest.fixture(autouse=True)
def own_settings(tmp_path, monkeypatch):
    """Keep the user's own file out of it."""
    monkeypatch.delenv("LOOKALIKE_TOKENS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_a_token_is_printed_alone_so_that_a_program_can_take_it(lookalike, tmp_path):
    made = lookalike("tokens", "add", "phone", "--file", tmp_path / "t.json")
    assert made.code == 0
    token = made.out.rstrip("\n")
    assert TokenFile(tmp_path / "t.json").find(token).scope == "read"
    assert "not shown again" in made.err
    assert token not in made.err


def test_tokens_are_listed_without_their_secrets(lookalike, tmp_path):
    token = lookalike("tokens", "add", "a", "--scope", "write", "--file", "t.json").out.strip()
    lookalike("tokens", "add", "longer", "--file", "t.json")
    listed = lookalike("tokens", "list", "--file", "t.json")
    assert [line.split()[:2] for line in listed.out.splitlines()] == [
        ["a", "write"],
        ["longer", "read"],
    ]
    assert token not in listed.out
    told = lookalike("tokens", "list", "--file", "t.json", "--json").out.splitlines()
    assert json.loads(told[0]).keys() == {"name", "scope", "created", "galleries"}


def test_a_token_may_be_for_some_galleries(lookalike, tmp_path):
    words = ["--gallery", "cats", "--gallery", "dogs", "--file", tmp_path / "t.json"]
    made = lookalike("tokens", "add", "guest", *words)
    assert "The token of guest may read in cats and dogs only." in made.err
    assert TokenFile(tmp_path / "t.json").find(made.out.strip()).galleries == ("cats", "dogs")
    lookalike("tokens", "add", "owner", "--file", "t.json")
    listed = lookalike("tokens", "list", "--file", "t.json").out.splitlines()
    shown = {line.split()[0]: line.split()[3:] for line in listed}
    assert shown == {"guest": ["cats,", "dogs"], "owner": []}
    told = lookalike("tokens", "list", "--file", "t.json", "--json").out.splitlines()
    galleries = {one["name"]: one["galleries"] for one in map(json.loads, told)}
    assert galleries == {"guest": ["cats", "dogs"], "owner": None}


def test_a_token_is_withdrawn(lookalike):
    token = lookalike("tokens", "add", "phone", "--file", "t.json").out.strip()
    assert lookalike("tokens", "remove", "phone", "--file", "t.json").code == 0
    assert TokenFile("t.json").find(token) is None
    again = lookalike("tokens", "remove", "phone", "--file", "t.json")
    assert again.code == 2
    assert "holds none" in again.err


def test_the_users_own_file_is_used_where_none_is_named(lookalike, tmp_path, monkeypatch):
    lookalike("tokens", "add", "phone")
    if sys.platform == "linux":
        assert (tmp_path / "config" / "lookalike" / "tokens.json").exists()
    monkeypatch.setenv("LOOKALIKE_TOKENS", str(tmp_path / "other.json"))
    lookalike("tokens", "add", "other")
    assert (tmp_path / "other.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "phone"], "There is a token 'phone' already"),
        (["add", "a b"], "cannot be the name of a token"),
        (["add", "-x"], "No such option"),
        (["add", "x" * 65], "cannot be the name"),
        (["add", "a", "--scope", "all"], "'read', 'write'"),
        (["add", "a", "--gallery", "My Cats"], "cannot stand in an address"),
        (["add"], "Missing argument"),
        (["remove", "nobody"], "those there are called phone"),
        (["list", "--file", "broken.json"], "no file of tokens"),
        (["add", "a", "--file", "broken.json"], "no file of tokens"),
        (["add", "a", "--file", "broken.json/x"], "cannot be"),
        (["nonsense"], "No such command"),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence(lookalike, tmp_path, words, said):
    lookalike("tokens", "add", "phone")
    (tmp_path / "broken.json").write_text("{")
    done = lookalike("tokens", *words)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err
    assert done.out == ""


def test_a_folder_that_cannot_be_written_is_told(lookalike, small_disk):
    place = small_disk("size=64k,ro")
    done = lookalike("tokens", "add", "phone", "--file", place / "t.json")
    assert done.code == 2
    assert "cannot be written" in done.err


def test_making_a_token_needs_no_server():
    program = (
        "import sys; import lookalike.cli.tokens; "
        "print([n for n in ('fastapi', 'uvicorn', 'numpy', 'PIL') if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr
