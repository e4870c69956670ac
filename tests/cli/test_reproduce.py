"""``lookalike reproduce``."""

from __future__ import annotations

import json
import os

import pytest

from lookalike.evaluation import reproducing


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Keep the user's data sets and weights out of it."""
    monkeypatch.setenv("LOOKALIKE_DATASETS", str(tmp_path / "datasets"))
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def data(tmp_path, paint):
    """A folder that holds three labels of four pictures each."""
    for number, label in enumerate(("red", "green", "blue")):
        for shade in range(4):
            colour = [10, 10, 10]
            colour[number] = 250 - 20 * shade
            paint(tmp_path / "data" / "tiny-imagenet-200" / label / f"{shade}.png", tuple(colour))
    return tmp_path / "data"


def test_c_runs_from_end_to_end(lookalike, data, encoder, tmp_path):
    done = lookalike("reproduce", "C", "--data", data, "--encoders", encoder, "--out", "o")
    assert done.code == 0, done.err
    assert done.out.startswith("# C. Folder indexer")
    assert "As was asked, net instead of the system's ViT-B/16." in done.out
    assert "1 of 1 new pictures, added while the searcher was open, find themselves" in done.out
    assert "Written to o/C: table.md, results.json" in done.err
    assert (tmp_path / "o/C/table.md").read_text().startswith("# C. Folder indexer")


def test_json_is_all_that_goes_to_the_output(lookalike, data, encoder):
    words = ("reproduce", "c", "--small", "--data", data, "--encoders", encoder)
    done = lookalike(*words, "--json")
    assert json.loads(done.out)["system"] == "C"
    assert json.loads(done.out)["is_small"] is True
    assert lookalike(*words, "-q").out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--data", "nowhere"), "There is no folder nowhere: check the spelling of --data."),
        (("--encoders", "resnet19"), "There is no encoder 'resnet19'"),
        (("--out", "taken"), "cannot be made"),
    ],
)
def test_bad_options_are_refused_before_the_work(lookalike, tmp_path, words, said, monkeypatch):
    monkeypatch.setattr(reproducing, "reproduce", None)
    (tmp_path / "taken").write_text("a file")
    done = lookalike("reproduce", "E", *words)
    assert done.code in {1, 2}
    assert said in done.err


def test_ctrl_c_says_what_is_kept(lookalike, monkeypatch):
    def interrupted(*given, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(reproducing, "reproduce", interrupted)
    done = lookalike("reproduce", "b", "--out", "o")
    assert done.code == 130
    assert "is safe in o/B, and the same command goes on from there" in done.err


def test_letters_come_in_either_case_and_others_are_refused(lookalike):
    missing, wrong = lookalike("reproduce"), lookalike("reproduce", "Z")
    assert (missing.code, wrong.code) == (2, 2)
    assert "Missing argument 'A|B|C|D|E': see 'lookalike reproduce --help'" in missing.err
    assert "there is no system 'Z', use A, B, C, D, E" in wrong.err


def test_what_was_kept_is_told_and_measured_again_on_demand(lookalike, data, encoder, tmp_path):
    words = ("reproduce", "C", "--small", "--data", data, "--encoders", encoder)
    assert "kept from before" not in lookalike(*words).err
    (measured,) = tmp_path.glob("reproduce/C/*/measured.json")
    os.utime(measured, ns=(0, 0))
    again = lookalike(*words)
    assert "1 result kept from before, 0 measured now; --fresh measures all again.\n" in again.err
    assert measured.stat().st_mtime_ns == 0
    fresh = lookalike(*words, "--fresh")
    assert fresh.code == 0
    assert "kept from before" not in fresh.err
    assert measured.stat().st_mtime_ns > 0
