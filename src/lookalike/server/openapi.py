"""The description of the API (OpenAPI 3.1), with an example of everything.

Routes say what they read and answer by ``body_of`` and ``answers``; ``describe`` adds
what all have in common: problems, the ways to show a token, and what the tags mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from lookalike.server.problems import PROBLEM_JSON, STATUSES, TABLE
from lookalike.server.schemas.completing import (
    BESIDE_BODY,
    BODIES,
    EXAMPLES,
    FILES,
    FORMS,
    NAMES,
    PARAMETERS,
    models,
)
from lookalike.server.schemas.problems import ProblemFacts

__all__ = ["answers", "body_of", "describe", "file_answer", "form", "operation_id"]

JSON = "application/json"
# A body that is a picture; generators of clients take no range for a kind.
PICTURES = ("image/jpeg", "image/png", "image/*", "application/octet-stream")
REFERENCE = "#/components/schemas/{model}"

TAGS = {
    "search": "Searching galleries.",
    "galleries": "What galleries hold, and which encoders are known.",
    "images": "Images of a gallery, their thumbnails and originals.",
    "export": "Taking a selection along.",
    "map": "All images of a gallery as a map.",
    "adding": "Bringing images in.",
    "jobs": "What is being done, and how far it is.",
    "health": "Whether the server lives, is ready, and how it fares.",
    "session": "Signing in from the page.",
    "page": "The page.",
}

# What any operation may answer, beside its own.
COMMON = (
    400, 401, 403, 404, 405, 408, 409, 410, 411, 413, 415, 416, 421, 422, 429, 431,
    500, 501, 502, 503, 507,
)  # fmt: skip

DESCRIPTION = """
Find the pictures that look alike. Errors are problems (RFC 9457); a token, where one is
asked for, goes into `Authorization: Bearer TOKEN`. Names of files are text with
surrogates for bytes that are no UTF-8, written as escapes.
"""

SECURITY = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of the server's token file. Without one the server asks for none.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "lookalike-8080",
        "description": "What POST /session gives for a token, for pages; the number is the "
        "server's port.",
    },
}

# By operation, status and content type.
Examples = dict[tuple[str, str, str], Any]

# Models that only request bodies name: FastAPI does not see them.
bodies: dict[str, type[BaseModel]] = {}


def reference(model: type[BaseModel]) -> dict[str, Any]:
    """Point to a model, and note that it has to be described."""
    bodies[model.__name__] = model
    return {"$ref": REFERENCE.format(model=model.__name__)}


def form(
    schema: type[BaseModel] | Mapping[str, Any], examples: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Describe one form of a body: its schema, and examples by what they show."""
    told: dict[str, Any] = {
        "schema": reference(schema) if isinstance(schema, type) else dict(schema)
    }
    if examples:
        told["examples"] = {
            summary.replace(" ", "-"): {"summary": summary, "value": value}
            for summary, value in examples.items()
        }
    return told


def body_of(description: str, *, is_required: bool = True, **forms: Any) -> dict[str, Any]:
    """Describe a body that a route reads itself: ``openapi_extra=body_of(...)``.

    Args:
        description: What it is.
        is_required: Whether there has to be one.
        forms: ``form(...)`` by ``json``, ``multipart`` or ``image``.
    """
    kinds = {
        "json": (JSON,),
        "multipart": ("multipart/form-data",),
        "image": PICTURES,
    }
    content = {kind: told for form, told in forms.items() for kind in kinds[form]}
    return {
        "requestBody": {
            "description": description,
            "required": is_required,
            "content": content,
        }
    }


