"""From a picture to a network's input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lookalike.errors import UsageError
from lookalike.images import Preprocessing, crop, decode, normalized

PLAIN = Preprocessing(size=4, resize=4, interpolation="bicubic", mean=None, std=None)
TURNS = [None, *Image.Transpose]


def test_the_middle_square_is_cut() -> None:
    pixels = np.zeros((4, 10, 3), np.uint8)
    pixels[:, 3:7] = 200
    assert np.array_equal(crop(decode(pixels), PLAIN), np.full((4, 4, 3), 200))


def test_resize_beyond_size_cuts_a_margin() -> None:
    # Of 8 pixels resized to 8 the middle 4 are wanted: nothing to interpolate.
    pixels = np.random.default_rng(1).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    cut = crop(decode(pixels), replace(PLAIN, resize=8))
    assert np.array_equal(cut, pixels[2:6, 4:8])


def test_a_window_may_begin_between_pixels() -> None:
    # Nine columns, four wanted: the window runs from 2.5 to 6.5, so each
    # column of the crop lies half way between two of the ramp.
    ramp = np.tile(np.arange(9, dtype=np.uint8) * 20, (4, 1))
    cut = crop(decode(ramp), replace(PLAIN, interpolation="bilinear"))
    assert cut[1, 1:3, 0].tolist() == [70, 90]


@pytest.mark.parametrize("shape", [(61, 97), (64, 96), (96, 64), (50, 50), (2000, 301)])
@pytest.mark.parametrize("side", [None, 16])
@pytest.mark.parametrize("filter_name", ["bicubic", "bilinear", "lanczos"])
def test_the_crop_of_a_turned_picture_is_the_turned_crop(
    shape: tuple[int, int], side: int | None, filter_name: str
) -> None:
    values = np.random.default_rng(2).integers(0, 256, (*shape, 3), dtype=np.uint8)
    wanted = Preprocessing(14, 16, filter_name, None, None)
    upright = Image.fromarray(values)
    straight = Image.fromarray(crop(decode(upright, shortest_side=side), wanted))
    for turn in TURNS:
        turned = upright if turn is None else upright.transpose(turn)
        expected = straight if turn is None else straight.transpose(turn)
        found = crop(decode(turned, shortest_side=side), wanted)
        # Rows and columns are filtered one after the other, rounding in between.
        apart = np.abs(found.astype(int) - np.asarray(expected).astype(int)).max()
        assert apart <= (1 if side is None else 14)


def test_small_and_thin_pictures_fill_the_crop() -> None:
    wanted = Preprocessing(224, 256, "bicubic", None, None)
    for shape in [(1, 1), (1, 3000), (3000, 1), (2, 5)]:
        cut = crop(decode(np.full(shape, 9, np.uint8), shortest_side=256), wanted)
        assert np.array_equal(cut, np.full((224, 224, 3), 9))


def test_a_crop_may_be_written_to() -> None:
    cut = crop(decode(np.zeros((8, 8), np.uint8)), PLAIN)
    cut[0, 0] = 1
    assert cut.flags["C_CONTIGUOUS"]


def test_normalized_pixels_are_worked_out_per_channel() -> None:
    pixels = np.array([[[[0, 51, 255]]], [[[255, 102, 0]]]], dtype=np.uint8)
    wanted = replace(PLAIN, mean=(0.5, 0.2, 0.0), std=(0.5, 0.1, 2.0))
    planes = normalized(pixels, wanted)
    assert planes.shape == (2, 3, 1, 1)
    assert planes.dtype == np.float32
    assert planes.flags["C_CONTIGUOUS"]
    # (0 - .5) / .5, (.2 - .2) / .1, (1 - 0) / 2; then (1 - .5) / .5, (.4 - .2) / .1, 0.
    expected = [[-1, 0, 0.5], [1, 2, 0]]
    assert planes[:, :, 0, 0] == pytest.approx(np.array(expected), abs=1e-6)


def test_a_network_that_normalises_itself_gets_pixel_values() -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)
    assert np.array_equal(normalized(pixels, PLAIN), pixels.transpose(0, 3, 1, 2))


def test_nothing_normalised_is_nothing() -> None:
    assert normalized(np.zeros((0, 4, 4, 3), np.uint8), PLAIN).shape == (0, 3, 4, 4)


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((4, 4, 3), np.uint8), np.zeros((1, 3, 4, 4), np.uint8), np.zeros((1, 4, 4, 3))],
)
def test_only_batches_of_pixels_are_normalised(pixels: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"uint8 \(n, h, w, 3\)"):
        normalized(pixels, PLAIN)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": 0}, "at least 1"),
        ({"size": 5}, "does not fit"),
        ({"interpolation": "nearest"}, "unknown"),
        ({"mean": (0.5, 0.5, 0.5)}, "both or neither"),
        ({"mean": (0.5, 0.5), "std": (1.0, 1.0)}, "three finite numbers"),
        ({"mean": (0.5, 0.5, float("nan")), "std": (1.0, 1.0, 1.0)}, "three finite numbers"),
        ({"mean": (0.5, 0.5, 0.5), "std": (1.0, 0.0, 1.0)}, "above 0"),
    ],
)
def test_preprocessing_checks_itself(changes: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        replace(PLAIN, **changes)
