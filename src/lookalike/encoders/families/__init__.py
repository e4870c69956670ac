"""Networks of the field's libraries, from a folder of weights: one file for each library.

What a folder says of itself is read without the libraries, which take seconds to
import; they come in with the network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lookalike.encoders.cards import EncoderCard
from lookalike.encoders.families.pooling import check_pooling
from lookalike.errors import EncoderError, UsageError

if TYPE_CHECKING:
    from lookalike.encoders.families.network import TorchNetwork
    from lookalike.encoders.protocol import TextTower
    from lookalike.encoders.weights.folders import WeightsFolder

__all__ = ["configuration_of", "describe", "load_network", "load_text_tower"]


def describe(
    folder: WeightsFolder, *, pooling: str = "own", size: int | None = None
) -> EncoderCard:
    """Read a card off a folder's configuration, without loading its library.

    Args:
        folder: Of weights, in hub form.
        pooling: ``own``, ``cls``, ``mean`` (of the patch tokens) or ``gem``.
        size: Side of the input; None for the network's usual one.

    Returns:
        A card named by the folder's path; its dim is 0 where only the network tells.

    Raises:
        EncoderError: The configuration cannot be used.
        UsageError: The pooling is unknown, or the size makes no sense.
    """
    check_pooling(pooling)
    if size is not None and size < 1:
        raise UsageError(f"An input of {size} pixels was asked for: use 1 or more.")
    with worded_failures(folder):
        return described(folder, pooling, size)


def configuration_of(folder: WeightsFolder) -> str:
    """Hash what of a folder's configuration changes numbers; no library is loaded.

    Returns:
        sha256, hexadecimal: of copies, and of the same network written by another
        release of its library, the same.

    Raises:
        EncoderError: The configuration cannot be used.
    """
    from lookalike.encoders.families.configurations import configuration_digest

    with worded_failures(folder):
        return configuration_digest(folder)


@contextmanager
def worded_failures(folder: WeightsFolder) -> Iterator[None]:
    """Say in a sentence why a configuration cannot be used."""
    try:
        yield
        return
    except KeyError as error:
        reason = f"it does not say {error}"
    except (AttributeError, OSError, TypeError, ValueError, UsageError) as error:
        reason = str(error)
    raise EncoderError(
        f"The configuration in {folder.path} cannot be used ({reason}): fetch it again, "
        "or use another encoder."
    )


def described(folder: WeightsFolder, pooling: str, size: int | None) -> EncoderCard:
    """Ask the folder's family."""
    from lookalike.encoders.families.openclip_networks import describe_openclip
    from lookalike.encoders.families.timm_networks import describe_timm
    from lookalike.encoders.families.transformers_cards import describe_transformers

    name = str(folder.path)
    if folder.family == "timm":
        return describe_timm(folder.config(), name, pooling, size)
    if folder.family == "openclip":
        return describe_openclip(folder.config(), name, pooling, size)
    return describe_transformers(folder, name, pooling, size)


def load_network(folder: WeightsFolder, card: EncoderCard) -> TorchNetwork:
    """Load the image tower that a card describes: its pooling, its size.

    Raises:
        MissingExtra: Its library is not installed.
        EncoderError: The library does not know the architecture, or the weights
            are not exactly those of the network.
        UsageError: The network has no such pooling, or does not take this size.
    """
    if folder.family == "timm":
        from lookalike.encoders.families.timm_networks import load_timm

        return load_timm(folder, card)
    if folder.family == "openclip":
        from lookalike.encoders.families.openclip_networks import load_openclip

        return load_openclip(folder, card)
    from lookalike.encoders.families.transformers_networks import load_transformers

    return load_transformers(folder, card)


def load_text_tower(folder: WeightsFolder, card: EncoderCard, device: str = "cpu") -> TextTower:
    """Load the text tower of a CLIP or SigLIP folder.

    Raises:
        MissingExtra: Its library is not installed.
        EncoderError: There is none, its weights do not fit, or its tokenizer is missing.
    """
    if not card.has_text:
        raise EncoderError(
            f"Encoder {card.name!r} has no text tower that answers in the space of its pictures: "
            "use a CLIP or SigLIP encoder, with pooling own."
        )
    if folder.family == "openclip":
        from lookalike.encoders.families.openclip_networks import load_openclip_texts

        return load_openclip_texts(folder, card, device)
    from lookalike.encoders.families.transformers_networks import load_transformers_texts

    return load_transformers_texts(folder, card, device)
