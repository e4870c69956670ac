"""``lookalike verify``."""

from __future__ import annotations

import click

from lookalike.cli.gallery_place import gallery_place
from lookalike.cli.options import located_gallery, logging_options
from lookalike.cli.output import counted, printable, say
from lookalike.errors import GalleryError
from lookalike.gallery import Gallery
from lookalike.search.published import index_damage


@click.command("verify")
@gallery_place
@logging_options
def command(gallery_folder: str | None) -> None:
    """Check every checksum, count and invariant of a gallery; changes nothing.

    GALLERY is the gallery, or the folder that has it inside; --gallery says the same.
    Prints one line for each problem. Exit code 0 if there is none, else 1. The
    index is checked too; a damaged one loses nothing and is built again.
    """
    with Gallery.open(located_gallery(gallery_folder)) as gallery:
        report = gallery.verify()
        damage = index_damage(gallery)
    for problem in report.problems:
        click.echo(f"problem: {printable(problem)}")
    for leftover in report.leftovers:
        say(f"left over from an interrupted run, harmless: {printable(leftover)}")
    if not report.is_clean:
        raise GalleryError(
            f"The gallery {gallery.path} has {counted(len(report.problems), 'problem')}: bring "
            "its files back from a backup, or remove its folder and index the pictures again."
        )
    if damage:
        raise GalleryError(damage)
    say(
        f"clean: {counted(report.images, 'image')}, {counted(report.embeddings, 'embedding')}, "
        f"{counted(report.segments, 'segment')}"
    )
