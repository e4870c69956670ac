"""The one decode path: any way in gives the same upright sRGB pixels."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from lookalike.errors import ImageTooLarge, ImageUnreadable, UsageError
from lookalike.images import Picture, decode
from turns import STORED

Encode = Callable[..., bytes]

TURNS = list(STORED)


def stored(image: Image.Image, turn: int) -> Image.Image:
    return image if STORED[turn] is None else image.transpose(STORED[turn])


def turned_exif(turn: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = turn
    return exif


def rgb(picture: Picture, x: int, y: int) -> tuple[int, ...]:
    return tuple(int(value) for value in picture.pixels[y, x])


def levels_apart(first: Picture, second: Image.Image) -> float:
    return float(np.abs(first.pixels.astype(int) - np.asarray(second).astype(int)).mean())


# --- The same picture, whichever way it comes


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "WEBP", "PPM"])
@pytest.mark.parametrize("side", [None, 4])
def test_path_bytes_pil_and_array_are_one(
    tmp_path: Path, noise: Image.Image, encode: Encode, form: str, side: int | None
) -> None:
    data = encode(noise, form, **({"lossless": True} if form == "WEBP" else {}))
    (tmp_path / "a").write_bytes(data)
    ways = [data, str(tmp_path / "a"), tmp_path / "a", Image.open(BytesIO(data)), np.array(noise)]
    pictures = [decode(way, shortest_side=side) for way in ways]
    if side is None:
        assert np.array_equal(pictures[0].pixels, np.asarray(noise))
    assert [p.format for p in pictures] == [form, form, form, form, "ARRAY"]
    for picture in pictures:
        assert (picture.width, picture.height) == (37, 23)
        assert np.array_equal(picture.pixels, pictures[0].pixels)


def test_a_jpeg_is_one_too(tmp_path: Path, scene: Image.Image, encode: Encode) -> None:
    data = encode(scene, "JPEG")
    (tmp_path / "a.jpg").write_bytes(data)
    whole = np.asarray(Image.open(BytesIO(data)))
    for way in [data, tmp_path / "a.jpg", Image.open(BytesIO(data)), whole]:
        assert np.array_equal(decode(way).pixels, whole)


def test_what_comes_out_is_plain_rgb(noise: Image.Image, encode: Encode) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = decode(encode(noise, "PNG", icc_profile=profile, exif=turned_exif(1)))
    assert picture.image.mode == "RGB"
    assert picture.image.info == {}
    assert picture.pixels.dtype == np.uint8
    assert picture.pixels.shape == (23, 37, 3)


# --- Which way is up


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_exif_turns_are_undone(noise: Image.Image, encode: Encode, form: str, turn: int) -> None:
    lossless = {"lossless": True} if form == "WEBP" else {}
    data = encode(stored(noise, turn), form, exif=turned_exif(turn), **lossless)
    picture = decode(data)
    assert (picture.width, picture.height) == (37, 23)
    assert np.array_equal(picture.pixels, np.asarray(noise))
    assert np.array_equal(decode(Image.open(BytesIO(data))).pixels, picture.pixels)


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("side", [None, 16])
def test_jpeg_turns_are_undone_reduced_or_not(
    scene: Image.Image, encode: Encode, turn: int, side: int | None
) -> None:
    data = encode(stored(scene, turn), "JPEG", quality=95, exif=turned_exif(turn))
    picture = decode(data, shortest_side=side)
    assert (picture.width, picture.height) == (96, 64)
    expected = scene if side is None else scene.reduce(2)
    assert picture.image.size == expected.size
    assert levels_apart(picture, expected) < 3


@pytest.mark.parametrize("turn", TURNS)
def test_avif_is_turned_once(scene: Image.Image, encode: Encode, turn: int) -> None:
    data = encode(stored(scene, turn), "AVIF", quality=95, exif=turned_exif(turn))
    picture = decode(data)
    assert (picture.format, picture.width, picture.height) == ("AVIF", 96, 64)
    assert levels_apart(picture, scene) < 3


def test_an_avif_is_not_turned_again_by_its_xmp(scene: Image.Image, encode: Encode) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="3"></x:xmpmeta>'
    assert levels_apart(decode(encode(scene, "AVIF", quality=95, xmp=xmp)), scene) < 3


@pytest.mark.parametrize("turn", TURNS)
def test_heic_is_turned_once(scene: Image.Image, turn: int) -> None:
    heif = pytest.importorskip("pillow_heif")
    file = heif.from_pillow(stored(scene, turn))
    stream = BytesIO()
    file.save(stream, quality=95, exif=turned_exif(turn).tobytes())
    picture = decode(stream.getvalue())
    assert (picture.format, picture.width, picture.height) == ("HEIF", 96, 64)
    assert levels_apart(picture, scene) < 3


def test_heic_leaves_pillow_as_it_was(scene: Image.Image) -> None:
    heif = pytest.importorskip("pillow_heif")
    stream = BytesIO()
    heif.from_pillow(scene).save(stream)
    decode(stream.getvalue())
    assert "HEIF" not in Image.OPEN


def test_without_its_library_heic_says_what_to_install(
    scene: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    heif = pytest.importorskip("pillow_heif")
    stream = BytesIO()
    heif.from_pillow(scene).save(stream)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageUnreadable, match=r"pip install 'lookalike\[heif\]'"):
        decode(stream.getvalue())


# --- Colour


def test_cmyk_is_converted(encode: Encode) -> None:
    # Cyan 255 leaves no red; black 51 takes a fifth of the rest.
    image = Image.new("CMYK", (8, 8), (255, 0, 0, 51))
    for data in [encode(image, "JPEG", quality=100), encode(image, "TIFF"), image]:
        assert rgb(decode(data), 4, 4) == pytest.approx((0, 204, 204), abs=2)


def test_adobes_inverted_ycck_is_converted(encode: Encode) -> None:
    # Stored Y 200 with neutral colour is 200 of each ink, stored black 155 is 100:
    # (255 - 200) * (255 - 100) / 255 = 33. Pillow writes ink inverted: 255 - stored.
    data = bytearray(encode(Image.new("CMYK", (8, 8), (55, 127, 127, 100)), "JPEG", quality=100))
    transform = data.index(b"Adobe") + 11
    data[transform] = 2
    assert rgb(decode(bytes(data)), 4, 4) == pytest.approx((33, 33, 33), abs=3)


def test_sixteen_bit_grey_is_scaled_not_clipped(raw_png: Encode, encode: Encode) -> None:
    values = np.array([[0, 255, 256, 25700, 65535]], dtype=np.uint16)
    expected = [0, 0, 1, 100, 255]
    tiff = encode(Image.fromarray(values), "TIFF")
    for way in [raw_png(values, 0), tiff, values, Image.fromarray(values)]:
        assert decode(way).pixels[0, :, 1].tolist() == expected


def test_sixteen_bit_color_is_scaled_alike(raw_png: Encode) -> None:
    values = np.array([[[0, 25700, 65535], [256, 511, 512]]], dtype=np.uint16)
    expected = [[[0, 100, 255], [1, 1, 2]]]
    assert decode(raw_png(values, 2)).pixels.tolist() == expected
    assert decode(values).pixels.tolist() == expected


def test_twelve_bit_grey_fills_the_scale() -> None:
    # Two values, 0x800 and 0xfff, packed into three bytes behind a hand-written directory.
    entries = [(256, 2), (257, 1), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (279, 3)]
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    tiff = b"II*\0" + struct.pack("<I", 12) + b"\x80\x0f\xff\0"
    tiff += struct.pack("<H", len(entries)) + directory + struct.pack("<I", 0)
    assert decode(tiff).pixels[0, :, 0].tolist() == [128, 255]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, 25700.0, 65535.0], [0, 100, 255]),
        ([-10.0, 0.0, 10.0], [0, 128, 255]),
        ([np.nan, 0.0, 255.0], [0, 0, 255]),
        ([7.0, 7.0, 7.0], [7, 7, 7]),
    ],
)
def test_float_pictures_find_their_scale(
    encode: Encode, values: list[float], expected: list[int]
) -> None:
    image = Image.fromarray(np.array([values], dtype=np.float32))
    assert decode(encode(image, "TIFF")).pixels[0, :, 0].tolist() == expected


def test_one_bit_is_black_and_white(encode: Encode) -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    for form in ["PNG", "TIFF", "BMP", "PPM"]:
        assert decode(encode(image, form)).pixels[0, :, 0].tolist() == [0, 255]


def test_transparency_shows_white_paper(encode: Encode) -> None:
    # A fifth of red over white: 255, and 255 - 51 = 204 of the others.
    image = Image.new("RGBA", (1, 1), (255, 0, 0, 51))
    assert rgb(decode(encode(image, "PNG")), 0, 0) == (255, 204, 204)
    assert rgb(decode(encode(image, "WEBP", lossless=True)), 0, 0) == (255, 204, 204)
    assert rgb(decode(image), 0, 0) == (255, 204, 204)
    assert rgb(decode(np.array([[[255, 0, 0, 51]]], dtype=np.uint8)), 0, 0) == (255, 204, 204)
    grey = Image.new("LA", (1, 1), (0, 51))
    assert rgb(decode(encode(grey, "PNG")), 0, 0) == (204, 204, 204)
    assert rgb(decode(Image.new("PA", (1, 1), (0, 51))), 0, 0) == (204, 204, 204)
    assert rgb(decode(image.convert("RGBa")), 0, 0) == (255, 204, 204)
    assert rgb(decode(grey.convert("La")), 0, 0) == (204, 204, 204)


def test_hidden_colors_under_full_transparency_do_not_show() -> None:
    assert rgb(decode(Image.new("RGBA", (1, 1), (200, 10, 60, 0))), 0, 0) == (255, 255, 255)


def test_a_palette_may_be_transparent(encode: Encode) -> None:
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    for x in range(3):
        image.putpixel((x, 0), x)
    opaque = [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert decode(encode(image, "PNG")).pixels[0].tolist() == opaque
    clear = [[255, 0, 0], [255, 255, 255], [0, 0, 255]]
    assert decode(encode(image, "PNG", transparency=1)).pixels[0].tolist() == clear
    assert decode(encode(image, "GIF", transparency=1)).pixels[0].tolist() == clear
    half = decode(encode(image, "PNG", transparency=bytes([255, 51, 0]))).pixels[0].tolist()
    assert half == [[255, 0, 0], [204, 255, 204], [255, 255, 255]]


def test_one_transparent_color_becomes_paper(raw_png: Encode) -> None:
    color = np.array([[[9, 8, 7], [9, 8, 6]]], dtype=np.uint8)
    data = raw_png(color, 2, key=struct.pack(">3H", 9, 8, 7))
    assert decode(data).pixels[0].tolist() == [[255, 255, 255], [9, 8, 6]]
    deep = np.array([[[2304, 2048, 1792], [0, 0, 0]]], dtype=np.uint16)
    data = raw_png(deep, 2, key=struct.pack(">3H", 2304, 2048, 1792))
    assert decode(data).pixels[0].tolist() == [[255, 255, 255], [0, 0, 0]]
    grey = np.array([[40, 41]], dtype=np.uint8)
    data = raw_png(grey, 0, key=struct.pack(">H", 40))
    assert decode(data).pixels[0, :, 0].tolist() == [255, 41]
    deep_grey = np.array([[25600, 25601]], dtype=np.uint16)
    data = raw_png(deep_grey, 0, key=struct.pack(">H", 25600))
    assert decode(data).pixels[0, :, 0].tolist() == [255, 100]


def test_a_transparent_bit_becomes_paper(encode: Encode) -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    assert decode(encode(image, "PNG", transparency=0)).pixels[0, :, 0].tolist() == [255, 255]


def test_the_first_frame_is_taken(encode: Encode) -> None:
    first, second = (Image.new("RGB", (4, 4), color) for color in ["red", "blue"])
    for form in ["GIF", "PNG", "TIFF", "WEBP", "AVIF"]:
        data = encode(first, form, save_all=True, append_images=[second, second])
        assert rgb(decode(data), 1, 1) == pytest.approx((255, 0, 0), abs=2), form


def swapped_profile() -> bytes:
    """Make an RGB profile that calls red what sRGB calls green."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = (profile.index(tag, 128) for tag in [b"rXYZ", b"gXYZ"])
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


