"""Merging: galleries, or the shards of one job, joined into one."""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from lookalike.errors import GalleryError, UsageError
from lookalike.gallery import Gallery, GalleryWriter, ImageRecord, NewImage, SourceRecord
from lookalike.gallery.catalog import to_stored_path
from lookalike.gallery.locations import Place, real_place
from lookalike.ingest.removed import RemovedAnywhere
from lookalike.ingest.slices import in_slices, rows_at_once
from lookalike.ingest.updating import tidy
from lookalike.vectors import EmbeddingSpace, require_same_space

__all__ = ["MergeReport", "common_space", "merge_galleries"]

Entry = tuple[tuple[Place, bool, bytes], str, str, int]

TARGET = -1
SKIPPED_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class MergeReport:
    """What a merge did.

    Attributes:
        added: Images that were copied.
        copies: How many of them share the embedding of an image with the same bytes.
        already: Images that were there before, as an interrupted merge leaves them.
        skipped: Files that could not be used, noted in the inputs.
        kept_out: Images of the inputs that were left out, since they were removed by
            hand in another one or in the target.
    """

    added: int = 0
    copies: int = 0
    already: int = 0
    skipped: int = 0
    kept_out: int = 0


def common_space(inputs: Sequence[Gallery]) -> tuple[EmbeddingSpace, str]:
    """Find what a gallery needs to take all inputs in.

    Returns:
        Their space, and the dtype that keeps every bit of them.

    Raises:
        SpaceMismatch: They hold embeddings of different encoders.
        UsageError: There are none, or one is named twice.
    """
    if not inputs:
        raise UsageError("There is nothing to merge: name at least one gallery.")
    first = inputs[0]
    for number, gallery in enumerate(inputs):
        require_same_space(first.space, gallery.space, owner=f"The gallery {gallery.path}")
        if any(is_same_folder(gallery, earlier) for earlier in inputs[:number]):
            raise UsageError(f"The gallery {gallery.path} is named twice: name it once.")
    is_half = all(gallery.dtype == "float16" for gallery in inputs)
    return first.space, "float16" if is_half else "float32"


def merge_galleries(
    inputs: Sequence[Gallery],
    target: Gallery,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    restore: Sequence[str] = (),
) -> MergeReport:
    """Copy all images of some galleries into another one.

    The pictures themselves are not read and need not be there. Embeddings keep
    their bits where both galleries have the same dtype. Everything that could
    refuse the merge is looked at before the first image is copied; every commit
    is safe on disk, and an interrupted merge goes on where it was.

    What was removed by hand in the target or in one of the inputs is not copied from
    another one, and stays out when the result is brought up to date.

    Args:
        inputs: Only read.
        target: Where to; what it holds stays.
        on_progress: Called with the images dealt with and their number.
        restore: Absolute paths of pictures, or of folders with all below them, that
            were removed by hand and are to be copied all the same.

    Raises:
        SpaceMismatch: One holds embeddings of another encoder; nothing was written.
        UsageError: The target is an input as well, or one input is named twice; or
            nothing was removed by hand at a path that is to be restored.
        GalleryError: Two inputs hold the same picture, or the target holds it with
            other content; nothing was written.
    """
    space, _ = common_space(inputs)
    require_same_space(space, target.space, owner=f"The gallery {target.path}")
    for gallery in inputs:
        if is_same_folder(gallery, target):
            raise UsageError(
                f"The gallery {target.path} cannot be merged into itself: leave it out."
            )
    if target.shard is not None:
        raise UsageError(
            f"The gallery {target.path} is shard {target.shard} of a job and takes no other "
            "pictures in: name another gallery with --into."
        )
    with target.writer() as writer:
        refuse_duplicates(inputs, target)
        removed = RemovedAnywhere([target, *inputs], restore)
        merge = Merge(writer, target.space.dim, removed, sum(map(len, inputs)), on_progress)
        for gallery in inputs:
            merge.take(gallery)
        tidy(writer)
        return merge.report


