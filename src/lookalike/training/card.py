"""The card of an exported encoder: what it is, how it was made and what it was measured at."""

from __future__ import annotations

import hashlib
import os
import platform
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image

from lookalike.encoders.canonical import DESCRIPTION, canonical_picture
from lookalike.training.network import Student, parameter_count
from lookalike.training.pictures import preprocess

DATA_TERMS = (
    "Trained from random weights on tiny-ImageNet (ImageNet terms: non-commercial research "
    "use of the pictures) and on photographs of Caltech-101 (CC BY 4.0), a clothing set "
    "(CC0), the Grocery Store set (MIT) and 1,000 ImageNet samples. Teacher: MobileNetV2 1.0 "
    "from google-coral/test_data (Apache-2.0), whose weights are not part of this file."
)


RECIPE = (
    "Random crops ('views') of every training picture are cut once and embedded by the teacher; "
    "its embedding, centred and reduced by partly whitened PCA, is the target of the same crop. "
    "Loss: cosine to the target, agreement of the batch's similarities, and cross-entropy over "
    "class proxies. AdamW, bfloat16, cosine learning rate over the wall clock, growing picture "
    "size, averaged weights. The averaged network's embedding is then whitened by class, fitted "
    "on training pictures."
)


@dataclass(frozen=True)
class Rounding:
    """What the way from the network to the stored file costs: cosines between embeddings."""

    float_least: float
    stored_mean: float
    stored_least: float


@dataclass(frozen=True)
class Inference:
    """How pictures reach the exported network, and what was fitted after training.

    Attributes:
        recalibrated: Whether the norms' statistics were renewed.
        whitening: How far the embedding is whitened by class, in [0, 1].
    """

    size: int
    resize: int
    recalibrated: bool
    whitening: float = 0.0


def run_model(
    path: Path, pixels: npt.NDArray[np.uint8], threads: int = 2
) -> npt.NDArray[np.float32]:
    """Run an exported file on uint8 (n, size, size, 3)."""
    output: npt.NDArray[np.float32] = _session(path, threads).run(None, {"pixels": pixels})[0]
    return output


def milliseconds_per_picture(path: Path, size: int, threads: int, rounds: int = 40) -> float:
    """Time single pictures: the median of `rounds` runs."""
    session = _session(path, threads)
    pixels = np.random.default_rng(0).integers(0, 256, (1, size, size, 3), np.uint8)
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        session.run(None, {"pixels": pixels})
        times.append(time.perf_counter() - start)
    return round(1000 * statistics.median(times), 3)


def make_card(
    path: Path, network: Student, stored: dict[str, object], inference: Inference, cost: Rounding
) -> dict[str, object]:
    """Describe the written weights; `measured.retrieval` is filled in afterwards."""
    picture = preprocess(Image.fromarray(canonical_picture()), inference.size, inference.resize)
    first = run_model(path, picture[None])[0, :8]
    return {
        "name": "builtin",
        "version": "1",
        "description": (
            "A small residual network for image similarity search, distilled from MobileNetV2."
        ),
        "licence": "Apache-2.0",
        "dim": network.config.dim,
        "weights": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "size_bytes": path.stat().st_size,
        "parameters": parameter_count(network),
        "input": "pixels",
        "output": "embedding",
        "preprocessing": {
            "size": inference.size,
            "resize": inference.resize,
            "interpolation": "bicubic",
            "mean": None,
            "std": None,
        },
        "data": DATA_TERMS,
        "recipe": recipe_facts(network, stored, inference, cost),
        "canonical": {
            "description": DESCRIPTION,
            "first": [round(float(number), 6) for number in first],
            "tolerance": 1e-3,
        },
        "measured": {
            "ms_per_picture_one_thread": milliseconds_per_picture(path, inference.size, 1),
            "ms_per_picture_two_threads": milliseconds_per_picture(path, inference.size, 2),
            "machine": machine(),
        },
    }


def recipe_facts(
    network: Student, stored: dict[str, object], inference: Inference, cost: Rounding
) -> dict[str, object]:
    """Say how the weights were made, down to the command lines."""
    recalibrate = " --recalibrate" if inference.recalibrated else ""
    return {
        "description": RECIPE,
        "architecture": network.config.to_dict(),
        "settings": stored["recipe"],
        "minutes": round(float(str(stored["elapsed_s"])) / 60, 1),
        "samples_seen": stored["samples"],
        "steps": stored["steps"],
        "whitening": inference.whitening,
        "stored_weights": (
            "int8 with one float32 scale per output channel; cosine to the unrounded network on "
            f"training photographs: mean {cost.stored_mean:.5f}, least {cost.stored_least:.5f}"
        ),
        "commands": [
            training_command(stored),
            "python -m lookalike.training.export --checkpoint RUN/checkpoint.pt "
            f"--size {inference.size} --resize {inference.resize}{recalibrate} "
            f"--whitening {inference.whitening:g} "
            "--out src/lookalike/encoders/builtin",
        ],
    }


def training_command(stored: dict[str, object]) -> str:
    """Write the command line that trains the same network for the same time."""
    recipe = stored["recipe"]
    if not isinstance(recipe, dict):
        raise TypeError("The checkpoint's recipe is no mapping.")
    options = {
        "minutes": recipe["minutes"],
        "label-weight": recipe["label_weight"],
        "label-scale": recipe["label_scale"],
        "peak-rate": recipe["peak_rate"],
        "similarity-weight": recipe["similarity_weight"],
        "whitening": recipe["whitening"],
    }
    given = " ".join(f"--{name} {value:g}" for name, value in options.items())
    return f"python -m lookalike.training.distil --data $LOOKALIKE_SHARED/data --out RUN {given}"


def machine() -> str:
    """Name the processor and the number of its cores."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    families = [line.split(":", 1)[1].strip() for line in lines if line.startswith("cpu family")]
    if not names:
        return f"{platform.machine()}, {os.cpu_count()} cores"
    return f"{names[0]} (family {families[0]}), {len(names)} cores"


def _session(path: Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
