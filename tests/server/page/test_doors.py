"""Who may come in, and which gallery is shown: tokens, read-only, several galleries, empty ones."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.heavy


def token_of(file, name: str) -> str:
    """Make a token that may only ask."""
    command = [sys.executable, "-m", "lookalike", "tokens", "add", name, "--file", str(file), "-q"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]


@pytest.fixture(scope="module")
def token_file(tmp_path_factory):
    return tmp_path_factory.mktemp("tokens") / "tokens.json"


@pytest.fixture(scope="module")
def token(token_file):
    return token_of(token_file, "reader")


@pytest.fixture(scope="module")
def site(drawn, token, token_file, tmp_path_factory, new_site):
    """A server of two galleries, one of them empty, that asks for a token."""
    from lookalike.encoders import load_encoder
    from lookalike.gallery import Gallery

    folder = tmp_path_factory.mktemp("doors")
    Gallery.create(folder / "empty", load_encoder("builtin").space).close()
    gallery, pictures = drawn
    options = ("--gallery", f"empty={folder / 'empty'}", "--token-file", str(token_file))
    server = new_site(gallery, pictures, folder / "server.log", options)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def inside(look, token):
    def opened(address: str = "", **options):
        page = look(address, **options)
        page.wait_for_selector(".sign-in[open]")
        page.fill("input[name=token]", token)
        page.keyboard.press("Enter")
        page.wait_for_selector(".sign-in", state="detached")
        return page

    return opened


def test_wrong_token_is_told(look, shot):
    page = look()
    page.wait_for_selector(".sign-in[open]")
    page.fill("input[name=token]", "lk_wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("#token-wrong:not(:empty)")
    assert "not known" in page.inner_text("#token-wrong")
    shot(page, "sign-in")


def test_reader_sees_nothing_to_write_with(inside):
    page = inside()
    page.wait_for_selector(".starter img")
    assert page.locator("[data-part=add]").is_hidden()
    page.reload()  # the cookie lets in again
    page.click("text=Browse all 72 pictures")
    page.click(".face >> nth=0")
    page.wait_for_selector("text=Open original")
    assert page.locator("text=Remove from gallery").count() == 0


def test_galleries_are_switched(inside, shot):
    page = inside("#p=id:3")
    page.wait_for_selector(".grid.ranked .face.loaded")
    page.select_option("[data-part=galleries]", "empty")
    page.wait_for_selector("text=This gallery is empty")
    assert "g=empty" in page.url
    shot(page, "empty")
    page.go_back()
    page.wait_for_selector(".grid.ranked .face.loaded")
    assert page.input_value("[data-part=galleries]") == "photos"


def test_unknown_gallery_is_told(inside):
    page = inside("#g=nowhere")
    page.wait_for_selector(".notice.wrong")
    assert "nowhere" in page.inner_text(".notice.wrong")
    page.wait_for_selector(".starter img")
