"""The page at hand: many pictures at once, sizes, links, news over dialogs, an old map."""

from __future__ import annotations

import json
import time
import urllib.request
import zipfile
from contextlib import suppress

import pytest

from in_browser import Held, until

pytestmark = pytest.mark.heavy

PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}

# How many tries to reach the server are under way at most.
COUNT_TRIES = """
  window.tries = { open: 0, most: 0, all: 0 };
  const asked = window.fetch;
  window.fetch = (address, ...rest) => {
    if (!String(address).includes("healthz")) return asked(address, ...rest);
    tries.all += 1;
    tries.open += 1;
    tries.most = Math.max(tries.most, tries.open);
    return asked(address, ...rest).finally(() => { tries.open -= 1; });
  };
"""

# News stay until they are closed, however slow this machine is just now.
NEWS_STAY = """
  const soon = window.setTimeout;
  window.setTimeout = (act, wait, ...rest) => (wait === 6000 ? 0 : soon(act, wait, ...rest));
"""

# Filters come with what the server tells of the gallery, after the pictures.
SIDE = ".facet summary:has-text('side')"
FACES = "faces => faces.map(face => face.dataset.id)"


def all_pictures(look, **options):
    page = look("#view=all", **options)
    page.wait_for_selector(".face.loaded")
    return page


def staying(page):
    """Open the page anew, with news that stay."""
    page.add_init_script(NEWS_STAY)
    page.reload()
    return page


def altered(page, pattern: str, change) -> None:
    """Let what the server tells be changed on the way."""

    def answer(route):
        told = route.fetch().json()
        change(told)
        route.fulfill(json=told)

    page.route(pattern, answer)


def picked(page) -> list[str]:
    return page.eval_on_selector_all(".tile.picked .face", FACES)


def test_ctrl_and_shift_pick_many(look):
    page = all_pictures(look)
    shown = page.eval_on_selector_all(".face", FACES)
    page.click(".face >> nth=1", modifiers=["Control"])
    page.click(".face >> nth=6", modifiers=["Shift"])
    assert picked(page) == shown[1:7]
    assert page.evaluate("document.activeElement.dataset.id") == shown[6]
    # Back to the one that was pressed first, by its tick: what is picked already stays.
    page.hover(".tile >> nth=3")
    page.click(".tile >> nth=3 >> .pick", modifiers=["Shift"])
    assert picked(page) == shown[1:7]
    page.click(".face >> nth=1", modifiers=["Control"])
    assert picked(page) == shown[2:7]
    assert page.locator("dialog[open]").count() == 0
    page.reload()
    page.wait_for_selector(".face.loaded")
    assert picked(page) == shown[2:7]


def test_keys_pick_many(look):
    page = all_pictures(look)
    shown = page.eval_on_selector_all(".face", FACES)
    page.focus("#results")
    for key in ("ArrowDown", "b", "ArrowRight", "ArrowRight", "Shift+B"):
        page.keyboard.press(key)
    assert picked(page) == shown[:3]
    # What lies on a picture is seen where the focus is, too.
    assert page.evaluate("""() => {
      const tick = document.activeElement.parentElement.querySelector(".pick");
      const { x, y, width, height } = tick.getBoundingClientRect();
      return document.elementFromPoint(x + width / 2, y + height / 2).closest("button") === tick;
    }""")


def test_what_a_threshold_hides_is_not_picked(look):
    page = look("#p=id:1")
    page.wait_for_selector(".grid.ranked .face.loaded")
    page.evaluate("document.querySelectorAll('.tile')[2].hidden = true")
    page.click(".face >> nth=1", modifiers=["Control"])
    page.click(".face >> nth=3", modifiers=["Shift"])
    shown = page.eval_on_selector_all(".face", FACES)
    assert picked(page) == [shown[1], shown[3]]


