"""The parts of a query: pictures, texts, images of the gallery, embeddings, each with a weight."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import ImageInput
from lookalike.errors import UsageError
from lookalike.images import decode
from lookalike.images.regions import Region
from lookalike.search.strictness import finite_number, require_keys

__all__ = ["PartInput", "QueryPart"]

KINDS = ("picture", "text", "image_id", "embedding")
KEYS = frozenset({*KINDS, "base64", "weight", "region", "name"})

# What the catalog can hold.
GREATEST_ID = 2**63 - 1

# A path, encoded bytes, a PIL image or an array (h, w[, 3 or 4]); an int is an
# image_id; an array (dim,) is an embedding.
PartInput: TypeAlias = "QueryPart | ImageInput | int"


@dataclass(frozen=True, slots=True, eq=False)
class QueryPart:
    """One thing to search with: a picture, a text, an image of the gallery or an embedding.

    Attributes:
        picture: A path, encoded bytes, a PIL image or an array ``(h, w[, 3 or 4])``.
        text: What pictures show, in words; the encoder needs a text tower.
        image_id: An image of the gallery; its file is not read.
        embedding: ``(dim,)``, of any length above 0.
        weight: How much it counts beside the other parts; below 0 it is taken away.
        region: Which part of the picture, as it is seen upright. Also as text,
            ``"10%,20%,50%,50%"``, or as four numbers: left, top, width, height.
        name: What people call it, in labels and errors; None for its path, ``a picture``
            and so on.

    Raises:
        UsageError: It is not one thing, or a value makes no sense.
    """

    picture: ImageInput | None = None
    text: str | None = None
    image_id: int | None = None
    embedding: NDArray[Any] | None = None
    weight: float = 1.0
    region: Region | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            found = " and ".join(given) if given else "nothing"
            raise UsageError(
                f"A part of a query is one of {', '.join(KINDS)}, and this one has {found}: "
                "make a part of each."
            )
        checked = {
            "picture": checked_picture,
            "text": checked_text,
            "image_id": checked_id,
            "embedding": checked_embedding,
        }[given[0]]
        object.__setattr__(self, given[0], checked(getattr(self, given[0])))
        object.__setattr__(self, "weight", checked_weight(self.weight))
        require_part_name(self.name)
        if self.region is not None:
            if self.picture is None:
                raise UsageError(
                    f"The region {self.region} belongs to {self.label}, but only a picture has "
                    "regions: give the picture itself."
                )
            object.__setattr__(self, "region", Region.of(self.region))

    @classmethod
    def of(cls, value: PartInput) -> QueryPart:
        """Make a part of a picture, an image_id or an embedding.

        Raises:
            UsageError: It is none of these.
        """
        if isinstance(value, QueryPart):
            return value
        if isinstance(value, bool):
            raise UsageError(
                "True and False are no queries: give a picture, an image_id or an array."
            )
        if isinstance(value, int | np.integer):
            return cls(image_id=int(value))
        if isinstance(value, np.ndarray) and value.ndim == 1:
            return cls(embedding=value)
        return cls(picture=value)

    @property
    def kind(self) -> str:
        """Which of the four it is: ``picture``, ``text``, ``image_id`` or ``embedding``."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def is_minus(self) -> bool:
        """Whether it is taken away."""
        return self.weight < 0

    @property
    def label(self) -> str:
        """What it is, for people, without its weight."""
        if self.name is None and self.image_id is not None:
            return f"image {self.image_id}"
        if self.name is None and self.text is not None:
            return f'"{self.text}"'
        if self.name is None and self.embedding is not None:
            return "an embedding"
        name = self.name or (self.picture if isinstance(self.picture, str) else "a picture")
        return name if self.region is None else f"{name} [{self.region}]"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QueryPart):
            return NotImplemented
        if facts_of(self) != facts_of(other):
            return False
        mine, theirs = getattr(self, self.kind), getattr(other, self.kind)
        if isinstance(mine, np.ndarray) or isinstance(theirs, np.ndarray):
            return type(mine) is type(theirs) and np.array_equal(mine, theirs)
        return bool(mine == theirs)

    def __hash__(self) -> int:
        return hash((self.kind, self.label, self.weight))

    def to_dict(self) -> dict[str, Any]:
        """Turn into what JSON can hold; a picture in memory becomes base64."""
        told: dict[str, Any] = {}
        if self.picture is not None:
            told |= written_picture(self.picture)
        elif self.embedding is not None:
            told["embedding"] = self.embedding.tolist()
        else:
            told[self.kind] = getattr(self, self.kind)
        if self.weight != 1:
            told["weight"] = self.weight
        if self.region is not None:
            told["region"] = str(self.region)
        if self.name is not None:
            told["name"] = self.name
        return told

    @classmethod
    def from_dict(cls, told: Mapping[str, Any], *, paths: bool = True) -> QueryPart:
        """Make a part of what ``to_dict`` wrote.

        Args:
            told: ``picture`` is a path, ``base64`` a picture's bytes.
            paths: Whether it may name files.

        Raises:
            UsageError: A key is unknown, or a value makes no sense.
        """
        require_keys(told, KEYS, owner="A part of a query")
        values = dict(told)
        if "base64" in values:
            if "picture" in values:
                raise UsageError("A part of a query has picture and base64: give one of them.")
            values["picture"] = decoded_base64(values.pop("base64"))
        elif not isinstance(values.get("picture", ""), str):
            raise UsageError(
                f"The picture of a query is the path of a file, not {values['picture']!r}: give "
                "its bytes as base64."
            )
        elif "picture" in values and not paths:
            raise UsageError(
                f"The query names the file {values['picture']!r}, and files are not read here: "
                "give the picture's bytes as base64."
            )
        return cls(**values)


