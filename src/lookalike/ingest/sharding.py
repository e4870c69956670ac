"""Shards: one source's pictures divided among workers, by nothing but their paths."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lookalike.errors import UsageError
from lookalike.images import ImageRef

__all__ = ["Shard", "Sieve"]

NUMBERS = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class Shard:
    """One worker's share of a job; the shares of one job are disjoint and leave nothing out.

    Attributes:
        number: Which one, from 1 to ``count``.
        count: How many there are.

    Raises:
        UsageError: The number is not among them.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise UsageError(
                f"Shard {self} makes no sense: shards are counted from 1, so that the first of "
                "ten is 1/10 and the last 10/10."
            )

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read what a user types: ``3/10``.

        Raises:
            UsageError: It is nothing of the kind.
        """
        found = NUMBERS.fullmatch(text.strip())
        if found is None:
            raise UsageError(f"Shard {text!r} makes no sense: write the third of ten as 3/10.")
        return cls(int(found[1]), int(found[2]))

    def holds(self, path: str) -> bool:
        """Tell whether a picture belongs to this shard.

        Only its path within the source decides, the same on every machine and in
        every run: pictures that come or go move no other picture to another shard.
        """
        # Bytes that are not UTF-8 are lone surrogates in a path.
        name = path.encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(name, digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.count == self.number - 1


class Sieve:
    """Lets the pictures of one shard through, and counts the others.

    Args:
        shard: None lets everything through.

    Attributes:
        others: Pictures that belong to other shards, so far.
    """

    def __init__(self, shard: Shard | None) -> None:
        self._shard = shard
        self.others = 0

    def kept(self, found: Iterable[ImageRef]) -> Iterator[ImageRef]:
        """Yield the pictures of this shard."""
        for ref in found:
            if self._shard is None or self._shard.holds(ref.path):
                yield ref
            else:
                self.others += 1