def test_a_color_profile_is_applied(encode: Encode) -> None:
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    for form in ["PNG", "JPEG", "TIFF", "WEBP"]:
        picture = decode(encode(red, form, icc_profile=swapped_profile()))
        assert rgb(picture, 1, 1) == pytest.approx((0, 255, 0), abs=4), form


def test_a_profile_reaches_colors_below_alpha(encode: Encode) -> None:
    image = Image.new("RGBA", (1, 1), (255, 0, 0, 51))
    picture = decode(encode(image, "PNG", icc_profile=swapped_profile()))
    assert rgb(picture, 0, 0) == pytest.approx((204, 255, 204), abs=2)


@pytest.mark.parametrize(
    "profile",
    [
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),
        swapped_profile()[:400],
        b"no profile at all" * 20,
        b"",
    ],
    ids=["sRGB", "of another mode", "cut", "nonsense", "empty"],
)
def test_a_profile_that_says_nothing_changes_nothing(
    noise: Image.Image, encode: Encode, profile: bytes
) -> None:
    picture = decode(encode(noise, "PNG", icc_profile=profile))
    assert np.array_equal(picture.pixels, np.asarray(noise))


# --- Sizes


def test_a_reduced_picture_keeps_twice_the_side(scene: Image.Image, encode: Encode) -> None:
    large = scene.resize((960, 640), Image.Resampling.BICUBIC)
    for form in ["JPEG", "PNG"]:
        picture = decode(encode(large, form), shortest_side=50)
        assert (picture.width, picture.height) == (960, 640)
        assert 100 <= min(picture.image.size) <= 160
        expected = large.resize(picture.image.size, Image.Resampling.BOX)
        assert levels_apart(picture, expected) < 2
    assert decode(encode(large, "JPEG"), shortest_side=321).image.size == (960, 640)


