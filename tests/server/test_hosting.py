"""A gallery on a server: ready when its encoder is there, useful before."""

from __future__ import annotations

import asyncio
import threading
import time
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lookalike.encoders import load_encoder
from lookalike.errors import EncoderNotFound, GalleryNotFound, UsageError
from lookalike.gallery import Gallery
from lookalike.search import Query, QueryPart, Searcher
from lookalike.server.hosting import Hosted, SharedEncoders
from lookalike.server.hosting import hosted as hosting
from lookalike.server.hosting import shared_encoders as sharing
from lookalike.server.settings import Limits, ServerSettings, name_of, named_galleries
from lookalike.vectors import EmbeddingSpace, unit_rows

BLUE, GREY, ORANGE, COPY, RED = 1, 2, 3, 4, 5


class Held:
    """Encoders that are loaded when told so."""

    def __init__(self, encoder):
        self._encoder = encoder
        self.may_load = threading.Event()
        self.names = []

    def load(self, name):
        self.names.append(name)
        assert self.may_load.wait(60)
        return self._encoder


@pytest.fixture
def host(gallery):
    """Open the gallery, and close it at the end: ``host()``, or with settings."""
    opened = []

    def made(**settings):
        opened.append(Hosted.open("colours", gallery.path, **settings))
        return opened[-1]

    yield made
    for hosted in opened:
        hosted.close()


def red_picture():
    stream = BytesIO()
    Image.new("RGB", (12, 12), (200, 0, 0)).save(stream, "PNG")
    return stream.getvalue()


def test_it_answers_as_a_searcher_does(host, searcher):
    hosted = host()
    assert hosted.wait_until_ready(60)
    queries = [Query(QueryPart(picture=red_picture())), Query(QueryPart(image_id=GREY), k=2)]

    async def ask():
        return [(await hosted.search(query)).results for query in queries]

    assert asyncio.run(ask()) == [searcher.search(query) for query in queries]
    assert hosted.encoder.space == hosted.gallery.space
    assert repr(hosted) == f"Hosted('colours', {hosted.gallery!r})"


def test_what_needs_no_encoder_is_answered_while_it_loads(host, encoder):
    held = Held(encoder)
    hosted = host(encoders=held)

    async def ask():
        waiting = asyncio.ensure_future(hosted.search(Query(QueryPart(picture=red_picture()))))
        by_id = await asyncio.wait_for(hosted.search(Query(QueryPart(image_id=BLUE))), 60)
        assert not hosted.is_ready
        assert hosted.problem == "its encoder is not loaded yet"
        assert not waiting.done()
        held.may_load.set()
        return by_id, await waiting

    by_id, by_picture = asyncio.run(ask())
    assert by_id.results[0].image_id == BLUE
    assert by_picture.results[0].image_id == COPY
    assert hosted.wait_until_ready(60)
    assert hosted.problem == ""
    assert held.names == [hosted.gallery.space.encoder]


def test_an_encoder_that_cannot_be_had_is_told(tmp_path, caplog):
    space = EmbeddingSpace("f" * 64, 3, encoder="onnx:/nowhere/gone.onnx")
    with Gallery.create(tmp_path / "gone.gallery", space) as gallery:
        add_rows(gallery)
    hosted = Hosted.open("gone", tmp_path / "gone.gallery")
    try:
        assert not hosted.wait_until_ready(60)
        assert "/nowhere/gone.onnx" in hosted.problem
        assert "gallery gone is not ready" in caplog.text
        answer = asyncio.run(hosted.search(Query(QueryPart(image_id=1))))
        assert [hit.image_id for hit in answer.results] == [1, 2]
        with pytest.raises(EncoderNotFound):
            asyncio.run(hosted.search(Query(QueryPart(picture=red_picture()))))
    finally:
        hosted.close()


def test_an_unforeseen_failure_of_loading_is_told_too(host, caplog):
    class Broken:
        def load(self, name):
            raise ZeroDivisionError("no luck")

    hosted = host(encoders=Broken())
    assert not hosted.wait_until_ready(60)
    assert "ZeroDivisionError('no luck')" in hosted.problem


def test_it_becomes_ready_where_loading_succeeds_later(host, encoder, caplog, monkeypatch):
    monkeypatch.setattr(hosting, "FIRST_RETRY_S", 0.05)
    is_back = threading.Event()

    class Away:
        tries = 0

        def load(self, name):
            self.tries += 1
            if self.tries < 3:
                raise EncoderNotFound("The hub is away.")
            assert is_back.wait(60)
            return encoder

    hosted = host(encoders=Away())
    assert not hosted.wait_until_ready(60)
    is_back.set()
    until = time.monotonic() + 60
    while not hosted.is_ready:
        assert time.monotonic() < until, "it did not become ready"
        time.sleep(0.01)
    assert caplog.text.count("The hub is away") == 1


def test_closing_waits_for_an_encoder_that_is_being_loaded(host, encoder, monkeypatch):
    monkeypatch.setattr(hosting, "LOADING_END_S", 60)
    held = Held(encoder)
    hosted = host(encoders=held)
    release = threading.Timer(0.2, held.may_load.set)
    release.start()
    hosted.close()
    assert hosted.wait_until_ready(0)
    release.join()


def test_it_can_be_closed_while_its_encoder_loads(host, encoder, caplog, monkeypatch):
    monkeypatch.setattr(hosting, "LOADING_END_S", 0.1)
    held = Held(encoder)
    hosted = host(encoders=held)
    hosted.close()
    held.may_load.set()
    hosted.wait_until_ready(60)
    with pytest.raises(RuntimeError, match="shutdown"):
        asyncio.run(hosted.search(Query(QueryPart(image_id=RED))))
    assert caplog.text == ""


