"""System C's tables and sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lookalike.evaluation.reproducing.outcome import Table

__all__ = ["findings", "tables"]


def tables(result: Mapping[str, Any]) -> Iterator[Table]:
    """Write what each step took, and what the first queries found."""
    yield steps_table(result)
    for answer in result["answers"]:
        rows = [
            (hit["name"], hit["path"], f"{hit['score']:.3f}", hit["indexed_at"])
            for hit in answer["hits"]
        ]
        yield Table(
            f"{result['title']}: most like {answer['query']}, which is new",
            ("name", "path", "score", "indexed at"),
            tuple(rows),
        )


def steps_table(result: Mapping[str, Any]) -> Table:
    """Write what each step took."""
    index = result["index"]
    rows = [
        update_row("indexing the folder", result["steps"].get("indexing the folder", {})),
        (
            f"inverted file of {index['nlist']} lists, nprobe {index['nprobe']}"
            if index["nlist"]
            else "no index: fewer pictures than a list is learned from",
            f"{index['rows']:,}",
            f"{index['build_s']:.2f}",
            "",
        ),
        update_row("adding new pictures", result["steps"].get("adding new pictures", {})),
        (
            "one search by an embedding, the median",
            f"{result['pictures']:,}",
            f"{result['search_s']['p50']:.5f}",
            "",
        ),
    ]
    return Table(
        f"{result['title']}: the life of a folder of {result['pictures']:,} pictures "
        f"({result['set']})",
        ("", "pictures", "seconds", "pictures/s"),
        tuple(rows),
        f"How a search was answered: {result['plan']}.{spared(result)}",
    )


def spared(result: Mapping[str, Any]) -> str:
    """Say why the lists were not looked into, where they were not."""
    if not result["plan"].startswith("exact"):
        return ""
    return " So few pictures a searcher compares one by one, whatever index there is."


def update_row(title: str, took: Mapping[str, float]) -> tuple[str, str, str, str]:
    """Write what an update took."""
    if not took:
        return title, "", "", ""
    rate = took["pictures"] / took["seconds"]
    return title, f"{took['pictures']:,}", f"{took['seconds']:.2f}", f"{rate:.0f}"


def findings(result: Mapping[str, Any]) -> Iterator[str]:
    """Say whether new pictures are found, and what the lists lose."""
    yield (
        f"{result['title']}: {result['found_themselves']} of {result['queries']} new pictures, "
        "added while the searcher was open, find themselves first."
    )
    index = result["index"]
    if index["nlist"]:
        yield (
            f"{result['title']}: of the exact first {result['k']} among {index['rows']:,} "
            f"pictures, {index['nprobe']} of {index['nlist']} lists find "
            f"{index['ann_recall']:.1%}; newer pictures are compared one by one, and none of them "
            "is missed."
        )
    if index["wanted"] > index["nlist"]:
        yield (
            f"By the system's rule there would be {index['wanted']} lists; made are "
            f"{index['nlist']}, since a list is learned from at least 39 pictures."
        )
