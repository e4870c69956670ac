"""The application: galleries opened, layers around, routes inside."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Depends, FastAPI

import lookalike
from lookalike.client.answers import API
from lookalike.server.answers import JsonAnswer
from lookalike.server.declared import require_declared
from lookalike.server.describing import look_ahead, stop_looking
from lookalike.server.heads import Heads
from lookalike.server.hosting import Hosted
from lookalike.server.hosting.opening import Opening
from lookalike.server.jobs import JobBoard
from lookalike.server.measuring import Measured, Measures
from lookalike.server.openapi import describe, operation_id
from lookalike.server.problems import Catching, answer_problems
from lookalike.server.safety import install_safety
from lookalike.server.state import Server
from lookalike.server.working import at_work

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from lookalike.server.settings import ServerSettings

__all__ = ["create_app"]

# Newer FastAPI reports requests and errors wherever its environment, or a library beside it,
# says so. Nothing of what people look for leaves this server. Older ones know no such word.
NO_TELEMETRY: Any = {
    "auto_configure": False,
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
}

# How pydantic's warning begins when FastAPI hands it a parameter of a route.
UNHEARD_OF = r"The '\w+' attribute with value .* was provided to the `Field"


def create_app(settings: ServerSettings) -> FastAPI:
    """Make the application of a server; its galleries are opened when it starts.

    Raises:
        UsageError: A setting makes no sense.
    """
    # FastAPI makes it and hides it again, for as long as no other thread restores the filters.
    warnings.filterwarnings("ignore", UNHEARD_OF, UserWarning)
    app = FastAPI(
        title="Lookalike",
        version=lookalike.__version__,
        docs_url=None,  # these pages are loaded from elsewhere
        redoc_url=None,
        default_response_class=JsonAnswer,
        generate_unique_id_function=operation_id,
        lifespan=opened,
        telemetry=NO_TELEMETRY,
    )
    app.state.settings = settings
    app.state.measures = Measures()
    # Their routes write their paths without it: "/galleries/{gallery}/images".
    below, beside = api_routers(), other_routers()
    for router in below:
        app.include_router(router, prefix=API, dependencies=[Depends(require_declared)])
    for router in beside:
        app.include_router(router)
    answer_problems(app)
    add_layers(app, settings)
    describe(app, [*below, *beside])
    return app


def api_routers() -> list[APIRouter]:
    """List the routers below ``/api/v1``. Late, since they bring FastAPI's models along."""
    from lookalike.server.routes import (
        adding,
        encoders,
        exporting,
        galleries,
        images,
        jobs,
        search,
    )
    from lookalike.server.routes import map as maps

    modules = (galleries, search, images, exporting, maps, adding, jobs, encoders)
    return [module.router for module in modules]


def other_routers() -> list[APIRouter]:
    """List the routers at the root; the page takes what is left."""
    from lookalike.server.routes import health, page, session

    return [health.router, session.router, page.router]


def add_layers(app: FastAPI, settings: ServerSettings) -> None:
    """Put the layers around the routes, the innermost first."""
    app.add_middleware(Catching)
    app.add_middleware(Heads)

    def measured(inner: ASGIApp) -> ASGIApp:
        return Measured(inner, lambda scope: scope["app"].state.measures)

    install_safety(app, settings, measured=measured)


@asynccontextmanager
async def opened(app: FastAPI) -> AsyncIterator[None]:
    """Open the galleries while the application runs, and close them in the end.

    Raises:
        GalleryError: One cannot be opened.
    """
    settings: ServerSettings = app.state.settings
    opening = Opening(settings, app.state.measures)
    galleries = await asyncio.to_thread(opened_galleries, settings, opening)
    server = Server(settings, galleries, JobBoard(), app.state.measures)
    app.state.server = server
    try:
        async with at_work(server, opening):
            ahead = asyncio.gather(look_ahead(server), asyncio.to_thread(app.openapi))
            try:
                yield
            finally:
                ahead.cancel()
                stop_looking(server)
                await asyncio.gather(ahead, return_exceptions=True)
    finally:
        for here in server.galleries.values():  # others perhaps than at the start
            await asyncio.to_thread(here.close)


def opened_galleries(settings: ServerSettings, opening: Opening) -> dict[str, Hosted]:
    """Open every gallery, or none."""
    galleries: dict[str, Hosted] = {}
    try:
        for name in settings.galleries:
            galleries[name] = opening(name)
    except BaseException:
        for here in galleries.values():
            here.close()
        raise
    return galleries
