"""OpenVINO: numbers by hand, precision read back, several calls at a time."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from lookalike.encoders import EncoderCard, NetworkEncoder
from lookalike.encoders.runtimes.openvino import OpenVinoRuntime
from lookalike.errors import EncoderError, MissingExtra
from lookalike.images import Preprocessing

sys.path.insert(0, str(Path(__file__).parent.parent.parent))
from networks import write_mean_colour

CARD = EncoderCard(
    name="mean colour", weights="", dim=0, preprocessing=Preprocessing(size=8, resize=8)
)


@pytest.fixture(scope="module")
def network(tmp_path_factory) -> Path:
    """The mean-colour network in OpenVINO's form, its embedding the only output."""
    openvino = pytest.importorskip("openvino")
    folder = tmp_path_factory.mktemp("network")
    write_mean_colour(folder / "net.onnx", pixels=True)
    model = openvino.Core().read_model(str(folder / "net.onnx"))
    only = openvino.Model([model.output("embedding")], model.get_parameters(), "mean colour")
    openvino.save_model(only, str(folder / "net.xml"), compress_to_fp16=False)
    return folder / "net.xml"


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


def by_hand(pixels: np.ndarray) -> np.ndarray:
    """Mean colour times (1, 2, 4)."""
    return pixels.mean(axis=(1, 2)) * [1, 2, 4]


def test_rows_are_those_of_the_network(network):
    runtime = OpenVinoRuntime(CARD, network, precision="exact", threads=2)
    pixels = noise(5)
    np.testing.assert_allclose(runtime.run(pixels), by_hand(pixels), rtol=1e-5)
    assert runtime.dim == 3
    assert runtime.workers == 2


@pytest.mark.parametrize(
    ("precision", "words"), [("exact", "float32"), ("bf16", "bfloat16"), ("int8", "int8")]
)
def test_it_says_what_it_computes_in(network, precision, words):
    runtime = OpenVinoRuntime(CARD, network, precision=precision)
    if precision == "bf16" and runtime.hint != "bf16":
        pytest.skip("this processor has no bfloat16")
    assert runtime.description == f"OpenVINO, {words}, cpu"
    assert runtime.shares_cores


def test_exact_is_float32_whatever_the_library_would_choose(network):
    runtime = OpenVinoRuntime(CARD, network, precision="exact")
    assert runtime.hint == "f32"


def test_the_callers_pictures_are_read_and_never_written(network):
    runtime = OpenVinoRuntime(CARD, network, precision="exact", threads=1)
    first, second = noise(4, seed=1), noise(4, seed=2)
    kept = first.copy()
    runtime.run(first)
    runtime.run(second)
    runtime.run(second[::2])
    np.testing.assert_array_equal(first, kept)


def test_an_answer_stays_when_the_next_one_comes(network):
    runtime = OpenVinoRuntime(CARD, network, precision="exact", threads=1)
    first = runtime.run(noise(4, seed=1))
    kept = first.copy()
    runtime.run(noise(4, seed=2))
    np.testing.assert_array_equal(first, kept)


def test_pictures_may_lie_anywhere_and_be_read_only(network):
    runtime = OpenVinoRuntime(CARD, network, precision="exact")
    pixels = noise(6)
    pixels.setflags(write=False)
    np.testing.assert_allclose(runtime.run(pixels[::-2]), by_hand(pixels[::-2]), rtol=1e-5)


def test_many_calls_at_a_time_answer_as_one_by_one(network):
    runtime = OpenVinoRuntime(CARD, network, precision="exact", threads=2)
    batches = [noise(1 + seed % 7, seed) for seed in range(60)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(runtime.run, batches))
    for pixels, rows in zip(batches, answers, strict=True):
        np.testing.assert_allclose(rows, by_hand(pixels), rtol=1e-5)


def test_a_refused_call_does_not_take_a_worker_with_it(network):
    runtime = OpenVinoRuntime(CARD, network, precision="exact", threads=1)
    with pytest.raises(
        EncoderError, match=r"could not run encoder 'mean colour' on \(2, 8, 8, 4\)"
    ):
        runtime.run(np.zeros((2, 8, 8, 4), np.uint8))
    assert runtime.run(noise(2)).shape == (2, 3)


def test_it_runs_an_encoder(network):
    encoder = NetworkEncoder(CARD, "ab" * 32, OpenVinoRuntime(CARD, network, precision="exact"))
    rows = encoder.encode(noise(40))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert encoder.space.dim == 3


def test_a_damaged_network_is_refused(tmp_path, network):
    file = tmp_path / "net.xml"
    file.write_bytes(network.read_bytes()[:200])
    with pytest.raises(EncoderError, match="OpenVINO cannot load encoder 'mean colour' from"):
        OpenVinoRuntime(CARD, file, precision="exact")


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingExtra, match=r"lookalike\[openvino\]"):
        OpenVinoRuntime(CARD, tmp_path / "net.xml", precision="exact")
