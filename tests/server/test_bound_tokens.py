"""Tokens that are for some galleries of a server: for them no others are there."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lookalike.errors import UsageError

pytest.importorskip("fastapi")

from lookalike.gallery import Gallery
from lookalike.server.safety.access import Access
from lookalike.server.safety.tokens import TokenFile

HIDDEN = "hidden-one"


@pytest.fixture
def tokens(tmp_path: Path) -> TokenFile:
    return TokenFile(tmp_path / "tokens.json")


@pytest.fixture
def hidden(tmp_path: Path, encoder: Any) -> Iterator[Gallery]:
    """A second gallery, in which nothing is."""
    with Gallery.create(tmp_path / "second.gallery", encoder.space) as made:
        yield made


@pytest.fixture
def two(serve: Callable[..., Any], gallery: Gallery, hidden: Gallery, tokens: TokenFile) -> Any:
    """A server of both, and a token for the first."""
    token = tokens.add("guest", "write", galleries=["colours"])
    here = serve(
        galleries={HIDDEN: hidden.path, "colours": gallery.path}, tokens_file=tokens.path, rate=1e6
    )
    here.name = "colours"
    here.headers = bearer(token)
    return here


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def job_of(here: Any, gallery: str) -> str:
    """Let a server do something in a gallery, and wait until it is done."""
    job = here.server.jobs.submit(gallery, "map", lambda handle: {})
    until = time.monotonic() + 60
    while not here.server.jobs.job(job.job_id).has_ended:
        assert time.monotonic() < until
        time.sleep(0.01)
    return str(job.job_id)


def operations(here: Any) -> list[tuple[str, str]]:
    """List what the server says that it can be asked: method and path."""
    return [
        (method.upper(), path)
        for path, item in here.app.openapi()["paths"].items()
        for method in item
        if method in {"get", "head", "post", "put", "patch", "delete"}
    ]


def asked(here: Any, method: str, path: str, gallery: str, job_id: str) -> tuple[int, str]:
    """Ask, and tell the answer with the gallery's and the job's name taken out."""
    values = {"gallery": gallery, "job_id": job_id}
    filled = re.sub(r"\{(\w+)\}", lambda place: values.get(place[1], "1"), path)
    body = b"{}" if method in {"POST", "PUT", "PATCH"} else None
    answer = here.request(method, filled, body, {"Content-Type": "application/json"})
    text = answer.body.decode("utf-8", "replace") + json.dumps(dict(answer.headers))
    if "{" in path:
        text = answer.json()["detail"].replace(gallery, "?").replace(job_id, "?")
    return answer.status, text


def test_no_route_tells_that_another_gallery_is_there(two):
    job_id = job_of(two, HIDDEN)
    paths = operations(two)
    assert len(paths) > 25, "all that the page and the client use"
    for method, path in paths:
        if path == "/session" and method != "GET":
            continue  # tested below: it would sign out, or has another body
        told = asked(two, method, path, HIDDEN, job_id)
        assert HIDDEN not in told[1], (method, path)
        if "{" not in path:
            continue
        assert "{gallery}" in path or "{job_id}" in path, f"{path} names what nobody looked at"
        assert told[0] == 404, (method, path)
        assert told == asked(two, method, path, "nowhere", "0" * 16), (method, path)


def test_every_route_answers_to_a_token_of_all_galleries(two, tokens):
    """What the test before takes for the answer to a stranger is none that all get."""
    two.headers = bearer(tokens.add("owner", "write"))
    job_id = job_of(two, HIDDEN)
    found = {
        path
        for method, path in operations(two)
        if method == "GET"
        and "{" in path
        and "{image_id}" not in path
        and not path.endswith(("/events", "/map"))
        and asked_status(two, path, job_id) != 404
    }
    assert "/api/v1/galleries/{gallery}" in found
    assert "/api/v1/jobs/{job_id}" in found
    assert "/api/v1/galleries/{gallery}/images" in found


def asked_status(here: Any, path: str, job_id: str) -> int:
    values = {"{gallery}": HIDDEN, "{job_id}": job_id}
    for place, value in values.items():
        path = path.replace(place, value)
    return int(here.get(path).status)


def test_lists_hold_what_the_token_is_for(two, tokens):
    mine, other = job_of(two, "colours"), job_of(two, HIDDEN)
    [entry] = two.get("/api/v1/galleries").json()["galleries"]
    assert (entry["name"], entry["is_default"], entry["can_write"]) == ("colours", True, True)
    jobs = two.get("/api/v1/jobs").json()["jobs"]
    assert [job["job_id"] for job in jobs] == [mine]
    assert two.get(f"/api/v1/jobs?gallery={HIDDEN}").json()["jobs"] == []
    assert two.get(f"/api/v1/jobs/{mine}").status == 200
    assert two.delete(f"/api/v1/jobs/{other}").status == 404
    assert two.get("/readyz").json()["galleries"] == ["colours"]
    users = [one["in_use_by"] for one in two.get("/api/v1/encoders").json()["encoders"]]
    assert not any(HIDDEN in names for names in users)
    all_of_them = two.get("/api/v1/galleries", bearer(tokens.add("owner", "read"))).json()
    assert [one["name"] for one in all_of_them["galleries"]] == [HIDDEN, "colours"]


def test_numbers_of_other_galleries_are_not_told(two, tokens):
    whole = two.get("/metrics", bearer(tokens.add("owner", "read"))).body.decode()
    assert f'lookalike_images{{gallery="{HIDDEN}"}} 0.0' in whole
    told = two.get("/metrics").body.decode()
    assert 'lookalike_images{gallery="colours"} 5.0' in told
    assert "lookalike_requests_total" in told
    assert HIDDEN not in told


def test_jobs_of_other_galleries_are_not_counted(two, tokens):
    for gallery in (HIDDEN, "colours", HIDDEN):
        job_of(two, gallery)
    owner = bearer(tokens.add("owner", "read"))
    counted = 'lookalike_jobs{kind="map",state="done"} '
    assert counted + "3.0" in two.get("/metrics", owner).body.decode()
    assert counted + "1.0" in two.get("/metrics").body.decode()
    assert counted + "3.0" in two.get("/metrics", owner).body.decode()


def test_a_route_finds_no_job_of_another_gallery_whatever_it_asks_the_board(two):
    board = two.server.jobs
    mine, other = job_of(two, "colours"), job_of(two, HIDDEN)
    may_end = threading.Event()
    going = board.submit(HIDDEN, "map", lambda handle: {"waited": may_end.wait(30)}).job_id
    shown = two.server.shown_to(Access(galleries=frozenset({"colours"})))

    assert shown.jobs.job(mine).state == "done"
    assert shown.jobs.job(other) is None
    assert [job.job_id for job in shown.jobs.jobs()] == [mine]
    assert shown.jobs.jobs(gallery=HIDDEN) == []
    assert shown.jobs.counts() == {("map", "done"): 1}
    assert asyncio.run(shown.jobs.wait(other, 0)) is None
    assert shown.jobs.cancel(going) is None
    assert not board.job(going).is_unwanted
    assert list(shown.uploads) == ["colours"]
    may_end.set()


def test_a_route_hears_nothing_of_another_gallery_whatever_it_listens_to(two):
    board = two.server.jobs
    shown = two.server.shown_to(Access(galleries=frozenset({"colours"})))
    other = job_of(two, HIDDEN)

    async def heard() -> list[str]:
        topics = [f"job:{other}", f"gallery:{HIDDEN}", "gallery:colours"]
        with shown.jobs.events.subscribe(topics) as subscription:
            board.events.publish([f"job:{other}"], board.event_of(board.job(other)))
            board.ended(HIDDEN, "map", {})
            own = board.ended("colours", "map", {})
            told: list[str] = []
            while not any('"done"' in text and own.job_id in text for text in told):
                events = await subscription.take(60)
                assert events, "nothing was heard of the own gallery"
                told += [event.text for event in events]
            return told

    assert all(HIDDEN not in text for text in asyncio.run(heard()))


def test_a_stream_that_begins_as_the_server_ends_is_over(two):
    shown = two.server.shown_to(Access(galleries=frozenset({"colours"})))
    two.server.jobs.stop()

    async def heard() -> list[Any] | None:
        with shown.jobs.events.subscribe(["gallery:colours"]) as subscription:
            return await subscription.take(30)

    assert shown.jobs.is_stopping
    assert not shown.jobs.is_out_of_time
    assert asyncio.run(heard()) is None


def test_a_gallery_that_cannot_be_read_is_told_to_those_alone_who_may_ask_it(two, tokens):
    two.server.galleries[HIDDEN].gallery.close()
    owner = bearer(tokens.add("owner", "read"))
    assert two.get("/readyz").json() == {"status": "ready", "galleries": ["colours"]}
    assert HIDDEN in two.get("/readyz", owner).json()["detail"]
    unknown = two.request("GET", "/readyz", headers={"Authorization": ""})
    assert unknown.status == 503
    assert HIDDEN not in unknown.body.decode()


def test_a_session_is_for_the_galleries_of_its_token(two, tokens):
    token = two.headers.pop("Authorization").partition(" ")[2]
    signed = two.post("/session", {"token": token})
    cookie = {"Cookie": signed.headers["set-cookie"].partition(";")[0]}
    assert two.get(f"/api/v1/galleries/{HIDDEN}", cookie).status == 404
    assert two.get("/api/v1/galleries/colours", cookie).status == 200


def test_a_session_is_for_no_more_than_its_token_where_that_was_written_twice(two, tokens):
    token = two.headers.pop("Authorization").partition(" ")[2]
    told = json.loads(tokens.path.read_text())
    told["tokens"] = [{**told["bound"][0], "name": "free"}]
    del told["tokens"][0]["galleries"]
    tokens.path.write_text(json.dumps(told))
    signed = two.post("/session", {"token": token})
    cookie = {"Cookie": signed.headers["set-cookie"].partition(";")[0]}
    path = f"/api/v1/galleries/{HIDDEN}"
    assert two.get(path, bearer(token)).status == 404
    assert two.get(path, cookie).status == 404


def test_a_token_with_no_gallery_left_is_told_so(two, tokens):
    lost = tokens.add("lost", "read", galleries=["sold"])
    for path in (
        "/api/v1/galleries",
        "/metrics",
        "/api/v1/encoders",
        f"/api/v1/galleries/{HIDDEN}",
    ):
        answer = two.get(path, bearer(lost))
        assert (answer.status, answer.json()["type"]) == (403, "/problems/no-gallery"), path
        assert "for other galleries than those that are served here" in answer.json()["detail"]
    signed = two.post("/session", {"token": lost})
    assert signed.status == 403
    assert "set-cookie" not in signed.headers
    assert two.get("/healthz", bearer(lost)).status == 200


def test_a_stream_ends_when_its_token_is_for_other_galleries(two, tokens):
    import http.client
    from contextlib import closing

    connection = http.client.HTTPConnection(two.host, two.port, timeout=60)
    with closing(connection):
        connection.request("GET", f"{two.base}/events", headers=two.headers)
        answer = connection.getresponse()
        assert answer.readline().startswith(b"retry")
        rewritten = tokens.path.read_text().replace('"colours"', '"elsewhere"')
        tokens.path.write_text(rewritten)
        two.server.jobs.submit("colours", "map", lambda handle: {})
        # A stream that went on would have the job now, and a heartbeat later.
        lines = iter(answer.readline, b"")
        told = list(itertools.takewhile(lambda line: b"still here" not in line, lines))
        assert b"event: job\n" not in told
        assert answer.readline() == b""


# --- the file


def test_a_program_that_knows_the_first_version_does_not_see_bound_tokens(tokens):
    free = tokens.add("free", "read")
    bound = tokens.add("bound", "write", galleries=["cats", "dogs", "cats"])
    told = json.loads(tokens.path.read_text())
    assert told["version"] == 2
    assert [entry["name"] for entry in told["tokens"]] == ["free"], "all that it reads"
    assert told["tokens"][0].keys() == {"name", "scope", "sha256", "created"}
    assert tokens.find(free).galleries is None
    assert tokens.find(bound).galleries == ("cats", "dogs")


def test_without_bound_tokens_the_file_is_as_it_was(tokens):
    tokens.add("free", "read")
    tokens.add("bound", "read", galleries=["cats"])
    tokens.remove("bound")
    told = json.loads(tokens.path.read_text())
    assert told.keys() == {"version", "tokens"}
    assert told["version"] == 1


def test_the_file_of_a_newer_program_lets_nobody_in(tokens):
    token = tokens.add("phone", "read")
    tokens.path.write_text(tokens.path.read_text().replace('"version": 1', '"version": 3'))
    assert tokens.find(token) is None
    with pytest.raises(UsageError, match="A newer Lookalike wrote"):
        tokens.add("camera", "read")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"version": NaN, "tokens": []}', "", "5"])
def test_a_file_of_nonsense_lets_nobody_in(tokens, text):
    token = tokens.add("phone", "read")
    tokens.path.write_text(text)
    assert tokens.find(token) is None
    with pytest.raises(UsageError):
        tokens.entries()


@pytest.mark.parametrize(
    "galleries", [[], "cats", {"cats": 1}, ["Cats"], ["../cats"], [5], None, True]
)
@pytest.mark.parametrize("place", ["tokens", "bound"])
def test_what_names_no_galleries_is_never_taken_for_all(tokens, galleries, place):
    token = tokens.add("phone", "read", galleries=["cats"])
    told = json.loads(tokens.path.read_text())
    [entry] = told.pop("bound")
    told[place] = [{**entry, "galleries": galleries}]
    tokens.path.write_text(json.dumps({"tokens": [], **told}))
    assert tokens.find(token) is None
    with pytest.raises(UsageError, match="no file of tokens"):
        tokens.entries()


def test_a_bound_token_without_its_galleries_lets_nobody_in(tokens):
    token = tokens.add("phone", "read", galleries=["cats"])
    told = json.loads(tokens.path.read_text())
    del told["bound"][0]["galleries"]
    tokens.path.write_text(json.dumps(told))
    assert tokens.find(token) is None


def test_a_name_that_would_break_a_line_of_the_log_is_none(tokens):
    token = tokens.add("phone", "read")
    tokens.path.write_text(tokens.path.read_text().replace('"phone"', '"phone\\nfake line"'))
    assert tokens.find(token) is None


def test_a_name_that_was_written_twice_is_withdrawn_twice(tokens):
    token = tokens.add("phone", "read")
    told = json.loads(tokens.path.read_text())
    told["bound"] = [{**told["tokens"][0], "galleries": ["cats"]}]
    tokens.path.write_text(json.dumps(told))
    tokens.remove("phone")
    assert tokens.find(token) is None


def test_a_link_to_the_file_is_followed_anew(tmp_path):
    """As releases are changed, and secrets of clusters: the link leads elsewhere."""
    first, second = TokenFile(tmp_path / "first.json"), TokenFile(tmp_path / "second.json")
    gone, new = first.add("phone", "read"), second.add("phone", "read")
    (tmp_path / "tokens.json").symlink_to("first.json")
    server = TokenFile(tmp_path / "tokens.json")
    assert server.find(gone) is not None
    (tmp_path / "next").symlink_to("second.json")
    (tmp_path / "next").replace(tmp_path / "tokens.json")
    assert server.find(gone) is None
    assert server.find(new) is not None
    server.remove("phone")
    assert (tmp_path / "tokens.json").is_symlink(), "written where it leads"
    assert second.find(new) is None
