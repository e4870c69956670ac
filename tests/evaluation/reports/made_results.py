"""Results made by hand, small enough to be worked out on paper."""

from __future__ import annotations

import json
from typing import Any

KS = (1, 5, 10, 20, 50)


def estimate(mean: float, width: float = 0.02) -> dict[str, float]:
    return {"mean": mean, "low": mean - width, "high": mean + width}


def made_result(
    encoder: str = "builtin",
    index: str = "flat",
    *,
    precision: float = 0.7,
    width: float = 0.02,
    median_ms: float = 8.0,
    ann_recall: float = 1.0,
    speed: float | None = 100.0,
    set_name: str = "fruit",
    root: str = "/nowhere",
) -> dict[str, Any]:
    """One result whose precision falls by 0.01 with each K."""
    metrics = {}
    for place, k in enumerate(KS):
        value = precision + 0.02 - 0.01 * place
        metrics[f"precision@{k}"] = estimate(value, width)
        metrics[f"fpr@{k}"] = estimate(1 - value, width)
        metrics[f"recall@{k}"] = estimate(0.1 * (place + 1), width)
        metrics[f"hit_rate@{k}"] = estimate(0.95, width)
    metrics["ap"] = estimate(precision - 0.1, width)
    metrics["mrr"] = estimate(precision + 0.1, width)
    hits = [{"path": f"kiwi/{n}.png", "score": 0.9 - n / 10, "is_positive": n % 2 == 0}
            for n in range(3)]  # fmt: skip
    entry = {"query": "apple/0.png", "value": 0.25, "metric": "ap", "hits": hits}
    is_exact = index == "flat"
    return {
        "format": 1,
        "measured": "2026-11-21T10:00:00Z",
        "machine": "a machine, 2 cores",
        "lookalike": "0.1.0",
        "set": {
            "name": set_name, "fingerprint": f"{set_name}-1", "images": 200, "queries": 200,
            "classes": 2, "is_leave_one_out": True, "judgements": ["labels"], "root": root,
            "licence": "CC0", "remarks": ["Drawn by hand."],
        },
        "encoder": {
            "name": encoder, "fingerprint": f"fp-{encoder}", "dim": 256, "parameters": 6_500_000,
            "load_s": 0.2, "pictures": 200, "extraction_s": 2.0, "pictures_per_s": speed,
        },
        "index": {
            "name": index, "config": {"kind": "exact" if is_exact else index},
            "params": {} if is_exact else {"nprobe": 4}, "build_s": 0.5, "memory_bytes": 2_000_000,
            "rows": 200,
            "latency_ms": {
                "p50": median_ms, "p95": 2 * median_ms, "p99": 3 * median_ms, "mean": median_ms,
                "count": 100,
            },
            "batch_qps": 5000.0,
            "ann_recall": {str(k): ann_recall - (k / 1000 if not is_exact else 0)
                           for k in (1, *range(10, 101, 10))} | {"10": ann_recall},
            "curve": [] if is_exact else [
                {"params": {"nprobe": n}, "ann_recall@10": ann_recall - 0.1 / n,
                 "qps": 9000.0 / n, "p50_ms": median_ms * n / 4,
                 "precision@10": precision - 0.1 / n}
                for n in (1, 2, 4)
            ],
        },
        "parameters": {
            "ks": list(KS), "ranking": "whole", "depth": 199, "resamples": 1000, "level": 0.95,
            "seed": 0,
        },
        "metrics": metrics,
        "left_out": 0,
        "classes": [
            {"label": "apple", "queries": 150, "metrics": {"precision@10": 0.9, "ap": 0.8}},
            {"label": "kiwi", "queries": 50, "metrics": {"precision@10": 0.2, "ap": 0.1}},
        ],
        "best": [entry],
        "worst": [entry],
        "run": f"{index}.npz",
    }  # fmt: skip


def matrix(encoders: int = 13, indexes: tuple[str, ...] = ("flat", "ivf", "hnsw")) -> list[Any]:
    """Encoders that are close together, as they are in life, each with every index."""
    return [
        made_result(
            f"timm:vit_base_patch{number}_224.augreg_in21k",
            index,
            precision=0.7 - 0.004 * number - 0.002 * place,
            median_ms=(8.0, 0.5, 0.2)[place % 3] * (1 + number / 20),
            ann_recall=(1.0, 0.97, 0.99)[place % 3],
            speed=10.0 * (1 + number % 5),
        )
        for number in range(encoders)
        for place, index in enumerate(indexes)
    ]


def made_comparison() -> dict[str, Any]:
    """Two runs of one query each way."""
    first, second = made_result("builtin"), made_result("other", precision=0.75)
    moved = {"query": "apple/0.png", "first_hits": first["worst"][0]["hits"],
             "second_hits": second["best"][0]["hits"]}  # fmt: skip
    return {
        "first": first,
        "second": second,
        "queries": 200,
        "only_first": 0,
        "only_second": 3,
        "differences": {
            "ap": {"first": 0.6, "second": 0.65, "mean": 0.05, "low": 0.02, "high": 0.08,
                   "p": 1 / 1001},
            "precision@10": {"first": 0.7, "second": 0.71, "mean": 0.01, "low": -0.01,
                             "high": 0.03, "p": 0.31},
            "fpr@10": {"first": 0.3, "second": 0.29, "mean": -0.01, "low": -0.03, "high": 0.01,
                       "p": 0.31},
        },
        "metric": "ap",
        "counts": {"rose": 120, "fell": 70, "same": 10},
        "gained": [{**moved, "before": 0.1, "after": 0.6}],
        "lost": [{**moved, "before": 0.9, "after": 0.4}],
    }  # fmt: skip


def copied(results: Any) -> Any:
    """Copy as a file would."""
    return json.loads(json.dumps(results))
