"""Pulling: progress, going on where it broke off, comparison, and what to do without a network."""

from __future__ import annotations

import json

import pytest
from published_forms import cifar_ten, fashion_mnist, write_files, write_tar

from lookalike.errors import DatasetError, DatasetNotFound, DatasetUnreadable, StorageFull
from lookalike.evaluation.datasets import known, open_set, pulling
from lookalike.evaluation.datasets.known import known_set
from lookalike.evaluation.datasets.pulling import pull_files


@pytest.fixture
def published(tmp_path, web, facts_of):
    """A small CIFAR-10 on the server; returns the bytes of its archive."""
    (tmp_path / "server").mkdir()
    file = write_tar(tmp_path / "server" / "cifar-10-python.tar.gz", cifar_ten(), "w:gz")
    counts = {"parts": {"train": 15, "test": 3}, "classes": {"class": 3}}
    facts_of("cifar-10", [file], web=web.address, **counts)
    web.pages["/cifar-10-python.tar.gz"] = file.read_bytes()
    return file.read_bytes()


def test_a_set_is_pulled_compared_and_opened(published, datasets):
    told = []
    files = pull_files(known_set("cifar-10"), on_progress=lambda *done: told.append(done))
    assert [file.name for file in files] == ["cifar-10-python.tar.gz"]
    assert files[0].read_bytes() == published
    assert files[0].parent == datasets
    assert told[-1] == (len(published), len(published))
    assert len(open_set("cifar-10").images) == 15


def test_what_is_here_is_not_fetched_again(published, web):
    pull_files(known_set("cifar-10"))
    asked = len(web.asked)
    pull_files(known_set("cifar-10"))
    assert len(web.asked) == asked


def test_a_pull_goes_on_where_it_stopped(published, web, datasets):
    datasets.mkdir()
    (datasets / "cifar-10-python.tar.gz.incomplete").write_bytes(published[:1000])
    pull_files(known_set("cifar-10"))
    assert web.ranges == ["bytes=1000-"]
    assert (datasets / "cifar-10-python.tar.gz").read_bytes() == published


def test_a_line_that_breaks_is_taken_up_again(published, web, datasets):
    web.breaks_after = len(published) // 3
    pull_files(known_set("cifar-10"))
    assert (datasets / "cifar-10-python.tar.gz").read_bytes() == published
    assert len(web.ranges) >= 2


def test_a_server_without_ranges_starts_anew(published, web, datasets):
    datasets.mkdir()
    (datasets / "cifar-10-python.tar.gz.incomplete").write_bytes(b"x" * 500)
    web.knows_ranges = False
    pull_files(known_set("cifar-10"))
    assert (datasets / "cifar-10-python.tar.gz").read_bytes() == published


def test_what_is_longer_than_the_file_is_fetched_anew(published, datasets):
    datasets.mkdir()
    (datasets / "cifar-10-python.tar.gz.incomplete").write_bytes(b"x" * (len(published) + 1))
    pull_files(known_set("cifar-10"))
    assert (datasets / "cifar-10-python.tar.gz").read_bytes() == published


def test_another_file_than_the_published_one_is_refused_and_not_kept(published, web, datasets):
    web.pages["/cifar-10-python.tar.gz"] = b"x" * len(published)
    with pytest.raises(DatasetUnreadable, match="is not what was published, and was deleted"):
        pull_files(known_set("cifar-10"))
    assert not list(datasets.glob("cifar*"))


def elsewhere_too(tmp_path, web, **changed):
    """Give the file of cifar-10 another address before its own."""
    entries = json.loads(known.FACTS.read_text())
    file = next(one for one in entries if one["name"] == "cifar-10")["variants"][0][0]
    file |= {"addresses": [f"{web.address}/moved.tar.gz", *file["addresses"]], **changed}
    (tmp_path / "facts.json").write_text(json.dumps(entries))
    known.known_sets.cache_clear()


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/gzip"])
@pytest.mark.parametrize(
    "page", [b"<html>moved</html>", b"\n<!DOCTYPE HTML>moved", b"another file"]
)
def test_the_second_address_is_tried_where_the_first_sends_something_else(
    published, tmp_path, web, datasets, page, kind
):
    elsewhere_too(tmp_path, web)
    web.pages["/moved.tar.gz"] = page
    web.types["/moved.tar.gz"] = kind
    pull_files(known_set("cifar-10"))
    assert [file.name for file in datasets.glob("cifar*")] == ["cifar-10-python.tar.gz"]
    assert (datasets / "cifar-10-python.tar.gz").read_bytes() == published


@pytest.mark.parametrize(
    ("kind", "page"),
    [
        ("text/html", b"Moved."),
        ("application/octet-stream", b"\xef\xbb\xbf <!doctype html><title>Moved</title>"),
    ],
)
def test_a_page_is_not_kept_for_a_file_without_a_checksum(
    published, tmp_path, web, datasets, kind, page
):
    addresses = [f"{web.address}/cifar-10-python.tar.gz"]
    elsewhere_too(tmp_path, web, md5="", size=0, addresses=addresses)
    web.pages["/cifar-10-python.tar.gz"] = page
    web.types["/cifar-10-python.tar.gz"] = kind
    with pytest.raises(DatasetUnreadable, match="a page of the web"):
        pull_files(known_set("cifar-10"))
    assert not list(datasets.glob("cifar*"))


def test_a_server_that_does_not_have_it_is_one_sentence(published, web, datasets):
    web.pages.clear()
    with pytest.raises(DatasetError, match=r"the server answers 404.*put it into"):
        pull_files(known_set("cifar-10"))


def test_all_files_of_a_set_are_pulled(tmp_path, web, facts_of):
    contents = fashion_mnist()
    folder = write_files(tmp_path / "server", contents)
    web.pages |= {f"/{name}": data for name, data in contents.items()}
    files = [folder / name for name in contents]
    facts_of("fashion-mnist", files, web=web.address, parts={"train": 6, "test": 3},
             classes={"class": 3})  # fmt: skip
    told = []
    pulled = pull_files(known_set("fashion-mnist"), on_progress=lambda *done: told.append(done))
    assert [file.read_bytes() for file in pulled] == list(contents.values())
    total = sum(map(len, contents.values()))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (total, total)
    assert len(open_set("fashion-mnist").images) == 6


def test_without_a_network_it_says_what_to_fetch_and_where_to_put_it(
    tmp_path, facts_of, datasets, closed_port
):
    file = write_tar(tmp_path / "cifar-10-python.tar.gz", cifar_ten(), "w:gz")
    facts_of("cifar-10", [file], web=closed_port)
    with pytest.raises(DatasetNotFound) as refusal:
        pull_files(known_set("cifar-10"))
    for told in ("Connection refused", f"{closed_port}/cifar-10-python.tar.gz", str(datasets)):
        assert told in str(refusal.value)


def test_offline_means_offline(published, web, monkeypatch):
    monkeypatch.setenv("LOOKALIKE_OFFLINE", "1")
    with pytest.raises(DatasetNotFound, match="LOOKALIKE_OFFLINE is set"):
        pull_files(known_set("cifar-10"))
    assert web.asked == []


def test_a_disk_without_room_is_said_before_it_is_full(published, monkeypatch):
    class Usage:
        free = 100

    monkeypatch.setattr(pulling.shutil, "disk_usage", lambda folder: Usage)
    with pytest.raises(StorageFull, match=r"make room, or set LOOKALIKE_DATASETS"):
        pull_files(known_set("cifar-10"))
