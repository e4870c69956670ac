"""``lookalike remove``."""

from __future__ import annotations

import os
from pathlib import Path

import click

from lookalike.cli.options import gallery_option, located_gallery, logging_options, say
from lookalike.errors import ImageNotInGallery, UsageError
from lookalike.gallery import Gallery, ImageRecord
from lookalike.ingest import remove_images, remove_source


@click.command("remove")
@click.argument("paths", nargs=-1, metavar="[PICTURE]...")
@gallery_option
@click.option("--id", "image_ids", type=int, multiple=True, help="Remove the image of this id.")
@click.option("--source", metavar="PLACE", help="Forget a source with all its pictures.")
@logging_options
def command(
    paths: tuple[str, ...],
    gallery_folder: Path | None,
    image_ids: tuple[int, ...],
    source: str | None,
) -> None:
    """Take pictures out of a gallery; their files stay where they are.

    A removed picture comes back only when its file changes.
    """
    if not paths and not image_ids and source is None:
        raise UsageError("There is nothing to remove: name a picture, --id or --source.")
    with Gallery.open(located_gallery(gallery_folder)) as gallery:
        images = [gallery.image(image_id) for image_id in image_ids]
        images += [image_at(gallery, path) for path in paths]
        if images:
            remove_images(gallery, images)
            say(f"removed {len(images)} images; {len(gallery)} are left")
        if source is not None:
            count = remove_source(gallery, source)
            say(f"forgot a source and its {count} images; {len(gallery)} are left")


def image_at(gallery: Gallery, path: str) -> ImageRecord:
    """Find the image of a file.

    Raises:
        ImageNotInGallery: The gallery has none at that path.
    """
    image = gallery.image_at_path(os.path.abspath(os.path.expanduser(path)))
    if image is None:
        raise ImageNotInGallery(f"The gallery {gallery.path} has no image at {path}.")
    return image
