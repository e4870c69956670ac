"""Boxes inside pictures, in pixels and in fractions."""

from __future__ import annotations

import numpy as np
import pytest

from lookalike.errors import UsageError
from lookalike.images import decode
from lookalike.images.regions import Region, cut_out


@pytest.mark.parametrize(
    ("given", "box"),
    [
        ("10,20,30,40", (10, 20, 40, 60)),
        ("10%,20%,50%,50%", (20, 20, 120, 70)),
        (".1,.2,.5,.5", (20, 20, 120, 70)),
        ("0,0,0.5,1", (0, 0, 100, 100)),  # one fraction makes all of them fractions
        ("0,0,1,1", (0, 0, 1, 1)),  # whole numbers are pixels
        ("0.0,0.0,1.0,1.0", (0, 0, 200, 100)),
        ((10, 20, 30, 40), (10, 20, 40, 60)),
        ([0.1, 0.2, 0.5, 0.5], (20, 20, 120, 70)),
        (np.array([10, 20, 30, 40]).tolist(), (10, 20, 40, 60)),
        ("0,0,.001,.001", (0, 0, 1, 1)),  # at least a pixel
        (".999,.999,.001,.001", (199, 99, 200, 100)),
        (" 10 , 20, 30,40 ", (10, 20, 40, 60)),
        ("150,50,50,50", (150, 50, 200, 100)),  # up to the edge
    ],
)
def test_a_box_in_a_picture_of_200_by_100(given, box):
    assert Region.of(given).box(200, 100) == box


def test_thirds_reach_the_edge():
    third = 1 / 3
    assert Region(third, third, 2 * third, 2 * third).box(90, 60) == (30, 20, 90, 60)


@pytest.mark.parametrize("given", ["10,20,30,40", "0.1,0.2,0.5,0.5", "0.0,0.0,1.0,1.0"])
def test_a_region_is_read_as_it_is_written(given):
    assert str(Region.of(given)) == given
    assert Region.of(str(Region.of(given))) == Region.of(given)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("10,20,30", "not four numbers"),
        ("10,20,30,40,50", "not four numbers"),
        ("", "no number"),
        ("a,b,c,d", "'a', which is no number"),
        ("10,20,0,40", "lies in no picture"),
        ("-1,20,30,40", "lies in no picture"),
        (".5,.5,.6,.5", "reaches outside the picture"),
        ("10.5,20,30,40", "pixels are whole numbers"),
        ("nan,0,1,1", "four numbers"),
        (f"0,0,{10**400},1", "four numbers"),
        ((True, 0, 1, 1), "four numbers"),
        (("1", 0, 1, 1), "four numbers"),
        (7, "not four numbers"),
    ],
)
def test_what_is_no_region_is_told(given, says):
    with pytest.raises(UsageError, match=says) as caught:
        Region.of(given)
    assert "\n" not in str(caught.value)


def test_a_region_that_reaches_outside_its_picture_is_told_with_both_sizes():
    picture = decode(np.zeros((50, 100, 3), dtype=np.uint8))
    says = "The region 90,0,20,10 ends at 110 x 10 and 'a.png' at 100 x 50 pixels"
    with pytest.raises(UsageError, match=says):
        cut_out(picture, Region(90, 0, 20, 10), name="'a.png'")


def test_what_is_cut_out_is_what_was_there():
    pixels = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    part = cut_out(decode(pixels), Region(5, 7, 11, 3))
    np.testing.assert_array_equal(np.asarray(part), pixels[7:10, 5:16])