def answers(
    description: str,
    schema: Any = None,
    example: Any = None,
    *,
    status: int = 200,
    kind: str = JSON,
    headers: Mapping[str, str] | None = None,
) -> dict[int | str, dict[str, Any]]:
    """Describe an answer: ``responses={**answers(...), **answers(..., status=202)}``.

    Args:
        description: What it is.
        schema: A pydantic model, ``list[Model]``, or a JSON schema.
        example: One whole answer.
        status: Its status.
        kind: Its content type.
        headers: What its headers say, by their names.
    """
    told: dict[str, Any] = {"description": description}
    content: dict[str, Any] = {}
    if isinstance(schema, Mapping):
        content["schema"] = dict(schema)
    elif schema is not None:
        told["model"] = schema
    if example is not None:
        content["example"] = example
    if content or schema is not None:
        told["content"] = {kind: content}
    if headers:
        told["headers"] = {
            name: {"description": said, "schema": {"type": "string"}}
            for name, said in headers.items()
        }
    return {status: told}


def file_answer(
    description: str, *kinds: str, status: int = 200, headers: Mapping[str, str] | None = None
) -> dict[int | str, dict[str, Any]]:
    """Describe an answer that is a file of one of these content types."""
    told = answers(description, status=status, headers=headers)
    told[status]["content"] = {
        kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds
    }
    return told


def operation_id(route: APIRoute) -> str:
    """Call an operation as its function is called."""
    return route.name


def describe(app: FastAPI, routers: Sequence[APIRouter]) -> None:
    """Let an application describe itself completely, at ``/openapi.json``.

    Args:
        app: The application.
        routers: Those that it includes.
    """

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = description_of(app, shown_by(routers))
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]


def shown_by(routers: Sequence[APIRouter]) -> Examples:
    """Collect the examples of answers as routes tell them: FastAPI drops what is null."""
    shown: Examples = {}
    for route in (route for router in routers for route in router.routes):
        if isinstance(route, APIRoute):
            for status, told in route.responses.items():
                for kind, content in told.get("content", {}).items():
                    if "example" in content:
                        name = route.operation_id or route.name
                        shown[name, str(status), kind] = content["example"]
    return shown


def description_of(app: FastAPI, shown: Examples) -> dict[str, Any]:
    """Write the description."""
    told = get_openapi(
        title=app.title,
        version=app.version,
        summary="Image similarity search",
        description=DESCRIPTION.strip(),
        routes=app.routes,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        tags=[{"name": name, "description": said} for name, said in TAGS.items()],
        servers=[{"url": "/", "description": "This server"}],
    )
    components = told.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for name, schema in schemas_of([*bodies.values(), *models(), ProblemFacts]).items():
        schemas.setdefault(name, schema)
    components["responses"] = {f"Problem{status}": problem_response(status) for status in COMMON}
    components["securitySchemes"] = SECURITY
    told["security"] = [{}, {"token": []}, {"session": []}]
    for methods in told["paths"].values():
        for operation in methods.values():
            restore(operation, shown)
            complete(operation)
            add_problems(operation)
    return published(told)


def published(told: dict[str, Any]) -> dict[str, Any]:
    """Call schemas as readers of the description expect it."""
    schemas = told["components"]["schemas"]
    for name, schema in schemas.items():
        schema["title"] = NAMES.get(name, name)
    told["components"]["schemas"] = {
        NAMES.get(name, name): schema for name, schema in schemas.items()
    }
    known = {REFERENCE.format(model=name): REFERENCE.format(model=NAMES[name]) for name in NAMES}
    renamed: dict[str, Any] = renamed_references(told, known)
    return renamed


def renamed_references(told: Any, known: Mapping[str, str]) -> Any:
    """Let references lead to the new names."""
    if isinstance(told, dict):
        return {
            key: known.get(value, value)
            if key == "$ref" and isinstance(value, str)
            else renamed_references(value, known)
            for key, value in told.items()
        }
    if isinstance(told, list):
        return [renamed_references(value, known) for value in told]
    return told


def schemas_of(wanted: list[type[BaseModel]]) -> dict[str, Any]:
    """Write the schemas of models, and of what they are made of."""
    asked: list[tuple[type[BaseModel], Any]] = [(model, "validation") for model in wanted]
    _, found = models_json_schema(asked, ref_template=REFERENCE)
    schemas: dict[str, Any] = found.get("$defs", {})
    return schemas


