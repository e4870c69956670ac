"""The way of pixels to a device and of rows back: what is queued where, and waited for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lookalike.encoders.runtimes.lanes import PinnedLane, PlainLane, open_lane  # noqa: E402

SIZE = 12


def pictures(count: int) -> np.ndarray:
    generator = np.random.default_rng(count)
    return generator.integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


class Streams:
    """Stands in for torch.cuda's streams, and keeps a diary."""

    def __init__(self) -> None:
        self.diary: list[str] = []

    def Stream(self, device: str) -> Streams:  # noqa: N802
        self.diary.append(f"made on {device}")
        return self

    def synchronize(self) -> None:
        self.diary.append("waited for")

    @contextmanager
    def stream(self, stream: Streams) -> Any:
        self.diary.append("entered")
        yield
        self.diary.append("left")


def test_a_pinned_lane_queues_everything_on_its_stream_and_waits_once():
    streams = Streams()
    lane = PinnedLane("cpu", streams=streams, is_pinned=False)

    def forward(pixels: torch.Tensor) -> torch.Tensor:
        streams.diary.append("computed")
        return pixels.float().mean((1, 2)).to(torch.bfloat16)

    pixels = np.full((2, SIZE, SIZE, 3), (1, 2, 3), dtype=np.uint8)
    rows = lane.run(pixels, forward)
    assert streams.diary == ["made on cpu", "entered", "computed", "left", "waited for"]
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, [[1, 2, 3]] * 2)


def test_a_pinned_lane_hands_out_rows_that_later_calls_leave_alone():
    lane = PinnedLane("cpu", streams=Streams(), is_pinned=False)

    def forward(pixels: torch.Tensor) -> torch.Tensor:
        return pixels.float().mean((1, 2))

    batches = [pictures(count) for count in (4, 2, 9, 3)]
    answers = [lane.run(batch, forward) for batch in batches]
    for batch, rows in zip(batches, answers, strict=True):
        np.testing.assert_allclose(rows, batch.mean((1, 2)), rtol=1e-5)


def test_a_cuda_device_gets_a_pinned_lane_and_the_cpu_a_plain_one(monkeypatch):
    streams = Streams()
    monkeypatch.setattr(torch, "cuda", streams)
    assert isinstance(open_lane("cuda:1"), PinnedLane)
    assert streams.diary == ["made on cuda:1"]
    with ThreadPoolExecutor(1) as pool:
        assert isinstance(pool.submit(open_lane, "cpu").result(), PlainLane)
