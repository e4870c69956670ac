"""When, with what and where a picture was taken."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from lookalike.images import decode
from lookalike.images.exif import camera, iso_moment

Encode = Callable[..., bytes]


def exif_with(
    main: dict[int, object], details: dict[int, object], gps: dict[int, object]
) -> Image.Exif:
    exif = Image.Exif()
    exif.update(main)
    exif.get_ifd(ExifTags.IFD.Exif).update(details)
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps)
    return exif


def gps_at(latitude: tuple[float, ...], south: str, longitude: tuple[float, ...], west: str):
    return {1: south, 2: latitude, 3: west, 4: longitude}


MAIN = {0x010F: "NIKON CORPORATION", 0x0110: "NIKON D70", 0x0132: "2021:01:01 00:00:00"}
DETAILS = {0x9003: "2019:07:14 18:05:09", 0x9004: "2020:01:01 00:00:00"}
SYDNEY = gps_at((33.0, 51.0, 31.2), "S", (151.0, 12.0, 54.0), "E")
FULL = exif_with(MAIN, DETAILS, SYDNEY)


def full_tiff_tags() -> ImageFileDirectory_v2:
    tags = ImageFileDirectory_v2()
    tags.update({**MAIN, ExifTags.IFD.Exif: DETAILS, ExifTags.IFD.GPSInfo: SYDNEY})
    return tags


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_exif_is_read_from_every_format(encode: Encode, form: str) -> None:
    told = {"tiffinfo": full_tiff_tags()} if form == "TIFF" else {"exif": FULL}
    data = encode(Image.new("RGB", (16, 16)), form, **told)
    for way in [data, Image.open(BytesIO(data))]:
        picture = decode(way)
        assert picture.taken == "2019-07-14T18:05:09"
        assert picture.camera == "NIKON D70"
        # 33 + 51 / 60 + 31.2 / 3600 and 151 + 12 / 60 + 54 / 3600 degrees.
        assert picture.latitude == pytest.approx(-33.858667, abs=1e-6)
        assert picture.longitude == pytest.approx(151.215, abs=1e-6)


def test_a_picture_without_exif_tells_nothing(encode: Encode) -> None:
    picture = decode(encode(Image.new("RGB", (4, 4)), "PNG"))
    told = (picture.taken, picture.camera, picture.latitude, picture.longitude)
    assert told == (None, None, None, None)


@pytest.mark.parametrize(
    ("main", "details", "expected"),
    [
        ({}, {0x9004: "2020:02:03 04:05:06"}, "2020-02-03T04:05:06"),
        ({0x0132: "2021:02:03 04:05:06"}, {}, "2021-02-03T04:05:06"),
        ({0x0132: "2021:02:03 04:05:06"}, {0x9003: "0000:00:00 00:00:00"}, "2021-02-03T04:05:06"),
        ({}, {0x9003: "    :  :     :  :  "}, None),
    ],
)
def test_the_best_known_moment_is_taken(
    encode: Encode, main: dict[int, object], details: dict[int, object], expected: str | None
) -> None:
    data = encode(Image.new("RGB", (4, 4)), "JPEG", exif=exif_with(main, details, {}))
    assert decode(data).taken == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019:07:14 18:05:09", "2019-07-14T18:05:09"),
        ("2019-07-14T18:05:09+02:00", "2019-07-14T18:05:09"),
        ("2019/07/14 18.05.09", "2019-07-14T18:05:09"),
        ("2019:02:30 18:05:09", None),
        ("2019:07:14", None),
        ("", None),
    ],
)
def test_moments_become_iso_8601(text: str, expected: str | None) -> None:
    assert iso_moment(text) == expected


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
        ("NIKON CORPORATION", "NIKON D70", "NIKON D70"),
        ("Apple", "iPhone 12", "Apple iPhone 12"),
        ("", "X100", "X100"),
        ("Leica", "", "Leica"),
        ("", "", None),
    ],
)
def test_a_camera_names_its_maker_once(make: str, model: str, expected: str | None) -> None:
    assert camera(make, model) == expected


@pytest.mark.parametrize(
    "gps",
    [
        gps_at((91.0, 0.0, 0.0), "N", (0.0, 0.0, 0.0), "E"),
        gps_at((10.0, 0.0, 0.0), "N", (181.0, 0.0, 0.0), "E"),
        gps_at((IFDRational(1, 0), 0.0, 0.0), "N", (1.0, 0.0, 0.0), "E"),
        {1: "N", 2: (10.0, 0.0, 0.0)},
    ],
    ids=["beyond the pole", "around twice", "divided by zero", "half a place"],
)
def test_a_place_that_makes_no_sense_is_left_out(encode: Encode, gps: dict[int, object]) -> None:
    picture = decode(encode(Image.new("RGB", (4, 4)), "JPEG", exif=exif_with({}, {}, gps)))
    assert (picture.latitude, picture.longitude) == (None, None)


@pytest.mark.parametrize("value", [0, 9, 77])
def test_a_turn_that_does_not_exist_is_none(encode: Encode, value: int) -> None:
    data = encode(Image.new("RGB", (6, 4)), "JPEG", exif=exif_with({0x0112: value}, {}, {}))
    assert (decode(data).width, decode(data).height) == (6, 4)


def test_broken_exif_does_not_cost_the_picture(encode: Encode) -> None:
    whole = bytearray(encode(Image.new("RGB", (6, 4), "red"), "JPEG", exif=FULL, quality=100))
    start = whole.index(b"Exif\0\0") + 6
    for place in range(start, start + 60):
        data = bytearray(whole)
        data[place] ^= 0xFF
        assert decode(bytes(data)).pixels.shape in {(4, 6, 3), (6, 4, 3)}
