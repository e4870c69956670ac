"""What one running server holds, and how routes find it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Path, Request

from lookalike.errors import GalleryNotFound
from lookalike.server.safety.access import Access, access_of

if TYPE_CHECKING:
    from lookalike.server.hosting import Hosted
    from lookalike.server.jobs import JobBoard
    from lookalike.server.jobs.generations import Generations
    from lookalike.server.measuring import Measures
    from lookalike.server.settings import ServerSettings
    from lookalike.server.uploads import Uploads

__all__ = ["GalleryName", "HostedGallery", "Server", "hosted", "is_local", "server_of"]


@dataclass(slots=True)
class Server:
    """A running server: at ``app.state.server`` while it runs.

    Attributes:
        settings: What it was started with.
        galleries: The galleries by name; the first is the default.
        jobs: What is being done, and what was.
        measures: Counts and times.
        told: What was worked out of a generation of a gallery, by what it is.
        uploads: The desk of each gallery that takes pictures in; ``at_work`` sets it.
        generations: Tells listeners that a gallery has changed; ``at_work`` sets it.
    """

    settings: ServerSettings
    galleries: Mapping[str, Hosted]
    jobs: JobBoard
    measures: Measures
    told: dict[Any, Any] = field(default_factory=dict)
    uploads: Mapping[str, Uploads] = field(default_factory=dict)
    generations: Generations = field(init=False)

    def shown_to(self, access: Access) -> Server:
        """Return the server as an asker sees it: no other galleries are there."""
        if access.galleries is None:
            return self
        kept = {name: one for name, one in self.galleries.items() if name in access.galleries}
        seen = copy.copy(self)
        seen.galleries = kept
        if kept:
            folders = {name: self.settings.galleries[name] for name in kept}
            seen.settings = replace(self.settings, galleries=folders)
        return seen


def server_of(request: Request) -> Server:
    """Find the server that a request came to, as its asker sees it.

    Here galleries are kept from tokens that are not for them. Jobs and numbers are the whole
    server's: who tells of them leaves out those of galleries that are not in ``galleries``.
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

    Nothing in it waits; a plain function would be called in a thread of its own.

    Raises:
        GalleryNotFound: There is none of that name here.
    """
    galleries = server_of(request).galleries
    found = galleries.get(gallery)
    if found is None:
        names = ", ".join(galleries) or "none"
        raise GalleryNotFound(f"No gallery is called {gallery!r:.60} here: there is {names}.")
    return found


HostedGallery = Annotated[Any, Depends(hosted)]


def is_local(request: Request) -> bool:
    """Tell whether the asker is this machine's own command line, which may name files."""
    return access_of(request.scope).is_local
