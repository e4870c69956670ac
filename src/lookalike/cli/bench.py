"""``lookalike bench``."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from lookalike.cli.examples import ExampleCommand
from lookalike.cli.numbers import WholeNumber
from lookalike.cli.options import absolute, gallery_option, located_gallery, logging_options
from lookalike.cli.output import note
from lookalike.errors import UsageError
from lookalike.evaluation.reports.figures import can_draw
from lookalike.evaluation.search_bench import (
    ENGINES,
    BenchWish,
    available_engines,
    bench_tables,
    run_bench,
    save_bench_plot,
)
from lookalike.gallery import Gallery
from lookalike.vectors import unit_rows

EXAMPLES = (
    (
        "lookalike bench search --gallery ~/photos",
        "Every engine that is installed, on the gallery's own embeddings; some of them, held "
        "out, are the queries.",
    ),
    (
        "lookalike bench search --queries queries.npy --engines faiss-flat,tuned-batch-95,hnswlib",
        "Some engines, with queries of your own.",
    ),
)
DEFAULT_QUERIES = 1000
SLICE_ROWS = 65536


@click.group("bench")
def command() -> None:
    """Measure on your own embeddings."""


@command.command("search", cls=ExampleCommand, examples=EXAMPLES)
@gallery_option
@click.option(
    "--queries",
    "query_file",
    metavar="FILE.npy",
    help="Embeddings (n, dim) to search with, of pictures that are in no gallery. The first half "
    "is measured with, the second half tuned with. Default: rows of the gallery, taken out of it.",
)
@click.option(
    "--count",
    type=WholeNumber(2, 1_000_000),
    metavar="N",
    default=DEFAULT_QUERIES,
    show_default=True,
    help="Queries to measure with, and as many again to tune with.",
)
@click.option("--k", type=WholeNumber(1, 100), default=10, show_default=True, metavar="K",
              help="Neighbors that count.")  # fmt: skip
@click.option(
    "--recall",
    "recalls",
    metavar="R,R",
    default=".95,.99",
    show_default=True,
    help="Recalls at which engines are compared.",
)
@click.option(
    "--engines",
    metavar="NAMES",
    help=f"Comma-separated: {', '.join(ENGINES)}. Default: all whose libraries are installed.",
)
@click.option("--threads", type=WholeNumber(1, 1024), default=1, show_default=True, metavar="N",
              help="Threads of FAISS's searches; peers always search with one.")  # fmt: skip
@click.option(
    "--rows",
    type=WholeNumber(100, 10**9),
    metavar="N",
    help="Only the first N embeddings of the gallery.",
)
@click.option(
    "--out",
    metavar="DIR",
    default="bench-search",
    show_default=True,
    help="Where results go: one file an engine, so that an interrupted run goes on; "
    "search.json, search.md and, with the extra 'plot', search.png.",
)
@logging_options
def search(
    gallery_folder: str | None,
    query_file: str | None,
    count: int,
    k: int,
    recalls: str,
    engines: str | None,
    threads: int,
    rows: int | None,
    out: str,
) -> None:
    """Compare search engines on a gallery's embeddings, in one run.

    Brute force, FAISS as it is usually used, the tuner's choice, and the peers
    that are installed (the extra 'bench'): recall against queries per second,
    one query at a time and all in one call, memory and build time.
    """
    wish = BenchWish(
        k=k, targets=targets(recalls), engines=chosen_engines(engines), threads=threads
    )
    folder = Path(absolute(out))
    with Gallery.open(located_gallery(gallery_folder)) as gallery:
        base = embeddings(gallery, rows)
    base, queries, tuning = parted(base, query_file, count)
    bench = run_bench(base, queries, tuning, wish, folder=folder / "engines", say=note)
    (folder / "search.json").write_text(json.dumps(bench, indent=1, default=float) + "\n")
    tables = bench_tables(bench)
    (folder / "search.md").write_text(tables)
    if can_draw():
        save_bench_plot(bench, folder / "search.png")
    click.echo(tables)


def targets(text: str) -> tuple[float, ...]:
    """Read recalls parted by commas."""
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if not values or not all(0 < value <= 1 for value in values):
        raise UsageError(f"--recall is {text!r}: give numbers above 0 up to 1, as '.95,.99'.")
    return values


def chosen_engines(text: str | None) -> tuple[str, ...]:
    """Read engine names; all that can be used if none are given."""
    return tuple(available_engines()) if text is None else tuple(text.split(","))


def embeddings(gallery: Gallery, rows: int | None) -> NDArray[np.float32]:
    """Copy a gallery's living embeddings into memory as unit rows ``(n, dim)``."""
    snapshot = gallery.snapshot()
    alive = np.ones(snapshot.rows, dtype=np.bool_)
    alive[snapshot.dead] = False
    total = int(alive.sum()) if rows is None else min(rows, int(alive.sum()))
    found = np.empty((total, gallery.space.dim), dtype=np.float32)
    filled = start = 0
    for block in snapshot.blocks:
        for first in range(0, len(block), SLICE_ROWS):
            part = block[first : first + SLICE_ROWS]
            living = part[alive[start : start + len(part)]][: total - filled]
            found[filled : filled + len(living)] = unit_rows(living)
            filled += len(living)
            start += len(part)
    return found


def parted(
    base: NDArray[np.float32], query_file: str | None, count: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Part rows to search in, queries to measure with and queries to tune with."""
    if query_file is None:
        if len(base) < 4 * count:
            raise UsageError(
                f"{2 * count} of {len(base)} embeddings would be queries: "
                "ask for fewer with --count, or give others with --queries."
            )
        order = np.random.default_rng(0).permutation(len(base))
        held, kept = order[: 2 * count], np.sort(order[2 * count :])
        asked = base[held]
        return base[kept], asked[:count], asked[count:]
    asked = loaded_queries(query_file, base.shape[1])
    half = min(count, len(asked) // 2)
    return base, asked[:half], asked[half : 2 * half]


def loaded_queries(file: str, dim: int) -> NDArray[np.float32]:
    """Read queries ``(n, dim)``, at least two."""
    try:
        asked = np.load(absolute(file), allow_pickle=False)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"The queries {file} cannot be read: {reason}.") from error
    if asked.ndim != 2 or asked.shape[1] != dim or len(asked) < 2:
        raise UsageError(
            f"The queries {file} have shape {asked.shape}: (n, {dim}) with n >= 2 is needed."
        )
    return unit_rows(asked)
