"""The map of a gallery over HTTP: drawn by a job, kept, told with what changed since."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest

from lookalike.encoders import Encoder
from lookalike.errors import MissingExtra
from lookalike.gallery import Gallery
from lookalike.ingest import add_images, remove_images
from squares import encoded

pytest.importorskip("fastapi")


def drawn(served: Any, **wish: Any) -> dict[str, Any]:
    """Have the map drawn, and wait for the job's end."""
    begun = served.post(f"{served.base}/map", {"layout": "pca", **wish})
    assert begun.status == 202, begun.body
    address = begun.headers["location"]
    end = time.monotonic() + 60
    while (job := served.get(address).json())["state"] in {"waiting", "running"}:
        assert time.monotonic() < end
        time.sleep(0.02)
    found: dict[str, Any] = job
    return found


def told(served: Any) -> dict[str, Any]:
    reply = served.get(f"{served.base}/map")
    assert reply.status == 200, reply.body
    found: dict[str, Any] = reply.json()
    return found


def test_there_is_no_map_at_first(served: Any) -> None:
    reply = served.get(f"{served.base}/map")

    assert (reply.status, reply.json()["type"]) == (404, "/problems/no-map")
    assert served.get(served.base).json()["has_map"] is False


def test_a_map_is_not_drawn_behind_a_link(served: Any, tmp_path: Path) -> None:
    """A gallery may come from anywhere, links and all."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (served.gallery.path / "map").symlink_to(mine)
    reply = served.post(f"{served.base}/map", {"layout": "pca"})

    assert (reply.status, reply.json()["type"]) == (403, "/problems/gallery-read-only")
    assert "map in it is a link" in reply.json()["detail"]
    assert list(mine.iterdir()) == []


def test_a_map_is_drawn_and_told(served: Any) -> None:
    job = drawn(served, clusters=2)
    facts = told(served)

    assert (job["kind"], job["state"]) == ("map", "done")
    assert served.get(served.base).json()["has_map"] is True
    assert (job["result"]["images"], job["result"]["clusters"]) == (5, 2)
    assert facts["image_ids"] == [1, 2, 3, 4, 5]
    assert facts["names"] == ["blue.png", "grey.png", "orange.png", "red copy.png", "red.png"]
    assert (facts["count"], facts["of"]) == (5, 5)
    assert facts["columns"][0]["name"] == "cluster"
    none = {"added": 0, "removed": 0, "changed": 0, "total": 0, "gone": []}
    assert facts["stale"] == none


def test_a_map_without_any_wish(served: Any) -> None:
    pytest.importorskip("openTSNE")
    reply = served.request("POST", f"{served.base}/map")

    assert reply.status == 202


def test_a_map_is_packed_for_those_who_unpack(served: Any) -> None:
    drawn(served)
    plain = served.get(f"{served.base}/map")
    for accepted in ("gzip", "br, gzip;q=0.5", "*", "deflate,gzip, br"):
        packed = served.get(f"{served.base}/map", {"Accept-Encoding": accepted})
        assert packed.headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed.body) == plain.body
    for accepted in ("identity", "gzip;q=0", "br", "gzip;q=0.0, br", "gzipped"):
        reply = served.get(f"{served.base}/map", {"Accept-Encoding": accepted})
        assert "content-encoding" not in reply.headers
        assert reply.body == plain.body
    assert plain.headers["vary"] == "Accept-Encoding"


def test_a_map_is_not_sent_twice(served: Any, gallery: Gallery) -> None:
    drawn(served)
    tag = served.get(f"{served.base}/map").headers["etag"]

    assert served.get(f"{served.base}/map", {"If-None-Match": tag}).status == 304
    remove_images(gallery, [gallery.image(2)])
    assert served.get(f"{served.base}/map", {"If-None-Match": tag}).status == 200
    drawn(served)
    assert served.get(f"{served.base}/map", {"If-None-Match": tag}).status == 200


def test_what_changed_since_is_told(served: Any, gallery: Gallery, encoder: Encoder) -> None:
    drawn(served)
    remove_images(gallery, [gallery.image(2), gallery.image(4)])
    (served.photos / "new.png").write_bytes(encoded((7, 90, 9)))
    add_images(gallery, served.photos, encoder)

    assert told(served)["stale"] == {
        "added": 1, "removed": 2, "changed": 0, "total": 3, "gone": [1, 3],
    }  # fmt: skip
    drawn(served)
    assert told(served)["stale"]["total"] == 0
    assert told(served)["image_ids"] == [1, 3, 5, 6]


def test_a_picture_that_was_replaced_is_told(
    served: Any, gallery: Gallery, encoder: Encoder
) -> None:
    drawn(served)
    time.sleep(1.1)  # the catalog keeps seconds
    (served.photos / "grey.png").write_bytes(encoded((7, 90, 9)))
    add_images(gallery, served.photos, encoder)

    assert told(served)["stale"]["changed"] == 1


def test_a_map_of_a_sample(served: Any) -> None:
    drawn(served, most_images=3)
    facts = told(served)

    assert (facts["count"], facts["of"], len(facts["image_ids"])) == (3, 5, 3)
    assert facts["stale"]["total"] == 0


def test_a_map_outlives_the_server(served: Any, serve: Any) -> None:
    drawn(served)

    assert told(serve()) == told(served)


def test_the_gallery_does_not_mind_its_map(served: Any, gallery: Gallery) -> None:
    drawn(served)
    with gallery.writer() as writer:
        writer.commit(removed=[1, 2, 3])
        writer.compact()
    report = gallery.verify()

    assert report.is_clean
    assert report.leftovers == ()
    assert gallery.info().size_bytes > (gallery.path / "map" / "page.json").stat().st_size
    assert told(served)["stale"]["gone"] == [0, 1, 2]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"map_format": 2}', b"\xff\xfe", b"null"])
def test_a_damaged_map_is_none(served: Any, gallery: Gallery, content: bytes) -> None:
    drawn(served)
    (gallery.path / "map" / "page.json").write_bytes(content)

    assert served.get(f"{served.base}/map").status == 404
    drawn(served)
    assert served.get(f"{served.base}/map").status == 200


def test_a_missing_library_is_told_at_once(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from lookalike.evaluation.maps import layouts

    def missing(layout: str) -> None:
        raise MissingExtra("umap", f"The layout {layout!r}")

    monkeypatch.setattr(layouts, "layout_library", missing)
    reply = served.post(f"{served.base}/map", {"layout": "umap"})

    assert (reply.status, reply.json()["error"]) == (501, "MissingExtra")
    assert "lookalike[umap]" in reply.json()["detail"]


def test_a_wish_has_to_make_sense(served: Any) -> None:
    wishes: list[Any] = [
        {"layout": "spiral"}, {"clusters": 0}, {"clusters": 1e9}, {"perplexity": 0},
        {"most_images": 10**7}, {"seed": -1}, {"folder": "/etc"}, {"title": "x"}, [], "tsne",
        {"labels": "x" * 300},
    ]  # fmt: skip
    for wish in wishes:
        assert served.post(f"{served.base}/map", wish).status == 422, json.dumps(wish)


def test_a_column_that_is_not_there_fails_the_job(served: Any) -> None:
    job = drawn(served, labels="species")

    assert job["state"] == "failed"
    assert job["error"]["error"] == "UsageError"
    assert "species" in job["error"]["detail"]
    assert served.get(f"{served.base}/map").status == 404


def test_a_map_nobody_wants_is_not_drawn(gallery: Gallery, tmp_path: Path) -> None:
    from lookalike.evaluation.maps import MapWish
    from lookalike.server.jobs import Cancelled, JobHandle
    from lookalike.server.mapping import draw_map

    job = JobHandle("1", tell=lambda *_: None, is_unwanted=lambda: True)
    wish = MapWish(layout="pca", has_page=False, has_plot=False)
    with pytest.raises(Cancelled):
        draw_map(gallery, wish, job)

    assert not (gallery.path / "map" / "page.json").exists()
