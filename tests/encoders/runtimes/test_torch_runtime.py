"""PyTorch as a runtime: its numbers against plain PyTorch, its threads, memory and lanes.

No card is needed: what is CUDA's alone is run on the CPU with stand-ins.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lookalike.encoders.families.network import TorchNetwork  # noqa: E402
from lookalike.encoders.runtimes import torch as runtimes  # noqa: E402
from lookalike.encoders.runtimes.devices import Device  # noqa: E402
from lookalike.encoders.runtimes.precision import FULL_FLOAT32, switches  # noqa: E402
from lookalike.encoders.runtimes.torch import TorchRuntime, torch_runtime  # noqa: E402
from lookalike.errors import EncoderError, UsageError  # noqa: E402
from lookalike.images.preprocessing import Preprocessing  # noqa: E402

SIZE = 12
IMAGENET = Preprocessing(SIZE, SIZE, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
PLAIN = Preprocessing(SIZE, SIZE)


class Small(torch.nn.Module):
    """A convolution, its mean over the picture, a norm, a table and a product: (n, 5)."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(4)
        self.conv = torch.nn.Conv2d(3, 8, 3)
        self.norm = torch.nn.LayerNorm(8)
        self.head = torch.nn.Linear(8, 5)
        self.register_buffer("table", torch.linspace(0, 1, 8))

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        mean = self.conv(pictures).relu().mean((2, 3))
        return self.head(self.norm(mean) + self.table)


class Answering(torch.nn.Module):
    """Answers what a function makes of the pictures."""

    def __init__(self, answer: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, pictures: torch.Tensor) -> Any:
        return self.answer(pictures)


def network_of(images: torch.nn.Module, dim: int = 5) -> TorchNetwork:
    return TorchNetwork(images, IMAGENET, dim, parameters=0)


def small(preprocessing: Preprocessing = IMAGENET, **options: Any) -> TorchRuntime:
    return TorchRuntime(network_of(Small()), preprocessing, name="small", **options)


def answering(answer: Callable[[torch.Tensor], Any], **options: Any) -> TorchRuntime:
    return TorchRuntime(network_of(Answering(answer), 3), PLAIN, name="odd", **options)


def mean_colour(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.mean((2, 3))


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


def by_hand(pixels: np.ndarray) -> np.ndarray:
    """Normalise and run as a textbook would."""
    mean, std = torch.tensor(IMAGENET.mean), torch.tensor(IMAGENET.std)
    values = (torch.from_numpy(pixels.astype(np.float32)) / 255 - mean) / std
    with torch.no_grad():
        return Small()(values.permute(0, 3, 1, 2).contiguous()).numpy()


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    products = (left * right).sum(1)
    return products / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)


# Numbers


def test_rows_are_those_of_plain_pytorch():
    pixels = pictures(7)
    rows = small().run(pixels)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, by_hand(pixels), atol=2e-6)


def test_a_network_that_normalises_itself_gets_values_up_to_255():
    pixels = np.full((2, SIZE, SIZE, 3), (255, 100, 0), dtype=np.uint8)
    np.testing.assert_allclose(answering(mean_colour).run(pixels), [[255, 100, 0]] * 2, rtol=1e-6)


def test_bf16_rounds_products_and_nothing_else():
    network = network_of(Small())
    runtime = TorchRuntime(network, IMAGENET, name="small", precision="bf16")
    pixels = pictures(9)
    rows, exact = runtime.run(pixels), by_hand(pixels)
    assert rows.dtype == np.float32
    assert not np.allclose(rows, exact, atol=1e-6)
    assert cosines(rows, exact).min() > 0.999
    assert network.images.conv.weight.dtype == network.images.head.weight.dtype == torch.bfloat16
    assert network.images.norm.weight.dtype == network.images.table.dtype == torch.float32


def test_pixels_may_be_read_only_or_a_view():
    pixels = pictures(8)
    runtime, expected = small(), by_hand(pixels)
    pixels.flags.writeable = False
    np.testing.assert_allclose(runtime.run(pixels), expected, atol=2e-6)
    np.testing.assert_allclose(runtime.run(pixels[::-2]), expected[::-2], atol=2e-6)


