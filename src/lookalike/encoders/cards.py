"""Encoder cards: what an encoder is, stated once and read by people and code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from lookalike.errors import EncoderError, EncoderNotFound, UsageError
from lookalike.images.preprocessing import Preprocessing
from lookalike.vectors import EmbeddingSpace

__all__ = [
    "POOLINGS",
    "PRECISIONS",
    "Canonical",
    "EncoderCard",
    "load_card",
    "require_weights",
    "weights_digest",
    "with_precision",
]

POOLINGS = ("own", "cls", "mean", "gem")
PRECISIONS = ("exact", "bf16", "int8")


@dataclass(frozen=True, slots=True)
class Canonical:
    """The start of one known embedding, to prove that an encoder still is itself.

    Attributes:
        description: The picture, made by a formula.
        first: The first numbers of its embedding.
        tolerance: Largest absolute difference allowed for each of them.
    """

    description: str
    first: tuple[float, ...]
    tolerance: float


@dataclass(frozen=True, slots=True)
class EncoderCard:
    """What one encoder is and what it costs.

    Attributes:
        name: What ``load_encoder`` takes.
        weights: File name of the network's weights, beside the card or in its
            repository; empty for whatever safetensors are there.
        dim: Length of an embedding; 0 where only the network itself tells.
        preprocessing: From a decoded picture to the network's input.
        output: Name of an ONNX network's output that is the embedding; empty for
            its only output.
        family: What builds the network: ``onnx``, ``timm``, ``openclip`` or
            ``transformers``.
        architecture: Its full name there, tag included: ``resnet18.a1_in1k``.
        repository: Where a hub keeps its weights: ``timm/resnet18.a1_in1k``.
        revision: Which commit of the repository; empty for its newest.
        pooling: How tokens or maps become one embedding: ``own``, ``cls``,
            ``mean`` (of the patch tokens) or ``gem``.
        precision: Class of arithmetic: ``exact``, ``bf16`` or ``int8``.
        configuration: sha256 of what the network's configuration says of its
            numbers; filled in when the weights are found, empty for ``onnx``.
        has_text: Whether it has a text tower.
        licence: Of the weights.
        sha256: Of the weights file; empty where nobody wrote it down.
        description, data, recipe, version: Prose for people.
        parameters: Number of weights.
        canonical: Known numbers, where somebody wrote them down.
        measured: Quality and cost, with the command that measured them.
    """

    name: str
    weights: str
    dim: int
    preprocessing: Preprocessing
    output: str = ""
    family: str = "onnx"
    architecture: str = ""
    repository: str = ""
    revision: str = ""
    pooling: str = "own"
    precision: str = "exact"
    configuration: str = ""
    has_text: bool = False
    licence: str = ""
    sha256: str = ""
    description: str = ""
    data: str = ""
    recipe: str = ""
    version: str = ""
    parameters: int = 0
    canonical: Canonical | None = None
    measured: Mapping[str, Any] = field(default_factory=dict)

    def space(self, digest: str) -> EmbeddingSpace:
        """Name the space of this card's embeddings.

        Args:
            digest: sha256 of the weights file as it lies on disk.

        Returns:
            A space whose fingerprint covers everything that changes numbers:
            weights, the network's configuration, preprocessing, output, pooling and
            precision class. What runs the network is not part of it: their numbers
            agree.
        """
        facts: dict[str, Any] = {
            "weights": digest,
            "preprocessing": self.preprocessing.to_dict(),
            "output": self.output,
            "precision": self.precision,
        }
        if self.family != "onnx":
            # Not the card's architecture: a directory may not tell its tag. The
            # configuration names it without.
            facts["family"] = self.family
            facts["configuration"] = self.configuration
        if self.pooling != "own":
            facts["pooling"] = self.pooling
        text = json.dumps(facts, sort_keys=True)
        fingerprint = hashlib.sha256(text.encode()).hexdigest()
        return EmbeddingSpace(fingerprint, self.dim, encoder=self.name)


def weights_digest(path: Path) -> str:
    """Hash a weights file: sha256, hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def require_weights(card: EncoderCard, weights: Path) -> str:
    """Hash a card's weights, and refuse those of another network.

    Returns:
        sha256, hexadecimal.

    Raises:
        EncoderNotFound: The file is not there.
        EncoderError: The card names another sha256.
    """
    if not weights.is_file():
        raise EncoderNotFound(f"Encoder {card.name!r} has no weights file at {weights}.")
    digest = weights_digest(weights)
    if card.sha256 and card.sha256 != digest:
        raise EncoderError(
            f"The weights {weights} are not the ones of their card (sha256 {digest[:12]}, "
            f"the card says {card.sha256[:12]}): bring back the right file, or its card."
        )
    return digest


def load_card(path: Path) -> EncoderCard:
    """Read a card from JSON.

    Raises:
        EncoderNotFound: There is no such file.
        EncoderError: It is no valid card.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(facts, dict):
            raise ValueError("the top level is not an object")
        return card_from(facts)
    except FileNotFoundError:
        raise EncoderNotFound(f"There is no encoder card at {path}.") from None
    except (OSError, ValueError, KeyError, TypeError, UsageError) as error:
        raise EncoderError(
            f"The encoder card {path} cannot be used ({error}): "
            "docs/encoders.md shows what a card holds."
        ) from error


def card_from(facts: Mapping[str, Any]) -> EncoderCard:
    """Build a card from parsed JSON; keys the card does not know are notes for people."""
    known = {item.name for item in fields(EncoderCard)}
    values = {key: value for key, value in facts.items() if key in known}
    values["preprocessing"] = preprocessing_from(facts["preprocessing"])
    if canonical := facts.get("canonical"):
        values["canonical"] = Canonical(
            canonical["description"], tuple(canonical["first"]), canonical["tolerance"]
        )
    return EncoderCard(**values)


def preprocessing_from(facts: Mapping[str, Any]) -> Preprocessing:
    """Build preprocessing from JSON; mean and std may be one number for all channels."""
    return Preprocessing(
        size=int(facts["size"]),
        resize=int(facts.get("resize", facts["size"])),
        interpolation=facts.get("interpolation", "bicubic"),
        fit=facts.get("fit", "crop"),
        middle=facts.get("middle", "exact"),
        is_quick=bool(facts.get("is_quick", False)),
        mean=per_channel(facts.get("mean")),
        std=per_channel(facts.get("std")),
    )


def per_channel(value: float | list[float] | None) -> tuple[float, float, float] | None:
    """Spread one number over the three channels; None stays None."""
    if value is None:
        return None
    if isinstance(value, int | float):
        return (float(value),) * 3
    red, green, blue = value
    return (float(red), float(green), float(blue))


def with_precision(card: EncoderCard, precision: str) -> EncoderCard:
    """Return the card in another class of arithmetic, and cropped as that allows.

    Rounded arithmetic moves numbers further than a quick crop does; where the
    crop's centre lies between pixels there is no quick one.
    """
    is_quick = precision != "exact" and card.preprocessing.middle != "exact"
    preprocessing = replace(card.preprocessing, is_quick=is_quick)
    return replace(card, precision=precision, preprocessing=preprocessing)