def test_size_of_pictures_is_remembered(look):
    page = all_pictures(look)

    def height() -> float:
        return page.locator(".tile >> nth=0").bounding_box()["height"]

    usual = height()
    for _ in range(2):
        page.click("[aria-label='Larger pictures']")
    large = height()
    assert large > 1.4 * usual
    # They are as sharp as before.
    until(page, "document.querySelector('.face img').src.includes('side=512')")
    page.keyboard.press("Enter")  # there is no larger one
    assert height() == large
    assert page.get_attribute("[aria-label='Larger pictures']", "aria-disabled") == "true"
    page.reload()
    page.wait_for_selector(".face.loaded")
    assert height() == large
    page.click("[aria-label='Smaller pictures']")
    assert page.evaluate("document.activeElement.ariaLabel") == "Smaller pictures"
    assert height() < large


def test_press_above_the_pictures_is_taken_while_an_answer_comes(look):
    page = all_pictures(look)
    held = Held(page, "**/search")
    page.evaluate("location.hash = '#p=id:3'")
    held.wait()
    page.hover("[aria-label='Larger pictures']")
    page.mouse.down()
    held.let_go()
    page.wait_for_selector(".grid.ranked .face.loaded")
    page.mouse.up()
    until(page, "document.documentElement.style.getPropertyValue('--scale') === '1.4'")


def test_focus_stays_above_the_pictures(look):
    page = look("#p=id:1")
    page.wait_for_selector(".grid.ranked .face.loaded")
    page.focus("[aria-label='Copy the link']")
    page.evaluate("location.hash += '&min=0.01'")
    page.wait_for_selector(".head button:has-text('Refine · 1')", state="attached")
    assert page.evaluate("document.activeElement.ariaLabel") == "Copy the link"


def test_link_finds_the_same_elsewhere(look):
    filters = json.dumps({"column": "side", "values": ["left"]})
    page = staying(look(f"#p=id:3&more=9&f={filters}"))
    page.wait_for_selector(".grid.ranked .face.loaded")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("[aria-label='Copy the link']")
    page.wait_for_selector(".notice:has-text('Link copied.')")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == page.url
    other = look("#" + link.partition("#")[2])
    other.wait_for_selector(".grid.ranked .face.loaded")
    found = [each.eval_on_selector_all(".face", FACES)[:40] for each in (page, other)]
    assert found[0] == found[1]
    assert len(found[0]) == 40


def test_link_is_copied_where_the_clipboard_is_kept_back(look):
    page = look("#view=all")
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined });")
    staying(page).wait_for_selector(".face.loaded")
    page.click("[aria-label='Copy the link']")
    page.wait_for_selector(".notice:has-text('Link copied.')")
    assert page.evaluate("document.activeElement.ariaLabel") == "Copy the link"
    page.wait_for_selector(SIDE)
    page.click(".facet summary:has-text('More')")
    page.focus("textarea")
    page.keyboard.press("Control+V")
    assert page.input_value("textarea") == page.url


def test_link_of_a_picture_from_outside_says_that_it_does_not_go_along(look, site):
    page = staying(look())
    page.wait_for_selector(".starter img")
    page.set_input_files("[data-part=files]", sorted((site.pictures / "car").rglob("*.jpg"))[0])
    page.wait_for_selector(".grid.ranked .face.loaded")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("[aria-label='Copy the link']")
    page.wait_for_selector(".notice:has-text('in this browser only')")


def with_basket(look):
    page = staying(all_pictures(look))
    page.wait_for_selector(".face.loaded")
    for place in (0, 1):
        page.click(f".face >> nth={place}", modifiers=["Control"])
    page.click("[data-part=basket]")
    return page


def test_news_can_be_read_and_closed_over_a_dialog(look):
    page = with_basket(look)
    no = {"title": "No", "detail": "Three hundred fit on a sheet."}
    page.route("**/export", lambda route: route.fulfill(status=400, json=no))
    page.click("[data-form=sheet]")
    page.click(".notice:has-text('fit on a sheet') [aria-label=Close]")
    page.wait_for_selector(".notice.wrong", state="detached")
    page.click("dialog >> text=Empty")
    # What is read out stands where the dialog does not keep it back.
    assert page.locator("dialog[open] [data-part=told]").count() == 1
    page.click(".notice >> text=Undo")
    page.wait_for_selector("dialog[open] .thumbs li >> nth=1")
    page.keyboard.press("Escape")
    until(page, "document.querySelector('[data-part=notices]').parentElement === document.body")
    page.click("[data-part=help]")
    page.wait_for_selector(".help[open] [data-part=notices]", state="attached")
    page.keyboard.press("Escape")
    page.wait_for_selector(".help", state="detached")
    # They went out of it before it went.
    assert page.locator("body > [data-part=notices]").count() == 1


