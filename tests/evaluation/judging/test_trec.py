"""The text files of TREC: what we write, others read; what others write, we read."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.evaluation.judging.qrels import ListedQrels
from lookalike.evaluation.judging.runs import Run
from lookalike.evaluation.judging.trec import (
    read_trec_qrels,
    read_trec_run,
    write_trec_qrels,
    write_trec_run,
)

NAMES = ["cat 1.jpg", "dög.jpg", "100%.jpg"]
RUN = Run(
    ("a query", "b"),
    np.array([[2, 0, 1], [1, -1, -1]], dtype=np.int64),
    np.array([[0.5, 0.5, -0.25], [0.125, -np.inf, -np.inf]], dtype=np.float32),
)
QRELS = ListedQrels(["a query", "b"], [{0: 3, 1: 0}, {2: 1}], junk=[[2], []])


def test_a_run_as_text(tmp_path):
    write_trec_run(RUN, tmp_path / "run", names=NAMES)
    assert (tmp_path / "run").read_text(encoding="utf-8").splitlines() == [
        "a%20query Q0 100%25.jpg 1 0.5 lookalike",
        "a%20query Q0 cat%201.jpg 2 0.49999997 lookalike",
        "a%20query Q0 dög.jpg 3 -0.25 lookalike",
        "b Q0 dög.jpg 1 0.125 lookalike",
    ]


def test_a_run_comes_back(tmp_path):
    write_trec_run(RUN, tmp_path / "run", names=NAMES)
    back = read_trec_run(tmp_path / "run", images=NAMES)
    assert back.queries == RUN.queries
    np.testing.assert_array_equal(back.image_ids, RUN.image_ids)
    np.testing.assert_allclose(back.scores, RUN.scores, rtol=1e-6)


def test_judgements_come_back_without_junk(tmp_path):
    write_trec_qrels(QRELS, tmp_path / "qrels")
    lines = (tmp_path / "qrels").read_text(encoding="utf-8").splitlines()
    assert lines == ["a%20query 0 0 3", "a%20query 0 1 0", "b 0 2 1"]
    back = read_trec_qrels(tmp_path / "qrels")
    assert back.answers_to("a query") == {0: 3, 1: 0}
    assert back.positives.tolist() == QRELS.positives.tolist()


def test_junk_is_left_out_of_a_run_that_others_judge(tmp_path):
    write_trec_run(RUN, tmp_path / "run", junk_of=QRELS)
    assert [line.split()[2:4] for line in (tmp_path / "run").read_text().splitlines()] == [
        ["0", "1"],
        ["1", "2"],
        ["1", "1"],
    ]


def test_equal_scores_stay_in_order_over_zero_and_below(tmp_path):
    scores = np.array([[1e-45, 0.0, 0.0, -0.0, -1.0, -1.0]], dtype=np.float32)
    run = Run(("a",), np.arange(6, dtype=np.int64)[None], scores)
    write_trec_run(run, tmp_path / "run")
    written = [float(line.split()[4]) for line in (tmp_path / "run").read_text().splitlines()]
    back = np.array(written, dtype=np.float32)
    assert (np.diff(back) < 0).all()
    np.testing.assert_allclose(back, scores[0], atol=2e-7)


def test_names_that_are_no_utf8_come_back(tmp_path):
    names = [b"\xff \xe9.jpg".decode("utf-8", "surrogateescape"), "tab\tname", "nb\u00a0sp"]
    run = Run(("a",), np.array([[0, 1, 2]]), np.array([[3, 2, 1]], dtype=np.float32))
    write_trec_run(run, tmp_path / "run", names=names)
    assert read_trec_run(tmp_path / "run", images=names).image_ids.tolist() == [[0, 1, 2]]


def test_scores_decide_the_order_of_what_others_wrote(tmp_path):
    (tmp_path / "run").write_text(
        "a Q0 1 1 0.1 x\nb Q0 7 1 5 x\n\na Q0 2 2 0.9 x\na Q0 3 3 0.1 x\n"
    )
    run = read_trec_run(tmp_path / "run")
    assert run.image_ids.tolist() == [[2, 1, 3], [7, -1, -1]]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a Q0 1 1 0.5\n", "Line 1 of .* has 5 fields, and TREC's form 6"),
        ("a Q0 cat%201.jpg 1 0.5 x\na Q0 emu.jpg 2 0.4 x\n", "Line 2 of .* names 'emu.jpg'"),
        ("a Q0 cat%201.jpg 1 best x\n", "Line 1 of .* has 'best' for a score"),
        ("a Q0 cat%201.jpg 1 nan x\n", "Line 1 of .* has 'nan' for a score"),
        ("a Q0 cat%201.jpg 1 inf x\n", "has 'inf' for a score"),
        ("a Q0 cat%201.jpg 1 1e39 x\n", "has '1e39' for a score: .* range of float32"),
        ("\n", "holds no run"),
    ],
)
def test_a_file_that_is_no_run(tmp_path, text, sentence):
    (tmp_path / "run").write_text(text)
    with pytest.raises(UsageError, match=sentence):
        read_trec_run(tmp_path / "run", images=NAMES)


@pytest.mark.parametrize("image", ["1.7", "1e3", "nan", "inf", "1_0", "-1", "-5", "2147483648"])
def test_a_number_that_is_no_image_id(tmp_path, image):
    (tmp_path / "run").write_text(f"a Q0 {image} 1 0.5 x\n")
    (tmp_path / "qrels").write_text(f"a 0 {image} 1\n")
    with pytest.raises(UsageError, match=rf"Line 1 of .* '{image}'"):
        read_trec_run(tmp_path / "run")
    with pytest.raises(UsageError, match=rf"Line 1 of .* '{image}'"):
        read_trec_qrels(tmp_path / "qrels")


def test_a_large_image_id_is_read_to_its_last_digit(tmp_path):
    (tmp_path / "run").write_text("a Q0 2147483647 1 0.5 x\na Q0 2147483646 2 0.4 x\n")
    assert read_trec_run(tmp_path / "run").image_ids.tolist() == [[2147483647, 2147483646]]


@pytest.mark.parametrize("grade", ["1.5", "nan", "inf", "1e1", "good"])
def test_a_grade_that_is_no_whole_number(tmp_path, grade):
    (tmp_path / "qrels").write_text(f"a 0 1 {grade}\n")
    with pytest.raises(UsageError, match=rf"Line 1 of .* has '{grade}' where .* whole number"):
        read_trec_qrels(tmp_path / "qrels")


def test_a_grade_below_nothing_is_nothing(tmp_path):
    (tmp_path / "qrels").write_text("a 0 1 -1\na 0 2 +3\n")
    assert read_trec_qrels(tmp_path / "qrels").answers_to("a") == {1: 0, 2: 3}


def test_a_file_that_judges_twice(tmp_path):
    (tmp_path / "qrels").write_text("a 0 1 1\na 0 1 0\n")
    with pytest.raises(UsageError, match=r"Line 2 of .* judges '1' for 'a' again"):
        read_trec_qrels(tmp_path / "qrels")
