"""The page: whole in itself, answers first, pictures framed, whatever names hold."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made_results import copied, made_comparison, made_result, matrix
from PIL import Image

from lookalike.errors import UsageError
from lookalike.evaluation.datasets.sets import ImageSet
from lookalike.evaluation.reports import write_comparison, write_report

pytest.importorskip("matplotlib")

EMPTY = {"meta", "input", "br", "img", "link", "hr"}
ODD = "<script>alert(1)</script> & \"q\" 'a'.png"


class Page(HTMLParser):
    """A page as a browser sees it: its elements, their attributes, what was left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.wrong: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def named(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def classed(self, name: str) -> list[dict[str, str]]:
        return [found for _, found in self.elements if name in found.get("class", "").split()]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def written(tmp_path: Path, results, **more) -> Page:
    file = write_report(results, tmp_path / "report.html", **more)
    return Page(file.read_text(encoding="utf-8"))


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The pictures that made results show, all but one."""
    root = tmp_path / "pictures"
    for name, colour in (("apple/0", "red"), ("kiwi/0", "green"), ("kiwi/1", "olive")):
        file = root / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (200, 100), colour).save(file)
    return root


def test_the_page_is_well_formed_and_says_what_was_measured_first(tmp_path: Path):
    page = written(tmp_path, matrix(3))

    assert not page.wrong
    assert not page.open
    assert (
        "200 pictures, 2 classes, each picture the query once; 3 encoders; 3 indexes." in page.text
    )
    first, second = page.text.index("Which encoder?"), page.text.index("Quality", 900)
    assert first < second
    assert {"Precision over K", "False-positive rate over K", "Recall@K against exact search",
            "Quality against the time of a query", "Latency, memory and build time",
            "Quality against speed"} <= set(page.words)  # fmt: skip


def test_nothing_is_loaded_from_elsewhere(tmp_path: Path, pictures: Path):
    page = written(tmp_path, [made_result(root=str(pictures))])

    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not page.named("link")
    assert not page.named("img")
    assert all("src" not in attributes for attributes in page.named("script"))
    links = [found.get("href", found.get("xlink:href", "#")) for _, found in page.elements]
    assert all(link.startswith("#") for link in links)
    assert set(re.findall(r"url\((?!#)([a-z]+):", text)) == {"data"}
    (policy,) = [found for found in page.named("meta") if "http-equiv" in found]
    assert policy["content"].startswith("default-src 'none'; img-src data:;")


def test_no_two_elements_share_a_name_and_every_reference_leads_somewhere(tmp_path: Path):
    page = written(tmp_path, [*matrix(2), made_result(set_name="animals")])

    names = [found["id"] for _, found in page.elements if "id" in found]
    assert len(names) == len(set(names))
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    links = set(re.findall(r'(?:href="|url\()#([\w.:-]+)', text))
    assert links
    assert links <= set(names)


def test_every_mean_stands_with_its_interval(tmp_path: Path):
    page = written(tmp_path, [made_result()])

    assert "0.700 0.680\u20130.720" in page.text
    assert "**" not in page.text


def test_pictures_are_small_framed_and_written_once(tmp_path: Path, pictures: Path):
    page = written(tmp_path, [made_result(root=str(pictures))])

    assert len(page.classed("query")) == 2
    assert len(page.classed("good")) == 4
    assert len(page.classed("bad")) == 2
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    shown = re.findall(r"\.(t\d+)\{background-image:url\(data:image/jpeg;base64,([^)]*)\)", text)
    assert [name for name, _ in shown] == ["t0", "t1", "t2"]
    picture = Image.open(io.BytesIO(base64.b64decode(shown[0][1])))
    assert picture.size == (120, 60)
    red, green, blue = picture.getpixel((60, 30))
    assert red > 240
    assert max(green, blue) < 15
    assert page.text.count("not readable now") == 2
    assert "hit 2, wrong: kiwi/1.png" in [found.get("aria-label") for _, found in page.elements]


def test_a_broken_picture_is_said_to_be_unreadable(tmp_path: Path, pictures: Path):
    (pictures / "apple/0.png").write_bytes(b"no picture")

    page = written(tmp_path, [made_result(root=str(pictures))])

    assert page.text.count("not readable now") == 4


def test_a_set_says_where_pictures_lie_and_what_they_show(tmp_path: Path, pictures: Path):
    image_set = ImageSet(
        name="fruit", root=pictures, images=("apple/0.png", "kiwi/0.png"),
        queries=("apple/0.png",), judgements={}, labels=("Apple", "Kiwi"), fingerprint="fruit-1",
    )  # fmt: skip

    page = written(tmp_path, [made_result()], sets={"fruit-1": image_set})

    assert {"Apple", "Kiwi", "1.png"} <= set(page.words)
    assert page.classed("t1")


def test_queries_of_words_show_their_words(tmp_path: Path, pictures: Path):
    image_set = ImageSet(
        name="fruit", root=pictures, images=("apple/0.png", "kiwi/0.png"),
        queries=("apple/0.png", "kiwi/0.png"), judgements={}, labels=None, fingerprint="fruit-1",
        captions=("an apple on a table", "half a kiwi"),
    )  # fmt: skip
    result = made_result()
    for k in (1, 5, 10, 20, 50):
        for name, value in (("recall", 0.5), ("hit_rate", 0.5), ("precision", 0.5 / k)):
            result["metrics"][f"{name}@{k}"] = {"mean": value, "low": value, "high": value}

    page = written(tmp_path, [result], sets={"fruit-1": image_set})

    assert {"an apple on a table", "its picture", "Recall over K"} <= set(page.words)
    assert "The one right picture is among the first 10 for 50 % of queries" in page.text
    assert "Precision over K" not in page.words


def test_names_are_text_whatever_they_hold(tmp_path: Path):
    result = made_result("timm:<b>&net", set_name=f"fruit {ODD}")
    result["worst"][0]["query"] = ODD
    result["worst"][0]["hits"][0]["path"] = "bad\udcff\n\u202egnp.jpg"
    result["classes"][0]["label"] = ODD

    page = written(tmp_path, [result])

    assert not page.wrong
    assert len(page.named("script")) == 1
    assert ODD in page.text
    assert "<b>&net" in page.text


def test_right_and_wrong_unknown_is_framed_as_neither(tmp_path: Path):
    result = made_result()
    for hit in result["worst"][0]["hits"]:
        hit["is_positive"] = None
    result["best"] = []

    page = written(tmp_path, [result])

    assert not page.classed("good")
    assert not page.classed("bad")
    assert len(page.classed("tile")) == 4


def test_a_thousand_classes_can_be_filtered(tmp_path: Path):
    result = made_result()
    result["classes"] = [
        {"label": f"n{n:04d}", "queries": 3, "metrics": {"precision@10": n / 1000}}
        for n in range(1000)
    ]

    page = written(tmp_path, [result])

    (field,) = page.named("input")
    assert field["placeholder"] == "Filter 1,000 rows"
    assert len(page.classed("shaded")) == 1000
    assert "Hardest class: n0000 , precision@10 0.000; easiest: n0999, 0.999." in page.text


def test_rows_and_lines_of_an_encoder_belong_together(tmp_path: Path):
    page = written(tmp_path, matrix(2, ("flat",)))

    rows = [found["data-series"] for found in page.named("tr") if "data-series" in found]
    assert rows[:2] == ["0", "1"]
    assert {"s0", "s1"} == {found["class"].split()[1] for found in page.classed("series")}


def test_without_labels_there_is_the_search_only(tmp_path: Path):
    result = copied(made_result(index="ivf"))
    result.update(metrics={}, classes=[], best=[], worst=[])

    page = written(tmp_path, [result])

    assert "Which encoder?" not in page.text
    assert "Precision over K" not in page.words
    assert "Recall@K against exact search" in page.words
    links = [found["href"] for found in page.named("a")]
    assert links == ["#c0-search", "#c0-cost", "#c0-measured"]


def test_what_could_not_be_measured_leaves_no_hole(tmp_path: Path):
    result = made_result(speed=None)
    result["encoder"].update(parameters=None, extraction_s=None, load_s=None)
    result["index"].update(
        latency_ms={"p50": None}, build_s=None, memory_bytes=None, batch_qps=None, ann_recall={}
    )
    result["metrics"]["ap"] = {"mean": None, "low": None, "high": None}

    page = written(tmp_path, [result])

    assert not page.wrong
    assert "Latency, memory and build time" not in page.words
    assert "None" not in page.text
    assert "nan" not in page.text.lower().split()


def test_each_protocol_of_a_revisited_set_has_its_numbers(tmp_path: Path):
    result = made_result()
    result["metrics"] = {
        f"{name}:{metric}": {**found, "mean": found["mean"] - step}
        for name, step in (("easy", 0.0), ("medium", 0.1), ("hard", 0.3))
        for metric, found in {**result["metrics"], "ap_trapezoid": result["metrics"]["ap"]}.items()
    }

    page = written(tmp_path, [result])

    assert {"Precision over K, easy", "Precision over K, hard"} <= set(page.words)
    assert "medium ap_trapezoid 0.500" in page.text


def test_several_sets_are_chapters(tmp_path: Path):
    page = written(tmp_path, [made_result(), made_result(set_name="animals")])

    assert [found["href"] for found in page.named("a")] == ["#c0", "#c1"]
    assert len(page.classed("chapter")) == 2
    assert "fruit and animals" in page.words


def test_both_themes_and_both_widths_are_there(tmp_path: Path):
    page = written(tmp_path, [made_result()])

    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "prefers-color-scheme:dark" in text
    assert "--ground:#ffffff" in text
    assert "--ground:#14161c" in text
    assert len(page.classed("wide")) == len(page.classed("narrow")) == len(page.classed("plot")) > 2


def test_equal_results_give_equal_pages(tmp_path: Path):
    first = write_report(matrix(2), tmp_path / "a.html")
    second = write_report(matrix(2), tmp_path / "b.html")

    assert first.read_bytes() == second.read_bytes()


def test_no_results_is_said(tmp_path: Path):
    with pytest.raises(UsageError, match="A report needs at least one result"):
        write_report([], tmp_path / "report.html")


def test_a_comparison_shows_the_verdict_the_differences_and_what_moved(
    tmp_path: Path, pictures: Path
):
    comparison = made_comparison()
    comparison["first"]["set"]["root"] = str(pictures)

    file = write_comparison(comparison, tmp_path / "compare.html")

    page = Page(file.read_text(encoding="utf-8"))
    assert not page.wrong
    assert not page.open
    assert "builtin against other" in page.words
    assert "a difference of 0.050 (0.020 to 0.080, p <\u00a00.002)" in "".join(page.words)
    assert {"Answered better now", "Answered worse now", "+0.500", "\u22120.500"} <= set(page.words)
    assert len(page.classed("strip")) == 4
    assert len(page.classed("t0")) == 4
    assert "answers 3 more queries, left out here" in page.text


def test_a_comparison_of_too_few_queries_says_so(tmp_path: Path, pictures: Path):
    comparison = made_comparison()
    comparison["first"]["set"]["root"] = str(pictures)
    for each in comparison["differences"].values():
        each["p"] = None

    file = write_comparison({**comparison, "queries": 4}, tmp_path / "compare.html")

    page = Page(file.read_text(encoding="utf-8"))
    assert not page.wrong
    assert "Too few queries to tell" in page.words
    assert "Below 10 queries neither bars nor means tell much" in page.text


def test_what_an_encoder_costs_has_its_units(tmp_path: Path):
    result = made_result()
    result["encoder"].update(load_s=0.25, extraction_s=90.0)
    assert "250 ms" in written(tmp_path, [result]).words
    assert "90 s" in written(tmp_path, [result]).words
    result["encoder"].update(load_s=2e-6)
    assert "time to load it" not in written(tmp_path, [result]).words
