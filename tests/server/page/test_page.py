"""The page in a real browser, against a real server: every way in, and what comes back."""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from pathlib import Path

import pytest

from in_browser import Held, until, watch

pytestmark = pytest.mark.heavy

DARK = "rgb(20, 23, 29)"
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}

GIVE = """([name, data, how]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: "image/jpeg" }));
  if (how === "paste") {
    document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }));
    return;
  }
  const fire = (kind, target) => target.dispatchEvent(
    new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true }));
  fire("dragenter", document.body);
  fire("drop", document.querySelector(`[data-wish="${how}"]`));
}"""


def a_picture(site, kind="car") -> Path:
    """A file of the demonstration, as somebody would give it."""
    return sorted(path for path in (site.pictures / kind).rglob("*.jpg"))[0]


def give(page, path: Path, how: str) -> None:
    """Drop or paste a file."""
    data = base64.b64encode(path.read_bytes()).decode()
    page.evaluate(GIVE, [path.name, data, how])


def found(page) -> list[str]:
    """Wait for hits and name them."""
    page.wait_for_selector(".grid.ranked .face.loaded")
    return page.eval_on_selector_all(".grid.ranked .face", "faces => faces.map(f => f.title)")


def scores(page) -> list[float]:
    texts = page.eval_on_selector_all(
        ".tile:not([hidden]) .score", "each => each.map(s => s.textContent)"
    )
    return [float(text) for text in texts]


def searched(look, site):
    page = look()
    page.set_input_files("[data-part=files]", a_picture(site))
    found(page)
    return page


def asked_by(page, act) -> dict:
    """Do something that searches; return the query that was sent for the first hits."""

    def begins(request) -> bool:
        return request.url.endswith("/search") and query_of(request)["offset"] == 0

    with page.expect_request(begins) as told:
        act()
    return query_of(told.value)


def query_of(request) -> dict:
    """Read the query, which stands beside the pictures where there are some."""
    body = request.post_data_buffer
    if request.headers["content-type"].startswith("multipart"):
        start = body.index(b'name="query"')
        body = body[body.index(b"{", start) : body.rindex(b"}") + 1]
    return json.loads(body)


def test_start(look, shot):
    page = look()
    page.wait_for_selector(".starter img")
    assert page.locator(".starter").count() == 9
    shot(page, "start")
    with page.expect_request("**/search"):
        page.click(".starter >> nth=0")
    assert len(found(page)) >= 40


@pytest.mark.parametrize("how", ["search", "paste"])
def test_drop_and_paste(look, site, how):
    page = look()
    page.wait_for_selector(".starter img")
    path = a_picture(site)
    give(page, path, how)
    # The picture is in the gallery: it is found first, with the score of the same picture.
    assert Path(found(page)[0]).name == path.name
    assert scores(page)[0] == 1.0


def test_what_is_no_picture_is_told(look):
    page = look()
    page.wait_for_selector(".starter img")
    page.set_input_files(
        "[data-part=files]", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"words"}
    )
    assert "no picture" in page.inner_text(".notice.wrong")


def test_results_fall_and_go_on(look, site, shot):
    page = searched(look, site)
    first = scores(page)
    assert first == sorted(first, reverse=True)
    shot(page, "results")
    page.mouse.wheel(0, 20_000)
    until(page, "document.querySelectorAll('.tile').length === 72")
    assert "That is all" in page.inner_text(".end")
    assert len(set(found(page))) == 72


def test_more_and_less(look, site, shot):
    page = searched(look, site)
    page.hover(".tile >> nth=2")
    query = asked_by(page, lambda: page.click(".tile >> nth=2 >> [title='More like this']"))
    assert len(query["feedback"]["kept"]) == 1
    page.wait_for_selector(".opinion-row.kept img")
    found(page)
    page.click(".tile >> nth=5")
    page.wait_for_selector("dialog.viewer[open]")
    query = asked_by(page, lambda: page.click("text=Less like this"))
    assert len(query["feedback"]["rejected"]) == 1
    shot(page, "opinions")
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.viewer", state="hidden")
    # What was thought stays; back undoes one opinion after the other.
    assert page.locator(".opinion-row").count() == 2
    page.go_back()
    page.wait_for_selector(".opinion-row.rejected", state="detached")
    assert page.locator(".opinion-row.kept").count() == 1


