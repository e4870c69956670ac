"""Rules of the house that no single room can keep alone."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import lookalike
from lookalike import errors

SOURCE = Path(lookalike.__file__).parent

# What knows nothing of pictures, and may be imported everywhere.
GROUND = {"errors", "caching", "folder_dates", "late_names"}

# What each room may import besides itself and the ground floor; ARCHITECTURE: six floors,
# each standing above all that it uses.
ALLOWED: dict[str, set[str]] = {
    **{name: set() for name in GROUND},
    "vectors": set(),
    "images": set(),
    "encoders": {"images", "vectors"},
    "index": {"vectors"},
    "gallery": {"vectors"},
    "search": {"images", "vectors", "encoders", "index", "gallery"},
    "ingest": {"images", "vectors", "encoders", "index", "gallery"},
    "evaluation": {
        "images", "vectors", "encoders", "index", "gallery", "search", "ingest", "demonstration",
    },
    "training": {"images", "vectors", "encoders", "evaluation"},
    "client": {"images", "vectors", "index", "gallery", "search"},
    "server": {
        "images", "vectors", "encoders", "index", "gallery", "search", "ingest", "evaluation",
        "client",
    },
    "demonstration": {"images"},
    "cli": {
        "images", "vectors", "encoders", "index", "gallery", "search", "ingest", "evaluation",
        "training", "server", "client", "demonstration",
    },
}  # fmt: skip


def room_of(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


@cache
def imports_in(file: Path) -> list[ast.Import | ast.ImportFrom]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def imported_rooms(file: Path) -> set[str]:
    rooms = set()
    for node in imports_in(file):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif node.level == 0 and node.module:
            names = [node.module]
            if node.module == "lookalike":
                names = [f"lookalike.{alias.name}" for alias in node.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("lookalike.")}
    return rooms


def test_rooms_import_only_what_stands_below_them():
    wrong = []
    for file in SOURCE.rglob("*.py"):
        room = room_of(file)
        if room.startswith("__"):
            continue
        for other in imported_rooms(file) - {room, *GROUND}:
            if other not in ALLOWED[room]:
                wrong.append(f"{file.relative_to(SOURCE)} imports {other}")
    assert not wrong


def test_no_relative_imports_hide_an_arrow():
    hidden = [
        str(file)
        for file in SOURCE.rglob("*.py")
        for node in imports_in(file)
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert not hidden


def test_importing_the_package_loads_only_the_standard_library():
    program = (
        "import sys; before = set(sys.modules); import lookalike; "
        "new = {name.split('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names) - {'lookalike'}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_the_export_list_is_true_and_sorted():
    assert lookalike.__all__ == sorted(lookalike.__all__)
    for name in lookalike.__all__:
        assert getattr(lookalike, name) is not None


@pytest.mark.parametrize(
    "room", ["client", "encoders", "gallery", "images", "index", "ingest", "search", "server"]
)
def test_every_room_lists_what_it_exports(room):
    module = importlib.import_module(f"lookalike.{room}")
    assert module.__all__ == sorted(module.__all__)
    for name in module.__all__:
        assert getattr(module, name) is not None


def test_every_error_stands_in_the_drawn_tree():
    drawn = errors.__doc__ or ""
    for name in errors.__all__:
        assert name in drawn
        assert issubclass(getattr(errors, name), errors.LookalikeError)


@pytest.mark.parametrize("name", errors.__all__)
def test_errors_survive_pickling(name):
    import pickle

    kind = getattr(errors, name)
    error = kind("heif", "Reading HEIC") if name == "MissingExtra" else kind("one sentence")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)


def test_no_file_grew_past_reading():
    long = {
        str(file.relative_to(SOURCE)): lines
        for file in SOURCE.rglob("*.py")
        if (lines := file.read_text(encoding="utf-8").count("\n")) > 500
    }
    assert not long


def test_every_module_of_the_core_imports():
    heavy = {"training"}
    for module in pkgutil.walk_packages([str(SOURCE)], "lookalike."):
        if module.name.split(".")[1] not in heavy | {"__main__"}:
            importlib.import_module(module.name)
