"""``lookalike verify``."""

from __future__ import annotations

from pathlib import Path

import click

from lookalike.cli.options import gallery_option, located_gallery, logging_options, say
from lookalike.gallery import Gallery


@click.command("verify")
@gallery_option
@logging_options
def command(gallery_folder: Path | None) -> int:
    """Check checksums, counts and every invariant of a gallery; exit code 1 if one is broken."""
    with Gallery.open(located_gallery(gallery_folder)) as gallery:
        report = gallery.verify()
    for problem in report.problems:
        click.echo(f"problem: {problem}")
    for leftover in report.leftovers:
        say(f"left over from an interrupted run, harmless: {leftover}")
    if not report.is_clean:
        click.echo(
            f"{len(report.problems)} problems: remove the gallery and index again, "
            "or bring its files back from a backup.",
            err=True,
        )
        return 1
    say(
        f"clean: {report.images} images, {report.embeddings} embeddings, {report.segments} segments"
    )
    return 0
