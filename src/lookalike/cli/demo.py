"""``lookalike demo``: the main job, from nothing."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lookalike.cli.examples import ExampleCommand
from lookalike.cli.index_summary import show as show_report
from lookalike.cli.interrupts import Interrupted
from lookalike.cli.new_gallery import opened_or_new
from lookalike.cli.numbers import WholeNumber
from lookalike.cli.options import GALLERY_FOLDER, absolute, logging_options
from lookalike.cli.output import counted, is_quiet, say, shown_path
from lookalike.cli.progress import counting_bar, progress_bar
from lookalike.cli.searching.local import found_by
from lookalike.cli.searching.printing import show as show_results
from lookalike.encoders import Encoder, load_encoder
from lookalike.errors import SourceNotFound, UsageError
from lookalike.gallery import Gallery
from lookalike.ingest import add_images
from lookalike.search import Results, Searcher, contact_sheet, save_sheet

if TYPE_CHECKING:
    from lookalike.encoders import ImageInput

EXAMPLES = (
    ("lookalike demo", "Render 720 pictures into ./demo, index and search them."),
    ("lookalike demo --images ~/Pictures", "Index and search pictures of your own."),
)
QUERIES = 3
HITS = 5


@click.command("demo", cls=ExampleCommand, examples=EXAMPLES)
@click.argument("folder", default="demo")
@click.option(
    "--images",
    metavar="DIR",
    help="Index and search the pictures of this folder instead; they are only read.",
)
@click.option(
    "--pictures",
    type=WholeNumber(24),
    metavar="N",
    default=720,
    show_default=True,
    help="How many pictures to render, 24 at least.",
)
@logging_options
def command(folder: str, images: str | None, pictures: int) -> None:
    """Render a collection of pictures, index it, and search it with three of them.

    Everything is written to FOLDER (demo, if none is named): the pictures, their
    gallery, and sheet.jpg with the three queries and what looks most like them.
    """
    place = Path(absolute(folder))
    try:
        if images is None:
            make_folder(place)
            source = rendered(place / "pictures", pictures)
            gallery_folder = source / GALLERY_FOLDER
        else:
            source, gallery_folder = folder_of(images), place / "gallery"
            make_folder(place)
        encoder = load_encoder("builtin")
        with opened_or_new(gallery_folder, encoder.space, dtype="float16") as gallery:
            demonstrate(gallery, source, encoder, place / "sheet.jpg", is_own=images is not None)
    except KeyboardInterrupt:
        raise Interrupted("Interrupted: the same command goes on from there.") from None


def demonstrate(
    gallery: Gallery, source: Path, encoder: Encoder, sheet: Path, *, is_own: bool
) -> None:
    """Index the source, search with three of its pictures, and draw what was found."""
    with progress_bar("Indexing") as listener:
        report = add_images(gallery, source, encoder, on_progress=listener)
    show_report(report, gallery, None)
    searcher = Searcher(gallery, encoder)
    answers: list[tuple[ImageInput, Results]] = []
    for query in example_pictures(gallery, source, is_own=is_own):
        results = searcher.search(query, k=HITS, exclude_self=True)
        answers.append((query, results))
        say(f"\nMost like {shown_path(query)}")
        if not is_quiet():
            show_results([found_by(results)])
    save_sheet(contact_sheet(answers), sheet)
    say(next_steps(sheet, gallery.path, str(answers[0][0])))


def folder_of(images: str) -> Path:
    """Find the folder of the user's own pictures.

    Raises:
        SourceNotFound: It is not there.
    """
    folder = Path(absolute(images))
    if not folder.is_dir():
        raise SourceNotFound(f"There is no folder {images}: check the spelling of --images.")
    return folder


def make_folder(folder: Path) -> None:
    """Make the folder that the demonstration writes to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The folder {folder} cannot be made ({error.strerror}): name another one."
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"The folder {folder} cannot be written to: name another one.")


def rendered(folder: Path, pictures: int) -> Path:
    """Render the collection; files that lie there already are kept."""
    from lookalike.demonstration import render_collection

    say(f"Rendering {counted(pictures, 'picture')} into {shown_path(folder)} ...")
    with counting_bar("Rendering") as listener:
        collection = render_collection(folder, pictures=pictures, on_progress=listener)
    say(
        f"  {counted(collection.pictures, 'picture')} of {collection.kinds} kinds, "
        f"{collection.size_bytes / 2**20:,.0f} MiB, and {counted(collection.broken, 'file')} "
        "broken on purpose"
    )
    return folder


def example_pictures(gallery: Gallery, source: Path, *, is_own: bool) -> list[str]:
    """Choose three pictures to search with: the collection's own, or three spread over a folder."""
    if not is_own:
        from lookalike.demonstration import example_queries

        return [str(path) for path in example_queries(source)]
    ids = [place.source_id for place in gallery.sources() if place.location == str(source)]
    paths = [gallery.absolute_path(image) for image in gallery.images(source_id=ids[0])]
    step = max(1, len(paths) // QUERIES)
    return paths[::step][:QUERIES]


def next_steps(sheet: Path, gallery: Path, query: str) -> str:
    """Say what to look at and what to type next."""
    program = program_name()
    return (
        f"\nLook at {shown_path(sheet)}: each query and what looks most like it.\n"
        f"Next:\n"
        f"  {program} search {quoted(query)} --gallery {quoted(str(gallery))}\n"
        f"  {program} index ~/Pictures\n"
        f"  {program} --help"
    )


def program_name() -> str:
    """Say how to call the program: by its path where it is not on the search path."""
    if shutil.which("lookalike"):
        return "lookalike"
    return quoted(str(Path(sys.argv[0]).absolute()))


def quoted(path: str) -> str:
    """Quote a path for a shell, short."""
    return shlex.quote(shown_path(path))