def test_region_by_mouse_and_keys(look, shot):
    page = look("#view=all")
    page.wait_for_selector(".face.loaded")
    page.click(".tile >> nth=0")
    page.wait_for_selector("dialog.viewer[open] img")
    until(page, "document.querySelector('.view-stage .region img').naturalWidth > 0")
    box = page.locator(".view-stage .region").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.25)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] * 0.75, steps=5)
    page.mouse.up()
    shot(page, "region")
    query = asked_by(page, lambda: page.click("text=Search this region"))
    left, top, width, height = map(float, query["parts"][0]["region"].split(","))
    assert (left, top, width, height) == pytest.approx((0.25, 0.25, 0.5, 0.5), abs=0.01)
    found(page)
    page.click("[aria-label='The whole picture again']")
    page.wait_for_selector(".query-picture .region-box", state="hidden")
    page.click("[aria-label^='Search a region']")
    page.wait_for_selector("dialog.viewer[open]")
    page.keyboard.press("r")
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    query = asked_by(page, lambda: page.keyboard.press("Enter"))
    region = tuple(map(float, query["parts"][0]["region"].split(",")))
    assert region == pytest.approx((0.27, 0.27, 0.48, 0.5))


def test_mix_weights_and_minus(look, site, shot):
    page = searched(look, site)
    page.click(".tile >> nth=3")
    query = asked_by(page, lambda: page.click("text=Add to query"))
    assert [set(part) - {"name"} for part in query["parts"]] == [{"upload"}, {"image_id"}]
    page.wait_for_selector(".card >> nth=1")
    query = asked_by(page, lambda: page.click(".card >> nth=1 >> .sign"))
    assert query["parts"][1]["weight"] == -1
    slider = page.locator(".card >> nth=1 >> input[type=range]")
    slider.focus()
    query = asked_by(page, lambda: page.keyboard.press("ArrowLeft"))
    assert query["parts"][1]["weight"] == pytest.approx(-0.9)
    found(page)
    shot(page, "mix")


def test_filters(look, site, shot):
    page = searched(look, site)
    page.click("summary:has-text('side')")
    query = asked_by(page, lambda: page.click("label:has-text('right')"))
    assert query["where"] == "side IN ('right')"
    page.wait_for_selector(".chips .chip")
    found(page)
    page.click(".facet summary:has-text('More')")
    page.fill("textarea", "number > 5")
    query = asked_by(page, lambda: page.keyboard.press("Enter"))
    assert query["where"] == "side IN ('right') AND (number > 5)"
    found(page)
    shot(page, "filters")
    page.fill("textarea", "colour = 1")
    page.keyboard.press("Enter")
    page.wait_for_selector("#where-problem:has-text('colour')")
    assert "which this gallery does not have" in page.inner_text(".state p")
    shot(page, "wrong-filter")


def test_threshold_acts_at_once(look, site):
    page = searched(look, site)
    before = scores(page)
    page.evaluate("""() => {
      const slider = document.querySelector(".threshold input");
      slider.value = (Number(slider.min) + Number(slider.max)) / 2;
      slider.dispatchEvent(new Event("input"));
    }""")
    after = scores(page)
    limit = float(page.input_value(".threshold input"))
    assert after == [score for score in before if score >= limit - 0.005][: len(after)]
    assert 0 < len(after) < len(before)
    page.dispatch_event(".threshold input", "change")
    assert "min=" in page.url
    page.goto(page.url.replace("min=", "min=0.9999&x="))
    page.reload()
    page.wait_for_selector(".tile:not([hidden])")


def test_group_and_variety(look, site):
    page = searched(look, site)
    page.click(".facet summary:has-text('More')")
    query = asked_by(page, lambda: page.select_option("[data-focus=group]", "side"))
    assert query["group_by"] == "side"
    until(page, "document.querySelectorAll('.tile').length === 2")


def test_basket_and_exports(look, site, shot):
    page = searched(look, site)
    for place in (0, 1):
        page.hover(f".tile >> nth={place}")
        page.click(f".tile >> nth={place} >> .pick")
    assert page.inner_text("[data-part=basket-count]") == "2"
    page.reload()
    found(page)
    assert page.locator(".tile.picked").count() == 2
    page.click("[data-part=basket]")
    shot(page, "basket")
    with page.expect_download() as download:
        page.click("[data-form=zip]")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert a_picture(site).name in {Path(name).name for name in archive.namelist()}
    with page.expect_download() as download:
        page.click("[data-form=txt]")
    assert len(Path(download.value.path()).read_text().splitlines()) == 2
    with page.expect_download() as download:
        page.click("[data-form=sheet]")
    assert Path(download.value.path()).read_bytes()[:2] == b"\xff\xd8"


