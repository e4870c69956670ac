"""The command that adds an extra fits how Lookalike was installed."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from lookalike.cli.extras import install_line, with_install_lines
from lookalike.errors import MissingExtra


@pytest.fixture
def installed(monkeypatch):
    """Let pip have noted something of where the package came from."""

    def note(text):
        class Noted:
            def read_text(self, name):
                return text if name == "direct_url.json" else None

        monkeypatch.setattr(metadata, "distribution", lambda name: Noted())

    return note


@pytest.fixture
def checkout(tmp_path) -> Path:
    folder = tmp_path / "of mine"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    return folder


def facts(folder: Path, **told) -> str:
    return json.dumps({"url": folder.as_uri(), "dir_info": told})


def test_from_an_index_the_name_is_enough(installed):
    installed(None)
    assert install_line("heif") == "pip install 'lookalike[heif]'"


def test_from_a_checkout_the_folder_is_named(installed, checkout):
    installed(facts(checkout))
    assert install_line("heif") == f"pip install '{checkout}[heif]'"


def test_an_editable_one_stays_editable(installed, checkout):
    installed(facts(checkout, editable=True))
    assert install_line("heif") == f"pip install -e '{checkout}[heif]'"


def test_a_checkout_that_is_gone_is_not_named(installed, checkout):
    installed(facts(checkout))
    (checkout / "pyproject.toml").unlink()
    assert install_line("heif") == "pip install 'lookalike[heif]'"


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", '{"url": "https://example.org/lookalike.whl", "dir_info": {}}']
)
def test_other_notes_are_left_aside(installed, text):
    installed(text)
    assert install_line("heif") == "pip install 'lookalike[heif]'"


def test_sentences_of_the_library_are_made_to_fit(installed, checkout):
    installed(facts(checkout))
    told = with_install_lines(str(MissingExtra("plot", "Plots")))
    assert told.endswith(f"is not installed: run pip install '{checkout}[plot]'.")
