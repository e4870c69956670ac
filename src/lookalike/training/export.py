"""Export a checkpoint as the encoder in the box: `weights.onnx` and `card.json`.

Run as `python -m lookalike.training.export --checkpoint FILE --out DIR`. The exported graph
is checked against the network on real pictures before the card is written.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from lookalike.errors import LookalikeError
from lookalike.training.card import Inference, Rounding, make_card, run_model
from lookalike.training.distil import load_checkpoint
from lookalike.training.held_out import embed_pixels, recalibrate
from lookalike.training.measure import compare, exported_encoder, table, teacher_encoder
from lookalike.training.network import Student, StudentConfig
from lookalike.training.onnx_graph import build_model, save_model
from lookalike.training.pictures import preprocess, read_photographs, split_held_out
from lookalike.training.prepare import default_teacher, shared_folder

logger = logging.getLogger(__name__)

LARGEST_FILE_BYTES = 8_000_000
LEAST_COSINE = 0.9999


def load_student(path: Path) -> tuple[Student, dict[str, object]]:
    """Load the averaged network of a checkpoint, and the checkpoint."""
    stored = load_checkpoint(path)
    network = Student(StudentConfig.from_dict(stored["config"]))
    network.load_state_dict(stored["average"])
    return network.to(memory_format=torch.channels_last).eval(), stored


def write_weights(
    network: Student, size: int, path: Path, pixels: npt.NDArray[np.uint8]
) -> Rounding:
    """Write the file and compare it with the network on `pixels` (n, size, size, 3)."""
    reference = embed_pixels(network, torch.from_numpy(pixels).permute(0, 3, 1, 2)).numpy()
    save_model(build_model(network, size, rounded=False), path)
    exact = (run_model(path, pixels) * reference).sum(axis=1)
    save_model(build_model(network, size, rounded=True), path)
    stored = (run_model(path, pixels) * reference).sum(axis=1)
    if exact.min() < LEAST_COSINE:
        raise LookalikeError(
            f"The exported graph disagrees with the network: least cosine {exact.min():.6f}, "
            f"wanted {LEAST_COSINE}. The graph in onnx_graph.py does not match network.py."
        )
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise LookalikeError(
            f"{path} has {path.stat().st_size} bytes; at most {LARGEST_FILE_BYTES} are allowed. "
            "Train a narrower network."
        )
    return Rounding(float(exact.min()), float(stored.mean()), float(stored.min()))


def main(arguments: Sequence[str] | None = None) -> None:
    """Export from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--resize", type=int, default=128)
    parser.add_argument("--recalibrate", action="store_true", help="renew the norms' statistics")
    parser.add_argument("--data", type=Path, default=shared_folder() / "data")
    parser.add_argument("--teacher", type=Path, default=default_teacher())
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    network, stored = load_student(options.checkpoint)
    photos, _ = split_held_out(list(read_photographs(options.data / "photos-train.tar")))
    chosen = photos[:: max(1, len(photos) // 1000)]
    pixels = np.stack([preprocess(one.decode(), options.size, options.resize) for one in chosen])
    if options.recalibrate:
        recalibrate(network, torch.from_numpy(pixels).permute(0, 3, 1, 2))
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "weights.onnx"
    rounding = write_weights(network, options.size, path, pixels[:256])
    logger.info("%d bytes, %s", path.stat().st_size, rounding)
    inference = Inference(options.size, options.resize, options.recalibrate)
    card = make_card(path, network, stored, inference, rounding)
    _write_card(options.out, card)
    retrieval = compare(
        options.data, exported_encoder(options.out), teacher_encoder(options.teacher)
    )
    measured = card["measured"]
    if isinstance(measured, dict):
        measured["retrieval"] = retrieval
        measured["command"] = "python -m lookalike.training.measure"
    _write_card(options.out, card)
    sys.stdout.write(table(retrieval))


def _write_card(folder: Path, card: dict[str, object]) -> None:
    (folder / "card.json").write_text(json.dumps(card, indent=2) + "\n")


if __name__ == "__main__":
    main()
