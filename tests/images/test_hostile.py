"""Pictures from the test suites of others: broken, huge, odd, all at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from lookalike.errors import ImageTooLarge, ImageUnreadable
from lookalike.images import PICTURE_EXTENSIONS, Preprocessing, crop, decode

pytestmark = pytest.mark.shared

# Named like a picture, and rightly refused: damaged, or of a kind Pillow does not read.
REFUSED = {
    "libvips/17000x17000.avif",
    "libvips/truncated.gif",
    "libvips/truncated.jpg",
    "pillow/apng/syntax_num_frames_zero.png",
    "pillow/bmp/b/badheadersize.bmp",
    "pillow/bmp/b/badpalettesize.bmp",
    "pillow/bmp/b/badwidth.bmp",
    "pillow/bmp/q/pal2.bmp",
    "pillow/bmp/q/pal8os2v2-16.bmp",
    "pillow/bmp/q/pal8oversizepal.bmp",
    "pillow/bmp/q/rgb24jpeg.bmp",
    "pillow/bmp/q/rgb24png.bmp",
    "pillow/bmp/q/rgba16-4444.bmp",
    "pillow/broken.png",
    "pillow/broken_data_stream.png",
    "pillow/crash-0c7e0e8e11ce787078f00b5b0ca409a167f070e0.tif",
    "pillow/crash-0e16d3bfb83be87356d026d66919deaefca44dac.tif",
    "pillow/crash-1152ec2d1a1a71395b6f2ce6721c38924d025bf3.tif",
    "pillow/crash-63b1dffefc8c075ddc606c0a2f5fdc15ece78863.tif",
    "pillow/decompression_bomb.gif",
    "pillow/l2rgb_read.bmp",
    "pillow/oom-225817ca0f8c663be7ab4b9e717b02c661e66834.tif",
    "pillow/seek_too_large.tif",
    "pillow/truncated_end_chunk.png",
    "pillow/truncated_image.png",
    "pillow/zero_width.gif",
    *(f"pngsuite/png/{name}.png" for name in ["xc1n0g08", "xc9n2c08", "xcrn0g04", "xcsn0g01"]),
    *(f"pngsuite/png/{name}.png" for name in ["xd0n2c08", "xd3n2c08", "xd9n2c08", "xdtn0g01"]),
    *(f"pngsuite/png/{name}.png" for name in ["xhdn0g08", "xlfn0g04", "xs1n0g01", "xs2n0g01"]),
    *(f"pngsuite/png/{name}.png" for name in ["xs4n0g01", "xs7n0g01"]),
}

# Later Pillows may come to read what is only unsupported today.
MAY_COME = {name for name in REFUSED if "/bmp/q/" in name}

# Pillow 11 cannot read these; later ones can.
MAY_FAIL = {
    "pillow/crash-74d2a78403a5a59db1fb0a2b8735ac068a75f6e3.tif",
    "pillow/separate_planar_extra_samples.tiff",
}

PROGRAM = """
import json, logging, sys, time
from concurrent.futures import ThreadPoolExecutor
from lookalike.errors import ImageError
from lookalike.images import decode

def tried(path):
    answers = []
    for side in (None, 128):
        start = time.thread_time()
        try:
            picture = decode(path, shortest_side=side)
            answer = [picture.width, picture.height]
        except ImageError as error:
            answer = str(error)
        answers.append([answer, time.thread_time() - start])
    return answers

paths = json.load(sys.stdin)
with ThreadPoolExecutor(8) as pool:
    print(json.dumps(list(pool.map(tried, paths))))
"""


@pytest.fixture(scope="module")
def hostile(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    with tarfile.open(shared / "data" / "hostile-images.tar") as tar:
        # Releases of Python before 3.11.4 know no filter.
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(folder)
    return folder


def files_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_every_file_is_decoded_or_refused_in_silence(hostile: Path) -> None:
    names = files_in(hostile)
    assert len(names) == 777
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        input=json.dumps([str(hostile / name) for name in names]),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (ran.stderr, ran.returncode) == ("", 0)
    outcomes = dict(zip(names, json.loads(ran.stdout), strict=True))
    assert max(seconds for tries in outcomes.values() for _, seconds in tries) < 10
    assert all(whole == reduced for (whole, _), (reduced, _) in outcomes.values())
    refused = {name for name, ((whole, _), _) in outcomes.items() if isinstance(whole, str)}
    named_so = {name for name in names if os.path.splitext(name)[1].lower() in PICTURE_EXTENSIONS}
    assert refused - (set(names) - named_so) <= REFUSED | MAY_FAIL
    assert REFUSED - refused <= MAY_COME


@pytest.mark.parametrize("shape", ["Landscape", "Portrait"])
def test_the_eight_turns_of_a_photograph_give_one_crop(hostile: Path, shape: str) -> None:
    wanted = Preprocessing(112, 128, "bicubic", None, None)
    turns = [hostile / "exif-orientation" / f"{shape}_{turn}.jpg" for turn in range(1, 9)]
    pictures = [decode(path, shortest_side=128) for path in turns]
    expected = (1800, 1200) if shape == "Landscape" else (1200, 1800)
    assert {(picture.width, picture.height) for picture in pictures} == {expected}
    crops = [crop(picture, wanted).astype(int) for picture in pictures]
    # Each file shows its own number in the middle and was compressed on its own.
    assert max(np.abs(one - crops[0]).mean() for one in crops) < 3
    mirrored = crops[0][:, ::-1]
    assert np.abs(mirrored - crops[0]).mean() > 20


def test_pngsuite_decodes_as_its_reference_bitmaps(hostile: Path) -> None:
    compared = 0
    for reference in sorted((hostile / "pngsuite" / "bmp").glob("*.bmp")):
        png = hostile / "pngsuite" / "png" / f"{reference.stem}.png"
        if png.exists():
            found = decode(png).pixels.astype(int)
            # The references round 16 bits to eight, where we cut.
            assert np.abs(found - decode(reference).pixels).max() <= 1, reference.stem
            compared += 1
    assert compared == 161


@pytest.mark.parametrize("name", ["rot0mir1", "rot2mir0", "rot2mir1", "rot3mir1"])
def test_avif_turns_agree(hostile: Path, name: str) -> None:
    first = decode(hostile / "pillow/avif/rot0mir1.avif").pixels.astype(int)
    # All show the same field with another caption, the sky on top.
    other = decode(hostile / f"pillow/avif/{name}.avif").pixels
    assert other.shape == first.shape
    assert np.abs(other - first).mean() < 20
    assert other[: len(other) // 4, :, 2].mean() > other[-len(other) // 4 :, :, 2].mean() + 40


def test_bombs_are_refused_by_their_size(hostile: Path) -> None:
    for name in ["pillow/decompression_bomb.gif", "pillow/bmp/b/badwidth.bmp"]:
        with pytest.raises(ImageTooLarge, match="pixels"):
            decode(hostile / name)


def test_a_checksum_is_worth_a_refusal(hostile: Path) -> None:
    with pytest.raises(ImageUnreadable, match="checksum of its IDAT"):
        decode(hostile / "pngsuite/png/xcsn0g01.png")
