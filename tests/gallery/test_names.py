"""What the room offers."""

from __future__ import annotations

import subprocess
import sys

import lookalike.gallery as room


def test_exported_names_are_sorted_and_there() -> None:
    assert sorted(room.__all__) == room.__all__
    assert all(hasattr(room, name) for name in room.__all__)


def test_every_exported_name_is_documented() -> None:
    assert [name for name in room.__all__ if not getattr(room, name).__doc__] == []


def test_the_room_loads_no_other_room() -> None:
    assert loaded_by("from lookalike.gallery import *") == [
        "errors",
        "gallery",
        "late_names",
        "vectors",
    ]


def test_importing_the_room_loads_nothing_of_it() -> None:
    assert loaded_by("import lookalike.gallery") == ["gallery", "late_names"]


def loaded_by(statement: str) -> list[str]:
    """List the rooms that a statement loads in a new process."""
    script = (
        f"import sys; {statement};"
        "print(*sorted({n.split('.')[1] for n in sys.modules if n.startswith('lookalike.')}))"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return loaded.stdout.decode().split()
