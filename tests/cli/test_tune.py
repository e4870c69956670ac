"""``tune``: on a gallery of clustered embeddings that no picture made."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click
import numpy as np
import pytest

from lookalike.cli.quantities import DURATION, SIZE
from lookalike.errors import StorageFull
from lookalike.gallery import Gallery, NewImage
from lookalike.index import IndexConfig, build_index
from lookalike.index.tuning import tune
from lookalike.search import Searcher
from lookalike.search.published import publish_index, published_index
from lookalike.vectors import EmbeddingSpace, unit_rows

ROWS, DIM = 2400, 32


def clustered(count: int, seed: int) -> np.ndarray:
    """Draw rows around 40 centres that are the same for every seed."""
    centres = np.random.default_rng(7).normal(size=(40, DIM))
    dice = np.random.default_rng(seed)
    return unit_rows(centres[dice.integers(40, size=count)] + dice.normal(size=(count, DIM)))


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    """2,400 images of dim 32."""
    return made(tmp_path / "g", seed=1)


def made(place: Path, *, seed: int, fingerprint: str = "tests") -> Path:
    """Make a gallery of the pictures in the folder it lies in."""
    images = [
        NewImage(
            source_id=1, path=f"{seed}-{row}.jpg", content_hash=f"hash {seed} {row}", size_bytes=1,
            mtime_ns=1, width=1, height=1, format="JPEG", embedding_row=row,
        )
        for row in range(ROWS)
    ]  # fmt: skip
    space = EmbeddingSpace(fingerprint, DIM)
    with Gallery.create(place, space) as gallery, gallery.writer() as writer:
        writer.add_source("folder", str(place.parent))
        writer.commit(images=images, embeddings=clustered(ROWS, seed=seed))
    return place


def published(place: Path):
    with Gallery.open(place) as opened:
        return published_index(opened)


def test_the_choice_is_shown_and_kept_with_its_evidence(lookalike, gallery):
    done = lookalike("tune", "--gallery", gallery, "--recall", ".9")
    assert done.code == 0, done.err
    assert "before the full build" in done.out
    assert "ann_recall@10" in done.out or "all rows are compared" in done.out
    kept = published(gallery)
    assert kept.evidence["wish"]["recall"] == 0.9
    assert kept.evidence["chosen"]["recall"] >= 0.9
    assert kept.config.to_dict() == kept.evidence["config"]
    assert lookalike("verify", "--gallery", gallery).code == 0


def test_json_has_every_number(lookalike, gallery):
    done = lookalike("tune", "--gallery", gallery, "--json", "-k", 5, "--traffic", "batch")
    evidence = json.loads(done.out)
    assert evidence["wish"]["k"] == 5
    assert evidence["wish"]["traffic"] == "batch"
    assert evidence == published(gallery).evidence


def test_a_dry_run_changes_nothing(lookalike, gallery):
    done = lookalike("tune", "--gallery", gallery, "--dry-run")
    assert done.code == 0
    assert done.out.splitlines()[-1].startswith("Nothing was changed")
    assert published(gallery) is None


def test_comparing_all_rows_is_kept_as_a_choice_too(lookalike, gallery):
    done = lookalike("tune", "--gallery", gallery, "--memory", "1kB")
    assert "chosen: exact" in done.out
    assert published(gallery).config.kind == "exact"


def test_wishes_that_cannot_be_had_are_said(lookalike, gallery):
    done = lookalike("tune", "--gallery", gallery, "--latency", "0.01us", "--dry-run")
    assert done.code == 0
    assert "The latency of 0.01 us was missed: " in done.out


def test_queries_come_from_a_file(lookalike, gallery, tmp_path):
    np.save(tmp_path / "queries.npy", clustered(80, seed=2))
    done = lookalike("tune", "--gallery", gallery, "--queries", "queries.npy", "--json")
    assert json.loads(done.out)["chosen"]["queries"] == 40


def test_the_plot_is_drawn(lookalike, gallery, tmp_path):
    done = lookalike("tune", "--gallery", gallery, "--plot", "plot.svg", "--dry-run")
    assert "Plot: plot.svg" in done.err
    assert "<svg" in (tmp_path / "plot.svg").read_text()


def test_quiet_prints_nothing(lookalike, gallery):
    done = lookalike("tune", "-q", "--gallery", gallery)
    assert (done.code, done.out, done.err) == (0, "", "")


def test_ctrl_c_leaves_the_index_of_before(lookalike, gallery, monkeypatch):
    lookalike("tune", "-q", "--gallery", gallery)
    before = published(gallery).evidence

    def interrupted(*given, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("lookalike.search.published.publish_locked", interrupted)
    done = lookalike("tune", "--gallery", gallery, "--recall", ".8")
    assert done.code == 130
    assert done.err == "lookalike: Interrupted: the gallery's index is as it was before.\n"
    assert published(gallery).evidence == before


@pytest.fixture
def lists_are_tuned(monkeypatch):
    """Let the tuner choose lists, as it does for large galleries."""
    lists = IndexConfig("ivf", codes="float16", nlist=16)
    monkeypatch.setattr("lookalike.index.tuning.tune", partial(tune, candidates=(lists,)))


def test_indexes_tuned_alike_are_joined_by_merge(
    lookalike, gallery, tmp_path, monkeypatch, lists_are_tuned
):
    others = [made(tmp_path / f"g{seed}", seed=seed) for seed in (2, 3)]
    assert lookalike("tune", "--gallery", gallery).code == 0
    monkeypatch.setattr("lookalike.index.building.train", None)
    for other in others:
        done = lookalike("tune", "--gallery", other, "--like", "g")
        assert (done.code, done.err) == (0, "")
        assert done.out == (
            "2,400 embeddings in an index of the kind ivf, with all that g has learned; "
            "its recall was not measured\n"
        )

    done = lookalike("merge", gallery, *others, "--into", "all")

    assert (done.code, done.err) == (0, "")
    joined = published(tmp_path / "all")
    assert done.out.splitlines()[-1] == (
        f"  index    joined from 3 indexes, in {joined.folder.relative_to(tmp_path)}"
    )
    assert joined.indexed.index.size == 3 * ROWS
    assert joined.indexed.index.params == published(gallery).indexed.index.params
    assert joined.evidence == {"joined": 3, "wish": published(gallery).evidence["wish"]}
    with Gallery.open(tmp_path / "all") as whole:
        queries = clustered(100, seed=4)
        found, true = (
            [[(hit.image_id, hit.score) for hit in hits] for hits in results]
            for results in (
                Searcher(whole, index=index).search_many(list(queries), 10)
                for index in (None, IndexConfig("exact"))
            )
        )
    hits = [len(set(one) & set(other)) for one, other in zip(found, true, strict=True)]
    assert sum(hits) >= 900  # the first index was tuned to 0.95 on its own pictures


def test_merge_says_in_the_log_why_nothing_was_joined(lookalike, gallery, tmp_path):
    made(tmp_path / "g2", seed=2)
    done = lookalike("merge", "-v", gallery, "g2", "--into", "all")
    assert done.code == 0
    assert "the indexes are not joined: The gallery" in done.err
    assert "index" not in done.out


def test_merge_survives_a_target_that_cannot_take_an_index(
    lookalike, gallery, tmp_path, monkeypatch, lists_are_tuned
):
    def full(*_: object, **__: object) -> None:
        raise StorageFull("The disk is full.")

    lookalike("tune", "--gallery", gallery)
    monkeypatch.setattr("lookalike.search.joining.publish_index", full)
    done = lookalike("merge", "-v", gallery, "--into", "all")
    assert done.code == 0
    assert "the indexes are not joined: The disk is full" in done.err


def test_a_graph_like_another_is_built_with_a_remark(lookalike, gallery, tmp_path):
    other = made(tmp_path / "g2", seed=2)
    with Gallery.open(gallery) as opened:
        snapshot = opened.snapshot()
        graph = build_index(snapshot.blocks, IndexConfig("hnsw", hnsw_m=8), dim=DIM)
        publish_index(opened, snapshot, graph)
    done = lookalike("tune", "--gallery", other, "--like", gallery)
    assert done.code == 0
    assert done.err == (
        "Graphs cannot be joined: 'lookalike merge' will build an index of its own.\n"
    )
    assert published(other).config.hnsw_m == 8


CASES = [
    ("tune --gallery nowhere", 1, "There is no gallery at"),
    ("tune --gallery g --recall 0", 2, "more than 0, and 1 at most"),
    ("tune --gallery g --recall nan", 2, "more than 0, and 1 at most"),
    ("tune --gallery g -k 0", 2, "0 is less than 1"),
    ("tune --gallery g -k 5000", 2, "but there are 2400 rows"),
    ("tune --gallery g --memory lots", 2, "'lots' is no size: write 300MB"),
    ("tune --gallery g --memory 0MB", 2, "'0MB' is nothing"),
    ("tune --gallery g --latency 2x", 2, "'2x' is no duration: write 2ms"),
    ("tune --gallery g --build -5m", 2, "'-5m' is no duration"),
    ("tune --gallery g --queries nowhere.npy", 2, "No such file"),
    ("tune --gallery g --queries text.npy", 2, "it is no .npy file"),
    ("tune --gallery g --queries other.npy", 2, "shape (n, 32)"),
    ("tune --gallery g --queries nan.npy", 2, "not finite"),
    ("tune --gallery g --plot plot.xyz", 2, "ends in .xyz"),
    ("tune --gallery g --plot nowhere/plot.png", 2, "there is no folder"),
    ("tune --gallery g --threads 0", 2, "0 is less than 1"),
    ("tune --gallery g --like nowhere", 1, "There is no gallery at"),
    ("tune --gallery g --like g", 2, "cannot be built like itself"),
    ("tune --gallery g --like bare", 2, "bare has no index, and lists or codes of one are needed"),
    ("tune --gallery g --like foreign", 1, "was asked for: use the stored encoder"),
    ("tune --gallery g --like bare -k 10", 2, "but --k was given as well"),
    ("tune --gallery g --like bare --recall .95", 2, "but --recall was given as well"),
    ("tune --gallery g --like bare --dry-run", 2, "but --dry-run was given as well"),
]


@pytest.mark.parametrize(("typed", "code", "sentence"), CASES, ids=[case[0] for case in CASES])
def test_one_sentence_and_an_exit_code(lookalike, gallery, tmp_path, typed, code, sentence):
    (tmp_path / "text.npy").write_text("no array")
    np.save(tmp_path / "other.npy", np.zeros((9, 5), np.float32))
    if "--like" in typed:
        made(tmp_path / "bare", seed=2)
        made(tmp_path / "foreign", seed=3, fingerprint="others")
    np.save(tmp_path / "nan.npy", np.full((9, DIM), np.nan, np.float32))
    done = lookalike(*typed.split())
    assert (done.code, done.out) == (code, "")
    assert sentence in done.err
    assert done.err.count("\n") == 1
    assert done.err.rstrip().endswith((".", "'lookalike tune --help'."))
    assert published(gallery) is None


@pytest.mark.parametrize(
    ("kind", "text", "number"),
    [(SIZE, "300MB", 3e8), (SIZE, "1.5 gib", 1.5 * 2**30), (SIZE, "12b", 12),
     (DURATION, "2ms", 0.002), (DURATION, "5m", 300), (DURATION, ".5h", 1800)],
)  # fmt: skip
def test_quantities_are_read_with_their_unit(kind, text, number):
    assert kind.convert(text, None, None) == pytest.approx(number)


@pytest.mark.parametrize("text", ["", "5", "MB", "5 parsecs", "-1MB", "1e9"])
def test_a_quantity_without_a_known_unit_is_refused(text):
    with pytest.raises(click.UsageError):
        SIZE.convert(text, None, None)