def test_no_pictures_give_no_rows():
    assert small().run(pictures(0)).shape == (0, 5)


def test_a_row_that_is_not_finite_is_handed_on_as_it_is():
    pixels = np.zeros((3, SIZE, SIZE, 3), dtype=np.uint8)
    pixels[[0, 2]] = 1
    rows = answering(lambda planes: mean_colour(planes) / mean_colour(planes)).run(pixels)
    assert np.isnan(rows[1]).all()
    assert (rows[[0, 2]] == 1).all()


# Threads


def test_calls_from_many_threads_have_the_numbers_of_calls_in_turn():
    runtime = small(threads=3)
    batches = [pictures(1 + place % 5, seed=place) for place in range(40)]
    in_turn = [runtime.run(batch) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        at_once = list(pool.map(runtime.run, batches))
    for left, right in zip(at_once, in_turn, strict=True):
        np.testing.assert_array_equal(left, right)


def test_its_calls_have_one_thread_each_and_others_keep_theirs():
    def threads_of_a_fresh_thread() -> int:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(torch.get_num_threads).result()

    seen = []

    def answer(planes: torch.Tensor) -> torch.Tensor:
        seen.append(torch.get_num_threads())
        return mean_colour(planes)

    usual = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        runtime = answering(answer, threads=2)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(runtime.run, [pictures(2)] * 8))
        assert set(seen) == {1}
        assert torch.get_num_threads() == 3
        assert threads_of_a_fresh_thread() == 3
    finally:
        torch.set_num_threads(usual)


def test_as_many_calls_are_under_way_as_there_are_threads():
    assert small(threads=3).workers == 3
    both = threading.Barrier(2, timeout=60)

    def meet(planes: torch.Tensor) -> torch.Tensor:
        if len(planes) == 1:
            both.wait()
        return mean_colour(planes)

    runtime = answering(meet, threads=2)
    runtime.run(pictures(2))
    with ThreadPoolExecutor(2) as pool:
        assert len(list(pool.map(runtime.run, [pictures(1)] * 2))) == 2


def test_the_first_call_runs_alone_for_what_networks_make_once():
    under_way, most = [], []

    def answer(planes: torch.Tensor) -> torch.Tensor:
        under_way.append(planes)
        time.sleep(0.02)
        most.append(len(under_way))
        under_way.pop()
        return mean_colour(planes)

    runtime = answering(answer, threads=4)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(runtime.run, [pictures(1)] * 4))
    assert most[0] == 1


# Exactness


def test_exact_calls_turn_tf32_off_while_they_run_and_no_longer():
    seen = []

    def answer(planes: torch.Tensor) -> torch.Tensor:
        seen.append([getattr(holder, name) for holder, name, _ in switches()])
        return mean_colour(planes)

    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("high")
        users = [getattr(holder, name) for holder, name, _ in switches()]
        answering(answer).run(pictures(1))
        answering(answer, precision="bf16").run(pictures(1))
        exact = [value for _, _, value in switches()]
        assert seen == [exact, users]
        assert exact != users
        assert [getattr(holder, name) for holder, name, _ in switches()] == users
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision(before)


def test_tf32_stays_off_until_the_last_of_several_calls_is_over():
    before = [getattr(holder, name) for holder, name, _ in switches()]
    with FULL_FLOAT32:
        with FULL_FLOAT32:
            pass
        now = [getattr(holder, name) for holder, name, _ in switches()]
    assert now == [value for _, _, value in switches()]
    assert [getattr(holder, name) for holder, name, _ in switches()] == before


# Memory


