"""``lookalike remove``."""

from __future__ import annotations

import click

from lookalike.cli.examples import ExampleCommand
from lookalike.cli.numbers import IMAGE_ID
from lookalike.cli.options import (
    absolute,
    gallery_option,
    located_gallery,
    logging_options,
)
from lookalike.cli.output import counted, say
from lookalike.cli.waiting import when_free
from lookalike.errors import ImageNotInGallery, UsageError
from lookalike.gallery import Gallery, ImageRecord
from lookalike.ingest import remove_images, remove_source

EXAMPLES = (
    ("lookalike remove photos/blurred.jpg", "One picture; its file stays."),
    ("lookalike remove --source /mnt/old-drive/photos", "A place that will not come back."),
)


@click.command("remove", cls=ExampleCommand, examples=EXAMPLES)
@click.argument("paths", nargs=-1, metavar="[PICTURE]...")
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

    A removed picture stays out when its source is indexed again, until its
    file changes. A removed source stays out until it is indexed by name.
    """
    if not paths and not image_ids and source is None:
        raise UsageError("There is nothing to remove: name a picture, --id or --source.")
    if source is not None and (paths or image_ids):
        raise UsageError("--source forgets all pictures of a place: name single ones separately.")
    with Gallery.open(located_gallery(gallery_folder)) as gallery:
        images = [gallery.image(image_id) for image_id in image_ids]
        images += [image_at(gallery, path) for path in paths]
        if images:
            when_free(lambda: remove_images(gallery, images))
            count = len({image.image_id for image in images})
            say(f"removed {counted(count, 'image')}; {len(gallery):,} left")
        if source is not None:
            count = when_free(lambda: remove_source(gallery, source))
            say(f"forgot a source and its {counted(count, 'image')}; {len(gallery):,} left")


def image_at(gallery: Gallery, path: str) -> ImageRecord:
    """Find the image of a file.

    Raises:
        ImageNotInGallery: The gallery has none at that path.
    """
    image = gallery.image_at_path(absolute(path))
    if image is None:
        raise ImageNotInGallery(
            f"The gallery {gallery.path} has no image of {path}: name a picture that was "
            "indexed, as search prints it, or an image by --id."
        )
    return image
