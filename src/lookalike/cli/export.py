"""``lookalike export``."""

from __future__ import annotations

import click

from lookalike.cli.examples import ExampleCommand
from lookalike.cli.interrupts import Interrupted
from lookalike.cli.options import gallery_option, located_gallery, logging_options
from lookalike.cli.output import counted, printable, say
from lookalike.cli.progress import counting_bar
from lookalike.gallery import Gallery
from lookalike.ingest import FORMATS, export_gallery

EXAMPLES = (
    ("lookalike export photos.parquet --format parquet", "For data frames and query engines."),
    ("lookalike export arrays --format numpy", "embeddings.npy beside images.csv."),
)


@click.command("export", cls=ExampleCommand, examples=EXAMPLES)
@click.argument("out")
@click.option(
    "--format", "chosen", type=click.Choice(list(FORMATS)), required=True, help="What to write."
)
@gallery_option
@logging_options
def command(out: str, chosen: str, gallery_folder: str | None) -> None:
    """Write all images of a gallery with their embeddings to OUT, for other programs.

    OUT is a new folder; for parquet a new file, for fiftyone the name of a new
    data set. It is there whole or not at all. 'lookalike import' reads it back.
    """
    with Gallery.open(located_gallery(gallery_folder)) as gallery:
        try:
            with counting_bar("Exporting") as tell:
                count = export_gallery(gallery, out, format=chosen, on_progress=tell)
        except KeyboardInterrupt:
            raise Interrupted(f"Interrupted: nothing was left at {out}.") from None
    say(f"{counted(count, 'picture')} in {printable(out)}")
