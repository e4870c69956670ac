"""``lookalike demo``: the main job, from nothing."""

from __future__ import annotations

import os
from pathlib import Path

import click

from lookalike.cli.index import show as show_report
from lookalike.cli.options import logging_options, printable, say
from lookalike.cli.progress import progress_bar
from lookalike.cli.search import show as show_results
from lookalike.encoders import ImageInput, load_encoder
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.ingest import add_images
from lookalike.search import Results, Searcher, contact_sheet, save_sheet

QUERIES = 3


@click.command("demo")
@click.argument("folder", type=click.Path(path_type=Path), default=Path("demo"))
@click.option("--images", metavar="DIR", help="Use the pictures of this folder instead.")
@click.option(
    "--pictures",
    type=click.IntRange(24),
    default=720,
    show_default=True,
    help="How many to render.",
)
@logging_options
def command(folder: Path, images: str | None, pictures: int) -> None:
    """Render a collection of pictures, index it, and search it with three of them.

    Everything is written to FOLDER; pictures named by --images are only read.
    """
    make_folder(folder)
    if images is None:
        source, gallery_path = rendered(folder / "pictures", pictures), None
    else:
        source, gallery_path = Path(images).expanduser(), folder / "gallery"
    gallery_path = gallery_path or source / ".lookalike"
    encoder = load_encoder("builtin")
    with Gallery.open_or_create(gallery_path, encoder.space) as gallery:
        with progress_bar("Indexing") as listener:
            report = add_images(gallery, source, encoder, on_progress=listener)
        show_report(report, gallery, None)
        searcher = Searcher(gallery, encoder)
        answers: list[tuple[ImageInput, Results]] = []
        for query in example_pictures(gallery, source, is_rendered=images is None):
            results = searcher.search(query, k=5, exclude_self=True)
            answers.append((query, results))
            say(f"\nMost like {printable(shown(query))}")
            show_results(results, with_title=False, is_first=True)
        sheet = folder / "sheet.jpg"
        save_sheet(contact_sheet(answers), sheet)
        say(next_steps(sheet, gallery_path, answers[0][0]))


def make_folder(folder: Path) -> None:
    """Make the folder that the demonstration writes to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The folder {folder} cannot be made: {error.strerror}.") from error


def rendered(folder: Path, pictures: int) -> Path:
    """Render the collection, unless it lies there already."""
    from lookalike.demonstration import render_collection

    say(f"Rendering {pictures} pictures into {folder} ...")
    collection = render_collection(folder, pictures=pictures)
    say(
        f"  {collection.pictures} pictures of {collection.kinds} kinds, "
        f"{collection.size_bytes / 2**20:.0f} MiB, and {collection.broken} files "
        "that are broken on purpose"
    )
    return folder


def example_pictures(gallery: Gallery, source: Path, *, is_rendered: bool) -> list[str]:
    """Choose three pictures to search with: the collection's own, or three spread over a folder."""
    if is_rendered:
        from lookalike.demonstration import example_queries

        return [str(path) for path in example_queries(source)]
    paths = [gallery.absolute_path(record) for record in gallery.images()]
    step = max(1, len(paths) // QUERIES)
    return paths[::step][:QUERIES]


def shown(path: ImageInput) -> str:
    """Shorten a path relative to the current folder where that is shorter."""
    text = str(path)
    return min(text, os.path.relpath(text), key=len)


def next_steps(sheet: Path, gallery: Path, query: ImageInput) -> str:
    """Say what to look at and what to type next."""
    program = program_name()
    return (
        f"\nLook at {sheet}: each query and what looks most like it.\n"
        f"Next:\n"
        f"  {program} search {quoted(shown(query))} --gallery {quoted(shown(str(gallery)))}\n"
        f"  {program} index ~/Pictures\n"
        f"  {program} --help"
    )


def program_name() -> str:
    """Say how to call the program: by its path where it is not on the search path."""
    import shutil
    import sys

    if shutil.which("lookalike"):
        return "lookalike"
    return shown(str(Path(sys.argv[0]).absolute()))


def quoted(text: str) -> str:
    """Quote a path for a shell."""
    import shlex

    return shlex.quote(printable(text))
