"""The client where servers do not answer as they should."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import closing

import pytest

import lookalike
from canned_server import JSON, answer, problem
from lookalike import Client, errors
from lookalike.client import client as client_module
from lookalike.client.connections import Body, Connections
from lookalike.client.failures import error_of
from lookalike.client.multipart import FormField, form_body


def job_answer(told: dict[str, str], state: str) -> bytes:
    return answer(200, "application/json", json.dumps({**told, "state": state}).encode())


def test_nobody_there_is_one_sentence():
    with socket.socket() as taken:  # so that nobody else can have it, and nobody listens
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(errors.ServerNotReached) as caught:
            Client(f"http://127.0.0.1:{port}").galleries()
    assert str(caught.value) == (
        f"No server answers at http://127.0.0.1:{port} (connection refused): start one with "
        "'lookalike serve', or check the address."
    )


def test_a_server_that_says_nothing_is_waited_for_in_vain(canned):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        client = Client(f"http://127.0.0.1:{port}", timeout=0.1)
        with pytest.raises(errors.ServerNotReached, match=r"did not answer within 0\.1 seconds"):
            client.galleries()


def test_the_address_of_the_api_will_do(canned):
    server = canned([JSON], [JSON])
    for ending in ("/api/v1", "/api/v1/"):
        with Client(server.url + ending) as client:
            assert client.galleries() == []
    assert [asked[0].split(b" ")[1] for asked in server.asked] == [b"/api/v1/galleries"] * 2


@pytest.mark.parametrize("path", ["", "  "])
def test_a_path_that_is_empty_is_told_as_a_searcher_tells_it(path):
    with pytest.raises(errors.ImageOutOfReach, match=f"^Cannot read '{path}': it is not there"):
        Client("http://127.0.0.1:9", gallery="a").search(path)


def test_a_server_that_was_asked_too_often_is_asked_later(canned, monkeypatch):
    pauses = []
    monkeypatch.setattr(client_module.time, "sleep", pauses.append)
    busy = problem(status=429, detail="Wait 7 s.", error="ServerError")
    busy = busy.replace(b"\r\n", b"\r\nRetry-After: 7\r\n", 1)
    told = {"job_id": "j", "gallery": "a", "kind": "update"}
    server = canned([busy, job_answer(told, "running"), busy, job_answer(told, "done")])
    with Client(server.url) as client:
        assert client.wait("j").state == "done"
    assert pauses == [7.0, 0.04, 7.0]


def test_nobody_is_waited_for_longer_than_was_said(canned):
    busy = problem(status=429, detail="Wait 60 s.", error="ServerError")
    server = canned([busy.replace(b"\r\n", b"\r\nRetry-After: 60\r\n", 1)] * 2)
    with (
        Client(server.url) as client,
        pytest.raises(errors.ServerNotReached, match=r"within 0\.1 s"),
    ):
        client.wait("j", timeout=0.1)


def test_a_server_that_hangs_up_is_told(canned):
    server = canned([b""])
    with pytest.raises(errors.ServerNotReached, match="closed connection without response"):
        Client(server.url).galleries()


def test_a_refusal_before_the_end_of_a_long_body_is_told():
    """The server answers at the head, and hangs up while the body is on its way."""
    problem = json.dumps({"detail": "It is too large.", "error": "UsageError"}).encode()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(answer(413, "application/problem+json", problem))

        thread = threading.Thread(target=refuse)
        thread.start()
        client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", gallery="a")
        with closing(client), pytest.raises(errors.UsageError, match="too large"):
            client.search(b"x" * (32 << 20))
        thread.join()


def test_connections_are_kept_and_taken_again(canned):
    server = canned([JSON, JSON, JSON])
    with Client(server.url) as client:
        assert [client.galleries() for _ in range(3)] == [[], [], []]
    assert [len(asked) for asked in server.asked] == [3]


def test_a_connection_that_went_stale_is_replaced_once(canned):
    server = canned([JSON], [JSON])  # the first is closed after one answer
    with Client(server.url) as client:
        assert client.galleries() == []
        server.thread.join(0.2)
        assert client.galleries() == []
    assert [len(asked) for asked in server.asked] == [1, 1]


def test_what_must_not_happen_twice_is_asked_on_a_new_connection(canned):
    server = canned([JSON], [JSON])
    with closing(Connections(server.url, 60.0)) as connections:
        connections.ask("GET", "/a")
        connections.ask("POST", "/b", Body.of(b"{}", "application/json"), is_repeatable=False)
    server.thread.join(60)
    assert [asked[0].split()[1] for asked in server.asked] == [b"/a", b"/b"]


def test_the_token_and_the_version_are_shown(canned, monkeypatch):
    monkeypatch.setenv("LOOKALIKE_TOKEN", "from the environment")
    server = canned([JSON], [JSON])
    Client(server.url).galleries()
    Client(server.url, token="given").galleries()
    first, second = (asked[0].decode() for asked in server.asked)
    assert "Authorization: Bearer from the environment\r\n" in first
    assert "Authorization: Bearer given\r\n" in second
    assert f"User-Agent: lookalike/{lookalike.__version__}\r\n" in first


@pytest.mark.parametrize("name", [name for name in errors.__all__ if name != "MissingExtra"])
def test_a_problem_becomes_the_error_that_it_names(canned, name):
    told = {"status": 409, "error": name, "detail": "What was asked cannot be."}
    with pytest.raises(errors.LookalikeError) as caught:
        Client(canned([problem(**told)]).url).galleries()
    assert type(caught.value) is getattr(errors, name)
    assert str(caught.value) == "What was asked cannot be."


def test_a_missing_extra_keeps_its_sentence_and_its_name():
    missing = errors.MissingExtra("heif", "Reading HEIC")
    again = error_of({"error": "MissingExtra", "detail": str(missing), "status": 501})
    assert isinstance(again, errors.MissingExtra)
    assert (again.extra, str(again)) == ("heif", str(missing))


def test_a_problem_of_a_newer_server_is_a_servers_error():
    found = error_of({"error": "Unheard", "detail": "A sentence.", "status": 418})
    assert (type(found), str(found)) == (errors.ServerError, "A sentence.")


@pytest.mark.parametrize("body", [b"{}", b"[3]", b'[{"id": 1}]', b"null"])
def test_json_of_another_program_is_told(canned, body):
    server = canned([answer(200, "application/json", body)])
    with pytest.raises(errors.ServerError, match="lists no galleries, and is no Lookalike server"):
        Client(server.url).search(1)


@pytest.mark.parametrize(
    ("sent", "kind", "form"),
    [
        (answer(502, "text/html; charset=utf-8", b"<h1>Bad"), "ServerError", "502, text/html"),
        (answer(200, "text/html", b"<h1>Welcome"), "ServerError", "200, text/html"),
        (answer(302, "text/plain", b""), "ServerError", "302, text/plain"),
        (answer(403, "text/html", b"no"), "AccessDenied", "403, text/html"),
        (answer(200, "application/json", b"{"), "ServerError", "200, application/json"),
        (answer(500, "application/problem+json", b"[]"), "ServerError", "500, application/prob"),
    ],
    ids=["502 page", "200 page", "redirection", "403 page", "half JSON", "no problem"],
)
def test_what_is_no_lookalike_server_is_told_in_one_sentence(canned, sent, kind, form):
    server = canned([sent])
    with pytest.raises(errors.ServerError) as caught:
        Client(server.url).galleries()
    assert type(caught.value).__name__ == kind
    assert str(caught.value).startswith(
        f"What answers at {server.url} is no Lookalike server, or a proxy stands before it "
        f"(status {form}"
    )
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8080", "ftp://a", "http://", "http://a:b", "http://a?x=1", "http://ä"]
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(errors.UsageError, match="is no address of a server"):
        Client(url)


def test_an_answer_below_a_proxys_path_is_asked_for_there(canned):
    server = canned([JSON])
    Client(f"{server.url}/lookalike/").galleries()
    assert server.asked[0][0].startswith(b"GET /lookalike/api/v1/galleries HTTP/1.1\r\n")


def test_a_form_is_as_long_as_it_says(tmp_path):
    file = tmp_path / 'a "quoted"\nname.jpg'
    file.write_bytes(b"x" * 300_000)
    body = form_body(
        [FormField("query", b"{}"), FormField("picture", path=str(file), file_name=file.name)]
    )
    data = b"".join(body.blocks())
    assert len(data) == body.size_bytes
    assert data == b"".join(body.blocks())  # and can be sent again
    assert b'filename="a %22quoted%22%0Aname.jpg"\r\n' in data


def test_a_name_that_is_no_text_goes_as_it_is_on_disk():
    body = form_body([FormField("picture", b"x", file_name="caf\udce9.jpg")])
    assert b'filename="caf\xe9.jpg"' in b"".join(body.blocks())


def test_a_file_that_shrinks_while_it_is_sent_breaks_the_upload_off(tmp_path):
    file = tmp_path / "a.jpg"
    file.write_bytes(b"x" * 100)
    body = form_body([FormField("picture", path=str(file), file_name="a.jpg")])
    file.write_bytes(b"x")
    with pytest.raises(errors.SourceNotFound, match="it changed meanwhile"):
        list(body.blocks())


def test_a_file_that_is_not_there_is_told_before_anything_is_sent(tmp_path):
    with pytest.raises(errors.SourceNotFound, match="cannot be sent"):
        Client("http://127.0.0.1:1", gallery="g").add(tmp_path / "none.jpg")


def test_nothing_to_add_is_refused():
    with pytest.raises(errors.UsageError, match="no picture to add"):
        Client("http://127.0.0.1:1", gallery="g").add([])
