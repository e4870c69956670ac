"""Adding pictures to a running server: what is taken, under which name, and what is told."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("fastapi")

from lookalike.server.settings import Limits
from uploading import (
    API,
    CYAN,
    GREEN,
    OLIVE,
    HeldAdding,
    encoded,
    ended,
    files_of,
    names_of,
    noisy,
    pictures,
    sent,
    until,
)

if TYPE_CHECKING:
    from conftest import Reply, Served


def test_a_picture_is_added_and_found(served: Served) -> None:
    answer = sent(served, ("green.png", GREEN))
    found = served.search({"parts": [{"image_id": 6}], "k": 1}).json()

    assert answer.status == 201
    assert answer.headers["location"] == f"{API}/jobs/{answer.json()['job_id']}"
    assert pictures(answer) == [("green.png", "added", 6)]
    assert answer.json()["result"]["image_ids"] == [6]
    assert found["hits"][0]["image_id"] == 6
    assert found["hits"][0]["name"].endswith("/green.png")
    assert served.gallery.verify().is_clean


def test_the_answer_does_not_wait_for_the_work(served: Served) -> None:
    answer = sent(served, ("green.png", GREEN), wait=0)
    job = ended(served, answer.json())

    assert answer.status == 202
    assert answer.json()["state"] == "waiting"
    assert answer.json()["result"]["waiting"] == 1
    assert (job["state"], job["done"], job["total"]) == ("done", 1, 1)
    assert job["result"]["image_ids"] == [6]


def test_jobs_are_counted(served: Served) -> None:
    sent(served, ("green.png", GREEN))
    told = served.get("/metrics").body.decode()

    assert 'lookalike_jobs{kind="add",state="done"} 1.0' in told


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream"])
def test_a_body_may_be_the_picture_itself(served: Served, kind: str) -> None:
    path = f"{served.base}/images?wait=60&name=the%20green.png"
    answer = served.post(path, body=GREEN, kind=kind)

    assert answer.status == 201
    assert pictures(answer) == [("the green.png", "added", 6)]
    assert names_of(served) == ["the green.png"]


def test_a_picture_that_is_there_is_told_and_not_kept_twice(served: Served) -> None:
    blue = (served.photos / "blue.png").read_bytes()
    first = sent(served, ("mine.png", blue))
    both = sent(served, ("green.png", GREEN), ("green again.png", GREEN), ("b.png", blue))
    again = sent(served, ("green a third time.png", GREEN))

    assert first.status == 200
    assert pictures(first) == [("mine.png", "already_there", 1)]
    assert pictures(both) == [
        ("green.png", "added", 6),
        ("green again.png", "already_there", 6),
        ("b.png", "already_there", 1),
    ]
    assert pictures(again) == [("green a third time.png", "already_there", 6)]
    assert names_of(served) == ["green.png"]
    assert len(served.gallery) == 6


def test_a_picture_whose_file_went_away_is_kept(served: Served) -> None:
    blue = (served.photos / "blue.png").read_bytes()
    (served.photos / "blue.png").unlink()
    answer = sent(served, ("blue.png", blue))

    assert pictures(answer) == [("blue.png", "added", 6)]
    assert names_of(served) == ["blue.png"]


def test_a_picture_that_cannot_be_used_is_told_by_name_and_hurts_nobody(served: Served) -> None:
    cut = noisy(64, 1)[:900]  # its header is fine
    answer = sent(
        served, ("notes.txt", b"no picture"), ("green.png", GREEN), ("cut.jpg", cut), ("e.png", b"")
    )
    problems = [item["problem"] for item in answer.json()["result"]["pictures"]]

    assert answer.status == 201
    assert pictures(answer) == [
        ("notes.txt", "refused", None),
        ("green.png", "added", 6),
        ("cut.jpg", "refused", None),
        ("e.png", "refused", None),
    ]
    assert problems[0]["detail"].startswith("Cannot take 'notes.txt': it is an unknown kind")
    assert (problems[2]["status"], problems[2]["error"]) == (422, "ImageUnreadable")
    assert "empty" in problems[3]["detail"]
    assert names_of(served) == ["green.png"]
    assert served.gallery.info().skipped == 0


def test_nothing_that_can_be_used_is_a_problem(served: Served) -> None:
    one = sent(served, ("notes.txt", b"no picture"))
    two = sent(served, ("notes.txt", b"no picture"), ("more.txt", b"neither"))

    assert (one.status, two.status) == (422, 422)
    assert one.headers["content-type"] == "application/problem+json"
    assert one.json()["error"] == "ImageUnreadable"
    assert two.json()["detail"].startswith("None of the 2 pictures can be used.")
    assert [item["name"] for item in two.json()["pictures"]] == ["notes.txt", "more.txt"]
    assert served.get(f"{API}/jobs").json() == {"jobs": []}
    assert files_of(served) == []


def test_who_waits_is_told_of_a_picture_that_only_decoding_refuses_as_of_any_other(
    served: Served,
) -> None:
    cut = noisy(64, 1)[:900]  # its header is fine
    answer = sent(served, ("cut.jpg", cut), ("notes.txt", b"no picture"))
    told = answer.json()
    blue = (served.photos / "blue.png").read_bytes()
    mixed = sent(served, ("cut.jpg", cut), ("blue.png", blue))

    assert (answer.status, told["error"]) == (422, "ImageUnreadable")
    assert answer.headers["content-type"] == "application/problem+json"
    assert told["detail"].startswith("None of the 2 pictures can be used.")
    assert [item["status"] for item in told["pictures"]] == ["refused", "refused"]
    assert (told["job"]["state"], told["job"]["result"]["refused"]) == ("done", 2)
    assert mixed.status == 200
    assert [item[1] for item in pictures(mixed)] == ["refused", "already_there"]
    assert files_of(served) == []


def test_a_list_of_jobs_leaves_what_became_of_each_picture_to_the_job(served: Served) -> None:
    added = sent(served, ("green.png", GREEN), ("notes.txt", b"no picture")).json()
    [listed] = served.get(f"{API}/jobs").json()["jobs"]
    alone = served.get(f"{API}/jobs/{added['job_id']}").json()

    assert listed["result"] == {"waiting": 0, "added": 1, "already_there": 0, "refused": 1}
    assert listed == {**alone, "result": listed["result"]}
    assert len(alone["result"]["pictures"]) == 2


def test_pixels_are_counted_before_anything_is_decoded(serve: Callable[..., Served]) -> None:
    served = serve(limits=Limits(max_pixels=1000))
    answer = sent(served, ("big.png", encoded((1, 2, 3), side=32)), ("green.png", GREEN))

    assert pictures(answer) == [("big.png", "refused", None), ("green.png", "added", 6)]
    assert answer.json()["result"]["pictures"][0]["problem"]["error"] == "ImageTooLarge"
    assert "32 x 32" in answer.json()["result"]["pictures"][0]["problem"]["detail"]


def test_metadata_goes_with_the_pictures(served: Served) -> None:
    same = sent(served, ("green.png", GREEN), metadata='{"label": "plain", "year": 2026}')
    each = sent(
        served,
        ("cyan.png", CYAN),
        ("olive.png", OLIVE),
        metadata='[{"label": "sea"}, null]',
    )
    metadata = [served.gallery.image(image_id).metadata for image_id in (6, 7, 8)]

    assert (same.status, each.status) == (201, 201)
    assert metadata == [{"label": "plain", "year": 2026}, {"label": "sea"}, {}]
    assert names_of(served) == ["cyan.png", "green.png", "olive.png"]


@pytest.mark.parametrize(
    "metadata",
    [
        "[1]", "[null, null]", "{", '{"a": [1]}', '{"": 1}', '"text"', "NaN",
        # A catalog cannot keep them, nor, with them, the pictures of others.
        '{"a": 1e999}', f'{{"a": 1{"0" * 400}}}', f'{{"a": "{"a" * 10_001}"}}',
        f'{{"{"a" * 201}": 1}}', "{" + ", ".join(f'"a{n}": 1' for n in range(101)) + "}",
    ],
)  # fmt: skip
def test_metadata_that_makes_no_sense_adds_nothing(served: Served, metadata: str) -> None:
    answer = sent(served, ("green.png", GREEN), metadata=metadata)

    assert answer.status == 400
    assert answer.json()["error"] == "UsageError"
    assert files_of(served) == []


def test_what_a_sender_calls_a_picture_is_not_remembered_at_any_length(served: Served) -> None:
    answer = sent(served, ("a" * 3000 + ".png", GREEN))

    assert pictures(answer) == [("a" * 200, "added", 6)]


def test_names_never_lead_out_and_never_replace(served: Served) -> None:
    first = sent(served, ("../../catalog.sqlite", GREEN), ("x.png", CYAN), ("x.png", OLIVE))

    assert first.status == 201
    assert names_of(served) == ["catalog.sqlite.png", "x (2).png", "x.png"]
    assert [name for name, _, _ in pictures(first)] == ["catalog.sqlite", "x.png", "x.png"]
    assert served.gallery.verify().is_clean


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "application/json", 415),
        (b"", "multipart/form-data", 400),
        (b"rubbish", "multipart/form-data; boundary=x", 400),
        (b"--x\r\nContent-Disposition: form-data; name=\"picture\"; filename=\"a.png\"\r\n\r\nhalf",
         "multipart/form-data; boundary=x", 400),
        (b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--\r\n",
         "multipart/form-data; boundary=x", 400),
        (b"--x\r\nA: " + b"b" * 20_000 + b"\r\n\r\n\r\n--x--\r\n",
         "multipart/form-data; boundary=x", 400),
        (b"", "image/png", 422),
    ],
)  # fmt: skip
def test_broken_requests_leave_nothing(served: Served, body: bytes, kind: str, status: int) -> None:
    answer = served.post(f"{served.base}/images", body=body, kind=kind)

    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert files_of(served) == []


def test_too_many_pictures_are_refused(serve: Callable[..., Served]) -> None:
    served = serve(limits=Limits(max_files=2))
    answer = sent(served, ("a.png", GREEN), ("b.png", CYAN), ("c.png", OLIVE))

    assert answer.status == 413
    assert "more than 2 pictures" in answer.json()["detail"]
    assert files_of(served) == []


def test_a_form_with_a_strange_field_is_refused(served: Served) -> None:
    answer = sent(served, ("green.png", GREEN), folder="x")

    assert answer.status == 400
    assert "'folder'" in answer.json()["detail"]
    assert files_of(served) == []


def test_a_connection_that_ends_midway_leaves_nothing(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="picture"; filename="a.jpg"\r\n\r\n'
    body = head + noisy(600, 1)
    connection = http.client.HTTPConnection(served.host, served.port, timeout=60)
    connection.putrequest("POST", f"{served.base}/images")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders()
    connection.send(body[: len(body) // 2])
    until(lambda: files_of(served))
    connection.close()
    until(lambda: not files_of(served))

    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    assert served.get(f"{API}/jobs").json() == {"jobs": []}
    assert len(served.gallery) == 5


def test_what_many_send_at_once_is_added_in_few_commits(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = served.gallery.generation

    def send(seed: int) -> Reply:
        return sent(served, (f"{seed}.jpg", noisy(32, seed)))

    held = HeldAdding(monkeypatch)
    with ThreadPoolExecutor(64) as clients:
        under_way = [clients.submit(send, seed) for seed in range(64)]
        until(lambda: len(served.server.jobs.jobs()) == 64)
        held.go.set()
        answers = [answer.result() for answer in under_way]
    ids = {answer.json()["result"]["image_ids"][0] for answer in answers}

    assert [answer.status for answer in answers] == [201] * 64
    assert ids == set(range(6, 70))
    assert served.gallery.generation - before <= 20
    assert served.gallery.verify().is_clean


def test_search_goes_on_while_pictures_are_added(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = HeldAdding(monkeypatch)
    answer = sent(served, ("green.png", GREEN), wait=0)
    found = served.search({"parts": [{"image_id": 1}], "k": 1})
    during = served.get(f"{API}/jobs/{answer.json()['job_id']}").json()["state"]
    held.go.set()

    assert found.status == 200
    assert during in {"waiting", "running"}
    assert ended(served, answer.json())["state"] == "done"
