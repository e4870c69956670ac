"""``lookalike compact``."""

from __future__ import annotations

import click

from lookalike.cli.fresh_index import freshen_index
from lookalike.cli.gallery_place import gallery_place
from lookalike.cli.options import located_gallery, logging_options
from lookalike.cli.output import counted, say
from lookalike.cli.waiting import when_free
from lookalike.gallery import CompactReport, Gallery


@click.command("compact")
@gallery_place
@logging_options
def command(gallery_folder: str | None) -> None:
    """Rewrite a gallery's files without what was removed, and merge small ones.

    GALLERY is the gallery, or the folder that has it inside; --gallery says the same.
    Indexing does this by itself when much was removed; by hand it frees the
    last of the space. It needs room for a second copy of the embeddings while
    it works; searching goes on meanwhile.
    """
    with Gallery.open(located_gallery(gallery_folder)) as gallery:
        with when_free(gallery.writer) as writer:
            report = writer.compact()
        show(report)
        freshen_index(gallery)


def show(report: CompactReport) -> None:
    """Print what was done."""
    before = f"{counted(report.rows_before, 'row')} in {counted(report.segments_before, 'segment')}"
    if (report.rows_after, report.segments_after) == (report.rows_before, report.segments_before):
        say(f"There is nothing to compact: {before}, all in use.")
        return
    say(
        f"{before}; now {report.rows_after:,} in {report.segments_after:,}, "
        f"{report.freed_bytes / 2**20:,.1f} MiB freed"
    )
