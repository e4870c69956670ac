"""Images over HTTP: listed, told and removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lookalike.gallery import Gallery, ImageRecord
from served_pictures import IDS, ODD, address, listed, saved


def test_the_newest_images_come_first(served: Any) -> None:
    assert listed(served) == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]
    assert listed(served, "order=id&limit=3") == [1, 2, 3]


def test_pages_follow_one_another_to_the_end(served: Any) -> None:
    after, pages = "", []
    while after is not None:
        page = served.get(f"{served.base}/images?limit=4{after and f'&after={after}'}").json()
        pages.append([image["image_id"] for image in page["images"]])
        after = page["next_after"]

    assert pages == [[10, 9, 8, 7], [6, 5, 4, 3], [2, 1]]


def test_a_list_is_filtered(served: Any) -> None:
    assert listed(served, "where=format%3D'png'") == [6, 4, 1]
    assert listed(served, "where=ending%3D'jpg'&order=id&after=3") == [8, 10]


def test_a_sample_is_drawn_by_its_seed(served: Any) -> None:
    assert sorted(listed(served, "order=sample")) == list(range(1, 11))
    assert listed(served, "order=sample&limit=4&seed=7") == listed(
        served, "order=sample&limit=4&seed=7"
    )
    assert set(listed(served, "order=sample&where=format%3D'png'")) == {1, 4, 6}
    assert served.get(f"{served.base}/images?order=sample&limit=2").json()["next_after"] is None


def test_an_image_is_told_as_the_catalog_has_it(served: Any, gallery: Gallery) -> None:
    facts = served.get(address(served, "turned.jpg")).json()

    assert (facts["width"], facts["height"]) == (40, 60)
    assert facts["path"] == str(served.photos / "turned.jpg")
    assert facts["metadata"] == {"ending": "jpg"}
    names = {"path": facts.pop("name"), "metadata": facts["metadata"]}
    own = {**facts, **names}
    for missing in ("taken", "camera", "latitude", "longitude"):
        own.setdefault(missing, None)
    assert ImageRecord(**own) == gallery.image(IDS["turned.jpg"])


def test_a_name_that_is_no_unicode_arrives(served: Any) -> None:
    assert served.get(address(served, ODD)).json()["name"] == ODD


REFUSED = [
    ("limit=0", 422, "limit"),
    ("limit=501", 422, "limit"),
    ("limit=many", 422, "limit"),
    ("after=-1", 422, "after"),
    (f"after={2**63}", 422, "after"),
    ("order=best", 422, "order"),
    ("where=colr%3D1", 400, "colr"),
    ("where=%27", 400, "filter"),
    ("where=" + "x" * 5000, 400, "characters"),
    ("order=sample&after=3", 400, "sample"),
]


def test_a_list_that_makes_no_sense_is_refused(served: Any) -> None:
    for query, status, said in REFUSED:
        reply = served.get(f"{served.base}/images?{query}")
        assert reply.status == status, query
        assert reply.headers["content-type"] == "application/problem+json"
        assert said in reply.json()["detail"]


STRANGERS = {
    "999": 404, str(2**53 - 1): 404, str(2**53): 422, str(10**30): 422, "0": 422,
    "-1": 422, "1e3": 422, "one": 422, "%00": 422, "1%2F..%2F2": 404, "..%2F..%2Fetc": 404,
}  # fmt: skip


@pytest.mark.parametrize("what", ["", "/thumbnail", "/original", "/embedding"])
def test_what_is_no_image_is_refused(served: Any, what: str) -> None:
    for image_id, status in STRANGERS.items():
        reply = served.get(f"{served.base}/images/{image_id}{what}")
        assert reply.status == status, image_id
        assert reply.headers["content-type"] == "application/problem+json"


def test_what_is_no_gallery_is_refused(served: Any) -> None:
    for name in ("other", "..", "%2e%2e", "colours%2F..", "%00"):
        assert served.get(f"/api/v1/galleries/{name}/images/1/original").status == 404, name


def test_an_embedding_is_told_as_it_is_stored(served: Any, gallery: Gallery) -> None:
    told = served.get(address(served, "plain.jpg", "/embedding")).json()

    assert np.array_equal(np.float32(told["embedding"]), gallery.embedding(IDS["plain.jpg"]))
    assert told["fingerprint"] == gallery.space.fingerprint


def test_an_image_is_removed_and_its_file_stays(served: Any, gallery: Gallery) -> None:
    reply = served.delete(address(served, "plain.jpg"))

    assert (reply.status, reply.json()) == (200, {"removed": [IDS["plain.jpg"]], "missing": []})
    assert len(gallery) == 9
    assert (served.photos / "plain.jpg").exists()
    for what in ("", "/thumbnail", "/original", "/embedding"):
        assert served.get(address(served, "plain.jpg", what)).status == 404
    assert served.delete(address(served, "plain.jpg")).status == 404
    assert gallery.verify().is_clean


def test_several_images_are_removed(served: Any, gallery: Gallery) -> None:
    reply = served.post(f"{served.base}/images/remove", {"image_ids": [9, 3, 9, 77]})

    assert reply.json() == {"removed": [9, 3], "missing": [77]}
    assert listed(served, "order=id") == [1, 2, 4, 5, 6, 7, 8, 10]


def test_what_was_uploaded_is_deleted(served: Any, gallery: Gallery) -> None:
    sent = saved(Image.new("RGB", (9, 9), (9, 200, 9)), "PNG")
    added = served.post(f"{served.base}/images?wait=20&name=mine.png", body=sent, kind="image/png")
    assert added.status == 201, added.body
    newest = gallery.page(1, newest_first=True)[0]
    file = Path(gallery.absolute_path(newest))
    assert file.read_bytes() == sent

    assert served.delete(f"{served.base}/images/{newest.image_id}").status == 200
    assert not file.exists()
    assert gallery.verify().is_clean


SENSELESS: list[Any] = [
    {}, {"image_ids": []}, {"image_ids": ["../1"]}, {"image_ids": [1.5]}, {"image_ids": [0]},
    {"image_ids": [2**64]}, {"image_ids": 1}, {"image_ids": [True]}, {"image_ids": ["1"]},
    {"image_ids": [1], "also": 2}, [], None,
]  # fmt: skip


def test_what_to_remove_or_export_has_to_make_sense(served: Any, gallery: Gallery) -> None:
    for body in SENSELESS:
        for where in ("images/remove", "export"):
            assert served.post(f"{served.base}/{where}", body).status == 422, json.dumps(body)
    assert len(gallery) == 10
