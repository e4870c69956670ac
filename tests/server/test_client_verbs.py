"""What the client does besides searching, against a real server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from PIL import Image

from lookalike import Client, errors
from lookalike.client.sending import query_groups
from lookalike.search import Query, QueryPart


def encoded(colour, side=12):
    stream = BytesIO()
    Image.new("RGB", (side, side), colour).save(stream, "PNG")
    return stream.getvalue()


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
        assert client.wait(job, timeout=20).state == "done"
    assert len(client) == 10


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
