"""SBU Captions: a list of addresses becomes photographs, as far as they are still there."""

from __future__ import annotations

import json
import time

import pytest
from published_forms import jpeg, png, sbu, write_files, write_tar

from lookalike.errors import (
    DatasetError,
    DatasetNotFound,
    DatasetUnreadable,
    StorageFull,
    UsageError,
)
from lookalike.evaluation.datasets import fetching, open_set
from lookalike.evaluation.datasets.captions import CaptionedSet
from lookalike.evaluation.datasets.fetching import Fetched, Patience, fetch_photographs
from lookalike.evaluation.datasets.forms import prepare_files

QUICK = Patience(timeout_s=60, attempts=3, pause_s=0.01, at_a_time=4)
CAPTIONS = ("a red boat", "two dogs", "my garden", "the sea at night")


@pytest.fixture
def captioned(tmp_path, web):
    """Four addresses: a JPEG, a PNG, one that is gone, one that sends elsewhere."""
    web.pages |= {"/1.jpg": jpeg((1, 2, 3)), "/2.jpg": png((3, 2, 1)), "/4.jpg": jpeg((7, 7, 7))}
    web.redirects["/4_b.jpg"] = "/4.jpg"
    urls = [f"{web.address}/{name}" for name in ("1.jpg", "2.jpg", "3.jpg", "4_b.jpg")]
    file = write_tar(tmp_path / "sbu.tar.gz", sbu(urls, CAPTIONS), "w:gz")
    return CaptionedSet(prepare_files("captions", "sbu", [file]).root)


def failures(captioned):
    lines = (captioned.root / "failures.jsonl").read_text().splitlines()
    return {facts["number"]: facts["reason"] for facts in map(json.loads, lines)}


def test_photographs_are_fetched_and_what_is_gone_is_listed(captioned, web):
    told = []
    came = fetch_photographs(
        captioned, patience=QUICK, on_progress=lambda done, total: told.append((done, total))
    )
    assert came == Fetched(here=3, failed=1, of=4)
    assert failures(captioned) == {3: "the server answers 404"}
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert (captioned.root / "images/0000/0000001.jpg").read_bytes() == web.pages["/1.jpg"]
    assert (captioned.root / "images/0000/0000002.png").read_bytes() == web.pages["/2.jpg"]
    assert web.count("/3.jpg") == 1


def test_the_captions_are_what_is_searched_with(captioned, tmp_path):
    fetch_photographs(captioned, patience=QUICK)
    found = open_set(str(tmp_path / "sbu.tar.gz"))
    assert found.images == tuple(
        f"images/0000/000000{name}" for name in ("1.jpg", "2.png", "4.jpg")
    )
    assert found.queries == found.images
    assert found.captions == ("a red boat", "two dogs", "the sea at night")
    assert found.judgements["captions"].positives.tolist() == [1, 1, 1]
    assert found.labels is None
    assert found.remarks == ("3 of 4 photographs are here; 1 could not be fetched.",)
    with pytest.raises(UsageError, match="is judged by its captions"):
        open_set(str(tmp_path / "sbu.tar.gz"), split="test")


def test_the_captions_become_metadata(captioned):
    fetch_photographs(captioned, patience=QUICK)
    from lookalike.ingest.metadata import load_metadata

    table = load_metadata(captioned.root / "captions.jsonl")
    assert table.row("images/0000/0000004.jpg") == {"caption": "the sea at night"}


def test_nothing_is_asked_for_twice(captioned, web):
    fetch_photographs(captioned, count=2, patience=QUICK)
    assert web.asked.count("/1.jpg") == 1
    assert fetch_photographs(captioned, patience=QUICK) == Fetched(3, 1, 4)
    assert fetch_photographs(captioned, patience=QUICK) == Fetched(3, 1, 4)
    assert {path: web.count(path) for path in ("/1.jpg", "/2.jpg", "/3.jpg")} == {
        "/1.jpg": 1,
        "/2.jpg": 1,
        "/3.jpg": 1,
    }


