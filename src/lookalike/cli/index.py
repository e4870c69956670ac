"""``lookalike index``."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from lookalike.cli.options import (
    GALLERY_FOLDER,
    gallery_option,
    is_quiet,
    located_gallery,
    logging_options,
    printable,
    say,
)
from lookalike.cli.progress import progress_bar
from lookalike.encoders import Encoder, load_encoder
from lookalike.encoders.loading import encoder_name
from lookalike.errors import LookalikeError, NoImagesFound, UsageError
from lookalike.gallery import Gallery, is_gallery
from lookalike.images import Source, open_source
from lookalike.ingest import (
    IndexReport,
    MetadataTable,
    add_images,
    load_metadata,
    update_images,
    write_skipped,
)

SHOWN_FAILURES = 5


@click.command("index")
@click.argument("source", required=False)
@gallery_option
@click.option("--encoder", metavar="NAME", help="builtin (default) or onnx:FILE.")
@click.option("--encoder-size", type=int, help="onnx: side of the square input in pixels.")
@click.option("--encoder-resize", type=int, help="onnx: short side before the centre crop.")
@click.option("--encoder-mean", metavar="M", help="onnx: one number, or r,g,b; pixels are 0 to 1.")
@click.option("--encoder-std", metavar="S", help="onnx: one number, or r,g,b.")
@click.option("--encoder-output", metavar="NAME", help="onnx: the output that is the embedding.")
@click.option(
    "--dtype",
    type=click.Choice(["float16", "float32"]),
    default="float16",
    show_default=True,
    help="How a new gallery keeps embeddings.",
)
@click.option(
    "--metadata", "metadata_file", metavar="FILE", help="CSV, TSV, JSON lines or Parquet to join."
)
@click.option("--report", metavar="FILE", help="Write skipped files and reasons as CSV.")
@click.option("--threads", type=click.IntRange(1), help="Decoding and encoding threads each.")
@logging_options
def command(
    source: str | None,
    gallery_folder: Path | None,
    encoder: str | None,
    encoder_size: int | None,
    encoder_resize: int | None,
    encoder_mean: str | None,
    encoder_std: str | None,
    encoder_output: str | None,
    dtype: str,
    metadata_file: str | None,
    report: str | None,
    threads: int | None,
) -> None:
    """Make pictures searchable, or bring a gallery up to date.

    SOURCE is a folder, a glob pattern in quotes, a picture, or a list of files
    (@FILE or FILE.txt). A folder's gallery is made inside it, in .lookalike,
    unless --gallery says otherwise. Without SOURCE all sources of the gallery
    are brought up to date. Only what is new or changed is embedded.
    """
    options = {
        "size": str(encoder_size or ""),
        "resize": str(encoder_resize or ""),
        "mean": encoder_mean or "",
        "std": encoder_std or "",
        "output": encoder_output or "",
    }
    place = open_source(source) if source is not None else None
    metadata = load_metadata(metadata_file) if metadata_file else None
    folder = gallery_for(place, gallery_folder)
    is_new = not is_gallery(folder)
    wanted = full_name(encoder, options)
    loaded, gallery = opened(folder, wanted, dtype, threads, must_exist=place is None)
    try:
        done = run(gallery, source, loaded, metadata)
    except LookalikeError as error:
        if isinstance(error, NoImagesFound) and report:
            write_skipped(error.skipped, report)
        if is_new and not len(gallery):
            gallery.close()
            shutil.rmtree(folder, ignore_errors=True)
        raise
    except KeyboardInterrupt:
        click.echo(
            f"Interrupted: {len(gallery)} pictures are safe in {folder}; "
            "the same command goes on from there.",
            err=True,
        )
        raise
    if report:
        write_skipped(done.skipped, report)
    show(done, gallery, report)


def run(
    gallery: Gallery, source: str | None, encoder: Encoder, metadata: MetadataTable | None
) -> IndexReport:
    """Update one source or all, with a progress bar."""
    with progress_bar("Indexing") as listener:
        if source is None:
            return update_images(gallery, encoder, metadata=metadata, on_progress=listener)
        return add_images(gallery, source, encoder, metadata=metadata, on_progress=listener)


def gallery_for(source: Source | None, folder: Path | None) -> Path:
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
        raise UsageError(f"--encoder-{next(iter(given))} goes with --encoder onnx:FILE.")
    return encoder_name(encoder.removeprefix("onnx:"), given)


def opened(
    folder: Path, wanted: str | None, dtype: str, threads: int | None, *, must_exist: bool
) -> tuple[Encoder, Gallery]:
    """Open or create the gallery with the encoder that belongs to it."""
    if must_exist or is_gallery(folder):
        gallery = Gallery.open(folder)
        return load_encoder(wanted or gallery.space.encoder, threads=threads), gallery
    encoder = load_encoder(wanted or "builtin", threads=threads)
    return encoder, Gallery.open_or_create(folder, encoder.space, dtype=dtype)


def show(done: IndexReport, gallery: Gallery, report: str | None) -> None:
    """Print the summary."""
    say(f"{len(gallery)} pictures in {printable(str(gallery.path))}")
    say(
        f"  added {done.added}, changed {done.changed}, renamed {done.renamed}, "
        f"forgotten {done.forgotten}, unchanged {done.unchanged}"
    )
    if done.copies:
        say(f"  {done.copies} of them are byte-identical copies and were not embedded again")
    if done.described:
        say(f"  {done.described} of them have metadata")
    if done.skipped:
        say(f"  skipped {len(done.skipped)} files that cannot be used" + ("" if report else ":"))
    for item in done.skipped[: 0 if report else SHOWN_FAILURES]:
        say(f"    {printable(item.path)}: {printable(item.reason)}")
    if len(done.skipped) > SHOWN_FAILURES and not report:
        say(f"    ... and {len(done.skipped) - SHOWN_FAILURES} more: --report FILE lists them")
    if report:
        say(f"  skipped files and reasons: {printable(report)}")
    if done.embedded and not is_quiet():
        stages = ", ".join(f"{name} {seconds:.1f}" for name, seconds in done.stage_seconds.items())
        say(
            f"  {done.elapsed_s:.1f} s, {done.embedded / done.elapsed_s:.0f} pictures/s; "
            f"seconds over all threads: {stages}; busiest: {done.bottleneck}"
        )
