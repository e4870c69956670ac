"""What the server counts of itself, and what it says of its health."""

from __future__ import annotations

import asyncio
import re
import sys
from types import SimpleNamespace

import pytest

import lookalike
from lookalike.server.measuring import Measured, Measures

METRIC = re.compile(r"^([a-z_]+)(\{.*\})? ([0-9.e+-]+|NaN|\+Inf)$")


def numbers(text):
    """Read what Prometheus reads: values by name with labels."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, labels, value = METRIC.fullmatch(line).groups()
            found[name + (labels or "")] = float(value)
    return found


def told(measures, jobs=None):
    return numbers(measures.exposition(jobs or {})[0].decode())


def passed(app, path="/x/7", method="GET", route="/x/{id}", body=b""):
    """Send one request through the middleware; give the measures and what was sent."""
    measures = Measures()
    scope = {"type": "http", "path": path, "method": method}
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    async def routed(scope, receive, send):
        if route is not None:
            scope["route"] = SimpleNamespace(path=route)
        await app(scope, receive, send)

    error = None
    try:
        asyncio.run(Measured(routed, lambda _: measures)(scope, receive, send))
    except Exception as raised:
        error = raised
    return told(measures), sent, error


async def answering(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 201, "headers": []})
    await send({"type": "http.response.body", "body": b"yes"})


def test_a_request_is_counted_by_its_route_and_never_by_its_path():
    counted, sent, _ = passed(answering, path="/x/secret", method="POST", body=b"12345")
    assert counted['lookalike_requests_total{method="POST",route="/x/{id}",status="201"}'] == 1
    assert counted['lookalike_request_seconds_count{route="/x/{id}"}'] == 1
    assert counted["lookalike_received_bytes_total"] == 5
    assert counted["lookalike_requests_under_way"] == 0
    assert not any("secret" in name for name in counted)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]


def test_a_route_is_named_with_the_prefix_of_its_router():
    counted, *_ = passed(answering, path="/api/v1/x/7")
    assert counted['lookalike_request_seconds_count{route="/api/v1/x/{id}"}'] == 1
    counted, *_ = passed(answering, path="/api/v1/x/7", route="/api/v1/x/{id}")
    assert counted['lookalike_request_seconds_count{route="/api/v1/x/{id}"}'] == 1


def test_what_no_route_answered_is_counted_together():
    counted, *_ = passed(answering, route=None, method="BREW")
    assert counted['lookalike_requests_total{method="other",route="none",status="201"}'] == 1


def test_a_request_that_breaks_is_counted_and_the_error_goes_on():
    async def broken(scope, receive, send):
        raise ZeroDivisionError

    counted, _, error = passed(broken)
    assert isinstance(error, ZeroDivisionError)
    assert counted['lookalike_requests_total{method="GET",route="/x/{id}",status="500"}'] == 1
    assert counted["lookalike_requests_under_way"] == 0


def test_what_is_no_request_passes_through():
    passed_on = []

    async def app(scope, receive, send):
        passed_on.append(scope["type"])

    asyncio.run(Measured(app, lambda _: pytest.fail("not asked"))({"type": "lifespan"}, None, None))
    assert passed_on == ["lifespan"]


def test_stages_batches_galleries_and_jobs_are_told():
    measures = Measures()
    measures.stages("colours", {"encode": 0.02, "search": 0.001})
    measures.batch("colours", "search", 5)
    measures.gallery("photos", 1200, 17)
    told(measures, {("add", "done"): 3, ("update", "running"): 1})
    found = told(measures, {("add", "done"): 4})
    bucket = 'lookalike_search_stage_seconds_bucket{gallery="colours",le="%s",stage="encode"}'
    assert found['lookalike_search_stage_seconds_sum{gallery="colours",stage="encode"}'] == 0.02
    assert found[bucket % "0.025"] == 1
    assert found[bucket % "0.01"] == 0
    assert found['lookalike_batch_queries_sum{gallery="colours",stage="search"}'] == 5
    assert found['lookalike_images{gallery="photos"}'] == 1200
    assert found['lookalike_generation{gallery="photos"}'] == 17
    assert {name: value for name, value in found.items() if "jobs" in name} == {
        'lookalike_jobs{kind="add",state="done"}': 4
    }


def test_of_each_number_only_its_value_is_told():
    measures = Measures()
    measures.request("/x", "GET", 200, 0.1)
    assert not [name for name in told(measures) if "_created" in name]


def test_what_runs_and_what_it_takes_is_told():
    found = told(Measures())
    assert found[f'lookalike_build_info{{version="{lookalike.__version__}"}}'] == 1
    if sys.platform == "linux":
        assert found["process_resident_memory_bytes"] > 1e6
        assert found["process_open_fds"] > 0


def refused(path, *headers):
    """How many tokens are counted as refused after an answer of 401."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    return passed(app, path=path)[0]["lookalike_refused_tokens_total"]