def test_out_of_memory_halves_the_batch_says_so_once_and_goes_on(caplog):
    def answer(planes: torch.Tensor) -> torch.Tensor:
        if len(planes) > 3:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return mean_colour(planes)

    pixels = np.arange(13, dtype=np.uint8)[:, None, None, None].repeat(SIZE, 1).repeat(SIZE, 2)
    runtime = answering(answer, threads=1)
    with caplog.at_level(logging.WARNING):
        rows = runtime.run(pixels.repeat(3, 3))
        runtime.run(pixels.repeat(3, 3))
    np.testing.assert_allclose(rows, np.arange(13)[:, None].repeat(3, 1), rtol=1e-6)
    assert [record.getMessage() for record in caplog.records] == [
        "cpu is out of memory with 13 pictures at a time: going on with 6",
        "cpu is out of memory with 6 pictures at a time: going on with 3",
    ]
    assert runtime.batch_size == 3


def test_a_picture_that_does_not_fit_alone_is_told_in_a_sentence():
    def answer(planes: torch.Tensor) -> torch.Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.\nA long story.")

    with pytest.raises(
        EncoderError, match="'odd' needs more memory than cpu has free, even"
    ) as got:
        answering(answer).run(pictures(4))
    assert "\n" not in str(got.value)


def test_a_call_without_memory_waits_for_the_one_beside_it():
    is_inside, is_over, tried = threading.Event(), threading.Event(), []

    def answer(planes: torch.Tensor) -> torch.Tensor:
        if len(planes) == 8:
            is_inside.set()
            assert is_over.wait(60)
        elif is_inside.is_set():
            tried.append(len(planes))
            if not is_over.is_set():
                raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return mean_colour(planes)

    runtime = answering(answer, threads=2)
    runtime.run(pictures(2))
    with ThreadPoolExecutor(2) as pool:
        large = pool.submit(runtime.run, pictures(8))
        assert is_inside.wait(60)
        small = pool.submit(runtime.run, pictures(4))
        while not tried:
            time.sleep(0.001)
        is_over.set()
        assert large.result().shape == (8, 3)
        np.testing.assert_allclose(small.result(), pictures(4).mean((1, 2)), rtol=1e-5)
    assert tried == [4, 2, 2]


# Bad input


def test_a_network_that_fails_is_told_in_a_sentence():
    def answer(planes: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("shapes do not fit\nand a long story")

    with pytest.raises(EncoderError) as caught:
        answering(answer).run(pictures(2))
    assert str(caught.value) == (
        "PyTorch could not run encoder 'odd' on (2, 12, 12, 3) on cpu (shapes do not fit)."
    )


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda planes: (planes, planes), "answers with a tuple"),
        (lambda planes: planes.mean(), r"answers 2 pictures with shape \(\)"),
        (lambda planes: planes[:1], r"answers 2 pictures with shape \(1, 3, 12, 12\)"),
    ],
)
def test_an_answer_that_is_no_rows_is_refused(answer, says):
    with pytest.raises(EncoderError, match=says):
        answering(answer).run(pictures(2))


def test_int8_names_the_export_that_it_needs():
    with pytest.raises(UsageError, match="lookalike encoders export small --to openvino --prec"):
        small(precision="int8")


def test_unknown_precisions_and_devices_are_refused():
    with pytest.raises(UsageError, match="'fp8' is unknown"):
        small(precision="fp8")
    with pytest.raises(UsageError, match="'tpu' is unknown"):
        small(device="tpu")


# What it says of itself


def test_it_says_what_it_is():
    assert small().description == "PyTorch, float32, cpu"
    assert small(precision="bf16").description == "PyTorch, bfloat16, cpu"
    assert small().dim == 5
    assert small().batch_size == 16
    assert small().shares_cores


def test_compiled_it_has_the_same_numbers_and_says_so(monkeypatch):
    compiled = []

    def compile_(function: Callable[..., Any], *, dynamic: bool) -> Callable[..., Any]:
        compiled.append(dynamic)
        return function

    monkeypatch.setattr(torch, "compile", compile_)
    runtime = small(is_compiling=True)
    np.testing.assert_allclose(runtime.run(pictures(3)), by_hand(pictures(3)), atol=2e-6)
    assert compiled == [True]
    assert runtime.description == "PyTorch compiled, float32, cpu"


