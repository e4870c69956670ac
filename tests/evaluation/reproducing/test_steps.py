"""What steps took, over several runs."""

from __future__ import annotations

import pytest

from lookalike.evaluation.reproducing.steps import Steps


def test_two_runs_add_up(tmp_path):
    steps = Steps(tmp_path / "steps.json")
    steps.add("embedding", 2.0, pictures=3)
    Steps(tmp_path / "steps.json").add("embedding", 1.5, pictures=4)
    assert steps.taken == {"embedding": {"seconds": 3.5, "pictures": 7}}


@pytest.mark.parametrize(
    "damaged", ["", "[]", "null", "3", '{"embedding": 4}', '{"embedding": {}}']
)
def test_a_damaged_file_is_none(tmp_path, damaged):
    (tmp_path / "steps.json").write_text(damaged)
    steps = Steps(tmp_path / "steps.json")
    steps.add("embedding", 1.5, pictures=4)
    assert steps.taken == {"embedding": {"seconds": 1.5, "pictures": 4}}
