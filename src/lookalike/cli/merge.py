"""``lookalike merge``."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack

import click

from lookalike.cli.examples import ExampleCommand
from lookalike.cli.fresh_index import freshen_index
from lookalike.cli.interrupts import Interrupted, safe_so_far
from lookalike.cli.new_gallery import opened_or_new
from lookalike.cli.options import absolute, located_gallery, logging_options, restore_option
from lookalike.cli.output import counted, say, shown_path
from lookalike.cli.progress import counting_bar
from lookalike.cli.waiting import when_free
from lookalike.errors import LookalikeError
from lookalike.gallery import Gallery
from lookalike.ingest import MergeReport, common_space, merge_galleries

logger = logging.getLogger(__name__)

EXAMPLES = (
    ("lookalike merge shards/* --into photos.gallery", "The shards of one job."),
    ("lookalike merge ~/anna ~/ben --into both.gallery", "Two galleries; both stay as they are."),
)


@click.command("merge", cls=ExampleCommand, examples=EXAMPLES)
@click.argument("galleries", nargs=-1, required=True, metavar="DIR...")
@click.option(
    "--into",
    required=True,
    metavar="GALLERY",
    help="The gallery that takes them in; made if it is not there.",
)
@restore_option
@logging_options
def command(galleries: tuple[str, ...], into: str, restore: tuple[str, ...]) -> None:
    """Copy the images of galleries or shards into one gallery.

    The pictures themselves are not read and need not be there. Refused before
    anything is written: galleries of different encoders, a picture that two of
    them hold, and one that GALLERY holds with other content. Ctrl-C is safe at
    any moment: the same command goes on from there.

    What was removed by hand from GALLERY, or from one of those that it takes
    in, is not copied from another, unless --restore names it. What GALLERY
    holds stays.

    Into a new GALLERY, indexes that were trained as one (lookalike tune --like)
    are joined instead of building one; -v says why, where that is impossible.
    """
    with ExitStack() as stack:
        inputs = [
            stack.enter_context(Gallery.open(located_gallery(folder))) for folder in galleries
        ]
        space, dtype = common_space(inputs)
        target = stack.enter_context(opened_or_new(located_gallery(into), space, dtype=dtype))
        done = run(inputs, target, restore=[absolute(place) for place in restore])
        show(done, target)
        join_indexes(target, inputs)
        freshen_index(target)


def run(inputs: list[Gallery], target: Gallery, *, restore: Sequence[str]) -> MergeReport:
    """Merge with a progress bar."""
    try:
        with counting_bar("Merging") as tell:
            return when_free(
                lambda: merge_galleries(inputs, target, on_progress=tell, restore=restore)
            )
    except KeyboardInterrupt:
        raise safe_so_far(target) from None


def join_indexes(target: Gallery, inputs: list[Gallery]) -> None:
    """Join the inputs' indexes instead of building one, where they were trained as one."""
    from lookalike.search.joining import join_published

    try:
        folder = join_published(target, inputs)
    except KeyboardInterrupt:
        raise Interrupted(
            f"Interrupted while the indexes were joined: all pictures are safe in the gallery "
            f"{target.path}, and the same command goes on from there."
        ) from None
    except LookalikeError as error:
        logger.info("the indexes are not joined: %s", str(error).rstrip("."))
        return
    if folder is not None:
        say(f"  index    joined from {counted(len(inputs), 'index', 'indexes')}, in "
            f"{shown_path(folder)}")  # fmt: skip


def show(done: MergeReport, target: Gallery) -> None:
    """Print what was done."""
    say(f"{counted(len(target), 'picture')} in {shown_path(target.path)}")
    say(f"  added    {done.added:,}")
    if done.already:
        say(f"  already  {done.already:,}")
    if done.copies:
        say(f"  {counted(done.copies, 'exact copy', 'exact copies')} share an embedding")
    if done.kept_out:
        say(f"  {counted(done.kept_out, 'picture')} left out that had been removed by hand: "
            "--restore PATH takes in what it names, a picture or a folder")  # fmt: skip
    if done.skipped:
        say(f"  {counted(done.skipped, 'file')} that cannot be used, as the inputs say")
