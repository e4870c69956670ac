"""What one running server holds, and how routes find it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Path, Request
from fastapi.concurrency import run_in_threadpool

from lookalike.errors import GalleryNotFound
from lookalike.gallery.connections import GalleryReplaced
from lookalike.server.problems import Problem
from lookalike.server.safety.access import Access, access_of

if TYPE_CHECKING:
    from lookalike.server.describing import Described
    from lookalike.server.hosting import Hosted
    from lookalike.server.jobs import JobBoard
    from lookalike.server.jobs.generations import Generations
    from lookalike.server.measuring import Measures
    from lookalike.server.replacing import Replacing
    from lookalike.server.settings import ServerSettings
    from lookalike.server.uploads import Uploads

__all__ = [
    "GalleryAsSeen",
    "GalleryName",
    "HostedGallery",
    "Server",
    "hosted",
    "is_local",
    "server_of",
]


@dataclass(slots=True)
class Server:
    """A running server: at ``app.state.server`` while it runs.

    Attributes:
        settings: What it was started with.
        galleries: The galleries by name; the first is the default.
        jobs: What is being done, and what was.
        measures: Counts and times.
        described: What was worked out of each gallery, by its name.
        uploads: The desk of each gallery that takes pictures in; ``at_work`` sets it.
        generations: Tells listeners that a gallery has changed; ``at_work`` sets it.
        replacing: Opens again what took a gallery's place; ``at_work`` sets it.
        on_replaced: Called, in a thread, when it has.
    """

    settings: ServerSettings
    galleries: Mapping[str, Hosted]
    jobs: JobBoard
    measures: Measures
    described: dict[str, Described] = field(default_factory=dict)
    uploads: Mapping[str, Uploads] = field(default_factory=dict)
    generations: Generations = field(init=False)
    replacing: Replacing = field(init=False)
    on_replaced: Callable[[], object] = lambda: None

    def shown_to(self, access: Access) -> Server:
        """Return the server as an asker sees it: no other galleries are there."""
        if access.galleries is None:
            return self
        kept = {name: one for name, one in self.galleries.items() if name in access.galleries}
        seen = copy.copy(self)
        seen.galleries = kept
        seen.uploads = {name: one for name, one in self.uploads.items() if name in kept}
        seen.jobs, seen.measures = self.jobs.of(kept), self.measures.of(kept)
        if kept:
            folders = {name: self.settings.galleries[name] for name in kept}
            seen.settings = replace(self.settings, galleries=folders)
        return seen


def server_of(request: Request) -> Server:
    """Find the server that a request came to, as its asker sees it.

    Here galleries, with their jobs and numbers, are kept from tokens that are not for them.
    """
    server: Server = request.app.state.server
    return server.shown_to(access_of(request.scope))


GalleryName = Annotated[
    str,
    Path(
        description="The name of a gallery, as GET /api/v1/galleries lists it.",
        examples=["photos"],
    ),
]


async def hosted(request: Request, gallery: GalleryName) -> Hosted:
    """Find the gallery that a request is about: a dependency of routes with ``{gallery}``.

    Nothing in it waits, unless another gallery was found in the place of this one; a plain
    function would be called in a thread of its own.

    Raises:
        GalleryNotFound: There is none of that name here.
        GalleryError: Another is in its place, and cannot be opened.
    """
    found = open_now(request, gallery)
    if not found.gallery.is_replaced:
        return found
    return await server_of(request).replacing.newest(found)


async def hosted_as_seen(request: Request, gallery: GalleryName) -> Hosted:
    """Find the gallery of which a request takes pictures out, by numbers that it has seen.

    Raises:
        GalleryNotFound: There is none of that name here.
        Problem: Another gallery is in its place: there they are those of other pictures.
    """
    found = open_now(request, gallery)
    try:
        await run_in_threadpool(lambda: found.gallery.generation)
    except GalleryReplaced as error:
        raise Problem(
            409,
            "The gallery is another one",
            f"Another gallery has just taken the place of {gallery}, and its numbers mean other "
            "pictures: look at it again before you remove some.",
            slug="gallery-replaced",
            error="GalleryError",
        ) from error
    return await hosted(request, gallery)


def open_now(request: Request, gallery: str) -> Hosted:
    """Find a gallery by its name.

    Raises:
        GalleryNotFound: There is none of that name for who asks.
    """
    galleries = server_of(request).galleries
    found = galleries.get(gallery)
    if found is None:
        names = ", ".join(galleries) or "none"
        raise GalleryNotFound(f"No gallery is called {gallery!r:.60} here: there is {names}.")
    return found


HostedGallery = Annotated[Any, Depends(hosted)]
GalleryAsSeen = Annotated[Any, Depends(hosted_as_seen)]


def is_local(request: Request) -> bool:
    """Tell whether the asker is this machine's own command line, which may name files."""
    return access_of(request.scope).is_local
