"""Pillow's warnings and log records stay off the screen, and only while decoding."""

from __future__ import annotations

import logging
import struct
import threading
import warnings
from io import BytesIO

import pytest
from PIL import Image

from lookalike.errors import ImageUnreadable
from lookalike.images import decode
from lookalike.images.silence import FILTER, silenced


def noisy_tiff() -> bytes:
    """Make a TIFF that Pillow warns about: a tag claims two values where one is allowed."""
    stream = BytesIO()
    Image.new("L", (2, 2), 9).save(stream, "TIFF")
    data = bytearray(stream.getvalue())
    entry = data.index(struct.pack("<HHI", 259, 3, 1))
    data[entry + 4 : entry + 8] = struct.pack("<I", 2)
    return bytes(data)


def test_decoding_does_not_warn_and_the_users_own_code_does() -> None:
    with pytest.warns(UserWarning, match="Metadata Warning"):
        Image.open(BytesIO(noisy_tiff()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decode(noisy_tiff()).pixels[0, 0].tolist() == [9, 9, 9]
    with pytest.warns(UserWarning, match="Metadata Warning"):
        Image.open(BytesIO(noisy_tiff()))


def test_other_threads_warn_as_ever() -> None:
    heard: list[bool] = []

    def open_noisy() -> None:
        try:
            Image.open(BytesIO(noisy_tiff()))
        except UserWarning:
            heard.append(True)

    with silenced():
        thread = threading.Thread(target=open_noisy)
        thread.start()
        thread.join()
    assert heard == [True]


def test_our_own_warnings_are_not_hidden() -> None:
    with silenced(), pytest.warns(UserWarning, match="ours"):
        warnings.warn("ours", UserWarning, stacklevel=1)


def test_one_filter_is_enough_and_comes_first() -> None:
    with warnings.catch_warnings():
        for _ in range(3):
            warnings.simplefilter("default")
            with silenced():
                assert warnings.filters[0] is FILTER
        assert [entry is FILTER for entry in warnings.filters].count(True) == 1


def test_pillows_log_records_pass_only_outside(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stream = BytesIO()
    Image.new("L", (2, 2)).save(stream, "PNG")
    caplog.clear()
    decode(stream.getvalue())
    assert caplog.records == []
    Image.open(stream)
    assert "STREAM" in caplog.text


def test_silence_may_nest() -> None:
    with silenced(), silenced():
        pass
    with pytest.warns(UserWarning, match="Metadata Warning"):
        Image.open(BytesIO(noisy_tiff()))


def test_libtiff_does_not_write_to_the_screen(capfd: pytest.CaptureFixture[str]) -> None:
    stream = BytesIO()
    Image.effect_noise((64, 64), 90).save(stream, "TIFF", compression="tiff_lzw")
    damaged = bytearray(stream.getvalue())
    damaged[20:400] = bytes(380)
    for data in [bytes(damaged), stream.getvalue()[:-900]]:
        with pytest.raises(ImageUnreadable):
            decode(data)
    assert capfd.readouterr() == ("", "")
