"""The encoders that are known by name: their cards, as data.

Every fact in ``cards.json`` is read out of timm or OpenCLIP by
``tests/library_facts.py``, and a test reads them again and compares.
"""

from __future__ import annotations

import difflib
import json
from functools import lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from lookalike.encoders.cards import EncoderCard, card_from
from lookalike.errors import EncoderNotFound, UsageError

__all__ = [
    "card_of",
    "canonical_name",
    "known_card",
    "known_names",
    "names_with_text",
    "nearest_names",
    "pictures_only",
    "require_text_tower",
]


def known_names() -> tuple[str, ...]:
    """List the encoders that are known by name, family by family."""
    return tuple(cards())


def names_with_text() -> tuple[str, ...]:
    """Name the known encoders that have a text tower, the smallest first."""
    with_text = [card for card in cards().values() if card.has_text]
    return tuple(card.name for card in sorted(with_text, key=lambda card: card.parameters))


def pictures_only(name: str) -> UsageError:
    """Make the error for a text that is asked of an encoder without a text tower."""
    return UsageError(
        f"Encoder {name!r} knows pictures only: to search by text, index with an encoder that "
        f"has a text tower, such as {', '.join(names_with_text()[:4])}."
    )


def require_text_tower(name: str) -> None:
    """Refuse a text where an encoder's name already tells that it has no text tower.

    Raises:
        UsageError: It is a known one without, or one of timm's, which has no texts.
    """
    known = canonical_name(name.partition("?")[0])
    if name.startswith("timm:") or (known and not cards()[known].has_text):
        raise pictures_only(name)


def canonical_name(name: str) -> str:
    """Return the short name of a known encoder, by whichever of its names; empty if unknown.

    Besides the short name it answers to its full name in its library,
    ``resnet18.a1_in1k``, and to that without the tag where the tag is timm's usual one.
    """
    return spellings().get(name, "")


def known_card(name: str) -> EncoderCard:
    """Return the card of a known encoder, by any of its names.

    Raises:
        EncoderNotFound: No encoder is known by that name.
    """
    if known := canonical_name(name):
        return cards()[known]
    hint = f": did you mean {' or '.join(near)}" if (near := nearest_names(name)) else ""
    raise EncoderNotFound(
        f"No encoder is known by the name {name!r}{hint}; `lookalike encoders` lists them."
    )


def card_of(family: str, architecture: str) -> EncoderCard | None:
    """Find the card of a library's network, where it is a known one."""
    for card in cards().values():
        if (card.family, card.architecture) == (family, architecture):
            return card
    return None


def nearest_names(name: str, count: int = 3) -> tuple[str, ...]:
    """Find known names that look like this one, the nearest first; each encoder once."""
    asked = name.casefold().replace("_", "-")
    plain: dict[str, list[str]] = {}
    for spelling in spellings():
        plain.setdefault(spelling.casefold().replace("_", "-"), []).append(spelling)
    found: dict[str, str] = {}
    begun = [spelling for spelling in plain if spelling.startswith(f"{asked}-")] if asked else []
    close = difflib.get_close_matches(asked, plain, 3 * count, cutoff=0.7)
    for match in [*close, *begun]:
        # Of two spellings, the one that is written as the asked one is.
        spelling = max(plain[match], key=lambda one: alikeness(name, one))
        found.setdefault(spellings()[spelling], spelling)
    return tuple(found.values())[:count]


def alikeness(first: str, second: str) -> float:
    """Measure how alike two spellings are: 1 if equal."""
    return difflib.SequenceMatcher(None, first, second).ratio()


@lru_cache(maxsize=1)
def facts() -> tuple[dict[str, Any], ...]:
    """Read the table."""
    file = resources.files("lookalike.encoders.known") / "cards.json"
    return tuple(json.loads(file.read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def cards() -> MappingProxyType[str, EncoderCard]:
    """Build every card once."""
    return MappingProxyType({entry["name"]: card_from(entry) for entry in facts()})


@lru_cache(maxsize=1)
def spellings() -> MappingProxyType[str, str]:
    """Map every name by which an encoder can be asked for to its short name."""
    return MappingProxyType(
        {
            spelling: entry["name"]
            for entry in facts()
            for spelling in (entry["name"], *entry["aliases"])
        }
    )
