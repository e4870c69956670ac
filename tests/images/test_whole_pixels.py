"""Crops on whole pixels: level for level what a resize and then a crop give."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from lookalike.errors import UsageError
from lookalike.images import Preprocessing, crop, decode

# Wide, upright, enlarged; upright ones that Pillow resizes down first; odd rests.
SIZES = [(500, 375), (225, 300), (60, 80), (325, 664), (257, 533), (333, 674), (301, 211)]


def picture(width: int, height: int) -> Image.Image:
    noise = np.random.default_rng(0).integers(0, 256, (height // 4 + 1, width // 4 + 1, 3))
    small = Image.fromarray(noise.astype(np.uint8))
    return small.resize((width, height), Image.Resampling.BILINEAR)


def in_two_steps(image: Image.Image, resize: int, size: int, middle: str) -> np.ndarray:
    """Resize the shortest side, then crop, as the libraries do it."""
    width, height = image.size
    short, long = min(width, height), max(width, height)
    other = int(resize * long / short)
    whole = (resize, other) if width <= height else (other, resize)
    resized = np.asarray(image.resize(whole, Image.Resampling.BICUBIC))
    left, top = [
        round((side - size) / 2) if middle == "rounded" else (side - size) // 2 for side in whole
    ]
    return resized[top : top + size, left : left + size]


@pytest.mark.parametrize("middle", ["rounded", "floored"])
@pytest.mark.parametrize("size", SIZES)
def test_a_crop_is_what_two_steps_give(size, middle):
    image = picture(*size)
    cut = crop(decode(image), Preprocessing(112, 127, middle=middle))
    np.testing.assert_array_equal(cut, in_two_steps(image, 127, 112, middle))


@pytest.mark.parametrize("middle", ["rounded", "floored"])
@pytest.mark.parametrize("size", [(500, 375), (301, 211), (60, 40)])
def test_a_crop_in_one_step_is_next_to_that(size, middle):
    image = picture(*size)
    cut = crop(decode(image), Preprocessing(112, 127, middle=middle, is_quick=True))
    difference = np.abs(cut.astype(int) - in_two_steps(image, 127, 112, middle))
    assert difference.max() <= 2
    assert (difference > 0).mean() < 0.01


def test_rounded_and_floored_part_where_the_rest_is_odd():
    # 127 - 112 leaves 15: rounded starts at 8, floored at 7.
    image = picture(127, 127)
    rounded = crop(decode(image), Preprocessing(112, 127, middle="rounded"))
    floored = crop(decode(image), Preprocessing(112, 127, middle="floored"))
    pixels = np.asarray(image)
    np.testing.assert_array_equal(rounded, pixels[8:120, 8:120])
    np.testing.assert_array_equal(floored, pixels[7:119, 7:119])


def test_a_squashed_picture_is_cut_on_whole_pixels_too():
    image = picture(300, 200)
    cut = crop(decode(image), Preprocessing(64, 67, fit="squash", middle="rounded"))
    squashed = np.asarray(image.resize((67, 67), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(cut, squashed[2:66, 2:66])


@pytest.mark.parametrize("size", [(2003, 1501), (1501, 2003)])
def test_a_picture_decoded_at_a_fraction_is_cut_at_the_same_place(size, tmp_path):
    file = tmp_path / "large.jpg"
    picture(*size).resize((50, 50)).resize(size, Image.Resampling.BICUBIC).save(file, quality=95)
    preprocessing = Preprocessing(112, 127, middle="rounded")
    reduced = decode(file, shortest_side=127)
    assert max(reduced.image.size) == 501  # a quarter, and one pixel that hangs over
    whole = crop(decode(file), preprocessing)
    assert np.abs(crop(reduced, preprocessing).astype(int) - whole).mean() < 0.5


def test_a_sliver_takes_no_memory_of_its_length():
    sliver = picture(2, 40_000)
    assert crop(decode(sliver), Preprocessing(112, 127, middle="rounded")).shape == (112, 112, 3)


def test_the_exact_middle_stays_out_of_fingerprints():
    assert "middle" not in Preprocessing(112, 127).to_dict()
    assert Preprocessing(112, 127, middle="rounded").to_dict()["middle"] == "rounded"


def test_an_unknown_middle_is_refused():
    with pytest.raises(UsageError, match="Middle 'left' is unknown: use exact or rounded or"):
        Preprocessing(112, 127, middle="left")
