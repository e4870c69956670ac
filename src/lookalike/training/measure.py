"""Measure encoders by leave-one-out retrieval over folders of pictures.

Run as `python -m lookalike.training.measure [--encoder DIR] [--teacher FILE] [--data DIR]`: every
picture of a tar is the query once, all others are ranked by cosine, and a picture is
relevant if it lies in the same folder.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lookalike.encoders import Encoder, embed, load_card, load_encoder
from lookalike.encoders.loading import onnx_encoder
from lookalike.evaluation.judging.metrics import average_precision, precision_at_k
from lookalike.evaluation.judging.protocol import Judged
from lookalike.training.pictures import Picture, read_photographs
from lookalike.training.prepare import default_teacher, shared_folder

logger = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float32]

EVALUATION_SETS = ("caltech101-eval", "grocery-eval", "clothing-eval")


@dataclass(frozen=True)
class Retrieval:
    """How well one encoder finds pictures of the same class."""

    pictures: int
    mean_average_precision: float
    precision_at_1: float


def leave_one_out(embeddings: FloatArray, labels: npt.NDArray[np.int64]) -> Retrieval:
    """Rank all other rows for every row of (n, dim) by cosine.

    Rows without any relevant row are left out of the mean average precision and of the mean
    precision at 1, which are those of `lookalike.evaluation.judging.metrics`.
    """
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-12)
    scores = unit @ unit.T
    np.fill_diagonal(scores, -np.inf)
    order = np.argsort(-scores, axis=1, kind="stable")
    # By its number: a row of NaN, which training can bring about, is last of all.
    others = order[order != np.arange(len(order))[:, None]].reshape(len(order), -1)
    relevant = (labels[others] == labels[:, None]).astype(np.int8)
    judged = Judged(relevant, relevant.sum(axis=1, dtype=np.int64))
    return Retrieval(
        len(labels),
        float(np.nanmean(average_precision(judged))),
        float(np.nanmean(precision_at_k(judged, 1))),
    )


def teacher_encoder(path: Path) -> Encoder:
    """Load the teacher as the encoder that it is, at its own input size."""
    return load_encoder(f"onnx:{path}?size=224&resize=224&mean=.5&std=.5&output=embedding")


def exported_encoder(folder: Path) -> Encoder:
    """Load an exported folder: `card.json` and the weights that it names."""
    card = load_card(folder / "card.json")
    return onnx_encoder(card, folder / card.weights)


def measure(pictures: Sequence[Picture], encoder: Encoder, batch_size: int = 256) -> Retrieval:
    """Embed pictures as the product does, and rank them."""
    numbers = {name: number for number, name in enumerate({one.class_name for one in pictures})}
    labels = np.array([numbers[one.class_name] for one in pictures], np.int64)
    parts = [
        embed([one.data for one in pictures[start : start + batch_size]], encoder)
        for start in range(0, len(pictures), batch_size)
    ]
    return leave_one_out(np.concatenate(parts), labels)


def measure_sets(data: Path, encoder: Encoder) -> dict[str, Retrieval]:
    """Measure one encoder on the three evaluation tars."""
    return {
        name: measure(list(read_photographs(data / f"{name}.tar")), encoder)
        for name in EVALUATION_SETS
    }


def compare(data: Path, student: Encoder, teacher: Encoder) -> dict[str, dict[str, float]]:
    """Measure student and teacher by the same code, as the card's `measured.retrieval`."""
    students, teachers = measure_sets(data, student), measure_sets(data, teacher)
    return {
        name: {
            "pictures": students[name].pictures,
            "mean_average_precision": round(students[name].mean_average_precision, 4),
            "precision_at_1": round(students[name].precision_at_1, 4),
            "teacher_mean_average_precision": round(teachers[name].mean_average_precision, 4),
            "teacher_precision_at_1": round(teachers[name].precision_at_1, 4),
        }
        for name in EVALUATION_SETS
    }


def table(retrieval: dict[str, dict[str, float]]) -> str:
    """Lay the comparison out for people."""
    lines = [
        f"{'set':<18}{'pictures':>9}{'mAP':>8}{'teacher':>9}{'ratio':>7}{'p@1':>8}{'teacher':>9}"
    ]
    for name, row in retrieval.items():
        ratio = row["mean_average_precision"] / row["teacher_mean_average_precision"]
        lines.append(
            f"{name:<18}{row['pictures']:>9}{row['mean_average_precision']:>8.4f}"
            f"{row['teacher_mean_average_precision']:>9.4f}{ratio:>7.3f}"
            f"{row['precision_at_1']:>8.4f}{row['teacher_precision_at_1']:>9.4f}"
        )
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare an exported encoder with the teacher on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", type=Path, help="folder with card.json; default: builtin")
    parser.add_argument("--teacher", type=Path, default=default_teacher())
    parser.add_argument("--data", type=Path, default=shared_folder() / "data")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    student = exported_encoder(options.encoder) if options.encoder else load_encoder("builtin")
    retrieval = compare(options.data, student, teacher_encoder(options.teacher))
    sys.stdout.write(table(retrieval))


if __name__ == "__main__":
    main()
