"""The library, the command line, the server and its client say the same, to the last bit."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import lookalike
from lookalike.cli.main import run
from lookalike.cli.searching import local
from lookalike.client import Client, ServerRecord, remove_record, write_record
from lookalike.client.answers import bare_hit
from lookalike.encoders.network import NetworkEncoder
from lookalike.errors import LookalikeError
from lookalike.gallery import Gallery, NewImage
from lookalike.index import IndexConfig, SearchParams, build_index
from lookalike.search import Feedback, Query, QueryPart, Results, Searcher
from lookalike.search.published import publish_index
from lookalike.vectors import unit_rows

TOKEN = "the token of this run"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}

# What the stand-in for a text tower says: a direction for each word.
WORDS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1)}


@dataclass(frozen=True)
class Case:
    """A query, and what to type for it.

    Attributes:
        query: Made of the folder of photos.
        words: Of the command line; None where it has no words for such a query.
    """

    query: Callable[[Path], Query]
    words: Sequence[str] | None = None


def red(photos: Path) -> str:
    return str(photos / "red.png")


def encoded(colour: tuple[int, int, int], side: int = 12) -> bytes:
    stream = BytesIO()
    square(colour, side).save(stream, "PNG")
    return stream.getvalue()


def square(colour: tuple[int, int, int], side: int = 12) -> Image.Image:
    return Image.new("RGB", (side, side), colour)


def halves() -> np.ndarray:
    """An array whose left half is red and whose right half is blue."""
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :30, 0] = pixels[:, 30:, 2] = 200
    return pixels


# fmt: off
CASES = {
    "path": Case(lambda p: Query(red(p)), ["red.png"]),
    "k": Case(lambda p: Query(red(p), k=2), ["red.png", "-k", "2"]),
    "k beyond the gallery": Case(lambda p: Query(red(p), k=5), ["red.png", "-k", "900"]),
    "bytes": Case(lambda p: Query(encoded((100, 50, 0), 16))),
    "PIL image": Case(lambda p: Query(square((100, 60, 9)))),
    "array": Case(lambda p: Query(halves())),
    "large array": Case(lambda p: Query(np.repeat(np.repeat(halves(), 30, 0), 30, 1))),
    "grey array": Case(lambda p: Query(np.full((9, 7), 90, np.uint8))),
    "image with alpha": Case(lambda p: Query(Image.new("RGBA", (9, 9), (200, 10, 0, 128)))),
    "id": Case(lambda p: Query(3), ["--id", "3"]),
    "embedding": Case(lambda p: Query(np.array([3.0, 0.1, 1e-7]))),
    "float32 embedding": Case(lambda p: Query(np.array([0.1, 0.2, 0.3], np.float32))),
    "pictures taken away": Case(
        lambda p: Query([QueryPart(picture=red(p)), QueryPart(picture=str(p / "grey.png"),
                                                              weight=-0.5)]),
        ["red.png", "--minus", "grey.png", "--weight", ".5"],
    ),
    "mean of three": Case(
        lambda p: Query([red(p), 1, QueryPart(image_id=2, weight=0.25)]),
        ["red.png", "--id", "1", "--id", "2", "--weight", ".25", "--combine", "mean"],
    ),
    "region in pixels": Case(
        lambda p: Query(QueryPart(picture=red(p), region="2,3,6,6")),
        ["red.png", "--region", "2,3,6,6"],
    ),
    "region in percent": Case(
        lambda p: Query(QueryPart(picture=red(p), region="10%,20%,33.3%,50%")),
        ["red.png", "--region", "10%,20%,33.3%,50%"],
    ),
    "region of an array": Case(lambda p: Query(QueryPart(picture=halves(), region=".5,0,.5,1"))),
    "text": Case(lambda p: Query(QueryPart(text="red")), ["--text", "red"]),
    "template": Case(
        lambda p: Query(QueryPart(text="blue"), template="a photo of {}"),
        ["--text", "blue", "--template", "a photo of {}"],
    ),
    "picture and text": Case(
        lambda p: Query([red(p), QueryPart(text="green", weight=0.7)]),
        ["red.png", "--text", "green", "--weight", ".7"],
    ),
    "filter": Case(
        lambda p: Query(red(p), where="colour = 'grey' OR image_id < 2"),
        ["red.png", "--where", "colour = 'grey' OR image_id < 2"],
    ),
    "filter that lets nothing through": Case(
        lambda p: Query(3, where="width > 5000"), ["--id", "3", "--where", "width > 5000"]
    ),
    "least score": Case(lambda p: Query(5, min_score=0.6), ["--id", "5", "--min-score", ".6"]),
    "without itself by id": Case(
        lambda p: Query(5, exclude_self=True), ["--id", "5", "--exclude-self"]
    ),
    "without itself by bytes": Case(lambda p: Query(encoded((0, 0, 200)), exclude_self=True)),
    "without itself by path": Case(
        lambda p: Query(str(p / "blue.png"), exclude_self=True), ["blue.png", "--exclude-self"]
    ),
    "without copies": Case(
        lambda p: Query(red(p), exclude_copies=True), ["red.png", "--exclude-copies"]
    ),
    "diversity": Case(
        lambda p: Query(red(p), diversity=0.4, k=3), ["red.png", "--diversity", ".4", "-k", "3"]
    ),
    "groups": Case(
        lambda p: Query(red(p), group_by="colour"), ["red.png", "--group-by", "colour"]
    ),
    "feedback": Case(
        lambda p: Query(red(p), feedback=Feedback([2], [1])),
        ["red.png", "--keep", "2", "--reject", "1"],
    ),
    "feedback alone": Case(lambda p: Query(feedback=Feedback([2, 3])), ["--keep", "2",
                                                                        "--keep", "3"]),
    "best of views": Case(
        lambda p: Query([red(p), str(p / "blue.png")], combine="best"),
        ["red.png", "blue.png", "--combine", "best"],
    ),
}

WRONG = {
    "no such file": Case(lambda p: Query(str(p / "none.png")), ["none.png"]),
    "no picture": Case(lambda p: Query(str(p / "text.png")), ["text.png"]),
    "half a picture": Case(lambda p: Query(str(p / "half.png")), ["half.png"]),
    "bytes of no picture": Case(lambda p: Query(b"hello")),
    "black": Case(lambda p: Query(str(p / "black.png")), ["black.png"]),
    "no such id": Case(lambda p: Query(77), ["--id", "77"]),
    "embedding of another length": Case(lambda p: Query(np.ones(4))),
    "unknown column": Case(lambda p: Query(1, where="colur = 'red'"),
                           ["--id", "1", "--where", "colur = 'red'"]),
    "group by nothing": Case(lambda p: Query(1, group_by="colur"),
                             ["--id", "1", "--group-by", "colur"]),
    "region outside": Case(
        lambda p: Query(QueryPart(picture=red(p), region="5,5,100,100")),
        ["red.png", "--region", "5,5,100,100"],
    ),
    "parts that cancel": Case(
        lambda p: Query([1, QueryPart(image_id=1, weight=-1)]), ["--id", "1", "--minus-id", "1"]
    ),
    "no such id kept": Case(lambda p: Query(1, feedback=Feedback([99])),
                            ["--id", "1", "--keep", "99"]),
}
# fmt: on


@pytest.fixture
def texts(monkeypatch):
    """Stand in for a text tower."""

    def encode_texts(self, texts, *, template=None):
        return np.array([WORDS[text.split()[-1]] for text in texts], dtype=np.float32)

    monkeypatch.setattr(NetworkEncoder, "encode_texts", encode_texts)


@pytest.fixture
def started(serve, photos, tmp_path, monkeypatch, texts):
    """A server that the command line finds."""
    monkeypatch.setenv("LOOKALIKE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(photos)
    served = serve(local_token=TOKEN)
    record = ServerRecord(
        served.url, str(served.gallery.path.resolve()), served.name, os.getpid(), TOKEN,
        lookalike.__version__,
    )  # fmt: skip
    write_record(record)
    yield served
    remove_record(record)


@pytest.fixture
def client(started):
    with Client(started.url) as made:
        yield made


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run(["search", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def facts_of(results: Results) -> tuple[Any, ...]:
    return results.query, results.meaning, results.score_kind, results.asked, results.plan


def without_the_folder(photos: Path, text: str) -> str:
    """The command line names files as they were typed, relative to the folder."""
    return text.replace(f"{photos}/", "")


def test_the_client_answers_as_the_searcher(client, searcher, photos):
    for name, case in CASES.items():
        query = case.query(photos)
        expected, found = searcher.search(query), client.search(query)
        assert found == expected, name  # each hit with its record, its score to the last bit
        assert facts_of(found) == facts_of(expected), name
        assert (len(expected) > 0) == ("nothing" not in name)


def test_a_batch_answers_as_the_searcher(client, searcher, photos):
    queries = [case.query(photos) for case in CASES.values()]
    for found, query in zip(client.search_many(queries), queries, strict=True):
        expected = searcher.search(query)
        assert found == expected, query.label
        assert found.asked == query


def test_the_server_answers_as_the_searcher(started, searcher, photos):
    for name, case in CASES.items():
        query = case.query(photos)
        expected = searcher.search(query)
        reply = started.post(f"{started.base}/search", query.to_dict(), headers=SHOWN)
        told = reply.json()
        assert reply.status == 200, name
        assert [hit["score"] for hit in told["hits"]] == [hit.score for hit in expected], name
        hits = [bare_hit(hit) for hit in told["hits"]]
        shown = {key: told[key] for key in ("query", "score_kind", "meaning")}
        assert {**shown, "hits": hits} == expected.to_dict(), name
        assert told["plan"] == expected.plan.to_dict(), name


@pytest.mark.parametrize("form", [["--json", "--explain"], ["--explain"], []])
def test_the_command_line_prints_the_same_with_a_server(form, started, capsys, monkeypatch):
    place = ["--gallery", str(started.gallery.path)]
    typed = {name: [*case.words, *form, *place] for name, case in CASES.items() if case.words}
    expected = {name: printed(capsys, *words, "--no-daemon") for name, words in typed.items()}
    monkeypatch.setattr(local, "search_here", None)  # whoever searches here fails
    for name, words in typed.items():
        assert printed(capsys, *words) == expected[name], name
        assert expected[name][0] == 0, name


def test_the_command_line_prints_what_the_searcher_finds(
    started, capsys, monkeypatch, searcher, photos
):
    monkeypatch.setattr(local, "search_here", None)
    for name, case in CASES.items():
        if case.words is not None:
            words = [*case.words, "--json", "--gallery", str(started.gallery.path)]
            told = json.loads(printed(capsys, *words)[1])
            expected = searcher.search(case.query(photos))
            assert told["hits"] == expected.to_dict()["hits"], name
            assert told["query"] == without_the_folder(photos, expected.query), name


@pytest.fixture
def wrong(photos, started):
    """Files that are no pictures to search with."""
    (photos / "text.png").write_text("no picture")
    (photos / "half.png").write_bytes(encoded((9, 9, 9), 64)[:-30])
    (photos / "black.png").write_bytes(encoded((0, 0, 0)))


def refusal(ask: Callable[[], Any]) -> tuple[type[LookalikeError], str]:
    with pytest.raises(LookalikeError) as caught:
        ask()
    return type(caught.value), str(caught.value)


def test_errors_are_the_same_everywhere(wrong, started, client, searcher, photos, capsys):
    for name, case in WRONG.items():
        query = case.query(photos)
        kind, sentence = refusal(lambda query=query: searcher.search(query))
        assert refusal(lambda query=query: client.search(query)) == (kind, sentence)
        assert refusal(lambda query=query: client.search_many([1, query])) == (kind, sentence)
        reply = started.post(f"{started.base}/search", query.to_dict(), headers=SHOWN)
        told = reply.json()
        assert (told["error"], told["detail"]) == (kind.__name__, sentence), name
        assert 400 <= reply.status < 500, name
        if case.words is not None:
            words = [*case.words, "--gallery", str(started.gallery.path)]
            expected = printed(capsys, *words, "--no-daemon")
            assert printed(capsys, *words) == expected, name
            assert without_the_folder(photos, sentence) in expected[2], name


def test_what_cannot_be_sent_is_refused_with_the_same_sentence(client, searcher, photos):
    (photos / "empty.png").write_bytes(b"")
    for wrong in (
        b"",
        str(photos / "empty.png"),
        np.array([np.nan, 0, 1]),
        np.array([1e300, 0, 0]),
    ):
        expected = refusal(lambda wrong=wrong: searcher.search(wrong))
        assert refusal(lambda wrong=wrong: client.search(wrong)) == expected
        assert refusal(lambda wrong=wrong: client.search_many([1, wrong])) == expected


def test_pages_are_the_one_list_cut_up(client, searcher, photos):
    whole = searcher.search(Query(red(photos), k=5))
    pages = [client.search(red(photos), 2, offset=offset) for offset in (0, 2, 4)]
    assert [hit for page in pages for hit in page] == list(whole)


def test_options_beside_a_bare_query(client, searcher, photos):
    options = {"exclude_self": True, "min_score": 0.5, "where": "image_id > 1"}
    found = client.search(photos / "red.png", 2, **options)
    # The picture is sent as its bytes, and is found again by them.
    expected = searcher.search((photos / "red.png").read_bytes(), 2, **options)
    assert found == expected


def test_options_beside_a_query_are_refused_with_the_same_sentence(client, searcher):
    query = Query(1)
    assert refusal(lambda: client.search(query, 3)) == refusal(lambda: searcher.search(query, 3))


def test_explaining(client, searcher):
    assert client.explain(1, where="image_id > 2") == searcher.explain(1, where="image_id > 2")


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_a_published_index_is_asked_alike(kind, gallery, photos, request, monkeypatch, capsys):
    monkeypatch.setattr("lookalike.index.live.FEW_ROWS", 0)
    add_directions(gallery, 900)
    config = IndexConfig(kind, nlist=16, hnsw_m=8)
    snapshot = gallery.snapshot()
    publish_index(gallery, snapshot, build_index(snapshot.blocks, config, dim=3), {}, config=config)
    started = request.getfixturevalue("started")
    place = ["--gallery", str(gallery.path), "--explain", "--json"]
    with Client(started.url) as client, Searcher.open(gallery.path) as searcher:
        for params in (None, SearchParams(nprobe=3, ef_search=40)):
            query = Query(red(photos), k=25, where="image_id > 100")
            expected, found = (one.search(query, params=params) for one in (searcher, client))
            assert found == expected
            assert found.plan == expected.plan
            assert found.plan.kind == kind
    typed = ["red.png", "-k", "30", "--nprobe", "2", "--ef-search", "64", *place]
    expected = printed(capsys, *typed, "--no-daemon")
    monkeypatch.setattr(local, "search_here", None)
    assert printed(capsys, *typed) == expected


def add_directions(gallery: Gallery, count: int) -> None:
    """Add images of random embeddings."""
    rows = unit_rows(np.random.default_rng(3).normal(size=(count, 3)))
    images = [
        NewImage(1, f"{row}.jpg", f"content {row}", 1, 1, 64, 48, "JPEG", embedding_row=row)
        for row in range(count)
    ]
    with gallery.writer() as writer:
        writer.commit(images=images, embeddings=rows)
