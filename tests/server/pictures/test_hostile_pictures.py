"""Pictures from the test suites of others, shown and handed out."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from PIL import Image

from lookalike.encoders import Encoder
from lookalike.gallery import Gallery
from lookalike.images import decode
from lookalike.ingest import add_images

pytestmark = pytest.mark.shared


@pytest.fixture
def hostile(
    shared: Path, tmp_path: Path, gallery: Gallery, encoder: Encoder, serve: Callable[..., Any]
) -> Any:
    """A server whose gallery has taken in what can be taken in of them."""
    folder = tmp_path / "hostile"
    with tarfile.open(shared / "data" / "hostile-images.tar") as tar:
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(folder)
    add_images(gallery, folder, encoder)
    return serve()


def test_all_that_was_indexed_is_shown_and_handed_out(hostile: Any, gallery: Gallery) -> None:
    images = list(gallery.images())
    assert len(images) > 300
    for image in images:
        file = Path(gallery.absolute_path(image))
        address = f"{hostile.base}/images/{image.image_id}"
        small = hostile.get(f"{address}/thumbnail?side=64")
        assert (small.status, file) == (200, file)
        shown = Image.open(BytesIO(small.body))
        picture = decode(str(file))
        # Its shape, as far as whole pixels can have it.
        longest = min(64, max(picture.width, picture.height))
        assert (shown.format, shown.mode, max(shown.size)) == ("JPEG", "RGB", longest), file
        assert (shown.width >= shown.height) == (picture.width >= picture.height), file
        original = hostile.get(f"{address}/original")
        assert (original.status, original.body == file.read_bytes()) == (200, True), file

    wanted = {"image_ids": [image.image_id for image in images], "form": "zip"}
    with ZipFile(BytesIO(hostile.post(f"{hostile.base}/export", wanted).body)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == len(images)