class Merge:
    """A merge on its way, with what it did so far."""

    def __init__(
        self,
        writer: GalleryWriter,
        dim: int,
        removed: RemovedAnywhere,
        total: int,
        on_progress: Callable[[int, int], None] | None,
    ) -> None:
        self._writer = writer
        self._rows = rows_at_once(dim)
        self._removed = removed
        self._total = total
        self._on_progress = on_progress
        self.report = MergeReport()

    def take(self, gallery: Gallery) -> None:
        """Copy one gallery, source by source."""
        for source in gallery.sources():
            source_id = self._writer.add_source(source.kind, source.location).source_id
            place = real_place(source)
            for images in in_slices(gallery.images(source_id=source.source_id), self._rows):
                self._copy(gallery, images, source_id, place)
                if self._on_progress is not None:
                    done = self.report.added + self.report.already + self.report.kept_out
                    self._on_progress(done, self._total)
            self._copy_skipped(gallery, source.source_id, source_id, place)

    def _copy(
        self, gallery: Gallery, images: Sequence[ImageRecord], source_id: int, place: Place
    ) -> None:
        """Commit those of some images that are not there yet, and were not removed."""
        known = self._writer.known(source_id, [image.path for image in images])
        new = [image for image in images if image.path not in known]
        missing = [image for image in new if not self._removed.holds(place, image)]
        owners: dict[str, int] = {}
        for image in missing:
            if image.content_hash not in owners and not self._writer.has_content(
                image.content_hash
            ):
                owners[image.content_hash] = image.image_id
        rows = {image_id: row for row, image_id in enumerate(owners.values())}
        if missing:
            self._writer.commit(
                images=[as_new(image, source_id, rows.get(image.image_id)) for image in missing],
                embeddings=gallery.embeddings(list(rows)),
            )
        self._count(
            added=len(missing),
            copies=len(missing) - len(rows),
            already=len(images) - len(new),
            kept_out=len(new) - len(missing),
        )

    def _copy_skipped(self, gallery: Gallery, old_id: int, source_id: int, place: Place) -> None:
        """Note what could not be used; a picture that another gallery could use stays one.

        Nor does the note of a removal give way to another: what was removed would come back.
        """
        for part in in_slices(gallery.skipped(old_id), SKIPPED_AT_ONCE):
            known = self._writer.known(source_id, [item.path for item in part])
            failures = [
                replace(item, source_id=source_id)
                for item in part
                if item.path not in known and self._removed.lets_note(place, item)
            ]
            self._writer.commit(skipped=failures)
            self._count(skipped=len(failures))

    def _count(self, **counts: int) -> None:
        """Add to what was done so far."""
        before = self.report
        self.report = replace(
            before, **{name: getattr(before, name) + count for name, count in counts.items()}
        )


def as_new(image: ImageRecord, source_id: int, row: int | None) -> NewImage:
    """Turn a stored image into one to add; without a row it shares that of its content."""
    return NewImage(
        source_id=source_id,
        path=image.path,
        content_hash=image.content_hash,
        size_bytes=image.size_bytes,
        mtime_ns=image.mtime_ns,
        width=image.width,
        height=image.height,
        format=image.format,
        taken=image.taken,
        camera=image.camera,
        latitude=image.latitude,
        longitude=image.longitude,
        metadata=image.metadata,
        embedding_row=row,
        indexed_at=image.indexed_at,
    )


def refuse_duplicates(inputs: Sequence[Gallery], target: Gallery) -> None:
    """Refuse a picture that two inputs hold, or that the target holds with other content.

    All galleries are read side by side in the order of their paths, so that not
    even their paths are ever in memory together.

    Raises:
        GalleryError: There is one.
    """
    galleries = {TARGET: target, **dict(enumerate(inputs))}
    streams = [
        entries(gallery, source, number)
        for number, gallery in galleries.items()
        for source in gallery.sources()
    ]
    for _, same in groupby(heapq.merge(*streams), key=lambda entry: entry[0]):
        found = list(same)
        holders = [entry for entry in found if entry[3] != TARGET]
        if len(holders) > 1:
            _, path, _, number = holders[1]
            raise duplicate(path, galleries[holders[0][3]], galleries[number], "as well")
        if len(found) > 1 and found[0][2] != found[1][2]:
            raise duplicate(found[0][1], galleries[holders[0][3]], target, "with other content")


def duplicate(path: str, one: Gallery, other: Gallery, how: str) -> GalleryError:
    """Name a picture that is there twice."""
    return GalleryError(
        f"{path!r} is in the gallery {one.path}, and in {other.path} {how}: nothing was merged; "
        "remove it from one of them (lookalike remove), or bring both up to date first."
    )


def entries(gallery: Gallery, source: SourceRecord, number: int) -> Iterator[Entry]:
    """Stream a source's images, sorted by what tells pictures apart."""
    place = real_place(source)
    for path, content in gallery.contents(source.source_id):
        stored = to_stored_path(path)
        data = stored.encode() if isinstance(stored, str) else stored
        yield (place, isinstance(stored, bytes), data), path, content, number


def is_same_folder(one: Gallery, other: Gallery) -> bool:
    """Tell whether two galleries are one, whatever links lead to it."""
    return os.path.realpath(one.path) == os.path.realpath(other.path)
