"""Problems: one table, one form, and nothing of the inside."""

from __future__ import annotations

import ast
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

import lookalike
from lookalike import errors
from lookalike.errors import LookalikeError, UsageError
from lookalike.gallery.snapshots import StaleSnapshot
from lookalike.server.answers import json_answer, json_text
from lookalike.server.problems import TABLE, Problem, kind_of, problem_answer, problem_of

# What the table must say, worked out from what each error is.
STATUSES = {
    "AccessDenied": 403,
    "GalleryLocked": 409,
    "GalleryNotFound": 404,
    "GalleryReadOnly": 403,
    "GalleryUnreadable": 503,
    "ImageNotInGallery": 404,
    "ImageOutOfReach": 422,
    "ImageTooLarge": 422,
    "ImageUnreadable": 422,
    "MissingExtra": 501,
    "SpaceMismatch": 409,
    "StorageFull": 507,
    "UsageError": 400,
}


@pytest.mark.parametrize("name", STATUSES)
def test_each_error_has_its_status(name):
    kind = getattr(errors, name)
    assert kind_of(kind).status == STATUSES[name]


def test_every_error_is_in_the_table_by_itself_or_by_an_ancestor():
    for name in errors.__all__:
        told = kind_of(getattr(errors, name))
        assert 400 <= told.status <= 507, name
        assert told.title[0].isupper(), name
        is_own_family = name == "LookalikeError" or told.slug != "internal"
        assert is_own_family, f"{name} has no line of its own and none of its family"


def test_kinds_are_told_apart_by_their_slugs():
    slugs = [kind.slug for kind in TABLE.values()]
    assert len(slugs) == len(set(slugs))


def test_an_error_becomes_its_sentence_and_the_class_that_a_client_raises():
    told = problem_of(errors.ImageNotInGallery("No image has the id 9.")).to_dict()
    assert told == {
        "type": "/problems/image-not-in-gallery",
        "title": "There is no such image",
        "status": 404,
        "detail": "No image has the id 9.",
        "error": "ImageNotInGallery",
    }


def test_an_error_of_the_inside_is_told_as_what_clients_know():
    assert problem_of(StaleSnapshot("It was compacted.")).to_dict()["error"] == "GalleryError"


def test_a_locked_gallery_says_when_to_try_again():
    assert problem_of(errors.GalleryLocked("Another process.")).headers == {"Retry-After": "5"}


def test_a_body_that_ends_before_its_end_is_no_bug(caplog):
    assert problem_of(ClientDisconnect()).status == 499
    assert not caplog.records


@pytest.mark.parametrize("error", [ValueError("secret"), LookalikeError("secret"), KeyError(3)])
def test_an_error_that_nobody_meant_is_logged_and_kept_back(error, caplog):
    with caplog.at_level(logging.ERROR):
        problem = problem_of(error)
    told = problem.to_dict()
    assert (told["status"], told["error"]) == (500, "ServerError")
    assert "secret" not in json.dumps(told)
    assert told["log_id"] in told["detail"]
    assert told["log_id"] in caplog.text
    assert type(error).__name__ in caplog.text


def test_a_sentence_that_repeats_all_that_was_sent_is_cut():
    detail = problem_of(UsageError("x" * 5000)).to_dict()["detail"]
    assert len(detail) == 600
    assert detail.endswith("…")


def test_a_bare_status_gets_a_sentence():
    told = problem_of(HTTPException(413)).to_dict()
    assert told["detail"] == "The body is larger than this server reads: send less at a time."
    assert (
        problem_of(HTTPException(418, "No coffee here.")).to_dict()["detail"] == "No coffee here."
    )


def test_more_facts_cannot_hide_the_usual_ones():
    told = Problem(400, "Odd", "It is odd.", slug="odd", status_of="x", galleries=["a"]).to_dict()
    assert told["type"] == "/problems/odd"
    assert told["galleries"] == ["a"]
    assert told["status"] == 400


def test_an_answer_is_a_problem_that_nobody_keeps():
    answer = problem_answer(429, "rate", "Too many requests", "Wait.", headers={"Retry-After": "1"})
    assert answer.status_code == 429
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["retry-after"] == "1"


def test_json_goes_out_in_ascii_and_without_what_json_does_not_have():
    assert json_text({"name": "\udcff é"}) == '{"name":"\\udcff \\u00e9"}'
    answer = json_answer([1], 201, {"X-A": "b"})
    assert (answer.headers["x-a"], answer.headers["cache-control"]) == ("b", "no-store")
    kept = json_answer([1], headers={"Cache-Control": "private"})
    assert kept.headers["cache-control"] == "private"
    with pytest.raises(ValueError, match="JSON"):
        json_text(float("nan"))


@pytest.mark.parametrize(
    ("kind", "body", "status", "slug"),
    [
        ("text/plain", b"lk_x", 415, "media-type"),
        ("application/json", b'{"token": "' + b"x" * 5000 + b'"}', 413, "too-large"),
    ],
)
def test_signing_in_names_problems_as_all_else_does(served_once, kind, body, status, slug):
    reply = served_once.post("/session", body=body, kind=kind)
    assert_problem(reply, status, f"/problems/{slug}")


API_PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"


# Constructors of problems, and which of their arguments says the kind.
MAKERS = {"Problem": None, "problem_answer": 1, "Kind": 1, "answer": 1}
SERVER = Path(lookalike.__file__).parent / "server"


