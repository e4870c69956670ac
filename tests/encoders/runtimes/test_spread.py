"""Several devices behind one face: who gets which call, and that numbers stay the same."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from lookalike.encoders.runtimes.spread import SpreadRuntime
from lookalike.errors import EncoderError

PIXELS = np.zeros((1, 4, 4, 3), dtype=np.uint8)


class Held:
    """A runtime whose calls end when they are let go, and answer with its number."""

    def __init__(self, number: float, *, workers: int = 1, batch_size: int = 8) -> None:
        self.description = f"Held {number}"
        self.dim: int | None = 1
        self.workers = workers
        self.shares_cores = False
        self.number = number
        self.let_go = threading.Event()
        self.arrived = threading.Semaphore(0)
        self.batch_size = batch_size

    def run(self, pixels: np.ndarray) -> np.ndarray:
        self.arrived.release()
        assert self.let_go.wait(60)
        return np.full((len(pixels), 1), self.number, dtype=np.float32)


def test_calls_go_to_the_least_busy_for_its_workers():
    small, large = Held(1), Held(2, workers=2)
    spread = SpreadRuntime([small, large], description="both")
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(spread.run, PIXELS) for _ in range(3)]
        # Three calls for three workers: one there, two here, in whichever order.
        assert small.arrived.acquire(timeout=60)
        assert large.arrived.acquire(timeout=60)
        assert large.arrived.acquire(timeout=60)
        small.let_go.set()
        while not any(call.done() for call in calls):
            pass
        calls.append(pool.submit(spread.run, PIXELS))  # the small one is the only idle one
        assert small.arrived.acquire(timeout=60)
        large.let_go.set()
    assert sorted(float(call.result()[0, 0]) for call in calls) == [1, 1, 2, 2]


def test_a_call_that_fails_frees_its_place():
    class Failing(Held):
        def run(self, pixels: np.ndarray) -> np.ndarray:
            raise EncoderError("The card fell out.")

    other = Held(2)
    other.let_go.set()
    spread = SpreadRuntime([Failing(1), other], description="both")
    for _ in range(3):
        with pytest.raises(EncoderError, match="fell out"):
            spread.run(PIXELS)


def test_devices_that_have_to_measure_their_batch_do_so_side_by_side():
    together = threading.Barrier(2, timeout=60)

    class Measuring:
        description, dim, workers, shares_cores = "Measuring", 1, 1, False

        def __init__(self, found: int) -> None:
            self.found = found
            self.is_measured = False

        @property
        def batch_size(self) -> int:
            if not self.is_measured:
                together.wait()
                self.is_measured = True
            return self.found

        def run(self, pixels: np.ndarray) -> np.ndarray:
            return np.zeros((len(pixels), 1), dtype=np.float32)

    spread = SpreadRuntime([Measuring(64), Measuring(256)], description="both")
    assert spread.batch_size == 64


def test_it_says_what_all_of_them_can_do():
    runtimes = [Held(1, workers=2, batch_size=64), Held(2, workers=2, batch_size=32)]
    spread = SpreadRuntime(runtimes, description="two of them")
    assert spread.workers == 4
    assert spread.batch_size == 32
    assert spread.dim == 1
    assert spread.description == "two of them"
    assert not spread.shares_cores
    runtimes[0].shares_cores = True
    assert SpreadRuntime(runtimes, description="two of them").shares_cores
