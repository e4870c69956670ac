"""What the client does besides searching, against a real server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from lookalike import Client, errors
from lookalike.client import AddProgress
from lookalike.client.saving import numbered_name
from lookalike.client.sending import query_groups
from lookalike.search import Query, QueryPart
from squares import encoded


def received(served):
    """Count the bytes of bodies that the server has received."""
    text = served.get("/metrics").body.decode()
    [line] = [line for line in text.splitlines() if line.startswith("lookalike_received_bytes")]
    return float(line.split()[-1])


@pytest.fixture
def client(served):
    with Client(served.url) as made:
        yield made


def test_records_embeddings_and_files_are_those_of_the_gallery(client, gallery, photos):
    assert list(client.images()) == list(gallery.images())
    assert client.image(3) == gallery.image(3)
    assert client.columns() == gallery.columns()
    assert (client.embedding(2) == gallery.embedding(2)).all()
    assert client.original(1) == (photos / "blue.png").read_bytes()
    assert len(client) == len(gallery) == 5
    assert client.gallery == "colours"
    with Image.open(BytesIO(client.thumbnail(1, side=64))) as small:
        assert (small.format, small.size) == ("JPEG", (12, 12))


def test_only_images_that_a_filter_lets_through(client, gallery):
    found = list(client.images(where="colour = 'grey' OR image_id = 1"))
    assert found == [gallery.image(1), gallery.image(2)]


def test_pages_of_images_join_to_all(client, gallery, monkeypatch):
    monkeypatch.setattr("lookalike.client.client.PAGE", 2)
    assert [image.image_id for image in client.images()] == [1, 2, 3, 4, 5]


def test_threads_share_a_client(client, searcher):
    expected = {image_id: searcher.search(image_id) for image_id in range(1, 6)}
    asked = list(range(1, 6)) * 20
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(client.search, asked))
    assert found == [expected[image_id] for image_id in asked]


def test_what_was_added_is_found_with_its_metadata(client, tmp_path):
    file = tmp_path / "teal.png"
    file.write_bytes(encoded((0, 100, 50)))
    report = client.add([file, encoded((0, 100, 0))], metadata=[{"mood": "calm"}, None])
    assert [picture.status for picture in report.pictures] == ["added", "added"]
    assert report.added == len(report.image_ids) == 2
    hits = client.search(file, 1, where="mood = 'calm'")
    assert [hit.image_id for hit in hits] == report.image_ids[:1]
    assert client.remove(report.image_ids) == report.image_ids
    assert client.remove([]) == []
    assert len(client) == 5


def test_many_pictures_go_in_portions(client, monkeypatch):
    monkeypatch.setattr("lookalike.client.adding.PORTION_FILES", 2)
    report = client.add([encoded((200, 9 * step, 7)) for step in range(5)], wait=False)
    assert len(report.jobs) == 3
    for job in report.jobs:
        assert client.wait(job, timeout=60).state == "done"
    assert len(client) == 10


def test_how_far_adding_is(client, monkeypatch):
    monkeypatch.setattr("lookalike.client.adding.PORTION_FILES", 2)
    seen = []
    report = client.add((encoded((200, 9 * step, 7)) for step in range(5)), on_progress=seen.append)
    assert report.added == 5
    assert [told.sent for told in seen[:3]] == [2, 4, 5]
    assert {told.total for told in seen} == {5}
    assert seen[-1] == AddProgress(5, 5, 5)


def test_adding_is_taken_up_again_where_it_broke_off(client, tmp_path, monkeypatch, served):
    monkeypatch.setattr("lookalike.client.adding.PORTION_FILES", 2)
    files = [tmp_path / f"{step}.png" for step in range(4)]
    for step, file in enumerate(files):
        file.write_bytes(encoded((200, 9 * step, 7)))
    first = client.add(files[:3])
    before = received(served)
    again = client.add(files, skip_known=True)
    assert [picture.status for picture in again.pictures] == ["already_there"] * 3 + ["added"]
    assert again.image_ids[:3] == first.image_ids
    assert [picture.name for picture in again.pictures] == [file.name for file in files]
    assert len(again.jobs) == 1
    # One file, with its frame: not four.
    assert received(served) - before < files[3].stat().st_size + 400


def test_where_a_portion_holds_nothing_of_use_the_others_are_added(client, monkeypatch):
    monkeypatch.setattr("lookalike.client.adding.PORTION_FILES", 2)
    report = client.add([b"no", b"none", encoded((200, 9, 7))])
    assert [picture.status for picture in report.pictures] == ["refused", "refused", "added"]
    assert "unknown kind of file" in report.pictures[1].reason


def test_a_later_file_that_is_not_there_is_told_before_anything_is_sent(
    client, tmp_path, monkeypatch
):
    monkeypatch.setattr("lookalike.client.adding.PORTION_FILES", 1)
    with pytest.raises(errors.SourceNotFound, match="cannot be sent"):
        client.add([encoded((1, 2, 3)), tmp_path / "none.png"])
    assert client.jobs() == []


def test_files_and_small_pictures_are_saved(client, photos, tmp_path):
    into = client.save_original(1, tmp_path)
    assert into == tmp_path / "1.png"
    assert into.read_bytes() == (photos / "blue.png").read_bytes()
    small = client.save_thumbnail(1, tmp_path / "small.jpg", side=64)
    assert small.read_bytes() == client.thumbnail(1, side=64)
    assert client.save_thumbnail(2, str(tmp_path)) == tmp_path / "2.jpg"


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("a.JPG", "1.JPG"),
        ("a.png/../b.gif", "1.gif"),
        ("a.lnk", "1"),
        ("a.jp\0g", "1"),
        ("a.desktop", "1"),
        ("../../a", "1"),
    ],
)
def test_a_server_names_no_file_but_by_a_pictures_ending(client, told, name):
    assert numbered_name(replace(client.image(1), path=told)) == name


def test_nothing_is_left_of_what_could_not_be_saved(client, tmp_path):
    target = tmp_path / "kept.jpg"
    target.write_bytes(b"before")
    with pytest.raises(errors.ImageNotInGallery):
        client.save_original(99, target)
    with pytest.raises(FileNotFoundError):
        client.save_original(1, tmp_path / "nowhere" / "a.png")
    assert target.read_bytes() == b"before"
    assert not list(tmp_path.glob(".*.part"))


def test_a_disk_that_is_full_is_not_blamed_on_the_server(client, tmp_path, monkeypatch):
    class Full(BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    @contextmanager
    def opened(file):
        yield Full()

    monkeypatch.setattr("lookalike.client.client.whole_file", opened)
    with pytest.raises(OSError, match="No space left"):
        client.save_original(1, tmp_path)


def test_where_no_picture_can_be_used_that_is_an_error(client):
    with pytest.raises(errors.ImageUnreadable, match="unknown kind of file"):
        client.add(b"hello")


def test_a_job_is_known_by_its_name(client):
    job = client.update(wait=False)
    assert client.wait(job.job_id).state == "done"
    assert client.job(job.job_id).job_id in [listed.job_id for listed in client.jobs()]
    assert client.cancel(job).state == "done"
    with pytest.raises(errors.UsageError, match="There is no job 'none'"):
        client.job("none")


def test_a_gallery_that_is_not_there(served):
    with (
        Client(served.url, gallery="nowhere") as client,
        pytest.raises(errors.GalleryNotFound, match="there is colours"),
    ):
        client.search(1)


def test_what_a_read_only_server_refuses(serve):
    with Client(serve(read_only=True).url) as client:
        assert len(client.search(1)) == 5
        for change in (lambda: client.remove(1), client.update, lambda: client.add(b"x")):
            with pytest.raises(errors.LookalikeError) as caught:
                change()
            assert isinstance(caught.value, errors.AccessDenied | errors.GalleryReadOnly)


def test_a_text_without_a_text_tower_is_the_searchers_error(client, searcher):
    query = Query(QueryPart(text="red"))
    sentences = []
    for asked in (client, searcher):
        with pytest.raises(errors.UsageError) as caught:
            asked.search(query)
        sentences.append(str(caught.value))
    assert sentences[0] == sentences[1]


def test_batches_keep_within_what_a_server_takes(photos):
    many = [Query(1, k=1000)] * 12 + [Query(str(photos / "red.png"))] * 70
    groups = list(query_groups(many, None))
    assert sum(map(len, groups)) == 82
    assert max(map(len, groups)) == 32
    assert max(sum(query["k"] for query in group) for group in groups) <= 5000
