"""Who may ask: tokens, sessions, names of the server, foreign pages, rates, headers, the log."""

from __future__ import annotations

import http.client
import json
import logging
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lookalike.errors import UsageError

pytest.importorskip("fastapi")

from lookalike.server.safety.access import is_loopback, is_open, is_reading
from lookalike.server.safety.access_log import shown_route
from lookalike.server.safety.headers import CSP
from lookalike.server.safety.origins import host_name, is_own_name, origin_of
from lookalike.server.safety.rate import DEFAULT_RATE, MOST_BUCKETS, Buckets, address_key
from lookalike.server.safety.sessions import MOST_SESSIONS, SESSION_S, Sessions, cookie_of
from lookalike.server.safety.tokens import TokenFile

Serve = Callable[..., Any]


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "tokens.json")


@pytest.fixture
def reader(tokens: TokenFile) -> str:
    return tokens.add("reader", "read")


@pytest.fixture
def writer(tokens: TokenFile) -> str:
    return tokens.add("writer", "write")


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


# --- the file of tokens


def test_a_token_is_kept_as_its_hash_only(tokens):
    token = tokens.add("phone", "read")
    assert token not in tokens.path.read_text()
    assert len(token) == len("lk_") + 43  # 32 bytes in base64
    assert tokens.find(token).name == "phone"
    assert tokens.find(token[:-1]) is None
    assert tokens.find("") is None


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_the_file_of_tokens_is_its_owners_alone(tokens):
    old = os.umask(0)
    try:
        tokens.add("phone", "read")
    finally:
        os.umask(old)
    assert stat.S_IMODE(tokens.path.stat().st_mode) == 0o600
    names = sorted(file.name for file in tokens.path.parent.glob("*tokens*"))
    assert names == ["tokens.json", "tokens.json.lock"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_file_that_others_may_write_lets_nobody_in(tokens, reader):
    tokens.path.chmod(0o622)
    with pytest.raises(UsageError, match="Others may write"):
        tokens.entries()
    assert tokens.find(reader) is None


def test_removed_tokens_and_damaged_files_let_nobody_in(tokens, reader, caplog):
    server = TokenFile(tokens.path)
    assert server.find(reader) is not None
    whole = tokens.path.read_text()
    tokens.path.write_text(whole[:40])
    assert server.find(reader) is None
    assert server.find(reader) is None
    assert len(caplog.records) == 1, "said once, not at each request"
    tokens.path.write_text(whole)
    assert server.find(reader) is not None
    tokens.remove("reader")
    assert server.find(reader) is None


@pytest.mark.parametrize(
    "told", ["[]", "{}", '{"tokens": [{}]}', '{"tokens": [{"name": "a", "scope": "all", '
             '"sha256": "00", "created": ""}]}', '{"tokens": 5}']
)  # fmt: skip
def test_what_is_no_file_of_tokens_is_said_to_be_none(tokens, told):
    tokens.path.write_text(told)
    tokens.path.chmod(0o600)
    with pytest.raises(UsageError, match="no file of tokens"):
        tokens.entries()


def test_every_entry_is_compared(tokens, monkeypatch):
    import hmac

    made = [tokens.add(name, "read") for name in ("a", "b", "c")]
    compared = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda x, y: compared.append(x) or real(x, y))
    assert tokens.find(made[0]).name == "a"
    assert len(compared) == 3


# --- what a token allows


