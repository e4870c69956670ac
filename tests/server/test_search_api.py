"""The search of the API, asked over a real connection and held against the library."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import socket
import threading
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.gallery import Gallery
from lookalike.search import Feedback, Query, QueryPart, Results
from squares import encoded

LOCAL = {"Authorization": "Bearer the-local-token"}


@pytest.fixture
def served(served_once: Any) -> Any:
    """A server that all share: searching changes nothing."""
    return served_once


@pytest.fixture
def gallery(served_once: Any) -> Gallery:
    return served_once.gallery


@pytest.fixture
def photos(served_once: Any) -> Path:
    return served_once.photos


RED, BLUE = encoded((200, 0, 0)), encoded((0, 0, 200))


def found(reply: Any) -> list[int]:
    assert reply.status == 200, reply.body
    return [hit["image_id"] for hit in reply.json()["hits"]]


def facts_of(results: Results) -> list[tuple[int, int, float, str]]:
    return [(hit.rank, hit.image_id, hit.score, hit.path) for hit in results]


def told_of(reply: Any) -> list[tuple[int, int, float, str]]:
    assert reply.status == 200, reply.body
    hits = reply.json()["hits"]
    return [(hit["rank"], hit["image_id"], hit["score"], hit["path"]) for hit in hits]


QUERIES = {
    "image": Query(5),
    "images with weights": Query([QueryPart(image_id=3), QueryPart(image_id=1, weight=-0.5)]),
    "picture": Query(RED, k=3),
    "picture without itself": Query(RED, exclude_self=True),
    "copies left out": Query(5, exclude_copies=True),
    "embedding": Query(np.array([1.0, 1.0, 0.0])),
    "best of two": Query([5, 1], combine="best"),
    "filter": Query(5, where="colour = 'blue' OR colour = 'grey'"),
    "lowest score": Query(5, min_score=0.6),
    "diverse": Query(5, diversity=0.7, k=3),
    "grouped": Query(5, group_by="format"),
    "feedback": Query(5, feedback=Feedback(kept=[3], rejected=[1])),
    "feedback alone": Query((), feedback=Feedback(kept=[3])),
}


@pytest.mark.parametrize("name", QUERIES)
def test_the_server_finds_what_the_library_finds(served, searcher, name):
    query = QUERIES[name]
    results = searcher.search(query)
    reply = served.search(query.to_dict())
    assert told_of(reply) == facts_of(results)
    told = reply.json()
    assert (told["query"], told["score_kind"], told["meaning"]) == (
        results.query,
        results.score_kind,
        results.meaning,
    )


def test_scores_are_told_to_the_last_bit(served, searcher):
    hit = served.search({"parts": [{"image_id": 3}]}).json()["hits"][1]
    assert hit["score"] == searcher.search(3)[1].score
    assert hit["score"] != round(hit["score"], 6)


def test_a_hit_holds_all_that_the_catalog_knows(served, gallery):
    hit = served.search({"parts": [{"image_id": 5}], "k": 1}).json()["hits"][0]
    record = gallery.image(4)
    assert hit == {
        "rank": 1,
        "score": 1.0,
        "image_id": 4,
        "path": str(served.photos / "red copy.png"),
        "width": 12,
        "height": 12,
        "format": "PNG",
        "size_bytes": record.size_bytes,
        "metadata": {"colour": "red copy"},
        "source_id": 1,
        "name": "red copy.png",
        "content_hash": record.content_hash,
        "mtime_ns": record.mtime_ns,
        "indexed_at": record.indexed_at,
    }


def test_an_answer_says_how_it_came_about(served):
    told = served.search({"parts": [{"image_id": 5}], "k": 2}).json()
    assert told["plan"]["summary"] == "exact over 4 rows"
    assert told["generation"] == served.gallery.generation
    assert set(told["seconds"]) >= {"search", "join"}
    assert all(0 <= seconds < 60 for seconds in told["seconds"].values())


class TestBySimpleAddress:
    def test_an_image(self, served):
        assert found(served.get(f"{served.base}/search?image_id=5&k=3&exclude_self=true")) == [
            4,
            3,
            2,
        ]

    def test_several_images_and_one_taken_away(self, served, searcher):
        parts = [QueryPart(image_id=5), QueryPart(image_id=3), QueryPart(image_id=1, weight=-1)]
        reply = served.get(f"{served.base}/search?image_id=5&image_id=3&minus_id=1")
        assert told_of(reply) == facts_of(searcher.search(Query(parts)))

    def test_a_filter_and_params(self, served):
        where = "colour%20%3D%20'blue'"
        assert found(served.get(f"{served.base}/search?image_id=5&where={where}&nprobe=4")) == [1]

    def test_words_need_an_encoder_that_reads(self, served):
        reply = served.get(f"{served.base}/search?text=a+cat")
        assert reply.status == 400
        assert "knows pictures only" in reply.json()["detail"]

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ("", "needs at least one part"),
            ("image_id=5&k=0", "at least one hit"),
            ("image_id=5&offset=-1", "offset is -1"),
            ("image_id=5&min_score=nan", "min_score nan"),
            ("image_id=5&nprobe=0", "nprobe is 0"),
            ("image_id=5&combine=worst", "'mean' or 'best'"),
            ("image_id=5&where=colour+%3D", "filter"),
            ("image_id=5&where=%00", "filter"),
            ("image_id=99999999999999999999", "at most"),
        ],
    )
    def test_what_makes_no_sense_is_told(self, served, options, said):
        reply = served.get(f"{served.base}/search?{options}")
        assert reply.status == 400
        assert said in reply.json()["detail"]

    @pytest.mark.parametrize(
        "options", ["image_id=5&kk=2", "image_id=5&k=1&k=2", "image_id=x", "image_id=5&k=2.5"]
    )
    def test_what_is_misspelled_is_told(self, served, options):
        reply = served.get(f"{served.base}/search?{options}")
        assert reply.status == 422
        assert "query string" in reply.json()["detail"]


class TestByPicture:
    def test_the_body_is_the_picture(self, served):
        reply = served.post(f"{served.base}/search?k=2", body=RED, kind="image/png")
        assert found(reply) == [4, 5]
        assert reply.json()["query"] == "a picture"

    def test_a_region_of_it(self, served):
        both = Image.new("RGB", (24, 12), (200, 0, 0))
        both.paste((0, 0, 200), (12, 0, 24, 12))
        stream = BytesIO()
        both.save(stream, "PNG")
        region = "region=50%25,0%25,50%25,100%25"
        reply = served.post(
            f"{served.base}/search?k=1&{region}", body=stream.getvalue(), kind="image/png"
        )
        assert found(reply) == [1]

    def test_whatever_the_kind_is_called(self, served):
        kind = "application/octet-stream"
        assert found(served.post(f"{served.base}/search?k=1", body=BLUE, kind=kind)) == [1]

    def test_an_empty_one_and_a_damaged_one(self, served):
        empty = served.post(f"{served.base}/search", body=b"", kind="image/png")
        assert (empty.status, empty.json()["error"]) == (400, "UsageError")
        half = served.post(f"{served.base}/search", body=RED[:40], kind="image/png")
        assert (half.status, half.json()["error"]) == (422, "ImageUnreadable")


class TestByForm:
    def test_a_picture_alone(self, served):
        reply = served.post_form(f"{served.base}/search?k=1", [("picture", "b.png", BLUE)])
        assert found(reply) == [1]
        assert reply.json()["query"] == "b.png"

    def test_several_pictures_are_added_up(self, served, searcher):
        reply = served.post_form(
            f"{served.base}/search", [("picture", "r.png", RED), ("picture", "b.png", BLUE)]
        )
        assert told_of(reply) == facts_of(searcher.search(Query([RED, BLUE])))
        assert reply.json()["query"] == "r.png + b.png"

    def test_pictures_with_weights_and_an_image(self, served, searcher):
        told = {"parts": [{"upload": 1, "weight": -0.5}, {"upload": 0}, {"image_id": 2}], "k": 2}
        reply = served.post_form(
            f"{served.base}/search",
            [("picture", "r.png", RED), ("picture", "b.png", BLUE)],
            {"query": json.dumps(told)},
        )
        parts = [QueryPart(BLUE, weight=-0.5), QueryPart(RED), QueryPart(image_id=2)]
        assert told_of(reply) == facts_of(searcher.search(Query(parts, k=2)))

    def test_the_query_may_be_a_file_as_curl_sends_it(self, served):
        query = ("query", "q.json", b'{"parts": [{"image_id": 1}], "k": 1}')
        assert found(served.post_form(f"{served.base}/search", [query])) == [1]

    @pytest.mark.parametrize(
        ("name", "label"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\photos\\cat.png", "cat.png"),
            ("a\tb.png", "ab.png"),
            ("", "a picture"),
            ("é.png", "é.png"),
            ("x" * 300, "x" * 200),
        ],
    )
    def test_a_file_is_called_by_the_last_part_of_its_name(self, served, name, label):
        reply = served.post_form(f"{served.base}/search?k=1", [("picture", name, RED)])
        assert reply.status == 200, reply.body
        assert reply.json()["query"] == label

    def test_a_name_that_is_no_text_does_no_harm(self, served):
        reply = served.post_form(f"{served.base}/search?k=1", [("picture", "\udcff.png", RED)])
        assert found(reply) == [4]

    @pytest.mark.parametrize(
        ("files", "fields", "said"),
        [
            ([], {}, "has no picture"),
            ([("photo", "r.png", RED)], {}, "is a file that is no text"),
            ([], {"limit": "3"}, "has a field 'limit'"),
            ([("picture", "r.png", RED)], {"query": "{"}, "JSON cannot be read"),
            (
                [("picture", "r.png", RED)],
                {"query": '{"parts": [{"image_id": 1}]}'},
                "is in no part",
            ),
            ([("picture", "r.png", RED)], {"query": '{"parts": [{"upload": 1}]}'}, "is in no part"),
            ([], {"query": '{"parts": [{"upload": 0}]}'}, "0 pictures came"),
            ([], {"query": '{"parts": [{"upload": true}]}'}, "0 pictures came"),
            ([("picture", "r.png", b"")], {}, "is empty"),
        ],
    )
    def test_what_makes_no_sense_is_told(self, served, files, fields, said):
        reply = served.post_form(f"{served.base}/search", files, fields)
        assert reply.status == 400
        assert said in reply.json()["detail"]


class TestPages:
    def test_pages_go_on_where_the_last_one_ended(self, served, searcher):
        whole = facts_of(searcher.search(5))
        pages, offset = [], 0
        while offset is not None:
            reply = served.search({"parts": [{"image_id": 5}], "k": 2, "offset": offset})
            pages.append(told_of(reply))
            offset = reply.json()["next_offset"]
        assert [len(page) for page in pages] == [2, 2, 1]
        assert [hit for page in pages for hit in page] == whole

    def test_there_is_no_page_behind_the_last_hit_that_may_be_found(self, serve):
        from lookalike.server.settings import Limits

        served = serve(limits=Limits(max_k=4))
        asked = {"parts": [{"image_id": 5}], "k": 2}
        assert served.search(asked).json()["next_offset"] == 2
        assert served.search(asked, offset=2).json()["next_offset"] is None
        refused = served.search(asked, offset=3)
        assert refused.status == 400
        assert "finds 4 in all" in refused.json()["detail"]

    def test_diversity_has_one_page(self, served):
        asked = {"parts": [{"image_id": 5}], "k": 2, "diversity": 0.5}
        assert served.search(asked).json()["next_offset"] is None
        assert served.search(asked, offset=2).status == 400


class TestBatch:
    def test_each_query_is_answered_as_if_it_were_alone(self, served, searcher):
        queries = [Query(5, k=2), Query(99), Query(RED, k=1), Query(1, where="nonsense = 1")]
        told = [query.to_dict() for query in queries]
        answers = served.post(f"{served.base}/search/batch", {"queries": told}).json()["answers"]
        assert [hit["image_id"] for hit in answers[0]["hits"]] == [4, 5]
        assert (answers[1]["status"], answers[1]["error"]) == (404, "ImageNotInGallery")
        assert [hit["image_id"] for hit in answers[2]["hits"]] == [4]
        assert (answers[3]["status"], answers[3]["error"]) == (400, "UsageError")

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ([], "list of queries"),
            ({"queries": []}, "list of queries"),
            ({"queries": [{}], "k": 3}, "list of queries"),
            ({"queries": [{"parts": [{"image_id": 1}]}] * 101}, "101 queries"),
            ({"queries": [{"parts": [{"base64": "AA=="}] * 13}] * 5}, "65 pictures"),
            ({"queries": [{"parts": [{"image_id": 1}], "k": 1000}] * 11}, "11000 hits"),
        ],
    )
    def test_what_goes_too_far_is_told(self, served, value, said):
        reply = served.post(f"{served.base}/search/batch", value)
        assert reply.status == 400
        assert said in reply.json()["detail"]


class TestLimits:
    def test_a_picture_of_too_many_pixels_is_refused_by_its_header(self, serve):
        from lookalike.server.settings import Limits

        served = serve(limits=Limits(max_pixels=100))
        large = base64.b64encode(RED).decode()
        replies = [
            served.post(f"{served.base}/search", body=RED, kind="image/png"),
            served.post_form(f"{served.base}/search", [("picture", "r.png", RED)]),
            served.search({"parts": [{"base64": large}]}),
        ]
        for reply in replies:
            assert (reply.status, reply.json()["error"]) == (422, "ImageTooLarge")
            assert "12 x 12 pixels are more than the 100" in reply.json()["detail"]

    def test_a_bomb_is_refused_before_a_pixel_is_made(self, served):
        # A PNG that announces 60000 x 60000 pixels, of which it has none.
        head = RED[:16] + (60000).to_bytes(4, "big") * 2
        chunk = b"IHDR" + head[16:] + RED[24:29]
        bomb = RED[:8] + RED[8:12] + chunk + zlib.crc32(chunk).to_bytes(4, "big") + RED[33:]
        reply = served.post(f"{served.base}/search", body=bomb, kind="image/png")
        assert (reply.status, reply.json()["error"]) == (422, "ImageTooLarge")

    @pytest.mark.parametrize(
        ("told", "said"),
        [
            ({"parts": [{"image_id": 1}] * 33}, "33 parts"),
            ({"parts": [{"text": "a" * 2001}]}, "2001 characters"),
            ({"parts": [{"image_id": 1}], "where": "a" * 4001}, "4001 characters"),
            ({"parts": [{"image_id": 1}], "template": "a" * 2001}, "2001 characters"),
            ({"parts": [{"image_id": 1}], "group_by": "a" * 201}, "201 characters"),
            ({"parts": [{"image_id": 1, "name": "a" * 2001}]}, "2001 characters"),
            ({"parts": [{"image_id": 1}], "k": 1001}, "finds 1000 in all"),
            ({"parts": [{"image_id": 1}], "k": 10**4000, "offset": 10**4000}, "finds 1000 in all"),
            ({"parts": [], "feedback": {"kept": list(range(1001))}}, "1001 kept images"),
            ({"parts": [{"image_id": 1}], "params": {"ef_search": 70000}}, "from 1 to 65536"),
            ({"parts": [{"image_id": 1}], "params": {"k_factor": 1e9}}, "from 1 to 1000"),
        ],
    )
    def test_what_goes_too_far_is_told(self, served, told, said):
        reply = served.search(told)
        assert reply.status == 400
        assert said in reply.json()["detail"]

    def test_more_files_than_a_form_may_have(self, serve):
        from lookalike.server.settings import Limits

        served = serve(limits=Limits(max_files=2))
        reply = served.post_form(f"{served.base}/search", [("picture", "r.png", RED)] * 3)
        assert (reply.status, reply.json()["type"]) == (413, "/problems/too-large")

    def test_a_field_that_is_longer_than_a_query(self, served):
        reply = served.post_form(f"{served.base}/search", [], {"query": " " * 2**20 + "{}"})
        assert reply.status == 413


class TestStrangers:
    @pytest.mark.parametrize("path", ["/etc/passwd", "red.png", "~/x.png", "http://x/y.png"])
    def test_they_name_no_files(self, served, path):
        reply = served.search({"parts": [{"picture": path}]})
        assert reply.status == 400
        assert "files are not read here" in reply.json()["detail"]

    def test_they_have_no_addresses_fetched(self, served):
        reply = served.search({"parts": [{"url": "http://127.0.0.1/x.png"}]})
        assert (reply.status, reply.json()["error"]) == (403, "AccessDenied")

    def test_the_own_command_line_names_files_by_their_whole_path(self, serve, searcher):
        served = serve(local_token="the-local-token")
        path = str(served.photos / "orange.png")
        reply = served.post(f"{served.base}/search", {"parts": [{"picture": path}]}, headers=LOCAL)
        assert told_of(reply) == facts_of(searcher.search(path))
        assert reply.json()["query"] == path
        told = {"parts": [{"picture": "orange.png"}]}
        relative = served.post(f"{served.base}/search", told, headers=LOCAL)
        assert relative.status == 400
        assert "whole path" in relative.json()["detail"]

    def test_an_address_is_fetched_where_that_is_allowed(self, serve, monkeypatch):
        from lookalike.server.safety import fetching

        async def fetch(url: str, limits: Any) -> bytes:
            assert url == "https://example.org/b.png"
            return BLUE

        monkeypatch.setattr(fetching, "fetch_picture", fetch)
        served = serve(allow_urls=True)
        reply = served.search({"parts": [{"url": "https://example.org/b.png"}], "k": 1})
        assert found(reply) == [1]
        assert reply.json()["query"] == "https://example.org/b.png"

    def test_a_part_is_one_thing(self, served):
        both = {"upload": 0, "base64": base64.b64encode(RED).decode()}
        assert "make a part of each" in served.search({"parts": [both]}).json()["detail"]
        assert served.search({"parts": [{"upload": 0, "image_id": 3}]}).status == 400


FUZZ = [
    b"",
    b"null",
    b"[]",
    b"0",
    b'"query"',
    b"{",
    b"{}}",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b'{"k": NaN}',
    b'{"k": Infinity, "parts": [{"image_id": 1}]}',
    b'{"k": 1, "k": 2}',
    b'{"parts": [{"image_id": 1, "image_id": 2}]}',
    b'{"parts": [{"image_id": 1, "weight": 1e999}]}',
    b'{"parts": [{"image_id": 1, "weight": "x"}]}',
    b'{"parts": [{"image_id": 1.5}]}',
    b'{"parts": [{"image_id": true}]}',
    b'{"parts": [{"image_id": ' + b"9" * 5000 + b"}]}",
    b'{"parts": [{"image_id": 1}], "k": ' + b"9" * 4000 + b"}",
    b'{"parts": [{"image_id": 1}], "k": 1e400}',
    b'{"parts": [{"image_id": 1}], "k": true}',
    b'{"parts": [{"image_id": 1}], "offset": 1.0}',
    b'{"parts": [{"image_id": 1}], "params": []}',
    b'{"parts": [{"image_id": 1}], "params": {"nprobe": "x"}}',
    b'{"parts": [{"image_id": 1}], "params": {"nprobe": 1e400}}',
    b'{"parts": [{"image_id": 1}], "params": {"nprobe": 2.5}}',
    b'{"parts": [{"image_id": 1}], "feedback": 3}',
    b'{"parts": [{"image_id": 1}], "feedback": {"kept": "12"}}',
    b'{"parts": [{"image_id": 1}], "feedback": {"kept": [1], "alpha": 1e999}}',
    b'{"parts": [{"image_id": 1}], "where": 3}',
    b'{"parts": [{"image_id": 1}], "where": "' + b"(" * 3000 + b'"}',
    b'{"parts": [{"image_id": 1}], "where": "' + b"NOT " * 900 + b'width"}',
    b'{"parts": [{"image_id": 1}], "where": "a = \\u0000"}',
    b'{"parts": [{"image_id": 1}], "group_by": "\\u0000"}',
    b'{"parts": [{"image_id": 1}], "group_by": {}}',
    b'{"parts": [{"image_id": 1}], "template": "{}"}',
    b'{"parts": [{"image_id": 1}], "combine": []}',
    b'{"parts": {"image_id": 1}}',
    b'{"parts": [[1]]}',
    b'{"parts": [5]}',
    b'{"parts": [null]}',
    b'{"parts": [{}]}',
    b'{"parts": [{"text": "\\ud800"}]}',
    b'{"parts": [{"text": 3}]}',
    b'{"parts": [{"embedding": []}]}',
    b'{"parts": [{"embedding": [1, 2, 1e999]}]}',
    b'{"parts": [{"embedding": [0, 0, 0]}]}',
    b'{"parts": [{"embedding": [1e38, 1e38, 1e38]}], "k": 0}',
    b'{"parts": [{"embedding": [1, [2], 3]}]}',
    b'{"parts": [{"embedding": ["1", "2", "3"]}]}',
    b'{"parts": [{"embedding": "AAAA"}]}',
    b'{"parts": [{"base64": "!"}]}',
    b'{"parts": [{"base64": ""}]}',
    b'{"parts": [{"base64": 3}]}',
    b'{"parts": [{"base64": "AAAA", "region": "1,2"}]}',
    b'{"parts": [{"base64": "AAAA", "region": [1, 2, 3, 1e999]}]}',
    b'{"parts": [{"base64": "AAAA", "name": 3}]}',
    b'{"parts": [{"url": 3}]}',
    b'{"parts": [{"upload": -1}]}',
    b'{"parts": [{"upload": 99999999999999999999}]}',
    b'{"parts": [{"picture": 3}]}',
    b'{"parts": [{"picture": null}]}',
    b'{"parts": [{"picture": "\\u0000"}]}',
    b'{"__proto__": {}}',
    b"[" * 100_000,
    b'{"a":' * 50_000,
]


@pytest.mark.parametrize("number", range(len(FUZZ)))
def test_whatever_is_no_query_is_told_in_a_sentence(served_once, number):
    reply = served_once.post(f"{served_once.base}/search", body=FUZZ[number])
    assert 400 <= reply.status < 500, reply.body
    assert reply.headers["content-type"] == "application/problem+json"
    told = reply.json()
    assert told["status"] == reply.status
    assert told["detail"].endswith((".", "…"))
    assert len(told["detail"]) <= 600


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/xml", "image/", "application/json5"]
)
def test_a_body_of_another_kind_is_not_guessed_at(served_once, kind):
    reply = served_once.post(f"{served_once.base}/search", body=b"{}", kind=kind)
    assert (reply.status, reply.json()["type"]) == (415, "/problems/media-type")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=", b"--\r\n"),
        ("multipart/form-data; boundary=a", b"--b\r\n"),
        (
            "multipart/form-data; boundary=a",
            b"--a\r\nContent-Disposition: form-data\r\n\r\n\r\n--a--",
        ),
        ("multipart/form-data; boundary=a; charset=rot13", b"--a--"),
        ("multipart/form-data; boundary=a; charset=none", b"--a--"),
        ("multipart/form-data; boundary=" + "a" * 5000, b"--a--"),
    ],
)
def test_a_form_that_is_none_is_told(served_once, kind, body):
    reply = served_once.post(f"{served_once.base}/search", body=body, kind=kind)
    assert reply.status == 400, reply.body
    assert reply.headers["content-type"] == "application/problem+json"


def test_names_of_files_that_are_no_text_go_out_as_escapes(tmp_path, encoder, serve_over):
    (tmp_path / "red.png").write_bytes(RED)
    odd = os.fsencode(str(tmp_path)) + b"/\xff\xe9.png"
    try:
        with open(odd, "wb") as file:
            file.write(encoded((0, 200, 0)))
    except OSError:
        pytest.skip("this file system takes only names that are text")
    from lookalike.ingest import add_images

    with Gallery.create(tmp_path / "odd.gallery", encoder.space) as made:
        add_images(made, tmp_path, encoder)
        served = serve_over(made)
        reply = served.search({"parts": [{"image_id": 1}], "k": 10})
        names = [hit["name"] for hit in reply.json()["hits"]]
    assert "\udcff\udce9.png" in names
    assert reply.body.isascii()


def test_many_ask_at_once_and_each_gets_the_own_answer(served):
    wanted = {number: [number] for number in (1, 2, 3)}
    answers: list[tuple[int, list[int]]] = []

    def ask(number: int) -> None:
        for _ in range(10):
            answers.append(
                (number, found(served.search({"parts": [{"image_id": number}], "k": 1})))
            )

    threads = [threading.Thread(target=ask, args=(number,)) for number in wanted for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 90
    assert all(hits == wanted[number] for number, hits in answers)


def test_the_keys_that_are_named_are_those_that_work_here(serve):
    strange = {"parts": [{"path": "x"}]}
    told = serve().search(strange).json()["detail"]
    fetching = serve(allow_urls=True).search(strange).json()["detail"]
    names = "base64, embedding, image_id, name, region, text, upload"
    assert told == f"A part of a query has no key 'path': it has {names}, weight."
    assert fetching == f"A part of a query has no key 'path': it has {names}, url, weight."


class TestGalleries:
    def test_they_are_listed_with_the_default_first(self, serve, gallery):
        served = serve(galleries={"second": gallery.path, "first": gallery.path})
        listed = served.get("/api/v1/galleries").json()["galleries"]
        assert [(entry["name"], entry["is_default"]) for entry in listed] == [
            ("second", True),
            ("first", False),
        ]
        assert listed[0] == {
            "name": "second",
            "is_default": True,
            "images": 5,
            "generation": gallery.generation,
            "dim": 3,
            "encoder": gallery.space.encoder,
            "has_text": False,
            "has_map": False,
            "is_ready": True,
            "can_write": True,
        }

    def test_each_answers_by_its_name(self, serve, gallery):
        served = serve(galleries={"second": gallery.path, "first": gallery.path})
        assert served.get("/api/v1/galleries/first/search?image_id=1&k=1").status == 200
        missing = served.get("/api/v1/galleries/third/search?image_id=1")
        assert (missing.status, missing.json()["error"]) == (404, "GalleryNotFound")
        assert "there is second, first" in missing.json()["detail"]

    def test_one_is_told_in_numbers(self, served):
        told = served.get(served.base).json()
        columns = {column["name"]: column for column in told["columns"]}
        assert [column["name"] for column in told["columns"]] == list(served.gallery.columns())
        assert columns["width"] == {
            "name": "width",
            "kind": "number",
            "is_metadata": False,
            "images": 5,
            "min": 12,
            "max": 12,
        }
        assert columns["format"]["values"] == ["PNG"]
        assert columns["colour"] == {
            "name": "colour",
            "kind": "text",
            "is_metadata": True,
            "images": 5,
            "values": ["blue", "grey", "orange", "red", "red copy"],
        }
        assert told["embeddings"] == 4
        assert told["sources"][0]["location"] == str(served.photos)
        assert told["limits"]["max_k"] == 1000
        assert told["index"] == {
            "kind": "exact",
            "summary": None,
            "recall": 1.0,
            "generation": None,
        }
        assert (told["can_write"], told["can_fetch_urls"]) == (True, False)

    def test_what_changed_is_told(self, tmp_path, encoder, serve_over):
        from lookalike.ingest import add_images, update_images

        (tmp_path / "red.png").write_bytes(RED)
        (tmp_path / "blue.png").write_bytes(BLUE)
        with Gallery.create(tmp_path / "own.gallery", encoder.space) as own:
            add_images(own, tmp_path, encoder)
            served = serve_over(own)
            before = served.get(served.base).json()
            (tmp_path / "blue.png").unlink()
            update_images(own, encoder)
            after = served.get(served.base).json()
        assert (before["images"], after["images"]) == (2, 1)
        assert after["generation"] > before["generation"]

    def test_one_that_is_gone_hides_no_other(self, serve, gallery, tmp_path):
        folder = shutil.copytree(gallery.path, tmp_path / "second.gallery")
        served = serve(galleries={"gone": folder, "here": gallery.path})
        folder.rename(tmp_path / "elsewhere")
        listed = served.get("/api/v1/galleries")
        asked = served.get("/api/v1/galleries/gone")
        assert [entry["name"] for entry in listed.json()["galleries"]] == ["here"]
        assert (asked.status, asked.json()["error"]) == (404, "GalleryNotFound")

    def test_who_may_not_write_is_told(self, serve):
        served = serve(read_only=True)
        assert served.get(served.base).json()["can_write"] is False

    def test_the_encoders_are_listed(self, served):
        told = served.get("/api/v1/encoders").json()["encoders"]
        assert told[0]["name"] == "builtin"
        assert told[0]["is_here"] is True
        assert any(card["has_text"] for card in told)


def test_a_query_is_given_up_when_nobody_waits_for_it(serve, monkeypatch):
    began, ended = threading.Event(), threading.Event()

    async def endless(*_: Any) -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    served = serve()
    monkeypatch.setattr(type(served.server.galleries["colours"]), "search", endless)
    with socket.create_connection((served.host, served.port)) as line:
        asked = f"GET {served.base}/search?image_id=5 HTTP/1.1\r\nHost: {served.host}\r\n\r\n"
        line.sendall(asked.encode())
        assert began.wait(60)
        assert not ended.is_set()
    assert ended.wait(60)


def test_a_query_may_name_no_gallery_by_path(served):
    reply = served.get("/api/v1/galleries/..%2f..%2fetc/search?image_id=1")
    assert reply.status == 404


def test_the_paths_of_hits_are_where_the_files_are(served):
    hits = served.search({"parts": [{"image_id": 5}]}).json()["hits"]
    assert all(Path(hit["path"]).is_file() for hit in hits)


@pytest.mark.parametrize("value", [b"0,", b"{},", b"[],"])
def test_json_of_very_many_values_is_refused_before_it_is_parsed(served, value):
    body = b'{"parts": [' + value * 1_000_001 + b"1]}"
    reply = served.post(f"{served.base}/search", body=body)
    assert reply.status == 413
    assert "1,000,000 values" in reply.json()["detail"]


def test_an_embedding_longer_than_any_is_refused(served):
    reply = served.search({"parts": [{"embedding": [0] * 65_537}]})
    assert reply.status == 400
    assert "65537 numbers in an embedding" in reply.json()["detail"]
