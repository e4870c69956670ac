"""Writers that tests kill, run as processes of their own.

``dying_writer.py GALLERY loop RUN`` commits until it is killed, and says on
its standard output, one JSON line each, what was acknowledged.

``dying_writer.py GALLERY hold`` takes the lock and waits.

``dying_writer.py GALLERY OPERATION STEP`` dies at one step of an operation.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from lookalike.gallery import (
    Gallery,
    GalleryWriter,
    NewImage,
    Rename,
    committing,
    compacting,
    creating,
    segments,
    writing,
)
from lookalike.vectors import EmbeddingSpace


def die(*_: object, **__: object) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def dying_after(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> None:
        function(*args, **kwargs)
        die()

    return call


def half_a_file() -> Iterator[bytes]:
    yield b"\x93NUMPY"
    die()


def unit_rows(count: int, seed: int) -> Any:
    rows = np.random.default_rng(seed).standard_normal((count, 4)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def image(path: str, row: int) -> NewImage:
    return NewImage(1, path, f"content of {path}", 1, 1, 640, 480, "JPEG", embedding_row=row)


def loop(gallery: Gallery, run: str) -> None:
    """Add three images, rename one, forget one; compact now and then."""
    with gallery.writer() as writer:
        number = 0
        while True:
            names = [f"{run}-{number}-{part}" for part in ("stays", "moves", "goes")]
            images = [image(name, row) for row, name in enumerate(names)]
            generation = writer.commit(images=images, embeddings=unit_rows(3, number))
            tell(generation, added=names, removed=[])
            known = writer.state(1)
            moved = f"{run}-{number}-moved"
            generation = writer.commit(
                renamed=[Rename(known[names[1]].image_id, moved, 1, 1)],
                removed=[known[names[2]].image_id],
            )
            tell(generation, added=[moved], removed=names[1:])
            number += 1
            if number % 5 == 0:
                writer.compact()


def tell(generation: int, *, added: list[str], removed: list[str]) -> None:
    said = {"generation": generation, "added": added, "removed": removed}
    say(json.dumps(said))


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def hold(gallery: Gallery) -> None:
    with gallery.writer():
        say("held")
        sys.stdin.read()


def arm(step: str) -> None:
    """Let the process die at a step of the operation that follows."""
    write, rename = segments.write_segment, segments.os.rename
    if step == "half-written segment":
        segments._file_parts = lambda *_: half_a_file()
    elif step == "before rename":
        segments.os.rename = die
    elif step == "after rename":
        segments.os.rename = dying_after(rename)
    elif step == "segment written":
        writing.write_segment = compacting.write_segment = dying_after(write)
    elif step == "in transaction":
        writing.apply_change = dying_after(committing.apply_change)
        compacting.swap = dying_after(compacting.swap)
    elif step == "before commit":
        GalleryWriter._commit = die
    elif step == "after commit":
        GalleryWriter._commit = dying_after(GalleryWriter._commit)
    elif step == "half-made catalog":
        creating.write_settings = die
    elif step == "whole catalog":
        creating.os.rename = die
    else:
        raise ValueError(step)


def main(path: str, operation: str, *rest: str) -> None:
    if operation == "create":
        arm(rest[0])
        Gallery.create(path, EmbeddingSpace("fingerprint-of-the-tests", 4, encoder="tests"))
    gallery = Gallery.open(path)
    if operation == "loop":
        loop(gallery, rest[0])
    elif operation == "hold":
        hold(gallery)
    with gallery.writer() as writer:
        if operation == "leave log":  # die with committed changes in the log only
            writer.commit(images=[image("late.jpg", 0)], embeddings=unit_rows(1, 0))
            die()
        arm(rest[0])
        if operation == "compact":
            writer.compact()
        else:
            writer.commit(images=[image("new.jpg", 0)], embeddings=unit_rows(1, 0), removed=[1])


main(*sys.argv[1:])