def test_without_a_token_nothing_but_life_signs_and_the_page_is_answered(serve, tokens, reader):
    here = serve(tokens_file=tokens.path)
    for path in ("/healthz", "/readyz", "/session", "/"):
        assert here.get(path).status == 200, path
    for path in ("/api/v1/galleries", "/metrics", "/openapi.json", f"{here.base}/images", "/x"):
        refused = here.get(path)
        assert refused.status == 401, path
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert refused.json()["error"] == "AccessDenied"
    assert here.post(f"{here.base}/search", {"parts": []}).status == 401


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer wrong", "Basic {token}", "{token}", "Bearer {token}x",
     "Bearer lk_é", "Bearer \x01", "Bearer " + "x" * 5000],
)  # fmt: skip
def test_a_wrong_token_is_refused(serve, tokens, reader, header):
    here = serve(tokens_file=tokens.path)
    sent = header.format(token=reader).encode("latin-1").decode("latin-1")
    status = here.get("/api/v1/galleries", {"Authorization": sent}).status
    # A control character is no header at all.
    assert status == (400 if "\x01" in header else 401)


def test_a_read_token_may_ask_and_not_change(serve, tokens, reader):
    here = serve(tokens_file=tokens.path)
    asked = bearer(reader)
    assert here.get("/api/v1/galleries", asked).status == 200
    found = here.post(f"{here.base}/search", {"parts": [{"image_id": 5}]}, headers=asked)
    assert found.status == 200
    for method, path in [
        ("DELETE", f"{here.base}/images/1"),
        ("POST", f"{here.base}/images/remove"),
        ("POST", f"{here.base}/images"),
        ("POST", f"{here.base}/update"),
        ("POST", f"{here.base}/map"),
        ("DELETE", "/api/v1/jobs/x"),
        ("POST", f"{here.base}/search/x"),
        ("PUT", f"{here.base}/search"),
        ("POST", f"{here.base}/update%0a"),
        ("POST", f"{here.base}%2fupdate"),
    ]:
        refused = here.request(method, path, b"{}", asked)
        assert refused.status == 403, (method, path)
        assert "may only ask" in refused.json()["detail"]
    assert len(here.gallery) == 5


def test_a_write_token_may_change(serve, tokens, writer):
    here = serve(tokens_file=tokens.path)
    assert here.delete(f"{here.base}/images/1", bearer(writer)).status in {200, 204}
    assert here.get(f"{here.base}/images/1", bearer(writer)).status == 404


def test_a_server_that_only_answers_changes_nothing_for_anybody(serve, tokens, writer):
    here = serve(tokens_file=tokens.path, read_only=True, local_token="local-secret")
    for token in (writer, "local-secret"):
        refused = here.delete(f"{here.base}/images/1", bearer(token))
        assert refused.status == 403
        assert refused.json()["type"] == "/problems/read-only"


def test_a_removed_token_is_refused_at_once(serve, tokens, reader, writer):
    here = serve(tokens_file=tokens.path)
    assert here.get("/api/v1/galleries", bearer(reader)).status == 200
    tokens.remove("reader")
    assert here.get("/api/v1/galleries", bearer(reader)).status == 401
    later = tokens.add("later", "read")
    assert here.get("/api/v1/galleries", bearer(later)).status == 200


@pytest.mark.parametrize("way", ["token", "session"])
def test_a_stream_of_events_ends_with_its_token(serve, tokens, reader, writer, way):
    here = serve(tokens_file=tokens.path)
    headers = bearer(reader)
    if way == "session":
        cookie = here.post("/session", {"token": reader}).headers["set-cookie"].partition(";")[0]
        headers = {"Cookie": cookie}
    connection = http.client.HTTPConnection(here.host, here.port, timeout=60)
    connection.request("GET", f"{here.base}/events", headers=headers)
    with closing(connection), connection.getresponse() as answer:
        assert answer.status == 200
        assert answer.readline(), "it has begun"
        tokens.remove("reader")
        here.delete(f"{here.base}/images/1", bearer(writer))  # something to tell
        assert b'"images":4' not in answer.read()


def test_strangers_are_not_told_which_galleries_there_are(serve, tokens, reader):
    here = serve(tokens_file=tokens.path)
    assert here.get("/readyz").json() == {"status": "ready", "galleries": []}
    assert here.get("/readyz", bearer(reader)).json()["galleries"] == ["colours"]
    here.server.galleries["colours"]._problem = "its encoder /home/me/secret.onnx is not there"
    refused = here.get("/readyz")
    assert refused.status == 503
    assert b"colours" not in refused.body
    assert b"secret" not in refused.body
    assert b"secret" in here.get("/readyz", bearer(reader)).body


