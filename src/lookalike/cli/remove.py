"""``lookalike remove``."""

from __future__ import annotations

import shlex

import click

from lookalike.cli.examples import ExampleCommand
from lookalike.cli.numbers import IMAGE_ID
from lookalike.cli.options import (
    absolute,
    gallery_option,
    located_gallery,
    logging_options,
)
from lookalike.cli.output import counted, say, shown_path
from lookalike.cli.waiting import when_free
from lookalike.errors import ImageNotInGallery, UsageError
from lookalike.gallery import Gallery, ImageRecord
from lookalike.gallery.locations import lies_at
from lookalike.ingest import remove_images, remove_source
from lookalike.ingest.removing import Removal, images_below

EXAMPLES = (
    ("lookalike remove photos/blurred.jpg", "One picture; its file stays."),
    ("lookalike remove photos/screenshots", "All pictures of a folder and of those in it."),
    ("lookalike remove --source /mnt/old-drive/photos", "A place that will not come back."),
)


@click.command("remove", cls=ExampleCommand, examples=EXAMPLES)
@click.argument("paths", nargs=-1, metavar="[PICTURE|FOLDER]...")
@gallery_option
@click.option(
    "--id",
    "image_ids",
    type=IMAGE_ID,
    multiple=True,
    metavar="ID",
    help="Remove the image of this image_id, as search --json shows it. "
    "May be given several times.",
)
@click.option(
    "--source",
    metavar="PLACE",
    help="Forget a source, as info lists it, with all its pictures, whether it is there or not.",
)
@logging_options
def command(
    paths: tuple[str, ...],
    gallery_folder: str | None,
    image_ids: tuple[int, ...],
    source: str | None,
) -> None:
    """Take pictures out of a gallery; their files stay where they are.

    A removed picture stays out when its source is indexed again, also if its
    file is touched or renamed, until 'lookalike index --restore' asks for it
    or another picture is at its path. A removed source stays out until it is
    indexed by name.

    Only pictures that were uploaded to a server of this gallery, which lie in
    its own folder uploads, are deleted when they are removed: one by one, by
    folder, or all of them as a source.
    """
    if not paths and not image_ids and source is None:
        raise UsageError("There is nothing to remove: name a picture, a folder, --id or --source.")
    if source is not None and (paths or image_ids):
        raise UsageError("--source forgets all pictures of a place: name single ones separately.")
    with Gallery.open(located_gallery(gallery_folder)) as gallery:
        images = [gallery.image(image_id) for image_id in image_ids]
        images += [image for path in paths for image in images_at(gallery, path)]
        if images:
            removed = when_free(lambda: remove_images(gallery, images))
            say(f"removed {told(removed)}; {len(gallery):,} left")
        if source is not None:
            removed = when_free(lambda: remove_source(gallery, source))
            say(f"forgot a source and its {told(removed)}; {len(gallery):,} left")
            if removed.waiting:
                say(
                    f"left {counted(removed.waiting, 'file')} there that the gallery did not "
                    "know: its next server adds what is there"
                )


def told(removed: Removal) -> str:
    """Say how many images are gone, and how many files with them."""
    images = counted(removed.images, "image")
    files = counted(removed.deleted, "uploaded file")
    return f"{images} and deleted {files}" if removed.deleted else images


def images_at(gallery: Gallery, path: str) -> list[ImageRecord]:
    """Find the image of a file, or those of a folder.

    Raises:
        ImageNotInGallery: The gallery has none there.
        UsageError: It is a whole source, or a source is in it.
    """
    whole = absolute(path)
    image = gallery.image_at_path(whole)
    images = images_below(gallery, whole) if image is None else [image]
    if images:
        return images
    for record in gallery.sources():
        if lies_at(record.location, whole):
            place = shlex.quote(shown_path(record.location))
            raise UsageError(
                f"{shown_path(path)} holds a whole source: to forget that, use --source {place}; "
                "to keep pictures out, name them or folders in it."
            )
    raise ImageNotInGallery(
        f"The gallery {gallery.path} has no image of {path}: name a picture that was indexed, "
        "as search prints it, a folder of such, or an image by --id."
    )
