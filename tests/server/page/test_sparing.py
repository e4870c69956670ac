"""What the page spares: pictures that were sent once, people who would press again."""

from __future__ import annotations

import io
import json

import pytest

from in_browser import until

pytestmark = pytest.mark.heavy


@pytest.fixture
def large(tmp_path):
    """A picture of several hundred kilobytes."""
    from PIL import Image

    stream = io.BytesIO()
    Image.effect_noise((1200, 900), 60).convert("RGB").save(stream, "JPEG", quality=90)
    path = tmp_path / "large.jpg"
    path.write_bytes(stream.getvalue())
    return path


def has_picture(body: bytes) -> bool:
    """Tell whether a search is a form with a file, whose bytes the browser does not tell."""
    return b'name="picture"; filename=' in body


def bodies_of(page) -> list[bytes]:
    """Note the body of each search from here on."""
    found: list[bytes] = []

    def note(request):
        if request.url.endswith("/search"):
            found.append(request.post_data_buffer)

    page.on("request", note)
    return found


def searched(look, path):
    page = look(viewport={"width": 700, "height": 300})
    page.wait_for_selector(".starter img")
    bodies = bodies_of(page)
    page.set_input_files("[data-part=files]", path)
    page.wait_for_selector(".grid.ranked .face.loaded")
    return page, bodies


def titles(page) -> list[str]:
    return page.eval_on_selector_all(".grid.ranked .face", "faces => faces.map(f => f.title)")


def test_picture_is_sent_once_for_all_pages_weights_and_filters(look, large):
    page, bodies = searched(look, large)
    assert has_picture(bodies[0])
    assert large.stat().st_size > 200_000
    said = page.inner_text(".head .quietly")
    page.mouse.wheel(0, 20_000)
    until(page, "document.querySelectorAll('.tile').length === 72")
    assert len(set(titles(page))) == 72
    page.evaluate("location.hash += '&where=width>0'")
    until(page, "document.querySelectorAll('.chip').length === 1")
    page.wait_for_selector(".grid.ranked .face.loaded")
    assert len(bodies) >= 3
    for body in bodies[1:]:
        assert len(body) < 10_000
        assert set(json.loads(body)["parts"][0]) == {"embedding"}
    # What the scores are is said as it was for the picture.
    assert page.inner_text(".head .quietly").partition(" ·")[0] == said.partition(" ·")[0]


def test_later_pages_are_those_of_one_large_search(look, large):
    page, _ = searched(look, large)
    page.mouse.wheel(0, 20_000)
    until(page, "document.querySelectorAll('.tile').length === 72")
    found = page.eval_on_selector_all(".face", "faces => faces.map(f => Number(f.dataset.id))")
    address = page.url.partition("#")[0] + "api/v1/galleries/photos/search?k=72"
    headers = {"Content-Type": "image/jpeg"}
    whole = page.request.post(address, data=large.read_bytes(), headers=headers).json()
    assert found == [hit["image_id"] for hit in whole["hits"]]


def test_picture_itself_is_sent_where_its_copies_are_left_out(look, large):
    page, bodies = searched(look, large)
    with page.expect_request("**/search") as sent:
        page.evaluate("location.hash += '&copies=no'")
    assert has_picture(sent.value.post_data_buffer)
    assert len(bodies) == 2


def test_picture_is_sent_again_to_another_encoder(look, large):
    page, bodies = searched(look, large)

    def other(route):
        body = route.request.post_data_buffer
        if b'"embedding"' in body:
            route.fulfill(status=400, json={"detail": "Query embeddings need shape (n, 9)."})
        else:
            route.continue_()

    page.route("**/search", other)
    page.evaluate("location.hash += '&where=width>0'")
    until(page, "document.querySelectorAll('.chip').length === 1")
    page.wait_for_selector(".grid.ranked .face.loaded")
    assert [has_picture(body) for body in bodies[-2:]] == [False, True]


@pytest.mark.parametrize("status", [429, 503])
def test_busy_server_is_asked_again_by_itself(look, status):
    page = look()
    page.wait_for_selector(".starter img")
    asked = []
    was_told = False

    def busy(route):
        asked.append(route.request.url)
        if len(asked) < 3 or not was_told:
            route.fulfill(status=status, headers={"Retry-After": "1"}, json={"title": "Busy"})
        else:
            route.continue_()

    page.route("**/search", busy)
    page.click(".starter >> nth=0")
    page.wait_for_selector(".notice.patient:has-text('asked again by itself, in 1 s')")
    was_told = True
    page.wait_for_selector(".grid.ranked .face.loaded")
    assert len(asked) >= 3
    assert page.locator(".notice.patient").count() == 0


def test_server_that_is_busy_for_long_is_not_waited_for(look):
    page = look()
    page.wait_for_selector(".starter img")
    busy = {"status": 503, "headers": {"Retry-After": "3600"}, "json": {"detail": "In an hour."}}
    page.route("**/search", lambda route: route.fulfill(**busy))
    page.click(".starter >> nth=0")
    page.wait_for_selector(".state[role=alert] >> text=In an hour.")


def test_waiting_ends_for_who_goes_on(look):
    page = look()
    page.wait_for_selector(".starter img")
    asked = []

    def busy(route):
        asked.append(route.request.url)
        route.fulfill(status=429, headers={"Retry-After": "2"}, json={"title": "Busy"})

    page.route("**/search", busy)
    page.click(".starter >> nth=0")
    page.wait_for_selector(".notice.patient")
    page.click("[data-part=home]")
    page.wait_for_selector(".notice.patient", state="detached")
    count = len(asked)
    page.wait_for_timeout(2500)
    assert len(asked) == count


def test_pictures_are_added_to_a_server_that_was_busy(look):
    page = look()
    page.wait_for_selector(".starter img")
    asked = []

    def busy(route):
        if route.request.method != "POST":
            return route.fallback()
        asked.append(route.request.url)
        if len(asked) == 1:
            no = {"detail": "Eight of the largest arrive already."}
            return route.fulfill(status=503, headers={"Retry-After": "1"}, json=no)
        job = {"job_id": "one", "gallery": "photos", "kind": "add", "state": "done"}
        return route.fulfill(status=200, json={**job, "result": {"already_there": 1}})

    page.route("**/galleries/photos/images", busy)
    with page.expect_file_chooser() as chooser:
        page.click("[data-part=add]")
    picture = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"x"}
    chooser.value.set_files(picture)
    page.wait_for_selector(".notice:has-text('1 picture there already')")
    assert len(asked) == 2


def test_new_pictures_are_counted_since_the_results_that_are_looked_at(look):
    page = look("#p=id:1")
    page.wait_for_selector(".face.loaded")
    state = {"generation": 900, "images": 72}

    def events(route):
        told = {"generation": state["generation"], "images": state["images"]}
        body = f"retry: 100\n\nevent: gallery\ndata: {json.dumps(told)}\n\n"
        route.fulfill(headers={"Content-Type": "text/event-stream"}, body=body)

    def facts(route):
        route.fulfill(json={**route.fetch().json(), **state})

    page.route("**/galleries/photos/events", events)
    page.route("**/galleries/photos", facts)
    page.reload()
    page.wait_for_selector(".face.loaded")
    for images in (74, 77):
        state.update(generation=state["generation"] + 1, images=images)
        page.wait_for_selector(f".notice:has-text('{images - 72} new pictures.')")
    page.click("text=Search again")
    page.wait_for_selector(".face.loaded")
    state.update(generation=950, images=78)
    page.wait_for_selector(".notice:has-text('1 new picture.')")