def test_extreme_shapes_survive() -> None:
    for shape in [(1, 1), (1, 5000), (5000, 1), (3, 4000)]:
        picture = decode(np.full(shape, 9, dtype=np.uint8), shortest_side=8)
        assert picture.pixels.shape == (*shape, 3)


def bmp_header(width: int, height: int) -> bytes:
    sizes = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + sizes


def gif_header(width: int, height: int) -> bytes:
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02L\x01\0;"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + frame


def test_the_cap_is_checked_before_pixels_are_read(raw_png: Encode, encode: Encode) -> None:
    png = bytearray(raw_png(np.zeros((1, 1), np.uint8), 0))
    png[16:24] = struct.pack(">II", 100_000, 100_000)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    jpeg = bytearray(encode(Image.new("RGB", (8, 8)), "JPEG"))
    frame = jpeg.index(b"\xff\xc0") + 5
    jpeg[frame : frame + 4] = struct.pack(">HH", 60_000, 60_000)
    for data in [bytes(png), bytes(jpeg), bmp_header(40_000, 40_000), gif_header(65535, 65535)]:
        with pytest.raises(ImageTooLarge, match="pixels"):
            decode(data, shortest_side=8)


def test_the_cap_is_the_callers(noise: Image.Image, encode: Encode) -> None:
    assert decode(encode(noise, "PNG"), max_pixels=37 * 23).width == 37
    for way in [encode(noise, "PNG"), noise, np.asarray(noise)]:
        with pytest.raises(ImageTooLarge, match="37 x 23 pixels are more than the 850"):
            decode(way, max_pixels=37 * 23 - 1)