def test_a_gallery_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(GalleryNotFound):
        Hosted.open("none", tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "has_text"),
    [("clip-vit-b-32", True), ("openai/clip?x=1", False), ("dinov2-s", False), ("builtin", False)],
)
def test_whether_there_are_texts_is_told_without_loading(tmp_path, encoder, name, has_text):
    with Gallery.create(tmp_path / "texts.gallery", EmbeddingSpace("f" * 64, 3, encoder=name)):
        pass
    held = Held(encoder)
    hosted = Hosted.open("texts", tmp_path / "texts.gallery", encoders=held)
    try:
        assert hosted.has_text is has_text
    finally:
        held.may_load.set()
        hosted.wait_until_ready(60)
        hosted.close()


def test_the_loaded_encoder_tells_whether_there_are_texts(gallery, encoder):
    class WithText:
        card = type("Card", (), {"has_text": True})
        texts = ()

        def __getattr__(self, name):
            return getattr(encoder, name)

        def encode_texts(self, texts):
            self.texts += tuple(texts)
            return unit_rows(np.ones((len(texts), 3), dtype=np.float32))

    reading = WithText()
    hosted = Hosted("colours", Searcher(gallery, reading))
    assert hosted.wait_until_ready(60)
    assert hosted.has_text
    assert reading.texts  # the tower is loaded before the first query
    answer = asyncio.run(hosted.search(Query(QueryPart(text="anything"), k=1)))
    assert answer.results[0].image_id == GREY


def test_galleries_of_one_encoder_share_it(monkeypatch):
    loaded = []

    def load(name, *, device, backend):
        loaded.append((name, device, backend))
        return object()

    monkeypatch.setattr(sharing, "load_encoder", load)
    shared = SharedEncoders(device="cpu", backend="onnx")
    threads = [threading.Thread(target=shared.load, args=("a",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shared.load("a") is shared.load("a")
    assert shared.load("a") is not shared.load("b")
    assert loaded == [("a", "cpu", "onnx"), ("b", "cpu", "onnx")]


def test_an_encoder_that_failed_is_tried_again(monkeypatch, encoder_name):
    shared = SharedEncoders()
    with monkeypatch.context() as patched:
        patched.setattr(sharing, "load_encoder", failing)
        with pytest.raises(EncoderNotFound):
            shared.load(encoder_name)
    assert shared.load(encoder_name).space == load_encoder(encoder_name).space


def failing(name, **_):
    raise EncoderNotFound(f"There is no encoder {name!r}: pull it.")


def add_rows(gallery):
    from lookalike.gallery import NewImage

    rows = unit_rows(np.array([[1, 0, 0], [1, 1, 0]], dtype=np.float32))
    with gallery.writer() as writer:
        source = writer.add_source("import", "/nowhere")
        images = [
            NewImage(
                source.source_id, f"{row}.png", f"{row:064x}", 9, 9, 9, 9, "PNG", embedding_row=row
            )
            for row in range(2)
        ]
        writer.commit(images=images, embeddings=rows)


class TestSettings:
    def test_galleries_are_named_after_their_folders(self, tmp_path):
        folders = [
            tmp_path / "Holiday photos" / ".lookalike",
            tmp_path / "x.gallery",
            tmp_path / "other" / "x.gallery",
            tmp_path / "Größe",
            tmp_path / "写真",
            tmp_path / "..x",
        ]
        assert list(named_galleries(folders)) == [
            "holiday-photos", "x", "x-2", "groe", "gallery", "x-3",
        ]  # fmt: skip
        assert list(named_galleries(folders).values()) == folders

    def test_a_relative_folder_is_named_after_what_it_is(self, tmp_path, monkeypatch):
        (tmp_path / "cats").mkdir()
        monkeypatch.chdir(tmp_path / "cats")
        assert name_of((tmp_path / "cats").relative_to(tmp_path / "cats")) == "cats"

    def test_the_first_gallery_is_the_default(self, tmp_path):
        settings = ServerSettings({"b": tmp_path / "b", "a": tmp_path / "a"})
        assert settings.default_gallery == "b"
        assert settings.galleries["a"] == tmp_path / "a"
        assert settings.limits == Limits()

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({"galleries": {}}, "needs a gallery"),
            ({"galleries": {"Ä": "x"}}, "cannot stand in an address"),
            ({"galleries": {"../x": "x"}}, "cannot stand in an address"),
            ({"window_ms": -1}, "window_ms is -1"),
            ({"window_ms": float("nan")}, "window_ms is nan"),
            ({"max_batch": 0}, "max_batch is 0"),
            ({"rescan_s": 0}, "rescan_s is 0"),
            ({"rate": 0.0}, "rate is 0.0"),
            ({"port": 65536}, "port 65536"),
        ],
    )
    def test_settings_that_make_no_sense_are_refused(self, tmp_path, given, told):
        with pytest.raises(UsageError, match=told):
            ServerSettings(**{"galleries": {"x": tmp_path}, **given})

    @pytest.mark.parametrize("name", ["max_body_bytes", "max_k", "body_s"])
    def test_a_limit_lets_something_through(self, name):
        with pytest.raises(UsageError, match=f"{name} is 0"):
            Limits(**{name: 0})

    def test_secrets_are_not_shown(self, tmp_path):
        assert "hush" not in repr(ServerSettings({"x": tmp_path}, local_token="hush"))
