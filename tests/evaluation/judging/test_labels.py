"""How values become labels."""

from __future__ import annotations

from datetime import date

import pytest

from lookalike.evaluation.judging.labels import label_of


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (1, "1"),
        (1.0, "1"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (True, "true"),
        ("007", "007"),
        (" red\n", "red"),
        ("Nancy", "Nancy"),
        (["a", 1], '["a", 1]'),
        ({"b": 1, "a": "é"}, '{"a": "é", "b": 1}'),
        (date(2024, 2, 29), "2024-02-29"),
        *((nothing, None) for nothing in (None, "", " ", "nan", "NaN", float("nan"))),
    ],
)
def test_a_value_as_a_label(value, label):
    assert label_of(value) == label