def test_the_local_token_is_this_machines_only(serve, tokens, writer):
    here = serve(tokens_file=tokens.path, local_token="local-secret")
    keeper = here.app.state.keeper
    scope = {"client": ("127.0.0.1", 5), "headers": [(b"authorization", b"Bearer local-secret")]}
    assert keeper.identify(scope).is_local
    elsewhere = {**scope, "client": ("192.0.2.9", 5), "server": None}
    assert not keeper.identify(elsewhere).is_local
    assert not keeper.identify(elsewhere).can_read
    assert here.get("/api/v1/galleries", bearer("local-secret")).status == 200
    # A proxy on this machine tells who really asks.
    forwarded = {**bearer("local-secret"), "X-Forwarded-For": "192.0.2.9"}
    assert here.get("/api/v1/galleries", forwarded).status == 401


@pytest.mark.parametrize(
    ("path", "is_answered"),
    [("/", True), ("/page/app.js", True), ("/page/a/b.js", True), ("/page", False),
     ("/page/../api/v1/galleries", False), ("/page/..", False), ("/healthz/", False),
     ("/healthz\n", False), ("//healthz", False), ("/api/v1/galleries", False), ("", False)],
)  # fmt: skip
def test_what_is_open_to_everybody(path, is_answered):
    assert is_open(path) == is_answered


@pytest.mark.parametrize(
    ("method", "path", "reads"),
    [("GET", "/x", True), ("HEAD", "/x", True), ("OPTIONS", "/x", True), ("get", "/x", False),
     ("POST", "/api/v1/galleries/a/search", True), ("POST", "/api/v1/galleries/a/export", True),
     ("POST", "/api/v1/galleries/a/search/batch", True), ("PATCH", "/x", False),
     ("POST", "/api/v1/galleries/a/search\n", False),
     ("POST", "/api/v1/galleries/a/b/search", False),
     ("POST", "/api/v1/galleries/a/images", False), ("POST", "/api/v1/jobs", False)],
)  # fmt: skip
def test_what_changes_nothing(method, path, reads):
    assert is_reading(method, path) == reads


def test_what_is_this_machine():
    assert is_loopback("127.0.0.1")
    assert is_loopback("127.8.8.8")
    assert is_loopback("::1")
    assert is_loopback("::ffff:127.0.0.1")
    assert not is_loopback("10.0.0.1")
    assert not is_loopback("localhost")
    assert not is_loopback("")


# --- sessions


def test_signing_in_gives_a_cookie_that_ends_with_its_token(serve, tokens, reader):
    here = serve(tokens_file=tokens.path)
    nobody = {"needs_token": True, "name": "", "can_read": False, "can_write": False}
    assert here.get("/session").json() == nobody
    signed = here.post("/session", {"token": reader})
    assert signed.status == 200
    assert signed.json() == {
        "needs_token": True, "name": "reader", "can_read": True, "can_write": False
    }  # fmt: skip
    cookie = signed.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    assert reader not in cookie
    sent = {"Cookie": "other=1; " + cookie.split(";")[0]}
    assert here.get("/api/v1/galleries", sent).status == 200
    assert here.get("/session", sent).json()["name"] == "reader"
    assert here.delete(f"{here.base}/images/1", sent).status == 403
    tokens.remove("reader")
    assert here.get("/api/v1/galleries", sent).status == 401


def test_signing_out_ends_the_session(serve, tokens, reader):
    here = serve(tokens_file=tokens.path)
    signed = here.post("/session", {"token": reader})
    sent = {"Cookie": signed.headers["set-cookie"].split(";")[0]}
    assert here.delete("/session", sent).status == 204
    assert here.get("/api/v1/galleries", sent).status == 401


