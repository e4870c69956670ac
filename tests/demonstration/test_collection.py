"""The demonstration collection: counts, sameness, formats, oddities, resuming, refusals."""

from __future__ import annotations

import errno
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError, features

from lookalike.demonstration import collection, example_queries, render_collection
from lookalike.demonstration.collection import MANIFEST, PlannedPicture, planned_pictures
from lookalike.demonstration.kinds import KINDS
from lookalike.errors import SourceNotFound, StorageFull, UsageError

TINY = 48


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures of every kind and the two broken files."""
    folder = tmp_path_factory.mktemp("demonstration") / "collection"
    render_collection(folder, pictures=TINY)
    return folder


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file of a collection but its manifest, by its path."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def planned(tiny: Path, exif: str) -> list[tuple[PlannedPicture, Path]]:
    """The pictures stored with that kind of EXIF block, with their files."""
    pictures = (p for p in planned_pictures(TINY, 0) if p.storage.exif == exif)
    return [(picture, tiny / picture.path) for picture in pictures]


def error(first: Image.Image, second: Image.Image) -> float:
    """The mean difference of brightness, in grey levels, at a size that hides JPEG's losses."""
    small = (image.convert("L").resize((64, 64)) for image in (first, second))
    one, other = (np.asarray(image, np.float64) for image in small)
    return float(np.abs(one - other).mean())


# --- what is in it ---


def test_the_report_counts_what_lies_in_the_folder(tiny: Path) -> None:
    report = render_collection(tiny, pictures=TINY)
    files = files_of(tiny)
    assert (report.pictures, report.kinds, report.broken) == (48, 24, 2)
    assert len(files) == 50
    assert report.size_bytes == sum(len(content) for content in files.values())


def test_each_kind_has_a_folder_with_its_share() -> None:
    folders = Counter(p.path.split("/")[0] for p in planned_pictures(720, 0))
    assert folders == {kind.name: 30 for kind in KINDS}


def test_every_planned_path_is_another() -> None:
    paths = [p.path.casefold() for p in planned_pictures(720, 0)]
    assert len(set(paths)) == 720


