"""``lookalike eval``: from labelled pictures to results, tables and a comparison."""

from __future__ import annotations

import json
import os
from contextlib import suppress

import pytest

from lookalike.cli.extras import install_line
from lookalike.evaluation.matrix import evaluating

RED, ORANGE = [(250, 0, 0), (250, 20, 0), (250, 40, 0)], [(250, 160, 0), (250, 180, 0)]


@pytest.fixture
def labelled(tmp_path, paint):
    """Two folders of pictures, each more like its own than like the other's."""
    for label, colours in (("red", RED), ("orange", ORANGE)):
        for number, colour in enumerate(colours):
            paint(tmp_path / "labelled" / label / f"{number}.png", colour)
    return tmp_path / "labelled"


@pytest.fixture(autouse=True)
def own_datasets(tmp_path, monkeypatch):
    """Keep the user's data sets out of it."""
    monkeypatch.setenv("LOOKALIKE_DATASETS", str(tmp_path / "datasets"))


def test_a_folder_of_folders_is_measured_and_written(lookalike, labelled, encoder, tmp_path):
    done = lookalike("eval", labelled, "--encoders", encoder, "--index", "flat,exact", "--k", "1")
    assert done.code == 0
    assert [line.split()[:2] for line in done.out.splitlines()[1:]] == [
        ["net", "flat"], ["net", "exact"],
    ]  # fmt: skip
    results = json.loads((tmp_path / "eval-labelled" / "results.json").read_text())
    assert [result["index"]["name"] for result in results] == ["flat", "exact"]
    assert results[0]["metrics"]["precision@1"]["mean"] == 1.0
    assert "precision@1" in (tmp_path / "eval-labelled" / "results.md").read_text()
    assert "net, flat: precision@1 1.0000 [1.0000, 1.0000], ap 1.0000" in done.err


def test_the_page_is_written_where_it_can_be_drawn(lookalike, labelled, encoder, tmp_path):
    pytest.importorskip("matplotlib")
    done = lookalike("eval", labelled, "--encoders", encoder, "--k", "1", "--out", "o")
    assert "Results: o/results.json, o/results.md, o/report.html" in done.err
    page = (tmp_path / "o" / "report.html").read_text()
    assert page.startswith("<!")
    assert "labelled" in page


def test_a_page_that_cannot_be_drawn_is_told_before_the_work(
    lookalike, labelled, encoder, tmp_path, monkeypatch
):
    monkeypatch.setattr("lookalike.evaluation.reports.figures.can_draw", lambda: False)
    done = lookalike("eval", labelled, "--encoders", encoder, "--report", "--out", "o")
    assert done.code == 1
    assert install_line("plot") in done.err
    assert not (tmp_path / "o").exists()


def test_json_goes_to_the_output_and_all_else_to_the_other(lookalike, labelled, encoder):
    done = lookalike("eval", labelled, "--encoders", encoder, "--k", "1", "--no-report", "--json")
    (result,) = json.loads(done.out)
    assert result["encoder"]["name"] == encoder
    assert lookalike("eval", labelled, "--encoders", encoder, "--no-report", "-q").out == ""


def test_again_measures_nothing(lookalike, labelled, encoder, tmp_path, monkeypatch):
    words = ("eval", labelled, "--encoders", encoder, "--k", "1", "--no-report")
    first = lookalike(*words)
    monkeypatch.setattr(evaluating, "measure", lambda *_, **__: pytest.fail("measured again"))
    assert lookalike(*words).out == first.out


def test_ctrl_c_says_what_is_kept(lookalike, labelled, encoder, monkeypatch):
    measure = evaluating.measure

    def interrupted(image_set, exact, built, wish, *, tell):
        if built.name == "exact":
            raise KeyboardInterrupt
        return measure(image_set, exact, built, wish, tell=tell)

    monkeypatch.setattr(evaluating, "measure", interrupted)
    words = ("eval", labelled, "--encoders", encoder, "--index", "flat,exact", "--no-report")
    done = lookalike(*words)
    assert done.code == 130
    assert "Interrupted with 1 result finished, and safe in eval-labelled" in done.err
    monkeypatch.setattr(evaluating, "measure", measure)
    assert lookalike(*words).code == 0


