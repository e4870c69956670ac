"""``lookalike index``."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import click

from lookalike.cli.destinations import require_writable_file
from lookalike.cli.encoder_options import EncoderChoice
from lookalike.cli.examples import ExampleCommand
from lookalike.cli.fresh_index import freshen_index
from lookalike.cli.index_summary import show
from lookalike.cli.interrupts import Interrupted, safe_so_far
from lookalike.cli.new_gallery import opened_or_new
from lookalike.cli.options import (
    GALLERY_FOLDER,
    absolute,
    gallery_option,
    located_gallery,
    logging_options,
    restore_option,
)
from lookalike.cli.output import shown_path
from lookalike.cli.progress import progress_bar
from lookalike.cli.update_options import update_options
from lookalike.cli.waiting import when_free
from lookalike.encoders import Encoder
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
from lookalike.ingest.moving import follow_source, looks_moved
from lookalike.ingest.removed import has_removed

EXAMPLES = (
    ("lookalike index ~/photos", "A folder with all its folders; again after it has changed."),
    ("lookalike index", "All sources of the gallery here."),
    (
        "lookalike index ~/photos --report skipped.csv",
        "Also list the files that could not be used, and why.",
    ),
    (
        "lookalike index /new/photos --gallery ~/all --moved-from /old/photos",
        "A source that was moved; its pictures are not embedded again.",
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
    "--moved-from",
    metavar="PLACE",
    help="SOURCE is a source of the gallery that was moved, from where info lists it: its "
    "pictures keep their image_ids, and only what has changed since is embedded.",
)
@click.option(
    "--not-moved",
    is_flag=True,
    help="SOURCE is a place of its own, though it looks like a source that was moved.",
)
@restore_option
@update_options
@logging_options
def command(
    source: str | None,
    gallery_folder: str | None,
    moved_from: str | None,
    not_moved: bool,
    restore: tuple[str, ...],
    wanted: EncoderChoice,
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
    their content; pictures that are gone are forgotten. What was removed by hand
    stays out, unless --restore names it. Ctrl-C is safe at any moment: the same
    command goes on from there.
    """
    place = open_source(source) if source is not None else None
    if place is None and (moved_from or not_moved):
        raise UsageError("--moved-from and --not-moved tell of SOURCE: name it.")
    if moved_from and not_moved:
        raise UsageError("--moved-from and --not-moved say two things of SOURCE: leave one out.")
    metadata = checked_files(metadata_file, report)
    at_source = opened_at(place, gallery_folder, wanted, dtype=dtype, threads=threads)
    with at_source as (gallery, encoder):
        if place is not None:
            follow_moved(gallery, place, moved_from, is_new=not_moved)
        wanted_back = removed_below(gallery, restore)
        done = run(gallery, source, encoder, metadata, report, restore=wanted_back)
        show(done, gallery, report, metadata=metadata)
        freshen_index(gallery)


def checked_files(metadata_file: str | None, report: str | None) -> MetadataTable | None:
    """Load the metadata, if there are some, once it is sure that the report can be written."""
    if report is not None:
        require_writable_file(report, what="report")
    return load_metadata(absolute(metadata_file)) if metadata_file else None


def opened_at(
    place: Source | None,
    gallery_folder: str | None,
    wanted: EncoderChoice,
    *,
    dtype: str | None,
    threads: int | None,
) -> AbstractContextManager[tuple[Gallery, Encoder]]:
    """Open the gallery of a source, or the nearest, with its encoder; a source's may be new."""
    folder = gallery_for(place, gallery_folder)
    is_known = place is None or is_gallery(folder)
    return opened(folder, wanted, is_known=is_known, dtype=dtype, threads=threads)


@contextmanager
def opened(
    folder: Path, wanted: EncoderChoice, *, is_known: bool, dtype: str | None, threads: int | None
) -> Iterator[tuple[Gallery, Encoder]]:
    """Open a gallery with its encoder, or make it with the one that is wanted.

    Args:
        folder: The gallery's.
        wanted: What was said of the encoder.
        is_known: Whether the gallery has to be there already.
        dtype: How it has to keep embeddings, if that was said.
        threads: For the encoder.
    """
    if is_known:
        with Gallery.open(folder) as gallery:
            require_dtype(gallery, dtype)
            yield gallery, wanted.load(gallery.space.encoder, threads=threads)
        return
    encoder = wanted.load(threads=threads)
    with opened_or_new(folder, encoder.space, dtype=dtype or "float16") as gallery:
        yield gallery, encoder


def run(
    gallery: Gallery,
    source: str | None,
    encoder: Encoder,
    metadata: MetadataTable | None,
    report: str | None,
    *,
    restore: Sequence[str] = (),
) -> UpdateReport:
    """Update one source or all with a progress bar, and write the report, also of a failure."""

    def work() -> UpdateReport:
        with progress_bar("Indexing") as tell:
            if source is None:
                return update_images(
                    gallery, encoder, metadata=metadata, on_progress=tell, restore=restore
                )
            return add_images(
                gallery, source, encoder, metadata=metadata, on_progress=tell, restore=restore
            )

    try:
        done = when_free(work)
    except NoImagesFound as error:
        if report is not None:
            write_skipped(error.skipped, report)
        raise
    except KeyboardInterrupt:
        raise interrupted(gallery) from None
    if report is not None:
        write_skipped(done.skipped, report)
    return done


def follow_moved(gallery: Gallery, place: Source, moved_from: str | None, *, is_new: bool) -> None:
    """Let a source be where its folder is now, if that is said; ask if it looks so.

    Raises:
        SourceNotFound, UsageError: As ``follow_source``; or the place looks like a source that
            is not there any more, and nothing is said of that.
    """
    if moved_from is not None:
        when_free(lambda: follow_source(gallery, moved_from, place))
        return
    old = None if is_new else looks_moved(gallery, place)
    if old is not None:
        raise UsageError(
            f"{shown_path(place.location)} looks like {shown_path(old.location)}, a source of this "
            "gallery whose pictures are not there any more: if it was moved, add '--moved-from "
            f"{shlex.quote(old.location)}', which keeps them as they are; if not, --not-moved."
        )


def removed_below(gallery: Gallery, places: Sequence[str]) -> list[str]:
    """Make absolute what is to be taken in again.

    Raises:
        UsageError: Nothing there was removed by hand.
    """
    wanted = [absolute(place) for place in places]
    for place, typed in zip(wanted, places, strict=True):
        if not has_removed(gallery, place):
            raise UsageError(
                f"Nothing at {shown_path(typed)} was removed by hand: name a picture, or a folder "
                "of this gallery, that was."
            )
    return wanted


def interrupted(gallery: Gallery) -> Interrupted:
    """Say what is safe after Ctrl-C, and how to go on."""
    if not len(gallery):
        return Interrupted("Interrupted before anything was done: the same command starts again.")
    return safe_so_far(gallery)


def gallery_for(source: Source | None, folder: str | None) -> Path:
    """Choose the gallery: the one named, the source's own, or the nearest."""
    if source is not None and folder is None and source.kind == "folder":
        return Path(source.location) / GALLERY_FOLDER
    return located_gallery(folder)


def require_dtype(gallery: Gallery, dtype: str | None) -> None:
    """Refuse to change how a gallery keeps embeddings."""
    if dtype not in {None, gallery.dtype}:
        raise UsageError(
            f"--dtype {dtype} was asked for, but the gallery {gallery.path} keeps "
            f"{gallery.dtype}: leave the option out, or name a new gallery with --gallery."
        )
