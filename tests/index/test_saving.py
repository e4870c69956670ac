"""Indexes written and read back: the same answers, nothing copied, damage told."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from lookalike.errors import GalleryTooNew, GalleryUnreadable
from lookalike.index import ExactIndex, FaissIndex, IndexConfig, SearchParams, build_index
from lookalike.index.saving import checked_files, load_index, save_index
from lookalike.vectors import unit_rows

DIM = 32
KINDS = {
    "flat": IndexConfig("flat", codes="int8"),
    "ivf": IndexConfig("ivf", codes="float16"),
    "ivf-pq": IndexConfig("ivf-pq"),
    "ivf-rabitq": IndexConfig("ivf-rabitq"),
    "hnsw": IndexConfig("hnsw", hnsw_m=8),
    "hnsw pca": IndexConfig("hnsw", reduction="pca", reduced_dim=16, hnsw_m=8),
}


def rows(count: int = 3000, seed: int = 0) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(count, DIM))).astype(np.float16)


def built(config: IndexConfig) -> FaissIndex:
    given = rows()
    given[100:120] = given[7]  # copies, which a graph keeps apart
    index = build_index([given], config, dim=DIM)
    assert isinstance(index, FaissIndex)
    return index


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_index(built(KINDS["ivf-pq"]), tmp_path / "index", {"generation": 3})
    return tmp_path / "index"


@pytest.mark.parametrize("is_mapped", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_index_answers_as_the_one_that_was_saved(tmp_path, kind, is_mapped):
    index = built(KINDS[kind])
    index.params = SearchParams(nprobe=5, ef_search=40, k_factor=3)
    folder = tmp_path / "fünf Bilder"
    save_index(index, folder, {"generation": 7})
    again = load_index(folder, is_mapped=is_mapped)
    assert again.index is not None
    assert (again.config, again.about) == (KINDS[kind], {"generation": 7})
    assert again.index.params == index.params
    queries = rows(20, seed=1).astype(np.float32)
    for allowed in (None, np.arange(3000) % 3 == 0):
        before = index.search(queries, 30, allowed=allowed)
        after = again.index.search(queries, 30, allowed=allowed)
        np.testing.assert_array_equal(before.rows, after.rows)
        np.testing.assert_array_equal(before.scores, after.scores)


def test_an_index_that_compares_every_row_needs_no_files(tmp_path):
    save_index(ExactIndex([rows()], dim=DIM), tmp_path / "index", {"generation": 1})
    assert [file.name for file in (tmp_path / "index").iterdir()] == ["facts.json"]
    again = load_index(tmp_path / "index")
    assert (again.index, again.config) == (None, IndexConfig("exact"))


@pytest.mark.parametrize("name", ["base.faiss", "refine.faiss", "rows.npy", "copies.npy"])
def test_a_truncated_file_is_told_before_it_is_mapped(saved, name):
    data = (saved / name).read_bytes()
    (saved / name).write_bytes(data[:-1])
    told = f"{name} should have {len(data)} bytes but has {len(data) - 1}"
    with pytest.raises(GalleryUnreadable, match=told):
        load_index(saved)


@pytest.mark.parametrize("name", ["base.faiss", "rows.npy"])
def test_a_missing_file_is_told(saved, name):
    (saved / name).unlink()
    with pytest.raises(GalleryUnreadable, match=f"{name} is missing"):
        load_index(saved)


def test_a_file_of_other_content_is_told(saved):
    size_bytes = (saved / "base.faiss").stat().st_size
    (saved / "base.faiss").write_bytes(bytes(size_bytes))
    assert checked_files(saved) == ["base.faiss"]
    with pytest.raises(GalleryUnreadable, match="cannot be used"):
        load_index(saved)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_facts_that_make_no_sense_are_told(saved, text):
    (saved / "facts.json").write_text(text)
    with pytest.raises(GalleryUnreadable, match="cannot be used"):
        load_index(saved)


@pytest.mark.parametrize(
    "files",
    [
        None,
        ["base.faiss"],
        {"base.faiss": 7},
        {"base.faiss": {"size_bytes": 7}},
        {"/dev/zero": {"size_bytes": 0, "sha256": ""}},
        {"../base.faiss": {"size_bytes": 0, "sha256": ""}},
    ],
)
@pytest.mark.parametrize("look", [load_index, checked_files])
def test_only_the_parts_of_an_index_are_read(saved, look, files):
    facts = json.loads((saved / "facts.json").read_text())
    (saved / "facts.json").write_text(json.dumps({**facts, "files": files}))
    with pytest.raises(GalleryUnreadable, match="no parts of an index"):
        look(saved)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("name", ["facts.json", "base.faiss", "rows.npy"])
def test_pipes_are_not_waited_for(saved, name):
    (saved / name).unlink()
    os.mkfifo(saved / name)
    with pytest.raises(GalleryUnreadable, match=f"{name} is no file"):
        load_index(saved)
    if name != "facts.json":
        assert checked_files(saved) == [name]


def test_the_format_of_a_newer_program_is_told(saved):
    (saved / "facts.json").write_text('{"format": 2}')
    with pytest.raises(GalleryTooNew, match="format 2, but this Lookalike reads format 1"):
        load_index(saved)


def test_a_config_of_a_newer_program_is_told(saved):
    facts = json.loads((saved / "facts.json").read_text())
    facts["config"]["quantum"] = True
    (saved / "facts.json").write_text(json.dumps(facts))
    with pytest.raises(GalleryUnreadable, match="quantum"):
        load_index(saved)


def test_what_is_not_there_is_not_damaged(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_index(tmp_path / "nothing")


def test_a_full_disk_is_reported_as_such(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lookalike.index.saving.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_index(built(KINDS["ivf"]), tmp_path / "index", {})