def test_the_cookie_is_secure_behind_a_proxy_that_speaks_https(serve, tokens, reader):
    here = serve(tokens_file=tokens.path)
    signed = here.post("/session", {"token": reader}, headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in signed.headers["set-cookie"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b'{"token": "wrong"}', 401), (b"{}", 422), (b"[]", 422), (b'{"token": 5}', 422),
     (b"{" * 3000, 422), (b"x" * 5000, 413), (b"", 422), (b'{"token": "\xff"}', 422)],
)  # fmt: skip
def test_what_is_no_token_gives_no_session(serve, tokens, reader, sent, status):
    here = serve(tokens_file=tokens.path)
    refused = here.post("/session", body=sent)
    assert refused.status == status
    assert "set-cookie" not in refused.headers


def test_a_form_of_another_page_cannot_sign_anybody_in(serve, tokens, reader):
    here = serve(tokens_file=tokens.path)
    refused = here.post("/session", body=json.dumps({"token": reader}).encode(), kind="text/plain")
    assert refused.status == 415


def test_where_no_token_is_needed_everybody_may(served):
    assert served.get("/session").json() == {
        "needs_token": False, "name": "", "can_read": True, "can_write": True
    }  # fmt: skip
    assert served.post("/session", {"token": "any"}).status == 200


def test_sessions_end_with_time_and_are_bounded():
    clock = Clock()
    sessions = Sessions(clock)
    entry = SimpleNamespace(sha256="0" * 64)
    first = sessions.begin(entry)
    assert sessions.token_of(first) == "0" * 64
    clock.now += SESSION_S
    assert sessions.token_of(first) is None
    others = [SimpleNamespace(sha256=f"{number:064x}") for number in range(1, MOST_SESSIONS + 6)]
    kept = [sessions.begin(other) for other in others]
    assert len(sessions) == MOST_SESSIONS
    assert sessions.token_of(kept[0]) is None
    assert sessions.token_of(kept[-1]) is not None


def test_signing_in_without_end_ends_nobody_elses_session():
    sessions = Sessions()
    own = sessions.begin(SimpleNamespace(sha256="1" * 64))
    first, *_, last = [sessions.begin(SimpleNamespace(sha256="2" * 64)) for _ in range(2000)]
    assert sessions.token_of(own) == "1" * 64
    assert sessions.token_of(first) is None
    assert sessions.token_of(last) == "2" * 64


def test_cookies_of_other_programs_are_no_hindrance():
    assert cookie_of('a=b; bad cookie; =; {"x"; lookalike-80=yes; c', "lookalike-80") == "yes"
    assert cookie_of("xlookalike-80=no", "lookalike-80") is None
    assert cookie_of("", "lookalike-80") is None


# --- names of the server, and foreign pages


@pytest.mark.parametrize(
    ("host", "is_answered"),
    [("localhost:{port}", True), ("LOCALHOST", True), ("127.0.0.1:{port}", True),
     ("127.1.2.3", True), ("[::1]:{port}", True), ("localhost.", True), ("x.localhost", True),
     ("photos.example.org", True), ("photos.example.org:443", True),
     ("evil.example", False), ("evil.example:{port}", False), ("127.0.0.1.evil.example", False),
     ("localhost.evil.example", False), ("localhost@evil.example", False), ("", False),
     ("10.0.0.1", False), ("localhost:99999", False), ("localhost/x", False), ("[::2]", False),
     ("localhost, evil.example", False), ("192.0.2.1", False), ("local\thost", False)],
)  # fmt: skip
def test_only_known_names_are_answered_to(serve, host, is_answered):
    here = serve(hosts=("photos.example.org",))
    status = here.get("/healthz", {"Host": host.format(port=here.port)}).status
    assert status == (200 if is_answered else 421)


def test_two_names_at_once_are_none(serve):
    import socket

    here = serve()
    with socket.create_connection((here.host, here.port)) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert line.recv(100).split()[1] in {b"400", b"421"}