def test_what_failed_is_tried_again_where_asked(captioned, web):
    fetch_photographs(captioned, patience=QUICK)
    web.pages["/3.jpg"] = jpeg((5, 5, 5))
    assert fetch_photographs(captioned, patience=QUICK).here == 3
    assert fetch_photographs(captioned, retry=True, patience=QUICK) == Fetched(4, 0, 4)


def test_a_busy_server_is_asked_again(captioned, web):
    web.codes["/1.jpg"] = [503, 429]
    assert fetch_photographs(captioned, patience=QUICK).here == 3
    assert web.count("/1.jpg") == 3


def test_a_server_that_stays_busy_is_listed(captioned, web):
    web.codes["/1.jpg"] = [500] * 9
    fetch_photographs(captioned, patience=QUICK)
    assert failures(captioned)[1] == "the server answers 500"
    assert web.count("/1.jpg") == 3


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (b"<html>sign in</html>", "what came is no photograph"),
        (b"", "what came is no photograph"),
    ],
)
def test_what_is_no_photograph_is_listed(captioned, web, page, why):
    web.pages["/1.jpg"] = page
    fetch_photographs(captioned, patience=QUICK)
    assert why in failures(captioned)[1]


def test_the_picture_that_stands_for_a_missing_one_is_not_taken(captioned, web):
    web.pages["/photo_unavailable.png"] = png((200, 200, 200))
    web.redirects["/1.jpg"] = "/photo_unavailable.png"
    fetch_photographs(captioned, patience=QUICK)
    assert failures(captioned)[1] == "the photograph is gone"
    assert web.count("/photo_unavailable.png") == 0


def test_only_the_web_is_asked(tmp_path, web):
    secret = tmp_path / "secret.png"
    secret.write_bytes(png((0, 0, 0)))
    web.pages["/1.jpg"] = jpeg((1, 2, 3))
    web.redirects |= {"/2.jpg": secret.as_uri(), "/3.jpg": "ftp://127.0.0.1/x.jpg"}
    pages = [f"{web.address}/{number}.jpg" for number in (1, 2, 3)]
    urls = [*pages, secret.as_uri(), "ftp://127.0.0.1/x.jpg", "x"]
    file = write_tar(tmp_path / "sbu.tar.gz", sbu(urls, ["a"] * 6), "w:gz")
    captioned = CaptionedSet(prepare_files("captions", "sbu", [file]).root)
    assert fetch_photographs(captioned, patience=QUICK) == Fetched(1, 5, 6)
    assert failures(captioned)[2] == "the server answers 302"
    assert failures(captioned)[3] == "the server sends elsewhere"
    assert failures(captioned)[4] == "its address is none of the web"


def test_a_photograph_that_never_ends_is_listed(captioned, web, monkeypatch):
    monkeypatch.setattr(fetching, "MAX_PHOTOGRAPH_BYTES", 100)
    fetch_photographs(captioned, patience=QUICK)
    assert failures(captioned)[1] == "it is too large for a photograph"


def test_a_photograph_that_breaks_off_is_not_kept(captioned, web):
    web.breaks_after = 40
    fetch_photographs(captioned, patience=QUICK)
    assert captioned.fetched() == {}
    assert web.count("/1.jpg") == 3


def test_without_a_network_it_says_so_at_once(tmp_path, closed_port, monkeypatch):
    asked = []
    monkeypatch.setattr(fetching, "received", lambda url, timeout_s: asked.append(url))
    urls = [f"{closed_port}/{number}.jpg" for number in range(50)]
    file = write_tar(tmp_path / "sbu.tar.gz", sbu(urls, ["a"] * 50), "w:gz")
    captioned = CaptionedSet(prepare_files("captions", "sbu", [file]).root)
    with pytest.raises(DatasetError, match=r"no server answers .* goes on from there"):
        fetch_photographs(captioned)
    assert asked == []  # not one of the fifty, with all the patience for each
    assert captioned.failed() == {}