def test_map(look, shot):
    page = look("#view=map")
    page.wait_for_selector(".map-view .state, .map-view .panel")
    if page.locator("text=Draw the map").count():
        shot(page, "map-missing")
        page.click("text=Draw the map")
        page.wait_for_selector(".map-view .panel", timeout=120_000)
    until(page, "document.querySelector('.map-view canvas').width > 300")
    for place in range(400):
        # Rows of places from left to right, until there is a picture at one of them.
        page.mouse.move(500 + 30 * (place % 20), 200 + 25 * (place // 20))
        if page.locator(".point-card:not([hidden])").count():
            break
    page.wait_for_selector(".point-card img")
    until(page, "document.querySelector('.point-card img').naturalWidth > 0")
    shot(page, "map-hover")
    page.mouse.wheel(0, -600)
    shot(page, "map-near")
    page.click("[data-part=whole]")
    page.click("[data-part=lasso]")
    page.mouse.move(300, 70)
    page.mouse.down()
    for place in ((1200, 70), (1200, 850), (300, 850), (300, 80)):
        page.mouse.move(*place, steps=8)
    page.mouse.up()
    assert "72 pictures chosen" in page.inner_text(".chosen-bar")
    shot(page, "map-lasso")
    page.click("text=Into the basket")
    assert page.inner_text("[data-part=basket-count]") == "72"
    query = asked_by(page, lambda: page.click(".chosen-bar >> text=Search with them"))
    assert len(query["feedback"]["kept"]) == 72


def test_phone(look, site, shot):
    page = look(**PHONE)
    page.wait_for_selector(".starter img")

    def is_narrow() -> bool:
        return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))

    assert is_narrow()
    shot(page, "phone-start")
    page.set_input_files("[data-part=camera]", a_picture(site))
    found(page)
    assert is_narrow()
    shot(page, "phone-results")
    page.tap("button:has-text('Refine')")
    shot(page, "phone-refine")
    page.tap(".refine [aria-label=Close]")
    page.tap(".tile >> nth=1")
    page.wait_for_selector("dialog.viewer[open]")
    assert is_narrow()
    shot(page, "phone-viewer")
    page.tap("text=More like this")
    page.tap(".viewer [aria-label^=Close]")
    page.wait_for_selector("dialog.viewer", state="hidden")
    assert page.locator(".opinion-row.kept").count() == 1
    page.tap("[data-part=map]")
    page.wait_for_selector(".map-view .state, .map-view .panel")
    assert is_narrow()
    shot(page, "phone-map")


def test_keys_alone(look, shot):
    page = look()
    page.wait_for_selector(".starter img")
    page.keyboard.press("a")
    page.wait_for_selector(".face.loaded")
    page.keyboard.press("Tab")
    page.focus("#results")
    page.keyboard.press("ArrowDown")
    first = page.evaluate("document.activeElement.dataset.id")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    second = page.evaluate("document.activeElement.dataset.id")
    assert first is not None
    assert second not in {None, first}
    shot(page, "keys")
    page.keyboard.press("b")
    assert page.inner_text("[data-part=basket-count]") == "1"
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog.viewer[open]")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(200)
    page.keyboard.press("Escape")
    page.wait_for_selector("dialog.viewer", state="hidden")
    # The focus is on the picture that was looked at last.
    until(page, f"![undefined, '{second}'].includes(document.activeElement.dataset.id)")
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog.viewer[open]")
    query = asked_by(page, lambda: page.keyboard.press("s"))
    assert "image_id" in query["parts"][0]
    found(page)
    page.keyboard.press("?")
    page.wait_for_selector(".help")
    shot(page, "help")
    page.keyboard.press("Escape")


def test_back_and_reload(look, site):
    page = searched(look, site)
    own = found(page)
    page.reload()
    assert found(page) == own  # the picture from outside survived
    page.click(".tile >> nth=4")
    page.wait_for_selector("dialog.viewer[open]")
    assert "open=" in page.url
    page.go_back()
    page.wait_for_selector("dialog.viewer", state="hidden")
    page.click(".tile >> nth=4")
    page.click("text=Find similar")
    page.wait_for_selector(".card.id")
    page.go_back()
    page.wait_for_selector("dialog.viewer[open]")
    page.go_back()
    assert found(page) == own
    page.go_forward()
    page.wait_for_selector("dialog.viewer[open]")


def test_picture_of_another_session_is_told(look, shot):
    page = look("#p=up:somewhere-else")
    assert "not here any more" in page.inner_text(".state p")
    shot(page, "gone")


def test_no_result_and_nothing_above(look, shot):
    page = look("#p=id:1&where=width%20%3E%20100000")
    page.wait_for_selector("text=No picture found")
    shot(page, "no-result")
    page.click("text=Take the filters away")
    found(page)
    page = look("#p=id:1&min=0.9999")
    page.wait_for_selector("text=Nothing so alike")
    page.click("text=Show all")
    assert scores(page)


