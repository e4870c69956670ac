"""What timm and OpenCLIP know of the names they gave: where the weights of each are kept."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from lookalike.encoders.families.importing import library
from lookalike.errors import EncoderError, EncoderNotFound

__all__ = ["does_timm_know", "openclip_repository", "timm_repository"]


def timm_repository(name: str) -> tuple[str, str]:
    """Find a timm network: its full name, tag included, and its repository.

    Names without a tag mean another one from one release of timm to the next:
    keep the full name.

    Args:
        name: ``arch`` or ``arch.tag``.

    Raises:
        MissingExtra: timm is not installed.
        EncoderNotFound: timm has no such network, or no weights of it on a hub.
    """
    models = timm_models()
    try:
        facts = models.get_pretrained_cfg(name, allow_unregistered=False)
    except RuntimeError:  # timm's way to say that it does not know the name
        facts = None
    architecture = name.partition(".")[0]
    if facts is None or not facts.hf_hub_id:
        asked = f"timm:{name}"
        if facts is None or not facts.has_weights:
            choices = timm_names(models, architecture)
            asked_of = name if choices and "." in choices[0] else architecture
            raise EncoderNotFound(f"timm has no weights called {asked!r}{near(asked_of, choices)}.")
        raise EncoderNotFound(
            f"The weights of {asked!r} are kept outside the hub: bring them as a directory."
        )
    return (f"{architecture}.{facts.tag}" if facts.tag else architecture), str(facts.hf_hub_id)


def openclip_repository(place: str) -> str:
    """Find the repository of OpenCLIP's ``ARCH/TAG``.

    Raises:
        MissingExtra: OpenCLIP is not installed.
        EncoderNotFound: It has no such weights.
        EncoderError: The weights are no safetensors.
    """
    registry = open_clip()
    architecture, _, tag = place.partition("/")
    facts: Mapping[str, Any] = registry.get_pretrained_cfg(architecture, tag) or {}
    if not facts:
        choices = [f"{known}/{its_tag}" for known, its_tag in registry.list_pretrained()]
        raise EncoderNotFound(
            f"OpenCLIP has no weights called 'openclip:{place}'{near(place, choices)}."
        )
    # Owner and name; a file that follows is one that OpenCLIP would unpickle.
    repository = "/".join(str(facts.get("hf_hub") or "").split("/")[:2])
    if not repository.strip("/"):
        raise EncoderError(
            f"OpenCLIP keeps the weights of 'openclip:{place}' outside the hub, as a pickle, "
            "which is never loaded: choose another tag, or a directory with safetensors."
        )
    return repository


def does_timm_know(name: str) -> bool:
    """Whether timm, where it is installed, has a network of this name."""
    try:
        return bool(timm_models().is_model(name.partition(".")[0]))
    except Exception:  # a hint for an error's text is no reason to fail
        return False


def timm_models() -> Any:
    """Import timm's registry."""
    return library("timm", extra="timm", purpose="An encoder of timm").models


def timm_names(models: Any, architecture: str) -> Sequence[str]:
    """List what can be meant: the tags of an architecture that is right, else architectures."""
    tagged: Sequence[str] = models.list_pretrained(f"{architecture}.*")
    return tagged or list(models.list_models())


def open_clip() -> Any:
    """Import OpenCLIP."""
    return library("open_clip", extra="clip", purpose="An encoder of OpenCLIP")


def near(name: str, choices: Sequence[str]) -> str:
    """Write a hint at the nearest names; nothing where none comes near."""
    found = difflib.get_close_matches(name, choices, 3, cutoff=0.5)
    return f", but {' and '.join(found)}" if found else ""