def test_where_tokens_are_needed_any_name_will_do_unless_names_were_given(serve, tokens, reader):
    assert serve(tokens_file=tokens.path).get("/healthz", {"Host": "any.example"}).status == 200
    here = serve(tokens_file=tokens.path, hosts=("photos.example.org",))
    assert here.get("/healthz", {"Host": "any.example"}).status == 421


FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:1"},
    {"Origin": "http://localhost"},
    {"Origin": "file://"},
    {"Origin": ""},
    {"Origin": "http://localhost:{port}.evil.example"},
    {"Origin": "ftp://localhost:{port}"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
]


@pytest.mark.parametrize("sent", FOREIGN)
def test_a_foreign_page_can_neither_ask_nor_add(served, sent):
    sent = {name: value.replace("{port}", str(served.port)) for name, value in sent.items()}
    sent["Host"] = f"localhost:{served.port}"
    query = {"parts": [{"image_id": 5}]}
    assert served.post(f"{served.base}/search", query, headers=sent).status == 403
    assert served.get(f"{served.base}/images/5/thumbnail", sent).status == 403
    assert served.delete(f"{served.base}/images/5", sent).status == 403
    refused = served.post_form(f"{served.base}/images", [("picture", "a.png", b"x")], {}, sent)
    assert refused.status == 403
    assert not any(name.startswith("access-control") for name in refused.headers)


@pytest.mark.parametrize(
    "sent",
    [{"Origin": "http://localhost:{port}"}, {"Origin": "https://localhost:{port}"},
     {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, {},
     {"Origin": "http://localhost:{port}", "Sec-Fetch-Site": "same-origin"}],
)  # fmt: skip
def test_the_page_itself_may_ask(served, sent):
    sent = {name: value.replace("{port}", str(served.port)) for name, value in sent.items()}
    sent["Host"] = f"localhost:{served.port}"
    assert served.get("/api/v1/galleries", sent).status == 200


def test_a_link_on_another_page_may_be_followed(served):
    link = {
        "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"
    }  # fmt: skip
    assert served.get("/", link).status == 200
    assert served.delete(f"{served.base}/images/5", link).status == 403


def test_an_origin_that_was_let_in_may_ask(serve, tokens, reader):
    here = serve(tokens_file=tokens.path, origins=("https://app.example",))
    asked = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    wanted = {**asked, "Access-Control-Request-Method": "POST"}
    preflight = here.request("OPTIONS", f"{here.base}/search", headers=wanted)
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    answer = here.get("/api/v1/galleries", {**asked, **bearer(reader)})
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "Origin" in answer.headers["vary"]
    assert here.get("/api/v1/galleries", asked).status == 401
    for headers in (preflight.headers, answer.headers):
        assert "access-control-allow-credentials" not in headers
    for other in ("http://app.example", "https://app.example:444", "https://app.example.evil"):
        assert here.get("/api/v1/galleries", {"Origin": other, **bearer(reader)}).status == 403
        refused = here.request("OPTIONS", "/", headers={**wanted, "Origin": other})
        assert refused.status == 403


def test_an_origin_that_was_let_in_cannot_use_the_cookie(serve, tokens, writer):
    # app.example.org and photos.example.org are one site to a browser: SameSite sends it along.
    here = serve(tokens_file=tokens.path, origins=("https://app.example.org",))
    cookie = here.post("/session", {"token": writer}).headers["set-cookie"].partition(";")[0]
    page = {"Origin": "https://app.example.org", "Sec-Fetch-Site": "same-site", "Cookie": cookie}
    assert here.get("/session", {"Cookie": cookie}).json()["can_write"]
    assert not here.get("/session", page).json()["can_read"]
    assert here.post(f"{here.base}/images/remove", {"image_ids": [1]}, headers=page).status == 401


def test_a_page_that_came_by_http_is_not_the_one_of_https(serve, tokens):
    here = serve(tokens_file=tokens.path)
    proxied = {"Host": "photos.example.org", "X-Forwarded-Proto": "https"}
    for origin, status in (("https://photos.example.org", 200), ("http://photos.example.org", 403)):
        assert here.get("/session", {**proxied, "Origin": origin}).status == status
    plain = {"Host": "photos.example.org", "Origin": "https://photos.example.org"}
    assert here.get("/session", plain).status == 200, "a proxy may not say what it speaks"


@pytest.mark.parametrize(
    ("text", "origin"),
    [("https://App.Example", "https://app.example"), ("http://a:80/", "http://a"),
     ("https://a:8443", "https://a:8443"), ("http://[::1]:8080", "http://[::1]:8080")],
)  # fmt: skip
def test_origins_are_written_as_browsers_write_them(text, origin):
    assert origin_of(text) == origin


@pytest.mark.parametrize(
    "text", ["*", "null", "", "app.example", "https://", "https://a/x", "https://a?b", "file:///x",
             "https://*.a", "https://a:b", "https://u@a"]
)  # fmt: skip
def test_what_is_no_exact_origin_is_refused(text):
    with pytest.raises(UsageError, match="The origin"):
        origin_of(text)


def test_names_of_hosts():
    assert host_name("A.example:80") == "a.example"
    assert host_name("[::1]:80") == "::1"
    assert host_name("a b") is None
    assert not is_own_name("evil.example", frozenset())


ODD = ["[", "]", "[::1", "a:b:c", "http://[", "http://a:b", "%", "\xff", "a" * 9000, "//", "?",
       "lookalike-0=;;==", "Bearer", "bytes=-", "\t", "W/", '"',
       "http://localhost:99999"]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "Host",
        "Origin",
        "Cookie",
        "Authorization",
        "Sec-Fetch-Site",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "If-None-Match",
    ],
)
def test_odd_headers_break_nothing(serve, tokens, reader, name):  # fmt: skip
    here = serve(tokens_file=tokens.path, rate=1e6)
    for value in ODD:
        for path in ("/", "/session", "/api/v1/galleries"):
            assert here.get(path, {name: value}).status < 500, (name, value, path)


