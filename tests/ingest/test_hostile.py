"""Pictures from the test suites of others, all through one real process."""

from __future__ import annotations

import csv
import subprocess
import sys
import tarfile

import numpy as np
import pytest
from PIL import Image

from lookalike.encoders import embed, load_encoder
from lookalike.gallery import Gallery
from lookalike.images import PICTURE_EXTENSIONS, decode
from turns import STORED

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def indexed(shared, tmp_path_factory):
    """Index the hostile pictures; folder, gallery, the rows of skipped.csv, and the process."""
    work = tmp_path_factory.mktemp("hostile")
    with tarfile.open(shared / "data" / "hostile-images.tar") as tar:
        # Releases of Python before 3.11.4 know no filter.
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(work / "pictures")
    options = ["--gallery", str(work / "gallery"), "--report", str(work / "skipped.csv")]
    done = subprocess.run(
        [sys.executable, "-m", "lookalike", "index", str(work / "pictures"), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    with open(work / "skipped.csv", newline="", encoding="utf-8") as file:
        skipped = list(csv.DictReader(file))
    with Gallery.open(work / "gallery") as gallery:
        yield work / "pictures", gallery, skipped, done


@pytest.fixture(scope="module")
def turns(tmp_path_factory):
    """Write one photograph-like scene eight times, each turned otherwise, as its EXIF tells."""
    folder = tmp_path_factory.mktemp("turns")
    y, x = np.mgrid[0:300, 0:400]
    scene = np.stack([255 * x / 399, 255 * y / 299, 127 + 127 * np.sin(x / 30) * np.cos(y / 20)], 2)
    upright = Image.fromarray(scene.astype(np.uint8))
    for turn, stored in STORED.items():
        exif = Image.Exif()
        exif[0x0112] = turn
        turned = upright if stored is None else upright.transpose(stored)
        turned.save(folder / f"{turn}.jpg", quality=95, exif=exif)
    return [folder / f"{turn}.jpg" for turn in STORED]


def test_the_run_succeeds_in_silence(indexed):
    *_, done = indexed
    assert (done.returncode, done.stderr) == (0, "")


def test_every_refused_file_is_named_with_its_reason(indexed):
    pictures, gallery, skipped, _ = indexed
    named_so = {
        str(file)
        for file in pictures.rglob("*")
        if file.suffix.lower() in PICTURE_EXTENSIONS and not file.name.startswith(".")
    }
    known = {gallery.absolute_path(image) for image in gallery.images()}
    assert len(known) > 600
    assert {row["path"] for row in skipped} == named_so - known
    assert all(row["reason"].endswith(".") and "\n" not in row["reason"] for row in skipped)
    assert gallery.info().skipped == len(skipped)


def test_every_embedding_is_its_files(indexed):
    _, gallery, *_ = indexed
    report = gallery.verify()
    assert report.is_clean, report.problems
    encoder = load_encoder("builtin")
    images = list(gallery.images())[::10]
    fresh = embed([gallery.absolute_path(image) for image in images], encoder)
    stored = gallery.embeddings([image.image_id for image in images])
    assert np.einsum("nd,nd->n", fresh, stored).min() >= 1 - 1e-3


@pytest.mark.parametrize("shape", ["Landscape", "Portrait"])
def test_the_eight_turns_of_a_photograph_look_alike(indexed, shape):
    pictures, *_ = indexed
    files = [pictures / f"exif-orientation/{shape}_{turn}.jpg" for turn in range(1, 9)]
    rows = embed([without_its_number(file) for file in files], load_encoder())
    assert (rows @ rows.T).min() >= 1 - 1e-3


def without_its_number(file):
    """Cover the number that each of these photographs carries in its middle."""
    picture = decode(file).image.copy()
    width, height = picture.size
    box = tuple(round(part) for part in (0.42 * width, 0.36 * height, 0.58 * width, 0.60 * height))
    picture.paste((128, 128, 128), box)
    return picture


def test_the_eight_turns_of_one_picture_have_one_embedding(turns):
    encoder = load_encoder("builtin")
    rows = embed(turns, encoder)
    assert (rows @ rows.T).min() >= 1 - 1e-3
    with Image.open(turns[2]) as upside_down:
        unturned = embed([np.asarray(upside_down)], encoder)
    assert (unturned @ rows.T).max() < 1 - 1e-3
