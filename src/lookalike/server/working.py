"""What a server does beside answering: jobs, uploads of before, looking for changes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lookalike.errors import LookalikeError
from lookalike.server.describing import forget_described
from lookalike.server.hosting.opening import Opening
from lookalike.server.jobs.generations import Generations
from lookalike.server.replacing import Replacing
from lookalike.server.uploads import Uploads
from lookalike.server.watching import Watching

if TYPE_CHECKING:
    from lookalike.server.state import Server

__all__ = ["at_work"]

logger = logging.getLogger(__name__)

# How often uploads are tried again that failed for want of room, say.
RETRY_S = 30.0

# How long the end of the server waits for the work that runs.
FINISH_S = 20.0


@asynccontextmanager
async def at_work(server: Server, opening: Opening) -> AsyncIterator[None]:
    """Do the work of a server while it runs; in the end, finish what runs and stop.

    Gives the server its ``uploads``, ``generations`` and ``replacing``. What waits in the end
    is not lost: uploads lie on the disk, and are added at the next start.
    """
    galleries = {name: hosted.gallery for name, hosted in server.galleries.items()}
    server.generations = Generations(server.jobs.events, galleries)
    server.uploads = {name: desk(server, name) for name in galleries}
    watching = Watching(server) if server.settings.is_watching else None
    server.replacing = Replacing(
        server, opening.whole, lambda name: handed_over(server, watching, name)
    )
    tasks = [asyncio.create_task(each.run()) for each in (server.generations, server.replacing)]
    if not server.settings.read_only:
        tasks.append(asyncio.create_task(recovered(server)))
    try:
        if watching is not None:
            watching.start()
        yield
    finally:
        server.jobs.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.replacing.close()
        await asyncio.to_thread(finish, server, watching)


def desk(server: Server, name: str) -> Uploads:
    """Make the desk that takes pictures in for a gallery."""
    hosted = server.galleries[name]
    return Uploads(
        name,
        hosted.gallery,
        lambda: hosted.encoder,
        server.jobs,
        server.settings.limits,
        keep_free_bytes=server.settings.keep_free_bytes,
    )


def handed_over(server: Server, watching: Watching | None, name: str) -> Callable[[], object]:
    """Go on with another gallery of that name; gives what ends the former one's work.

    Work of the former one that is still in line fails when it comes to its gallery.
    """
    former = server.uploads[name]
    server.uploads = {**server.uploads, name: desk(server, name)}
    server.generations.begin_anew(name, server.galleries[name].gallery)
    forget_described(server, name)
    if watching is not None:
        watching.begin_anew(name)
    return former.close


async def recovered(server: Server) -> None:
    """Add uploads of before, and from time to time those that failed; until it is cancelled."""
    known: dict[str, Uploads] = {}
    while True:
        for name, uploads in server.uploads.items():
            is_new = known.get(name) is not uploads
            if await quietly(name, uploads.recover if is_new else uploads.retry):
                known[name] = uploads
        await asyncio.sleep(RETRY_S)


async def quietly(name: str, look: Callable[[], object]) -> bool:
    """Look for uploads to add in a thread, and tell whether that went well; if not, go on."""
    try:
        await asyncio.to_thread(look)
    except (LookalikeError, OSError) as error:
        told = str(error).rstrip(".")
        logger.warning("the uploads of %s could not be looked through: %s", name, told)
    except Exception:
        logger.exception("looking through the uploads of %s failed, and is tried again", name)
    else:
        return True
    return False


def finish(server: Server, watching: Watching | None) -> None:
    """Wait for the work that runs, then tidy up."""
    deadline = time.monotonic() + FINISH_S
    if watching is not None:
        watching.stop()  # first, since an update of it may be what the line of work is at
    has_ended = server.jobs.close(timeout_s=FINISH_S)
    if watching is not None:
        left = max(0.0, deadline - time.monotonic())
        has_ended = watching.close(timeout_s=left) and has_ended
    if not has_ended:
        logger.warning("work was still under way when the server stopped: what it did is whole")
    for uploads in server.uploads.values():
        uploads.close()
