"""The data sets that are known by name: what was published, as data.

The facts in ``facts.json`` come from the sets' own pages and from what torchvision,
TensorFlow Datasets and Keras state of the same files; what none of them states is left
out there and not compared.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

__all__ = ["KnownFile", "KnownSet", "known_set", "known_sets", "nearest_names"]

FACTS = resources.files(__name__) / "facts.json"


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file in which a set, or a part of it, was published.

    Attributes:
        name: Of the file.
        addresses: Where it can be fetched, the first first.
        size: In bytes; 0 where nobody states it.
        md5: Empty where nobody states it.
        sha256: Empty where nobody states it.
    """

    name: str
    addresses: tuple[str, ...]
    size: int = 0
    md5: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class KnownSet:
    """What was published of a set.

    Attributes:
        name: By which it is asked for.
        title: As people write it.
        form: How its files are read.
        variants: The ways in which it was published: all files of one are needed.
        parts: How many pictures each part has; one part without a name where there is one.
        classes: How many classes each column of labels has.
        picture: The size of its pictures.
        licence: One line.
        citation: One line.
        page: Where it is described.
        class_names: Of class numbers, where the files do not name them.
    """

    name: str
    title: str
    form: str
    variants: tuple[tuple[KnownFile, ...], ...]
    parts: Mapping[str, int]
    classes: Mapping[str, int]
    picture: str
    licence: str
    citation: str
    page: str
    class_names: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many bytes its usual variant has; 0 where nobody states it."""
        sizes = [file.size for file in self.variants[0]]
        return sum(sizes) if all(sizes) else 0


@lru_cache(maxsize=1)
def known_sets() -> Mapping[str, KnownSet]:
    """Return all of them by their names."""
    return {entry["name"]: set_from(entry) for entry in json.loads(FACTS.read_text("utf-8"))}


def known_set(name: str) -> KnownSet | None:
    """Find a set by its name, in any letter case, with or without its hyphens."""
    plain = plainly(name)
    return next((one for one in known_sets().values() if plainly(one.name) == plain), None)


def plainly(name: str) -> str:
    """Drop what people write differently."""
    return name.casefold().replace("-", "").replace("_", "")


def nearest_names(name: str) -> list[str]:
    """Find names that look like this one."""
    return difflib.get_close_matches(name.casefold(), ["rendered", *known_sets()], n=2)


def set_from(entry: Mapping[str, Any]) -> KnownSet:
    """Make a set of its entry."""
    variants = tuple(
        tuple(KnownFile(**file | {"addresses": tuple(file["addresses"])}) for file in files)
        for files in entry["variants"]
    )
    names = tuple(entry.get("class_names", ()))
    return KnownSet(**{**entry, "variants": variants, "class_names": names})
