"""What must hold meanwhile: hands that are quick, galleries that grow, odd answers."""

from __future__ import annotations

import json

import pytest

from in_browser import until

pytestmark = pytest.mark.heavy

PHONE = {"viewport": {"width": 390, "height": 700}, "has_touch": True, "is_mobile": True}
LOW = {"viewport": {"width": 700, "height": 300}}
# Filters come with what the server tells of the gallery, after the pictures.
SIDE = ".facet summary:has-text('side')"

LUMINANCE = """(name) => {
  const canvas = document.createElement("canvas").getContext("2d");
  const style = getComputedStyle(document.documentElement);
  const light = (property) => {
    canvas.fillStyle = style.getPropertyValue(property);
    canvas.fillRect(0, 0, 1, 1);
    const linear = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((each) =>
      each / 255 <= 0.03928 ? each / 255 / 12.92 : ((each / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const [low, high] = [light(name), light("--paper")].sort((one, other) => one - other);
  return (high + 0.05) / (low + 0.05);
}"""


def results(look, address="#p=id:1", **options):
    page = look(address, **options)
    page.wait_for_selector(".face.loaded")
    return page


def test_only_what_is_near_is_loaded(look):
    page = results(look, **LOW)
    page.wait_for_timeout(1500)
    assert page.locator(".tile").count() == 40


def test_place_is_kept_on_the_way_to_the_map_and_back(look):
    page = results(look, **LOW)
    page.evaluate("""new Promise((done) => {
      addEventListener("scroll", done, { once: true });
      scrollTo(0, 600);
    }).then(() => true)""")
    page.keyboard.press("m")
    page.wait_for_selector("h1:has-text('No map yet')")
    page.go_back()
    until(page, "scrollY === 600")


def test_no_map_is_asked_for_where_there_is_none(look):
    page = results(look)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("m")
    page.wait_for_selector("text=No map yet")
    assert not [url for url in asked if url.endswith("/map")]


def test_closing_twice_goes_back_once(look):
    page = results(look)
    page.evaluate("location.hash = '#p=id:2'")
    until(page, "document.querySelector('.query img')?.src.includes('/2/')")
    page.wait_for_selector(".face.loaded")
    page.click(".face >> nth=0")
    page.wait_for_selector("dialog.viewer[open]")
    press = "document.querySelector('.viewer header button').click()"
    page.evaluate(f"{press}; {press}")
    page.wait_for_selector("dialog.viewer[open]", state="detached")
    page.wait_for_timeout(300)
    assert page.evaluate("location.hash") == "#p=id:2"


def test_finger_that_rests_picks_wherever_it_rests(look):
    page = results(look, **PHONE)
    page.wait_for_timeout(500)
    box = page.locator(".face >> nth=1").bounding_box()
    # There, the tick comes up below it.
    place = [{"x": box["x"] + 20, "y": box["y"] + 20}]
    touch = page.context.new_cdp_session(page)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": place})
    page.wait_for_selector(".tile.picked")
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(300)
    assert page.locator(".tile.picked").count() == 1
    assert page.locator("dialog[open]").count() == 0


def test_touch_beside_the_sheet_only_closes_it(look):
    page = results(look, **PHONE)
    address = page.url
    page.tap("[data-part=head] .only-narrow")
    page.wait_for_selector(".refine[data-sheet]")
    page.wait_for_timeout(200)
    assert page.evaluate("document.querySelector('.results').inert")
    page.touchscreen.tap(200, 60)
    until(page, "!document.querySelector('.refine[data-sheet]')")
    assert page.url == address
    assert not page.evaluate("document.querySelector('.results').inert")


