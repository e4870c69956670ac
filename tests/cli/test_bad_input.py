"""What goes wrong: one sentence, the right exit code, and the gallery as it was."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from lookalike.gallery import Gallery


@pytest.fixture
def odd_places(tmp_path: Path) -> None:
    """An empty folder, a text file, and a folder without one readable picture."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.txt").write_text("missing.jpg\n")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.jpg").write_bytes(b"no picture")


CASES = [
    # what is typed, exit code, what the sentence says
    ("index nowhere", 1, "No folder, picture or list of pictures is at 'nowhere'"),
    ("index empty", 1, "holds no pictures: name another folder"),
    ("index bad", 1, "None of the 1 picture files"),
    ("index *.gif --gallery g", 1, "holds no pictures"),
    ("index", 1, "There is no gallery in"),
    ("index photos --encoder nosuch", 1, "There is no encoder 'nosuch'"),
    ("index photos --encoder onnx:nowhere.onnx", 1, "There is no encoder file at"),
    ("index photos --encoder onnx:~nobody/net.onnx", 1, "There is no encoder file at"),
    ("search photos/red.png --encoder onnx:~nobody/n --gallery photos", 1, "no encoder file"),
    ("index photos --encoder-size 8", 2, "name it too, with --encoder"),
    ("index photos --dtype int8", 2, "'float16', 'float32'"),
    ("index photos --threads 0", 2, "0 is less than 1"),
    ("index photos --metadata nowhere.csv", 2, "There is no metadata file"),
    ("index photos --metadata photos/red.png", 2, "of an unknown kind"),
    ("index photos --metadata ~nobody/x.csv", 2, "There is no metadata file"),
    ("index photos --report nowhere/r.csv", 2, "there is no folder"),
    ("index photos --report empty", 2, "it is a folder"),
    ("index photos --log-file nowhere/log", 2, "The log nowhere/log cannot be written"),
    ("index photos --log-file empty", 2, "it is a folder"),
    ("index photos bad", 2, "extra argument (bad)"),
    ("search", 2, "nothing to search with"),
    ("search photos/red.png", 1, "There is no gallery in"),
    ("search photos/red.png --gallery nowhere", 1, "There is no gallery at"),
    ("search photos/red.png --gallery ~nobody/x", 1, "There is no gallery at"),
    ("search nowhere.jpg --gallery photos", 1, "Cannot read 'nowhere.jpg': it is not there"),
    ("search empty --gallery photos", 1, "Cannot read 'empty': it is a folder"),
    ("search bad/a.jpg --gallery photos", 1, "Cannot decode 'bad/a.jpg'"),
    ("search --id 77 --gallery photos", 1, "has no image 77"),
    ("search --id 0 --gallery photos", 2, "0 is less than 1"),
    (f"search --id {10**30} --gallery photos", 2, "is more than"),
    ("search photos/red.png -k 0 --gallery photos", 2, "0 is less than 1"),
    ("search photos/red.png -k ten --gallery photos", 2, "'ten' is no whole number"),
    ("search photos/red.png --min-score 7 --gallery photos", 2, "from -1 to 1"),
    ("search photos/red.png --min-score nan --gallery photos", 2, "from -1 to 1"),
    ("search photos/red.png --sheet s.xyz --gallery photos", 2, "ends in .xyz"),
    ("search photos/red.png --sheet s --gallery photos", 2, "has no ending"),
    ("search photos/red.png --sheet no/s.jpg --gallery photos", 2, "there is no folder"),
    ("search photos/red.png --nosuch", 2, "No such option"),
    ("remove --gallery photos", 2, "nothing to remove"),
    ("remove nowhere.jpg --gallery photos", 1, "has no image of nowhere.jpg"),
    ("remove --source nowhere --gallery photos", 1, "has no source nowhere"),
    ("verify --gallery nowhere", 1, "There is no gallery at"),
    ("compact --gallery nowhere", 1, "There is no gallery at"),
    ("info --gallery nowhere", 1, "There is no gallery at"),
    ("demo --images nowhere", 1, "There is no folder nowhere"),
    ("demo --pictures 3", 2, "3 is less than 24"),
    ("serch", 2, "There is no command 'serch'; perhaps 'search' was meant"),
]