def facts_of(part: QueryPart) -> tuple[str, float, Region | None, str | None]:
    """List what two equal parts share, besides the thing itself."""
    return part.kind, part.weight, part.region, part.name


def require_part_name(name: object) -> None:
    """Refuse what nobody can be called."""
    if name is not None and (not isinstance(name, str) or not name.strip()):
        raise UsageError(f"The name of a part is {name!r:.60}: give a text, or leave it out.")


def checked_picture(picture: ImageInput) -> ImageInput:
    """Expand a path, copy bytes that may change; leave the rest for decoding to judge."""
    if isinstance(picture, str | os.PathLike):
        return os.path.expanduser(os.fsdecode(picture))
    if isinstance(picture, bytearray | memoryview):
        return bytes(picture)
    return picture


def checked_text(text: object) -> str:
    """Refuse what says nothing."""
    if not isinstance(text, str) or not text.strip():
        raise UsageError(
            f"The text {text!r} says nothing to search with: say what the pictures show."
        )
    return text


def checked_id(image_id: object) -> int:
    """Refuse what cannot be an image_id."""
    if isinstance(image_id, bool) or not isinstance(image_id, int | np.integer):
        raise UsageError(f"An image_id is a whole number, not {image_id!r}.")
    if abs(int(image_id)) > GREATEST_ID:
        raise UsageError(f"An image_id is at most {GREATEST_ID}, and {shown(image_id)} is not.")
    return int(image_id)


def checked_embedding(embedding: object) -> NDArray[np.float32]:
    """Copy an embedding, float32 ``(dim,)``, read-only."""
    try:
        numbers_given = np.asarray(embedding)
    except ValueError:  # rows of several lengths
        numbers_given = np.empty(0)
    is_row = numbers_given.ndim == 1 and numbers_given.size > 0
    if not is_row or numbers_given.dtype.kind not in "fiu":
        raise UsageError(
            f"An embedding to search with is one row of numbers, not {shown(embedding)}."
        )
    with np.errstate(over="ignore"):
        row = np.array(numbers_given, dtype=np.float32)
    row.setflags(write=False)
    return row


def checked_weight(weight: object) -> float:
    """Refuse a weight that says nothing."""
    number = finite_number(weight)
    if not number:
        raise UsageError(
            f"The weight {shown(weight)} says nothing: give a number above 0, or below 0 to take "
            "the part away."
        )
    return number


def shown(value: object) -> str:
    """Write a value short enough for a sentence."""
    text = f"shape {value.shape}" if isinstance(value, np.ndarray) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def written_picture(picture: ImageInput) -> dict[str, str]:
    """Write a path as it is, bytes as base64, and pixels as the base64 of a PNG."""
    if isinstance(picture, str):
        return {"picture": picture}
    data = picture
    if not isinstance(data, bytes):
        stream = BytesIO()
        decode(picture).image.save(stream, "PNG")
        data = stream.getvalue()
    return {"base64": base64.b64encode(data).decode("ascii")}


def decoded_base64(text: object) -> bytes:
    """Read base64, and nothing that merely looks like it.

    Raises:
        UsageError: It is none.
    """
    try:
        if not isinstance(text, str):
            raise ValueError("no text")
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise UsageError(
            f"The base64 of a query's picture cannot be read ({error}): encode the file's bytes "
            "without line breaks."
        ) from error


def plain_parts(parts: PartInput | Sequence[PartInput]) -> tuple[QueryPart, ...]:
    """Make parts of one thing, or of a list or tuple of things."""
    if isinstance(parts, list | tuple):
        return tuple(QueryPart.of(part) for part in parts)
    return (QueryPart.of(parts),)  # type: ignore[arg-type]