# --- rates


def test_a_bucket_runs_empty_and_fills_again():
    clock = Clock()
    buckets = Buckets(2.0, clock)  # 8 at once
    assert [buckets.take("a") for _ in range(8)] == [0.0] * 8
    assert buckets.take("a") == pytest.approx(0.5)
    assert buckets.take("b") == 0.0
    clock.now += 0.5
    assert buckets.take("a") == 0.0
    assert buckets.take("a") > 0
    clock.now += 100
    assert [buckets.take("a", 0.1) for _ in range(80)] == [0.0] * 80
    assert buckets.take("a", 0.1) > 0


def test_buckets_are_bounded():
    buckets = Buckets(1.0, Clock())
    for number in range(MOST_BUCKETS + 100):
        buckets.take(str(number))
    assert len(buckets) == MOST_BUCKETS


def test_addresses_of_one_subscriber_are_one_asker():
    assert address_key("2001:db8:1:2::3") == address_key("2001:db8:1:2:ffff::9")
    assert address_key("2001:db8:1:2::3") != address_key("2001:db8:1:3::3")
    assert address_key("::ffff:192.0.2.1") == address_key("192.0.2.1") == "192.0.2.1"
    assert len(address_key("x" * 1000)) == 64


def test_who_asks_too_often_is_told_when_to_come_again(serve, tokens, reader, writer):
    here = serve(tokens_file=tokens.path, rate=1.0)  # 4 at once
    clock = Clock()
    here.app.state.keeper.buckets = Buckets(1.0, clock)
    statuses = [here.get("/api/v1/galleries", bearer(reader)).status for _ in range(6)]
    assert statuses == [200] * 4 + [429] * 2
    refused = here.get("/api/v1/galleries", bearer(reader))
    assert refused.status == 429
    assert refused.headers["retry-after"] == "1"
    assert here.get("/api/v1/galleries", bearer(writer)).status == 200, "another asker"
    clock.now += 1
    assert here.get("/api/v1/galleries", bearer(reader)).status == 200


