"""Measure a network in training on the photographs that training never sees."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from lookalike.training.measure import leave_one_out
from lookalike.training.network import Student
from lookalike.training.pictures import Picture, preprocess, read_photographs, split_held_out


@dataclass(frozen=True)
class HeldOut:
    """The held-out photographs and their class numbers (n,)."""

    pictures: list[Picture]
    labels: npt.NDArray[np.int64]

    @classmethod
    def read(cls, data: Path) -> HeldOut:
        """Read them from the training tar."""
        _, pictures = split_held_out(list(read_photographs(data / "photos-train.tar")))
        names = sorted({str(picture.class_name) for picture in pictures})
        labels = [names.index(str(picture.class_name)) for picture in pictures]
        return cls(pictures, np.array(labels, np.int64))

    def pixels(self, size: int, resize: int) -> Tensor:
        """Preprocess all of them: uint8 (n, 3, size, size)."""
        stacked = [preprocess(picture.decode(), size, resize) for picture in self.pictures]
        return torch.from_numpy(np.stack(stacked)).permute(0, 3, 1, 2)

    def precision(self, network: Student, size: int = 128, resize: int = 128) -> float:
        """Compute the mean average precision of leave-one-out retrieval among them."""
        embeddings = embed_pixels(network, self.pixels(size, resize)).numpy()
        return leave_one_out(embeddings, self.labels).mean_average_precision


def embed_pixels(network: Student, pixels: Tensor, batch_size: int = 64) -> Tensor:
    """Embed uint8 (n, 3, h, w) in evaluation mode and full precision: (n, dim)."""
    network.eval()
    with torch.no_grad():
        parts = [
            network(batch.float().contiguous(memory_format=torch.channels_last))
            for batch in pixels.split(batch_size)
        ]
    return torch.cat(parts)


def recalibrate(network: Student, pixels: Tensor, batch_size: int = 64) -> None:
    """Replace the norms' statistics by those of `pixels` (n, 3, h, w), as seen at inference.

    Random crops show objects larger than whole pictures do, so the statistics of training
    are slightly off (Touvron et al., *Fixing the train-test resolution discrepancy*, 2019).
    """
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    network.train()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # The plain average over batches.
    with torch.no_grad():
        for batch in pixels.split(batch_size):
            network(batch.float().contiguous(memory_format=torch.channels_last))
    network.eval()