def test_a_network_that_goes_away_leaves_the_rest_for_the_next_time(
    tmp_path, web, closed_port, monkeypatch
):
    monkeypatch.setattr(fetching, "LOST_AFTER", 5)
    web.pages["/1.jpg"] = jpeg((1, 2, 3))
    urls = [f"{web.address}/1.jpg", *(f"{closed_port}/{number}.jpg" for number in range(20))]
    file = write_tar(tmp_path / "sbu.tar.gz", sbu(urls, ["a"] * 21), "w:gz")
    captioned = CaptionedSet(prepare_files("captions", "sbu", [file]).root)
    patience = Patience(timeout_s=60, attempts=1, at_a_time=1)
    with pytest.raises(DatasetError, match="1 are here; the same command goes on"):
        fetch_photographs(captioned, patience=patience)
    assert captioned.failed() == {}


def test_a_server_that_is_gone_is_listed_where_others_answer(tmp_path, web, closed_port):
    web.pages |= {f"/{number}.jpg": jpeg((number, 2, 3)) for number in range(3)}
    urls = [f"{closed_port}/x.jpg", *(f"{web.address}/{number}.jpg" for number in range(3))]
    file = write_tar(tmp_path / "sbu.tar.gz", sbu(urls, ["a"] * 4), "w:gz")
    captioned = CaptionedSet(prepare_files("captions", "sbu", [file]).root)
    patience = Patience(timeout_s=60, attempts=1, at_a_time=1)
    assert fetch_photographs(captioned, patience=patience) == Fetched(3, 1, 4)
    assert "refused" in failures(captioned)[1]


def test_an_interruption_waits_for_nobody_and_keeps_what_is_here(captioned, web):
    web.codes["/1.jpg"] = [503] * 9
    patient = Patience(timeout_s=60, attempts=9, pause_s=600, at_a_time=4)

    def interrupt(done, total):
        if done == 3:
            raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        fetch_photographs(captioned, patience=patient, on_progress=interrupt)
    assert time.monotonic() - start < 300
    assert list(captioned.fetched()) == [2, 4]
    assert captioned.failed() == {3: "the server answers 404"}
    web.codes.clear()
    assert fetch_photographs(captioned, patience=QUICK) == Fetched(3, 1, 4)


@pytest.mark.parametrize(
    ("number", "kind", "why"),
    [(28, StorageFull, "The disk became full"), (13, DatasetError, "cannot be written")],
)
def test_a_disk_that_takes_nothing_is_no_failure_of_the_photograph(
    captioned, monkeypatch, number, kind, why
):
    def refuse(part, file):
        raise OSError(number, "no")

    monkeypatch.setattr(fetching.os, "replace", refuse)
    with pytest.raises(kind, match=why):
        fetch_photographs(captioned, patience=QUICK)
    assert captioned.fetched() == {}


def test_offline_means_offline(captioned, web, monkeypatch):
    monkeypatch.setenv("LOOKALIKE_OFFLINE", "1")
    with pytest.raises(DatasetError, match="LOOKALIKE_OFFLINE is set"):
        fetch_photographs(captioned, patience=QUICK)
    assert web.asked == []


def test_before_anything_is_fetched_there_is_nothing_to_open(captioned, tmp_path):
    with pytest.raises(DatasetNotFound, match="pull sbu-captions --images"):
        open_set(str(tmp_path / "sbu.tar.gz"))


def test_the_last_line_of_a_killed_process_is_no_failure(captioned):
    fetch_photographs(captioned, patience=QUICK)
    with (captioned.root / "failures.jsonl").open("a") as lines:
        lines.write('{"number": 4, "rea')
    assert captioned.failed() == {3: "the server answers 404"}


def test_the_two_texts_have_to_fit_each_other(tmp_path):
    for texts in (sbu(["http://a/1"], ["a", "b"]), {"dataset/readme": b"x"}, sbu([], [])):
        file = write_tar(tmp_path / "sbu.tar.gz", texts, "w:gz")
        with pytest.raises((DatasetUnreadable, UsageError)):
            open_set(str(file))
    folder = write_files(tmp_path / "sbu", sbu(["http://a/1"], ["a", "b"]))
    with pytest.raises(DatasetUnreadable, match="does not hold one caption for each address"):
        open_set(str(folder))