def restore(operation: dict[str, Any], shown: Examples) -> None:
    """Show the answers of an operation whole."""
    for status, told in operation["responses"].items():
        for kind, content in told.get("content", {}).items():
            key = operation["operationId"], status, kind
            if key in shown:
                content["example"] = shown[key]


def complete(operation: dict[str, Any]) -> None:
    """Fill in what a route does not tell of itself."""
    name = operation["operationId"]
    if operation.get("summary") == name.replace("_", " ").title() and "description" in operation:
        operation["summary"] = operation["description"].partition("\n")[0].rstrip(".")
    for parameter in operation.get("parameters", []):
        has_one = "example" in parameter or parameter["schema"].get("examples")
        if not has_one and parameter["name"] in PARAMETERS:
            parameter["example"] = PARAMETERS[parameter["name"]]
    if name in BESIDE_BODY:
        for parameter in operation["parameters"]:
            parameter["schema"].pop("default", None)
    for kind, example in BODIES.get(name, {}).items():
        told = operation["requestBody"]["content"].get(kind, {})
        if "examples" not in told:
            told.setdefault("example", example)
    for status, told in operation["responses"].items():
        if status.startswith("2") and status != "204":
            complete_answer(name, told.setdefault("content", {}))


def complete_answer(name: str, content: dict[str, Any]) -> None:
    """Fill in what an answer looks like."""
    if name in FILES:
        content.clear()
        for kind, text in FILES[name].items():
            is_text = kind.startswith("text/")
            schema = {"type": "string"} if is_text else {"type": "string", "format": "binary"}
            if kind == JSON:
                schema = {"$ref": REFERENCE.format(model=FORMS[name].__name__)}
            content[kind] = {"schema": schema}
            if text is not None:
                content[kind]["example"] = text
        return
    if len(content) > 1 and not content.get(JSON, {"schema": True}).get("schema"):
        del content[JSON]
    told = content.get(JSON)
    if told is None:
        return
    form = FORMS.get(name)
    if form is not None and not told.get("schema"):
        called = form if isinstance(form, str) else form.__name__
        told["schema"] = {"$ref": REFERENCE.format(model=called)}
    if name in EXAMPLES and "examples" not in told:
        told.setdefault("example", EXAMPLES[name])


def add_problems(operation: dict[str, Any]) -> None:
    """Say which problems an operation may answer with."""
    found = operation["responses"]
    if any("HTTPValidationError" in str(told) for told in [found.get("422")]):
        del found["422"]
    for status in map(str, COMMON):
        own = found.get(status, {})
        if not own.get("content"):
            # OpenAPI 3.1 lets a reference have a description of its own.
            found[status] = {"$ref": f"#/components/responses/Problem{status}", **own}


def problem_response(status: int) -> dict[str, Any]:
    """Describe the problems of one status, with the kinds of the table."""
    kinds = {kind.slug: (kind, error.__name__) for error, kind in TABLE.items()}
    examples = {
        slug: problem_example(*told) for slug, told in kinds.items() if told[0].status == status
    }
    if status in STATUSES:
        kind, error = STATUSES[status]
        examples.setdefault(kind.slug, problem_example(kind, error))
    titles = "; ".join(sorted({example["value"]["title"] for example in examples.values()}))
    schema = {"$ref": REFERENCE.format(model="ProblemFacts")}
    told: dict[str, Any] = {"schema": schema}
    if examples:
        told["examples"] = examples
    return {"description": f"{titles or f'Problem {status}'}.", "content": {PROBLEM_JSON: told}}


def problem_example(kind: Any, error: str) -> dict[str, Any]:
    """Write a problem of a kind."""
    return {
        "value": {
            "type": f"/problems/{kind.slug}",
            "title": kind.title,
            "status": kind.status,
            "detail": "What was asked, what was found, and what to do, in a sentence.",
            "error": error,
        }
    }
