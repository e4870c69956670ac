"""Tables: each number with its interval, the same in Markdown, terminal and page."""

from __future__ import annotations

import pytest
from made_results import made_comparison, made_result, matrix

from lookalike.evaluation.reports import markdown_tables, rows_of
from lookalike.evaluation.reports.tables import (
    Cell,
    Column,
    Table,
    class_table,
    difference_table,
    encoder_table,
    index_table,
    k_table,
    markdown_of,
    whole_table,
)
from lookalike.evaluation.reports.wording import p_text


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_encoders_are_compared_by_quality_then_cost():
    table = encoder_table([made_result("weak", precision=0.5), made_result("timm:strong")])

    assert [column.title for column in table.columns] == [
        "encoder", "precision@10", "precision@1", "hit_rate@10", "ap", "mrr", "pictures/s", "dim",
        "parameters",
    ]  # fmt: skip
    assert texts(table)[0] == [
        "strong", "0.700", "0.720", "0.950", "0.600", "0.800", "100", "256", "6.50 M",
    ]  # fmt: skip
    assert table.rows[0][1].note == "0.680\u20130.720"
    assert table.rows[1][0].text == "weak"


def test_indexes_show_what_they_lose_and_cost():
    table = index_table([made_result(index="ivf", ann_recall=0.97, median_ms=0.5)])

    row = dict(zip([column.title for column in table.columns], table.rows[0], strict=True))
    assert row["index"].note == "nprobe 4"
    assert {name: cell.text for name, cell in row.items()} == {
        "encoder": "builtin", "index": "ivf", "precision@10": "0.700", "ann_recall@10": "0.970",
        "median": "500 \u00b5s", "99 %": "1.50 ms", "queries/s": "5,000", "memory": "2 MB",
        "build": "500 ms",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "config", "text"),
    [
        ("flat", {"kind": "exact"}, ""),
        ("auto", {"kind": "exact"}, "exact, nprobe 4"),
        ("auto", {"kind": "hnsw", "hnsw_m": 32}, "hnsw, hnsw_m 32, nprobe 4"),
        ("IVF16,SQ8", {"kind": "factory", "factory": "IVF16,SQ8"}, "nprobe 4"),
        ("ivf", {"kind": "ivf", "nlist": 9, "seed": None}, "nlist 9, nprobe 4"),
    ],
)
def test_settings_say_what_the_name_does_not(name, config, text):
    result = made_result(index=name)
    result["index"]["config"] = config

    assert index_table([result]).rows[0][1].note == text


def test_what_was_not_measured_is_a_dash():
    result = made_result(speed=None)
    result["index"]["latency_ms"] = {"p50": None}

    assert encoder_table([result]).rows[0][-3] == Cell("\u2013")
    assert index_table([result]).rows[0][4] == Cell("\u2013")


def test_a_family_of_metrics_has_a_column_for_each_k():
    table = k_table([made_result()], "fpr")

    assert [column.title for column in table.columns] == [
        "encoder",
        "@1",
        "@5",
        "@10",
        "@20",
        "@50",
    ]
    assert texts(table) == [["builtin", "0.280", "0.290", "0.300", "0.310", "0.320"]]
    assert table.columns[1].better == "low"


def test_metrics_of_the_whole_ranking_have_a_table():
    assert texts(whole_table([made_result()])) == [["builtin", "0.600", "0.800"]]


def test_of_one_encoder_classes_show_every_metric_the_hardest_first():
    table = class_table([made_result()])

    assert texts(table) == [["kiwi", "50", "0.200", "0.100"], ["apple", "150", "0.900", "0.800"]]


def test_several_encoders_stand_side_by_side_by_class():
    table = class_table([made_result("a"), made_result("b")])

    assert [column.title for column in table.columns] == ["class", "queries", "a", "b"]
    assert texts(table)[0] == ["kiwi", "50", "0.200", "0.200"]


def test_a_long_table_of_classes_is_cut_and_says_so():
    table = class_table([made_result()], most=1)

    assert len(table.rows) == 1
    assert table.note == "precision@10 of the 1 hardest of 2 classes."


def test_markdown_keeps_its_columns_whatever_a_name_holds():
    table = Table("t", [Column("a", is_number=False)], [[Cell("x|y\nz")]])

    assert markdown_of(table) == "**t**\n\n| a |\n| --- |\n| x\\|y z |"


def test_markdown_of_all_results_names_set_tables_and_machine():
    text = markdown_tables([made_result("timm:strong")])

    assert text.startswith("## fruit\n\n200 pictures, 200 queries, 2 classes.")
    assert "| strong | 0.700 (0.680\u20130.720) |" in text
    assert "- strong: `timm:strong`" in text
    assert text.endswith("Measured on: a machine, 2 cores\n")


def test_the_terminal_gets_a_line_for_each_encoder_and_index():
    rows = rows_of(matrix(2, ("flat", "ivf")))

    assert [(row["encoder"], row["index"]) for row in rows] == [
        ("vit_base_patch0_224.augreg_in21k", "flat"), ("vit_base_patch0_224.augreg_in21k", "ivf"),
        ("vit_base_patch1_224.augreg_in21k", "flat"), ("vit_base_patch1_224.augreg_in21k", "ivf"),
    ]  # fmt: skip
    assert rows[0]["precision@10"] == "0.700 (0.680\u20130.720)"


def test_without_labels_only_the_search_is_listed():
    result = made_result()
    result["metrics"], result["classes"] = {}, []

    (row,) = rows_of([result])

    assert list(row) == ["encoder", "index", "ann_recall@10", "median", "99 %", "memory", "build"]


def test_a_difference_of_too_few_queries_has_no_p():
    comparison = made_comparison()
    comparison["differences"]["ap"]["p"] = None

    assert texts(difference_table(comparison))[0][-1] == "\u2013"


@pytest.mark.parametrize(
    ("p", "resamples", "text"),
    [
        (1 / 1001, 1000, "< 0.002"),
        (2 / 1001, 1000, "0.002"),
        (1 / 200, 199, "< 0.01"),
        (4 / 10001, 10_000, "< 0.001"),
        (1 / 10001, 10_000, "< 0.0002"),
        (1.0, 1000, "1.000"),
        (None, 1000, "\u2013"),
    ],
)
def test_a_p_is_never_said_to_be_smaller_than_resamples_can_tell(p, resamples, text):
    assert p_text(p, resamples) == text


def test_differences_carry_intervals_and_p():
    table = difference_table(made_comparison())

    assert texts(table)[0] == ["ap", "0.600", "0.650", "+0.050", "< 0.002"]
    assert table.rows[0][1].note == "0.580\u20130.620"
    assert table.rows[0][3].note == "+0.020 to +0.080"
    # The second run's own precision@10 is of more queries than the two have in common.
    assert table.rows[1][2] == Cell("0.710", 0.71)


def test_classes_and_what_an_index_finds_have_their_intervals():
    result = made_result()
    row = result["classes"][0]
    name = next(iter(row["metrics"]))
    row["intervals"] = {name: {"mean": row["metrics"][name], "low": 0.125, "high": 0.875}}
    result["index"]["ann_recall"] = {"10": 0.5}
    result["index"]["ann_recall_intervals"] = {"10": {"low": 0.25, "high": 0.75}}

    classes = class_table([result])
    assert "0.125\u20130.875" in [cell.note for line in classes.rows for cell in line]
    indexes = index_table([result])
    assert "0.250\u20130.750" in [cell.note for cell in indexes.rows[0]]
