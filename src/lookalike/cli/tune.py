"""``lookalike tune``."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from lookalike.cli.destinations import require_writable_file
from lookalike.cli.examples import ExampleCommand
from lookalike.cli.gallery_place import gallery_place
from lookalike.cli.interrupts import Interrupted
from lookalike.cli.numbers import WholeNumber
from lookalike.cli.options import absolute, located_gallery, logging_options
from lookalike.cli.output import counted, note, say, shown_path
from lookalike.cli.progress import bar, counting_bar
from lookalike.cli.quantities import DURATION, PERIOD, SIZE
from lookalike.errors import UsageError
from lookalike.gallery import Gallery

if TYPE_CHECKING:
    from lookalike.index.tuning import Tuned, TuneWish
    from lookalike.vectors import FloatRows

EXAMPLES = (
    ("lookalike tune --gallery ~/photos", "The fastest index that finds 95 of 100 neighbors."),
    (
        "lookalike tune --recall .99 --memory 300MB --latency 2ms --build 5m",
        "With limits; which of them cannot be kept is said.",
    ),
    ("lookalike tune --traffic batch --plot tuning.png", "For many queries at a time; drawn."),
    ("lookalike tune --dry-run --json > evidence.json", "Measure only; all numbers."),
    ("lookalike tune --gallery shards/2 --like shards/1", "Indexes that can be joined later."),
)
# Everything else says how to tune, and --like tunes nothing.
GOES_WITH_LIKE = frozenset(
    {"place", "gallery_folder", "like", "threads", "verbose", "quiet", "log_file"}
)


@click.command("tune", cls=ExampleCommand, examples=EXAMPLES)
@gallery_place
@click.option(
    "--recall",
    type=float,
    default=0.95,
    show_default=True,
    metavar="SHARE",
    help="Least share of the k true nearest pictures to be found, over queries that are in no "
    "index; 1 compares all.",
)
@click.option(
    "-k",
    "--k",
    type=WholeNumber(1),
    default=10,
    show_default=True,
    metavar="N",
    help="How many neighbors a query asks for.",
)
@click.option(
    "--memory",
    type=SIZE,
    metavar="SIZE",
    help="Most memory for the index: 300MB, 1GB. Comparing all rows takes none.",
)
@click.option(
    "--latency",
    type=DURATION,
    metavar="TIME",
    help="Longest time of 99 in 100 single queries: 2ms.",
)
@click.option("--build", type=PERIOD, metavar="TIME", help="Longest time of the build: 5m.")
@click.option(
    "--traffic",
    type=click.Choice(["single", "batch"]),
    default="single",
    show_default=True,
    help="Whose speed decides: queries one by one, or many at a time.",
)
@click.option(
    "--queries",
    metavar="FILE",
    help="Tune with the embeddings (n, dim) of a .npy file, of pictures that are not in the "
    "gallery. Default: pictures of the gallery, held out until all is measured.",
)
@click.option(
    "--threads",
    type=WholeNumber(1, 1024),
    metavar="N",
    help="Threads that build and search, as they will be when you search. Default: one per core.",
)
@click.option(
    "--like",
    metavar="DIR",
    help="Tune nothing: build the index with the settings, lists and codes of this gallery's. "
    "'lookalike merge' joins indexes built so; graphs (hnsw) are never joined, and --traffic "
    "batch tunes none.",
)
@click.option("--plot", metavar="FILE", help="Draw recall against time: .png, .svg or .pdf.")
@click.option("--dry-run", is_flag=True, help="Measure only: the gallery's index stays as it is.")
@click.option("--json", "as_json", is_flag=True, help="Print all that was measured as JSON.")
@logging_options
def command(
    gallery_folder: str | None,
    recall: float,
    k: int,
    memory: float | None,
    latency: float | None,
    build: float | None,
    traffic: str,
    queries: str | None,
    threads: int | None,
    like: str | None,
    plot: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Find and build the fastest index that fulfils your wishes.

    GALLERY is the gallery, or the folder that has it inside; --gallery says the same.
    Tries several kinds of index on a sample, builds the best in full, finds its
    settings with held-out queries and checks them with others. The index and
    what was measured are kept with the gallery, and every search uses it. What
    cannot be had is said, and the nearest to it is taken. Ctrl-C leaves the
    index of before.
    """
    from lookalike.index.tuning import TuneWish

    if like is not None:
        require_no_wish()
        use_threads(threads)
        build_like_other(located_gallery(gallery_folder), located_gallery(like))
        return
    wish = TuneWish(
        recall=recall,
        k=k,
        memory_bytes=None if memory is None else int(memory),
        latency_s=latency,
        build_s=build,
        traffic="batch" if traffic == "batch" else "single",
    )
    if plot is not None:
        require_plot(plot)
    asked = None if queries is None else load_queries(absolute(queries))
    use_threads(threads)
    with Gallery.open(located_gallery(gallery_folder)) as gallery:
        try:
            tuned = tune_gallery(gallery, wish, asked, is_kept=not dry_run)
        except KeyboardInterrupt:
            raise Interrupted("Interrupted: the gallery's index is as it was before.") from None
    show(tuned, as_json=as_json, is_kept=not dry_run)
    if plot is not None:
        from lookalike.index.tuning.plot import save_tuning_plot

        save_tuning_plot(tuned.to_dict(), plot)
        note(f"Plot: {shown_path(plot)}")


