"""The query string: an operation reads what it declares, and refuses what it would ignore."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("fastapi")

from lookalike.client.answers import API

Operation = tuple[str, str, dict[str, bool]]
NO_OPTIONS = "'wait' in the query string cannot be used: nothing of that name is read here, nor of"


def operations(served: Any) -> list[Operation]:
    """List method, path and parameters of what is below /api/v1, HEAD beside each GET."""
    found: list[Operation] = []
    for path, methods in served.app.openapi()["paths"].items():
        for method, operation in methods.items() if path.startswith(API) else ():
            names = {
                told["name"]: told["schema"].get("type") == "array"
                for told in operation.get("parameters", [])
                if told["in"] == "query"
            }
            values = {"gallery": served.name, "image_id": "1", "job_id": "none"}
            filled = re.sub(r"\{(\w+)\}", lambda place, values=values: values[place[1]], path)
            found.append((method.upper(), filled, names))
            if method == "get" and not path.endswith("/events"):
                found.append(("HEAD", filled, names))
    return found


def refused(served: Any, method: str, address: str) -> str:
    """Ask for what is refused, and return the sentence that says why."""
    reply = served.request(method, address)
    assert reply.status == 422, (method, address, reply.body)
    if method == "HEAD":
        return ""
    assert reply.json()["type"] == "/problems/invalid"
    assert reply.json()["error"] == "UsageError"
    return str(reply.json()["detail"])


def test_no_operation_ignores_a_name_that_it_does_not_read(served_once):
    asked = operations(served_once)
    assert len(asked) > 25
    for method, path, names in asked:
        said = refused(served_once, method, f"{path}?mispelled=1")
        only = f"only {', '.join(names)}." if names else "nor of any other."
        start = "'mispelled' in the query string cannot be used: nothing of that name is read here"
        assert method == "HEAD" or said == f"{start}, {only}", (method, path)


def test_no_operation_ignores_one_of_two_values(served_once):
    single = [
        (method, path, name)
        for method, path, names in operations(served_once)
        for name, is_list in names.items()
        if not is_list
    ]
    assert len(single) > 30
    for method, path, name in single:
        said = refused(served_once, method, f"{path}?{name}=1&{name}=1")
        more = f"{name!r} in the query string cannot be used: it is there more than once"
        assert method == "HEAD" or said == f"{more}: give it once.", (method, path)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (
            "images?limit=1&foo=2",
            "'foo' in the query string cannot be used: nothing of that name is read here, only "
            "limit, after, where, order, seed.",
        ),
        (
            "images/1/thumbnail?size=64",
            "'size' in the query string cannot be used: nothing of that name is read here, only "
            "side, v.",
        ),
        (
            "images/1/original?Download=1&a=2",
            "'Download' in the query string cannot be used: nothing of that name is read here, "
            "only v, download (1 more like it).",
        ),
    ],
)
def test_what_is_read_is_named(served_once, place, said):
    assert refused(served_once, "GET", f"{served_once.base}/{place}") == said


def test_what_is_refused_is_not_begun(served: Any) -> None:
    assert refused(served, "POST", f"{served.base}/update?wait=3").startswith(NO_OPTIONS)
    assert refused(served, "POST", f"{served.base}/images?wiat=3").endswith("only wait, name.")
    assert served.get(f"{API}/jobs").json() == {"jobs": []}


def test_the_first_question_of_all_is_refused_too(serve: Callable[..., Any]) -> None:
    served = serve()
    served.app.openapi_schema = None
    assert refused(served, "GET", f"{API}/encoders?wait=3").startswith(NO_OPTIONS)


def test_lists_may_have_several_values(served_once):
    assert served_once.get(f"{served_once.base}/search?image_id=1&image_id=2&k=1").status == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/session"])
def test_what_stands_around_the_api_takes_what_others_add(served_once, path):
    assert served_once.get(f"{path}?utm_source=a&utm_source=b").status == 200
