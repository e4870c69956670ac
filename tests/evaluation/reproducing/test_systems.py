"""The five systems as data: their encoders, their K's, and what they published."""

from __future__ import annotations

import pytest

from lookalike.encoders.known import canonical_name
from lookalike.encoders.names import parse_name
from lookalike.errors import UsageError
from lookalike.evaluation.reproducing import SYSTEMS, published, system_of


def test_there_are_five_systems():
    assert [system.letter for system in SYSTEMS] == ["A", "B", "C", "D", "E"]
    assert system_of("b") is SYSTEMS[1]


def test_every_encoder_of_a_system_is_known_by_name():
    for system in SYSTEMS:
        for wanted in system.encoders:
            assert parse_name(wanted.name).kind == "known"
            assert canonical_name(wanted.name.partition("?")[0])


def test_system_a_compares_thirteen_encoders_of_which_five_pool_their_patches():
    names = [wanted.name for wanted in system_of("A").encoders]
    assert len(set(names)) == 13
    assert [name.endswith("?pooling=mean") for name in names] == [True] * 5 + [False] * 8
    assert "regnety-040" in names


def test_system_d_asks_for_one_and_for_tens_up_to_a_hundred():
    assert system_of("D").ks == (1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)


def test_the_published_seconds_of_system_b_are_those_of_its_table():
    (table,) = published("B").tables
    assert table.columns == ("resnet18", "mobilenet", "clip")
    assert table.value("brute", "mobilenet") == 0.04427
    assert table.value("flat", "resnet18") == 0.01635
    assert table.value("ivf", "clip") == 0.00017
    assert table.value("extraction", "mobilenet") == 0.0206
    assert table.value("brute", "builtin") is None


def test_columns_of_encoders_are_columns_of_the_table():
    (table,) = published("B").tables
    assert tuple(wanted.column for wanted in system_of("B").encoders) == table.columns


@pytest.mark.parametrize("find", [system_of, published])
def test_a_sixth_system_is_refused(find):
    with pytest.raises(UsageError, match="There is no system 'F': use A, B, C, D or E"):
        find("F")