def test_export_that_takes_long_is_told_and_can_be_cancelled(look):
    page = with_basket(look)
    held = []
    page.route("**/export", lambda route: held.append(route))
    page.click("[data-form=zip]")
    page.click(".notice.working [aria-label=Cancel]")
    page.wait_for_selector(".notice.working", state="detached")
    page.wait_for_selector("[data-form=zip]:not(:disabled)")
    assert page.locator(".notice.wrong").count() == 0
    page.unroute("**/export")
    with page.expect_download() as download:
        page.click("[data-form=zip]")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert len(archive.namelist()) == 2


def test_export_is_named_after_what_is_in_it(look):
    page = with_basket(look)
    held = Held(page, "**/export")
    page.click("[data-form=txt]")
    held.wait()
    page.click("[aria-label^='Take picture'] >> nth=0")
    with page.expect_download() as download:
        held.let_go()
    assert download.value.suggested_filename == "photos-2.txt"


def test_one_try_at_a_time_however_often_it_is_pressed(look):
    from playwright.sync_api import Error

    page = look()
    page.add_init_script(COUNT_TRIES)
    page.reload()
    page.wait_for_selector(".starter img")
    held = []
    page.route("**/healthz", lambda route: held.append(route))
    page.route("**/search", lambda route: route.abort())
    page.click(".starter >> nth=0")
    for _ in range(6):
        page.click("[data-part=banner] >> text=Try now")
    assert page.evaluate("tries.most") == 1
    assert page.evaluate("tries.all") >= 1
    for pattern in ("**/search", "**/healthz"):
        page.unroute(pattern)
    for route in held:
        with suppress(Error):  # the page may have given one of them up
            route.fulfill(status=200, body="ok")
    page.wait_for_selector("[data-part=banner]", state="hidden")
    page.wait_for_selector(".grid.ranked .face.loaded")


def test_phone_without_pictures_is_not_asked_to_drop_any(look):
    page = look("", **PHONE)
    altered(page, "**/api/v1/galleries", lambda told: told["galleries"][0].update(images=0))
    altered(page, "**/api/v1/galleries/photos", lambda told: told.update(images=0))
    page.reload()
    page.wait_for_selector("text=This gallery is empty")
    assert page.inner_text(".zone p") == "Choose pictures, or take some, to add them."


def test_words_are_answered_where_the_encoder_knows_none(look):
    page = staying(look())
    page.wait_for_selector(".starter img")
    page.keyboard.press("/")
    page.keyboard.press("c")
    page.wait_for_selector(".notice:has-text('knows no words: search with a picture.')")
    with page.expect_file_chooser():
        page.click(".notice >> text=Choose one")
    page.goto(page.url.partition("#")[0] + "#p=id:1&p=text:a red car")
    page.wait_for_selector(".state:has-text('This gallery knows no words')")
    page.click("text=Search without words")
    page.wait_for_selector(".grid.ranked .face.loaded")
    assert page.locator(".card").count() == 1
    page.goto(page.url.partition("#")[0] + "#p=text:a red car")
    page.click(".state >> text=Start again")
    page.wait_for_selector(".starter img")


def test_panoramas_are_sharp_and_single_pixels_are_seen(look):
    page = look()
    names = ["far\u202egpj.exe.jpg", "dot.png"]

    def odd(told):
        for image, name, shape in zip(told["images"], names, ((4000, 800), (1, 1)), strict=False):
            image.update(path=name, width=shape[0], height=shape[1])

    altered(page, "**/photos/images?*", odd)
    page.goto(page.url + "#view=all")
    page.wait_for_selector(".face.loaded")
    faces = page.locator(".face")
    assert "side=1024" in faces.nth(0).locator("img").get_attribute("src")
    assert "side=256" in faces.nth(1).locator("img").get_attribute("src")
    # Nothing turns the direction of a name, which would read as another.
    assert faces.nth(0).get_attribute("title") == "far\ufffdgpj.exe.jpg"
    faces.nth(1).click()
    page.wait_for_selector("dialog.viewer[open] .view-stage img")
    assert page.locator(".view-stage .region").bounding_box()["width"] >= 160


