"""What comes late, twice, in another order, or not at all: modules, answers, pictures, events."""

from __future__ import annotations

import json
import time

import pytest

from in_browser import PATIENCE_S, Held, until, watch

pytestmark = pytest.mark.heavy

BANNER = "[data-part=banner]:not([hidden])"
SESSION = {"needs_token": True, "can_read": True, "can_write": False, "name": "one"}


def results(look, address="#p=id:1"):
    page = look(address)
    page.wait_for_selector(".face.loaded")
    return page


def test_words_given_before_the_scripts_have_come_reach_no_address(look, site):
    page = look()
    held = Held(page, "**/main.js")
    page.goto(site.url, wait_until="commit")
    page.fill("[data-part=text]", "secret")
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert page.url == site.url
    held.let_go()
    page.wait_for_selector(".starter img")


def test_help_that_is_pressed_twice_opens_once(look):
    page = results(look)
    held = Held(page, "**/help.js")
    page.keyboard.press("?")
    page.keyboard.press("?")
    held.wait()
    held.let_go()
    page.wait_for_selector(".help")
    page.wait_for_timeout(200)
    assert page.locator(".help").count() == 1


def test_module_that_does_not_come_is_told_and_asked_for_again(look):
    page = results(look)
    page.route("**/help.js", lambda route: route.abort())
    is_told = watch(page, BANNER)
    page.keyboard.press("?")
    is_told()
    page.unroute("**/help.js")
    page.wait_for_selector("[data-part=banner]", state="hidden")
    page.keyboard.press("?")
    page.wait_for_selector(".help")


def test_part_that_is_looked_at_late_does_not_cover_what_came_since(look):
    page = look()
    held = Held(page, "**/viewer.js")
    page.reload()  # it may have come already
    page.wait_for_selector(".starter img")
    page.evaluate("location.hash = '#p=id:1'")
    page.wait_for_selector("[data-focus=region-0]")
    page.click("[data-focus=region-0]")
    held.wait()
    page.click("[data-part=all]")
    held.let_go()
    page.wait_for_selector(".viewer", state="attached")
    page.wait_for_timeout(300)
    assert page.locator("dialog[open]").count() == 0


def test_open_picture_gets_its_place_when_the_results_come(look):
    page = results(look)
    third = page.get_attribute(".face >> nth=2", "data-id")
    held = Held(page, "**/search")
    page.evaluate("(id) => (location.hash = `#p=id:1&where=width>0&open=${id}`)", third)
    page.wait_for_selector("dialog.viewer[open]")
    held.wait()
    assert page.locator(".viewer .big-score").count() == 0
    held.let_go()
    page.wait_for_selector(".viewer .big-score:has-text('place 3')")
    page.wait_for_selector(".viewer .step.right")


def test_facts_of_a_picture_that_come_late_do_not_take_its_place_away(look):
    page = results(look)
    third = page.get_attribute(".face >> nth=2", "data-id")
    held = Held(page, f"**/images/{third}")
    page.evaluate("(id) => (location.hash = `#p=id:1&where=width>0&open=${id}`)", third)
    page.wait_for_selector("dialog.viewer[open] .big-score")
    with page.expect_response(f"**/images/{third}"):
        held.let_go()
    page.wait_for_timeout(400)
    assert page.locator(".viewer .big-score").count() == 1


def test_picture_that_fails_late_does_not_close_another(look):
    page = results(look)
    held = Held(page, "**/images/9999")
    page.evaluate("location.hash = '#p=id:1&open=9999'")
    held.wait()
    third = page.get_attribute(".face >> nth=2", "data-id")
    page.evaluate("(id) => (location.hash = `#p=id:1&open=${id}`)", third)
    page.wait_for_selector("dialog.viewer[open]")
    with page.expect_response("**/images/9999"):
        held.answer(status=404, json={"title": "Gone"})
    page.wait_for_timeout(300)
    assert page.locator("dialog.viewer[open]").count() == 1
    assert f"open={third}" in page.url


