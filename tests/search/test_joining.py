"""Shards' indexes: trained as one, filled apart, joined when the galleries are merged."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
import pytest

from directions import CONFIG, DIM, SPACE, add, directions, make, publish
from lookalike.errors import SpaceMismatch, UsageError
from lookalike.gallery import Gallery, NewImage
from lookalike.index import IndexConfig, SearchParams, build_index
from lookalike.ingest import merge_galleries, remove_images
from lookalike.search import Searcher
from lookalike.search.joining import build_like, join_published
from lookalike.search.published import publish_index, published_index
from lookalike.search.rebuilding import refresh_index
from lookalike.vectors import EmbeddingSpace

ROWS = 700
KINDS = {
    "ivf": CONFIG,
    "ivf int8": IndexConfig("ivf", codes="int8", nlist=8),
    "ivf-pq": IndexConfig("ivf-pq", nlist=8),
    "ivf-rabitq": IndexConfig("ivf-rabitq", nlist=8),
    "flat int8": IndexConfig("flat", codes="int8"),
    "flat float16": IndexConfig("flat", codes="float16"),
    "factory": IndexConfig("factory", factory="IVF8,SQ8"),
}


@pytest.fixture(autouse=True)
def indexes_are_asked(monkeypatch):
    """A few hundred rows would be compared without asking any index."""
    monkeypatch.setattr("lookalike.index.live.FEW_ROWS", 0)


@pytest.fixture
def no_training(monkeypatch):
    """Call it, and from then on training fails."""

    def refused(*_: object) -> None:
        raise AssertionError("something is trained")

    return lambda: monkeypatch.setattr("lookalike.index.building.train", refused)


@pytest.fixture
def shards(tmp_path):
    """Three galleries of 700 directions each, without indexes."""
    made = [make(tmp_path / f"shard {number}") for number in range(3)]
    for number, shard in enumerate(made):
        add(shard, ROWS, seed=number)
    yield made
    for shard in made:
        shard.close()


@pytest.fixture
def target(tmp_path):
    with Gallery.create(tmp_path / "target", SPACE, dtype="float32") as made:
        yield made


def tune_alike(shards: list[Gallery], config: IndexConfig = CONFIG) -> None:
    """Train the first one's index, and build the others like it."""
    publish(shards[0], config)
    for shard in shards[1:]:
        build_like(shard, shards[0])


def found(gallery: Gallery, params: SearchParams | None = None) -> list[list[tuple[int, float]]]:
    results = Searcher(gallery).search_many(list(directions(20, seed=9)), 5, params=params)
    return [[(hit.image_id, hit.score) for hit in each] for each in results]


def exact(gallery: Gallery) -> list[list[tuple[int, float]]]:
    searcher = Searcher(gallery, index=IndexConfig("exact"))
    results = searcher.search_many(list(directions(20, seed=9)), 5)
    return [[(hit.image_id, hit.score) for hit in each] for each in results]


def copy_of(gallery: Gallery, path: str, *, seed: int, row: int) -> None:
    """Add a picture with the very bytes and embedding of one that ``add`` added."""
    image = NewImage(
        1, path, f"content {seed} {row}", 1, 1, 640, 480, "JPEG", embedding_row=0
    )  # fmt: skip
    with gallery.writer() as writer:
        writer.commit(images=[image], embeddings=directions(row + 1, seed)[row:])


@pytest.mark.parametrize("kind", KINDS)
def test_joined_indexes_answer_as_one_built_over_the_merged_gallery(
    kind, shards, target, no_training
):
    tune_alike(shards, KINDS[kind])
    no_training()
    merge_galleries(shards, target)
    folder = join_published(target, shards)
    joined = published_index(target)
    assert folder == joined.folder
    assert joined.evidence == {"joined": 3}
    narrow = SearchParams(nprobe=2, k_factor=4)
    answers = found(target, narrow), found(target)
    snapshot = target.snapshot()
    trained = published_index(shards[0]).indexed.index
    whole = build_index(snapshot.blocks, KINDS[kind], dim=DIM, trained=trained)
    whole.params = trained.params
    publish_index(target, snapshot, whole)
    assert (found(target, narrow), found(target)) == answers
    assert target.verify().is_clean


def test_scores_are_exact_and_nothing_is_compared_beside_the_joined_index(shards, target):
    tune_alike(shards)
    merge_galleries(shards, target)
    join_published(target, shards)
    assert found(target) == exact(target)
    plan = Searcher(target).search(directions(1, seed=9)[0], 5).plan
    assert (plan.kind, plan.delta_rows, plan.dead_rows) == ("ivf", 0, 0)


def test_a_joined_index_is_searched_under_a_filter(shards, target):
    tune_alike(shards)
    merge_galleries(shards, target)
    join_published(target, shards)
    query = directions(1, seed=9)[0]
    found, true = (
        [
            hit.image_id
            for hit in Searcher(target, index=index).search(query, 20, where="kind = 'odd'")
        ]
        for index in (None, IndexConfig("exact"))
    )
    assert found == true