def test_numbers_to_choose_from_are_in_order(look):
    page = look()

    def shuffled(told):
        for column in told["columns"]:
            if column["name"] == "number":
                column.update(kind="number", values=[5, 10, 2])

    altered(page, "**/api/v1/galleries/photos", shuffled)
    page.goto(page.url + "#view=all")
    page.reload()
    page.click("summary:has-text('number')")
    group = page.get_by_role("group", name="number")
    group.locator("label >> nth=2").wait_for()
    assert group.locator("label").all_inner_texts() == ["2", "5", "10"]


@pytest.fixture(scope="module")
def mapped(site):
    """The server, whose gallery has a map."""
    api = f"{site.url}api/v1"
    wish = urllib.request.Request(f"{api}/galleries/photos/map", b"{}", method="POST")
    wish.add_header("Content-Type", "application/json")
    job = told(wish)
    end = time.monotonic() + 180
    while job["state"] != "done":
        assert job["state"] in {"waiting", "running"}, job
        assert time.monotonic() < end, "the map was not drawn in 180 s"
        time.sleep(0.1)
        job = told(f"{api}/jobs/{job['job_id']}")
    return site


def told(asked) -> dict:
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer)


def test_map_tells_what_has_changed_since_it_was_drawn(look, mapped, tmp_path):
    from PIL import Image

    page = look("#view=map")
    page.wait_for_selector(".map-view .panel")
    assert page.inner_text(".map-view h2") == "photos"
    assert page.is_hidden(".map-age")
    Image.effect_noise((300, 200), 60).convert("RGB").save(tmp_path / "later.jpg")
    with page.expect_file_chooser() as chooser:
        page.click("[data-part=add]")
    chooser.value.set_files(tmp_path / "later.jpg")
    line = "1 newer picture is not on this map"
    page.wait_for_selector(f".map-age:has-text('{line}.')")
    last = f"{mapped.url}api/v1/galleries/photos/images/72"
    assert page.request.delete(last, headers={"Origin": mapped.url.rstrip("/")}).ok
    page.wait_for_selector(f".map-age:has-text('{line}, 1 on it is gone.')")
    # The server counts the same.
    page.reload()
    page.wait_for_selector(f".map-age:has-text('{line}, 1 on it is gone.')")
    page.focus(".map-view .stage")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Draw it again"
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.map-age')?.hidden === true")


def test_map_tells_what_changed_while_it_was_on_its_way(look, mapped):
    page = all_pictures(look)
    held = Held(page, "**/photos/map")
    page.keyboard.press("m")
    held.wait()
    counted = held.routes[0].fetch()
    gallery = f"{mapped.url}api/v1/galleries/photos"
    with page.expect_response(gallery):
        page.request.delete(f"{gallery}/images/71", headers={"Origin": mapped.url.rstrip("/")})
    held.answer(response=counted)
    page.wait_for_selector(".map-age:has-text('1 on it is gone.')")


def test_old_map_of_somebody_else_says_who_may_draw_it_again(look, mapped):
    page = look("#view=map")

    def old(told):
        stale = {"added": 3, "removed": 0, "changed": 2, "total": 5, "gone": []}
        told.update(stale=stale)

    altered(page, "**/photos/map", old)
    altered(page, "**/session", lambda told: told.update(can_write=False))
    page.reload()
    page.wait_for_selector(".map-age")
    assert page.inner_text(".map-age p") == (
        "3 newer pictures are not on this map, 2 on it have changed. "
        "Who may add pictures can have it drawn again."
    )
    assert page.locator("text=Draw it again").count() == 0
    page.click(".map-age [aria-label=Close]")
    page.wait_for_selector(".map-age", state="detached")
