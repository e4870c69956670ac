"""From a torch network to an accepted export."""

from __future__ import annotations

import datetime
import os
import shutil
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders.cards import EncoderCard, with_precision
from lookalike.encoders.exporting.gates import (
    Agreement,
    agreement_of,
    passes,
    require_agreement,
    require_pictures,
    share_out,
)
from lookalike.encoders.exporting.graphs import quietly, require_exporters, write_onnx
from lookalike.encoders.exporting.quantizing import round_for_onnx, round_for_openvino
from lookalike.encoders.exporting.store import (
    NETWORK_FILES,
    Evidence,
    Export,
    fingerprint_of,
    folder_of,
    hashes_of,
    require_known,
    runtime_for,
    write_manifest,
    writing_export,
)
from lookalike.errors import EncoderError, LookalikeError, first_line
from lookalike.images.preprocessing import normalized

if TYPE_CHECKING:
    from lookalike.encoders.families.network import TorchNetwork

__all__ = ["Listener", "export_network"]

# Called with what is being done, pictures done, and pictures in all.
Listener = Callable[[str, int, int], None]

BATCH_SIZE = 16
LIBRARIES = ("torch", "onnx", "onnxscript", "onnxruntime", "openvino", "nncf")


def export_network(
    network: TorchNetwork,
    card: EncoderCard,
    digest: str,
    *,
    to: str,
    precision: str,
    pictures: NDArray[np.uint8],
    pictures_from: str = "",
    on_progress: Listener | None = None,
) -> Export:
    """Write a network for another library, and keep it if it gives the same embeddings.

    Args:
        network: What is exported.
        card: What it is; ``precision`` takes the place of its own.
        digest: sha256 of its weights.
        to: ``openvino`` or ``onnx``.
        precision: ``exact``: lowest cosine to torch at least 0.9999. ``bf16``: 0.999
            on average. ``int8``: of the ten nearest pictures, 0.95 stay the same.
        pictures: Real ones, prepared: uint8 ``(n, size, size, 3)``; for ``int8``
            at least 75, of which a third, up to 300, set the ranges and the rest
            judge.
        pictures_from: Whose pictures they are, for people: kept with the evidence.
        on_progress: Called with what is being done, pictures done and in all.

    Raises:
        EncoderError: It is refused, with the number; nothing is left behind.
        MissingExtra: A library is not installed.
        UsageError: No such back-end or precision, or the cache cannot be written.
        StorageFull: The disk is full; nothing is left behind.
    """
    require_known(to, precision)
    require_pictures(len(pictures), precision=precision)
    require_exporters(card.name, to, precision)
    heard = on_progress or (lambda stage, done, total: None)
    card = with_precision(card, precision)
    fingerprint = fingerprint_of(card, digest)
    count = share_out(len(pictures), precision=precision)
    shaping, judging = apart(pictures, count)
    started = time.monotonic()
    with writing_export(fingerprint, to, precision) as folder:
        for is_careful in attempts(to, precision):
            heard("writing the graph", 0, 1)
            write_graph(network, folder, card, to=to, pictures=shaping, is_careful=is_careful)
            comparison = compared(network, card, folder, to=to, pictures=judging, heard=heard)
            if passes(comparison[0], precision=precision):
                break
        what = f"The {to} export of encoder {card.name!r} in precision {precision}"
        require_agreement(comparison[0], precision=precision, what=what, pictures=len(judging))
        evidence = evidence_of(
            comparison,
            pictures=len(judging),
            pictures_from=pictures_from,
            calibrated_on=count,
            started=started,
        )
        place = folder_of(fingerprint, to, precision)
        files = hashes_of(folder)
        export = Export(card.name, to, precision, fingerprint, place, files, evidence)
        write_manifest(export, folder)
    return export


def evidence_of(
    comparison: tuple[Agreement, float, float],
    *,
    pictures: int,
    pictures_from: str,
    calibrated_on: int,
    started: float,
) -> Evidence:
    """Write down why an export is accepted.

    Args:
        comparison: What ``compared`` found.
        pictures: How many it was compared on.
        pictures_from: Whose they were, for people.
        calibrated_on: How many set its ranges.
        started: When the export began, by the monotonic clock.
    """
    agreement, torch_rate, rate = comparison
    return Evidence(
        pictures=pictures,
        cosine_min=agreement.cosine_min,
        cosine_mean=agreement.cosine_mean,
        overlap=agreement.overlap,
        calibrated_on=calibrated_on,
        torch_rate=torch_rate,
        rate=rate,
        seconds=time.monotonic() - started,
        made=datetime.date.today().isoformat(),
        pictures_from=pictures_from,
        libraries=installed_versions(),
    )


