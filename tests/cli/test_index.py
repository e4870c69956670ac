"""``lookalike index``: the five counts, what it prints, and what it leaves alone."""

from __future__ import annotations

import csv
import json
import logging
import re

import pytest

from lookalike.cli import waiting
from lookalike.gallery import Gallery, is_gallery

SUMMARY = """\
4 pictures in photos/.lookalike
  added      4
  changed    0
  renamed    0
  forgotten  0
  unchanged  0
"""


def counts(printed: str) -> dict[str, int]:
    return {name: int(count) for name, count in re.findall(r"^  (\w+) +(\d+)$", printed, re.M)}


def test_a_first_run_adds_every_picture_and_says_where_to(lookalike, photos, encoder):
    done = lookalike("index", photos, "--encoder", encoder)
    assert done.code == 0
    assert done.out.startswith(SUMMARY)
    assert done.err == ""


def test_the_summary_has_rate_bottleneck_and_seconds_per_stage(lookalike, photos, encoder):
    last = lookalike("index", photos, "--encoder", encoder).out.splitlines()[-2:]
    assert re.fullmatch(r"  \d+\.\d s, [\d,]+ pictures/s; bottleneck: \w+", last[0])
    assert re.fullmatch(
        r"  seconds per stage, all threads together: "
        r"(\w+ \d+\.\d, )*read \d+\.\d, decode \d+\.\d, encode \d+\.\d, write \d+\.\d",
        last[1],
    )


def test_a_second_run_counts_what_happened_in_between(lookalike, indexed, paint):
    (indexed / "red.png").rename(indexed / "scarlet.png")
    (indexed / "green.png").unlink()
    paint(indexed / "blue.png", (1, 2, 250))
    paint(indexed / "new.png", (9, 9, 9))
    done = lookalike("index", indexed)
    assert counts(done.out) == {
        "added": 1, "changed": 1, "renamed": 1, "forgotten": 1, "unchanged": 1
    }  # fmt: skip


def test_without_a_source_the_gallery_here_brings_all_its_sources_up_to_date(
    lookalike, indexed, paint, tmp_path, monkeypatch
):
    paint(tmp_path / "more" / "white.png", (255, 255, 255))
    lookalike("index", "more", "--gallery", indexed)
    paint(tmp_path / "more" / "grey.png", (99, 99, 99))
    paint(indexed / "deep" / "black.png", (0, 0, 9))
    monkeypatch.chdir(indexed / "deep")
    done = lookalike("index")
    assert counts(done.out)["added"] == 2
    assert counts(done.out)["unchanged"] == 5


def test_quiet_prints_nothing(lookalike, photos, encoder):
    done = lookalike("index", photos, "--encoder", encoder, "-q")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_exact_copies_are_told(lookalike, photos, encoder, paint):
    paint(photos / "red again.png", (255, 0, 0))
    done = lookalike("index", photos, "--encoder", encoder)
    assert "  1 exact copy not embedded again\n" in done.out


def test_skipped_files_are_counted_and_named_with_their_reasons(lookalike, photos, encoder):
    (photos / "broken.jpg").write_bytes(b"no picture")
    done = lookalike("index", photos, "--encoder", encoder)
    assert done.code == 0
    assert "  skipped 1 file:\n    photos/broken.jpg\n      it is an unknown kind" in done.out


def test_only_the_first_skipped_files_are_named(lookalike, photos, encoder):
    for number in range(8):
        (photos / f"broken {number}.jpg").write_bytes(b"no picture")
    done = lookalike("index", photos, "--encoder", encoder)
    assert done.out.count("broken") == 5
    assert "    and 3 more: --report FILE lists all\n" in done.out


