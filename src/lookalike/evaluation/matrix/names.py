"""How indexes are named on one line, and what such a name means.

::

    exact, flat, ivf, ivf-pq, ivf-rabitq, hnsw     the kinds of ``IndexConfig``
    ivf:nlist=64,nprobe=8                          with its fields and ``SearchParams``'
    auto                                           what the tuner chooses
    auto:recall=.99,traffic=batch                  for other wishes than its usual ones
    IVF256,SQ8:nprobe=8                            any factory string of FAISS
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from lookalike.errors import UsageError
from lookalike.evaluation.writing import text_bytes
from lookalike.index import IndexConfig, SearchParams
from lookalike.index.config import Kind
from lookalike.index.tuning import TuneWish

__all__ = ["IndexWish", "parse_index", "slug", "split_encoders", "split_indexes"]

AUTO = "auto"
KINDS = tuple(kind for kind in get_args(Kind) if kind != "factory")
Readers = Mapping[str, Callable[[str], Any]]
CONFIG: Readers = {
    "codes": str, "nlist": int, "pq_m": int, "rabitq_bits": int, "hnsw_m": int,
    "ef_construction": int, "reduction": str, "reduced_dim": int, "refine": str,
}  # fmt: skip
PARAMS: Readers = {"nprobe": int, "ef_search": int, "k_factor": float}
WISHES: Readers = {"recall": float, "k": int, "traffic": str, "memory_bytes": int}
NUMBER = re.compile(r"[0-9.+eE-]+")
LONGEST_SLUG = 60


@dataclass(frozen=True, slots=True)
class IndexWish:
    """An index by name.

    Attributes:
        name: As it was given.
        config: What to build; None where the tuner decides.
        params: What to search with; what is None, as the index itself does.
        tuning: What the tuner is asked for, where it decides.
    """

    name: str
    config: IndexConfig | None = None
    params: SearchParams = field(default_factory=SearchParams)
    tuning: TuneWish | None = None


def parse_index(name: str) -> IndexWish:
    """Read the name of an index.

    Raises:
        UsageError: An option has no meaning, or no number.
    """
    head, colon, rest = name.strip().partition(":")
    options = read_options(name, rest) if colon else {}
    if head == AUTO:
        return IndexWish(name, tuning=TuneWish(**read(name, options, WISHES)))
    params = read(name, {key: options.pop(key) for key in PARAMS if key in options}, PARAMS)
    if head in KINDS:
        config = IndexConfig.from_dict({"kind": head, **read(name, options, CONFIG)})
        return IndexWish(name, config, SearchParams(**params))
    # FAISS's strings begin with a capital: anything else is a kind misspelled.
    if not head[:1].isupper():
        raise UsageError(
            f"There is no index {name!r}: use {AUTO}, {', '.join(KINDS)}, or a factory string of "
            "FAISS, as IVF256,SQ8."
        )
    read(name, options, {})
    return IndexWish(name, IndexConfig(kind="factory", factory=head), SearchParams(**params))


def read_options(name: str, text: str) -> dict[str, str]:
    """Part ``a=1,b=2``."""
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(key and is_given and value for key, is_given, value in pairs):
        raise UsageError(
            f"The index {name!r} has options that cannot be read: write them as in "
            "ivf:nlist=64,nprobe=8."
        )
    return {key.strip(): value.strip() for key, _, value in pairs}


def read(name: str, options: Mapping[str, str], known: Readers) -> dict[str, Any]:
    """Turn options into what a dataclass takes.

    Raises:
        UsageError: One is unknown, or no number.
    """
    unknown = sorted(set(options) - set(known))
    if unknown:
        kinds = ", ".join((*known, *PARAMS) if known is not WISHES else known) or "none"
        raise UsageError(f"The index {name!r} has no option {unknown[0]!r}: it takes {kinds}.")
    values = {}
    for key, text in options.items():
        try:
            values[key] = known[key](text)
        except ValueError as error:
            raise UsageError(
                f"The index {name!r} has {key}={text}: give a number there."
            ) from error
    return values


def split_indexes(text: str) -> tuple[str, ...]:
    """Part names at commas, of which options and FAISS's strings have some of their own.

    A part with a capital continues a factory string before it, one with ``=`` the
    options before it: two factory strings cannot stand side by side on one line.
    """
    names: list[str] = []
    for part in (part.strip() for part in text.split(",")):
        head = part.partition(":")[0]
        before = names[-1] if names else ""
        is_option = "=" in part and ":" in before and ":" not in part
        is_factory = part[:1].isupper() and before[:1].isupper() and ":" not in before
        if names and (is_option or (is_factory and head not in (*KINDS, AUTO))):
            names[-1] = f"{before},{part}"
        elif part:
            names.append(part)
    return tuple(names)


def split_encoders(text: str) -> tuple[str, ...]:
    """Part names of encoders at commas; those within ``mean=.5,.5,.5`` stay."""
    names: list[str] = []
    for part in text.split(","):
        if names and re.match(r"[0-9.]+(&|$)", part):
            names[-1] = f"{names[-1]},{part}"
        elif part.strip():
            names.append(part.strip())
    return tuple(names)


def slug(name: str) -> str:
    """Make a name fit for a file; two names never give the same."""
    plain = re.sub(r"[^a-z0-9._]+", "-", name.lower()).strip("-.")[:LONGEST_SLUG]
    if plain == name:
        return plain
    return f"{plain}-{hashlib.sha256(text_bytes(name)).hexdigest()[:6]}"