def growing(page):
    """Make the gallery seem to change when ``grow()`` is called."""
    news = {"is_there": False}

    def events(route):
        told = 'event: gallery\ndata: {"generation": 999, "images": 72}\n\n'
        body = "retry: 100\n\n" + (told if news["is_there"] else "")
        route.fulfill(headers={"Content-Type": "text/event-stream"}, body=body)

    def facts(route):
        told = route.fetch().json()
        if news["is_there"]:
            told = {**told, "generation": 999, "columns": told["columns"][:-1]}
        route.fulfill(json=told)

    page.route("**/galleries/photos/events", events)
    page.route("**/galleries/photos", facts)
    page.reload()
    page.wait_for_selector(".face.loaded")
    page.wait_for_selector(SIDE)

    def grow():
        news["is_there"] = True
        with page.expect_response("**/galleries/photos"):
            pass
        page.wait_for_timeout(400)

    return grow


def test_what_is_being_written_stays_while_the_gallery_grows(look):
    page = results(look)
    grow = growing(page)
    page.click(".facet.more summary")
    page.fill("[data-focus=where]", "width > 1")
    grow()
    assert page.input_value("[data-focus=where]") == "width > 1"


def test_closer_look_at_a_part_stays_while_the_gallery_grows(look):
    page = results(look)
    grow = growing(page)
    page.click("[data-focus=region-0]")
    page.wait_for_selector("dialog.viewer[open]")
    grow()
    assert page.locator("dialog.viewer[open]").count() == 1


def test_answers_of_somebody_else_are_told(look):
    page = look()
    page.wait_for_selector(".starter img")
    page.route(
        "**/search",
        lambda route: route.fulfill(content_type="text/html", body="<html>Sign in to the hotel"),
    )
    page.click(".starter >> nth=0")
    page.wait_for_selector("text=What answered is not this server")
    page.unroute("**/search")
    page.click("text=Try again")
    page.wait_for_selector(".face.loaded")


def test_galleries_can_be_asked_for_again(look):
    page = look()
    page.wait_for_selector(".starter img")
    page.route("**/api/v1/galleries", lambda route: route.fulfill(status=503, body="busy"))
    page.reload()
    page.wait_for_selector("text=The server answered with 503.")
    page.unroute("**/api/v1/galleries")
    page.click("text=Try again")
    page.wait_for_selector(".starter img")


@pytest.mark.parametrize(
    "address",
    [
        '#f={"column":"x","values":5}',
        '#f={"column":"width","low":{"a":1}}',
        "#f=null&f=[]&f=5",
        "#min=abc&diverse=99",
        "#more=1,x,,2",
    ],
)
def test_addresses_by_hand(look, address):
    # The fixture itself asserts that no script failed.
    results(look, f"{address}&p=id:1")


def test_one_bound_of_a_filter_is_read_again(look):
    page = look(f"#view=all&f={json.dumps({'column': 'metadata.number', 'low': 9, 'high': None})}")
    page.wait_for_selector(".face.loaded")
    assert page.locator(".chip").count() == 1
    assert page.locator(".tile").count() == 8


def test_too_large_a_picture_is_not_sent(look):
    page = look()

    def small(route):
        told = route.fetch().json()
        route.fulfill(json={**told, "limits": {**told["limits"], "max_body_bytes": 1000}})

    page.route("**/galleries/photos", small)
    page.reload()
    # By then it is known how large a picture may be.
    page.click("[data-part=all]")
    page.wait_for_selector(SIDE)
    page.click("[data-part=home]")
    page.wait_for_selector(".starter img")
    picture = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"x" * 2000}
    page.set_input_files("[data-part=files]", picture)
    assert "too large" in page.inner_text(".notice.wrong")
    assert page.locator("main").get_attribute("data-shows") == "start"


def test_hidden_tabs_give_their_connection_back(look):
    page = look()
    page.add_init_script(EVENTS)
    page.reload()
    until(page, "streams.made === 1 && streams.now.readyState === EventSource.OPEN")
    page.evaluate("show(false); show(true)")
    page.wait_for_timeout(5500)
    assert page.evaluate("[streams.made, streams.now.readyState]") == [1, OPEN]
    page.evaluate("show(false)")
    until(page, "streams.now.readyState === EventSource.CLOSED")
    page.evaluate("show(true)")
    assert page.evaluate("streams.made") == 2