def test_every_format_is_there(tiny: Path) -> None:
    formats, modes = set(), set()
    for picture in planned_pictures(TINY, 0):
        with Image.open(tiny / picture.path) as image:
            image.load()
            formats.add(image.format)
            modes.add((image.format, image.mode))
    expected = {"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"}
    assert formats == expected | ({"AVIF"} if features.check("avif") else set())
    assert modes >= {("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "P"), ("PNG", "RGBA"), ("PNG", "L")}


def test_some_gifs_move(tiny: Path) -> None:
    frames = []
    for path in tiny.rglob("*.gif"):
        with Image.open(path) as image:
            frames.append(getattr(image, "n_frames", 1))
    assert {1, 3} <= set(frames)


def test_cut_outs_have_clear_and_solid_pixels(tiny: Path) -> None:
    cut_outs = [p for p in planned_pictures(TINY, 0) if p.storage.mode == "RGBA"]
    assert cut_outs
    for picture in cut_outs:
        with Image.open(tiny / picture.path) as image:
            assert image.convert("RGBA").getchannel("A").getextrema() == (0, 255)


def test_names_with_spaces_and_foreign_letters(tiny: Path) -> None:
    names = [path.name for path in tiny.rglob("*.*")]
    assert any(" " in name and name.isascii() for name in names)
    assert any(not name.isascii() for name in names)


def test_turned_pictures_are_upright_after_transposing(tiny: Path) -> None:
    turned = planned(tiny, "turned")
    assert len(turned) >= 4
    for picture, path in turned:
        expected, _ = picture.drawn()
        with Image.open(path) as image:
            assert image.getexif()[ExifTags.Base.Orientation] in range(2, 9)
            upright = ImageOps.exif_transpose(image)
        assert upright.size == expected.size
        errors = [error(upright.transpose(turn), expected) for turn in Image.Transpose]
        assert error(upright, expected) < 0.5 * min(errors)


def test_camera_pictures_tell_when_and_where(tiny: Path) -> None:
    places = []
    for _, path in planned(tiny, "camera"):
        with Image.open(path) as image:
            exif = image.getexif()
        assert exif[ExifTags.Base.Make] == "Lookalike"
        taken = exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal]
        assert len(taken) == len("2020:01:31 12:00:00")
        places.append(exif.get_ifd(ExifTags.IFD.GPSInfo))
    assert any(ExifTags.GPS.GPSLatitude in place for place in places)


def test_copies_are_the_same_bytes_under_another_name() -> None:
    plan = {p.path: p for p in planned_pictures(720, 0)}
    copies = [path for path in plan if "(copy)" in path]
    assert len(copies) == 16  # two of each third kind
    original = plan[copies[0].replace(" (copy)", "")]
    assert plan[copies[0]].content() == original.content()


def test_near_copies_are_smaller_in_other_bytes() -> None:
    near = [p for p in planned_pictures(720, 0) if p.shrunk_to]
    assert len(near) == 24  # two of each second kind
    picture, _ = near[0].drawn()
    assert max(picture.size) == near[0].shrunk_to


def test_the_broken_files_cannot_be_read(tiny: Path) -> None:
    with pytest.raises(UnidentifiedImageError):
        Image.open(tiny / "damaged/shopping list.jpg")
    with Image.open(tiny / "damaged/cut off.jpg") as image, pytest.raises(OSError, match="trunc"):
        image.load()


# --- again, and on ---


def test_the_same_seed_gives_the_same_bytes(tiny: Path, tmp_path: Path) -> None:
    render_collection(tmp_path / "again", pictures=TINY)
    assert files_of(tmp_path / "again") == files_of(tiny)


def test_another_seed_gives_other_pictures() -> None:
    first, second = next(planned_pictures(1, 0)), next(planned_pictures(1, 1))
    assert first.path == second.path
    assert first.content() != second.content()


def test_a_complete_collection_is_left_alone(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(place: Path, content: bytes) -> None:
        raise AssertionError(f"{place} was written again")

    monkeypatch.setattr(collection, "_write", refuse)
    assert render_collection(tiny, pictures=TINY).pictures == TINY


def test_lost_and_cut_files_come_back(tmp_path: Path) -> None:
    render_collection(tmp_path / "c", pictures=8)
    before = files_of(tmp_path / "c")
    lost, cut, *_ = sorted(before)
    (tmp_path / "c" / lost).unlink()
    (tmp_path / "c" / cut).write_bytes(before[cut][:10])
    render_collection(tmp_path / "c", pictures=8)
    assert files_of(tmp_path / "c") == before


def test_an_interrupted_rendering_goes_on(tmp_path: Path) -> None:
    def stop_after_three(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    folder = tmp_path / "c"
    with pytest.raises(KeyboardInterrupt):
        render_collection(folder, pictures=6, on_progress=stop_after_three)
    kept = {path: (folder / path).stat().st_mtime_ns for path in files_of(folder)}
    assert len(kept) == 3
    assert json.loads((folder / MANIFEST).read_text("utf-8"))["complete"] is False
    render_collection(folder, pictures=6)
    assert len(files_of(folder)) == 8
    assert {path: (folder / path).stat().st_mtime_ns for path in kept} == kept
    assert json.loads((folder / MANIFEST).read_text("utf-8"))["complete"] is True


def test_progress_counts_every_file(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    render_collection(
        tmp_path / "c", pictures=2, on_progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


# --- refusals ---


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(UsageError, match="holds other files: choose an empty folder"):
        render_collection(tmp_path, pictures=2)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_collection_of_another_seed_is_refused(tmp_path: Path) -> None:
    render_collection(tmp_path, pictures=1)
    with pytest.raises(UsageError, match="another size, seed or version"):
        render_collection(tmp_path, pictures=1, seed=5)


@pytest.mark.parametrize(("pictures", "seed"), [(0, 0), (5, -1)])
def test_numbers_out_of_range_are_refused(tmp_path: Path, pictures: int, seed: int) -> None:
    with pytest.raises(UsageError, match="at least"):
        render_collection(tmp_path / "c", pictures=pictures, seed=seed)


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(place: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(collection, "_write", full)
    with pytest.raises(StorageFull, match="make room"):
        render_collection(tmp_path / "c", pictures=1)


def test_a_place_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "c").write_text("a file")
    with pytest.raises(UsageError, match="choose another folder"):
        render_collection(tmp_path / "c", pictures=1)


# --- example queries ---


def test_example_queries_are_three_formats_of_three_kinds(tiny: Path) -> None:
    queries = example_queries(tiny)
    assert [query.suffix for query in queries] == [".jpg", ".png", ".webp"]
    assert len({query.parent for query in queries}) == 3
    assert all(query.is_file() for query in queries)


def test_example_queries_need_a_collection(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound, match="render one first"):
        example_queries(tmp_path)
