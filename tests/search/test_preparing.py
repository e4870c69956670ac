"""Queries brought to embeddings: in stages, in threads, nothing encoded twice."""

from __future__ import annotations

import threading
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from lookalike.errors import ImageUnreadable, UsageError
from lookalike.search import Query, QueryPart, Searcher, reading
from lookalike.search.recent import RecentRows
from reading_encoder import ReadingEncoder

BLUE, GREY, ORANGE, COPY, RED = 1, 2, 3, 4, 5


@pytest.fixture
def counting(encoder):
    return ReadingEncoder(encoder)


@pytest.fixture
def counted(gallery, counting):
    return Searcher(gallery, counting)


class TestNames:
    def test_a_part_is_called_by_its_name(self, square):
        part = QueryPart(picture=square((200, 0, 0)), name="holiday.png", region="0,0,6,6")
        assert part.label == "holiday.png [0,0,6,6]"
        assert QueryPart(embedding=np.ones(3), name="the mean").label == "the mean"
        assert QueryPart(image_id=3, name="this one").label == "this one"
        assert Query([part, QueryPart(text="red", weight=-1)]).label == (
            'holiday.png [0,0,6,6] - "red"'
        )

    def test_errors_call_a_picture_by_its_name(self, searcher):
        query = Query(QueryPart(picture=b"no picture", name="notes.txt"))
        with pytest.raises(ImageUnreadable, match=r"'notes\.txt'"):
            searcher.search(query)

    def test_a_name_is_written_and_read(self):
        part = QueryPart(image_id=3, name="this one")
        assert part.to_dict() == {"image_id": 3, "name": "this one"}
        assert QueryPart.from_dict(part.to_dict()) == part
        assert part != QueryPart(image_id=3)
        assert "name" not in QueryPart(image_id=3).to_dict()

    @pytest.mark.parametrize("name", ["", " ", 7])
    def test_what_is_no_name_is_refused(self, name):
        with pytest.raises(UsageError, match="name of a part"):
            QueryPart(image_id=3, name=name)


class TestThreads:
    def test_pictures_are_decoded_side_by_side(self, searcher, square, monkeypatch):
        together = threading.Barrier(2, timeout=120)
        usual = reading.prepare

        def prepare(source, encoder, *, name=None):
            together.wait()
            return usual(source, encoder, name=name)

        monkeypatch.setattr(reading, "CORES", 2)
        monkeypatch.setattr(reading, "prepare", prepare)
        red, blue = searcher.search_many([square((200, 0, 0)), square((0, 0, 200))], 1)
        assert (red[0].image_id, blue[0].image_id) == (COPY, BLUE)

    def test_the_first_that_cannot_be_read_is_told(self, searcher, square, tmp_path):
        (tmp_path / "notes.txt").write_text("no picture")
        queries = [
            square((200, 0, 0)), str(tmp_path / "notes.txt"), str(tmp_path / "nobody.png"), b"x",
        ]  # fmt: skip
        for _ in range(5):
            with pytest.raises(ImageUnreadable, match=r"notes\.txt"):
                searcher.search_many(queries)

    def test_an_object_that_is_there_twice_is_read_by_one_thread(
        self, searcher, square, monkeypatch
    ):
        seen = set()
        usual = reading.prepare

        def prepare(source, encoder, *, name=None):
            seen.add(threading.current_thread())
            return usual(source, encoder, name=name)

        monkeypatch.setattr(reading, "prepare", prepare)
        lazy = Image.open(BytesIO(square((200, 0, 0))))
        answers = searcher.search_many([lazy] * 4, 1)
        assert {answer[0].image_id for answer in answers} == {COPY}
        assert seen == {threading.current_thread()}


class TestRemembering:
    def test_the_same_picture_is_encoded_once(self, counted, counting, photos, square):
        data = square((200, 0, 0))
        answers = counted.search_many([data, data, str(photos / "red.png"), RED], 2)
        assert counting.batches == [1]
        assert answers[0] == answers[1] == answers[2]
        assert counted.search(data, 4) == Searcher(counted.gallery, counting).search(data, 4)

    def test_a_region_of_it_is_another_picture(self, counted, counting):
        stream = BytesIO()
        picture = Image.new("RGB", (20, 10), (200, 0, 0))
        picture.paste((0, 0, 200), (10, 0, 20, 10))
        picture.save(stream, "PNG")
        for region, found in [("0,0,10,10", COPY), ("10,0,10,10", BLUE), ("0,0,10,10", COPY)]:
            query = Query(QueryPart(picture=stream.getvalue(), region=region))
            assert counted.search(query)[0].image_id == found
        assert counting.batches == [1, 1]

    def test_a_text_is_another_in_another_template(self, counted, counting):
        for template in (None, "a photo of {}", None):
            counted.search(Query(QueryPart(text="red"), template=template))
        assert counting.texts == [["red"], ["a photo of red"]]

    def test_what_is_known_from_files_is_known_again_only_as_long_as_they_stay_alike(
        self, counted, counting, tmp_path, square
    ):
        file = tmp_path / "query.png"
        file.write_bytes(square((200, 0, 0)))
        assert counted.search(str(file))[0].image_id == COPY
        file.write_bytes(square((0, 0, 200)))
        assert counted.search(str(file))[0].image_id == BLUE
        assert counting.batches == [1, 1]

    def test_pixels_in_memory_are_encoded_each_time(self, counted, counting):
        red = np.full((12, 12, 3), (200, 0, 0), dtype=np.uint8)
        counted.search_many([red, red])
        counted.search(red)
        assert counting.batches == [2, 1]

    def test_the_least_recent_is_forgotten(self):
        recent = RecentRows(2)
        rows = np.eye(3, dtype=np.float32)
        for number in range(2):
            recent.keep(number, rows[number])
        assert recent.row(0).tolist() == [1, 0, 0]
        recent.keep(2, rows[2])
        assert len(recent) == 2
        assert recent.row(1) is None
        assert recent.row(0).tolist() == [1, 0, 0]
        rows[0] = 9  # a row is kept, not the batch that it came in
        assert recent.row(0).tolist() == [1, 0, 0]

    def test_what_has_no_content_is_not_kept(self):
        recent = RecentRows()
        recent.keep(None, np.ones(3, dtype=np.float32))
        assert len(recent) == 0
        assert recent.row(None) is None


def test_stages_taken_apart_come_to_the_same(counted, photos, square):
    queries = [
        Query(QueryPart(picture=square((200, 0, 0))), k=2),
        Query([QueryPart(text="red"), QueryPart(image_id=BLUE)], where="width > 3"),
        Query(QueryPart(picture=str(photos / "grey.png")), exclude_copies=True),
    ]
    stages = Searcher(counted.gallery, counted.encoder).preparing
    drafts = []
    for query in queries:
        [draft] = stages.draft([query])
        stages.read([draft])
        drafts.append(draft)
    stages.embed_texts(drafts)
    stages.embed_pictures(drafts)
    joined = counted.answered(stages.combine(drafts))
    assert joined.results == counted.search_many(queries)
    assert joined.search_s > 0
    assert joined.join_s > 0


def test_the_encoder_is_found_by_the_name_of_the_space(gallery, encoder):
    asked = []

    def load(name):
        asked.append(name)
        return encoder

    searcher = Searcher(gallery, load=load)
    assert asked == []
    assert searcher.encoder is searcher.encoder
    assert asked == [gallery.space.encoder]