def test_pictures_removed_from_a_shard_are_not_found(shards, target):
    tune_alike(shards)
    gone = sorted({image_id for hits in exact(shards[1]) for image_id, _ in hits})
    with shards[1].writer() as writer:
        writer.commit(removed=gone)
    merge_galleries(shards, target)
    assert join_published(target, shards) is not None
    assert found(target) == exact(target)
    plan = Searcher(target).search(directions(1, seed=9)[0], 5).plan
    assert (plan.delta_rows, plan.dead_rows) == (0, len(gone))


def test_copies_across_shards_are_found_once_in_the_index_and_as_two_pictures(shards, target):
    copy_of(shards[2], "copy.jpg", seed=0, row=5)
    copy_of(shards[2], "another.jpg", seed=2, row=7)
    tune_alike(shards)
    merge_galleries(shards, target)
    assert target.snapshot().rows == 3 * ROWS
    assert join_published(target, shards) is not None
    assert found(target) == exact(target)
    for seed, row, copy in ((0, 5, "copy.jpg"), (2, 7, "another.jpg")):
        hits = Searcher(target).search(directions(row + 1, seed)[row], 5)
        assert {Path(hit.path).name for hit in hits[:2]} == {f"{seed}-{row}.jpg", copy}
    plan = Searcher(target).search(directions(1, seed=9)[0], 5).plan
    assert (plan.delta_rows, plan.dead_rows) == (0, 2)


def test_what_was_joined_is_joined_again(shards, target, tmp_path):
    copy_of(shards[1], "copy.jpg", seed=0, row=5)
    tune_alike(shards)
    merge_galleries(shards[:2], target)
    join_published(target, shards[:2])
    with Gallery.create(tmp_path / "all", SPACE, dtype="float32") as whole:
        merge_galleries([target, shards[2]], whole)
        assert join_published(whole, [target, shards[2]]) is not None
        assert found(whole) == exact(whole)


def test_a_merge_in_many_commits_is_joined_as_well(shards, target, monkeypatch):
    monkeypatch.setattr("lookalike.ingest.merging.rows_at_once", lambda dim: 90)
    tune_alike(shards)
    merge_galleries(shards, target)
    assert len(target.snapshot().blocks) != 3
    assert join_published(target, shards) is not None
    assert found(target) == exact(target)


def test_names_that_are_no_utf8_are_matched(shards, target):
    copy_of(shards[0], "\udcff.jpg", seed=5, row=0)
    copy_of(shards[1], "ÿ.jpg", seed=6, row=0)
    tune_alike(shards)
    merge_galleries(shards, target)
    assert join_published(target, shards) is not None
    assert Searcher(target).search(directions(1, seed=5)[0], 1)[0].path.endswith("/\udcff.jpg")


def test_the_wish_is_kept_for_the_rebuild(shards, target):
    wish = {"recall": 0.9, "k": 5}
    snapshot = shards[0].snapshot()
    index = build_index(snapshot.blocks, CONFIG, dim=DIM)
    publish_index(shards[0], snapshot, index, {"wish": wish, "chosen": {"rows": ROWS}})
    for shard in shards[1:]:
        build_like(shard, shards[0])
    first = str(shards[0].path)
    assert published_index(shards[1]).evidence == {"like": first, "wish": wish}
    merge_galleries(shards, target)
    join_published(target, shards)
    assert published_index(target).evidence == {"joined": 3, "wish": wish}
    assert refresh_index(target) is None
    with target.writer() as writer:
        writer.commit(removed=list(range(1, ROWS)))
    assert refresh_index(target) is not None
    again = published_index(target).evidence
    assert again["wish"]["recall"] == 0.9
    assert again["chosen"]["recall"] >= 0.9


def test_what_is_built_again_is_no_longer_called_joined(shards, target):
    tune_alike(shards)
    merge_galleries(shards, target)
    join_published(target, shards)
    with target.writer() as writer:
        writer.commit(removed=list(range(1, ROWS)))
    assert refresh_index(target) is not None
    assert published_index(target).evidence == {}


def test_an_interrupted_merge_is_joined_when_it_runs_again(shards, target):
    tune_alike(shards)
    merge_galleries(shards[1:], target)
    merge_galleries(shards, target)
    assert join_published(target, shards) is not None
    assert found(target) == exact(target)


def test_the_settings_are_taken_over(shards):
    publish(shards[0], IndexConfig("ivf", nlist=8, codes="int8"))
    folder = build_like(shards[1], shards[0])
    index = published_index(shards[1]).indexed.index
    assert folder == published_index(shards[1]).folder
    assert (index.config.codes, index.nlist, index.params.nprobe) == ("int8", 8, 8)
    assert index.size == ROWS


def without_index(shards: list[Gallery], target: Gallery) -> None:
    publish(shards[0])
    build_like(shards[1], shards[0])


