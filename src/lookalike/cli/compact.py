"""``lookalike compact``."""

from __future__ import annotations

from pathlib import Path

import click

from lookalike.cli.options import gallery_option, located_gallery, logging_options, say
from lookalike.gallery import Gallery


@click.command("compact")
@gallery_option
@logging_options
def command(gallery_folder: Path | None) -> None:
    """Rewrite a gallery's segments without removed rows, and merge small ones."""
    with Gallery.open(located_gallery(gallery_folder)) as gallery, gallery.writer() as writer:
        report = writer.compact()
    say(
        f"{report.rows_before} rows in {report.segments_before} segments are now "
        f"{report.rows_after} in {report.segments_after}; "
        f"{report.freed_bytes / 2**20:.1f} MiB freed"
    )
