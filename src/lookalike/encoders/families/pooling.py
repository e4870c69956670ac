"""How tokens or a feature map become one embedding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lookalike.encoders.cards import POOLINGS
from lookalike.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Layout", "check_pooling", "pool_of"]

# Radenovic et al., "Fine-tuning CNN image retrieval with no human annotation",
# 2018: the usual exponent, and the floor that keeps a power of zero finite.
GEM_POWER = 3.0
GEM_FLOOR = 1e-6


@dataclass(frozen=True, slots=True)
class Layout:
    """How a network's last features lie in memory.

    Attributes:
        kind: ``tokens`` for ``(n, tokens, dim)``, ``channels_first`` for maps
            ``(n, dim, h, w)``, ``channels_last`` for ``(n, h, w, dim)``.
        prefix: How many tokens stand before those of the patches: the class
            token and the registers.
        has_class: Whether the first of them is a class token.
    """

    kind: str
    prefix: int = 0
    has_class: bool = False

    @property
    def axes(self) -> int:
        """How many axes such features have."""
        return 3 if self.kind == "tokens" else 4


def check_pooling(pooling: str) -> None:
    """Refuse a pooling that nobody knows.

    Raises:
        UsageError: It is unknown.
    """
    if pooling not in POOLINGS:
        raise UsageError(f"Pooling {pooling!r} is unknown: use {', '.join(POOLINGS)}.")


def pool_of(pooling: str, layout: Layout, *, name: str) -> Callable[[Tensor], Tensor]:
    """Choose what turns features into rows ``(n, dim)``.

    Args:
        pooling: ``cls``, ``mean`` or ``gem``.
        layout: How the features lie.
        name: What errors call the encoder.

    Returns:
        What raises a UsageError for features that lie otherwise.

    Raises:
        UsageError: A class token is asked of a network that has none.
    """
    if pooling == "cls":
        if not layout.has_class:
            raise UsageError(
                f"Encoder {name!r} has no class token: use pooling own, mean or gem instead of cls."
            )
        return class_token
    averaged = mean_of if pooling == "mean" else generalized_mean_of

    def pool(features: Tensor) -> Tensor:
        check_axes(features, layout, name)
        return averaged(patches(features, layout))

    return pool


def check_axes(features: Any, layout: Layout, name: str) -> None:
    """Refuse features that cannot lie as they are said to: means of another axis would be taken.

    Raises:
        UsageError: They have more or fewer axes, or are several.
    """
    if getattr(features, "ndim", 0) != layout.axes:
        raise UsageError(
            f"The layout of the features of encoder {name!r} is not known here: use pooling own."
        )


def class_token(features: Tensor) -> Tensor:
    """Take the first token."""
    return features[:, 0]


def patches(features: Tensor, layout: Layout) -> Tensor:
    """Bring features to one row for each patch: ``(n, patches, dim)``."""
    if layout.kind == "channels_first":
        return features.flatten(2).transpose(1, 2)
    if layout.kind == "channels_last":
        return features.flatten(1, 2)
    return features[:, layout.prefix :]


def mean_of(rows: Tensor) -> Tensor:
    """Average over the patches."""
    return rows.mean(dim=1)


def generalized_mean_of(rows: Tensor) -> Tensor:
    """Take the generalised mean over the patches: large values count for more."""
    powers: Any = rows.clamp(min=GEM_FLOOR).pow(GEM_POWER)
    mean: Tensor = powers.mean(dim=1).pow(1 / GEM_POWER)
    return mean
