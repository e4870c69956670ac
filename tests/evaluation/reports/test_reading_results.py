"""Which result is the best, and how things are called."""

from __future__ import annotations

import pytest
from made_results import copied, made_result

from lookalike.evaluation.reports.reading import (
    by_encoder,
    by_set,
    estimated,
    headline,
    index_names,
    ks_of,
    main_judgement,
    references,
    short_names,
)
from lookalike.evaluation.reports.wording import bytes_text, count_text, seconds_text, signed


def test_encoders_stand_best_first_by_their_exact_search():
    results = [
        made_result("weak", "flat", precision=0.5),
        made_result("weak", "ivf", precision=0.9, ann_recall=0.9),
        made_result("strong", "ivf", precision=0.6, ann_recall=0.9),
        made_result("strong", "flat", precision=0.7),
    ]

    assert list(by_encoder(results)) == ["fp-strong", "fp-weak"]
    assert [one["index"]["name"] for one in references(results)] == ["flat", "flat"]


def test_without_exact_search_the_closest_index_stands_for_the_encoder():
    results = [
        made_result("a", "ivf", ann_recall=0.9),
        made_result("a", "hnsw", ann_recall=0.99),
    ]

    assert references(results)[0]["index"]["name"] == "hnsw"


def test_exact_indexes_are_listed_first():
    assert index_names([made_result(index="ivf"), made_result(index="flat")]) == ["flat", "ivf"]


@pytest.mark.parametrize(
    ("ks", "expected"),
    [((1, 5, 10), "precision@10"), ((1, 20), "precision@1"), ((5, 15), "precision@15")],
)
def test_precision_nearest_to_ten_is_the_main_metric(ks, expected):
    result = made_result()
    result["metrics"] = {f"precision@{k}": {"mean": 0.5, "low": 0.4, "high": 0.6} for k in ks}

    assert headline([result]) == expected


def test_of_the_revisited_sets_medium_and_its_average_precision_come_first():
    result = made_result()
    result["metrics"] = {
        f"{name}:{metric}": {"mean": 0.5, "low": 0.4, "high": 0.6}
        for name in ("easy", "medium", "hard")
        for metric in ("precision@10", "ap_trapezoid")
    }

    assert main_judgement([result]) == "medium"
    assert headline([result]) == "ap_trapezoid"
    assert ks_of([result], "precision", "hard") == [10]


def test_where_each_query_has_one_positive_recall_is_the_main_metric():
    result = made_result()
    for k in (1, 5, 10, 20, 50):
        found = 0.4 + k / 100
        for name, value in (("recall", found), ("hit_rate", found), ("precision", found / k)):
            result["metrics"][f"{name}@{k}"] = {"mean": value, "low": value, "high": value}

    assert headline([result]) == "recall@10"
    assert headline([made_result()]) == "precision@10"


def test_what_was_not_measured_is_none():
    result = made_result()
    result["metrics"]["ap"] = {"mean": None, "low": None, "high": None}

    assert estimated(result, "ap") is None
    assert estimated(result, "ndcg@3") is None
    assert estimated(result, "precision@10") == pytest.approx((0.7, 0.68, 0.72))


def test_results_of_two_states_of_a_set_are_kept_apart():
    changed = copied(made_result())
    changed["set"]["fingerprint"] = "fruit-2"

    assert [len(group) for group in by_set([made_result(), changed]).values()] == [1, 1]


def test_names_lose_library_folders_options_and_ending():
    names = ["builtin", "timm:resnet18", "onnx:/home/me/nets/mobile.float.onnx?size=224&mean=.5"]

    assert list(short_names(names).values()) == ["builtin", "resnet18", "mobile.float"]


def test_names_that_would_be_alike_stay_whole():
    names = ["timm:resnet18", "hf:resnet18"]

    assert list(short_names(names).values()) == names


def test_long_names_keep_both_ends():
    name = "timm:vit_base_patch16_224.augreg2_in21k_ft_in1k"

    assert short_names([name])[name] == "vit_base_patch16_224.a\u202621k_ft_in1k"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"), (2.5e-8, "25 ns"), (8.23e-6, "8.23 \u00b5s"), (1e-5, "10 \u00b5s"),
        (0.00999, "9.99 ms"), (0.9999, "1 s"), (119, "119 s"), (4550, "75.8 min"),
        (9000, "2.5 h"),
    ],
)  # fmt: skip
def test_times_are_written_to_three_digits(seconds, text):
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(12, "12 B"), (1024, "1.02 kB"), (999_600, "1 MB"), (2_500_000_000, "2.50 GB")],
)
def test_sizes_are_written_in_powers_of_a_thousand(size, text):
    assert bytes_text(size) == text


def test_counts_and_differences():
    assert [count_text(count) for count in (3.14159, 42, 12_345.6, 6_523_168)] == [
        "3.14", "42", "12,346", "6.52 M",
    ]  # fmt: skip
    assert [signed(value) for value in (0.0214, -0.0214, -0.0001)] == [
        "+0.021", "\u22120.021", "0.000",
    ]  # fmt: skip
