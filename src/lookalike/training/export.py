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
from lookalike.training.held_out import HeldOut, embed_pixels, recalibrate
from lookalike.training.measure import (
    compare,
    exported_encoder,
    leave_one_out,
    table,
    teacher_encoder,
)
from lookalike.training.network import Student, StudentConfig
from lookalike.training.onnx_graph import build_model, save_model
from lookalike.training.pictures import (
    UNLABELLED,
    Picture,
    preprocess,
    read_photographs,
    read_tiny_imagenet,
    split_held_out,
)
from lookalike.training.prepare import default_teacher, shared_folder
from lookalike.training.teacher import Projection
from lookalike.training.whitening import fit_class_whitening

logger = logging.getLogger(__name__)

LARGEST_FILE_BYTES = 8_000_000
LEAST_COSINE = 0.9999
WHITENING_PICTURES = 5000


def load_student(path: Path) -> tuple[Student, dict[str, object]]:
    """Load the averaged network of a checkpoint, and the checkpoint."""
    stored = load_checkpoint(path)
    network = Student(StudentConfig.from_dict(stored["config"]))
    network.load_state_dict(stored["average"])
    return network.to(memory_format=torch.channels_last).eval(), stored


def write_weights(
    network: Student,
    size: int,
    path: Path,
    pixels: npt.NDArray[np.uint8],
    whitening: Projection | None = None,
) -> Rounding:
    """Write the file and compare it with the network on `pixels` (n, size, size, 3)."""
    reference = embed_pixels(network, torch.from_numpy(pixels).permute(0, 3, 1, 2)).numpy()
    if whitening is not None:
        reference = whitening(reference)
    save_model(build_model(network, size, rounded=False, whitening=whitening), path)
    exact = (run_model(path, pixels) * reference).sum(axis=1)
    save_model(build_model(network, size, rounded=True, whitening=whitening), path)
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


def whitening_of(
    path: Path, data: Path, photos: Sequence[Picture], inference: Inference
) -> Projection:
    """Fit the whitening on some training pictures, and log what it does to the held-out ones."""
    tiny = list(read_tiny_imagenet(data / "tiny-imagenet-200.tar"))
    chosen = [
        photos[:: len(photos) // WHITENING_PICTURES],
        tiny[:: len(tiny) // WHITENING_PICTURES],
    ]
    projection = fit_class_whitening(
        [(embedded(path, part, inference), class_numbers(part)) for part in chosen],
        inference.whitening,
    )
    held_out = HeldOut.read(data)
    plain = embedded(path, held_out.pictures, inference)
    for name, rows in (("plain", plain), ("whitened", projection(plain))):
        logger.info("held-out, %s: %s", name, leave_one_out(rows, held_out.labels))
    return projection


def embedded(
    path: Path, pictures: Sequence[Picture], inference: Inference, batch_size: int = 64
) -> npt.NDArray[np.float32]:
    """Embed training pictures with the file as it is: (n, dim)."""
    parts = []
    for start in range(0, len(pictures), batch_size):
        batch = [one.decode() for one in pictures[start : start + batch_size]]
        crops = [preprocess(one, inference.size, inference.resize) for one in batch]
        parts.append(run_model(path, np.stack(crops)))
    return np.concatenate(parts)


def class_numbers(pictures: Sequence[Picture]) -> npt.NDArray[np.int64]:
    """Number the classes of pictures: (n,), UNLABELLED where there is none."""
    names = sorted({one.class_name for one in pictures if one.class_name is not None})
    numbers = {name: number for number, name in enumerate(names)}
    return np.array([numbers.get(str(one.class_name), UNLABELLED) for one in pictures], np.int64)


def main(arguments: Sequence[str] | None = None) -> None:
    """Export from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--resize", type=int, default=128)
    parser.add_argument("--recalibrate", action="store_true", help="renew the norms' statistics")
    parser.add_argument(
        "--whitening", type=float, default=1.0, help="how far to whiten by class; 0: not at all"
    )
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
    inference = Inference(options.size, options.resize, options.recalibrate, options.whitening)
    rounding = write_weights(network, options.size, path, pixels[:256])
    if inference.whitening:
        whitening = whitening_of(path, options.data, photos, inference)
        rounding = write_weights(network, options.size, path, pixels[:256], whitening)
    logger.info("%d bytes, %s", path.stat().st_size, rounding)
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
