"""The student: a small residual network that turns uint8 pictures into unit embeddings."""

# torch is checked as Any, as the machine that checks need not have it.
# mypy: disallow-subclassing-any=False

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lookalike.errors import UsageError

# Statistics of ImageNet pixels in [0, 255]; they only centre and scale the input.
PIXEL_MEAN = (123.7, 116.3, 103.5)
PIXEL_STD = (58.4, 57.1, 57.4)


@dataclass(frozen=True)
class StudentConfig:
    """The shape of the network: one stage per entry of `widths`, each half as wide and high.

    The stem reduces the picture by 4; the first stage keeps that size.
    """

    stem: int = 32
    widths: tuple[int, ...] = (64, 128, 256, 512)
    blocks: tuple[int, ...] = (1, 2, 2, 1)
    squeeze: bool = False
    dim: int = 256

    def to_dict(self) -> dict[str, object]:
        """Turn into what JSON and `from_dict` understand."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: object) -> StudentConfig:
        """Rebuild from `to_dict`, whatever became of its tuples."""
        if not isinstance(stored, dict):
            raise UsageError("The checkpoint holds no network shape: it was not made by distil.")
        fields: dict[str, Any] = {
            key: tuple(item) if isinstance(item, list) else item for key, item in stored.items()
        }
        return cls(**fields)


class ConvNorm(nn.Module):
    """Convolution without bias, then batch normalisation."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, maps: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        output: Tensor = self.norm(self.conv(maps))
        return output


class SqueezeExcite(nn.Module):
    """Weigh channels by a gate of their means (Hu et al., *Squeeze-and-Excitation*, 2018)."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // reduction, 1)
        self.expand = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Gate (n, channels, h, w)."""
        means = maps.mean((2, 3), keepdim=True)
        gate = functional.hardsigmoid(self.expand(functional.relu(self.reduce(means))))
        return maps * gate


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al., *Deep Residual Learning*, 2016).

    A shortcut that halves the maps averages before its 1x1 convolution, so that no pixel is
    thrown away (He et al., *Bag of Tricks*, 2019, ResNet-D).
    """

    def __init__(self, inputs: int, outputs: int, stride: int, squeeze: bool) -> None:
        super().__init__()
        self.first = ConvNorm(inputs, outputs, 3, stride)
        self.second = ConvNorm(outputs, outputs, 3)
        self.squeeze = SqueezeExcite(outputs) if squeeze else nn.Identity()
        self.pool = nn.AvgPool2d(2, 2, ceil_mode=True) if stride == 2 else nn.Identity()
        self.shortcut = ConvNorm(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        # Starting as the identity makes deep stacks train from the first step on (Goyal et
        # al., *Accurate, Large Minibatch SGD*, 2017, section 5.1).
        nn.init.zeros_(self.second.norm.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """Map (n, inputs, h, w) to (n, outputs, h / stride, w / stride)."""
        inner = self.squeeze(self.second(functional.relu(self.first(maps), inplace=True)))
        output: Tensor = functional.relu(inner + self.shortcut(self.pool(maps)), inplace=True)
        return output


class Student(nn.Module):
    """Pixels (n, 3, h, w) in [0, 255] to embeddings (n, dim) of unit length."""

    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("mean", torch.tensor(PIXEL_MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(PIXEL_STD).view(1, 3, 1, 1))
        first = config.widths[0]
        self.stem = nn.Sequential(
            ConvNorm(3, config.stem, 3, 2), nn.ReLU(inplace=True),
            ConvNorm(config.stem, first, 3, 2), nn.ReLU(inplace=True),
        )  # fmt: skip
        stages: list[nn.Module] = []
        inputs = first
        for number, (width, blocks) in enumerate(zip(config.widths, config.blocks, strict=True)):
            for block in range(blocks):
                stride = 2 if number > 0 and block == 0 else 1
                stages.append(ResidualBlock(inputs, width, stride, config.squeeze))
                inputs = width
        self.stages = nn.Sequential(*stages)
        self.head = nn.Linear(inputs, config.dim)

    def pooled(self, pixels: Tensor) -> Tensor:
        """Compute the mean of the last maps: (n, widths[-1])."""
        scaled = (pixels - self.mean) / self.std
        means: Tensor = self.stages(self.stem(scaled)).mean((2, 3))
        return means

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed (n, 3, h, w) to unit rows (n, dim)."""
        return functional.normalize(self.head(self.pooled(pixels)).float(), dim=1)


def parameter_count(network: nn.Module) -> int:
    """Count the trained numbers."""
    return sum(parameter.numel() for parameter in network.parameters())