def tune_gallery(
    gallery: Gallery, wish: TuneWish, queries: FloatRows | None, *, is_kept: bool
) -> Tuned:
    """Tune over the gallery's newest state, and publish the choice if it is to be kept."""
    from lookalike.index.tuning import tune
    from lookalike.search.published import PATIENCE_S, build_lock, publish_locked

    # Locked from the start: who cannot publish learns it before the work, not after.
    held = build_lock(gallery, timeout_s=PATIENCE_S) if is_kept else nullcontext()
    with held, bar("Tuning", "") as update:
        snapshot = gallery.snapshot()

        def tell(what: str, done: int, total: int) -> None:
            if update is not None:
                update(done, total, "", what)

        tuned = tune(
            snapshot.blocks,
            wish,
            dim=gallery.space.dim,
            dead=snapshot.dead,
            queries=queries,
            on_progress=tell,
        )
        if is_kept:
            tell("saving", 0, 0)
            publish_locked(gallery, snapshot, tuned.index, tuned.to_dict(), config=tuned.config)
    return tuned


def require_no_wish() -> None:
    """Refuse wishes where nothing is tuned.

    Raises:
        UsageError: One was given.
    """
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        is_given = context.get_parameter_source(name) is not ParameterSource.DEFAULT
        if is_given and name not in GOES_WITH_LIKE:
            raise UsageError(
                f"--like takes over another index's settings, but {parameter.opts[-1]} was given "
                "as well: leave one of them out."
            )


def build_like_other(folder: Path, other_folder: Path) -> None:
    """Build a gallery's index with what another one's has learned, and say so."""
    from lookalike.search.joining import build_like
    from lookalike.search.published import published_index

    with Gallery.open(folder) as gallery, Gallery.open(other_folder) as other:
        try:
            with counting_bar("Building the index") as tell:
                build_like(gallery, other, on_progress=tell)
        except KeyboardInterrupt:
            raise Interrupted("Interrupted: the gallery's index is as it was before.") from None
        published = published_index(gallery)
        if published is None or published.indexed is None:
            return  # replaced by someone else just now
        index = published.indexed.index
        say(
            f"{counted(index.size, 'embedding')} in an index of the kind {index.config.kind}, "
            f"with all that {shown_path(other.path)} has learned; its recall was not measured"
        )
        if index.has_graph:
            note("Graphs cannot be joined: 'lookalike merge' will build an index of its own.")


def load_queries(file: str) -> Any:
    """Read embeddings from a .npy file.

    Raises:
        UsageError: There is none, or it holds something else.
    """
    import numpy as np

    try:
        return np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or "it is no .npy file of numbers"
        raise UsageError(
            f"The queries {file} cannot be read ({reason}): save an array (n, dim) with numpy.save."
        ) from error


def require_plot(file: str) -> None:
    """Find out whether the plot can be drawn before anything is measured."""
    from lookalike.index.tuning.plot import require_plot_file

    require_plot_file(file)
    require_writable_file(file, what="plot")


def use_threads(threads: int | None) -> None:
    """Let FAISS use so many threads."""
    if threads is not None:
        from lookalike.index.faiss_library import faiss_library

        faiss_library().omp_set_num_threads(threads)


def show(tuned: Tuned, *, as_json: bool, is_kept: bool) -> None:
    """Print the tables, the choice and what was missed."""
    if as_json:
        click.echo(json.dumps(tuned.to_dict()))
        return
    from lookalike.index.tuning import choice_lines, pareto_table, trial_table

    if tuned.before:
        say("before the full build, what a sample makes expect of each candidate:")
        for line in trial_table(tuned):
            say(f"  {line}")
    say(f"over all {tuned.chosen.rows:,} rows, what nothing beats in both recall and time:")
    for line in pareto_table(tuned):
        say(f"  {line}")
    for line in choice_lines(tuned):
        say(line)
    if not is_kept:
        say("Nothing was changed: leave out --dry-run to use it.")
