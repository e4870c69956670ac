"""Embeddings that an answer gives back, to ask with again instead of pictures."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.search import Query, QueryPart
from lookalike.vectors import unit_rows


@pytest.fixture
def served(served_once: Any) -> Any:
    return served_once


def encoded(colour: tuple[int, int, int]) -> bytes:
    stream = BytesIO()
    Image.new("RGB", (12, 12), colour).save(stream, "PNG")
    return stream.getvalue()


# No colour of the gallery: none of its scores is 1.
ODD = encoded((130, 70, 20))


def by_form(served: Any, query: dict[str, Any], *pictures: bytes) -> Any:
    files = [("picture", f"{number}.png", data) for number, data in enumerate(pictures)]
    reply = served.post_form(f"{served.base}/search", files, {"query": json.dumps(query)})
    assert reply.status == 200, reply.body
    return reply.json()


def told_of(answer: dict[str, Any]) -> list[tuple[int, float]]:
    return [(hit["image_id"], hit["score"]) for hit in answer["hits"]]


def own_row(served: Any, image_id: int) -> list[float]:
    return unit_rows(served.gallery.embedding(image_id)[None])[0].tolist()


def test_answers_tell_none_unless_asked(served):
    assert "embeddings" not in served.search({"parts": [{"image_id": 5}]}).json()


def test_a_row_of_each_part_in_their_order(served):
    parts = [{"embedding": [0, 3, 4]}, {"image_id": 3, "weight": -0.5}, {"image_id": 1}]
    reply = served.search({"parts": parts, "with_embeddings": True})
    rows = reply.json()["embeddings"]
    assert rows[0] == np.array([0, 0.6, 0.8], dtype=np.float32).tolist()
    assert rows[1:] == [own_row(served, 3), own_row(served, 1)]


def test_pages_asked_with_an_embedding_are_those_of_one_large_search(served):
    whole = by_form(served, {"parts": [{"upload": 0}], "k": 6}, ODD)
    first = by_form(served, {"parts": [{"upload": 0}], "k": 2, "with_embeddings": True}, ODD)
    part = {"embedding": first["embeddings"][0]}
    later = [served.search({"parts": [part], "k": 2, "offset": offset}).json() for offset in (2, 4)]
    assert told_of(first) + told_of(later[0]) + told_of(later[1]) == told_of(whole)
    assert not {1.0, 0.0} & {score for _, score in told_of(whole)}


def test_a_mix_scores_with_embeddings_as_with_pictures(served):
    weights = {"weight": -0.3, "name": "odd"}
    told = {"parts": [{"image_id": 5}, {"upload": 0, **weights}], "with_embeddings": True}
    by_picture = by_form(served, told, ODD)
    part = {"embedding": by_picture["embeddings"][1], **weights}
    by_embedding = served.search({"parts": [{"image_id": 5}, part]}).json()
    assert told_of(by_embedding) == told_of(by_picture)
    assert by_embedding["query"] == by_picture["query"]


def test_the_row_is_the_one_that_the_encoder_makes(served, searcher):
    region = "0,0,50%,50%"
    told = {"parts": [{"upload": 0, "region": region}], "with_embeddings": True}
    [row] = by_form(served, told, ODD)["embeddings"]
    [prepared] = searcher.preparing.prepare([Query([QueryPart(picture=ODD, region=region)])])
    assert np.array_equal(np.array(row, dtype=np.float32), prepared.views[0])


def test_a_picture_alone_gets_its_own_by_the_address(served):
    address = f"{served.base}/search?with_embeddings=true"
    reply = served.post(address, body=ODD, kind="image/png")
    assert len(reply.json()["embeddings"]) == 1
    reply = served.get(f"{served.base}/search?image_id=5&image_id=1&with_embeddings=true")
    assert len(reply.json()["embeddings"]) == 2


def test_each_query_of_a_batch_for_itself(served):
    part = {"image_id": 5}
    queries = [{"parts": [part], "with_embeddings": True}, {"parts": [part]}]
    reply = served.post(f"{served.base}/search/batch", {"queries": queries})
    first, second = reply.json()["answers"]
    assert first["embeddings"] == [own_row(served, 5)]
    assert "embeddings" not in second


def test_a_batch_tells_so_many_at_most(served):
    query = {"parts": [{"image_id": 5}] * 32, "k": 1, "with_embeddings": True}
    reply = served.post(f"{served.base}/search/batch", {"queries": [query] * 32})
    assert reply.status == 400
    assert "1024 embeddings" in reply.json()["detail"]


def test_what_is_neither_yes_nor_no_is_refused(served):
    reply = served.search({"parts": [{"image_id": 5}], "with_embeddings": 1})
    assert reply.status == 400
    assert "with_embeddings is 1" in reply.json()["detail"]
