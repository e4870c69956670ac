"""``lookalike index``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import click

from lookalike.cli.destinations import require_writable_file
from lookalike.cli.examples import ExampleCommand
from lookalike.cli.index_summary import show
from lookalike.cli.interrupts import Interrupted
from lookalike.cli.new_gallery import opened_or_new
from lookalike.cli.numbers import WholeNumber
from lookalike.cli.options import (
    GALLERY_FOLDER,
    absolute,
    expanded,
    gallery_option,
    located_gallery,
    logging_options,
)
from lookalike.cli.output import counted
from lookalike.cli.progress import progress_bar
from lookalike.encoders import Encoder, load_encoder
from lookalike.encoders.loading import encoder_name, with_stored_options
from lookalike.errors import NoImagesFound, UsageError
from lookalike.gallery import Gallery, is_gallery
from lookalike.images import Source, open_source
from lookalike.ingest import (
    MetadataTable,
    UpdateReport,
    add_images,
    load_metadata,
    update_images,
    write_skipped,
)

EXAMPLES = (
    ("lookalike index ~/photos", "A folder with all its folders; again after it has changed."),
    ("lookalike index", "All sources of the gallery here."),
    (
        "lookalike index ~/photos --report skipped.csv",
        "Also list the files that could not be used, and why.",
    ),
    (
        "lookalike index favourites.txt --gallery ~/best",
        "The files that a list names, one a line, into a gallery of its own.",
    ),
    (
        "lookalike index ~/photos --encoder onnx:net.onnx --encoder-mean .5 --encoder-std .5",
        "With a network of your own.",
    ),
)


@click.command("index", cls=ExampleCommand, examples=EXAMPLES)
@click.argument("source", required=False)
@gallery_option
@click.option(
    "--encoder",
    metavar="NAME",
    help="What turns pictures into numbers: builtin, which comes along, or onnx:FILE, a network "
    "of your own, described by FILE.json beside it or by the options below. A gallery keeps to "
    "one encoder. Default: the gallery's, builtin for a new one.",
)
@click.option(
    "--encoder-size",
    type=WholeNumber(1, 4096),
    metavar="PIXELS",
    help="onnx: side of the square that the network takes. Default: 224.",
)
@click.option(
    "--encoder-resize",
    type=WholeNumber(1, 4096),
    metavar="PIXELS",
    help="onnx: the picture's short side before the square is cut from its centre; closer to the "
    "size keeps more of the picture's edges. Default: size / 0.875.",
)
@click.option(
    "--encoder-mean",
    metavar="M",
    help="onnx: subtracted from the pixels, which run from 0 to 1: one number, or r,g,b. "
    "Default: ImageNet's.",
)
@click.option(
    "--encoder-std",
    metavar="S",
    help="onnx: what the pixels are then divided by: one number, or r,g,b. Default: ImageNet's.",
)
@click.option(
    "--encoder-output",
    metavar="NAME",
    help="onnx: the network's output that is the embedding; needed where it has several.",
)
@click.option(
    "--dtype",
    type=click.Choice(["float16", "float32"]),
    help="How a new gallery keeps embeddings: float16 takes half the disk and moves scores by "
    "about 0.0005; float32 keeps every bit. Default: float16.",
)
@click.option(
    "--metadata",
    "metadata_file",
    metavar="FILE",
    help="Keep the columns of a CSV, TSV, JSON lines or Parquet file with the pictures; its "
    "column 'path' or 'file_name' says which row belongs to which.",
)
@click.option(
    "--report",
    metavar="FILE",
    help="Write every file that could not be used, and why, as CSV: path, reason.",
)
@click.option(
    "--threads",
    type=WholeNumber(1, 1024),
    metavar="N",
    help="Threads that decode, and as many that encode: fewer leave the machine to others. "
    "Default: one of each per core.",
)
@logging_options
def command(
    source: str | None,
    gallery_folder: str | None,
    encoder: str | None,
    encoder_size: int | None,
    encoder_resize: int | None,
    encoder_mean: str | None,
    encoder_std: str | None,
    encoder_output: str | None,
    dtype: str | None,
    metadata_file: str | None,
    report: str | None,
    threads: int | None,
) -> None:
    """Make pictures searchable, or bring a gallery up to date.

    SOURCE is a folder, a glob pattern in quotes, a picture, or a list of files
    (@FILE or FILE.txt). A folder's gallery is made inside it, in .lookalike,
    unless --gallery says otherwise. Without SOURCE all sources of the gallery
    are brought up to date.

    Only what is new or changed is embedded; renamed files are recognised by
    their content; pictures that are gone are forgotten. Ctrl-C is safe at any
    moment: the same command goes on from there.
    """
    place = open_source(source) if source is not None else None
    if report is not None:
        require_writable_file(report, what="report")
    metadata = load_metadata(absolute(metadata_file)) if metadata_file else None
    folder = gallery_for(place, gallery_folder)
    options = {
        "size": str(encoder_size or ""),
        "resize": str(encoder_resize or ""),
        "mean": encoder_mean or "",
        "std": encoder_std or "",
        "output": encoder_output or "",
    }
    wanted = full_name(encoder and expanded(encoder), options)
    with ExitStack() as stack:
        if place is None or is_gallery(folder):
            gallery = stack.enter_context(Gallery.open(folder))
            require_dtype(gallery, dtype)
            stored = gallery.space.encoder
            named = with_stored_options(wanted, stored) if wanted else stored
            loaded = load_encoder(named, threads=threads)
        else:
            loaded = load_encoder(wanted or "builtin", threads=threads)
            new = opened_or_new(folder, loaded.space, dtype=dtype or "float16")
            gallery = stack.enter_context(new)
        done = run(gallery, source, loaded, metadata, report)
        show(done, gallery, report, metadata_rows=0 if metadata is None else len(metadata))


def run(
    gallery: Gallery,
    source: str | None,
    encoder: Encoder,
    metadata: MetadataTable | None,
    report: str | None,
) -> UpdateReport:
    """Update one source or all with a progress bar, and write the report, also of a failure."""
    try:
        with progress_bar("Indexing") as tell:
            if source is None:
                done = update_images(gallery, encoder, metadata=metadata, on_progress=tell)
            else:
                done = add_images(gallery, source, encoder, metadata=metadata, on_progress=tell)
    except NoImagesFound as error:
        if report is not None:
            write_skipped(error.skipped, report)
        raise
    except KeyboardInterrupt:
        raise interrupted(gallery) from None
    if report is not None:
        write_skipped(done.skipped, report)
    return done


def interrupted(gallery: Gallery) -> Interrupted:
    """Say what is safe after Ctrl-C, and how to go on."""
    if not len(gallery):
        return Interrupted("Interrupted before anything was done: the same command starts again.")
    return Interrupted(
        f"Interrupted with {counted(len(gallery), 'picture')} safe in the gallery "
        f"{gallery.path}: the same command goes on from there."
    )


def gallery_for(source: Source | None, folder: str | None) -> Path:
    """Choose the gallery: the one named, the source's own, or the nearest."""
    if source is not None and folder is None and source.kind == "folder":
        return Path(source.location) / GALLERY_FOLDER
    return located_gallery(folder)


def full_name(encoder: str | None, options: dict[str, str]) -> str | None:
    """Fold the --encoder-... options into the encoder's name."""
    given = {key: value for key, value in options.items() if value}
    if not given:
        return encoder
    if encoder is None or not encoder.startswith("onnx:"):
        raise UsageError(
            f"--encoder-{next(iter(given))} describes a network of your own: "
            "name it too, with --encoder onnx:FILE."
        )
    return encoder_name(encoder.removeprefix("onnx:"), given)


def require_dtype(gallery: Gallery, dtype: str | None) -> None:
    """Refuse to change how a gallery keeps embeddings."""
    if dtype not in {None, gallery.dtype}:
        raise UsageError(
            f"--dtype {dtype} was asked for, but the gallery {gallery.path} keeps "
            f"{gallery.dtype}: leave the option out, or name a new gallery with --gallery."
        )
