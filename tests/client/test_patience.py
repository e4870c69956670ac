"""The client on connections: kept, taken again, waited for, left to parent processes."""

from __future__ import annotations

import os
import pickle
import signal
import socket
from contextlib import closing

import pytest

from canned_server import JSON, Canned, answer, problem
from lookalike import Client, errors
from lookalike.client import connections as connections_module
from lookalike.client.connections import Body, Connections


@pytest.fixture
def pauses(monkeypatch):
    """How long was waited, without waiting."""
    found: list[float] = []
    monkeypatch.setattr(connections_module.time, "sleep", found.append)
    return found


def refusal(status: int, retry_after: str | None = None) -> bytes:
    sent = problem(status=status, detail="Come again.", error="ServerError")
    line = b"" if retry_after is None else b"Retry-After: %s\r\n" % retry_after.encode()
    return sent.replace(b"\r\n", b"\r\n" + line, 1)


def test_a_busy_server_is_asked_again_when_it_says(canned, pauses):
    server = canned([refusal(429, "2"), refusal(503, "3"), refusal(429), JSON])
    with Client(server.url) as client:
        assert client.galleries() == []
    assert pauses == [2.0, 3.0, 0.5]
    assert len(server.asked[0]) == 4


def test_nobody_waits_longer_for_a_busy_server_than_for_an_answer(canned, pauses):
    server = canned([refusal(429, "7"), refusal(429, "7")])
    with (
        Client(server.url, timeout=10) as client,
        pytest.raises(errors.ServerError, match=r"Come again\."),
    ):
        client.galleries()
    assert pauses == [7.0]


def test_a_server_that_does_not_say_when_is_not_asked_again(canned, pauses):
    server = canned([refusal(503)])
    with Client(server.url) as client, pytest.raises(errors.ServerError, match=r"Come again\."):
        client.galleries()
    assert pauses == []


def test_what_must_not_happen_twice_is_repeated_only_where_it_was_not_begun(canned, pauses):
    at_the_door = canned([refusal(429, "1")], [JSON])
    inside = canned([refusal(503, "1")])
    body = Body.of(b"{}", "application/json")
    for server, status in ((at_the_door, 200), (inside, 503)):
        with closing(Connections(server.url, 60.0)) as connections:
            assert connections.ask("POST", "/a", body, is_repeatable=False).status == status
    assert pauses == [1.0]
    assert all(asked[0].endswith(b"\r\n\r\n{}") for asked in at_the_door.asked)


def test_proxies_of_the_environment_are_not_asked(canned, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Client(canned([JSON]).url) as client:
        assert client.galleries() == []


def test_an_address_of_version_6(monkeypatch):
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    made = socket.create_server(("::1", 0), family=socket.AF_INET6)
    monkeypatch.setattr(socket, "create_server", lambda place: made)
    server = Canned([JSON])
    port = made.getsockname()[1]
    with closing(server), Client(f"http://[::1]:{port}/") as client:
        assert client.galleries() == []
    assert b"\r\nHost: [::1]:%d\r\n" % port in server.asked[0][0]


def test_a_client_that_was_pickled_asks_as_before(canned):
    server = canned([JSON])
    made = Client(server.url, gallery="a", token="t", timeout=7)
    again = pickle.loads(pickle.dumps(made))
    assert repr(again) == repr(made) == f"Client({server.url!r}, gallery='a')"
    assert again.galleries() == []
    assert b"\r\nAuthorization: Bearer t\r\n" in server.asked[0][0]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_has_connections_of_its_own(canned):
    server = canned([JSON, JSON], [JSON])
    with closing(Connections(server.url, 60.0)) as connections:
        connections.ask("GET", "/parent")
        with connections._lock:  # as another thread may, at that moment
            child = os.fork()
            if child == 0:
                signal.alarm(90)
                answered = connections.ask("GET", "/child").status == 200
                os._exit(0 if answered else 1)
        # The server serves one connection after the other: the child's comes when ours ends.
        connections.ask("GET", "/again")
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    paths = [[request.split()[1] for request in asked] for asked in server.asked]
    assert paths == [[b"/parent", b"/again"], [b"/child"]]


def test_a_body_that_breaks_off_is_no_body(canned):
    server = canned([answer(200, "image/jpeg", b"x" * 100)[:-50]])
    taken: list[bytes] = []
    with (
        closing(Connections(server.url, 60.0)) as connections,
        pytest.raises(errors.ServerNotReached, match="50 more expected"),
    ):
        connections.ask("GET", "/a", take=taken.append)
    assert taken == [b"x" * 50]


def test_what_is_refused_is_not_taken(canned):
    taken: list[bytes] = []
    with closing(Connections(canned([refusal(404)]).url, 5.0)) as connections:
        reply = connections.ask("GET", "/a", take=taken.append)
    assert (reply.status, taken) == (404, [])
    assert b"Come again." in reply.data


def test_a_connection_that_was_interrupted_is_not_taken_again(canned):
    def interrupt(data: bytes) -> None:
        raise KeyboardInterrupt

    server = canned([JSON], [JSON])
    with closing(Connections(server.url, 60.0)) as connections:
        with pytest.raises(KeyboardInterrupt):
            connections.ask("GET", "/a", take=interrupt)
        assert connections.ask("GET", "/b").status == 200
    assert [asked[0].split()[1] for asked in server.asked] == [b"/a", b"/b"]
