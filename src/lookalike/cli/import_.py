"""``lookalike import``."""

from __future__ import annotations

import click

from lookalike.cli.examples import ExampleCommand
from lookalike.cli.fresh_index import freshen_index
from lookalike.cli.index import require_dtype
from lookalike.cli.interrupts import safe_so_far
from lookalike.cli.new_gallery import opened_or_new
from lookalike.cli.options import expanded, located_gallery, logging_options
from lookalike.cli.output import counted, printable, say, shown_path
from lookalike.cli.progress import counting_bar
from lookalike.cli.waiting import when_free
from lookalike.encoders import load_encoder
from lookalike.errors import UsageError
from lookalike.gallery import Gallery
from lookalike.ingest import FORMATS, ImportReport, import_embeddings
from lookalike.ingest.interchange.importing import named_space, open_embeddings
from lookalike.vectors import EmbeddingSpace

EXAMPLES = (
    (
        'lookalike import clip_output --format clip-retrieval --space "ViT-B/32" --gallery clip',
        "What another program embedded; the name keeps it apart from other encoders.",
    ),
    ("lookalike import arrays --format numpy --gallery again", "What lookalike export wrote."),
)


@click.command("import", cls=ExampleCommand, examples=EXAMPLES)
@click.argument("place")
@click.option(
    "--format", "chosen", type=click.Choice(list(FORMATS)), required=True, help="What PLACE holds."
)
@click.option(
    "--gallery",
    "gallery_folder",
    metavar="DIR",
    required=True,
    help="The gallery that takes them in; made if it is not there.",
)
@click.option(
    "--encoder",
    metavar="NAME",
    help="The encoder that made the embeddings, as for index: builtin or onnx:FILE. "
    "Default: the one that PLACE names, if Lookalike wrote it.",
)
@click.option(
    "--space",
    "space_name",
    metavar="NAME",
    help="Any name for an encoder that Lookalike does not have: only embeddings of that name are "
    "comparable with these. Such a gallery is searched by --id, or with embeddings.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float16", "float32"]),
    help="How a new gallery keeps embeddings. Default: as PLACE has them.",
)
@logging_options
def command(
    place: str,
    chosen: str,
    gallery_folder: str,
    encoder: str | None,
    space_name: str | None,
    dtype: str | None,
) -> None:
    """Take embeddings from PLACE into a gallery; the pictures need not be there.

    PLACE is a folder; for parquet a file, for fiftyone the name of a data set,
    and for numpy and faiss a bare .npy or .faiss file will do, whose pictures
    are then called by their row numbers. Embeddings are brought to unit length;
    those that are all zeros or not finite are skipped and counted. Ctrl-C is
    safe at any moment: the same command goes on from there.
    """
    if encoder is not None and space_name is not None:
        raise UsageError("--encoder and --space name two spaces: leave one of them out.")
    space: EmbeddingSpace | str | None = space_name
    if encoder is not None:
        space = load_encoder(expanded(encoder)).space
    opened = open_embeddings(place, chosen)
    found = named_space(opened, place=place, space=space)
    kept = dtype or (opened.dtype if opened.facts is None else opened.facts.dtype)
    with opened_or_new(located_gallery(gallery_folder), found, dtype=kept) as gallery:
        require_dtype(gallery, dtype)
        show(run(gallery, place, chosen, found), gallery)
        freshen_index(gallery)


def run(gallery: Gallery, place: str, chosen: str, space: EmbeddingSpace) -> ImportReport:
    """Import with a progress bar."""
    try:
        with counting_bar("Importing") as tell:
            return when_free(
                lambda: import_embeddings(
                    gallery, place, format=chosen, space=space, on_progress=tell
                )
            )
    except KeyboardInterrupt:
        raise safe_so_far(gallery) from None


def show(done: ImportReport, gallery: Gallery) -> None:
    """Print what was done."""
    say(f"{counted(len(gallery), 'picture')} in {shown_path(gallery.path)}")
    say(f"  added    {done.added:,}")
    if done.already:
        say(f"  already  {done.already:,}")
    if done.copies:
        say(f"  {counted(done.copies, 'exact copy', 'exact copies')} share an embedding")
    if done.scaled:
        say(f"  {counted(done.scaled, 'embedding')} brought to unit length")
    if done.skipped:
        named = ", ".join(map(printable, done.first_skipped))
        more = " and more" if done.skipped > len(done.first_skipped) else ""
        say(f"  skipped {counted(done.skipped, 'row')} without a direction: {named}{more}")
