"""Names of files that come from strangers or go to them."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("fastapi")

from lookalike.images import PICTURE_EXTENSIONS
from lookalike.images.formats import READERS
from lookalike.server.pictures.names import (
    EXTENSIONS,
    name_to_keep,
    numbered,
    safe_name,
    said_name,
)

HARMFUL = [
    "../../../etc/passwd", "..\\..\\win.ini", "/etc/cron.d/x", "C:\\evil.exe", "..", ".", "", " ",
    "a\0b\nc\x1b[31m", "con", "CON.txt", "nul .png", "com\u00b9.png", "lpt9", "-rf *",
    "gpj.\u202egnp.exe", "\u200bcat", "\ufeffcat", "\udcff\ud800.png", "x" * 5000,
    "é" * 300 + ".png", "." * 300, "a." + "b" * 5000, "\U000e0041.png", " . . .png", ".png",
]  # fmt: skip


@pytest.mark.parametrize("name", HARMFUL)
def test_no_name_harms_any_system(name: str) -> None:
    for made in (safe_name(name), name_to_keep(name, "PNG")):
        size = len(made.encode("utf-8"))
        assert 0 < size <= 180
        assert not set(made) & set('<>:"/\\|?*\0\n\x1b\u202e\u200b')
        assert made == made.strip(" .")
        assert made.partition(".")[0].strip().lower() not in {"con", "nul", "com¹", "lpt9"}


@pytest.mark.parametrize("name", HARMFUL)
def test_what_strangers_sent_is_kept_as_a_picture_and_means_nothing_to_a_shell(name: str) -> None:
    made = name_to_keep(f"$(touch evil) `x` {name}", "JPEG")
    bare = name_to_keep(name, "JPEG")

    assert not set(made) & set("`$;&!~{}[]'")
    assert bare[0] not in "-. "
    assert os.path.splitext(bare)[1] in PICTURE_EXTENSIONS


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../../etc/passwd.png", "passwd.png"),
        ("..\\..\\windows\\win.ini.png", "win.ini.png"),
        (".hidden.png", "hidden.png"),
        ("..", "picture.png"),
        ("", "picture.png"),
        ("a\x00b\x1b[31m\u202egnp.png", "a_b__31m_gnp.png"),
        ("CON.png", "_CON.png"),
        ("noextension", "noextension.png"),
        ("page.html", "page.html.png"),
        ("photo.JPG", "photo.jpg"),
        ("  a  b .png", "a  b.png"),
        ('"><script>.png', "___script_.png"),
        ("Caf\u0065\u0301.png", "Caf\u00e9.png"),
        ("猫.png", "猫.png"),
        ("\u0645\u06cc\u200c\u062e.png", "\u0645\u06cc\u200c\u062e.png"),
        ("é" * 300 + ".png", "é" * 88 + ".png"),
    ],
)
def test_a_sent_name_is_kept_as_far_as_a_folder_can_bear_it(name: str, kept: str) -> None:
    assert name_to_keep(name, "PNG") == kept


def test_what_goes_out_keeps_what_every_system_takes() -> None:
    assert safe_name("Ada's [best] & {last}; 100 % $.jpg") == "Ada's [best] & {last}; 100 % $.jpg"


def test_each_format_has_an_extension_by_which_folders_are_listed() -> None:
    assert set(EXTENSIONS) == {*READERS, "HEIF"}
    assert set(EXTENSIONS.values()) <= PICTURE_EXTENSIONS


def test_what_is_told_of_a_name() -> None:
    assert said_name("C:\\photos\\my\tcat.png") == "mycat.png"
    assert said_name("x" * 300) == "x" * 200
    assert [said_name(name) for name in (None, "", "a/", "\0")] == [None] * 4


def test_a_number_goes_before_the_extension() -> None:
    assert [numbered("cat.tar.jpg", 2), numbered("cat", 3)] == ["cat.tar (2).jpg", "cat (3)"]