def test_a_gallery_is_measured_with_its_own_encoder(lookalike, labelled, encoder, tmp_path):
    lookalike("index", labelled, "--encoder", encoder)
    done = lookalike("eval", labelled / ".lookalike", "--k", "1", "--no-report")
    assert done.code == 0
    (result,) = json.loads((tmp_path / "eval-labelled" / "results.json").read_text())
    assert result["encoder"]["extraction_s"] is None
    assert result["metrics"]["precision@1"]["mean"] == 1.0
    assert "The labels are the gallery's column folder." in done.err
    done = lookalike("eval", labelled / ".lookalike", "--per-class", 2)
    assert done.code == 2
    assert "--per-class is for data sets, and SET is a gallery" in done.err


def test_a_labelled_folder_stays_one_when_it_has_been_indexed(lookalike, labelled, encoder):
    words = ("eval", labelled, "--encoders", encoder, "--k", "1", "--no-report", "--out")
    before = json.loads(lookalike(*words, "before", "--json").out)
    assert lookalike("index", labelled, "--encoder", encoder).code == 0
    after = json.loads(lookalike(*words, "after", "--per-class", 2, "--json").out)
    assert before[0]["set"]["images"] == 5
    assert after[0]["set"]["images"] == 4
    assert after[0]["set"]["root"] == before[0]["set"]["root"]


def test_an_encoder_that_cannot_be_loaded_leaves_the_others(lookalike, labelled, encoder, tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    words = ("--encoders", f"onnx:{tmp_path}/bad.onnx?size=4", "--encoders", encoder, "--k", "1")
    done = lookalike("eval", labelled, *words, "--no-report", "--out", "o")
    assert done.code == 0
    assert "bad.onnx?size=4 is left out: " in done.err
    assert len(json.loads((tmp_path / "o" / "results.json").read_text())) == 1


@pytest.mark.parametrize("words", ["nowhere", "labelled --encoders onnx:lost.onnx?size=4"])
def test_what_is_misspelled_leaves_no_folder(lookalike, labelled, tmp_path, words):
    done = lookalike("eval", *words.split(), "--out", "o/deep")
    assert done.code in {1, 2}
    assert done.out == ""
    assert not (tmp_path / "o").exists()


def test_too_few_queries_have_no_p_and_those_left_out_are_counted(
    lookalike, labelled, encoder, tmp_path
):
    words = ("--encoders", encoder, "--k", "1", "--no-report", "--out")
    lookalike("eval", labelled, *words, "all")
    lookalike("eval", labelled, *words, "some", "--queries", 4)
    done = lookalike("eval", "--compare", "all", "some")
    assert done.code == 0
    assert done.out.splitlines()[1].split()[-1] == "-"
    assert "Asked in the first result only, and left out: 1 query." in done.out


def test_states_of_a_set_that_differ_by_choice_are_told_apart(lookalike, labelled, encoder):
    words = ("--encoders", encoder, "--k", "1", "--no-report", "--out")
    lookalike("eval", labelled, *words, "all")
    lookalike("eval", labelled, *words, "few", "--per-class", 2)
    done = lookalike("eval", "--compare", "all", "few")
    assert "(5 pictures with 5 queries, and 4 pictures with 4 queries)" in done.err
    assert "--per-class chose others" in done.err


def test_many_ks_are_not_listed_whole(lookalike, labelled, encoder):
    words = ("eval", labelled, "--encoders", encoder, "--no-report", "--index", "hnsw", "--k")
    lookalike(*words, "1,2,3,4")
    done = lookalike(*words, ",".join(["1", "2", "3"] * 9))
    assert "k 1,2,3,4, now 1,2,3" in done.err


def test_two_results_are_compared(lookalike, labelled, encoder, tmp_path):
    words = ("--encoders", encoder, "--index", "flat,exact", "--k", "1", "--no-report")
    lookalike("eval", labelled, *words)
    (flat,) = tmp_path.glob("eval-labelled/labelled-*/*/flat.json")
    exact = flat.with_name("exact.json")
    done = lookalike("eval", "--compare", flat, exact)
    assert done.code == 0
    assert "ap of 5 queries: 0 rose, 0 fell, 5 stayed." in done.out
    assert not any(line.startswith("fpr") for line in done.out.splitlines())
    compared = json.loads(lookalike("eval", "--compare", flat, exact, "--json").out)
    assert compared["differences"]["ap"]["first"] == 1.0
    pytest.importorskip("matplotlib")
    assert lookalike("eval", "--compare", flat, exact, "--out", "moved.html").code == 0
    assert (tmp_path / "moved.html").read_text().startswith("<!")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("eval", "Say what to measure on"),
        ("eval nowhere", "No data set is at 'nowhere'"),
        ("eval labelled --k 9", "k is 9, but in the set labelled a query can find 4 pictures"),
        ("eval labelled --k 1,x", "--k is '1,x': give whole numbers"),
        ("eval labelled --index falt", "There is no index 'falt'"),
        ("eval labelled --index flat,flat", "'flat' is named twice"),
        ("eval labelled --labels colour", "colour"),
        ("eval labelled --encoders nothing-like-it", "nothing-like-it"),
        ("eval labelled --out labelled/red/0.png", "cannot take the results (it is a file)"),
        ("eval labelled --metric ap", "--metric goes with --compare"),
        ("eval labelled --compare a b", "SET was given as well"),
        ("eval --compare a b --k 1", "--k was given as well"),
        ("eval --compare a b", "The result"),
        ("eval --compare a b --out nowhere/x.html", "there is no folder"),
    ],
)
def test_what_cannot_be_done_is_said_on_one_line(lookalike, labelled, words, said):
    done = lookalike(*words.split())
    assert done.code in {1, 2}
    assert done.out == ""
    assert said in done.err
    assert done.err.count("\n") == 1