def test_a_token_that_nobody_knows_is_counted_and_none_at_all_is_not():
    challenge = b'Bearer realm="lookalike"'
    assert refused("/x/7", (b"www-authenticate", challenge)) == 0
    assert refused("/x/7", (b"www-authenticate", challenge + b', error="invalid_token"')) == 1
    assert refused("/session") == 1


def test_two_servers_do_not_count_together():
    first, second = Measures(), Measures()
    first.batch("colours", "search", 1)
    assert not any(name.startswith("lookalike_batch_queries_count") for name in told(second))
    assert first.exposition({})[1].startswith("text/plain")


class TestServed:
    def test_it_lives_and_is_ready(self, served):
        assert served.get("/healthz").json() == {"status": "alive"}
        assert served.get("/readyz").json() == {"status": "ready", "galleries": ["colours"]}

    def test_what_is_not_ready_is_named(self, served):
        hosted = served.server.galleries["colours"]
        hosted._problem = "its encoder is not loaded yet"
        answer = served.get("/readyz")
        assert answer.status == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"] == "2"
        assert answer.json()["galleries"] == {"colours": "its encoder is not loaded yet"}
        assert "colours: its encoder is not loaded yet." in answer.json()["detail"]
        assert served.get("/healthz").status == 200

    def test_a_gallery_that_is_gone_is_not_ready(self, served, gallery, tmp_path):
        gallery.path.rename(tmp_path / "elsewhere")
        gallery.path.mkdir()
        answer = served.get("/readyz")
        assert (answer.status, list(answer.json()["galleries"])) == (503, ["colours"])
        assert served.get("/healthz").status == 200

    def test_metrics_tell_of_requests_stages_and_galleries(self, served):
        for _ in range(3):
            assert served.search({"parts": [{"image_id": 1}], "k": 2}).status == 200
        assert served.get("/api/v1/galleries/nowhere/search?image_id=1").status == 404
        answer = served.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        found = numbers(answer.body.decode())
        route = "/api/v1/galleries/{gallery}/search"
        asked = f'lookalike_requests_total{{method="POST",route="{route}",status="200"}}'
        missed = f'lookalike_requests_total{{method="GET",route="{route}",status="404"}}'
        assert found[asked] == 3
        assert found[missed] == 1
        assert found['lookalike_search_stage_seconds_count{gallery="colours",stage="search"}'] == 3
        assert found['lookalike_images{gallery="colours"}'] == 5
        assert found['lookalike_generation{gallery="colours"}'] == served.gallery.generation
        assert found["lookalike_requests_under_way"] == 1  # this one
        assert found['lookalike_ready{gallery="colours"}'] == 1
        assert found['lookalike_pending_uploads{gallery="colours"}'] == 0

    def test_metrics_tell_that_a_gallery_is_not_ready_and_what_waits_to_be_added(self, served):
        served.server.galleries["colours"]._problem = "its encoder is not loaded yet"
        served.server.uploads["colours"]._under_way["a.png"] = ""
        found = numbers(served.get("/metrics").body.decode())
        assert found['lookalike_ready{gallery="colours"}'] == 0
        assert found['lookalike_pending_uploads{gallery="colours"}'] == 1

    def test_metrics_count_tokens_that_nobody_knows(self, serve, tmp_path):
        (tmp_path / "tokens").touch(0o600)
        served = serve(tokens_file=tmp_path / "tokens", local_token="known")
        known = {"Authorization": "Bearer known"}
        assert served.get(served.base).status == 401
        assert served.get(served.base, {"Authorization": "Bearer wrong"}).status == 401
        found = numbers(served.get("/metrics", known).body.decode())
        assert found["lookalike_refused_tokens_total"] == 1
