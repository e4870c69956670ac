"""One source's update: what is new or changed is embedded, what is gone is forgotten."""

from __future__ import annotations

import logging
import os
import posixpath
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lookalike.encoders import Encoder
from lookalike.errors import NoImagesFound
from lookalike.gallery import Gallery, GalleryWriter, KnownImage, Skipped, SourceRecord
from lookalike.gallery.files import KnownFiles
from lookalike.gallery.locations import lies_at
from lookalike.images import ImageRef, Source
from lookalike.images.looking import look_at
from lookalike.ingest.batch import Batch
from lookalike.ingest.matching import match
from lookalike.ingest.metadata import MetadataTable
from lookalike.ingest.pipeline import Loaded, Pipeline
from lookalike.ingest.planning import Moves, Plan, make_plan
from lookalike.ingest.removed import (
    REMOVED_BY_HAND,
    RemovedPictures,
    has_left,
    is_removed,
    without_restored,
)
from lookalike.ingest.report import FileChange, SkippedFile, UpdateReport
from lookalike.ingest.sharding import Shard, Sieve
from lookalike.ingest.timing import Progress, StageClock

__all__ = ["ProgressListener", "SourceUpdate"]

logger = logging.getLogger(__name__)

OUT_OF_SIGHT = "It cannot be looked into just now; what the gallery knows of it was kept."
TELL_S = 0.05
METADATA_ROWS = 10_000

ProgressListener = Callable[[Progress], None]