def test_failed_search_is_asked_again_by_who_comes_back(look):
    page = results(look)
    failed = {"status": 500, "json": {"title": "Broken", "detail": "It broke."}}
    page.route("**/search", lambda route: route.fulfill(**failed))
    page.evaluate("location.hash = '#p=id:2'")
    page.wait_for_selector("text=It broke.")
    page.evaluate("location.hash = '#p=id:1'")
    page.wait_for_selector(".face.loaded")
    page.unroute("**/search")
    page.go_back()
    until(page, "location.hash === '#p=id:2'")
    page.wait_for_selector(".face.loaded")
    assert page.locator("text=It broke.").count() == 0


def test_refusal_from_before_the_door_opens_it_no_second_time(look):
    page = results(look)
    held = Held(page, "**/galleries/photos")
    page.reload()
    page.wait_for_selector(".face.loaded")
    held.wait()
    no = {"status": 401, "json": {"title": "No token"}}
    page.route("**/images?*", lambda route: route.fulfill(**no))
    page.click("[data-part=home]")
    page.wait_for_selector(".sign-in[open]")
    page.unroute("**/images?*")
    page.route("**/session", lambda route: route.fulfill(json=SESSION))
    page.fill("input[name=token]", "lk_one")
    page.keyboard.press("Enter")
    page.wait_for_selector(".sign-in", state="detached")
    page.wait_for_selector(".starter img")
    held.answer(**no)
    page.wait_for_timeout(300)
    assert page.locator(".sign-in").count() == 0
    held.let_go()


def test_filters_are_there_for_who_was_let_in_late(look):
    page = look()
    page.wait_for_selector(".starter img")
    no = {"status": 401, "json": {"title": "No token"}}
    page.route("**/galleries/photos", lambda route: route.fulfill(**no))
    page.evaluate("location.hash = '#p=id:1'")
    page.reload()
    page.wait_for_selector(".sign-in[open]")
    page.unroute("**/galleries/photos")
    page.route("**/session", lambda route: route.fulfill(json=SESSION))
    page.fill("input[name=token]", "lk_one")
    page.keyboard.press("Enter")
    page.wait_for_selector(".facet summary:has-text('side')")


def test_row_of_the_start_is_filled_when_the_server_is_back(look):
    page = look()
    page.wait_for_selector(".starter img")
    page.route("**/images?*", lambda route: route.abort())
    page.reload()
    page.wait_for_selector("text=Or start with one of these")
    page.unroute("**/images?*")
    page.wait_for_selector(".starter img")


def test_small_picture_that_did_not_come_is_asked_for_again(look):
    page = results(look)
    second = page.get_attribute(".face >> nth=1", "data-id")
    held = Held(page, f"**/images/{second}/thumbnail*")
    page.reload()
    held.answer(status=429)
    page.wait_for_selector(f".face.gone[data-id='{second}']")
    held.wait()
    held.let_go()
    page.wait_for_selector(f".face.loaded:not(.gone)[data-id='{second}']")


def test_word_of_a_job_that_comes_after_its_end_shows_no_bar(look, site):
    page = look()
    page.wait_for_selector(".starter img")
    job = {"job_id": "one", "gallery": "photos", "kind": "add", "total": 1, "done": 1}
    told = {**job, "state": "done", "result": {"added": 1}, "error": None}
    body = f"retry: 60000\n\nevent: job\ndata: {json.dumps(told)}\n\n"
    stream = {"headers": {"Content-Type": "text/event-stream"}, "body": body}
    page.route("**/events", lambda route: route.fulfill(**stream))
    waiting = {**job, "state": "waiting", "done": 0, "result": None}

    def adds(route):
        if route.request.method == "POST":
            route.fulfill(status=202, json=waiting)
        else:
            route.fallback()

    page.route("**/galleries/photos/images", adds)
    with page.expect_response("**/events"):
        page.reload()
    page.wait_for_selector(".starter img")
    page.wait_for_timeout(300)
    with page.expect_file_chooser() as chooser:
        page.click("[data-part=add]")
    picture = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"x"}
    chooser.value.set_files(picture)
    # Its end is told, once, and no bar waits for another.
    page.wait_for_selector(".notice:has-text('1 picture added')")
    page.wait_for_timeout(700)
    assert page.locator(".notice.working").count() == 0


