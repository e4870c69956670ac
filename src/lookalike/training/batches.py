"""Draw training batches from the packed views and augment them in batched tensor operations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from lookalike.training.pictures import UNLABELLED, ViewSet
from lookalike.training.teacher import Projection


@dataclass(frozen=True)
class Batch:
    """Pictures as uint8 (n, 3, h, w), unit targets (n, dim) and labels (n,)."""

    pixels: Tensor
    targets: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Stage:
    """What the batches look like until a given share of the training time is over."""

    until: float
    size: int
    photo_share: float


# Small pictures and mostly tiny-ImageNet first, where a step is cheap; photographs near their
# own resolution last (progressive resizing: Howard, *DAWNBench*, 2018; Tan and Le,
# *EfficientNetV2*, 2021, section 4).
STAGES = (
    Stage(until=0.30, size=64, photo_share=0.50),
    Stage(until=0.55, size=80, photo_share=0.55),
    Stage(until=0.80, size=96, photo_share=0.60),
    Stage(until=0.92, size=112, photo_share=0.60),
    Stage(until=1.00, size=128, photo_share=0.65),
)


def stage_at(progress: float, stages: tuple[Stage, ...] = STAGES) -> Stage:
    """Find the stage for a progress in [0, 1]."""
    return next((stage for stage in stages if progress < stage.until), stages[-1])


def picture_weights(labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Weigh pictures so that a class of c pictures is drawn in proportion to sqrt(c): (n,).

    Unlabelled pictures weigh as much as those of a class of 100.
    """
    labelled = labels != UNLABELLED
    counts = np.bincount(labels[labelled])
    weights = np.full(len(labels), 100.0**-0.5)
    weights[labelled] = counts[labels[labelled]] ** -0.5
    return np.asarray(weights / weights.sum(), np.float64)


class ViewSampler:
    """Draws random views of one source, with the teacher's projected targets."""

    def __init__(
        self, views: ViewSet, targets: npt.NDArray[np.float16], projection: Projection
    ) -> None:
        # Held in memory: random rows of a file that the system dropped from its cache cost
        # more than the training step itself.
        self.pixels = np.array(views.pixels)
        self.views = views
        self.cumulative = np.cumsum(picture_weights(views.labels))
        flat = targets.reshape(-1, targets.shape[-1]).astype(np.float32)
        self.targets = projection(flat).reshape(*targets.shape[:2], -1)

    def draw(self, count: int, size: int, generator: np.random.Generator) -> Batch:
        """Draw `count` views at `size` px."""
        rows = np.searchsorted(self.cumulative, generator.random(count) * self.cumulative[-1])
        columns = generator.integers(self.pixels.shape[1], size=count)
        pixels = torch.from_numpy(self.pixels[rows, columns]).permute(0, 3, 1, 2)
        if pixels.shape[-1] != size:
            pixels = functional.interpolate(
                pixels, (size, size), mode="bilinear", align_corners=False, antialias=True
            )
        return Batch(
            pixels,
            torch.from_numpy(self.targets[rows, columns]),
            torch.from_numpy(self.views.labels[rows]),
        )


def join(first: Batch, second: Batch) -> Batch:
    """Concatenate two batches of one size."""
    return Batch(
        torch.cat([first.pixels, second.pixels]),
        torch.cat([first.targets, second.targets]),
        torch.cat([first.labels, second.labels]),
    )


def augment(pixels: Tensor, generator: torch.Generator, strength: float = 0.25) -> Tensor:
    """Mirror half of the pictures and jitter light and colour: uint8 to float32 (n, 3, h, w).

    Brightness and contrast scale a picture and its distance to its mean; saturation scales
    the distance of the three channels to their mean. All factors lie in 1 +- `strength`.
    Hue stays: the colour of fruit is what tells it apart.
    """
    count = len(pixels)
    mirrored = torch.rand(count, generator=generator) < 0.5
    output = pixels.float()
    output[mirrored] = output[mirrored].flip(3)
    factors = 1 + strength * (2 * torch.rand(3, count, 1, 1, 1, generator=generator) - 1)
    brightness, contrast, saturation = factors
    middle = output.mean((1, 2, 3), keepdim=True)
    grey = output.mean(1, keepdim=True)
    # brightness * (contrast * (x + (saturation - 1) * (x - grey)) + (1 - contrast) * middle)
    output = output.mul_(saturation).add_(grey.mul_(1 - saturation)).mul_(contrast)
    output = output.add_(middle.mul_(1 - contrast)).mul_(brightness).clamp_(0, 255)
    return output.contiguous(memory_format=torch.channels_last)
