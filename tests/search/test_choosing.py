"""Which of what was found become hits: unlike each other, one of a group, no copies."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from directions import add, directions, make, publish
from lookalike import Feedback, Query, QueryPart, Searcher
from lookalike.errors import UsageError
from lookalike.gallery import Gallery, NewImage
from lookalike.gallery.where.columns import CATALOG_COLUMNS
from lookalike.index import IndexConfig, SearchParams
from lookalike.ingest import MetadataTable, add_images
from lookalike.search.diversity import diverse_order
from lookalike.search.grouping import GroupTables, grouping_by
from lookalike.vectors import EmbeddingSpace, unit_rows

BLUE, GREY, ORANGE, COPY, RED = 1, 2, 3, 4, 5


def ids(results):
    return [hit.image_id for hit in results]


# Cosines: orange and grey .8165, orange and red .7071, grey and red .5774, grey and
# blue .5774, the rest 0. With diversity .6 a candidate's gain is .4 score - .6 nearest:
# after COPY: RED -.2, ORANGE -.1414, GREY -.1155, BLUE 0; after BLUE the same for the
# rest; after GREY ORANGE has -.2071.
def test_marginal_relevance_by_hand(searcher):
    results = searcher.search(Query(RED, diversity=0.6))
    assert ids(results) == [COPY, BLUE, GREY, RED, ORANGE]
    by_id = {hit.image_id: hit.score for hit in searcher.search(RED)}
    assert {hit.image_id: hit.score for hit in results} == by_id  # scores stay cosines
    assert [hit.rank for hit in results] == [1, 2, 3, 4, 5]


def test_no_diversity_is_the_order_of_the_scores(searcher):
    assert searcher.search(Query(RED, diversity=0)) == searcher.search(RED)
    assert "diversity" not in searcher.search(Query(RED, diversity=0)).meaning


def test_of_all_diversity_the_first_is_still_the_best(searcher):
    # then whatever is least like it
    assert ids(searcher.search(Query(RED, diversity=1, k=2))) == [COPY, BLUE]


def by_the_formula(scores, rows, k, diversity):
    """Follow the paper literally."""
    chosen, left = [], list(range(len(scores)))
    while left and len(chosen) < k:
        best = max(
            left,
            key=lambda one: (
                (1 - diversity) * scores[one]
                - diversity * max((float(rows[one] @ rows[other]) for other in chosen), default=0)
            ),
        )
        chosen.append(best)
        left.remove(best)
    return chosen


@pytest.mark.parametrize("diversity", [0.1, 0.5, 0.9])
def test_the_order_is_that_of_the_formula(diversity):
    [query] = directions(1, seed=2).astype(np.float64)
    rows = directions(60, seed=1).astype(np.float64)
    rows = rows[np.argsort(-(rows @ query))]
    scores = rows @ query
    told = diverse_order(scores, rows.astype(np.float32), 12, diversity=diversity)
    assert told == by_the_formula(scores, rows, 12, diversity)


@pytest.mark.parametrize("kind", [None, "ivf", "hnsw"])
def test_diverse_hits_come_from_the_best_five_times_k(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("lookalike.index.live.FEW_ROWS", 0)
    with make(tmp_path / "gallery") as gallery:
        add(gallery, 700, seed=0)
        if kind is not None:
            publish(gallery, IndexConfig(kind, nlist=16, hnsw_m=16))
        [query] = directions(1, seed=9)
        found = Searcher(gallery).search(
            Query(query, k=4, diversity=0.5), params=SearchParams(nprobe=16, ef_search=400)
        )
    rows = directions(700, seed=0).astype(np.float64)
    scores = rows @ query.astype(np.float64)
    pool = np.argsort(-scores)[:20]
    chosen = by_the_formula(scores[pool], rows[pool], 4, 0.5)
    assert ids(found) == (pool[chosen] + 1).tolist()
    assert found.plan.kind == (kind or "exact")


def test_a_lowest_score_holds_with_diversity(searcher):
    results = searcher.search(Query(RED, diversity=0.6, min_score=0.5))
    assert ids(results) == [COPY, GREY, RED, ORANGE]


@pytest.fixture
def products(tmp_path, encoder, square):
    """Six pictures of two products and two of none: 1 to 3 of a cup, 4 and 5 of a jug."""
    folder = tmp_path / "products"
    folder.mkdir()
    facts = {
        "1.png": ((200, 0, 0), {"product": "cup"}),
        "2.png": ((200, 10, 0), {"product": "cup"}),
        "3.png": ((200, 20, 0), {"product": "cup"}),
        "4.png": ((200, 30, 0), {"product": "jug"}),
        "5.png": ((200, 40, 0), {"product": "jug"}),
        "6.png": ((200, 50, 0), {}),
        "7.png": ((200, 60, 0), {"product": None}),
    }
    for name, (colour, _) in facts.items():
        (folder / name).write_bytes(square(colour))
    with Gallery.create(tmp_path / "products.gallery", encoder.space) as gallery:
        table = MetadataTable({name: told for name, (_, told) in facts.items()})
        add_images(gallery, folder, encoder, metadata=table)
        yield Searcher(gallery, encoder)


def test_one_hit_for_each_group_and_pictures_without_one_are_their_own(products):
    red = np.array([1.0, 0, 0])
    results = products.search(Query(red, group_by="product"))
    assert ids(results) == [1, 4, 6, 7]
    assert [hit.group for hit in results] == ["cup", "jug", None, None]
    assert [hit.to_dict().get("group") for hit in results] == ["cup", "jug", None, None]
    assert [hit.rank for hit in results] == [1, 2, 3, 4]


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
def test_there_are_k_groups_whenever_there_are_k(products, k):
    red = np.array([1.0, 0, 0])
    assert ids(products.search(Query(red, k=k, group_by="product"))) == [1, 4, 6, 7][:k]


def test_groups_of_what_the_catalog_knows(products, tmp_path):
    red = np.array([1.0, 0, 0])
    assert ids(products.search(Query(red, group_by="format"))) == [1]
    assert ids(products.search(Query(red, group_by="FOLDER"))) == [1]
    by_name = products.search(Query(red, group_by="name", k=2))
    assert [hit.group for hit in by_name] == ["1.png", "2.png"]
    by_path = products.search(Query(red, group_by="path", k=1))
    assert by_path[0].group == str(tmp_path / "products" / "1.png")
    # nobody knows when these were taken: each is its own
    assert len(products.search(Query(red, group_by="taken"))) == 7


@pytest.mark.parametrize("name", [*CATALOG_COLUMNS, "product"])
def test_a_column_read_at_once_groups_as_its_images_do(products, name):
    gallery, grouping = products.gallery, grouping_by(name, products.gallery)
    groups = GroupTables(gallery).groups(gallery.snapshot(), grouping)
    keys = {image.image_id: grouping.key(image) for image in gallery.images()}
    assert groups.image_ids.tolist() == sorted(keys)
    numbered = zip(groups.image_ids.tolist(), groups.numbers.tolist(), strict=True)
    pairs = {(keys[image_id], number) for image_id, number in numbered}
    assert len(pairs) == len(set(keys.values())) == len(set(groups.numbers.tolist()))


def test_groups_and_filters_and_exclusions_hold_together(products):
    query = Query(1, group_by="product", where="product IS NOT NULL", exclude_self=True)
    assert ids(products.search(query)) == [2, 4]
    assert ids(products.search(Query(1, group_by="product", min_score=0.9))) == [1, 4]


def test_diverse_hits_are_chosen_among_the_best_of_each_group(products):
    # of 1, 4, 6 and 7 the last is least like the first
    assert ids(products.search(Query(1, group_by="product", diversity=0.9, k=2))) == [1, 7]


@pytest.mark.parametrize(
    ("name", "says"),
    [("prodct", "did you mean product"), ("zzz", "name one of image_id"), ("metadata.x", "no col")],
)
def test_an_unknown_column_is_told_before_anything_is_read(products, name, says):
    with pytest.raises(UsageError, match=says):
        products.search(Query("no such file.png", group_by=name))


@pytest.mark.parametrize("kind", [None, "ivf"])
def test_groups_far_down_the_ranking_are_found(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("lookalike.index.live.FEW_ROWS", 0)
    with make(tmp_path / "gallery") as gallery:
        add(gallery, 700, seed=0)
        if kind is not None:
            publish(gallery, IndexConfig(kind, nlist=16))
        searcher = Searcher(gallery)
        rows = directions(700, seed=0).astype(np.float64)
        query = rows[0].astype(np.float32)
        scores = rows @ query.astype(np.float64)
        best = [int(np.argmax(np.where(np.arange(700) % 2 == odd, scores, -2))) for odd in (0, 1)]
        for k in (2, 10):
            found = searcher.search(Query(query, k=k, group_by="kind"))
            assert ids(found) == [1 + row for row in sorted(best, key=lambda row: -scores[row])]
        everywhere = SearchParams(nprobe=16)
        by_number = searcher.search(Query(query, k=30, group_by="number"), params=everywhere)
        assert ids(by_number) == (1 + np.argsort(-scores)[:30]).tolist()


@pytest.mark.parametrize("many", [0, 256])
def test_groups_are_those_of_looking_at_every_picture(tmp_path, monkeypatch, many):
    """Of 150 pictures 30 share their embedding with another, whatever the group of either."""
    monkeypatch.setattr("lookalike.search.asking.MANY_FOR_GROUPS", many)
    chance = np.random.default_rng(8)
    # 90 of one value, a few of others, some without; one value is rare
    values = ["common"] * 90 + ["a", "b", 1, 1.0, True] * 4 + [None] * 10 + ["common"] * 29
    values = [values[place] for place in chance.permutation(149)] + ["rare"]
    embeddings = directions(120, seed=3)
    row_of = [row if row < 120 else int(chance.integers(120)) for row in range(150)]
    with make(tmp_path / "gallery") as gallery:
        with gallery.writer() as writer:
            images = [
                NewImage(
                    1, f"{number}", f"content {row}", 1, 1, 1, 1, "JPEG",
                    metadata={} if value is None else {"value": value},
                    embedding_row=row if number < 120 else None,
                )
                for number, (row, value) in enumerate(zip(row_of, values, strict=True))
            ]  # fmt: skip
            writer.commit(images=images, embeddings=embeddings)
        searcher = Searcher(gallery)
        for query in directions(4, seed=6):
            scores = np.float32(embeddings.astype(np.float64) @ query.astype(np.float64))[row_of]
            order = sorted(range(150), key=lambda number: (-scores[number], number))
            best = {}
            for number in order:
                value = values[number]
                key = (type(value) is bool, value) if value is not None else (None, number)
                best.setdefault(key, number + 1)
            for k in (1, 5, 12, 40):
                found = searcher.search(Query(query, k=k, group_by="value"))
                assert ids(found) == list(best.values())[:k]
            filtered = searcher.search(
                Query(query, k=40, group_by="value", where="value IS NULL", min_score=-0.1)
            )
            assert ids(filtered) == [
                number + 1 for number in order if values[number] is None and scores[number] > -0.1
            ]


def test_equal_numbers_are_one_group_and_true_is_none_of_them(tmp_path):
    values = [1, 1.0, True, "1", [1], [1], {"a": 1}]
    space = EmbeddingSpace("five", 2, encoder="none")
    with Gallery.create(tmp_path / "gallery", space, dtype="float32") as gallery:
        angles = np.linspace(0, 1, len(values))
        with gallery.writer() as writer:
            writer.add_source("folder", str(tmp_path))
            writer.commit(
                images=[
                    NewImage(1, f"{row}.jpg", f"{row}", 1, 1, 1, 1, "JPEG",
                             metadata={"value": value}, embedding_row=row)
                    for row, value in enumerate(values)
                ],
                embeddings=np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32),
            )  # fmt: skip
        found = Searcher(gallery).search(Query(np.array([1.0, 0]), group_by="value"))
    assert ids(found) == [1, 3, 4, 5, 7]


@pytest.fixture
def with_copies(gallery, encoder, photos):
    """The gallery, with red in another format, and what is nearly red."""
    stream = BytesIO()
    Image.new("RGB", (12, 12), (200, 0, 0)).save(stream, "BMP")
    (photos / "z red.bmp").write_bytes(stream.getvalue())
    stream = BytesIO()
    Image.new("RGB", (12, 12), (200, 1, 0)).save(stream, "PNG")
    (photos / "z near.png").write_bytes(stream.getvalue())
    add_images(gallery, photos, encoder)
    searcher = Searcher(gallery, encoder)
    assert ids(searcher.search(RED, 4)) == [COPY, RED, 7, 6]  # 7 is the BMP, 6 is near
    return searcher


def test_copies_of_the_query_are_left_out(with_copies, photos, tmp_path):
    rest = [6, ORANGE, GREY, BLUE]
    file = photos / "red.png"
    (tmp_path / "elsewhere.png").write_bytes(file.read_bytes())
    with Image.open(file) as picture:
        ways = [RED, file, file.read_bytes(), tmp_path / "elsewhere.png", picture.convert("RGB")]
        for way in [*ways, np.array([1.0, 0, 0])]:
            assert ids(with_copies.search(Query(way, exclude_copies=True))) == rest
            assert ids(with_copies.search(Query(way, k=1, exclude_copies=True))) == rest[:1]
    # excluding itself leaves its copies
    assert ids(with_copies.search(RED, exclude_self=True))[:2] == [COPY, 7]


def test_copies_of_what_was_kept_and_rejected_are_left_out_too(with_copies):
    found = with_copies.search(Query(BLUE, exclude_copies=True, feedback=Feedback([RED])))
    assert sorted(ids(found)) == [GREY, ORANGE, 6]
    found = with_copies.search(Query(BLUE, exclude_copies=True, feedback=Feedback((), [RED])))
    assert sorted(ids(found)) == [GREY, ORANGE, 6]


def test_copies_of_every_picture_are_left_out_but_not_those_of_texts(with_copies):
    parts = [QueryPart(image_id=RED), QueryPart(image_id=BLUE)]
    found = with_copies.search(Query(parts, exclude_copies=True))
    assert sorted(ids(found)) == [GREY, ORANGE, 6]


def test_a_copy_is_what_float16_cannot_tell_apart(tmp_path):
    generator = np.random.default_rng(4)
    [row] = unit_rows(generator.normal(size=(1, 64)))
    [other] = unit_rows(generator.normal(size=(1, 64)))
    across = unit_rows((other - row * (row @ other))[None])[0]
    # the same direction turned by so much, in radians
    turns = [0, 2**-11, 2**-9.5, 2**-8]
    rows = np.stack([np.cos(turn) * row + np.sin(turn) * across for turn in turns])
    for dtype, left in [("float32", [3, 4]), ("float16", [3, 4])]:
        space = EmbeddingSpace("sixty-four", 64, encoder="none")
        with Gallery.create(tmp_path / dtype, space, dtype=dtype) as gallery:
            with gallery.writer() as writer:
                writer.add_source("folder", str(tmp_path))
                images = [
                    NewImage(1, f"{number}", f"{number}", 1, 1, 1, 1, "JPEG", embedding_row=number)
                    for number in range(4)
                ]  # fmt: skip
                writer.commit(images=images, embeddings=rows.astype(np.float32))
            found = Searcher(gallery).search(Query(row, exclude_copies=True))
        assert ids(found) == left


@pytest.mark.parametrize("min_score", [1.5, -1.01, float("nan"), float("inf")])
def test_a_lowest_score_that_is_no_cosine_is_refused(searcher, min_score):
    with pytest.raises(UsageError, match="is no cosine"):
        searcher.search(RED, min_score=min_score)


def test_a_filter_is_asked_once_for_each_state_of_the_gallery(
    searcher, gallery, encoder, photos, square, monkeypatch
):
    asked = []
    select = Gallery.select

    def counted(gallery, snapshot, condition):
        asked.append(snapshot.generation)
        return select(gallery, snapshot, condition)

    monkeypatch.setattr(Gallery, "select", counted)
    for _ in range(3):
        assert ids(searcher.search(RED, where="width = 12", k=1)) == [COPY]
        assert ids(searcher.search(RED, where="width = 13")) == []
    assert len(asked) == 2
    (photos / "wide.png").write_bytes(square((200, 0, 0), 13))
    add_images(gallery, photos, encoder)
    assert ids(searcher.search(RED, where="width = 13")) == [6]
    assert len(asked) == 3
    for number in range(20):
        searcher.search(RED, where=f"width > {number}")
    assert len(searcher._selections._remembered) == 8