def test_map_that_comes_out_of_sight_is_drawn_for_who_comes_back(look):
    page = results(look)
    address = page.url.partition("#")[0] + "api/v1/galleries/photos/map"
    page.request.post(address, data={})
    end = time.monotonic() + 2 * PATIENCE_S
    while not page.request.get(address).ok:
        assert time.monotonic() < end, "the map was never drawn"
        page.wait_for_timeout(100)
    held = Held(page, "**/map")
    page.reload()
    page.wait_for_selector(".face.loaded")
    page.keyboard.press("m")
    held.wait()
    page.keyboard.press("a")
    page.wait_for_selector(".grid:not(.ranked)")
    held.let_go()
    page.wait_for_timeout(500)
    page.keyboard.press("m")
    page.wait_for_selector(".map-view .panel:not(.folded)")
    until(page, "document.querySelector('.map-view canvas').width > 300")


def test_file_that_changes_on_the_disk_is_searched_with_as_it_was(look, site, tmp_path):
    given = tmp_path / "given.jpg"
    given.write_bytes(sorted(site.pictures.rglob("*.jpg"))[0].read_bytes())
    page = look()
    page.wait_for_selector(".starter img")
    page.set_input_files("[data-part=files]", given)
    page.wait_for_selector(".grid.ranked .face.loaded")
    given.write_bytes(b"something else")
    page.click(".facet.more summary")
    # Copies follow from the file itself, which is sent again.
    with page.expect_response("**/search") as told:
        page.click("text=Leave out exact copies")
    assert told.value.status == 200
    assert page.locator("[data-part=banner]").is_hidden()


def with_another(page):
    """Make the server seem to have a second gallery, ``other``, which holds the same."""

    def listed(route):
        told = route.fetch().json()
        first = told["galleries"][0]
        told["galleries"].append({**first, "name": "other", "is_default": False})
        route.fulfill(json=told)

    def same(route):
        route.continue_(url=route.request.url.replace("/galleries/other", "/galleries/photos"))

    page.route("**/api/v1/galleries", listed)
    page.route("**/api/v1/galleries/other**", same)
    page.reload()
    page.wait_for_selector("[data-part=galleries] option >> nth=1", state="attached")


def go_to(page, gallery):
    page.select_option("[data-part=galleries]", gallery)
    until(page, f"location.hash.includes('g={gallery}')")


def test_filters_are_there_for_who_left_a_gallery_before_they_came(look):
    page = look("#view=all")
    page.wait_for_selector(".face.loaded")
    with_another(page)
    held = Held(page, "**/galleries/photos")
    page.reload()
    held.wait()
    page.select_option("[data-part=galleries]", "other")
    page.click("[data-part=all]")
    page.wait_for_selector(".facet summary:has-text('side')")
    held.let_go()
    go_to(page, "photos")
    page.click("[data-part=all]")
    page.wait_for_selector(".facet summary:has-text('side')")


def test_job_of_a_gallery_that_was_left_is_not_waited_for(look):
    page = look()
    page.wait_for_selector(".starter img")
    with_another(page)
    page.wait_for_selector(".starter img")
    held = []

    def adds(route):
        if route.request.method == "POST":
            held.append(route)
        else:
            route.fallback()

    page.route("**/galleries/photos/images", adds)
    with page.expect_file_chooser() as chooser:
        page.click("[data-part=add]")
    picture = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"x"}
    chooser.value.set_files(picture)
    page.wait_for_selector(".notice.working:has-text('Sending')")
    with page.expect_request("**/other/events"):
        go_to(page, "other")
    # What was under way is asked about once the events come.
    page.wait_for_timeout(300)
    job = {"job_id": "one", "gallery": "photos", "kind": "add", "total": 1, "done": 0}
    held[0].fulfill(status=202, json={**job, "state": "waiting", "result": None})
    page.wait_for_selector(".notice.working:has-text('Sending')", state="detached")
    page.wait_for_timeout(700)
    assert page.locator(".notice.working").count() == 0