def test_one_class_or_one_picture_each_is_refused(lookalike, tmp_path, paint):
    paint(tmp_path / "one" / "red" / "0.png", RED[0])
    paint(tmp_path / "one" / "red" / "1.png", RED[1])
    done = lookalike("eval", "one")
    assert (done.code, done.err.count("\n")) == (2, 1)
    paint(tmp_path / "each" / "red" / "0.png", RED[0])
    paint(tmp_path / "each" / "blue" / "0.png", (0, 0, 250))
    done = lookalike("eval", "each")
    assert (done.code, done.err.count("\n")) == (2, 1)


def test_a_read_only_folder_is_told_before_the_work(lookalike, labelled, encoder, small_disk):
    disk = small_disk("size=1m,ro")
    done = lookalike("eval", labelled, "--encoders", encoder, "--out", disk / "o")
    assert (done.code, done.out) == (2, "")
    assert "read-only" in done.err.lower()


def test_a_full_disk_keeps_what_was_finished(lookalike, labelled, encoder, small_disk):
    disk = small_disk("size=4m")
    words = ("eval", labelled, "--encoders", encoder, "--no-report", "--out", disk / "o")
    assert lookalike(*words, "--index", "flat").code == 0
    with open(disk / "ballast", "wb", buffering=0) as ballast, suppress(OSError):
        while ballast.write(bytes(4096)):
            continue
    done = lookalike(*words, "--index", "flat,exact")
    assert done.code == 1
    assert "There is no room left" in done.err
    (disk / "ballast").unlink()
    (flat,) = disk.glob("o/labelled-*/*/flat.json")
    os.utime(flat, ns=(0, 0))
    assert lookalike(*words, "--index", "flat,exact").code == 0
    assert flat.stat().st_mtime_ns == 0


def test_file_names_of_any_bytes_reach_the_table(lookalike, tmp_path, paint, encoder):
    for label, colours in (("red\n", RED), (os.fsdecode(b"\xff"), ORANGE)):
        for number, colour in enumerate(colours):
            paint(tmp_path / "odd" / label / f"{number}.png", colour)
    done = lookalike("eval", "odd", "--encoders", encoder, "--k", "1", "--out", "o")
    assert done.code == 0
    (result,) = json.loads((tmp_path / "o" / "results.json").read_text())
    assert {each["label"] for each in result["classes"]} == {"red\n", "\udcff"}


def test_what_was_kept_is_told_and_measured_again_on_demand(
    lookalike, labelled, encoder, tmp_path, monkeypatch
):
    words = ("eval", labelled, "--encoders", encoder, "--no-report", "--out", "o")
    assert "kept from before" not in lookalike(*words).err
    more = lookalike(*words, "--index", "flat,exact")
    assert "1 result kept from before, 1 measured now; --fresh measures all again.\n" in more.err
    (flat,) = tmp_path.glob("o/labelled-*/*/flat.json")
    os.utime(flat, ns=(0, 0))
    fresh = lookalike(*words, "--index", "flat,exact", "--fresh")
    assert fresh.code == 0
    assert "kept from before" not in fresh.err
    assert flat.stat().st_mtime_ns > 0
    assert "kept" not in lookalike(*words, "-q").err
