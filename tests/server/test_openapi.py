"""The API's description: complete, and true of what a running server answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from lookalike.server.app import create_app
    from lookalike.server.settings import ServerSettings

    folder = tmp_path_factory.mktemp("none")
    return create_app(ServerSettings(galleries={"photos": Path(folder)})).openapi()


def operations(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            assert method in METHODS
            yield f"{method.upper()} {path}", operation


def has_example(description: dict[str, Any], told: dict[str, Any]) -> bool:
    schema = told.get("schema", {})
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = description["components"]["schemas"][name]
    is_binary = schema.get("format") == "binary"
    return is_binary or bool({"example", "examples"} & {*told, *schema})


def test_it_is_openapi_3_1_and_names_every_operation_once(description):
    assert description["openapi"].startswith("3.1")
    names = [operation["operationId"] for _, operation in operations(description)]
    assert len(names) == len(set(names))
    assert {"search", "search_get", "search_batch", "list_galleries"} <= set(names)
    assert all(name.isidentifier() and "api_v1" not in name for name in names)


def test_forms_are_called_what_a_generator_of_clients_expects(description):
    schemas = description["components"]["schemas"]
    odd = [name for name in schemas if name.endswith(("Facts", "Body"))]
    assert not odd
    assert {"Query", "Hit", "Image", "Job", "MapRequest", "RemoveRequest", "Problem"} <= set(
        schemas
    )
    assert all(schema["title"] == name for name, schema in schemas.items())
    assert "picture" not in schemas["QueryPart"]["properties"]


@pytest.mark.parametrize("path", ["search", "images"])
def test_a_body_that_is_a_picture_is_of_a_kind_that_generators_know(description, path):
    [address] = [item for item in description["paths"] if item.endswith(f"{{gallery}}/{path}")]
    body = description["paths"][address]["post"]["requestBody"]["content"]
    assert {"image/jpeg", "image/png", "image/*", "application/octet-stream"} <= set(body)
    form = body["multipart/form-data"]["schema"]["$ref"].rpartition("/")[2]
    picture = description["components"]["schemas"][form]["properties"]["picture"]
    assert picture["items"] == {"type": "string", "format": "binary"}


def test_a_generated_client_sends_no_options_beside_a_query_unless_asked(description):
    search = description["paths"]["/api/v1/galleries/{gallery}/search"]["post"]
    assert {item["name"] for item in search["parameters"]} >= {"k", "offset", "combine"}
    assert not [item["name"] for item in search["parameters"] if "default" in item["schema"]]


def test_every_operation_says_what_it_is_for(description):
    known = {tag["name"] for tag in description["tags"]}
    for name, operation in operations(description):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        assert set(operation["tags"]) <= known, name


def test_every_operation_shows_what_goes_in_and_comes_out(description):
    for name, operation in operations(description):
        for kind, told in operation.get("requestBody", {}).get("content", {}).items():
            assert has_example(description, told), f"{name} has no example of its {kind} body"
        for parameter in operation.get("parameters", []):
            shown = "example" in parameter or parameter["schema"].get("examples")
            assert shown, f"{name} has no example of {parameter['name']}"
        for status, answer in operation["responses"].items():
            for kind, told in answer.get("content", {}).items():
                assert has_example(description, told), f"{name} has no example of {status} {kind}"


def test_every_operation_tells_its_problems_in_one_form(description):
    for name, operation in operations(description):
        for status in ("400", "401", "403", "404", "413", "422", "500"):
            reference = operation["responses"][status].get("$ref", "")
            assert reference == f"#/components/responses/Problem{status}", f"{name} {status}"
    for told in description["components"]["responses"].values():
        assert list(told["content"]) == ["application/problem+json"]


def test_every_reference_leads_somewhere(description):
    text = json.dumps(description)
    for part in text.split('"$ref": "')[1:]:
        place: Any = description
        for step in part.partition('"')[0].removeprefix("#/").split("/"):
            place = place[step]
        assert place


def test_a_token_and_a_session_are_ways_to_show_who_asks(description):
    schemes = description["components"]["securitySchemes"]
    assert schemes["token"]["scheme"] == "bearer"
    assert schemes["session"]["in"] == "cookie"
    assert description["security"] == [{}, {"token": []}, {"session": []}]


def test_the_examples_of_queries_are_queries(description):
    from lookalike.search import Query
    from lookalike.server.schemas.examples import QUERY_EXAMPLES

    for told in QUERY_EXAMPLES.values():
        query = {key: value for key, value in told.items() if key not in {"offset", "params"}}
        assert Query.from_dict(query, paths=False).items


def test_the_examples_of_answers_have_their_form():
    from lookalike.server.schemas import examples
    from lookalike.server.schemas.galleries import EncoderFacts, GalleryEntry, GalleryFacts
    from lookalike.server.schemas.searching import BatchAnswer, SearchAnswer

    SearchAnswer.model_validate(examples.SEARCH_EXAMPLE)
    BatchAnswer.model_validate(examples.BATCH_EXAMPLE)
    GalleryEntry.model_validate(examples.GALLERY_ENTRY_EXAMPLE)
    GalleryFacts.model_validate(examples.GALLERY_EXAMPLE)
    EncoderFacts.model_validate(examples.ENCODER_EXAMPLE)


def test_every_example_of_an_answer_has_all_that_is_needed(description):
    schemas = description["components"]["schemas"]
    looked_at = 0
    for name, operation in operations(description):
        for status, answer in operation["responses"].items():
            told = answer.get("content", {}).get("application/json", {})
            assert "schema" in told or not told, f"{name} has no form of {status}"
            form = schemas.get(told.get("schema", {}).get("$ref", "").rpartition("/")[2], {})
            if form and "example" in told:
                missing = set(form.get("required", ())) - set(told["example"])
                assert not missing, f"{name} {status} shows no {missing}"
                looked_at += 1
    assert looked_at > 15


def test_the_form_of_a_query_has_every_field_that_a_query_has():
    from dataclasses import fields

    from lookalike.index import SearchParams
    from lookalike.search import Feedback, Query, QueryPart
    from lookalike.server.schemas.searching import FeedbackBody, ParamsBody, PartBody, QueryBody

    def names(kind: Any) -> set[str]:
        return {item.name for item in fields(kind)}

    assert set(QueryBody.model_fields) == names(Query) | {"offset", "params", "with_embeddings"}
    # Files of the server's machine are for its own command line.
    parts = names(QueryPart) - {"picture"} | {"base64", "upload", "url"}
    assert set(PartBody.model_fields) == parts
    assert set(FeedbackBody.model_fields) == names(Feedback)
    assert set(ParamsBody.model_fields) == names(SearchParams)


def test_a_server_hands_its_description_out(served):
    reply = served.get("/openapi.json")
    assert reply.status == 200
    assert reply.json()["info"]["title"] == "Lookalike"
    assert served.get("/docs").status == 404


def test_what_a_server_answers_has_the_form_that_is_told(served):
    from lookalike.server.schemas.galleries import EncoderList, GalleryFacts, GalleryList
    from lookalike.server.schemas.pictures import ExportedList, JobList
    from lookalike.server.schemas.searching import BatchAnswer, SearchAnswer

    SearchAnswer.model_validate(served.get(f"{served.base}/search?image_id=5").json())
    batch = {"queries": [{"parts": [{"image_id": 5}]}, {"parts": []}]}
    BatchAnswer.model_validate(served.post(f"{served.base}/search/batch", batch).json())
    GalleryFacts.model_validate(served.get(served.base).json())
    GalleryList.model_validate(served.get("/api/v1/galleries").json())
    EncoderList.model_validate(served.get("/api/v1/encoders").json())
    JobList.model_validate(served.get("/api/v1/jobs").json())
    export = {"image_ids": [5, 99], "form": "json"}
    ExportedList.model_validate(served.post(f"{served.base}/export", export).json())


# What never ends is followed elsewhere.
ENDLESS = {"follow_gallery"}
CASES = 100


@pytest.mark.heavy
@pytest.mark.filterwarnings("ignore")  # what UMAP says when it is imported, where it is there
def test_a_server_answers_whatever_is_sent_as_it_says_it_does(served, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where schemathesis leaves what it finds
    schemathesis = pytest.importorskip("schemathesis")
    hypothesis = pytest.importorskip("hypothesis")
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    def no_failure(context: Any, response: Any, case: Any) -> None:
        if response.status_code != 501:  # an extra that is not installed
            not_a_server_error(context, response, case)

    checks = [
        no_failure,
        status_code_conformance,
        content_type_conformance,
        response_schema_conformance,
    ]
    schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    found = [result.ok() for result in schema.get_all_operations()]
    # What takes images away comes last.
    found.sort(key=takes_away)
    statuses: dict[str, set[int]] = {}
    for operation in found:
        if operation.definition.raw["operationId"] in ENDLESS:
            continue
        seen = statuses.setdefault(operation.label, set())
        ask_again_and_again(hypothesis, operation, checks, served, seen)
    assert statuses["GET /api/v1/galleries/{gallery}/search"] >= {200, 400}
    assert statuses["POST /api/v1/galleries/{gallery}/search"] >= {200, 400}
    assert served.get("/healthz").status == 200


def takes_away(operation: Any) -> bool:
    return "remove" in operation.label or operation.method.upper() == "DELETE"


def ask_again_and_again(
    hypothesis: Any, operation: Any, checks: list[Any], served: Any, seen: set[int]
) -> None:
    """Ask an operation of its own gallery, and now and then of another."""
    settings = hypothesis.settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    )
    counts = iter(range(10_000))

    @settings
    @hypothesis.given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        number = next(counts)
        if "gallery" in case.path_parameters and number % 8:
            case.path_parameters["gallery"] = served.name
        if "image_id" in case.path_parameters and number % 3:
            case.path_parameters["image_id"] = number % 7
        if number % 2:
            make_answerable(case, 1 + number % 5, is_bare=number % 4 == 1)
        reply = case.call(timeout=60)
        seen.add(reply.status_code)
        case.validate_response(reply, checks=checks)

    ask()


def make_answerable(case: Any, image_id: int, *, is_bare: bool) -> None:
    """Let a search be about an image that is there, and keep some of what else it asks.

    Bare, it asks nothing else: some are answered, whatever else was thought up.
    """
    kept = {"k", "offset", "min_score", "exclude_self", "exclude_copies", "params"}
    name = case.operation.definition.raw["operationId"]
    body = case.body if isinstance(case.body, dict) else {}
    if is_bare and name == "search":
        case.query, case.media_type = {}, "application/json"
        case.body = {"parts": [{"image_id": image_id}]}
    elif is_bare and name == "search_get":
        case.query = {"image_id": image_id}
    elif "parts" in body:
        case.query = {}
        case.body = {key: value for key, value in body.items() if key in kept}
        case.body["parts"] = [{"image_id": image_id}]
    elif case.query and "image_id" in case.query:
        case.query = {"image_id": image_id, "k": case.query.get("k", 3)}
