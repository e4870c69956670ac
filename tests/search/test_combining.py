"""Several parts in one query: sums, opposites, the best of several, feedback, texts.

The gallery is that of conftest: red (1, 0, 0) twice, orange (1, 1, 0) / sqrt 2,
grey (1, 1, 1) / sqrt 3, blue (0, 0, 1). All scores are worked out by hand.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from directions import DIM, add, directions, make, publish
from lookalike import Feedback, Query, QueryPart, Searcher
from lookalike.errors import ImageNotInGallery, UsageError
from lookalike.gallery import Gallery
from lookalike.index import IndexConfig, SearchParams
from lookalike.vectors import EmbeddingSpace
from reading_encoder import ReadingEncoder
from turns import STORED

BLUE, GREY, ORANGE, COPY, RED = 1, 2, 3, 4, 5


@pytest.fixture
def worded(encoder):
    return ReadingEncoder(encoder)


@pytest.fixture
def reader(gallery, worded):
    """A searcher that understands texts."""
    return Searcher(gallery, worded)


def ids(results):
    return [hit.image_id for hit in results]


def scores(results):
    return [hit.score for hit in results]


def image(image_id, weight=1.0):
    return QueryPart(image_id=image_id, weight=weight)


def text(words, weight=1.0):
    return QueryPart(text=words, weight=weight)


def agree(results, expected):
    assert ids(results) == list(expected)
    np.testing.assert_allclose(scores(results), list(expected.values()), atol=1e-3)


def test_a_query_of_one_part_is_answered_as_the_bare_thing(searcher, photos):
    file = photos / "grey.png"
    for thing in (file, file.read_bytes(), GREY, np.array([1.0, 2.0, 2.0])):
        for k, where in ((3, None), (10, "colour != 'grey'")):
            bare = searcher.search(thing, k, where=where)
            assert searcher.search(Query(thing, k=k, where=where)) == bare


def test_a_weighted_sum(searcher):
    # (1, 0, 2) / sqrt 5
    results = searcher.search(Query([image(RED), image(BLUE, 2)]))
    agree(results, {BLUE: 0.8944, GREY: 0.7746, COPY: 0.4472, RED: 0.4472, ORANGE: 0.3162})
    assert results.query == "image 5 + image 1 (2)"
    assert results.score_kind == "cosine"
    assert results.meaning == "cosine to the weighted sum of 2 images of the gallery"


def test_what_is_taken_away(searcher, photos):
    # (1, 1, 0) / sqrt 2 - (1, 0, 0), which is .7654 long
    away = QueryPart(picture=str(photos / "red.png"), weight=-1)
    results = searcher.search(Query([image(ORANGE), away]))
    agree(results, {ORANGE: 0.3827, GREY: 0.3125, BLUE: 0.0, COPY: -0.3827, RED: -0.3827})
    assert results.meaning == "cosine to 1 image of the gallery, less 1 picture"


def test_a_query_that_only_takes_away_finds_the_least_alike(searcher):
    # (-1, 0, 0)
    results = searcher.search(Query(image(RED, -1)))
    agree(results, {BLUE: 0.0, GREY: -0.5774, ORANGE: -0.7071, COPY: -1.0, RED: -1.0})
    assert results.meaning == (
        "cosine to the opposite of 1 image of the gallery: the least alike come first"
    )
    # its length says nothing, its sign everything
    assert searcher.search(Query(image(RED, -3))) == results


def test_two_that_are_taken_away(searcher):
    # -(1, 0, 1) / sqrt 2
    results = searcher.search(Query([image(RED, -1), image(BLUE, -1)]))
    agree(results, {ORANGE: -0.5, BLUE: -0.7071, COPY: -0.7071, RED: -0.7071, GREY: -0.8165})
    assert "the opposite of the weighted sum of 2 images" in results.meaning


def test_parts_of_any_length_count_by_their_weights(searcher):
    short, long = np.array([0.001, 0, 0]), np.array([0, 0, 500.0])
    results = searcher.search(Query([short, long]))
    assert results == searcher.search(np.array([1.0, 0, 1.0]))


@pytest.mark.parametrize("size", [1e308, 1e-308])
def test_only_the_proportions_of_weights_count(searcher, size):
    parts = [image(RED, size), image(BLUE, -size / 2)]
    assert searcher.search(Query(parts)) == searcher.search(Query([RED, image(BLUE, -0.5)]))
    told = [Feedback([BLUE], alpha=weight, beta=weight / 2, gamma=0) for weight in (1, size)]
    usual, scaled = searcher.search_many([Query(RED, feedback=feedback) for feedback in told])
    assert scaled == usual


@pytest.mark.parametrize(
    "parts",
    [
        [image(RED), image(RED, -1)],
        [image(RED, 2), image(COPY, -1), image(RED, -1)],
        [np.array([1.0, 0, 0]), np.array([-5.0, 0, 0])],
    ],
)
def test_parts_that_cancel_each_other_are_refused(searcher, parts):
    with pytest.raises(UsageError, match="cancel each other, so that nothing is left"):
        searcher.search(Query(parts))


def test_a_picture_less_its_own_image_cancels_but_for_rounding(searcher, photos):
    # a fresh float32 row, less the float16 row of the gallery
    for name, own in [("grey.png", GREY), ("orange.png", ORANGE)]:
        with pytest.raises(UsageError, match="cancel each other"):
            searcher.search(Query([str(photos / name), image(own, -1)]))


def test_the_best_of_several(searcher):
    results = searcher.search(Query([image(RED), image(BLUE)], combine="best"))
    agree(results, {BLUE: 1.0, COPY: 1.0, RED: 1.0, ORANGE: 0.7071, GREY: 0.5774})
    assert results.score_kind == "best cosine"
    assert results.meaning == "best cosine of 2 images of the gallery"
    alone = searcher.search(RED)
    by_id = {hit.image_id: hit.score for hit in alone}
    assert results[1].score == by_id[COPY]


def test_the_mean_and_the_best_of_the_same_parts_differ(searcher):
    # the mean is (1, 0, 1) / sqrt 2: grey, between the two, is nearest to it
    mean = searcher.search(Query([image(RED), image(BLUE)], k=1))
    agree(mean, {GREY: 0.8165})


def test_what_is_no_view_is_added_to_every_view(reader):
    # 2 red - blue and orange - blue: (2, 0, -1) / sqrt 5 and (1, 1, -sqrt 2) / 2
    query = Query([image(RED, 2), image(ORANGE), image(BLUE, -1)], combine="best")
    results = reader.search(query)
    agree(results, {COPY: 0.8944, RED: 0.8944, ORANGE: 0.7071, GREY: 0.2582, BLUE: -0.4472})
    assert results.meaning == (
        "best cosine of 2 images of the gallery, each less 1 image of the gallery"
    )
    with_text = Query([image(RED), image(BLUE), text("green")], combine="best")
    # (1, 1, 0) / sqrt 2 and (0, 1, 1) / sqrt 2
    agree(reader.search(replace(with_text, k=2)), {ORANGE: 1.0, GREY: 0.8165})
    assert reader.search(with_text).meaning.endswith("each plus 1 text")


def test_texts_are_views_where_there_is_nothing_else(reader):
    results = reader.search(Query([text("red"), text("blue")], combine="best", k=3))
    agree(results, {BLUE: 1.0, COPY: 1.0, RED: 1.0})
    assert results.meaning == "best cosine of 2 texts"


@pytest.mark.parametrize("k", [1, 3, 17, 90])
def test_the_best_of_several_is_the_greatest_of_all_cosines(tmp_path, k):
    with make(tmp_path / "gallery") as gallery:
        add(gallery, 90, seed=0)
        rows = directions(90, seed=0)
        views = directions(3, seed=5)
        results = Searcher(gallery).search(Query(list(views), combine="best", k=k))
    best = (rows.astype(np.float64) @ views.T.astype(np.float64)).max(axis=1)
    order = np.argsort(-best)[:k]
    assert ids(results) == (order + 1).tolist()
    np.testing.assert_allclose(scores(results), best[order], atol=1e-6)


def test_a_text_is_searched_with(reader):
    results = reader.search(Query(text("blue"), k=2))
    agree(results, {BLUE: 1.0, GREY: 0.5774})
    assert results.meaning == "cosine to the text"
    assert results.query == '"blue"'


def test_a_text_beside_a_picture(reader, photos):
    # (1, 0, 0) + .5 (0, 0, 1), which is 1.118 long
    query = Query([str(photos / "red.png"), text("blue", 0.5)])
    results = reader.search(query)
    agree(results, {COPY: 0.8944, RED: 0.8944, GREY: 0.7746, ORANGE: 0.6325, BLUE: 0.4472})
    assert results.meaning == "cosine to the weighted sum of 1 picture and 1 text"


def test_a_text_is_put_into_its_template(reader, worded):
    results = reader.search(Query(text("red"), template="a photo of {}"))
    assert worded.texts == [["a photo of red"]]
    assert ids(results)[0] == GREY  # (0, 1, 1) / sqrt 2


def test_all_texts_are_encoded_at_once_and_all_pictures_too(reader, worded, photos):
    queries = [
        Query([str(photos / "red.png"), text("blue")]),
        Query([str(photos / "grey.png"), str(photos / "blue.png")], combine="best"),
        Query([text("green"), text("red")], template=None),
    ]
    together = reader.search_many(queries)
    assert worded.texts == [["blue", "green", "red"]]
    assert worded.batches == [3]
    assert together == [reader.search(query) for query in queries]


def test_a_text_for_an_encoder_of_pictures_is_told_before_anything_is_read(searcher):
    query = Query(["no such file.png", text("red"), image(99)])
    with pytest.raises(UsageError, match="knows pictures only"):
        searcher.search(query)


@pytest.mark.parametrize("name", ["resnet18", "resnet18.a1_in1k?pooling=mean", "timm:tf"])
def test_a_text_for_a_known_encoder_of_pictures_is_told_before_it_is_loaded(
    tmp_path, monkeypatch, name
):
    monkeypatch.delattr("lookalike.search.searcher.load_encoder")
    gallery = Gallery.create(tmp_path / "gallery", EmbeddingSpace("512", 512, encoder=name))
    with gallery, pytest.raises(UsageError, match="knows pictures only") as caught:
        Searcher(gallery).search(Query([text("red")]))
    assert repr(name) in str(caught.value)


def test_feedback_moves_the_query_as_rocchio_says(searcher):
    # (1, 0, 0) + .75 (0, 0, 1) - .15 (1, 1, 0) / sqrt 2 = (.8939, -.1061, .75), 1.1717 long
    results = searcher.search(Query(RED, feedback=Feedback([BLUE], [ORANGE])))
    agree(results, {COPY: 0.7629, RED: 0.7629, GREY: 0.7578, BLUE: 0.6401})
    assert results.meaning == "cosine to the query, moved by feedback (1 kept and 1 rejected)"


def test_feedback_takes_means(searcher):
    # (1, 0, 0) + 1 ((0, 0, 1) + (1, 1, 1) / sqrt 3) / 2 = (1.2887, .2887, .7887), 1.5382 long
    feedback = Feedback([BLUE, GREY, BLUE], beta=1)
    results = searcher.search(Query(RED, feedback=feedback))
    agree(results, {GREY: 0.8881, COPY: 0.8378, RED: 0.8378, ORANGE: 0.7251, BLUE: 0.5127})


def test_feedback_without_a_query(searcher):
    # .75 (0, 0, 1) - .15 (1, 0, 0), which is .7649 long
    results = searcher.search(Query(feedback=Feedback([BLUE], [RED])))
    agree(results, {BLUE: 0.9806, GREY: 0.4529, ORANGE: -0.1387, COPY: -0.1961})
    assert results.query == "what was kept"
    assert results.meaning == "cosine to feedback alone (1 kept and 1 rejected)"


def test_rejected_images_stay_away_and_kept_ones_come(searcher):
    query = Query(RED, k=5, feedback=Feedback([GREY], [COPY]))
    assert ids(searcher.search(query)) == [RED, GREY, ORANGE, BLUE]
    # kept images are part of the query: they go with it
    assert ids(searcher.search(replace(query, exclude_self=True))) == [ORANGE, BLUE]


def test_feedback_moves_each_view(searcher):
    # red + blue: (1, 0, .75) / 1.25; blue + blue: (0, 0, 1)
    query = Query([image(RED), image(BLUE)], combine="best", feedback=Feedback([BLUE]))
    agree(searcher.search(query), {BLUE: 1.0, GREY: 0.8083, COPY: 0.8, RED: 0.8, ORANGE: 0.5657})


def test_feedback_that_cancels_the_query_is_refused(searcher):
    feedback = Feedback(rejected=[RED], gamma=1)
    with pytest.raises(UsageError, match="image 5 and its feedback cancel each other"):
        searcher.search(Query(RED, feedback=feedback))


def test_feedback_on_an_image_that_is_not_there_is_refused(searcher):
    with pytest.raises(ImageNotInGallery, match="no image 99"):
        searcher.search(Query(RED, feedback=Feedback([99])))


def test_a_query_says_its_options_itself(searcher):
    for given in ({"k": 3}, {"exclude_self": True}, {"min_score": 0.1}, {"where": "width > 1"}):
        with pytest.raises(UsageError, match="says itself"):
            searcher.search(Query(RED), **given)
    assert len(searcher.search_many([Query(RED, k=1), RED])[0]) == 1


def test_queries_of_every_wish_are_answered_together_as_each_alone(reader, photos):
    queries = [
        Query(RED, k=2),
        Query(str(photos / "red.png"), k=4, where="colour != 'red'"),
        Query([image(RED), image(BLUE)], combine="best", min_score=0.6),
        Query(text("blue"), where="colour != 'red'", exclude_self=True),
        Query(RED, diversity=0.6, k=3),
        Query(RED, group_by="format"),
    ]
    assert reader.search_many(queries) == [reader.search(query) for query in queries]


@pytest.mark.parametrize("kind", ["exact", "flat"])
def test_every_index_answers_alike(gallery, worded, kind):
    searcher = Searcher(gallery, worded, index=IndexConfig(kind))
    query = Query([image(RED), text("blue", 2)])
    expected = {BLUE: 0.8944, GREY: 0.7746, COPY: 0.4472, RED: 0.4472, ORANGE: 0.3162}
    agree(searcher.search(query), expected)


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
@pytest.mark.parametrize("where", [None, "kind = 'odd'"])
def test_a_published_index_answers_as_comparing_every_row(tmp_path, monkeypatch, kind, where):
    monkeypatch.setattr("lookalike.index.live.FEW_ROWS", 0)
    hard = SearchParams(nprobe=16, ef_search=600)
    first, second, third = directions(3, seed=9)
    away = QueryPart(embedding=third, weight=-0.5)
    wishes = [
        Query([first, QueryPart(embedding=second, weight=2)], where=where),
        Query([first, second, away], combine="best", where=where),
        Query(away, where=where, min_score=0.2),
        Query(first, feedback=Feedback([3], [5]), exclude_copies=True, where=where),
    ]
    with make(tmp_path / "gallery") as gallery:
        add(gallery, 700, seed=0)
        publish(gallery, IndexConfig(kind, nlist=16, hnsw_m=16))
        found = Searcher(gallery).search_many(wishes, params=hard)
        exact = Searcher(gallery, index=IndexConfig()).search_many(wishes)
    assert [ids(results) for results in found] == [ids(results) for results in exact]
    assert {results.plan.kind for results in found} == {kind}
    assert {results.plan.kind for results in exact} == {"exact"}


# A picture of four quarters, as it is seen: red, blue / orange, grey.
QUARTERS = {
    "0,0,12,10": RED,
    "12,0,12,10": BLUE,
    "0,10,12,10": ORANGE,
    "50%,50%,50%,50%": GREY,
}


def quarters():
    pixels = np.zeros((20, 24, 3), dtype=np.uint8)
    pixels[:10, :12], pixels[:10, 12:] = (200, 0, 0), (0, 0, 200)
    pixels[10:, :12], pixels[10:, 12:] = (100, 50, 0), (204, 102, 51)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("orientation", STORED)
def test_a_region_is_of_the_picture_as_it_is_seen(searcher, tmp_path, orientation):
    turn = STORED[orientation]
    stored = quarters() if turn is None else quarters().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "turned.png", exif=exif)
    for region, expected in QUARTERS.items():
        query = Query(QueryPart(picture=tmp_path / "turned.png", region=region))
        hits = [hit for hit in searcher.search(query) if hit.image_id != COPY]
        assert hits[0].image_id == expected
        assert hits[0].score == pytest.approx(1, abs=1e-3)


def test_a_region_is_searched_as_the_picture_that_it_is(searcher):
    picture = Image.fromarray(
        np.random.default_rng(3).integers(0, 256, (300, 500, 3), dtype=np.uint8)
    )
    part = searcher.search(Query(QueryPart(picture=picture, region=(40, 30, 200, 150))))
    assert part == searcher.search(picture.crop((40, 30, 240, 180)))


def test_a_region_outside_its_picture_is_told_with_its_name(searcher, photos):
    query = Query(QueryPart(picture=str(photos / "red.png"), region="10,10,5,1"))
    with pytest.raises(UsageError, match=r"ends at 15 x 11 and '.*red.png' at 12 x 12 pixels"):
        searcher.search(query)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("photos", "it is a folder: name the pictures in it, as in .*photos/"),
        ("photos/*.gif", "it is not there: no file has this name, or fits it as a pattern"),
        ("nowhere.jpg", "it is not there: check the spelling"),
        ("https://example.org/a.jpg", "addresses are not fetched; save the picture, or pipe it"),
    ],
)
def test_what_is_no_file_is_told_what_to_do(searcher, tmp_path, monkeypatch, name, says):
    from lookalike.errors import ImageUnreadable

    monkeypatch.chdir(tmp_path)
    with pytest.raises(ImageUnreadable, match=says) as caught:
        searcher.search(Path(name) if "//" not in name else name)
    assert "\n" not in str(caught.value)


def test_a_list_is_no_query(searcher):
    with pytest.raises(UsageError, match="A picture is"):
        searcher.search(["a.jpg", "b.jpg"])


def test_the_dim_of_an_embedding_is_checked(searcher):
    with pytest.raises(UsageError, match=r"\(n, 3\)"):
        searcher.search(Query([RED, np.ones(DIM)]))


def test_results_carry_their_query_and_meaning(searcher):
    query = Query(RED, k=3, group_by="colour", diversity=0.25)
    results = searcher.search(query)
    assert results.asked == query
    assert results[1:].meaning == results.meaning
    assert results.meaning == (
        "cosine to the query; the best of each colour; "
        "ordered with diversity 0.25, so that scores need not fall"
    )
    told = results.to_dict()
    assert (told["score_kind"], told["meaning"]) == ("cosine", results.meaning)


def test_a_searcher_says_whose_it_is(searcher, gallery):
    assert repr(searcher) == f"Searcher(Gallery({str(gallery.path)!r}))"