def kinds_in_the_code() -> set[str]:
    """Collect the kinds of all problems that the server's files make."""
    found = set()
    for file in SERVER.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
            if name in MAKERS:
                place = MAKERS[name]
                said = [item.value for item in node.keywords if item.arg == "slug"]
                said += [] if place is None else node.args[place : place + 1]
                found |= {
                    part.value
                    for each in said
                    if isinstance(each, (ast.Constant, ast.IfExp))
                    for part in ast.walk(each)
                    if isinstance(part, ast.Constant) and isinstance(part.value, str)
                }
    return {slug for slug in found if re.fullmatch(r"[a-z]+(-[a-z]+)*", slug)}


def test_the_page_names_every_kind_of_problem_and_no_other():
    section = API_PAGE.read_text("utf-8").partition("## Problems")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if re.match(r"\| \d", line)]
    shown = {slug for row in rows for slug in re.findall(r"`([a-z][a-z-]+)`", row[2])}
    nobodys = {"hung-up"}  # whoever would read it has gone
    assert len(shown) > 40
    assert shown == kinds_in_the_code() - nobodys


def test_the_page_shows_the_table_as_it_is():
    rows = [line for line in API_PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    for error, kind in TABLE.items():
        if error is LookalikeError:
            continue
        shown = [row for row in rows if f"`{kind.slug}`" in row and f"`{error.__name__}`" in row]
        assert shown, f"{error.__name__} is not in the table"
        assert shown[0].startswith(f"| {kind.status} |"), error.__name__


def test_the_page_names_every_address(tmp_path):
    from lookalike.server.app import create_app
    from lookalike.server.settings import ServerSettings

    told = create_app(ServerSettings(galleries={"a": tmp_path})).openapi()
    text = API_PAGE.read_text("utf-8")
    for path, methods in told["paths"].items():
        short = path.removeprefix("/api/v1").replace("{image_id}", "ID").replace("{job_id}", "ID")
        short = short.replace("/galleries/{gallery}", "G")
        for method in methods:
            assert f"`{method.upper()} {short}" in text, f"{method.upper()} {path}"


class TestOverTheWire:
    def test_nothing_is_at_an_address(self, served_once):
        reply = served_once.get("/api/v1/nothing")
        assert_problem(reply, 404, "/problems/not-found")

    def test_a_method_that_an_address_does_not_answer(self, served_once):
        reply = served_once.request("PUT", f"{served_once.base}/search", b"{}")
        assert_problem(reply, 405, "/problems/method-not-allowed")
        assert reply.headers["allow"] == "GET, HEAD, POST"
        assert reply.json()["detail"].endswith("it answers GET, HEAD, POST.")

    @pytest.mark.parametrize(
        "path",
        ["/healthz", "/readyz", "/metrics", "/openapi.json", "/session", "/api/v1/galleries",
         "/api/v1/galleries/colours/search?image_id=1", "/api/v1/jobs", "/"],
    )  # fmt: skip
    def test_a_head_says_what_get_would_without_the_body(self, served_once, path):
        head, whole = served_once.request("HEAD", path), served_once.get(path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-type"] == whole.headers["content-type"]
        assert int(head.headers["content-length"]) > 0
        assert served_once.get("/healthz").status == 200

    def test_a_head_is_refused_and_counted_as_get_is(self, served_once):
        gone = served_once.request("HEAD", f"{served_once.base}/images/99")
        assert (gone.status, gone.body) == (404, b"")
        told = served_once.get("/metrics").body.decode()
        route = "/api/v1/galleries/{gallery}/images/{image_id}"
        assert f'_requests_total{{method="HEAD",route="{route}",status="404"}} 1.0' in told

    def test_a_stream_without_an_end_has_no_head(self, served_once):
        reply = served_once.request("HEAD", f"{served_once.base}/events")
        assert (reply.status, reply.body, reply.headers["allow"]) == (405, b"", "GET")

    def test_a_value_of_the_wrong_type_names_its_place(self, served_once):
        reply = served_once.get(f"{served_once.base}/search?image_id=x")
        assert_problem(reply, 422, "/problems/invalid")
        assert reply.json()["detail"].startswith("'image_id' in the query string cannot be used: ")

    def test_an_image_that_is_not_there(self, served_once):
        reply = served_once.search({"parts": [{"image_id": 99}]})
        assert_problem(reply, 404, "/problems/image-not-in-gallery")

    def test_a_bug_is_kept_back_and_counted_as_any_answer(self, serve, monkeypatch, caplog):
        from lookalike.server.routes import search

        def broken(*_: Any, **__: Any) -> None:
            raise RuntimeError("the secret of the inside")

        monkeypatch.setattr(search, "answer_facts", broken)
        served = serve()
        with caplog.at_level(logging.ERROR):
            reply = served.search({"parts": [{"image_id": 5}]})
        assert_problem(reply, 500, "/problems/internal")
        assert b"secret" not in reply.body
        assert reply.json()["log_id"] in caplog.text
        # The layers outside saw an answer: it has their headers, and the server goes on.
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert b'status="500"' in served.get("/metrics").body


def assert_problem(reply: Any, status: int, kind: str) -> None:
    assert reply.status == status, reply.body
    assert reply.headers["content-type"] == "application/problem+json"
    told = reply.json()
    assert (told["status"], told["type"]) == (status, kind)
    assert set(told) >= {"title", "detail", "error"}
    assert told["detail"].endswith(".")
