"""Pen, shapes and kinds: places and colours worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from lookalike.demonstration.backgrounds import BACKGROUNDS
from lookalike.demonstration.canvas import Pen, Ramp, placement
from lookalike.demonstration.kinds import KINDS, Kind, Thing
from lookalike.demonstration.picture import draw_picture
from lookalike.demonstration.shapes import curve, mirrored, polygon, rectangle, turned

RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def pen() -> Pen:
    """A pen whose unit square fills twenty by twenty pixels."""
    return Pen((20, 20), placement(10, 10, 10), oversampling=2)


def test_a_filled_rectangle_covers_its_quarter(pen: Pen) -> None:
    pen.fill(rectangle(-1, -1, 0, 0), RED)
    picture = pen.image()
    assert picture.getpixel((4, 4)) == (*RED, 255)
    assert picture.getpixel((15, 15)) == (0, 0, 0, 0)


def test_a_ramp_goes_from_its_first_to_its_second_colour(pen: Pen) -> None:
    pen.fill(rectangle(-1, -1, 1, 1), Ramp(RED, BLUE, 0))
    row = np.asarray(pen.image())[10, :, :3].astype(int)
    assert row[0] == pytest.approx((255, 0, 0), abs=10)
    assert row[10] == pytest.approx((122, 0, 134), abs=10)
    assert row[19] == pytest.approx((0, 0, 255), abs=10)


def test_half_seen_paint_mixes_with_what_lies_below(pen: Pen) -> None:
    pen.fill(rectangle(-1, -1, 1, 1), RED)
    pen.fill(rectangle(-1, -1, 1, 1), BLUE, alpha=0.5)
    assert pen.image().getpixel((10, 10)) == pytest.approx((127, 0, 128, 255), abs=2)


def test_what_is_drawn_inside_stays_inside(pen: Pen) -> None:
    with pen.inside(rectangle(-1, -1, 0, 1)):
        pen.fill(rectangle(-1, -1, 1, 1), RED)
    picture = pen.image()
    assert picture.getpixel((4, 10)) == (*RED, 255)
    assert picture.getpixel((15, 10)) == (0, 0, 0, 0)


def test_a_cut_is_clear_again(pen: Pen) -> None:
    pen.fill(rectangle(-1, -1, 1, 1), RED)
    pen.cut(rectangle(-0.5, -0.5, 0.5, 0.5))
    assert pen.image().getpixel((10, 10)) == (0, 0, 0, 0)


def test_an_outline_off_the_canvas_draws_nothing(pen: Pen) -> None:
    pen.fill(rectangle(5, 5, 6, 6), Ramp(RED, BLUE))
    with pen.inside(rectangle(5, 5, 6, 6)):
        pen.fill(rectangle(-1, -1, 1, 1), RED)
    assert pen.image().getbbox() is None


def test_a_placed_block_is_moved_and_scaled(pen: Pen) -> None:
    with pen.placed(placement(0.5, 0.5, 0.5)):
        pen.fill(rectangle(-1, -1, 1, 1), RED)
    # The last row and column bleed by the half pixel that a polygon's edge covers.
    assert pen.image().getbbox() == pytest.approx((10, 10, 20, 20), abs=1)


def test_a_quarter_turn_is_clockwise_on_the_picture() -> None:
    assert turned(polygon((1.0, 0.0)), 90) == pytest.approx(np.array([[0.0, 1.0]]))


def test_a_mirrored_outline_changes_sides() -> None:
    assert mirrored(polygon((0.25, 0.5))) == pytest.approx(np.array([[-0.25, 0.5]]))


def test_a_curve_goes_through_its_points() -> None:
    line = curve([(0, 0), (1, 1), (2, 0)], steps=4)
    assert line.shape == (9, 2)
    assert line[[0, 4, 8]] == pytest.approx(np.array([[0, 0], [1, 1], [2, 0]]))


@pytest.mark.parametrize("name", sorted(BACKGROUNDS))
def test_a_background_fills_its_size(name: str) -> None:
    picture = BACKGROUNDS[name].paint((60, 40), np.random.default_rng(3))
    assert (picture.mode, picture.size) == ("RGB", (60, 40))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_is_drawn_in_any_size(kind: Kind) -> None:
    for size in ((64, 48), (33, 90)):
        picture = draw_picture(kind, size, np.random.default_rng(5))
        assert (picture.mode, picture.size) == ("RGB", size)
        assert np.asarray(picture).std() > 5


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_two_pictures_of_a_kind_differ(kind: Kind) -> None:
    first, second = (draw_picture(kind, (48, 48), np.random.default_rng(s)) for s in (1, 2))
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    assert np.abs(difference).mean() > 8


def test_kinds_are_in_order_and_know_their_backgrounds() -> None:
    names = [kind.name for kind in KINDS]
    assert names == sorted(set(names))
    for kind in KINDS:
        if isinstance(kind, Thing):
            assert set(kind.backgrounds) <= set(BACKGROUNDS)


def test_a_cut_out_thing_has_no_background() -> None:
    cat = next(kind for kind in KINDS if kind.name == "cat")
    picture = draw_picture(cat, (80, 80), np.random.default_rng(1), cut_out=True)
    assert picture.mode == "RGBA"
    share = np.asarray(picture.getchannel("A")).astype(bool).mean()
    assert 0.05 < share < 0.95


def test_drawing_leaves_no_trace_on_the_next(pen: Pen) -> None:
    empty = Image.new("RGBA", (20, 20))
    assert pen.image().tobytes() == empty.tobytes()
