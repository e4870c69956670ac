"""What an encoder costs on this machine: time and memory, measured and remembered.

Run as a program, ``python -m lookalike.encoders.measuring NAME``, it measures in
a process of its own, whose memory holds nothing else.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from datetime import date
from pathlib import Path

import numpy as np

from lookalike.caching import keep_facts, kept_facts
from lookalike.encoders.loading import load_encoder
from lookalike.encoders.protocol import Encoder
from lookalike.errors import EncoderError, LookalikeError

__all__ = ["Measured", "measure", "measure_apart", "measured"]

FILE = "measured.json"
FEWEST_CALLS = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """The cost of one encoder on this machine.

    Attributes:
        name: Of the encoder.
        runs_on: What ran it.
        load_s: Seconds from its name to its first embedding.
        ms_single: Milliseconds for one picture alone: the median.
        pictures_per_s: Rate on ready batches, all workers busy.
        memory_bytes: Most memory of the process beyond what it held before
            loading; None where the system does not tell.
        batch_size: Pictures a call.
        workers: Calls under way.
        measured: On which day.
    """

    name: str
    runs_on: str
    load_s: float
    ms_single: float
    pictures_per_s: float
    memory_bytes: int | None
    batch_size: int
    workers: int
    measured: str


def measure(
    name: str, *, seconds: float = 3.0, device: str = "auto", backend: str = "auto"
) -> Measured:
    """Load an encoder and measure it here: call it in a process that holds nothing else.

    Args:
        name: What ``load_encoder`` takes.
        seconds: For each of the two measurements.
        device: Where to run it.
        backend: What is to run it.
    """
    before = held_bytes()
    start = time.perf_counter()
    encoder = load_encoder(name, device=device, backend=backend)
    size = encoder.preprocessing.size
    random = np.random.default_rng(0)
    one = random.integers(0, 256, (1, size, size, 3), dtype=np.uint8)
    encoder.encode(one)
    load_s = time.perf_counter() - start
    single = median_ms(encoder, one, seconds)
    rate = batch_rate(encoder, seconds)
    peak = peak_bytes()
    return Measured(
        name=encoder.card.name,
        runs_on=encoder.runs_on,
        load_s=round(load_s, 3),
        ms_single=round(single, 3),
        pictures_per_s=round(rate, 2),
        memory_bytes=None if peak is None or before is None else max(0, peak - before),
        batch_size=encoder.batch_size,
        workers=encoder.workers,
        measured=date.today().isoformat(),
    )


def median_ms(encoder: Encoder, one: np.ndarray, seconds: float) -> float:
    """Time single pictures one after the other."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < FEWEST_CALLS or time.perf_counter() < end:
        start = time.perf_counter()
        encoder.encode(one)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def batch_rate(encoder: Encoder, seconds: float) -> float:
    """Count pictures a second with all workers busy; the first round only warms up."""
    size, workers = encoder.preprocessing.size, encoder.workers
    shape = (encoder.batch_size, size, size, 3)
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(encoder.encode, [pixels] * workers))
        done, start = 0, time.perf_counter()
        while done < FEWEST_CALLS or time.perf_counter() - start < seconds:
            list(pool.map(encoder.encode, [pixels] * workers * 2))
            done += workers * 2
        return done * len(pixels) / (time.perf_counter() - start)


def measure_apart(
    name: str, *, seconds: float = 3.0, device: str = "auto", backend: str = "auto"
) -> Measured:
    """Measure in a new process, and remember the result for ``measured``.

    Raises:
        LookalikeError: The encoder cannot be used; as ``load_encoder`` says it.
    """
    command = [sys.executable, "-m", "lookalike.encoders.measuring"]
    ended = subprocess.run(
        [*command, json.dumps([name, seconds, device, backend])], capture_output=True, text=True
    )
    lines = ended.stdout.strip().splitlines()
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError):
        reason = (ended.stderr.strip().splitlines() or ["no reason"])[-1]
        raise EncoderError(
            f"The process that measured encoder {name!r} ended with {ended.returncode}: {reason}."
        ) from None
    if "failure" in answer:
        raise EncoderError(answer["failure"])
    found = Measured(**answer)
    remember(found)
    return found


def remember(found: Measured) -> None:
    """Keep a measurement under the encoder's name."""
    keep_facts(FILE, found.name, asdict(found))


def measured(name: str) -> Measured | None:
    """Return what was last measured of an encoder on this machine."""
    facts = kept_facts(FILE).get(name)
    names = {item.name for item in fields(Measured)}
    if not isinstance(facts, Mapping) or set(facts) != names:
        return None
    return Measured(**facts)


def held_bytes() -> int | None:
    """Read how much memory this process holds now, where the system tells."""
    return status_bytes("VmRSS")


def peak_bytes() -> int | None:
    """Read the most memory this process ever held, where the system tells.

    Not by getrusage, which on Linux goes on counting from the process before it.
    """
    return status_bytes("VmHWM")


def status_bytes(name: str) -> int | None:
    """Read one line, in KiB, of what Linux tells of this process."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
    except (OSError, ValueError, StopIteration):
        return None


def main(arguments: list[str]) -> None:
    """Measure what the one argument says, as JSON, and print the result or the failure."""
    name, seconds, device, backend = json.loads(arguments[0])
    try:
        answer = asdict(measure(name, seconds=seconds, device=device, backend=backend))
    except LookalikeError as error:
        answer = {"failure": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
