"""The three losses of distillation: towards the teacher, between pictures, and the labels."""

# torch is checked as Any, as the machine that checks need not have it.
# mypy: disallow-subclassing-any=False

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.training.pictures import UNLABELLED

FORBIDDEN = -1e4  # A logit no class can win with; finite, so that bfloat16 stays harmless.


def cosine_loss(embeddings: Tensor, targets: Tensor) -> Tensor:
    """Average 1 - cosine between unit rows (n, dim) and the teacher's unit rows (n, dim)."""
    return 1 - (embeddings * targets).sum(dim=1).mean()


def similarity_loss(embeddings: Tensor, targets: Tensor, temperature: float = 0.1) -> Tensor:
    """Compare who resembles whom within the batch, to student and to teacher.

    For every row, the Kullback-Leibler divergence KL(teacher || student) between the
    softmax of its cosines to all other rows (Passalis and Tefas, *Learning Deep
    Representations with Probabilistic Knowledge Transfer*, ECCV 2018, with a softmax kernel).
    """
    own = torch.eye(len(embeddings), dtype=torch.bool, device=embeddings.device)
    student = (embeddings @ embeddings.T / temperature).masked_fill(own, FORBIDDEN)
    teacher = (targets @ targets.T / temperature).masked_fill(own, FORBIDDEN)
    return functional.kl_div(
        functional.log_softmax(student, dim=1),
        functional.log_softmax(teacher, dim=1),
        reduction="batchmean",
        log_target=True,
    )


class LabelLoss(nn.Module):
    """Cross-entropy over cosines to one learned proxy per class (Wang et al., *NormFace*, 2017).

    A picture competes with the classes of its own group only: "scorpion" in one data set
    must not be pushed away from "scorpion" in another.
    """

    def __init__(self, group_of_class: Tensor, dim: int, scale: float, smoothing: float) -> None:
        super().__init__()
        self.proxies = nn.Parameter(torch.randn(len(group_of_class), dim) / dim**0.5)
        self.register_buffer("group_of_class", group_of_class)
        self.scale = scale
        self.smoothing = smoothing

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Average over the labelled rows of (n, dim), labels (n,); zero if there is none."""
        labelled = labels != UNLABELLED
        if not bool(labelled.any()):
            return embeddings.sum() * 0
        labels = labels[labelled]
        cosines = embeddings[labelled] @ functional.normalize(self.proxies, dim=1).T
        rivals = self.group_of_class[labels][:, None] == self.group_of_class[None, :]
        logarithms = functional.log_softmax(
            (self.scale * cosines).masked_fill(~rivals, FORBIDDEN), dim=1
        )
        hit = -logarithms.gather(1, labels[:, None]).squeeze(1)
        spread = -(logarithms * rivals).sum(dim=1) / rivals.sum(dim=1)
        return ((1 - self.smoothing) * hit + self.smoothing * spread).mean()