OPEN = 1
EVENTS = """
window.streams = { made: 0, now: null };
window.EventSource = class extends EventSource {
  constructor(address) {
    super(address);
    streams.made += 1;
    streams.now = this;
  }
};
window.show = (isShown) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => !isShown });
  document.dispatchEvent(new Event("visibilitychange"));
};
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(look, scheme):
    page = results(look, color_scheme=scheme)
    for words in ("--ink", "--soft", "--accent", "--danger", "--warning"):
        assert page.evaluate(LUMINANCE, words) >= 4.5
    # The edge of a field says that there is one.
    assert page.evaluate(LUMINANCE, "--edge") >= 3


def test_sliders_have_names(look):
    page = results(look)
    page.wait_for_selector(SIDE)
    page.click(".facet.more summary")
    assert page.get_by_role("slider", name="Score at least").count() == 1
    assert page.get_by_role("slider", name="Variety").count() == 1


def test_nothing_jumps_while_it_opens(look):
    page = look()
    page.wait_for_selector(".starter img")
    page.add_init_script(JUMPS)
    for address in ("#p=id:1", "#view=all"):
        page.evaluate("(address) => (location.hash = address)", address)
        page.reload()
        page.wait_for_selector(".face.loaded")
        page.wait_for_timeout(500)
        assert page.evaluate("window.jumps") < 0.05


JUMPS = """
window.jumps = 0;
new PerformanceObserver((list) => {
  for (const each of list.getEntries()) window.jumps += each.value;
}).observe({ type: "layout-shift", buffered: true });
"""


def test_side_is_never_wider_than_its_place(look):
    page = results(look)
    page.wait_for_selector(SIDE)
    for summary in page.query_selector_all(".facet > summary"):
        summary.click()
    side = "document.querySelector('.side')"
    assert page.evaluate(f"{side}.scrollWidth - {side}.clientWidth") == 0


def test_what_was_opened_just_now_stays_open_when_the_side_is_drawn_again(look):
    page = results(look)
    page.wait_for_selector(SIDE)
    page.evaluate("""() => {
      document.querySelector(".facet.more summary").click();
      document.querySelector(".facet .values input").click();
    }""")
    page.wait_for_selector(".chip")
    assert page.evaluate("document.querySelector('.facet.more').open")


def test_wheel_over_the_side_moves_the_page(look):
    page = results(look, viewport={"width": 1000, "height": 1200})
    page.mouse.move(100, 500)
    page.mouse.wheel(0, 300)
    until(page, "scrollY > 0")


def test_paper_holds_the_pictures_in_rows(look):
    page = results(look)
    page.emulate_media(media="print")
    assert page.locator(".bar").is_hidden()
    tops = "[...document.querySelectorAll('.tile')].slice(0, 2).map((t) => t.offsetTop)"
    first, second = page.evaluate(tops)
    assert first == second


def test_query_without_its_picture_is_named_however_late_boxes_can_be_drawn(look):
    page = look()
    held = []
    page.route("**/region.js", lambda route: held.append(route))
    page.route("**/images/2/thumbnail*", lambda route: route.fulfill(status=404))
    page.evaluate("location.hash = '#p=id:2'")
    page.wait_for_selector(".query .gone-name")
    until(page, "document.querySelector('.query .gone-name').innerText === 'Picture 2'")
    for route in held:
        route.continue_()
    page.wait_for_selector(".query .region", state="attached")
    assert page.locator(".query .gone-name").is_visible()


def test_query_is_drawn_again_for_who_is_let_in_again(look):
    page = results(look)
    page.route("**/api/v1/**", lambda route: route.fulfill(status=401, json={"title": "No token"}))
    page.evaluate("location.hash = '#p=id:2'")
    page.wait_for_selector(".sign-in[open]")
    page.wait_for_selector(".query .gone-name")
    page.unroute("**/api/v1/**")
    page.route("**/session", lambda route: route.fulfill(json=SESSION))
    page.fill("input[name=token]", "lk_one")
    page.keyboard.press("Enter")
    page.wait_for_selector(".face.loaded")
    assert page.locator(".query .gone-name").count() == 0


SESSION = {"needs_token": True, "can_read": True, "can_write": False, "name": "one"}