def test_phones_with_two_hundred_million_pixels_are_served(encode: Encode) -> None:
    # More than Image.open allows; a JPEG's own reduction keeps it small and quick.
    data = encode(Image.new("L", (16320, 12240), 77), "JPEG", quality=30)
    picture = decode(data, shortest_side=112)
    assert (picture.width, picture.height) == (16320, 12240)
    assert rgb(picture, 50, 50) == (77, 77, 77)


# --- Refusals


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"])
@pytest.mark.parametrize("side", [None, 8])
def test_a_truncated_file_is_refused(
    noise: Image.Image, encode: Encode, form: str, side: int | None
) -> None:
    data = encode(noise, form)
    with pytest.raises(ImageUnreadable, match=r"Cannot decode the picture: it .*\."):
        decode(data[: len(data) * 6 // 10], shortest_side=side)


def test_a_png_with_a_flipped_bit_is_refused(noise: Image.Image, encode: Encode) -> None:
    data = bytearray(encode(noise, "PNG"))
    data[data.index(b"IDAT") + 100] ^= 16
    with pytest.raises(ImageUnreadable, match="checksum of its IDAT data is wrong"):
        decode(bytes(data))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it is empty"),
        (b"\0" * 4096, "a run of zero bytes"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\xef\xbb\xbf\n<!DOCTYPE HTML><title>404", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "a film"),
        (b"hello", "an unknown kind of file"),
        (b"\xff\xd8\xff", "damaged"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, words: str) -> None:
    with pytest.raises(ImageUnreadable, match=words):
        decode(data)


def test_a_path_is_named_in_the_reason(tmp_path: Path) -> None:
    (tmp_path / "note.jpg").write_bytes(b"hello")
    with pytest.raises(ImageUnreadable, match=r"Cannot decode '.*note\.jpg': it is an unknown"):
        decode(tmp_path / "note.jpg")
    with pytest.raises(ImageUnreadable, match="it is not there"):
        decode(tmp_path / "gone.jpg")


def test_running_out_of_memory_is_a_reason(
    noise: Image.Image, encode: Encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(image: Image.Image) -> Image.Image:
        raise MemoryError

    monkeypatch.setattr("lookalike.images.decoding.to_srgb", exhausted)
    with pytest.raises(ImageUnreadable, match="memory did not suffice"):
        decode(encode(noise, "PNG"))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM"])
def test_damage_of_any_kind_is_an_image_error(
    noise: Image.Image, encode: Encode, form: str
) -> None:
    whole = encode(noise, form, exif=turned_exif(6)) if form != "PPM" else encode(noise, form)
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(150):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), rng.integers(1, 6)):
            data[place] = rng.integers(0, 256)
        try:
            decode(bytes(data), shortest_side=8, max_pixels=1_000_000)
        except (ImageUnreadable, ImageTooLarge):
            refused += 1
    assert refused > 0


# --- PIL images and arrays


def test_the_callers_image_stays_as_it_is(noise: Image.Image, encode: Encode) -> None:
    for mode in ["RGB", "L", "RGBA"]:
        image = Image.open(BytesIO(encode(noise.convert(mode), "PNG", exif=turned_exif(6))))
        picture = decode(image, shortest_side=4)
        assert (image.size, image.mode) == ((37, 23), mode)
        assert image.getexif()[0x0112] == 6
        assert image.getpixel((3, 3)) == noise.convert(mode).getpixel((3, 3))
        assert picture.width == 23


def test_later_changes_of_the_callers_image_do_not_reach_the_picture(noise: Image.Image) -> None:
    picture = decode(noise)
    before = picture.pixels.copy()
    noise.paste("white", (0, 0, 37, 23))
    assert np.array_equal(picture.pixels, before)


def test_a_jpeg_image_is_not_drafted(scene: Image.Image, encode: Encode) -> None:
    image = Image.open(BytesIO(encode(scene, "JPEG")))
    decode(image, shortest_side=8)
    assert image.size == (96, 64)


def test_a_closed_image_is_refused(noise: Image.Image, encode: Encode) -> None:
    image = Image.open(BytesIO(encode(noise, "PNG")))
    image.close()
    with pytest.raises(ImageUnreadable, match="Cannot decode the PIL image"):
        decode(image)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([[0, 7]], dtype=np.uint8), [[0, 0, 0], [7, 7, 7]]),
        (np.array([[[0], [7]]], dtype=np.uint8), [[0, 0, 0], [7, 7, 7]]),
        (np.array([[False, True]]), [[0, 0, 0], [255, 255, 255]]),
        (np.array([[0.2, 1.0]]), [[51, 51, 51], [255, 255, 255]]),
        (np.array([[[0.2, 0.4, 0.6]]], dtype=np.float32), [[51, 102, 153]]),
        (np.array([[[0.2, 0.4, 0.6, 0.0]]]), [[255, 255, 255]]),
        (np.array([[[25700, 0, 65535]]], dtype=">u2"), [[100, 0, 255]]),
    ],
)
def test_arrays_of_many_types_are_pictures(array: np.ndarray, expected: list[list[int]]) -> None:
    assert decode(array).pixels[0].tolist() == expected


def test_views_of_arrays_are_pictures(noise: Image.Image) -> None:
    array = np.asarray(noise)
    assert np.array_equal(decode(array[::-1, ::2]).pixels, array[::-1, ::2])


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 8, 8), np.uint8), "channels last"),
        (np.zeros((8, 8, 2), np.uint8), "channels last"),
        (np.zeros(8, np.uint8), r"shape \(8,\) is no picture"),
        (np.zeros((0, 8, 3), np.uint8), "is no picture"),
        (np.zeros((8, 8), np.int64), "array of int64"),
        (np.full((8, 8), 255.0), "runs from 255 to 255"),
        (np.full((8, 8), np.nan), "must lie between 0 and 1"),
    ],
)
def test_other_arrays_are_refused(array: np.ndarray, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        decode(array)


def test_other_types_and_sides_are_refused(noise: Image.Image) -> None:
    with pytest.raises(UsageError, match="not int"):
        decode(3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="shortest side of 0"):
        decode(noise, shortest_side=0)