def test_a_report_lists_every_skipped_file(lookalike, photos, encoder, tmp_path):
    (photos / "broken.jpg").write_bytes(b"no picture")
    done = lookalike("index", photos, "--encoder", encoder, "--report", "skipped.csv")
    assert "  skipped 1 file: skipped.csv lists them\n" in done.out
    with (tmp_path / "skipped.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["path", "reason"]
    assert rows[1][0] == str(photos / "broken.jpg")


def test_a_report_is_written_also_where_nothing_can_be_read(lookalike, encoder, tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.jpg").write_bytes(b"no picture")
    done = lookalike("index", "bad", "--encoder", encoder, "--report", "skipped.csv")
    assert done.code == 1
    assert len((tmp_path / "skipped.csv").read_text().splitlines()) == 2


def test_metadata_is_joined_and_counted(lookalike, photos, encoder, tmp_path):
    (tmp_path / "facts.csv").write_text("path,year\nred.png,1999\nnone.png,2000\n")
    done = lookalike("index", photos, "--encoder", encoder, "--metadata", "facts.csv")
    assert "  1 picture described by the metadata file\n" in done.out
    found = lookalike("search", photos / "red.png", "-k", 1, "--json", "--gallery", photos)
    assert json.loads(found.out)["hits"][0]["metadata"] == {"year": 1999}


def test_encoder_options_make_the_same_encoder_as_its_full_name(lookalike, photos, encoder):
    file = encoder.split("?")[0]
    done = lookalike(
        "index", photos, "--encoder", file, "--encoder-size", 8, "--encoder-resize", 8,
        "--encoder-mean", 0, "--encoder-std", 1, "--encoder-output", "embedding",
    )  # fmt: skip
    assert done.code == 0
    assert lookalike("index", photos, "--encoder", encoder).code == 0


def test_a_gallery_keeps_the_dtype_it_was_made_with(lookalike, photos, encoder):
    lookalike("index", photos, "--encoder", encoder, "--dtype", "float32")
    with Gallery.open(photos / ".lookalike") as gallery:
        assert gallery.dtype == "float32"
    refused = lookalike("index", photos, "--dtype", "float16")
    assert refused.code == 2
    assert "keeps float32" in refused.err


def test_a_list_and_a_glob_go_into_the_gallery_that_is_named(lookalike, photos, encoder, tmp_path):
    (tmp_path / "list.txt").write_text("photos/red.png\nphotos/blue.png\n")
    lookalike("index", "list.txt", "--gallery", "g", "--encoder", encoder)
    done = lookalike("index", "photos/*e*.png", "--gallery", "g")
    # red, green, blue and yellow match; two of them are copies of the list's
    assert done.out.startswith("6 pictures in g\n")


def test_the_log_file_has_what_happened_and_what_failed(lookalike, photos, encoder, tmp_path):
    lookalike("index", photos, "--encoder", encoder, "--log-file", "log", "-q")
    failed = lookalike("index", "nowhere", "--log-file", "log", "-q")
    logging.getLogger("lookalike").handlers[-1].flush()
    log = (tmp_path / "log").read_text()
    assert "INFO" in log
    assert "committed 4 files" in log
    assert failed.err.removeprefix("lookalike: ") in log
    assert log.count("nowhere") == 1


def test_verbose_logs_to_standard_error(lookalike, photos, encoder):
    done = lookalike("index", photos, "--encoder", encoder, "-v")
    assert "committed 4 files" in done.err
    assert "committed" not in done.out


@pytest.mark.parametrize("made_before", [False, True])
def test_a_gallery_made_in_vain_is_taken_away_again(lookalike, encoder, tmp_path, made_before):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.jpg").write_bytes(b"no picture")
    if made_before:
        (tmp_path / "g").mkdir()
    assert lookalike("index", "bad", "--encoder", encoder, "--gallery", "g").code == 1
    assert (tmp_path / "g").exists() == made_before
    assert not made_before or not list((tmp_path / "g").iterdir())


def test_a_gallery_that_somebody_else_fills_is_never_taken_away(
    lookalike, photos, encoder, monkeypatch
):
    monkeypatch.setattr(waiting, "PATIENCE_S", 0.1)
    lookalike("index", photos, "--encoder", encoder)
    with Gallery.open(photos / ".lookalike") as gallery:
        everything = [image.image_id for image in gallery.images()]
        with gallery.writer() as writer:
            writer.commit(removed=everything)
            refused = lookalike("index", photos)
    assert refused.code == 1
    assert re.search(r"another process \(pid \d+\) writes to it", refused.err)
    assert is_gallery(photos / ".lookalike")


def test_metadata_that_names_no_picture_is_told(lookalike, indexed):
    (indexed.parent / "notes.csv").write_text("file,title\nelsewhere.jpg,A\n")
    done = lookalike("index", str(indexed), "--metadata", str(indexed.parent / "notes.csv"))
    assert done.code == 0
    assert "none of the 1 row of the metadata file names a picture" in done.out


def test_rows_without_a_picture_of_their_own_are_told(lookalike, indexed, paint):
    paint(indexed / "trip" / "red.png", (9, 9, 9))
    paint(indexed / "home" / "blau.png", (9, 90, 9))
    paint(indexed / "trip" / "blau.png", (9, 9, 90))
    (indexed.parent / "notes.csv").write_text(
        f"file;n\n{indexed}/red.png;1\nblau.png;2\ngone.png;3\nalso/gone.png;4\n"
        "green.png;5\ngreen.png;6\n"
    )
    done = lookalike("index", indexed, "--metadata", "notes.csv")
    assert "  2 pictures described by the metadata file\n" in done.out
    assert "  2 rows of the metadata file without a picture: gone.png, ...\n" in done.out
    assert (
        "  1 row left out, for several pictures have that file name: blau.png "
        "(home/blau.png, trip/blau.png); write the path below the source\n"
    ) in done.out
    again = "  1 name more than once in the metadata file, the last row counts: green.png\n"
    assert again in done.out
    quiet = lookalike("index", indexed, "--metadata", "notes.csv", "-q")
    assert quiet.out == ""


def test_a_removed_picture_comes_back_by_restore(lookalike, indexed):
    lookalike("remove", "photos/red.png", "--gallery", indexed)
    (indexed / "red.png").touch()
    assert lookalike("index", indexed).out.startswith("3 pictures in")
    refused = lookalike("index", indexed, "--restore", "photos/green.png")
    assert (refused.code, refused.out) == (2, "")
    assert "Nothing at photos/green.png was removed by hand" in refused.err
    assert lookalike("index", indexed, "--restore", "photos/red.png").out.startswith("4 pictures")
    lookalike("remove", "photos/red.png", "photos/blue.png", "--gallery", indexed)
    assert lookalike("index", "--gallery", indexed, "--restore", "photos").out.startswith(
        "4 pictures in"
    )


def test_a_moved_source_is_asked_about_and_followed(lookalike, photos, encoder, tmp_path):
    lookalike("index", photos, "--encoder", encoder, "--gallery", "g")
    photos.rename(tmp_path / "new place")
    asked = lookalike("index", "new place", "--gallery", "g")
    assert (asked.code, asked.out) == (2, "")
    assert asked.err == (
        "lookalike: new place looks like photos, a source of this gallery whose pictures are not "
        f"there any more: if it was moved, add '--moved-from {photos}', which keeps them as they "
        "are; if not, --not-moved.\n"
    )
    for _ in range(2):  # an interrupted run is started again
        done = lookalike("index", "new place", "--gallery", "g", "--moved-from", "photos")
        assert done.out.startswith("4 pictures in g\n")
        assert "  unchanged  4\n" in done.out
    assert lookalike("index", "--gallery", "g").out.startswith("4 pictures in g\n")


def test_a_place_of_its_own_is_indexed_where_that_is_said(lookalike, photos, encoder, tmp_path):
    lookalike("index", photos, "--encoder", encoder, "--gallery", "g")
    photos.rename(tmp_path / "new")
    done = lookalike("index", "new", "--gallery", "g", "--not-moved")
    assert done.out.startswith("8 pictures in g\n")


@pytest.mark.parametrize("option", [("--moved-from", "photos"), ("--not-moved",)])
def test_what_tells_of_a_source_needs_one(lookalike, indexed, option):
    done = lookalike("index", "--gallery", indexed, *option)
    assert done.code == 2
    assert "tell of SOURCE: name it" in done.err


def test_a_source_is_not_said_to_be_moved_and_not_moved(lookalike, photos, indexed, tmp_path):
    photos.rename(tmp_path / "new")
    done = lookalike("index", "new", "--gallery", indexed, "--moved-from", "photos", "--not-moved")
    assert done.code == 2
    assert "leave one out" in done.err