def test_dark_and_light(look, shot):
    page = look("#p=id:5&p=-0.5*id:9", color_scheme="dark")
    found(page)
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == DARK
    shot(page, "dark")
    page.click("[data-part=theme]")
    page.click("[data-part=theme]")
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    page.reload()
    assert page.evaluate(background) == "rgb(255, 255, 255)"


def test_text_where_the_encoder_has_words(look, site):
    page = look()
    page.wait_for_selector(".starter img")
    assert not page.is_editable("[data-part=text]")

    def with_words(route):
        told = route.fetch().json()
        route.fulfill(json={**told, "has_text": True})

    page.route("**/api/v1/galleries/photos", with_words)
    page.reload()
    page.wait_for_selector("[data-part=text][placeholder*=Describe]")
    page.keyboard.press("/")
    page.keyboard.type("a red car")
    query = asked_by(page, lambda: page.keyboard.press("Enter"))
    assert query["parts"] == [{"text": "a red car"}]
    # This encoder has none: its own sentence is shown.
    page.wait_for_selector(".state[role=alert]")


def test_first_transfer(look, noted):
    """All that is loaded until the first view, as it goes over the network."""
    page = look()
    page.wait_for_selector(".starter img")
    page.wait_for_timeout(600)
    sizes = page.evaluate("""() => [...performance.getEntriesByType("navigation"),
      ...performance.getEntriesByType("resource")].map((each) => [each.name, each.transferSize])""")
    total = sum(size for _, size in sizes)
    noted(f"first page: {len(sizes)} requests, {total / 1000:.1f} kB")
    assert 20_000 < total < 150_000


def test_adding_with_progress(look, site, tmp_path, shot):
    from PIL import Image

    page = look()
    page.wait_for_selector(".starter img")
    files = []
    for number in range(8):
        stream = io.BytesIO()
        Image.effect_noise((900, 700), 40 + number).convert("RGB").save(stream, "JPEG")
        (tmp_path / f"new {number}.jpg").write_bytes(stream.getvalue())
        files.append(tmp_path / f"new {number}.jpg")
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", {
        "offline": False, "latency": 5, "downloadThroughput": 9e6, "uploadThroughput": 9e5,
    })  # fmt: skip
    with page.expect_file_chooser() as chooser:
        page.click("[data-part=add]")
    is_under_way = watch(page, ".notice.working progress")
    chooser.value.set_files(files)
    is_under_way()
    shot(page, "adding")
    page.wait_for_selector(".notice:has-text('8 pictures added')")
    page.wait_for_selector("text=Browse all 80 pictures")
    page.click("text=Show newest")
    page.wait_for_selector(".grid .face.loaded")
    assert "new 7.jpg" in page.get_attribute(".grid .face >> nth=0", "title")
    shot(page, "added")
    for _ in range(8):  # leave it as it was
        page.click(".grid .face >> nth=0")
        page.click("text=Remove from gallery")
        page.click(".remove .danger")
        page.wait_for_selector("dialog.viewer", state="hidden")
        page.wait_for_timeout(150)
    page.click("[data-part=home]")
    page.wait_for_selector("text=Browse all 72 pictures")


def test_server_stopped(look, site, shot):
    page = searched(look, site)
    # The closer look is loaded by itself. What imports it once more waits until it has run.
    address = "[...performance.getEntriesByType('resource')].find(({ name }) => VIEWER.test(name))"
    address = address.replace("VIEWER", r"/\/viewer\.js/")
    until(page, f"{address}?.responseEnd > 0")
    page.evaluate(f"import({address}.name).then(() => true)")
    site.stop()
    page.click(".tile >> nth=3")
    page.click("text=Find similar")
    page.wait_for_selector("[data-part=banner]:not([hidden])")
    assert "does not answer" in page.inner_text("[data-part=banner]")
    shot(page, "stopped")
    site.start()
    page.wait_for_selector("[data-part=banner]", state="hidden")
    assert len(found(page)) >= 40


def test_first_result_waits_for_one_answer_and_for_no_module(look, site, noted):
    page = look()
    page.wait_for_selector(".starter img")
    held = Held(page, "**/page/v/**")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    began = time.perf_counter()
    page.set_input_files("[data-part=files]", a_picture(site))
    page.wait_for_selector(".grid.ranked .face.loaded")
    noted(f"first result: {1000 * (time.perf_counter() - began):.0f} ms")
    assert len([url for url in asked if url.endswith("/search")]) == 1
    held.let_go()
