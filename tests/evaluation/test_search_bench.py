"""The comparison of search engines, on clustered vectors small enough to check by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from lookalike.errors import MissingExtra, UsageError
from lookalike.evaluation.search_bench import BenchWish, bench_tables, engines, run_bench
from lookalike.evaluation.writing import kept
from lookalike.vectors import unit_rows


@pytest.fixture(scope="module")
def vectors():
    dice = np.random.default_rng(5)
    centres = dice.normal(size=(40, 32))
    rows = unit_rows(centres[dice.integers(0, 40, 4400)] + 0.5 * dice.normal(size=(4400, 32)))
    return rows[:4000], rows[4000:4200], rows[4200:]


def bench(vectors, folder, *names):
    wish = BenchWish(engines=names, targets=(0.9,))
    return run_bench(*vectors, wish, folder=folder)


def test_exact_engines_find_everything(vectors, tmp_path):
    done = bench(vectors, tmp_path, "numpy", "faiss-flat")
    for name in ("numpy", "faiss-flat"):
        result = done["engines"][name]
        assert [point["recall"] for point in result["points"]] == [1.0]
        assert result["bytes_per_vector"] == pytest.approx(4 * 32, abs=1)
        assert result["depths"]["0.9"] == {str(k): 1.0 for k in (1, *range(10, 101, 10))}


def test_more_probes_find_more_and_cost_more(vectors, tmp_path):
    points = bench(vectors, tmp_path, "faiss-ivf")["engines"]["faiss-ivf"]["points"]
    recalls = [point["recall"] for point in points]
    assert recalls == sorted(recalls)
    assert recalls[0] < 0.9 < recalls[-1]


def test_the_tuned_choice_keeps_its_promise(vectors, tmp_path):
    result = bench(vectors, tmp_path, "tuned-batch-95")["engines"]["tuned-batch-95"]
    assert result["points"][0]["recall"] >= 0.93
    assert result["tuning"]


def test_what_was_measured_is_not_measured_again(vectors, tmp_path, monkeypatch):
    first = bench(vectors, tmp_path, "faiss-flat")
    monkeypatch.setattr(engines.PlainFaiss, "build", lambda *_: pytest.fail("built again"))
    monkeypatch.setattr(engines.PlainFaiss, "search", lambda *_: np.zeros((200, 100), np.int64))
    monkeypatch.setattr(engines, "make_engine", engines.make_engine)
    stored = json.loads((tmp_path / "faiss-flat.json").read_text())
    assert stored["result"] == json.loads(json.dumps(first["engines"]["faiss-flat"]))


def test_other_parameters_are_measured_anew(vectors, tmp_path):
    bench(vectors, tmp_path, "numpy")
    again = run_bench(*vectors, BenchWish(k=5, engines=("numpy",)), folder=tmp_path)
    assert again["facts"]["k"] == 5
    assert json.loads((tmp_path / "numpy.json").read_text())["facts"]["k"] == 5


def test_the_tables_name_every_engine_and_the_machine(vectors, tmp_path):
    done = bench(vectors, tmp_path, "numpy", "faiss-ivf")
    text = bench_tables(done)
    assert "| numpy | 1.0000 |" in text
    assert "| faiss-ivf |" in text
    assert done["machine"] in text
    assert "NumPy matrix product alone" in text


def test_too_little_to_compare(vectors, tmp_path):
    with pytest.raises(UsageError, match="at least 100 rows"):
        run_bench(vectors[0][:50], vectors[1], vectors[2], BenchWish(), folder=tmp_path)


def test_an_unknown_engine_is_named(vectors, tmp_path):
    with pytest.raises(UsageError, match=r"'milvus'.*faiss-flat"):
        bench(vectors, tmp_path, "milvus")


def test_a_peer_that_is_not_installed_says_how_to_get_it(vectors, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"lookalike\[bench\]"):
        bench(vectors, tmp_path, "hnswlib")
    assert "hnswlib" not in engines.available_engines()


@pytest.mark.parametrize("name", ["hnswlib", "usearch", "scann", "autofaiss"])
def test_peers_find_what_exact_search_finds(vectors, tmp_path, name):
    if name not in engines.available_engines():
        pytest.skip(f"{name} is not installed")
    points = bench(vectors, tmp_path, name)["engines"][name]["points"]
    assert points[-1]["recall"] > 0.95


def test_results_of_other_embeddings_are_not_taken_for_these(vectors, tmp_path):
    rows, queries, tuning = vectors
    bench(vectors, tmp_path, "faiss-ivf")
    first = json.loads((tmp_path / "faiss-ivf.json").read_text())
    wish = BenchWish(engines=("faiss-ivf",), targets=(0.9,))
    run_bench(rows[::-1].copy(), queries, tuning, wish, folder=tmp_path)
    second = json.loads((tmp_path / "faiss-ivf.json").read_text())
    assert first["facts"]["data"] != second["facts"]["data"]


def test_a_damaged_result_is_measured_again(vectors, tmp_path):
    (tmp_path / "numpy.json").write_text('{"facts": ')
    assert bench(vectors, tmp_path, "numpy")["engines"]["numpy"]["points"][0]["recall"] == 1.0


def test_an_engine_that_needs_more_rows_is_left_out_and_named(vectors, tmp_path):
    said = []
    done = run_bench(
        vectors[0][:300], vectors[1][:20], vectors[2], BenchWish(engines=("ivf-pq", "numpy")),
        folder=tmp_path, say=said.append,
    )  # fmt: skip
    assert list(done["engines"]) == ["numpy"]
    assert any("ivf-pq: left out" in line and "needs at least" in line for line in said)


@pytest.mark.parametrize("damaged", ["", "[]", "null", "3", '{"facts": {"a": 1}}'])
def test_a_result_of_another_form_is_measured_again(tmp_path, damaged):
    file = tmp_path / "kept.json"
    file.write_text(damaged)
    assert kept(file, {"a": 1}, lambda: 5) == 5
    assert kept(file, {"a": 1}, lambda: 6) == 5
