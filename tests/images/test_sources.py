"""Folders, globs, lists and single files as they are found on real disks."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lookalike.errors import SourceNotFound, UsageError
from lookalike.images import PICTURE_EXTENSIONS, ImageRef, Source, open_source


def put(path: Path, *, size: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def paths(source: Source, *, exclude: tuple[str, ...] = ()) -> list[str]:
    return [reference.path for reference in source.scan(exclude=exclude)]


def test_a_folder_gives_its_pictures_sorted_in_each_folder(tmp_path: Path) -> None:
    for name in ["b.png", "a.jpg", "notes.txt", "inner/d.gif", "inner/c.webp", "Z/e.bmp"]:
        put(tmp_path / name)
    source = open_source(tmp_path)
    assert (source.kind, source.location, source.root) == ("folder", str(tmp_path), str(tmp_path))
    assert paths(source) == ["a.jpg", "b.png", "Z/e.bmp", "inner/c.webp", "inner/d.gif"]


def test_a_reference_tells_size_and_time_and_leads_back_to_the_file(tmp_path: Path) -> None:
    file = put(tmp_path / "in" / "a.jpg", size=7)
    os.utime(file, ns=(5, 123_456_789))
    source = open_source(tmp_path)
    assert list(source.scan()) == [ImageRef("in/a.jpg", 7, 123_456_789)]
    assert source.absolute("in/a.jpg") == str(file)


def test_extensions_count_in_any_letter_case(tmp_path: Path) -> None:
    for name in ["A.JPG", "b.JpEg", "c.HEIC", "d.tiff", "jpg", "e.jpg.part"]:
        put(tmp_path / name)
    assert paths(open_source(tmp_path)) == ["A.JPG", "b.JpEg", "c.HEIC", "d.tiff"]
    expected = {".jpg", ".png", ".webp", ".gif", ".bmp", ".tif", ".avif", ".heic", ".heif"}
    assert expected <= PICTURE_EXTENSIONS


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    for name in [".a.jpg", ".lookalike/b.jpg", "c/.d/e.jpg", "c/f.jpg"]:
        put(tmp_path / name)
    assert paths(open_source(tmp_path)) == ["c/f.jpg"]


def test_galleries_and_excluded_folders_are_not_entered(tmp_path: Path) -> None:
    for name in ["g/catalog.sqlite", "g/segments/a.jpg", "g/a.jpg", "skip/b.jpg", "c.jpg"]:
        put(tmp_path / name)
    (tmp_path / "way-in").symlink_to(tmp_path / "skip")
    excluded = (str(tmp_path / "skip"), str(tmp_path / "missing"))
    assert paths(open_source(tmp_path), exclude=excluded) == ["c.jpg"]


def test_the_root_itself_is_always_entered(tmp_path: Path) -> None:
    put(tmp_path / "catalog.sqlite")
    put(tmp_path / "a.jpg")
    assert paths(open_source(tmp_path), exclude=(str(tmp_path),)) == ["a.jpg"]


@pytest.mark.parametrize(
    "name",
    [
        b"with space.jpg",
        b"new\nline.jpg",
        b"tab\tquote'\".jpg",
        "Übergröße.jpg".encode(),
        "写真.jpg".encode(),
        "صورة.jpg".encode(),
        b"latin-\xe9t\xe9.jpg",
        b"\xff\xfe.jpg",
        b"[x]*.jpg",
    ],
)
def test_every_name_a_file_can_have_comes_back(tmp_path: Path, name: bytes) -> None:
    location = os.path.join(os.fsencode(tmp_path), b"folder", name)
    put(Path(os.fsdecode(location)), size=3)
    source = open_source(tmp_path)
    (reference,) = source.scan()
    assert reference == ImageRef("folder/" + os.fsdecode(name), 3, os.stat(location).st_mtime_ns)
    assert os.fsencode(source.absolute(reference.path)) == location
    (alone,) = open_source(source.absolute(reference.path)).scan()
    assert alone.path == os.fsdecode(name)
    (tmp_path / "list.txt").write_bytes(b"folder/" + name + b"\0")
    (listed,) = open_source(tmp_path / "list.txt").scan()
    assert listed == reference


def test_links_are_followed_and_going_in_circles_is_not(tmp_path: Path) -> None:
    put(tmp_path / "photos" / "deep" / "a.jpg")
    put(tmp_path / "elsewhere" / "b.jpg")
    (tmp_path / "photos" / "deep" / "up").symlink_to(tmp_path / "photos")
    (tmp_path / "photos" / "self").symlink_to("self")
    (tmp_path / "photos" / "other").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "photos")
    (tmp_path / "photos" / "c.jpg").symlink_to(tmp_path / "elsewhere" / "b.jpg")
    (tmp_path / "photos" / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert paths(open_source(tmp_path / "photos")) == ["c.jpg", "deep/a.jpg", "other/b.jpg"]


def test_a_link_to_a_folder_inside_renames_nothing(tmp_path: Path) -> None:
    put(tmp_path / "z" / "a.jpg")
    (tmp_path / "early").symlink_to(tmp_path / "z")
    (tmp_path / "early-too").symlink_to(tmp_path / "z")
    assert paths(open_source(tmp_path)) == ["z/a.jpg"]


def test_a_link_to_the_source_stays_as_the_user_named_it(tmp_path: Path) -> None:
    put(tmp_path / "disk" / "a.jpg")
    (tmp_path / "photos").symlink_to(tmp_path / "disk")
    source = open_source(tmp_path / "photos")
    assert source.location == str(tmp_path / "photos")
    assert paths(source) == ["a.jpg"]


def test_pipes_with_a_picture_name_are_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    put(tmp_path / "a.jpg")
    assert paths(open_source(tmp_path)) == ["a.jpg"]


@pytest.fixture
def abyss(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    # Python's own rmtree, which clears up later, cannot go that deep.
    subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)


def test_folders_may_nest_deeper_than_calls(abyss: Path) -> None:
    depth = 1100
    here = os.open(abyss, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("a.jpg", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    assert paths(open_source(abyss)) == ["d/" * depth + "a.jpg"]


def test_an_unreadable_folder_is_reported_and_the_rest_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "a" / "locked" / "x.jpg")
    put(tmp_path / "b.jpg")
    scandir = os.scandir

    def refusing(folder: str) -> object:
        if folder.rstrip("/").endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    unknown: list[str] = []
    found = [ref.path for ref in open_source(tmp_path).scan(on_unreadable=unknown.append)]
    assert (found, unknown) == (["b.jpg"], ["a/locked"])
    assert "locked/' cannot be listed: Permission denied" in caplog.text


def test_a_missing_folder_is_an_error_of_the_call(tmp_path: Path) -> None:
    source = Source("folder", str(tmp_path / "gone"))
    with pytest.raises(SourceNotFound, match="drive is connected"):
        source.scan()
    with pytest.raises(SourceNotFound, match="cannot be listed: Not a directory"):
        Source("folder", str(put(tmp_path / "file"))).scan()


def test_a_folder_that_goes_away_while_it_is_listed_is_not_empty(tmp_path: Path) -> None:
    put(tmp_path / "drive" / "a.jpg")
    put(tmp_path / "drive" / "in" / "b.jpg")
    listing = open_source(tmp_path / "drive").scan()
    assert next(listing).path == "a.jpg"
    (tmp_path / "drive").rename(tmp_path / "unplugged")
    with pytest.raises(SourceNotFound, match="went away"):
        list(listing)


# --- Globs


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ["a.jpg", "b.png", "x/c.jpg", "x/y/d.jpg", "x/y/e.raw", ".h/f.jpg", "x/.g.jpg"]:
        put(tmp_path / name)
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["a.jpg"]),
        ("**/*.jpg", ["a.jpg", "x/c.jpg", "x/y/d.jpg"]),
        ("**", ["a.jpg", "b.png", "x/c.jpg", "x/y/d.jpg", "x/y/e.raw"]),
        ("x/**/*", ["c.jpg", "y/d.jpg", "y/e.raw"]),
        ("*/y/[de].*", ["x/y/d.jpg", "x/y/e.raw"]),
        ("x/?.jpg", ["c.jpg"]),
        (".h/*.jpg", ["f.jpg"]),
        (".*/*.jpg", [".h/f.jpg"]),
        ("**/y/**/d.jpg", ["x/y/d.jpg"]),
        ("nothing*", []),
    ],
)
def test_a_glob_gives_what_it_matches(tree: Path, pattern: str, expected: list[str]) -> None:
    source = open_source(str(tree / pattern))
    assert source.kind == "glob"
    assert paths(source) == expected
    assert all(os.path.isfile(source.absolute(path)) for path in expected)


def test_a_globs_root_is_its_longest_folder_without_magic(tree: Path) -> None:
    assert Source("glob", f"{tree}/x/*/d.jpg").root == f"{tree}/x"
    assert Source("glob", "/*.jpg").root == "/"


def test_a_glob_does_not_go_in_circles(tree: Path) -> None:
    (tree / "x" / "loop").symlink_to(tree)
    assert paths(open_source(f"{tree}/**/*.jpg")) == ["a.jpg", "x/c.jpg", "x/y/d.jpg"]


def test_a_globs_missing_root_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound):
        open_source(f"{tmp_path}/gone/*.jpg").scan()


def test_an_existing_file_with_magic_in_its_name_is_that_file(tmp_path: Path) -> None:
    put(tmp_path / "[1].jpg")
    put(tmp_path / "1.jpg")
    source = open_source(tmp_path / "[1].jpg")
    assert (source.kind, paths(source)) == ("file", ["[1].jpg"])


# --- Lists


def test_a_list_names_one_path_a_line(tmp_path: Path) -> None:
    for name in ["a b.jpg", "in/c.jpg", "scan0001"]:
        put(tmp_path / name)
    away = put(tmp_path.parent / f"{tmp_path.name}-away.jpg")
    lines = ["# wanted", "in/c.jpg", "", "./a b.jpg", "in//c.jpg", "  ", "scan0001", str(away)]
    (tmp_path / "list.txt").write_text("\n".join(lines))
    source = open_source(tmp_path / "list.txt")
    assert (source.kind, source.root) == ("list", str(tmp_path))
    assert paths(source) == ["in/c.jpg", "a b.jpg", "scan0001", str(away)]
    assert source.absolute(str(away)) == str(away)


def test_a_list_from_windows_may_have_its_line_ends_and_mark(tmp_path: Path) -> None:
    put(tmp_path / "ä.jpg")
    put(tmp_path / "b.jpg")
    (tmp_path / "list.lst").write_bytes("\ufeffä.jpg\r\nb.jpg\r\n".encode())
    assert paths(open_source(tmp_path / "list.lst")) == ["ä.jpg", "b.jpg"]


def test_nul_separated_lists_take_every_name(tmp_path: Path) -> None:
    put(tmp_path / "#a.jpg")
    put(tmp_path / "b\nc.jpg")
    (tmp_path / "names").write_bytes(b"./#a.jpg\0./b\nc.jpg\0")
    source = open_source(f"@{tmp_path}/names")
    assert (source.kind, paths(source)) == ("list", ["#a.jpg", "b\nc.jpg"])


def test_a_missing_entry_is_logged_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "a.jpg")
    (tmp_path / "folder").mkdir()
    (tmp_path / "list.txt").write_text("gone.jpg\na.jpg\nfolder\n")
    with caplog.at_level(logging.WARNING):
        assert paths(open_source(tmp_path / "list.txt")) == ["a.jpg"]
    assert "'gone.jpg' of the list" in caplog.text
    assert "'folder' of the list" in caplog.text


def test_a_list_of_which_nothing_is_there_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("gone.jpg\nalso.jpg\n")
    with pytest.raises(SourceNotFound, match="None of the 2 files"):
        paths(open_source(tmp_path / "list.txt"))


def test_an_empty_list_is_empty(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("# nothing yet\n")
    assert paths(open_source(tmp_path / "list.txt")) == []


def test_a_missing_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="no list file"):
        open_source(f"@{tmp_path}/gone")
    with pytest.raises(SourceNotFound, match="cannot be read"):
        Source("list", str(tmp_path / "gone.txt")).scan()


# --- Single files and spelling


def test_a_single_file_is_taken_whatever_its_extension(tmp_path: Path) -> None:
    source = open_source(put(tmp_path / "scan0001", size=4))
    assert (source.kind, source.root) == ("file", str(tmp_path))
    assert [(ref.path, ref.size_bytes) for ref in source.scan()] == [("scan0001", 4)]


def test_a_single_file_that_was_deleted_is_no_picture_any_more(tmp_path: Path) -> None:
    assert list(Source("file", str(tmp_path / "gone.jpg")).scan()) == []


def test_a_single_file_whose_folder_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="There is no folder"):
        Source("file", str(tmp_path / "drive" / "gone.jpg")).scan()


def test_what_cannot_be_looked_at_is_told_and_not_taken_for_gone(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg")
    (tmp_path / "usb").symlink_to(tmp_path / "unplugged")
    unseen: list[str] = []
    found = open_source(tmp_path).scan(on_unreadable=unseen.append)
    assert [ref.path for ref in found] == ["a.jpg"]
    assert unseen == ["usb"]


def test_files_of_a_list_on_a_missing_drive_are_out_of_sight(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg")
    names = tmp_path / "names.txt"
    names.write_text("a.jpg\ndeleted.jpg\ndrive/b.jpg\n")
    unseen: list[str] = []
    found = open_source(names).scan(on_unreadable=unseen.append)
    assert [ref.path for ref in found] == ["a.jpg"]
    assert unseen == ["drive/b.jpg"]


def test_home_and_relative_places_become_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    expected = Source("folder", str(tmp_path / "photos"))
    assert open_source("~/photos") == open_source("photos") == open_source("./photos/") == expected


@pytest.mark.parametrize("typed", ["", "no/such/place", "http://example.org/a.jpg", "a\0b", "@"])
def test_what_is_nowhere_is_not_found(typed: str) -> None:
    with pytest.raises(SourceNotFound):
        open_source(typed)


def test_a_source_checks_itself() -> None:
    with pytest.raises(UsageError, match="kind 'tar' is unknown"):
        Source("tar", "/photos.tar")
    with pytest.raises(UsageError, match="is absolute"):
        Source("folder", "photos")


def test_a_root_that_may_not_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(folder: str) -> object:
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(SourceNotFound, match="cannot be listed: Permission denied"):
        open_source(tmp_path).scan()


def test_files_are_regular_files_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert stat.S_ISFIFO(os.stat(tmp_path / "pipe").st_mode)
    with pytest.raises(SourceNotFound):
        open_source(tmp_path / "pipe").scan()
