"""System D's tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lookalike.evaluation.reproducing.outcome import Table

__all__ = ["findings", "tables"]

TITLES = {
    "brute": "brute-force Euclidean (NumPy)",
    "flat": "IndexFlatL2 (FAISS)",
    "ivf": "IndexIVFFlat, merged, nprobe {nprobe:g}",
}
GOOD_RECALL = 0.95


def tables(result: Mapping[str, Any]) -> Iterator[Table]:
    """Write what the job took, and what the merged index finds in which time."""
    yield steps_table(result)
    ks = [str(k) for k in result["ks"]]
    rows = [
        (
            titled(search),
            *(f"{1e3 * search['seconds'][name]:.3f}" for name in ("mean", "p50", "p95", "p99")),
            *(f"{search['ann_recall'][k]:.3f}" for k in ks),
        )
        for search in result["searches"]
    ]
    yield Table(
        f"{result['title']}: {result['rows']:,} embeddings of {result['dim']} numbers, "
        f"{result['nlist']} lists; milliseconds a query, and Recall@K against exact search",
        ("", "mean ms", "p50", "p95", "p99", *(f"@{k}" for k in ks)),
        tuple(rows),
        f"{result['queries']:,} queries that are not in the gallery, one at a time for the 10 "
        "nearest, FAISS on one thread. Recall@K: share of the exact first K among the K that "
        f"were found{by_fewer(result)}.",
    )


def by_fewer(result: Mapping[str, Any]) -> str:
    """Say which recall is the mean over fewer queries."""
    brute = next(search for search in result["searches"] if search["method"] == "brute")
    fewer = int(brute["judged"])
    return f", by brute force of the first {fewer:,}" if fewer < result["queries"] else ""


def steps_table(result: Mapping[str, Any]) -> Table:
    """Write what each step took."""
    steps = result["steps"]
    rows = []
    for number, pictures in enumerate(result["shards"], start=1):
        took = steps.get(f"shard {number}", {})
        rate = took["pictures"] / took["seconds"] if took.get("seconds") else None
        rows.append(
            (
                f"shard {number} of {len(result['shards'])}",
                f"{pictures:,}",
                seconds(took),
                "" if rate is None else f"{rate:.0f}",
                seconds(steps.get(f"index {number}", {})),
            )
        )
    for step, title in (("lists", "learning the lists, from all shards"),
                        ("merge", "merging the galleries"),
                        ("join", "joining the indexes")):  # fmt: skip
        rows.append((title, f"{result['pictures']:,}", seconds(steps.get(step, {})), "", ""))
    return Table(
        f"{result['title']}: the job, shard by shard",
        ("", "pictures", "seconds", "pictures/s", "its index, seconds"),
        tuple(rows),
        "The shards ran one after the other here; each is a command of its own (lookalike embed "
        "--shard), for as many machines as there are.",
    )


def seconds(took: Mapping[str, Any]) -> str:
    """Write what a step took, if that is known."""
    return f"{took['seconds']:.2f}" if took else ""


def titled(search: Mapping[str, Any]) -> str:
    """Name a way to search."""
    return TITLES[search["method"]].format(**search["setting"])


def findings(result: Mapping[str, Any]) -> Iterator[str]:
    """Say what the merged index gains and loses."""
    flat = next(search for search in result["searches"] if search["method"] == "flat")
    lists = [search for search in result["searches"] if search["method"] == "ivf"]
    deepest = str(max(result["ks"]))
    yield (
        f"{result['title']}: looking into 1 of {result['nlist']} lists finds "
        f"{lists[0]['ann_recall']['1']:.1%} of the nearest and "
        f"{lists[0]['ann_recall'][deepest]:.1%} of the first {deepest}."
    )
    good = [search for search in lists if min(search["ann_recall"].values()) >= GOOD_RECALL]
    if good:
        share = good[0]["seconds"]["p50"] / flat["seconds"]["p50"]
        time = (
            f"in {share:.2f} of the time of IndexFlatL2"
            if share < 1
            else f"and take {share:.1f} times as long as IndexFlatL2: over so few rows lists do "
            "not pay"
        )
        yield (
            f"{result['title']}: {good[0]['setting']['nprobe']:g} lists find "
            f"{min(good[0]['ann_recall'].values()):.1%} or more at every K, {time}."
        )
