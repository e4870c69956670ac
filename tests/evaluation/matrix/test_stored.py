"""Results on disk: damaged ones are seen, and nobody writes over another's."""

from __future__ import annotations

import json
import threading
from contextlib import suppress

import numpy as np
import pytest

from lookalike.errors import GalleryLocked, UsageError
from lookalike.evaluation.matrix import EvalWish, compare_results, evaluate, set_beside
from lookalike.evaluation.matrix.locking import locked
from lookalike.evaluation.matrix.results import load_result, read_result
from lookalike.evaluation.writing import fingerprint, write_whole


@pytest.fixture
def wish(encoder_name):
    return EvalWish(encoders=(encoder_name,), ks=(1, 2))


@pytest.fixture
def stored(make_set, wish, tmp_path):
    """Measure the six pictures; give the result's file."""
    evaluate(make_set(), wish, folder=tmp_path / "out")
    (file,) = (tmp_path / "out").glob("row-*/*/*.json")
    return file


def changed(file, path, value):
    """Write a result again with one part of it changed, or left out where it is None."""
    facts = json.loads(file.read_text())
    *heads, last = path.split(".")
    part = facts
    for head in heads:
        part = part[head]
    if value is None:
        del part[last]
    else:
        part[last] = value
    file.write_text(json.dumps(facts))


def test_every_row_counts_in_a_fingerprint():
    rows = np.random.default_rng(0).normal(size=(5000, 3)).astype(np.float16)
    before = fingerprint(rows)
    rows[4321, 1] += 1
    assert fingerprint(rows) != before
    assert fingerprint(rows[::2]) == fingerprint(np.ascontiguousarray(rows[::2]))


def test_damaged_rankings_are_measured_again(stored, make_set, wish, tmp_path):
    beside, said = stored.with_suffix(".npz"), []
    data = bytearray(beside.read_bytes())
    data[len(data) // 2] ^= 255
    beside.write_bytes(data)
    with pytest.raises(UsageError, match="missing or damaged"):
        load_result(stored)
    evaluate(make_set(), wish, folder=tmp_path / "out", say=said.append)
    assert "are damaged: it is measured again" in said[0]
    assert load_result(stored).run.depth == 2


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("parameters", None), ("parameters.resamples", None), ("parameters.resamples", -1),
        ("parameters.level", 3), ("parameters", []), ("set", [1]), ("set.fingerprint", None),
        ("encoder.name", 3), ("index.ann_recall", None), ("metrics", "none"), ("asked", []),
        ("run", ".."), ("run", "../flat.npz"), ("run", 5), ("parameters.depth", "deep"),
    ],
)  # fmt: skip
def test_a_result_with_a_flaw_is_refused_and_measured_again(
    stored, make_set, wish, tmp_path, path, value
):
    changed(stored, path, value)
    with pytest.raises(UsageError, match="is damaged, in"):
        compare_results(stored, stored)
    said = []
    evaluate(make_set(), wish, folder=tmp_path / "out", say=said.append)
    assert "cannot be read: it is measured again" in said[0]
    assert read_result(stored)["set"]["name"] == "row"


@pytest.mark.parametrize(
    "data", [b"", b"\x93NUMPY", b"PK\x05\x06" + bytes(18), b"\xff" * 300], ids=len
)
def test_rankings_that_are_no_archive_are_refused(stored, data):
    stored.with_suffix(".npz").write_bytes(data)
    with pytest.raises(UsageError, match="missing or damaged"):
        load_result(stored)


@pytest.mark.parametrize(("name", "value"), [("fingerprint", "other"), ("images", ["a/0.png"])])
def test_a_set_that_is_not_the_results_own_is_refused(stored, name, value):
    file = stored.parent.parent / "set.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), name: value}))
    with pytest.raises(UsageError, match="is not of the set that the result"):
        compare_results(stored, stored)
    assert set_beside(stored).name == "row"


def test_two_that_write_one_file_do_not_meet(tmp_path):
    file, flaws = tmp_path / "results.json", []

    def write(number):
        try:
            for _ in range(40):
                write_whole(file, str(number).encode() * 5000)
        except Exception as error:
            flaws.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert flaws == []
    assert len(set(file.read_bytes())) == 1
    assert list(tmp_path.iterdir()) == [file]


def test_one_evaluation_at_a_time_writes_to_a_folder(make_set, wish, tmp_path):
    with locked(tmp_path / "out"), pytest.raises(GalleryLocked, match="Another evaluation"):
        evaluate(make_set(), wish, folder=tmp_path / "out")
    assert len(evaluate(make_set(), wish, folder=tmp_path / "out")) == 1
    with suppress(KeyboardInterrupt), locked(tmp_path / "out"):
        raise KeyboardInterrupt
    with locked(tmp_path / "out"):
        assert (tmp_path / "out").is_dir()