class SourceUpdate:
    """One source's update: ``look``, then ``run``, then ``finish``.

    Running commits every few seconds and forgets nothing; finishing forgets.
    """

    def __init__(
        self,
        gallery: Gallery,
        writer: GalleryWriter,
        record: SourceRecord,
        encoder: Encoder,
        metadata: MetadataTable | None,
        on_progress: ProgressListener | None,
        *,
        paths: Sequence[str] | None = None,
        restore: Sequence[str] = (),
        spares: Callable[[ImageRef], bool] | None = None,
    ) -> None:
        """Prepare an update of a source; of some paths of it, where they are given.

        What was removed by hand at or below absolute paths ``restore`` is taken in again.
        """
        self._gallery = gallery
        self._writer = writer
        self._record = record
        self._source = Source(record.kind, record.location)
        self._encoder = encoder
        self._metadata = metadata
        self._on_progress = on_progress
        self._paths = paths
        self._restore = restore
        self._known: Mapping[str, KnownImage] = {}
        self._shard = None if gallery.shard is None else Shard.parse(gallery.shard)
        self._plan = Plan()
        self._moves = Moves(())
        self._removed = RemovedPictures()
        self._out_of_sight: tuple[str, ...] = ()
        self._embedding_soon: set[str] = set()
        self._about_to_change: set[str] = set()
        self._recalled: dict[str, NDArray[np.float32]] = {}
        self._old_paths: dict[int, str] = {}
        self._batch = Batch(record.source_id, keeps_changes=paths is not None, spares=spares)
        self._clock = StageClock({})
        self._done = 0
        self._committed = 0
        self._is_committing = False
        self._told_at = 0.0

    def look(self) -> None:
        """Compare the source with the gallery; changes nothing.

        An empty folder where pictures were is taken for an unplugged drive and
        not for a deletion of everything; an emptied list is meant.

        Raises:
            SourceNotFound: It is not there.
            NoImagesFound: It holds no picture files.
        """
        known = self._recorded()
        self._known = known.images
        unseen: list[str] = []
        with self._clock.stage("scan"):
            sieve, names = Sieve(self._shard), list[str]()
            found = sieve.kept(self._noted(self._found(unseen), names))
            plan = make_plan(found, known.images, known.skipped)
        self._out_of_sight = tuple(unseen)
        self._plan = plan.sparing(self._is_out_of_sight)
        self._removed = self._kept_out(known.skipped)
        if self._metadata is not None:
            self._batch.metadata = match(
                self._metadata, self._source, names, others_called=self._others_called
            )
        if self._paths is not None:
            self._moves = Moves(self._plan.gone.values(), self._moved_away)
            if self._plan.gone and not (plan.files or sieve.others):
                self._require_any()
            return
        self._moves = Moves(self._plan.gone.values())
        if plan.files or sieve.others or (self._known and self._record.kind in {"file", "list"}):
            return
        if self._is_own:
            return
        if self._known:
            raise self._emptied(f"{len(self._known)} of them")
        raise NoImagesFound(f"{self._record.location} holds no pictures: name another folder.")

    def _recorded(self) -> KnownFiles:
        """Read what the gallery knows: of the source, or of what is to be looked at."""
        source_id = self._record.source_id
        if self._paths is None:
            known = KnownFiles(self._writer.state(source_id), self._writer.skipped(source_id))
        else:
            known = self._gallery.known_files(source_id, self._paths)
        skipped = without_restored(known.skipped, self._source, self._restore)
        return KnownFiles(known.images, skipped)

    def _kept_out(self, skipped: Mapping[str, Skipped]) -> RemovedPictures:
        """Collect what was removed by hand, and where it is not any more."""
        known, gone = list(skipped.values()), list(self._plan.vanished)
        changed = [skipped[ref.path] for ref in self._plan.to_read if ref.path in skipped]
        if self._paths is not None and self._plan.to_read:
            # What was looked at may have come from anywhere in the source.
            others = self._gallery.skipped(self._record.source_id)
            more = [item for item in others if is_removed(item) and item.path not in skipped]
            known += more
            changed += more
        absolute = self._source.absolute
        gone += [item.path for item in changed if has_left(item, absolute(item.path))]
        return RemovedPictures(known, gone)

    def _swapped(self, moved: Iterable[str]) -> list[Skipped]:
        """Note what may be where removed files were, if it is not looked at this time."""
        there = [path for path in moved if os.path.lexists(self._source.absolute(path))]
        notes = [self._removed.note_for(path) for path in there]
        return [note for note in notes if note is not None]

    def _found(self, unseen: list[str]) -> Iterator[ImageRef]:
        """List what is there: in the source, or at the paths."""
        exclude = (str(self._gallery.path),)
        if self._paths is None:
            return self._source.scan(exclude=exclude, on_unreadable=unseen.append)
        return look_at(self._source, self._paths, exclude=exclude, on_unreadable=unseen.append)

    def _noted(self, found: Iterator[ImageRef], names: list[str]) -> Iterator[ImageRef]:
        """Note the paths of what is found, of other shards too, if they matter."""
        for ref in found:
            if self._metadata is not None:
                names.append(ref.path)
            yield ref

    def _others_called(self, names: frozenset[str]) -> Iterator[str]:
        """List further pictures of the source with one of some names, where not all are looked at.

        This reads the names of all its pictures: a table that gives paths spares that.
        """
        table, gone = self._metadata, self._plan.gone
        if self._paths is None or table is None:
            return
        for path, _ in self._gallery.contents(self._record.source_id):
            called = table.named(posixpath.basename(path))
            is_there = called in names and os.path.lexists(self._source.absolute(path))
            if is_there and path not in gone:
                yield path

    @property
    def _is_own(self) -> bool:
        """Whether the source lies in the gallery's folder, as uploads do.

        What it does not hold was deleted: it cannot be on a drive that is not there.
        """
        return lies_at(self._source.root, str(self._gallery.path))

    def _require_any(self) -> None:
        """Refuse to forget pictures while the source holds none at all: see ``look``."""
        if self._is_own:
            return
        found = self._source.scan(exclude=(str(self._gallery.path),))
        if next(found, None) is None and self._record.kind not in {"file", "list"}:
            raise self._emptied("some")

    def _emptied(self, known: str) -> NoImagesFound:
        return NoImagesFound(
            f"{self._record.location} holds no pictures any more, though the gallery knows "
            f"{known}: plug the drive in, or, if they are really gone, run "
            "lookalike remove --source on it."
        )

    def _moved_away(self, content: str) -> Iterator[KnownImage]:
        """Find images with a content whose files are gone, outside of what was looked at."""
        ids = self._gallery.ids_with_content(content)
        for image in self._gallery.images_by_id(ids).values():
            if image.source_id != self._record.source_id or image.path in self._known:
                continue
            unseen: list[str] = []
            found = look_at(self._source, [image.path], on_unreadable=unseen.append)
            if next(found, None) is None and not unseen:
                self._old_paths[image.image_id] = image.path
                yield KnownImage(
                    image.image_id, image.size_bytes, image.mtime_ns, image.content_hash
                )

    def _is_out_of_sight(self, path: str) -> bool:
        """Tell whether a path is, or lies in, what could not be looked into just now."""
        return any(path == place or path.startswith(f"{place}/") for place in self._out_of_sight)

    def run(self, decode_threads: int | None) -> None:
        """Read, embed and commit what ``look`` found to be new or changed.

        Raises:
            NoImagesFound: Not one picture of the source can be read.
        """
        pipeline = Pipeline(self._encoder, decode_threads=decode_threads)
        scanned = self._clock.seconds["scan"]
        self._clock = pipeline.clock
        self._clock.add("scan", scanned)
        self._about_to_change = {
            self._known[ref.path].content_hash
            for ref in self._plan.to_read
            if ref.path in self._known
        }
        results = pipeline.run(
            self._plan.to_read,
            self._source.absolute,
            known=self._known,
            moves=self._moves,
            is_new=self._is_new,
            removed=self._removed,
        )
        # Closing ends the threads at once, whatever happens here.
        with closing(results):
            try:
                for item in results:
                    self._take(item)
            except KeyboardInterrupt:
                # One that came in the middle of a commit left it whole or undone.
                if not self._is_committing:
                    self._commit()
                raise
        self._commit()
        if self._paths is None and not self._is_own:
            self._require_a_picture()

    def _take(self, item: Loaded) -> None:
        if item.embedding is None and item.facts is not None:
            item.embedding = self._recalled.get(item.content_hash)
        self._batch.take(item, self._known.get(item.ref.path))
        self._done += 1
        if self._batch.is_due:
            self._commit()
        self._tell(at_least_every_s=TELL_S)

    def _is_new(self, content: str) -> bool:
        """Tell whether a content has to be embedded.

        A known content has not. If its owner is itself about to change (files
        that swapped or shifted their names), its embedding is copied now: by the
        time of the commit nobody may own it any more.
        """
        if content in self._embedding_soon or content in self._recalled:
            return False
        if not self._writer.has_content(content):
            self._embedding_soon.add(content)
            return True
        if content in self._about_to_change:
            owner = self._gallery.ids_with_content(content)[0]
            self._recalled[content] = self._gallery.embedding(owner)
        return False

    def _commit(self) -> None:
        batch = self._batch
        if batch.is_empty:
            return
        self._is_committing = True
        with self._clock.stage("write"):
            images, embeddings = batch.images(self._encoder.space.dim)
            self._writer.commit(
                images=images,
                embeddings=embeddings,
                renamed=batch.renamed,
                touched=batch.touched,
                skipped=batch.skipped,
                metadata=batch.described,
            )
        batch.clear()
        self._is_committing = False
        self._committed = self._done
        logger.info("committed %d files of %s", self._committed, self._record.location)

    def _require_a_picture(self) -> None:
        """Refuse to end with an empty source where files failed: something larger is wrong."""
        tally = self._batch.tally
        left = len(self._known) + tally.added - len(tally.lost) - len(self._moves.left())
        failed = [item for item in self._skipped() if item.reason != REMOVED_BY_HAND]
        # All files of a small shard may be broken while the source is sound.
        if left or not failed or self._shard is not None:
            return
        raise NoImagesFound(
            f"None of the {len(failed)} picture files of {self._record.location} can be read; "
            f"the first, {failed[0].path}: {failed[0].reason}",
            skipped=failed,
        )

    def finish(self) -> UpdateReport:
        """Forget what is gone or turned unreadable, describe the rest, and say what was done."""
        source_id = self._record.source_id
        tally, left = self._batch.tally, self._moves.left()
        there = {ref.path for ref in self._plan.to_read}
        moved = [path for path in self._removed.renamed if path not in there]
        swapped = self._swapped(moved)
        forgotten = {*self._plan.vanished, *moved} - {note.path for note in swapped}
        skipped = self._skipped()
        changes = self._changes(left)
        with self._clock.stage("write"):
            self._writer.commit(
                removed=[image.image_id for image in left] + [lost for lost, _ in tally.lost],
                skipped=[*(failure for _, failure in tally.lost), *swapped],
                unskipped=[(source_id, path) for path in sorted(forgotten)],
            )
            self._describe_unchanged()
        self._tell(at_least_every_s=0)
        return UpdateReport(
            added=tally.added,
            changed=tally.changed,
            renamed=tally.renamed,
            forgotten=len(left) + len(tally.lost),
            unchanged=len(self._plan.unchanged) + tally.touched,
            embedded=tally.embedded,
            copies=tally.copies,
            described=tally.described,
            named=self._batch.metadata.named,
            ambiguous=self._batch.metadata.ambiguous,
            skipped=skipped,
            elapsed_s=self._clock.elapsed_s,
            stage_seconds=self._clock.seconds,
            bottleneck=self._clock.bottleneck,
            changes=changes,
        )

    def _changes(self, left: Sequence[KnownImage]) -> tuple[FileChange, ...]:
        """Tell what became of each file; the images that were found are committed by now."""
        noted = self._batch.tally.changes
        if noted is None:
            return ()
        before = self._old_paths | {image.image_id: at for at, image in self._plan.gone.items()}
        known = self._gallery.known_files(
            self._record.source_id, [item.path for item in noted]
        ).images
        absolute = self._source.absolute
        changes = [
            FileChange(
                item.what,
                absolute(item.path),
                known[item.path].image_id,
                before=None if item.image_id is None else absolute(before[item.image_id]),
                is_copy=item.is_copy,
            )
            for item in noted
        ]
        gone = [(before[image.image_id], image.image_id) for image in left]
        gone += [(failure.path, image_id) for image_id, failure in self._batch.tally.lost]
        return (*changes, *(FileChange("removed", absolute(path), lost) for path, lost in gone))

    def _describe_unchanged(self) -> None:
        """Bring the metadata of images up to date whose files did not change."""
        if self._metadata is None:
            return
        unchanged, changes = set(self._plan.unchanged), dict[int, Mapping[str, Any]]()
        if self._paths is None:
            images = self._gallery.images(source_id=self._record.source_id)
        else:
            ids = [self._known[path].image_id for path in self._plan.unchanged]
            images = iter(self._gallery.images_by_id(ids).values())
        for image in images:
            row = self._batch.metadata.row_for(image.path) if image.path in unchanged else None
            if row is not None:
                self._batch.tally.described += 1
                if dict(row) != image.metadata:
                    changes[image.image_id] = row
        described = list(changes)
        for start in range(0, len(described), METADATA_ROWS):
            part = described[start : start + METADATA_ROWS]
            self._writer.commit(metadata={image_id: changes[image_id] for image_id in part})

    def _skipped(self) -> tuple[SkippedFile, ...]:
        """List every file that could not be used, of this run and of earlier ones."""
        tally = self._batch.tally
        source_id = self._record.source_id
        known = (
            self._writer.skipped(source_id)
            if self._paths is None
            else self._gallery.known_files(source_id, self._paths).skipped
        )
        there = [item for path, item in known.items() if path not in self._plan.vanished]
        there += [failure for _, failure in tally.lost]
        reasons = {
            item.path: REMOVED_BY_HAND if is_removed(item) else item.reason for item in there
        }
        reasons |= dict(tally.out_of_reach)
        reasons |= {place: OUT_OF_SIGHT for place in self._out_of_sight if self._matters(place)}
        return tuple(
            SkippedFile(self._source.absolute(path), reason) for path, reason in reasons.items()
        )

    def _matters(self, place: str) -> bool:
        """Tell whether something is missed there: a plain broken link misses nothing."""
        if not os.path.islink(self._source.absolute(place)):
            return True
        return any(path == place or path.startswith(f"{place}/") for path in self._known)

    def _tell(self, *, at_least_every_s: float) -> None:
        """Tell the listener how far the run is, not more often than anybody can look."""
        now = time.monotonic()
        if self._on_progress is None or now - self._told_at < at_least_every_s:
            return
        self._told_at = now
        self._on_progress(
            Progress(
                done=self._done,
                total=len(self._plan.to_read),
                committed=self._committed,
                elapsed_s=self._clock.elapsed_s,
                bottleneck=self._clock.bottleneck,
            )
        )
