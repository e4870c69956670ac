"""``lookalike embed``."""

from __future__ import annotations

from pathlib import Path

import click

from lookalike.cli.encoder_options import EncoderChoice
from lookalike.cli.examples import ExampleCommand
from lookalike.cli.index import checked_files, opened, run
from lookalike.cli.index_summary import show
from lookalike.cli.options import absolute, logging_options
from lookalike.cli.update_options import update_options
from lookalike.cli.waiting import when_free
from lookalike.errors import UsageError
from lookalike.gallery import Gallery, is_gallery
from lookalike.images import open_source
from lookalike.ingest import Shard

EXAMPLES = (
    ("lookalike embed ~/photos --shard 3/10 --out shards/3", "One of ten, on any machine."),
    ("lookalike merge shards/* --into photos.gallery", "All of them, when they are done."),
)


@click.command("embed", cls=ExampleCommand, examples=EXAMPLES)
@click.argument("source")
@click.option("--out", required=True, metavar="DIR", help="The gallery to make, or to go on with.")
@click.option(
    "--shard",
    metavar="I/N",
    help="Embed only share I of N, counted from 1. A picture's path within SOURCE decides which "
    "share it belongs to. Default: all pictures.",
)
@update_options
@logging_options
def command(
    source: str,
    out: str,
    shard: str | None,
    wanted: EncoderChoice,
    dtype: str | None,
    metadata_file: str | None,
    report: str | None,
    threads: int | None,
) -> None:
    """Embed the pictures of SOURCE, or one shard of them, into a gallery of its own.

    Shards may run in any order, on any machines that see SOURCE under the same
    path, as often as need be: what is embedded already is not embedded again,
    and Ctrl-C is safe at any moment. 'lookalike merge' joins them. A shard is a
    gallery like any other; it stays the shard that it was made as.
    """
    share = None if shard is None else Shard.parse(shard)
    open_source(source)
    metadata = checked_files(metadata_file, report)
    folder = Path(absolute(out))
    is_known = is_gallery(folder)
    with opened(folder, wanted, is_known=is_known, dtype=dtype, threads=threads) as (
        gallery,
        encoder,
    ):
        keep_to(gallery, share)
        done = run(gallery, source, encoder, metadata, report)
        show(done, gallery, report, metadata=metadata)


def keep_to(gallery: Gallery, share: Shard | None) -> None:
    """Make sure that a gallery holds the share that is asked for, and no other.

    Raises:
        GalleryError: It is another shard, or holds whole sources.
        UsageError: It is a shard, and all pictures are asked for.
    """
    if share is not None:
        with when_free(gallery.writer) as writer:
            writer.keep_to_shard(str(share))
    elif gallery.shard is not None:
        raise UsageError(
            f"The gallery {gallery.path} is shard {gallery.shard}, but all pictures were asked "
            f"for: add --shard {gallery.shard}, or name another folder with --out."
        )