@pytest.mark.parametrize(("typed", "code", "sentence"), CASES, ids=[case[0] for case in CASES])
def test_one_sentence_and_an_exit_code(lookalike, indexed, odd_places, typed, code, sentence):
    before = contents(indexed / ".lookalike")
    done = lookalike(*typed.split())
    assert done.code == code
    assert done.out == ""
    assert done.err.startswith("lookalike: ")
    assert sentence in done.err
    assert done.err.count("\n") == 1
    assert done.err.rstrip().endswith(".")
    assert contents(indexed / ".lookalike") == before
    assert lookalike("verify", "--gallery", indexed).code == 0


def contents(gallery: Path) -> tuple[int, list[str]]:
    with Gallery.open(gallery) as opened:
        return opened.generation, [image.path for image in opened.images()]


def test_what_cannot_be_written_is_refused_before_the_work_begins(lookalike, photos, encoder):
    lookalike("index", photos, "--encoder", encoder, "--report", "nowhere/r.csv")
    assert not (photos / ".lookalike").exists()


def test_the_program_alone_shows_its_help_as_wrong_usage(lookalike):
    done = lookalike()
    assert (done.code, done.out) == (2, "")
    assert "Commands:" in done.err


def test_a_foreign_encoder_is_refused(lookalike, indexed, encoder):
    other = encoder.replace("resize=8", "resize=9")
    for words in (["index", indexed], ["search", "photos/red.png", "--gallery", indexed]):
        done = lookalike(*words, "--encoder", other)
        assert done.code == 1
        assert "use the stored encoder, or make a new gallery" in done.err


def test_an_encoder_without_a_card_asks_for_one(lookalike, photos, encoder):
    done = lookalike("index", photos, "--encoder", encoder.split("?")[0])
    assert done.code == 1
    assert "has no card beside it" in done.err


def test_a_gallery_whose_catalog_is_garbage_is_left_alone(lookalike, indexed):
    catalog = indexed / ".lookalike" / "catalog.sqlite"
    for path in indexed.glob(".lookalike/catalog.sqlite-*"):
        path.unlink()
    catalog.write_bytes(b"garbage" * 999)
    for words in (["index", indexed], ["search", "x.jpg", "--gallery", indexed]):
        done = lookalike(*words)
        assert done.code == 1
        assert "file is not a database" in done.err
        assert done.err.count("\n") == 1
    assert catalog.read_bytes() == b"garbage" * 999


def test_a_gallery_of_a_newer_format_asks_for_an_upgrade(lookalike, indexed):
    connection = sqlite3.connect(indexed / ".lookalike" / "catalog.sqlite")
    connection.execute("UPDATE settings SET value = 99 WHERE key = 'format_version'")
    connection.commit()
    connection.close()
    for words in (["index", indexed], ["info", "--gallery", indexed]):
        done = lookalike(*words)
        assert done.code == 1
        assert "format 99" in done.err
        assert "install the newer Lookalike" in done.err


def test_a_list_whose_files_are_all_missing_names_them(lookalike, odd_places, encoder):
    done = lookalike("index", "note.txt", "--gallery", "g", "--encoder", encoder)
    missing, failure = done.err.splitlines()
    assert done.code == 1
    assert missing.startswith("lookalike: 'missing.jpg' of the list ")
    assert failure.startswith("lookalike: None of the 1 files that the list ")


def test_a_message_with_a_line_break_in_a_name_stays_on_one_line(lookalike, tmp_path):
    (tmp_path / "two\nlines").mkdir()
    done = lookalike("index", "two\nlines")
    assert done.code == 1
    assert done.err.count("\n") == 1


def test_what_may_be_chosen_is_told_on_the_same_line(lookalike):
    done = lookalike("export", "out")
    assert done.code == 2
    assert "Missing option '--format'. Choose from: clip-retrieval, parquet," in done.err


def test_a_file_whose_name_begins_with_a_dash_is_told_how_to_be_written(lookalike, indexed):
    (indexed.parent / "-dash.png").write_bytes((indexed / "red.png").read_bytes())
    done = lookalike("search", "-dash.png", "--gallery", indexed)
    assert done.code == 2
    assert done.err.endswith("--help'; write ./-dash.png for the file of that name.\n")
    assert lookalike("search", "./-dash.png", "--gallery", indexed).code == 0
    assert "of that name" not in lookalike("search", "-nosuch.png", "--gallery", indexed).err


@pytest.mark.parametrize("words", [["watch"], ["serve", "g"], ["tune"]])
def test_a_period_is_asked_for_with_an_example_of_one(lookalike, words):
    option = "--build" if words == ["tune"] else "--rescan"
    assert "'0' is nothing: write 30s, for example" in lookalike(*words, option, "0s").err.replace(
        "'0s'", "'0'"
    )
