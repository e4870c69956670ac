"""Compare inference sizes, crops and norm statistics on the held-out photographs.

Run as `python -m lookalike.training.choose --checkpoint FILE`; the evaluation tars take no
part in the choice.
"""

from __future__ import annotations

import argparse
import copy
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from lookalike.training.export import load_student
from lookalike.training.held_out import HeldOut, recalibrate
from lookalike.training.pictures import preprocess, read_photographs, split_held_out
from lookalike.training.prepare import shared_folder

CROP_FRACTIONS = (1.0, 1 / 1.07, 1 / 1.14)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the held-out mean average precision of every choice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[112, 128, 144, 160])
    parser.add_argument("--data", type=Path, default=shared_folder() / "data")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO)
    network, _ = load_student(options.checkpoint)
    held_out = HeldOut.read(options.data)
    photos, _ = split_held_out(list(read_photographs(options.data / "photos-train.tar")))
    chosen = [picture.decode() for picture in photos[:: max(1, len(photos) // 1000)]]
    sys.stdout.write("size resize  as trained  recalibrated\n")
    for size in options.sizes:
        for fraction in CROP_FRACTIONS:
            resize = round(size / fraction)
            pixels = np.stack([preprocess(picture, size, resize) for picture in chosen])
            renewed = copy.deepcopy(network)
            recalibrate(renewed, torch.from_numpy(pixels).permute(0, 3, 1, 2))
            both = [held_out.precision(one, size, resize) for one in (network, renewed)]
            sys.stdout.write(f"{size:4} {resize:6} {both[0]:11.4f} {both[1]:13.4f}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