def apart(pictures: NDArray[np.uint8], count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Take count pictures out, evenly spread: pictures of a kind often lie together.

    Returns:
        Those taken out, or the first two where count is 0; and the rest.
    """
    if not count:
        return pictures[:2], pictures
    taken = np.zeros(len(pictures), dtype=bool)
    taken[np.linspace(0, len(pictures) - 1, count).astype(int)] = True
    return pictures[taken], pictures[~taken]


def attempts(to: str, precision: str) -> tuple[bool, ...]:
    """Say how to try: NNCF's integers with more care, where they were refused without."""
    return (False, True) if (to, precision) == ("openvino", "int8") else (False,)


def write_graph(
    network: TorchNetwork,
    folder: Path,
    card: EncoderCard,
    *,
    to: str,
    pictures: NDArray[np.uint8],
    is_careful: bool,
) -> None:
    """Write the files of an export in its card's precision.

    OpenVINO reads what torch wrote as ONNX: one tracing for both.
    """
    workshop = folder / "workshop"
    workshop.mkdir()
    traced = workshop / "traced.onnx"
    write_onnx(network, np.resize(pictures, (2, *pictures.shape[1:])), traced, name=card.name)
    try:
        if to == "openvino":
            finish_openvino(traced, folder, card.precision, pictures, is_careful=is_careful)
        else:
            finish_onnx(traced, folder, card.precision, pictures)
    except LookalikeError:
        raise
    except Exception as error:  # the libraries' errors share no public base class
        raise EncoderError(
            f"Encoder {card.name!r} cannot be brought to {to} in {card.precision} "
            f"({first_line(error)}): try another precision or back-end."
        ) from error
    shutil.rmtree(workshop)


def finish_openvino(
    traced: Path,
    folder: Path,
    precision: str,
    pictures: NDArray[np.uint8],
    *,
    is_careful: bool,
) -> None:
    """Write OpenVINO's form of an ONNX file.

    The core reads it, not ``convert_model``, which reports its use to its makers.
    """
    import openvino

    model = openvino.Core().read_model(str(traced))
    if precision == "int8":
        model = round_for_openvino(model, pictures, is_careful=is_careful)
    with quietly():
        # bfloat16 has fewer digits than the float16 that its weights are kept in.
        file = folder / NETWORK_FILES["openvino"]
        openvino.save_model(model, str(file), compress_to_fp16=precision == "bf16")


def finish_onnx(traced: Path, folder: Path, precision: str, pictures: NDArray[np.uint8]) -> None:
    """Keep an ONNX file, or one made of it in integers."""
    file = folder / NETWORK_FILES["onnx"]
    if len(list(traced.parent.iterdir())) > 1:
        raise EncoderError("Networks above 2 GB do not fit an ONNX file: export to openvino.")
    if precision == "int8":
        round_for_onnx(traced, file, pictures)
    else:
        os.rename(traced, file)


def compared(
    network: TorchNetwork,
    card: EncoderCard,
    folder: Path,
    *,
    to: str,
    pictures: NDArray[np.uint8],
    heard: Listener,
) -> tuple[Agreement, float, float]:
    """Run both on the same pictures, taking turns: whatever else runs here slows both alike.

    Returns:
        How far they agree, and the pictures a second of torch and of the export.
    """
    by_torch = torch_runner(network)
    runtime = runtime_for(to, folder, card)
    for run in (by_torch, runtime.run):
        run(pictures[:1])  # the first call is slow, and not counted
    exact, rows = Timed(), Timed()
    turn = BATCH_SIZE * runtime.workers
    with ThreadPoolExecutor(runtime.workers) as pool:
        for start in range(0, len(pictures), turn):
            part = pictures[start : start + turn]
            batches = [part[at : at + BATCH_SIZE] for at in range(0, len(part), BATCH_SIZE)]
            exact.take(map(by_torch, batches))
            rows.take(pool.map(runtime.run, batches))
            heard("comparing with torch", start + len(part), len(pictures))
    return agreement_of(exact.rows, rows.rows), exact.rate, rows.rate


class Timed:
    """Rows as they come, and the seconds that they took."""

    def __init__(self) -> None:
        self._parts: list[NDArray[np.floating]] = []
        self._seconds = 0.0

    def take(self, batches: Iterable[NDArray[np.floating]]) -> None:
        """Wait for some more."""
        started = time.perf_counter()
        self._parts.extend(batches)
        self._seconds += time.perf_counter() - started

    @property
    def rows(self) -> NDArray[np.floating]:
        """All rows so far."""
        return np.concatenate(self._parts)

    @property
    def rate(self) -> float:
        """Rows a second."""
        return sum(map(len, self._parts)) / self._seconds


def torch_runner(network: TorchNetwork) -> Callable[[NDArray[np.uint8]], NDArray[np.floating]]:
    """Run a network as it is: eager, float32, all cores in one call."""
    import torch

    def run(pixels: NDArray[np.uint8]) -> NDArray[np.floating]:
        planes = torch.from_numpy(normalized(pixels, network.preprocessing))
        with torch.inference_mode():
            rows: NDArray[np.floating] = network.images(planes).numpy()
        return rows

    return run


def installed_versions() -> dict[str, str]:
    """List the versions of the libraries that had a part in it."""
    found = {}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