def test_new_pictures_of_a_gallery_that_was_left_are_not_told_in_another(look, site):
    page = look()
    page.wait_for_selector(".starter img")
    with_another(page)
    told = 'event: gallery\ndata: {"generation": 999, "images": 500}\n\n'
    stream = {"headers": {"Content-Type": "text/event-stream"}, "body": f"retry: 60000\n\n{told}"}
    page.set_input_files("[data-part=files]", sorted(site.pictures.rglob("*.jpg"))[0])
    page.wait_for_selector(".grid.ranked .face.loaded")
    page.route("**/photos/events", lambda route: route.fulfill(**stream))
    held = Held(page, "**/galleries/photos")
    page.reload()
    page.wait_for_selector(".grid.ranked .face.loaded")
    held.wait()
    page.wait_for_timeout(300)
    go_to(page, "other")
    page.wait_for_selector(".grid.ranked .face.loaded")
    held.let_go()
    page.wait_for_timeout(400)
    assert page.locator(".notice:has-text('new pictures')").count() == 0


def test_end_of_a_job_is_told_once(look):
    page = look()
    page.wait_for_selector(".starter img")
    job = {"job_id": "one", "gallery": "photos", "kind": "add", "total": 1, "error": None}
    waiting = {**job, "state": "waiting", "done": 0, "result": None}
    done = {**job, "state": "done", "done": 1, "result": {"added": 1}}
    news = {"body": ""}
    asked = []

    def events(route):
        asked.append(news["body"])
        body = f"retry: 100\n\n{news['body']}"
        route.fulfill(headers={"Content-Type": "text/event-stream"}, body=body)

    def adds(route):
        if route.request.method == "POST":
            route.fulfill(status=202, json=waiting)
        else:
            route.fallback()

    page.route("**/events", events)
    page.route("**/galleries/photos/images", adds)
    page.route("**/jobs/one", lambda route: route.fulfill(json=waiting))
    page.reload()
    page.wait_for_selector(".starter img")
    with page.expect_file_chooser() as chooser:
        page.click("[data-part=add]")
    picture = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"x"}
    chooser.value.set_files(picture)
    page.wait_for_selector(".notice.working:has-text('Adding')")
    news["body"] = f"event: job\ndata: {json.dumps(done)}\n\n"
    page.click(".notice:has-text('1 picture added') [aria-label=Close]")
    count = len(asked)
    end = time.monotonic() + PATIENCE_S
    while len(asked) < count + 3:
        assert time.monotonic() < end, "nobody listens any more"
        page.wait_for_timeout(50)
    assert page.locator(".notice:has-text('1 picture added')").count() == 0


def test_module_that_never_comes_is_not_asked_for_without_end(look):
    page = look()
    page.wait_for_selector(".starter img")
    asked = []

    def refuse(route):
        asked.append(route.request.url)
        route.abort()

    page.route("**/region.js*", refuse)
    page.click(".starter >> nth=0")
    page.wait_for_selector(".notice:has-text('could not be loaded') >> text=Reload")
    # The closer look needs it, too, and is loaded soon: a few tries, and no more then.
    until(page, f"{LOADED}.some((each) => each.name.includes('/viewer.js'))")
    for _ in range(20):
        count = len(asked)
        page.wait_for_timeout(3000)
        if len(asked) == count:
            break
    assert len(asked) == count
    assert count < 10
    page.wait_for_selector("[data-part=banner]", state="hidden")


LOADED = "performance.getEntriesByType('resource')"


def test_style_of_the_map_that_does_not_come_is_asked_for_again(look):
    page = results(look)
    page.route("**/map.css*", lambda route: route.abort(), times=1)
    is_told = watch(page, BANNER)
    page.keyboard.press("m")
    is_told()
    until(page, "document.querySelector('.map-view').childElementCount > 0")
    styles = "[...document.styleSheets].filter((each) => each.href.includes('map.css'))"
    assert page.evaluate(f"{styles}.length") == 1