def test_wrong_tokens_cost_more(serve, tokens, reader):
    here = serve(tokens_file=tokens.path)
    here.app.state.keeper.buckets = Buckets(DEFAULT_RATE, Clock())  # 200 at once
    statuses = [here.get("/api/v1/galleries", bearer("wrong")).status for _ in range(40)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert here.get("/api/v1/galleries", bearer(reader)).status == 200


def test_the_plain_loopback_has_no_rate(served):
    assert served.app.state.keeper.buckets is None


# --- headers and the log


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/api/v1/galleries", "/nothing", "/metrics", "/openapi.json"]
)
def test_every_answer_is_secured(served, path):
    headers = served.get(path).headers
    assert headers["content-security-policy"] == CSP
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert "camera=(self)" in headers["permissions-policy"]
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "server" not in headers
    if path.startswith("/api"):
        assert headers["cache-control"] == "no-store"


def test_refusals_are_secured_too(served):
    for sent in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        headers = served.get("/", sent).headers
        assert headers["content-security-policy"] == CSP
        assert headers["content-type"] == "application/problem+json"


def test_nothing_runs_inline():
    assert "unsafe" not in CSP
    assert "*" not in CSP


def test_the_log_tells_who_and_what_kind_and_never_what(serve, tokens, reader, caplog):
    here = serve(tokens_file=tokens.path)
    caplog.set_level(logging.INFO, "lookalike.access")
    secret = "grandmother%20in%20hospital"
    here.get(f"{here.base}/search?image_id=5&where={secret}", bearer(reader))
    here.get(f"{here.base}/images/5", bearer(reader))
    here.get(f"/{secret}", bearer(reader))
    here.get(f"/page/{secret}")
    here.post("/session", {"token": "secret-token"})
    until = time.monotonic() + 60  # the line is written when the answer has gone out
    lines: list[str] = []
    while len(lines) < 5 and time.monotonic() < until:
        own = [record for record in caplog.records if record.name == "lookalike.access"]
        lines = [record.getMessage() for record in own]
        time.sleep(0.01)
    assert len(lines) == 5
    assert lines[0].startswith("127.0.0.1 reader GET /api/v1/galleries/colours/search ")
    assert lines[1].startswith("127.0.0.1 reader GET /api/v1/galleries/colours/images/5 200 ")
    assert lines[2].startswith("127.0.0.1 reader GET - 404 ")
    assert lines[4].startswith("127.0.0.1 - POST /session 401 ")
    assert "grandmother" not in str(lines)
    assert "secret" not in str(lines)
    assert reader not in str(lines)


def test_nothing_is_reported_to_anybody(gallery):
    # FastAPI of 2026 would, where the environment or an instrumented process asks it to.
    tried = """
import os, sys
os.environ["FASTAPI_OTEL_AUTO_CONFIGURE"] = "true"
os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"
from lookalike.server.app import create_app
from lookalike.server.settings import ServerSettings
telemetry = getattr(create_app(ServerSettings({"g": sys.argv[1]})), "_telemetry", {})
wanted = {"auto_configure", "tracing", "metrics", "logs", "operation_spans"}
print([name for name in wanted & set(telemetry) if telemetry[name]])
"""
    words = [sys.executable, "-c", tried, str(gallery.path)]
    told = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    assert told.stdout == "[]\n"


def test_what_stands_in_a_path_cannot_break_a_line():
    class Route:
        path = "/galleries/{gallery}/images/{image_id}/{rest:path}"

    given = {"gallery": "a\nfake line", "image_id": 7, "rest": "x"}
    shown = shown_route({"route": Route, "path_params": given, "path": "/api/v1/galleries/x"})
    assert shown == "/api/v1/galleries/{gallery}/images/7/{rest:path}"