def trained_apart(shards: list[Gallery], target: Gallery) -> None:
    for shard in shards:
        publish(shard)


def graphs(shards: list[Gallery], target: Gallery) -> None:
    tune_alike(shards, IndexConfig("hnsw", hnsw_m=8))


def by_choice_none(shards: list[Gallery], target: Gallery) -> None:
    tune_alike(shards)
    publish(shards[1], IndexConfig("exact"))


def grown_since(shards: list[Gallery], target: Gallery) -> None:
    tune_alike(shards)
    add(shards[2], 30, seed=8)


def with_others(shards: list[Gallery], target: Gallery) -> None:
    tune_alike(shards)
    with target.writer() as writer:
        writer.add_source("folder", str(target.path.parent))
    add(target, 30, seed=8)


def of_a_newer_lookalike(shards: list[Gallery], target: Gallery) -> None:
    other_index(shards, target)
    facts = published_index(target).folder / "facts.json"
    facts.write_text(facts.read_text().replace('"format": 1', '"format": 2'))


def other_index(shards: list[Gallery], target: Gallery) -> None:
    tune_alike(shards)
    publish(target, IndexConfig("exact"))


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (without_index, "shard 2 has no index, and lists or codes of one are needed"),
        (trained_apart, "Index 1 was trained apart from the first"),
        (graphs, r"Graphs \(index kind 'hnsw'\) cannot be merged"),
        (by_choice_none, "shard 1 has no index by choice"),
        (grown_since, "shard 2 lacks 30 newer embeddings: build it again"),
        (with_others, "target has 2130 pictures and those merged into it 2100"),
        (other_index, "target has an index: it stays in use"),
        (of_a_newer_lookalike, "target has an index: it stays in use"),
    ],
)
def test_what_cannot_be_joined_is_said_in_the_log(prepare, sentence, shards, target, caplog):
    prepare(shards, target)
    merge_galleries(shards, target)
    before = published_index(target)
    with caplog.at_level(logging.INFO, logger="lookalike.search.joining"):
        assert join_published(target, shards) is None
    (record,) = (each for each in caplog.records if each.name == "lookalike.search.joining")
    assert record.levelname == "INFO"
    assert re.search(f"the indexes are not joined: .*{sentence}", record.getMessage())
    assert (published_index(target) is None) == (before is None)


def test_comparing_every_row_is_not_joined_into_a_large_gallery(
    shards, target, monkeypatch, caplog
):
    tune_alike(shards, KINDS["flat float16"])
    merge_galleries(shards, target)
    monkeypatch.setattr("lookalike.search.joining.needs_index", lambda rows, dim: rows > 2000)
    with caplog.at_level(logging.INFO, logger="lookalike.search.joining"):
        assert join_published(target, shards) is None
    assert "has outgrown comparing all 2100 embeddings" in caplog.text


def test_an_index_that_was_not_measured_is_not_taken_for_outgrown(shards, monkeypatch):
    snapshot = shards[0].snapshot()
    index = build_index(snapshot.blocks, KINDS["flat float16"], dim=DIM)
    publish_index(shards[0], snapshot, index, {"wish": {"recall": 0.9}, "chosen": {"rows": ROWS}})
    build_like(shards[1], shards[0])
    monkeypatch.setattr("lookalike.search.rebuilding.needs_index", lambda rows, dim: True)
    assert refresh_index(shards[1]) is None


def test_an_index_that_lacks_a_living_row_is_not_joined(shards, target, caplog):
    publish(shards[0])
    snapshot = shards[1].snapshot()
    trained = published_index(shards[0]).indexed.index
    index = build_index(snapshot.blocks, CONFIG, dim=DIM, dead=np.array([3]), trained=trained)
    publish_index(shards[1], snapshot, index)
    merge_galleries(shards[:2], target)
    with caplog.at_level(logging.INFO, logger="lookalike.search.joining"):
        assert join_published(target, shards[:2]) is None
    assert "have 1399 of the 1400 embeddings" in caplog.text


def test_indexes_are_joined_without_pictures_that_were_left_out(shards, target):
    tune_alike(shards)
    merge_galleries(shards[:1], target)
    remove_images(target, [target.image(1), target.image(7)])
    assert merge_galleries(shards, target).kept_out == 2

    assert join_published(target, shards) is not None

    all_lists = SearchParams(nprobe=CONFIG.nlist)
    assert found(target, all_lists) == exact(target)


def test_an_index_is_built_like_that_of_the_same_encoder_only(shards, tmp_path: Path):
    publish(shards[0])
    with Gallery.create(tmp_path / "other", EmbeddingSpace("of others", DIM)) as other:
        with pytest.raises(SpaceMismatch):
            build_like(other, shards[0])
        assert published_index(other) is None


def test_an_index_to_take_after_is_needed(shards):
    with pytest.raises(UsageError, match="shard 0 has no index"):
        build_like(shards[1], shards[0])
    with pytest.raises(UsageError, match="cannot be built like itself"):
        build_like(shards[1], shards[1])
