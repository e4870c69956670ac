"""Which row of a metadata table describes which picture of a source, and which row none."""

from __future__ import annotations

import os
import posixpath
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lookalike.images import Source
from lookalike.ingest.metadata import MetadataTable

__all__ = ["NOTHING_MATCHED", "Matched", "match"]


@dataclass(frozen=True, slots=True)
class Matched:
    """The rows of a table that name pictures of a source.

    Attributes:
        rows: By the picture's path.
        named: What the rows that were used call their pictures.
        ambiguous: Bare file names that several pictures have, with their paths: such
            a row describes none of them.
    """

    rows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    named: frozenset[str] = frozenset()
    ambiguous: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def row_for(self, path: str) -> Mapping[str, Any] | None:
        """Find a picture's row, if it has one."""
        return self.rows.get(path)


NOTHING_MATCHED = Matched()


def match(
    table: MetadataTable,
    source: Source,
    paths: Iterable[str],
    *,
    others_called: Callable[[frozenset[str]], Iterable[str]] = lambda names: (),
) -> Matched:
    """Find the row of each picture: by its path in the source, its absolute path, or its name.

    A bare file name describes the one picture that has it. Where several have, it
    describes the one that lies at the source's root, or none.

    Args:
        table: The rows.
        source: Where the pictures are.
        paths: Of the pictures that are to be described.
        others_called: Given file names, lists the paths of further pictures of the
            source that have one of them.
    """
    by_path: dict[str, str] = {}
    by_name: defaultdict[str, list[str]] = defaultdict(list)
    roots = tuple(dict.fromkeys((source.root, os.path.realpath(source.root))))
    for path in dict.fromkeys(paths):
        whole = (os.path.join(root, path).replace(os.sep, "/") for root in roots)
        exact = next((name for at in (path, *whole) if (name := table.named(at))), None)
        bare = table.named(posixpath.basename(path))
        if exact is not None:
            by_path[path] = exact
        elif bare is not None:
            by_name[bare].append(path)
    taken = set(by_path.values())
    left = {name: found for name, found in by_name.items() if name not in taken}
    for path in others_called(frozenset(left)) if left else ():
        name = table.named(posixpath.basename(path))
        if name in left and path not in left[name]:
            left[name].append(path)
    by_path |= {found[0]: name for name, found in left.items() if len(found) == 1}
    return Matched(
        {path: table.row(name) for path, name in by_path.items()},
        frozenset(by_path.values()),
        {name: tuple(found) for name, found in left.items() if len(found) > 1},
    )
