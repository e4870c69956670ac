"""What a server is started with: galleries by name, limits, and who may ask."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType

from lookalike.errors import UsageError

__all__ = ["GALLERY_NAME", "Limits", "ServerSettings", "name_of", "named_galleries"]

MIB = 2**20

# What stands in addresses as it is.
GALLERY_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")

# What a gallery's folder is called where it lies beside its pictures.
USUAL_FOLDER = ".lookalike"
SUFFIX = ".gallery"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request may ask for.

    Attributes:
        max_body_bytes: Of a request's body, files and all.
        max_files: Pictures in one request.
        max_pixels: Of a picture, told by its header before it is decoded.
        max_k: Hits of one query, those of the pages before it included.
        max_parts: Parts of one query.
        max_text: Characters of a text.
        max_where: Characters of a filter.
        body_s: A request's body has to be here by then.
        max_url_bytes: Of a picture that is fetched from an address.
        url_s: It has to be here by then.

    Raises:
        UsageError: One is not above 0.
    """

    max_body_bytes: int = 64 * MIB
    max_files: int = 64
    max_pixels: int = 50_000_000
    max_k: int = 1000
    max_parts: int = 32
    max_text: int = 2000
    max_where: int = 4000
    body_s: float = 60.0
    max_url_bytes: int = 20 * MIB
    url_s: float = 10.0

    def __post_init__(self) -> None:
        for item in fields(self):
            require_above_zero(item.name, getattr(self, item.name))


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a server serves, to whom, and how.

    Attributes:
        galleries: Folder of each gallery by its name; the first is the default.
        limits: How much one request may ask for.
        window_ms: How long a query waits for others to be answered together with;
            0 answers each for itself.
        max_batch: So many are answered together at most.
        allow_urls: Whether pictures are fetched from addresses that a query names.
        read_only: Whether nothing can be changed.
        is_watching: Whether the galleries' sources are watched for changes.
        rescan_s: How often watched folders are listed all the same.
        tokens_file: Who may ask; None asks for no token.
        local_token: What the command line of the same user shows; None for nothing.
        origins: Pages of other servers that may ask, as ``https://example.org``.
        hosts: Names of this server besides its address.
        rate: Requests a second of one asker; None for any number.
        keep_free_bytes: So much of a gallery's disk uploads leave free, so that pictures can
            still be removed; None for 64 MiB, or a twentieth of a small disk.
        host: Address to listen at.
        port: Port to listen at; 0 takes a free one.
        device: Where encoders compute.
        backend: What runs them.

    Raises:
        UsageError: There is no gallery, a name cannot stand in an address, or a number
            makes no sense.
    """

    galleries: Mapping[str, Path]
    limits: Limits = field(default_factory=Limits)
    window_ms: float = 3.0
    max_batch: int = 32
    allow_urls: bool = False
    read_only: bool = False
    is_watching: bool = False
    rescan_s: float = 60.0
    tokens_file: Path | None = None
    local_token: str | None = field(default=None, repr=False)
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    rate: float | None = None
    keep_free_bytes: int | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    device: str = "auto"
    backend: str = "auto"

    def __post_init__(self) -> None:
        named = {name: Path(folder) for name, folder in self.galleries.items()}
        object.__setattr__(self, "galleries", MappingProxyType(named))
        if not named:
            raise UsageError("A server needs a gallery to serve: name one.")
        for name in named:
            require_gallery_name(name)
        if not 0 <= self.window_ms <= 1000:  # NaN neither
            raise UsageError(
                f"window_ms is {self.window_ms}: wait from 0 to 1000 milliseconds for other "
                "queries."
            )
        require_above_zero("max_batch", self.max_batch)
        require_above_zero("rescan_s", self.rescan_s)
        if self.rate is not None:
            require_above_zero("rate", self.rate)
        if self.keep_free_bytes is not None:
            require_above_zero("keep_free_bytes", self.keep_free_bytes)
        if not 0 <= self.port <= 65535:
            raise UsageError(f"The port {self.port} is none: give a number from 0 to 65535.")

    @property
    def default_gallery(self) -> str:
        """The name of the gallery that is meant where none is named."""
        return next(iter(self.galleries))


def named_galleries(folders: Iterable[Path]) -> dict[str, Path]:
    """Name galleries after their folders; of equal names all but the first get a number."""
    named: dict[str, Path] = {}
    for folder in folders:
        wanted = name = name_of(folder)
        number = 1
        while name in named:
            number += 1
            name = f"{wanted}-{number}"
        named[name] = folder
    return named


def name_of(folder: Path) -> str:
    """Make a gallery's name of its folder: of ``photos/.lookalike`` and ``photos.gallery`` alike.

    What cannot stand in an address becomes a dash.
    """
    whole = folder.absolute()
    called = whole.parent.name if whole.name == USUAL_FOLDER else whole.name.removesuffix(SUFFIX)
    plain = unicodedata.normalize("NFKD", called).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^a-z0-9._-]+", "-", plain.lower()).strip("-._") or "gallery"


def require_gallery_name(name: str) -> None:
    """Refuse a name that cannot stand in an address.

    Raises:
        UsageError: It has other characters, or begins with a mark.
    """
    if not GALLERY_NAME.fullmatch(name):
        raise UsageError(
            f"The gallery's name {name!r} cannot stand in an address: take small letters, digits, "
            "dots, dashes and underscores, and begin with a letter or digit."
        )


def require_above_zero(name: str, value: float) -> None:
    """Refuse a limit that lets nothing through, or is none."""
    if isinstance(value, bool) or not (value > 0 and math.isfinite(value)):
        raise UsageError(f"{name} is {value!r}: give a number above 0.")
