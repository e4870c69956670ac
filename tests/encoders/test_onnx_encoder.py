"""ONNX encoders: names, cards, options, spaces, and numbers worked out by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lookalike.encoders import EncoderCard, NetworkEncoder, embed, load_encoder
from lookalike.encoders.canonical import check_encoder
from lookalike.encoders.names import with_stored_options
from lookalike.errors import EncoderError, EncoderNotFound, UsageError
from lookalike.images import Preprocessing

sys.path.insert(0, str(Path(__file__).parent.parent))
from networks import write_card, write_mean_colour

OPTIONS = "?size=8&resize=8&mean=0&std=1&output=embedding"


def picture(red: int, green: int, blue: int, size: int = 8) -> np.ndarray:
    return np.full((size, size, 3), (red, green, blue), dtype=np.uint8)


def test_the_embedding_is_the_networks_output_at_unit_length(tmp_path):
    encoder = load_encoder(f"onnx:{write_mean_colour(tmp_path / 'net.onnx')}{OPTIONS}")
    # mean colour (1, 0.5, 0.25) of 255ths, times (1, 2, 4), is (1, 1, 1): unit rows of 1/sqrt(3)
    row = encoder.encode(picture(204, 102, 51)[None])
    np.testing.assert_allclose(row, [[0.57735, 0.57735, 0.57735]], atol=1e-5)


def test_a_network_that_takes_pixels_gets_them_as_they_are(tmp_path):
    file = write_mean_colour(tmp_path / "net.onnx", pixels=True)
    encoder = load_encoder(f"onnx:{file}{OPTIONS}")
    row = encoder.encode(picture(100, 0, 0)[None])
    np.testing.assert_allclose(row, [[1, 0, 0]], atol=1e-6)


def test_mean_and_std_are_applied_per_channel(tmp_path):
    file = write_mean_colour(tmp_path / "net.onnx")
    encoder = load_encoder(
        f"onnx:{file}?size=8&resize=8&mean=.5,.25,0&std=.5,.25,1&output=embedding"
    )
    # ((1 - .5) / .5, (.5 - .25) / .25, 0) = (1, 1, 0), times (1, 2, 4) = (1, 2, 0)
    row = encoder.encode(np.array([[[[255, 127.5, 0]]]]).repeat(8, 1).repeat(8, 2).astype(np.uint8))
    np.testing.assert_allclose(row, [[0.4472, 0.8944, 0]], atol=3e-3)


def test_one_picture_alone_has_the_embedding_it_has_in_a_batch(tmp_path):
    encoder = load_encoder(f"onnx:{write_mean_colour(tmp_path / 'net.onnx')}{OPTIONS}")
    pixels = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
    batch = encoder.encode(pixels)
    alone = np.concatenate([encoder.encode(one[None]) for one in pixels])
    np.testing.assert_allclose(alone, batch, atol=1e-6)


def test_a_network_of_fixed_batch_is_fed_full_batches(tmp_path):
    file = write_mean_colour(tmp_path / "net.onnx", size=8, batch=4)
    encoder = load_encoder(f"onnx:{file}{OPTIONS}")
    rows = encoder.encode(np.stack([picture(level, 0, 0) for level in range(1, 8)]))
    np.testing.assert_allclose(rows, [[1, 0, 0]] * 7, atol=1e-6)


def test_no_pictures_give_no_rows(tmp_path):
    encoder = load_encoder(f"onnx:{write_mean_colour(tmp_path / 'net.onnx')}{OPTIONS}")
    assert encoder.encode(np.empty((0, 8, 8, 3), np.uint8)).shape == (0, 3)
    assert embed([], encoder).shape == (0, 3)


def test_a_card_beside_the_file_is_used(tmp_path):
    file = write_mean_colour(tmp_path / "net.onnx")
    write_card(tmp_path / "net.json")
    encoder = load_encoder(f"onnx:{file}")
    assert encoder.space.dim == 3
    assert encoder.space.encoder == f"onnx:{file}"


def test_options_and_card_that_say_the_same_name_the_same_space(tmp_path):
    file = write_mean_colour(tmp_path / "net.onnx")
    from_options = load_encoder(f"onnx:{file}{OPTIONS}").space
    write_card(tmp_path / "net.json")
    assert load_encoder(f"onnx:{file}").space == from_options


@pytest.mark.parametrize(
    "changed", ["?size=8&resize=9&mean=0&std=1&output=embedding",
                "?size=8&resize=8&mean=.1&std=1&output=embedding",
                "?size=8&resize=8&mean=0&std=1&output=embedding&interpolation=bilinear"],
)  # fmt: skip
def test_another_preprocessing_is_another_space(tmp_path, changed):
    file = write_mean_colour(tmp_path / "net.onnx")
    assert (
        load_encoder(f"onnx:{file}{OPTIONS}").space != load_encoder(f"onnx:{file}{changed}").space
    )


def test_the_stored_name_finds_the_encoder_again(tmp_path):
    encoder = load_encoder(f"onnx:{write_mean_colour(tmp_path / 'net.onnx')}{OPTIONS}")
    assert load_encoder(encoder.space.encoder).space == encoder.space


def test_path_bytes_picture_and_array_have_one_embedding(tmp_path):
    encoder = load_encoder(f"onnx:{write_mean_colour(tmp_path / 'net.onnx')}{OPTIONS}")
    pixels = np.random.default_rng(1).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    file = tmp_path / "picture.png"
    Image.fromarray(pixels).save(file)
    with Image.open(file) as opened:
        rows = embed([file, str(file), file.read_bytes(), opened, pixels], encoder)
    for row in rows[1:]:
        np.testing.assert_array_equal(row, rows[0])


def test_weights_that_are_not_the_cards_are_refused(tmp_path):
    file = write_mean_colour(tmp_path / "net.onnx")
    write_card(tmp_path / "net.json", sha256="0" * 64)
    with pytest.raises(EncoderError, match="not the ones of their card"):
        load_encoder(f"onnx:{file}")


def test_a_card_with_a_wrong_dim_is_refused(tmp_path):
    file = write_mean_colour(tmp_path / "net.onnx")
    write_card(tmp_path / "net.json", dim=4)
    with pytest.raises(EncoderError, match="says dim 4"):
        load_encoder(f"onnx:{file}")


@pytest.mark.parametrize(
    ("tail", "error", "says"),
    [
        ("", EncoderError, "no card beside it"),
        ("?size=8&resize=8", EncoderError, "choose one of embedding, map"),
        ("?size=8&output=nothing", EncoderError, "no output 'nothing'"),
        ("?size=8&output=map", EncoderError, "choose another output"),
        ("?size=big&output=embedding", UsageError, "size is 'big', which is not a number"),
        ("?size=nan&output=embedding", UsageError, "whole and above 0"),
        ("?size=inf&output=embedding", UsageError, "whole and above 0"),
        ("?size=12.7&output=embedding", UsageError, "whole and above 0"),
        ("?size=0&output=embedding", UsageError, "whole and above 0"),
        ("?size=8&resize=-8&output=embedding", UsageError, "resize is '-8'"),
        ("?size=8&resize=9.5&output=embedding", UsageError, "resize is '9.5'"),
        ("?size=8&std=nan&output=embedding", UsageError, "three as 'r,g,b'"),
        ("?size=8&mean=1,2&output=embedding", UsageError, "three as 'r,g,b'"),
        ("?sizes=8", UsageError, "'sizes' is unknown"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence(tmp_path, tail, error, says):
    file = write_mean_colour(tmp_path / "net.onnx")
    with pytest.raises(error, match=says):
        load_encoder(f"onnx:{file}{tail}")


def test_a_file_that_is_no_network_is_refused_in_one_line(tmp_path):
    file = tmp_path / "net.onnx"
    file.write_bytes(b"not a network")
    with pytest.raises(EncoderError) as caught:
        load_encoder(f"onnx:{file}?size=8")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nosuch", "onnx:/no/such/file.onnx"])
def test_unknown_names_are_refused(name):
    with pytest.raises(EncoderNotFound, match="There is no encoder"):
        load_encoder(name)


def test_pixels_of_another_size_are_refused(tmp_path):
    encoder = load_encoder(f"onnx:{write_mean_colour(tmp_path / 'net.onnx')}{OPTIONS}")
    with pytest.raises(EncoderError, match=r"\(n, 8, 8, 3\)"):
        encoder.encode(np.zeros((1, 9, 9, 3), np.uint8))


@pytest.mark.shared
def test_a_real_pretrained_network_runs_by_its_declaration(shared):
    file = next((shared / "weights").glob("*/*.onnx"))
    encoder = load_encoder(f"onnx:{file}?size=224&resize=224&mean=.5&std=.5&output=embedding")
    assert encoder.space.dim == 1280
    grey = encoder.encode(np.full((1, 224, 224, 3), 128, np.uint8))
    noise = encoder.encode(
        np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    )
    assert float(grey[0] @ noise[0]) < 0.9


def test_a_moved_file_takes_over_the_options_a_gallery_stored(tmp_path):
    stored = f"onnx:/gone/net.onnx{OPTIONS}"
    moved = write_mean_colour(tmp_path / "moved.onnx")
    named = with_stored_options(f"onnx:{moved}", stored)
    assert load_encoder(named).space == load_encoder(f"onnx:{moved}{OPTIONS}").space
    assert with_stored_options("builtin", stored) == "builtin"
    write_card(tmp_path / "moved.json")
    assert with_stored_options(f"onnx:{moved}", stored) == f"onnx:{moved}"


class Answering:
    """A runtime that answers whatever it is told to."""

    description, dim, batch_size, workers, shares_cores = "a test, cpu", 3, 8, 1, True

    def __init__(self, rows):
        self.rows = np.array(rows, dtype=np.float32)

    def run(self, pixels):
        return np.resize(self.rows, (len(pixels), 3))


def encoder_answering(rows):
    card = EncoderCard("test", "", 3, Preprocessing(8, 8))
    return NetworkEncoder(card, "0" * 64, Answering(rows))


def test_one_row_without_numbers_is_a_row_of_zeros_and_takes_no_other_with_it():
    encoder = encoder_answering([[np.nan, 1, 1], [3, 0, 4]])
    rows = encoder.encode(np.zeros((4, 8, 8, 3), np.uint8))
    np.testing.assert_allclose(rows, [[0, 0, 0], [0.6, 0, 0.8]] * 2, atol=1e-6)


def test_a_network_that_answers_no_numbers_at_all_is_refused():
    encoder = encoder_answering([[np.nan, np.inf, 1]])
    assert not encoder.encode(np.zeros((1, 8, 8, 3), np.uint8)).any()
    with pytest.raises(EncoderError, match="all of 4 inputs with NaN"):
        encoder.encode(np.zeros((4, 8, 8, 3), np.uint8))
    with pytest.raises(EncoderError, match="finds nothing in the canonical picture"):
        check_encoder(encoder)
