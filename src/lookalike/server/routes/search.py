"""Searching a gallery: by a query as JSON, by a form, by a picture, by an address."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from lookalike.errors import UsageError
from lookalike.server.answers import json_answer
from lookalike.server.asked import Asked, Asker, asked_of, require_few_addresses
from lookalike.server.forms import require_fields
from lookalike.server.leaving import while_there
from lookalike.server.openapi import answers, body_of, form
from lookalike.server.problems import problem_of
from lookalike.server.reading import media_type as media_type_of
from lookalike.server.reading import (
    parsed,
    read_form,
    read_json,
    read_picture,
    wrong_media_type,
)
from lookalike.server.schemas.examples import (
    BATCH_EXAMPLE,
    BATCH_EXAMPLES,
    FORM_EXAMPLES,
    QUERY_EXAMPLES,
    SEARCH_EXAMPLE,
)
from lookalike.server.schemas.options import PictureOptions, SimpleOptions
from lookalike.server.schemas.searching import (
    BatchAnswer,
    BatchBody,
    FormBody,
    QueryBody,
    SearchAnswer,
)
from lookalike.server.state import HostedGallery, is_local, server_of
from lookalike.server.telling import answer_facts

router = APIRouter(tags=["search"])

MOST_QUERIES = 100
# Of all queries of a batch, as a multiple of what one may ask for.
BATCH_HITS = 10
# Of all queries of a batch.
MOST_EMBEDDINGS = 1000

PICTURE = re.compile(r"image/[a-z0-9.+*-]+|application/octet-stream")
WANTED = "application/json, multipart/form-data, or a picture as image/jpeg and the like"
BINARY = {"type": "string", "format": "binary"}


@router.get(
    "/galleries/{gallery}/search",
    operation_id="search_get",
    summary="Search by image_id or text",
    responses=answers("A page of hits.", SearchAnswer, SEARCH_EXAMPLE),
)
async def search_get(
    request: Request, here: HostedGallery, options: Annotated[SimpleOptions, Query()]
) -> Response:
    """Find what looks like images of the gallery, or what words say.

    Several `image_id` and `text` are added up; those of `minus_id` and `minus_text` are
    taken away.
    """
    return await answered(request, here, await asked_of(options.to_dict(), asker_of(request)))


@router.post(
    "/galleries/{gallery}/search",
    operation_id="search",
    summary="Search by anything",
    responses=answers("A page of hits.", SearchAnswer, SEARCH_EXAMPLE),
    openapi_extra=body_of(
        "A query as JSON; or a form of pictures, with the query in the field `query`; or a "
        "picture, with the rest in the address. The options of the address go with a picture, "
        "and with a form that has no `query`.",
        json=form(QueryBody, QUERY_EXAMPLES),
        multipart=form(FormBody, FORM_EXAMPLES),
        image=form(BINARY),
    ),
)
async def search(
    request: Request, here: HostedGallery, options: Annotated[PictureOptions, Query()]
) -> Response:
    """Find what looks like pictures, images of the gallery, texts or embeddings.

    Parts of a query have weights, and what has a weight below 0 is taken away.
    """
    asker = asker_of(request)
    kind = media_type_of(request)
    if kind == "application/json":
        require_no_options(request)
        asked = await asked_of(await read_json(request), asker)
    elif kind == "multipart/form-data":
        asked = await asked_by_form(request, options, asker)
    elif PICTURE.fullmatch(kind):
        upload = await read_picture(request, asker.limits)
        asked = await asked_of(options.to_dict(), asker, [upload])
    else:
        raise wrong_media_type(request, WANTED)
    return await answered(request, here, asked)


@router.post(
    "/galleries/{gallery}/search/batch",
    operation_id="search_batch",
    summary="Search by several queries",
    responses=answers(
        "An answer or a problem for each query, in their order.", BatchAnswer, BATCH_EXAMPLE
    ),
    openapi_extra=body_of("Queries.", json=form(BatchBody, BATCH_EXAMPLES)),
)
async def search_batch(request: Request, here: HostedGallery) -> Response:
    """Answer several queries together: each as if it were asked alone.

    A query that cannot be answered gets a problem in its place.
    """
    queries = queries_of(await read_json(request))
    require_few_pictures(queries, asker_of(request))
    found = await asyncio.gather(
        *(asked_of(told, asker_of(request)) for told in queries), return_exceptions=True
    )
    require_few_hits([asked for asked in found if isinstance(asked, Asked)], asker_of(request))
    return json_answer({"answers": await while_there(request, told_together(request, here, found))})


async def answered(request: Request, here: HostedGallery, asked: Asked) -> Response:
    """Ask, and answer."""
    return json_answer(await while_there(request, told_of(request, here, asked)))


async def told_of(request: Request, here: HostedGallery, asked: Asked) -> dict[str, Any]:
    """Ask, and tell the page that was wanted."""
    if not is_local(request):
        return await page_of(request, here, asked)
    # This machine's own command line prints what was asked as it would ask it itself: for
    # no more hits than there are images.
    most = max(1, await asyncio.to_thread(len, here.gallery))
    asked = replace(asked, query=replace(asked.query, k=min(asked.query.k, most)))
    return {**await page_of(request, here, asked), "asked": asked.query.to_dict()}


async def page_of(request: Request, here: HostedGallery, asked: Asked) -> dict[str, Any]:
    """Ask, and tell the page of hits, with what was searched with where that is wanted."""
    found = await here.search(asked.query, asked.params)
    facts = answer_facts(asked, found, max_k=server_of(request).settings.limits.max_k)
    if asked.with_embeddings:
        facts["embeddings"] = [row.tolist() for row in found.embeddings]
    return facts


async def told_together(
    request: Request, here: HostedGallery, found: Sequence[Asked | BaseException]
) -> list[dict[str, Any]]:
    """Tell the answers to several queries."""
    return await asyncio.gather(*(one_of_batch(request, here, asked) for asked in found))


async def one_of_batch(
    request: Request, here: HostedGallery, asked: Asked | BaseException
) -> dict[str, Any]:
    """Tell the answer to one of several queries, or its problem."""
    try:
        if isinstance(asked, BaseException):
            raise asked
        return await told_of(request, here, asked)
    except Exception as error:
        return problem_of(error).to_dict()


async def asked_by_form(request: Request, options: PictureOptions, asker: Asker) -> Asked:
    """Read a query that came as a form.

    Raises:
        UsageError: It has neither pictures nor a query.
    """
    uploads, fields = await read_form(request, asker.limits)
    require_fields(fields, ("query",))
    if "query" in fields:
        require_no_options(request)
        return await asked_of(await parsed(fields["query"]), asker, uploads)
    if not uploads:
        raise UsageError(
            "The form has no picture: send one or more in the field 'picture', or a query as "
            "JSON in the field 'query'."
        )
    return await asked_of(options.to_dict(), asker, uploads)


def asker_of(request: Request) -> Asker:
    """Say what the one who asks may do."""
    return Asker(server_of(request).settings, may_name_files=is_local(request))


def require_no_options(request: Request) -> None:
    """Refuse options in the address of a query that says them itself."""
    if request.query_params:
        name = next(iter(request.query_params))
        raise UsageError(
            f"{name!r:.60} stands in the address, and the query is JSON: write it there."
        )


def queries_of(told: Any) -> list[Any]:
    """Read the list of queries.

    Raises:
        UsageError: There is none, or it is too long.
    """
    queries = told.get("queries") if isinstance(told, dict) and set(told) == {"queries"} else None
    if not isinstance(queries, list) or not queries:
        raise UsageError('A batch is an object with a list of queries: {"queries": [...]}.')
    if len(queries) > MOST_QUERIES:
        raise UsageError(
            f"The batch has {len(queries)} queries, and {MOST_QUERIES} are answered at a time: "
            "send fewer."
        )
    return queries


def require_few_pictures(queries: list[Any], asker: Asker) -> None:
    """Refuse more pictures than a request may have."""
    parts = [
        part
        for told in queries
        if isinstance(told, dict) and isinstance(told.get("parts"), list)
        for part in told["parts"]
        if isinstance(part, dict) and ("base64" in part or "url" in part)
    ]
    if len(parts) > asker.limits.max_files:
        raise UsageError(
            f"The batch has {len(parts)} pictures, and {asker.limits.max_files} may come with a "
            "request: send fewer queries."
        )
    require_few_addresses(parts)


def require_few_hits(found: list[Asked], asker: Asker) -> None:
    """Refuse an answer that would be longer than anybody reads at once."""
    embeddings = sum(len(asked.query.items) for asked in found if asked.with_embeddings)
    if embeddings > MOST_EMBEDDINGS:
        raise UsageError(
            f"The batch asks for {embeddings} embeddings, and {MOST_EMBEDDINGS} are told at a "
            "time: ask for fewer."
        )
    hits = sum(asked.query.k for asked in found)
    most = BATCH_HITS * asker.limits.max_k
    if hits > most:
        raise UsageError(
            f"The batch asks for {hits} hits, and {most} are found at a time: ask for fewer."
        )
