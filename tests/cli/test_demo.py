"""``lookalike demo``."""

from __future__ import annotations

import pytest
from PIL import Image

from lookalike.gallery import is_gallery


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One rendered demonstration is enough for all."""
    return tmp_path_factory.mktemp("demonstration") / "demo"


def test_the_demonstration_renders_indexes_searches_and_draws(lookalike, place):
    done = lookalike("demo", place, "--pictures", 48)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Rendering 48 pictures into ")
    assert "\n48 pictures in " in done.out
    assert "  skipped 2 files:\n" in done.out
    assert done.out.count("\nMost like ") == 3
    assert done.out.count("\n   5  ") == 3
    assert is_gallery(place / "pictures" / ".lookalike")
    with Image.open(place / "sheet.jpg") as sheet:
        assert sheet.format == "JPEG"


def test_what_it_says_to_type_next_works(lookalike, place):
    said = lookalike("demo", place, "--pictures", 48).out
    (line,) = [line for line in said.splitlines() if " search " in line]
    done = lookalike(*line.split()[1:])
    assert done.code == 0
    assert len(done.out.splitlines()) == 10


def test_pictures_of_ones_own_are_only_read(lookalike, photos, tmp_path):
    before = sorted(photos.iterdir())
    done = lookalike("demo", tmp_path / "demo", "--images", photos)
    assert done.code == 0
    assert done.out.startswith("4 pictures in demo/gallery\n")
    assert sorted(photos.iterdir()) == before
    assert (tmp_path / "demo" / "sheet.jpg").is_file()


def test_quiet_says_nothing(lookalike, photos, tmp_path):
    done = lookalike("demo", tmp_path / "demo", "--images", photos, "-q")
    assert (done.code, done.out, done.err) == (0, "", "")