def test_a_compiled_network_that_fails_says_what_to_leave_off(monkeypatch):
    def compile_(function: Callable[..., Any], *, dynamic: bool) -> Callable[..., Any]:
        def failing(pixels: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no C++ compiler")

        return failing

    monkeypatch.setattr(torch, "compile", compile_)
    with pytest.raises(EncoderError, match=r"\(no C\+\+ compiler\): leave compiling off\."):
        small(is_compiling=True).run(pictures(1))


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")
def test_really_compiled_it_has_the_same_numbers():
    runtime = small(is_compiling=True, threads=2)
    for count in (4, 7, 1):
        rows = runtime.run(pictures(count))
        np.testing.assert_allclose(rows, by_hand(pictures(count)), atol=1e-5)


# Cards, by stand-ins


class Card(Device):
    """A device that calls itself a CUDA card, and computes on the CPU."""

    @property
    def kind(self) -> str:
        return "cuda"


@pytest.fixture
def card(monkeypatch) -> Card:
    """Make every device a card with 10 MB of memory, of which none is ever taken."""
    made = Card("cpu", "Toy 1000")
    monkeypatch.setattr(runtimes, "chosen_device", lambda asked: made)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 0)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10**7, 10**7))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    return made


def test_a_cards_batch_is_measured_once_whoever_asks(card):
    sizes = []

    def answer(planes: torch.Tensor) -> torch.Tensor:
        sizes.append(len(planes))
        if len(planes) > 32:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        return mean_colour(planes)

    runtime = answering(answer)
    assert runtime.workers == 2
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: runtime.batch_size, range(8)))
    assert len(found) == 1
    assert found <= {8, 16, 32}
    assert sizes.count(8) == 2  # once to warm up, once by the clock


def test_a_cards_batch_leaves_room_for_the_calls_beside_it(card, monkeypatch):
    # 50 kB for a picture; 8 MB are to be had for two calls: 80 pictures each, so 64.
    most = 0

    def answer(planes: torch.Tensor) -> torch.Tensor:
        nonlocal most
        most = max(most, len(planes))
        return mean_colour(planes)

    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 50_000 * most)
    monkeypatch.setattr(runtimes, "best_batch_size", all_that_fits)
    assert answering(answer).batch_size == 64


def all_that_fits(
    seconds_for: Callable[[int], float | None], *, fits: Callable[[int], bool]
) -> int:
    size = 8
    while fits(size) and seconds_for(size) is not None:
        size *= 2
    return size // 2


def test_a_card_is_named_and_its_lack_of_bf16_told(card, monkeypatch):
    assert small().description == "PyTorch, float32, cpu (Toy 1000)"
    assert not small().shares_cores
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    with pytest.raises(UsageError, match=r"Toy 1000.* does not compute in bfloat16"):
        small(precision="bf16")


# Several devices


def test_two_devices_have_the_numbers_of_one_and_weights_of_their_own(monkeypatch):
    seen, is_other_busy = set(), threading.Event()

    class Signing(Small):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            seen.add(self.conv.weight.data_ptr())
            if len(seen) == 2:
                is_other_busy.set()
            assert is_other_busy.wait(60)  # the first is busy until the other has a call
            return super().forward(pictures)

    monkeypatch.setattr(runtimes, "chosen_devices", lambda asked: (Device("cpu"), Device("cpu")))
    network = network_of(Signing())
    spread = torch_runtime(network, IMAGENET, name="small", device="all", threads=1)
    assert spread.workers == 2
    assert spread.description == "PyTorch, float32, cpu, cpu"
    assert spread.shares_cores
    batches = [pictures(3, seed=place) for place in range(12)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(spread.run, batches))
    for batch, rows in zip(batches, answers, strict=True):
        np.testing.assert_allclose(rows, by_hand(batch), atol=2e-6)
    assert len(seen) == 2


def test_one_device_is_run_without_a_go_between():
    runtime = torch_runtime(network_of(Small()), IMAGENET, name="small", device="cpu")
    assert isinstance(runtime, TorchRuntime)
